"""Reads any text as a LiveKit token and says what is wrong with it; it never raises.

The law of this file: no library that answers "invalid token" reads a token here, because the
reason is what the user came for. Everything is bounded: text, nesting, the length of a number.
"""

import binascii
import contextlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from lkdoctor.redact import Secret

MAX_TEXT: Final = 1 << 20
"""Characters that are looked at. Go's servers read at most 1 MiB of headers
(``http.DefaultMaxHeaderBytes``), so no longer token can work."""


class Fault(StrEnum):
    """Why a text is not a token."""

    EMPTY = "nothing was given"
    PROMISE = "[object Promise]: the call that mints the token was not awaited"
    OBJECT = "[object Object]: an object was turned into text"
    UNDEFINED = "undefined: a variable or field that was never set"
    NULL = "null: a value that was never set"
    HTML = "an HTML page"
    JSON = "a JSON document without a token in it"
    PARTS = "not three parts separated by dots"
    CUT = "the beginning of a token, cut off"
    ENCRYPTED = "five parts: an encrypted token (JWE), which LiveKit cannot read"
    BASE64 = "a part is not base64url"
    HEADER = "the header is not a JSON object"
    CLAIMS = "the claims are not a JSON object"
    DEEP = "the JSON is nested too deeply"
    LONG = "longer than the 1 MiB of headers that a server reads"


class Around(StrEnum):
    """What stands around a token in the text; a server sees it as a part of the token."""

    NOTHING = "nothing"
    QUOTES = "quotes around it"
    BEARER = '"Bearer " in front of it'
    BLANKS = "blanks or line breaks around it"
    BROKEN = "line breaks inside it"
    JSON = "a JSON document around it"
    URL = "a URL around it"
    TEXT = "other text around it"


class NotAToken:
    """What was found in place of a token."""

    __slots__ = ("detail", "fault", "length")

    def __init__(self, fault: Fault, detail: str = "", length: int = 0) -> None:
        self.fault: Final = fault
        self.detail: Final = detail
        """More about it, without any of the text itself: ``claims, character 17``."""
        self.length: Final = length

    def __repr__(self) -> str:
        return f"NotAToken({self.fault.name}, {self.detail!r})"


class Jwt:
    """A token that could be read; it never shows itself."""

    __slots__ = (
        "around",
        "around_detail",
        "claims",
        "duplicates",
        "header",
        "length",
        "not_json",
        "not_utf8",
        "padded",
        "signature",
        "signing_input",
    )

    def __init__(
        self,
        signing_input: bytes,
        signature: bytes,
        header: Mapping[str, object],
        claims: Mapping[str, object],
    ) -> None:
        self.signing_input: Final = signing_input
        self.signature: Final = signature
        self.header: Final = header
        self.claims: Final = claims
        self.length = 0
        self.around = Around.NOTHING
        self.around_detail = ""
        """The JSON field or query parameter that held the token."""
        self.duplicates: tuple[str, ...] = ()
        """Names that stand twice in one object, with the claim that holds it (``video.room``);
        RFC 7515, section 4 forbids it."""
        self.not_json: tuple[str, ...] = ()
        """``NaN``, ``Infinity``: Python writes them, no server reads them."""
        self.not_utf8 = False
        self.padded = False
        """A part ends with ``=``, which RFC 7515, section 2 forbids and servers before 1.13 take."""

    def with_claims(self, claims: Mapping[str, object]) -> "Jwt":
        """The same token, its claims read in another way."""
        twin = Jwt(self.signing_input, self.signature, self.header, claims)
        for name in (
            "length",
            "around",
            "around_detail",
            "duplicates",
            "not_json",
            "not_utf8",
            "padded",
        ):
            setattr(twin, name, getattr(self, name))
        return twin

    @property
    def written(self) -> str:
        """The token itself, for `redact.register`."""
        signature = binascii.b2a_base64(self.signature, newline=False).decode()
        signature = signature.rstrip("=").replace("+", "-").replace("/", "_")
        return f"{self.signing_input.decode()}.{signature}"

    def __repr__(self) -> str:
        return f"<token, {self.length} chars>"


# ------------------------------------------------------------------ one part of a token

_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"===", b"==", b"=")


def unbase64url(part: bytes) -> bytes | None:
    """The bytes of one part, read as strictly as a server does; none when it is not base64url."""
    if len(part) % 4 == 1:
        return None
    try:
        return binascii.a2b_base64(
            part.translate(_TO_STANDARD) + _PADDING[len(part) % 4], strict_mode=True
        )
    except ValueError:  # binascii.Error is one
        return None


class _UnusualError(ValueError):
    """Something that needs the slow reader."""


def _plain_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _UnusualError
    return read


def _no_constant(name: str) -> object:
    raise _UnusualError(name)


_fast: Final = json.JSONDecoder(object_pairs_hook=_plain_object, parse_constant=_no_constant).decode


class _Remarks:
    """What the slow reader noticed."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []
        self.constants: list[str] = []

    def pairs(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        read: dict[str, object] = {}
        for name, value in pairs:
            before = read.get(name)
            if name in read:
                self._found.append((id(read), name))
            # The last one wins, as in Go's encoding/json, which reads an object into the same place.
            if isinstance(before, dict) and isinstance(value, dict):
                before.update(value)
            else:
                read[name] = value
        return read

    def duplicates(self, root: dict[str, object]) -> tuple[str, ...]:
        """Names that stand twice: ``exp``, ``video.room``; deeper down ``….name``."""
        places = {id(value): f"{name}." for name, value in root.items()} | {id(root): ""}
        return tuple(dict.fromkeys(places.get(at, "….") + name for at, name in self._found))

    def constant(self, name: str) -> str:
        self.constants.append(name)
        return name

    @staticmethod
    def integer(digits: str) -> int | float:
        # Python refuses to convert thousands of digits; a server reads them as a float.
        return int(digits) if len(digits) < 300 else float(digits)


class _Object(NamedTuple):
    """A JSON object, and what was noticed while reading it."""

    value: dict[str, object]
    duplicates: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    not_utf8: bool = False


def _read_object(data: bytes) -> _Object | str:
    """The object, or what is the matter with it."""
    broken = False
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        broken = True
    remarks = _Remarks()
    try:
        try:
            value = _fast(text)
        except (_UnusualError, ValueError):
            value = json.loads(
                text,
                object_pairs_hook=remarks.pairs,
                parse_constant=remarks.constant,
                parse_int=remarks.integer,
            )
    except json.JSONDecodeError as error:
        return f"{error.msg.lower()}, character {error.pos + 1}"
    except RecursionError:
        return Fault.DEEP
    if value is None:  # Go reads null as an object without members
        value = {}
    if not isinstance(value, dict):
        return "another JSON value than an object"
    return _Object(
        value, remarks.duplicates(value), tuple(dict.fromkeys(remarks.constants)), broken
    )


@lru_cache(maxsize=64)
def _read_header(part: bytes) -> _Object | str | None:
    """The header; none when it is not base64url. Tokens of one maker share theirs."""
    data = unbase64url(part)
    return None if data is None else _read_object(data)


# ------------------------------------------------------------------ a whole token


def read_exact(token: str) -> Jwt | NotAToken:
    """Read a text that is the token and nothing else."""
    if len(token) > MAX_TEXT:
        return NotAToken(Fault.LONG, length=len(token))
    parts = token.encode("utf-8", "replace").split(b".", 5)
    if len(parts) != 3:
        return _wrong_parts(token, len(parts))
    padded = token[-1:] == "=" or b"=" in parts[0] or b"=" in parts[1]
    if padded:
        parts = [part.rstrip(b"=") for part in parts]
    header = _read_header(parts[0])
    claims_bytes = unbase64url(parts[1])
    signature = unbase64url(parts[2])
    if header is None or claims_bytes is None or signature is None:
        at = 0 if header is None else 1 if claims_bytes is None else 2
        return NotAToken(Fault.BASE64, f"{_NAMES[at]}: {_not_base64(parts[at])}", len(token))
    if isinstance(header, str):
        return _no_object(Fault.HEADER, header, len(token))
    claims = _read_object(claims_bytes)
    if isinstance(claims, str):
        return _no_object(Fault.CLAIMS, claims, len(token))
    jwt = Jwt(b".".join(parts[:2]), signature, header.value, claims.value)
    jwt.duplicates = header.duplicates + claims.duplicates
    jwt.not_json = header.constants + claims.constants
    jwt.length = len(token)
    jwt.not_utf8 = header.not_utf8 or claims.not_utf8
    jwt.padded = padded
    return jwt


_NAMES: Final = ("header", "claims", "signature")


def _no_object(fault: Fault, problem: str, length: int) -> NotAToken:
    if problem is Fault.DEEP:
        return NotAToken(Fault.DEEP, length=length)
    return NotAToken(fault, problem, length)


def _not_base64(part: bytes) -> str:
    if b"+" in part or b"/" in part:
        return "standard base64 (+ and /) in place of base64url (- and _)"
    if len(part) % 4 == 1:
        return "one character too many or too few"
    return "characters that base64url does not have"


def _wrong_parts(token: str, parts: int) -> NotAToken:
    if parts == 5 and token.startswith("ey"):
        return NotAToken(Fault.ENCRYPTED, length=len(token))
    if parts < 3 and token.startswith("eyJ"):
        return NotAToken(Fault.CUT, f"{parts} of 3 parts", len(token))
    count = f"{parts} part{'s' if parts > 1 else ''}" if parts < 6 else "more than 5 parts"
    return NotAToken(Fault.PARTS, count, len(token))


# ------------------------------------------------------------------ a token in some text

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+=*\.[A-Za-z0-9_-]+=*\.[A-Za-z0-9_-]*=*")
# It begins where a run of base64url characters begins, so that each is looked at once; but a
# percent escape (%3D) and a JSON escape (\n) end in letters.
_INSIDE: Final = (
    r"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
    r"ey[A-Za-z0-9_-]{8,}={0,2}\.[A-Za-z0-9_-]{4,}={0,2}\.[A-Za-z0-9_-]*={0,2}"
)
_LITERALS: Final = {
    "": Fault.EMPTY,
    "[object promise]": Fault.PROMISE,
    "[object object]": Fault.OBJECT,
    "undefined": Fault.UNDEFINED,
    "null": Fault.NULL,
    "none": Fault.NULL,
    "nil": Fault.NULL,
    "{}": Fault.JSON,
}
_QUOTES: Final = "\"'`“”‘’«»"
_FIELD: Final = r"[\"']([\w.-]{1,40})\\?[\"']\s*:\s*\\?[\"'](?:Bearer )?$"
_QUERY: Final = r"[?&#]([\w-]{1,40})=$"


def read(text: str) -> Jwt | NotAToken:
    """Read a token, or the first one in a log line, a JSON document, a URL or any other text."""
    stripped = text[: MAX_TEXT + 1].strip()
    if _PLAIN.fullmatch(stripped):
        found = read_exact(stripped)
        if isinstance(found, Jwt) and len(stripped) != len(text):
            found.around = Around.BLANKS
        return found
    match = re.search(_INSIDE, stripped)
    if match is None:
        return _nothing_inside(stripped, len(text))
    if match.start() == 0 and stripped[match.end() : match.end() + 1] in {"+", "/"}:
        return read_exact(stripped.split()[0])  # standard base64: say so
    found = read_exact(match[0])
    if isinstance(found, Jwt):
        _name_surroundings(found, stripped, match)
    elif found.fault is Fault.CLAIMS or match[0].endswith("."):
        # A line break inside the token ends the match too early.
        return _joined(stripped) or found
    return found


def _joined(text: str) -> Jwt | None:
    whole = "".join(text.split())
    if _PLAIN.fullmatch(whole):
        found = read_exact(whole)
        if isinstance(found, Jwt):
            found.around = Around.BROKEN
            return found
    return None


def _nothing_inside(text: str, length: int) -> Jwt | NotAToken:
    bare = text.strip(_QUOTES + " ").lower()
    if bare in _LITERALS:
        return NotAToken(_LITERALS[bare], length=length)
    if length > MAX_TEXT:
        return NotAToken(Fault.LONG, length=length)
    if bare.startswith("<") or "<html" in bare[:2000] or "<!doctype" in bare[:2000]:
        return NotAToken(Fault.HTML, length=length)
    if bare[0] in "{[":
        return NotAToken(Fault.JSON, length=length)
    joined = _joined(text)
    if joined is not None:
        return joined
    if bare.startswith("bearer "):
        text = text[text.lower().index("bearer ") + 7 :].strip()
    return read_exact(text.strip(_QUOTES))


def _name_surroundings(jwt: Jwt, text: str, match: re.Match[str]) -> None:
    before = text[max(0, match.start() - 80) : match.start()]
    after = text[match.end() : match.end() + 1]
    field = re.search(_FIELD, before)
    query = re.search(_QUERY, before)
    if field:
        jwt.around, jwt.around_detail = Around.JSON, field[1]
    elif query:
        jwt.around, jwt.around_detail = Around.URL, query[1]
    elif re.fullmatch(r"Bearer\s+", text[: match.start()], re.IGNORECASE):
        jwt.around = Around.BEARER
    elif not text[: match.start()].strip(_QUOTES) and not text[match.end() :].strip(_QUOTES):
        jwt.around = Around.QUOTES
    elif after == ".":
        jwt.around, jwt.around_detail = Around.TEXT, "more parts after the third"
    else:
        jwt.around = Around.TEXT


# ------------------------------------------------------------------ signatures

_HASHES: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_SIZES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}


class Key(NamedTuple):
    """A key pair that tokens may be signed with, and where it came from."""

    name: str
    """What to call it: ``LIVEKIT_API_SECRET (.env.local:3)``, ``project staging``."""
    api_key: str
    secret: Secret


class SignatureState(StrEnum):
    VALID = "valid"
    WRONG = "wrong"
    VARIANT = "made with a distorted form of the secret"
    OTHER = "made with the secret of another key than it names"
    UNCHECKED = "not checked, no secret at hand"
    NOT_HMAC = "not one that a shared secret can make"
    MISSING = "missing"
    CUT = "cut short"


class Signature(NamedTuple):
    """What became of checking a signature."""

    state: SignatureState
    key: str | None = None
    """The name of the key pair that fits, or that was tried."""
    key_matches: bool | None = None
    """Whether ``iss`` is an API key at hand; none when there is none at hand."""
    variant: str | None = None
    """How the secret was distorted when the token was made."""


def signature_fits(jwt: Jwt, secret: bytes) -> bool:
    """Whether this secret made the signature, with the token's own HMAC."""
    algorithm = jwt.header.get("alg")
    digest = _HASHES.get(algorithm) if isinstance(algorithm, str) else None
    if digest is None:
        return False
    return hmac.compare_digest(hmac.digest(secret, jwt.signing_input, digest), jwt.signature)


def variants(secret: str) -> Iterable[tuple[str, bytes]]:
    """Ways in which a secret gets distorted between two places, each with the name of the fault."""
    import hashlib

    stripped = secret.strip()
    if stripped != secret:
        yield "the secret without the blanks around it", stripped.encode()
    unquoted = stripped.strip("\"'`")
    if unquoted != stripped:
        yield "the secret without the quotes around it", unquoted.encode()
    yield "the secret with a line break at its end", secret.encode() + b"\n"
    yield "the secret with a Windows line break at its end", secret.encode() + b"\r\n"
    yield "the secret with a blank at its end", secret.encode() + b" "
    yield "the secret with quotes around it", f'"{secret}"'.encode()
    yield "the secret with single quotes around it", f"'{secret}'".encode()
    yield "the secret with a byte order mark in front", b"\xef\xbb\xbf" + secret.encode()
    padded = stripped.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = binascii.a2b_base64(padded + "=" * (-len(padded) % 4), strict_mode=True)
    except ValueError:
        decoded = b""
    if decoded:
        yield "the secret decoded from base64", decoded
    yield "the secret encoded in base64", binascii.b2a_base64(secret.encode(), newline=False)
    with contextlib.suppress(ValueError):
        yield "the secret decoded from hexadecimal", bytes.fromhex(stripped)
    yield "the SHA-256 of the secret", hashlib.sha256(secret.encode()).digest()
    yield (
        "the SHA-256 of the secret, in hexadecimal",
        hashlib.sha256(secret.encode()).hexdigest().encode(),
    )
    yield "the secret in lower case", secret.lower().encode()
    yield "the secret in upper case", secret.upper().encode()
    if len(secret) > 1:
        yield "the secret without its last character", secret[:-1].encode()


class Keyring:
    """The key pairs at hand, ready to check many signatures."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys: Final = tuple(keys)
        self._bytes = tuple(
            key.secret.reveal().encode("utf-8", "surrogateescape") for key in self.keys
        )
        self.secret_bytes: Final = len(self._bytes[0]) if self._bytes else None
        """The length of the target's secret."""
        self._variants: tuple[tuple[str, str, bytes], ...] | None = None  # made when first needed
        self._by_api_key: dict[object, int] = {}
        for at, key in enumerate(self.keys):
            self._by_api_key.setdefault(key.api_key, at)

    def holds(self, text: object) -> bool:
        """Whether this is one of the secrets."""
        return isinstance(text, str) and any(key.secret.reveal() == text for key in self.keys)

    def check(self, jwt: Jwt) -> Signature:
        """Say whether, and with whose secret, a token was signed."""
        issuer = jwt.claims.get("iss")
        named = self._by_api_key.get(issuer) if isinstance(issuer, str) else None
        if named is not None and signature_fits(jwt, self._bytes[named]):
            return Signature(SignatureState.VALID, self.keys[named].name, key_matches=True)
        return self._explain(jwt, named)

    def _explain(self, jwt: Jwt, named: int | None) -> Signature:
        matches = None if not self.keys else named is not None
        algorithm = jwt.header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in _HASHES:
            return Signature(SignatureState.NOT_HMAC, key_matches=matches)
        if not jwt.signature:
            return Signature(SignatureState.MISSING, key_matches=matches)
        if len(jwt.signature) != _SIZES[algorithm]:
            return Signature(SignatureState.CUT, key_matches=matches)
        if not self.keys:
            return Signature(SignatureState.UNCHECKED)
        for key, secret in zip(self.keys, self._bytes, strict=True):
            if signature_fits(jwt, secret):
                return Signature(SignatureState.OTHER, key.name, matches)
        if self._variants is None:
            self._variants = tuple(
                (key.name, variant, secret)
                for key in self.keys
                for variant, secret in variants(key.secret.reveal())
            )
        for name, variant, secret in self._variants:
            if signature_fits(jwt, secret):
                return Signature(SignatureState.VARIANT, name, matches, variant)
        tried = self.keys[named if named is not None else 0].name
        return Signature(SignatureState.WRONG, tried, matches)
