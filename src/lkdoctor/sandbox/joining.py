"""The parameters of a join: of the query on /rtc, of a join_request on /rtc/v1."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

from lkdoctor.sandbox.verify import Claims

MAX_JOIN_REQUEST: Final = 1 << 20


class Wish(NamedTuple):
    """How somebody wants to join."""

    claims: Claims
    single_peer_connection: bool
    client_protocol: int
    reconnect: bool
    changes_metadata: bool


def wished(form: Mapping[str, str], claims: Claims, *, v1: bool, strict: bool) -> Wish | str:
    """The parameters of the join, or the body of the 400."""
    wrapped = form.get("join_request", "")
    if not wrapped:
        if v1:
            return "join_request is required"
        attributes = form.get("attributes", "")
        if attributes and strict and not _is_attributes(attributes):
            return "cannot decode attributes"
        protocol = form.get("protocol", "")
        return Wish(
            claims,
            single_peer_connection=False,
            client_protocol=int(protocol) if protocol.isdecimal() and len(protocol) < 6 else 0,
            reconnect=form.get("reconnect") in ("1", "true"),
            changes_metadata=bool(attributes) and _is_attributes(attributes),
        )
    join = _join_request(wrapped)
    if isinstance(join, str):
        return join
    return Wish(
        claims._replace(
            metadata=join.metadata or claims.metadata,
            attributes={**claims.attributes, **join.participant_attributes},
        ),
        single_peer_connection=True,
        client_protocol=join.client_info.protocol,
        reconnect=join.reconnect,
        changes_metadata=bool(join.metadata or join.participant_attributes),
    )


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


def _is_attributes(text: str) -> bool:
    try:
        value = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
