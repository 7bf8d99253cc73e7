#include "netlink.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* libnl's own error numbers are fewer than errno's; what remains here are mostly its argument checks and allocations.
 */
int cns_from_libnl(int error) {
    switch (-error) {
    case NLE_SUCCESS: return 0;
    case NLE_NOMEM: return -ENOMEM;
    case NLE_NODEV:
    case NLE_OBJ_NOTFOUND: return -ENODEV;
    case NLE_PERM: return -EPERM;
    case NLE_AGAIN: return -EAGAIN;
    case NLE_RANGE:
    case NLE_INVAL: return -EINVAL;
    case NLE_EXIST: return -EEXIST;
    case NLE_AF_NOSUPPORT: return -EAFNOSUPPORT;
    case NLE_DUMP_INTR: return -EINTR;
    default: return -EIO;
    }
}

int cns_netlink_ask(struct cns_netlink *self, struct nl_msg *message, struct cns_heard heard) {
    struct nlmsghdr *header = nlmsg_hdr(message);
    self->message[0] = '\0';
    heard.text = self->message;
    heard.capacity = sizeof self->message;
    header->nlmsg_flags |= NLM_F_REQUEST;
    header->nlmsg_seq = ++self->sequence;
    header->nlmsg_pid = 0;
    int error = cns_exchange_send(self->fd, header, header->nlmsg_len);
    nlmsg_free(message);
    return error ? error : cns_exchange_hear(self->fd, self->sequence, self->sequence, &heard);
}

int cns_netlink_change(struct cns_netlink *self, int built, struct nl_msg *message) {
    if (built < 0) return cns_from_libnl(built);
    nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK;
    return cns_netlink_ask(self, message, (struct cns_heard){0});
}

int cns_netlink_open(int netns, struct cns_netlink **result) {
    struct cns_netlink *self = calloc(1, sizeof *self);
    if (!self) return -ENOMEM;
    int home, error = cns_enter_network(netns, &home);
    if (!error) {
        self->fd = cns_exchange_open(NETLINK_ROUTE);
        if (self->fd < 0) error = self->fd;
        cns_leave_network(home);
    }
    if (error) {
        free(self);
        return error;
    }
    *result = self;
    return 0;
}

void cns_netlink_close(struct cns_netlink *self) {
    if (!self) return;
    close(self->fd);
    free(self);
}

const char *cns_netlink_message(const struct cns_netlink *self) { return self->message; }

/* By any socket of the namespace: netdevice(7). if_nametoindex(3) would ask the caller's. */
int cns_link_index(struct cns_netlink *self, const char *name, int *index) {
    struct ifreq request = {0};
    if (strlen(name) >= sizeof request.ifr_name) return -ENODEV;
    strcpy(request.ifr_name, name);
    if (ioctl(self->fd, SIOCGIFINDEX, &request) < 0) return -errno;
    *index = request.ifr_ifindex;
    return 0;
}

int cns_parse_address(const char *text, struct nl_addr **address) {
    return cns_from_libnl(nl_addr_parse(text, AF_UNSPEC, address));
}

int cns_parse_mac(const char *text, struct nl_addr **address) {
    return cns_from_libnl(nl_addr_parse(text, AF_LLC, address));
}
