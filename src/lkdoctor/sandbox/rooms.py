"""Rooms and the people in them: state, and who is told what. No I/O, no clock.

What is copied from livekit-server 1.13: pkg/rtc/room.go (who counts, who sees whom, when a room
ends) and pkg/service/roomallocator.go (how a room is made).
"""

from collections.abc import Callable, Iterable
from typing import Final, cast

from livekit.protocol.models import (
    Codec,
    DisconnectReason,
    ParticipantInfo,
    ParticipantPermission,
    Room,
    TrackSource,
)
from livekit.protocol.room import (
    CreateRoomRequest,
    RoomConfiguration,
    UpdateParticipantRequest,
)
from livekit.protocol.rtc import LeaveRequest, ParticipantUpdate, RoomUpdate, SignalResponse

from lkdoctor.sandbox.settings import Settings
from lkdoctor.sandbox.verify import Claims, Video
from lkdoctor.sandbox.vintage import codecs

MAX_ROOMS: Final = 10_000
"""More are not kept: who makes them tests our memory, not his app."""

MAX_METADATA: Final = 512 * 1024
"""Bytes of a room's or a participant's metadata (config.go, limit)."""

MAX_ATTRIBUTES: Final = 64 * 1024
"""Bytes of all keys and values of a participant's attributes."""

Send = Callable[[SignalResponse | None], None]
"""Takes a message for somebody; None ends his connection after what was sent before."""


class NoSessionError(Exception):
    """A session cannot start, for whatever reason: `/rtc/validate` did not see it."""


class Member:
    """Somebody in a room."""

    def __init__(self, info: ParticipantInfo, video: Video, send: Send) -> None:
        self.info: Final = info
        self.video: Final = video
        self.send: Final = send

    @property
    def counts(self) -> bool:
        """Whether a place is taken: agents, recorders and egress take none."""
        helper = self.info.kind in (ParticipantInfo.Kind.AGENT, ParticipantInfo.Kind.EGRESS)
        return not (helper or self.video.agent or self.video.recorder)


class LiveRoom:
    """A room that exists."""

    def __init__(self, proto: Room, trailer: bytes) -> None:
        self.proto: Final = proto
        self.trailer: Final = trailer
        self.members: Final[dict[str, Member]] = {}
        self.changed: Final[dict[str, ParticipantInfo]] = {}
        self.last_left: float | None = None

    @property
    def taken(self) -> int:
        return sum(member.counts for member in self.members.values())

    def snapshot(self) -> Room:
        shown = Room()
        shown.CopyFrom(self.proto)
        shown.num_participants = self.taken
        return shown

    def over(self, now: float) -> bool:
        """Whether it has been empty for as long as it may."""
        if self.taken:
            return False
        if self.last_left is not None:
            return now - self.last_left >= self.proto.departure_timeout
        return now - self.proto.creation_time_ms / 1000 >= self.proto.empty_timeout


class Rooms:
    """All rooms of a server."""

    def __init__(
        self,
        settings: Settings,
        random: Callable[[int], str],
        on_change: Callable[[LiveRoom], None],
    ) -> None:
        self._settings: Final = settings
        self._random: Final = random
        self._on_change: Final = on_change
        self._rooms: Final[dict[str, LiveRoom]] = {}

    def find(self, name: str, now: float) -> LiveRoom | None:
        room = self._rooms.get(name)
        if room is not None and room.over(now):
            self.delete(name, now, DisconnectReason.ROOM_CLOSED)
            return None
        return room

    def listed(self, names: Iterable[str], now: float) -> list[LiveRoom]:
        """The rooms of these names, or all without any."""
        wanted = dict.fromkeys(names) or list(self._rooms)
        return [room for name in wanted if (room := self.find(name, now)) is not None]

    def create(self, request: CreateRoomRequest, now: float) -> LiveRoom:
        """The room of that name, as it is; made as the request says if it is not there."""
        room = self.find(request.name, now)
        if room is not None:
            if request.metadata and not self._settings.version.since(8):
                room.proto.metadata = request.metadata
            return room
        room = self._made(request.name, now)
        for field in ("empty_timeout", "departure_timeout", "max_participants", "metadata"):
            if value := getattr(request, field):
                setattr(room.proto, field, value)
        return room

    def seat(self, name: str, identity: str, now: float) -> None:
        """Somebody from nowhere, who stays."""
        room = self.create(CreateRoomRequest(name=name), now)
        info = self._info(identity, "", now, Video())
        info.state, info.version = ParticipantInfo.State.ACTIVE, 2
        room.members[identity] = Member(info, Video(), lambda _: None)

    def fill(self, room: LiveRoom, now: float) -> None:
        """Leave no place in it: whoever is there sits in the last one."""
        if not room.taken:
            self.seat(room.proto.name, "occupant", now)
        room.proto.max_participants = room.taken

    def enter(self, claims: Claims, now: float) -> LiveRoom:
        """The room of a token, made as the token says if it is not there.

        Raises:
            NoSessionError: it cannot be made like that.
        """
        name = claims.video.room if claims.video else ""
        if self._settings.version.since(13) and size(claims.metadata) > MAX_METADATA:
            raise NoSessionError
        if (
            sum(size(key) + size(value) for key, value in claims.attributes.items())
            > MAX_ATTRIBUTES
        ):
            raise NoSessionError
        room = self.find(name, now)
        if room is not None:
            return room
        if claims.room_preset and self._settings.version.since(
            8
        ):  # no room configuration has a name here
            raise NoSessionError
        config = claims.room_config if self._settings.reads_room_config else RoomConfiguration()
        return self.create(
            CreateRoomRequest(
                name=name,
                empty_timeout=config.empty_timeout,
                departure_timeout=config.departure_timeout,
                max_participants=config.max_participants,
                metadata=config.metadata,
            ),
            now,
        )

    def _made(self, name: str, now: float) -> LiveRoom:
        while len(self._rooms) >= MAX_ROOMS:
            self.delete(next(iter(self._rooms)), now, DisconnectReason.ROOM_CLOSED)
        audio, video = codecs(self._settings.version)
        rtx = ("video/rtx",) if self._settings.version.since(8) else ()
        proto = Room(
            sid="RM_" + self._random(6),
            name=name,
            empty_timeout=self._settings.empty_timeout,
            departure_timeout=self._settings.departure_timeout,
            creation_time=int(now),
            creation_time_ms=int(now * 1000),
            turn_password=self._random(22)[:43],
            enabled_codecs=[Codec(mime=mime) for mime in (*audio, *video, *rtx)],
        )
        room = self._rooms[name] = LiveRoom(proto, self._random(22).encode())
        return room

    def join(self, room: LiveRoom, claims: Claims, send: Send, now: float) -> Member:
        """Seat somebody, in place of whoever has his identity.

        Raises:
            NoSessionError: there is no place.
        """
        video = claims.video or Video()
        if claims.identity in room.members:
            self.remove(room, claims.identity, DisconnectReason.DUPLICATE_IDENTITY, now)
        info = self._info(claims.identity, claims.name, now, video)
        info.metadata = claims.metadata
        info.attributes.update(claims.attributes)
        info.kind = _kind(claims.kind)
        member = Member(info, video, send)
        limit = room.proto.max_participants
        if limit and member.counts and room.taken >= limit:
            raise NoSessionError
        room.members[claims.identity] = member
        return member

    def joined(self, room: LiveRoom, member: Member) -> None:
        """He has been told that he is in."""
        member.info.state = ParticipantInfo.State.JOINED
        self._note(room, member)

    def remove(self, room: LiveRoom, identity: str, reason: DisconnectReason, now: float) -> None:
        """Tell somebody to leave, and the others that he did."""
        member = room.members.pop(identity)
        member.info.state = ParticipantInfo.State.DISCONNECTED
        member.info.disconnect_reason = reason
        member.send(SignalResponse(leave=LeaveRequest(reason=reason)))
        member.send(None)
        if member.counts:
            room.last_left = now
        self._note(room, member)

    def delete(
        self,
        name: str,
        now: float,
        reason: DisconnectReason = DisconnectReason.ROOM_DELETED,
    ) -> None:
        room = self._rooms.pop(name)
        for identity in list(room.members):
            self.remove(room, identity, reason, now)

    def tell(self, room: LiveRoom) -> None:
        """Send everybody what changed since the last time; nobody hears of who is hidden."""
        news = [info for info in room.changed.values() if not info.permission.hidden]
        room.changed.clear()
        if news:
            self._send_all(room, SignalResponse(update=ParticipantUpdate(participants=news)))

    def update(self, room: LiveRoom, member: Member, request: UpdateParticipantRequest) -> None:
        """Change what is known about somebody, a version each; what is empty stays."""
        info = member.info
        for field in ("name", "metadata"):
            if value := getattr(request, field):
                setattr(info, field, value)
                self._note(room, member)
        if request.attributes and self._settings.version.since(8):
            kept = {**info.attributes, **request.attributes}
            info.attributes.clear()
            info.attributes.update({key: value for key, value in kept.items() if value})
            self._note(room, member)
        if request.HasField("permission"):
            info.permission.CopyFrom(request.permission)
            self._note(room, member)

    def set_metadata(self, room: LiveRoom, metadata: str) -> None:
        room.proto.metadata = metadata
        self._send_all(room, SignalResponse(room_update=RoomUpdate(room=room.snapshot())))

    def _send_all(self, room: LiveRoom, message: SignalResponse) -> None:
        for member in list(room.members.values()):
            member.send(message)

    def _note(self, room: LiveRoom, member: Member) -> None:
        member.info.version += 1
        noted = ParticipantInfo()
        noted.CopyFrom(member.info)
        room.changed[noted.sid] = noted
        self._on_change(room)

    def _info(self, identity: str, name: str, now: float, video: Video) -> ParticipantInfo:
        return ParticipantInfo(
            sid="PA_" + self._random(6),
            identity=identity,
            name=name,
            joined_at=int(now),
            joined_at_ms=int(now * 1000),
            permission=permission(video),
        )


def size(text: str) -> int:
    """Bytes of UTF-8, in which Go measures."""
    return len(text.encode("utf-8", "replace"))


def permission(video: Video) -> ParticipantPermission:
    """What a grant allows: publishing and subscribing unless it says otherwise."""
    publish = video.can_publish is not False
    return ParticipantPermission(
        can_publish=publish,
        can_subscribe=video.can_subscribe is not False,
        can_publish_data=publish if video.can_publish_data is None else video.can_publish_data,
        can_publish_sources=[_source(name) for name in video.can_publish_sources],
        can_update_metadata=video.can_update_own_metadata,
        hidden=video.hidden,
        recorder=video.recorder,
        agent=video.agent,
        can_subscribe_metrics=video.can_subscribe_metrics,
        can_manage_agent_session=video.can_manage_agent_session,
    )


def _source(name: str) -> TrackSource:
    known = name.upper() in TrackSource.keys()  # noqa: SIM118 an enum wrapper is no mapping
    number = TrackSource.Value(name.upper()) if known else TrackSource.UNKNOWN
    return cast("TrackSource", number)


def _kind(name: str) -> ParticipantInfo.Kind:
    kinds = ParticipantInfo.Kind
    known = name.upper() in kinds.keys()  # noqa: SIM118 an enum wrapper is no mapping
    return cast("ParticipantInfo.Kind", kinds.Value(name.upper()) if known else kinds.STANDARD)
