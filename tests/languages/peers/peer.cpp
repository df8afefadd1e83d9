// The peers in C++: see peer.c.

#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include <udsock.hpp>

namespace {

using namespace std::chrono_literals;
constexpr auto guard = 20s;

char buffer[1 << 16];

/* What the clients and servers of messages exchange. */
std::string message(int index)
{
    std::string text;
    if (index == 2)
        for (int i = 0; i < 256 * 150; i++)
            text.push_back(static_cast<char>(i));
    return index == 0 ? "hello" : text;
}

template <class Connection> Connection connect_to(const std::string &address)
{
    udsock::connect_options options;
    options.retry = true;
    options.timeout = guard;
    return Connection(address, options);
}

template <class Server> void serve(const std::string &address)
{
    Server server(address);
    for (;;) {
        auto peer = server.accept();
        udsock::error gone;
        while (auto size = peer.recv(buffer, udsock::forever, gone))
            peer.send_all({buffer, *size}, udsock::forever, gone);
    }
}

void expect(const std::string &wanted, std::optional<std::size_t> size)
{
    if (!size || std::string_view(buffer, *size) != wanted)
        throw std::runtime_error("another message came");
}

void stream_client(const std::string &address)
{
    auto client = connect_to<udsock::stream>(address);
    std::thread sender([&] {
        const std::string input(std::istreambuf_iterator<char>(std::cin), {});
        client.send_all(input, guard);
        client.shutdown(udsock::side::write);
    });
    while (auto size = client.recv(buffer, guard))
        std::cout.write(buffer, static_cast<std::streamsize>(*size));
    sender.join();
}

void seqpacket_client(const std::string &address)
{
    auto client = connect_to<udsock::seqpacket>(address);
    for (int i = 0; i < 3; i++) {
        client.send(message(i), guard);
        expect(message(i), client.recv(buffer, guard));
    }
}

void datagram_server(const std::string &address)
{
    udsock::datagram server(address);
    std::cout << "ready" << std::endl;
    for (;;) {
        std::string from;
        if (auto size = server.recv_from(buffer, from))
            server.send_to({buffer, *size}, from, guard);
    }
}

void datagram_client(const std::string &address, const std::string &local)
{
    udsock::datagram client(local);
    for (int i = 0; i < 3; i++) {
        client.send_to(message(i), address, guard);
        expect(message(i), client.recv(buffer, guard));
    }
}

} // namespace

int main(int argc, char **argv)
try {
    const std::map<std::string, std::function<void()>> roles = {
        {"stream-server", [&] { serve<udsock::stream_server>(argv[2]); }},
        {"seqpacket-server", [&] { serve<udsock::seqpacket_server>(argv[2]); }},
        {"datagram-server", [&] { datagram_server(argv[2]); }},
        {"stream-client", [&] { stream_client(argv[2]); }},
        {"seqpacket-client", [&] { seqpacket_client(argv[2]); }},
        {"datagram-client", [&] { datagram_client(argv[2], argv[3]); }},
    };
    const auto role = argc > 2 ? roles.find(argv[1]) : roles.end();
    if (role == roles.end())
        return 2;
    role->second();
    return 0;
} catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
