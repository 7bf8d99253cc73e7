/* Addresses of links, routes and neighbours. */
#include <errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "netlink.h"

/* MARK: addresses */

/* An address with everything set, or an error. */
static int make_address(struct cns_netlink *self, const char *link, const char *text, struct rtnl_addr **result) {
    struct nl_addr *local = NULL;
    int index, error = cns_link_index(self, link, &index);
    if (!error) error = cns_parse_address(text, &local);
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
    error =
        cns_netlink_change(self, rtnl_addr_build_add_request(address, NLM_F_CREATE | NLM_F_EXCL, &message), message);
    rtnl_addr_put(address);
    return error;
}

int cns_netlink_delete_address(struct cns_netlink *self, const char *link, const char *text) {
    struct rtnl_addr *address;
    struct nl_msg *message = NULL;
    int error = make_address(self, link, text, &address);
    if (error) return error;
    error = cns_netlink_change(self, rtnl_addr_build_delete_request(address, 0, &message), message);
    rtnl_addr_put(address);
    return error;
}

/* MARK: routes */

static int make_hop(int index, const char *gateway, struct rtnl_nexthop **result) {
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    if (!hop) return -ENOMEM;
    rtnl_route_nh_set_ifindex(hop, index);
    if (gateway) {
        struct nl_addr *address;
        int error = cns_parse_address(gateway, &address);
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
    int index, error = route ? cns_link_index(self, link, &index) : -ENOMEM;
    if (!error) error = cns_parse_address(destination, &to);
    if (!error && source) error = cns_parse_address(source, &from);
    if (!error) error = make_hop(index, gateway, &hop);
    if (!error) {
        fill_route(route, to, gateway != NULL);
        if (from) rtnl_route_set_pref_src(route, from);
        rtnl_route_add_nexthop(route, hop); /* the route owns it now */
        struct nl_msg *message = NULL;
        error =
            cns_netlink_change(self, rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, &message), message);
    }
    if (route) rtnl_route_put(route);
    nl_addr_put(to);
    nl_addr_put(from);
    return error;
}

/* MARK: neighbours */

static int make_neighbour(struct cns_netlink *self, const char *link, const char *text, const char *mac,
                          struct rtnl_neigh **result) {
    struct nl_addr *address = NULL, *hardware = NULL;
    int index, error = cns_link_index(self, link, &index);
    if (!error) error = cns_parse_address(text, &address);
    if (!error && mac) error = cns_parse_mac(mac, &hardware);
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
    error = cns_netlink_change(self, built, message);
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
    error = cns_netlink_change(self, rtnl_neigh_build_delete_request(neighbour, 0, &message), message);
    rtnl_neigh_put(neighbour);
    return error;
}

int cns_netlink_delete_neighbour(struct cns_netlink *self, const char *link, const char *text) {
    struct rtnl_neigh *neighbour;
    struct nl_msg *message = NULL;
    int error = make_neighbour(self, link, text, "00:00:00:00:00:00", &neighbour);
    if (error) return error;
    error = cns_netlink_change(self, rtnl_neigh_build_delete_request(neighbour, 0, &message), message);
    rtnl_neigh_put(neighbour);
    return error;
}
