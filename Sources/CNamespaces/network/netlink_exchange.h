/* What rtnetlink and nfnetlink have in common: a socket, a request, and its answers by their sequence numbers. */
#ifndef NETLINK_EXCHANGE_H
#define NETLINK_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/* Answers, one after another. */
struct cns_heard {
    int (*each)(struct nlmsghdr *header,
                void *argument); /* of each object; returns 0 or a negative errno; may be NULL */
    void *argument;
    char *text; /* what the kernel says of an error (NLMSGERR_ATTR_MSG) */
    size_t capacity;
    int error;
    bool is_interrupted;
};

/* A socket of that protocol of netlink(7), in the thread's network namespace, or a negative errno. */
int cns_exchange_open(int protocol);
/* A descriptor that can be read from when something happens that one of those groups hears of, a bit for each. */
int cns_exchange_watch(int protocol, uint32_t groups);
/* 0 where what was asked about cannot be there, as the kernel does not know of it; other errors as they are. */
int cns_exchange_unless_absent(int error);
int cns_exchange_send(int fd, const void *bytes, size_t length);
/*
 * Hears until the request `last` is acknowledged or its dump is over, or until the first error of the requests since
 * `first`. Never waits for longer than a second. -EINTR: the objects changed during the dump.
 */
int cns_exchange_hear(int fd, uint32_t first, uint32_t last, struct cns_heard *heard);

#endif
