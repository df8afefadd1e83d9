/* What the parts of the command share. */

#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <udsock.h>

/* How it ends: NO is an answer (nobody is there), FAILED an error, USAGE a mistake of the caller's. */
enum { YES = 0, NO = 1, USAGE = 2, FAILED = 3 };

/* Each gets the arguments behind its name, the name the first. */
int inspect_command(int argc, char **argv);
int list_command(int argc, char **argv);
int connect_command(int argc, char **argv);
int serve_command(int argc, char **argv);
int selftest_command(int argc, char **argv);

/* "udsock CALL: MESSAGE" to standard error; returns the second, for how the command ends. */
int complain(const char *call, const char *message);
int misused(const char *command, const char *what);

/* A kind by its name; 0: there is none of that name. And its name. */
uint32_t kind_named(const char *name);
const char *kind_name(uint32_t kind);

/* Milliseconds; -2: it is no such number. */
int32_t milliseconds_of(const char *text);

/* How many bytes the character takes that stands first, in UTF-8; 0: there is none that may be shown,
 * but something that a terminal would obey, or take amiss. */
size_t printable(const void *bytes, size_t size);

/* Text of a stranger's, in which such bytes are escaped. */
void print_shown(FILE *out, const void *bytes, size_t size);
void print_text(FILE *out, const char *text);

/* " (NAME)" of a process, if /proc tells. */
void print_process(FILE *out, int32_t pid);
/* "uid 1000 (NAME)", or that it is not known. */
void print_user(FILE *out, uint32_t uid);
void print_group(FILE *out, uint32_t gid);
void print_credentials(FILE *out, const udsock_credentials *who);

#endif
