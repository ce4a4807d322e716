"""Whether LiveKit Cloud tells its regions, and whether they can be reached from here."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts import Facts
from lkdoctor.facts.cloud import CloudFact, RegionLook
from lkdoctor.facts.network import Resolved, TcpConnected, TcpTimedOut
from lkdoctor.facts.server import HttpAnswer
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity
from lkdoctor.rules.answers import Heard, duration, evidence, fitting, one_line, said
from lkdoctor.rules.base import Check, Effect, Judgement, Rule, Unsure
from lkdoctor.rules.examples import answer, healthy

_PATH: Final = "/settings/regions"


def _is_cloud(url: UrlFact | None) -> bool:
    return (
        url is not None
        and isinstance(url.result, ParsedUrl)
        and url.result.host_kind is HostKind.CLOUD
    )


# cloud-regions


def _regions(cloud: CloudFact, url: UrlFact | None = None) -> Iterator[Judgement]:
    asked = cloud.asked
    proof = evidence(Heard(f"GET {_PATH}", asked, _PATH), "200 and the regions")
    if isinstance(asked, HttpAnswer):
        if asked.status == 404 and not _is_cloud(url):
            return  # a server of one's own has none, and clients do not ask it
        if asked.status == 200 and not cloud.unreadable:
            return
    if isinstance(asked, HttpAnswer) and asked.status in {401, 403}:
        yield Judgement(
            (proof,), title=f"Cloud refuses the token that asks for regions ({asked.status})"
        )
    elif cloud.unreadable:
        yield Judgement(
            (proof, Evidence("the answer", cloud.unreadable, "a list of regions", "cloud"))
        )
    else:
        yield Judgement(
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


def _cut_off(cloud: CloudFact) -> Iterator[Judgement]:
    shut = [look for look in cloud.regions if not _is_open(look) and not look.passed_over]
    if not shut:
        return
    count = f"{len(shut)} of {len(cloud.regions)}"
    yield Judgement(
        tuple(_way(look) for look in cloud.regions[:12]),
        title=fitting(f"{count} regions cannot be reached from this network"),
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


def _reached(name: str) -> RegionLook:
    address = "203.0.113.20"
    return RegionLook(
        name=name,
        url=f"https://clinic-x4k2.{name}.production.livekit.cloud",
        dns=Resolved((address,), 10.0),
        tcp=TcpConnected(address, 443, 20.0),
        tls="established",
        ready_ms=70.0,
        root=answer(200, "OK"),
        validation=answer(200, "success"),
    )


def _with(*regions: RegionLook, status: int = 200) -> Facts:
    body = '{"regions":[…]}' if status == 200 else "invalid API key"
    return healthy()._replace(cloud=CloudFact(answer(status, body), regions))


def _self_hosted() -> Facts:
    return healthy()._replace(cloud=CloudFact(answer(404, "404 page not found")))


def _sick_geo() -> Facts:
    silent = _reached("oindia")._replace(
        tcp=TcpTimedOut("203.0.113.20", 443, 5000.0),
        tls="",
        ready_ms=None,
        root=None,
        validation=None,
    )
    return _with(_reached("dfra1"), silent)


RULES: Final = (
    Rule(
        code="cloud-regions",
        check="cloud.regions",
        layer=Layer.CLOUD,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="LiveKit Cloud does not tell its regions",
        symptoms=(
            "Could not fetch region settings",
            "engine: signal failure: failed to retrieve region info",
        ),
        cause="Clients of LiveKit Cloud ask for the regions first and connect to the nearest; some give up where "
        "that fails. 401 is about the token; anything else about what stands in between (a firewall, a proxy, "
        "missing root certificates).",
        how="GET /settings/regions with a bearer token (--follow-regions) is not answered with a list. On a "
        "server of one's own 404 is right.",
        fix=(
            FixStep(
                "With 401: see what is wrong with the token:", command="lkdoctor token decode -"
            ),
            FixStep(
                "Else see who answers:",
                command='curl -si -H "Authorization: Bearer $LIVEKIT_TOKEN" https://PROJECT.livekit.cloud/settings/regions',
            ),
            FixStep(
                "Let *.livekit.cloud 443/tcp out of the firewall, and connections to it alone."
            ),
        ),
        source="livekit/client-sdk-js src/room/RegionUrlProvider.ts, livekit/python-sdks livekit-api "
        "_failover.py, livekit/livekit#2470, livekit/agents#4252, livekit/agents-js#932",
        judge=_regions,
        sick=lambda: _with(status=401),
        healthy=_self_hosted,
        related=("cloud-geo", "token-unknown-key"),
    ),
    Rule(
        code="cloud-geo",
        check="cloud.regions",
        layer=Layer.CLOUD,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="Some regions cannot be reached from this network",
        symptoms=(
            "it connects at times, and at times it does not",
            "room connection has timed out (signal)",
        ),
        cause="Clients go to the nearest region and, where it fails, to the next. From this network some do not "
        "answer at all: a firewall that allows single addresses only, or a country's filter.",
        how="Each region that Cloud names (--follow-regions) is dialled by itself: DNS, TCP, TLS, GET /.",
        fix=(
            FixStep(
                "Allow *.livekit.cloud and *.host.livekit.cloud by name, not by address, 443/tcp and 3478/udp."
            ),
            FixStep(
                "Compare from another network (a phone's hotspot):",
                command="lkdoctor ws-probe --follow-regions",
            ),
            FixStep("Pin the project to regions that the users' countries reach (Cloud settings)."),
        ),
        source="LiveKit documentation “Configuring firewalls”, livekit/livekit#1573",
        judge=_cut_off,
        sick=_sick_geo,
        healthy=lambda: _with(_reached("dfra1"), _reached("oindia")),
        related=("cloud-regions", "tcp-timeout"),
    ),
)
