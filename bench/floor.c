// floor ROOT COMMAND [ARGUMENT]...: what the default isolation of a jail costs when nothing is between it and the
// kernel.
//
// The steps that `jailrun run --dry-run` prints, in their order, by a C program that reads no configuration, looks at
// nothing but which paths there are to mask, keeps no record and takes nothing back but the cgroup: the cgroup below
// jailrun's own, with its limit and device program, namespaces, id maps, idmapped root, /dev, /proc, /sys, masks,
// pivot_root, keyring, capabilities, no_new_privs, pid 1 from a sealed memfd, a seccomp filter and the command. A
// jail's start is measured against it.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { FIRST_ID = 1000000, ID_COUNT = 65536 };
// CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
static const unsigned KEPT_CAPABILITIES = 0x800405fb;

#define CHECK(call)                                                                                                    \
    ({                                                                                                                 \
        long result_ = (long)(call);                                                                                   \
        if (result_ < 0) {                                                                                             \
            fprintf(stderr, "floor: %s: %s\n", #call, strerror(errno));                                                \
            _exit(125);                                                                                                \
        }                                                                                                              \
        (int)result_;                                                                                                  \
    })

// ---- Mounts, by descriptor.
// ------------------------------------------------------------------------------------------

static int new_mount(const char *type, unsigned attributes, const char *const *options) {
    int context = CHECK(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
    for (; options && *options; options += 2)
        CHECK(options[1] ? syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, options[0], options[1], 0)
                         : syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, options[0], NULL, 0));
    CHECK(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    int mount = CHECK(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
    close(context);
    return mount;
}

static void attach(int mount, int root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    int target = CHECK(syscall(SYS_openat2, root, path, &how, sizeof how));
    CHECK(syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
    close(target);
}

static int attach_new(int root, const char *path, const char *type, unsigned attributes) {
    int mount = new_mount(type, attributes, NULL);
    attach(mount, root, path);
    return mount;
}

// Below a file system that was made here: no root can lead such a name elsewhere.
static void attach_below(int base, const char *name, int mount) {
    CHECK(syscall(SYS_move_mount, mount, "", base, name, MOVE_MOUNT_F_EMPTY_PATH));
    close(mount);
}

static void set_attributes(int mount, struct mount_attr attributes, unsigned flags) {
    CHECK(syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes));
}

enum { TIGHT = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

// The device nodes that a jail sees by default, made outside its user namespace: inside, mknod(2) is refused.
static int make_devices(void) {
    static const struct {
        const char *name;
        unsigned major, minor;
    } nodes[] = {{"null", 1, 3},    {"zero", 1, 5}, {"full", 1, 7},   {"random", 1, 8},
                 {"urandom", 1, 9}, {"tty", 5, 0},  {"fuse", 10, 229}};
    char id[16];
    snprintf(id, sizeof id, "%d", FIRST_ID);
    umask(0);
    int devices = new_mount("tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                            (const char *[]){"mode", "0755", "size", "65536", "uid", id, "gid", id, NULL});
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        CHECK(mknodat(devices, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
        CHECK(fchownat(devices, nodes[i].name, FIRST_ID, FIRST_ID, AT_SYMLINK_NOFOLLOW));
    }
    umask(022);
    return devices;
}

static void fill_devices(int devices) {
    static const char *const links[][2] = {{"fd", "/proc/self/fd"},
                                           {"stdin", "/proc/self/fd/0"},
                                           {"stdout", "/proc/self/fd/1"},
                                           {"stderr", "/proc/self/fd/2"},
                                           {"ptmx", "pts/ptmx"}};
    static const char *const directories[] = {"pts", "shm", "mqueue"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        CHECK(mkdirat(devices, directories[i], 0755));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        CHECK(symlinkat(links[i][1], devices, links[i][0]));
}

// Not every kernel has every file that is masked.
static void cover_path(int base, const char *path, int cover, const char *from) {
    if (faccessat(base, path, F_OK, 0) == 0)
        attach_below(base, path, CHECK(syscall(SYS_open_tree, cover, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
}

static void mask(int proc, int sys) {
    static const char *const proc_files[] = {"kcore",       "keys",        "timer_list",  "latency_stats",
                                             "sched_debug", "interrupts",  "kallsyms",    "kpagecount",
                                             "kpageflags",  "kpagecgroup", "vmallocinfo", "slabinfo",
                                             "modules",     "config.gz",   "cmdline",     "timer_stats"};
    static const char *const proc_directories[] = {"acpi", "asound", "scsi"};
    static const char *const sys_directories[] = {
        "firmware",     "devices/virtual/powercap", "fs/selinux",      "fs/bpf", "fs/pstore",
        "kernel/debug", "kernel/tracing",           "kernel/security", "module"};
    int cover = new_mount("tmpfs", TIGHT, (const char *[]){"mode", "0755", "size", "0", NULL});
    CHECK(mkdirat(cover, "directory", 0555));
    CHECK(mknodat(cover, "file", S_IFREG | 0444, 0));
    set_attributes(cover, (struct mount_attr){.attr_set = TIGHT | MOUNT_ATTR_RDONLY}, 0);
    CHECK(syscall(SYS_move_mount, cover, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH));
    for (size_t i = 0; i < sizeof proc_files / sizeof *proc_files; i++)
        cover_path(proc, proc_files[i], cover, "file");
    cover_path(sys, "kernel/boot_params/data", cover, "file");
    for (size_t i = 0; i < sizeof proc_directories / sizeof *proc_directories; i++)
        cover_path(proc, proc_directories[i], cover, "directory");
    for (size_t i = 0; i < sizeof sys_directories / sizeof *sys_directories; i++)
        cover_path(sys, sys_directories[i], cover, "directory");
}

static void make_read_only(int proc) {
    static const char *const names[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (faccessat(proc, names[i], F_OK, 0) != 0) continue;
        int clone = CHECK(syscall(SYS_open_tree, proc, names[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
        set_attributes(clone, (struct mount_attr){.attr_set = TIGHT | MOUNT_ATTR_RDONLY}, AT_RECURSIVE);
        attach_below(proc, names[i], clone);
    }
}

static void mount_all(int root, int devices) {
    set_attributes(CHECK(open("/", O_PATH | O_CLOEXEC)), (struct mount_attr){.propagation = 1 << 18 /* MS_PRIVATE */},
                   AT_RECURSIVE);
    CHECK(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
    attach(devices, root, "dev");
    fill_devices(devices);
    attach_below(
        devices, "pts",
        new_mount("devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                  (const char *[]){"newinstance", NULL, "ptmxmode", "0666", "mode", "0620", "gid", "5", NULL}));
    attach_below(devices, "shm", new_mount("tmpfs", TIGHT, (const char *[]){"mode", "1777", NULL}));
    attach_below(devices, "mqueue", new_mount("mqueue", TIGHT, NULL));
    int proc = attach_new(root, "proc", "proc", TIGHT);
    int sys = attach_new(root, "sys", "sysfs", TIGHT | MOUNT_ATTR_RDONLY);
    attach_below(sys, "fs/cgroup", new_mount("cgroup2", TIGHT | MOUNT_ATTR_RDONLY, NULL));
    mask(proc, sys);
    make_read_only(proc);
    CHECK(fchdir(root));
    CHECK(syscall(SYS_pivot_root, ".", "."));
    CHECK(syscall(SYS_umount2, ".", 2 /* MNT_DETACH */));
    CHECK(chdir("/"));
}

// ---- Privileges.
// -----------------------------------------------------------------------------------------------------

static void narrow(void) {
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (capability >= 32 || !(KEPT_CAPABILITIES >> capability & 1))
            CHECK(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));
    CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

static void reset_process(void) {
    CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}));
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 20000}));
    CHECK(setsid());
    CHECK(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
    umask(022);
}

static void raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    CHECK(ioctl(fd, SIOCSIFFLAGS, &request));
    close(fd);
}

// ---- The two processes.
// ----------------------------------------------------------------------------------------------

static void transfer(int channel, int *descriptors, bool send) {
    char byte = 0;
    struct iovec data = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control = {.header = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    if (send) memcpy(CMSG_DATA(&control.header), descriptors, 2 * sizeof(int));
    if (CHECK(send ? sendmsg(channel, &message, 0) : recvmsg(channel, &message, MSG_CMSG_CLOEXEC)) == 0) _exit(125);
    if (!send) memcpy(descriptors, CMSG_DATA(&control.header), 2 * sizeof(int));
}

// floor_init.c, built and embedded.
#ifndef INIT
#define INIT ".build/bench/floor_init"
#endif
__asm__(".section .rodata\n.globl init_start, init_end\n"
        "init_start: .incbin \"" INIT "\"\ninit_end:\n.previous\n");
extern const char init_start[], init_end[];

static int make_init(void) {
    int init = CHECK(memfd_create("floor-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10 /* MFD_EXEC */));
    CHECK(write(init, init_start, (size_t)(init_end - init_start)));
    CHECK(fcntl(init, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
    return init;
}

static _Noreturn void be_first_process(int channel, int init, char **words) {
    int passed[2];
    CHECK(unshare(CLONE_NEWNET));
    raise_loopback();
    transfer(channel, passed, false);
    CHECK(syscall(SYS_setresgid, 0, 0, 0));
    CHECK(syscall(SYS_setresuid, 0, 0, 0));
    CHECK(syscall(SYS_setgroups, 0, NULL));
    CHECK(unshare(CLONE_NEWIPC));
    mount_all(passed[0], passed[1]);
    CHECK(sethostname("floor", 5));
    reset_process();
    narrow();
    CHECK(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC));
    CHECK(syscall(SYS_execveat, init, "", words, (char *[]){NULL}, AT_EMPTY_PATH));
    _exit(125);
}

#define LOAD(register, offset)                                                                                         \
    { .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (register), .src_reg = 1, .off = (offset) }
#define ALU(operation, register, number)                                                                               \
    { .code = BPF_ALU | (operation) | BPF_K, .dst_reg = (register), .imm = (number) }
#define ALU_REGISTER(operation, register, other)                                                                       \
    { .code = BPF_ALU | (operation) | BPF_X, .dst_reg = (register), .src_reg = (other) }
#define JUMP(operation, register, number, count)                                                                       \
    { .code = BPF_JMP32 | (operation) | BPF_K, .dst_reg = (register), .imm = (number), .off = (count) }

// The devices of /dev, terminals too, and no other.
static int attach_device_program(int cgroup) {
    struct bpf_insn code[] = {
        LOAD(3, 0),
        ALU(BPF_AND, 3, 0xffff),
        LOAD(4, 4),
        LOAD(5, 8),
        ALU_REGISTER(BPF_MOV, 2, 4),
        ALU(BPF_LSH, 2, 20),
        ALU_REGISTER(BPF_OR, 2, 5),
        ALU(BPF_MOV, 0, 1),
        JUMP(BPF_JNE, 3, BPF_DEVCG_DEV_CHAR, 9),
        JUMP(BPF_JEQ, 2, 10 << 20 | 229, 9),
        JUMP(BPF_JEQ, 2, 1 << 20 | 3, 8),
        JUMP(BPF_JEQ, 2, 1 << 20 | 5, 7),
        JUMP(BPF_JEQ, 2, 1 << 20 | 7, 6),
        JUMP(BPF_JEQ, 2, 1 << 20 | 8, 5),
        JUMP(BPF_JEQ, 2, 1 << 20 | 9, 4),
        JUMP(BPF_JEQ, 2, 5 << 20, 3),
        JUMP(BPF_JEQ, 2, 5 << 20 | 2, 2),
        JUMP(BPF_JEQ, 4, 136, 1),
        ALU(BPF_MOV, 0, 0),
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insn_cnt = sizeof code / sizeof *code,
                           .insns = (unsigned long)code,
                           .license = (unsigned long)"BSD"};
    int program = CHECK(syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load));
    union bpf_attr attach = {.target_fd = (unsigned)cgroup,
                             .attach_bpf_fd = (unsigned)program,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    CHECK(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach));
    return program;
}

static void write_map(pid_t child, const char *name) {
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/%d/%s", child, name);
    int length = snprintf(text, sizeof text, "0 %d %d", FIRST_ID, ID_COUNT);
    int fd = CHECK(open(path, O_WRONLY | O_CLOEXEC));
    CHECK(write(fd, text, (size_t)length));
    close(fd);
}

static void give_root(int channel, pid_t child, const char *path) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    int directory = CHECK(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
    int root = CHECK(
        syscall(SYS_open_tree, directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
    close(directory);
    int devices = make_devices();
    char name[64];
    write_map(child, "uid_map");
    write_map(child, "gid_map");
    snprintf(name, sizeof name, "/proc/%d/ns/user", child);
    int namespace = CHECK(open(name, O_RDONLY | O_CLOEXEC));
    set_attributes(
        root, (struct mount_attr){.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV, .userns_fd = (unsigned)namespace},
        AT_RECURSIVE);
    transfer(channel, (int[]){root, devices}, true);
}

#define PARENT "/sys/fs/cgroup/floor"

int main(int count, char **words) {
    if (count < 3) {
        fprintf(stderr, "usage: floor ROOT COMMAND [ARGUMENT]...\n");
        return 64;
    }
    int init = make_init();
    CHECK(mkdirat(AT_FDCWD, PARENT, 0755));
    CHECK(setxattr(PARENT, "trusted.floor", "/", 1, 0));
    int parent = CHECK(open(PARENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(mkdirat(parent, "bench", 0755));
    int cgroup = CHECK(openat(parent, "bench", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(fsetxattr(cgroup, "trusted.floor", "bench", 5, 0));
    int limit = openat(cgroup, "pids.max", O_WRONLY | O_CLOEXEC);
    if (limit >= 0) CHECK(write(limit, "4096", 4));
    attach_device_program(cgroup);
    int channel[2], pidfd = -1;
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel));
    struct clone_args arguments = {.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS |
                                            CLONE_NEWCGROUP | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND,
                                   .pidfd = (unsigned long)&pidfd,
                                   .exit_signal = SIGCHLD,
                                   .cgroup = (unsigned)cgroup};
    // The user namespace is made by the jail's root: what it uses up of limits of users counts for him.
    CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    CHECK(syscall(SYS_setresuid, -1, FIRST_ID, -1));
    CHECK(syscall(SYS_setfsuid, 0));
    pid_t child = CHECK(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (child == 0) {
        close(channel[0]);
        be_first_process(channel[1], init, words + 1);
    }
    CHECK(syscall(SYS_setresuid, -1, 0, -1));
    CHECK(prctl(PR_SET_SECUREBITS, 0));
    close(channel[1]);
    give_root(channel[0], child, words[1]);
    siginfo_t ended;
    CHECK(waitid(P_PIDFD, (id_t)pidfd, &ended, WEXITED));
    CHECK(unlinkat(parent, "bench", AT_REMOVEDIR));
    CHECK(rmdir(PARENT));
    return ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
}
