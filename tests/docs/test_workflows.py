"""What runs elsewhere, on hosts and images that are not at hand here, held as far as it can be."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS: Final = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").iterdir())
}
CI, RELEASE = WORKFLOWS["ci.yml"], WORKFLOWS["release.yml"]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

JOBS: Final = [
    pytest.param(job, id=f"{file}: {name}")
    for file, workflow in WORKFLOWS.items()
    for name, job in workflow["jobs"].items()
]


def scripts(job: dict[str, Any]) -> Iterator[str]:
    """What a job runs of ours."""
    return (step["run"] for step in job["steps"] if "run" in step)


def used(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """The steps in which a job runs that action."""
    return [step for step in job["steps"] if step.get("uses", "").partition("@")[0] == action]


def pythons() -> list[str]:
    """The versions of Python that the package says it is for."""
    label = "Programming Language :: Python :: 3."
    listed = PROJECT["project"]["classifiers"]
    return [one.rpartition(" ")[2] for one in listed if one.startswith(label)]


# ------------------------------------------------------------------ workflows


def test_every_python_and_every_system_is_tried() -> None:
    tried = {
        (system, python)
        for job in CI["jobs"].values()
        for system in job["strategy"]["matrix"].get("os", [job["runs-on"]])
        for python in job["strategy"]["matrix"]["python"]
    }
    assert {python for _, python in tried} == set(pythons())
    assert PROJECT["project"]["requires-python"] == f">={pythons()[0]}"
    systems = {system.partition("-")[0] for system, _ in tried}
    assert systems == {"ubuntu", "macos", "windows"}
    assert len(tried) == len(systems) * len(pythons())


@pytest.mark.parametrize("job", JOBS)
def test_what_a_job_runs_is_there(job: dict[str, Any]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    words = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    groups = PROJECT["dependency-groups"]
    for script in scripts(job):
        assert set(re.findall(r"\bmake ([a-z-]+)", script)) <= words
        assert set(re.findall(r"--group (\S+)", script)) <= set(groups)
        for path in re.findall(r"(?:^|\s)((?:scripts|tests|\.ci)/\S+)", script):
            assert (ROOT / path).is_file()


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_bounded_and_made_of_what_cannot_be_changed_behind_our_back(
    job: dict[str, Any],
) -> None:
    assert 0 < job["timeout-minutes"] <= 60
    assert not re.search("latest", json.dumps(job.get("strategy", {})) + job["runs-on"])
    for step in job["steps"]:
        # An expression's text would be code in a script.
        assert "${{" not in step.get("run", "")
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"])
    for step in used(job, "actions/checkout"):
        assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", WORKFLOWS)
def test_a_pinned_action_says_its_version_and_is_the_same_everywhere(file: str) -> None:
    text = (ROOT / ".github" / "workflows" / file).read_text(encoding="utf-8")
    pinned = re.findall(r"uses: (\S+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)
    assert len(pinned) == text.count("uses: ")
    every = "".join(p.read_text("utf-8") for p in (ROOT / ".github" / "workflows").iterdir())
    assert {len(set(re.findall(rf"uses: ({action}@\S+)", every))) for action in pinned} == {1}


def test_no_job_has_more_rights_than_it_needs() -> None:
    """Nor a secret: who publishes is known by the workflow that it is."""
    rights = {file: workflow["permissions"] for file, workflow in WORKFLOWS.items()}
    assert rights == {"ci.yml": {"contents": "read"}, "release.yml": {}}
    of_jobs = {
        (file, name): job["permissions"]
        for file, workflow in WORKFLOWS.items()
        for name, job in workflow["jobs"].items()
        if "permissions" in job
    }
    assert of_jobs == {
        ("release.yml", "build"): {"contents": "read"},
        ("release.yml", "publish"): {"id-token": "write"},
    }
    for file, workflow in WORKFLOWS.items():
        text = (ROOT / ".github" / "workflows" / file).read_text(encoding="utf-8")
        assert not re.search(r"\bsecrets\b|GITHUB_TOKEN|github\.token", text)
        given = {
            name
            for job in workflow["jobs"].values()
            for s in job["steps"]
            for name in s.get("with", {})
        }
        assert not {name for name in given if re.search("pass|token|user|key", name)}
        # YAML 1.1 reads the word `on` as true. No event lets a stranger's code have our rights.
        assert set(workflow[True]) <= {"push", "pull_request"}


def test_a_tag_alone_is_published_by_a_job_that_runs_nothing_of_ours() -> None:
    assert RELEASE[True] == {"push": {"tags": ["v*"]}}
    build, publish = RELEASE["jobs"]["build"], RELEASE["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["environment"] == "release"
    assert list(scripts(publish)) == []
    assert used(publish, "actions/checkout") == []
    (made,) = used(build, "actions/upload-artifact")
    (taken,) = used(publish, "actions/download-artifact")
    assert taken["with"] == {name: made["with"][name] for name in ("name", "path")}
    (step,) = used(publish, "pypa/gh-action-pypi-publish")
    assert step["with"] == {"attestations": True}
    run = [script for script in scripts(build) if script.startswith("make ")]
    assert run == ["make check", "make test", "make dist"]
    assert "cache" not in used(build, "actions/setup-python")[0]["with"]


@pytest.mark.skipif(os.name != "posix", reason="runs bash")
@pytest.mark.parametrize(
    ("tag", "code"), [("v{}", 0), ("v{}.1", 1), ("{}", 1), ("vv{}", 1)], ids=str
)
def test_a_tag_that_is_not_the_version_is_not_built(tag: str, code: int, tmp_path: Path) -> None:
    (script,) = (s for s in scripts(RELEASE["jobs"]["build"]) if "GITHUB_REF_NAME" in s)
    (tmp_path / "python").symlink_to(sys.executable)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=ROOT,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "GITHUB_REF_NAME": tag.format(PROJECT["project"]["version"]),
        },
        check=False,
    )
    assert done.returncode == code


def test_how_to_release_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("\n## How to release\n")[2].partition("\n## ")[0]
    assert "`release.yml`" in section
    assert f"`{RELEASE['jobs']['publish']['environment']}`" in section
    for place in ("pyproject.toml", "src/lkdoctor/__init__.py", "CHANGELOG.md"):
        assert f"`{place}`" in section
        assert (ROOT / place).is_file()


# ------------------------------------------------------------------ the image


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, their lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined)]


def said(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def test_an_image_is_built_in_stages_on_a_slim_python_that_is_tested() -> None:
    bases = [rest.split() for rest in said("FROM")]
    (image,) = {base[0] for base in bases}
    assert image in {f"python:{version}-slim" for version in pythons()}
    assert [base[1:] for base in bases] == [["AS", "build"], []]


def test_what_is_copied_into_an_image_is_there_and_nothing_else_gets_near_it() -> None:
    copies = [rest.split() for rest in said("COPY")]
    ours = {name for words in copies if not words[0].startswith("--") for name in words[:-1]}
    assert all((ROOT / name).exists() for name in ours)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == ours
    # All that the wheel is made of.
    needed = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert needed | {"src"} == ours
    theirs = [words for words in copies if words[0].startswith("--")]
    assert theirs == [["--from=build", "/opt/lkdoctor", "/opt/lkdoctor"]]
    assert not [rest for word, rest in instructions() if word in {"ADD", "ARG"}]


def test_an_image_runs_lkdoctor_as_nobody() -> None:
    (user,) = said("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    (command,) = json.loads(said("ENTRYPOINT")[0])
    assert command in PROJECT["project"]["scripts"]
    last = [word for word, _ in instructions()]
    # Nothing is done as root once the user is set.
    assert set(last[last.index("USER") + 1 :]) <= {"ENTRYPOINT", "CMD"}
    assert json.loads(said("CMD")[0]) == ["--help"]
