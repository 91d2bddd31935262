/* wsload - a load generator for WebSocket (RFC 6455) servers.
 *
 *   cc -O3 -march=native -o wsload wsload.c -lz        (or make -C Benchmarks)
 *
 * Longer than 450 lines because one file can be taken to any machine and compiled with one command.
 *
 * One thread, edge-triggered epoll, its own client codec. Modes:
 *   echo       closed loop: N connections, D messages in flight on each
 *   broadcast  closed loop (window per publisher) or a fixed rate; checks order, gaps, duplicates
 *   latency    open loop at a fixed rate, measured from the scheduled send time
 *   idle       holds N open connections and reports server memory per connection
 *   churn      connect, handshake, one message, clean close, again
 *
 * The figure to compare is the server's CPU time per message (--server-pid), between runs in which
 * the core was equally fast (--server-cpu measures that before and after each run).
 *
 * How it stays honest: every echoed byte is compared with what was sent, every broadcast delivery
 * is checked for publisher sequence and content, Sec-WebSocket-Accept is verified, frames must be
 * legal, and at the end whatever is still in flight is drained and counted as lost if it never
 * arrives.
 *
 * How it stays fast: in echo mode a small pool of masked frames (each with its own random key and
 * payload) is laid out back to back, so a batch of messages is one send() straight from the pool,
 * and the reply stream of a well-behaved server is byte for byte a second precomputed pool, so
 * checking it is one memcmp. Anything else (fragments, control frames, odd framing) takes the
 * general parser. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define NS 1000000000ull
#define RBUF (512 * 1024) /* one shared read buffer */
#define BHEAD 20          /* broadcast payload header: '#', 3 publisher, 6 sequence, 10 time */
#define RING 65536        /* broadcast: per publisher delivery counters */
#define FIFO 4096         /* latency echo: scheduled times in flight per connection */

enum mode { M_ECHO, M_BROADCAST, M_LATENCY, M_IDLE, M_CHURN };
enum st { S_FREE, S_CONNECT, S_HANDSHAKE, S_OPEN, S_CLOSING, S_DEAD };

/* ---------------------------------------------------------------- options */

static struct {
    enum mode mode;
    const char *host, *path, *pub_path, *subproto, *header, *label;
    int port, conns, size, depth, subs, pubs, window, ramp, spin;
    double duration, warmup, rate, hold, frac, stall;
    bool text, mixed, any_opcode, json, tree, deflate, nct, ignore_other, client_fin, pub_sink,
        kind_broadcast;
    int self; /* does a publisher get its own message: 1, 0, -1 find out */
    int server_pid, server_cpu, srcs;
} o = {.host = "127.0.0.1",
       .path = "/",
       .port = 8080,
       .conns = 100,
       .size = 64,
       .depth = 1,
       .subs = 1000,
       .pubs = 1,
       .window = 8,
       .ramp = 64,
       .duration = 5,
       .warmup = 1,
       .frac = 1,
       .hold = 5,
       .self = -1,
       .server_cpu = -1,
       .stall = 3,
       .label = ""};

/* ---------------------------------------------------------------- small tools */

static inline u64 now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * NS + (u64)t.tv_nsec;
}
static void die(const char *f, ...) {
    va_list a;
    va_start(a, f);
    fprintf(stderr, "wsload: ");
    vfprintf(stderr, f, a);
    fputc('\n', stderr);
    exit(2);
}
static void *xalloc(size_t n) {
    void *p = calloc(1, n ? n : 1);
    if (!p) die("out of memory (%zu bytes)", n);
    return p;
}
static u64 rng_s[2];
static u64 rnd(void) { /* xorshift128+ */
    u64 a = rng_s[0], b = rng_s[1];
    rng_s[0] = b;
    a ^= a << 23;
    rng_s[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return rng_s[1] + b;
}
static void rnd_seed(void) {
    FILE *f = fopen("/dev/urandom", "r");
    if (!f || fread(rng_s, 8, 2, f) != 2) rng_s[0] = now_ns(), rng_s[1] = 88172645463325252ull;
    if (f) fclose(f);
}

/* SHA-1 and base64, only for Sec-WebSocket-Accept */
static void sha1(const u8 *d, size_t n, u8 out[20]) {
    u32 h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    u8 m[192] = {0};
    size_t blocks = (n + 8) / 64 + 1;
    memcpy(m, d, n);
    m[n] = 0x80;
    for (int i = 0; i < 8; i++) m[blocks * 64 - 1 - i] = (u8)((u64)n * 8 >> (8 * i));
    for (size_t b = 0; b < blocks; b++) {
        u32 w[80];
        for (int i = 0; i < 16; i++) {
            const u8 *p = m + b * 64 + i * 4;
            w[i] = (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++) {
            u32 x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
            w[i] = x << 1 | x >> 31;
        }
        u32 a = h[0], bb = h[1], c = h[2], dd = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            u32 f, k;
            if (i < 20) f = (bb & c) | (~bb & dd), k = 0x5A827999;
            else if (i < 40) f = bb ^ c ^ dd, k = 0x6ED9EBA1;
            else if (i < 60) f = (bb & c) | (bb & dd) | (c & dd), k = 0x8F1BBCDC;
            else f = bb ^ c ^ dd, k = 0xCA62C1D6;
            u32 t = (a << 5 | a >> 27) + f + e + k + w[i];
            e = dd, dd = c, c = bb << 30 | bb >> 2, bb = a, a = t;
        }
        h[0] += a, h[1] += bb, h[2] += c, h[3] += dd, h[4] += e;
    }
    for (int i = 0; i < 20; i++) out[i] = (u8)(h[i / 4] >> (24 - 8 * (i % 4)));
}
static void base64(const u8 *d, int n, char *out) {
    static const char t[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < n; i += 3) {
        u32 v = (u32)d[i] << 16 | (i + 1 < n ? d[i + 1] << 8 : 0) | (i + 2 < n ? d[i + 2] : 0);
        *out++ = t[v >> 18], *out++ = t[v >> 12 & 63];
        *out++ = i + 1 < n ? t[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? t[v & 63] : '=';
    }
    *out = 0;
}
#define KEYS 256
static char ws_key[KEYS][32], ws_accept[KEYS][32];
static void make_keys(void) {
    for (int i = 0; i < KEYS; i++) {
        u64 r[2] = {rnd(), rnd()};
        u8 h[20];
        char cat[80];
        base64((u8 *)r, 16, ws_key[i]);
        int n = snprintf(cat, sizeof cat, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", ws_key[i]);
        sha1((u8 *)cat, (size_t)n, h);
        base64(h, 20, ws_accept[i]);
    }
}

/* log-linear histogram, 64 steps per power of two (under 1.6 % error) */
static u64 hist[64 * 64], hist_n, hist_max;
static inline void hist_add(u64 v) {
    int i;
    if (v < 64) i = (int)v;
    else {
        int msb = 63 - __builtin_clzll(v);
        i = (msb - 5) * 64 + (int)(v >> (msb - 6) & 63);
    }
    hist[i]++, hist_n++;
    if (v > hist_max) hist_max = v;
}
static double hist_q(double q) { /* microseconds */
    u64 want = (u64)(q * (double)hist_n), seen = 0;
    if (want >= hist_n) return (double)hist_max / 1e3;
    for (int i = 0; i < 64 * 64; i++)
        if ((seen += hist[i]) > want) {
            double v = i < 64 ? i
                              : (double)((64ull + (i & 63)) << (i / 64 - 1)) +
                                    (double)(1ull << (i / 64 - 1)) / 2;
            return v > (double)hist_max ? (double)hist_max / 1e3 : v / 1e3;
        }
    return (double)hist_max / 1e3;
}

/* ---------------------------------------------------------------- the server's CPU time */

struct cpu {
    double exec_us, user_us, sys_us; /* exec: from the scheduler, exact; user/sys: from ticks */
    u64 rss_kb, hwm_kb, threads, procs;
    double core_busy, core_soft, core_steal, core_total; /* of one core, ticks */
};
static int pids[4096], n_pids;
static void find_pids(int root, bool tree) {
    n_pids = 0;
    pids[n_pids++] = root;
    if (!tree) return;
    static struct {
        int pid, ppid;
    } all[32768];
    int n = 0;
    DIR *d = opendir("/proc");
    struct dirent *e;
    while (d && (e = readdir(d)) && n < 32768) {
        int pid = atoi(e->d_name), ppid;
        char p[64], b[512], *q;
        if (pid <= 0) continue;
        snprintf(p, sizeof p, "/proc/%d/stat", pid);
        FILE *f = fopen(p, "r");
        if (!f) continue;
        size_t k = fread(b, 1, sizeof b - 1, f);
        fclose(f);
        b[k] = 0;
        if ((q = strrchr(b, ')')) && sscanf(q + 2, "%*c %d", &ppid) == 1)
            all[n].pid = pid, all[n++].ppid = ppid;
    }
    if (d) closedir(d);
    for (int i = 0; i < n_pids; i++)
        for (int j = 0; j < n && n_pids < 4096; j++)
            if (all[j].ppid == pids[i]) pids[n_pids++] = all[j].pid;
}
static struct cpu cpu_sample(void) {
    struct cpu c = {0};
    double tick = 1e6 / (double)sysconf(_SC_CLK_TCK);
    if (o.server_pid) find_pids(o.server_pid, o.tree);
    for (int i = 0; o.server_pid && i < n_pids; i++) {
        char p[320], b[1024], *q;
        snprintf(p, sizeof p, "/proc/%d/stat", pids[i]);
        FILE *f = fopen(p, "r");
        if (!f) {
            if (!i) die("server process %d is gone", o.server_pid);
            continue;
        }
        size_t k = fread(b, 1, sizeof b - 1, f);
        fclose(f);
        b[k] = 0;
        u64 ut = 0, st = 0, cut = 0, cst = 0, th = 0;
        if ((q = strrchr(b, ')')))
            sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu %*d %*d %lu",
                   &ut, &st, &cut, &cst, &th);
        if (i) cut = cst = 0; /* children that ended: counted once, at the root */
        c.user_us += (double)(ut + cut) * tick, c.sys_us += (double)(st + cst) * tick,
            c.threads += th, c.procs++;
        snprintf(p, sizeof p, "/proc/%d/task", pids[i]);
        DIR *d = opendir(p);
        struct dirent *e;
        while (d && (e = readdir(d))) {
            u64 run;
            if (e->d_name[0] == '.') continue;
            snprintf(p, sizeof p, "/proc/%d/task/%s/schedstat", pids[i], e->d_name);
            if ((f = fopen(p, "r"))) {
                if (fscanf(f, "%lu", &run) == 1) c.exec_us += (double)run / 1e3;
                fclose(f);
            }
        }
        if (d) closedir(d);
        snprintf(p, sizeof p, "/proc/%d/status", pids[i]);
        if ((f = fopen(p, "r"))) {
            while (fgets(b, sizeof b, f)) {
                u64 v;
                if (sscanf(b, "VmRSS: %lu", &v) == 1) c.rss_kb += v;
                if (sscanf(b, "VmHWM: %lu", &v) == 1) c.hwm_kb += v;
            }
            fclose(f);
        }
    }
    if (o.server_cpu >= 0) {
        char b[512], want[16];
        int k = snprintf(want, sizeof want, "cpu%d ", o.server_cpu);
        FILE *f = fopen("/proc/stat", "r");
        while (f && fgets(b, sizeof b, f))
            if (!strncmp(b, want, (size_t)k)) {
                u64 v[8] = {0};
                sscanf(b + k, "%lu %lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4,
                       v + 5, v + 6, v + 7);
                c.core_busy = (double)(v[0] + v[1] + v[2] + v[5] + v[6]),
                c.core_soft = (double)(v[5] + v[6]);
                c.core_steal = (double)v[7];
                c.core_total = c.core_busy + c.core_steal + (double)(v[3] + v[4]);
            }
        if (f) fclose(f);
    }
    return c;
}
/* How fast is the server's core right now? CPU nanoseconds for one 64-byte send and recv over a
 * loopback TCP pair inside one process. On a shared host this swings by more than half within
 * seconds, and every server's figures swing with it: runs are comparable only where this is alike.
 */
static double calib[2];
static double calibrate(void) {
    int fd[2];
    double r = 0;
    if (o.server_cpu < 0 || pipe(fd)) return 0;
    pid_t p = fork();
    if (!p) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)o.server_cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
        struct sockaddr_in s = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
        socklen_t n = sizeof s;
        int one = 1, l = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(l, (void *)&s, n) || listen(l, 4) || getsockname(l, (void *)&s, &n)) _exit(1);
        setsockopt(a, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
        if (connect(a, (void *)&s, n)) _exit(1);
        int b = accept(l, NULL, NULL);
        setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        char buf[64] = {0};
        u64 end = now_ns() + NS / 8, k = 0;
        struct timespec c0, c1;
        for (int i = 0; i < 2000; i++)
            if (send(a, buf, 64, 0) != 64 || recv(b, buf, 64, 0) != 64) _exit(1);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c0);
        for (; now_ns() < end; k += 64)
            for (int i = 0; i < 64; i++)
                if (send(a, buf, 64, 0) != 64 || recv(b, buf, 64, 0) != 64) _exit(1);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c1);
        r = ((double)(c1.tv_sec - c0.tv_sec) * 1e9 + (double)(c1.tv_nsec - c0.tv_nsec)) /
            (double)(k ? k : 1);
        _exit(write(fd[1], &r, sizeof r) != sizeof r);
    }
    close(fd[1]);
    if (p < 0 || read(fd[0], &r, sizeof r) != sizeof r) r = 0;
    close(fd[0]);
    if (p > 0) waitpid(p, NULL, 0);
    return r;
}
static double own_cpu_us(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* ---------------------------------------------------------------- connections */

struct conn {
    int fd;
    u8 st, hlen, pre_n, msg_op; /* hlen: header bytes held; pre_n: broadcast header bytes held */
    bool in_pay, in_msg, msg_z, bad, fin, pong, want_close, sent_close, got_close, dirty, is_pub,
        other;
    u8 op, ctl_n;
    u8 hdr[14], key;
    u64 prem;       /* payload bytes left in this frame */
    u64 mpos;       /* bytes seen of this message */
    u32 ridx, qidx; /* pool index expected next / to queue next */
    u64 wpos, wrem; /* pool position and bytes still to write */
    u32 id, inflight;
    u8 *ob; /* broadcast and control output */
    size_t ob_n, ob_off, ob_cap;
    u8 *zb; /* a compressed message being put together */
    size_t zb_n, zb_cap;
    char *hs; /* handshake response so far */
    size_t hs_n;
    z_stream *zs;
    u64 *fifo;
    u32 f_head, f_tail;
    u32 bpub; /* broadcast, slow path: publisher and sequence of this message */
    u64 bseq, btime, t0;
    u8 pre[BHEAD];
    u8 ctl[125];
};

static int ep;
static u8 *rbuf;
static struct conn *cs;
static int n_cs, n_open, n_dead;
static u64 g_msgs, g_bytes, g_err, g_order, g_mismatch, g_proto, g_lost, g_other, g_hs_fail,
    g_closed, g_dup, g_pings;
static u64 g_syscalls_r, g_syscalls_w, g_rx; /* g_rx: bytes received, framing and all */
static bool g_stopping, g_go;                /* go: all are open, messages may flow */
static u64 t_meas0, t_meas1;
static char first_err[256];

static void note(u64 *counter, const char *f, ...) {
    (*counter)++, g_err++;
    if (!first_err[0]) {
        va_list a;
        va_start(a, f);
        vsnprintf(first_err, sizeof first_err, f, a);
        va_end(a);
    }
}

/* ---------------------------------------------------------------- the message pool */

static int K; /* messages in the pool */
static u8 *p_out, *p_exp, *p_plain;
static u64 *p_off, *p_eoff; /* K+1 offsets into p_out and p_exp */
static u64 p_total;
static struct {
    u8 *b;
    size_t n;
} *z_ok;                /* last reply to this message that inflated to the right text */
static bool z_takeover; /* the server keeps its compression context */
static int z_bits = 15; /* our window; the server may ask for a smaller one */

static int put_head(u8 *b, u8 b0, u64 n, bool mask) {
    int k = 2;
    b[0] = b0;
    if (n < 126) b[1] = (u8)n;
    else if (n < 65536) b[1] = 126, b[2] = (u8)(n >> 8), b[3] = (u8)n, k = 4;
    else {
        b[1] = 127;
        for (int i = 0; i < 8; i++) b[2 + i] = (u8)(n >> (56 - 8 * i));
        k = 10;
    }
    if (mask) b[1] |= 0x80;
    return k;
}
static void mask_copy(u8 *d, const u8 *s, size_t n, u32 key) {
    u64 k8 = (u64)key << 32 | key, v;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) memcpy(&v, s + i, 8), v ^= k8, memcpy(d + i, &v, 8);
    for (; i < n; i++) d[i] = s[i] ^ (u8)(key >> (8 * (i & 3)));
}
static void fill_text(u8 *d, size_t n,
                      u64 seed) { /* JSON-like, compresses about as chat or telemetry does */
    static const char *names[] = {"alice", "bob",   "carol", "dave",
                                  "erin",  "frank", "grace", "heidi"};
    static const char *ascii[] = {"sensor",   "reading",     "update", "status", "ok",
                                  "pressure", "temperature", "delta",  "queue",  "relay"};
    static const char *mixed[] = {"größe",    "naïveté",     "привет", "статус", "ok",
                                  "δοκιμή",   "temperature", "東京",   "こんにちは", "😀🎉"};
    const char **words = o.mixed ? mixed : ascii;
    size_t i = 0;
    u64 x = seed * 0x9E3779B97F4A7C15ull + 12345;
    while (i < n) {
        char t[200];
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int k = snprintf(t, sizeof t,
                         "{\"id\":%lu,\"user\":\"%s\",\"kind\":\"%s\",\"value\":%lu.%02lu,\"text\":"
                         "\"%s %s %s\"},",
                         x % 1000000, names[x >> 20 & 7], words[(x >> 24) % 10], (x >> 28) % 1000,
                         (x >> 40) % 100, words[(x >> 44) % 10], words[(x >> 48) % 10],
                         words[(x >> 52) % 10]);
        size_t m = n - i < (size_t)k ? n - i : (size_t)k;
        memcpy(d + i, t, m);
        i += m;
    }
    /* No character is cut in two at the end. */
    for (i = n; i > 0 && (d[i - 1] & 0xC0) == 0x80;) i--;
    if (i > 0 && d[i - 1] >= 0xC0 && o.mixed) memset(d + i - 1, '.', n - i + 1);
    else if (o.mixed) memset(d + i, '.', n - i);
}
static void make_pool(void) {
    u64 sz = (u64)o.size;
    K = sz <= 4096 ? 64 : sz <= 65536 ? 16 : 2;
    p_plain = xalloc((u64)K * sz);
    p_out = xalloc((u64)K * (sz + sz / 8 + 256));
    p_exp = xalloc((u64)K * (sz + 16));
    p_off = xalloc(8 * (u64)(K + 1)), p_eoff = xalloc(8 * (u64)(K + 1));
    z_ok = xalloc(sizeof *z_ok * (u64)K);
    u8 opc = o.text ? 1 : 2;
    u64 w = 0, e = 0;
    for (int i = 0; i < K; i++) {
        u8 *p = p_plain + (u64)i * sz;
        if (o.text) fill_text(p, sz, (u64)i + 1);
        else
            for (u64 j = 0; j < sz; j++) p[j] = (u8)rnd();
        p_off[i] = w, p_eoff[i] = e;
        u32 key = (u32)rnd();
        u8 *src = p;
        u64 n = sz;
        u8 b0 = 0x80 | opc;
        if (o.deflate) { /* each message on its own: allowed whatever was negotiated */
            z_stream z = {0};
            deflateInit2(&z, 6, Z_DEFLATED, -z_bits, 8, Z_DEFAULT_STRATEGY);
            u64 cap = deflateBound(&z, sz) + 64;
            src = xalloc(cap);
            z.next_in = p, z.avail_in = (u32)sz, z.next_out = src, z.avail_out = (u32)cap;
            deflate(&z, Z_SYNC_FLUSH);
            n = cap - z.avail_out - 4;
            deflateEnd(&z);
            b0 |= 0x40;
        }
        w += (u64)put_head(p_out + w, b0, n, true);
        memcpy(p_out + w, &key, 4), w += 4;
        mask_copy(p_out + w, src, n, key), w += n;
        if (src != p) free(src);
        e += (u64)put_head(p_exp + e, 0x80 | opc, sz, false);
        memcpy(p_exp + e, p, sz), e += sz;
    }
    p_off[K] = p_total = w, p_eoff[K] = e;
}

/* ---------------------------------------------------------------- output */

static void conn_dead(struct conn *c, const char *why);

static bool send_some(struct conn *c, const u8 *b, size_t n, size_t *done) {
    *done = 0;
    ssize_t k = send(c->fd, b, n, MSG_NOSIGNAL);
    g_syscalls_w++;
    if (k < 0) {
        if (errno == EAGAIN || errno == EINTR) return false;
        conn_dead(c, strerror(errno));
        return false;
    }
    *done = (size_t)k;
    return (size_t)k == n;
}
static void ob_put(struct conn *c, const u8 *b, size_t n) {
    if (c->ob_off && c->ob_off == c->ob_n) c->ob_off = c->ob_n = 0;
    if (c->ob_n + n > c->ob_cap) {
        c->ob_cap = (c->ob_n + n) * 2 + 256;
        if (!(c->ob = realloc(c->ob, c->ob_cap))) die("out of memory");
    }
    memcpy(c->ob + c->ob_n, b, n);
    c->ob_n += n;
}
static void put_control(struct conn *c, u8 op, const u8 *p, size_t n) {
    u8 b[6 + 128];
    u32 key = (u32)rnd();
    put_head(b, 0x80 | op, n, true); /* two bytes: a control frame carries 125 at most */
    memcpy(b + 2, &key, 4);
    mask_copy(b + 6, p, n & 127, key);
    ob_put(c, b, 6 + n);
}
static inline u32 pool_queue(struct conn *c) { /* one more message from the pool */
    u32 i = c->qidx;
    c->wrem += p_off[i + 1] - p_off[i];
    c->qidx = i + 1 == (u32)K ? 0 : i + 1;
    c->inflight++;
    return i;
}
static void flush(struct conn *c) {
    size_t done;
    if (c->st != S_OPEN && c->st != S_CLOSING) return;
    while (c->wrem) {
        u64 m = p_total - c->wpos < c->wrem ? p_total - c->wpos : c->wrem;
        bool all = send_some(c, p_out + c->wpos, m, &done);
        c->wrem -= done, c->wpos += done;
        if (c->wpos == p_total) c->wpos = 0;
        if (!all) return;
    }
    /* control frames and broadcast messages: only at a frame boundary of the pool stream, so here
     */
    while (c->ob_off < c->ob_n) {
        bool all = send_some(c, c->ob + c->ob_off, c->ob_n - c->ob_off, &done);
        c->ob_off += done;
        if (!all) return;
    }
}

/* ---------------------------------------------------------------- broadcast bookkeeping */

struct pub {
    struct conn *c;
    u64 seq, base; /* next to send; oldest not yet delivered to enough */
    u32 *got;      /* RING counters */
};
static struct pub *pubs;
static u32 need;   /* deliveries that complete a message, for the closed loop */
static u64 *bexp;  /* [receiver][publisher] next sequence */
static u8 *b_fill; /* filler text, doubled */
#define BF 4096
static bool b_lat, b_closed; /* measure latency; closed loop */
static bool probing;
static u64 probe_self, probe_others;
static struct pub **ready; /* publishers whose window opened */
static int n_ready;
static u8 *pub_in_ready;

static inline u64 dec6(const u8 *p, int n) {
    u64 v = 0;
    for (int i = 0; i < n; i++) v = v << 6 | (u64)((p[i] - 48) & 63);
    return v;
}
static inline void enc6(u8 *p, int n, u64 v) {
    for (int i = n - 1; i >= 0; i--) p[i] = (u8)(48 + (v & 63)), v >>= 6;
}
static inline u32 fill_at(u64 pub, u64 seq) { return (u32)((pub * 131 + seq * 7) & (BF - 1)); }

static void publish(struct pub *p, u64 t) {
    static u8 *plain, *frame;
    u64 sz = (u64)o.size, id = (u64)(p - pubs);
    if (!plain) plain = xalloc(sz + BF), frame = xalloc(sz + 16);
    plain[0] = '#';
    enc6(plain + 1, 3, id), enc6(plain + 4, 6, p->seq), enc6(plain + 10, 10, t);
    for (u64 i = BHEAD; i < sz;) {
        u64 f = (fill_at(id, p->seq) + i - BHEAD) & (BF - 1), m = BF < sz - i ? BF : sz - i;
        memcpy(plain + i, b_fill + f, m), i += m;
    }
    u32 key = (u32)rnd();
    int k = put_head(frame, o.text ? 0x81 : 0x82, sz, true);
    memcpy(frame + k, &key, 4);
    mask_copy(frame + k + 4, plain, sz, key);
    ob_put(p->c, frame, (size_t)k + 4 + sz);
    if (b_closed) p->got[p->seq & (RING - 1)] = 0;
    p->seq++;
}
static inline bool fill_ok(const u8 *d, u64 n, u64 pub, u64 seq,
                           u64 pos) { /* pos: offset past the header */
    while (n) {
        u64 f = (fill_at(pub, seq) + pos) & (BF - 1), m = n < BF ? n : BF;
        if (memcmp(d, b_fill + f, m)) return false;
        d += m, n -= m, pos += m;
    }
    return true;
}
static void delivered(struct conn *c, u64 pub, u64 seq, u64 t, u64 now) {
    if (pub >= (u64)o.pubs) {
        note(&g_mismatch, "delivery names publisher %lu", pub);
        return;
    }
    u64 *e = bexp + (u64)c->id * (u64)o.pubs + pub;
    if (seq != *e) {
        if (seq < *e)
            note(&g_dup, "receiver %u publisher %lu: got %lu again (next is %lu)", c->id, pub, seq,
                 *e);
        else
            g_lost += seq - *e, note(&g_order, "receiver %u publisher %lu: got %lu, next was %lu",
                                     c->id, pub, seq, *e);
        if (seq < *e) return;
    }
    *e = seq + 1;
    g_msgs++, g_bytes += (u64)o.size;
    if (probing) {
        if (c == pubs[0].c) probe_self++;
        else probe_others++;
        return;
    }
    if (b_lat && t >= t_meas0 && t < t_meas1) hist_add(now - t);
    if (b_closed) {
        struct pub *p = pubs + pub;
        if (++p->got[seq & (RING - 1)] == need && seq == p->base) {
            do p->base++;
            while (p->base < p->seq && p->got[p->base & (RING - 1)] >= need);
            if (!pub_in_ready[pub]) pub_in_ready[pub] = 1, ready[n_ready++] = p;
        }
    }
}

/* ---------------------------------------------------------------- input */

static u64 read_now; /* when the current recv() returned, for latency */

static void churn_next(struct conn *c);

static void echo_done(struct conn *c) {
    g_msgs++, g_bytes += (u64)o.size;
    c->inflight--;
    c->ridx = c->ridx + 1 == (u32)K ? 0 : c->ridx + 1;
    if (c->fifo) {
        u64 t = c->fifo[c->f_head++ & (FIFO - 1)];
        if (t >= t_meas0 && t < t_meas1) hist_add(read_now - t);
    }
}
static void *z_alloc(void *op, uInt n, uInt s) {
    (void)op;
    return calloc(n, s);
}
static void z_free(void *op, void *p) {
    (void)op;
    free(p);
}

static void deflated_msg(struct conn *c, u8 *b, size_t n) { /* b has room for 4 more bytes */
    u32 i = c->ridx;
    static z_stream *shared;
    static u8 *out;
    if (!z_takeover && z_ok[i].n == n &&
        !memcmp(z_ok[i].b, b, n)) { /* the same bytes inflated right before */
        echo_done(c);
        return;
    }
    z_stream *z = z_takeover ? c->zs : shared;
    if (!z) {
        z = xalloc(sizeof *z);
        z->zalloc = z_alloc, z->zfree = z_free;
        if (inflateInit2(z, -15) != Z_OK) die("inflateInit2");
        if (z_takeover) c->zs = z;
        else shared = z;
    } else if (!z_takeover) inflateReset(z);
    if (!out) out = xalloc((u64)o.size + 64);
    u8 keep[4];
    memcpy(keep, b + n, 4);
    memcpy(b + n, "\0\0\377\377", 4);
    z->next_in = b, z->avail_in = (u32)n + 4, z->next_out = out, z->avail_out = (u32)o.size + 64;
    int r = inflate(z, Z_SYNC_FLUSH);
    memcpy(b + n, keep, 4);
    u64 got = (u64)o.size + 64 - z->avail_out;
    if ((r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) || z->avail_in || got != (u64)o.size ||
        memcmp(out, p_plain + (u64)i * (u64)o.size, got)) {
        note(&g_mismatch, "inflated reply differs (r %d, %lu bytes)", r, got);
    } else if (!z_takeover) {
        free(z_ok[i].b);
        z_ok[i].b = xalloc(n), z_ok[i].n = n;
        memcpy(z_ok[i].b, b, n);
    }
    echo_done(c);
}

static void on_payload(struct conn *c, u8 *b, u64 n) {
    if (c->op >= 8) {
        memcpy(c->ctl + c->ctl_n, b, n), c->ctl_n += (u8)n;
        return;
    }
    if (c->msg_z) {
        if (c->zb_n + n + 4 > c->zb_cap) {
            c->zb_cap = (c->zb_n + n) * 2 + 64;
            if (!(c->zb = realloc(c->zb, c->zb_cap))) die("out of memory");
        }
        memcpy(c->zb + c->zb_n, b, n), c->zb_n += n;
    } else if (bexp) {
        u64 pos = c->mpos, left = n;
        u8 *p = b;
        while (left && c->pre_n < BHEAD) c->pre[c->pre_n++] = *p++, left--, pos++;
        if (c->pre_n == BHEAD && pos - (u64)(p - b) < BHEAD) {
            c->bpub = (u32)dec6(c->pre + 1, 3), c->bseq = dec6(c->pre + 4, 6),
            c->btime = dec6(c->pre + 10, 10);
            if (c->pre[0] != '#') c->bad = true;
        }
        if (left && !c->bad && !fill_ok(p, left, c->bpub, c->bseq, pos - BHEAD)) c->bad = true;
    } else if (c->mpos + n > (u64)o.size ||
               memcmp(b, p_plain + (u64)c->ridx * (u64)o.size + c->mpos, n))
        c->bad = true;
    c->mpos += n;
}
static void on_message(struct conn *c) {
    if (c->msg_z) {
        deflated_msg(c, c->zb, c->zb_n);
        c->zb_n = 0;
        return;
    }
    if (bexp) {
        if (c->bad || c->mpos != (u64)o.size || c->pre_n < BHEAD) {
            if (o.ignore_other) g_other++;
            else
                note(&g_mismatch,
                     "receiver %u got a message that no publisher sent (%lu bytes: %.20s)", c->id,
                     c->mpos, (char *)c->pre);
        } else delivered(c, c->bpub, c->bseq, c->btime, read_now);
        return;
    }
    if (o.mode == M_IDLE) return;
    if (c->bad || c->mpos != (u64)o.size)
        note(&g_mismatch, "connection %u: reply differs from what was sent (%lu bytes)", c->id,
             c->mpos);
    if (c->msg_op != (o.text ? 1 : 2) && !o.any_opcode)
        note(&g_mismatch, "connection %u: reply has opcode %u", c->id, c->msg_op);
    echo_done(c);
}
static void on_frame_end(struct conn *c) {
    c->in_pay = false;
    if (c->op == 9) {
        g_pings++;
        put_control(c, 10, c->ctl, c->ctl_n);
        c->dirty = true;
    } else if (c->op == 8) {
        c->got_close = true;
        u32 code = c->ctl_n >= 2 ? (u32)c->ctl[0] << 8 | c->ctl[1] : 0;
        if (!c->sent_close) {
            if (!g_stopping)
                note(&g_closed, "connection %u: server closed it with code %u", c->id, code);
            put_control(c, 8, c->ctl, c->ctl_n >= 2 ? 2 : 0), c->sent_close = true, c->dirty = true;
            if (c->st == S_OPEN) c->st = S_CLOSING;
        } else if (o.mode == M_CHURN && code != 1000)
            note(&g_closed, "close reply has code %u, not 1000", code);
    } else if (c->op < 8 && c->fin) {
        on_message(c);
        c->in_msg = false;
    }
}
static int head_need(const struct conn *c) {
    if (c->hlen < 2) return 2;
    int l = c->hdr[1] & 127;
    return 2 + (l == 126 ? 2 : l == 127 ? 8 : 0) + (c->hdr[1] & 128 ? 4 : 0);
}
/* the general parser: any legal framing, split anywhere */
static void feed(struct conn *c, u8 *b, size_t n) {
    while (n || (c->in_pay && !c->prem)) {
        if (c->in_pay) {
            u64 k = c->prem < n ? c->prem : n;
            if (k) on_payload(c, b, k);
            c->prem -= k, b += k, n -= k;
            if (!c->prem) on_frame_end(c);
            else return;
            if (c->st == S_DEAD) return;
            continue;
        }
        if (!c->hlen && !c->in_msg) { /* whole messages, straight from the buffer */
            if (bexp) {
                u64 sz = (u64)o.size;
                u8 h[10];
                int hn = put_head(h, o.text ? 0x81 : 0x82, sz, false);
                while (n >= (u64)hn + sz && !memcmp(b, h, (size_t)hn) && b[hn] == '#') {
                    u8 *p = b + hn;
                    u64 pub = dec6(p + 1, 3), seq = dec6(p + 4, 6);
                    if (!fill_ok(p + BHEAD, sz - BHEAD, pub, seq, 0)) break;
                    delivered(c, pub, seq, b_lat ? dec6(p + 10, 10) : 0, read_now);
                    b += (u64)hn + sz, n -= (u64)hn + sz;
                }
            } else if (p_exp && !o.deflate) {
                for (;;) {
                    u64 fl = p_eoff[1], m = n / fl, room = (u64)K - c->ridx;
                    if (m > room) m = room;
                    if (m > c->inflight) m = c->inflight;
                    if (!m) break;
                    if (memcmp(b, p_exp + p_eoff[c->ridx], m * fl)) {
                        if (memcmp(b, p_exp + p_eoff[c->ridx], fl)) break;
                        m = 1;
                    }
                    b += m * fl, n -= m * fl;
                    if (c->fifo)
                        while (m--) echo_done(c);
                    else {
                        g_msgs += m, g_bytes += m * (u64)o.size, c->inflight -= (u32)m,
                            c->ridx += (u32)m;
                        if (c->ridx == (u32)K) c->ridx = 0;
                    }
                }
            } else if (o.deflate) {
                while (n >= 2 && b[0] == (o.text ? 0xC1 : 0xC2)) {
                    u64 l = b[1], hn = 2;
                    if (l == 126) {
                        if (n < 4) break;
                        l = (u64)b[2] << 8 | b[3], hn = 4;
                    }
                    if (l > 65535 || b[1] == 127 || n < hn + l || !c->inflight) break;
                    deflated_msg(c, b + hn, l); /* rbuf has slack past its end */
                    b += hn + l, n -= hn + l;
                }
            }
            if (!n) return;
        }
        int want = head_need(c);
        while (n && c->hlen < want) {
            c->hdr[c->hlen++] = *b++, n--;
            want = head_need(c);
        }
        if (c->hlen < want) return;
        u8 h0 = c->hdr[0], h1 = c->hdr[1];
        u64 l = h1 & 127;
        if (l == 126) l = (u64)c->hdr[2] << 8 | c->hdr[3];
        else if (l == 127) {
            l = 0;
            for (int i = 0; i < 8; i++) l = l << 8 | c->hdr[2 + i];
        }
        c->hlen = 0, c->op = h0 & 15, c->fin = h0 >> 7, c->prem = l, c->in_pay = true,
        c->ctl_n = c->op >= 8 ? 0 : c->ctl_n;
        bool z = h0 & 0x40;
        if ((h1 & 128) || (h0 & 0x30) || (z && !o.deflate) || (c->op > 2 && c->op < 8) ||
            c->op > 10 || (c->op >= 8 && (!c->fin || l > 125 || z)) || (c->op == 0 && !c->in_msg) ||
            ((c->op == 1 || c->op == 2) && c->in_msg)) {
            note(&g_proto, "connection %u: illegal frame %02x %02x", c->id, h0, h1);
            conn_dead(c, "protocol error");
            return;
        }
        if (c->op == 1 || c->op == 2) {
            c->in_msg = true, c->msg_op = c->op, c->mpos = 0, c->bad = false, c->pre_n = 0,
            c->msg_z = z, c->zb_n = 0;
            if (o.mode != M_IDLE && !bexp && !c->inflight) {
                note(&g_mismatch, "connection %u: a message that was not asked for", c->id);
                conn_dead(c, "unexpected message");
                return;
            }
        }
    }
}

/* ---------------------------------------------------------------- connecting */

static struct sockaddr_in server;
static u64 n_started;

static void conn_start(struct conn *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket: %s", strerror(errno));
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (o.srcs > 1) { /* spread over 127.0.0.x so that ephemeral ports last */
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr =
                                    htonl(0x7f000001u + (u32)(n_started % (u64)o.srcs))};
        setsockopt(c->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(c->fd, (struct sockaddr *)&a, sizeof a)) die("bind: %s", strerror(errno));
    }
    n_started++;
    c->st = S_CONNECT;
    c->key = (u8)rnd();
    c->t0 = now_ns();
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        note(&g_hs_fail, "connect: %s", strerror(errno));
        close(c->fd), c->st = S_DEAD, n_dead++;
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl: %s", strerror(errno));
}
static void conn_reset(struct conn *c) { /* ready for the next connection in this slot (churn) */
    c->st = S_FREE, c->hlen = c->pre_n = c->ctl_n = 0;
    c->in_pay = c->in_msg = c->bad = c->sent_close = c->got_close = c->dirty = false;
    c->prem = c->mpos = c->wrem = c->wpos = 0, c->inflight = 0, c->ob_n = c->ob_off = 0,
    c->zb_n = 0, c->hs_n = 0;
    c->ridx = c->qidx = 0;
    if (c->zs) inflateEnd(c->zs), free(c->zs), c->zs = NULL;
}
static void conn_dead(struct conn *c, const char *why) {
    if (c->st == S_DEAD || c->st == S_FREE) return;
    bool expected = g_stopping || (c->sent_close && c->got_close);
    if (!expected)
        note(c->st == S_OPEN || c->st == S_CLOSING ? &g_closed : &g_hs_fail,
             "connection %u lost in state %d: %s", c->id, c->st, why);
    if (c->st == S_OPEN || c->st == S_CLOSING) n_open--;
    close(c->fd);
    c->st = S_DEAD, n_dead++;
}
static void send_handshake(struct conn *c) {
    static char ext[256];
    char b[2048];
    if (o.deflate && !ext[0])
        snprintf(ext, sizeof ext, "Sec-WebSocket-Extensions: permessage-deflate; %s\r\n",
                 o.nct ? "server_no_context_takeover; client_no_context_takeover"
                       : "client_max_window_bits");
    int n =
        snprintf(b, sizeof b,
                 "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s%s%s%s%s%s\r\n",
                 c->is_pub && o.pub_path ? o.pub_path : o.path, o.host, o.port, ws_key[c->key], ext,
                 o.subproto ? "Sec-WebSocket-Protocol: " : "", o.subproto ? o.subproto : "",
                 o.subproto ? "\r\n" : "", o.header ? o.header : "", o.header ? "\r\n" : "");
    c->st = S_HANDSHAKE;
    if (send(c->fd, b, (size_t)n, MSG_NOSIGNAL) != n) conn_dead(c, "handshake send");
}
static void on_open(struct conn *c);

static bool on_handshake(struct conn *c, u8 *b,
                         size_t n) { /* true: open, and any frames behind it are fed */
    if (!c->hs) c->hs = xalloc(8192);
    if (c->hs_n + n > 8190) n = 8190 - c->hs_n;
    memcpy(c->hs + c->hs_n, b, n);
    c->hs_n += n, c->hs[c->hs_n] = 0;
    char *end = strstr(c->hs, "\r\n\r\n");
    if (!end) {
        if (c->hs_n >= 8190) conn_dead(c, "handshake too long");
        return false;
    }
    end += 2;
    char keep = *end;
    *end = 0;
    char *acc = strcasestr(c->hs, "\r\nSec-WebSocket-Accept:");
    if (strncmp(c->hs, "HTTP/1.1 101", 12) || !acc) {
        c->hs[strcspn(c->hs, "\r\n")] = 0;
        note(&g_hs_fail, "handshake refused: %s", c->hs);
        g_stopping = g_stopping || o.mode == M_ECHO;
        conn_dead(c, "refused");
        return false;
    }
    acc += 23, acc += strspn(acc, " \t");
    if (strncmp(acc, ws_accept[c->key], 28)) {
        note(&g_hs_fail, "wrong Sec-WebSocket-Accept");
        conn_dead(c, "wrong accept");
        return false;
    }
    char *x = strcasestr(c->hs, "\r\nSec-WebSocket-Extensions:");
    if (o.deflate) {
        if (!x || !strcasestr(x, "permessage-deflate"))
            die("the server did not accept permessage-deflate");
        z_takeover = !strcasestr(x, "server_no_context_takeover");
        char *wb = strcasestr(x, "client_max_window_bits=");
        int bits = wb ? atoi(wb + 23 + (wb[23] == '"')) : 15;
        if (bits < 9 || bits > 15) die("client_max_window_bits=%d is beyond this client", bits);
        if (bits != z_bits) { /* known before the first message is sent */
            if (n_open) die("connections negotiate different windows");
            z_bits = bits;
            make_pool();
        }
    } else if (x) {
        note(&g_hs_fail, "the server answered an extension that was not offered");
    }
    *end = keep;
    c->st = S_OPEN, n_open++;
    size_t left = c->hs_n - (size_t)(end + 2 - c->hs);
    on_open(c);
    if (left && c->st != S_DEAD) {
        u8 t[8200];
        memcpy(t, end + 2, left);
        feed(c, t, left);
    }
    free(c->hs), c->hs = NULL, c->hs_n = 0;
    return true;
}

/* ---------------------------------------------------------------- events */

static u64 churn_done;

static void on_open(struct conn *c) {
    if (o.mode == M_CHURN) pool_queue(c), flush(c);
}
static void churn_next(struct conn *c) { /* the connection is over: count it and start the next */
    close(c->fd);
    n_open--;
    churn_done++;
    conn_reset(c);
    if (!g_stopping) conn_start(c);
}
static void on_event(struct conn *c, u32 ev) {
    if (c->st == S_DEAD || c->st == S_FREE) return;
    if (c->st == S_CONNECT) {
        if (ev & (EPOLLERR | EPOLLHUP)) {
            int e = 0;
            socklen_t l = sizeof e;
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
            conn_dead(c, strerror(e));
            return;
        }
        if (ev & EPOLLOUT) send_handshake(c);
        if (!(ev & EPOLLIN)) return;
    }
    if (ev & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        for (;;) {
            ssize_t n = recv(c->fd, rbuf, RBUF, 0);
            g_syscalls_r++;
            if (n <= 0) {
                if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
                if (o.mode == M_CHURN && c->sent_close && c->got_close) {
                    churn_next(c);
                    return;
                }
                conn_dead(c, n ? strerror(errno) : "end of stream");
                return;
            }
            g_rx += (u64)n;
            if (c->fifo || b_lat) read_now = now_ns();
            if (c->st == S_HANDSHAKE) on_handshake(c, rbuf, (size_t)n);
            else feed(c, rbuf, (size_t)n);
            if (c->st == S_DEAD) return;
            if ((size_t)n < RBUF && !(ev & EPOLLRDHUP)) break;
        }
        if (o.mode == M_ECHO && c->st == S_OPEN && !g_stopping)
            while (g_go && c->inflight < (u32)o.depth) pool_queue(c);
        if (o.mode == M_CHURN && c->st == S_OPEN && !c->inflight && !c->sent_close) {
            put_control(c, 8, (const u8 *)"\x03\xe8", 2), c->sent_close = true, c->st = S_CLOSING,
                                                          c->dirty = true;
        }
        if (o.mode == M_CHURN && o.client_fin && c->got_close && c->sent_close) {
            flush(c);
            churn_next(c);
            return;
        }
        if (c->wrem || c->dirty) c->dirty = false, flush(c);
    } else if (ev & EPOLLOUT) flush(c);
}

static struct epoll_event evs[2048];
static void poll_once(u64 until) { /* wait for events, at most until the given time */
    int n;
    if (o.spin) n = epoll_wait(ep, evs, 2048, 0);
    else {
        u64 now = now_ns(), d = until > now ? until - now : 0;
        struct timespec t = {.tv_sec = (time_t)(d / NS), .tv_nsec = (long)(d % NS)};
        n = epoll_pwait2(ep, evs, 2048, &t, NULL);
    }
    for (int i = 0; i < n; i++) on_event(evs[i].data.ptr, evs[i].events);
}

static void open_all(int from, int count) { /* o.ramp handshakes at a time */
    int next = from, end = from + count;
    u64 last = now_ns(), seen = 0, limit = last + 120 * NS;
    while (n_open + n_dead < end) {
        while (next < end && next - n_open - n_dead < o.ramp) conn_start(&cs[next++]);
        poll_once(now_ns() + NS / 10);
        u64 t = now_ns(), s = (u64)(n_open + n_dead);
        if (s != seen) seen = s, last = t;
        if (t - last > 15 * NS || t > limit)
            die("connecting stalled with %d of %d open: %s", n_open, end, first_err);
        if (n_dead > 10 && n_dead > n_open) die("too many connections fail: %s", first_err);
    }
    if (n_dead) die("%d of %d connections failed: %s", n_dead, end, first_err);
}
static void close_all(void) { /* clean close with 1000, two seconds at most */
    g_stopping = true;
    for (int i = 0; i < n_cs; i++) {
        struct conn *c = &cs[i];
        if (c->st != S_OPEN) continue;
        put_control(c, 8, (const u8 *)"\x03\xe8", 2), c->sent_close = true, c->st = S_CLOSING;
        flush(c);
        if (i % 64 == 63) poll_once(now_ns());
    }
    u64 end = now_ns() + 2 * NS;
    while (n_open && now_ns() < end) poll_once(now_ns() + NS / 20);
}

/* ---------------------------------------------------------------- a measured window */

struct window {
    u64 t0, t1, m0, m1, b0, b1, r0, r1, w0, w1, x0, x1;
    struct cpu c0, c1;
    double own0, own1;
} W;
static void window_begin(void) {
    W.c0 = cpu_sample();
    W.own0 = own_cpu_us(), W.m0 = g_msgs, W.b0 = g_bytes, W.r0 = g_syscalls_r, W.w0 = g_syscalls_w,
    W.x0 = g_rx;
    W.t0 = now_ns();
}
static void window_end(void) {
    W.t1 = now_ns();
    W.own1 = own_cpu_us(), W.m1 = g_msgs, W.b1 = g_bytes, W.r1 = g_syscalls_r, W.w1 = g_syscalls_w,
    W.x1 = g_rx;
    W.c1 = cpu_sample();
}
static char js[8192], js_more[512]; /* the JSON line; a mode's own fields for it */
static void jadd(const char *f, ...) {
    va_list a;
    va_start(a, f);
    size_t n = strlen(js);
    vsnprintf(js + n, sizeof js - n, f, a);
    va_end(a);
}
static const char *mode_name[] = {"echo", "broadcast", "latency", "idle", "churn"};

static int report(const char *unit, double count, const char *extra_human) {
    double s = (double)(W.t1 - W.t0) / 1e9;
    double rate = count / s, own = (W.own1 - W.own0) / 1e6 / s * 100;
    double ex = W.c1.exec_us - W.c0.exec_us, us = W.c1.user_us - W.c0.user_us,
           sy = W.c1.sys_us - W.c0.sys_us;
    if (ex < (us + sy) * 0.9)
        ex = us + sy; /* a thread ended inside the window: its schedstat is gone */
    double uf = us + sy > 0 ? us / (us + sy) : 0;
    double ct = W.c1.core_total - W.c0.core_total;
    printf("%s%s%s %.0f %s/s", o.label, *o.label ? ": " : "", mode_name[o.mode], rate, unit);
    jadd("{\"label\":\"%s\",\"mode\":\"%s\",\"unit\":\"%s\",\"count\":%.0f,\"seconds\":%.3f,"
         "\"rate\":%.1f",
         o.label, mode_name[o.mode], unit, count, s, rate);
    if (W.b1 > W.b0) {
        printf(" (%.1f MB/s)", (double)(W.b1 - W.b0) / 1e6 / s);
        jadd(",\"mb_per_s\":%.2f", (double)(W.b1 - W.b0) / 1e6 / s);
    }
    if (o.server_pid) {
        printf("; server %.3f us/%s (%.0f%% user), %.0f%% of a core", count > 0 ? ex / count : 0,
               unit, uf * 100, ex / 1e4 / s);
        printf(", rss %.1f MB peak %.1f MB", (double)W.c1.rss_kb / 1024,
               (double)W.c1.hwm_kb / 1024);
        jadd(",\"server_us_per\":%.4f,\"server_user_frac\":%.3f,\"server_core_pct\":%.1f,\"server_"
             "rss_kb\":%lu,\"server_hwm_kb\":%lu,\"server_threads\":%lu,\"server_procs\":%lu",
             count > 0 ? ex / count : 0, uf, ex / 1e4 / s, W.c1.rss_kb, W.c1.hwm_kb, W.c1.threads,
             W.c1.procs);
    }
    if (o.server_cpu >= 0 && ct > 0) {
        printf("; core %d busy %.0f%% (softirq %.0f%%, steal %.1f%%)", o.server_cpu,
               (W.c1.core_busy - W.c0.core_busy) / ct * 100,
               (W.c1.core_soft - W.c0.core_soft) / ct * 100,
               (W.c1.core_steal - W.c0.core_steal) / ct * 100);
        jadd(",\"core_busy_pct\":%.1f,\"core_softirq_pct\":%.1f,\"core_steal_pct\":%.1f",
             (W.c1.core_busy - W.c0.core_busy) / ct * 100,
             (W.c1.core_soft - W.c0.core_soft) / ct * 100,
             (W.c1.core_steal - W.c0.core_steal) / ct * 100);
    }
    calib[1] = calibrate();
    if (calib[0] > 0) {
        printf("; core speed %.0f/%.0f ns", calib[0], calib[1]);
        jadd(",\"calib_ns\":[%.0f,%.0f]", calib[0], calib[1]);
    }
    printf("; loadgen %.0f%%%s", own, own > 95 && !o.spin ? " LIMITED-BY-LOADGEN" : "");
    if (o.deflate)
        printf("; %.0f wire bytes/%s", count > 0 ? (double)(W.x1 - W.x0) / count : 0, unit);
    jadd(",\"loadgen_pct\":%.1f,\"recv_calls\":%lu,\"send_calls\":%lu,\"rx_bytes_per\":%.1f", own,
         W.r1 - W.r0, W.w1 - W.w0, count > 0 ? (double)(W.x1 - W.x0) / count : 0);
    if (hist_n) {
        printf("; us p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f (n %lu)", hist_q(.5),
               hist_q(.9), hist_q(.99), hist_q(.999), (double)hist_max / 1e3, hist_n);
        jadd(",\"n\":%lu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f", hist_n,
             hist_q(.5), hist_q(.9), hist_q(.99), hist_q(.999), (double)hist_max / 1e3);
    }
    if (extra_human) printf("; %s", extra_human);
    printf("; errors %lu", g_err);
    if (g_err)
        printf(" (mismatch %lu order %lu dup %lu lost %lu proto %lu closed %lu handshake %lu; "
               "first: %s)",
               g_mismatch, g_order, g_dup, g_lost, g_proto, g_closed, g_hs_fail, first_err);
    if (g_other) printf("; other messages %lu", g_other);
    putchar('\n');
    for (char *p = first_err; *p; p++)
        if (*p == '"' || *p == '\\' || (u8)*p < 32) *p = '.';
    jadd(",\"connections\":%d,\"size\":%d,\"depth\":%d,\"text\":%s,\"deflate\":%s,\"takeover\":%s,"
         "\"errors\":%lu,\"mismatch\":%lu,\"order\":%lu,\"dup\":%lu,\"lost\":%lu,\"proto\":%lu,"
         "\"closed\":%lu,\"handshake_fail\":%lu,\"other\":%lu,\"pings\":%lu,\"first_error\":\"%s\"%"
         "s}",
         n_cs, o.size, o.depth, o.text ? "true" : "false", o.deflate ? "true" : "false",
         z_takeover ? "true" : "false", g_err, g_mismatch, g_order, g_dup, g_lost, g_proto,
         g_closed, g_hs_fail, g_other, g_pings, first_err, js_more);
    if (o.json) puts(js);
    fflush(stdout);
    return g_err ? 1 : 0;
}

/* ---------------------------------------------------------------- modes */

static u64 inflight_total(void) {
    u64 n = 0;
    for (int i = 0; i < n_cs; i++) n += cs[i].inflight;
    return n;
}
static int run_echo(void) {
    make_pool();
    open_all(0, n_cs);
    g_go = true;
    for (int i = 0; i < n_cs;
         i++) { /* each connection begins elsewhere in the pool, so crossed replies show */
        struct conn *c = &cs[i];
        c->ridx = c->qidx = (u32)((u64)i * 7 % (u64)K);
        c->wpos = p_off[c->qidx];
        for (int d = 0; d < o.depth; d++) pool_queue(c);
        flush(c);
    }
    u64 t = now_ns(), w = t + (u64)(o.warmup * 1e9), e = w + (u64)(o.duration * 1e9), last = 0,
        last_t = t;
    bool began = false;
    while ((t = now_ns()) < e && !n_dead) {
        if (!began && t >= w) began = true, window_begin();
        poll_once(t + NS / 20);
        if (g_msgs != last) last = g_msgs, last_t = t;
        else if ((double)(t - last_t) > o.stall * 1e9) {
            note(&g_closed, "no reply for %.0f s", o.stall);
            break;
        }
    }
    if (!began) window_begin();
    window_end();
    g_stopping = true; /* no new messages; those under way must all come back */
    u64 end = now_ns() + 5 * NS;
    while (inflight_total() && now_ns() < end && !n_dead) poll_once(now_ns() + NS / 20);
    u64 left = inflight_total();
    if (left) g_lost += left, note(&g_order, "%lu messages were never echoed", left);
    close_all();
    return report("msg", (double)(W.m1 - W.m0), NULL);
}

static int run_latency_echo(void) {
    make_pool();
    for (int i = 0; i < n_cs; i++) cs[i].fifo = xalloc(8 * FIFO);
    open_all(0, n_cs);
    double step = 1e9 / o.rate;
    u64 start = now_ns() + NS / 100, k = 0, dropped = 0;
    t_meas0 = start + (u64)(o.warmup * 1e9), t_meas1 = t_meas0 + (u64)(o.duration * 1e9);
    bool began = false;
    u64 t;
    while ((t = now_ns()) < t_meas1 && !n_dead) {
        if (!began && t >= t_meas0) began = true, window_begin();
        u64 due;
        while ((due = start + (u64)((double)k * step)) <= t) {
            struct conn *c = &cs[k % (u64)n_cs];
            k++;
            if (c->f_tail - c->f_head >=
                FIFO) { /* the server is that far behind: the run is invalid, say so */
                dropped++;
                continue;
            }
            c->fifo[c->f_tail++ & (FIFO - 1)] = due;
            pool_queue(c);
            flush(c);
        }
        poll_once(due);
    }
    if (!began) window_begin();
    window_end();
    g_stopping = true;
    u64 end = now_ns() + 5 * NS;
    while (inflight_total() && now_ns() < end && !n_dead) poll_once(now_ns() + NS / 20);
    u64 left = inflight_total();
    if (left) g_lost += left, note(&g_order, "%lu messages were never echoed", left);
    if (dropped) note(&g_order, "%lu scheduled messages could not even be queued", dropped);
    close_all();
    return report("msg", (double)(W.m1 - W.m0), NULL);
}

static void pump(u64 t) { /* closed loop: let publishers whose window opened send again */
    int n = n_ready;
    n_ready = 0;
    for (int i = 0; i < n; i++) {
        struct pub *p = ready[i];
        pub_in_ready[p - pubs] = 0;
        while (!g_stopping && p->seq - p->base < (u64)o.window) publish(p, t);
        flush(p->c);
    }
}
static int run_broadcast(void) {
    int npub_recv = o.pub_sink ? 0 : o.pubs;
    if (o.size < BHEAD + 4) die("broadcast messages need at least %d bytes", BHEAD + 4);
    if (o.window > RING / 2) die("window too large");
    b_fill = xalloc(BF * 2 + 64);
    fill_text(b_fill, BF, 7), memcpy(b_fill + BF, b_fill, BF);
    pubs = xalloc(sizeof *pubs * (u64)o.pubs);
    ready = xalloc(sizeof *ready * (u64)o.pubs), pub_in_ready = xalloc((u64)o.pubs);
    for (int i = 0; i < o.pubs;
         i++) { /* publishers are the last connections, so every subscriber is there first */
        pubs[i].c = &cs[o.subs + i], pubs[i].c->is_pub = true;
        pubs[i].got = xalloc(4 * RING);
    }
    bexp = xalloc(8 * (u64)n_cs * (u64)o.pubs);
    open_all(0, n_cs);
    u64 end = now_ns() + NS * 3 / 10; /* a server may subscribe a moment after its 101 */
    while (now_ns() < end) poll_once(end);
    /* one probe message: does everyone get it, and does the sender? */
    probing = true;
    publish(&pubs[0], now_ns());
    flush(pubs[0].c);
    u64 want = (u64)(o.subs + (npub_recv ? o.pubs - 1 : 0));
    u64 pend = now_ns() + 5 * NS;
    while (probe_others < want && now_ns() < pend) poll_once(now_ns() + NS / 20);
    end = now_ns() + NS / 4;
    while (now_ns() < end) poll_once(end);
    probing = false;
    pubs[0].base = pubs[0].seq;
    if (probe_others != want)
        die("probe: %lu of %lu receivers got the message (sender: %lu) %s", probe_others, want,
            probe_self, first_err);
    if (o.self < 0) o.self = npub_recv ? (int)probe_self : 0;
    else if ((u64)o.self != probe_self && npub_recv)
        die("probe: the sender got %lu copies, --self says %d", probe_self, o.self);
    u32 copies = (u32)want + (u32)o.self;
    need = (u32)((double)copies * o.frac + 0.5);
    if (need < 1) need = 1;
    b_closed = o.rate <= 0;
    u64 t = now_ns();
    double step = o.rate > 0 ? 1e9 / o.rate : 0;
    u64 start = t + NS / 100, k = 0;
    t_meas0 = start + (u64)(o.warmup * 1e9), t_meas1 = t_meas0 + (u64)(o.duration * 1e9);
    if (b_closed) {
        for (int i = 0; i < o.pubs; i++) pub_in_ready[i] = 1, ready[n_ready++] = &pubs[i];
        pump(t);
    } else b_lat = true;
    bool began = false;
    u64 last = 0, last_t = t, published0 = 0, pend2;
    while ((t = now_ns()) < t_meas1 && !n_dead) {
        if (!began && t >= t_meas0) {
            began = true;
            for (int i = 0; i < o.pubs; i++) published0 += pubs[i].seq;
            window_begin();
        }
        u64 due = t + NS / 20;
        if (!b_closed)
            while ((due = start + (u64)((double)k * step)) <= t) {
                struct pub *p = &pubs[k++ % (u64)o.pubs];
                publish(p, due);
                flush(p->c);
            }
        poll_once(due);
        if (n_ready) pump(t);
        if (g_msgs != last) last = g_msgs, last_t = t;
        else if ((double)(t - last_t) > o.stall * 1e9 && b_closed) {
            note(&g_order, "no delivery for %.0f s: the server dropped messages or stopped",
                 o.stall);
            break;
        }
    }
    if (!began) window_begin();
    window_end();
    g_stopping = true;
    u64 published = 0, sent = 0, lost = 0;
    for (int i = 0; i < o.pubs; i++) published += pubs[i].seq;
    sent = published;
    published -= published0;
    pend2 = now_ns() + 5 * NS;
    for (;;) { /* everything published must reach every receiver */
        lost = 0;
        for (int r = 0; r < n_cs; r++) {
            if (r >= o.subs && !npub_recv) break;
            for (int p = 0; p < o.pubs; p++) {
                if (r == o.subs + p && !o.self) continue;
                lost += pubs[p].seq - bexp[(u64)r * (u64)o.pubs + (u64)p];
            }
        }
        if (!lost || now_ns() > pend2 || n_dead) break;
        poll_once(now_ns() + NS / 20);
    }
    if (lost)
        g_lost += lost,
            note(&g_order, "%lu deliveries never arrived (of %lu published, %u copies each)", lost,
                 sent, copies);
    close_all();
    char x[128];
    snprintf(
        js_more, sizeof js_more,
        ",\"published_per_s\":%.1f,\"copies\":%u,\"self\":%d,\"subs\":%d,\"pubs\":%d,\"window\":%d",
        (double)published / ((double)(W.t1 - W.t0) / 1e9), copies, o.self, o.subs, o.pubs,
        o.window);
    snprintf(x, sizeof x, "published %.0f/s, copies %u, self %d",
             (double)published / ((double)(W.t1 - W.t0) / 1e9), copies, o.self);
    int r = report("delivery", (double)(W.m1 - W.m0), x);
    return r;
}

static int run_idle(void) {
    make_pool();
    struct cpu a = cpu_sample();
    u64 t0 = now_ns();
    open_all(0, n_cs);
    u64 t1 = now_ns();
    u64 e = t1 + NS;
    while (now_ns() < e) poll_once(e); /* let the server settle */
    struct cpu b = cpu_sample();
    window_begin();
    e = now_ns() + (u64)(o.hold * 1e9);
    while (now_ns() < e) poll_once(e < now_ns() + NS / 10 ? e : now_ns() + NS / 10);
    window_end();
    char x[256];
    double per = ((double)W.c1.rss_kb - (double)a.rss_kb) * 1024 / n_cs;
    snprintf(x, sizeof x,
             "opened %d at %.0f/s, rss %.1f -> %.1f MB: %.0f bytes/connection, %.1f us "
             "CPU/connect, idle CPU %.2f%%, still open %d",
             n_cs, n_cs / ((double)(t1 - t0) / 1e9), (double)a.rss_kb / 1024,
             (double)W.c1.rss_kb / 1024, per, (b.exec_us - a.exec_us) / n_cs,
             (W.c1.exec_us - W.c0.exec_us) / ((double)(W.t1 - W.t0) / 1e3) * 100, n_open);
    snprintf(js_more, sizeof js_more,
             ",\"bytes_per_conn\":%.0f,\"rss_before_kb\":%lu,\"rss_after_kb\":%lu,\"connects_per_"
             "s\":%.0f,\"connect_us\":%.2f,\"still_open\":%d",
             per, a.rss_kb, W.c1.rss_kb, n_cs / ((double)(t1 - t0) / 1e9),
             (b.exec_us - a.exec_us) / n_cs, n_open);
    if (n_open != n_cs) note(&g_closed, "%d connections did not stay open", n_cs - n_open);
    close_all();
    return report("conn", 0, x);
}

static int run_churn(void) {
    make_pool();
    if (o.srcs < 2) o.srcs = 200;
    u64 t = now_ns(), w = t + (u64)(o.warmup * 1e9), e = w + (u64)(o.duration * 1e9);
    for (int i = 0; i < n_cs; i++) conn_start(&cs[i]);
    bool began = false;
    u64 d0 = 0, d1 = 0, chk = t;
    while ((t = now_ns()) < e) {
        if (!began && t >= w) began = true, d0 = churn_done, window_begin();
        poll_once(t + NS / 20);
        if (t - chk > NS / 5) { /* restart slots that failed, give up on slots that hang */
            chk = t;
            for (int i = 0; i < n_cs; i++) {
                struct conn *c = &cs[i];
                if (c->st == S_DEAD) n_dead--, conn_reset(c), conn_start(c);
                else if (t > c->t0 + 3 * NS) {
                    if (c->sent_close && c->got_close)
                        note(&g_closed, "the server did not end the TCP connection within 3 s of "
                                        "the close handshake");
                    conn_dead(c, "no progress for 3 s");
                }
            }
        }
    }
    d1 = churn_done;
    window_end();
    g_stopping = true;
    close_all();
    u64 save = W.b1;
    W.b1 = W.b0; /* bytes say nothing here */
    int r = report("conn", (double)(d1 - d0), NULL);
    W.b1 = save;
    return r;
}

/* ---------------------------------------------------------------- main */

static void usage(void) {
    fputs("wsload MODE [options]   MODE: echo | broadcast | latency | idle | churn\n"
          "  --host A --port N --path P        server (IPv4 address); default 127.0.0.1 8080 /\n"
          "  --connections N -c N              connections (echo, latency, idle; churn: slots at a "
          "time)\n"
          "  --size N -s N                     payload bytes; default 64\n"
          "  -b | -t                           binary (default) or text payload\n"
          "  --depth D -d D                    echo: messages in flight per connection; default 1\n"
          "  --duration S --warmup S           seconds; default 5 and 1\n"
          "  --rate R                          latency, broadcast: messages published per second, "
          "open loop\n"
          "  --kind echo|broadcast             latency: what the server does; default echo\n"
          "  --subs N --pubs N --window W      broadcast: subscribers, publishers, messages in "
          "flight per publisher\n"
          "  --frac F                          broadcast: share of receivers that must have it; "
          "default 1\n"
          "  --self 0|1                        broadcast: does the sender get its own copy; "
          "default: found out\n"
          "  --pub-path P                      broadcast: publishers connect here\n"
          "  --pub-sink                        broadcast: publishers receive no broadcasts\n"
          "  --ignore-other                    broadcast: messages no publisher sent are counted, "
          "not errors\n"
          "  --hold S                          idle: seconds to hold; default 5\n"
          "  --client-fin                      churn: close TCP at once after the close handshake\n"
          "  --deflate | --deflate-nct         offer permessage-deflate as a browser does | "
          "without context takeover\n"
          "  --mixed                           text, of which a part is not ASCII\n"
          "  --any-opcode                      accept a reply whose text/binary kind differs\n"
          "  --server-pid P [--tree]           measure this process [and its descendants]\n"
          "  --server-cpu N                    also report how busy and how fast this core is\n"
          "  --srcs N                          source addresses 127.0.0.1..N; default: as many as "
          "needed\n"
          "  --ramp N                          handshakes under way at once; default 64\n"
          "  --spin                            poll without sleeping (latency)\n"
          "  --subprotocol S --header 'K: V' --label L --json\n",
          stderr);
    exit(2);
}
int main(int argc, char **argv) {
    enum {
        X_HOST = 256,
        X_PORT,
        X_PATH,
        X_DUR,
        X_WARM,
        X_RATE,
        X_KIND,
        X_SUBS,
        X_PUBS,
        X_WIN,
        X_FRAC,
        X_SELF,
        X_PPATH,
        X_SINK,
        X_OTHER,
        X_HOLD,
        X_CFIN,
        X_DEFL,
        X_NCT,
        X_MIXED,
        X_ANYOP,
        X_PID,
        X_TREE,
        X_CPU,
        X_SRCS,
        X_RAMP,
        X_SPIN,
        X_SUBP,
        X_HDR,
        X_LABEL,
        X_JSON,
        X_THREADS,
        X_STALL
    };
    static const struct option lo[] = {
        {"host", 1, 0, X_HOST},        {"port", 1, 0, X_PORT},
        {"path", 1, 0, X_PATH},        {"connections", 1, 0, 'c'},
        {"size", 1, 0, 's'},           {"depth", 1, 0, 'd'},
        {"duration", 1, 0, X_DUR},     {"warmup", 1, 0, X_WARM},
        {"rate", 1, 0, X_RATE},        {"kind", 1, 0, X_KIND},
        {"subs", 1, 0, X_SUBS},        {"pubs", 1, 0, X_PUBS},
        {"window", 1, 0, X_WIN},       {"frac", 1, 0, X_FRAC},
        {"self", 1, 0, X_SELF},        {"pub-path", 1, 0, X_PPATH},
        {"pub-sink", 0, 0, X_SINK},    {"ignore-other", 0, 0, X_OTHER},
        {"hold", 1, 0, X_HOLD},        {"client-fin", 0, 0, X_CFIN},
        {"deflate", 0, 0, X_DEFL},     {"deflate-nct", 0, 0, X_NCT},
        {"any-opcode", 0, 0, X_ANYOP}, {"server-pid", 1, 0, X_PID},
        {"tree", 0, 0, X_TREE},        {"server-cpu", 1, 0, X_CPU},
        {"srcs", 1, 0, X_SRCS},        {"ramp", 1, 0, X_RAMP},
        {"spin", 0, 0, X_SPIN},        {"subprotocol", 1, 0, X_SUBP},
        {"header", 1, 0, X_HDR},       {"label", 1, 0, X_LABEL},
        {"json", 0, 0, X_JSON},        {"threads", 1, 0, X_THREADS},
        {"stall", 1, 0, X_STALL},      {"mixed", 0, 0, X_MIXED},
        {0, 0, 0, 0}};
    if (argc < 2) usage();
    int m;
    for (m = 0; m < 5; m++)
        if (!strcmp(argv[1], mode_name[m])) break;
    if (m == 5) usage();
    o.mode = (enum mode)m;
    optind = 2;
    int k;
    while ((k = getopt_long(argc, argv, "c:s:d:bt", lo, NULL)) != -1) switch (k) {
        case X_HOST: o.host = optarg; break;
        case X_PORT: o.port = atoi(optarg); break;
        case X_PATH: o.path = optarg; break;
        case 'c': o.conns = atoi(optarg); break;
        case 's': o.size = atoi(optarg); break;
        case 'd': o.depth = atoi(optarg); break;
        case 'b': o.text = false; break;
        case 't': o.text = true; break;
        case X_DUR: o.duration = atof(optarg); break;
        case X_WARM: o.warmup = atof(optarg); break;
        case X_RATE: o.rate = atof(optarg); break;
        case X_KIND: o.kind_broadcast = !strcmp(optarg, "broadcast"); break;
        case X_SUBS: o.subs = atoi(optarg); break;
        case X_PUBS: o.pubs = atoi(optarg); break;
        case X_WIN: o.window = atoi(optarg); break;
        case X_FRAC: o.frac = atof(optarg); break;
        case X_SELF: o.self = atoi(optarg); break;
        case X_PPATH: o.pub_path = optarg; break;
        case X_SINK: o.pub_sink = true; break;
        case X_OTHER: o.ignore_other = true; break;
        case X_HOLD: o.hold = atof(optarg); break;
        case X_CFIN: o.client_fin = true; break;
        case X_DEFL: o.deflate = true; break;
        case X_NCT: o.deflate = o.nct = true; break;
        case X_MIXED: o.text = o.mixed = true; break;
        case X_ANYOP: o.any_opcode = true; break;
        case X_PID: o.server_pid = atoi(optarg); break;
        case X_TREE: o.tree = true; break;
        case X_CPU: o.server_cpu = atoi(optarg); break;
        case X_SRCS: o.srcs = atoi(optarg); break;
        case X_RAMP: o.ramp = atoi(optarg); break;
        case X_SPIN: o.spin = 1; break;
        case X_SUBP: o.subproto = optarg; break;
        case X_HDR: o.header = optarg; break;
        case X_LABEL: o.label = optarg; break;
        case X_JSON: o.json = true; break;
        case X_THREADS:
            if (atoi(optarg) != 1) die("one thread only");
            break;
        case X_STALL: o.stall = atof(optarg); break;
        default: usage();
        }
    bool bc = o.mode == M_BROADCAST || (o.mode == M_LATENCY && o.kind_broadcast);
    if (o.mode == M_LATENCY && o.rate <= 0) die("latency needs --rate");
    if (bc && o.deflate) die("broadcast with deflate is not supported");
    if (bc && o.mixed) die("broadcast with mixed text is not supported");
    if (o.size < 1 || o.size > 256 << 20 || o.depth < 1 || o.conns < 1 || o.pubs < 1 || o.subs < 0)
        die("bad numbers");
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((u16)o.port)};
    if (inet_pton(AF_INET, o.host, &server.sin_addr) != 1) die("--host takes an IPv4 address");
    if ((ntohl(server.sin_addr.s_addr) >> 24) != 127) die("only loopback addresses are allowed");
    n_cs = bc ? o.subs + o.pubs : o.conns;
    if (!o.srcs) o.srcs = o.mode == M_CHURN ? 200 : 1 + n_cs / 20000;
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    rlim_t want = (rlim_t)n_cs + 64;
    if (r.rlim_cur < want) {
        if (r.rlim_max < want) r.rlim_max = want;
        r.rlim_cur = r.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &r))
            die("cannot raise the open file limit to %lu: %s", (unsigned long)want,
                strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    rnd_seed();
    make_keys();
    ep = epoll_create1(EPOLL_CLOEXEC);
    rbuf = xalloc(RBUF + 64);
    cs = xalloc(sizeof *cs * (u64)n_cs);
    for (int i = 0; i < n_cs; i++) cs[i].id = (u32)i, cs[i].fd = -1;
    t_meas1 = ~0ull;
    calib[0] = calibrate();
    if (bc) return run_broadcast();
    if (o.mode == M_ECHO) return run_echo();
    if (o.mode == M_LATENCY) return run_latency_echo();
    if (o.mode == M_IDLE) return run_idle();
    return run_churn();
}
