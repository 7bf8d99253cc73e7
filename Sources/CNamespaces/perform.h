/*
 * The interpreter: one loop over a plan's steps. Compiled twice, into jailrun (its host steps, and the child between
 * clone3(2) and exec) and into the static stage. No malloc, no stdio, no errno, no locks.
 */
#ifndef CNS_PERFORM_H
#define CNS_PERFORM_H

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>

#include "include/cns_plan.h"
#include "raw.h"

static inline char *cns_data(const struct cns_plan *plan) { return (char *)(uintptr_t)plan + plan->data_offset; }

static inline int64_t *cns_result(const struct cns_plan *plan, int64_t offset) {
    return (int64_t *)(void *)(cns_data(plan) + offset);
}

/* Addresses are only known once the plan lies where it will be read: done once, before the first step. */
static inline void cns_relocate(struct cns_plan *plan) {
    const struct cns_fixup *fixup = (const void *)((char *)plan + plan->fixup_offset);

    for (uint32_t i = 0; i < plan->fixup_count; i++)
        *cns_result(plan, fixup[i].at) = (int64_t)(uintptr_t)(cns_data(plan) + fixup[i].target);
}

enum { CNS_MAXIMUM_PASSED = 64, CNS_ATTEMPTS = 100 };

/* What a call lacks for a moment, or what interrupts it: the same call again may go well. */
static inline int cns_is_passing(long error) { return error == -EINTR || error == -ENOMEM || error == -ENOBUFS; }

union cns_rights {
    struct cmsghdr header;
    char space[CMSG_SPACE(CNS_MAXIMUM_PASSED * sizeof(int))];
};

static inline long cns_send_report(int socket, int32_t kind, int32_t index, int64_t value, const int *passed,
                                   unsigned count) {
    struct cns_report report = {.kind = kind, .index = index, .value = value};
    struct iovec part = {&report, sizeof report};
    union cns_rights rights;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    long sent;
    int attempts = 0;

    if (count > 0) {
        message.msg_control = rights.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        rights.header.cmsg_level = SOL_SOCKET;
        rights.header.cmsg_type = SCM_RIGHTS;
        rights.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        for (unsigned i = 0; i < count; i++)
            ((int *)(void *)CMSG_DATA(&rights.header))[i] = passed[i];
    }
    do
        sent = cns_raw3(__NR_sendmsg, socket, &message, MSG_NOSIGNAL);
    while (cns_is_passing(sent) && ++attempts < CNS_ATTEMPTS);
    return sent < 0 ? sent : 0;
}

/* Returns the number of descriptors received, -ECONNRESET when the other end is closed, or another negative errno. */
static inline long cns_receive_report(int socket, struct cns_report *report, int *passed, unsigned capacity) {
    struct iovec part = {report, sizeof *report};
    union cns_rights rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.space, .msg_controllen = sizeof rights.space};
    long received, count = 0;
    int attempts = 0;

    /* Who closes its end with something unread resets this one, once, before what it sent last: unix(7). */
    do
        received = cns_raw3(__NR_recvmsg, socket, &message, MSG_CMSG_CLOEXEC);
    while ((cns_is_passing(received) || received == -ECONNRESET) && ++attempts < CNS_ATTEMPTS);
    if (received < 0) return received;
    if (received == 0) return -ECONNRESET;
    if (received != sizeof *report) return -EPROTO;
    if (message.msg_controllen >= sizeof(struct cmsghdr) && rights.header.cmsg_type == SCM_RIGHTS) {
        count = (long)((rights.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (long i = 0; i < count; i++) {
            int descriptor = ((int *)(void *)CMSG_DATA(&rights.header))[i];
            if (i < (long)capacity)
                passed[i] = descriptor;
            else
                cns_raw1(__NR_close, descriptor);
        }
        if (count > (long)capacity) return -EPROTO;
    }
    return count;
}

struct cns_received {
    struct cns_report report;
    int passed[CNS_MAXIMUM_PASSED];
    long count; /* of `passed`, or a negative errno */
};

static inline void cns_receive_message(int socket, struct cns_received *received) {
    received->count = cns_receive_report(socket, &received->report, received->passed, CNS_MAXIMUM_PASSED);
}

/* What CNS_RECEIVE does with a message: `wanted` descriptors go to the results at `row`. */
static inline long cns_accept_received(const struct cns_plan *plan, const struct cns_received *received, int64_t wanted,
                                       int64_t row) {
    if (received->count < 0) return received->count;
    if (received->report.kind != CNS_GO || received->count != wanted) return -EPROTO;
    for (long i = 0; i < received->count; i++)
        cns_result(plan, row)[i] = received->passed[i];
    return 0;
}

static inline long cns_receive_step(const struct cns_plan *plan, const int64_t *a) {
    struct cns_received received;

    cns_receive_message((int)a[0], &received);
    return cns_accept_received(plan, &received, a[1], a[2]);
}

/* execvp(3)'s rule: go on past names that are not there; an unreadable one decides the error if none works. */
static inline long cns_execute_step(const int64_t *a, int is_only_looked_for) {
    const char *const *candidate = (const char *const *)a[0];
    long result = -ENOENT;

    for (; *candidate; candidate++) {
        long error = is_only_looked_for ? cns_raw3(__NR_faccessat, AT_FDCWD, *candidate, 1 /* X_OK */)
                                        : cns_raw3(__NR_execve, *candidate, a[1], a[2]);
        if (error != -ENOENT && error != -ENOTDIR && error != -EACCES) return error;
        if (error == -EACCES || result != -EACCES) result = error == -ENOTDIR ? -ENOENT : error;
    }
    return result;
}

static inline long cns_copy_step(const struct cns_plan *plan, const int64_t *a) {
    for (int64_t i = 0; i < a[2]; i++)
        cns_data(plan)[a[0] + i] = cns_data(plan)[a[1] + i];
    return 0;
}

/* CNS_COPY_TREE, which the stage's plans do not have. */
long cns_copy_tree(int from, int to, int keeps_top);

static inline long cns_perform_step(const struct cns_plan *plan, const struct cns_step *step) {
    int64_t a[6];
    long result;
    int tries = 0;

    for (int i = 0; i < 6; i++) {
        a[i] = step->argument[i].value;
        if (step->argument[i].kind == CNS_DATA)
            a[i] = (int64_t)(uintptr_t)(cns_data(plan) + a[i]);
        else if (step->argument[i].kind == CNS_RESULT)
            a[i] = *cns_result(plan, a[i]);
    }
    switch (step->call) {
    case CNS_RECEIVE: return cns_receive_step(plan, a);
    case CNS_SEND: {
        int passed = (int)a[2];
        return cns_send_report((int)a[0], (int32_t)a[1], step->index, 0, &passed, passed >= 0);
    }
    case CNS_EXECUTE: return cns_execute_step(a, 0);
    case CNS_FIND: return cns_execute_step(a, 1);
    case CNS_COPY: return cns_copy_step(plan, a);
    case CNS_COPY_TREE: return cns_copy_tree((int)a[0], (int)a[1], (int)a[2]);
    default:
        /* openat2(2) answers EAGAIN when a rename races its walk: the same question again is the documented reply. Who
         * goes on renaming could keep it from its end for as long as he likes. */
        do
            result = cns_raw(step->call, a[0], a[1], a[2], a[3], a[4], a[5]);
        while (result == -EINTR || (result == -EAGAIN && step->call == __NR_openat2 && ++tries < CNS_ATTEMPTS));
        return result;
    }
}

/* Nanoseconds of CLOCK_MONOTONIC, clock_gettime(2); 0 when nobody asked for times. */
static inline int64_t cns_now(const struct cns_plan *plan) {
    int64_t now[2];

    if (!plan->times) return 0;
    cns_raw2(__NR_clock_gettime, 1, now);
    return now[0] * 1000000000 + now[1];
}

/* Both, for jailrun and the child perform steps that are neighbours at the same time. Returns when it ended. */
static inline int64_t cns_record_time(const struct cns_plan *plan, uint32_t step, int64_t began) {
    int64_t *times = (int64_t *)(uintptr_t)plan->times;

    if (!times) return 0;
    times[2 * step] = began;
    return times[2 * step + 1] = cns_now(plan);
}

/* Performs steps [first, first + count). Returns 0, or a negative errno with *failed the failed step's own number. */
static inline long cns_perform_steps(struct cns_plan *plan, uint32_t first, uint32_t count, int32_t *failed) {
    const struct cns_step *step = (const void *)((char *)plan + plan->step_offset);
    int64_t began = cns_now(plan);

    for (uint32_t i = first; i < first + count; i++) {
        long result = cns_perform_step(plan, &step[i]);
        began = cns_record_time(plan, i, began);
        if (result < 0 && (step[i].allowed_error == 0 || result != -step[i].allowed_error)) {
            *failed = step[i].index;
            return result;
        }
        if (step[i].result >= 0) *cns_result(plan, step[i].result) = result;
    }
    return 0;
}

#endif
