"""LiveKit's grants: their names, what they allow, and what a server does when one is left out.

From livekit/protocol ``auth/grants.go`` (the version that livekit-server 1.13.5 builds with) and
livekit-api's ``access_token.py``. Servers ignore a key that they do not know, in silence; so a
misspelt grant is a grant that was never given.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.spelling import distance


class ValueType(StrEnum):
    """What a grant's value must be in JSON; another type makes the server refuse the token."""

    SWITCH = "true or false"
    TEXT = "text"
    TEXTS = "a list of texts"


class Grant(NamedTuple):
    """One grant of one claim."""

    claim: str
    """The claim that holds it: ``video``, ``sip`` …"""
    name: str
    type: ValueType
    allows: str
    """What its holder may do, to be read after "may"."""
    unset: str
    """What a server takes it for when it is left out."""

    @property
    def path(self) -> str:
        """As it is written on the command line: ``canPublish``, ``sip.call``."""
        return self.name if self.claim == "video" else f"{self.claim}.{self.name}"


def _switch(claim: str, name: str, allows: str, unset: str = "no") -> Grant:
    return Grant(claim, name, ValueType.SWITCH, allows, unset)


GRANTS: Final = (
    _switch("video", "roomJoin", "join the room"),
    Grant("video", "room", ValueType.TEXT, "enter this room", "no room"),
    _switch("video", "canPublish", "publish", "yes"),
    Grant("video", "canPublishSources", ValueType.TEXTS, "publish only these sources", "all"),
    _switch("video", "canPublishData", "send data", "as canPublish"),
    _switch("video", "canSubscribe", "subscribe", "yes"),
    _switch("video", "canUpdateOwnMetadata", "change own name and metadata"),
    _switch("video", "canSubscribeMetrics", "subscribe to metrics"),
    _switch("video", "canManageAgentSession", "manage an agent session"),
    _switch("video", "hidden", "stay hidden from others"),
    _switch("video", "recorder", "count as a recorder"),
    _switch("video", "agent", "register as agent worker"),
    _switch("video", "roomAdmin", "administer the room"),
    _switch("video", "roomCreate", "create and delete rooms"),
    _switch("video", "roomList", "list rooms"),
    _switch("video", "roomRecord", "record"),
    _switch("video", "ingressAdmin", "manage ingress"),
    Grant("video", "destinationRoom", ValueType.TEXT, "forward to this room", "none"),
    _switch("sip", "admin", "manage SIP"),
    _switch("sip", "call", "call out by SIP"),
    _switch("inference", "perform", "use inference"),
    _switch("observability", "write", "write observability data"),
    _switch("agent", "admin", "manage Cloud agents"),
    _switch("agent", "simulationAdmin", "manage simulations of agents"),
    _switch("agent", "databaseAdmin", "use the project's agent databases"),
    _switch("agent", "dispatchAdmin", "manage the agent dispatch queue"),
    _switch("agentEndpoint", "call", "call an agent's endpoints"),
    Grant("agentEndpoint", "agentName", ValueType.TEXT, "call this agent only", "every agent"),
    Grant("agentEndpoint", "deployment", ValueType.TEXT, "call this deployment only", "every one"),
    _switch("agentThread", "all", "use every thread of the project"),
    Grant("agentThread", "scope", ValueType.TEXT, "list and create threads here", "none"),
    Grant("agentThread", "threadIds", ValueType.TEXTS, "use these threads", "none"),
    _switch("agentThread", "list", "list agent threads"),
    _switch("agentThread", "create", "create agent threads"),
    _switch("agentThread", "write", "write agent threads"),
    _switch("agentThread", "read", "read agent threads"),
    _switch("agentThread", "delete", "delete agent threads"),
)

BY_CLAIM: Final[Mapping[str, Mapping[str, Grant]]] = {
    claim: {grant.name: grant for grant in GRANTS if grant.claim == claim}
    for claim in dict.fromkeys(grant.claim for grant in GRANTS)
}

CLAIMS: Final = (
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),  # RFC 7519, section 4.1
    *(
        "name",
        "kind",
        "kindDetails",
        "metadata",
        "attributes",
        "sha256",
        "roomPreset",
        "roomConfig",
    ),
    *BY_CLAIM,
)
"""Every claim that a server reads at the top level."""

SOURCES: Final = ("camera", "microphone", "screen_share", "screen_share_audio")

KINDS: Final = ("standard", "ingress", "egress", "sip", "agent", "connector", "bridge")
"""Participant kinds (livekit_models.proto, ParticipantInfo.Kind); any other is read as standard."""


# ------------------------------------------------------------------ names that are nearly right

_ALIASES: Final = {
    "roomname": "room",
    "join": "roomJoin",
    "canjoin": "roomJoin",
    "publish": "canPublish",
    "publishdata": "canPublishData",
    "data": "canPublishData",
    "publishsources": "canPublishSources",
    "subscribe": "canSubscribe",
    "updateownmetadata": "canUpdateOwnMetadata",
    "canupdatemetadata": "canUpdateOwnMetadata",
    "admin": "roomAdmin",
    "create": "roomCreate",
    "list": "roomList",
    "record": "roomRecord",
    "canrecord": "roomRecord",
    "grants": "video",
    "grant": "video",
    "videogrant": "video",
    "videogrants": "video",
    "identity": "sub",
    "subject": "sub",
    "participantidentity": "sub",
    "issuer": "iss",
    "apikey": "iss",
    "expires": "exp",
    "expiresat": "exp",
    "participantname": "name",
}


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(".", "").lower()


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that was probably meant, or none when nothing is near."""
    known = tuple(names)
    folded = _folded(name)
    for candidate in known:
        if _folded(candidate) == folded:
            return candidate
    alias = _ALIASES.get(folded)
    if alias in known:
        return alias
    limit = 1 if len(folded) < 6 else 2
    if len(folded) < 3 or len(folded) > 40:
        return None
    scored = [(distance(folded, _folded(c), limit), c) for c in known]
    best = min(scored, default=(limit + 1, ""))
    return best[1] if best[0] <= limit else None


def meant(claim: str, name: str) -> str | None:
    """What an unknown key of a claim probably stands for; ``""`` as claim is the top level."""
    if claim:
        return nearest(name, BY_CLAIM.get(claim, ()))
    near = nearest(name, CLAIMS)
    if near is not None:
        return near
    # A grant that was put beside the claim instead of into it.
    inside = nearest(name, BY_CLAIM["video"])
    return f"video.{inside}" if inside is not None else None


def find(path: str) -> Grant | None:
    """The grant of this name as the command line takes it, exactly spelt."""
    claim, dot, name = path.rpartition(".")
    return BY_CLAIM.get(claim if dot else "video", {}).get(name)


def find_near(path: str) -> Grant | None:
    """The grant that a wrong name was probably meant to be."""
    claim, dot, name = path.rpartition(".")
    if dot and claim in BY_CLAIM:
        near = nearest(name, BY_CLAIM[claim])
        return BY_CLAIM[claim][near] if near else None
    by_path = {grant.path: grant for grant in GRANTS}
    near = nearest(path, BY_CLAIM["video"]) or nearest(path, by_path)
    return by_path[near] if near else None


# ------------------------------------------------------------------ what a token allows


class Capability(NamedTuple):
    """One thing that a participant may or may not do, and the reason."""

    id: str
    label: str
    allowed: bool
    because: str


def _says(video: Mapping[str, object], name: str) -> str:
    if name not in video or video[name] is None:
        return f"{name} unset"
    value = video[name]
    return f"{name} is {'true' if value is True else 'false' if value is False else value}"


def _flag(video: Mapping[str, object], name: str) -> tuple[bool, str]:
    allowed = video.get(name) is True
    unset = video.get(name) is None
    return allowed, f"{_says(video, name)}, default no" if unset else _says(video, name)


def can_publish(video: Mapping[str, object]) -> tuple[bool, str]:
    """Whether anything may be published, and why."""
    value = video.get("canPublish")
    if value is None:
        return True, "canPublish unset, default yes"
    return value is True, _says(video, "canPublish")


def can_publish_source(video: Mapping[str, object], source: str) -> tuple[bool, str]:
    """Whether a track of this source may be published: ``canPublish: false`` beats the list."""
    allowed, because = can_publish(video)
    sources = video.get("canPublishSources")
    # grants.go GetCanPublishSource: an empty list is the same as none.
    if not allowed or not isinstance(sources, tuple | list) or not sources:
        return allowed, because
    listed = ", ".join(str(s) for s in sources)
    if source in sources:
        return True, f"in canPublishSources [{listed}]"
    return False, f"not in canPublishSources [{listed}]"


def _join(video: Mapping[str, object], room: str) -> tuple[bool, str]:
    flag = _says(video, "roomJoin")
    if video.get("roomJoin") is not True:
        return False, flag
    return bool(room), f'{flag}, room is "{room}"' if room else f"{flag}, but room is empty"


def capabilities(
    video: Mapping[str, object] | None, sip: Mapping[str, object] | None = None
) -> tuple[Capability, ...]:
    """What a server allows the holder of these grants, row by row, with the reason of each row."""
    video = video if video is not None else {}
    room = str(video.get("room") or "")
    data = video.get("canPublishData")
    if data is None:
        follows, _ = can_publish(video)
        sends = (follows, "canPublishData unset, follows canPublish")
    else:
        sends = (data is True, _says(video, "canPublishData"))
    subscribes = video.get("canSubscribe")
    receives = (
        (True, "canSubscribe unset, default yes")
        if subscribes is None
        else (subscribes is True, _says(video, "canSubscribe"))
    )
    dialling, dial_reason = _flag(sip or {}, "call")
    rows = (
        ("join", f'Join room "{room}"' if room else "Join a room", _join(video, room)),
        ("microphone", "Publish microphone", can_publish_source(video, "microphone")),
        ("camera", "Publish camera", can_publish_source(video, "camera")),
        ("screen_share", "Publish screen share", can_publish_source(video, "screen_share")),
        (
            "screen_share_audio",
            "Publish screen share audio",
            can_publish_source(video, "screen_share_audio"),
        ),
        ("data", "Send data messages", sends),
        ("subscribe", "Receive media", receives),
        ("seen", "Be seen by others", (video.get("hidden") is not True, _says(video, "hidden"))),
        ("metadata", "Change own name, metadata", _flag(video, "canUpdateOwnMetadata")),
        ("agent", "Register as agent worker", _flag(video, "agent")),
        ("admin", "Room admin (mute, remove)", _flag(video, "roomAdmin")),
        ("create", "Create and delete rooms", _flag(video, "roomCreate")),
        ("list", "List rooms", _flag(video, "roomList")),
        ("record", "Record", _flag(video, "roomRecord")),
        ("ingress", "Manage ingress", _flag(video, "ingressAdmin")),
        ("sip", "Call out by SIP", (dialling, f"sip.{dial_reason}")),
    )
    return tuple(Capability(name, label, *row) for name, label, row in rows)


_SHORT: Final = {
    "join": "join",
    "microphone": "publish microphone",
    "camera": "publish camera",
    "screen_share": "publish screen share",
    "screen_share_audio": "publish screen share audio",
    "data": "send data",
    "subscribe": "subscribe",
    "metadata": "change own metadata",
    "agent": "register as agent worker",
    "admin": "administer the room",
    "create": "create rooms",
    "list": "list rooms",
    "record": "record",
    "ingress": "manage ingress",
    "sip": "call out by SIP",
}
_MEDIA: Final = ("microphone", "camera", "screen_share", "screen_share_audio")


def in_short(rows: Iterable[Capability]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the holder may and may not do, as verbs; the four sources become one when they agree."""
    may: list[str] = []
    may_not: list[str] = []
    by_id = {row.id: row for row in rows}
    media = {by_id[source].allowed for source in _MEDIA}
    for row in by_id.values():
        if row.id == "seen":
            if not row.allowed:
                may.append("stay hidden from others")
            continue
        words = _SHORT[row.id]
        if row.id in _MEDIA and len(media) == 1:
            if row.id != _MEDIA[0]:
                continue
            words = "publish"
        (may if row.allowed else may_not).append(words)
    return tuple(may), tuple(may_not)


# ------------------------------------------------------------------ roles

ROLES: Final[Mapping[str, Mapping[str, object]]] = {
    "provider": {
        "roomJoin": True,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
        "roomAdmin": True,
        "roomRecord": True,
    },
    "client": {
        "roomJoin": True,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
    },
}
"""The two built-in roles of a booking, as video grants. Without ``canPublishSources`` every source
may be published: camera, microphone, screen share and its audio."""
