"""Whether the name resolves and the port opens, seen from this machine."""

from collections.abc import Iterator
from typing import Final, assert_never

from lkdoctor.facts.api import ApiFact, ForeignAnswer
from lkdoctor.facts.media import MediaFact, Outcome
from lkdoctor.facts.network import (
    AddressLook,
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
from lkdoctor.findings import Confidence, Evidence, Layer
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
from lkdoctor.rules.base import Check, Effect, Seen, Unsure, cause


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


def _nxdomain(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Seen]:
    if not isinstance(network.dns, NameNotFound) or network.through is not None:
        return
    host = network.host
    if network.family is Family.ANY:
        missing, expected = "", "at least one address"
    else:
        family = "IPv4" if network.family is Family.IPV4 else "IPv6"
        missing, expected = family, f"an {family} address"
    observed = f"{one_line(network.dns.error) or 'no such name'} ({duration(network.dns.took_ms)})"
    yield Seen(
        evidence=(
            Evidence(f"DNS {one_line(host, 80)}", observed, expected, "net"),
            *_proxy(network),
        ),
        case="no-such-family" if missing else _NAMED_BY.get(_kind(url), "no-such-name"),
        values={"host": host, "family": missing} if missing else {"host": host},
    )


_NAMED_BY: Final[dict[HostKind | None, str]] = {
    HostKind.CLOUD: "cloud",
    HostKind.SINGLE_LABEL: "single-label",
}


# dns-resolver-failed


def _resolver_failed(network: NetworkFact) -> Iterator[Seen]:
    if not isinstance(network.dns, ResolverFailed) or network.through is not None:
        return
    observed = f"{one_line(network.dns.error) or 'no answer'} ({duration(network.dns.took_ms)})"
    yield Seen(
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
) -> Iterator[Seen]:
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
        yield Seen(
            tuple(
                Evidence(label, f"not tried: {one_line(why)}", "a connection", "env")
                for label, why in said_so[:8]
            ),
            case="said",
            values={"said": words[:1].upper() + words[1:]},
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


def _wrong_target(network: NetworkFact) -> Iterator[Seen]:
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
    yield Seen(
        tuple(_at(look) for look in network.each),
        case="one" if len(elsewhere) == 1 else "several",
        values={
            "host": network.host,
            "name": host,
            "count": str(len(elsewhere)),
            "addresses": ", ".join(one_line(look.address, 40) for look in elsewhere),
        },
    )


# dev-bind-loopback


def _loopback_only(network: NetworkFact) -> Iterator[Seen]:
    if network.loopback is None or not is_root_ok(network.loopback):
        return
    yield Seen(
        (
            *attempts(network),
            Evidence(f"GET / of 127.0.0.1:{network.port}", said(network.loopback), None, "net"),
        )
    )


# tcp-refused, tcp-timeout, tcp-unreachable


def _refused(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Seen]:
    kind = _kind(url)
    if not _has(network, TcpRefused) or network.through is not None:
        return
    if network.connected is not None:
        # localhost is ::1 and 127.0.0.1, and a server that listens on one of them is in order.
        if kind is not HostKind.LOOPBACK:
            yield _partial(network, TcpRefused)
        return
    yield Seen(
        evidence=attempts(network),
        case=_REFUSED_BY.get(kind, "remote"),
        values={"host": network.host, "port": str(network.port)},
    )


_REFUSED_BY: Final[dict[HostKind | None, str]] = {
    HostKind.CLOUD: "cloud",
    HostKind.LOOPBACK: "loopback",
}


def _timed_out(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Seen]:
    if not _has(network, TcpTimedOut) or network.through is not None:
        return
    if network.connected is not None:
        yield _partial(network, TcpTimedOut)
    elif not _has(network, TcpRefused):
        yield Seen(
            evidence=attempts(network),
            case="cloud" if _kind(url) is HostKind.CLOUD else "server",
            values={"host": network.host, "port": str(network.port)},
        )


def _unreachable(network: NetworkFact) -> Iterator[Seen]:
    if network.through is not None:
        return  # proxy-outbound-unreachable
    if network.tcp and all(isinstance(attempt, TcpUnreachable) for attempt in network.tcp):
        yield Seen(
            evidence=attempts(network),
            values={"host": network.host},
        )


def _partial(network: NetworkFact, kind: type[TcpAttempt]) -> Seen:
    """One address of several fails; clients go on to the next, so the user loses time at most."""
    bad = next(attempt for attempt in network.tcp if isinstance(attempt, kind))
    host = network.host if is_pasteable(network.host) else "YOUR-HOST"
    return Seen(
        evidence=attempts(network),
        case="one-address",
        values={"host": network.host, "name": host, "address": _endpoint(bad)},
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


def _is_open_without(network: NetworkFact) -> bool:
    """Whether there is a way past a proxy that does not work, and the host can be named in it."""
    return network.direct is not None and network.direct.open and is_pasteable(network.host)


def _proxy_unreachable(network: NetworkFact) -> Iterator[Seen]:
    through = network.through
    if through is None or network.connected is not None:
        return
    yield Seen(
        (*_to_proxy(network, through), *_past_proxy(network)),
        case="open-without-it" if _is_open_without(network) else "",
        values={"proxy": f"{through.host}:{through.port}", "host": network.host},
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


def _proxy_auth(network: NetworkFact) -> Iterator[Seen]:
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
    yield Seen(
        (
            *_to_proxy(network, through),
            _asked_for(network, through),
            *scheme,
            Evidence("credentials in its URL", offered, None, "env"),
            *_past_proxy(network),
        ),
        case=_log_in(network, through, basic=basic),
        values={"host": network.host},
    )


def _log_in(network: NetworkFact, through: Tunnel, *, basic: bool) -> str:
    if basic:
        return "refused" if through.credentials else ""
    way = "-open-without-it" if _is_open_without(network) else ""
    return ("refused-not-basic" if through.credentials else "not-basic") + way


def _proxy_refused(network: NetworkFact) -> Iterator[Seen]:
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
    yield Seen(
        (
            *_to_proxy(network, through),
            _asked_for(network, through),
            *_past_proxy(network),
        ),
        case=("gateway-open-without-it" if _is_open_without(network) else "gateway")
        if gateway
        else "rules",
        values={"address": f"{network.host}:{network.port}", "host": network.host},
        confidence=None if reply.status == 403 or gateway else Confidence.LIKELY,
    )


def _proxy_invalid(network: NetworkFact) -> Iterator[Seen]:
    answered = _answered(network)
    if answered is None:
        return
    through, reply = answered
    if isinstance(reply, HttpAnswer) and _is_proxys_own(reply):
        return
    silent = isinstance(reply, NoAnswer) and reply.problem in {Silence.TIMEOUT, Silence.SLOW}
    yield Seen(
        (*_to_proxy(network, through), _asked_for(network, through), *_past_proxy(network)),
        case="silent" if silent else "",
        confidence=Confidence.LIKELY if silent or isinstance(reply, HttpAnswer) else None,
    )


def _outbound_client(network: NetworkFact) -> Iterator[Seen]:
    through, direct = network.through, network.direct
    if through is None or not through.open or direct is None or direct.open:
        return
    if not direct.tcp and isinstance(direct.dns, Resolved):
        return  # the run was over before it was tried
    yield Seen(
        (
            *_to_proxy(network, through),
            _asked_for(network, through),
            *_past_proxy(network),
        )
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


RULES: Final = (
    cause("dns-nxdomain", _nxdomain),
    cause("dns-resolver-failed", _resolver_failed),
    cause("tcp-refused", _refused),
    cause("tcp-timeout", _timed_out),
    cause("tcp-unreachable", _unreachable),
    cause("own-limit", _own_limit),
    cause("proxy-outbound-unreachable", _proxy_unreachable),
    cause("proxy-outbound-auth", _proxy_auth),
    cause("proxy-outbound-refused", _proxy_refused),
    cause("proxy-outbound-invalid", _proxy_invalid),
    cause("proxy-outbound-client", _outbound_client),
    cause("dev-bind-loopback", _loopback_only),
    cause("dns-wrong-target", _wrong_target),
)
