/* A socket that can have a peer: connecting, and who is at the other end. */

#ifndef UDSOCK_CONNECTABLE_HPP
#define UDSOCK_CONNECTABLE_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../udsock.h"
#include "error.hpp"
#include "message.hpp"
#include "options.hpp"
#include "socket.hpp"
#include "unique_fd.hpp"

namespace udsock {

/** What it says about the peer is what the kernel vouches for. */
class connectable : public socket {
public:
    connectable() noexcept = default;

    void connect(std::string_view address, const connect_options &options, error &err) noexcept
    {
        detail::with_address("connect", address, options, err, [&](auto... arguments) {
            return udsock_connect(handle(), arguments...);
        });
    }

    std::string remote_address(error &err) const
    {
        return detail::text_of("remote_address", err, [&](char *text, std::size_t size) {
            return udsock_remote_address(handle(), text, size);
        });
    }

    credentials peer_credentials(error &err) const noexcept
    {
        credentials who = {0, UINT32_MAX, UINT32_MAX};
        err.take("peer_credentials", udsock_peer_credentials(handle(), &who));
        return who;
    }

    std::vector<std::uint32_t> peer_groups(error &err) const
    {
        // They are those of the moment of the connection: their number does not change.
        const auto count = err.take("peer_groups", udsock_peer_groups(handle(), nullptr, 0));
        std::vector<std::uint32_t> groups(static_cast<std::size_t>(count));
        if (!groups.empty()) {
            err.take("peer_groups", udsock_peer_groups(handle(), groups.data(), groups.size()));
        }
        return groups;
    }

    /** A descriptor for the peer's process. */
    unique_fd peer_pidfd(error &err) const noexcept
    {
        const auto fd = err.take("peer_pidfd", udsock_peer_pidfd(handle()));
        return err ? unique_fd() : unique_fd(static_cast<int>(fd));
    }

    std::string peer_label(error &err) const
    {
        return detail::text_of("peer_label", err, [&](char *text, std::size_t size) {
            return udsock_peer_label(handle(), text, size);
        });
    }

#ifdef __cpp_exceptions
    void connect(std::string_view address, const connect_options &options = {})
    {
        detail::throwing([&](error &err) { connect(address, options, err); });
    }

    std::string remote_address() const
    {
        return detail::throwing([&](error &err) { return remote_address(err); });
    }

    credentials peer_credentials() const
    {
        return detail::throwing([&](error &err) { return peer_credentials(err); });
    }

    std::vector<std::uint32_t> peer_groups() const
    {
        return detail::throwing([&](error &err) { return peer_groups(err); });
    }

    unique_fd peer_pidfd() const
    {
        return detail::throwing([&](error &err) { return peer_pidfd(err); });
    }

    std::string peer_label() const
    {
        return detail::throwing([&](error &err) { return peer_label(err); });
    }
#endif

protected:
    explicit connectable(socket &&other) noexcept : socket(std::move(other))
    {
    }

    /** A client of this kind. */
    connectable(kind its_kind, std::string_view address, const connect_options &options,
                error &err) noexcept
        : socket(detail::with_address("client", address, options, err, [&](auto... arguments) {
              return udsock_open_client(static_cast<std::uint32_t>(its_kind), arguments...);
          }))
    {
    }
};

} // namespace udsock

#endif
