#!/usr/bin/env python3
"""Clients that are many or slow: idle connections, headers and bodies that do not end, watchers that do not read, HTTP/2 streams that are
reset as soon as they are opened. The healthy go on meanwhile, the server's memory stays bounded, and it lets go of what does not move.
`--connections N`, `--slow N`, `--watchers N` and `--resets N` make the crowds larger."""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import selectors
import socket
import ssl
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, start_and_run  # noqa: E402
from https import Https  # noqa: E402

# Limits in time are for a machine that has nothing else to do.
SLOWNESS = float(os.environ.get("KEELSON_TEST_SLOWNESS", "3"))

MAPS = "/api/v1/namespaces/default/configmaps"
UNDER_WAY_MAX = 100            # handshakes
CONNECTION_BYTES_MAX = 40 << 10
WATCHER_BYTES_MAX = 100 << 10  # of one that does not read
WARM_BYTES = 32 << 20          # what a server that has just started takes for its first work, whoever asks
HEADER_TIMEOUT_S, STALL_TIMEOUT_S = 32, 60
HEALTHY_S = 0.25               # that a healthy request takes at most, at the 99th percentile
LAG_S = 0.1                    # of an event, at the 99th percentile
TRICKLE_S = 5                  # between two bytes of a head or body that does not end
SEGMENT_BYTES = 536            # small, so that the system keeps little for who does not read, and the server has the rest
ENDED_S = 30
PATIENCE_S = 120               # for what takes a moment, on a machine that stands still now and then
TICK_S, STALL_S = 0.01, 0.1


def within(holds, else_what):
    if not holds:
        raise Failed(else_what)


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


class Machine(threading.Thread):
    """Notes when the whole machine stood still: a thread that only looks at the clock got no processor for STALL_S. However busy, a
    server does not keep others from theirs for that long; so limits in time leave those times out."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stalls = []
        self.start()

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            if now - last > STALL_S:
                self.stalls.append((last, now))
            last = now

    def took(self, began, ended=None):
        """Seconds from `began` on in which the machine was there."""
        ended = ended or time.monotonic()
        return ended - began - sum(max(0, min(end, ended) - max(begin, began)) for begin, end in list(self.stalls) if end > began)


class Crowd:
    """TLS connections that never wait for each other. `said`: what each says first."""

    def __init__(self, context, port, count, said, receive_bytes=0):
        self.all, self.selector = [], selectors.DefaultSelector()
        left, under_way = count, 0
        while left or under_way:
            while left and under_way < UNDER_WAY_MAX:
                plain = socket.socket()
                if receive_bytes:
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
                    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
                plain.connect(("127.0.0.1", port))
                plain.setblocking(False)
                tls = context.wrap_socket(plain, server_hostname="127.0.0.1", do_handshake_on_connect=False)
                self.selector.register(tls, selectors.EVENT_READ | selectors.EVENT_WRITE)
                left, under_way = left - 1, under_way + 1
            for key, _ in self.selector.select(30):
                tls = key.fileobj
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    self.selector.modify(tls, selectors.EVENT_READ)
                    continue
                except ssl.SSLWantWriteError:
                    continue
                self.selector.unregister(tls)
                under_way -= 1
                if said:
                    tls.send(said)
                self.all.append(tls)

    def read(self, seconds, each=None):
        """Reads what comes; how many have been closed by the server. `each`: told of every piece."""
        for tls in self.all:
            if tls.fileno() >= 0 and tls.fileno() not in self.selector.get_map():
                self.selector.register(tls, selectors.EVENT_READ)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.selector.get_map():
            for key, _ in self.selector.select(max(0, end - time.monotonic())):
                tls = key.fileobj
                try:
                    piece = tls.recv(65536)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                except OSError:
                    piece = b""
                if piece and each:
                    each(tls, piece)
                if not piece:
                    self.selector.unregister(tls)
                    tls.close()
        return sum(tls.fileno() < 0 for tls in self.all)

    def say(self, piece):
        """To all that are still there, as far as it goes out at once."""
        for tls in self.all:
            if tls.fileno() >= 0:
                with contextlib.suppress(OSError):
                    tls.send(piece)

    def close(self):
        for tls in self.all:
            tls.close()
        self.selector.close()


class Healthy(threading.Thread):
    """Somebody who reads and writes all the time."""

    def __init__(self, c):
        super().__init__(daemon=True)
        self.https, self.machine, self.over, self.spans, self.failure = Https(c), c.machine, threading.Event(), [], None
        self.start()

    def run(self):
        try:
            self.https.ask("POST", MAPS, {"metadata": {"name": "healthy"}})
            while not self.over.wait(0.01):
                began = time.monotonic()
                code = self.https.ask("PATCH", f"{MAPS}/healthy", {"data": {"at": str(began)}}, {"Content-Type": "application/merge-patch+json"}).code
                code = code if code != 200 else self.https.ask("GET", f"{MAPS}/healthy").code
                equal(code, 200, "the healthy one's answer")
                self.spans.append((began, time.monotonic()))
        except Exception as failure:   # told by end()
            self.failure = failure

    def end(self, what):
        self.over.set()
        self.join(PATIENCE_S)
        if self.failure:
            raise Failed(f"{what}: {self.failure!r}")
        slowest = p99([self.machine.took(*span) for span in self.spans])
        print(f"   {what}: {len(self.spans)} healthy writes and reads, p99 {slowest * 1000:.0f}ms")
        within(slowest < HEALTHY_S * SLOWNESS, f"{what}: a healthy request took {slowest:.2f} s")


def resident_bytes(c):
    for line in pathlib.Path(f"/proc/{c.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) << 10
    raise Failed("the server has no memory")


def begin(c):
    c.machine = Machine()
    c.https = Https(c)
    c.anonymous = ssl.create_default_context(cadata=c.https.ca)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def idle_connections_cost_little(c):
    before, healthy = resident_bytes(c), Healthy(c)
    crowd = Crowd(c.anonymous, c.port, c.options.connections, b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
    grown = resident_bytes(c) - before
    healthy.end(f"{c.options.connections} idle connections, {grown >> 10} KiB")
    equal(crowd.read(0.2), 0, "connections that the server closed")
    crowd.close()
    within(grown < WARM_BYTES + c.options.connections * CONNECTION_BYTES_MAX, f"the server has grown by {grown} bytes")


def slow_headers_and_bodies_are_let_go(c):
    healthy = Healthy(c)
    heads = Crowd(c.anonymous, c.port, c.options.slow, b"GET /version HTTP/1.1\r\nHost: t\r\n")
    bodies = Crowd(c.https.context, c.port, c.options.slow // 2, f"POST {MAPS} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{".encode())
    began, closed, said = time.monotonic(), 0, 0
    while closed < len(heads.all) and c.machine.took(began) < HEADER_TIMEOUT_S + 20:
        if time.monotonic() - began > said * TRICKLE_S:
            heads.say(b"X")
            bodies.say(b" ")
            said += 1
        closed = heads.read(1)
    equal(closed, len(heads.all), "half headers that were closed")
    while bodies.read(1) < len(bodies.all) and c.machine.took(began) < STALL_TIMEOUT_S + 40:
        pass
    equal(bodies.read(0.1), len(bodies.all), "half bodies that were closed")
    healthy.end(f"{c.options.slow} half headers, {len(bodies.all)} half bodies")
    heads.close()
    bodies.close()


def watchers_that_do_not_read_hold_nobody_up(c):
    c.https.made("POST", MAPS, {"metadata": {"name": "watched"}})
    said = f"GET {MAPS}?watch=1&fieldSelector=metadata.name%3Dwatched HTTP/1.1\r\nHost: t\r\n\r\n".encode()
    before = resident_bytes(c)
    slow = Crowd(c.https.context, c.port, c.options.watchers, said, receive_bytes=4096)
    fast = Crowd(c.https.context, c.port, max(10, c.options.watchers // 100), said)
    over, lags, largest = threading.Event(), [], 0

    def write():
        https = Https(c)
        while not over.wait(0.05):
            https.made("PATCH", f"{MAPS}/watched", {"data": {"at": f"@{time.monotonic():.6f}@", "text": "x" * 1000}}, {"Content-Type": "application/merge-patch+json"})

    def note(_, piece):
        for text in piece.split(b'"at":"@')[1:]:
            lags.append((float(text.split(b"@")[0]), time.monotonic()))

    fast.read(0.5)
    writer, healthy = threading.Thread(target=write, daemon=True), Healthy(c)
    writer.start()
    began = time.monotonic()
    while time.monotonic() - began < c.options.seconds:
        equal(fast.read(0.5, note), 0, "fast watchers that were ended")
        largest = max(largest, resident_bytes(c) - before)
    over.set()
    writer.join(PATIENCE_S)
    lag = p99([c.machine.took(*span) for span in lags])
    healthy.end(f"{c.options.watchers} watchers that do not read, {largest >> 10} KiB; {len(fast.all)} that do saw {len(lags)} events, p99 {lag * 1000:.0f}ms after the write")
    slow.close()
    fast.close()
    within(lag < LAG_S * SLOWNESS, f"an event took {lag:.3f} s")
    within(largest < WARM_BYTES + c.options.watchers * WATCHER_BYTES_MAX, f"the server has grown by {largest} bytes")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


# GET https / by indexed fields of the static table, an authority without index.
HEAD = b"\x82\x87\x84\x01\x01t"


def ended(tls):
    """Whether the server ends the connection; what it still says is read away."""
    tls.settimeout(ENDED_S)
    try:
        while tls.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def streams_that_are_reset_at_once_are_bounded(c):
    before, healthy, sent, refused = resident_bytes(c), Healthy(c), 0, 0
    context = ssl.create_default_context(cadata=c.https.ca)
    context.set_alpn_protocols(["h2"])
    while sent < c.options.resets:
        tls = context.wrap_socket(socket.create_connection(("127.0.0.1", c.port), PATIENCE_S), server_hostname="127.0.0.1")
        equal(tls.selected_alpn_protocol(), "h2", "protocol")
        try:
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
            for first in range(1, 20_000, 200):
                tls.sendall(b"".join(frame(1, 5, stream, HEAD) + frame(3, 0, stream, b"\0\0\0\x08") for stream in range(first, first + 200, 2)))
                sent += 100
        except OSError:
            pass
        within(ended(tls), "a connection that resets its streams at once goes on")
        refused += 1
        tls.close()
    healthy.end(f"{sent} streams reset at once, {refused} connections ended for it")
    grown = resident_bytes(c) - before
    within(grown < 2 * WARM_BYTES, f"the server has grown by {grown} bytes")


def literal(name, value):
    """A header that is kept in the peer's table. Lengths below 127."""
    return b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value


def http2(c, context):
    tls = context.wrap_socket(socket.create_connection(("127.0.0.1", c.port), PATIENCE_S), server_hostname="127.0.0.1")
    tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
    return tls


def floods(turn):
    """Pieces of a connection's bytes that cost the server more than the client, for ever."""
    big = literal(b"big", b"x" * 120)
    return {
        "pings": frame(6, 0, 0, b"12345678") * 200,
        "settings": frame(4, 0, 0, b"\x00\x03\x00\x00\x00\x64") * 200,
        "empty data": (frame(1, 4, 1, HEAD) if turn == 0 else b"") + frame(0, 0, 1) * 200,
        "continuations": (frame(1, 1, 1, HEAD) if turn == 0 else b"") + frame(9, 0, 1, big) * 200,
        "an indexed bomb": frame(1, 5, 2 * turn + 1, HEAD + big + b"\xbe" * 16000),
        "no window": (frame(4, 0, 0, b"\x00\x04\x00\x00\x00\x00") if turn == 0 else b"") + b"".join(frame(1, 5, 200 * turn + 2 * i + 1, HEAD) for i in range(100)),
        "priorities": b"".join(frame(2, 0, 2 * i + 1, struct.pack(">IB", 0, 1)) for i in range(200)),
    }


FLOOD_PIECES = 2000
ENDED_FOR = {"pings", "settings", "continuations"}   # the others are borne: what they cost is bounded


def floods_of_frames_end(c):
    context = ssl.create_default_context(cadata=c.https.ca)
    context.set_alpn_protocols(["h2"])
    before, healthy, told = resident_bytes(c), Healthy(c), []
    for name in floods(0):
        tls, pieces = http2(c, context), 0
        tls.settimeout(5)
        try:
            while pieces < FLOOD_PIECES:
                tls.sendall(floods(pieces)[name])
                pieces += 1
        except (OSError, ssl.SSLError):
            pass
        told.append(f"{name} {pieces}")
        within(name not in ENDED_FOR or pieces < FLOOD_PIECES, f"{name}: a flood goes on")
        tls.close()
        within(resident_bytes(c) - before < 2 * WARM_BYTES, f"{name}: the server has grown by {resident_bytes(c) - before} bytes")
    healthy.end("floods of frames, pieces until the end: " + ", ".join(told))


def all_is_well_afterwards(c):
    equal(c.https.ask("GET", "/readyz").body, "ok")
    c.stop(PATIENCE_S)


STEPS = [begin, idle_connections_cost_little, slow_headers_and_bodies_are_let_go, watchers_that_do_not_read_hold_nobody_up, streams_that_are_reset_at_once_are_bounded, floods_of_frames_end, all_is_well_afterwards]

if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--connections", type=int, default=500)
    options.add_argument("--slow", type=int, default=200)
    options.add_argument("--watchers", type=int, default=200)
    options.add_argument("--seconds", type=int, default=10, help="of the watchers")
    options.add_argument("--resets", type=int, default=20_000)
    options.add_argument("--seed", type=int, help="accepted and not needed: nothing is drawn")
    cluster = Cluster()
    cluster.options = options.parse_args()
    start_and_run(STEPS, cluster)
