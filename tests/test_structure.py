"""The repository is what its documents say: layout, names, package."""

import fnmatch
import importlib
import importlib.metadata
import importlib.resources
import inspect
import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import needs
import pytest

import lkdoctor

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lkdoctor"
TESTS = ROOT / "tests"

TESTED_IN = {
    # Records without behaviour: their codec takes each to JSON and back, the rules' tables fill them.
    "findings.py": "rules/test_base.py",
    "facts/*.py": "facts/test_codec.py",
    "tokens/reading.py": "tokens/test_decode.py",
    "diagnosis/events.py": "cli/test_progress.py",
    "diagnosis/how.py": "faults/test_faults.py",
    # The parts of one machine, tested as a whole.
    "sandbox/*.py": "sandbox/test_sandbox.py",
    "rules/answers.py": "rules/test_network.py",
    "wire/base.py": "wire/test_http.py",
    "probes/route.py": "probes/test_server.py",
    "probes/cloud.py": "faults/test_regions.py",
    "report/areas.py": "report/test_human.py",
    "report/names.py": "cli/test_check_room.py",
    "report/jsonfile.py": "report/test_json.py",
    "report/schema.py": "report/test_json.py",
    "tokens/compare.py": "cli/test_token.py",
    "config/target.py": "config/test_resolve.py",
    # The whole way, run as a user runs it, against real servers and peers that misbehave.
    "__main__.py": "cli/test_app.py",
    "cli/ws_probe.py": "faults/test_healthy.py",
    "cli/inputs.py": "faults/test_faults.py",
    "diagnosis/case.py": "faults/test_faults.py",
    "diagnosis/doctor.py": "faults/test_faults.py",
    "diagnosis/run.py": "faults/test_faults.py",
    "diagnosis/rooms.py": "cli/test_rooms.py",
    "diagnosis/trust.py": "safety/test_folder.py",
}
"""Modules without a test module of their own, and whose tests are theirs."""

OF_NO_MODULE = (
    "conformance/",
    "docs/",
    "faults/",
    "fuzz/",
    "neighbours/",
    "report/test_linear.py",
    "safety/",
    "test_needs.py",
    "test_servers.py",
    "test_structure.py",
)
"""Tests of behaviour that belongs to no one module."""


def modules() -> list[str]:
    paths = (path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))
    return sorted(path.as_posix() for path in paths if path.name != "__init__.py")


def mirrored() -> list[str]:
    return sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))


def beside(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}".lstrip("/")


@pytest.mark.parametrize("module", modules())
def test_every_module_is_tested_where_one_would_look(module: str) -> None:
    home = beside(module)
    if not (TESTS / home).exists():
        homes = [test for pattern, test in TESTED_IN.items() if fnmatch.fnmatch(module, pattern)]
        assert homes, f"write tests/{home}, or say in TESTED_IN where its tests are"
        home = homes[0]
    assert (TESTS / home).exists()


def test_no_exception_is_left_over() -> None:
    for pattern in TESTED_IN:
        found = fnmatch.filter(modules(), pattern)
        assert [m for m in found if not (TESTS / beside(m)).exists()], pattern


@pytest.mark.parametrize("test", mirrored())
def test_every_test_module_has_its_module(test: str) -> None:
    if test.startswith(OF_NO_MODULE):
        return
    folder, _, name = test.rpartition("/")
    stem = name.removeprefix("test_").removesuffix(".py")
    # tests/rules/test_env_real.py is a second module of rules/env.py.
    beginnings = [stem[: len(stem) - len(rest)] for rest in re.findall(r"(?=(_.*$))", stem)]
    candidates = [f"{folder}/{one}.py".lstrip("/") for one in (stem, *beginnings)]
    known = {
        *modules(),
        *(f"{m.parent.name}/{m.parent.name}.py" for m in SOURCE.rglob("__init__.py")),
    }
    known |= set(TESTED_IN_PART)
    assert known & set(candidates), f"tests/{test} is about no module of src"


TESTED_IN_PART = {
    "report/json.py",  # jsonfile.py, schema.py and model.py: the module name json is taken
    "rules/edges.py",  # the last value that is well and the first that is not, in several layers
    "rules/examples.py",  # every rule on the examples of tests/examples/
    "report/linear.py",  # how much work every layout of report/ makes of more rows
    "report/hostile.py",  # foreign text in every layout of report/
    "tokens/sign.py",  # the signing in mint.py against PyJWT
}


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_it_is(module: str) -> None:
    """The first line is a sentence."""
    text = (SOURCE / module).read_text(encoding="utf-8")
    first = re.match(r'r?"""(.+)', text)
    assert first, f"{module} has no docstring"
    assert re.search(r"[.:;,\"]$|\.\"\"\"$", first[1].strip()), first[1]


RAISES = {
    r"\.(?:exists|is_dir|is_file|is_symlink|is_mount)\(\)": "lkdoctor.places, whose answers raise nothing",
    r"\bint\([^()]*\) if .*\.is(?:digit|decimal)\(": "lkdoctor.digits.number: int refuses what isdigit takes",
}


@pytest.mark.parametrize("module", modules())
def test_no_module_asks_what_may_raise(module: str) -> None:
    text = (SOURCE / module).read_text(encoding="utf-8")
    for pattern, instead in RAISES.items():
        if module.startswith("sandbox/"):  # shares nothing with the rest
            continue
        found = re.search(pattern, text)
        assert found is None, f"{found[0]}: use {instead}"


@pytest.mark.parametrize("name", lkdoctor.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(lkdoctor, name)
    assert inspect.getdoc(value) or name in ENUMERATIONS


ENUMERATIONS = {"Severity", "Status", "Confidence", "Verdict"}
"""Their members say it."""


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'lkdoctor' has no attribute 'diagnos'"):
        _ = getattr(lkdoctor, "diagnos")  # noqa: B009 - mypy knows that it is not there


def _is_ours(path: Path) -> bool:
    """Whether it stands in no folder that a tool has left: .venv, .pytest_cache …"""
    hidden = {part for part in path.relative_to(ROOT).parts[:-1] if part.startswith(".")}
    return hidden <= {".ci", ".github"}


def files() -> list[Path]:
    """What is (or will be) in the repository."""
    listed = subprocess.run(
        [needs.binary("git"), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode:  # not a clone
        return [path for path in ROOT.rglob("*") if path.is_file() and _is_ours(path)]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_names_the_machine_that_it_was_made_on() -> None:
    """Nor a registry that only some can reach."""
    private = re.compile(
        r"/work/|/home/\w+/|/Users/\w+/|(?:index|extra-index|proxy)[-_]url(?!-too-long)|/root/\."
    )
    found = []
    for path in files():
        if path == Path(__file__) or path.suffix == ".svg":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in private.finditer(text)]
    assert found == []


def test_no_whole_token_is_in_the_repository() -> None:
    token = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}")
    found = [
        str(path.relative_to(ROOT))
        for path in files()
        if token.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


# ------------------------------------------------------------------ the package


def project() -> dict[str, Any]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def test_the_version_stands_in_two_places_and_is_one() -> None:
    assert project()["version"] == lkdoctor.__version__
    assert importlib.metadata.version("lkdoctor") == lkdoctor.__version__


def test_the_command_and_the_fixture_are_installed() -> None:
    points = importlib.metadata.distribution("lkdoctor").entry_points
    assert {(p.group, p.name, p.value) for p in points} == {
        ("console_scripts", "lkdoctor", "lkdoctor.__main__:main"),
        ("pytest11", "lkdoctor_sandbox", "lkdoctor.sandbox.pytest_plugin"),
    }
    for point in points:
        assert point.load()


def test_a_wheel_and_an_archive_hold_what_a_user_needs(tmp_path: Path) -> None:
    from hatchling import build

    before = Path.cwd()
    os.chdir(ROOT)
    try:
        wheel = tmp_path / build.build_wheel(str(tmp_path))
        archive = tmp_path / build.build_sdist(str(tmp_path))
    finally:
        os.chdir(before)
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        metadata = packed.read(f"lkdoctor-{lkdoctor.__version__}.dist-info/METADATA").decode()
    assert {
        "lkdoctor/py.typed",
        "lkdoctor/report/schema.json",
        "lkdoctor/report/log-schema.json",
    } <= names
    assert {f"lkdoctor/{module}" for module in modules()} <= names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]
    assert f"lkdoctor-{lkdoctor.__version__}.dist-info/licenses/LICENSE" in names
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    with tarfile.open(archive) as packed_sources:
        kept = {name.split("/", 1)[-1] for name in packed_sources.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "tests/servers.py",
        "docs/diagnosis.svg",
    } <= kept
