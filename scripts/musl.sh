#!/usr/bin/env bash
# libudsock for musl, x86-64 or arm64: the .a and the .so, a program in C with each, and the tests.
# What is for this machine runs natively; what is for arm64 on x86-64 runs under qemu-user 10.0. There
# it says at the end which tests failed, and for want of what in qemu-user (scripts/qemu-user.txt); it
# fails if one did for another reason.
#
#     scripts/musl.sh [x86_64|aarch64] [TEST...]      (without tests: the core; "none": no tests)
#
# UDSOCK_PROFILE=dev: nothing is optimized, so that std is built once for libraries and tests.
#
# Takes 3 minutes of CPU time for the libraries and 4 for the core tests. Fetches rustc-web,
# cargo-web, rust-web-src, musl and python3-venv from Debian (300 MB), ziglang from PyPI (100 MB);
# for arm64 on x86-64 also Debian 13's qemu-user (60 MB) and Debian's musl for arm64, which are only
# unpacked; it needs root then, to tell the kernel of qemu-user.
#
# cargo builds std anew for musl (-Zbuild-std, which stable allows with RUSTC_BOOTSTRAP). Zig is the
# linker: it brings musl and an unwinder. Debian's own libgcc_eh.a can't be that: it wants glibc's
# _dl_find_object.
source "$(dirname "$0")/common.sh"
architecture=$(uname -m) profile=${UDSOCK_PROFILE:-release}
if [[ ${1:-} == x86_64 || ${1:-} == aarch64 ]]; then
    architecture=$1
    shift
fi
loader=
if [[ $architecture != $(uname -m) ]]; then
    unpack_for arm64 musl "$work/musl-arm64"
    loader=-Wl,--dynamic-linker=$(find "$work/musl-arm64" -name ld-musl-aarch64.so.1)
else
    packages musl
fi
debian_rust
zig_for "$architecture-linux-musl"
target=$architecture-unknown-linux-musl
export CARGO_BUILD_TARGET=$target CARGO_TARGET_DIR=$work/musl
name=CARGO_TARGET_$(tr a-z A-Z <<<"$architecture")_UNKNOWN_LINUX_MUSL
export "${name}_LINKER=$CC"
# A libudsock.so is made only if the C library is not linked statically. The .a is for both.
export "${name}_RUSTFLAGS=-C link-self-contained=no -C target-feature=-crt-static ${loader:+-C link-arg=$loader}"
export CARGO_PROFILE_DEV_DEBUG=0
$CARGO build --profile "$profile" --locked --lib
built=$work/musl/$target/${profile/dev/debug}
ls -l "$built"/libudsock.a "$built"/libudsock.so
for program in echo_server echo_client; do
    "$CC" -O2 -Iinclude -static "examples-c/$program.c" "$built/libudsock.a" -lunwind \
        -o "$built/$program-static"
    "$CC" -O2 -Iinclude -dynamic $loader "examples-c/$program.c" -L"$built" -ludsock \
        -Wl,-rpath,"$built" -o "$built/$program-shared"
done
[[ -z $loader ]] || qemu_for_arm64
echo_with "$built"

[[ ${1:-} == none ]] && exit
tests=(--lib)
for test in "${@:-abi activation cleanup close_wakes deadlines held_up kernel_rows messages peers \
    poller socket_files takeover}"; do
    for name in $test; do tests+=(--test "$name"); done
done
if [[ -n $loader ]]; then
    UDSOCK_BUILT=$built test_under_qemu "${tests[@]}"
else
    $CARGO test --locked --no-fail-fast "${tests[@]}"
fi
