/* What is at an address, and the end of the process: files are removed. */

#ifndef FAULTS_INSPECT_H
#define FAULTS_INSPECT_H

#include <signal.h>

#include "open.h"

static char inspected_name[64];
static uint32_t expected_state;
static udsock_inspection found = { .size = sizeof(udsock_inspection) };

static void expect(uint32_t state, const char *address) {
    expected_state = state;
    it.address = address;
}

static void prepare_live(void) {
    prepare_stream_server();
    expect(UDSOCK_LIVE, it.path);
}

static void prepare_stale(void) {
    leave_stale_file();
    expect(UDSOCK_STALE, it.path);
}

static void prepare_absent(void) { expect(UDSOCK_ABSENT, it.path); }
static void prepare_directory(void) { expect(UDSOCK_NOT_A_SOCKET, "/tmp"); }

static void prepare_live_name(void) {
    snprintf(inspected_name, sizeof inspected_name, "@udsock-faults-%d", (int)getpid());
    it.server = udsock_open_server(UDSOCK_STREAM, inspected_name, NULL, NULL);
    expect(UDSOCK_LIVE, inspected_name);
}

static int64_t inspect(udsock_error *err) { return udsock_inspect(it.address, &found, err); }

/* Never something that is not true: kind and process may be missing, and nothing else. */
static void check_inspection(int64_t result) {
    if (expected_state == UDSOCK_STALE) must(unlink(it.path) == 0, it.path);
    if (result < 0) {
        if (found.state != 0 || found.device != 0) wrong("outputs were written");
        return;
    }
    if (found.state == UDSOCK_LIVE && expected_state == UDSOCK_STALE) puts("doubt live");
    else if (found.state != expected_state) wrong("state %u", found.state);
    if (found.kind != 0 && found.kind != UDSOCK_STREAM) wrong("kind %u", found.kind);
    if (found.pid != 0 && found.pid != getpid()) wrong("pid %d", found.pid);
}

static char second_path[4096];

static void prepare_files(void) {
    prepare_stream_server();
    snprintf(second_path, sizeof second_path, "%s-2", it.path);
    it.peer = udsock_open_server(UDSOCK_SEQPACKET, second_path, NULL, NULL);
}

static int64_t clean_up(udsock_error *err) {
    (void)err;
    return udsock_cleanup();
}

/* What could not be removed is when it is tried again. */
static void check_cleaned_up(int64_t result) {
    const int64_t again = udsock_cleanup();
    if (again < 0 || (result >= 0 && again != 0)) wrong("again: %lld", (long long)again);
    if (access(it.path, F_OK) == 0 || access(second_path, F_OK) == 0) wrong("a file is left");
}

static int64_t clean_up_on_signal(udsock_error *err) {
    (void)err;
    return udsock_cleanup_on_signal(SIGTERM);
}

static void check_handler(int64_t result) {
    struct sigaction action;
    must(sigaction(SIGTERM, NULL, &action) == 0, "sigaction");
    if ((action.sa_handler == SIG_DFL) != (result < 0)) wrong("the handler");
}

#define INSPECT(name, prepare) \
    { name, prepare, inspect, check_inspection, "inspect", 0, { 0 } }

static const struct scenario INSPECTIONS[] = {
    INSPECT("inspect-live", prepare_live),
    INSPECT("inspect-stale", prepare_stale),
    INSPECT("inspect-absent", prepare_absent),
    INSPECT("inspect-directory", prepare_directory),
    { "inspect-name", prepare_live_name, inspect, check_inspection, "inspect", 0,
      { -EOPNOTSUPP } },
    { "cleanup", prepare_files, clean_up, check_cleaned_up, NULL, 0, { -EBUSY } },
    { "cleanup-on-signal", NULL, clean_up_on_signal, check_handler, NULL, 0, { 0 } },
};

#endif
