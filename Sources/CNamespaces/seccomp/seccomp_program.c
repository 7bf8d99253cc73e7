#define _GNU_SOURCE
#include "seccomp_program.h"

#include "cns_seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void emit(struct cns_prologue *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
    if (p->count == COUNT(p->code)) {
        p->has_overflowed = true;
        return;
    }
    p->code[p->count++] = (struct sock_filter){code, jt, jf, k};
}

static void emit_load(struct cns_prologue *p, size_t offset) {
    emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void emit_errno(struct cns_prologue *p, int error) {
    emit(p, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (uint32_t)error);
}

/* The number stays in the accumulator for what follows. */
void cns_emit_absent_range(struct cns_prologue *p, uint32_t first, uint32_t last) {
    emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 2, first);
    emit(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, last);
    emit_errno(p, ENOSYS);
}

/* The kernel reads 32 bits of an ioctl's request, so the upper half must not take part in the comparison. */
void cns_emit_ioctl_refusals(struct cns_prologue *p, uint32_t ioctl_number) {
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, ioctl_number);
    emit_load(p, offsetof(struct seccomp_data, args[1]));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0x5412 /* TIOCSTI */);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0x541C /* TIOCLINUX */);
    emit_errno(p, EPERM);
}

size_t cns_begin_architecture(struct cns_prologue *p, uint32_t token) {
    emit_load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, token);
    size_t jump = p->count;
    emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
    emit_load(p, offsetof(struct seccomp_data, nr));
    return jump;
}

void cns_end_architecture(struct cns_prologue *p, size_t jump) {
    if (!p->has_overflowed) p->code[jump].k = (uint32_t)(p->count - jump - 1);
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

int cns_export_program(const struct cns_prologue *p, scmp_filter_ctx context, uint8_t *out, size_t capacity,
                       size_t *length) {
    size_t head = p->count * sizeof(struct sock_filter);
    if (p->has_overflowed || head > capacity) return -ENOBUFS;
    memcpy(out, p->code, head);
    int result = export_context(context, out + head, capacity - head, length);
    if (result != 0) return result;
    *length += head;
    return *length > CNS_SECCOMP_MAX_BYTES ? -E2BIG : 0;
}

scmp_filter_ctx cns_make_context(uint32_t default_action) {
    scmp_filter_ctx context = seccomp_init(default_action);
    if (context == NULL) return NULL;
    /* 2: a binary tree by number, instead of one comparison after the other. Foreign ABIs are absent, not fatal. */
    if (seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0 ||
        seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) != 0) {
        seccomp_release(context);
        return NULL;
    }
    return context;
}
