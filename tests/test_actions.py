"""What changes a server, asked of servers that are real, silent, or ill-willed."""

import asyncio
import json
import time
from collections.abc import Callable

import jwt
import pytest
from probes.peers import Caller, address, free_port, peer
from servers import RunningServer

from lkdoctor.actions import (
    HARMLESS,
    TRIES,
    Answered,
    Outcome,
    RoomEnd,
    ThrowAwayRoom,
    attempt,
    end_room,
    remove_if_empty,
    remove_own,
)
from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    CleanUp,
    Upgrade,
    Upgraded,
    UpgradeRefused,
    UpgradeUnanswered,
)
from lkdoctor.redact import Secret
from lkdoctor.wire import http

TOKEN = Secret("made-up-token-of-these-tests")

Said = http.Answer | NoAnswer


def said(status: int, body: object, content_type: str = "application/json") -> http.Answer:
    raw = json.dumps(body).encode()
    return http.Answer(status, "", (("content-type", content_type),), raw, False, b"")


GONE = said(404, {"code": "not_found", "msg": "requested room does not exist"})
DONE = said(200, {})


class Server:
    """Answers in this order, the last one for ever; remembers what it was asked."""

    def __init__(self, *answers: Said) -> None:
        self._answers = list(answers)
        self.asked: list[bytes] = []

    async def ask(self, request: bytes) -> Said:
        self.asked.append(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def room(server: Server, grace: float = 5.0) -> ThrowAwayRoom:
    return ThrowAwayRoom("lkdoctor-1", address(7880), TOKEN, server.ask, grace=grace)


def refused(status: int) -> UpgradeRefused:
    return UpgradeRefused(HttpAnswer(status, "", (), "", 0, 0.0))


def unanswered(problem: Silence) -> UpgradeUnanswered:
    return UpgradeUnanswered(NoAnswer(problem, "", 0.0))


REMOVED = CleanUp("lkdoctor-1", removed=True)


@pytest.mark.parametrize(
    ("upgrade", "answers", "asked", "clean_up"),
    [
        pytest.param(Upgraded(0.0), [DONE], 1, REMOVED, id="joined"),
        pytest.param(
            Upgraded(0.0), [GONE], 1, REMOVED._replace(detail="it was gone already"), id="gone"
        ),
        pytest.param(refused(500), [DONE], 1, REMOVED, id="refused when the room was made"),
        pytest.param(refused(401), [DONE], 0, None, id="refused before a room was made"),
        pytest.param(unanswered(Silence.NOT_CONNECTED), [DONE], 0, None, id="never asked"),
        pytest.param(
            unanswered(Silence.CLOSED), [GONE, DONE], 2, REMOVED, id="the join was still on its way"
        ),
        pytest.param(
            unanswered(Silence.CLOSED),
            [GONE],
            3,
            REMOVED._replace(detail="it was never made"),
            id="never made",
        ),
        pytest.param(
            Upgraded(0.0),
            [said(401, {"code": "unauthenticated", "msg": "permissions denied"})],
            1,
            CleanUp("lkdoctor-1", removed=False, detail="unauthenticated: permissions denied"),
            id="not allowed",
        ),
        pytest.param(
            Upgraded(0.0),
            [said(502, "bad", "text/html")],
            1,
            CleanUp("lkdoctor-1", removed=False, detail='HTTP 502: "bad"'),
            id="a proxy's page",
        ),
        pytest.param(
            Upgraded(0.0),
            [NoAnswer(Silence.RESET, "not a byte", 0.0)],
            1,
            CleanUp("lkdoctor-1", removed=False, detail="reset: not a byte"),
            id="no answer",
        ),
    ],
)
async def test_a_room_that_a_probe_made(
    upgrade: Upgrade, answers: list[Said], asked: int, clean_up: CleanUp | None
) -> None:
    server = Server(*answers)
    async with room(server) as made:
        made.joining()
        made.joined(upgrade)
    assert (made.clean_up, len(server.asked)) == (clean_up, asked)


DENIED = said(401, {"code": "unauthenticated", "msg": "permissions denied"})


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        pytest.param(DONE, 2, id="made"),
        pytest.param(DENIED, 1, id="refused"),
        pytest.param(said(404, "page", "text/html"), 1, id="not passed on"),
        pytest.param(said(502, "bad", "text/html"), 2, id="a gateway that may have passed it on"),
        pytest.param(NoAnswer(Silence.TIMEOUT, "", 0.0), 2, id="no answer"),
    ],
)
async def test_a_room_that_was_asked_for_is_removed_where_it_may_be_there(
    answer: Said, asked: int
) -> None:
    server = Server(answer, DONE)
    async with room(server) as made:
        await made.create()
    assert len(server.asked) == asked
    assert made.clean_up == (REMOVED if asked == 2 else None)


async def test_a_room_that_was_refused_and_then_joined_is_removed() -> None:
    server = Server(DENIED, DONE)
    async with room(server) as made:
        await made.create()
        made.joining()
        made.joined(Upgraded(0.0))
    assert made.clean_up == REMOVED


@pytest.mark.parametrize("later", [refused(401), unanswered(Silence.NOT_CONNECTED)])
async def test_a_room_that_was_made_is_removed_whatever_a_later_join_was_answered(
    later: Upgrade,
) -> None:
    server = Server(DONE)
    async with room(server) as made:
        for upgrade in (Upgraded(0.0), later):
            made.joining()
            made.joined(upgrade)
    assert made.clean_up == REMOVED


EMPTY = said(200, {"participants": []})


@pytest.mark.parametrize(
    ("answers", "methods", "clean_up"),
    [
        pytest.param([EMPTY, DONE], ["ListParticipants", "DeleteRoom"], REMOVED, id="empty"),
        pytest.param(
            [EMPTY, GONE],
            ["ListParticipants", "DeleteRoom"],
            REMOVED._replace(detail="it was gone already"),
            id="gone",
        ),
        pytest.param(
            [said(200, {"participants": [{"identity": "somebody"}]})],
            ["ListParticipants"],
            None,
            id="somebody is in it",
        ),
        pytest.param(
            [said(401, {"code": "unauthenticated", "msg": "permissions denied"})],
            ["ListParticipants"],
            CleanUp("lkdoctor-1", removed=False, detail="unauthenticated: permissions denied"),
            id="nobody may say",
        ),
        pytest.param(
            [EMPTY, NoAnswer(Silence.RESET, "not a byte", 0.0)],
            ["ListParticipants", "DeleteRoom"],
            CleanUp("lkdoctor-1", removed=False, detail="reset: not a byte"),
            id="no answer",
        ),
    ],
)
async def test_a_room_is_removed_only_while_nobody_is_in_it(
    answers: list[Said], methods: list[str], clean_up: CleanUp | None
) -> None:
    server = Server(*answers)
    assert await remove_if_empty("lkdoctor-1", address(7880), TOKEN, server.ask) == clean_up
    assert [request.split(b" ")[1].decode().split("/")[-1] for request in server.asked] == methods


def people(**sids: str) -> Said:
    return said(200, {"participants": [{"identity": who, "sid": sid} for who, sid in sids.items()]})


@pytest.mark.parametrize(
    ("answers", "removed"),
    [
        pytest.param([people(carl="PA_9")], [], id="somebody else under that identity"),
        pytest.param(
            [people(ada="PA_1", carl="PA_2"), DONE, people(carl="PA_2"), DONE, people()],
            ["ada", "carl"],
            id="both are ours",
        ),
        pytest.param(
            [people(ada="PA_1", carl="PA_2"), DONE, people(carl="PA_9")],
            ["ada"],
            id="the other one has come in meanwhile",
        ),
    ],
)
async def test_our_participants_alone_are_taken_out(
    answers: list[Said], removed: list[str]
) -> None:
    server = Server(*answers)
    ours = {"PA_1", "PA_2"}
    left = await remove_own("r", lambda one: one.sid in ours, address(7880), TOKEN, server.ask)
    assert left == ()
    asked = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.asked]
    assert [body["identity"] for body in asked if "identity" in body] == removed


async def test_what_is_tried_in_a_room_of_the_user_s_changes_nothing_of_anybody_s() -> None:
    server = Server(DONE)
    for what in HARMLESS:
        place = {"room": "r", "identity": "carl", "track": "TR_ours"}
        said_so = await attempt(what, address(7880), TOKEN, server.ask, **place)
        assert said_so == Answered(permitted=True, answer="200")
    asked = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.asked]
    assert asked == [
        {"room": "r", "identity": "carl", "track_sid": "TR_ours", "muted": True},
        {"room": "r", "identity": "carl"},
        {"room_name": "r"},
    ]


NO_GRANT = "unauthenticated", "permissions denied"


@pytest.mark.parametrize(
    ("action", "status", "code", "msg", "permitted", "unavailable"),
    [
        pytest.param("ListEgress", 401, *NO_GRANT, False, False, id="no grant"),
        pytest.param(
            "ListEgress", 500, "internal", "egress not connected", True, True, id="no Redis"
        ),
        pytest.param(
            "ListEgress", 500, "internal", "Internal service panic", None, True, id="no Redis, 1.8"
        ),
        pytest.param(
            "UpdateParticipant",
            503,
            "unavailable",
            "no response from servers",
            None,
            False,
            id="busy",
        ),
        pytest.param(
            "MutePublishedTrack", 404, "not_found", "track is not found", True, False, id="track"
        ),
    ],
)
async def test_what_an_answer_says_of_a_grant(  # noqa: PLR0917 - a row of the table
    action: str, status: int, code: str, msg: str, permitted: bool | None, unavailable: bool
) -> None:
    server = Server(said(status, {"code": code, "msg": msg}))
    what = next(one for one in TRIES if one.action == action)
    place = {"room": "r", "identity": "carl", "track": "TR_ours"}
    answered = await attempt(what, address(7880), TOKEN, server.ask, **place)
    assert answered == Answered(permitted, f"{status} {code}: {msg}", unavailable)


async def test_what_is_asked() -> None:
    server = Server(DONE)
    async with room(server) as made:
        made.joining()
    (request,) = server.asked
    assert request.startswith(b"POST /twirp/livekit.RoomService/DeleteRoom HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer made-up-token-of-these-tests\r\n" in request
    assert request.endswith(b'\r\n\r\n{"room": "lkdoctor-1"}')


async def test_nothing_is_asked_where_nothing_was_sent() -> None:
    server = Server(DONE)
    async with room(server) as made:
        pass
    assert (made.clean_up, server.asked) == (None, [])


async def test_a_room_is_removed_when_the_probe_fails() -> None:
    server = Server(DONE)
    made = room(server)
    with pytest.raises(LookupError):
        async with made:
            made.joining()
            raise LookupError
    assert made.clean_up == REMOVED


async def test_a_removal_that_is_interrupted_is_done_once_more() -> None:
    asked = asyncio.Event()
    answers: list[None] = []

    async def ask(_: bytes) -> Said:
        asked.set()
        answers.append(None)
        if len(answers) == 1:
            await asyncio.Event().wait()
        return DONE

    made = ThrowAwayRoom("lkdoctor-1", address(7880), TOKEN, ask)

    async def probe() -> None:
        async with made:
            made.joining()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(probe())
        await asked.wait()
        task.cancel()
    assert task.cancelled()
    assert (made.clean_up, len(answers)) == (REMOVED, 2)


@pytest.mark.parametrize("upgrade", [Upgraded(0.0), unanswered(Silence.TIMEOUT)])
async def test_a_removal_without_an_answer_ends(upgrade: Upgrade) -> None:
    async def ask(_: bytes) -> Said:
        await asyncio.Event().wait()
        return DONE

    made = ThrowAwayRoom("lkdoctor-1", address(7880), TOKEN, ask, grace=0.05)
    async with made:
        made.joining()
        made.joined(upgrade)
    detail = "no answer in the time given"
    assert made.clean_up == CleanUp("lkdoctor-1", removed=False, detail=detail)


def token(server: RunningServer, **video: object) -> Secret:
    claims = {"iss": server.long_key, "exp": int(time.time()) + 60, "video": video}
    return Secret(jwt.encode(claims, server.long_secret))


async def test_rooms_of_a_real_server(real_server: RunningServer) -> None:
    from livekit.api import CreateRoomRequest, LiveKitAPI

    allowed = token(real_server, roomCreate=True)
    there = address(real_server.port)
    async with LiveKitAPI.with_token(allowed.reveal(), url=real_server.http_url) as livekit:
        await livekit.room.create_room(CreateRoomRequest(name="to-be-ended"))
    refused = await end_room(there, token(real_server), "to-be-ended", 5.0)
    detail = "unauthenticated: permissions denied"
    assert refused == RoomEnd("to-be-ended", Outcome.FAILED, detail)
    assert await end_room(there, allowed, "to-be-ended", 5.0) == RoomEnd(
        "to-be-ended", Outcome.ENDED
    )
    assert await end_room(there, allowed, "to-be-ended", 5.0) == RoomEnd(
        "to-be-ended", Outcome.GONE
    )


async def silent(caller: Caller) -> None:
    await caller.hold()


async def garbage(caller: Caller) -> None:
    await caller.say(b"\x15\x03\x01\x00")


@pytest.mark.parametrize("behaviour", [silent, garbage])
async def test_a_server_that_does_not_answer(behaviour: Callable[[Caller], object]) -> None:
    async with peer(behaviour) as there:  # type: ignore[arg-type]
        result = await end_room(there, TOKEN, "x", 0.3)
    assert (result.room, result.outcome) == ("x", Outcome.FAILED)
    assert result.detail


async def test_nobody_listens() -> None:
    result = await end_room(address(free_port()), TOKEN, "x", 5.0)
    assert result.outcome is Outcome.FAILED


async def test_no_token_is_sent_after_a_redirect() -> None:
    heads = []

    async def redirect(caller: Caller) -> None:
        heads.append(await caller.head())
        await caller.say(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        )

    async with peer(redirect) as there:
        result = await end_room(there, TOKEN, "x", 5.0)
    assert result == RoomEnd(
        "x", Outcome.FAILED, "the server redirects, and no token is sent after a redirect"
    )
    assert len(heads) == 1
