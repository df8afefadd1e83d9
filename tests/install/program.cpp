/* A word to itself; it says the version of the library that is loaded. */

#include <iostream>
#include <udsock.hpp>

int main()
{
    auto [left, right] = udsock::open_pair<udsock::seqpacket>();
    left.send("word");
    char word[8];
    const auto size = right.recv(word);
    if (udsock::version() < UDSOCK_VERSION || std::string_view(word, *size) != "word")
        return 1;
    std::cout << udsock::version_string() << '\n';
}
