"""Reads what a livekit-server would be started with: its YAML, its key file, its variables."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, NamedTuple

from lkdoctor import places
from lkdoctor.config import server_yaml
from lkdoctor.config.resolve import Resolution, Value
from lkdoctor.config.server_schema import CHART
from lkdoctor.config.server_yaml import Node, Shape, YamlError
from lkdoctor.config.sources import MAX_FILE, named_text
from lkdoctor.errors import UsageError
from lkdoctor.redact import safe

OPTION: Final = "--server-config"

_OWN: Final = frozenset({"LIVEKIT_CONFIG", "LIVEKIT_KEYS"})
_IGNORED: Final = frozenset({"LIVEKIT_RTC_NODE_IP", "LIVEKIT_RTC_UDP_PORT"})


class KeyFile(NamedTuple):
    """The file that ``key_file`` names."""

    name: str
    text: str | None = None
    """None where it is not on this machine."""
    mode: int = 0
    open_to_others: bool = False
    """Whether others may read, write or run it; the server then does not start."""


class ServerFiles(NamedTuple):
    """What was found."""

    label: str
    """``livekit.yaml``, ``LIVEKIT_CONFIG (environment)``; empty where only variables were found."""
    root: Node | None = None
    problem: str | None = None
    """Why ``LIVEKIT_CONFIG`` is no configuration."""
    key_file: KeyFile | None = None
    variables: tuple[Value, ...] = ()
    chart: bool = False
    """LiveKit's Helm chart starts the server: it lets unknown keys pass, and has TURN's certificate
    in variables."""


def load(
    name: str | None,
    resolution: Resolution,
    *,
    environ: Mapping[str, str],
    directory: Path,
    stdin: IO[bytes] | None = None,
) -> ServerFiles | None:
    """The configuration of the file that was named, or of ``LIVEKIT_CONFIG``, with the variables.

    Args:
        name: the file; ``-`` reads standard input.
        resolution: where the variables were looked for.
        environ: what ``$NAME`` in ``key_file`` stands for.
        directory: where relative names begin.
        stdin: in place of this process's.

    Returns:
        None where neither a file was named nor a variable of a server is set.

    Raises:
        UsageError: the file cannot be read, or is no mapping in YAML.
    """
    variables = {value.name: value for value in resolution.server}
    body = variables.pop("LIVEKIT_CONFIG", None)
    files = None
    if name is not None:
        files = _file(name, directory, stdin)
    elif body is not None and body.text.strip():
        files = _variable(body)
    elif variables.keys() & (_OWN | _IGNORED):
        files = ServerFiles("")
    if files is None:
        return None
    named = _key_file(files.root)
    return files._replace(
        key_file=None if named is None else _read_key_file(named, environ, directory),
        variables=tuple(variables.values()),
    )


def _file(name: str, directory: Path, stdin: IO[bytes] | None) -> ServerFiles:
    shown = "standard input" if name == "-" else safe(name, 200)
    text = _of_stdin(stdin) if name == "-" else named_text(name, OPTION, directory)
    try:
        root = server_yaml.read(text)
    except YamlError as error:
        raise UsageError(
            f"{OPTION}: {shown}:{error.line}:{error.column}: not YAML: {safe(error.problem, 200)}",
            advice=["indent with blanks, not tabs, and quote texts that hold : # or quotes"],
        ) from None
    if root is None or root.shape is not Shape.MAPPING or root.tag not in {"", "!!map"}:
        what = "holds no setting" if root is None else f"{root.line}:{root.column}: no mapping"
        raise UsageError(
            f"{OPTION}: {shown}{':' if root is not None else ' '}{what}",
            advice=["name a livekit-server's YAML, which reads: port: 7880"],
        )
    return _of_kubernetes(shown, root)


def _of_kubernetes(label: str, root: Node) -> ServerFiles:
    """The server's own part of a chart's values or of a ConfigMap; all else as it is."""
    inner, values = _config_map(root) or root, False
    livekit = _at(inner, "livekit")
    if livekit is not None and _is_config(livekit) and not any(map(_own_section, inner.pairs)):
        inner, values = livekit, True
    turn = _at(inner, "turn")
    rendered = any(f"turn.{key.text}" in CHART for key, _ in (turn.pairs if turn else ()))
    return ServerFiles(label, inner, chart=values or rendered)


def _config_map(root: Node) -> Node | None:
    """The configuration that stands as a text in a ConfigMap."""
    kind, data = _at(root, "kind"), _at(root, "data")
    if kind is None or kind.text != "ConfigMap":
        return None
    for _, value in data.pairs if data is not None else ():
        try:
            inner = server_yaml.read(value.text) if value.shape is Shape.SCALAR else None
        except YamlError:
            continue
        if inner is not None and _is_config(inner):
            # A block begins in the line below its key, where its indicator stands.
            return server_yaml.moved(inner, value.line)
    return None


def _at(node: Node | None, name: str) -> Node | None:
    for key, value in node.pairs if node is not None else ():
        if key.text == name:
            return value
    return None


def _is_config(node: Node) -> bool:
    return node.shape is Shape.MAPPING and any(map(_own_section, node.pairs))


_SECTIONS: Final = frozenset(
    {"port", "keys", "key_file", "rtc", "turn", "room", "redis", "webhook"}
)
"""Top-level keys of a livekit-server that a chart's values do not have beside ``livekit:``."""


def _own_section(pair: tuple[Node, Node]) -> bool:
    return pair[0].text in _SECTIONS


def _of_stdin(stdin: IO[bytes] | None) -> str:
    import sys

    data = (stdin or sys.stdin.buffer).read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise UsageError(f"{OPTION} -: larger than {MAX_FILE // 1024 // 1024} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{OPTION} -: line {line}: is not UTF-8; save it as UTF-8") from None


def _variable(body: Value) -> ServerFiles:
    label = f"LIVEKIT_CONFIG ({body.origin})"
    try:
        root = server_yaml.read(body.text[:MAX_FILE])
    except YamlError as error:
        problem = f"line {error.line}, column {error.column}: {safe(error.problem, 200)}"
        return ServerFiles(label, problem=f"not YAML: {problem}")
    if root is None or root.shape is not Shape.MAPPING:
        return ServerFiles(label, problem="no mapping")
    return _of_kubernetes(label, root)


def _key_file(root: Node | None) -> str | None:
    for key, value in root.pairs if root is not None else ():
        if key.text == "key_file" and value.shape is Shape.SCALAR and value.text:
            return value.text
    return None


def _read_key_file(name: str, environ: Mapping[str, str], directory: Path) -> KeyFile:
    # As os.ExpandEnv and homedir.Expand do it in NewConfig.
    path = re.sub(
        r"\$(?:\{(\w+)\}|(\w+))", lambda found: environ.get(found[1] or found[2], ""), name
    )
    try:
        place = directory / Path(path).expanduser()
        if not places.is_file(place):
            return KeyFile(name)
        mode = place.stat().st_mode & 0o777
        text = named_text(str(place), "key_file", directory)
    except (OSError, RuntimeError, ValueError, UsageError):
        return KeyFile(name)  # the server's user may read it although this one may not
    # Windows has no such bits.
    return KeyFile(name, text, mode, os.name == "posix" and bool(mode & 0o007))
