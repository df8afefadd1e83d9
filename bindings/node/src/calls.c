// No call waits here: every timeout is 0.

#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "values.h"

#define CALL(name, count, expression)                                                     \
    static napi_value call_##name(napi_env env, napi_callback_info info) {                \
        napi_value a[count];                                                              \
        read_arguments(env, info, a, count);                                              \
        return number(env, expression);                                                   \
    }

#define INTEGER(i) integer_of(env, a[i])
#define HANDLE INTEGER(0)

// ---- a number in, a number out

CALL(accept, 1, library.accept(HANDLE, 0, NULL))
CALL(adopt, 2, library.adopt((int32_t)INTEGER(0), error_of(env, a[1])))
CALL(allow_gid, 2, library.allow_gid(HANDLE, (uint32_t)INTEGER(1)))
CALL(allow_uid, 2, library.allow_uid(HANDLE, (uint32_t)INTEGER(1)))
CALL(cleanup, 1, library.cleanup())
CALL(close, 1, library.close(HANDLE))
CALL(create, 1, library.create((uint32_t)INTEGER(0)))
CALL(disown, 1, library.disown(HANDLE))
CALL(fd, 1, library.fd(HANDLE))
CALL(get_option, 2, library.get_option(HANDLE, (uint32_t)INTEGER(1)))
CALL(listen, 2, library.listen(HANDLE, (int32_t)INTEGER(1)))
CALL(peer_pidfd, 1, library.peer_pidfd(HANDLE))
CALL(poller_add, 4,
     library.poller_add(HANDLE, INTEGER(1), (uint64_t)INTEGER(2), (uint32_t)INTEGER(3)))
CALL(poller_fd, 1, library.poller_fd(HANDLE))
CALL(poller_remove, 2, library.poller_remove(HANDLE, INTEGER(1)))
CALL(release, 1, library.release(HANDLE))
CALL(set_option, 3, library.set_option(HANDLE, (uint32_t)INTEGER(1), INTEGER(2)))
CALL(shutdown, 2, library.shutdown(HANDLE, (uint32_t)INTEGER(1)))

static int64_t create_poller(uint64_t send_limit, uint64_t receive_size) {
    const udsock_poller_options options = {sizeof options, 0, send_limit, receive_size};
    return library.poller_create(&options);
}

/** (send limit, receive size) */
CALL(poller_create, 2, create_poller((uint64_t)INTEGER(0), (uint64_t)INTEGER(1)))

// ---- descriptors, which the library has no calls for

static int64_t or_error(int result) {
    return result < 0 ? -errno : result;
}

static int64_t set_nonblocking(int fd, bool nonblocking) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return or_error(fcntl(fd, F_SETFL, nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

static int64_t is_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : (flags & O_NONBLOCK) != 0;
}

CALL(close_descriptor, 1, or_error(close((int)INTEGER(0))))
CALL(duplicate, 1, or_error(fcntl((int)INTEGER(0), F_DUPFD_CLOEXEC, 0)))
CALL(is_nonblocking, 1, is_nonblocking((int)INTEGER(0)))
/** (descriptor): ends the sending side, for every copy of the descriptor. */
CALL(end_descriptor, 1, or_error(shutdown((int)INTEGER(0), SHUT_WR)))
CALL(set_nonblocking, 2, set_nonblocking((int)INTEGER(0), INTEGER(1) != 0))

// ---- memory

typedef int64_t text_call(udsock_t handle, char *buffer, size_t size);

static int64_t text_from(text_call *call, int64_t handle, struct memory room) {
    return call(handle, room.data, room.size);
}

static int64_t groups_of(int64_t handle, struct memory room) {
    return library.peer_groups(handle, room.data, room.size / sizeof(uint32_t));
}

static int64_t wait_on(int64_t poller, struct memory events, struct memory arena, int64_t size) {
    size_t room = size >= 0 && (uint64_t)size < arena.size ? (size_t)size : arena.size;
    size_t capacity = events.size / sizeof(udsock_event);
    return library.poller_wait(poller, events.data, capacity, arena.data, room, 0);
}

static int64_t send_items(int64_t poller, struct memory items, int64_t count, struct memory base) {
    size_t room = items.size / sizeof(udsock_outgoing);
    if (count < 0 || (uint64_t)count > room) return -EINVAL;
    return library.poller_send(poller, items.data, (size_t)count, base.data, base.size);
}

#define MEMORY(i) memory_of(env, a[i])

CALL(local_address, 2, text_from(library.local_address, HANDLE, MEMORY(1)))
CALL(remote_address, 2, text_from(library.remote_address, HANDLE, MEMORY(1)))
CALL(peer_label, 2, text_from(library.peer_label, HANDLE, MEMORY(1)))
CALL(peer_groups, 2, groups_of(HANDLE, MEMORY(1)))
CALL(peer_credentials, 2,
     library.peer_credentials(HANDLE, room_of(env, a[1], sizeof(udsock_credentials))))
CALL(open_pair, 2,
     library.open_pair((uint32_t)INTEGER(0), room_of(env, a[1], 2 * sizeof(udsock_t))))
/** (poller, events, arena, how much of the arena) */
CALL(poller_wait, 4, wait_on(HANDLE, MEMORY(1), MEMORY(2), INTEGER(3)))
/** (poller, items, how many, base) */
CALL(poller_send, 4, send_items(HANDLE, MEMORY(1), INTEGER(2), MEMORY(3)))

/** (handle, data[, descriptors[, address]]) */
static napi_value call_send(napi_env env, napi_callback_info info) {
    napi_value a[4];
    read_arguments(env, info, a, 4);
    char address[TEXT_SIZE];
    struct memory data = MEMORY(1);
    struct memory descriptors = MEMORY(2);
    udsock_message message = {
        .size = sizeof message,
        .data = data.data,
        .data_size = data.size,
        .descriptors = descriptors.data,
        .descriptors_count = descriptors.size / sizeof(int32_t),
        .address = text_of(env, a[3], address),
    };
    if (message.address != NULL || message.descriptors_count > 0) {
        return number(env, library.send_message(HANDLE, &message, 0));
    }
    return number(env, library.send(HANDLE, data.data, data.size, 0));
}

/** What a received message has besides its data: the places in `info`. */
enum { FLAGS, DESCRIPTORS, ADDRESS_SIZE, PID, UID, GID, INFO_WORDS };

/** (handle, data, how much of it, descriptors, address, info) */
static napi_value call_receive(napi_env env, napi_callback_info info) {
    napi_value a[6];
    read_arguments(env, info, a, 6);
    struct memory data = MEMORY(1);
    struct memory descriptors = MEMORY(3);
    struct memory address = MEMORY(4);
    int32_t *words = room_of(env, a[5], INFO_WORDS * sizeof(int32_t));
    int64_t size = INTEGER(2);
    if (words == NULL || size < 0 || (uint64_t)size > data.size) return number(env, -EINVAL);
    udsock_message message = {
        .size = sizeof message,
        .data = data.data,
        .data_capacity = (size_t)size,
        .descriptors = descriptors.data,
        .descriptors_capacity = descriptors.size / sizeof(int32_t),
        .address = address.data,
        .address_capacity = address.size,
    };
    int64_t result = library.recv_message(HANDLE, &message, 0);
    if (result >= 0) {
        words[FLAGS] = (int32_t)message.flags;
        words[DESCRIPTORS] = (int32_t)message.descriptors_count;
        words[ADDRESS_SIZE] = (int32_t)message.address_size;
        words[PID] = message.credentials.pid;
        words[UID] = (int32_t)message.credentials.uid;
        words[GID] = (int32_t)message.credentials.gid;
    }
    return number(env, result);
}

// ---- addresses

/** The options of binding, from the arguments (flags, mode, backlog, user, group). */
struct binding {
    char user[TEXT_SIZE];
    char group[TEXT_SIZE];
    udsock_bind_options options;
};

static const udsock_bind_options *binding_of(napi_env env, const napi_value *a,
                                             struct binding *binding) {
    binding->options = (udsock_bind_options){
        .size = sizeof binding->options,
        .flags = (uint32_t)INTEGER(0),
        .mode = (uint32_t)INTEGER(1),
        .backlog = (int32_t)INTEGER(2),
        .user = text_of(env, a[3], binding->user),
        .group = text_of(env, a[4], binding->group),
    };
    return &binding->options;
}

/** (what, address, error, flags, mode, backlog, user, group) */
#define BIND_CALL(name, expression)                                                       \
    static napi_value call_##name(napi_env env, napi_callback_info info) {                \
        napi_value a[8];                                                                  \
        read_arguments(env, info, a, 8);                                                  \
        char text[TEXT_SIZE];                                                             \
        struct binding binding;                                                           \
        const char *address = text_of(env, a[1], text);                                   \
        const udsock_bind_options *options = binding_of(env, a + 3, &binding);            \
        return number(env, expression);                                                   \
    }

#define KIND (uint32_t)INTEGER(0)
#define ERROR error_of(env, a[2])

BIND_CALL(bind, library.bind(HANDLE, address, options, ERROR))
BIND_CALL(open_server, library.open_server(KIND, address, options, ERROR))
/** (`what` is not used here.) */
BIND_CALL(open_datagram, library.open_datagram(address, options, ERROR))

/** (what, address, error, whether to try again[, local address]): without waiting. */
#define CONNECT_CALL(name, expression)                                                    \
    static napi_value call_##name(napi_env env, napi_callback_info info) {                \
        napi_value a[5];                                                                  \
        read_arguments(env, info, a, 5);                                                  \
        char text[TEXT_SIZE];                                                             \
        char local_text[TEXT_SIZE];                                                       \
        const char *address = text_of(env, a[1], text);                                   \
        const udsock_connect_options options = {                                          \
            .size = sizeof options,                                                       \
            .flags = UDSOCK_DONT_WAIT | (INTEGER(3) != 0 ? UDSOCK_RETRY : 0),             \
            .local_address = text_of(env, a[4], local_text),                              \
        };                                                                                \
        return number(env, expression);                                                   \
    }

CONNECT_CALL(connect, library.connect(HANDLE, address, &options, ERROR))
CONNECT_CALL(open_client, library.open_client(KIND, address, &options, ERROR))

/** (handle, name): the name is looked up in this call. */
#define ALLOW_CALL(name)                                                                  \
    static napi_value call_##name(napi_env env, napi_callback_info info) {                \
        napi_value a[2];                                                                  \
        char text[TEXT_SIZE];                                                             \
        read_arguments(env, info, a, 2);                                                  \
        return number(env, library.name(HANDLE, text_of(env, a[1], text)));               \
    }

ALLOW_CALL(allow_group)
ALLOW_CALL(allow_user)

// ---- words

static napi_value call_error_name(napi_env env, napi_callback_info info) {
    napi_value a[1];
    read_arguments(env, info, a, 1);
    return string(env, library.error_name(INTEGER(0)));
}

/** (handle, room for them) */
static int64_t counters_of(int64_t handle, udsock_counters *room) {
    if (room == NULL) return -EINVAL;
    *room = (udsock_counters){.size = sizeof *room};
    return library.get_counters(handle, room);
}

CALL(get_counters, 2, counters_of(HANDLE, room_of(env, a[1], sizeof(udsock_counters))))

static napi_value call_error_text(napi_env env, napi_callback_info info) {
    napi_value a[1];
    read_arguments(env, info, a, 1);
    return string(env, library.error_text(INTEGER(0)));
}

static napi_value call_version_string(napi_env env, napi_callback_info info) {
    (void)info;
    return string(env, library.version_string());
}

void define_functions(napi_env env, napi_value exports, const struct function *functions,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *name = functions[i].name;
        napi_callback call = functions[i].call;
        napi_value function;
        if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok) {
            napi_set_named_property(env, exports, name, function);
        }
    }
}

void define_calls(napi_env env, napi_value exports) {
#define EXPORT(name) {#name, call_##name}
    static const struct function functions[] = {
        EXPORT(accept), EXPORT(adopt), EXPORT(allow_gid), EXPORT(allow_group),
        EXPORT(allow_uid), EXPORT(allow_user), EXPORT(bind), EXPORT(cleanup), EXPORT(close),
        EXPORT(close_descriptor), EXPORT(connect), EXPORT(create), EXPORT(disown),
        EXPORT(duplicate), EXPORT(end_descriptor), EXPORT(error_name), EXPORT(error_text),
        EXPORT(fd), EXPORT(get_counters), EXPORT(get_option), EXPORT(is_nonblocking), EXPORT(listen),
        EXPORT(local_address), EXPORT(open_client), EXPORT(open_datagram), EXPORT(open_pair),
        EXPORT(open_server), EXPORT(peer_credentials), EXPORT(peer_groups), EXPORT(peer_label),
        EXPORT(peer_pidfd), EXPORT(poller_add), EXPORT(poller_create), EXPORT(poller_fd),
        EXPORT(poller_remove), EXPORT(poller_send), EXPORT(poller_wait), EXPORT(receive),
        EXPORT(release), EXPORT(remote_address), EXPORT(send), EXPORT(set_nonblocking),
        EXPORT(set_option), EXPORT(shutdown), EXPORT(version_string),
    };
#undef EXPORT
    define_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
