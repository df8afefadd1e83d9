#!/usr/bin/env bash
# The Debian packages, libudsock0, libudsock-dev, python3-udsock and udsock (the command), from what
# is committed: the source package, with its crates in a tarball of their own; built from that with
# Debian's own Rust, which reaches no network; looked at by lintian; then installed, used and removed
# in a system that has nothing else ("chroot").
#
#     scripts/debian.sh [chroot]
#
# Takes 2 minutes, and 2 more with the chroot. Fetches rustc-web, cargo-web, debhelper, dh-python, lintian and
# mmdebstrap from Debian (350 MB), and 7 crates.
source "$(dirname "$0")/common.sh"
packages rustc-web cargo-web debhelper dh-python python3 lintian fakeroot xz-utils
directory=$work/debian
rm -rf "$directory" && mkdir -p "$directory"
version=$(sed -n '1s/.*(\(.*\)-.*/\1/p' debian/changelog)
source=$directory/udsock-$version
git archive --prefix="udsock-$version/" HEAD ':!debian' | tar -x -C "$directory"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
archive=(--sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cJf)
tar -C "$directory" "${archive[@]}" "$directory/udsock_$version.orig.tar.xz" "udsock-$version"
# Cargo vendors all that Cargo.lock names. What the library is built from is all that is kept.
cargo vendor --quiet --locked "$directory/crates" >/dev/null
mkdir "$source/vendor"
for crate in $(cargo tree --locked --edges normal,build --prefix none | awk '$1 != "udsock" { print $1 }' | sort -u); do
    cp -r "$directory/crates/$crate" "$source/vendor"
done
tar -C "$source" "${archive[@]}" "$directory/udsock_$version.orig-vendor.tar.xz" vendor
git archive HEAD debian | tar -x -C "$source"
cd "$source"
dpkg-buildpackage -us -uc
cd "$directory"
# Who uploads it has an address, and a bug that asks for the package; neither is here.
lintian --fail-on error,warning ./*.changes --allow-root --suppress-tags \
    bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs
for package in ./*.deb; do dpkg-deb --info "$package" | grep -E '^ (Package|Depends|Installed-Size)'; done

[[ ${1:-} == chroot ]] || exit 0
packages mmdebstrap
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
cat >"$directory/use" <<'END'
set -eu
cd /tmp
before=$(find / -xdev -path /proc -prune -o -path /sys -prune -o -name '*udsock*' -print | grep -v '^/tmp/' | sort)
apt-get install -q -y --no-install-recommends /tmp/packages/*.deb
cat >version.c <<'C'
#include <stdio.h>
#include <udsock.h>
int main(void) { return puts(udsock_version_string()) < 0; }
C
cc version.c $(pkg-config --cflags --libs udsock) -o shared && ./shared
cc version.c -l:libudsock.a -lpthread -ldl -lm -o static && ./static
for number in 1 2; do
    if [ $number = 1 ]; then
        cc readme.c $(pkg-config --cflags --libs udsock) -o server && ./server &
    else
        timeout 20 python3 readme.py &
    fi
    for i in $(seq 100); do [ -S /tmp/echo.sock ] || sleep 0.1; done
    python3 -c 'import udsock
with udsock.open_client("/tmp/echo.sock") as client:
    client.sendall(b"hello")
    print(client.recv(5))'
    kill $! || true; wait $! || true
    rm -f /tmp/echo.sock
done
udsock selftest
udsock --help >/dev/null
apt-get purge -q -y libudsock0 libudsock-dev python3-udsock udsock
after=$(find / -xdev -path /proc -prune -o -path /sys -prune -o -name '*udsock*' -print | grep -v '^/tmp/' | sort)
[ "$before" = "$after" ] && echo "installed, used, and removed with nothing left"
END
# The README's programs in C and Python.
awk '/^```c$/ { inside = 1; next } /^```/ { if (inside) exit } inside' "$checkout/README.md" >"$directory/readme.c"
awk '/^```python$/ { inside = 1; next } /^```/ { if (inside) exit } inside' "$checkout/README.md" >"$directory/readme.py"
mmdebstrap --variant=apt --include=gcc,libc6-dev,pkg-config,python3 --aptopt='APT::Sandbox::User "root"' \
    --customize-hook='mkdir -p "$1/tmp/packages"' \
    --customize-hook="cp $directory/*.deb \"\$1/tmp/packages\"; cp $directory/use $directory/readme.c $directory/readme.py \"\$1/tmp\"" \
    --customize-hook='chroot "$1" sh /tmp/use' \
    "$suite" /dev/null
