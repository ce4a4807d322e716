"""Room names and identities as people read them: which LiveKit takes, and what will bite."""

from collections.abc import Iterator

from lkdoctor.facts.name import GivenName, NameFact
from lkdoctor.names import MAX_BYTES, REFUSED, NameOf, Trouble
from lkdoctor.report.findings import findings
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    glyph,
    inert,
    length,
    line,
    many,
    pad,
    wrap,
)
from lkdoctor.report.model import ExitCode, Report

_NOTES = frozenset({Trouble.NUMBER, Trouble.BLANK_INSIDE})


def render(report: Report, canvas: Canvas, *, verbose: int = 0) -> Iterator[Line]:
    """``check-room``: a line a name with what is the matter with it, then the twins.

    Args:
        report: what was found.
        canvas: where to.
        verbose: 1 adds each cause with its evidence and fix.
    """
    fact = inert(report.facts.name, canvas)
    if fact is None:
        return
    if canvas.accessible:
        yield from _spoken(report, fact, canvas)
        return
    column = min(44, max((cells(given.shown) for given in fact.names), default=0))
    for given in fact.names:
        yield from _name(given, canvas, column)
    for twin in fact.twins:
        text = f'"{twin.first}" and "{twin.second}": {twin.how}'
        yield from _hanging(line(glyph(Style.WARN, canvas), " "), f"twins   {text}", canvas)
    if verbose:
        yield from findings(inert(report.findings, canvas), canvas)
    yield BLANK
    yield _verdict(report, canvas)


def style_of(given: GivenName) -> Style:
    """Whether the name is taken, bites, or is fine."""
    troubles = {remark.trouble for remark in given.remarks}
    if troubles & REFUSED or Trouble.PLACEHOLDER in troubles:
        return Style.FAIL
    return Style.WARN if troubles - _NOTES or given.off_template else Style.PASS


def _name(given: GivenName, canvas: Canvas, column: int) -> Iterator[Line]:
    style = style_of(given)
    shown = given.shown or '""'
    size = many(given.bytes, "byte")
    lead = line(glyph(style, canvas), " ", Span(pad(shown, column), Style.TITLE))
    told = [remark.says for remark in given.remarks]
    if given.off_template:
        told.append(given.off_template)
    if canvas.narrow or cells(shown) > column:
        yield (*lead, Span(f"   {size}", Style.DIM))
        for text in told:
            yield from _hanging(line("    "), text, canvas)
        return
    lead = (*lead, Span(f"   {pad(size, 9)}", Style.DIM))
    if not told:
        yield lead
    for i, text in enumerate(told):
        yield from _hanging(lead if i == 0 else line(" " * length(lead)), f"  {text}", canvas)


def _hanging(lead: Line, text: str, canvas: Canvas) -> Iterator[Line]:
    indent = length(lead)
    room = None if canvas.width is None else max(20, canvas.columns - indent)
    text = text.lstrip(" ")
    for i, row in enumerate(wrap(text, room)):
        yield (*lead, Span(row)) if i == 0 else line(" " * indent, row)


def _verdict(report: Report, canvas: Canvas) -> Line:
    code = report.summary.exit_code
    if code is ExitCode.HEALTHY and not report.findings:
        return line(Span("OK", Style.PASS), f"   LiveKit takes them: at most {MAX_BYTES} bytes")
    word, style = (
        ("PROBLEMS", Style.FAIL)
        if code is ExitCode.PROBLEM
        else ("OK", Style.PASS)
        if not any(finding.severity != "info" for finding in report.findings)
        else ("WARNINGS", Style.WARN)
    )
    codes = ", ".join(dict.fromkeys(finding.code for finding in report.findings))
    ending = f"   exit {int(code)}" if code is not ExitCode.HEALTHY else ""
    more = "lkdoctor explain CODE" if canvas.columns >= 60 else ""
    return line(Span(word, style), f"   {codes}{f'   {more}' if more else ''}{ending}")


def _spoken(report: Report, fact: NameFact, canvas: Canvas) -> Iterator[Line]:
    from lkdoctor.report import accessible
    from lkdoctor.report.areas import tally

    yield accessible.sentence(f"Result: {report.summary.verdict}. {', '.join(tally(report))}")
    words = {Style.PASS: "fine", Style.WARN: "warning", Style.FAIL: "failed"}
    for given in fact.names:
        kind = "Identity" if given.of is NameOf.IDENTITY else "Room name"
        told = [remark.says for remark in given.remarks]
        told += [given.off_template] if given.off_template else []
        yield accessible.sentence(
            f"{kind} {given.shown or 'empty'}: {words[style_of(given)]}, "
            f"{', '.join([many(given.bytes, 'byte'), *told])}"
        )
    for twin in fact.twins:
        yield accessible.sentence(f"Twins: {twin.first} and {twin.second}, {twin.how}")
    yield from accessible.findings(inert(report.findings, canvas))
    yield accessible.sentence(f"Exit code {int(report.summary.exit_code)}")
