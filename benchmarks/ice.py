"""How many round trips ``lkdoctor ice`` takes on a healthy server, beside its longest chain of them.

A real livekit-server and coturn on loopback, TCP and UDP to both by way of delaying relays. What
the same run takes without a delay is taken off, and the rest divided by the round trip. The
longest chain, one after the other: the upgrade (the join response comes with it); Allocate twice
(the first is told how to sign), CreatePermission, and a check by way of TURN, which goes over two
delayed legs; Leave; DeleteRoom. Everything else is done meanwhile.

    python benchmarks/ice.py
"""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from relay import relay

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import RunningServer, livekit_server
from turns import coturn

RUNS: Final = 7
ROUND_TRIP_MS: Final = 100.0
CHAIN: Final = 1 + 2 + 1 + 2 + 1 + 1
LIMIT: Final = 1.2

NEAR: Final = "127.0.0.2"
"""Where the server says that its media is; a relay leads from there to where it is."""


class UdpRelay(asyncio.DatagramProtocol):
    """Delays datagrams by half a round trip each way, a way back for each client."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.delay = 0.0
        self._target = target
        self._ways: dict[tuple[str, int], _Back] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # of this kind
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(self.delay, self._forth, data, addr)

    def back(self, data: bytes, client: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(self.delay, self._transport.sendto, data, client)

    def _forth(self, data: bytes, client: tuple[str, int]) -> None:
        way = self._ways.get(client)
        if way is None:
            way = self._ways[client] = _Back(self, client)
            loop = asyncio.get_running_loop()
            opening = loop.create_datagram_endpoint(lambda: way, remote_addr=self._target)
            way.opening = loop.create_task(opening)
        way.send(data)

    def close(self) -> None:
        self._transport.close()
        for way in self._ways.values():
            way.close()


class _Back(asyncio.DatagramProtocol):
    def __init__(self, relay: UdpRelay, client: tuple[str, int]) -> None:
        self._relay = relay
        self._client = client
        self._waiting: list[bytes] = []
        self._transport: asyncio.DatagramTransport | None = None
        self.opening: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # of this kind
        self._transport = transport
        for data in self._waiting:
            transport.sendto(data)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self._relay.back(data, self._client)

    def error_received(self, exc: Exception) -> None:
        del exc

    def send(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@contextlib.asynccontextmanager
async def udp_relay(local: tuple[str, int], target: tuple[str, int]) -> AsyncIterator[UdpRelay]:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_datagram_endpoint(lambda: UdpRelay(target), local_addr=local)
    try:
        yield made
    finally:
        made.close()


async def run(server: RunningServer, port: int, secret: Path) -> float:
    """Milliseconds of one run, as its report has them."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lkdoctor", "ice", "-o", "json"),
        *("--url", f"ws://127.0.0.1:{port}", "--api-key", server.long_key),
        *("--api-secret-file", str(secret), "--timeout", "30"),
        stdout=asyncio.subprocess.PIPE,
        cwd=secret.parent,
    )
    out, _ = await process.communicate()
    report = json.loads(out)
    # TCP is left out here, which it says.
    assert [f["code"] for f in report["findings"]] == ["turn-no-tcp"], report["findings"]
    media = report["facts"]["media"]
    assert {c["tried"]["outcome"] for c in media["candidates"]} == {"ok"}, media
    assert all(s["relay"]["through"]["outcome"] == "ok" for s in media["servers"] if s["relay"])
    return float(report["run"]["duration_ms"])


async def compare(server: RunningServer, media: int, turn: UdpRelay, secret: Path) -> bool:
    medians = []
    async with udp_relay((NEAR, media), ("127.0.0.1", media)) as direct:
        for trip in (0.0, ROUND_TRIP_MS):
            turn.delay = direct.delay = trip / 2000
            async with relay(server.port, trip) as signalling:
                times = [await run(server, signalling.port, secret) for _ in range(RUNS)]
            medians.append(statistics.median(times))
    trips = (medians[1] - medians[0]) / ROUND_TRIP_MS
    print(f"without a delay {medians[0]:.0f} ms, with {ROUND_TRIP_MS:.0f} ms {medians[1]:.0f} ms")
    print(f"{trips:.2f} round trips; the longest chain has {CHAIN}: {trips / CHAIN:.2f} times")
    return trips <= LIMIT * CHAIN


async def main() -> int:
    user = {"username": "alice", "credential": "made-up-credential-1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        coturn(users={user["username"]: user["credential"]}) as turn,
    ):
        place = ("127.0.0.1", turn.port)
        async with udp_relay(("127.0.0.3", turn.port), place) as to_turn:
            entry = {"host": "127.0.0.3", "port": turn.port, "protocol": "udp", **user}
            rtc = {
                "node_ip": NEAR,
                "tcp_port": 0,  # its address would be the relay's
                "stun_servers": [f"127.0.0.3:{turn.port}"],
                "turn_servers": [entry],
            }
            with livekit_server(config={"rtc": rtc}) as server:
                secret = Path(folder) / "secret"
                secret.write_text(server.long_secret)
                config = json.loads((server.log.parent / "config.yaml").read_text())
                media = int(config["rtc"]["udp_port"])
                well = await compare(server, media, to_turn, secret)
    print("as it should be" if well else f"MORE than {LIMIT} times")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
