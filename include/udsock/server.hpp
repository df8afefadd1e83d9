/* A socket that accepts connections, and says who may connect. */

#ifndef UDSOCK_SERVER_HPP
#define UDSOCK_SERVER_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "../udsock.h"
#include "endpoint.hpp"
#include "error.hpp"
#include "message.hpp"
#include "options.hpp"
#include "socket.hpp"
#include "timeout.hpp"

namespace udsock {

/** Its connections are of the class Connection. */
template <class Connection>
class server : public socket {
public:
    static constexpr kind its_kind = Connection::its_kind;

    server() noexcept = default;

    explicit server(socket &&other) noexcept : socket(std::move(other))
    {
    }

    /** Makes a server that is bound to the address and listens. */
    server(std::string_view address, const bind_options &options, error &err) noexcept
        : socket(detail::with_address("server", address, options, err, [](auto... arguments) {
              return udsock_open_server(static_cast<std::uint32_t>(its_kind), arguments...);
          }))
    {
    }

    /** backlog 0: as many as the system allows. */
    void listen(std::int32_t backlog, error &err) noexcept
    {
        err.take("listen", udsock_listen(handle(), backlog));
    }

    Connection accept(timeout wait, error &err) noexcept
    {
        return Connection(socket(accept(wait, nullptr, err)));
    }

    /** The same, and says who the client is. */
    Connection accept(credentials &peer, timeout wait, error &err) noexcept
    {
        return Connection(socket(accept(wait, &peer, err)));
    }

    void allow_uid(std::uint32_t uid, error &err) noexcept
    {
        err.take("allow_uid", udsock_allow_uid(handle(), uid));
    }

    void allow_gid(std::uint32_t gid, error &err) noexcept
    {
        err.take("allow_gid", udsock_allow_gid(handle(), gid));
    }

    void allow_user(std::string_view name, error &err) noexcept
    {
        detail::with_text("allow_user", name, err, [&](const char *text) {
            return udsock_allow_user(handle(), text);
        });
    }

    void allow_group(std::string_view name, error &err) noexcept
    {
        detail::with_text("allow_group", name, err, [&](const char *text) {
            return udsock_allow_group(handle(), text);
        });
    }

#ifdef __cpp_exceptions
    explicit server(std::string_view address, const bind_options &options = {})
        : server(detail::throwing([&](error &err) { return server(address, options, err); }))
    {
    }

    void listen(std::int32_t backlog = 0)
    {
        detail::throwing([&](error &err) { listen(backlog, err); });
    }

    Connection accept(timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return accept(wait, err); });
    }

    Connection accept(credentials &peer, timeout wait = forever)
    {
        return detail::throwing([&](error &err) { return accept(peer, wait, err); });
    }

    void allow_uid(std::uint32_t uid)
    {
        detail::throwing([&](error &err) { allow_uid(uid, err); });
    }

    void allow_gid(std::uint32_t gid)
    {
        detail::throwing([&](error &err) { allow_gid(gid, err); });
    }

    void allow_user(std::string_view name)
    {
        detail::throwing([&](error &err) { allow_user(name, err); });
    }

    void allow_group(std::string_view name)
    {
        detail::throwing([&](error &err) { allow_group(name, err); });
    }
#endif

private:
    udsock_t accept(timeout wait, credentials *peer, error &err) noexcept
    {
        return err.take("accept", udsock_accept(handle(), wait.count(), peer));
    }
};

using stream_server = server<stream>;
using seqpacket_server = server<seqpacket>;

} // namespace udsock

#endif
