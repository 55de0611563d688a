#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# install.sh [COMMAND...]
#
# A command of the README (default: ./quickstart demo) in a Debian that never saw the project: a
# minimal root made by debootstrap, in it a fresh clone of what is committed here, in mount and
# process namespaces of its own. Nothing else is installed or set up in there; the network, for
# apt-get, is this machine's, as are apt's mirror and proxies.
# The exit status is the command's; 77, said aloud, where no such root can be made.
#
# The bare root is kept for a week in SACIP_INSTALL_CACHE (default ~/.cache/sacip) as a tar archive.
set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
suite=bookworm
cache=${SACIP_INSTALL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sacip}
archive=$cache/$suite-minbase.tar
work= child=

say() { printf 'install: %s\n' "$*"; }
die() {
    say "$*" >&2
    exit 1
}
skip() {
    printf '\n********** SKIPPED: install: %s **********\n\n' "$*" >&2
    exit 77
}

# shellcheck disable=SC2317 # called by a trap
clean_up() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null # and with unshare goes all that is in its namespaces
        wait "$child" 2>/dev/null
    fi
    # Every mount was in the namespace, and went with it.
    [ -z "$work" ] || rm -rf --one-file-system "$work"
    exit $status
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

in_background() { # COMMAND...: so that a signal is not kept waiting
    "$@" &
    child=$!
    wait $child
    local status=$?
    child=
    return $status
}

make_archive() { # MIRROR
    say "a minimal $suite root ..."
    in_background debootstrap --variant=minbase --include=ca-certificates $suite "$work/new" "$1" \
        >"$work/debootstrap.log" 2>&1 || skip "debootstrap makes no root here: $(tail -n 3 "$work/debootstrap.log")"
    rm -f "$work"/new/var/cache/apt/archives/*.deb
    mkdir -p "$cache" && tar -C "$work/new" -cf "$archive.$$" . && mv "$archive.$$" "$archive" ||
        die "can't write $archive"
    mv "$work/new" "$work/root"
}

[ "$(id -u)" = 0 ] || skip "it needs root"
for tool in debootstrap unshare git; do
    command -v $tool >/dev/null || skip "$tool is not installed"
done
unshare --mount --pid --fork bash -c 'mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs tmpfs /mnt' \
    2>/dev/null || skip "namespaces with mounts of their own are not allowed here"
work=$(mktemp -d "${SACIP_INSTALL_DIR:-/var/tmp}/sacip-install.XXXXXX") || die "no place for a root"
chmod 755 "$work"

# debootstrap fetches as apt would.
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "${proxy:-}" ] || export http_proxy=${http_proxy:-$proxy}
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' "Created-By: Packages" |
    awk -v suite=$suite '$2 == suite { print $1; exit }')
mirror=${mirror:-http://deb.debian.org/debian} mirror=${mirror%/}
/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$mirror/dists/$suite/InRelease" \
    "$work/InRelease" >"$work/net.log" 2>&1 ||
    skip "no network to the Debian mirror $mirror: $(tail -n 1 "$work/net.log")"

SECONDS=0
if [ -n "$(find "$archive" -mtime -7 2>/dev/null)" ]; then
    mkdir "$work/root" && tar -C "$work/root" -xf "$archive" || die "can't unpack $archive"
else
    make_archive "$mirror"
fi
root=$work/root
printf 'deb %s %s main\n' "$mirror" $suite >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|Retries)' >"$root/etc/apt/apt.conf.d/80network"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/throwaway" # nobody needs it after a power cut
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
git clone -q --no-hardlinks "$top" "$root/root/sacip" || die "git clone"
say "the root took $SECONDS s"

[ $# -gt 0 ] || set -- ./quickstart demo
say "in it: $*"
SECONDS=0
in_background unshare --mount --pid --fork --kill-child bash -c '
    mount --make-rprivate /
    mount --bind "$1" "$1" && cd "$1" || exit 1
    mount -t proc proc proc && mount -t sysfs sysfs sys && mount --rbind /dev dev && mount -t tmpfs run run || exit 1
    shift
    exec chroot . /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        bash -c "cd /root/sacip && exec \"\$@\"" root "$@"' inside "$root" "$@" </dev/null
status=$?
say "$*: exit status $status after $SECONDS s"
exit $status
