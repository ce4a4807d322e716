"""What is secret, and how foreign text is made safe.

The law of this file: a value that was ever wrapped in `Secret` never leaves the process by a
sink that calls `clean`, not even in part. `Secret` registers the value; `clean` removes every
run of eight or more characters of it, in the spellings that servers and clients echo
(as is, URL-encoded, JSON-escaped, base64, hexadecimal), and everything that looks like a
token or a credential although nobody registered it.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable
from typing import Final, Never

SLICE: Final = 8
"""A run of this many characters of a secret is a leak; shorter secrets cannot be told from prose."""

MAX_TEXT: Final = 2048
"""Characters of one piece of foreign text that are shown; the rest is cut with a note."""

REDACTED: Final = "<redacted>"

_slices: set[str] = set()
_seen: set[str] = set()


class Secret:
    """A value that never shows itself; `reveal` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value
        register(value)

    def reveal(self) -> str:
        """Hand the value to the host that it belongs to."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"<secret, {len(self._value)} chars>"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> Never:
        msg = "a Secret is not written anywhere"
        raise TypeError(msg)


def register(value: str) -> None:
    """Let `clean` know a secret value (and the parts of a token) from now on."""
    if value in _seen:
        return
    _seen.add(value)
    parts = value.split(".")
    # A token's header is the same in every token and says nothing.
    candidates = parts[1:] if len(parts) == 3 and value.startswith("eyJ") else [value]
    for candidate in candidates:
        for spelling in _spellings(candidate):
            _slices.update(_runs(_folded(spelling)))
    _slices.difference_update(_public)


def spare(words: Iterable[str]) -> None:
    """Names of our own that are no secret even where somebody's secret shares a run with them.

    A code that is blotted out leads nobody to its page.
    """
    for word in words:
        _public.update(_runs(_folded(word)))
    _slices.difference_update(_public)


def _folded(text: str) -> str:
    """The text without letter case, a character for a character whatever stands around it."""
    # The two letters of Unicode whose lower case is longer, or depends on what follows.
    return text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


def _runs(text: str) -> set[str]:
    return {text[i : i + SLICE] for i in range(len(text) - SLICE + 1)}


_public: Final = set[str]().union(
    *map(_runs, ("livekit_url", "livekit_ws_url", "livekit_api_key", "livekit_api_secret")),
    *map(_runs, ("livekit_token", "--api-secret-file", "the api key of your project")),
    *map(_runs, ("--server-config livekit.yaml",)),
    *(
        _runs(gap.join(words))
        for gap in " -_"
        for words in (("your", "api", "key"), ("your", "api", "secret"), ("", "api", "secret", ""))
    ),
)
"""What our own words share with a sample value or a pasted line (``LIVEKIT_API_SECRET=…`` as the
value) is no secret: otherwise the variable's name would be blotted out wherever it stands."""


def _spellings(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    stripped = value.strip().strip("\"'")
    spellings = {
        value,
        stripped,
        urllib.parse.quote(value, safe="", errors="replace"),
        # As JavaScript's encodeURIComponent spells it (ECMA-262 §19.2.6.4).
        urllib.parse.quote(value, safe="!'()*", errors="replace"),
        urllib.parse.quote_plus(value, errors="replace"),
        json.dumps(value)[1:-1],
        raw.hex(),
        # Base64 of the value at each of the three offsets in a longer text.
        base64.b64encode(raw).decode().rstrip("="),
        base64.b64encode(b"\0" + raw).decode()[2:].rstrip("="),
        base64.b64encode(b"\0\0" + raw).decode()[3:].rstrip("="),
    }
    spellings |= {s.replace("+", "-").replace("/", "_") for s in spellings}
    return spellings


# A pattern is compiled when its needle is first seen (`re` keeps it): most output has none of them.

_TOKEN: Final = r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}"
"""A JWT, whole or cut short."""

_PATTERNS: Final = (
    (("access_token=",), r"(?i)(access_token=)[^&\s\"'<>]+", r"\1" + REDACTED),
    # `Bearer …` as a header has it, but not "Basic authentication" in a sentence.
    (
        ("bearer", "basic"),
        (
            r"(?i)\b(Bearer|Basic)(\s+)(?!<|(?:auth\w*|access|credentials?|scheme|challenge)\b)"
            r"[A-Za-z0-9._~+/=-]{8,}"
        ),
        r"\1\2" + REDACTED,
    ),
    # "credential": "…" of an ICE server, turn_password of a room; also as JSON within JSON.
    (
        ("password", "credential"),
        r"""(?i)\b((?:turn_?password|credential)\\?["']?\s*[:=]\s*\\?(["']))(?:(?!\\?\2).)*""",
        r"\1" + REDACTED,
    ),
)
"""What a text must hold in lower case for the pattern to be worth trying, the pattern, the rest."""

_WORD: Final = r"""[^\s"'<>]+"""
_PORT: Final = r"\d{1,5}(?:[/?#]|$)"


def _without_userinfo(match: re.Match[str]) -> str:
    """``scheme://user:password@host`` without what stands before the ``@``.

    By hand, as a regular expression for it takes quadratic time on text made for that.
    """
    first, *others = match[0].split("://")
    return "://".join((first, *map(_after_userinfo, others)))


def _after_userinfo(rest: str) -> str:
    user, colon, password = rest.partition(":")
    if colon and not re.match(_PORT, password) and not set(user) & set("/?#@["):
        end = rest.rfind("@")  # a password may hold any of / ? # @
    else:
        end = re.split("[/?#]", rest, maxsplit=1)[0].rfind("@")
    return rest if end < 0 else REDACTED + rest[end:]


def clean(text: str) -> str:
    """The text without any secret; every sink calls this once more, whatever was done before."""
    # Tokens first: one that is known would otherwise lose its parts and leave its header.
    if "eyJ" in text:
        text = re.sub(_TOKEN, "<token>", text)
    text = _without_known(text)
    folded = text.lower()
    for needles, pattern, replacement in _PATTERNS:
        if any(needle in folded for needle in needles):
            text = re.sub(pattern, replacement, text)
    if "://" in text and "@" in text:
        text = re.sub(_WORD, _without_userinfo, text)
    return text


def _without_known(text: str) -> str:
    if not _slices or len(text) < SLICE:
        return text
    folded = _folded(text)
    pieces: list[str] = []
    start = 0  # of the text not yet copied
    at = 0
    last = len(text) - SLICE
    while at <= last:
        if folded[at : at + SLICE] not in _slices:
            at += 1
            continue
        end = at + SLICE
        while end < len(text) and folded[end - SLICE + 1 : end + 1] in _slices:
            end += 1
        pieces += (text[start:at], REDACTED)
        start = at = end
    return "".join(pieces) + text[start:] if pieces else text


_INVISIBLE: Final = (
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def _visible(match: re.Match[str]) -> str:
    point = ord(match[0])
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def visible(text: str) -> str:
    r"""Foreign text in which no character can act: controls, bidi and zero-width become ``\x1b``."""
    if text.isprintable():  # nothing of what is looked for is
        return text
    return re.sub(_INVISIBLE, _visible, text)


def safe(text: str, limit: int = MAX_TEXT) -> str:
    """One line of foreign text, fit to be shown: secrets out, controls escaped, length bounded."""
    # Redact before cutting: the start of a cut secret could no longer be recognised.
    text = visible(clean(text[: 64 * 1024]))
    if len(text) > limit:
        return text[:limit] + " (cut)"
    return text


def masked_key(key: str) -> str:
    """An API key's beginning and end, enough to tell two apart: ``APIxk…7Qm``."""
    key = safe(key, 64)
    if len(key) <= 9:
        return key
    return f"{key[:5]}…{key[-3:]}"
