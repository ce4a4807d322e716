"""The variables as people look at them: what each holds, where it stands, what is wrong with it."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lkdoctor.config.resolve import CANONICAL, Meaning
from lkdoctor.facts.env import EnvFact, Looks, Variable
from lkdoctor.findings import Finding, Layer, Severity
from lkdoctor.report import human
from lkdoctor.report.findings import findings, word
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    glyph,
    inert,
    line,
    many,
    pad,
    wrap,
)
from lkdoctor.report.model import Report

_OPTIONAL: Final = "not set (optional)"


class Row(NamedTuple):
    """One variable in one place, or one that is nowhere."""

    name: str
    value: str
    origin: str
    state: Style
    found: tuple[Finding, ...] = ()
    """What is wrong with it."""
    remark: str = ""
    """``not used``"""


class Section(NamedTuple):
    title: str
    rows: tuple[Row, ...]


class View(NamedTuple):
    """A report on the variables, in the order in which it is shown."""

    sections: tuple[Section, ...]
    other: tuple[Finding, ...]
    """What is wrong with no single variable."""


def render(
    report: Report, canvas: Canvas, *, verbose: int = 0, show_origin: bool = False
) -> Iterator[Line]:
    """The whole answer.

    Args:
        report: whose facts hold the environment.
        canvas: where to.
        verbose: 1 tells every finding in full, not only the first.
        show_origin: shows the places that hold the same value, too, and those that hold none.
    """
    report = inert(report, canvas)
    env = report.facts.env or EnvFact()
    shown = view(report, show_origin=show_origin)
    if canvas.accessible:
        yield from _spoken(report, env, shown)
        return
    yield from _looked_in(env, canvas, show_origin=show_origin)
    rows = [row for section in shown.sections for row in section.rows]
    columns = _Columns.of(rows, canvas)
    for number, section in enumerate(shown.sections):
        if number < 2:
            yield BLANK
        if section.title:
            yield line("  ", Span(section.title, Style.DIM))
        for row in section.rows:
            yield from _row(row, columns, canvas)
    if shown.other:
        yield BLANK
    for finding in shown.other:
        yield from human.marked(_state(finding), f"{word(finding).text}  {finding.title}", canvas)
    told = report.findings if verbose else report.findings[:1]
    if told and (verbose or told[0].severity is not Severity.INFO):
        yield from findings(told, canvas)
    yield BLANK
    yield from human.verdict(report, canvas, told=", ".join(_tally(report, env)))
    if len(told) < len(report.findings):
        yield line(Span("the other findings in full: add -v", Style.DIM))


def view(report: Report, *, show_origin: bool = False) -> View:
    """The variables, grouped, each with what was found about it."""
    env = report.facts.env or EnvFact()
    by_label, other = _by_label(report, env)

    def rows(variables: Iterable[Variable], remark: str = "") -> tuple[Row, ...]:
        return tuple(
            Row(
                name=v.name,
                value=_value(v),
                origin=v.origin,
                state=_worst(by_label.get(_label(v), ()), v),
                found=tuple(by_label.get(_label(v), ())),
                remark=remark if not v.used else "",
            )
            for v in variables
        )

    counted = [v for meaning in Meaning if (v := env.used(meaning)) is not None]
    main: list[Row] = []
    for meaning in Meaning:
        main += rows(v for v in counted if v.meaning is meaning) or (
            _absent(meaning, by_label.get(CANONICAL[meaning], ())),
        )
    rest = [v for v in env.variables if v not in counted]
    hidden = [v for v in rest if not v.used and v.typo_of is None]
    sections = [
        Section("", tuple(main)),
        Section("same meaning, other value", rows((v for v in hidden if not v.same), "not used")),
        Section(
            "same meaning, same value",
            rows((v for v in hidden if v.same), "not used") if show_origin else (),
        ),
        Section("names that look like a slip", rows(v for v in rest if v.typo_of is not None)),
        Section("visible in the browser", rows(v for v in rest if v.used and v.prefix)),
    ]
    return View(tuple(s for s in sections if s.rows), tuple(other))


def _by_label(report: Report, env: EnvFact) -> tuple[dict[str, list[Finding]], list[Finding]]:
    """Findings by the variable that they are about, and those that are about none."""
    labels = {_label(v) for v in env.variables} | set(CANONICAL.values())
    url = env.used(Meaning.URL)
    about: dict[str, list[Finding]] = {}
    other: list[Finding] = []
    for finding in report.findings:
        named = [e.label for e in finding.evidence if e.label in labels]
        if finding.layer is Layer.URL and url is not None:
            named = [_label(url)]
        if not named:
            other.append(finding)
            continue
        # Of a value and the one that it hides, the hidden one is what surprises.
        subject = named[1] if finding.code == "env-file-precedence" and named[1:] else named[0]
        about.setdefault(subject, []).append(finding)
        if finding.code == "env-missing":
            for label in named[1:]:
                about.setdefault(label, []).append(finding)
    return about, other


def _label(variable: Variable) -> str:
    return f"{variable.name} ({variable.origin})"


def _value(variable: Variable) -> str:
    if variable.looks is Looks.EMPTY:
        return "empty" if variable.length == 0 else "nothing but blanks"
    if variable.shown:
        return variable.shown
    named = f", id {variable.id}" if variable.id else ""
    return f"set, {many(variable.length, 'character')}{named}"


def _absent(meaning: Meaning, found: Iterable[Finding]) -> Row:
    found = tuple(found)
    state = _state(found[0]) if found else Style.SKIP
    value = _OPTIONAL if not found else "not set"
    return Row(CANONICAL[meaning], value, "", state)


def _worst(found: Iterable[Finding], variable: Variable) -> Style:
    # Findings come worst first.
    first = next(iter(found), None)
    if first is not None and first.severity is not Severity.INFO:
        return _state(first)
    if not variable.used or variable.looks is Looks.EMPTY:
        return Style.SKIP
    return Style.PASS


def _state(finding: Finding) -> Style:
    return word(finding).style if finding.severity is not Severity.INFO else Style.SKIP


def _tally(report: Report, env: EnvFact) -> Iterator[str]:
    words = [word(finding).text for finding in report.findings]
    failed, warned = words.count("FAIL"), words.count("WARN")
    there = [m for m in Meaning if (v := env.used(m)) is not None and v.looks is not Looks.EMPTY]
    if failed:
        yield f"{failed} failed"
    if warned:
        yield many(warned, "warning")
    yield f"{many(len(there), 'value')} set"


# ------------------------------------------------------------------ drawing


class _Columns(NamedTuple):
    name: int
    value: int
    stacked: bool
    """Name and value do not fit beside each other."""

    @classmethod
    def of(cls, rows: Iterable[Row], canvas: Canvas) -> "_Columns":
        rows = list(rows)
        name = max((cells(row.name) for row in rows), default=0) + 3
        value = max((cells(row.value) for row in rows), default=0)
        margin = 3 + cells(glyph(Style.PASS, canvas).text)
        fits = canvas.width is None or margin + name + value <= canvas.columns
        return cls(name, min(48, value) + 3, stacked=canvas.narrow or not fits)


def _looked_in(env: EnvFact, canvas: Canvas, *, show_origin: bool) -> Iterator[Line]:
    found = ", ".join(place.label for place in env.places if place.found)
    absent = ", ".join(place.label for place in env.places if not place.found)
    parts = ["looked in", found, f"in {env.directory}"]
    if absent:
        parts.append(f"not there: {absent}")
    if show_origin:
        parts.append("the first place wins")
    yield from human.flowing(parts, canvas, style=Style.DIM)


def _row(row: Row, columns: _Columns, canvas: Canvas) -> Iterator[Line]:
    place = f"{row.origin}   {row.remark}" if row.remark else row.origin
    mark = glyph(row.state, canvas)
    if columns.stacked:
        yield line(mark, " ", row.name)
        for text in wrap(row.value, canvas.columns - 4):
            yield line("    ", text)
        if place:
            yield line("    ", Span(place, Style.DIM))
        indent = 4
    else:
        indent = 3 + cells(mark.text) + columns.name
        lead = ("  ", mark, " ", pad(row.name, columns.name))
        width = indent + max(columns.value, cells(row.value) + 3) + cells(place)
        if canvas.width is not None and width > canvas.columns and place:
            yield line(*lead, row.value)
            yield line(" " * indent, Span(place, Style.DIM))
        else:
            yield line(*lead, pad(row.value, columns.value), Span(place, Style.DIM))
    room = None if canvas.width is None else max(20, canvas.columns - indent - 6)
    for finding in row.found:
        for i, text in enumerate(wrap(_said(row, finding), room)):
            yield line(" " * indent, word(finding) if i == 0 else "    ", "  ", text)


def _said(row: Row, finding: Finding) -> str:
    """What is wrong, without the name that stands in front of it already."""
    for lead in (f"{row.name}: ", f"{row.name} "):
        if finding.title.startswith(lead):
            return finding.title.removeprefix(lead)
    return finding.title


def _spoken(report: Report, env: EnvFact, shown: View) -> Iterator[Line]:
    from lkdoctor.report import accessible

    yield from accessible.verdict(report, ", ".join(_tally(report, env)))
    places = ", ".join(place.label for place in env.places if place.found)
    yield accessible.sentence(f"Looked in {places}, in {env.directory}")
    for section in shown.sections:
        for row in section.rows:
            lead = f"{section.title[0].upper()}{section.title[1:]}: " if section.title else ""
            from_where = f", from {row.origin}" if row.origin else ""
            remark = f", {row.remark}" if row.remark else ""
            yield accessible.sentence(f"{lead}{row.name}: {row.value}{from_where}{remark}")
    yield from accessible.findings(report.findings)
    yield accessible.sentence(f"Exit code {int(report.summary.exit_code)}")
