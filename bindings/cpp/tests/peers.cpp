/* Who is at the other end, and who may be. */

#include <unistd.h>

#include "test.hpp"

using udsock::option;

TEST(the_kernel_vouches_for_the_peer)
{
    test::connection<udsock::stream> c;
    auto &err = c.err;
    for (const auto *end : {&c.client, &c.peer}) {
        const auto who = end->peer_credentials(err);
        CHECK(!err && who.pid == getpid() && who.uid == geteuid() && who.gid == getegid());
    }
    const auto groups = c.peer.peer_groups(err);
    CHECK(!err && groups.size() == static_cast<std::size_t>(getgroups(0, nullptr)));
    const auto process = c.peer.peer_pidfd(err);
    CHECK(process || err.code() == std::errc::no_protocol_option);
    const auto label = c.peer.peer_label(err);
    CHECK(!label.empty() || err.code() == std::errc::no_protocol_option);
}

TEST(nobody_is_made_up)
{
    udsock::error err;
    const auto nobody = udsock::create<udsock::stream>(err);
    FAILS(std::errc::not_connected, nobody.peer_credentials(err));
    CHECK(nobody.peer_credentials(err).uid == UINT32_MAX);
    FAILS(std::errc::not_connected, CHECK(nobody.peer_groups(err).empty()));
    FAILS(std::errc::not_connected, CHECK(!nobody.peer_pidfd(err)));
    FAILS(std::errc::not_connected, CHECK(nobody.remote_address(err).empty()));
}

TEST(accept_says_who_came)
{
    test::connection<udsock::seqpacket> c;
    auto &err = c.err;
    udsock::seqpacket second(c.address, {}, err);
    udsock::credentials who;
    const auto peer = c.server.accept(who, test::soon, err);
    CHECK(peer && who.pid == getpid() && who.uid == geteuid());
    FAILS(std::errc::resource_unavailable_try_again, c.server.accept(udsock::no_wait, err));
    FAILS(std::errc::timed_out, c.server.accept(who, std::chrono::milliseconds(2), err));
}

TEST(others_are_refused)
{
    test::connection<udsock::stream> c;
    auto &err = c.err;
    const std::uint32_t another = geteuid() == 12345 ? 12346 : 12345;
    OK(c.server.allow_uid(another, err));
    udsock::stream refused(c.address, {}, err);
    FAILS(std::errc::resource_unavailable_try_again, c.server.accept(udsock::no_wait, err));
    CHECK(c.server.get_option(option::refused, err) == 1);
    char byte[1];
    CHECK(!refused.recv(byte, test::soon, err) && !err);
    OK(c.server.allow_user(std::to_string(geteuid()), err));
    udsock::stream allowed(c.address, {}, err);
    OK(CHECK(c.server.accept(test::soon, err)));
}

TEST(groups_are_let_in)
{
    for (const bool by_name : {false, true}) {
        test::connection<udsock::seqpacket> c;
        auto &err = c.err;
        if (by_name) {
            OK(c.server.allow_group(std::to_string(getegid()), err));
        } else {
            OK(c.server.allow_gid(getegid(), err));
        }
        udsock::seqpacket allowed(c.address, {}, err);
        OK(CHECK(c.server.accept(test::soon, err)));
    }
    udsock::error err;
    auto server = udsock::create<udsock::stream_server>(err);
    FAILS(std::errc::invalid_argument, server.allow_user("nobody of this name", err));
    FAILS(std::errc::invalid_argument, server.allow_group("no such group", err));
    FAILS(std::errc::invalid_argument, server.allow_uid(UINT32_MAX, err));
}
