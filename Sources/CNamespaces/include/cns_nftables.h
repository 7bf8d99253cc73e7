/* nf_tables by nfnetlink: tables changed by whole batches, `inet jailrun` unless another one is chosen. */
#ifndef CNS_NFTABLES_H
#define CNS_NFTABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket of the caller's network namespace, and the batch that is being made for it. */
struct cns_nft;

/* Functions that return int return 0, or an error number of errno(3), negative. What goes wrong while a batch is made
 * is returned by its commit. Registers are the kernel's 32-bit ones: 1 for what is compared, 1 and 2 for what NAT
 * takes. */
int cns_nft_open(struct cns_nft **result);
void cns_nft_close(struct cns_nft *self);
/* What the kernel said of the batch that failed (NLMSGERR_ATTR_MSG), or an empty string. */
const char *cns_nft_message(const struct cns_nft *self);

/* What follows is about that table, by a family of nf_tables (NFPROTO_*). */
void cns_nft_choose(struct cns_nft *self, uint8_t family, const char *table);

void cns_nft_begin(struct cns_nft *self);
/* All of the batch, or nothing. */
int cns_nft_commit(struct cns_nft *self);
/* Whether the kernel would take the batch: nothing of it is kept, as with `nft --check`. */
int cns_nft_try(struct cns_nft *self);

/* No error when it exists. */
void cns_nft_add_table(struct cns_nft *self);
void cns_nft_delete_table(struct cns_nft *self);
/* A base chain; no error when it exists. */
void cns_nft_add_chain(struct cns_nft *self, const char *name, const char *type, uint32_t hook, int32_t priority);
/* One of a netdev table, for what arrives by that link and no rule decides about: dropped, or not. */
void cns_nft_add_link_chain(struct cns_nft *self, const char *name, const char *link, bool drops);
/* With its rules. */
void cns_nft_delete_chain(struct cns_nft *self, const char *name);
void cns_nft_empty_chain(struct cns_nft *self, const char *name);
void cns_nft_delete_rule(struct cns_nft *self, const char *chain, uint64_t handle);

/* A rule: its expressions are what is called between these two. */
void cns_nft_begin_rule(struct cns_nft *self, const char *chain, bool at_end);
/* In front of the rule that has that handle; 0 for the end of the chain. */
void cns_nft_begin_rule_before(struct cns_nft *self, const char *chain, uint64_t handle);
/* `comment` may be NULL. */
void cns_nft_end_rule(struct cns_nft *self, const char *comment);

/* NFT_META_*, NFT_PAYLOAD_*_HEADER, NFT_CT_* into register 1. */
void cns_nft_load_meta(struct cns_nft *self, uint32_t key);
void cns_nft_load_payload(struct cns_nft *self, uint32_t base, uint32_t offset, uint32_t length);
void cns_nft_load_ct(struct cns_nft *self, uint32_t key);
/* The type of the destination address, RTN_*. */
void cns_nft_load_destination_type(struct cns_nft *self);
/* Register 1: ANDed, compared by NFT_CMP_*. */
void cns_nft_mask(struct cns_nft *self, const void *bytes, size_t length);
void cns_nft_compare(struct cns_nft *self, uint32_t operation, const void *bytes, size_t length);

/* The destination becomes the address (AF_INET or AF_INET6), and that port in network order; NULL keeps the port. */
void cns_nft_translate(struct cns_nft *self, int family, const void *address, const void *port);
void cns_nft_masquerade(struct cns_nft *self);
/* NF_DROP or NF_ACCEPT. */
void cns_nft_verdict(struct cns_nft *self, uint32_t code);

struct cns_nft_rule {
    uint64_t handle;
    char chain[64];
    char comment[256];
    uint8_t to[16];     /* the address that it translates the destination to */
    uint8_t to_width;   /* 4, 16, or 0 */
    uint16_t to_port;   /* in host order, or 0 */
    char target[64];    /* the chain that it jumps or goes to; empty where a packet decides */
    uint32_t verdict;   /* CNS_NFT_* */
    uint64_t matches;   /* certainly: a bit for each of the packets that were asked about */
    uint64_t may_match; /* by what is known of them */
};
struct cns_nft_rules {
    struct cns_nft_rule *first;
    size_t count;
};
/* A packet at the forward hook of which some is known. */
struct cns_nft_packet {
    char input[16], output[16]; /* links */
    uint8_t family;             /* AF_INET, AF_INET6 */
    bool has_source, has_destination;
    uint8_t source[16], destination[16];
    uint8_t protocol; /* IPPROTO_*, or 0 */
    uint16_t port;    /* the destination's, in network order, or 0 */
    uint32_t state;   /* NF_CT_STATE_BIT */
    uint32_t status;  /* IPS_*: whether its destination was translated */
};
/* Every rule of the chosen table; none when there is no table. Up to 64 packets may be asked about, or none. */
int cns_nft_list(struct cns_nft *self, const struct cns_nft_packet *packets, size_t count, struct cns_nft_rules *rules);
void cns_nft_free(struct cns_nft_rules *rules);

/* Whether the chosen table is there. */
int cns_nft_has_table(struct cns_nft *self, bool *is_there);

struct cns_nft_chain {
    char table[64], name[64];
    uint8_t family;
    bool is_base, drops; /* by its policy */
    uint32_t hook;
};
struct cns_nft_chains {
    struct cns_nft_chain *first;
    size_t count;
};
/* Every chain of every table of that family, 0 for all; none where the kernel has no nf_tables. */
int cns_nft_list_chains(struct cns_nft *self, uint8_t family, struct cns_nft_chains *chains);
void cns_nft_free_chains(struct cns_nft_chains *chains);

/* Whether the FORWARD chain of iptables-legacy drops by its policy, and has no rule that accepts that packet of IPv4:
 * 1, 0 or a negative errno. Only to be asked where there is such a table: it would be made. */
int cns_iptables_forward_drops(const struct cns_nft_packet *packet);

/* A descriptor that can be read from when tables, chains or rules change. */
int cns_nft_watch(void);
/* Reads all that it has to say: whether somebody has removed a table or chain called `jailrun`, or of a table called
 * so. */
bool cns_nft_has_lost(int watch);

/* Numbers of nf_tables.h and its like, which Swift does not see. */
enum {
    CNS_NFT_MOST_PACKETS = 64,
    CNS_NFT_META_PROTOCOL = 1,
    CNS_NFT_META_IIFNAME = 6,
    CNS_NFT_META_OIFNAME = 7,
    CNS_NFT_META_IIFTYPE = 8,
    CNS_NFT_META_NFPROTO = 15,
    CNS_NFT_META_L4PROTO = 16,
    CNS_NFT_LINK_HEADER = 0,
    CNS_NFT_NETWORK_HEADER = 1,
    CNS_NFT_TRANSPORT_HEADER = 2,
    CNS_NFT_CT_STATE = 0,
    CNS_NFT_CT_STATUS = 2,
    CNS_NFT_EQUAL = 0,
    CNS_NFT_NOT_EQUAL = 1,
    CNS_NFT_AT_MOST = 3,
    CNS_NFT_AT_LEAST = 5,
    CNS_NFT_IPV4 = 2, /* NFPROTO_* */
    CNS_NFT_INET = 1,
    CNS_NFT_NETDEV = 5,
    CNS_NFT_IPV6 = 10,
    CNS_NFT_NOTHING = 0, /* what becomes of a packet */
    CNS_NFT_DROP = 1,
    CNS_NFT_ACCEPT = 2,
    CNS_NFT_JUMP = 3,
    CNS_NFT_GO = 4,
    CNS_NFT_RETURN = 5,
};

#endif
