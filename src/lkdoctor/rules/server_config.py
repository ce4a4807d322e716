"""A livekit-server's YAML and variables: whether it starts with them, and who can reach it then."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, assert_never

from lkdoctor import digits, shell
from lkdoctor.config.server_schema import NEWER, numbers, schema, speaking_for
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, RoomsListed
from lkdoctor.facts.app import AppFact
from lkdoctor.facts.media import MediaFact
from lkdoctor.facts.network import NetworkFact, Resolved, TcpConnected, TcpRefused
from lkdoctor.facts.server_config import (
    Entry,
    Flaw,
    FlawKind,
    KeysFlaw,
    KeysProblem,
    ServerConfigFact,
    ServerKey,
    ServerVariable,
    TurnServer,
    addresses,
)
from lkdoctor.facts.signal import Joined, SignalFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules import media as watched
from lkdoctor.rules.answers import fitting, one_line
from lkdoctor.rules.base import Check, Judge, Judgement, Look, Rule
from lkdoctor.rules.examples import healthy

DEFAULT_PORT: Final = 7880
DEFAULT_TCP_PORT: Final = 7881
DEFAULT_RELAY: Final = (30000, 40000)
MIN_SECRET: Final = 32
"""Bytes of a secret below which the server logs an error (config.go, ValidateKeys)."""


def _seen(label: str, observed: str, expected: str | None = None) -> Evidence:
    wanted = None if expected is None else one_line(expected, 120)
    return Evidence(one_line(label, 120), one_line(observed, 240), wanted, "config")


def _parsed(url: UrlFact | None) -> ParsedUrl | None:
    return url.result if url is not None and isinstance(url.result, ParsedUrl) else None


def _version(signal: SignalFact | None) -> str:
    """The version of the server that was joined; empty where none was."""
    first = signal.first if signal is not None else None
    return first.server_version if isinstance(first, Joined) else ""


# ------------------------------------------------------------------ env-config-strict


def _strict(
    server_config: ServerConfigFact,
    signal: SignalFact | None = None,
    app: AppFact | None = None,
) -> Iterator[Judgement]:
    running = _version(signal)
    whence = _version_named(running, app)
    version = running or (whence.observed if whence is not None else "")
    asked = speaking_for(version) or schema().versions[-1:]
    covered = bool(speaking_for(version))
    flaws = [flaw for flaw in server_config.flaws if asked[0] in flaw.versions]
    unknown = [flaw for flaw in flaws if flaw.what is FlawKind.UNKNOWN]
    if server_config.chart and unknown:
        yield _passed_over(unknown)
    elif not covered:
        # What resembles no key may be one of a server that is newer than those on record.
        foreign = [f for f in unknown if f.path in NEWER or (version and not f.near)]
        flaws = [flaw for flaw in flaws if flaw not in foreign]
        if foreign:
            yield _perhaps_newer(foreign, version)
    if server_config.chart:
        flaws = [flaw for flaw in flaws if flaw not in unknown]
    if flaws:
        yield _refused(flaws, asked, whence if covered else None, runs=bool(running))


def _refused(
    flaws: list[Flaw], asked: tuple[str, ...], version: Evidence | None, *, runs: bool
) -> Judgement:
    """What keeps a server from starting with this configuration."""
    known = version is not None
    more = _RUNS if known and runs else ""
    if not known and flaws[0].what is FlawKind.UNKNOWN:
        more = f"No version up to {schema().versions[-1]} knows this one; a newer server may."
    return Judgement(
        (*(_flaw(flaw) for flaw in flaws[:6]), *((version,) if version is not None else ())),
        title=_flaw_title(flaws[0], known=known),
        cause=f"{_CAUSE} {more}" if more else None,
        confidence=None
        if any(_is_sure(flaw, asked, known=known) for flaw in flaws)
        else Confidence.LIKELY,
        fix=tuple(_flaw_fix(flaws)),
        location=flaws[0].location,
    )


def _is_sure(flaw: Flaw, asked: tuple[str, ...], *, known: bool) -> bool:
    """Whether this server refuses it: a newer one has more keys, but no other kinds of values."""
    if known:
        return set(asked) <= set(flaw.versions)
    return flaw.what is not FlawKind.UNKNOWN and set(schema().versions) <= set(flaw.versions)


def _version_named(running: str, app: AppFact | None) -> Evidence | None:
    """The server's version as it says it itself, or as the project's compose files do."""
    if running:
        return Evidence("server version", one_line(running, 20), None, "join")
    images = app.server_images if app is not None else ()
    if len({image.version for image in images}) != 1:
        return None
    return Evidence(f"livekit-server's image ({images[0].origin})", images[0].version, None, "app")


def _perhaps_newer(flaws: list[Flaw], version: str) -> Judgement:
    """Keys that only a server newer than those on record can know."""
    newest = schema().versions[-1]
    newer = any(flaw.path in NEWER for flaw in flaws)
    this = f"this one is {version}" if version else "which one this is, is not known here"
    places = ", ".join(f"{flaw.path} ({flaw.location})" for flaw in flaws[:4])
    return Judgement(
        tuple(_flaw(flaw) for flaw in flaws[:6]),
        title=fitting(f"No server up to {newest} knows the key {flaws[0].path}")
        or f"A key that no server up to {newest} knows",
        cause=f"livekit-server up to {newest} ends at once where its YAML holds a key that it does not "
        f"know, unless it runs with --disable-strict-config. Newer ones {'know' if newer else 'may know'} "
        f"it; {this}.",
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        fix=(
            FixStep("See which version it is:", command="livekit-server --version"),
            FixStep(f"Where that is {newest} or older, update it, or take out {places}."),
        ),
        location=flaws[0].location,
    )


def _passed_over(flaws: list[Flaw]) -> Judgement:
    """Unknown keys of a server that the Helm chart starts."""
    return Judgement(
        tuple(_flaw(flaw) for flaw in flaws[:6]),
        title=fitting(f"The server passes over the key {flaws[0].path}")
        or "The server passes over a key of its configuration",
        cause="LiveKit's Helm chart starts the server with --disable-strict-config: a key that it does "
        "not know has no effect, and nothing says so.",
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        fix=tuple(_flaw_fix(flaws))[:-1],
        location=flaws[0].location,
    )


def _flaw(flaw: Flaw) -> Evidence:
    match flaw.what:
        case FlawKind.UNKNOWN:
            known = [v for v in schema().versions if v not in flaw.versions]
            words = f"unknown key, known to {known[0]} … {known[-1]}" if known else "unknown key"
            return _seen(flaw.location, f"{flaw.path}: {words}", flaw.near or None)
        case FlawKind.WRONG_TYPE:
            wanted, _, got = flaw.detail.partition(", not ")
            return _seen(flaw.location, f"{flaw.path} is {got}", wanted)
        case FlawKind.TWICE:
            return _seen(flaw.location, f"{flaw.path}: {flaw.detail}", "each key once")
        case FlawKind.SYNTAX:
            return _seen(flaw.location, flaw.detail, "YAML such as port: 7880")


def _flaw_title(flaw: Flaw, *, known: bool) -> str | None:
    match flaw.what:
        case FlawKind.UNKNOWN if known:
            return fitting(f"The server does not know the key {flaw.path}")
        case FlawKind.UNKNOWN:
            newest = schema().versions[-1]
            return fitting(f"No server up to {newest} knows the key {flaw.path}")
        case FlawKind.WRONG_TYPE:
            return fitting(f"The server cannot use the value of {flaw.path}")
        case FlawKind.TWICE:
            return fitting(f"{flaw.path} stands twice in the server's YAML")
        case FlawKind.SYNTAX:
            return "LIVEKIT_CONFIG holds no configuration"


_CAUSE: Final = (
    "livekit-server reads its YAML strictly: a key that it does not know, a value of another kind or a "
    "key that stands twice, and it ends before it listens. Often coturn's settings stand under turn:, "
    "which configures LiveKit's own TURN server."
)
_RUNS: Final = (
    "The server that answers runs: it was started with another file or with --disable-strict-config, "
    "or before this one was changed."
)

_TURN_SERVERS: Final = Snippet(
    "yaml",
    "rtc:\n  turn_servers:\n    - host: turn.example.com\n      port: 443\n      protocol: tls\n"
    "      secret: THE SHARED SECRET",
)


def _flaw_fix(flaws: list[Flaw]) -> Iterator[FixStep]:
    unknown = [flaw for flaw in flaws if flaw.what is FlawKind.UNKNOWN]
    if any(flaw.near == "rtc.turn_servers" for flaw in unknown):
        yield FixStep(
            "turn: is LiveKit's own TURN server. One of yours (coturn) stands under rtc:",
            snippet=_TURN_SERVERS,
        )
    for flaw in unknown[:4]:
        if flaw.near == "keys":
            yield FixStep(f"Indent {flaw.path} so that it stands under keys: ({flaw.location}).")
        elif flaw.near and flaw.near != "rtc.turn_servers":
            yield FixStep(f"Write {flaw.near} in place of {flaw.path} ({flaw.location}).")
        elif not flaw.near:
            yield FixStep(f"Take {flaw.path} out ({flaw.location}).")
    for flaw in [flaw for flaw in flaws if flaw not in unknown][:4]:
        match flaw.what:
            case FlawKind.WRONG_TYPE:
                wanted = flaw.detail.partition(", not ")[0]
                yield FixStep(f"Give {flaw.path} {wanted} ({flaw.location}).")
            case FlawKind.TWICE:
                yield FixStep(f"Keep one {flaw.path} ({flaw.location}).")
            case _:
                yield FixStep("Put the whole YAML into LIVEKIT_CONFIG, line ends included.")
    yield FixStep(
        "Start it again and read its first line:",
        command="livekit-server --config livekit.yaml",
    )


# ------------------------------------------------------------------ keys


def _keys_format(server_config: ServerConfigFact) -> Iterator[Judgement]:
    for problem in server_config.keys_problems:
        yield _keys_problem(problem)
    yield from _no_keys(server_config)
    if server_config.webhook_urls and not server_config.webhook_key_known and server_config.keys:
        where = server_config.where("webhook")
        yield Judgement(
            (
                _seen("webhook.api_key", server_config.webhook_key or "not set", "one of keys"),
                _seen("keys", ", ".join(key.name for key in server_config.keys[:4])),
            ),
            title="webhook.api_key is none of the server's keys",
            fix=(
                FixStep(
                    "Sign webhooks with one of the keys:",
                    snippet=Snippet("yaml", "webhook:\n  api_key: ONE OF KEYS"),
                ),
            ),
            location=where,
        )


def _keys_problem(problem: KeysProblem) -> Judgement:
    detail = problem.detail
    match problem.what:
        case KeysFlaw.READABLE_BY_OTHERS:
            return Judgement(
                (_seen(problem.location, f"mode {detail}", "nothing for others: 600"),),
                title="Others may read the server's key file",
                fix=(FixStep("Close it:", command="chmod 600 keys.yaml"),),
                location=problem.location,
            )
        case KeysFlaw.NO_BLANK:
            words = ("no blank after the colon", "LIVEKIT_KEYS lacks the blank after the colon")
        case KeysFlaw.NOT_TEXT:
            words = (detail, "LIVEKIT_KEYS drops a secret that is no text")
        case KeysFlaw.NOT_YAML:
            words = (f"not YAML: {detail}", "The server's keys are not YAML")
        case KeysFlaw.NOT_A_MAPPING:
            words = (detail, "The server's keys are no mapping")
        case _:
            assert_never(problem.what)
    observed, title = words
    return Judgement(
        (_seen(problem.location, observed, "key: secret"),),
        title=title,
        location=problem.location,
    )


def _no_keys(server_config: ServerConfigFact) -> Iterator[Judgement]:
    told = any(f.path.startswith("keys") or f.near == "keys" for f in server_config.flaws)
    if (
        server_config.keys
        or server_config.keys_problems
        or told
        or not server_config.origin
        or server_config.yes("development")
        or (server_config.key_file and not server_config.key_file_read)
        or any(flaw.what is FlawKind.SYNTAX for flaw in server_config.flaws)
    ):
        return
    # LIVEKIT_KEYS may be set where the server runs.
    yield Judgement(
        (_seen(server_config.key_file or server_config.origin, "no keys", "keys: with one pair"),),
        title="No API key is configured, so the server does not start",
        # A chart's may come from a secret, too.
        severity=Severity.WARNING if server_config.chart else None,
        confidence=Confidence.HINT if server_config.chart else Confidence.LIKELY,
        location=server_config.origin,
    )


def _short_secret(server_config: ServerConfigFact) -> Iterator[Judgement]:
    if server_config.yes("development"):
        return
    short = [key for key in server_config.keys if key.secret_length < MIN_SECRET]
    if not short:
        return
    empty = [key for key in short if not key.secret_length]
    yield Judgement(
        tuple(
            _seen(
                f"secret of {key.name}",
                f"{key.secret_length} characters",
                f"{MIN_SECRET} or more",
            )
            for key in short[:4]
        ),
        title=fitting(f"The key {empty[0].name} has no secret") if empty else None,
        severity=Severity.ERROR if empty else None,
        location=short[0].location,
    )


def _is_other_server(url: UrlFact | None, api: ApiFact | None) -> bool:
    """Whether the URL leads to a server that surely has another configuration."""
    parsed = _parsed(url)
    cloud = parsed is not None and parsed.host_kind is HostKind.CLOUD
    # The running server took the key: it was started with something else.
    return cloud or (api is not None and isinstance(api.rooms, RoomsListed))


def _key_unknown(
    server_config: ServerConfigFact, url: UrlFact | None = None, api: ApiFact | None = None
) -> Iterator[Judgement]:
    fact = server_config
    if not fact.app_key or not fact.keys or _is_other_server(url, api):
        return
    if any(key.ours for key in fact.keys):
        return
    yield Judgement(
        (
            _seen("the server's keys", ", ".join(key.name for key in fact.keys[:4]), fact.app_key),
            _seen(f"the app's key ({fact.app_key_origin})", fact.app_key),
        ),
        confidence=None if fact.origin else Confidence.LIKELY,
        location=fact.keys[0].location,
    )


def _secret_differs(
    server_config: ServerConfigFact, url: UrlFact | None = None, api: ApiFact | None = None
) -> Iterator[Judgement]:
    if _is_other_server(url, api):
        return
    for key in server_config.keys:
        if key.same_secret is False:
            yield Judgement(
                (
                    _seen(
                        f"secret of {key.name}",
                        f"{key.secret_length} characters, not the app's LIVEKIT_API_SECRET",
                        "the same on both sides",
                    ),
                ),
                confidence=None if server_config.origin else Confidence.LIKELY,
                location=key.location,
            )


# ------------------------------------------------------------------ ports


class _Port(NamedTuple):
    """One port, or a range of them, that the server opens."""

    path: str
    first: int
    last: int
    location: str | None

    @property
    def words(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def meets(self, other: "_Port") -> bool:
        return self.first <= other.last and other.first <= self.last


def _port(fact: ServerConfigFact, path: str, default: int = 0) -> _Port | None:
    number = fact.number(path, default)
    return _Port(path, number, number, fact.where(path)) if number else None


def _tcp(fact: ServerConfigFact) -> list[_Port]:
    found = [
        _port(fact, "port", DEFAULT_PORT),
        _port(fact, "rtc.tcp_port", DEFAULT_TCP_PORT),
        _port(fact, "prometheus.port") or _port(fact, "prometheus_port"),
        _port(fact, "debug_handler.port"),
        _port(fact, "turn.tls_port") if fact.yes("turn.enabled") else None,
    ]
    return [port for port in found if port is not None]


def _udp_port(fact: ServerConfigFact) -> _Port | None:
    """``rtc.udp_port``, or the variable that stands in its place."""
    variable = fact.variable("UDP_PORT")
    text = variable.text if variable else fact.text("rtc.udp_port")
    where = f"UDP_PORT ({variable.origin})" if variable else fact.where("rtc.udp_port")
    first, dash, last = text.replace(" ", "").partition("-")
    lowest = digits.number(first.removeprefix("+"))
    highest = digits.number(last) if dash else lowest
    if not lowest or highest is None:
        return None
    return _Port("rtc.udp_port", lowest, highest, where)


def _ice_range(fact: ServerConfigFact) -> _Port | None:
    """The UDP ports of ``port_range_start`` and ``_end``, where both are set."""
    start, end = fact.number("rtc.port_range_start"), fact.number("rtc.port_range_end")
    if not (start and end):
        return None
    return _Port("rtc.port_range", start, end, fact.where("rtc.port_range_start"))


def _port_invalid(server_config: ServerConfigFact) -> Iterator[Judgement]:
    fact = server_config
    udp, ice = _udp_port(fact), _ice_range(fact)
    turn = _port(fact, "turn.udp_port") if fact.yes("turn.enabled") else None
    for port in [*_tcp(fact), *(p for p in (udp, ice, turn) if p is not None)]:
        if not 0 < port.first <= 65535 or not 0 < port.last <= 65535:
            yield Judgement(
                (_seen(port.path, port.words, "1 to 65535"),),
                title=fitting(f"{port.path} is no port: {port.words}"),
                location=port.location,
            )
        elif port.last < port.first:
            yield _reversed(port)
    start, end = fact.number("turn.relay_range_start"), fact.number("turn.relay_range_end")
    if fact.yes("turn.enabled") and 0 < end < start:
        where = fact.where("turn.relay_range_start")
        yield _reversed(_Port("turn.relay_range", start, end, where))
    if fact.yes("turn.enabled") and fact.number("turn.tls_port") <= 0 and not turn:
        yield Judgement(
            (_seen("turn", "enabled, without udp_port and tls_port", "one of them"),),
            title="TURN is enabled, but has no port",
            fix=(
                FixStep(
                    "Give it a port:",
                    snippet=Snippet("yaml", "turn:\n  enabled: true\n  udp_port: 3478"),
                ),
            ),
            location=fact.where("turn.enabled"),
        )


def _reversed(port: _Port) -> Judgement:
    return Judgement(
        (_seen(port.path, f"{port.first} to {port.last}", "the lower port first"),),
        title=fitting(f"{port.path} ends below its start"),
        fix=(FixStep(f"Exchange {port.path}_start and {port.path}_end."),),
        location=port.location,
    )


def _port_clash(server_config: ServerConfigFact) -> Iterator[Judgement]:
    own = [port for port in _tcp(server_config) if port.path != "turn.tls_port"]
    for index, port in enumerate(own):
        for other in own[index + 1 :]:
            if port.first == other.first:
                yield Judgement(
                    (_seen(port.path, port.words), _seen(other.path, other.words, "another port")),
                    title=fitting(f"{port.path} and {other.path} are the same port"),
                    location=other.location,
                )


def _turn_conflict(server_config: ServerConfigFact) -> Iterator[Judgement]:
    fact = server_config
    if not fact.yes("turn.enabled"):
        return
    ice = _ice_range(fact)
    udp = None if ice else _udp_port(fact)
    turn_udp = _port(fact, "turn.udp_port")
    turn_tls = _port(fact, "turn.tls_port")
    pairs = [(turn_udp, udp)]
    pairs += [(turn_tls, port) for port in _tcp(fact) if port.path != "turn.tls_port"]
    for turn, other in pairs:
        if turn is not None and other is not None and turn.meets(other):
            yield Judgement(
                (_seen(turn.path, turn.words), _seen(other.path, other.words, "another port")),
                title=fitting(f"{turn.path} is taken by {other.path}"),
                location=turn.location,
            )
    relay = _Port(
        "turn.relay_range",
        fact.number("turn.relay_range_start", DEFAULT_RELAY[0]),
        fact.number("turn.relay_range_end", DEFAULT_RELAY[1]),
        fact.where("turn.relay_range_start") or fact.where("turn.enabled"),
    )
    media = ice or udp
    if media is not None and relay.first <= relay.last and relay.meets(media):
        yield Judgement(
            (
                _seen(relay.path, relay.words),
                _seen(media.path, media.words, f"outside {relay.words}"),
            ),
            title="TURN relays on the ports that media uses",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY,
            location=relay.location,
        )


def _udp_ignored(server_config: ServerConfigFact) -> Iterator[Judgement]:
    fact = server_config
    udp, ice = _udp_port(fact), _ice_range(fact)
    start = fact.number("rtc.port_range_start")
    if udp is not None and ice is not None:
        yield Judgement(
            (
                _seen(udp.path, udp.words, "not together with a range"),
                _seen("port_range", f"{ice.words}: this counts"),
            ),
            location=udp.location,
        )
    elif start and not ice and udp is None:
        yield Judgement(
            (_seen("rtc.port_range_start", str(start), "port_range_end beside it"),),
            title="port_range_start without an end: ports are random",
            fix=(
                FixStep(
                    "Set both:",
                    snippet=Snippet(
                        "yaml", "rtc:\n  port_range_start: 50000\n  port_range_end: 60000"
                    ),
                ),
            ),
            location=fact.where("rtc.port_range_start"),
        )


def _port_differs(
    server_config: ServerConfigFact,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Judgement]:
    parsed, fact = _parsed(url), server_config
    # With TLS there is a proxy between, which has a port of its own.
    if not fact.origin or parsed is None or parsed.secure or parsed.host_kind is HostKind.CLOUD:
        return
    own = fact.number("port", DEFAULT_PORT)
    if parsed.port == own or (network and any(isinstance(t, TcpConnected) for t in network.tcp)):
        return
    yield Judgement(
        (
            _seen("port of the URL", str(parsed.port), str(own)),
            _seen("port", str(own)),
        ),
        # A published container port may well differ.
        confidence=Confidence.LIKELY if network and network.tcp else Confidence.HINT,
        severity=None if network and network.tcp else Severity.WARNING,
        location=fact.where("port"),
    )


def _bind_loopback(
    server_config: ServerConfigFact,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Judgement]:
    parsed, fact = _parsed(url), server_config
    dialled = network.tcp if network is not None else ()
    if parsed is None or parsed.secure or parsed.host_kind in {HostKind.LOOPBACK, HostKind.CLOUD}:
        return  # on this host, or behind a proxy that may be on the server's
    answered = any(isinstance(attempt, TcpConnected) for attempt in dialled)
    if parsed.port != fact.number("port", DEFAULT_PORT) or answered:
        return
    bound = fact.items("bind_addresses")
    if bound and all(_is_loopback(entry.text) for entry in bound):
        observed = ", ".join(entry.text for entry in bound[:4])
        where: str | None = bound[0].location
    elif not bound and fact.yes("development") and not fact.keys:
        observed, where = "127.0.0.1, ::1 (development without keys)", fact.where("development")
    else:
        return
    yield Judgement(
        (
            _seen("bind_addresses", observed, "an address that clients reach"),
            _seen("host of the URL", parsed.host),
        ),
        confidence=Confidence.CERTAIN
        if any(isinstance(attempt, TcpRefused) for attempt in dialled)
        else None,
        location=where,
    )


def _is_loopback(text: str) -> bool:
    return any(address.is_loopback for address in addresses(text)) or text == "localhost"


# ------------------------------------------------------------------ addresses for media


def _node_ip(fact: ServerConfigFact) -> Entry | None:
    """The address that is advertised, unless it is looked up."""
    if fact.yes("rtc.use_external_ip"):
        return None
    variable = fact.variable("NODE_IP")
    if variable is not None and variable.text:
        return Entry("NODE_IP", variable.text, f"NODE_IP ({variable.origin})")
    return fact.entry("rtc.node_ip")


def _loopback_node_ip(
    server_config: ServerConfigFact, url: UrlFact | None = None
) -> Iterator[Judgement]:
    entry, parsed = _node_ip(server_config), _parsed(url)
    if entry is None or (parsed is not None and parsed.host_kind is HostKind.LOOPBACK):
        return
    bad = [a for a in addresses(entry.text) if a.is_loopback or a.is_unspecified]
    if bad and len(bad) == len(addresses(entry.text)):
        known = parsed is not None and parsed.host_kind is not HostKind.CLOUD
        yield Judgement(
            (_seen(entry.path, entry.text, "an address that clients reach"),),
            severity=None if known else Severity.WARNING,
            confidence=None if known else Confidence.LIKELY,
            location=entry.location,
        )


def _private_node_ip(
    server_config: ServerConfigFact,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Judgement]:
    entry, parsed = _node_ip(server_config), _parsed(url)
    if entry is None or parsed is None or parsed.host_kind is not HostKind.PUBLIC:
        return
    found = addresses(entry.text)
    if not found or not all(_is_private(address) for address in found):
        return
    resolved = network.dns if network is not None else None
    if isinstance(resolved, Resolved) and all(
        _is_private(address) for text in resolved.addresses for address in addresses(text)
    ):
        return  # the name is for the same network
    yield Judgement(
        (
            _seen(entry.path, entry.text, "a public address"),
            _seen("host of the URL", parsed.host),
        ),
        location=entry.location,
    )


_CGNAT: Final = ipaddress.ip_network("100.64.0.0/10")


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return False  # another rule's
    # Not is_private: it holds the addresses of examples (RFC 5737), too.
    return address.is_link_local or any(
        address in network for network in (*_PRIVATE, _CGNAT) if network.version == address.version
    )


_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)


def _external_ip(
    server_config: ServerConfigFact, signal: SignalFact | None = None
) -> Iterator[Judgement]:
    fact = server_config
    running = _version(signal)
    if running and numbers(running) < (1, 6):
        return  # there node_ip counts
    variable = fact.variable("NODE_IP")
    entry = fact.entry("rtc.node_ip")
    if not fact.yes("rtc.use_external_ip") or (entry is None and variable is None):
        return
    text = variable.text if variable else entry.text if entry else ""
    yield Judgement(
        (
            _seen("rtc.use_external_ip", "true: the address is asked of a STUN server"),
            _seen("NODE_IP" if variable else "rtc.node_ip", f"{text}: not used"),
        ),
        location=fact.where("rtc.use_external_ip"),
    )


def _variable_ignored(
    server_config: ServerConfigFact, signal: SignalFact | None = None
) -> Iterator[Judgement]:
    running = _version(signal)
    for name, path, right in (
        ("LIVEKIT_RTC_NODE_IP", "rtc.node_ip", "NODE_IP"),
        ("LIVEKIT_RTC_UDP_PORT", "rtc.udp_port", "UDP_PORT"),
    ):
        variable = server_config.variable(name)
        if variable is None or server_config.variable(right) or server_config.entry(path):
            continue
        if name == "LIVEKIT_RTC_NODE_IP" and running and numbers(running) < (1, 10):
            continue
        certain = running or name == "LIVEKIT_RTC_UDP_PORT"
        yield Judgement(
            (_seen(f"{name} ({variable.origin})", variable.text or "set", right),),
            title=fitting(f"The server does not read {name}"),
            confidence=None if certain else Confidence.LIKELY,
            fix=(
                FixStep(
                    "Use the name that the server reads:",
                    snippet=Snippet("dotenv", shell.setting(right, variable.text)),
                ),
            ),
            location=variable.origin if ":" in variable.origin else None,
        )


# ------------------------------------------------------------------ TURN


def _tls_port(fact: ServerConfigFact) -> int:
    """The port of the embedded TURN/TLS server; 0 where there is none."""
    return fact.number("turn.tls_port") if fact.yes("turn.enabled") else 0


def _turn_443(server_config: ServerConfigFact, url: UrlFact | None = None) -> Iterator[Judgement]:
    fact, parsed, port = server_config, _parsed(url), _tls_port(server_config)
    domain = fact.text("turn.domain")
    if port <= 0 or not domain:
        return
    shared = parsed is not None and parsed.secure and parsed.port == 443
    if shared and parsed is not None and parsed.host == domain.lower():
        yield Judgement(
            (
                _seen("turn.domain", domain, "a name of its own"),
                _seen("host of the URL", f"{parsed.host} port 443"),
            ),
            title="TURN/TLS and signalling share a name and port 443",
            confidence=Confidence.CERTAIN,
            fix=(
                FixStep("Give TURN a name and an address of its own:", snippet=_TURN_ALONE),
                FixStep("Or tell the two apart before TLS ends, by name (SNI): nginx ssl_preread."),
            ),
            location=fact.where("turn.domain"),
        )
    elif port != 443 and not fact.yes("turn.external_tls") and not fact.chart:
        # The chart's own load balancer carries 443 to it.
        yield Judgement(
            (
                _seen("turn.tls_port", str(port), "443"),
                _seen("clients are told", f"turns:{domain}:443?transport=tcp"),
            ),
            location=fact.where("turn.tls_port"),
        )


_TURN_ALONE: Final = Snippet("yaml", "turn:\n  domain: turn.example.com\n  tls_port: 443")


def _turn_external_tls(server_config: ServerConfigFact) -> Iterator[Judgement]:
    fact = server_config
    if _tls_port(fact) > 0 and fact.yes("turn.external_tls") and fact.text("turn.cert_file"):
        yield Judgement(
            (
                _seen("turn.external_tls", "true: TURN is served without TLS"),
                _seen("turn.cert_file", "set, and not used", "not beside external_tls"),
            ),
            location=fact.where("turn.external_tls"),
        )


def _turn_domain(server_config: ServerConfigFact) -> Iterator[Judgement]:
    fact = server_config
    if _tls_port(fact) <= 0:
        return
    domain = fact.text("turn.domain")
    if not domain or not _is_domain(domain):
        yield Judgement(
            (_seen("turn.domain", domain or "not set", "turn.example.com"),),
            title=None if not domain else fitting(f"turn.domain is no domain: {domain}"),
            location=fact.where("turn.domain") or fact.where("turn.tls_port"),
        )
    pairs = (("turn.cert_file", "LIVEKIT_TURN_CERT"), ("turn.key_file", "LIVEKIT_TURN_KEY"))
    missing = [p for p, v in pairs if not fact.text(p) and not fact.variable(v)]
    if fact.chart:
        return  # it mounts the certificate, and says where in these variables
    if missing and not fact.yes("turn.external_tls"):
        # Its variables may be set where the server runs.
        yield Judgement(
            tuple(_seen(path, "not set", "a PEM file") for path in missing),
            title="TURN/TLS has no certificate",
            confidence=Confidence.LIKELY,
            fix=(
                FixStep(
                    "Name the certificate and its key:",
                    snippet=Snippet(
                        "yaml",
                        "turn:\n  cert_file: /etc/turn/cert.pem\n  key_file: /etc/turn/key.pem",
                    ),
                ),
                FixStep(
                    "Or let a TCP load balancer end TLS:",
                    snippet=Snippet("yaml", "turn:\n  external_tls: true"),
                ),
            ),
            location=fact.where("turn.tls_port"),
        )


def _is_domain(domain: str) -> bool:
    """As livekit-server's IsValidDomain has it."""
    labels = domain.removesuffix(".").split(".")
    return len(labels) > 1 and all(
        label and label.isascii() and label.replace("-", "a").isalnum() for label in labels
    )


def _turn_peer_denied(
    server_config: ServerConfigFact, signal: SignalFact | None = None
) -> Iterator[Judgement]:
    fact, entry = server_config, _node_ip(server_config)
    running = _version(signal)
    if entry is None or not fact.yes("turn.enabled") or (running and numbers(running) < (1, 12)):
        return
    found = addresses(entry.text)
    allowed = fact.items("turn.allow_restricted_peer_cidrs")
    if found and not allowed and all(_is_private(address) for address in found):
        yield Judgement(
            (
                _seen(entry.path, entry.text),
                _seen("turn.allow_restricted_peer_cidrs", "not set", "a range with that address"),
            ),
            location=fact.where("turn.enabled"),
        )


def _turn_credentials(server_config: ServerConfigFact) -> Iterator[Judgement]:
    for server in server_config.turn_servers:
        if server.secret or (server.username and server.credential):
            continue
        has = (
            "username alone"
            if server.username
            else "credential alone"
            if server.credential
            else "none"
        )
        yield Judgement(
            (_seen(f"credentials of {server.host or 'a server'}", has, "secret, or both"),),
            location=server.location,
        )


def _redis_missing(server_config: ServerConfigFact) -> Iterator[Judgement]:
    fact = server_config
    if fact.redis or fact.variable("REDIS_HOST"):
        return
    needing = [name for name in ("ingress", "sip") if name in fact.sections]
    if needing:
        yield Judgement(
            (
                _seen(", ".join(needing), "configured"),
                _seen("redis", "not configured", "redis: address: HOST:6379"),
            ),
            location=fact.origin or None,
        )


# ------------------------------------------------------------------ written, or seen


def _either(seen: Iterator[Judgement], written: Iterator[Judgement] | None) -> Iterator[Judgement]:
    """What the network showed outweighs what is written; the line that is at fault goes with it."""
    lines = list(written or ())
    proofs = list(seen)
    if not proofs:
        yield from lines
        return
    for proof in proofs:
        if lines:
            evidence = (*proof.evidence, *lines[0].evidence)
            yield proof._replace(evidence=evidence, location=lines[0].location)
        else:
            yield proof


def _loopback_node_ip_or_seen(
    server_config: ServerConfigFact | None = None,
    url: UrlFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _loopback_node_ip(server_config, url)
    yield from _either(iter(()) if media is None else watched.loopback_candidates(media), written)


def _private_node_ip_or_seen(
    server_config: ServerConfigFact | None = None,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _private_node_ip(server_config, url, network)
    yield from _either(iter(()) if media is None else watched.private_candidates(media), written)


def _turn_443_or_seen(
    server_config: ServerConfigFact | None = None,
    url: UrlFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _turn_443(server_config, url)
    yield from _either(iter(()) if media is None else watched.turn_443(media), written)


def _turn_external_tls_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _turn_external_tls(server_config)
    yield from _either(iter(()) if media is None else watched.turn_tls(media), written)


def _turn_domain_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _turn_domain(server_config)
    yield from _either(iter(()) if media is None else watched.turn_domain(media), written)


def _turn_peer_denied_or_seen(
    server_config: ServerConfigFact | None = None,
    signal: SignalFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _turn_peer_denied(server_config, signal)
    yield from _either(iter(()) if media is None else watched.peer_denied(media), written)


def _turn_credentials_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _turn_credentials(server_config)
    yield from _either(iter(()) if media is None else watched.turn_credentials(media), written)


def _turn_conflict_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    written = None if server_config is None else _turn_conflict(server_config)
    yield from _either(iter(()) if media is None else watched.turn_conflict(media), written)


# ------------------------------------------------------------------ checks


def _look_strict(server_config: ServerConfigFact) -> str | None:
    if not server_config.origin:
        return None
    return fitting(f"{server_config.origin}: every key is known") or "every key is known"


def _look_keys(server_config: ServerConfigFact) -> str | None:
    count = len(server_config.keys)
    if not count and not server_config.origin:
        return None
    if server_config.key_file and not server_config.key_file_read:
        return "keys are in a file that is not here"
    return f"{count} API key{'' if count == 1 else 's'}"


def _look_ports(server_config: ServerConfigFact) -> str | None:
    if not server_config.origin:
        return None
    udp = _ice_range(server_config) or _udp_port(server_config)
    media = udp.words if udp is not None else "its default"
    tcp = ", ".join(port.words for port in _tcp(server_config)[:2])
    return fitting(f"TCP {tcp}; UDP {media}") or "no port twice"


def _look_media(server_config: ServerConfigFact) -> str | None:
    if not server_config.origin and not server_config.variables:
        return None
    if server_config.yes("rtc.use_external_ip"):
        return "the address of media is asked of a STUN server"
    entry = _node_ip(server_config)
    return (entry and fitting(f"media at {entry.text}")) or "media at the host's own addresses"


def _look_turn(server_config: ServerConfigFact) -> str | None:
    if not server_config.origin:
        return None
    if server_config.yes("turn.enabled"):
        return "LiveKit's own TURN server"
    count = len(server_config.turn_servers)
    return f"{count} TURN server{'' if count == 1 else 's'} of one's own" if count else "no TURN"


def _check(name: str, title: str, look: Look) -> Check:
    return Check(f"server.config.{name}", Layer.SERVER, title, look, by_option=True)


CHECKS: Final = (
    _check("strict", "The server starts with its configuration", _look_strict),
    _check("keys", "The server's keys are usable, and the app's is among them", _look_keys),
    _check("ports", "The server's ports are ports, each once", _look_ports),
    _check("media", "The server advertises an address that clients reach", _look_media),
    _check("turn", "The server's TURN settings fit together", _look_turn),
)


# ------------------------------------------------------------------ examples

_FILE: Final = "livekit.yaml"

FINE: Final = ServerConfigFact(
    origin=_FILE,
    entries=(
        Entry("port", "7880", f"{_FILE}:1"),
        Entry("rtc.tcp_port", "7881", f"{_FILE}:3"),
        Entry("rtc.udp_port", "7882", f"{_FILE}:4"),
        Entry("rtc.node_ip", "203.0.113.10", f"{_FILE}:5"),
    ),
    keys=(ServerKey("APIxk…7Qm", 43, f"{_FILE}:7", ours=True, same_secret=True),),
    sections=("port", "rtc", "keys"),
    app_key="APIxk…7Qm",
    app_key_origin=".env.local:2",
)
"""A healthy configuration, of the server and the app of `healthy`."""


def example(fact: ServerConfigFact = FINE, **settings: str) -> Facts:
    """The healthy run of a server with this configuration; ``turn__enabled="true"`` is a setting."""
    entries = {entry.path: entry for entry in fact.entries}
    for line, (name, text) in enumerate(settings.items(), 10):
        path = name.replace("__", ".").replace("_LIST", "[]")
        entries[path] = Entry(path, text, f"{_FILE}:{line}")
    return healthy()._replace(server_config=fact._replace(entries=tuple(entries.values())))


def _alone(facts: Facts) -> Facts:
    """Before any server was asked."""
    return facts._replace(network=None, tls=None, signal=None, server=None, api=None, clock=None)


def _at(facts: Facts, host: str, kind: HostKind) -> Facts:
    """For a URL with ws:// and the server's own port, before any server was asked."""
    parsed = ParsedUrl("ws", host, DEFAULT_PORT, True, "", False, False, kind)  # noqa: FBT003
    return _alone(facts)._replace(
        env=None, url=UrlFact(f"ws://{host}:7880", ".env.local:1", parsed)
    )


def _flawed(*flaws: Flaw) -> Facts:
    return example(FINE._replace(flaws=flaws))


def _sick_strict() -> Facts:
    every = schema().versions
    return _flawed(
        Flaw(FlawKind.UNKNOWN, "turn.host", f"{_FILE}:9", "", "rtc.turn_servers", every),
        Flaw(FlawKind.UNKNOWN, "turn.port", f"{_FILE}:10", "", "rtc.turn_servers", every),
    )


def _known_to_this_version() -> Facts:
    """A key that older servers lack; this one is new enough."""
    return _flawed(Flaw(FlawKind.UNKNOWN, "prometheus", f"{_FILE}:9", "", "", ("1.5.0",)))


def _other_key() -> ServerConfigFact:
    return FINE._replace(keys=(ServerKey("APIab…xyz", 43, f"{_FILE}:7"),))


_TURN: Final = {
    "turn__enabled": "true",
    "turn__domain": "turn.example.com",
    "turn__tls_port": "443",
    "turn__cert_file": "/etc/turn/cert.pem",
    "turn__key_file": "/etc/turn/key.pem",
    "turn__udp_port": "3478",
}


def _turn_example(**changes: str) -> Facts:
    return example(FINE, **{**_TURN, **changes})


_RESTART: Final = FixStep(
    "Restart the server, then look again:",
    command="lkdoctor diagnose --server-config livekit.yaml",
)


def _rule(
    code: str,
    check: str,
    title: str,
    judge: Judge,
    *,
    symptoms: tuple[str, ...],
    cause: str,
    how: str,
    fix: tuple[FixStep, ...],
    source: str,
    sick: Callable[[], Facts],
    near: Callable[[], Facts] = example,
    severity: Severity = Severity.ERROR,
    confidence: Confidence = Confidence.CERTAIN,
    explains: tuple[str, ...] = (),
    related: tuple[str, ...] = (),
) -> Rule:
    return Rule(
        code=code,
        check=f"server.config.{check}",
        layer=Layer.SERVER,
        severity=severity,
        confidence=confidence,
        title=title,
        symptoms=symptoms,
        cause=cause,
        how=how,
        fix=(*fix, _RESTART),
        source=source,
        judge=judge,
        sick=sick,
        healthy=near,
        explains=explains,
        related=related,
    )


_GENERIC: Final = "could not establish signal connection"

_DOWN: Final = ("tcp-refused",)
"""What follows from a server that does not start."""

RULES: Final = (
    _rule(
        "env-config-strict",
        "strict",
        "The server cannot use its configuration, and stops",
        _strict,
        symptoms=(
            _GENERIC,
            "could not parse config: yaml: unmarshal errors",
            "field host not found in type config.TURNConfig",
        ),
        cause=_CAUSE,
        how="Every key and the kind of every value of the YAML is compared with those of livekit-server, "
        "version by version; certain where this server's version is known and one of those.",
        fix=(
            FixStep("Correct, or take out, the key in the line that is named."),
            FixStep(
                "A TURN server of your own stands under rtc:, not under turn:",
                snippet=_TURN_SERVERS,
            ),
        ),
        source="livekit-server pkg/config/config.go (NewConfig), livekit/livekit#3826",
        sick=_sick_strict,
        near=_known_to_this_version,
        explains=_DOWN,
    ),
    _rule(
        "env-server-keys-format",
        "keys",
        "LiveKit cannot use its API keys, and stops",
        _keys_format,
        symptoms=(
            _GENERIC,
            'Could not parse keys, it needs to be exactly, "key: secret", including the space',
            "one of key-file or keys must be provided",
            "key file others permissions must be set to 0",
            "api_key is required to use webhooks",
        ),
        cause="Keys are a mapping in YAML, key: secret, with the blank after the colon, in keys:, in the "
        "file of key_file or in LIVEKIT_KEYS. A key file that others may read is refused, and a webhook "
        "has to be signed with one of these keys.",
        how="keys:, the key file and LIVEKIT_KEYS are read as the server reads them.",
        fix=(
            FixStep(
                "Write them so, the blank included:",
                snippet=Snippet("dotenv", 'LIVEKIT_KEYS="KEY: SECRET"'),
            ),
            FixStep("Or in the YAML:", snippet=Snippet("yaml", "keys:\n  KEY: SECRET")),
            FixStep("Make a pair:", command="livekit-server generate-keys"),
        ),
        source="livekit-server pkg/config/config.go (unmarshalKeys, ValidateKeys), wire.go, "
        "livekit/livekit#454, livekit/livekit#2482",
        sick=lambda: _alone(
            example(
                FINE._replace(
                    keys=(),
                    keys_problems=(KeysProblem(KeysFlaw.NO_BLANK, "LIVEKIT_KEYS (.env.local:4)"),),
                )
            )
        ),
        near=lambda: example(FINE._replace(keys=(), key_file="/etc/livekit/keys.yaml")),
        explains=_DOWN,
    ),
    _rule(
        "config-secret-short",
        "keys",
        "A secret of the server is shorter than 32 characters",
        _short_secret,
        symptoms=("secret is too short, should be at least 32 characters for security",),
        cause="A short secret can be found by trying, and whoever has it can mint tokens for every room. "
        "The server says so in its log; SDKs of today refuse to sign with it.",
        how="The length of each secret.",
        fix=(
            FixStep(
                "Make a new pair, and use it on both sides:", command="livekit-server generate-keys"
            ),
        ),
        source="livekit-server pkg/config/config.go (ValidateKeys)",
        sick=lambda: example(FINE._replace(keys=(ServerKey("APIxk…7Qm", 9, f"{_FILE}:7"),))),
        near=lambda: example(
            FINE._replace(keys=(ServerKey("devkey", 6, f"{_FILE}:7"),)), development="true"
        ),
        severity=Severity.WARNING,
        explains=("token-secret-too-short",),
    ),
    _rule(
        "config-key-unknown",
        "keys",
        "The server's configuration lacks the app's API key",
        _key_unknown,
        symptoms=("invalid API key",),
        cause="The server knows the keys of its own configuration and no others. The app signs its tokens "
        "with a key that is not there.",
        how="The app's API key is compared with those of the configuration.",
        fix=(
            FixStep("Add the app's pair to the server, or give the app one of the server's pairs."),
        ),
        source="livekit-server pkg/service/wire.go (createKeyProvider)",
        sick=lambda: _alone(example(_other_key())),
        near=lambda: example(_other_key()),
        explains=(
            "env-project-mismatch",
            "env-cloud-key-on-local-server",
            "token-unknown-key",
            "token-bad-signature",
        ),
    ),
    _rule(
        "config-secret-differs",
        "keys",
        "The app's secret is not the one that the server has",
        _secret_differs,
        symptoms=("token signature is invalid: signature is invalid",),
        cause="The API key is the same on both sides, the secret is not: one side was renewed, or a shell, "
        "compose or YAML changed it (a # begins a comment, a $ a variable).",
        how="The secrets are compared exactly, and never shown.",
        fix=(
            FixStep("Copy the secret from the server's configuration into the app's environment."),
            FixStep("Quote it in YAML:", snippet=Snippet("yaml", 'keys:\n  KEY: "SECRET"')),
        ),
        source="livekit-server pkg/service/auth.go",
        sick=lambda: _alone(
            example(
                FINE._replace(
                    keys=(FINE.keys[0]._replace(same_secret=False),),
                )
            )
        ),
        explains=("token-bad-signature", "env-secret-altered", "env-project-mismatch"),
    ),
    _rule(
        "config-port-invalid",
        "ports",
        "The server's configuration has an impossible port",
        _port_invalid,
        symptoms=(_GENERIC, "invalid port", "bind: invalid argument", "invalid TURN ports"),
        cause="A port is a number from 1 to 65535, and a range begins with the lower one. With anything "
        "else the server ends before it listens, or TURN relays nothing.",
        how="Every port of the configuration is looked at.",
        fix=(FixStep("Correct the port."),),
        source="livekit-server pkg/service/turn.go, mediatransportutil pkg/rtcconfig/webrtc_config.go",
        sick=lambda: _alone(example(port="78800")),
        explains=(*_DOWN, "config-port-differs"),
    ),
    _rule(
        "config-port-clash",
        "ports",
        "The server would open one port twice",
        _port_clash,
        symptoms=(
            _GENERIC,
            "bind: address already in use",
        ),
        cause="Two services of one livekit-server have the same TCP port: the second cannot listen, and "
        "the server ends.",
        how="The TCP ports of the configuration, its defaults included, are compared.",
        fix=(
            FixStep("Give one of them another port; by default signalling has 7880, ICE/TCP 7881."),
        ),
        source="livekit-server pkg/service/server.go (Start)",
        sick=lambda: _alone(example(rtc__tcp_port="7880")),
        explains=_DOWN,
    ),
    _rule(
        "turn-port-conflict",
        "ports",
        "TURN and the rest of the server want the same port",
        _turn_conflict_or_seen,
        symptoms=(
            _GENERIC,
            "could not listen on TURN UDP port: bind: address already in use",
            *watched.NO_MEDIA,
        ),
        cause="LiveKit's own TURN server needs ports of its own: one for TURN over UDP, one for TURN/TLS, "
        "and a range to relay on (30000-40000 where none is set).",
        how="The ports of turn: are compared with the others; or what answers at a TURN server's port is "
        "no TURN server.",
        fix=(
            FixStep(
                "Keep them apart:",
                snippet=Snippet(
                    "yaml",
                    "rtc:\n  udp_port: 7882\nturn:\n  udp_port: 3478\n  relay_range_start: 30000\n"
                    "  relay_range_end: 40000",
                ),
            ),
        ),
        source="livekit-server pkg/service/turn.go, config-sample.yaml, livekit/livekit#1114",
        sick=lambda: _turn_example(turn__udp_port="7882"),
        near=_turn_example,
        explains=(*_DOWN, *watched.UNRELAYED),
    ),
    _rule(
        "config-udp-ignored",
        "ports",
        "udp_port has no effect beside a range of ports",
        _udp_ignored,
        symptoms=watched.NO_MEDIA,
        cause="Where port_range_start and port_range_end are set, media goes over that range and udp_port "
        "is not opened. A firewall that lets only udp_port through then lets no media through.",
        how="Both are set, or the range has no end.",
        fix=(
            FixStep(
                "Keep one; the single port is easier to open:",
                snippet=Snippet("yaml", "rtc:\n  udp_port: 7882"),
            ),
        ),
        source="mediatransportutil pkg/rtcconfig/webrtc_config.go, config-sample.yaml",
        sick=lambda: example(rtc__port_range_start="50000", rtc__port_range_end="60000"),
        severity=Severity.WARNING,
    ),
    _rule(
        "config-port-differs",
        "ports",
        "The server listens on another port than the URL has",
        _port_differs,
        symptoms=("could not establish signal connection", "connection refused"),
        cause="The URL names one port, the server's configuration another, and no TLS proxy is between "
        "them.",
        how="The port of a ws:// URL is compared with port:. Where a container publishes another port "
        "that is no fault, so it weighs only once the URL's port does not answer.",
        fix=(FixStep("Make them the same, or check that the container publishes the URL's port."),),
        source="livekit-server pkg/service/server.go (Start)",
        sick=lambda: _at(example(port="7890"), "127.0.0.1", HostKind.LOOPBACK),
        near=lambda: _at(example(), "127.0.0.1", HostKind.LOOPBACK),
        confidence=Confidence.LIKELY,
        explains=("tcp-refused", "tcp-timeout"),
    ),
    _rule(
        "config-bind-loopback",
        "ports",
        "The server listens on this machine's loopback alone",
        _bind_loopback,
        symptoms=("could not establish signal connection", "connection refused"),
        cause="bind_addresses holds nothing but loopback addresses, or the server runs with --dev and its "
        "placeholder keys, which binds 127.0.0.1 and ::1. Other machines and containers are refused.",
        how="bind_addresses is compared with the host of a ws:// URL that has the server's own port.",
        fix=(
            FixStep("Listen everywhere:", snippet=Snippet("yaml", 'bind_addresses: ["0.0.0.0"]')),
            FixStep("With --dev:", command="livekit-server --dev --bind 0.0.0.0"),
        ),
        source="livekit-server cmd/server/main.go (getConfig), livekit/livekit#2884, livekit/livekit#1546",
        sick=lambda: _at(
            example(bind_addresses_LIST="127.0.0.1"), "livekit", HostKind.SINGLE_LABEL
        ),
        near=lambda: _at(example(bind_addresses_LIST="127.0.0.1"), "localhost", HostKind.LOOPBACK),
        confidence=Confidence.LIKELY,
        explains=("tcp-refused", "tcp-timeout", "dev-bind-loopback"),
    ),
    _rule(
        "ice-loopback-node-ip",
        "media",
        "The server offers clients its loopback address for media",
        _loopback_node_ip_or_seen,
        symptoms=watched.NO_MEDIA,
        cause="node_ip is the address that clients send media to. 127.0.0.1, copied from a quick start, "
        "means their own machine to them.",
        how="node_ip (or NODE_IP) is a loopback address, and the URL leads elsewhere; or every address that "
        "the server offers is one, and signalling was reached by another.",
        fix=(
            FixStep(
                "Offer the address that clients reach:",
                snippet=Snippet("yaml", "rtc:\n  node_ip: 203.0.113.10"),
            ),
            FixStep(
                "Or let the server find it (cloud machines):",
                snippet=Snippet("yaml", "rtc:\n  use_external_ip: true"),
            ),
        ),
        source="mediatransportutil pkg/rtcconfig/webrtc_config.go, livekit/livekit#686",
        sick=lambda: example(rtc__node_ip="127.0.0.1"),
        near=lambda: _at(example(rtc__node_ip="127.0.0.1"), "127.0.0.1", HostKind.LOOPBACK),
        explains=("turn-private-peer-denied", "turn-relay-blocked", *watched.UNCONNECTED),
    ),
    _rule(
        "ice-private-candidates",
        "media",
        "The server offers a private address for media",
        _private_node_ip_or_seen,
        symptoms=watched.NO_MEDIA,
        cause="The URL is public, node_ip is an address of a private network or a container's bridge: "
        "signalling gets through, media does not.",
        how="node_ip (or NODE_IP) is private, the URL's host is not; or every address that the server "
        "offers is private, and none answers.",
        fix=(
            FixStep(
                "Offer the public address:",
                snippet=Snippet("yaml", "rtc:\n  node_ip: 203.0.113.10"),
            ),
            FixStep(
                "Or let the server find it (cloud machines):",
                snippet=Snippet("yaml", "rtc:\n  use_external_ip: true"),
            ),
        ),
        source="mediatransportutil pkg/rtcconfig/webrtc_config.go, livekit/livekit#3747",
        sick=lambda: example(rtc__node_ip="10.0.0.5"),
        near=lambda: _at(example(rtc__node_ip="10.0.0.5"), "10.0.0.5", HostKind.PRIVATE),
        confidence=Confidence.LIKELY,
        explains=("turn-private-peer-denied", "turn-relay-blocked", *watched.UNCONNECTED),
    ),
    _rule(
        "ice-external-ip-discovery",
        "media",
        "use_external_ip overrides node_ip",
        _external_ip,
        symptoms=("could not resolve external IP: context deadline exceeded", *watched.NO_MEDIA),
        cause="With use_external_ip the server asks a STUN server for its address and forgets node_ip. "
        "Where STUN is blocked it does not start; where it answers with a NAT gateway's address, media "
        "goes there.",
        how="Both are set (node_ip counted in 1.5).",
        fix=(
            FixStep("To keep node_ip:", snippet=Snippet("yaml", "rtc:\n  use_external_ip: false")),
        ),
        source="mediatransportutil pkg/rtcconfig/config.go (Validate), config-sample.yaml, livekit/livekit#4626",
        sick=lambda: example(rtc__use_external_ip="true"),
        near=lambda: example(FINE._replace(entries=FINE.entries[:3]), rtc__use_external_ip="true"),
        severity=Severity.WARNING,
    ),
    _rule(
        "env-server-var-ignored",
        "media",
        "The server does not read a variable that is set for it",
        _variable_ignored,
        symptoms=watched.NO_MEDIA,
        cause="The variables that livekit-server makes from its settings hold single values alone. Since "
        "1.10 node_ip is one of several parts, as udp_port has always been: LIVEKIT_RTC_NODE_IP and "
        "LIVEKIT_RTC_UDP_PORT are passed over without a word.",
        how="One of them is set, and neither the name that is read nor the setting itself.",
        fix=(
            FixStep(
                "Use the names that are read:",
                snippet=Snippet("dotenv", "NODE_IP=203.0.113.10\nUDP_PORT=7882"),
            ),
        ),
        source="livekit-server pkg/config/config.go (GenerateCLIFlags), suitenumerique/meet#1708",
        sick=lambda: example(
            FINE._replace(
                entries=FINE.entries[:3],
                variables=(ServerVariable("LIVEKIT_RTC_NODE_IP", ".env:3", "203.0.113.10"),),
            )
        ),
        near=lambda: example(
            FINE._replace(
                entries=FINE.entries[:3],
                variables=(ServerVariable("NODE_IP", ".env:3", "203.0.113.10"),),
            )
        ),
    ),
    _rule(
        "config-redis-missing",
        "media",
        "Ingress or SIP is configured, but no Redis",
        _redis_missing,
        symptoms=("ingress not connected (redis required)", "sip not connected (redis required)"),
        cause="Ingress, egress and SIP are services of their own that talk to the server through Redis.",
        how="ingress: or sip: is written, redis: is not.",
        fix=(
            FixStep(
                "Give all of them the same Redis:",
                snippet=Snippet("yaml", "redis:\n  address: 127.0.0.1:6379"),
            ),
        ),
        source="livekit-server pkg/service/errors.go, livekit/egress#896",
        sick=lambda: example(FINE._replace(sections=("port", "rtc", "keys", "ingress"))),
        near=lambda: example(
            FINE._replace(sections=("port", "rtc", "keys", "ingress", "redis"), redis=True)
        ),
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
    ),
    _rule(
        "turn-tls-443-hardcoded",
        "turn",
        "Clients look for TURN/TLS on port 443, not on tls_port",
        _turn_443_or_seen,
        symptoms=("error with ICE candidate: 701", *watched.NO_MEDIA),
        cause="Whatever turn.tls_port says, the server tells clients turns:DOMAIN:443. Something has to "
        "carry TCP from 443 of that name to tls_port; a web proxy that answers there does not.",
        how="turn.tls_port is not 443, or turn.domain is the host of a wss:// URL. Whether a TCP load "
        "balancer stands in front is seen where media is looked at: HTTP answers there, or TURN does.",
        fix=(
            FixStep("With an address of its own for TURN:", snippet=_TURN_ALONE),
            FixStep(
                "With a TCP load balancer, or nginx with ssl_preread, pass 443 of turn.domain on to "
                "tls_port."
            ),
        ),
        source="livekit-server pkg/service/roommanager.go (iceServersForParticipant), livekit/livekit#4542",
        sick=lambda: _turn_example(turn__tls_port="5349"),
        near=_turn_example,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        explains=watched.UNRELAYED,
    ),
    _rule(
        "turn-external-tls",
        "turn",
        "external_tls leaves the TURN certificate unused",
        _turn_external_tls_or_seen,
        symptoms=watched.NO_MEDIA,
        cause="With external_tls the server speaks plain TURN on tls_port, as something in front ends TLS. "
        "A certificate beside it is not used: one of the two settings is a mistake.",
        how="Both are set; or the TLS handshake with a turns: server of the join response fails, and TURN "
        "without TLS answers there.",
        fix=(
            FixStep(
                "Without a load balancer that ends TLS:",
                snippet=Snippet("yaml", "turn:\n  external_tls: false"),
            ),
            FixStep("With one, take cert_file and key_file out."),
        ),
        source="livekit-server pkg/service/turn.go, livekit/livekit#3186, livekit/livekit#3353",
        sick=lambda: _turn_example(turn__external_tls="true"),
        near=_turn_example,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        explains=watched.UNRELAYED,
    ),
    _rule(
        "turn-domain-cert",
        "turn",
        "TURN/TLS lacks its domain",
        _turn_domain_or_seen,
        symptoms=(
            _GENERIC,
            "TURN domain required",
            "TURN domain is not correct",
            "TURN tls cert required",
        ),
        cause="TURN/TLS needs a name that clients dial and a certificate for it; without them the server "
        "does not start.",
        how="turn.tls_port is set; domain, cert_file or key_file is not, nor external_tls. Or the name of a "
        "TURN server in the join response has no address, or its certificate does not verify.",
        fix=(
            FixStep(
                "Name the domain:",
                snippet=Snippet("yaml", "turn:\n  domain: turn.example.com"),
            ),
        ),
        source="livekit-server pkg/service/turn.go (NewTurnServer), livekit/livekit#1114",
        sick=lambda: _turn_example(turn__domain=""),
        near=_turn_example,
        explains=(*_DOWN, *watched.UNRELAYED),
    ),
    _rule(
        "turn-private-peer-denied",
        "turn",
        "TURN refuses to relay to the server's private address",
        _turn_peer_denied_or_seen,
        symptoms=watched.NO_MEDIA,
        cause="Since 1.12 LiveKit's own TURN server relays to no private address unless it is allowed, and "
        "node_ip is one: whoever needs TURN gets no media.",
        how="turn is enabled, node_ip is private, allow_restricted_peer_cidrs is empty; or a TURN server "
        "answers 403 to a permission for the server's candidate.",
        fix=(
            FixStep(
                "Allow the server's own network:",
                snippet=Snippet("yaml", "turn:\n  allow_restricted_peer_cidrs:\n    - 10.0.0.0/24"),
            ),
        ),
        source="livekit-server pkg/service/turn.go (permissionHandler), livekit/livekit#4505",
        sick=lambda: _at(_turn_example(rtc__node_ip="10.0.0.5"), "10.0.0.5", HostKind.PRIVATE),
        near=lambda: _at(
            _turn_example(
                rtc__node_ip="10.0.0.5", turn__allow_restricted_peer_cidrs_LIST="10.0.0.0/24"
            ),
            "10.0.0.5",
            HostKind.PRIVATE,
        ),
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        explains=watched.UNRELAYED,
    ),
    _rule(
        "turn-credentials",
        "turn",
        "A TURN server is configured without credentials",
        _turn_credentials_or_seen,
        symptoms=("error with ICE candidate: 701", *watched.NO_MEDIA),
        cause="Clients are told of a TURN server, but of no user name and password for it, and TURN "
        "servers let nobody in without.",
        how="An entry of rtc.turn_servers has neither a secret nor both username and credential; or a TURN "
        "server refuses an Allocate request with the credentials of the join response.",
        fix=(
            FixStep(
                "With coturn's static-auth-secret (livekit-server 1.9 and later):",
                snippet=_TURN_SERVERS,
            ),
        ),
        source="livekit-server pkg/service/roommanager.go (iceServersForParticipant), livekit/livekit#3826",
        sick=lambda: example(
            FINE._replace(
                turn_servers=(TurnServer(f"{_FILE}:9", "turn.example.com", "443", "tls"),)
            )
        ),
        near=lambda: example(
            FINE._replace(
                turn_servers=(
                    TurnServer(f"{_FILE}:9", "turn.example.com", "443", "tls", secret=True),
                )
            )
        ),
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        explains=watched.UNRELAYED,
    ),
)
