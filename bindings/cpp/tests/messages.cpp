/* Messages with descriptors and who sent them; many in one call. */

#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.hpp"

using udsock::message;
using udsock::no_wait;
using udsock::option;
using udsock::unique_fd;

static std::string read_all(const unique_fd &fd)
{
    char room[64];
    const auto count = pread(fd.get(), room, sizeof room, 0);
    CHECK(count >= 0);
    return std::string(room, static_cast<std::size_t>(count));
}

static unique_fd file_with(std::string_view text)
{
    const char *parent = std::getenv("TMPDIR");
    unique_fd fd(open(parent != nullptr ? parent : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    CHECK(fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

TEST(descriptors_travel_and_have_owners)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    OK(b.set_option(option::receive_fds, 1, err));
    const auto one = file_with("one");
    const auto two = file_with("two");
    CHECK(a.send_message("files", {one.get(), two.get()}, test::soon, err) == 5 && !err);
    char bytes[16];
    std::array<unique_fd, 4> fds;
    auto room = message::to_receive(bytes, fds);
    CHECK(b.recv_message(room, test::soon, err) == 5u && !err);
    CHECK(room.data().text() == "files" && room.descriptors() == 2 && !room.fds_lost());
    CHECK(read_all(fds[0]) == "one" && read_all(fds[1]) == "two" && !fds[2]);
    CHECK(is_open(one.get()) && one.get() != fds[0].get());

    const int before = fds[0].get();
    OK(a.send("no files", test::soon, err));
    CHECK(b.recv_message(room, test::soon, err) == 8u);
    CHECK(room.descriptors() == 0 && !fds[0] && !is_open(before));
    OK(a.close(err));
    CHECK(!b.recv_message(room, test::soon, err) && !err);
}

TEST(what_was_received_can_be_sent_on)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    auto [c, d] = udsock::open_pair<udsock::seqpacket>(err);
    OK(b.set_option(option::receive_fds, 1, err));
    OK(d.set_option(option::receive_fds, 1, err));
    OK(a.send_message("x", {file_with("one").get()}, test::soon, err));
    char bytes[4];
    unique_fd fd[1];
    auto room = message::to_receive(bytes, fd);
    OK(b.recv_message(room, test::soon, err));
    OK(c.send_message(room, test::soon, err));
    char other[4];
    unique_fd other_fd[1];
    auto second = message::to_receive(other, other_fd);
    OK(d.recv_message(second, test::soon, err));
    CHECK(second.data().text() == "x" && read_all(other_fd[0]) == "one");
}

TEST(what_is_lost_is_told)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::seqpacket>(err);
    OK(b.set_option(option::receive_fds, 1, err));
    const auto file = file_with("");
    OK(a.send_message("longer", {file.get(), file.get()}, test::soon, err));
    char bytes[4];
    unique_fd fd[1];
    auto room = message::to_receive(bytes, fd);
    CHECK(b.recv_message(room, test::soon, err) == 4u && !err);
    CHECK(room.truncated() && room.size() == 6 && room.data().text() == "long");
    CHECK(room.fds_lost() && room.descriptors() == 1);
    FAILS(std::errc::invalid_argument, a.send_message(room, no_wait, err));
    FAILS(std::errc::bad_file_descriptor, a.send_message("x", {-1}, no_wait, err));
}

TEST(a_message_says_who_sent_it)
{
    const test::directory dir;
    udsock::error err;
    udsock::datagram server(dir / "s", {}, err);
    udsock::datagram client(dir / "c", {}, err);
    char bytes[4];
    char from[UDSOCK_ADDRESS_SIZE];
    auto room = message::to_receive(bytes, {}, from);
    CHECK(!room.credentials() && room.address().empty());
    FAILS(std::errc::no_message_available, room.take_pidfd(err));
    OK(client.send_to("x", dir / "s", test::soon, err));
    OK(server.recv_message(room, test::soon, err));
    CHECK(!room.credentials() && room.address() == dir / "c");

    OK(server.set_option(option::receive_credentials, 1, err));
    OK(client.send_to("x", dir / "s", test::soon, err));
    OK(server.recv_message(room, test::soon, err));
    const auto sender = room.credentials();
    CHECK(sender && sender->pid == getpid() && sender->uid == geteuid());
    FAILS(std::errc::no_message_available, room.take_pidfd(err));

    server.set_option(option::receive_pidfd, 1, err);
    if (err.code() == std::errc::no_protocol_option) {
        std::printf("a_message_says_who_sent_it: skipped in part: no SO_PASSPIDFD here\n");
        return;
    }
    OK(client.send_to("x", dir / "s", test::soon, err));
    OK(server.recv_message(room, test::soon, err));
    const auto process = room.take_pidfd(err);
    CHECK(process && is_open(process.get()));
    OK(client.send_to("x", dir / "s", test::soon, err));
    const int next = dup(STDERR_FILENO);
    close(next);
    OK(server.recv_message(room, test::soon, err));
    CHECK(is_open(next));
    auto moved = std::move(room);
    FAILS(std::errc::no_message_available, room.take_pidfd(err));
    auto &same = moved;
    moved = std::move(same);
    CHECK(is_open(next));
    moved = message();
    CHECK(!is_open(next));
    {
        auto another = message::to_receive(bytes);
        OK(client.send_to("x", dir / "s", test::soon, err));
        OK(server.recv_message(another, test::soon, err));
        CHECK(is_open(next));
    }
    CHECK(!is_open(next));
}

TEST(an_answer_goes_to_an_address)
{
    const test::directory dir;
    udsock::error err;
    udsock::datagram server(dir / "s", {}, err);
    auto client = udsock::create<udsock::datagram>(err);
    const auto address = dir / "s";
    auto outgoing = message::to_send("x", {}, address.c_str());
    CHECK(client.send_message(outgoing, test::soon, err) == 1 && !err);
    char bytes[4];
    CHECK(server.recv(bytes, test::soon, err) == 1u);
}

TEST(batches_tell_each_ones_fate)
{
    const test::directory dir;
    udsock::error err;
    udsock::datagram server(dir / "s", {}, err);
    auto client = udsock::create<udsock::datagram>(err);
    const auto there = dir / "s";
    const auto nowhere = dir / "none";
    std::array<message, 3> out{message::to_send("one", {}, there.c_str()),
                               message::to_send("two", {}, nowhere.c_str()),
                               message::to_send("", {}, there.c_str())};
    CHECK(client.send_batch(out, test::soon, err) == 2 && !err);
    CHECK(out[0].result() == 3 && !out[0].code());
    CHECK(out[1].result() == 0 && out[1].code() == std::errc::no_such_file_or_directory);
    CHECK(out[2].result() == 0 && !out[2].code());

    char bytes[4][8];
    std::array<message, 4> in;
    for (std::size_t i = 0; i < in.size(); i++) {
        in[i] = message::to_receive(bytes[i]);
    }
    CHECK(server.recv_batch(in, test::soon, err) == 2u && !err);
    CHECK(in[0].data().text() == "one" && in[0].result() == 3 && in[1].size() == 0);
    FAILS(std::errc::resource_unavailable_try_again, server.recv_batch(in, no_wait, err));
    FAILS(std::errc::invalid_argument, server.recv_batch({}, no_wait, err));
    FAILS(std::errc::invalid_argument, client.send_batch({}, no_wait, err));
    OK(server.shutdown(udsock::side::read, err));
    CHECK(!server.recv_batch(in, test::soon, err) && !err);
}
