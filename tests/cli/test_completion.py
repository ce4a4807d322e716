"""What a shell completes when it has read ``lkdoctor completion``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lkdoctor.cli.app import COMMANDS, run

BASH = shutil.which("bash")

COMPLETE = """
source <("$LKDOCTOR" completion bash)
complete -p lkdoctor >/dev/null || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_lkdoctor_completion "$LKDOCTOR"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    command = Path(sys.executable).parent / "lkdoctor"
    if BASH is None or os.name == "nt" or not command.exists():
        pytest.skip("needs bash and an installed lkdoctor")
    done = subprocess.run(
        [BASH, "--norc", "-c", COMPLETE, "bash", "lkdoctor", *words],
        env={**os.environ, "LKDOCTOR": str(command)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("di",), ["diagnose"], id="a command"),
        pytest.param(("",), list(COMMANDS), id="all commands"),
        pytest.param(("completion", "fi"), ["fish"], id="a value"),
        pytest.param(("explain", "--acc"), ["--accessible"], id="an option"),
        pytest.param(("explain", "-o", "j"), ["json"], id="an option's value"),
        pytest.param(("explain", "tls-exp"), ["tls-expired", "tls-expires-soon"], id="a code"),
        pytest.param(("--vers",), ["--version"], id="an option of the root"),
    ],
)
def test_bash_completes(words: tuple[str, ...], expected: list[str]) -> None:
    assert completed(*words) == expected


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o default -F _lkdoctor_completion lkdoctor"),
        ("zsh", "compdef _lkdoctor_completion lkdoctor"),
        ("fish", "complete --command lkdoctor"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName lkdoctor"),
        ("pwsh", "Register-ArgumentCompleter -Native -CommandName lkdoctor"),
    ],
)
def test_every_shell_has_a_script(
    shell: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which asks through the variable that lkdoctor listens to."""
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert line in script
    assert "_LKDOCTOR_COMPLETE" in script


@pytest.mark.parametrize(
    ("shell", "settings", "expected"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "lkdoctor expl"}, '"explain":"The catalogue'),
        (
            "fish",
            {"_TYPER_COMPLETE_ARGS": "lkdoctor expl", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            "explain\tThe catalogue",
        ),
        (
            "powershell",
            {"_TYPER_COMPLETE_ARGS": "lkdoctor expl", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "expl"},
            "explain:::The catalogue",
        ),
    ],
)
def test_other_shells_are_answered(shell: str, settings: dict[str, str], expected: str) -> None:
    """With the line of the help behind the name."""
    done = subprocess.run(
        [sys.executable, "-m", "lkdoctor"],
        env={**os.environ, "_LKDOCTOR_COMPLETE": f"complete_{shell}", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert expected in done.stdout


def test_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'tcsh'" in capsys.readouterr().err
