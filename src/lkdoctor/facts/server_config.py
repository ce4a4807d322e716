"""A livekit-server's configuration, as far as it decides who can connect; nothing secret.

The law of this file: of a secret nothing is kept but its length and whether it is the one that
the app has; what stands in a place that nobody knows is not kept at all, only the key's name.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.config import server_yaml
from lkdoctor.config.server_files import ServerFiles
from lkdoctor.config.server_schema import CHART, nearest, schema
from lkdoctor.config.server_yaml import Node, Shape, YamlError
from lkdoctor.config.target import Target
from lkdoctor.facts.env import Looks, looks_like
from lkdoctor.redact import masked_key, register, safe


class FlawKind(StrEnum):
    """What the server's decoder refuses."""

    SYNTAX = "syntax"
    """Not YAML (of ``LIVEKIT_CONFIG``; a file that is none is an error of usage)."""
    UNKNOWN = "unknown"
    """A key that a version does not know."""
    WRONG_TYPE = "wrong-type"
    TWICE = "twice"
    """The same key twice in one mapping."""


class Flaw(NamedTuple):
    """One reason why a version of the server does not start with this configuration."""

    what: FlawKind
    path: str
    """``turn.host``, ``rtc.turn_servers[0].port``"""
    location: str
    """``livekit.yaml:12``"""
    detail: str = ""
    """What was wanted, or where it stands for the first time."""
    near: str = ""
    """Of an unknown key: the path that was probably meant."""
    versions: tuple[str, ...] = ()
    """The versions that refuse it, of those whose keys are on record."""


class Entry(NamedTuple):
    """A setting that is no secret."""

    path: str
    text: str
    """As written, safe to show."""
    location: str


class ServerKey(NamedTuple):
    """One of the server's API keys."""

    name: str
    """Masked."""
    secret_length: int
    location: str
    ours: bool = False
    """The app's own API key."""
    same_secret: bool | None = None
    """Of the app's own key: whether the app's secret is this one; None where it has none."""


class TurnServer(NamedTuple):
    """One of ``rtc.turn_servers``."""

    location: str
    host: str = ""
    port: str = ""
    protocol: str = ""
    username: bool = False
    credential: bool = False
    secret: bool = False
    """A shared secret, or a file that holds it."""


class KeysFlaw(StrEnum):
    """Why keys cannot be used although they are written."""

    NOT_A_MAPPING = "not-a-mapping"
    NO_BLANK = "no-blank"
    """``key:secret`` without the blank after the colon."""
    NOT_TEXT = "not-text"
    """A secret of digits alone: ``LIVEKIT_KEYS`` drops it."""
    NOT_YAML = "not-yaml"
    READABLE_BY_OTHERS = "readable-by-others"


class KeysProblem(NamedTuple):
    what: KeysFlaw
    location: str
    """``LIVEKIT_KEYS (.env:3)``, ``livekit.yaml:7``, ``/etc/livekit/keys.yaml``"""
    detail: str = ""


class ServerVariable(NamedTuple):
    """A variable that a livekit-server reads, or that people think it does."""

    name: str
    origin: str
    """``environment``, ``.env:3``"""
    text: str = ""
    """Empty for what is secret."""


class ServerConfigFact(NamedTuple):
    """A livekit-server's YAML and variables."""

    origin: str
    """``livekit.yaml``; empty where only variables were found."""
    flaws: tuple[Flaw, ...] = ()
    entries: tuple[Entry, ...] = ()
    keys: tuple[ServerKey, ...] = ()
    keys_problems: tuple[KeysProblem, ...] = ()
    key_file: str = ""
    """The file of ``key_file``, where it is named."""
    key_file_read: bool = False
    """Whether that file is on this machine."""
    webhook_key: str = ""
    """Of a webhook: its key, masked."""
    webhook_urls: int = 0
    webhook_key_known: bool = False
    turn_servers: tuple[TurnServer, ...] = ()
    redis: bool = False
    """Whether any Redis is configured."""
    sections: tuple[str, ...] = ()
    """Top-level keys that are written."""
    variables: tuple[ServerVariable, ...] = ()
    app_key: str = ""
    """The app's API key, masked; empty where it has none."""
    app_key_origin: str = ""
    chart: bool = False
    """LiveKit's Helm chart starts the server: unknown keys pass, TURN's certificate is in variables."""

    def entry(self, path: str) -> Entry | None:
        """A setting that is written, unless its value is empty."""
        return next((e for e in self.entries if e.path == path and e.text), None)

    def text(self, path: str, default: str = "") -> str:
        """A setting's text."""
        found = self.entry(path)
        return found.text if found else default

    def number(self, path: str, default: int = 0) -> int:
        """A setting's whole number; the default also where it is none."""
        found = server_yaml.resolved(_scalar(self.text(path)))
        fits = isinstance(found, int | float) and not isinstance(found, bool)
        return int(found) if fits and abs(found) < 2**63 else default  # type: ignore[arg-type]  # fits

    def yes(self, path: str) -> bool:
        """Whether a setting is true."""
        return server_yaml.is_true(_scalar(self.text(path)))

    def items(self, path: str) -> tuple[Entry, ...]:
        """The items of a list."""
        return tuple(e for e in self.entries if e.path == f"{path}[]")

    def variable(self, name: str) -> ServerVariable | None:
        return next((v for v in self.variables if v.name == name), None)

    def where(self, path: str) -> str | None:
        """File and line of a setting."""
        return next((e.location for e in self.entries if e.path == path), self.origin or None)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _scalar(text: str) -> Node:
    return Node(Shape.SCALAR, 1, 1, text)


_SHOWN: Final = (
    "port", "bind_addresses[]", "development", "prometheus_port", "prometheus.port",
    "debug_handler.port", "rtc.tcp_port", "rtc.udp_port", "rtc.port_range_start",
    "rtc.port_range_end", "rtc.node_ip", "rtc.use_external_ip", "rtc.force_tcp",
    "rtc.enable_loopback_candidate", "rtc.advertise_internal_ip", "rtc.stun_servers[]",
    "turn.enabled", "turn.domain", "turn.cert_file", "turn.key_file", "turn.tls_port",
    "turn.udp_port", "turn.relay_range_start", "turn.relay_range_end", "turn.external_tls",
    "turn.allow_restricted_peer_cidrs[]", "room.auto_create",
)  # fmt: skip
"""The settings that rules look at; all others are only seen to be known."""

_SECRET: Final = (
    "redis.password", "redis.sentinel_password", "prometheus.password",
    "rtc.turn_servers[].credential", "rtc.turn_servers[].secret",
)  # fmt: skip

MAX_FLAWS: Final = 50

_OWN_READING: Final = frozenset({"any", "ports", "addresses"})
"""Kinds that the server reads by code of their own, which looks at no key within."""


def server_config_fact(found: ServerFiles, target: Target) -> ServerConfigFact:
    """What may be known of what a server is started with; `target` is what the app has."""
    return _Reader(found, target).fact()


class _Reader:
    """Walks the tree once, and collects."""

    def __init__(self, found: ServerFiles, target: Target) -> None:
        self._found = found
        self._target = target
        self._flaws: list[Flaw] = []
        self._entries: list[Entry] = []

    def fact(self) -> ServerConfigFact:
        found = self._found
        root = found.root
        if found.problem is not None:
            self._flaws.append(
                Flaw(FlawKind.SYNTAX, "", found.label, found.problem, versions=schema().versions)
            )
        top = _mapping(root)
        for name, node in top.items():
            _protect(name, node)
        if root is not None:
            self._walk(root, "", "", frozenset(schema().versions))
        keys, problems = self._keys(top.get("keys"))
        webhook = _mapping(top.get("webhook"))
        key = _text(webhook.get("api_key"))
        known = {name for name, _, _ in keys}
        redis = _mapping(top.get("redis"))
        own = self._target.api_key
        return ServerConfigFact(
            origin=found.label,
            flaws=tuple(self._flaws[:MAX_FLAWS]),
            entries=tuple(self._entries),
            keys=tuple(self._key(*one) for one in keys),
            keys_problems=tuple(problems),
            key_file=safe(found.key_file.name, 200) if found.key_file else "",
            key_file_read=found.key_file is not None and found.key_file.text is not None,
            webhook_key=_shown_key(key),
            webhook_urls=len(_items(webhook.get("urls"))),
            webhook_key_known=key in known,
            turn_servers=tuple(self._turn_servers(_mapping(top.get("rtc")).get("turn_servers"))),
            redis=bool(_text(redis.get("address")))
            or any(_items(redis.get(f"{kind}_addresses")) for kind in ("sentinel", "cluster")),
            sections=tuple(safe(name, 80) for name in top if schema().kinds(name)),
            variables=tuple(
                ServerVariable(
                    v.name, v.origin, "" if v.name in _SECRET_VARIABLES else safe(v.text, 200)
                )
                for v in found.variables
            ),
            app_key=_shown_key(own.value) if own is not None else "",
            app_key_origin=own.origin if own is not None else "",
            chart=found.chart,
        )

    def _at(self, node: Node) -> str:
        return f"{self._found.label}:{node.line}"

    # ------------------------------------------------------------ strictness

    def _walk(self, node: Node, pattern: str, path: str, versions: frozenset[str]) -> None:
        """Compare a value that these versions know with the schema."""
        kinds = {v: k for v, k in schema().kinds(pattern).items() if v in versions}
        if pattern:
            refusing = [v for v, k in kinds.items() if not server_yaml.fits(k, node)]
            if refusing:
                wanted = server_yaml.WANTED.get(kinds[refusing[-1]], kinds[refusing[-1]])
                self._flaw(
                    FlawKind.WRONG_TYPE, path, node, refusing, f"{wanted}, not {_said(node)}"
                )
                return
            if pattern in _SHOWN and node.shape is Shape.SCALAR:
                self._entries.append(Entry(pattern, safe(node.text, 200), self._at(node)))
        if _OWN_READING.intersection(kinds.values()):
            return
        if node.shape is Shape.LIST:
            for place, item in enumerate(node.items):
                self._walk(item, f"{pattern}[]", f"{path}[{place}]", versions)
        elif node.shape is Shape.MAPPING:
            self._walk_mapping(node, pattern, path, versions)

    def _walk_mapping(self, node: Node, pattern: str, path: str, versions: frozenset[str]) -> None:
        free = "map" in schema().kinds(pattern).values()
        seen: dict[tuple[Shape, str], Node] = {}
        for key, _ in node.pairs:
            first = seen.setdefault((key.shape, key.text), key)
            if first is not key:
                here = _joined(path, _shown_name(key.text))
                detail = f"it stands in line {first.line} already"
                self._flaw(FlawKind.TWICE, here, key, sorted(versions), detail)
        for key, value in _merged(node):
            name = key.text if key.shape is Shape.SCALAR else "?"
            if key.shape is Shape.SCALAR and server_yaml.resolved(key) is None:
                continue  # the server passes over it
            here = _joined(path, _shown_name(name))
            below = f"{pattern}.*" if free else _joined(pattern, name)
            known = schema().kinds(below)
            strangers = [v for v in schema().versions if v in versions and v not in known]
            if strangers and below not in CHART:
                self._unknown(key, value, pattern, here, strangers)
            if known:
                self._walk(value, below, here, versions & set(known))

    def _unknown(
        self, key: Node, value: Node, parent: str, here: str, strangers: list[str]
    ) -> None:
        near = nearest(parent, key.text) or ""
        if not near and not parent and value.shape is Shape.SCALAR and _is_key(key.text):
            near = "keys"
        if len(strangers) < len(schema().versions):
            near = ""  # some versions do know it
        self._flaw(FlawKind.UNKNOWN, here, key, strangers, near=near)

    def _flaw(  # noqa: PLR0917 - a flaw's own fields
        self,
        what: FlawKind,
        path: str,
        node: Node,
        versions: list[str],
        detail: str = "",
        near: str = "",
    ) -> None:
        order = schema().versions
        told = tuple(sorted(versions, key=order.index))
        self._flaws.append(Flaw(what, path, self._at(node), detail, near, told))

    # ------------------------------------------------------------ keys

    def _keys(self, node: Node | None) -> tuple[list[tuple[str, str, str]], list[KeysProblem]]:
        """Name, secret and location of each key that counts, and what is wrong with the rest."""
        found = self._found
        problems: list[KeysProblem] = []
        keys = [
            (key.text, value.text, self._at(key))
            for key, value in (node.pairs if node is not None else ())
            if value.shape is Shape.SCALAR
        ]
        variable = next((v for v in found.variables if v.name == "LIVEKIT_KEYS"), None)
        if variable is not None:
            label = f"LIVEKIT_KEYS ({variable.origin})"
            keys = self._of_text(variable.text, label, problems, of_variable=True)
        if found.key_file is not None and found.key_file.text is not None:
            label = safe(found.key_file.name, 200)
            keys = self._of_text(found.key_file.text, label, problems)
            if found.key_file.open_to_others:
                mode = f"{found.key_file.mode:o}"
                problems.append(KeysProblem(KeysFlaw.READABLE_BY_OTHERS, label, mode))
        elif found.key_file is not None:
            keys = []  # those of a file that is not here
        return keys, problems

    def _of_text(
        self, text: str, label: str, problems: list[KeysProblem], *, of_variable: bool = False
    ) -> list[tuple[str, str, str]]:
        try:
            node = server_yaml.read(text)
        except YamlError as error:
            problems.append(KeysProblem(KeysFlaw.NOT_YAML, label, safe(error.problem, 100)))
            return []
        if node is None:
            return []
        _protect("keys", node)
        if node.shape is not Shape.MAPPING:
            joined = node.shape is Shape.SCALAR and ":" in node.text
            what = KeysFlaw.NO_BLANK if joined else KeysFlaw.NOT_A_MAPPING
            problems.append(KeysProblem(what, label, "" if joined else _said(node)))
            return []
        keys: list[tuple[str, str, str]] = []
        for key, value in node.pairs:
            plain = isinstance(server_yaml.resolved(value), str)
            if of_variable and (value.shape is not Shape.SCALAR or not plain):
                detail = f"{_shown_key(key.text)} is {_said(value)}"
                problems.append(KeysProblem(KeysFlaw.NOT_TEXT, label, detail))
                continue
            keys.append((key.text, value.text, label))
        return keys

    def _key(self, name: str, secret: str, location: str) -> ServerKey:
        ours = self._target.api_key is not None and name == self._target.api_key.value
        own = self._target.api_secret
        return ServerKey(
            name=_shown_key(name),
            secret_length=len(secret.encode("utf-8", "surrogatepass")),
            location=location,
            ours=ours,
            same_secret=own.value.reveal() == secret if ours and own is not None else None,
        )

    # ------------------------------------------------------------ TURN servers

    def _turn_servers(self, node: Node | None) -> Iterator[TurnServer]:
        for item in node.items if node is not None else ():
            fields = _mapping(item)
            yield TurnServer(
                location=self._at(item),
                host=safe(_text(fields.get("host")), 200),
                port=safe(_text(fields.get("port")), 20),
                protocol=safe(_text(fields.get("protocol")), 20),
                username=bool(_text(fields.get("username"))),
                credential=bool(_text(fields.get("credential"))),
                secret=bool(_text(fields.get("secret")) or _text(fields.get("secret_file"))),
            )


_SECRET_VARIABLES: Final = frozenset({"LIVEKIT_KEYS", "LIVEKIT_CONFIG"})


def _mapping(node: Node | None) -> Mapping[str, Node]:
    return {key.text: value for key, value in _merged(node)} if node is not None else {}


def _merged(node: Node) -> Iterator[tuple[Node, Node]]:
    """The pairs of a mapping, those of its ``<<`` last and only where nothing hides them."""
    later: list[tuple[Node, Node]] = []
    own: set[str] = set()
    for key, value in node.pairs:
        if key.text == "<<" and not key.quoted:
            sources = value.items if value.shape is Shape.LIST else (value,)
            later += [pair for source in sources for pair in source.pairs]
        else:
            own.add(key.text)
            yield key, value
    for key, value in later:
        if key.text not in own:
            own.add(key.text)
            yield key, value


def _text(node: Node | None) -> str:
    if node is None or node.shape is not Shape.SCALAR or server_yaml.resolved(node) is None:
        return ""
    return node.text


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if node is not None else ()


def _said(node: Node) -> str:
    """What a value is, never what it says."""
    if node.shape is Shape.LIST:
        return "a list"
    if node.shape is Shape.MAPPING:
        return "a mapping"
    match server_yaml.resolved(node):
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case _:
            return "a text"


# ------------------------------------------------------------------ what may be shown


def _protect(name: str, node: Node) -> None:
    """Let the redaction know every secret of a section, and what looks like one."""
    for pattern, leaf in _leaves(node, name):
        secret = pattern.startswith("keys") or pattern in _SECRET
        if leaf.text and (secret or looks_like(leaf.text) is Looks.SECRET):
            register(leaf.text)
            register(leaf.text.partition(":")[2].strip())


def _leaves(node: Node, pattern: str) -> Iterator[tuple[str, Node]]:
    if node.shape is Shape.SCALAR:
        yield pattern, node
    for item in node.items:
        yield from _leaves(item, f"{pattern}[]")
    for key, value in node.pairs:
        yield from _leaves(value, f"{pattern}.{key.text}")


def _is_key(name: str) -> bool:
    return looks_like(name) in {Looks.KEY, Looks.DEV_KEY}


def _shown_key(name: str) -> str:
    if len(name) > 20:  # longer than any API key: perhaps a secret in its place
        return f"a key of {len(name)} characters"
    return masked_key(name)


def _shown_name(name: str) -> str:
    """A key's name: an API key or a secret may stand where one should be."""
    looks = looks_like(name)
    if looks is Looks.SECRET and "_" not in name:
        return _shown_key(name)
    return masked_key(name) if looks is Looks.KEY else safe(name, 60)


def addresses(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]:
    """The addresses of a ``node_ip``; none where it cannot be read."""
    found = []
    for part in text.split(","):
        try:
            found.append(ipaddress.ip_address(part.strip()))
        except ValueError:
            return ()
    return tuple(found)
