/* What the library does by itself, reported to a function of the program. */

#ifndef UDSOCK_LOG_HPP
#define UDSOCK_LOG_HPP

#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "../udsock.h"
#include "error.hpp"

namespace udsock {

enum class log_level : std::uint32_t {
    error = UDSOCK_LOG_ERROR,
    warning = UDSOCK_LOG_WARNING,
    info = UDSOCK_LOG_INFO,
    debug = UDSOCK_LOG_DEBUG,
};

/** What has happened. There may be others in later versions. */
enum class logged : std::uint32_t {
    reclaimed = UDSOCK_LOGGED_RECLAIMED,
    swept = UDSOCK_LOGGED_SWEPT,
    took_over = UDSOCK_LOGGED_TOOK_OVER,
    taken_over = UDSOCK_LOGGED_TAKEN_OVER,
    file_gone = UDSOCK_LOGGED_FILE_GONE,
    not_removed = UDSOCK_LOGGED_NOT_REMOVED,
    refused = UDSOCK_LOGGED_REFUSED,
    no_alarm = UDSOCK_LOGGED_NO_ALARM,
    taken_away = UDSOCK_LOGGED_TAKEN_AWAY,
    datagram_dropped = UDSOCK_LOGGED_DATAGRAM_DROPPED,
    unsent_dropped = UDSOCK_LOGGED_UNSENT_DROPPED,
    missing = UDSOCK_LOGGED_MISSING,
    call_failed = UDSOCK_LOGGED_CALL_FAILED,
    panic = UDSOCK_LOGGED_PANIC,
    not_noted = UDSOCK_LOGGED_NOT_NOTED,
    restored = UDSOCK_LOGGED_RESTORED,
    long_path = UDSOCK_LOGGED_LONG_PATH,
};

/** Something that has happened: udsock_log_record. The views point into the library's memory, and
 * are valid only until the callback returns. */
struct log_record {
    log_level level = log_level::debug;
    logged event = logged::missing;
    std::error_code code;
    udsock_t handle = 0;
    std::int32_t pid = 0;
    std::uint32_t uid = UINT32_MAX;
    std::string_view path;
    std::string_view text;
};

/** From now on the callback is called with each log_record of this level or a more important one.
 * It is not copied: it has to exist until another one was set, or reset_log has returned. It must
 * not throw. */
template <typename Callback, typename = std::enable_if_t<
                                 std::is_invocable_v<Callback &, const log_record &>>>
void set_log(log_level level, Callback &callback, error &err) noexcept
{
    const auto call = [](void *user_data, const udsock_log_record *told) noexcept {
        log_record record;
        record.level = static_cast<log_level>(told->level);
        record.event = static_cast<logged>(told->event);
        if (told->code != 0) {
            record.code = {told->code, category()};
        }
        record.handle = told->handle;
        record.pid = told->pid;
        record.uid = told->uid;
        if (told->path != nullptr) {
            record.path = told->path;
        }
        record.text = told->text;
        (*static_cast<Callback *>(user_data))(record);
    };
    void *data = const_cast<void *>(static_cast<const void *>(&callback));
    err.take("set_log", udsock_set_log(call, data, static_cast<std::uint32_t>(level)));
}

/** Removes the callback. */
inline void reset_log(error &err) noexcept
{
    err.take("reset_log", udsock_set_log(nullptr, nullptr, 0));
}

#ifdef __cpp_exceptions
template <typename Callback, typename = std::enable_if_t<
                                 std::is_invocable_v<Callback &, const log_record &>>>
void set_log(log_level level, Callback &callback)
{
    detail::throwing([&](error &err) { set_log(level, callback, err); });
}

inline void reset_log()
{
    detail::throwing([](error &err) { reset_log(err); });
}
#endif

} // namespace udsock

#endif
