/* Sockets that send and receive: stream, seqpacket, datagram. */

#ifndef UDSOCK_ENDPOINT_HPP
#define UDSOCK_ENDPOINT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../udsock.h"
#include "buffer.hpp"
#include "connectable.hpp"
#include "error.hpp"
#include "message.hpp"
#include "socket.hpp"
#include "timeout.hpp"

namespace udsock {

/** What they have in common. Receiving returns nothing at the end, 0 for an empty message. */
class endpoint : public connectable {
public:
    endpoint() noexcept = default;

    std::size_t send(const_buffer data, timeout wait, error &err) noexcept
    {
        return size(err.take("send", udsock_send(handle(), data.data(), data.size(),
                                                 wait.count())));
    }

    std::optional<std::size_t> recv(mutable_buffer room, timeout wait, error &err) noexcept
    {
        return received("recv", udsock_recv(handle(), room.data(), room.size(), wait.count()), err);
    }

    /** Sends everything, or one message. After an error err.transferred() bytes were sent. */
    std::size_t send_all(const_buffer data, timeout wait, error &err) noexcept
    {
        std::size_t sent = 0;
        const auto result = udsock_send_all(handle(), data.data(), data.size(), wait.count(),
                                            &sent);
        return err.take_transfer("send_all", result, sent);
    }

    std::size_t sendv(view<const const_buffer> parts, timeout wait, error &err) noexcept
    {
        const auto *first = parts.size() == 0 ? nullptr : parts.data()->raw();
        return size(err.take("sendv", udsock_sendv(handle(), first, parts.size(), wait.count())));
    }

    std::optional<std::size_t> recvv(view<const mutable_buffer> parts, timeout wait,
                                     error &err) noexcept
    {
        const auto *first = parts.size() == 0 ? nullptr : parts.data()->raw();
        return received("recvv", udsock_recvv(handle(), first, parts.size(), wait.count()), err);
    }

    std::size_t send_message(message &outgoing, timeout wait, error &err) noexcept
    {
        return size(err.take("send_message",
                             udsock_send_message(handle(), outgoing.raw(), wait.count())));
    }

    /** Sends bytes with descriptors, which stay open here. */
    std::size_t send_message(const_buffer data, view<const int> descriptors, timeout wait,
                             error &err) noexcept
    {
        auto outgoing = message::to_send(data, descriptors);
        return send_message(outgoing, wait, err);
    }

    std::optional<std::size_t> recv_message(message &room, timeout wait, error &err) noexcept
    {
        return received("recv_message",
                        udsock_recv_message(handle(), room.raw_to_receive(), wait.count()), err);
    }

    /** Returns how many were sent. */
    std::size_t send_batch(view<message> messages, timeout wait, error &err) noexcept
    {
        auto *first = messages.size() == 0 ? nullptr : messages.data()->raw();
        return size(err.take("send_batch", udsock_send_batch(handle(), first, messages.size(),
                                                             wait.count())));
    }

    /** Returns how many came. */
    std::optional<std::size_t> recv_batch(view<message> rooms, timeout wait, error &err) noexcept
    {
        std::for_each(rooms.begin(), rooms.end(), [](message &room) { room.raw_to_receive(); });
        auto *first = rooms.size() == 0 ? nullptr : rooms.data()->raw();
        return received("recv_batch",
                        udsock_recv_batch(handle(), first, rooms.size(), wait.count()), err);
    }

#ifdef __cpp_exceptions
    std::size_t send(const_buffer data, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return send(data, wait, err); });
    }

    std::optional<std::size_t> recv(mutable_buffer room, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return recv(room, wait, err); });
    }

    std::size_t send_all(const_buffer data, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return send_all(data, wait, err); });
    }

    std::size_t sendv(view<const const_buffer> parts, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return sendv(parts, wait, err); });
    }

    std::optional<std::size_t> recvv(view<const mutable_buffer> parts, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return recvv(parts, wait, err); });
    }

    std::size_t send_message(message &outgoing, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return send_message(outgoing, wait, err); });
    }

    std::size_t send_message(const_buffer data, view<const int> descriptors,
                             timeout wait = forever)
    {
        auto outgoing = message::to_send(data, descriptors);
        return send_message(outgoing, wait);
    }

    std::optional<std::size_t> recv_message(message &room, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return recv_message(room, wait, err); });
    }

    std::size_t send_batch(view<message> messages, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return send_batch(messages, wait, err); });
    }

    std::optional<std::size_t> recv_batch(view<message> rooms, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return recv_batch(rooms, wait, err); });
    }
#endif

protected:
    using connectable::connectable;

    static std::size_t size(std::int64_t count) noexcept
    {
        return static_cast<std::size_t>(count);
    }

    /** The end is not an error. */
    static std::optional<std::size_t> received(const char *call, std::int64_t result,
                                               error &err) noexcept
    {
        if (result == UDSOCK_EOF) {
            err.clear();
            return std::nullopt;
        }
        const std::int64_t count = err.take(call, result);
        return err ? std::nullopt : std::optional(size(count));
    }
};

/** A connection that carries bytes in order, without bounds. */
class stream : public endpoint {
public:
    static constexpr kind its_kind = kind::stream;

    stream() noexcept = default;

    explicit stream(udsock_t handle) noexcept : endpoint(socket(handle))
    {
    }

    explicit stream(socket &&other) noexcept : endpoint(std::move(other))
    {
    }

    /** Makes a client that is connected to the address. */
    stream(std::string_view address, const connect_options &options, error &err) noexcept
        : endpoint(its_kind, address, options, err)
    {
    }

    /**
     * Receives as many bytes as there is room for. If the end comes before, the error is
     * errc::eof; after any error err.transferred() have come.
     */
    std::size_t recv_exact(mutable_buffer room, timeout wait, error &err) noexcept
    {
        std::size_t received = 0;
        const auto result = udsock_recv_exact(handle(), room.data(), room.size(), wait.count(),
                                              &received);
        return err.take_transfer("recv_exact", result, received);
    }

#ifdef __cpp_exceptions
    explicit stream(std::string_view address, const connect_options &options = {})
        : stream(detail::throwing([&](error &err) { return stream(address, options, err); }))
    {
    }

    std::size_t recv_exact(mutable_buffer room, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return recv_exact(room, wait, err); });
    }
#endif
};

/** A connection that carries messages in order. */
class seqpacket : public endpoint {
public:
    static constexpr kind its_kind = kind::seqpacket;

    seqpacket() noexcept = default;

    explicit seqpacket(udsock_t handle) noexcept : endpoint(socket(handle))
    {
    }

    explicit seqpacket(socket &&other) noexcept : endpoint(std::move(other))
    {
    }

    /** Makes a client that is connected to the address. */
    seqpacket(std::string_view address, const connect_options &options, error &err) noexcept
        : endpoint(its_kind, address, options, err)
    {
    }

#ifdef __cpp_exceptions
    explicit seqpacket(std::string_view address, const connect_options &options = {})
        : seqpacket(detail::throwing([&](error &err) { return seqpacket(address, options, err); }))
    {
    }
#endif
};

/**
 * Messages, each on its own, without a connection; connect sets the address that they go to.
 * For a socket that only sends use create<datagram>().
 */
class datagram : public endpoint {
public:
    static constexpr kind its_kind = kind::dgram;

    datagram() noexcept = default;

    explicit datagram(udsock_t handle) noexcept : endpoint(socket(handle))
    {
    }

    explicit datagram(socket &&other) noexcept : endpoint(std::move(other))
    {
    }

    /** Binds to the address; "@": to a name that the kernel picks, so that answers arrive. */
    datagram(std::string_view address, const bind_options &options, error &err) noexcept
        : endpoint(socket(
              detail::with_address("datagram", address, options, err, [](auto... arguments) {
                  return udsock_open_datagram(arguments...);
              })))
    {
    }

    std::size_t send_to(const_buffer data, std::string_view address, timeout wait,
                        error &err) noexcept
    {
        return size(detail::with_text("send_to", address, err, [&](const char *text) {
            return udsock_send_to(handle(), data.data(), data.size(), text, wait.count());
        }));
    }

    /** `from`: the address of the sender; empty if it has no name. */
    std::optional<std::size_t> recv_from(mutable_buffer room, std::string &from, timeout wait,
                                         error &err)
    {
        char text[UDSOCK_ADDRESS_SIZE];
        const auto count = received(
            "recv_from",
            udsock_recv_from(handle(), room.data(), room.size(), text, sizeof text, wait.count()),
            err);
        if (count) {
            from = text;
        }
        return count;
    }

#ifdef __cpp_exceptions
    explicit datagram(std::string_view address, const bind_options &options = {})
        : datagram(detail::throwing([&](error &err) { return datagram(address, options, err); }))
    {
    }

    std::size_t send_to(const_buffer data, std::string_view address, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return send_to(data, address, wait, err); });
    }

    std::optional<std::size_t> recv_from(mutable_buffer room, std::string &from,
                                         timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return recv_from(room, from, wait, err); });
    }
#endif
};

} // namespace udsock

#endif
