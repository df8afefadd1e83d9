#!/bin/sh
# Builds the library (release) and the benchmarks of one thread, and prints what messages
# and connections cost, through the library and by the raw calls: as times, and as
# instructions in user space. The argument `times` or `instructions` prints only these;
# `instructions` is what instructions.txt keeps.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:=target}"
target=$(cd "$CARGO_TARGET_DIR" && pwd)
# Where cargo runs this, it points to the library of the debug build.
unset LD_LIBRARY_PATH
programs="call_cost datagram_cost descriptor_cost poller_cost"

build() {
    cargo build --release --quiet --lib --target-dir "$target"
    for program in $programs; do
        ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -pedantic -Iinclude "benches/$program.c" \
            -o "$target/release/$program" -L"$target/release" -ludsock \
            -Wl,-rpath,"$target/release"
    done
}

# Rows of a program: it prints a line a row, "OPERATIONS NAME", and makes callgrind write
# down four counts for it: raw and ours, each first a few rounds to get warm.
rows() {
    counts=$(mktemp -d "$target/counts.XXXXXX")
    valgrind --tool=callgrind --toggle-collect='measured_step*' --dump-after='counted_rounds*' \
        --callgrind-out-file="$counts/part" "$target/release/$1" count \
        >"$counts/names" 2>"$counts/log" || { cat "$counts/log" >&2; exit 1; }
    part=0
    while read -r operations name; do
        part=$((part + 4))
        raw=$(each $((part - 2)) "$operations")
        ours=$(each $part "$operations")
        printf '%-24s %6d %6d %10d\n' "$name" $raw $ours $((ours - raw))
    done <"$counts/names"
    rm -rf "$counts"
}

# A count divided among so many, rounded.
each() {
    total=$(sed -n 's/^totals: //p' "$counts/part.$1")
    echo $(((total + $2 / 2) / $2))
}

print_instructions() {
    echo "# $(rustc --version)"
    printf '%-24s %6s %6s %10s\n' "instructions each" raw ours "ours - raw"
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
