#!/bin/sh
# Builds the library (release) and the benchmarks, and prints what a send and a receive of
# 64 bytes cost, through the library and by the raw calls, and what they cost with a
# descriptor: as times, and as instructions in user space. The argument `times` or
# `instructions` prints only these.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:=target}"
target=$(cd "$CARGO_TARGET_DIR" && pwd)
# Where cargo runs this, it points to the library of the debug build.
unset LD_LIBRARY_PATH

build() {
    cargo build --release --quiet --target-dir "$target"
    for program in call_cost descriptor_cost; do
        ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -pedantic -Iinclude "benches/$program.c" \
            -o "$target/release/$program" -L"$target/release" -ludsock \
            -Wl,-rpath,"$target/release"
    done
}

# How many instructions a process executes in user space.
count() {
    program=$1
    shift
    log=$target/release/$program.log
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$target/release/$program" "$@" \
        2>"$log" || { cat "$log" >&2; exit 1; }
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log"
}

# Per pair of calls: twice the rounds take that much more, whatever the start takes.
per_round() {
    few=$(count "$@" 1000)
    many=$(count "$@" 2000)
    echo $(((many - few) / 1000))
}

# A name, a program, and which of its kinds, if it has some.
row() {
    name=$1 program=$2
    shift 2
    raw=$(per_round "$program" raw "$@")
    ours=$(per_round "$program" ours "$@")
    printf '%-19s %5d %5d %10d\n' "$name" "$raw" "$ours" $((ours - raw))
}

print_instructions() {
    echo "instructions a pair   raw  ours ours - raw"
    for kind in stream seqpacket dgram; do
        row $kind call_cost $kind
    done
    row descriptor descriptor_cost
}

print_times() {
    "$target/release/call_cost"
    echo
    "$target/release/descriptor_cost"
}

build
case ${1:-both} in
times) print_times ;;
instructions) print_instructions ;;
*) print_times && echo && print_instructions ;;
esac
