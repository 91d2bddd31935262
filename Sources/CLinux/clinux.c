// What of Linux needs GNU extensions to be declared; the header says why it is apart.

#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

int linux_accept(int listener, struct sockaddr_storage *peer)
{
    socklen_t length = sizeof *peer;
    return (int)syscall(
        SYS_accept4, listener, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
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

// Room for the descriptors of one message, aligned as the kernel wants it.
union descriptor_message {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(LINUX_MAXIMUM_DESCRIPTORS * sizeof(int))];
};

bool linux_send_descriptors(int socket, const int *descriptors, int count)
{
    union descriptor_message control;
    uint32_t number = (uint32_t)count;
    struct iovec data = {.iov_base = &number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (count < 1 || count > LINUX_MAXIMUM_DESCRIPTORS) {
        errno = EINVAL;
        return false;
    }
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof number;
}

int linux_receive_descriptors(int socket, int descriptors[LINUX_MAXIMUM_DESCRIPTORS])
{
    union descriptor_message control;
    uint32_t number = 0;
    struct iovec data = {.iov_base = &number, .iov_len = sizeof number};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length <= 0)
        return (int)length;
    size_t received = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t size = header->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors + received, CMSG_DATA(header), size);
        received += size / sizeof(int);
    }
    // Whoever may not have so many descriptors is given fewer without another word.
    size_t sent = number;
    if (length != (ssize_t)sizeof number || sent > LINUX_MAXIMUM_DESCRIPTORS || sent < received)
        sent = received;
    for (size_t index = received; index < sent; index++)
        descriptors[index] = -1;
    return (int)sent;
}

int linux_memory_file(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

bool linux_seal(int file)
{
    return fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
}

bool linux_is_connection(int descriptor)
{
    int value = 0;
    socklen_t length = sizeof value;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &value, &length) != 0 || value != SOCK_STREAM)
        return false;
    length = sizeof value;
    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 0;
}
