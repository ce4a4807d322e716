"""Which way to a server: directly, or through the forward proxy that clients here would take.

And what goes that way in any run: a change that is asked for, a look at media.
"""

from typing import TYPE_CHECKING

from lkdoctor.clock import Clock
from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.how import How
from lkdoctor.facts.server import NoAnswer
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Endpoint, Route
from lkdoctor.wire.http import Answer
from lkdoctor.wire.proxy import Proxy

if TYPE_CHECKING:
    from lkdoctor.actions import Ask  # who only looks does not load what changes a server
    from lkdoctor.probes.ice import MediaProbe  # few runs look at media


def endpoint(url: ParsedUrl, case: Case, how: How) -> Endpoint:
    """Whom to dial, and how.

    A variable whose proxy cannot be used (SOCKS, TLS to the proxy) or is not wanted goes into
    the facts, so that a failure can name it.
    """
    way = Endpoint(url, how.family, how.insecure, how.ca_file)
    if how.proxy is not None:
        return way._replace(proxy=how.proxy)
    if case.proxy is None:
        return way
    if how.no_proxy or not isinstance(case.proxy, Proxy):
        return way._replace(unused_proxy=case.proxy.origin)
    return way._replace(proxy=case.proxy)


def asking(route: Route, clock: Clock, seconds: float) -> "Ask":
    """Sends what `lkdoctor.actions` asks; each request has so many seconds of its own."""

    async def ask(request: bytes) -> Answer | NoAnswer:
        return (await route.exchange(request, Deadline.within(clock, seconds))).answer

    return ask


def looking_at_media(route: Route, clock: Clock) -> "MediaProbe":
    """What looks at media while a session on this route is open."""
    from lkdoctor.probes.ice import MediaProbe

    # Media takes no proxy; where signalling does, the server's own address is not known.
    direct = route.network.connected if route.endpoint.proxy is None else None
    return MediaProbe(route.endpoint, "" if direct is None else direct.address, clock)
