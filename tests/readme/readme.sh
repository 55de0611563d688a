#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# readme.sh: what the README tells a newcomer to do, done as it is written, in its order.
#
# The stage is lib.sh's, gateway A the README's branch and gateway B its headquarters. Each has a
# file system of its own over /usr, /etc, /var/lib and /run, so that the commands may install and
# write where they say; it goes with the story. Only the NICs are others: net_af_packet on the
# stage's veths. What would take NICs or memory from this machine is not run: its program must be
# there and know the options. A command without a rule in `obey` fails, as does a block of another
# kind than sh, yaml and text.

. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"
top=$(cd "$here/../.." && pwd)
readme=$top/README.md
build=$(cd "$build" && pwd)
declare -A site=() key=() # a|b: pid of what keeps its file system; its public key
declare -A name=([a]=branch-1 [b]=hq)

# ---------------------------------------------------------------- a site's machine

open_site() { # a|b
    mkdir "$T/layers-$1"
    spawn "g$1" "machine $1" bash -c '
        mount -t tmpfs layers "$1" || exit 1
        for place in /usr /etc /var/lib; do
            mkdir -p "$1$place/upper" "$1$place/work"
            mount -t overlay overlay -o \
                "lowerdir=$place,upperdir=$1$place/upper,workdir=$1$place/work" $place || exit 1
        done
        mount -t tmpfs run /run && echo ready && exec sleep infinity' open_site "$T/layers-$1" \
        >"$T/machine-$1.out" 2>"$T/machine-$1.err"
    site[$1]=$!
    eventually 5 grep -q ready "$T/machine-$1.out" || fail "no file system for $1: $(cat "$T/machine-$1.err")"
}

at() { # a|b COMMAND: in the clone, as its root would type it
    ${in_place_of_us:-} nsenter -t "${site[$1]}" -m -n -r -w -- env -i HOME=/root TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -c 'cd "$1" && eval "$2"' readme "$top" "$2"
}

works() { # a|b COMMAND
    at "$1" "$2" >"$T/said" 2>&1 || fail "${name[$1]}: $2: exit status $?: $(tail -n 5 "$T/said")"
    good "${name[$1]}: $2"
}

# Its program is installed and has the options, in whatever its --help says.
is_there() { # COMMAND
    local words option
    read -ra words <<<"$1"
    at a "command -v ${words[0]}" >/dev/null || fail "$1: ${words[0]} is in no package that quickstart installs"
    for option in "${words[@]:1}"; do
        [[ $option != -* ]] || at a "${words[0]} --help" 2>&1 | grep -qE -- "(^|[ ,[|])$option\b" ||
            fail "$1: ${words[0]} has no option $option"
    done
    good "is there: $1"
}

# NICs in configurations and in EAL's options, as this stage has them.
with_our_nics() {
    sed -e 's/"0000:03:00\.\([01]\)"/net_af_packet\1/' -e 's/ -a 0000:03:00\.0/ --no-pci --no-huge -m 256 --vdev net_af_packet0,iface=ethi/' \
        -e 's/ -a 0000:03:00\.1/ --vdev net_af_packet1,iface=etho/'
}

run_gateway() { # a|b COMMAND
    local command
    command=$(with_our_nics <<<"$2")
    [ "$command" != "$2" ] || fail "no NICs in: $2"
    in_place_of_us=exec at "$1" "exec $command" >"$T/gw-$1.log" 2>&1 &
    gateway_pid[$1]=$!
    eventually 60 grep -q "^sacip-gw: ${name[$1]} ready" "$T/gw-$1.log" || fail "${name[$1]} is not ready: $2"
    good "${name[$1]}: $2"
}

# As systemd does with the installed unit.
run_unit() { # a|b
    local unit=/usr/local/lib/systemd/system/sacip.service options line
    at "$1" "cat $unit" >"$T/unit" || fail "no $unit"
    sed '/^\[Service\]/,$d' "$T/unit" | grep -qx 'StartLimitIntervalSec=0' ||
        fail "$unit gives up when what it waits for takes its time"
    if command -v systemd-analyze >/dev/null; then works "$1" "systemd-analyze verify $unit"; fi
    options=$(at "$1" "sed -n 's/^SACIP_EAL_OPTIONS=//p' $(sed -n 's/^EnvironmentFile=-//p' "$T/unit")")
    [ -n "$options" ] || fail "the unit does not read what the README writes"
    line=$(sed -n 's/^ExecStartPre=//p' "$T/unit")
    works "$1" "$line"
    line=$(sed -n 's/^ExecStart=//p' "$T/unit")
    run_gateway "$1" "${line/\$SACIP_EAL_OPTIONS/$options}"
}

# ---------------------------------------------------------------- the README

blocks() { # BLOCK-NUMBER LANGUAGE LINE, between tabs
    awk 'match($0, /^ *```/) {
            indent = RLENGTH - 3
            if (inside) inside = 0; else { inside = 1; number++; language = substr($0, RLENGTH + 1) }
            next
        }
        inside { print number "\t" (language == "" ? "none" : language) "\t" substr($0, indent + 1) }' "$readme"
}

of_hq() { say "${1//branch-1/hq}"; }

obey() { # COMMAND
    case $1 in
    './quickstart demo' | './quickstart test') grep -q 'README.md' "$top/.ci/run" || fail "nobody runs $1" ;;
    './quickstart build && meson install -C build') # what is tested here has been built
        works a "meson install -C '$build' --no-rebuild"
        works b "meson install -C '$build' --no-rebuild"
        ;;
    'dpdk-devbind.py --status') works a "$1" ;;
    'dpdk-hugepages.py '* | 'dpdk-devbind.py -b '* | 'modprobe '*) is_there "$1" ;;
    *'sacipctl genkey > /etc/sacip/branch-1.key'*)
        works a "$1"
        works b "$(of_hq "$1")"
        ;;
    'sacipctl pubkey < '*)
        works a "$1"
        key[a]=$(cat "$T/said")
        works b "$(of_hq "$1")"
        key[b]=$(cat "$T/said")
        ;;
    'sacip-gw -- '*' --check')
        works a "$1"
        works b "$1"
        ;;
    'sacip-gw -l '*) run_gateway a "$1" ;;
    'echo '*' > /etc/default/sacip') works b "$1" ;;
    'systemctl enable --now sacip')
        run_unit b
        converse
        ;;
    'sacipctl events --follow')
        at a "timeout 1 $1" >"$T/said" 2>&1
        [ $? = 124 ] || fail "$1: $(cat "$T/said")"
        good "${name[a]}: $1"
        ;;
    'sacipctl' | 'sacipctl peers' | 'sacipctl moves' | 'sacipctl drops' | 'sacipctl why '*) works a "$1" ;;
    'ip addr add '*)
        works a "$1"
        moved=$((${moved:-0} + 1))
        eventually 5 has_moved || fail "no move followed: $(at a 'sacipctl moves')"
        assert_flows_run 2 2
        ;;
    *) fail "the README says '$1', and no rule here knows what that is" ;;
    esac
}

has_moved() { at a "sacipctl -j moves" | jq -e "[.moves[] | select(.result == \"switched\")] | length == $moved" >/dev/null; }

converse() { # between the two sites' hosts, from now to the end
    start_server
    start_client --tcp 2 --udp 2
    assert_flows_run 2 2
    good "the branch's host and the headquarters' talk"
}

# A whole configuration is a site's, a part of one gets a name; each is right as it stands, too.
configure_by() { # FILE
    local side
    grep -q '^gateway:' "$1" || sed -i '1i gateway: {name: readme}' "$1"
    for side in a b; do grep -q "^gateway: {name: ${name[$side]}}" "$1" && break; side=; done
    if [ -z "$side" ]; then
        works a "sacip-gw -- --config '$1' --check"
        return
    fi
    [ -n "${key[$side]:-}" ] || fail "${name[$side]}: a configuration before there are keys"
    works "$side" "sacip-gw -- --config '$1' --check"
    local other=a
    [ $side = b ] || other=b
    with_our_nics <"$1" | sed "s|public_key: \"[^\"]*\"|public_key: \"${key[$other]}\"|" |
        at "$side" 'cat > /etc/sacip/sacip.yaml' || fail "/etc/sacip"
}

follow() {
    local number language line current=0
    while IFS=$'\t' read -r number language line; do
        if [ "$language" != yaml ] && [ -e "$T/block.yaml" ]; then
            configure_by "$T/block.yaml"
            rm "$T/block.yaml"
        fi
        case $language in
        sh)
            line=$(sed -E 's/[[:space:]]+#.*//' <<<"$line")
            [ -z "$line" ] || obey "$line"
            ;;
        yaml)
            if [ "$number" != $current ] && [ -e "$T/block.yaml" ]; then
                configure_by "$T/block.yaml"
                rm "$T/block.yaml"
            fi
            say "$line" >>"$T/block.yaml"
            ;;
        text) ;;
        *) fail "the README has a block of '$language': sh, yaml or text" ;;
        esac
        current=$number
    done < <(blocks)
    [ ! -e "$T/block.yaml" ] || configure_by "$T/block.yaml"
}

# Between the lines: files that are named are there, subcommands are known.
look_around() {
    local words
    while read -r words; do
        [ -e "$top/$words" ] || fail "the README points to $words, which is not there"
    done < <(grep -oE '\]\([^)#:]+\)' "$readme" | tr -d '])(' ; grep -oE '`(conf|docs|bench|tests)/[^` ]*`' "$readme" | tr -d '`')
    while read -r words; do
        at a "test -e $words" || fail "the README names $words, which neither a package nor meson install brings"
    done < <(grep -oE '`/etc/[^` ]*`' "$readme" | tr -d '`')
    while read -r _ words _; do
        grep -qE "^$words\)" "$top/quickstart" || fail "the README says quickstart $words"
    done < <(grep -oE '`\./quickstart [a-z-]+`' "$readme" | tr -d '`')
    while read -r _ words _; do
        at a 'sacipctl --help' | grep -qE "^  $words\b" || fail "the README says sacipctl $words"
    done < <(grep -oE '`sacipctl [a-z]+[^`]*`' "$readme" | tr -d '`')
    good "the files and subcommands that the text names are there"
}

need_root_and_tools nsenter meson
stage uplink
open_site a
open_site b
follow
[ "${moved:-0}" -ge 2 ] || fail "the README has lost its moves"
look_around
stop_traffic
for side in a b; do
    eventually 2 at $side 'sacipctl -j status' >/dev/null || fail "no status"
    [ "$(at $side 'sacipctl -j status' | jq .balanced)" = true ] || fail "$side does not add up"
    stop_gateway $side
done
assert_no_leftovers
say "PASSED"
