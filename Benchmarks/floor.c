// floor: the leanest epoll WebSocket echo and broadcast server, as the yardstick for what the
// kernel costs.
//
//     cc -O3 -march=native -o floor floor.c && ./floor 9000        paths /echo… and /broadcast…
//
// One thread, one recv and one send per readiness, replies compacted in place (a server frame is 4
// bytes shorter than the masked frame it answers), broadcasts gathered per tick. It trusts its
// peer: no UTF-8 check, no fragments, no limits, no timeouts, no close accounting. A real server
// can't do less; it should not cost much more.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECV = 512 << 10, BATCH = 64 << 10, BIG = 64 << 10 };
enum { HTTP, ECHO, BROADCAST };

typedef struct {
    int fd, state, member, writing, doomed;
    uint8_t *in;
    size_t in_len, in_cap; // an incomplete frame
    uint8_t *out;
    size_t out_off, out_len, out_cap; // what the socket did not take
} Conn;

static uint8_t receive_buffer[RECV + 64];
static uint8_t *batch;
static size_t batch_len, batch_cap;
static Conn *members[20000];
static int member_count;
static Conn *dead[20000];
static int dead_count;
static int ep;

static uint32_t rol(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void sha1_block(uint32_t h[5], const uint8_t *p) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) f = (b & c) | (~b & d), k = 0x5a827999;
        else if (i < 40) f = b ^ c ^ d, k = 0x6ed9eba1;
        else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        else f = b ^ c ^ d, k = 0xca62c1d6;
        uint32_t t = rol(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rol(b, 30), b = a, a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

static void accept_key(const char *key, char out[29]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t m[128] = {0}, d[21] = {0};
    memcpy(m, key, 24), memcpy(m + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36), m[60] = 0x80;
    m[126] = (60 * 8) >> 8, m[127] = (60 * 8) & 255;
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    sha1_block(h, m), sha1_block(h, m + 64);
    for (int i = 0; i < 20; i++) d[i] = h[i / 4] >> (24 - 8 * (i % 4));
    for (int i = 0, o = 0; i < 21; i += 3) {
        uint32_t v = d[i] << 16 | d[i + 1] << 8 | d[i + 2];
        for (int s = 18; s >= 0; s -= 6) out[o++] = digits[v >> s & 63];
    }
    out[27] = '=', out[28] = 0;
}

static void watch(Conn *c, int writing) {
    if (c->writing == writing) return;
    c->writing = writing;
    struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void drop(Conn *c) {
    if (c->doomed) return;
    c->doomed = 1;
    close(c->fd);
    if (c->member >= 0)
        members[c->member] = members[--member_count], members[c->member]->member = c->member;
    dead[dead_count++] = c;
}

static void put(Conn *c, const uint8_t *p, size_t n) {
    ssize_t sent = 0;
    if (c->doomed) return;
    if (!c->out_len && (sent = send(c->fd, p, n, MSG_NOSIGNAL)) == (ssize_t)n) return;
    if (sent < 0) {
        if (errno != EAGAIN) {
            drop(c);
            return;
        }
        sent = 0;
    }
    p += sent, n -= sent;
    if (c->out_off + c->out_len + n > c->out_cap) {
        size_t cap = (c->out_len + n) * 2;
        uint8_t *b = malloc(cap);
        memcpy(b, c->out + c->out_off, c->out_len);
        free(c->out), c->out = b, c->out_cap = cap, c->out_off = 0;
    }
    memcpy(c->out + c->out_off + c->out_len, p, n), c->out_len += n;
    watch(c, 1);
}

static void flush(Conn *c) {
    ssize_t n = send(c->fd, c->out + c->out_off, c->out_len, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN) drop(c);
        return;
    }
    c->out_off += n, c->out_len -= n;
    if (!c->out_len) c->out_off = 0, watch(c, 0);
}

static void publish(void) {
    for (int i = member_count - 1; i >= 0; i--) put(members[i], batch, batch_len);
    batch_len = 0;
}

static uint8_t *write_header(uint8_t *d, uint8_t b0, size_t n) {
    *d++ = b0;
    if (n < 126) *d++ = n;
    else if (n < 65536) *d++ = 126, *d++ = n >> 8, *d++ = n;
    else {
        uint64_t x = __builtin_bswap64(n);
        *d++ = 127;
        memcpy(d, &x, 8), d += 8;
    }
    return d;
}

static void unmask(uint8_t *d, const uint8_t *s, size_t n,
                   uint32_t mask) { // d at or below s; blocks vectorise
    typedef uint64_t block __attribute__((vector_size(32), aligned(1), may_alias));
    uint64_t m = (uint64_t)mask << 32 | mask;
    size_t i = 0;
    block mm = {m, m, m, m};
    for (; i + 32 <= n; i += 32) {
        block v = *(const block *)(s + i) ^ mm;
        *(block *)(d + i) = v;
    }
    for (; i + 8 <= n; i += 8) {
        uint64_t v;
        memcpy(&v, s + i, 8);
        v ^= m;
        memcpy(d + i, &v, 8);
    }
    for (; i < n; i++) d[i] = s[i] ^ ((uint8_t *)&m)[i & 7];
}

static void keep(Conn *c, const uint8_t *p, size_t n, size_t want) {
    if (want < n) want = n;
    if (c->in_cap < want) {
        uint8_t *b = malloc(want);
        memcpy(b, p, n);
        free(c->in);
        c->in = b, c->in_cap = want;
    } else memmove(c->in, p, n);
    c->in_len = n;
}

static int upgrade(Conn *c, uint8_t **p, size_t *n) {
    char *s = (char *)*p, *end = memmem(s, *n, "\r\n\r\n", 4), *key, accept[29], reply[256];
    if (!end) {
        keep(c, *p, *n, 0);
        return 0;
    }
    key = strcasestr(s, "\r\nsec-websocket-key:");
    if (!key || key > end || memcmp(s, "GET /", 5)) {
        drop(c);
        return 0;
    }
    for (key += 20; *key == ' '; key++) {}
    accept_key(key, accept);
    int k = snprintf(reply, sizeof reply,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                     accept);
    put(c, (uint8_t *)reply, k);
    c->state = !memcmp(s + 4, "/broadcast", 10) ? BROADCAST : ECHO;
    if (c->state == BROADCAST) {
        if (batch_len) publish();
        c->member = member_count, members[member_count++] = c;
    }
    *n -= end + 4 - s, *p += end + 4 - s;
    return 1;
}

static void readable(Conn *c) {
    uint8_t *b = receive_buffer;
    size_t have = c->in_len, room = RECV, want = 0;
    if (c->in_cap > BIG && c->in_len)
        b = c->in, room = c->in_cap; // a large message grows where it lies
    else if (have) memcpy(b, c->in, have);
    ssize_t r = recv(c->fd, b + have, room - have, 0);
    if (r <= 0) {
        if (!(r < 0 && errno == EAGAIN)) drop(c);
        return;
    }
    have += r, c->in_len = 0;
    if (c->state == HTTP && !upgrade(c, &b, &have)) return;
    uint8_t *p = b, *end = b + have, *out = b;
    while (end - p >= 6) {
        size_t n = p[1] & 127, h = 6;
        int op = p[0] & 15;
        uint32_t mask;
        if (n == 126) {
            if (end - p < 8) break;
            n = p[2] << 8 | p[3], h = 8;
        } else if (n == 127) {
            uint64_t x;
            if (end - p < 14) break;
            memcpy(&x, p + 2, 8), n = __builtin_bswap64(x), h = 14;
        }
        if ((size_t)(end - p) < h + n) {
            want = h + n;
            break;
        }
        memcpy(&mask, p + h - 4, 4);
        if (c->state == BROADCAST && op < 8) {
            if (batch_len + n + 10 > batch_cap)
                batch = realloc(batch, batch_cap = batch_len + n + BATCH * 2);
            uint8_t *d = write_header(batch + batch_len, p[0], n);
            unmask(d, p + h, n, mask), batch_len = d + n - batch;
            if (batch_len > BATCH) publish();
        } else if (op != 10) {
            uint8_t *d = write_header(out, op == 9 ? 0x8a : p[0], n);
            unmask(d, p + h, n, mask), out = d + n;
        }
        p += h + n;
        if (op == 8) {
            put(c, b, out - b);
            if (!c->doomed) shutdown(c->fd, SHUT_WR);
            return;
        }
    }
    if (out > b) put(c, b, out - b);
    if (end > p && !c->doomed) keep(c, p, end - p, want);
}

int main(int argc, char **argv) {
    int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(argc > 1 ? atoi(argv[1]) : 9000),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN}, events[1024];
    signal(SIGPIPE, SIG_IGN);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(l, (void *)&a, sizeof a) || listen(l, 4096)) return perror("floor"), 1;
    ep = epoll_create1(EPOLL_CLOEXEC), epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
    batch = malloc(batch_cap = BATCH * 4);
    for (;;) {
        int n = epoll_wait(ep, events, 1024, -1);
        for (int i = 0; i < n; i++) {
            Conn *c = events[i].data.ptr;
            if (!c) {
                for (int fd; (fd = accept4(l, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
                    c = calloc(1, sizeof *c), c->fd = fd, c->member = -1;
                    e.events = EPOLLIN, e.data.ptr = c, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                }
                continue;
            }
            if (!c->doomed && events[i].events & EPOLLOUT) flush(c);
            if (!c->doomed && events[i].events & ~EPOLLOUT) readable(c);
        }
        if (batch_len) publish();
        while (dead_count) {
            Conn *c = dead[--dead_count];
            free(c->in), free(c->out), free(c);
        }
    }
}
