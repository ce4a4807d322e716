"""A cause's words: how it shows, why it happens, what to do. One TOML file each, in `lkdoctor.causes`.

A file is read when its cause is first told; nothing is read at start-up.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from lkdoctor.findings import Confidence, FixStep, Layer, Severity, Snippet

FOLDER: Final = __file__.replace("\\", "/").rpartition("/rules/")[0] + "/causes"
"""Where the files are: ``CODE.toml``, each of the form that ``cause-schema.json`` describes."""


MAX_TITLE: Final = 60
"""Cells of a title's line."""
SHORTEST: Final = 8
"""Characters of a value below which nobody would know it."""


class CaseWords(NamedTuple):
    """How one case of a cause is told; what is None or empty is the cause's own.

    ``{name}`` in it stands for a value of the judge's.
    """

    title: str | None = None
    cause: str | None = None
    symptom: str | None = None
    fix: tuple[FixStep, ...] = ()
    severity: Severity | None = None
    confidence: Confidence | None = None


class Words(NamedTuple):
    """How a cause is told, as pages and ``explain`` show it: with example values."""

    code: str
    layer: Layer
    severity: Severity
    confidence: Confidence
    title: str
    """The cause in one line, at most 60 cells."""
    cause: str
    fix: tuple[FixStep, ...]
    check: str | None = None
    """The question that it answers; None where no check looks for it and only logs name it."""
    symptoms: tuple[str, ...] = ()
    """What the app's user or its log shows, in the clients' own words, the commonest first."""
    how: str = ""
    """How it is found: which observation decides."""
    source: str = ""
    """Where the knowledge comes from: an RFC section, a server file, an issue."""
    explains: tuple[str, ...] = ()
    """Codes that are only consequences where this one is found."""
    related: tuple[str, ...] = ()
    cases: Mapping[str, CaseWords] = {}
    """What can be told apart, by name."""
    steps: Mapping[str, FixStep] = {}
    """Steps that are told once for each thing that is wrong, by name; their values left open."""
    example: Mapping[str, str] = {}
    """What stands for each value where none was seen."""
    general: CaseWords = CaseWords()
    """The cause's own title, cause and fix, with their values left open."""

    def shown_cases(self) -> Iterator[tuple[str, CaseWords]]:
        """Each case by its name, with example values; those that only weigh it are left out."""
        for name, case in self.cases.items():
            told = case._replace(
                title=None if case.title is None else filled(case.title, self.example),
                cause=None if case.cause is None else filled(case.cause, self.example),
                fix=tuple(filled_step(step, self.example) for step in case.fix),
            )
            if told.title or told.cause or told.fix:
                yield name, told


@cache
def of(code: str) -> Words:
    """The words of a cause.

    Raises:
        KeyError: no cause has this code.
    """
    import tomllib

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code):
        raise KeyError(code)
    try:
        with open(f"{FOLDER}/{code}.toml", "rb") as file:  # noqa: PTH123 - rules know no paths
            told = tomllib.load(file)
    except FileNotFoundError:
        raise KeyError(code) from None
    general, example = _case(told), told.get("example", {})
    return Words(
        code=code,
        layer=Layer(told["layer"]),
        severity=Severity(told["severity"]),
        confidence=Confidence(told["confidence"]),
        title=filled(told["title"], example),
        cause=filled(told["cause"], example),
        fix=tuple(filled_step(step, example) for step in general.fix),
        check=told.get("check"),
        symptoms=tuple(told.get("symptoms", ())),
        how=told.get("how", ""),
        source=told.get("source", ""),
        explains=tuple(told.get("explains", ())),
        related=tuple(told.get("related", ())),
        cases={name: _case(case) for name, case in told.get("case", {}).items()},
        steps={name: _step(step) for name, step in told.get("step", {}).items()},
        example=example,
        general=general,
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each of these values in the place of its ``{name}``; other braces stay."""
    if not values or "{" not in text:
        return text
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def filled_step(step: FixStep, values: Mapping[str, str]) -> FixStep:
    """The step with these values; in a command each is one word, unless it is a command itself."""
    if not values:
        return step
    from lkdoctor import shell

    command, snippet = step.command, step.snippet
    if command is not None and "{" in command:
        command = filled(command, {name: shell.command(text) for name, text in values.items()})
    if snippet is not None and "{" in snippet.body:
        fill = _filled_setting if snippet.language == "dotenv" else filled
        rows = (fill(row, values) for row in snippet.body.split("\n"))
        snippet = snippet._replace(body="\n".join(rows))
    return step._replace(text=filled(step.text, values), command=command, snippet=snippet)


def _filled_setting(row: str, values: Mapping[str, str]) -> str:
    """A line of a .env file that every reader takes alike, whatever is filled in."""
    from lkdoctor import shell

    name, equals, value = row.partition("=")
    told = filled(value, values)
    return (
        filled(name, values) + equals + told
        if told == value
        else shell.setting(filled(name, values), told)
    )


def fitting(title: str, values: Mapping[str, str]) -> str | None:
    """The filled title, its longest value cut where the line is too long; None where that fails."""
    told = filled(title, values)
    over = len(told) - MAX_TITLE
    if over > 0:
        named = [n for n in values if f"{{{n}}}" in title]
        name = max(named, key=lambda n: len(values[n]), default="")
        kept = len(values.get(name, "")) - over - 1
        if kept < SHORTEST:
            return None
        told = filled(title, {**values, name: values[name][:kept] + "…"})
    return told if told.isprintable() else None


def together(cases: Iterable[CaseWords]) -> CaseWords:
    """Several cases as one: of each kind of words the first that there are."""
    whole = CaseWords()
    for case in cases:
        whole = CaseWords(
            title=case.title if whole.title is None else whole.title,
            cause=case.cause if whole.cause is None else whole.cause,
            symptom=case.symptom if whole.symptom is None else whole.symptom,
            fix=whole.fix or case.fix,
            severity=whole.severity or case.severity,
            confidence=whole.confidence or case.confidence,
        )
    return whole


def _case(told: Mapping[str, Any]) -> CaseWords:
    return CaseWords(
        title=told.get("title"),
        cause=told.get("cause"),
        symptom=told.get("symptom"),
        fix=_fix(told),
        severity=Severity(told["severity"]) if "severity" in told else None,
        confidence=Confidence(told["confidence"]) if "confidence" in told else None,
    )


def _fix(told: Mapping[str, Any]) -> tuple[FixStep, ...]:
    return tuple(map(_step, told.get("fix", ())))


_STEP: Final = frozenset({"text", "command", "destructive"})
"""What else a step has is a snippet, by its language."""


def _step(told: Mapping[str, Any]) -> FixStep:
    snippets: Iterator[Snippet] = (Snippet(n, b) for n, b in told.items() if n not in _STEP)
    return FixStep(
        told["text"], told.get("command"), next(snippets, None), told.get("destructive", False)
    )
