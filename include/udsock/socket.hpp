/* A socket of any kind: its owner, and what all of them can do. */

#ifndef UDSOCK_SOCKET_HPP
#define UDSOCK_SOCKET_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../udsock.h"
#include "counters.hpp"
#include "error.hpp"
#include "options.hpp"
#include "unique_fd.hpp"

namespace udsock {

/**
 * Owns a handle. The classes that derive from it have what a socket can do beyond this. A
 * socket becomes one of them by their constructors: stream(std::move(socket)). The constructors
 * don't check the kind of the socket: the calls do.
 */
class socket {
public:
    /** None: every call gets EBADF. */
    socket() noexcept = default;

    /** Takes a handle over: from C, or from a poller's event. */
    explicit socket(udsock_t handle) noexcept : handle_(handle)
    {
    }

    socket(socket &&other) noexcept : handle_(other.detach())
    {
    }

    socket &operator=(socket &&other) noexcept
    {
        socket old(std::exchange(handle_, other.detach()));
        return *this;
    }

    ~socket()
    {
        if (handle_ != 0) {
            udsock_close(handle_);
        }
    }

    /** Whether it has a handle, even a closed one. */
    explicit operator bool() const noexcept
    {
        return handle_ != 0;
    }

    /** For the calls of C. */
    udsock_t handle() const noexcept
    {
        return handle_;
    }

    /** Gives the handle to the caller, who has to close it. */
    udsock_t detach() noexcept
    {
        return std::exchange(handle_, 0);
    }

    /** Ends the calls of other threads that wait on it. */
    void close(error &err) noexcept
    {
        err.take("close", udsock_close(handle_));
    }

    void bind(std::string_view address, const bind_options &options, error &err) noexcept
    {
        detail::with_address("bind", address, options, err, [&](auto... arguments) {
            return udsock_bind(handle_, arguments...);
        });
    }

    void shutdown(side how, error &err) noexcept
    {
        err.take("shutdown", udsock_shutdown(handle_, static_cast<std::uint32_t>(how)));
    }

    /** The descriptor, on loan. -1 if that fails. */
    int fd(error &err) const noexcept
    {
        const auto fd = err.take("fd", udsock_fd(handle_));
        return err ? -1 : static_cast<int>(fd);
    }

    /** Ends the handle, and gives its descriptor away. */
    unique_fd release(error &err) noexcept
    {
        const auto fd = err.take("release", udsock_release(handle_));
        return err ? unique_fd() : unique_fd(static_cast<int>(fd));
    }

    void disown(error &err) noexcept
    {
        err.take("disown", udsock_disown(handle_));
    }

    std::int64_t get_option(option which, error &err) const noexcept
    {
        const auto number = static_cast<std::uint32_t>(which);
        return err.take("get_option", udsock_get_option(handle_, number));
    }

    void set_option(option which, std::int64_t value, error &err) noexcept
    {
        const auto number = static_cast<std::uint32_t>(which);
        err.take("set_option", udsock_set_option(handle_, number, value));
    }

    counters get_counters(error &err) const noexcept
    {
        return detail::get_counters(handle_, err);
    }

    std::string local_address(error &err) const
    {
        return detail::text_of("local_address", err, [&](char *text, std::size_t size) {
            return udsock_local_address(handle_, text, size);
        });
    }

    /** What the service manager calls it. */
    std::string activated_name(error &err) const
    {
        return detail::text_of("activated_name", err, [&](char *text, std::size_t size) {
            return udsock_activated_name(handle_, text, size);
        });
    }

#ifdef __cpp_exceptions
    void close()
    {
        detail::throwing([&](error &err) { close(err); });
    }

    void bind(std::string_view address, const bind_options &options = {})
    {
        detail::throwing([&](error &err) { bind(address, options, err); });
    }

    void shutdown(side how)
    {
        detail::throwing([&](error &err) { shutdown(how, err); });
    }

    int fd() const
    {
        return detail::throwing([&](error &err) { return fd(err); });
    }

    unique_fd release()
    {
        return detail::throwing([&](error &err) { return release(err); });
    }

    void disown()
    {
        detail::throwing([&](error &err) { disown(err); });
    }

    std::int64_t get_option(option which) const
    {
        return detail::throwing([&](error &err) { return get_option(which, err); });
    }

    void set_option(option which, std::int64_t value)
    {
        detail::throwing([&](error &err) { set_option(which, value, err); });
    }

    counters get_counters() const
    {
        return detail::throwing([&](error &err) { return get_counters(err); });
    }

    std::string local_address() const
    {
        return detail::throwing([&](error &err) { return local_address(err); });
    }

    std::string activated_name() const
    {
        return detail::throwing([&](error &err) { return activated_name(err); });
    }
#endif

private:
    udsock_t handle_ = 0;
};

/** Takes over a descriptor, which stays the caller's if that fails. */
inline socket adopt(unique_fd &&fd, error &err) noexcept
{
    const udsock_t handle = err.take_told("adopt", udsock_adopt(fd.get(), err.raw()));
    if (!err) {
        fd.release();
    }
    return socket(handle);
}

/** The sockets that a service manager passed to this process. */
inline std::vector<socket> activated(error &err)
{
    std::vector<udsock_t> handles(16);
    std::int64_t count;
    while ((count = udsock_activated(handles.data(), handles.size(), err.raw())) == -ERANGE) {
        handles.resize(handles.size() * 2);
    }
    handles.resize(static_cast<std::size_t>(err.take_told("activated", count)));
    return std::vector<socket>(handles.begin(), handles.end());
}

/** A socket of this class, without a name or a peer: create<stream_server>(). */
template <class Socket>
Socket create(error &err) noexcept
{
    const auto number = static_cast<std::uint32_t>(Socket::its_kind);
    return Socket(socket(err.take("create", udsock_create(number))));
}

/** Two sockets that are connected with each other: open_pair<stream>(). */
template <class Socket>
std::pair<Socket, Socket> open_pair(error &err) noexcept
{
    udsock_t ends[2] = {};
    err.take("open_pair", udsock_open_pair(static_cast<std::uint32_t>(Socket::its_kind), ends));
    return {Socket(socket(ends[0])), Socket(socket(ends[1]))};
}

#ifdef __cpp_exceptions
inline socket adopt(unique_fd &&fd)
{
    return detail::throwing([&](error &err) { return adopt(std::move(fd), err); });
}

inline std::vector<socket> activated()
{
    return detail::throwing([](error &err) { return activated(err); });
}

template <class Socket>
Socket create()
{
    return detail::throwing([](error &err) { return create<Socket>(err); });
}

template <class Socket>
std::pair<Socket, Socket> open_pair()
{
    return detail::throwing([](error &err) { return open_pair<Socket>(err); });
}
#endif

} // namespace udsock

#endif
