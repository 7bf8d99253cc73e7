// files.c: calls about one file or one limit, which Swift does not import as they are.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cns_spawn.h"

int cns_is_cgroup2(const char *path) {
    struct statfs kind;
    return statfs(path, &kind) == 0 && kind.f_type == CGROUP2_SUPER_MAGIC;
}

int cns_owner(int descriptor, uint32_t *owner) {
    struct stat status;

    /* Not fstat(3), which may be another system call. */
    if (syscall(SYS_fstat, descriptor, &status) < 0) return -errno;
    *owner = status.st_uid;
    return 0;
}

int cns_is_tmpfs(int descriptor) {
    struct statfs kind;
    return fstatfs(descriptor, &kind) == 0 && kind.f_type == TMPFS_MAGIC;
}

int cns_limit(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int cns_clone_mount(int place) {
    /* OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC of <linux/mount.h>, which contradicts <sys/mount.h>. */
    long result = syscall(SYS_open_tree, place, "", AT_EMPTY_PATH | 1 | O_CLOEXEC);
    return result < 0 ? -errno : (int)result;
}

long cns_get_attribute(const char *path, const char *name, void *value, size_t capacity) {
    ssize_t length = getxattr(path, name, value, capacity);
    return length < 0 ? -errno : length;
}

int cns_set_attribute(const char *path, const char *name, const void *value, size_t size) {
    return setxattr(path, name, value, size, 0) < 0 ? -errno : 0;
}

int cns_openat2(int directory, const char *path, const void *how, size_t size) {
    long result = syscall(SYS_openat2, directory, path, how, size);
    return result < 0 ? -errno : (int)result;
}
