"""The JSON of a report: what the schema says, and enough to judge the run again."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report.screens import RUN, check, finding, report, sick

import examples
from lkdoctor import catalogue
from lkdoctor.facts import NO_FACTS, Facts
from lkdoctor.report import jsonfile, model
from lkdoctor.report.schema import text as schema_text
from lkdoctor.rules.base import Rule

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads(schema_text())


def document(shown: model.Report) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(jsonfile.render(shown))
    return loaded


def errors(value: dict[str, Any]) -> list[str]:
    """Where and why a document is not what the schema says."""
    found = Draft202012Validator(SCHEMA).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_schema_is_what_the_records_say() -> None:
    """`scripts/schema.py` writes it anew after a change of the records."""
    script = [sys.executable, str(ROOT / "scripts" / "schema.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("rule", tuple(catalogue.rules()), ids=lambda rule: rule.code)
@pytest.mark.parametrize("example", [examples.sick, examples.near])
def test_every_example_is_valid(rule: Rule, example: Callable[[str], Facts]) -> None:
    """Every kind of fact that a rule knows is in the schema."""
    assert errors(document(report(example(rule.code)))) == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"facts": NO_FACTS}, id="nothing was looked at"),
        pytest.param(
            {"run": RUN._replace(completed=False, interrupted_by="signal")}, id="interrupted"
        ),
        pytest.param({"target": model.TargetInfo()}, id="no target"),
        pytest.param({"durations": {"net.dns": 1.5}}, id="with durations"),
    ],
)
def test_unusual_reports_are_valid(changed: dict[str, Any]) -> None:
    assert errors(document(report(**changed))) == []


def broken(path: str, value: object) -> dict[str, Any]:
    """A valid document with one thing changed; no value takes it away."""
    whole = document(report(sick("tls-expired")))
    *parents, last = path.split(".")
    place: Any = whole
    for name in parents:
        place = place[int(name) if name.isdigit() else name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", "other.report"),
        ("schema_version", "2.0"),
        ("summary.verdict", "fine"),
        ("summary.counts.pass", "7"),
        ("summary.counts", {"pass": 1}),
        ("findings", None),
        ("findings.0.code", "Not A Code"),
        ("findings.0.evidence", []),
        ("findings.0.severity", "fatal"),
        ("findings.0.docs", None),
        ("checks.0.status", "maybe"),
        ("checks.0.id", None),
        ("facts.tls.attempt.kind", "unheard-of"),
        ("facts.tls.attempt.took_ms", "49"),
        ("facts.network.dns", None),
        ("timings", None),
        ("redaction.applied", 1.5),
    ],
)
def test_schema_notices(path: str, value: object) -> None:
    assert errors(broken(path, value)) != []


@pytest.mark.parametrize("path", ["new", "run.new", "findings.0.new", "facts.tls.new"])
def test_additions_are_welcome(path: str) -> None:
    """A reader of 1.0 takes a document of 1.1."""
    assert errors(broken(path, "later")) == []


def test_an_older_document_is_still_valid() -> None:
    """A fact's field that came later has a default; a report kept before lacks it."""
    assert errors(broken("facts.tls.attempt.certificate", None)) == []
    assert errors(broken("findings.0.fix.0.destructive", None)) != []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"status": "skip", "findings": []}, id="a skipped check says why"),
        pytest.param({"status": "fail", "findings": []}, id="a failed check names a finding"),
    ],
)
def test_states_have_their_reasons(changed: dict[str, Any]) -> None:
    whole = document(report(sick("tls-expired")))
    whole["checks"][0] |= changed
    assert errors(whole) != []


def test_document() -> None:
    """Names that scripts rely on."""
    whole = report()._replace(
        checks=(check("tls.handshake", model.Status.SKIP),), findings=(finding(location=".env:3"),)
    )
    written = document(whole)
    assert list(written) == list(SCHEMA["required"])
    assert written["run"] == {
        "id": "r1",
        "command": "diagnose",
        "started_at": "2026-09-21T14:13:20Z",
        "duration_ms": 612.4,
        "completed": True,
        "interrupted_by": None,
        "signal": None,
    }
    assert written["checks"] == [
        {
            "id": "tls.handshake",
            "layer": "tls",
            "title": "tls.handshake is well",
            "status": "skip",
            "summary": "nothing was given to look at",
            "essential": True,
            "effect": "none",
            "skip_reason": "no_input",
            "findings": [],
        }
    ]
    assert written["findings"][0]["fix"][0] == {
        "text": "Forward the upgrade headers on every proxy on the way.",
        "command": None,
        "snippet": {"language": "nginx", "body": "location / {\n    proxy_http_version 1.1;\n}"},
        "destructive": False,
    }


@pytest.mark.parametrize("code", ["tls-expired", "token-expired", "env-missing", "signal-timeout"])
def test_a_saved_report_says_what_it_said(code: str) -> None:
    """Facts, run and target come back as they were."""
    whole = report(sick(code), durations={"net.dns": 12.0})
    saved = model.from_json(document(whole))
    assert (saved.facts, saved.run, saved.target) == (whole.facts, whole.run, whole.target)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Žofia 会议", '"Žofia 会议"\n'),
        ("\x9b2J", '"\\u009b2J"\n'),
        ("\u202egnp", '"\\u202egnp"\n'),
        ("\U000e0041", '"\\udb40\\udc41"\n'),
        ("a\udc80", '"a\\udc80"\n'),
        ("##[group]", '"\\u0023#[group]"\n'),
        ("\x7f\x1b", '"\\u007f\\u001b"\n'),
    ],
)
def test_text_is_escaped_without_loss(text: str, expected: str) -> None:
    assert jsonfile.text(text) == expected
    assert json.loads(jsonfile.text(text)) == text
