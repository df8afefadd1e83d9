/* Words: names of kinds, of users and of processes, and text that comes from strangers. */

#include "command.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

int complain(const char *call, const char *message)
{
    fprintf(stderr, "udsock %s: %s\n", call, message);
    return FAILED;
}

int misused(const char *command, const char *what)
{
    fprintf(stderr, "udsock %s: %s; udsock %s --help tells more\n", command, what, command);
    return USAGE;
}

uint32_t kind_named(const char *name)
{
    if (strcmp(name, "stream") == 0) return UDSOCK_STREAM;
    if (strcmp(name, "dgram") == 0 || strcmp(name, "datagram") == 0) return UDSOCK_DGRAM;
    if (strcmp(name, "seqpacket") == 0) return UDSOCK_SEQPACKET;
    return 0;
}

const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case UDSOCK_STREAM: return "stream";
    case UDSOCK_DGRAM: return "dgram";
    case UDSOCK_SEQPACKET: return "seqpacket";
    default: return "?";
    }
}

int32_t milliseconds_of(const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || number < 0 || number > INT32_MAX) return -2;
    return (int32_t)number;
}

void print_shown(FILE *out, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++) {
        if (byte[i] == '\\') fputs("\\\\", out);
        else if (byte[i] >= ' ' && byte[i] != 127) fputc(byte[i], out);
        else fprintf(out, "\\x%02x", byte[i]);
    }
}

/* (Escapes of an abstract name stay what they are: it is to be typed again.) */
void print_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= ' ' && byte != 127) fputc(byte, out);
        else fprintf(out, "\\x%02x", byte);
    }
}

void print_process(FILE *out, int32_t pid)
{
    char path[64], name[64];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fgets(name, sizeof name, file) != NULL) {
        name[strcspn(name, "\n")] = 0;
        fputs(" (", out);
        print_text(out, name);
        fputc(')', out);
    }
    fclose(file);
}

void print_user(FILE *out, uint32_t uid)
{
    if (uid == UINT32_MAX) {
        fputs("uid unknown", out);
        return;
    }
    const struct passwd *user = getpwuid(uid);
    fprintf(out, "uid %u", uid);
    if (user != NULL) fprintf(out, " (%s)", user->pw_name);
}

void print_group(FILE *out, uint32_t gid)
{
    if (gid == UINT32_MAX) {
        fputs("gid unknown", out);
        return;
    }
    const struct group *group = getgrgid(gid);
    fprintf(out, "gid %u", gid);
    if (group != NULL) fprintf(out, " (%s)", group->gr_name);
}

void print_credentials(FILE *out, const udsock_credentials *who)
{
    if (who->pid > 0) {
        fprintf(out, "pid %d", who->pid);
        print_process(out, who->pid);
    } else {
        fputs("pid unknown", out);
    }
    fputs(", ", out);
    print_user(out, who->uid);
    fputs(", ", out);
    print_group(out, who->gid);
}
