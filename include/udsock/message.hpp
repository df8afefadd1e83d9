/* A message, and everything that goes with it. */

#ifndef UDSOCK_MESSAGE_HPP
#define UDSOCK_MESSAGE_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "../udsock.h"
#include "buffer.hpp"
#include "error.hpp"
#include "unique_fd.hpp"

namespace udsock {

/** A process, and the user and group that it acts for: pid, uid, gid. */
using credentials = ::udsock_credentials;

static_assert(sizeof(unique_fd) == sizeof(std::int32_t), "rooms for descriptors are arrays of it");

/**
 * What send_message, recv_message and the batches take. It points to memory of the caller, which
 * has to live as long. A received message can be sent on unchanged.
 */
class message : private udsock_message {
public:
    message() noexcept : udsock_message()
    {
        udsock_message::size = sizeof(udsock_message);
        udsock_message::credentials = {0, UINT32_MAX, UINT32_MAX};
        udsock_message::pidfd = -ENODATA;
    }

    message(message &&other) noexcept : udsock_message(other)
    {
        other.udsock_message::pidfd = -ENODATA;
    }

    message &operator=(message &&other) noexcept
    {
        /* (Also if both are the same.) */
        message taken(std::move(other));
        std::swap(static_cast<udsock_message &>(*this), static_cast<udsock_message &>(taken));
        return *this;
    }

    ~message()
    {
        unique_fd(udsock_message::pidfd).reset();
    }

    /** A message to send. The descriptors stay open; the address ends with a NUL. */
    static message to_send(const_buffer data, view<const int> descriptors = {},
                           const char *address = nullptr) noexcept
    {
        message outgoing;
        outgoing.udsock_message::data = const_cast<void *>(data.data());
        outgoing.udsock_message::data_size = data.size();
        outgoing.udsock_message::descriptors = const_cast<int *>(descriptors.data());
        outgoing.udsock_message::descriptors_count = descriptors.size();
        outgoing.udsock_message::address = const_cast<char *>(address);
        return outgoing;
    }

    /**
     * Room to receive into: for bytes, descriptors (UDSOCK_MAX_DESCRIPTORS is always
     * enough) and the sender's address (UDSOCK_ADDRESS_SIZE is).
     */
    static message to_receive(mutable_buffer data, view<unique_fd> descriptors = {},
                              mutable_buffer address = {}) noexcept
    {
        message room;
        room.udsock_message::data = data.data();
        room.udsock_message::data_capacity = data.size();
        room.udsock_message::descriptors = reinterpret_cast<std::int32_t *>(descriptors.data());
        room.udsock_message::descriptors_capacity = descriptors.size();
        room.udsock_message::address = static_cast<char *>(address.data());
        room.udsock_message::address_capacity = address.size();
        return room;
    }

    /** The bytes; in a received message those for which there was room. */
    const_buffer data() const noexcept
    {
        return {udsock_message::data, truncated() ? data_capacity : data_size};
    }

    /** How many bytes the message has, or had if it is truncated. */
    std::size_t size() const noexcept
    {
        return data_size;
    }

    bool truncated() const noexcept
    {
        return (flags & UDSOCK_TRUNCATED) != 0;
    }

    /** Whether descriptors came that could not be taken. */
    bool fds_lost() const noexcept
    {
        return (flags & UDSOCK_FDS_LOST) != 0;
    }

    /** How many descriptors were received, or are to be sent. */
    std::size_t descriptors() const noexcept
    {
        return descriptors_count;
    }

    /** The sender's address; empty if it has none. */
    std::string_view address() const noexcept
    {
        return {udsock_message::address, address_size};
    }

    /**
     * Who sent it, with option::receive_credentials. What is unknown is 0 (pid) or UINT32_MAX.
     */
    std::optional<udsock::credentials> credentials() const noexcept
    {
        const auto &sender = udsock_message::credentials;
        const bool known =
            sender.pid != 0 || sender.uid != UINT32_MAX || sender.gid != UINT32_MAX;
        return known ? std::optional(sender) : std::nullopt;
    }

    /**
     * A descriptor for the process that sent it, with option::receive_pidfd. ENODATA if it
     * was taken already.
     */
    unique_fd take_pidfd(error &err) noexcept
    {
        err.take("take_pidfd", udsock_message::pidfd);
        return err ? unique_fd() : unique_fd(std::exchange(udsock_message::pidfd, -ENODATA));
    }

#ifdef __cpp_exceptions
    unique_fd take_pidfd()
    {
        return detail::throwing([&](error &err) { return take_pidfd(err); });
    }
#endif

    /** In a batch: how many bytes were sent or came. */
    std::size_t result() const noexcept
    {
        return static_cast<std::size_t>(std::max(udsock_message::result, 0));
    }

    /** In a batch: the error of this message. */
    std::error_code code() const noexcept
    {
        return {std::min(udsock_message::result, 0), category()};
    }

    /** For C: the first of an array. */
    udsock_message *raw() noexcept
    {
        return this;
    }

    /** For C: the same, with no descriptors left from what was received before. */
    udsock_message *raw_to_receive() noexcept
    {
        unique_fd(std::exchange(udsock_message::pidfd, -ENODATA)).reset();
        auto *fds = reinterpret_cast<unique_fd *>(udsock_message::descriptors);
        std::for_each(fds, fds + descriptors_capacity, [](unique_fd &fd) { fd.reset(); });
        descriptors_count = 0;
        return this;
    }
};

static_assert(sizeof(message) == sizeof(udsock_message));

} // namespace udsock

#endif
