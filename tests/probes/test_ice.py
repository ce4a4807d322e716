"""The probe of media beside real livekit-servers, and against peers that mean no good."""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import VERSIONS, RunningServer, livekit_server

from lkdoctor.clock import SystemClock
from lkdoctor.facts.media import (
    Checked,
    IceServerSeen,
    MediaFact,
    Negotiation,
    Outcome,
    Tried,
)
from lkdoctor.facts.signal import Goodbye, Whose
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes import signal
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.ice import MediaProbe
from lkdoctor.probes.route import Endpoint, dial
from lkdoctor.redact import Secret
from lkdoctor.tokens.mint import TokenRequest, mint
from lkdoctor.wire import url


async def look(
    server: RunningServer, seconds: float = 8.0, *, reached: str = "127.0.0.1"
) -> tuple[MediaFact, signal.Session]:
    clock = SystemClock()
    parsed = url.parse(server.url, "test").result
    assert isinstance(parsed, ParsedUrl)
    endpoint = Endpoint(parsed)
    deadline = Deadline.within(clock, seconds)
    token = mint(
        TokenRequest(identity="probe", video={"roomJoin": True, "room": "probed"}),
        api_key=server.long_key,
        secret=Secret(server.long_secret),
        now=clock.now(),
        ttl_s=60.0,
    )
    async with dial(endpoint, deadline) as route:
        probe = MediaProbe(endpoint, reached, clock)
        session = await signal.join(route, token, Whose.MINTED, deadline, pings=0, media=probe)
    assert probe.fact is not None
    return probe.fact, session


def turn_at(port: int, protocol: str) -> dict[str, Any]:
    entry = {"host": "127.0.0.1", "port": port, "protocol": protocol}
    return {"turn_servers": [{**entry, "username": "u", "credential": "made-up-one"}]}


def the_turn(fact: MediaFact) -> IceServerSeen:
    (server,) = (s for s in fact.servers if s.turn)
    return server


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_version_s_candidates_are_reached(
    version: str, real_server: RunningServer
) -> None:
    del real_server  # skips, or fails, where there is none
    with livekit_server(version) as server:
        fact, session = await look(server)
    assert fact.negotiation is Negotiation.ANSWERED
    assert [(c.protocol, c.address, c.tried.outcome) for c in fact.candidates] == [
        ("udp", "127.0.0.1", Outcome.OK),
        ("tcp", "127.0.0.1", Outcome.OK),
    ]
    assert all(saw_us(candidate) for candidate in fact.candidates)
    assert isinstance(session.goodbye, Goodbye)
    assert session.goodbye.answered


def saw_us(candidate: Checked) -> bool:
    return candidate.tried.detail.startswith("127.0.0.1:")


# ------------------------------------------------------------------ peers that mean no good

Serve = Callable[[socket.socket, threading.Event], None]


def garbage(sock: socket.socket, over: threading.Event) -> None:
    """Answers one datagram with very many."""
    while not over.is_set():
        with contextlib.suppress(OSError):
            _, client = sock.recvfrom(2048)
            for _ in range(2000):
                sock.sendto(b"\x01\x01\xff\xff" + bytes(40), client)


def echo(sock: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(OSError):
            data, client = sock.recvfrom(2048)
            sock.sendto(data, client)


def forged(sock: socket.socket, over: threading.Event) -> None:
    """A success of a method that nobody asked for, under the right id."""
    while not over.is_set():
        with contextlib.suppress(OSError):
            data, client = sock.recvfrom(2048)
            sock.sendto(b"\x01\x08\x00\x00" + data[4:20], client)


def hang_up(sock: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(OSError):
            sock.accept()[0].close()


def trickle(sock: socket.socket, over: threading.Event) -> None:
    """The beginning of a message that never ends."""
    while not over.is_set():
        with contextlib.suppress(OSError), sock.accept()[0] as talking:
            talking.sendall(b"\x01\x13\x07\xc0\x21\x12\xa4\x42")
            while not over.wait(0.05):
                talking.sendall(b"\x00")


def flood(sock: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(OSError), sock.accept()[0] as talking:
            while not over.is_set():
                talking.sendall(b"\xff" * 65536)


@contextlib.contextmanager
def peer(serve: Serve, kind: socket.SocketKind) -> Iterator[int]:
    over = threading.Event()
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.2)
        if kind is socket.SOCK_STREAM:
            sock.listen()
        thread = threading.Thread(target=serve, args=(sock, over), daemon=True)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            over.set()
            thread.join(10)


@pytest.mark.parametrize(
    ("serve", "protocol", "outcomes"),
    [
        pytest.param(garbage, "udp", {Outcome.SILENT}, id="garbage"),
        pytest.param(echo, "udp", {Outcome.SILENT}, id="echo"),
        pytest.param(forged, "udp", {Outcome.SILENT}, id="another method's success"),
        pytest.param(hang_up, "tcp", {Outcome.CLOSED, Outcome.REFUSED}, id="hangs up"),
        pytest.param(trickle, "tcp", {Outcome.SILENT}, id="never ends"),
        pytest.param(flood, "tcp", {Outcome.FOREIGN}, id="flood"),
    ],
)
async def test_a_peer_s_misbehaviour_is_a_fact(
    serve: Serve, protocol: str, outcomes: set[Outcome], real_server: RunningServer
) -> None:
    del real_server
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with (
        peer(serve, kind) as port,
        livekit_server(config={"rtc": turn_at(port, protocol)}) as server,
    ):
        fact, session = await look(server)
    seen = the_turn(fact)
    assert seen.relay is not None
    assert seen.relay.allocate.outcome in outcomes
    assert not seen.works
    assert fact.reachable("udp")
    assert session.goodbye is not None
    assert session.goodbye.answered


ELSEWHERE = "203.0.113.9"
"""Where the server is said to be that names this machine's loopback."""


class Heard:
    """Whoever came, and all that was said."""

    def __init__(self) -> None:
        self.callers = 0
        self.data = b""

    def over_udp(self, sock: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                self.data += sock.recv(2048)
                self.callers += 1

    def over_tcp(self, sock: socket.socket, over: threading.Event) -> None:
        """Waits for the end of a line, as many do, and answers as a web server with a secret."""
        while not over.is_set():
            with contextlib.suppress(OSError), sock.accept()[0] as talking:
                self.callers += 1
                talking.settimeout(3)
                while b"\r\n" not in self.data and (said := talking.recv(2048)):
                    self.data += said
                talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")


@pytest.mark.parametrize("protocol", ["udp", "tcp", "tls"])
async def test_a_server_elsewhere_does_not_send_us_to_our_own_machine(
    protocol: str, real_server: RunningServer
) -> None:
    del real_server
    heard = Heard()
    serve = heard.over_udp if protocol == "udp" else heard.over_tcp
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with (
        peer(serve, kind) as port,
        livekit_server(config={"rtc": turn_at(port, protocol)}) as server,
    ):
        fact, _ = await look(server, reached=ELSEWHERE)
    barred = Tried(Outcome.BARRED, detail="a loopback address")
    assert the_turn(fact).connect == barred
    assert {c.tried for c in fact.candidates} == {barred}
    assert heard.callers == 0


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
async def test_no_request_is_made_of_what_a_server_names(
    protocol: str, real_server: RunningServer
) -> None:
    del real_server
    heard = Heard()
    with (
        peer(heard.over_tcp, socket.SOCK_STREAM) as port,
        livekit_server(config={"rtc": turn_at(port, protocol)}) as server,
    ):
        fact, _ = await look(server)
    assert heard.callers > 0
    assert b"GET" not in heard.data
    assert b"HTTP" not in heard.data
    assert the_turn(fact).speaks == "HTTP"
    assert "secret" not in repr(fact)


async def test_what_was_seen_until_a_cancellation_is_kept(real_server: RunningServer) -> None:
    """The default server names a STUN server that never answers, so there is time to cancel."""
    clock = SystemClock()
    parsed = url.parse(real_server.url, "test").result
    assert isinstance(parsed, ParsedUrl)
    endpoint = Endpoint(parsed)
    deadline = Deadline.within(clock, 20)
    probe = MediaProbe(endpoint, "127.0.0.1", clock)
    token = mint(
        TokenRequest(identity="probe", video={"roomJoin": True, "room": "cancelled"}),
        api_key=real_server.long_key,
        secret=Secret(real_server.long_secret),
        now=clock.now(),
        ttl_s=60.0,
    )

    async def looking() -> None:
        async with dial(endpoint, deadline) as route:
            await signal.join(route, token, Whose.MINTED, deadline, pings=0, media=probe)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(looking())
        while probe.fact is None or not probe.fact.candidates:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        task.cancel()
    assert probe.fact.negotiation is Negotiation.ANSWERED
    assert [s.scheme for s in probe.fact.servers] == ["stun"]


async def test_a_look_leaves_no_socket_open(real_server: RunningServer) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("counts descriptors in /proc")
    del real_server
    with livekit_server() as server:
        await look(server)
        before = open_descriptors()
        for _ in range(3):
            await look(server)
        assert open_descriptors() <= before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
