#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "clone.h"
#include "cns_relay.h"
#include "raw.h"

static int kind_of(int descriptor, const struct stat *status) {
    struct statfs filesystem;
    int flags = fcntl(descriptor, F_GETFL);

    if (flags < 0) return -errno;
    if (flags & O_PATH) return CNS_PATH;
    switch (status->st_mode & S_IFMT) {
    case S_IFDIR: return CNS_DIRECTORY;
    case S_IFREG: return CNS_FILE;
    case S_IFSOCK: return CNS_SOCKET;
    case S_IFIFO:
        if (fstatfs(descriptor, &filesystem) < 0) return -errno;
        return filesystem.f_type == PIPEFS_MAGIC ? CNS_PIPE : CNS_FIFO;
    default: return CNS_OTHER;
    }
}

int cns_look_at(int descriptor, struct cns_descriptor *found) {
    struct stat status;
    int kind;

    if (fstat(descriptor, &status) < 0) return -errno;
    kind = kind_of(descriptor, &status);
    if (kind < 0) return kind;
    *found = (struct cns_descriptor){.kind = kind,
                                     .mode = status.st_mode & 07777u,
                                     .owner = status.st_uid,
                                     .device = status.st_dev,
                                     .inode = status.st_ino};
    return 0;
}

/* Where the relay finds its descriptors, having closed all others. */
enum { FROM = 0, TO = 1, CONTROL = 2, SPARE = 3 };

/* What fails for a moment is asked for again. */
enum { RELAY_STACK = 16384, BUFFER = 65536, PAGE = 4096, ATTEMPTS = 100 };

struct relay {
    int from;
    int to;
    int control;
    int spare; /* of input: the jail's end, which tells how much was not read; else -1 */
    char *buffer;
};

/* Whoever is killed tells nothing: the end of the socket alone does not say that all was moved. */
static void tell(int control, long error) {
    int32_t number = (int32_t)-error;

    cns_raw(__NR_sendto, control, (long)&number, sizeof number, MSG_NOSIGNAL, 0, 0);
}

static void finish(int control, long error) {
    tell(control, error);
    for (;;)
        cns_raw1(__NR_exit_group, 0);
}

static void move(const struct relay *relay, int from, int to) {
    long result;
    int attempt = 0;

    if (from == to) return;
    do
        result = cns_raw3(__NR_dup3, from, to, 0);
    while ((result == -EINTR || result == -EBUSY) && attempt++ < ATTEMPTS);
    if (result < 0) finish(relay->control, result);
}

/* They are above 3, but for one of 0 to 2 that stays at its own number or, where both are output, moves to 1. */
static void keep_descriptors(const struct relay *relay) {
    move(relay, relay->from, FROM);
    move(relay, relay->to, TO);
    move(relay, relay->control, CONTROL);
    if (relay->spare >= 0) move(relay, relay->spare, SPARE);
    cns_raw3(__NR_close_range, relay->spare >= 0 ? SPARE + 1 : SPARE, ~0u, 0);
}

static long wait_for(struct pollfd *watched, unsigned count) {
    long result;

    do
        result = cns_raw5(__NR_ppoll, watched, count, 0, 0, 0);
    while (result == -EINTR);
    return result;
}

/* Whoever made `to` may have made it nonblocking. */
static long write_all(const char *bytes, long count) {
    while (count > 0) {
        struct pollfd watched = {.fd = TO, .events = POLLOUT};
        long written = cns_raw3(__NR_write, TO, bytes, count);
        if (written == -EAGAIN) wait_for(&watched, 1);
        if (written == -EAGAIN || written == -EINTR) continue;
        if (written < 0) return written;
        bytes += written;
        count -= written;
    }
    return 0;
}

static long read_some(const struct relay *relay, long size) {
    long count;

    do
        count = cns_raw3(__NR_read, FROM, relay->buffer, size);
    while (count == -EINTR);
    return count;
}

/*
 * When the control socket has something to say, what is in the pipe at that moment is moved first, and no more: a
 * process that was left behind may write for ever.
 */
static void relay_output(const void *given) {
    const struct relay *relay = given;
    struct pollfd watched[2] = {{.fd = FROM, .events = POLLIN}, {.fd = CONTROL, .events = POLLIN}};
    int owed = -1;

    keep_descriptors(relay);
    for (;;) {
        wait_for(watched, 2);
        if (watched[1].revents && owed < 0) cns_raw3(__NR_ioctl, FROM, FIONREAD, &owed);
        if (owed == 0) {
            tell(CONTROL, 0);
            cns_raw1(__NR_close, CONTROL);
            watched[1].fd = owed = -1;
        }
        if (watched[0].revents) {
            long count = read_some(relay, BUFFER);
            long error = count > 0 ? write_all(relay->buffer, count) : count;
            if (count <= 0 || error < 0) finish(CONTROL, error);
            if (owed > 0) owed = count < owed ? owed - (int)count : 0;
        }
    }
}

/* Bytes that the jail has not read go back to where the next command of the caller's reads on: lseek(2). */
static void give_back(long count) {
    int unread = 0;

    cns_raw3(__NR_ioctl, SPARE, FIONREAD, &unread);
    cns_raw3(__NR_lseek, FROM, -(count + unread), SEEK_CUR);
    finish(CONTROL, 0);
}

static void relay_input(const void *given) {
    const struct relay *relay = given;
    long first = 0, count = 0, size;
    int is_open = 1;

    keep_descriptors(relay);
    /* What was read of a FIFO cannot be given back: little is. */
    size = cns_raw3(__NR_lseek, FROM, 0, SEEK_CUR) < 0 ? PAGE : BUFFER;
    for (;;) {
        struct pollfd watched[2] = {
            {.fd = CONTROL, .events = POLLIN},
            {.fd = is_open ? (count ? TO : FROM) : -1, .events = count ? POLLOUT : POLLIN},
        };
        wait_for(watched, 2);
        if (watched[0].revents) give_back(count);
        if (!watched[1].revents) continue;
        if (count == 0) {
            first = 0;
            count = read_some(relay, size);
            if (count > 0) continue;
            count = is_open = 0;
            cns_raw1(__NR_close, TO);
        } else {
            long written = cns_raw3(__NR_write, TO, relay->buffer + first, count);
            if (written < 0) continue;
            first += written;
            count -= written;
        }
    }
}

static int start(void (*run)(const void *), struct relay given) {
    size_t size = RELAY_STACK + sizeof given + BUFFER;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct relay *relay = (void *)(memory + RELAY_STACK);
    struct clone_args arguments = {
        .flags = CLONE_VM | CLONE_CLEAR_SIGHAND,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)memory,
        .stack_size = RELAY_STACK,
    };
    int ends[2];
    long pid;

    if (memory == MAP_FAILED) return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    given.control = ends[1];
    given.buffer = (char *)(relay + 1);
    *relay = given;
    pid = cns_clone_sharing_memory(&arguments, run, relay);
    close(ends[1]);
    if (pid >= 0) return ends[0];
    close(ends[0]);
    return (int)pid;
}

int cns_relay_output(int pipe, int descriptor) {
    return start(relay_output, (struct relay){.from = pipe, .to = descriptor, .spare = -1});
}

int cns_relay_input(const int pipe[2], int descriptor) {
    /* Of the end that is written to alone. */
    if (fcntl(pipe[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0) return -errno;
    return start(relay_input, (struct relay){.from = descriptor, .to = pipe[1], .spare = pipe[0]});
}

void cns_relay_settle(int control) { shutdown(control, SHUT_WR); }

int cns_relay_error(int control) {
    int32_t error;

    for (int attempt = 0;; attempt++) {
        ssize_t size = recv(control, &error, sizeof error, MSG_DONTWAIT);
        if (size == (ssize_t)sizeof error) return error;
        if (size >= 0) return -1;
        if ((errno != EINTR && errno != ENOMEM && errno != ENOBUFS) || attempt == ATTEMPTS) return errno;
    }
}
