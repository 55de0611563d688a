// SPDX-License-Identifier: BSD-3-Clause
//
// The association of version 3: lives and sessions of two gateways, 0 and 1.
//
// The network is a log. Every message ever sent stays in it, and the network (or an attacker who
// recorded it, which is the same thing) may hand any of them to the receiver at any time, any
// number of times, or never: loss, repetition, reordering, delay and replay across restarts of
// either end, all in one rule and without a channel to bound.
//
// A life is one start of a gateway, a random number. That a later one has a larger number here is
// for the properties only: no gateway compares them. A session is named by its HELLO and by the
// HELLO_ACK to it, each by its place in its sender's log, so what was made for one fits no other.
// A HELLO's number, which rises within a life, is its place too.
//
// Sessions of a gateway, each by who began it, so that handshakes which cross do not meet:
//     its own     `next` until something came in it, then `own`; and the one before, `old`
//     the peer's  in a slot until its first message came, then `peer`; the one before, `peer_old`
// It sends by the one that was confirmed last.
//
// Two phases. Storm: moves, restarts, and the network as above. Calm, entered at any moment: what
// is sent arrives (once, in order unless REORDERING_GOES_ON), timers go off when nothing is under way, and recorded
// messages still come in between. After ROUNDS timers both ends must agree, having sent at most
// CALM messages each. See README.md for the properties and for what is abstracted.

#ifndef STORM
#define STORM 4    /* messages each end may send in the storm */
#endif
#ifndef CALM
#define CALM 12    /* and in the calm; more is an error */
#endif
#ifndef MOVES
#define MOVES 1    /* moves of both ends together, at most 2 */
#endif
#ifndef BOOTS
#define BOOTS 1    /* restarts of both ends together, at most 2 */
#endif
#ifndef LATE
#define LATE 1     /* recorded messages delivered during the calm */
#endif
#ifndef ROUNDS
#define ROUNDS 2   /* timers that go off before both ends must agree */
#endif
#ifndef SLOTS
#define SLOTS 2    /* sessions of the peer that wait for their first message; really 8 */
#endif

// The calm delivers in order unless told otherwise.
#ifdef REORDERING_GOES_ON
#define FIRST
#else
#define FIRST && (under_way[PEER(g)] & ((1 << i) - 1)) == 0
#endif

#define ALL (STORM + CALM)
#define AT(g, i) ((g) * ALL + (i))
#define SLOT(g, k) ((g) * SLOTS + (k))
#define PEER(g) (1 - (g))
#define HELLO 0
#define HELLO_ACK 1
#define NONCE 2     /* all slots are taken: say HELLO again, with this inside */
#define MESSAGE 3   /* in a session: where its sender is, and what it knows of the receiver */

// The log. `what`: kind, "asks for an answer", who began the session, the sender's version, and
// the receiver's version that it knows, + 1. `begun`: place + 1 of the session's HELLO, and the
// sender's life. `ack`: place + 1 of its HELLO_ACK; in NONCE and HELLO the nonce, 0: none.
byte what[2 * ALL], begun[2 * ALL], ack[2 * ALL];
byte sent[2];

#define KIND(m) (what[m] & 3)
#define ASKS(m) ((what[m] >> 2) & 1)
#define BEGINNER(m) ((what[m] >> 3) & 1)
#define VERSION(m) ((what[m] >> 4) & 3)
#define KNOWS(m) (what[m] >> 6)
#define BEGUN(m) (begun[m] & 31)
#define LIFE(m) (begun[m] >> 5)

// What a gateway knows. All but `ver`, which is the kernel's, is lost in a restart.
byte life[2] = {1, 1};
byte ver[2];                  // how often it has moved
bool acked[2];                // the peer has that
bool owes[2];                 // a message in the session
bool asked[2];                // for an acknowledgement of what it has to say now
byte outstanding[2];          // its HELLO that waits for an answer, place + 1
byte nonce[2];                // that it wants to see when all slots are taken, 0: none yet
byte next_hello[2], next_ack[2], own_hello[2], own_ack[2], old_hello[2], old_ack[2];
byte peer_hello[2], peer_ack[2], peer_old_hello[2], peer_old_ack[2];
bool next_new[2];             // nothing was sent in `next` since the last timer
bool next_tried[2];           // a timer has gone off while it waited
bit by_peers[2];              // it sends by `peer`, not by `own`
byte slot_hello[2 * SLOTS], slot_ack[2 * SLOTS], slot_life[2 * SLOTS];
byte peer_life[2];            // 0: none yet
byte superseded[2];           // lives of the peer, a bit each
byte highest[2];              // HELLO of the known life that became a session
int seen[2];                  // messages accepted, a bit each
byte applied[2];              // version of the peer's + 1

// Ghosts, for the properties only.
byte newest_life[2], newest_ver[2];
bool were_joined;             // both had a session in common, and nobody has restarted since

byte moves, boots, late, round;
bool calm, settled;
int under_way[2];             // calm: sent and not yet arrived, a bit each

#define OWN(g, h, a) ((next_hello[g] == (h) && next_ack[g] == (a)) || \
    (own_hello[g] == (h) && own_ack[g] == (a)) || (old_hello[g] == (h) && old_ack[g] == (a)))
#define THEIRS(g, h, a) ((peer_hello[g] == (h) && peer_ack[g] == (a)) || \
    (peer_old_hello[g] == (h) && peer_old_ack[g] == (a)))
// It has a session in which something came, ...
#define CONFIRMED(g) ((by_peers[g] -> peer_hello[g] : own_hello[g]) != 0)
// ... and what it sends in that is taken.
#define JOINED(g) (CONFIRMED(g) && (by_peers[g] -> OWN(PEER(g), peer_hello[g], peer_ack[g]) : \
    THEIRS(PEER(g), own_hello[g], own_ack[g])))
#define AGREES(g) (JOINED(g) && acked[g] && applied[PEER(g)] == ver[g] + 1)

// Puts a message into the log; in the storm a full log is one more way to lose it.
inline post(by, k, beginner, h, a, q)
{
    if
    :: !calm && sent[by] >= STORM
    :: else ->
        assert(sent[by] < ALL);  // few messages
        what[AT(by, sent[by])] =
            k | ((q) << 2) | ((beginner) << 3) | (ver[by] << 4) | (applied[by] << 6);
        begun[AT(by, sent[by])] = (h) | (life[by] << 5);
        ack[AT(by, sent[by])] = a;
        printf("SACIP: %d sends #%d v3kind %d life %d session %d/%d of %d ver %d knows %d\n",
               by, sent[by], k, life[by], h, a, beginner, ver[by], applied[by]);
        if
        :: calm -> under_way[by] = under_way[by] | (1 << sent[by])
        :: else
        fi;
        sent[by]++
    fi
}

inline send_hello(g, echo)
{
    if
    :: calm || sent[g] < STORM ->
        post(g, HELLO, g, sent[g] + 1, echo, 0);
        outstanding[g] = sent[g]
    :: else
    fi
}

inline send_message(g)
{
    owes[g] = false;
    if
    :: by_peers[g] && peer_hello[g] != 0 ->
        post(g, MESSAGE, PEER(g), peer_hello[g], peer_ack[g], !acked[g] && !asked[g]);
        asked[g] = true
    :: !by_peers[g] && own_hello[g] != 0 ->
        post(g, MESSAGE, g, own_hello[g], own_ack[g], !acked[g] && !asked[g]);
        asked[g] = true
    :: else
    fi;
    if  // Rule 5: a PROBE in it, and nothing else until something has come back.
    :: next_hello[g] != 0 && next_new[g] ->
        next_new[g] = false;
        post(g, MESSAGE, g, next_hello[g], next_ack[g], true)
    :: else
    fi
}

// Sessions that wait, if they were answered before place `since` of g's log. Rule 2: not those of
// life l, which may be the peer's newest; nor those answered later, which may be of a newer life.
inline forget_slots(g, l, since)
{
    for (k : 0 .. SLOTS - 1) {
        if
#if defined(LITERAL_ALL_ANSWERED_BEFORE)
        :: true ->
#elif defined(LITERAL_ALL_OTHER_LIVES)
        :: slot_life[SLOT(g, k)] != l ->
#else
        :: slot_life[SLOT(g, k)] != l && slot_ack[SLOT(g, k)] <= (since) ->
#endif
            slot_hello[SLOT(g, k)] = 0; slot_ack[SLOT(g, k)] = 0; slot_life[SLOT(g, k)] = 0
        :: else
        fi
    }
    k = 0
}

inline forget_sessions(g)
{
    next_hello[g] = 0; next_ack[g] = 0; next_new[g] = false; next_tried[g] = false;
    own_hello[g] = 0; own_ack[g] = 0; old_hello[g] = 0; old_ack[g] = 0;
    peer_hello[g] = 0; peer_ack[g] = 0; peer_old_hello[g] = 0; peer_old_ack[g] = 0;
    by_peers[g] = 0
}

// The peer of g lives life l: said by the first message in a session, or by a HELLO_ACK, and it
// lived it after place `since` of g's log.
inline lives(g, l, since)
{
    if
    :: peer_life[g] != l ->
        assert(l >= newest_life[g]);  // property 1: no former life comes back
        newest_life[g] = l;
        if
        :: peer_life[g] != 0 -> superseded[g] = superseded[g] | (1 << peer_life[g])
        :: else
        fi;
        peer_life[g] = l;
#ifndef BROKEN_FORMER_SESSIONS_STAY
        forget_sessions(g);
#endif
#ifndef BROKEN_FORMER_SLOTS_STAY
        forget_slots(g, l, since);
#endif
#ifndef BROKEN_FORMER_ANSWER
        outstanding[g] = 0;  // rule 1: a former life may have answered it
#endif
        highest[g] = 0;
        applied[g] = 0;
        acked[g] = false; asked[g] = false;
        owes[g] = true
    :: else
    fi
}

// A slot for HELLO i: k, or SLOTS if there is none for it.
inline find_slot(g, i)
{
    k = 0;
    do
    :: k < SLOTS && slot_hello[SLOT(g, k)] != 0 -> k++
    :: else -> break
    od;
    if
    :: k == SLOTS && (
#ifdef BROKEN_FULL_EVICTS
        true ||
#endif
#ifdef LITERAL_KNOWN_LIFE_NEEDS_NO_NONCE
        LIFE(m) == peer_life[g] ||
#endif
        (ack[m] != 0 && ack[m] == nonce[g])) ->  // rule 6: seen once, by whoever is alive now
        nonce[g] = 0;
        for (k : 0 .. SLOTS - 2) {  // the oldest goes
            slot_hello[SLOT(g, k)] = slot_hello[SLOT(g, k + 1)];
            slot_ack[SLOT(g, k)] = slot_ack[SLOT(g, k + 1)];
            slot_life[SLOT(g, k)] = slot_life[SLOT(g, k + 1)]
        }
        k = SLOTS - 1
    :: else
    fi
}

inline receive_hello(g, p, i)
{
    k = 0;
    do
    :: k < SLOTS && slot_hello[SLOT(g, k)] != i + 1 -> k++
    :: else -> break
    od;
    is_known = (k < SLOTS);
    if
#ifndef BROKEN_FRESH_ANSWER
    :: is_known ->  // the stored answer, byte for byte
        if
        :: calm -> under_way[g] = under_way[g] | (1 << (slot_ack[SLOT(g, k)] - 1))
        :: else
        fi
#endif
    :: superseded[g] & (1 << LIFE(m))
    :: else ->
        if
        :: LIFE(m) == peer_life[g] && i + 1 <= highest[g]  // a number of before
        :: !calm && sent[g] >= STORM
        :: else ->
            if
            :: !is_known -> find_slot(g, i)
            :: else
            fi;
            if
            :: k == SLOTS ->
                if
                :: nonce[g] == 0 -> nonce[g] = sent[g] + 1
                :: else
                fi;
                post(g, NONCE, p, i + 1, nonce[g], 0)
            :: else ->
                slot_hello[SLOT(g, k)] = i + 1;
                slot_life[SLOT(g, k)] = LIFE(m);
                slot_ack[SLOT(g, k)] = sent[g] + 1;
                post(g, HELLO_ACK, p, i + 1, sent[g] + 1, 0);
#ifdef BROKEN_ONE_HANDSHAKE
                outstanding[g] = 0;
#endif
#ifdef BROKEN_HELLO_TAKES_EFFECT
                lives(g, LIFE(m), sent[g])
#endif
            fi
        fi
    fi;
    k = 0; is_known = false
}

inline receive_hello_ack(g, i)
{
    if
    :: outstanding[g] != 0 && outstanding[g] == BEGUN(m) ->
        outstanding[g] = 0;
        if
#ifndef BROKEN_ANOTHER_WHILE_ONE_WAITS
#ifdef BROKEN_ONE_WAITS_FOR_EVER
        :: LIFE(m) == peer_life[g] && next_hello[g] != 0
#else  // rule 4: one at a time, until a timer has gone off
        :: LIFE(m) == peer_life[g] && next_hello[g] != 0 && !next_tried[g]
#endif
#endif
        :: else ->
#ifndef BROKEN_ANOTHER_WHILE_ONE_WAITS
            if  // it is received still
            :: LIFE(m) == peer_life[g] && next_hello[g] != 0 ->
                old_hello[g] = next_hello[g]; old_ack[g] = next_ack[g]
            :: else
            fi;
#endif
            lives(g, LIFE(m), ALL);
            next_tried[g] = false;
            next_hello[g] = BEGUN(m); next_ack[g] = i + 1; next_new[g] = true;
            owes[g] = true
        fi
    :: else
    fi
}

// The first message makes a session of one that waits.
inline confirm(g, p)
{
    k = 0;
    do
    :: k < SLOTS && !(slot_hello[SLOT(g, k)] == BEGUN(m) && slot_ack[SLOT(g, k)] == ack[m]) -> k++
    :: else -> break
    od;
    if
    :: BEGINNER(m) == p && !is_known && k < SLOTS ->
        slot_hello[SLOT(g, k)] = 0; slot_ack[SLOT(g, k)] = 0; slot_life[SLOT(g, k)] = 0;
        if
        :: LIFE(m) == peer_life[g] && BEGUN(m) <= highest[g]  // a newer one is there
        :: else ->
            lives(g, LIFE(m), ack[m]);
#ifndef BROKEN_NO_PREVIOUS
            peer_old_hello[g] = peer_hello[g]; peer_old_ack[g] = peer_ack[g];
#endif
            peer_hello[g] = BEGUN(m); peer_ack[g] = ack[m];
#ifdef BROKEN_ONE_PAIR
            if
            :: by_peers[g] -> own_hello[g] = 0; own_ack[g] = 0
            :: else -> peer_old_hello[g] = 0; peer_old_ack[g] = 0
            fi;
            old_hello[g] = 0; old_ack[g] = 0;
#endif
            by_peers[g] = 1;
            highest[g] = BEGUN(m);
            is_known = true
        fi
    :: BEGINNER(m) == g && is_known && next_hello[g] == BEGUN(m) && next_ack[g] == ack[m] ->
        old_hello[g] = own_hello[g]; old_ack[g] = own_ack[g];
        own_hello[g] = next_hello[g]; own_ack[g] = next_ack[g];
        next_hello[g] = 0; next_ack[g] = 0; next_tried[g] = false;
#ifdef BROKEN_ONE_PAIR
        if
        :: by_peers[g] -> old_hello[g] = 0; old_ack[g] = 0
        :: else -> peer_hello[g] = 0; peer_ack[g] = 0
        fi;
        peer_old_hello[g] = 0; peer_old_ack[g] = 0;
#endif
        by_peers[g] = 0
    :: else
    fi;
    k = 0
}

inline receive_message(g, p, i)
{
    is_known = (BEGINNER(m) == g -> OWN(g, BEGUN(m), ack[m]) : THEIRS(g, BEGUN(m), ack[m]));
    confirm(g, p);
    if
    :: is_known && !(seen[g] & (1 << i)) ->
        seen[g] = seen[g] | (1 << i);
        assert(LIFE(m) == peer_life[g]);  // property 2: a session is of one life
        if
#ifdef BROKEN_NO_ORDER
        :: true ->
#else
        :: VERSION(m) + 1 >= applied[g] ->
#endif
            assert(VERSION(m) >= newest_ver[g]);  // property 3: nothing stale over a newer one
            newest_ver[g] = VERSION(m);
            applied[g] = VERSION(m) + 1
        :: else
        fi;
        if
        :: KNOWS(m) == ver[g] + 1 -> acked[g] = true
        :: else
        fi;
        if  // rule 5: in the session in which it came
#ifdef BROKEN_ANSWERS_IN_NEWEST
        :: ASKS(m) && by_peers[g] -> post(g, MESSAGE, PEER(g), peer_hello[g], peer_ack[g], 0)
        :: ASKS(m) && !by_peers[g] -> post(g, MESSAGE, g, own_hello[g], own_ack[g], 0)
#else
        :: ASKS(m) -> post(g, MESSAGE, BEGINNER(m), BEGUN(m), ack[m], 0)
#endif
        :: else
        fi
    :: else
    fi;
    is_known = false
}

inline receive(g, p, i)
{
    m = AT(p, i);
    printf("SACIP: %d gets #%d v3kind %d\n", g, i, KIND(m));
    if
    :: KIND(m) == HELLO -> receive_hello(g, p, i)
    :: KIND(m) == HELLO_ACK -> receive_hello_ack(g, i)
    :: KIND(m) == NONCE && outstanding[g] == BEGUN(m) && outstanding[g] != 0 ->
        send_hello(g, ack[m])
    :: KIND(m) == MESSAGE -> receive_message(g, p, i)
    :: else
    fi;
    m = 0
}

// What a gateway forgets. Its address stays, because that is the kernel's.
inline restart(g)
{
    printf("SACIP: %d restarts\n", g);
    life[g]++;
    acked[g] = false; asked[g] = false; owes[g] = false;
    outstanding[g] = 0; nonce[g] = 0;
    forget_sessions(g);
    forget_slots(g, 0, ALL);
    peer_life[g] = 0; superseded[g] = 0; highest[g] = 0; seen[g] = 0; applied[g] = 0;
    were_joined = false
}

inline timer(g)
{
    if
    :: !acked[g] || !CONFIRMED(g) || next_hello[g] != 0 || applied[g] == 0 ->
        asked[g] = false;
        next_new[g] = (next_hello[g] != 0);
        next_tried[g] = next_new[g];
        send_message(g);
        send_hello(g, 0)   // unanswered: the peer may have restarted
    :: else
    fi
}

// The ends are equal: what happens first, happens to 0.
#define EARLIER(g) ((g) == 0 || boots > 0)
#define EARLIER_MOVE(g) ((g) == 0 || moves > 0 || BOOTS > 0)
#define QUIET (!under_way[0] && !under_way[1] && !owes[0] && !owes[1])

init
{
    byte g, i, k, m;
    bool is_known;
    do
    :: atomic { !settled ->
        if
        :: !calm ->
            select(g : 0 .. 1);
            if
            :: moves < MOVES && EARLIER_MOVE(g) ->
                printf("SACIP: %d moves\n", g);
                moves++; ver[g]++; acked[g] = false; asked[g] = false; owes[g] = CONFIRMED(g)
            :: boots < BOOTS && EARLIER(g) -> boots++; restart(g)
            :: sent[g] < STORM -> send_hello(g, 0)
            :: owes[g] && sent[g] < STORM -> send_message(g)
            :: sent[PEER(g)] > 0 ->
                select(i : 0 .. sent[PEER(g)] - 1);
                receive(g, PEER(g), i)
            :: else
            fi
#ifndef STORM_ONLY
        :: !calm -> printf("SACIP: calm\n"); calm = true; moves = 0; boots = 0
        :: calm && !QUIET ->
            select(g : 0 .. 1);
            if
            :: owes[g] -> send_message(g)
            :: under_way[PEER(g)] != 0 ->
                select(i : 0 .. sent[PEER(g)] - 1);
                if
                :: (under_way[PEER(g)] & (1 << i)) FIRST ->
                    under_way[PEER(g)] = under_way[PEER(g)] & ~(1 << i);
                    receive(g, PEER(g), i)
                :: else
                fi
            :: late < LATE && sent[PEER(g)] > 0 ->
                late++;
                select(i : 0 .. sent[PEER(g)] - 1);
                receive(g, PEER(g), i)
            :: else
            fi
        :: calm && QUIET && round < ROUNDS ->
            printf("SACIP: timers\n");
            round++;
            timer(0);
            timer(1)
        :: calm && QUIET && round == ROUNDS ->
            assert(AGREES(0) && AGREES(1));  // property 4: both ends agree
            settled = true
#endif
        fi;
        // Property 5: who is joined stays so, whatever is replayed.
        if
        :: JOINED(0) && JOINED(1) -> were_joined = true
        :: else -> assert(!were_joined)
        fi;
        i = 0; g = 0
        }
    :: settled -> break
    od
}
