/* capabilities(7) of this process, and those that the kernel has: docs/design/0041 says why not by libcap. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cns_spawn.h"

static int get(struct __user_cap_data_struct sets[2]) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, sets) < 0 ? -errno : 0;
}

int cns_own_capabilities(uint64_t *effective) {
    struct __user_cap_data_struct sets[2];
    int error = get(sets);
    if (!error) *effective = sets[0].effective | (uint64_t)sets[1].effective << 32;
    return error;
}

int cns_capability_count(int known) {
    int count = known;
    while (prctl(PR_CAPBSET_READ, count, 0, 0, 0) >= 0)
        count++;
    return errno == EINVAL ? count : -errno;
}

int cns_drop_capabilities(uint64_t dropped) {
    struct __user_cap_data_struct sets[2];

    for (int number = 0; number < 64; number++)
        /* EINVAL: this kernel has none of that number. */
        if (dropped >> number & 1 && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0 && errno != EINVAL) return -errno;
    int error = get(sets);
    if (error) return error;
    for (int half = 0; half < 2; half++) {
        uint32_t kept = ~(uint32_t)(dropped >> 32 * half);
        sets[half].effective &= kept;
        sets[half].permitted &= kept;
        sets[half].inheritable &= kept;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}
