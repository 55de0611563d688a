// SPDX-License-Identifier: BSD-3-Clause
//
// The secure notification of SACIP between two gateways, 0 and 1.
//
// The network is a log. Every message ever sent stays in it, and the network (or an attacker who
// recorded it, which is the same thing) may hand any of them to the receiver at any time, any
// number of times, or never. That is loss, repetition, reordering, unbounded delay and replay
// across reboots of either end, all in one rule and without a channel to bound.
//
// (epoch, sequence) of a sender grows from message to message, reboots included, so the position
// in the sender's log stands for it: position i is larger than position j exactly if its
// (epoch, sequence) is. The epoch is kept beside it because a larger epoch has a rule of its own.
// A challenge is named by the position of the message that first carried it, hence never twice.
//
// An address is named by how often its gateway has moved (`ver`), so "newer" is "larger".
//
// Two phases. Storm: moves, reboots, lies, and the network as above. Calm, entered at any moment:
// no more of it, what is sent arrives (once, in any order), timers go off when nothing is under
// way, and late or replayed messages still come in between. After `ROUNDS` timers both ends must
// agree, having sent at most `CALM` messages each. See README.md for the why.

#ifndef STORM
#define STORM 5    /* messages each end may send in the storm */
#endif
#ifndef CALM
#define CALM 10    /* and in the calm; more is an error */
#endif
#ifndef MOVES
#define MOVES 2    /* moves of both ends together */
#endif
#ifndef BOOTS
#define BOOTS 1    /* reboots of both ends together */
#endif
#ifndef LIES
#define LIES 1     /* forged messages, and unauthorised ones of a true peer */
#endif
#ifndef LATE
#define LATE 1     /* recorded messages delivered during the calm */
#endif
#ifndef ROUNDS
#define ROUNDS 2   /* timers that go off before both ends must agree */
#endif

// The calm delivers in order unless told otherwise.
#ifdef REORDERING_GOES_ON
#define FIRST
#else
#define FIRST && (under_way[PEER(g)] & ((1 << i) - 1)) == 0
#endif

#define ALL (STORM + CALM)
#define AT(g, i) ((g) * ALL + (i))
#define NONE 0
#define HELLO 1
#define HELLO_ACK 2
#define BIND 3
#define BIND_ACK 4
#define SOLICIT 5
#define SOLICIT_ACK 6
#define APPLIED 1
#define STALE 2
#define VALIDATE 3
#define REFUSED 4
#define EVIL 15    /* a binding that its sender may not speak for */
#define FORGED 14  /* one that could be its sender's, but is not from it */

// The log. Per kind: arg is the version (BIND), the position + 1 of the BIND meant (BIND_ACK);
// info is "the original is named" (BIND, SOLICIT_ACK), the status (BIND_ACK).
byte kind[2 * ALL], epoch_of[2 * ALL], arg[2 * ALL], info[2 * ALL], challenge[2 * ALL];
byte echo[2 * ALL];
byte sent[2] = {1, 1};  // position 0 is what the association was made with

// What a gateway knows of itself. All but epoch, ver are lost in a reboot; ver is the kernel's.
byte epoch[2] = {1, 1};
byte ver[2];
bool names[2] = {1, 1};     // it still knows which original its moved flows were set up with
bool acked[2] = {1, 1};     // the peer has the binding as it is now
bool owes[2];               // a BIND with a sequence of its own is to be sent
byte bind_at[2];            // position + 1 of the newest BIND, 0: none with the present contents
byte to_echo[2];            // the challenge of the peer that the next BIND repeats

// What a gateway knows of its peer.
byte floor_epoch[2] = {1, 1};
byte floor_at[2] = {1, 1};  // positions below it are old
int seen[2];                // positions above the floor that have been accepted, a bit each
byte asked[2];              // the challenge it wants to see again, 0: none
byte applied[2];             // the version of the peer's binding that is applied
bool holds[2] = {1, 1};     // it still has the entry of the peer's original
byte last_bind[2];          // position + 1 of the BIND applied last

#ifdef VALIDATION
byte validated[2];          // the newest version of the peer's that has proved its path
byte asked_at[2];           // the version of the peer's that the challenge was sent to
#endif

// Ghosts, for the properties only.
byte newest[2];             // the newest version ever applied, reboots or not
byte asked_mark[2];         // how much the peer had sent when the challenge was made
bool gone[2];               // gateway's original was lost by reboots of both ends

byte moves, boots, lies, late, round;
bool calm, settled;
int under_way[2];           // calm: positions sent and not yet arrived, a bit each

#define PEER(g) (1 - (g))

// Without a rendezvous only an address that the sender knows reaches the peer; answers go to
// where the question came from. OVERLAP: the address before the present one still works.
#ifdef NO_RENDEZVOUS
#ifdef OVERLAP
#define KNOWS(g) (applied[g] == ver[PEER(g)] || applied[g] + 1 == ver[PEER(g)])
#else
#define KNOWS(g) (applied[g] == ver[PEER(g)])
#endif
#define REACHES(g) (KNOWS(g) || KNOWS(PEER(g)))
#else
#define REACHES(g) true
#endif

// Puts a message into the log; in the storm a full log is one more way to lose it.
inline post(g, k, a, s, c, x)
{
    if
    :: !calm && sent[g] >= STORM
    :: else ->
        assert(sent[g] < ALL);  // convergence: within so many messages
        kind[AT(g, sent[g])] = k;
        epoch_of[AT(g, sent[g])] = epoch[g];
        arg[AT(g, sent[g])] = a;
        info[AT(g, sent[g])] = s;
        challenge[AT(g, sent[g])] = c;
        echo[AT(g, sent[g])] = x;
        printf("SACIP: %d sends #%d kind %d epoch %d arg %d info %d challenge %d echo %d\n",
               g, sent[g], k, epoch[g], a, s, c, x);
        if
        :: calm && REACHES(g) -> under_way[g] = under_way[g] | (1 << sent[g])
        :: else
        fi;
        sent[g]++
    fi
}

// A challenge stays the same until it is answered, or else replays could keep changing it.
inline ask(g)
{
    if
    :: asked[g] == 0 && (calm || sent[g] < STORM) ->
#ifdef BROKEN_PREDICTABLE_CHALLENGE
        asked[g] = 1;
#else
        asked[g] = sent[g] + 1;
#endif
        asked_mark[g] = sent[PEER(g)]
    :: else
    fi
}

// A BIND of version v is answered: applied for good if the path is proven, else with a challenge,
// and a path that was asked at another address has proved nothing of this one.
inline answer(g, i, v)
{
#ifdef VALIDATION
    if
    :: validated[g] == v -> post(g, BIND_ACK, i + 1, APPLIED, 0, 0)
    :: else ->
        if
        :: asked_at[g] != v -> asked[g] = 0; asked_at[g] = v
        :: else
        fi;
        ask(g);
#ifdef LITERAL_APPLIED_BEFORE_PROVEN
        post(g, BIND_ACK, i + 1, APPLIED, asked[g], 0)
#else
        post(g, BIND_ACK, i + 1, VALIDATE, asked[g], 0)
#endif
    fi
#else
    post(g, BIND_ACK, i + 1, APPLIED, 0, 0)
#endif
}

inline send_bind(g)
{
    owes[g] = false;
    if
    :: calm || sent[g] < STORM ->
        post(g, BIND, ver[g], names[g], 0, to_echo[g]);
        bind_at[g] = sent[g]
    :: else
    fi
}

inline send_hello(g)
{
    ask(g);
    post(g, HELLO, 0, 0, asked[g], 0)
}

inline changed(g)  // what it has to say is new
{
    acked[g] = false;
    bind_at[g] = 0;
    owes[g] = true
}

// The BIND at position i of p has passed all checks of g but authorisation.
inline apply(g, p, i, v, named)
{
    if
#ifndef BROKEN_AUTHORISATION
    :: v == EVIL -> post(g, BIND_ACK, i + 1, REFUSED, 0, 0)
#endif
    :: else ->
        assert(v < FORGED);      // property 2: nothing unauthorised or forged
        assert(v >= newest[g]);  // property 1: nothing stale over something newer
        newest[g] = v;
        applied[g] = v;
        last_bind[g] = i + 1;
        if
        :: named -> holds[g] = true
        :: else ->
#ifdef LITERAL_UNNAMED_IS_REMOVED
            holds[g] = false;
#endif
            assert(holds[g] || names[p] || gone[p])  // property 5: never forgotten by both
        fi;
#ifdef VALIDATION
        if
        :: is_proven && asked_at[g] == v -> validated[g] = v; asked[g] = 0
        :: else
        fi;
#endif
        answer(g, i, v)
    fi
}

// Gateway g gets what p sent at position i.
inline receive(g, p, i)
{
    m = AT(p, i);
    printf("SACIP: %d gets #%d kind %d\n", g, i, kind[m]);
    is_larger = (epoch_of[m] > floor_epoch[g]);
    is_old = (epoch_of[m] < floor_epoch[g] ||
              (epoch_of[m] == floor_epoch[g] && i < floor_at[g]) ||
              (seen[g] & (1 << i)) || (kind[m] == BIND && i < last_bind[g]));
    is_proven = (echo[m] != 0 && echo[m] == asked[g]);
#ifdef BROKEN_NO_CHALLENGE
    is_proven = true;
#endif
#ifdef BROKEN_NO_SEQUENCE
    is_old = (epoch_of[m] < floor_epoch[g]);
#endif
    if
    :: is_old ->
        if
        :: kind[m] == BIND && i + 1 == last_bind[g] ->
#ifdef LITERAL_DUPLICATE_IS_STALE
            post(g, BIND_ACK, i + 1, STALE, 0, 0)
#else
            answer(g, i, arg[m])
#endif
        :: kind[m] == BIND && i + 1 != last_bind[g] -> post(g, BIND_ACK, i + 1, STALE, 0, 0)
        :: else
        fi
    :: !is_old && is_larger && !is_proven ->
        if
        :: kind[m] == HELLO ->
            ask(g);
            post(g, HELLO_ACK, 0, 0, asked[g], challenge[m])
#ifndef LITERAL_UNPROVEN_IS_DROPPED
        :: kind[m] == BIND ->
            ask(g);
            post(g, BIND_ACK, i + 1, VALIDATE, asked[g], 0)
#endif
        :: else
        fi
    :: else ->
        if
        :: is_larger ->
#ifndef IGNORE_REPLAYED_REBOOT
            assert(i >= asked_mark[g]);  // property 3: sent after the challenge was made
#endif
            floor_epoch[g] = epoch_of[m];
            floor_at[g] = i + 1;
            seen[g] = 0;
            last_bind[g] = 0;
#ifndef LITERAL_NEW_EPOCH_IS_NOT_TOLD
            changed(g)
#endif
        :: else
        fi;
#ifdef LITERAL_ONE_FLOOR
        floor_at[g] = i + 1;
#else
        seen[g] = seen[g] | (1 << i);
#endif
        if
#ifndef VALIDATION
        :: is_proven -> asked[g] = 0; asked_mark[g] = 0
#endif
        :: else
        fi;
        if
        :: kind[m] == HELLO -> post(g, HELLO_ACK, 0, 0, 0, challenge[m])
        :: kind[m] == HELLO_ACK && challenge[m] != 0 && challenge[m] != to_echo[g] ->
            to_echo[g] = challenge[m];
            changed(g)
        :: kind[m] == HELLO_ACK && (challenge[m] == 0 || challenge[m] == to_echo[g])
        :: kind[m] == BIND -> apply(g, p, i, arg[m], info[m])
        :: kind[m] == BIND_ACK && arg[m] == bind_at[g] ->
            if
            :: info[m] == APPLIED && challenge[m] == 0 ->
                acked[g] = true;
                to_echo[g] = 0;
                owes[g] = false
            :: info[m] == APPLIED && challenge[m] != 0 ->
                acked[g] = true;
                to_echo[g] = challenge[m];
                owes[g] = true
            :: info[m] == STALE ->
#ifdef LITERAL_STALE_IS_DONE
                acked[g] = true; owes[g] = false
#else
                if
#ifndef LITERAL_STALE_IS_REPEATED
                :: !acked[g] -> owes[g] = true
#endif
                :: else
                fi
#endif
            :: info[m] == VALIDATE -> to_echo[g] = challenge[m]; acked[g] = false; owes[g] = true
            :: info[m] == REFUSED
            fi
        :: kind[m] == BIND_ACK && arg[m] != bind_at[g]
        :: kind[m] == SOLICIT ->
            if
            :: acked[g] -> changed(g)
            :: else  // the timer does it
            fi;
            post(g, SOLICIT_ACK, 0, holds[g], 0, 0)
        :: kind[m] == SOLICIT_ACK ->
            if
            :: info[m] && !names[g] -> names[g] = true; changed(g)
            :: else
            fi
        :: kind[m] == NONE
        fi
    fi;
    m = 0; is_larger = 0; is_old = 0; is_proven = 0
}

// What a gateway forgets. Its address stays, because that is the kernel's.
inline reboot(g)
{
    printf("SACIP: %d reboots\n", g);
#ifdef LITERAL_EPOCH_IS_LOST
    epoch[g] = 0;
#else
    epoch[g]++;
#endif
    if
    :: ver[g] > 0 ->
        if
        :: !holds[PEER(g)] -> gone[g] = true
        :: else
        fi;
        names[g] = false
    :: else
    fi;
    if
    :: ver[PEER(g)] > 0 && !names[PEER(g)] -> gone[PEER(g)] = true
    :: else
    fi;
    holds[g] = (ver[PEER(g)] == 0);
    changed(g);
    to_echo[g] = 0;
    floor_epoch[g] = 0;
    floor_at[g] = 0;
    seen[g] = 0;
    asked[g] = 0;
    asked_mark[g] = 0;
    applied[g] = 0;
    last_bind[g] = 0
}

// The tag of a forged message is wrong, whatever else it says: here, all that could help it.
inline receive_forged(g)
{
#ifdef BROKEN_NO_TAG
    apply(g, PEER(g), sent[PEER(g)], FORGED, true)
#else
    skip
#endif
}

inline timer(g)
{
    if
    :: floor_epoch[g] == 0 -> send_hello(g)
    :: else
    fi;
    if
    :: !acked[g] ->
#ifdef RETRY_SAME_SEQUENCE
        if
        :: bind_at[g] != 0 && REACHES(g) ->
            under_way[g] = under_way[g] | (1 << (bind_at[g] - 1))
        :: bind_at[g] != 0 && !REACHES(g)
        :: else -> send_bind(g)
        fi
#else
        send_bind(g)
#endif
    :: else
    fi;
#ifndef NO_SOLICIT
    // Data comes from an address that is not known, or of a flow that is not known. (To ask for
    // what no end knows any more would only cost messages.)
    if
    :: (applied[g] != ver[PEER(g)] || (!names[g] && !gone[g])) -> post(g, SOLICIT, 0, 0, 0, 0)
    :: else
    fi
#endif
}

#define AGREES(g) (acked[g] && applied[PEER(g)] == ver[g] && (names[g] || gone[g]))

init
{
    byte g, i, m;
    bool is_larger, is_old, is_proven;
    do
    :: atomic { !settled ->
        if
        // The storm.
        :: !calm ->
            select(g : 0 .. 1);
            if
            :: moves < MOVES ->
                printf("SACIP: %d moves\n", g);
                moves++;
                ver[g]++;
                changed(g)
            :: boots < BOOTS -> boots++; reboot(g)
            :: floor_epoch[g] == 0 && asked[g] == 0 && sent[g] < STORM -> send_hello(g)
            :: owes[g] && sent[g] < STORM -> send_bind(g)
            :: (applied[g] != ver[PEER(g)] || !names[g]) && sent[g] < STORM &&
                kind[AT(g, sent[g] - 1)] != SOLICIT -> post(g, SOLICIT, 0, 0, 0, 0)
            :: lies < LIES -> lies++; receive_forged(g)
            :: lies < LIES && sent[g] < STORM -> lies++; post(g, BIND, EVIL, true, 0, to_echo[g])
            :: select(i : 1 .. sent[PEER(g)] - 1)
            fi
#ifndef STORM_ONLY
        :: !calm ->
            printf("SACIP: calm\n");
#ifdef CHALLENGES_EXPIRE
            asked[0] = 0;
            asked[1] = 0;
#endif
#ifdef VALIDATION
            applied[0] = validated[0];  // not proven in time
            applied[1] = validated[1];
#endif
            calm = true;
            lies = 0;
            moves = 0;
            boots = 0
        // The calm: what is under way arrives, what was recorded may, timers go off.
        :: calm && (under_way[0] || under_way[1] || owes[0] || owes[1]) ->
            select(g : 0 .. 1);
            if
            :: owes[g] -> send_bind(g)
            :: under_way[PEER(g)] != 0 ->
                select(i : 1 .. sent[PEER(g)] - 1);
                if
                :: (under_way[PEER(g)] & (1 << i)) FIRST ->
                    under_way[PEER(g)] = under_way[PEER(g)] & ~(1 << i)
                :: else -> i = 0
                fi
            :: else
            fi
        :: calm && late < LATE ->
            late++;
            select(g : 0 .. 1);
            select(i : 1 .. sent[PEER(g)] - 1)
        :: calm && !under_way[0] && !under_way[1] && !owes[0] && !owes[1] ->
            if
            :: round < ROUNDS ->
                printf("SACIP: timers\n");
                round++;
                for (g : 0 .. 1) {
                    timer(g)
                };
                g = 0
            :: else ->
                assert(AGREES(0) && AGREES(1));  // property 4: both ends agree
                settled = true
            fi
#endif
        fi;
        if
        :: 0 < i && i < sent[PEER(g)] -> receive(g, PEER(g), i)
        :: else
        fi;
        g = 0;
        i = 0 }
    :: settled -> break
    od
}
