#!/usr/bin/env bash
# The library and its tests with the oldest Rust that Cargo.toml allows, which is Debian 12's
# rustc-web before its security updates, and Debian 13's rustc.
#
#     scripts/rust-1.85.sh [TEST...]      (without tests: everything is compiled, and abi runs)
#
# Takes 2 minutes of CPU time. Fetches rustc-web, cargo-web and what they need, version 1.85, from
# Debian (100 MB), and unpacks them where nothing else looks.
source "$(dirname "$0")/common.sh"
root=$work/rust-1.85
if [[ ! -x $root/usr/bin/cargo ]]; then
    mkdir -p "$root/packages"
    version=$(apt-cache madison rustc-web | awk '$3 ~ /^1\.85\./ { print $3; exit }')
    (
        cd "$root/packages"
        apt-get -o APT::Sandbox::User=root download -q {rustc,cargo}-web="$version" \
            libstd-rust-web-{dev,1.85}="$version" libllvm19 libpcre3 libhttp-parser2.9
        for package in ./*.deb; do dpkg -x "$package" "$root"; done
    )
fi
library_path=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
for program in rustc rustdoc cargo; do
    # (The tests' own programs have the system's libraries.)
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$library_path" "$root/usr/bin/$program" \
        >"$root/$program"
    chmod +x "$root/$program"
done
export RUSTC=$root/rustc RUSTDOC=$root/rustdoc CARGO_TARGET_DIR=$work/target-1.85
"$RUSTC" --version
"$root/cargo" test --locked --no-run
tests=()
for name in "${@:-abi}"; do tests+=(--test "$name"); done
"$root/cargo" test --locked "${tests[@]}"
