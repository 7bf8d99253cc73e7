/* System call numbers of this machine's native ABI, as values that Swift can import. */
#ifndef CNS_NUMBERS_H
#define CNS_NUMBERS_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>

#define CNS_NUMBER(name) static const int32_t cns_number_##name = SYS_##name

CNS_NUMBER(bpf);
CNS_NUMBER(capset);
CNS_NUMBER(chdir);
CNS_NUMBER(close);
CNS_NUMBER(close_range);
CNS_NUMBER(dup3);
CNS_NUMBER(execveat);
CNS_NUMBER(fchdir);
CNS_NUMBER(fchmod);
CNS_NUMBER(fchmodat);
CNS_NUMBER(fchownat);
CNS_NUMBER(fcntl);
CNS_NUMBER(fsconfig);
CNS_NUMBER(fsetxattr);
CNS_NUMBER(fsmount);
CNS_NUMBER(fsopen);
CNS_NUMBER(ioctl);
CNS_NUMBER(ioprio_set);
CNS_NUMBER(keyctl);
CNS_NUMBER(mkdirat);
CNS_NUMBER(mknodat);
CNS_NUMBER(mount_setattr);
CNS_NUMBER(move_mount);
CNS_NUMBER(open_tree);
CNS_NUMBER(openat);
CNS_NUMBER(openat2);
CNS_NUMBER(personality);
CNS_NUMBER(pidfd_open);
CNS_NUMBER(pidfd_send_signal);
CNS_NUMBER(pivot_root);
CNS_NUMBER(prctl);
CNS_NUMBER(prlimit64);
CNS_NUMBER(renameat2);
CNS_NUMBER(rt_sigprocmask);
CNS_NUMBER(sched_setaffinity);
CNS_NUMBER(sched_setattr);
CNS_NUMBER(seccomp);
CNS_NUMBER(set_mempolicy);
CNS_NUMBER(setdomainname);
CNS_NUMBER(setfsgid);
CNS_NUMBER(setfsuid);
CNS_NUMBER(setgroups);
CNS_NUMBER(sethostname);
CNS_NUMBER(setns);
CNS_NUMBER(setresgid);
CNS_NUMBER(setresuid);
CNS_NUMBER(setsid);
CNS_NUMBER(setxattr);
CNS_NUMBER(socket);
CNS_NUMBER(symlinkat);
CNS_NUMBER(umask);
CNS_NUMBER(umount2);
CNS_NUMBER(unlinkat);
CNS_NUMBER(unshare);
CNS_NUMBER(write);

/* The error numbers that a plan may count as success. */
static const int32_t cns_error_exists = EEXIST;
static const int32_t cns_error_missing = ENOENT;

#endif
