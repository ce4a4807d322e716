"""Text written by others: in any field of a report, in every form of it, it only lies there."""

import json
import re
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report.screens import CANVASES, finding, healthy, report, sick

from lkdoctor.facts import Facts
from lkdoctor.findings import FixStep
from lkdoctor.redact import Secret
from lkdoctor.report import github, human, jsonfile, junit, ndjson, plain, waterfall
from lkdoctor.report.findings import brief, findings
from lkdoctor.report.layout import Canvas, cells, line, spelt
from lkdoctor.report.layout import plain as text_of
from lkdoctor.report.model import Report
from lkdoctor.report.schema import text as schema_text

TEXTS = {
    "Rich markup": "[bold red]x[/] [link=https://evil.example]y[/link]",
    "broken markup": "[/]",
    "ANSI": "\x1b[2J\x1b[1;1H\x1b]0;title\x07",
    "C1": "\x9b2J",
    "bidi": "\u202egnp.exe\u2066",
    "runner command": "::error file=x::gone",
    "old runner command": "##[add-path]/tmp ##vso[task.setvariable]",
    "several lines": "one\ntwo\r\n::warning::three\u2028four",
    "tabs": "a\tb\t\tc",
    "wide": "会议室" * 30,
    "endless word": "x" * 3000,
    "many words": "word " * 600,
    "emoji": "👩‍👩‍👧 🇸🇰 :warning:",
    "nothing": "",
    "blanks": "   ",
    "half a surrogate": "a\udc80b",
    "format": "{0} %s %(x)s \\N{DASH} {{",
}

LOOKED_AT = ("80-unicode", "60-ascii", "44-unicode", "pipe", "accessible")

FORMS: dict[str, Callable[[Report], str]] = {
    **{
        name: lambda shown, c=CANVASES[name]: text_of(  # type: ignore[misc]  # bound now
            spelt(human.render(shown, c, verbose=2), c)
        )
        for name in LOOKED_AT
    },
    **{
        f"probe {name}": lambda shown, c=CANVASES[name]: text_of(  # type: ignore[misc]  # bound now
            spelt(waterfall.render(shown, c, verbose=2), c)
        )
        for name in LOOKED_AT
    },
    "quiet": lambda shown: text_of(brief(shown.findings)),
    "plain": plain.render,
    "json": jsonfile.render,
    "ndjson": lambda shown: "".join(ndjson.finished(shown)),
    "junit": junit.render,
    "markdown": lambda shown: "".join(github.summary(shown)),
}


FILES = {"junit", "markdown"}
"""Where no runner looks for commands, but the text can still draw on who looks."""


def poisoned(value: Any, text: str) -> Any:
    """The same record with this text in the place of every text."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names is None:
            return tuple(poisoned(item, text) for item in value)
        fixed = {"kind", "code", "check", "id", "effect", "blocked_by"}
        return type(value)(
            *(
                item if name in fixed and isinstance(item, str) else poisoned(item, text)
                for name, item in zip(names, value, strict=True)
            )
        )
    return value


@cache
def whole() -> Report:
    """A failing report on all layers."""
    made = report(sick("proxy-upgrade-stripped"))
    cause = finding(consequences=("x",), location="f:1")
    return made._replace(facts=healthy(), findings=(*made.findings, cause))


@cache
def shown(text: str) -> Report:
    """That report, saying nothing but this; the run and the tool are ours alone."""
    wicked: Report = poisoned(whole(), text)
    return wicked._replace(run=whole().run, tool=whole().tool)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("form", FORMS)
def test_foreign_text_only_lies_there(form: str, text: str) -> None:
    written = FORMS[form](shown(text))
    written.encode("utf-8")
    allowed = "\n\t" if form == "plain" else "\n"
    acting = {c for c in written if not c.isprintable() and c not in allowed}
    # Spaces of other scripts do nothing.
    assert {c for c in acting if not c.isspace()} == set()
    obeyed = [row for row in written.splitlines() if re.match(r"\s*::\w.*::|.*##(\[|vso)", row)]
    assert obeyed == [] or form in FILES


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_machine_forms_keep_their_shape(text: str) -> None:
    """Valid JSON, five columns."""
    wicked = shown(text)
    document = json.loads(jsonfile.render(wicked))
    Draft202012Validator(json.loads(schema_text())).validate(document)
    assert document["checks"][0]["summary"] == text
    rows = plain.render(wicked).splitlines()
    assert {row.count("\t") for row in rows} == {4}
    assert len(rows) == 1 + len(wicked.checks)


@pytest.mark.parametrize("text", ["会议室 " * 40, "word " * 200], ids=["wide", "many words"])
@pytest.mark.parametrize("width", [44, 60, 80])
def test_long_text_stays_within_the_screen(text: str, width: int) -> None:
    canvas = Canvas(width)
    seen = shown(text).findings[0].evidence
    wicked = finding(title=text, cause=text, symptom=text, evidence=seen, fix=(FixStep(text),))
    rows = text_of(findings([wicked], canvas)).splitlines()
    assert max(map(cells, rows)) <= width


CANARY = "canary/7Hq2+Zx9Lm4Vb8Nc1Kp6Ws3"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(CANARY, id="as it is"),
        pytest.param(f"Bearer {CANARY}", id="in a header"),
        pytest.param(CANARY.replace("/", "%2F").replace("+", "%2B"), id="in a URL"),
        pytest.param(CANARY[4:24], id="in part"),
        pytest.param("x" * 60 + CANARY, id="at the edge of a line"),
    ],
)
def test_no_form_shows_a_secret(form: str, spelling: str) -> None:
    """Not even eight characters of it, wherever it got into the report."""
    Secret(CANARY)
    written = FORMS[form](shown(f"before {spelling} after")).lower()
    runs = {CANARY[i : i + 8].lower() for i in range(len(CANARY) - 7)}
    assert [run for run in sorted(runs) if run in written] == []


def test_canary_would_be_seen() -> None:
    """The test above can fail: the same text is there when nobody knows that it is secret."""
    assert CANARY in FORMS["json"](shown(CANARY))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::error::x", "\\x3a:error::x"),
        ("   ::error file=a,line=1::x", "   \\x3a:error file=a,line=1::x"),
        ("##[error]x", "\\x23#[error]x"),
        ("see ##vso[task.x]", "see \\x23#vso[task.x]"),
        ("::1 refused", "::1 refused"),
        ("[::]:7880", "[::]:7880"),
    ],
)
def test_runners_are_not_commanded(text: str, expected: str) -> None:
    """An address may begin a line, a command may not."""
    assert text_of([line(text)]) == expected + "\n"


def test_poison_reaches_everywhere() -> None:
    """The helper does replace what it should, facts included."""
    facts: Facts = shown("HERE").facts
    assert facts.signal is not None
    assert facts.signal.room_minted == "HERE"
    assert facts.env is not None
    assert {variable.origin for variable in facts.env.variables} == {"HERE"}
