#define _GNU_SOURCE
#include "include/cns_seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* MARK: the table */

/* `fallback` is the number when libseccomp does not know the name, or -1. */
struct table_row {
    const char *name;
    const char *group;
    const char *why;
    uint64_t capabilities;
    int fallback;
    enum cns_seccomp_verdict verdict;
};

#define CAP(name) (1ull << CAP_##name)
#define ROW(verdict, number, name, caps, why) {#name, NULL, why, caps, number, verdict},
#define GROUP(title, why) {NULL, title, why, 0, -1, CNS_SECCOMP_ABSENT},
#define ALLOW(name) ROW(CNS_SECCOMP_ALLOW, -1, name, 0, "")
#define ALLOW_AT(number, name) ROW(CNS_SECCOMP_ALLOW, number, name, 0, "")
#define CHECK(name, why) ROW(CNS_SECCOMP_CHECK, -1, name, 0, why)
#define DENY(name, caps, why) ROW(CNS_SECCOMP_DENY, -1, name, caps, why)
#define DENY_AT(number, name, caps, why) ROW(CNS_SECCOMP_DENY, number, name, caps, why)
#define ABSENT(name, why) ROW(CNS_SECCOMP_ABSENT, -1, name, 0, why)
#define ABSENT_AT(number, name, why) ROW(CNS_SECCOMP_ABSENT, number, name, 0, why)

static const struct table_row table[] = {
#include "seccomp_table.h"
};

static int row_number(const struct table_row *row) {
    int number = seccomp_syscall_resolve_name(row->name);
    return number == __NR_SCMP_ERROR ? row->fallback : number;
}

int cns_seccomp_row(size_t index, struct cns_seccomp_row *out) {
    const char *group = "";
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].name == NULL) {
            group = table[i].group;
        } else if (index-- == 0) {
            *out = (struct cns_seccomp_row){table[i].name,         group,
                                            table[i].why,          table[i].capabilities,
                                            row_number(&table[i]), table[i].verdict};
            return 0;
        }
    }
    return -ENOENT;
}

int cns_seccomp_newest_known(void) {
    int newest = 0;
    for (size_t i = 0; i < COUNT(table); i++) {
        int number = table[i].name == NULL ? -1 : row_number(&table[i]);
        newest = number > newest ? number : newest;
    }
    return newest;
}

int cns_seccomp_number(const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR) return number >= 0 ? number : -ENOENT;
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].name != NULL && strcmp(table[i].name, name) == 0 && table[i].fallback >= 0)
            return table[i].fallback;
    }
    return -ENOENT;
}

/* MARK: instructions of our own, before libseccomp's */

/*
 * libseccomp has one default action, and no way to say "this call, unless its argument is A or B". So a few
 * instructions run first; what they do not answer falls through to libseccomp's program, which starts anew.
 */
struct prologue {
    struct sock_filter code[128];
    size_t count;
    bool overflow;
};

static void emit(struct prologue *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
    if (p->count == COUNT(p->code)) {
        p->overflow = true;
        return;
    }
    p->code[p->count++] = (struct sock_filter){code, jt, jf, k};
}

static void emit_load(struct prologue *p, size_t offset) {
    emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void emit_errno(struct prologue *p, int error) {
    emit(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (uint32_t)error);
}

/* Numbers from first to last, both included, answer ENOSYS. The number is in the accumulator, and stays there. */
static void emit_absent_range(struct prologue *p, uint32_t first, uint32_t last) {
    emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 2, first);
    emit(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, last);
    emit_errno(p, ENOSYS);
}

/* The kernel reads 32 bits of an ioctl's request, so the upper half must not take part in the comparison. */
static void emit_ioctl_refusals(struct prologue *p, uint32_t ioctl_number) {
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, ioctl_number);
    emit_load(p, offsetof(struct seccomp_data, args[1]));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0x5412 /* TIOCSTI */);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0x541C /* TIOCLINUX */);
    emit_errno(p, EPERM);
}

/* The body of a prologue runs for one architecture only. */
static size_t begin_architecture(struct prologue *p, uint32_t token) {
    emit_load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, token);
    size_t jump = p->count;
    emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
    emit_load(p, offsetof(struct seccomp_data, nr));
    return jump;
}

static void end_architecture(struct prologue *p, size_t jump) {
    if (!p->overflow) p->code[jump].k = (uint32_t)(p->count - jump - 1);
}

/* MARK: from libseccomp's context to bytes */

static int read_all(int fd, uint8_t *out, size_t capacity, size_t *length) {
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0) return -errno;
    if ((size_t)size > capacity) return -ENOBUFS;
    ssize_t got = pread(fd, out, (size_t)size, 0);
    if (got < 0) return -errno;
    if (got != size) return -EIO;
    *length = (size_t)size;
    return 0;
}

/* seccomp_export_bpf_mem(3) is younger than Debian 12's libseccomp, so the program goes through a memfd. */
static int export_context(scmp_filter_ctx context, uint8_t *out, size_t capacity, size_t *length) {
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    int result = seccomp_export_bpf(context, fd);
    if (result == 0) result = read_all(fd, out, capacity, length);
    close(fd);
    return result;
}

static int export_program(const struct prologue *p, scmp_filter_ctx context, uint8_t *out, size_t capacity,
                          size_t *length) {
    size_t head = p->count * sizeof(struct sock_filter);
    if (p->overflow || head > capacity) return -ENOBUFS;
    memcpy(out, p->code, head);
    int result = export_context(context, out + head, capacity - head, length);
    if (result != 0) return result;
    *length += head;
    return *length > CNS_SECCOMP_MAX_BYTES ? -E2BIG : 0;
}

static scmp_filter_ctx make_context(uint32_t default_action) {
    scmp_filter_ctx context = seccomp_init(default_action);
    if (context == NULL) return NULL;
    /* 2: a binary tree by number, instead of one comparison after the other. Foreign ABIs are absent, not fatal. */
    if (seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0
        || seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) != 0) {
        seccomp_release(context);
        return NULL;
    }
    return context;
}

/* MARK: the default filter */

static int allow_when(scmp_filter_ctx context, int number, struct scmp_arg_cmp comparison) {
    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 1, &comparison);
}

/* Every CLONE_NEW* flag that clone(2) can take; CLONE_NEWTIME cannot be given to it. */
static const uint64_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER
    | CLONE_NEWPID | CLONE_NEWNET;

/* int and unsigned int arguments: the kernel reads the lower half only. */
static const uint64_t lower_half = 0xffffffff;

static int check_families(scmp_filter_ctx context, int number) {
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};
    int result = 0;
    for (size_t i = 0; i < COUNT(families) && result == 0; i++)
        result = allow_when(context, number, SCMP_A0(SCMP_CMP_MASKED_EQ, lower_half, (uint64_t)families[i]));
    return result;
}

static int check_personality(scmp_filter_ctx context, int number) {
    static const uint32_t personas[] = {0, 0x8, 0x20000, 0x20008, 0xffffffff};
    int result = 0;
    for (size_t i = 0; i < COUNT(personas) && result == 0; i++)
        result = allow_when(context, number, SCMP_A0(SCMP_CMP_MASKED_EQ, lower_half, personas[i]));
    return result;
}

static int add_check(scmp_filter_ctx context, const char *name, int number, uint64_t capabilities) {
    if (strcmp(name, "socket") == 0 || strcmp(name, "socketpair") == 0) return check_families(context, number);
    if (strcmp(name, "personality") == 0) return check_personality(context, number);
    if (strcmp(name, "clone") == 0 && (capabilities & CAP(SYS_ADMIN)) == 0)
        return allow_when(context, number, SCMP_A0(SCMP_CMP_MASKED_EQ, new_namespaces, 0));
    /* ioctl: what is refused is refused before libseccomp's program. */
    if (strcmp(name, "ioctl") == 0 || strcmp(name, "clone") == 0)
        return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
    return -EINVAL;
}

/* A denied call needs no rule: EPERM is the default action. */
static int add_row(scmp_filter_ctx context, const struct table_row *row, uint64_t capabilities) {
    int number = row_number(row);
    if (number < 0) return 0;
    switch (row->verdict) {
    case CNS_SECCOMP_ALLOW: return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
    case CNS_SECCOMP_CHECK: return add_check(context, row->name, number, capabilities);
    case CNS_SECCOMP_ABSENT: return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), number, 0);
    case CNS_SECCOMP_DENY:
        if ((row->capabilities & capabilities) == 0) return 0;
        return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
    }
    return -EINVAL;
}

static int add_rows(scmp_filter_ctx context, uint64_t capabilities) {
    int result = 0;
    for (size_t i = 0; i < COUNT(table) && result == 0; i++)
        if (table[i].name != NULL) result = add_row(context, &table[i], capabilities);
    return result;
}

#define MAX_NUMBER 1024

/* What no row knows: the numbers between the known ones, and all above. x32 numbers, with bit 30 set, are above. */
static void emit_unknown_numbers(struct prologue *p) {
    bool known[MAX_NUMBER] = {false};
    uint32_t newest = 0;
    for (size_t i = 0; i < COUNT(table); i++) {
        int number = table[i].name == NULL ? -1 : row_number(&table[i]);
        if (number < 0 || number >= MAX_NUMBER) continue;
        known[number] = true;
        newest = (uint32_t)number > newest ? (uint32_t)number : newest;
    }
    for (uint32_t first = 0; first < newest; first++) {
        uint32_t end = first;
        while (!known[end]) end++;
        if (end == first) continue;
        emit_absent_range(p, first, end - 1);
        first = end;
    }
    emit_absent_range(p, newest + 1, UINT32_MAX);
}

static void emit_default_prologue(struct prologue *p) {
    size_t jump = begin_architecture(p, seccomp_arch_native());
    emit_unknown_numbers(p);
    emit_ioctl_refusals(p, (uint32_t)seccomp_syscall_resolve_name("ioctl"));
    end_architecture(p, jump);
}

int cns_seccomp_compile_default(uint64_t added_capabilities, uint8_t *out, size_t capacity, size_t *length) {
    struct prologue prologue = {.count = 0};
    emit_default_prologue(&prologue);
    scmp_filter_ctx context = make_context(SCMP_ACT_ERRNO(EPERM));
    if (context == NULL) return -ENOMEM;
    int result = add_rows(context, added_capabilities);
    if (result == 0) result = export_program(&prologue, context, out, capacity, length);
    seccomp_release(context);
    return result;
}
