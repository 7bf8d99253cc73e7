// called PROGRAM [ARGUMENT]...: runs a static program and prints which functions it called, in the order of their first
// calls, and then which variables it changed, all by their addresses. Standard input has a line for each of them, as nm
// -S prints it: address, size, kind.
//
// Each function begins with a breakpoint until it is called. A child that shares the memory meets them, too, so it is
// followed, until it runs another program.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 1 << 26, BREAKPOINT = 0xcc };
enum {
    FOLLOW = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT
};
static unsigned char original[MOST];
static bool is_function[MOST], is_called[MOST];
static struct variable {
    unsigned long address, size;
    unsigned char *before;
} variables[1 << 16];
static int variable_count;

static int memory_of(pid_t process) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", process);
    return open(path, O_RDWR | O_CLOEXEC);
}

static void keep_variable(int memory, unsigned long address, unsigned long size) {
    unsigned char *before = malloc(size);
    if (variable_count == sizeof variables / sizeof *variables || before == NULL ||
        pread(memory, before, size, (off_t)address) != (ssize_t)size)
        free(before);
    else
        variables[variable_count++] = (struct variable){address, size, before};
}

static void set_breakpoint(int memory, unsigned long address) {
    unsigned char breakpoint = BREAKPOINT;
    if (!is_function[address] && pread(memory, &original[address], 1, (off_t)address) == 1)
        is_function[address] = pwrite(memory, &breakpoint, 1, (off_t)address) == 1;
}

static void prepare(pid_t process) {
    char line[4096], kind;
    unsigned long address, size;
    int memory = memory_of(process);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%lx %lx %c", &address, &size, &kind) != 3 || address >= MOST || size == 0) continue;
        if (strchr("tTwW", kind))
            set_breakpoint(memory, address);
        else if (strchr("bBdD", kind))
            keep_variable(memory, address, size);
    }
    close(memory);
}

static void print_changed(pid_t process) {
    int memory = memory_of(process);
    for (struct variable *variable = variables; variable < variables + variable_count; variable++) {
        unsigned char *after = malloc(variable->size);
        if (after != NULL &&
            pread(memory, after, variable->size, (off_t)variable->address) == (ssize_t)variable->size &&
            memcmp(variable->before, after, variable->size) != 0)
            printf("%016lx\n", variable->address);
        free(after);
    }
    close(memory);
}

// True if the process stopped at a breakpoint, which is then no more.
static bool pass_breakpoint(pid_t process) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, process, NULL, &registers) != 0) return false;
    unsigned long long address = registers.rip - 1;
    if (address >= MOST || !is_function[address]) return false;
    int memory = memory_of(process);
    bool is_restored = pwrite(memory, &original[address], 1, (off_t)address) == 1;
    close(memory);
    registers.rip = address;
    if (!is_restored || ptrace(PTRACE_SETREGS, process, NULL, &registers) != 0) return false;
    if (!is_called[address]) printf("%016llx\n", address);
    is_called[address] = true;
    return true;
}

int main(int count, char **words) {
    if (count < 2) {
        fprintf(stderr, "usage: called PROGRAM [ARGUMENT]... <SYMBOLS\n");
        return 64;
    }
    int status, end = 0;
    pid_t first = fork(), process;
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execv(words[1], words + 1);
        perror(words[1]);
        _exit(127);
    }
    if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status)) return 127;
    prepare(first);
    ptrace(PTRACE_SETOPTIONS, first, NULL, FOLLOW);
    ptrace(PTRACE_CONT, first, NULL, 0);
    while ((process = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (process == first && !WIFSTOPPED(status)) end = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        if (process <= 0 || !WIFSTOPPED(status)) continue;
        int signal = WSTOPSIG(status), event = status >> 16;
        if (event == PTRACE_EVENT_EXIT && process == first) print_changed(process);
        if (event == PTRACE_EVENT_EXEC)
            ptrace(PTRACE_DETACH, process, NULL, 0);
        else if (event != 0 || signal == SIGSTOP || (signal == SIGTRAP && pass_breakpoint(process)))
            ptrace(PTRACE_CONT, process, NULL, 0);
        else
            ptrace(PTRACE_CONT, process, NULL, signal);
    }
    return end;
}
