/* What went through a socket, a server or a poller. */

#ifndef UDSOCK_COUNTERS_HPP
#define UDSOCK_COUNTERS_HPP

#include <cstdint>

#include "../udsock.h"
#include "error.hpp"

namespace udsock {

/** Counts since the handle was made, except kept_bytes, which is kept now: udsock_counters. */
struct counters {
    std::uint64_t sent_bytes = 0;
    std::uint64_t sent_messages = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t received_messages = 0;
    std::uint64_t sleeps = 0;
    std::uint64_t spins_paid = 0;
    std::uint64_t spins_lost = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t kept_bytes = 0;
    std::uint64_t kept_bytes_most = 0;
    std::uint64_t dropped = 0;
};

namespace detail {

inline counters get_counters(udsock_t handle, error &err) noexcept
{
    udsock_counters found = {};
    found.size = sizeof found;
    err.take("get_counters", udsock_get_counters(handle, &found));
    if (err) {
        return {};
    }
    counters all;
    all.sent_bytes = found.sent_bytes;
    all.sent_messages = found.sent_messages;
    all.received_bytes = found.received_bytes;
    all.received_messages = found.received_messages;
    all.sleeps = found.sleeps;
    all.spins_paid = found.spins_paid;
    all.spins_lost = found.spins_lost;
    all.accepted = found.accepted;
    all.refused = found.refused;
    all.kept_bytes = found.kept_bytes;
    all.kept_bytes_most = found.kept_bytes_most;
    all.dropped = found.dropped;
    return all;
}

} // namespace detail

} // namespace udsock

#endif
