"""One connection, phase by phase, drawn to scale; and what the server told on the way."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never

from lkdoctor.facts import Facts
from lkdoctor.facts.network import NetworkFact, Resolved, TcpTimedOut
from lkdoctor.facts.server import Silence
from lkdoctor.facts.signal import (
    Joined,
    Phase,
    PhaseName,
    PhaseOutcome,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Whose,
)
from lkdoctor.facts.tls import TlsAttempt, TlsEstablished, TlsTimedOut
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.report import accessible, areas, details, human
from lkdoctor.report.findings import findings
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    inert,
    labelled,
    line,
    pad,
    spoken_milliseconds,
    wrap,
)
from lkdoctor.report.model import Report, Status

NAMES: Final = {
    PhaseName.DNS: "DNS",
    PhaseName.TCP: "TCP connect",
    PhaseName.PROXY: "Proxy CONNECT",
    PhaseName.TLS: "TLS handshake",
    PhaseName.UPGRADE: "HTTP upgrade",
    PhaseName.FIRST_MESSAGE: "First message",
}

_MOST_PEOPLE: Final = 10
"""People of the room who are named."""

_LEFT: Final = 34
"""Cells before the bars: name, start, duration, gaps."""

_DRAWN: Final = {PhaseOutcome.OK, PhaseOutcome.FAILED, PhaseOutcome.TIMEOUT}


def render(report: Report, canvas: Canvas, *, verbose: int = 0) -> Iterator[Line]:
    """The connection that `SignalFact` tells of, and the verdict on it.

    Args:
        report: what to show.
        canvas: where to.
        verbose: 1 shows every check, 2 what went over the wire, too.
    """
    report = inert(report, canvas)
    if canvas.accessible:
        yield from _spoken(report, verbose=verbose)
        return
    yield from _header(report, canvas)
    phases = phases_of(report.facts)
    if phases:
        yield BLANK
        yield from _phases(report, phases, canvas)
    rows = list(_told(report, verbose=verbose))
    if rows:
        yield BLANK
        column = max(cells(label) for label, _ in rows) + 2
        for label, text in rows:
            yield from labelled(label, [text], canvas, column=column)
    if verbose:
        yield BLANK
        yield from human.body(report, canvas, verbose=verbose)
    else:
        yield from _open(report, canvas)
    yield from findings(report.findings, canvas)
    yield BLANK
    yield from human.verdict(report, canvas, told=_outcome(report))


def phases_of(facts: Facts) -> tuple[Phase, ...]:
    """The phases of the connection that joined; where none did, of the way that was looked at."""
    if facts.signal is not None and facts.signal.phases:
        return tuple(_with_reason(phase, facts) for phase in facts.signal.phases)
    phases: list[Phase] = []
    for name, outcome, took, detail in _steps(facts):
        start = phases[-1].start_ms + phases[-1].took_ms if phases else 0.0
        phases.append(Phase(name, outcome, start, took, detail))
        if outcome is not PhaseOutcome.OK:
            later = list(PhaseName)[list(PhaseName).index(name) + 1 :]
            if _without_tls(facts):
                later = [phase for phase in later if phase is not PhaseName.TLS]
            if facts.network is None or facts.network.through is None:
                later = [phase for phase in later if phase is not PhaseName.PROXY]
            return (*phases, *(Phase(phase, PhaseOutcome.NOT_REACHED) for phase in later))
    return tuple(phases)


def _with_reason(phase: Phase, facts: Facts) -> Phase:
    """The phase, saying in words why it stopped where the facts tell more than a probe's note."""
    if phase.outcome in {PhaseOutcome.OK, PhaseOutcome.NOT_REACHED}:
        return phase
    reasons = {name: detail for name, _, _, detail in _steps(facts)}
    first = facts.signal.first if facts.signal else None
    if first is not None and not isinstance(first, Joined):
        reasons[PhaseName.FIRST_MESSAGE] = details.first(first)
    return phase._replace(detail=reasons.get(phase.name) or phase.detail)


def _without_tls(facts: Facts) -> bool:
    result = facts.url.result if facts.url else None
    return isinstance(result, ParsedUrl) and not result.secure


def _steps(facts: Facts) -> Iterator[tuple[PhaseName, PhaseOutcome, float, str]]:
    if facts.network is not None:
        dns, connected = facts.network.dns, facts.network.connected
        done = PhaseOutcome.OK if isinstance(dns, Resolved) else PhaseOutcome.FAILED
        yield PhaseName.DNS, done, dns.took_ms, "" if isinstance(dns, Resolved) else dns.error
        if connected is not None:
            yield PhaseName.TCP, PhaseOutcome.OK, connected.took_ms, ""
        elif facts.network.tcp:
            last = facts.network.tcp[-1]
            silent = isinstance(last, TcpTimedOut)
            stop = PhaseOutcome.TIMEOUT if silent else PhaseOutcome.FAILED
            yield PhaseName.TCP, stop, last.took_ms, details.tcp(last)
        through = facts.network.through
        if through is not None and through.answer is not None:
            made = PhaseOutcome.OK if through.open else PhaseOutcome.FAILED
            said = "" if through.open else details.short(through.answer)
            yield PhaseName.PROXY, made, through.answer.took_ms, said
    if facts.tls is not None:
        yield PhaseName.TLS, *_handshake(facts.tls.attempt)
    if facts.signal is not None and facts.signal.upgrades:
        yield PhaseName.UPGRADE, *_upgrade(facts.signal.upgrades[-1])


def _handshake(attempt: TlsAttempt) -> tuple[PhaseOutcome, float, str]:
    match attempt:
        case TlsEstablished():
            return PhaseOutcome.OK, attempt.took_ms, ""
        case TlsTimedOut():
            return PhaseOutcome.TIMEOUT, attempt.took_ms, ""
        case _:
            return PhaseOutcome.FAILED, attempt.took_ms, attempt.error


def _upgrade(attempt: UpgradeAttempt) -> tuple[PhaseOutcome, float, str]:
    """Without a token a complete answer is all that can be had."""
    match attempt.result:
        case Upgraded(took_ms=took):
            return PhaseOutcome.OK, took, ""
        case UpgradeRefused(answer=answer):
            answered = attempt.whose is Whose.NONE
            outcome = PhaseOutcome.OK if answered else PhaseOutcome.FAILED
            return outcome, answer.took_ms, "" if answered else details.upgrade(attempt)
        case UpgradeInvalid(answer=answer):
            return PhaseOutcome.FAILED, answer.took_ms, details.upgrade(attempt)
        case UpgradeUnanswered(answer=nothing):
            silent = nothing.problem is Silence.TIMEOUT
            if silent:
                return PhaseOutcome.TIMEOUT, nothing.took_ms, "request sent, no byte came back"
            return PhaseOutcome.FAILED, nothing.took_ms, details.upgrade(attempt)
        case _:
            assert_never(attempt.result)


def ready_ms(phases: tuple[Phase, ...]) -> float | None:
    """When the first message was there; None where it never was."""
    if not phases or any(phase.outcome is not PhaseOutcome.OK for phase in phases):
        return None
    if phases[-1].name is not PhaseName.FIRST_MESSAGE:
        return None
    return max(phase.start_ms + phase.took_ms for phase in phases)


def slowest(phases: tuple[Phase, ...]) -> tuple[Phase, int] | None:
    """The phase that took longest, and its share of the whole in percent."""
    total = sum(phase.took_ms for phase in phases)
    if total <= 0:
        return None
    longest = max(phases, key=lambda phase: phase.took_ms)
    return longest, round(100 * longest.took_ms / total)


def _header(report: Report, canvas: Canvas) -> Iterator[Line]:
    signal = report.facts.signal
    if signal is not None:
        for text in _joining(signal):
            yield from (line(row) for row in wrap(text, canvas.width and canvas.columns))
    parts = [report.target.url or "no URL"]
    network = report.facts.network
    if network is not None and network.through is not None:
        parts.append(details.through(network.through))
    elif network is not None and network.connected is not None:
        parts.append(network.connected.address)
    tls = report.facts.tls
    if tls is not None and isinstance(tls.attempt, TlsEstablished):
        verified = "" if tls.attempt.verified else ", certificate NOT verified (--insecure)"
        parts.append(tls.attempt.version.replace("TLSv", "TLS ") + verified)
    if report.target.server:
        parts.append(f"server {report.target.server}")
    yield from human.flowing(parts, canvas, style=Style.TITLE)


def _joining(signal: SignalFact) -> Iterator[str]:
    if not isinstance(signal.first, Joined):
        return
    room, identity = signal.first.room, signal.first.identity
    fate = "throw-away"
    if signal.clean_up is not None and signal.clean_up.goes:
        fate += ", removed afterwards" if signal.clean_up.removed else ", ends by itself"
    made = f" ({fate})" if room == signal.room_minted else ""
    yield f"joined room {room} as {identity}{made}"


class _Scale(NamedTuple):
    """Milliseconds to cells."""

    end_ms: float
    width: int

    @classmethod
    def of(cls, phases: tuple[Phase, ...], width: int) -> "_Scale":
        last = max((p.start_ms + p.took_ms for p in phases if p.outcome in _DRAWN), default=1.0)
        return cls(max(last, 0.1), width)

    def bar(self, phase: Phase, canvas: Canvas) -> str:
        """Blanks up to the phase's start, then its length, one cell at least."""
        per_cell = self.end_ms / self.width
        start = min(self.width - 1, math.floor(phase.start_ms / per_cell))
        end = min(self.width, math.ceil((phase.start_ms + phase.took_ms) / per_cell))
        block = "█" if canvas.unicode else "#"
        bar = block * max(1, end - start)
        if phase.outcome is PhaseOutcome.TIMEOUT:
            bar = bar[:-1] + ">"
        return " " * start + bar

    def ticks(self) -> str:
        """Round numbers along the top, as many as stand apart."""
        step = _round_step(self.end_ms * 10 / self.width)
        text = ""
        tick = 0.0
        while tick <= self.end_ms:
            at = math.floor(tick / self.end_ms * self.width)
            label = f"{tick:g}"
            if at + cells(label) > self.width - 3:
                break
            text = pad(text, at) + label
            tick += step
        return pad(text, self.width - 2) + "ms"


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def _phases(report: Report, phases: tuple[Phase, ...], canvas: Canvas) -> Iterator[Line]:
    scale = None if canvas.narrow else _Scale.of(phases, canvas.columns - _LEFT)
    head = f"{'PHASE':<16}{'START':>7}{'TOOK':>8}"
    yield line(Span(head + ("   " + scale.ticks() if scale else f"{'SHARE':>8}"), Style.DIM))
    total = sum(phase.took_ms for phase in phases)
    for phase in phases:
        name = NAMES[phase.name] + _status(report, phase)
        if phase.outcome is PhaseOutcome.NOT_REACHED:
            yield line(f"{name:<16}", " " * 18 if scale else "  ", Span("not reached", Style.DIM))
            continue
        numbers = f"{name:<16}{_number(phase.start_ms, 0):>7}{_number(phase.took_ms, 1):>8}"
        style = Style.PASS if phase.outcome is PhaseOutcome.OK else Style.FAIL
        if scale:
            yield line(numbers, "   ", Span(scale.bar(phase, canvas), style))
        else:
            share = f"{round(100 * phase.took_ms / total) if total else 0} %"
            yield line(numbers, f"{share:>8}")
        yield from _stopped(phase, canvas)
    yield from _ready(phases, canvas)


def _status(report: Report, phase: Phase) -> str:
    """`` 101`` behind the upgrade, where there was an answer."""
    signal = report.facts.signal
    if phase.name is not PhaseName.UPGRADE or signal is None or not signal.upgrades:
        return ""
    match signal.upgrades[-1].result:
        case Upgraded():
            return " 101"
        case UpgradeRefused(answer=answer) | UpgradeInvalid(answer=answer):
            return f" {answer.status}"
        case _:
            return ""


def _stopped(phase: Phase, canvas: Canvas) -> Iterator[Line]:
    if phase.outcome is PhaseOutcome.OK:
        return
    word = "TIMEOUT" if phase.outcome is PhaseOutcome.TIMEOUT else "FAILED"
    text = f"{word}: {phase.detail}" if phase.detail else word
    indent = 2 if canvas.narrow else _LEFT
    for row in wrap(text, canvas.width and canvas.columns - indent):
        yield line(" " * indent, Span(row, Style.FAIL))


def _ready(phases: tuple[Phase, ...], canvas: Canvas) -> Iterator[Line]:
    ready = ready_ms(phases)
    longest = slowest(phases)
    if ready is None or longest is None:
        return
    phase, share = longest
    text = f"slowest: {NAMES[phase.name]}, {share} %"
    row = f"{'Ready':<16}{_number(ready, 0):>7}"
    if canvas.narrow:
        yield line(row)
        yield line(text)
        return
    whole = text.replace(" %", "\xa0%")  # a number and its sign stay on one line
    for number, part in enumerate(wrap(whole, canvas.width and canvas.columns - _LEFT)):
        yield line(pad(row if number == 0 else "", _LEFT), part.replace("\xa0", " "))
    if phase.name is PhaseName.UPGRADE:
        # livekit-server 1.13.5 pkg/service/rtcservice.go: the session is started, then 101 is sent.
        why = "(LiveKit starts the session before it answers)"
        for text in wrap(why, canvas.width and canvas.columns - _LEFT):
            yield line(" " * _LEFT, Span(text, Style.DIM))


def _number(value: float, digits: int) -> str:
    """``12.4``, ``5 000``: no fraction where nobody reads it."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{digits}f}"


def _told(report: Report, *, verbose: int) -> Iterator[tuple[str, str]]:
    """What the connection and the server said, in the order in which it was learnt."""
    facts = report.facts
    if facts.network is not None:
        yield from _addresses(facts.network)
    if facts.signal is not None:
        yield from _answers(facts.signal, verbose=verbose)
        if isinstance(facts.signal.first, Joined):
            yield from _session(facts.signal.first)
        for candidate in facts.signal.candidates:
            yield "CANDIDATE", details.candidate(candidate)
    for label, text in details.cloud(facts.cloud) if facts.cloud is not None else ():
        yield label.upper(), text
    if facts.clock is not None and facts.clock.server is not None:
        yield "CLOCK", details.clock(facts.clock)
    if facts.signal is not None and facts.signal.clean_up is not None:
        yield "ROOM", details.clean_up(facts.signal)


def _answers(signal: SignalFact, *, verbose: int) -> Iterator[tuple[str, str]]:
    for validation in signal.validations:
        if validation.path.endswith("/v1/validate") and len(signal.validations) > 1 and not verbose:
            continue  # the same as on the classic path, or a finding
        yield (
            "VALIDATE",
            f"{details.WHOSE[validation.whose]}: {details.exchange(validation.answer)}",
        )
    for attempt in signal.upgrades:
        # The one that joined is in the waterfall, and so is why it did not.
        if attempt is not signal.upgrades[-1] or attempt.whose is Whose.NONE or verbose:
            yield "UPGRADE", f"{details.WHOSE[attempt.whose]}: {details.upgrade(attempt)}"
    if signal.without_v1:
        yield "PATH", "/rtc: the server does not have /rtc/v1"
    elif signal.upgrades and signal.upgrades[-1].path != "/rtc":
        yield "PATH", signal.upgrades[-1].path
    if signal.pings and signal.pings.sent:
        yield "PING", details.pings(signal.pings)
    yield from _measured(signal)


def _measured(signal: SignalFact) -> Iterator[tuple[str, str]]:
    """How the session ended, and what many of them came to."""
    if signal.cut:
        yield "ENDED", details.cut(signal.cut)
    for label, text in details.repeats(signal.repeats) if signal.repeats else ():
        yield label.upper(), text
    for tally in signal.again if len(signal.again) > 1 else ():
        yield "VALIDATED", f"{tally.times} times: {details.exchange(tally.answer)}"
    if signal.held is not None:
        yield "HELD", details.held(signal.held)


def _addresses(network: NetworkFact) -> Iterator[tuple[str, str]]:
    # A single attempt is in the waterfall.
    if len(network.tcp) > 1:
        yield "ADDRESSES", "   ".join(map(details.tcp, network.tcp))
    for look in network.each:
        yield "ADDRESS", f"{look.address}: {details.address(look)}"
    if network.direct is not None:
        yield "DIRECTLY", details.direct(network.direct)


def _session(first: Joined) -> Iterator[tuple[str, str]]:
    labels = {"server": "SERVER", "keep-alive": "KEEP-ALIVE", "ICE server": "ICE SERVER"}
    seen = list(details.joined(first))
    for label, text in seen:
        if label in labels:
            yield labels[label], text
    if not first.ice_servers:
        yield "ICE SERVER", "none offered"
    people = [details.person(other) for other in first.others[:_MOST_PEOPLE]]
    if len(first.others) > _MOST_PEOPLE:
        people.append(f"and {len(first.others) - _MOST_PEOPLE} more")
    yield "PEOPLE", "   ".join(people) if people else "nobody else was in the room"


def _open(report: Report, canvas: Canvas) -> Iterator[Line]:
    """What could not be told, and what was not tested, where no list of checks says so."""
    rows = [
        (areas.STYLES[check.status], f"{areas.WORDS[check.status]}  {check.summary}")
        for check in report.checks
        if check.status in {Status.UNKNOWN, Status.ERROR}
    ]
    rows += [(Style.SKIP, f"not tested: {words}") for words in report.summary.not_tested]
    if rows:
        yield BLANK
    for style, text in rows:
        yield from human.marked(style, text, canvas)


def _outcome(report: Report) -> str | None:
    phases = phases_of(report.facts)
    ready = ready_ms(phases)
    if ready is not None:
        return f"{_whose_join(report.facts)}ready in {_number(ready, 0)} ms"
    stopped = next((phase for phase in phases if phase.outcome is not PhaseOutcome.OK), None)
    return f"stopped at {NAMES[stopped.name]}" if stopped is not None else None


def _whose_join(facts: Facts) -> str:
    """Words for a join that succeeded while the user's own token is refused."""
    given = facts.signal.validation(Whose.GIVEN) if facts.signal is not None else None
    refused = given is not None and given.answer.kind == "answer" and given.answer.status != 200
    return "your token is refused; a join of lkdoctor's own was " if refused else ""


_SPOKEN: Final = {"ICE SERVER": "ICE server"}
"""Labels whose capitals are not only there to be seen."""


def _spoken(report: Report, *, verbose: int) -> Iterator[Line]:
    yield from accessible.verdict(report, _outcome(report))
    phases = phases_of(report.facts)
    total = sum(phase.took_ms for phase in phases)
    for phase in phases:
        yield line(_spoken_phase(report, phase, total))
    for label, text in _told(report, verbose=verbose):
        yield accessible.sentence(f"{_SPOKEN.get(label, label.capitalize())}: {text}")
    yield from accessible.findings(report.findings)
    for words in report.summary.not_tested:
        yield accessible.sentence(f"Not tested: {words}")
    if verbose:
        yield from accessible.body(report, verbose=verbose)
    yield accessible.sentence(f"Exit code {int(report.summary.exit_code)}")


def _spoken_phase(report: Report, phase: Phase, total: float) -> str:
    name = NAMES[phase.name] + _status(report, phase)
    took = spoken_milliseconds(phase.took_ms)
    match phase.outcome:
        case PhaseOutcome.OK:
            share = f", {round(100 * phase.took_ms / total)} percent" if total else ""
            return f"{name}: {took}{share}."
        case PhaseOutcome.FAILED:
            return f"{name}: failed after {took}. {phase.detail}".rstrip()
        case PhaseOutcome.TIMEOUT:
            return f"{name}: timed out after {took}. {phase.detail}".rstrip()
        case PhaseOutcome.NOT_REACHED:
            return f"{name}: not reached."
        case _:
            assert_never(phase.outcome)
