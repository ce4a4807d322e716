"""The words of the causes: their files, and how they are filled."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import examples
from lkdoctor import catalogue, rules
from lkdoctor.findings import Confidence, FixStep, Layer, Severity, Snippet
from lkdoctor.report.layout import cells
from lkdoctor.rules import words
from lkdoctor.rules.base import Rule

FOLDER = Path(words.FOLDER)
SCHEMA = json.loads((FOLDER.parent / "cause-schema.json").read_text("utf-8"))
FILES = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.iterdir())]


@pytest.mark.parametrize("path", FILES)
def test_every_file_has_the_form_that_editors_are_told_of(path: Path) -> None:
    text = path.read_text("utf-8")
    assert path.suffix == ".toml"
    assert text.startswith("#:schema ../cause-schema.json\n")
    jsonschema.validate(tomllib.loads(text), SCHEMA)
    words.of(path.stem)


def test_the_schema_knows_every_layer_severity_and_confidence() -> None:
    assert SCHEMA["properties"]["layer"]["enum"] == list(Layer)
    assert SCHEMA["$defs"]["severity"]["enum"] == list(Severity)
    assert SCHEMA["$defs"]["confidence"]["enum"] == list(Confidence)


def test_every_cause_that_a_check_looks_for_has_a_rule() -> None:
    ruled = set(catalogue.by_code())
    checked = {cause.code for cause in catalogue.causes() if cause.check is not None}
    assert checked == ruled


def test_a_file_is_read_into_words() -> None:
    told = words.of("tls-expired")
    assert (told.code, told.layer, told.check) == ("tls-expired", Layer.TLS, "tls.handshake")
    assert told.fix[0] == FixStep(
        "Renew it, and look why that did not happen by itself:",
        command="certbot renew && certbot certificates",
    )
    assert told.fix[2].destructive
    snippet = words.of("tls-untrusted").fix[0].snippet
    assert snippet == Snippet("caddy", "rtc.example.com {\n    reverse_proxy 127.0.0.1:7880\n}")


@pytest.mark.parametrize("code", ["no-such-cause", "", "../causes/tls-expired", "tls-expired.toml"])
def test_what_is_no_code_has_no_words(code: str) -> None:
    with pytest.raises(KeyError):
        words.of(code)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        pytest.param("for {host}", "for rtc.example.com", id="named"),
        pytest.param("for {port}", "for {port}", id="not given"),
        pytest.param("{\n  {host}\n}", "{\n  rtc.example.com\n}", id="beside other braces"),
        pytest.param("plain", "plain", id="nothing to fill"),
    ],
)
def test_filled(text: str, filled: str) -> None:
    assert words.filled(text, {"host": "rtc.example.com"}) == filled


def test_a_value_is_not_filled_in_turn() -> None:
    assert words.filled("{a}{b}", {"a": "{b}", "b": "x"}) == "{b}x"


# ------------------------------------------------------------------ what judges yield

OF_EGRESS = {"room_name", "room_id"}
"""What egress fills in a path, as it is written there."""
PLACE = re.compile(r"(?<!\$)\{(\w+)\}")


def texts(told: Any, *, pasted: bool = False) -> Iterator[str]:
    """What a reader is told in a cause, a case or a step; what is to be pasted on request."""
    for name, value in told.items():
        if name in {"title", "cause", "text", "how"}:
            yield value
        elif name == "fix":
            for step in value:
                yield from texts(step, pasted=pasted)
        elif name in {"case", "step"}:
            for one in value.values():
                yield from texts(one, pasted=pasted)
        elif pasted and isinstance(value, str):
            yield value


@pytest.mark.parametrize("path", FILES)
def test_what_is_left_open_has_an_example_and_every_example_is_used(path: Path) -> None:
    told = tomllib.loads(path.read_text("utf-8"))
    open_in = {name for text in texts(told) for name in PLACE.findall(text)}
    anywhere = {name for text in texts(told, pasted=True) for name in PLACE.findall(text)}
    examples_of = set(told.get("example", {}))
    assert open_in - OF_EGRESS <= examples_of
    assert examples_of <= anywhere


@pytest.mark.parametrize("cause", [pytest.param(c, id=c.code) for c in catalogue.causes()])
def test_a_title_fits_its_line_in_every_case(cause: words.Words) -> None:
    for case in (cause.general, *cause.cases.values()):
        if case.title is not None:
            assert cells(words.filled(case.title, cause.example)) <= words.MAX_TITLE


@pytest.mark.parametrize("path", FILES)
def test_a_value_in_a_command_stands_in_no_quotes(path: Path) -> None:
    """It is quoted where it has to be."""
    told = tomllib.loads(path.read_text("utf-8"))
    declared = set(told.get("example", {}))
    parts = (told, *told.get("case", {}).values(), {"fix": [*told.get("step", {}).values()]})
    for step in (step for part in parts for step in part.get("fix", ())):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", step.get("command", ""))
        assert declared & set(PLACE.findall(step.get("command", ""))) == declared & set(
            PLACE.findall(bare)
        )


RULES = [pytest.param(rule, id=rule.code) for rule in catalogue.rules()]


@pytest.mark.parametrize("rule", RULES)
def test_what_a_judge_yields_has_its_words(rule: Rule) -> None:
    """In its sick example, and in the healthy examples of all others."""
    own = rule.words
    for seen in rule.seen(examples.sick(rule.code)):
        assert set(seen.case.split()) <= set(own.cases)
        assert set(seen.values) <= set(own.example)
        for advice in seen.steps:
            assert set(advice.values) <= set(own.example)
            assert advice.name in own.steps


def constants(module: str) -> tuple[set[str], set[str]]:
    """The strings in a module of rules, and the beginnings of those that are put together."""
    tree = ast.parse((Path(rules.__file__).parent / f"{module}.py").read_text("utf-8"))
    whole = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    parts = {
        part.value
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return whole | {word for one in whole for word in one.split()}, parts


@pytest.mark.parametrize("rule", RULES)
def test_every_case_and_step_of_a_cause_is_named_by_a_judge(rule: Rule) -> None:
    modules = {rule.judge.__module__.rpartition(".")[2], "app", "media"}
    whole: set[str] = set()
    parts: set[str] = set()
    for module in modules:
        strings, pieces = constants(module)
        whole |= strings
        parts |= {piece for piece in pieces if len(piece) > 3}
        parts |= {one for one in strings if re.fullmatch(r"-[a-z-]+", one)}
    for name in (*rule.words.cases, *rule.words.steps):
        assert name in whole or any(piece in name for piece in parts), name
