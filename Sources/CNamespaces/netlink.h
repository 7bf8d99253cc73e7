/* What the parts of the netlink interface share. */
#ifndef NETLINK_H
#define NETLINK_H

#include <netlink/netlink.h>

#include "cns_netlink.h"

struct cns_netlink {
    struct nl_sock *socket;
    struct nl_cb *callbacks;
    int error; /* of the request under way, negative */
    char message[256];
    struct cns_netlink_records *records; /* of the dump under way */
};

/*
 * Moves the thread into a network namespace; `home` receives the way back. Only this thread moves, and jailrun has no
 * other.
 */
int cns_enter_network(int netns, int *home);
/* A thread that cannot come back would take the jail's namespace for the host's: nothing safe can follow. */
void cns_leave_network(int home);

/* errno's number, negative, for one of libnl's own. */
int cns_from_libnl(int error);

#endif
