"""Runs the command line as a user does: a process of its own, in a folder of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

KEEP = (
    "PATH",
    "HOME",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
)
SECONDS = 60.0


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


def lkdoctor(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> Ran:
    """One command, with no more environment than it is given."""
    kept = {name: os.environ[name] for name in KEEP if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "lkdoctor", *arguments],
        cwd=cwd,
        env={**kept, "PYTHONIOENCODING": "utf-8", **(env or {})},
        input=stdin if stdin is not None else "",
        capture_output=True,
        timeout=SECONDS,
        check=False,
        encoding="utf-8",
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def verdict_on_screen(text: str) -> str | None:
    """The code of the first finding that a person reads."""
    found = re.search(r"^  code +(\S+)", text, re.MULTILINE)
    return found[1] if found else None
