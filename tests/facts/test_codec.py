"""A saved report is judged again: every fact must come back as it was."""

import functools
import json
import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import pytest
from examples.healthy import healthy
from hypothesis import given, settings
from hypothesis import strategies as st

from lkdoctor.errors import UsageError
from lkdoctor.facts import NO_FACTS, Facts
from lkdoctor.facts.codec import (
    fact_type,
    facts_from_json,
    facts_to_json,
    record_from_json,
    to_json,
)

LAYERS = Facts._fields


def layer_type(name: str) -> type:
    kind = fact_type(name)
    assert isinstance(kind, type)
    return kind


@functools.cache
def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field, by its annotation; a kind of field that the codec does not know fails."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return st.one_of([values(option) for option in arguments])
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: values(hints[name]) for name in kind._fields})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return {
        str: st.text(max_size=8),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        type(None): st.none(),
    }[kind]


@pytest.mark.parametrize("layer", LAYERS)
@settings(max_examples=60)
@given(data=st.data())
def test_every_fact_comes_back_as_it_was(layer: str, data: st.DataObject) -> None:
    facts = Facts(**{layer: data.draw(values(layer_type(layer)))})
    text = json.dumps(facts_to_json(facts), allow_nan=False)
    back = facts_from_json(json.loads(text))
    assert back == facts
    assert shape(back) == shape(facts)


def shape(value: Any) -> Any:
    """Types at every depth; tuples of different classes compare equal."""
    if isinstance(value, tuple):
        return type(value), [shape(item) for item in value]
    return type(value)


def records(kind: Any, seen: dict[type, None]) -> None:
    """Every record type that a layer's facts are made of."""
    if hasattr(kind, "_fields"):
        if kind not in seen:
            seen[kind] = None
            for hint in typing.get_type_hints(kind).values():
                records(hint, seen)
    else:
        for argument in get_args(kind):
            records(argument, seen)


def all_records() -> list[type]:
    seen: dict[type, None] = {}
    for layer in LAYERS:
        records(layer_type(layer), seen)
    return list(seen)


def unions(kind: Any) -> Iterator[tuple[Any, ...]]:
    """The unions of records within an annotation."""
    arguments = get_args(kind)
    if get_origin(kind) in {Union, types.UnionType}:
        members = tuple(a for a in arguments if hasattr(a, "_fields"))
        if len(members) > 1:
            yield members
    for argument in arguments:
        yield from unions(argument)


@pytest.mark.parametrize("record", all_records(), ids=lambda record: record.__name__)
def test_the_records_of_a_union_are_told_apart_by_their_kind(record: Any) -> None:
    for hint in typing.get_type_hints(record).values():
        for members in unions(hint):
            kinds = [member._field_defaults.get("kind") for member in members]
            assert None not in kinds
            assert len(set(kinds)) == len(members)
            assert all(member._fields[-1] == "kind" for member in members)


def test_a_layer_that_was_not_looked_at_stays_away() -> None:
    assert facts_to_json(NO_FACTS) == {}
    assert facts_from_json({}) == NO_FACTS


def test_a_field_of_a_newer_lkdoctor_is_passed_over() -> None:
    document = facts_to_json(healthy())
    document["clock"]["leap_seconds"] = 37
    assert facts_from_json(document) == healthy()


def test_a_field_with_a_default_may_be_missing() -> None:
    document = facts_to_json(healthy())
    del document["clock"]["source"]
    clock = facts_from_json(document).clock
    assert clock is not None
    assert clock.source == ""


def broken(path: str, value: object) -> dict[str, Any]:
    """The healthy facts as JSON with one value replaced."""
    document = json.loads(json.dumps(facts_to_json(healthy())))
    *steps, last = path.split(".")
    place = document
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param([], "facts: not an object", id="no object"),
        pytest.param({"weather": {}}, "facts: unknown layer 'weather'", id="unknown layer"),
        pytest.param({"clock": {}}, "facts.clock: local is missing", id="missing field"),
        pytest.param(
            {"clock": []}, "facts.clock: an object was expected, not list", id="no record"
        ),
        pytest.param(
            broken("clock.local", "noon"),
            "facts.clock.local: a number was expected, not str",
            id="a word for a number",
        ),
        pytest.param(
            broken("clock.local", True),
            "facts.clock.local: a number was expected, not bool",
            id="a truth value for a number",
        ),
        pytest.param(
            broken("clock.local", 10**400),
            "facts.clock.local: the number is too large",
            id="a number without end",
        ),
        pytest.param(
            broken("clock.server", {}),
            "facts.clock.server: a number was expected, not dict",
            id="an object for a number that may be missing",
        ),
        pytest.param(
            broken("url.result.port", 443.0),
            "facts.url.result.port: a whole number was expected, not float",
            id="a fraction for a port",
        ),
        pytest.param(
            broken("url.raw", None), "facts.url.raw: str was expected, not NoneType", id="null"
        ),
        pytest.param(
            broken("network.family", ["any"]),
            "facts.network.family: one of any, ipv4, ipv6 was expected, not list",
            id="a list for a word",
        ),
        pytest.param(
            broken("network.family", "ipv5"),
            "facts.network.family: one of any, ipv4, ipv6 was expected, not str",
            id="an unknown word",
        ),
        pytest.param(
            broken("network.dns.addresses.0", 1),
            "facts.network.dns.addresses[0]: str was expected, not int",
            id="in a list",
        ),
        pytest.param(
            broken("network.dns.addresses", "::1"),
            "facts.network.dns.addresses: a list was expected, not str",
            id="a word for a list",
        ),
        pytest.param(
            broken("network.dns.kind", "guessed"),
            "facts.network.dns: a known kind was expected, not dict",
            id="an unknown kind",
        ),
        pytest.param(
            broken("signal.first.ice_servers.0.has_credential", 1),
            "facts.signal.first.ice_servers[0].has_credential: bool was expected, not int",
            id="a number for a truth value",
        ),
        pytest.param(
            broken("server.root.headers.0", ["content-type"]),
            "facts.server.root.headers[0]: 2 items was expected, not list",
            id="half a pair",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(document: object, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        facts_from_json(document)
    assert refused.value.message == message


class Empty(NamedTuple):
    """A field that has one value only."""

    nothing: None


def test_null_is_nothing_else() -> None:
    assert record_from_json(Empty, {"nothing": None}, "here") == Empty(None)
    with pytest.raises(UsageError, match=r"here\.nothing: null was expected, not int"):
        record_from_json(Empty, {"nothing": 0}, "here")


class Answer(NamedTuple):
    """A record with the rarer kinds of field."""

    tag: Literal["yes", "no"]
    value: bool | str | tuple[str, ...] | None = None
    extra: Any = None


@pytest.mark.parametrize("value", [None, True, "text", ("a", "b"), ()])
def test_a_union_of_plain_types_keeps_each(value: bool | str | tuple[str, ...] | None) -> None:
    answer = Answer("yes", value, {"any": [1, None]})
    assert record_from_json(Answer, json.loads(json.dumps(to_json(answer))), "here") == answer


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            {"tag": "maybe"}, "here.tag: one of yes, no was expected, not str", id="unknown tag"
        ),
        pytest.param(
            {"tag": []}, "here.tag: one of yes, no was expected, not list", id="tag without a hash"
        ),
        pytest.param(
            {"tag": "no", "value": 3}, "here.value: a known kind was expected, not int", id="value"
        ),
        pytest.param(
            {"tag": "no", "value": ["a", 3]},
            "here.value: a known kind was expected, not list",
            id="within a value",
        ),
    ],
)
def test_a_record_that_does_not_fit(data: object, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        record_from_json(Answer, data, "here")
    assert refused.value.message == message


def test_a_mapping_becomes_an_object() -> None:
    assert to_json({1: (1, 2), "b": Answer("no")}) == {
        "1": [1, 2],
        "b": {"tag": "no", "value": None, "extra": None},
    }
