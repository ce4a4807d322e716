"""What DNS and TCP answered."""

from enum import StrEnum
from typing import Literal, NamedTuple


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


DnsAnswer = Resolved | NameNotFound | ResolverFailed


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


TcpAttempt = TcpConnected | TcpRefused | TcpTimedOut | TcpUnreachable


class NetworkFact(NamedTuple):
    """The way to the signalling port, as a client would go it."""

    host: str
    port: int
    family: Family
    dns: DnsAnswer
    tcp: tuple[TcpAttempt, ...] = ()
    """Attempts in the order in which they ended; none where the name did not resolve."""
    proxy: str | None = None
    """The proxy variable that clients on this machine would honour and lkdoctor does not use."""

    @property
    def connected(self) -> TcpConnected | None:
        """The attempt that won, if any did."""
        return next((a for a in self.tcp if isinstance(a, TcpConnected)), None)
