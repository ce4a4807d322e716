"""What a machine lacks is told once, and where nothing may be skipped it fails."""

import os
import subprocess
import sys
from pathlib import Path

import needs
import pytest
from needs import Need

ROOT = Path(__file__).parent.parent
UNHEARD_OF = Need("an unheard-of tool", "apt install unheard-of", ("unheard-of",))


def test_a_line_a_need_whatever_the_number_of_tests() -> None:
    reasons = [
        *[f"Skipped: {needs.SERVER}"] * 3,
        f"Skipped: {needs.GIT}",
        "Skipped: needs a right that nobody has",
        "Skipped: Windows has no such permissions",
        "every file is readable here",
    ]
    assert list(needs.summary(reasons)) == [
        "    3  real livekit-servers: make servers",
        "    1  git: apt install git",
        "    1  a right that nobody has",
        "    2  another system or account (-rs names them)",
    ]
    assert list(needs.summary([])) == []


def test_a_need_is_skipped_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LKDOCTOR_REQUIRE_ALL", raising=False)
    told = r"^needs an unheard-of tool \(apt install unheard-of\)$"
    with pytest.raises(pytest.skip.Exception, match=told):
        needs.missing(UNHEARD_OF)
    assert needs.marked(UNHEARD_OF).args == (True,)
    monkeypatch.setenv("LKDOCTOR_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=told):
        needs.missing(UNHEARD_OF)
    assert needs.marked(UNHEARD_OF).args == (False,)
    assert needs.marked(UNHEARD_OF._replace(can_be=False)).args == (True,)


def test_programs_of_administrators_are_found_beside_those_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, name in (("bin", "one"), ("sbin", "two")):
        (tmp_path / folder).mkdir()
        tool = tmp_path / folder / (f"{name}.exe" if os.name == "nt" else name)
        tool.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert needs.program("one")
    assert needs.program("two")
    assert needs.program("git") is None
    assert not needs.GIT.met


TESTS = """
import needs, pytest, servers

@pytest.fixture(scope="session")
def server():
    raise servers.ServerMissingError("there is none")

@pytest.mark.parametrize("n", range(3))
def test_one(n, server): ...
def test_two():
    with servers.livekit_server("0.0.1"): ...
async def test_three():
    needs.binary("unheard-of")
"""


def run(folder: Path, text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The tests of a file under this repository's settings and plugin."""
    (folder / "test_it.py").write_text(text)
    settings = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *settings, "-p", "conftest", str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("LKDOCTOR_")
            },
            "PYTHONPATH": str(ROOT / "tests"),
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            **environ,
        },
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_says_it_in_its_last_lines(workers: str, tmp_path: Path) -> None:
    """Also where a test did not foresee that its server is not there."""
    done = run(tmp_path, TESTS, PYTEST_ADDOPTS=f"-p no:cacheprovider -n {workers}")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert lines[-4:-1] == [
        "    4  real livekit-servers: make servers",
        "    1  unheard-of: apt install unheard-of",
        "make test-all wants all of it, and skips nothing",
    ]
    assert "5 skipped" in lines[-1]
    assert "SKIPPED" not in done.stdout


def test_nothing_begins_where_something_is_missing_that_must_be_there(tmp_path: Path) -> None:
    nowhere = str(tmp_path)
    nothing = {"PATH": nowhere, "HOME": nowhere, "LKDOCTOR_SERVERS": nowhere}
    done = run(tmp_path, "def test_one(): ...", LKDOCTOR_REQUIRE_ALL="1", **nothing)
    told = done.stdout + done.stderr
    assert done.returncode == 4, told
    assert "  real livekit-servers: make servers\n" in told
    assert "  coturn, a TURN server: apt install coturn\n" in told
    assert "passed" not in told
