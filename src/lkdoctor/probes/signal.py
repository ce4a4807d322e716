"""What the signalling endpoint says: validate, upgrade, first message, pings, Leave.

A session takes no more round trips than it must: the upgrade, then the pings one after the
other, then the Leave. What the server sends meanwhile (its offer, its candidates) is collected
on the way.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote

from lkdoctor.clock import Clock
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import NoAnswer, Silence
from lkdoctor.facts.signal import (
    SILENT,
    Candidate,
    Cut,
    FirstMessage,
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
    SignalFact,
    Upgrade,
    UpgradeAttempt,
    Upgraded,
    UpgradeUnanswered,
    Validation,
    Whose,
)
from lkdoctor.probes.base import Connection, Deadline, Stopwatch, drive
from lkdoctor.probes.route import Route
from lkdoctor.redact import Secret, safe
from lkdoctor.tokens.proof import Proof
from lkdoctor.wire import signal
from lkdoctor.wire.handshake import Message, NoMessage, WebSocket

T = TypeVar("T")

MAX_CANDIDATES = 64
MAX_MESSAGES = 1000
"""Messages looked at while waiting for one; a server sends about ten after a join."""

MAX_REFRESHED = 4
"""Tokens of the server's that are looked at; it sends one, and another every few minutes."""

SHOWING_SECONDS = 2.0
"""Waited for a token of the server's, where it matters: it comes some ms after the join."""

GATHERING_SECONDS = 0.1
"""Waited for candidates where the round trip is shorter; their end is announced."""

GOODBYE_SECONDS = 1.0

PING_TIMEOUT = 15
"""Seconds after which clients give up a session without pongs, where the server names no time."""
_LONGEST_PATIENCE = 60

ORIGIN = "https://app.example.com"
"""Of a page that there is not; LiveKit answers every origin alike (pkg/service/auth.go)."""

_STILL_OPEN = {
    FirstMessageProblem.SILENCE,
    FirstMessageProblem.SLOW,
    FirstMessageProblem.TOO_LARGE,
}
"""Ends of our patience, not of the session."""
_NOTHING_YET = frozenset({FirstMessageProblem.SILENCE, FirstMessageProblem.SLOW})


class Session(NamedTuple):
    """A join, from the connection to the goodbye; the parts of a `SignalFact`."""

    attempt: UpgradeAttempt
    first: FirstMessage | None = None
    phases: tuple[Phase, ...] = ()
    pings: Pings | None = None
    candidates: tuple[Candidate, ...] = ()
    cut: Cut | None = None
    goodbye: Goodbye | None = None
    clock: ClockFact | None = None
    """From the quickest pong."""
    held: Held | None = None
    proof: Proof | None = None
    """That the server holds the secret with which the token was signed."""

    @property
    def fact(self) -> SignalFact:
        """What this connection alone tells."""
        return SignalFact(
            upgrades=(self.attempt,),
            first=self.first,
            phases=self.phases,
            pings=self.pings,
            candidates=self.candidates,
            cut=self.cut,
            goodbye=self.goodbye,
            held=self.held,
            proven=self.proof is not None,
        )


async def validate(
    route: Route,
    token: Secret | None,
    whose: Whose,
    deadline: Deadline,
    *,
    path: str = signal.CLASSIC_PATH,
    in_query: bool = False,
    origin: str | None = None,
) -> Validation:
    """Ask ``/rtc/validate`` (or ``/rtc/v1/validate``) about a token, without joining.

    Args:
        route: to whom.
        token: None asks without one.
        whose: for the record.
        deadline: for all of it.
        path: the path of the join that this stands for.
        in_query: send the token as browsers do, in the query string.
        origin: the page that asks, as browsers say.
    """
    asked = f"{path}/validate"
    target = f"{asked}?{_query(path, token if in_query else None)}"
    header = None if in_query else token
    request = route.endpoint.request("GET", target, token=header, origin=origin)
    exchanged = await route.exchange(request, deadline)
    return Validation(whose, asked, exchanged.fact)


async def upgrade_only(
    route: Route,
    deadline: Deadline,
    *,
    token: Secret | None = None,
    whose: Whose = Whose.NONE,
    path: str = signal.CLASSIC_PATH,
) -> UpgradeAttempt:
    """Ask for the upgrade and go; without a token LiveKit's own 401 shows that it got there."""
    async with route.connection(deadline) as connection:
        if isinstance(connection, NoAnswer):
            return UpgradeAttempt(whose, path, UpgradeUnanswered(connection))
        websocket = _websocket(route, path)
        result = await _upgrade(connection, websocket, token, deadline)
        websocket.close()
        connection.send_at_once(websocket.pending())
        return UpgradeAttempt(whose, path, result)


async def join(
    route: Route,
    token: Secret,
    whose: Whose,
    deadline: Deadline,
    *,
    path: str = signal.CLASSIC_PATH,
    pings: int = 3,
    hold_s: float = 0.0,
    in_query: bool = False,
    media: "Media | None" = None,
    prove: "Prove | None" = None,
) -> Session:
    """Join, see what the server says, measure, leave.

    However it ends, cancellation included, the server is told that we leave and the
    connection is closed. The room that the join may have made is the caller's to remove.

    Args:
        route: to whom.
        token: who joins.
        whose: for the record.
        deadline: for all of it but `hold_s`.
        path: the classic one, or ``/rtc/v1``.
        pings: how many, one after the other.
        hold_s: seconds to stay after that.
        in_query: send the token as browsers do, in the query string.
        media: what looks at media from the open session.
        prove: what a token of the server's proves; called the moment that one comes.
    """
    async with route.connection(deadline) as connection:
        if isinstance(connection, NoAnswer):
            attempt = UpgradeAttempt(whose, path, UpgradeUnanswered(connection))
            return Session(attempt, phases=not_reached(route.phases))
        websocket = _websocket(route, path, token if in_query else None)
        talk = Talk(connection, websocket, deadline.clock)
        talk.media, talk.prove = media, prove
        try:
            upgrade = await _upgrade(connection, websocket, None if in_query else token, deadline)
            attempt = UpgradeAttempt(whose, path, upgrade)
            asked = _phase(connection.phases, PhaseName.UPGRADE, *_upgrade_outcome(upgrade))
            if not isinstance(upgrade, Upgraded):
                return Session(attempt, phases=not_reached(asked))
            return await _session(talk, attempt, asked, _Stay(pings, hold_s), deadline)
        finally:
            talk.end()


def not_reached(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """All phases of a join, those behind the last one given as not reached."""
    known = {phase.name for phase in phases}
    behind = False
    rest: list[Phase] = []
    for name in PhaseName:
        if name in known:
            rest.clear()
            behind = True
        elif behind and name is not PhaseName.PROXY:
            rest.append(Phase(name, PhaseOutcome.NOT_REACHED))
    return (*phases, *rest)


def _websocket(route: Route, path: str, token: Secret | None = None) -> WebSocket:
    url = route.endpoint.url
    return WebSocket(
        secure=url.secure,
        host=url.host,
        port=url.port,
        path=route.endpoint.path(path),
        query=_query(path, token),
    )


def _query(path: str, token: Secret | None) -> str:
    query = signal.query(path)
    return query if token is None else f"{query}&access_token={quote(token.reveal(), safe='')}"


async def _upgrade(
    connection: Connection, websocket: WebSocket, token: Secret | None, deadline: Deadline
) -> Upgrade:
    result, took = await drive(connection, websocket.upgrade(token), deadline)
    match result:
        case Upgraded():
            return result._replace(took_ms=took)
        case UpgradeUnanswered():
            return UpgradeUnanswered(result.answer._replace(took_ms=took))
        case _:
            return result._replace(answer=result.answer._replace(took_ms=took))


class _Stay(NamedTuple):
    """What is done on an open session before it is left."""

    pings: int
    hold_s: float


async def _session(
    talk: "Talk",
    attempt: UpgradeAttempt,
    phases: tuple[Phase, ...],
    stay: _Stay,
    deadline: Deadline,
) -> Session:
    incoming, took = await talk.next(deadline)
    first = _first(incoming, took)
    phases = _phase(phases, PhaseName.FIRST_MESSAGE, *_first_outcome(first))
    if not isinstance(first, Joined):
        return Session(attempt, first, phases)
    talk.joined(incoming)
    # Not all that is left, so that a server that never answers a ping still hears our goodbye.
    left = deadline.remaining()
    await talk.ping(
        stay.pings,
        deadline.sooner(left / 2 if talk.media else max(left / 2, left - 2 * GOODBYE_SECONDS)),
    )
    if first.subscriber_primary and not talk.complete and talk.cut is None:
        trip = min(talk.round_trips, default=phases[-2].took_ms) / 1000
        await talk.listen(deadline.sooner(max(trip, GATHERING_SECONDS)))
    if talk.media is not None:
        # The goodbye keeps its time, whatever the network swallows meanwhile.
        await talk.media(talk, deadline.sooner(deadline.remaining() - GOODBYE_SECONDS))
    cut, held = talk.cut, None
    if stay.hold_s and cut is None:
        held = await talk.hold(stay.hold_s, first, deadline.clock)
        # What was held comes on top of the time for everything else.
        deadline = deadline._replace(ends=deadline.ends + held.lasted_s)
    over = cut is not None or (held is not None and held.ended)
    goodbye = None if over else await talk.leave(deadline.sooner(GOODBYE_SECONDS))
    return Session(
        attempt=attempt,
        first=first,
        phases=phases,
        pings=Pings(talk.sent, tuple(talk.round_trips), talk.waited_ms),
        candidates=tuple(talk.candidates),
        cut=cut,
        goodbye=goodbye,
        clock=talk.clock,
        held=held,
        proof=talk.proof,
    )


class Talk:
    """An open session, and what it has brought so far."""

    def __init__(self, connection: Connection, websocket: WebSocket, clock: Clock) -> None:
        self._connection = connection
        self._websocket = websocket
        self._left = False
        self._clock = clock
        self._since = Stopwatch(clock)
        self.sent = 0
        self.round_trips: list[float] = []
        self._pinged: Stopwatch | None = None
        """Since the ping that is not answered yet."""
        self.candidates: dict[Candidate, None] = {}
        self.media: Media | None = None
        """What else is looked at before we leave."""
        self.prove: Prove | None = None
        self.proof: Proof | None = None
        self._refreshed = 0
        self.join_message = b""
        """The JoinResponse as it came: it holds what opens the ICE servers."""
        self.offered: signal.Offered | None = None
        self.complete = False
        """The server has said that there are no more candidates."""
        self.clock: ClockFact | None = None
        self.cut: Cut | None = None

    async def next(self, deadline: Deadline) -> tuple[Message | NoMessage, float]:
        """The next message, and the ms that it took."""
        return await drive(self._connection, self._websocket.message(), deadline)

    def joined(self, incoming: Message | NoMessage) -> None:
        """From here on the session is ours to end."""
        self._since.restart()
        if isinstance(incoming, Message):
            self.join_message = incoming.data

    async def ping(self, times: int, deadline: Deadline) -> None:
        """So many pings, each after the answer to the last."""
        for _ in range(times):
            now_ms = int(deadline.clock.now() * 1000)
            last = round(self.round_trips[-1]) if self.round_trips else 0
            self._websocket.send(signal.ping(now_ms, last))
            self.sent += 1
            self._pinged = Stopwatch(self._clock)
            if await self._until(signal.Pong, deadline) is None:
                return

    @property
    def waited_ms(self) -> float | None:
        """How long the last ping has been waited for; None where it was answered."""
        return None if self._pinged is None else self._pinged.ms

    async def hold(self, seconds: float, joined: Joined, clock: Clock) -> Held:
        """Stay as a client does: a ping every so often, and nothing else.

        A client gives up a session whose pings get no answer, and so do we. The last ping is sent
        at the end of the time, and waited for beyond it: until then nothing shows that the session
        is still alive.
        """
        watch, quiet, heard = Stopwatch(clock), Stopwatch(clock), Stopwatch(clock)
        end = Deadline.within(clock, seconds)
        interval = min(max(1, joined.ping_interval_s), _LONGEST_PATIENCE)
        named = joined.ping_timeout_s
        patience = named if 0 < named <= _LONGEST_PATIENCE else PING_TIMEOUT
        pings = pongs = 0
        due = Deadline.within(clock, interval).earlier(end)
        owed: Deadline | None = None
        """When the oldest ping that has no answer is given up."""

        def over(how: str = "", detail: str = "", code: int | None = None) -> Held:
            lasted, silent, unheard = (timer.ms / 1000 for timer in (watch, quiet, heard))
            return Held(seconds, lasted, how, detail, code, silent, pings, pongs, unheard)

        last = False
        """The last ping has been sent."""
        while owed is not None or not last:
            if owed is not None and not owed.remaining():
                return over(SILENT)
            if not last and not due.remaining():
                last = not end.remaining()
                self._websocket.send(signal.ping(int(clock.now() * 1000)))
                quiet.restart()
                pings += 1
                due = Deadline.within(clock, interval).earlier(end)
                owed = owed or Deadline.within(clock, patience)
            until = due if owed is None else owed if last else owed.earlier(due)
            incoming, _ = await self.next(until)
            if isinstance(incoming, Message):
                heard.restart()
                quiet.restart()
                said = self._noted(signal.read(incoming.data))
                if isinstance(said, LeftAtOnce):
                    return over(f"leave {safe(said.reason, 40)}")
                if isinstance(said, signal.Pong):
                    pongs += 1
                    owed = None if pongs >= pings else Deadline.within(clock, patience)
            elif incoming.problem not in _NOTHING_YET:
                return over(str(incoming.problem), incoming.detail, incoming.close_code)
        return over()

    async def listen(self, deadline: Deadline) -> None:
        """Collect candidates until there are no more of them."""
        while not self.complete:
            trickled = await self._until(signal.Trickled, deadline)
            if trickled is None:
                return

    async def shown(self, deadline: Deadline) -> None:
        """Wait for the token in which the server shows that it holds the secret."""
        if self.proof is None and self.cut is None:
            await self._until(signal.Refreshed, deadline.sooner(SHOWING_SECONDS))

    async def offer(self, deadline: Deadline) -> signal.Offered | None:
        """The server's offer, and its candidates collected; None where it makes none."""
        if self.offered is None and await self._until(signal.Offered, deadline) is None:
            return None
        await self.listen(deadline.sooner(GOODBYE_SECONDS))
        return self.offered

    async def answer(self, text: str, deadline: Deadline) -> None:
        """Answer the offer; the server says nothing to that."""
        if self.offered is not None:
            self._websocket.send(signal.answer(text, self.offered.id))
            with contextlib.suppress(TimeoutError):
                async with deadline.limit():
                    await self._connection.send(self._websocket.pending())

    async def leave(self, deadline: Deadline) -> Goodbye:
        """Say that we leave, and wait for the server to agree."""
        self._say_leave()
        answered = await self._until(LeftAtOnce, deadline) is not None
        for _ in range(MAX_MESSAGES if answered else 1):
            incoming, _ = await self.next(deadline)
            if isinstance(incoming, NoMessage):
                answered = answered or incoming.close_code == 1000
                return Goodbye(answered, incoming.close_code, "" if answered else incoming.detail)
        return Goodbye(answered, None, "the server went on talking")

    def end(self) -> None:
        """What is still to be said when nobody can wait: the Leave, the close frame."""
        self._say_leave()
        self._websocket.close()
        self._connection.send_at_once(self._websocket.pending())

    def _say_leave(self) -> None:
        if not self._left:
            self._websocket.send(signal.leave())
            self._left = True

    async def _until(self, kind: type[T], deadline: Deadline) -> T | None:
        """The next message of that kind; None where none came."""
        for _ in range(MAX_MESSAGES):
            incoming, _ = await self.next(deadline)
            if isinstance(incoming, NoMessage):
                if incoming.problem not in _STILL_OPEN:
                    self._cut(incoming.detail)
                return None
            # What has come already is read without waiting, and so without a timeout.
            if not deadline.remaining():
                return None
            message = self._noted(signal.read(incoming.data))
            if isinstance(message, kind):
                return message
            if isinstance(message, LeftAtOnce):
                self._cut(f"leave {message.reason}")
                return None
        return None

    def _noted(self, message: signal.SignalMessage) -> signal.SignalMessage:
        """Keep what a message says besides what is waited for."""
        match message:
            case signal.Pong() if self._pinged is not None:
                self._ponged(message, self._pinged.ms)
                self._pinged = None
            case signal.Trickled():
                self._trickled(message)
            case signal.Offered() if self.offered is None:
                self.offered = message
            case signal.Refreshed(token=token) if self.proof is None:
                self._refreshed += 1
                if self.prove is not None and self._refreshed <= MAX_REFRESHED:
                    self.proof = self.prove(token)
            case _:
                pass
        return message

    def _cut(self, how: str) -> None:
        if not self._left and self.cut is None:
            self.cut = Cut(how, self._since.ms)

    def _trickled(self, message: signal.Trickled) -> None:
        self.complete = self.complete or message.final
        if message.candidate is not None and len(self.candidates) < MAX_CANDIDATES:
            self.candidates[message.candidate] = None

    def _ponged(self, pong: signal.Pong, took_ms: float) -> None:
        local = self._clock.now()
        if not self.round_trips or took_ms < min(self.round_trips):
            # The server cuts its clock to milliseconds (livekit-server, signalhandler.go).
            server = pong.server_ms / 1000 + 0.0005 + took_ms / 2000
            self.clock = ClockFact(
                local=local,
                server=server,
                skew_ms=(server - local) * 1000,
                uncertainty_ms=took_ms / 2 + 0.5,
                source="pong",
            )
        self.round_trips.append(took_ms)


Media: TypeAlias = Callable[[Talk, Deadline], Awaitable[None]]
"""What else is looked at while the session is open."""

Prove: TypeAlias = Callable[[str], Proof | None]
"""What a token of the server's proves."""


def _first(incoming: Message | NoMessage, took: float) -> FirstMessage:
    if isinstance(incoming, NoMessage):
        return NoFirstMessage(incoming.problem, incoming.detail, took)
    foreign = FirstMessageProblem.NOT_LIVEKIT
    if incoming.text:
        sample = safe(incoming.data[:200].decode("utf-8", "replace"), 200)
        return NoFirstMessage(foreign, f"text: {sample}", took)
    message = signal.read(incoming.data)
    if isinstance(message, Joined | LeftAtOnce):
        return message._replace(took_ms=took)
    if isinstance(message, signal.Unreadable):
        return NoFirstMessage(foreign, f"not a signalling message: {message.detail}", took)
    name = message.name if isinstance(message, signal.Other) else message.kind
    return NoFirstMessage(foreign, f"{name} in place of a join", took)


def _upgrade_outcome(upgrade: Upgrade) -> tuple[PhaseOutcome, float, str]:
    if isinstance(upgrade, Upgraded):
        return PhaseOutcome.OK, upgrade.took_ms, ""
    took = upgrade.answer.took_ms
    if isinstance(upgrade, UpgradeUnanswered):
        late = upgrade.answer.problem in {Silence.TIMEOUT, Silence.SLOW}
        outcome = PhaseOutcome.TIMEOUT if late else PhaseOutcome.FAILED
        return outcome, took, upgrade.answer.problem
    return PhaseOutcome.FAILED, took, f"HTTP {upgrade.answer.status}"


def _first_outcome(first: FirstMessage) -> tuple[PhaseOutcome, float, str]:
    if isinstance(first, Joined):
        return PhaseOutcome.OK, first.took_ms, ""
    if isinstance(first, LeftAtOnce):
        return PhaseOutcome.FAILED, first.took_ms, f"leave {first.reason}"
    late = first.problem in {FirstMessageProblem.SILENCE, FirstMessageProblem.SLOW}
    outcome = PhaseOutcome.TIMEOUT if late else PhaseOutcome.FAILED
    return outcome, first.took_ms, first.problem


def _phase(
    before: tuple[Phase, ...], name: PhaseName, outcome: PhaseOutcome, took: float, detail: str
) -> tuple[Phase, ...]:
    start = before[-1].start_ms + before[-1].took_ms if before else 0.0
    return (*before, Phase(name, outcome, start, took, detail))
