/* Timeouts, buffers, lists, descriptors: what they are made from. */

#include <array>

#include <fcntl.h>

#include "test.hpp"

using namespace std::chrono_literals;
using udsock::const_buffer;
using udsock::mutable_buffer;
using udsock::timeout;

static_assert(timeout(0s).count() == 0 && udsock::no_wait.count() == 0);
static_assert(udsock::forever.count() == UDSOCK_FOREVER);
static_assert(timeout(3ms).count() == 3 && timeout(2s).count() == 2000);
static_assert(timeout(1ns).count() == 1, "a call is never early");
static_assert(timeout(1000001ns).count() == 2);
static_assert(timeout(-1ns).count() == 0 && timeout(-1ms).count() == 0);
static_assert(timeout(std::chrono::hours::min()).count() == 0);
static_assert(timeout(2147483647ms).count() == 2147483647);
static_assert(timeout(2147483648ms).count() == UDSOCK_FOREVER);
static_assert(timeout(2147483646999999ns + 1ns).count() == 2147483647);
static_assert(timeout(std::chrono::hours::max()).count() == UDSOCK_FOREVER);
static_assert(timeout(std::chrono::nanoseconds::max()).count() == UDSOCK_FOREVER);
static_assert(timeout(std::chrono::duration<float>(0.25f)).count() == 250);
static_assert(!std::is_constructible_v<timeout, int>, "of what?");

/** Owners move and are never copied; nothing that moves throws. */
template <class... Owners>
constexpr bool only_move = ((std::is_nothrow_move_constructible_v<Owners>
                             && std::is_nothrow_move_assignable_v<Owners>
                             && !std::is_copy_constructible_v<Owners>
                             && !std::is_copy_assignable_v<Owners>)
                            && ...);
static_assert(only_move<udsock::socket, udsock::stream, udsock::seqpacket, udsock::datagram,
                        udsock::stream_server, udsock::seqpacket_server, udsock::poller,
                        udsock::unique_fd, udsock::message>);
static_assert(std::is_nothrow_default_constructible_v<udsock::stream>);
static_assert(!std::is_convertible_v<std::string_view, udsock::stream>);
static_assert(!std::is_convertible_v<udsock_t, udsock::socket>);

/** What is no bytes, or is constant, is no room; of a char array only a part is meant. */
static_assert(!std::is_constructible_v<mutable_buffer, std::string_view>);
static_assert(!std::is_constructible_v<mutable_buffer, const std::string &>);
static_assert(!std::is_constructible_v<mutable_buffer, const char (&)[4]>);
static_assert(!std::is_constructible_v<mutable_buffer, int (&)[4]>);
static_assert(!std::is_constructible_v<mutable_buffer, std::vector<bool> &>);
static_assert(!std::is_constructible_v<const_buffer, std::vector<int>>);
static_assert(!std::is_constructible_v<const_buffer, std::array<bool, 2>>);
static_assert(!std::is_constructible_v<const_buffer, char (&)[4]>);
static_assert(std::is_constructible_v<mutable_buffer, char (&)[4]>);

/** Without exceptions the forms that throw are not there. */
#ifdef __cpp_exceptions
constexpr bool throws = true;
#else
constexpr bool throws = false;
#endif
template <class Socket, class = void>
constexpr bool can_throw = false;
template <class Socket>
constexpr bool can_throw<Socket, std::void_t<decltype(std::declval<Socket &>().close())>> = true;
static_assert(can_throw<udsock::stream> == throws && can_throw<udsock::poller> == throws);
static_assert(std::is_constructible_v<udsock::stream, const char *> == throws);
static_assert(std::is_constructible_v<udsock::stream_server, const char *> == throws);
static_assert(std::is_constructible_v<udsock::datagram, const char *> == throws);
static_assert(std::is_default_constructible_v<udsock::poller> == throws);

/** The other forms say that they don't. */
static_assert(noexcept(std::declval<udsock::stream &>().recv(
    std::declval<mutable_buffer>(), udsock::forever, std::declval<udsock::error &>())));
static_assert(std::is_nothrow_constructible_v<udsock::stream, std::string_view,
                                              const udsock::connect_options &, udsock::error &>);

TEST(bytes_come_from_whatever_holds_them)
{
    const auto is = [](const_buffer buffer, std::string_view text) { return buffer.text() == text; };
    const char *pointer = "abc";
    CHECK(is("abc", "abc") && is(pointer, "abc") && is("", ""));
    CHECK(is(std::string("abc"), "abc") && is(std::string_view("abcd").substr(0, 3), "abc"));
    CHECK(is(std::string("a\0c", 3), std::string_view("a\0c", 3)));
    CHECK(is(std::vector<unsigned char>{'a', 'b'}, "ab"));
    CHECK(is(std::array<std::byte, 1>{std::byte{'a'}}, "a"));
    CHECK(is({pointer, 2}, "ab") && is({}, ""));

    char array[4] = "abc";
    CHECK(mutable_buffer(array).size() == 4 && mutable_buffer(array).data() == array);
    CHECK(is({array, 3}, "abc") && is(mutable_buffer(array, 2), "ab"));
    unsigned char bytes[] = {'x', 'y'};
    CHECK(is(bytes, "xy") && mutable_buffer(bytes).size() == 2);
    std::string room(5, ' ');
    CHECK(mutable_buffer(room).data() == room.data() && mutable_buffer(room).size() == 5);
#ifdef __cpp_lib_span
    CHECK(is(std::span<const unsigned char>(bytes), "xy"));
    CHECK(mutable_buffer(std::span(bytes).first(1)).size() == 1);
    CHECK(mutable_buffer(std::as_writable_bytes(std::span(array))).size() == 4);
    CHECK(const_buffer("ab").bytes()[1] == std::byte{'b'});
#endif
}

TEST(views_see_lists_and_containers)
{
    const auto sum = [](udsock::view<const int> numbers) {
        int total = 0;
        for (int number : numbers) {
            total += number;
        }
        return total;
    };
    const int array[] = {1, 2, 3};
    CHECK(sum({4, 5}) == 9 && sum({}) == 0 && sum(array) == 6 && sum({array, 2}) == 3);
    CHECK(sum(std::vector<int>{7}) == 7 && sum(std::array<int, 2>{1, 1}) == 2);
    CHECK(udsock::view<const int>(array)[2] == 3);
}

TEST(descriptors_close_themselves)
{
    const auto is_open = [](int fd) { return fcntl(fd, F_GETFD) >= 0; };
    udsock::unique_fd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int number = first.get();
    CHECK(first && is_open(number));
    udsock::unique_fd second = std::move(first);
    CHECK(second.get() == number && is_open(number));
    second = udsock::unique_fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(second && second.get() != number && !is_open(number));
    const int given = second.release();
    CHECK(!second && is_open(given));
    { const udsock::unique_fd last(given); }
    CHECK(!is_open(given));
}
