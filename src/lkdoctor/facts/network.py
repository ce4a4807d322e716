"""What DNS and TCP answered."""

from enum import StrEnum
from typing import Literal, NamedTuple

from lkdoctor.facts.server import Exchange, HttpAnswer


class Family(StrEnum):
    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Resolved(NamedTuple):
    """The name has addresses."""

    addresses: tuple[str, ...]
    """In the order in which a client would try them."""
    took_ms: float
    literal: bool = False
    """The URL holds an address; nobody was asked."""
    kind: Literal["resolved"] = "resolved"


class NameNotFound(NamedTuple):
    """The resolver says that the name (or an address of the wanted family) does not exist."""

    error: str
    took_ms: float
    kind: Literal["name-not-found"] = "name-not-found"


class ResolverFailed(NamedTuple):
    """The resolver could not say: it is down, slow or refuses."""

    error: str
    took_ms: float
    kind: Literal["resolver-failed"] = "resolver-failed"


class OwnLimit(NamedTuple):
    """This machine could not even ask: it has run out of something, or does not permit it."""

    error: str
    took_ms: float
    address: str = ""
    """Who was to be reached; empty where a name was to be looked up."""
    port: int = 0
    kind: Literal["own-limit"] = "own-limit"


DnsAnswer = Resolved | NameNotFound | ResolverFailed | OwnLimit


class TcpConnected(NamedTuple):
    address: str
    port: int
    took_ms: float
    kind: Literal["connected"] = "connected"


class TcpRefused(NamedTuple):
    """Somebody answered with a reset: the machine is up, nothing listens."""

    address: str
    port: int
    took_ms: float
    kind: Literal["refused"] = "refused"


class TcpTimedOut(NamedTuple):
    """Nobody answered in the time given."""

    address: str
    port: int
    took_ms: float
    kind: Literal["timed-out"] = "timed-out"


class TcpUnreachable(NamedTuple):
    """This machine or a router on the way has no route there."""

    address: str
    port: int
    error: str
    took_ms: float
    kind: Literal["unreachable"] = "unreachable"


TcpAttempt = TcpConnected | TcpRefused | TcpTimedOut | TcpUnreachable | OwnLimit


class Tunnel(NamedTuple):
    """A forward proxy that was asked for the way to the server."""

    origin: str
    """What names it: ``HTTPS_PROXY``, ``--proxy``."""
    host: str
    port: int
    credentials: bool
    """Whether a user and a password were offered."""
    answer: Exchange | None = None
    """To CONNECT; None: the proxy was not reached."""

    @property
    def open(self) -> bool:
        """Whether the proxy made the tunnel."""
        return isinstance(self.answer, HttpAnswer) and 200 <= self.answer.status < 300


class Direct(NamedTuple):
    """The way past the proxy, looked at for comparison: a name and a connection, not a byte sent."""

    dns: DnsAnswer
    tcp: tuple[TcpAttempt, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the server's port can be reached without the proxy."""
        return any(isinstance(attempt, TcpConnected) for attempt in self.tcp)


class AddressLook(NamedTuple):
    """One address of the name, asked by itself."""

    address: str
    tcp: TcpAttempt | None
    """None: the time was over before it was its turn."""
    tls: str = ""
    """``established``, or how the handshake ended; empty without TLS."""
    certificate: str = ""
    """Whose it shows."""
    root: Exchange | None = None
    """``GET /``"""
    validation: Exchange | None = None
    """``/rtc/validate`` with the same token for each address."""


class NetworkFact(NamedTuple):
    """The way to the signalling port, as a client would go it."""

    host: str
    port: int
    family: Family
    dns: DnsAnswer
    """Of the host; where a proxy is taken, of the proxy, which looks the host up itself."""
    tcp: tuple[TcpAttempt, ...] = ()
    """Attempts in the order in which they ended (to the proxy, where one is taken); none where the
    name did not resolve."""
    proxy: str | None = None
    """The proxy variable that clients on this machine would honour and lkdoctor does not use."""
    through: Tunnel | None = None
    """The proxy that was taken."""
    direct: Direct | None = None
    """The way without the proxy that was taken."""
    each: tuple[AddressLook, ...] = ()
    """Every address by itself (``--all-addresses``)."""
    loopback: Exchange | None = None
    """``GET /`` of the same port on loopback, asked where an address of this very machine refuses."""

    @property
    def connected(self) -> TcpConnected | None:
        """The attempt that won, if any did."""
        return next((a for a in self.tcp if isinstance(a, TcpConnected)), None)
