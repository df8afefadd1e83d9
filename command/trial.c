/* What every trial of a promise needs: words for what went wrong, and two ends that talk. */

#define _GNU_SOURCE
#include "trial.h"

#include <stdarg.h>
#include <sys/stat.h>

verdict say(trial *it, verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(it->why, sizeof it->why, format, arguments);
    va_end(arguments);
    return verdict;
}

verdict code(trial *it, const char *call, int64_t result)
{
    return say(it, BREAKS, "%s: %s", call, udsock_error_name(result));
}

verdict told(trial *it, const udsock_error *err)
{
    return say(it, BREAKS, "%s", err->message);
}

const char *path_of(const trial *it, const char *name)
{
    static char path[PATH];
    snprintf(path, sizeof path, "%s/%s", it->directory, name);
    return path;
}

bool is_there(const char *path)
{
    struct stat file;
    return lstat(path, &file) == 0;
}

void end(connection *c)
{
    if (c->peer > 0) udsock_close(c->peer);
    if (c->client > 0) udsock_close(c->client);
    if (c->server > 0) udsock_close(c->server);
}

verdict connect_at(trial *it, uint32_t kind, const char *address, connection *c)
{
    char there[UDSOCK_ADDRESS_SIZE];
    udsock_error err = UDSOCK_ERROR_INIT;
    *c = (connection){ 0 };
    c->server = udsock_open_server(kind, address, NULL, &err);
    if (c->server < 0) return told(it, &err);
    int64_t length = udsock_local_address(c->server, there, sizeof there);
    c->client = length < 0 ? length : udsock_open_client(kind, there, NULL, &err);
    if (c->client < 0) return told(it, &err);
    c->peer = udsock_accept(c->server, SOON, NULL);
    return c->peer < 0 ? code(it, "accept", c->peer) : HOLDS;
}

verdict talks(trial *it, uint32_t kind, const char *address)
{
    connection c;
    char byte = 0;
    verdict verdict = connect_at(it, kind, address, &c);
    if (verdict == HOLDS) {
        int64_t sent = udsock_send(c.client, "x", 1, SOON);
        int64_t came = sent < 0 ? sent : udsock_recv(c.peer, &byte, 1, SOON);
        if (came != 1 || byte != 'x') verdict = code(it, "a byte", came);
    }
    end(&c);
    if (verdict == HOLDS && address[0] != '@' && is_there(address)) {
        return say(it, BREAKS, "the file stays");
    }
    return verdict;
}
