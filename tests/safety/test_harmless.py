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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import needs
import pytest
import servers
from faults.peers import peer
from livekit.protocol.rtc import SignalResponse

from safety.agents import worker
from safety.canary import token
from safety.commands import BOOKING, COMMANDS, names

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
        before = await asyncio.to_thread(rooms_of_others, server)
        assert [name for name, _ in before] == ["consultation"]
        await lkdoctor(COMMANDS[command], server, tmp_path)
        assert await asyncio.to_thread(eventually_equal, lambda: rooms(server), before)
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
        left = await asyncio.to_thread(rooms_of_others, server)
        assert [name for name, _ in left] == ["consultation"]
    ask(server, "DeleteRoom", room="consultation")


def test_no_command_is_forgotten() -> None:
    called = [tuple(words[:2]) for words in COMMANDS.values()]
    forgotten = [
        name for name in names() if not {name, name[:1]} & {c[: len(name)] for c in called}
    ]
    assert forgotten == []


# ------------------------------------------------------------------ agents


@pytest.mark.parametrize("command", COMMANDS)
async def test_no_agent_is_started(
    command: str, server: servers.RunningServer, tmp_path: Path
) -> None:
    """A plain join afterwards does start one, so that a job for any room of ours would be seen."""
    (tmp_path / "token.txt").write_text(token(server.api_key, server.api_secret))
    async with worker(server) as one:
        await lkdoctor(COMMANDS[command], server, tmp_path)
        async with present(server, "ann", "the-next"):
            offered = await one.until("the-next")
    ask(server, "DeleteRoom", room="the-next")
    assert offered == ["the-next"]


# ------------------------------------------------------------------ Ctrl-C


class Gate:
    """A relay to a server that sends the client a signal the moment it sees something go by."""

    def __init__(
        self, port: int, *moments: tuple[bytes, bool], sends: signal.Signals = signal.SIGINT
    ) -> None:
        self._port = port
        self._sends = sends
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
                os.kill(self.pid, self._sends)


MOMENTS = {
    "as soon as it is connected": (b"connected", False),
    "when it asks for the root": (b"GET / HTTP", False),
    "when it validates": (b"/rtc/validate", False),
    "when validation is answered": (b"\r\n\r\nsuccess", True),
    "when it asks for the upgrade": (b"\r\nUpgrade: websocket", False),
    "when the upgrade is answered": (b"101 Switching", True),
    "when it sees the room": (b"lkdoctor-", True),
    "when it lists rooms": (b"RoomService/ListRooms", False),
}
OF_OLD_SERVERS = {
    "when it removes its room": (b"RoomService/DeleteRoom", False),
    "when its room is removed": (b"\r\n\r\n{}", True),
}
"""Where a server proves itself and knows no room that ends by itself."""


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
    interrupted_there(command, MOMENTS[moment], server, tmp_path)


def interrupted_there(
    command: list[str],
    moment: tuple[bytes, bool],
    server: servers.RunningServer,
    folder: Path,
    sends: signal.Signals = signal.SIGINT,
) -> None:
    """Interrupts at that moment: there is a report, and after a while nothing else."""
    before = rooms_of_others(server)
    gate = Gate(server.port, moment, sends=sends)
    code, out, err = through(gate, [*command, "--json"], server, folder)
    assert gate.interrupted
    assert "Traceback" not in err
    report = json.loads(out)  # whenever it comes, an interruption costs nobody the report
    assert report["summary"]["exit_code"] == code
    # Where it had already done all its work, there was nothing left to interrupt.
    told = report["run"]
    run = (code, told["completed"], told["interrupted_by"], told["signal"])
    assert run in {(130, False, "signal", sends.name), (0, True, None, None)}
    assert eventually_equal(lambda: rooms(server), before)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
@pytest.mark.parametrize("sends", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["when it validates", "when it sees the room"])
def test_what_ends_a_process_is_heard_as_ctrl_c_is(
    moment: str, sends: signal.Signals, server: servers.RunningServer, tmp_path: Path
) -> None:
    interrupted_there(["ws-probe", "--pings", "50"], MOMENTS[moment], server, tmp_path, sends)


@pytest.fixture(scope="module")
def old_server() -> Iterator[servers.RunningServer]:
    """Of one key: its fresh tokens prove that it has the secret, and it is asked to delete."""
    try:
        with servers.livekit_server("1.5.0", keys={servers.LONG_KEY: "made-up-" * 6}) as running:
            yield running
    except servers.ServerMissingError as missing:
        needs.missing(str(missing))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("moment", OF_OLD_SERVERS)
def test_a_removal_that_is_interrupted_is_carried_out(
    moment: str, old_server: servers.RunningServer, tmp_path: Path
) -> None:
    interrupted_there(["ws-probe", "--pings", "2"], OF_OLD_SERVERS[moment], old_server, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("moment", ["when the upgrade is answered", "when it sees the room"])
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["diagnose"], id="diagnose"),
        pytest.param(["ws-probe", "--hold", "20"], id="ws-probe"),
        pytest.param(["ice"], id="ice"),
        pytest.param(["rehearse", *BOOKING, "--signal-only"], id="rehearse"),
    ],
)
def test_a_killed_probe_leaves_nothing_behind(
    command: list[str], moment: str, server: servers.RunningServer, tmp_path: Path
) -> None:
    """Nobody is left who could clean up: the server ends the room by itself."""
    before = rooms_of_others(server)
    gate = Gate(server.port, MOMENTS[moment], sends=signal.SIGKILL)
    code, _, _ = through(gate, command, server, tmp_path)
    assert (gate.interrupted, code) == (True, -signal.SIGKILL)
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
    old_server: servers.RunningServer, tmp_path: Path
) -> None:
    """Even while it cleans up after the first; the room then goes when the server's time is up."""
    removes = OF_OLD_SERVERS["when it removes its room"]
    gate = Gate(old_server.port, removes, removes)
    code, _, err = through(gate, ["ws-probe", "--pings", "2"], old_server, tmp_path)
    assert gate.interrupted
    assert code == 130
    assert "Traceback" not in err
    assert "lkdoctor broke" not in err
    for name, _ in rooms(old_server):  # the next test finds the server as this one did
        ask(old_server, "DeleteRoom", room=name)


def rooms_of_others(server: servers.RunningServer) -> list[tuple[str, str]]:
    """The rooms of a server, once those of lkdoctor's earlier runs have ended by themselves."""

    def ours() -> list[str]:
        return [name for name, _ in rooms(server) if name.startswith("lkdoctor-")]

    assert eventually_equal(ours, [])
    return rooms(server)


def eventually_equal(read: Any, expected: Any) -> bool:
    """Whether it comes true within 10 s: a room of ours ends within two, on an idle machine."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if read() == expected:
            return True
        time.sleep(0.05)
    return bool(read() == expected)
