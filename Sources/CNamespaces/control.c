// control.c: sockets that have a name: where a jail that waits is started, and where a pty is handed over.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cns_spawn.h"

/* A name in a directory, however long the directory's own is: unix(7) has room for 107 bytes. */
static int name_in(int directory, const char *name, struct sockaddr_un *address) {
    int length;

    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory, name);
    return length < (int)sizeof address->sun_path ? 0 : -ENAMETOOLONG;
}

int cns_listen_in(int directory, const char *name) {
    struct sockaddr_un address;
    int error = name_in(directory, name, &address);
    int listening = error ? error : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (listening < 0) return error ? error : -errno;
    if (bind(listening, (struct sockaddr *)&address, sizeof address) < 0 || listen(listening, 8) < 0) {
        error = -errno;
        close(listening);
        return error;
    }
    return listening;
}

static int connect_to(int type, const struct sockaddr_un *address) {
    int connection = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (connection < 0) return -errno;
    while (connect(connection, (const struct sockaddr *)address, sizeof *address) < 0) {
        int error = errno;
        if (error == EINTR) continue;
        close(connection);
        return -error;
    }
    return connection;
}

int cns_connect_in(int directory, const char *name) {
    struct sockaddr_un address;
    int error = name_in(directory, name, &address);

    return error ? error : connect_to(SOCK_SEQPACKET, &address);
}

int cns_hand_over_console(const char *path, int terminal) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[] = "/dev/ptmx";
    struct iovec part = {name, sizeof name - 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } rights = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights.space};
    int connection, result = 0;

    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    memcpy(CMSG_DATA(&rights.header), &terminal, sizeof terminal);
    connection = connect_to(SOCK_STREAM, &address);
    if (connection < 0) return connection;
    if (sendmsg(connection, &message, MSG_NOSIGNAL) < 0) result = -errno;
    close(connection);
    return result;
}
