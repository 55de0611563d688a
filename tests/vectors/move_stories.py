# SPDX-License-Identifier: BSD-3-Clause
"""Rows of pipeline.yaml about what changes under packets: moves, ends of flows, the tables."""

from packet import ICMP, TCP, UDP, icmp, ipv4, tcp
from sites import (ACK, BOX, FAR, FAR_NEW, FIN, HOST, MODES, MOVED, NEW, NEWER, ORIGINAL, ROUTED,
                   RST, SYN, UPLINK, from_port, hosts_behind, one_flow, story)
from story import FIBRE, LAN, LTE


def hints():
    s, flow = one_flow("hint_right", "the first packet is looked up, the others are not")
    for _ in range(3):
        s.out(flow, data=b"again")
        s.back(flow, data=b"and again")
    s, flow = one_flow("hint_of_an_ended_flow", "then of another one, at the same position")
    s.out(flow)
    s.back(flow)
    s.erase(flow)
    s.out(flow, "punt first_packet")
    s.back(flow, "punt first_packet")
    other = s.insert(flow.path, 40001)
    s.out(flow, "punt first_packet")
    s.back(flow, "punt first_packet")
    s.out(other)
    s.back(other)
    s = story("hint_of_a_newcomer", "who has the address that an older flow then moves to: its own"
              " by the same ports")
    newcomer = s.flow(s.path(BOX))
    older = s.flow(s.path(UPLINK))
    s.back(newcomer, data=b"mine")
    s.back(newcomer, data=b"mine")
    s.move(older.path, local_active=NEW)
    s.back(older, data=b"the older one's")
    s.back(older, data=b"the older one's")
    s, flow = one_flow("hint_of_a_stranger", "who has the address that the far end has left; the"
                       " pair is known by another path")
    s.path(MOVED)
    s.back(flow)
    left = s.move(flow.path, remote_active=FAR_NEW)
    s.retire(flow.path, left)
    s.back(flow, "punt first_packet", on=left)
    s.back(flow)


def views():
    for count in (2, 10):
        s = story(f"hosts_behind_one_pair_{count}", "each packet from there is the host's whose"
                  " flow it is")
        flows = hosts_behind(s, count)
        for _ in range(2):
            for flow in flows:
                s.back(flow)
            s.packet(FIBRE, from_port(FIBRE, ipv4(FAR, NEW, TCP, tcp(FAR, NEW, 80, 39999))),
                     "punt first_packet")
            for flow in flows:
                s.out(flow)
    s = story("box_beside_hosts", "a socket of the box that was opened after the move")
    flows = hosts_behind(s, 2)
    box = s.flow(s.path(BOX, back=f"to_box {FIBRE}"), 50000)
    for flow in (*flows, box):
        s.back(flow)
    s.out(box)
    s = story("view_taken_away", "one path leaves the pair, the others stay")
    flows = hosts_behind(s, 3)
    for flow in flows:
        s.back(flow)
    s.erase(flows[1])
    s.leave(flows[1].path)
    s.back(flows[1], "punt first_packet")
    s.back(flows[0])
    s.back(flows[2])
    s = story("view_of_two_paths", "one of them leaves the pair: the other one's, still")
    paths = [s.path(MOVED), s.path(MOVED | dict(local_original=NEW))]
    flows = [s.flow(path, 40000 + path.number) for path in paths]
    s.erase(flows[0])
    s.leave(paths[0])
    s.back(flows[0], "punt first_packet")
    s.back(flows[1])


def whole_move(name, comment, mode="wire", start=UPLINK, **to):
    """Before, prepared, switched, drained."""
    s, flow = one_flow(name, comment, start, mode=mode)
    path, old = flow.path, flow.path.pair()
    new = s.with_these(path, to)
    s.out(flow, data=b"before")
    s.back(flow, data=b"before")
    s.back(flow, "punt first_packet", on=new, data=b"too early")
    s.prepare(path, **to)
    s.out(flow, data=b"prepared")
    s.back(flow, data=b"prepared")
    s.back(flow, on=new, data=b"prepared")
    s.publish(path, **to)
    s.out(flow, data=b"switched")
    s.back(flow, data=b"switched")
    s.back(flow, on=old, data=b"draining")
    s.retire(path, old)
    s.out(flow, data=b"settled")
    s.back(flow, data=b"settled")
    s.back(flow, "punt first_packet", on=old, data=b"too late")


def moves():
    for mode in MODES:
        whole_move(f"move_ours_{mode}", "our address", mode, local_active=NEW)
        whole_move(f"move_theirs_{mode}", "the far end's address", mode, remote_active=FAR_NEW)
    whole_move("move_both_ends", "at once", local_active=NEW, remote_active=FAR_NEW)
    whole_move("move_home", "to the address of the beginning", start=MOVED, local_active=ORIGINAL)
    whole_move("move_routed", "a site's own prefix", start=ROUTED, local_active="10.7.0.10")
    s, flow = one_flow("move_there_and_back", "the pair that drains is the one in force again",
                       UPLINK)
    first = s.move(flow.path, local_active=NEW)
    s.out(flow)
    s.back(flow, on=first)
    second = s.move(flow.path, local_active=ORIGINAL)
    s.out(flow)
    s.back(flow)
    s.back(flow, on=second)
    s.retire(flow.path, second)
    s.back(flow, "punt first_packet", on=second)
    s.back(flow)
    s, flow = one_flow("move_again", "workers take the pair in force and the one before, no more",
                       UPLINK)
    first = s.move(flow.path, local_active=NEW)
    second = s.move(flow.path, local_active=NEWER)
    s.out(flow)
    s.back(flow)
    s.back(flow, on=second)
    s.back(flow, "punt first_packet", on=first)
    s, flow = one_flow("move_to_another_uplink", "out by it at once; in by both", UPLINK)
    old = s.move(flow.path, local_active=NEW, out=f"forward {LTE}")
    s.out(flow)
    s.back(flow, port=LTE)
    s.back(flow, on=old)
    s, flow = one_flow("moves_that_cross", "the far end has moved and not heard that we have",
                       UPLINK)
    s.prepare(flow.path, remote_active=FAR_NEW)  # from its new address to our old one
    s.back(flow, on=(ORIGINAL, FAR_NEW))
    old = s.move(flow.path, local_active=NEW, remote_active=FAR_NEW)
    s.back(flow)
    s.back(flow, on=old)
    s.back(flow, "punt first_packet", on=(ORIGINAL, FAR_NEW))
    s, flow = one_flow("way_out_changes_while_draining", "both pairs stay as they are", UPLINK)
    old = s.move(flow.path, local_active=NEW)
    for port in (LTE, FIBRE):
        s.publish(flow.path, out=f"forward {port}")
        s.out(flow)
        s.back(flow)
        s.back(flow, on=old)
    s, flow = one_flow("mode_changes", "with the peer's: the addresses stay")
    s.out(flow)
    s.publish(flow.path, mode="original")
    s.out(flow)
    s.back(flow)
    s = story("half_of_the_hosts_moved", "their packets come mixed")
    flows = hosts_behind(s, 8)
    for flow in flows[::2]:
        s.move(flow.path, local_active=NEWER, out=f"forward {LTE}")
    for flow in flows:
        s.out(flow)
    for flow in flows:
        s.back(flow)
    for flow in flows:
        s.back(flow, on=(NEW, FAR))


def gaps():
    s, flow = one_flow("hold_and_move", "no address for a while; what comes in goes on", UPLINK)
    s.out(flow)
    s.publish(flow.path, out="hold")
    s.out(flow, flags=FIN | ACK)
    s.out(flow, ttl=1)
    s.back(flow)
    s.move(flow.path, local_active=NEW, out="forward_in_turn 1")
    s.out(flow, "punt in_turn")
    s.answered()
    s.out(flow, "forward 1")
    s.publish(flow.path, out="forward 1")
    s.out(flow)
    s.mark(flow, "out in fin_out")
    for name in ("hold", "unresolved", "to_linux"):
        s, flow = one_flow(f"path_says_{name}", "untouched, whatever the TTL", out=name, back=name)
        for ttl in (64, 1):
            s.out(flow, ttl=ttl)
            s.back(flow, ttl=ttl)
        s.mark(flow, "out in")
    for mode in MODES:
        s, flow = one_flow(f"to_box_{mode}", "addresses and checksum only: no hop was made",
                           MOVED | dict(host=ORIGINAL), mode=mode, back=f"to_box {FIBRE}")
        for ttl in (64, 1):
            s.back(flow, ttl=ttl, data=b"for a socket")
        s.back(flow, partial=True, data=b"not filled in")
        s.out(flow, data=b"from a socket")


def turns():
    def waiting(name, comment, **path):
        s, flow = one_flow(name, comment, **({"out": "forward_in_turn 1"} | path))
        return s, flow, from_port(LAN, ipv4(HOST, FAR, TCP, tcp(HOST, FAR, 41000)))

    s, flow, first = waiting("in_turn", "behind what was punted, until that is through")
    s.out(flow, "forward 1", data=b"nothing waits")
    s.packet(LAN, first, "punt first_packet")
    s.out(flow, "punt in_turn", data=b"waits")
    s.answered()
    for _ in range(2):
        s.out(flow, "forward 1", data=b"nothing waits any more")
    s, flow, first = waiting("in_turn_by_direction", "", back="forward_in_turn 0")
    s.packet(LAN, first, "punt first_packet")
    s.back(flow, "forward 0", data=b"the other way")
    s.out(flow, "punt in_turn")
    s, flow, first = waiting("in_turn_after_a_drop", "what was dropped keeps nobody waiting")
    s.packet(LAN, first[:-1], "drop ip_truncated")
    s.out(flow, "forward 1")
    s, flow, _ = waiting("in_turn_behind_a_fragment", "which the parser punts", proto=UDP)
    s.out(flow, "punt fragment", data=bytes(64), header=dict(fragment=0x2000))
    s.out(flow, "punt in_turn")
    s.answered()
    s.out(flow, "forward 1")
    s, flow, _ = waiting("in_turn_behind_an_error", "", back="forward_in_turn 0")
    quote = ipv4(NEW, FAR, TCP, tcp(NEW, FAR, 40000, 80))[:28]
    s.packet(FIBRE, from_port(FIBRE, ipv4(FAR, NEW, ICMP, icmp(3, 1, data=quote))), "punt icmp")
    s.back(flow, "punt in_turn")
    s.answered()
    s.back(flow, "forward 0")
    s, flow, first = waiting("in_turn_is_the_paths", "another path's packets overtake")
    other = s.flow(s.path(MOVED | dict(host="10.1.0.11")))
    s.packet(LAN, first, "punt first_packet")
    s.out(other)
    s.out(flow, "punt in_turn")
    s, flow = one_flow("in_turn_when_the_far_end_moves", "its packets came ahead of the word of its"
                       " move, and wait")
    new = (NEW, FAR_NEW)
    s.back(flow, "punt first_packet", on=new)
    s.publish(flow.path, out="forward_in_turn 1", back="forward_in_turn 0")
    s.prepare(flow.path, remote_active=FAR_NEW)
    s.back(flow, "punt in_turn", on=new)
    s.out(flow, "forward 1")
    s.publish(flow.path, remote_active=FAR_NEW)
    s.out(flow, "forward 1")
    s.answered()
    s.back(flow, "forward 0", on=new)
    s.publish(flow.path, out="forward 1", back="forward 0")
    s.out(flow)
    s.back(flow)


def draining():
    s, flow = one_flow("draining", "a connection attempt or a reset on the pair that was left: it"
                       " may be of a new owner of the address", UPLINK)
    old = s.move(flow.path, local_active=NEW)
    for flags in (SYN, SYN | ACK, RST, RST | ACK):
        s.back(flow, "punt draining", on=old, flags=flags)
    s.mark(flow, "", touched=False)
    s, flow = one_flow("draining_data", "data and a FIN on it are the flow's own", UPLINK)
    old = s.move(flow.path, local_active=NEW)
    s.back(flow, on=old, data=b"late")
    s.back(flow, on=old, flags=FIN | ACK)
    s.mark(flow, "in fin_in")
    s, flow = one_flow("reset_on_the_pair_in_force", "is forwarded, and noted")
    s.back(flow)
    s.back(flow, flags=RST)
    s.mark(flow, "rst")
    s, flow = one_flow("reset_before_the_switch", "on a pair that is only prepared", UPLINK)
    s.prepare(flow.path, local_active=NEW)
    s.back(flow, "punt draining", on=(NEW, FAR), flags=RST)
    s.back(flow, on=(NEW, FAR))
    s.mark(flow, "in")


def ends():
    s, flow = one_flow("closed_by_both", "then a SYN is a new connection's, anything else is not")
    s.out(flow, flags=SYN)
    s.back(flow, flags=SYN | ACK)
    s.out(flow)
    s.out(flow, flags=FIN | ACK)
    s.back(flow, flags=FIN | ACK)
    s.out(flow)
    s.back(flow, flags=SYN | ACK)
    s.out(flow, "punt first_packet", flags=SYN)
    s.back(flow, "punt first_packet", flags=SYN)
    s.mark(flow, "out in fin_out fin_in")
    s, flow = one_flow("closed_by_one", "half open: its SYN is its own")
    s.out(flow, flags=FIN | ACK)
    s.out(flow, flags=SYN)
    s.back(flow)
    s.mark(flow, "syn out in fin_out")
    s, flow = one_flow("reset", "ends it, until more of it comes")
    s.out(flow)
    s.back(flow)
    s.back(flow, flags=RST)
    s.out(flow, "punt first_packet", flags=SYN)
    s.mark(flow, "rst both")
    s, flow = one_flow("reset_not_believed", "its host goes on")
    s.out(flow)
    s.back(flow)
    s.back(flow, flags=RST)
    s.out(flow, data=b"still here")
    s.out(flow, flags=SYN)
    s.mark(flow, "syn out in")


def tell():
    for each in (hints, views, moves, gaps, turns, draining, ends):
        each()
