/*
 * A relay: who connects to PATH talks to TARGET. Many pairs at once, in one thread; each side's
 * end reaches the other, and what one side can't take is not read from the other. It relays
 * until Ctrl-C or SIGTERM. Bytes only: descriptors do not pass (see docs/relay.md).
 *
 *     relay /tmp/front.sock /tmp/echo.sock
 */

#include <array>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <csignal>
#include <sys/resource.h>

#include <udsock.hpp>

namespace {

class relay {
public:
    relay(const char *path, const char *its_target)
        : target_(its_target), server_(path), next_(udsock::create<udsock::stream>())
    {
        poller_.add(server_);
    }

    /** Until stop. */
    void run()
    {
        std::array<udsock::event, 256> events;
        std::error_code code;
        do {
            const udsock::timeout limit = is_busy() ? udsock::timeout(retry) : udsock::forever;
            udsock::error err;
            const std::size_t count = poller_.wait(events, arena_, limit, err);
            for (const auto &event : udsock::view<udsock::event>(events.data(), count)) {
                serve(event);
            }
            if (is_busy()) {
                connect_waiting();
            }
            code = err.code();
        } while (!code || code == std::errc::timed_out || code == std::errc::interrupted);
        // bad_file_descriptor: the poller was closed while we did not wait.
        if (code != udsock::errc::closed && code != std::errc::bad_file_descriptor) {
            complain(code.message());
        }
    }

    /** From another thread. */
    void stop()
    {
        poller_.close();
    }

private:
    using then = udsock::outgoing::then;
    enum { client, target };
    static constexpr std::chrono::milliseconds retry{20};

    struct pair {
        udsock::stream side[2];
        bool has_ended[2] = {};
    };

    struct place {
        std::shared_ptr<pair> of;
        int which;
    };

    static void complain(std::string_view why)
    {
        std::fprintf(stderr, "relay: %.*s\n", static_cast<int>(why.size()), why.data());
    }

    /** Somebody waits for a target: its queue is full, or there is no descriptor. Then nobody else
     * is accepted. */
    bool is_busy() const
    {
        return !waiting_.empty() || !next_;
    }

    void serve(const udsock::event &event)
    {
        if (event.kind() == udsock::event_kind::accepted) {
            auto accepted = std::make_shared<pair>();
            accepted->side[client] = udsock::stream(event.handle());
            sides_[event.handle()] = {accepted, client};
            waiting_.push_back(accepted);
            watch(*accepted, client, udsock::interest::paused);
        } else if (event.handle() == server_.handle()) {
            // Out of descriptors, say: it tries again by itself.
            complain("accept: " + event.code().message());
        } else if (const auto found = sides_.find(event.handle()); found != sides_.end()) {
            serve_pair(place(found->second), event);
        } // Else what this round still brings of a pair that has ended.
    }

    void serve_pair(const place &from, const udsock::event &event)
    {
        pair &of = *from.of;
        const udsock_t to = of.side[!from.which].handle();
        std::error_code code;
        switch (event.kind()) {
        case udsock::event_kind::received:
            code = send_to(to, event.data(arena_), then::nothing);
            if (code == std::errc::resource_unavailable_try_again) {
                // Until the other side is drained.
                code = watch(of, from.which, udsock::interest::paused);
            } else if (code == std::errc::broken_pipe) {
                udsock::error err; // Nobody listens; who talks learns so.
                of.side[from.which].shutdown(udsock::side::read, err);
                code = err.code();
            }
            break;
        case udsock::event_kind::drained:
            code = watch(of, !from.which, udsock::interest::data);
            break;
        case udsock::event_kind::ended: // The other half goes on.
            code = send_to(to, {}, then::shutdown);
            of.has_ended[from.which] = true;
            break;
        default: // A reset, for example.
            code = event.code();
        }
        if (code || (of.has_ended[client] && of.has_ended[target])) {
            end(of);
        }
    }

    /** Sends what is in the arena, or nothing but what is to happen then. What finds no room is
     * kept, which is an error here: resource_unavailable_try_again. */
    std::error_code send_to(udsock_t side, udsock::const_buffer data, then after)
    {
        const char *begin = static_cast<const char *>(data.data());
        const auto behind = data.size() == 0 ? 0 : static_cast<std::uint32_t>(begin - arena_.data());
        udsock::outgoing items[] = {
            {side, behind, static_cast<std::uint32_t>(data.size()), after},
            {side, 0, 0},
        };
        // Without data it asks whether all is out.
        items[1].dont_keep();
        udsock::error err;
        poller_.send({items, data.size() == 0 ? 1u : 2u}, arena_, err);
        return items[0].code() ? items[0].code() : items[1].code();
    }

    /** Receives from a side, or if it is paused does not for now. Either way the other side is
     * served: else two that both send much before they receive would wait for each other. */
    std::error_code watch(pair &of, int which, udsock::interest what)
    {
        udsock::error err;
        poller_.add(of.side[which], 0, udsock::interest::duplex | what, err);
        return err.code();
    }

    /** What is kept for a side still gets there, before it is closed. */
    void end(pair &of)
    {
        for (const int which : {client, target}) {
            udsock::stream &side = of.side[which];
            sides_.erase(side.handle());
            watch(of, which, udsock::interest::paused);
            if (!send_to(side.handle(), {}, then::close)) {
                side.detach(); // The poller closes it.
            }
            side = {};
        }
    }

    /** Connects those who wait, as many as can be. Who can't be is shown out. */
    void connect_waiting()
    {
        udsock::connect_options at_once;
        at_once.timeout = udsock::no_wait;
        udsock::error err;
        if (!next_) {
            next_ = udsock::create<udsock::stream>(err);
        }
        while (!waiting_.empty()) {
            if (next_) { // Else err says why not.
                next_.connect(target_, at_once, err);
            }
            if (err.code() == std::errc::resource_unavailable_try_again
                || err.code() == std::errc::too_many_files_open
                || err.code() == std::errc::too_many_files_open_in_system) {
                break; // Later: we wait a little, as nobody tells when.
            }
            const auto of = std::move(waiting_.front());
            waiting_.pop_front();
            if (err) {
                complain(err.message());
                sides_.erase(of->side[client].handle());
                continue;
            }
            of->side[target] = std::move(next_);
            sides_[of->side[target].handle()] = {of, target};
            next_ = udsock::create<udsock::stream>(err);
            if (watch(*of, target, udsock::interest::data)
                || watch(*of, client, udsock::interest::data)) {
                complain("out of memory");
                end(*of);
            }
        }
        poller_.add(server_, 0, is_busy() ? udsock::interest::paused : udsock::interest::data, err);
    }

    std::string target_;
    udsock::stream_server server_;
    udsock::poller poller_;
    /** For the next target, made beforehand: else clients who wait could have all descriptors. */
    udsock::stream next_;
    std::deque<std::shared_ptr<pair>> waiting_;
    std::unordered_map<udsock_t, place> sides_;
    std::vector<char> arena_ = std::vector<char>(1 << 20);
};

/** Two descriptors a pair: as many as the system lets us have. */
void raise_limit()
{
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc != 3) {
        std::fputs("usage: relay PATH TARGET\n", stderr);
        return 2;
    }
    raise_limit();
    sigset_t signals; // Blocked in every thread, they wait for sigwait.
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    relay relay(argv[1], argv[2]);
    std::thread relaying([&] { relay.run(); });
    std::printf("relay: %s goes to %s\n", argv[1], argv[2]);
    std::fflush(stdout);
    int number;
    sigwait(&signals, &number);
    relay.stop();
    relaying.join();
    return 0;
} catch (const std::system_error &error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 1;
}
