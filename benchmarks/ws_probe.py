"""How long a probe takes from an open socket to the first message, beside a bare client.

Both dial the same real livekit-server through the same delaying relay, in turns, in one process;
what counts is the ratio of the medians. The bare client is websockets' own, which parses the
message as any client of LiveKit must.

    python benchmarks/ws_probe.py
"""

import asyncio
import contextlib
import socket
import statistics
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import jwt
from livekit.protocol import models, rtc
from relay import Relay, relay
from websockets.asyncio.client import connect

from lkdoctor.clock import SystemClock
from lkdoctor.facts.signal import Joined, Whose
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes import server as server_probe
from lkdoctor.probes import signal
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Endpoint, dial
from lkdoctor.redact import Secret
from lkdoctor.wire import url

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import RunningServer, livekit_server

RUNS: Final = {0: 80, 20: 30, 100: 12}
"""Round trip in ms → runs of each side."""

LIMIT: Final = 1.15

LEAVE: Final = rtc.SignalRequest(
    leave=rtc.LeaveRequest(reason=models.CLIENT_INITIATED)
).SerializeToString()


class Marking(SystemClock):
    """A clock that notes when it is first asked for the time of day.

    A join asks for it when it is about to ping, that is right behind the first message.
    """

    def __init__(self, mark: Callable[[], None]) -> None:
        self._mark = mark

    def now(self) -> float:
        self._mark()
        return super().now()


def token(server: RunningServer, identity: str) -> Secret:
    now = int(time.time())
    return Secret(
        jwt.encode(
            {
                "iss": server.long_key,
                "sub": identity,
                "nbf": now - 10,
                "exp": now + 600,
                "video": {"roomJoin": True, "room": "benchmark"},
            },
            server.long_secret,
        )
    )


def there(port: int) -> ParsedUrl:
    parsed = url.parse(f"ws://127.0.0.1:{port}", "benchmark").result
    assert isinstance(parsed, ParsedUrl)
    return parsed


async def ours(way: Relay, bearer: Secret) -> tuple[float, int]:
    """Ms and turns from the open socket to the first message."""
    seen: list[tuple[float, int]] = []
    clock = Marking(lambda: seen.append((time.perf_counter(), way.turns)))
    deadline = Deadline.within(clock, 30)
    async with dial(Endpoint(there(way.port)), deadline) as route:
        turns, started = way.turns, time.perf_counter()
        session = await signal.join(route, bearer, Whose.MINTED, deadline, pings=1)
        assert isinstance(session.first, Joined), session
    return (seen[0][0] - started) * 1000, seen[0][1] - turns


async def bare(way: Relay, bearer: Secret) -> tuple[float, int]:
    """The same with websockets alone."""
    sock = socket.create_connection(("127.0.0.1", way.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    turns, started = way.turns, time.perf_counter()
    async with connect(
        f"ws://127.0.0.1:{way.port}/rtc?auto_subscribe=1&protocol=15",
        sock=sock,
        additional_headers={"Authorization": f"Bearer {bearer.reveal()}"},
        compression=None,
        ping_interval=None,
    ) as websocket:
        message = await websocket.recv(decode=False)
        assert rtc.SignalResponse.FromString(message).HasField("join")
        result = (time.perf_counter() - started) * 1000, way.turns - turns
        await websocket.send(LEAVE)
        with contextlib.suppress(Exception):
            while True:
                await websocket.recv()
    return result


async def compare(server: RunningServer) -> bool:
    print(f"livekit-server {server.version}: open socket → first message, medians")
    print(f"{'RTT':>6} {'bare':>10} {'probe':>10} {'ratio':>6}  {'round trips bare/probe':<24}")
    good = True
    for rtt, runs in RUNS.items():
        async with relay(server.port, rtt) as way:
            taken: dict[str, list[tuple[float, int]]] = {"bare": [], "ours": []}
            for run in range(runs + 3):
                # Who goes first changes, so that neither always finds the server warmer.
                order = [("bare", bare), ("ours", ours)][:: 1 if run % 2 else -1]
                for name, client in order:
                    result = await client(way, token(server, f"{name}-{run}"))
                    if run >= 3:
                        taken[name].append(result)
        b, o = (statistics.median(ms for ms, _ in taken[name]) for name in ("bare", "ours"))
        turns = "/".join(str(max(t for _, t in taken[name])) for name in ("bare", "ours"))
        good = good and o / b <= LIMIT
        print(f"{rtt:>4}ms {b:>8.2f}ms {o:>8.2f}ms {o / b:>6.2f}  {turns}")
    return good


@contextlib.asynccontextmanager
async def peer(talk: Callable[[asyncio.StreamWriter], AsyncIterator[None]]) -> AsyncIterator[int]:
    """A server on loopback that ignores what it is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(65536)
            async for _ in talk(writer):
                await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def silence(_: asyncio.StreamWriter) -> AsyncIterator[None]:
    yield


async def endless_head(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: " + b"y" * 60_000 + b"\r\n")
        yield


async def endless_body(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"y" * 60_000)
        yield


async def ask_everything(port: int, seconds: float) -> float:
    """All requests of a diagnosis at the same time; returns how long that took."""
    bearer = Secret("benchmark.not-a-token")
    started = time.perf_counter()
    deadline = Deadline.within(SystemClock(), seconds)
    async with dial(Endpoint(there(port)), deadline) as route, asyncio.TaskGroup() as group:
        group.create_task(signal.join(route, bearer, Whose.MINTED, deadline))
        group.create_task(signal.validate(route, bearer, Whose.MINTED, deadline))
        group.create_task(signal.upgrade_only(route, deadline))
        group.create_task(server_probe.look(route, deadline))
    return time.perf_counter() - started


async def misbehaving() -> bool:
    async with peer(silence) as port:
        took = await ask_everything(port, 1.0)
    print(f"a silent host, four probes at once, --timeout 1: {took:.2f} s")
    good = took < 1.3
    for name, talk in (("an endless head", endless_head), ("an endless body", endless_body)):
        async with peer(talk) as port:
            await ask_everything(port, 2.0)  # once, so that no import is counted
            tracemalloc.start()
            took = await ask_everything(port, 2.0)
            peak = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
        print(f"{name}, four probes at once: {peak:.1f} MB at most, both sides, {took:.2f} s")
        good = good and peak < 32
    return good


def main() -> int:
    with livekit_server() as server:
        good = asyncio.run(compare(server))
    good = asyncio.run(misbehaving()) and good
    print("within the limits" if good else f"beyond the limits (ratio {LIMIT})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
