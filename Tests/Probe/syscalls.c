// What the seccomp filter says to every system call number, in each of the three ABIs of an x86_64 kernel.
//
// No call is executed. A second filter is put on top, which answers SECCOMP_RET_USER_NOTIF to everything. Of several
// filters the most severe answer counts, and errno, trap and kill are more severe than a notification (seccomp(2)): so
// the number that the listener gives back can only mean that the filters below allow the call.
#include "probe.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBERS = 1024, LET_THROUGH = -4001, NOT_ASKED = 1, KILLED = 2, X32_BIT = 0x40000000 };

// The child asks and the parent reads; the child cannot make a call to say anything.
struct answers {
    volatile int listener; // -errno when the filter could not be loaded
    volatile int current;
    volatile int done;
    volatile long result[NUMBERS];
};

#ifdef __x86_64__
static long ask_native(long number) {
    long result;
    register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0, r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(0L), "S"(0L), "d"(0L), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
static long ask_x32(long number) { return ask_native(number | X32_BIT); }
static long ask_i386(long number) {
    int result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"((int)number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "r8", "r9", "r10", "r11", "memory");
    return result;
}
#else
static long ask_native(long number) {
    long result = syscall(number, 0, 0, 0, 0, 0, 0);
    return result < 0 ? -errno : result;
}
#endif

static _Noreturn void ask_all(struct answers *answers, long (*ask)(long), int from) {
    struct sock_filter notify = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {.len = 1, .filter = &notify};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    answers->listener = fd < 0 ? -errno : (int)fd;
    if (fd < 0) _exit(1);
    for (int number = from; number < NUMBERS; number++) {
        answers->current = number;
        answers->result[number] = ask(number);
    }
    answers->done = 1;
    for (;;)
        ;
}

static void serve(int listener, pid_t child, struct answers *answers) {
    struct pollfd poll_listener = {.fd = listener, .events = POLLIN};
    while (!answers->done) {
        if (poll(&poll_listener, 1, 10) > 0 && poll_listener.revents & POLLIN) {
            struct seccomp_notif request = {0};
            if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0) {
                struct seccomp_notif_resp response = {.id = request.id, .error = LET_THROUGH};
                ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
            }
            continue;
        }
        siginfo_t ended = {0};
        waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT);
        if (ended.si_pid == child) return;
    }
}

// CLONE_FILES: the listener that the child gets is this process's too.
static int ask_from(struct answers *answers, long (*ask)(long), int from) {
    answers->listener = -EAGAIN;
    answers->done = 0;
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) ask_all(answers, ask, from);
    if (child < 0) return -errno;
    while (answers->listener == -EAGAIN && waitpid(child, NULL, WNOHANG) == 0)
        sched_yield();
    int listener = answers->listener;
    if (listener >= 0) {
        serve(listener, child, answers);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(listener);
    }
    return listener < 0 ? listener : 0;
}

static const char *verdict(long result) {
    switch (result) {
    case LET_THROUGH: return "allowed";
    case -EPERM: return "eperm";
    case -ENOSYS: return "enosys";
    case KILLED: return "killed";
    // Another errno of the filter, or one of the kernel: it asks no filter about uprobe and uretprobe.
    default: return "other";
    }
}

static void print_numbers(const char *abi, const char *wanted, const struct answers *answers) {
    int count = 0;
    for (int number = 0; number < NUMBERS; number++)
        count += strcmp(verdict(answers->result[number]), wanted) == 0;
    printf("%s.%s.count %d\n%s.%s", abi, wanted, count, abi, wanted);
    for (int number = 0; number < NUMBERS; number++)
        if (strcmp(verdict(answers->result[number]), wanted) == 0) printf(" %d", number);
    printf("\n");
}

// True when the filter could be asked.
static bool probe_abi(const char *abi, long (*ask)(long)) {
    struct answers *answers = mmap(NULL, sizeof *answers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (answers == MAP_FAILED) return report(abi, false) == YES;
    for (int number = 0; number < NUMBERS; number++)
        answers->result[number] = NOT_ASKED;
    for (int from = 0; from < NUMBERS; from = answers->current + 1) {
        int error = ask_from(answers, ask, from);
        if (error < 0) {
            errno = -error;
            return report(abi, false) == YES;
        }
        if (answers->done) break;
        // The filter killed the child, or the machine has no such entry into the kernel.
        answers->result[answers->current] = KILLED;
    }
    static const char *const verdicts[] = {"allowed", "eperm", "enosys", "killed", "other"};
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        print_numbers(abi, verdicts[i], answers);
    munmap(answers, sizeof *answers);
    return true;
}

int probe_syscalls(int count, char **words) {
    (void)count, (void)words;
#ifdef __x86_64__
    bool asked = probe_abi("x86_64", ask_native);
    asked = probe_abi("i386", ask_i386) && asked;
    asked = probe_abi("x32", ask_x32) && asked;
#else
    bool asked = probe_abi("native", ask_native);
#endif
    return asked ? YES : NO;
}
