/* udsock: inspects Unix domain sockets, and sends and receives through them. */

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments, *summary;
} COMMANDS[] = {
    { "inspect", inspect_command, "ADDRESS...", "what is at an address; a server there does not notice" },
    { "list", list_command, "[--listening]", "every Unix socket, with its process and its peer" },
    { "connect", connect_command, "[OPTIONS] ADDRESS", "a client: sends what it reads, shows what comes" },
    { "serve", serve_command, "[OPTIONS] ADDRESS", "the same as a server for many clients" },
    { "selftest", selftest_command, "[DIRECTORY]", "tries on this system what the library promises" },
};

enum { COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

static int help(void)
{
    printf("usage: udsock COMMAND [ARGUMENTS]\n\n");
    for (int i = 0; i < COUNT; i++) {
        printf("  udsock %-8s %-18s  %s\n", COMMANDS[i].name, COMMANDS[i].arguments,
               COMMANDS[i].summary);
    }
    printf("\n"
           "An ADDRESS is a path, \"@name\" for an abstract name (escapes: \\0, \\\\, \\xNN and,\n"
           "at its end, \\z), or \"@\" for a name that the kernel picks. See also `udsock COMMAND --help`.\n"
           "UDSOCK_LOG=debug in the environment shows what the library does by itself.\n\n"
           "Exit status: 0; 1: the answer is no; 2: wrong arguments; 3: an error.\n");
    return YES;
}

/* A socket that is opened later must not be taken for a standard stream that is closed: what is said
 * would be sent to the peer. To use such a stream is EBADF still: it is open the wrong way round. */
static bool keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!keep_standard_streams()) return FAILED;
    const char *name = argc > 1 ? argv[1] : "";
    int result = -1;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) result = help();
    if (strcmp(name, "--version") == 0) {
        printf("udsock %s\n", udsock_version_string());
        result = YES;
    }
    for (int i = 0; result < 0 && i < COUNT; i++) {
        if (strcmp(name, COMMANDS[i].name) == 0) result = COMMANDS[i].run(argc - 1, argv + 1);
    }
    if (result < 0) {
        fprintf(stderr, "udsock: %s%s; see udsock --help\n",
                argc > 1 ? "no command " : "a command is missing", name);
        return USAGE;
    }
    /* An answer that could not be written is no answer. */
    if (fflush(stdout) != 0 && errno != EPIPE) {
        perror("udsock: standard output");
        return FAILED;
    }
    return result;
}
