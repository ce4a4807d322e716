"""The paths that media can take, one a line, and what follows for users elsewhere."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lkdoctor.facts.media import (
    NOT_NEGOTIATED,
    IceServerSeen,
    MediaFact,
    Negotiation,
    Outcome,
)
from lkdoctor.report import accessible, details, human
from lkdoctor.report.findings import findings
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    glyph,
    inert,
    line,
    many,
    milliseconds,
    pad,
    spoken_milliseconds,
    wrap,
)
from lkdoctor.report.model import Report


class Path(NamedTuple):
    """One way that media can take."""

    name: str
    offered: int
    reachable: int
    relayed: int | None
    """None where nothing is relayed."""
    round_trip_ms: float | None
    place: str
    """Where the best of them leads."""
    cost: str
    """What it means for a user whose network allows nothing else."""
    untold: bool = False
    """It could not be tried: without the server's offer there is nothing to be reached."""

    @property
    def works(self) -> bool:
        return bool(self.reachable if self.relayed is None else self.relayed)


_COSTS: Final = {
    "UDP": "the best there is",
    "TCP": "stutters at losses",
    "TURN/UDP": "a detour, else as UDP",
    "TURN/TCP": "a detour, stutters too",
    "TURN/TLS": "a detour, stutters too",
}
_THE_WEB_S: Final = "slow; passes firewalls"
"""Of TURN/TLS on port 443."""


def paths(media: MediaFact) -> tuple[Path, ...]:
    """Every way that media can take, the one that ICE prefers first."""
    direct = [_direct(media, protocol) for protocol in ("udp", "tcp")]
    return (*direct, *(_relayed(media, transport) for transport in ("udp", "tcp", "tls")))


def _direct(media: MediaFact, protocol: str) -> Path:
    name = protocol.upper()
    offered = [c for c in media.candidates if c.protocol == protocol]
    best = media.reachable(protocol)
    return Path(
        name=name,
        offered=len(offered),
        reachable=len(best),
        relayed=None,
        round_trip_ms=best[0].tried.round_trip_ms if best else None,
        place=best[0].place if best else "",
        cost=_COSTS[name],
        untold=media.negotiation is not Negotiation.ANSWERED,
    )


def _relayed(media: MediaFact, transport: str) -> Path:
    name = f"TURN/{transport.upper()}"
    offered = media.turns(transport)
    working = [s for s in offered if s.works]
    best = min(working, key=_trip, default=None)
    return Path(
        name=name,
        offered=len(offered),
        reachable=sum(s.answered for s in offered),
        relayed=len(working),
        round_trip_ms=None if best is None else _trip(best),
        place="" if best is None else f"{best.host}:{best.port}",
        cost=_THE_WEB_S if transport == "tls" and best and best.port == 443 else _COSTS[name],
        untold=media.negotiation is not Negotiation.ANSWERED
        and any(s.relay is not None and s.relay.allocate.ok for s in offered),
    )


def _trip(server: IceServerSeen) -> float:
    relay = server.relay
    return 0.0 if relay is None else relay.through.round_trip_ms or 0.0


def sentences(media: MediaFact) -> tuple[str, ...]:
    """``From here, media would go over …``, ``It would fail on a network that …``."""
    ways = {path.name: path for path in paths(media) if path.works}
    best = next(iter(ways.values()), None)
    if best is None and media.negotiation is not Negotiation.ANSWERED:
        why = NOT_NEGOTIATED[media.negotiation]
        return (f"It cannot be told whether media would get through: {why}.",)
    if best is None:
        return ("From here, media would not get through: no path works.",)
    trip = "" if best.round_trip_ms is None else f", round trip {milliseconds(best.round_trip_ms)}"
    by = f" by way of {best.place}" if best.relayed is not None else f" to {best.place}"
    return (f"From here, media would go over {best.name}{by}{trip}.", _fails_where(media, ways))


def _fails_where(media: MediaFact, ways: dict[str, Path]) -> str:
    tls = ways.get("TURN/TLS")
    if tls is not None:
        port = tls.place.rpartition(":")[2]
        if port == "443":
            return "It would get through wherever web pages do: TURN/TLS on port 443 relays."
        return (
            f"It would fail on a network that lets nothing but ports 80 and 443 out: TURN/TLS is on "
            f"port {port}."
        )
    web = "no TURN/TLS on port 443 " + ("works" if media.turns("tls") else "is offered")
    if "TURN/TCP" in ways or "TCP" in ways:
        ports = sorted({ways[n].place.rpartition(":")[2] for n in ("TCP", "TURN/TCP") if n in ways})
        blocked = " and ".join(ports)
        if "443" in ports:
            return (
                "It would fail on a network that looks into what passes port 443, and lets only TLS "
                f"through: {web}."
            )
        word = "port" if len(ports) == 1 else "ports"
        return f"It would fail on a network that blocks UDP and TCP {word} {blocked}: {web}."
    return f"It would fail on a network that blocks UDP: no TCP path works, and {web}."


def render(report: Report, canvas: Canvas, *, verbose: int = 0) -> Iterator[Line]:
    """The paths, what follows from them, and the verdict.

    Args:
        report: what to show.
        canvas: where to.
        verbose: 1 shows every address and server that was asked, and every check.
    """
    report = inert(report, canvas)
    media = report.facts.media
    if canvas.accessible:
        if media is not None:
            yield from _spoken(media)
        yield from accessible.render(report, verbose=verbose)
        return
    yield from human.header(report, canvas)
    if media is not None:
        yield BLANK
        yield from _table(media, canvas)
        if verbose:
            yield BLANK
            yield from _everything(media, canvas)
        yield BLANK
        for text in sentences(media):
            yield from (line(row) for row in wrap(text, canvas.width and canvas.columns))
    if verbose or media is None:
        yield BLANK
        yield from human.body(report, canvas, verbose=verbose)
    yield from findings(report.findings, canvas)
    yield BLANK
    yield from human.verdict(report, canvas)


def _table(media: MediaFact, canvas: Canvas) -> Iterator[Line]:
    wide = not canvas.narrow
    head = "PATH      REACHABLE  ROUND TRIP"
    if wide:
        head = "PATH      OFFERED  REACHABLE  RELAYED  ROUND TRIP  WHO HAS ONLY THIS"
    yield line(" " * (cells(glyph(Style.PASS, canvas).text) + 1), Span(head, Style.DIM))
    for path in paths(media):
        failed = path.offered and not path.untold
        style = Style.PASS if path.works else Style.FAIL if failed else Style.SKIP
        trip = "-" if path.round_trip_ms is None else milliseconds(path.round_trip_ms)
        reachable = str(path.reachable) if path.offered else "-"
        lead = line(glyph(style, canvas), " ", pad(path.name, 10))
        if not wide:
            yield (*lead, Span(f"{reachable:<11}{trip}"))
            continue
        relayed = "-" if path.relayed is None or not failed else str(path.relayed)
        offered = str(path.offered) if path.offered else "?" if path.untold else "no"
        cost = path.cost if path.works else "gets nothing" if failed else ""
        if path.untold:
            cost = "not tried"
        yield (
            *lead,
            Span(f"{offered:<9}{reachable:<11}{relayed:<9}{trip:<12}"),
            Span(cost, Style.DIM),
        )


def _everything(media: MediaFact, canvas: Canvas) -> Iterator[Line]:
    """Every address and server that was asked."""
    styles = [_style(c.tried.outcome) for c in (*media.candidates, *media.elsewhere)]
    styles += [Style.PASS if server.works else Style.FAIL for server in media.servers]
    for (label, words), style in zip(details.media(media), styles, strict=True):
        yield from human.marked(style, f"{label}: {words}", canvas)


def _style(outcome: Outcome) -> Style:
    if outcome is Outcome.UNTRIED:
        return Style.SKIP
    return Style.PASS if outcome is Outcome.OK else Style.FAIL


def _spoken(media: MediaFact) -> Iterator[Line]:
    for text in sentences(media):
        yield accessible.sentence(text)
    for path in paths(media):
        if not path.offered or path.untold:
            words = "not tried" if path.untold else "not offered"
            yield accessible.sentence(f"{path.name}: {words}")
            continue
        places = "address" if path.relayed is None else "server"
        more = "addresses" if path.relayed is None else "servers"
        words = (
            f"{path.name}: {many(path.offered, places, more)} offered, {path.reachable} reachable"
        )
        if path.relayed is not None:
            words += f", {path.relayed} relaying"
        if path.round_trip_ms is not None:
            words += f", round trip {spoken_milliseconds(path.round_trip_ms)}"
        yield accessible.sentence(words)
        if path.works:
            yield accessible.sentence(f"Who has only {path.name}: {path.cost}")
