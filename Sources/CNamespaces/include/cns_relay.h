/*
 * Descriptors 0, 1 and 2 as they get into a jail. One that belongs to the host cannot be opened by name there: open(2)
 * of /dev/stdout asks for the permissions of the file itself, whose owner the jail does not know. docs/design/0027.
 */
#ifndef CNS_RELAY_H
#define CNS_RELAY_H

#include <stdint.h>

enum cns_descriptor_kind {
    CNS_OTHER = 0, /* a device; what has no permissions that matter */
    CNS_PATH,      /* O_PATH of open(2): a place, no file that could be read */
    CNS_DIRECTORY,
    CNS_FILE,
    CNS_PIPE, /* of pipe(2) */
    CNS_FIFO, /* fifo(7) */
    CNS_SOCKET,
};

struct cns_descriptor {
    int32_t kind;
    uint32_t mode; /* permission bits */
    uint32_t owner;
    uint32_t padding;
    uint64_t device; /* of the file, and its number there: what two descriptors may share */
    uint64_t inode;
};

int cns_look_at(int descriptor, struct cns_descriptor *found);

/*
 * Starts a process that moves bytes between a jail's pipe and `descriptor` until the jail's end is closed: written to
 * `descriptor` when it is output, read from it when it is input. Of input, what nobody in the jail has read by the end
 * is given back, where a file has places. The process outlives its maker. Returns its control socket, on which it sends
 * 0 when all is moved, or an errno when it cannot write.
 */
int cns_relay_output(int pipe, int descriptor);
int cns_relay_input(const int pipe[2], int descriptor);

/* No command is left that may read, and what was written up to now is to be moved: the other end is closed then. */
void cns_relay_settle(int control);

/* What was sent on the control socket: 0, an errno, or -1 at its end when nothing was: who moves bytes was killed. */
int cns_relay_error(int control);

#endif
