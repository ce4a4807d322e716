"""The server API: Twirp calls in JSON and protobuf, answered as livekit-server does."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from livekit.protocol import agent_dispatch, egress, ingress, room, sip
from livekit.protocol.models import DisconnectReason
from livekit.protocol.room import (
    DeleteRoomResponse,
    ListParticipantsResponse,
    ListRoomsResponse,
    RemoveParticipantResponse,
)

from lkdoctor.sandbox import vintage
from lkdoctor.sandbox.rooms import MAX_METADATA, LiveRoom, Member, Rooms, size
from lkdoctor.sandbox.settings import Version
from lkdoctor.sandbox.verify import Claims, Video

PREFIX: Final = "/twirp/"
MAX_NAME: Final = 256
"""Bytes of UTF-8 in a room's name or an identity (config.go, limit)."""

_STATUS: Final[Mapping[str, int]] = {
    "bad_route": 404,
    "internal": 500,
    "invalid_argument": 400,
    "malformed": 400,
    "not_found": 404,
    "unauthenticated": 401,
    "unavailable": 503,
    "unknown": 500,
}


class Reply(NamedTuple):
    """What goes back over HTTP."""

    status: int
    content_type: str
    body: bytes


class Call(NamedTuple):
    """One request, read."""

    claims: Claims | None
    rooms: Rooms
    now: float
    version: Version


class TwirpError(Exception):
    """A refusal, with Twirp's code."""

    def __init__(self, code: str, msg: str, meta: Mapping[str, str] | None = None) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.meta = meta

    def reply(self) -> Reply:
        told: dict[str, Any] = {"code": self.code, "msg": self.msg}
        if self.meta:
            told["meta"] = self.meta
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        for char in "<>&":  # Go's encoding/json escapes what HTML could mistake
            text = text.replace(char, f"\\u{ord(char):04x}")
        return Reply(_STATUS[self.code], "application/json", text.encode("utf-8", "replace"))


def _unknown(code: str, why: str, call: Call | None = None) -> TwirpError:
    """An error that came through livekit's own bus, as the server words it; 1.5 had no bus."""
    bus = call is None or call.version.since(8)
    return TwirpError(code, f"twirp error unknown: {why}" if bus else why)


_SERVICES: Final[Mapping[str, ServiceDescriptor]] = {
    service.full_name: service
    for module in (room, egress, ingress, sip, agent_dispatch)
    for service in module.DESCRIPTOR.services_by_name.values()
}


_SERVICES_SINCE_1_8: Final = ("livekit.SIP", "livekit.AgentDispatchService")
_METHODS_SINCE_1_9: Final = ("ForwardParticipant", "MoveParticipant", "PerformRpc")


def serves(path: str, version: Version) -> bool:
    """Whether a path belongs to a service of livekit-server."""
    service, slash, _ = path.removeprefix(PREFIX).partition("/")
    if service in _SERVICES_SINCE_1_8 and not version.since(8):
        return False
    return path.startswith(PREFIX) and bool(slash) and service in _SERVICES


def answer(method: str, path: str, content_type: str, body: bytes, call: Call) -> Reply:
    """The reply to a request of a path that is served."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        described = _routed(method, path, content_type, kind, call.version)
        reply = _perform(described, _read(described, kind, body), call)
    except TwirpError as error:
        return error.reply()
    vintage.reduce(reply, call.version)
    if kind == "application/json":
        return Reply(200, kind, as_json(reply, call.version).encode())
    return Reply(200, kind, reply.SerializeToString())


def _routed(
    method: str, path: str, content_type: str, kind: str, version: Version
) -> MethodDescriptor:
    service, _, name = path.removeprefix(PREFIX).partition("/")
    described = _SERVICES[service].methods_by_name.get(name)
    if name in _METHODS_SINCE_1_9 and not version.since(9):
        described = None
    if method != "POST":
        why = f'unsupported method "{method}" (only POST is allowed)'
    elif described is None:
        why = f'no handler for path "{path}"'
    elif kind not in ("application/json", "application/protobuf"):
        why = f'unexpected Content-Type: "{content_type}"'
    else:
        return described
    raise TwirpError("bad_route", why, {"twirp_invalid_route": f"{method} {path}"})


def _read(described: MethodDescriptor, kind: str, body: bytes) -> Message:
    request = message_factory.GetMessageClass(described.input_type)()
    if kind == "application/protobuf":
        try:
            request.ParseFromString(body)
        except DecodeError:
            raise TwirpError("malformed", "the protobuf request could not be decoded") from None
        return request
    try:
        return json_format.ParseDict(_first_object(body), request, ignore_unknown_fields=True)
    except (ValueError, TypeError, AttributeError, RecursionError, json_format.ParseError):
        raise TwirpError("malformed", "the json request could not be decoded") from None


def _first_object(body: bytes) -> dict[str, Any]:
    """The first JSON value counts, as with Go's decoder; what follows is not looked at."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    value, _ = json.JSONDecoder().raw_decode(text)
    if not isinstance(value, dict):  # protobuf for Python takes an empty list, Go does not
        raise TypeError(value)
    return value


def as_json(message: Message, version: Version) -> str:
    """Protobuf's JSON as the server writes it: its own names, and every field."""
    plain = _plain(message, vintage.unknown_to(version))
    return json.dumps(plain, ensure_ascii=False, separators=(", ", ":"))


def _plain(message: Message, unknown: frozenset[str]) -> dict[str, Any]:
    shown = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    _complete(message, shown, unknown)
    kind = message.DESCRIPTOR.name
    return {
        field.name: shown[field.name]
        for field in message.DESCRIPTOR.fields
        if field.name in shown and f"{kind}.{field.name}" not in unknown
    }


def _complete(message: Message, shown: dict[str, Any], unknown: frozenset[str]) -> None:
    """Write absent messages as null, which Python's protobuf has no option for."""
    for field in message.DESCRIPTOR.fields:
        if field.type != FieldDescriptor.TYPE_MESSAGE or field.containing_oneof:
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            if not isinstance(value, Mapping):
                shown[field.name] = [_plain(item, unknown) for item in value]
        elif message.HasField(field.name):
            shown[field.name] = _plain(value, unknown)
        else:
            shown[field.name] = None


def _perform(described: MethodDescriptor, request: Any, call: Call) -> Message:
    handler = _HANDLERS.get(described.name)
    if described.containing_service.name == "RoomService" and handler is not None:
        return handler(request, call)
    service = described.containing_service.name
    match service:
        case "Egress":
            _require(call, lambda video: video.room_record)
        case "Ingress":
            _require(call, lambda video: video.ingress_admin)
        case "SIP":
            calling = described.name in ("CreateSIPParticipant", "TransferSIPParticipant")
            claims = call.claims
            if claims is None or not (claims.sip_call if calling else claims.sip_admin):
                raise _denied()
        case _:
            _require(call, lambda video: video.room_admin and video.room == request.room)
            raise _no_response()
    if service == "Egress" and not call.version.since(9):
        raise TwirpError("internal", "Internal service panic")
    raise _unknown("internal", f"{service.lower()} not connected (redis required)", call)


def _denied() -> TwirpError:
    return TwirpError("unauthenticated", "permissions denied")


def _no_response() -> TwirpError:
    return _unknown("unavailable", "no response from servers")


def _no_node(_: Call) -> TwirpError:
    return _no_response()


def _no_room(call: Call) -> TwirpError:
    if not call.version.since(8):
        return TwirpError("not_found", "room not found")
    return _unknown("not_found", "requested room does not exist")


def _no_participant(call: Call) -> TwirpError:
    return _unknown("not_found", "participant does not exist", call)


def _none_to_remove(call: Call) -> TwirpError:
    if not call.version.since(11):
        return TwirpError("not_found", "participant not found")
    return _no_participant(call)


def _none_to_update(call: Call) -> TwirpError:
    asks_a_node = call.version.since(8) and not call.version.since(9)
    return _no_response() if asks_a_node else _no_participant(call)


def _require(call: Call, allowed: Callable[[Video], bool]) -> None:
    if call.claims is None or call.claims.video is None or not allowed(call.claims.video):
        raise _denied()


def _require_admin(call: Call, name: str) -> None:
    _require(call, lambda video: video.room_admin and video.room == name)


def _seated(
    request: Any, call: Call, missing: Callable[[Call], TwirpError]
) -> tuple[LiveRoom, Member]:
    """The room and the participant that an admin asks for."""
    _require_admin(call, request.room)
    found = call.rooms.find(request.room, call.now)
    member = found.members.get(request.identity) if found else None
    if found is None or member is None:
        raise missing(call)
    return found, member


def _create_room(request: Any, call: Call) -> Message:
    _require(call, lambda video: video.room_create)
    if call.version.since(8) and size(request.name) > MAX_NAME:
        why = f"room name length exceeds limits: max length {MAX_NAME}"
        raise _unknown("invalid_argument", why)
    if call.version.since(13):
        _check_metadata(request.metadata)
    if request.room_preset and call.version.since(8):
        configuration = "configuration" if call.version.since(9) else "confguration"
        why = f"unknown room {configuration} in create room request"
        raise _unknown("invalid_argument", why)
    return call.rooms.create(request, call.now).snapshot()


def _check_metadata(metadata: str) -> None:
    if size(metadata) > MAX_METADATA:
        argument = "metadata size exceeds limits"
        raise TwirpError("invalid_argument", f"{argument} {MAX_METADATA}", {"argument": argument})


def _list_rooms(request: Any, call: Call) -> Message:
    _require(call, lambda video: video.room_list)
    rooms = call.rooms.listed(request.names, call.now)
    return ListRoomsResponse(rooms=[room.snapshot() for room in rooms])


def _delete_room(request: Any, call: Call) -> Message:
    _require(call, lambda video: video.room_create)
    if call.rooms.find(request.room, call.now) is None:
        raise _no_room(call)
    call.rooms.delete(request.room, call.now)
    return DeleteRoomResponse()


def _update_room_metadata(request: Any, call: Call) -> Message:
    _check_metadata(request.metadata)
    _require_admin(call, request.room)
    found = call.rooms.find(request.room, call.now)
    if found is None:
        raise _no_room(call)
    call.rooms.set_metadata(found, request.metadata)
    return found.snapshot()


def _list_participants(request: Any, call: Call) -> Message:
    _require_admin(call, request.room)
    found = call.rooms.find(request.room, call.now)
    members = found.members.values() if found else ()
    return ListParticipantsResponse(participants=[member.info for member in members])


def _get_participant(request: Any, call: Call) -> Message:
    return _seated(request, call, _no_participant)[1].info


def _remove_participant(request: Any, call: Call) -> Message:
    if not call.version.since(8) and call.rooms.find(request.room, call.now) is not None:
        inside = call.rooms.find(request.room, call.now)
        if inside is not None and request.identity not in inside.members:
            raise _none_to_remove(call)  # 1.5 looks before it asks who wants to know
    found, _ = _seated(request, call, _none_to_remove)
    reason = DisconnectReason.PARTICIPANT_REMOVED
    call.rooms.remove(found, request.identity, reason, call.now)
    return RemoveParticipantResponse()


def _update_participant(request: Any, call: Call) -> Message:
    _check_metadata(request.metadata)
    found, member = _seated(request, call, _none_to_update)
    call.rooms.update(found, member, request)
    return member.info


def _needs_participant(reply: type[Message]) -> Callable[[Any, Call], Message]:
    """A call about tracks, of which there are none: it does nothing, to whoever is there."""

    def handler(request: Any, call: Call) -> Message:
        _seated(request, call, _no_node)
        if reply is room.MuteRoomTrackResponse and not call.version.since(8):
            raise TwirpError("not_found", "track is not found")
        return reply()

    return handler


def _send_data(request: Any, call: Call) -> Message:
    _require_admin(call, request.room)
    if call.rooms.find(request.room, call.now) is None:
        raise _no_response()
    return room.SendDataResponse()


def _forward(request: Any, call: Call) -> Message:
    _require(
        call,
        lambda video: (
            video.room_admin
            and video.room == request.room
            and video.destination_room == request.destination_room
        ),
    )
    _seated(request, call, _no_node)
    raise _unknown("unknown", "not implemented")


def _perform_rpc(request: Any, call: Call) -> Message:
    _require_admin(call, request.room)
    if not request.destination_identity:
        raise _unknown("invalid_argument", "destination identity is required")
    raise _no_response()


_HANDLERS: Final[Mapping[str, Callable[[Any, Call], Message]]] = {
    "CreateRoom": _create_room,
    "ListRooms": _list_rooms,
    "DeleteRoom": _delete_room,
    "UpdateRoomMetadata": _update_room_metadata,
    "ListParticipants": _list_participants,
    "GetParticipant": _get_participant,
    "RemoveParticipant": _remove_participant,
    "UpdateParticipant": _update_participant,
    "MutePublishedTrack": _needs_participant(room.MuteRoomTrackResponse),
    "UpdateSubscriptions": _needs_participant(room.UpdateSubscriptionsResponse),
    "SendData": _send_data,
    "ForwardParticipant": _forward,
    "MoveParticipant": _forward,
    "PerformRpc": _perform_rpc,
}
