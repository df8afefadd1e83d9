/* Errors: codes that compare with std::errc, the text that comes with them, exceptions. */

#ifndef UDSOCK_ERROR_HPP
#define UDSOCK_ERROR_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../udsock.h"

namespace udsock {

/** The library's own codes. The system's are std::errc. */
enum class errc : int {
    /** The peer sends no more. Among the calls that receive, only recv_exact fails with it. */
    eof = UDSOCK_EOF,
    /** Another thread closed the socket while this call was waiting on it. */
    closed = UDSOCK_CLOSED,
    /** An error inside the library. Please report it. */
    panic = UDSOCK_PANIC,
};

namespace detail {

class category final : public std::error_category {
public:
    const char *name() const noexcept override
    {
        return "udsock";
    }

    std::string message(int code) const override
    {
        return udsock_error_text(code);
    }

    std::error_condition default_error_condition(int code) const noexcept override
    {
        const bool is_the_systems = code < 0 && code > UDSOCK_EOF;
        return is_the_systems ? std::error_condition(-code, std::generic_category())
                              : std::error_condition(code, *this);
    }
};

} // namespace detail

/** The category of all codes. Their values are those of udsock.h: -EADDRINUSE, UDSOCK_EOF. */
inline const std::error_category &category() noexcept
{
    static const detail::category instance;
    return instance;
}

inline std::error_code make_error_code(errc code) noexcept
{
    return {static_cast<int>(code), category()};
}

/**
 * What went wrong, if anything: the last argument of the calls that do not throw. A call that
 * succeeds clears it.
 */
class error {
public:
    error() noexcept
    {
        raw_.size = sizeof raw_;
        clear();
    }

    /** Whether the last call failed. */
    explicit operator bool() const noexcept
    {
        return raw_.code != 0;
    }

    /** To be compared: err.code() == std::errc::timed_out, err.code() == udsock::errc::eof. */
    std::error_code code() const noexcept
    {
        return {raw_.code, category()};
    }

    /** In words: the udsock_error's message if the C call has one, otherwise the code's text. */
    const char *message() const noexcept
    {
        return raw_.message[0] != '\0' ? raw_.message : udsock_error_text(raw_.code);
    }

    /** The code's name: "EADDRINUSE", "UDSOCK_EOF"; "OK" for none. */
    const char *name() const noexcept
    {
        return udsock_error_name(raw_.code);
    }

    /** How many bytes send_all or recv_exact had moved: go on from there. */
    std::size_t transferred() const noexcept
    {
        return transferred_;
    }

    void clear() noexcept
    {
        raw_.code = 0;
        raw_.message[0] = '\0';
        call_ = "";
        transferred_ = 0;
    }

    /** For C: a cleared udsock_error to fill. `take_told` has to follow. */
    udsock_error *raw() noexcept
    {
        clear();
        return &raw_;
    }

    /** Takes in the result of a C call. Returns it, or 0 if it is an error. */
    std::int64_t take(const char *call, std::int64_t result) noexcept
    {
        clear();
        return take_told(call, result);
    }

    /** The same, if the call was given `raw`. */
    std::int64_t take_told(const char *call, std::int64_t result) noexcept
    {
        if (result >= 0) {
            return result;
        }
        raw_.code = static_cast<std::int32_t>(result);
        call_ = call;
        return 0;
    }

    /** The same, if the call had moved so many bytes. */
    std::size_t take_transfer(const char *call, std::int64_t result, std::size_t bytes) noexcept
    {
        take(call, result);
        transferred_ = bytes;
        return bytes;
    }

    /** Says that text with a NUL inside was refused: C would use only its beginning. */
    void refuse_nul(const char *call) noexcept
    {
        take(call, -EINVAL);
        constexpr char why[] = "the text has a NUL inside. An abstract name is written "
                               "\"@name\", and a NUL in it \"\\0\"";
        static_assert(sizeof why <= sizeof raw_.message);
        std::memcpy(raw_.message, why, sizeof why);
    }

private:
    friend class system_error;

    udsock_error raw_;
    const char *call_;
    std::size_t transferred_;
};

#ifdef __cpp_exceptions

/** What the calls throw. */
class system_error : public std::system_error {
public:
    explicit system_error(const error &err) : std::system_error(err.code(), err.call_), error_(err)
    {
    }

    const char *what() const noexcept override
    {
        return error_.raw_.message[0] != '\0' ? error_.message() : std::system_error::what();
    }

    /** How many bytes send_all or recv_exact had moved: go on from there. */
    std::size_t transferred() const noexcept
    {
        return error_.transferred();
    }

private:
    error error_;
};

namespace detail {

/** Makes the throwing form from the other one. */
template <class Call>
auto throwing(Call &&call)
{
    error err;
    if constexpr (std::is_void_v<decltype(call(err))>) {
        call(err);
        if (err) {
            throw system_error(err);
        }
    } else {
        auto result = call(err);
        if (err) {
            throw system_error(err);
        }
        return result;
    }
}

} // namespace detail

#endif

} // namespace udsock

template <>
struct std::is_error_code_enum<udsock::errc> : std::true_type {};

#endif
