/* The poller: events with their data, answers, owners of what was accepted. */

#include <array>
#include <map>
#include <thread>

#include <csignal>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.hpp"

using udsock::event_kind;
using udsock::interest;
using udsock::no_wait;

TEST(a_poller_serves_streams)
{
    const test::directory dir;
    udsock::error err;
    udsock::poller poller({}, err);
    udsock::stream_server server(dir / "s", {}, err);
    OK(poller.add(server, 7, interest::data, err));
    std::array<udsock::stream, 20> clients;
    for (auto &client : clients) {
        client = udsock::stream(dir / "s", {}, err);
        OK(client.send_all("hello", test::soon, err));
        OK(client.shutdown(udsock::side::write, err));
    }

    std::map<udsock_t, udsock::stream> connections;
    std::array<udsock::event, 8> events;
    std::array<char, 4096> arena;
    std::size_t ended = 0;
    while (ended < clients.size()) {
        const auto count = poller.wait(events, arena, test::soon, err);
        CHECK(count > 0);
        std::vector<udsock::outgoing> answers;
        for (const auto &event : udsock::view<udsock::event>(events.data(), count)) {
            CHECK(!event.code());
            if (event.kind() == event_kind::accepted) {
                CHECK(event.token() == 7);
                connections.emplace(event.handle(), udsock::stream(event.handle()));
                OK(poller.add(event.handle(), 9, interest::data, err));
            } else if (event.kind() == event_kind::received) {
                CHECK(event.token() == 9 && event.data(arena).text() == "hello");
                CHECK(event.address(arena).empty());
                answers.emplace_back(event);
            } else {
                CHECK(event.kind() == event_kind::ended);
                ended += connections.erase(event.handle());
            }
        }
        if (!answers.empty()) {
            CHECK(poller.send(answers, arena, err) == answers.size() && !err);
        }
    }
    for (auto &client : clients) {
        char room[8];
        CHECK(client.recv_exact({room, 5}, test::soon, err) == 5);
        CHECK(!client.recv(room, test::soon, err) && !err);
    }
    OK(poller.remove(server, err));
    FAILS(std::errc::no_such_file_or_directory, poller.remove(server, err));
}

TEST(a_poller_answers_datagrams)
{
    const test::directory dir;
    udsock::error err;
    udsock::poller poller({}, err);
    udsock::datagram server(dir / "s", {}, err);
    udsock::datagram client(dir / "c", {}, err);
    OK(poller.add(server, 0, interest::data, err));
    OK(client.send_to("question", dir / "s", test::soon, err));
    udsock::event events[4];
    std::string arena(8192, ' ');
    CHECK(poller.wait(events, arena, test::soon, err) == 1);
    CHECK(events[0].data(arena).text() == "question" && events[0].address(arena) == dir / "c");
    udsock::outgoing answer[] = {udsock::outgoing(events[0])};
    CHECK(poller.send(answer, arena, err) == 1 && !answer[0].code());
    char room[16];
    CHECK(client.recv(room, test::soon, err) == 8u);

    const std::string base = "answer" + (dir / "c");
    udsock::outgoing other(server.handle(), 0, 6);
    other.to(6, static_cast<std::uint32_t>(base.size() - 6));
    CHECK(poller.send({&other, 1}, base, err) == 1);
    CHECK(client.recv(room, test::soon, err) == 6u);
}

TEST(an_item_says_why_it_was_not_taken)
{
    udsock::error err;
    udsock::poller poller({}, err);
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    OK(poller.add(a, 0, interest::data, err));
    using then = udsock::outgoing::then;
    std::array<udsock::outgoing, 3> items{udsock::outgoing(b.handle(), 0, 1),
                                          udsock::outgoing(a.handle(), 0, 2, then::shutdown),
                                          udsock::outgoing(a.handle(), 0, 1)};
    CHECK(poller.send(items, "xy", err) == 1 && !err);
    CHECK(items[0].code() == std::errc::no_such_file_or_directory && !items[1].code());
    CHECK(items[2].code() == std::errc::broken_pipe && items[2].handle() == a.handle());
    char room[4];
    CHECK(b.recv(room, test::soon, err) == 2u);
    CHECK(!b.recv(room, test::soon, err) && !err);
    udsock::outgoing last[] = {udsock::outgoing(b.handle(), 0, 1)};
    OK(poller.add(b, 0, interest::data, err));
    last[0] = udsock::outgoing(b.handle(), 0, 1, then::close);
    CHECK(poller.send(last, "x", err) == 1);
    FAILS(std::errc::bad_file_descriptor, b.close(err));
    FAILS(std::errc::invalid_argument, poller.wait({}, {}, no_wait, err));
}

TEST(readiness_and_a_loop_outside)
{
    udsock::error err;
    udsock::poller poller({}, err);
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    OK(poller.add(a, 3, interest::readiness, err));
    pollfd watched = {poller.fd(err), POLLIN, 0};
    CHECK(watched.fd >= 0 && poll(&watched, 1, 0) == 0);
    OK(b.send("", no_wait, err));
    CHECK(poll(&watched, 1, 20000) == 1);
    udsock::event events[2];
    CHECK(poller.wait(events, {}, no_wait, err) == 1);
    CHECK(events[0].kind() == event_kind::ready && events[0].token() == 3);
    FAILS(std::errc::device_or_resource_busy, udsock::poller({}, err).add(a, 0, {}, err));
}

TEST(a_poller_is_woken_and_closed)
{
    udsock::error err;
    udsock::poller poller({}, err);
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    OK(poller.add(a, 0, interest::data, err));
    udsock::event events[2];
    OK(poller.wake(err));
    CHECK(poller.wait(events, {}, test::soon, err) == 0 && !err);
    FAILS(std::errc::timed_out, poller.wait(events, {}, std::chrono::milliseconds(2), err));
    std::thread other([&] {
        udsock::error theirs;
        poller.wake(theirs);
        CHECK(!theirs);
    });
    OK(CHECK(poller.wait(events, {}, test::soon, err) == 0));
    other.join();
    udsock::poller moved = std::move(poller);
    OK(moved.close(err));
    FAILS(std::errc::bad_file_descriptor, moved.wake(err));
    OK(a.send("x", no_wait, err));
}

TEST(poller_options_arrive)
{
    udsock::error err;
    udsock::poller_options options;
    options.send_limit = 100;
    options.receive_size = 10;
    udsock::poller poller(options, err);
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    OK(poller.add(a, 0, interest::data, err));
    OK(a.set_option(udsock::option::send_buffer, 1 << 16, err));
    OK(b.send(std::string(25, 'x'), no_wait, err));
    udsock::event events[1];
    std::array<char, 64> arena;
    CHECK(poller.wait(events, arena, test::soon, err) == 1);
    CHECK(events[0].data(arena).size() == 10);
    const std::string much(1 << 16, 'x');
    udsock::outgoing item[] = {udsock::outgoing(a.handle(), 0, 1 << 16)};
    int taken = 0;
    while (poller.send(item, much, err) == 1) {
        taken++;
    }
    OK(CHECK(taken < 16)); // The default is 16 times as much.
    CHECK(item[0].code() == std::errc::resource_unavailable_try_again);

    auto [c, d] = udsock::open_pair<udsock::stream>(err);
    OK(poller.add(c, 0, interest::data, err));
    OK(c.set_option(udsock::option::send_buffer, 1 << 12, err));
    udsock::outgoing unkept[] = {udsock::outgoing(c.handle(), 0, 1 << 16)};
    unkept[0].dont_keep();
    CHECK(poller.send(unkept, much, err) == 1);
    CHECK(unkept[0].taken() > 0 && unkept[0].taken() < 1 << 16);
}

TEST(a_server_without_descriptors_is_not_over)
{
    const test::directory dir;
    udsock::error err;
    udsock::poller poller({}, err);
    udsock::stream_server server(dir / "s", {}, err);
    OK(poller.add(server, 0, interest::data, err));
    udsock::event events[2];
    std::array<char, 64> arena;
    // (A wait has what it needs from now on.)
    FAILS(std::errc::timed_out, poller.wait(events, arena, std::chrono::milliseconds(1), err));
    udsock::stream client(dir / "s", {}, err);

    const int lowest = ::dup(0);
    ::close(lowest);
    rlimit limit{};
    CHECK(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlimit none = limit;
    none.rlim_cur = static_cast<rlim_t>(lowest);
    CHECK(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto count = poller.wait(events, arena, test::soon, err);
    CHECK(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(count == 1 && events[0].kind() == event_kind::failed);
    CHECK(events[0].code() == std::errc::too_many_files_open && !events[0].is_over());

    CHECK(poller.wait(events, arena, test::soon, err) == 1);
    CHECK(events[0].kind() == event_kind::accepted && !events[0].is_over());
    udsock::stream accepted(events[0].handle());
    OK(client.close(err));
    CHECK(poller.wait(events, arena, test::soon, err) == 1);
    CHECK(events[0].kind() == event_kind::ended && events[0].is_over());
}

TEST(a_wait_goes_on_after_a_stop)
{
    const test::directory dir;
    udsock::error err;
    udsock::stream_server server(dir / "s", {}, err);
    const pid_t child = ::fork();
    if (child == 0) {
        udsock::error theirs;
        // (A sanitizer has handlers, which might have run.)
        for (int signal = 1; signal < NSIG; signal++) {
            std::signal(signal, SIG_DFL);
        }
        // The library's own ends the process, so it has not.
        udsock::cleanup_on_signal(SIGTERM, theirs);
        udsock::poller poller({}, theirs);
        poller.add(server, 0, interest::data, theirs);
        udsock::event events[1];
        std::array<char, 64> arena;
        const auto count = poller.wait(events, arena, test::soon, theirs);
        ::_exit(count == 1 && events[0].kind() == event_kind::accepted ? 0 : 1);
    }
    CHECK(child > 0);
    int status = 0;
    for (int i = 0; i < 5; i++) { // Ctrl-Z and fg.
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK(::kill(child, SIGSTOP) == 0);
        CHECK(::waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
        CHECK(::kill(child, SIGCONT) == 0);
    }
    udsock::stream client(dir / "s", {}, err);
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
