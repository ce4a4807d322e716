"""From what was given to what will be done: which steps, and which checks are left out, and why.

Pure: nothing is dialled here. ``--dry-run`` prints a plan, `run` carries it out; what a plan
does not name is not done.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.config.target import Apart
from lkdoctor.diagnosis.fold import Skip
from lkdoctor.errors import UsageError
from lkdoctor.facts.signal import Whose
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.report.model import SkipReason
from lkdoctor.rules.base import Check, Effect


class Step(StrEnum):
    """What a run can do; each fills one or more layers of the facts."""

    ROUTE = "route"
    """DNS, TCP, TLS."""
    ROOT = "root"
    """``GET /``, and the server's clock."""
    VALIDATE = "validate"
    """``GET /rtc/validate``: the server's word on a token, without joining."""
    UPGRADE = "upgrade"
    """A WebSocket upgrade without a token: LiveKit's own 401 shows that upgrades get through."""
    JOIN = "join"
    """Upgrade with a token, first message, pings, Leave."""
    MEDIA = "media"
    """A check of every candidate, STUN and TURN server, while the session of the join is open."""
    API = "api"
    """Signed, read-only calls: ListRooms, ListParticipants."""


DEEP: Final = frozenset({Step.MEDIA})
"""Steps that take longer than the rest together, and are left out unless ``--deep`` or a check's
name asks for them."""


STEP_OF: Final[Mapping[str, Step]] = {
    "net.dns": Step.ROUTE,
    "net.tcp": Step.ROUTE,
    "tls.handshake": Step.ROUTE,
    "http.root": Step.ROOT,
    "clock.skew": Step.ROOT,
    "signal.validate": Step.VALIDATE,
    "signal.v1": Step.VALIDATE,
    "signal.upgrade": Step.UPGRADE,
    "signal.join": Step.JOIN,
    "signal.ping": Step.JOIN,
    "media.direct": Step.MEDIA,
    "media.stun": Step.MEDIA,
    "media.turn": Step.MEDIA,
    "api.key": Step.API,
    "api.room": Step.API,
}
"""Which step answers a check; a check that is not here needs none."""


class Inputs(NamedTuple):
    """What a plan depends on; whose values they are does not matter here."""

    url: UrlFact | None
    keys: bool
    """API key and secret are known."""
    token: bool
    """A token was given (or minted for a booking): somebody's, not lkdoctor's own."""
    token_words: str = "the token that was given"
    """How to speak of it: ``the token of alice for room demo``."""
    room: str | None = None
    """The room in question, where one is known."""
    join: bool = False
    """``--join``: with that token, too."""
    no_join: bool = False
    """``--no-join``: with no token, not lkdoctor's own either."""
    create_room: bool = False
    """``--create-room``: the throw-away room is made before it is joined."""
    deep: bool = False
    """``--deep``: what takes longer, too."""
    offline: bool = False
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    apart: Apart | None = None
    """The folder names the host, and these credentials are not the folder's."""

    @property
    def sends_token(self) -> bool:
        """Whether that token goes to the server."""
        apart = self.apart
        return self.token and (apart is None or (apart.token is None and not apart.picked))

    @property
    def must_show(self) -> bool:
        """Whether the server has to show that it holds the secret before it gets more than a join."""
        apart = self.apart
        return apart is not None and apart.secret is not None and not apart.picked


class Plan(NamedTuple):
    """What will be done."""

    steps: frozenset[Step]
    joins: Whose
    """Whose token joins, if any."""
    skipped: Mapping[str, Skip]
    room: str | None
    create_room: bool = False


def make(inputs: Inputs, checks: Iterable[Check], *, codes: Mapping[str, str]) -> Plan:
    """The plan for these inputs.

    Args:
        inputs: what was given.
        checks: all checks that exist.
        codes: the check of each finding's code, for ``--only CODE``.

    Raises:
        UsageError: ``--only`` or ``--skip`` names nothing that exists, there is no token for
            ``--join``, or nothing that ``--no-join`` or ``--create-room`` could change.
    """
    checks = tuple(checks)
    _refuse_contradictions(inputs)
    if inputs.join and not inputs.token:
        raise UsageError(
            "--join: there is no token to join with",
            advice=[
                "--token-file FILE, or LIVEKIT_TOKEN, holds the token of whoever may be disconnected",
                "without --join, API key and secret are enough: a throw-away room is joined",
            ],
        )
    chosen = _chosen(inputs, checks, codes)
    if any(_takes_proof(check, inputs) for check in chosen):
        chosen |= {_PROOF}
    if inputs.apart is not None:
        chosen |= {check.id for check in checks if check.stands}
    # What a chosen check needs is done too, unless it was left out by name.
    wanted = _with_needs(chosen, checks) - _matching(inputs.skip, checks, codes, "--skip")
    if not inputs.deep and not inputs.only:
        wanted -= {check for check, step in STEP_OF.items() if step in DEEP}
    skipped = {check.id: Skip(SkipReason.DESELECTED) for check in checks if check.id not in wanted}
    shows = not inputs.no_join and any(STEP_OF.get(check) is Step.JOIN for check in wanted)
    for check in checks:
        if check.id in wanted:
            skip = _obstacle(check, inputs, shows=shows)
            if skip is not None:
                skipped[check.id] = skip
    steps = {STEP_OF[i] for i in wanted if i in STEP_OF and i not in skipped}
    if Step.MEDIA in steps and Step.JOIN not in steps:
        steps.remove(Step.MEDIA)  # left out by name, and there is no other way to see an offer
    if steps:
        steps.add(Step.ROUTE)
    joins = _joins(inputs) if Step.JOIN in steps else Whose.NONE
    return Plan(
        steps=frozenset(steps),
        joins=joins,
        skipped=skipped,
        room=inputs.room,
        create_room=inputs.create_room and joins is Whose.MINTED,
    )


def _refuse_contradictions(inputs: Inputs) -> None:
    if inputs.apart is not None and inputs.must_show and inputs.create_room:
        raise UsageError(
            f"--create-room sends a token that may delete rooms, and {inputs.apart.url} names the host",
            advice=["--trust-folder   where the folder is your own", "or leave out --create-room"],
        )
    if inputs.join and inputs.no_join:
        raise UsageError("--join and --no-join exclude each other", advice=["leave out one"])
    if inputs.create_room and (inputs.join or inputs.no_join or not inputs.keys):
        raise UsageError(
            "--create-room makes the throw-away room that lkdoctor joins, and it joins none here",
            advice=[
                "give API key and secret, and leave out --join and --no-join",
                "or leave out --create-room",
            ],
        )


WEBHOOKS: Final = "room_started, participant_joined or participant_connection_aborted, participant_left, room_finished"
"""What a join and its end cause at the app's backend (livekit-server, pkg/telemetry/events.go)."""


_SIGNED: Final = frozenset({Step.VALIDATE, Step.JOIN, Step.MEDIA, Step.API})
"""What takes a token."""

_PROOF: Final = "signal.join"
"""The check in whose session the server shows whether it holds the secret."""


def _takes_proof(check: str, inputs: Inputs) -> bool:
    """Whether asking it sends what may go only to a server that has shown that."""
    step = STEP_OF.get(check)
    return inputs.must_show and (step is Step.API or (step is Step.VALIDATE and inputs.sends_token))


def unproven(apart: Apart) -> Skip:
    """Why nothing is asked that takes more than a token for a throw-away room."""
    words = f"{apart.url} names the host, which has not shown that it holds the API secret"
    return Skip(SkipReason.NOT_TRUSTED, words=f"{words}: --trust-folder")


def unsigned(apart: Apart) -> Skip:
    """Why nothing is signed at all."""
    words = f"{apart.url} names the host, and picks the secret as well ({apart.secret})"
    return Skip(SkipReason.NOT_TRUSTED, words=f"{words}: --trust-folder")


def unsent(apart: Apart) -> Skip:
    """Why the user's token is not sent."""
    words = f"not sent, as {apart.url} names the host and the token is not from there"
    return Skip(SkipReason.NOT_TRUSTED, words=f"{words}: --trust-folder")


def describe(plan: Plan, inputs: Inputs) -> tuple[str, ...]:
    """The plan in sentences, as ``--dry-run`` prints it."""
    if not plan.steps or inputs.url is None or not isinstance(inputs.url.result, ParsedUrl):
        return ("reads the configuration; dials nothing",)
    url = inputs.url.result
    where = f"{url.host}:{url.port}"
    sentences = [
        f"looks up {url.host} and connects to {where}" + (" over TLS" if url.secure else "")
    ]
    sentences += _held_back(inputs)
    later = ", once the server has shown that it holds the API secret" if inputs.must_show else ""
    if Step.ROOT in plan.steps:
        sentences.append(f"asks {where} for GET / without credentials")
    if Step.VALIDATE in plan.steps:
        if inputs.sends_token and not (later and Step.JOIN not in plan.steps):
            sentences.append(f"asks /rtc/validate about {inputs.token_words}; nobody joins{later}")
        if inputs.keys:
            sentences.append("asks /rtc/validate about a token of its own; nobody joins")
        sentences += _as_a_page(url)
    if Step.UPGRADE in plan.steps:
        sentences += (
            "asks for a WebSocket upgrade without a token, which LiveKit refuses",
            "where nothing is LiveKit's, looks for it under other paths of this host, without credentials",
        )
    if plan.joins is Whose.MINTED:
        sentences += _own_room(plan)
    elif plan.joins is Whose.GIVEN:
        sentences.append(
            f"JOINS with {inputs.token_words}: a participant of that identity who is in the room "
            f"now would be disconnected; leaves at once{later}"
        )
        sentences.append(f"the app's backend gets webhooks of that, too: {WEBHOOKS}")
    sentences += _looks(plan, inputs, later)
    sentences.append("changes nothing else, and ends no room of yours")
    return tuple(sentences)


def _held_back(inputs: Inputs) -> Iterator[str]:
    """What does not go to a host that the folder names."""
    apart = inputs.apart
    if apart is None:
        return
    yield f"{apart.url} names the host; not from this folder: {apart.words}"
    if inputs.must_show:
        yield (
            "the host gets one token, a minute long and for a throw-away room (--trust-folder: all "
            "at once)"
        )
    if apart.picked:
        yield f"signs nothing with what {apart.url} picks as the secret (--trust-folder)"
    if inputs.token and not inputs.sends_token:
        yield f"does not send {inputs.token_words} there (--trust-folder)"


def _own_room(plan: Plan) -> Iterator[str]:
    if plan.create_room:
        yield (
            "makes the room that it joins: sends a token that may create and delete rooms to a "
            "server that has not yet shown that it holds the secret"
        )
    yield (
        "joins a room of its own (lkdoctor-…) as lkdoctor-probe-… for less than a minute, and "
        "leaves; its token asks the server to end that room a second later, and to start no agent"
    )
    yield (
        "a server before 1.8 knows neither: it may start an agent that has no name, and is asked "
        "to delete the room only where it has shown that it holds the secret; else the room stays "
        "for its own time, five minutes if nothing else is set"
    )
    yield f"the app's backend gets webhooks of that room: {WEBHOOKS}"


def _as_a_page(url: ParsedUrl) -> tuple[str, ...]:
    if url.host_kind is HostKind.CLOUD:
        return ()  # no proxy of anybody's is before it
    return ("asks /rtc/validate and /rtc/v1/validate once as a page does: token in the query",)


def _looks(plan: Plan, inputs: Inputs, later: str) -> Iterator[str]:
    """What is asked besides the way there, and changes nothing."""
    if Step.MEDIA in plan.steps:
        yield (
            "answers the server's offer without media, and sends connectivity checks to every "
            "address in it, over UDP and TCP"
        )
        yield (
            "asks every STUN and TURN server that the server names, on whatever host, for our "
            "address and, with the credentials that it gives, for a relay of a minute"
        )
    if Step.API in plan.steps:
        yield "asks the server API for the list of rooms" + (
            (f" and for the participants of {inputs.room}" if inputs.room else "") + later
        )


def _joins(inputs: Inputs) -> Whose:
    if inputs.no_join:
        return Whose.NONE
    if inputs.sends_token and inputs.join:
        return Whose.GIVEN
    return Whose.MINTED if inputs.keys else Whose.NONE


def _obstacle(check: Check, inputs: Inputs, *, shows: bool) -> Skip | None:
    """Why a check cannot be asked with these inputs, if so."""
    if check.effect is Effect.NONE and check.id not in STEP_OF:
        return None
    if inputs.url is None:
        return Skip(SkipReason.NO_INPUT, words="no URL given")
    if not isinstance(inputs.url.result, ParsedUrl):
        return Skip(SkipReason.BLOCKED, "url.form", "needs url.form")
    if inputs.offline:
        return Skip(SkipReason.DESELECTED, words="left out: --offline")
    if check.id == "tls.handshake" and not inputs.url.result.secure:
        return without_tls(inputs.url.result)
    return _missing(check, inputs, shows=shows)


def without_tls(url: ParsedUrl) -> Skip:
    """Why TLS is not looked at."""
    return Skip(SkipReason.NOT_APPLICABLE, words=f"{url.scheme} has no TLS")


def _missing(check: Check, inputs: Inputs, *, shows: bool) -> Skip | None:
    """What the user would have to give, or to allow, so that a check can be asked."""
    step = STEP_OF.get(check.id)
    held = inputs.apart
    if held is not None and held.picked and step in _SIGNED:
        return unsigned(held)
    if (
        held is not None
        and step in _SIGNED - {Step.API}
        and not (inputs.keys or inputs.sends_token)
    ):
        return unsent(held)
    if step is Step.API and not inputs.keys:
        return Skip(SkipReason.NO_INPUT, words="needs API key and secret")
    if check.id == "api.room" and inputs.room is None:
        return Skip(SkipReason.NO_INPUT, words="no room given: --room, --booking or a token")
    if step is Step.VALIDATE and not (inputs.keys or inputs.token):
        return Skip(SkipReason.NO_INPUT, words="needs a token, or API key and secret")
    if step in {Step.JOIN, Step.MEDIA} and _joins(inputs) is Whose.NONE:
        if inputs.no_join:
            return Skip(SkipReason.DESELECTED, words="left out: --no-join")
        if inputs.token:
            return Skip(
                SkipReason.NEEDS_CONSENT, words=f"would join with {inputs.token_words}: add --join"
            )
        return Skip(SkipReason.NO_INPUT, words="needs API key and secret, or a token and --join")
    if inputs.apart is not None and inputs.must_show and step is Step.API and not shows:
        return unproven(inputs.apart)
    return None


def _chosen(inputs: Inputs, checks: Sequence[Check], codes: Mapping[str, str]) -> frozenset[str]:
    if not inputs.only:
        return frozenset(check.id for check in checks)
    return _matching(inputs.only, checks, codes, "--only")


def _matching(
    names: Sequence[str], checks: Sequence[Check], codes: Mapping[str, str], option: str
) -> frozenset[str]:
    """Check ids, prefixes of them (``net``), layers (``network``) and codes of findings."""
    found: set[str] = set()
    for name in names:
        matched = {
            check.id
            for check in checks
            if check.id == name or check.id.startswith(f"{name}.") or check.layer == name
        }
        if name in codes:
            matched.add(codes[name])
        if not matched:
            known = sorted({c.id for c in checks} | {str(c.layer) for c in checks} | set(codes))
            near = difflib.get_close_matches(name, known, n=3)
            raise UsageError(
                f"{option} {name}: no check, layer or finding has this name",
                advice=[f"did you mean: {', '.join(near)}"]
                if near
                else [f"checks: {', '.join(c.id for c in checks)}"],
            )
        found |= matched
    return frozenset(found)


def _with_needs(chosen: frozenset[str], checks: Sequence[Check]) -> frozenset[str]:
    needs = {check.id: check.needs for check in checks}
    found: set[str] = set()
    waiting = list(chosen)
    while waiting:
        identifier = waiting.pop()
        if identifier not in found and identifier in needs:
            found.add(identifier)
            waiting += needs[identifier]
    return frozenset(found)
