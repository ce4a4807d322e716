"""A rehearsal as people read it: steps and participants, what was measured, the verdict."""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final

from lkdoctor.facts.media import NOT_NEGOTIATED, MediaFact, Negotiation
from lkdoctor.facts.rehearsal import (
    DONE,
    GOOD,
    NAMES,
    MediaPath,
    Outcome,
    Participant,
    Player,
    RehearsalFact,
    Step,
    StepResult,
    loss,
    sound_alone,
)
from lkdoctor.report import accessible, areas, details, human, media
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
    labelled,
    line,
    many,
    milliseconds,
    pad,
    spoken_milliseconds,
    wrap,
)
from lkdoctor.report.model import Report, Verdict

_STYLES: Final = {
    Outcome.OK: Style.PASS,
    Outcome.PARTLY: Style.WARN,
    Outcome.FAILED: Style.FAIL,
    Outcome.TIMEOUT: Style.FAIL,
    Outcome.BROKEN_OFF: Style.FAIL,
    Outcome.LEFT_OUT: Style.SKIP,
    Outcome.NOT_REACHED: Style.SKIP,
}

_WORDS: Final = {
    Outcome.FAILED: "failed",
    Outcome.TIMEOUT: "no answer",
    Outcome.BROKEN_OFF: "broken off",
    Outcome.LEFT_OUT: "left out",
    Outcome.NOT_REACHED: "not reached",
}

_STEP: Final = 17
"""Cells of a step's name."""

_MOST: Final = 24
"""Cells of a participant's column."""


def render(report: Report, canvas: Canvas, *, verbose: int = 0) -> Iterator[Line]:
    """The whole report.

    Args:
        report: what to show.
        canvas: where to.
        verbose: 1 shows every check and what was measured of each track, too.
    """
    report = inert(report, canvas)
    fact = report.facts.rehearsal
    if canvas.accessible:
        yield from _spoken(report, verbose=verbose)
        return
    yield from human.header(report, canvas)
    if fact is not None:
        yield from _people(fact, canvas)
        if fact.rounds:
            yield BLANK
            yield from _table(fact, canvas)
        rows = list(told(fact, report.facts.media, verbose=verbose))
        if rows:
            yield BLANK
            column = max(cells(label) for label, _ in rows) + 2
            for label, text in rows:
                yield from labelled(label, [text], canvas, column=column)
    if verbose:
        yield BLANK
        yield from human.body(report, canvas, verbose=verbose)
    yield from findings(report.findings, canvas)
    yield BLANK
    if not verbose:  # the body says it, too
        for words in report.summary.not_tested:
            yield from human.marked(Style.SKIP, f"not tested: {words}", canvas)
    yield from human.verdict(report, canvas, told=_told(report))


def _told(report: Report) -> str | None:
    fact = report.facts.rehearsal
    if fact is None or not fact.rounds:
        return None
    good = sum(one.good for one in fact.rounds)
    # A booking whose grants are at fault is played as they are.
    grants = good == len(fact.rounds) and report.summary.verdict is Verdict.PROBLEMS
    went = "as the grants say" if grants else "well"
    return f"{good} of {many(len(fact.rounds), 'round')} went {went}"


def _people(fact: RehearsalFact, canvas: Canvas) -> Iterator[Line]:
    people = " and ".join(f"{who.identity} ({who.role})" for who in fact.participants)
    rooms = " and ".join(dict.fromkeys(who.room for who in fact.participants))
    where = "in" if fact.in_place else "in a throw-away copy of"
    names = " and ".join(filter(None, map(_played_as, fact.participants)))
    under = f", played as {names}" if names else ""
    for row in wrap(f"{people} {where} {rooms}{under}", canvas.width):
        yield line(Span(row, Style.DIM))


def _played_as(who: Participant) -> str:
    """The name that the server was told; nothing where it is the booking's."""
    return who.identity_played if who.identity_played != who.identity else ""


# ------------------------------------------------------------------ the table


def _table(fact: RehearsalFact, canvas: Canvas) -> Iterator[Line]:
    heads = [_head(who) for who in fact.participants]
    lead = pad("", _STEP + 2)
    yield line(
        lead,
        *(Span(pad(head, _MOST), Style.DIM) for head in heads[:-1]),
        Span(heads[-1], Style.DIM),
    )
    for step in Step:
        row: list[Span | str] = ["  ", Span(pad(NAMES[step], _STEP))]
        for number in range(len(fact.participants)):
            style, text = _cell(fact, number, step)
            mark = glyph(style, canvas)
            last = number == len(fact.participants) - 1
            room = _MOST - cells(mark.text) - 1
            row += [mark, f" {text}" if last else f" {pad(text, room)}"]
        yield line(*row)


def _head(who: Participant) -> str:
    name = who.identity if cells(who.identity) <= _MOST - 2 else f"{who.identity[: _MOST - 5]}..."
    return who.role if cells(f"{who.role} {name}") > _MOST - 2 else f"{who.role} {name}"


def _cell(fact: RehearsalFact, number: int, step: Step) -> tuple[Style, str]:
    """One participant's way through one step, over all rounds."""
    results = [one.players[number].step(step) for one in fact.rounds]
    bad = _bad(results)
    took = sorted(r.took_ms for r in results if r.outcome in DONE)
    partly = any(r.outcome is Outcome.PARTLY for r in results)
    if len(results) > 1 and (took or bad):
        style = Style.FAIL if bad else Style.WARN if partly else Style.PASS
        middle = f", {milliseconds(percentile(took, 50))}" if took else ""
        return style, f"{len(took)} of {len(results)}{middle}"
    result = (bad or results)[0]
    if result.outcome is Outcome.OK:
        return Style.PASS, milliseconds(result.took_ms)
    if result.outcome is Outcome.PARTLY:
        return Style.WARN, f"{milliseconds(result.took_ms)}, not all"
    return _STYLES[result.outcome], _WORDS[result.outcome]


def _bad(results: Iterable[StepResult]) -> list[StepResult]:
    return [r for r in results if r.outcome not in {*GOOD, Outcome.NOT_REACHED}]


def percentile(ordered: Sequence[float], share: int) -> float:
    """The value below which that share of the sorted values lies (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


# ------------------------------------------------------------------ what was measured


def told(
    fact: RehearsalFact, ways: MediaFact | None = None, *, verbose: int = 0
) -> Iterator[tuple[str, str]]:
    """What there is to say beside the table: label and text."""
    if len(fact.rounds) > 1:
        yield "rounds", _rounds(fact)
    if not fact.rounds:
        return
    last = next((one for one in reversed(fact.rounds) if one.good), fact.rounds[-1])
    for who, player in zip(fact.participants, last.players, strict=False):
        yield from _of_player(who, player, verbose=verbose)
    carried = {_name_of(player.path) for player in last.players if player.path is not None}
    if ways is not None:
        yield from _of_ways(ways, carried, relay_only=fact.relay_only)
    elif not (fact.signal_only or any(who.can_subscribe for who in fact.participants)):
        yield "would carry it", "not tried: neither may subscribe, so the server offers nothing"
    sound = sound_alone(last.players, audio_only=fact.audio_only)
    if sound is not None:
        yield "sound alone", sound.words
    for clean_up in fact.clean_ups:
        yield "room", f"{clean_up.room} {details.became(clean_up)}"
    if fact.stopped is not None:
        yield "stopped", f"at: {NAMES[fact.stopped.step]}"
    if fact.sdk_end is not None:
        yield "SDK's process", f"{fact.sdk_end.how}, at: {NAMES[fact.sdk_end.step]}"


def _of_player(who: Participant, player: Player, *, verbose: int) -> Iterator[tuple[str, str]]:
    if player.path is not None:
        yield f"path, {who.role}", path(player.path)
    measured = _measured(player)
    if measured:
        yield f"received, {who.role}", measured
    if not verbose:
        return
    if player.path is not None and player.path.outgoing_bps is not None:
        estimate = f"{player.path.outgoing_bps / 1000:.0f} kbit/s, by the sender's estimate"
        yield f"bandwidth, {who.role}", estimate
    for seen in player.receptions:
        first = "never" if seen.first_frame_ms is None else milliseconds(seen.first_frame_ms)
        yield seen.source.replace("_", " "), f"{seen.frames} frames, the first after {first}"
    for tried in player.attempts:
        yield f"tried, {who.role}", f"{tried.action}: {tried.answer}"


def _name_of(path: MediaPath) -> str:
    """What `media.paths` calls the way that was taken."""
    return f"TURN/{path.protocol.upper()}" if path.relayed else path.protocol.upper()


def _of_ways(
    ways: MediaFact, carried: Container[str], *, relay_only: bool
) -> Iterator[tuple[str, str]]:
    """Over what this booking could go, and what becomes of it on other networks."""
    every = [way for way in media.paths(ways) if not relay_only or way.relayed is not None]
    working = [way for way in every if way.works or way.name in carried]
    if ways.negotiation is not Negotiation.ANSWERED:
        tried = [_way(way) for way in working]
        untold = f"not tried: {NOT_NEGOTIATED[ways.negotiation]}"
        yield "would carry it", ", ".join([*tried, f"others {untold}" if tried else untold])
        return
    for label, found in (
        ("would carry it", [_way(way) for way in working] or ["nothing"]),
        ("does not work", [w.name for w in every if w.offered and w not in working]),
        ("not offered", [w.name for w in every if not w.offered and w not in working]),
    ):
        if found:
            yield label, ", ".join(found)
    if any(way.works for way in every):
        yield "elsewhere", media.sentences(ways)[-1]


def _way(way: media.Path) -> str:
    trip = way.round_trip_ms
    return way.name if trip is None else f"{way.name} {milliseconds(trip)}"


def path(seen: MediaPath) -> str:
    """``udp to 203.0.113.10:7882, direct, round trip 24 ms``, or by which relay."""
    where = details.endpoint(seen.remote_address, seen.remote_port)
    trip = "" if seen.round_trip_ms is None else f", round trip {milliseconds(seen.round_trip_ms)}"
    if seen.relayed:
        by = f" {seen.relay}" if seen.relay else ""
        return f"TURN/{seen.protocol.upper()}{by}, relayed to {where}{trip}"
    return f"{seen.protocol} to {where}, direct{trip}"


def _measured(player: Player) -> str:
    """First frames, delay and loss of everything that arrived."""
    firsts = [r.first_frame_ms for r in player.receptions if r.first_frame_ms is not None]
    delays = [r.delay_ms for r in player.receptions if r.delay_ms is not None]
    jitters = [r.jitter_ms for r in player.receptions if r.jitter_ms is not None]
    share = loss(player.receptions)
    parts = []
    if firsts:
        span = dict.fromkeys(milliseconds(ms) for ms in (min(firsts), max(firsts)))
        parts.append(f"first frames after {' to '.join(span)}")
    if delays:
        parts.append(f"delay {milliseconds(max(delays))}")
    if share is not None:
        parts.append(f"lost {share:.1%}")
    if jitters:
        parts.append(f"jitter {milliseconds(max(jitters))}")
    return ", ".join(parts)


def _rounds(fact: RehearsalFact) -> str:
    good = sum(one.good for one in fact.rounds)
    text = f"{good} of {len(fact.rounds)} went well"
    connected = sorted(
        result.took_ms
        for one in fact.rounds
        for player in one.players
        if (result := player.step(Step.CONNECTION)).outcome is Outcome.OK
    )
    if connected:
        shares = ", ".join(
            f"p{share} {milliseconds(percentile(connected, share))}" for share in (50, 90, 99)
        )
        text += f"; peer connection {shares}"
    return text


# ------------------------------------------------------------------ read aloud


def _spoken(report: Report, *, verbose: int) -> Iterator[Line]:
    fact = report.facts.rehearsal
    yield from accessible.verdict(report, _told(report))
    yield accessible.sentence(f"Target: {report.target.url or 'no URL'}")
    if fact is not None:
        for number, who in enumerate(fact.participants):
            name = _played_as(who)
            words = f"{who.identity}, {who.role}" + (f", played as {name}" if name else "")
            yield accessible.sentence(f"Participant {number + 1}: {words}")
            for step in Step:
                if fact.rounds:
                    yield accessible.sentence(f"{NAMES[step]}: {_said(fact, number, step)}")
        for label, text in told(fact, report.facts.media, verbose=verbose):
            yield accessible.sentence(f"{label}: {text}")
    yield from accessible.findings(report.findings)
    for words in report.summary.not_tested:
        yield accessible.sentence(f"Not tested: {words}")
    ending = areas.ending(report)
    if ending is not None and fact is None:
        yield accessible.sentence(ending)
    yield accessible.sentence(f"Exit code {int(report.summary.exit_code)}")


def _said(fact: RehearsalFact, number: int, step: Step) -> str:
    results = [one.players[number].step(step) for one in fact.rounds]
    good = [r for r in results if r.outcome in DONE]
    bad = _bad(results)
    partly = next((r.detail for r in results if r.outcome is Outcome.PARTLY), "")
    if bad:
        rounds = f" in {len(bad)} of {len(results)} rounds" if len(results) > 1 else ""
        why = f", {bad[0].detail}" if bad[0].detail else ""
        return f"{_WORDS[bad[0].outcome]}{rounds}{why}"
    if good:
        took = spoken_milliseconds(max(r.took_ms for r in good))
        return f"allowed, and not all possible, {took}, {partly}" if partly else f"passed, {took}"
    why = f", {results[0].detail}" if results[0].detail else ""
    return f"{_WORDS[results[0].outcome]}{why}"
