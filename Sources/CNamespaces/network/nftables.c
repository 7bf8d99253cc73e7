/* nf_tables: netlink messages of the subsystem NFNL_SUBSYS_NFTABLES. What is sent between the two marks of a batch is
 * done whole or not at all. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nftables.h"

_Static_assert((int)CNS_NFT_META_IIFNAME == NFT_META_IIFNAME && (int)CNS_NFT_META_OIFNAME == NFT_META_OIFNAME &&
                   (int)CNS_NFT_META_NFPROTO == NFT_META_NFPROTO && (int)CNS_NFT_META_L4PROTO == NFT_META_L4PROTO &&
                   (int)CNS_NFT_NETWORK_HEADER == NFT_PAYLOAD_NETWORK_HEADER &&
                   (int)CNS_NFT_TRANSPORT_HEADER == NFT_PAYLOAD_TRANSPORT_HEADER &&
                   (int)CNS_NFT_CT_STATE == NFT_CT_STATE && (int)CNS_NFT_CT_STATUS == NFT_CT_STATUS &&
                   (int)CNS_NFT_EQUAL == NFT_CMP_EQ && (int)CNS_NFT_NOT_EQUAL == NFT_CMP_NEQ &&
                   (int)CNS_NFT_AT_MOST == NFT_CMP_LTE && (int)CNS_NFT_AT_LEAST == NFT_CMP_GTE &&
                   (int)CNS_NFT_META_PROTOCOL == NFT_META_PROTOCOL && (int)CNS_NFT_META_IIFTYPE == NFT_META_IIFTYPE &&
                   (int)CNS_NFT_LINK_HEADER == NFT_PAYLOAD_LL_HEADER && (int)CNS_NFT_INET == NFPROTO_INET &&
                   (int)CNS_NFT_IPV4 == NFPROTO_IPV4 && (int)CNS_NFT_NETDEV == NFPROTO_NETDEV &&
                   (int)CNS_NFT_IPV6 == NFPROTO_IPV6,
               "the numbers of nf_tables.h");

enum { SEND_BUFFER = 8 << 20 };

int cns_nft_open(struct cns_nft **result) {
    struct cns_nft *self = calloc(1, sizeof *self);
    if (!self) return -ENOMEM;
    cns_nft_choose(self, NFPROTO_INET, "jailrun");
    self->fd = cns_exchange_open(NETLINK_NETFILTER);
    if (self->fd < 0) {
        int error = self->fd;
        cns_nft_close(self);
        return error;
    }
    int size = SEND_BUFFER;
    setsockopt(self->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size); /* a batch is one message */
    *result = self;
    return 0;
}

void cns_nft_close(struct cns_nft *self) {
    if (!self) return;
    if (self->fd >= 0) close(self->fd);
    nlmsg_free(self->message);
    free(self->bytes);
    free(self);
}

void cns_nft_choose(struct cns_nft *self, uint8_t family, const char *table) {
    self->family = family;
    snprintf(self->table, sizeof self->table, "%s", table);
}

const char *cns_nft_message(const struct cns_nft *self) { return self->text; }

/* MARK: messages */

/* Of libnl: a page, which every message of jailrun's fits into. */
static void begin(struct cns_nft *self, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
    if (self->error) return;
    struct nfgenmsg body = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
    self->message = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
    if (!self->message || nlmsg_append(self->message, &body, sizeof body, NLMSG_ALIGNTO) < 0) {
        self->error = -ENOMEM;
        return;
    }
    nlmsg_hdr(self->message)->nlmsg_seq = ++self->sequence;
}

/* A copy at the end of what is sent: the kernel takes a batch from one sendmsg(2). */
static int keep(struct cns_nft *self, const struct nlmsghdr *header) {
    size_t count = NLMSG_ALIGN(header->nlmsg_len), needed = self->length + count;
    if (needed > self->capacity) {
        size_t capacity = needed * 2 + 4096;
        char *bytes = realloc(self->bytes, capacity);
        if (!bytes) return -ENOMEM;
        self->bytes = bytes;
        self->capacity = capacity;
    }
    memcpy(self->bytes + self->length, header, count);
    self->last = self->length;
    self->length = needed;
    return 0;
}

static void end(struct cns_nft *self) {
    if (!self->error) self->error = keep(self, nlmsg_hdr(self->message));
    nlmsg_free(self->message);
    self->message = NULL;
}

static void put(struct cns_nft *self, uint16_t type, const void *data, size_t length) {
    if (!self->error && nla_put(self->message, type, (int)length, data) < 0) self->error = -EMSGSIZE;
}

static void put_text(struct cns_nft *self, uint16_t type, const char *text) { put(self, type, text, strlen(text) + 1); }

static void put_number(struct cns_nft *self, uint16_t type, uint32_t number) {
    number = htonl(number);
    put(self, type, &number, sizeof number);
}

static struct nlattr *nest(struct cns_nft *self, uint16_t type) {
    struct nlattr *place = self->error ? NULL : nla_nest_start(self->message, NLA_F_NESTED | type);
    if (!place && !self->error) self->error = -EMSGSIZE;
    return place;
}

static void end_nest(struct cns_nft *self, struct nlattr *place) {
    if (!self->error && nla_nest_end_keep_empty(self->message, place) < 0) self->error = -EMSGSIZE;
}

static void command(struct cns_nft *self, uint16_t number, uint16_t flags) {
    begin(self, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | number), flags, self->family, 0);
}

/* MARK: batches */

void cns_nft_begin(struct cns_nft *self) {
    self->length = self->last = 0;
    self->error = 0;
    self->text[0] = '\0';
    self->first = self->sequence + 1;
    begin(self, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end(self);
}

/* Sends what was built since request `first`, and hears until request `last` is answered, or the first error. */
static int exchange(struct cns_nft *self, uint32_t first, uint32_t last, struct cns_heard heard) {
    heard.text = self->text;
    heard.capacity = sizeof self->text;
    int error = cns_exchange_send(self->fd, self->bytes, self->length);
    return error ? error : cns_exchange_hear(self->fd, first, last, &heard);
}

/* The kernel takes back what came without an end, once it has looked at all of it. */
static int finish(struct cns_nft *self, bool is_kept) {
    size_t last = self->last;
    if (is_kept) {
        begin(self, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        end(self);
    }
    if (self->error) return self->error;
    struct nlmsghdr *header = (struct nlmsghdr *)(self->bytes + last);
    header->nlmsg_flags |= NLM_F_ACK;
    return exchange(self, self->first, header->nlmsg_seq, (struct cns_heard){0});
}

int cns_nft_commit(struct cns_nft *self) { return finish(self, true); }

int cns_nft_try(struct cns_nft *self) { return finish(self, false); }

void cns_nft_ask(struct cns_nft *self, uint16_t number, uint8_t family) {
    self->length = 0;
    self->error = 0;
    begin(self, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | number), NLM_F_DUMP, family, 0);
}

int cns_nft_hear(struct cns_nft *self, cns_nft_each each, void *argument) {
    end(self);
    if (self->error) return self->error;
    return exchange(self, self->sequence, self->sequence, (struct cns_heard){.each = each, .argument = argument});
}

void cns_nft_put_text(struct cns_nft *self, uint16_t type, const char *text) { put_text(self, type, text); }

/* MARK: objects */

void cns_nft_add_table(struct cns_nft *self) {
    command(self, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    put_text(self, NFTA_TABLE_NAME, self->table);
    end(self);
}

void cns_nft_delete_table(struct cns_nft *self) {
    command(self, NFT_MSG_DELTABLE, 0);
    put_text(self, NFTA_TABLE_NAME, self->table);
    end(self);
}

void cns_nft_add_chain(struct cns_nft *self, const char *name, const char *type, uint32_t hook, int32_t priority) {
    command(self, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    put_text(self, NFTA_CHAIN_TABLE, self->table);
    put_text(self, NFTA_CHAIN_NAME, name);
    struct nlattr *place = nest(self, NFTA_CHAIN_HOOK);
    put_number(self, NFTA_HOOK_HOOKNUM, hook);
    put_number(self, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    end_nest(self, place);
    put_number(self, NFTA_CHAIN_POLICY, NF_ACCEPT);
    put_text(self, NFTA_CHAIN_TYPE, type);
    end(self);
}

void cns_nft_add_link_chain(struct cns_nft *self, const char *name, const char *link, bool drops) {
    command(self, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    put_text(self, NFTA_CHAIN_TABLE, self->table);
    put_text(self, NFTA_CHAIN_NAME, name);
    struct nlattr *place = nest(self, NFTA_CHAIN_HOOK);
    put_number(self, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
    put_number(self, NFTA_HOOK_PRIORITY, 0);
    put_text(self, NFTA_HOOK_DEV, link);
    end_nest(self, place);
    put_number(self, NFTA_CHAIN_POLICY, drops ? NF_DROP : NF_ACCEPT);
    put_text(self, NFTA_CHAIN_TYPE, "filter");
    end(self);
}

static void change_chain(struct cns_nft *self, uint16_t number, const char *name) {
    bool is_rule = number == NFT_MSG_DELRULE;
    command(self, number, 0);
    put_text(self, is_rule ? NFTA_RULE_TABLE : NFTA_CHAIN_TABLE, self->table);
    put_text(self, is_rule ? NFTA_RULE_CHAIN : NFTA_CHAIN_NAME, name);
    end(self);
}

void cns_nft_delete_chain(struct cns_nft *self, const char *name) { change_chain(self, NFT_MSG_DELCHAIN, name); }

void cns_nft_empty_chain(struct cns_nft *self, const char *name) { change_chain(self, NFT_MSG_DELRULE, name); }

void cns_nft_delete_rule(struct cns_nft *self, const char *chain, uint64_t handle) {
    uint64_t number = htobe64(handle);
    command(self, NFT_MSG_DELRULE, 0);
    put_text(self, NFTA_RULE_TABLE, self->table);
    put_text(self, NFTA_RULE_CHAIN, chain);
    put(self, NFTA_RULE_HANDLE, &number, sizeof number);
    end(self);
}

void cns_nft_begin_rule(struct cns_nft *self, const char *chain, bool at_end) {
    command(self, NFT_MSG_NEWRULE, (uint16_t)(NLM_F_CREATE | (at_end ? NLM_F_APPEND : 0)));
    put_text(self, NFTA_RULE_TABLE, self->table);
    put_text(self, NFTA_RULE_CHAIN, chain);
    self->expressions = nest(self, NFTA_RULE_EXPRESSIONS);
}

void cns_nft_begin_rule_before(struct cns_nft *self, const char *chain, uint64_t handle) {
    if (!handle) return cns_nft_begin_rule(self, chain, true);
    uint64_t number = htobe64(handle);
    command(self, NFT_MSG_NEWRULE, NLM_F_CREATE);
    put_text(self, NFTA_RULE_TABLE, self->table);
    put_text(self, NFTA_RULE_CHAIN, chain);
    put(self, NFTA_RULE_POSITION, &number, sizeof number);
    self->expressions = nest(self, NFTA_RULE_EXPRESSIONS);
}

void cns_nft_end_rule(struct cns_nft *self, const char *comment) {
    char data[256] = {CNS_NFT_COMMENT};
    end_nest(self, self->expressions);
    if (comment) {
        size_t length = strnlen(comment, sizeof data - 3);
        data[1] = (char)(length + 1);
        memcpy(data + 2, comment, length);
        put(self, NFTA_RULE_USERDATA, data, length + 3);
    }
    end(self);
}

/* MARK: expressions */

struct expression {
    struct nlattr *element, *data;
};

static struct expression begin_expression(struct cns_nft *self, const char *name) {
    struct expression places = {.element = nest(self, NFTA_LIST_ELEM)};
    put_text(self, NFTA_EXPR_NAME, name);
    places.data = nest(self, NFTA_EXPR_DATA);
    return places;
}

static void end_expression(struct cns_nft *self, struct expression places) {
    end_nest(self, places.data);
    end_nest(self, places.element);
}

static void put_value(struct cns_nft *self, uint16_t type, const void *bytes, size_t length) {
    struct nlattr *place = nest(self, type);
    put(self, NFTA_DATA_VALUE, bytes, length);
    end_nest(self, place);
}

void cns_nft_load_meta(struct cns_nft *self, uint32_t key) {
    struct expression places = begin_expression(self, "meta");
    put_number(self, NFTA_META_KEY, key);
    put_number(self, NFTA_META_DREG, NFT_REG_1);
    end_expression(self, places);
}

void cns_nft_load_payload(struct cns_nft *self, uint32_t base, uint32_t offset, uint32_t length) {
    struct expression places = begin_expression(self, "payload");
    put_number(self, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_number(self, NFTA_PAYLOAD_BASE, base);
    put_number(self, NFTA_PAYLOAD_OFFSET, offset);
    put_number(self, NFTA_PAYLOAD_LEN, length);
    end_expression(self, places);
}

void cns_nft_load_ct(struct cns_nft *self, uint32_t key) {
    struct expression places = begin_expression(self, "ct");
    put_number(self, NFTA_CT_KEY, key);
    put_number(self, NFTA_CT_DREG, NFT_REG_1);
    end_expression(self, places);
}

void cns_nft_load_destination_type(struct cns_nft *self) {
    struct expression places = begin_expression(self, "fib");
    put_number(self, NFTA_FIB_DREG, NFT_REG_1);
    put_number(self, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    put_number(self, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    end_expression(self, places);
}

void cns_nft_mask(struct cns_nft *self, const void *bytes, size_t length) {
    static const char nothing[16];
    struct expression places = begin_expression(self, "bitwise");
    put_number(self, NFTA_BITWISE_SREG, NFT_REG_1);
    put_number(self, NFTA_BITWISE_DREG, NFT_REG_1);
    put_number(self, NFTA_BITWISE_LEN, (uint32_t)length);
    put_value(self, NFTA_BITWISE_MASK, bytes, length);
    put_value(self, NFTA_BITWISE_XOR, nothing, length);
    end_expression(self, places);
}

void cns_nft_compare(struct cns_nft *self, uint32_t operation, const void *bytes, size_t length) {
    struct expression places = begin_expression(self, "cmp");
    put_number(self, NFTA_CMP_SREG, NFT_REG_1);
    put_number(self, NFTA_CMP_OP, operation);
    put_value(self, NFTA_CMP_DATA, bytes, length);
    end_expression(self, places);
}

static void put_immediate(struct cns_nft *self, uint32_t to, const void *bytes, size_t length) {
    struct expression places = begin_expression(self, "immediate");
    put_number(self, NFTA_IMMEDIATE_DREG, to);
    put_value(self, NFTA_IMMEDIATE_DATA, bytes, length);
    end_expression(self, places);
}

void cns_nft_translate(struct cns_nft *self, int family, const void *address, const void *port) {
    put_immediate(self, NFT_REG_1, address, family == AF_INET6 ? 16 : 4);
    if (port) put_immediate(self, NFT_REG_2, port, 2);
    struct expression places = begin_expression(self, "nat");
    put_number(self, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    put_number(self, NFTA_NAT_FAMILY, (uint32_t)family);
    put_number(self, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    if (port) {
        put_number(self, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
        put_number(self, NFTA_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
    }
    end_expression(self, places);
}

void cns_nft_masquerade(struct cns_nft *self) { end_expression(self, begin_expression(self, "masq")); }

void cns_nft_verdict(struct cns_nft *self, uint32_t code) {
    struct expression places = begin_expression(self, "immediate");
    put_number(self, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    struct nlattr *data = nest(self, NFTA_IMMEDIATE_DATA), *verdict = nest(self, NFTA_DATA_VERDICT);
    put_number(self, NFTA_VERDICT_CODE, code);
    end_nest(self, verdict);
    end_nest(self, data);
    end_expression(self, places);
}
