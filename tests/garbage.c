/*
 * Calls everything with garbage: handles, lengths, flags, options, addresses and NULLs
 * that make no sense, beside some that do. Memory is always as large as a length claims,
 * and lengths above SSIZE_MAX have to be refused. Checked: no crash, no leak, only codes
 * that the header documents, outputs untouched on failure.
 *
 *     garbage CALLS THREADS SEED
 *
 * runs in the current directory, which it fills. With one thread the same seed makes the
 * same calls.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>

#include "garbage/batches.h"
#include "garbage/pollers.h"
#include "garbage/sockets.h"

static char hear_data[1];

static uint32_t any_option(thread *t) {
    return percent(t, 90) ? (uint32_t)below(t, 13) : any_bits(t);
}

static void call_get_option(thread *t) {
    udsock_t s = on_handle(t, "get_option");
    check(t, udsock_get_option(s, any_option(t)));
}

static void call_activated(thread *t) {
    begin(t, "activated");
    story story = new_story(t);
    size_t capacity = below(t, 3);
    udsock_t *out = percent(t, 20) ? NULL : canaries(capacity * sizeof *out);
    int64_t result = check(t, udsock_activated(out, percent(t, 95) ? capacity : SIZE_MAX, story.error));
    check_story(t, story, "activated", result);
    if (result > 0) fail(t, "%lld sockets from nowhere", (long long)result);
    free(out);
}

static void call_peer(thread *t) {
    char label[64];
    udsock_t s = on_handle(t, "peer_credentials");
    udsock_credentials *peer = percent(t, 5) ? NULL : canaries(sizeof *peer);
    if (check(t, udsock_peer_credentials(s, peer)) == 0 && peer->pid != getpid()) fail(t, "pid");
    free(peer);
    t->name = "peer_groups";
    size_t capacity = below(t, 4);
    uint32_t *groups = percent(t, 20) ? NULL : canaries(capacity * sizeof *groups);
    check(t, udsock_peer_groups(s, groups, percent(t, 98) ? capacity : SIZE_MAX));
    free(groups);
    t->name = "peer_label";
    check(t, udsock_peer_label(s, percent(t, 5) ? NULL : label, sizeof label));
    t->name = "activated_name";
    check(t, udsock_activated_name(s, percent(t, 5) ? NULL : label, sizeof label));
    t->name = "peer_pidfd";
    int pidfd = udsock_peer_pidfd(s);
    if (check(t, pidfd) >= 0) close(pidfd);
}

/* This process itself among them, mostly: the servers have to go on. */
static void call_allow(thread *t) {
    static const char *const NAMES[] = { "0", "root", "", "nobody of this name", NULL };
    udsock_t s = on_handle(t, "allow_uid");
    int64_t ours = udsock_allow_uid(s, getuid());
    check(t, ours);
    check(t, udsock_allow_uid(s, percent(t, 50) ? UINT32_MAX : (uint32_t)number(t)));
    t->name = "allow_gid";
    check(t, udsock_allow_gid(s, percent(t, 50) ? UINT32_MAX : (uint32_t)number(t)));
    t->name = "allow_user";
    check(t, udsock_allow_user(s, ONE_OF(t, NAMES)));
    t->name = "allow_group";
    check(t, udsock_allow_group(s, ONE_OF(t, NAMES)));
}

static void call_set_option(thread *t) {
    static const int64_t VALUES[] = { 0, -1, INT64_MIN, INT64_MAX, INT64_C(1) << 31, INT32_MIN };
    udsock_t s = on_handle(t, "set_option");
    int64_t value = percent(t, 60) ? (int64_t)below(t, 1 << 20) : ONE_OF(t, VALUES);
    int64_t result = check(t, udsock_set_option(s, any_option(t), value));
    if (result == 0 && (value < 0 || value > UINT32_MAX)) fail(t, "%lld", (long long)value);
}

typedef int64_t address_call(udsock_t s, char *buffer, size_t size);

static void call_address(thread *t, const char *name, address_call *call) {
    udsock_t s = on_handle(t, name);
    size_t room, claimed;
    char *address = any_room(t, &room, &claimed);
    int64_t length = check(t, call(s, address, claimed));
    if (address != NULL) check_text(t, address, room, claimed, length);
    if (address == NULL && length >= 0) fail(t, "an address into nothing");
    free(address);
}

static void call_local_address(thread *t) {
    call_address(t, "local_address", udsock_local_address);
}

static void call_remote_address(thread *t) {
    call_address(t, "remote_address", udsock_remote_address);
}

static void call_cleanup(thread *t) {
    begin(t, "cleanup");
    check(t, udsock_cleanup());
}

static void call_cleanup_on_signal(thread *t) {
    static const int32_t SIGNALS[] = { 0, -1, 1000, INT32_MIN, SIGKILL, SIGCHLD, SIGUSR1, SIGTERM };
    begin(t, "cleanup_on_signal");
    check(t, udsock_cleanup_on_signal(ONE_OF(t, SIGNALS)));
}

static void call_inspect(thread *t) {
    begin(t, "inspect");
    uint32_t size = any_size(t, sizeof(udsock_inspection));
    size_t room = size < sizeof(udsock_inspection) ? sizeof(udsock_inspection) : size;
    udsock_inspection *out = percent(t, 3) ? NULL : canaries(room);
    if (out != NULL && percent(t, 80)) memset(out, 0, room);
    if (out != NULL) out->size = size;
    story story = new_story(t);
    int64_t result = check(t, udsock_inspect(any_address(t), out, story.error));
    check_story(t, story, "inspect", result);
    if (result >= 0 && (out == NULL || out->size != size || out->state > UDSOCK_NOT_A_SOCKET)) {
        fail(t, "an impossible state");
    }
    free(out);
}

/* It may be called on every thread, and says what makes sense. */
static void hear(void *user_data, const udsock_log_record *record) {
    if (user_data != hear_data) abort();
    if (record->size != sizeof *record || record->level < UDSOCK_LOG_ERROR) abort();
    if (record->level > UDSOCK_LOG_DEBUG || record->event > UDSOCK_LOGGED_LONG_PATH) abort();
    if (record->event < UDSOCK_LOGGED_RECLAIMED || strlen(record->text) >= 512) abort();
    for (const char *c = record->text; *c != 0; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) abort();
    }
    /* Whatever a call that failed was given. */
    if (record->path != NULL && strlen(record->path) > (size_t)SSIZE_MAX) abort();
}

static void call_set_log(thread *t) {
    begin(t, "set_log");
    uint32_t level = percent(t, 80) ? (uint32_t)below(t, 6) : any_bits(t);
    /* (Whom a path is taken over from takes all of /proc to find out: not most of the time.) */
    bool takes_off = percent(t, 70);
    int64_t result = check(t, udsock_set_log(takes_off ? NULL : hear, hear_data, level));
    bool is_level = level >= UDSOCK_LOG_ERROR && level <= UDSOCK_LOG_DEBUG;
    if ((result == -EINVAL) != (!takes_off && !is_level)) fail(t, "level %u", level);
}

static void call_get_counters(thread *t) {
    udsock_t handle = on_handle(t, "get_counters");
    if (percent(t, 30)) {
        on_poller(t, "get_counters");
        handle = t->handle;
    }
    uint32_t size = any_size(t, sizeof(udsock_counters));
    size_t room = size < sizeof(udsock_counters) ? sizeof(udsock_counters) : size;
    udsock_counters *out = percent(t, 3) ? NULL : canaries(room);
    if (out != NULL && percent(t, 80)) memset(out, 0, room);
    if (out != NULL) out->size = size;
    int64_t result = check(t, udsock_get_counters(handle, out));
    if (result >= 0 && (out == NULL || out->size != size || out->reserved != 0)) {
        fail(t, "impossible counters");
    }
    if (result >= 0 && out->kept_bytes > out->kept_bytes_most) fail(t, "more than the most");
    free(out);
}

static void call_words(thread *t) {
    begin(t, "error_name");
    int64_t code = percent(t, 80) ? -(int64_t)below(t, 5000) : (int64_t)number(t);
    const char *const words[] = {
        udsock_error_name(code), udsock_error_text(code), udsock_version_string(),
    };
    for (size_t i = 0; i < 3; i++) {
        size_t length = words[i] == NULL ? 0 : strlen(words[i]);
        if (length == 0 || length > 100) fail(t, "words for %lld", (long long)code);
    }
    if (udsock_version() == 0) fail(t, "no version");
}

/* A client for one of the servers, so that accept has something to do. */
static void call_meet(thread *t) {
    char address[UDSOCK_ADDRESS_SIZE];
    const udsock_connect_options options = { .size = sizeof options, .flags = UDSOCK_DONT_WAIT };
    udsock_t server = on_handle(t, "get_option");
    int64_t kind = check(t, udsock_get_option(server, UDSOCK_OPTION_KIND));
    if (kind < 0 || udsock_local_address(server, address, sizeof address) < 0) return;
    begin(t, "open_client");
    keep(t, check(t, udsock_open_client((uint32_t)kind, address, &options, NULL)));
    begin(t, "accept");
    keep(t, check(t, udsock_accept(server, 0, NULL)));
}

/* No call: a file goes away under the library. */
static void remove_file(thread *t) {
    const char *address = addresses[below(t, USABLE)];
    if (address[0] != '@') unlink(address);
}

static void (*const CALLS[])(thread *) = {
    call_create, call_bind, call_bind, call_listen, call_accept, call_accept, call_connect,
    call_connect, call_shutdown, call_close, call_open_server, call_open_server, call_open_client,
    call_open_client, call_open_datagram, call_open_pair, call_open_pair, call_adopt, call_fd,
    call_release, call_send, call_send, call_recv, call_recv, call_send_all, call_recv_exact,
    call_sendv, call_recvv, call_send_to, call_recv_from, call_send_batch, call_recv_batch,
    call_get_option, call_set_option, call_local_address, call_remote_address, call_cleanup,
    call_words, call_meet, call_meet, remove_file, call_disown, call_inspect,
    call_cleanup_on_signal, call_activated, call_peer, call_allow, call_poller_create,
    call_poller_add, call_poller_add, call_poller_add, call_poller_remove, call_poller_wait,
    call_poller_wait, call_poller_wait, call_poller_send, call_poller_send, call_poller_wake,
    call_poller_fd, call_set_log, call_get_counters, call_get_counters,
};

/* ---- all of it */

typedef struct work {
    thread thread;
    uint64_t calls;
} work;

static void *run(void *argument) {
    work *work = argument;
    thread *t = &work->thread;
    outgoing = repeated("", MOST_TO_SEND - 1);
    incoming = memory(MOST_TO_RECEIVE);
    for (t->calls = 0; t->calls < work->calls; t->calls++) ONE_OF(t, CALLS)(t);
    free(outgoing);
    free(incoming);
    return NULL;
}

/* How many descriptors are open, and how many of them are eventfds. */
static int count_descriptors(int *eventfds) {
    char path[300], target[300];
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) abort();
    *eventfds = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; count++) {
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        *eventfds += strstr(target, "[eventfd]") != NULL;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv) {
    enum { MOST_THREADS = 64 };
    static work works[MOST_THREADS];
    static pthread_t threads[MOST_THREADS];
    if (argc != 4) return 2;
    const uint64_t calls = strtoull(argv[1], NULL, 10);
    const int count = atoi(argv[2]);
    const uint64_t seed = strtoull(argv[3], NULL, 10);
    if (count < 1 || count > MOST_THREADS) return 2;
    alone = count == 1;
    make_addresses();

    int eventfds;
    const int before = count_descriptors(&eventfds);
    const int eventfds_before = eventfds;
    for (int i = 0; i < count; i++) {
        works[i].thread = (thread){ .seed = seed, .number = i, .name = "" };
        works[i].thread.random = (seed + (uint64_t)i + 1) * 0x9E3779B97F4A7C15 | 1;
        works[i].calls = calls / (uint64_t)count;
        if (pthread_create(&threads[i], NULL, run, &works[i]) != 0) abort();
    }
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < KEPT; i++) udsock_close(kept[i]);
    for (int i = 0; i < POLLERS; i++) udsock_close(pollers[i]);

    const int after = count_descriptors(&eventfds);
    if (eventfds - eventfds_before > count || after - before != eventfds - eventfds_before) {
        fprintf(stderr, "seed %llu: %d descriptors became %d, %d of them eventfds\n",
                (unsigned long long)seed, before, after, eventfds);
        return 1;
    }
    close(sink);
    while (addresses_count > 0) free(addresses[--addresses_count]);
    printf("%llu calls by %d threads, seed %llu: %d descriptors, then %d, %d of them eventfds\n",
           (unsigned long long)calls, count, (unsigned long long)seed, before, after, eventfds);
    return 0;
}
