"""Lines are measured, wrapped and made harmless in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.findings import Evidence
from lkdoctor.redact import Secret
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Span,
    Style,
    cells,
    duration,
    glyph,
    inert,
    labelled,
    line,
    many,
    milliseconds,
    pad,
    plain,
    spelt,
    spoken_milliseconds,
    wrap,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("abc", 3, id="ASCII"),
        pytest.param("žofia", 5, id="Latin"),
        pytest.param("e\u0301", 1, id="combining accent"),
        pytest.param("会议室", 6, id="wide"),
        pytest.param("Ａ", 2, id="full width"),
        pytest.param("✓", 1, id="our own mark"),
        pytest.param("a\ufe0f", 1, id="variation selector"),
    ],
)
def test_cells(text: str, expected: int) -> None:
    assert cells(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        pytest.param("one two three", 7, ["one two", "three"], id="between words"),
        pytest.param("code   certain", 80, ["code   certain"], id="gaps stay"),
        pytest.param("code   certain", 7, ["code", "certain"], id="a gap at the edge goes"),
        pytest.param("lk wss://x.example/rtc", 8, ["lk", "wss://x.example/rtc"], id="words stay"),
        pytest.param("房间名称太长", 5, ["房间", "名称", "太长"], id="wide scripts have no blanks"),
        pytest.param("one two", None, ["one two"], id="a pipe is never wrapped"),
        pytest.param("", 10, [""], id="nothing is one empty line"),
    ],
)
def test_wrap(text: str, width: int | None, expected: list[str]) -> None:
    assert wrap(text, width) == expected


@given(st.text(alphabet="ab 会é", max_size=60), st.integers(2, 30))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    """And no line is wider than asked for, unless it is one word."""
    rows = wrap(text, width)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert all(cells(row) <= width or " " not in row for row in rows)


@pytest.mark.parametrize(
    ("canvas", "expected"),
    [
        pytest.param(
            Canvas(60),
            [
                "  Cause     nginx passes the request on, but as a plain",
                "              GET without its Upgrade header",
                "            second paragraph",
            ],
            id="beside the label",
        ),
        pytest.param(
            Canvas(44),
            [
                "Cause",
                "  nginx passes the request on, but as a",
                "    plain GET without its Upgrade header",
                "  second paragraph",
            ],
            id="below it where columns no longer fit",
        ),
        pytest.param(
            Canvas(None),
            [
                "  Cause     nginx passes the request on, but as a plain GET without its Upgrade header",
                "            second paragraph",
            ],
            id="in a pipe",
        ),
    ],
)
def test_labelled(canvas: Canvas, expected: list[str]) -> None:
    cause = "nginx passes the request on, but as a plain GET without its Upgrade header"
    rows = labelled("Cause", [cause, "second paragraph"], canvas, hang=2)
    assert plain(rows).splitlines() == expected


def test_a_further_paragraph_without_a_label_adds_no_line() -> None:
    assert plain(labelled("", ["text"], Canvas(44))) == "  text\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\x1b]0;owned\x07", id="window title"),
        pytest.param("\x1b[2J\x1b[31m", id="clear and colour"),
        pytest.param("a\r\nb", id="line end"),
        pytest.param("\u202ecod.exe", id="right to left"),
        pytest.param("a\u200bb", id="zero width"),
        pytest.param("\x9b31m", id="C1"),
        pytest.param("\ud800", id="half a surrogate"),
    ],
)
def test_no_character_acts(text: str) -> None:
    """Whatever a span holds: it is seen, and it does nothing."""
    drawn = plain([line("room ", Span(text, Style.FAIL))])
    assert drawn.endswith("\n")
    assert drawn[:-1].isprintable()
    drawn.encode("utf-8")


def test_a_secret_in_two_spans_is_still_one() -> None:
    Secret("correct-horse-battery")
    assert plain([line("correct-ho", "rse-battery")]) == "<redacted>\n"


def test_inert_reaches_every_text_of_a_record() -> None:
    record = Evidence("a\x1b", "two\nlines\tand a tab", "“x”…", "net")
    assert inert((record,), Canvas(80, unicode=False)) == (
        Evidence("a\\x1b", "two\nlines   and a tab", '"x"...', "net"),
    )


def test_inert_keeps_names_for_a_screen_reader() -> None:
    assert inert("žofia", Canvas(unicode=False, accessible=True)) == "žofia"
    assert inert("žofia", Canvas(unicode=False)) == "\\u017eofia"


def test_spelt_replaces_typographic_characters_where_only_ascii_is_understood() -> None:
    rows = [line(Span("±0.5 s → ok…", Style.DIM)), BLANK]
    assert list(spelt(rows, Canvas(80, unicode=False))) == [
        (Span("+/-0.5 s -> ok...", Style.DIM),),
        (),
    ]
    assert list(spelt(rows, Canvas(80))) == rows


def test_every_mark_has_a_twin_of_four_cells() -> None:
    """So that columns line up in both."""
    styles = (Style.PASS, Style.WARN, Style.FAIL, Style.UNKNOWN, Style.SKIP, Style.ERROR)
    assert [cells(glyph(s, Canvas(80)).text) for s in styles] == [1] * 6
    assert [cells(glyph(s, Canvas(80, unicode=False)).text) for s in styles] == [4] * 6


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (4320, "1 h 12 min"),
        (86400, "1 day"),
        (3 * 86400 + 4 * 3600, "3 days 4 h"),
        (-90, "1 min 30 s"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "shown", "spoken"),
    [
        (0.44, "0.4 ms", "0.4 milliseconds"),
        (24.4, "24 ms", "24.4 milliseconds"),
        (1250.0, "1 250 ms", "1.2 seconds"),
        (12_345.0, "12.3 s", "12.3 seconds"),
    ],
)
def test_milliseconds(value: float, shown: str, spoken: str) -> None:
    assert milliseconds(value) == shown
    assert spoken_milliseconds(value) == spoken


def test_many() -> None:
    assert [many(0, "room"), many(1, "room"), many(2, "person", "people")] == [
        "0 rooms",
        "1 room",
        "2 people",
    ]


def test_pad_counts_cells() -> None:
    assert pad("会议", 6) == "会议  "
