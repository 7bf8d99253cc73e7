#ifndef CNS_SECCOMP_PROGRAM_H
#define CNS_SECCOMP_PROGRAM_H

/* Internal: how a filter is put together from a few instructions of our own and libseccomp's program. */

#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * libseccomp has one default action, and no way to say "this call, unless its argument is A or B". So a few
 * instructions run first; what they do not answer falls through to libseccomp's program, which starts anew.
 */
struct cns_prologue {
    struct sock_filter code[128];
    size_t count;
    bool has_overflowed;
};

/* What is emitted between the two runs for one architecture only, with the number in the accumulator. */
size_t cns_begin_architecture(struct cns_prologue *p, uint32_t token);
void cns_end_architecture(struct cns_prologue *p, size_t jump);

/* Numbers from first to last, both included, answer ENOSYS. */
void cns_emit_absent_range(struct cns_prologue *p, uint32_t first, uint32_t last);

/* TIOCSTI and TIOCLINUX answer EPERM. */
void cns_emit_ioctl_refusals(struct cns_prologue *p, uint32_t ioctl_number);

/* A libseccomp context as jailrun wants it; NULL when libseccomp refuses the action. */
scmp_filter_ctx cns_make_context(uint32_t default_action);

/* The whole program into `out`; 0 or a negative errno value. */
int cns_export_program(const struct cns_prologue *p, scmp_filter_ctx context, uint8_t *out, size_t capacity,
                       size_t *length);

#endif
