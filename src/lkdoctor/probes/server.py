"""What a server says to a request without credentials, and what time it says it is."""

import asyncio
from typing import NamedTuple

from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import (
    Elsewhere,
    Exchange,
    HttpAnswer,
    NoAnswer,
    ServerFact,
    Silence,
)
from lkdoctor.probes import network
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Exchanged, Route
from lkdoctor.wire import http


class Looked(NamedTuple):
    """The answer to ``GET /`` and the clock read off it."""

    server: ServerFact
    clock: ClockFact


async def look(route: Route, deadline: Deadline) -> Looked:
    """``GET /``: LiveKit answers 200 ``OK``; redirects are reported, not followed."""
    exchanged = await route.exchange(route.endpoint.request("GET", "/"), deadline)
    root = exchanged.fact
    speaks_tls = None
    if _hung_up(root) and not route.endpoint.url.secure:
        # So do HAProxy, Node.js and others on a port with TLS; most say 400 or send an alert.
        speaks_tls = await _speaks_tls(route, deadline)
    return Looked(ServerFact(root, speaks_tls), clock_of(exchanged))


def _hung_up(root: Exchange) -> bool:
    """Whether the connection ended without a byte."""
    ends = {Silence.CLOSED, Silence.RESET}
    return isinstance(root, NoAnswer) and root.problem in ends and not root.received_bytes


async def _speaks_tls(route: Route, deadline: Deadline) -> bool | None:
    won = route.network.connected
    if won is None:
        return None
    _, sock = await network.connect((won.address,), won.port, deadline)
    if sock is None:
        return None
    from lkdoctor.probes import tls

    return await tls.spoken(route.endpoint.url.host, sock, deadline)


async def search(
    route: Route, prefixes: tuple[str, ...], deadline: Deadline
) -> tuple[Elsewhere, ...]:
    """Ask for ``/rtc/validate`` under each prefix, all at once and without credentials."""
    async with asyncio.TaskGroup() as group:
        asked = [
            (prefix, group.create_task(_validate(route, prefix, deadline))) for prefix in prefixes
        ]
    return tuple(Elsewhere(prefix, task.result()) for prefix, task in asked)


async def refuse_bad_token(route: Route, deadline: Deadline) -> Exchange:
    """What the URL's own path says to a token that is none."""
    return await _validate(route, route.endpoint.url.path, deadline, "?access_token=none")


async def _validate(route: Route, prefix: str, deadline: Deadline, query: str = "") -> Exchange:
    there = route.endpoint._replace(url=route.endpoint.url._replace(path=prefix))
    request = there.request("GET", f"/rtc/validate{query}")
    return (await route.exchange(request, deadline)).fact


async def in_dev_mode(route: Route, deadline: Deadline) -> bool | None:
    """Whether the server was started with ``--dev``; None where it did not say."""
    exchanged = await route.exchange(route.endpoint.request("GET", "/debug/rooms"), deadline)
    answer = exchanged.fact
    if not isinstance(answer, HttpAnswer):
        return None
    return answer.status == 200 and answer.body.startswith("[")


def clock_of(exchanged: Exchanged) -> ClockFact:
    """The difference between the clocks, where the answer has a ``Date``."""
    local = exchanged.ended
    answer = exchanged.answer
    date = _seconds(answer.header("date")) if isinstance(answer, http.Answer) else None
    if date is None:
        return ClockFact(local)
    # The header has whole seconds, cut off, and is half a round trip old.
    server = date + 0.5 + exchanged.took_ms / 2000
    return ClockFact(
        local=local,
        server=server,
        skew_ms=(server - local) * 1000,
        uncertainty_ms=500.0 + exchanged.took_ms / 2,
        source="Date header",
    )


def _seconds(date: str) -> float | None:
    """An HTTP date (RFC 9110 §5.6.7) as seconds since 1970; None where it is none."""
    from email.utils import parsedate_to_datetime

    try:
        read = parsedate_to_datetime(date)
        # Without a zone it would be taken for this machine's local time.
        return None if read.tzinfo is None else read.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
