"""What the signalling endpoint does with a token, an upgrade and a session."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lkdoctor.facts.api import (
    ApiFact,
    ForeignAnswer,
    ParticipantsListed,
    RoomInfo,
    RoomsListed,
    TwirpError,
)
from lkdoctor.facts.server import HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    SILENT,
    FirstMessageProblem,
    Joined,
    LeftAtOnce,
    NoFirstMessage,
    PhaseOutcome,
    SignalFact,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.rules.answers import (
    V1_SINCE,
    Heard,
    duration,
    evidence,
    fitting,
    heard,
    is_html,
    is_livekit,
    is_root_ok,
    lacks_room,
    lacks_websocket_header,
    of_upgrade,
    of_validation,
    one_line,
    said,
    signalling_reached,
    software,
    software_evidence,
    upgrade_label,
    version_of,
    whose_token,
)
from lkdoctor.rules.base import Check, Effect, Judge, Seen, Unsure, cause

if TYPE_CHECKING:  # read only where a project's folder is named
    from lkdoctor.facts.app import AppFact
    from lkdoctor.facts.rehearsal import RehearsalFact
from lkdoctor.tokens.decode import Signature, SignatureState
from lkdoctor.tokens.predict import Refusal, recognise, table

_NO_NODES: Final = "could not find any available nodes"

_HIDDEN: Final = (
    "Encountered unknown websocket error during connection",
    "Encountered websocket error during connection establishment",
)
"""What livekit-client 2.17 and later show in place of every body but that of 401, 403 and one 404."""

_WHOSE_FIRST: Final = (Whose.GIVEN, Whose.MINTED, Whose.NONE)


class _Asked(NamedTuple):
    """An HTTP exchange of the signalling endpoint, with whose token it carried."""

    whose: Whose
    heard: Heard
    of_upgrade: bool


def _asked(signal: SignalFact) -> Iterator[_Asked]:
    for validation in signal.validations:
        yield _Asked(validation.whose, of_validation(validation), of_upgrade=False)
    for attempt in signal.upgrades:
        unsuccessful = of_upgrade(attempt)
        if unsuccessful is not None:
            yield _Asked(attempt.whose, unsuccessful, of_upgrade=True)


def _phases(signal: SignalFact) -> tuple[Evidence, ...]:
    """How far the connection came, in one line."""
    words = [
        f"{phase.name} {phase.outcome if phase.outcome is not PhaseOutcome.OK else ''}".strip()
        + f" {duration(phase.took_ms)}"
        for phase in signal.phases
        if phase.outcome is not PhaseOutcome.NOT_REACHED
    ]
    return (Evidence("phases", ", ".join(words).replace("_", " "), None, "net"),) if words else ()


# room-not-found


def _room_missing(signal: SignalFact, rehearsal: "RehearsalFact | None" = None) -> Iterator[Seen]:
    missing = [asked for asked in _asked(signal) if lacks_room(asked.heard.exchange)]
    if not missing:
        return
    copied = rehearsal is not None and not rehearsal.in_place
    own = copied or all(asked.whose is Whose.MINTED for asked in missing)
    proof = tuple(evidence(asked.heard, "success or 101") for asked in missing)
    if own:  # a throw-away room need not exist; the app creates its own before it joins
        yield Seen(
            proof,
            case="throw-away of-a-copy" if copied else "throw-away of-a-probe",
        )
    else:
        yield Seen(proof)


# signal-room-full


def _room_full(
    signal: SignalFact, api: ApiFact | None = None, token: TokenFact | None = None
) -> Iterator[Seen]:
    full = _full_room(api)
    of_room = () if full is None else (_fullness(full),)
    refused = [asked for asked in _asked(signal) if _is_closed_by_media(asked)]
    left = isinstance(signal.first, LeftAtOnce) and signal.first.reason == "JOIN_FAILURE"
    if refused:
        validations = (of_validation(v) for v in signal.validations)
        fine = tuple(evidence(h) for h in validations if is_livekit(h.exchange))
        shown = tuple(evidence(asked.heard, "101") for asked in refused)
        minted_only = all(asked.whose is Whose.MINTED for asked in refused)
        certain = full is not None and not minted_only
        yield Seen(
            (*fine, *shown, *(of_room if certain else ())),
            case="empty-room" if minted_only else "full" if certain else "",
            values=_room_words(full),
            confidence=Confidence.CERTAIN if certain else Confidence.LIKELY,
        )
    elif full is not None and left:
        yield Seen(
            (Evidence("first message", "leave JOIN_FAILURE", "join", "net"), *of_room),
            case="full",
            values=_room_words(full),
            confidence=Confidence.CERTAIN,
        )
    elif full is not None and not _is_in(full, signal, api, token):
        known = token is not None and token.token is not None
        yield Seen(
            of_room,
            case="full",
            values=_room_words(full),
            severity=Severity.ERROR if known else Severity.WARNING,
            confidence=Confidence.CERTAIN if known else Confidence.LIKELY,
        )


def _is_closed_by_media(asked: _Asked) -> bool:
    reply = asked.heard.exchange
    return (
        asked.of_upgrade
        and isinstance(reply, HttpAnswer)
        and reply.status == 500
        and "connection closed by media" in reply.body
    )


def _full_room(api: ApiFact | None) -> RoomInfo | None:
    """The room in question, where the API shows it full."""
    if api is None or not isinstance(api.rooms, RoomsListed):
        return None
    room = next((room for room in api.rooms.rooms if room.name == api.room_asked), None)
    if room is None:
        return None
    # num_participants lags by up to five seconds; the list of participants does not.
    room = room._replace(num_participants=max(room.num_participants, _counted(api)))
    return room if 0 < room.max_participants <= room.num_participants else None


_DEPENDENT: Final = frozenset({"AGENT", "EGRESS"})
"""Kinds that take no place (livekit-server 1.13.5 pkg/rtc/room.go, ``IsDependent``)."""


def _counted(api: ApiFact) -> int:
    if not isinstance(api.participants, ParticipantsListed):
        return 0
    return sum(
        person.kind_of not in _DEPENDENT and not person.permission.recorder
        for person in api.participants.participants
        if api.participants.room == api.room_asked
    )


def _fullness(room: RoomInfo) -> Evidence:
    observed = f"{room.num_participants} of {room.max_participants} participants"
    return Evidence(f"ListRooms {one_line(room.name, 40)}", observed, "a free place", "api")


def _room_words(room: RoomInfo | None) -> dict[str, str]:
    if room is None:
        return {}
    count = f"{room.num_participants} of {room.max_participants}"
    return {"room": one_line(room.name, 30), "count": count}


def _is_in(
    room: RoomInfo, signal: SignalFact, api: ApiFact | None, token: TokenFact | None
) -> bool:
    """Whether the user got in, or is in already: full is then as it should be."""
    given = signal.upgrade(Whose.GIVEN)
    if given is not None and isinstance(given.result, Upgraded):
        return True
    read = None if token is None else token.token
    if read is not None and read.room and read.room != room.name:
        return True  # another room than the user's
    if api is None or not isinstance(api.participants, ParticipantsListed):
        return False
    present = {person.identity for person in api.participants.participants}
    return read is not None and read.identity in present


# signal-timeout, signal-slow, signal-closed-early, signal-handshake-invalid


def _without_answer(signal: SignalFact, *problems: Silence) -> list[_Asked]:
    return [
        asked
        for asked in _asked(signal)
        if isinstance(asked.heard.exchange, NoAnswer) and asked.heard.exchange.problem in problems
    ]


def _answered(server: ServerFact | None, signal: SignalFact) -> tuple[Evidence, ...]:
    """What did get an answer: it shows how far the way is in order."""
    return tuple(evidence(h) for h in heard(server, signal) if isinstance(h.exchange, HttpAnswer))[
        :3
    ]


def _timed_out(signal: SignalFact, server: ServerFact | None = None) -> Iterator[Seen]:
    hanging = _without_answer(signal, Silence.TIMEOUT)
    if not hanging:
        return
    proof = (
        *(evidence(asked.heard, "101" if asked.of_upgrade else "success") for asked in hanging),
        *_answered(server, signal),
        *_phases(signal),
    )
    if not all(asked.of_upgrade for asked in hanging):
        yield Seen(
            proof,
            case="validate-too",
        )
        return
    bare = signal.upgrade(Whose.NONE)
    inside = bare is not None and isinstance(bare.result, UpgradeRefused)
    yield Seen(
        proof,
        case="inside-livekit" if inside else "",
    )


def _slow(signal: SignalFact) -> Iterator[Seen]:
    slow = _without_answer(signal, Silence.SLOW)
    proof = [evidence(asked.heard) for asked in slow]
    proof += _first_problem(signal, FirstMessageProblem.SLOW)
    if proof:
        yield Seen((*proof, *_phases(signal)))


def _closed_early(signal: SignalFact, server: ServerFact | None = None) -> Iterator[Seen]:
    closed = _without_answer(signal, Silence.CLOSED, Silence.RESET, Silence.NOT_CONNECTED)
    if not closed:
        return
    only_upgrade = all(asked.of_upgrade for asked in closed)
    yield Seen(
        (*(evidence(asked.heard) for asked in closed), *_answered(server, signal)),
        case="" if only_upgrade else "validate-too",
    )


def _handshake_invalid(signal: SignalFact) -> Iterator[Seen]:
    proof = [
        evidence(asked.heard)
        for asked in _without_answer(signal, Silence.NOT_HTTP, Silence.TOO_LARGE)
    ]
    for attempt in signal.upgrades:
        if isinstance(attempt.result, UpgradeInvalid):
            reply = attempt.result.answer
            wrong = f"{reply.status}, but {one_line(attempt.result.error)}"
            proof.append(
                Evidence(upgrade_label(attempt), wrong, "a handshake as RFC 6455 has it", "net")
            )
            proof += software_evidence(reply)
    if proof:
        yield Seen(tuple(proof))


# signal-rate-limited


def _rate_limited(
    server: ServerFact | None = None, signal: SignalFact | None = None, api: ApiFact | None = None
) -> Iterator[Seen]:
    limited = [
        (h, h.exchange)
        for h in (*heard(server, signal), *_api_heard(api))
        if isinstance(h.exchange, HttpAnswer) and h.exchange.status == 429
    ]
    proof = [evidence(h, "an answer") for h, _ in limited]
    if api is not None and isinstance(api.rooms, TwirpError) and api.rooms.status == 429:
        proof.append(Evidence("ListRooms", one_line(f"429 {api.rooms.msg}"), "200", "api"))
    if not proof:
        return
    wait = next((w for _, reply in limited if (w := reply.header("retry-after"))), None)
    if wait is not None:
        proof.append(Evidence("Retry-After", one_line(wait, 40), None, "net"))
    yield Seen(tuple(proof))


def _api_heard(api: ApiFact | None) -> Iterator[Heard]:
    if api is not None and isinstance(api.rooms, ForeignAnswer):
        yield Heard("ListRooms", api.rooms.exchange)


# signal-v1-vs-old-server


def _old_server(signal: SignalFact, app: "AppFact | None" = None) -> Iterator[Seen]:
    if app is not None:
        from lkdoctor.rules.app import has_web_client, v1_client

        if has_web_client(app):  # which release asks decides what comes of it
            yield from v1_client(app, signal)
            return
    classic = next((v for v in signal.validations if is_livekit(v.answer)), None)
    absent = next((v for v in signal.as_browser if v.path.endswith("/rtc/v1/validate")), None)
    first = signal.first
    said = version_of(first.server_version) if isinstance(first, Joined) else None
    if classic is None or absent is None or not _is_unknown_to_livekit(absent):
        return
    if said is not None and said >= V1_SINCE:
        return  # it has the path, so something in front does not pass it on: proxy-v1-not-routed
    version: tuple[Evidence, ...] = ()
    if isinstance(first, Joined) and first.server_version:
        said_by_join = one_line(first.server_version, 20)
        version = (Evidence("session", f"server {said_by_join}", "1.9.10 or later", "net"),)
    yield Seen(
        (evidence(of_validation(classic)), evidence(of_validation(absent), "success"), *version)
    )


def _is_unknown_to_livekit(asked: Validation) -> bool:
    """Whether LiveKit itself has no such path; a proxy's own answer is proxy-v1-not-routed."""
    reply = asked.answer
    return (
        isinstance(reply, HttpAnswer)
        and reply.status == 404
        and reply.body.startswith("404 page not found")
    )


# signal-400-hidden


def _hidden_400(signal: SignalFact) -> Iterator[Seen]:
    told = [
        asked
        for asked in _asked(signal)
        if isinstance(asked.heard.exchange, HttpAnswer)
        and asked.heard.exchange.status == 400
        and is_livekit(asked.heard.exchange)
        and not lacks_websocket_header(asked.heard.exchange)
        and "join_request" not in asked.heard.exchange.body
    ]
    if not told:
        return
    first = min(told, key=lambda asked: _WHOSE_FIRST.index(asked.whose)).heard.exchange
    words = one_line(first.body, 90) if isinstance(first, HttpAnswer) else ""
    yield Seen(
        (
            *(evidence(asked.heard, "success") for asked in told[:2]),
            Evidence("livekit-client 2.17+ shows", _HIDDEN[1], words),
        ),
        case=next((case for said, case in _BY_400.items() if words.startswith(said)), "words"),
        values={"words": one_line(words, 25)},
    )


_BY_400: Final = {
    "room name length": "room-name-length",
    "participant identity length": "identity-length",
}


# signal-5xx-bus


_BUS_WORDS: Final = (
    "dial tcp",
    "could not get node for room",
    "could not get rooms",
    "no response from servers",
    "i/o timeout",
    "redis",
    "could not handle new participant",
)
"""What livekit-server passes on of its Redis or its message bus (redisrouter.go, redisstore.go, psrpc)."""


def _speaks_of_bus(text: str) -> bool:
    return any(word in text.lower() for word in _BUS_WORDS)


def _bus(signal: SignalFact, api: ApiFact | None = None) -> Iterator[Seen]:
    fine = [
        of_validation(v)
        for v in signal.validations
        if isinstance(v.answer, HttpAnswer) and v.answer.status == 200 and is_livekit(v.answer)
    ]
    failed = [
        (asked, asked.heard.exchange)
        for asked in _asked(signal)
        if isinstance(asked.heard.exchange, HttpAnswer)
        and asked.heard.exchange.status in {500, 503}
        and asked.of_upgrade
        and not _is_closed_by_media(asked)
        and not is_html(asked.heard.exchange)
        and software(asked.heard.exchange) is None
        and _NO_NODES not in asked.heard.exchange.body
    ]
    told = [answer for answer in _of_api(api) if _speaks_of_bus(answer.msg)]
    sure = bool(told) or any(_speaks_of_bus(reply.body) for _, reply in failed)
    if not failed or not (fine or sure):
        return  # of the API alone speaks api-unavailable
    yield Seen(
        (
            *(evidence(heard, "success") for heard in fine[:1]),
            *(evidence(asked.heard, "101") for asked, _ in failed),
            *(
                Evidence("ListRooms", one_line(f"{a.status} {a.msg}"), "200", "api")
                for a in told[:1]
            ),
        ),
        confidence=Confidence.CERTAIN if sure else None,
    )


def _of_api(api: ApiFact | None) -> Iterator[TwirpError]:
    for told in (api.rooms, api.participants) if api is not None else ():
        if isinstance(told, TwirpError):
            yield told


# signal-refused


_OF_ANY_TOKEN: Final = frozenset(
    {
        Refusal.BAD_SIGNATURE,
        Refusal.UNKNOWN_KEY,
        Refusal.EXPIRED,
        Refusal.NOT_YET,
        Refusal.FROM_FUTURE,
    }
)
"""Refusals of the user's token that rules/token.py explains even if nobody has read the token."""

_OF_OUR_TOKEN: Final = _OF_ANY_TOKEN - {Refusal.EXPIRED}
"""Refusals of a token made here that rules/token.py and rules/env.py explain."""


def _refused(
    signal: SignalFact, server: ServerFact | None = None, token: TokenFact | None = None
) -> Iterator[Seen]:
    refused = [asked for asked in _asked(signal) if _is_unexplained(asked, signal, token)]
    if not refused:
        return
    first = min(refused, key=lambda asked: (_WHOSE_FIRST.index(asked.whose), asked.of_upgrade))
    reply = first.heard.exchange
    if not isinstance(reply, HttpAnswer):
        return
    shown = tuple(
        evidence(asked.heard, "101" if asked.of_upgrade else "200 success") for asked in refused
    )
    yield Seen(
        (*shown[:4], *software_evidence(reply)),
        case=_case(first, reply, server),
        values={
            "whose": whose_token(first.whose),
            "words": one_line(reply.body, 40).removesuffix(":"),
        },
    )


def _is_unexplained(asked: _Asked, signal: SignalFact, token: TokenFact | None) -> bool:
    reply = asked.heard.exchange
    if not isinstance(reply, HttpAnswer) or reply.status == 429:
        return False
    if asked.of_upgrade and reply.status == 101:
        return False  # signal-handshake-invalid
    if 300 <= reply.status < 400 and reply.header("location"):
        return False  # url-redirect
    if is_livekit(reply):
        return _is_unexplained_by_livekit(asked, reply, signal, token)
    if "/rtc/v1" in asked.heard.path and not asked.of_upgrade:
        # A server before 1.9.10 does not have that path; the classic one is what counts.
        return not any(is_livekit(v.answer) for v in signal.validations)
    return True


def _is_unexplained_by_livekit(
    asked: _Asked, reply: HttpAnswer, signal: SignalFact, token: TokenFact | None
) -> bool:
    if reply.status == 200 or "join_request" in reply.body or lacks_websocket_header(reply):
        return False
    if lacks_room(reply) or _is_closed_by_media(asked):
        return False  # room-not-found, signal-room-full
    refusal = recognise(reply.status, reply.body)
    if asked.of_upgrade and not _same_as_validation(asked, refusal, signal):
        return asked.whose is not Whose.NONE or refusal is not Refusal.NO_VIDEO
    match asked.whose:
        case Whose.NONE:
            return refusal is not Refusal.NO_VIDEO
        case Whose.GIVEN:
            return refusal not in _OF_ANY_TOKEN | _expected_of(token)
        case Whose.MINTED:
            return refusal not in _OF_OUR_TOKEN


def _expected_of(token: TokenFact | None) -> frozenset[Refusal | None]:
    """Refusals that this token as it reads would get from some version.

    Any other one is not of this token: it was lost or changed on its way.
    """
    reading = None if token is None else token.token
    if token is None or reading is None:
        return frozenset({Refusal.NOT_A_TOKEN} if token is not None else ())
    # Which key and clock the server has is not known here, and its words are explained anyway.
    sound = reading._replace(issuer_is_key=None, signature=Signature(SignatureState.UNCHECKED))
    timeless = sound._replace(expires=None, not_before=None, issued_at=None)
    answers = (table(token.text._replace(reading=read), 0.0) for read in (sound, timeless))
    return frozenset(reply.refusal for rows in answers for _, reply in rows if reply.refusal)


def _same_as_validation(asked: _Asked, refusal: Refusal | None, signal: SignalFact) -> bool:
    """Whether validate gave the reason already; the token's rules read it there."""
    validation = signal.validation(asked.whose)
    if validation is None or not isinstance(validation.answer, HttpAnswer):
        return False
    return refusal is recognise(validation.answer.status, validation.answer.body)


def _case(asked: _Asked, reply: HttpAnswer, server: ServerFact | None) -> str:
    """What kind of refusal this is; empty where it is of no known one."""
    if reply.status == 401 and "invalid authorization header" in reply.body:
        return "header-replaced"
    if is_livekit(reply) and recognise(reply.status, reply.body) is Refusal.NO_VIDEO:
        return "token-lost"
    if is_livekit(reply):
        return "by-livekit"
    if asked.of_upgrade and 200 <= reply.status < 300:
        return "ordinary-page"
    if asked.of_upgrade and reply.status >= 500:
        return "not-started"
    if reply.status == 404 and "/rtc/v1" in asked.heard.path:
        return "no-v1"
    if reply.status == 404 and server is not None and is_root_ok(server.root):
        return "not-routed"
    return ""


# signal-leave-on-connect and what else can follow the 101


def _left_at_once(signal: SignalFact) -> Iterator[Seen]:
    if not isinstance(signal.first, LeftAtOnce):
        return
    reason = one_line(signal.first.reason, 40)
    observed = f"leave {reason}, {one_line(signal.first.action, 40) or 'no action'}"
    yield Seen(
        (Evidence("first message", observed, "join", "net"), *_phases(signal)),
        case=_LEAVE.get(signal.first.reason, "reason"),
        values={"reason": reason},
    )


_LEAVE: Final = {
    "DUPLICATE_IDENTITY": "duplicate-identity",
    "SERVER_SHUTDOWN": "server-shutdown",
    "PARTICIPANT_REMOVED": "participant-removed",
    "ROOM_DELETED": "room-deleted",
    "ROOM_CLOSED": "room-closed",
    "STATE_MISMATCH": "state-mismatch",
    "JOIN_FAILURE": "join-failure",
    "MIGRATION": "migration",
    "CONNECTION_TIMEOUT": "connection-timeout",
    "MEDIA_FAILURE": "media-failure",
}
"""The case of a reason that says more than its name (livekit.protocol `DisconnectReason`)."""


def _first_problem(signal: SignalFact, problem: FirstMessageProblem) -> Iterator[Evidence]:
    first = signal.first
    if isinstance(first, NoFirstMessage) and first.problem is problem:
        what = one_line(first.detail) or str(problem)
        observed = f"{what} ({duration(first.took_ms)} after 101)"
        yield Evidence("first message", observed, "join", "net")


def _after_upgrade(problem: FirstMessageProblem) -> Judge:
    def judge(signal: SignalFact) -> Iterator[Seen]:
        for proof in _first_problem(signal, problem):
            yield Seen((proof, *_phases(signal)))

    return judge


def _cut_off(signal: SignalFact) -> Iterator[Seen]:
    if signal.cut is None:
        return
    how = one_line(signal.cut.how)
    observed = f"{how} ({duration(signal.cut.after_ms)} after the join response)"
    yield Seen(
        (Evidence("session", observed, "open until we leave", "net"), *_phases(signal)),
        case=_LEAVE.get(how.removeprefix("leave "), "how"),
        values={"how": how},
    )


def _no_pong(signal: SignalFact) -> Iterator[Seen]:
    pings = signal.pings
    if signal.cut is not None:
        return  # nobody was there any more to answer
    if pings is None or pings.sent <= len(pings.round_trips_ms):
        return
    waited, answered = pings.waited_ms, len(pings.round_trips_ms)
    if waited is None:  # a report of a version that did not measure it
        if not answered:
            yield Seen((Evidence("pings", f"{pings.sent} sent, 0 answered", "pongs", "net"),))
        return
    joined = signal.first
    limit = joined.ping_timeout_s if isinstance(joined, Joined) and joined.ping_timeout_s else 15
    slowest = max((*pings.round_trips_ms, *(phase.took_ms for phase in signal.phases)), default=0.0)
    if waited < max(_NO_PONG_MS, 4 * slowest):
        return  # a slow way, and little time: nothing is known yet
    yield Seen(
        (
            Evidence("pings", f"{pings.sent} sent, {answered} answered", "pongs", "net"),
            Evidence("the last ping", f"no pong in {duration(waited)}", f"within {limit} s", "net"),
        ),
        case="stops" if answered else "",
        confidence=Confidence.CERTAIN if waited >= limit * 1000 else None,
    )


_NO_PONG_MS: Final = 1500.0
"""Waited for a pong before its absence tells anything."""


# signal-goes-silent


_QUIET_S: Final = 1.0
"""Less than this since a message, and it is pongs alone that are missing."""


def _goes_silent(signal: SignalFact) -> Iterator[Seen]:
    held = signal.held
    if held is None or held.ended != SILENT:
        return
    last = held.lasted_s - held.unheard_s
    answered = f", {held.pongs} answered" if held.pongs is not None else ""
    yield Seen(
        (
            Evidence(
                "session",
                f"last message {last:.1f} s after the join, then none for {held.unheard_s:.1f} s",
                f"open for {held.asked_s:g} s",
                "net",
            ),
            Evidence("pings", f"{held.pings} sent{answered}", "each answered", "net"),
        ),
        case="silent" if held.unheard_s >= _QUIET_S else "no-pongs",
        values={"seconds": f"{last:.0f}"},
    )


def _room_left(signal: SignalFact) -> Iterator[Seen]:
    clean_up = signal.clean_up
    # A room can only be left where LiveKit itself was heard.
    if clean_up is None or clean_up.goes or not clean_up.known or not signalling_reached(signal):
        return
    lasts = clean_up.lasts_s
    yield Seen(
        (Evidence("removing it", one_line(clean_up.detail) or "not possible", "removed", "api"),),
        case="within-minutes" if lasts is None else "after-the-last",
        values={
            "room": one_line(clean_up.room, 60),
            "lasts": "" if lasts is None else f"{lasts}",
        },
    )


# What there is to say when nothing is wrong


def _look_v1(signal: SignalFact) -> str | None:
    asked = (*signal.as_browser, *signal.validations)
    heard = [is_livekit(v.answer) for v in asked if "/rtc/v1" in v.path]
    if any(heard):
        return "/rtc/v1 is there"
    classic = any(is_livekit(v.answer) for v in asked if "/rtc/v1" not in v.path)
    return "no /rtc/v1: clients go on with /rtc" if heard and classic else None


def _look_validate(signal: SignalFact) -> str | Unsure | None:
    for whose in _WHOSE_FIRST:
        validation = signal.validation(whose)
        if validation is None:
            continue
        if not is_livekit(validation.answer):
            return Unsure(f"{one_line(validation.path, 30)}: no answer of LiveKit's")
        accepted = isinstance(validation.answer, HttpAnswer) and validation.answer.status == 200
        if accepted:
            which = "a test token" if whose is Whose.MINTED else "the token"
            return f"the server accepts {which}"
        if whose is Whose.MINTED and lacks_room(validation.answer):
            return "the server accepts a test token; joining makes no room here"
        if whose is Whose.NONE:
            return "LiveKit answers; there was no token to try"
        return Unsure(fitting(said(validation.answer)) or "the server refuses the token")
    return None


def _look_upgrade(signal: SignalFact) -> str | Unsure | None:
    if not signal.upgrades:
        return None
    result, whose = signal.upgrades[-1].result, signal.upgrades[-1].whose
    if isinstance(result, Upgraded):
        return f"the upgrade reaches LiveKit, {duration(result.took_ms)}"
    if isinstance(result, UpgradeRefused) and is_livekit(result.answer):
        does = "wants a token" if whose is Whose.NONE else "refuses the token"
        return f"the upgrade reaches LiveKit, which {does}"
    return Unsure("the upgrade got no answer of LiveKit's")


def _look_join(signal: SignalFact) -> str | Unsure | None:
    first = signal.first
    if first is None:
        own = signal.upgrade(Whose.MINTED)
        if (
            own is not None
            and isinstance(own.result, UpgradeRefused)
            and lacks_room(own.result.answer)
        ):
            return Unsure("there was no room to join: --create-room makes it first")
        return None
    if not isinstance(first, Joined):
        return Unsure("no join response")
    last = signal.phases[-1] if signal.phases else None
    took = first.took_ms if last is None else last.start_ms + last.took_ms
    version = one_line(first.server_version, 20)
    where = "joined a room of its own" if first.room == signal.room_minted else "joined"
    return f"{where} in {duration(took)}" + (f", server {version}" if version else "")


def _look_ping(signal: SignalFact) -> str | Unsure | None:
    pings = signal.pings
    if pings is None or not pings.sent:
        return None
    trips = sorted(pings.round_trips_ms)
    if not trips:
        return Unsure("no pong came back")
    return f"{len(trips)} of {pings.sent} answered, median {duration(trips[len(trips) // 2])}"


CHECKS: Final = (
    Check(
        id="signal.validate",
        layer=Layer.SIGNAL,
        title="The server accepts the token",
        look=_look_validate,
        needs=("net.tcp", "tls.handshake"),
        effect=Effect.NETWORK,
    ),
    Check(
        id="signal.v1",
        layer=Layer.SIGNAL,
        title="Browsers find the path that they ask for first",
        look=_look_v1,
        needs=("net.tcp", "tls.handshake", "signal.validate"),
        effect=Effect.NETWORK,
        essential=False,
    ),
    Check(
        id="signal.upgrade",
        layer=Layer.SIGNAL,
        title="The WebSocket upgrade reaches LiveKit and is granted",
        look=_look_upgrade,
        needs=("net.tcp", "tls.handshake"),
        effect=Effect.NETWORK,
    ),
    Check(
        id="signal.join",
        layer=Layer.SIGNAL,
        title="The server sends a join response",
        look=_look_join,
        # Nobody joins with a token that is refused, even where the refusal came all the way.
        needs=("signal.upgrade", "signal.validate"),
        effect=Effect.JOIN,
    ),
    Check(
        id="signal.ping",
        layer=Layer.SIGNAL,
        title="The server answers pings",
        look=_look_ping,
        needs=("signal.join",),
        effect=Effect.JOIN,
        essential=False,
    ),
)


# Examples


RULES: Final = (
    cause("room-not-found", _room_missing),
    cause("signal-room-full", _room_full),
    cause("signal-timeout", _timed_out),
    cause("signal-slow", _slow),
    cause("signal-closed-early", _closed_early),
    cause("signal-handshake-invalid", _handshake_invalid),
    cause("signal-rate-limited", _rate_limited),
    cause("signal-v1-vs-old-server", _old_server),
    cause("signal-400-hidden", _hidden_400),
    cause("signal-5xx-bus", _bus),
    cause("signal-refused", _refused),
    cause("signal-leave-on-connect", _left_at_once),
    cause("signal-silent-after-upgrade", _after_upgrade(FirstMessageProblem.SILENCE)),
    cause("signal-closed-after-upgrade", _after_upgrade(FirstMessageProblem.CLOSED)),
    cause("signal-dropped-after-upgrade", _after_upgrade(FirstMessageProblem.DROPPED)),
    cause("signal-not-livekit", _after_upgrade(FirstMessageProblem.NOT_LIVEKIT)),
    cause("signal-frame-invalid", _after_upgrade(FirstMessageProblem.BROKEN_FRAME)),
    cause("signal-message-too-large", _after_upgrade(FirstMessageProblem.TOO_LARGE)),
    cause("signal-cut-after-join", _cut_off),
    cause("signal-no-pong", _no_pong),
    cause("signal-goes-silent", _goes_silent),
    cause("signal-test-room-left", _room_left),
)
