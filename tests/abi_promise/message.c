/*
 * Every size of udsock_message, which is read and written: it began with 96 bytes, up to
 * result; its pidfd came later.
 */
#define _GNU_SOURCE 1

#include <dirent.h>
#include <unistd.h>

#include "sizes.h"

#define FIRST offsetof(udsock_message, pidfd)

static udsock_t sender, receiver;

static int open_descriptors(void)
{
    DIR *const directory = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static int64_t send_(void *message)
{
    int64_t result = udsock_send_message(sender, message, 0);
    char byte;
    if (result >= 0)
        CHECK(udsock_recv(receiver, &byte, 1, 0) == 1);
    return result;
}

/* What this version knows of the struct, which need not be aligned where it is. */
static udsock_message copy(const void *message, size_t size)
{
    udsock_message content = {0};
    memcpy(&content, message, size < sizeof content ? size : sizeof content);
    return content;
}

static void close_pidfd(const udsock_message *message)
{
    if (HAS(udsock_message, pidfd, message->size) && message->pidfd >= 0)
        CHECK(close(message->pidfd) == 0);
}

static int64_t recv_(void *message)
{
    CHECK(udsock_send(sender, "x", 1, 0) == 1);
    int64_t result = udsock_recv_message(receiver, message, 0);
    if (result >= 0) {
        const udsock_message content = copy(message, placed_size);
        close_pidfd(&content);
    } else {
        char byte;
        CHECK(udsock_recv(receiver, &byte, 1, 0) == 1);
    }
    return result;
}

static void check_sending(size_t size)
{
    udsock_message message = {.data = "x", .data_size = 1};
    CHECK(send_(place(&message, size, (uint32_t)size)) == 1);
    CHECK(nothing_is_written_around());
}

static void check_receiving(size_t size)
{
    char byte = 0;
    udsock_message message = {.data = &byte, .data_capacity = 1};
    const int before = open_descriptors();
    CHECK(udsock_send(sender, "x", 1, 0) == 1);
    CHECK(udsock_recv_message(receiver, place(&message, size, (uint32_t)size), 0) == 1);
    CHECK(nothing_is_written_around());
    message = copy(placed, size);
    CHECK(message.size == size && message.result == 1 && message.data_size == 1 && byte == 'x');
    CHECK(message.credentials.pid == getpid() && message.credentials.uid == getuid());
    close_pidfd(&message);
    CHECK(open_descriptors() == before);
}

/* An array of this size's elements, which are as many bytes apart. */
enum { COUNT = 3 };

static void check_array(size_t size)
{
    char bytes[COUNT + 1] = "abc";
    unsigned char content[COUNT * (sizeof(udsock_message) + 16)] = {0};
    const uint32_t said = (uint32_t)size;
    for (int i = 0; i < COUNT; i++) {
        udsock_message message = {
            .size = said, .data = &bytes[i], .data_capacity = 1, .data_size = 1};
        const size_t known = size < sizeof message ? size : sizeof message;
        memcpy(content + i * size, &message, known);
    }
    CHECK(udsock_send_batch(sender, place(content, COUNT * size, said), COUNT, 0) == COUNT);
    CHECK(nothing_is_written_around());
    memset(bytes, 0, COUNT);
    CHECK(udsock_recv_batch(receiver, place(content, COUNT * size, said), COUNT, 0) == COUNT);
    CHECK(nothing_is_written_around());
    CHECK(strcmp(bytes, "abc") == 0);
    for (int i = 0; i < COUNT; i++) {
        const udsock_message message = copy(placed + i * size, size);
        CHECK(message.size == size && message.result == 1);
        close_pidfd(&message);
    }

    /* One element that is wrong: sending tells it alone, receiving takes nothing. */
    const uint32_t another = said + 8;
    memcpy(content + size, &another, sizeof another);
    void *array = place(content, COUNT * size, said);
    CHECK(udsock_send_batch(sender, array, COUNT, 0) == COUNT - 1);
    int32_t result;
    memcpy(&result, placed + size + offsetof(udsock_message, result), sizeof result);
    CHECK(result == -EINVAL || (result == -E2BIG && another > sizeof(udsock_message)));
    CHECK(udsock_recv_batch(receiver, array, COUNT, 0) == result);
    CHECK(nothing_is_written_around());
    for (int i = 0; i < COUNT - 1; i++)
        CHECK(udsock_recv(receiver, bytes, 1, 0) == 1);
}

int main(void)
{
    udsock_t pair[2];
    CHECK(udsock_open_pair(UDSOCK_SEQPACKET, pair) == 0);
    sender = pair[0], receiver = pair[1];
    CHECK(udsock_set_option(receiver, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1) == 0);
    /* Without it, on a kernel before Linux 6.5, the rest is the same. */
    int32_t with_pidfd = udsock_set_option(receiver, UDSOCK_OPTION_RECEIVE_PIDFD, 1);
    CHECK(with_pidfd == 0 || with_pidfd == -ENOPROTOOPT);

    /* The first version's, this one's, and a newer one's. */
    const size_t sizes[] = {FIRST, sizeof(udsock_message), sizeof(udsock_message) + 8};
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++) {
        for (int i = 0; i < 3; i++) {
            check_array(sizes[i]);
            if (sizes[i] <= sizeof(udsock_message)) {
                check_sending(sizes[i]);
                check_receiving(sizes[i]);
            }
        }
    }
    char byte = 'x';
    const udsock_message one = {.data = &byte, .data_capacity = 1, .data_size = 1};
    check_sizes((sized_call){send_, &one, FIRST, sizeof one});
    check_sizes((sized_call){recv_, &one, FIRST, sizeof one});
    CHECK(udsock_close(sender) == 0 && udsock_close(receiver) == 0);
}
