"""Draws styled lines in colour; the only renderer that knows Rich."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TextIO

from lkdoctor.report.layout import Line, Style, plain_line

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


def text_of(row: Line, *, attributes: bool = True) -> "Text":
    """One line as Rich text; nothing in it is ever read as markup."""
    from rich.text import Text

    shown = plain_line(row)
    if shown != "".join(span.text for span in row).rstrip(" "):
        # Something had to be made harmless, perhaps across spans: what is shown goes unstyled.
        return Text(shown, no_wrap=True, end="")
    text = Text(no_wrap=True, end="")
    for span in row:
        style = STYLES[span.style]
        if not attributes and style in {"bold", "dim"}:
            style = ""
        # Blanks at the end of a line are not drawn, whichever span they are in.
        text.append(span.text[: len(shown) - len(text)], style)
    return text


def draw(lines: Iterable[Line], stream: TextIO, *, attributes: bool) -> None:
    """Write the lines in colour; bold and dim only where ``attributes`` (a terminal) allows."""
    console = console_for(stream)
    for row in lines:
        console.print(text_of(row, attributes=attributes), soft_wrap=True)


def console_for(stream: TextIO) -> "Console":
    """A console that decides nothing by itself: whoever calls has already decided."""
    from rich.console import Console

    return Console(
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
