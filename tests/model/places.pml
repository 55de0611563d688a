// SPDX-License-Identifier: BSD-3-Clause
//
// Places and flows of version 3, as one gateway, "we", judges them.
//
// There are a few addresses and three others: P, a true peer, which moves and whose flows begin
// at several addresses; L, an authenticated peer which says what it likes; T, a third party that
// knows nothing of SACIP. Where each of them truly is, `at`, we do not see; we see packets, answers
// to PROBEs, and what peers say. Sessions, lives and replays are association.pml's: here what P
// says arrives sealed, but in any order, any number of times, or never.
//
// An entry of P's BIND {original, version}: flows that began at `original` are now where P was at
// that version. Flows: 0 and 1 are P's, 2 is T's, 3 is L's; a flow's wire 5-tuple is (where it is
// now, port), what our host knows is (where it began, port), and no two flows share the latter.
//
// Time is in one rule, which the protocol assumes of address assignment: whoever comes to an
// address where a peer was comes after what holds there by time is over (heard for 10 s, an answer
// for 1 s), or after the peer has said that it left and the drain is over, except that a peer may
// come at once, if its first flow there begins after its proof. See README.md for the properties.

#ifndef MOVES_P
#define MOVES_P 2    /* moves of each */
#endif
#ifndef MOVES_L
#define MOVES_L 0
#endif
#ifndef MOVES_T
#define MOVES_T 0
#endif
#ifndef START_L
#define START_L NOWHERE
#endif
#ifndef START_T
#define START_T NOWHERE
#endif
#ifndef RESTARTS
#define RESTARTS 0   /* of ours */
#endif

#define N 3          /* addresses; with NAT the last one is shared, without LISTED none is P's */
#define NOWHERE N
#define FLOWS 4
#define P 1
#define L 2
#define T 3
#define OWNER(f) ((f) < 2 -> P : ((f) == 2 -> T : L))
#define NAME(q) ((q) == P -> 80 : ((q) == L -> 76 : 84))
#ifdef NAT
#define SHARED(a) ((a) == N - 1)
#else
#define SHARED(a) false
#endif
#ifdef LISTED
#define IS_LISTED(a) ((a) == 0)
#else
#define IS_LISTED(a) false
#endif

// The truth.
#define FREE 0
#define TAKEN 1
#define TAKEN_SOON 2   /* by a peer, and what the last one held is not over */
#define LEFT 3         /* by a peer, and that is not over */
#define LEFT_SAID 4    /* the same, and P's entry that says so has been applied */
byte at[4] = {NOWHERE, 0, START_L, START_T};
byte land[N];
byte version = 1;      // of P: one more with each move
byte place_at[MOVES_P + 2];
byte since[N];         // version since which P has an entry for it, 0: it was never there
byte moved[4];

#define UNBEGUN 0
#define UNDER_WAY 1    /* its first packet is */
#define BEGUN 2        /* and we know nothing of it, since we restarted */
#define KNOWN 3
#define ENDED 4
byte state[FLOWS];
byte born[FLOWS], port[FLOWS];
bool is_next[FLOWS];   // it began where P was before
bool is_due[FLOWS];    // P held the place when it began

// What we know.
#define NOBODY 0
#define NONE 0
#define HELD 1
#define DRAINING 2     /* left, and packets from there are still accepted */
byte holder[N], phase[N];       // the record of a place
byte answer[3 * N];             // to a PROBE, under way: 1, or 2 if another's PROBE began later
byte known_version[N];          // of P's entry that was applied, one for each original
byte owner[FLOWS], now[FLOWS];  // a flow that is NOWHERE is parked
byte receipt[FLOWS];            // whom we gave one; the peers keep it, we do not
byte least = 1;                 // P's version when we started: nothing older is under way
byte restarts;

byte newest[N];                 // ghost: of P's entries that were applied
bool settled;

#define ANSWER(q, a) answer[(q) * N + (a)]
#define HOLDS(q, a) (holder[a] == (q) && phase[a] == HELD)
#define TAKES(q, a) (holder[a] == (q) && phase[a] != NONE)

// Judged flow by flow: what has the wire 5-tuple that f gets at a.
inline conflict(f, a)
{
    for (c : 0 .. FLOWS - 1) {
        if
#ifndef BROKEN_NO_CONFLICT
        :: c != f && state[c] == KNOWN && now[c] == a && port[c] == port[f] ->
            if
            :: owner[c] == NOBODY ->
#ifdef BROKEN_STALE_STRANGER_STAYS
                state[f] = ENDED
#else
                assert(at[OWNER(c)] != a);  // nobody's live flow ends
                state[c] = ENDED
#endif
            :: else ->
#ifdef LITERAL_PEERS_FLOW_STAYS
                state[f] = ENDED
#else
                now[c] = NOWHERE  // rule 10: its owner is not there any more, and will say where
#endif
            fi
#endif
        :: else
        fi
    }
    c = 0
}

inline move(f, q, a)
{
    printf("SACIP:     we move flow %d, which began at %d, to %d for %c\n", f, born[f], a, NAME(q));
    assert(!is_next[f] || OWNER(f) == q);    // the next owner of a left address is not moved
    assert(OWNER(f) != 2 + 1);               // a flow of nobody stays where it began
    assert(OWNER(f) == q || OWNER(f) == T);  // nor does a binding touch another peer's
    conflict(f, a);
    now[f] = a
}

// Rule 11: a flow that became P's after the entry was applied follows it.
inline follow(f)
{
    if
    :: state[f] == KNOWN && owner[f] == P && known_version[born[f]] != 0 ->
        y = place_at[known_version[born[f]]];
        if
        :: y != now[f] && TAKES(P, y) -> move(f, P, y)
        :: else
        fi;
        y = 0
    :: else
    fi
}

// A packet of f has come from a, where it began.
inline adopt(f, a)
{
    if
    :: owner[f] == NOBODY && TAKES(P, a) -> owner[f] = P
    :: owner[f] == NOBODY && TAKES(L, a) -> owner[f] = L
    :: else
    fi;
    if
    :: owner[f] != NOBODY && receipt[f] != owner[f] ->
        printf("SACIP:     flow %d at %d is %c's\n", f, a, NAME(owner[f]));
        receipt[f] = owner[f]
    :: else
    fi;
    follow(f)
}

#define IS_WIRE(c, f, a) \
    ((c) != (f) && state[c] == KNOWN && now[c] == (a) && port[c] == port[f])
#define IS_WIRE_TAKEN(f, a) (IS_WIRE(0, f, a) || IS_WIRE(1, f, a) || IS_WIRE(2, f, a) || IS_WIRE(3, f, a))

// The first packet that we see of f, from where it began.
inline appear(f)
{
    if
    :: IS_WIRE_TAKEN(f, born[f])  // it passes for the other's
    :: else ->
        state[f] = KNOWN;
        owner[f] = NOBODY;
        now[f] = born[f];
        adopt(f, born[f])
    fi
}

#define HAS_RECEIPT_THERE(c, q, a) (state[c] != UNBEGUN && receipt[c] == (q) && born[c] == (a))
#if defined(BROKEN_NO_RECEIPT)
#define MAY_BRING(f, q) (state[f] == BEGUN)
#elif defined(LITERAL_RECEIPT_PER_ADDRESS)
#define MAY_BRING(f, q) (state[f] == BEGUN && ( \
    HAS_RECEIPT_THERE(0, q, born[f]) || HAS_RECEIPT_THERE(1, q, born[f]) || \
    HAS_RECEIPT_THERE(2, q, born[f]) || HAS_RECEIPT_THERE(3, q, born[f])))
#else  // rule 8: a receipt is for a flow
#define MAY_BRING(f, q) (receipt[f] == (q) && (state[f] == BEGUN || owner[f] == NOBODY))
#endif

// q shows the receipt for a flow that comes from a, where q is.
inline bring(f, q, a)
{
    if
    :: (state[f] == BEGUN || state[f] == KNOWN) && HOLDS(q, a) && MAY_BRING(f, q) ->
        printf("SACIP:     %c's receipt brings flow %d back to %d\n", NAME(q), f, a);
        assert(q == OWNER(f));  // a receipt brings back only what was its own
        state[f] = KNOWN;
        owner[f] = q;
        conflict(f, a);
        now[f] = a;
        if
        :: q == P -> follow(f)
        :: else
        fi
    :: else
    fi
}

// The owner of f sends a packet of it, from where it is.
inline packet(f)
{
    if
    :: (state[f] == KNOWN || state[f] == BEGUN) && at[OWNER(f)] == born[f] ->
        if
        :: state[f] == BEGUN -> appear(f)
        :: state[f] == KNOWN && now[f] == born[f] -> adopt(f, born[f])
        :: else
        fi
    :: (state[f] == KNOWN || state[f] == BEGUN) && at[OWNER(f)] != born[f] &&
        OWNER(f) == P -> bring(f, P, at[P])  // SOLICIT, and its answer
    :: else
    fi
}

// A PROBE to where q is; its answer is under way.
inline probe(q)
{
    printf("SACIP: a PROBE to %d, answered by %c\n", at[q], NAME(q));
    if
    :: ANSWER(3 - q, at[q]) != 0 -> ANSWER(3 - q, at[q]) = 2
    :: else
    fi;
    ANSWER(q, at[q]) = 1
}

inline hold(q, a)
{
    if
#ifdef BROKEN_FIRST_HOLDER_STAYS
    :: holder[a] == 3 - q && phase[a] == HELD
#endif
#ifndef BROKEN_NAT_OWNS
    :: SHARED(a)
#endif
    :: else ->
        holder[a] = q;
        phase[a] = HELD
    fi
}

inline proved(q, a)
{
    printf("SACIP: the answer of %c from %d\n", NAME(q), a);
    if
    :: ANSWER(q, a) == 1 ->
#ifndef LITERAL_LAST_ANSWER
        ANSWER(3 - q, a) = (ANSWER(3 - q, a) == 2 -> 0 : ANSWER(3 - q, a));  // rule 7
#endif
    :: else
    fi;
    ANSWER(q, a) = 0;
    hold(q, a);
#ifdef BROKEN_PREFIX
    y = 1 - a;
    if
    :: a < 2 -> hold(q, y)
    :: else
    fi;
    y = 0;
#endif
    if
    :: land[a] == TAKEN_SOON && at[q] == a -> land[a] = TAKEN
    :: else
    fi
}

// q says that it is not at a any more.
inline leave(q, a)
{
    if
    :: holder[a] == q && phase[a] == HELD ->
#ifdef BROKEN_NO_DRAIN
        phase[a] = NONE; holder[a] = NOBODY
#else
        phase[a] = DRAINING
#endif
    :: else
    fi;
#ifndef BROKEN_PROOF_AFTER_LEAVING
    ANSWER(q, a) = 0
#endif
}

// One entry of P's BIND.
inline entry(o, v)
{
    y = place_at[v];
    printf("SACIP: P's entry: what began at %d is at %d, version %d\n", o, y, v);
    if
#if defined(BROKEN_ANY_VERSION)
    :: false
#elif defined(BROKEN_ONE_VERSION)
    :: v <= known_version[0] || v <= known_version[1] || v <= known_version[2]
#else
    :: v <= known_version[o]
#endif
    :: else ->
        if
        :: IS_LISTED(y) && y == o && !HOLDS(P, y) -> hold(P, y)
        :: else
        fi;
        if
        :: HOLDS(P, y) ->
            assert(v >= newest[o]);  // nothing older over something newer
            newest[o] = v;
            known_version[o] = v;
            if
            :: y != o ->
                leave(P, o);
                land[o] = (land[o] == LEFT && v == version -> LEFT_SAID : land[o])
            :: else
            fi;
            for (f : 0 .. FLOWS - 1) {
                if
                :: state[f] == KNOWN && born[f] == o && owner[f] == P && now[f] != y ->
                    move(f, P, y)
#ifdef BROKEN_RECEIPT_TAKES_ADDRESS
                :: state[f] == KNOWN && born[f] == o && owner[f] == NOBODY && restarts > 0 &&
                    (HAS_RECEIPT_THERE(0, P, o) || HAS_RECEIPT_THERE(1, P, o)) ->
                    assert(P == OWNER(f));  // a receipt brings back only what was its own
                    owner[f] = P;
                    move(f, P, y)
#endif
                :: else
                fi
            }
            f = 0
        :: else  // unproved: it is said again
        fi
    fi;
    y = 0
}

// L says what it likes: what began at o is at y.
inline lie(o, y)
{
    printf("SACIP: L says: what began at %d is at %d\n", o, y);
#ifdef BROKEN_CLAIM_BELIEVED
    hold(L, y);
#endif
    if
    :: HOLDS(L, y) ->
        if
        :: o != y -> leave(L, o)
        :: else
        fi;
        for (f : 0 .. FLOWS - 1) {
            if
            :: state[f] == KNOWN && born[f] == o && now[f] != y &&
#ifdef BROKEN_ENTRY_TAKES_ALL
                true ->
#else
                owner[f] == L ->
#endif
                move(f, L, y)
            :: else -> bring(f, L, y)
            fi
        }
        f = 0
    :: else
    fi
}

// What holds at a by time is over.
inline is_over(a)
{
    for (f : 0 .. FLOWS - 1) {  // first packets have arrived or are lost
        if
        :: state[f] == UNDER_WAY && born[f] == a && at[OWNER(f)] != a -> state[f] = ENDED; is_due[f] = false
        :: else
        fi
    }
    f = 0
}

inline time_passes(a)
{
    printf("SACIP: time passes at %d\n", a);
    is_over(a);
#ifndef BROKEN_HELD_FOR_EVER
    if
    :: at[holder[a]] != a -> holder[a] = NOBODY; phase[a] = NONE
    :: else
    fi;
#endif
    if
    :: at[P] != a -> ANSWER(P, a) = 0
    :: else
    fi;
    if
    :: at[L] != a -> ANSWER(L, a) = 0
    :: else
    fi;
    land[a] = (land[a] == TAKEN_SOON -> TAKEN : FREE)
}

inline drained(a)
{
    printf("SACIP: %d is drained\n", a);
    is_over(a);
#ifndef BROKEN_DRAINS_FOR_EVER
    if
    :: holder[a] == P && phase[a] == DRAINING -> holder[a] = NOBODY; phase[a] = NONE
    :: else
    fi;
#endif
    land[a] = FREE
}

// q goes to a, where it may be.
inline go(q, a)
{
    printf("SACIP: %c goes from %d to %d\n", NAME(q), at[q], a);
    moved[q]++;
    if
    :: at[q] != NOWHERE && !SHARED(at[q]) -> land[at[q]] = (q == T -> FREE : LEFT)
    :: else
    fi;
    if
    :: a != NOWHERE && !SHARED(a) ->
        is_over(a);
        land[a] = (land[a] == FREE || place_at[version] == a -> TAKEN : TAKEN_SOON)
    :: else
    fi;
    at[q] = a;
    if
    :: q == P -> version++; place_at[version] = a; since[a] = (since[a] == 0 -> version : since[a])
    :: else
    fi
}

#define MAY_GO(q, a) (at[q] != (a) && (SHARED(a) || land[a] == FREE || \
    ((q) != T && (land[a] == LEFT || land[a] == LEFT_SAID))))
#define CLASHES(c, a) (state[c] != UNBEGUN && state[c] != ENDED && born[c] == (a) && port[c] == 0)

// The owner of f begins it; port 0, so that there is something to clash, unless its host's has it.
inline begin(f, a)
{
    printf("SACIP: %c begins flow %d at %d\n", NAME(OWNER(f)), f, a);
    port[f] = (f == 1 -> 1 :
        (CLASHES(0, a) || CLASHES(2, a) || CLASHES(3, a) -> 2 : 0));
    born[f] = a;
    is_next[f] = (OWNER(f) != P && since[a] != 0 && !SHARED(a));
    is_due[f] = (f < 2 && HOLDS(P, a));
    state[f] = UNDER_WAY
}

inline restart()
{
    printf("SACIP: we restart\n");
    restarts++;
    for (f : 0 .. FLOWS - 1) {
        if
        :: state[f] == KNOWN -> state[f] = (OWNER(f) == T && at[T] != born[f] -> ENDED : BEGUN)
        :: else
        fi;
        owner[f] = NOBODY; now[f] = 0; is_due[f] = false
    }
    f = 0;
    for (c : 0 .. N - 1) {
        holder[c] = NOBODY; phase[c] = NONE; known_version[c] = 0;
        ANSWER(P, c) = 0; ANSWER(L, c) = 0
#ifdef LITERAL_LISTED_UNHEARD
        if
        :: IS_LISTED(c) -> holder[c] = P; phase[c] = HELD
        :: else
        fi
#endif
    }
    c = 0;
    least = version
}

inline entry_if(o)
{
    if
    :: since[o] != 0 -> entry(o, version)
    :: else
    fi
}

#define IS_WELL(f) (state[f] == UNBEGUN || state[f] == UNDER_WAY || \
    !(is_due[f] || receipt[f] == P) || \
    (state[f] == KNOWN && owner[f] == P && now[f] == at[P]))

// Quiet: P proves where it is, its last entries arrive in either order, its flows go on.
inline calm()
{
    printf("SACIP: quiet\n");
    probe(P);
    proved(P, at[P]);
    if
    :: true -> entry_if(0); entry_if(1); entry_if(2)
    :: true -> entry_if(2); entry_if(1); entry_if(0)
    fi;
    packet(0);
    packet(1);
    assert(IS_WELL(0) && IS_WELL(1));  // P's flows are where P is
    settled = true
}

#define SAME_WIRE(f, c) \
    (state[f] == KNOWN && state[c] == KNOWN && port[f] == port[c] && now[f] == now[c] && \
    now[f] != NOWHERE)

init
{
    byte a, c, f, n, v, y;
    land[0] = TAKEN; since[0] = 1; place_at[1] = 0;
    if
    :: at[L] < N && !SHARED(at[L]) -> land[at[L]] = TAKEN
    :: else
    fi;
    if
    :: at[T] < N && !SHARED(at[T]) -> land[at[T]] = TAKEN
    :: else
    fi;
    do
    :: atomic { !settled ->
        if
        // Whoever moves.
        :: select(a : 0 .. N - 1);
            if
            :: moved[P] < MOVES_P && MAY_GO(P, a) -> go(P, a)
            :: moved[L] < MOVES_L && MAY_GO(L, a) -> go(L, a)
            :: moved[T] < MOVES_T && MAY_GO(T, a) -> go(T, a)
            :: land[a] == LEFT || land[a] == LEFT_SAID || land[a] == TAKEN_SOON ->
                if
                :: IS_LISTED(a)  // the operator's word: nobody else comes before P has left it
                :: else -> time_passes(a)
                fi
            :: land[a] == LEFT_SAID -> drained(a)
            // PROBEs, and answers that come or do not.
            :: ANSWER(P, a) != 0 -> proved(P, a)
            :: ANSWER(L, a) != 0 -> proved(L, a)
            :: at[P] == a && ANSWER(P, a) == 0 && !HOLDS(P, a) -> probe(P)
            :: at[L] == a && ANSWER(L, a) == 0 && !HOLDS(L, a) -> probe(L)
            :: else
            fi
        // What peers say.
        :: select(a : 0 .. N - 1);
            if
            :: since[a] != 0 ->
                select(v : least .. version);
                if
                :: v >= since[a] -> entry(a, v)
                :: else
                fi;
                v = 0
            :: at[L] != NOWHERE ->
                select(n : 0 .. N - 1);
                lie(a, n);
                n = 0
            :: else
            fi
        // Packets.
        :: select(f : 0 .. FLOWS - 1);
            n = f;
            f = 0;
            a = at[OWNER(n)];
            if
            :: state[n] == UNBEGUN && a != NOWHERE && (land[a] == TAKEN || SHARED(a)) -> begin(n, a)
            :: state[n] == UNDER_WAY -> appear(n)
            :: state[n] == KNOWN || state[n] == BEGUN -> packet(n)
            :: else
            fi;
            n = 0
        :: restarts < RESTARTS -> restart()
#ifndef STORM_ONLY
        :: !SHARED(at[P]) -> calm()
#endif
        fi;
        assert(!SAME_WIRE(0, 1) && !SAME_WIRE(0, 2) && !SAME_WIRE(0, 3) &&
               !SAME_WIRE(1, 2) && !SAME_WIRE(1, 3) && !SAME_WIRE(2, 3));
        a = 0; f = 0; c = 0; y = 0
        }
    :: settled -> break
    od
}
