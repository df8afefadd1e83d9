/* Sockets: owners of handles, files, the calls one step each. */

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.hpp"

using udsock::option;

static bool exists(const std::string &path)
{
    struct stat found;
    return lstat(path.c_str(), &found) == 0;
}

static bool is_open(udsock_t handle)
{
    return udsock_get_option(handle, UDSOCK_OPTION_KIND) > 0;
}

TEST(a_socket_closes_itself_and_its_file_goes)
{
    const test::directory dir;
    const auto address = dir / "s";
    udsock::error err;
    udsock_t handle;
    {
        const udsock::stream_server server(address, {}, err);
        handle = server.handle();
        CHECK(exists(address) && is_open(handle));
    }
    CHECK(!exists(address) && !is_open(handle));
}

TEST(moving_hands_the_handle_on)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    const udsock_t first = a.handle();
    const udsock_t second = b.handle();
    udsock::socket any = std::move(a);
    CHECK(any.handle() == first && is_open(first));
    udsock::stream again(std::move(any));
    CHECK(again.handle() == first && !any);
    again = std::move(b);
    CHECK(again.handle() == second && !is_open(first) && is_open(second));
    auto &same = again;
    again = std::move(same);
    CHECK(again.handle() == second && is_open(second));
    const udsock_t given = again.detach();
    CHECK(given == second && !again && is_open(second));
    { const udsock::stream back(given); }
    CHECK(!is_open(second));
}

TEST(close_tells_what_it_found)
{
    udsock::error err;
    auto ends = udsock::open_pair<udsock::seqpacket>(err);
    OK(ends.first.close(err));
    FAILS(std::errc::bad_file_descriptor, ends.first.close(err));
    FAILS(std::errc::bad_file_descriptor, ends.first.send("", udsock::no_wait, err));
}

TEST(close_ends_the_calls_of_other_threads)
{
    const test::directory dir;
    udsock::error err;
    udsock::stream_server server(dir / "s", {}, err);
    OK(void());
    std::error_code told;
    std::thread waiting([&] {
        udsock::error theirs;
        const auto nobody = server.accept(test::soon, theirs);
        told = theirs.code();
    });
    // If it has not begun to wait by then it finds the handle closed.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    OK(server.close(err));
    waiting.join();
    CHECK(told == udsock::errc::closed || told == std::errc::bad_file_descriptor);
}

TEST(one_step_each)
{
    const test::directory dir;
    const auto address = dir / "s";
    udsock::error err;
    auto server = udsock::create<udsock::seqpacket_server>(err);
    OK(server.bind(address, {}, err));
    CHECK(server.get_option(option::listening, err) == 0);
    auto client = udsock::create<udsock::seqpacket>(err);
    FAILS(std::errc::connection_refused, client.connect(address, {}, err));
    OK(server.listen(1, err));
    CHECK(server.get_option(option::listening, err) == 1);
    udsock::connect_options named;
    named.local_address = "@";
    OK(client.connect(address, named, err));
    auto peer = server.accept(test::soon, err);
    OK(void());
    CHECK(client.remote_address(err) == address && peer.local_address(err) == address);
    CHECK(peer.remote_address(err) == client.local_address(err));
    CHECK(peer.remote_address(err).front() == '@');
    FAILS(std::errc::bad_file_descriptor, udsock::socket().shutdown(udsock::side::both, err));
}

TEST(a_path_that_was_lost_is_had_back)
{
    const test::directory dir;
    udsock::error err;
    udsock::bind_options options;
    options.restore_file = true;
    const auto path = dir / "s";
    udsock::stream_server server(path, options, err);
    OK(void());
    CHECK(unlink(path.c_str()) == 0);
    CHECK(server.get_option(option::owns_file, err) == 1);
    CHECK(server.get_option(option::restored, err) == 1);
    udsock::stream client(path, {}, err);
    OK(void());
}

TEST(a_padded_name_is_told_to_who_asks_for_the_short_one)
{
    udsock::error err;
    const std::string name = "@udsock-cpp-" + std::to_string(getpid());
    udsock::stream_server server(name + "\\z", {}, err);
    OK(void());
    CHECK(server.local_address(err) == name + "\\z");
    FAILS(std::errc::connection_refused, udsock::stream(name, {}, err));
    CHECK(std::strstr(err.message(), (name + "\\z is there").c_str()) != nullptr);
    udsock::stream client(name + "\\z", {}, err);
    OK(void());
}

TEST(bind_options_arrive)
{
    const test::directory dir;
    const auto address = dir / "made/s";
    udsock::error err;
    udsock::bind_options options;
    options.mode = 0640;
    options.user = std::to_string(geteuid());
    options.group = std::to_string(getegid());
    options.keep_file = true;
    FAILS(std::errc::no_such_file_or_directory, udsock::stream_server(address, options, err));
    options.make_parents = true;
    OK(udsock::stream_server(address, options, err));
    CHECK(udsock::inspect(address, err).mode == 0640);
    options.no_reclaim = true;
    FAILS(std::errc::address_in_use, udsock::stream_server(address, options, err));
    options.no_reclaim = false;
    options.keep_file = false;
    OK(udsock::stream_server(address, options, err));
    CHECK(!exists(address) && rmdir((dir / "made").c_str()) == 0);
    options.user = "nobody of this name";
    FAILS(std::errc::invalid_argument, udsock::stream_server(dir / "s", options, err));
    options.user.clear();
    options.group = "nobody of this name";
    FAILS(std::errc::invalid_argument, udsock::stream_server(dir / "s", options, err));
}

TEST(a_server_replaces_another)
{
    const test::directory dir;
    udsock::error err;
    udsock::bind_options options;
    options.replace = true;
    udsock::stream_server old(dir / "s", options, err);
    const udsock::stream_server successor(dir / "s", options, err);
    OK(void());
    CHECK(old.get_option(option::owns_file, err) == 0);
    CHECK(successor.get_option(option::owns_file, err) == 1);
    OK(old.disown(err));
    OK(old.close(err));
    CHECK(exists(dir / "s"));
}

TEST(connect_options_arrive)
{
    const test::directory dir;
    udsock::error err;
    udsock::connect_options options;
    options.retry = true;
    options.timeout = std::chrono::milliseconds(20);
    FAILS(std::errc::timed_out, udsock::stream(dir / "s", options, err));
    const udsock::stream_server server([&] {
        udsock::bind_options one;
        one.backlog = 1;
        return udsock::stream_server(dir / "s", one, err);
    }());
    options.retry = false;
    options.timeout = udsock::no_wait;
    std::vector<udsock::stream> queued;
    do {
        queued.emplace_back(dir / "s", options, err);
    } while (!err && queued.size() < 100);
    CHECK(err.code() == std::errc::resource_unavailable_try_again && queued.size() < 100);
    options.timeout = std::chrono::milliseconds(20);
    FAILS(std::errc::timed_out, udsock::stream(dir / "s", options, err));
}

TEST(inspect_says_what_is_there)
{
    const test::directory dir;
    udsock::error err;
    CHECK(udsock::inspect(dir / "s", err).state == udsock::state::absent);
    const udsock::seqpacket_server server(dir / "s", {}, err);
    const auto found = udsock::inspect(dir / "s", err);
    OK(void());
    CHECK(found.state == udsock::state::live && found.kind == udsock::kind::seqpacket);
    CHECK(found.pid == getpid() && found.uid == geteuid() && found.inode != 0);
    CHECK(found.reach == udsock::reach::all);
    CHECK(udsock::inspect("/proc", err).state == udsock::state::not_a_socket);
    FAILS(std::errc::not_a_directory, udsock::inspect(dir / "s/s", err));
}

TEST(descriptors_go_out_and_in)
{
    udsock::error err;
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    const int borrowed = a.fd(err);
    CHECK(borrowed >= 0);
    udsock::unique_fd taken(a.release(err));
    OK(void());
    CHECK(taken.get() == borrowed && !is_open(a.handle()));
    udsock::stream again(udsock::adopt(std::move(taken), err));
    OK(again.send("x", udsock::no_wait, err));
    CHECK(!taken);
    char byte[1];
    CHECK(b.recv(byte, test::soon, err) == 1);
    udsock::unique_fd no_socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
    FAILS(std::errc::not_a_socket, udsock::adopt(std::move(no_socket), err));
    CHECK(no_socket);
}

/** What a service manager leaves a process: descriptors from 3 on. */
static void be_given_sockets(int count)
{
    for (int fd = 3; fd < 1024; fd++) {
        close(fd); // closefrom is not in every C library.
    }
    std::string names;
    for (int i = 0; i < count; i++) {
        CHECK(::socket(AF_UNIX, SOCK_SEQPACKET, 0) == 3 + i);
        names += (i > 0 ? ":" : "") + std::string("socket") + std::to_string(i);
    }
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
    setenv("LISTEN_FDNAMES", names.c_str(), 1);
}

TEST(sockets_are_handed_over_at_the_start)
{
    udsock::error err;
    CHECK(udsock::activated(err).empty() && !err);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        be_given_sockets(20);
        const auto given = udsock::activated(err);
        OK(CHECK(given.size() == 20));
        for (std::size_t i = 0; i < given.size(); i++) {
            CHECK(given[i].fd(err) == 3 + static_cast<int>(i));
            CHECK(given[i].activated_name(err) == "socket" + std::to_string(i));
        }
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "many", 1);
    FAILS(std::errc::invalid_argument, udsock::activated(err));
    auto [a, b] = udsock::open_pair<udsock::stream>(err);
    FAILS(std::errc::no_message_available, a.activated_name(err));
}

TEST(cleanup_removes_the_files_and_leaves_the_sockets)
{
    const test::directory dir;
    udsock::error err;
    const udsock::stream_server server(dir / "s", {}, err);
    CHECK(udsock::cleanup(err) == 1 && !err && !exists(dir / "s") && is_open(server.handle()));
    OK(udsock::cleanup_on_signal(SIGTERM, err));
    FAILS(std::errc::invalid_argument, udsock::cleanup_on_signal(SIGKILL, err));
    CHECK(udsock::version() == udsock_version());
    CHECK(udsock::version_string() == udsock_version_string());
}
