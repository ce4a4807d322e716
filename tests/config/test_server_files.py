"""What a server is started with: read from a file, a variable, a key file, and refused in words."""

import io
import os
import stat
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkdoctor.config.resolve import Resolution, Value
from lkdoctor.config.server_files import KeyFile, ServerFiles, load
from lkdoctor.config.sources import NOTHING_GIVEN
from lkdoctor.config.sources import load as load_sources
from lkdoctor.config.target import Target
from lkdoctor.errors import UsageError

NOTHING = Resolution(Target())


def found(folder: Path, text: str | bytes, name: str = "livekit.yaml") -> ServerFiles | None:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "livekit.yaml").write_bytes(data)
    return load(name, NOTHING, environ={}, directory=folder)


def refusal(folder: Path, text: str | bytes, name: str = "livekit.yaml") -> str:
    with pytest.raises(UsageError) as caught:
        found(folder, text, name)
    assert caught.value.advice or ":" in str(caught.value)
    return str(caught.value)


def test_a_file(tmp_path: Path) -> None:
    read = found(tmp_path, "port: 7880\n")
    assert read is not None
    assert (read.label, read.key_file, read.variables) == ("livekit.yaml", None, ())
    assert read.root is not None
    assert [(key.text, value.text) for key, value in read.root.pairs] == [("port", "7880")]


SERVER = "port: 7880\nkeys:\n  APIwards: a-made-up-secret\n"
VALUES = f"replicaCount: 2\nlivekit:\n{textwrap.indent(SERVER, '  ')}ingress:\n  enable: true\n"


def config_map(inner: str) -> str:
    head = "apiVersion: v1\nkind: ConfigMap\ndata:\n  note: no mapping\n  config.yaml: |\n"
    return head + textwrap.indent(inner, "    ")


@pytest.mark.parametrize(
    ("text", "line", "chart"),
    [
        pytest.param(SERVER, 1, False, id="the server's own file"),
        pytest.param(SERVER + "turn: {secretName: t}\n", 1, True, id="what the chart renders"),
        pytest.param(SERVER + "turn: {domain: t.example}\n", 1, False, id="TURN without a chart"),
        pytest.param(VALUES, 3, True, id="the chart's values"),
        pytest.param(config_map(SERVER), 6, False, id="a ConfigMap of anybody's"),
        pytest.param(
            config_map(SERVER + "turn: {serviceType: ClusterIP}\n"),
            6,
            True,
            id="a chart's ConfigMap",
        ),
    ],
)
def test_what_kubernetes_wraps_around_it(
    text: str,
    line: int,
    chart: bool,
    tmp_path: Path,
) -> None:
    read = found(tmp_path, text)
    assert read is not None
    assert read.root is not None
    key, value = read.root.pairs[0]
    assert (key.text, value.text, key.line, read.chart) == ("port", "7880", line, chart)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            f"port: 7880\nlivekit:\n{textwrap.indent(SERVER, '  ')}", id="beside its own keys"
        ),
        pytest.param("livekit: {image: x}\n", id="no configuration within"),
        pytest.param("kind: ConfigMap\ndata: {a: 'x: [', b: 'x: 1'}\nport: 1\n", id="no such text"),
    ],
)
def test_what_only_resembles_a_chart_stays_as_it_is(text: str, tmp_path: Path) -> None:
    read = found(tmp_path, text)
    assert read is not None
    assert read.root is not None
    assert (read.root.pairs[0][0].line, read.chart) == (1, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "--server-config: livekit.yaml holds no setting"),
        ("# port: 7880\n", "--server-config: livekit.yaml holds no setting"),
        ("- port\n", "--server-config: livekit.yaml:1:1: no mapping"),
        ("port\n", "--server-config: livekit.yaml:1:1: no mapping"),
        ("a: 1\n\tb: 2\n", "--server-config: livekit.yaml:2:1: not YAML: "),
        (b"a: \xff\n", "--server-config livekit.yaml: line 1: is not UTF-8 "),
        ("a: 1\n".encode("utf-16"), "--server-config livekit.yaml: is UTF-16"),
        (b"a" * (1024 * 1024 + 1), "--server-config livekit.yaml: larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_configuration(text: str | bytes, words: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, text).startswith(words)


def test_a_file_that_is_not_there_or_is_a_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path, "", "nope.yaml") == "--server-config nope.yaml: no such file"
    assert refusal(tmp_path, "", ".") == "--server-config .: is a directory"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user with limits")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    found(tmp_path, "port: 7880")
    (tmp_path / "livekit.yaml").chmod(0)
    with pytest.raises(UsageError, match="may not be read"):
        load("livekit.yaml", NOTHING, environ={}, directory=tmp_path)


def test_standard_input(tmp_path: Path) -> None:
    read = load("-", NOTHING, environ={}, directory=tmp_path, stdin=io.BytesIO(b"port: 1\n"))
    assert read is not None
    assert read.label == "standard input"
    for data in (b"\xff", b"x" * (1024 * 1024 + 1), b"[1]"):
        with pytest.raises(UsageError, match="--server-config"):
            load("-", NOTHING, environ={}, directory=tmp_path, stdin=io.BytesIO(data))


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    read = found(tmp_path, b"\xef\xbb\xbfport: 7880\n")
    assert read is not None
    assert read.root is not None
    assert read.root.pairs[0][0].text == "port"


# ------------------------------------------------------------------ variables


def of(tmp_path: Path, name: str | None = None, **environ: str) -> ServerFiles | None:
    resolution = load_sources(NOTHING_GIVEN, environ=environ, directory=tmp_path)
    return load(name, resolution, environ=environ, directory=tmp_path)


def test_nothing_of_a_server_is_nothing(tmp_path: Path) -> None:
    assert of(tmp_path, LIVEKIT_URL="ws://localhost:7880", NODE_IP="192.0.2.1") is None


def test_the_variables_of_the_environment_and_of_a_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NODE_IP=192.0.2.1\nUDP_PORT=1\nLIVEKIT_KEYS='a: b'\n")
    read = of(tmp_path, UDP_PORT="7882")
    assert read is not None
    assert {(v.name, v.text, v.origin) for v in read.variables} == {
        ("NODE_IP", "192.0.2.1", ".env:1"),
        ("UDP_PORT", "7882", "environment"),
        ("LIVEKIT_KEYS", "a: b", ".env:3"),
    }
    assert "a: b" not in repr(read.variables)


def test_a_whole_configuration_in_a_variable(tmp_path: Path) -> None:
    read = of(tmp_path, LIVEKIT_CONFIG="port: 7880\n")
    assert read is not None
    assert read.root is not None
    assert (read.label, read.problem) == ("LIVEKIT_CONFIG (environment)", None)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("port", "no mapping"),
        ("# x", "no mapping"),
        ("a: [", "not YAML: line "),
    ],
)
def test_a_variable_that_is_no_configuration_is_a_fact(
    body: str, problem: str, tmp_path: Path
) -> None:
    """Nobody named it: no error of usage."""
    read = of(tmp_path, LIVEKIT_CONFIG=body)
    assert read is not None
    assert read.root is None
    assert str(read.problem).startswith(problem)


def test_a_file_that_was_named_counts_before_the_variable(tmp_path: Path) -> None:
    (tmp_path / "livekit.yaml").write_text("port: 7880\n")
    read = of(tmp_path, "livekit.yaml", LIVEKIT_CONFIG="[", NODE_IP="192.0.2.1")
    assert read is not None
    assert (read.label, read.problem) == ("livekit.yaml", None)
    assert [v.name for v in read.variables] == ["NODE_IP"]


# ------------------------------------------------------------------ the key file


def test_a_key_file_is_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("a: b\n")
    keys.chmod(stat.S_IRUSR)
    read = found(tmp_path, "key_file: keys.yaml\n")
    assert read is not None
    assert read.key_file is not None
    assert (read.key_file.text, read.key_file.open_to_others) == ("a: b\n", False)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_a_key_file_that_others_may_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("a: b\n")
    keys.chmod(0o644)
    read = found(tmp_path, "key_file: keys.yaml\n")
    assert read is not None
    assert read.key_file == KeyFile("keys.yaml", "a: b\n", 0o644, open_to_others=True)


def test_a_key_file_in_a_place_that_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text("a: b\n")
    (tmp_path / "livekit.yaml").write_text("key_file: ${PLACE}/keys.yaml\n")
    texts = []
    for environ in ({"PLACE": str(tmp_path)}, {}):
        read = load("livekit.yaml", NOTHING, environ=environ, directory=tmp_path)
        assert read is not None
        assert read.key_file is not None
        texts.append(read.key_file.text)
    assert texts == ["a: b\n", None]


@pytest.mark.parametrize("name", ["nope.yaml", ".", "~nobody-here/keys", "a\\0b"])
def test_a_key_file_that_is_not_here_is_no_fault(name: str, tmp_path: Path) -> None:
    read = found(tmp_path, f'key_file: "{name}"\n')
    assert read is not None
    assert read.key_file is not None
    assert read.key_file.text is None


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_a_variable_holds_is_told(body: str) -> None:
    resolution = NOTHING._replace(server=(Value("LIVEKIT_CONFIG", body, ".env:1"),))
    read = load(None, resolution, environ={}, directory=Path("nowhere"))
    assert read is None or (read.root is None) == (read.problem is not None)
