"""What other programs run of this repository: GitHub's action and pre-commit's hook, as they do it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import needs
import pytest
import yaml

from lkdoctor.sandbox import Fault, Sandbox, running_sandbox

ROOT = Path(__file__).parent.parent.parent
KEYS = {"devkey": "made-up-secret-that-opens-only-a-sandbox"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="runs bash")

KEEP = {n: os.environ[n] for n in ("PATH", "HOME", "COVERAGE_PROCESS_CONFIG") if n in os.environ}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(keys=KEYS) as running:
        yield running


# ------------------------------------------------------------------ action.yml


class Ran(NamedTuple):
    code: int
    out: str
    outputs: dict[str, str]
    summary: str
    folder: Path


class Runner:
    """Runs a composite action's steps as GitHub's runner does: inputs, expressions, files, bash."""

    def __init__(self, folder: Path) -> None:
        self.action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        self._folder = folder
        self._temp = folder / "temp"
        self._temp.mkdir()

    def __call__(self, env: Mapping[str, str] | None = None, **given: str) -> Ran:
        work = Path(self._folder, "work")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        files = {name: work / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        inputs = {name: told.get("default", "") for name, told in self.action["inputs"].items()}
        inputs |= {name.replace("_", "-"): text for name, text in given.items()}
        code, out = 0, ""
        for step in self.action["runs"]["steps"]:
            assert step["shell"] == "bash"
            # No expression stands in a script, where its text would be code.
            assert "${{" not in step["run"]
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=work,
                env={
                    **KEEP,
                    **{name: str(path) for name, path in files.items()},
                    "GITHUB_ACTIONS": "true",
                    "CI": "true",
                    "RUNNER_TEMP": str(self._temp),
                    # The packages of this environment in place of a registry's.
                    "PIP_NO_INDEX": "1",
                    "PIP_NO_DEPS": "1",
                    "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it the other way round (pypa/pip#5735)
                    "PYTHONPATH": sysconfig.get_path("purelib"),
                    **{
                        name: self._expression(str(text), inputs)
                        for name, text in step.get("env", {}).items()
                    },
                    **(env or {}),
                },
                capture_output=True,
                timeout=100,
                check=False,
                encoding="utf-8",
            )
            code, out = done.returncode, out + done.stdout + done.stderr
            if code:
                break
        told = dict(row.split("=", 1) for row in files["GITHUB_OUTPUT"].read_text().splitlines())
        summary = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        return Ran(code, out, told, summary, work)

    @staticmethod
    def _expression(text: str, inputs: Mapping[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            return str(ROOT) if name == "github.action_path" else inputs[name.partition(".")[2]]

        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", value, text)


@pytest.fixture(scope="module")
def action(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("runner"))


@POSIX
def test_the_action_passes_on_a_healthy_server(action: Runner, sandbox: Sandbox) -> None:
    ran = action(
        url=sandbox.url, api_key="devkey", api_secret=KEYS["devkey"], python=sys.executable
    )
    assert (ran.code, ran.outputs) == (0, {"exit-code": "0"}), ran.out
    assert "lkdoctor: OK   " in ran.out
    assert ran.summary.startswith("### lkdoctor: OK   ")
    assert (
        json.loads((ran.folder / "lkdoctor-report.json").read_text())["summary"]["exit_code"] == 0
    )
    assert ET.parse(ran.folder / "lkdoctor-junit.xml").getroot().get("failures") == "0"  # noqa: S314 - ours


@POSIX
def test_the_action_fails_with_the_cause_on_a_broken_one(action: Runner) -> None:
    with running_sandbox(keys=KEYS, faults=[Fault.WRONG_SECRET]) as broken:
        ran = action(
            url=broken.url,
            api_key="devkey",
            api_secret=KEYS["devkey"],
            python=sys.executable,
            arguments="--room demo --skip api",
        )
    assert (ran.code, ran.outputs) == (1, {"exit-code": "1"}), ran.out
    assert "\n::error title=lkdoctor " in "\n" + ran.out
    assert KEYS["devkey"] not in ran.out + ran.summary


@POSIX
def test_the_job_s_own_variables_count_where_no_input_is_given(
    action: Runner, sandbox: Sandbox
) -> None:
    own = {
        "LIVEKIT_URL": sandbox.url,
        "LIVEKIT_API_KEY": "devkey",
        "LIVEKIT_API_SECRET": KEYS["devkey"],
    }
    ran = action(env=own, python=sys.executable)
    assert ran.code == 0, ran.out


@POSIX
def test_an_input_is_text_and_never_code(action: Runner) -> None:
    ran = action(
        url='ws://127.0.0.1:9/"; touch pwned; "',
        arguments="$(touch pwned) `touch pwned`",
        python=sys.executable,
    )
    assert ran.code == 2
    assert not (ran.folder / "pwned").exists()


def test_every_input_and_output_is_described_and_used() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    steps = json.dumps(action["runs"]["steps"])
    for name, told in action["inputs"].items():
        assert told["description"]
        assert f"${{{{ inputs.{name} }}}}" in steps


# ------------------------------------------------------------------ .pre-commit-hooks.yaml


def git(folder: Path, *arguments: str) -> None:
    config = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(
        [needs.binary("git"), *config, *arguments], cwd=folder, check=True, capture_output=True
    )


def hooked(folder: Path, files: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What pre-commit says in a repository with these files.

    The hook is taken from this repository, but for its language: the lkdoctor of this environment
    runs in place of one that is installed from a registry.
    """
    hooks = folder / "hooks"
    hooks.mkdir()
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert "  language: python\n" in text
    hooks.joinpath(".pre-commit-hooks.yaml").write_text(text.replace("python", "system"))
    app = folder / "app"
    app.mkdir()
    for name, body in files.items():
        (app / name).write_text(body)
    for repository in (hooks, app):
        git(repository, "init", "-q")
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "x", "--allow-empty")
    path = os.pathsep.join((str(Path(sys.executable).parent), KEEP.get("PATH", "")))
    return subprocess.run(
        [*(sys.executable, "-m", "pre_commit"), "try-repo", str(hooks), "lkdoctor-check-env", "-a"],
        cwd=app,
        env={**KEEP, "PATH": path, "PRE_COMMIT_HOME": str(folder / "home")},
        capture_output=True,
        timeout=100,
        check=False,
        encoding="utf-8",
    )


def test_the_hook_passes_on_clean_variables(tmp_path: Path) -> None:
    env = (
        "LIVEKIT_URL=wss://clinic-x4k2.livekit.cloud\n"
        "LIVEKIT_API_KEY=APIxk7Qm3pLw9Za\n"
        "LIVEKIT_API_SECRET=QmFzZTY0TG9va2luZ0J1dE1hZGVVcEZvclRoZVJlYWRt\n"
    )
    done = hooked(tmp_path, {".env": env})
    assert "Passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_hook_stops_a_commit_that_shows_a_secret_to_browsers(tmp_path: Path) -> None:
    env = (
        "LIVEKIT_URL=wss://clinic-x4k2.livekit.cloud\n"
        "LIVEKIT_API_KEY=APIxk7Qm3pLw9Za\n"
        "NEXT_PUBLIC_LIVEKIT_API_SECRET=QmFzZTY0TG9va2luZ0J1dE1hZGVVcEZvclRoZVJlYWRt\n"
    )
    done = hooked(tmp_path, {".env": env})
    assert done.returncode == 1
    assert "FAIL env-secret-public-prefix" in done.stdout
    assert "QmFzZTY0" not in done.stdout + done.stderr
