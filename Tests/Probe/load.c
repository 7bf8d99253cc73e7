// What a limit has to stop: memory, processes, time. Each says how far it came.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Touches every page: only then is it charged. A limit kills this process, and then its parent says so.
int probe_memory(int count, char **words) {
    if (count != 1) return UNASKED;
    size_t bytes = strtoull(words[0], NULL, 10), page = (size_t)sysconf(_SC_PAGESIZE);
    pid_t child = fork();
    if (child == 0) {
        char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) _exit(2);
        for (size_t offset = 0; offset < bytes; offset += page)
            memory[offset] = 1;
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) return report("memory", false);
    printf("memory %s\n", WIFSIGNALED(status) ? "killed" : WEXITSTATUS(status) == 0 ? "ok" : "ENOMEM");
    return status == 0 ? YES : NO;
}

// All children live at once, and die with this process.
int probe_forkbomb(int count, char **words) {
    if (count != 1) return UNASKED;
    long wanted = strtol(words[0], NULL, 10), made = 0;
    pid_t child, parent = getpid();
    while (made < wanted && (child = fork()) > 0)
        made++;
    if (made < wanted && child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // The signal is for a death that comes later than this call.
        while (getppid() == parent)
            pause();
        _exit(0);
    }
    printf("children %ld\n", made);
    int answer = report("fork", made == wanted);
    return answer;
}

// The cpu time that so many seconds on the clock gave.
int probe_spin(int count, char **words) {
    if (count != 1) return UNASKED;
    double seconds = strtod(words[0], NULL);
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9 < seconds);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double used = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("cpu_seconds %.3f\nshare %.2f\n", used, used / seconds);
    return YES;
}

// Leaves a grandchild behind, in a session of its own: who reaps it, and does it die with the jail?
int probe_orphan(int count, char **words) {
    if (count != 1) return UNASKED;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() == 0) {
            sleep((unsigned)strtoul(words[0], NULL, 10));
            _exit(0);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return report("orphan", child > 0);
}

// Takes the file's lock and leaves a child that holds it: two jails that are up at once would both want it.
int probe_lock(int count, char **words) {
    if (count != 1) return UNASKED;
    int fd = open(words[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) return report("lock", false);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    return report("lock", child > 0);
}

// Writes to its output as fast as it can.
int probe_flood(int count, char **words) {
    if (count != 1) return UNASKED;
    static char lines[65536];
    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % 64 == 63 ? '\n' : 'x';
    time_t end = time(NULL) + strtol(words[0], NULL, 10);
    while (time(NULL) < end)
        if (write(1, lines, sizeof lines) < 0) return report("write", false);
    return YES;
}
