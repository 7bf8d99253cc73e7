/* What the parts of the netlink interface share. */
#ifndef NETLINK_H
#define NETLINK_H

#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "cns_netlink.h"
#include "netlink_exchange.h"

struct cns_netlink {
    int fd;
    uint32_t sequence; /* of the last request */
    char message[256];
};

/* jailrun's status for what it could not do itself. */
enum { CNS_LOST = 125 };

/* errno's number, negative, for one of libnl's own. */
int cns_from_libnl(int error);

/* Sends a request, which it owns, and gives each object of the answer to `heard`. */
int cns_netlink_ask(struct cns_netlink *self, struct nl_msg *message, struct cns_heard heard);

/* Sends a request that changes something and takes its answer. `built` is what libnl's build function returned. Owns
 * the message. */
int cns_netlink_change(struct cns_netlink *self, int built, struct nl_msg *message);

/* Of a link in the socket's namespace. */
int cns_link_index(struct cns_netlink *self, const char *name, int *index);

int cns_parse_address(const char *text, struct nl_addr **address);
int cns_parse_mac(const char *text, struct nl_addr **address);

#endif
