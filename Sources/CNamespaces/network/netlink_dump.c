/* What the host has: dumps of rtnetlink(7), taken apart by libnl-3. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"

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

static void copy_text(char *to, size_t capacity, struct nlattr *attribute) {
    if (attribute) nla_strlcpy(to, attribute, capacity);
}

static void copy_address(char *to, size_t capacity, int family, struct nlattr *attribute) {
    to[0] = '\0';
    if (attribute && (size_t)nla_len(attribute) >= (family == AF_INET6 ? 16u : 4u))
        inet_ntop(family, nla_data(attribute), to, (socklen_t)capacity);
}

static void copy_hardware_address(char *to, size_t capacity, struct nlattr *attribute) {
    size_t length = attribute ? (size_t)nla_len(attribute) : 0;
    const unsigned char *octets = attribute ? nla_data(attribute) : NULL;
    for (size_t i = 0, at = 0; i < length && at + 4 <= capacity; i++)
        at += (size_t)snprintf(to + at, capacity - at, "%s%02x", i ? ":" : "", octets[i]);
}

/* Each puts one object of a dump into the records, which are `argument`; -ENOMEM when it has no room. */

static void add_kind(struct cns_netlink_record *record, struct nlattr *info) {
    struct nlattr *parts[IFLA_INFO_MAX + 1], *mode;
    if (!info || nla_parse_nested(parts, IFLA_INFO_MAX, info, NULL) < 0) return;
    copy_text(record->kind, sizeof record->kind, parts[IFLA_INFO_KIND]);
    if (!parts[IFLA_INFO_SLAVE_KIND] || nla_strcmp(parts[IFLA_INFO_SLAVE_KIND], "bridge") != 0) return;
    struct nlattr *port = parts[IFLA_INFO_SLAVE_DATA];
    mode = port ? nla_find(nla_data(port), nla_len(port), IFLA_BRPORT_MODE) : NULL;
    record->reflects = mode && nla_get_u8(mode) != 0;
}

static int on_link(struct nlmsghdr *header, void *argument) {
    struct nlattr *attributes[IFLA_MAX + 1];
    struct ifinfomsg *link = nlmsg_data(header);
    if (nlmsg_parse(header, sizeof *link, attributes, IFLA_MAX, NULL) < 0) return -EPROTO;
    struct cns_netlink_record *record = append(argument);
    if (!record) return -ENOMEM;
    record->index = link->ifi_index;
    record->flags = link->ifi_flags;
    if (attributes[IFLA_MASTER]) record->master = (int)nla_get_u32(attributes[IFLA_MASTER]);
    copy_text(record->name, sizeof record->name, attributes[IFLA_IFNAME]);
    copy_text(record->alias, sizeof record->alias, attributes[IFLA_IFALIAS]);
    copy_hardware_address(record->address, sizeof record->address, attributes[IFLA_ADDRESS]);
    add_kind(record, attributes[IFLA_LINKINFO]);
    return 0;
}

static int on_address(struct nlmsghdr *header, void *argument) {
    struct nlattr *attributes[IFA_MAX + 1];
    struct ifaddrmsg *address = nlmsg_data(header);
    if (nlmsg_parse(header, sizeof *address, attributes, IFA_MAX, NULL) < 0) return -EPROTO;
    struct nlattr *local = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
    if (!local) return 0;
    struct cns_netlink_record *record = append(argument);
    if (!record) return -ENOMEM;
    char text[INET6_ADDRSTRLEN];
    record->index = (int)address->ifa_index;
    record->flags = attributes[IFA_FLAGS] ? nla_get_u32(attributes[IFA_FLAGS]) : address->ifa_flags;
    copy_address(text, sizeof text, address->ifa_family, local);
    if (text[0]) snprintf(record->address, sizeof record->address, "%s/%d", text, address->ifa_prefixlen);
    return 0;
}

static int on_route(struct nlmsghdr *header, void *argument) {
    struct nlattr *attributes[RTA_MAX + 1];
    struct rtmsg *route = nlmsg_data(header);
    if (nlmsg_parse(header, sizeof *route, attributes, RTA_MAX, NULL) < 0) return -EPROTO;
    struct cns_netlink_record *record = append(argument);
    if (!record) return -ENOMEM;
    if (attributes[RTA_OIF]) record->index = (int)nla_get_u32(attributes[RTA_OIF]);
    if (route->rtm_dst_len > 0)
        copy_address(record->address, sizeof record->address, route->rtm_family, attributes[RTA_DST]);
    copy_address(record->gateway, sizeof record->gateway, route->rtm_family, attributes[RTA_GATEWAY]);
    return 0;
}

static int keep_own(struct nlmsghdr *header, void *argument) {
    struct nlattr *attributes[NDA_MAX + 1];
    struct ndmsg *neighbour = nlmsg_data(header);
    if (nlmsg_parse(header, sizeof *neighbour, attributes, NDA_MAX, NULL) < 0) return -EPROTO;
    if (!attributes[NDA_PROTOCOL] || nla_get_u8(attributes[NDA_PROTOCOL]) != CNS_ROUTE_PROTOCOL) return 0;
    struct cns_netlink_record *record = append(argument);
    if (!record) return -ENOMEM;
    record->index = neighbour->ndm_ifindex;
    copy_address(record->address, sizeof record->address, neighbour->ndm_family, attributes[NDA_DST]);
    return 0;
}

static int on_proxy(struct nlmsghdr *header, void *argument) {
    struct ndmsg *neighbour = nlmsg_data(header);
    return neighbour->ndm_flags & NTF_PROXY ? keep_own(header, argument) : 0;
}

static int on_neighbour(struct nlmsghdr *header, void *argument) {
    struct ndmsg *neighbour = nlmsg_data(header);
    return neighbour->ndm_state & NUD_PERMANENT ? keep_own(header, argument) : 0;
}

/* A request for a dump. */
static struct nl_msg *dump_request(int type, const void *body, size_t length) {
    struct nl_msg *request = nlmsg_alloc_simple(type, NLM_F_DUMP);
    if (request) nlmsg_append(request, (void *)(uintptr_t)body, length, NLMSG_ALIGNTO);
    return request;
}

/* Sends it and gives each object of the answer to `each`. Owns the request. */
static int dump(struct cns_netlink *self, struct nl_msg *request, int (*each)(struct nlmsghdr *, void *),
                struct cns_netlink_records *records) {
    return request ? cns_netlink_ask(self, request, (struct cns_heard){.each = each, .argument = records}) : -ENOMEM;
}

int cns_netlink_links(struct cns_netlink *self, struct cns_netlink_records *records) {
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    struct nl_msg *request = dump_request(RTM_GETLINK, &body, sizeof body);
    if (request) nla_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return dump(self, request, on_link, records);
}

int cns_netlink_addresses(struct cns_netlink *self, struct cns_netlink_records *records) {
    struct ifaddrmsg body = {.ifa_family = AF_UNSPEC};
    return dump(self, dump_request(RTM_GETADDR, &body, sizeof body), on_address, records);
}

/* A request for the routes of the main table; the kernel filters them, for a router may have a million. */
static struct nl_msg *route_request(int family, int protocol) {
    struct rtmsg body = {
        .rtm_family = (unsigned char)family,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_type = RTN_UNICAST,
        .rtm_protocol = (unsigned char)protocol,
    };
    return dump_request(RTM_GETROUTE, &body, sizeof body);
}

/* Strict checking makes the kernel honour the filter. */
static int dump_routes(struct cns_netlink *self, int protocol, int index, struct cns_netlink_records *records) {
    static const int families[] = {AF_INET, AF_INET6};
    int on = 1, off = 0, error = 0, fd = self->fd;
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    for (int i = 0; i < 2 && !error; i++) {
        struct nl_msg *request = route_request(families[i], protocol);
        if (request && index) nla_put_u32(request, RTA_OIF, (uint32_t)index);
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
    struct ndmsg body = {.ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY};
    return dump(self, dump_request(RTM_GETNEIGH, &body, sizeof body), on_proxy, records);
}

int cns_netlink_own_neighbours(struct cns_netlink *self, int index, struct cns_netlink_records *records) {
    struct ndmsg body = {.ndm_family = AF_UNSPEC};
    struct nl_msg *request = dump_request(RTM_GETNEIGH, &body, sizeof body);
    if (request) nla_put_u32(request, NDA_IFINDEX, (uint32_t)index);
    return dump(self, request, on_neighbour, records);
}

void cns_netlink_free(struct cns_netlink_records *records) {
    free(records->first);
    records->first = NULL;
    records->count = 0;
}
