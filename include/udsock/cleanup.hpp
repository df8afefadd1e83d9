/* Removing socket files when the process ends. */

#ifndef UDSOCK_CLEANUP_HPP
#define UDSOCK_CLEANUP_HPP

#include <cstddef>

#include "../udsock.h"
#include "error.hpp"

namespace udsock {

/** Removes the files of this process's sockets now, and returns how many. */
inline std::size_t cleanup(error &err) noexcept
{
    return static_cast<std::size_t>(err.take("cleanup", udsock_cleanup()));
}

/** Has them removed also when this signal ends the process. */
inline void cleanup_on_signal(int signo, error &err) noexcept
{
    err.take("cleanup_on_signal", udsock_cleanup_on_signal(signo));
}

#ifdef __cpp_exceptions
inline std::size_t cleanup()
{
    return detail::throwing([](error &err) { return cleanup(err); });
}

inline void cleanup_on_signal(int signo)
{
    detail::throwing([&](error &err) { cleanup_on_signal(signo, err); });
}
#endif

} // namespace udsock

#endif
