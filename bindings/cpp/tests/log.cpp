/* What the library does by itself, as a callback is told it. */

#include <string>
#include <vector>

#include <unistd.h>

#include "test.hpp"

TEST(a_callback_is_told_what_happened)
{
    test::directory dir;
    udsock::error err;
    struct told {
        udsock::log_level level;
        udsock::logged event;
        std::error_code code;
        udsock_t handle;
        std::string path;
        std::string text;
    };
    std::vector<told> all;
    auto remember = [&](const udsock::log_record &record) {
        CHECK(record.pid == 0 && record.uid == UINT32_MAX);
        all.push_back({record.level, record.event, record.code, record.handle,
                       std::string(record.path), std::string(record.text)});
    };
    const auto path = dir / "s";
    OK(udsock::set_log(udsock::log_level::debug, remember, err));
    udsock::stream nobody(path, {}, err);
    CHECK(err.code() == std::errc::no_such_file_or_directory);
    err = {};
    udsock::stream_server server(path, {}, err);
    const udsock_t handle = server.handle();
    CHECK(!err && unlink(path.c_str()) == 0);
    OK(server.close(err));
    /* (What the kernel lacks is told, too.) */
    const udsock::log_level warning = udsock::log_level::warning;
    std::size_t failed = 0, gone = 0;
    for (const auto &one : all) {
        failed += one.event == udsock::logged::call_failed && one.path == path
                  && one.code == std::errc::no_such_file_or_directory;
        gone += one.event == udsock::logged::file_gone && one.level == warning
                && one.handle == handle && one.path == path && !one.code;
    }
    CHECK(failed == 1 && gone == 1);
    const auto count = all.size();

    OK(udsock::set_log(udsock::log_level::warning, remember, err));
    udsock::stream still_nobody(path, {}, err);
    err = {};
    CHECK(all.size() == count);
    OK(udsock::reset_log(err));
    FAILS(std::errc::invalid_argument,
          udsock::set_log(static_cast<udsock::log_level>(9), remember, err));
}
