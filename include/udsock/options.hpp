/* How to bind, how to connect, and the properties of a socket. */

#ifndef UDSOCK_OPTIONS_HPP
#define UDSOCK_OPTIONS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "../udsock.h"
#include "error.hpp"
#include "timeout.hpp"

namespace udsock {

enum class kind : std::uint32_t {
    unknown = 0,
    stream = UDSOCK_STREAM,
    dgram = UDSOCK_DGRAM,
    seqpacket = UDSOCK_SEQPACKET,
};

/** The sides that shutdown shuts. */
enum class side : std::uint32_t {
    read = UDSOCK_READ,
    write = UDSOCK_WRITE,
    both = UDSOCK_READ | UDSOCK_WRITE,
};

enum class option : std::uint32_t {
    kind = UDSOCK_OPTION_KIND,
    send_buffer = UDSOCK_OPTION_SEND_BUFFER,
    receive_buffer = UDSOCK_OPTION_RECEIVE_BUFFER,
    spin_us = UDSOCK_OPTION_SPIN_US,
    receive_fds = UDSOCK_OPTION_RECEIVE_FDS,
    receive_credentials = UDSOCK_OPTION_RECEIVE_CREDENTIALS,
    refused = UDSOCK_OPTION_REFUSED,
    max_per_uid = UDSOCK_OPTION_MAX_PER_UID,
    listening = UDSOCK_OPTION_LISTENING,
    readable_bytes = UDSOCK_OPTION_READABLE_BYTES,
    owns_file = UDSOCK_OPTION_OWNS_FILE,
    receive_pidfd = UDSOCK_OPTION_RECEIVE_PIDFD,
    restored = UDSOCK_OPTION_RESTORED,
};

/** How to bind: udsock_bind_options. */
struct bind_options {
    bool replace = false;
    bool no_reclaim = false;
    bool keep_file = false;
    bool make_parents = false;
    /** Get the path back when it was lost. */
    bool restore_file = false;
    /** 0: 0777 less the umask. */
    std::uint32_t mode = 0;
    /** 0: as many as the system allows. */
    std::int32_t backlog = 0;
    /** A name or a number. Empty: the user who makes it. */
    std::string user = {};
    std::string group = {};
};

/** How to connect: udsock_connect_options. */
struct connect_options {
    /** While there is no server, try again. */
    bool retry = false;
    /** no_wait is UDSOCK_DONT_WAIT. */
    udsock::timeout timeout = forever;
    /** The address to bind to first. Empty: none. */
    std::string local_address = {};
};

namespace detail {

inline bool has_nul(std::string_view text) noexcept
{
    return text.find('\0') != std::string_view::npos;
}

inline const char *or_null(const std::string &text) noexcept
{
    return text.empty() ? nullptr : text.c_str();
}

/** Text with a NUL behind it. Text that is too long for any address stays too long. */
class c_string {
public:
    explicit c_string(std::string_view text) noexcept
    {
        const std::size_t size = std::min(text.size(), sizeof bytes_ - 1);
        std::memcpy(bytes_, text.data(), size);
        bytes_[size] = '\0';
    }

    const char *get() const noexcept
    {
        return bytes_;
    }

private:
    char bytes_[UDSOCK_ADDRESS_SIZE + 1];
};

/** bind_options for C, which point into them. */
inline udsock_bind_options raw(const bind_options &options) noexcept
{
    udsock_bind_options raw = {};
    raw.size = sizeof raw;
    raw.flags = (options.replace ? UDSOCK_REPLACE : 0u)
                | (options.no_reclaim ? UDSOCK_NO_RECLAIM : 0u)
                | (options.keep_file ? UDSOCK_KEEP_FILE : 0u)
                | (options.make_parents ? UDSOCK_MAKE_PARENTS : 0u)
                | (options.restore_file ? UDSOCK_RESTORE_FILE : 0u);
    raw.mode = options.mode;
    raw.backlog = options.backlog;
    raw.user = or_null(options.user);
    raw.group = or_null(options.group);
    return raw;
}

/** connect_options for C, which point into them. */
inline udsock_connect_options raw(const connect_options &options) noexcept
{
    const std::int32_t timeout_ms = options.timeout.count();
    udsock_connect_options raw = {};
    raw.size = sizeof raw;
    // In C 0 stands for the default here, which is for ever.
    raw.flags = (options.retry ? UDSOCK_RETRY : 0u) | (timeout_ms == 0 ? UDSOCK_DONT_WAIT : 0u);
    raw.timeout_ms = timeout_ms;
    raw.local_address = or_null(options.local_address);
    return raw;
}

/** Makes a C call that takes an address and options. */
template <class Call>
std::int64_t with_address(const char *name, std::string_view address, const bind_options &options,
                          error &err, Call call) noexcept
{
    if (has_nul(address) || has_nul(options.user) || has_nul(options.group)) {
        err.refuse_nul(name);
        return 0;
    }
    const auto c_options = raw(options);
    return err.take_told(name, call(c_string(address).get(), &c_options, err.raw()));
}

template <class Call>
std::int64_t with_address(const char *name, std::string_view address,
                          const connect_options &options, error &err, Call call) noexcept
{
    if (has_nul(address) || has_nul(options.local_address)) {
        err.refuse_nul(name);
        return 0;
    }
    const auto c_options = raw(options);
    return err.take_told(name, call(c_string(address).get(), &c_options, err.raw()));
}

/** Makes a C call that takes only text. */
template <class Call>
std::int64_t with_text(const char *name, std::string_view text, error &err, Call call) noexcept
{
    if (has_nul(text)) {
        err.refuse_nul(name);
        return 0;
    }
    return err.take(name, call(c_string(text).get()));
}

/** Makes a C call that fills room for any address. */
template <class Call>
std::string text_of(const char *name, error &err, Call call)
{
    char text[UDSOCK_ADDRESS_SIZE];
    const std::int64_t length = err.take(name, call(text, sizeof text));
    return std::string(text, static_cast<std::size_t>(length));
}

} // namespace detail

} // namespace udsock

#endif
