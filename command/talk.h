/* What connect and serve share: their options, and how they show what comes. */

#ifndef TALK_H
#define TALK_H

#include "command.h"

enum { MOST_BYTES = 1 << 16, MOST_DESCRIPTORS = 8, FAILED_INPUT = -2, NOT_YET = -3 };

typedef struct options {
    uint32_t kind;
    bool is_kind_given;
    /* Messages are lines, and lines messages; else they are the bytes of a read. */
    bool raw;
    bool echoes, replaces, retries, shows_credentials;
    int32_t timeout_ms;
    uint32_t mode;
    const char *local, *file, *address;
} options;

/* Of `command`, with the letters that it knows. -1: they are right; else how the command ends. */
int read_options(const char *command, const char *letters, int argc, char **argv, options *to);

/* A message that has come, or bytes. The caller closes nothing: descriptors are shown and closed. */
typedef struct received {
    char data[MOST_BYTES], address[UDSOCK_ADDRESS_SIZE];
    /* How many bytes are at data: of a message that was cut, fewer than it had. */
    size_t size;
    uint32_t flags;
    int32_t descriptors[MOST_DESCRIPTORS];
    size_t descriptors_count;
    udsock_credentials credentials;
} received;

/* Receives as udsock_recv_message does. */
int64_t receive(udsock_t s, int32_t timeout_ms, received *to);

/* What came: data to standard output, and the rest to standard error. */
void show(const options *options, const received *it);

/* The next line, or with raw the next bytes, of standard input: how many. -1: the end. FAILED_INPUT:
 * a line is too long, or can't be read, which has been said. NOT_YET, if it is not to wait: the line
 * has no end yet; its beginning is in the buffer, which the next call needs. A line has no newline at
 * its end, but on a stream. */
int64_t next_input(const options *options, char *buffer, size_t size, bool waits);

/* Has the socket's file removed also when a signal ends the program. */
void leave_no_file(void);

#endif
