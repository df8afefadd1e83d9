#!/usr/bin/env bash
# libudsock for glibc, arm64, on x86-64: the .a and the .so, a program in C with each, and tests, all
# under qemu-user.
#
#     scripts/arm64.sh [TEST...]          (without tests: abi activation cleanup; "none": no tests)
#
# Takes 1 minute of CPU time for the libraries and 4 for the tests. Fetches rustc-web, cargo-web,
# gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static from Debian (400 MB), and its
# std for arm64 (40 MB).
source "$(dirname "$0")/common.sh"
packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
debian_rust_for arm64
target=aarch64-unknown-linux-gnu
export CARGO_BUILD_TARGET=$target CARGO_TARGET_DIR=$work/arm64 CC=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$CC
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot=$sysroot/usr"
$CARGO build --release --locked --lib
built=$work/arm64/$target/release
ls -l "$built"/libudsock.a "$built"/libudsock.so
for program in echo_server echo_client; do
    $CC -O2 -Iinclude "examples-c/$program.c" "$built/libudsock.a" -lpthread -ldl -lm \
        -o "$work/arm64/$program-static"
    $CC -O2 -Iinclude "examples-c/$program.c" -L"$built" -ludsock -Wl,-rpath,"$built" \
        -o "$work/arm64/$program-shared"
done
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
RUN=qemu-aarch64-static echo_with "$work/arm64"

[[ ${1:-} == none ]] && exit
tests=()
for name in ${*:-abi activation cleanup}; do tests+=(--test "$name"); done
# Tests that start themselves anew need the kernel to know of qemu.
formats=/proc/sys/fs/binfmt_misc
[[ -e $formats/register ]] || mount -t binfmt_misc binfmt_misc $formats
[[ -e $formats/qemu-aarch64 ]] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register
# qemu-user tells the length of an address that did not fit wrongly.
CARGO_PROFILE_DEV_DEBUG=0 $CARGO test --locked --no-fail-fast "${tests[@]}" -- \
    --skip recv_from_keeps_a_message_whose_address_does_not_fit
