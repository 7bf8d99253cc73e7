#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cns_spawn.h"

/* ioprio_set(2) has no header of the C library's. */
enum { WHO_PROCESS = 1, NO_PRIORITY = 0 };

enum { TIMER_SLACK = 50000 };

static int io_priority(void) { return (int)syscall(SYS_ioprio_get, WHO_PROCESS, 0); }

static void set_io_priority(int priority) { syscall(SYS_ioprio_set, WHO_PROCESS, 0, priority); }

/* As a rule nothing is to be changed, and each is one question. */
void cns_take_attributes(struct cns_attributes *saved) {
    const struct sched_param none = {0};

    *saved = (struct cns_attributes){
        .nice = getpriority(PRIO_PROCESS, 0),
        .scheduler = sched_getscheduler(0),
        .io_priority = io_priority(),
        .personality = personality(0xffffffff),
        .timer_slack = prctl(PR_GET_TIMERSLACK),
        .has_no_huge_pages = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0),
    };
    if (saved->scheduler > SCHED_OTHER) {
        struct sched_param parameter = {0};
        sched_getparam(0, &parameter);
        saved->realtime_priority = parameter.sched_priority;
        sched_setscheduler(0, SCHED_OTHER, &none);
    }
    if (saved->nice != 0) setpriority(PRIO_PROCESS, 0, 0);
    if (saved->io_priority > 0) set_io_priority(NO_PRIORITY);
    if (saved->personality > 0) personality(PER_LINUX);
    if (saved->timer_slack != TIMER_SLACK) prctl(PR_SET_TIMERSLACK, TIMER_SLACK);
    if (saved->has_no_huge_pages > 0) prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

void cns_give_back_attributes(const struct cns_attributes *saved) {
    const struct sched_param parameter = {.sched_priority = saved->realtime_priority};

    if (saved->scheduler > SCHED_OTHER) sched_setscheduler(0, saved->scheduler, &parameter);
    if (saved->nice != 0) setpriority(PRIO_PROCESS, 0, saved->nice);
    if (saved->io_priority > 0) set_io_priority(saved->io_priority);
    if (saved->personality > 0) personality((unsigned long)saved->personality);
    if (saved->timer_slack > 0) prctl(PR_SET_TIMERSLACK, saved->timer_slack);
    if (saved->has_no_huge_pages > 0) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}
