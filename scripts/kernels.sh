#!/usr/bin/env bash
# The tests on other kernels, each in a virtual machine of its own; prints a table, kernel by
# program: tests passed/failed, and how many were skipped.
#
#     scripts/kernels.sh [-a amd64|arm64] [-t TEST]... [-f tmpfs|ext4|overlay] [-s SECONDS] [-K] [KERNEL...]
#
# -a: the architecture; on x86-64, arm64 is emulated. KERNEL: a package of Debian's
# (linux-image-6.1.0-50-amd64; where it is split, the binary's and the modules' with a comma
# between), or a pattern for the newest of its kind: "5.10", "6.1", "6.12", "newest". All four, if
# none is named. TEST: abi, activation, cleanup, kernel_rows, messages and peers, if none is named; on
# arm64 also poller and socket_files. -f: the file system of /tmp, where the tests make their sockets.
# -s: the most that a program may take (900 seconds). -K: with KVM, which not every machine has that
# is itself a virtual one.
#
# Takes 4 to 6 minutes a kernel. Fetches qemu-system-x86, busybox-static, kmod, xz-utils and e2fsprogs
# from Debian (150 MB), and each kernel (50 to 120 MB). For arm64 it takes 13 minutes of CPU time a
# kernel, and fetches the Rust and the compiler of scripts/arm64.sh, qemu-system-arm, mmdebstrap and the
# guest's system (60 MB). The logs stay in target/platforms/kernels, or kernels-arm64. Needs root.
#
# The guest sees this machine's files, read-only, through 9p, under overlays in memory: its root, or
# for arm64 a system of Debian's that was only unpacked, and the checkout.
source "$(dirname "$0")/common.sh"
tests=() fs=tmpfs limit=900
accelerator=tcg,thread=multi cpu=max
architecture=$(dpkg --print-architecture)
while getopts a:t:f:s:K option; do
    case $option in
        a) architecture=$OPTARG ;; t) tests+=("$OPTARG") ;; f) fs=$OPTARG ;; s) limit=$OPTARG ;;
        K) accelerator=kvm cpu=host,-arch-capabilities ;; *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
all=(abi activation cleanup kernel_rows messages peers)
case $architecture in
    amd64) machine=(qemu-system-x86_64 -append "console=ttyS0 panic=-1 no_timer_check") ;;
    arm64)
        machine=(qemu-system-aarch64 -M virt -append "console=ttyAMA0 panic=-1")
        [[ $cpu == host* ]] && cpu=host || cpu=neoverse-n1
        all+=(poller socket_files)
        ;;
    *) exit 2 ;;
esac
((${#tests[@]})) || tests=("${all[@]}")
(($#)) || set -- 5.10 6.1 6.12 newest
packages "$(sed 's/amd64/qemu-system-x86/; s/arm64/qemu-system-arm/' <<<"$architecture")" \
    busybox-static kmod xz-utils e2fsprogs
lab=$work/kernels
[[ $architecture == "$(dpkg --print-architecture)" ]] || lab+=-$architecture
mkdir -p "$lab/state/lists/partial" "$lab/cache/archives/partial"
touch "$lab/status"

# With an apt of its own, beside the machine's: Debian's releases, each of which has a kernel.
mirror=$(debian_mirror)
for suite in bullseye bookworm trixie trixie-backports sid; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$lab/list"
apt=(-o APT::Architecture="$architecture" -o APT::Architectures="$architecture"
    -o Dir::Etc::sourcelist="$lab/list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$lab/state"
    -o Dir::Cache="$lab/cache" -o Dir::State::status="$lab/status" -o APT::Sandbox::User=root)
[[ -e $lab/updated ]] || apt-get "${apt[@]}" update -q >&2
touch "$lab/updated"

# The packages of the newest kernel that fits.
packages_of() {
    local pattern=${1//./\\.} release
    case $1 in
        linux-*) echo "${1//,/ }" && return ;;
        newest) pattern='[0-9]+\.[0-9]+' ;;
    esac
    # From 7.2 on a kernel is in two packages.
    release=$(apt-cache "${apt[@]}" search --names-only "^linux-(image|modules)-$pattern\.[0-9.+a-z-]*$architecture\$" |
        grep -vE 'cloud|-rt-|unsigned|dbg' | sed -E 's/^linux-(image|modules)-([^ ]*) .*/\2/' | sort -uV | tail -1)
    if apt-cache "${apt[@]}" show "linux-modules-$release" >/dev/null 2>&1; then
        echo "linux-binary-$release" "linux-modules-$release"
    else
        echo "linux-image-$release"
    fi
}

# Sets tree and release to a kernel's, unpacked once.
unpack() {
    local package
    tree=$lab/$(sed -E 's/^linux-(image|binary)-([^ ]*).*/\2/' <<<"$1")
    if [[ ! -e $tree/done ]]; then
        mkdir -p "$tree"
        for package in $1; do
            (cd "$lab" && apt-get "${apt[@]}" download -q "$package" >&2)
            dpkg -x "$lab/$package"_*.deb "$tree"
        done
        [[ -e $tree/lib ]] || ln -s usr/lib "$tree/lib"
        depmod -b "$tree" "$(basename "$tree"/lib/modules/*)"
        touch "$tree/done"
    fi
    release=$(basename "$tree"/lib/modules/*)
    image=$tree/boot/vmlinuz-$release
    [[ -e $image ]] || image=$tree/lib/modules/$release/vmlinuz
}

# A system for the guest: unpacked only, so that nothing of it has to run here.
system_of() {
    packages mmdebstrap
    rm -rf "$1.new"
    mmdebstrap --quiet --architectures="$architecture" --variant=extract --format=directory \
        --include=base-passwd,bash,busybox-static,coreutils,dash,grep,hostname,iproute2,kmod,libgcc-s1 \
        --include=mount,procps,python3,strace,util-linux \
        --aptopt='APT::Sandbox::User "root"' bookworm "$1.new" "$mirror"
    local file
    for file in passwd group; do cp "$1.new/usr/share/base-passwd/$file.master" "$1.new/etc/$file"; done
    # Where the cross compiler has its C library.
    mkdir "$1.new/usr/aarch64-linux-gnu"
    ln -s /lib/aarch64-linux-gnu "$1.new/usr/aarch64-linux-gnu/lib"
    mv "$1.new" "$1"
}

# The test programs, as cargo names them; for another architecture also the library that tests load,
# and a system.
root=
if [[ $architecture != "$(dpkg --print-architecture)" ]]; then
    root=$lab/root
    [[ -d $root ]] || system_of "$root" >&2
    rust_for_arm64
    $CARGO build --locked --lib >&2
    export UDSOCK_BUILT=$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/debug
fi
${CARGO:-cargo} test --no-run --locked "${tests[@]/#/--test=}" 2>&1 | tee "$lab/programs" >&2
program_of() { sed -n "s|.*tests/$1[./].*(\(.*\))\$|\1|p" "$lab/programs" | sed "s|^[^/]|$checkout/&|"; }

# What the kernel starts: it has the modules that reach the root, and makes the overlays.
write_initrd() {
    local first=$1/first module file target order=100
    mkdir -p "$first"/{bin,modules,proc,sys,dev,lower,memory,new,out}
    cp "$root/bin/busybox" "$first/bin"
    for module in virtio_pci virtio_blk 9pnet_virtio 9p overlay ext4; do
        while read -r _ file _; do
            [[ -f $file ]] || continue # "builtin NAME"
            compgen -G "$first/modules/*-$(basename "$file" .xz)" >/dev/null && continue
            target=$first/modules/$((++order))-$(basename "$file" .xz)
            case $file in *.xz) xz -dc "$file" >"$target" ;; *) cp "$file" "$target" ;; esac
        done < <(modprobe -d "$tree" -S "$release" --show-depends "$module" 2>/dev/null)
    done
    cat >"$first/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
options=trans=virtio,version=9p2000.L,msize=262144
$b mount -t 9p -o ro,$options,cache=loose root /lower || $b poweroff -f
$b mount -t 9p -o rw,$options out /out || $b poweroff -f
. /out/job
$b mount -t tmpfs -o size=75% memory /memory
overlay() { # DIRECTORY PLACE
    upper=$($b mktemp -d /memory/XXXXXX); $b mkdir "$upper/files" "$upper/work"
    $b mkdir -p "$2"
    $b mount -t overlay -o "lowerdir=/lower$1,upperdir=$upper/files,workdir=$upper/work" over "$2" \
        || $b poweroff -f
}
overlay "$root" /new
case $fs in
    tmpfs) $b mount -t tmpfs -o mode=1777 tmp /new/tmp ;;
    ext4) $b mount -t ext4 /dev/vda /new/tmp; $b chmod 1777 /new/tmp ;;
esac
overlay "$checkout" "/new$checkout" # It may be below /tmp.
$b mkdir -p /new/out /new/lib/modules/$release; $b mount -o move /out /new/out
$b mount -o bind "/lower$tree/lib/modules/$release" /new/lib/modules/$release
for directory in proc sys dev; do $b mount -o move /$directory /new/$directory; done
$b mkdir -p /new/dev/pts /new/dev/shm; $b mount -t devpts devpts /new/dev/pts
$b mount -t tmpfs -o mode=1777 shm /new/dev/shm; $b mount -t tmpfs -o mode=755 run /new/run
$b mount -t cgroup2 cgroup /new/sys/fs/cgroup
exec $b switch_root /new /bin/bash /out/guest
INIT
    chmod +x "$first/init"
    (cd "$first" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$1/initrd"
}

cat >"$lab/guest" <<'GUEST'
. /out/job
[[ -z $UDSOCK_BUILT ]] || export UDSOCK_BUILT
export PATH=$path HOME=/root USER=root LANG=C.UTF-8
hostname guest; ip link set lo up
ulimit -Hn 524288; ulimit -Sn 1024
uname -r >/out/release
cd "$checkout"
while read -r test program; do
    timeout -k 5 "$limit" "$program" >/tmp/current.log 2>&1 </dev/null
    echo "$test $?" >>/out/results
    cp /tmp/current.log "/out/$test.log"
done </out/programs
dmesg >/out/dmesg
sync
echo o >/proc/sysrq-trigger
sleep 10
GUEST

failed=0
table=$(printf '%-22s' kernel; printf '%14s' "${tests[@]}")
for kernel; do
    unpack "$(packages_of "$kernel")"
    out=$lab/$release-$fs
    rm -rf "$out" && mkdir -p "$out/shared"
    write_initrd "$out"
    printf '%s=%q\n' fs "$fs" checkout "$checkout" tree "$(realpath "$tree")" release "$release" \
        limit "$limit" path "$PATH" root "$root" UDSOCK_BUILT "${UDSOCK_BUILT:-}" >"$out/shared/job"
    for test in "${tests[@]}"; do echo "$test $(program_of "$test")"; done >"$out/shared/programs"
    cp "$lab/guest" "$out/shared"
    disk=()
    if [[ $fs == ext4 ]]; then
        truncate -s 1G "$out/disk" && mke2fs -q -t ext4 -F "$out/disk"
        disk=(-drive "file=$out/disk,if=virtio,format=raw,cache=unsafe")
    fi
    timeout -k 5 $((120 + limit * ${#tests[@]})) "${machine[@]}" -accel "$accelerator" -cpu "$cpu" \
        -smp 2 -m 3G -nodefaults -no-reboot -display none -serial "file:$out/console" \
        -kernel "$image" -initrd "$out/initrd" "${disk[@]}" \
        -virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
        -virtfs "local,path=$out/shared,mount_tag=out,security_model=none" </dev/null ||
        echo "$release: qemu ended with $?, see $out/console" >&2
    rm -rf "$out/first" "$out/initrd" "$out/disk"
    row=$(printf '%-22s' "$release")
    for test in "${tests[@]}"; do
        log=$out/shared/$test.log
        cell=$(sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed.*/\1\/\2/p' "$log" 2>/dev/null | tail -1 || true)
        skipped=$(grep -ac ': skipped: ' "$log" 2>/dev/null || true)
        row+=$(printf '%14s' "${cell:-no result}${skipped:+ ($skipped)}")
        [[ ${cell:-} == */0 ]] || failed=1
        grep -aE '^    [a-z_0-9:]+$' "$log" 2>/dev/null | sort -u | sed "s/^ */$release: $test: failed: /" || true
    done
    table+=$'\n'$row
done
echo "$table"
exit "$failed"
