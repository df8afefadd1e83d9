/*
 * What a datagram costs, sent and received in one thread: 64 at a time, over sendmmsg(2)
 * and recvmmsg(2); and to an address, with the sender's, over sendto(2) and recvfrom(2).
 *
 *     datagram_cost          a table of times, each way in turn
 *     datagram_cost count    rounds for callgrind to count
 *     datagram_cost trace    the same for strace
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/un.h>

#include "compare.h"

enum { BATCH = 64, SIZE = 64 };

static char data[BATCH][SIZE];

/* ------------------------------------------------------------------------
 * Many at a time, on a pair
 */

static int raw_pair[2];
static udsock_t our_pair[2];
static struct mmsghdr raw_messages[BATCH];
static udsock_message our_messages[BATCH];

static void open_pairs(void)
{
    static struct iovec parts[BATCH];
    require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, raw_pair) == 0, "socketpair");
    must(udsock_open_pair(UDSOCK_DGRAM, our_pair), "udsock_open_pair");
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = data[i], .iov_len = SIZE};
        raw_messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        our_messages[i] = (udsock_message){.size = sizeof our_messages[i], .data = data[i],
                                           .data_capacity = SIZE, .data_size = SIZE};
    }
}

static void batch_raw(void *unused)
{
    (void)unused;
    require(sendmmsg(raw_pair[0], raw_messages, BATCH, MSG_DONTWAIT | MSG_NOSIGNAL) == BATCH,
            "sendmmsg");
    require(recvmmsg(raw_pair[1], raw_messages, BATCH, MSG_DONTWAIT, NULL) == BATCH, "recvmmsg");
}

static void batch_ours(void *unused)
{
    (void)unused;
    require(udsock_send_batch(our_pair[0], our_messages, BATCH, UDSOCK_FOREVER) == BATCH,
            "udsock_send_batch");
    for (int64_t done = 0; done < BATCH;)
        done += must(udsock_recv_batch(our_pair[1], our_messages + done, (size_t)(BATCH - done),
                                       UDSOCK_FOREVER), "udsock_recv_batch");
}

/* ------------------------------------------------------------------------
 * To an address
 */

enum { FROM, TO };

static struct sockaddr_un raw_address;
static socklen_t raw_address_size = sizeof raw_address;
static int raw_named[2];

static udsock_t our_named[2];
static char our_address[UDSOCK_ADDRESS_SIZE];

static int open_raw_named(void)
{
    /* The kernel picks the name. */
    const struct sockaddr_un none = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    require(bind(fd, (const struct sockaddr *)&none, sizeof(sa_family_t)) == 0, "bind");
    return fd;
}

static udsock_t open_our_named(void)
{
    return must(udsock_open_server(UDSOCK_DGRAM, "@", NULL, NULL), "udsock_open_server");
}

static void open_named(void)
{
    for (int i = FROM; i <= TO; i++) {
        raw_named[i] = open_raw_named();
        our_named[i] = open_our_named();
    }
    require(getsockname(raw_named[TO], (struct sockaddr *)&raw_address, &raw_address_size) == 0,
            "getsockname");
    must(udsock_local_address(our_named[TO], our_address, sizeof our_address),
         "udsock_local_address");
}

static void address_raw(void *unused)
{
    (void)unused;
    struct sockaddr_un sender;
    socklen_t sender_size = sizeof sender;
    require(sendto(raw_named[FROM], data[0], SIZE, MSG_DONTWAIT | MSG_NOSIGNAL,
                   (const struct sockaddr *)&raw_address, raw_address_size) == SIZE, "sendto");
    require(recvfrom(raw_named[TO], data[0], SIZE, MSG_DONTWAIT, (struct sockaddr *)&sender,
                     &sender_size) == SIZE, "recvfrom");
}

static void address_ours(void *unused)
{
    (void)unused;
    char sender[UDSOCK_ADDRESS_SIZE];
    require(udsock_send_to(our_named[FROM], data[0], SIZE, our_address, UDSOCK_FOREVER) == SIZE,
            "udsock_send_to");
    require(udsock_recv_from(our_named[TO], data[0], SIZE, sender, sizeof sender,
                             UDSOCK_FOREVER) == SIZE, "udsock_recv_from");
}

int main(int argc, char **argv)
{
    const struct work works[] = {
        {.name = "dgram, batch", .operations = BATCH,
         .raw = {.run = batch_raw}, .ours = {.run = batch_ours}},
        {.name = "dgram, address", .operations = 1,
         .raw = {.run = address_raw}, .ours = {.run = address_ours}},
    };
    open_pairs();
    open_named();
    return side_by_side("ns a message", works, sizeof works / sizeof works[0], argc, argv);
}
