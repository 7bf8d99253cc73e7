/* Links of the host's that were a jail's: how they come back. */
#define _GNU_SOURCE /* setns(2) */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "netlink.h"

int cns_netlink_index(struct cns_netlink *self, const char *name) {
    struct rtnl_link *link;
    int error = cns_from_libnl(rtnl_link_get_kernel(self->socket, 0, name, &link));
    if (error) return error;
    int index = rtnl_link_get_ifindex(link);
    rtnl_link_put(link);
    return index;
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
static int restore_name(struct cns_netlink *self, int index, const char *name) {
    struct rtnl_link *link;
    int socket = nl_socket_get_fd(self->socket);
    int error = cns_from_libnl(rtnl_link_get_kernel(self->socket, index, NULL, &link));
    if (error) return error;
    const char *present = rtnl_link_get_name(link);
    if (strcmp(present, name) != 0) {
        error = rename_link(socket, present, name);
        if (error == -EEXIST) error = rename_link(socket, name, "jr%d");
        if (!error) error = rename_link(socket, present, name);
        /* -ENODEV: the first of these has done it. */
        if (error == -ENODEV) error = 0;
    }
    rtnl_link_put(link);
    return error;
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
    if (!error && index > 0) error = restore_name(socket, index, name);
    if (!error) error = cns_netlink_move(socket, name, here);
    cns_netlink_close(socket);
    if (here >= 0) close(here);
    close(kept);
    return error;
}
