/* udsock selftest: what this kernel, C library and file system can and cannot do of what the library
 * promises, a line each: so a bug report begins. */

#define _GNU_SOURCE
#include "selftest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MOST_LACKS = 16 };
static char lacks[MOST_LACKS][256];
static size_t lacks_count;

/* The library tells by itself what the system lacks, and what takes its place. */
static void note(void *unused, const udsock_log_record *record)
{
    (void)unused;
    if (record->event != UDSOCK_LOGGED_MISSING || lacks_count == MOST_LACKS) return;
    snprintf(lacks[lacks_count++], sizeof *lacks, "%s", record->text);
}

static void print_file_system(const char *directory)
{
    char line[8192], best[256] = "?";
    size_t longest = 0;
    char *path = realpath(directory, NULL);
    FILE *mounts = fopen("/proc/self/mounts", "re");
    while (path != NULL && mounts != NULL && fgets(line, sizeof line, mounts) != NULL) {
        char point[4096], type[256];
        if (sscanf(line, "%*s %4095s %255s", point, type) != 2) continue;
        size_t length = strlen(point);
        bool is_above = strncmp(path, point, length) == 0
                        && (length == 1 || path[length] == 0 || path[length] == '/');
        if (is_above && length >= longest) {
            longest = length;
            memcpy(best, type, sizeof best);
        }
    }
    if (mounts != NULL) fclose(mounts);
    printf("directory   ");
    print_text(stdout, path != NULL ? path : directory);
    printf(" (%s)\n", best);
    free(path);
}

static void print_system(const char *directory)
{
    struct utsname system;
    char libc[128] = "not known (not glibc)";
#ifdef _CS_GNU_LIBC_VERSION
    if (confstr(_CS_GNU_LIBC_VERSION, libc, sizeof libc) == 0) strcpy(libc, "not known");
#endif
    printf("library     udsock %s\n", udsock_version_string());
    if (uname(&system) == 0) {
        printf("kernel      %s %s %s\n", system.sysname, system.release, system.machine);
    }
    printf("C library   %s\n", libc);
    printf("processors  %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    printf("user        ");
    print_user(stdout, geteuid());
    printf("\n");
    print_file_system(directory);
}

static int help(void)
{
    printf("usage: udsock selftest [DIRECTORY]\n\n"
           "Tries what the library promises, on this kernel, with this C library, and with files in a\n"
           "directory of its own below DIRECTORY (default: TMPDIR, else /tmp). A line each:\n\n"
           "  ok      it holds here\n"
           "  lacks   this system lacks what it takes; the line says what is done instead\n"
           "  BROKEN  it should hold, and does not: please report it, with all lines\n\n"
           "Exit status: 0; 1: something is broken; 2: wrong arguments; 3: DIRECTORY can't be used.\n");
    return YES;
}

static int try_all(const char *directory)
{
    static const char *const WORDS[] = { "ok    ", "lacks ", "BROKEN" };
    size_t counts[3] = { 0 };
    for (size_t i = 0; i < PROMISES_COUNT; i++) {
        trial it = { .directory = directory };
        verdict verdict = PROMISES[i].holds(&it);
        counts[verdict] += 1;
        printf("%s  %s", WORDS[verdict], PROMISES[i].what);
        if (verdict != HOLDS && it.why[0] != 0) {
            printf(": ");
            print_text(stdout, it.why);
        }
        printf("\n");
        fflush(stdout);
    }
    for (size_t i = 0; i < lacks_count; i++) printf("lacks   %s\n", lacks[i]);
    printf("%zu hold, %zu lack something, %zu are broken\n", counts[HOLDS],
           counts[LACKS] + lacks_count, counts[BREAKS]);
    return counts[BREAKS] > 0 ? NO : YES;
}

int selftest_command(int argc, char **argv)
{
    char directory[3000];
    const char *below = argc > 1 ? argv[1] : getenv("TMPDIR");
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return help();
    if (argc > 2) return misused("selftest", "it takes one directory");
    if (below == NULL || below[0] == 0) below = "/tmp";
    if (strlen(below) > 2000) return misused("selftest", "this directory's path is too long");
    snprintf(directory, sizeof directory, "%s/udsock-selftest-XXXXXX", below);
    if (mkdtemp(directory) == NULL) {
        fprintf(stderr, "udsock selftest: %s: %s\n", below, strerror(errno));
        return FAILED;
    }
    udsock_set_log(note, NULL, UDSOCK_LOG_DEBUG);
    print_system(below);
    int result = try_all(directory);
    udsock_set_log(NULL, NULL, 0);
    if (rmdir(directory) != 0) {
        printf("BROKEN  nothing is left behind: %s: %s\n", directory, strerror(errno));
        return NO;
    }
    return result;
}
