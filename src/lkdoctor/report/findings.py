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


def word(finding: Finding) -> Span:
    """``FAIL``, ``WARN`` or ``NOTE``: a hint never fails, so it never says so."""
    if finding.severity is Severity.ERROR and finding.confidence is Confidence.HINT:
        return Span("WARN", Style.WARN)
    return Span(*_WORDS[finding.severity])


def findings(found: Iterable[Finding], canvas: Canvas) -> Iterator[Line]:
    """Every finding with its evidence and fix, a blank line before each."""
    for finding in found:
        yield BLANK
        yield from one(finding, canvas)


def one(finding: Finding, canvas: Canvas) -> Iterator[Line]:
    """One finding."""
    room = None if canvas.width is None else canvas.columns - 6
    for i, text in enumerate(wrap(finding.title, room)):
        yield line(word(finding) if i == 0 else "    ", "  ", Span(text, Style.TITLE))
    where = f"   at {finding.location}" if finding.location else ""
    yield from labelled("code", [f"{finding.code}   {finding.confidence}{where}"], canvas)
    if finding.symptom:
        yield from labelled(
            "Shows as",
            [
                f"your user sees “{finding.symptom}”"
                if canvas.unicode
                else f'your user sees "{finding.symptom}"'
            ],
            canvas,
        )
    yield from labelled("Cause", finding.cause.splitlines(), canvas)
    yield from _evidence(finding.evidence, canvas)
    yield from _fix(finding.fix, canvas)
    if finding.consequences:
        yield from labelled("Explains", [", ".join(finding.consequences)], canvas)
    yield from labelled("More", [finding.docs], canvas)


def brief(found: Iterable[Finding]) -> Iterator[Line]:
    """One line a finding, never wrapped (``-q``)."""
    for finding in found:
        if finding.severity is not Severity.INFO:
            yield line(word(finding), f" {finding.code}: {finding.title}")


def _evidence(evidence: tuple[Evidence, ...], canvas: Canvas) -> Iterator[Line]:
    column = 0 if canvas.narrow else min(28, max(cells(e.label) for e in evidence))
    rows: list[str] = []
    for item in evidence:
        expected = f"   expected {item.expected}" if item.expected else ""
        rows.append(f"{pad(item.label, column)}   {item.observed}{expected}")
    first = True
    for row, item in zip(rows, evidence, strict=True):
        label = "Evidence" if first else ""
        fits = canvas.width is None or 12 + cells(row) <= canvas.columns
        if fits and not canvas.narrow:
            yield line("  ", Span(pad(label, 10), Style.DIM), row)
        else:
            # Too long for one line: the observation goes under its label, indented.
            observed = item.observed + (f"   expected {item.expected}" if item.expected else "")
            yield from labelled(label, [item.label], canvas)
            indent = 4 if canvas.narrow else 14
            room = None if canvas.width is None else max(20, canvas.columns - indent)
            for text in wrap(observed, room):
                yield line(" " * indent, text)
        first = False


def _fix(fix: tuple[FixStep, ...], canvas: Canvas) -> Iterator[Line]:
    numbered = len(fix) > 1
    label = "Fix"
    for number, step in enumerate(fix, 1):
        lead = f"{number}. " if numbered else ""
        text = lead + step.text + ("   (deletes or restarts something)" if step.destructive else "")
        yield from labelled(label, [text], canvas)
        label = ""
        indent = " " * ((4 if canvas.narrow else 15) if numbered else (4 if canvas.narrow else 14))
        # Commands and snippets are for pasting: never cut, never wrapped.
        if step.command:
            yield line(indent, step.command)
        if step.snippet:
            for row in step.snippet.body.splitlines():
                yield line(indent, row)
