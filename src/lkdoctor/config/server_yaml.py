"""A livekit-server's YAML as nodes that know their lines, and what its decoder makes of a scalar.

The server reads its configuration with Go's yaml.v3. Its syntax is libyaml's, as PyYAML's is; what
a plain ``on``, ``0o17`` or ``5s`` becomes is not, so that scalars are read here by yaml.v3's rules
(resolve.go, decode.go). All is bounded: depth, nodes, and what aliases may multiply.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from lkdoctor import digits

MAX_DEPTH: Final = 64
MAX_NODES: Final = 50_000
"""Nodes of a document, those counted again that an alias repeats."""


class Shape(StrEnum):
    SCALAR = "scalar"
    LIST = "list"
    MAPPING = "mapping"


class Node(NamedTuple):
    """One value, and where it begins; lines and columns count from 1."""

    shape: Shape
    line: int
    column: int
    text: str = ""
    """Of a scalar, as written but for its quotation marks."""
    tag: str = ""
    """``!!str``, where one is written."""
    quoted: bool = False
    items: tuple["Node", ...] = ()
    pairs: tuple[tuple["Node", "Node"], ...] = ()
    size: int = 1
    """Nodes in it, itself and what its aliases repeat included."""
    depth: int = 1


def moved(node: Node, lines: int) -> Node:
    """The same value, so many lines further down: a text within another."""
    return node._replace(
        line=node.line + lines,
        items=tuple(moved(item, lines) for item in node.items),
        pairs=tuple((moved(key, lines), moved(value, lines)) for key, value in node.pairs),
    )


class YamlError(Exception):
    """The text is not YAML, or more than can be meant; says where."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


def read(text: str) -> Node | None:
    """The first document; None where there is none but comments.

    Raises:
        YamlError: it cannot be read.
    """
    import yaml

    # libyaml's own parser where PyYAML was built with it: a tenth of the time.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _built(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        raise YamlError(error.problem or "not YAML", line, column) from None
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, error.position if isinstance(error.position, int) else 0) from None
    except UnicodeEncodeError as error:  # a byte of the environment that is not UTF-8
        raise _unreadable(text, error.start) from None


def _unreadable(text: str, position: int) -> YamlError:
    before = text[:position]
    column = len(before) - (before.rfind("\n") + 1) + 1
    return YamlError("holds a character that YAML does not allow", before.count("\n") + 1, column)


def _built(events: Iterator[Any]) -> Node | None:
    builder = _Builder()
    for event in events:
        if type(event).__name__ == "DocumentEndEvent":
            break
        node = builder.take(event)
        if node is not None and builder.whole:
            return node
    return None


class _Builder:
    """Puts events together, without recursion, within bounds."""

    def __init__(self) -> None:
        self._opened: list[tuple[Any, list[Node]]] = []
        self._anchors: dict[str, Node] = {}

    @property
    def whole(self) -> bool:
        """Whether nothing is open any more."""
        return not self._opened

    def take(self, event: Any) -> Node | None:
        """The node that this event completes, if it does."""
        node, anchor = self._node(event)
        if node is None:
            return None
        line, column = _place(event)
        if node.size > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES} values", line, column)
        if node.depth + len(self._opened) > MAX_DEPTH:
            raise YamlError(f"more than {MAX_DEPTH} levels deep", line, column)
        if anchor is not None:
            self._anchors[anchor] = node
        if self._opened:
            self._opened[-1][1].append(node)
        return node

    def _node(self, event: Any) -> tuple[Node | None, str | None]:
        """A finished node, and the anchor that names it."""
        line, column = _place(event)
        match type(event).__name__:
            case "SequenceStartEvent" | "MappingStartEvent":
                if len(self._opened) >= MAX_DEPTH:
                    raise YamlError(f"more than {MAX_DEPTH} levels deep", line, column)
                self._opened.append((event, []))
            case "SequenceEndEvent" | "MappingEndEvent":
                start, children = self._opened.pop()
                return _closed(start, children), start.anchor
            case "AliasEvent":
                if event.anchor not in self._anchors:
                    raise YamlError("an alias of nothing that stands before it", line, column)
                return self._anchors[event.anchor], None
            case "ScalarEvent":
                quoted = event.style in {"'", '"', "|", ">"}
                tag = _tag(event.tag)
                return Node(Shape.SCALAR, line, column, event.value, tag, quoted), event.anchor
            case _:  # where a stream or a document begins
                pass
        return None, None


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _closed(event: Any, children: list[Node]) -> Node:
    node = Node(
        Shape.LIST,
        *_place(event),
        tag=_tag(event.tag),
        size=1 + sum(child.size for child in children),
        depth=1 + max((child.depth for child in children), default=0),
    )
    if type(event).__name__ == "SequenceStartEvent":
        return node._replace(items=tuple(children))
    pairs = tuple(zip(children[::2], children[1::2], strict=True))
    return node._replace(shape=Shape.MAPPING, pairs=pairs)


def _tag(tag: str | None) -> str:
    return (tag or "").replace("tag:yaml.org,2002:", "!!")


# ------------------------------------------------------------------ what a scalar is

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_SPECIAL: Final = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DATE: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

Resolved = None | bool | int | float | str


def resolved(node: Node) -> Resolved:
    """What yaml.v3 makes of a scalar before it looks for what is wanted."""
    text = node.text
    if node.tag in {"!!str", "!!binary", "!"} or (node.quoted and not node.tag):
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _SPECIAL.fullmatch(text):
        return float(text.lower().replace(".", ""))
    if text[0] not in "0123456789+-." or _DATE.fullmatch(text):
        return text
    return _number(text)


def _number(text: str) -> int | float | str:
    plain = text.replace("_", "")
    whole = None if text.startswith(".") else _whole(plain)
    if whole is not None and -(2**63) <= whole < 2**64:
        return whole
    if _FLOAT.fullmatch(plain):
        return float(plain)
    return text


def _whole(plain: str) -> int | None:
    """As Go's ParseInt with base 0 reads it: 0x, 0o, 0b, and a leading 0 means octal."""
    sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain.removeprefix("+"))
    if re.fullmatch("0[0-7]+", digits):
        return int(sign + digits, 8)
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0|[1-9][0-9]{0,30}", digits):
        return int(sign + digits, 0)
    return None


# ------------------------------------------------------------------ what is wanted

_WORDS_TRUE: Final = frozenset({"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_WORDS_FALSE: Final = frozenset({"n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_DURATION: Final = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|[-+]?0")
_SIZES: Final = {
    "int": (-(2**63), 2**63),
    "int32": (-(2**31), 2**31),
    "int64": (-(2**63), 2**63),
    "uint8": (0, 2**8),
    "uint16": (0, 2**16),
    "uint32": (0, 2**32),
    "uint64": (0, 2**64),
}

WANTED: Final = {
    "string": "a text",
    "bool": "true or false",
    "duration": "a duration such as 500ms or 5s",
    "float32": "a number",
    "float64": "a number",
    "list": "a list",
    "map": "a mapping",
    "mapping": "a mapping",
    "ports": "a port, or a range such as 7882-7892",
    "addresses": "an IP address",
    **{name: f"a whole number from {low}" for name, (low, _) in _SIZES.items()},
    "int": "a whole number",
    "int32": "a whole number",
    "int64": "a whole number",
    "uint8": "a whole number from 0 to 255",
    "uint16": "a whole number from 0 to 65535",
}
"""The kinds of values of the schema, in words."""


def fits(kind: str, node: Node) -> bool:
    """Whether the server can store this value where one of this kind is wanted."""
    if kind == "any":
        return True
    if kind in {"ports", "addresses"}:
        # These read the node's text themselves, which a list or mapping does not have.
        own = node.shape is not Shape.SCALAR or resolved(node) is None
        return own or (is_ports(node.text) if kind == "ports" else is_addresses(node.text))
    if node.shape is not Shape.SCALAR:
        return (kind == "list") == (node.shape is Shape.LIST) and kind in {"list", "map", "mapping"}
    value = resolved(node)
    if value is None or kind == "string":
        return True
    return _fits_scalar(kind, value)


def _fits_scalar(kind: str, value: bool | float | str) -> bool:  # noqa: FBT001 - a value
    match kind:
        case "bool":
            words = _WORDS_TRUE | _WORDS_FALSE
            return isinstance(value, bool) or (isinstance(value, str) and value in words)
        case "duration":
            return isinstance(value, str) and bool(_DURATION.fullmatch(value))
        case "float32" | "float64":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _ if kind in _SIZES:
            low, high = _SIZES[kind]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and low <= float(value) < high
        case _:
            return False


def is_true(node: Node) -> bool:
    """Whether a wanted bool is true."""
    value = resolved(node)
    return value is True or (isinstance(value, str) and value in _WORDS_TRUE)


def is_ports(text: str) -> bool:
    """``7882`` or ``7882-7892``, as rtcconfig.PortRange reads them."""
    if not text:
        return True
    parts = text.split("-")
    if len(parts) == 1:
        return bool(re.fullmatch(r"[+-]?\d+", text))
    if len(parts) != 2:
        return False
    lowest, highest = (digits.number(part.strip(" ")) for part in parts)
    return lowest is not None and highest is not None and highest > lowest


def is_addresses(text: str) -> bool:
    """One address, or one of each family with a comma between them (rtcconfig.NodeIP)."""
    import ipaddress

    versions = []
    for part in text.split(",") if text else ():
        try:
            versions.append(ipaddress.ip_address(part.strip(" ")).version)
        except ValueError:
            return False
    return len(versions) == len(set(versions))
