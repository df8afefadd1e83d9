/* Many sockets, few calls. */

#ifndef UDSOCK_POLLER_HPP
#define UDSOCK_POLLER_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include "../udsock.h"
#include "buffer.hpp"
#include "counters.hpp"
#include "error.hpp"
#include "socket.hpp"
#include "timeout.hpp"

namespace udsock {

enum class event_kind : std::uint32_t {
    accepted = UDSOCK_EVENT_ACCEPTED,
    received = UDSOCK_EVENT_RECEIVED,
    drained = UDSOCK_EVENT_DRAINED,
    ended = UDSOCK_EVENT_ENDED,
    failed = UDSOCK_EVENT_FAILED,
    ready = UDSOCK_EVENT_READY,
};

/** What a poller does with a socket that is added to it. */
enum class interest : std::uint32_t {
    /** It accepts or receives. */
    data = 0,
    /** It only reports that something is there. */
    readiness = UDSOCK_POLLER_READINESS,
    /** It receives even while something is kept for the socket. */
    duplex = UDSOCK_POLLER_DUPLEX,
    /** It neither accepts nor receives for now. */
    paused = UDSOCK_POLLER_PAUSED,
};

constexpr interest operator|(interest one, interest other) noexcept
{
    return static_cast<interest>(static_cast<std::uint32_t>(one) |
                                 static_cast<std::uint32_t>(other));
}

/** What happened to a socket: udsock_event. */
class event : private udsock_event {
public:
    event() noexcept : udsock_event()
    {
    }

    event_kind kind() const noexcept
    {
        return static_cast<event_kind>(udsock_event::kind);
    }

    /** Nobody owns the handle of an accepted connection yet: use stream(event.handle()). */
    udsock_t handle() const noexcept
    {
        return udsock_event::socket;
    }

    std::uint64_t token() const noexcept
    {
        return udsock_event::token;
    }

    std::error_code code() const noexcept
    {
        return {udsock_event::code, category()};
    }

    /**
     * Whether the socket is to be closed: the peer sends no more, or the socket failed. It is
     * false for a server that fails for want of descriptors or memory: that stays, and goes on.
     */
    bool is_over() const noexcept
    {
        return kind() == event_kind::ended || (kind() == event_kind::failed && !is_starved());
    }

    /** Its data, in the arena that was given to wait. */
    const_buffer data(const_buffer arena) const noexcept
    {
        return {static_cast<const char *>(arena.data()) + offset, length};
    }

    /** The sender's address, also in the arena; empty if it has none. */
    std::string_view address(const_buffer arena) const noexcept
    {
        return {static_cast<const char *>(arena.data()) + address_offset, address_length};
    }

    /** For C: the first of an array. */
    udsock_event *raw() noexcept
    {
        return this;
    }

private:
    friend class outgoing;

    bool is_starved() const noexcept
    {
        switch (-udsock_event::code) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case ENOSPC:
            return udsock_get_option(handle(), UDSOCK_OPTION_LISTENING) > 0;
        default:
            return false;
        }
    }
};

/** Something to send: udsock_outgoing. Its data is given by the offset from the base. */
class outgoing : private udsock_outgoing {
public:
    enum class then : std::uint32_t {
        nothing = 0,
        shutdown = UDSOCK_THEN_SHUTDOWN,
        close = UDSOCK_THEN_CLOSE,
    };

    outgoing() noexcept : udsock_outgoing()
    {
    }

    /** `size` bytes at this offset from the base. */
    outgoing(udsock_t member, std::uint32_t behind, std::uint32_t size,
             then after = then::nothing) noexcept
        : udsock_outgoing()
    {
        udsock_outgoing::socket = member;
        udsock_outgoing::offset = behind;
        udsock_outgoing::length = size;
        udsock_outgoing::flags = static_cast<std::uint32_t>(after);
    }

    /** The data of the event, back to its sender: the base is the arena. */
    explicit outgoing(const event &came) noexcept
        : outgoing(came.handle(), came.offset, came.length)
    {
        to(came.address_offset, came.address_length);
    }

    /** What finds no room is not kept: taken() is how many bytes were sent. */
    void dont_keep() noexcept
    {
        udsock_outgoing::flags |= UDSOCK_DONT_KEEP;
    }

    /** The address of a datagram, also by its offset from the base. */
    void to(std::uint32_t behind, std::uint32_t size) noexcept
    {
        udsock_outgoing::address_offset = behind;
        udsock_outgoing::address_length = size;
    }

    udsock_t handle() const noexcept
    {
        return udsock_outgoing::socket;
    }

    /** How many of its bytes were taken. */
    std::size_t taken() const noexcept
    {
        return static_cast<std::size_t>(udsock_outgoing::result < 0 ? 0 : udsock_outgoing::result);
    }

    /** Why it was not taken, if it was not. */
    std::error_code code() const noexcept
    {
        const bool is_taken = udsock_outgoing::result >= 0;
        return {is_taken ? 0 : static_cast<int>(udsock_outgoing::result), category()};
    }

    /** For C: the first of an array. */
    udsock_outgoing *raw() noexcept
    {
        return this;
    }
};

static_assert(sizeof(event) == sizeof(udsock_event));
static_assert(sizeof(outgoing) == sizeof(udsock_outgoing));

/** udsock_poller_options. 0: the default. */
struct poller_options {
    std::uint64_t send_limit = 0;
    std::uint64_t receive_size = 0;
};

/** Waits for many sockets at once. It does not own them. */
class poller {
public:
    poller(const poller_options &options, error &err) noexcept
    {
        udsock_poller_options raw = {};
        raw.size = sizeof raw;
        raw.send_limit = options.send_limit;
        raw.receive_size = options.receive_size;
        owner_ = socket(err.take("poller", udsock_poller_create(&raw)));
    }

    explicit operator bool() const noexcept
    {
        return static_cast<bool>(owner_);
    }

    /** For the calls of C. */
    udsock_t handle() const noexcept
    {
        return owner_.handle();
    }

    void close(error &err) noexcept
    {
        owner_.close(err);
    }

    void add(const socket &member, std::uint64_t token, interest what, error &err) noexcept
    {
        add(member.handle(), token, what, err);
    }

    /** For the handle of an event. */
    void add(udsock_t member, std::uint64_t token, interest what, error &err) noexcept
    {
        const auto flags = static_cast<std::uint32_t>(what);
        err.take("poller::add", udsock_poller_add(handle(), member, token, flags));
    }

    void remove(const socket &member, error &err) noexcept
    {
        remove(member.handle(), err);
    }

    void remove(udsock_t member, error &err) noexcept
    {
        err.take("poller::remove", udsock_poller_remove(handle(), member));
    }

    /** Returns how many events there are. Their data is in the arena. */
    std::size_t wait(view<event> events, mutable_buffer arena, timeout wait, error &err) noexcept
    {
        auto *first = events.size() == 0 ? nullptr : events.data()->raw();
        return size(err.take("poller::wait",
                             udsock_poller_wait(handle(), first, events.size(), arena.data(),
                                                arena.size(), wait.count())));
    }

    /** Returns how many items were taken. The codes of the others say why they were not. */
    std::size_t send(view<outgoing> items, const_buffer base, error &err) noexcept
    {
        auto *first = items.size() == 0 ? nullptr : items.data()->raw();
        return size(err.take("poller::send", udsock_poller_send(handle(), first, items.size(),
                                                                base.data(), base.size())));
    }

    /** Ends a wait. Any thread may call it. */
    void wake(error &err) noexcept
    {
        err.take("poller::wake", udsock_poller_wake(handle()));
    }

    /** What went through the poller's own calls. */
    counters get_counters(error &err) const noexcept
    {
        return detail::get_counters(handle(), err);
    }

    /** A descriptor for another loop to watch, on loan. -1 if that fails. */
    int fd(error &err) const noexcept
    {
        const auto fd = err.take("poller::fd", udsock_poller_fd(handle()));
        return err ? -1 : static_cast<int>(fd);
    }

#ifdef __cpp_exceptions
    explicit poller(const poller_options &options = {})
        : poller(detail::throwing([&](error &err) { return poller(options, err); }))
    {
    }

    void close()
    {
        detail::throwing([&](error &err) { close(err); });
    }

    void add(const socket &member, std::uint64_t token = 0, interest what = interest::data)
    {
        add(member.handle(), token, what);
    }

    void add(udsock_t member, std::uint64_t token = 0, interest what = interest::data)
    {
        detail::throwing([&](error &err) { add(member, token, what, err); });
    }

    void remove(const socket &member)
    {
        remove(member.handle());
    }

    void remove(udsock_t member)
    {
        detail::throwing([&](error &err) { remove(member, err); });
    }

    std::size_t wait(view<event> events, mutable_buffer arena, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return this->wait(events, arena, wait, err); });
    }

    std::size_t send(view<outgoing> items, const_buffer base)
    {
        return detail::throwing([&](error &err) { return send(items, base, err); });
    }

    void wake()
    {
        detail::throwing([&](error &err) { wake(err); });
    }

    counters get_counters() const
    {
        return detail::throwing([&](error &err) { return get_counters(err); });
    }

    int fd() const
    {
        return detail::throwing([&](error &err) { return fd(err); });
    }
#endif

private:
    static std::size_t size(std::int64_t count) noexcept
    {
        return static_cast<std::size_t>(count);
    }

    socket owner_;
};

} // namespace udsock

#endif
