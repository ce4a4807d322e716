"""What GitHub's runner reads: commands that only we write, Markdown in which nothing acts."""

import re

from report.screens import finding, report, sick

from lkdoctor.findings import Confidence, Evidence, FixStep, Severity, Snippet
from lkdoctor.report import github

HOSTILE = "a::error title=x::b\n::set-env name=PATH::/tmp\r##[error]c%0Ad,e:f"


def annotations(shown: object) -> list[str]:
    return "".join(github.annotations(shown)).splitlines()  # type: ignore[arg-type]  # a Report


def test_a_finding_is_an_annotation_with_its_place() -> None:
    shown = report(sick("env-value-dirty"))
    first = annotations(shown)[0]
    head, _, text = first.removeprefix("::").partition("::")
    assert head == "error file=.env.local,line=3,title=lkdoctor env-value-dirty"
    rows = text.split("%0A")
    cause = shown.findings[0]
    assert rows[0] == cause.title
    assert rows[1] == f"- {cause.evidence[0].label}: {cause.evidence[0].observed}"
    assert rows[-1] == "More: lkdoctor explain env-value-dirty"


def test_severities_are_levels_and_a_hint_is_no_error() -> None:
    found = (
        finding(),
        finding(severity=Severity.WARNING),
        finding(severity=Severity.INFO),
        finding(confidence=Confidence.HINT),
    )
    shown = report()._replace(findings=found)
    levels = [row.partition(" ")[0] for row in annotations(shown)]
    assert levels == ["::error", "::warning", "::notice", "::warning", "lkdoctor:"]


def test_github_shows_ten_of_a_level_so_the_rest_is_counted() -> None:
    shown = report()._replace(findings=(finding(),) * 12)
    rows = annotations(shown)
    assert sum(row.startswith("::error") for row in rows) == 10
    assert rows[10] == "lkdoctor: 2 more findings, of which GitHub shows no annotation"


def test_the_verdict_is_the_last_line() -> None:
    assert annotations(report())[-1].startswith("lkdoctor: OK   ")
    assert annotations(report(sick("tls-expired")))[-1].startswith("lkdoctor: PROBLEMS   ")


def test_foreign_text_is_no_command() -> None:
    seen = finding(
        title=HOSTILE,
        evidence=(Evidence(HOSTILE, HOSTILE, HOSTILE),),
        fix=(FixStep(HOSTILE, command=HOSTILE, snippet=Snippet("sh", HOSTILE)),),
        location=f"{HOSTILE}:3",
    )
    rows = annotations(report()._replace(findings=(seen,)))
    assert [row.partition(" ")[0] for row in rows] == ["::error", "lkdoctor:"]
    head = rows[0].removeprefix("::").partition("::")[0]
    # Of the properties only our own three are read: their values hold neither comma nor colon.
    assert [part.partition("=")[0] for part in head.partition(" ")[2].split(",")] == [
        "file",
        "line",
        "title",
    ]


def test_markdown_shows_it_all() -> None:
    shown = report(sick("proxy-upgrade-stripped"))
    text = "".join(github.summary(shown))
    assert text.startswith("### lkdoctor: PROBLEMS   ")
    assert "| FAIL | A proxy in front of LiveKit drops the WebSocket upgrade |" in text
    assert "   ```nginx\n" in text
    assert "lkdoctor explain proxy&#45;upgrade&#45;stripped" in text
    assert "- not tested: media" in text


def test_nothing_in_markdown_acts() -> None:
    bad = "<img src=x> [a](b) @everyone `c` **d** | e ~~f~~ #1 https://g.example ```\n| h | i |"
    seen = finding(
        title=bad,
        cause=bad,
        evidence=(Evidence(bad, bad, bad),),
        fix=(FixStep(bad, snippet=Snippet("sh", bad)),),
        location=f"{bad}:3",
    )
    text = "".join(github.summary(report()._replace(findings=(seen,))))
    fences = re.findall(r"^   (`{3,})", text, re.MULTILINE)
    assert set(fences) == {"````"}, "a fence is longer than what it holds"
    outside = re.sub(r"   ````sh\n.*?   ````\n", "", text, flags=re.DOTALL)
    ours = re.sub(r"</?code>|<br>", "", outside)
    assert not set("<>[]`*~@") & set(ours)
    tables = [row for row in ours.splitlines() if row.startswith("|")]
    assert {row.count("|") for row in tables if "Looked" not in row} <= {4, 5}
