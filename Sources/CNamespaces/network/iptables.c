/* iptables(8) as it was before nf_tables: the FORWARD chain of the table `filter`, by getsockopt(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cns_nftables.h"

/* A standard target's verdict, as the kernel has it: -NF_DROP - 1 and so on. */
static int verdict_of(const struct ipt_entry *entry) {
    const struct xt_standard_target *target = (const void *)((const char *)entry + entry->target_offset);
    return target->target.u.user.name[0] == '\0' ? target->verdict : 0;
}

/* A name of an entry is compared as far as its mask goes. */
static bool fits_link(const char *wanted, const unsigned char *mask, bool is_inverted, const char *name) {
    if (!mask[0]) return true;
    char padded[IFNAMSIZ] = {0};
    bool is_same = true;
    strncpy(padded, name, sizeof padded - 1);
    for (int i = 0; i < IFNAMSIZ; i++)
        is_same &= ((wanted[i] ^ padded[i]) & mask[i]) == 0;
    return name[0] && is_same != is_inverted;
}

static bool fits_address(struct in_addr wanted, struct in_addr mask, bool is_inverted, const uint8_t *address) {
    if (!mask.s_addr) return true;
    struct in_addr known;
    if (!address) return false;
    memcpy(&known, address, sizeof known);
    return ((known.s_addr & mask.s_addr) == wanted.s_addr) != is_inverted;
}

static bool fits_protocol(const struct ipt_ip *ip, uint8_t protocol) {
    bool is_inverted = ip->invflags & IPT_INV_PROTO;
    return !ip->proto || (protocol && (ip->proto == protocol) != is_inverted);
}

/* Whether an entry is for that packet, as far as it says itself: what is not known of the packet does not fit. */
static bool is_for(const struct ipt_ip *ip, const struct cns_nft_packet *packet) {
    const uint8_t *source = packet->has_source ? packet->source : NULL,
                  *destination = packet->has_destination ? packet->destination : NULL;
    return fits_link(ip->iniface, ip->iniface_mask, ip->invflags & IPT_INV_VIA_IN, packet->input) &&
           fits_link(ip->outiface, ip->outiface_mask, ip->invflags & IPT_INV_VIA_OUT, packet->output) &&
           fits_address(ip->src, ip->smsk, ip->invflags & IPT_INV_SRCIP, source) &&
           fits_address(ip->dst, ip->dmsk, ip->invflags & IPT_INV_DSTIP, destination) && !(ip->flags & IPT_F_FRAG) &&
           fits_protocol(ip, packet->protocol);
}

/* What its matches look at is not: one that has some counts where it names the jail's link or address. */
static bool accepts(const struct ipt_entry *entry, const struct cns_nft_packet *packet) {
    const struct ipt_ip *ip = &entry->ip;
    bool names_jail =
        packet->has_destination ? ip->outiface_mask[0] || ip->dmsk.s_addr : ip->iniface_mask[0] || ip->smsk.s_addr;
    return verdict_of(entry) == -NF_ACCEPT - 1 && is_for(ip, packet) &&
           (names_jail || entry->target_offset == sizeof *entry);
}

static int judge(const struct ipt_get_entries *entries, const struct ipt_getinfo *info,
                 const struct cns_nft_packet *packet) {
    const char *bytes = (const char *)entries->entrytable;
    unsigned end = info->underflow[NF_INET_FORWARD];
    for (unsigned at = info->hook_entry[NF_INET_FORWARD]; at < end && end < info->size;) {
        const struct ipt_entry *entry = (const void *)(bytes + at);
        if (accepts(entry, packet)) return 0;
        if (entry->next_offset == 0) return -EPROTO;
        at += entry->next_offset;
    }
    return end < info->size && verdict_of((const void *)(bytes + end)) == -NF_DROP - 1;
}

static int read_entries(int fd, const struct cns_nft_packet *packet) {
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
    if (!result) result = judge(entries, &info, packet);
    free(entries);
    return result;
}

int cns_iptables_forward_drops(const struct cns_nft_packet *packet) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* of any kind: ip(7) */
    if (fd < 0) return -errno;
    int result, attempts = 0;
    do
        result = read_entries(fd, packet);
    while (result == -EAGAIN && ++attempts < 10); /* the table's size has changed since it was asked for */
    close(fd);
    return result;
}
