/*
 * A scenario for faults.rs: one call of the library between two marks that strace's log
 * shows, so that every system call of it can be made to fail, and none before or after.
 *
 *     faults list NOUN
 *     faults SCENARIO PATH [DESCRIPTOR]
 *
 * prints what came of it, a line a fact. The process ends by _exit: what is removed at a
 * normal exit would hide what the call left behind.
 *
 * DESCRIPTOR: strace makes close(2) fail by not calling it, where Linux closes whatever
 * it returns. The program then closes this descriptor in the kernel's place.
 */

#define _GNU_SOURCE
#include <dirent.h>

#include "faults/accept.h"
#include "faults/connect.h"
#include "faults/data.h"
#include "faults/descriptor.h"
#include "faults/inspect.h"
#include "faults/member.h"
#include "faults/message.h"
#include "faults/open.h"
#include "faults/poller.h"
#include "faults/property.h"
#include "faults/threads.h"

enum { SECONDS_BEFORE_IT_HANGS = 120 };

#define SCENARIOS_OF(noun, scenarios) { noun, scenarios, sizeof scenarios / sizeof *scenarios }

static const struct {
    const char *noun;
    const struct scenario *scenarios;
    size_t count;
} NOUNS[] = {
    SCENARIOS_OF("open", OPENINGS),
    SCENARIOS_OF("accept", ACCEPTS),
    SCENARIOS_OF("accept-as-root", ROOT_ACCEPTS),
    SCENARIOS_OF("connect", CONNECTS),
    SCENARIOS_OF("data", DATA),
    SCENARIOS_OF("message", MESSAGES),
    SCENARIOS_OF("property", PROPERTIES),
    SCENARIOS_OF("descriptor", DESCRIPTORS),
    SCENARIOS_OF("inspect", INSPECTIONS),
    SCENARIOS_OF("threads", THREADS),
    SCENARIOS_OF("member", MEMBERS),
    SCENARIOS_OF("poller", VISITS),
};
enum { NOUN_COUNT = sizeof NOUNS / sizeof *NOUNS };

static int list(const char *noun) {
    for (size_t i = 0; i < NOUN_COUNT; i++) {
        if (strcmp(noun, NOUNS[i].noun) != 0) continue;
        for (size_t j = 0; j < NOUNS[i].count; j++) puts(NOUNS[i].scenarios[j].name);
        return 0;
    }
    fprintf(stderr, "%s: no such noun\n", noun);
    return 2;
}

static const struct scenario *named(const char *name) {
    for (size_t i = 0; i < NOUN_COUNT; i++) {
        for (size_t j = 0; j < NOUNS[i].count; j++) {
            if (strcmp(name, NOUNS[i].scenarios[j].name) == 0) return &NOUNS[i].scenarios[j];
        }
    }
    fprintf(stderr, "%s: no such scenario\n", name);
    exit(2);
}

static int count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    must(directory != NULL, "/proc/self/fd");
    int count = 0;
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

/* A thread that waits has a descriptor, which is kept for the next thread. */
static void wait_once(void) {
    char byte;
    udsock_t pair[2];
    must(udsock_open_pair(UDSOCK_STREAM, pair) == 0, "a pair");
    /* Whatever it says: a fault whose call was not made in time may come now. */
    udsock_recv(pair[0], &byte, 1, 1);
    close_handle(pair[0]);
    close_handle(pair[1]);
}

static void mark(const char *name) { must(access(name, F_OK) != 0, name); }

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "list") == 0) return list(argv[2]);
    if (argc != 3 && argc != 4) return 2;
    const struct scenario *scenario = named(argv[1]);
    it.path = it.address = argv[2];
    const int unclosed = argc > 3 ? atoi(argv[3]) : -1;
    alarm(SECONDS_BEFORE_IT_HANGS);
    umask(022);

    limit_ms = scenario->expected == -ETIMEDOUT ? SHORT_MS : PATIENCE_MS;
    const int before = count_descriptors();
    if (scenario->prepare != NULL) scenario->prepare();
    udsock_error err = UDSOCK_ERROR_INIT;
    is_calling = 1;
    mark("/udsock-begin");
    const int64_t result = scenario->call(&err);
    mark("/udsock-end");
    if (unclosed >= 0) must(close(unclosed) == 0, "the descriptor that strace left open");

    const int threads = 1 + helper.is_there;
    if (!helper.waits) end_helper();
    printf("result %lld\nexpected %d\n", (long long)result, scenario->expected);
    if (scenario->tells != NULL) printf("tells %s\n", scenario->tells);
    if (it.address != NULL) printf("address %s\n", it.address);
    if (err.code != 0) printf("code %d\nmessage %s\n", err.code, err.message);
    for (size_t i = 0; i < MOST_INSTEAD; i++) {
        if (scenario->instead[i] == 0) break;
        printf("instead %s\n", udsock_error_name(scenario->instead[i]));
    }
    if (scenario->check != NULL) scenario->check(result);
    close_all();
    if (pinned >= 0) close(pinned);
    wait_once();
    const int more = count_descriptors() - before;
    if (more < 1 || more > threads) wrong("%d descriptors more than before", more);
    fflush(stdout);
    _exit(0);
}
