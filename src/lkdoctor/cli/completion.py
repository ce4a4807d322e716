"""``lkdoctor completion``: the script that lets a shell complete lkdoctor's words."""

import sys
from enum import StrEnum
from typing import Annotated, Final

import typer

from lkdoctor.cli.app import subcommand

VARIABLE: Final = "_LKDOCTOR_COMPLETE"
"""Through which the script asks; Typer makes it from the program's name."""

app = subcommand()


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"
    PWSH = "pwsh"


@app.command()
def completion(
    shell: Annotated[
        Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell or pwsh.")
    ],
) -> None:
    """Print the completion script of a shell.

    In ~/.bashrc: eval "$(lkdoctor completion bash)"

    In ~/.zshrc, after compinit: eval "$(lkdoctor completion zsh)"

    fish: lkdoctor completion fish > ~/.config/fish/completions/lkdoctor.fish

    PowerShell: lkdoctor completion powershell >> $PROFILE
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not declared there

    script = get_completion_script(prog_name="lkdoctor", complete_var=VARIABLE, shell=shell)
    sys.stdout.write(script + "\n")
