/* Connections of conntrack(8), by nfnetlink. */
#ifndef CNS_CONNTRACK_H
#define CNS_CONNTRACK_H

#include <stddef.h>
#include <stdint.h>

/* An address of either family: IPv4 in the first four bytes. */
struct cns_conntrack_address {
    uint8_t family; /* AF_INET, AF_INET6 */
    uint8_t bytes[16];
};

/*
 * Forgets connections of UDP to one of the ports, in host order, at one of the addresses: the next packet of each
 * begins a new one, by the rules of that time. Returns 0 or a negative errno; 0, too, where the kernel remembers none.
 */
int cns_conntrack_forget(uint16_t first, uint16_t last, const struct cns_conntrack_address *addresses, size_t count);

#endif
