/*
 * What a message with one descriptor costs through the ABI, over sendmsg(2) and
 * recvmsg(2): sent and received on a pair of streams, in one thread, and the descriptor
 * that came closed by close(2).
 *
 *     descriptor_cost                     a table of times, each way in turn
 *     descriptor_cost raw|ours ROUNDS     just the calls, to count instructions
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "timing.h"
#include "udsock.h"

enum { SIZE = 64, RAW = 0, OURS, WAY_COUNT };

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

static const struct {
    const char *name;
    void (*send)(void);
    int (*receive)(void);
} WAYS[] = {{"raw", send_raw, receive_raw}, {"ours", send_ours, receive_ours}};

static void run(int way, long rounds)
{
    while (rounds-- > 0) {
        WAYS[way].send();
        require(close(WAYS[way].receive()) == 0, "close");
    }
}

static void measure(void)
{
    static double samples[WAY_COUNT][SAMPLES], ratios[SAMPLES];
    for (int way = 0; way < WAY_COUNT; way++)
        run(way, ROUNDS_PER_SAMPLE);
    for (int i = 0; i < SAMPLES; i++) {
        for (int way = 0; way < WAY_COUNT; way++) {
            double start = now();
            run(way, ROUNDS_PER_SAMPLE);
            samples[way][i] = (now() - start) / ROUNDS_PER_SAMPLE;
        }
        /* Sample by sample: what disturbed both alike cancels. */
        ratios[i] = samples[OURS][i] / samples[RAW][i];
    }
    printf("%-24s %8s %8s %10s\n", "ns a message", "raw", "ours", "ours / raw");
    printf("%-24s %8.1f %8.1f %10.3f\n", "one descriptor a message", median(samples[RAW]),
           median(samples[OURS]), median(ratios));
}

int main(int argc, char **argv)
{
    open_ends();
    if (argc == 1) {
        stay_on_this_core();
        measure();
        return 0;
    }
    int way = 0;
    while (argc == 3 && way < WAY_COUNT && strcmp(WAYS[way].name, argv[1]) != 0)
        way++;
    long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (way == WAY_COUNT || rounds <= 0) {
        fprintf(stderr, "usage: descriptor_cost [raw|ours ROUNDS]\n");
        return 2;
    }
    run(way, rounds);
    return 0;
}
