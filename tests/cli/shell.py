"""The command line as a user has it: in a folder, with an environment."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from tokens.samples import changed, token

from lkdoctor.cli.app import run
from lkdoctor.tokens.decode import Jwt, read


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def claims(self) -> dict[str, object]:
        found = read(self.out)
        assert isinstance(found, Jwt)
        return dict(found.claims)


class Shell:
    """A folder of its own, with a key pair in the environment, and the command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = run(list(arguments))
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    def piped(self, text: str, *arguments: str) -> Done:
        """With this text on standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "lkdoctor", *arguments],
            input=text.encode(),
            capture_output=True,
            cwd=self.folder,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def fresh(**changes: object) -> str:
    """A token that is valid now."""
    now = int(time.time())
    return token(changed(nbf=now - 60, exp=now + 600, **changes))
