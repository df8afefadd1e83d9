#!/usr/bin/env bash
# The Python package on other versions of CPython: its own tests, CPython's tests of sockets and of
# asyncio over it, and how servers end, asyncio's own and ours (the table of docs/asyncio.md).
#
#     scripts/pythons.sh [VERSION|PATH]...
#
# VERSION: 3.12, 3.13 and 3.14, if none is named. One that is installed is taken (PATH, pyenv); else
# Debian's (of trixie or sid, which have 3.13 and 3.14), in a system of its own below
# target/platforms. PATH: that of an interpreter.
#
# Takes 5 minutes a version, and longer on a busy machine. Fetches pytest from PyPI, and for a system mmdebstrap and 80 MB of
# packages from Debian, for which it needs root.
source "$(dirname "$0")/common.sh"
(($#)) || set -- 3.12 3.13 3.14
packages python3-venv
${CARGO:-cargo} build --release --locked --lib
library=${CARGO_TARGET_DIR:-$checkout/target}/release/libudsock.so
place=$work/pythons
mkdir -p "$place"

# pytest is for every Python, also for those that have no pip.
if [[ ! -d $place/pytest ]]; then
    python3 -m venv "$place/pip"
    "$place/pip/bin/pip" install -q --target "$place/pytest.new" pytest==9.2.0 exceptiongroup tomli
    mv "$place/pytest.new" "$place/pytest"
fi

# The interpreter of this version that is installed.
installed() {
    local found
    for found in "$(command -v "python$1" || true)" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if [[ -x $found && $("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) == "$1" ]]; then
            echo "$found"
            return
        fi
    done
}

# A system with this version of Debian's; where it is.
system_with() {
    local root=$place/debian-$1 suite mirror
    if [[ ! -d $root ]]; then
        packages mmdebstrap >&2
        mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null |
            sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\?\([^ ]*\) .*/\2/p' | head -1 || true)
        for suite in trixie sid; do
            rm -rf "$root.new"
            # (A mirror may be behind: what it has is as good.)
            if mmdebstrap --quiet --variant=apt --include="python$1,libpython$1-testsuite" \
                --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Check-Valid-Until "false"' \
                --format=directory "$suite" "$root.new" "$mirror" >"$root.log" 2>&1; then
                mv "$root.new" "$root"
                break
            fi
        done
    fi
    [[ -d $root ]] && echo "$root"
}

# A Python that finds the package, the library and pytest; in a system, if ROOT is one's.
python() { # ROOT PYTHON ARGUMENT...
    local root=$1 one
    shift
    export UDSOCK_LIBRARY=$library PYTHONPATH=$checkout/bindings/python/src:$place/pytest
    export PYTHONDONTWRITEBYTECODE=1 UDSOCK_HANG_SECONDS=${UDSOCK_HANG_SECONDS:-120}
    if [[ -z $root ]]; then
        "$@"
        return
    fi
    for one in "$checkout" "$work" "$(dirname "$library")"; do mkdir -p "$root$one"; done
    unshare --mount --propagation private sh -c '
        root=$1 checkout=$2 work=$3 library=$4
        shift 4
        for one in /proc /dev; do mount --rbind "$one" "$root$one"; done
        for one in "$checkout" "$work" "$library"; do mount --bind "$one" "$root$one"; done
        exec env TMPDIR=/tmp chroot "$root" sh -c "cd \"\$0\" && exec \"\$@\"" "$PWD" "$@"
    ' sh "$root" "$checkout" "$work" "$(dirname "$library")" "$@"
}

# What a run said last, or that it failed, and where the rest is.
run() { # WORDS LOG PATTERN COMMAND...
    local words=$1 log=$2 pattern=$3
    shift 3
    "$@" >"$log" 2>&1 || { failed=1 && echo "$words: failed; see $log"; }
    grep -E "$pattern" "$log" || true
}

failed=0
for wanted in "$@"; do
    root='' interpreter=$wanted
    if [[ $wanted != */* ]]; then
        interpreter=$(installed "$wanted")
    fi
    if [[ -z $interpreter ]] && root=$(system_with "$wanted"); then
        interpreter=/usr/bin/python$wanted
    elif [[ -z $interpreter ]]; then
        echo "Python $wanted is not installed, and Debian has none: name one by its path" >&2
        failed=1
        continue
    fi
    here=$place/run-${wanted//\//-}
    rm -rf "$here" && mkdir -p "$here"
    echo "== $(python "$root" "$interpreter" -c 'import sys; print("Python", sys.version)')"
    tests=$checkout/bindings/python/tests
    cd "$checkout/bindings/python"
    run pytest "$here/pytest.log" ' (passed|failed)' \
        python "$root" "$interpreter" -m pytest -q -p no:cacheprovider --ignore=tests/test_frameworks.py
    cd "$here" # The tests of CPython's make their files where they are run.
    for program in run_test_asyncio run_test_socket; do
        if python "$root" "$interpreter" -c 'import test.test_asyncio' 2>/dev/null; then
            run "$program" "$here/$program.log" '^test_' python "$root" "$interpreter" "$tests/$program.py"
        else
            echo "$program: skipped, this Python comes without its tests"
        fi
    done
    run ends "$here/ends.log" '^\|' python "$root" "$interpreter" "$tests/ends.py"
    cd "$checkout"
done
exit "$failed"
