"""A cause as the catalogue knows it, and the catalogue by area."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from lkdoctor.findings import Confidence, FixStep, Layer, Severity
from lkdoctor.report.accessible import sentence
from lkdoctor.report.areas import TITLES
from lkdoctor.report.findings import steps
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    inert,
    labelled,
    length,
    line,
    many,
    pad,
    wrap,
)

SEVERITIES = {
    Severity.ERROR: Span("FAIL", Style.FAIL),
    Severity.WARNING: Span("WARN", Style.WARN),
    Severity.INFO: Span("NOTE", Style.DIM),
}


class Cause(Protocol):
    """What is shown of a cause's words."""

    @property
    def code(self) -> str: ...
    @property
    def check(self) -> str | None: ...
    @property
    def layer(self) -> Layer: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def confidence(self) -> Confidence: ...
    @property
    def title(self) -> str: ...
    @property
    def symptoms(self) -> tuple[str, ...]: ...
    @property
    def cause(self) -> str: ...
    @property
    def how(self) -> str: ...
    @property
    def fix(self) -> tuple[FixStep, ...]: ...
    @property
    def source(self) -> str: ...
    @property
    def explains(self) -> tuple[str, ...]: ...
    @property
    def related(self) -> tuple[str, ...]: ...
    def shown_cases(self) -> Iterable[tuple[str, "Case"]]: ...


class Case(Protocol):
    """What is shown of one of its cases."""

    @property
    def title(self) -> str | None: ...
    @property
    def cause(self) -> str | None: ...
    @property
    def fix(self) -> tuple[FixStep, ...]: ...


def render(cause: Cause, canvas: Canvas) -> Iterator[Line]:
    """One cause: how it shows, why it happens, how it is found, how it is mended."""
    if canvas.accessible:
        yield from _spoken(cause)
        return
    head = line(Span(cause.code, Style.TITLE))
    about = f"{TITLES[cause.layer]}, {cause.severity}, {cause.confidence}"
    gap = canvas.columns - length(head) - cells(about)
    yield line(*head, " " * max(3, gap), Span(about, Style.DIM))
    for text in wrap(cause.title, _room(canvas)):
        yield line(text)
    yield BLANK
    if cause.symptoms or cause.check is not None:
        yield from labelled("Shows as", _quoted(cause.symptoms, canvas), canvas, hang=1)
    yield from labelled("Cause", cause.cause.splitlines(), canvas)
    yield from labelled("Found by", _how(cause).splitlines(), canvas)
    yield from steps(inert(cause.fix, canvas), canvas)
    titles = dict.fromkeys(case.title or _spaced(name) for name, case in cause.shown_cases())
    if titles:
        yield from labelled("Cases", tuple(titles), canvas, hang=2)
    yield from _about(cause, canvas)


def _spaced(name: str) -> str:
    return name.replace("-", " ")


def _about(cause: Cause, canvas: Canvas) -> Iterator[Line]:
    if cause.explains:
        yield from labelled("Explains", [", ".join(cause.explains)], canvas)
    if cause.related:
        yield from labelled("Related", [", ".join(cause.related)], canvas)
    if cause.check is not None:
        given = ""
        if cause.layer is Layer.APP:
            given = " --project-dir ."
        elif cause.check.startswith("server.config."):
            given = " --server-config livekit.yaml"
        yield from labelled("Check", [f"lkdoctor diagnose{given} --only {cause.check}"], canvas)
    if cause.source:
        yield from labelled("Source", cause.source.splitlines(), canvas)


def _how(cause: Cause) -> str:
    return cause.how or "a log names it (lkdoctor explain --log FILE); no check looks for it"


def catalogue(causes: Iterable[Cause], canvas: Canvas) -> Iterator[Line]:
    """Every cause in a line, under the area that it belongs to."""
    causes = tuple(causes)
    column = max((cells(cause.code) for cause in causes), default=0)
    for layer in dict.fromkeys(cause.layer for cause in causes):
        mine = [cause for cause in causes if cause.layer is layer]
        if canvas.accessible:
            yield sentence(f"{TITLES[layer]}, {many(len(mine), 'cause')}")
            for cause in mine:
                yield sentence(f"{cause.code}, {cause.severity}: {cause.title}")
            continue
        yield line(Span(TITLES[layer], Style.TITLE))
        for cause in mine:
            yield from _row(cause, column, canvas)
        yield BLANK
    if not canvas.accessible:
        yield line(f"{many(len(causes), 'cause')}. More about one: lkdoctor explain CODE")


def _row(cause: Cause, column: int, canvas: Canvas) -> Iterator[Line]:
    lead = line("  ", SEVERITIES[cause.severity], "  ")
    if canvas.narrow:
        yield (*lead, Span(cause.code))
        for text in wrap(cause.title, canvas.columns - 8):
            yield line(" " * 8, text)
        return
    indent = length(lead) + column + 2
    room = None if canvas.width is None else canvas.columns - indent
    for i, text in enumerate(wrap(cause.title, room)):
        yield (
            (*lead, Span(pad(cause.code, column + 2) + text))
            if i == 0
            else line(" " * indent, text)
        )


def to_json(cause: Cause) -> dict[str, Any]:
    """One cause in JSON types."""
    return {
        "code": cause.code,
        "layer": cause.layer.value,
        "check": cause.check,
        "severity": cause.severity.value,
        "confidence": cause.confidence.value,
        "title": cause.title,
        "symptoms": list(cause.symptoms),
        "cause": cause.cause,
        "how": _how(cause),
        "fix": [_step(step) for step in cause.fix],
        "cases": [
            {
                "name": name,
                "title": case.title,
                "cause": case.cause,
                "fix": [_step(step) for step in case.fix],
            }
            for name, case in cause.shown_cases()
        ],
        "explains": list(cause.explains),
        "related": list(cause.related),
        "source": cause.source,
    }


def _step(step: FixStep) -> dict[str, Any]:
    told: dict[str, Any] = {"text": step.text, "destructive": step.destructive}
    if step.command:
        told["command"] = step.command
    if step.snippet:
        told["snippet"] = step.snippet._asdict()
    return told


def _spoken(cause: Cause) -> Iterator[Line]:
    yield sentence(f"{cause.code}: {cause.title}")
    yield sentence(f"Area: {TITLES[cause.layer]}. Severity: {cause.severity}")
    for i, symptom in enumerate(cause.symptoms, 1):
        yield sentence(f"Shows as, {i} of {len(cause.symptoms)}: {symptom}")
    yield sentence(f"Cause: {cause.cause}")
    yield sentence(f"How it is found: {_how(cause)}")
    for i, step in enumerate(cause.fix, 1):
        lead = f"Fix {i} of {len(cause.fix)}"
        yield sentence(f"{lead}: {step.text}")
        if step.command:
            yield line(f"{lead}, command: {step.command}")
        if step.snippet:
            yield from (line(row) for row in step.snippet.body.splitlines())
    for name, case in cause.shown_cases():
        told = f"Case: {case.title or _spaced(name)}"
        yield sentence(f"{told}. {case.cause}" if case.cause else told)
    if cause.explains:
        yield sentence(f"Explains: {', '.join(cause.explains)}")
    if cause.related:
        yield sentence(f"Related: {', '.join(cause.related)}")
    if cause.source:
        yield sentence(f"Source: {cause.source}")


def _quoted(symptoms: tuple[str, ...], canvas: Canvas) -> tuple[str, ...]:
    if not symptoms:
        return ("nothing that a user would see",)
    left, right = ("“", "”") if canvas.unicode else ('"', '"')
    return tuple(f"{left}{symptom}{right}" for symptom in symptoms)


def _room(canvas: Canvas) -> int | None:
    return None if canvas.width is None else canvas.columns
