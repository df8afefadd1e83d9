/* Bytes and lists that belong to the caller. */

#ifndef UDSOCK_BUFFER_HPP
#define UDSOCK_BUFFER_HPP

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

#if __has_include(<span>) && __cplusplus >= 202002L
#include <span>
#endif

#include "../udsock.h"

namespace udsock {

namespace detail {

/** The type that std::data points to; no type if there is no std::data. */
template <class Container>
using element = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;

template <class T, class... Types>
inline constexpr bool is_one_of = (std::is_same_v<std::remove_cv_t<T>, Types> || ...);

template <class T>
inline constexpr bool is_byte = is_one_of<T, char, signed char, unsigned char, std::byte>;

} // namespace detail

/** std::span for C++17. It takes lists, too, which have to live as long as the call. */
template <class T>
class view {
public:
    constexpr view() noexcept = default;

    constexpr view(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }

    /** For arguments: sendv({header, body}). */
    template <class U = T, class = std::enable_if_t<std::is_const_v<U>>>
    constexpr view(std::initializer_list<std::remove_const_t<U>> list) noexcept
        : data_(std::data(list)), size_(list.size())
    {
    }

    template <class Container,
              class = std::enable_if_t<
                  std::is_convertible_v<detail::element<Container> (*)[], T (*)[]>>>
    constexpr view(Container &&container) noexcept
        : data_(std::data(container)), size_(std::size(container))
    {
    }

    constexpr T *data() const noexcept
    {
        return data_;
    }

    constexpr std::size_t size() const noexcept
    {
        return size_;
    }

    constexpr T *begin() const noexcept
    {
        return data_;
    }

    constexpr T *end() const noexcept
    {
        return data_ + size_;
    }

    constexpr T &operator[](std::size_t index) const noexcept
    {
        return data_[index];
    }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/** Room for bytes: a container, array or std::span of them, or {pointer, size}. */
class mutable_buffer : private udsock_part {
public:
    mutable_buffer() noexcept : udsock_part{nullptr, 0}
    {
    }

    mutable_buffer(void *bytes, std::size_t count) noexcept : udsock_part{bytes, count}
    {
    }

    template <class Bytes,
              class = std::enable_if_t<detail::is_byte<detail::element<Bytes>>
                                       && !std::is_const_v<detail::element<Bytes>>>>
    mutable_buffer(Bytes &&bytes) noexcept : mutable_buffer(std::data(bytes), std::size(bytes))
    {
    }

    void *data() const noexcept
    {
        return udsock_part::data;
    }

    std::size_t size() const noexcept
    {
        return udsock_part::size;
    }

    /** For C: the first of an array. */
    const udsock_part *raw() const noexcept
    {
        return this;
    }
};

/**
 * Bytes: a string, a container, array or std::span of them, or {pointer, size}. A literal is
 * taken without its NUL. For a char array that is not constant write {array, size}: only that
 * says how much is meant.
 */
class const_buffer : private udsock_part {
public:
    const_buffer() noexcept : udsock_part{nullptr, 0}
    {
    }

    const_buffer(const void *bytes, std::size_t count) noexcept
        : udsock_part{const_cast<void *>(bytes), count}
    {
    }

    const_buffer(const mutable_buffer &buffer) noexcept
        : const_buffer(buffer.data(), buffer.size())
    {
    }

    const_buffer(const char *text) noexcept : const_buffer(text, std::strlen(text))
    {
    }

    template <std::size_t Size>
    const_buffer(char (&array)[Size]) = delete;

    template <class Bytes,
              class = std::enable_if_t<detail::is_byte<detail::element<Bytes>>
                                       && !std::is_convertible_v<Bytes, const char *>>>
    const_buffer(const Bytes &bytes) noexcept : const_buffer(std::data(bytes), std::size(bytes))
    {
    }

    const void *data() const noexcept
    {
        return udsock_part::data;
    }

    std::size_t size() const noexcept
    {
        return udsock_part::size;
    }

    std::string_view text() const noexcept
    {
        return {static_cast<const char *>(data()), size()};
    }

#ifdef __cpp_lib_span
    std::span<const std::byte> bytes() const noexcept
    {
        return {static_cast<const std::byte *>(data()), size()};
    }
#endif

    /** For C: the first of an array. */
    const udsock_part *raw() const noexcept
    {
        return this;
    }
};

static_assert(sizeof(const_buffer) == sizeof(udsock_part));
static_assert(sizeof(mutable_buffer) == sizeof(udsock_part));

} // namespace udsock

#endif
