/* Errors: how they compare, what they say, what they leave. */

#include <cstring>

#include "test.hpp"

using udsock::errc;

TEST(every_errno_compares_equal_to_std_errc)
{
    for (int number = 1; number < 134; number++) {
        const std::error_code code(-number, udsock::category());
        CHECK(code == static_cast<std::errc>(number));
        CHECK(code == std::error_condition(number, std::generic_category()));
        CHECK(code != static_cast<std::errc>(number + 1));
        CHECK(code.message() == udsock_error_text(-number));
    }
    CHECK(std::strcmp(udsock::category().name(), "udsock") == 0);
}

TEST(our_own_codes_are_errors_of_their_own)
{
    for (errc ours : {errc::eof, errc::closed, errc::panic}) {
        const std::error_code code = ours;
        CHECK(code && code == ours && code.category() == udsock::category());
        CHECK(code.message() == udsock_error_text(code.value()));
        CHECK(code.default_error_condition().category() == udsock::category());
    }
    CHECK(std::error_code(errc::eof) != errc::closed);
    CHECK(std::error_code(errc::eof) != std::errc::broken_pipe);
}

TEST(the_library_tells_the_whole_story)
{
    const test::directory dir;
    const auto address = dir / "s";
    udsock::error err;
    const udsock::stream_server first(address, {}, err);
    OK(void());
    FAILS(std::errc::address_in_use, udsock::stream_server(address, {}, err));
    CHECK(std::strcmp(err.name(), "EADDRINUSE") == 0);
    CHECK(std::strstr(err.message(), address.c_str()) != nullptr);
    CHECK(std::strstr(err.message(), "UDSOCK_REPLACE") != nullptr);
}

TEST(a_call_forgets_the_error_of_the_one_before)
{
    const test::directory dir;
    udsock::error err;
    FAILS(std::errc::no_such_file_or_directory, udsock::stream(dir / "none", {}, err));
    const std::string story = err.message();
    auto ends = udsock::open_pair<udsock::stream>(err);
    OK(void());
    CHECK(err.code() == std::error_code(0, udsock::category()) && err.transferred() == 0);
    CHECK(story != err.message());

    FAILS(std::errc::no_such_file_or_directory, udsock::stream(dir / "none", {}, err));
    CHECK(story == err.message());
    FAILS(std::errc::bad_file_descriptor, udsock::stream().send("x", udsock::no_wait, err));
    CHECK(std::strcmp(err.message(), udsock_error_text(-EBADF)) == 0);
    OK(ends.first.send("x", udsock::no_wait, err));
}

TEST(no_nul_cuts_an_address)
{
    const test::directory dir;
    const std::string inside = (dir / "s") + std::string(1, '\0') + "rest";
    const std::string abstract(1, '\0');
    udsock::error err;
    const auto is_told = [&](int) {
        CHECK(err.code() == std::errc::invalid_argument);
        CHECK(std::strstr(err.message(), "NUL") != nullptr);
    };
    for (const auto &address : {inside, abstract + "name"}) {
        is_told((CHECK(!udsock::stream_server(address, {}, err)), 0));
        is_told((CHECK(!udsock::stream(address, {}, err)), 0));
        is_told((CHECK(!udsock::datagram(address, {}, err)), 0));
        is_told((udsock::inspect(address, err), 0));
        auto any = udsock::create<udsock::datagram>(err);
        is_told((any.bind(address, {}, err), 0));
        is_told((any.connect(address, {}, err), 0));
        is_told((any.send_to("x", address, udsock::no_wait, err), 0));
        auto server = udsock::create<udsock::stream_server>(err);
        is_told((server.allow_user(address, err), 0));
        is_told((server.allow_group(address, err), 0));
        udsock::bind_options owned;
        owned.user = address;
        is_told((server.bind(dir / "s", owned, err), 0));
        owned.user.clear();
        owned.group = address;
        is_told((server.bind(dir / "s", owned, err), 0));
        udsock::connect_options named;
        named.local_address = address;
        is_told((any.connect(dir / "s", named, err), 0));
    }
}

TEST(no_length_cuts_an_address)
{
    const test::directory dir;
    udsock::error err;
    for (std::size_t length : {4095u, 4096u, 4097u, 5000u, 100000u}) {
        std::string path = dir / "";
        path.append(length - path.size(), 'x');
        FAILS(std::errc::filename_too_long, udsock::stream_server(path, {}, err));
        FAILS(std::errc::filename_too_long, udsock::stream(path, {}, err));
        FAILS(std::errc::filename_too_long, udsock::stream("@" + path, {}, err));
    }
    std::string longest = dir / "";
    while (longest.size() < 4095) {
        longest += "./";
    }
    longest.resize(4094);
    longest += "s";
    const udsock::stream_server server(longest, {}, err);
    OK(void());
    CHECK(server.local_address(err) == longest);
    OK(udsock::stream(longest, {}, err));
    FAILS(std::errc::filename_too_long, udsock::stream(longest + "s", {}, err));
}

TEST(a_view_needs_no_nul_behind_it)
{
    const test::directory dir;
    const std::string longer = (dir / "s") + "which is not meant";
    const auto address = std::string_view(longer).substr(0, (dir / "s").size());
    udsock::error err;
    const udsock::stream_server server(address, {}, err);
    OK(udsock::stream(dir / "s", {}, err));
}

TEST(what_is_none_says_so)
{
    udsock::error err;
    udsock::stream none;
    CHECK(!none && none.handle() == 0);
    char byte[1];
    FAILS(std::errc::bad_file_descriptor, none.recv(byte, udsock::no_wait, err));
    FAILS(std::errc::bad_file_descriptor, none.close(err));
    FAILS(std::errc::bad_file_descriptor, none.fd(err));
    FAILS(std::errc::bad_file_descriptor, none.release(err));
    FAILS(std::errc::bad_file_descriptor, none.local_address(err));
    FAILS(std::errc::bad_file_descriptor, none.peer_credentials(err));
    FAILS(std::errc::bad_file_descriptor, none.get_option(udsock::option::kind, err));
}
