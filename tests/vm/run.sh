#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# run.sh BUILD-DIRECTORY [STORY]
#
# A Debian kernel under QEMU (software emulation: no KVM needed) with network cards that DPDK drives
# and with vhost_net, and in it this machine's own files, read-only, under a layer of memory: the
# gateway that was built here and the tools it is tested with. The story runs there as root.
#
#   hub 1: e1000e   (gateway A, lan)  ── virtio-net (host A)
#   hub 2: vmxnet3  (gateway A, wan)  ── virtio-net (router)
#   hub 3: virtio-net (gateway B, wan) ── virtio-net (router)
#
# The exit status is the story's.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?build directory}" && pwd) || exit 1
story=${2:-$here/story.sh}
work=$build/vm
die() {
    printf 'vm: %s\n' "$*" >&2
    exit 1
}
for tool in qemu-system-x86_64 busybox modprobe cpio; do
    command -v $tool >/dev/null || die "$tool is not installed; on Debian: apt-get install qemu-system-x86 busybox-static kmod cpio"
done
mkdir -p "$work"

# The newest kernel of the distribution, unpacked beside the build.
kernel=$work/kernel
if ! [ -e "$kernel/complete" ]; then
    package=$(apt-cache depends linux-image-amd64 | awk '/Depends/ {print $2; exit}')
    [ -n "$package" ] || die "there is no package linux-image-amd64"
    (cd "$work" && apt-get download "$package" >/dev/null 2>&1) || die "can't download $package"
    rm -rf "$kernel"
    dpkg -x "$work/$package"_*.deb "$kernel" && touch "$kernel/complete" || die "can't unpack $package"
    rm -f "$work/$package"_*.deb
fi
version=$(basename "$kernel"/lib/modules/*)
depmod -b "$kernel" "$version" || die "depmod"

# An initramfs that only finds the way to this machine's files.
root=$work/initramfs
rm -rf "$root"
mkdir -p "$root"/{bin,proc,sys,dev,lower,upper,new,modules}
cp "$(command -v busybox)" "$root/bin/busybox"
order=0
declare -A loaded=()
for module in virtio_pci 9pnet_virtio 9p overlay; do
    while read -r _ file _; do
        [ -z "${loaded[$file]:-}" ] || continue
        loaded[$file]=1
        order=$((order + 1))
        cp "$file" "$root/modules/$(printf %03d $order)-$(basename "$file")"
    done < <(modprobe -d "$kernel" -S "$version" --show-depends "$module" | grep ^insmod)
done
cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in /modules/*; do insmod \$module; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 host /lower || poweroff -f
mount -t tmpfs memory /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work machine /new || poweroff -f
for place in proc sys dev; do mount -o move /\$place /new/\$place; done
exec chroot /new /bin/bash '$here/init.sh' '$kernel' '$story' '$build'
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd.gz" || die "initramfs"

nic() { # HUB DEVICE SLOT MAC
    printf '%s ' -netdev "hubport,id=n$3,hubid=$1" -device "$2,romfile=,netdev=n$3,addr=$3.0,mac=52:54:00:00:$4"
}
# shellcheck disable=SC2046 # words on purpose
timeout "${SACIP_VM_SECONDS:-600}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -machine q35 \
    -m 3072 -smp 2 -nographic -no-reboot -nodefaults -serial stdio \
    -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initrd.gz" \
    -append "console=ttyS0 panic=-1 quiet" \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    $(nic 1 e1000e 10 01:01) $(nic 1 virtio-net-pci 18 01:02) \
    $(nic 2 vmxnet3 11 02:01) $(nic 2 virtio-net-pci 19 02:02) \
    $(nic 3 virtio-net-pci,disable-legacy=on 12 03:01) $(nic 3 virtio-net-pci 1a 03:02) </dev/null |
    tr -d '\r' | tee "$work/console.log"
grep -q '^VM STORY: 0$' "$work/console.log" || die "the story did not pass; what was said is in $work/console.log"
