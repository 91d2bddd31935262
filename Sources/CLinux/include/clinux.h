// System calls and constants of Linux that Swift's Glibc module does not import. What needs GNU
// extensions is in clinux.c: with them, headers would differ from those of the Glibc module.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/// Accepts a connection as a non-blocking descriptor that programs started later do not inherit.
int linux_accept(int listener, struct sockaddr_storage *peer);

/// How many CPUs this process may run on; at least 1.
int linux_usable_cpu_count(void);

/// Retransmits in all and the smoothed round trip in microseconds; false: not a TCP socket.
bool linux_tcp_info(int socket, uint32_t *retransmits, uint32_t *round_trip);

/// Names the calling thread, as tools show it: at most 15 bytes.
void linux_name_thread(const char *name);
