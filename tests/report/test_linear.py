"""Every rendering takes steps in proportion to what it shows: a dozen more takes as many again.

Counted, not timed: the interpreter tells of every call and every line that it passes.
"""

import functools
import io
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest
from examples.media import FINE
from examples.rehearsal import played
from report import test_logs, test_tokens
from report.screens import TARGET, check, finding, healthy, report
from report.test_rooms import CAMERA, NOON, person, room
from tokens.samples import NOW, RING, changed, token

from lkdoctor import catalogue
from lkdoctor.cli.streams import Streams
from lkdoctor.cli.token_stream import decode_lines
from lkdoctor.config.sources import Given, load
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ParticipantInfo, RoomInfo
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.env import env_fact
from lkdoctor.facts.name import name_fact
from lkdoctor.facts.signal import IceServer, Joined, ParticipantSeen, SignalFact
from lkdoctor.logs.verdict import Verdict
from lkdoctor.names import NameOf
from lkdoctor.report import (
    env,
    explain,
    github,
    human,
    jsonfile,
    junit,
    logs,
    media,
    names,
    ndjson,
    plain,
    rehearsal,
    rooms,
    tokens,
    waterfall,
)
from lkdoctor.report import findings as told
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report, Status
from lkdoctor.report.rooms import Ending, Outcome
from lkdoctor.tokens.compare import Comparison, compare

FEW: Final = 12
"""Even, as some of what is shown comes in pairs."""

CANVASES: Final = {
    "pipe": Canvas(),
    "80": Canvas(width=80),
    "44": Canvas(width=44),
    "accessible": Canvas(unicode=False, accessible=True),
}


def steps_of(work: Callable[[], object]) -> int:
    """How many lines and calls the interpreter passes while it does this."""
    count = 0

    def passed(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        del frame, event, argument
        count += 1
        return passed

    traced, profiled = sys.gettrace(), sys.getprofile()
    sys.settrace(passed)
    sys.setprofile(passed)
    try:
        work()
    finally:
        sys.setprofile(profiled)
        sys.settrace(traced)
    return count


# ------------------------------------------------------------------ much to show


def grown(value: Any, times: int) -> Any:
    """A record that holds so many times what it holds several of."""
    if not isinstance(value, tuple):
        return value
    if hasattr(value, "_fields"):
        return type(value)(*(grown(item, times) for item in value))
    return value * times


def facts_of(number: int) -> Facts:
    """Every layer of a run, with so many of whatever there can be many of."""
    facts: Facts = grown(healthy()._replace(media=FINE), number)
    assert isinstance(facts.signal, SignalFact)
    assert isinstance(facts.signal.first, Joined)
    people = tuple(
        ParticipantSeen(f"user-{at}", f"User {at}", f"PA_{at}", "ACTIVE", 1.0)
        for at in range(number)
    )
    offered = tuple(
        IceServer((f"turn:{at}.example.com:3478",), "", has_credential=True) for at in range(number)
    )
    joined = facts.signal.first._replace(others=people, ice_servers=offered)
    return facts._replace(signal=facts.signal._replace(first=joined))


def wide(number: int) -> Report:
    """A report with so many checks, findings, and facts of each kind."""
    return report(commands=True)._replace(
        target=TARGET._replace(sources=tuple((f"v{at}", f".env:{at}") for at in range(number))),
        findings=tuple(
            finding(code=f"code-{at}", check=f"signal.{at}", consequences=(f"follows-{at}",))
            for at in range(number)
        ),
        folded=tuple(finding(code=f"follows-{at}", check=f"signal.{at}") for at in range(number)),
        checks=(
            *(
                check(f"signal.{at}", status, findings=(f"code-{at}", f"follows-{at}"))
                for at in range(number)
                for status in (Status.FAIL, Status.WARN, Status.PASS)
            ),
            *(
                check(f"api.{at}", Status.SKIP, blocked_by=f"signal.{at}", duration_ms=2.0)
                for at in range(number)
            ),
        ),
        facts=facts_of(number),
    )


def deep(number: int) -> Report:
    """A report with one finding of so many pieces of evidence, steps, lines and consequences."""
    one = finding()
    evidence = tuple(
        e._replace(label=f"{e.label} {at}", repeat=f"curl {at}")
        for at in range(number)
        for e in one.evidence
    )
    one = one._replace(
        title="a long title " * number,
        cause="A line.\n" * number,
        evidence=evidence,
        fix=one.fix * number,
        consequences=tuple(f"code-{at}" for at in range(number)),
    )
    return report(commands=True)._replace(findings=(one,))


def played_often(number: int) -> Report:
    rounds = played().rounds * number
    return report(healthy()._replace(rehearsal=played()._replace(rounds=rounds), media=FINE))


def named(number: int) -> Report:
    given = ((f"Room {at // 2}{' ' * (at % 2)}", NameOf.ROOM, None) for at in range(number))
    return report(Facts(name=name_fact(given)))


def variables(number: int) -> Report:
    resolution = load(
        Given(),
        environ={"LIVEKIT_URL": "ws://localhost:7880", "LIVEKIT_SECRET": "x"},
        directory=Path("/nonexistent"),
    )
    one = report(Facts(env=env_fact(resolution)))
    seen = one.facts.env
    assert seen is not None
    more = tuple(v._replace(origin=f".env.{at}:1") for at in range(number) for v in seen.variables)
    places = grown(one.findings, number)
    return one._replace(
        findings=places, facts=one.facts._replace(env=seen._replace(variables=more))
    )


def granted(number: int) -> Report:
    fact = test_tokens.fact(test_tokens.GOOD)
    row = fact.capabilities[0]._replace(label="a capability with a long name " * number)
    return report(
        Facts(
            token=fact._replace(
                capabilities=(row, *fact.capabilities * number), answers=fact.answers * number
            ),
            clock=ClockFact(local=float(NOW)),
        )
    )


def compared(number: int) -> Comparison:
    other = changed(sub="bob", video={"roomJoin": True, "room": "elsewhere"})
    left, right = (test_tokens.fact(token(claims)).text for claims in (changed(), other))
    found = compare(left, right, float(NOW))
    return found._replace(rows=found.rows * number, obstacles=found.obstacles * number)


def log_of(number: int) -> Verdict:
    found = test_logs.verdict([text for lines in test_logs.LOGS.values() for text in lines])
    assert found.leak is not None
    return found._replace(entries=found.entries * number)


def rooms_of(number: int) -> tuple[RoomInfo, ...]:
    """Names with what takes the long way, an escape and wide letters; half of them are twins."""
    return tuple(
        room(f"{'Bb'[at % 2]}ooking-{at // 2:03} \\x1b[1m 会議室", sid=f"RM_{at:03}")
        for at in range(number)
    )


def people_of(number: int) -> tuple[ParticipantInfo, ...]:
    return tuple(
        person(f"user-{at:03} \\x1b[1m 会議室", name="Ünsal", tracks=(CAMERA,), state="JOINED")
        for at in range(number)
    )


def endings_of(number: int) -> tuple[Ending, ...]:
    who = tuple(f"user-{at}" for at in range(number))
    few = tuple(Ending(f"room {at}", Outcome.WOULD_END, who[:2]) for at in range(number))
    return (*few, Ending("full", Outcome.ENDED, who))


# ------------------------------------------------------------------ shown in every way


def streams(canvas: Canvas, *, color: bool = False, given: str = "") -> Streams:
    return Streams(
        out=io.StringIO(),
        err=io.StringIO(),
        stdin=io.StringIO(given),
        canvas=canvas,
        err_canvas=canvas,
        color=color,
        err_color=color,
        live=False,
    )


Drawing = Callable[[Any, Canvas], Iterable[Line]]
"""What there is much of, as lines."""
Writing = Callable[[Any], str]
"""The same as a text for a pipe."""

DRAWINGS: Final[dict[str, tuple[Callable[[int], Any], Drawing]]] = {
    **{
        name: (wide, functools.partial(draw, verbose=2))
        for name, draw in {
            "human": human.render,
            "waterfall": waterfall.render,
            "media": media.render,
            "env": env.render,
            "tokens": tokens.render,
            "names": names.render,
            "rehearsal": rehearsal.render,
        }.items()
    },
    "findings": (deep, lambda it, c: told.findings(it.findings, c)),
    "findings, brief": (wide, lambda it, _: told.brief(it.findings)),
    "rehearsal, rounds": (played_often, lambda it, c: rehearsal.render(it, c, verbose=2)),
    "names, many": (named, lambda it, c: names.render(it, c, verbose=1)),
    "env, many": (variables, lambda it, c: env.render(it, c, verbose=1, show_origin=True)),
    "tokens, many": (granted, lambda it, c: tokens.render(it, c, verbose=1)),
    "tokens, compared": (compared, tokens.comparison),
    "explain, catalogue": (
        lambda number: tuple(catalogue.causes())[:1] * number,
        explain.catalogue,
    ),
    "logs": (log_of, lambda it, c: logs.render(it, test_logs.info(it), c)),
    "logs, brief": (log_of, lambda it, _: logs.codes(it)),
    "rooms list": (rooms_of, lambda it, c: rooms.table(it, now=NOON, canvas=c)),
    "rooms list, notes": (rooms_of, lambda it, c: rooms.notes(it, c, most=len(it))),
    "rooms list, watched": (
        rooms_of,
        lambda it, c: (rooms.change(one, "12:00", c) for one in rooms.changes(it[::2], it[1:])),
    ),
    "rooms show": (
        people_of,
        lambda it, c: rooms.room_card(room(), it, now=NOON, canvas=c),
    ),
    "rooms show, notes": (people_of, lambda it, c: rooms.people_notes(it, NOON, c, most=len(it))),
    "rooms end": (endings_of, rooms.plan),
    "rooms end, done": (endings_of, rooms.outcomes),
}

WRITINGS: Final[dict[str, tuple[Callable[[int], Any], Writing]]] = {
    **{
        f"{name}, {many.__name__}": (many, write)
        for name, write in {
            "json": jsonfile.render,
            "ndjson": lambda it: "".join(ndjson.finished(it)),
            "junit": junit.render,
            "plain": plain.render,
            "github": lambda it: "".join((*github.annotations(it), *github.summary(it))),
        }.items()
        for many in (wide, deep)
    },
    "logs, plain": (log_of, logs.plain),
    "logs, json": (
        log_of,
        lambda it: jsonfile.text(
            logs.to_json(it, test_logs.info(it), test_logs.TOOL, ExitCode.PROBLEM)
        ),
    ),
    "rooms list, plain": (rooms_of, rooms.rooms_plain),
    "rooms show, plain": (people_of, rooms.people_plain),
    "rooms end, plain": (endings_of, rooms.endings_plain),
    "rooms end, json": (endings_of, lambda it: rooms.endings_json(report(), it)),
    "rooms end, ndjson": (endings_of, lambda it: "".join(rooms.endings_ndjson(it))),
}


def in_proportion(make: Callable[[int], Any], show: Callable[[Any], object]) -> None:
    show(make(FEW))  # modules are loaded, patterns compiled, causes read
    dozens = [make(FEW * many) for many in (1, 2, 3)]
    some, more, most = (steps_of(functools.partial(show, it)) for it in dozens)
    # On a straight line, the second dozen takes as much as the third, whatever the rest takes.
    second, third = more - some, most - more
    assert third <= 1.02 * second, f"the second dozen took {second} steps, the third {third}"


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("name", DRAWINGS)
def test_lines_for_people(name: str, canvas: str) -> None:
    many, draw = DRAWINGS[name]
    shown = streams(CANVASES[canvas])
    in_proportion(many, lambda it: shown.result(draw(it, shown.canvas)))


@pytest.mark.parametrize("name", ["human", "rooms list", "rooms show", "logs"])
def test_lines_in_colour(name: str) -> None:
    many, draw = DRAWINGS[name]
    shown = streams(CANVASES["80"], color=True)
    in_proportion(many, lambda it: shown.result(draw(it, shown.canvas)))


@pytest.mark.parametrize("name", WRITINGS)
def test_texts_for_programs(name: str) -> None:
    many, write = WRITINGS[name]
    in_proportion(many, lambda it: streams(Canvas()).result_text(write(it)))


def test_tokens_line_by_line() -> None:
    lines = "\n".join((token(), token(changed(exp=1)), "garbage", ""))
    in_proportion(
        lambda number: lines * number,
        lambda it: decode_lines(streams(Canvas(), given=it), RING, ClockFact(local=float(NOW))),
    )
