/* What is at an address, and which process. */

#ifndef UDSOCK_INSPECTION_HPP
#define UDSOCK_INSPECTION_HPP

#include <cstdint>
#include <string_view>

#include "../udsock.h"
#include "error.hpp"
#include "options.hpp"

namespace udsock {

enum class state : std::uint32_t {
    absent = UDSOCK_ABSENT,
    live = UDSOCK_LIVE,
    stale = UDSOCK_STALE,
    not_a_socket = UDSOCK_NOT_A_SOCKET,
};

/** Which programs can reach an address, judged by its length. */
enum class reach : std::uint32_t {
    all = UDSOCK_REACH_ALL,
    most = UDSOCK_REACH_MOST,
    few = UDSOCK_REACH_FEW,
};

/** What inspect finds: udsock_inspection. */
struct inspection {
    udsock::state state = udsock::state::absent;
    udsock::kind kind = udsock::kind::unknown;
    std::uint32_t mode = 0;
    std::uint32_t uid = UINT32_MAX;
    std::uint32_t gid = UINT32_MAX;
    std::int32_t pid = 0;
    std::uint32_t process_uid = UINT32_MAX;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint32_t queue = 0;
    std::uint32_t queue_limit = 0;
    std::uint32_t processes = 0;
    udsock::reach reach = udsock::reach::all;
};

inline inspection inspect(std::string_view address, error &err) noexcept
{
    if (detail::has_nul(address)) {
        err.refuse_nul("inspect");
        return {};
    }
    udsock_inspection found = {};
    found.size = sizeof found;
    const auto text = detail::c_string(address);
    err.take_told("inspect", udsock_inspect(text.get(), &found, err.raw()));
    if (err) {
        return {};
    }
    return {static_cast<state>(found.state), static_cast<kind>(found.kind), found.mode, found.uid,
            found.gid, found.pid, found.process_uid, found.device, found.inode,
            found.queue, found.queue_limit, found.processes,
            static_cast<reach>(found.reach)};
}

#ifdef __cpp_exceptions
inline inspection inspect(std::string_view address)
{
    return detail::throwing([&](error &err) { return inspect(address, err); });
}
#endif

} // namespace udsock

#endif
