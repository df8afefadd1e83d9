#!/bin/sh
# The whole suite once more, under a tool that watches it. TESTING.md tells what each shows.
#
#     tests/proofs/run.sh address     # AddressSanitizer, in the library and in C programs
#     tests/proofs/run.sh thread      # ThreadSanitizer, likewise
#     tests/proofs/run.sh valgrind    # memcheck: memory, leaks
#     tests/proofs/run.sh coverage    # which lines of src ran
#
# What follows goes to the tests: a name, say. UDSOCK_PROOF_PROGRAMS="lib abi poller" has these
# test programs alone. What is left out is printed with its reason.
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/tests/proofs
proof=${1:?address, thread, valgrind or coverage}
shift
platform=$(rustc -vV | sed -n 's/^host: //p')

needs() {
    command -v "$1" >/dev/null || { echo "$proof needs $1: $2" >&2; exit 2; }
}

# A test program, or tests whose names begin so.
left_out=
without() {
    echo "left out: $1: $2"
    left_out="$left_out $1"
}

programs() {
    for file in src/lib.rs tests/*.rs tests/*/main.rs; do
        name=$(echo "$file" | sed 's|^[a-z]*/||; s|\.rs$||; s|/main$||')
        case " ${UDSOCK_PROOF_PROGRAMS:-$name} " in
        *" $name "*) ;;
        *) continue ;;
        esac
        case " $left_out " in
        *" $name "*) continue ;;
        esac
        case $name in
        lib) echo --lib ;;
        *) echo --test "$name" ;;
        esac
    done
}

skips() {
    for name in $left_out; do
        echo --skip "$name"
    done
}

# What neither sanitizer can do.
without_sanitizer() {
    for name in bindings_python bindings_node foreign languages rude_clients pollers_nest_in_python \
        a_python_program; do
        without $name "Python and Node.js don't load a library with a sanitizer"
    done
    without a_program_of_the_first_header "it preloads the library, before the sanitizer"
    without docs "its programs are built as the pages say"
    without examples "they are built as the README says"
    without valgrind_finds_nothing "valgrind can't run it"
    without faults "the sanitizer's own system calls would fail"
    without no_memory "its allocator stands where the sanitizer's does"
    without soak "it compares memory"
    without messages_leave_nothing_behind "it compares memory"
    without a_bounded_amount "it compares memory"
    without cancel "the sanitizer takes the unwinding of a cancelled thread for a fault"
    without copies "its program loads the library, and has no sanitizer"
    without forks "a child can inherit a lock of the sanitizer's"
    without stopped "the sanitizer handles signals, and so every program does"
}

# The flag is for nightly, unless it is told that it isn't.
sanitized() {
    sanitizer=$1
    shift
    # g++ warns without reason when it sanitizes, and clang++ does not know that warning.
    quiet="-Wno-unknown-warning-option -Wno-maybe-uninitialized"
    RUSTC_BOOTSTRAP=1 CARGO_BUILD_TARGET=$platform CFLAGS=$c_flags CXXFLAGS="$c_flags $quiet" \
    RUSTFLAGS="-Zsanitizer=$sanitizer -Cunsafe-allow-abi-mismatch=sanitizer$rust_flags" \
        cargo test --no-fail-fast --target-dir "target/$sanitizer" $(programs) -- $(skips) "$@"
}
rust_flags=

# The object of std.c, and the linker's options for it: for Rust, and for C with rustc's own
# library of the sanitizer, since the C compiler's is too old.
wrap_std() {
    mkdir -p target/thread
    rustc -o target/thread/std "$here/std.rs"
    names= wraps=
    for name in LOCK_CONTENDED:lock_contended READ_CONTENDED:read_contended \
        WRITE_CONTENDED:write_contended ONCE:Once4call \
        DECREMENT_NUM_RUNNING_THREADS:decrement_num_running_threads; do
        symbol=$(nm target/thread/std | sed -n "s/.* \([^ ]*${name#*:}\)$/\1/p")
        names="$names -D${name%%:*}=$symbol"
        wraps="$wraps -Wl,--wrap=$symbol"
    done
    object=$PWD/target/thread/std.o
    wraps="$wraps -Wl,--wrap=__tsan_atomic64_fetch_sub"
    cc -O1 -fPIC $names -c -o "$object" "$here/std.c"
    for option in "$object" $wraps; do
        rust_flags="$rust_flags -Clink-arg=$option"
    done
    c_flags="-rdynamic -Wl,--whole-archive"
    c_flags="$c_flags $(echo "$(rustc --print target-libdir)"/librustc-*_rt.tsan.a)"
    c_flags="$c_flags -Wl,--no-whole-archive $object $wraps"
}

without style "no part of the library runs"
without call_cost "it counts instructions"
without model "loom plays the threads"

case $proof in
address)
    without_sanitizer
    without programs::a_set_user_id_program_does_not_look_at_the_environment \
        "nor does the sanitizer in it, which would look for leaks"
    # Leaks are for valgrind: all that the parent's threads had looks like one in a child.
    export ASAN_OPTIONS=detect_leaks=0
    c_flags=-fsanitize=address
    sanitized address "$@"
    ;;
thread)
    without_sanitizer
    without garbage "it is built with AddressSanitizer"
    without bindings_cpp "it is built with AddressSanitizer"
    without systemd:: "it starts programs without the environment, and so what thread.supp says"
    for name in connections:: a_poller_may_be_closed_at_any_time; do
        without $name "it counts descriptors, and the sanitizer opens two"
    done
    without an_idle_connection_costs_little "it compares memory"
    without who_sends_nothing_neither_spins_nor_gives_way "the sanitizer's own locks give way"
    without takers::ends::nothing_is_left_however_it_ends "the sanitizer puts a signal's handler off"
    wrap_std
    # A test's child may start threads.
    export TSAN_OPTIONS="suppressions=$here/thread.supp die_after_fork=0"
    sanitized thread "$@"
    ;;
valgrind)
    needs valgrind "a package of this name"
    without faults "strace can't look into valgrind"
    without no_memory "its allocator stands where valgrind's does"
    without soak "it compares memory"
    without examples "make runs valgrind itself"
    for name in a_handler_of_the_program_s_own a_signal_that_was_asked_for; do
        without $name "valgrind keeps SIGRTMAX for itself"
    done
    without row_31_memory_that_is_not_there "it hands in memory that is not there"
    without a_panic_becomes_a_code "a panic's message is forgotten on purpose"
    without garbage "it has a sanitizer, or runs valgrind itself"
    without bindings_cpp "it has a sanitizer"
    # Of a block that is possibly lost there still is a pointer to its middle, as Arcs have it.
    watch="valgrind --quiet --error-exitcode=99 --fair-sched=yes --child-silent-after-fork=yes"
    watch="$watch --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite"
    # Programs in C are watched, too; not those in Go, and no tests that start themselves anew
    # to fork, or to meet a limit, both of which valgrind does in its own way.
    watch="$watch --trace-children=yes --trace-children-skip=*/bin/*,*/sbin/*,/usr/*,*go,*/deps/*"
    runner=CARGO_TARGET_$(echo "$platform" | tr a-z- A-Z_)_RUNNER
    env "$runner=$watch" cargo test --no-fail-fast $(programs) -- $(skips) "$@"
    ;;
coverage)
    needs cargo-llvm-cov "cargo install cargo-llvm-cov --locked"
    llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    export LLVM_COV="${LLVM_COV:-llvm-cov-$llvm}"
    export LLVM_PROFDATA="${LLVM_PROFDATA:-llvm-profdata-$llvm}"
    needs "$LLVM_COV" "the package llvm-$llvm (or name it in LLVM_COV and LLVM_PROFDATA)"
    cargo llvm-cov --no-report --no-fail-fast $(programs) -- $(skips) "$@" || failed=$?
    # Of children that were started without the environment.
    rm -f default_*.profraw
    cargo llvm-cov report --show-missing-lines \
        --ignore-filename-regex '/(tests|fuzz)/|_tests\.rs$'
    exit "${failed:-0}"
    ;;
*)
    echo "there is no proof of the name $proof" >&2
    exit 2
    ;;
esac
