"""Carries out a plan: independent probes at the same time, one deadline for all of them.

What was observed until a deadline or a Ctrl-C is kept; what a probe has made is removed in
either case (`lkdoctor.actions`).
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from lkdoctor import actions
from lkdoctor.clock import Clock
from lkdoctor.diagnosis import way
from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.events import Listener, StepFinished, StepStarted, nobody
from lkdoctor.diagnosis.fold import Skip, own_fault
from lkdoctor.diagnosis.how import How, RtcPath
from lkdoctor.diagnosis.plan import STEP_OF, Plan, Step, unproven
from lkdoctor.diagnosis.signing import Signer
from lkdoctor.errors import UsageError, exhausted, leaf
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer, RoomsAnswer, RoomsListed
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.cloud import CloudFact
from lkdoctor.facts.network import AddressLook, NetworkFact, Resolved, TcpRefused
from lkdoctor.facts.server import Exchange, HttpAnswer
from lkdoctor.facts.signal import (
    CleanUp,
    Joined,
    LeftAtOnce,
    NoFirstMessage,
    Phase,
    Repeat,
    SignalFact,
    Tally,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.facts.tls import TlsFact
from lkdoctor.facts.url import HostKind, ParsedUrl
from lkdoctor.probes import api, cloud, network, server, signal
from lkdoctor.probes.base import Deadline, Stopwatch
from lkdoctor.probes.route import Endpoint, Route, dial, look_past, only
from lkdoctor.probes.signal import Prove, Session
from lkdoctor.redact import Secret, safe
from lkdoctor.report.model import SkipReason
from lkdoctor.rules.answers import heard, signalling_reached
from lkdoctor.tokens.proof import Proof
from lkdoctor.wire.signal import CLASSIC_PATH, V1_PATH

if TYPE_CHECKING:
    from lkdoctor.probes.ice import MediaProbe

PROBE_TTL_S: Final = 60.0
"""A token of our own lives a minute: longer than any probe, too short to be worth stealing."""


MAX_ADDRESSES: Final = 16
MAX_AGAIN: Final = 100
"""Times that validate is asked again: enough to meet every backend behind one address."""
_PREFIXES: Final = ("", "/livekit", "/livekit/sfu", "/livekit-server")
"""Where LiveKit sits: at the root, or where guides and charts put it (Element's is /livekit/sfu)."""

_ANOTHER_PLACE: Final = frozenset({200, 204, 400, 404, 405, 410, 426, 501})
"""Answers of a place where LiveKit is not; a log-in, a redirect or a 502 would say so everywhere."""

_MAX_PARENTS: Final = 8


class Observed(NamedTuple):
    """What came of it."""

    facts: Facts
    skipped: Mapping[str, Skip]
    """Planned checks that were not reached in time."""
    durations: Mapping[str, float]
    interrupted_by: str | None
    broken: Mapping[str, str] = {}
    """Our own faults, by the check that they leave open, or by what else broke."""


async def run(
    plan: Plan, case: Case, how: How, clock: Clock, listen: Listener = nobody
) -> Observed:
    """Do what the plan says and nothing else.

    Raises:
        UsageError: the CA file cannot be used.
    """
    url = case.facts.url.result if case.facts.url else None
    if not plan.steps or not isinstance(url, ParsedUrl):
        return Observed(case.facts, {}, {}, None)
    endpoint = way.endpoint(url, case, how)
    running = _Run(plan, case, how, endpoint, _Frame(clock, listen))
    try:
        await running.everything()
    except asyncio.CancelledError:
        # Ctrl-C: what we have is worth a report. A second one ends the process at once.
        running.interrupted_by = "signal"
    except UsageError:
        raise
    except Exception as problem:  # noqa: BLE001 - what was seen before is worth a report
        running.broke(Step.ROUTE, "look at the server", problem)
    return running.observed()


class _Frame(NamedTuple):
    """What surrounds a run."""

    clock: Clock
    listen: Listener


class _Run:
    """One run under way; each step stores what it found as soon as it has it."""

    def __init__(self, plan: Plan, case: Case, how: How, endpoint: Endpoint, frame: _Frame) -> None:
        self._plan = plan
        self._case = case
        self._how = how
        self._endpoint = endpoint
        self._clock, self._listen = frame
        pair = case.target.key_pair if case.signs else None
        self._signer = None if pair is None else Signer(pair, self._clock, PROBE_TTL_S)
        self._proof: Proof | None = None
        """That the server holds the secret that our tokens are signed with."""
        self._apart = case.target.apart
        self._settled = asyncio.Event()
        """Whether it holds it has been shown, or has not been shown when it should."""
        if Step.JOIN not in plan.steps:
            self._settled.set()
        self._only_token: tuple[Secret, str] | None = None
        """The one token that a host gets which has shown nothing yet."""
        self._deadline = Deadline.within(self._clock, how.timeout_s)
        self._reached: set[Step] = set()
        self._broken: dict[str, str] = {}
        self.interrupted_by: str | None = None
        self._network: NetworkFact | None = None
        self._tls: TlsFact | None = None
        self._phases: tuple[Phase, ...] = ()
        """Of the way there, where it ended before anybody could be talked to."""
        self._server: server.Looked | None = None
        self._validations: list[Validation] = []
        self._as_browser: tuple[Validation, ...] = ()
        self._bare: UpgradeAttempt | None = None
        self._session: Session | None = None
        self._without_v1 = False
        self._repeats: list[Repeat] = []
        self._clean_up: CleanUp | None = None
        self._own_room: Final = f"lkdoctor-{self._clock.token_hex(8)}"
        """Its name is nobody else's."""
        self._ready = asyncio.Event()
        """The room is there, if it is to be made before anybody asks for it."""
        if not plan.create_room:
            self._ready.set()
        self._media: MediaProbe | None = None
        self._api: ApiFact | None = None
        self._each: tuple[AddressLook, ...] = ()
        self._again: tuple[Tally, ...] = ()
        self._cloud: CloudFact | None = None

    # ------------------------------------------------------------ the steps

    async def everything(self) -> None:
        host, port = self._endpoint.dialled
        self._start(Step.ROUTE, f"connecting to {safe(host, 80)}:{port}")
        watch = Stopwatch(self._clock)
        async with dial(self._endpoint, self._deadline) as route:
            self._network, self._tls = route.network, route.tls
            self._finish(Step.ROUTE, watch)
            async with asyncio.TaskGroup() as group:
                if self._network.through is not None:
                    group.create_task(self._kept(None, "look past the proxy", self._look_past()))
                if not route.ready:
                    self._phases = signal.not_reached(route.phases)
                    await self._look_at_loopback()
                    return
                for step, words, task in self._tasks(route):
                    group.create_task(self._kept(step, words, task))
            if self._server is not None and self._is_lost():
                await self._search(route, self._server)
            if self._server is not None and self._key_unknown_nearby():
                dev_mode = await server.in_dev_mode(route, self._deadline)
                found = self._server.server._replace(dev_mode=dev_mode)
                self._server = self._server._replace(server=found)

    async def _kept(self, step: Step | None, words: str, task: Coroutine[None, None, None]) -> None:
        """Do it; where it breaks, the others go on, and the report says so."""
        try:
            await task
        except Exception as problem:  # noqa: BLE001 - a fault of ours costs its own step alone
            self.broke(step, words, problem)

    def broke(self, step: Step | None, words: str, problem: Exception) -> None:
        """Take down a fault of ours, and which checks it leaves open; None leaves none open.

        Raises:
            Exception: the same, where this machine has run out of something.
        """
        if exhausted(leaf(problem)) is not None:
            raise problem
        said = own_fault(words, problem)
        self._broken |= {check: said for check, of in STEP_OF.items() if of is step} or {
            words: said
        }

    def _tasks(
        self, route: Route
    ) -> Iterator[tuple[Step | None, str, Coroutine[None, None, None]]]:
        """What is done at the same time once there is somebody to talk to."""
        steps = self._plan.steps
        if Step.JOIN in steps:
            # First, so that the connection that was dialled with is the join's: its phases are
            # then those of one socket, from DNS to the first message.
            yield Step.JOIN, "join", self._join(route)
        if Step.ROOT in steps:
            yield Step.ROOT, "GET /", self._root(route)
        if Step.VALIDATE in steps:
            yield Step.VALIDATE, "question to /rtc/validate", self._validate(route)
        if Step.UPGRADE in steps:
            yield Step.UPGRADE, "upgrade", self._upgrade(route)
        if Step.API in steps:
            yield Step.API, "question to the server API", self._ask_api(route)
        if self._how.all_addresses:
            yield None, "look at every address", self._each_address()
        if self._how.follow_regions:
            yield None, "look at the regions", self._follow_regions(route)
        if self._how.repeat > 1 and Step.VALIDATE in steps:
            yield None, "repeated question", self._validate_again(route)

    async def _look_past(self) -> None:
        """What clients find that do not honour the proxy."""
        direct = await look_past(self._endpoint, self._deadline)
        if self._network is not None:
            self._network = self._network._replace(direct=direct)

    async def _follow_regions(self, route: Route) -> None:
        if not await self._may_send():
            return
        whose, token = self._tokens()[-1] if self._tokens() else (Whose.NONE, None)
        self._cloud = await cloud.look(route, token, whose, self._deadline)

    async def _each_address(self) -> None:
        """Every address of the name by itself, all at once."""
        net = self._network
        if net is None or net.through is not None or not isinstance(net.dns, Resolved):
            return
        async with asyncio.TaskGroup() as group:
            looks = [
                group.create_task(self._at_address(address))
                for address in net.dns.addresses[:MAX_ADDRESSES]
            ]
        self._each = tuple(task.result() for task in looks)

    async def _at_address(self, address: str) -> AddressLook:
        async with dial(self._endpoint, self._deadline, only(address)) as route:
            attempt = route.tls.attempt if route.tls is not None else None
            certificate = getattr(attempt, "certificate", None)
            look = AddressLook(
                address=address,
                tcp=route.network.tcp[-1] if route.network.tcp else None,
                tls="" if attempt is None else attempt.kind,
                certificate="" if certificate is None else certificate.subject,
            )
            if not route.ready:
                return look
            whose, token = self._tokens()[-1] if self._tokens() else (Whose.NONE, None)
            async with asyncio.TaskGroup() as group:
                root = group.create_task(server.look(route, self._deadline))
                asked = group.create_task(signal.validate(route, token, whose, self._deadline))
            return look._replace(root=root.result().server.root, validation=asked.result().answer)

    async def _validate_again(self, route: Route) -> None:
        """The same question as often as there are connections: do all backends say the same?"""
        if not self._tokens():
            return
        await self._ready.wait()
        whose, token = self._tokens()[-1]
        at_a_time = asyncio.Semaphore(max(4, self._how.concurrency))

        async def ask() -> Exchange:
            async with at_a_time:
                path = self._validate_path
                return (
                    await signal.validate(route, token, whose, self._deadline, path=path)
                ).answer

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask()) for _ in range(min(self._how.repeat, MAX_AGAIN))]
        self._again = _tallied(task.result() for task in tasks)

    def _tokens(self) -> list[tuple[Whose, Secret]]:
        """Whose tokens are asked about: the user's first, then our own."""
        tokens: list[tuple[Whose, Secret]] = []
        if self._case.token is not None and not self._held and self._is_trusted:
            tokens.append((Whose.GIVEN, self._case.token.value))
        if self._signer is not None:
            tokens.append((Whose.MINTED, self._probe_token(self._signer)[0]))
        return tokens

    # ------------------------------------------------------------ a host that the folder names

    @property
    def _held(self) -> bool:
        """Whether the token is the user's own and does not go to this host at all."""
        apart = self._apart
        return apart is not None and (apart.token is not None or apart.picked)

    @property
    def _is_trusted(self) -> bool:
        """Whether more may go there than one token for a room of our own."""
        return self._apart is None or self._apart.secret is None or self._proof is not None

    async def _may_send(self) -> bool:
        """The same, as soon as it is known."""
        if not self._is_trusted:
            await self._settled.wait()
        return self._is_trusted

    async def _look_at_loopback(self) -> None:
        """Whether a server that this machine's own address refuses is there on loopback."""
        net = self._network
        if net is None or net.through is not None or not net.tcp:
            return
        own = all(isinstance(a, TcpRefused) and network.is_own(a.address) for a in net.tcp)
        if not own or self._endpoint.url.host_kind is HostKind.LOOPBACK:
            return
        near = self._endpoint.url._replace(scheme="ws", host="127.0.0.1")
        async with dial(Endpoint(near), self._deadline) as route:
            if route.ready:
                looked = await server.look(route, self._deadline)
                self._network = net._replace(loopback=looked.server.root)

    async def _root(self, route: Route) -> None:
        self._start(Step.ROOT, "asking for GET /")
        watch = Stopwatch(self._clock)
        self._server = await server.look(route, self._deadline)
        self._finish(Step.ROOT, watch)

    async def _validate(self, route: Route) -> None:
        await self._ready.wait()
        self._start(Step.VALIDATE, "asking /rtc/validate")
        watch = Stopwatch(self._clock)
        tokens = self._tokens()
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(
                    signal.validate(route, token, whose, self._deadline, path=self._validate_path)
                )
                for whose, token in tokens
                # A token that is going to join is validated first, by the join.
                if not (whose is Whose.GIVEN and self._plan.joins is Whose.GIVEN)
            ]
            as_browser = [
                group.create_task(
                    signal.validate(
                        route,
                        token,
                        whose,
                        self._deadline,
                        path=path,
                        in_query=True,
                        origin=signal.ORIGIN,
                    )
                )
                # One token will do, the user's if there is one; nobody puts a proxy before Cloud.
                for whose, token in tokens[:1]
                for path in (CLASSIC_PATH, V1_PATH)
                if self._endpoint.url.host_kind is not HostKind.CLOUD
            ]
        self._validations += [task.result() for task in asked]
        self._as_browser = tuple(task.result() for task in as_browser)
        given = self._case.token
        later = self._plan.joins is not Whose.GIVEN and all(w is Whose.MINTED for w, _ in tokens)
        if given is not None and later and not self._held and await self._may_send():
            self._validations.append(
                await signal.validate(
                    route, given.value, Whose.GIVEN, self._deadline, path=self._validate_path
                )
            )
        self._finish(Step.VALIDATE, watch)

    async def _search(self, route: Route, looked: server.Looked) -> None:
        """Where else LiveKit may be, and whether it is behind this path after all."""
        prefixes = _prefixes(self._endpoint.url.path)
        async with asyncio.TaskGroup() as group:
            elsewhere = group.create_task(server.search(route, prefixes, self._deadline))
            bad_token = group.create_task(server.refuse_bad_token(route, self._deadline))
        found = looked.server._replace(elsewhere=elsewhere.result(), bad_token=bad_token.result())
        self._server = looked._replace(server=found)

    async def _upgrade(self, route: Route) -> None:
        self._start(Step.UPGRADE, "asking for a WebSocket upgrade")
        watch = Stopwatch(self._clock)
        self._bare = await signal.upgrade_only(route, self._deadline, path=self._validate_path)
        self._finish(Step.UPGRADE, watch)

    async def _join(self, route: Route) -> None:
        self._start(Step.JOIN, "joining")
        watch = Stopwatch(self._clock)
        try:
            if self._plan.joins is Whose.MINTED:
                await self._join_own_room(route, self._how.repeat)
            elif self._case.token is not None:
                if not self._is_trusted:
                    await self._join_own_room(route, 1)
                if await self._may_send():
                    await self._join_as_given(route, self._case.token.value)
        finally:
            self._settled.set()
        self._finish(Step.JOIN, watch)
        self._reached.add(Step.MEDIA)  # as far as there was a session to look from

    async def _join_own_room(self, route: Route, times: int) -> None:
        signer = self._signer
        if signer is None:
            return
        powerful = partial(signer.sign, {"roomCreate": True})
        ask = way.asking(route, self._clock, actions.GRACE)
        kept = actions.ThrowAwayRoom(self._own_room, self._endpoint.url, powerful, ask)
        try:
            async with kept:
                if self._plan.create_room and self._is_trusted:
                    await kept.create()
                self._ready.set()
                numbers = iter(range(times))
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._how.concurrency, times)):
                        group.create_task(self._join_some(route, signer, numbers, kept))
        finally:
            self._clean_up = kept.clean_up

    async def _join_some(
        self,
        route: Route,
        signer: Signer,
        numbers: Iterator[int],
        kept: actions.ThrowAwayRoom,
    ) -> None:
        """One connection after the other, until as many were made as were asked for."""
        for number in numbers:
            if number and not await self._may_send():
                return
            kept.joining()
            token, identity = self._probe_token(signer, number)
            session = await self._connect(
                route, token, Whose.MINTED, self._prover(signer, identity, kept)
            )
            kept.joined(session.attempt.result, session.first)
            self._settled.set()

    async def _join_as_given(self, route: Route, token: Secret) -> None:
        asked = await signal.validate(
            route, token, Whose.GIVEN, self._deadline, path=self._validate_path
        )
        self._validations.append(asked)
        if isinstance(asked.answer, HttpAnswer) and asked.answer.status in {401, 403}:
            return  # the upgrade would be refused with the same words
        for _ in range(self._how.repeat):
            await self._connect(route, token, Whose.GIVEN)

    async def _connect(
        self, route: Route, token: Secret, whose: Whose, prove: Prove | None = None
    ) -> Session:
        path = CLASSIC_PATH if self._how.path is RtcPath.RTC else V1_PATH
        pings, hold = self._how.pings, self._how.hold_s
        media: signal.Media | None = self._looking_at_media(route)
        if media is None and prove is not None and not self._is_trusted:
            media = signal.Talk.shown
        session = await signal.join(
            route,
            token,
            whose,
            self._deadline,
            path=path,
            pings=pings,
            hold_s=hold,
            media=media,
            prove=prove,
        )
        if self._how.path is RtcPath.AUTO and _unknown_path(session):
            self._without_v1 = True
            session = await signal.join(
                route,
                token,
                whose,
                self._deadline,
                pings=pings,
                hold_s=hold,
                media=media,
                prove=prove,
            )
        if self._how.repeat > 1:
            self._repeats.append(_repeat(session))
        if self._session is None or _went_well(self._session):
            self._session = session  # the first that failed stays
        return session

    def _looking_at_media(self, route: Route) -> "signal.Media | None":
        """What looks at media while a session is open; of several, the first."""
        if Step.MEDIA not in self._plan.steps or self._media is not None:
            return None
        media = self._media = way.looking_at_media(route, self._clock)

        async def look(talk: signal.Talk, deadline: Deadline) -> None:
            await self._kept(Step.MEDIA, "look at media", media(talk, deadline))

        return look

    async def _ask_api(self, route: Route) -> None:
        if not await self._may_send():
            return
        self._start(Step.API, "asking the server API")
        watch = Stopwatch(self._clock)
        signer = self._signer
        if signer is None:
            return
        room = self._case.room
        lister = signer.sign({"roomList": True})
        async with asyncio.TaskGroup() as group:
            rooms = group.create_task(api.list_rooms(route, lister, self._deadline))
            bare = group.create_task(api.list_rooms(route, None, self._deadline))
            people = None
            if room:
                admin = signer.sign({"roomAdmin": True, "room": room})
                people = group.create_task(
                    api.list_participants(route, admin, self._deadline, room)
                )
        self._api = ApiFact(
            rooms=self._without_own_room(rooms.result()),
            participants=people.result() if people else None,
            room_asked=self._case.room,
            without_token=bare.result(),
            took_ms=watch.ms,
        )
        self._finish(Step.API, watch)

    def _without_own_room(self, answer: RoomsAnswer) -> RoomsAnswer:
        """The join runs at the same time; its room is nobody's business."""
        if not isinstance(answer, RoomsListed):
            return answer
        return RoomsListed(tuple(r for r in answer.rooms if r.name != self._own_room))

    def _is_lost(self) -> bool:
        """Something speaks HTTP, but where clients ask for LiveKit it is not LiveKit."""
        signalling = self._signal()
        if (
            Step.UPGRADE not in self._plan.steps
            or self._endpoint.url.host_kind is HostKind.CLOUD
            or self._how.path is RtcPath.V1  # an old server does not have it
            or signalling_reached(signalling)
        ):
            return False
        return any(
            isinstance(asked.exchange, HttpAnswer) and asked.exchange.status in _ANOTHER_PLACE
            for asked in heard(None, signalling)
        )

    def _key_unknown_nearby(self) -> bool:
        """A server on this machine or network that does not have our key may run with --dev."""
        nearby = {HostKind.LOOPBACK, HostKind.PRIVATE, HostKind.SINGLE_LABEL}
        if self._endpoint.url.host_kind not in nearby:
            return False
        answers = [v.answer for v in self._validations if v.whose is Whose.MINTED]
        if self._api is not None and isinstance(self._api.rooms, ForeignAnswer):
            answers.append(self._api.rooms.exchange)
        return any(
            isinstance(answer, HttpAnswer) and answer.body.startswith("invalid API key")
            for answer in answers
        )

    # ------------------------------------------------------------ tokens of our own

    def _probe_token(self, signer: Signer, number: int = 0) -> tuple[Secret, str]:
        """Joins a room that nobody else can know of, may do nothing there; and who it is.

        Those who are there at the same time have identities of their own: LiveKit lets an
        identity in once.
        """
        if self._only_token is not None and not self._is_trusted:
            return self._only_token
        video = {
            "roomJoin": True,
            "room": self._own_room,
            "canPublish": False,
            "canPublishData": False,
        }
        identity = self._own_room.replace("lkdoctor-", "lkdoctor-probe-")
        if number and self._how.concurrency > 1:
            identity += f"-{number}"
        room_config = actions.fleeting(self._own_room)
        token = signer.sign(video, identity=identity, room_config=room_config)
        self._only_token = token, identity
        return self._only_token

    def _prover(self, signer: Signer, identity: str, kept: actions.ThrowAwayRoom) -> Prove:
        """Keeps what the tokens prove that the server sends to our participant."""

        def prove(token: str) -> Proof | None:
            proof = signer.proof(token, room=self._own_room, identity=identity)
            if proof is not None:
                self._proof = proof
                self._settled.set()
                kept.proven(proof)
            return proof

        return prove

    @property
    def _validate_path(self) -> str:
        return V1_PATH if self._how.path is RtcPath.V1 else CLASSIC_PATH

    # ------------------------------------------------------------ what came of it

    def observed(self) -> Observed:
        facts = self._case.facts._replace(
            network=None if self._network is None else self._network._replace(each=self._each),
            tls=self._tls,
            clock=self._best_clock(),
            signal=self._signal(),
            server=self._server.server if self._server else None,
            api=self._api,
            cloud=self._cloud,
            media=self._media.fact if self._media else None,
        )
        skipped = {**self._without_session(), **self._unreached()}
        return Observed(facts, skipped, _durations(facts), self.interrupted_by, self._broken)

    def _without_session(self) -> dict[str, Skip]:
        """What was to be looked at from an open session, where there was none."""
        if Step.MEDIA not in self._plan.steps or (self._media and self._media.fact):
            return {}
        blocked = Skip(SkipReason.BLOCKED, "signal.join", "needs signal.join")
        return {check: blocked for check, step in STEP_OF.items() if step is Step.MEDIA}

    def _signal(self) -> SignalFact | None:
        session = self._session
        attempts = tuple(a for a in (self._bare, session.attempt if session else None) if a)
        if not (attempts or self._validations or self._phases):
            return None
        alone = session.fact if session else SignalFact(phases=self._phases)
        return alone._replace(
            validations=tuple(self._validations),
            upgrades=attempts,
            clean_up=self._clean_up,
            repeats=tuple(self._repeats),
            without_v1=self._without_v1,
            room_minted=self._own_room if self._plan.joins is Whose.MINTED else None,
            again=self._again,
            as_browser=self._as_browser,
            proven=self._proof is not None,
        )

    def _best_clock(self) -> ClockFact | None:
        """The reading with the least doubt."""
        readings = [
            reading
            for reading in (
                self._session.clock if self._session else None,
                self._server.clock if self._server else None,
            )
            if reading is not None and reading.server is not None
        ]
        return min(readings, key=lambda r: r.uncertainty_ms, default=self._case.facts.clock)

    def _unreached(self) -> dict[str, Skip]:
        """Steps of the plan that did not come to an end although there was somebody to talk to."""
        if Step.ROUTE in self._reached and self._phases:
            return {}  # no way there: the checks say so themselves
        reason = SkipReason.INTERRUPTED if self.interrupted_by else SkipReason.OUT_OF_TIME
        left = self._plan.steps - self._reached
        skipped = {check: Skip(reason) for check, step in STEP_OF.items() if step in left}
        if self._apart is None or self.interrupted_by:
            return skipped
        if self._settled.is_set() and not self._is_trusted:
            held = unproven(self._apart)
            skipped |= {check: held for check in skipped if STEP_OF[check] is Step.API}
        return skipped

    def _start(self, step: Step, words: str) -> None:
        self._listen(StepStarted(step, words))

    def _finish(self, step: Step, watch: Stopwatch) -> None:
        self._reached.add(step)
        self._listen(StepFinished(step, watch.ms))


def _prefixes(own: str) -> tuple[str, ...]:
    """The URL's own path, those above it, and the known ones."""
    parts = own.split("/")
    above = ("/".join(parts[:n]) for n in range(len(parts), 1, -1))
    return tuple(dict.fromkeys((own, *list(above)[:_MAX_PARENTS], *_PREFIXES)))


def _unknown_path(session: Session) -> bool:
    result = session.attempt.result
    return isinstance(result, UpgradeRefused) and result.answer.status == 404


def _went_well(session: Session) -> bool:
    return isinstance(session.first, Joined) and session.cut is None


def _tallied(answers: Iterable[Exchange]) -> tuple[Tally, ...]:
    """The answers that differ in what they say, however long each took."""
    found: dict[tuple[object, ...], list[Exchange]] = {}
    for answer in answers:
        said = (
            (answer.status, answer.body)
            if isinstance(answer, HttpAnswer)
            else (answer.problem, answer.detail)
        )
        found.setdefault(said, []).append(answer)
    tallies = (Tally(same[0], len(same)) for same in found.values())
    return tuple(sorted(tallies, key=lambda tally: -tally.times))


def _repeat(session: Session) -> Repeat:
    if session.cut is not None:
        return Repeat(None, f"joined, then {session.cut.how}", session.phases)
    return _outcome(session)._replace(phases=session.phases)


def _outcome(session: Session) -> Repeat:
    match session.first:
        case Joined(node_id=node):
            last = session.phases[-1]
            return Repeat(last.start_ms + last.took_ms, "joined", node=node)
        case LeftAtOnce(reason=reason):
            return Repeat(None, f"leave {reason}")
        case NoFirstMessage(problem=problem):
            return Repeat(None, str(problem))
        case None:
            result = session.attempt.result
            if isinstance(result, UpgradeRefused):
                return Repeat(None, f"HTTP {result.answer.status}")
            return Repeat(None, result.kind)
        case _:
            assert_never(session.first)


def _durations(facts: Facts) -> dict[str, float]:
    took: dict[str, float] = {}
    if facts.network is not None:
        took["net.dns"] = facts.network.dns.took_ms
        if facts.network.tcp:
            took["net.tcp"] = (facts.network.connected or facts.network.tcp[-1]).took_ms
    if facts.tls is not None:
        took["tls.handshake"] = facts.tls.attempt.took_ms
    if facts.server is not None:
        took["http.root"] = facts.server.root.took_ms
    if facts.api is not None:
        took["api.key"] = facts.api.took_ms
    if facts.signal is not None:
        if facts.signal.validations:
            took["signal.validate"] = max(v.answer.took_ms for v in facts.signal.validations)
        if facts.signal.upgrades:
            result = facts.signal.upgrades[-1].result
            took["signal.upgrade"] = (
                result.took_ms if isinstance(result, Upgraded) else result.answer.took_ms
            )
        if facts.signal.first is not None:
            took["signal.join"] = facts.signal.first.took_ms
    return took
