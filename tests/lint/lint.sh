#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The house rules that a machine can check. Prints each breach with its place and the mend.
#   lint.sh SOURCE-ROOT [COMPILER...]

set -u
shopt -s lastpipe # so that breaches are counted here
export LC_ALL=C.UTF-8
top=$1
shift
compiler=("${@:-c++}")
cd "$top" || exit 1
breaches=0

breach() { # RULE, places on stdin
    local places
    places=$(cat)
    [ -z "$places" ] && return
    breaches=$((breaches + 1))
    printf '%s:\n%s\n' "$1" "$(printf '%s\n' "$places" | sed 's/^/    /')"
}

sources() { find app lib bench tests -name '*.?pp' -not -path '*/results/*' | sort; }

# DPDK behind its door.
grep -nE '\brte_[a-z]|RTE_[A-Z]' -r app lib --include='*.?pp' | grep -v '^app/dpdk/' |
    grep -vE '^[^:]*:[0-9]+:\s*//' | breach "rte_ outside app/dpdk: use a seam of the core"

# The mind is pure: standard library and itself, and POSIX's text of an IPv6 address.
grep -nE '^#include' -r lib --include='*.?pp' | grep -vE '"sacip_core/|<[a-z_0-9]+>$' |
    grep -vE '^lib/sacip_core/base/ip_addr\.cpp:.*<arpa/inet\.h>$' |
    breach "lib/sacip_core includes something else than itself and the standard library"
grep -nE 'std::(cout|cerr|thread|mutex)|printf\(|steady_clock|system_clock|throw ' -r lib --include='*.?pp' |
    breach "I/O, clock, thread or exception in lib/sacip_core"

# Arrows point one way, and the picture of them is the true one.
arrows=$(tests/lint/arrows 2>&1 >/dev/null) || breach "includes against the arrows (tests/lint/arrows)" <<<"$arrows"
diff <(awk '/^<!-- arrows -->/ { on = 1; next } on && /^```/ { if (seen++) exit; next } on' docs/architecture.md) \
    <(tests/lint/arrows 2>/dev/null) |
    breach "docs/architecture.md does not show what tests/lint/arrows prints"

# Addresses and checksums are written into packets in few places.
grep -lE '\b(ipv4|Ipv4|F)::set_(source|destination|addresses|checksum)|(tcp|udp)::set_checksum' -r app lib --include='*.?pp' |
    grep -vE 'packet/(rewrite|address_family|ipv4_writer|refusal|fragmentation|tcp_segment|headers)\.|wire/secure_carrier\.' |
    breach "writes addresses or checksums outside rewrite.cpp (and the makers of whole packets)"

# Libraries behind the door of one folder each.
for door in 'crypto openssl/' 'yaml yaml-cpp/' 'metrics prometheus/' 'netlink libmnl/'; do
    grep -nE "#include <${door#* }" -r app lib --include='*.?pp' | grep -v "^app/${door% *}/" |
        breach "${door#* } outside app/${door% *}"
done

# `meson compile NAME` refuses a name that two targets have, whatever their kinds.
find . -name meson.build -not -path './build*' | xargs perl -0ne \
    'print "$2 in $ARGV\n" while /\b(executable|static_library|library|custom_target)\(\s*\x27([\w-]+)\x27/g' |
    sort | awk '$1 == last { print before "\n" $0 } { last = $1; before = $0 }' |
    breach "two targets of one name: rename one"

# Every source says whose it is.
{ sources; find . -name meson.build -not -path './build*'; find app tests bench .ci -name '*.sh' -o -name '*.py' | grep -v results; } |
    xargs perl -ne 'BEGIN { %silent = map { $_ => 1 } @ARGV } delete $silent{$ARGV} if $. <= 3 && /SPDX-License-Identifier/;
        close ARGV if eof; END { print "$_\n" for sort keys %silent }' |
    breach "no SPDX line at the top"

grep -nP '\t| +$' -r app lib --include='*.?pp' | breach "tab or trailing space"
grep -nE '^.{101,}' -r app lib --include='*.?pp' | cut -c1-90 |
    breach "line longer than 100 columns"

# Laid out as .clang-format says; versions differ in what they make of it, so by Debian 12's only.
case $(clang-format --version 2>/dev/null) in
*' 14.'*)
    sources | xargs -n 40 -P "$(nproc)" clang-format --dry-run -Werror 2>&1 | grep -oE '^[^ ]+: error' | cut -d: -f1 | sort -u |
        breach "not laid out as .clang-format says: ./quickstart format"
    ;;
*) echo "clang-format 14 is not there: the layout is not checked" ;;
esac

# Each header of the core compiles alone. Where a source of its name includes it first, the build has
# shown that; the others are compiled here.
shown() {
    comm -12 <(sed -nE "s|^ *'(.*)\.cpp',$|sacip_core/\1.hpp|p" lib/sacip_core/meson.build | sort) \
        <(grep -m 1 '^#' -r lib --include='*.cpp' | sed -nE 's|^lib/(.*)\.cpp:#include "(\1\.hpp)"$|\2|p' | sort)
}
find lib -name '*.hpp' -printf '%P\n' | sort | comm -13 <(shown) - | xargs -P "$(nproc)" -I '{}' bash -c '
    printf "#include \"%s\"\n" "$1" | "${@:2}" -std=c++20 -fsyntax-only -Ilib -x c++ - 2>/dev/null ||
        echo "lib/$1"' - '{}' "${compiler[@]}" | breach "header does not compile alone"

[ $breaches = 0 ] || { echo "$breaches rules broken"; exit 1; }
echo "house rules kept"
