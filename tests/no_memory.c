/*
 * Every call of the library without memory, for no_memory.rs: in each scenario the first
 * allocation fails, then the second, and so on; alone, or with all others of the call. Each
 * such cell is a process of its own, so that it begins cold and may end in any way. A call that
 * had no memory says so, or does without; it has changed nothing then, and is made again.
 * After the scenario comes the same without faults. At the end of both what is outstanding
 * is what it is without any fault.
 *
 *     no_memory DIRECTORY
 *
 * prints a line a fact.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "no_memory/call.h"
#include "no_memory/data.h"
#include "no_memory/descriptors.h"
#include "no_memory/files.h"
#include "no_memory/log.h"
#include "no_memory/opening.h"
#include "no_memory/peers.h"
#include "no_memory/pollers.h"

enum { SECONDS_BEFORE_IT_HANGS = 60 };

static const struct scenario {
    const char *name;
    void (*run)(void);
} SCENARIOS[] = {
    { "relative path", relative_path },
    { "absolute path", absolute_path },
    { "long paths", long_paths },
    { "abstract names", abstract_names },
    { "pairs", pairs },
    { "verbs", verbs },
    { "connect anew", connect_anew },
    { "over stale files", over_stale_files },
    { "without permission", without_permission },
    { "occupied", occupied },
    { "replaced", replaced },
    { "restored", restored },
    { "locked", locked },
    { "made parents", made_parents },
    { "owned by name", owned_by_name },
    { "inspected", inspected },
    { "cleaned up", cleaned_up },
    { "exit handlers", exit_handlers },
    { "logged", logged },
    { "all data calls", all_data_calls },
    { "waits", waits },
    { "options", options },
    { "words of codes", words_of_codes },
    { "messages", messages },
    { "batches", batches },
    { "peers", peers },
    { "allowed", allowed },
    { "counted", counted },
    { "adopted", adopted },
    { "activated", activated },
    { "polled streams", polled_streams },
    { "polled seqpackets", polled_seqpackets },
    { "polled and allowed", polled_and_allowed },
    { "shared servers", shared_servers },
    { "many members", many_members },
    { "kept bytes", kept_bytes },
    { "kept messages", kept_messages },
    { "kept datagrams", kept_datagrams },
};

/* How many entries a directory has: open descriptors, or files that were left. */
static int64_t count_entries(const char *path) {
    DIR *directory = opendir(path);
    MUST(directory != NULL);
    int64_t count = 0;
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

static void run_twice(const struct scenario *scenario) {
    const int64_t outstanding = allocator.outstanding;
    const int64_t descriptors = count_entries("/proc/self/fd");
    scenario->run();
    account->asked = allocator.asked;
    allocator.refused = 0;
    scenario->run();
    account->outstanding = allocator.outstanding - outstanding;
    account->descriptors = count_entries("/proc/self/fd") - descriptors;
    MUST(count_entries(".") == 2);
    account->is_done = 1;
}

/* What came of it, in `account`, and how the process ended. */
static int run_cell(const struct scenario *scenario, int64_t refused, int and_later) {
    char directory[64];
    memset(account, 0, offsetof(struct account, called));
    fflush(stdout);
    snprintf(directory, sizeof directory, "%s %lld%s", scenario->name, (long long)refused,
             and_later ? " and later" : "");
    if (mkdir(directory, 0755) != 0) perror(directory), exit(2);
    const pid_t pid = fork();
    if (pid == 0) {
        if (chdir(directory) != 0) _exit(2);
        alarm(SECONDS_BEFORE_IT_HANGS);
        allocator.refused = refused;
        allocator.and_later = and_later;
        run_twice(scenario);
        _exit(0);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) perror("fork"), exit(2);
    (void)rmdir(directory);
    return status;
}

/* Whether the cell is as it is without faults. */
static int is_level(const struct account *usual, int status) {
    if (WIFSIGNALED(status)) {
        printf("%s by signal %d", account->call, WTERMSIG(status));
    } else if (!account->is_done) {
        printf("%s: %s", account->call, account->complaint);
    } else if (account->outstanding != usual->outstanding) {
        printf("outstanding blocks: %lld, not %lld", (long long)account->outstanding,
               (long long)usual->outstanding);
    } else if (account->descriptors != usual->descriptors) {
        printf("descriptors: %lld, not %lld", (long long)account->descriptors,
               (long long)usual->descriptors);
    } else {
        return 1;
    }
    return 0;
}

static void prove(const struct scenario *scenario) {
    const int status = run_cell(scenario, 0, 0);
    const struct account usual = *account;
    if (!WIFEXITED(status) || !usual.is_done) {
        printf("cell %s, without faults: ", scenario->name);
        is_level(&usual, status);
        puts("; failed");
        return;
    }
    for (int and_later = 0; and_later < 2; and_later++) {
        for (int64_t refused = 1; refused <= usual.asked; refused++) {
            const int ended = run_cell(scenario, refused, and_later);
            char where[128];
            snprintf(where, sizeof where, "%s, allocation %lld%s, in %s", scenario->name,
                     (long long)refused, and_later ? " and later" : "", account->refused);
            const char *came = account->was_told ? "told"
                               : account->was_mistaken ? "mistaken" : "harmless";
            printf("cell %s: ", where);
            puts(is_level(&usual, ended) ? came : "; failed");
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 2 || chdir(argv[1]) != 0) return 2;
    account = mmap(NULL, sizeof *account, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (account == MAP_FAILED) return 2;
    umask(022);
    for (size_t i = 0; i < sizeof SCENARIOS / sizeof *SCENARIOS; i++) {
        if (argc == 2 || strcmp(argv[2], SCENARIOS[i].name) == 0) prove(&SCENARIOS[i]);
    }
    for (int i = 0; i < MOST_NAMES && account->called[i][0] != 0; i++) {
        printf("called %s\n", account->called[i]);
    }
    return 0;
}
