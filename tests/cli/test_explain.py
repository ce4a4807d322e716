"""``lkdoctor explain``: offline, in every form, helpful about a code that does not exist."""

import io
import json
from pathlib import Path

import pytest
from cli.shell import Shell, fresh

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
    codes = catalogue.codes()
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
    assert [cause["code"] for cause in every] == [cause.code for cause in catalogue.causes()]


def test_plain_has_four_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "tls-expired", "-o", "plain"]) == 0
    assert capsys.readouterr().out == (
        "#code\tlayer\tseverity\ttitle\ntls-expired\ttls\terror\tThe certificate has expired\n"
    )


def test_quiet_is_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "-q"]) == 0
    assert capsys.readouterr().out.splitlines() == [cause.code for cause in catalogue.causes()]


def test_there_is_no_report_to_save(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--save", str(tmp_path / "x.json")]) == 2
    assert "explain judges nothing" in capsys.readouterr().err


# ------------------------------------------------------------------ causes that only logs show


def test_a_cause_that_only_logs_show(shell: Shell) -> None:
    done = shell("explain", "ICE_PRIVATE_CANDIDATES")
    assert done.code == 0
    assert "use_external_ip" in done.out
    assert json.loads(shell("explain", "page-mixed-content", "-j").out)["layer"] == "page"
    assert shell("explain", "page-mixed-content", "-q").out == "page-mixed-content\n"
    assert shell("explain", "page-mixed-content", "-o", "plain").out.endswith("open ws://\n")
    spoken = shell("explain", "page-mixed-content", "--accessible").out
    assert "Fix 1 of 1: Use wss://, with a certificate." in spoken


def test_disconnect_reasons_are_a_table(shell: Shell) -> None:
    assert "2 DUPLICATE_IDENTITY: somebody joined" in shell("explain", "disconnect-reasons").out


# ------------------------------------------------------------------ --log

EXPIRED = "ConnectionError: could not establish signal connection: token is expired"


def test_a_log_names_its_cause(shell: Shell) -> None:
    (shell.folder / "app.log").write_text(f"start\n{EXPIRED}\n")
    done = shell("explain", "--log", "app.log")
    assert (done.code, done.err) == (1, "")
    assert "FAIL  The token has expired\n" in done.out
    assert f"line 2: “{EXPIRED}”" in done.out
    assert "lkdoctor explain token-expired\n" in done.out
    assert done.out.endswith("The log names a cause: token-expired.\n")


def test_a_log_comes_through_a_pipe(shell: Shell) -> None:
    done = shell.piped(f"{EXPIRED}\n" * 1000, "explain", "--log", "-", "-q")
    assert (done.code, done.err) == (1, "")
    assert done.out == "FAIL token-expired: The token has expired (line 1)\n"


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        pytest.param(EXPIRED, [], 1, id="a cause"),
        pytest.param("room connection has timed out (signal)", [], 1, id="a symptom"),
        pytest.param("all is well", [], 0, id="nothing"),
        pytest.param("disconnect reason: 1", [], 0, id="an ordinary end"),
        pytest.param("disconnect reason: 5", [], 0, id="a warning"),
        pytest.param("disconnect reason: 5", ["--fail-on", "warn"], 4, id="a warning that counts"),
        pytest.param(EXPIRED, ["--fail-on", "warn"], 1, id="a failure beats it"),
    ],
)
@pytest.mark.parametrize("form", ["human", "plain", "json"])
def test_exit_codes(text: str, arguments: list[str], code: int, form: str, shell: Shell) -> None:
    (shell.folder / "app.log").write_text(text)
    assert shell("explain", "--log", "app.log", "-o", form, *arguments).code == code


class Interrupted(io.BytesIO):
    """A pipe (of ``tail -f``) at whose end somebody presses Ctrl-C."""

    def read1(self, size: int | None = -1, /) -> bytes:
        piece = super().read1(size)
        if not piece:
            raise KeyboardInterrupt
        return piece


def test_ctrl_c_shows_what_came_so_far(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Interrupted(f"{EXPIRED}\n".encode())))
    done = shell("explain", "--log", "-")
    assert (done.code, done.err) == (130, "")
    assert "standard input: 1 line, 73 bytes, interrupted" in done.out
    assert "token-expired" in done.out


def test_nothing_found_says_what_to_paste(shell: Shell) -> None:
    (shell.folder / "app.log").write_text("all is well\n")
    shown = shell("explain", "--log", "app.log").out
    assert "Nothing in it is known to lkdoctor" in shown
    assert "setLogLevel('debug')" in shown


def test_a_token_is_named_and_never_shown(shell: Shell) -> None:
    given = fresh()
    (shell.folder / "app.log").write_text(f"invalid token: {given}, error: token is expired\n")
    for form in ([], ["-o", "plain"], ["-j"], ["--accessible"], ["-q"]):
        shown = shell("explain", "--log", "app.log", *form)
        assert "token-leak" in shown.out
        assert "eyJ" not in shown.out
        assert not any(part in shown.out for part in given.split("."))
    assert "1 token still valid" in shell("explain", "--log", "app.log").out
    assert "issued by APIex…9Qm" in shell("explain", "--log", "app.log").out


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\x1f\x8b\x08\0", "gunzip -c FILE | lkdoctor", id="gzip"),
        pytest.param(b"\x28\xb5\x2f\xfd", "zstd -dc", id="zstd"),
        pytest.param(b"\x89PNG\r\n", "paste the log's text", id="a picture"),
    ],
)
def test_what_is_no_log(data: bytes, advice: str, shell: Shell) -> None:
    (shell.folder / "app.log").write_bytes(data)
    done = shell("explain", "--log", "app.log")
    assert (done.code, done.out) == (2, "")
    assert advice in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--log", "absent.log"], "--log absent.log: no such file", id="no such file"),
        pytest.param(["--log", "."], "--log .: is a directory", id="a folder"),
        pytest.param(["tls-expired", "--log", "-"], "exclude each other", id="a code and a log"),
        pytest.param(["--log", "-", "--save", "x"], "no report to save", id="nothing to save"),
    ],
)
def test_wrong_use_of_log(arguments: list[str], says: str, shell: Shell) -> None:
    done = shell("explain", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
