// runtime.c: parts of the Swift runtime that the program goes without, in the executable that ships (CNS_SHIPPED,
// Makefile).
//
// What a static library holds is linked when something of it is asked for, and its constructors run before main. Three
// parts do work at every start that nobody needs. Here each is answered for, so that the library's own is left out; the
// definitions are weak, so that a library that is divided differently still links, with its own.
#ifdef CNS_SHIPPED
#include <stdlib.h>

// The runtime looks for a program that prints traces: ten calls to find /usr/libexec/swift/…/swift-backtrace or one
// beside the executable, which it would run as root; and it ends the process where /proc is not mounted.
__attribute__((weak)) _Bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return 0;
}
__attribute__((weak)) char _swift_backtraceSettings[128]; // all off

// The runtime finds argv by reading /proc/self/maps and searching the stack. The C library hands it to a constructor.
static int argument_count;
static char **arguments;

__attribute__((constructor)) static void keep_arguments(int count, char **words) {
    argument_count = count;
    arguments = words;
}

__attribute__((weak)) char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = argument_count;
    return arguments;
}

// Tasks are run by libdispatch, whose constructor asks sysfs for the number of processors. The program has one thread
// and no task.
#define NO_TASKS(name)                                                                                                 \
    __attribute__((weak, noreturn)) void name(void);                                                                   \
    void name(void) { abort(); }

NO_TASKS(swift_dispatchEnqueueGlobal)
NO_TASKS(swift_dispatchEnqueueMain)
NO_TASKS(swift_dispatchEnqueueWithDeadline)
NO_TASKS(swift_task_enqueueOnDispatchQueue)
NO_TASKS(dispatch_assert_queue)
NO_TASKS(dispatch_main)
__attribute__((weak)) char _dispatch_main_q[128];
#endif
