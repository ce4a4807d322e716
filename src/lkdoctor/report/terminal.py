"""Draws styled lines in colour; the only renderer that knows Rich."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, TextIO

from lkdoctor.report.layout import Line, Span, Style, plain_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES: Final = {
    Style.PLAIN: "",
    Style.TITLE: "bold",
    Style.DIM: "dim",
    Style.PASS: "green",
    Style.WARN: "yellow",
    Style.FAIL: "red",
    Style.UNKNOWN: "magenta",
    Style.SKIP: "dim",
    Style.ERROR: "magenta",
}


_AT_ONCE: Final = 256
"""Lines that Rich is handed together: one by one they take five times as long."""


def text_of(row: Line) -> "Text":
    """One line as Rich text; nothing in it is ever read as markup."""
    from rich.text import Text

    text = Text(no_wrap=True, end="")
    for span in _shown(row):
        text.append(span.text, STYLES[span.style])
    return text


def _shown(row: Line) -> Iterator[Span]:
    """What of a line is drawn."""
    shown = plain_line(row)
    if shown != "".join(span.text for span in row).rstrip(" "):
        # Something had to be made harmless, perhaps across spans: what is shown goes unstyled.
        yield Span(shown)
        return
    left = len(shown)
    for span in row:
        # Blanks at the end of a line are not drawn, whichever span they are in.
        text = span.text[:left]
        left -= len(text)
        if text:
            yield Span(text, span.style)


def draw(lines: Iterable[Line], stream: TextIO, *, attributes: bool) -> None:
    """Write the lines in colour; bold and dim only where ``attributes`` (a terminal) allows."""
    from rich.segment import Segment, Segments
    from rich.style import Style as Look

    looks = {
        style: Look.parse(words)
        for style, words in STYLES.items()
        if words and (attributes or words not in {"bold", "dim"})
    }
    console = console_for(stream)
    rows = iter(lines)
    while batch := list(itertools.islice(rows, _AT_ONCE)):
        segments = [
            segment
            for row in batch
            for segment in (
                *(Segment(span.text, looks.get(span.style)) for span in _shown(row)),
                Segment.line(),
            )
        ]
        console.print(Segments(segments), soft_wrap=True)


def console_for(stream: TextIO) -> "Console":
    """A console that decides nothing by itself: whoever calls has already decided."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the caller: Rich would end the process."""
            raise  # noqa: PLE0704 - called where the exception is being handled

    return Ours(
        file=stream,
        force_terminal=True,
        color_system="standard",
        force_interactive=False,
        no_color=False,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
    )
