// The questions that probe answers, each in the file named above it.
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

// Exit statuses: what was asked about is so, or was let happen; is not so, or was refused; was not asked rightly.
enum answer { YES = 0, NO = 1, UNASKED = 64 };

// An answer takes the words after its own name, and how many they are.
typedef int answer_function(int count, char **words);

// status.c: what /proc and getters say of this process.
answer_function probe_caps, probe_seccomp, probe_nnp, probe_ids, probe_uid_map, probe_gid_map, probe_mounts,
    probe_namespaces, probe_fds, probe_env, probe_session, probe_rlimits, probe_umask, probe_signals, probe_cgroup,
    probe_proc, probe_devices, probe_links, probe_hostname, probe_pid1;

// attempt.c: what the kernel lets this process do.
answer_function probe_mknod, probe_mount, probe_unmount, probe_write, probe_read, probe_create, probe_open_device,
    probe_keyring, probe_unshare, probe_tiocsti, probe_ptrace, probe_bpf, probe_chown, probe_sethostname, probe_connect,
    probe_listen, probe_raw_socket, probe_sysv, probe_watches;

// load.c: what a limit has to stop.
answer_function probe_memory, probe_forkbomb, probe_spin, probe_orphan, probe_lock, probe_flood;

// hostile.c: what root inside does to get out, to get at others, or not to die.
answer_function probe_exchange, probe_churn, probe_stalk, probe_search, probe_lend, probe_borrow, probe_spoof,
    probe_seize, probe_forge;

// syscalls.c: what the seccomp filter says to every number.
answer_function probe_syscalls;

// isolation.c: all that keeps this process in, in words that are the same for each start of the same jail.
answer_function probe_isolation, probe_device_programs;

// fault.c: asked outside: a command of jailrun's with a fault at one of its system calls.
answer_function probe_fault;

// Prints "what ok" or "what ENAME", and answers.
int report(const char *what, bool succeeded);

// An IPv4 or IPv6 address and a port, as connect(2) and bind(2) want them. The length, or 0.
socklen_t parse_address(const char *address, const char *port, struct sockaddr_storage *out);
