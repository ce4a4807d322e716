"""A token as plain data: what it says, what of that a server will not understand, and no secret."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from lkdoctor.redact import masked_key, safe
from lkdoctor.tokens import grants
from lkdoctor.tokens.decode import Around, Fault, Jwt, Keyring, NotAToken, Signature

MAX_NAME: Final = 600
"""Characters of a name that are kept: more than the 256 bytes that LiveKit takes, to show a fault."""


LEEWAY_S: Final = 60.0
"""What servers forgive: both token libraries a minute (verifier.go, go-jose's DefaultLeeway)."""


class TimeForm(StrEnum):
    """How a time is written."""

    INTEGER = "whole number"
    FRACTION = "number with a fraction"
    TEXT = "text"
    OTHER = "neither number nor text"


class Moment(NamedTuple):
    """One of a token's times."""

    written: str
    form: TimeForm
    seconds: float | None
    """Since 1970 UTC, as a server reads it; none when no server can."""


class GrantFault(StrEnum):
    """Why a server does not see a grant as it was meant."""

    UNKNOWN = "no server knows this name"
    TYPE = "a value of the wrong type"


class GrantRead(NamedTuple):
    """One grant as it stands in the token."""

    claim: str
    name: str
    value: bool | str | tuple[str, ...] | None
    """Where it is of a type that grants have; none for JSON's null too."""
    written: str
    """The JSON value, safe to show and bounded."""
    fault: GrantFault | None = None
    meant: str | None = None
    """The right spelling, where one is near."""


class Misfit(NamedTuple):
    """A claim outside the grants that a server does not read as it was meant."""

    name: str
    says: str
    """``a number, not a text``"""
    meant: str | None = None
    """The right name, where the name is the fault."""
    refused: bool = False
    """Whether a server refuses the token for it (else it ignores the claim)."""


class Unreadable(NamedTuple):
    """The text is no token."""

    fault: Fault
    detail: str
    kind: Literal["unreadable"] = "unreadable"


class Before113(NamedTuple):
    """What servers before 1.13 read of a token where that is something else.

    Those compare a claim's name letter by letter (go-jose's reader); since 1.13 (Go's
    ``encoding/json``) ``EXP`` is read as ``exp``, and the last one of both counts.
    """

    signature: Signature
    issuer: str | None
    issuer_is_key: bool | None
    identity: str
    identity_bytes: int
    room: str
    room_bytes: int
    expires: Moment | None
    not_before: Moment | None
    issued_at: Moment | None
    has_video: bool
    grants: tuple[GrantRead, ...]
    misfits: tuple[Misfit, ...]
    room_config_unknown: tuple[str, ...]


class ReadToken(NamedTuple):
    """What a token says, as servers since 1.13 read it."""

    alg: str
    """Empty where the header has none."""
    issuer: str | None
    """The API key, masked."""
    issuer_is_key: bool | None
    """Whether that is a key at hand; none when there is no key at hand."""
    signature: Signature
    identity: str
    """``sub``, or ``jti`` where there is no ``sub`` (verifier.go)."""
    identity_bytes: int
    name: str
    room: str
    room_bytes: int
    expires: Moment | None
    not_before: Moment | None
    issued_at: Moment | None
    has_video: bool
    """Whether there is a ``video`` claim that is an object."""
    grants: tuple[GrantRead, ...]
    misfits: tuple[Misfit, ...] = ()
    name_bytes: int = 0
    metadata_bytes: int = 0
    attributes: int | None = None
    """How many; none without the claim."""
    attributes_bytes: int = 0
    participant_kind: str = ""
    room_preset: str = ""
    room_config: bool = False
    duplicates: tuple[str, ...] = ()
    not_json: tuple[str, ...] = ()
    """Words such as NaN that are no JSON: no server reads the token."""
    not_utf8: bool = False
    padded: bool = False
    """A part ends with ``=``: refused since 1.13."""
    critical: bool = False
    """The header asks for an extension (``crit``, ``b64``): refused before 1.13."""
    bad_header: tuple[str, ...] = ()
    """Members of the header that servers before 1.13 cannot read, so that they refuse the token."""
    room_config_unknown: tuple[str, ...] = ()
    """Settings in ``roomConfig`` that no server knows: refused from 1.8 to 1.12."""
    before_1_13: Before113 | None = None
    claim_names: tuple[str, ...] = ()
    """Every claim at the top level, as written."""
    issuer_is_secret: bool = False
    """The token shows a secret that is at hand as its issuer."""
    kind: Literal["token"] = "token"

    def grants_of(self, claim: str) -> dict[str, object]:
        """The grants of one claim as a server since 1.13 reads them: unknown ones left out.

        Go's ``encoding/json`` takes a name in any mix of cases; what go-jose's reader (before 1.13)
        makes of that is `lkdoctor.tokens.predict`'s business.
        """
        return {
            grant.meant or grant.name: grant.value
            for grant in self.grants
            if grant.claim == claim and grant.fault is None
        }

    @property
    def video(self) -> dict[str, object]:
        """The video grants that count."""
        return self.grants_of("video")


Reading = ReadToken | Unreadable


class TokenText(NamedTuple):
    """A reading, and what stood around the token in the text."""

    length: int
    around: Around
    around_detail: str
    reading: Reading


_TYPES: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _type_name(value: object) -> str:
    return _TYPES.get(type(value), "another value")


def _written(value: object) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    try:
        return safe(json.dumps(value, ensure_ascii=False), 120)
    except (ValueError, RecursionError):
        return _type_name(value)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


# ------------------------------------------------------------------ times


def _moment(value: object) -> Moment | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return Moment(_written(value), TimeForm.OTHER, None)
    if isinstance(value, int):
        seconds = _finite(value)
        if abs(value) < 10**20:
            return Moment(str(value), TimeForm.INTEGER, seconds)
        beyond = "more than 1e+308" if value > 0 else "less than -1e+308"
        written = beyond if seconds is None else f"{seconds:.6e}"
        return Moment(written, TimeForm.INTEGER, seconds)
    if isinstance(value, float):
        # 1.7e9 is a whole number to every reader.
        form = TimeForm.FRACTION if value % 1 else TimeForm.INTEGER
        return Moment(repr(value), form, _finite(value))
    if isinstance(value, str):
        return Moment(_written(value), TimeForm.TEXT, _number(value))
    return Moment(_written(value), TimeForm.OTHER, None)


def _finite(number: float) -> float | None:
    """The number where floating point (and so any server) can hold it."""
    try:
        return float(number) if abs(number) < float("inf") else None
    except OverflowError:
        return None


_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"


def _number(text: str) -> float | None:
    """A text that is a JSON number, as golang-jwt reads it (``json.Number``)."""
    if len(text) > 40 or not re.fullmatch(_NUMBER, text):
        return None
    return _finite(float(text))


# ------------------------------------------------------------------ grants


def _grant(claim: str, name: str, value: object) -> GrantRead:
    known = grants.BY_CLAIM[claim]
    spec = known.get(name)
    if spec is None:
        return _misnamed_grant(claim, name, value)
    if value is True or value is False:
        if spec.type is grants.ValueType.SWITCH:
            return GrantRead(claim, name, value, "true" if value else "false")
    elif isinstance(value, str) and spec.type is grants.ValueType.TEXT:
        shown = safe(value, MAX_NAME)
        return GrantRead(claim, name, shown, f'"{shown}"')
    elif isinstance(value, list) and spec.type is grants.ValueType.TEXTS and _texts(value):
        return GrantRead(claim, name, tuple(safe(str(v), 80) for v in value[:100]), _written(value))
    # null leaves a field of Go as it is
    fault = None if value is None else GrantFault.TYPE
    return GrantRead(claim, name, None, _written(value), fault)


def _misnamed_grant(claim: str, name: str, value: object) -> GrantRead:
    folded = name.casefold()
    for right in grants.BY_CLAIM[claim]:
        if right.casefold() == folded:
            return _grant(claim, right, value)._replace(name=safe(name, 80), meant=right)
    return GrantRead(
        claim, safe(name, 80), None, _written(value), GrantFault.UNKNOWN, grants.meant(claim, name)
    )


def _grants(claims: Mapping[str, object]) -> tuple[GrantRead, ...]:
    found: list[GrantRead] = []
    for claim in grants.BY_CLAIM:
        value = claims.get(claim)
        if isinstance(value, dict):
            found += [_grant(claim, name, item) for name, item in value.items()]
    return tuple(found)


# ------------------------------------------------------------------ the other claims

_TEXTS: Final = ("iss", "sub", "jti", "name", "kind", "metadata", "sha256", "roomPreset")
_KNOWN: Final = frozenset(grants.CLAIMS)
# Written by other token makers, read by nobody here, harmless.
_COMMON: Final = frozenset({"typ", "azp", "sid", "scope", "nonce", "ver"})


def _wrong_type(name: str, value: object) -> str | None:
    """What a known claim's value is in place of what it should be."""
    if value is None or name in {"exp", "nbf", "iat"}:
        return None
    if name in _TEXTS:
        return None if isinstance(value, str) else f"{_type_name(value)}, not a text"
    if name == "aud":
        return None if _texts(value) or isinstance(value, str) else "not a text or a list of texts"
    if name == "kindDetails":
        return None if _texts(value) else "not a list of texts"
    if not isinstance(value, dict):
        return f"{_type_name(value)}, not an object"
    if name == "attributes":
        odd = [v for v in value.values() if not isinstance(v, str) and v is not None]
        return f"a value is {_type_name(odd[0])}, not a text" if odd else None
    return None


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _misfits(claims: Mapping[str, object]) -> tuple[Misfit, ...]:
    found: list[Misfit] = []
    for name, value in claims.items():
        if name in _KNOWN:
            wrong = _wrong_type(name, value)
            if wrong is not None:
                found.append(Misfit(name, wrong, refused=True))
            elif name == "roomConfig" and isinstance(value, dict):
                found += _bad_settings(value)
        elif name == "identity" and not isinstance(value, str) and value is not None:
            found.append(Misfit(name, f"{_type_name(value)}, not a text", refused=True))
        # An identity beside a sub says the same (verifier.go overwrites it).
        elif name not in _COMMON and not (name == "identity" and claims.get("sub")):
            found.append(Misfit(safe(name, 80), "no server knows it", grants.meant("", name)))
    return tuple(found)


_COUNTS: Final = frozenset(
    {"emptyTimeout", "departureTimeout", "maxParticipants", "minPlayoutDelay", "maxPlayoutDelay"}
)


def _bad_settings(config: Mapping[str, object]) -> list[Misfit]:
    """Settings of ``roomConfig`` that protobuf's JSON does not take; a number may be a text."""
    found: list[Misfit] = []
    for name, value in config.items():
        setting = _camel(name)
        if value is None:
            continue
        if setting in _COUNTS and not _count(value):
            found.append(
                Misfit(f"roomConfig.{name}", f"{_written(value)}, not a number", refused=True)
            )
        elif setting in {"name", "metadata"} and not isinstance(value, str):
            says = f"{_type_name(value)}, not a text"
            found.append(Misfit(f"roomConfig.{name}", says, refused=True))
    return found


def _count(value: object) -> bool:
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 2**32 and value == int(value)


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _brief(value: object, limit: int) -> str:
    if value == "HS256":
        return "HS256"
    return safe(value, limit) if isinstance(value, str) and value else ""


@lru_cache(maxsize=64)
def masked(issuer: str) -> str:
    """An API key, masked; a stream of tokens has few of them."""
    return masked_key(issuer)


def _critical(header: Mapping[str, object]) -> bool:
    """Whether go-jose refuses to verify: it knows one extension, b64, and signs no other text."""
    extensions = header.get("crit")
    wanted = isinstance(extensions, list) and any(item != "b64" for item in extensions)
    return wanted or header.get("b64") is False


def _bad_header(header: Mapping[str, object]) -> tuple[str, ...]:
    """Members that go-jose (shared.go ``rawHeader.sanitized``) cannot read."""
    found = [
        name
        for name in ("alg", "kid", "nonce")
        if header.get(name) is not None and not isinstance(header[name], str)
    ]
    key, chain = header.get("jwk"), header.get("x5c")
    if key is not None and not (isinstance(key, dict) and "kty" in key):
        found.append("jwk")
    if chain is not None and not _certificates(chain):
        found.append("x5c")
    if "crit" in header and header["crit"] is not None and not _texts(header["crit"]):
        found.append("crit")
    return tuple(found)


def _certificates(chain: object) -> bool:
    """Whether it may be a list of certificates; the smallest has some two hundred bytes."""
    return isinstance(chain, list) and all(isinstance(c, str) and len(c) > 200 for c in chain)


_ROOM_CONFIG: Final = frozenset(
    {"name", "emptyTimeout", "departureTimeout", "maxParticipants", "metadata", "egress", "tags"}
    | {"minPlayoutDelay", "maxPlayoutDelay", "syncStreams", "agents"}
)
"""livekit_room.proto, RoomConfiguration; protobuf's JSON takes snake case as well."""


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def _unknown_settings(claims: Mapping[str, object]) -> tuple[str, ...]:
    config = claims.get("roomConfig")
    if not isinstance(config, dict):
        return ()
    return tuple([safe(n, 80) for n in config if _camel(n) not in _ROOM_CONFIG][:20])


def _room_shown(read: tuple[GrantRead, ...], room: str) -> str:
    for grant in read:
        if grant.claim == "video" and (grant.meant or grant.name) == "room":
            return grant.value if isinstance(grant.value, str) else ""
    return safe(room, MAX_NAME)


def describe(jwt: Jwt, signature: Signature) -> ReadToken:
    """The token as plain data."""
    claims = jwt.claims
    video = claims.get("video")
    read = _grants(claims)
    identity = _text(claims, "sub") or _text(claims, "jti")
    name = _text(claims, "name")
    attributes = claims.get("attributes")
    issuer = claims.get("iss")
    alg = jwt.header.get("alg")
    room = ""
    if isinstance(video, dict):
        # Here, not from the grant that was read: that one may have been cut.
        value = video.get("room")
        if value is None:
            value = next((v for k, v in video.items() if k.casefold() == "room"), "")
        room = value if isinstance(value, str) else ""
    return ReadToken(
        alg=_brief(alg, 40),
        issuer=masked(issuer) if isinstance(issuer, str) and issuer else None,
        issuer_is_key=signature.key_matches,
        signature=signature,
        identity=safe(identity, MAX_NAME),
        identity_bytes=_size(identity),
        name=safe(name, MAX_NAME),
        room=_room_shown(read, room),
        room_bytes=_size(room),
        expires=_moment(claims.get("exp")),
        not_before=_moment(claims.get("nbf")),
        issued_at=_moment(claims.get("iat")),
        has_video=isinstance(video, dict),
        grants=read,
        misfits=_misfits(claims),
        name_bytes=_size(name),
        metadata_bytes=_size(_text(claims, "metadata")),
        attributes=len(attributes) if isinstance(attributes, dict) else None,
        attributes_bytes=(
            sum(_size(str(k)) + _size(str(v)) for k, v in attributes.items())
            if isinstance(attributes, dict)
            else 0
        ),
        participant_kind=_brief(claims.get("kind"), 40),
        room_preset=_brief(claims.get("roomPreset"), 80),
        room_config=isinstance(claims.get("roomConfig"), dict),
        duplicates=tuple(safe(n, 80) for n in jwt.duplicates[:20]),
        not_json=jwt.not_json,
        not_utf8=jwt.not_utf8,
        padded=jwt.padded,
        critical=_critical(jwt.header),
        bad_header=_bad_header(jwt.header) if jwt.header.keys() - _USUAL_HEADER else (),
        room_config_unknown=_unknown_settings(claims),
        claim_names=tuple([n if n in _KNOWN else safe(n, 80) for n in tuple(claims)[:50]]),
    )


_USUAL_HEADER: Final = frozenset({"typ"})

_TIMES: Final = frozenset({"exp", "nbf", "iat"})
_BY_FOLD: Final = {name.casefold(): name for name in grants.CLAIMS}


def _refolded(claims: Mapping[str, object]) -> tuple[dict[str, object], tuple[Misfit, ...]] | None:
    """The claims with their names as since 1.13 they are read, and those that are not so written."""
    if claims.keys() <= _KNOWN:
        return None
    read: dict[str, object] = {}
    misfits: list[Misfit] = []
    for name, value in claims.items():
        right = name if name in _KNOWN else _BY_FOLD.get(name.casefold(), name)
        if right != name:
            says = f"servers since 1.13 read it as {right}, older ones do not"
            misfits.append(Misfit(safe(name, 80), says, right))
            wrong = _wrong_type(right, value)
            if wrong is None and right in _TIMES:
                moment = _moment(value)
                wrong = "not a time" if moment is not None and moment.seconds is None else None
            if wrong is not None:  # also where another one takes its place
                misfits.append(Misfit(right, f"{safe(name, 80)} is {wrong}", refused=True))
        read[right] = _over(read.get(right), value)
    return (read, tuple(misfits)) if misfits else None


def _over(old: object, new: object) -> object:
    """What Go has when it reads one value into the place of another: objects are merged."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **new}
    return old if new is None and isinstance(old, str) else new


def _read(jwt: Jwt, keyring: Keyring) -> ReadToken:
    as_written = describe(jwt, keyring.check(jwt))
    refolded = _refolded(jwt.claims)
    if refolded is None:
        return as_written
    claims, misfits = refolded
    folded = jwt.with_claims(claims)
    reading = describe(folded, keyring.check(folded))
    return reading._replace(
        misfits=tuple(
            dict.fromkeys(
                (*reading.misfits, *(m for m in as_written.misfits if m.refused), *misfits)
            )
        ),
        claim_names=as_written.claim_names,
        before_1_13=Before113(*(getattr(as_written, name) for name in Before113._fields)),
    )


def reading_of(found: Jwt | NotAToken, keyring: Keyring) -> TokenText:
    """What `decode.read` found, as plain data."""
    if isinstance(found, NotAToken):
        return TokenText(
            found.length, Around.NOTHING, "", Unreadable(found.fault, safe(found.detail, 200))
        )
    return TokenText(
        found.length,
        found.around,
        safe(found.around_detail, 60) if found.around_detail else "",
        _read(found, keyring)._replace(issuer_is_secret=keyring.holds(found.claims.get("iss"))),
    )
