"""The only code that changes anything on a server; whoever reviews for harm reads this file.

Rooms are removed: `ThrowAwayRoom` sees to it that the one goes that a probe or a rehearsal has made,
`end_room` ends those that the user named. A rehearsal's participants do to each other what a role may or may not
(`attempt`), and nobody else; `remove_own` takes them out of the user's own room, `take_out` out of a
throw-away one.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from lkdoctor.facts.api import (
    ForeignAnswer,
    ParticipantInfo,
    ParticipantsAnswer,
    ParticipantsListed,
    TwirpError,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    CleanUp,
    FirstMessage,
    Joined,
    Upgrade,
    Upgraded,
    UpgradeRefused,
    UpgradeUnanswered,
)
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.redact import Secret, safe
from lkdoctor.tokens.proof import Proof
from lkdoctor.wire import http, twirp
from lkdoctor.wire.proxy import Proxy
from lkdoctor.wire.url import http_url

if TYPE_CHECKING:
    import ssl

    from aiohttp import BasicAuth

Ask = Callable[[bytes], Awaitable[http.Answer | NoAnswer]]
"""Sends a request over a connection of its own and returns what came."""

GRACE: Final = 3.0
"""Seconds that a removal may take, on top of whatever deadline or Ctrl-C ended the probe."""

FLEETING_S: Final = 1
"""Seconds that a room of ours outlives whoever left it last."""

WAITS_S: Final = 30
"""Seconds that a room that is not made by joining it waits for whoever comes next: between two
joins the SDK is loaded. Nobody could make it again by coming later."""

_GONE: Final = "it was gone already"

_PAUSES: Final = (0.2, 0.5)
"""Seconds between looks for a room that was asked for and not confirmed."""


def fleeting(room: str) -> Mapping[str, object]:
    """The ``roomConfig`` of every token that may make a room of ours.

    The server ends the room by itself, whatever becomes of us, and no agent is started for it: a
    worker without a name gets a job for every new room, unless agents are asked for by name
    (livekit-server, pkg/rtc/room.go). This name is nobody's. Servers before 1.8 know none of it.
    """
    return {
        "agents": [{"agentName": _nobody(room)}],
        "emptyTimeout": FLEETING_S,
        "departureTimeout": FLEETING_S,
    }


def _nobody(room: str) -> str:
    return f"lkdoctor-nobody-{room.removeprefix('lkdoctor-')}"


class ThrowAwayRoom:
    """A room that a probe may make, and what becomes of it when the block ends, however it ends.

    The server ends it by itself (`fleeting`). One that does not know that is asked to delete it,
    but only if it has proven that it holds our secret, or if the user let us `create` it: whoever
    has a token that deletes this room can delete any with it.

    The removal is our own DeleteRoom, not livekit-api's: that one would take longer to load
    than to run, at the moment when somebody has pressed Ctrl-C and waits.

    Args:
        name: a name that nobody else can have; it is deleted without asking.
        url: of the server.
        powerful: signs a token with the grant ``roomCreate``, which making and deleting take;
            called only when it is about to be sent.
        ask: sends a request.
        grace: seconds that the removal may take.
    """

    def __init__(
        self,
        name: str,
        url: ParsedUrl,
        powerful: Callable[[], Secret],
        ask: Ask,
        *,
        grace: float = GRACE,
    ) -> None:
        self.name = name
        self.clean_up: CleanUp | None = None
        """Set when the block ends; None where nothing was sent that could have made the room."""
        self._url, self._powerful, self._ask, self._grace = url, powerful, ask, grace
        self._expected = False
        self._made = False
        self._asked = 0
        """Joins that were asked for and have not been answered."""
        self._lasts_s: int | None = None
        """How long it outlives whoever is in it, as the server says."""
        self._proof: Proof | None = None
        self._consented = False
        """The user lets a powerful token go out whatever the server has proven."""

    async def create(self) -> TwirpError | ForeignAnswer | None:
        """Make the room, as an app does whose server makes none by itself; why not, if so.

        The token goes to a server that has proven nothing yet: only where the user said so. It
        may as well end the room then.
        """
        self._expected = self._consented = True
        arguments = {
            "name": self.name,
            "empty_timeout": WAITS_S,
            "departure_timeout": WAITS_S,
            "agents": [{"agent_name": _nobody(self.name)}],
        }
        problem = await _done(
            self._ask, twirp.call(self._url, "CreateRoom", arguments, self._powerful())
        )
        if problem is None:
            self._made, self._lasts_s = True, WAITS_S
        elif isinstance(problem, TwirpError) or _is_refusal(problem.exchange):
            self._expected = False
        return problem

    def joining(self) -> None:
        """A join is about to be asked for; from here on the room may be there."""
        self._expected = True
        self._asked += 1

    def proven(self, proof: Proof) -> None:
        """The server holds our secret; said at once, as an interruption may come before `joined`."""
        self._proof = proof
        if proof.room_config and self._lasts_s is None:
            self._lasts_s = FLEETING_S

    def joined(self, upgrade: Upgrade, first: FirstMessage | None = None) -> None:
        """What the join was answered: how sure it is that there is a room, and how long it lasts."""
        if isinstance(first, Joined):
            self._lasts_s = first.departure_timeout_s or first.empty_timeout_s or None
        match upgrade:
            case Upgraded():
                self._made = self._expected = True
                self._asked -= 1
            case UpgradeRefused(answer=answer) if _is_refusal(answer):
                # Before a session was begun (livekit-server, rtcservice.go `validate`).
                self._not_made()
            case UpgradeUnanswered(
                answer=NoAnswer(problem=Silence.NOT_CONNECTED | Silence.OWN_LIMIT)
            ):
                self._not_made()
            case _:
                pass

    def _not_made(self) -> None:
        self._asked -= 1
        self._expected = self._made or self._asked > 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._expected:
            return
        self._left("")
        if self.clean_up is not None and self.clean_up.goes:
            return
        self._left(_NOT_ASKED)
        if self._consented or (self._proof is not None and not self._proof.room_config):
            try:
                await self._remove()
            except asyncio.CancelledError:
                # Interrupted at the worst moment: whether it is gone is not known, so once more.
                await self._remove()
                raise

    async def _remove(self) -> None:
        self._left("no answer in the time given")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await self._delete_until_sure()

    async def _delete_until_sure(self) -> None:
        delete = twirp.call(self._url, "DeleteRoom", {"room": self.name}, self._powerful())
        for pause in (*_PAUSES, 0.0):
            problem = await _done(self._ask, delete)
            if problem is None:
                self.clean_up = CleanUp(self.name, removed=True)
                if self._asked > 1:
                    # One of several joins has made it; the others may make it once more.
                    self._asked -= 1
                    await asyncio.sleep(pause)
                    continue
            elif not isinstance(problem, TwirpError) or problem.code != "not_found":
                self._left(twirp.why(problem))
            elif self._asked:
                # The join may still be on its way: look again before believing it.
                self.clean_up = CleanUp(self.name, removed=True, detail="it was never made")
                await asyncio.sleep(pause)
                continue
            else:
                self.clean_up = CleanUp(self.name, removed=True, detail=_GONE)
            return

    def _left(self, why: str) -> None:
        known = self._lasts_s is not None
        self.clean_up = CleanUp(
            self.name, removed=False, detail=why, lasts_s=self._lasts_s, known=known
        )


_NOT_ASKED: Final = "no token that can delete rooms was sent"


async def _done(ask: Ask, request: bytes) -> TwirpError | ForeignAnswer | None:
    """Why a call was not carried out; none where it was."""
    answer = await ask(request)
    return twirp.done(answer, _evidence(answer))


async def _people(ask: Ask, room: str, url: ParsedUrl, token: Secret) -> ParticipantsAnswer:
    answer = await ask(twirp.call(url, "ListParticipants", {"room": room}, token))
    return twirp.participants(answer, _evidence(answer), room)


def _is_refusal(answer: Exchange) -> bool:
    """Whether what was asked for was surely not done; a gateway's 5xx says nothing of it."""
    return isinstance(answer, HttpAnswer) and 300 <= answer.status < 500


def _evidence(answer: http.Answer | NoAnswer) -> Exchange:
    return answer if isinstance(answer, NoAnswer) else answer.fact(0.0)


class Outcome(StrEnum):
    """What became of a room that was to be ended."""

    ENDED = "ended"
    GONE = "gone"
    """It had vanished meanwhile; nothing was left to do."""
    FAILED = "failed"


class RoomEnd(NamedTuple):
    room: str
    outcome: Outcome
    detail: str = ""
    """Why it failed, safe to show."""


async def end_room(
    url: ParsedUrl,
    token: Secret,
    room: str,
    seconds: float,
    *,
    trust: "ssl.SSLContext | None" = None,
    proxy: Proxy | None = None,
) -> RoomEnd:
    """End a room and disconnect everybody in it, through livekit-api.

    Args:
        url: of the server.
        token: with the grant ``roomCreate``, which deleting takes.
        room: its exact name.
        seconds: for all of it.
        trust: which certificates are taken; the system's where None.
        proxy: the forward proxy to go through; livekit-api itself knows of none.
    """
    import aiohttp
    from livekit.api import LiveKitAPI, ServerError
    from livekit.protocol.room import DeleteRoomRequest

    async def refuse(*_: object) -> None:
        raise aiohttp.ClientError("the server redirects, and no token is sent after a redirect")

    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(refuse)
    shown = safe(room, 512)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust if trust is not None else True),
        trace_configs=[watch],
        proxy=None if proxy is None else proxy.address,
        proxy_auth=_basic(proxy),
    )
    async with session:
        # Failover would hide which server said no.
        api = LiveKitAPI.with_token(
            token.reveal(), url=http_url(url), session=session, failover=False
        )
        try:
            # Ours, because livekit-api 1.2.2 waits for ever whatever its session's timeout is.
            async with asyncio.timeout(seconds):
                await api.room.delete_room(DeleteRoomRequest(room=room))
        except ServerError as problem:
            if problem.code == "not_found":
                return RoomEnd(shown, Outcome.GONE)
            return RoomEnd(shown, Outcome.FAILED, safe(f"{problem.code}: {problem.message}", 300))
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            detail = safe(str(problem), 300) or "no answer in the time given"
            return RoomEnd(shown, Outcome.FAILED, detail)
    return RoomEnd(shown, Outcome.ENDED)


def _basic(proxy: Proxy | None) -> "BasicAuth | None":
    from aiohttp import BasicAuth

    if proxy is None or proxy.credentials is None:
        return None
    user, _, password = proxy.credentials.reveal().partition(":")
    return BasicAuth(user, password, "utf-8")


# ------------------------------------------------------------------ a rehearsal


class Try(NamedTuple):
    """Something that a role may or may not do to the other participant."""

    action: str
    """Twirp's name of the method."""
    grant: str
    """The grant that it needs."""
    service: str = "RoomService"
    needs_track: bool = False


_EGRESS: Final = "Egress"

TRIES: Final = (
    Try("MutePublishedTrack", "roomAdmin", needs_track=True),
    Try("UpdateParticipant", "roomAdmin"),
    Try("ListEgress", "roomRecord", service=_EGRESS),
    Try("RemoveParticipant", "roomAdmin"),
)
"""What the people of a booking are held to, removing last: nobody is there to be muted then."""

HARMLESS: Final = tuple(what for what in TRIES if what.action != "RemoveParticipant")
"""Those that change nothing for somebody else who has come in under the other's identity: a track
is named by its SID, and an update says nothing new."""

_DENIED: Final = frozenset({"unauthenticated", "permission_denied"})

_NO_EGRESS: Final = "egress not connected"
"""The grant was found sufficient, and no egress service runs (livekit-server, egress.go)."""


class Answered(NamedTuple):
    """What the server said to an attempt."""

    permitted: bool | None
    """None: it cannot be told from the answer."""
    answer: str
    """In short, safe to show."""
    unavailable: bool = False
    """It failed in a service that the server lacks, not for want of a grant."""


async def attempt(
    what: Try, url: ParsedUrl, token: Secret, ask: Ask, *, room: str, identity: str, track: str
) -> Answered:
    """Ask for it with a participant's own token.

    An UpdateParticipant says nothing that is to be changed: the server looks at the grants all the
    same, and it could meet somebody else who has come in under that identity.

    Args:
        what: one of `TRIES`.
        url: of the server.
        token: of the participant who tries.
        ask: sends a request.
        room: where both are.
        identity: of the other participant, who is lkdoctor's own, too.
        track: one of the other's tracks, for what needs one.
    """
    arguments: dict[str, object] = {"room": room, "identity": identity}
    match what.action:
        case "MutePublishedTrack":
            arguments |= {"track_sid": track, "muted": True}
        case "ListEgress":
            arguments = {"room_name": room}
        case _:
            pass
    request = twirp.call(url, what.action, arguments, token, service=what.service)
    problem = await _done(ask, request)
    if problem is None:
        return Answered(permitted=True, answer="200")
    if isinstance(problem, TwirpError):
        said = f"{problem.status} {problem.code}: {problem.msg}"
        if problem.code in _DENIED:
            return Answered(permitted=False, answer=said)
        if what.service == _EGRESS and problem.status >= 500:
            permitted = True if _NO_EGRESS in problem.msg else None
            return Answered(permitted, said, unavailable=True)
        # A participant is looked for before the grants are (1.5, RemoveParticipant), a track after.
        beyond = problem.code == "not_found" and "track" in problem.msg.lower()
        return Answered(permitted=True if beyond else None, answer=said)
    exchange = problem.exchange
    refused = isinstance(exchange, HttpAnswer) and exchange.status in {401, 403}
    return Answered(permitted=False if refused else None, answer=twirp.why(problem))


async def remove_own(
    room: str,
    ours: Callable[[ParticipantInfo], bool],
    url: ParsedUrl,
    token: Secret,
    ask: Ask,
) -> tuple[str, ...]:
    """Take the rehearsal's participants out of a room of the user's; who is still there after it.

    The server removes by identity: it is looked before each whether ours has it.

    Args:
        room: its name.
        ours: whether it is our participant: somebody else under the same identity is let alone.
        url: of the server.
        token: with ``roomAdmin`` of the room.
        ask: sends a request.
    """
    removed: set[str] = set()
    while True:
        people = await _people(ask, room, url, token)
        if not isinstance(people, ParticipantsListed):
            return (twirp.why(people),)
        there = [one.identity for one in people.participants if ours(one)]
        identity = next((one for one in there if one not in removed), None)
        if identity is None:
            return tuple(there)
        arguments = {"room": room, "identity": identity}
        await ask(twirp.call(url, "RemoveParticipant", arguments, token))
        removed.add(identity)


async def take_out(
    identities: Iterable[str], room: str, url: ParsedUrl, token: Secret, ask: Ask
) -> None:
    """Take the rehearsal's participants out of a throw-away room, so that it ends.

    Somebody whose media is up and who says no more is kept for about twenty seconds. Where this
    fails, the server ends both by itself after that.

    Args:
        identities: of our participants, exact.
        room: its name, which is nobody else's.
        url: of the server.
        token: with ``roomAdmin`` of the room, and so of no other.
        ask: sends a request.
    """
    people = await _people(ask, room, url, token)
    if isinstance(people, ParticipantsListed):
        present = {one.identity for one in people.participants}
        for identity in identities:
            if safe(identity, 512) in present:
                arguments = {"room": room, "identity": identity}
                await ask(twirp.call(url, "RemoveParticipant", arguments, token))
