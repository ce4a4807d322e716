"""Tokens as people read them: what one says and allows, until when, and two side by side."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, TypeVar

from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.token import ServerAnswer, TokenFact
from lkdoctor.findings import Severity
from lkdoctor.report.findings import findings
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    cut,
    duration,
    glyph,
    inert,
    labelled,
    length,
    line,
    many,
    pad,
    wrap,
)
from lkdoctor.report.model import ExitCode, Report
from lkdoctor.tokens.decode import Around, SignatureState
from lkdoctor.tokens.grants import Capability, capabilities, in_short
from lkdoctor.tokens.reading import LEEWAY_S, Moment, ReadToken, TimeForm

if TYPE_CHECKING:
    from lkdoctor.tokens.compare import Comparison

_LABEL: Final = 10
_MIN_BAR: Final = 40
"""Cells; a narrower terminal gets the words alone."""


T = TypeVar("T")


def _drawn(value: T, canvas: Canvas) -> T:
    """The texts as they will be drawn; those of a token are already safe to show as they are."""
    return value if canvas.unicode else inert(value, canvas)


# ------------------------------------------------------------------ one token


def render(
    report: Report, canvas: Canvas, *, verbose: int = 0, zone: tzinfo | None = None
) -> Iterator[Line]:
    """``token decode``: what the token is, says and allows, and what servers would answer.

    Args:
        report: on the token.
        canvas: where to.
        verbose: 1 shows what servers would answer to a good token, too.
        zone: of the reader's clock; None is this machine's.
    """
    token = _drawn(report.facts.token, canvas)
    if token is None:
        return
    report = report._replace(findings=_drawn(report.findings, canvas))
    if canvas.accessible:
        yield from _spoken(report, token)
        return
    read = token.token
    yield from _who(token, canvas)
    clock = report.facts.clock
    if read is not None and clock is not None:
        yield from _field("In short", sentence(token, clock.best), canvas)
        yield BLANK
        yield from validity(read, clock, canvas, zone)
    if token.capabilities:
        yield BLANK
        yield from matrix(token.capabilities, canvas)
    answers = list(_answers(token.answers, canvas, verbose=verbose))
    if answers:
        yield BLANK
        yield from answers
    yield from findings(report.findings, canvas)
    yield BLANK
    yield from _verdict(report, token, canvas)


def _who(token: TokenFact, canvas: Canvas) -> Iterator[Line]:
    for label, text in _facts(token):
        yield from _field(label, text, canvas)


def _field(label: str, text: str, canvas: Canvas) -> Iterator[Line]:
    if canvas.narrow:
        yield from labelled(label, [text], canvas)
        return
    room = None if canvas.width is None else canvas.columns - _LABEL
    for i, row in enumerate(wrap(text, room)):
        yield line(Span(pad(label if i == 0 else "", _LABEL), Style.DIM), row)


def _facts(token: TokenFact) -> Iterator[tuple[str, str]]:
    read = token.token
    bad = token.unreadable
    around = ""
    if token.text.around not in {Around.NOTHING, Around.BLANKS}:
        where = f" ({token.text.around_detail})" if token.text.around_detail else ""
        around = f", {token.text.around}{where}"
    if bad is not None:
        yield "Token", f"none: {bad.fault}{f' ({bad.detail})' if bad.detail else ''}"
        yield "From", token.origin
        return
    if read is None:
        return
    yield "Token", f"{read.alg or 'no alg'} JWT, {token.text.length} characters{around}"
    yield "From", token.origin
    yield "Signature", _signature(read)
    same = {True: "   a key that is configured here", False: "   not a key that is configured here"}
    known = "" if read.issuer_is_key is None else same[read.issuer_is_key]
    yield "Issuer", f"{read.issuer or 'missing'}{known if read.issuer else ''}"
    yield "Identity", "   ".join(_identity(read))
    yield "Room", read.room or "none"
    extra = [
        *([f"kind {read.participant_kind}"] if read.participant_kind else []),
        *([f"room preset {read.room_preset}"] if read.room_preset else []),
        *(["room configuration"] if read.room_config else []),
    ]
    if extra:
        yield "Also", ", ".join(extra)


def _identity(read: ReadToken) -> Iterator[str]:
    yield read.identity or "none"
    told = [f'name "{read.name}"'] if read.name else []
    if read.metadata_bytes:
        told.append(f"metadata {many(read.metadata_bytes, 'byte')}")
    if read.attributes is not None:
        told.append(many(read.attributes, "attribute"))
    if told:
        yield ", ".join(told)


def _signature(read: ReadToken) -> str:
    signature = read.signature
    match signature.state:
        case SignatureState.VALID:
            return f"valid with {signature.key}"
        case SignatureState.WRONG:
            return f"does not fit {signature.key}"
        case SignatureState.VARIANT:
            return f"fits {signature.variant}: {signature.key}"
        case SignatureState.OTHER:
            return f"fits {signature.key}, whose key is not the issuer"
        case state:
            return str(state)


# ------------------------------------------------------------------ validity


def _clock_time(seconds: float, *, day_of: float | None = None, zone: tzinfo | None = UTC) -> str:
    """``10:12:04Z``, with the date where it is another day than ``day_of``."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
        other = None if day_of is None else datetime.fromtimestamp(day_of, UTC).astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"
    date = "" if other is not None and other.date() == moment.date() else f"{moment:%Y-%m-%d} "
    return f"{date}{moment:%H:%M:%S}{'Z' if zone is UTC else ''}"


def _whose(clock: ClockFact) -> str:
    return "this machine's clock" if clock.server is None else "the server's clock"


def _seconds(moment: Moment | None) -> float | None:
    return None if moment is None else moment.seconds


def in_words(read: ReadToken, now: float) -> tuple[str, Style]:
    """The token's validity in a sentence."""
    begins, ends = _seconds(read.not_before), _seconds(read.expires)
    if read.expires is not None and ends is None:
        return f"exp is {read.expires.written}: no time", Style.FAIL
    if begins is not None and begins - now > LEEWAY_S:
        return f"not valid for another {duration(begins - now)}", Style.FAIL
    if ends is None:
        return "never ends (no exp)", Style.WARN
    if now - ends >= LEEWAY_S:
        return f"expired {duration(now - ends)} ago", Style.FAIL
    if now >= ends:
        return f"expired {duration(now - ends)} ago, servers forgive a minute", Style.WARN
    if ends >= 1e11:
        years = round((ends - now) / 31_557_600)
        return f"{years} years: exp is in milliseconds", Style.WARN
    whole = f" of {duration(ends - begins)}" if begins is not None and ends > begins else ""
    form = (
        "" if read.expires is None or read.expires.form is not TimeForm.TEXT else ", exp is a text"
    )
    return f"valid now, {duration(ends - now)} left{whole}{form}", Style.PASS


def validity(
    read: ReadToken, clock: ClockFact, canvas: Canvas, zone: tzinfo | None = None
) -> Iterator[Line]:
    """The validity in words, and as a bar with now on it."""
    now = clock.best
    words, style = in_words(read, now)
    mark = {Style.FAIL: "   FAIL", Style.WARN: "   WARN"}.get(style, "")
    yield line(Span(pad("VALIDITY", _LABEL), Style.TITLE), words, Span(mark, style))
    begins, ends = _seconds(read.not_before), _seconds(read.expires)
    times = [f"nbf {_clock_time(begins, day_of=now)}"] if begins is not None else []
    times.append(f"now {_clock_time(now, day_of=now)} ({_whose(clock)})")
    plausible = ends is None or ends < 1e11
    if ends is not None and plausible:
        times.append(f"exp {_clock_time(ends, day_of=now)}, +60 s")
    elif ends is not None and read.expires is not None:
        times.append(f"exp {read.expires.written}   meant {_clock_time(ends / 1000, day_of=now)}")
    if canvas.columns >= _MIN_BAR and begins is not None and plausible:
        yield line("  ", _bar(begins, ends, now, canvas.columns - 2))
    yield from _spread(times, canvas)
    local = _clock_time(now, day_of=now, zone=zone)
    if ends is not None and plausible and not _clock_time(now, day_of=now).startswith(local):
        until = _clock_time(ends, day_of=now, zone=zone)
        yield line("  ", Span(f"in local time: now {local}, exp {until}", Style.DIM))
    if clock.skew_ms is not None and clock.server is not None:
        side = "behind" if clock.skew_ms > 0 else "ahead of"
        effect = "no effect" if abs(clock.skew_ms) < LEEWAY_S * 1000 else "tokens made here suffer"
        yield line(
            f"  This machine's clock is {abs(clock.skew_ms) / 1000:.1f} s {side} the server: {effect}."
        )


def _spread(times: list[str], canvas: Canvas) -> Iterator[Line]:
    if canvas.narrow:
        yield from (line("  ", text) for text in times)
        return
    room = canvas.columns - 4
    gap = (room - sum(map(len, times))) // max(1, len(times) - 1)
    if gap < 3:
        yield from (line("  ", text) for text in times)
    else:
        yield line("  ", (" " * gap).join(times))


def _bar(begins: float, ends: float | None, now: float, width: int) -> str:
    """From nbf to exp: what is used, now, and what is left."""
    if ends is None:
        room = width - 10
        return f"|{'=' * 6}#{'-' * max(1, room - 8)}> no exp"
    inner = max(8, width - 12)
    if now < begins:
        return f"#...|{'-' * inner}|+"
    if now >= ends:
        return f"|{'=' * inner}|+...#"
    at = min(inner - 1, int((now - begins) / max(ends - begins, 1) * inner))
    return f"|{'=' * at}#{'-' * (inner - at - 1)}|+"


# ------------------------------------------------------------------ capabilities


def matrix(rows: Iterable[Capability], canvas: Canvas) -> Iterator[Line]:
    """What the token allows, with the reason of each row."""
    rows = tuple(rows)
    if canvas.narrow:
        for row in rows:
            yield line(_allowed(row), "  ", row.label)
            for text in wrap(row.because, canvas.columns - 5):
                yield line("     ", Span(text, Style.DIM))
        return
    column = min(40, max(28, *(cells(row.label) + 2 for row in rows)))
    yield line(Span(f"{pad('CAPABILITY', column)}ALLOWED   BECAUSE", Style.TITLE))
    for row in rows:
        lead = (Span(pad(cut(row.label, column - 2, "..."), column)), _allowed(row), Span(" " * 7))
        room = None if canvas.width is None else max(20, canvas.columns - length(lead))
        for i, text in enumerate(wrap(row.because, room)):
            yield (*lead, Span(text)) if i == 0 else line(" " * length(lead), text)


def _allowed(row: Capability) -> Span:
    # "No" is as it should be for most rows: it is not marked as a fault.
    return Span("yes", Style.PASS) if row.allowed else Span("no ", Style.DIM)


# ------------------------------------------------------------------ servers


def _answers(answers: tuple[ServerAnswer, ...], canvas: Canvas, *, verbose: int) -> Iterator[Line]:
    if not answers:
        return
    if not verbose and all(answer.refusal is None for answer in answers):
        return
    yield line(Span("SERVERS", Style.TITLE), "   what each version would answer to /rtc/validate")
    column = max(cells(str(answer.server)) for answer in answers) + 2
    for answer in answers:
        style = Style.PASS if answer.refusal is None else Style.FAIL
        lead = line("  ", glyph(style, canvas), f" {pad(str(answer.server), column)}")
        room = None if canvas.width is None else max(20, canvas.columns - length(lead))
        for i, text in enumerate(wrap(f"{answer.status} {answer.body}", room)):
            yield (*lead, Span(text)) if i == 0 else line(" " * length(lead), text)


def _verdict(report: Report, token: TokenFact, canvas: Canvas) -> Iterator[Line]:
    word, style, text = conclusion(report, token)
    code = report.summary.exit_code
    if code is not ExitCode.HEALTHY:
        text += f"   exit {int(code)}"
    hang = len(word) + 3
    for number, part in enumerate(wrap(text, canvas.width and canvas.columns - hang)):
        yield line(Span(word, style), f"   {part}") if number == 0 else line(" " * hang, part)


def conclusion(report: Report, token: TokenFact) -> tuple[str, Style, str]:
    """The last word: would a server take this token now?"""
    read = token.token
    refused = [answer.server for answer in token.answers if answer.refusal is not None]
    if read is None:
        return "FAIL", Style.FAIL, "this is no token"
    if refused and len(refused) == len(token.answers):
        return (
            "FAIL",
            Style.FAIL,
            f"every server version would refuse it: {token.answers[0].refusal}",
        )
    if refused:
        named = ", ".join(str(server) for server in refused)
        return "WARN", Style.WARN, f"servers of version {named} would refuse it"
    failed = [f for f in report.findings if f.severity is Severity.ERROR]
    if report.summary.exit_code is not ExitCode.HEALTHY and failed:
        return "FAIL", Style.FAIL, failed[0].title
    ends = _seconds(read.expires)
    until = ""
    if ends is not None:
        now = report.facts.clock.best if report.facts.clock is not None else None
        until = f" until {_clock_time(ends + LEEWAY_S, day_of=now)}"
    whose = (
        "a server with this key"
        if read.signature.state is SignatureState.VALID
        else "a server that holds the secret it was signed with"
    )
    return "OK", Style.PASS, f"{whose} would accept the token{until}"


# ------------------------------------------------------------------ in one sentence


def sentence(token: TokenFact, now: float) -> str:
    """What the token means, to be said in one breath."""
    read = token.token
    if read is None:
        return "this is no token"
    may, may_not = in_short(capabilities(read.video, read.grants_of("sip")))
    parts = []
    if "join" in may:
        parts.append(f'may join "{read.room}"')
    else:
        parts.append("may not join a room")
    rest = [verb for verb in may if verb != "join"]
    if rest:
        parts.append(f"may {', '.join(rest)}")
    media = [verb for verb in may_not if verb.startswith(("publish", "send", "subscribe"))]
    if media:
        parts.append(f"may not {', '.join(media)}")
    words, _ = in_words(read, now)
    ends = _seconds(read.expires)
    if ends is not None and words.startswith("valid now"):
        words = f"ends in {duration(ends - now)}"
    return "; ".join([*parts, words])


# ------------------------------------------------------------------ read aloud


def _spoken(report: Report, token: TokenFact) -> Iterator[Line]:
    from lkdoctor.report import accessible

    word, _, text = conclusion(report, token)
    yield accessible.sentence(f"Result: {word.lower()}. {text}")
    for label, said in _facts(token):
        yield accessible.sentence(f"{label}: {said}")
    read = token.token
    clock = report.facts.clock
    if read is not None and clock is not None:
        yield accessible.sentence(f"In short: {sentence(token, clock.best)}")
        words, _ = in_words(read, clock.best)
        yield accessible.sentence(f"Validity: {words}, by {_whose(clock)}")
    allowed = [row for row in token.capabilities if row.allowed]
    denied = [row for row in token.capabilities if not row.allowed]
    for title, rows in (("Allowed", allowed), ("Not allowed", denied)):
        if rows:
            yield accessible.sentence(f"{title}, {many(len(rows), 'capability', 'capabilities')}")
            for row in rows:
                yield accessible.sentence(f"{row.label}, because {row.because}")
    for answer in token.answers:
        if answer.refusal is not None:
            yield accessible.sentence(
                f"Server {answer.server} would answer {answer.status}: {answer.body}"
            )
    yield from accessible.findings(report.findings)
    yield accessible.sentence(f"Exit code {int(report.summary.exit_code)}")


# ------------------------------------------------------------------ the card of a minted token


def card(
    token: TokenFact,
    canvas: Canvas,
    *,
    now: float,
    role: str | None,
    notes: Iterable[str] = (),
    zone: tzinfo | None = None,
) -> Iterator[Line]:
    """What was minted: for whom, what it allows, until when by both clocks."""
    token = _drawn(token, canvas)
    read = token.token
    if read is None:
        return
    may, may_not = in_short(capabilities(read.video, read.grants_of("sip")))
    ends, begins = _seconds(read.expires) or now, _seconds(read.not_before) or now
    utc = f"{_clock_time(begins, day_of=begins)} to {_clock_time(ends, day_of=begins)}"
    here = " to ".join(_clock_time(at, day_of=begins, zone=zone) for at in (begins, ends))
    here = "" if here == utc.replace("Z", "") else f"   local {here}"
    fields = (
        *([("role", role)] if role else []),
        ("may", ", ".join(may) or "nothing"),
        ("may not", ", ".join(may_not)),
        ("valid", f"{utc} ({duration(ends - begins)}){here}"),
        ("signed", f"{read.alg} by {read.issuer}"),
        ("try it", "lkdoctor token decode -     or     lkdoctor ws-probe --token-file -"),
    )
    title = (
        f"Token for {read.identity} in room {read.room}"
        if read.room
        else f"Token for {read.identity}"
    )
    if canvas.accessible:
        from lkdoctor.report import accessible

        yield accessible.sentence(title)
        for label, text in fields:
            if text:
                yield accessible.sentence(f"{label}: {text}")
        for note in notes:
            yield accessible.sentence(f"Note: {note}")
        return
    yield line(Span(title, Style.TITLE))
    for label, text in fields:
        if text:
            yield from labelled(label, [text], canvas)
    for note in notes:
        yield from labelled("note", [note], canvas)


# ------------------------------------------------------------------ two tokens


def comparison(found: "Comparison", canvas: Canvas) -> Iterator[Line]:
    """Whether the two meet, then what differs, then what does not."""
    found = _drawn(found, canvas)
    if canvas.accessible:
        from lkdoctor.report import accessible

        yield accessible.sentence(_meeting(found))
        for obstacle in found.obstacles:
            yield accessible.sentence(f"{obstacle.code}: {obstacle.says}")
        for row in found.rows:
            relation = "differs" if row.differs else "same"
            yield accessible.sentence(
                f"{row.what}, {relation}: A {row.left or 'none'}, B {row.right or 'none'}"
            )
        return
    style = Style.PASS if found.meet else Style.FAIL
    yield line(Span("OK" if found.meet else "FAIL", style), f"   {_meeting(found)}")
    for obstacle in found.obstacles:
        yield from labelled(obstacle.code, [obstacle.says], canvas, column=24)
    if not found.rows:
        return
    yield BLANK
    first = max(cells(row.what) for row in found.rows) + 2
    room = max(12, (canvas.columns - first - 2) // 2)
    second = min(room, max(4, *(cells(row.left) + 2 for row in found.rows)))
    yield line(Span(f"  {pad('', first)}{pad('A', second)}B", Style.TITLE))
    for row in found.rows:
        mark = Span("* ", Style.WARN) if row.differs else Span("  ")
        values = (pad(row.left or "-", second), row.right or "-")
        plain_style = Style.PLAIN if row.differs else Style.DIM
        yield (mark, Span(pad(row.what, first)), *(Span(v, plain_style) for v in values))


def _meeting(found: "Comparison") -> str:
    if found.meet:
        return "the two meet in one room"
    return f"the two do not meet: {many(len(found.obstacles), 'reason')}"
