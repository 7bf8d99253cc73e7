// What /proc and getters say of this process. Reading only.
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

extern char **environ;

// The lines of a file that begin with one of the prefixes, as "key value"; all lines when there is no prefix.
static int print_lines(const char *path, const char *const *prefixes) {
    FILE *file = fopen(path, "re");
    if (!file) return report(path, false);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) >= 0) {
        bool wanted = !prefixes;
        for (const char *const *prefix = prefixes; prefix && *prefix; prefix++)
            wanted |= strncmp(line, *prefix, strlen(*prefix)) == 0 && line[strlen(*prefix)] == ':';
        char *colon = prefixes ? strchr(line, ':') : NULL;
        if (wanted && colon)
            printf("%.*s %s", (int)(colon - line), line, colon + 1 + strspn(colon + 1, " \t"));
        else if (wanted)
            fputs(line, stdout);
    }
    free(line);
    fclose(file);
    return YES;
}

int probe_caps(int count, char **words) {
    (void)count, (void)words;
    return print_lines("/proc/self/status", (const char *[]){"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", NULL});
}

// 2: a filter is loaded. From prctl, not from /proc, which may be absent.
int probe_seccomp(int count, char **words) {
    (void)count, (void)words;
    int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
    if (mode < 0) return report("seccomp", false);
    printf("seccomp %d\n", mode);
    print_lines("/proc/self/status", (const char *[]){"Seccomp_filters", NULL});
    return mode == 2 ? YES : NO;
}

int probe_nnp(int count, char **words) {
    (void)count, (void)words;
    int value = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    printf("no_new_privs %d\nsecurebits %d\ndumpable %d\n", value, prctl(PR_GET_SECUREBITS, 0, 0, 0, 0),
           prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    return value == 1 ? YES : NO;
}

int probe_ids(int count, char **words) {
    (void)count, (void)words;
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group, groups[NGROUPS_MAX];
    if (getresuid(&real, &effective, &saved) != 0 || getresgid(&real_group, &effective_group, &saved_group) != 0)
        return report("ids", false);
    printf("uid %u %u %u\ngid %u %u %u\ngroups", real, effective, saved, real_group, effective_group, saved_group);
    int number = getgroups(NGROUPS_MAX, groups);
    for (int i = 0; i < number; i++)
        printf(" %u", groups[i]);
    printf("\n");
    return YES;
}

int probe_uid_map(int count, char **words) {
    (void)count, (void)words;
    return print_lines("/proc/self/uid_map", NULL);
}

int probe_gid_map(int count, char **words) {
    (void)count, (void)words;
    int status = print_lines("/proc/self/gid_map", NULL);
    printf("setgroups ");
    print_lines("/proc/self/setgroups", NULL);
    return status;
}

int probe_mounts(int count, char **words) {
    (void)count, (void)words;
    return print_lines("/proc/self/mountinfo", NULL);
}

int probe_cgroup(int count, char **words) {
    (void)count, (void)words;
    return print_lines("/proc/self/cgroup", NULL);
}

int probe_namespaces(int count, char **words) {
    (void)count, (void)words;
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64], target[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0) return report(path, false);
        printf("%s %.*s\n", names[i], (int)length, target);
    }
    return YES;
}

static int is_visible(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

// "NAME char MAJOR:MINOR MODE UID:GID", "NAME directory …", "NAME -> TARGET", sorted, directories entered.
static void list_devices(const char *path, const char *prefix, int depth) {
    struct dirent **entries;
    int number = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < number; i++) {
        char full[PATH_MAX], name[PATH_MAX], target[PATH_MAX];
        struct stat status;
        snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
        snprintf(name, sizeof name, "%s%s", prefix, entries[i]->d_name);
        free(entries[i]);
        if (lstat(full, &status) != 0) continue;
        unsigned mode = status.st_mode & 07777;
        if (S_ISLNK(status.st_mode)) {
            ssize_t length = readlink(full, target, sizeof target - 1);
            printf("%s -> %.*s\n", name, length > 0 ? (int)length : 0, target);
        } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
            printf("%s %s %u:%u %04o %u:%u\n", name, S_ISCHR(status.st_mode) ? "char" : "block", major(status.st_rdev),
                   minor(status.st_rdev), mode, status.st_uid, status.st_gid);
        } else {
            printf("%s %s %04o %u:%u\n", name, S_ISDIR(status.st_mode) ? "directory" : "file", mode, status.st_uid,
                   status.st_gid);
        }
        if (S_ISDIR(status.st_mode) && depth < 4) {
            strncat(name, "/", sizeof name - strlen(name) - 1);
            list_devices(full, name, depth + 1);
        }
    }
    if (number >= 0) free(entries);
}

int probe_devices(int count, char **words) {
    (void)count, (void)words;
    list_devices("/dev", "", 0);
    return YES;
}

// Every open descriptor and what it is. Asked of the descriptors themselves: /proc may be absent.
int probe_fds(int count, char **words) {
    (void)count, (void)words;
    int above = 0;
    for (int fd = 0; fd < 65536; fd++) {
        struct stat status;
        if (fstat(fd, &status) != 0) continue;
        char path[64], target[PATH_MAX];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        printf("%d %.*s\n", fd, length > 0 ? (int)length : 1, length > 0 ? target : "?");
        above += fd > 2;
    }
    return above == 0 ? YES : NO;
}

int probe_env(int count, char **words) {
    (void)count, (void)words;
    for (char **entry = environ; *entry; entry++)
        printf("%s\n", *entry);
    return YES;
}

int probe_session(int count, char **words) {
    (void)count, (void)words;
    int terminal = isatty(0);
    printf("pid %d\nppid %d\npgid %d\nsid %d\nterminal %s\n", getpid(), getppid(), getpgrp(), getsid(0),
           terminal ? "yes" : "no");
    char *directory = getcwd(NULL, 0);
    printf("cwd %s\nnice %d\n", directory ? directory : strerrorname_np(errno), getpriority(PRIO_PROCESS, 0));
    free(directory);
    FILE *tty = fopen("/dev/tty", "r+e");
    printf("controlling_terminal %s\n", tty ? "yes" : "no");
    if (tty) fclose(tty);
    return YES;
}

int probe_rlimits(int count, char **words) {
    (void)count, (void)words;
    static const char *const names[] = {"cpu",      "fsize",  "data",    "stack", "core",  "rss",
                                        "nproc",    "nofile", "memlock", "as",    "locks", "sigpending",
                                        "msgqueue", "nice",   "rtprio",  "rttime"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)i, &limit) != 0) return report(names[i], false);
        // RLIM_INFINITY is printed as -1.
        printf("%s %lld %lld\n", names[i], (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
    return YES;
}

int probe_umask(int count, char **words) {
    (void)count, (void)words;
    mode_t mask = umask(022);
    printf("umask %03o\n", mask);
    return mask == 022 ? YES : NO;
}

// Signals that the parent left blocked or ignored: a clean start has none.
int probe_signals(int count, char **words) {
    (void)count, (void)words;
    sigset_t blocked;
    int found = 0;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        bool ignored = sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
        if (sigismember(&blocked, number) == 1) printf("blocked %d\n", number), found++;
        if (ignored) printf("ignored %d\n", number), found++;
    }
    return found == 0 ? YES : NO;
}

// Every process that is seen: pid, parent, name.
int probe_proc(int count, char **words) {
    (void)count, (void)words;
    struct dirent **entries;
    int number = scandir("/proc", &entries, is_visible, versionsort);
    if (number < 0) return report("/proc", false);
    for (int i = 0; i < number; i++) {
        char path[300], name[64] = "?";
        int parent = -1;
        snprintf(path, sizeof path, "/proc/%s/stat", entries[i]->d_name);
        FILE *file = entries[i]->d_name[0] >= '1' && entries[i]->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        if (file && fscanf(file, "%*d (%63[^)]) %*c %d", name, &parent) == 2)
            printf("%s %d %s\n", entries[i]->d_name, parent, name);
        if (file) fclose(file);
        free(entries[i]);
    }
    free(entries);
    return YES;
}

// What runs as pid 1, and whether its program can be reached or opened for writing.
int probe_pid1(int count, char **words) {
    (void)count, (void)words;
    char target[PATH_MAX];
    print_lines("/proc/1/status", (const char *[]){"Name", "NSpid", "CapBnd", "Seccomp", "NoNewPrivs", NULL});
    ssize_t length = readlink("/proc/1/exe", target, sizeof target - 1);
    printf("exe %.*s\n", length > 0 ? (int)length : 7, length > 0 ? target : "refused");
    FILE *file = fopen("/proc/1/exe", "r+e");
    int status = report("write_exe", file != NULL);
    if (file) fclose(file);
    return status == YES ? NO : YES;
}

int probe_links(int count, char **words) {
    (void)count, (void)words;
    struct if_nameindex *links = if_nameindex();
    if (!links) return report("links", false);
    for (struct if_nameindex *link = links; link->if_index; link++)
        printf("%u %s\n", link->if_index, link->if_name);
    if_freenameindex(links);
    return YES;
}

int probe_hostname(int count, char **words) {
    (void)count, (void)words;
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof name) != 0) return report("hostname", false);
    printf("hostname %s\n", name);
    return YES;
}
