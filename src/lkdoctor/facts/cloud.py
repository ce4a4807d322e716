"""What LiveKit Cloud says of its regions, and what each of them answered."""

from typing import NamedTuple

from lkdoctor.facts.network import DnsAnswer, TcpAttempt
from lkdoctor.facts.server import Exchange


class RegionLook(NamedTuple):
    """One region, asked as the server itself is."""

    name: str
    url: str
    """As the server gave it, safe to show."""
    dns: DnsAnswer | None = None
    """None: the URL cannot be dialled, or is not."""
    tcp: TcpAttempt | None = None
    tls: str = ""
    """``established``, or how the handshake ended; empty without TLS."""
    ready_ms: float | None = None
    """Until somebody could be asked: DNS, TCP and TLS; None: it did not get there."""
    root: Exchange | None = None
    validation: Exchange | None = None
    """None: no connection, or no token to ask with."""
    passed_over: str = ""
    """Why it is not dialled, although it could be."""


class CloudFact(NamedTuple):
    """``GET /settings/regions``, and a look at each of them; nobody joined."""

    asked: Exchange
    regions: tuple[RegionLook, ...] = ()
    unreadable: str = ""
    """Why an answer with status 200 is no list of regions."""
