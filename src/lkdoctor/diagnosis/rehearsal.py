"""Plays a booking with two participants of its own, step by step, and judges what was seen.

Each round goes through the steps of `facts.rehearsal.Step`. Signalling is asked by our own probe,
media goes through the official SDK. While the first participant is in the room for signalling,
every way that media could take is tried once, as `lkdoctor ice` does. However it ends, both
participants leave, and the copy that they played in ends a second later.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Container, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from lkdoctor import actions, catalogue
from lkdoctor.booking import Seat
from lkdoctor.clock import Clock
from lkdoctor.config.resolve import Resolution
from lkdoctor.config.target import need_pair_to_send
from lkdoctor.diagnosis import case as cases
from lkdoctor.diagnosis import way
from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.company import JOINING, NOT_CONNECTED, SHOWS_MARKS, Company, Room, Stop
from lkdoctor.diagnosis.events import Listener, StepFinished, StepStarted, nobody
from lkdoctor.diagnosis.fold import Skip, fold, own_fault
from lkdoctor.diagnosis.how import How
from lkdoctor.diagnosis.plan import unproven, without_tls
from lkdoctor.diagnosis.signing import Signer
from lkdoctor.errors import UsageError, exhausted, leaf
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ParticipantsAnswer, ParticipantsListed
from lkdoctor.facts.rehearsal import (
    GOOD,
    Attempt,
    Outcome,
    Participant,
    Player,
    RehearsalFact,
    Round,
    SdkEnd,
    Step,
    StepResult,
    Stopped,
    share_identity,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, Silence
from lkdoctor.facts.signal import (
    CleanUp,
    Joined,
    LeftAtOnce,
    SignalFact,
    Upgraded,
    Validation,
    Whose,
)
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.findings import Layer
from lkdoctor.probes import api, server, signal
from lkdoctor.probes.base import Deadline, Stopwatch
from lkdoctor.probes.rehearsal import Limits, Sdk, SdkEnded
from lkdoctor.probes.route import Route, dial
from lkdoctor.probes.signal import Session
from lkdoctor.redact import Secret, safe
from lkdoctor.report.model import Report, RunInfo, SkipReason
from lkdoctor.rules.answers import lacks_room
from lkdoctor.tokens.proof import Proof
from lkdoctor.wire.twirp import MARK
from lkdoctor.wire.url import ws_url

if TYPE_CHECKING:
    from lkdoctor.probes.ice import MediaProbe

T = TypeVar("T")

ALONE: Final = "rehearsal.alone"
"""The check that nobody else came in."""

SOURCES: Final = ("microphone", "camera", "screen_share")
"""What a booking's people publish."""

SIGNAL_ONLY: Final = "--signal-only"
WITH_MEDIA: Final = (Step.CONNECTION, Step.PUBLISHING, Step.RECEIVING, Step.DATA, Step.LEAVING)
"""The steps that take the SDK."""

TOKEN_TTL_S: Final = 600.0
"""Each round mints anew."""

LAYERS: Final = (
    Layer.URL,
    Layer.NETWORK,
    Layer.TLS,
    Layer.PROXY,
    Layer.CLOCK,
    Layer.TOKEN,
    Layer.NAME,
    Layer.SIGNAL,
    Layer.SERVER,
    Layer.API,
    Layer.MEDIA,
)
"""What can be the matter with a booking that is played."""

APART_S: Final = 2.0
"""Seconds to show that two people in two rooms do not meet."""

_TOUCHING_NOBODY: Final = (Step.TOKEN, Step.LEAVING)
"""Steps that do nothing to anybody else in the room."""

_REPLACED: Final = "DUPLICATE_IDENTITY"
"""The reason of a Leave: somebody has joined under the same identity."""

_GONE_PAUSES: Final = (0.05, 0.2, 0.5, 1.0, 0.0)
"""Seconds between looks for participants who have left."""

_UNPLAYED: Final = (
    "your users' networks: both participants were on this machine",
    "the page, the browser and its devices",
)


class Script(NamedTuple):
    """What is to be played."""

    seats: tuple[Seat, ...]
    """Two people: the booking's, or those of ``--as``."""
    rounds: int = 1
    seconds: float = 3.0
    audio_only: bool = False
    signal_only: bool = False
    relay: bool = False
    in_place: bool = False
    create_room: bool = False
    """The copies are made by CreateRoom, as where no room is made by joining."""
    yes: bool = False
    """With people in the room, too."""
    fail_on_warnings: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return SOURCES[:1] if self.audio_only else SOURCES


async def rehearse(
    resolution: Resolution, script: Script, how: How, clock: Clock, listen: Listener = nobody
) -> Report:
    """Play the script; a cancellation (Ctrl-C) ends it, and what was seen is judged all the same.

    Raises:
        UsageError: there is no key to sign with, or people are in the room.
    """
    need_pair_to_send(resolution.target)
    play = _Play(resolution, script, how, clock, listen)
    started, begun = clock.now(), clock.monotonic()
    interrupted = None
    broken: dict[str, str] = {}
    try:
        await play.everything()
    except asyncio.CancelledError:
        interrupted = "signal"
    except UsageError:
        raise
    except Exception as problem:
        if exhausted(leaf(problem)) is not None:
            raise
        # What was seen before is worth a report.
        broken[f"rehearsal.{play.at}"] = own_fault("rehearsal", problem)
    facts = play.facts()
    return fold(
        facts,
        run=RunInfo(
            id=clock.token_hex(6),
            command="rehearse",
            started_at=started,
            duration_ms=(clock.monotonic() - begun) * 1000,
            completed=interrupted is None,
            interrupted_by=interrupted,
        ),
        target=play.cases[0].info(),
        layers=LAYERS if play.apart is None else (Layer.ENV, *LAYERS),
        skipped=left_out(facts),
        broken=broken,
        fail_on_warnings=script.fail_on_warnings,
        not_tested=(*((f"media: {SIGNAL_ONLY}",) if script.signal_only else ()), *_UNPLAYED),
    )


def left_out(facts: Facts) -> Mapping[str, Skip]:
    """Which questions are not asked.

    Those about the ways of media say why nobody got a connection. To people who have met, a way
    that would not have carried them is told, and is no fault of their booking.
    """
    elsewhere = Skip(SkipReason.NOT_APPLICABLE, words="asked by diagnose and ws-probe")
    skipped = {"signal.v1": elsewhere, "api.room": elsewhere}
    rehearsal = facts.rehearsal
    apart = facts.env.apart if facts.env is not None else None
    if apart is not None:
        from lkdoctor.diagnosis import trust

        skipped |= trust.alone()
        joined = facts.signal if facts.signal is not None and facts.signal.room_minted else None
        if joined is not None and not joined.proven:
            steps = (f"rehearsal.{step}" for step in Step)
            skipped |= dict.fromkeys((*steps, "api.key"), unproven(apart))
    if facts.media is None or rehearsal is None or not rehearsal.unconnected:
        media = (check.id for check in catalogue.checks((Layer.MEDIA,)))
        skipped |= {
            identifier: Skip(SkipReason.DESELECTED)
            for identifier in media
            if not identifier.startswith("rehearsal.")
        }
    if rehearsal is not None and rehearsal.signal_only:
        unplayed = Skip(SkipReason.NOT_APPLICABLE, words=f"left out: {SIGNAL_ONLY}")
        skipped |= {f"rehearsal.{step}": unplayed for step in WITH_MEDIA}
    if rehearsal is not None and rehearsal.sdk_end is not None:
        at = f"rehearsal.{rehearsal.sdk_end.step}"
        unplayed = Skip(SkipReason.BLOCKED, at, f"needs {at}")
        skipped |= {f"rehearsal.{step}": unplayed for step in Step if not rehearsal.results(step)}
    if rehearsal is not None and rehearsal.stopped is not None:
        unplayed = Skip(SkipReason.INTERRUPTED, ALONE, f"needs {ALONE}")
        missing = [step for step in Step if not rehearsal.results(step, rehearsal.rounds[-1:])]
        skipped |= {f"rehearsal.{step}": unplayed for step in missing}
    url = facts.url.result if facts.url is not None else None
    if isinstance(url, ParsedUrl) and not url.secure:
        skipped["tls.handshake"] = without_tls(url)
    return skipped


_OURS: Final = "lkdoctor-"
_LENGTHENED: Final = 64
"""Bytes up to which an identity is made longer: more may be beyond a server's own limit."""


def played_as(identity: str) -> str:
    """The name under which somebody is played in a throw-away copy.

    An app's backend gets webhooks of every join, and is not to take ours for its own people. The
    same identity gives the same name. A long one keeps its length: whether the server takes it is
    to be seen.
    """
    raw = identity.encode("utf-8", "surrogatepass")
    prefixed = _OURS + identity
    if not raw or len(_OURS) + len(raw) <= _LENGTHENED:
        return prefixed if raw else identity
    digest = hashlib.sha256(raw).hexdigest()
    kept = raw[: len(raw) - len(_OURS) - 9].decode("utf-8", "ignore")
    rest = len(raw) - len(_OURS) - len(kept.encode()) - 1
    return f"{_OURS}{kept}-{digest[:rest]}"


def participant(
    seat: Seat, identity_played: str, room_played: str, sources: Sequence[str]
) -> Participant:
    """What the grants of a seat say."""
    video = seat.video
    listed = video.get("canPublishSources")
    may = video.get("canPublish", True) is not False
    allowed = {str(one) for one in listed} if isinstance(listed, list | tuple) and listed else None
    return Participant(
        role=seat.role or "client",
        identity=safe(seat.identity, 512),
        room=safe(seat.room, 512),
        room_played=safe(room_played, 512),
        sources=tuple(s for s in sources if may and (allowed is None or s in allowed)),
        sources_listed=tuple(safe(s, 40) for s in sorted(allowed or ())) if may else (),
        can_subscribe=video.get("canSubscribe", True) is not False,
        can_publish_data=video.get("canPublishData", True) is not False,  # as `mint` writes it
        room_admin=video.get("roomAdmin") is True,
        room_record=video.get("roomRecord") is True,
        hidden=video.get("hidden") is True,
        identity_played=safe(identity_played, 512),
    )


class _Actor(NamedTuple):
    """One participant, with what is needed to play."""

    seat: Seat
    room: str
    """The room that is joined, exact."""
    identity: str
    """Under which name, exact."""
    shown: Participant


class _Play:
    """One rehearsal under way; what was seen is kept as soon as it is seen."""

    def __init__(
        self, resolution: Resolution, script: Script, how: How, clock: Clock, listen: Listener
    ) -> None:
        self.script, self._how, self.clock, self._listen = script, how, clock, listen
        self._signer = Signer(need_pair_to_send(resolution.target), clock, TOKEN_TTL_S)
        rooms = dict.fromkeys(seat.room for seat in script.seats)
        copies = {r: r if script.in_place else f"lkdoctor-{clock.token_hex(8)}" for r in rooms}
        self.actors = tuple(self._actor(seat, copies[seat.room]) for seat in script.seats)
        self._copies: Mapping[str, str] = copies
        self.cases: tuple[Case, ...] = tuple(self._case(resolution, actor) for actor in self.actors)
        self._facts: Facts = self.cases[0].facts
        self.apart = self.cases[0].target.apart
        """The folder names the host, and the secret is not the folder's."""
        self.at = Step.TOKEN
        """The step that was begun last."""
        self.blamed = 0
        """Whose token and signalling the facts show."""
        self.sessions: dict[int, Session] = {}
        self.validations: dict[int, Validation] = {}
        self._rounds: list[Round] = []
        self._clean_ups: list[CleanUp] = []
        self._left: tuple[str, ...] = ()
        self.company: Company | None = None
        """Who else is in the booking's own room; none in a copy, whose name nobody else knows."""
        self._mark = clock.token_hex(8)
        self._stopped: Stopped | None = None
        self.sids: set[str] = set()
        self.occupied = False
        """The SDK may have somebody in a room."""
        self.made: dict[str, actions.ThrowAwayRoom] = {}
        """The throw-away rooms that are joined, by name; none in place."""
        self._sdk_end: SdkEnd | None = None
        self._media: MediaProbe | None = None

    def _actor(self, seat: Seat, room: str) -> _Actor:
        identity = seat.identity if self.script.in_place else played_as(seat.identity)
        return _Actor(seat, room, identity, participant(seat, identity, room, self.script.sources))

    def _case(self, resolution: Resolution, actor: _Actor) -> Case:
        """The case as the app would have it; its token is for what is played."""
        named = cases.gather(resolution, self.clock, seat=actor.seat)
        if self.script.in_place:
            return named
        video = {**actor.seat.video, "room": actor.room}
        seat = actor.seat._replace(room=actor.room, identity=actor.identity, video=video)
        played = cases.gather(resolution, self.clock, seat=seat)
        return played._replace(facts=played.facts._replace(name=named.facts.name))

    # ------------------------------------------------------------ from the first to the last

    async def everything(self) -> None:
        url = self._facts.url.result if self._facts.url else None
        if not isinstance(url, ParsedUrl):
            return
        endpoint = way.endpoint(url, self.cases[0], self._how)
        async with self.step(Step.TOKEN, f"connecting to {url.host}:{url.port}"):
            deadline = self.deadline()
        async with dial(endpoint, deadline) as route:
            self._facts = self._facts._replace(network=route.network, tls=route.tls)
            if not route.ready:
                phases = signal.not_reached(route.phases)
                self._facts = self._facts._replace(signal=SignalFact(phases=phases))
                return
            if not await self._may_play(route):
                return
            await self._look(route, deadline)
            await self._with_rooms(route)

    async def _may_play(self, route: Route) -> bool:
        """Whether a host that the folder names has shown that it holds the secret, if it has to."""
        if self.apart is None:
            return True
        from lkdoctor.diagnosis import trust

        async with self.step(Step.SIGNALLING, "seeing whether the server holds the API secret"):
            shown = await trust.prove(
                route, need_pair_to_send(self.cases[0].target), self.deadline()
            )
        self._facts = self._facts._replace(signal=shown)
        return shown.proven

    async def _look(self, route: Route, deadline: Deadline) -> None:
        """What answers there: HTTP, and the API that rooms are made by and roles held to."""
        watch = Stopwatch(self.clock)
        async with asyncio.TaskGroup() as group:
            root = group.create_task(server.look(route, deadline))
            lister = self._sign({"roomList": True})
            rooms = group.create_task(api.list_rooms(route, lister, deadline))
        looked = root.result()
        self._facts = self._facts._replace(
            server=looked.server,
            clock=looked.clock,
            api=ApiFact(rooms=rooms.result(), took_ms=watch.ms),
        )

    async def _with_rooms(self, route: Route) -> None:
        """Play in rooms that are there for it, and gone after it."""
        if self.script.in_place:
            await self._refuse_where_people_are(route)
            self.company = self._company(route)
            try:
                await self._play_rounds(route)
            finally:
                await self._tidy(route)
            return
        powerful = partial(self._signer.sign, {"roomCreate": True})
        try:
            async with contextlib.AsyncExitStack() as stack:
                for name in self._copies.values():
                    url, ask = route.endpoint.url, self.ask(route)
                    room = actions.ThrowAwayRoom(name, url, powerful, ask)
                    self.made[name] = await stack.enter_async_context(room)
                    if self.script.create_room:
                        await room.create()
                try:
                    await self._play_rounds(route)
                finally:
                    await self._empty_copies(route)
        finally:
            ends = [room.clean_up for room in self.made.values()]
            self._clean_ups = [clean_up for clean_up in ends if clean_up is not None]

    async def _empty_copies(self, route: Route) -> None:
        """Take out whom the SDK's process has left in a copy because it was ended, or ended."""
        if self.occupied:
            for name in self._copies.values():
                token = self._sign({"roomAdmin": True, "room": name})
                people = [actor.identity for actor in self.actors if actor.room == name]
                await actions.take_out(people, name, route.endpoint.url, token, self.ask(route))

    async def _play_rounds(self, route: Route) -> None:
        for number in range(self.script.rounds):
            prefix = f"round {number + 1}: " if self.script.rounds > 1 else ""
            async with contextlib.AsyncExitStack() as stack:
                # Anew for each round: what the SDK keeps of one goes with its process.
                sdk = (
                    None
                    if self.script.signal_only
                    else await stack.enter_async_context(self._sdk())
                )
                playing = _Round(self, route, sdk, prefix)
                watch = Stopwatch(self.clock)
                try:
                    await playing.play()
                except SdkEnded as end:
                    self._sdk_end = SdkEnd(playing.step, safe(end.how, 200), end.said)
                    return
                except Stop as stop:
                    self._stopped = stop.stopped
                    return
                finally:
                    self._rounds.append(Round(playing.players(), watch.ms))

    def _sdk(self) -> Sdk:
        step_s = self._how.timeout_s
        # In two rooms they cannot meet, so nobody need wait for them to.
        meet_s = min(step_s, APART_S) if len(self._copies) > 1 else step_s
        return Sdk(Limits(step_s, meet_s, self.script.seconds), self._how.ca_file)

    # ------------------------------------------------------------ in place

    async def _refuse_where_people_are(self, route: Route) -> None:
        for name in self._copies:
            token = self._sign({"roomAdmin": True, "room": name})
            people = await api.list_participants(route, token, self.deadline(), name)
            if not isinstance(people, ParticipantsListed):
                continue  # the token's own rules say why
            present = [one.identity for one in people.participants]
            ours = {actor.shown.identity_played for actor in self.actors}
            for identity in present:
                if identity in ours:
                    raise UsageError(
                        f"{identity} is in the room {safe(name)}, and would be disconnected",
                        advice=["leave out --in-place: a throw-away copy of the room is used"],
                    )
            if present and not self.script.yes:
                shown = ", ".join(present[:5]) + (" and others" if len(present) > 5 else "")
                raise UsageError(
                    f"people are in the room {safe(name)}: {shown}",
                    advice=[
                        "leave out --in-place: a throw-away copy of the room is used",
                        "--yes   rehearses beside them; they see and hear it",
                    ],
                )

    def _company(self, route: Route) -> Company:
        async def people(name: str) -> ParticipantsAnswer:
            token = self._sign({"roomAdmin": True, "room": name})
            return await api.list_participants(route, token, self.deadline(), name)

        rooms = [
            Room(name, frozenset(a.shown.identity_played for a in self.actors if a.room == name))
            for name in self._copies.values()
        ]
        company = Company(rooms, people, mark=self._mark, beside=self.script.yes)
        company.sids = self.sids
        return company

    async def _tidy(self, route: Route) -> None:
        """Take our participants out; the room ends as after any call."""
        if self.company is None:
            return
        ask, url, ours = self.ask(route), route.endpoint.url, self.company.ours
        for name in self._copies:
            token = self._sign({"roomAdmin": True, "room": name})
            self._left += await actions.remove_own(name, ours, url, token, ask)

    # ------------------------------------------------------------ small things

    @property
    def looks(self) -> int | None:
        """From whose session the ways of media are looked at: the server offers who may subscribe."""
        may = (number for number, actor in enumerate(self.actors) if actor.shown.can_subscribe)
        return next(may, None)

    def looking_at_media(self, route: Route) -> "MediaProbe | None":
        """What looks at the ways of media from a session of one participant, once."""
        # The other one would end that session.
        shared = share_identity(actor.shown for actor in self.actors)
        unasked = self.script.signal_only or shared or self.looks is None
        if unasked or self._media is not None:
            return None
        self._media = way.looking_at_media(route, self.clock)
        return self._media

    def tokens(self) -> list[Secret]:
        """A token for each, of the booking's grants.

        In place with a mark to know ours again; in a copy without making and ending rooms: who
        could make a room with it can end any, and the server has proven nothing yet.
        """
        return [self._token_of(actor) for actor in self.actors]

    def _token_of(self, actor: _Actor) -> Secret:
        video = {**actor.seat.video, "room": actor.room}
        if self.script.in_place:
            marked = {MARK: self._mark}
            return self._signer.sign(video, identity=actor.identity, attributes=marked)
        if not self.script.create_room:
            video.pop("roomCreate", None)
        # Nobody else can be taken for ours there, so a mark is not needed.
        config = actions.fleeting(actor.room)
        return self._signer.sign(video, identity=actor.identity, room_config=config)

    def prover(self, actor: _Actor) -> signal.Prove | None:
        """Tells the throw-away room what the server's tokens for its participant prove."""
        room = self.made.get(actor.room)
        if room is None:
            return None

        def prove(token: str) -> Proof | None:
            proof = self._signer.proof(token, room=actor.room, identity=actor.identity)
            if proof is not None:
                room.proven(proof)
            return proof

        return prove

    def _sign(self, video: Mapping[str, object]) -> Secret:
        return self._signer.sign(video)

    def ask(self, route: Route) -> actions.Ask:
        limit = min(self._how.timeout_s, actions.GRACE)
        return way.asking(route, self.clock, limit)

    def deadline(self) -> Deadline:
        return Deadline.within(self.clock, self._how.timeout_s)

    @contextlib.asynccontextmanager
    async def step(self, step: Step, words: str) -> AsyncIterator[None]:
        watch = Stopwatch(self.clock)
        self.at = step
        self._listen(StepStarted(step, words))
        yield
        self._listen(StepFinished(step, watch.ms))

    async def still_there(self, route: Route) -> list[bool]:
        """Whether the server still has each of our participants, after they have left."""
        waiting = [True] * len(self.actors)
        for pause in _GONE_PAUSES:
            for number, actor in enumerate(self.actors):
                token = self._sign({"roomAdmin": True, "room": actor.room})
                people = await api.list_participants(route, token, self.deadline(), actor.room)
                waiting[number] = isinstance(people, ParticipantsListed) and any(
                    one.sid in self.sids for one in people.participants
                )
            if not any(waiting):
                break
            await asyncio.sleep(pause)
        return waiting

    def validated(self, answer: Exchange) -> tuple[Outcome, str]:
        """Whether the server takes a token, and what it says otherwise."""
        if isinstance(answer, HttpAnswer):
            # A copy is made by joining it; where that makes no room, the join says so.
            if answer.status == 200 or (lacks_room(answer) and not self.script.in_place):
                return Outcome.OK, ""
            return Outcome.FAILED, f"HTTP {answer.status}: {answer.body}"
        late = answer.problem in {Silence.TIMEOUT, Silence.SLOW}
        return (Outcome.TIMEOUT if late else Outcome.FAILED), str(answer.problem)

    def facts(self) -> Facts:
        """All that was seen."""
        fact = RehearsalFact(
            participants=tuple(actor.shown for actor in self.actors),
            rounds=tuple(self._rounds),
            step_timeout_s=self._how.timeout_s,
            seconds=self.script.seconds,
            audio_only=self.script.audio_only,
            signal_only=self.script.signal_only,
            relay_only=self.script.relay,
            in_place=self.script.in_place,
            clean_ups=tuple(self._clean_ups),
            left_behind=self._left,
            sdk_end=self._sdk_end,
            stopped=self._stopped,
        )
        blamed = self.cases[self.blamed].facts
        taken = all(self.validated(v.answer)[0] is Outcome.OK for v in self.validations.values())
        facts = self._facts._replace(
            env=None if self.apart is None else self._facts.env,
            # Of a token that is not taken it would say the same: one pair has signed both.
            api=self._facts.api if taken else None,
            token=blamed.token,
            name=blamed.name,
            media=self._media.fact if self._media else None,
            rehearsal=fact,
        )
        session = self.sessions.get(self.blamed)
        validation = self.validations.get(self.blamed)
        if session is None and validation is None:
            return facts
        seen = session.fact if session else SignalFact()
        return facts._replace(
            signal=seen._replace(
                proven=seen.proven or (facts.signal is not None and facts.signal.proven),
                validations=(validation,) if validation else (),
                clean_up=self._clean_ups[0] if self._clean_ups else None,
            )
        )


class _Round:
    """One round; a step is played when the one before it went well for both."""

    def __init__(self, play: _Play, route: Route, sdk: Sdk | None, prefix: str) -> None:
        self._play, self._route, self._sdk, self._prefix = play, route, sdk, prefix
        self._script = play.script
        self._actors = play.actors
        self._tokens = play.tokens()
        self._players = [Player(actor.shown.role, ()) for actor in self._actors]
        self._tracks: list[tuple[str, ...]] = [()] * len(self._actors)
        """SIDs of what each one publishes."""
        self.step = Step.TOKEN
        """What is being played."""

    def players(self) -> tuple[Player, ...]:
        """What is known of both, the steps that were not reached included."""
        return tuple(
            player._replace(steps=tuple(player.step(step) for step in Step))
            for player in self._players
        )

    async def play(self) -> None:
        """All steps, as far as they go.

        Raises:
            SdkEnded: what is to play the step has ended.
            Stop: somebody else has come in.
        """
        try:
            await self._steps()
        except SdkEnded:
            for number in range(len(self._players)):
                self._end(number, self.step, Outcome.BROKEN_OFF, 0.0, "the SDK's process ended")
            raise

    async def _steps(self) -> None:
        if not await self._token() or not await self._signalling():
            return
        if self._sdk is None:
            await self._permissions(None)
            self._leave_out(WITH_MEDIA)
            return
        if await self._connection(self._sdk):
            await self._publishing(self._sdk)
            await self._receiving(self._sdk)
            await self._data(self._sdk)
            await self._permissions(self._sdk)
        await self._leaving(self._sdk)

    # ------------------------------------------------------------ the steps

    async def _token(self) -> bool:
        async with self._begin(Step.TOKEN, "asking the server about both tokens"):
            asked = await asyncio.gather(
                *(
                    signal.validate(self._route, token, Whose.GIVEN, self._deadline())
                    for token in self._tokens
                )
            )
        for number, validation in enumerate(asked):
            outcome, detail = self._play.validated(validation.answer)
            self._end(number, Step.TOKEN, outcome, validation.answer.took_ms, detail)
            self._play.validations.setdefault(number, validation)
            self._blame(number, outcome)
        return self._all(Step.TOKEN)

    async def _signalling(self) -> bool:
        media = self._play.looking_at_media(self._route)
        words = "signalling only" if media is None else "trying every way that media could take"
        rooms = [self._play.made.get(actor.room) for actor in self._actors]
        for room in filter(None, rooms):
            room.joining()
        async with self._begin(Step.SIGNALLING, f"joining, {words}"):
            sessions = await self._during(self._joins(media), unknown=JOINING)
        for session in sessions:
            if isinstance(session.first, Joined):
                self._play.sids.add(session.first.participant_sid)
                self._know(session.first)
        self._stop_if_replaced(map(_left_by, sessions))
        for number, session in enumerate(sessions):
            made = rooms[number]
            if made is not None:
                made.joined(session.attempt.result, session.first)
            outcome, detail = _joined(session)
            took = sum(phase.took_ms for phase in session.phases)
            self._end(number, Step.SIGNALLING, outcome, took, detail)
            if outcome is not Outcome.OK or number not in self._play.sessions:
                self._play.sessions[number] = session
            self._blame(number, outcome)
        return self._all(Step.SIGNALLING)

    async def _joins(self, media: "MediaProbe | None") -> list[Session]:
        return await asyncio.gather(
            *(
                signal.join(
                    *(self._route, token, Whose.GIVEN, self._deadline()),
                    pings=1,
                    media=media if number == self._play.looks else None,
                    prove=self._play.prover(self._actors[number]),
                )
                for number, token in enumerate(self._tokens)
            )
        )

    async def _connection(self, sdk: Sdk) -> bool:
        url = ws_url(self._route.endpoint.url)
        self.step = Step.CONNECTION
        await sdk.ready()  # so that nothing takes time between the look at the room and the join
        self._play.occupied = True
        async with self._begin(Step.CONNECTION, "connecting both for media"):
            relay = self._script.relay
            firsts = [session.first for session in self._play.sessions.values()]
            hopeless = relay and not any(isinstance(f, Joined) and f.turn_urls for f in firsts)
            connecting = sdk.connect(url, self._tokens, relay=relay, hopeless=hopeless)
            answers = await self._during(connecting, unknown=JOINING)
        self._play.sids.update(answer.sid for answer in answers if answer.sid)
        if self._play.company is not None and any(a.outcome is not Outcome.OK for a in answers):
            # Whose fault that was: who came in under an identity ended our session.
            await self._play.company.look(Step.CONNECTION, unknown=NOT_CONNECTED)
        for number, answer in enumerate(answers):
            self._end(number, Step.CONNECTION, answer.outcome, answer.took_ms, answer.detail)
            self._set(number, turn=answer.turn)
        return self._all(Step.CONNECTION)

    async def _publishing(self, sdk: Sdk) -> None:
        wanted = [list(actor.shown.sources) for actor in self._actors]
        async with self._begin(Step.PUBLISHING, f"publishing {_words(self._script.sources)}"):
            answers = await self._during(sdk.publish(wanted))
        for number, answer in enumerate(answers):
            missing = [p for p in answer.publications if p.took_ms is None]
            took = max((p.took_ms or 0.0 for p in answer.publications), default=0.0)
            self._set(number, publications=answer.publications)
            self._tracks[number] = answer.sids
            if not answer.publications:
                self._end(number, Step.PUBLISHING, Outcome.LEFT_OUT, 0.0, "may not publish")
            elif missing:
                failed = next((p.detail for p in missing if p.detail), "")
                outcome = Outcome.FAILED if failed else Outcome.TIMEOUT
                words = _words(p.source for p in missing)
                self._end(number, Step.PUBLISHING, outcome, took, failed or f"{words}: no answer")
            else:
                self._end(number, Step.PUBLISHING, Outcome.OK, took)

    async def _receiving(self, sdk: Sdk) -> None:
        expected: list[list[str]] = []
        for number, actor in enumerate(self._actors):
            other = self._players[1 - number]
            sent = [p.source for p in other.publications if p.took_ms is not None]
            shown = actor.shown.can_subscribe and not self._actors[1 - number].shown.hidden
            expected.append(sent if shown else [])
        async with self._begin(Step.RECEIVING, "waiting for each other's sound and pictures"):
            answers = await self._during(sdk.receive(expected))
        self._stop_if_replaced(answer.ended for answer in answers)
        for number, answer in enumerate(answers):
            self._set(number, receptions=answer.receptions, path=answer.path, ended=answer.ended)
            missing = [r.source for r in answer.receptions if r.first_frame_ms is None]
            first = max((r.first_frame_ms or 0.0 for r in answer.receptions), default=0.0)
            if answer.ended:
                words = f"the session ended: {answer.ended}"
                self._end(number, Step.RECEIVING, Outcome.FAILED, first, words)
            elif missing:
                words = f"nothing arrived of {_words(missing)}"
                self._end(number, Step.RECEIVING, Outcome.TIMEOUT, first, words)
            elif not answer.receptions:
                words = "the other one publishes nothing"
                if self._actors[1 - number].shown.hidden:
                    words = "the other one is hidden"
                if not self._actors[number].shown.can_subscribe:
                    words = "may not subscribe"
                self._end(number, Step.RECEIVING, Outcome.LEFT_OUT, 0.0, words)
            else:
                self._end(number, Step.RECEIVING, Outcome.OK, first)

    async def _data(self, sdk: Sdk) -> None:
        may = [actor.shown.can_publish_data for actor in self._actors]
        async with self._begin(Step.DATA, "sending a message each way"):
            answers = await self._during(sdk.say(may))
        for number, answer in enumerate(answers):
            if not may[number]:
                outcome, words = Outcome.LEFT_OUT, "may not send data"
                if answer.took_ms is not None:
                    outcome, words = Outcome.FAILED, "may not send data, and it arrived"
                self._end(number, Step.DATA, outcome, 0.0, words)
            elif answer.took_ms is None:
                words = answer.problem or "it never arrived at the other one"
                self._end(number, Step.DATA, Outcome.TIMEOUT, 0.0, words)
            else:
                self._end(number, Step.DATA, Outcome.OK, answer.took_ms)

    async def _permissions(self, sdk: Sdk | None) -> None:
        watch = Stopwatch(self._play.clock)
        async with self._begin(Step.PERMISSIONS, "trying what each may do, and may not do"):
            refused = [
                [s for s in self._script.sources if s not in actor.shown.sources]
                for actor in self._actors
            ]
            if sdk is not None and any(refused):
                for number, answer in enumerate(await self._during(sdk.publish_refused(refused))):
                    tried = (p._replace(allowed=False) for p in answer.publications)
                    both = (*self._players[number].publications, *tried)
                    self._set(number, publications=both)
            for what in actions.HARMLESS if self._script.in_place else actions.TRIES:
                # The client first: once removed, nobody could be refused anything any more.
                for number in reversed(range(len(self._actors))):
                    await self._attempt(what, number)
        told = [attempt for player in self._players for attempt in player.attempts]
        silent = bool(told) and all(attempt.permitted is None for attempt in told)
        for number, player in enumerate(self._players):
            wrong = [f"the server API does not say: {told[0].answer}"] if silent else []
            wrong += [
                f"{a.action} was {'permitted' if a.permitted else 'refused'}"
                for a in player.attempts
                if a.permitted is not None and a.permitted is not a.granted
            ]
            wrong += [
                f"{p.source} was published"
                for p in player.publications
                if not p.allowed and p.took_ms is not None
            ]
            outcome = Outcome.FAILED if wrong else Outcome.OK
            vain = [f"{a.action}: {a.answer}" for a in player.attempts if a.in_vain]
            if vain and not wrong:
                outcome, wrong = Outcome.PARTLY, vain
            self._end(number, Step.PERMISSIONS, outcome, watch.ms, "; ".join(wrong))

    async def _attempt(self, what: actions.Try, number: int) -> None:
        actor, other = self._actors[number], self._actors[1 - number]
        granted = actor.shown.room_record if what.grant == "roomRecord" else actor.shown.room_admin
        alone = self._sdk is None or actor.room != other.room
        if alone and granted and what.grant == "roomAdmin":
            return  # nobody is there to do it to, and the server would look for long
        track = next(iter(self._tracks[1 - number]), "")
        if what.needs_track and not track:
            track = "TR_none"  # whether it may be done is decided before it is looked for
        said = await actions.attempt(
            what,
            self._route.endpoint.url,
            self._tokens[number],
            self._play.ask(self._route),
            room=actor.room,
            identity=other.identity,
            track=track,
        )
        tried = Attempt(
            what.action,
            what.grant,
            granted,
            said.permitted,
            safe(said.answer, 200),
            said.unavailable,
        )
        self._set(number, attempts=(*self._players[number].attempts, tried))

    async def _leaving(self, sdk: Sdk) -> None:
        async with self._begin(Step.LEAVING, "leaving"):
            answers = await sdk.leave(len(self._actors))
            there = await self._play.still_there(self._route)
        self._stop_if_replaced(answer.ended for answer in answers)
        self._play.occupied = any(there)
        for number, answer in enumerate(answers):
            outcome = Outcome.TIMEOUT if there[number] else Outcome.OK
            detail = "the server still has the participant" if there[number] else ""
            self._end(number, Step.LEAVING, outcome, answer.took_ms, detail)

    # ------------------------------------------------------------ small things

    @contextlib.asynccontextmanager
    async def _begin(self, step: Step, words: str) -> AsyncIterator[None]:
        self.step = step
        async with self._play.step(step, self._prefix + words):
            if self._play.company is not None and step not in _TOUCHING_NOBODY:
                await self._play.company.look(step)
            yield

    async def _during(self, work: Coroutine[Any, Any, T], *, unknown: Container[str] = ()) -> T:
        """Do it, in the booking's own room as long as nobody else comes in."""
        company = self._play.company
        return await (work if company is None else company.during(self.step, work, unknown=unknown))

    def _know(self, first: Joined) -> None:
        if self._play.company is not None:
            self._play.company.shows_marks = first.protocol >= SHOWS_MARKS

    def _stop_if_replaced(self, ended: Iterable[str]) -> None:
        """Nobody of ours has taken that identity: the real one has come in."""
        shared = share_identity(actor.shown for actor in self._actors)
        for actor, reason in zip(self._actors, ended, strict=True):
            if self._play.company is not None and reason == _REPLACED and not shared:
                raise Stop(Stopped(self.step, actor.shown.identity_played, taken=True))

    def _deadline(self) -> Deadline:
        return self._play.deadline()

    def _set(self, number: int, **fields: object) -> None:
        self._players[number] = self._players[number]._replace(**fields)  # type: ignore[arg-type]  # names are the record's own

    def _end(
        self, number: int, step: Step, outcome: Outcome, took_ms: float, detail: str = ""
    ) -> None:
        result = StepResult(step, outcome, took_ms, safe(detail, 300))
        self._set(number, steps=(*self._players[number].steps, result))

    def _leave_out(self, steps: Iterable[Step]) -> None:
        for number in range(len(self._players)):
            for step in steps:
                self._end(number, step, Outcome.LEFT_OUT, 0.0, SIGNAL_ONLY)

    def _all(self, step: Step) -> bool:
        return all(player.step(step).outcome in GOOD for player in self._players)

    def _blame(self, number: int, outcome: Outcome) -> None:
        if outcome is not Outcome.OK and self._play.blamed == 0:
            self._play.blamed = number


def _words(sources: Iterable[str]) -> str:
    names = [source.replace("_", " ") for source in sources]
    return " and ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)


def _left_by(session: Session) -> str:
    """The reason of the Leave that ended it; nothing where it was not ended so."""
    if isinstance(session.first, LeftAtOnce):
        return session.first.reason
    return "" if session.cut is None else session.cut.how.removeprefix("leave ")


def _joined(session: Session) -> tuple[Outcome, str]:
    if isinstance(session.first, Joined):
        if session.cut is not None:
            return Outcome.FAILED, f"joined, then {session.cut.how}"
        return Outcome.OK, ""
    if session.first is not None:
        last = session.phases[-1]
        return Outcome.FAILED, last.detail
    if isinstance(session.attempt.result, Upgraded):
        return Outcome.FAILED, "no message"
    return Outcome.FAILED, next((p.detail for p in session.phases if p.detail), "not upgraded")
