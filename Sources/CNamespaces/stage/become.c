/*
 * A jail whose first process is given: pid 1 is prepared, and waits. Whoever made the jail may go away then; the next
 * one connects to the listening socket, which is gone when this process has become the given one.
 */
#define _GNU_SOURCE

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "../perform.h"
#include "stage.h"

enum { CLOSED = -1, CLOSE_ON_EXEC = 02000000 /* SOCK_CLOEXEC */ };

static void fail(int socket, int32_t step, long error) {
    cns_send_report(socket, CNS_FAILED, step, -error, NULL, 0);
    end(error == -ENOENT ? NOT_FOUND : FAILED_BEFORE_EXEC);
}

/* Only the host can send one: there is nobody else in the jail. Those that end no process are ignored. */
static void read_signal(int signals) {
    struct signalfd_siginfo signal;

    if (cns_raw3(__NR_read, signals, &signal, sizeof signal) != (long)sizeof signal) return;
    switch (signal.ssi_signo) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH: return;
    default: end(128 + (int)signal.ssi_signo);
    }
}

/* Returns the connection over which CNS_GO came. */
static int await_start(int control, int listening, int signals) {
    int connection = control, is_left = 0;

    for (;;) {
        struct cns_report message;
        struct pollfd watched[3] = {
            {.fd = signals, .events = POLLIN},
            {.fd = connection, .events = POLLIN},
            {.fd = connection == CLOSED ? listening : CLOSED, .events = POLLIN},
        };
        if (cns_raw5(__NR_ppoll, watched, 3, NULL, NULL, 0) <= 0) continue;
        if (watched[0].revents) read_signal(signals);
        if (watched[2].revents) {
            connection = (int)cns_raw4(__NR_accept4, listening, NULL, NULL, CLOSE_ON_EXEC);
            if (connection < 0) connection = CLOSED;
        }
        if (!watched[1].revents) continue;
        if (cns_receive_report(connection, &message, NULL, 0) < 0) {
            /* Nobody has recorded this jail. */
            if (!is_left) end(FAILED_BEFORE_EXEC);
            cns_raw1(__NR_close, connection);
            connection = CLOSED;
        } else if (message.kind == CNS_GO) {
            return connection;
        } else if (message.kind == CNS_LEAVE) {
            is_left = listening != CLOSED;
        }
    }
}

void become(struct cns_plan *plan, const struct cns_command *command, int control, int signals) {
    int listening = plan->flags & CNS_LISTEN ? control + CNS_JOINED_DESCRIPTOR - CNS_CONTROL_DESCRIPTOR : CLOSED;
    int32_t failed = 0;
    int connection;
    long error = cns_perform_steps(plan, plan->enter_first, plan->enter_count, &failed);

    if (error < 0) fail(control, failed, error);
    cns_send_report(control, CNS_READY, 0, 0, NULL, 0);
    connection = await_start(control, listening, signals);
    set_signal_mask(0);
    error = cns_perform_steps(plan, command->first, command->count, &failed);
    fail(connection, failed, error);
    end(FAILED_BEFORE_EXEC);
}
