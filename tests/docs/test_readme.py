"""The README says what the commands say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lkdoctor.cli.app import COMMANDS
from lkdoctor.report.model import ExitCode

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md")
]


@pytest.mark.skipif(
    os.name != "posix", reason="the sessions in the README are those of a POSIX shell"
)
def test_every_session_is_true() -> None:
    """``python scripts/readme.py`` writes down what the commands say today."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "readme.py"), "--check"],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_command_has_a_section_or_is_named() -> None:
    for command in COMMANDS:
        assert f"lkdoctor {command}" in README or f"make {command}" in README


def test_every_command_s_options_are_listed() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^\$ lkdoctor (\S+)", commands)
    assert list(dict.fromkeys(listed)) == list(COMMANDS)


def test_every_exit_code_is_explained() -> None:
    rows = re.findall(r"(?m)^\| (\d+) \| ", README)
    assert [int(row) for row in rows] == sorted(ExitCode)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [
        link for link in links if "://" not in link and not (document.parent / link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert [word for word in named if not re.search(rf"(?m)^{word}:", makefile)] == []


def test_the_picture_is_part_of_the_repository() -> None:
    picture = ROOT / "docs" / "diagnosis.svg"
    assert picture.read_text(encoding="utf-8").startswith("<svg")
