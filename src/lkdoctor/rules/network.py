"""Whether the name resolves and the port opens, seen from this machine."""

from collections.abc import Iterator
from typing import Final, assert_never

from lkdoctor import shell
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer
from lkdoctor.facts.media import MediaFact, Outcome
from lkdoctor.facts.network import (
    AddressLook,
    Direct,
    DnsAnswer,
    Family,
    NameNotFound,
    NetworkFact,
    OwnLimit,
    Resolved,
    ResolverFailed,
    TcpAttempt,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
    Tunnel,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import SignalFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import (
    duration,
    fitting,
    heard,
    is_livekit,
    is_pasteable,
    is_root_ok,
    one_line,
    said,
)
from lkdoctor.rules.base import Check, Effect, Judgement, Rule, Unsure
from lkdoctor.rules.examples import answer, healthy, no_answer

_FAILED_TO_FETCH: Final = "could not establish signal connection: Failed to fetch"


def _kind(url: UrlFact | None) -> HostKind | None:
    return url.result.host_kind if url and isinstance(url.result, ParsedUrl) else None


def _endpoint(attempt: TcpAttempt) -> str:
    plain = one_line(attempt.address, 60)
    address = f"[{plain}]" if ":" in plain else plain
    return f"{address}:{attempt.port}"


def _outcome(attempt: TcpAttempt) -> str:
    took = duration(attempt.took_ms)
    match attempt:
        case TcpConnected():
            return f"open, {took}"
        case TcpRefused():
            return f"refused after {took}"
        case TcpTimedOut():
            return f"no answer in {took}"
        case TcpUnreachable(error=error):
            return one_line(error) or "no route"
        case OwnLimit(error=error):
            return f"not tried: {one_line(error)}"
        case _:
            assert_never(attempt)


def attempts(network: NetworkFact) -> tuple[Evidence, ...]:
    return (
        *(
            Evidence(f"TCP {_endpoint(attempt)}", _outcome(attempt), "open", "net")
            for attempt in network.tcp
        ),
        *_proxy(network),
    )


def _proxy(network: NetworkFact) -> tuple[Evidence, ...]:
    if network.proxy is None:
        return ()
    text = "set: some clients would go through that proxy, this look did not"
    return (Evidence(one_line(network.proxy, 40), text, None, "env"),)


def _has(network: NetworkFact, kind: type[TcpAttempt]) -> bool:
    return any(isinstance(attempt, kind) for attempt in network.tcp)


# dns-nxdomain


def _nxdomain(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Judgement]:
    if not isinstance(network.dns, NameNotFound) or network.through is not None:
        return
    host = network.host
    if network.family is Family.ANY:
        title, expected = f"{host} does not exist", "at least one address"
    else:
        family = "IPv4" if network.family is Family.IPV4 else "IPv6"
        title, expected = f"{host} has no {family} address", f"an {family} address"
    observed = f"{one_line(network.dns.error) or 'no such name'} ({duration(network.dns.took_ms)})"
    yield Judgement(
        evidence=(
            Evidence(f"DNS {one_line(host, 80)}", observed, expected, "net"),
            *_proxy(network),
        ),
        title=fitting(title),
        fix=_NXDOMAIN_FIX.get(_kind(url), ()),
    )


_NXDOMAIN_FIX: Final[dict[HostKind | None, tuple[FixStep, ...]]] = {
    HostKind.CLOUD: (
        FixStep(
            "Copy the URL again from the project's settings (https://cloud.livekit.io, Settings, "
            "Project): one wrong letter is another project, and a deleted project loses its name."
        ),
        FixStep("Put it where the app reads it, and restart the app: LIVEKIT_URL=wss://…"),
    ),
    HostKind.SINGLE_LABEL: (
        FixStep(
            "A name without a dot exists only where somebody defined it, such as inside a compose "
            "network. From anywhere else use a name that DNS knows, or localhost and the published port:",
            snippet=Snippet("dotenv", "LIVEKIT_URL=ws://localhost:7880"),
        ),
        FixStep(
            "Keep two variables where both sides need one: internal for servers, public for browsers."
        ),
    ),
}

# dns-resolver-failed


def _resolver_failed(network: NetworkFact) -> Iterator[Judgement]:
    if not isinstance(network.dns, ResolverFailed) or network.through is not None:
        return
    observed = f"{one_line(network.dns.error) or 'no answer'} ({duration(network.dns.took_ms)})"
    yield Judgement(
        evidence=(
            Evidence(
                f"DNS {one_line(network.host, 80)}", observed, "an address, or a clear no", "net"
            ),
            *_proxy(network),
        )
    )


# own-limit


def _own_limit(
    network: NetworkFact,
    server: ServerFact | None = None,
    signal: SignalFact | None = None,
    api: ApiFact | None = None,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    if isinstance(network.dns, OwnLimit):
        label = f"DNS {one_line(network.through.host if network.through else network.host, 80)}"
        said_so = [(label, network.dns.error)]
        check = CHECKS[0]
    else:
        check = CHECKS[1]
        said_so = [
            (f"TCP {_endpoint(attempt)}", attempt.error)
            for attempt in network.tcp
            if isinstance(attempt, OwnLimit) and network.connected is None
        ]
        asked = [(one.label, one.exchange) for one in heard(server, signal)]
        if api is not None and isinstance(api.rooms, ForeignAnswer):
            asked.append(("the server API", api.rooms.exchange))
        said_so += [
            (label, exchange.detail)
            for label, exchange in asked
            if isinstance(exchange, NoAnswer) and exchange.problem is Silence.OWN_LIMIT
        ]
        tried = (
            []
            if media is None
            else [
                *((c.place, c.tried) for c in (*media.candidates, *media.elsewhere)),
                *((ice.url, ice.connect) for ice in media.servers),
            ]
        )
        said_so += [
            (one_line(place, 60), one.detail)
            for place, one in tried
            if one.outcome is Outcome.UNTRIED and one.detail
        ]
    if said_so:
        words = one_line(said_so[0][1])
        yield Judgement(
            tuple(
                Evidence(label, f"not tried: {one_line(why)}", "a connection", "env")
                for label, why in said_so[:8]
            ),
            title=fitting(words[:1].upper() + words[1:]),
            check=check,
        )


# dns-wrong-target


def _at(look: AddressLook) -> Evidence:
    """What one address said."""
    port = look.tcp.port if look.tcp is not None else 0
    where = f"[{look.address}]:{port}" if ":" in look.address else f"{look.address}:{port}"
    if look.tcp is None:
        return Evidence(f"TCP {where}", "not tried: no time was left", None, "net")
    parts: list[str] = [] if isinstance(look.tcp, TcpConnected) else [_outcome(look.tcp)]
    if look.tls and look.tls != "established":
        named = f" ({one_line(look.certificate, 60)})" if look.certificate else ""
        parts.append(f"TLS {look.tls}{named}")
    if look.root is not None:
        parts.append(f"GET / {one_line(said(look.root), 60)}")
    if look.validation is not None:
        parts.append(f"validate {one_line(said(look.validation), 60)}")
    return Evidence(f"TCP {where}", "; ".join(parts), "LiveKit's own answers", "net")


def _is_there(look: AddressLook) -> bool:
    """Whether LiveKit answered at this address."""
    return any(
        exchange is not None and (is_root_ok(exchange) or is_livekit(exchange))
        for exchange in (look.root, look.validation)
    )


def _wrong_target(network: NetworkFact) -> Iterator[Judgement]:
    there = [look for look in network.each if _is_there(look)]
    elsewhere = [
        look
        for look in network.each
        # A machine without IPv6 is no fault of the server's, nor is localhost on IPv4 alone.
        if isinstance(look.tcp, TcpConnected) and not _is_there(look)
    ]
    if not there or not elsewhere:
        return
    host = network.host if is_pasteable(network.host) else "YOUR-HOST"
    yield Judgement(
        tuple(_at(look) for look in network.each),
        title=fitting(f"One address of {network.host} is not LiveKit's")
        if len(elsewhere) == 1
        else fitting(f"{len(elsewhere)} addresses of {network.host} are not LiveKit's"),
        fix=(
            FixStep(
                f"Remove the record of {', '.join(one_line(look.address, 40) for look in elsewhere)}, or "
                "let LiveKit answer there, too:",
                command=_both_records(host),
            ),
            FixStep("Test every address again:", command="lkdoctor ws-probe --all-addresses"),
        ),
    )


# dev-bind-loopback


def _loopback_only(network: NetworkFact) -> Iterator[Judgement]:
    if network.loopback is None or not is_root_ok(network.loopback):
        return
    yield Judgement(
        (
            *attempts(network),
            Evidence(f"GET / of 127.0.0.1:{network.port}", said(network.loopback), None, "net"),
        )
    )


# tcp-refused, tcp-timeout, tcp-unreachable


def _refused(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Judgement]:
    kind = _kind(url)
    if not _has(network, TcpRefused) or network.through is not None:
        return
    if network.connected is not None:
        # localhost is ::1 and 127.0.0.1, and a server that listens on one of them is in order.
        if kind is not HostKind.LOOPBACK:
            yield _partial(network, TcpRefused, "refuses connections")
        return
    yield Judgement(
        evidence=attempts(network),
        title=fitting(f"Nothing listens on port {network.port} of {network.host}"),
        fix=_refused_fix(kind, network.port),
    )


def _timed_out(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Judgement]:
    if not _has(network, TcpTimedOut) or network.through is not None:
        return
    if network.connected is not None:
        yield _partial(network, TcpTimedOut, "does not answer")
    elif not _has(network, TcpRefused):
        yield Judgement(
            evidence=attempts(network),
            title=fitting(f"Port {network.port} of {network.host} does not answer"),
            fix=_CLOUD_FILTERED if _kind(url) is HostKind.CLOUD else (),
        )


def _unreachable(network: NetworkFact) -> Iterator[Judgement]:
    if network.through is not None:
        return  # proxy-outbound-unreachable
    if network.tcp and all(isinstance(attempt, TcpUnreachable) for attempt in network.tcp):
        yield Judgement(
            evidence=attempts(network),
            title=fitting(f"This machine has no route to {network.host}"),
        )


def _partial(network: NetworkFact, kind: type[TcpAttempt], does: str) -> Judgement:
    """One address of several fails; clients go on to the next, so the user loses time at most."""
    bad = next(attempt for attempt in network.tcp if isinstance(attempt, kind))
    host = network.host if is_pasteable(network.host) else "YOUR-HOST"
    return Judgement(
        evidence=attempts(network),
        title=fitting(f"One address of {network.host} {does}"),
        cause=f"{_endpoint(bad)} {does}, another address of the same name answers. Clients that can "
        "use only the first kind of address fail, the others lose a moment.",
        severity=Severity.INFO,
        confidence=Confidence.HINT,
        fix=(
            FixStep(
                "Let LiveKit or its proxy listen on every address that DNS gives, or remove the record."
            ),
            FixStep(
                "Look at both families:",
                command=shell.then("lkdoctor ws-probe --ipv6", _both_records(host)),
            ),
        ),
    )


# proxy-outbound-*: a forward proxy, which the environment or --proxy names


def _named(through: Tunnel) -> str:
    """As in ``HTTPS_PROXY, proxy.example.com:3128``."""
    host = f"[{through.host}]" if ":" in through.host else through.host
    return f"{one_line(through.origin, 40)}, {one_line(host, 60)}:{through.port}"


def _asked_for(network: NetworkFact, through: Tunnel) -> Evidence:
    """What CONNECT was answered, or how far it came."""
    label = f"CONNECT {one_line(network.host, 60)}:{network.port}"
    if through.answer is None:
        return Evidence(label, "not asked: the proxy was not reached", "200", "net")
    return Evidence(label, said(through.answer), "200", "net")


def _to_proxy(network: NetworkFact, through: Tunnel) -> tuple[Evidence, ...]:
    named = Evidence("proxy", _named(through), None, "env")
    if isinstance(network.dns, Resolved):
        attempts = (
            Evidence(f"TCP {_endpoint(a)}", _outcome(a), "open", "net") for a in network.tcp
        )
        return (named, *attempts)
    error = one_line(network.dns.error) or "no answer"
    return (named, Evidence(f"DNS {one_line(through.host, 60)}", error, "an address", "net"))


def _past_proxy(network: NetworkFact) -> tuple[Evidence, ...]:
    """What clients see that do not honour the proxy."""
    direct = network.direct
    if direct is None:
        return ()
    label = f"{one_line(network.host, 60)}:{network.port} without the proxy"
    if not isinstance(direct.dns, Resolved):
        observed = f"no address: {one_line(direct.dns.error, 80)}"
    elif direct.open:
        observed = "open: clients that do not honour the proxy get there"
    else:
        observed = _outcome(direct.tcp[-1]) if direct.tcp else "not tried"
    return (Evidence(label, observed, None, "net"),)


def _both_records(host: str) -> str:
    return shell.then(
        shell.command("dig", "+short", "A", *shell.name(host)),
        shell.command("dig", "+short", "AAAA", *shell.name(host)),
    )


def _around(network: NetworkFact) -> tuple[FixStep, ...]:
    """The way past a proxy that does not work, where there is one."""
    if network.direct is None or not network.direct.open or not is_pasteable(network.host):
        return ()
    return (
        FixStep(
            "The server can be reached without the proxy; let clients go there directly:",
            command=shell.exported(
                "NO_PROXY", network.host, shell.Fixed("${NO_PROXY:+,$NO_PROXY}")
            ),
        ),
        FixStep("Test that way:", command="lkdoctor ws-probe --no-proxy"),
    )


def _proxy_unreachable(network: NetworkFact) -> Iterator[Judgement]:
    through = network.through
    if through is None or network.connected is not None:
        return
    around = _around(network)
    yield Judgement(
        (*_to_proxy(network, through), *_past_proxy(network)),
        title=fitting(f"The proxy {through.host}:{through.port} cannot be reached"),
        fix=(*around, *_REPAIR_VARIABLE) if around else (),
    )


def _answered(network: NetworkFact) -> tuple[Tunnel, Exchange] | None:
    """The proxy that was reached and did not make the tunnel, and what it said."""
    through = network.through
    if through is None or through.answer is None or through.open:
        return None
    return through, through.answer


_WANTS_LOG_IN: Final = {401, 407}
"""407 is the word for it; tinyproxy says 401 where the credentials are wrong."""


def _is_proxys_own(reply: HttpAnswer) -> bool:
    """Whether a forward proxy says such a thing; a web server knows no CONNECT."""
    return reply.status not in {400, 404, 405, 501} and not 300 <= reply.status < 400


def _proxy_auth(network: NetworkFact) -> Iterator[Judgement]:
    answered = _answered(network)
    if answered is None:
        return
    through, reply = answered
    if not isinstance(reply, HttpAnswer) or reply.status not in _WANTS_LOG_IN:
        return
    wants = reply.header("proxy-authenticate")
    offered = "a user and a password" if through.credentials else "none"
    scheme = (Evidence("Proxy-Authenticate", one_line(wants, 80), "Basic", "net"),) if wants else ()
    basic = wants is None or wants.lower().lstrip().startswith("basic")
    yield Judgement(
        (
            *_to_proxy(network, through),
            _asked_for(network, through),
            *scheme,
            Evidence("credentials in its URL", offered, None, "env"),
            *_past_proxy(network),
        ),
        title="The proxy refuses the credentials in its URL" if through.credentials else None,
        cause=None
        if basic
        else "The proxy wants a way to log in (NTLM, Negotiate, Digest) that no client of LiveKit "
        "speaks: they know user and password (Basic) only.",
        fix=() if basic else (_LOCAL_PROXY, *_around(network)),
    )


def _proxy_refused(network: NetworkFact) -> Iterator[Judgement]:
    answered = _answered(network)
    if answered is None:
        return
    through, reply = answered
    if (
        not isinstance(reply, HttpAnswer)
        or reply.status in _WANTS_LOG_IN
        or not _is_proxys_own(reply)
    ):
        return
    gateway = reply.status in {500, 502, 503, 504}
    yield Judgement(
        (
            *_to_proxy(network, through),
            _asked_for(network, through),
            *_past_proxy(network),
        ),
        title=fitting(f"The proxy cannot reach {network.host}:{network.port}")
        if gateway
        else fitting(f"The proxy does not let {network.host}:{network.port} through"),
        cause=_PROXY_CANNOT if gateway else None,
        confidence=None if reply.status == 403 or gateway else Confidence.LIKELY,
        fix=(*_around(network), *_FROM_THE_PROXY) if gateway else (),
    )


def _proxy_invalid(network: NetworkFact) -> Iterator[Judgement]:
    answered = _answered(network)
    if answered is None:
        return
    through, reply = answered
    if isinstance(reply, HttpAnswer) and _is_proxys_own(reply):
        return
    silent = isinstance(reply, NoAnswer) and reply.problem in {Silence.TIMEOUT, Silence.SLOW}
    yield Judgement(
        (*_to_proxy(network, through), _asked_for(network, through), *_past_proxy(network)),
        title="The proxy takes the request and does not answer" if silent else None,
        cause=_PROXY_SILENT if silent else None,
        confidence=Confidence.LIKELY if silent or isinstance(reply, HttpAnswer) else None,
    )


def _outbound_client(network: NetworkFact) -> Iterator[Judgement]:
    through, direct = network.through, network.direct
    if through is None or not through.open or direct is None or direct.open:
        return
    if not direct.tcp and isinstance(direct.dns, Resolved):
        return  # the run was over before it was tried
    yield Judgement(
        (
            *_to_proxy(network, through),
            _asked_for(network, through),
            *_past_proxy(network),
        )
    )


_WHO_HONOURS: Final = (
    "Browsers take the system's proxy. lk and LiveKit's agents take HTTPS_PROXY and HTTP_PROXY, and so do "
    "the SDKs with the Rust core (Python, Node.js, Unity; since April 2025, without NO_PROXY). livekit-api "
    "and most other server SDKs go directly."
)
"""livekit-cli (Go, httpproxy.FromEnvironment), livekit-agents worker.py, rust-sdks livekit-net
src/native/proxy.rs (pull request 623), livekit-api livekit_api.py (a session without trust_env)."""

_PROXY_CANNOT: Final = (
    "The proxy takes the request, tries to connect to the server and fails: the name does not resolve there, "
    "the port is closed to it, or the server is down."
)

_PROXY_SILENT: Final = (
    "The proxy accepts the connection, and the request for the tunnel gets no answer: it waits for a server "
    "that it cannot reach, it is overloaded, or it is no HTTP proxy."
)

_REPAIR_VARIABLE: Final = (
    FixStep(
        "Correct the variable, or take it away where no proxy is needed:",
        command="env | grep -i _proxy; unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY",
    ),
)

_FROM_THE_PROXY: Final = (
    FixStep(
        "From the proxy's own machine, see whether the server answers OK:",
        command="curl -si https://rtc.example.com/",
    ),
)

_LOCAL_PROXY: Final = FixStep(
    "Run a small proxy beside the app that logs in for it (cntlm, px), and name that one:",
    command="export HTTPS_PROXY=http://127.0.0.1:3128",
)


def _refused_fix(kind: HostKind | None, port: int) -> tuple[FixStep, ...]:
    if kind is HostKind.CLOUD:
        return _CLOUD_FILTERED
    if kind is HostKind.LOOPBACK:
        return (
            FixStep(
                "Start the server, and read its first lines where it ends again:",
                command="livekit-server --dev",
            ),
            FixStep(
                "In Docker, publish the port and listen outside the container's own loopback:",
                command=shell.command(
                    *("docker", "run", "--rm", "-p", f"{port}:7880"),
                    *("livekit/livekit-server", "--dev", "--bind"),
                    "0.0.0.0",  # noqa: S104 - an advice for a container
                ),
            ),
            FixStep(
                "If this program runs in a container itself, localhost is that container: use the "
                "service's name, or host.docker.internal."
            ),
        )
    return ()


_CLOUD_FILTERED: Final = (
    FixStep(
        "LiveKit Cloud answers on 443 everywhere, so something between here and there says no: "
        "let *.livekit.cloud 443/tcp out of the firewall, VPN or container network of this machine."
    ),
    FixStep("Compare from another network (a phone's hotspot):", command="lkdoctor ws-probe"),
)


def _count(addresses: tuple[str, ...]) -> str:
    six = sum(":" in address for address in addresses)
    four = len(addresses) - six
    parts = [f"{n} {name}" for n, name in ((four, "IPv4"), (six, "IPv6")) if n]
    return f"{' and '.join(parts)} address{'' if len(addresses) == 1 else 'es'}"


def _look_dns(network: NetworkFact) -> str | Unsure:
    if network.through is not None:
        return fitting(f"left to the proxy ({_named(network.through)})") or "left to the proxy"
    if not isinstance(network.dns, Resolved):
        return Unsure("the name could not be resolved")
    if network.dns.literal:
        return "the URL holds the address"
    return _count(network.dns.addresses)


def _look_tcp(network: NetworkFact) -> str | Unsure | None:
    through = network.through
    if through is not None:
        if isinstance(through.answer, HttpAnswer) and through.open:
            took = duration(through.answer.took_ms)
            return f"the proxy opens port {network.port}, {took}"
        return Unsure("no way through the proxy")
    if network.connected is not None:
        return f"port {network.connected.port} open, {duration(network.connected.took_ms)}"
    return Unsure("no connection, for no single reason") if network.tcp else None


CHECKS: Final = (
    Check(
        id="net.dns",
        layer=Layer.NETWORK,
        title="The name has an address",
        look=_look_dns,
        effect=Effect.NETWORK,
    ),
    Check(
        id="net.tcp",
        layer=Layer.NETWORK,
        title="The signalling port accepts connections",
        look=_look_tcp,
        needs=("net.dns",),
        effect=Effect.NETWORK,
    ),
)


_RESOLVED: Final = Resolved(("203.0.113.10",), 12.0)


def _network(dns: DnsAnswer, *tcp: TcpAttempt) -> NetworkFact:
    return NetworkFact("rtc.example.com", 443, Family.ANY, dns, tcp)


def _stopped(dns: DnsAnswer, *tcp: TcpAttempt) -> Facts:
    """A run that came no further than this."""
    return Facts(url=healthy().url, network=_network(dns, *tcp))


def _sick_dns() -> Facts:
    return _stopped(NameNotFound("Name or service not known", 18.0))


def _sick_resolver() -> Facts:
    return _stopped(ResolverFailed("Temporary failure in name resolution", 5003.0))


def _sick_refused() -> Facts:
    return _stopped(_RESOLVED, TcpRefused("203.0.113.10", 443, 24.0))


def _sick_timeout() -> Facts:
    return _stopped(_RESOLVED, TcpTimedOut("203.0.113.10", 443, 5000.0))


def _sick_unreachable() -> Facts:
    no_route = TcpUnreachable("2001:db8::10", 443, "Network is unreachable", 0.1)
    return _stopped(Resolved(("2001:db8::10",), 12.0), no_route)


def _dual_stack() -> Facts:
    """A machine without IPv6 reaches a server with both: the ordinary case."""
    return healthy()._replace(
        network=_network(
            Resolved(("2001:db8::10", "203.0.113.10"), 12.0),
            TcpUnreachable("2001:db8::10", 443, "Network is unreachable", 0.1),
            TcpConnected("203.0.113.10", 443, 24.0),
        )
    )


def _through(
    reply: Exchange | None, *, direct: bool | None = None, to_proxy: TcpAttempt | None = None
) -> NetworkFact:
    """A forward proxy that answers so, and whether the server is there without it."""
    past = {
        True: Direct(_RESOLVED, (TcpConnected("203.0.113.10", 443, 24.0),)),
        False: Direct(_RESOLVED, (TcpTimedOut("203.0.113.10", 443, 3000.0),)),
        None: None,
    }[direct]
    return NetworkFact(
        "rtc.example.com",
        443,
        Family.ANY,
        Resolved(("192.0.2.80",), 2.0),
        (to_proxy or TcpConnected("192.0.2.80", 3128, 1.0),),
        through=Tunnel("HTTPS_PROXY", "proxy.example.com", 3128, credentials=False, answer=reply),
        direct=past,
    )


_TUNNEL: Final = answer(200)


def _sick_proxy(reply: Exchange | None, to_proxy: TcpAttempt | None = None) -> Facts:
    return Facts(url=healthy().url, network=_through(reply, direct=False, to_proxy=to_proxy))


def _by_proxy(*, direct: bool) -> Facts:
    """All is well through the proxy."""
    return healthy()._replace(network=_through(_TUNNEL, direct=direct))


def _two_addresses(second: HttpAnswer) -> Facts:
    """A name with two addresses; the second answers ``GET /`` so."""
    success = answer(200, "success")
    addresses = ("203.0.113.10", "203.0.113.11")
    looks = tuple(
        AddressLook(address, TcpConnected(address, 443, 24.0), "established", "", root, validation)
        for address, root, validation in (
            (addresses[0], answer(200, "OK"), success),
            (addresses[1], second, success if second.status == 200 else second),
        )
    )
    found = _network(Resolved(addresses, 12.0), TcpConnected(addresses[0], 443, 24.0))
    return healthy()._replace(network=found._replace(each=looks))


_HONOURED_BY: Final = (
    "RFC 9110 §9.3.6, livekit/rust-sdks livekit-net/src/native/proxy.rs, livekit/rust-sdks#623, "
    "livekit/agents livekit-agents/livekit/agents/worker.py (http_proxy), livekit/python-sdks "
    "livekit-api/livekit/api/livekit_api.py"
)


RULES: Final = (
    Rule(
        code="dns-nxdomain",
        check="net.dns",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The server's name does not exist",
        symptoms=(
            _FAILED_TO_FETCH,
            "net::ERR_NAME_NOT_RESOLVED",
            "getaddrinfo ENOTFOUND",
            "Name or service not known",
        ),
        cause="DNS has no address for the host of the URL: a typo, a project that was deleted or "
        "renamed, a record that was never created, or a name that exists only inside a container "
        "network or behind a VPN.",
        how="The resolver of this machine is asked for the host's addresses and says that there are none.",
        fix=(
            FixStep(
                "Compare the host of the URL letter by letter with what the server's operator gave you."
            ),
            FixStep(
                "If the server is yours, create the record and wait for its TTL:",
                snippet=Snippet("dns", "rtc.example.com.  300  IN  A  203.0.113.10"),
            ),
            FixStep(
                "See whether another resolver knows it (a private zone, a VPN):",
                command="dig +short rtc.example.com @1.1.1.1",
            ),
        ),
        source="RFC 8020, livekit/client-sdk-android#53",
        judge=_nxdomain,
        sick=_sick_dns,
        healthy=healthy,
        related=("dns-resolver-failed", "env-internal-vs-public-url"),
    ),
    Rule(
        code="dns-resolver-failed",
        check="net.dns",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="This machine's DNS resolver gives no answer",
        symptoms=(
            _FAILED_TO_FETCH,
            "Temporary failure in name resolution",
            "getaddrinfo EAI_AGAIN",
            "net::ERR_NAME_NOT_RESOLVED",
        ),
        cause="The resolver could not say whether the name exists: this machine is offline, its "
        "resolver is down or unreachable (often in containers and VPNs), or the domain's own name "
        "servers fail.",
        how="The look-up ends in an error or in no answer at all, and not in a clear no.",
        fix=(
            FixStep(
                "See whether any name resolves here:",
                command="getent hosts example.com || nslookup example.com",
            ),
            FixStep(
                "If none does, mend this machine's network or its resolver (/etc/resolv.conf, the VPN, Docker's --dns)."
            ),
            FixStep(
                "If only this one fails, ask the domain's own servers:",
                command="dig +trace rtc.example.com",
            ),
        ),
        source="RFC 1035 §4.1.1 (RCODE 2), RFC 8499 §6",
        judge=_resolver_failed,
        sick=_sick_resolver,
        healthy=healthy,
        related=("dns-nxdomain",),
    ),
    Rule(
        code="tcp-refused",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="Nothing listens on the signalling port",
        symptoms=(
            _FAILED_TO_FETCH,
            "net::ERR_CONNECTION_REFUSED",
            "ECONNREFUSED",
            "Connect call failed",
            "The remote computer refused the network connection",
        ),
        cause="The machine is up and answers that nobody listens on this port: the server is not "
        "running or ended at start (its configuration, Redis, a port in use), it listens on another "
        "port or only on its own loopback (--dev does), or its container's port is not published.",
        how="Every address answers the connection with a reset.",
        fix=(
            FixStep(
                "On the server, see whether it runs and what it said last:",
                command="docker compose ps; docker compose logs --tail 50 livekit || journalctl -u livekit-server -n 50",
            ),
            FixStep(
                "See who listens, and on which address (127.0.0.1 is not reachable from outside):",
                command="ss -ltnp | grep -E ':(443|7880)'",
            ),
            FixStep(
                "With --dev the server listens on loopback alone; from other machines:",
                command="livekit-server --dev --bind 0.0.0.0",
            ),
            FixStep(
                "In compose, publish the port:",
                snippet=Snippet(
                    "yaml", 'ports:\n  - "7880:7880"\n  - "7881:7881"\n  - "7882:7882/udp"'
                ),
            ),
        ),
        source="RFC 9293 §3.5.2, livekit-examples/agent-starter-react#15, CoreWorxLab/CAAL#23, livekit/livekit#2884",
        judge=_refused,
        sick=_sick_refused,
        healthy=healthy,
        related=("env-internal-vs-public-url", "tcp-timeout"),
    ),
    Rule(
        code="tcp-timeout",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The signalling port does not answer",
        symptoms=(
            "room connection has timed out (signal)",
            "Connection timed out",
            "net::ERR_CONNECTION_TIMED_OUT",
        ),
        cause="Packets to this port get no answer at all: a security group, host firewall or missing "
        "port forward in front of the server drops them, the address is not the server's (any more), "
        "or this network does not let them out.",
        how="No address answers the connection in the time given.",
        fix=(
            FixStep(
                "Try from another network; if it works there, this network filters:",
                command="nc -vz -w 5 rtc.example.com 443",
            ),
            FixStep(
                "On the server, let the port in (and in the cloud provider's security group too):",
                command="sudo ufw allow 443/tcp && sudo ufw status",
            ),
            FixStep(
                "Behind a home router, forward the port to the server; see that DNS has the router's present address."
            ),
        ),
        source="livekit/livekit#3215, livekit/livekit#3990",
        judge=_timed_out,
        sick=_sick_timeout,
        healthy=_dual_stack,
        related=("tcp-refused", "tcp-unreachable"),
    ),
    Rule(
        code="tcp-unreachable",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="This machine has no route to the server",
        symptoms=(
            _FAILED_TO_FETCH,
            "net::ERR_ADDRESS_UNREACHABLE",
            "Network is unreachable",
            "No route to host",
        ),
        cause="This machine or a router on the way says that it knows no way there: the name has only "
        "IPv6 addresses and this network has no IPv6, a VPN is down, or the address is a private one of "
        "another network.",
        how="Every connection attempt ends in the system's own “unreachable” at once.",
        fix=(
            FixStep(
                "See which way this machine would go:",
                command="ip route get 203.0.113.10 || route -n get 203.0.113.10",
            ),
            FixStep("If only IPv6 addresses exist, add an A record: many networks have no IPv6."),
            FixStep(
                "If the address is private (10.…, 172.16.…, 192.168.…, fd…), connect the VPN, or give clients a public name."
            ),
        ),
        source="RFC 1122 §3.2.2.1, RFC 4443 §3.1",
        judge=_unreachable,
        sick=_sick_unreachable,
        healthy=_dual_stack,
        related=("tcp-timeout", "dns-nxdomain"),
    ),
    Rule(
        code="own-limit",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="This machine has nothing left to open a connection with",
        symptoms=(
            "Too many open files",
            "EMFILE: too many open files",
            "No buffer space available",
            "Cannot assign requested address",
            "Cannot allocate memory",
            "can't start new thread",
        ),
        cause="The system refused to open a file or a connection before anybody was asked: a limit of this "
        "process or this machine is reached (open files, memory, local ports, threads), or a rule of its "
        "own forbids it. It says nothing about the server.",
        how="Opening a connection ends in an error of the system's about itself: EMFILE, ENFILE, ENOBUFS, "
        "ENOMEM, EADDRNOTAVAIL, EPERM, EACCES.",
        fix=(
            FixStep(
                "See the limit of this shell, raise it, and try again:",
                command="ulimit -n; ulimit -n 4096; lkdoctor diagnose",
            ),
            FixStep(
                "In a container or a service, raise it there: docker run --ulimit nofile=65536, LimitNOFILE= of "
                "systemd; an app that shares the limit may leak connections."
            ),
            FixStep(
                "Where nothing is used up, something on this machine forbids it: a firewall's rule for what goes "
                "out, SELinux, AppArmor, the sandbox of a CI job."
            ),
        ),
        source="POSIX.1-2017 XSH 2.3, connect(2), socket(2)",
        judge=_own_limit,
        sick=lambda: _stopped(
            _RESOLVED,
            OwnLimit(
                "this process may open no more files and connections", 0.1, "203.0.113.10", 443
            ),
        ),
        healthy=healthy,
        explains=("dns-nxdomain", "dns-resolver-failed", "tcp-refused", "tcp-unreachable"),
        related=("tcp-unreachable",),
    ),
    Rule(
        code="proxy-outbound-unreachable",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The proxy that the environment names cannot be reached",
        symptoms=(
            "net::ERR_PROXY_CONNECTION_FAILED",
            "proxyconnect tcp: dial tcp",
            "Failed to connect to proxy",
            _FAILED_TO_FETCH,
        ),
        cause=f"A proxy is set, and it does not exist, does not listen or does not answer: it is of another "
        f"network (a VPN that is off), or was moved. Clients that honour it fail, all others go on. "
        f"{_WHO_HONOURS}",
        how="The proxy's own name is looked up and its port connected to, before it is asked for anything.",
        fix=(
            *_REPAIR_VARIABLE,
            FixStep(
                "See whether the server can be reached without it:",
                command="lkdoctor ws-probe --no-proxy",
            ),
        ),
        source=_HONOURED_BY,
        judge=_proxy_unreachable,
        sick=lambda: _sick_proxy(None, TcpRefused("192.0.2.80", 3128, 1.0)),
        healthy=lambda: _by_proxy(direct=True),
        related=("proxy-outbound-client",),
    ),
    Rule(
        code="proxy-outbound-auth",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The proxy wants credentials, and its URL has none",
        symptoms=(
            "net::ERR_PROXY_AUTH_UNSUPPORTED",
            "Proxy Authentication Required",
            "407 Proxy Authentication Required",
            "Proxy connection failed: HTTP/1.1 407",
        ),
        cause="The proxy makes no tunnel for somebody who has not logged in. Browsers log in for their user; "
        "everything else sends what stands in the proxy's URL.",
        how="CONNECT is answered 407 (or 401).",
        fix=(
            FixStep(
                "Put user and password into the proxy's URL: http://, the user, a colon, the password, an @, "
                "then the host. What is special in them is written as %XX (an @ as %40)."
            ),
            FixStep("Or ask for a rule that lets this machine reach the server without a log-in."),
        ),
        source="RFC 9110 §11.7, §15.5.8, livekit/rust-sdks livekit-net/src/native/proxy.rs",
        judge=_proxy_auth,
        sick=lambda: _sick_proxy(answer(407, proxy_authenticate='Basic realm="proxy"')),
        healthy=lambda: _by_proxy(direct=True),
        related=("proxy-outbound-refused",),
    ),
    Rule(
        code="proxy-outbound-refused",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The forward proxy does not let LiveKit through",
        symptoms=(
            "net::ERR_TUNNEL_CONNECTION_FAILED",
            "Received HTTP code 403 from proxy after CONNECT",
            "Proxy connection failed: HTTP/1.1 403",
            "Forbidden",
        ),
        cause="The proxy answers, and its rules refuse a tunnel to this host or this port (many allow 443 "
        "alone).",
        how="CONNECT to the server's host and port is answered with a refusal of the proxy's own.",
        fix=(
            FixStep("Ask who runs the proxy to allow CONNECT to the server's host and port."),
            FixStep("Offer LiveKit on port 443, the one port that proxies let through."),
            FixStep(
                "If this machine may go there directly, exempt the host:",
                command="export NO_PROXY=rtc.example.com",
            ),
        ),
        source="RFC 9110 §9.3.6, §15.5.4",
        judge=_proxy_refused,
        sick=lambda: _sick_proxy(answer(403, "Filtered", server="tinyproxy/1.11.1")),
        healthy=lambda: _by_proxy(direct=True),
        related=("proxy-outbound-auth", "proxy-outbound-client"),
    ),
    Rule(
        code="proxy-outbound-invalid",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="What the proxy variable names is no HTTP proxy",
        symptoms=(
            "net::ERR_TUNNEL_CONNECTION_FAILED",
            "malformed HTTP response",
            "Proxy CONNECT aborted",
        ),
        cause="Something listens there and does not make tunnels: a web server, a SOCKS proxy, a proxy that "
        "wants TLS first, or the wrong port.",
        how="CONNECT gets an answer that is no proxy's (not HTTP, a closed connection, 400, 404, 405, 501), or "
        "none in the time given.",
        fix=(
            FixStep(
                "Compare host, port and kind with what the network's operator gives out (an HTTP proxy, often "
                "port 3128 or 8080; socks5:// is another protocol)."
            ),
            *_REPAIR_VARIABLE,
        ),
        source="RFC 9110 §9.3.6, RFC 1928",
        judge=_proxy_invalid,
        sick=lambda: _sick_proxy(no_answer(Silence.NOT_HTTP, "\\x05\\xff")),
        healthy=lambda: _by_proxy(direct=True),
        related=("proxy-outbound-unreachable",),
    ),
    Rule(
        code="proxy-outbound-client",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="The server can be reached through the proxy only",
        symptoms=(
            "Cannot connect to host",
            "Connection timed out",
            "engine: signal failure: ws failure",
            "could not establish pc connection",
        ),
        cause=f"From this machine there is no direct way to the server, only the one through the proxy. Clients "
        f"that do not honour the proxy time out, and so does media, which no HTTP proxy carries. {_WHO_HONOURS}",
        how="CONNECT makes a tunnel, while a connection without the proxy fails.",
        fix=(
            FixStep(
                "Allow the way out to the server: 443/tcp for signalling and the API, the media ports (udp 50000-60000 "
                "or 7882, tcp 7881) for audio and video."
            ),
            FixStep(
                "Where only the proxy is allowed, offer TURN over TLS on port 443, which browsers take through the proxy:",
                snippet=Snippet(
                    "yaml", "turn:\n  enabled: true\n  domain: turn.example.com\n  tls_port: 443"
                ),
            ),
            FixStep(
                "For livekit-api, give it a session that reads the variables:",
                snippet=Snippet(
                    "python",
                    "session = aiohttp.ClientSession(trust_env=True)\napi = LiveKitAPI(session=session)",
                ),
            ),
        ),
        source=_HONOURED_BY,
        judge=_outbound_client,
        sick=lambda: _by_proxy(direct=False),
        healthy=lambda: _by_proxy(direct=True),
        related=("tcp-timeout", "proxy-outbound-refused"),
    ),
    Rule(
        code="dev-bind-loopback",
        check="net.tcp",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The server listens on its own loopback alone",
        symptoms=(
            _FAILED_TO_FETCH,
            "net::ERR_CONNECTION_REFUSED",
            "it works on this machine and on no other",
        ),
        cause="LiveKit answers on 127.0.0.1, and this machine's own address refuses: livekit-server --dev (and "
        "bind_addresses: 127.0.0.1) listens on loopback, where phones, other computers and containers "
        "do not reach it.",
        how="An address of this very machine refuses the port, and GET / of the same port on 127.0.0.1 says OK.",
        fix=(
            FixStep(
                "Listen on every address; with --dev, say so:",
                command="livekit-server --dev --bind 0.0.0.0",
            ),
            FixStep(
                "With a configuration of your own:",
                snippet=Snippet("yaml", 'bind_addresses:\n  - ""'),
            ),
            FixStep(
                "On this machine alone, use the address that it listens on: ws://localhost:7880"
            ),
        ),
        source="livekit-server cmd/server/main.go (--dev), livekit/livekit#2884, livekit/livekit#1546, "
        "livekit/client-sdk-swift#210",
        judge=_loopback_only,
        sick=lambda: Facts(
            url=healthy().url,
            network=_network(_RESOLVED, TcpRefused("203.0.113.10", 443, 0.1))._replace(
                loopback=answer(200, "OK")
            ),
        ),
        healthy=healthy,
        explains=("tcp-refused",),
        related=("tcp-refused", "env-internal-vs-public-url"),
    ),
    Rule(
        code="dns-wrong-target",
        check="net.dns",
        layer=Layer.NETWORK,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="One address of the name is not LiveKit's",
        symptoms=(
            "it works for some users and not for others",
            _FAILED_TO_FETCH,
            "net::ERR_CERT_COMMON_NAME_INVALID",
        ),
        cause="The name has several addresses, and something else answers at one of them: a record that was "
        "left behind, an AAAA record of another machine (users with IPv6 get there first), a node in the "
        "round robin on which LiveKit does not run.",
        how="With --all-addresses every A and AAAA is asked by itself: TCP, TLS, GET / and /rtc/validate; the "
        "answers differ.",
        fix=(
            FixStep(
                "Remove the record that is wrong, and wait for its TTL:",
                command="dig +short A rtc.example.com; dig +short AAAA rtc.example.com",
            ),
        ),
        source="RFC 8305 §4, livekit/livekit#4476",
        judge=_wrong_target,
        sick=lambda: _two_addresses(answer(404, "not here", server="nginx")),
        healthy=lambda: _two_addresses(answer(200, "OK")),
        explains=("url-not-livekit", "http-closed-early", "server-refused", "signal-refused"),
        related=("server-multi-node-routing", "tls-hostname"),
    ),
)
