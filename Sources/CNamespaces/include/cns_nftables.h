/* nf_tables by nfnetlink: one table, `inet jailrun`, changed by whole batches. */
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

void cns_nft_begin(struct cns_nft *self);
/* All of the batch, or nothing. */
int cns_nft_commit(struct cns_nft *self);

/* No error when it exists. */
void cns_nft_add_table(struct cns_nft *self);
void cns_nft_delete_table(struct cns_nft *self);
/* A base chain; no error when it exists. */
void cns_nft_add_chain(struct cns_nft *self, const char *name, const char *type, uint32_t hook, int32_t priority);
void cns_nft_delete_rule(struct cns_nft *self, const char *chain, uint64_t handle);

/* A rule: its expressions are what is called between these two. */
void cns_nft_begin_rule(struct cns_nft *self, const char *chain, bool at_end);
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
    char chain[32];
    char comment[256];
};
struct cns_nft_rules {
    struct cns_nft_rule *first;
    size_t count;
};
/* Every rule of the table; none when there is no table. */
int cns_nft_list(struct cns_nft *self, struct cns_nft_rules *rules);
void cns_nft_free(struct cns_nft_rules *rules);

/* Numbers of nf_tables.h and its like, which Swift does not see. */
enum {
    CNS_NFT_META_IIFNAME = 6,
    CNS_NFT_META_OIFNAME = 7,
    CNS_NFT_META_NFPROTO = 15,
    CNS_NFT_META_L4PROTO = 16,
    CNS_NFT_NETWORK_HEADER = 1,
    CNS_NFT_TRANSPORT_HEADER = 2,
    CNS_NFT_CT_STATE = 0,
    CNS_NFT_CT_STATUS = 2,
    CNS_NFT_EQUAL = 0,
    CNS_NFT_NOT_EQUAL = 1,
    CNS_NFT_AT_MOST = 3,
    CNS_NFT_AT_LEAST = 5,
};

#endif
