"""One report, every form, the same exit code."""

import contextlib
import io
import json
import os
import stat
from pathlib import Path

import pytest

from lkdoctor.cli.options import OutputFormat, OutputOptions, streams_for
from lkdoctor.cli.output import show
from lkdoctor.diagnosis.fold import fold
from lkdoctor.errors import UsageError
from lkdoctor.facts.network import TcpRefused
from lkdoctor.findings import Layer
from lkdoctor.report import jsonfile, plain
from lkdoctor.report.layout import line
from lkdoctor.report.model import ExitCode, Report, RunInfo, TargetInfo
from lkdoctor.rules.examples import healthy

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
    expected = f"cannot write {tmp_path / 'absent' / 'report.json'}: No such file or directory"
    assert failed.value.message == expected


def test_a_saved_report_replaces_an_older_and_longer_one(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("x" * 1_000_000)
    shown(REFUSED, OutputOptions(save=file))
    assert file.read_text(encoding="utf-8") == jsonfile.render(REFUSED)
