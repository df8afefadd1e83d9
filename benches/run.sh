#!/bin/sh
# Builds the library (release) and the benchmarks of one thread, and prints what messages
# and connections cost, through the library and by the raw calls: as times, and as
# instructions in user space and system calls. The argument `times` or `instructions` prints only
# these; `instructions` is what instructions.txt keeps.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:=target}"
target=$(cd "$CARGO_TARGET_DIR" && pwd)
# Where cargo runs this, it points to the library of the debug build.
unset LD_LIBRARY_PATH
programs="call_cost datagram_cost descriptor_cost poller_cost server_cost"

build() {
    cargo build --release --quiet --lib --target-dir "$target"
    for program in $programs; do
        ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -pedantic -Iinclude "benches/$program.c" \
            -o "$target/release/$program" -L"$target/release" -ludsock \
            -Wl,-rpath,"$target/release"
    done
}

# Rows of a program: it prints a line a row, "OPERATIONS NAME", and makes callgrind write
# down four counts for it: raw and ours, each first a few rounds to get warm. Traced, it marks
# the same rounds among the system calls.
rows() {
    counts=$(mktemp -d "$target/counts.XXXXXX")
    valgrind --tool=callgrind --toggle-collect='measured_step*' --dump-after='counted_rounds*' \
        --callgrind-out-file="$counts/part" "$target/release/$1" count \
        >"$counts/names" 2>"$counts/log" || { cat "$counts/log" >&2; exit 1; }
    strace -qq -o "$counts/trace" "$target/release/$1" trace >/dev/null 2>"$counts/log" ||
        { cat "$counts/log" >&2; exit 1; }
    awk '/"the measured step begins"/ { counts = 1; next }
        /"the measured step ends"/ { counts = 0 }
        /"the counted rounds end"/ { print calls + 0; calls = 0 }
        counts && !/^(---|\+\+\+)/ { calls++ }' "$counts/trace" >"$counts/calls"
    part=0
    while read -r operations name; do
        part=$((part + 4))
        raw=$(each $((part - 2)) "$operations")
        ours=$(each $part "$operations")
        printf '%-24s %6d %6d %10d %7s %7s\n' "$name" $raw $ours $((ours - raw)) \
            $(calls_each $((part - 2)) "$operations") $(calls_each $part "$operations")
    done <"$counts/names"
    rm -rf "$counts"
}

# A count divided among so many, rounded.
each() {
    total=$(sed -n 's/^totals: //p' "$counts/part.$1")
    echo $(((total + $2 / 2) / $2))
}

calls_each() {
    sed -n "$1p" "$counts/calls" | awk -v among="$2" '{ printf "%.2f", $1 / among }'
}

print_instructions() {
    echo "# $(rustc --version)"
    printf '%-24s %6s %6s %10s %7s %7s\n' "instructions, calls each" raw ours "ours - raw" raw ours
    for program in $programs; do
        rows $program
    done
}

print_times() {
    for program in $programs; do
        "$target/release/$program"
        echo
    done
}

build
case ${1:-both} in
times) print_times ;;
instructions) print_instructions ;;
*) print_times && print_instructions ;;
esac
