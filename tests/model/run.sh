#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# run.sh              checks every case of the table below
# run.sh next         checks those of version 3, which the gateway does not speak yet
# run.sh CASE         that one; for a case that must fail, shows how it comes to it
# run.sh big          the cases that must hold with larger bounds (hours and tens of gigabytes)
# run.sh list         names the cases of the version that it speaks
# run.sh -D... -D...  your own (see sacip.pml): run.sh -DMOVES=3 -DSTORM_ONLY -DCALM=0
# run.sh MODEL. -D... your own of another model: run.sh places. -DMOVES_P=2 -DMOVES_T=1
#
# Each case is a model with some definitions: the one that the case's name has before a dot
# (version 3), or sacip (version 2). `holds`: spin has seen every state and found
# nothing. A property: spin must find that one broken, so the property can fail at all.
# Exit status 0 as expected, 1 not, 77 spin or a C compiler is missing (skipped).
#
# The environment may set MODEL_MEMORY (MB, 2000) and MODEL_SECONDS (a case, 100).

set -u
folder_of_models=$(cd "$(dirname "$0")" && pwd)
memory=${MODEL_MEMORY:-2000}
seconds=${MODEL_SECONDS:-100}

# What the assertions of the models say, as pan prints them.
declare -A property=(
    [no_former_life]='>=newest_life\['
    [one_life]='==peer_life\['
    [no_older]='>=newest(_ver)?\['
    [both_agree]='acked\[0\]\)&&\(applied'
    [stays_joined]='!\(were_joined\)'
    [next_owner_stays]='!\(is_next\['
    [nobodys_stays]='!=\(2\+1\)'
    [other_peers_stays]='\(1\) : \(.*==[12]\)\|\|\('
    [one_wire]='now\[0\]==now\[1\]'
    [own_receipt]='violated \([12]==\('
    [flows_where_p_is]='receipt\[0\]==1'
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
association.lives            holds  -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=1 -DBOOTS=1
association.rekeys           holds  -DSTORM_ONLY -DCALM=0 -DSTORM=5 -DMOVES=0 -DBOOTS=0
association.crossing         holds  -DSTORM=4 -DMOVES=0 -DBOOTS=0 -DLATE=0
association.restart          holds  -DSTORM=3 -DMOVES=1 -DBOOTS=1 -DLATE=0
association.restart_replayed holds  -DSTORM=2 -DMOVES=1 -DBOOTS=1 -DLATE=1 -DROUNDS=1
association.restarts         holds  -DSTORM=2 -DMOVES=1 -DBOOTS=2 -DLATE=0
association.reordered        holds  -DSTORM=2 -DMOVES=0 -DBOOTS=0 -DLATE=1 -DREORDERING_GOES_ON
association.one_slot         holds  -DSTORM=2 -DMOVES=0 -DBOOTS=1 -DLATE=1 -DROUNDS=1 -DSLOTS=1 -DCALM=14
association.one_timer        holds  -DSTORM=3 -DMOVES=0 -DBOOTS=0 -DLATE=1 -DROUNDS=1
association.fresh_answer     both_agree      -DSTORM=2 -DMOVES=0 -DBOOTS=0 -DLATE=1 -DROUNDS=1 -DBROKEN_FRESH_ANSWER
association.full_evicts      both_agree      -DSTORM=2 -DMOVES=0 -DBOOTS=1 -DLATE=1 -DROUNDS=1 -DSLOTS=1 -DCALM=14 -DBROKEN_FULL_EVICTS
association.known_life_evicts both_agree     -DSTORM=2 -DMOVES=0 -DBOOTS=1 -DLATE=1 -DROUNDS=1 -DSLOTS=1 -DCALM=14 -DLITERAL_KNOWN_LIFE_NEEDS_NO_NONCE
association.one_handshake    both_agree      -DSTORM=2 -DMOVES=0 -DBOOTS=0 -DLATE=0 -DBROKEN_ONE_HANDSHAKE
association.answered_before  both_agree      -DSTORM=3 -DMOVES=0 -DBOOTS=0 -DLATE=0 -DROUNDS=1 -DLITERAL_ALL_ANSWERED_BEFORE
association.other_lives      both_agree      -DSTORM=2 -DMOVES=1 -DBOOTS=1 -DLATE=1 -DROUNDS=1 -DLITERAL_ALL_OTHER_LIVES
association.one_pair         stays_joined    -DSTORM=4 -DMOVES=0 -DBOOTS=0 -DLATE=0 -DBROKEN_ONE_PAIR
association.no_previous      stays_joined    -DSTORM_ONLY -DCALM=0 -DSTORM=5 -DMOVES=0 -DBOOTS=0 -DBROKEN_NO_PREVIOUS
association.several_wait     stays_joined    -DSTORM_ONLY -DCALM=0 -DSTORM=5 -DMOVES=0 -DBOOTS=0 -DBROKEN_ANOTHER_WHILE_ONE_WAITS
association.withheld_message no_former_life  -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=0 -DBOOTS=1 -DBROKEN_FORMER_SLOTS_STAY
association.withheld_answer  no_former_life  -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=0 -DBOOTS=1 -DBROKEN_FORMER_ANSWER
association.hello_is_believed no_former_life -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=0 -DBOOTS=1 -DBROKEN_HELLO_TAKES_EFFECT
association.sessions_stay    one_life        -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=0 -DBOOTS=1 -DBROKEN_FORMER_SESSIONS_STAY
association.answers_elsewhere both_agree     -DSTORM=3 -DMOVES=0 -DBOOTS=0 -DLATE=1 -DROUNDS=1 -DBROKEN_ANSWERS_IN_NEWEST
association.no_order         no_older        -DSTORM_ONLY -DCALM=0 -DSTORM=4 -DMOVES=1 -DBOOTS=0 -DBROKEN_NO_ORDER
places.moves                 holds  -DMOVES_P=2
places.stranger              holds  -DMOVES_P=2 -DMOVES_T=1
places.stale_stranger        holds  -DMOVES_P=1 -DMOVES_T=1 -DSTART_T=1
places.liar                  holds  -DMOVES_P=1 -DMOVES_L=1
places.liar_there            holds  -DMOVES_P=1 -DMOVES_L=1 -DSTART_L=1
places.restart               holds  -DMOVES_P=1 -DMOVES_T=1 -DRESTARTS=1
places.liar_restart          holds  -DMOVES_P=0 -DMOVES_L=1 -DSTART_L=2 -DMOVES_T=1 -DRESTARTS=1
places.nat                   holds  -DMOVES_P=2 -DMOVES_T=1 -DNAT
places.listed                holds  -DMOVES_P=1 -DMOVES_T=1 -DLISTED -DRESTARTS=1
places.proof_after_leaving   next_owner_stays  -DMOVES_P=2 -DMOVES_T=1 -DBROKEN_PROOF_AFTER_LEAVING
places.held_for_ever         next_owner_stays  -DMOVES_P=2 -DMOVES_T=1 -DBROKEN_HELD_FOR_EVER
places.drains_for_ever       next_owner_stays  -DMOVES_P=2 -DMOVES_T=1 -DBROKEN_DRAINS_FOR_EVER
places.first_holder          next_owner_stays  -DMOVES_P=1 -DMOVES_L=1 -DBROKEN_FIRST_HOLDER_STAYS
places.last_answer           next_owner_stays  -DMOVES_P=1 -DMOVES_L=1 -DLITERAL_LAST_ANSWER
places.listed_unheard        next_owner_stays  -DMOVES_P=1 -DMOVES_T=1 -DLISTED -DRESTARTS=1 -DLITERAL_LISTED_UNHEARD
places.prefix                nobodys_stays     -DMOVES_P=1 -DMOVES_L=1 -DSTART_T=1 -DBROKEN_PREFIX
places.nat_owns              nobodys_stays     -DMOVES_P=2 -DMOVES_T=1 -DNAT -DBROKEN_NAT_OWNS
places.claim_is_believed     other_peers_stays -DMOVES_P=0 -DSTART_L=2 -DSTART_T=1 -DBROKEN_CLAIM_BELIEVED
places.takes_all             other_peers_stays -DMOVES_P=0 -DSTART_L=2 -DBROKEN_ENTRY_TAKES_ALL
places.no_conflict           one_wire          -DMOVES_P=1 -DMOVES_T=1 -DSTART_T=1 -DBROKEN_NO_CONFLICT
places.any_version           no_older          -DMOVES_P=2 -DBROKEN_ANY_VERSION
places.receipt_is_all        own_receipt       -DMOVES_P=1 -DMOVES_T=1 -DRESTARTS=1 -DBROKEN_RECEIPT_TAKES_ADDRESS
places.receipt_of_address    own_receipt       -DMOVES_P=0 -DMOVES_L=1 -DSTART_L=2 -DMOVES_T=1 -DRESTARTS=1 -DLITERAL_RECEIPT_PER_ADDRESS
places.no_receipt            own_receipt       -DMOVES_P=1 -DMOVES_L=1 -DSTART_L=2 -DSTART_T=1 -DRESTARTS=1 -DBROKEN_NO_RECEIPT
places.one_version           flows_where_p_is  -DMOVES_P=2 -DBROKEN_ONE_VERSION
places.no_drain              flows_where_p_is  -DMOVES_P=1 -DBROKEN_NO_DRAIN
places.stranger_stays        flows_where_p_is  -DMOVES_P=1 -DMOVES_T=1 -DSTART_T=1 -DBROKEN_STALE_STRANGER_STAYS
places.peers_flow_stays      flows_where_p_is  -DMOVES_P=1 -DMOVES_L=1 -DSTART_L=1 -DLITERAL_PEERS_FLOW_STAYS
END
}

[ "${1:-}" = list ] && { table | cut -d ' ' -f 1 | grep -vF .; exit 0; }

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
    # -w: pan.c is spin's, not ours, and full of warnings. NOREDUCE: one process, nothing to reduce.
    gcc -w "$optimise" -DSAFETY -DNOREDUCE -DMEMLIM="$memory" -o pan pan.c || return 1
    timeout -s INT "$seconds" ./pan -n -m5000 >verdict 2>&1
}

story() { # DEFINITIONS: the trail in words
    spin -k ./*.trail "$@" "$model" | sed -nE '
        s/^ *SACIP: /    /; T
        s/v3kind 0/HELLO/; s/v3kind 1/HELLO_ACK/; s/v3kind 2/NONCE/; s/v3kind 3/MESSAGE/
        s/kind 1 /HELLO /; s/kind 2 /HELLO_ACK /; s/kind 3 /BIND /; s/kind 4 /BIND_ACK /
        s/kind 5 /SOLICIT /; s/kind 6 /SOLICIT_ACK /
        s/kind 1$/HELLO/; s/kind 2$/HELLO_ACK/; s/kind 3$/BIND/; s/kind 4$/BIND_ACK/
        s/kind 5$/SOLICIT/; s/kind 6$/SOLICIT_ACK/
        p'
}

check() { # CASE EXPECTED DEFINITIONS
    local name=$1 expected=$2 found states mem model=$folder_of_models/sacip.pml
    shift 2
    [ "$name" = "${name%%.*}" ] || model=$folder_of_models/${name%%.*}.pml
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
'' | next)
    failed=0
    while read -r name expected definitions; do
        # shellcheck disable=SC2086 # several words
        check "$name" "$expected" $definitions || failed=1
    done < <(table | grep -E "${1:+^[a-z_]+\.}")
    exit $failed
    ;;
big)
    seconds=${MODEL_SECONDS:-36000} memory=${MODEL_MEMORY:-64000} failed=0
    check storm holds -DSTORM_ONLY -DCALM=0 -DSTORM=5 -DMOVES=2 -DBOOTS=2 -DLIES=1 || failed=1
    check reordered holds -DSTORM=3 -DMOVES=2 -DBOOTS=0 -DLIES=0 -DLATE=1 -DREORDERING_GOES_ON || failed=1
    check calm holds -DSTORM=5 -DMOVES=2 -DBOOTS=1 -DLIES=0 -DLATE=1 || failed=1
    check association.storm holds -DSTORM_ONLY -DCALM=0 -DSTORM=6 -DMOVES=1 -DBOOTS=2 || failed=1
    check association.calm holds -DSTORM=3 -DMOVES=1 -DBOOTS=1 -DLATE=2 || failed=1
    check association.reordered holds -DSTORM=3 -DMOVES=1 -DBOOTS=1 -DLATE=1 -DREORDERING_GOES_ON || failed=1
    check association.one_slot holds -DSTORM=3 -DCALM=16 -DMOVES=0 -DBOOTS=1 -DLATE=2 -DSLOTS=1 || failed=1
    check places.all holds -DMOVES_P=2 -DMOVES_L=2 -DMOVES_T=2 -DSTART_L=1 -DSTART_T=2 -DRESTARTS=1 || failed=1
    exit $failed
    ;;
-D*) check own holds "$@" ;;
*.) check "${1}own" holds "${@:2}" ;;
*)
    tell=true
    read -r name expected definitions < <(table | grep -E "^$1 ") ||
        { sed -n '4,10s/^# //p' "$folder_of_models/run.sh" >&2; exit 2; }
    # shellcheck disable=SC2086
    check "$name" "$expected" $definitions
    ;;
esac
