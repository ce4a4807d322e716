"""What changes a server, asked of servers that are real, silent, or ill-willed."""

import asyncio
import json
import time
from collections.abc import Callable

import jwt
import pytest
from examples.healthy import healthy
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
    fleeting,
    remove_own,
    take_out,
)
from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    CleanUp,
    Joined,
    Upgrade,
    Upgraded,
    UpgradeRefused,
    UpgradeUnanswered,
)
from lkdoctor.redact import Secret
from lkdoctor.tokens.proof import Proof
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
    return ThrowAwayRoom("lkdoctor-1", address(7880), lambda: TOKEN, server.ask, grace=grace)


def refused(status: int) -> UpgradeRefused:
    return UpgradeRefused(HttpAnswer(status, "", (), "", 0, 0.0))


def unanswered(problem: Silence) -> UpgradeUnanswered:
    return UpgradeUnanswered(NoAnswer(problem, "", 0.0))


def joined(empty_timeout_s: int = 300, departure_timeout_s: int = 20) -> Joined:
    """The JoinResponse of a room that lasts so long."""
    signal = healthy().signal
    assert signal is not None
    assert isinstance(signal.first, Joined)
    return signal.first._replace(
        empty_timeout_s=empty_timeout_s, departure_timeout_s=departure_timeout_s
    )


OLD = Proof(room_config=False)
"""Of a server that holds the secret and knows no ``roomConfig``."""
NEW = Proof(room_config=True)

ROOM = "lkdoctor-1"
REMOVED = CleanUp(ROOM, removed=True)
LEFT = CleanUp(ROOM, removed=False, detail="no token that can delete rooms was sent")


@pytest.mark.parametrize(
    ("first", "proof", "clean_up"),
    [
        pytest.param(joined(1, 1), NEW, CleanUp(ROOM, False, lasts_s=1), id="it ends by itself"),
        pytest.param(
            joined(1, 1), None, CleanUp(ROOM, False, lasts_s=1), id="so says one who proves nothing"
        ),
        pytest.param(None, NEW, CleanUp(ROOM, False, lasts_s=1), id="proven before it was joined"),
        pytest.param(joined(), None, LEFT._replace(lasts_s=20), id="old, and nothing is proven"),
        pytest.param(
            joined(), NEW, LEFT._replace(lasts_s=20), id="a host between that changes the times"
        ),
        pytest.param(joined(300, 0), None, LEFT._replace(lasts_s=300), id="one time for both"),
        pytest.param(joined(0, 0), None, LEFT._replace(known=False), id="no time"),
        pytest.param(None, None, LEFT._replace(known=False), id="no first message"),
    ],
)
async def test_no_token_that_can_delete_is_sent_where_the_room_ends_or_nothing_is_proven(
    first: Joined | None, proof: Proof | None, clean_up: CleanUp
) -> None:
    server = Server(DONE)
    async with room(server) as made:
        made.joining()
        if proof is not None:
            made.proven(proof)
        made.joined(Upgraded(0.0), first)
    assert (made.clean_up, server.asked) == (clean_up, [])


def lasting(detail: str) -> CleanUp:
    return CleanUp(ROOM, removed=False, detail=detail, lasts_s=300)


@pytest.mark.parametrize(
    ("upgrade", "answers", "asked", "clean_up"),
    [
        pytest.param(Upgraded(0.0), [DONE], 1, REMOVED, id="joined"),
        pytest.param(
            Upgraded(0.0), [GONE], 1, REMOVED._replace(detail="it was gone already"), id="gone"
        ),
        pytest.param(refused(500), [DONE], 1, REMOVED, id="refused when the room was made"),
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
            lasting("unauthenticated: permissions denied"),
            id="not allowed",
        ),
        pytest.param(
            Upgraded(0.0),
            [said(502, "bad", "text/html")],
            1,
            lasting('HTTP 502: "bad"'),
            id="a proxy's page",
        ),
        pytest.param(
            Upgraded(0.0),
            [NoAnswer(Silence.RESET, "not a byte", 0.0)],
            1,
            lasting("reset: not a byte"),
            id="no answer",
        ),
    ],
)
async def test_an_old_server_that_has_proven_itself_is_asked_to_delete_the_room(
    upgrade: Upgrade, answers: list[Said], asked: int, clean_up: CleanUp
) -> None:
    server = Server(*answers)
    async with room(server) as made:
        made.joining()
        made.proven(OLD)
        made.joined(upgrade, joined(300, 0))
    assert (made.clean_up, len(server.asked)) == (clean_up, asked)


@pytest.mark.parametrize("upgrade", [refused(401), unanswered(Silence.NOT_CONNECTED)])
async def test_where_no_room_was_made_nothing_is_said_of_one(upgrade: Upgrade) -> None:
    server = Server(DONE)
    async with room(server) as made:
        made.joining()
        made.joined(upgrade)
    assert (made.clean_up, server.asked) == (None, [])


@pytest.mark.parametrize("later", [refused(401), unanswered(Silence.NOT_CONNECTED)])
async def test_a_room_that_was_made_goes_whatever_a_later_join_was_answered(
    later: Upgrade,
) -> None:
    server = Server(DONE)
    async with room(server) as made:
        for upgrade in (Upgraded(0.0), later):
            made.joining()
            made.proven(OLD)
            made.joined(upgrade)
    assert made.clean_up == REMOVED


# ------------------------------------------------------------------ made before it is joined

DENIED = said(401, {"code": "unauthenticated", "msg": "permissions denied"})


@pytest.mark.parametrize(
    ("answer", "then", "clean_up"),
    [
        pytest.param(DONE, DONE, REMOVED, id="made"),
        pytest.param(
            DONE,
            DENIED,
            lasting("unauthenticated: permissions denied")._replace(lasts_s=30),
            id="made, and not to be deleted",
        ),
        pytest.param(DENIED, None, None, id="refused"),
        pytest.param(said(404, "page", "text/html"), None, None, id="not passed on"),
        pytest.param(
            said(502, "bad", "text/html"), DONE, REMOVED, id="a gateway that may have passed it on"
        ),
        pytest.param(NoAnswer(Silence.TIMEOUT, "", 0.0), DONE, REMOVED, id="no answer"),
    ],
)
async def test_a_room_that_was_asked_for_is_deleted_where_it_may_be_there(
    answer: Said, then: Said | None, clean_up: CleanUp | None
) -> None:
    """Nobody has proven anything, and the user let a powerful token go out all the same."""
    server = Server(answer, then or DONE)
    async with room(server) as made:
        await made.create()
    first = server.asked[0]
    assert first.startswith(b"POST /twirp/livekit.RoomService/CreateRoom HTTP/1.1\r\n")
    assert json.loads(first.partition(b"\r\n\r\n")[2]) == {
        "name": ROOM,
        "empty_timeout": 30,
        "departure_timeout": 30,
        "agents": [{"agent_name": "lkdoctor-nobody-1"}],
    }
    assert (made.clean_up, len(server.asked)) == (clean_up, 1 if then is None else 2)


async def test_a_room_that_was_refused_and_then_joined_is_accounted_for() -> None:
    server = Server(DENIED)
    async with room(server) as made:
        await made.create()
        made.joining()
        made.joined(Upgraded(0.0), joined(1, 1))
    assert made.clean_up == CleanUp(ROOM, removed=False, lasts_s=1)


def test_what_every_token_asks_of_the_room_that_it_makes() -> None:
    assert fleeting("lkdoctor-5f2c") == {
        "agents": [{"agentName": "lkdoctor-nobody-5f2c"}],
        "emptyTimeout": 1,
        "departureTimeout": 1,
    }


@pytest.mark.parametrize(
    ("people", "removed"),
    [
        pytest.param(
            ["lkdoctor-ada", "lkdoctor-carl"], ["lkdoctor-ada", "lkdoctor-carl"], id="both"
        ),
        pytest.param(["lkdoctor-carl", "egress"], ["lkdoctor-carl"], id="one, and somebody else"),
        pytest.param([], [], id="nobody"),
    ],
)
async def test_only_who_is_still_in_a_copy_is_taken_out(
    people: list[str], removed: list[str]
) -> None:
    listed = said(200, {"participants": [{"identity": one} for one in people]})
    server = Server(listed, DONE)
    ours = ["lkdoctor-ada", "lkdoctor-carl"]
    await take_out(ours, ROOM, address(7880), TOKEN, server.ask)
    asked = [request.partition(b"\r\n\r\n")[2] for request in server.asked[1:]]
    assert [json.loads(one) for one in asked] == [
        {"room": ROOM, "identity": identity} for identity in removed
    ]


async def test_nobody_is_taken_out_where_nobody_says_who_is_there() -> None:
    server = Server(DENIED)
    await take_out(["lkdoctor-ada"], ROOM, address(7880), TOKEN, server.ask)
    assert len(server.asked) == 1


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
        made.proven(OLD)
        made.joined(Upgraded(0.0))
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
            made.proven(OLD)
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

    made = ThrowAwayRoom(ROOM, address(7880), lambda: TOKEN, ask)

    async def probe() -> None:
        async with made:
            made.joining()
            made.proven(OLD)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(probe())
        await asked.wait()
        task.cancel()
    assert task.cancelled()
    assert (made.clean_up, len(answers)) == (REMOVED, 2)


async def test_a_removal_without_an_answer_ends() -> None:
    async def ask(_: bytes) -> Said:
        await asyncio.Event().wait()
        return DONE

    made = ThrowAwayRoom(ROOM, address(7880), lambda: TOKEN, ask, grace=0.05)
    async with made:
        made.joining()
        made.proven(OLD)
        made.joined(Upgraded(0.0), joined(300, 0))
    assert made.clean_up == lasting("no answer in the time given")


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
