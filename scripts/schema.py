"""Writes the JSON Schemas of a report and of a log's explanation from their records' annotations.

    python scripts/schema.py            write src/lkdoctor/report/schema.json and log-schema.json
    python scripts/schema.py --check    say whether they are up to date, change nothing

A field's description is the string under it in the source, a record's its docstring: what is
true for people who read the code is true for people who read the JSON.
"""

import ast
import inspect
import itertools
import json
import sys
import textwrap
import types
import typing
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from lkdoctor.facts import Facts
from lkdoctor.facts.codec import fact_type
from lkdoctor.findings import Finding
from lkdoctor.report import logs, model
from lkdoctor.report.schema import FILE, LOG_FILE

FOLDER = Path(inspect.getfile(model)).parent

TIMESTAMP = {"type": "string", "description": "RFC 3339, UTC"}


class Definitions:
    """Schemas of records by their name, each described once."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of an annotation, as `codec.to_json` writes its values."""
        origin = get_origin(kind)
        if origin in {Union, types.UnionType}:
            return self._union(get_args(kind))
        if origin is tuple:
            return self._tuple(get_args(kind))
        if origin is Literal:
            values = list(get_args(kind))
            return {"const": values[0]} if len(values) == 1 else {"enum": values}
        if kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _enum(kind)
        if hasattr(kind, "_fields"):
            self._define(kind)
            return {"$ref": f"#/$defs/{kind.__name__}"}
        raise TypeError(f"no schema for {kind!r}")

    def record(self, kind: Any, *, whole: bool = True) -> dict[str, Any]:
        """An object with a record's fields; others may be there, too.

        Args:
            kind: the record.
            whole: fields that have a default are there, too, in every document.
        """
        told = _told(kind)
        # What came later has a default, in Python as in a document that was written before.
        required = [
            n for n in kind._fields if whole or n == "kind" or n not in kind._field_defaults
        ]
        properties = {
            name: self.of(hint) | ({"description": told[name]} if name in told else {})
            for name, hint in typing.get_type_hints(kind).items()
            if name in kind._fields
        }
        return {
            "type": "object",
            **_described(kind),
            "required": required,
            "properties": properties,
        }

    def _define(self, kind: Any) -> None:
        name = kind.__name__
        if name not in self.known:
            self.known[name] = {"x-source": kind.__module__}  # a record may hold itself
            self.known[name] |= self.record(kind, whole=kind.__module__ == Finding.__module__)
        elif self.known[name]["x-source"] != kind.__module__:
            raise TypeError(f"two records are called {name}")

    def _union(self, options: tuple[Any, ...]) -> dict[str, Any]:
        schemas = [self.of(option) for option in options if option is not type(None)]
        plain = [schema["type"] for schema in schemas if set(schema) == {"type"}]
        if type(None) in options:
            if len(plain) == len(schemas) == 1:
                return {"type": [*plain, "null"]}
            schemas.append({"type": "null"})
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _tuple(self, items: tuple[Any, ...]) -> dict[str, Any]:
        if len(items) == 2 and items[1] is Ellipsis:
            return {"type": "array", "items": self.of(items[0])}
        return {
            "type": "array",
            "prefixItems": [self.of(item) for item in items],
            "minItems": len(items),
            "maxItems": len(items),
        }


_PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _enum(kind: type[Enum]) -> dict[str, Any]:
    values = [member.value for member in kind]
    return {"enum": values, **_described(kind)}


def _described(kind: type) -> dict[str, Any]:
    text = kind.__dict__.get("__doc__") or ""
    # A NamedTuple and an Enum without a docstring get one made up.
    made_up = text.startswith((f"{kind.__name__}(", "An enumeration"))
    return {} if made_up or not text else {"description": inspect.cleandoc(text)}


@cache
def _told(kind: type) -> dict[str, str]:
    """The strings under a record's fields."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = typing.cast("ast.ClassDef", tree.body[0]).body
    told: dict[str, str] = {}
    for field, text in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            told[field.target.id] = inspect.cleandoc(str(text.value.value))
    return told


def document() -> dict[str, Any]:
    """The whole schema."""
    made = Definitions()
    finding = made.record(Finding)
    finding["required"] = [name for name in finding["required"] if name != "location"] + ["docs"]
    finding["properties"] |= {
        "docs": {"type": "string", "description": "The command that tells more."},
        "code": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        "location": {"type": "string", "description": "``.env.local:3``"},
    }
    finding["properties"]["evidence"]["minItems"] = 1
    finding["properties"]["fix"]["minItems"] = 1
    run = made.record(model.RunInfo)
    run["properties"]["started_at"] = TIMESTAMP
    run["properties"]["interrupted_by"] = {"enum": ["signal", "deadline", None]}
    run["required"].remove("signal")  # it came later: an older document stays valid
    target = made.record(model.TargetInfo)
    target["properties"]["kind"] = {"enum": ["cloud", "self_hosted", "unknown"]}
    target["properties"]["sources"] = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": 'What came from where: {"url": ".env.local:1"}',
    }
    # It came later: a document that was written before stays valid.
    made.known["Evidence"]["required"].remove("repeat")
    made.known |= {"Finding": finding, "CheckResult": _check(made)}
    whole = _report(made, run, target)
    made.known["Event"] = _event(whole["properties"])
    return {**whole, "$defs": _definitions(made)}


def _report(made: Definitions, run: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lkdoctor:report:1",
        "title": "A report of lkdoctor",
        "description": "Fields and values may be added in 1.x; readers pass over what they do "
        "not know. Times are RFC 3339 in UTC, in facts seconds since 1970; names that end in _ms "
        "are milliseconds.",
        "type": "object",
        "required": [
            "schema",
            "schema_version",
            "tool",
            "run",
            "target",
            "summary",
            "findings",
            "folded",
            "checks",
            "facts",
            "timings",
            "redaction",
        ],
        "properties": {
            "schema": {"const": model.SCHEMA},
            "schema_version": {"type": "string", "pattern": r"^1\.[0-9]+$"},
            "tool": made.record(model.ToolInfo),
            "run": run,
            "target": target,
            "summary": _summary(made),
            "findings": _list("Finding", "The causes, the first being the verdict."),
            "folded": _list("Finding", "Findings that are only consequences of a cause."),
            "checks": _list("CheckResult", "Every question, in the order of the layers."),
            "facts": _facts(made),
            "timings": _list("Phase", "The phases of the connection that joined."),
            "redaction": {
                "type": "object",
                "required": ["applied"],
                "properties": {
                    "applied": {"type": "integer", "description": "Secrets that were taken out."}
                },
            },
        },
    }


def _definitions(made: Definitions) -> dict[str, Any]:
    return {
        name: {key: value for key, value in schema.items() if key != "x-source"}
        for name, schema in sorted(made.known.items())
    }


def _event(parts: dict[str, Any]) -> dict[str, Any]:
    """A line of -o ndjson; the last of a run is ``run.finished``."""
    text, number = {"type": "string"}, {"type": "number"}
    last = ("tool", "run", "target", "summary", "redaction")
    ended = {"room": text, "outcome": text}
    return {
        "description": "A line of -o ndjson. The first is run.started, the last run.finished.",
        "type": "object",
        "required": ["event"],
        "properties": {"event": {"type": "string", "pattern": "^[a-z]+([.][a-z]+)?$"}},
        "allOf": [
            _when("run.started", {"schema": {"const": "lkdoctor.event"}, "schema_version": parts["schema_version"], "command": text}),
            _when("step.started", {"step": text, "words": text}),
            _when("step.finished", {"step": text, "duration_ms": number}),
            _when("attempt.finished", {"attempt": {"type": "integer"}, "waited_ms": number, "verdict": parts["summary"]["properties"]["verdict"], "primary": parts["summary"]["properties"]["primary"]}),
            _when("check.finished", {}, {"$ref": "#/$defs/CheckResult"}),
            _when("finding", {}, {"$ref": "#/$defs/Finding"}),
            _when("room.ended", ended),
            _when("room.changed", {"at": TIMESTAMP, "room": text, "what": {"enum": ["there", "made", "gone", "people", "publishing", "recording"]}, "before": {"type": "integer"}, "after": {"type": "integer"}}),
            _when("run.finished", {name: parts[name] for name in last}),
        ],
    }  # fmt: skip


def _when(event: str, properties: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    members = {"required": list(properties), "properties": properties}
    return {
        "if": {"properties": {"event": {"const": event}}},
        "then": {"allOf": [members, *more]} if more else members,
    }


def _summary(made: Definitions) -> dict[str, Any]:
    summary = made.record(model.Summary)
    counts = ["pass" if name == "passed" else name for name in model.Counts._fields]
    summary["properties"]["counts"] = {
        "type": "object",
        "required": counts,
        "properties": {name: {"type": "integer"} for name in counts},
    }
    del made.known["Counts"]
    summary["properties"]["exit_code"] = {"enum": [int(code) for code in model.ExitCode]}
    return summary


def _check(made: Definitions) -> dict[str, Any]:
    """A check's result; what does not apply to it is left out, not null."""
    check = made.record(model.CheckResult)
    optional = {"duration_ms", "skip_reason", "blocked_by"}
    check["required"] = [name for name in check["required"] if name not in optional]
    check["properties"]["id"] = {"type": "string", "pattern": "^[a-z0-9]+([._-][a-z0-9]+)*$"}
    check["properties"]["duration_ms"] = {"type": "number"}
    check["properties"]["skip_reason"] = made.of(model.SkipReason)
    check["properties"]["blocked_by"] |= {"type": "string"}
    check["allOf"] = [
        {
            "if": {"properties": {"status": {"const": "skip"}}},
            "then": {"required": ["skip_reason"]},
        },
        {
            "if": {"properties": {"status": {"const": "fail"}}},
            "then": {"properties": {"findings": {"minItems": 1}}},
        },
    ]
    return check


def _facts(made: Definitions) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What was observed, by layer; a layer that was not looked at is not there.",
        "properties": {name: made.of(fact_type(name)) for name in Facts._fields},
    }


def _list(name: str, description: str) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"$ref": f"#/$defs/{name}"},
        "description": description,
    }


def log_document() -> dict[str, Any]:
    """The schema of what ``lkdoctor explain --log`` says."""
    made = Definitions()
    body = made.record(logs.LogDocument)
    body["properties"] |= {
        "schema": {"const": logs.SCHEMA},
        "schema_version": {"type": "string", "pattern": r"^1\.[0-9]+$"},
        "exit_code": {"enum": [int(code) for code in model.ExitCode]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lkdoctor:log:1",
        "title": "What lkdoctor says of a log",
        "description": "Fields and values may be added in 1.x; readers pass over what they do "
        "not know. Times of tokens are seconds since 1970, those of lines are as written there.",
        **{name: value for name, value in body.items() if name != "description"},
        "$defs": {
            name: {key: value for key, value in schema.items() if key != "x-source"}
            for name, schema in sorted(made.known.items())
        },
    }


def rendered() -> dict[Path, str]:
    """The files' texts."""
    return {
        FOLDER / name: json.dumps(schema, indent=2) + "\n"
        for name, schema in ((FILE, document()), (LOG_FILE, log_document()))
    }


def main(arguments: list[str]) -> int:
    wrong = 0
    for path, text in rendered().items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path} is not what scripts/schema.py writes: run it")
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
