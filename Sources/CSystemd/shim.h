// What wsrelay uses of libsystemd, and what Swift's module of glibc leaves out.
#pragma once
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

// glibc declares these only under _GNU_SOURCE, which Swift does not define.
extern const char *strerrorname_np(int number);
extern int pthread_setname_np(pthread_t thread, const char *name);
