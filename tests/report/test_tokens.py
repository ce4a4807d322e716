"""A token on the screen: whole screens, every state of the bar, the card, two side by side."""

from datetime import UTC, timedelta, timezone

import pytest
from report.screens import CANVASES, RUN, same_screen
from tokens.samples import NOW, RING, changed, token, with_video

from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.token import TokenFact, token_fact, worked_out
from lkdoctor.findings import Layer
from lkdoctor.report import tokens
from lkdoctor.report.layout import Canvas, plain, spelt
from lkdoctor.report.model import TargetInfo
from lkdoctor.tokens.compare import compare

ZONE = timezone(timedelta(hours=2))
WIDE = Canvas(width=80)


def fact(text: str) -> TokenFact:
    found, _ = token_fact(text, RING, origin="LIVEKIT_TOKEN (.env:4)")
    return worked_out(found, float(NOW))


def screen(text: str, canvas: Canvas, *, clock: ClockFact | None = None, verbose: int = 0) -> str:
    facts = Facts(token=fact(text), clock=clock or ClockFact(local=float(NOW)))
    report = fold(
        facts, run=RUN._replace(command="token decode"), target=TargetInfo(), layers=(Layer.TOKEN,)
    )
    return plain(spelt(tokens.render(report, canvas, verbose=verbose, zone=ZONE), canvas))


GOOD = token(
    with_video(canPublishSources=["microphone"])
    | {"metadata": '{"plan": "x"}', "attributes": {}, "kind": "standard"}
)


@pytest.mark.parametrize("canvas", CANVASES)
def test_a_good_token(canvas: str) -> None:
    same_screen(f"token/good-{canvas}", screen(GOOD, CANVASES[canvas]))


@pytest.mark.parametrize("canvas", ["80-unicode", "44-unicode", "accessible"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("not-a-token", "[object Promise]"),
        ("misspelt", token(with_video(roomJoin=..., room_join=True))),
        ("expired", token(changed(exp=NOW - 7380, nbf=NOW - 20000))),
    ],
)
def test_what_is_wrong_with_it(name: str, text: str, canvas: str) -> None:
    same_screen(f"token/{name}-{canvas}", screen(text, CANVASES[canvas]))


def bar(text: str, canvas: Canvas = WIDE, clock: ClockFact | None = None) -> list[str]:
    """The lines about validity."""
    lines = screen(text, canvas, clock=clock).splitlines()
    start = next(i for i, row in enumerate(lines) if row.startswith("VALIDITY"))
    return lines[start : lines.index("", start)]


@pytest.mark.parametrize(
    ("changes", "words", "drawn"),
    [
        pytest.param({}, "valid now, 50 min left of 1 h", "|===========#---", id="valid"),
        pytest.param(
            {"exp": NOW - 7380, "nbf": NOW - 20000}, "expired 2 h 3 min ago   FAIL", "+...#", id="expired"
        ),
        pytest.param(
            {"exp": NOW - 30}, "expired 30 s ago, servers forgive a minute   WARN", "+...#", id="just expired"
        ),
        pytest.param(
            {"nbf": NOW + 94}, "not valid for another 1 min 34 s   FAIL", "#...|---", id="not yet"
        ),
        pytest.param({"exp": ...}, "never ends (no exp)   WARN", "> no exp", id="endless"),
        pytest.param(
            {"exp": "10m"}, 'exp is "10m": no time   FAIL', "", id="unreadable"
        ),
    ],
)  # fmt: skip
def test_every_state_of_the_bar(changes: dict[str, object], words: str, drawn: str) -> None:
    lines = bar(token(changed(**changes)))
    assert lines[0] == f"VALIDITY  {words}"
    assert drawn in "".join(lines[1:])
    assert all(len(row) <= 80 for row in lines)


def test_milliseconds_are_said_and_not_drawn() -> None:
    lines = bar(token(changed(exp=(NOW + 600) * 1000)))
    assert lines[0] == "VALIDITY  56665 years: exp is in milliseconds   WARN"
    assert f"exp {(NOW + 600) * 1000}   meant 14:23:20Z" in lines[-1]
    assert not any(row.startswith("  |") for row in lines)


def test_both_clocks_are_shown() -> None:
    lines = bar(token(), clock=ClockFact(local=NOW - 94.0, server=float(NOW), skew_ms=94_000.0))
    assert "  in local time: now 16:13:20, exp 17:03:20" in lines
    assert "(the server's clock)" in "".join(lines)
    assert (
        lines[-1] == "  This machine's clock is 94.0 s behind the server: tokens made here suffer."
    )


def test_a_reader_in_utc_gets_one_clock() -> None:
    facts = Facts(token=fact(token()), clock=ClockFact(local=float(NOW)))
    report = fold(facts, run=RUN, target=TargetInfo(), layers=(Layer.TOKEN,))
    text = plain(tokens.render(report, WIDE, zone=UTC))
    assert "in local time" not in text


def test_what_servers_would_answer_to_a_good_token_takes_v() -> None:
    assert "SERVERS" not in screen(token(), WIDE)
    assert screen(token(), WIDE, verbose=1).count("200 success") == 4


@pytest.mark.parametrize("canvas", ["80-unicode", "44-unicode", "pipe", "accessible"])
def test_the_card_of_a_minted_token(canvas: str) -> None:
    lines = tokens.card(
        fact(token(with_video(roomAdmin=True, canPublishData=False))),
        CANVASES[canvas],
        now=float(NOW),
        role="provider",
        notes=("a lifetime of 2d is longer than a day",),
        zone=ZONE,
    )
    same_screen(f"token/card-{canvas}", plain(spelt(lines, CANVASES[canvas])))


@pytest.mark.parametrize("canvas", ["80-unicode", "44-unicode", "accessible"])
def test_two_tokens_side_by_side(canvas: str) -> None:
    left = fact(token(with_video(roomAdmin=True)))
    right = fact(token(changed(sub="bob", video={"roomJoin": True, "room": "Demo"})))
    lines = tokens.comparison(compare(left.text, right.text, float(NOW)), CANVASES[canvas])
    same_screen(f"token/compare-{canvas}", plain(spelt(lines, CANVASES[canvas])))


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        ({}, 'may join "demo"; may publish, send data, subscribe; ends in 50 min'),
        (
            {"canPublish": False},
            'may join "demo"; may subscribe; may not publish, send data; ends in 50 min',
        ),
        (
            {"roomJoin": False, "roomList": True},
            "may not join a room; may publish, send data, subscribe, list rooms; ends in 50 min",
        ),
        (
            {"hidden": True, "canSubscribe": False},
            'may join "demo"; may publish, send data, stay hidden from others; may not subscribe; ends in 50 min',
        ),
    ],
)
def test_the_token_in_one_sentence(grants: dict[str, object], said: str) -> None:
    assert tokens.sentence(fact(token(with_video(**grants))), float(NOW)) == said


def test_hostile_names_do_not_draw_on_the_terminal() -> None:
    text = token(
        changed(sub="\x1b[31mred\u202e", name="[bold]x[/bold]")
        | {"video": {"roomJoin": True, "room": "a\nb\x07"}}
    )
    shown = screen(text, WIDE)
    assert not set(shown) & {"\x1b", "\u202e", "\x07"}
    assert r"\x1b[31mred\u202e" in shown
    assert "[bold]x[/bold]" in shown
