/*
 * The same two parties in C++, over udsock.hpp and streams only: what the thin header costs. See
 * pair.h for the command line.
 */
#include <cstddef>
#include <cstdio>
#include <memory>
#include <system_error>

#include "pair.h"
#include "udsock.hpp"

namespace {

using udsock::forever;

struct party {
    task todo;
    std::size_t room_size;
    std::unique_ptr<char[]> room;

    explicit party(const task &given)
        : todo(given), room_size(read_size(&todo)), room(new char[room_size]())
    {
    }

    udsock::const_buffer data() const { return {room.get(), todo.size}; }

    void round_trips(udsock::stream &peer, long count)
    {
        while (count-- > 0) {
            if (!todo.is_server)
                peer.send_all(data());
            peer.recv_exact({room.get(), todo.size});
            if (todo.is_server)
                peer.send_all(data());
        }
    }

    void transfer(udsock::stream &peer, long count)
    {
        if (todo.is_server) {
            for (std::size_t left = todo.size * static_cast<std::size_t>(count); left > 0;)
                left -= peer.recv({room.get(), room_size}).value();
            peer.send_all({room.get(), 1});
        } else {
            while (count-- > 0)
                peer.send_all(data());
            peer.recv_exact({room.get(), 1});
        }
    }

    template <class Next> void connect_cycles(Next next, long count)
    {
        while (count-- > 0) {
            udsock::stream peer = next();
            round_trips(peer, 1);
            peer.close();
        }
    }

    template <class Work> void measured(Work work)
    {
        work(warm_up_of(&todo));
        const clocks start = read_clocks();
        work(todo.count);
        report(&todo, start);
    }

    template <class Next> void run(Next next)
    {
        if (is_work(&todo, "connect"))
            return measured([&](long count) { connect_cycles(next, count); });
        udsock::stream peer = next();
        measured([&](long count) {
            if (is_work(&todo, "transfer"))
                transfer(peer, count);
            else
                round_trips(peer, count);
        });
    }
};

} // namespace

int main(int argc, char **argv)
try {
    party self(parse_task(argc, argv));
    if (self.todo.is_server) {
        udsock::stream_server server(self.todo.address);
        say_ready();
        self.run([&] { return server.accept(); });
    } else {
        self.run([&] { return udsock::stream(self.todo.address); });
    }
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
