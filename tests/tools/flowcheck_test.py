#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Does flowcheck notice harm? A relay on loopback does it on purpose, one kind at a time.

usage: flowcheck_test.py FLOWCHECK
"""
import json
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

AT = 50000  # the byte of a connection, or the number of the datagram / 1000, that is harmed


def harm_bytes(kind, data):
    middle = len(data) // 2
    if kind == "lost byte":
        return data[:middle] + data[middle + 1:]
    if kind == "doubled byte":
        return data[:middle] + data[middle:middle + 1] + data[middle:]
    if kind == "swapped bytes":
        return data[:middle] + data[middle + 1:middle + 2] + data[middle:middle + 1] + data[middle + 2:]
    if kind == "flipped bit":
        return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1:]
    return data


def relay_stream(kind, client, server, stop):
    """Both ways; what goes to the client is harmed once after AT bytes."""
    seen = 0
    harmed = False
    open_ends = [client, server]
    while open_ends and not stop.is_set():
        for end in select.select(open_ends, [], [], 0.1)[0]:
            other = server if end is client else client
            data = end.recv(65536)
            if not data:
                open_ends.remove(end)
                other.shutdown(socket.SHUT_WR)
                continue
            if end is server:
                seen += len(data)
                if seen > AT and not harmed and len(data) > 8:
                    harmed = True
                    if kind == "early end":
                        client.close()
                        server.close()
                        return
                    data = harm_bytes(kind, data)
            other.sendall(data)


def relay_datagrams(kind, relay, target, stop):
    client = None
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other_outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    count = 0
    kept = None
    while not stop.is_set():
        for end in select.select([relay, outside, other_outside], [], [], 0.1)[0]:
            data, source = end.recvfrom(65536)
            if end is relay:
                client = source
                count += 1
                moved = kind == "changed source" and count > 20
                (other_outside if moved else outside).sendto(data, target)
                continue
            copies = [data]
            if count == 50 and kept is None:
                kept = data
                copies = {"lost datagram": [], "doubled datagram": [data, data],
                          "late datagram": [], "flipped bit": [harm_bytes(kind, data)]}.get(kind, [data])
            elif kept is not None and kind == "late datagram":
                copies, kept, kind = [data, kept], b"", "done"
            if kind == "silence" and count > 20:
                copies = []
            for copy in copies:
                relay.sendto(copy, client)


def run(flowcheck, harm, is_stream):
    with tempfile.TemporaryDirectory() as directory:
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        server = subprocess.Popen([flowcheck, "server", "--bind", "127.0.0.1", "--port", str(port),
                                   "--json", directory + "/server"], stdout=subprocess.PIPE)
        server.stdout.readline()
        stop = threading.Event()
        kind = socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM
        relay = socket.socket(socket.AF_INET, kind)
        relay.bind(("127.0.0.1", 0))
        if is_stream:
            relay.listen()

            def serve():
                ours, _ = relay.accept()
                relay_stream(harm, ours, socket.create_connection(("127.0.0.1", port)), stop)
        else:
            def serve():
                relay_datagrams(harm, relay, ("127.0.0.1", port), stop)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = subprocess.run([flowcheck, "client", "--to", f"127.0.0.1:{relay.getsockname()[1]}",
                                 "--tcp" if is_stream else "--udp", "1", "--tcp-rate-kbit", "4000",
                                 "--seconds", "1.6", "--finish-timeout", "1",
                                 "--json", directory + "/client"])
        stop.set()
        server.terminate()
        server_status = server.wait()
        with open(directory + "/client") as file:
            report = json.load(file)
        return client.returncode, server_status, report


def backs_off(flowcheck):
    """The `status` of a connection whose other end takes nothing, once its sender backs off."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.bind(("127.0.0.1", 0))
    deaf.listen()
    with tempfile.TemporaryDirectory() as directory:
        client = subprocess.Popen([flowcheck, "client", "--to", f"127.0.0.1:{deaf.getsockname()[1]}",
                                   "--tcp", "1", "--tcp-rate-kbit", "400000", "--finish-timeout", "0",
                                   "--commands", "--json", directory + "/client"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        held, _ = deaf.accept()
        for _ in range(100):
            client.stdin.write("status\n")
            client.stdin.flush()
            report = json.loads(client.stdout.readline())
            if report["tcp_backing_off"] != 0:
                break
            time.sleep(0.1)
        client.communicate("stop\n")
        held.close()
    deaf.close()
    return report


def main():
    flowcheck = sys.argv[1]
    failures = 0

    def expect(what, condition, report):
        nonlocal failures
        print(("ok: " if condition else "FAILED: ") + what)
        if not condition:
            failures += 1
            print(json.dumps(report))

    status, server, report = run(flowcheck, "none", True)
    expect("a good connection is good", status == 0 and server == 0 and report["tcp"]["received"] > AT, report)
    for harm in ("lost byte", "doubled byte", "swapped bytes", "flipped bit"):
        status, _, report = run(flowcheck, harm, True)
        expect(f"TCP, {harm}", status == 1 and report["tcp"]["wrong_bytes"] > 0, report)
    status, _, report = run(flowcheck, "early end", True)
    expect("TCP, early end", status == 1 and report["tcp"]["broken"] == 1, report)
    report = backs_off(flowcheck)
    expect("TCP, nothing is taken: told that it backs off", report["tcp_backing_off"] == 1, report)

    status, server, report = run(flowcheck, "none", False)
    expect("a good datagram flow is good", status == 0 and server == 0 and report["udp"]["lost"] == 0, report)
    for harm, field in (("lost datagram", "lost"), ("doubled datagram", "duplicated"),
                        ("late datagram", "reordered")):
        status, _, report = run(flowcheck, harm, False)
        expect(f"UDP, {harm}: told, not judged", status == 0 and report["udp"][field] == 1, report)
    status, _, report = run(flowcheck, "flipped bit", False)
    expect("UDP, flipped bit", status == 1 and report["udp"]["wrong_payload"] == 1, report)
    status, _, report = run(flowcheck, "silence", False)
    expect("UDP, silence", status == 1 and report["udp"]["broken"] == 1, report)
    _, server, report = run(flowcheck, "changed source", False)
    expect("UDP, changed source address is the server's complaint", server == 1, report)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
