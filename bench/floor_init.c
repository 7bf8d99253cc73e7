// Pid 1 of the floor, from a sealed memfd as a jail's: without a C library, it starts the command that its arguments
// are, with what is left of privileges, and waits for it.
#include "../Sources/CNamespaces/raw.h"
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

enum { KEPT_CAPABILITIES = 0x800405fb, ENOSYS_NUMBER = 38 };

static long check(long result) {
    if (result < 0) cns_raw1(SYS_exit_group, 125);
    return result;
}

// Looks up an interval of two numbers by bisection: as many instructions as the real filter has. LIMIT numbers are
// known.
enum { LIMIT = 444, INTERVAL = 2 };
static unsigned short bisect(struct sock_filter *code, unsigned short length, unsigned low, unsigned high) {
    if (high - low <= INTERVAL) {
        unsigned action = low < LIMIT ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | ENOSYS_NUMBER;
        code[length] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
        return length + 1;
    }
    unsigned middle = (low / INTERVAL + (high - low) / INTERVAL / 2) * INTERVAL;
    unsigned short end = bisect(code, length + 1, low, middle);
    code[length] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, middle, (unsigned char)(end - length - 1), 0);
    return bisect(code, end, middle, high);
}

static void filter(void) {
    struct sock_filter code[4 + 2 * (LIMIT / INTERVAL + 1)];
    unsigned short length = 0;
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS_NUMBER);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    length = bisect(code, length, 0, LIMIT + INTERVAL);
    struct sock_fprog program = {.len = length, .filter = code};
    check(cns_raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static _Noreturn void run(char **command) {
    static char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    unsigned group = 0;
    check(cns_raw0(SYS_setsid));
    check(cns_raw2(SYS_setgroups, 1, &group));
    check(cns_raw3(SYS_setresgid, 0, 0, 0));
    check(cns_raw3(SYS_setresuid, 0, 0, 0));
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = KEPT_CAPABILITIES, .permitted = KEPT_CAPABILITIES}};
    check(cns_raw2(SYS_capset, &header, data));
    filter();
    check(cns_raw3(SYS_close_range, 3, ~0U, 0));
    cns_raw3(SYS_execve, command[0], command, environment);
    for (;;)
        cns_raw1(SYS_exit_group, 127);
}

_Noreturn void start(long *stack);

__attribute__((used)) void start(long *stack) {
    char **words = (char **)(stack + 1);
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    long child = check(cns_raw2(SYS_clone3, &arguments, sizeof arguments));
    if (child == 0) run(words + 1);
    int status = 0;
    check(cns_raw4(SYS_wait4, child, &status, 0, 0));
    for (;;)
        cns_raw1(SYS_exit_group, status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall start\n");
