/*
 * The only program of jailrun's that runs where jail processes can see it: a static executable of a few KiB, run from a
 * sealed memfd. As pid 1 it starts the jail's commands, reaps, passes signals on, and ends with the last process of a
 * jail that does not persist. With CNS_ENTER it first joins a running jail, then runs one command there.
 */
#define _GNU_SOURCE

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "../perform.h"
#include "stage.h"

enum { NO_STATUS = -1 };
enum { CHECK_NANOSECONDS = 100000000, SETTLING_NANOSECONDS = 100000000, CONSOLE_BYTES = 65536, REAPED_AT_ONCE = 64 };

struct stage {
    struct cns_plan *plan;
    const struct cns_command *command;
    uint32_t next;   /* the command to be started next */
    long waited_for; /* pid of the command that is waited for, or 0 */
    long main;       /* pid of the main program, or 0 */
    int last_status; /* wait(2) status of the last command; when all were started, of the main program or what ended
                        last */
    int64_t settles; /* when it is taken for granted that what the last command hides is executed, or 0 */
    int signals;     /* signalfd(2) */
    int is_control_open;
    int may_start;
    int is_started;
    int has_failed;
    int has_main_ended;
    int is_stopping; /* jailrun has sent SIGTERM: each process has its time */
    int is_confined; /* to what it does when all commands run */
    int has_guests;  /* processes that joined the jail and are no children of ours */
    int has_more;    /* that have ended and are not reaped yet */
    int is_in_doubt; /* wait4(2) has failed, or knows of no child although one has not been waited for */
};

void *memcpy(void *to, const void *from, size_t count) {
    for (size_t i = 0; i < count; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int value, size_t count) {
    for (size_t i = 0; i < count; i++)
        ((char *)to)[i] = (char)value;
    return to;
}

long cns_copy_tree(int from, int to, int keeps_top) {
    (void)from, (void)to, (void)keeps_top;
    return -ENOSYS;
}

/* How many descriptors the command is given besides 0, 1 and 2. */
static int passed;
#define CONTROL (CNS_CONTROL_DESCRIPTOR + passed)
#define PLAN (CNS_PLAN_DESCRIPTOR + passed)

/* A command's filter may refuse even that: seccomp(2). */
void end(int status) {
    for (;;) {
        cns_raw1(__NR_exit_group, status);
        __builtin_trap();
    }
}

static void report(struct stage *stage, int32_t kind, int32_t index, int64_t value) {
    if (stage->is_control_open) cns_send_report(CONTROL, kind, index, value, NULL, 0);
}

static struct cns_plan *map_plan(void) {
    struct cns_plan header;
    long size = cns_raw4(__NR_pread64, PLAN, &header, sizeof header, 0);
    long address;

    if (size != (long)sizeof header || header.magic != CNS_PLAN_MAGIC) end(FAILED_BEFORE_EXEC);
    address = cns_raw(__NR_mmap, 0, header.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, PLAN, 0);
    if (address < 0 && address > -4096) end(FAILED_BEFORE_EXEC);
    cns_raw1(__NR_close, PLAN);
    cns_relocate((struct cns_plan *)address);
    return (struct cns_plan *)address;
}

void set_signal_mask(unsigned long mask) { cns_raw4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask); }

/* SIGKILL and SIGSTOP cannot be had; faults of our own must kill. */
#define BIT(signal) (1ul << ((signal)-1))
#define WATCHED (~(BIT(SIGKILL) | BIT(SIGSTOP) | BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP)))

static int64_t now(void) {
    struct timespec moment;

    cns_raw2(__NR_clock_gettime, CLOCK_MONOTONIC, &moment);
    return moment.tv_sec * 1000000000ll + moment.tv_nsec;
}

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* If the number is that of the call, the next instruction lets it pass; else it is skipped. */
#define PASS(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/*
 * When the last command runs, this process reaps, passes signals on and talks to jailrun, and does nothing else. A
 * process of the jail that could trace it, as root of the host's ids with CAP_SYS_PTRACE can, would make it call what
 * the jail's own filter forbids: so it gets a filter of these few calls, and keeps CAP_KILL alone.
 */
static void confine(struct stage *stage) {
    static struct sock_filter program[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        REFUSE,
        LOAD(nr),
        PASS(wait4),
        PASS(ppoll),
        PASS(read),
        PASS(recvmsg),
        PASS(sendmsg),
        PASS(kill),
        PASS(close),
        PASS(clock_gettime),
        PASS(exit_group),
        PASS(restart_syscall),
        PASS(rt_sigreturn),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 1, 0),
        REFUSE,
        LOAD(args[1]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FIONREAD, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        REFUSE,
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct kept[2] = {{1u << CAP_KILL, 1u << CAP_KILL, 0}};

    long error;

    if (stage->is_confined) return;
    stage->is_confined = 1;
    error = cns_raw2(__NR_capset, &header, kept);
    if (error == 0) error = cns_raw5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (error == 0) error = cns_raw3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
    if (error < 0) {
        report(stage, CNS_FAILED, -1, -error);
        end(FAILED_BEFORE_EXEC);
    }
}

static void start_command(struct stage *stage) {
    uint32_t number = stage->next++;
    const struct cns_command *command = &stage->command[number];
    uint32_t is_left = command->mode & (CNS_BACKGROUND | CNS_MAIN);
    int32_t failed = 0;
    /* vfork(2), with memory of its own: when this returns it is executed, or has said why it cannot be. */
    long pid = cns_raw5(__NR_clone, SIGCHLD | (is_left ? CLONE_VFORK : 0), 0, 0, 0, 0);

    if (pid == 0) {
        long error;
        set_signal_mask(0);
        error = cns_perform_steps(stage->plan, command->first, command->count, &failed);
        cns_send_report(CONTROL, CNS_FAILED, failed, -error, NULL, 0);
        end(error == -ENOENT ? NOT_FOUND : FAILED_BEFORE_EXEC);
    }
    if (pid < 0) {
        report(stage, CNS_FAILED, -1, -pid);
        end(FAILED_BEFORE_EXEC);
    }
    report(stage, CNS_RUNNING, (int32_t)number, pid);
    if (command->mode & CNS_MAIN) stage->main = pid;
    if (!is_left)
        stage->waited_for = pid;
    else if (command->mode & CNS_WATCHED)
        stage->settles = now() + SETTLING_NANOSECONDS;
}

static void main_ended(struct stage *stage) {
    stage->has_main_ended = 1;
    /* A start that is not over yet hears of it next. */
    if (stage->is_started) report(stage, CNS_FINISHED, (int32_t)stage->next - 1, stage->last_status);
}

/* Starts commands until one has to be waited for. Returns whether it has started one. */
static int go_on(struct stage *stage) {
    uint32_t before = stage->next;

    while (stage->may_start && !stage->has_failed && stage->waited_for == 0 && !stage->settles && !stage->is_started) {
        if (stage->next < stage->plan->command_count) {
            start_command(stage);
        } else {
            /* A start of which that fails is none. */
            if (!(stage->plan->flags & CNS_ENTER)) confine(stage);
            stage->is_started = 1;
            report(stage, CNS_STARTED, 0, 0);
            /* What is left in a jail that was entered is its pid 1's. */
            if (stage->plan->flags & CNS_ENTER) end(0);
            if (stage->has_main_ended) main_ended(stage);
        }
    }
    if (stage->may_start && stage->next >= stage->plan->command_count) confine(stage);
    return stage->next > before;
}

static int exit_code(int status) {
    if (status == NO_STATUS) return 0;
    return (status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
}

static void command_finished(struct stage *stage, int status) {
    stage->settles = 0;
    stage->last_status = status;
    report(stage, CNS_FINISHED, (int32_t)stage->next - 1, status);
    if (stage->plan->flags & CNS_ENTER) end(exit_code(status));
    /* jail(8): a start command that fails ends the start; jailrun decides what happens to the rest. */
    if (status != 0 && stage->next < stage->plan->command_count) stage->has_failed = 1;
}

static void command_ended(struct stage *stage, int status) {
    stage->waited_for = 0;
    stage->last_status = status;
    if (status == 0 && stage->command[stage->next - 1].mode & CNS_WATCHED)
        stage->settles = now() + SETTLING_NANOSECONDS;
    else
        command_finished(stage, status);
}

/* A shell says so of what it could not execute. */
static int is_unexecuted(int status) { return status == NOT_FOUND << 8 || status == FAILED_BEFORE_EXEC << 8; }

static void settled(struct stage *stage) {
    stage->settles = 0;
    report(stage, CNS_FINISHED, (int32_t)stage->next - 1, 0);
}

static void orphan_ended(struct stage *stage, long pid, int status) {
    int is_last = stage->main ? pid == stage->main : stage->is_started || stage->settles;

    if (is_last) stage->last_status = status;
    if (stage->settles && is_unexecuted(status))
        command_finished(stage, status);
    else if (stage->settles && pid == stage->main)
        settled(stage);
    if (pid == stage->main) main_ended(stage);
}

/*
 * Reaps what has ended. Returns whether a process is left in the jail. One that joined it (jexec) is no child of
 * ours, so its end is not told by SIGCHLD: wait_for_events() looks again after a while. Where processes end faster than
 * they are reaped, as in a fork bomb, jailrun is heard in between.
 */
static int reap(struct stage *stage) {
    stage->has_more = 0;
    for (int reaped = 0; reaped < REAPED_AT_ONCE; reaped++) {
        int status = 0;
        long pid = cns_raw4(__NR_wait4, -1, &status, WNOHANG | __WALL, NULL);
        if (pid == -EINTR) continue;
        stage->is_in_doubt =
            pid < 0 && (pid != -ECHILD || stage->waited_for || (stage->main && !stage->has_main_ended));
        if (pid <= 0) {
            if (stage->settles && (pid == -ECHILD || now() >= stage->settles)) settled(stage);
            stage->has_guests = pid == -ECHILD && !(stage->plan->flags & CNS_ENTER) && cns_raw2(__NR_kill, -1, 0) == 0;
            return pid != -ECHILD || stage->has_guests || stage->is_in_doubt;
        }
        if (pid == stage->waited_for)
            command_ended(stage, status);
        else
            orphan_ended(stage, pid, status);
    }
    if (stage->settles && now() >= stage->settles) settled(stage);
    stage->has_more = 1;
    return 1;
}

static void signal_all(struct stage *stage, int signal) {
    if (stage->plan->flags & CNS_ENTER) {
        if (stage->waited_for <= 0) return;
        /* It leads a session of its own, once it has come so far: what it has started shall not outlive a timeout. */
        if (signal == SIGKILL) cns_raw2(__NR_kill, -stage->waited_for, signal);
        cns_raw2(__NR_kill, stage->waited_for, signal);
    } else {
        cns_raw2(__NR_kill, -1, signal);
    }
}

/* kill(2) or pidfd_send_signal(2) from outside: no process of the jail can be 0, nor forge SI_USER. */
static int is_from_host(const struct signalfd_siginfo *signal) {
    return signal->ssi_code == SI_USER && signal->ssi_pid == 0;
}

static void read_signal(struct stage *stage) {
    struct signalfd_siginfo signal;
    int is_pid_1 = !(stage->plan->flags & CNS_ENTER);

    if (cns_raw3(__NR_read, stage->signals, &signal, sizeof signal) != (long)sizeof signal) return;
    if (signal.ssi_signo == CNS_SIGNAL_PERSIST && is_pid_1 && is_from_host(&signal))
        stage->plan->flags |= CNS_PERSISTENT;
    else if (signal.ssi_signo == CNS_SIGNAL_NO_PERSIST && is_pid_1 && is_from_host(&signal))
        stage->plan->flags &= ~(uint32_t)CNS_PERSISTENT;
    else if (signal.ssi_signo != SIGCHLD) {
        if (signal.ssi_signo == SIGTERM && is_pid_1 && is_from_host(&signal)) stage->is_stopping = 1;
        signal_all(stage, (int)signal.ssi_signo);
    }
}

static void control_closed(struct stage *stage) {
    cns_raw1(__NR_close, CONTROL);
    stage->is_control_open = 0;
    /* The kernel kills what is left in a pid namespace with its pid 1: pid_namespaces(7). */
    if (stage->plan->flags & (CNS_TRANSIENT | CNS_ENTER)) {
        signal_all(stage, SIGKILL);
        end(128 + SIGKILL);
    }
    /* The start was not finished and nobody is left to finish it. */
    if (!stage->is_started) end(FAILED_BEFORE_EXEC);
}

static void read_control(struct stage *stage) {
    struct cns_report message;
    long result = cns_receive_report(CONTROL, &message, NULL, 0);

    if (result < 0)
        control_closed(stage);
    else if (message.kind == CNS_GO)
        stage->may_start = 1;
    else if (message.kind == CNS_SIGNAL)
        signal_all(stage, (int)message.value);
}

/*
 * When the supervisor was killed nobody reads the jail's output, and whoever writes would wait for ever once the pipe
 * is full. Half of it is left for the supervisor that adopts the jail, who reads long before it is half full again.
 */
static void relieve_console(const struct stage *stage) {
    static char dropped[CONSOLE_BYTES / 4];
    int waiting = 0;

    while (cns_raw3(__NR_ioctl, stage->plan->console, FIONREAD, &waiting) == 0 && waiting > CONSOLE_BYTES / 2)
        cns_raw3(__NR_read, stage->plan->console, dropped, sizeof dropped);
}

static void wait_for_events(struct stage *stage) {
    struct pollfd watched[2] = {
        {.fd = stage->signals, .events = POLLIN},
        {.fd = stage->is_control_open ? CONTROL : -1, .events = POLLIN},
    };
    struct timespec soon = {.tv_nsec = stage->has_more ? 0 : CHECK_NANOSECONDS};
    int is_orphaned = !stage->is_control_open && stage->plan->console >= 0;
    int looks_again = stage->has_guests || is_orphaned || stage->settles || stage->has_more || stage->is_in_doubt;

    if (is_orphaned) relieve_console(stage);
    if (cns_raw5(__NR_ppoll, watched, 2, looks_again ? &soon : NULL, NULL, 0) <= 0) return;
    if (watched[0].revents) read_signal(stage);
    if (watched[1].revents) read_control(stage);
}

static void join_jail(struct stage *stage) {
    int32_t failed = 0;
    long error = cns_perform_steps(stage->plan, stage->plan->enter_first, stage->plan->enter_count, &failed);

    if (error < 0) {
        report(stage, CNS_FAILED, failed, -error);
        end(FAILED_BEFORE_EXEC);
    }
}

static int number(const char *digits) {
    int value = 0;

    while (*digits >= '0' && *digits <= '9')
        value = value * 10 + *digits++ - '0';
    return value;
}

/* How the kernel leaves the stack to a program that it starts: execve(2). */
struct start {
    long count;
    const char *argument[];
};

static void run(const struct start *start) {
    struct stage stage = {.last_status = NO_STATUS, .is_control_open = 1};
    unsigned long watched = WATCHED;

    if (start->count > 1) passed = number(start->argument[1]);
    stage.plan = map_plan();

    /* Before any namespace of the jail is shared with a jail process: ptrace(2), "not dumpable". */
    if (cns_raw5(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) end(FAILED_BEFORE_EXEC);
    set_signal_mask(watched);
    stage.command = (const void *)((char *)stage.plan + stage.plan->command_offset);
    stage.signals = (int)cns_raw4(__NR_signalfd4, -1, &watched, sizeof watched, 02000000 /* SFD_CLOEXEC */);
    if (stage.signals < 0) end(FAILED_BEFORE_EXEC);
    if (stage.plan->flags & CNS_BECOME) become(stage.plan, stage.command, CONTROL, stage.signals);
    if (stage.plan->flags & CNS_ENTER) join_jail(&stage);
    stage.may_start = !(stage.plan->flags & CNS_WAIT_FOR_GO);
    /* Otherwise the first command's report says as much. One of its own would wake jailrun on this processor, and the
     * command would wait for its turn: docs/design/0009. */
    if (!stage.may_start) report(&stage, CNS_READY, 0, 0);
    for (;;) {
        int is_populated;
        int is_over;
        go_on(&stage);
        is_populated = reap(&stage);
        if (go_on(&stage)) is_populated = 1;
        is_over = !is_populated || (stage.has_main_ended && !stage.is_stopping);
        if (is_over && stage.waited_for == 0 && stage.is_started && !(stage.plan->flags & CNS_PERSISTENT)) {
            report(&stage, CNS_ENDED, 0, 0);
            end(exit_code(stage.last_status));
        }
        wait_for_events(&stage);
    }
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall cns_stage\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tbl cns_stage\n\tbrk #0\n");
#endif

void cns_stage(const struct start *start);

void cns_stage(const struct start *start) { run(start); }
