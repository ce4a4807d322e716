"""What the network lets through to the server's candidates, and by which ICE servers."""

import ipaddress
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.facts.tls import TlsFact


class Outcome(StrEnum):
    """What came of trying one thing."""

    OK = "ok"
    SILENT = "silent"
    """No answer in the time given."""
    REFUSED = "refused"
    """Somebody answered that nobody is there: a reset, or ICMP."""
    UNREACHABLE = "unreachable"
    """There is no way to that address from here."""
    CLOSED = "closed"
    """The connection was ended in place of an answer."""
    FOREIGN = "foreign"
    """An answer that is not of this protocol."""
    REFUSED_BY = "error"
    """The server's own no, with its code."""
    UNRESOLVED = "unresolved"
    """The name has no address."""
    NO_TLS = "no-tls"
    """TLS was not agreed on."""
    BARRED = "barred"
    """An address that no server of this kind may send anybody to: a loopback or link-local one …"""
    UNTRIED = "untried"
    """Something before it failed, or time ran out."""


_WORDS: Final = {
    Outcome.SILENT: "no answer",
    Outcome.REFUSED: "refused",
    Outcome.UNREACHABLE: "no way there",
    Outcome.CLOSED: "closed without an answer",
    Outcome.FOREIGN: "another answer",
    Outcome.UNRESOLVED: "the name has no address",
    Outcome.NO_TLS: "no TLS",
    Outcome.BARRED: "not tried",
    Outcome.UNTRIED: "not tried",
}


class Tried(NamedTuple):
    """One thing that was tried."""

    outcome: Outcome
    round_trip_ms: float | None = None
    """From the request that was answered to its answer."""
    code: int | None = None
    """Of a STUN error (RFC 8489 §14.8)."""
    detail: str = ""
    """An error's reason, what a foreign answer is, the address that a server saw."""

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK

    @property
    def words(self) -> str:
        """``answers in 1.2 ms``, ``401 Unauthorized``, ``no answer``."""
        if self.outcome is Outcome.OK:
            took = self.round_trip_ms
            return "yes" if took is None else f"answers in {took:.1f} ms"
        if self.outcome is Outcome.REFUSED_BY:
            return f"{self.code} {self.detail}".strip()
        said = _WORDS[self.outcome]
        return f"{said}: {self.detail}" if self.detail else said

    @property
    def failed(self) -> bool:
        """It was tried, and it did not work."""
        return self.outcome not in {Outcome.OK, Outcome.UNTRIED}


UNTRIED: Final = Tried(Outcome.UNTRIED)


class Reach(StrEnum):
    """Who can reach an address of this class."""

    PUBLIC = "public"
    PRIVATE = "private"
    """RFC 1918, or a unique local address of IPv6 (RFC 4193)."""
    CONTAINER = "container"
    """Of a range that Docker or Kubernetes takes for containers where nobody chose another."""
    CGNAT = "carrier NAT"
    """100.64.0.0/10 (RFC 6598): a carrier's NAT, or a VPN such as Tailscale."""
    LINK_LOCAL = "link-local"
    LOOPBACK = "loopback"
    NAME = "name"
    """Not an address: a name that hides one (mDNS)."""


_CONTAINERS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "172.17.0.0/16",  # docker0; compose and further networks follow
        "172.18.0.0/15",
        "172.20.0.0/14",
        "172.24.0.0/14",
        "172.28.0.0/15",
        "172.30.0.0/16",  # not 172.31: AWS gives that to machines
        "10.42.0.0/16",  # k3s
        "10.244.0.0/16",  # flannel, kind
        "10.88.0.0/16",  # podman
    )
)
_PODS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.42.0.0/16",  # k3s, RKE
        "10.244.0.0/16",  # flannel, kind, kubeadm's example
        "10.32.0.0/12",  # Weave Net
    )
)
_PRIVATE: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_CARRIER: Final = ipaddress.ip_network("100.64.0.0/10")


def reach(address: str) -> Reach:
    """The class of an address.

    Not `ipaddress`'s own ``is_private``: that one holds the addresses of examples, too.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Reach.NAME
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_unspecified:
        return Reach.LOOPBACK
    if found.is_link_local:
        return Reach.LINK_LOCAL
    for networks, kind in (
        (_CONTAINERS, Reach.CONTAINER),
        (_PRIVATE, Reach.PRIVATE),
        ((_CARRIER,), Reach.CGNAT),
    ):
        if any(found.version == net.version and found in net for net in networks):
            return kind
    return Reach.PUBLIC


def is_pod(address: str) -> bool:
    """Whether it lies in a network that Kubernetes gives to pods where nobody chose another."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _PODS)


def barred(address: str, dialled: str) -> str | None:
    """Why an address that a server names is not gone to, in a word or two; None where it may be.

    A server could send us anywhere: to what listens on our own machine, or to a cloud's metadata.

    Args:
        address: the address that was named, or that a name stands for.
        dialled: the server's own, or one of this machine's own loopback where it runs here.
    """
    try:
        named = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    own = (
        None
        if reach(dialled) is Reach.NAME
        else _inner(ipaddress.ip_address(dialled.partition("%")[0]))
    )
    found = _inner(named)
    if found == own:
        return None
    if found in _METADATA:
        return "the address of a cloud's metadata"
    if found.is_multicast:
        return "a multicast address"
    if found.is_unspecified or (found.version == 4 and (found in _THIS or found in _RESERVED)):
        return "an address of no machine"
    for kind, words in (
        (Reach.LOOPBACK, "a loopback address"),
        (Reach.LINK_LOCAL, "a link-local address"),
    ):
        if reach(str(found)) is kind and (own is None or reach(str(own)) is not kind):
            return words
    return None


def barred_over_tcp(address: str, dialled: str) -> str | None:
    """The same for whatever is no ICE candidate: a port of a private network is not knocked at.

    A server that is public has no say about what is looked at behind a firewall.
    """
    words = barred(address, dialled)
    if words is None and reach(address) in _BEHIND and reach(dialled) not in _BEHIND | _HERE:
        return "a private address, which a server elsewhere names"
    return words


_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # AWS, Azure, Google, and most others
        "169.254.170.2",  # AWS ECS
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure
    )
)
_THIS: Final = ipaddress.ip_network("0.0.0.0/8")
_RESERVED: Final = ipaddress.ip_network("240.0.0.0/4")
_BEHIND: Final = frozenset({Reach.PRIVATE, Reach.CONTAINER, Reach.CGNAT})
_HERE: Final = frozenset({Reach.LOOPBACK, Reach.LINK_LOCAL})
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_6TO4: Final = ipaddress.ip_network("2002::/16")


def _inner(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that one of IPv6 leads to, where it does."""
    if address.version == 4:
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if address in _NAT64 or (number >> 32 == 0 and number > 1):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _6TO4:
        return ipaddress.IPv4Address((number >> 80) & 0xFFFFFFFF)
    return address


class Checked(NamedTuple):
    """One address that media may arrive at, and what a connectivity check of it came to."""

    protocol: str
    """``udp`` or ``tcp``"""
    address: str
    port: int
    type: str
    """``host``, ``srflx``, ``relay``"""
    tcp_type: str
    reach: Reach
    tried: Tried

    @property
    def place(self) -> str:
        """``203.0.113.10:7882``."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class Relay(NamedTuple):
    """What a TURN server did for us."""

    allocate: Tried
    relayed: str = ""
    """The address that it relays on."""
    peer: str = ""
    """The candidate of the server's that was to be reached through it."""
    permission: Tried = UNTRIED
    through: Tried = UNTRIED
    """A connectivity check of that candidate, relayed."""


class IceServerSeen(NamedTuple):
    """One URL of the ICE servers that clients are given; its credentials stay out of the facts."""

    url: str
    scheme: str
    """``stun``, ``stuns``, ``turn``, ``turns``"""
    host: str
    port: int
    transport: str
    """``udp``, ``tcp`` or ``tls``"""
    has_credentials: bool = False
    expires: float | None = None
    """The end of the credentials, where the user name begins with it, as coturn's do."""
    addresses: tuple[str, ...] = ()
    connect: Tried = UNTRIED
    """The name, TCP and TLS; of UDP the name alone."""
    tls: TlsFact | None = None
    binding: Tried | None = None
    """A STUN Binding; None for TURN over TCP and TLS."""
    relay: Relay | None = None
    """None for STUN."""
    plain: Tried | None = None
    """What STUN without TLS came to, where TLS was not agreed on."""
    speaks: str = ""
    """What is spoken there in place of STUN, by its first bytes: ``HTTP``, ``SSH``, ``TLS``."""

    @property
    def place(self) -> str:
        """``turn.example.com:443 over TLS``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} over {self.transport.upper()}"

    @property
    def answered(self) -> bool:
        """Whether a STUN or TURN server said anything at all, a no included."""
        tried = self.relay.allocate if self.relay is not None else self.binding
        return tried is not None and (tried.ok or tried.code is not None)

    @property
    def turn(self) -> bool:
        return self.scheme in {"turn", "turns"}

    @property
    def works(self) -> bool:
        """It did all that it is there for."""
        if self.relay is not None:
            return self.relay.through.ok
        return self.binding is not None and self.binding.ok


class Mapped(NamedTuple):
    """How a NAT maps the port that all of a run's UDP goes out by, as one server saw it."""

    asked: str
    """Where that server is: ``203.0.113.10:7882``."""
    seen: str
    """Our address to it: ``198.51.100.7:50000`` (XOR-MAPPED-ADDRESS, RFC 8489 §14.2)."""


class Negotiation(StrEnum):
    """How far the session description came."""

    ANSWERED = "answered"
    """The server made an offer, and has our answer."""
    NO_OFFER = "no offer"
    """None came in the time given."""
    UNREADABLE = "unreadable"
    """An offer without what a connectivity check needs."""
    CUT = "cut"
    """The session ended before."""


NOT_NEGOTIATED: Final = {
    Negotiation.NO_OFFER: "the server made no offer of media",
    Negotiation.UNREADABLE: "the server's offer cannot be read",
    Negotiation.CUT: "the session ended before the server's offer",
}
"""Why nothing is known of the server's candidates."""


class MediaFact(NamedTuple):
    """All that was tried on behalf of media."""

    reached: str
    """The address by which signalling was reached; empty where a proxy alone knows it."""
    negotiation: Negotiation
    ice_lite: bool = False
    candidates: tuple[Checked, ...] = ()
    """What the server's offer names, in its order."""
    elsewhere: tuple[Checked, ...] = ()
    """The same ports at the address by which we reached the server, where none is offered there."""
    servers: tuple[IceServerSeen, ...] = ()
    mapped: tuple[Mapped, ...] = ()
    """What several servers saw of one and the same local port; nothing where it cannot be told."""
    at: float = 0.0
    """This machine's clock when it began."""
    took_ms: float = 0.0

    def reachable(self, protocol: str) -> tuple[Checked, ...]:
        """The candidates that answered, the quickest first."""
        found = [c for c in self.candidates if c.protocol == protocol and c.tried.ok]
        return tuple(sorted(found, key=lambda c: c.tried.round_trip_ms or 0.0))

    def tried(self, protocol: str) -> tuple[Checked, ...]:
        """The candidates that were asked."""
        return tuple(
            c
            for c in self.candidates
            if c.protocol == protocol and c.tried.outcome is not Outcome.UNTRIED
        )

    def turns(self, transport: str) -> tuple[IceServerSeen, ...]:
        """The TURN servers that are reached over ``udp``, ``tcp`` or ``tls``."""
        return tuple(s for s in self.servers if s.turn and s.transport == transport)
