"""What the server API (Twirp RoomService) says."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts import Facts
from lkdoctor.facts.api import (
    ApiFact,
    ForeignAnswer,
    ParticipantsListed,
    RoomsListed,
    TwirpError,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import SignalFact, Whose
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import (
    GATEWAY,
    Heard,
    evidence,
    fitting,
    is_gate,
    is_livekit,
    one_line,
    reached,
    software_evidence,
)
from lkdoctor.rules.base import Check, Effect, Judgement, Rule, Unsure
from lkdoctor.rules.examples import answer, healthy, no_answer
from lkdoctor.tokens.predict import Refusal, recognise

_LIST_ROOMS: Final = "POST /twirp/livekit.RoomService/ListRooms"
_LIST_PARTICIPANTS: Final = "POST /twirp/livekit.RoomService/ListParticipants"

_OF_THE_KEY: Final = frozenset({Refusal.BAD_SIGNATURE, Refusal.UNKNOWN_KEY})
"""What the token check says when key and server do not belong together: rules/env.py, rules/token.py."""

_UNAUTHENTICATED: Final = frozenset({"unauthenticated", "permission_denied"})


def _errors(api: ApiFact) -> Iterator[tuple[str, TwirpError]]:
    """Answers with credentials in which the API itself says no."""
    if isinstance(api.rooms, TwirpError):
        yield _LIST_ROOMS, api.rooms
    if isinstance(api.participants, TwirpError):
        yield _LIST_PARTICIPANTS, api.participants


def _foreign(api: ApiFact) -> Iterator[tuple[str, Exchange]]:
    """Answers that are not the API's."""
    if isinstance(api.rooms, ForeignAnswer):
        yield _LIST_ROOMS, api.rooms.exchange
    if isinstance(api.participants, ForeignAnswer):
        yield _LIST_PARTICIPANTS, api.participants.exchange
    if isinstance(api.without_token, ForeignAnswer):
        yield f"{_LIST_ROOMS}, no token", api.without_token.exchange


def _said(error: TwirpError) -> str:
    return one_line(f"{error.status} {error.code}: {error.msg}")


# api-permission


def _permission(api: ApiFact) -> Iterator[Judgement]:
    denied = [(call, error) for call, error in _errors(api) if error.code in _UNAUTHENTICATED]
    if not denied:
        return
    call, _ = denied[0]
    grant = "roomList" if call == _LIST_ROOMS else "roomAdmin, with this room's name in room"
    yield Judgement(
        (
            *(Evidence(call, _said(error), "200", "api") for call, error in denied),
            Evidence("grant that it needs", grant, None, "api"),
        )
    )


# api-not-routed


def _not_routed(
    api: ApiFact, server: ServerFact | None = None, signal: SignalFact | None = None
) -> Iterator[Judgement]:
    there = reached(server, signal)
    if there is False:
        return  # nothing here is LiveKit's: not the API's routing alone
    proof: list[Evidence] = []
    for call, exchange in _foreign(api):
        if isinstance(exchange, HttpAnswer) and _is_from_elsewhere(exchange):
            proof.append(evidence(Heard(call, exchange), "JSON of the API's"))
            proof += software_evidence(exchange)
    proof += [
        Evidence(call, _said(error), "200", "api")
        for call, error in _errors(api)
        if error.code == "bad_route"
    ]
    if proof:
        yield Judgement(
            tuple(dict.fromkeys(proof)), confidence=None if there else Confidence.LIKELY
        )


def _is_from_elsewhere(reply: HttpAnswer) -> bool:
    """Whether another service, or LiveKit under another path, answered."""
    return reply.status in {200, 204, 400, 404, 405, 410, 501}


# api-not-found


def _not_found(api: ApiFact) -> Iterator[Judgement]:
    missing = [(call, error) for call, error in _errors(api) if error.code == "not_found"]
    if missing:
        proof = tuple(Evidence(call, _said(error), "200", "api") for call, error in missing)
        yield Judgement((*proof, *_near(api)))
        return
    asked = api.room_asked
    if asked is None or not isinstance(api.rooms, RoomsListed):
        return
    if any(room.name == asked for room in api.rooms.rooms):
        return
    count = len(api.rooms.rooms)
    observed = (
        f"{count} room{'' if count == 1 else 's'}, {one_line(asked, 60)} is not among them"
        if count
        else "no rooms"
    )
    twin = _twin(api, asked)
    yield Judgement(
        (Evidence("ListRooms", observed, None, "api"), *_near(api)),
        title=fitting(f"The room {one_line(asked, 30)} does not exist now"),
        cause="No room has this name at the moment. That is as it should be before the first "
        "participant joins and after the last one left; while people are in the call, it means that "
        "they are on another server or project, or in a room whose name is spelt otherwise.",
        # A server that makes rooms by itself refuses nobody for this.
        symptom="" if twin is None else None,
        severity=Severity.INFO if twin is None else Severity.WARNING,
        confidence=Confidence.HINT if twin is None else Confidence.LIKELY,
    )


def _near(api: ApiFact) -> tuple[Evidence, ...]:
    if api.room_asked is None:
        return ()
    twin = _twin(api, api.room_asked)
    if twin is None:
        return ()
    name = one_line(twin, 60)
    return (Evidence("a room there is", name, one_line(api.room_asked, 60), "api"),)


def _twin(api: ApiFact, asked: str) -> str | None:
    """A room with people whose name differs only in case or in blanks around it."""
    if not isinstance(api.rooms, RoomsListed):
        return None
    folded = asked.strip().casefold()
    return next(
        (
            room.name
            for room in api.rooms.rooms
            if room.num_participants
            and room.name != asked
            and room.name.strip().casefold() == folded
        ),
        None,
    )


# api-unavailable, api-no-answer, api-refused


def _unavailable(api: ApiFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
    own = [
        Evidence(call, _said(error), "200", "api")
        for call, error in _errors(api)
        if error.status >= 500 or error.code in {"unavailable", "deadline_exceeded"}
    ]
    foreign: list[Evidence] = []
    for call, exchange in _foreign(api):
        failed = isinstance(exchange, HttpAnswer) and exchange.status in {500, *GATEWAY}
        if isinstance(exchange, HttpAnswer) and failed and not _same_in_front(exchange, signal):
            foreign.append(evidence(Heard(call, exchange), "JSON of the API's"))
            foreign += software_evidence(exchange)
    if own or foreign:
        yield Judgement(
            tuple(dict.fromkeys((*own, *foreign))),
            title=None if own else "Something else answers for the server API, with an error",
            cause=None if own else _FOREIGN_ERROR,
        )


_FOREIGN_ERROR: Final = (
    "The answer is not of the API's own form: a proxy's upstream for /twirp is down, or a gateway in "
    "front of it failed. It says nothing about your key."
)


def _no_answer(api: ApiFact, server: ServerFact | None = None) -> Iterator[Judgement]:
    if server is not None and isinstance(server.root, NoAnswer):
        return  # the port as such does not answer: http-*
    silent = [Heard(call, x) for call, x in _foreign(api) if isinstance(x, NoAnswer)]
    if silent:
        yield Judgement(tuple(evidence(asked, "an answer") for asked in silent))


def _refused(api: ApiFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
    proof = [
        Evidence(call, _said(error), "200", "api")
        for call, error in _errors(api)
        if error.status < 500
        and error.status != 429
        and error.code not in {*_UNAUTHENTICATED, "not_found", "bad_route", "unavailable"}
    ]
    title = None
    for call, exchange in _foreign(api):
        if isinstance(exchange, HttpAnswer) and _is_unexplained(exchange, signal):
            proof.append(evidence(Heard(call, exchange), "JSON of the API's"))
            proof += software_evidence(exchange)
            if is_gate(exchange):
                title = "Something in front of the API wants a log-in"
    if proof:
        yield Judgement(tuple(dict.fromkeys(proof)), title=title)


def _is_unexplained(reply: HttpAnswer, signal: SignalFact | None) -> bool:
    refusal = recognise(reply.status, reply.body)
    if refusal in _OF_THE_KEY or (refusal is not None and refusal is _refused_alike(signal)):
        return False
    redirected = 300 <= reply.status < 400 and reply.header("location") is not None
    known = reply.status == 429 or reply.status in {500, *GATEWAY} or redirected
    return not (known or _is_from_elsewhere(reply) or _same_in_front(reply, signal))


def _same_in_front(reply: HttpAnswer, signal: SignalFact | None) -> bool:
    """Whether what refuses signalling in LiveKit's place refuses this too; one cause, found there."""
    return signal is not None and any(
        isinstance(asked.answer, HttpAnswer)
        and asked.answer.status == reply.status
        and not is_livekit(asked.answer)
        for asked in signal.validations
    )


def _refused_alike(signal: SignalFact | None) -> Refusal | None:
    """Why signalling refused a token of the same key; one cause, found there."""
    validation = None if signal is None else signal.validation(Whose.MINTED)
    if validation is None or not isinstance(validation.answer, HttpAnswer):
        return None
    return recognise(validation.answer.status, validation.answer.body)


# What there is to say when nothing is wrong


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _look_key(api: ApiFact) -> str | Unsure | None:
    match api.rooms:
        case RoomsListed(rooms=rooms):
            return f"key accepted, {_count(len(rooms), 'room')}"
        case None:
            routed = isinstance(api.without_token, TwirpError)
            return "the API is there; no key to try" if routed else None
        case _:
            return Unsure("the API did not list the rooms")


def _look_room(api: ApiFact) -> str | Unsure | None:
    if api.room_asked is None:
        return None
    name = one_line(api.room_asked, 24)
    if isinstance(api.participants, ParticipantsListed):
        return f"{name}: {_count(len(api.participants.participants), 'participant')}"
    if isinstance(api.rooms, RoomsListed):
        room = next((room for room in api.rooms.rooms if room.name == api.room_asked), None)
        if room is None:
            return f"{name}: no such room now"
        return f"{name}: {_count(room.num_participants, 'participant')}"
    return None if api.rooms is None else Unsure(f"{name}: not seen")


CHECKS: Final = (
    Check(
        id="api.key",
        layer=Layer.API,
        title="The server API takes the key",
        look=_look_key,
        needs=("net.tcp", "tls.handshake"),
        effect=Effect.API_READ,
    ),
    Check(
        id="api.room",
        layer=Layer.API,
        title="The room in question can be seen",
        look=_look_room,
        needs=("api.key",),
        effect=Effect.API_READ,
        essential=False,
    ),
)


def _with(api: ApiFact) -> Facts:
    return healthy()._replace(api=api)


_HTML: Final = "<!doctype html><title>404</title>"


def _sick_permission() -> Facts:
    return _with(ApiFact(rooms=TwirpError("unauthenticated", "permissions denied", 401)))


def _sick_not_routed() -> Facts:
    page = ForeignAnswer(answer(404, _HTML, content_type="text/html", server="nginx"))
    return _with(ApiFact(rooms=page, without_token=page))


def _sick_not_found() -> Facts:
    missing = TwirpError("not_found", "twirp error unknown: requested room does not exist", 404)
    return _with(ApiFact(participants=missing, room_asked="demo"))


def _there() -> Facts:
    facts = healthy()
    return facts._replace(api=facts.api._replace(room_asked="demo") if facts.api else None)


def _sick_unavailable() -> Facts:
    return _with(ApiFact(rooms=TwirpError("unavailable", "no response from servers", 503)))


def _sick_no_answer() -> Facts:
    return _with(ApiFact(rooms=ForeignAnswer(no_answer(Silence.TIMEOUT))))


def _sick_refused() -> Facts:
    gate = answer(403, _HTML, content_type="text/html", server="cloudflare")
    return _with(ApiFact(rooms=ForeignAnswer(gate)))


_SERVER_LOG: Final = FixStep(
    "Read the server's log at this moment:",
    command="docker compose logs --since 5m livekit || journalctl -u livekit-server --since -5m",
)


_NOT_REMOVED: Final = ("signal-test-room-left", "rehearsal-left-behind")
"""Rooms of lkdoctor's own are removed through the API, too."""

RULES: Final = (
    Rule(
        code="api-permission",
        check="api.key",
        layer=Layer.API,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The API call's token lacks the grant for it",
        symptoms=("permissions denied", '{"code":"unauthenticated","msg":"permissions denied"}'),
        cause="The API knows the key but the token of the call lacks the grant: create and delete need "
        "roomCreate, lists roomList, participants roomAdmin together with that very room's name, "
        "recording roomRecord. LiveKit says 401 where others would say 403.",
        how="The API answers unauthenticated, permissions denied, in JSON (a wrong key or secret is "
        "answered in plain text).",
        fix=(
            FixStep(
                "Let the server SDK mint from key and secret for each call, instead of handing it a join token."
            ),
            FixStep(
                "If you mint by hand, add the grant; for participants of one room:",
                snippet=Snippet("json", '"video": {"roomAdmin": true, "room": "ROOM"}'),
            ),
        ),
        source="livekit-server pkg/service/auth.go, livekit/egress#613, livekit/livekit#253, livekit/node-sdks#17",
        judge=_permission,
        sick=_sick_permission,
        healthy=healthy,
        explains=_NOT_REMOVED,
        related=("env-project-mismatch",),
    ),
    Rule(
        code="api-not-routed",
        check="api.key",
        layer=Layer.API,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The proxy does not pass the server API on to LiveKit",
        symptoms=(
            "twirp error bad_route",
            "404 Not Found",
            "Error from intermediary with HTTP status code 404",
            "Unexpected token '<', \"<!doctype \"... is not valid JSON",
        ),
        cause="Signalling reaches LiveKit, but /twirp does not: the proxy passes on /rtc only, or SDKs "
        "drop the path of the URL before they add /twirp. Rooms cannot be created, listed or ended, and "
        "dispatch and recording fail. (no handler for path, in JSON, means a server older than the method.)",
        how="A call of ListRooms is answered by something other than the API: a page, a plain 404, a 405.",
        fix=(
            FixStep(
                "Pass the whole host on (/rtc, /twirp, /agent, /whip), without changing the path:",
                snippet=Snippet(
                    "nginx",
                    'location / {\n    proxy_pass http://127.0.0.1:7880;\n    proxy_http_version 1.1;\n    proxy_set_header Upgrade $http_upgrade;\n    proxy_set_header Connection "upgrade";\n}',
                ),
            ),
            FixStep(
                "Test it: LiveKit answers 401 and JSON.",
                command="curl -si -X POST -H 'Content-Type: application/json' -d '{}' https://rtc.example.com/twirp/livekit.RoomService/ListRooms",
            ),
            FixStep(
                "If the method is unknown (bad_route, no handler for path), update livekit-server."
            ),
        ),
        source="https://twitchtv.github.io/twirp/docs/spec_v7.html, element-hq/element-call#3710, livekit/server-sdk-go#42, livekit/python-sdks#451",
        judge=_not_routed,
        sick=_sick_not_routed,
        healthy=healthy,
        explains=_NOT_REMOVED,
        related=("url-path", "url-redirect"),
    ),
    Rule(
        code="api-not-found",
        check="api.room",
        layer=Layer.API,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The API knows no such room or participant",
        symptoms=("requested room does not exist", "participant does not exist"),
        cause="This server has no room (or no participant) of that name now: the call went to another "
        "server or project than the users, the room's sid was given in place of its name, the name is "
        "spelt otherwise, or the room has ended.",
        how="The API answers not_found, or ListRooms lacks the room.",
        fix=(
            FixStep("See which rooms there are:", command="lkdoctor rooms list"),
            FixStep(
                "See that the backend and the clients use the same LIVEKIT_URL:",
                command="lkdoctor check-env --show-origin",
            ),
            FixStep("Use the room's name, not its sid (RM_…)."),
        ),
        source="livekit-server pkg/service/roomservice.go, livekit/python-sdks#446, livekit/livekit#338",
        judge=_not_found,
        sick=_sick_not_found,
        healthy=_there,
        related=("room-not-found",),
    ),
    Rule(
        code="api-unavailable",
        check="api.key",
        layer=Layer.API,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The server API is there, but cannot serve the call",
        symptoms=(
            "no response from servers",
            "twirp error unavailable",
            "Error from intermediary with HTTP status code 502",
            "could not find any available nodes",
        ),
        cause="The call got through, and what serves it does not: Redis or the message bus between the "
        "nodes does not answer, no node is free, a helper (egress, ingress, SIP) is not connected, or the "
        "proxy's upstream for /twirp is down.",
        how="The API answers with a 5xx of its own, or a proxy does in its place.",
        fix=(
            FixStep("See whether Redis answers:", command="redis-cli -h REDIS ping"),
            _SERVER_LOG,
            FixStep("See that the proxy sends /twirp to the same LiveKit as /rtc."),
        ),
        source="livekit/livekit#3858, livekit/livekit#2464, livekit/livekit#2703, livekit/egress#896",
        judge=_unavailable,
        sick=_sick_unavailable,
        healthy=healthy,
        explains=_NOT_REMOVED,
        related=("server-not-ready", "proxy-upstream-down"),
    ),
    Rule(
        code="api-no-answer",
        check="api.key",
        layer=Layer.API,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The server API gives no usable answer",
        symptoms=("context deadline exceeded", "ServerDisconnectedError"),
        cause="GET / is answered, but a call of the API is not: it hangs, is cut off, or gets bytes that "
        "are not HTTP. A proxy treats /twirp otherwise, or the server waits for Redis.",
        how="A call of ListRooms gets no complete HTTP answer in the time given.",
        fix=(
            FixStep(
                "Ask the API on LiveKit's own host, past every proxy:",
                command="curl -si -X POST -H 'Content-Type: application/json' -d '{}' http://127.0.0.1:7880/twirp/livekit.RoomService/ListRooms",
            ),
            FixStep("See whether Redis answers:", command="redis-cli -h REDIS ping"),
            _SERVER_LOG,
        ),
        source="RFC 9112 §9.5, livekit/livekit#2464",
        judge=_no_answer,
        sick=_sick_no_answer,
        healthy=healthy,
        explains=_NOT_REMOVED,
        related=("api-unavailable", "http-silent"),
    ),
    Rule(
        code="api-refused",
        check="api.key",
        layer=Layer.API,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The API call is refused, for an unknown reason",
        symptoms=("Error from intermediary with HTTP status code 403", "403 Forbidden"),
        cause="The answer is a refusal, but none of those that LiveKit is known to give: probably an "
        "access rule in front of it (log-in, IP list, bot protection), or a version newer than this "
        "program. It says nothing about your key.",
        how="The status and the words of the answer match no known refusal of the API.",
        fix=(
            FixStep(
                "LiveKit checks every call itself: let the access rule pass /twirp, /rtc and /agent."
            ),
            FixStep(
                "See who answers:",
                command="curl -si -X POST -H 'Content-Type: application/json' -d '{}' https://rtc.example.com/twirp/livekit.RoomService/ListRooms",
            ),
        ),
        source="livekit-server pkg/service/auth.go, jitsi/jitsi-meet#5667",
        judge=_refused,
        sick=_sick_refused,
        healthy=healthy,
        explains=_NOT_REMOVED,
        related=("api-permission", "env-project-mismatch"),
    ),
)
