"""Findings as people read them: cause, evidence, fix; the same in every command."""

from collections.abc import Iterable, Iterator
from typing import Final

from lkdoctor.findings import Confidence, Evidence, Finding, FixStep, Severity
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    inert,
    labelled,
    line,
    pad,
    wrap,
)

_WORDS: Final = {
    Severity.ERROR: ("FAIL", Style.FAIL),
    Severity.WARNING: ("WARN", Style.WARN),
    Severity.INFO: ("NOTE", Style.DIM),
}

_COLUMN: Final = 10
"""Cells of a finding's labels."""

_EVIDENCE_COLUMN: Final = 32
"""Cells that what was looked at may take before what was seen."""


def word(finding: Finding) -> Span:
    """``FAIL``, ``WARN`` or ``NOTE``: a hint never fails, so it never says so."""
    if finding.severity is Severity.ERROR and finding.confidence is Confidence.HINT:
        return Span("WARN", Style.WARN)
    return Span(*_WORDS[finding.severity])


def findings(found: Iterable[Finding], canvas: Canvas) -> Iterator[Line]:
    """Every finding with its evidence and fix, a blank line before each."""
    if canvas.accessible:
        from lkdoctor.report import accessible

        yield from accessible.findings(inert(tuple(found), canvas))
        return
    for finding in found:
        yield BLANK
        yield from one(finding, canvas)


def one(finding: Finding, canvas: Canvas) -> Iterator[Line]:
    """One finding."""
    finding = inert(finding, canvas)
    room = None if canvas.width is None else canvas.columns - 6
    for i, text in enumerate(wrap(finding.title, room)):
        yield line(word(finding) if i == 0 else "    ", "  ", Span(text, Style.TITLE))
    where = f"   at {finding.location}" if finding.location else ""
    yield from labelled("code", [f"{finding.code}   {finding.confidence}{where}"], canvas)
    if finding.symptom:
        quoted = f"“{finding.symptom}”" if canvas.unicode else f'"{finding.symptom}"'
        yield from labelled("Shows as", [f"your user sees {quoted}"], canvas)
    yield from labelled("Cause", finding.cause.splitlines(), canvas)
    yield from _evidence(finding.evidence, canvas)
    yield from _commands(finding, canvas)
    yield from steps(finding.fix, canvas)
    if finding.consequences:
        yield from labelled("Explains", [", ".join(finding.consequences)], canvas)
    yield from labelled("More", [finding.docs], canvas)


def without_commands(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same findings, their evidence without what shows it again."""
    return tuple(
        finding._replace(evidence=tuple(e._replace(repeat=None) for e in finding.evidence))
        for finding in found
    )


def commands(finding: Finding) -> tuple[str, ...]:
    """What shows the evidence again, each command once."""
    return tuple(dict.fromkeys(e.repeat for e in finding.evidence if e.repeat))


def brief(found: Iterable[Finding]) -> Iterator[Line]:
    """One line a finding, never wrapped (``-q``)."""
    for finding in found:
        if finding.severity is not Severity.INFO:
            yield line(word(finding), f" {finding.code}: {finding.title}")


def steps(fix: tuple[FixStep, ...], canvas: Canvas) -> Iterator[Line]:
    """A repair, numbered where it has several steps."""
    hang = 3 if len(fix) > 1 else 0
    label = "Fix"
    for number, step in enumerate(fix, 1):
        lead = f"{number}. " if hang else ""
        text = lead + step.text + ("   (deletes or restarts something)" if step.destructive else "")
        yield from labelled(label, [text], canvas, hang=hang)
        label = ""
        indent = " " * ((2 if canvas.narrow else _COLUMN + 2) + hang + 2)
        # Commands and snippets are for pasting: never cut, never wrapped.
        if step.command:
            yield line(indent, step.command)
        if step.snippet:
            for row in step.snippet.body.splitlines():
                yield line(indent, row)


def _evidence(evidence: tuple[Evidence, ...], canvas: Canvas) -> Iterator[Line]:
    if canvas.narrow:
        yield from _stacked(evidence, canvas)
        return
    column = min(_EVIDENCE_COLUMN, max((cells(e.label) for e in evidence), default=0))
    for i, item in enumerate(evidence):
        expected = f"   expected {item.expected}" if item.expected else ""
        label = "Evidence" if i == 0 else ""
        text = pad(item.label, column)
        if item.observed:
            text += f"   {item.observed}{expected}"
        if canvas.width is None or _COLUMN + 2 + cells(text) <= canvas.columns:
            yield line("  ", Span(pad(label, _COLUMN), Style.DIM), text)
        else:
            yield from _columns(item, label, column, canvas)


def _commands(finding: Finding, canvas: Canvas) -> Iterator[Line]:
    """For pasting: never cut, never wrapped."""
    indent = "  " if canvas.narrow else " " * (_COLUMN + 2)
    for i, command in enumerate(commands(finding)):
        if i == 0 and canvas.narrow:
            yield line(Span("Repeat", Style.DIM))
        if i == 0 and not canvas.narrow:
            yield line("  ", Span(pad("Repeat", _COLUMN), Style.DIM), command)
        else:
            yield line(indent, command)


def _columns(item: Evidence, label: str, column: int, canvas: Canvas) -> Iterator[Line]:
    """What was seen beside what was looked at, in as many lines as it takes."""
    lead = "  " + pad(label, _COLUMN)
    indent = len(lead) + column + 3
    beside = cells(item.label) <= column and canvas.columns - indent >= 24
    if not beside:
        yield from labelled(label, [item.label], canvas)
        indent = len(lead) + 2
    rows = wrap(item.observed, canvas.columns - indent)
    if item.expected:
        rows += wrap(f"expected {item.expected}", canvas.columns - indent)
    for i, row in enumerate(rows):
        if beside and i == 0:
            yield line(
                "  ", Span(pad(label, _COLUMN), Style.DIM), pad(item.label, column), "   ", row
            )
        else:
            yield line(" " * indent, row)


def _stacked(evidence: tuple[Evidence, ...], canvas: Canvas) -> Iterator[Line]:
    yield line(Span("Evidence", Style.DIM))
    for item in evidence:
        yield from labelled("", [item.label], canvas)
        expected = [f"expected {item.expected}"] if item.expected else []
        for text in [item.observed, *expected]:
            for row in wrap(text, canvas.columns - 4):
                yield line("    ", row)
