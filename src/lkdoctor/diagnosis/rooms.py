"""What ``lkdoctor rooms`` asks the server API; where it says no, enough is asked to say why."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from lkdoctor.clock import Clock
from lkdoctor.config.target import Apart, KeyPair
from lkdoctor.diagnosis.fold import Skip, fold, own_fault
from lkdoctor.diagnosis.signing import sign
from lkdoctor.errors import UsageError, exhausted, leaf
from lkdoctor.facts.api import (
    ApiFact,
    ForeignAnswer,
    ParticipantInfo,
    ParticipantsAnswer,
    ParticipantsListed,
    RoomInfo,
    RoomsAnswer,
    RoomsListed,
    TwirpError,
)
from lkdoctor.facts.server import HttpAnswer
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.findings import Evidence, Finding, Layer
from lkdoctor.probes import api
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Route, dial
from lkdoctor.redact import Secret, safe
from lkdoctor.report.model import ExitCode, Report, RunInfo, SkipReason

if TYPE_CHECKING:
    from lkdoctor.diagnosis.case import Case
    from lkdoctor.diagnosis.how import How
    from lkdoctor.probes import server

T = TypeVar("T")

TOKEN_TTL_S: Final = 60.0
"""A token that lkdoctor mints for itself serves one run."""

_ANSWERED: Final[tuple[Layer, ...]] = (Layer.URL, Layer.NETWORK, Layer.TLS, Layer.API)
_REFUSED: Final[tuple[Layer, ...]] = (
    Layer.URL,
    Layer.NETWORK,
    Layer.TLS,
    Layer.PROXY,
    Layer.CLOCK,
    Layer.TOKEN,
    Layer.SIGNAL,  # a limit of requests is one for both
    Layer.SERVER,
    Layer.API,
)
"""What can be the matter when the API does not answer as it should."""

_LEFT_OUT: Final = {
    # A token for the API need not allow to join: its rules would cry wolf.
    "token.grants": Skip(SkipReason.DESELECTED),
}


class Access(NamedTuple):
    """What opens the API."""

    pair: KeyPair | None
    token: Secret | None = None
    """A ready token; used where there are no keys."""

    def allowed(self, clock: Clock, **grants: object) -> Secret:
        """A token that allows this, or the one that was given, whatever it allows."""
        if self.pair is None:
            assert self.token is not None  # noqa: S101 - `access` says so
            return self.token
        return sign(self.pair, grants, now=clock.now(), ttl_s=TOKEN_TTL_S, identity="")


def access(case: "Case") -> Access:
    """The keys, or else the ready token, of a case.

    Raises:
        UsageError: there is neither, or it does not go to a host that the folder names.
    """
    from lkdoctor.config.target import TRUST_ADVICE, need_pair_to_send

    pair, apart = case.target.key_pair, case.target.apart
    if pair is None and case.target.token is not None:
        if apart is not None:
            raise UsageError(
                f"{apart.words} is not sent to the host that {apart.url} names",
                advice=TRUST_ADVICE,
            )
        return Access(None, case.target.token.value)
    return Access(need_pair_to_send(case.target))


def acquainted(case: "Case", report: Report) -> "Case":
    """The case for what comes next, where the server has shown that it holds the secret."""
    signal = report.facts.signal
    if signal is None or not signal.proven:
        return case
    facts = case.facts._replace(signal=signal)
    return case._replace(target=case.target.trusted(), facts=facts)


class View(NamedTuple):
    """One room, as the API shows it at one moment."""

    name: str
    """Exact, as it was asked for; not safe to show."""
    rooms: RoomsAnswer
    """ListRooms of this name alone: an absent room and an empty one differ here only."""
    people: ParticipantsAnswer

    @property
    def room(self) -> RoomInfo | None:
        """The room, where it exists and may be seen."""
        return (
            self.rooms.rooms[0]
            if isinstance(self.rooms, RoomsListed) and self.rooms.rooms
            else None
        )

    @property
    def absent(self) -> bool:
        """Whether the server says that there is no such room."""
        return isinstance(self.rooms, RoomsListed) and not self.rooms.rooms

    @property
    def participants(self) -> tuple[ParticipantInfo, ...] | None:
        """Who is in it; None where that may not be seen."""
        return self.people.participants if isinstance(self.people, ParticipantsListed) else None

    @property
    def seen(self) -> bool:
        """Whether the room and everybody in it are known."""
        return self.room is not None and self.participants is not None

    def same_people(self, other: "View") -> bool:
        """Whether the same sessions are in the same incarnation of the room."""
        return _session(self) == _session(other)


def _session(view: View) -> tuple[str | None, frozenset[str]]:
    people = view.participants or ()
    return view.room.sid if view.room else None, frozenset(person.sid for person in people)


class Visit:
    """The way to one server, and what is allowed there."""

    def __init__(
        self, case: "Case", access: Access, route: Route | None, deadline: Deadline
    ) -> None:
        self.case = case
        self.access = access
        self.deadline = deadline
        self.route = route
        self._clock = deadline.clock
        self._started = self._clock.now()
        self._begun = self._clock.monotonic()
        self._beside: tuple[server.Looked, RoomsAnswer] | None = None
        self._signal = case.facts.signal

    @property
    def ready(self) -> bool:
        """Whether there is somebody to ask, who may get what is sent with it."""
        return self.route is not None and self.route.ready and self._untrusted is None

    @property
    def _untrusted(self) -> Apart | None:
        """Why nothing is asked, where the server has not shown what it has to show."""
        proven = self._signal is not None and self._signal.proven
        return None if proven else self.case.target.apart

    async def prove(self) -> None:
        """Let a host that the folder names show that it holds the secret, before it gets more."""
        if self._untrusted is None or self.access.pair is None or not self.way.ready:
            return
        from lkdoctor.diagnosis import trust

        self._signal = await trust.prove(self.way, self.access.pair, self.deadline)

    @property
    def way(self) -> Route:
        assert self.route is not None  # noqa: S101 - callers look at `ready`
        return self.route

    async def rooms(self, names: tuple[str, ...] = ()) -> RoomsAnswer:
        """The rooms of these names, or all."""
        token = self.access.allowed(self._clock, roomList=True)
        answer = await self._patiently(api.list_rooms(self.way, token, self.deadline, names))
        own = None if self._signal is None else self._signal.room_minted
        if isinstance(answer, RoomsListed) and own is not None:
            # It ends in a second, and is nobody's business.
            return RoomsListed(tuple(room for room in answer.rooms if room.name != own))
        return answer

    async def view(self, name: str) -> View:
        """One room and who is in it, both at once."""
        return await self._patiently(self._view(name))

    async def _view(self, name: str) -> View:
        token = self.access.allowed(self._clock, roomList=True, roomAdmin=True, room=name)
        async with asyncio.TaskGroup() as group:
            rooms = group.create_task(api.list_rooms(self.way, token, self.deadline, (name,)))
            people = group.create_task(api.list_participants(self.way, token, self.deadline, name))
        return View(name, rooms.result(), people.result())

    async def _patiently(self, call: Coroutine[Any, Any, T]) -> T:
        """The call's result; where it takes long, more is asked beside it.

        Behind a call that used up all of the time, nothing could be asked any more.
        """
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(call)
            await asyncio.wait((asked,), timeout=self.deadline.remaining() / 2)
            if not asked.done() and self._beside is None:
                self._beside = await group.create_task(self._look())
        return asked.result()

    async def _look(self) -> "tuple[server.Looked, RoomsAnswer]":
        """``GET /``, and what the API says without a token."""
        from lkdoctor.probes import server

        async with asyncio.TaskGroup() as group:
            looking = group.create_task(server.look(self.way, self.deadline))
            asking = group.create_task(api.list_rooms(self.way, None, self.deadline))
        return looking.result(), asking.result()

    async def broke(self, command: str, problem: Exception) -> Report:
        """The verdict where asking the API broke lkdoctor itself: what is known of the way there.

        Raises:
            Exception: the same, where this machine has run out of something.
        """
        if exhausted(leaf(problem)) is not None:
            raise problem
        return await self.report(command, None, own_fault("question to the server API", problem))

    async def report(self, command: str, fact: ApiFact | None, broken: str = "") -> Report:
        """The verdict on what was answered; asks more where the API did not answer as it should."""
        case = self.case
        env = case.facts.env
        apart = None if env is None else env.apart
        facts = case.facts._replace(
            api=fact, env=None if apart is None else env, signal=self._signal
        )
        if self.access.pair is not None:
            facts = facts._replace(token=None)
        layers = _ANSWERED
        if self.route is not None:
            facts = facts._replace(network=self.route.network, tls=self.route.tls)
        if fact is None or not _all_well(fact):
            layers = _REFUSED
            if fact is not None:
                looked, without_token = self._beside or await self._look()
                facts = facts._replace(
                    server=looked.server,
                    clock=looked.clock,
                    api=fact._replace(without_token=without_token),
                )
        skipped = dict(_LEFT_OUT)
        if apart is not None:
            from lkdoctor.diagnosis import trust

            layers = (Layer.ENV, *layers)
            skipped |= trust.alone()
        untrusted = self._untrusted if self.route is not None and self.route.ready else None
        if untrusted is not None:
            from lkdoctor.diagnosis.plan import unproven

            skipped |= dict.fromkeys(("api.key", "api.room"), unproven(untrusted))
        report = fold(
            facts,
            run=RunInfo(
                id=self._clock.token_hex(6),
                command=command,
                started_at=self._started,
                duration_ms=(self._clock.monotonic() - self._begun) * 1000,
            ),
            target=case.info(),
            layers=layers,
            skipped=skipped,
            broken={"api.key": broken} if broken else None,
        )
        return report if untrusted is not None else with_code(report, exit_code(fact, report))


@contextlib.asynccontextmanager
async def visit(case: "Case", how: "How", clock: Clock) -> AsyncIterator[Visit]:
    """Dial the server of a case; nothing that was opened on it outlives the block.

    Raises:
        UsageError: there is nothing to dial, or nothing to sign with.
    """
    opened = access(case)
    deadline = Deadline.within(clock, how.timeout_s)
    url = case.facts.url.result if case.facts.url is not None else None
    if not isinstance(url, ParsedUrl):
        yield Visit(case, opened, None, deadline)
        return
    from lkdoctor.diagnosis import way

    endpoint = way.endpoint(url, case, how)
    async with dial(endpoint, deadline) as route:
        server = Visit(case, opened, route, deadline)
        await server.prove()
        yield server


def _all_well(fact: ApiFact) -> bool:
    answers = (fact.rooms, fact.participants)
    return not any(isinstance(a, (TwirpError, ForeignAnswer)) for a in answers)


def exit_code(fact: ApiFact | None, report: Report) -> ExitCode:
    """0: answered. 1: refused, by the server or by something in front of it. 3: not reached."""
    url = report.facts.url
    if fact is None:
        unusable = url is not None and not isinstance(url.result, ParsedUrl)
        return ExitCode.PROBLEM if unusable else ExitCode.INCONCLUSIVE
    if _all_well(fact):
        return ExitCode.HEALTHY
    refused = any(map(_is_refusal, (fact.rooms, fact.participants)))
    return ExitCode.PROBLEM if refused else ExitCode.INCONCLUSIVE


def _is_refusal(answer: RoomsAnswer | ParticipantsAnswer | None) -> bool:
    if isinstance(answer, ForeignAnswer):
        return isinstance(answer.exchange, HttpAnswer)
    return isinstance(answer, TwirpError)


def with_code(report: Report, code: ExitCode) -> Report:
    """The report with what the command as a whole came to; a fault of ours stays one."""
    if report.summary.exit_code is ExitCode.INTERNAL:
        return report
    return report._replace(summary=report.summary._replace(exit_code=code))


# ------------------------------------------------------------------ list, show


async def listing(case: "Case", how: "How", clock: Clock, names: tuple[str, ...]) -> Report:
    """All rooms, or those of these names; they are in ``facts.api.rooms``."""
    async with visit(case, how, clock) as server:
        if not server.ready:
            return await server.report("rooms list", None)
        try:
            answer = await server.rooms(names)
        except Exception as problem:  # noqa: BLE001 - the report says so
            return await server.broke("rooms list", problem)
        return await server.report("rooms list", ApiFact(rooms=answer))


class Shown(NamedTuple):
    """What is known of one room."""

    report: Report
    view: View | None
    """None: the server was not reached."""
    others: tuple[str, ...] = ()
    """Names of the rooms that there are, where the one asked for is not among them."""


async def showing(case: "Case", how: "How", clock: Clock, name: str) -> Shown:
    """One room; where it is absent, the rooms that there are."""
    async with visit(case, how, clock) as server:
        if not server.ready:
            return Shown(await server.report("rooms show", None), None)
        others: tuple[str, ...] = ()
        try:
            view = await server.view(name)
            answer = await server.rooms() if view.absent else view.rooms
        except Exception as problem:  # noqa: BLE001 - the report says so
            return Shown(await server.broke("rooms show", problem), None)
        if view.absent and isinstance(answer, RoomsListed):
            others = tuple(room.name for room in answer.rooms)
        fact = ApiFact(rooms=answer, participants=view.people, room_asked=safe(name, 512))
        if isinstance(answer, TwirpError) and view.participants:
            # A participant's own roomAdmin token: it shows who is there, which is what was asked.
            fact = fact._replace(rooms=None)
        return Shown(await server.report("rooms show", fact), view, others)


# ------------------------------------------------------------------ end


class Looked(NamedTuple):
    """The rooms that are to end, before anything is done to them."""

    report: Report
    views: tuple[View, ...] = ()


async def looking(case: "Case", how: "How", clock: Clock, names: Sequence[str]) -> Looked:
    """The rooms of these names and who is in them; stops at the first that may not be seen."""
    async with visit(case, how, clock) as server:
        if not server.ready:
            return Looked(await server.report("rooms end", None))
        views: list[View] = []
        fact = ApiFact()
        for name in names:
            view = await server.view(name)
            fact = ApiFact(view.rooms, view.people, safe(name, 512) if not view.absent else None)
            if not _all_well(fact):
                return Looked(await server.report("rooms end", fact))
            views.append(view)
        return Looked(await server.report("rooms end", fact), tuple(views))


class Ended(NamedTuple):
    """What became of one room."""

    name: str
    outcome: str
    """``ended``, ``gone``, ``changed`` or ``failed``"""
    detail: str = ""


async def ending(
    case: "Case", how: "How", clock: Clock, shown: Sequence[View], tell: Callable[[Ended], None]
) -> None:
    """End the rooms that are still as they were shown; the one command that throws people out.

    Between the last look and the deletion somebody may still slip in: the API deletes by name,
    whoever is there.

    Args:
        case: the server and the keys.
        how: how to go there.
        clock: time and dice.
        shown: what the user has agreed to.
        tell: hears of each room as soon as it is settled.
    """
    from lkdoctor.actions import end_room

    trust = None
    if how.insecure or how.ca_file is not None:
        from lkdoctor.probes import tls

        trust = tls.context(insecure=how.insecure, ca_file=how.ca_file)
    async with visit(case, how, clock) as server:
        for before in shown:
            if not server.ready:
                tell(Ended(before.name, "failed", "the server is not reached any more"))
                continue
            now = await server.view(before.name)
            if now.absent:
                tell(Ended(before.name, "gone"))
            elif not now.seen:
                tell(Ended(before.name, "failed", "it cannot be seen any more"))
            elif not now.same_people(before):
                tell(Ended(before.name, "changed", difference(before, now)))
            else:
                token = server.access.allowed(clock, roomCreate=True)
                done = await end_room(
                    server.way.endpoint.url,
                    token,
                    before.name,
                    max(0.1, server.deadline.remaining()),
                    trust=trust,
                    proxy=server.way.endpoint.proxy,
                )
                tell(Ended(before.name, str(done.outcome), done.detail))


def may_not_delete(said: str) -> Finding:
    """Why the API refused to delete a room: the one grant of which listing needs none."""
    from lkdoctor.rules.base import Seen, finding

    evidence = (
        Evidence("POST /twirp/livekit.RoomService/DeleteRoom", said, "200", "api"),
        Evidence("grant that it needs", "roomCreate", None, "api"),
    )
    return finding("api-permission", Seen(evidence))


def difference(before: View, now: View) -> str:
    """Who has come and gone since."""
    if before.room is not None and now.room is not None and before.room.sid != now.room.sid:
        return "it ended and was made anew since it was shown"
    was = {person.sid: person.identity for person in before.participants or ()}
    has = {person.sid: person.identity for person in now.participants or ()}
    came = [identity for sid, identity in has.items() if sid not in was]
    went = [identity for sid, identity in was.items() if sid not in has]
    parts = [
        f"{', '.join(names[:3])}{' and others' if len(names) > 3 else ''} {word}"
        for names, word in ((came, "came"), (went, "left"))
        if names
    ]
    return " and ".join(parts) + " since it was shown"
