#!/bin/sh
# Builds the library (release) and call_cost, and prints what a send and a receive of 64
# bytes cost, through the library and by the raw calls: as times, and as instructions in
# user space. The argument `times` or `instructions` prints only that table.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:=target}"
target=$(cd "$CARGO_TARGET_DIR" && pwd)
# Where cargo runs this, it points to the library of the debug build.
unset LD_LIBRARY_PATH

build() {
    cargo build --release --quiet --target-dir "$target"
    ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -pedantic -Iinclude benches/call_cost.c \
        -o "$target/release/call_cost" -L"$target/release" -ludsock -Wl,-rpath,"$target/release"
}

# How many instructions a process executes in user space.
count() {
    log=$target/release/call_cost.log
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$target/release/call_cost" "$@" \
        2>"$log" || { cat "$log" >&2; exit 1; }
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log"
}

# Per pair of calls: twice the rounds take that much more, whatever the start takes.
per_round() {
    few=$(count "$1" "$2" 1000)
    many=$(count "$1" "$2" 2000)
    echo $(((many - few) / 1000))
}

instructions() {
    echo "instructions a pair   raw  ours ours - raw"
    for kind in stream seqpacket dgram; do
        raw=$(per_round raw "$kind")
        ours=$(per_round ours "$kind")
        printf '%-19s %5d %5d %10d\n' "$kind" "$raw" "$ours" $((ours - raw))
    done
}

build
case ${1:-both} in
times) "$target/release/call_cost" ;;
instructions) instructions ;;
*) "$target/release/call_cost" && echo && instructions ;;
esac
