/* nf_tables: which chains and rules there are, and what a rule does with a packet of which some is known. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink_exchange.h"
#include "nftables.h"

/* MARK: attributes */

/* By libnl; of none nothing is found. */
static struct nlattr *find(struct nlattr *list, int wanted) {
    return list ? nla_find(nla_data(list), nla_len(list), wanted) : NULL;
}

static struct nlattr *find_top(struct nlmsghdr *header, int wanted) {
    return nlmsg_find_attr(header, sizeof(struct nfgenmsg), wanted);
}

static size_t size(struct nlattr *value) { return value ? (size_t)nla_len(value) : 0; }

static uint32_t number(struct nlattr *value) { return size(value) >= sizeof(uint32_t) ? ntohl(nla_get_u32(value)) : 0; }

static void copy_bytes(char *to, size_t capacity, const void *bytes, size_t count) {
    snprintf(to, capacity, "%.*s", (int)count, (const char *)bytes);
}

static void copy(char *to, size_t capacity, struct nlattr *text) {
    copy_bytes(to, capacity, text ? nla_data(text) : "", size(text));
}

static bool is(struct nlattr *text, const char *word) {
    return size(text) == strlen(word) + 1 && memcmp(nla_data(text), word, strlen(word) + 1) == 0;
}

/* MARK: a rule and a packet */

enum { REGISTERS = 20 * 4 };

/* What is known of the packet, as far as the rule's expressions have looked. */
struct look {
    const struct cns_nft_packet *packet;
    unsigned char bytes[REGISTERS], known[REGISTERS];
    bool fails;     /* certainly not that packet */
    bool is_unsure; /* by something that is not known */
};

/* NFT_REG_1 to 4 are 16 bytes each, NFT_REG32_00 and those after it 4 bytes of the same. */
static size_t place(uint32_t reg) {
    size_t offset = reg >= NFT_REG32_00 ? (reg - NFT_REG32_00 + 4) * 4 : reg * 16;
    return offset < REGISTERS ? offset : 0;
}

static void load(struct look *look, uint32_t reg, const void *bytes, size_t length) {
    size_t at = place(reg), room = REGISTERS - at;
    if (length > room) length = room;
    memset(look->known + at, bytes != NULL, bytes ? length : 16 < room ? 16 : room);
    if (bytes) memcpy(look->bytes + at, bytes, length);
}

static void load_name(struct look *look, uint32_t reg, const char *name) {
    char padded[16] = {0};
    snprintf(padded, sizeof padded, "%s", name);
    load(look, reg, name[0] ? padded : NULL, sizeof padded);
}

static void on_meta(struct look *look, struct nlattr *data) {
    const struct cns_nft_packet *packet = look->packet;
    uint32_t to = number(find(data, NFTA_META_DREG));
    uint16_t protocol = htons(packet->family == AF_INET ? 0x0800 : 0x86dd);
    switch (number(find(data, NFTA_META_KEY))) {
    case NFT_META_IIFNAME: load_name(look, to, packet->input); break;
    case NFT_META_OIFNAME: load_name(look, to, packet->output); break;
    case NFT_META_NFPROTO: load(look, to, &packet->family, 1); break;
    case NFT_META_PROTOCOL: load(look, to, &protocol, 2); break;
    case NFT_META_L4PROTO: load(look, to, packet->protocol ? &packet->protocol : NULL, 1); break;
    default: load(look, to, NULL, 0);
    }
}

static void on_payload(struct look *look, struct nlattr *data) {
    const struct cns_nft_packet *packet = look->packet;
    uint32_t to = number(find(data, NFTA_PAYLOAD_DREG)), base = number(find(data, NFTA_PAYLOAD_BASE)),
             offset = number(find(data, NFTA_PAYLOAD_OFFSET)), length = number(find(data, NFTA_PAYLOAD_LEN));
    uint32_t width = packet->family == AF_INET ? 4 : 16, source = packet->family == AF_INET ? 12 : 8;
    const void *bytes = NULL;
    if (base == NFT_PAYLOAD_NETWORK_HEADER && length <= width && offset == source && packet->has_source)
        bytes = packet->source;
    if (base == NFT_PAYLOAD_NETWORK_HEADER && length <= width && offset == source + width && packet->has_destination)
        bytes = packet->destination;
    if (base == NFT_PAYLOAD_NETWORK_HEADER && length == 1 && offset == 9 && packet->family == AF_INET)
        bytes = packet->protocol ? &packet->protocol : NULL;
    if (base == NFT_PAYLOAD_TRANSPORT_HEADER && length == 2 && offset == 2 && packet->port) bytes = &packet->port;
    load(look, to, bytes, length);
}

static void on_ct(struct look *look, struct nlattr *data) {
    uint32_t key = number(find(data, NFTA_CT_KEY)), to = number(find(data, NFTA_CT_DREG));
    const uint32_t *value = key == NFT_CT_STATE    ? &look->packet->state
                            : key == NFT_CT_STATUS ? &look->packet->status
                                                   : NULL;
    load(look, to, value, sizeof *value);
}

static unsigned char byte(struct nlattr *value, size_t at) { return ((const unsigned char *)nla_data(value))[at]; }

static void on_bitwise(struct look *look, struct nlattr *data) {
    size_t from = place(number(find(data, NFTA_BITWISE_SREG))), to = place(number(find(data, NFTA_BITWISE_DREG)));
    struct nlattr *mask = find(find(data, NFTA_BITWISE_MASK), NFTA_DATA_VALUE),
                  *flip = find(find(data, NFTA_BITWISE_XOR), NFTA_DATA_VALUE);
    for (size_t i = 0; i < size(mask) && from + i < REGISTERS && to + i < REGISTERS; i++) {
        look->known[to + i] = look->known[from + i];
        look->bytes[to + i] = (look->bytes[from + i] & byte(mask, i)) ^ (i < size(flip) ? byte(flip, i) : 0);
    }
    if (!size(mask)) load(look, number(find(data, NFTA_BITWISE_DREG)), NULL, 0); /* a shift */
}

static void on_compare(struct look *look, struct nlattr *data) {
    size_t from = place(number(find(data, NFTA_CMP_SREG)));
    struct nlattr *value = find(find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);
    if (from + size(value) > REGISTERS) return;
    for (size_t i = 0; i < size(value); i++)
        if (!look->known[from + i]) {
            look->is_unsure = true;
            return;
        }
    int order = size(value) ? memcmp(look->bytes + from, nla_data(value), size(value)) : 0;
    switch (number(find(data, NFTA_CMP_OP))) {
    case NFT_CMP_EQ: look->fails |= order != 0; break;
    case NFT_CMP_NEQ: look->fails |= order == 0; break;
    case NFT_CMP_LT: look->fails |= order >= 0; break;
    case NFT_CMP_LTE: look->fails |= order > 0; break;
    case NFT_CMP_GT: look->fails |= order <= 0; break;
    default: look->fails |= order < 0;
    }
}

static void on_immediate(struct cns_nft_rule *rule, struct look *look, struct nlattr *data) {
    uint32_t to = number(find(data, NFTA_IMMEDIATE_DREG));
    struct nlattr *verdict = find(find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
    if (to != NFT_REG_VERDICT) return load(look, to, NULL, 0);
    switch ((int)number(find(verdict, NFTA_VERDICT_CODE))) {
    case NF_DROP: rule->verdict = CNS_NFT_DROP; break;
    case NF_ACCEPT: rule->verdict = CNS_NFT_ACCEPT; break;
    case NFT_JUMP: rule->verdict = CNS_NFT_JUMP; break;
    case NFT_GOTO: rule->verdict = CNS_NFT_GO; break;
    case NFT_RETURN: rule->verdict = CNS_NFT_RETURN; break;
    default: break;
    }
    copy(rule->target, sizeof rule->target, find(verdict, NFTA_VERDICT_CHAIN));
}

/* What iptables(8) writes into nf_tables for what it has no words for there. */
static void on_target(struct cns_nft_rule *rule, struct nlattr *data) {
    if (is(find(data, NFTA_TARGET_NAME), "REJECT")) rule->verdict = CNS_NFT_DROP;
}

/* So it is with the state of a connection, by far the commonest of these matches. */
static void on_match(struct look *look, struct nlattr *data) {
    struct nlattr *bytes = find(data, NFTA_MATCH_INFO);
    struct xt_conntrack_mtinfo2 info = {.match_flags = 0};
    bool is_known = is(find(data, NFTA_MATCH_NAME), "conntrack") && number(find(data, NFTA_MATCH_REV)) >= 2;
    if (is_known && size(bytes) >= sizeof info) memcpy(&info, nla_data(bytes), sizeof info);
    look->is_unsure |= info.match_flags != XT_CONNTRACK_STATE;
    if (!(info.match_flags & XT_CONNTRACK_STATE)) return;
    uint32_t state = look->packet->state | (look->packet->status & IPS_DST_NAT ? XT_CONNTRACK_STATE_DNAT : 0);
    bool is_inverted = info.invert_flags & XT_CONNTRACK_STATE;
    look->fails |= ((state & info.state_mask) != 0) == is_inverted;
}

/* A map of verdicts: the packet decides. */
static void on_lookup(struct cns_nft_rule *rule, struct look *look, struct nlattr *data) {
    look->is_unsure = true;
    if (find(data, NFTA_LOOKUP_DREG) && number(find(data, NFTA_LOOKUP_DREG)) == NFT_REG_VERDICT)
        rule->verdict = CNS_NFT_JUMP;
}

static void on_expression(struct cns_nft_rule *rule, struct look *look, struct nlattr *name, struct nlattr *data) {
    if (is(name, "meta"))
        on_meta(look, data);
    else if (is(name, "payload"))
        on_payload(look, data);
    else if (is(name, "ct"))
        on_ct(look, data);
    else if (is(name, "bitwise"))
        on_bitwise(look, data);
    else if (is(name, "cmp"))
        on_compare(look, data);
    else if (is(name, "immediate"))
        on_immediate(rule, look, data);
    else if (is(name, "reject"))
        rule->verdict = CNS_NFT_DROP;
    else if (is(name, "target"))
        on_target(rule, data);
    else if (is(name, "match"))
        on_match(look, data);
    else if (is(name, "lookup"))
        on_lookup(rule, look, data);
    else if (!is(name, "counter") && !is(name, "log"))
        look->is_unsure = true;
}

static void judge(struct cns_nft_rule *rule, const struct cns_nft_packet *packet, uint64_t bit,
                  struct nlattr *expressions) {
    struct look look = {.packet = packet};
    struct nlattr *element;
    int rest;
    if (expressions)
        nla_for_each_nested(element, expressions, rest)
            on_expression(rule, &look, find(element, NFTA_EXPR_NAME), find(element, NFTA_EXPR_DATA));
    if (look.fails) return;
    rule->may_match |= bit;
    if (!look.is_unsure) rule->matches |= bit;
}

/* Room for one more: twice as much whenever all is taken. NULL without memory. */
static void *with_room(void *first, size_t count, size_t size) {
    if (count & (count - 1)) return first;
    return realloc(first, (count ? 2 * count : 1) * size);
}

/* MARK: rules */

struct asked {
    struct cns_nft_rules *rules;
    const struct cns_nft_packet *packets;
    size_t count;
};

/* A type, a length, and as many bytes; then the next. */
static void copy_comment(struct cns_nft_rule *rule, struct nlattr *data) {
    const unsigned char *at = data ? nla_data(data) : NULL;
    for (size_t rest = size(data); rest >= 2 && rest >= 2u + at[1]; rest -= 2u + at[1], at += 2u + at[1])
        if (at[0] == CNS_NFT_COMMENT) copy_bytes(rule->comment, sizeof rule->comment, at + 2, at[1]);
}

/* cns_nft_translate() loads an address and a port. */
static void copy_translation(struct cns_nft_rule *rule, struct nlattr *expressions) {
    struct nlattr *element;
    int rest;
    if (!expressions) return;
    nla_for_each_nested(element, expressions, rest) {
        struct nlattr *data = find(element, NFTA_EXPR_DATA),
                      *value = find(find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VALUE);
        if (!is(find(element, NFTA_EXPR_NAME), "immediate") || !value) continue;
        uint32_t to = number(find(data, NFTA_IMMEDIATE_DREG));
        if (to == NFT_REG_1 && size(value) <= sizeof rule->to) {
            memcpy(rule->to, nla_data(value), size(value));
            rule->to_width = (uint8_t)size(value);
        }
        if (to == NFT_REG_2 && size(value) == 2) rule->to_port = ntohs(nla_get_u16(value));
    }
}

static int on_rule(struct nlmsghdr *header, void *argument) {
    struct asked *asked = argument;
    struct cns_nft_rules *rules = asked->rules;
    if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE)) return 0;
    struct cns_nft_rule *first = with_room(rules->first, rules->count, sizeof *first);
    if (!first) return -ENOMEM;
    rules->first = first;
    struct cns_nft_rule *rule = &first[rules->count++];
    memset(rule, 0, sizeof *rule);
    struct nlattr *handle = find_top(header, NFTA_RULE_HANDLE);
    if (size(handle) >= sizeof rule->handle) rule->handle = be64toh(nla_get_u64(handle));
    copy(rule->chain, sizeof rule->chain, find_top(header, NFTA_RULE_CHAIN));
    copy_comment(rule, find_top(header, NFTA_RULE_USERDATA));
    copy_translation(rule, find_top(header, NFTA_RULE_EXPRESSIONS));
    for (size_t i = 0; i < asked->count; i++)
        judge(rule, &asked->packets[i], UINT64_C(1) << i, find_top(header, NFTA_RULE_EXPRESSIONS));
    return 0;
}

int cns_nft_list(struct cns_nft *self, const struct cns_nft_packet *packets, size_t count,
                 struct cns_nft_rules *rules) {
    struct asked asked = {rules, packets, count < CNS_NFT_MOST_PACKETS ? count : CNS_NFT_MOST_PACKETS};
    cns_nft_ask(self, NFT_MSG_GETRULE, self->family);
    cns_nft_put_text(self, NFTA_RULE_TABLE, self->table);
    return cns_exchange_unless_absent(cns_nft_hear(self, on_rule, &asked));
}

void cns_nft_free(struct cns_nft_rules *rules) {
    free(rules->first);
    rules->first = NULL;
    rules->count = 0;
}

/* MARK: tables and chains */

struct sought {
    const char *table;
    bool *is_there;
};

static int on_table(struct nlmsghdr *header, void *argument) {
    struct sought *sought = argument;
    if (header->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
        *sought->is_there |= is(find_top(header, NFTA_TABLE_NAME), sought->table);
    return 0;
}

int cns_nft_has_table(struct cns_nft *self, bool *is_there) {
    struct sought sought = {self->table, is_there};
    *is_there = false;
    cns_nft_ask(self, NFT_MSG_GETTABLE, self->family);
    return cns_exchange_unless_absent(cns_nft_hear(self, on_table, &sought));
}

static int on_chain(struct nlmsghdr *header, void *argument) {
    struct cns_nft_chains *chains = argument;
    if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN)) return 0;
    struct cns_nft_chain *first = with_room(chains->first, chains->count, sizeof *first);
    if (!first) return -ENOMEM;
    chains->first = first;
    struct cns_nft_chain *chain = &first[chains->count++];
    memset(chain, 0, sizeof *chain);
    const struct nfgenmsg *message = NLMSG_DATA(header);
    struct nlattr *hook = find_top(header, NFTA_CHAIN_HOOK);
    chain->family = message->nfgen_family;
    copy(chain->table, sizeof chain->table, find_top(header, NFTA_CHAIN_TABLE));
    copy(chain->name, sizeof chain->name, find_top(header, NFTA_CHAIN_NAME));
    chain->is_base = hook != NULL;
    chain->drops = chain->is_base && number(find_top(header, NFTA_CHAIN_POLICY)) == NF_DROP;
    chain->hook = number(find(hook, NFTA_HOOK_HOOKNUM));
    return 0;
}

int cns_nft_list_chains(struct cns_nft *self, uint8_t family, struct cns_nft_chains *chains) {
    cns_nft_ask(self, NFT_MSG_GETCHAIN, family);
    return cns_exchange_unless_absent(cns_nft_hear(self, on_chain, chains));
}

void cns_nft_free_chains(struct cns_nft_chains *chains) {
    free(chains->first);
    chains->first = NULL;
    chains->count = 0;
}

/* MARK: changes */

int cns_nft_watch(void) { return cns_exchange_watch(NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1)); }

static bool is_loss(struct nlmsghdr *header) {
    switch (header->nlmsg_type) {
    case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE: return is(find_top(header, NFTA_TABLE_NAME), "jailrun");
    case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELCHAIN: return is(find_top(header, NFTA_CHAIN_TABLE), "jailrun");
    case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELRULE: return is(find_top(header, NFTA_RULE_TABLE), "jailrun");
    default: return false;
    }
}

bool cns_nft_has_lost(int watch) {
    char bytes[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
    bool has_lost = false;
    while (true) {
        ssize_t count = recv(watch, bytes, sizeof bytes, 0);
        if (count < 0 && errno == ENOBUFS) has_lost = true; /* more than there was room for */
        if (count < 0 && errno != ENOBUFS && errno != EINTR) return has_lost;
        for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; count > 0 && NLMSG_OK(header, (size_t)count);
             header = NLMSG_NEXT(header, count))
            has_lost |= is_loss(header);
    }
}
