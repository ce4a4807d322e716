"""Facts to JSON types and back, by their annotations; a saved report can be judged again."""

import importlib
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from lkdoctor.errors import UsageError
from lkdoctor.facts import Facts


def to_json(value: Any) -> Any:
    """A record, tuple, enum or plain value as JSON types; a record becomes an object."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        fields: tuple[str, ...] | None = getattr(value, "_fields", None)
        if fields is not None:
            return {name: to_json(item) for name, item in zip(fields, value, strict=True)}
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    return value


def facts_to_json(facts: Facts) -> dict[str, Any]:
    """The layers that were looked at."""
    return {
        name: to_json(value)
        for name, value in zip(facts._fields, facts, strict=True)
        if value is not None
    }


def facts_from_json(data: object) -> Facts:
    """The facts of a saved report.

    Raises:
        UsageError: the data is not what `facts_to_json` writes; says where.
    """
    if not isinstance(data, dict):
        raise UsageError("facts: not an object")
    unknown = set(data) - set(Facts._fields)
    if unknown:
        raise UsageError(f"facts: unknown layer {min(unknown)!r}")
    layers = {
        name: _decode(fact_type(name), value, f"facts.{name}") for name, value in data.items()
    }
    return Facts(**layers)


def record_from_json(record: type, data: object, where: str) -> Any:
    """One record of the given type; see `facts_from_json`."""
    return _decode(record, data, where)


def fact_type(name: str) -> Any:
    """The record of a field of `Facts`: ``server_config`` is a ServerConfigFact."""
    module = importlib.import_module(f"lkdoctor.facts.{name}")
    return getattr(module, f"{name.title().replace('_', '')}Fact")


@cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _decode(kind: Any, data: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _decode_union(get_args(kind), data, where)
    if origin is tuple:
        return _decode_tuple(get_args(kind), data, where)
    if origin is Literal:
        words = get_args(kind)
        return _expect(data in words, data, where, f"one of {', '.join(map(str, words))}")
    if kind is Any or kind is object:
        return data
    if isinstance(kind, type) and issubclass(kind, Enum):
        # A tuple, not a set: JSON may hold a list or an object here, which have no hash.
        words = tuple(member.value for member in kind)
        return kind(_expect(data in words, data, where, f"one of {', '.join(map(str, words))}"))
    if hasattr(kind, "_fields"):
        return _decode_record(kind, data, where)
    if kind is float:
        return _decode_float(data, where)
    if kind is int:
        return _expect(type(data) is int, data, where, "a whole number")
    if kind is type(None):
        return _expect(data is None, data, where, "null")
    return _expect(isinstance(data, kind), data, where, getattr(kind, "__name__", str(kind)))


def _decode_float(data: Any, where: str) -> float:
    _expect(type(data) in {int, float}, data, where, "a number")
    try:
        return float(data)
    except OverflowError:
        raise UsageError(f"{where}: the number is too large") from None


def _decode_union(options: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in options:
        return None
    some = [option for option in options if option is not type(None)]
    if len(some) == 1:
        return _decode(some[0], data, where)
    if isinstance(data, dict):
        for option in some:
            if hasattr(option, "_fields"):
                tag = option._field_defaults.get("kind")
                if tag is None or tag == data.get("kind"):
                    return _decode(option, data, where)
    for option in some:
        if not hasattr(option, "_fields"):
            try:
                return _decode(option, data, where)
            except UsageError:
                continue
    return _expect(False, data, where, "a known kind")  # noqa: FBT003 - reads as a sentence


def _decode_tuple(items: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    _expect(isinstance(data, list), data, where, "a list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    _expect(len(data) == len(items), data, where, f"{len(items)} items")
    return tuple(
        _decode(kind, item, f"{where}[{i}]")
        for i, (kind, item) in enumerate(zip(items, data, strict=True))
    )


def _decode_record(record: Any, data: Any, where: str) -> Any:
    _expect(isinstance(data, dict), data, where, "an object")
    hints = _hints(record)
    missing = set(record._fields) - set(data) - set(record._field_defaults)
    if missing:
        raise UsageError(f"{where}: {min(missing)} is missing")
    # A field that a newer lkdoctor added is passed over: additions are minor versions.
    return record(
        **{
            name: _decode(hints[name], data[name], f"{where}.{name}")
            for name in record._fields
            if name in data
        }
    )


def _expect(fits: bool, data: Any, where: str, wanted: str) -> Any:  # noqa: FBT001 - private
    if not fits:
        raise UsageError(f"{where}: {wanted} was expected, not {type(data).__name__}")
    return data
