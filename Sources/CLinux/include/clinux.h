// System calls and constants of Linux that Swift's Glibc module does not import. What needs GNU
// extensions is in clinux.c: with them, headers would differ from those of the Glibc module.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

// What is called for each message and connection, straight from the kernel. The C library's
// functions are places where a thread may be cancelled: in a process with threads each of them
// notes that before and after, by some forty instructions, two of them locked. No thread of ours is
// ever cancelled.

/// As recv(2) without flags.
static inline ssize_t linux_receive(int socket, void *bytes, size_t count) {
  return syscall(SYS_recvfrom, socket, bytes, count, 0, NULL, NULL);
}

/// As send(2).
static inline ssize_t linux_send(int socket, const void *bytes, size_t count, int flags) {
  return syscall(SYS_sendto, socket, bytes, count, flags, NULL, 0);
}

/// As sendmsg(2).
static inline ssize_t linux_send_message(int socket, const struct msghdr *message, int flags) {
  return syscall(SYS_sendmsg, socket, message, flags);
}

/// As epoll_wait(2).
static inline int linux_epoll_wait(
    int poller, struct epoll_event *events, int maximum_count, int timeout) {
  return (int)syscall(SYS_epoll_pwait, poller, events, maximum_count, timeout, NULL, 0);
}

/// As close(2).
static inline int linux_close(int descriptor) { return (int)syscall(SYS_close, descriptor); }

/// Accepts a connection as a non-blocking descriptor that programs started later do not inherit.
int linux_accept(int listener, struct sockaddr_storage *peer);

/// How many CPUs this process may run on; at least 1.
int linux_usable_cpu_count(void);

/// Retransmits in all and the smoothed round trip in microseconds; false: not a TCP socket.
bool linux_tcp_info(int socket, uint32_t *retransmits, uint32_t *round_trip);

/// Names the calling thread, as tools show it: at most 15 bytes.
void linux_name_thread(const char *name);

/// Descriptors that one message carries at most.
#define LINUX_MAXIMUM_DESCRIPTORS 253

/// Sends copies of descriptors in one message, which says how many they are; false: errno.
bool linux_send_descriptors(int socket, const int *descriptors, int count);

/// Receives one such message: returns how many descriptors it carried, of which those that this
/// process could not have are -1; 0 at the end, -1 if there is no message. Programs started later
/// do not inherit them.
int linux_receive_descriptors(int socket, int descriptors[LINUX_MAXIMUM_DESCRIPTORS]);

/// Makes a file in memory, which programs started later do not inherit; -1: errno.
int linux_memory_file(const char *name);

/// Makes a file in memory one that nobody can change any more.
bool linux_seal(int file);

/// Whether it is a stream socket with somebody at its other end, or that had.
bool linux_is_connection(int descriptor);
