"""The parameters of a join: of the query on /rtc, of a join_request on /rtc/v1."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

from lkdoctor.sandbox.settings import Version
from lkdoctor.sandbox.verify import Claims

MAX_JOIN_REQUEST: Final = 1 << 20


class Wish(NamedTuple):
    """How somebody wants to join."""

    claims: Claims
    single_peer_connection: bool
    client_protocol: int
    reconnect: bool
    changes_metadata: bool


def wished(
    form: Mapping[str, str], claims: Claims, version: Version, *, v1: bool, strict: bool
) -> Wish | str:
    """The parameters of the join, or the body of the 400."""
    if not version.since(9):
        if claims.video is not None and not claims.video.room:
            claims = claims._replace(video=claims.video._replace(room=form.get("room", "")))
        form = {name: value for name, value in form.items() if name not in _SINCE_1_9}
    wrapped = form.get("join_request", "")
    if not wrapped:
        if v1:
            return "join_request is required"
        added = _attributes(form.get("attributes", ""))
        if added is None and strict:
            return "cannot decode attributes"
        protocol = form.get("protocol", "")
        return Wish(
            _with_attributes(claims, added or {}),
            single_peer_connection=False,
            client_protocol=int(protocol) if protocol.isdecimal() and len(protocol) < 6 else 0,
            reconnect=form.get("reconnect") in ("1", "true"),
            changes_metadata=bool(added),
        )
    join = _join_request(wrapped)
    if isinstance(join, str):
        return join
    return Wish(
        _with_attributes(claims, join.participant_attributes)._replace(
            metadata=join.metadata or claims.metadata
        ),
        single_peer_connection=True,
        client_protocol=join.client_info.protocol,
        reconnect=join.reconnect,
        changes_metadata=bool(join.metadata or join.participant_attributes),
    )


_SINCE_1_9: Final = ("join_request", "attributes")


def _join_request(wrapped: str) -> JoinRequest | str:
    try:
        outer = base64.b64decode(wrapped, altchars=b"-_", validate=True)
    except ValueError:
        return "cannot base64 decode wrapped join request"
    try:
        wrapper = WrappedJoinRequest.FromString(outer)
    except DecodeError:
        return "cannot unmarshal wrapped join request"
    data = wrapper.join_request
    if wrapper.compression == WrappedJoinRequest.Compression.GZIP:
        try:
            unpacked = zlib.decompressobj(wbits=31).decompress(data, MAX_JOIN_REQUEST + 1)
        except zlib.error:
            return "cannot read decompressed join request"
        data = unpacked
    if len(data) > MAX_JOIN_REQUEST:
        return "join request too large"
    try:
        return JoinRequest.FromString(data)
    except DecodeError:
        return "cannot unmarshal join request"


def _attributes(text: str) -> dict[str, str] | None:
    """The query's attributes, base64 of JSON; None if they cannot be read."""
    if not text:
        return {}
    try:
        value = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None
    fits = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return value if fits else None


def _with_attributes(claims: Claims, added: Mapping[str, str]) -> Claims:
    """Attributes beside those of the token; an empty one takes none away."""
    kept = {key: value for key, value in added.items() if value}
    return claims._replace(attributes={**claims.attributes, **kept})
