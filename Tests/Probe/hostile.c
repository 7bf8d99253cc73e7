// What root inside does to get out, to get at others, or not to die.
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

// Swaps two names for ever: a folder, and a link to where jailrun must not be led.
int probe_exchange(int count, char **words) {
    if (count != 2) return UNASKED;
    for (long swaps = 0;; swaps++)
        if (syscall(SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, words[1], RENAME_EXCHANGE) != 0 && swaps == 0)
            return report("exchange", false);
}

// So many lines of descent, each a process that forks and ends: whoever kills one pid after the other never catches up.
int probe_churn(int count, char **words) {
    if (count != 1) return UNASKED;
    for (long lines = strtol(words[0], NULL, 10); lines > 0; lines--) {
        if (fork() != 0) continue;
        for (;;) {
            pid_t child = fork();
            if (child > 0) _exit(0);
            // Refused by a limit: the line must not end with that.
            if (child < 0) usleep(1000);
        }
    }
    return YES;
}

// Says each thing once.
static void tell_once(const char *key, const char *value) {
    static char told[256][PATH_MAX];
    static int number;
    char line[PATH_MAX];
    snprintf(line, sizeof line, "%s %s", key, value);
    for (int i = 0; i < number; i++)
        if (strcmp(told[i], line) == 0) return;
    if (number < 256) strcpy(told[number++], line);
    printf("%s\n", line);
}

static void tell_link(const char *key, const char *pid, const char *name) {
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return;
    target[length] = 0;
    tell_once(key, target);
}

static void tell_environment(const char *pid) {
    char path[64], text[65536];
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) close(fd);
    if (length > 0 && memmem(text, (size_t)length, "SECRET", 6)) tell_once("environ", "SECRET");
}

static void tell_descriptors(const char *pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (atoi(entry->d_name) > 2) {
            snprintf(path, sizeof path, "fd/%s", entry->d_name);
            tell_link("fd", pid, path);
        }
    if (folder) closedir(folder);
}

// A process that is held before it executes its command is still the program that joins.
static void seize(pid_t pid) {
    char path[64], target[PATH_MAX] = "";
    int status;
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) return tell_once("ptrace", "refused");
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) return;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, target, sizeof target - 1);
    tell_once("ptrace", length > 0 && strstr(target, "memfd:") ? "before-exec" : "after-exec");
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

// Until a file is there: looks at each process that comes, what it runs, holds open and was told, and tries to trace
// it.
int probe_stalk(int count, char **words) {
    if (count != 1) return UNASKED;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("stalking\n");
    while (access(words[0], F_OK) != 0) {
        DIR *folder = opendir("/proc");
        for (const struct dirent *entry; folder && (entry = readdir(folder));) {
            pid_t pid = atoi(entry->d_name);
            if (pid <= 1 || pid == getpid() || pid == getppid()) continue;
            seize(pid);
            tell_link("exe", entry->d_name, "exe");
            tell_link("cwd", entry->d_name, "cwd");
            tell_environment(entry->d_name);
            tell_descriptors(entry->d_name);
        }
        if (folder) closedir(folder);
    }
    return YES;
}

static char wanted[16][256];
static int wanted_count;

// Seizes a process, stops it, and makes it call unshare(2), as an attacker would who looks for one without a filter.
int probe_seize(int count, char **words) {
    if (count != 1) return UNASKED;
    pid_t pid = (pid_t)strtol(words[0], NULL, 10);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) return report("seize", false);
#if defined(__x86_64__)
    struct user_regs_struct before, registers;
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) < 0 ||
        ptrace(PTRACE_GETREGS, pid, NULL, &before) < 0)
        return report("interrupt", false);
    registers = before;
    // It stands behind the syscall instruction that it waits in.
    registers.rip = before.rip - 2;
    registers.rax = SYS_unshare;
    registers.orig_rax = (unsigned long long)-1;
    registers.rdi = CLONE_NEWNS;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &registers) < 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
        waitpid(pid, NULL, __WALL) < 0 || ptrace(PTRACE_GETREGS, pid, NULL, &registers) < 0)
        return report("step", false);
    long long result = (long long)registers.rax;
    before.orig_rax = (unsigned long long)-1;
    before.rip -= 2;
    before.rax = SYS_ppoll;
    ptrace(PTRACE_SETREGS, pid, NULL, &before);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    errno = (int)-result;
    return report("unshare", result >= 0);
#else
    return report("seize", true);
#endif
}

static int search_file(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)walk;
    static char text[65536];
    if (type != FTW_F) return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    for (int i = 0; length > 0 && i < wanted_count; i++)
        if (memmem(text, (size_t)length, wanted[i], strlen(wanted[i]))) printf("hit %s %s\n", wanted[i], path);
    return 0;
}

// Which files that can be read hold one of the words, a line each in a file: as arguments they would be found in /proc.
int probe_search(int count, char **words) {
    if (count < 2) return UNASKED;
    FILE *file = fopen(words[0], "re");
    if (!file) return report("words", false);
    while (wanted_count < 16 && fscanf(file, "%255s", wanted[wanted_count]) == 1)
        wanted_count++;
    fclose(file);
    unlink(words[0]);
    for (int i = 1; i < count; i++)
        nftw(words[i], search_file, 32, FTW_PHYS);
    printf("searched %d\n", wanted_count);
    return YES;
}

static int unix_socket(const char *path, struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    strncpy(address->sun_path, path, sizeof address->sun_path - 1);
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

union rights {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

// Gives a folder's descriptor to the first who connects to a socket in a folder that two jails share.
int probe_lend(int count, char **words) {
    if (count != 2) return UNASKED;
    struct sockaddr_un address;
    int listener = unix_socket(words[0], &address), folder = open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return report("lend", false);
    chmod(words[0], 0777);
    listen(listener, 1);
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    char byte = 0;
    struct iovec part = {&byte, 1};
    union rights rights = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.space, .msg_controllen = sizeof rights.space};
    memcpy(CMSG_DATA(&rights.header), &folder, sizeof folder);
    return report("lend", sendmsg(peer, &message, 0) == 1);
}

// Takes the descriptor, and tries a file below it: to read it, to write it, and to make another.
int probe_borrow(int count, char **words) {
    if (count != 2) return UNASKED;
    struct sockaddr_un address;
    int peer = unix_socket(words[0], &address), folder = -1;
    for (int i = 0; i < 500 && connect(peer, (struct sockaddr *)&address, sizeof address) != 0; i++)
        usleep(10000);
    char byte;
    struct iovec part = {&byte, 1};
    union rights rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.space, .msg_controllen = sizeof rights.space};
    if (recvmsg(peer, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen == 0) return report("borrow", false);
    memcpy(&folder, CMSG_DATA(&rights.header), sizeof folder);
    report("borrow", folder >= 0);
    int read_answer = report("read", openat(folder, words[1], O_RDONLY | O_CLOEXEC) >= 0);
    int write_answer = report("write", openat(folder, words[1], O_WRONLY | O_CLOEXEC) >= 0);
    int make_answer = report("make", mkdirat(folder, "made-by-another", 0755) == 0);
    return read_answer == YES || write_answer == YES || make_answer == YES ? YES : NO;
}

// Sends a datagram from an address that this machine may not have.
int probe_spoof(int count, char **words) {
    struct sockaddr_storage from, to;
    socklen_t length = count == 2 ? parse_address(words[0], "0", &from) : 0;
    if (length == 0 || parse_address(words[1], "9", &to) != length) return UNASKED;
    int fd = socket(from.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1;
    bool is_four = from.ss_family == AF_INET;
    int level = is_four ? IPPROTO_IP : IPPROTO_IPV6;
    int transparent = is_four ? IP_TRANSPARENT : IPV6_TRANSPARENT, freebind = is_four ? IP_FREEBIND : IPV6_FREEBIND;
    report("transparent", setsockopt(fd, level, transparent, &yes, sizeof yes) == 0);
    report("freebind", setsockopt(fd, level, freebind, &yes, sizeof yes) == 0);
    report("bind", bind(fd, (struct sockaddr *)&from, length) == 0);
    return report("send", sendto(fd, "", 1, 0, (struct sockaddr *)&to, length) == 1);
}

// An 802.1Q tag in a frame's header, or none.
static size_t tagged(unsigned char *to, const void *frame, size_t length, const char *tag) {
    uint16_t words[] = {htons(ETHERTYPE_VLAN), htons((uint16_t)(tag ? atoi(tag) : 0))};
    size_t room = tag ? sizeof words : 0;
    memcpy(to, frame, 2 * ETH_ALEN);
    memcpy(to + 2 * ETH_ALEN, words, room);
    memcpy(to + 2 * ETH_ALEN + room, (const char *)frame + 2 * ETH_ALEN, length - 2 * ETH_ALEN);
    return length + room;
}

// Tells everybody on the network of a link that an IPv4 address is this machine's; goes on while there is no link.
int probe_forge(int count, char **words) {
    struct {
        struct ether_header header;
        struct ether_arp arp;
    } frame = {.arp = {.arp_hln = ETH_ALEN, .arp_pln = 4}};
    unsigned char bytes[sizeof frame + 4];
    int times = count > 2 ? atoi(words[2]) : 1;
    struct ifreq link = {0};
    if (count < 2 || count > 4 || inet_pton(AF_INET, words[1], frame.arp.arp_spa) != 1) return UNASKED;
    snprintf(link.ifr_name, sizeof link.ifr_name, "%s", words[0]);
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &link) < 0) return report("socket", false);
    memcpy(frame.arp.arp_sha, link.ifr_hwaddr.sa_data, ETH_ALEN);
    memcpy(frame.header.ether_shost, link.ifr_hwaddr.sa_data, ETH_ALEN);
    memset(frame.header.ether_dhost, 0xff, ETH_ALEN);
    memcpy(frame.arp.arp_tpa, frame.arp.arp_spa, sizeof frame.arp.arp_tpa);
    frame.header.ether_type = htons(ETHERTYPE_ARP);
    frame.arp.arp_hrd = htons(ARPHRD_ETHER);
    frame.arp.arp_pro = htons(ETHERTYPE_IP);
    frame.arp.arp_op = htons(ARPOP_REPLY);
    size_t length = tagged(bytes, &frame, sizeof frame, count > 3 ? words[3] : NULL);
    bool sent = false;
    for (int i = 0; i < times; i++) {
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(words[0])};
        sent = sendto(fd, bytes, length, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)length;
    }
    return report("send", sent);
}
