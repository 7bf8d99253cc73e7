/* What the parts of the static stage share. */
#ifndef CNS_STAGE_H
#define CNS_STAGE_H

#include "../include/cns_plan.h"

enum { FAILED_BEFORE_EXEC = 126, NOT_FOUND = 127 };

void end(int status) __attribute__((noreturn));
void set_signal_mask(unsigned long mask);

/*
 * Prepares the process that pid 1 is to be, waits until it is told to go on, and becomes it. `control` is the socket
 * of whoever made the jail; the listening one of CNS_LISTEN is two numbers above it.
 */
void become(struct cns_plan *plan, const struct cns_command *command, int control, int signals)
    __attribute__((noreturn));

#endif
