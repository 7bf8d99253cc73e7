/* What the parts of the nf_tables interface share. */
#ifndef NFTABLES_H
#define NFTABLES_H

#include <netlink/netlink.h>

#include "cns_nftables.h"
#include "netlink_exchange.h"

struct cns_nft {
    int fd;
    uint8_t family;
    char table[64];
    struct nl_msg *message; /* the current one */
    struct nlattr *expressions;
    char *bytes; /* those that are done */
    size_t length, capacity;
    size_t last;              /* where the last one begins */
    uint32_t sequence, first; /* of the last message, and of the first of this batch */
    int error;
    char text[256];
};

/* NFTNL_UDATA_RULE_COMMENT of libnftnl: how nft(8) finds a rule's comment in what the kernel keeps for it. */
enum { CNS_NFT_COMMENT = 0 };

/* Returns 0, or a negative errno, which the dump ends with. */
typedef int (*cns_nft_each)(struct nlmsghdr *header, void *argument);

/* A dump: begun, narrowed by attributes, and heard. */
void cns_nft_ask(struct cns_nft *self, uint16_t number, uint8_t family);
void cns_nft_put_text(struct cns_nft *self, uint16_t type, const char *text);
int cns_nft_hear(struct cns_nft *self, cns_nft_each each, void *argument);

#endif
