"""How livekit-server judges a token, byte for byte, written from its source.

The order is the server's (pkg/service/auth.go). 1.13 reads with golang-jwt 5.3 and Go's
encoding/json: claims must fit Go's types before anything else is looked at, keys are matched
without regard to case, the signature comes before the times. Those before it read with go-jose 3
and its own JSON: the signature comes first, case matters, and no claim may be there twice.
All repeat the token in the answer. Nothing is shared with `lkdoctor.tokens`, which this is there to test.
"""

import base64
import functools
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol.room import RoomConfiguration

from lkdoctor.sandbox.settings import Version

LEEWAY: Final = 60.0
"""Seconds after `exp` and before `nbf` in which a token is still taken (verifier.go)."""

_ALGORITHMS: Final = frozenset(
    ["none", "EdDSA"]
    + [f"{kind}{bits}" for kind in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)]
)
"""What golang-jwt knows by name; any other `alg` is not a token to it."""


class Video(NamedTuple):
    """The `video` grant, as the server holds it."""

    room: str = ""
    room_create: bool = False
    room_list: bool = False
    room_record: bool = False
    room_admin: bool = False
    room_join: bool = False
    can_publish: bool | None = None
    can_subscribe: bool | None = None
    can_publish_data: bool | None = None
    can_publish_sources: tuple[str, ...] = ()
    can_update_own_metadata: bool = False
    ingress_admin: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    can_subscribe_metrics: bool = False
    can_manage_agent_session: bool = False
    destination_room: str = ""


class Claims(NamedTuple):
    """A token that was believed."""

    identity: str
    name: str
    kind: str
    video: Video | None
    sip_admin: bool
    sip_call: bool
    metadata: str
    attributes: Mapping[str, str]
    room_config: RoomConfiguration
    room_preset: str
    expires: float | None
    grants: Mapping[str, Any]


def verify(token: str, keys: Mapping[str, str], now: float, version: Version) -> Claims | str:
    """What the token says, or the body of the 401 that it earns."""
    jose = not version.since(13)
    try:
        parsed = _parsed_by_jose(token) if jose else _parsed(token)
    except ValueError:
        return "invalid authorization token"
    issuer = parsed.registered.get("iss", "")
    secret = keys.get(issuer, "")
    if not secret:
        return f"invalid API key: {issuer}"
    told = _judged_by_jose if jose else _judged
    why = told(parsed, token.rpartition(".")[0], secret, now, _grants_of(version))
    return f"invalid token: {token}, error: {why}" if isinstance(why, str) else why


def _judged(
    parsed: "_Parsed", signed: str, secret: str, now: float, known: "_Struct"
) -> Claims | str:
    faults: list[_Misfit] = []
    grants = _decode(parsed.members, known, faults)
    if faults:
        why = f"token is malformed: could not JSON decode claim: {faults[0].by_go}"
    elif parsed.alg != "HS256":
        why = f"token signature is invalid: signing method {parsed.alg} is invalid"
    elif not hmac.compare_digest(parsed.signature, _mac(signed, secret)):
        why = "token signature is invalid: signature is invalid"
    elif wrong := _wrong_times(parsed.registered, now):
        why = f"token has invalid claims: {', '.join(wrong)}"
    else:
        return _claims(parsed.registered, grants)
    return why


def _judged_by_jose(
    parsed: "_Parsed", signed: str, secret: str, now: float, known: "_Struct"
) -> Claims | str:
    if parsed.alg not in _HASHES or not hmac.compare_digest(
        parsed.signature, _mac(signed, secret, parsed.alg)
    ):
        return "go-jose/go-jose: error in cryptographic primitive"
    faults: list[_Misfit] = []
    grants = _decode(parsed.members, known, faults, exact=True)
    if faults:
        return faults[0].by_jose
    registered = parsed.registered
    if "nbf" in registered and now + LEEWAY < registered["nbf"]:
        wrong = "failed, token not valid yet (nbf)"
    elif "exp" in registered and now - LEEWAY > registered["exp"]:
        wrong = "failed, token is expired (exp)"
    elif "iat" in registered and now + LEEWAY < registered["iat"]:
        wrong = "field, token issued in the future (iat)"
    else:
        return _claims(registered, grants)
    return f"go-jose/go-jose/jwt: validation {wrong}"


def sign(claims: Mapping[str, Any], secret: str, alg: str = "HS256") -> str:
    """A token signed as the server signs the ones it hands out."""
    head = _encode(json.dumps({"alg": alg, "typ": "JWT"}, separators=(",", ":")).encode())
    body = _encode(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode())
    return f"{head}.{body}.{_encode(_mac(f'{head}.{body}', secret, alg))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _mac(text: str, secret: str, alg: str = "HS256") -> bytes:
    return hmac.digest(
        secret.encode("utf-8", "surrogateescape"),
        text.encode("utf-8", "surrogateescape"),
        _HASHES[alg],
    )


_HASHES: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class _Parsed(NamedTuple):
    """A token that is one, not yet believed."""

    alg: str
    members: "_Pairs"
    registered: dict[str, Any]
    signature: bytes


def _parsed(token: str) -> _Parsed:
    """Its parts, the registered claims checked; ValueError if any is not as it must be."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError
    alg = dict(_object(_segment(parts[0]))).get("alg")
    members = _object(_segment(parts[1]))
    faults: list[_Misfit] = []
    registered = _decode(members, _REGISTERED, faults)
    if faults or not _is_string(alg) or alg not in _ALGORITHMS:
        raise ValueError
    return _Parsed(alg, members, registered, _segment(parts[2]))


def _parsed_by_jose(token: str) -> _Parsed:
    parts = "".join(token.split()).split(".")
    if len(parts) != 3:
        raise ValueError
    head, payload, signature = (_segment(part.rstrip("=")) for part in parts)
    header = dict(_once(_object(head)))
    members = _once(_object(payload))
    faults: list[_Misfit] = []
    registered = _decode(members, _REGISTERED, faults, exact=True)
    if faults or any(not isinstance(registered.get(t, 0.0), float | int) for t in _TIMES):
        raise ValueError
    if any(isinstance(v, str) and not isinstance(v, _Number) for k, v in members if k in _TIMES):
        raise ValueError  # digits in quotes are no number
    alg = header.get("alg")
    known = isinstance(alg, str) and "crit" not in header
    return _Parsed(alg if known and isinstance(alg, str) else "", members, registered, signature)


def _once(pairs: "_Pairs") -> "_Pairs":
    """The same, if no name is there twice at any depth."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError
    for _, value in pairs:
        for inner in (
            value if isinstance(value, list) and not isinstance(value, _Pairs) else [value]
        ):
            if isinstance(inner, _Pairs):
                _once(inner)
    return pairs


_TIMES: Final = ("exp", "nbf", "iat")


def _segment(text: str) -> bytes:
    """Unpadded URL-safe base64 as Go reads it: line ends inside are skipped."""
    text = text.replace("\r", "").replace("\n", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Number(str):
    """A JSON number, kept as it was written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, its members in order and none lost."""

    __slots__ = ()


def _object(data: bytes) -> _Pairs:
    try:
        value = json.loads(
            data.decode("utf-8", "replace"),
            object_pairs_hook=_Pairs,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
        )
    except RecursionError:
        raise ValueError from None
    if value is None:
        return _Pairs()
    if not isinstance(value, _Pairs):
        raise ValueError  # noqa: TRY004 every way of not being a token is one to the caller
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


class _Struct(NamedTuple):
    """A Go struct: its name, the path that its fields have in messages, and their types."""

    name: str
    path: str
    go_type: str
    fields: Mapping[str, "str | _Struct"]


_REGISTERED: Final = _Struct(
    "RegisteredClaims",
    "",
    "jwt.RegisteredClaims",
    {
        "iss": "string",
        "sub": "string",
        "aud": "audience",
        "exp": "time",
        "nbf": "time",
        "iat": "time",
        "jti": "string",
    },
)


def _grant(name: str, claim: str, **fields: str) -> _Struct:
    return _Struct(name, f"ClaimGrants.{claim}.", f"auth.{name}", fields)


_GRANTS: Final = _Struct(
    "tokenClaims",
    "ClaimGrants.",
    "auth.tokenClaims",
    {
        "identity": "string",
        "name": "string",
        "kind": "string",
        "kindDetails": "[]string",
        "video": _grant(
            "VideoGrant",
            "video",
            roomCreate="bool",
            roomList="bool",
            roomRecord="bool",
            roomAdmin="bool",
            roomJoin="bool",
            room="string",
            canPublish="bool",
            canSubscribe="bool",
            canPublishData="bool",
            canPublishSources="[]string",
            canUpdateOwnMetadata="bool",
            ingressAdmin="bool",
            hidden="bool",
            recorder="bool",
            agent="bool",
            canSubscribeMetrics="bool",
            canManageAgentSession="bool",
            destinationRoom="string",
        ),
        "sip": _grant("SIPGrant", "sip", admin="bool", call="bool"),
        "agent": _grant("AgentGrant", "agent", admin="bool", simulationAdmin="bool"),
        "inference": _grant("InferenceGrant", "inference", perform="bool"),
        "observability": _grant("ObservabilityGrant", "observability", write="bool"),
        "roomConfig": "room configuration",
        "roomPreset": "string",
        "sha256": "string",
        "metadata": "string",
        "attributes": "map[string]string",
    },
)


_LATER: Final = {
    8: ("kind", "sip", "roomConfig", "roomPreset", "attributes", "agent", "canSubscribeMetrics"),
    9: ("identity", "kindDetails", "inference", "observability", "destinationRoom"),
    13: ("canManageAgentSession",),
}
"""Claims by the version that first knew them; the `agent` claim is one of 1.9."""


@functools.cache
def _grants_of(version: Version) -> _Struct:
    """What this version reads in a token; it overlooks the rest."""
    unknown = {
        name for minor, names in _LATER.items() if not version.since(minor) for name in names
    }
    video = _GRANTS.fields["video"]
    fields = {name: kind for name, kind in _GRANTS.fields.items() if name not in unknown}
    if not version.since(9):
        fields.pop("agent", None)
    if isinstance(video, _Struct):
        known = {name: kind for name, kind in video.fields.items() if name not in unknown}
        fields["video"] = video._replace(fields=known)
    return _GRANTS._replace(fields=fields)


class _Misfit(NamedTuple):
    """A value that does not fit its Go type, as the libraries word it."""

    found: str
    where: str
    wanted: str

    @property
    def by_go(self) -> str:
        if not self.wanted:
            return self.found
        return (
            f"json: cannot unmarshal {self.found} into Go struct field {self.where} "
            f"of type {self.wanted}"
        )

    @property
    def by_jose(self) -> str:
        if not self.wanted:
            return self.found
        return f"json: cannot unmarshal {self.found} into Go value of type {self.wanted}"


def _decode(
    pairs: _Pairs, struct: _Struct, faults: list[_Misfit], *, exact: bool = False
) -> dict[str, Any]:
    """The members that the struct knows, and what did not fit (Go goes on after it)."""
    folded = {} if exact else {name.casefold(): name for name in struct.fields}
    decoded: dict[str, Any] = {}
    for key, value in pairs:
        name = key if key in struct.fields else folded.get(key.casefold())
        if name is None or value is None:
            continue
        wanted = struct.fields[name]
        where = f"{struct.name}.{struct.path}{name}"
        if isinstance(wanted, _Struct):
            if isinstance(value, _Pairs):
                # A second object under the same name is read into the first.
                inner = _decode(value, wanted, faults, exact=exact)
                decoded[name] = decoded.get(name, {}) | inner
            else:
                faults.append(_mismatch(value, where, wanted.go_type))
        else:
            decoded[name] = _value(value, wanted, where, faults)
    return decoded


def _value(value: Any, wanted: str, where: str, faults: list[_Misfit]) -> Any:
    match wanted:
        case "time":
            return _time(value)
        case "audience":
            listed = value if isinstance(value, list) else [value]
            if isinstance(value, _Pairs) or not all(map(_is_string, listed)):
                raise ValueError
            return listed
        case "room configuration":
            return _room_configuration(value, faults)
        case "[]string":
            if not isinstance(value, list) or isinstance(value, _Pairs):
                faults.append(_mismatch(value, where, wanted))
                return ()
            faults += [_mismatch(item, where, "string") for item in value if not _is_string(item)]
            return tuple(value)
        case "map[string]string":
            if not isinstance(value, _Pairs):
                faults.append(_mismatch(value, where, wanted))
                return {}
            faults += [
                _mismatch(item, where, "string")
                for _, item in value
                if item is not None and not _is_string(item)
            ]
            return {key: item or "" for key, item in value}
        case _:
            if (wanted == "string") != _is_string(value) or (
                wanted == "bool" and not isinstance(value, bool)
            ):
                faults.append(_mismatch(value, where, wanted))
            return value


def _room_configuration(value: Any, faults: list[_Misfit]) -> RoomConfiguration:
    read = RoomConfiguration()
    try:
        ParseDict(_plain(value), read, ignore_unknown_fields=True)
    except (ParseError, AttributeError, TypeError) as error:
        # The one message that is not the server's: Go's protobuf words it differently.
        faults.append(_Misfit(f"proto: {error}", "", ""))
    return read


def _is_string(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, _Number)


def _mismatch(value: object, where: str, wanted: str) -> _Misfit:
    match value:
        case bool():
            found = "bool"
        case _Number():
            found = "number"
        case str():
            found = "string"
        case _Pairs():
            found = "object"
        case _:
            found = "array"
    return _Misfit(found, where, wanted)


def _time(value: object) -> float:
    """A NumericDate: a number, or a string that holds one, cut to the second."""
    if not isinstance(value, str) or not re.fullmatch(
        r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", value
    ):
        raise ValueError
    seconds = float(value)
    if seconds in (float("inf"), float("-inf")):
        raise ValueError
    # Beyond 64 bits Go's conversion gives the smallest number there is.
    return float(int(seconds)) if abs(seconds) < 2**63 else float(-(2**63))


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(item) for key, item in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return json.loads(value) if isinstance(value, _Number) else value


def _wrong_times(registered: Mapping[str, Any], now: float) -> list[str]:
    late = "exp" in registered and now >= registered["exp"] + LEEWAY
    early = "nbf" in registered and now < registered["nbf"] - LEEWAY
    return ["token is expired"] * late + ["token is not valid yet"] * early


def _claims(registered: Mapping[str, Any], grants: Mapping[str, Any]) -> Claims:
    video = grants.get("video")
    sip = grants.get("sip", {})
    return Claims(
        identity=registered.get("sub") or registered.get("jti", ""),
        name=grants.get("name", ""),
        kind=grants.get("kind", ""),
        video=None if video is None else Video(**{_snake(k): v for k, v in video.items()}),
        sip_admin=sip.get("admin", False),
        sip_call=sip.get("call", False),
        metadata=grants.get("metadata", ""),
        attributes=grants.get("attributes", {}),
        room_config=grants.get("roomConfig", RoomConfiguration()),
        room_preset=grants.get("roomPreset", ""),
        expires=registered.get("exp"),
        grants=grants,
    )


NOBODY: Final = _claims({}, {})
"""What is known of somebody without a token."""


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name)
