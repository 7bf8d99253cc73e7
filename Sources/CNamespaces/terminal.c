// terminal.c: what a terminal is set to, and who has it.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cns_spawn.h"

int cns_make_raw(int terminal, void *saved, size_t capacity) {
    struct termios settings;

    if (capacity < sizeof settings) return -EINVAL;
    if (tcgetattr(terminal, &settings) < 0) return -errno;
    memcpy(saved, &settings, sizeof settings);
    cfmakeraw(&settings);
    return tcsetattr(terminal, TCSANOW, &settings) < 0 ? -errno : 0;
}

int cns_restore_terminal(int terminal, const void *saved) {
    struct termios settings;

    memcpy(&settings, saved, sizeof settings);
    return tcsetattr(terminal, TCSADRAIN, &settings) < 0 ? -errno : 0;
}

int cns_has_terminal(int terminal) {
    pid_t foreground = tcgetpgrp(terminal);

    return foreground < 0 || foreground == getpgrp();
}

int cns_end_of_file_key(int terminal) {
    struct termios settings;

    if (tcgetattr(terminal, &settings) < 0 || settings.c_cc[VEOF] == 0) return 4;
    return settings.c_cc[VEOF];
}

int cns_typed(int master) {
    struct termios settings;
    struct pollfd watched = {.events = POLLIN};
    int typed;

    if (tcgetattr(master, &settings) < 0) return -errno;
    watched.fd = ioctl(master, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (watched.fd < 0) return -errno;
    typed = (settings.c_lflag & ICANON ? 0 : CNS_TYPED_RAW) | (poll(&watched, 1, 0) == 1 ? CNS_TYPED_UNREAD : 0);
    close(watched.fd);
    return typed;
}

int cns_copy_window_size(int from, int to) {
    struct winsize size;

    if (ioctl(from, TIOCGWINSZ, &size) < 0 || ioctl(to, TIOCSWINSZ, &size) < 0) return -errno;
    return 0;
}

int cns_window_size(int terminal, int *columns, int *rows) {
    struct winsize size;

    if (ioctl(terminal, TIOCGWINSZ, &size) < 0) return -errno;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

int cns_set_window_size(int terminal, int columns, int rows) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
