/* conntrack(8): netlink messages of the subsystem NFNL_SUBSYS_CTNETLINK. */
#define _GNU_SOURCE
#include "cns_conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink_exchange.h"

struct search {
    const struct cns_conntrack_end *ends;
    size_t count;
    struct nl_msg **found; /* requests to forget them */
    size_t length;
};

static bool is_at(const struct cns_conntrack_end *end, int family, struct nlattr *address, uint16_t port) {
    size_t width = family == AF_INET ? 4 : 16;
    return end->address.family == family && port >= end->first && port <= end->last && address &&
           (size_t)nla_len(address) >= width && !memcmp(end->address.bytes, nla_data(address), width);
}

/* By the answers' tuple: its source is where the connection leads. */
static bool matches(const struct search *search, int family, struct nlattr *tuple, bool is_translated) {
    struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *transport[CTA_PROTO_MAX + 1];
    if (!tuple || nla_parse_nested(parts, CTA_TUPLE_MAX, tuple, NULL) < 0) return false;
    if (!parts[CTA_TUPLE_IP] || nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL) < 0) return false;
    if (!parts[CTA_TUPLE_PROTO] || nla_parse_nested(transport, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], NULL) < 0)
        return false;
    if (!transport[CTA_PROTO_NUM] || nla_get_u8(transport[CTA_PROTO_NUM]) != IPPROTO_UDP) return false;
    if (!transport[CTA_PROTO_SRC_PORT]) return false;
    uint16_t port = ntohs(nla_get_u16(transport[CTA_PROTO_SRC_PORT]));
    struct nlattr *address = ip[family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC];
    for (size_t i = 0; i < search->count; i++)
        if (search->ends[i].is_translated == is_translated && is_at(&search->ends[i], family, address, port))
            return true;
    return false;
}

static struct nl_msg *make(uint16_t type, int flags, int family) {
    struct nl_msg *message = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | type, flags);
    struct nfgenmsg body = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0};
    if (message) nlmsg_append(message, &body, sizeof body, NLMSG_ALIGNTO);
    return message;
}

/* What names one connection: its tuple, its zone, and the number that no other one of that tuple had before. */
static int remember(struct search *search, int family, struct nlattr **attributes) {
    struct nl_msg **grown = realloc(search->found, (search->length + 1) * sizeof *grown);
    struct nl_msg *request = grown ? make(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family) : NULL;
    if (grown) search->found = grown;
    if (!request) return -ENOMEM;
    static const int names[] = {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (attributes[names[i]])
            nla_put(request, attributes[names[i]]->nla_type, nla_len(attributes[names[i]]),
                    nla_data(attributes[names[i]]));
    search->found[search->length++] = request;
    return 0;
}

static int on_connection(struct nlmsghdr *header, void *argument) {
    struct search *search = argument;
    struct nlattr *attributes[CTA_MAX + 1];
    struct nfgenmsg *body = nlmsg_data(header);
    if (nlmsg_parse(header, sizeof *body, attributes, CTA_MAX, NULL) < 0) return -EPROTO;
    bool is_translated = attributes[CTA_STATUS] && ntohl(nla_get_u32(attributes[CTA_STATUS])) & IPS_DST_NAT;
    if (!matches(search, body->nfgen_family, attributes[CTA_TUPLE_REPLY], is_translated)) return 0;
    return remember(search, body->nfgen_family, attributes);
}

static int ask(int fd, struct nl_msg *request, uint32_t sequence, struct search *search) {
    if (!request) return -ENOMEM;
    struct nlmsghdr *header = nlmsg_hdr(request);
    struct cns_heard heard = {.each = on_connection, .argument = search};
    header->nlmsg_flags |= NLM_F_REQUEST;
    header->nlmsg_seq = sequence;
    header->nlmsg_pid = 0;
    int error = cns_exchange_send(fd, header, header->nlmsg_len);
    return error ? error : cns_exchange_hear(fd, sequence, sequence, &heard);
}

static int forget(int fd, struct search *search) {
    uint32_t sequence = 1;
    struct nl_msg *request = make(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    /* Where the kernel tracks nothing, or cannot be asked about it, there is nothing to be forgotten. */
    int error = cns_exchange_unless_absent(ask(fd, request, sequence, search));
    nlmsg_free(request);
    for (size_t i = 0; i < search->length; i++) {
        /* It may have ended. */
        if (!error) error = cns_exchange_unless_absent(ask(fd, search->found[i], ++sequence, search));
        nlmsg_free(search->found[i]);
    }
    free(search->found);
    return error;
}

int cns_conntrack_forget(const struct cns_conntrack_end *ends, size_t count) {
    struct search search = {.ends = ends, .count = count};
    int fd = cns_exchange_open(NETLINK_NETFILTER);
    if (fd < 0) return fd == -EPROTONOSUPPORT ? 0 : fd;
    int error = forget(fd, &search);
    close(fd);
    return error;
}
