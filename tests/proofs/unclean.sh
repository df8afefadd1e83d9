#!/bin/bash
# The suite on machines that are not as clean as CI's. TESTING.md has the figures.
#
#     tests/proofs/unclean.sh                     # every condition, one after the other
#     tests/proofs/unclean.sh signals umask       # these
#     tests/proofs/unclean.sh together -- --test ends --test abi
#                                                 # what follows -- goes to cargo test
#
#     signals       SIGINT, SIGQUIT, SIGHUP and SIGPIPE are ignored, as after nohup and &
#     descriptors   3 to 9 are open, as under make -j
#     umask         077
#     temporary     TMPDIR has 60 bytes, and is for its owner only
#     together      the four above at once
#     spaces        the checkout, and with it the target directory, has spaces in its path, and
#                   nobody else may come in: it was made under umask 077
#     user          not root, in a checkout of that user's (UDSOCK_UNCLEAN_USER, or 1000),
#                   who may use the toolchain (or the one in UDSOCK_UNCLEAN_TOOLCHAIN)
#     busy          four busy loops beside
#
# `spaces` and `user` have a copy of the committed and the changed files, and a target
# directory in it, which are kept for the next time: $UDSOCK_UNCLEAN_COPY, or beside target.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD

conditions=()
while (($#)) && [[ $1 != -- ]]; do
    conditions+=("$1")
    shift
done
(($#)) && shift
((${#conditions[@]})) || conditions=(signals descriptors umask temporary together spaces user busy)
tests=("$@")

scratch=$(mktemp -d)
loops=()
finish() {
    ((${#loops[@]})) && kill "${loops[@]}" 2>/dev/null
    rm -rf "$scratch"
}
trap finish EXIT

suite() {
    cargo test --no-fail-fast "${tests[@]}"
}

# Each changes what the suite is started with, in a shell of its own.
signals() { trap '' INT QUIT HUP PIPE; }
descriptors() {
    local number
    for number in 3 4 5 6 7 8 9; do
        eval "exec $number<>/dev/null"
    done
}
umask_077() { umask 077; }
temporary() {
    local name=$scratch/
    while ((${#name} < 60)); do
        name+=x
    done
    mkdir -m 700 "$name"
    export TMPDIR=$name
}

# What git knows of, as it is now.
copy() {
    git ls-files -z --cached --others --exclude-standard \
        | xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' sh \
        | tar --null -T - -cf - | (mkdir -p "$1" && tar -C "$1" --no-same-permissions -xf -)
}

in_spaces() {
    local place=${UDSOCK_UNCLEAN_COPY:-$here/target}/"a path with spaces"
    umask 077
    copy "$place"
    cd "$place"
    unset CARGO_TARGET_DIR
}

as_user() {
    local user=${UDSOCK_UNCLEAN_USER:-1000} place
    ((UID == 0)) || { echo "user: only root can become another one; run the suite itself"; return 1; }
    # Where that user can go, whatever this directory lies in.
    place=${UDSOCK_UNCLEAN_COPY:-/var/tmp}/udsock-unclean-$user
    copy "$place/checkout"
    mkdir -p "$place/home"
    chown -R "$user:$user" "$place"
    cd "$place/checkout"
    unset CARGO_TARGET_DIR
    # The toolchain is lent, and cargo's files of its own are made anew.
    local bin
    bin=${UDSOCK_UNCLEAN_TOOLCHAIN:-$(dirname "$(rustup which cargo 2>/dev/null || command -v cargo)")}
    user_command=(setpriv "--reuid=$user" "--regid=$user" --clear-groups --no-new-privs
        env HOME="$place/home" CARGO_HOME="$place/home/.cargo" USER="user$user" LOGNAME="user$user"
        PATH="$bin:$PATH" RUSTC="$bin/rustc")
    "${user_command[@]}" sh -c '"$RUSTC" --version >/dev/null' || {
        echo "user: $user can't use $bin: name another one in UDSOCK_UNCLEAN_TOOLCHAIN"
        return 1
    }
}

result=0
for condition in "${conditions[@]}"; do
    echo "== $condition"
    started=$SECONDS
    log=$scratch/$condition
    (
        case $condition in
        signals | descriptors | temporary) "$condition" ;;
        umask) umask_077 ;;
        together)
            signals
            umask_077
            temporary
            descriptors
            ;;
        spaces) in_spaces ;;
        user)
            as_user
            suite() { "${user_command[@]}" cargo test --no-fail-fast "${tests[@]}"; }
            ;;
        busy) ;;
        *)
            echo "there is no condition of the name $condition"
            exit 2
            ;;
        esac
        suite
    ) 2>&1 | tee "$log" &
    run=$!
    if [[ $condition == busy ]]; then
        for _ in 1 2 3 4; do
            (while :; do :; done) &
            loops+=($!)
        done
    fi
    wait $run || result=1
    if ((${#loops[@]})); then
        kill "${loops[@]}"
        loops=()
    fi
    awk -v name="$condition" -v seconds=$((SECONDS - started)) '
        /^test result:/ { passed += $4; failed += $6 }
        /: skipped: / { skipped++ }
        END { printf "== %s: %d passed, %d failed, %d skips, %d seconds\n", name, passed, failed, skipped, seconds }
    ' "$log"
done
exit $result
