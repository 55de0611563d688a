#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# init.sh KERNEL STORY BUILD: the first process of the virtual machine that run.sh starts, once it has the
# files of the machine around it. Ends with the machine.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SACIP_BUILD=$3

# Places of its own for what comes and goes; the clone and the build are seen through them if they
# lie in one.
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir /kept-top /kept-build
mount --bind "$top" /kept-top
mount --bind "$3" /kept-build
for place in /tmp /run /dev/shm /mnt; do
    mkdir -p $place
    mount -t tmpfs memory $place
done
mkdir -p "$top" && mount --bind /kept-top "$top"
mkdir -p "$3" && mount --bind /kept-build "$3"
chmod 1777 /tmp

mkdir -p /dev/pts /dev/hugepages /run/netns /run/lock
mount -t devpts devpts /dev/pts
mount -t hugetlbfs none /dev/hugepages
mkdir -p /lib/modules
mount --bind "$1/lib/modules" /lib/modules
for module in vhost_net tun virtio_net uio_pci_generic veth af_packet nf_tables nft_chain_filter; do
    modprobe $module 2>/dev/null
done
echo 384 >/proc/sys/vm/nr_hugepages
ip link set lo up
bash "$2"
echo "VM STORY: $?"
echo o >/proc/sysrq-trigger
sleep 10
