// What the kernel lets this process do. Each attempt is undone when it succeeds, and says the errno when it does not.
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

// The host's disk, so to say: a block device, which no ruleset gives away.
int probe_mknod(int count, char **words) {
    const char *path = count > 0 ? words[0] : "/tmp/probe-node";
    int block = report("block", mknod(path, S_IFBLK | 0600, makedev(254, 0)) == 0);
    if (block == YES) unlink(path);
    int character = report("char", mknod(path, S_IFCHR | 0600, makedev(1, 1)) == 0);
    if (character == YES) unlink(path);
    // (0, 0) is overlayfs's whiteout, which the kernel lets everybody make: it opens nothing.
    return block == YES || character == YES ? YES : NO;
}

int probe_mount(int count, char **words) {
    const char *type = count > 0 ? words[0] : "tmpfs";
    int old = report("mount", mount("none", "/tmp", type, 0, NULL) == 0);
    if (old == YES) umount2("/tmp", MNT_DETACH);
    int bind = report("bind", mount("/", "/tmp", NULL, MS_BIND, NULL) == 0);
    if (bind == YES) umount2("/tmp", MNT_DETACH);
    int new = report("fsopen", syscall(SYS_fsopen, type, 0) >= 0);
    return old == YES || bind == YES || new == YES ? YES : NO;
}

int probe_unmount(int count, char **words) {
    return count == 1 ? report("unmount", umount2(words[0], MNT_DETACH) == 0) : UNASKED;
}

static int attempt_open(const char *what, const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int answer = report(what, fd >= 0);
    if (fd >= 0) close(fd);
    return answer;
}

// Opens an existing file for writing; with TEXT writes it too, for /proc/sys and the like refuse only then.
int probe_write(int count, char **words) {
    if (count < 1 || count > 2) return UNASKED;
    if (count == 1) return attempt_open("write", words[0], O_WRONLY);
    int fd = open(words[0], O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, words[1], strlen(words[1])) == (ssize_t)strlen(words[1]);
    return report("write", written);
}

int probe_read(int count, char **words) {
    if (count != 1) return UNASKED;
    char buffer[4096];
    int fd = open(words[0], O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
    if (length >= 0) printf("bytes %zd\n", length);
    return report("read", length >= 0);
}

int probe_create(int count, char **words) {
    if (count != 1) return UNASKED;
    int answer = attempt_open("create", words[0], O_WRONLY | O_CREAT | O_EXCL);
    if (answer == YES) unlink(words[0]);
    return answer;
}

int probe_open_device(int count, char **words) {
    return count == 1 ? attempt_open("open", words[0], O_RDWR | O_NONBLOCK | O_NOCTTY) : UNASKED;
}

// Names that keep keys of others: a new session keyring holds none.
int probe_keyring(int count, char **words) {
    (void)count, (void)words;
    long serial = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    if (serial < 0) return report("session_keyring", false);
    char description[256] = "";
    syscall(SYS_keyctl, KEYCTL_DESCRIBE, serial, description, sizeof description - 1);
    long length = syscall(SYS_keyctl, KEYCTL_READ, serial, NULL, 0);
    printf("session_keyring %ld\ndescription %s\nkeys %ld\n", serial, description, length < 0 ? -1 : length / 4);
    return YES;
}

int probe_unshare(int count, char **words) {
    static const struct {
        const char *name;
        int flag;
    } kinds[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"net", CLONE_NEWNET},      {"pid", CLONE_NEWPID},
                 {"uts", CLONE_NEWUTS},   {"ipc", CLONE_NEWIPC},  {"cgroup", CLONE_NEWCGROUP}};
    for (size_t i = 0; count == 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(words[0], kinds[i].name) == 0) return report(words[0], unshare(kinds[i].flag) == 0);
    return UNASKED;
}

// Pushes a byte into the terminal's input, as if typed: how a jail would run commands in its caller's shell. A filter's
// EPERM must come even when only the low 32 bits of the request are TIOCSTI, which is all that the kernel looks at.
int probe_tiocsti(int count, char **words) {
    (void)count, (void)words;
    char byte = 0;
    int plain = report("tiocsti", syscall(SYS_ioctl, 0, (unsigned long)TIOCSTI, &byte) == 0);
    int high = report("tiocsti_high", syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32, &byte) == 0);
    int console = report("tioclinux", syscall(SYS_ioctl, 0, (unsigned long)TIOCLINUX, &byte) == 0);
    return plain == YES || high == YES || console == YES ? YES : NO;
}

int probe_ptrace(int count, char **words) {
    (void)count, (void)words;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    int own = report("own_child", ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    int first = report("pid1", ptrace(PTRACE_SEIZE, 1, NULL, NULL) == 0);
    return own == YES || first == YES ? YES : NO;
}

int probe_bpf(int count, char **words) {
    (void)count, (void)words;
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return report("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes) >= 0);
}

int probe_chown(int count, char **words) {
    return count == 2 ? report("chown", chown(words[0], (uid_t)strtoul(words[1], NULL, 10), (gid_t)-1) == 0) : UNASKED;
}

int probe_sethostname(int count, char **words) {
    return count == 1 ? report("sethostname", sethostname(words[0], strlen(words[0])) == 0) : UNASKED;
}

socklen_t parse_address(const char *address, const char *port, struct sockaddr_storage *out) {
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET, four->sin_port = htons((uint16_t)atoi(port));
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6, six->sin6_port = htons((uint16_t)atoi(port));
        return sizeof *six;
    }
    return 0;
}

// Waits at most two seconds, then prints the first line that the other end sends, if it does at once.
int probe_connect(int count, char **words) {
    struct sockaddr_storage address;
    socklen_t length = count == 2 ? parse_address(words[0], words[1], &address) : 0;
    if (length == 0) return UNASKED;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval two_seconds = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &two_seconds, sizeof two_seconds);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two_seconds, sizeof two_seconds);
    int answer = report("connect", connect(fd, (struct sockaddr *)&address, length) == 0);
    char text[256];
    ssize_t received = answer == YES ? recv(fd, text, sizeof text, 0) : 0;
    if (received > 0) printf("received %.*s\n", (int)strcspn(text, "\n"), text);
    return answer;
}

// Sends the peer's address to the first who connects, and ends; with a second word, to everybody.
int probe_listen(int count, char **words) {
    if (count != 1 && count != 2) return UNASKED;
    struct sockaddr_storage address;
    struct sockaddr_in6 peer;
    socklen_t length = parse_address("::", words[0], &address);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    int answer = report("listen", bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 8) == 0);
    fflush(stdout);
    if (answer != YES) return answer;
    do {
        socklen_t peer_length = sizeof peer;
        int connection = accept4(fd, (struct sockaddr *)&peer, &peer_length, SOCK_CLOEXEC);
        if (connection < 0) return report("accept", false);
        char text[INET6_ADDRSTRLEN];
        if (IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr))
            inet_ntop(AF_INET, &peer.sin6_addr.s6_addr[12], text, sizeof text);
        else
            inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text);
        dprintf(connection, "%s\n", text);
        close(connection);
        printf("peer %s\n", text);
    } while (count == 2);
    return YES;
}

// The three kinds of System V IPC, each made and removed.
int probe_sysv(int count, char **words) {
    (void)count, (void)words;
    int memory = shmget(IPC_PRIVATE, 4096, 0600), first = report("shm", memory >= 0);
    int semaphore = semget(IPC_PRIVATE, 1, 0600), second = report("sem", semaphore >= 0);
    int queue = msgget(IPC_PRIVATE, 0600), third = report("msg", queue >= 0);
    if (memory >= 0) shmctl(memory, IPC_RMID, NULL);
    if (semaphore >= 0) semctl(semaphore, 0, IPC_RMID);
    if (queue >= 0) msgctl(queue, IPC_RMID, NULL);
    return first == YES && second == YES && third == YES ? YES : NO;
}

int probe_raw_socket(int count, char **words) {
    (void)count, (void)words;
    int raw = report("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
    int packet = report("packet", socket(AF_PACKET, SOCK_RAW, 0) >= 0);
    return raw == YES || packet == YES ? YES : NO;
}

// As many inotify instances as the kernel gives, held until the file is there.
int probe_watches(int count, char **words) {
    if (count != 1) return UNASKED;
    int held = 0;
    while (inotify_init1(0) >= 0)
        held++;
    printf("watches %d %s\n", held, strerrorname_np(errno));
    fflush(stdout);
    while (access(words[0], F_OK) != 0)
        usleep(2000);
    return YES;
}
