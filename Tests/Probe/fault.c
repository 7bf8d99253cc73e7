// probe fault: runs a command of jailrun's, and at one of its system calls lets that fail, or kills the process that
// makes it.
//
// A point is PROCESS/CALL/COUNT, where CALL is a number: 0.2/257/3 is the third openat(2), on x86_64, of the second
// process that the first one made. Processes and their calls are numbered in an order that does not depend on how they
// take turns. A process is jailrun's until it executes another program; pid 1 of a jail is, too.
#include "probe.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PROCESSES = 256,
    CALLS = 600,
    HUNG = 124,
    TICK_MICROSECONDS = 5000,
    QUIET_MILLISECONDS = 15,
    SETTLING_MILLISECONDS = 400
};

struct process {
    pid_t pid;
    char path[64];
    unsigned children;
    uint16_t counts[CALLS];
    bool is_named, is_ours, is_stopped, fails;
};

static struct process processes[PROCESSES];
static char program[PATH_MAX];
static FILE *notes;
static int deadline_seconds;
static bool has_begun; // the command is executed

// What is to happen, and where; `error` 0 is SIGKILL.
static struct {
    char path[64];
    int call, count, error;
    bool is_set, is_hit;
} point;

static void note(const char *format, ...) {
    va_list words;
    va_start(words, format);
    vfprintf(notes, format, words);
    va_end(words);
    fflush(notes);
}

static struct process *find(pid_t pid, bool makes) {
    struct process *unused = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if (processes[i].pid == pid) return &processes[i];
        if (!unused && processes[i].pid == 0) unused = &processes[i];
    }
    if (!makes || !unused) return NULL;
    memset(unused, 0, sizeof *unused);
    unused->pid = pid;
    unused->is_ours = true;
    return unused;
}

static void resume(pid_t pid, int signal) {
    ptrace(point.is_hit && !find(pid, true)->fails ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, signal);
}

#if defined(__x86_64__)
static void skip_call(pid_t pid) { ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1l); }
static void set_result(pid_t pid, long result) {
    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result);
}
#else
static void skip_call(pid_t pid) {
    int number = -1;
    struct iovec part = {&number, sizeof number};
    ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &part);
}
static void set_result(pid_t pid, long result) {
    struct user_regs_struct registers;
    struct iovec part = {&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, pid, 1 /* NT_PRSTATUS */, &part);
    registers.regs[0] = (unsigned long long)result;
    ptrace(PTRACE_SETREGSET, pid, 1, &part);
}
#endif

static void enter(struct process *process, int call) {
    if (call < 0 || call >= CALLS || (!has_begun && process->path[0] == '0')) return;
    int count = ++process->counts[call];
    if (!point.is_set) note("%s/%d/%d\n", process->path, call, count);
    if (!point.is_set || point.is_hit || call != point.call || count != point.count) return;
    if (strcmp(process->path, point.path) != 0) return;
    point.is_hit = true;
    note("hit\n");
    if (point.error == 0) {
        kill(process->pid, SIGKILL);
    } else {
        process->fails = true;
        skip_call(process->pid);
    }
}

static void syscall_stopped(struct process *process) {
    struct __ptrace_syscall_info information;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof information, &information) > 0) {
        if (information.op == PTRACE_SYSCALL_INFO_ENTRY) {
            enter(process, (int)information.entry.nr);
        } else if (information.op == PTRACE_SYSCALL_INFO_EXIT && process->fails) {
            process->fails = false;
            set_result(process->pid, -point.error);
        }
    }
    resume(process->pid, 0);
}

// A child may stop before its parent says that it has one.
static void begin(struct process *process) {
    if (process->is_named && process->is_stopped) resume(process->pid, 0);
}

static void cloned(struct process *parent) {
    unsigned long pid = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) == 0) {
        struct process *child = find((pid_t)pid, true);
        if (child) {
            snprintf(child->path, sizeof child->path, "%.50s.%u", parent->path, ++parent->children);
            child->is_named = true;
            begin(child);
        }
    }
    resume(parent->pid, 0);
}

static bool runs_jailrun(pid_t pid) {
    char link[64], target[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", pid);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0) return false;
    target[length] = '\0';
    return strcmp(target, program) == 0 || strncmp(target, "/memfd:jailrun-init", 19) == 0;
}

static void executed(struct process *process) {
    has_begun = true;
    if (runs_jailrun(process->pid)) return resume(process->pid, 0);
    ptrace(PTRACE_DETACH, process->pid, 0, 0);
    process->pid = 0;
}

static void stopped(struct process *process, int status) {
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
        return cloned(process);
    if (event == PTRACE_EVENT_EXEC) return executed(process);
    if (signal == (SIGTRAP | 0x80)) return syscall_stopped(process);
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        ptrace(PTRACE_LISTEN, process->pid, 0, 0);
    } else if (event == PTRACE_EVENT_STOP) {
        if (process->is_named) return resume(process->pid, 0);
        process->is_stopped = true;
    } else {
        bool is_crash = signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGABRT ||
                        signal == SIGFPE || signal == SIGTRAP || signal == SIGSYS;
        if (is_crash) note("crash %s %s\n", process->path, sigabbrev_np(signal));
        resume(process->pid, signal);
    }
}

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Where each is that has not ended, and an end to all.
static int give_up(void) {
    for (int i = 0; i < PROCESSES; i++) {
        char path[64], text[256] = "";
        if (processes[i].pid == 0) continue;
        snprintf(path, sizeof path, "/proc/%d/syscall", processes[i].pid);
        FILE *file = fopen(path, "re");
        if (file && fgets(text, sizeof text, file)) text[strcspn(text, "\n")] = '\0';
        note("hung %s in %s\n", processes[i].path, text);
        if (file) fclose(file);
        kill(processes[i].pid, SIGKILL);
    }
    return HUNG;
}

static void on_tick(int signal) { (void)signal; }

// waitpid(2) returns now and then, for whoever watches the time.
static void begin_ticking(void) {
    struct sigaction action = {.sa_handler = on_tick};
    struct itimerval interval = {{.tv_usec = TICK_MICROSECONDS}, {.tv_usec = TICK_MICROSECONDS}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);
}

// Follows all until the first one has ended, and the others have nothing more to do for now.
static int follow(pid_t first) {
    int64_t end = milliseconds() + deadline_seconds * 1000, quiet = 0, settled = 0;
    int result = -1, status;
    begin_ticking();
    while (true) {
        pid_t pid = waitpid(-1, &status, __WALL);
        int64_t now = milliseconds();
        if (result >= 0 && (now > settled || (pid < 0 && (errno == ECHILD || now > quiet)))) return result;
        if (now > end) return give_up();
        if (pid <= 0) continue;
        struct process *process = find(pid, true);
        quiet = now + QUIET_MILLISECONDS;
        if (!process) return give_up();
        if (WIFSTOPPED(status)) {
            stopped(process, status);
            continue;
        }
        process->pid = 0;
        if (pid != first) continue;
        result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        settled = now + SETTLING_MILLISECONDS;
    }
}

static const long options =
    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

static bool attach(pid_t pid, const char *path) {
    struct process *process = find(pid, true);
    snprintf(process->path, sizeof process->path, "%s", path);
    process->is_named = true;
    return ptrace(PTRACE_SEIZE, pid, 0, options) == 0;
}

static pid_t start(char **command) {
    int ready[2];
    if (pipe(ready) != 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ready[1]);
        if (read(ready[0], &byte, 1) == 1) execv(command[0], command);
        _exit(127);
    }
    close(ready[0]);
    bool is_attached = pid > 0 && attach(pid, "0");
    if (is_attached && write(ready[1], "", 1) != 1) is_attached = false;
    close(ready[1]);
    return is_attached ? pid : -1;
}

// fault FILE SECONDS count|kill|ERRNO POINT PID,PID COMMAND...: what happens is noted in the file.
int probe_fault(int count, char **words) {
    if (count < 6) return UNASKED;
    notes = fopen(words[0], "we");
    deadline_seconds = atoi(words[1]);
    if (!notes || !realpath(words[5], program)) return report("fault", false);
    if (strcmp(words[2], "count") != 0) {
        if (sscanf(words[3], "%63[^/]/%d/%d", point.path, &point.call, &point.count) != 3) return UNASKED;
        point.error = strcmp(words[2], "kill") == 0 ? 0 : atoi(words[2]);
        point.is_set = true;
    }
    int number = 0;
    for (char *pid = strtok(words[4], ","); pid; pid = strtok(NULL, ",")) {
        char path[8];
        snprintf(path, sizeof path, "s%d", number++);
        if (atoi(pid) > 0 && !attach(atoi(pid), path)) return report("attach", false);
        // One that waits is not stopped: its calls are seen from the next one on.
        if (atoi(pid) > 0) ptrace(PTRACE_INTERRUPT, atoi(pid), 0, 0);
    }
    pid_t first = start(words + 5);
    return first < 0 ? report("start", false) : follow(first);
}
