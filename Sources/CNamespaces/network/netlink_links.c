/* Links: how they are made, changed, moved and taken away. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "netlink.h"

static int set_mac(struct rtnl_link *link, const char *mac) {
    struct nl_addr *address;
    int error = cns_parse_mac(mac, &address);
    if (error) return error;
    rtnl_link_set_addr(link, address);
    nl_addr_put(address);
    return 0;
}

static int create(struct cns_netlink *self, struct rtnl_link *link, int error) {
    struct nl_msg *message = NULL;
    if (!error)
        error =
            cns_netlink_change(self, rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &message), message);
    return error;
}

int cns_netlink_create_bridge(struct cns_netlink *self, const char *name, const char *mac) {
    struct rtnl_link *link = rtnl_link_bridge_alloc();
    if (!link) return -ENOMEM;
    rtnl_link_set_name(link, name);
    int error = create(self, link, set_mac(link, mac));
    rtnl_link_put(link);
    return error;
}

int cns_netlink_create_veth(struct cns_netlink *self, const char *name, const char *mac, const char *peer_name,
                            const char *peer_mac, int netns) {
    struct rtnl_link *link = rtnl_link_veth_alloc();
    if (!link) return -ENOMEM;
    struct rtnl_link *peer = rtnl_link_veth_get_peer(link); /* counts a reference */
    rtnl_link_set_name(link, name);
    rtnl_link_set_name(peer, peer_name);
    rtnl_link_set_ns_fd(peer, netns);
    int error = set_mac(link, mac);
    if (!error) error = set_mac(peer, peer_mac);
    error = create(self, link, error);
    rtnl_link_put(peer);
    rtnl_link_put(link);
    return error;
}

/* A request to change the link of that name: the flags that are in `flags` are set, the others stay. */
static int change(struct cns_netlink *self, const char *name, unsigned flags, struct nl_msg **message) {
    int index, error = cns_link_index(self, name, &index);
    if (error) return error;
    struct ifinfomsg body = {.ifi_index = index, .ifi_flags = flags, .ifi_change = flags};
    *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
    if (!*message) return -ENOMEM;
    return nlmsg_append(*message, &body, sizeof body, NLMSG_ALIGNTO) < 0 ? -ENOMEM : 0;
}

/* Sends a request of change(), with the attribute of which `put` is libnl's answer. */
static int send_change(struct cns_netlink *self, int error, int put, struct nl_msg *message) {
    if (!error && put >= 0) return cns_netlink_change(self, 0, message);
    nlmsg_free(message);
    return error ? error : cns_from_libnl(put);
}

int cns_netlink_raise(struct cns_netlink *self, const char *name, const char *master, const char *alias) {
    struct nl_msg *message = NULL;
    int master_index = 0, put = 0, error = master ? cns_link_index(self, master, &master_index) : 0;
    if (!error) error = change(self, name, IFF_UP, &message);
    if (!error && master) put = nla_put_u32(message, IFLA_MASTER, (uint32_t)master_index);
    if (!error && put >= 0 && alias) put = nla_put_string(message, IFLA_IFALIAS, alias);
    return send_change(self, error, put, message);
}

int cns_netlink_settle(struct cns_netlink *self, const char *name) {
    struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
    struct ifreq request = {.ifr_data = (void *)&value};
    self->message[0] = '\0';
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    /* Any socket of the namespace will do: netdevice(7). */
    return ioctl(self->fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int cns_netlink_delete_link(struct cns_netlink *self, const char *name) {
    struct rtnl_link *link = rtnl_link_alloc();
    if (!link) return -ENOMEM;
    rtnl_link_set_name(link, name);
    struct nl_msg *message = NULL;
    int error = cns_netlink_change(self, rtnl_link_build_delete_request(link, &message), message);
    rtnl_link_put(link);
    return error;
}

int cns_netlink_move(struct cns_netlink *self, const char *name, int netns) {
    struct nl_msg *message = NULL;
    int put = 0, error = change(self, name, 0, &message);
    if (!error) put = nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)netns);
    return send_change(self, error, put, message);
}

/* MARK: a bridge's port */

int cns_netlink_reflect(struct cns_netlink *self, const char *port, bool is_on) {
    struct ifinfomsg body = {.ifi_family = AF_BRIDGE};
    int error = cns_link_index(self, port, &body.ifi_index);
    if (error) return error;
    struct nl_msg *message = nlmsg_alloc_simple(RTM_SETLINK, 0);
    if (!message) return -ENOMEM;
    int put = nlmsg_append(message, &body, sizeof body, NLMSG_ALIGNTO);
    struct nlattr *settings = put < 0 ? NULL : nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
    if (settings) {
        put = nla_put_u8(message, IFLA_BRPORT_MODE, is_on ? BRIDGE_MODE_HAIRPIN : BRIDGE_MODE_UNSPEC);
        nla_nest_end(message, settings);
    }
    return send_change(self, settings ? 0 : -ENOMEM, put, message);
}
