"""What a pasted log says: for people, as lines, and as a JSON document of its own.

A log is no run: nothing was looked at, so there are no checks, facts or target as in a report.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from lkdoctor.findings import Layer, Severity
from lkdoctor.logs.phrases import Weight
from lkdoctor.logs.scan import Found, Sighting, TokenSeen
from lkdoctor.logs.verdict import Candidate, Entry, Leak, Verdict
from lkdoctor.report.accessible import sentence
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    duration,
    inert,
    labelled,
    line,
    many,
    wrap,
)
from lkdoctor.report.model import ExitCode, ToolInfo, timestamp

SCHEMA: Final = "lkdoctor.log"
SCHEMA_VERSION: Final = "1.0"

MAX_SHOWN: Final = 3
"""Phrases of one entry that are quoted; all are in JSON."""

_WORDS: Final = {
    Severity.ERROR: ("FAIL", Style.FAIL),
    Severity.WARNING: ("WARN", Style.WARN),
    Severity.INFO: ("NOTE", Style.DIM),
}

NOTHING: Final = (
    "Nothing in it is known to lkdoctor as the cause of a failed connection.",
    "The reason may stand in another log. Paste one of these:",
)

OTHERS: Final = (
    (
        "browser",
        "the page's console, after setLogLevel('debug') of livekit-client, and the failed requests",
    ),
    ("server", "livekit-server's own log; with log_level: debug in its configuration"),
    ("agent", "the worker's log from its start; python agent.py start --log-level debug"),
    ("proxy", "the error log of nginx, Caddy or the balancer in front"),
)


class LogInfo(NamedTuple):
    """The text that was read."""

    name: str
    lines: int
    size: int
    """Bytes."""
    encoding: str
    cut_lines: int
    """Lines longer than 64 KiB: only what surrounds a known text was looked at."""
    interrupted: bool
    """Whether reading ended before the text did."""


class Saying(NamedTuple):
    """A text that programs write, as it stands in the log."""

    text: str
    """In lower case."""
    by: str
    """Which program writes it."""
    means: str
    source: str
    """Where the knowledge comes from."""
    times: int
    """Lines that hold it."""
    first: Sighting
    last: Sighting
    quote: str
    """What the first line says there, secrets taken out."""


class LogCause(NamedTuple):
    """A cause that the log names or may mean."""

    code: str
    layer: Layer
    title: str
    docs: str
    """The command that tells more."""


class LogEntry(NamedTuple):
    """One thing that the log says."""

    weight: Weight
    severity: Severity
    causes: tuple[LogCause, ...]
    """``decides``: the cause, then what may stand behind it; else the likeliest first."""
    said: tuple[Saying, ...]
    shown_by: tuple[Saying, ...]
    """What only shows this cause."""


class LogLeak(NamedTuple):
    """Secrets in the log."""

    cause: LogCause
    token_lines: int
    """Lines that hold a token."""
    secret_lines: tuple[int, ...]
    """The first lines that show an API secret."""
    tokens: tuple[TokenSeen, ...]
    """The first of the tokens, without themselves."""
    still_valid: int | None
    """Tokens that have not ended; null where there are too many to tell."""


class LogDocument(NamedTuple):
    """What lkdoctor explain --log says."""

    schema: str
    schema_version: str
    tool: ToolInfo
    log: LogInfo
    exit_code: ExitCode
    entries: tuple[LogEntry, ...]
    """The causes first."""
    leak: LogLeak | None


def to_json(verdict: Verdict, log: LogInfo, tool: ToolInfo, exit_code: ExitCode) -> Any:
    """The document, in JSON types."""
    from lkdoctor.facts import codec

    leak = verdict.leak
    return codec.to_json(
        LogDocument(
            SCHEMA,
            SCHEMA_VERSION,
            tool,
            log,
            exit_code,
            tuple(
                LogEntry(
                    entry.weight,
                    entry.severity,
                    tuple(map(_cause, entry.candidates)),
                    tuple(map(_saying, entry.found)),
                    tuple(map(_saying, entry.shown_by)),
                )
                for entry in verdict.entries
            ),
            None
            if leak is None
            else LogLeak(
                _cause(leak.candidate),
                verdict.scan.token_lines,
                verdict.scan.secret_lines,
                verdict.scan.tokens,
                leak.valid,
            ),
        )
    )


def _cause(candidate: Candidate) -> LogCause:
    return LogCause(candidate.code, candidate.layer, candidate.title, _docs(candidate.code))


def _docs(code: str) -> str:
    return f"lkdoctor explain {code}"


def _saying(found: Found) -> Saying:
    phrase = found.phrase
    return Saying(
        phrase.text,
        phrase.by,
        phrase.means,
        phrase.source,
        found.times,
        found.first,
        found.last,
        found.quote,
    )


# ------------------------------------------------------------------ plain


def plain(verdict: Verdict) -> str:
    """One line an entry, tab-separated."""
    rows = [("#severity", "weight", "code", "line", "times", "title", "quote")]
    for entry in verdict.entries:
        first = entry.found[0]
        rows.append(
            (
                entry.severity,
                entry.weight,
                entry.code,
                str(first.first.line),
                str(_times(entry)),
                _title(entry),
                first.quote,
            )
        )
    leak = verdict.leak
    if leak is not None:
        at, times = _leak_lines(verdict)
        cause = leak.candidate
        rows.append(
            (Severity.WARNING, Weight.DECIDES, cause.code, str(at), str(times), cause.title, "")
        )
    return "".join("\t".join(row) + "\n" for row in rows)


def codes(verdict: Verdict) -> Iterator[Line]:
    """``-q``: a line an entry."""
    for entry in verdict.entries:
        if entry.severity is not Severity.INFO:
            word = Span(*_WORDS[entry.severity])
            yield line(word, f" {entry.code}: {_title(entry)} (line {entry.found[0].first.line})")
    if verdict.leak is not None:
        word = Span(*_WORDS[Severity.WARNING])
        cause = verdict.leak.candidate
        yield line(word, f" {cause.code}: {cause.title} (line {_leak_lines(verdict)[0]})")


def _times(entry: Entry) -> int:
    return max(found.times for found in entry.found)


def _title(entry: Entry) -> str:
    if entry.weight is Weight.DECIDES:
        return entry.candidates[0].title
    means = entry.found[0].phrase.means
    return means[0].upper() + means[1:]


def _leak_lines(verdict: Verdict) -> tuple[int, int]:
    scan = verdict.scan
    first = scan.first_token
    lines = [*scan.secret_lines, *([first.line] if first is not None else [])]
    return min(lines), scan.token_lines + len(scan.secret_lines)


# ------------------------------------------------------------------ people


def render(verdict: Verdict, log: LogInfo, canvas: Canvas) -> Iterator[Line]:
    """Every entry with what says it, what it means, and where to read on."""
    verdict, log = inert(verdict, canvas), inert(log, canvas)
    if canvas.accessible:
        yield from _spoken(verdict, log)
        return
    yield from _wrapped(f"Log  {_about(log)}", canvas)
    for entry in verdict.entries:
        yield BLANK
        yield from _entry(entry, verdict.scan.tokens, canvas)
    if verdict.leak is not None:
        yield BLANK
        yield from _leak(verdict, verdict.leak, canvas)
    yield BLANK
    if verdict.entries:
        yield from _wrapped(_ending(verdict), canvas)
        return
    for text in NOTHING:
        yield from _wrapped(text, canvas)
    for label, text in OTHERS:
        yield from labelled(label, [text], canvas)


def _wrapped(text: str, canvas: Canvas) -> Iterator[Line]:
    for row in wrap(text, None if canvas.width is None else canvas.columns):
        yield line(row)


def _about(log: LogInfo) -> str:
    cut = ""
    if log.cut_lines:
        cut = f", {many(log.cut_lines, 'line')} longer than 64 KiB looked at in parts"
    stopped = ", interrupted" if log.interrupted else ""
    encoding = "" if log.encoding == "UTF-8" else f", {log.encoding}"
    return f"{log.name}: {many(log.lines, 'line')}, {_size(log.size)}{encoding}{cut}{stopped}"


def _size(size: int) -> str:
    for unit, bound in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size >= bound:
            return f"{size / bound:.1f} {unit}"
    return many(size, "byte")


def _entry(entry: Entry, tokens: tuple[TokenSeen, ...], canvas: Canvas) -> Iterator[Line]:
    yield from _head(entry.severity, _title(entry), canvas)
    if entry.weight is Weight.DECIDES:
        yield from labelled("code", [entry.code], canvas)
    shown = entry.found[:MAX_SHOWN]
    for i, found in enumerate(shown):
        quoted = f"“{found.quote}”" if canvas.unicode else f'"{found.quote}"'
        yield from labelled("Log" if i == 0 else "", [f"{_where(found)}: {quoted}"], canvas)
    if entry.weight is Weight.DECIDES:
        means = dict.fromkeys(f"{f.phrase.by}: {f.phrase.means}" for f in shown)
        yield from labelled("Says", means, canvas)
    else:  # what it means is the title
        yield from labelled("By", dict.fromkeys(f.phrase.by for f in shown), canvas)
    told = [_token(t) for t in tokens if t.line == shown[0].first.line]
    if told and entry.candidates[0].layer in {Layer.TOKEN, Layer.CLOCK}:
        yield from labelled("Token", told[:1], canvas)
    if entry.weight is Weight.DECIDES:
        cause = entry.candidates[0]
        if cause.cause:
            yield from labelled("Cause", cause.cause.splitlines(), canvas)
        for text in cause.fix:
            yield from labelled("Fix", [text], canvas)
        behind = entry.candidates[1:]
        if behind:
            yield from labelled("Perhaps", _listed(behind), canvas, hang=2)
    else:
        yield from labelled("May be", _listed(entry.candidates), canvas, hang=2)
    if entry.shown_by:
        texts = (f"{_where(f)}: {f.phrase.text}" for f in entry.shown_by[:MAX_SHOWN])
        yield from labelled("Also", texts, canvas)
    yield from labelled("More", [_docs(entry.code)], canvas)


def _listed(candidates: tuple[Candidate, ...]) -> Iterator[str]:
    return (f"{cause.code}: {cause.title}" for cause in candidates)


def _head(severity: Severity, title: str, canvas: Canvas) -> Iterator[Line]:
    word = Span(*_WORDS[severity])
    room = None if canvas.width is None else canvas.columns - 6
    for i, text in enumerate(wrap(title, room)):
        yield line(word if i == 0 else "    ", "  ", Span(text, Style.TITLE))


def _where(found: Found) -> str:
    """``line 12 (14:02:03)``, ``3 lines, 12 to 84 (14:02:03 to 14:09:11)``."""
    first, last = found.first, found.last
    if found.times == 1:
        return f"line {first.line}{f' ({first.time})' if first.time else ''}"
    times = f" ({first.time} to {last.time})" if first.time and last.time else ""
    return f"{found.times} lines, {first.line} to {last.line}{times}"


def _token(token: TokenSeen) -> str:
    issuer = f"issued by {token.issuer}" if token.issuer else "names no issuer"
    begins = "" if token.not_before is None else f", valid from {timestamp(token.not_before)}"
    ends = "never ends" if token.expires is None else f"ends {timestamp(token.expires)}"
    lasts = ""
    if token.expires is not None and token.not_before is not None:
        span = token.expires - token.not_before
        lasts = f" ({duration(span)})" if span > 0 else ""
    return f"the one in line {token.line}: {issuer}{begins}, {ends}{lasts}"


def _leak(verdict: Verdict, leak: Leak, canvas: Canvas) -> Iterator[Line]:
    cause = leak.candidate
    yield from _head(Severity.WARNING, cause.title, canvas)
    yield from labelled("code", [cause.code], canvas)
    yield from labelled("Log", _leaking(verdict, leak), canvas)
    if cause.cause:
        yield from labelled("Cause", [cause.cause], canvas)
    for i, text in enumerate(cause.fix):
        yield from labelled("Fix" if i == 0 else "", [text], canvas)
    yield from labelled("More", [_docs(cause.code)], canvas)


def _leaking(verdict: Verdict, leak: Leak) -> Iterator[str]:
    scan = verdict.scan
    if scan.first_token is not None:
        valid = ""
        if leak.valid is not None:
            valid = (
                f"; {many(leak.valid, 'token')} still valid" if leak.valid else "; all have ended"
            )
        lines = many(scan.token_lines, "line holds", "lines hold")
        yield f"{lines} a token, the first is line {scan.first_token.line}{valid}"
    for number in scan.secret_lines[:MAX_SHOWN]:
        yield f"line {number} shows an API secret"


def _ending(verdict: Verdict) -> str:
    first = verdict.entries[0]
    if first.weight is Weight.DECIDES:
        return f"The log names a cause: {first.code}."
    if first.weight is Weight.TELLS:
        return "The log names no fault."
    return f"The log shows a symptom, not its cause; the likeliest is {first.code}."


def _spoken(verdict: Verdict, log: LogInfo) -> Iterator[Line]:
    yield sentence(f"Log {_about(log)}")
    for entry in verdict.entries:
        yield sentence(f"{entry.severity.capitalize()}: {_title(entry)}")
        for found in entry.found[:MAX_SHOWN]:
            yield sentence(f"In {_where(found)}: {found.quote}")
            yield sentence(f"Said by {found.phrase.by}: {found.phrase.means}")
        if entry.weight is Weight.DECIDES:
            cause = entry.candidates[0]
            yield sentence(f"Code: {cause.code}")
            yield from (sentence(f"Cause: {row}") for row in cause.cause.splitlines())
            yield from (sentence(f"Fix: {text}") for text in cause.fix)
        else:
            for cause in entry.candidates:
                yield sentence(f"May be {cause.code}: {cause.title}")
        yield sentence(f"More: {_docs(entry.code)}")
    if verdict.leak is not None:
        yield sentence(f"Warning: {verdict.leak.candidate.title}")
        yield from map(sentence, _leaking(verdict, verdict.leak))
        yield sentence(f"More: {_docs(verdict.leak.candidate.code)}")
    if verdict.entries:
        yield sentence(_ending(verdict))
        return
    yield from map(sentence, NOTHING)
    yield from (sentence(f"{label}: {text}") for label, text in OTHERS)
