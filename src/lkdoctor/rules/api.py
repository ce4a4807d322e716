"""What the server API (Twirp RoomService) says."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts.api import (
    ApiFact,
    ForeignAnswer,
    ParticipantsListed,
    RoomsListed,
    TwirpError,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact
from lkdoctor.facts.signal import SignalFact, Whose
from lkdoctor.findings import Confidence, Evidence, Layer
from lkdoctor.rules.answers import (
    GATEWAY,
    Heard,
    evidence,
    is_gate,
    is_livekit,
    one_line,
    reached,
    software_evidence,
)
from lkdoctor.rules.base import Check, Effect, Seen, Unsure, cause
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


def _permission(api: ApiFact) -> Iterator[Seen]:
    denied = [(call, error) for call, error in _errors(api) if error.code in _UNAUTHENTICATED]
    if not denied:
        return
    call, _ = denied[0]
    grant = "roomList" if call == _LIST_ROOMS else "roomAdmin, with this room's name in room"
    yield Seen(
        (
            *(Evidence(call, _said(error), "200", "api") for call, error in denied),
            Evidence("grant that it needs", grant, None, "api"),
        )
    )


# api-not-routed


def _not_routed(
    api: ApiFact, server: ServerFact | None = None, signal: SignalFact | None = None
) -> Iterator[Seen]:
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
        yield Seen(tuple(dict.fromkeys(proof)), confidence=None if there else Confidence.LIKELY)


def _is_from_elsewhere(reply: HttpAnswer) -> bool:
    """Whether another service, or LiveKit under another path, answered."""
    return reply.status in {200, 204, 400, 404, 405, 410, 501}


# api-not-found


def _not_found(api: ApiFact) -> Iterator[Seen]:
    missing = [(call, error) for call, error in _errors(api) if error.code == "not_found"]
    if missing:
        proof = tuple(Evidence(call, _said(error), "200", "api") for call, error in missing)
        yield Seen((*proof, *_near(api)))
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
    yield Seen(
        (Evidence("ListRooms", observed, None, "api"), *_near(api)),
        case="room" if twin is None else "room-with-a-twin",
        values={"room": one_line(asked, 30)},
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


def _unavailable(api: ApiFact, signal: SignalFact | None = None) -> Iterator[Seen]:
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
        yield Seen(
            tuple(dict.fromkeys((*own, *foreign))),
            case="" if own else "foreign",
        )


def _no_answer(api: ApiFact, server: ServerFact | None = None) -> Iterator[Seen]:
    if server is not None and isinstance(server.root, NoAnswer):
        return  # the port as such does not answer: http-*
    silent = [Heard(call, x) for call, x in _foreign(api) if isinstance(x, NoAnswer)]
    if silent:
        yield Seen(tuple(evidence(asked, "an answer") for asked in silent))


def _refused(api: ApiFact, signal: SignalFact | None = None) -> Iterator[Seen]:
    proof = [
        Evidence(call, _said(error), "200", "api")
        for call, error in _errors(api)
        if error.status < 500
        and error.status != 429
        and error.code not in {*_UNAUTHENTICATED, "not_found", "bad_route", "unavailable"}
    ]
    gate = False
    for call, exchange in _foreign(api):
        if isinstance(exchange, HttpAnswer) and _is_unexplained(exchange, signal):
            proof.append(evidence(Heard(call, exchange), "JSON of the API's"))
            proof += software_evidence(exchange)
            gate = gate or is_gate(exchange)
    if proof:
        yield Seen(tuple(dict.fromkeys(proof)), case="gate" if gate else "")


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


RULES: Final = (
    cause("api-permission", _permission),
    cause("api-not-routed", _not_routed),
    cause("api-not-found", _not_found),
    cause("api-unavailable", _unavailable),
    cause("api-no-answer", _no_answer),
    cause("api-refused", _refused),
)
