/* A trial: what holds of one promise, on this system and in this directory. */

#ifndef TRIAL_H
#define TRIAL_H

#include "command.h"

enum { SOON = 5000, PATH = 4096 };

typedef enum verdict { HOLDS, LACKS, BREAKS } verdict;

/* The directory in which it tries, and what it has found, in words. */
typedef struct trial {
    const char *directory;
    char why[400];
} trial;

/* Sets why, and returns the verdict. */
__attribute__((format(printf, 3, 4)))
verdict say(trial *it, verdict verdict, const char *format, ...);

/* It breaks: a call returned this, or reported this error. */
verdict code(trial *it, const char *call, int64_t result);
verdict told(trial *it, const udsock_error *err);

/* The path of a file in the directory. The next call overwrites it. */
const char *path_of(const trial *it, const char *name);

bool is_there(const char *path);

/* A server, a client of it, and the server's end of the connection. */
typedef struct connection {
    udsock_t server, client, peer;
} connection;

verdict connect_at(trial *it, uint32_t kind, const char *address, connection *c);
void end(connection *c);

/* Whether a byte goes from a client to a server at the address, and its file goes in the end. */
verdict talks(trial *it, uint32_t kind, const char *address);

#endif
