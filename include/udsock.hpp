/*
 * libudsock for C++17 and later: udsock.h with owners, exceptions and views. Header only;
 * link with the library as a C program does.
 *
 *     udsock::stream_server server("/tmp/echo.sock");
 *     for (;;) {
 *         udsock::stream peer = server.accept();
 *         udsock::error gone;
 *         char buffer[4096];
 *         while (auto n = peer.recv(buffer, udsock::forever, gone))
 *             peer.send_all({buffer, *n}, udsock::forever, gone);
 *     }
 *
 *     udsock::stream client("/tmp/echo.sock");
 *
 * udsock.h is the manual: each call does what the C call of the same name does. The constants
 * have the same names, as enumerations. These things differ:
 *
 * Errors. Every call that can fail has two forms. One throws udsock::system_error, which is
 * a std::system_error. The other takes a udsock::error as its last argument, throws nothing
 * of its own, and returns 0 or an empty value if it fails; constructors have both forms, too.
 * Without exceptions (-fno-exceptions) only the second form exists.
 *
 * The end. Receiving returns a std::optional: it is empty at the end, and 0 for an empty message.
 *
 * Owners. A socket closes itself when it is destroyed. Any thread may call close, or any other
 * call, while other threads use the socket; but it must not be moved or destroyed then. After
 * close the socket keeps its handle, which is of no use any more.
 *
 * Time. Timeouts are std::chrono durations, udsock::forever or udsock::no_wait.
 *
 * Bytes. Calls take bytes as containers, arrays and spans of them, and as {pointer, size}.
 * Addresses are std::string_view; a NUL inside one is EINVAL.
 */

#ifndef UDSOCK_HPP
#define UDSOCK_HPP

#if __cplusplus < 201703L
#error "udsock.hpp takes C++17 or later (-std=c++17); udsock.h takes every C++"
#endif

#include "udsock/error.hpp"
#include "udsock/timeout.hpp"
#include "udsock/buffer.hpp"
#include "udsock/unique_fd.hpp"
#include "udsock/message.hpp"
#include "udsock/options.hpp"
#include "udsock/counters.hpp"
#include "udsock/socket.hpp"
#include "udsock/connectable.hpp"
#include "udsock/endpoint.hpp"
#include "udsock/server.hpp"
#include "udsock/poller.hpp"
#include "udsock/inspection.hpp"
#include "udsock/cleanup.hpp"
#include "udsock/log.hpp"
#include "udsock/version.hpp"

#endif
