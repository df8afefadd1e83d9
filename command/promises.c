/* What the self-test tries, a function each, and in which words. */

#define _GNU_SOURCE
#include "selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- talking */

static verdict stream(trial *it)
{
    return talks(it, UDSOCK_STREAM, path_of(it, "stream"));
}

static verdict seqpacket(trial *it)
{
    return talks(it, UDSOCK_SEQPACKET, path_of(it, "seqpacket"));
}

static verdict abstract(trial *it)
{
    return talks(it, UDSOCK_STREAM, "@");
}

static verdict long_path(trial *it)
{
    char name[201], path[PATH];
    memset(name, 'n', 200);
    name[200] = 0;
    memcpy(path, path_of(it, name), sizeof path);
    verdict verdict = talks(it, UDSOCK_STREAM, path);
    if (verdict == BREAKS && access("/proc/self/fd", F_OK) != 0) {
        return say(it, LACKS, "/proc is not there; paths have at most 107 bytes");
    }
    return verdict;
}

static verdict datagrams(trial *it)
{
    char in[8], from[UDSOCK_ADDRESS_SIZE];
    udsock_t one = udsock_open_datagram(path_of(it, "dgram"), NULL, NULL);
    udsock_t other = udsock_open_datagram("@", NULL, NULL);
    int64_t result = one < 0 ? one : other < 0 ? other : 0;
    if (result == 0) result = udsock_send_to(other, "ask", 3, path_of(it, "dgram"), SOON);
    if (result > 0) result = udsock_recv_from(one, in, sizeof in, from, sizeof from, SOON);
    if (result > 0) result = udsock_send_to(one, "answer", 6, from, SOON);
    if (result > 0) result = udsock_recv(other, in, sizeof in, SOON);
    if (one > 0) udsock_close(one);
    if (other > 0) udsock_close(other);
    return result == 6 ? HOLDS : code(it, "a datagram", result);
}

static verdict empty_message(trial *it)
{
    udsock_t pair[2];
    char byte;
    int64_t result = udsock_open_pair(UDSOCK_SEQPACKET, pair);
    if (result < 0) return code(it, "open_pair", result);
    udsock_send(pair[0], "", 0, SOON);
    int64_t empty = udsock_recv(pair[1], &byte, 1, SOON);
    udsock_close(pair[0]);
    int64_t over = udsock_recv(pair[1], &byte, 1, SOON);
    udsock_close(pair[1]);
    if (empty == 0 && over == UDSOCK_EOF) return HOLDS;
    return say(it, BREAKS, "%lld, then %s", (long long)empty, udsock_error_name(over));
}

/* ---- files */

static verdict exact_mode(trial *it)
{
    static const uint32_t MODES[] = { 0600, 0666, 0640 };
    struct stat file;
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        const udsock_bind_options how = { .size = sizeof how, .mode = MODES[i] };
        udsock_error err = UDSOCK_ERROR_INIT;
        udsock_t server = udsock_open_server(UDSOCK_STREAM, path_of(it, "mode"), &how, &err);
        if (server == -EOPNOTSUPP) return say(it, LACKS, "%s", err.message);
        if (server < 0) return told(it, &err);
        bool is_right = stat(path_of(it, "mode"), &file) == 0 && (file.st_mode & 0777) == MODES[i];
        udsock_close(server);
        if (!is_right) return say(it, BREAKS, "%04o became %04o", MODES[i], file.st_mode & 0777);
    }
    return HOLDS;
}

static verdict owner(trial *it)
{
    struct stat file;
    const udsock_bind_options how = { .size = sizeof how, .user = "12345", .group = "12346" };
    udsock_error err = UDSOCK_ERROR_INIT;
    if (geteuid() != 0) return say(it, LACKS, "only root gives files to others");
    udsock_t server = udsock_open_server(UDSOCK_STREAM, path_of(it, "owner"), &how, &err);
    if (server < 0) return say(it, LACKS, "%s", err.message);
    bool is_right = stat(path_of(it, "owner"), &file) == 0 && file.st_uid == 12345;
    udsock_close(server);
    return is_right ? HOLDS : say(it, BREAKS, "it is of user %u", file.st_uid);
}

/* As a server that was killed leaves it. */
static bool leave(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof name.sun_path) return false;
    memcpy(name.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
    if (fd >= 0) close(fd);
    return is_bound;
}

static verdict reclaimed(trial *it)
{
    if (!leave(path_of(it, "dead"))) {
        return say(it, LACKS, "this directory's path is too long to try it");
    }
    return talks(it, UDSOCK_STREAM, path_of(it, "dead"));
}

static verdict live_stays(trial *it)
{
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t first = udsock_open_server(UDSOCK_STREAM, path_of(it, "live"), NULL, &err);
    if (first < 0) return told(it, &err);
    udsock_t second = udsock_open_server(UDSOCK_STREAM, path_of(it, "live"), NULL, &err);
    if (second > 0) udsock_close(second);
    udsock_close(first);
    return second == -EADDRINUSE ? HOLDS : code(it, "a second server", second);
}

static verdict takeover(trial *it)
{
    const udsock_bind_options how = { .size = sizeof how, .flags = UDSOCK_REPLACE };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t first = udsock_open_server(UDSOCK_STREAM, path_of(it, "taken"), NULL, &err);
    if (first < 0) return told(it, &err);
    udsock_t second = udsock_open_server(UDSOCK_STREAM, path_of(it, "taken"), &how, &err);
    verdict verdict = second < 0 ? told(it, &err) : HOLDS;
    if (verdict == HOLDS && udsock_get_option(first, UDSOCK_OPTION_OWNS_FILE) != 0) {
        verdict = say(it, BREAKS, "the first one has the path still");
    }
    udsock_close(first);
    if (verdict == HOLDS && !is_there(path_of(it, "taken"))) {
        verdict = say(it, BREAKS, "the first one has removed the second one's file");
    }
    if (second > 0) udsock_close(second);
    return verdict;
}

/* A child that ends so has left no file. */
static verdict ends(trial *it, const char *name, int signo)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return say(it, BREAKS, "fork: %s", strerror(errno));
    if (child == 0) {
        if (signo != 0) udsock_cleanup_on_signal(signo);
        if (udsock_open_server(UDSOCK_STREAM, path_of(it, name), NULL, NULL) < 0) _exit(1);
        if (signo != 0) raise(signo);
        exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    bool ended = signo != 0 ? WIFSIGNALED(status) && WTERMSIG(status) == signo
                            : WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool stays = is_there(path_of(it, name));
    if (stays) unlink(path_of(it, name));
    if (!ended) return say(it, BREAKS, "the process ended with status %d", status);
    return stays ? say(it, BREAKS, "it is there still") : HOLDS;
}

static verdict gone_at_exit(trial *it)
{
    return ends(it, "exit", 0);
}

static verdict gone_on_signal(trial *it)
{
    return ends(it, "signal", SIGTERM);
}

/* ---- who is there */

static verdict credentials(trial *it)
{
    connection c;
    udsock_credentials who = { 0 };
    verdict verdict = connect_at(it, UDSOCK_STREAM, path_of(it, "who"), &c);
    if (verdict == HOLDS) {
        int64_t result = udsock_peer_credentials(c.peer, &who);
        if (result < 0) verdict = code(it, "peer_credentials", result);
        else if (who.uid != geteuid() || who.pid != getpid()) {
            verdict = say(it, BREAKS, "pid %d, uid %u", who.pid, who.uid);
        }
    }
    end(&c);
    return verdict;
}

static verdict groups(trial *it)
{
    connection c;
    uint32_t some[256];
    verdict verdict = connect_at(it, UDSOCK_STREAM, path_of(it, "groups"), &c);
    if (verdict == HOLDS) {
        int64_t result = udsock_peer_groups(c.peer, some, 256);
        if (result == -ENOPROTOOPT) {
            verdict = say(it, LACKS, "SO_PEERGROUPS; rules go by the primary group alone");
        } else if (result < 0 && result != -ERANGE) {
            verdict = code(it, "peer_groups", result);
        }
    }
    end(&c);
    return verdict;
}

static verdict pidfd(trial *it)
{
    connection c;
    verdict verdict = connect_at(it, UDSOCK_STREAM, path_of(it, "pidfd"), &c);
    if (verdict == HOLDS) {
        int64_t result = udsock_peer_pidfd(c.peer);
        if (result >= 0) close((int)result);
        else if (result == -ENOPROTOOPT) verdict = say(it, LACKS, "SO_PEERPIDFD (Linux 6.5)");
        else verdict = code(it, "peer_pidfd", result);
    }
    end(&c);
    return verdict;
}

/* One message, with a descriptor; with what came beside it. */
static int64_t pass(uint32_t option, udsock_message *came)
{
    static char byte;
    static int32_t descriptors[1];
    udsock_t pair[2];
    int32_t out[] = { STDIN_FILENO };
    udsock_message message = { .size = sizeof message, .data = "x", .data_size = 1 };
    if (option == UDSOCK_OPTION_RECEIVE_FDS) {
        message.descriptors = out;
        message.descriptors_count = 1;
    }
    *came = (udsock_message){ .size = sizeof *came, .data = &byte, .data_capacity = 1 };
    came->descriptors = descriptors;
    came->descriptors_capacity = 1;
    int64_t result = udsock_open_pair(UDSOCK_STREAM, pair);
    if (result < 0) return result;
    result = udsock_set_option(pair[1], option, 1);
    if (result == 0) result = udsock_send_message(pair[0], &message, SOON);
    if (result > 0) result = udsock_recv_message(pair[1], came, SOON);
    udsock_close(pair[0]);
    udsock_close(pair[1]);
    return result;
}

static verdict descriptors(trial *it)
{
    udsock_message came;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* (Standard input may be closed.) */
    int copy = fcntl(STDIN_FILENO, F_GETFD) < 0 ? dup2(null, STDIN_FILENO) : -1;
    int64_t result = pass(UDSOCK_OPTION_RECEIVE_FDS, &came);
    if (copy >= 0) close(copy);
    if (null >= 0) close(null);
    if (result < 0) return code(it, "a message", result);
    if (came.descriptors_count != 1) return say(it, BREAKS, "none came");
    close(came.descriptors[0]);
    return HOLDS;
}

static verdict message_credentials(trial *it)
{
    udsock_message came;
    int64_t result = pass(UDSOCK_OPTION_RECEIVE_CREDENTIALS, &came);
    if (result < 0) return code(it, "a message", result);
    bool is_us = came.credentials.pid == getpid() && came.credentials.uid == geteuid();
    return is_us ? HOLDS : say(it, BREAKS, "pid %d", came.credentials.pid);
}

static verdict message_pidfd(trial *it)
{
    udsock_message came;
    int64_t result = pass(UDSOCK_OPTION_RECEIVE_PIDFD, &came);
    if (result == -ENOPROTOOPT) return say(it, LACKS, "SO_PASSPIDFD (Linux 6.5)");
    if (result < 0) return code(it, "a message", result);
    if (came.pidfd < 0) return say(it, BREAKS, "none came");
    close(came.pidfd);
    return HOLDS;
}

/* ---- the rest */

static verdict inspection(trial *it)
{
    udsock_inspection found = { .size = sizeof found };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(UDSOCK_SEQPACKET, path_of(it, "seen"), NULL, &err);
    if (server < 0) return told(it, &err);
    int64_t result = udsock_inspect(path_of(it, "seen"), &found, &err);
    udsock_close(server);
    if (result < 0) return told(it, &err);
    if (found.state != UDSOCK_LIVE) return say(it, BREAKS, "state %u", found.state);
    if (found.kind == 0) {
        return say(it, LACKS, "the kernel's list of sockets (unix_diag): kind and process are not told");
    }
    if (found.pid == 0) return say(it, LACKS, "/proc: the process is not told");
    return found.kind == UDSOCK_SEQPACKET ? HOLDS : say(it, BREAKS, "kind %u", found.kind);
}

static void *wait_for_ever(void *socket)
{
    char byte;
    return (void *)(intptr_t)udsock_recv(*(udsock_t *)socket, &byte, 1, UDSOCK_FOREVER);
}

static verdict close_wakes(trial *it)
{
    udsock_t pair[2];
    pthread_t thread;
    void *result = NULL;
    if (udsock_open_pair(UDSOCK_STREAM, pair) < 0) return say(it, BREAKS, "no pair");
    if (pthread_create(&thread, NULL, wait_for_ever, &pair[0]) != 0) {
        udsock_close(pair[0]);
        udsock_close(pair[1]);
        return say(it, LACKS, "no thread can be made");
    }
    usleep(20 * 1000);
    udsock_close(pair[0]);
    pthread_join(thread, &result);
    udsock_close(pair[1]);
    int64_t woken = (intptr_t)result;
    return woken == UDSOCK_CLOSED || woken == -EBADF ? HOLDS : code(it, "the wait", woken);
}

static verdict times_out(trial *it)
{
    udsock_t pair[2];
    char byte;
    if (udsock_open_pair(UDSOCK_STREAM, pair) < 0) return say(it, BREAKS, "no pair");
    int64_t result = udsock_recv(pair[0], &byte, 1, 5);
    udsock_close(pair[0]);
    udsock_close(pair[1]);
    return result == -ETIMEDOUT ? HOLDS : code(it, "a wait of 5 ms", result);
}

const promise PROMISES[] = {
    { "stream sockets at a path", stream },
    { "seqpacket sockets at a path", seqpacket },
    { "datagrams, and answers to them", datagrams },
    { "abstract names", abstract },
    { "a path of more than 107 bytes", long_path },
    { "an empty message is not the end", empty_message },
    { "the file's mode is exactly what was asked for", exact_mode },
    { "the file's owner is who was asked for", owner },
    { "a dead server's file is reclaimed", reclaimed },
    { "a live server stays", live_stays },
    { "a path is taken over", takeover },
    { "the file goes at normal exit", gone_at_exit },
    { "the file goes when a signal ends the process", gone_on_signal },
    { "who the peer is", credentials },
    { "the peer's groups", groups },
    { "a descriptor of the peer's process", pidfd },
    { "descriptors go with messages", descriptors },
    { "who has sent a message", message_credentials },
    { "a descriptor of a message's sender", message_pidfd },
    { "what is at an address, its kind and process", inspection },
    { "closing wakes who waits", close_wakes },
    { "waits end in time", times_out },
};

const size_t PROMISES_COUNT = sizeof PROMISES / sizeof PROMISES[0];
