/* Just enough to test with: cases that register themselves, checks, a directory. */

#ifndef TEST_HPP
#define TEST_HPP

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <udsock.hpp>

namespace test {

struct test_case {
    const char *name;
    void (*body)();
};

inline std::vector<test_case> &cases()
{
    static std::vector<test_case> all;
    return all;
}

struct registration {
    registration(const char *name, void (*body)())
    {
        cases().push_back({name, body});
    }
};

[[noreturn]] inline void fail(const char *file, int line, const char *what, const char *why)
{
    std::fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, why);
    std::abort();
}

/** A directory of the test's own, removed with it. What was in it has to be gone by then. */
class directory {
public:
    directory()
    {
        const char *parent = std::getenv("TMPDIR");
        path_ = std::string(parent != nullptr ? parent : "/tmp") + "/udsock-cpp-XXXXXX";
        if (mkdtemp(path_.data()) == nullptr) {
            fail(__FILE__, __LINE__, "mkdtemp", path_.c_str());
        }
    }

    directory(const directory &) = delete;

    ~directory()
    {
        if (rmdir(path_.c_str()) != 0) {
            fail(__FILE__, __LINE__, "a file was left behind in", path_.c_str());
        }
    }

    std::string operator/(const char *name) const
    {
        return path_ + "/" + name;
    }

private:
    std::string path_;
};

/** No call here takes so long, however slow the machine is. */
inline constexpr std::chrono::seconds soon{20};

template <class Connection>
struct connection {
    directory dir;
    std::string address = dir / "s";
    udsock::error err;
    udsock::server<Connection> server{address, {}, err};
    Connection client{address, {}, err};
    Connection peer = server.accept(soon, err);
};

} // namespace test

#define TEST(name)                                                                     \
    static void name();                                                                \
    static const test::registration name##_is_a_test(#name, name);                     \
    static void name()

#define CHECK(condition)                                                               \
    ((condition) ? void() : test::fail(__FILE__, __LINE__, #condition, "is not so"))

/** That the call, which is given `err`, succeeded. */
#define OK(...)                                                                        \
    ((__VA_ARGS__), !err ? void()                                                      \
                         : test::fail(__FILE__, __LINE__, #__VA_ARGS__, err.message()))

/** That it failed with this code. */
#define FAILS(expected, ...)                                                           \
    ((void)(__VA_ARGS__), err.code() == (expected)                                     \
         ? void()                                                                      \
         : test::fail(__FILE__, __LINE__, #__VA_ARGS__, err.message()))

#endif
