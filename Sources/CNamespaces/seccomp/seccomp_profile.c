#include "cns_seccomp.h"

#include "seccomp_program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARCHITECTURES 32

struct cns_seccomp_filter {
    scmp_filter_ctx context;
    uint32_t default_action;
    size_t architecture_count;
    uint32_t architectures[MAX_ARCHITECTURES];
    /* By architecture: the highest number that a rule named. */
    int newest[MAX_ARCHITECTURES];
};

static int native_action(uint32_t action, uint32_t data, uint32_t *out) {
    if (data > UINT16_MAX) return -EINVAL;
    switch (action) {
    case CNS_ACTION_ALLOW: *out = SCMP_ACT_ALLOW; return 0;
    case CNS_ACTION_ERRNO: *out = SCMP_ACT_ERRNO(data); return 0;
    case CNS_ACTION_KILL_PROCESS: *out = SCMP_ACT_KILL_PROCESS; return 0;
    case CNS_ACTION_KILL_THREAD: *out = SCMP_ACT_KILL_THREAD; return 0;
    case CNS_ACTION_TRAP: *out = SCMP_ACT_TRAP; return 0;
    case CNS_ACTION_TRACE: *out = SCMP_ACT_TRACE(data); return 0;
    case CNS_ACTION_LOG: *out = SCMP_ACT_LOG; return 0;
    case CNS_ACTION_NOTIFY: *out = SCMP_ACT_NOTIFY; return 0;
    default: return -EINVAL;
    }
}

int cns_seccomp_create(uint32_t default_action, uint32_t data, struct cns_seccomp_filter **out) {
    uint32_t action;
    int result = native_action(default_action, data, &action);
    if (result != 0) return result;
    struct cns_seccomp_filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL) return -ENOMEM;
    filter->context = cns_make_context(action);
    if (filter->context == NULL) {
        free(filter);
        return -EINVAL;
    }
    filter->default_action = action;
    filter->architectures[0] = seccomp_arch_native();
    filter->architecture_count = 1;
    *out = filter;
    return 0;
}

void cns_seccomp_destroy(struct cns_seccomp_filter *filter) {
    if (filter == NULL) return;
    seccomp_release(filter->context);
    free(filter);
}

static const struct {
    const char *name;
    uint32_t token;
} architecture_names[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
};

int cns_seccomp_add_architecture(struct cns_seccomp_filter *filter, const char *name) {
    for (size_t i = 0; i < COUNT(architecture_names); i++) {
        uint32_t token = architecture_names[i].token;
        if (strcmp(architecture_names[i].name, name) != 0) continue;
        if (seccomp_arch_exist(filter->context, token) == 0) return 0;
        if (filter->architecture_count == MAX_ARCHITECTURES) return -ENOBUFS;
        int result = seccomp_arch_add(filter->context, token);
        if (result == 0) filter->architectures[filter->architecture_count++] = token;
        return result;
    }
    return -EINVAL;
}

static void note_number(struct cns_seccomp_filter *filter, const char *name) {
    for (size_t i = 0; i < filter->architecture_count; i++) {
        int number = seccomp_syscall_resolve_name_arch(filter->architectures[i], name);
        if (number == __NR_SCMP_ERROR && i == 0) number = cns_seccomp_number(name);
        /* libseccomp gives x32's numbers with their bit. */
        if (number >= 0x40000000) number -= 0x40000000;
        filter->newest[i] = number > filter->newest[i] ? number : filter->newest[i];
    }
}

static const enum scmp_compare operators[] = {
    [CNS_COMPARE_NE] = SCMP_CMP_NE,
    [CNS_COMPARE_LT] = SCMP_CMP_LT,
    [CNS_COMPARE_LE] = SCMP_CMP_LE,
    [CNS_COMPARE_EQ] = SCMP_CMP_EQ,
    [CNS_COMPARE_GE] = SCMP_CMP_GE,
    [CNS_COMPARE_GT] = SCMP_CMP_GT,
    [CNS_COMPARE_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static int native_comparisons(const struct cns_seccomp_comparison *in, uint32_t count, struct scmp_arg_cmp *out,
                              bool *repeats) {
    uint32_t seen = 0;
    if (count > 6) return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        if (in[i].argument > 5 || in[i].comparison >= COUNT(operators)) return -EINVAL;
        out[i] = (struct scmp_arg_cmp){in[i].argument, operators[in[i].comparison], in[i].value, in[i].second_value};
        *repeats = *repeats || (seen & 1u << in[i].argument) != 0;
        seen |= 1u << in[i].argument;
    }
    return 0;
}

/* A rule that stands already, or that an earlier and wider one makes superfluous, is not an error. */
static int add_native_rule(scmp_filter_ctx context, uint32_t action, int number, uint32_t count,
                           const struct scmp_arg_cmp *comparisons) {
    int result = seccomp_rule_add_array(context, action, number, count, comparisons);
    return result == -EEXIST ? 0 : result;
}

static int rule_number(const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR ? cns_seccomp_number(name) : number;
}

int cns_seccomp_add_rule(struct cns_seccomp_filter *filter, const char *name, uint32_t action, uint32_t data,
                         const struct cns_seccomp_comparison *comparisons, uint32_t count) {
    struct scmp_arg_cmp native[6];
    bool repeats = false;
    uint32_t native_rule_action;
    int result = native_action(action, data, &native_rule_action);
    if (result == 0) result = native_comparisons(comparisons, count, native, &repeats);
    if (result != 0) return result;

    bool is_known_to_libseccomp = seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR;
    int number = rule_number(name);
    if (!is_known_to_libseccomp && number < 0) return 1;
    /* libseccomp translates numbers between architectures by name, so a call it cannot name needs one architecture. */
    if (!is_known_to_libseccomp && filter->architecture_count > 1) return 1;
    note_number(filter, name);
    if (native_rule_action == filter->default_action) return 0;
    if (!repeats) return add_native_rule(filter->context, native_rule_action, number, count, native);
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = add_native_rule(filter->context, native_rule_action, number, 1, &native[i]);
    return result;
}

static bool refuses(uint32_t action) {
    return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG && (action & 0xffff0000) != SCMP_ACT_TRACE(0) &&
           action != SCMP_ACT_NOTIFY;
}

/* x32 has x86_64's token and bit 30 in its numbers, so both stand in one block, split by that bit. */
static void emit_newest(struct cns_prologue *p, const struct cns_seccomp_filter *filter, size_t index) {
    uint32_t token = filter->architectures[index];
    uint32_t base = token == SCMP_ARCH_X32 ? 0x40000000 : 0;
    uint32_t first = base + (uint32_t)filter->newest[index] + 1;
    uint32_t last = token == SCMP_ARCH_X86_64 ? 0x3fffffff : UINT32_MAX;
    size_t jump = cns_begin_architecture(p, token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token);
    cns_emit_absent_range(p, first, last);
    cns_end_architecture(p, jump);
}

int cns_seccomp_export(struct cns_seccomp_filter *filter, uint8_t *out, size_t capacity, size_t *length) {
    struct cns_prologue prologue = {.count = 0};
    for (size_t i = 0; i < filter->architecture_count && refuses(filter->default_action); i++)
        if (filter->newest[i] > 0) emit_newest(&prologue, filter, i);
    return cns_export_program(&prologue, filter->context, out, capacity, length);
}
