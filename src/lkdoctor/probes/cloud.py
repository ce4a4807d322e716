"""The regions of LiveKit Cloud: the list, and a look at each; never a join.

The list is the server's word, and could name anybody: none is dialled that is not of the same
operator.
"""

import asyncio
import json
import socket
from typing import Any, Final, NamedTuple

from lkdoctor.facts.cloud import CloudFact, RegionLook
from lkdoctor.facts.media import barred
from lkdoctor.facts.server import HttpAnswer
from lkdoctor.facts.signal import Whose
from lkdoctor.facts.url import HostKind, ParsedUrl
from lkdoctor.probes import network, server, signal
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Route, dial
from lkdoctor.redact import Secret, safe
from lkdoctor.wire import http
from lkdoctor.wire.url import parse

PATH: Final = "/settings/regions"

MAX_REGIONS: Final = 32

ANOTHER_HOST: Final = "another operator's host"


class _Region(NamedTuple):
    name: str
    url: str


async def look(route: Route, token: Secret | None, whose: Whose, deadline: Deadline) -> CloudFact:
    """Ask for the regions as clients do, then ask each of them what the server was asked."""
    request = route.endpoint.request("GET", PATH, token=token)
    exchanged = await route.exchange(request, deadline)
    fact = CloudFact(exchanged.fact)
    if not isinstance(fact.asked, HttpAnswer) or fact.asked.status != 200:
        return fact
    assert isinstance(exchanged.answer, http.Answer)  # noqa: S101 - an HttpAnswer is its fact
    listed = _listed(exchanged.answer.body)
    if isinstance(listed, str):
        return fact._replace(unreadable=listed)
    async with asyncio.TaskGroup() as group:
        looks = [
            group.create_task(_region(region, route, token, whose, deadline))
            for region in listed[:MAX_REGIONS]
        ]
    return fact._replace(regions=tuple(task.result() for task in looks))


def _listed(body: bytes) -> list[_Region] | str:
    """The regions in an answer, or why there are none (livekit_models.proto, RegionSettings)."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "it is not JSON"
    entries = document.get("regions") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        return "it names no region"
    found = [
        _Region(safe(str(entry.get("region", "")), 80), str(entry["url"])[:2000])
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("url"), str)
    ]
    return found or "it names no region"


async def _region(
    region: _Region, route: Route, token: Secret | None, whose: Whose, deadline: Deadline
) -> RegionLook:
    fact = parse(region.url, PATH)
    look = RegionLook(region.name, fact.raw)
    if not isinstance(fact.result, ParsedUrl):
        return look
    if not _same_operator(route.endpoint.url, fact.result):
        return look._replace(passed_over=ANOTHER_HOST)
    endpoint = route.endpoint._replace(url=fact.result)
    async with dial(endpoint, deadline, _lookup(route)) as way:
        attempt = way.tls.attempt if way.tls is not None else None
        look = look._replace(
            dns=way.network.dns,
            tcp=way.network.tcp[-1] if way.network.tcp else None,
            tls="" if attempt is None else attempt.kind,
        )
        if not way.ready:
            return look
        ready = sum(phase.took_ms for phase in way.phases)
        async with asyncio.TaskGroup() as group:
            root = group.create_task(server.look(way, deadline))
            asked = None
            if token is not None:
                asked = group.create_task(signal.validate(way, token, whose, deadline))
        return look._replace(
            ready_ms=ready,
            root=root.result().server.root,
            validation=None if asked is None else asked.result().answer,
        )


def _same_operator(own: ParsedUrl, other: ParsedUrl) -> bool:
    """Whether one may be dialled and shown a token because the other was.

    The same host, one below it, or both LiveKit Cloud's.
    """
    if own.secure and not other.secure:
        return False
    both = {own.host_kind, other.host_kind}
    return (
        own.host == other.host
        or other.host.endswith(f".{own.host}")
        or both in ({HostKind.CLOUD}, {HostKind.LOOPBACK})
    )


def _lookup(route: Route) -> network.Lookup:
    """A look-up that finds no address to which a server may not send us."""
    won = route.network.connected
    home = "" if won is None or route.endpoint.proxy is not None else won.address

    def lookup(*arguments: Any, **options: Any) -> list[Any]:
        found = socket.getaddrinfo(*arguments, **options)
        why = {entry[4][0]: barred(str(entry[4][0]), home) for entry in found}
        if found and all(why.values()):
            raise OSError(f"not tried: {next(iter(why.values()))}")
        return [entry for entry in found if why[entry[4][0]] is None]

    return lookup
