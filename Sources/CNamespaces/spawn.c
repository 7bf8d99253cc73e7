#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clone.h"
#include "cns_spawn.h"
#include "perform.h"

enum { FAILED_BEFORE_EXEC = 126 };

void cns_plan_relocate(struct cns_plan *plan) { cns_relocate(plan); }

long cns_plan_perform(struct cns_plan *plan, uint32_t first, uint32_t count, int32_t *failed) {
    return cns_perform_steps(plan, first, count, failed);
}

struct cns_child {
    struct cns_plan *plan;
    uint32_t first;
    uint32_t count;
    int control;
    int is_waiting;
    struct cns_plan *rest; /* of a child that waits */
};

/* Whoever lets the child go on has written before what it goes on with. */
static long perform_rest(const struct cns_child *child, int32_t *failed) {
    struct cns_received received;
    const struct cns_step *step;
    int64_t began = cns_now(child->plan);
    long error;

    cns_receive_message(child->control, &received);
    if (received.count < 0) return received.count;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    step = (const struct cns_step *)((char *)child->rest + child->rest->step_offset);
    *failed = step->index;
    error = cns_accept_received(child->rest, &received, step->argument[1].value, step->argument[2].value);
    if (error < 0) return error;
    cns_record_time(child->rest, 0, began);
    return cns_perform_steps(child->rest, 1, child->rest->step_count - 1, failed);
}

/* A caller that ignores SIGPIPE or SIGTERM must not make the jail do so: signal(7), "inherited through execve". */
static void reset_signal_dispositions(void) {
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        unsigned long mask;
    } standard = {0};

    for (int signal = 1; signal <= 64; signal++)
        cns_raw4(__NR_rt_sigaction, signal, &standard, NULL, sizeof standard.mask);
}

static void run_child(const void *argument) {
    const struct cns_child *child = argument;
    int32_t failed = 0;
    long error;

    reset_signal_dispositions();
    error = cns_perform_steps(child->plan, child->first, child->count, &failed);

    if (error == 0 && child->is_waiting) error = perform_rest(child, &failed);
    cns_send_report(child->control, CNS_FAILED, failed, -error, NULL, 0);
    cns_raw1(__NR_exit_group, error == -ENOENT ? 127 : FAILED_BEFORE_EXEC);
}

enum { CHILD_STACK = 65536 };

static char *new_memory(size_t size) {
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* A process between the caller and the child. */
struct deliverer {
    struct cns_before_birth *before;
    struct clone_args *arguments;
    const struct cns_child *child;
    long result;
};

static void deliver(const void *given) {
    struct deliverer *deliverer = (struct deliverer *)(uintptr_t)given;
    struct cns_before_birth *before = deliverer->before;

    deliverer->result = cns_perform_steps(before->plan, before->first, before->count, &before->failed);
    if (deliverer->result == 0)
        deliverer->result = cns_clone_sharing_memory(deliverer->arguments, run_child, deliverer->child);
    cns_raw1(__NR_exit_group, 0);
}

/*
 * The caller waits until this process has ended, and has the child for its own: CLONE_PARENT, which takes no signal but
 * has that of the process between. Descriptors are shared, so that the child's pidfd is opened here.
 */
static long clone_elsewhere(struct cns_before_birth *before, struct clone_args *arguments,
                            const struct cns_child *child) {
    struct deliverer deliverer = {.before = before, .arguments = arguments, .child = child};
    char *stack = new_memory(CHILD_STACK);
    struct clone_args own = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_CLEAR_SIGHAND,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = CHILD_STACK,
    };
    long pid;

    if (!stack) return -ENOMEM;
    arguments->flags |= CLONE_PARENT;
    arguments->exit_signal = 0;
    pid = cns_clone_sharing_memory(&own, deliver, &deliverer);
    if (pid > 0)
        while (cns_raw4(__NR_wait4, pid, NULL, __WALL, NULL) == -EINTR) {
        }
    munmap(stack, CHILD_STACK);
    return pid < 0 ? pid : deliverer.result;
}

/*
 * The child's stack and plan are in one mapping that is never unmapped: the child may be using it for as long as it
 * lives.
 */
static long spawn(struct cns_child start, struct cns_before_birth *before, uint64_t flags, int cgroup, int *pidfd,
                  struct cns_child **spawned) {
    char *memory = new_memory(CHILD_STACK + sizeof start + 64 + start.plan->size);
    struct cns_child *child = (void *)(memory + CHILD_STACK);
    struct clone_args arguments = {
        .flags = flags | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)memory,
        .stack_size = CHILD_STACK,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };

    if (!memory) return -ENOMEM;
    *child = start;
    child->plan = (void *)(child + 1);
    memcpy(child->plan, start.plan, start.plan->size);
    cns_relocate(child->plan);
    if (spawned) *spawned = child;
    if (before && before->count > 0) return clone_elsewhere(before, &arguments, child);
    return cns_clone_sharing_memory(&arguments, run_child, child);
}

long cns_spawn(struct cns_plan *plan, uint32_t first, uint32_t count, uint64_t flags, int cgroup, int control,
               int *pidfd) {
    struct cns_child start = {.plan = plan, .first = first, .count = count, .control = control};

    return spawn(start, NULL, flags, cgroup, pidfd, NULL);
}

long cns_spawn_waiting(struct cns_plan *plan, struct cns_before_birth *before, uint64_t flags, int cgroup, int control,
                       int *pidfd, struct cns_child **child) {
    struct cns_child start = {.plan = plan, .count = plan->step_count, .control = control, .is_waiting = 1};

    return spawn(start, before, flags, cgroup, pidfd, child);
}

void cns_prepare_child(struct cns_child *child, struct cns_plan *plan) {
    child->rest = plan;
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static int seal(int memfd) {
    if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0) return memfd;
    int error = errno;
    close(memfd);
    return -error;
}

static int create_memfd(const char *name) {
    /* MFD_EXEC says that it will be run: kernels since 6.3 warn without it, older ones do not know it. */
    int memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10u);

    if (memfd < 0 && errno == EINVAL) memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return memfd < 0 ? -errno : memfd;
}

int cns_sealed_memfd(const char *name, const void *bytes, size_t size) {
    int memfd = create_memfd(name);

    if (memfd < 0) return memfd;
    for (size_t written = 0; written < size;) {
        ssize_t result = write(memfd, (const char *)bytes + written, size - written);
        if (result < 0 && errno == EINTR) continue;
        if (result <= 0) {
            int error = result < 0 ? errno : ENOSPC;
            close(memfd);
            return -error;
        }
        written += (size_t)result;
    }
    return seal(memfd);
}

static uint8_t nibble(char digit) { return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

void cns_decode_hex(uint8_t *bytes, const char *digits, size_t count) {
    for (size_t i = 0; i < count / 2; i++)
        bytes[i] = (uint8_t)(nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]));
}

int cns_sealed_memfd_from_hex(const char *name, const char *digits, size_t count) {
    uint8_t *bytes = malloc(count / 2);
    int memfd;

    if (!bytes) return -ENOMEM;
    cns_decode_hex(bytes, digits, count);
    memfd = cns_sealed_memfd(name, bytes, count / 2);
    free(bytes);
    /* Who runs a program that he may not read can be traced by nobody who may not read it: ptrace(2), access mode
     * checking. Root inside may not, whatever capabilities he has over his own ids. */
    if (memfd >= 0 && fchmod(memfd, 0111) < 0) {
        int error = errno;
        close(memfd);
        return -error;
    }
    return memfd;
}

int cns_control_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

int cns_pipe(int ends[2], mode_t mode) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    if (mode == 0 || fchmod(ends[1], mode) == 0) return 0;
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    return -error;
}

int cns_send(int socket, int32_t kind, int32_t index, int64_t value, const int *passed, unsigned count) {
    return count > CNS_MAXIMUM_PASSED ? -E2BIG : (int)cns_send_report(socket, kind, index, value, passed, count);
}

static int64_t milliseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A poll(2) that is interrupted, or lacks memory for a moment, has not said anything. */
static int wait_readable(int descriptor, int timeout) {
    struct pollfd watched = {.fd = descriptor, .events = POLLIN};
    int64_t end = timeout > 0 ? milliseconds() + timeout : 0;
    int result;

    while ((result = poll(&watched, 1, timeout)) < 0 && cns_is_passing(-errno))
        if (timeout > 0) timeout = end > milliseconds() ? (int)(end - milliseconds()) : 0;
    if (result == 0) return -ETIMEDOUT;
    return result < 0 ? -errno : 0;
}

int cns_receive(int socket, struct cns_report *report, int *passed, unsigned capacity, int timeout) {
    int result = wait_readable(socket, timeout);

    return result < 0 ? result : (int)cns_receive_report(socket, report, passed, capacity);
}

int cns_wait(int pidfd, int timeout) {
    siginfo_t information;
    int attempts = 0, result = wait_readable(pidfd, timeout);

    if (result < 0) return result;
    /* A child whose descriptor is readable is there to be waited for, whatever one call says. */
    while (waitid(P_PIDFD, (id_t)pidfd, &information, WEXITED) < 0)
        if ((errno != EINTR && errno != ECHILD) || ++attempts == CNS_ATTEMPTS) return -errno;
    if (information.si_code == CLD_EXITED) return (information.si_status & 0xff) << 8;
    return information.si_status & 0x7f;
}

int cns_pidfd_open(pid_t pid) {
    static const struct timespec pause = {.tv_nsec = 10000000};
    long result;

    /* Without it a jail would be killed that is only asked to end: others may give a descriptor back. */
    for (int attempt = 0; (result = syscall(SYS_pidfd_open, pid, 0)) < 0 && attempt < 10; attempt++) {
        if (errno != EMFILE && errno != ENFILE && errno != ENOMEM) break;
        nanosleep(&pause, NULL);
    }
    return result < 0 ? -errno : (int)result;
}

int cns_pidfd_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

pid_t cns_fork(int *pidfd) {
    /* What fork(3) does beside is for threads. The third argument is where the descriptor goes: clone(2), CLONE_PIDFD.
     */
    long pid = pidfd ? syscall(SYS_clone, SIGCHLD | CLONE_PIDFD, NULL, pidfd, NULL, NULL) : fork();
    return pid < 0 ? -errno : (pid_t)pid;
}

static int is_chrooted(void) {
    struct statx ours, whole;
    int space = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    if (space < 0 || statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &ours) < 0) return 2;
    if (setns(space, CLONE_NEWNS) < 0 || statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &whole) < 0) return 2;
    return ours.stx_mnt_id != whole.stx_mnt_id || ours.stx_ino != whole.stx_ino;
}

int cns_is_chrooted(void) {
    int status;
    pid_t child = fork();

    if (child == 0) _exit(is_chrooted());
    if (child < 0) return -errno;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) < 2 ? WEXITSTATUS(status) : -EPERM;
}

/* A bit for each of 0 to 2 that was closed when the program began. */
static int closed_descriptors;

int cns_fill_descriptors(void) {
    struct pollfd standard[] = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}};

    if (poll(standard, 3, 0) <= 0) return 0;
    for (int number = 0; number < 3; number++) {
        if (!(standard[number].revents & POLLNVAL)) continue;
        /* open(2) takes the lowest number. Who reads or writes the wrong way round is told EBADF, as before. */
        if (open("/dev/null", (number ? O_RDONLY : O_WRONLY) | O_NOCTTY) != number) return -errno;
        closed_descriptors |= 1 << number;
    }
    return closed_descriptors;
}

int cns_was_closed(int descriptor) { return closed_descriptors >> descriptor & 1; }

int cns_take_descriptors(int passed) {
    int descriptor;

    for (descriptor = 0; descriptor < 3; descriptor++)
        if (cns_was_closed(descriptor)) close(descriptor);
    if (syscall(SYS_close_range, 3u + (unsigned)passed, ~0u, 0) < 0) return -errno;
    do {
        descriptor = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (descriptor < 0) return -errno;
        if (descriptor < 3) fcntl(descriptor, F_SETFD, 0);
    } while (descriptor < CNS_JOINED_DESCRIPTOR + passed);
    return 0;
}

void cns_keep_descriptors(int one, int other) {
    unsigned low = (unsigned)(one < other ? one : other), high = (unsigned)(one < other ? other : one);

    if (low > CNS_JOINED_DESCRIPTOR + 1) syscall(SYS_close_range, CNS_JOINED_DESCRIPTOR + 1u, low - 1, 0);
    if (high > low + 1) syscall(SYS_close_range, low + 1, high - 1, 0);
    syscall(SYS_close_range, high + 1, ~0u, 0);
}

void cns_keep_memory(void) {
    mallopt(M_TOP_PAD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 26);
}

int cns_notify(const char *address, const char *message) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    ssize_t sent;
    int descriptor;

    if (length == 0 || length >= sizeof name.sun_path) return -EINVAL;
    memcpy(name.sun_path, address, length);
    if (name.sun_path[0] == '@') name.sun_path[0] = 0;
    descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    sent = sendto(descriptor, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&name,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(descriptor);
    return sent < 0 ? -errno : 0;
}

int cns_watch_signals(void) {
    static const int watched[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
    sigset_t set;
    int descriptor;

    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        signal(watched[i], SIG_DFL);
        sigaddset(&set, watched[i]);
    }
    sigprocmask(SIG_SETMASK, &set, NULL);
    descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cns_read_signal(int signals) {
    struct signalfd_siginfo information;

    return read(signals, &information, sizeof information) == sizeof information ? (int)information.ssi_signo : 0;
}

int cns_read_signal_of(int signals, int *is_kernels) {
    struct signalfd_siginfo information;

    if (read(signals, &information, sizeof information) != sizeof information) return 0;
    *is_kernels = information.ssi_code == SI_KERNEL;
    return (int)information.ssi_signo;
}

int cns_make_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* Who that is, of the process that asked for it: its children are others. */
static pid_t bound, bound_to;

void cns_die_with_parent(pid_t parent) {
    bound = getpid();
    bound_to = parent;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(128 + SIGKILL);
}

void cns_stay_with_parent(void) {
    if (bound && bound == getpid()) cns_die_with_parent(bound_to);
}

int cns_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0; }

pid_t cns_next_ended(void) {
    siginfo_t information = {0};

    return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : information.si_pid;
}

int cns_take_descriptor(int pidfd, int descriptor) {
    long result = syscall(SYS_pidfd_getfd, pidfd, descriptor, 0);
    return result < 0 ? -errno : (int)result;
}
