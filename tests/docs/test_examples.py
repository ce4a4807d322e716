"""Every example runs, and does what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lkdoctor.sandbox import Fault, Sandbox

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
KEYS = {"devkey": "made-up-secret-that-opens-only-a-sandbox"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell script")

KEEP = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_CONFIG")


def ran(
    *command: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in KEEP if name in os.environ}
    # The command `lkdoctor` stands beside the interpreter.
    path = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", "")))
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, "PATH": path, "PYTHONIOENCODING": "utf-8", **(env or {})},
        capture_output=True,
        timeout=100,
        check=False,
        encoding="utf-8",
    )


def test_every_example_has_a_test() -> None:
    """A new example needs one here."""
    tested = set(
        re.findall(r'EXAMPLES / "([a-z][^"]+)"', Path(__file__).read_text(encoding="utf-8"))
    )
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == tested


# ------------------------------------------------------------------ lkdoctor.toml

BOOKING, USER = "jh7d2k9x4m1p8q3r6t5w0y2z7b4c1n9v", "k57a1b2c3d4e5f6g7h8j9k0m1n2p3q4r"
SECRETS = {"STAGING_LIVEKIT_API_SECRET": "made-up-for-an-example-Zq8Rk2Vx5Nw7Ty3Lb9M"}


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLES / "lkdoctor.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("role", ["provider", "client", "supervisor"])
def test_the_project_file_names_rooms_people_and_roles(role: str, app_folder: Path) -> None:
    command = ("token", "--booking", BOOKING, "--user", USER, "--role", role)
    minted = ran("lkdoctor", *command, cwd=app_folder, env=SECRETS)
    assert minted.returncode == 0, minted.stderr
    token = minted.stdout.strip()
    env = {"TOKEN": token, **SECRETS}
    read = ran("lkdoctor", "token", "decode", "--from-env", "TOKEN", "-j", cwd=app_folder, env=env)
    assert f"booking-{BOOKING}" in read.stdout
    assert f"{role}-{USER}" in read.stdout
    assert ('"hidden"' in read.stdout) is (role == "supervisor")


def test_the_project_file_refuses_ids_of_another_kind(app_folder: Path) -> None:
    done = ran(
        *("lkdoctor", "token", "--booking", "42", "--user", USER, "--role", "client"),
        cwd=app_folder,
        env=SECRETS,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "32 lower-case letters and digits" in done.stderr


def test_the_project_file_chooses_the_project(app_folder: Path) -> None:
    done = ran("lkdoctor", "check-env", cwd=app_folder, env=SECRETS)
    assert "wss://clinic-staging-x4k2.livekit.cloud" in done.stdout
    other = ran("lkdoctor", "check-env", "--project", "production", cwd=app_folder, env=SECRETS)
    assert "wss://clinic-p9w3.livekit.cloud" in other.stdout


# ------------------------------------------------------------------ before-deploy.sh


@POSIX
@pytest.mark.parametrize(
    ("faults", "code", "said"),
    [
        pytest.param([], 0, "LiveKit is healthy", id="healthy"),
        pytest.param([Fault.WRONG_SECRET], 1, "not deployed: users could not join", id="broken"),
    ],
)
def test_the_script_stops_a_deployment_that_would_not_work(
    faults: list[Fault],
    code: int,
    said: str,
    tmp_path: Path,
    lkdoctor_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = lkdoctor_sandbox(faults=faults, keys=KEYS)
    script = EXAMPLES / "before-deploy.sh"
    done = ran("sh", str(script), cwd=tmp_path, env=sandbox.environment())
    assert done.returncode == code, done.stdout
    assert said in done.stdout + done.stderr
    report = json.loads((tmp_path / "lkdoctor-report.json").read_text(encoding="utf-8"))
    assert report["summary"]["exit_code"] == code


@POSIX
def test_the_script_deploys_when_nothing_can_be_told_or_only_warned(tmp_path: Path) -> None:
    """Codes 3 and 4, of a command that only says so."""
    for code in (3, 4):
        fake = tmp_path / "lkdoctor"
        fake.write_text(f"#!/bin/sh\nexit {code}\n")
        fake.chmod(0o755)
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", EXAMPLES / "before-deploy.sh"], cwd=tmp_path, env=env, check=False
        )
        assert done.returncode == 0


def test_the_workflow_runs_the_script_and_hands_over_every_variable() -> None:
    workflow = (EXAMPLES / "github-workflow.yml").read_text(encoding="utf-8")
    assert "run: sh before-deploy.sh" in workflow
    assert "path: lkdoctor-report.json" in workflow
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        assert re.search(rf"{name}: \$\{{\{{ (vars|secrets)\.{name} \}}\}}", workflow)
    steps = workflow.index("Diagnose LiveKit"), workflow.index("run: ./deploy.sh")
    assert steps == tuple(sorted(steps))
    assert "\t" not in workflow


# ------------------------------------------------------------------ library.py


@pytest.mark.parametrize(
    ("faults", "health"),
    [
        pytest.param([], {"healthy": True, "server": "1.13.5"}, id="healthy"),
        pytest.param([Fault.ROOM_FULL], {"healthy": False, "code": "signal-room-full"}, id="full"),
    ],
)
def test_the_library_says_what_is_wrong(
    faults: list[Fault],
    health: dict[str, object],
    tmp_path: Path,
    lkdoctor_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = lkdoctor_sandbox(faults=faults, keys=KEYS)
    script = EXAMPLES / "library.py"
    done = ran(sys.executable, str(script), cwd=tmp_path, env=sandbox.environment())
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert {name: told[name] for name in health} == health
    assert done.returncode == (0 if health["healthy"] else 1)
    if not health["healthy"]:
        assert all(told[name] for name in ("cause", "users see", "evidence", "fix"))


def test_the_library_says_what_is_missing(tmp_path: Path) -> None:
    done = ran(sys.executable, str(EXAMPLES / "library.py"), cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, told["healthy"]) == (1, False)
    assert told["cause"]
    assert told["fix"]


# ------------------------------------------------------------------ test_joining.py


def test_an_app_s_tests_can_use_the_sandbox(tmp_path: Path) -> None:
    """As in a project of its own: only the plugin that lkdoctor installs is there."""
    shutil.copy(EXAMPLES / "test_joining.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = ran(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout
