/* Connections of conntrack(8), by nfnetlink. */
#ifndef CNS_CONNTRACK_H
#define CNS_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address of either family: IPv4 in the first four bytes. */
struct cns_conntrack_address {
    uint8_t family; /* AF_INET, AF_INET6 */
    uint8_t bytes[16];
};

/* Where connections lead: who answers, at one of the ports, in host order. */
struct cns_conntrack_end {
    struct cns_conntrack_address address;
    uint16_t first, last;
    bool is_translated; /* whoever asked has asked another address or port, or that one itself */
};

/*
 * Forgets connections of UDP that lead to one of the ends: the next packet of each begins a new one, by the rules of
 * that time. Returns 0 or a negative errno; 0, too, where the kernel remembers none.
 */
int cns_conntrack_forget(const struct cns_conntrack_end *ends, size_t count);

#endif
