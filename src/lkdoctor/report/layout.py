"""Human output as data: lines of styled spans, laid out for a width, not yet drawn.

Drawing them without colour needs no library (`plain`), so that a pipe, a CI log and a command
that works offline never wait for one; `lkdoctor.report.terminal` draws them in colour.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.redact import clean

DESIGN_WIDTH: Final = 80
MAX_WIDTH: Final = 100
NARROW: Final = 60
"""Below this, labels stand on lines of their own."""


class Style(StrEnum):
    """What a span is; the drawing decides what that looks like."""

    PLAIN = "plain"
    TITLE = "title"
    DIM = "dim"
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"


class Span(NamedTuple):
    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


class Canvas(NamedTuple):
    """What a stream can show."""

    width: int | None = None
    """Cells; None: lines are never wrapped (a pipe)."""
    unicode: bool = True
    """Glyphs outside ASCII are understood."""
    accessible: bool = False
    """A screen reader reads it: no glyphs, columns or bars."""

    @property
    def columns(self) -> int:
        """The width to lay out for."""
        return min(self.width or DESIGN_WIDTH, MAX_WIDTH)

    @property
    def narrow(self) -> bool:
        """Whether columns no longer fit."""
        return self.width is not None and self.width < NARROW


GLYPHS: Final = {
    Style.PASS: ("✓", "ok  "),
    Style.WARN: ("!", "WARN"),
    Style.FAIL: ("✗", "FAIL"),
    Style.UNKNOWN: ("?", "UNKN"),
    Style.SKIP: ("-", "skip"),
}


def glyph(style: Style, canvas: Canvas) -> Span:
    """The mark of a state, one cell wide, or a word of four where only ASCII is understood."""
    pretty, ascii_word = GLYPHS[style]
    return Span(pretty if canvas.unicode else ascii_word, style)


def line(*parts: str | Span) -> Line:
    """A line of plain text and spans."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


BLANK: Final[Line] = ()


def cells(text: str) -> int:
    """How many cells of a terminal the text takes (Unicode Standard Annex 11)."""
    if text.isascii():
        return len(text)
    width = 0
    for character in text:
        if unicodedata.combining(character) or character == "\u200d":
            continue
        width += 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
    return width


def pad(text: str, width: int) -> str:
    """The text, filled up with blanks to a width in cells."""
    return text + " " * max(0, width - cells(text))


def length(row: Line) -> int:
    """The width of a line in cells."""
    return sum(cells(span.text) for span in row)


def wrap(text: str, width: int | None) -> list[str]:
    """The text in lines of at most this many cells; words longer than that stay whole."""
    if width is None:
        return [text]
    lines: list[str] = []
    current = ""
    for word in re.split(r" +", text):
        candidate = f"{current} {word}" if current else word
        if current and cells(candidate) > width:
            lines.append(current)
            current = word
        else:
            current = candidate
    return [*lines, current]


def labelled(
    label: str, body: Iterable[str], canvas: Canvas, *, column: int = 10
) -> Iterator[Line]:
    """Paragraphs behind a label, as findings have them: ``  Cause     nginx answers …``."""
    room = None if canvas.width is None else max(20, canvas.columns - column - 2)
    first = True
    if canvas.narrow:
        yield line(Span(label, Style.DIM))
        room = max(20, canvas.columns - 2)
    for paragraph in body:
        for text in wrap(paragraph, room):
            if canvas.narrow:
                yield line("  ", text)
            else:
                yield line("  ", Span(pad(label if first else "", column), Style.DIM), text)
            first = False


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without any escape sequence."""
    return "".join(clean("".join(span.text for span in row)).rstrip(" ") + "\n" for row in lines)


def many(count: int, one: str, more: str | None = None) -> str:
    """``1 room``, ``3 rooms``."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: ``4 min``, ``1 h 12 min``, ``3 days 4 h``."""
    whole = round(abs(seconds))
    units = (("year", 31_557_600), ("day", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count:
            plural = "s" if count != 1 and name in {"year", "day"} else ""
            parts.append(f"{count} {name}{plural}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"


def milliseconds(value: float) -> str:
    """``0.4 ms``, ``24 ms``, ``1 250 ms``, ``12.3 s``."""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:,.0f} ms".replace(",", " ")
