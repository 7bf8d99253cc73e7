// All that keeps a process in, asked at once. What differs from start to start, numbers of mounts and devices and the
// first of the ids outside, is left out.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// "ROOT PLACE OPTIONS ... - TYPE SOURCE OPTIONS" of each mount.
static void print_mounts(void) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    while (file && getline(&line, &size, file) >= 0) {
        int start = 0;
        if (sscanf(line, "%*d %*d %*s %n", &start) == 0 && start > 0) printf("mount %s", line + start);
    }
    free(line);
    if (file) fclose(file);
}

static void print_map(const char *path) {
    FILE *file = fopen(path, "re");
    unsigned inside, outside, count;
    while (file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3)
        printf("%s %u %s %u\n", path, inside, outside == 0 ? "root" : "nobody", count);
    if (file) fclose(file);
}

static void print_file(const char *path) {
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
    printf("%s %.*s\n", path, length > 0 ? (int)length : 0, length > 0 ? text : "");
    if (fd >= 0) close(fd);
}

int probe_isolation(int count, char **words) {
    static answer_function *const questions[] = {
        probe_caps,    probe_seccomp, probe_nnp,     probe_ids,    probe_namespaces, probe_devices,  probe_fds,
        probe_rlimits, probe_umask,   probe_signals, probe_cgroup, probe_links,      probe_hostname, probe_pid1,
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        questions[i](count, words);
    print_mounts();
    print_map("/proc/self/uid_map");
    print_map("/proc/self/gid_map");
    print_file("/proc/net/route");
    print_file("/proc/self/oom_score_adj");
    print_file("/proc/sys/kernel/core_pattern");
    print_file("/etc/hosts");
    return YES;
}

// How many eBPF programs decide which devices the processes of a cgroup may open.
int probe_device_programs(int count, char **words) {
    if (count != 1) return UNASKED;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (unsigned)open(words[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) != 0) return report("device_programs", false);
    printf("device_programs %u\n", attributes.query.prog_cnt);
    return attributes.query.prog_cnt > 0 ? YES : NO;
}
