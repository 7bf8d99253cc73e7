// probe QUESTION [WORD]...: answers one question from inside a jail, in lines of "key value". Static, so that it runs
// in a root that holds nothing else.
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    answer_function *answer;
    const char *words;
} questions[] = {
    {"caps", probe_caps, ""},
    {"seccomp", probe_seccomp, ""},
    {"nnp", probe_nnp, ""},
    {"ids", probe_ids, ""},
    {"uid_map", probe_uid_map, ""},
    {"gid_map", probe_gid_map, ""},
    {"mounts", probe_mounts, ""},
    {"namespaces", probe_namespaces, ""},
    {"devices", probe_devices, ""},
    {"syscalls", probe_syscalls, ""},
    {"mknod", probe_mknod, "[PATH]"},
    {"mount", probe_mount, "[TYPE]"},
    {"unmount", probe_unmount, "PATH"},
    {"write", probe_write, "PATH [TEXT]"},
    {"read", probe_read, "PATH"},
    {"create", probe_create, "PATH"},
    {"open", probe_open_device, "PATH"},
    {"fds", probe_fds, ""},
    {"env", probe_env, ""},
    {"session", probe_session, ""},
    {"rlimits", probe_rlimits, ""},
    {"umask", probe_umask, ""},
    {"signals", probe_signals, ""},
    {"cgroup", probe_cgroup, ""},
    {"proc", probe_proc, ""},
    {"pid1", probe_pid1, ""},
    {"links", probe_links, ""},
    {"hostname", probe_hostname, ""},
    {"sethostname", probe_sethostname, "NAME"},
    {"keyring", probe_keyring, ""},
    {"unshare", probe_unshare, "user|mount|net|pid|uts|ipc|cgroup"},
    {"tiocsti", probe_tiocsti, ""},
    {"ptrace", probe_ptrace, ""},
    {"bpf", probe_bpf, ""},
    {"chown", probe_chown, "PATH UID"},
    {"connect", probe_connect, "ADDRESS PORT"},
    {"listen", probe_listen, "PORT [all]"},
    {"raw_socket", probe_raw_socket, ""},
    {"sysv", probe_sysv, ""},
    {"memory", probe_memory, "BYTES"},
    {"forkbomb", probe_forkbomb, "COUNT"},
    {"spin", probe_spin, "SECONDS"},
    {"orphan", probe_orphan, "SECONDS"},
    {"lock", probe_lock, "PATH"},
    {"exchange", probe_exchange, "PATH PATH"},
    {"churn", probe_churn, "COUNT"},
    {"stalk", probe_stalk, "FILE"},
    {"search", probe_search, "FILE DIRECTORY..."},
    {"lend", probe_lend, "SOCKET DIRECTORY"},
    {"borrow", probe_borrow, "SOCKET NAME"},
    {"seize", probe_seize, "PID [CALL]"},
    {"watches", probe_watches, "FILE"},
    {"flood", probe_flood, "SECONDS"},
    {"spoof", probe_spoof, "SOURCE DESTINATION"},
    {"isolation", probe_isolation, ""},
    {"device_programs", probe_device_programs, "CGROUP"},
    {"fault", probe_fault, "FILE SECONDS count|kill|ERRNO PROCESS/CALL/COUNT PID,... COMMAND..."},
    {"forge", probe_forge, "LINK ADDRESS [TIMES [TAG]]"},
};

int report(const char *what, bool succeeded) {
    printf("%s %s\n", what, succeeded ? "ok" : strerrorname_np(errno));
    return succeeded ? YES : NO;
}

int main(int count, char **words) {
    for (size_t i = 0; count > 1 && i < sizeof questions / sizeof *questions; i++)
        if (strcmp(words[1], questions[i].name) == 0) {
            int answer = questions[i].answer(count - 2, words + 2);
            if (answer == UNASKED) fprintf(stderr, "usage: probe %s %s\n", questions[i].name, questions[i].words);
            return answer;
        }
    fprintf(stderr, "usage: probe QUESTION [WORD]...\n");
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        fprintf(stderr, "    %s %s\n", questions[i].name, questions[i].words);
    return UNASKED;
}
