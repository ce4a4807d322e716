"""Sessions with raw servers that misbehave, and with real ones."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import jwt
import left
import pytest
import trustme
from livekit.protocol import models, rtc
from probes.peers import Behaviour, Caller, address, peer, soon, timeless
from servers import NEWEST, RunningServer, livekit_server
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from lkdoctor.actions import Ask, ThrowAwayRoom, fleeting
from lkdoctor.clock import SystemClock
from lkdoctor.config.target import KeyPair, SecretSetting, Setting
from lkdoctor.diagnosis.signing import Signer
from lkdoctor.facts.api import ParticipantsListed
from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    Candidate,
    CleanUp,
    FirstMessageProblem,
    Goodbye,
    Held,
    Joined,
    LeftAtOnce,
    NoFirstMessage,
    Phase,
    PhaseName,
    PhaseOutcome,
    Pings,
    Upgrade,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Validation,
    Whose,
)
from lkdoctor.probes import api, signal
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Endpoint, Route, dial
from lkdoctor.redact import Secret
from lkdoctor.tokens.proof import Proof
from lkdoctor.wire import twirp
from lkdoctor.wire.handshake import MAX_MESSAGE
from lkdoctor.wire.http import Answer
from lkdoctor.wire.signal import CLASSIC_PATH, V1_PATH

TOKEN = Secret("made-up-token-of-these-tests")

UPGRADED = Upgraded(0.0, (("upgrade", "websocket"),))
"""What `shortened` leaves of an upgrade's headers."""


class Talker:
    """The server's side of a WebSocket, as raw as a test needs it."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.protocol = ServerProtocol()
        self.request: Request

    async def accept(self) -> None:
        while True:
            self.protocol.receive_data(await self.caller.reader.read(65536))
            for event in self.protocol.events_received():
                assert isinstance(event, Request)
                self.request = event
                answer = self.protocol.accept(event)
                del answer.headers["Date"]
                self.protocol.send_response(answer)
                await self.flush()
                return

    async def flush(self) -> None:
        await self.caller.say(b"".join(self.protocol.data_to_send()))

    async def say(self, **message: object) -> None:
        response = rtc.SignalResponse(**message)  # type: ignore[arg-type]
        self.protocol.send_binary(response.SerializeToString())
        await self.flush()

    async def requests(self) -> AsyncIterator[rtc.SignalRequest]:
        while data := await self.caller.reader.read(65536):
            self.protocol.receive_data(data)
            for event in self.protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                    yield rtc.SignalRequest.FromString(bytes(event.data))
            await self.flush()


JOIN = rtc.JoinResponse(
    room=models.Room(sid="RM_1", name="demo"),
    participant=models.ParticipantInfo(sid="PA_1", identity="me"),
    subscriber_primary=True,
)

JOINED = Joined(
    took_ms=0.0,
    room="demo",
    room_sid="RM_1",
    identity="me",
    participant_sid="PA_1",
    server_version="",
    protocol=0,
    region="",
    node_id="",
    edition="Standard",
    ping_interval_s=0,
    ping_timeout_s=0,
    room_created_at=0.0,
    num_participants=0,
    max_participants=0,
    subscriber_primary=True,
    message_bytes=JOIN.ByteSize() + 2,
)


async def raw(caller: Caller, behind: bytes) -> None:
    """Upgrade, say these bytes, and hold."""
    talker = Talker(caller)
    await talker.accept()
    await caller.say(behind)
    await caller.hold()


def saying(behind: bytes) -> Callable[[Caller], Awaitable[None]]:
    return lambda caller: raw(caller, behind)


def frame(opcode: Opcode, data: bytes) -> bytes:
    return bytes(Frame(opcode, data).serialize(mask=False))


async def join(
    behaviour: Callable[[Caller], Awaitable[None]], deadline: Deadline | None = None
) -> signal.Session:
    deadline = deadline or soon()
    async with peer(behaviour) as there, dial(Endpoint(there), deadline) as route:
        return shortened(timeless(await signal.join(route, TOKEN, Whose.MINTED, deadline)))


def shortened(session: signal.Session) -> signal.Session:
    """Without the headers that differ from run to run."""
    result = session.attempt.result
    if isinstance(result, Upgraded):
        session = session._replace(
            attempt=session.attempt._replace(
                result=result._replace(
                    headers=tuple(h for h in result.headers if h[0] == "upgrade")
                )
            )
        )
    return session


def attempt(result: Upgrade) -> UpgradeAttempt:
    return UpgradeAttempt(Whose.MINTED, "/rtc", result)


def phases(
    upgrade: PhaseOutcome, detail: str, first: PhaseOutcome, first_detail: str = ""
) -> tuple[Phase, ...]:
    return (
        Phase(PhaseName.DNS, PhaseOutcome.OK),
        Phase(PhaseName.TCP, PhaseOutcome.OK),
        Phase(PhaseName.UPGRADE, upgrade, detail=detail),
        Phase(PhaseName.FIRST_MESSAGE, first, detail=first_detail),
    )


OK = PhaseOutcome.OK
FAILED = PhaseOutcome.FAILED
LATE = PhaseOutcome.TIMEOUT
NOT_REACHED = PhaseOutcome.NOT_REACHED


@pytest.mark.parametrize(
    ("behind", "outcome", "first"),
    [
        pytest.param(
            b"",
            LATE,
            NoFirstMessage(FirstMessageProblem.SILENCE, "nothing in the time given", 0.0),
            id="silence",
        ),
        pytest.param(
            frame(Opcode.BINARY, b"abc")[:-1],
            LATE,
            NoFirstMessage(FirstMessageProblem.SLOW, "4 bytes of a message that did not end", 0.0),
            id="half a message",
        ),
        pytest.param(
            frame(Opcode.TEXT, b"hello \x1b[31m"),
            FAILED,
            NoFirstMessage(FirstMessageProblem.NOT_LIVEKIT, "text: hello \\x1b[31m", 0.0),
            id="text",
        ),
        pytest.param(
            frame(Opcode.BINARY, b"\xff\xff\xff"),
            FAILED,
            NoFirstMessage(
                FirstMessageProblem.NOT_LIVEKIT,
                "not a signalling message: \\xff\\xff\\xff",
                0.0,
            ),
            id="garbage",
        ),
        pytest.param(
            frame(
                Opcode.BINARY,
                rtc.SignalResponse(pong_resp=rtc.Pong(timestamp=1)).SerializeToString(),
            ),
            FAILED,
            NoFirstMessage(FirstMessageProblem.NOT_LIVEKIT, "pong in place of a join", 0.0),
            id="a pong in place of a join",
        ),
        pytest.param(
            frame(
                Opcode.BINARY,
                rtc.SignalResponse(
                    leave=rtc.LeaveRequest(reason=models.JOIN_FAILURE)
                ).SerializeToString(),
            ),
            FAILED,
            LeftAtOnce(0.0, "JOIN_FAILURE", "DISCONNECT"),
            id="a leave",
        ),
        pytest.param(
            frame(Opcode.CLOSE, b"\x03\xf0nope"),
            FAILED,
            NoFirstMessage(FirstMessageProblem.CLOSED, "close code 1008: nope", 0.0),
            id="a close frame",
        ),
        pytest.param(
            b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8) + b"x" * 100_000,
            FAILED,
            NoFirstMessage(
                FirstMessageProblem.TOO_LARGE,
                "frame with 1048577 bytes exceeds limit of 1048576 bytes",
                0.0,
            ),
            id="a huge message",
        ),
        pytest.param(
            b"\xc2\x03abc",
            FAILED,
            NoFirstMessage(FirstMessageProblem.BROKEN_FRAME, "reserved bits must be 0", 0.0),
            id="a compressed message",
        ),
    ],
)
async def test_after_the_101(
    behind: bytes, outcome: PhaseOutcome, first: NoFirstMessage | LeftAtOnce
) -> None:
    session = await join(saying(behind), soon(0.6))
    if isinstance(first, NoFirstMessage):
        detail: str = first.problem
    else:
        detail = f"leave {first.reason}"
    assert session == signal.Session(attempt(UPGRADED), first, phases(OK, "", outcome, detail))


async def test_hung_up_after_the_101() -> None:
    async def hang_up(caller: Caller) -> None:
        await Talker(caller).accept()

    session = await join(hang_up)
    detail = "the connection ended without a close frame"
    assert session.first == NoFirstMessage(FirstMessageProblem.DROPPED, detail, 0.0)


def answering(answer: bytes) -> Callable[[Caller], Awaitable[None]]:
    async def behave(caller: Caller) -> None:
        await caller.head()
        await caller.say(answer)

    return behave


async def silent(caller: Caller) -> None:
    await caller.hold()


@pytest.mark.parametrize(
    ("behaviour", "result", "outcome", "detail"),
    [
        pytest.param(
            answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            UpgradeRefused(HttpAnswer(404, "Not Found", (("content-length", "0"),), "", 0, 0.0)),
            FAILED,
            "HTTP 404",
            id="a proxy that drops the upgrade",
        ),
        pytest.param(
            answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            UpgradeInvalid(
                HttpAnswer(101, "Switching Protocols", (), "", 0, 0.0), "missing Connection header"
            ),
            FAILED,
            "HTTP 101",
            id="a 101 that is no handshake",
        ),
        pytest.param(
            answering(b""),
            UpgradeUnanswered(NoAnswer(Silence.CLOSED, "not a byte", 0.0)),
            FAILED,
            "closed",
            id="closes",
        ),
        pytest.param(
            silent,
            UpgradeUnanswered(NoAnswer(Silence.TIMEOUT, "not a byte", 0.0)),
            LATE,
            "timeout",
            id="is silent",
        ),
    ],
)
async def test_no_upgrade(
    behaviour: Callable[[Caller], Awaitable[None]],
    result: Upgrade,
    outcome: PhaseOutcome,
    detail: str,
) -> None:
    session = await join(behaviour, soon(0.6))
    expected = phases(outcome, detail, NOT_REACHED)
    assert session == signal.Session(attempt(result), phases=expected)


async def test_a_session(heard: list[str]) -> None:
    """Pings one after the other, candidates on the way, and a goodbye that is answered."""

    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        heard.extend([talker.request.path, talker.request.headers["Authorization"]])
        await talker.say(join=JOIN)
        await talker.say(refresh_token="a-token-of-the-server")
        await talker.say(
            trickle=rtc.TrickleRequest(
                candidateInit='{"candidate":"candidate:1 1 udp 1 10.0.0.1 7882 typ host"}'
            )
        )
        async for request in talker.requests():
            kind = request.WhichOneof("message")
            heard.append(str(kind))
            if kind == "ping_req":
                pong = rtc.Pong(last_ping_timestamp=request.ping_req.timestamp, timestamp=1000)
                await talker.say(pong_resp=pong)
                await talker.say(trickle=rtc.TrickleRequest(final=True))
            if kind == "leave":
                await talker.say(leave=rtc.LeaveRequest(reason=models.CLIENT_INITIATED))
                talker.protocol.send_close(1000)
                await talker.flush()

    session = await join(serve)
    assert session._replace(clock=None) == signal.Session(
        attempt(UPGRADED),
        JOINED,
        phases(OK, "", OK),
        Pings(3, (0.0, 0.0, 0.0)) if session.pings is None else session.pings,
        (Candidate("udp", "10.0.0.1", 7882, "host"),),
        goodbye=Goodbye(answered=True, close_code=1000),
    )
    assert session.pings is not None
    assert (session.pings.sent, len(session.pings.round_trips_ms)) == (3, 3)
    assert session.clock is not None
    assert session.clock.server is not None
    assert 1.0 <= session.clock.server < 2.0
    assert heard == [
        "/rtc?auto_subscribe=1&protocol=15",
        f"Bearer {TOKEN.reveal()}",
        "ping_req",
        "ping_req",
        "ping_req",
        "leave",
    ]


KNOWN = Proof(room_config=True)


@pytest.mark.parametrize(
    ("sent", "proof", "looked_at"),
    [
        pytest.param(["good"], KNOWN, 1, id="the server's own"),
        pytest.param(["bad", "good", "good"], KNOWN, 2, id="the second"),
        pytest.param([], None, 0, id="none"),
        pytest.param(["bad"] * 500 + ["good"], None, 4, id="more than anybody looks at"),
    ],
)
@pytest.mark.parametrize("pings", [0, 1])
async def test_what_the_servers_token_proves(
    sent: list[str], proof: Proof | None, looked_at: int, pings: int
) -> None:
    """It comes unasked, and is noted wherever it comes: among the pongs, or before the goodbye."""
    seen: list[str] = []

    def prove(token: str) -> Proof | None:
        seen.append(token)
        return KNOWN if token == "good" else None

    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=JOIN)
        for token in sent:
            await talker.say(refresh_token=token)
        async for request in talker.requests():
            if request.WhichOneof("message") == "ping_req":
                await talker.say(pong_resp=rtc.Pong(timestamp=1000))
            if request.WhichOneof("message") == "leave":
                await talker.say(leave=rtc.LeaveRequest(reason=models.CLIENT_INITIATED))

    deadline = soon()
    async with peer(serve) as there, dial(Endpoint(there), deadline) as route:
        session = await signal.join(route, TOKEN, Whose.MINTED, deadline, pings=pings, prove=prove)
    assert (session.proof, session.fact.proven) == (proof, proof is not None)
    assert len(seen) == looked_at


def unmeasured(pings: Pings | None) -> Pings | None:
    return timeless(pings)


@pytest.fixture
def heard() -> list[str]:
    """What a raw server heard, in order."""
    return []


async def test_a_server_that_answers_no_ping_still_hears_that_we_leave(heard: list[str]) -> None:
    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=JOIN)
        heard.extend([str(r.WhichOneof("message")) async for r in talker.requests()])

    session = await join(serve, soon(0.8))
    assert unmeasured(session.pings) == Pings(1, (), 0.0)
    assert session.goodbye == Goodbye(
        answered=False, close_code=None, detail="nothing in the time given"
    )
    assert heard == ["ping_req", "leave"]


BUSY = rtc.JoinResponse(ping_interval=1, ping_timeout=1)
BUSY.MergeFrom(JOIN)


def ponging(pongs: int, *, late_s: float = 0.0, chatty: bool = False) -> Behaviour:
    """A server that answers so many pings, each after a while, and then no more."""

    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=BUSY)
        left = pongs
        async for request in talker.requests():
            kind = request.WhichOneof("message")
            if kind == "leave":
                await talker.say(leave=rtc.LeaveRequest(reason=models.CLIENT_INITIATED))
            if kind == "ping_req" and left:
                left -= 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), late_s)
                await talker.say(pong_resp=rtc.Pong(last_ping_timestamp=1, timestamp=2))
            if chatty:
                await talker.say(speakers_changed=rtc.SpeakersChanged())

    return serve


async def held(behaviour: Behaviour, seconds: float) -> Held:
    async with peer(behaviour) as there, dial(Endpoint(there), soon()) as route:
        session = await signal.join(route, TOKEN, Whose.MINTED, soon(), pings=0, hold_s=seconds)
    assert session.held is not None
    return session.held


@pytest.mark.parametrize(
    ("behaviour", "pongs"),
    [
        pytest.param(ponging(1), 1, id="frozen after the first ping"),
        pytest.param(ponging(0), 0, id="frozen from the start"),
        pytest.param(ponging(1, chatty=True), 1, id="no pongs among other messages"),
    ],
)
async def test_a_session_that_freezes_while_it_is_held(behaviour: Behaviour, pongs: int) -> None:
    seen = await held(behaviour, 1.5)
    assert (seen.ended, seen.pongs, seen.pings > pongs) == ("silent", pongs, True)
    assert seen.lasted_s >= 2.0  # the ping that was given up had its second


@pytest.mark.parametrize(
    ("behaviour", "seconds", "pings"),
    [
        pytest.param(ponging(9), 0.1, 1, id="shorter than the first pause"),
        pytest.param(ponging(9), 1.5, 2, id="quiet"),
        pytest.param(ponging(9, late_s=0.6), 1.5, 2, id="slow"),
        pytest.param(ponging(9, chatty=True), 1.5, 2, id="talkative"),
    ],
)
async def test_a_session_that_is_well_while_it_is_held(
    behaviour: Behaviour, seconds: float, pings: int
) -> None:
    seen = await held(behaviour, seconds)
    assert (seen.ended, seen.pings, seen.pongs) == ("", pings, pings)


async def test_a_pong_that_comes_while_we_leave_is_late_and_no_silence() -> None:
    session = await join(ponging(1, late_s=0.6), soon(0.9))
    assert session.pings is not None
    assert (len(session.pings.round_trips_ms), session.pings.waited_ms) == (1, None)


@pytest.mark.parametrize(
    ("end", "how"),
    [
        pytest.param(None, "the connection ended without a close frame", id="drops"),
        pytest.param(1001, "close code 1001: bye", id="closes"),
        pytest.param(models.ROOM_DELETED, "leave ROOM_DELETED", id="sends a leave"),
    ],
)
async def test_a_session_that_ends_before_we_leave(end: int | None, how: str) -> None:
    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=JOIN)
        if end == 1001:
            talker.protocol.send_close(1001, "bye")
            await talker.flush()
        elif end is not None:
            await talker.say(leave=rtc.LeaveRequest(reason=models.ROOM_DELETED))
            async for _ in talker.requests():
                pass

    session = await join(serve)
    assert session.cut is not None
    assert (session.cut.how, session.goodbye) == (how, None)
    assert unmeasured(session.pings) == Pings(1, (), 0.0)
    assert session.cut.after_ms >= 0


async def test_a_server_that_never_stops_talking() -> None:
    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=JOIN)
        number = 0
        while True:
            number += 1
            line = f"candidate:1 1 udp 1 10.0.0.1 {number % 60000} typ host"
            await talker.say(trickle=rtc.TrickleRequest(candidateInit=f'{{"candidate":"{line}"}}'))
            await asyncio.sleep(0)  # both sides share a loop

    deadline = soon(2.0)
    session = await join(serve, deadline)
    assert unmeasured(session.pings) == Pings(1, (), 0.0)
    assert len(session.candidates) == signal.MAX_CANDIDATES
    assert session.goodbye is not None
    assert not session.goodbye.answered
    assert deadline.clock.monotonic() < deadline.ends + 1.5


async def test_whoever_is_interrupted_has_left(heard: list[str]) -> None:
    joined = asyncio.Event()
    done = asyncio.Event()

    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=JOIN)
        async for request in talker.requests():
            heard.append(str(request.WhichOneof("message")))
            joined.set()
        done.set()

    deadline = soon()
    async with peer(serve) as there, dial(Endpoint(there), deadline) as route:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(signal.join(route, TOKEN, Whose.MINTED, deadline))
            await joined.wait()
            task.cancel()
        await done.wait()
    assert heard == ["ping_req", "leave"]


@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_session_through_tls(heard: list[str], interrupted: bool) -> None:
    """What is said last arrives too, although nobody waits for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    pinged, done = asyncio.Event(), asyncio.Event()

    async def serve(caller: Caller) -> None:
        talker = Talker(caller)
        await talker.accept()
        await talker.say(join=JOIN)
        try:
            async for request in talker.requests():
                heard.append(str(request.WhichOneof("message")))
                pinged.set()
                if heard[-1] == "ping_req" and not interrupted:
                    timestamp = request.ping_req.timestamp
                    await talker.say(pong_resp=rtc.Pong(last_ping_timestamp=timestamp))
                if heard[-1] == "leave":
                    talker.protocol.send_close(1000)
                    await talker.flush()
        finally:  # whoever is gone at once does not hear our close frame
            done.set()

    deadline = soon()
    async with peer(serve, tls=context) as there:
        async with (
            dial(Endpoint(there, insecure=True), deadline) as route,
            asyncio.TaskGroup() as group,
        ):
            task = group.create_task(signal.join(route, TOKEN, Whose.MINTED, deadline, pings=1))
            if interrupted:
                await pinged.wait()
                task.cancel()
        await done.wait()
    assert heard == ["ping_req", "leave"]
    if not interrupted:
        session = task.result()
        assert session.goodbye == Goodbye(answered=True, close_code=1000)
        assert [phase.name for phase in session.phases] == [
            n for n in PhaseName if n is not PhaseName.PROXY
        ]


async def test_a_token_in_the_query_where_that_is_asked_for() -> None:
    asked = []

    async def serve(caller: Caller) -> None:
        asked.append(await caller.head())

    deadline = soon()
    async with peer(serve) as there, dial(Endpoint(there), deadline) as route:
        token = Secret("a b&c")
        await signal.validate(route, token, Whose.GIVEN, deadline, in_query=True)
        await signal.join(route, token, Whose.GIVEN, deadline, in_query=True)
    for head, path in zip(asked, (b"/rtc/validate", b"/rtc"), strict=True):
        expected = b"GET " + path + b"?auto_subscribe=1&protocol=15&access_token=a%20b%26c HTTP"
        assert head.startswith(expected)
        assert b"Authorization" not in head


async def test_a_page_is_answered_whatever_its_origin(each_real_server: RunningServer) -> None:
    """LiveKit sends one CORS header, and from 1.9.10 on has the path that browsers try first."""
    deadline = soon()
    async with dial(Endpoint(address(each_real_server.port)), deadline) as route:
        asked = [
            await signal.validate(
                route, None, Whose.NONE, deadline, path=path, in_query=True, origin=signal.ORIGIN
            )
            for path in (CLASSIC_PATH, V1_PATH)
        ]
    own = (401, "no permissions to access the room", ("*",))
    old = (404, r"404 page not found\x0a", (signal.ORIGIN,))
    newer = each_real_server.version not in {"1.8.4", "1.5.0"}
    said = [
        (a.status, a.body, tuple(v for n, v in a.headers if n == "access-control-allow-origin"))
        for a in (validation.answer for validation in asked)
        if isinstance(a, HttpAnswer)
    ]
    assert said == [own, own if newer else old]


async def test_a_silent_server_costs_one_deadline_for_all_that_is_asked_at_once() -> None:
    deadline = soon(0.8)
    async with peer(silent) as there, dial(Endpoint(there), deadline) as route:
        async with asyncio.TaskGroup() as group:
            group.create_task(signal.join(route, TOKEN, Whose.MINTED, deadline))
            group.create_task(signal.validate(route, TOKEN, Whose.MINTED, deadline))
            group.create_task(signal.upgrade_only(route, deadline))
            group.create_task(api.list_rooms(route, TOKEN, deadline))
        assert deadline.clock.monotonic() < deadline.ends + 0.8


# The rest asks real servers.

TEST_ROOM = "lkdoctor-test"


def minted(server: RunningServer, **video: object) -> Secret:
    now = int(time.time())
    claims = {"iss": server.long_key, "sub": "lkdoctor-probe", "nbf": now - 10, "exp": now + 60}
    grants = {"video": video, "roomConfig": fleeting(TEST_ROOM)}
    return Secret(jwt.encode(claims | grants, server.long_secret))


def asking(route: Route) -> Ask:
    async def ask(request: bytes) -> Answer | NoAnswer:
        return (await route.exchange(request, soon(3))).answer

    return ask


def admin(server: RunningServer) -> Secret:
    return minted(server, roomList=True, roomCreate=True, roomAdmin=True, room=TEST_ROOM)


def joining(server: RunningServer) -> Secret:
    return minted(server, roomJoin=True, room=TEST_ROOM)


@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1"])
async def test_a_real_session(each_real_server: RunningServer, path: str) -> None:
    server = each_real_server
    deadline = soon(10)
    endpoint = Endpoint(address(server.port))
    async with dial(endpoint, deadline) as route:
        async with ThrowAwayRoom(
            TEST_ROOM, endpoint.url, lambda: admin(server), asking(route)
        ) as room:
            room.joining()
            session = await signal.join(route, joining(server), Whose.MINTED, deadline, path=path)
            room.proven(Proof(room_config=server.version != "1.5.0"))
            room.joined(session.attempt.result, session.first)
            validation = await signal.validate(
                route, joining(server), Whose.MINTED, deadline, path=path
            )
        assert await asyncio.to_thread(left.staying, server, TEST_ROOM.__eq__) == set()
    if path == "/rtc/v1" and server.version in {"1.8.4", "1.5.0"}:
        assert isinstance(session.attempt.result, UpgradeRefused)
        assert session.attempt.result.answer.body == "404 page not found\\x0a"
        assert room.clean_up is None
        return
    assert isinstance(session.first, Joined)
    assert (session.first.server_version, session.first.room) == (server.version, TEST_ROOM)
    assert session.first.identity == "lkdoctor-probe"
    assert session.pings is not None
    assert len(session.pings.round_trips_ms) == 3
    assert session.goodbye is not None
    assert session.goodbye.answered
    assert session.clock is not None
    assert session.clock.skew_ms is not None
    assert abs(session.clock.skew_ms) <= session.clock.uncertainty_ms + 20
    old = server.version == "1.5.0"
    assert room.clean_up == CleanUp(TEST_ROOM, old, lasts_s=None if old else 1)
    assert isinstance(validation.answer, HttpAnswer)
    assert (validation.path, validation.answer.body) == (f"{path}/validate", "success")
    if path == "/rtc":
        protocols = {(c.protocol, c.tcp_type) for c in session.candidates if "." in c.address}
        assert protocols == {("udp", ""), ("tcp", "passive")}


async def test_a_real_server_proves_that_it_holds_the_secret(
    each_real_server: RunningServer,
) -> None:
    """One of several keys does so as often as it happens to sign with ours."""
    server = each_real_server
    pair = KeyPair(
        Setting(server.long_key, "test"), SecretSetting(Secret(server.long_secret), "test")
    )
    signer = Signer(pair, SystemClock(), 60.0)
    video = {"roomJoin": True, "room": "lkdoctor-proof"}
    fleeting = {"emptyTimeout": 1, "departureTimeout": 1}
    token = signer.sign(video, identity="lkdoctor-probe", room_config=fleeting)
    prove = partial(signer.proof, room="lkdoctor-proof", identity="lkdoctor-probe")
    proof, times = None, (0, 0)
    async with dial(Endpoint(address(server.port)), soon(20)) as route:
        while proof is None:
            session = await signal.join(route, token, Whose.MINTED, soon(), pings=0, prove=prove)
            assert session.goodbye is not None
            assert isinstance(session.first, Joined)
            proof = session.proof
            times = (session.first.empty_timeout_s, session.first.departure_timeout_s)
        cleaner = minted(server, roomCreate=True)
        remove = {"room": "lkdoctor-proof"}
        await asking(route)(twirp.call(address(server.port), "DeleteRoom", remove, cleaner))
    knows = server.version != "1.5.0"
    assert (proof, times) == (Proof(room_config=knows), (1, 1) if knows else (300, 0))


async def test_real_answers_without_a_token(each_real_server: RunningServer) -> None:
    deadline = soon()
    async with dial(Endpoint(address(each_real_server.port)), deadline) as route:
        upgrade = await signal.upgrade_only(route, deadline)
        validation = await signal.validate(route, None, Whose.NONE, deadline)
    assert isinstance(upgrade.result, UpgradeRefused)
    assert isinstance(validation.answer, HttpAnswer)
    for answer in (upgrade.result.answer, validation.answer):
        assert (answer.status, answer.body) == (401, "no permissions to access the room")


async def test_a_real_401_does_not_bring_the_token_back(each_real_server: RunningServer) -> None:
    server = each_real_server
    token = Secret(joining(server).reveal()[:-4] + "AAAA")
    deadline = soon()
    async with dial(Endpoint(address(server.port)), deadline) as route:
        seen: tuple[Validation, UpgradeAttempt] = (
            await signal.validate(route, token, Whose.GIVEN, deadline),
            await signal.upgrade_only(route, deadline, token=token, whose=Whose.GIVEN),
        )
    assert "invalid token: <" in repr(seen)
    assert token.reveal().split(".")[1][:12] not in repr(seen)


@pytest.mark.parametrize("ms", [0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
async def test_an_interrupted_probe_leaves_no_room_behind(
    real_server: RunningServer, ms: float
) -> None:
    server = real_server
    endpoint = Endpoint(address(server.port))
    async with dial(endpoint, soon()) as route:

        async def probe() -> None:
            token = joining(server)
            await signal.join(route, token, Whose.MINTED, soon())

        async with asyncio.TaskGroup() as group:
            task = group.create_task(probe())
            await asyncio.sleep(ms / 1000)
            task.cancel()
        assert await asyncio.to_thread(left.staying, server, TEST_ROOM.__eq__) == set()


async def test_a_full_room_is_refused_by_the_join_alone() -> None:
    with livekit_server(NEWEST, config={"room": {"max_participants": 1}}) as server:
        endpoint = Endpoint(address(server.port))
        deadline = soon(20)
        async with dial(endpoint, deadline) as route, asyncio.TaskGroup() as group:
            inside = asyncio.Event()

            async def stay() -> None:
                token = jwt.encode(
                    {
                        "iss": server.long_key,
                        "sub": "first",
                        "exp": int(time.time()) + 60,
                        "video": {"roomJoin": True, "room": TEST_ROOM},
                    },
                    server.long_secret,
                )
                async with route.connection(deadline) as connection:
                    assert not isinstance(connection, NoAnswer)
                    socket = signal._websocket(route, "/rtc")
                    await signal._upgrade(connection, socket, Secret(token), deadline)
                    inside.set()
                    while True:
                        await connection.receive()

            staying = group.create_task(stay())
            await inside.wait()
            listed = await api.list_participants(route, admin(server), deadline, TEST_ROOM)
            session = await signal.join(route, joining(server), Whose.MINTED, deadline)
            validation = await signal.validate(route, joining(server), Whose.MINTED, deadline)
            staying.cancel()
    assert isinstance(listed, ParticipantsListed)
    assert [participant.identity for participant in listed.participants] == ["first"]
    assert isinstance(session.attempt.result, UpgradeRefused)
    assert session.attempt.result.answer.status == 500
    assert isinstance(validation.answer, HttpAnswer)
    assert validation.answer.body == "success"
