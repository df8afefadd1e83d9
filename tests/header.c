/*
 * The contract with programs that are compiled already, checked by the compiler: the
 * layout of every public struct (64-bit Linux), the values of every constant, and the
 * exact type of every call.
 */

#include "udsock.h"

/* ---- layouts */

#define FIELD(type, field, at, bytes)                                                  \
    _Static_assert(offsetof(type, field) == (at), #type "." #field " has moved");      \
    _Static_assert(sizeof(((type *)0)->field) == (bytes), #type "." #field " has another size")
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size")

SIZE(udsock_t, 8);
_Static_assert((udsock_t)-1 < 0, "a handle is signed");

SIZE(udsock_error, 264);
FIELD(udsock_error, size, 0, 4);
FIELD(udsock_error, code, 4, 4);
FIELD(udsock_error, message, 8, 256);

SIZE(udsock_credentials, 12);
FIELD(udsock_credentials, pid, 0, 4);
FIELD(udsock_credentials, uid, 4, 4);
FIELD(udsock_credentials, gid, 8, 4);

SIZE(udsock_bind_options, 32);
FIELD(udsock_bind_options, size, 0, 4);
FIELD(udsock_bind_options, flags, 4, 4);
FIELD(udsock_bind_options, mode, 8, 4);
FIELD(udsock_bind_options, backlog, 12, 4);
FIELD(udsock_bind_options, user, 16, 8);
FIELD(udsock_bind_options, group, 24, 8);

SIZE(udsock_connect_options, 24);
FIELD(udsock_connect_options, size, 0, 4);
FIELD(udsock_connect_options, flags, 4, 4);
FIELD(udsock_connect_options, timeout_ms, 8, 4);
FIELD(udsock_connect_options, reserved, 12, 4);
FIELD(udsock_connect_options, local_address, 16, 8);

SIZE(udsock_part, 16);
FIELD(udsock_part, data, 0, 8);
FIELD(udsock_part, size, 8, 8);

SIZE(udsock_message, 104);
FIELD(udsock_message, size, 0, 4);
FIELD(udsock_message, flags, 4, 4);
FIELD(udsock_message, data, 8, 8);
FIELD(udsock_message, data_capacity, 16, 8);
FIELD(udsock_message, data_size, 24, 8);
FIELD(udsock_message, descriptors, 32, 8);
FIELD(udsock_message, descriptors_capacity, 40, 8);
FIELD(udsock_message, descriptors_count, 48, 8);
FIELD(udsock_message, address, 56, 8);
FIELD(udsock_message, address_capacity, 64, 8);
FIELD(udsock_message, address_size, 72, 8);
FIELD(udsock_message, credentials, 80, 12);
FIELD(udsock_message, result, 92, 4);

SIZE(udsock_inspection, 48);
FIELD(udsock_inspection, size, 0, 4);
FIELD(udsock_inspection, state, 4, 4);
FIELD(udsock_inspection, kind, 8, 4);
FIELD(udsock_inspection, mode, 12, 4);
FIELD(udsock_inspection, uid, 16, 4);
FIELD(udsock_inspection, gid, 20, 4);
FIELD(udsock_inspection, pid, 24, 4);
FIELD(udsock_inspection, process_uid, 28, 4);
FIELD(udsock_inspection, device, 32, 8);
FIELD(udsock_inspection, inode, 40, 8);

SIZE(udsock_poller_options, 24);
FIELD(udsock_poller_options, size, 0, 4);
FIELD(udsock_poller_options, flags, 4, 4);
FIELD(udsock_poller_options, send_limit, 8, 8);
FIELD(udsock_poller_options, receive_size, 16, 8);

SIZE(udsock_event, 40);
FIELD(udsock_event, socket, 0, 8);
FIELD(udsock_event, token, 8, 8);
FIELD(udsock_event, kind, 16, 4);
FIELD(udsock_event, code, 20, 4);
FIELD(udsock_event, offset, 24, 4);
FIELD(udsock_event, length, 28, 4);
FIELD(udsock_event, address_offset, 32, 4);
FIELD(udsock_event, address_length, 36, 4);

SIZE(udsock_outgoing, 40);
FIELD(udsock_outgoing, socket, 0, 8);
FIELD(udsock_outgoing, offset, 8, 4);
FIELD(udsock_outgoing, length, 12, 4);
FIELD(udsock_outgoing, address_offset, 16, 4);
FIELD(udsock_outgoing, address_length, 20, 4);
FIELD(udsock_outgoing, flags, 24, 4);
FIELD(udsock_outgoing, reserved, 28, 4);
FIELD(udsock_outgoing, result, 32, 8);

/* ---- constants */

#define VALUE(name, value) _Static_assert(name == (value), #name " has another value")

VALUE(UDSOCK_EOF, -4097);
VALUE(UDSOCK_CLOSED, -4098);
VALUE(UDSOCK_PANIC, -4099);
VALUE(UDSOCK_MESSAGE_SIZE, 256);
VALUE(UDSOCK_STREAM, 1);
VALUE(UDSOCK_DGRAM, 2);
VALUE(UDSOCK_SEQPACKET, 5);
VALUE(UDSOCK_FOREVER, -1);
VALUE(UDSOCK_READ, 1);
VALUE(UDSOCK_WRITE, 2);
VALUE(UDSOCK_REPLACE, 1);
VALUE(UDSOCK_NO_RECLAIM, 2);
VALUE(UDSOCK_KEEP_FILE, 4);
VALUE(UDSOCK_MAKE_PARENTS, 8);
VALUE(UDSOCK_RETRY, 1);
VALUE(UDSOCK_DONT_WAIT, 2);
VALUE(UDSOCK_TRUNCATED, 1);
VALUE(UDSOCK_FDS_LOST, 2);
VALUE(UDSOCK_OPTION_KIND, 1);
VALUE(UDSOCK_OPTION_SEND_BUFFER, 2);
VALUE(UDSOCK_OPTION_RECEIVE_BUFFER, 3);
VALUE(UDSOCK_MAX_DESCRIPTORS, 253);
VALUE(UDSOCK_OPTION_RECEIVE_FDS, 5);
VALUE(UDSOCK_OPTION_RECEIVE_CREDENTIALS, 6);
VALUE(UDSOCK_OPTION_RECEIVE_PIDFD, 12);
VALUE(UDSOCK_OPTION_REFUSED, 7);
VALUE(UDSOCK_OPTION_MAX_PER_UID, 8);
VALUE(UDSOCK_OPTION_LISTENING, 9);
VALUE(UDSOCK_OPTION_READABLE_BYTES, 10);
VALUE(UDSOCK_OPTION_OWNS_FILE, 11);
VALUE(UDSOCK_ADDRESS_SIZE, 4096);
VALUE(UDSOCK_ABSENT, 0);
VALUE(UDSOCK_LIVE, 1);
VALUE(UDSOCK_STALE, 2);
VALUE(UDSOCK_NOT_A_SOCKET, 3);
VALUE(UDSOCK_POLLER_READINESS, 1);
VALUE(UDSOCK_POLLER_DUPLEX, 2);
VALUE(UDSOCK_POLLER_PAUSED, 4);
VALUE(UDSOCK_EVENT_ACCEPTED, 1);
VALUE(UDSOCK_EVENT_RECEIVED, 2);
VALUE(UDSOCK_EVENT_DRAINED, 3);
VALUE(UDSOCK_EVENT_ENDED, 4);
VALUE(UDSOCK_EVENT_FAILED, 5);
VALUE(UDSOCK_EVENT_READY, 6);
VALUE(UDSOCK_THEN_SHUTDOWN, 1);
VALUE(UDSOCK_THEN_CLOSE, 2);

/* ---- calls: that each assignment compiles and links is the test */

udsock_t (*const create)(uint32_t kind) = udsock_create;
int32_t (*const bind_)(udsock_t s, const char *address, const udsock_bind_options *options,
                       udsock_error *err) = udsock_bind;
int32_t (*const listen_)(udsock_t s, int32_t backlog) = udsock_listen;
udsock_t (*const accept_)(udsock_t s, int32_t timeout_ms, udsock_credentials *peer) = udsock_accept;
int32_t (*const connect_)(udsock_t s, const char *address, const udsock_connect_options *options,
                          udsock_error *err) = udsock_connect;
int32_t (*const shutdown_)(udsock_t s, uint32_t how) = udsock_shutdown;
int32_t (*const close_)(udsock_t s) = udsock_close;

udsock_t (*const open_server)(uint32_t kind, const char *address,
                              const udsock_bind_options *options,
                              udsock_error *err) = udsock_open_server;
udsock_t (*const open_client)(uint32_t kind, const char *address,
                              const udsock_connect_options *options,
                              udsock_error *err) = udsock_open_client;
udsock_t (*const open_datagram)(const char *address, const udsock_bind_options *options,
                                udsock_error *err) = udsock_open_datagram;
int32_t (*const open_pair)(uint32_t kind, udsock_t out[2]) = udsock_open_pair;

udsock_t (*const adopt)(int32_t fd, udsock_error *err) = udsock_adopt;
int32_t (*const fd)(udsock_t s) = udsock_fd;
int32_t (*const release)(udsock_t s) = udsock_release;

int32_t (*const disown)(udsock_t s) = udsock_disown;

int64_t (*const send_)(udsock_t s, const void *data, size_t size,
                       int32_t timeout_ms) = udsock_send;
int64_t (*const recv_)(udsock_t s, void *buffer, size_t size, int32_t timeout_ms) = udsock_recv;
int64_t (*const send_all)(udsock_t s, const void *data, size_t size, int32_t timeout_ms,
                          size_t *sent) = udsock_send_all;
int64_t (*const recv_exact)(udsock_t s, void *buffer, size_t size, int32_t timeout_ms,
                            size_t *received) = udsock_recv_exact;
int64_t (*const sendv)(udsock_t s, const udsock_part *parts, size_t count,
                       int32_t timeout_ms) = udsock_sendv;
int64_t (*const recvv)(udsock_t s, const udsock_part *parts, size_t count,
                       int32_t timeout_ms) = udsock_recvv;
int64_t (*const send_to)(udsock_t s, const void *data, size_t size, const char *address,
                         int32_t timeout_ms) = udsock_send_to;
int64_t (*const recv_from)(udsock_t s, void *buffer, size_t size, char *address,
                           size_t address_size, int32_t timeout_ms) = udsock_recv_from;
int64_t (*const send_message)(udsock_t s, udsock_message *message,
                              int32_t timeout_ms) = udsock_send_message;
int64_t (*const recv_message)(udsock_t s, udsock_message *message,
                              int32_t timeout_ms) = udsock_recv_message;
int64_t (*const send_batch)(udsock_t s, udsock_message *messages, size_t count,
                            int32_t timeout_ms) = udsock_send_batch;
int64_t (*const recv_batch)(udsock_t s, udsock_message *messages, size_t count,
                            int32_t timeout_ms) = udsock_recv_batch;

int64_t (*const activated)(udsock_t *out, size_t capacity, udsock_error *err) = udsock_activated;
int64_t (*const activated_name)(udsock_t s, char *buffer, size_t size) = udsock_activated_name;

int32_t (*const peer_credentials)(udsock_t s, udsock_credentials *out) = udsock_peer_credentials;
int64_t (*const peer_groups)(udsock_t s, uint32_t *gids, size_t capacity) = udsock_peer_groups;
int32_t (*const peer_pidfd)(udsock_t s) = udsock_peer_pidfd;
int64_t (*const peer_label)(udsock_t s, char *buffer, size_t size) = udsock_peer_label;
int32_t (*const allow_uid)(udsock_t server, uint32_t uid) = udsock_allow_uid;
int32_t (*const allow_gid)(udsock_t server, uint32_t gid) = udsock_allow_gid;
int32_t (*const allow_user)(udsock_t server, const char *name) = udsock_allow_user;
int32_t (*const allow_group)(udsock_t server, const char *name) = udsock_allow_group;

int64_t (*const get_option)(udsock_t s, uint32_t option) = udsock_get_option;
int32_t (*const set_option)(udsock_t s, uint32_t option, int64_t value) = udsock_set_option;
int64_t (*const local_address)(udsock_t s, char *buffer, size_t size) = udsock_local_address;
int64_t (*const remote_address)(udsock_t s, char *buffer, size_t size) = udsock_remote_address;
int32_t (*const inspect)(const char *address, udsock_inspection *out,
                         udsock_error *err) = udsock_inspect;
udsock_t (*const poller_create)(const udsock_poller_options *options) = udsock_poller_create;
int32_t (*const poller_add)(udsock_t poller, udsock_t s, uint64_t token,
                            uint32_t flags) = udsock_poller_add;
int32_t (*const poller_remove)(udsock_t poller, udsock_t s) = udsock_poller_remove;
int64_t (*const poller_wait)(udsock_t poller, udsock_event *events, size_t events_capacity,
                             void *arena, size_t arena_size,
                             int32_t timeout_ms) = udsock_poller_wait;
int64_t (*const poller_send)(udsock_t poller, udsock_outgoing *items, size_t items_count,
                             const void *base, size_t base_size) = udsock_poller_send;
int32_t (*const poller_wake)(udsock_t poller) = udsock_poller_wake;
int32_t (*const poller_fd)(udsock_t poller) = udsock_poller_fd;

int64_t (*const cleanup)(void) = udsock_cleanup;
int32_t (*const cleanup_on_signal)(int32_t signo) = udsock_cleanup_on_signal;
const char *(*const error_name)(int64_t code) = udsock_error_name;
const char *(*const error_text)(int64_t code) = udsock_error_text;
uint32_t (*const version)(void) = udsock_version;
const char *(*const version_string)(void) = udsock_version_string;

#if UDSOCK_VERSION < 100
#error "the version is for the preprocessor, too"
#endif

int main(void) {
    const udsock_error err = UDSOCK_ERROR_INIT;
    const int is_empty = err.size == sizeof err && err.code == 0 && err.message[0] == 0;
    return is_empty && UDSOCK_VERSION == udsock_version() ? 0 : 1;
}
