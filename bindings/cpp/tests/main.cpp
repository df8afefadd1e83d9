/* Runs all tests of the program. */

#include "test.hpp"

int main()
{
    for (const auto &each : test::cases()) {
        std::printf("%s\n", each.name);
        std::fflush(stdout);
        each.body();
    }
    std::printf("%zu tests passed\n", test::cases().size());
    return test::cases().empty() ? 1 : 0;
}
