/* What the host has: dumps of rtnetlink(7), by libnl-route-3 where it filters as the kernel does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"

static void copy(char *to, size_t capacity, const char *from) { snprintf(to, capacity, "%s", from ? from : ""); }

static struct cns_netlink_record *append(struct cns_netlink_records *records) {
    if ((records->count & (records->count - 1)) == 0) { /* full at every power of two */
        size_t capacity = records->count ? records->count * 2 : 1;
        struct cns_netlink_record *grown = realloc(records->first, capacity * sizeof *grown);
        if (!grown) return NULL;
        records->first = grown;
    }
    struct cns_netlink_record *record = &records->first[records->count++];
    memset(record, 0, sizeof *record);
    return record;
}

int cns_netlink_links(struct cns_netlink *self, struct cns_netlink_records *records) {
    struct nl_cache *cache;
    int error = cns_from_libnl(rtnl_link_alloc_cache(self->socket, AF_UNSPEC, &cache));
    if (error) return error;
    for (struct nl_object *object = nl_cache_get_first(cache); object; object = nl_cache_get_next(object)) {
        struct rtnl_link *link = (struct rtnl_link *)object;
        struct cns_netlink_record *record = append(records);
        if (!record) {
            error = -ENOMEM;
            break;
        }
        record->index = rtnl_link_get_ifindex(link);
        record->master = rtnl_link_get_master(link);
        record->flags = rtnl_link_get_flags(link);
        copy(record->name, sizeof record->name, rtnl_link_get_name(link));
        copy(record->kind, sizeof record->kind, rtnl_link_get_type(link));
        copy(record->alias, sizeof record->alias, rtnl_link_get_ifalias(link));
    }
    nl_cache_free(cache);
    return error;
}

int cns_netlink_addresses(struct cns_netlink *self, struct cns_netlink_records *records) {
    struct nl_cache *cache;
    int error = cns_from_libnl(rtnl_addr_alloc_cache(self->socket, &cache));
    if (error) return error;
    for (struct nl_object *object = nl_cache_get_first(cache); object; object = nl_cache_get_next(object)) {
        struct rtnl_addr *address = (struct rtnl_addr *)object;
        struct nl_addr *local = rtnl_addr_get_local(address);
        struct cns_netlink_record *record = local ? append(records) : NULL;
        if (!record) continue;
        char text[INET6_ADDRSTRLEN];
        record->index = rtnl_addr_get_ifindex(address);
        record->flags = rtnl_addr_get_flags(address);
        if (inet_ntop(nl_addr_get_family(local), nl_addr_get_binary_addr(local), text, sizeof text))
            snprintf(record->address, sizeof record->address, "%s/%d", text, rtnl_addr_get_prefixlen(address));
    }
    nl_cache_free(cache);
    return error;
}

static void copy_address(char *to, size_t capacity, int family, struct nlattr *attribute) {
    to[0] = '\0';
    if (attribute && (size_t)nla_len(attribute) >= (family == AF_INET6 ? 16u : 4u))
        inet_ntop(family, nla_data(attribute), to, (socklen_t)capacity);
}

static int on_route(struct nl_msg *message, void *argument) {
    struct cns_netlink *self = argument;
    struct nlattr *attributes[RTA_MAX + 1];
    struct rtmsg *route = nlmsg_data(nlmsg_hdr(message));
    if (nlmsg_parse(nlmsg_hdr(message), sizeof *route, attributes, RTA_MAX, NULL) < 0) return NL_SKIP;
    struct cns_netlink_record *record = append(self->records);
    if (!record) return NL_STOP;
    if (attributes[RTA_OIF]) record->index = (int)nla_get_u32(attributes[RTA_OIF]);
    if (route->rtm_dst_len > 0)
        copy_address(record->address, sizeof record->address, route->rtm_family, attributes[RTA_DST]);
    copy_address(record->gateway, sizeof record->gateway, route->rtm_family, attributes[RTA_GATEWAY]);
    return NL_OK;
}

static int on_proxy(struct nl_msg *message, void *argument) {
    struct cns_netlink *self = argument;
    struct nlattr *attributes[NDA_MAX + 1];
    struct ndmsg *neighbour = nlmsg_data(nlmsg_hdr(message));
    if (nlmsg_parse(nlmsg_hdr(message), sizeof *neighbour, attributes, NDA_MAX, NULL) < 0) return NL_SKIP;
    if (!(neighbour->ndm_flags & NTF_PROXY) || !attributes[NDA_PROTOCOL]) return NL_SKIP;
    if (nla_get_u8(attributes[NDA_PROTOCOL]) != CNS_ROUTE_PROTOCOL) return NL_SKIP;
    struct cns_netlink_record *record = append(self->records);
    if (!record) return NL_STOP;
    record->index = neighbour->ndm_ifindex;
    copy_address(record->address, sizeof record->address, neighbour->ndm_family, attributes[NDA_DST]);
    return NL_OK;
}

/* Sends a dump request and gives each message of the answer to `each`. Owns the request. */
static int dump(struct cns_netlink *self, struct nl_msg *request, nl_recvmsg_msg_cb_t each,
                struct cns_netlink_records *records) {
    self->error = 0;
    self->message[0] = '\0';
    self->records = records;
    nl_cb_set(self->callbacks, NL_CB_VALID, NL_CB_CUSTOM, each, self);
    int result = nl_send_auto(self->socket, request);
    nlmsg_free(request);
    if (result >= 0) result = nl_recvmsgs(self->socket, self->callbacks);
    nl_cb_set(self->callbacks, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
    self->records = NULL;
    return self->error ? self->error : cns_from_libnl(result < 0 ? result : 0);
}

/* A request for the routes of the main table; the kernel filters them, for a router may have a million. */
static struct nl_msg *route_request(int family, int protocol) {
    struct nl_msg *request = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
    struct rtmsg body = {
        .rtm_family = (unsigned char)family,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_type = RTN_UNICAST,
        .rtm_protocol = (unsigned char)protocol,
    };
    if (request) nlmsg_append(request, &body, sizeof body, NLMSG_ALIGNTO);
    return request;
}

/* Strict checking makes the kernel honour the filter; libnl's own dumps do not pass it, so only around this one. */
static int dump_routes(struct cns_netlink *self, int protocol, int index, struct cns_netlink_records *records) {
    static const int families[] = {AF_INET, AF_INET6};
    int on = 1, off = 0, error = 0, fd = nl_socket_get_fd(self->socket);
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    for (int i = 0; i < 2 && !error; i++) {
        struct nl_msg *request = route_request(families[i], protocol);
        if (!request) return -ENOMEM;
        if (index) nla_put_u32(request, RTA_OIF, (uint32_t)index);
        error = dump(self, request, on_route, records);
        /* A kernel without the family, or a namespace without the table yet, has no such routes. */
        if (error == -EAFNOSUPPORT || error == -ENOENT || error == -EOPNOTSUPP) error = 0;
    }
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof off);
    return error;
}

int cns_netlink_default_routes(struct cns_netlink *self, int index, struct cns_netlink_records *records) {
    int error = dump_routes(self, RTPROT_UNSPEC, index, records);
    size_t kept = 0;
    for (size_t i = 0; i < records->count; i++)
        if (!records->first[i].address[0] && records->first[i].gateway[0]) records->first[kept++] = records->first[i];
    records->count = kept; /* not appended to afterwards */
    return error;
}

int cns_netlink_own_routes(struct cns_netlink *self, struct cns_netlink_records *records) {
    return dump_routes(self, CNS_ROUTE_PROTOCOL, 0, records);
}

int cns_netlink_own_proxies(struct cns_netlink *self, struct cns_netlink_records *records) {
    struct nl_msg *request = nlmsg_alloc_simple(RTM_GETNEIGH, NLM_F_DUMP);
    if (!request) return -ENOMEM;
    struct ndmsg body = {.ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY};
    nlmsg_append(request, &body, sizeof body, NLMSG_ALIGNTO);
    return dump(self, request, on_proxy, records);
}

void cns_netlink_free(struct cns_netlink_records *records) {
    free(records->first);
    records->first = NULL;
    records->count = 0;
}
