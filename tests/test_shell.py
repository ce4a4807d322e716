"""What is printed as a command is the words that were meant, in every POSIX shell, and runs nothing else."""

import ast
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import needs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import examples
import lkdoctor
from lkdoctor import catalogue, shell
from lkdoctor.errors import UsageError
from lkdoctor.facts import Facts, codec
from lkdoctor.findings import Finding
from lkdoctor.rules.base import Rule
from lkdoctor.rules.repeat import command as again

WORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters="\xad"),
    max_size=40,
)


@given(st.lists(WORDS, min_size=1, max_size=6))
@example(
    ["$(id)", "`id`", "a;b", "'", '"', "\\", "", "-x", "*", "~", "#", "a b", "!", "<a>", "&", "|"]
)
def test_a_command_parses_into_its_words(words: list[str]) -> None:
    assert shlex.split(shell.command(*words)) == words


def test_what_a_shell_reads_as_it_stands() -> None:
    made = shell.command("a", "b c", shell.PIPE, "d", shell.NO_INPUT, shell.Fixed('"$X"'))
    assert made == "a 'b c' | d </dev/null \"$X\""
    assert shell.then("a", "b") == "a; b"
    assert shell.exported("A", "b c", shell.Fixed("${D:+,$D}")) == "export A='b c'${D:+,$D}"
    assert shell.command("e", *shell.operand("-x"), *shell.operand("y")) == "e -- -x y"
    assert shell.command("dig", *shell.name("-x"), *shell.name("y")) == "dig -q -x y"


@given(value=WORDS)
def test_a_line_of_an_env_file_is_read_alike(value: str) -> None:
    from io import StringIO

    from dotenv.parser import parse_stream

    line = shell.setting("A", value)
    (binding,) = parse_stream(StringIO(line))
    expected = "…" if "'" in value or "\\" in value else value
    assert binding.value == expected
    assert shlex.split(line) == [f"A={expected}"]


def test_what_stands_for_a_secret_is_quoted() -> None:
    from lkdoctor.redact import register

    register("planted-for-this-test-0123456789")
    made = shell.command("curl", "http://h/planted-for-this-test-0123456789")
    assert made == "curl 'http://h/<redacted>'"
    assert shell.command("dig", "a\nb\x1b[2J") == r"dig 'a\x0ab\x1b[2J'"


# ------------------------------------------------------------------ no rule puts one together by hand

SOURCES = sorted(
    path
    for path in (Path(lkdoctor.__file__).parent / "rules").glob("*.py")
    if path.stem != "words"  # it fills the commands of the causes' files, a value a word
)


def commands_in(tree: ast.AST) -> Iterator[ast.expr]:
    """What the source hands to a `FixStep` as its command."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "FixStep":
                yield from node.args[1:2]
                yield from (k.value for k in node.keywords if k.arg == "command")
            elif node.func.id == "Evidence":
                yield from (k.value for k in node.keywords if k.arg == "repeat")


def is_made_well(node: ast.expr) -> bool:
    """A text of our own, or what `lkdoctor.shell` has made."""
    match node:
        case ast.Constant():
            return True
        case ast.IfExp(_, body, orelse):
            return is_made_well(body) and is_made_well(orelse)
        case ast.Call(ast.Attribute(ast.Name("shell"), "then"), args):
            return all(isinstance(a, ast.Starred) or is_made_well(a) for a in args)
        case ast.Call(ast.Attribute(ast.Name("shell"), _)):
            return True
        case ast.Name(name) | ast.Subscript(ast.Name(name)):  # a constant
            return name.strip("_").isupper()
        case _:
            return False


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_command_is_made_of_words(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    by_hand = [ast.unparse(node) for node in commands_in(tree) if not is_made_well(node)]
    assert by_hand == []
    fixed = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"shell.Fixed", "Fixed"}
    ]
    assert all(isinstance(text, ast.Constant) for text in fixed), "foreign text is never Fixed"


# ------------------------------------------------------------------ hostile values in every example

HOSTILE = (
    "$(>MARK)",
    "`>MARK`",
    ";>MARK;",
    "'$(>MARK)'",
    '"$(>MARK)"',
    "\\$(>MARK)",
    "|>MARK",
    "&>MARK&",
    "\n>MARK\n",
    "${X:=$(>MARK)}",
    "'\"'\"'$(>MARK)",
    "<(>MARK)",
    "# >MARK",
    "{a,b}>MARK",
)
TOOLS = (
    *("curl", "openssl", "dig", "lkdoctor", "grep", "ss", "sudo", "ufw", "docker", "git", "unset"),
    *(
        "date",
        "head",
        "wget",
        "livekit-server",
        "lk",
        "tr",
        "cat",
        "kubectl",
        "nginx",
        "ip",
        "sysctl",
    ),
    *(
        "chmod",
        "chown",
        "redis-cli",
        "base64",
        "python",
        "node",
        "npm",
        "timedatectl",
        "ping",
        "nc",
    ),
)


def with_text(document: Any, old: str, new: str) -> Any:
    """The document with another text where this one stood or was a part."""
    if isinstance(document, str):
        return document.replace(old, new)
    if isinstance(document, dict):
        return {name: with_text(value, old, new) for name, value in document.items()}
    if isinstance(document, list):
        return [with_text(value, old, new) for value in document]
    return document


def texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts(value)


def printed(findings: Iterable[Finding], facts: Facts) -> list[str]:
    """All that the findings would have somebody paste into a shell."""
    found = []
    for finding in findings:
        found += [step.command for step in finding.fix if step.command]
        found += [
            f"env {step.snippet.body}"
            for step in finding.fix
            if step.snippet is not None and step.snippet.language == "dotenv"
            and "\n" not in step.snippet.body and "…" not in step.snippet.body
        ]  # fmt: skip
        found += [told for e in finding.evidence if (told := again(e, facts))]
    return found


def hostile(rule: Rule) -> dict[str, str]:
    """Commands that hold a hostile value, each with that value."""
    sick = examples.sick(rule.code)
    document = codec.facts_to_json(sick)
    plain = "\n".join(printed(rule.findings(sick), sick))
    used = {text for text in texts(document) if len(text) > 2 and text in plain}
    # Of a URL, what the commands are made of stands in parts.
    used |= {
        part
        for text in texts(document)
        for part in text.split("/")
        if len(part) > 3 and part in plain
    }
    # No variable of LiveKit's has another name.
    used = {text for text in used if not re.fullmatch(r"(?:\w+\.)*[A-Z_]+", text)}
    made: dict[str, str] = {}
    for text in sorted(used):
        for value in HOSTILE:
            for planted in (text + value, value + text, f"-{text}"):
                try:
                    facts = codec.facts_from_json(with_text(document, text, planted))
                    findings = list(rule.findings(facts))
                except (UsageError, ValueError, KeyError, TypeError, AttributeError):
                    continue  # what no probe would hand it
                made |= {line: planted for line in printed(findings, facts) if value in line}
    return made


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of the usual names that do nothing."""
    folder = tmp_path_factory.mktemp("bin")
    for name in TOOLS:
        (folder / name).write_text("#!/bin/sh\nexit 0\n")
        (folder / name).chmod(0o755)
    return folder


def runs(script: str, name: str, stubs: Path, folder: Path) -> list[str]:
    """The files that appear where a shell is given the script."""
    where = shutil.which(name)
    if where is None:
        needs.missing(f"needs {name}")
    subprocess.run(
        [where],
        input=script,
        cwd=folder,
        env={"PATH": str(stubs), "LIVEKIT_TOKEN": "x"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return sorted(place.name for place in folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="the commands are for a POSIX shell")
@pytest.mark.parametrize("name", ["sh", "bash"])
def test_nothing_of_a_hostile_value_runs(name: str, stubs: Path, tmp_path: Path) -> None:
    made: dict[str, str] = {}
    for rule in catalogue.rules():
        made |= hostile(rule)
    assert len(made) > 200, "hardly a command holds what was planted"
    # Each ends by itself, whatever the last has left open.
    script = "".join(f"( eval {shlex.quote(line)} )\n" for line in made)
    assert runs(script, name, stubs, tmp_path) == []
    checked = subprocess.run(
        [name, "-n"], input="\n".join(made), text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="the commands are for a POSIX shell")
def test_the_proof_that_it_would_run(stubs: Path, tmp_path: Path) -> None:
    script = "( eval 'curl http://h/$(>MARK)' )\n"
    assert runs(script, "sh", stubs, tmp_path) == ["MARK"]
