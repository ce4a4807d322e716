"""What messages hold by version: an older server does not have the fields of a newer one."""

import functools
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from lkdoctor.sandbox.settings import Version

_SINCE: Final = {
    8: (
        "Room.departure_timeout Room.creation_time_ms Room.version "
        "ParticipantInfo.kind ParticipantInfo.disconnect_reason ParticipantInfo.joined_at_ms "
        "ParticipantInfo.attributes ParticipantPermission.agent "
        "ParticipantPermission.can_subscribe_metrics "
        "ServerInfo.agent_protocol LeaveRequest.action JoinResponse.enabled_publish_codecs "
        "JoinResponse.fast_publish SessionDescription.id TrickleRequest.final"
    ),
    9: (
        "ParticipantInfo.client_protocol ParticipantInfo.kind_details ParticipantInfo.data_tracks "
        "ParticipantPermission.can_manage_agent_session"
    ),
    13: "ParticipantInfo.capabilities",
}
"""Fields by the minor version that first had them."""


@functools.cache
def unknown_to(version: Version) -> frozenset[str]:
    """The fields that this version does not have, as ``Room.version``."""
    return frozenset(
        name
        for minor, names in _SINCE.items()
        if not version.since(minor)
        for name in names.split()
    )


def reduce(message: Message, version: Version) -> None:
    """Take away what this version does not have."""
    unknown = unknown_to(version)
    if not unknown:
        return
    kind = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        if f"{kind}.{field.name}" in unknown:
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            inner = [value] if isinstance(value, Message) else value
            for item in inner:
                if isinstance(item, Message):
                    reduce(item, version)


AUDIO: Final = ("audio/PCMU", "audio/PCMA", "audio/opus", "audio/red")
VIDEO: Final = ("video/VP8", "video/H264", "video/VP9", "video/AV1", "video/H265")


def publishable(version: Version) -> tuple[str, ...]:
    """The codecs that a participant may send, in the order in which he is told."""
    audio, video = codecs(version)
    return (*video, *audio) if version.since(9) else (*video[:2], *audio, *video[2:])


def codecs(version: Version) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The audio and the video that may be sent in a room."""
    if version.since(9):
        return AUDIO, VIDEO
    return AUDIO[2:], VIDEO[:-1]
