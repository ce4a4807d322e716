"""What is secret, and how foreign text is made safe.

The law of this file: what was ever wrapped in `Secret` stands in no text that went through
`clean`, not even in part: not a run of eight characters of it, in the spellings that servers and
clients echo, nor the whole of a shorter one as a word. Nor does what is a secret by its shape or
by its name although nobody registered it (`lkdoctor.suspects`). All this holds for a text as it
is written, and as it reads when its escapes are undone.

Two kinds of text, a function for each: foreign text is made `safe` (or `clean`, where it has more
than one line) before it becomes a fact; a line of the report, in which our own words stand, too,
is `screened` once more on its way out, and what may be a word stays.

What a *server* names as secret (TURN credentials, a room's TURN password) could be any word, and
would blot that word out of the report: it becomes no fact, is looked for in foreign text alone,
and there only where it is what no word looks like.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Final, Never

from lkdoctor import suspects

REDACTED: Final = suspects.REDACTED
"""What stands in a secret's place."""

SLICE: Final = 8
"""A run of this many characters of a secret is a leak; a shorter secret is one as a whole word."""

MAX_TEXT: Final = 2048
"""Characters of one piece of foreign text that are shown; the rest is cut with a note."""

_GRAM: Final = 4
_STEP: Final = SLICE - _GRAM + 1
"""In every run of `SLICE` characters a run of `_GRAM` begins at a multiple of this: to look at
these alone takes a fifth of the time."""

_WORD: Final = 3
"""Characters; what is shorter cannot be told from anything."""

_KNOWN_TO_ALL: Final = frozenset({"secret", "devkey"})
"""What ``livekit-server --dev`` takes, and what is no secret to anybody."""


class Secret:
    """A value that never shows itself; `reveal` is the one way to it.

    Args:
        value: the secret.
        theirs: a server has named it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, *, theirs: bool = False) -> None:
        self._value: Final = value
        register(value, theirs=theirs)

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


# ------------------------------------------------------------------ what is known


class _Known:
    """Values, and by what they are found; so many at most, the newest.

    Args:
        most: values.
        size: characters of all of them together.
    """

    __slots__ = ("_most", "_size", "_values", "grams", "runs", "words")

    def __init__(self, most: int, size: int) -> None:
        self._most: Final = most
        self._size: Final = size
        self._values: dict[str, None] = {}
        self.runs: Final = set[str]()
        """Every run of `SLICE` characters of them, in every spelling, without letter case."""
        self.grams: Final = set[str]()
        """Every run of `_GRAM` characters of these."""
        self.words: Final = set[str]()
        """Those that are shorter, likewise."""

    def __contains__(self, value: str) -> bool:
        return value[: self._size] in self._values

    def add(self, value: str) -> None:
        value = value[: self._size]
        self._values[value] = None
        if len(self._values) > self._most or sum(map(len, self._values)) > self._size:
            self._forget_half()
        else:
            self._index(value)

    def forget(self, values: Iterable[str] = ()) -> None:
        """Begin again, with these values."""
        values = list(values)
        if values == list(self._values):
            return
        self._values = dict.fromkeys(values)
        for index in (self.runs, self.grams, self.words):
            index.clear()
        for value in self._values:
            self._index(value)

    def all(self) -> list[str]:
        return list(self._values)

    def _forget_half(self) -> None:
        # Tokens first: their shape gives them away, known or not.
        ranked = sorted(self._values, key=lambda value: not _is_token(value))
        newest = ranked[len(ranked) // 2 :]
        while len(newest) > 1 and sum(map(len, newest)) > self._size // 2:
            del newest[0]
        self.forget(newest)

    def _index(self, value: str) -> None:
        # A token's header is the same in every token and says nothing.
        for part in value.split(".")[1:] if _is_token(value) else [value]:
            for spelling in _spellings(part):
                folded = _folded(spelling)
                if len(folded) >= SLICE:
                    self.runs.update(_runs(folded))
                    self.grams.update(_runs(folded, _GRAM))
            whole = part.strip().strip("\"'")
            if _WORD <= len(whole) < SLICE and whole not in _KNOWN_TO_ALL:
                # Nor does what it becomes in base64, at times, fill a run.
                self.words.update(w for w in map(_folded, _spellings(whole)) if len(w) >= _WORD)
        self.runs.difference_update(_public)


def _is_token(value: str) -> bool:
    return value.startswith("eyJ") and value.count(".") == 2


def _folded(text: str) -> str:
    """The text without letter case, a character for a character whatever stands around it."""
    # The two letters of Unicode whose lower case is longer, or depends on what follows.
    return text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


def _runs(text: str, length: int = SLICE) -> set[str]:
    return {text[i : i + length] for i in range(len(text) - length + 1)}


_known: Final = _Known(256, 16 * 1024)

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


_theirs: Final[dict[str, None]] = {}
"""What a server has named as secret, without letter case."""

_MOST_OF_THEIRS: Final = 32


def register(value: str, *, theirs: bool = False) -> None:
    """Let `clean` know a secret value (and the parts of a token) from now on.

    Args:
        value: the secret.
        theirs: a server has named it.
    """
    if theirs:
        if 2 * SLICE <= len(value) <= MAX_TEXT and suspects.is_opaque(value):
            _theirs[_folded(value)] = None
            if len(_theirs) > _MOST_OF_THEIRS:
                del _theirs[next(iter(_theirs))]
    elif value and value not in _known:
        _known.add(value)


def spare(words: Iterable[str]) -> None:
    """Names of our own that are no secret even where somebody's secret shares a run with them.

    A code that is blotted out leads nobody to its page.
    """
    for word in words:
        _public.update(_runs(_folded(word)))
    _known.runs.difference_update(_public)


def remembered() -> tuple[list[str], list[str]]:
    """All that is known now, for `forget` to come back to."""
    return _known.all(), list(_theirs)


def forget(remembered: tuple[list[str], list[str]] = ([], [])) -> None:
    """Know what was known then, or nothing: as in a new process."""
    ours, theirs = remembered
    _known.forget(ours)
    _theirs.clear()
    _theirs.update(dict.fromkeys(theirs))


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


# ------------------------------------------------------------------ what is removed


def clean(text: str) -> str:
    """Foreign text without any secret."""
    if "eyJ" not in text and text.replace("-", "").replace("_", "").isalnum():
        return _without(text, _known_to_us(_folded(text)))  # one word, as most names are
    return _without(text, _secrets(text))


def safe(text: str, limit: int = MAX_TEXT) -> str:
    """One line of foreign text, fit to be shown: secrets out, controls escaped, length bounded."""
    # Redact before cutting: the start of a cut secret could no longer be recognised.
    return _shortened(visible(clean(text[: 64 * 1024])), limit)


def screened(text: str) -> str:
    """A piece of the report looked at once more, whatever was done to its parts before.

    Our own words stand in it, and a secret may be one of them: what could be words stays.
    """
    return _without(text, _surely_secret(text))


def shown(text: str, limit: int = MAX_TEXT) -> str:
    """One line of a report, `screened`, controls escaped, length bounded."""
    return _shortened(visible(screened(text[: 64 * 1024])), limit)


def _shortened(text: str, limit: int) -> str:
    return text[:limit] + " (cut)" if len(text) > limit else text


_Mark = tuple[int, int, str]
"""Start, end, and what stands there instead."""


def _without(text: str, secrets: Iterable[_Mark]) -> str:
    """The text with a mark for each of the places; for those that overlap the widest one's."""
    places = list(secrets)
    if not places:
        return text
    places.sort()
    pieces: list[str] = []
    done = 0
    start, end, mark = places[0]
    widest = end - start
    for from_, to, other in (*places[1:], (len(text), len(text) + 1, "")):
        if from_ >= end:
            pieces += (text[done:start], mark)
            done = end
            start, end, mark, widest = from_, to, other, to - from_
            continue
        if to - from_ > widest or (to - from_ == widest and other == suspects.TOKEN):
            mark, widest = other, to - from_
        end = max(end, to)
    return "".join(pieces) + text[done:]


def _secrets(text: str) -> Iterator[_Mark]:
    yield from _as_it_reads(text)
    if "%" in text or "\\" in text or "&" in text:
        for reading, places in _readings(text):
            for start, end, mark in _as_it_reads(reading):
                yield places[start], places[end], mark


def _as_it_reads(text: str) -> Iterator[_Mark]:
    folded = _folded(text)
    for start, end in suspects.tokens(text):
        yield start, end, suspects.TOKEN
    yield from _known_to_us(folded)
    for start, end in suspects.credentials(text, folded):
        if not text.startswith(suspects.MARKS, start):
            yield start, end, REDACTED


def _known_to_us(folded: str) -> Iterator[_Mark]:
    for start, end in _known_in(folded):
        yield start, end, REDACTED
    for word in (*_known.words, *_theirs):
        for start in _whole(folded, word):
            yield start, start + len(word), REDACTED


def _known_in(folded: str) -> Iterator[tuple[int, int]]:
    """Where runs of known secrets stand, each as long as it goes on."""
    runs, grams = _known.runs, _known.grams
    done = 0
    for at in range(0, len(folded) - _GRAM + 1 if runs else 0, _STEP):
        if folded[at : at + _GRAM] not in grams:
            continue
        for start in range(max(done, at - _STEP + 1), at + 1):
            if folded[start : start + SLICE] in runs:
                end = start + SLICE
                while folded[end - SLICE + 1 : end + 1] in runs and end < len(folded):
                    end += 1
                yield start, end
                done = end
                break


def _whole(folded: str, word: str) -> Iterator[int]:
    """Where a word stands that is no part of a longer one."""
    at = folded.find(word)
    while at >= 0:
        end = at + len(word)
        if not (at and folded[at - 1].isalnum()) and not folded[end : end + 1].isalnum():
            yield at
        at = folded.find(word, end)


_ESCAPE: Final = (
    r"(?:%[0-9A-Fa-f]{2})+|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[\"'\\/bfnrt]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);"
)
_DEPTH: Final = 3
"""How often a text is read with its escapes undone: JSON in JSON in a query."""


def _readings(text: str) -> Iterator[tuple[str, list[int]]]:
    """The text with its escapes undone, once and again; with each the places of its characters."""
    places = list(range(len(text) + 1))
    for _ in range(_DEPTH):
        pieces: list[str] = []
        moved: list[int] = []
        done = 0
        for found in re.finditer(_ESCAPE, text):
            start, end = found.span()
            pieces.append(text[done:start])
            moved += places[done:start]
            for character, at in _meant(found[0]):
                pieces.append(character)
                moved.append(places[start + at])
            done = end
        if not pieces:
            return
        text = "".join(pieces) + text[done:]
        places = moved + places[done:]
        yield text, places


def _meant(escape: str) -> Iterator[tuple[str, int]]:
    """What an escape, or a run of them, stands for, and where in it each character begins."""
    if escape[0] == "%":
        data = bytes.fromhex(escape.replace("%", ""))
        at = 0
        for character in data.decode("utf-8", "surrogateescape"):
            yield character, at * 3
            at += len(character.encode("utf-8", "surrogateescape"))
    elif escape[0] == "&":
        import html

        yield html.unescape(escape)[:1], 0
    elif escape[1] in "ux":
        yield chr(int("0x" + escape[2:], 0)), 0
    else:
        yield {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}.get(escape[1], escape[1]), 0


_LONGEST_WORDS: Final = 20
"""Characters: what is longer than this and a known secret is that secret, even of letters alone."""


def _surely_secret(text: str) -> Iterator[_Mark]:
    for start, end in suspects.tokens(text):
        yield start, end, suspects.TOKEN
    for start, end in suspects.urls(text):
        if not text.startswith(suspects.MARKS, start):
            yield start, end, REDACTED
    for start, end in _known_in(_folded(text)):
        if end - start >= _LONGEST_WORDS or any(map(str.isdigit, text[start:end])):
            yield start, end, REDACTED


# ------------------------------------------------------------------ what can act

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


# ------------------------------------------------------------------ what is shown of a value


def safe_url(text: str, limit: int = MAX_TEXT) -> str:
    """`safe` for a value that is meant to be a URL: also without user and password, however written."""
    place = suspects.userinfo_place(text)
    if place is not None:
        text = f"{text[: place[0]]}{REDACTED}{text[place[1] :]}"
    text = _without(text, ((*random, REDACTED) for random in suspects.by_chance(text)))
    return safe(text, limit)


def without_userinfo(url: str) -> tuple[str, str]:
    """A value that is meant to be a URL, and the user and password that were cut out of it."""
    place = suspects.userinfo_place(url)
    if place is None:
        return url, ""
    start, end = place
    return url[:start] + url[end + 1 :], url[start:end]


def masked_key(key: str) -> str:
    """An API key's beginning and end, enough to tell two apart: ``APIxk…7Qm``."""
    key = safe(key, 64)
    if len(key) <= 9:
        return key
    return f"{key[:5]}…{key[-3:]}"
