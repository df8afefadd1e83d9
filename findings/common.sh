# Read by the scripts of this folder: a temporary folder, what it takes, and the verdict.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# need TOOL...: ends with 77 where one is not there.
need() {
    for tool; do
        command -v "$tool" >/dev/null || { echo "not tried: $tool is not installed"; exit 77; }
    done
}

# python_packages NAME==VERSION...: $python has them.
python_packages() {
    need python3
    python3 -m venv venv
    venv/bin/pip install -q --disable-pip-version-check "$@"
    python=$folder/venv/bin/python
}

# crate NAME=VERSION, with main.rs in this folder: $program.
crate() {
    need cargo cc
    mkdir -p crate/src && mv main.rs crate/src/
    cat >crate/Cargo.toml <<END
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
${1%=*} = "=${1#*=}"
libc = "0.2"
END
    (cd crate && CARGO_TARGET_DIR=$folder/target cargo build -q)
    program=$folder/target/debug/finding
}

# debian_packages NAME=VERSION...: unpacked under $root, not installed.
debian_packages() {
    need apt-get dpkg-deb
    mkdir -p deb root
    (cd deb && apt-get -qq download "$@")
    for package in deb/*.deb; do dpkg-deb -x "$package" root; done
    root=$folder/root
}

# verdict SEEN STATED
verdict() {
    printf '%s\n' "$1"
    [ "$1" = "$2" ] || { printf 'changed; this was stated:\n%s\n' "$2"; exit 1; }
}
