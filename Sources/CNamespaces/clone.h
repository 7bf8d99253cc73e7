#ifndef CNS_CLONE_H
#define CNS_CLONE_H

#include <asm/unistd.h>
#include <linux/sched.h>

/*
 * clone3(2) whose child shares our memory and has a stack of its own: nothing is copied, neither page tables now nor
 * pages later, which of a Swift process costs as much as all mounts together. The child touches its stack and what it
 * is given, makes raw system calls, and ends in an exec or an exit.
 */
static inline long cns_clone_sharing_memory(struct clone_args *arguments, void (*run)(const void *),
                                            const void *given) {
    long result;

#if defined(__x86_64__)
    register const void *argument __asm__("r12") = given;
    register void (*function)(const void *) __asm__("r13") = run;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r12, %%rdi\n\t"
                     "call *%%r13\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"(__NR_clone3), "D"(arguments), "S"(sizeof *arguments), "r"(argument), "r"(function)
                     : "rcx", "r11", "memory");
#else
    register long number __asm__("x8") = __NR_clone3;
    register long first __asm__("x0") = (long)arguments;
    register long second __asm__("x1") = (long)sizeof *arguments;
    register const void *argument __asm__("x19") = given;
    register void (*function)(const void *) __asm__("x20") = run;
    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x0, x19\n\t"
                     "blr x20\n\t"
                     "brk #0\n"
                     "1:"
                     : "+r"(first)
                     : "r"(number), "r"(second), "r"(argument), "r"(function)
                     : "memory");
    result = first;
#endif
    return result;
}

#endif
