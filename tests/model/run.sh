#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# run.sh              checks every case of the table below
# run.sh CASE         that one; for a case that must fail, shows how it comes to it
# run.sh big          the cases that must hold with larger bounds (hours and tens of gigabytes)
# run.sh list         names the cases
# run.sh -D... -D...  your own (see sacip.pml): run.sh -DMOVES=3 -DSTORM_ONLY -DCALM=0
#
# Each case is the model with some definitions. `holds`: spin has seen every state and found
# nothing. A property: spin must find that one broken, so the property can fail at all.
# Exit status 0 as expected, 1 not, 77 spin or a C compiler is missing (skipped).
#
# The environment may set MODEL_MEMORY (MB, 2000) and MODEL_SECONDS (a case, 100).

set -u
model=$(cd "$(dirname "$0")" && pwd)/sacip.pml
memory=${MODEL_MEMORY:-2000}
seconds=${MODEL_SECONDS:-100}

# What the assertions of the model say, as pan prints them.
declare -A property=(
    [no_stale]='newest\['
    [no_unauthorised]='<14'
    [no_replayed_reboot]='asked_mark'
    [agreement]='acked\[0\]'
    [not_forgotten]='holds\[.*names\[.*gone'
    [few_messages]='^assertion violated .sent\[.*<'
)

table() { # CASE EXPECTED DEFINITIONS
    cat <<'END'
storm                 holds  -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=2 -DBOOTS=1 -DLIES=1
storm_reboots         holds  -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=1 -DBOOTS=2 -DLIES=0
moves                 holds  -DSTORM=4 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=1
moves_reordered       holds  -DSTORM=3 -DMOVES=1 -DBOOTS=0 -DLIES=0 -DLATE=1 -DREORDERING_GOES_ON
reboot                holds  -DSTORM=4 -DMOVES=1 -DBOOTS=1 -DLIES=0 -DLATE=0
reboots               holds  -DSTORM=3 -DCALM=13 -DMOVES=1 -DBOOTS=2 -DLIES=0 -DLATE=0
reboot_late           holds  -DSTORM=3 -DMOVES=1 -DBOOTS=1 -DLIES=0 -DLATE=1
same_sequence         holds  -DSTORM=3 -DMOVES=1 -DBOOTS=1 -DLIES=0 -DLATE=0 -DRETRY_SAME_SEQUENCE
expired_challenge     holds  -DSTORM=4 -DMOVES=0 -DBOOTS=1 -DLIES=0 -DLATE=0 -DCHALLENGES_EXPIRE
one_floor_in_order    holds  -DSTORM=4 -DMOVES=1 -DBOOTS=1 -DLIES=0 -DLATE=0 -DLITERAL_ONE_FLOOR
validation            holds  -DSTORM=4 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=0 -DCALM=13 -DVALIDATION -DNO_SOLICIT
overlap               holds  -DSTORM=3 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=1 -DNO_RENDEZVOUS -DOVERLAP
no_tag                no_unauthorised     -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=0 -DBOOTS=0 -DBROKEN_NO_TAG
no_authorisation      no_unauthorised     -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=0 -DBOOTS=0 -DBROKEN_AUTHORISATION
no_sequence           no_stale            -DSTORM_ONLY -DCALM=0 -DBOOTS=0 -DLIES=0 -DBROKEN_NO_SEQUENCE
no_challenge          no_replayed_reboot  -DSTORM_ONLY -DCALM=0 -DLIES=0 -DBROKEN_NO_CHALLENGE
no_challenge_stale    no_stale            -DSTORM_ONLY -DCALM=0 -DLIES=0 -DBROKEN_NO_CHALLENGE -DIGNORE_REPLAYED_REBOOT
predictable_challenge no_replayed_reboot  -DSTORM_ONLY -DCALM=0 -DSTORM=6 -DBOOTS=2 -DLIES=0 -DBROKEN_PREDICTABLE_CHALLENGE
unnamed_is_removed    not_forgotten       -DSTORM_ONLY -DCALM=0 -DLIES=0 -DLITERAL_UNNAMED_IS_REMOVED
one_floor             few_messages           -DSTORM=3 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=0 -DROUNDS=4 -DCALM=20 -DREORDERING_GOES_ON -DLITERAL_ONE_FLOOR
stale_is_done         agreement           -DSTORM=4 -DMOVES=1 -DBOOTS=0 -DLIES=0 -DLATE=0 -DLITERAL_ONE_FLOOR -DLITERAL_STALE_IS_DONE -DNO_SOLICIT
duplicate_is_stale    agreement           -DSTORM=3 -DMOVES=1 -DBOOTS=0 -DLIES=0 -DLATE=0 -DRETRY_SAME_SEQUENCE -DLITERAL_DUPLICATE_IS_STALE -DLITERAL_STALE_IS_REPEATED
new_epoch_not_told    agreement           -DSTORM=4 -DMOVES=1 -DBOOTS=1 -DLIES=0 -DLATE=0 -DLITERAL_NEW_EPOCH_IS_NOT_TOLD -DNO_SOLICIT
unproven_is_dropped   agreement           -DSTORM=4 -DMOVES=0 -DBOOTS=1 -DLIES=0 -DLATE=0 -DCHALLENGES_EXPIRE -DLITERAL_UNPROVEN_IS_DROPPED
applied_unproven      agreement           -DSTORM=4 -DMOVES=1 -DBOOTS=0 -DLIES=0 -DLATE=0 -DVALIDATION -DNO_SOLICIT -DLITERAL_APPLIED_BEFORE_PROVEN
epoch_is_lost         agreement           -DSTORM=3 -DMOVES=0 -DBOOTS=1 -DLIES=0 -DLATE=0 -DLITERAL_EPOCH_IS_LOST
no_rendezvous         agreement           -DSTORM=3 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=0 -DNO_RENDEZVOUS
END
}

[ "${1:-}" = list ] && { table | cut -d ' ' -f 1; exit 0; }

for tool in spin gcc; do
    command -v $tool >/dev/null || {
        echo "SKIPPED: the protocol model was NOT checked: no $tool (Debian package $tool)" >&2
        exit 77
    }
done

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

# The verdict of pan on the model with these definitions is in ./verdict, the trail beside it.
verify() { # DEFINITIONS
    rm -f ./*.trail verdict
    spin -a "$@" "$model" >spin.txt 2>&1 || { cat spin.txt; return 1; }
    # -w: pan.c is spin's, not ours, and full of warnings.
    gcc -w "$optimise" -DSAFETY -DMEMLIM="$memory" -o pan pan.c || return 1
    timeout -s INT "$seconds" ./pan -n -m5000 >verdict 2>&1
}

story() { # DEFINITIONS: the trail in words
    spin -k sacip.pml.trail "$@" "$model" | sed -nE '
        s/^ *SACIP: /    /; T
        s/kind 1 /HELLO /; s/kind 2 /HELLO_ACK /; s/kind 3 /BIND /; s/kind 4 /BIND_ACK /
        s/kind 5 /SOLICIT /; s/kind 6 /SOLICIT_ACK /
        s/kind 1$/HELLO/; s/kind 2$/HELLO_ACK/; s/kind 3$/BIND/; s/kind 4$/BIND_ACK/
        s/kind 5$/SOLICIT/; s/kind 6$/SOLICIT_ACK/
        p'
}

check() { # CASE EXPECTED DEFINITIONS
    local name=$1 expected=$2 found states mem
    shift 2
    # To find an error takes less than to compile well.
    [ "$expected" = holds ] && optimise=-O1 || optimise=-O0
    verify "$@"
    if [ ! -s verdict ]; then
        echo "FAILED  $name: spin or pan did not run"
        return 1
    fi
    states=$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' verdict)
    mem=$(sed -nE 's/^ *([0-9.]+)\ttotal actual memory usage.*/\1/p' verdict)
    if grep -qE 'max search depth too small|reached -DMEMLIM|interrupted|Search not completed' verdict &&
        ! grep -q 'assertion violated' verdict; then
        echo "FAILED  $name: not all states were seen (${states:-?} states, ${mem:-?} MB)"
        return 1
    fi
    found=$(sed -nE 's/^pan:1: (.*) \(at depth.*/\1/p' verdict)
    if [ "$expected" = holds ]; then
        if [ -z "$found" ] && grep -q 'errors: 0' verdict; then
            echo "ok      $name: holds ($states states, $mem MB)"
            return 0
        fi
        echo "FAILED  $name: $found"
        story "$@"
        return 1
    fi
    if grep -qE "${property[$expected]}" <<<"$found"; then
        echo "ok      $name: breaks $expected, as it must"
        $tell && story "$@"
        return 0
    fi
    echo "FAILED  $name: should break $expected, but: ${found:-nothing found}"
    return 1
}

tell=false
case ${1:-} in
'')
    failed=0
    while read -r name expected definitions; do
        # shellcheck disable=SC2086 # several words
        check "$name" "$expected" $definitions || failed=1
    done < <(table)
    exit $failed
    ;;
big)
    seconds=${MODEL_SECONDS:-36000} memory=${MODEL_MEMORY:-64000} failed=0
    check storm holds -DSTORM_ONLY -DCALM=0 -DSTORM=5 -DMOVES=2 -DBOOTS=2 -DLIES=1 || failed=1
    check reordered holds -DSTORM=3 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=1 -DREORDERING_GOES_ON || failed=1
    check calm holds -DSTORM=5 -DMOVES=2 -DBOOTS=1 -DLIES=0 -DLATE=1 || failed=1
    exit $failed
    ;;
-D*) check own holds "$@" ;;
*)
    tell=true
    read -r name expected definitions < <(table | grep -E "^$1 ") ||
        { sed -n '4,8s/^# //p' "$0" >&2; exit 2; }
    # shellcheck disable=SC2086
    check "$name" "$expected" $definitions
    ;;
esac
