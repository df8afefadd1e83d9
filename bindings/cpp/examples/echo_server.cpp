#include <cstdio>
#include <udsock.hpp>

int main()
try {
    udsock::stream_server server("/tmp/echo.sock");
    for (;;) {
        udsock::stream peer = server.accept();
        udsock::error gone;
        char buffer[4096];
        while (auto n = peer.recv(buffer, udsock::forever, gone))
            peer.send_all({buffer, *n}, udsock::forever, gone);
    }
} catch (const std::system_error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
