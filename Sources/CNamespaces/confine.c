#define _GNU_SOURCE
#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cns_spawn.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define FOREIGN 0x40000000u /* x32's numbers */
#else
#define NATIVE AUDIT_ARCH_AARCH64
#define FOREIGN 0xffffffffu
#endif

#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))
#define REFUSED(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), REFUSE

/* No start, stop or health command makes these, nor may a jail of the default filter: seccomp_table.h. */
int cns_refuse_machine_calls(void) {
    static struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
        REFUSE,
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN, 0, 1),
        REFUSE,
#if defined(__x86_64__)
        REFUSED(ioperm),
        REFUSED(iopl),
#endif
        REFUSED(acct),
        REFUSED(add_key),
        REFUSED(clock_settime),
        REFUSED(delete_module),
        REFUSED(finit_module),
        REFUSED(init_module),
        REFUSED(io_uring_enter),
        REFUSED(io_uring_register),
        REFUSED(io_uring_setup),
        REFUSED(kexec_file_load),
        REFUSED(kexec_load),
        REFUSED(migrate_pages),
        REFUSED(move_pages),
        REFUSED(open_by_handle_at),
        REFUSED(perf_event_open),
        REFUSED(quotactl),
        REFUSED(reboot),
        REFUSED(request_key),
        REFUSED(settimeofday),
        REFUSED(swapoff),
        REFUSED(swapon),
        REFUSED(syslog),
        REFUSED(userfaultfd),
        REFUSED(vhangup),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0 ? -errno : 0;
}
