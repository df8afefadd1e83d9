/* Sending and receiving: bytes, messages, the end, what a failure leaves. */

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include "test.hpp"

using namespace std::chrono_literals;
using udsock::no_wait;
using udsock::option;
using udsock::side;

TEST(an_empty_message_is_not_the_end)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    for (std::string_view text : {"", "x", ""}) {
        CHECK(a.send(text, no_wait, err) == text.size() && !err);
    }
    OK(a.shutdown(side::write, err));
    char room[8];
    for (std::size_t size : {0u, 1u, 0u}) {
        const auto count = b.recv(room, test::soon, err);
        CHECK(count && *count == size && !err);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(!b.recv(room, test::soon, err) && !err);
    }
    CHECK(b.send("still", no_wait, err) == 5 && a.recv(room, test::soon, err) == 5);
}

TEST(a_stream_ends)
{
    test::connection<udsock::stream> c;
    auto &err = c.err;
    OK(c.client.send_all("hello", test::soon, err));
    OK(c.client.close(err));
    std::array<std::byte, 16> room;
    CHECK(c.peer.recv(room, test::soon, err) == 5 && !err);
    CHECK(!c.peer.recv(room, test::soon, err) && !err);
    FAILS(std::errc::broken_pipe, c.peer.send("x", no_wait, err));
}

TEST(a_timeout_is_an_error_and_no_end)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    char byte[1];
    FAILS(std::errc::resource_unavailable_try_again, CHECK(!a.recv(byte, no_wait, err)));
    FAILS(std::errc::timed_out, CHECK(!a.recv(byte, 2ms, err)));
    FAILS(std::errc::invalid_argument, CHECK(!a.recv({byte, 0}, no_wait, err)));
}

TEST(progress_is_told)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    OK(a.send_all("abc", test::soon, err));
    std::string room(5, ' ');
    FAILS(std::errc::timed_out, CHECK(b.recv_exact(room, 2ms, err) == 3));
    CHECK(err.transferred() == 3 && room == "abc  ");
    OK(a.send_all("defgh", test::soon, err));
    OK(CHECK(b.recv_exact({room.data() + 3, 2}, test::soon, err) == 2));
    CHECK(room == "abcde" && err.transferred() == 2);
    OK(a.close(err));
    FAILS(udsock::errc::eof, CHECK(b.recv_exact(room, test::soon, err) == 3));
    CHECK(err.transferred() == 3 && room.substr(0, 3) == "fgh");
    FAILS(udsock::errc::eof, CHECK(b.recv_exact(room, test::soon, err) == 0));

    auto [c, d] = udsock::open_pair<udsock::stream>(err);
    const std::string much(1 << 22, 'x');
    FAILS(std::errc::timed_out, c.send_all(much, 2ms, err));
    CHECK(err.transferred() > 0 && err.transferred() < much.size());
    const auto waiting = static_cast<std::size_t>(d.get_option(option::readable_bytes, err));
    FAILS(std::errc::resource_unavailable_try_again, CHECK(c.send_all(much, no_wait, err) == 0));
    std::vector<char> all(waiting);
    OK(d.recv_exact(all, test::soon, err));
}

TEST(parts_are_gathered_and_scattered)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    const std::string body = "body";
    CHECK(a.sendv({"head", body, {}}, test::soon, err) == 8 && !err);
    char first[3];
    unsigned char rest[9];
    CHECK(b.recvv({first, rest}, test::soon, err) == 8 && !err);
    CHECK(std::string(first, 3) == "hea" && std::string(rest, rest + 5) == "dbody");
    FAILS(std::errc::message_size, a.sendv(std::vector<udsock::const_buffer>(1025), no_wait, err));
    OK(a.close(err));
    CHECK(!b.recvv({first, rest}, test::soon, err) && !err);
}

TEST(a_message_too_large_is_an_error)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    OK(a.send("longer", no_wait, err));
    char room[4];
    FAILS(std::errc::message_size, CHECK(!b.recv(room, test::soon, err)));
    CHECK(std::string(room, 4) == "long");
}

TEST(datagrams_are_answered)
{
    const test::directory dir;
    udsock::error err;
    udsock::datagram server(dir / "s", {}, err);
    udsock::datagram client("@", {}, err);
    auto nameless = udsock::create<udsock::datagram>(err);
    OK(client.send_to("question", dir / "s", test::soon, err));
    char room[16];
    std::string from;
    CHECK(server.recv_from(room, from, test::soon, err) == 8u && from.front() == '@');
    CHECK(from == client.local_address(err));
    OK(server.send_to("", from, test::soon, err));
    CHECK(client.recv_from(room, from, test::soon, err) == 0u && from == dir / "s");
    OK(nameless.connect(dir / "s", {}, err));
    OK(nameless.send("x", test::soon, err));
    CHECK(server.recv_from(room, from, test::soon, err) == 1u && from.empty());
    FAILS(std::errc::no_such_file_or_directory, client.send_to("x", dir / "none", no_wait, err));
    from = "as it was";
    FAILS(std::errc::resource_unavailable_try_again, server.recv_from(room, from, no_wait, err));
    CHECK(from == "as it was");
    OK(server.shutdown(side::read, err));
    CHECK(!server.recv_from(room, from, test::soon, err) && !err);
}

TEST(options_are_read_and_set)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    CHECK(a.get_option(option::kind, err) == UDSOCK_STREAM);
    OK(a.set_option(option::send_buffer, 1 << 16, err));
    CHECK(a.get_option(option::send_buffer, err) >= 1 << 16);
    OK(a.set_option(option::spin_us, 0, err));
    CHECK(a.get_option(option::spin_us, err) == 0 && !err);
    FAILS(std::errc::no_protocol_option, a.set_option(option::kind, 1, err));
    FAILS(std::errc::invalid_argument, a.set_option(option::receive_fds, 2, err));
}

TEST(a_signal_interrupts)
{
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    const pthread_t waiting = pthread_self();
    std::atomic<bool> over{false};
    std::thread signals([&] {
        while (!over) {
            std::this_thread::sleep_for(1ms);
            pthread_kill(waiting, SIGUSR1);
        }
    });
    char byte[1];
    FAILS(std::errc::interrupted, CHECK(!a.recv(byte, test::soon, err)));
    over = true;
    signals.join();
}
