/* A request to the kernel over netlink(7), and its answers. */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink_exchange.h"

/* rtnetlink and nfnetlink answer before sendmsg(2) returns, and go on with a dump in recvmsg(2): nothing is waited for,
 * as a rule. What is still not there after a second was lost. */
enum { RECEIVED = 32768, ATTEMPTS = 10, PAUSE_MILLISECONDS = 100 };

static int open_socket(int protocol, int flags, uint32_t groups) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = -errno;
    close(fd);
    return error;
}

int cns_exchange_watch(int protocol, uint32_t groups) { return open_socket(protocol, SOCK_NONBLOCK, groups); }

int cns_exchange_open(int protocol) {
    int on = 1, fd = open_socket(protocol, 0, 0);
    if (fd < 0) return fd;
    /* Only spoils messages when an old kernel has it not. */
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return fd;
}

int cns_exchange_unless_absent(int error) {
    return error == -ENOENT || error == -EOPNOTSUPP || error == -EINVAL || error == -EAFNOSUPPORT ? 0 : error;
}

int cns_exchange_send(int fd, const void *bytes, size_t length) {
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* A receive that failed for want of memory has left the answer where it was. */
static ssize_t receive(int fd, void *buffer, size_t size) {
    int error = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        ssize_t count = recv(fd, buffer, size, MSG_DONTWAIT);
        if (count >= 0) return count;
        error = errno;
        if (error != EAGAIN && error != EINTR && error != ENOMEM && error != ENOBUFS) break;
        if (error == EAGAIN) poll(&watched, 1, PAUSE_MILLISECONDS);
    }
    return error == EAGAIN ? -ETIMEDOUT : -error;
}

static void keep_text(const struct nlmsghdr *header, const struct nlmsgerr *error, struct cns_heard *heard) {
    if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return;
    size_t offset = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof *error);
    if (!(header->nlmsg_flags & NLM_F_CAPPED)) offset += NLMSG_ALIGN(error->msg.nlmsg_len - NLMSG_HDRLEN);
    if (offset > header->nlmsg_len) return;
    const struct nlattr *first = (const struct nlattr *)((const char *)header + offset);
    struct nlattr *text = nla_find(first, (int)(header->nlmsg_len - offset), NLMSGERR_ATTR_MSG);
    if (text) snprintf(heard->text, heard->capacity, "%.*s", nla_len(text), (const char *)nla_data(text));
}

/* The error number of a message that ends a dump, or is an answer by itself. */
static int result(const struct nlmsghdr *header) {
    int error = 0;
    if (header->nlmsg_len >= NLMSG_HDRLEN + sizeof error) memcpy(&error, NLMSG_DATA(header), sizeof error);
    return error;
}

/* Returns whether it was the last one. */
static bool take(struct nlmsghdr *header, uint32_t last, struct cns_heard *heard) {
    if (header->nlmsg_flags & NLM_F_DUMP_INTR) heard->is_interrupted = true;
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
        int error = result(header);
        bool is_error = header->nlmsg_type == NLMSG_ERROR;
        if (error && !heard->error) heard->error = error;
        if (error && is_error) keep_text(header, NLMSG_DATA(header), heard);
        return error || !is_error || header->nlmsg_seq == last;
    }
    /* After an error too: a dump that is not read to its end keeps the socket busy. */
    if (heard->each && !heard->error) heard->error = heard->each(header, heard->argument);
    return false;
}

int cns_exchange_hear(int fd, uint32_t first, uint32_t last, struct cns_heard *heard) {
    char buffer[RECEIVED] __attribute__((aligned(NLMSG_ALIGNTO)));
    heard->error = 0;
    heard->is_interrupted = false;
    while (true) {
        ssize_t count = receive(fd, buffer, sizeof buffer);
        if (count < 0) return (int)count;
        for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, (size_t)count);
             header = NLMSG_NEXT(header, count)) {
            /* An answer to an earlier request, which nobody has read, is no answer to this one. */
            if (header->nlmsg_seq - first > last - first) continue;
            if (take(header, last, heard)) return heard->error ? heard->error : heard->is_interrupted ? -EINTR : 0;
        }
    }
}
