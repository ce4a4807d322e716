"""A livekit-server's YAML and variables: whether it starts with them, and who can reach it then."""

import ipaddress
from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never

from lkdoctor import digits
from lkdoctor.config.server_schema import NEWER, numbers, schema, speaking_for
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
    addresses,
)
from lkdoctor.facts.signal import Joined, SignalFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.rules import media as watched
from lkdoctor.rules.answers import fitting, one_line
from lkdoctor.rules.base import Advice, Check, Look, Seen, cause

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
) -> Iterator[Seen]:
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
) -> Seen:
    """What keeps a server from starting with this configuration."""
    known = version is not None
    return Seen(
        (*(_flaw(flaw) for flaw in flaws[:6]), *((version,) if version is not None else ())),
        case=_flaw_case(flaws[0], known=known) + ("-but-it-runs" if known and runs else ""),
        values={"path": flaws[0].path, "newest": schema().versions[-1]},
        steps=tuple(_flaw_fix(flaws)),
        confidence=None
        if any(_is_sure(flaw, asked, known=known) for flaw in flaws)
        else Confidence.LIKELY,
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


def _perhaps_newer(flaws: list[Flaw], version: str) -> Seen:
    """Keys that only a server newer than those on record can know."""
    newest = schema().versions[-1]
    newer = any(flaw.path in NEWER for flaw in flaws)
    places = ", ".join(f"{flaw.path} ({flaw.location})" for flaw in flaws[:4])
    return Seen(
        tuple(_flaw(flaw) for flaw in flaws[:6]),
        case=("of-a-newer-server" if newer else "perhaps-newer")
        + ("" if version else "-version-unknown"),
        values={
            "path": flaws[0].path,
            "newest": newest,
            "version": one_line(version, 20),
            "places": places,
        },
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        location=flaws[0].location,
    )


def _passed_over(flaws: list[Flaw]) -> Seen:
    """Unknown keys of a server that the Helm chart starts."""
    return Seen(
        tuple(_flaw(flaw) for flaw in flaws[:6]),
        case="passed-over",
        values={"path": flaws[0].path},
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        steps=tuple(_flaw_fix(flaws))[:-1],
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


def _flaw_case(flaw: Flaw, *, known: bool) -> str:
    match flaw.what:
        case FlawKind.UNKNOWN:
            return "unknown-key" if known else "key-of-no-version"
        case FlawKind.WRONG_TYPE:
            return "wrong-type"
        case FlawKind.TWICE:
            return "twice"
        case FlawKind.SYNTAX:
            return "no-configuration"


def _flaw_fix(flaws: list[Flaw]) -> Iterator[Advice]:
    unknown = [flaw for flaw in flaws if flaw.what is FlawKind.UNKNOWN]
    if any(flaw.near == "rtc.turn_servers" for flaw in unknown):
        yield Advice("turn-of-your-own")
    for flaw in unknown[:4]:
        where = {"path": flaw.path, "location": flaw.location}
        if flaw.near == "keys":
            yield Advice("indent", where)
        elif flaw.near and flaw.near != "rtc.turn_servers":
            yield Advice("write-instead", {**where, "near": flaw.near})
        elif not flaw.near:
            yield Advice("take-out", where)
    for flaw in [flaw for flaw in flaws if flaw not in unknown][:4]:
        where = {"path": flaw.path, "location": flaw.location}
        match flaw.what:
            case FlawKind.WRONG_TYPE:
                yield Advice("give", {**where, "wanted": flaw.detail.partition(", not ")[0]})
            case FlawKind.TWICE:
                yield Advice("keep-one", where)
            case _:
                yield Advice("whole-yaml")
    yield Advice("start-again")


# ------------------------------------------------------------------ keys


def _keys_format(server_config: ServerConfigFact) -> Iterator[Seen]:
    for problem in server_config.keys_problems:
        yield _keys_problem(problem)
    yield from _no_keys(server_config)
    if server_config.webhook_urls and not server_config.webhook_key_known and server_config.keys:
        where = server_config.where("webhook")
        yield Seen(
            (
                _seen("webhook.api_key", server_config.webhook_key or "not set", "one of keys"),
                _seen("keys", ", ".join(key.name for key in server_config.keys[:4])),
            ),
            case="webhook-key",
            location=where,
        )


def _keys_problem(problem: KeysProblem) -> Seen:
    detail = problem.detail
    match problem.what:
        case KeysFlaw.READABLE_BY_OTHERS:
            return Seen(
                (_seen(problem.location, f"mode {detail}", "nothing for others: 600"),),
                case="readable-by-others",
                location=problem.location,
            )
        case KeysFlaw.NO_BLANK:
            words = ("no blank after the colon", "no-blank")
        case KeysFlaw.NOT_TEXT:
            words = (detail, "not-text")
        case KeysFlaw.NOT_YAML:
            words = (f"not YAML: {detail}", "not-yaml")
        case KeysFlaw.NOT_A_MAPPING:
            words = (detail, "no-mapping")
        case _:
            assert_never(problem.what)
    observed, case = words
    return Seen(
        (_seen(problem.location, observed, "key: secret"),),
        case=case,
        location=problem.location,
    )


def _no_keys(server_config: ServerConfigFact) -> Iterator[Seen]:
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
    yield Seen(
        (_seen(server_config.key_file or server_config.origin, "no keys", "keys: with one pair"),),
        case="no-keys",
        # A chart's may come from a secret, too.
        severity=Severity.WARNING if server_config.chart else None,
        confidence=Confidence.HINT if server_config.chart else Confidence.LIKELY,
        location=server_config.origin,
    )


def _short_secret(server_config: ServerConfigFact) -> Iterator[Seen]:
    if server_config.yes("development"):
        return
    short = [key for key in server_config.keys if key.secret_length < MIN_SECRET]
    if not short:
        return
    empty = [key for key in short if not key.secret_length]
    yield Seen(
        tuple(
            _seen(
                f"secret of {key.name}",
                f"{key.secret_length} characters",
                f"{MIN_SECRET} or more",
            )
            for key in short[:4]
        ),
        case="no-secret" if empty else "",
        values={"key": empty[0].name} if empty else {},
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
) -> Iterator[Seen]:
    fact = server_config
    if not fact.app_key or not fact.keys or _is_other_server(url, api):
        return
    if any(key.ours for key in fact.keys):
        return
    yield Seen(
        (
            _seen("the server's keys", ", ".join(key.name for key in fact.keys[:4]), fact.app_key),
            _seen(f"the app's key ({fact.app_key_origin})", fact.app_key),
        ),
        confidence=None if fact.origin else Confidence.LIKELY,
        location=fact.keys[0].location,
    )


def _secret_differs(
    server_config: ServerConfigFact, url: UrlFact | None = None, api: ApiFact | None = None
) -> Iterator[Seen]:
    if _is_other_server(url, api):
        return
    for key in server_config.keys:
        if key.same_secret is False:
            yield Seen(
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


def _port_invalid(server_config: ServerConfigFact) -> Iterator[Seen]:
    fact = server_config
    udp, ice = _udp_port(fact), _ice_range(fact)
    turn = _port(fact, "turn.udp_port") if fact.yes("turn.enabled") else None
    for port in [*_tcp(fact), *(p for p in (udp, ice, turn) if p is not None)]:
        if not 0 < port.first <= 65535 or not 0 < port.last <= 65535:
            yield Seen(
                (_seen(port.path, port.words, "1 to 65535"),),
                case="no-port",
                values={"path": port.path, "port": port.words},
                location=port.location,
            )
        elif port.last < port.first:
            yield _reversed(port)
    start, end = fact.number("turn.relay_range_start"), fact.number("turn.relay_range_end")
    if fact.yes("turn.enabled") and 0 < end < start:
        where = fact.where("turn.relay_range_start")
        yield _reversed(_Port("turn.relay_range", start, end, where))
    if fact.yes("turn.enabled") and fact.number("turn.tls_port") <= 0 and not turn:
        yield Seen(
            (_seen("turn", "enabled, without udp_port and tls_port", "one of them"),),
            case="turn-without",
            location=fact.where("turn.enabled"),
        )


def _reversed(port: _Port) -> Seen:
    return Seen(
        (_seen(port.path, f"{port.first} to {port.last}", "the lower port first"),),
        case="reversed",
        values={"path": port.path},
        location=port.location,
    )


def _port_clash(server_config: ServerConfigFact) -> Iterator[Seen]:
    own = [port for port in _tcp(server_config) if port.path != "turn.tls_port"]
    for index, port in enumerate(own):
        for other in own[index + 1 :]:
            if port.first == other.first:
                yield Seen(
                    (_seen(port.path, port.words), _seen(other.path, other.words, "another port")),
                    case="two",
                    values={"path": port.path, "other": other.path},
                    location=other.location,
                )


def _turn_conflict(server_config: ServerConfigFact) -> Iterator[Seen]:
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
            yield Seen(
                (_seen(turn.path, turn.words), _seen(other.path, other.words, "another port")),
                case="taken",
                values={"path": turn.path, "other": other.path},
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
        yield Seen(
            (
                _seen(relay.path, relay.words),
                _seen(media.path, media.words, f"outside {relay.words}"),
            ),
            case="relay-range",
            location=relay.location,
        )


def _udp_ignored(server_config: ServerConfigFact) -> Iterator[Seen]:
    fact = server_config
    udp, ice = _udp_port(fact), _ice_range(fact)
    start = fact.number("rtc.port_range_start")
    if udp is not None and ice is not None:
        yield Seen(
            (
                _seen(udp.path, udp.words, "not together with a range"),
                _seen("port_range", f"{ice.words}: this counts"),
            ),
            location=udp.location,
        )
    elif start and not ice and udp is None:
        yield Seen(
            (_seen("rtc.port_range_start", str(start), "port_range_end beside it"),),
            case="no-end",
            location=fact.where("rtc.port_range_start"),
        )


def _port_differs(
    server_config: ServerConfigFact,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Seen]:
    parsed, fact = _parsed(url), server_config
    # With TLS there is a proxy between, which has a port of its own.
    if not fact.origin or parsed is None or parsed.secure or parsed.host_kind is HostKind.CLOUD:
        return
    own = fact.number("port", DEFAULT_PORT)
    if parsed.port == own or (network and any(isinstance(t, TcpConnected) for t in network.tcp)):
        return
    yield Seen(
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
) -> Iterator[Seen]:
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
    yield Seen(
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
) -> Iterator[Seen]:
    entry, parsed = _node_ip(server_config), _parsed(url)
    if entry is None or (parsed is not None and parsed.host_kind is HostKind.LOOPBACK):
        return
    bad = [a for a in addresses(entry.text) if a.is_loopback or a.is_unspecified]
    if bad and len(bad) == len(addresses(entry.text)):
        known = parsed is not None and parsed.host_kind is not HostKind.CLOUD
        yield Seen(
            (_seen(entry.path, entry.text, "an address that clients reach"),),
            severity=None if known else Severity.WARNING,
            confidence=None if known else Confidence.LIKELY,
            location=entry.location,
        )


def _private_node_ip(
    server_config: ServerConfigFact,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Seen]:
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
    yield Seen(
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
) -> Iterator[Seen]:
    fact = server_config
    running = _version(signal)
    if running and numbers(running) < (1, 6):
        return  # there node_ip counts
    variable = fact.variable("NODE_IP")
    entry = fact.entry("rtc.node_ip")
    if not fact.yes("rtc.use_external_ip") or (entry is None and variable is None):
        return
    text = variable.text if variable else entry.text if entry else ""
    yield Seen(
        (
            _seen("rtc.use_external_ip", "true: the address is asked of a STUN server"),
            _seen("NODE_IP" if variable else "rtc.node_ip", f"{text}: not used"),
        ),
        location=fact.where("rtc.use_external_ip"),
    )


def _variable_ignored(
    server_config: ServerConfigFact, signal: SignalFact | None = None
) -> Iterator[Seen]:
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
        yield Seen(
            (_seen(f"{name} ({variable.origin})", variable.text or "set", right),),
            case="name",
            values={"name": name, "right": right, "value": variable.text},
            confidence=None if certain else Confidence.LIKELY,
            location=variable.origin if ":" in variable.origin else None,
        )


# ------------------------------------------------------------------ TURN


def _tls_port(fact: ServerConfigFact) -> int:
    """The port of the embedded TURN/TLS server; 0 where there is none."""
    return fact.number("turn.tls_port") if fact.yes("turn.enabled") else 0


def _turn_443(server_config: ServerConfigFact, url: UrlFact | None = None) -> Iterator[Seen]:
    fact, parsed, port = server_config, _parsed(url), _tls_port(server_config)
    domain = fact.text("turn.domain")
    if port <= 0 or not domain:
        return
    shared = parsed is not None and parsed.secure and parsed.port == 443
    if shared and parsed is not None and parsed.host == domain.lower():
        yield Seen(
            (
                _seen("turn.domain", domain, "a name of its own"),
                _seen("host of the URL", f"{parsed.host} port 443"),
            ),
            case="name-and-port",
            location=fact.where("turn.domain"),
        )
    elif port != 443 and not fact.yes("turn.external_tls") and not fact.chart:
        # The chart's own load balancer carries 443 to it.
        yield Seen(
            (
                _seen("turn.tls_port", str(port), "443"),
                _seen("clients are told", f"turns:{domain}:443?transport=tcp"),
            ),
            location=fact.where("turn.tls_port"),
        )


def _turn_external_tls(server_config: ServerConfigFact) -> Iterator[Seen]:
    fact = server_config
    if _tls_port(fact) > 0 and fact.yes("turn.external_tls") and fact.text("turn.cert_file"):
        yield Seen(
            (
                _seen("turn.external_tls", "true: TURN is served without TLS"),
                _seen("turn.cert_file", "set, and not used", "not beside external_tls"),
            ),
            location=fact.where("turn.external_tls"),
        )


def _turn_domain(server_config: ServerConfigFact) -> Iterator[Seen]:
    fact = server_config
    if _tls_port(fact) <= 0:
        return
    domain = fact.text("turn.domain")
    if not domain or not _is_domain(domain):
        yield Seen(
            (_seen("turn.domain", domain or "not set", "turn.example.com"),),
            case="" if not domain else "no-domain",
            values={"domain": domain},
            location=fact.where("turn.domain") or fact.where("turn.tls_port"),
        )
    pairs = (("turn.cert_file", "LIVEKIT_TURN_CERT"), ("turn.key_file", "LIVEKIT_TURN_KEY"))
    missing = [p for p, v in pairs if not fact.text(p) and not fact.variable(v)]
    if fact.chart:
        return  # it mounts the certificate, and says where in these variables
    if missing and not fact.yes("turn.external_tls"):
        # Its variables may be set where the server runs.
        yield Seen(
            tuple(_seen(path, "not set", "a PEM file") for path in missing),
            case="no-certificate",
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
) -> Iterator[Seen]:
    fact, entry = server_config, _node_ip(server_config)
    running = _version(signal)
    if entry is None or not fact.yes("turn.enabled") or (running and numbers(running) < (1, 12)):
        return
    found = addresses(entry.text)
    allowed = fact.items("turn.allow_restricted_peer_cidrs")
    if found and not allowed and all(_is_private(address) for address in found):
        yield Seen(
            (
                _seen(entry.path, entry.text),
                _seen("turn.allow_restricted_peer_cidrs", "not set", "a range with that address"),
            ),
            location=fact.where("turn.enabled"),
        )


def _turn_credentials(server_config: ServerConfigFact) -> Iterator[Seen]:
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
        yield Seen(
            (_seen(f"credentials of {server.host or 'a server'}", has, "secret, or both"),),
            location=server.location,
        )


def _redis_missing(server_config: ServerConfigFact) -> Iterator[Seen]:
    fact = server_config
    if fact.redis or fact.variable("REDIS_HOST"):
        return
    needing = [name for name in ("ingress", "sip") if name in fact.sections]
    if needing:
        yield Seen(
            (
                _seen(", ".join(needing), "configured"),
                _seen("redis", "not configured", "redis: address: HOST:6379"),
            ),
            location=fact.origin or None,
        )


# ------------------------------------------------------------------ written, or seen


def _either(seen: Iterator[Seen], written: Iterator[Seen] | None) -> Iterator[Seen]:
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
) -> Iterator[Seen]:
    written = None if server_config is None else _loopback_node_ip(server_config, url)
    yield from _either(iter(()) if media is None else watched.loopback_candidates(media), written)


def _private_node_ip_or_seen(
    server_config: ServerConfigFact | None = None,
    url: UrlFact | None = None,
    network: NetworkFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
    written = None if server_config is None else _private_node_ip(server_config, url, network)
    yield from _either(iter(()) if media is None else watched.private_candidates(media), written)


def _turn_443_or_seen(
    server_config: ServerConfigFact | None = None,
    url: UrlFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
    written = None if server_config is None else _turn_443(server_config, url)
    yield from _either(iter(()) if media is None else watched.turn_443(media), written)


def _turn_external_tls_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
    written = None if server_config is None else _turn_external_tls(server_config)
    yield from _either(iter(()) if media is None else watched.turn_tls(media), written)


def _turn_domain_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
    written = None if server_config is None else _turn_domain(server_config)
    yield from _either(iter(()) if media is None else watched.turn_domain(media), written)


def _turn_peer_denied_or_seen(
    server_config: ServerConfigFact | None = None,
    signal: SignalFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
    written = None if server_config is None else _turn_peer_denied(server_config, signal)
    yield from _either(iter(()) if media is None else watched.peer_denied(media), written)


def _turn_credentials_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
    written = None if server_config is None else _turn_credentials(server_config)
    yield from _either(iter(()) if media is None else watched.turn_credentials(media), written)


def _turn_conflict_or_seen(
    server_config: ServerConfigFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Seen]:
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


RULES: Final = (
    cause("env-config-strict", _strict),
    cause("env-server-keys-format", _keys_format),
    cause("config-secret-short", _short_secret),
    cause("config-key-unknown", _key_unknown),
    cause("config-secret-differs", _secret_differs),
    cause("config-port-invalid", _port_invalid),
    cause("config-port-clash", _port_clash),
    cause("turn-port-conflict", _turn_conflict_or_seen),
    cause("config-udp-ignored", _udp_ignored),
    cause("config-port-differs", _port_differs),
    cause("config-bind-loopback", _bind_loopback),
    cause("ice-loopback-node-ip", _loopback_node_ip_or_seen),
    cause("ice-private-candidates", _private_node_ip_or_seen),
    cause("ice-external-ip-discovery", _external_ip),
    cause("env-server-var-ignored", _variable_ignored),
    cause("config-redis-missing", _redis_missing),
    cause("turn-tls-443-hardcoded", _turn_443_or_seen),
    cause("turn-external-tls", _turn_external_tls_or_seen),
    cause("turn-domain-cert", _turn_domain_or_seen),
    cause("turn-private-peer-denied", _turn_peer_denied_or_seen),
    cause("turn-credentials", _turn_credentials_or_seen),
)
