/* The network's sysctls: files of a namespace of its own, below /proc/sys/net. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "network/netlink.h"
#include "network/netlink_exchange.h"

static int open_sysctl(int proc, const char *path, uint64_t flags) {
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    char full[256];
    int length = snprintf(full, sizeof full, "sys/%s", path);
    if (length < 0 || (size_t)length >= sizeof full) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return (int)syscall(SYS_openat2, proc, full, &how, sizeof how);
}

int cns_sysctl_write(int proc, int netns, const char *path, const char *value) {
    int home, error = cns_enter_network(netns, &home);
    if (error) return error;
    int fd = open_sysctl(proc, path, O_WRONLY);
    error = fd < 0 ? -errno : 0;
    cns_leave_network(home); /* the open file keeps its namespace's table */
    if (error) return error;
    size_t length = strlen(value);
    ssize_t written = write(fd, value, length);
    error = written < 0 ? -errno : (size_t)written == length ? 0 : -EIO;
    close(fd);
    return error;
}

int cns_sysctl_read(int proc, const char *path, char *value, size_t capacity) {
    int fd = open_sysctl(proc, path, O_RDONLY);
    if (fd < 0) return -errno;
    ssize_t count = read(fd, value, capacity - 1);
    int error = count < 0 ? -errno : 0;
    close(fd);
    if (error) return error;
    value[count] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return 0;
}

/* MARK: forwarding */

int cns_forwarding_watch(void) {
    uint32_t groups = 1u << (RTNLGRP_IPV4_NETCONF - 1) | 1u << (RTNLGRP_IPV6_NETCONF - 1);
    return cns_exchange_watch(NETLINK_ROUTE, groups);
}

void cns_forwarding_heard(int watch) {
    char bytes[512];
    while (recv(watch, bytes, sizeof bytes, MSG_TRUNC) >= 0 || errno == ENOBUFS || errno == EINTR) {
    }
}
