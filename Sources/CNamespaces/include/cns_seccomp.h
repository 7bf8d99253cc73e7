#ifndef CNS_SECCOMP_H
#define CNS_SECCOMP_H

#include <stddef.h>
#include <stdint.h>

/*
 * System call filters: the default one from seccomp_table.h, and a builder for OCI profiles. Both give classic BPF as
 * seccomp(2) loads it: an array of struct sock_filter, eight bytes an instruction, in the byte order of this machine.
 *
 * Functions return 0, or a negative errno value.
 */

/* The most instructions that the kernel takes in one filter: BPF_MAXINSNS. */
#define CNS_SECCOMP_MAX_INSTRUCTIONS 4096u
#define CNS_SECCOMP_MAX_BYTES 32768u

/* What `allow.*` and `sysv*` change in the default filter; no capability opens or closes exactly this. */
enum cns_seccomp_permission {
    CNS_PERMIT_HOSTNAME = 1,
    CNS_PERMIT_BIND_MOUNT = 2,
    CNS_PERMIT_SET_TIME = 4,
    CNS_PERMIT_ADJUST_TIME = 8,
    CNS_PERMIT_MESSAGES = 16,
    CNS_PERMIT_FAMILIES = 32,
    /* Namespaces and mounts: `children.max`. */
    CNS_PERMIT_JAILS = 64,
    CNS_REFUSE_DEBUGGING = 256,
    CNS_REFUSE_SYSVMSG = 512,
    CNS_REFUSE_SYSVSEM = 1024,
    CNS_REFUSE_SYSVSHM = 2048,
};

/*
 * The default filter for a jail whose processes may gain `added_capabilities` (bit n is capability n) on top of the
 * default ones, with `permissions` of enum cns_seccomp_permission. -ENOBUFS when `capacity` (bytes) is too small.
 */
int cns_seccomp_compile_default(uint64_t added_capabilities, uint32_t permissions, uint8_t *out, size_t capacity,
                                size_t *length);

enum cns_seccomp_verdict {
    CNS_SECCOMP_ALLOW,
    CNS_SECCOMP_CHECK,
    CNS_SECCOMP_DENY,
    CNS_SECCOMP_ABSENT,
};

/* One row of the default table, for documentation and tests. `number` is negative when this machine lacks the call. */
struct cns_seccomp_row {
    const char *name;
    const char *group;
    const char *why;
    uint64_t capabilities;
    int number;
    enum cns_seccomp_verdict verdict;
    /* CNS_PERMIT_* that lets the call through, or CNS_REFUSE_* that does not. */
    uint32_t permission;
};

/* Returns 0 and fills `row`, or -ENOENT when the table has no row `index`. */
int cns_seccomp_row(size_t index, struct cns_seccomp_row *row);

/* Capabilities that some row of the default table asks for: others change nothing in the filter. */
uint64_t cns_seccomp_capabilities(void);

/* The highest system call number that the default table knows. */
int cns_seccomp_newest_known(void);

/* The number of `name` on this machine's architecture, by libseccomp or by the default table; -ENOENT when unknown. */
int cns_seccomp_number(const char *name);

enum cns_seccomp_action {
    CNS_ACTION_ALLOW,
    CNS_ACTION_ERRNO,
    CNS_ACTION_KILL_PROCESS,
    CNS_ACTION_KILL_THREAD,
    CNS_ACTION_TRAP,
    CNS_ACTION_TRACE,
    CNS_ACTION_LOG,
    CNS_ACTION_NOTIFY,
};

enum cns_seccomp_operator {
    CNS_COMPARE_NE,
    CNS_COMPARE_LT,
    CNS_COMPARE_LE,
    CNS_COMPARE_EQ,
    CNS_COMPARE_GE,
    CNS_COMPARE_GT,
    CNS_COMPARE_MASKED_EQ,
};

/* `value` is the mask and `second_value` what is left, for CNS_COMPARE_MASKED_EQ. */
struct cns_seccomp_comparison {
    uint64_t value;
    uint64_t second_value;
    uint32_t argument;
    uint32_t comparison;
};

/* Action numbers are enum cns_seccomp_action; `data` is the errno of ERRNO and the message of TRACE, at most 65535. */
struct cns_seccomp_filter;
int cns_seccomp_create(uint32_t default_action, uint32_t data, struct cns_seccomp_filter **filter);
void cns_seccomp_destroy(struct cns_seccomp_filter *filter);

/* `name` is the OCI spelling, SCMP_ARCH_X86_64. -EINVAL when it names none. */
int cns_seccomp_add_architecture(struct cns_seccomp_filter *filter, const char *name);

/*
 * Returns 1 when `name` is not a system call that this libseccomp or the default table knows: nothing is added.
 * Two comparisons of one argument are alternatives, as OCI runtimes have them: each becomes a rule of its own.
 */
int cns_seccomp_add_rule(struct cns_seccomp_filter *filter, const char *name, uint32_t action, uint32_t data,
                         const struct cns_seccomp_comparison *comparisons, uint32_t count);

/*
 * Numbers above the newest one that the filter's rules name answer ENOSYS when the default action refuses: a program
 * that probes for a new call must find it absent, not forbidden.
 */
int cns_seccomp_export(struct cns_seccomp_filter *filter, uint8_t *out, size_t capacity, size_t *length);

#endif
