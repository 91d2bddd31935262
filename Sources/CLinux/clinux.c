// What of Linux needs GNU extensions to be declared; the header says why it is apart.

#define _GNU_SOURCE
#include "clinux.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>

int linux_accept(int listener, struct sockaddr_storage *peer)
{
    socklen_t length = sizeof *peer;
    return accept4(listener, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int linux_usable_cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

bool linux_tcp_info(int socket, uint32_t *retransmits, uint32_t *round_trip)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return false;
    *retransmits = info.tcpi_total_retrans;
    *round_trip = info.tcpi_rtt;
    return true;
}

void linux_name_thread(const char *name)
{
    pthread_setname_np(pthread_self(), name);
}
