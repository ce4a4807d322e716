"""Colour adds to the plain text and changes nothing of it."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.screens import CANVASES, report, sick

from lkdoctor.redact import Secret
from lkdoctor.report import human
from lkdoctor.report.layout import BLANK, Line, Span, Style, line, plain
from lkdoctor.report.terminal import draw

SGR = re.compile(r"\x1b\[[0-9;]*m")


def drawn(rows: list[Line], *, attributes: bool = True) -> str:
    stream = io.StringIO()
    draw(rows, stream, attributes=attributes)
    return stream.getvalue()


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("verbose", [0, 2])
def test_a_screen_without_its_colours_is_the_plain_one(canvas: str, verbose: int) -> None:
    rows = list(human.render(report(sick("tls-expired")), CANVASES[canvas], verbose=verbose))
    assert SGR.sub("", drawn(rows)) == plain(rows)


LINES = st.lists(
    st.lists(st.builds(Span, st.text(max_size=30), st.sampled_from(Style))).map(tuple), max_size=4
)


@given(LINES)
def test_any_text_without_its_colours_is_the_plain_one(rows: list[Line]) -> None:
    """Markup, escapes, tabs, wide and invisible characters included."""
    assert SGR.sub("", drawn(rows)) == plain(rows)


@pytest.mark.parametrize(
    "text", ["ws://[fe80::1]:7880", "[/rtc]", "[bold red]x[/]", ":warning:", "https://x.example"]
)
def test_nothing_is_read_as_markup(text: str) -> None:
    """Rich would take an IPv6 address for a style."""
    assert drawn([line(text)]) == text + "\n"


def test_colours_are_those_of_the_states() -> None:
    row = line(
        Span("✗", Style.FAIL), " ", Span("dns", Style.DIM), " is ", Span("gone", Style.TITLE)
    )
    assert drawn([row]) == "\x1b[31m✗\x1b[0m \x1b[2mdns\x1b[0m is \x1b[1mgone\x1b[0m\n"


def test_blanks_at_the_end_are_not_drawn() -> None:
    """Also where they are in spans of their own."""
    row = line(Span("dns ", Style.FAIL), "  ", Span("  ", Style.DIM))
    assert SGR.sub("", drawn([row])) == "dns\n"


def test_bold_and_dim_are_for_terminals() -> None:
    """FORCE_COLOR in a pipe brings colour and nothing else."""
    row = line(Span("✗", Style.FAIL), Span("dns", Style.DIM), Span("gone", Style.TITLE))
    assert drawn([row], attributes=False) == "\x1b[31m✗\x1b[0mdnsgone\n"


def test_a_secret_across_spans_is_gone_in_colour_too() -> None:
    Secret("correct-horse-battery")
    row = line(Span("correct-ho", Style.FAIL), Span("rse-battery", Style.PASS))
    assert drawn([row, BLANK]) == "<redacted>\n\n"
