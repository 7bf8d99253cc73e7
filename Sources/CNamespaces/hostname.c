#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* setns(2) */
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cns_spawn.h"

int cns_names_in(int pidfd, char *hostname, char *domain, size_t capacity) {
    struct utsname names;
    int home = open("/proc/thread-self/ns/uts", O_RDONLY | O_CLOEXEC);
    if (home < 0) return -errno;
    int error = setns(pidfd, CLONE_NEWUTS) < 0 ? -errno : 0;
    if (!error) {
        if (uname(&names) < 0) error = -errno;
        /* Whoever goes on would have a jail's names for the host's. */
        if (setns(home, CLONE_NEWUTS) < 0) abort();
    }
    close(home);
    if (error) return error;
    snprintf(hostname, capacity, "%s", names.nodename);
    snprintf(domain, capacity, "%s", names.domainname);
    return 0;
}
