"""What the server API (Twirp RoomService) answered."""

from typing import Literal, NamedTuple

from lkdoctor.facts.server import Exchange


class RoomInfo(NamedTuple):
    """A room as ListRooms shows it."""

    name: str
    sid: str
    num_participants: int
    num_publishers: int
    max_participants: int
    """0: no limit."""
    created_at: float
    empty_timeout_s: int
    departure_timeout_s: int
    metadata_bytes: int
    active_recording: bool


class TrackInfo(NamedTuple):
    sid: str
    name: str
    source: str
    """``CAMERA``, ``MICROPHONE``, ``SCREEN_SHARE``, ``SCREEN_SHARE_AUDIO``, ``UNKNOWN``"""
    type: str
    """``AUDIO``, ``VIDEO``, ``DATA``"""
    muted: bool


class Permission(NamedTuple):
    """What a participant may do in the room (LiveKit's ParticipantPermission)."""

    can_subscribe: bool = False
    can_publish: bool = False
    can_publish_data: bool = False
    can_publish_sources: tuple[str, ...] = ()
    hidden: bool = False
    recorder: bool = False
    can_update_metadata: bool = False
    agent: bool = False


class ParticipantInfo(NamedTuple):
    """A participant as ListParticipants shows it."""

    identity: str
    name: str
    sid: str
    state: str
    joined_at: float
    kind_of: str
    """``STANDARD``, ``INGRESS``, ``EGRESS``, ``SIP``, ``AGENT``"""
    permission: Permission
    tracks: tuple[TrackInfo, ...] = ()
    is_publisher: bool = False
    region: str = ""
    mark: str = ""
    """The attribute ``lkdoctor``, which only a rehearsal's participants carry."""


class TwirpError(NamedTuple):
    """An answer of the API's own that says no."""

    code: str
    """``unauthenticated``, ``not_found`` … (Twirp's words)"""
    msg: str
    status: int
    kind: Literal["twirp-error"] = "twirp-error"


class RoomsListed(NamedTuple):
    rooms: tuple[RoomInfo, ...]
    kind: Literal["rooms"] = "rooms"


class ParticipantsListed(NamedTuple):
    room: str
    participants: tuple[ParticipantInfo, ...]
    kind: Literal["participants"] = "participants"


class ForeignAnswer(NamedTuple):
    """An answer that is not Twirp's: the token check's plain text, a proxy's page, or none at all."""

    exchange: Exchange
    kind: Literal["foreign"] = "foreign"


RoomsAnswer = RoomsListed | TwirpError | ForeignAnswer
ParticipantsAnswer = ParticipantsListed | TwirpError | ForeignAnswer


class ApiFact(NamedTuple):
    """What was asked of the API and answered."""

    rooms: RoomsAnswer | None = None
    """ListRooms, with a token of the configured key that has ``roomList``."""
    participants: ParticipantsAnswer | None = None
    """ListParticipants of the room in question."""
    room_asked: str | None = None
    """The room in question (of the booking, the token or the command line)."""
    without_token: RoomsAnswer | None = None
    """ListRooms without credentials: LiveKit answers 401 JSON; shows whether the API is routed."""
    took_ms: float = 0.0
