#!/usr/bin/env bash
# libudsock.so for glibc 2.17 and later, x86-64 or aarch64, with the Rust that there is; then the tests of the Python
# package over it (x86-64 on x86-64).
#
#     scripts/glibc-2.17.sh [x86_64|aarch64] [GLIBC-VERSION]
#
# Takes about a minute. Fetches ziglang from PyPI (100 MB), whose linker knows the symbols of each
# glibc, and pytest; for aarch64 also what scripts/arm64.sh fetches.
source "$(dirname "$0")/common.sh"
architecture=${1:-x86_64} version=${2:-2.17}
target=$architecture-unknown-linux-gnu
zig_for "$architecture-linux-gnu.$version"
if [[ $architecture == aarch64 ]]; then
    packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    debian_rust_for arm64
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot=$sysroot/usr"
fi
export CARGO_TARGET_DIR=$work/glibc-$version
export "CARGO_TARGET_$(tr a-z A-Z <<<"$architecture")_UNKNOWN_LINUX_GNU_LINKER=$scripts/zigcc"
${CARGO:-cargo} build --release --locked --lib --target "$target"
library=$CARGO_TARGET_DIR/$target/release/libudsock.so
newest=$(objdump -T "$library" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
echo "$library: at most $newest"
[[ $(printf '%s\n' "$newest" "GLIBC_$version" | sort -V | tail -1) == "GLIBC_$version" ]]

[[ $architecture == $(uname -m) ]] || exit 0
if [[ ! -x $work/python/bin/pytest ]]; then
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install -q pytest
fi
cd bindings/python
UDSOCK_LIBRARY=$library PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 "$work/python/bin/pytest" -q -p no:cacheprovider
