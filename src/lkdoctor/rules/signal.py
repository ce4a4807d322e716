"""What the signalling endpoint does with a token, an upgrade and a session."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lkdoctor import shell
from lkdoctor.facts import Facts
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
    CleanUp,
    Cut,
    FirstMessage,
    FirstMessageProblem,
    Held,
    Joined,
    LeftAtOnce,
    NoFirstMessage,
    PhaseOutcome,
    Pings,
    SignalFact,
    Upgrade,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Validation,
    Whose,
)
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
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
from lkdoctor.rules.base import Check, Effect, Judge, Judgement, Rule, Unsure
from lkdoctor.rules.examples import answer, healthy, no_answer

if TYPE_CHECKING:  # read only where a project's folder is named
    from lkdoctor.facts.app import AppFact
    from lkdoctor.facts.rehearsal import RehearsalFact
from lkdoctor.tokens.decode import Signature, SignatureState
from lkdoctor.tokens.predict import Refusal, recognise, table

_NO_NODES: Final = "could not find any available nodes"

_TIMED_OUT: Final = "room connection has timed out (signal)"
_GENERIC: Final = "could not establish signal connection"
_HIDDEN: Final = (
    "Encountered unknown websocket error during connection",
    "Encountered websocket error during connection establishment",
)
"""What livekit-client 2.17 and later show in place of every body but that of 401, 403 and one 404."""

_SERVER_LOG: Final = FixStep(
    "Read the server's log at this moment:",
    command="docker compose logs --since 5m livekit || journalctl -u livekit-server --since -5m",
)

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


def _room_missing(
    signal: SignalFact, rehearsal: "RehearsalFact | None" = None
) -> Iterator[Judgement]:
    missing = [asked for asked in _asked(signal) if lacks_room(asked.heard.exchange)]
    if not missing:
        return
    copied = rehearsal is not None and not rehearsal.in_place
    own = copied or all(asked.whose is Whose.MINTED for asked in missing)
    proof = tuple(evidence(asked.heard, "success or 101") for asked in missing)
    if own:  # a throw-away room need not exist; the app creates its own before it joins
        yield Judgement(
            proof,
            title="This server creates no room on join",
            cause="room.auto_create is off here, so the test with a throw-away room ends at this point. "
            "Nothing is wrong as long as the app creates each room before somebody joins.",
            fix=(
                FixStep(
                    "To see a join all the same, let lkdoctor make its room first (its token can then end any "
                    "room, so know whose server this is):",
                    command="lkdoctor rehearse … --create-room"
                    if copied
                    else "lkdoctor diagnose --create-room",
                ),
            ),
            severity=Severity.INFO,
        )
    else:
        yield Judgement(proof)


# signal-room-full


def _room_full(
    signal: SignalFact, api: ApiFact | None = None, token: TokenFact | None = None
) -> Iterator[Judgement]:
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
        judged = Judgement(
            (*fine, *shown, *(of_room if certain else ())),
            title=None if full is None or not certain else _full_title(full),
            confidence=Confidence.CERTAIN if certain else Confidence.LIKELY,
        )
        yield judged._replace(**_OF_AN_EMPTY_ROOM) if minted_only else judged
    elif full is not None and left:
        yield Judgement(
            (Evidence("first message", "leave JOIN_FAILURE", "join", "net"), *of_room),
            title=_full_title(full),
            confidence=Confidence.CERTAIN,
        )
    elif full is not None and not _is_in(full, signal, api, token):
        known = token is not None and token.token is not None
        yield Judgement(
            of_room,
            title=_full_title(full),
            severity=Severity.ERROR if known else Severity.WARNING,
            confidence=Confidence.CERTAIN if known else Confidence.LIKELY,
        )


_OF_AN_EMPTY_ROOM: Final[Mapping[str, Any]] = {
    "title": "LiveKit ends the session while it starts",
    "cause": "validate accepts the token, but the session is ended while it starts. The room was "
    "lkdoctor's own and empty, so it is not full, unless the server's own default leaves no place: "
    "the node is at a limit, the message bus does not answer, or the server's log knows another reason.",
    "fix": (
        _SERVER_LOG,
        FixStep(
            "See the default for new rooms; 0 and no line at all mean no limit:",
            snippet=Snippet("yaml", "room:\n  max_participants: 0"),
        ),
    ),
}


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


def _full_title(room: RoomInfo) -> str | None:
    count = f"{room.num_participants} of {room.max_participants}"
    return fitting(f"The room {one_line(room.name, 30)} is full: {count}")


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


def _timed_out(signal: SignalFact, server: ServerFact | None = None) -> Iterator[Judgement]:
    hanging = _without_answer(signal, Silence.TIMEOUT)
    if not hanging:
        return
    proof = (
        *(evidence(asked.heard, "101" if asked.of_upgrade else "success") for asked in hanging),
        *_answered(server, signal),
        *_phases(signal),
    )
    if not all(asked.of_upgrade for asked in hanging):
        yield Judgement(
            proof,
            title="The signalling path takes requests and never answers",
            cause="The connection opens and the request is taken, but /rtc/validate, which needs no "
            "session, gets no answer either: the server hangs, or the proxy waits for it.",
        )
        return
    bare = signal.upgrade(Whose.NONE)
    inside = bare is not None and isinstance(bare.result, UpgradeRefused)
    yield Judgement(
        proof,
        cause=f"The wait is inside LiveKit, not in the proxy. {_STARTS_FIRST}" if inside else None,
    )


_STARTS_FIRST: Final = (
    "LiveKit answers an upgrade only once the session is set up (node, Redis, room), and gives up after "
    "about twelve seconds."
)


def _slow(signal: SignalFact) -> Iterator[Judgement]:
    slow = _without_answer(signal, Silence.SLOW)
    proof = [evidence(asked.heard) for asked in slow]
    proof += _first_problem(signal, FirstMessageProblem.SLOW)
    if proof:
        yield Judgement((*proof, *_phases(signal)))


def _closed_early(signal: SignalFact, server: ServerFact | None = None) -> Iterator[Judgement]:
    closed = _without_answer(signal, Silence.CLOSED, Silence.RESET, Silence.NOT_CONNECTED)
    if not closed:
        return
    only_upgrade = all(asked.of_upgrade for asked in closed)
    yield Judgement(
        (*(evidence(asked.heard) for asked in closed), *_answered(server, signal)),
        title=None if only_upgrade else "The signalling path closes in place of an answer",
    )


def _handshake_invalid(signal: SignalFact) -> Iterator[Judgement]:
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
        yield Judgement(tuple(proof))


# signal-rate-limited


def _rate_limited(
    server: ServerFact | None = None, signal: SignalFact | None = None, api: ApiFact | None = None
) -> Iterator[Judgement]:
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
    yield Judgement(tuple(proof))


def _api_heard(api: ApiFact | None) -> Iterator[Heard]:
    if api is not None and isinstance(api.rooms, ForeignAnswer):
        yield Heard("ListRooms", api.rooms.exchange)


# signal-v1-vs-old-server


def _old_server(signal: SignalFact, app: "AppFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(
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


def _hidden_400(signal: SignalFact) -> Iterator[Judgement]:
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
    yield Judgement(
        (
            *(evidence(asked.heard, "success") for asked in told[:2]),
            Evidence("livekit-client 2.17+ shows", _HIDDEN[1], words),
        ),
        title=fitting(f"LiveKit says 400, unseen in browsers: {one_line(words, 25)}"),
        fix=_BY_400.get(next((w for w in _BY_400 if words.startswith(w)), ""), ()),
    )


_BY_400: Final[dict[str, tuple[FixStep, ...]]] = {
    "room name length": (
        FixStep(
            "Give rooms shorter names, or raise the server's own limit:",
            snippet=Snippet("yaml", "limit:\n  max_room_name_length: 256"),
        ),
    ),
    "participant identity length": (
        FixStep(
            "Give people shorter identities, or raise the server's own limit:",
            snippet=Snippet("yaml", "limit:\n  max_participant_identity_length: 256"),
        ),
    ),
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


def _bus(signal: SignalFact, api: ApiFact | None = None) -> Iterator[Judgement]:
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
    yield Judgement(
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
) -> Iterator[Judgement]:
    refused = [asked for asked in _asked(signal) if _is_unexplained(asked, signal, token)]
    if not refused:
        return
    first = min(refused, key=lambda asked: (_WHOSE_FIRST.index(asked.whose), asked.of_upgrade))
    reply = first.heard.exchange
    if not isinstance(reply, HttpAnswer):
        return
    case = _case(first, reply, server)
    shown = tuple(
        evidence(asked.heard, "101" if asked.of_upgrade else "200 success") for asked in refused
    )
    yield Judgement(
        (*shown[:4], *software_evidence(reply)), title=case.title, cause=case.cause, fix=case.fix
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


class _Case(NamedTuple):
    """What one kind of refusal means; None stands for the rule's own words."""

    title: str | None = None
    cause: str | None = None
    fix: tuple[FixStep, ...] = ()


def _case(asked: _Asked, reply: HttpAnswer, server: ServerFact | None) -> _Case:
    if reply.status == 401 and "invalid authorization header" in reply.body:
        return _HEADER_REPLACED
    if is_livekit(reply) and recognise(reply.status, reply.body) is Refusal.NO_VIDEO:
        return _LOST
    if is_livekit(reply):
        words = one_line(reply.body, 40).removesuffix(":")
        return _Case(
            title=fitting(f"LiveKit refuses {whose_token(asked.whose)}: {words}"),
            cause="The refusal is LiveKit's own; its words say what it misses in the token or in the room.",
            fix=(_SERVER_LOG,),
        )
    if asked.of_upgrade and 200 <= reply.status < 300:
        return _ORDINARY
    if asked.of_upgrade and reply.status >= 500:
        return _NOT_STARTED
    if reply.status == 404 and "/rtc/v1" in asked.heard.path:
        return _NO_V1
    if reply.status == 404 and server is not None and is_root_ok(server.root):
        return _NOT_ROUTED
    return _Case()


_HEADER_REPLACED: Final = _Case(
    title="The Authorization header is not the one that was sent",
    cause="LiveKit got an Authorization header that is no bearer token: a proxy puts one of its own in "
    "(basic auth), or the URL holds user:password@. A header wins over the token in the query.",
    fix=(
        FixStep("Take user:password@ out of the URL."),
        FixStep(
            "Let the proxy pass the header on as it is; in nginx remove:",
            snippet=Snippet("nginx", "proxy_set_header Authorization …;"),
        ),
    ),
)

_LOST: Final = _Case(
    title="LiveKit says that it got no token with a video grant",
    cause="LiveKit says this where a request has no token at all, or one without a video grant. If the "
    "token has one, it was lost on its way: a proxy that drops the Authorization header or the query, or "
    "puts a token of its own in.",
    fix=(
        FixStep("Read the token:", command="lkdoctor token decode @token.txt"),
        FixStep(
            "Let the proxy pass header and query on as they are; in nginx:",
            snippet=Snippet("nginx", "proxy_set_header Authorization $http_authorization;"),
        ),
    ),
)

_ORDINARY: Final = _Case(
    title="The upgrade is answered like any page, not as a WebSocket",
    cause="What answers /rtc takes the request for an ordinary one: a web app's catch-all page, a static "
    "site, a cache, or a proxy that sends /rtc elsewhere than /rtc/validate and drops the upgrade.",
    fix=(
        FixStep(
            "Send /rtc and everything under it to LiveKit, ahead of the app's catch-all, with the upgrade:",
            snippet=Snippet(
                "nginx",
                "location /rtc {\n"
                "    proxy_pass http://127.0.0.1:7880;\n"
                "    proxy_http_version 1.1;\n"
                "    proxy_set_header Upgrade $http_upgrade;\n"
                '    proxy_set_header Connection "upgrade";\n'
                "}",
            ),
        ),
        FixStep("Switch off caching for /rtc."),
        FixStep("Test it again:", command="lkdoctor ws-probe"),
    ),
)

_NOT_STARTED: Final = _Case(
    title="The upgrade is answered with a server error",
    cause="LiveKit answers an upgrade only once the session has started, so a 5xx here is about the room "
    "or the node: Redis or the message bus does not answer, no node takes the room, a limit is reached. "
    "If the proxy gives it, it got no answer from LiveKit in its time.",
    fix=(
        _SERVER_LOG,
        FixStep(
            "With Redis: it must answer, with pub/sub, from every node.",
            command="redis-cli -h REDIS ping",
        ),
        FixStep("After a failover of Redis, older servers need a restart.", destructive=True),
    ),
)

_NO_V1: Final = _Case(
    title="This server does not have the path /rtc/v1",
    cause="The path came with livekit-server 1.9.10; livekit-client from 2.17 on tries it first and falls "
    "back to /rtc, which 2.18.1 to 2.18.3 did badly.",
    fix=(
        FixStep("Update livekit-server to 1.9.10 or later, or livekit-client to 2.18.5 or later."),
        FixStep("Look at the classic path:", command="lkdoctor ws-probe --path rtc"),
    ),
)

_NOT_ROUTED: Final = _Case(
    title="LiveKit is there, but /rtc does not lead to it",
    cause="GET / is answered as by LiveKit, the signalling path is not: the proxy passes on single paths "
    "only, or changes them on the way (a prefix stripped or kept, a trailing slash).",
    fix=(
        FixStep(
            "Pass the whole host on, without changing the path:",
            snippet=Snippet("nginx", "location / {\n    proxy_pass http://127.0.0.1:7880;\n}"),
        ),
        FixStep("If LiveKit sits under a path, write it into the URL, up to the /rtc."),
    ),
)


# signal-leave-on-connect and what else can follow the 101


def _left_at_once(signal: SignalFact) -> Iterator[Judgement]:
    if not isinstance(signal.first, LeftAtOnce):
        return
    reason = one_line(signal.first.reason, 40)
    cause, fix = _LEAVE.get(signal.first.reason, ("", ()))
    observed = f"leave {reason}, {one_line(signal.first.action, 40) or 'no action'}"
    yield Judgement(
        (Evidence("first message", observed, "join", "net"), *_phases(signal)),
        title=fitting(f"The server ends the session at once: {reason}"),
        cause=cause or None,
        fix=fix,
    )


_REJOIN: Final = FixStep("Connect anew with a fresh token instead of resuming the old session.")

_LEAVE: Final[dict[str, tuple[str, tuple[FixStep, ...]]]] = {
    "DUPLICATE_IDENTITY": (
        "Another connection has the same identity: two tabs, a component mounted twice, one fixed name.",
        (FixStep("Give every connection an identity of its own; do not reconnect by itself on this reason."),),
    ),
    "SERVER_SHUTDOWN": (
        "The node is shutting down or draining.",
        (FixStep("Try again in a moment; let the load balancer take draining nodes out."), _REJOIN),
    ),
    "PARTICIPANT_REMOVED": (
        "Somebody removed this participant through the server API (the app's backend, a moderator).",
        (FixStep("Look for RemoveParticipant in the backend."), _REJOIN),
    ),
    "ROOM_DELETED": (
        "Somebody deleted the room through the server API.",
        (FixStep("Look for DeleteRoom in the backend, also in clean-up jobs."), _REJOIN),
    ),
    "ROOM_CLOSED": (
        "The room was closed: nobody came in its empty_timeout, or all had left for its departure_timeout.",
        (FixStep("Set both timeouts when the room is created."), _REJOIN),
    ),
    "STATE_MISMATCH": (
        "The client resumes a session that the server does not have (it restarted, or is another node).",
        (_REJOIN, FixStep("With several nodes, see that all use the same Redis."), _SERVER_LOG),
    ),
    "JOIN_FAILURE": (
        "The server could not let this participant in: a limit of the room or of the node is reached.",
        (FixStep("See who is in the room, and its limit:", command="lkdoctor rooms show ROOM"), _SERVER_LOG),
    ),
    "MIGRATION": ("The session is being moved to another node.", (_REJOIN,)),
    "CONNECTION_TIMEOUT": (
        "The server lost this participant's media connection and gave it up.",
        (_REJOIN, FixStep("If it comes again, look at the way of media (UDP, TURN), not at signalling.")),
    ),
    "MEDIA_FAILURE": (
        "Media could not be set up for this participant.",
        (FixStep("Look at the way of media: the server's node_ip, its UDP ports, TURN."), _SERVER_LOG),
    ),
}  # fmt: skip


def _first_problem(signal: SignalFact, problem: FirstMessageProblem) -> Iterator[Evidence]:
    first = signal.first
    if isinstance(first, NoFirstMessage) and first.problem is problem:
        what = one_line(first.detail) or str(problem)
        observed = f"{what} ({duration(first.took_ms)} after 101)"
        yield Evidence("first message", observed, "join", "net")


def _after_upgrade(problem: FirstMessageProblem) -> Judge:
    def judge(signal: SignalFact) -> Iterator[Judgement]:
        for proof in _first_problem(signal, problem):
            yield Judgement((proof, *_phases(signal)))

    return judge


def _cut_off(signal: SignalFact) -> Iterator[Judgement]:
    if signal.cut is None:
        return
    how = one_line(signal.cut.how)
    cause, fix = _LEAVE.get(how.removeprefix("leave "), (None, None))
    observed = f"{how} ({duration(signal.cut.after_ms)} after the join response)"
    yield Judgement(
        (Evidence("session", observed, "open until we leave", "net"), *_phases(signal)),
        title=fitting(f"The session ends right after the join: {how}"),
        cause=cause,
        fix=fix or (),
    )


def _no_pong(signal: SignalFact) -> Iterator[Judgement]:
    pings = signal.pings
    if signal.cut is not None:
        return  # nobody was there any more to answer
    if pings is None or pings.sent <= len(pings.round_trips_ms):
        return
    waited, answered = pings.waited_ms, len(pings.round_trips_ms)
    if waited is None:  # a report of a version that did not measure it
        if not answered:
            yield Judgement((Evidence("pings", f"{pings.sent} sent, 0 answered", "pongs", "net"),))
        return
    joined = signal.first
    limit = joined.ping_timeout_s if isinstance(joined, Joined) and joined.ping_timeout_s else 15
    slowest = max((*pings.round_trips_ms, *(phase.took_ms for phase in signal.phases)), default=0.0)
    if waited < max(_NO_PONG_MS, 4 * slowest):
        return  # a slow way, and little time: nothing is known yet
    yield Judgement(
        (
            Evidence("pings", f"{pings.sent} sent, {answered} answered", "pongs", "net"),
            Evidence("the last ping", f"no pong in {duration(waited)}", f"within {limit} s", "net"),
        ),
        title="The server stops answering pings" if answered else None,
        confidence=Confidence.CERTAIN if waited >= limit * 1000 else None,
    )


_NO_PONG_MS: Final = 1500.0
"""Waited for a pong before its absence tells anything."""


# signal-goes-silent


_QUIET_S: Final = 1.0
"""Less than this since a message, and it is pongs alone that are missing."""


def _goes_silent(signal: SignalFact) -> Iterator[Judgement]:
    held = signal.held
    if held is None or held.ended != SILENT:
        return
    last = held.lasted_s - held.unheard_s
    answered = f", {held.pongs} answered" if held.pongs is not None else ""
    yield Judgement(
        (
            Evidence(
                "session",
                f"last message {last:.1f} s after the join, then none for {held.unheard_s:.1f} s",
                f"open for {held.asked_s:g} s",
                "net",
            ),
            Evidence("pings", f"{held.pings} sent{answered}", "each answered", "net"),
        ),
        title=f"An open session falls silent after {last:.0f} s"
        if held.unheard_s >= _QUIET_S
        else "The server stops answering pings",
    )


def _room_left(signal: SignalFact) -> Iterator[Judgement]:
    clean_up = signal.clean_up
    # A room can only be left where LiveKit itself was heard.
    if clean_up is None or clean_up.goes or not clean_up.known or not signalling_reached(signal):
        return
    name = one_line(clean_up.room, 60)
    lasts = clean_up.lasts_s
    when = "within five minutes" if lasts is None else f"{lasts} s after the last one has left"
    yield Judgement(
        (Evidence("removing it", one_line(clean_up.detail) or "not possible", "removed", "api"),),
        fix=(
            FixStep(
                f"It goes by itself {when}; or at once:",
                command=shell.command("lkdoctor", "rooms", "end", *shell.operand(name)),
                destructive=True,
            ),
        ),
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


_SUCCESS: Final = Validation(Whose.MINTED, "/rtc/validate", answer(200, "success"))


def _given(validate: HttpAnswer, upgrade: HttpAnswer | None = None) -> Facts:
    """The user's own token is answered so; nobody has read it."""
    refused = () if upgrade is None else (_attempt(UpgradeRefused(upgrade), Whose.GIVEN),)
    return healthy()._replace(
        signal=SignalFact((Validation(Whose.GIVEN, "/rtc/validate", validate),), refused)
    )


def _attempt(result: Upgrade, whose: Whose = Whose.MINTED) -> UpgradeAttempt:
    return UpgradeAttempt(whose, "/rtc", result)


def _upgrade(result: Upgrade, first: FirstMessage | None = None) -> Facts:
    """The token is fine, the upgrade ends so."""
    signal = SignalFact(validations=(_SUCCESS,), upgrades=(_attempt(result),), first=first)
    return healthy()._replace(signal=signal)


def _first(problem: FirstMessageProblem, detail: str, took_ms: float = 4.0) -> Facts:
    return _upgrade(Upgraded(88.0), NoFirstMessage(problem, detail, took_ms))


def _sick_room_missing() -> Facts:
    return _given(answer(404, "requested room does not exist"))


def _sick_room_full() -> Facts:
    return _given(answer(200, "success"), answer(500, "connection closed by media"))


def _busy_room() -> Facts:
    """The API shows the room in question with places left."""
    facts = healthy()
    return facts._replace(api=facts.api._replace(room_asked="demo") if facts.api else None)


def _sick_no_pong() -> Facts:
    facts = healthy()
    signal = facts.signal
    return facts._replace(signal=signal._replace(pings=Pings(3, ())) if signal else None)


def _sick_goes_silent() -> Facts:
    facts = healthy()
    held = Held(60.0, 26.0, SILENT, "", None, 10.0, pings=5, pongs=2, unheard_s=15.9)
    return facts._replace(signal=facts.signal._replace(held=held) if facts.signal else None)


def _sick_cut_off() -> Facts:
    facts = healthy()
    signal = facts.signal
    cut = Cut("the connection ended without a close frame", 3.0)
    if signal is None:
        return facts
    return facts._replace(signal=signal._replace(cut=cut, pings=Pings(1, ()), goodbye=None))


def _sick_room_left() -> Facts:
    facts = healthy()
    why = "no token that can delete rooms was sent"
    left = CleanUp("lkdoctor-7f3a9c21", removed=False, detail=why, lasts_s=300)
    signal = facts.signal
    return facts._replace(signal=signal._replace(clean_up=left) if signal else None)


def _sick_refused() -> Facts:
    return _given(answer(418, "short and stout", server="teapot"))


def _sick_rate_limited() -> Facts:
    return _given(answer(200, "success"), answer(429, "too many requests", retry_after="30"))


def _asked_for_v1(version: str, reply: HttpAnswer) -> Facts:
    facts = healthy()
    if facts.signal is None or not isinstance(facts.signal.first, Joined):
        return facts
    asked = Validation(Whose.MINTED, "/rtc/v1/validate", reply)
    first = facts.signal.first._replace(server_version=version)
    return facts._replace(signal=facts.signal._replace(as_browser=(asked,), first=first))


def _sick_old_server() -> Facts:
    return _asked_for_v1("1.8.4", answer(404, "404 page not found"))


def _new_server() -> Facts:
    yes = answer(200, "success", access_control_allow_origin="*")
    return _asked_for_v1("1.13.5", yes)


def _sick_bus() -> Facts:
    words = "could not get node for room: dial tcp 10.0.0.5:6379: connect: connection refused"
    return _given(answer(200, "success"), answer(500, words))


def _refused_for_want_of_a_token() -> Facts:
    own = answer(401, "no permissions to access the room")
    return healthy()._replace(
        signal=SignalFact(
            validations=(Validation(Whose.NONE, "/rtc/validate", own),),
            upgrades=(_attempt(UpgradeRefused(own), Whose.NONE),),
        )
    )


def _wire_rule(
    code: str,
    title: str,
    *,
    symptoms: tuple[str, ...],
    cause: str,
    how: str,
    fix: tuple[FixStep, ...],
    source: str,
    judge: Judge,
    example: Callable[[], Facts],
    check: str = "signal.join",
    confidence: Confidence = Confidence.LIKELY,
    severity: Severity = Severity.ERROR,
    related: tuple[str, ...] = (),
    explains: tuple[str, ...] = (),
) -> Rule:
    """A way in which a peer misbehaves once HTTP as such is in order."""
    return Rule(
        code=code,
        check=check,
        layer=Layer.SIGNAL,
        severity=severity,
        confidence=confidence,
        title=title,
        symptoms=symptoms,
        cause=cause,
        how=how,
        fix=fix,
        source=source,
        judge=judge,
        sick=example,
        healthy=healthy,
        related=related,
        explains=explains,
    )


_PROXY_SUSPECT: Final = FixStep(
    "Ask LiveKit on its own host, past every proxy; if that works, the proxy is the cause:",
    command="lkdoctor ws-probe --url ws://127.0.0.1:7880",
)

_IS_IT_LIVEKIT: Final = FixStep(
    "See that the URL and the proxy's target are LiveKit's signalling port (7880), not another WebSocket "
    "service's."
)


RULES: Final = (
    Rule(
        code="room-not-found",
        check="signal.validate",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The room does not exist, and this server makes none",
        symptoms=(
            "could not establish signal connection: requested room does not exist",
            "requested room does not exist",
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
        ),
        cause="The server runs with room.auto_create: false, so a room must be created before anybody "
        "joins; nobody did, or it was closed by its empty timeout in between, or its name is spelt "
        "otherwise.",
        how="validate or the upgrade is answered 404 requested room does not exist.",
        fix=(
            FixStep(
                "Let the backend create the room before it hands out tokens:",
                command="lk room create ROOM",
            ),
            FixStep(
                "From server 1.12 on, a token with roomCreate makes the room on join:",
                snippet=Snippet(
                    "json", '"video": {"roomJoin": true, "room": "ROOM", "roomCreate": true}'
                ),
            ),
            FixStep(
                "Or let the server make rooms by itself (livekit.yaml):",
                snippet=Snippet("yaml", "room:\n  auto_create: true"),
            ),
        ),
        source="livekit-server pkg/service/rtcservice.go, livekit/livekit#4504, element-hq/lk-jwt-service#228",
        judge=_room_missing,
        sick=_sick_room_missing,
        healthy=healthy,
        explains=("api-not-found",),
        related=("api-not-found",),
    ),
    Rule(
        code="signal-room-full",
        check="signal.upgrade",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The room is full, or LiveKit cannot start the session",
        symptoms=(
            *_HIDDEN,
            "could not join room: room has exceeded its max participants",
            "server error: 500 - connection closed by media",
        ),
        cause="validate accepts the token, but the session is ended while it starts. That is what LiveKit "
        "does when the room has reached its max_participants; agents, recorders and participants whose "
        "connection broke a moment ago count, too.",
        how="The upgrade is answered 500 connection closed by media although validate says success; the "
        "API's view of the room (participants and limit) makes it certain.",
        fix=(
            FixStep("See who is in the room, and its limit:", command="lkdoctor rooms show ROOM"),
            FixStep(
                "Create the room with a higher max_participants (a booking for two needs more once an agent or a recorder joins), or raise the server's default:",
                snippet=Snippet("yaml", "room:\n  max_participants: 10"),
            ),
            FixStep(
                "Remove participants that are gone but not yet timed out:",
                command="lk room participants remove --room ROOM IDENTITY",
                destructive=True,
            ),
            _SERVER_LOG,
        ),
        source="livekit-server pkg/rtc/room.go, pkg/service/rtcservice.go, livekit/livekit#1279, livekit/livekit#4788",
        judge=_room_full,
        sick=_sick_room_full,
        healthy=_busy_room,
        explains=("signal-leave-on-connect", "signal-refused"),
        related=("signal-refused",),
    ),
    _wire_rule(
        "signal-timeout",
        "LiveKit takes the upgrade but starts no session",
        check="signal.upgrade",
        symptoms=(_TIMED_OUT, "signal connection timed out"),
        cause=f"TCP, TLS and HTTP are in order, but the upgrade gets no answer. {_STARTS_FIRST} "
        "A proxy that buffers, or that does not know WebSockets, looks the same.",
        how="Each phase is timed by itself; the upgrade (or validate) is the one that hangs.",
        fix=(
            FixStep(
                "See whether Redis answers, and how busy the machine is:",
                command="redis-cli -h REDIS ping; uptime",
            ),
            _SERVER_LOG,
            _PROXY_SUSPECT,
        ),
        source="livekit-server pkg/service/rtcservice.go, livekit/livekit#3215, livekit/client-sdk-react-native#281",
        judge=_timed_out,
        example=lambda: _upgrade(UpgradeUnanswered(no_answer(Silence.TIMEOUT))),
        related=("server-not-ready", "tcp-timeout", "signal-silent-after-upgrade"),
    ),
    _wire_rule(
        "signal-slow",
        "The signalling answer trickles in and never ends",
        check="signal.upgrade",
        symptoms=(_TIMED_OUT,),
        cause="Bytes come, but so slowly or so endlessly that no client waits for the end: a proxy that "
        "buffers or throttles, a machine without CPU, or a peer that is not LiveKit.",
        how="validate, the upgrade or the first message gets bytes, but is not whole in the time given.",
        fix=(_PROXY_SUSPECT, _SERVER_LOG),
        source="RFC 9112 §6.3, RFC 6455 §5.2",
        judge=_slow,
        example=lambda: _upgrade(UpgradeUnanswered(NoAnswer(Silence.SLOW, "", 5000.0, 40))),
        related=("http-slow",),
    ),
    _wire_rule(
        "signal-closed-early",
        "The connection is closed in place of an upgrade",
        check="signal.upgrade",
        symptoms=(*_HIDDEN, "socket hang up"),
        cause="The request for the WebSocket is taken, and the connection is closed or reset before a "
        "complete answer: a proxy or firewall that does not allow WebSockets, a server that crashes or "
        "restarts, or a limit on connections.",
        how="validate or the upgrade ends with a closed or reset connection, while GET / is answered.",
        fix=(_PROXY_SUSPECT, _SERVER_LOG),
        source="RFC 6455 §4.1, RFC 9112 §9.6",
        judge=_closed_early,
        example=lambda: _upgrade(UpgradeUnanswered(NoAnswer(Silence.CLOSED, "", 3.0))),
        related=("http-closed-early", "proxy-upgrade-stripped"),
    ),
    _wire_rule(
        "signal-handshake-invalid",
        "The answer to the upgrade is no WebSocket handshake",
        check="signal.upgrade",
        symptoms=(
            *_HIDDEN,
            "Error during WebSocket handshake: Incorrect 'Sec-WebSocket-Accept' header value",
            "Invalid Sec-WebSocket-Accept header",
        ),
        cause="Something answers the upgrade, but not as the protocol wants it: a proxy that invents or "
        "caches the answer, or drops its headers, or a peer that only looks like a WebSocket server.",
        how="The answer has status 101 with a wrong or missing header of RFC 6455 §4.1, or is not HTTP at all.",
        fix=(
            FixStep("Switch off caching and answer rewriting for /rtc in every proxy on the way."),
            _PROXY_SUSPECT,
            _IS_IT_LIVEKIT,
        ),
        source="RFC 6455 §4.1, §4.2.2",
        judge=_handshake_invalid,
        example=lambda: _upgrade(
            UpgradeInvalid(answer(101), "the Sec-WebSocket-Accept header is wrong")
        ),
        confidence=Confidence.CERTAIN,
        related=("proxy-upgrade-stripped",),
    ),
    Rule(
        code="signal-rate-limited",
        check="signal.upgrade",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The server or a proxy limits the rate (429)",
        symptoms=(
            _GENERIC,
            "429 Too Many Requests",
            "INSUFFICIENT_CAPACITY",
            "concurrent participant limit exceeded",
        ),
        cause="A limit is reached: of a LiveKit Cloud plan (participants at a time, minutes, requests), or "
        "of a proxy's requests a minute. Clients that reconnect in a loop can be the cause themselves.",
        how="An answer has status 429.",
        fix=(
            FixStep(
                "On LiveKit Cloud, look at the project's usage and limits: https://cloud.livekit.io, Settings, Billing."
            ),
            FixStep("Stop clients that retry without a pause; wait for the time in Retry-After."),
            FixStep("In a proxy of your own, exempt /rtc and /twirp from the limit, or raise it."),
        ),
        source="RFC 6585 §4, element-hq/element-call#2998, livekit/ingress#331",
        judge=_rate_limited,
        sick=_sick_rate_limited,
        healthy=healthy,
        explains=("signal-refused", "api-refused", "url-not-livekit", "server-refused"),
    ),
    Rule(
        code="signal-v1-vs-old-server",
        check="signal.v1",
        layer=Layer.SIGNAL,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="This server is older than 1.9.10: it has no /rtc/v1",
        symptoms=(
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
            "NegotiationError: negotiation timed out",
            "publication of local track timed out",
        ),
        cause="Browsers with livekit-client 2.17 or later ask for /rtc/v1 first, which came with "
        "livekit-server 1.9.10, and fall back to /rtc: two red requests in the console and a slower join, "
        "no more. livekit-client 2.18.1 to 2.18.3 fell back badly: they never connect, or never publish.",
        how="/rtc/validate is answered by LiveKit, /rtc/v1/validate with 404; with --project-dir the "
        "release of livekit-client decides.",
        fix=(
            FixStep("Update livekit-server to 1.9.10 or later."),
            FixStep(
                "Until then, use livekit-client 2.18.5 or later (or one before 2.17):",
                command="npm ls livekit-client",
            ),
            FixStep(
                "Or let the client ask for the old path alone:",
                snippet=Snippet("js", "new Room({ singlePeerConnection: false })"),
            ),
        ),
        source="livekit/client-sdk-js#1887, livekit/client-sdk-js#1785, livekit/client-sdk-js#1893, "
        "livekit/client-sdk-js#1901, measured with livekit-server 1.5 to 1.13",
        judge=_old_server,
        sick=_sick_old_server,
        healthy=_new_server,
        related=("signal-refused", "url-path"),
    ),
    Rule(
        code="signal-400-hidden",
        check="signal.validate",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="LiveKit refuses with 400, which browsers do not show",
        symptoms=_HIDDEN,
        cause="The server says in plain words what is wrong with the room or the identity. livekit-client "
        "from 2.17 on shows the words of 401 and 403 alone, so in the browser every 400 looks like a network "
        "error.",
        how="validate or the upgrade is answered 400 with one of LiveKit's own texts.",
        fix=(
            FixStep("Read the server's words in the evidence, and mend that."),
            FixStep(
                "See them again without a browser:",
                command="lkdoctor ws-probe --token-file token.txt",
            ),
        ),
        source="livekit/client-sdk-js src/api/SignalClient.ts, livekit-server pkg/service/rtcservice.go",
        judge=_hidden_400,
        sick=lambda: _given(answer(400, "room name length exceeds limits: max length 20")),
        healthy=healthy,
        explains=("signal-refused",),
        related=("token-limits", "token-room-missing", "token-identity-missing"),
    ),
    Rule(
        code="signal-5xx-bus",
        check="signal.upgrade",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="LiveKit cannot reach its Redis or its other nodes",
        symptoms=(
            "server error: 503",
            "unavailable: no response from servers",
            "request timed out could not handle new participant",
            *_HIDDEN,
        ),
        cause="The token is accepted, which takes no Redis; starting the session, which does, fails. Redis is "
        "down, was failed over, is another database than that of the other nodes, or has no pub/sub; or a "
        "node is registered there that is no more.",
        how="validate says success and the upgrade is answered 500 or 503; the server's words (dial tcp, could "
        "not get node for room, no response from servers) make it certain.",
        fix=(
            FixStep(
                "From the server's machine, see whether Redis answers, with pub/sub:",
                command="redis-cli -h REDIS ping; redis-cli -h REDIS publish lkdoctor test",
            ),
            FixStep("Compare redis: in the configuration of every node: address, db, user, TLS."),
            FixStep("After a failover of Redis, restart livekit-server.", destructive=True),
            _SERVER_LOG,
        ),
        source="livekit-server pkg/routing/redisrouter.go, livekit/livekit#3858, livekit/livekit#2464, "
        "livekit/livekit#1901; measured with Redis stopped under livekit-server 1.8.4 and 1.13.5",
        judge=_bus,
        sick=_sick_bus,
        healthy=healthy,
        explains=("signal-refused", "api-unavailable", "signal-test-room-left"),
        related=("server-no-nodes", "signal-timeout"),
    ),
    Rule(
        code="signal-refused",
        check="signal.validate",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The signalling path refuses, for an unknown reason",
        symptoms=(_GENERIC, *_HIDDEN, "engine: signal failure: client error"),
        cause="validate or the upgrade is answered with a refusal that is not one of those that LiveKit is "
        "known to give: probably something in front of LiveKit, or a version newer than this program.",
        how="The status and the words of the answer match no known refusal.",
        fix=(
            FixStep(
                "Read the evidence: who gives this answer? LiveKit sends no Server header, and its refusals are short texts."
            ),
            _PROXY_SUSPECT,
            _SERVER_LOG,
        ),
        source="livekit-server pkg/service/auth.go, pkg/service/rtcservice.go",
        judge=_refused,
        sick=_sick_refused,
        healthy=_refused_for_want_of_a_token,
        related=("proxy-upgrade-stripped", "url-not-livekit"),
    ),
    Rule(
        code="signal-leave-on-connect",
        check="signal.join",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The server ends the session at once",
        symptoms=(
            "Received leave request while trying to (re)connect",
            "leave-reconnect disconnected",
            "could not restart participant",
        ),
        cause="The first message is a leave request: the server does not want this session, and the "
        "reason in it says why.",
        how="The first message after the upgrade is LeaveRequest in place of JoinResponse.",
        fix=(_REJOIN, _SERVER_LOG),
        source="livekit-server pkg/rtc/types/interfaces.go, livekit/livekit#4087, livekit/client-sdk-flutter#737",
        judge=_left_at_once,
        sick=lambda: _upgrade(Upgraded(88.0), LeftAtOnce(2.0, "STATE_MISMATCH", "DISCONNECT")),
        healthy=healthy,
        related=("signal-room-full",),
    ),
    _wire_rule(
        "signal-silent-after-upgrade",
        "The upgrade succeeds, then nothing comes",
        symptoms=(
            "signal connection timed out while waiting for the first message",
            _TIMED_OUT,
        ),
        cause="The WebSocket is open, but no join response follows. LiveKit sends it together with its "
        "answer to the upgrade, so something in between holds it back (a proxy that buffers), or what "
        "answers the upgrade is not LiveKit.",
        how="101, and then not a byte in the time given.",
        fix=(
            FixStep(
                "Switch off buffering for /rtc; in nginx:",
                snippet=Snippet("nginx", "proxy_buffering off;\nproxy_request_buffering off;"),
            ),
            _PROXY_SUSPECT,
            _IS_IT_LIVEKIT,
        ),
        source="livekit-server pkg/service/rtcservice.go",
        judge=_after_upgrade(FirstMessageProblem.SILENCE),
        example=lambda: _first(FirstMessageProblem.SILENCE, "nothing", 5000.0),
        related=("signal-timeout",),
    ),
    _wire_rule(
        "signal-closed-after-upgrade",
        "The server closes the WebSocket before it says anything",
        symptoms=(
            "Websocket got closed during a (re)connection attempt",
            "no message received as first message",
        ),
        cause="The WebSocket opens and is closed in an orderly way without a join response: a proxy or "
        "gateway with rules of its own, a server about to stop, or a WebSocket service that is not LiveKit.",
        how="The first frame after the upgrade is a close frame; its code and reason are in the evidence.",
        fix=(_PROXY_SUSPECT, _SERVER_LOG, _IS_IT_LIVEKIT),
        source="RFC 6455 §7.4",
        judge=_after_upgrade(FirstMessageProblem.CLOSED),
        example=lambda: _first(FirstMessageProblem.CLOSED, "close 1011 internal error"),
        related=("signal-dropped-after-upgrade",),
    ),
    _wire_rule(
        "signal-dropped-after-upgrade",
        "The connection drops right after the upgrade",
        symptoms=(
            "Websocket got closed during a (re)connection attempt",
            "Websocket error during a (re)connection attempt",
        ),
        cause="The WebSocket opens, and the connection ends without a word: a proxy that does not carry "
        "WebSockets to the end, a firewall that cuts them, or a server that crashed.",
        how="After 101 the connection ends without a close frame.",
        fix=(_PROXY_SUSPECT, _SERVER_LOG),
        source="RFC 6455 §7.1.5",
        judge=_after_upgrade(FirstMessageProblem.DROPPED),
        example=lambda: _first(FirstMessageProblem.DROPPED, "end of stream"),
        related=("signal-closed-after-upgrade",),
    ),
    _wire_rule(
        "signal-not-livekit",
        "What speaks after the upgrade is not LiveKit",
        symptoms=("did not receive join response", "Unexpected first message"),
        cause="A WebSocket opens, but its first message is not one of LiveKit's: the URL or the proxy "
        "leads to another WebSocket service (a dev server's hot reload, a chat, another SFU).",
        how="The first message is no SignalResponse with a join or leave in it.",
        fix=(_IS_IT_LIVEKIT, _PROXY_SUSPECT),
        source="livekit/protocol protobufs/livekit_rtc.proto (SignalResponse)",
        judge=_after_upgrade(FirstMessageProblem.NOT_LIVEKIT),
        example=lambda: _first(FirstMessageProblem.NOT_LIVEKIT, 'text "hello"'),
        confidence=Confidence.CERTAIN,
        related=("url-not-livekit",),
    ),
    _wire_rule(
        "signal-frame-invalid",
        "What follows the upgrade breaks the WebSocket protocol",
        symptoms=(
            *_HIDDEN,
            "Invalid frame header",
            "A server must not mask any frames that it sends to the client",
        ),
        cause="The bytes after the upgrade are not WebSocket frames: a proxy adds or changes bytes, or "
        "mixes two connections, or the peer only imitates the handshake.",
        how="The first bytes after 101 break RFC 6455 §5.",
        fix=(
            _PROXY_SUSPECT,
            FixStep(
                "Switch off compression and content filters for /rtc in every proxy on the way."
            ),
        ),
        source="RFC 6455 §5.2",
        judge=_after_upgrade(FirstMessageProblem.BROKEN_FRAME),
        example=lambda: _first(FirstMessageProblem.BROKEN_FRAME, "reserved bits are set"),
        confidence=Confidence.CERTAIN,
    ),
    _wire_rule(
        "signal-message-too-large",
        "The first message is larger than any client accepts",
        symptoms=(*_HIDDEN, "Max payload size exceeded"),
        cause="The first message after the upgrade is beyond the bound that this program reads (a join "
        "response has about 600 bytes, more with many participants and large metadata): the metadata of "
        "the room or its participants is huge, or the peer is not LiveKit.",
        how="A frame or message after 101 announces or has more than the bound, or a thousand frames come and "
        "no message.",
        fix=(
            FixStep(
                "Keep metadata and attributes small; fetch large values by id:",
                command="lkdoctor rooms show ROOM",
            ),
            _IS_IT_LIVEKIT,
        ),
        source="RFC 6455 §7.4.1 (1009)",
        judge=_after_upgrade(FirstMessageProblem.TOO_LARGE),
        example=lambda: _first(FirstMessageProblem.TOO_LARGE, "a frame of 8388608 bytes"),
    ),
    _wire_rule(
        "signal-cut-after-join",
        "The session ends right after the join",
        symptoms=(
            "signal disconnected",
            "Received leave request while trying to (re)connect",
        ),
        cause="The join succeeds, and then the other side ends the session, though nobody left it: the "
        "app's own backend removes unknown rooms or participants (a webhook, a clean-up job), a proxy "
        "cuts a WebSocket as soon as it is open, or the server broke off.",
        how="After the join response, and before our own leave, comes a leave request, a close frame or the "
        "end of the connection.",
        fix=(
            FixStep(
                "Look for DeleteRoom and RemoveParticipant in the app's webhook handler and clean-up jobs."
            ),
            _PROXY_SUSPECT,
            _SERVER_LOG,
        ),
        source="livekit/protocol protobufs/livekit_rtc.proto (LeaveRequest), RFC 6455 §7",
        judge=_cut_off,
        example=_sick_cut_off,
        confidence=Confidence.CERTAIN,
        related=("signal-leave-on-connect", "signal-dropped-after-upgrade"),
    ),
    _wire_rule(
        "signal-no-pong",
        "The server does not answer pings",
        check="signal.ping",
        symptoms=("ping timeout triggered. last pong received at",),
        cause="The join succeeds, but no ping is answered. Clients give such a connection up after the "
        "ping timeout (15 s) and reconnect again and again: a proxy passes only the first bytes on, or "
        "one direction is blocked.",
        how="Pings are sent on the open session, and none is answered.",
        fix=(_PROXY_SUSPECT, _SERVER_LOG),
        source="livekit-server pkg/rtc/participant.go (ping_req, pong_resp), client-sdk-js "
        "src/api/SignalClient.ts (ping timeout)",
        judge=_no_pong,
        example=_sick_no_pong,
        related=("signal-silent-after-upgrade", "signal-goes-silent"),
        explains=("signal-goes-silent",),
    ),
    _wire_rule(
        "signal-goes-silent",
        "An open session falls silent",
        check="signal.ping",
        symptoms=("ping timeout triggered. last pong received at",),
        cause="The session was open and well, and from one moment on nothing comes any more, although nobody "
        "has closed it: a NAT or firewall has forgotten the connection and drops its packets without a "
        "word, or the server or a proxy has frozen. Clients notice when their pings get no pong, end the "
        "session and connect anew, again and again.",
        how="With --hold pings are sent as a client sends them, and the one at the end of the time is waited "
        "for; none is answered within the server's ping timeout (15 s).",
        fix=(
            FixStep(
                "Measure when it happens, and from another network, too:",
                command="lkdoctor ws-probe --hold 300",
            ),
            FixStep(
                "Give the NAT, firewall or load balancer on the way a longer time for connections on which "
                "nothing is said: more than the pause between two pings (5 s), better an hour."
            ),
            _SERVER_LOG,
        ),
        source="RFC 5382 §5 (a NAT may drop an idle session), client-sdk-js src/api/SignalClient.ts "
        "(ping timeout)",
        judge=_goes_silent,
        example=_sick_goes_silent,
        confidence=Confidence.CERTAIN,
        related=("signal-no-pong", "proxy-idle-timeout"),
    ),
    Rule(
        code="signal-test-room-left",
        check="signal.join",
        layer=Layer.SIGNAL,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="The test room stays for a while",
        symptoms=("a room named lkdoctor-… in the list of rooms",),
        cause="The test joined a room of its own, and its token asks the server to end that room a second after "
        "the last one has left. Servers before 1.8 do not know that; they are asked to delete the room, but only "
        "where they have proven that they hold the API secret (one of several keys does so only now and then).",
        how="The JoinResponse says that the room lasts longer, and DeleteRoom did not succeed or was not sent.",
        fix=(FixStep("Nothing; or remove it by hand:", command="lkdoctor rooms list"),),
        source="livekit-server pkg/service/roomservice.go (DeleteRoom needs roomCreate)",
        judge=_room_left,
        sick=_sick_room_left,
        healthy=healthy,
    ),
)
