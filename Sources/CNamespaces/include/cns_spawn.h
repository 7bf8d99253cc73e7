/* What must happen around clone3(2) and exec, for Swift to call. Each returns a negative errno on failure. */
#ifndef CNS_SPAWN_H
#define CNS_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cns_plan.h"

/* Turns offsets into addresses, once, where the plan lies now. */
void cns_plan_relocate(struct cns_plan *plan);

/* Performs steps [first, first + count) in this process. On failure *failed is the step's number. */
long cns_plan_perform(struct cns_plan *plan, uint32_t first, uint32_t count, int32_t *failed);

/*
 * clone3(2) with `flags` (CLONE_VM, CLONE_PIDFD and CLONE_CLEAR_SIGHAND are added; CLONE_INTO_CGROUP when `cgroup` >=
 * 0). The child performs steps [first, first + count), whose last is to be an exec; if one fails it reports CNS_FAILED
 * on the descriptor `control` and exits. Returns the child's pid, and its pidfd in *pidfd.
 */
long cns_spawn(struct cns_plan *plan, uint32_t first, uint32_t count, uint64_t flags, int cgroup, int control,
               int *pidfd);

/*
 * The same, of a child that then waits on `control` for CNS_GO and goes on with the steps of the plan that
 * cns_prepare_child() has given it by then, of which the first is CNS_RECEIVE. *child is for that call. The plan is
 * relocated, and the child's from then on.
 */
struct cns_child;

/*
 * Steps of a plan that lead elsewhere, setns(2). If there are some, another process performs them and clones the child
 * there, which is the caller's all the same. *failed is the step's number, or -1 if it was the clone.
 */
struct cns_before_birth {
    struct cns_plan *plan;
    uint32_t first;
    uint32_t count;
    int32_t failed;
};

long cns_spawn_waiting(struct cns_plan *plan, struct cns_before_birth *before, uint64_t flags, int cgroup, int control,
                       int *pidfd, struct cns_child **child);
void cns_prepare_child(struct cns_child *child, struct cns_plan *plan);

/* A memfd with these bytes that nobody can change any more: memfd_create(2), F_ADD_SEALS of fcntl(2). */
int cns_sealed_memfd(const char *name, const void *bytes, size_t size);

/* The same, from hexadecimal digits. */
int cns_sealed_memfd_from_hex(const char *name, const char *digits, size_t count);

/* Decodes `count` hexadecimal digits into count / 2 bytes. */
void cns_decode_hex(uint8_t *bytes, const char *digits, size_t count);

/* A control socket: a connected pair of SOCK_SEQPACKET sockets, close-on-exec. */
int cns_control_pair(int ends[2]);

/* pipe2(2), close-on-exec: the reading end first. `mode` of fchmod(2) says who may open it by name; 0 leaves it. */
int cns_pipe(int ends[2], mode_t mode);

/* A listening SOCK_SEQPACKET socket of that name in an open directory. */
int cns_listen_in(int directory, const char *name);
/* A connection to it; -ECONNREFUSED when nobody listens any more. */
int cns_connect_in(int directory, const char *name);

/* Sends a pty's master to the stream socket at that path: `--console-socket` of OCI runtimes. */
int cns_hand_over_console(const char *path, int terminal);

int cns_send(int socket, int32_t kind, int32_t index, int64_t value, const int *passed, unsigned count);

/* Waits at most `timeout` milliseconds (-1: for ever). Returns the number of descriptors, -ETIMEDOUT, or -ECONNRESET.
 */
int cns_receive(int socket, struct cns_report *report, int *passed, unsigned capacity, int timeout);

/* Waits for a child by its pidfd. Returns the wait(2) status, -ETIMEDOUT, or another negative errno. */
int cns_wait(int pidfd, int timeout);

int cns_pidfd_open(pid_t pid);
int cns_pidfd_signal(int pidfd, int signal);

/*
 * Whether "/" is not the root of the mount namespace: chroot(2). Looked at by a child, whom setns(2) to its own
 * namespace leads to that root. 1, 0, or a negative number when it cannot be told.
 */
int cns_is_chrooted(void);

/*
 * fork(2), for a process that has one thread: Swift does not import it. With `pidfd`, which may be NULL, there are a
 * child and a descriptor of it, or neither: a child that nobody could wait for would be left.
 */
pid_t cns_fork(int *pidfd);

/*
 * Before anything else is opened: which of 0 to 2 are closed is remembered, and /dev/null is there so that no file of
 * jailrun's gets the number. To read or to write there is EBADF still. A bit for each, or a negative errno.
 */
int cns_fill_descriptors(void);

/* Whether it was closed when the program began; 0 to 2. */
int cns_was_closed(int descriptor);

/*
 * Closes every descriptor that the caller left open behind the `passed` ones above 2, opens 0 to 2 on /dev/null if they
 * are closed, and takes up the numbers that the stage's descriptors will have, so that dup3(2) to them never meets one
 * in use.
 */
int cns_take_descriptors(int passed);

/* What a process inherits from whoever started jailrun, and a jail must not: sched(7), ioprio_set(2), personality(2).
 */
struct cns_attributes {
    int32_t nice;
    int32_t scheduler;
    int32_t realtime_priority;
    int32_t io_priority;
    int32_t personality;
    int32_t timer_slack;
    int32_t has_no_huge_pages;
};

/* Sets them to what they are for a process of its own. Who may not keeps what it has. */
void cns_take_attributes(struct cns_attributes *saved);
void cns_give_back_attributes(const struct cns_attributes *saved);

/* Closes every descriptor behind those that cns_take_descriptors() has taken, but for these two. */
void cns_keep_descriptors(int one, int other);

/* mallopt(3): a start takes memory in small pieces and gives it back at once; each time the kernel would clear it anew.
 */
void cns_keep_memory(void);

/* Sends a message to a datagram socket of unix(7): a path, or `@name` in the abstract namespace. */
int cns_notify(const char *address, const char *message);

/*
 * Blocks the signals that end, stop or resize, and returns a signalfd(2) for them. SIGPIPE is ignored; dispositions
 * that the caller left are reset.
 */
int cns_watch_signals(void);

/* The number of the next pending signal, or 0. */
int cns_read_signal(int signals);

/* The same, and in *is_kernels whether a terminal sent it, to the whole foreground process group. */
int cns_read_signal_of(int signals, int *is_kernels);

/* Puts a terminal into raw mode and stores what it was; restores it with cns_restore_terminal. */
int cns_make_raw(int terminal, void *saved, size_t capacity);
int cns_restore_terminal(int terminal, const void *saved);

/* Whether this process may change the terminal: tcgetpgrp(3). Of a terminal that is not its controlling one it may. */
int cns_has_terminal(int terminal);

/* The key that ends the input of a terminal: Ctrl-D, as a rule. */
int cns_end_of_file_key(int terminal);

/* Of what was typed on a pty, by its master: whether something is still to be read, the end of a file among it, and
 * whether keys are read as they come. -errno when it has no other end any more. */
enum cns_typed_state { CNS_TYPED_UNREAD = 1, CNS_TYPED_RAW = 2 };
int cns_typed(int master);

int cns_make_nonblocking(int descriptor);

/* PR_SET_PDEATHSIG of SIGKILL, and an end at once if that parent is gone already. */
void cns_die_with_parent(pid_t parent);
/* Again, after a change of ids: the kernel takes PR_SET_PDEATHSIG back with it. Nothing, where it was not asked for. */
void cns_stay_with_parent(void);

/* Of this process and all that it starts, for which it needs CAP_SYS_ADMIN: seccomp(2). */
int cns_refuse_machine_calls(void);

/* Gives up these capabilities, a bit for each number, for this process and all that it starts: of the bounding set, so
 * that no program that is executed later has them, and of this process's sets. */
int cns_drop_capabilities(uint64_t dropped);
/* A bit for each number. */
int cns_own_capabilities(uint64_t *effective);
/* How many the running kernel has, which knows the first `known`, or a negative errno. */
int cns_capability_count(int known);

/* PR_SET_CHILD_SUBREAPER: what the children of this process leave behind becomes its own to wait for. */
int cns_adopt_orphans(void);

/* A child that has ended and was not waited for, or 0. It stays one. */
pid_t cns_next_ended(void);

/* pidfd_getfd(2): a copy of another process's descriptor. */
int cns_take_descriptor(int pidfd, int descriptor);

/* uname(2) in the UTS namespace of a process; each name has at most 64 bytes. */
int cns_names_in(int pidfd, char *hostname, char *domain, size_t capacity);

/* Whether a cgroup v2 hierarchy is mounted there: statfs(2). */
int cns_is_cgroup2(const char *path);

/* Whether an open file or directory is on a tmpfs: statfs(2). */
int cns_is_tmpfs(int descriptor);
/* The owner of an open file or directory: fstat(2). */
int cns_owner(int descriptor, uint32_t *owner);

/* getrlimit(2), whose resource is an enumeration of the C library's. */
int cns_limit(int resource, uint64_t *soft, uint64_t *hard);

/* The mount that the descriptor is of, without those on it: open_tree(2). A descriptor, or a negative errno. */
int cns_clone_mount(int place);

/* getxattr(2). */
long cns_get_attribute(const char *path, const char *name, void *value, size_t capacity);

/* setxattr(2). */
int cns_set_attribute(const char *path, const char *name, const void *value, size_t size);

/* openat2(2) with a `struct open_how`. */
int cns_openat2(int directory, const char *path, const void *how, size_t size);

/*
 * Asks the kernel whether it takes `count` settings in new namespaces that vanish with the question: `text` has for
 * each a line with a path below /proc/sys and one with the value. The user namespace has `ids` ids, of which 0 is
 * `first`. *errors gets two for each: of open(2) and of write(2), 0 when it went well. Negative when it could not be
 * asked.
 */
int cns_try_settings(const char *text, unsigned count, uint32_t first, uint32_t ids, int32_t *errors);

/* A user namespace with such ids, in which no process is. The descriptor, or a negative errno. */
int cns_user_namespace(uint32_t first, uint32_t ids);
/* The same, with lines of uid_map and gid_map of user_namespaces(7). */
int cns_mapped_namespace(const char *users, const char *groups);

/* ioctl(2), whose variable arguments Swift does not import: TIOCGWINSZ to TIOCSWINSZ from one terminal to another. */
int cns_copy_window_size(int from, int to);

int cns_window_size(int terminal, int *columns, int *rows);
int cns_set_window_size(int terminal, int columns, int rows);

#endif
