/*
 * What a folder has, copied into another one: by descriptors, and no link is followed. The child does it between
 * clone3(2) and exec, so there are raw system calls only, and memory of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "perform.h"

/* Folders in each other; each has two descriptors open. */
enum { MOST_LEVELS = 128, BLOCK = 65536, ENTRIES = 32768 };

struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

struct level {
    int from;
    int to;
    int64_t position; /* of the next entry in `from` */
};

struct copy {
    struct level levels[MOST_LEVELS];
    int depth;
    char entries[ENTRIES] __attribute__((aligned(8)));
    char block[BLOCK];
    char names[BLOCK];
};

static long status_of(int folder, const char *name, struct stat *status) {
    return cns_raw4(__NR_newfstatat, folder, name, status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
}

static long open_below(int folder, const char *name, int flags) {
    return cns_raw4(__NR_openat, folder, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
}

/* Of a file system that has no such attributes, or has them for others only, the rest is as good. */
static int is_unsupported(long error) { return error == -EOPNOTSUPP || error == -EPERM || error == -ENODATA; }

static long copy_attributes(struct copy *copy, int from, int to) {
    long size = cns_raw3(__NR_flistxattr, from, copy->names, sizeof copy->names);

    if (size < 0) return is_unsupported(size) ? 0 : size;
    for (const char *name = copy->names; name < copy->names + size;) {
        long length = cns_raw4(__NR_fgetxattr, from, name, copy->block, sizeof copy->block);
        long error = length < 0 ? length : cns_raw5(__NR_fsetxattr, to, name, copy->block, length, 0);
        if (error < 0 && !is_unsupported(error)) return error;
        while (*name++) {
        }
    }
    return 0;
}

/* The owner first: a change of it takes set-user-id and capabilities away. */
static long finish(struct copy *copy, int from, int to, const struct stat *status) {
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    long error = cns_raw3(__NR_fchown, to, status->st_uid, status->st_gid);

    if (error == 0) error = cns_raw2(__NR_fchmod, to, status->st_mode & 07777);
    if (error == 0) error = copy_attributes(copy, from, to);
    return error < 0 ? error : cns_raw4(__NR_utimensat, to, NULL, times, 0);
}

static long copy_range(struct copy *copy, int from, int to, int64_t at, int64_t end) {
    while (at < end) {
        int64_t wanted = end - at < BLOCK ? end - at : BLOCK;
        long count = cns_raw4(__NR_pread64, from, copy->block, wanted, at);
        if (count <= 0) return count;
        for (long written = 0; written < count;) {
            long result = cns_raw4(__NR_pwrite64, to, copy->block + written, count - written, at + written);
            if (result == -EINTR) continue;
            if (result < 0) return result;
            written += result;
        }
        at += count;
    }
    return 0;
}

/* Holes stay holes: lseek(2). */
static long copy_bytes(struct copy *copy, int from, int to, int64_t size) {
    int64_t end = 0;

    while (end < size) {
        int64_t begin = cns_raw3(__NR_lseek, from, end, SEEK_DATA);
        long error;
        if (begin == -ENXIO) break;
        end = begin < 0 ? begin : cns_raw3(__NR_lseek, from, begin, SEEK_HOLE);
        if (end < 0) return end;
        error = copy_range(copy, from, to, begin, end < size ? end : size);
        if (error < 0) return error;
    }
    return cns_raw2(__NR_ftruncate, to, size);
}

static long copy_open_file(struct copy *copy, int from, const struct level *level, const char *name) {
    struct stat status;
    long to, error = status_of(from, "", &status);

    if (error < 0) return error;
    if (!S_ISREG(status.st_mode)) return -ESTALE;
    to = open_below(level->to, name, O_WRONLY | O_CREAT | O_EXCL);
    if (to < 0) return to;
    error = copy_bytes(copy, from, (int)to, status.st_size);
    if (error == 0) error = finish(copy, from, (int)to, &status);
    cns_raw1(__NR_close, to);
    return error;
}

static long copy_file(struct copy *copy, const struct level *level, const char *name) {
    long from = open_below(level->from, name, O_RDONLY), error;

    if (from < 0) return from;
    error = copy_open_file(copy, (int)from, level, name);
    cns_raw1(__NR_close, from);
    return error;
}

static long finish_by_name(const struct level *level, const char *name, const struct stat *status) {
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    long error = cns_raw5(__NR_fchownat, level->to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW);

    if (error == 0 && !S_ISLNK(status->st_mode))
        error = cns_raw3(__NR_fchmodat, level->to, name, status->st_mode & 07777);
    return error < 0 ? error : cns_raw4(__NR_utimensat, level->to, name, times, AT_SYMLINK_NOFOLLOW);
}

static long copy_link(struct copy *copy, const struct level *level, const char *name, const struct stat *status) {
    long size = cns_raw4(__NR_readlinkat, level->from, name, copy->block, sizeof copy->block - 1), error;

    if (size < 0) return size;
    copy->block[size] = 0;
    error = cns_raw3(__NR_symlinkat, copy->block, level->to, name);
    return error < 0 ? error : finish_by_name(level, name, status);
}

/* Root of a user namespace may make no devices: it has none in that place. */
static long copy_node(const struct level *level, const char *name, const struct stat *status) {
    int is_device = S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
    long error = cns_raw4(__NR_mknodat, level->to, name, status->st_mode, status->st_rdev);

    if (error == -EPERM && is_device) return 0;
    return error < 0 ? error : finish_by_name(level, name, status);
}

static long enter(struct copy *copy, int from_folder, int to_folder, const char *name) {
    struct level level = {.position = 0};

    if (copy->depth == MOST_LEVELS) return -ENAMETOOLONG;
    level.from = (int)open_below(from_folder, name, O_RDONLY | O_DIRECTORY);
    if (level.from < 0) return level.from;
    level.to = (int)open_below(to_folder, name, O_RDONLY | O_DIRECTORY);
    if (level.to < 0) {
        cns_raw1(__NR_close, level.from);
        return level.to;
    }
    copy->levels[copy->depth++] = level;
    return 0;
}

static void leave(struct copy *copy) {
    const struct level *level = &copy->levels[--copy->depth];

    cns_raw1(__NR_close, level->from);
    cns_raw1(__NR_close, level->to);
}

static long enter_folder(struct copy *copy, const struct level *level, const char *name) {
    long error = cns_raw3(__NR_mkdirat, level->to, name, 0700);

    return error < 0 ? error : enter(copy, level->from, level->to, name);
}

static long copy_entry(struct copy *copy, const struct level *level, const char *name) {
    struct stat status;
    long error = status_of(level->from, name, &status);

    if (error < 0) return error;
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR: return enter_folder(copy, level, name);
    case S_IFREG: return copy_file(copy, level, name);
    case S_IFLNK: return copy_link(copy, level, name, &status);
    default: return copy_node(level, name, &status);
    }
}

static int is_itself_or_parent(const char *name) {
    return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

/* Until a folder is entered, or this one has no more entries. Returns the number of bytes that were read, or an error.
 */
static long copy_entries(struct copy *copy, struct level *level) {
    int depth = copy->depth;
    long size = cns_raw3(__NR_lseek, level->from, level->position, SEEK_SET);

    if (size >= 0) size = cns_raw3(__NR_getdents64, level->from, copy->entries, sizeof copy->entries);
    for (long at = 0; at < size && copy->depth == depth;) {
        const struct entry *entry = (const void *)(copy->entries + at);
        long error = is_itself_or_parent(entry->name) ? 0 : copy_entry(copy, level, entry->name);
        if (error < 0) return error;
        level->position = entry->next;
        at += entry->size;
    }
    return size;
}

static long finish_level(struct copy *copy, const struct level *level) {
    struct stat status;
    long error = status_of(level->from, "", &status);

    return error < 0 ? error : finish(copy, level->from, level->to, &status);
}

static long copy_levels(struct copy *copy, int keeps_top) {
    long error = 0;

    while (copy->depth > 0 && error >= 0) {
        struct level *level = &copy->levels[copy->depth - 1];
        error = copy_entries(copy, level);
        if (error != 0) continue;
        if (copy->depth > 1 || !keeps_top) error = finish_level(copy, level);
        leave(copy);
    }
    while (copy->depth > 0)
        leave(copy);
    return error;
}

long cns_copy_tree(int from, int to, int keeps_top) {
    long memory =
        cns_raw(__NR_mmap, 0, sizeof(struct copy), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct copy *copy = (struct copy *)memory;
    long error;

    if (memory < 0 && memory > -4096) return memory;
    error = enter(copy, from, to, ".");
    if (error == 0) error = copy_levels(copy, keeps_top);
    cns_raw2(__NR_munmap, memory, sizeof *copy);
    return error;
}
