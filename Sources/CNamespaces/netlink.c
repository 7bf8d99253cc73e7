#define _GNU_SOURCE /* setns(2) */
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAYS_HOME = 100 };

/* MARK: namespaces */

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

/* MARK: requests */

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

/* Sends a request and takes its answer. `built` is what libnl's build function returned. Owns the message. */
static int transact(struct cns_netlink *self, int built, struct nl_msg *message) {
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

/* Of a link in the socket's namespace, by any socket of it: netdevice(7). if_nametoindex(3) would ask the caller's. */
static int link_index(struct cns_netlink *self, const char *name, int *index) {
    struct ifreq request = {0};
    if (strlen(name) >= sizeof request.ifr_name) return -ENODEV;
    strcpy(request.ifr_name, name);
    if (ioctl(self->fd, SIOCGIFINDEX, &request) < 0) return -errno;
    *index = request.ifr_ifindex;
    return 0;
}

static int parse(const char *text, struct nl_addr **address) {
    return cns_from_libnl(nl_addr_parse(text, AF_UNSPEC, address));
}

static int parse_mac(const char *text, struct nl_addr **address) {
    return cns_from_libnl(nl_addr_parse(text, AF_LLC, address));
}

/* MARK: links */

static int set_mac(struct rtnl_link *link, const char *mac) {
    struct nl_addr *address;
    int error = parse_mac(mac, &address);
    if (error) return error;
    rtnl_link_set_addr(link, address);
    nl_addr_put(address);
    return 0;
}

static int create(struct cns_netlink *self, struct rtnl_link *link, int error) {
    struct nl_msg *message = NULL;
    if (!error) error = transact(self, rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &message), message);
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
    int index, error = link_index(self, name, &index);
    if (error) return error;
    struct ifinfomsg body = {.ifi_index = index, .ifi_flags = flags, .ifi_change = flags};
    *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
    if (!*message) return -ENOMEM;
    return nlmsg_append(*message, &body, sizeof body, NLMSG_ALIGNTO) < 0 ? -ENOMEM : 0;
}

/* Sends a request of change(), with the attribute of which `put` is libnl's answer. */
static int send_change(struct cns_netlink *self, int error, int put, struct nl_msg *message) {
    if (!error && put >= 0) return transact(self, 0, message);
    nlmsg_free(message);
    return error ? error : cns_from_libnl(put);
}

int cns_netlink_raise(struct cns_netlink *self, const char *name, const char *master, const char *alias) {
    struct nl_msg *message = NULL;
    int master_index = 0, put = 0, error = master ? link_index(self, master, &master_index) : 0;
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
    int error = transact(self, rtnl_link_build_delete_request(link, &message), message);
    rtnl_link_put(link);
    return error;
}

int cns_netlink_move(struct cns_netlink *self, const char *name, int netns) {
    struct nl_msg *message = NULL;
    int put = 0, error = change(self, name, 0, &message);
    if (!error) put = nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)netns);
    return send_change(self, error, put, message);
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

/* MARK: addresses, routes, neighbours */

/* An address with everything set, or an error. */
static int make_address(struct cns_netlink *self, const char *link, const char *text, struct rtnl_addr **result) {
    struct nl_addr *local = NULL;
    int index, error = link_index(self, link, &index);
    if (!error) error = parse(text, &local);
    if (error) return error;
    struct rtnl_addr *address = rtnl_addr_alloc();
    if (address) {
        rtnl_addr_set_ifindex(address, index);
        rtnl_addr_set_local(address, local);
        rtnl_addr_set_prefixlen(address, (int)nl_addr_get_prefixlen(local));
        /* Without it an IPv6 address cannot be used for a second or two: duplicate address detection. */
        if (nl_addr_get_family(local) == AF_INET6) rtnl_addr_set_flags(address, IFA_F_NODAD);
    }
    nl_addr_put(local);
    *result = address;
    return address ? 0 : -ENOMEM;
}

int cns_netlink_add_address(struct cns_netlink *self, const char *link, const char *text) {
    struct rtnl_addr *address;
    struct nl_msg *message = NULL;
    int error = make_address(self, link, text, &address);
    if (error) return error;
    error = transact(self, rtnl_addr_build_add_request(address, NLM_F_CREATE | NLM_F_EXCL, &message), message);
    rtnl_addr_put(address);
    return error;
}

int cns_netlink_delete_address(struct cns_netlink *self, const char *link, const char *text) {
    struct rtnl_addr *address;
    struct nl_msg *message = NULL;
    int error = make_address(self, link, text, &address);
    if (error) return error;
    error = transact(self, rtnl_addr_build_delete_request(address, 0, &message), message);
    rtnl_addr_put(address);
    return error;
}

static int make_hop(int index, const char *gateway, struct rtnl_nexthop **result) {
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    if (!hop) return -ENOMEM;
    rtnl_route_nh_set_ifindex(hop, index);
    if (gateway) {
        struct nl_addr *address;
        int error = parse(gateway, &address);
        if (error) {
            rtnl_route_nh_free(hop);
            return error;
        }
        rtnl_route_nh_set_gateway(hop, address);
        nl_addr_put(address);
    }
    *result = hop;
    return 0;
}

static void fill_route(struct rtnl_route *route, struct nl_addr *destination, bool has_gateway) {
    rtnl_route_set_family(route, (uint8_t)nl_addr_get_family(destination));
    rtnl_route_set_dst(route, destination);
    rtnl_route_set_table(route, RT_TABLE_MAIN);
    rtnl_route_set_type(route, RTN_UNICAST);
    rtnl_route_set_protocol(route, CNS_ROUTE_PROTOCOL);
    rtnl_route_set_scope(route, has_gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
}

int cns_netlink_add_route(struct cns_netlink *self, const char *destination, const char *link, const char *gateway,
                          const char *source) {
    struct nl_addr *to = NULL, *from = NULL;
    struct rtnl_nexthop *hop = NULL;
    struct rtnl_route *route = rtnl_route_alloc();
    int index, error = route ? link_index(self, link, &index) : -ENOMEM;
    if (!error) error = parse(destination, &to);
    if (!error && source) error = parse(source, &from);
    if (!error) error = make_hop(index, gateway, &hop);
    if (!error) {
        fill_route(route, to, gateway != NULL);
        if (from) rtnl_route_set_pref_src(route, from);
        rtnl_route_add_nexthop(route, hop); /* the route owns it now */
        struct nl_msg *message = NULL;
        error = transact(self, rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, &message), message);
    }
    if (route) rtnl_route_put(route);
    nl_addr_put(to);
    nl_addr_put(from);
    return error;
}

static int make_neighbour(struct cns_netlink *self, const char *link, const char *text, const char *mac,
                          struct rtnl_neigh **result) {
    struct nl_addr *address = NULL, *hardware = NULL;
    int index, error = link_index(self, link, &index);
    if (!error) error = parse(text, &address);
    if (!error && mac) error = parse_mac(mac, &hardware);
    struct rtnl_neigh *neighbour = error ? NULL : rtnl_neigh_alloc();
    if (neighbour) {
        rtnl_neigh_set_ifindex(neighbour, index);
        rtnl_neigh_set_dst(neighbour, address);
        rtnl_neigh_set_state(neighbour, NUD_PERMANENT);
        if (hardware)
            rtnl_neigh_set_lladdr(neighbour, hardware);
        else
            rtnl_neigh_set_flags(neighbour, NTF_PROXY);
    }
    nl_addr_put(address);
    nl_addr_put(hardware);
    *result = neighbour;
    return error ? error : neighbour ? 0 : -ENOMEM;
}

int cns_netlink_add_neighbour(struct cns_netlink *self, const char *link, const char *text, const char *mac) {
    struct rtnl_neigh *neighbour;
    struct nl_msg *message = NULL;
    int error = make_neighbour(self, link, text, mac, &neighbour);
    if (error) return error;
    int built = rtnl_neigh_build_add_request(neighbour, NLM_F_CREATE | NLM_F_REPLACE, &message);
    /* libnl 3.7 has no setter for it. */
    if (built >= 0) nla_put_u8(message, NDA_PROTOCOL, CNS_ROUTE_PROTOCOL);
    error = transact(self, built, message);
    rtnl_neigh_put(neighbour);
    return error;
}

int cns_netlink_add_proxy(struct cns_netlink *self, const char *link, const char *text) {
    return cns_netlink_add_neighbour(self, link, text, NULL);
}

int cns_netlink_delete_proxy(struct cns_netlink *self, const char *link, const char *text) {
    struct rtnl_neigh *neighbour;
    struct nl_msg *message = NULL;
    int error = make_neighbour(self, link, text, NULL, &neighbour);
    if (error) return error;
    error = transact(self, rtnl_neigh_build_delete_request(neighbour, 0, &message), message);
    rtnl_neigh_put(neighbour);
    return error;
}

int cns_netlink_delete_neighbour(struct cns_netlink *self, const char *link, const char *text) {
    struct rtnl_neigh *neighbour;
    struct nl_msg *message = NULL;
    int error = make_neighbour(self, link, text, "00:00:00:00:00:00", &neighbour);
    if (error) return error;
    error = transact(self, rtnl_neigh_build_delete_request(neighbour, 0, &message), message);
    rtnl_neigh_put(neighbour);
    return error;
}

/* MARK: a bridge's port */

int cns_netlink_reflect(struct cns_netlink *self, const char *port) {
    struct ifinfomsg body = {.ifi_family = AF_BRIDGE};
    int error = link_index(self, port, &body.ifi_index);
    if (error) return error;
    struct nl_msg *message = nlmsg_alloc_simple(RTM_SETLINK, 0);
    if (!message) return -ENOMEM;
    nlmsg_append(message, &body, sizeof body, NLMSG_ALIGNTO);
    struct nlattr *settings = nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
    nla_put_u8(message, IFLA_BRPORT_MODE, BRIDGE_MODE_HAIRPIN);
    nla_nest_end(message, settings);
    return transact(self, 0, message);
}

/* MARK: forwarding */

int cns_forwarding_watch(void) {
    struct sockaddr_nl address = {
        .nl_family = AF_NETLINK,
        .nl_groups = 1u << (RTNLGRP_IPV4_NETCONF - 1) | 1u << (RTNLGRP_IPV6_NETCONF - 1),
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = -errno;
    close(fd);
    return error;
}

void cns_forwarding_heard(int watch) {
    char bytes[512];
    while (recv(watch, bytes, sizeof bytes, MSG_TRUNC) >= 0 || errno == ENOBUFS || errno == EINTR) {
    }
}
