// settings.c: asks the kernel whether it takes values for files below /proc/sys, in namespaces that are made for the
// question and vanish with it. They belong to a user namespace, so nothing of the machine's own can be written.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cns_spawn.h"

static const char *next_line(const char *text) {
    const char *end = strchr(text, '\n');
    return end ? end + 1 : text + strlen(text);
}

static void try_setting(const char *path, size_t path_length, const char *value, size_t length, int32_t errors[2]) {
    char full[512];
    errors[0] = errors[1] = 0;
    int count = snprintf(full, sizeof full, "/proc/sys/%.*s", (int)path_length, path);
    if (count < 0 || (size_t)count >= sizeof full) {
        errors[0] = ENAMETOOLONG;
        return;
    }
    int fd = open(full, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        errors[0] = errno;
        return;
    }
    if (write(fd, value, length) < 0) errors[1] = errno;
    close(fd);
}

static void try_all(const char *text, int results) {
    while (*text) {
        const char *value = next_line(text), *end = next_line(value);
        int32_t errors[2];
        try_setting(text, (size_t)(value - text - 1), value, (size_t)(end - value - 1), errors);
        if (write(results, errors, sizeof errors) != sizeof errors) _exit(1);
        text = end;
    }
}

// Root of namespaces of its own, once the ids are there: /proc/sys asks who it is.
__attribute__((noreturn)) static void ask(const char *text, int ready, int results) {
    char byte = 0;
    if (unshare(CLONE_NEWUSER) < 0 || write(results, &byte, 1) != 1 || read(ready, &byte, 1) != 1) _exit(1);
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) _exit(1);
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0) _exit(1);
    try_all(text, results);
    _exit(0);
}

static int write_map(pid_t pid, const char *file, const char *text) {
    char path[64];
    size_t length = strlen(text);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t written = write(fd, text, length);
    close(fd);
    return written == (ssize_t)length ? 0 : -1;
}

static int map_ids(pid_t pid, const char *file, uint32_t first, uint32_t count) {
    char line[64];
    snprintf(line, sizeof line, "0 %u %u\n", first, count);
    return write_map(pid, file, line);
}

static int answer(pid_t pid, int ready, int results, uint32_t first, uint32_t count, int32_t *errors, size_t size) {
    char byte;
    if (read(results, &byte, 1) != 1) return -1;
    if (map_ids(pid, "uid_map", first, count) < 0 || map_ids(pid, "gid_map", first, count) < 0) return -1;
    if (write(ready, &byte, 1) != 1) return -1;
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(results, (char *)errors + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        done += (size_t)got;
    }
    return 0;
}

/* Two pipes, and a child that has the far end of each. Returns its pid, 0 in the child, or a negative errno. */
static pid_t begin(int ready[2], int results[2]) {
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC) < 0) return -errno;
    if (pipe2(results, O_CLOEXEC) < 0) {
        int error = errno;
        close(ready[0]);
        close(ready[1]);
        return -error;
    }
    pid = fork();
    if (pid < 0) pid = -errno;
    close(ready[pid == 0]);
    close(results[pid != 0]);
    if (pid < 0) {
        close(ready[1]);
        close(results[0]);
    }
    return pid;
}

/* A child of another thread's may have the far ends, too: whoever waits to see them closed, waits for that one. */
static void end(pid_t pid, int ready, int results) {
    close(ready);
    close(results);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

int cns_try_settings(const char *text, unsigned count, uint32_t first, uint32_t ids, int32_t *errors) {
    int ready[2], results[2], result;
    pid_t pid = begin(ready, results);

    if (pid < 0) return pid;
    if (pid == 0) ask(text, ready[0], results[1]);
    result = answer(pid, ready[1], results[0], first, ids, errors, count * 2 * sizeof *errors);
    end(pid, ready[1], results[0]);
    return result < 0 ? -ECHILD : 0;
}

int cns_mapped_namespace(const char *users, const char *groups) {
    int ready[2], results[2], namespace = -ECHILD;
    char byte = 0, path[64];
    pid_t pid = begin(ready, results);

    if (pid < 0) return pid;
    if (pid == 0) {
        /* It is there for as long as it is asked for. */
        if (unshare(CLONE_NEWUSER) == 0 && write(results[1], &byte, 1) == 1 && read(ready[0], &byte, 1) < 0) _exit(1);
        _exit(0);
    }
    if (read(results[0], &byte, 1) == 1 && write_map(pid, "uid_map", users) == 0 &&
        write_map(pid, "gid_map", groups) == 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
        namespace = open(path, O_RDONLY | O_CLOEXEC);
        if (namespace < 0) namespace = -errno;
    }
    end(pid, ready[1], results[0]);
    return namespace;
}

int cns_user_namespace(uint32_t first, uint32_t ids) {
    char line[64];

    snprintf(line, sizeof line, "0 %u %u\n", first, ids);
    return cns_mapped_namespace(line, line);
}
