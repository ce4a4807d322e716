"""The sandbox as a thing to start, stop, and throw stones at."""

import asyncio
import base64
import contextlib
import gzip
import http.client
import json
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from conformance.peer import UPGRADE, Target, join, join_request, new_room
from livekit.protocol.room import CreateRoomRequest
from livekit.protocol.rtc import WrappedJoinRequest

from lkdoctor.sandbox import Fault, Sandbox, VersionError, running_sandbox
from lkdoctor.sandbox.rooms import Rooms
from lkdoctor.sandbox.settings import Settings


class FixedClock:
    """Time stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self._count = 0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def token_hex(self, size: int) -> str:
        self._count += 1
        return f"{self._count:0{2 * size}x}"


def _target(sandbox: Sandbox) -> Target:
    return Target(
        "sandbox", sandbox.server_version, sandbox.http_url, sandbox.api_key, sandbox.api_secret
    )


def _get(sandbox: Sandbox, path: str, token: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_starts_and_stops_with_the_block() -> None:
    with running_sandbox() as sandbox:
        assert sandbox.environment() == {
            "LIVEKIT_URL": f"ws://127.0.0.1:{sandbox.port}",
            "LIVEKIT_API_KEY": "devkey",
            "LIVEKIT_API_SECRET": "secret",
        }
        assert _get(sandbox, "/") == (200, "OK")
        assert _get(sandbox, "/rtc/validate", sandbox.token()) == (200, "success")
    with pytest.raises(ConnectionRefusedError):
        _get(sandbox, "/")


async def test_it_lives_in_a_loop_that_is_there() -> None:
    async with (
        Sandbox() as sandbox,
        aiohttp.ClientSession() as http,
        http.get(sandbox.http_url) as answer,
    ):
        assert await answer.text() == "OK"


def test_a_port_that_is_taken_is_an_error_where_it_was_started() -> None:
    with (
        running_sandbox() as first,
        pytest.raises(OSError, match="in use"),
        running_sandbox(port=first.port),
    ):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_it_listens_on_one_loopback_address_alone() -> None:
    with running_sandbox() as sandbox, socket.socket() as same_port:
        same_port.bind(("127.0.0.2", sandbox.port))


def test_naming_a_fault_loads_no_server() -> None:
    code = (
        "import sys; from lkdoctor.sandbox import Fault, pytest_plugin; print(len(Fault), "
        "sorted({'aiohttp', 'livekit', 'asyncio', 'ssl'} & set(sys.modules)))"
    )
    # pytest itself brings asyncio and ssl or not; only what we add is looked at.
    code = "import pytest, sys; before = set(sys.modules)\n" + code.replace(
        "set(sys.modules)", "(set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(Fault)} []\n"


@pytest.mark.parametrize(
    ("asked", "name"),
    [("1.8", "1.8.4"), ("1.13.5", "1.13.5"), ("1.5", "1.5.0"), ("1", "1.13.5"), (None, "1.13.5")],
)
def test_a_version_by_the_beginning_of_its_name(asked: str | None, name: str) -> None:
    assert Sandbox(version=asked).server_version == name
    assert f"It answers as livekit-server {name}," in Sandbox(version=asked).banner()


@pytest.mark.parametrize("asked", ["", "1.1", "1.13.4", "2", "newest"])
def test_a_version_that_there_is_not(asked: str) -> None:
    with pytest.raises(VersionError) as refused:
        Sandbox(version=asked)
    known = "1.13.5, 1.11.0, 1.9.12, 1.8.4, 1.5.0"
    assert str(refused.value) == f"{asked}: the sandbox answers as one of {known}"


def test_it_says_that_it_is_a_stand_in() -> None:
    assert Sandbox(port=7880, faults=[Fault.ROOM_FULL]).banner() == (
        "lkdoctor sandbox: a stand-in for LiveKit, not a LiveKit server; no media. "
        "ws://127.0.0.1:7880\n"
        "It answers as livekit-server 1.13.5, on this machine only.\n"
        "Broken on purpose, signal-room-full: Every room has one place, and somebody sits in it."
    )


def test_the_pytest_fixture(lkdoctor_sandbox: Callable[..., Sandbox]) -> None:
    """Each call starts another, as it is asked for."""
    healthy = lkdoctor_sandbox(keys={"mykey": "mysecret"})
    broken = lkdoctor_sandbox(faults=["wrong-secret"])
    assert (healthy.api_key, healthy.api_secret) == ("mykey", "mysecret")
    assert _get(healthy, "/rtc/validate", healthy.token("anna")) == (200, "success")
    assert _get(broken, "/rtc/validate", broken.token("anna"))[0] == 401


@pytest.mark.lkdoctor_sandbox(faults=["token-bad-signature"], version="1.8")
def test_a_mark_says_what_the_fixture_starts(lkdoctor_sandbox: Callable[..., Sandbox]) -> None:
    """Unless the call says otherwise."""
    broken, mended = lkdoctor_sandbox(), lkdoctor_sandbox(faults=[])
    assert (broken.server_version, mended.server_version) == ("1.8.4", "1.8.4")
    assert _get(broken, "/rtc/validate", broken.token())[0] == 401
    assert _get(mended, "/rtc/validate", mended.token()) == (200, "success")


async def _call(http: aiohttp.ClientSession, sandbox: Sandbox, method: str, **request: Any) -> Any:
    """A call with a token that never ends, whatever time it is at the sandbox."""
    target = _target(sandbox)
    grants = {"roomCreate": True, "roomList": True}
    token = target.signed({"exp": 2**40, "video": grants})
    async with http.post(
        target.at(f"/twirp/livekit.RoomService/{method}"),
        json=request,
        headers={"Authorization": f"Bearer {token}"},
    ) as answer:
        assert answer.status == 200
        return await answer.json()


async def _names(http: aiohttp.ClientSession, sandbox: Sandbox) -> list[tuple[str, int]]:
    rooms = (await _call(http, sandbox, "ListRooms"))["rooms"]
    return [(room["name"], room["num_participants"]) for room in rooms]


async def test_rooms_end_when_they_have_been_empty_for_long_enough() -> None:
    clock = FixedClock()
    async with Sandbox(clock=clock) as sandbox, aiohttp.ClientSession() as http:
        await _call(http, sandbox, "CreateRoom", name="never joined", empty_timeout=60)
        bearer = {"Authorization": f"Bearer {sandbox.token('anna', 'joined')}"}
        ws = await http.ws_connect(_target(sandbox).at("/rtc"), headers=bearer)
        await ws.receive_bytes()
        clock.time += 59
        assert await _names(http, sandbox) == [("never joined", 0), ("joined", 1)]
        clock.time += 1
        assert await _names(http, sandbox) == [("joined", 1)]
        clock.time += 5000
        assert await _names(http, sandbox) == [("joined", 1)]
        await ws.close()
        while await _names(http, sandbox) != [("joined", 0)]:
            pass  # bounded by the test's own timeout
        clock.time += 19
        assert await _names(http, sandbox) == [("joined", 0)]
        clock.time += 1
        assert await _names(http, sandbox) == []


async def test_a_turn_server_is_offered_with_its_credential() -> None:
    async with Sandbox(turn_credential="canary") as sandbox, aiohttp.ClientSession() as http:
        peer = await join(http, _target(sandbox), new_room(), "anna")
        turn, stun = (await peer.receive("join")).join.ice_servers
        await peer.ws.close()
    assert (list(turn.urls), turn.credential) == (
        [f"turn:127.0.0.1:{sandbox.port}?transport=udp"],
        "canary",
    )
    assert turn.username.startswith("PA_")
    assert (list(stun.urls), stun.credential) == ([f"stun:127.0.0.1:{sandbox.port}"], "")


async def test_every_ending_of_a_session_is_a_close_with_1000() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        peer = await join(http, _target(sandbox), new_room(), "anna")
        await peer.ws.send_bytes(b"\xff")
        await peer.ending()
        assert peer.ws.close_code == 1000


@pytest.fixture
def bystander() -> Iterator[Sandbox]:
    """A sandbox that must still answer when the stone has been thrown."""
    with running_sandbox() as sandbox:
        yield sandbox
        assert _get(sandbox, "/rtc/validate", sandbox.token()) == (200, "success")


@pytest.mark.parametrize(
    "stone",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"\0" * 100_000, id="zeros"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100_000, id="endless headers"),
        pytest.param(b"GET /" + b"x" * 3_000_000, id="endless path"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\n\r\n", id="no type"),
        pytest.param(b"GET http://elsewhere.example/rtc HTTP/1.1\r\n\r\n", id="as a proxy"),
        pytest.param(b"GET /%ff%00?%ff=%00&access_token=%ff%fe HTTP/1.1\r\n\r\n", id="odd bytes"),
        pytest.param(b"GET //// HTTP/1.1\r\nHost: x\r\n\r\n", id="slashes"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", id="asterisk"),
        pytest.param(
            b"GET /rtc HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\xff\xff",
            id="frames before the upgrade",
        ),
    ],
)
def test_bytes_that_are_no_request(stone: bytes, bystander: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", bystander.port)) as thrower:
        try:
            thrower.sendall(stone)
            thrower.shutdown(socket.SHUT_WR)
            thrower.recv(1000)
        except OSError:
            pass  # it may close before it has read all


def _wrapped(data: bytes, compression: int) -> str:
    wrapped = WrappedJoinRequest(join_request=data)
    if compression:
        wrapped.compression = WrappedJoinRequest.Compression.GZIP
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


def test_a_join_request_that_unpacks_without_end(bystander: Sandbox) -> None:
    bomb = _wrapped(gzip.compress(b"\0" * 20_000_000, 9), compression=1)
    path = f"/rtc/v1/validate?join_request={bomb}"
    assert _get(bystander, path, bystander.token()) == (400, "join request too large")


def test_claims_nested_without_end(bystander: Sandbox) -> None:
    deep = "[" * 100_000
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(f'{{"a":{deep}'.encode()).decode().rstrip("=")
    assert _get(bystander, "/rtc/validate", f"{head}.{body}.x") == (
        401,
        "invalid authorization token",
    )


async def _join(sandbox: Sandbox, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    path = f"/rtc/v1?join_request={join_request()}"
    headers = {"Authorization": f"Bearer {sandbox.token('stone thrower')}"}
    return await http.ws_connect(_target(sandbox).at(path), headers=headers)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\0" * 5_000_000, id="too large"),
        pytest.param(b"\x0a\xff\xff\xff\xff\x0f", id="a length without bytes"),
        pytest.param(b"", id="empty"),
        pytest.param("[" * 100_000, id="deep JSON"),
        pytest.param('{"ping": "1e400"}', id="a number beyond all"),
    ],
)
async def test_frames_that_are_no_request(frame: bytes | str, bystander: Sandbox) -> None:
    async with aiohttp.ClientSession() as http:
        ws = await _join(bystander, http)
        with contextlib.suppress(ConnectionError):  # it need not read to the end
            await (ws.send_bytes(frame) if isinstance(frame, bytes) else ws.send_str(frame))
        await ws.close()


async def test_a_message_that_unpacks_without_end(bystander: Sandbox) -> None:
    """A permessage-deflate bomb: 1000 to 1, far beyond what a message may hold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"\0" * 50_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    payload = packed[:-4]
    headers = [
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in UPGRADE.items()),
        "Sec-WebSocket-Extensions: permessage-deflate",
        f"Authorization: Bearer {bystander.token('bomber')}",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", bystander.port)
    writer.write(("GET /rtc HTTP/1.1\r\n" + "\r\n".join(headers) + "\r\n\r\n").encode())
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 101 ")
    writer.write(b"\xc2\xff" + len(payload).to_bytes(8, "big") + b"\0\0\0\0" + payload)
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.transport.abort()


async def test_a_client_who_never_reads(bystander: Sandbox) -> None:
    """He is let go when too much waits for him; the others are served meanwhile."""
    async with aiohttp.ClientSession() as http:
        ws = await _join(bystander, http)
        with contextlib.suppress(ConnectionError):  # he may be let go while he still writes
            for _ in range(3000):
                await ws.send_str('{"ping": "1"}')
        async with http.get(bystander.http_url) as answer:
            assert await answer.text() == "OK"
        await ws.close()


def test_rooms_without_end() -> None:
    """The oldest make way."""
    clock = FixedClock()
    rooms = Rooms(Settings(keys={}), clock.token_hex, lambda _: None)
    for number in range(10_001):
        rooms.create(CreateRoomRequest(name=str(number)), clock.time)
    listed = rooms.listed([], clock.time)
    assert (len(listed), listed[0].proto.name) == (10_000, "1")


async def test_two_faults_at_once() -> None:
    faults = [Fault.CLOCK_AHEAD, Fault.API_NOT_ROUTED]
    async with (
        Sandbox(clock=FixedClock(), faults=faults) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        async with http.post(sandbox.http_url + "/twirp/livekit.RoomService/ListRooms") as answer:
            assert (answer.status, answer.headers["Server"]) == (404, "nginx/1.27.4")
        async with http.get(sandbox.http_url) as answer:
            date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert date - FixedClock().time == 2 * 86_400


async def test_news_is_collected_for_as_long_as_one_says() -> None:
    async with Sandbox(update_interval=0) as sandbox, aiohttp.ClientSession() as http:
        peer = await join(http, _target(sandbox), new_room(), "anna")
        update = (await peer.receive("update")).update
        await peer.ws.close()
    assert [info.identity for info in update.participants] == ["anna"]


def test_the_environment_has_a_token_where_the_fault_is_in_it() -> None:
    with running_sandbox(faults=[Fault.EXPIRED_TOKEN]) as sandbox:
        token = sandbox.environment()["LIVEKIT_TOKEN"]
        payload = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        status, body = _get(sandbox, "/rtc/validate", token)
    assert payload["exp"] - payload["nbf"] == 600
    assert (status, body) == (
        401,
        f"invalid token: {token}, error: token has invalid claims: token is expired",
    )
