"""Whether the name resolves and the port opens, seen from this machine."""

from collections.abc import Iterator
from typing import Final, assert_never

from lkdoctor.facts import Facts
from lkdoctor.facts.network import (
    DnsAnswer,
    Family,
    NameNotFound,
    NetworkFact,
    Resolved,
    ResolverFailed,
    TcpAttempt,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
)
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import duration, fitting, is_pasteable, one_line
from lkdoctor.rules.base import Check, Effect, Judgement, Rule, Unsure
from lkdoctor.rules.examples import healthy

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
    if not isinstance(network.dns, NameNotFound):
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
    if not isinstance(network.dns, ResolverFailed):
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


# tcp-refused, tcp-timeout, tcp-unreachable


def _refused(network: NetworkFact, url: UrlFact | None = None) -> Iterator[Judgement]:
    kind = _kind(url)
    if not _has(network, TcpRefused):
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
    if not _has(network, TcpTimedOut):
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
                command=f"lkdoctor ws-probe --ipv6; dig +short A {host}; dig +short AAAA {host}",
            ),
        ),
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
                command=f"docker run --rm -p {port}:7880 livekit/livekit-server --dev --bind 0.0.0.0",
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
    if not isinstance(network.dns, Resolved):
        return Unsure("the name could not be resolved")
    if network.dns.literal:
        return "the URL holds the address"
    return _count(network.dns.addresses)


def _look_tcp(network: NetworkFact) -> str | Unsure | None:
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
        explains=("cloud-client-backoff",),
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
        explains=("cloud-client-backoff",),
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
        explains=("cloud-client-backoff",),
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
        explains=("cloud-client-backoff",),
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
        explains=("cloud-client-backoff",),
        related=("tcp-timeout", "dns-nxdomain"),
    ),
)
