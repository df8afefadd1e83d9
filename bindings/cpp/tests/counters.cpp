/* What is counted, and how full a queue is. */

#include "test.hpp"

TEST(a_socket_counts)
{
    test::connection<udsock::seqpacket> c;
    auto &err = c.err;
    udsock::seqpacket client(c.address, {}, err);
    CHECK(!err && udsock::inspect(c.address, err).queue == 1);
    const auto found = udsock::inspect(c.address, err);
    CHECK(!err && found.queue_limit > 1 && found.processes == 1);
    const auto peer = c.server.accept(test::soon, err);
    OK(client.send("hello", udsock::no_wait, err));
    OK(client.send("", udsock::no_wait, err));
    auto all = client.get_counters(err);
    CHECK(!err && all.sent_bytes == 5 && all.sent_messages == 2 && all.received_messages == 0);
    CHECK(c.server.get_counters(err).accepted == 2 && !err);
    CHECK(peer.get_counters(err).received_bytes == 0 && !err);
    OK(client.close(err));
    FAILS(std::errc::bad_file_descriptor, CHECK(client.get_counters(err).sent_bytes == 0));
}

TEST(a_poller_counts)
{
    udsock::error err;
    udsock::poller poller({}, err);
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    OK(poller.add(a, 0, err));
    OK(b.send("hello", udsock::no_wait, err));
    udsock::event events[4];
    char arena[64];
    CHECK(poller.wait(events, arena, test::soon, err) == 1 && !err);
    const auto all = poller.get_counters(err);
    CHECK(!err && all.received_bytes == 5 && all.received_messages == 1 && all.kept_bytes == 0);
}
