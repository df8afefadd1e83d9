/*
 * A chat room: what one says all others hear. The server lets in nobody but its own user,
 * serves everyone in one thread, and can be replaced while it runs.
 *
 *     chat serve /tmp/chat.sock
 *     chat join /tmp/chat.sock         (in other terminals)
 */

#include <array>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <csignal>
#include <unistd.h>

#include <udsock.hpp>

namespace {

class room {
public:
    explicit room(const char *address) : server_(udsock::create<udsock::seqpacket_server>())
    {
        server_.allow_uid(geteuid()); // Before anyone can come.
        udsock::bind_options options;
        options.mode = 0600;
        options.replace = true;
        server_.bind(address, options);
        server_.listen();
        poller_.add(server_);
    }

    [[noreturn]] void serve()
    {
        std::array<udsock::event, 64> events;
        std::vector<char> arena(1 << 20);
        for (;;) {
            const std::size_t count = poller_.wait(events, arena);
            for (const auto &event : udsock::view<udsock::event>(events.data(), count)) {
                take(event, arena);
            }
        }
    }

private:
    struct guest {
        udsock::seqpacket connection;
        std::string name;
    };

    void take(const udsock::event &event, udsock::const_buffer arena)
    {
        switch (event.kind()) {
        case udsock::event_kind::accepted:
            enter(udsock::seqpacket(event.handle()));
            break;
        case udsock::event_kind::received:
            tell_others(event.handle(), std::string(event.data(arena).text()));
            break;
        default:
            if (event.is_over()) {
                leave(event.handle());
            }
        }
    }

    void enter(udsock::seqpacket connection)
    {
        const udsock_t handle = connection.handle();
        const auto name = "process " + std::to_string(connection.peer_credentials().pid);
        guests_[handle] = {std::move(connection), name};
        tell_others(handle, "is here");
    }

    void leave(udsock_t handle)
    {
        tell_others(handle, "has gone");
        guests_.erase(handle);
    }

    void tell_others(udsock_t speaker, const std::string &text)
    {
        const std::string line = guests_.at(speaker).name + ": " + text;
        std::puts(line.c_str());
        std::fflush(stdout);
        std::vector<udsock::outgoing> items;
        for (const auto &[handle, listener] : guests_) {
            if (handle != speaker) {
                items.emplace_back(handle, 0, static_cast<std::uint32_t>(line.size()));
            }
        }
        // Who listens too slowly misses a line; who has gone is told by an event.
        poller_.send(items, line);
    }

    udsock::seqpacket_server server_;
    udsock::poller poller_;
    std::map<udsock_t, guest> guests_;
};

void join(const char *address)
{
    using namespace std::chrono_literals;
    udsock::connect_options options;
    options.retry = true;
    options.timeout = 5s;
    udsock::seqpacket server(address, options);
    std::thread listening([&] {
        char line[4096];
        udsock::error gone;
        while (auto size = server.recv(line, udsock::forever, gone)) {
            std::cout << std::string_view(line, *size) << std::endl;
        }
    });
    udsock::error gone;
    for (std::string line; !gone && std::getline(std::cin, line);) {
        server.send(line, udsock::forever, gone);
    }
    server.close(); // The recv in the other thread ends.
    listening.join();
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc == 3 && std::strcmp(argv[1], "serve") == 0) {
        udsock::cleanup_on_signal(SIGINT);
        udsock::cleanup_on_signal(SIGTERM);
        room(argv[2]).serve();
    }
    if (argc == 3 && std::strcmp(argv[1], "join") == 0) {
        join(argv[2]);
        return 0;
    }
    std::fputs("usage: chat serve|join PATH\n", stderr);
    return 2;
} catch (const std::system_error &error) {
    std::fprintf(stderr, "chat: %s\n", error.what());
    return 1;
}
