"""A server's YAML: read within bounds, with lines, and its scalars as yaml.v3 reads them."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkdoctor.config.server_yaml import (
    MAX_DEPTH,
    Node,
    Shape,
    YamlError,
    fits,
    is_addresses,
    is_ports,
    is_true,
    read,
    resolved,
)


def plain(node: Node | None) -> object:
    """The tree as Python values."""
    if node is None:
        return None
    if node.shape is Shape.SCALAR:
        return resolved(node)
    if node.shape is Shape.LIST:
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.pairs}


def scalar(text: str) -> Node:
    node = read(text)
    assert node is not None
    return node


def test_a_mapping_knows_its_lines() -> None:
    root = scalar("port: 7880\nrtc:\n  udp_port: 7882-7890\n  node_ip: '203.0.113.10'\n")
    assert plain(root) == {
        "port": 7880,
        "rtc": {"udp_port": "7882-7890", "node_ip": "203.0.113.10"},
    }
    (_, (_, rtc)) = root.pairs
    assert [(key.text, key.line, key.column) for key, _ in rtc.pairs] == [
        ("udp_port", 3, 3),
        ("node_ip", 4, 3),
    ]
    assert [value.quoted for _, value in rtc.pairs] == [False, True]


def test_only_the_first_document_counts() -> None:
    assert plain(read("a: 1\n---\nb: [\n")) == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n...\n"])
def test_a_text_without_a_value(text: str) -> None:
    assert plain(read(text)) is None


def test_an_alias_is_what_it_stands_for() -> None:
    assert plain(read("a: &x {b: 1}\nc: *x\nd: [*x, *x]")) == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": [{"b": 1}, {"b": 1}],
    }


@pytest.mark.parametrize(
    ("text", "problem", "line", "column"),
    [
        ("a: *x\n", "an alias of nothing that stands before it", 1, 4),
        ("a: &x [1, *x]\n", "an alias of nothing that stands before it", 1, 11),
        ("a: 1\n\tb: 2\n", None, 2, 1),
        ("a: [1\nb: 2", None, None, None),
        ("a: \x00", "holds a character that YAML does not allow", 1, 4),
        ("a:\n  - \x01", "holds a character that YAML does not allow", 2, 5),
        ("a: é\n- \udcff", "holds a character that YAML does not allow", 2, 3),
        ("[" * (MAX_DEPTH + 1), f"more than {MAX_DEPTH} levels deep", 1, MAX_DEPTH + 1),
        ("[" * 100_000, None, 1, None),
    ],
)
def test_what_cannot_be_read_says_where(
    text: str, problem: str | None, line: int | None, column: int | None
) -> None:
    with pytest.raises(YamlError) as caught:
        read(text)
    error = caught.value
    assert problem in {None, error.problem}
    assert (line in {None, error.line}, column in {None, error.column}) == (True, True)
    assert "\n" not in error.problem


def test_aliases_that_multiply_are_stopped() -> None:
    """The billion laughs."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match="more than 50000 values"):
        read("\n".join(lines))


def test_aliases_that_only_go_deep_are_stopped() -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2000)]
    with pytest.raises(YamlError, match=f"more than {MAX_DEPTH} levels deep"):
        read("\n".join(lines))


SCALARS = [
    ("7880", 7880),
    ("7_880", 7880),
    ("0x1ECA", 7882),
    ("0o17", 15),
    ("017", 15),
    ("089", 89.0),
    ("0b11", 3),
    ("-1", -1),
    ("+5", 5),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("1.5.0", "1.5.0"),
    ("2020-01-01", "2020-01-01"),
    ("99999999999999999999999", 1e23),
    ("true", True),
    ("True", True),
    ("yes", "yes"),
    ("off", "off"),
    ("~", None),
    ("null", None),
    ("NULL", None),
    ("'7880'", "7880"),
    ('"true"', "true"),
    ("!!str 7880", "7880"),
    ('!!int "7880"', 7880),
    ("5s", "5s"),
    ("API7", "API7"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_scalar_is_what_yaml_v3_makes_of_it(text: str, value: object) -> None:
    found = resolved(scalar(text))
    assert (found, type(found)) == (value, type(value))


FITS = [
    ("bool", ["true", "no", "off", '"no"', "Y", "~"], ["0", "yEs", "nope", "[]"]),
    ("uint32", ["0", "7880.5", "4294967295"], ["-1", "4294967296", '"7880"', "true", ".inf"]),
    ("uint8", ["255"], ["256"]),
    ("int32", ["-5", "1e3"], ["3000000000"]),
    ("float32", ["1", "1.5", "1_000"], ['"0.9"', "true"]),
    ("duration", ["5s", "1m30s", '"0"', ".5s"], ["5", "5 s", "0", "true"]),
    ("string", ["5", "true", "x", "~", "2020-01-01"], ["[]", "{}"]),
    ("list", ["[]", "~", "[a]"], ["a", "{}", '""']),
    ("mapping", ["{}", "~"], ["a", "[]"]),
    ("map", ["{}"], ["[]", "a"]),
    ("ports", ["7882", "7882-7890", '"7882 - 7890"', "+7882", "{}"], ["7890-7882", "a", "1_0"]),
    ("addresses", ["127.0.0.1", '"127.0.0.1, ::1"', "[]"], ["a", '"127.0.0.1,127.0.0.2"']),
    ("any", ["x", "[]", "{}"], []),
]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (kind, text, expected)
        for kind, good, bad in FITS
        for expected, texts in ((True, good), (False, bad))
        for text in texts
    ],
)
def test_what_a_kind_takes(kind: str, text: str, expected: bool) -> None:
    assert fits(kind, scalar(text)) is expected


def test_the_words_for_true() -> None:
    assert [is_true(scalar(text)) for text in ("true", "on", "Yes", "no", "1", "'true'")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(YamlError):
        plain(read(text))


@settings(deadline=None)
@given(st.text("ab:-[]{}&*!|>'\"#%@,?<~ \n\t0.xe_+é", max_size=60))
def test_any_text_of_yaml_s_own_marks_is_read_or_refused(text: str) -> None:
    try:
        node = read(text)
    except YamlError:
        return
    for kind in ("bool", "uint32", "duration", "string", "list", "map", "ports", "addresses"):
        assert node is None or fits(kind, node) in {True, False}


# Without what JSON escapes as a pair of surrogates, which YAML does not know.
words = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(values)
def test_json_is_yaml(value: object) -> None:
    assert plain(read(json.dumps(value))) == value


@given(st.text("0123456789-+ ._,abcdef:", max_size=24))
def test_ports_and_addresses_of_any_text(text: str) -> None:
    assert is_ports(text) in {True, False}
    assert is_addresses(text) in {True, False}
