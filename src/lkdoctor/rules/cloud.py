"""Whether LiveKit Cloud tells its regions, and whether they can be reached from here."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts.cloud import CloudFact, RegionLook
from lkdoctor.facts.network import Resolved, TcpTimedOut
from lkdoctor.facts.server import HttpAnswer
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer
from lkdoctor.rules.answers import Heard, duration, evidence, one_line, said
from lkdoctor.rules.base import Check, Effect, Seen, Unsure, cause

_PATH: Final = "/settings/regions"


def _is_cloud(url: UrlFact | None) -> bool:
    return (
        url is not None
        and isinstance(url.result, ParsedUrl)
        and url.result.host_kind is HostKind.CLOUD
    )


# cloud-regions


def _regions(cloud: CloudFact, url: UrlFact | None = None) -> Iterator[Seen]:
    asked = cloud.asked
    proof = evidence(Heard(f"GET {_PATH}", asked, _PATH), "200 and the regions")
    if isinstance(asked, HttpAnswer):
        if asked.status == 404 and not _is_cloud(url):
            return  # a server of one's own has none, and clients do not ask it
        if asked.status == 200 and not cloud.unreadable:
            return
    if isinstance(asked, HttpAnswer) and asked.status in {401, 403}:
        yield Seen((proof,), case="refused", values={"status": str(asked.status)})
    elif cloud.unreadable:
        yield Seen((proof, Evidence("the answer", cloud.unreadable, "a list of regions", "cloud")))
    else:
        yield Seen(
            (proof,), confidence=None if isinstance(asked, HttpAnswer) else Confidence.LIKELY
        )


# cloud-geo


def _is_open(look: RegionLook) -> bool:
    return look.ready_ms is not None


def _way(look: RegionLook) -> Evidence:
    label = one_line(look.name, 30) or one_line(look.url, 60)
    if look.ready_ms is not None:
        told = "" if look.root is None else f", GET / {one_line(said(look.root), 40)}"
        observed = f"reached in {duration(look.ready_ms)}{told}"
    elif look.passed_over:
        observed = f"not dialled: {look.passed_over}: {one_line(look.url, 60)}"
    elif look.dns is None:
        observed = f"its URL cannot be dialled: {one_line(look.url, 60)}"
    elif not isinstance(look.dns, Resolved):
        observed = f"no address: {one_line(look.dns.error, 60)}"
    elif look.tls:
        observed = f"TLS: {look.tls}"
    elif isinstance(look.tcp, TcpTimedOut):
        observed = f"no answer in {duration(look.tcp.took_ms)}"
    else:
        observed = "not tried" if look.tcp is None else look.tcp.kind
    return Evidence(label, observed, "reached", "cloud")


def _cut_off(cloud: CloudFact) -> Iterator[Seen]:
    shut = [look for look in cloud.regions if not _is_open(look) and not look.passed_over]
    if not shut:
        return
    count = f"{len(shut)} of {len(cloud.regions)}"
    yield Seen(
        tuple(_way(look) for look in cloud.regions[:12]),
        case="count",
        values={"count": count},
    )


def _look(cloud: CloudFact) -> str | Unsure:
    if isinstance(cloud.asked, HttpAnswer) and cloud.asked.status == 404:
        return "this server has no regions, as servers of one's own have none (404)"
    times = [look.ready_ms for look in cloud.regions if look.ready_ms is not None]
    if not times:
        return Unsure("no region was reached")
    others = sum(bool(look.passed_over) for look in cloud.regions)
    count = len(cloud.regions) - others
    regions = f"{count} region{'' if count == 1 else 's'}"
    beside = f"; {others} of another operator's, not dialled" if others else ""
    return f"{regions}, reached in {duration(min(times))} to {duration(max(times))}{beside}"


CHECKS: Final = (
    Check(
        id="cloud.regions",
        layer=Layer.CLOUD,
        title="The regions of LiveKit Cloud can be reached",
        look=_look,
        needs=("net.tcp", "tls.handshake"),
        effect=Effect.NETWORK,
        essential=False,
    ),
)


RULES: Final = (
    cause("cloud-regions", _regions),
    cause("cloud-geo", _cut_off),
)
