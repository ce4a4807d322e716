"""What is wrong with a token, judged from the token and, where it was asked, by the server's word.

The server's word stands above ours: what it accepted is not called refused here, and where it
refused, its wording decides although no secret is at hand.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.names import MAX_BYTES
from lkdoctor.rules.base import Check, Seen, Unsure, cause
from lkdoctor.tokens.decode import Around, Fault, SignatureState
from lkdoctor.tokens.grants import SOURCES
from lkdoctor.tokens.predict import Refusal, recognise
from lkdoctor.tokens.reading import (
    LEEWAY_S,
    GrantFault,
    GrantRead,
    Moment,
    ReadToken,
    TimeForm,
)

if TYPE_CHECKING:  # reading a token must not pay for what only a server's answer needs
    from lkdoctor.facts.api import ApiFact
    from lkdoctor.facts.env import EnvFact
    from lkdoctor.facts.server import HttpAnswer
    from lkdoctor.facts.signal import SignalFact
    from lkdoctor.facts.url import UrlFact

_MAX_METADATA: Final = 512 * 1024
_MAX_ATTRIBUTES: Final = 64 * 1024
"""livekit-server config.go; joins beyond are refused from 1.13.2 on (roommanager.go)."""

_SHORT_SECRET: Final = 32
"""Bytes that an HMAC key for SHA-256 should have at least (RFC 7518, section 3.2)."""

_DEV_KEY: Final = "devkey"
"""The key of ``livekit-server --dev``, whose secret is meant to be short (cmd/server/main.go)."""

_MILLISECONDS_FROM: Final = 1e11
"""Read as seconds the year 5138; read as milliseconds 1973."""

_DURATION_BELOW: Final = 1e8
"""Seconds: 1973. A smaller value is a lifetime, not a time."""


# ------------------------------------------------------------------ words


def _utc(seconds: float) -> str:
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} (no calendar has it)"


def _span(seconds: float) -> str:
    """``34 s``, ``2 h 3 min``, ``61 days``."""
    whole = round(abs(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 and whole % 60 else "")
    if whole < 172_800:
        return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 // 60 else "")
    if whole < 2 * 365 * 86400:
        return f"{whole // 86400} days"
    return f"{whole // 31_557_600} years"


def _saw(label: str, observed: str, expected: str | None = None) -> Evidence:
    return Evidence(label, observed, expected, "token")


# ------------------------------------------------------------------ the server's word


_GIVEN: Final = "given"
_MINTED: Final = "minted"
"""`lkdoctor.facts.signal.Whose`, by value."""


def _validation(signal: "SignalFact | None", whose: str) -> "HttpAnswer | None":
    if signal is None:
        return None
    found = next((v.answer for v in signal.validations if v.whose == whose), None)
    return found if found is not None and found.kind == "answer" else None


def _accepted(signal: "SignalFact | None") -> bool:
    """Whether the server accepted the user's token."""
    given = _validation(signal, _GIVEN)
    return given is not None and given.status == 200


_SAID_OF: Final = {_GIVEN: "your token", _MINTED: "test token"}


def _said(whose: str, signal: "SignalFact", given: "HttpAnswer") -> Evidence:
    path = next(v.path for v in signal.validations if v.whose == whose)
    label = f"GET {path}, {_SAID_OF[whose]}"
    return Evidence(label, f"{given.status} {given.body}".strip()[:300], "200 success", "net")


def _refused(signal: "SignalFact | None", whose: str, *why: Refusal) -> Evidence | None:
    """The server's refusal of that token for one of these reasons, as evidence."""
    given = _validation(signal, whose)
    if signal is None or given is None or recognise(given.status, given.body) not in why:
        return None
    return _said(whose, signal, given)


def _api_refused(api: "ApiFact | None", *why: Refusal) -> Evidence | None:
    """The API's refusal of a token of the configured key, which comes from the same check."""
    answers = (api.rooms, api.participants) if api is not None else ()
    for found in answers:
        if found is not None and found.kind == "foreign" and found.exchange.kind == "answer":
            status, body = found.exchange.status, found.exchange.body
            if recognise(status, body) in why:
                return Evidence("server API, own token", f"{status} {body}"[:300], "200", "api")
    return None


def _call_refused(api: "ApiFact | None", env: "EnvFact | None", *why: Refusal) -> Evidence | None:
    """The same, where the configured pair signed the call; else the token was a ready one."""
    from lkdoctor.config.resolve import Meaning

    pair = [env.used(m) for m in (Meaning.API_KEY, Meaning.API_SECRET)] if env is not None else []
    return (
        _api_refused(api, *why) if pair and all(v is not None and v.length for v in pair) else None
    )


# ------------------------------------------------------------------ form


_FORMS: Final = {
    Fault.PROMISE: "promise",
    Fault.HTML: "page",
    Fault.JSON: "json",
    Fault.CUT: "cut",
}


def _not_jwt(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    refused = _refused(signal, _GIVEN, Refusal.NOT_A_TOKEN)
    said = () if refused is None else (refused,)
    bad = token.unreadable
    if bad is not None:
        detail = f" ({bad.detail})" if bad.detail else ""
        yield Seen(
            (_saw(token.origin, f"{bad.fault}{detail}", "three base64url parts"), *said),
            case=_FORMS.get(bad.fault, ""),
        )
        return
    read = token.token
    if read is None:
        return
    around = token.text.around
    inside = f" (field {token.text.around_detail})" if token.text.around_detail else ""
    if token.as_sent and around in _SENT_ALONG:
        yield Seen(
            (_saw(token.origin, f"{around}{inside}", "the token alone"), *said), case="sent-along"
        )
    elif read.not_json:
        yield Seen(
            (_saw("claims", f"{', '.join(read.not_json)}: no JSON", "numbers"), *said),
            case="claims-not-json",
        )
    elif read.padded:
        yield Seen(
            (_saw("parts", "end with =", "base64url without padding (RFC 7515)"), *said),
            case="padded",
            severity=Severity.ERROR if said else Severity.WARNING,
        )
    elif read.critical:
        yield Seen(
            (_saw("header crit", "present", "absent: servers before 1.13 refuse it"), *said),
            case="critical-header",
            severity=Severity.ERROR if said else Severity.WARNING,
        )
    elif read.bad_header:
        names = ", ".join(read.bad_header)
        yield Seen(
            (_saw(f"header {names}", "of another type", "the type of RFC 7515"), *said),
            case="unreadable-header",
            severity=Severity.ERROR if said else Severity.WARNING,
        )
    elif read.duplicates:
        names = ", ".join(read.duplicates)
        yield Seen(
            (_saw("claims", f"{names}: stands twice", "unique names (RFC 7519)"), *said),
            case="claim-twice",
            severity=Severity.ERROR if said else Severity.WARNING,
        )


_SENT_ALONG: Final = frozenset(
    {Around.QUOTES, Around.BEARER, Around.BROKEN, Around.JSON, Around.URL, Around.TEXT}
)


def _algorithm(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None or read.alg == "HS256":
        return
    refused = _refused(signal, _GIVEN, Refusal.BAD_ALGORITHM, Refusal.BAD_SIGNATURE)
    old_server = _accepted(signal)
    hmac = read.alg in {"HS384", "HS512"}
    wrong_case = read.alg.upper() == "HS256"
    foreign = not hmac and not wrong_case and read.alg.lower() != "none"
    evidence = [_saw("header alg", read.alg or "missing", "HS256")]
    if read.issuer and foreign:
        evidence.append(_saw("iss", read.issuer, "the LiveKit API key"))
    if refused is not None:
        evidence.append(refused)
    yield Seen(
        tuple(evidence),
        case="foreign"
        if foreign and read.signature.state is SignatureState.NOT_HMAC and read.alg
        else "",
        severity=Severity.WARNING if old_server else None,
    )


# ------------------------------------------------------------------ signature


_STATE_SAYS: Final = {
    SignatureState.WRONG: "does not fit",
    SignatureState.VARIANT: "fits a distorted form of the secret",
    SignatureState.OTHER: "fits the secret of another key",
    SignatureState.MISSING: "is missing",
    SignatureState.CUT: "is cut short",
}


def _bad_signature(
    token: TokenFact | None = None, signal: "SignalFact | None" = None, api: "ApiFact | None" = None
) -> Iterator[Seen]:
    read = token.token if token is not None else None
    given = _refused(signal, _GIVEN, Refusal.BAD_SIGNATURE)
    if read is not None and token is not None:
        said = () if given is None else (given,)
        yield from _own_signature(read, said, accepted=_accepted(signal))
    elif given is not None:
        yield Seen((given,))
    minted = _refused(signal, _MINTED, Refusal.BAD_SIGNATURE)
    called = _api_refused(api, Refusal.BAD_SIGNATURE)
    ours = tuple(item for item in (minted, called) if item is not None)
    if ours:
        yield Seen(ours, case="server-has-another")


def _own_signature(
    read: ReadToken, said: tuple[Evidence, ...], *, accepted: bool
) -> Iterator[Seen]:
    signature = read.signature
    state = signature.state
    if accepted or state not in _STATE_SAYS:
        if said and state is SignatureState.UNCHECKED:
            yield Seen(said)
        elif said and state is SignatureState.VALID:
            fits = _saw("signature", f"fits {signature.key}", "the server's secret")
            yield Seen((*said, fits), case="server-has-another-secret")
        return
    if state is SignatureState.WRONG and signature.key_matches is False and not said:
        return  # of an unknown key nobody here can tell: token-unknown-key
    with_key = f", tried {signature.key}" if signature.key and state is SignatureState.WRONG else ""
    evidence = (_saw("signature", f"{_STATE_SAYS[state]}{with_key}", "valid"), *said)
    if state is SignatureState.VARIANT:
        yield Seen(
            (*evidence, _saw("it fits", f"{signature.variant} ({signature.key})")),
            case="distorted-secret",
            values={"variant": str(signature.variant)},
        )
    elif state is SignatureState.OTHER and (read.issuer is None or read.issuer_is_secret):
        return  # it names no key, or the secret in its place: token-unknown-key, token-claim-type
    elif state is SignatureState.OTHER:
        yield Seen(
            (*evidence, _saw("it fits", f"{signature.key}"), _saw("iss", read.issuer or "missing")),
            case="another-keys-secret",
        )
    elif state is SignatureState.CUT:
        yield Seen(evidence, case="cut")
    else:
        yield Seen(evidence)


def _unknown_key(
    token: TokenFact | None = None, signal: "SignalFact | None" = None, api: "ApiFact | None" = None
) -> Iterator[Seen]:
    read = token.token if token is not None else None
    given = _refused(signal, _GIVEN, Refusal.UNKNOWN_KEY)
    said = () if given is None else (given,)
    if read is not None and read.issuer_is_secret:
        yield Seen((_saw("iss", "the API secret", "the API key"), *said), case="issuer-is-secret")
    elif read is not None and any(m.name == "iss" and m.refused for m in read.misfits):
        return  # token-claim-type
    elif read is not None and read.issuer is None:
        yield Seen((_saw("iss", "missing", "the API key"), *said), case="no-issuer")
    elif given is not None:
        named = (_saw("iss", read.issuer),) if read is not None and read.issuer else ()
        yield Seen((given, *named))
    elif read is not None and read.issuer_is_key is False and not _accepted(signal):
        yield Seen(
            (_saw("iss", read.issuer or "missing", "the API key that is configured here"),),
            case="another-key",
        )
    minted = _refused(signal, _MINTED, Refusal.UNKNOWN_KEY)
    called = _api_refused(api, Refusal.UNKNOWN_KEY)
    ours = tuple(item for item in (minted, called) if item is not None)
    if ours:
        yield Seen(ours, case="unknown-to-the-server")


def _short_secret(token: TokenFact | None = None, env: "EnvFact | None" = None) -> Iterator[Seen]:
    from lkdoctor.config.resolve import Meaning
    from lkdoctor.facts.env import Looks
    from lkdoctor.rules.env import CLEAN

    size = token.secret_bytes if token is not None else None
    read = token.token if token is not None else None
    label, location, dev = "API secret", None, read is not None and read.issuer == _DEV_KEY
    used = env.used(Meaning.API_SECRET) if env is not None else None
    if used is not None and used.looks is not Looks.EMPTY:
        size = used.length if size is None else size
        label, location = f"{used.name} ({used.origin})", used.location
        key = env.used(Meaning.API_KEY) if env is not None else None
        dev = key is not None and key.shown == _DEV_KEY
    if size is None or not 0 < size < _SHORT_SECRET:
        return
    yield Seen(
        (Evidence(label, f"{size} bytes", f"at least {_SHORT_SECRET}", "env"),),
        # The pair of `livekit-server --dev` is meant to be short.
        severity=Severity.INFO if dev else None,
        location=location,
        check=CLEAN if token is None else None,
    )


# ------------------------------------------------------------------ times


def _expired(
    token: TokenFact | None = None,
    clock: ClockFact | None = None,
    signal: "SignalFact | None" = None,
    api: "ApiFact | None" = None,
    env: "EnvFact | None" = None,
) -> Iterator[Seen]:
    refused = _refused(signal, _GIVEN, Refusal.EXPIRED)
    if refused is None:
        minted = _refused(signal, _MINTED, Refusal.EXPIRED)
        yield from _expired_at_once(clock, minted or _call_refused(api, env, Refusal.EXPIRED))
    read = token.token if token is not None else None
    exp = read.expires.seconds if read is not None and read.expires is not None else None
    if refused is not None:
        when = () if exp is None else (_saw("exp", _utc(exp)),)
        yield _why_expired(Seen((refused, *when, *_clocks(clock))), read, clock)
        return
    if read is None or exp is None or clock is None or _accepted(signal):
        return
    late = clock.best - exp
    if late >= LEEWAY_S:
        seen = (_saw("exp", f"{_utc(exp)}, {_span(late)} ago"), *_clocks(clock))
        yield _why_expired(Seen(seen), read, clock)
    elif late >= 0:
        yield Seen(
            (
                _saw("exp", f"{_utc(exp)}, {_span(late)} ago", "servers forgive 60 s"),
                *_clocks(clock),
            ),
            case="just-now",
        )


def _why_expired(expired: Seen, read: ReadToken | None, clock: ClockFact | None) -> Seen:
    """The judgement, in other words where the token is good by a clock that we know."""
    exp = read.expires.seconds if read is not None and read.expires is not None else None
    if read is None or clock is None or exp is None or exp >= _MILLISECONDS_FROM:
        return expired
    if _clocks_decide(read, clock):
        return expired._replace(case="by-the-servers-clock")
    if exp <= clock.best:
        return expired
    return expired._replace(case=f"good-by-{_by_which(clock)}")


def _by_which(clock: ClockFact) -> str:
    return "this-clock" if clock.server is None else "the-servers-clock"


def _clocks_decide(read: ReadToken, clock: ClockFact) -> bool:
    """Whether the token is good by this machine's clock, from which the server's surely differs."""
    if abs(clock.skew_ms or 0.0) - clock.uncertainty_ms < LEEWAY_S * 1000:
        return False
    ends = read.expires.seconds if read.expires is not None else None
    begins = [m.seconds for name, m in _moments(read) if name != "exp" and m.seconds is not None]
    return (ends is None or clock.local < ends) and all(
        at - clock.local <= LEEWAY_S for at in begins
    )


def _expired_at_once(clock: ClockFact | None, minted: Evidence | None) -> Iterator[Seen]:
    """A token of our own that is refused as expired although the clocks agree."""
    skew_ms = 0.0 if clock is None else clock.skew_ms or 0.0
    if minted is None or abs(skew_ms) >= LEEWAY_S * 1000:  # else clock-server-wrong speaks of it
        return
    yield Seen(
        (minted, *_clocks(clock)),
        case="server-alone",
    )


def _clocks(clock: ClockFact | None) -> tuple[Evidence, ...]:
    if clock is None:
        return ()
    whose = "this machine's clock" if clock.server is None else "the server's clock"
    return (Evidence(whose, _utc(clock.best), None, "clock"),)


def _no_exp(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None or read.expires is not None:
        return
    refused = _refused(signal, _GIVEN, Refusal.NO_EXPIRY)
    said = () if refused is None else (refused,)
    yield Seen(
        (_saw("exp", "missing", "a time"), *said),
        severity=Severity.ERROR if refused is not None else None,
    )


def _moments(read: ReadToken) -> Iterator[tuple[str, Moment]]:
    for name, moment in (
        ("exp", read.expires),
        ("nbf", read.not_before),
        ("iat", read.issued_at),
    ):
        if moment is not None:
            yield name, moment


def _time_fault(name: str, moment: Moment) -> tuple[str, str, Severity] | None:
    """What a time is, what was meant, and whether a server minds."""
    if moment.form is TimeForm.OTHER or moment.seconds is None:
        return f"{moment.written}: {moment.form}", "seconds since 1970", Severity.ERROR
    value = moment.seconds
    if abs(value) >= _MILLISECONDS_FROM:
        unit, size = ("milliseconds", 1e3) if abs(value) < 1e14 else ("microseconds", 1e6)
        if abs(value) >= 1e17:
            unit, size = "nanoseconds", 1e9
        meant = f"{_utc(value / size)}, if these are {unit}"
        # An exp in the far future never ends; a begin there is not reached.
        # Beyond 64 bits the number wraps into the distant past.
        endless = name == "exp" and value < 2**63
        severity = Severity.WARNING if endless else Severity.ERROR
        return f"{moment.written}: read as seconds {_utc(value)}", meant, severity
    if name == "exp" and 0 < value < _DURATION_BELOW:
        return f"{moment.written}: a lifetime, not a time", "now + lifetime", Severity.ERROR
    if moment.form is TimeForm.TEXT:
        return (
            f"{moment.written}: a text",
            "a number; only servers since 1.13 take a text",
            Severity.ERROR,
        )
    return None


def _time_units(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None:
        return
    found = [
        (name, fault) for name, moment in _moments(read) if (fault := _time_fault(name, moment))
    ]
    if not found:
        return
    refused = _refused(signal, _GIVEN, Refusal.NOT_A_TOKEN, Refusal.EXPIRED, Refusal.NOT_YET)
    evidence = tuple(_saw(name, seen, meant) for name, (seen, meant, _) in found)
    errors = [fault for _, fault in found if fault[2] is Severity.ERROR]
    yield Seen(
        (*evidence, *(() if refused is None else (refused,))),
        severity=Severity.ERROR if errors and not _accepted(signal) else Severity.WARNING,
    )


def _mint_ahead(
    token: TokenFact | None = None,
    clock: ClockFact | None = None,
    signal: "SignalFact | None" = None,
    api: "ApiFact | None" = None,
    env: "EnvFact | None" = None,
) -> Iterator[Seen]:
    why = (Refusal.NOT_YET, Refusal.FROM_FUTURE)
    refused = _refused(signal, _GIVEN, *why)
    read = token.token if token is not None else None
    if read is not None and clock is not None and not _accepted(signal):
        ahead = [
            (name, moment.seconds - clock.best, moment.seconds)
            for name, moment in _moments(read)
            if name != "exp"
            and moment.seconds is not None
            and moment.seconds < _MILLISECONDS_FROM
            and moment.seconds - clock.best > LEEWAY_S
        ]
        judged = None
        if ahead and (refused is not None or any(name == "nbf" for name, _, _ in ahead)):
            judged = _ahead(ahead, clock, refused)
        elif ahead:
            # Only servers before 1.13 look at iat.
            judged = _ahead(ahead, clock, None)._replace(severity=Severity.WARNING)
        elif refused is not None:
            judged = Seen(
                (refused, *_clocks(clock)),
                case=f"begun-by-{_by_which(clock)}",
            )
        if judged is not None and _clocks_decide(read, clock):
            judged = judged._replace(case="by-the-servers-clock", confidence=None)
        if judged is not None:
            yield judged
    elif refused is not None:
        yield Seen((refused,))
    minted = _refused(signal, _MINTED, *why) or _call_refused(api, env, *why)
    if minted is not None:
        yield _minted_ahead(minted, clock)


def _minted_ahead(refused: Evidence, clock: ClockFact | None) -> Seen:
    """A token of our own, which this machine's clock made."""
    judged = Seen((refused,), case="own")
    if clock is None or clock.skew_ms is None:
        return judged
    skew = Evidence("server minus this clock", _signed(clock.skew_ms / 1000), None, "clock")
    measured = -clock.skew_ms - clock.uncertainty_ms >= LEEWAY_S * 1000
    return judged._replace(
        evidence=(refused, skew),
        # clock-server-wrong tells of both clocks then, and cannot tell which is wrong.
        confidence=Confidence.LIKELY if measured else None,
    )


def _signed(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '-'}{_span(seconds)}"


def _ahead(
    ahead: list[tuple[str, float, float]], clock: ClockFact, refused: Evidence | None
) -> Seen:
    by = ahead[0][1]
    hours = round(by / 3600)
    whole = 1 <= hours <= 14 and abs(by - hours * 3600) < 120
    evidence = tuple(
        _saw(name, f"{_utc(at)}, {_span(by)} ahead", f"at most {LEEWAY_S:.0f} s ahead")
        for name, by, at in ahead
    )
    return Seen(
        (*evidence, *_clocks(clock), *(() if refused is None else (refused,))),
        case="whole-hours" if whole else "",
        values={"hours": f"{hours} whole hour{'s' if hours > 1 else ''}"} if whole else {},
        confidence=Confidence.LIKELY if clock.server is None and refused is None else None,
    )


# ------------------------------------------------------------------ grants


def _faults(read: ReadToken, kind: GrantFault) -> tuple[GrantRead, ...]:
    return tuple(grant for grant in read.grants if grant.fault is kind)


_ESSENTIAL: Final = frozenset(
    {"roomJoin", "room", "video", "sub", "iss", "video.roomJoin", "video.room"}
)


def _misspelt(token: TokenFact) -> Iterator[Seen]:
    read = token.token
    if read is None:
        return
    unknown = _faults(read, GrantFault.UNKNOWN)
    granted = {grant.name for grant in read.grants if grant.fault is None}
    wrong: list[tuple[str, str, str]] = [
        (f"{g.claim}.{g.name}", g.written, g.meant) for g in unknown if g.meant
    ]
    cased = [m for m in read.misfits if m.meant and m.meant.casefold() == m.name.casefold()]
    wrong += [(m.name, m.says, m.meant) for m in read.misfits if m.meant and m not in cased]
    if wrong:
        # Where the right name is there, too, the wrong one does no harm.
        essential = any(
            meant in _ESSENTIAL
            and meant not in read.claim_names
            and meant.removeprefix("video.") not in granted
            for _, _, meant in wrong
        )
        yield Seen(
            tuple(_saw(name, seen, meant) for name, seen, meant in wrong[:12]),
            severity=Severity.ERROR if essential else None,
        )
    if read.room_config_unknown:
        yield Seen(
            tuple(
                _saw(f"roomConfig.{n}", "no server knows it") for n in read.room_config_unknown[:12]
            ),
            case="room-config",
        )
    if cased:
        yield Seen(tuple(_saw(m.name, m.says, m.meant) for m in cased[:12]), case="claim-case")
    folded = [g for g in read.grants if g.fault is None and g.meant]
    if folded:
        yield Seen(
            tuple(_saw(f"{g.claim}.{g.name}", g.written, g.meant) for g in folded[:12]),
            case="grant-case",
        )
    sources = [
        (g, odd)
        for g in read.grants
        if (g.meant or g.name) == "canPublishSources"
        and isinstance(g.value, tuple)
        and (odd := [s for s in g.value if s not in SOURCES])
    ]
    for grant, odd in sources:
        yield Seen(
            (_saw(f"{grant.claim}.{grant.name}", ", ".join(odd[:12]), ", ".join(SOURCES)),),
            case="source",
        )
    strange = [g for g in unknown if not g.meant]
    if strange:
        yield Seen(
            tuple(_saw(f"{g.claim}.{g.name}", g.written) for g in strange[:12]),
            case="unknown-grant",
        )


def _claim_type(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None:
        return
    evidence = [
        _saw(f"{g.claim}.{g.name}", g.written, _expected_type(g))
        for g in _faults(read, GrantFault.TYPE)
    ]
    evidence += [_saw(m.name, m.says) for m in read.misfits if m.refused]
    refused = _refused(signal, _GIVEN, Refusal.MALFORMED, Refusal.NOT_A_TOKEN)
    if not evidence:
        return
    if refused is not None:
        evidence.append(refused)
    yield Seen(tuple(evidence[:12]), severity=Severity.WARNING if _accepted(signal) else None)


def _expected_type(grant: GrantRead) -> str:
    from lkdoctor.tokens.grants import BY_CLAIM

    spec = BY_CLAIM.get(grant.claim, {}).get(grant.meant or grant.name)
    return str(spec.type) if spec is not None else "another type"


def _no_video(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None or read.has_video or _accepted(signal):
        return
    if any(m.name == "video" and m.refused for m in read.misfits):
        return  # token-claim-type
    refused = _refused(signal, _GIVEN, Refusal.NO_VIDEO)
    others = sorted({grant.claim for grant in read.grants})
    has = ", ".join(read.claim_names[:12]) or "none"
    evidence = [_saw("video", "missing", '{"roomJoin": true, "room": "…"}'), _saw("claims", has)]
    if refused is not None:
        evidence.append(refused)
    yield Seen(
        tuple(evidence),
        case="for-others" if others else "",
        values={"others": " and ".join(others)} if others else {},
    )


def _no_join(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None or not read.has_video or _accepted(signal):
        return
    joins = next(
        (g for g in read.grants if g.claim == "video" and "roomJoin" in {g.name, g.meant}), None
    )
    if joins is not None and joins.fault is not GrantFault.UNKNOWN and joins.value is True:
        return
    refused = _refused(signal, _GIVEN, Refusal.NO_JOIN)
    seen = "missing" if joins is None else f"{joins.name} is {joins.written}"
    others = ", ".join(g.name for g in read.grants if g.claim == "video" and g.value is True)
    evidence = [_saw("video.roomJoin", seen, "true")]
    if others:
        evidence.append(_saw("it allows", others))
    if refused is not None:
        evidence.append(refused)
    yield Seen(tuple(evidence))


def _no_room(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None or read.room_bytes or read.video.get("roomJoin") is not True:
        return
    if any(g.name == "room" and g.fault is GrantFault.TYPE for g in read.grants):
        return  # token-claim-type
    refused = _refused(signal, _GIVEN, Refusal.NO_ROOM)
    seen = "empty" if "room" in read.video else "missing"
    said = () if refused is None else (refused,)
    yield Seen(
        (_saw("video.room", seen, "the room's name"), *said),
        case="nameless" if _accepted(signal) else "",
    )


def _no_identity(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None or read.identity_bytes or _accepted(signal):
        return
    if read.video.get("roomJoin") is not True and read.has_video and read.grants:
        return  # a token for the server API needs no identity
    if any(m.name in {"sub", "jti"} and m.refused for m in read.misfits):
        return  # token-claim-type
    refused = _refused(signal, _GIVEN, Refusal.NO_IDENTITY)
    seen = "empty" if "sub" in read.claim_names else "missing"
    evidence = [_saw("sub", seen, "the participant's identity")]
    if "identity" in read.claim_names:
        evidence.append(_saw("identity", "a claim that servers overwrite with sub"))
    if refused is not None:
        evidence.append(refused)
    yield Seen(tuple(evidence))


def _limits(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    read = token.token
    if read is None:
        return
    refused = _refused(signal, _GIVEN, Refusal.ROOM_TOO_LONG, Refusal.IDENTITY_TOO_LONG)
    over: list[Evidence] = []
    for label, size, limit in (
        ("room", read.room_bytes, MAX_BYTES),
        ("identity (sub)", read.identity_bytes, MAX_BYTES),
        ("metadata", read.metadata_bytes, _MAX_METADATA),
        ("attributes", read.attributes_bytes, _MAX_ATTRIBUTES),
    ):
        if size > limit:
            over.append(_saw(label, f"{size} bytes", f"at most {limit}"))
    if not over:
        return
    long_name = read.room_bytes > MAX_BYTES or read.identity_bytes > MAX_BYTES
    yield Seen(
        (*over, *(() if refused is None else (refused,))),
        severity=Severity.WARNING if _accepted(signal) and long_name else None,
        # Validate does not look at metadata and attributes; servers before 1.13.2 take them.
        confidence=None if long_name else Confidence.LIKELY,
    )


# ------------------------------------------------------------------ checks


def _whence(origin: str) -> str:
    return origin if origin.startswith("minted ") else f"from {origin}"


def _see_form(token: TokenFact) -> str | None:
    read = token.token
    if read is None:
        return None
    return f"{read.alg} token, {token.text.length} characters, {_whence(token.origin)}"


def _see_signature(token: TokenFact, signal: "SignalFact | None" = None) -> str | Unsure | None:
    read = token.token
    if read is None:
        return None
    if _accepted(signal):
        return "the server accepts it"
    if read.signature.state is SignatureState.VALID:
        return f"valid, made with {read.signature.key}"
    return Unsure("no secret at hand to check it with")


def _see_time(token: TokenFact, clock: ClockFact | None = None) -> str | Unsure | None:
    read = token.token
    if read is None or clock is None:
        return None
    if read.expires is None or read.expires.seconds is None:
        return "never ends"
    return f"ends in {_span(read.expires.seconds - clock.best)}"


def _see_grants(token: TokenFact) -> str | None:
    read = token.token
    if read is None:
        return None
    return f'"{read.identity}" may join "{read.room}"'


def _in_room(token: TokenFact, api: "ApiFact") -> Iterator[Seen]:
    read, listed = token.token, api.participants
    if read is None or listed is None or listed.kind != "participants" or listed.room != read.room:
        return
    for participant in listed.participants:
        if participant.identity == read.identity:
            since = f", since {_utc(participant.joined_at)}" if participant.joined_at else ""
            yield Seen(
                (
                    Evidence(
                        f"ListParticipants of {read.room}",
                        f"{read.identity}, {participant.state}{since}",
                        source="api",
                    ),
                )
            )


# ------------------------------------------------------------------ what a holder may not do


_PEOPLE: Final = {"provider", "client"}
"""Roles of a booking whose holders talk to each other."""

_SOURCES: Final = ("camera", "microphone")


def _off(token: TokenFact, name: str) -> GrantRead | None:
    """The grant, where it says no; a grant that is absent allows (auth/grants.go)."""
    read = token.token
    if read is None or read.video.get("roomJoin") is not True:
        return None
    return next(
        (
            g
            for g in read.grants
            if g.claim == "video" and (g.meant or g.name) == name and g.value is False
        ),
        None,
    )


def _for_people(token: TokenFact) -> Severity | None:
    """A note where nobody knows what the token is for, a warning for who is there to talk."""
    return Severity.WARNING if token.role in _PEOPLE else None


def _of_role(token: TokenFact) -> tuple[Evidence, ...]:
    return (Evidence("role", token.role, None, "env"),) if token.role else ()


def _may_not_publish(token: TokenFact) -> Iterator[Seen]:
    read = token.token
    if read is None:
        return
    off = _off(token, "canPublish")
    if off is not None:
        yield Seen(
            (_saw(f"video.{off.name}", "false", "true, or absent"), *_of_role(token)),
            severity=_for_people(token),
        )
        return
    sources = read.video.get("canPublishSources")
    if read.video.get("roomJoin") is not True or not isinstance(sources, tuple) or not sources:
        return
    if not set(_SOURCES) & set(sources):  # audio alone is a choice
        yield Seen(
            (
                _saw("video.canPublishSources", ", ".join(sources)[:200], " or ".join(_SOURCES)),
                *_of_role(token),
            ),
            case="no-camera-or-microphone",
            severity=_for_people(token),
        )


def _may_not_subscribe(token: TokenFact) -> Iterator[Seen]:
    off = _off(token, "canSubscribe")
    if off is not None:
        yield Seen(
            (_saw(f"video.{off.name}", "false", "true, or absent"), *_of_role(token)),
            severity=_for_people(token),
        )


def _unseen(token: TokenFact) -> Iterator[Seen]:
    read = token.token
    if read is None or read.video.get("roomJoin") is not True:
        return
    on = [name for name in ("hidden", "recorder") if read.video.get(name) is True]
    if on:
        yield Seen(
            (*(_saw(f"video.{name}", "true", "absent") for name in on), *_of_role(token)),
            case="" if "hidden" in on else "recorder",
            severity=_for_people(token),
        )


# ------------------------------------------------------------------ how it is sent


def _auth_header(url: "UrlFact", signal: "SignalFact | None" = None) -> Iterator[Seen]:
    if url.result.kind != "parsed" or not url.result.userinfo:
        return
    said = _refused(signal, _GIVEN, Refusal.BAD_HEADER) or _refused(
        signal, _MINTED, Refusal.BAD_HEADER
    )
    yield Seen(
        (
            Evidence(
                f"URL from {url.origin}", url.raw[:200], "no user and password in front", "env"
            ),
            *(() if said is None else (said,)),
        ),
        severity=Severity.ERROR if said else None,
        confidence=Confidence.CERTAIN if said else None,
    )


_SHORT_S: Final = 15 * 60.0
_SOON_S: Final = 60.0


def _prefetched(token: TokenFact, clock: ClockFact) -> Iterator[Seen]:
    read = token.token
    if read is None or read.expires is None or read.expires.seconds is None:
        return
    start = read.not_before or read.issued_at
    if start is None or start.seconds is None:
        return
    life, left = read.expires.seconds - start.seconds, read.expires.seconds - clock.best
    if not 0 < life <= _SHORT_S or left > _SOON_S or start.seconds >= clock.best:
        return
    if read.expires.form is TimeForm.TEXT or -LEEWAY_S < left <= 0:
        return  # token-time-units; token-expired, which says that servers forgive it
    state = f"ended {_span(left)} ago" if left <= 0 else f"{_span(left)} left"
    yield Seen((_saw("lifetime", f"{_span(life)}, {state}"), *_clocks(clock)))


CHECKS: Final = (
    Check(
        id="token.form",
        layer=Layer.TOKEN,
        title="The token is one that a server can read",
        look=_see_form,
    ),
    Check(
        id="token.signature",
        layer=Layer.TOKEN,
        title="The token is signed with a key that the server knows",
        look=_see_signature,
        needs=("token.form",),
        essential=False,
    ),
    Check(
        id="token.time",
        layer=Layer.TOKEN,
        title="The token is valid now",
        look=_see_time,
        needs=("token.form",),
    ),
    Check(
        id="token.grants",
        layer=Layer.TOKEN,
        title="The token lets its holder join",
        look=_see_grants,
        needs=("token.form",),
    ),
)


RULES: Final = (
    cause("token-not-jwt", _not_jwt),
    cause("token-alg", _algorithm),
    cause("token-unknown-key", _unknown_key),
    cause("token-bad-signature", _bad_signature),
    cause("token-secret-too-short", _short_secret),
    cause("token-time-units", _time_units),
    cause("token-expired", _expired),
    cause("token-no-exp", _no_exp),
    cause("clock-mint-ahead", _mint_ahead),
    cause("token-grant-misspelt", _misspelt),
    cause("token-claim-type", _claim_type),
    cause("token-no-video-grant", _no_video),
    cause("token-roomjoin-missing", _no_join),
    cause("token-room-missing", _no_room),
    cause("token-identity-missing", _no_identity),
    cause("token-limits", _limits),
    cause("identity-in-room", _in_room),
    cause("token-publish-denied", _may_not_publish),
    cause("token-subscribe-denied", _may_not_subscribe),
    cause("token-hidden-or-recorder", _unseen),
    cause("token-auth-header", _auth_header),
    cause("token-prefetched-short-ttl", _prefetched),
)
