/* Words: the names of kinds, users and processes, and text that comes from strangers. */

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
    fprintf(stderr, "udsock %s: %s; see udsock %s --help\n", command, what, command);
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

size_t printable(const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    if (size == 0 || byte[0] < ' ' || byte[0] == 127) return 0;
    if (byte[0] < 0x80) return 1;
    size_t length = byte[0] < 0xc2 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : byte[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > size) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xc0) != 0x80) return 0;
    }
    /* C1 controls, overlong forms, surrogates, and what is beyond Unicode. */
    if (byte[0] == 0xc2 && byte[1] < 0xa0) return 0;
    if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xf0 && byte[1] < 0x90)) return 0;
    if ((byte[0] == 0xed && byte[1] >= 0xa0) || (byte[0] == 0xf4 && byte[1] >= 0x90)) return 0;
    return length;
}

static void print_printable(FILE *out, const char *text, size_t size, bool doubles_backslash)
{
    for (size_t i = 0, length; i < size; i += length) {
        length = printable(text + i, size - i);
        if (length == 0) fprintf(out, "\\x%02x", (unsigned char)text[i]);
        else if (text[i] == '\\' && doubles_backslash) fputs("\\\\", out);
        else fwrite(text + i, 1, length, out);
        if (length == 0) length = 1;
    }
}

void print_shown(FILE *out, const void *bytes, size_t size)
{
    print_printable(out, bytes, size, true);
}

/* (The escapes of an abstract name stay as they are, so that it can be typed again.) */
void print_text(FILE *out, const char *text)
{
    print_printable(out, text, strlen(text), false);
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
