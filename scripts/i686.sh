#!/usr/bin/env bash
# libudsock for 32 bits (i686, glibc) on x86-64: the tests of the ABI and of its layouts run,
# natively.
#
#     scripts/i686.sh [TEST...]           (without tests: abi and abi_promise)
#
# Takes 3 minutes of CPU time. Fetches rustc-web, cargo-web, rust-web-src, gcc-i686-linux-gnu and
# libc6-dev-i386-cross from Debian (350 MB).
source "$(dirname "$0")/common.sh"
packages gcc-i686-linux-gnu libc6-dev-i386-cross
debian_rust
export CARGO_BUILD_TARGET=i686-unknown-linux-gnu CARGO_TARGET_DIR=$work/i686 CC=i686-linux-gnu-gcc
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=$CC
# The cross compiler's C library is where nothing else looks for it.
root=/usr/i686-linux-gnu
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C link-arg=-Wl,--dynamic-linker=$root/lib/ld-linux.so.2 \
    -C link-arg=-Wl,-rpath,$root/lib"
export CFLAGS="-Wl,--dynamic-linker=$root/lib/ld-linux.so.2 -Wl,-rpath,$root/lib"
export CARGO_PROFILE_DEV_DEBUG=0
tests=()
for name in ${*:-abi abi_promise}; do tests+=(--test "$name"); done
$CARGO test --locked --no-fail-fast "${tests[@]}"
