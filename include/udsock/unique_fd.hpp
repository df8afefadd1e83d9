/* A descriptor that closes itself. */

#ifndef UDSOCK_UNIQUE_FD_HPP
#define UDSOCK_UNIQUE_FD_HPP

#include <cstdint>
#include <utility>

#include <unistd.h>

namespace udsock {

/** Owns a descriptor, as std::unique_ptr owns an object. Empty, it is -1. */
class unique_fd {
public:
    unique_fd() noexcept = default;

    explicit unique_fd(int fd) noexcept : fd_(fd)
    {
    }

    unique_fd(unique_fd &&other) noexcept : fd_(other.release())
    {
    }

    unique_fd &operator=(unique_fd &&other) noexcept
    {
        reset(other.release());
        return *this;
    }

    ~unique_fd()
    {
        reset();
    }

    int get() const noexcept
    {
        return fd_;
    }

    explicit operator bool() const noexcept
    {
        return fd_ >= 0;
    }

    /** Gives the descriptor to the caller, who has to close it. */
    int release() noexcept
    {
        return std::exchange(fd_, -1);
    }

    void reset(int fd = -1) noexcept
    {
        const int old = std::exchange(fd_, fd);
        if (old >= 0) {
            ::close(old);
        }
    }

private:
    std::int32_t fd_ = -1;
};

} // namespace udsock

#endif
