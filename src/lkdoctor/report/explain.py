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
    """What is shown of a rule."""

    @property
    def code(self) -> str: ...
    @property
    def check(self) -> str: ...
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
    yield from labelled("Shows as", _quoted(cause.symptoms, canvas), canvas, hang=1)
    yield from labelled("Cause", cause.cause.splitlines(), canvas)
    yield from labelled("Found by", cause.how.splitlines(), canvas)
    yield from steps(inert(cause.fix, canvas), canvas)
    if cause.explains:
        yield from labelled("Explains", [", ".join(cause.explains)], canvas)
    if cause.related:
        yield from labelled("Related", [", ".join(cause.related)], canvas)
    given = ""
    if cause.layer is Layer.APP:
        given = " --project-dir ."
    elif cause.check.startswith("server.config."):
        given = " --server-config livekit.yaml"
    yield from labelled("Check", [f"lkdoctor diagnose{given} --only {cause.check}"], canvas)
    yield from labelled("Source", cause.source.splitlines(), canvas)


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
        "how": cause.how,
        "fix": [_step(step) for step in cause.fix],
        "explains": list(cause.explains),
        "related": list(cause.related),
        "source": cause.source,
    }


class Short(Protocol):
    """What is shown of a cause that only logs show."""

    @property
    def code(self) -> str: ...
    @property
    def layer(self) -> Layer: ...
    @property
    def title(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def fix(self) -> tuple[str, ...]: ...


def short(cause: Short, canvas: Canvas) -> Iterator[Line]:
    """A cause that no check looks for."""
    found = "in logs (lkdoctor explain --log FILE); no check looks for it"
    if canvas.accessible:
        yield sentence(f"{cause.code}: {cause.title}")
        yield sentence(f"Area: {TITLES[cause.layer]}")
        yield from (sentence(f"Cause: {row}") for row in cause.cause.splitlines())
        yield from (sentence(f"Fix: {text}") for text in cause.fix)
        yield sentence(f"Found {found}")
        return
    yield line(Span(cause.code, Style.TITLE), "   ", Span(TITLES[cause.layer], Style.DIM))
    for text in wrap(cause.title, _room(canvas)):
        yield line(text)
    yield BLANK
    yield from labelled("Cause", cause.cause.splitlines(), canvas)
    yield from labelled("Found by", [found], canvas)
    yield from labelled("Fix", cause.fix, canvas)


def short_json(cause: Short) -> dict[str, Any]:
    """Such a cause in JSON types."""
    return {
        "code": cause.code,
        "layer": cause.layer.value,
        "title": cause.title,
        "cause": cause.cause,
        "fix": [{"text": text, "destructive": False} for text in cause.fix],
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
    yield sentence(f"How it is found: {cause.how}")
    for i, step in enumerate(cause.fix, 1):
        lead = f"Fix {i} of {len(cause.fix)}"
        yield sentence(f"{lead}: {step.text}")
        if step.command:
            yield line(f"{lead}, command: {step.command}")
        if step.snippet:
            yield from (line(row) for row in step.snippet.body.splitlines())
    if cause.explains:
        yield sentence(f"Explains: {', '.join(cause.explains)}")
    if cause.related:
        yield sentence(f"Related: {', '.join(cause.related)}")
    yield sentence(f"Source: {cause.source}")


def _quoted(symptoms: tuple[str, ...], canvas: Canvas) -> tuple[str, ...]:
    if not symptoms:
        return ("nothing that a user would see",)
    left, right = ("“", "”") if canvas.unicode else ('"', '"')
    return tuple(f"{left}{symptom}{right}" for symptom in symptoms)


def _room(canvas: Canvas) -> int | None:
    return None if canvas.width is None else canvas.columns
