"""Calls of LiveKit's RoomService as raw HTTP, and their answers.

Our own rather than livekit-api's, because what stands *around* Twirp is the evidence: a token
that is refused is answered by the middleware in plain text, a path that is not routed by a
proxy's page, and livekit-api shows neither.

The law of this file: whatever comes back becomes a record that is bounded and holds no secret;
a room's ``turn_password`` is never read.
"""

import json
from typing import Any, Final

from lkdoctor.facts.api import (
    ForeignAnswer,
    ParticipantInfo,
    ParticipantsAnswer,
    ParticipantsListed,
    Permission,
    RoomInfo,
    RoomsAnswer,
    RoomsListed,
    TrackInfo,
    TwirpError,
)
from lkdoctor.facts.server import Exchange, NoAnswer
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.redact import Secret, safe
from lkdoctor.wire import http
from lkdoctor.wire.url import authority

MAX_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of an answer: about 8000 rooms."""

MARK: Final = "lkdoctor"
"""The attribute by which a rehearsal knows its own participants again."""

_MAX_NAME: Final = 512
"""LiveKit allows 256 bytes of room name and identity."""


def path(method: str, service: str = "RoomService") -> str:
    """Where a method of a service is, behind the URL's prefix."""
    return f"/twirp/livekit.{service}/{method}"


def call(
    url: ParsedUrl,
    method: str,
    arguments: dict[str, Any],
    token: Secret | None,
    *,
    service: str = "RoomService",
) -> bytes:
    """A call as the bytes of its HTTP request."""
    body = json.dumps(arguments).encode()
    where = url.path + path(method, service)
    return http.request("POST", where, authority(url), token=token, body=body)


def rooms(answer: http.Answer | NoAnswer, exchange: Exchange) -> RoomsAnswer:
    """What ListRooms said; `exchange` is the same answer as evidence."""
    said = _said(answer, exchange, "rooms")
    if isinstance(said, dict):
        return RoomsListed(tuple(_room(room) for room in _objects(said.get("rooms"))))
    return said


def participants(
    answer: http.Answer | NoAnswer, exchange: Exchange, room: str
) -> ParticipantsAnswer:
    """What ListParticipants said of a room."""
    said = _said(answer, exchange, "participants")
    if isinstance(said, dict):
        listed = tuple(_participant(one) for one in _objects(said.get("participants")))
        return ParticipantsListed(safe(room, _MAX_NAME), listed)
    return said


def done(answer: http.Answer | NoAnswer, exchange: Exchange) -> TwirpError | ForeignAnswer | None:
    """Why a call that returns nothing did not do its work; None where it did."""
    said = _said(answer, exchange)
    return None if isinstance(said, dict) else said


def why(problem: TwirpError | ForeignAnswer) -> str:
    """Why a call did not do its work, in one line that is safe to show."""
    if isinstance(problem, TwirpError):
        return f"{problem.code}: {problem.msg}"
    if isinstance(problem.exchange, NoAnswer):
        return f"{problem.exchange.problem}: {problem.exchange.detail}"
    return safe(f"HTTP {problem.exchange.status}: {problem.exchange.body}", 300)


def _said(
    answer: http.Answer | NoAnswer, exchange: Exchange, holds: str | None = None
) -> dict[str, Any] | TwirpError | ForeignAnswer:
    """The answer's object where it is Twirp's own yes, or what it is instead."""
    if isinstance(answer, NoAnswer) or "json" not in answer.header("content-type").lower():
        return ForeignAnswer(exchange)
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ForeignAnswer(exchange)
    if not isinstance(said, dict):
        return ForeignAnswer(exchange)
    if answer.status == 200:
        # Protobuf's JSON may leave an empty list out; whoever says something else is not LiveKit.
        return said if holds is None or not said or holds in said else ForeignAnswer(exchange)
    code, msg = said.get("code"), said.get("msg")
    if not isinstance(code, str) or not isinstance(msg, str):
        return ForeignAnswer(exchange)
    return TwirpError(safe(code, 100), safe(msg), answer.status)


def _room(room: dict[str, Any]) -> RoomInfo:
    return RoomInfo(
        name=_text(room, "name"),
        sid=_text(room, "sid"),
        num_participants=_number(room, "num_participants"),
        num_publishers=_number(room, "num_publishers"),
        max_participants=_number(room, "max_participants"),
        created_at=_time(room, "creation_time"),
        empty_timeout_s=_number(room, "empty_timeout"),
        departure_timeout_s=_number(room, "departure_timeout"),
        metadata_bytes=len(str(room.get("metadata") or "").encode("utf-8", "replace")),
        active_recording=room.get("active_recording") is True,
    )


def _participant(one: dict[str, Any]) -> ParticipantInfo:
    permission, attributes = one.get("permission"), one.get("attributes")
    return ParticipantInfo(
        identity=_text(one, "identity"),
        name=_text(one, "name"),
        sid=_text(one, "sid"),
        state=_text(one, "state"),
        joined_at=_time(one, "joined_at"),
        kind_of=_text(one, "kind") or "STANDARD",
        permission=_permission(permission if isinstance(permission, dict) else {}),
        tracks=tuple(_track(track) for track in _objects(one.get("tracks"))),
        is_publisher=one.get("is_publisher") is True,
        region=_text(one, "region"),
        mark=_text(attributes, MARK) if isinstance(attributes, dict) else "",
    )


def _permission(permission: dict[str, Any]) -> Permission:
    sources = permission.get("can_publish_sources")
    listed = sources if isinstance(sources, list) else []
    return Permission(
        can_subscribe=permission.get("can_subscribe") is True,
        can_publish=permission.get("can_publish") is True,
        can_publish_data=permission.get("can_publish_data") is True,
        can_publish_sources=tuple(safe(str(source), 100) for source in listed[:20]),
        hidden=permission.get("hidden") is True,
        recorder=permission.get("recorder") is True,
        can_update_metadata=permission.get("can_update_metadata") is True,
        agent=permission.get("agent") is True,
    )


def _track(track: dict[str, Any]) -> TrackInfo:
    return TrackInfo(
        sid=_text(track, "sid"),
        name=_text(track, "name"),
        source=_text(track, "source"),
        type=_text(track, "type"),
        muted=track.get("muted") is True,
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return safe(value, _MAX_NAME) if isinstance(value, str) else ""


def _number(record: dict[str, Any], name: str) -> int:
    """A whole number; protobuf's JSON writes those of 64 bits as strings."""
    value = record.get(name)
    try:
        number = int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0
    return number if abs(number) < 2**63 else 0


def _time(record: dict[str, Any], name: str) -> float:
    """A time, to the millisecond where the server is new enough to say it so."""
    return _number(record, f"{name}_ms") / 1000 or float(_number(record, name))
