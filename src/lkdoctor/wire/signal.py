"""LiveKit's signalling messages to facts, and ours to bytes.

The law of this file: whatever a message holds, `read` returns a record that is plain data, is
bounded, and holds no secret but as a `Secret`. TURN passwords and ICE credentials are made
known to `redact` and dropped (`logins` alone hands the latter out, for whoever tries them); the
token that a server mints after a join (`refresh_token`) comes as a record that does not show it.

Import this module where a session is really opened: livekit.protocol takes 50 ms to load. Its
`rtc` module alone is not to be had: the package loads all of its modules, and most of the time
is spent in protobuf itself.
"""

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc

from lkdoctor.facts.signal import Candidate, IceServer, Joined, LeftAtOnce, ParticipantSeen
from lkdoctor.redact import Secret, register, safe
from lkdoctor.wire import sdp

if TYPE_CHECKING:
    from lkdoctor.wire.stun import Login

PROTOCOL: Final = 15
"""What we say that we speak: what livekit-server 1.8.4 to 1.13.5 and today's clients have in common."""

CLASSIC_PATH: Final = "/rtc"
V1_PATH: Final = "/rtc/v1"

_MAX_PARTICIPANTS: Final = 1000
_MAX_ICE_SERVERS: Final = 16
_MAX_CODECS: Final = 32
_MAX_SECRET: Final = 512
_MAX_SDP: Final = 64 * 1024
_MAX_TOKEN: Final = 64 * 1024
_MAX_NAME: Final = 512
"""LiveKit allows 256 bytes of room name and identity."""


class Trickled(NamedTuple):
    """A candidate of the server's, or word that there are no more."""

    candidate: Candidate | None
    final: bool
    kind: Literal["trickled"] = "trickled"


class Pong(NamedTuple):
    """The answer to our `ping`."""

    pinged_ms: int
    """Our own timestamp, sent back."""
    server_ms: int
    """The server's clock."""
    kind: Literal["pong"] = "pong"


class Offered(NamedTuple):
    """The server's offer for the peer connection on which it sends."""

    offer: sdp.Offer | None
    """None where it lacks what a connectivity check needs."""
    id: int
    """An answer names the offer that it is for; 0 in versions that do not count them."""
    kind: Literal["offered"] = "offered"


class Refreshed:
    """A fresh token for this participant, signed by the server.

    It is looked at and dropped, so nobody need know it for a secret; it never shows itself.
    """

    __slots__ = ("token",)
    kind: Literal["refresh_token"] = "refresh_token"

    def __init__(self, token: str) -> None:
        self.token: Final = token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refreshed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return f"<a token of the server's, {len(self.token)} chars>"


class Other(NamedTuple):
    """A message that we have no use for."""

    name: str
    kind: Literal["other"] = "other"


class Unreadable(NamedTuple):
    """Not a SignalResponse."""

    detail: str
    """The first bytes, safe to show."""
    kind: Literal["unreadable"] = "unreadable"


SignalMessage = Joined | LeftAtOnce | Trickled | Pong | Offered | Refreshed | Other | Unreadable


def query(path: str) -> str:
    """What stands behind the question mark when joining at that path."""
    if path.endswith("/v1"):
        return f"join_request={_join_request()}"
    return f"auto_subscribe=1&protocol={PROTOCOL}"


def _join_request() -> str:
    request = rtc.JoinRequest(
        client_info=models.ClientInfo(protocol=PROTOCOL),
        connection_settings=rtc.ConnectionSettings(auto_subscribe=True),
    )
    wrapped = rtc.WrappedJoinRequest(join_request=request.SerializeToString())
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


def ping(now_ms: int, round_trip_ms: int = 0) -> bytes:
    """A ``ping_req``; its answer tells the round trip and the server's clock."""
    request = rtc.SignalRequest(ping_req=rtc.Ping(timestamp=now_ms, rtt=round_trip_ms))
    return request.SerializeToString()


def leave() -> bytes:
    """A LeaveRequest, so that the server need not wait for us to time out."""
    reason = models.DisconnectReason.CLIENT_INITIATED
    return rtc.SignalRequest(leave=rtc.LeaveRequest(reason=reason)).SerializeToString()


def answer(text: str, offer_id: int) -> bytes:
    """Our answer to the server's offer."""
    description = rtc.SessionDescription(type="answer", sdp=text, id=offer_id)
    return rtc.SignalRequest(answer=description).SerializeToString()


def logins(join: bytes) -> "tuple[tuple[str, Login | None], ...]":
    """The URLs of the ICE servers of a JoinResponse, each with what opens it."""
    message = rtc.SignalResponse()
    try:
        message.ParseFromString(join)
    except DecodeError:
        return ()
    return tuple(
        (safe(url, 512), _login(server))
        for server in message.join.ice_servers[:_MAX_ICE_SERVERS]
        for url in server.urls[:_MAX_ICE_SERVERS]
    )


def _login(server: rtc.ICEServer) -> "Login | None":
    if not server.credential or not server.username:
        return None
    from lkdoctor.wire.stun import Login  # a session without media does not need it

    return Login(
        server.username[:_MAX_SECRET], Secret(server.credential[:_MAX_SECRET], theirs=True)
    )


def read(data: bytes) -> SignalMessage:
    """What the server says; never raises."""
    message = rtc.SignalResponse()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return Unreadable(_sample(data))
    name = message.WhichOneof("message")
    match name:
        case None:
            return Unreadable(_sample(data))
        case "join":
            return _joined(message.join, len(data))
        case "leave":
            return _left(message.leave)
        case "trickle":
            return Trickled(candidate(message.trickle.candidateInit), message.trickle.final)
        case "offer":
            return Offered(sdp.read(message.offer.sdp[:_MAX_SDP]), message.offer.id)
        case "pong_resp":
            pong = message.pong_resp
            return Pong(pong.last_ping_timestamp, pong.timestamp)
        case "refresh_token" if len(message.refresh_token) <= _MAX_TOKEN:
            return Refreshed(message.refresh_token)
        case _:
            return Other(name)


def candidate(init: str) -> Candidate | None:
    """The candidate of an RTCIceCandidateInit in JSON; None where there is none to read."""
    try:
        line = json.loads(init)["candidate"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(line, str):
        return None
    return sdp.candidate(line)


def _joined(join: rtc.JoinResponse, size: int) -> Joined | Unreadable:
    info = join.server_info
    room = join.room
    if not (room.sid or room.name or join.participant.sid):
        return Unreadable("a JoinResponse without room and participant")
    if room.turn_password:
        register(room.turn_password[:_MAX_SECRET], theirs=True)
    for server in join.ice_servers[:_MAX_ICE_SERVERS]:
        register(server.credential[:_MAX_SECRET], theirs=True)
    ice_servers = tuple(_ice_server(server) for server in join.ice_servers[:_MAX_ICE_SERVERS])
    return Joined(
        took_ms=0.0,
        room=safe(room.name, _MAX_NAME),
        room_sid=safe(room.sid, _MAX_NAME),
        identity=safe(join.participant.identity, _MAX_NAME),
        participant_sid=safe(join.participant.sid, _MAX_NAME),
        server_version=safe(info.version or join.server_version, 100),
        protocol=info.protocol,
        region=safe(info.region or join.server_region, 100),
        node_id=safe(info.node_id, 100),
        edition=_name(models.ServerInfo.Edition.Name, info.edition),
        ping_interval_s=join.ping_interval,
        ping_timeout_s=join.ping_timeout,
        room_created_at=room.creation_time_ms / 1000 or float(room.creation_time),
        num_participants=room.num_participants,
        max_participants=room.max_participants,
        others=tuple(_seen(other) for other in join.other_participants[:_MAX_PARTICIPANTS]),
        ice_servers=ice_servers,
        subscriber_primary=join.subscriber_primary,
        alternative_url=safe(join.alternative_url),
        codecs=tuple(safe(codec.mime, 60) for codec in room.enabled_codecs[:_MAX_CODECS]),
        empty_timeout_s=room.empty_timeout,
        departure_timeout_s=room.departure_timeout,
        message_bytes=size,
    )


def _ice_server(server: rtc.ICEServer) -> IceServer:
    return IceServer(
        urls=tuple(safe(url, 512) for url in server.urls[:_MAX_ICE_SERVERS]),
        username="<masked>" if server.username else "",
        has_credential=bool(server.credential),
    )


def _seen(participant: models.ParticipantInfo) -> ParticipantSeen:
    return ParticipantSeen(
        identity=safe(participant.identity, _MAX_NAME),
        name=safe(participant.name, _MAX_NAME),
        sid=safe(participant.sid, _MAX_NAME),
        state=_name(models.ParticipantInfo.State.Name, participant.state),
        joined_at=participant.joined_at_ms / 1000 or float(participant.joined_at),
        publishing=len(participant.tracks),
        hidden=participant.permission.hidden,
    )


def _left(leave: rtc.LeaveRequest) -> LeftAtOnce:
    return LeftAtOnce(
        took_ms=0.0,
        reason=_name(models.DisconnectReason.Name, leave.reason),
        action=_name(rtc.LeaveRequest.Action.Name, leave.action),
    )


def _name(name_of: Callable[[Any], str], number: int) -> str:
    """The name of an enumeration's number; the number itself where it is newer than we are."""
    try:
        return name_of(number)
    except ValueError:
        return str(number)


def _sample(data: bytes) -> str:
    return safe(data[:80].decode("utf-8", "backslashreplace"), 120) or "an empty message"
