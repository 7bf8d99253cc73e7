// race ROUNDS NAME COMMAND [ARGUMENT]... [-- NAME COMMAND [ARGUMENT]...]...: runs the commands in turn, round after
// round, each as a whole process from fork to its end, and prints their times, as ratios to the first one's too.
//
// In turn, because a machine is not the same from one minute to the next: what slows one down slows all. The median of
// the ratios of one round is less moved by that than the ratio of two medians.
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MOST = 16, WARM_UP = 3 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double milliseconds(char **words, posix_spawn_file_actions_t *actions) {
    pid_t child;
    int status;
    double begin = now();
    int error = posix_spawnp(&child, words[1], actions, NULL, words + 1, environ);
    if (error != 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "race: %s: %s\n", words[0], error ? strerror(error) : "ended with another status than 0");
        exit(1);
    }
    return now() - begin;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double quantile(double *values, int count, double part) { return values[(int)(part * (count - 1) + 0.5)]; }

int main(int count, char **words) {
    int rounds = count > 3 ? atoi(words[1]) : 0, contestants = 0;
    char **contestant[MOST];
    for (int i = 2, first = 2; i <= count; i++)
        if (i == count || strcmp(words[i], "--") == 0) {
            if (i - first < 2 || contestants == MOST)
                rounds = 0;
            else
                contestant[contestants++] = &words[first];
            words[i] = NULL, first = i + 1;
        }
    if (rounds < 1) {
        fprintf(stderr, "usage: race ROUNDS NAME COMMAND [ARGUMENT]... [-- NAME COMMAND [ARGUMENT]...]...\n");
        return 64;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 2; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);

    double *times = calloc((size_t)(contestants * rounds), sizeof *times);
    double *ratios = calloc((size_t)(contestants * rounds), sizeof *ratios);
    for (int round = -WARM_UP; round < rounds; round++)
        for (int i = 0; i < contestants; i++) {
            double time = milliseconds(contestant[i], &actions);
            if (round < 0) continue;
            times[i * rounds + round] = time;
            ratios[i * rounds + round] = time / times[round];
        }
    printf("%-28s %7s %9s %9s %9s   (%d rounds in turn, milliseconds)\n", "", "ratio", "median", "fastest", "slow 10%",
           rounds);
    for (int i = 0; i < contestants; i++) {
        double *time = times + i * rounds, *ratio = ratios + i * rounds;
        qsort(time, (size_t)rounds, sizeof *time, ascending);
        qsort(ratio, (size_t)rounds, sizeof *ratio, ascending);
        printf("%-28s %7.2f %9.2f %9.2f %9.2f\n", contestant[i][0], quantile(ratio, rounds, 0.5),
               quantile(time, rounds, 0.5), time[0], quantile(time, rounds, 0.9));
    }
    return 0;
}
