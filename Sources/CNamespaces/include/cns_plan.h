/*
 * The plan in memory: an array of system calls as data, and the bytes that they point to. It holds offsets, no
 * addresses, so the same bytes serve a child that inherited them by clone3(2) and a stage that maps them from a memfd.
 */
#ifndef CNS_PLAN_H
#define CNS_PLAN_H

#include <stdint.h>

#define CNS_PLAN_MAGIC 0x316e616c706c6a61ull /* "ajlplan1" */

/* Operations that are not one system call; system call numbers are never negative. */
enum cns_operation {
    CNS_RECEIVE = -1,   /* descriptor, count, data offset: wait for a byte and `count` descriptors */
    CNS_SEND = -2,      /* descriptor, kind, descriptor to pass or -1 */
    CNS_EXECUTE = -3,   /* candidates, argv, envp: execve(2) the first that exists */
    CNS_COPY = -4,      /* data offset to, data offset from, size: a result into a structure */
    CNS_FIND = -5,      /* candidates: whether CNS_EXECUTE would find a program */
    CNS_COPY_TREE = -6, /* folder from, folder to, whether that keeps its own owner, mode and times */
};

enum cns_argument_kind {
    CNS_INTEGER = 0, /* the value itself */
    CNS_DATA = 1,    /* the address of data + value */
    CNS_RESULT = 2,  /* the 64-bit result stored at data + value */
};

struct cns_argument {
    int64_t value;
    int64_t kind;
};

struct cns_step {
    int32_t call;          /* system call number or enum cns_operation */
    int32_t index;         /* the step's position in the whole plan; a failure is reported by it */
    int32_t result;        /* data offset of a 64-bit result, or -1 */
    int32_t allowed_error; /* an errno that counts as success, or 0 */
    struct cns_argument argument[6];
};

/* The 64-bit word at data + `at` becomes the address of data + `target`. */
struct cns_fixup {
    uint32_t at;
    uint32_t target;
};

/* When pid 1 goes on to the next command. */
enum cns_command_mode {
    CNS_AWAITED = 0,    /* this one has ended */
    CNS_BACKGROUND = 1, /* it is executed */
    CNS_MAIN = 2,       /* it is executed; its end is the jail's */
    CNS_WATCHED = 4,    /* a flag: a shell hides what it runs; only when that has not failed to be executed */
};

/* A command that pid 1 runs: a run of steps that ends in CNS_EXECUTE. */
struct cns_command {
    uint32_t first;
    uint32_t count;
    uint32_t mode; /* enum cns_command_mode */
    uint32_t padding;
};

enum cns_plan_flags {
    CNS_TRANSIENT = 1,   /* end when the control socket is closed */
    CNS_PERSISTENT = 2,  /* live without processes */
    CNS_WAIT_FOR_GO = 4, /* wait for CNS_GO before the first command */
    CNS_ENTER = 8,       /* not pid 1: join namespaces first, end with the command */
    CNS_BECOME = 16,     /* perform the entering steps, wait for CNS_GO, and become the one command */
    CNS_LISTEN = 32,     /* CNS_BECOME: whoever connects may send CNS_GO */
};

/* From the host to pid 1, which then keeps CNS_PERSISTENT or does not. */
enum cns_signal {
    CNS_SIGNAL_PERSIST = 63,
    CNS_SIGNAL_NO_PERSIST = 64,
};

struct cns_plan {
    uint64_t magic;
    uint32_t size; /* of the whole, this header included */
    uint32_t flags;
    uint32_t step_count;
    uint32_t step_offset;
    uint32_t fixup_count;
    uint32_t fixup_offset;
    uint32_t command_count;
    uint32_t command_offset;
    uint32_t data_offset;
    uint32_t data_size;
    uint32_t enter_first; /* CNS_ENTER: the steps that join the namespaces; CNS_BECOME: those before CNS_READY */
    uint32_t enter_count;
    int32_t console; /* pid 1 keeps this descriptor open; -1: none */
    uint32_t padding;
    uint64_t times; /* address of two int64_t for each step, when it began and ended; or 0, as in a stage's plan */
};

/* What travels over the control socket (SOCK_SEQPACKET), both ways. */
enum cns_report_kind {
    CNS_GO = 1,       /* to the child: go on; may carry descriptors */
    CNS_FAILED = 2,   /* value = errno, index = step */
    CNS_READY = 3,    /* isolated, and waits for CNS_GO */
    CNS_FINISHED = 4, /* a command ended; index = command, value = wait(2) status */
    CNS_STARTED = 5,  /* every start command has ended well */
    CNS_TERMINAL = 6, /* carries the pty's master */
    CNS_RUNNING = 7,  /* a command was forked; index = command, value = its pid inside */
    CNS_SIGNAL = 8,   /* to the child: value = signal for every process of the jail */
    CNS_ENDED = 9,    /* no process is left in the jail but pid 1, which ends */
    CNS_LEAVE = 10,   /* to the child: it is recorded, and is not to end with this connection */
};

struct cns_report {
    int32_t kind;
    int32_t index;
    int64_t value;
};

/*
 * Descriptors that the stage finds open; behind those that the command is given besides 0, 1 and 2, of which its second
 * argument says how many there are.
 */
enum {
    CNS_CONTROL_DESCRIPTOR = 3,
    CNS_PLAN_DESCRIPTOR = 4,
    CNS_JOINED_DESCRIPTOR = 5 /* pidfd of the jail to be joined; CNS_LISTEN: the listening socket */
};

#endif
