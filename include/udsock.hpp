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
 * udsock.h is the manual: a call here does what the call of its name does there, and its
 * constants have the same names, as enumerations. What is different:
 *
 * Errors. Every call that can fail has two forms. One throws udsock::system_error, which is
 * a std::system_error. The other takes a udsock::error as its last argument, throws nothing
 * of its own, and returns 0 or something empty if it fails; constructors have it too.
 * Without exceptions (-fno-exceptions) only this one is there.
 *
 * The end. Receiving returns a std::optional: nothing is the end, 0 is an empty message.
 *
 * Owners. A socket closes itself. close may be called from any thread while others use the
 * socket, as every other call; moving and destroying may not. close leaves the socket its
 * handle, which is of no use any more.
 *
 * Time. Timeouts are std::chrono durations, udsock::forever or udsock::no_wait.
 *
 * Bytes. Where bytes are taken, containers, arrays and spans of them will do, and
 * {pointer, size}. Addresses are std::string_view; a NUL inside one is EINVAL.
 */

#ifndef UDSOCK_HPP
#define UDSOCK_HPP

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
