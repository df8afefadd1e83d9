#define _GNU_SOURCE
#include "talk.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct option LONG[] = {
    { "kind", required_argument, NULL, 'k' },    { "raw", no_argument, NULL, 'r' },
    { "echo", no_argument, NULL, 'e' },          { "replace", no_argument, NULL, 'R' },
    { "retry", no_argument, NULL, 'y' },         { "credentials", no_argument, NULL, 'c' },
    { "timeout", required_argument, NULL, 't' }, { "mode", required_argument, NULL, 'm' },
    { "local", required_argument, NULL, 'l' },   { "send-fd", required_argument, NULL, 'd' },
    { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

static void help(const char *command)
{
    bool serves = strcmp(command, "serve") == 0;
    printf("usage: udsock %s [OPTIONS] ADDRESS\n\n", command);
    if (serves) {
        printf("Is a server for many clients. What they send goes to standard output. Standard error shows\n"
               "which clients come and go, descriptors and credentials. A line of standard input is sent to\n"
               "the client that last sent something or connected; with dgram, to the sender of the last\n"
               "message.\n\n");
    } else {
        printf("Sends what comes on standard input, and shows what the other end sends, until both have\n"
               "ended. Received descriptors are shown on standard error, and closed.\n\n");
    }
    printf("With seqpacket and dgram each line is sent as a message, an empty line as an empty message,\n"
           "and each message is shown as a line. The bytes of a stream are passed unchanged. A line has at\n"
           "most %d bytes.\n\n",
           MOST_BYTES);
    printf("  -k, --kind KIND     stream, seqpacket or dgram (%s)\n",
           serves ? "default: stream" : "default: that of the server");
    printf("  -r, --raw           passes messages unchanged, without lines and escapes\n"
           "  -c, --credentials   shows who sent each message\n");
    if (serves) {
        printf("  -e, --echo          sends everything back\n"
               "  -m, --mode MODE     the mode of the socket's file, in octal\n"
               "  -R, --replace       takes the path over from a live server\n");
    } else {
        printf("  -d, --send-fd FILE  opens the file, and sends its descriptor with the first message\n"
               "  -l, --local ADDRESS binds the client first, so that it can be answered (default for dgram: \"@\")\n"
               "  -t, --timeout MS    how long to try to connect; with dgram, to wait for answers at the end\n"
               "                      (default: 1000; 0: does not wait)\n"
               "  -y, --retry         waits so long for a server that is not there yet\n");
    }
    printf("\nExit status: 0; %s2: wrong arguments; 3: an error.\n",
           serves ? "" : "1: there is no server; ");
}

static int read_option(const char *command, int letter, options *to)
{
    char *end;
    switch (letter) {
    case 'k':
        to->kind = kind_named(optarg);
        to->is_kind_given = true;
        return to->kind != 0 ? -1 : misused(command, "a kind is stream, seqpacket or dgram");
    case 'm':
        to->mode = (uint32_t)strtoul(optarg, &end, 8);
        return *end == 0 && end != optarg && to->mode != 0 && to->mode <= 0777
                   ? -1
                   : misused(command, "a mode is 1 to 777, in octal");
    case 't':
        to->timeout_ms = milliseconds_of(optarg);
        return to->timeout_ms >= 0 ? -1 : misused(command, "a timeout is in milliseconds");
    case 'r': to->raw = true; break;
    case 'e': to->echoes = true; break;
    case 'R': to->replaces = true; break;
    case 'y': to->retries = true; break;
    case 'c': to->shows_credentials = true; break;
    case 'l': to->local = optarg; break;
    case 'd': to->file = optarg; break;
    case 'h': help(command); return YES;
    default: return misused(command, "an option is wrong, or lacks its value");
    }
    return -1;
}

int read_options(const char *command, const char *letters, int argc, char **argv, options *to)
{
    int letter;
    *to = (options){ .kind = UDSOCK_STREAM, .timeout_ms = 1000 };
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "k:m:t:reRycl:d:h", LONG, NULL)) >= 0) {
        if (letter != '?' && strchr(letters, letter) == NULL) letter = '?';
        int result = read_option(command, letter, to);
        if (result >= 0) return result;
    }
    if (optind != argc - 1) return misused(command, "it takes one address");
    to->address = argv[optind];
    return -1;
}

int64_t receive(udsock_t s, int32_t timeout_ms, received *to)
{
    udsock_message message = {
        .size = sizeof message,
        .data = to->data,
        .data_capacity = sizeof to->data,
        .descriptors = to->descriptors,
        .descriptors_capacity = MOST_DESCRIPTORS,
        .address = to->address,
        .address_capacity = sizeof to->address,
    };
    to->address[0] = 0;
    int64_t result = udsock_recv_message(s, &message, timeout_ms);
    if (result < 0) return result;
    to->size = (size_t)result;
    to->flags = message.flags;
    to->descriptors_count = message.descriptors_count;
    to->credentials = message.credentials;
    return result;
}

static void show_descriptor(int fd)
{
    char path[64], target[4096];
    struct stat file;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    fprintf(stderr, "* a descriptor: ");
    if (length >= 0) print_shown(stderr, target, (size_t)length);
    else fprintf(stderr, "of an unknown file");
    if (fstat(fd, &file) == 0) fprintf(stderr, ", mode %06o", (unsigned)file.st_mode);
    fputc('\n', stderr);
    close(fd);
}

void show(const options *options, const received *it)
{
    if (options->shows_credentials) {
        fprintf(stderr, "* from ");
        print_credentials(stderr, &it->credentials);
        fputc('\n', stderr);
    }
    for (size_t i = 0; i < it->descriptors_count; i++) show_descriptor(it->descriptors[i]);
    if (it->flags & UDSOCK_FDS_LOST) fprintf(stderr, "* descriptors came that could not be taken\n");
    if (it->flags & UDSOCK_TRUNCATED) fprintf(stderr, "* the rest of this message is cut:\n");
    if (options->kind == UDSOCK_STREAM || options->raw) {
        fwrite(it->data, 1, it->size, stdout);
    } else {
        print_shown(stdout, it->data, it->size);
        putchar('\n');
    }
    if (fflush(stdout) != 0) {
        if (errno != EPIPE) perror("udsock: standard output");
        udsock_cleanup();
        exit(FAILED);
    }
}

/* Whether a read of standard input would return now. */
static bool is_input_ready(int timeout_ms)
{
    struct pollfd input = { STDIN_FILENO, POLLIN, 0 };
    return poll(&input, 1, timeout_ms) > 0;
}

int64_t next_input(const options *options, char *buffer, size_t size, bool waits)
{
    bool by_lines = options->kind != UDSOCK_STREAM && !options->raw;
    /* How much of a line is in the buffer. */
    static size_t length;
    for (;;) {
        if (!waits && !is_input_ready(0)) return NOT_YET;
        /* Not through stdio: poll would not know of what stdio has read already. */
        char byte;
        ssize_t came = read(STDIN_FILENO, by_lines ? &byte : buffer, by_lines ? 1 : size);
        if (came < 0 && errno == EINTR) continue;
        /* Whoever shares it has made it non-blocking. */
        if (came < 0 && errno == EAGAIN) {
            if (waits) is_input_ready(-1);
            continue;
        }
        if (came < 0) {
            perror("udsock: standard input");
            return FAILED_INPUT;
        }
        size_t line = length;
        if (came == 0) {
            length = 0;
            return line > 0 ? (int64_t)line : -1;
        }
        if (!by_lines) return came;
        if (byte == '\n') {
            length = 0;
            return (int64_t)line;
        }
        if (length == size) {
            fprintf(stderr, "udsock: standard input: a line has more than %zu bytes\n", size);
            return FAILED_INPUT;
        }
        buffer[length++] = byte;
    }
}

void leave_no_file(void)
{
    static const int ENDS[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) udsock_cleanup_on_signal(ENDS[i]);
}
