#!/usr/bin/env bash
# libudsock for glibc 2.17 and later, x86-64 or arm64, with the Rust that there is: the .a and the
# .so, a program in C with each, and the tests of the packages for Python and Node.js over the .so.
# What is for arm64 on x86-64 runs under qemu-user, without the tests.
#
#     scripts/glibc-2.17.sh [x86_64|aarch64] [GLIBC-VERSION] [TEST...]
#
# TEST: of tests/bindings_python.rs and tests/bindings_node.rs (without tests: all; "none": no tests).
#
# Takes a minute of CPU time for the libraries, and 10 for the tests. Fetches ziglang from PyPI
# (100 MB), whose linker knows the symbols of each glibc, and what the tests fetch; for arm64 on
# x86-64 also what scripts/arm64.sh fetches.
source "$(dirname "$0")/common.sh"
architecture=${1:-$(uname -m)} version=${2:-2.17}
shift $(($# < 2 ? $# : 2))
target=$architecture-unknown-linux-gnu
zig_for "$architecture-linux-gnu.$version"
if [[ $architecture != $(uname -m) ]]; then
    packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    debian_rust_for arm64
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot=$sysroot/usr"
    export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
    qemu_for_arm64
fi
export "CARGO_TARGET_$(tr a-z A-Z <<<"$architecture")_UNKNOWN_LINUX_GNU_LINKER=$scripts/zigcc"
CARGO_TARGET_DIR=$work/glibc-$version ${CARGO:-cargo} build --release --locked --lib --target "$target"
built=$work/glibc-$version/$target/release
ls -l "$built"/libudsock.a "$built"/libudsock.so
newest=$(objdump -T "$built/libudsock.so" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
echo "$built/libudsock.so: at most $newest"
[[ $(printf '%s\n' "$newest" "GLIBC_$version" | sort -V | tail -1) == "GLIBC_$version" ]]
for program in echo_server echo_client; do
    "$CC" -O2 -Iinclude "examples-c/$program.c" "$built/libudsock.a" -lunwind -lpthread -ldl -lm \
        -o "$built/$program-static"
    "$CC" -O2 -Iinclude "examples-c/$program.c" -L"$built" -ludsock -Wl,-rpath,"$built" -lpthread \
        -o "$built/$program-shared"
done
echo_with "$built"

[[ ${1:-} == none || $architecture != $(uname -m) ]] && exit
# (The wheel that a test installs has a library of its own.)
UDSOCK_BUILT=$built cargo test --locked --no-fail-fast --test bindings_python --test bindings_node -- \
    --skip the_wheel_needs_no_checkout "$@"
