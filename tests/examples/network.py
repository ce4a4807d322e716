"""Facts that raise each cause of `rules/network.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import answer, healthy, no_answer
from lkdoctor.facts import Facts
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
from lkdoctor.facts.server import Exchange, HttpAnswer, Silence

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


EXAMPLES: Final = {
    "dns-nxdomain": Example(_sick_dns, healthy),
    "dns-resolver-failed": Example(_sick_resolver, healthy),
    "tcp-refused": Example(_sick_refused, healthy),
    "tcp-timeout": Example(_sick_timeout, _dual_stack),
    "tcp-unreachable": Example(_sick_unreachable, _dual_stack),
    "own-limit": Example(
        lambda: _stopped(
            _RESOLVED,
            OwnLimit(
                "this process may open no more files and connections", 0.1, "203.0.113.10", 443
            ),
        ),
        healthy,
    ),
    "proxy-outbound-unreachable": Example(
        lambda: _sick_proxy(None, TcpRefused("192.0.2.80", 3128, 1.0)),
        lambda: _by_proxy(direct=True),
    ),
    "proxy-outbound-auth": Example(
        lambda: _sick_proxy(answer(407, proxy_authenticate='Basic realm="proxy"')),
        lambda: _by_proxy(direct=True),
    ),
    "proxy-outbound-refused": Example(
        lambda: _sick_proxy(answer(403, "Filtered", server="tinyproxy/1.11.1")),
        lambda: _by_proxy(direct=True),
    ),
    "proxy-outbound-invalid": Example(
        lambda: _sick_proxy(no_answer(Silence.NOT_HTTP, "\\x05\\xff")),
        lambda: _by_proxy(direct=True),
    ),
    "proxy-outbound-client": Example(
        lambda: _by_proxy(direct=False), lambda: _by_proxy(direct=True)
    ),
    "dev-bind-loopback": Example(
        lambda: Facts(
            url=healthy().url,
            network=_network(_RESOLVED, TcpRefused("203.0.113.10", 443, 0.1))._replace(
                loopback=answer(200, "OK")
            ),
        ),
        healthy,
    ),
    "dns-wrong-target": Example(
        lambda: _two_addresses(answer(404, "not here", server="nginx")),
        lambda: _two_addresses(answer(200, "OK")),
    ),
}
