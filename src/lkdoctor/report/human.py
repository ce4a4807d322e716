"""A diagnosis as people read it: what is well in a line an area, what is not in full, the verdict."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.report import areas
from lkdoctor.report.areas import Area, Unrun
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
    milliseconds,
    pad,
    wrap,
)
from lkdoctor.report.model import ExitCode, Report, Status, Verdict

_NAME: Final = 12
"""Cells for an area's name."""

_VERDICTS: Final = {
    Verdict.HEALTHY: ("OK", Style.PASS),
    Verdict.WARNINGS: ("WARNINGS", Style.WARN),
    Verdict.PROBLEMS: ("PROBLEMS", Style.FAIL),
    Verdict.INCONCLUSIVE: ("INCONCLUSIVE", Style.UNKNOWN),
}


def render(report: Report, canvas: Canvas, *, verbose: int = 0) -> Iterator[Line]:
    """The whole report.

    Args:
        report: what to show.
        canvas: where to.
        verbose: 1 shows every check, 2 what went over the wire, too.
    """
    report = inert(report, canvas)
    if canvas.accessible:
        from lkdoctor.report import accessible

        yield from accessible.render(report, verbose=verbose)
        return
    yield from header(report, canvas)
    yield BLANK
    yield from body(report, canvas, verbose=verbose)
    yield from findings(report.findings, canvas)
    yield BLANK
    yield from verdict(report, canvas)


def header(report: Report, canvas: Canvas) -> Iterator[Line]:
    """The tool, the target, and where its parts came from."""
    target = report.target
    parts = [f"{report.tool.name} {report.tool.version}"]
    parts += [target.url] if target.url else ["no URL"]
    parts += [f"key {target.api_key}"] if target.api_key else []
    parts += [f"server {target.server}"] if target.server else []
    yield from flowing(parts, canvas, style=Style.TITLE)
    origins: dict[str, list[str]] = {}
    for name, origin in target.sources:
        origins.setdefault(origin, []).append(name.replace("_", " "))
    if origins:
        told = [f"{', '.join(names)}: {origin}" for origin, names in origins.items()]
        yield from flowing(["values from", *told], canvas, style=Style.DIM)


def body(report: Report, canvas: Canvas, *, verbose: int = 0) -> Iterator[Line]:
    """One line an area, then what was not run and what was not tested."""
    for area in areas.areas(report):
        if area.line_of_its_own or (verbose and not area.deselected):
            yield from _area(area, canvas, counted=not verbose)
            if verbose:
                yield from _checks(area, canvas)
            if verbose > 1:
                yield from _details(report, area, canvas)
    for group in areas.unrun(report):
        yield from _unrun(group, canvas)
    for words in report.summary.not_tested:
        yield from marked(Style.SKIP, f"not tested: {words}", canvas)


def verdict(report: Report, canvas: Canvas, *, told: str | None = None) -> Iterator[Line]:
    """The last line, and above it why a run is not whole or nothing could be told.

    Args:
        report: whose.
        canvas: where to.
        told: what to say in place of how many checks passed.
    """
    ending = areas.ending(report)
    if ending is not None:
        yield from (line(Span(text, Style.WARN)) for text in wrap(ending, canvas.width))
    if report.summary.verdict is Verdict.INCONCLUSIVE:
        counts = report.summary.counts
        text = (
            "Nothing wrong was seen; what is marked UNKN or BUG could not be told."
            if counts.unknown + counts.error
            else "Nothing wrong was seen, but not all that matters was looked at."
        )
        yield from (line(row) for row in wrap(text, canvas.width))
    word, style = _VERDICTS[report.summary.verdict]
    code = report.summary.exit_code
    parts = [
        told or ", ".join(areas.tally(report)),
        _took(report.run.duration_ms),
        *([f"exit {int(code)}"] if code is not ExitCode.HEALTHY else []),
    ]
    first, *more = flowing([word, *parts], canvas, style=style)
    yield first
    yield from more


def _took(duration_ms: float) -> str:
    return f"{duration_ms / 1000:.1f} s" if duration_ms >= 100 else f"{duration_ms:.0f} ms"


def flowing(parts: list[str], canvas: Canvas, *, style: Style) -> Iterator[Line]:
    """Parts three blanks apart, in as many lines as they take; the first part is styled."""
    room = canvas.columns if canvas.width else None
    row = line(Span(parts[0], style))
    indent = 0
    for part in parts[1:]:
        if room is not None and length(row) + 3 + cells(part) > room and length(row) > indent:
            yield row
            row = line(part)
        else:
            row = (*row, Span("   "), Span(part))
    yield row


def marked(style: Style, text: str, canvas: Canvas) -> Iterator[Line]:
    """A sentence behind the mark of its state."""
    yield from _hanging(_margin(canvas, style), text, canvas)


def _margin(canvas: Canvas, style: Style) -> Line:
    return line("" if canvas.narrow else "  ", glyph(style, canvas), " ")


def _area(area: Area, canvas: Canvas, *, counted: bool) -> Iterator[Line]:
    status = area.status
    margin = _margin(canvas, areas.STYLES[status])
    lead: Line = (*margin, Span(pad(area.title, _NAME)), Span(" " if canvas.narrow else "  "))
    word = areas.WORDS.get(status)
    if word:
        lead = (*lead, Span(word, areas.STYLES[status]), Span("  "))
    count = area.extent if counted and not canvas.narrow and status is not Status.FAIL else ""
    room = canvas.columns - length(lead)
    told = _joined(areas.told(area), room - (cells(count) + 2 if count else 0))
    gap = room - cells(told) - cells(count)
    if count and gap >= 2:
        yield (*lead, Span(told), Span(" " * gap), Span(count, Style.DIM))
    else:
        yield from _hanging(lead, told, canvas)


def _joined(told: tuple[str, ...], room: int) -> str:
    """As many of the facts as fit in one line, at least one."""
    text = told[0] if told else ""
    for more in told[1:]:
        if cells(text) + 2 + cells(more) > room:
            break
        text += f", {more}"
    return text


def _hanging(lead: Line, text: str, canvas: Canvas) -> Iterator[Line]:
    """Text behind a lead, its further lines under its first."""
    indent = length(lead)
    room = None if canvas.width is None else max(20, canvas.columns - indent)
    for i, row in enumerate(wrap(text, room)):
        yield (*lead, Span(row)) if i == 0 else line(" " * indent, row)


def _unrun(group: Unrun, canvas: Canvas) -> Iterator[Line]:
    where = group.areas
    shown = ", ".join(where[:5]) + (", …" if len(where) > 5 else "")
    if not canvas.unicode:
        shown = shown.replace("…", "...")
    text = f"{many(len(group.checks), 'check')} not run: {group.why} ({shown})"
    yield from marked(Style.SKIP, text, canvas)


def _checks(area: Area, canvas: Canvas) -> Iterator[Line]:
    column = max(cells(check.id) for check in area.checks) + 2
    for check in area.checks:
        margin = line(
            "  " if canvas.narrow else "      ", glyph(areas.STYLES[check.status], canvas), " "
        )
        text = check.summary or check.title
        causes = area.under.get(check.id)
        if causes:
            text += f"   (follows from {', '.join(causes)})"
        took = "" if check.duration_ms is None else milliseconds(check.duration_ms)
        if canvas.narrow:
            yield (*margin, Span(check.id, Style.DIM))
            yield from _hanging(line("    "), f"{text}   {took}".rstrip(), canvas)
            continue
        lead = (*margin, Span(pad(check.id, column), Style.DIM))
        gap = canvas.columns - length(lead) - cells(text) - cells(took)
        if took and gap >= 2:
            yield (*lead, Span(text), Span(" " * gap), Span(took, Style.DIM))
        else:
            yield from _hanging(lead, f"{text}   {took}".rstrip(), canvas)


def _details(report: Report, area: Area, canvas: Canvas) -> Iterator[Line]:
    from lkdoctor.report import details  # every layer's facts: only -vv pays for them

    rows = list(details.of(area.layer, report.facts))
    column = min(20, max((cells(label) for label, _ in rows), default=0)) + 2
    for label, text in rows:
        if canvas.narrow:
            yield from _hanging(line("    ", Span(label, Style.DIM), "  "), text, canvas)
        else:
            yield from _hanging(line("        ", Span(pad(label, column), Style.DIM)), text, canvas)
