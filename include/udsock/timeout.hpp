/* How long a call may wait. */

#ifndef UDSOCK_TIMEOUT_HPP
#define UDSOCK_TIMEOUT_HPP

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

#include "../udsock.h"

namespace udsock {

/**
 * Any std::chrono::duration, rounded up to milliseconds: a call is never early. 0 and below
 * means not to wait at all: the time left until a deadline may be below 0. More than 2^31 - 1
 * milliseconds (24 days) means for ever.
 */
class timeout {
public:
    template <class Rep, class Period>
    constexpr timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : timeout(milliseconds(duration))
    {
    }

    static constexpr timeout forever() noexcept
    {
        return timeout(std::int32_t{UDSOCK_FOREVER});
    }

    /** The timeout_ms of udsock.h. */
    constexpr std::int32_t count() const noexcept
    {
        return milliseconds_;
    }

private:
    constexpr explicit timeout(std::int32_t milliseconds) noexcept : milliseconds_(milliseconds)
    {
    }

    template <class Duration>
    static constexpr std::int32_t milliseconds(Duration duration) noexcept
    {
        constexpr auto most = std::numeric_limits<std::int32_t>::max();
        // In doubles, where hours::max() does not overflow. NaN means not to wait.
        const std::chrono::duration<double, std::milli> exact = duration;
        if (!(exact.count() > 0)) {
            return 0;
        }
        if (exact.count() > most) {
            return UDSOCK_FOREVER;
        }
        return static_cast<std::int32_t>(
            std::chrono::ceil<std::chrono::milliseconds>(duration).count());
    }

    std::int32_t milliseconds_;
};

/** Wait as long as it takes. */
inline constexpr timeout forever = timeout::forever();

/** Do not wait: std::errc::resource_unavailable_try_again if the call would have to. */
inline constexpr timeout no_wait = std::chrono::milliseconds(0);

} // namespace udsock

#endif
