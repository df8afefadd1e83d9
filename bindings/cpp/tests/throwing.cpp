/* The forms that throw: each does what the other does, and throws what that tells. */

#ifdef __cpp_exceptions

#include <array>
#include <unistd.h>

#include "test.hpp"

using namespace std::chrono_literals;

/** That it throws an error with this code, as a std::system_error; says which. */
template <class Code, class Call>
static std::string thrown(Code code, Call call)
{
    try {
        call();
    } catch (const std::system_error &error) {
        CHECK(error.code() == code);
        return error.what();
    }
    test::fail(__FILE__, __LINE__, "nothing", "was thrown");
}

TEST(what_is_thrown_tells_the_whole_story)
{
    const test::directory dir;
    const udsock::stream_server server(dir / "s");
    udsock::error err;
    const udsock::stream_server second(dir / "s", {}, err);
    const auto what = thrown(std::errc::address_in_use, [&] { udsock::stream_server(dir / "s"); });
    CHECK(what == err.message());
    auto [a, b] = udsock::open_pair<udsock::stream>();
    char room[1];
    const auto plain = thrown(std::errc::timed_out, [&a = a, &room] { a.recv(room, 1ms); });
    CHECK(plain == std::string("recv: ") + udsock_error_text(-ETIMEDOUT));
}

TEST(what_is_thrown_tells_the_progress)
{
    auto [a, b] = udsock::open_pair<udsock::stream>();
    a.send_all("abc");
    char room[5];
    try {
        b.recv_exact(room, 1ms);
        test::fail(__FILE__, __LINE__, "recv_exact", "threw nothing");
    } catch (const udsock::system_error &error) {
        const udsock::system_error copy = error;
        CHECK(copy.code() == std::errc::timed_out && copy.transferred() == 3);
    }
}

TEST(the_end_is_not_thrown)
{
    const test::directory dir;
    udsock::seqpacket_server server(dir / "s");
    udsock::seqpacket client(dir / "s");
    auto peer = server.accept();
    CHECK(client.send("") == 0 && client.send_all("x") == 1 && client.sendv({"y", "z"}) == 2);
    client.shutdown(udsock::side::write);
    char first[1];
    char second[3];
    CHECK(peer.recv(first) == 0u && peer.recvv({first, second}) == 1u && peer.recv(second) == 2u);
    CHECK(!peer.recv(first) && !peer.recvv({first, second}));
    auto room = udsock::message::to_receive(first);
    CHECK(!peer.recv_message(room) && !peer.recv_batch({&room, 1}));
    thrown(std::errc::no_message_available, [&] { room.take_pidfd(); });
}

TEST(datagrams_and_messages_throw_too)
{
    const test::directory dir;
    udsock::datagram server(dir / "s");
    udsock::datagram client("@");
    client.send_to("one", dir / "s");
    std::string from;
    char room[4];
    CHECK(server.recv_from(room, from) == 3u && from == client.local_address());
    client.connect(dir / "s");
    CHECK(client.remote_address() == dir / "s");
    auto out = udsock::message::to_send("two");
    CHECK(client.send_message(out) == 3 && client.send_batch({&out, 1}) == 1);
    auto in = udsock::message::to_receive(room);
    CHECK(server.recv_message(in) == 3u && server.recv_batch({&in, 1}) == 1u);
    CHECK(client.send_message("", {}) == 0 && server.recv(room) == 0u);
    thrown(std::errc::invalid_argument, [&] { client.send_to("x", std::string("a\0b", 3)); });
}

TEST(every_step_throws)
{
    const test::directory dir;
    auto server = udsock::create<udsock::stream_server>();
    server.allow_uid(geteuid());
    server.allow_gid(getegid());
    server.allow_user(std::to_string(geteuid()));
    server.allow_group(std::to_string(getegid()));
    server.bind(dir / "s");
    server.listen();
    auto client = udsock::create<udsock::stream>();
    client.connect(dir / "s");
    udsock::credentials who;
    const auto peer = server.accept(who, 20s);
    CHECK(peer.peer_credentials().pid == who.pid && who.uid == geteuid());
    CHECK(peer.peer_groups().size() == static_cast<std::size_t>(getgroups(0, nullptr)));
    CHECK(server.get_option(udsock::option::refused) == 0 && server.local_address() == dir / "s");
    server.set_option(udsock::option::max_per_uid, 5);
    CHECK(udsock::inspect(dir / "s").state == udsock::state::live);
    CHECK(client.fd() >= 0);
    const auto again = udsock::adopt(client.release());
    CHECK(again && udsock::activated().empty() && udsock::cleanup() == 1);
    server.disown();
    server.close();
    udsock::cleanup_on_signal(15);
    const auto gone = [&](auto call) { thrown(std::errc::bad_file_descriptor, call); };
    gone([&] { server.close(); });
    gone([&] { server.listen(); });
    gone([&] { server.accept(); });
    gone([&] { server.accept(who); });
    gone([&] { server.bind(dir / "t"); });
    gone([&] { server.disown(); });
    gone([&] { server.shutdown(udsock::side::both); });
    gone([&] { server.allow_uid(1); });
    gone([&] { client.fd(); });
    gone([&] { client.release(); });
    gone([&] { client.peer_pidfd(); });
    gone([&] { client.peer_label(); });
    gone([&] { client.activated_name(); });
    gone([&] { client.send("x"); });
    gone([&] { udsock::adopt(udsock::unique_fd()); });
}

TEST(a_poller_throws)
{
    udsock::poller poller;
    auto [a, b] = udsock::open_pair<udsock::seqpacket>();
    poller.add(a);
    b.send("hello");
    udsock::event events[4];
    std::array<char, 64> arena;
    CHECK(poller.wait(events, arena) == 1);
    udsock::outgoing answer[] = {udsock::outgoing(events[0])};
    CHECK(poller.send(answer, arena) == 1);
    poller.wake();
    CHECK(poller.fd() >= 0 && poller.wait(events, arena) == 0);
    poller.remove(a);
    thrown(std::errc::no_such_file_or_directory, [&, &member = a] { poller.remove(member); });
    CHECK(poller.send(answer, arena) == 0);
    CHECK(answer[0].code() == std::errc::no_such_file_or_directory);
    poller.close();
    thrown(std::errc::bad_file_descriptor, [&] { poller.wait(events, arena); });
}

TEST(counters_throw)
{
    auto [a, b] = udsock::open_pair<udsock::stream>();
    a.send("hello");
    CHECK(a.get_counters().sent_bytes == 5 && b.get_counters().received_bytes == 0);
    udsock::poller poller;
    CHECK(poller.get_counters().accepted == 0);
    poller.close();
    a.close();
    thrown(std::errc::bad_file_descriptor, [&] { poller.get_counters(); });
    thrown(std::errc::bad_file_descriptor, [&, &closed = a] { closed.get_counters(); });
}

TEST(the_log_throws)
{
    auto ignore = [](const udsock::log_record &) noexcept {};
    udsock::set_log(udsock::log_level::debug, ignore);
    udsock::reset_log();
    const auto no_level = static_cast<udsock::log_level>(0);
    thrown(std::errc::invalid_argument, [&] { udsock::set_log(no_level, ignore); });
}

#endif
