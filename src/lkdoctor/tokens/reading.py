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


class ReadToken(NamedTuple):
    """What a token says."""

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
    """The header has ``crit``: refused before 1.13."""
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
        # An identity beside a sub says the same (verifier.go overwrites it).
        elif name not in _COMMON and not (name == "identity" and claims.get("sub")):
            found.append(Misfit(safe(name, 80), "no server knows it", grants.meant("", name)))
    return tuple(found)


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
        critical=bool(jwt.header.get("crit")),
        claim_names=tuple([n if n in _KNOWN else safe(n, 80) for n in tuple(claims)[:50]]),
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
        describe(found, keyring.check(found))._replace(
            issuer_is_secret=keyring.holds(found.claims.get("iss"))
        ),
    )
