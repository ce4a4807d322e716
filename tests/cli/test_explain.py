"""``lkdoctor explain``: offline, in every form, helpful about a code that does not exist."""

import json
from pathlib import Path

import pytest

from lkdoctor import catalogue
from lkdoctor.cli.app import run


@pytest.fixture(autouse=True)
def plain_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "ACCESSIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("code", ["tls-expired", "TLS-Expired", "tls_expired", " tls-expired "])
def test_a_cause(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """However it was typed."""
    assert run(["explain", code]) == 0
    written = capsys.readouterr()
    assert written.out.startswith("tls-expired ")
    assert "\n  Fix       1. Renew it" in written.out
    assert written.err == ""


def test_all_causes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every code once."""
    assert run(["explain"]) == 0
    words = capsys.readouterr().out.split()
    codes = list(catalogue.by_code())
    assert sorted(word for word in words if word in codes) == sorted(codes)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        pytest.param("tls-expird", "did you mean: tls-expired", id="a slip"),
        pytest.param("nxdomain", "dns-nxdomain", id="a part"),
        pytest.param("zzz", "all of them: lkdoctor explain", id="nothing near"),
        pytest.param("\x1b[2J", "no cause is called '\\x1b[2J'", id="no text at all"),
    ],
)
def test_unknown_code(code: str, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert advice in written.err
    assert "\x1b" not in written.err


def test_json_of_one_and_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "tls-expired", "-o", "json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert run(["explain", "-j"]) == 0
    every = json.loads(capsys.readouterr().out)
    assert one in every
    assert [cause["code"] for cause in every] == list(catalogue.by_code())


def test_plain_has_four_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "tls-expired", "-o", "plain"]) == 0
    assert capsys.readouterr().out == (
        "#code\tlayer\tseverity\ttitle\ntls-expired\ttls\terror\tThe certificate has expired\n"
    )


def test_quiet_is_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "-q"]) == 0
    assert capsys.readouterr().out.splitlines() == list(catalogue.by_code())


def test_there_is_no_report_to_save(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--save", str(tmp_path / "x.json")]) == 2
    assert "explain judges nothing" in capsys.readouterr().err
