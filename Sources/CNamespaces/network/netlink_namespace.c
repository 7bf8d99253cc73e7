/* Network namespaces: to go into one and come back, and to keep one beyond its processes. */
#define _GNU_SOURCE /* setns(2) */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netlink.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum { WAYS_HOME = 100 };

int cns_enter_network(int netns, int *home) {
    *home = -1;
    if (netns < 0) return 0;
    int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (here < 0) return -errno;
    if (setns(netns, CLONE_NEWNET) < 0) {
        int error = -errno;
        close(here);
        return error;
    }
    *home = here;
    return 0;
}

void cns_leave_network(int home) {
    static const char lost[] = "jailrun: cannot come back from a jail's network namespace\n";
    if (home < 0) return;
    for (int attempt = 1; setns(home, CLONE_NEWNET) < 0; attempt++) {
        if (attempt == WAYS_HOME) {
            if (write(STDERR_FILENO, lost, sizeof lost - 1) < 0) _exit(CNS_LOST);
            _exit(CNS_LOST);
        }
        usleep(10000);
    }
    close(home);
}

/* MARK: a namespace that outlives its processes */

static int make_file(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash - path) >= sizeof folder) return -EINVAL;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST) return -errno;
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -errno;
    close(fd);
    return 0;
}

int cns_network_cookie(uint64_t *cookie) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    socklen_t length = sizeof *cookie;
    int error = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &length) < 0 ? -errno : 0;
    close(fd);
    if (error == -ENOPROTOOPT) return 0;
    return error ? error : 1;
}

int cns_namespace_keep(int netns, const char *file) {
    char source[32];
    int error = make_file(file);
    if (error) return error;
    snprintf(source, sizeof source, "/proc/self/fd/%d", netns);
    return mount(source, file, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int cns_namespace_drop(const char *file) {
    int error = umount2(file, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
    /* EINVAL: nothing is mounted there. */
    if (error == 0 || error == -EINVAL) error = unlink(file) < 0 ? -errno : 0;
    return error;
}
