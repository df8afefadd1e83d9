/*
 * What a message with one descriptor costs through the ABI, over sendmsg(2) and
 * recvmsg(2): sent and received on a pair of streams, in one thread, and the descriptor
 * that came closed by close(2).
 *
 *     descriptor_cost          a table of times, each way in turn
 *     descriptor_cost count    rounds for callgrind to count
 *     descriptor_cost trace    the same for strace
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare.h"

enum { SIZE = 64 };

/* The descriptor that is passed. */
static int passed;

static int raw_ends[2];
static udsock_t our_ends[2];

static void open_ends(void)
{
    passed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    require(passed >= 0, "open /dev/null");
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw_ends) == 0, "socketpair");
    require(udsock_open_pair(UDSOCK_STREAM, our_ends) == 0, "udsock_open_pair");
    require(udsock_set_option(our_ends[1], UDSOCK_OPTION_RECEIVE_FDS, 1) == 0,
            "udsock_set_option");
}

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static void send_raw(void)
{
    char data[SIZE] = {0};
    struct iovec part = {.iov_base = data, .iov_len = SIZE};
    union control control = {
        .header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
                   .cmsg_type = SCM_RIGHTS},
    };
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
    require(sendmsg(raw_ends[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == SIZE, "sendmsg");
}

static int receive_raw(void)
{
    char data[SIZE];
    struct iovec part = {.iov_base = data, .iov_len = SIZE};
    union control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control};
    require(recvmsg(raw_ends[1], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == SIZE, "recvmsg");
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    require(header != NULL && header->cmsg_type == SCM_RIGHTS, "no descriptor came");
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return descriptor;
}

static void send_ours(void)
{
    char data[SIZE] = {0};
    udsock_message message = {.size = sizeof message, .data = data, .data_size = SIZE,
                              .descriptors = &passed, .descriptors_count = 1};
    require(udsock_send_message(our_ends[0], &message, UDSOCK_FOREVER) == SIZE,
            "udsock_send_message");
}

static int receive_ours(void)
{
    char data[SIZE];
    int descriptor;
    udsock_message message = {.size = sizeof message, .data = data, .data_capacity = SIZE,
                              .descriptors = &descriptor, .descriptors_capacity = 1};
    require(udsock_recv_message(our_ends[1], &message, UDSOCK_FOREVER) == SIZE,
            "udsock_recv_message");
    require(message.descriptors_count == 1, "no descriptor came");
    return descriptor;
}

static void pass_raw(void *unused)
{
    (void)unused;
    send_raw();
    require(close(receive_raw()) == 0, "close");
}

static void pass_ours(void *unused)
{
    (void)unused;
    send_ours();
    require(close(receive_ours()) == 0, "close");
}

int main(int argc, char **argv)
{
    const struct work work = {
        .name = "one descriptor a message", .operations = 1,
        .raw = {.run = pass_raw}, .ours = {.run = pass_ours},
    };
    open_ends();
    return side_by_side("ns a message", &work, 1, argc, argv);
}
