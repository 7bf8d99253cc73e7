#define _GNU_SOURCE
#include "cns_seccomp.h"

#include "seccomp_program.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

/* MARK: the table */

/* `fallback` is the number when libseccomp does not know the name, or -1. */
struct table_row {
    const char *name;
    const char *group;
    const char *why;
    uint64_t capabilities;
    int fallback;
    enum cns_seccomp_verdict verdict;
    uint32_t permission;
};

#define CAP(name) (1ull << CAP_##name)
#define ROW(verdict, number, name, caps, why) {#name, NULL, why, caps, number, verdict, 0},
#define GROUP(title, why) {NULL, title, why, 0, -1, CNS_SECCOMP_ABSENT, 0},
#define ALLOW(name) ROW(CNS_SECCOMP_ALLOW, -1, name, 0, "")
#define ALLOW_AT(number, name) ROW(CNS_SECCOMP_ALLOW, number, name, 0, "")
#define CHECK(name, why) ROW(CNS_SECCOMP_CHECK, -1, name, 0, why)
#define DENY(name, caps, why) ROW(CNS_SECCOMP_DENY, -1, name, caps, why)
#define DENY_AT(number, name, caps, why) ROW(CNS_SECCOMP_DENY, number, name, caps, why)
#define PERMIT(name, permission, caps, why) {#name, NULL, why, caps, -1, CNS_SECCOMP_DENY, CNS_PERMIT_##permission},
#define NESTED(name, caps, why) {#name, NULL, why, caps, -1, CNS_SECCOMP_DENY, CNS_PERMIT_JAILS},
#define NESTED_AT(number, name, caps, why) {#name, NULL, why, caps, number, CNS_SECCOMP_DENY, CNS_PERMIT_JAILS},
#define PERMIT_NESTED(name, permission, caps, why)                                                                     \
    {#name, NULL, why, caps, -1, CNS_SECCOMP_DENY, CNS_PERMIT_##permission | CNS_PERMIT_JAILS},
#define ALLOW_UNLESS(name, permission) {#name, NULL, "", 0, -1, CNS_SECCOMP_ALLOW, CNS_REFUSE_##permission},
#define ABSENT_UNLESS_AT(number, name, permission, why)                                                                \
    {#name, NULL, why, 0, number, CNS_SECCOMP_ABSENT, CNS_PERMIT_##permission},
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
            *out = (struct cns_seccomp_row){
                table[i].name,      group, table[i].why, table[i].capabilities, row_number(&table[i]), table[i].verdict,
                table[i].permission};
            return 0;
        }
    }
    return -ENOENT;
}

uint64_t cns_seccomp_capabilities(void) {
    uint64_t capabilities = 0;
    for (size_t i = 0; i < COUNT(table); i++)
        capabilities |= table[i].capabilities;
    return capabilities;
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

/* MARK: the default filter */

static int allow_when(scmp_filter_ctx context, int number, struct scmp_arg_cmp comparison) {
    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 1, &comparison);
}

/* Every CLONE_NEW* flag that clone(2) can take; CLONE_NEWTIME cannot be given to it. */
static const uint64_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

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

/* SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_SIZE_BUFFER: what dmesg(1) does; nothing that clears or silences. */
static int permit_messages(scmp_filter_ctx context, int number) {
    int result = allow_when(context, number, SCMP_A0(SCMP_CMP_MASKED_EQ, lower_half, 3));
    return result != 0 ? result : allow_when(context, number, SCMP_A0(SCMP_CMP_MASKED_EQ, lower_half, 10));
}

/* With MS_BIND and without MS_REMOUNT the kernel binds, whatever the other flags are, and reads no type. */
static int permit_bind_mount(scmp_filter_ctx context, int number) {
    return allow_when(context, number, SCMP_A3(SCMP_CMP_MASKED_EQ, MS_BIND | MS_REMOUNT, MS_BIND));
}

/* KEYCTL_JOIN_SESSION_KEYRING without a name: what a new jail does to leave its caller's. */
static int permit_new_keyring(scmp_filter_ctx context, int number) {
    struct scmp_arg_cmp comparisons[] = {SCMP_A0(SCMP_CMP_MASKED_EQ, lower_half, 1), SCMP_A1(SCMP_CMP_EQ, 0, 0)};
    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, COUNT(comparisons), comparisons);
}

static int add_permitted(scmp_filter_ctx context, const char *name, int number, uint32_t permissions) {
    if (strcmp(name, "syslog") == 0) return permit_messages(context, number);
    if (strcmp(name, "keyctl") == 0) return permit_new_keyring(context, number);
    if (strcmp(name, "mount") == 0 && (permissions & CNS_PERMIT_JAILS) == 0) return permit_bind_mount(context, number);
    return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
}

static int add_check(scmp_filter_ctx context, const char *name, int number, uint64_t capabilities,
                     uint32_t permissions) {
    if (strncmp(name, "socket", 6) == 0 && (permissions & CNS_PERMIT_FAMILIES) == 0)
        return check_families(context, number);
    if (strcmp(name, "personality") == 0) return check_personality(context, number);
    if (strcmp(name, "clone") == 0 && (capabilities & CAP(SYS_ADMIN)) == 0 && (permissions & CNS_PERMIT_JAILS) == 0)
        return allow_when(context, number, SCMP_A0(SCMP_CMP_MASKED_EQ, new_namespaces, 0));
    /* ioctl: what is refused is refused before libseccomp's program. */
    if (strcmp(name, "ioctl") == 0 || strcmp(name, "clone") == 0 || strncmp(name, "socket", 6) == 0)
        return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
    return -EINVAL;
}

/* System V calls that jail.conf disables are absent, as FreeBSD has it; debugging ones are forbidden. */
static int add_allowed(scmp_filter_ctx context, const struct table_row *row, int number, uint32_t permissions) {
    if ((row->permission & permissions) == 0) return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
    if (row->permission == CNS_REFUSE_DEBUGGING) return 0;
    return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), number, 0);
}

/*
 * A denied call needs no rule: EPERM is the default action. But mount(8) tries the calls by descriptor first, and takes
 * mount(2) only when they are absent.
 */
static int add_denied(scmp_filter_ctx context, const struct table_row *row, int number, uint64_t capabilities,
                      uint32_t permissions) {
    if ((row->capabilities & capabilities) != 0) return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
    if ((row->permission & permissions) != 0) return add_permitted(context, row->name, number, permissions);
    bool is_by_descriptor = strcmp(row->name, "open_tree") == 0 || strcmp(row->name, "fsopen") == 0 ||
                            strcmp(row->name, "mount_setattr") == 0;
    if ((permissions & CNS_PERMIT_BIND_MOUNT) != 0 && is_by_descriptor)
        return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), number, 0);
    return 0;
}

static int add_row(scmp_filter_ctx context, const struct table_row *row, uint64_t capabilities, uint32_t permissions) {
    int number = row_number(row);
    if (number < 0) return 0;
    switch (row->verdict) {
    case CNS_SECCOMP_ALLOW: return add_allowed(context, row, number, permissions);
    case CNS_SECCOMP_CHECK: return add_check(context, row->name, number, capabilities, permissions);
    case CNS_SECCOMP_ABSENT:
        if ((row->permission & permissions) != 0) return seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
        return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), number, 0);
    case CNS_SECCOMP_DENY: return add_denied(context, row, number, capabilities, permissions);
    }
    return -EINVAL;
}

static int add_rows(scmp_filter_ctx context, uint64_t capabilities, uint32_t permissions) {
    int result = 0;
    for (size_t i = 0; i < COUNT(table) && result == 0; i++)
        if (table[i].name != NULL) result = add_row(context, &table[i], capabilities, permissions);
    return result;
}

#define MAX_NUMBER 1024

/* What no row knows: the numbers between the known ones, and all above. x32 numbers, with bit 30 set, are above. */
static void emit_unknown_numbers(struct cns_prologue *p) {
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
        while (!known[end])
            end++;
        if (end == first) continue;
        cns_emit_absent_range(p, first, end - 1);
        first = end;
    }
    cns_emit_absent_range(p, newest + 1, UINT32_MAX);
}

static void emit_default_prologue(struct cns_prologue *p) {
    size_t jump = cns_begin_architecture(p, seccomp_arch_native());
    emit_unknown_numbers(p);
    cns_emit_ioctl_refusals(p, (uint32_t)seccomp_syscall_resolve_name("ioctl"));
    cns_end_architecture(p, jump);
}

int cns_seccomp_compile_default(uint64_t added_capabilities, uint32_t permissions, uint8_t *out, size_t capacity,
                                size_t *length) {
    struct cns_prologue prologue = {.count = 0};
    emit_default_prologue(&prologue);
    scmp_filter_ctx context = cns_make_context(SCMP_ACT_ERRNO(EPERM));
    if (context == NULL) return -ENOMEM;
    int result = add_rows(context, added_capabilities, permissions);
    if (result == 0) result = cns_export_program(&prologue, context, out, capacity, length);
    seccomp_release(context);
    return result;
}
