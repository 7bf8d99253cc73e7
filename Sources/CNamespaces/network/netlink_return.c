/* Links of the host's that were a jail's: how they come back. */
#define _GNU_SOURCE /* setns(2) */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "netlink.h"

int cns_netlink_index(struct cns_netlink *self, const char *name) {
    int index, error = cns_link_index(self, name, &index);
    return error ? error : index;
}

/* A link must be down for that: netdevice(7). A `%d` in the name becomes a number that is free. */
static int rename_link(int socket, const char *from, const char *to) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", from);
    if (ioctl(socket, SIOCGIFFLAGS, &request) < 0) return -errno;
    request.ifr_flags &= (short)~IFF_UP;
    if (ioctl(socket, SIOCSIFFLAGS, &request) < 0) return -errno;
    snprintf(request.ifr_newname, sizeof request.ifr_newname, "%s", to);
    return ioctl(socket, SIOCSIFNAME, &request) < 0 ? -errno : 0;
}

/* Root inside may have given the link another name, and its name to another link. */
static int restore_name(int socket, int index, const char *name) {
    struct ifreq request = {.ifr_ifindex = index};
    if (ioctl(socket, SIOCGIFNAME, &request) < 0) return -errno;
    if (strcmp(request.ifr_name, name) == 0) return 0;
    int error = rename_link(socket, request.ifr_name, name);
    if (error != -EEXIST) return error;
    error = rename_link(socket, name, "jr%d");
    return error ? error : rename_link(socket, request.ifr_name, name);
}

int cns_netlink_return(const char *name, int index, const char *file) {
    struct cns_netlink *socket = NULL;
    struct statfs kind;
    int kept = open(file, O_RDONLY | O_CLOEXEC);
    if (kept < 0) return -errno;
    /* A file that nothing is mounted on holds no namespace: it was dropped, or never came so far. */
    int error = fstatfs(kept, &kind) < 0 ? -errno : kind.f_type == NSFS_MAGIC ? 0 : -ENOENT;
    int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (!error && here < 0) error = -errno;
    if (!error) error = cns_netlink_open(kept, &socket);
    if (!error && index > 0) error = restore_name(socket->fd, index, name);
    if (!error) error = cns_netlink_move(socket, name, here);
    cns_netlink_close(socket);
    if (here >= 0) close(here);
    close(kept);
    return error;
}
