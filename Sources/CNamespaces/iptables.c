/* iptables(8) as it was before nf_tables: the FORWARD chain of the table `filter`, by getsockopt(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "include/cns_nftables.h"

/* A standard target's verdict, as the kernel has it: -NF_DROP - 1 and so on. */
static int verdict_of(const struct ipt_entry *entry) {
    const struct xt_standard_target *target = (const void *)((const char *)entry + entry->target_offset);
    return target->target.u.user.name[0] == '\0' ? target->verdict : 0;
}

static bool is_for(const struct ipt_entry *entry, const char *link) {
    return strcmp(entry->ip.outiface, link) == 0 || strcmp(entry->ip.iniface, link) == 0;
}

static int judge(const struct ipt_get_entries *entries, const struct ipt_getinfo *info, const char *link) {
    const char *bytes = (const char *)entries->entrytable;
    unsigned end = info->underflow[NF_INET_FORWARD];
    for (unsigned at = info->hook_entry[NF_INET_FORWARD]; at < end && end < info->size;) {
        const struct ipt_entry *entry = (const void *)(bytes + at);
        if (link[0] && is_for(entry, link) && verdict_of(entry) == -NF_ACCEPT - 1) return 0;
        if (entry->next_offset == 0) return -EPROTO;
        at += entry->next_offset;
    }
    return end < info->size && verdict_of((const void *)(bytes + end)) == -NF_DROP - 1;
}

static int read_entries(int fd, const char *link) {
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &length) < 0) return -errno;
    if (!(info.valid_hooks & 1u << NF_INET_FORWARD)) return 0;
    length = (socklen_t)(sizeof(struct ipt_get_entries) + info.size);
    struct ipt_get_entries *entries = calloc(1, length);
    if (!entries) return -ENOMEM;
    strcpy(entries->name, info.name);
    entries->size = info.size;
    int result = getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, entries, &length) < 0 ? -errno : 0;
    if (!result) result = judge(entries, &info, link);
    free(entries);
    return result;
}

int cns_iptables_forward_drops(const char *link) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* of any kind: ip(7) */
    if (fd < 0) return -errno;
    int result, attempts = 0;
    do
        result = read_entries(fd, link);
    while (result == -EAGAIN && ++attempts < 10); /* the table's size has changed since it was asked for */
    close(fd);
    return result;
}
