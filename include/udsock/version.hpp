/* The version of the loaded library. */

#ifndef UDSOCK_VERSION_HPP
#define UDSOCK_VERSION_HPP

#include <cstdint>
#include <string_view>

#include "../udsock.h"

namespace udsock {

/** major * 10000 + minor * 100 + patch. */
inline std::uint32_t version() noexcept
{
    return udsock_version();
}

/** The same as text: "0.2.0". */
inline std::string_view version_string() noexcept
{
    return udsock_version_string();
}

} // namespace udsock

#endif
