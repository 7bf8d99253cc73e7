/* rtnetlink(7) and the network's sysctls, by libnl-route-3. */
#ifndef CNS_NETLINK_H
#define CNS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The originator that jailrun writes into its routes (rtm_protocol) and proxy neighbours (NDA_PROTOCOL), so that those
 * of a dead jail are told from the administrator's without any record. No daemon of rt_protos uses this number.
 */
enum { CNS_ROUTE_PROTOCOL = 106 };

/* One rtnetlink socket; it stays in the network namespace in which it was opened. */
struct cns_netlink;

/*
 * Functions that return int return 0, or an error number of errno(3), negative.
 * Addresses are presentation strings as inet_pton(3) takes them; with "/LENGTH" where a prefix is meant.
 */

/* Opens a socket in the namespace of the descriptor `netns`, or in the caller's when it is -1. */
int cns_netlink_open(int netns, struct cns_netlink **socket);
void cns_netlink_close(struct cns_netlink *socket);
/* What the kernel said of the last request that failed (NLMSGERR_ATTR_MSG), or an empty string. */
const char *cns_netlink_message(const struct cns_netlink *socket);

int cns_netlink_create_bridge(struct cns_netlink *socket, const char *name, const char *mac);
/* The peer is created in the network namespace of the descriptor `netns`: it never exists in the caller's. */
int cns_netlink_create_veth(struct cns_netlink *socket, const char *name, const char *mac, const char *peer,
                            const char *peer_mac, int netns);
/* Sets the link up; with a master, enslaves it; with an alias, names it. Either may be NULL. */
int cns_netlink_raise(struct cns_netlink *socket, const char *name, const char *master, const char *alias);
/* Makes the kernel act on the link's carrier now, by ETHTOOL_GLINK; it does so in a work queue otherwise. */
int cns_netlink_settle(struct cns_netlink *socket, const char *name);
int cns_netlink_delete_link(struct cns_netlink *socket, const char *name);

/* Moves a link of the socket's namespace into that of the descriptor `netns`; it is down afterwards. */
int cns_netlink_move(struct cns_netlink *socket, const char *name, int netns);
/* The index of a link of the socket's namespace, or an error. */
int cns_netlink_index(struct cns_netlink *socket, const char *name);
/* Moves a link from the namespace that is mounted on `file` into the caller's. With an index above 0 it is the link of
 * that index, whatever its name is by now, and has that name again. -ENODEV when there is no such link, -ENOENT when no
 * namespace is mounted there. */
int cns_netlink_return(const char *name, int index, const char *file);
/* Mounts the network namespace of the descriptor `netns` on `file`, which is made, with the last of its folders. */
int cns_namespace_keep(int netns, const char *file);
int cns_namespace_drop(const char *file);

int cns_netlink_add_address(struct cns_netlink *socket, const char *link, const char *address);
int cns_netlink_delete_address(struct cns_netlink *socket, const char *link, const char *address);

/* `gateway` and `source` may be NULL; a route without gateway has link scope. */
int cns_netlink_add_route(struct cns_netlink *socket, const char *destination, const char *link, const char *gateway,
                          const char *source);

/* A permanent neighbour, with jailrun as its originator. */
int cns_netlink_add_neighbour(struct cns_netlink *socket, const char *link, const char *address, const char *mac);
int cns_netlink_delete_neighbour(struct cns_netlink *socket, const char *link, const char *address);
/* Lets a port of a bridge get back what came in by it, when its destination was translated to be there. */
int cns_netlink_reflect(struct cns_netlink *socket, const char *port, bool is_on);
/* An address for which the host answers ARP or NDP on `link`. */
int cns_netlink_add_proxy(struct cns_netlink *socket, const char *link, const char *address);
int cns_netlink_delete_proxy(struct cns_netlink *socket, const char *link, const char *address);

/* What the host has. One record type for every dump; strings are empty where the object has none. */
struct cns_netlink_record {
    int index;      /* of the link, or of the link that carries the object */
    int master;     /* links: index of the bridge, or 0 */
    unsigned flags; /* links: IFF_*; addresses: IFA_F_* */
    bool reflects;  /* links: a port of a bridge that gets back what came in by it */
    char name[16];
    char kind[32];
    char alias[256];
    char address[64]; /* addresses: with "/LENGTH"; routes: the destination; proxies; links: the hardware's */
    char gateway[64];
};

struct cns_netlink_records {
    struct cns_netlink_record *first;
    size_t count;
};

int cns_netlink_links(struct cns_netlink *socket, struct cns_netlink_records *records);
int cns_netlink_addresses(struct cns_netlink *socket, struct cns_netlink_records *records);
/* Default routes of the main table, both families, that leave by the link of that index. */
int cns_netlink_default_routes(struct cns_netlink *socket, int index, struct cns_netlink_records *records);
/* Routes whose originator is CNS_ROUTE_PROTOCOL. */
int cns_netlink_own_routes(struct cns_netlink *socket, struct cns_netlink_records *records);
/* Proxy neighbours whose originator is CNS_ROUTE_PROTOCOL. */
int cns_netlink_own_proxies(struct cns_netlink *socket, struct cns_netlink_records *records);
/* Permanent neighbours on the link of that index whose originator is CNS_ROUTE_PROTOCOL. */
int cns_netlink_own_neighbours(struct cns_netlink *socket, int index, struct cns_netlink_records *records);
void cns_netlink_free(struct cns_netlink_records *records);

/*
 * Moves the thread into a network namespace; `home` receives the way back, or -1 when `netns` is -1. Only this thread
 * moves, and jailrun has no other.
 */
int cns_enter_network(int netns, int *home);
/*
 * A thread that cannot come back would take the other namespace for the host's: nothing safe can follow. It tries for a
 * second, says so, and ends the process.
 */
void cns_leave_network(int home);
/* A number of the thread's network namespace that no other has until the machine restarts. Returns 1, or 0 when the
 * kernel does not tell it, as before Linux 5.14. */
int cns_network_cookie(uint64_t *cookie);

/* A descriptor that can be read from when somebody has turned forwarding on or off; what it says is to be heard. */
int cns_forwarding_watch(void);
void cns_forwarding_heard(int watch);

/*
 * Reads or writes a file below sys/net of `proc`, a descriptor of the host's proc root. /proc/sys/net shows the
 * namespace of the task that walks it, so with `netns` other than -1 the thread is in that namespace for the open. The
 * path is walked beneath `proc` and follows no link. Read: the text without its newline, truncated to the capacity.
 */
int cns_sysctl_write(int proc, int netns, const char *path, const char *value);
int cns_sysctl_read(int proc, const char *path, char *value, size_t capacity);

#endif
