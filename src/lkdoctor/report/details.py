"""What went over the wire, as pairs of a label and a text; nothing in it is judged."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, assert_never

from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer, ParticipantsListed, RoomsListed, TwirpError
from lkdoctor.facts.app import AppFact
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.cloud import CloudFact, RegionLook
from lkdoctor.facts.media import UNTRIED, IceServerSeen, MediaFact, Outcome
from lkdoctor.facts.network import (
    AddressLook,
    Direct,
    DnsAnswer,
    NameNotFound,
    NetworkFact,
    OwnLimit,
    Resolved,
    ResolverFailed,
    TcpAttempt,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
    Tunnel,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact
from lkdoctor.facts.signal import (
    SILENT,
    Candidate,
    CleanUp,
    Cut,
    FirstMessage,
    Held,
    IceServer,
    Joined,
    LeftAtOnce,
    NoFirstMessage,
    ParticipantSeen,
    PhaseName,
    PhaseOutcome,
    Pings,
    Repeat,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Whose,
)
from lkdoctor.facts.tls import (
    Certificate,
    TlsAttempt,
    TlsBroken,
    TlsDistrusted,
    TlsEstablished,
    TlsFact,
    TlsNotSpoken,
    TlsTimedOut,
)
from lkdoctor.facts.url import ParsedUrl, UnusableUrl, UrlFact
from lkdoctor.findings import Layer
from lkdoctor.report.layout import many, milliseconds
from lkdoctor.report.model import timestamp
from lkdoctor.wire.url import dialled

Rows = Iterator[tuple[str, str]]

BODY: Final = 200
"""Characters of a body that are shown; the JSON report has all that was read."""

MAX_PACKAGES: Final = 20
"""Places of packages that are shown; the JSON report has all."""

WHOSE: Final = {
    Whose.NONE: "without a token",
    Whose.MINTED: "a token of lkdoctor's own",
    Whose.GIVEN: "your token",
}


def of(layer: Layer, facts: Facts) -> Rows:
    """The observations of one layer, where there is more to them than its checks say."""
    rows = _ROWS.get(layer)
    fact = getattr(facts, layer, None)
    if rows is not None and fact:
        yield from rows(fact)


def media(fact: MediaFact) -> Rows:
    """Every address and server that was asked, and what came of it."""
    for candidate in (*fact.candidates, *fact.elsewhere):
        where = "not offered" if candidate in fact.elsewhere else str(candidate.reach)
        label = f"{candidate.protocol.upper()} {candidate.place} ({where})"
        yield label, candidate.tried.words
    for ice in fact.servers:
        yield ice.url, _ice_server(ice)


def _ice_server(ice: IceServerSeen) -> str:
    relay = ice.relay
    if not ice.connect.ok:
        return ice.connect.words
    if relay is None:
        binding = ice.binding or UNTRIED
        return binding.words + (f"; we are {binding.detail}" if binding.ok else "")
    words = [f"allocate: {relay.allocate.words}"]
    if relay.permission.outcome is not Outcome.UNTRIED:
        words.append(f"permission: {relay.permission.words}")
    if relay.through.outcome is not Outcome.UNTRIED:
        words.append(f"relayed to {relay.peer}: {relay.through.words}")
    return ", ".join(words)


def app(fact: AppFact) -> Rows:
    yield "folder", f"{fact.folder}   {many(fact.files, 'file')}"
    for framework in fact.frameworks:
        yield "framework", f"{framework.name}   {framework.origin}"
    for host in fact.hosts:
        yield "deployed to", f"{host.name}   {host.origin}"
    for package in fact.packages[:MAX_PACKAGES]:
        version = package.version or f"{package.required or 'any version'} (not resolved)"
        yield "package", f"{package.name} {version}   {package.origin}"
    if len(fact.packages) > MAX_PACKAGES:
        yield "package", f"and {len(fact.packages) - MAX_PACKAGES} more"
    for item in fact.unread:
        yield "not read", f"{item.origin}: {item.why}"


def url(fact: UrlFact) -> Rows:
    yield "as written", f"{fact.raw}   from {fact.origin}"
    match fact.result:
        case ParsedUrl() as parsed:
            yield "dialled", f"{parsed.host} port {parsed.port}, {parsed.scheme}"
            if parsed.path:
                yield "path", parsed.path
            yield from dialled(parsed)
        case UnusableUrl() as unusable:
            yield "unusable", f"{unusable.problem}: {unusable.detail}"
        case _:
            assert_never(fact.result)


def network(fact: NetworkFact) -> Rows:
    if fact.through is not None:
        yield "way", through(fact.through)
    yield "DNS", f"{fact.through.host if fact.through else fact.host}: {dns(fact.dns)}"
    for attempt in fact.tcp:
        yield "TCP", tcp(attempt)
    if fact.through is not None and fact.through.answer is not None:
        yield f"CONNECT {endpoint(fact.host, fact.port)}", exchange(fact.through.answer)
    if fact.direct is not None:
        yield "without the proxy", direct(fact.direct)
    for look in fact.each:
        yield f"at {look.address}", address(look)
    if fact.proxy:
        yield "proxy variable", f"{fact.proxy} (not used)"


def address(look: AddressLook) -> str:
    """As in ``connected, GET / 200 OK, validate 200 OK``."""
    if look.tcp is None:
        return "not tried"
    parts: list[str] = [look.tcp.kind]
    parts += [f"TLS {look.tls}"] if look.tls else []
    parts += [f"GET / {short(look.root)}"] if look.root else []
    parts += [f"validate {short(look.validation)}"] if look.validation else []
    return ", ".join(parts)


def through(tunnel: Tunnel) -> str:
    """As in ``through proxy.example.com:3128 (HTTPS_PROXY, with a password)``."""
    password = ", with a password" if tunnel.credentials else ""
    return f"through {endpoint(tunnel.host, tunnel.port)} ({tunnel.origin}{password})"


def direct(way: Direct) -> str:
    """What came of the look past the proxy."""
    if not isinstance(way.dns, Resolved):
        return dns(way.dns)
    return "   ".join(map(tcp, way.tcp)) or "not tried"


def dns(answer: DnsAnswer) -> str:
    match answer:
        case Resolved(literal=True):
            return "an address, nobody was asked"
        case Resolved():
            return f"{', '.join(answer.addresses)} in {milliseconds(answer.took_ms)}"
        case NameNotFound():
            return f"no such name ({answer.error}) after {milliseconds(answer.took_ms)}"
        case ResolverFailed():
            return f"no answer ({answer.error}) after {milliseconds(answer.took_ms)}"
        case OwnLimit():
            return f"not asked: {answer.error}"
        case _:
            assert_never(answer)


def endpoint(address: str, port: int) -> str:
    """``203.0.113.10:443``, ``[2001:db8::10]:443``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def tcp(attempt: TcpAttempt) -> str:
    where = endpoint(attempt.address, attempt.port)
    took = milliseconds(attempt.took_ms)
    match attempt:
        case TcpConnected():
            return f"{where} connected in {took}"
        case TcpRefused():
            return f"{where} refused after {took}"
        case TcpTimedOut():
            return f"{where} did not answer in {took}"
        case TcpUnreachable():
            return f"{where} cannot be reached: {attempt.error}"
        case OwnLimit():
            return f"{where} not tried: {attempt.error}"
        case _:
            assert_never(attempt)


def tls(fact: TlsFact) -> Rows:
    yield "handshake", handshake(fact.attempt)
    certificate = getattr(fact.attempt, "certificate", None)
    if isinstance(certificate, Certificate):
        yield "certificate", f"{certificate.subject}, issued by {certificate.issuer}"
        yield "covers", ", ".join(certificate.names) or "no name"
        begins, ends = certificate.not_before, certificate.not_after
        if begins is not None and ends is not None:
            yield "valid", f"{timestamp(begins)} to {timestamp(ends)}"
        if certificate.unread:
            yield "not readable", ", ".join(certificate.unread)
    if isinstance(fact.attempt, TlsDistrusted) and fact.attempt.sent is not None:
        yield "sent", f"{fact.attempt.sent} of the chain's certificates"
    if fact.roots is not None:
        yield "known here", f"{fact.roots} authorities"
    if isinstance(fact.attempt, TlsNotSpoken) and fact.attempt.plain_http is not None:
        yield "without TLS", exchange(fact.attempt.plain_http)
    if fact.ca_file:
        yield "trusted", f"the certificates of {fact.ca_file}"


def handshake(attempt: TlsAttempt) -> str:
    took = milliseconds(attempt.took_ms)
    match attempt:
        case TlsEstablished():
            seen = "verified" if attempt.verified else "NOT verified (--insecure)"
            return f"{attempt.version}, {attempt.cipher}, {seen}, {took}"
        case TlsDistrusted():
            return f"not trusted ({attempt.reason}): {attempt.error}"
        case TlsNotSpoken():
            return f"the peer does not speak TLS: {attempt.error}"
        case TlsBroken():
            return f"broken off: {attempt.error}"
        case TlsTimedOut():
            return f"not finished after {took}"
        case _:
            assert_never(attempt)


def clock(fact: ClockFact) -> str:
    """Here, there, and the difference in words."""
    here = f"here {timestamp(fact.local)}"
    if fact.server is None or fact.skew_ms is None:
        return f"{here}, the server did not tell its own"
    span = fact.uncertainty_ms
    within = f"{span / 1000:.1f} s" if span >= 100 else milliseconds(span)
    within = f"{within} ({fact.source})"
    if abs(fact.skew_ms) <= fact.uncertainty_ms:
        return f"this machine agrees with the server, to {within}"
    way = "behind" if fact.skew_ms > 0 else "ahead of"
    return f"this machine is {abs(fact.skew_ms) / 1000:.1f} s {way} the server, ±{within}"


def exchange(answer: Exchange) -> str:
    """As in ``200 OK, "success", 25 ms``."""
    match answer:
        case HttpAnswer():
            body = answer.body
            if len(body) > BODY:
                body = f"{body[:BODY]} (cut)"
            said = f'"{body}"' if body else "no body"
            more = f" (the first {answer.body_bytes} bytes)" if answer.truncated else ""
            status = f"{answer.status} {answer.reason}".rstrip()
            return f"{status}, {said}{more}, {milliseconds(answer.took_ms)}"
        case NoAnswer():
            seen = f" ({answer.detail})" if answer.detail else ""
            return f"{answer.problem}{seen} after {milliseconds(answer.took_ms)}"
        case _:
            assert_never(answer)


def short(answer: Exchange) -> str:
    """The same without the body."""
    if isinstance(answer, HttpAnswer):
        return f"{answer.status} {answer.reason}".rstrip()
    return exchange(answer)


def headers(pairs: tuple[tuple[str, str], ...]) -> Rows:
    for name, value in pairs:
        yield "header", f"{name}: {value}"


def server(fact: ServerFact) -> Rows:
    yield "GET /", exchange(fact.root)
    if isinstance(fact.root, HttpAnswer):
        yield from headers(fact.root.headers)
    for asked in fact.elsewhere:
        yield f"GET {asked.prefix}/rtc/validate", f"no token: {exchange(asked.answer)}"
    if fact.bad_token is not None:
        yield "GET …/rtc/validate", f"no real token: {exchange(fact.bad_token)}"


def api(fact: ApiFact) -> Rows:
    for label, answer in (
        ("ListRooms", fact.rooms),
        ("ListParticipants", fact.participants),
        ("without a token", fact.without_token),
    ):
        match answer:
            case None:
                continue
            case RoomsListed():
                yield label, many(len(answer.rooms), "room")
            case ParticipantsListed():
                yield label, f"{many(len(answer.participants), 'participant')} in {answer.room}"
            case TwirpError():
                yield label, f'{answer.status} {answer.code}: "{answer.msg}"'
            case ForeignAnswer():
                yield label, f"not the API's: {exchange(answer.exchange)}"
            case _:
                assert_never(answer)


def cloud(fact: CloudFact) -> Rows:
    yield "regions", short(fact.asked)
    for look in fact.regions:
        yield look.name or "a region", region(look)


def region(look: RegionLook) -> str:
    """As in ``reached in 70 ms, GET / 200 OK, validate 200 OK``."""
    if look.passed_over:
        return f"not dialled: {look.passed_over}   {look.url}"
    if look.ready_ms is None:
        stopped = look.tls or (
            look.tcp.kind if look.tcp else look.dns.kind if look.dns else "no URL"
        )
        return f"not reached: {stopped}   {look.url}"
    parts = [f"reached in {milliseconds(look.ready_ms)}"]
    parts += [f"GET / {short(look.root)}"] if look.root else []
    parts += [f"validate {short(look.validation)}"] if look.validation else []
    return ", ".join(parts)


def signal(fact: SignalFact) -> Rows:
    for validation in (*fact.validations, *fact.as_browser):
        how = ", as a page asks" if validation in fact.as_browser else ""
        label = f"GET {validation.path}"
        yield label, f"{WHOSE[validation.whose]}{how}: {exchange(validation.answer)}"
    for tally in fact.again:
        yield "validate again", f"{many(tally.times, 'time')}: {short(tally.answer)}"
    for attempt in fact.upgrades:
        yield f"upgrade {attempt.path}", f"{WHOSE[attempt.whose]}: {upgrade(attempt)}"
        yield from headers(upgrade_headers(attempt))
    if fact.first is not None:
        yield "first message", first(fact.first)
    if isinstance(fact.first, Joined):
        yield from joined(fact.first)
    yield from _session(fact)


def _session(fact: SignalFact) -> Rows:
    """What came behind the first message."""
    if fact.candidates:
        yield "candidates", ", ".join(map(candidate, fact.candidates))
    if fact.pings and fact.pings.sent:
        yield "pings", pings(fact.pings)
    if fact.repeats:
        yield from repeats(fact.repeats)
    if fact.held:
        yield "held", held(fact.held)
    yield from _end(fact)


def _end(fact: SignalFact) -> Rows:
    if fact.cut:
        yield "ended", cut(fact.cut)
    if fact.goodbye:
        code = f", close code {fact.goodbye.close_code}" if fact.goodbye.close_code else ""
        answered = "confirmed" if fact.goodbye.answered else "not confirmed"
        yield "leave", f"{answered}{code}{_more(fact.goodbye.detail)}"
    if fact.clean_up:
        yield "room", clean_up(fact)


def cut(fact: Cut) -> str:
    """How the session ended before its time."""
    return f"{fact.how}, {milliseconds(fact.after_ms)} after the join response"


def held(seen: Held) -> str:
    """As in ``10.0 s, still open`` or ``2.0 s of 10 s, then dropped``."""
    sent = f", {many(seen.pings, 'ping')} sent" if seen.pings else ""
    sent += f", {seen.pongs} answered" if seen.pings and seen.pongs is not None else ""
    if not seen.ended:
        return f"{seen.lasted_s:.1f} s, still open{sent}"
    if seen.ended == SILENT:
        last = seen.lasted_s - seen.unheard_s
        return f"silent from {last:.1f} s on: no pong for {seen.unheard_s:.1f} s{sent}"
    quiet = f", {seen.quiet_s:.1f} s after the last message"
    return (
        f"{seen.lasted_s:.1f} s of {seen.asked_s:g} s, then {seen.ended}{_more(seen.detail)}{quiet}"
    )


def clean_up(fact: SignalFact) -> str:
    """What became of the throw-away room."""
    if fact.clean_up is None:
        return "not touched"
    return f"{fact.clean_up.room} {became(fact.clean_up)}"


def became(clean_up: CleanUp) -> str:
    """What became of a throw-away room, behind its name."""
    if clean_up.removed:
        return clean_up.detail or "removed"
    if clean_up.goes:
        # The server looks once a second for rooms whose time is over.
        return f"ends by itself within {(clean_up.lasts_s or 0) + 1} s"
    if not clean_up.known:
        return "ends by itself, if it was made"
    lasts = "" if clean_up.lasts_s is None else f" for {clean_up.lasts_s} s"
    return f"could NOT be removed, and stays{lasts}{_more(clean_up.detail)}"


def _more(detail: str) -> str:
    return f": {detail}" if detail else ""


def upgrade(attempt: UpgradeAttempt) -> str:
    match attempt.result:
        case Upgraded() as done:
            return f"101, {milliseconds(done.took_ms)}"
        case UpgradeRefused() as refused:
            return exchange(refused.answer)
        case UpgradeInvalid() as invalid:
            return f"{invalid.answer.status}, but no WebSocket handshake: {invalid.error}"
        case UpgradeUnanswered() as unanswered:
            return exchange(unanswered.answer)
        case _:
            assert_never(attempt.result)


def upgrade_headers(attempt: UpgradeAttempt) -> tuple[tuple[str, str], ...]:
    match attempt.result:
        case Upgraded(headers=pairs):
            return pairs
        case UpgradeRefused(answer=answer) | UpgradeInvalid(answer=answer):
            return answer.headers
        case UpgradeUnanswered():
            return ()
        case _:
            assert_never(attempt.result)


def first(message: FirstMessage) -> str:
    match message:
        case Joined():
            return f"joined {message.room} as {message.identity}, {milliseconds(message.took_ms)}"
        case LeftAtOnce():
            return f"leave: {message.reason}, {message.action}"
        case NoFirstMessage():
            took = milliseconds(message.took_ms)
            return f"{message.problem}{_more(message.detail)} after {took}"
        case _:
            assert_never(message)


def joined(message: Joined) -> Rows:
    edition = "LiveKit Cloud" if message.edition == "Cloud" else "self-hosted"
    parts = [f"{message.server_version or 'version unknown'}, {edition}"]
    parts += [f"protocol {message.protocol}"]
    parts += [f"region {message.region}"] if message.region else []
    parts += [f"node {message.node_id}"] if message.node_id else []
    yield "server", ", ".join(parts)
    limit = f" of {message.max_participants}" if message.max_participants else ""
    yield "room", f"{message.room_sid}, {message.num_participants}{limit} counted by the server"
    yield (
        "keep-alive",
        f"ping every {message.ping_interval_s} s, given up after {message.ping_timeout_s} s",
    )
    for other in message.others:
        yield "in the room", person(other)
    for offered in message.ice_servers:
        yield "ICE server", ice_server(offered)
    if message.alternative_url:
        yield "other URL", message.alternative_url


def person(seen: ParticipantSeen) -> str:
    """Somebody who is in the room."""
    named = f' "{seen.name}"' if seen.name else ""
    tracks = f", {many(seen.publishing, 'track')}" if seen.publishing else ""
    hidden = ", hidden" if seen.hidden else ""
    return f"{seen.identity}{named}, {seen.state}{tracks}{hidden}"


def ice_server(offered: IceServer) -> str:
    urls = " ".join(offered.urls)
    return f"{urls}   with a credential" if offered.has_credential else urls


def candidate(seen: Candidate) -> str:
    kind = f" {seen.tcp_type}" if seen.tcp_type else ""
    return f"{seen.protocol} {endpoint(seen.address, seen.port)} {seen.type}{kind}"


def pings(seen: Pings) -> str:
    """As in ``5 of 5   min 24.8   median 25.2   max 27.1 ms   jitter 0.9``."""
    answered = f"{len(seen.round_trips_ms)} of {seen.sent}"
    if not seen.round_trips_ms:
        return f"{answered} answered"
    return f"{answered}   {spread(seen.round_trips_ms)}   jitter {jitter(seen):.1f}"


def spread(values_ms: tuple[float, ...]) -> str:
    """As in ``min 24.8   median 25.2   max 27.1 ms``."""
    ordered = sorted(values_ms)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else sum(ordered[middle - 1 : middle + 1]) / 2
    return f"min {ordered[0]:.1f}   median {median:.1f}   max {ordered[-1]:.1f} ms"


def jitter(seen: Pings) -> float:
    """How much a round trip differs from the one before it, on average."""
    trips = seen.round_trips_ms
    steps = [abs(b - a) for a, b in itertools.pairwise(trips)]
    return sum(steps) / len(steps) if steps else 0.0


def repeats(seen: tuple[Repeat, ...]) -> Rows:
    """How several connections ended, how long those that joined took, and each phase of them."""
    ready = tuple(one.ready_ms for one in seen if one.ready_ms is not None)
    times = f"   {spread(ready)}" if ready else ""
    yield "connections", f"{len(ready)} of {len(seen)} joined{times}"
    for name in PhaseName:
        took = tuple(
            phase.took_ms
            for one in seen
            for phase in one.phases
            if phase.name is name and phase.outcome is PhaseOutcome.OK
        )
        if took:
            yield name.replace("_", " "), percentiles(took)
    outcomes = Counter(one.outcome for one in seen if one.ready_ms is None)
    for outcome, count in outcomes.most_common():
        yield "connections", f"{count} failed: {outcome}"


def percentiles(values_ms: tuple[float, ...]) -> str:
    """As in ``p50 24.8   p95 27.1   max 31.0 ms``: of that many, so many were no slower."""
    ordered = sorted(values_ms)
    p50, p95 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95))
    return f"p50 {p50:.1f}   p95 {p95:.1f}   max {ordered[-1]:.1f} ms"


def _clocks(fact: ClockFact) -> Rows:
    yield "clocks", clock(fact)


_ROWS: Final[Mapping[Layer, Callable[[Any], Rows]]] = {
    Layer.URL: url,
    Layer.NETWORK: network,
    Layer.TLS: tls,
    Layer.CLOCK: _clocks,
    Layer.SIGNAL: signal,
    Layer.SERVER: server,
    Layer.API: api,
    Layer.MEDIA: media,
    Layer.APP: app,
    Layer.CLOUD: cloud,
}
"""A layer's name is its field's in `Facts`."""
