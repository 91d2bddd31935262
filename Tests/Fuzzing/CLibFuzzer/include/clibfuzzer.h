// The entry point of libFuzzer for a program with a main of its own; the sanitizer's run-time
// library, which `-sanitize=fuzzer` links, defines it. No header of the toolchain declares it.
#ifndef CLIBFUZZER_H
#define CLIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

// Runs `body` on inputs until the arguments, which are libFuzzer's, say it is enough.
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*body)(const uint8_t *, size_t));

#endif
