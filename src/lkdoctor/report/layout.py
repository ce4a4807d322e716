"""Human output as data: lines of styled spans, laid out for a width, not yet drawn.

Drawing them without colour needs no library (`plain`), so that a pipe, a CI log and a command
that works offline never wait for one; `lkdoctor.report.terminal` draws them in colour.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple, TypeVar, cast

from lkdoctor.redact import screened, visible

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
    ERROR = "error"


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
    Style.ERROR: ("E", "BUG "),
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
    return sum(map(_cell, text))


@functools.lru_cache(maxsize=2048)
def _cell(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """The text, filled up with blanks to a width in cells."""
    return text + " " * max(0, width - cells(text))


def cut(text: str, width: int, mark: str) -> str:
    """As much of the text as fits into a width in cells, and the mark where that is not all."""
    if cells(text) <= width:
        return text
    taken = cells(mark)
    for at, character in enumerate(text):
        taken += _cell(character)
        if taken > width:
            return text[:at] + mark
    return text + mark


def length(row: Line) -> int:
    """The width of a line in cells."""
    return sum(cells(span.text) for span in row)


def wrap(text: str, width: int | None) -> list[str]:
    """The text in lines of at most this many cells; words longer than that stay whole.

    Whoever pastes a URL or a command wants it in one piece. Scripts without blanks between
    words may break after any wide character (Unicode Standard Annex 14, class ID).
    """
    if width is None:
        return [text]
    lines: list[str] = []
    current = ""
    taken = 0
    for gap, word in re.findall(r"( *)([^ ]+)", text):
        size = cells(word)
        if current and taken + len(gap) + size <= width:
            current += gap + word
            taken += len(gap) + size
            continue
        if current:
            lines.append(current)
        *full, current = _pieces(word, width)
        lines += full
        taken = cells(current) if full else size
    return [*lines, current]


def _pieces(word: str, width: int) -> list[str]:
    if word.isascii():
        return [word]
    pieces: list[str] = []
    start = taken = 0
    for at, character in enumerate(word):
        size = _cell(character)
        if size == 2 and taken + size > width and at > start:
            pieces.append(word[start:at])
            start, taken = at, 0
        taken += size
    return [*pieces, word[start:]]


def labelled(
    label: str, body: Iterable[str], canvas: Canvas, *, column: int = 10, hang: int = 0
) -> Iterator[Line]:
    """Paragraphs behind a label, as findings have them: ``  Cause     nginx answers …``.

    Args:
        label: stands before the first line, or above it where columns no longer fit.
        body: the paragraphs.
        canvas: what they are laid out for.
        column: cells from the label to the text.
        hang: further cells that all but a paragraph's first line are indented by.
    """
    if canvas.narrow and label:
        yield line(Span(label, Style.DIM))
    indent = 2 if canvas.narrow else column + 2
    room = None if canvas.width is None else max(20, canvas.columns - indent - hang)
    first = not canvas.narrow
    for paragraph in body:
        for i, text in enumerate(wrap(paragraph, room)):
            lead = Span(pad(label if first else "", indent - 2), Style.DIM)
            yield line("  ", lead, " " * hang if i else "", text)
            first = False


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without any escape sequence."""
    return "".join(plain_line(row) + "\n" for row in lines)


_RUNNER_COMMAND: Final = r"^(\s*):(?=:[A-Za-z].*::)|#(?=#(?:\[|vso\[))"
"""What GitHub's and Azure's runners would obey: ``::error …::`` after any blanks, ``##[…`` anywhere
(actions/runner src/Runner.Common/ActionCommand.cs)."""


def plain_line(row: Line) -> str:
    """One line; nothing in it can act on a terminal or a runner, whoever wrote it."""
    return disarmed(visible(screened("".join(span.text for span in row))).rstrip(" "))


def disarmed(text: str) -> str:
    """One line that no CI runner takes for a command."""
    return re.sub(_RUNNER_COMMAND, _escaped_sign, text) if "::" in text or "##" in text else text


def _escaped_sign(match: re.Match[str]) -> str:
    return f"{match[1] or ''}\\x{ord(match[0][-1]):02x}"


def spelt(lines: Iterable[Line], canvas: Canvas) -> Iterator[Line]:
    """The lines in the characters that the canvas understands; a screen reader reads them all."""
    for row in lines:
        if canvas.unicode or canvas.accessible:
            yield row
        else:
            yield tuple(span._replace(text=_in_ascii(span.text)) for span in row)


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    return text.translate(_TWINS).encode("ascii", "backslashreplace").decode()


T = TypeVar("T")

_TWINS: Final = str.maketrans(
    {
        "…": "...",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "–": "-",
        "—": "-",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "×": "x",
        "·": "-",
        "±": "+/-",
        "\xa0": " ",
        "§": "#",
    }
)
"""Typographic characters and what stands for them where only ASCII is understood."""


def inert(value: T, canvas: Canvas) -> T:
    """A record whose every text is as it will be drawn, so that widths are counted right.

    Secrets are out, and controls are visible except line ends, which some texts are meant to
    have. Where the canvas knows only ASCII, every character has its twin or its escape; a screen
    reader reads names as they are written.
    """
    return cast("T", _inert(value, ascii_only=not (canvas.unicode or canvas.accessible)))


def _inert(value: Any, *, ascii_only: bool) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        text = "\n".join(visible(row) for row in screened(value).expandtabs(4).split("\n"))
        return _in_ascii(text) if ascii_only else text
    if isinstance(value, tuple):
        items = [_inert(item, ascii_only=ascii_only) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


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


def spoken_milliseconds(value: float) -> str:
    """``48.9 milliseconds``, ``1.3 seconds``: units as a screen reader should say them."""
    if value >= 1000:
        return f"{value / 1000:.1f} seconds"
    return f"{value:.1f} milliseconds" if value < 100 else f"{value:.0f} milliseconds"
