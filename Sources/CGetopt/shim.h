// getopt_long(3), which Swift's module of glibc leaves out, with its global variables as a result:
// Swift takes them for what they are, state that threads share.
#pragma once
#include <getopt.h>
#include <stdbool.h>

/// What one call found.
struct getopt_step {
    /// What getopt_long returned: an option's code, ':' or '?' for a mistake, -1 at the end.
    int result;
    /// The value of the option; NULL: none.
    const char *value;
    /// The option that a mistake is about; 0: a name that none has.
    int mistaken;
    /// Where the argument behind this one is.
    int next;
};

/// Reads on in the arguments, or begins. Of one list at a time, on one thread.
static inline struct getopt_step getopt_next(int count, char *const *arguments, const char *letters,
                                             const struct option *options, bool begins) {
    if (begins) optind = 0;
    opterr = optopt = 0;
    int result = getopt_long(count, arguments, letters, options, 0);
    return (struct getopt_step){result, optarg, optopt, optind};
}
