#!/usr/bin/env bash
# libudsock for glibc, arm64, on x86-64: the .a and the .so, a program in C with each, and tests, all
# under qemu-user 10.0. At the end it says which tests failed, and for want of what in qemu-user
# (scripts/qemu-user.txt); it fails if one did for another reason.
#
#     scripts/arm64.sh [TEST...]          (without tests: abi, activation, cleanup, kernel_rows,
#                                          messages, peers, poller and socket_files; "none": no tests)
#
# Takes 1 minute of CPU time for the libraries and 3 for the tests. Fetches rustc-web, cargo-web,
# gcc-aarch64-linux-gnu and libc6-dev-arm64-cross from Debian (400 MB), its std for arm64 (40 MB), and
# Debian 13's qemu-user (60 MB), which is only unpacked. Needs root, to tell the kernel of qemu-user.
source "$(dirname "$0")/common.sh"
rust_for_arm64
$CARGO build --release --locked --lib
built=$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/release
ls -l "$built"/libudsock.a "$built"/libudsock.so
for program in echo_server echo_client; do
    $CC -O2 $CFLAGS -Iinclude "examples-c/$program.c" "$built/libudsock.a" -lpthread -ldl -lm \
        -o "$work/arm64/$program-static"
    $CC -O2 $CFLAGS -Iinclude "examples-c/$program.c" -L"$built" -ludsock -Wl,-rpath,"$built" \
        -o "$work/arm64/$program-shared"
done
qemu_for_arm64
echo_with "$work/arm64"

[[ ${1:-} == none ]] && exit
(($#)) || set -- abi activation cleanup kernel_rows messages peers poller socket_files
UDSOCK_BUILT=$built test_under_qemu "${@/#/--test=}"
