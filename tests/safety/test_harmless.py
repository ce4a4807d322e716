"""What was on a server before a command is there after it, and nothing else."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import servers
from faults.peers import peer
from livekit.protocol.rtc import SignalResponse

from safety.canary import token

QUIET = {"PATH": os.environ.get("PATH", ""), "PYTHONIOENCODING": "utf-8"} | {
    name: os.environ[name]
    for name in ("SYSTEMROOT", "TEMP", "HOME", "COVERAGE_PROCESS_CONFIG")
    if name in os.environ
}


def environment(server: servers.RunningServer, url: str | None = None) -> dict[str, str]:
    return {
        **QUIET,
        "LIVEKIT_URL": url or server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }


def ask(server: servers.RunningServer, method: str, **arguments: Any) -> dict[str, Any]:
    """The server API, by hand."""
    grants = {
        "roomList": True,
        "roomAdmin": True,
        "roomCreate": True,
        "room": arguments.get("room"),
    }
    request = urllib.request.Request(
        f"{server.http_url}/twirp/livekit.RoomService/{method}",
        data=json.dumps(arguments).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Bearer " + token(server.api_key, server.api_secret, video=grants),
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def rooms(server: servers.RunningServer) -> list[tuple[str, str]]:
    return sorted((room["name"], room["sid"]) for room in ask(server, "ListRooms")["rooms"])


COMMANDS = {
    "diagnose": ["diagnose"],
    "diagnose a token": ["diagnose", "--token-file", "token.txt"],
    "diagnose a booking": ["diagnose", "--booking", "consultation", "--user", "ann"],
    "diagnose a room": ["diagnose", "--room", "consultation"],
    "dry run": ["diagnose", "--dry-run", "--join", "--token-file", "token.txt"],
    "check-env": ["check-env"],
    "token": ["token", "--room", "consultation", "--identity", "ann"],
    "token decode": ["token", "decode", "@token.txt"],
    "ws-probe": ["ws-probe"],
    "ws-probe of a token": ["ws-probe", "--token-file", "token.txt"],
    "ws-probe v1": ["ws-probe", "--path", "rtc/v1"],
    "ws-probe three times": ["ws-probe", "--repeat", "3"],
    "rooms list": ["rooms", "list"],
    "rooms show": ["rooms", "show", "consultation"],
    "rooms end, dry": ["rooms", "end", "consultation", "--dry-run"],
    "rooms end, empty only": ["rooms", "end", "consultation", "--yes", "--empty-only"],
    "rooms end, nobody to ask": ["rooms", "end", "consultation"],
}


async def lkdoctor(arguments: list[str], server: servers.RunningServer, folder: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lkdoctor", *arguments),
        env=environment(server),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return await process.wait()


class Participant:
    """A person in a room, as far as signalling goes."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, sid: str) -> None:
        self._ws = ws
        self.sid = sid

    async def heard(self) -> list[str]:
        """What the server has said until now; ``closed`` where it hung up."""
        said: list[str] = []
        while True:
            try:
                message = await asyncio.wait_for(self._ws.receive(), 0.05)
            except TimeoutError:
                return said
            if message.type is not aiohttp.WSMsgType.BINARY:
                return [*said, "closed"]
            said.append(str(SignalResponse.FromString(message.data).WhichOneof("message")))


@contextlib.asynccontextmanager
async def present(
    server: servers.RunningServer, identity: str, room: str
) -> AsyncIterator[Participant]:
    """Somebody joins a room and stays."""
    given = token(server.api_key, server.api_secret, identity=identity, room=room)
    url = f"{server.url}/rtc?protocol=15&auto_subscribe=0"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {given}"}) as session,
        session.ws_connect(url, autoping=True) as ws,
    ):
        first = SignalResponse.FromString(await ws.receive_bytes())
        yield Participant(ws, first.join.participant.sid)


@pytest.mark.parametrize("command", COMMANDS)
async def test_who_is_in_a_room_stays_there(
    command: str, server: servers.RunningServer, tmp_path: Path
) -> None:
    """The person whose token is probed is in the room meanwhile; nobody joins in his name."""
    given = token(server.api_key, server.api_secret)
    (tmp_path / "token.txt").write_text(given)
    async with present(server, "ann", "consultation") as ann:
        before = rooms(server)
        assert [name for name, _ in before] == ["consultation"]
        await lkdoctor(COMMANDS[command], server, tmp_path)
        assert rooms(server) == before
        people = ask(server, "ListParticipants", room="consultation")["participants"]
        assert [(p["identity"], p["sid"]) for p in people] == [("ann", ann.sid)]
        heard = await ann.heard()
        assert not {"leave", "closed"} & set(heard)
    ask(server, "DeleteRoom", room="consultation")


async def test_joining_on_request_is_what_disconnects(
    server: servers.RunningServer, tmp_path: Path
) -> None:
    """The test above would notice: with --join the person is replaced, as the command said."""
    (tmp_path / "token.txt").write_text(token(server.api_key, server.api_secret))
    async with present(server, "ann", "consultation") as ann:
        command = ["ws-probe", "--token-file", "token.txt", "--join"]
        assert await lkdoctor(command, server, tmp_path) == 0
        assert "leave" in await ann.heard()
        assert [name for name, _ in rooms(server)] == ["consultation"]
    ask(server, "DeleteRoom", room="consultation")


# ------------------------------------------------------------------ Ctrl-C


class Gate:
    """A relay to a server that interrupts the client the moment it sees something go by."""

    def __init__(self, port: int, *moments: tuple[bytes, bool]) -> None:
        self._port = port
        self._moments = list(moments)
        self.pid = 0

    @property
    def interrupted(self) -> bool:
        """Whether every moment has come."""
        return not self._moments

    def relay(self, client: socket.socket) -> None:
        self._look(b"connected", from_server=False)
        with socket.create_connection(("127.0.0.1", self._port)) as upstream:
            back = threading.Thread(target=self._pump, args=(upstream, client, True), daemon=True)
            back.start()
            self._pump(client, upstream, from_server=False)
            back.join(10)

    def _pump(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                # A request is seen before it is passed on, an answer after.
                if not from_server:
                    self._look(data, from_server=False)
                sink.sendall(data)
                if from_server:
                    self._look(data, from_server=True)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _look(self, data: bytes, *, from_server: bool) -> None:
        if self._moments:
            seen, of_server = self._moments[0]
            if seen in data and of_server is from_server:
                del self._moments[0]
                os.kill(self.pid, signal.SIGINT)


MOMENTS = {
    "as soon as it is connected": (b"connected", False),
    "when it asks for the root": (b"GET / HTTP", False),
    "when it validates": (b"/rtc/validate", False),
    "when validation is answered": (b"\r\n\r\nsuccess", True),
    "when it asks for the upgrade": (b"\r\nUpgrade: websocket", False),
    "when the upgrade is answered": (b"101 Switching", True),
    "when it sees the room": (b"lkdoctor-", True),
    "when it lists rooms": (b"RoomService/ListRooms", False),
    "when it removes its room": (b"RoomService/DeleteRoom", False),
    "when its room is removed": (b"\r\n\r\n{}", True),
}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    ("command", "moment"),
    [
        *(pytest.param(["diagnose"], moment, id=f"diagnose {moment}") for moment in MOMENTS),
        *(
            pytest.param(["ws-probe", "--pings", "2"], moment, id=f"ws-probe {moment}")
            for moment in MOMENTS
            if moment != "when it lists rooms"  # it does not
        ),
    ],
)
def test_an_interrupted_probe_leaves_nothing_behind(
    command: list[str], moment: str, server: servers.RunningServer, tmp_path: Path
) -> None:
    before = rooms(server)
    gate = Gate(server.port, MOMENTS[moment])
    code, out, err = through(gate, [*command, "--json"], server, tmp_path)
    assert gate.interrupted
    assert "Traceback" not in err
    report = json.loads(out)  # whenever it comes, an interruption costs nobody the report
    assert report["summary"]["exit_code"] == code
    # Where it had already done all its work, there was nothing left to interrupt.
    run = (code, report["run"]["completed"], report["run"]["interrupted_by"])
    assert run in {(130, False, "signal"), (0, True, None)}
    assert eventually_equal(lambda: rooms(server), before)


def through(
    gate: Gate, command: list[str], server: servers.RunningServer, folder: Path
) -> tuple[int, str, str]:
    """Runs a command against the server behind the gate."""
    # The gate needs the process's id before the process connects: it waits for a line.
    start = (
        "import sys; sys.stdin.readline(); "
        "from lkdoctor.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )
    with (
        peer(gate.relay) as port,
        subprocess.Popen(
            [sys.executable, "-c", start, *command],
            env=environment(server, f"ws://127.0.0.1:{port}"),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        gate.pid = process.pid
        out, err = process.communicate("go\n", timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
def test_a_second_interrupt_ends_it_without_a_traceback(
    server: servers.RunningServer, tmp_path: Path
) -> None:
    """Even while it cleans up after the first; the room then goes when the server's time is up."""
    gate = Gate(server.port, MOMENTS["when it sees the room"], MOMENTS["when it removes its room"])
    code, _, err = through(gate, ["ws-probe", "--pings", "50"], server, tmp_path)
    assert gate.interrupted
    assert code == 130
    assert "Traceback" not in err
    assert "lkdoctor broke" not in err
    for name, _ in rooms(server):  # the next test finds the server as this one did
        ask(server, "DeleteRoom", room=name)


def eventually_equal(read: Any, expected: Any) -> bool:
    """Whether it comes true within 2 s: a request may still be on its way."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if read() == expected:
            return True
        time.sleep(0.05)
    return bool(read() == expected)
