"""Every command is found, costs only itself, and ends in one of the exit codes."""

import contextlib
import importlib
import io
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from lkdoctor.cli.app import COMMANDS, run


def ran(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return code, out.getvalue(), err.getvalue()


def python(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environ},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_module_and_help(command: str) -> None:
    importlib.import_module(f"lkdoctor.cli.{COMMANDS[command][0]}")
    code, out, err = ran(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: lkdoctor {command} ")
    assert ran(command, "-h") == (0, out, "")


def test_help_lists_every_command_without_importing_one() -> None:
    code, out, err = ran("--help")
    assert (code, err) == (0, "")
    for name, (_, text) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", out, re.MULTILINE)
    assert "lkdoctor demo " in out


LOADED = """
import sys
from lkdoctor.cli.app import run
code = run({arguments!r})
print("\\n" + " ".join(sorted(m for m in sys.modules if m.startswith("lkdoctor.cli."))), code)
"""


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_a_command_imports_itself_alone(command: str | None) -> None:
    arguments = ["--help"] if command is None else [command, "--help"]
    *loaded, code = python(LOADED.format(arguments=arguments)).stdout.splitlines()[-1].split()
    assert code == "0"
    others = {f"lkdoctor.cli.{module}" for module, _ in COMMANDS.values()}
    mine = set() if command is None else {f"lkdoctor.cli.{COMMANDS[command][0]}"}
    assert set(loaded) & others == mine


def test_bare_is_a_wrong_use_that_shows_the_help() -> None:
    code, out, err = ran()
    assert code == 2
    assert (out + err).startswith("Usage: lkdoctor [OPTIONS] COMMAND")


def test_version_tells_what_a_report_of_a_bug_needs() -> None:
    code, out, err = ran("--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"lkdoctor \d+\.\d+\.\d+\nPython 3\.\d+\.\S+\nOpenSSL \S+\nCA-bundle \S.*\n", out
    )
    assert ran("-V") == (0, out, "")


@pytest.mark.parametrize(
    "start", [["-m", "lkdoctor"], ["-c", "import lkdoctor.__main__ as m; m.main()"]]
)
def test_it_runs_as_a_module(start: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *start, "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lkdoctor ")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("diagnos", "diagnose"), ("ws-prob", "ws-probe"), ("explian", "explain"), ("room", "rooms")],
)
def test_an_unknown_command_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    code, out, err = ran(typed)
    assert (code, out) == (2, "")
    assert f"No such command '{typed}'" in err
    assert f"'{meant}'" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["explain", "--bogus"], "No such option: --bogus", id="option"),
        pytest.param(["explain", "a", "b"], "unexpected extra argument", id="argument"),
        pytest.param(["explain", "-o", "yaml"], "'yaml' is not one of", id="value"),
        pytest.param(["explain", "-o"], "requires an argument", id="no value"),
    ],
)
def test_wrong_use_is_two(arguments: list[str], said: str) -> None:
    code, out, err = ran(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_token_typed_in_the_wrong_place_is_not_repeated() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJhbm4ifQ" + ".c2lnbmF0dXJlLW9mLWFubg"
    for arguments in ([token], ["explain", "x", token], ["explain", "-o", token], [f"--{token}"]):
        code, out, err = ran(*arguments)
        assert (code, out) == (2, "")
        assert "<token>" in err
        assert token[-8:] not in err


def test_a_user_s_mistake_comes_with_advice() -> None:
    code, out, err = ran("explain", "tls-expird")
    assert (code, out) == (2, "")
    assert err.startswith("Error: no cause is called 'tls-expird'\n  did you mean: tls-expired")


BROKEN = """
import sys, types
from lkdoctor.cli import app
from lkdoctor.redact import Secret

module = types.ModuleType("lkdoctor.cli.broken")
module.app = app.subcommand()

@module.app.command()
def broken() -> None:
    secret = Secret("Vb7Xq2Lw9Tz4Kc8Ny5Rm")
    raise {what}

sys.modules[module.__name__] = module
app.COMMANDS["broken"] = ("broken", "")
sys.exit(app.run(["broken"]))
"""


def broken(what: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return python(BROKEN.format(what=what), **environ)


def test_our_own_bug_is_one_line_without_the_secret() -> None:
    done = broken("RuntimeError(f'no \\x1b[31m{secret.reveal()}\\nERROR')")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines() == [
        r"lkdoctor broke: RuntimeError: no \x1b[31m<redacted>\x0aERROR",
        "  in <string>:12 (broken)",
        "  This is our fault. Please report it with the command that you ran: lkdoctor --version",
    ]


def test_the_traceback_is_there_for_who_asks_and_is_clean_too() -> None:
    done = broken("RuntimeError(secret.reveal())", LKDOCTOR_DEBUG="1")
    assert done.returncode == 5
    assert "Traceback (most recent call last)" in done.stderr
    assert "RuntimeError: <redacted>" in done.stderr
    assert "Vb7Xq2Lw" not in done.stderr


def test_a_broken_pipe_that_is_not_the_output_s_is_our_bug() -> None:
    """Typer would take it for a reader who has left, and the run for a healthy one."""
    done = broken("BrokenPipeError(32, 'Broken pipe')")
    assert done.returncode == 5
    assert done.stderr.startswith("lkdoctor broke: BrokenPipeError: [Errno 32] Broken pipe\n")


@pytest.mark.parametrize(
    ("what", "code"),
    [
        pytest.param("KeyboardInterrupt", 130, id="Ctrl-C"),
        pytest.param("EOFError", 130, id="Ctrl-D at a question"),
        pytest.param("SystemExit(3)", 3, id="exit"),
        pytest.param("SystemExit", 0, id="exit without a code"),
    ],
)
def test_other_ends_say_nothing(what: str, code: int) -> None:
    done = broken(what)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (code, "", "")


@pytest.mark.parametrize(
    ("advice", "lines"),
    [
        pytest.param("['a', 'b']", ["Error: no good", "  a", "  b"], id="advice"),
        pytest.param("[]", ["Error: no good"], id="none"),
        pytest.param("['x\\x1b[2Jy']", ["Error: no good", r"  x\x1b[2Jy"], id="hostile"),
    ],
)
def test_a_usage_error_is_shown_with_its_advice(advice: str, lines: list[str]) -> None:
    done = broken(f"__import__('lkdoctor.errors').errors.UsageError('no good', advice={advice})")
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", lines)


def test_plain_help_even_where_colour_is_forced() -> None:
    """Typer colours its help on GitHub, into files too; ours is plain."""
    environ: dict[str, Any] = {**os.environ, "FORCE_COLOR": "1", "GITHUB_ACTIONS": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "lkdoctor", "explain", "--help"],
        capture_output=True,
        env=environ,
        check=True,
    )
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["schema"], ["completion", "bash"], ["explain"], ["--help"]],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
def test_a_closed_standard_output_is_no_fault(arguments: list[str], closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m lkdoctor "$@" {closed}', sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_choices_are_listed_without_tabs() -> None:
    code, _, err = ran("completion")
    assert (code, err.splitlines()[-5:]) == (
        2,
        ["  bash,", "  zsh,", "  fish,", "  powershell,", "  pwsh"],
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        pytest.param("", "", id="at once"),
        pytest.param("import atexit; atexit.register(print, 'the end')", "the end\n", id="told"),
    ],
)
def test_the_process_ends_with_all_said_and_all_told(before: str, said: str) -> None:
    """Also when it does not wait for the interpreter to be taken apart."""
    command = ["lkdoctor", "explain", "-o", "plain"]
    script = (
        f"import sys; from lkdoctor.__main__ import main; sys.argv = {command}; {before}\nmain()"
    )
    catalogue = ran("explain", "-o", "plain")[1]
    # Coverage registers itself, too, and would hide the other way.
    done = python(script, COVERAGE_PROCESS_START="", COVERAGE_PROCESS_CONFIG="")
    assert (done.returncode, done.stdout, done.stderr) == (0, catalogue + said, "")
    assert len(catalogue) > 5000
