"""A log's bytes to the phrases in it: streamed, in bounded memory, whatever the bytes are.

Whole blocks are searched for each text first; only lines that hold one are looked at.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from lkdoctor.logs import phrases, reasons
from lkdoctor.logs.phrases import Phrase, Weight
from lkdoctor.redact import register, safe
from lkdoctor.tokens.decode import Jwt, read_exact
from lkdoctor.tokens.reading import masked

MAX_LINE: Final = 64 * 1024
"""Bytes of a line that are looked at as one; of a longer one, what surrounds a known text."""

_BEFORE: Final = 1024
_AFTER: Final = 4096
"""Bytes before and after a known text that are looked at in a longer line."""

MAX_QUOTE: Final = 240
_LEAD: Final = 60
"""Characters of a quote, and of those what stands before the known text."""

MAX_TOKENS: Final = 20
"""Different tokens that are read; the others are only counted."""

_SNIFF: Final = 512


class Sighting(NamedTuple):
    """A line that holds a phrase."""

    line: int
    """Counted from 1."""
    time: str
    """The line's time stamp as it is written there; empty where it has none."""


class Found(NamedTuple):
    """A phrase, and where it stood."""

    phrase: Phrase
    times: int
    """Lines that hold it."""
    first: Sighting
    last: Sighting
    quote: str
    """What the first line says there, safe to show."""


class TokenSeen(NamedTuple):
    """A token that stood in the log; never the token itself."""

    line: int
    issuer: str
    """The API key, masked; empty where there is none."""
    expires: float | None
    """Seconds since 1970."""
    not_before: float | None


class Scan(NamedTuple):
    """All that was found in a log."""

    lines: int
    size: int
    """Bytes."""
    encoding: str
    cut_lines: int
    """Lines longer than 64 KiB that could not be looked at as a whole."""
    found: tuple[Found, ...]
    token_lines: int
    first_token: Sighting | None
    tokens: tuple[TokenSeen, ...]
    secret_lines: tuple[int, ...]
    """The first lines that show an API secret."""


def scan(chunks: Iterable[bytes]) -> Scan:
    """Find every phrase in a log that comes in pieces."""
    scanner = Scanner()
    for chunk in chunks:
        scanner.feed(chunk)
    return scanner.close()


_ALL: Final = (*phrases.PHRASES, *reasons.PHRASES)


def _by_text() -> Mapping[bytes, tuple[int, ...]]:
    told: dict[bytes, list[int]] = {}
    for i, phrase in enumerate(_ALL):
        told.setdefault(phrase.text.encode(), []).append(i)
    return {text: tuple(numbers) for text, numbers in told.items()}


_TEXTS: Final = _by_text()
_STEMS: Final = (
    *(b" con", b"cert", b" res", b"err_", b" to ", b"ocke", b"failure", b" must ", b" time"),
    *(b"media", b"e no", b"s not ", b"disconnect", b"invalid", b" failed", b" too ", b": 50"),
    *(b"expected ", b"available", b"received", b"mismatch", b"refused", b" policy", b"_error"),
    *(b"orted", b"curre", b"nrea", b"ject", b"remov", b"getaddrinfo ", b"shutdown", b"deleted"),
)
"""Pieces of which nearly every text holds one, and a line of a healthy log seldom: to look for
these and the few other texts takes a fourth of the time that all texts would."""


def _by_stem() -> Mapping[bytes, tuple[tuple[bytes, tuple[int, ...]], ...]]:
    told: dict[bytes, list[tuple[bytes, tuple[int, ...]]]] = {}
    for text, numbers in _TEXTS.items():
        stem = next((stem for stem in _STEMS if stem in text), text)
        told.setdefault(stem, []).append((text, numbers))
    return {stem: tuple(texts) for stem, texts in told.items()}


_BY_STEM: Final = _by_stem()
_PATTERNS: Final = {
    pattern: re.compile(pattern) for pattern in {p.pattern for p in _ALL} if pattern
}
_RANK: Final = {weight: i for i, weight in enumerate(Weight)}

_TOKEN_MARK: Final = b"eyj"
_SECRET_MARKS: Final = (b"api_secret", b"apisecret", b"api-secret")

_ANSI: Final = re.compile(
    rb"\x1b(?:\[[0-9:;<=>?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)?)"
)
_JWT: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]{6,4000}\.[A-Za-z0-9_-]{8,60000}\.[A-Za-z0-9_-]{16,1000}"
)
_SECRET: Final = re.compile(
    r"(?i)api[_-]?secret[\"'\\]{0,3}\s{0,4}[=:]\s{0,4}[\"'\\]{0,3}(?=[A-Za-z]*[0-9])([A-Za-z0-9+/_=-]{16,200})"
)
_INSIDE: Final = re.compile(r"^[A-Za-z0-9._~+/=%-]+")
"""What may be the end of a token or a secret where a text begins within a line."""

_STAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?"
    r"|\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    r"|(?<![\d:])\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?![\d:])"
    r'|"(?:ts|time|timestamp)": ?(?P<epoch>\d{10}(?:\.\d{1,9})?|\d{13})\b'
)


class _Seen:
    __slots__ = ("count", "first", "last_head", "last_line", "quote")

    def __init__(self, line: int, text: str, phrase: Phrase) -> None:
        self.count = 0
        self.first: Final = Sighting(line, stamp(text))
        self.quote: Final = _quote(text, phrase.text)
        self.last_line = 0
        self.last_head = ""


class Scanner:
    """Takes a log piece by piece."""

    def __init__(self) -> None:
        self._begun = False
        self._start = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = "UTF-8"
        self._carry = b""
        self._within = False
        """Whether the carry begins within a line."""
        self._size = 0
        self._line = 0
        """Lines that have ended."""
        self._cut: int = 0
        self._last_cut = 0
        self._seen: dict[int, _Seen] = {}
        self._token_lines = 0
        self._first_token: Sighting | None = None
        self._last_token_line = 0
        self._tokens: dict[str, TokenSeen] = {}
        self._secret_lines: list[int] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._size += len(chunk)
        if not self._begun:
            self._start += chunk
            if len(self._start) < _SNIFF:
                return
            chunk = self._begin()
        self._take(chunk)

    def close(self) -> Scan:
        """What was found, when there is no more."""
        if not self._begun:
            self._take(self._begin())
        if self._decoder is not None:
            self._carry += self._decoder.decode(b"", final=True).encode()
        if self._carry:
            self._block(self._carry)
            self._line += 1
        elif self._within:
            self._line += 1
        found = tuple(
            Found(
                _ALL[i],
                seen.count,
                seen.first,
                Sighting(seen.last_line, stamp(seen.last_head)),
                seen.quote,
            )
            for i, seen in sorted(self._seen.items())
        )
        return Scan(
            lines=self._line,
            size=self._size,
            encoding=self._encoding,
            cut_lines=self._cut,
            found=found,
            token_lines=self._token_lines,
            first_token=self._first_token,
            tokens=tuple(self._tokens.values()),
            secret_lines=tuple(self._secret_lines),
        )

    def _begin(self) -> bytes:
        self._begun = True
        start, self._start = self._start, b""
        encoding, mark = _encoding(start)
        self._encoding = encoding
        if encoding != "UTF-8":
            self._decoder = codecs.getincrementaldecoder(encoding.lower())("replace")
        return start[mark:]

    def _take(self, chunk: bytes) -> None:
        if self._decoder is not None:
            chunk = self._decoder.decode(chunk).encode("utf-8", "replace")
        data = self._carry + chunk
        end = data.rfind(b"\n") + 1
        if end:
            self._block(data[:end])
            self._line += data.count(b"\n", 0, end)
            self._within = False
        self._carry = data[end:]
        if len(self._carry) > MAX_LINE:
            # A line without an end: looked at in pieces that overlap.
            self._block(self._carry)
            self._cut_line(self._line + 1)
            self._carry = self._carry[-_BEFORE:]
            self._within = True

    def _cut_line(self, line: int) -> None:
        if line > self._last_cut:
            self._cut += 1
            self._last_cut = line

    def _block(self, block: bytes) -> None:
        if b"\x1b" in block:
            block = _ANSI.sub(b"", block)
        low = block.lower()
        spots = _candidates(low)
        marks = [m for m in (_TOKEN_MARK, *_SECRET_MARKS) if m in low]
        suspects = {spot for mark in marks for spot in _spots(low, mark)}
        line, at = self._line + 1, 0
        for start, end in sorted(spots.keys() | suspects):
            line += block.count(b"\n", at, start)
            at = max(at, start)
            text = block[start:end].decode("utf-8", "replace")
            inside = start > 0 and block[start - 1] != 0x0A
            if inside or (start == 0 and self._within):
                text = _INSIDE.sub("", text)
                self._cut_line(line)
            elif end < len(block) and block[end] != 0x0A:
                self._cut_line(line)
            if (start, end) in suspects:
                self._secrets(line, text)
            if (start, end) in spots:
                self._phrases(line, text, spots[start, end])

    def _phrases(self, line: int, text: str, numbers: list[int]) -> None:
        low = text.lower()
        for i in _fitting(low, numbers):
            seen = self._seen.get(i)
            if seen is None:
                seen = self._seen[i] = _Seen(line, text, _ALL[i])
            if line > seen.last_line:
                seen.count += 1
                seen.last_line = line
                seen.last_head = text[:300]

    def _secrets(self, line: int, text: str) -> None:
        for match in _SECRET.finditer(text):
            if len(self._secret_lines) == MAX_TOKENS:
                break  # what stands behind its name is known for a secret anyway
            self._secret_lines.append(line)
            register(match[1])
        token = _JWT.search(text)
        if token is None:
            return
        if line > self._last_token_line:
            self._token_lines += 1
            self._last_token_line = line
            self._first_token = self._first_token or Sighting(line, stamp(text))
        for token in _JWT.finditer(text):
            if len(self._tokens) >= MAX_TOKENS:
                return
            if token[0] not in self._tokens:
                read = read_exact(token[0])
                if isinstance(read, Jwt):
                    self._tokens[token[0]] = _told(line, read)


def _told(line: int, jwt: Jwt) -> TokenSeen:
    issuer = jwt.claims.get("iss")
    return TokenSeen(
        line,
        masked(issuer) if isinstance(issuer, str) else "",
        _seconds(jwt.claims.get("exp")),
        _seconds(jwt.claims.get("nbf")),
    )


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return None
    return float(value)


Spot = tuple[int, int]
"""Start and end of a line, or of what surrounds a known text in a long one."""


def _candidates(low: bytes) -> dict[Spot, list[int]]:
    """Where known texts are, and the numbers of their phrases."""
    spots: dict[Spot, list[int]] = {}
    long: set[Spot] = set()
    for stem, texts in _BY_STEM.items():
        for start, end in _lines(low, stem):
            if end - start > MAX_LINE:
                long.add((start, end))
                continue
            for text, numbers in texts:
                if low.find(text, start, end) >= 0:
                    spots.setdefault((start, end), []).extend(numbers)
    for start, end in long:
        for at, together in _within(low, start, end):
            spots.setdefault(_around(at, start, end), []).extend(together)
    return spots


def _within(low: bytes, start: int, end: int) -> Iterator[tuple[int, list[int]]]:
    """Where known texts are in a long line; what stands close together is one thing said."""
    found = [
        (at, numbers) for text, numbers in _TEXTS.items() if (at := low.find(text, start, end)) >= 0
    ]
    first = end
    together: list[int] = []
    for at, numbers in sorted(found):
        if together and at - first > _BEFORE:
            yield first, together
            together = []
        if not together:
            first = at
        together += numbers
    if together:
        yield first, together


def _lines(low: bytes, text: bytes) -> Iterator[Spot]:
    """Start and end of each line that holds the text."""
    at = low.find(text)
    while at >= 0:
        start = low.rfind(b"\n", 0, at) + 1
        end = low.find(b"\n", at)
        end = len(low) if end < 0 else end
        yield start, end
        at = low.find(text, end)


def _around(at: int, start: int, end: int) -> Spot:
    return max(start, at - _BEFORE), min(end, at + _AFTER)


def _spots(low: bytes, text: bytes) -> Iterator[Spot]:
    for start, end in _lines(low, text):
        long = end - start > MAX_LINE
        yield _around(low.find(text, start), start, end) if long else (start, end)


def _fitting(low: str, numbers: list[int]) -> list[int]:
    """Those of the phrases whose text stands in the line that say most about it."""
    fitting = []
    for i in numbers:
        phrase = _ALL[i]
        if phrase.pattern and not _PATTERNS[phrase.pattern].search(low):
            continue
        if any(text in low for text in phrase.without):
            continue
        fitting.append(i)
    if len(fitting) < 2:
        return fitting
    best = min(_RANK[_ALL[i].weight] for i in fitting)
    fitting = [i for i in fitting if _RANK[_ALL[i].weight] == best]
    # A text within a longer one that is there, too, says less.
    longer = [
        i
        for i in fitting
        if not any(_ALL[i].text in _ALL[j].text and _ALL[i].text != _ALL[j].text for j in fitting)
    ]
    if best != _RANK[Weight.DECIDES]:
        return [min(longer)]
    # Two ways to say the same are one.
    return list({_ALL[i].codes: i for i in sorted(longer, reverse=True)}.values())


def stamp(text: str) -> str:
    """The line's time as it is written; empty where it has none."""
    match = _STAMP.search(text[:300])
    if match is None:
        return ""
    if match["epoch"]:
        seconds = float(match["epoch"])
        if len(match["epoch"]) == 13 and "." not in match["epoch"]:
            seconds /= 1000
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return match[0]


def _quote(text: str, phrase: str) -> str:
    shown = safe(text.replace("\t", " ").strip(), 32 * 1024)
    at = shown.lower().find(phrase)
    start = max(0, at - _LEAD) if at >= 0 else 0
    if start:  # not in the middle of a word
        start = shown.rfind(" ", max(0, start - 20), start) + 1 or start
    end = start + MAX_QUOTE
    return f"{'…' if start else ''}{shown[start:end]}{'…' if end < len(shown) else ''}"


def _encoding(start: bytes) -> tuple[str, int]:
    """The encoding of a text that begins so, and the bytes of its mark."""
    for mark, name in (
        (codecs.BOM_UTF8, "UTF-8"),
        (codecs.BOM_UTF32_LE, "UTF-32-LE"),
        (codecs.BOM_UTF32_BE, "UTF-32-BE"),
        (codecs.BOM_UTF16_LE, "UTF-16-LE"),
        (codecs.BOM_UTF16_BE, "UTF-16-BE"),
    ):
        if start.startswith(mark):
            return name, len(mark)
    sample = start[: _SNIFF & ~1]
    even, odd = sample[::2], sample[1::2]
    if len(sample) >= 8:
        if odd.count(0) > len(odd) * 0.7 and even.count(0) < len(even) * 0.1:
            return "UTF-16-LE", 0
        if even.count(0) > len(even) * 0.7 and odd.count(0) < len(odd) * 0.1:
            return "UTF-16-BE", 0
    return "UTF-8", 0
