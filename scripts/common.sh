# What the other scripts share: where they work, and what they fetch. Sourced by them.
# UDSOCK_WORK: where to work; target/platforms, if it is not set.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(dirname "$scripts")
work=${UDSOCK_WORK:-$checkout/target/platforms}
mkdir -p "$work"
cd "$checkout"

# Debian packages that are not there yet.
packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' \
            || missing+=("$package")
    done
    if ((${#missing[@]})); then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    fi
}

# zig cc for a target of zig's, as CC and as the linker: it has the C library of each within.
zig_for() {
    packages python3-venv
    if [[ ! -x $work/zig/bin/python ]]; then
        python3 -m venv "$work/zig"
        "$work/zig/bin/pip" install -q ziglang==0.17.1
    fi
    ZIG=$(echo "$work"/zig/lib/python3*/site-packages/ziglang/zig)
    export ZIG ZIG_TARGET=$1 CC=$scripts/zigcc
    export ZIG_GLOBAL_CACHE_DIR=$work/zig-cache ZIG_LOCAL_CACHE_DIR=$work/zig-cache
}

# Debian's Rust, which builds std for targets that Debian has none for.
debian_rust() {
    packages rustc-web cargo-web rust-web-src gcc libc6-dev binutils
    export RUSTC=/usr/bin/rustc CARGO=/usr/bin/cargo RUSTC_BOOTSTRAP=1
    export CARGO_UNSTABLE_BUILD_STD="std panic_unwind test"
}

# A package of another of Debian's architectures, or of a later Debian, unpacked into a directory
# where nothing else looks, so that the system needs neither.
unpack_for() { # ARCHITECTURE PACKAGE[=VERSION] DIRECTORY [SUITE]
    local apt=$work/apt-$1${4:+-$4} mirror
    [[ -d $3 ]] && return
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    touch "$apt/status"
    local options=(-o APT::Architecture="$1" -o APT::Architectures="$1"
        -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status"
        -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
    if [[ -n ${4:-} ]]; then
        mirror=$(debian_mirror)
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $4 main" >"$apt/list"
        options+=(-o Dir::Etc::sourcelist="$apt/list" -o Dir::Etc::sourceparts=/dev/null)
    fi
    apt-get "${options[@]}" update -q
    (cd "$apt" && apt-get "${options[@]}" download -q "$2")
    dpkg -x "$apt/${2%%=*}"_*_"$1".deb "$3"
}

# Where this machine's apt gets Debian from.
debian_mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null |
        sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\?\([^ ]*\) .*/\2/p' | head -1 || true
}

# Debian's Rust, and its std for another of Debian's architectures.
debian_rust_for() {
    packages rustc-web cargo-web gcc libc6-dev
    sysroot=$work/std-$1
    unpack_for "$1" "libstd-rust-web-dev=$(dpkg-query -W -f '${Version}' rustc-web)" "$sysroot"
    export RUSTC=/usr/bin/rustc CARGO=/usr/bin/cargo
}

# The same for arm64 on x86-64, with the cross compiler; in $work/arm64.
rust_for_arm64() {
    local root=/usr/aarch64-linux-gnu
    packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    debian_rust_for arm64
    export CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu CARGO_TARGET_DIR=$work/arm64
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CC=aarch64-linux-gnu-gcc CARGO_PROFILE_DEV_DEBUG=0
    # The cross compiler's C library is where nothing else looks for it. (qemu-user could be told;
    # but then it mistakes every path that is there, too.)
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot=$sysroot/usr \
        -C link-arg=-Wl,--dynamic-linker=$root/lib/ld-linux-aarch64.so.1 -C link-arg=-Wl,-rpath,$root/lib"
    export CFLAGS="-Wl,--dynamic-linker=$root/lib/ld-linux-aarch64.so.1 -Wl,-rpath,$root/lib"
}

# qemu-user for arm64, as RUN: Debian 13's, 10.0, since Debian 12's does less of what Linux does. The
# kernel is told of it, since programs start themselves anew.
qemu_for_arm64() {
    local formats=/proc/sys/fs/binfmt_misc name=udsock-arm64-$$
    unpack_for amd64 qemu-user "$work/qemu-user" trixie
    RUN=$work/qemu-user/usr/bin/qemu-aarch64
    [[ -e $formats/register ]] || mount -t binfmt_misc binfmt_misc $formats
    # An ELF header: 64 bits, a program (or one that can lie anywhere), AArch64. The newest rule wins.
    printf '%s' ":$name:M::\x7fELF\x02\x01\x01\x00$(printf '\\x00%.0s' {1..8})\x02\x00\xb7\x00" \
        ":\xff\xff\xff\xff\xff\xff\xff\x00$(printf '\\xff%.0s' {1..8})\xfe\xff\xff\xff:$RUN:F" >$formats/register
    trap "echo -1 >$formats/$name" EXIT
}

# cargo test under qemu-user. A test may fail only if scripts/qemu-user.txt names it, below what
# qemu-user does not do.
test_under_qemu() { # ARGUMENT...
    local log=$work/qemu-user.log name reason unexplained=0
    "$CARGO" test --locked --no-fail-fast "$@" 2>&1 | tee "$log" || true
    awk 'NR == FNR && /^[^# ]/ { reason = $0 } NR == FNR && /^ / { why[$1] = reason } NR == FNR { next }
        /^ *Running / { program = $2; sub(/^tests\//, "", program); sub(/[.\/].*/, "", program) }
        /^    [a-z_0-9:]+$/ { failed[program "::" $1] }
        END { for (name in failed) print name, name in why ? why[name] : "-" }
    ' "$scripts/qemu-user.txt" "$log" | sort >"$log.failed"
    while read -r name reason; do
        [[ $reason != - ]] || { unexplained=1 reason="no gap of qemu-user is known to be why"; }
        echo "$name: failed: $reason"
    done <"$log.failed"
    # A program that did not come to its end has no result.
    [[ $(grep -c '^ *Running ' "$log") == "$(grep -c '^test result: ' "$log")" ]] || unexplained=1
    return $unexplained
}

# A program in C with the static library and one with the shared one: an answer from each.
echo_with() {
    local directory=$1 kind server answers
    for kind in static shared; do
        local socket=$directory/$kind.sock
        rm -f "$socket"
        ${RUN:-} "$directory/echo_server-$kind" stream "$socket" >"$directory/$kind.log" 2>&1 &
        server=$!
        for _ in {1..100}; do [[ -S $socket ]] || sleep 0.1; done
        answers=$(timeout 60 ${RUN:-} "$directory/echo_client-$kind" stream "$socket" | grep -c "received ") || true
        kill "$server"
        wait "$server" || true
        echo "$kind: $answers answers"
        [[ $answers == 4 ]] || return 1
    done
}
