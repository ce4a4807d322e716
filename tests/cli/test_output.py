"""One report, every form, the same exit code."""

import contextlib
import io
import json
import os
import stat
from pathlib import Path

import pytest
from examples.healthy import healthy

from lkdoctor.cli.app import run
from lkdoctor.cli.options import OutputFormat, OutputOptions, streams_for
from lkdoctor.cli.output import refuse_forms, show
from lkdoctor.diagnosis.fold import fold
from lkdoctor.errors import UsageError
from lkdoctor.facts.network import TcpRefused
from lkdoctor.findings import Layer
from lkdoctor.report import github, jsonfile, junit, ndjson, plain
from lkdoctor.report.layout import line
from lkdoctor.report.model import ExitCode, Report, RunInfo, TargetInfo

RUN = RunInfo(id="r1", command="diagnose", started_at=0.0, duration_ms=1.0)
HEALTHY = fold(healthy(), run=RUN, target=TargetInfo(), layers=[Layer.NETWORK])


def refused() -> Report:
    network = healthy().network
    assert network is not None
    attempt = TcpRefused(address="203.0.113.10", port=443, took_ms=1.0)
    facts = healthy()._replace(network=network._replace(tcp=(attempt,)))
    return fold(facts, run=RUN, target=TargetInfo(), layers=[Layer.NETWORK])


REFUSED = refused()


def shown(report: Report, options: OutputOptions) -> tuple[ExitCode, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        streams = streams_for(options)
        code = show(report, lambda canvas: [line(f"for people, {canvas.width}")], streams, options)
    return code, out.getvalue(), err.getvalue()


FORMS = {
    "human": (OutputOptions(), "for people, None\n"),
    "plain": (OutputOptions(output=OutputFormat.PLAIN), plain.render(REFUSED)),
    "json": (OutputOptions(json=True), jsonfile.render(REFUSED)),
    "ndjson": (
        OutputOptions(output=OutputFormat.NDJSON),
        "".join((ndjson.started("diagnose"), *ndjson.finished(REFUSED))),
    ),
    "github": (
        OutputOptions(output=OutputFormat.GITHUB),
        "".join(github.annotations(REFUSED)),
    ),
    "quiet": (OutputOptions(quiet=True), f"FAIL tcp-refused: {REFUSED.findings[0].title}\n"),
    "quiet json": (OutputOptions(quiet=True, json=True), jsonfile.render(REFUSED)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_exit_code(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    options, text = FORMS[form]
    assert shown(REFUSED, options) == (ExitCode.PROBLEM, text, "")
    assert shown(HEALTHY, options)[0] is ExitCode.HEALTHY


def test_nothing_found_is_nothing_said() -> None:
    assert shown(HEALTHY, OutputOptions(quiet=True)) == (ExitCode.HEALTHY, "", "")


@pytest.mark.parametrize("form", FORMS)
def test_a_report_is_saved_beside_any_form(form: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    options, _ = FORMS[form]
    shown(REFUSED, options._replace(save=file))
    assert file.read_text(encoding="utf-8") == jsonfile.render(REFUSED)
    assert json.loads(file.read_text(encoding="utf-8"))["summary"]["primary"] == "tcp-refused"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_a_saved_report_is_its_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    shown(REFUSED, OutputOptions(save=file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_report_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as failed:
        shown(REFUSED, OutputOptions(save=tmp_path / "absent" / "report.json"))
    expected = f"cannot write {tmp_path / 'absent' / 'report.json'}: no such folder"
    assert failed.value.message == expected


def test_a_saved_report_replaces_an_older_and_longer_one(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("x" * 1_000_000)
    shown(REFUSED, OutputOptions(save=file))
    assert file.read_text(encoding="utf-8") == jsonfile.render(REFUSED)


@pytest.mark.parametrize("form", FORMS)
def test_junit_is_written_beside_any_form(form: str, tmp_path: Path) -> None:
    file = tmp_path / "lkdoctor.xml"
    options, _ = FORMS[form]
    shown(REFUSED, options._replace(junit_file=file))
    assert file.read_text(encoding="utf-8") == junit.render(REFUSED)


def test_a_job_s_summary_is_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# The step before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    for form in FORMS.values():
        shown(REFUSED, form[0])
    told = "".join(github.summary(REFUSED))
    assert file.read_text(encoding="utf-8") == f"# The step before\n{told}"


def test_a_summary_that_cannot_be_written_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    code, out, err = shown(REFUSED, OutputOptions(output=OutputFormat.GITHUB))
    assert (code, out) == (ExitCode.PROBLEM, FORMS["github"][1])
    assert err.startswith("note: GITHUB_STEP_SUMMARY cannot be written: ")


@pytest.mark.parametrize("form", ["ndjson", "github"])
def test_what_judges_nothing_has_no_such_form(form: str) -> None:
    options, _ = FORMS[form]
    with pytest.raises(UsageError, match=f"explain judges nothing that {form} could show"):
        refuse_forms("explain", options)


def test_what_judges_nothing_has_no_junit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--junit-file: explain judges nothing"):
        refuse_forms("explain", OutputOptions(junit_file=tmp_path / "x.xml"))


def test_a_command_that_came_to_no_report_says_so_in_its_junit_file(tmp_path: Path) -> None:
    file = tmp_path / "lkdoctor.xml"
    command = ["diagnose", "--url", "ws://127.0.0.1:9", "--only", "nothing-such"]
    assert run([*command, "--junit-file", str(file)]) == 2
    reason = "--only nothing-such: no check, layer or finding has this name"
    assert file.read_text(encoding="utf-8") == junit.died("diagnose", reason)
