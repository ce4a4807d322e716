"""What is wrong with a token, judged from the token and, where it was asked, by the server's word.

The server's word stands above ours: what it accepted is not called refused here, and where it
refused, its wording decides although no secret is at hand.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.names import MAX_BYTES
from lkdoctor.rules.base import Check, Judgement, Rule, Unsure
from lkdoctor.tokens.decode import Around, Fault, Signature, SignatureState
from lkdoctor.tokens.grants import SOURCES
from lkdoctor.tokens.predict import Refusal, recognise
from lkdoctor.tokens.reading import (
    LEEWAY_S,
    GrantFault,
    GrantRead,
    Moment,
    ReadToken,
    TimeForm,
    TokenText,
    Unreadable,
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


_FORM_FIX: Final = {
    Fault.PROMISE: FixStep(
        "Await the token: toJwt() is asynchronous since livekit-server-sdk 2.",
        snippet=Snippet("js", "const token = await at.toJwt();"),
    ),
    Fault.HTML: FixStep(
        "Look at what the token endpoint answers: a page (a log-in, an error, the app itself) came "
        "in place of the token.",
        command="curl -i https://YOUR-APP/api/token",
    ),
    Fault.JSON: FixStep("Read the field that the endpoint really has, and see why it sent none."),
    Fault.CUT: FixStep("Copy the whole token: it has three parts with two dots between them."),
}


def _not_jwt(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
    refused = _refused(signal, _GIVEN, Refusal.NOT_A_TOKEN)
    said = () if refused is None else (refused,)
    bad = token.unreadable
    if bad is not None:
        detail = f" ({bad.detail})" if bad.detail else ""
        step = _FORM_FIX.get(bad.fault)
        yield Judgement(
            (_saw(token.origin, f"{bad.fault}{detail}", "three base64url parts"), *said),
            fix=(step, _DECODE_AGAIN) if step else (),
        )
        return
    read = token.token
    if read is None:
        return
    around = token.text.around
    inside = f" (field {token.text.around_detail})" if token.text.around_detail else ""
    if token.as_sent and around in _SENT_ALONG:
        yield Judgement(
            (_saw(token.origin, f"{around}{inside}", "the token alone"), *said),
            title="The token is sent with something around it",
        )
    elif read.not_json:
        yield Judgement(
            (_saw("claims", f"{', '.join(read.not_json)}: no JSON", "numbers"), *said),
            title="The token's claims are not JSON",
        )
    elif read.padded:
        yield Judgement(
            (_saw("parts", "end with =", "base64url without padding (RFC 7515)"), *said),
            title="The token's parts are padded",
            severity=Severity.ERROR if said else Severity.WARNING,
        )
    elif read.critical:
        yield Judgement(
            (_saw("header crit", "present", "absent: servers before 1.13 refuse it"), *said),
            title="The token's header asks for an extension (crit)",
            severity=Severity.ERROR if said else Severity.WARNING,
        )
    elif read.bad_header:
        names = ", ".join(read.bad_header)
        yield Judgement(
            (_saw(f"header {names}", "of another type", "the type of RFC 7515"), *said),
            title="The token's header cannot be read by servers before 1.13",
            severity=Severity.ERROR if said else Severity.WARNING,
        )
    elif read.duplicates:
        names = ", ".join(read.duplicates)
        yield Judgement(
            (_saw("claims", f"{names}: stands twice", "unique names (RFC 7519)"), *said),
            title="A claim stands twice in the token",
            severity=Severity.ERROR if said else Severity.WARNING,
        )


_SENT_ALONG: Final = frozenset(
    {Around.QUOTES, Around.BEARER, Around.BROKEN, Around.JSON, Around.URL, Around.TEXT}
)


def _algorithm(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(
        tuple(evidence),
        title=(
            "An identity provider's token stands in for LiveKit's"
            if foreign and read.signature.state is SignatureState.NOT_HMAC and read.alg
            else None
        ),
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

_SAME_BYTES: Final = FixStep(
    "Put the same key and secret where tokens are made and where the server reads them, and restart both."
)


def _bad_signature(
    token: TokenFact | None = None, signal: "SignalFact | None" = None, api: "ApiFact | None" = None
) -> Iterator[Judgement]:
    read = token.token if token is not None else None
    given = _refused(signal, _GIVEN, Refusal.BAD_SIGNATURE)
    if read is not None and token is not None:
        said = () if given is None else (given,)
        yield from _own_signature(read, said, accepted=_accepted(signal))
    elif given is not None:
        yield Judgement((given,))
    minted = _refused(signal, _MINTED, Refusal.BAD_SIGNATURE)
    called = _api_refused(api, Refusal.BAD_SIGNATURE)
    ours = tuple(item for item in (minted, called) if item is not None)
    if ours:
        yield Judgement(
            ours,
            title="The server holds another secret for this API key",
            cause="lkdoctor signed a token with the configured API key and secret, and the server, which "
            "knows the key, says that the signature is wrong. The secret here and the one there differ.",
        )


def _own_signature(
    read: ReadToken, said: tuple[Evidence, ...], *, accepted: bool
) -> Iterator[Judgement]:
    signature = read.signature
    state = signature.state
    if accepted or state not in _STATE_SAYS:
        if said and state is SignatureState.UNCHECKED:
            yield Judgement(said)
        elif said and state is SignatureState.VALID:
            fits = _saw("signature", f"fits {signature.key}", "the server's secret")
            yield Judgement(
                (*said, fits),
                title="The server holds another secret for this API key",
            )
        return
    if state is SignatureState.WRONG and signature.key_matches is False and not said:
        return  # of an unknown key nobody here can tell: token-unknown-key
    with_key = f", tried {signature.key}" if signature.key and state is SignatureState.WRONG else ""
    evidence = (_saw("signature", f"{_STATE_SAYS[state]}{with_key}", "valid"), *said)
    if state is SignatureState.VARIANT:
        yield Judgement(
            (*evidence, _saw("it fits", f"{signature.variant} ({signature.key})")),
            title="The token was signed with a distorted secret",
            cause=f"The token verifies with {signature.variant}. Where tokens are made the secret is not "
            "the same text as here: it was read, quoted, decoded or cut differently on its way.",
            fix=(
                FixStep(
                    "Compare the secret in both places, blanks, quotes and line ends included."
                ),
                FixStep("Trim the secret when reading it from a file, and do not decode it."),
            ),
        )
    elif state is SignatureState.OTHER and (read.issuer is None or read.issuer_is_secret):
        return  # it names no key, or the secret in its place: token-unknown-key, token-claim-type
    elif state is SignatureState.OTHER:
        yield Judgement(
            (*evidence, _saw("it fits", f"{signature.key}"), _saw("iss", read.issuer or "missing")),
            title="The token names one key and is signed with another's secret",
        )
    elif state is SignatureState.CUT:
        yield Judgement(evidence, fix=(_FORM_FIX[Fault.CUT],))
    else:
        yield Judgement(evidence)


def _unknown_key(
    token: TokenFact | None = None, signal: "SignalFact | None" = None, api: "ApiFact | None" = None
) -> Iterator[Judgement]:
    read = token.token if token is not None else None
    given = _refused(signal, _GIVEN, Refusal.UNKNOWN_KEY)
    said = () if given is None else (given,)
    if read is not None and read.issuer_is_secret:
        yield Judgement(
            (_saw("iss", "the API secret", "the API key"), *said),
            title="The token names the API secret as its issuer",
            cause="Key and secret were exchanged where the token was made. Everybody who has such a "
            "token has the secret.",
            fix=(
                FixStep("Exchange key and secret where tokens are made, and restart it."),
                FixStep(
                    "Make a new key and revoke this one: its secret has to count as known.",
                    destructive=True,
                ),
            ),
        )
    elif read is not None and any(m.name == "iss" and m.refused for m in read.misfits):
        return  # token-claim-type
    elif read is not None and read.issuer is None:
        yield Judgement(
            (_saw("iss", "missing", "the API key"), *said), title="The token names no API key (iss)"
        )
    elif given is not None:
        named = (_saw("iss", read.issuer),) if read is not None and read.issuer else ()
        yield Judgement((given, *named))
    elif read is not None and read.issuer_is_key is False and not _accepted(signal):
        yield Judgement(
            (_saw("iss", read.issuer or "missing", "the API key that is configured here"),),
            title="The token was made with another API key",
            confidence=Confidence.LIKELY,
        )
    minted = _refused(signal, _MINTED, Refusal.UNKNOWN_KEY)
    called = _api_refused(api, Refusal.UNKNOWN_KEY)
    ours = tuple(item for item in (minted, called) if item is not None)
    if ours:
        yield Judgement(ours, title="The server does not know the API key")


def _short_secret(
    token: TokenFact | None = None, env: "EnvFact | None" = None
) -> Iterator[Judgement]:
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
    yield Judgement(
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
) -> Iterator[Judgement]:
    refused = _refused(signal, _GIVEN, Refusal.EXPIRED)
    if refused is None:
        minted = _refused(signal, _MINTED, Refusal.EXPIRED)
        yield from _expired_at_once(clock, minted or _call_refused(api, env, Refusal.EXPIRED))
    read = token.token if token is not None else None
    exp = read.expires.seconds if read is not None and read.expires is not None else None
    if refused is not None:
        when = () if exp is None else (_saw("exp", _utc(exp)),)
        yield _why_expired(Judgement((refused, *when, *_clocks(clock))), read, clock)
        return
    if read is None or exp is None or clock is None or _accepted(signal):
        return
    late = clock.best - exp
    if late >= LEEWAY_S:
        seen = (_saw("exp", f"{_utc(exp)}, {_span(late)} ago"), *_clocks(clock))
        yield _why_expired(Judgement(seen), read, clock)
    elif late >= 0:
        yield Judgement(
            (
                _saw("exp", f"{_utc(exp)}, {_span(late)} ago", "servers forgive 60 s"),
                *_clocks(clock),
            ),
            title="The token has just expired; servers forgive a minute",
            confidence=Confidence.HINT,
        )


def _why_expired(expired: Judgement, read: ReadToken | None, clock: ClockFact | None) -> Judgement:
    """The judgement, in other words where the token is good by a clock that we know."""
    exp = read.expires.seconds if read is not None and read.expires is not None else None
    if read is None or clock is None or exp is None or exp >= _MILLISECONDS_FROM:
        return expired
    if _clocks_decide(read, clock):
        return expired._replace(
            title="To the server's clock the token has expired",
            cause=_CLOCKS_DECIDE,
            confidence=Confidence.LIKELY,
            fix=(_SET_CLOCK,),
        )
    if exp <= clock.best:
        return expired
    return expired._replace(
        title="The server calls a token expired that is not",
        cause=f"The token was good when it was sent, by {_by_which(clock)}.",
        confidence=Confidence.LIKELY,
        fix=_COMPARE_CLOCKS,
    )


def _by_which(clock: ClockFact) -> str:
    if clock.server is None:
        return f"this machine's clock: the server's is another, or {_GATEWAY}"
    return f"the clock that the server tells: {_GATEWAY}, or {_ANOTHER_CLOCK}"


def _clocks_decide(read: ReadToken, clock: ClockFact) -> bool:
    """Whether the token is good by this machine's clock, from which the server's surely differs."""
    if abs(clock.skew_ms or 0.0) - clock.uncertainty_ms < LEEWAY_S * 1000:
        return False
    ends = read.expires.seconds if read.expires is not None else None
    begins = [m.seconds for name, m in _moments(read) if name != "exp" and m.seconds is not None]
    return (ends is None or clock.local < ends) and all(
        at - clock.local <= LEEWAY_S for at in begins
    )


_CLOCKS_DECIDE: Final = (
    "By this machine's clock the token is good. The server judges by its own, which is far from it."
)
_SET_CLOCK: Final = FixStep(
    "Set the wrong one of the two clocks by the network; the token needs no change:",
    command="timedatectl set-ntp true",
)
_GATEWAY: Final = "a gateway keeps tokens and sends old ones on"
_ANOTHER_CLOCK: Final = "another clock checks than the one that answers"
_COMPARE_CLOCKS: Final = (
    FixStep("Compare the clocks of all the server's hosts:", command="timedatectl"),
    FixStep("See whether something in front replaces the Authorization header."),
)


def _expired_at_once(clock: ClockFact | None, minted: Evidence | None) -> Iterator[Judgement]:
    """A token of our own that is refused as expired although the clocks agree."""
    skew_ms = 0.0 if clock is None else clock.skew_ms or 0.0
    if minted is None or abs(skew_ms) >= LEEWAY_S * 1000:  # else clock-server-wrong speaks of it
        return
    yield Judgement(
        (minted, *_clocks(clock)),
        title="The server calls a token expired that was just made",
        cause="The token was good for another minute when it was sent, and the clocks agree: "
        f"{_GATEWAY}, or {_ANOTHER_CLOCK}.",
        fix=_COMPARE_CLOCKS,
        confidence=Confidence.LIKELY,
    )


def _clocks(clock: ClockFact | None) -> tuple[Evidence, ...]:
    if clock is None:
        return ()
    whose = "this machine's clock" if clock.server is None else "the server's clock"
    return (Evidence(whose, _utc(clock.best), None, "clock"),)


def _no_exp(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
    read = token.token
    if read is None or read.expires is not None:
        return
    refused = _refused(signal, _GIVEN, Refusal.NO_EXPIRY)
    said = () if refused is None else (refused,)
    yield Judgement(
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


def _time_units(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(
        (*evidence, *(() if refused is None else (refused,))),
        severity=Severity.ERROR if errors and not _accepted(signal) else Severity.WARNING,
    )


def _mint_ahead(
    token: TokenFact | None = None,
    clock: ClockFact | None = None,
    signal: "SignalFact | None" = None,
    api: "ApiFact | None" = None,
    env: "EnvFact | None" = None,
) -> Iterator[Judgement]:
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
            judged = Judgement(
                (refused, *_clocks(clock)),
                title="The server calls a token premature that is not",
                cause=f"The token had begun when it was sent, by {_by_which(clock)}.",
                confidence=Confidence.LIKELY,
                fix=_COMPARE_CLOCKS,
            )
        if judged is not None and _clocks_decide(read, clock):
            judged = judged._replace(
                title="To the server's clock the token lies in the future",
                cause=_CLOCKS_DECIDE,
                confidence=Confidence.LIKELY,
                fix=(_SET_CLOCK,),
            )
        if judged is not None:
            yield judged
    elif refused is not None:
        yield Judgement((refused,))
    minted = _refused(signal, _MINTED, *why) or _call_refused(api, env, *why)
    if minted is not None:
        yield _minted_ahead(minted, clock)


def _minted_ahead(refused: Evidence, clock: ClockFact | None) -> Judgement:
    """A token of our own, which this machine's clock made."""
    judged = Judgement((refused,), title="This machine's clock is ahead of the server's")
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
) -> Judgement:
    by = ahead[0][1]
    hours = round(by / 3600)
    whole = 1 <= hours <= 14 and abs(by - hours * 3600) < 120
    evidence = tuple(
        _saw(name, f"{_utc(at)}, {_span(by)} ahead", f"at most {LEEWAY_S:.0f} s ahead")
        for name, by, at in ahead
    )
    return Judgement(
        (*evidence, *_clocks(clock), *(() if refused is None else (refused,))),
        cause=(
            f"The token begins {hours} whole hour{'s' if hours > 1 else ''} in the future: local time "
            "was written as if it were UTC."
            if whole
            else None
        ),
        confidence=Confidence.LIKELY if clock.server is None and refused is None else None,
    )


# ------------------------------------------------------------------ grants


def _faults(read: ReadToken, kind: GrantFault) -> tuple[GrantRead, ...]:
    return tuple(grant for grant in read.grants if grant.fault is kind)


_ESSENTIAL: Final = frozenset(
    {"roomJoin", "room", "video", "sub", "iss", "video.roomJoin", "video.room"}
)


def _misspelt(token: TokenFact) -> Iterator[Judgement]:
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
        yield Judgement(
            tuple(_saw(name, seen, meant) for name, seen, meant in wrong[:12]),
            severity=Severity.ERROR if essential else None,
        )
    if read.room_config_unknown:
        yield Judgement(
            tuple(
                _saw(f"roomConfig.{n}", "no server knows it") for n in read.room_config_unknown[:12]
            ),
            title="A setting in the token's roomConfig is one that servers do not know",
            cause="Servers from 1.8 to 1.12 refuse a token with such a setting; since 1.13 they ignore it.",
        )
    if cased:
        yield Judgement(
            tuple(_saw(m.name, m.says, m.meant) for m in cased[:12]),
            title="A claim is written in the wrong case",
            cause="Servers since 1.13 take a name in any case, and of two the last one counts; older ones "
            "compare it letter by letter and ignore the claim.",
        )
    folded = [g for g in read.grants if g.fault is None and g.meant]
    if folded:
        yield Judgement(
            tuple(_saw(f"{g.claim}.{g.name}", g.written, g.meant) for g in folded[:12]),
            title="A grant is written in the wrong case",
            cause="Servers since 1.13 take a name in any case; older ones compare it letter by letter and "
            "ignore the grant.",
        )
    sources = [
        (g, odd)
        for g in read.grants
        if (g.meant or g.name) == "canPublishSources"
        and isinstance(g.value, tuple)
        and (odd := [s for s in g.value if s not in SOURCES])
    ]
    for grant, odd in sources:
        yield Judgement(
            (_saw(f"{grant.claim}.{grant.name}", ", ".join(odd[:12]), ", ".join(SOURCES)),),
            title="A source in the token is one that servers do not know",
            cause="Servers take any text in canPublishSources and say nothing; publishing a track of a "
            "source that is not named there never answers.",
        )
    strange = [g for g in unknown if not g.meant]
    if strange:
        yield Judgement(
            tuple(_saw(f"{g.claim}.{g.name}", g.written) for g in strange[:12]),
            title="A grant that no server up to 1.13 knows",
            severity=Severity.INFO,
            confidence=Confidence.HINT,
        )


def _claim_type(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(tuple(evidence[:12]), severity=Severity.WARNING if _accepted(signal) else None)


def _expected_type(grant: GrantRead) -> str:
    from lkdoctor.tokens.grants import BY_CLAIM

    spec = BY_CLAIM.get(grant.claim, {}).get(grant.meant or grant.name)
    return str(spec.type) if spec is not None else "another type"


def _no_video(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    only = f"This token is for {' and '.join(others)} only." if others else None
    yield Judgement(tuple(evidence), cause=only)


def _no_join(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(tuple(evidence))


def _no_room(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
    read = token.token
    if read is None or read.room_bytes or read.video.get("roomJoin") is not True:
        return
    if any(g.name == "room" and g.fault is GrantFault.TYPE for g in read.grants):
        return  # token-claim-type
    refused = _refused(signal, _GIVEN, Refusal.NO_ROOM)
    seen = "empty" if "room" in read.video else "missing"
    said = () if refused is None else (refused,)
    old = (
        "The server joined a room named nothing, where nobody else is."
        if _accepted(signal)
        else None
    )
    yield Judgement((_saw("video.room", seen, "the room's name"), *said), cause=old)


def _no_identity(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(tuple(evidence))


def _limits(token: TokenFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(
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


def _in_room(token: TokenFact, api: "ApiFact") -> Iterator[Judgement]:
    read, listed = token.token, api.participants
    if read is None or listed is None or listed.kind != "participants" or listed.room != read.room:
        return
    for participant in listed.participants:
        if participant.identity == read.identity:
            since = f", since {_utc(participant.joined_at)}" if participant.joined_at else ""
            yield Judgement(
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


def _may_not_publish(token: TokenFact) -> Iterator[Judgement]:
    read = token.token
    if read is None:
        return
    off = _off(token, "canPublish")
    if off is not None:
        yield Judgement(
            (_saw(f"video.{off.name}", "false", "true, or absent"), *_of_role(token)),
            severity=_for_people(token),
        )
        return
    sources = read.video.get("canPublishSources")
    if read.video.get("roomJoin") is not True or not isinstance(sources, tuple) or not sources:
        return
    if not set(_SOURCES) & set(sources):  # audio alone is a choice
        yield Judgement(
            (
                _saw("video.canPublishSources", ", ".join(sources)[:200], " or ".join(_SOURCES)),
                *_of_role(token),
            ),
            title="The holder may publish neither camera nor microphone",
            severity=_for_people(token),
        )


def _may_not_subscribe(token: TokenFact) -> Iterator[Judgement]:
    off = _off(token, "canSubscribe")
    if off is not None:
        yield Judgement(
            (_saw(f"video.{off.name}", "false", "true, or absent"), *_of_role(token)),
            severity=_for_people(token),
        )


def _unseen(token: TokenFact) -> Iterator[Judgement]:
    read = token.token
    if read is None or read.video.get("roomJoin") is not True:
        return
    on = [name for name in ("hidden", "recorder") if read.video.get(name) is True]
    if on:
        yield Judgement(
            (*(_saw(f"video.{name}", "true", "absent") for name in on), *_of_role(token)),
            title=None if "hidden" in on else "The holder joins as a recorder",
            severity=_for_people(token),
        )


# ------------------------------------------------------------------ how it is sent


def _auth_header(url: "UrlFact", signal: "SignalFact | None" = None) -> Iterator[Judgement]:
    if url.result.kind != "parsed" or not url.result.userinfo:
        return
    said = _refused(signal, _GIVEN, Refusal.BAD_HEADER) or _refused(
        signal, _MINTED, Refusal.BAD_HEADER
    )
    yield Judgement(
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


def _prefetched(token: TokenFact, clock: ClockFact) -> Iterator[Judgement]:
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
    yield Judgement((_saw("lifetime", f"{_span(life)}, {state}"), *_clocks(clock)))


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


# ------------------------------------------------------------------ examples

NOON: Final = 1_790_000_000.0
"""`lkdoctor.rules.examples.NOON`; that module knows every layer, and is only loaded for examples."""


_GOOD: Final = ReadToken(
    alg="HS256",
    issuer="APIex…9Qm",
    issuer_is_key=True,
    signature=Signature(
        SignatureState.VALID, "LIVEKIT_API_SECRET (.env.local:3)", key_matches=True
    ),
    identity="alice",
    identity_bytes=5,
    name="Alice",
    room="demo",
    room_bytes=4,
    expires=Moment(f"{NOON + 3600:.0f}", TimeForm.INTEGER, NOON + 3600),
    not_before=Moment(f"{NOON - 60:.0f}", TimeForm.INTEGER, NOON - 60),
    issued_at=None,
    has_video=True,
    grants=(
        GrantRead("video", "roomJoin", value=True, written="true"),
        GrantRead("video", "room", "demo", '"demo"'),
    ),
    claim_names=("name", "video", "sub", "iss", "nbf", "exp"),
)


def _fact(reading: ReadToken | Unreadable, *, secret: int = 44) -> TokenFact:
    return TokenFact(
        origin="LIVEKIT_TOKEN (.env.local:4)",
        text=TokenText(412, Around.NOTHING, "", reading),
        secret_bytes=secret,
    )


def _example(
    reading: ReadToken | Unreadable, said: str = "", status: int = 401, *, secret: int = 44
) -> Callable[[], Facts]:
    """A run that had this token, and asked the server about it where ``said`` is its answer."""

    def facts() -> Facts:
        from lkdoctor.facts.signal import Validation, Whose
        from lkdoctor.rules.examples import answer, healthy

        fine = healthy()
        signal = fine.signal
        if said and signal is not None:
            told = answer(status, said, content_type="text/plain; charset=utf-8")
            asked = Validation(Whose.GIVEN, "/rtc/validate", told)
            signal = signal._replace(validations=(asked, *signal.validations))
        return fine._replace(token=_fact(reading, secret=secret), signal=signal)

    return facts


def _example_in_room() -> Facts:
    from lkdoctor.facts.api import ApiFact, ParticipantInfo, ParticipantsListed, Permission

    alice = ParticipantInfo(
        identity="alice",
        name="Alice",
        sid="PA_a1B2c3D4e5F6",
        state="ACTIVE",
        joined_at=NOON - 60,
        kind_of="STANDARD",
        permission=Permission(can_subscribe=True, can_publish=True, can_publish_data=True),
    )
    fine = _HEALTHY()
    there = ParticipantsListed("demo", (alice,))
    api = (fine.api or ApiFact())._replace(participants=there, room_asked="demo")
    return fine._replace(api=api)


def _with_user() -> Facts:
    """A URL that brings a log-in of its own."""
    from lkdoctor.rules.examples import healthy

    fine = healthy()
    if fine.url is None or fine.url.result.kind != "parsed":
        return fine
    raw = f"wss://<redacted>@{fine.url.result.host}"
    url = fine.url._replace(raw=raw, result=fine.url.result._replace(userinfo=True))
    return fine._replace(url=url)


def _time(seconds: float, written: str | None = None) -> Moment:
    return Moment(written or f"{seconds:.0f}", TimeForm.INTEGER, seconds)


_HEALTHY: Final = _example(_GOOD, "success", 200)


def _video(*grants: GrantRead) -> ReadToken:
    return _GOOD._replace(
        grants=grants,
        room="demo" if any(g.name == "room" for g in grants) else "",
        room_bytes=4 if any(g.name == "room" for g in grants) else 0,
    )


_JOIN: Final = GrantRead("video", "roomJoin", value=True, written="true")
_ROOM: Final = GrantRead("video", "room", "demo", '"demo"')

_DECODE_AGAIN: Final = FixStep("Look at it again:", command="lkdoctor token decode -")
_MINT: Final = FixStep(
    "Mint one that is right, to compare:", command="lkdoctor token --booking ID --user ID"
)
_MINT_JS: Final = Snippet(
    "js",
    "const at = new AccessToken(apiKey, apiSecret, { identity: user.id, ttl: '10m' });\n"
    "at.addGrant({ roomJoin: true, room });\n"
    "const token = await at.toJwt();",
)
_INVALID: Final = "could not establish signal connection: invalid token: …, error: "
_VERIFIER: Final = "livekit/protocol auth/verifier.go"

RULES: Final = (
    Rule(
        code="token-not-jwt",
        check="token.form",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="What is sent as token is no token",
        symptoms=(
            "could not establish signal connection: invalid authorization token",
            "access token has invalid characters",
        ),
        cause="A token is three base64url parts with dots between them, and nothing else. What is sent "
        "here is something that took its place: a promise that was not awaited, an unset variable, a "
        "page or a JSON document of the token endpoint, or a token with quotes, blanks or Bearer around it.",
        how="The text is read part by part as servers do, and what it is instead is recognised.",
        fix=(
            FixStep(
                "Pass exactly the string that the minting call returns, awaited.", snippet=_MINT_JS
            ),
            _DECODE_AGAIN,
        ),
        source="livekit-server pkg/service/auth.go, livekit/node-sdks#115, RFC 7515 section 3.1",
        judge=_not_jwt,
        sick=_example(Unreadable(Fault.PROMISE, ""), "invalid authorization token"),
        healthy=_HEALTHY,
        explains=("token-bad-signature", "token-claim-type", "token-time-units"),
        related=("token-claim-type",),
    ),
    Rule(
        code="token-alg",
        check="token.signature",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token is not signed with HS256",
        symptoms=(f"{_INVALID}token signature is invalid: signing method RS256 is invalid",),
        cause="LiveKit tokens are signed with HS256 and the API secret. Servers since 1.13 refuse every "
        "other algorithm, older ones all but HS384 and HS512. A token with RS256 or ES256 usually is the "
        "log-in token of Clerk, Supabase, Convex or another identity provider.",
        how="The alg of the token's header.",
        fix=(
            FixStep(
                "Mint a LiveKit token on your backend, after checking the log-in token there.",
                snippet=_MINT_JS,
            ),
            _MINT,
        ),
        source=f"{_VERIFIER} (allowedSigningMethods)",
        judge=_algorithm,
        sick=_example(
            _GOOD._replace(
                alg="RS256", signature=Signature(SignatureState.NOT_HMAC), issuer="https…dev"
            ),
            "invalid token: <token>, error: token signature is invalid: signing method RS256 is invalid",
        ),
        healthy=_HEALTHY,
        explains=(
            "token-bad-signature",
            "token-unknown-key",
            "token-no-video-grant",
            "token-grant-misspelt",
        ),
        related=("token-bad-signature",),
    ),
    Rule(
        code="token-unknown-key",
        check="token.signature",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The server does not know the token's API key",
        symptoms=(
            "could not establish signal connection: invalid API key",
            "invalid API key for domain",
        ),
        cause="The token's iss names the API key, and the server looks the secret up by it. This key is "
        "not among the server's: it belongs to another project or server, was deleted, or iss is missing.",
        how="The server's 401, or iss against the API key that is configured here.",
        fix=(
            FixStep(
                "Take URL, API key and secret from one project's page (or one server's keys:)."
            ),
            FixStep(
                "See what is configured, and where it comes from:", command="lkdoctor check-env"
            ),
        ),
        source="livekit-server pkg/service/auth.go, openimsdk/open-im-server#3397",
        judge=_unknown_key,
        sick=_example(_GOOD._replace(issuer_is_key=False), "invalid API key: APIother"),
        healthy=_HEALTHY,
        explains=("token-bad-signature",),
        related=("env-project-mismatch", "env-cloud-key-on-local-server"),
    ),
    Rule(
        code="token-bad-signature",
        check="token.signature",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token is signed with another secret",
        symptoms=(
            f"{_INVALID}token signature is invalid: signature is invalid",
            "invalid token: …, error: go-jose/go-jose: error in cryptographic primitive",
        ),
        cause="The secret that signed the token is not the one that the server holds for this API key: it "
        "was rotated, belongs to another deployment, or changed on its way (a blank, a quote, a line end, "
        "base64).",
        how="The HMAC is computed with the secret at hand and with the ways in which secrets get distorted; "
        "without a secret the server's 401 decides.",
        fix=(
            _SAME_BYTES,
            FixStep(
                "See where the secret here comes from:", command="lkdoctor check-env --show-origin"
            ),
        ),
        source=f"{_VERIFIER}, livekit/livekit#3109, wlphi/ess-docker-compose#20",
        judge=_bad_signature,
        sick=_example(
            _GOOD._replace(
                signature=Signature(SignatureState.WRONG, "LIVEKIT_API_SECRET", key_matches=True)
            ),
            "invalid token: <token>, error: token signature is invalid: signature is invalid",
        ),
        healthy=_HEALTHY,
        related=("env-secret-altered", "env-value-dirty", "token-unknown-key"),
    ),
    Rule(
        code="token-secret-too-short",
        check="token.signature",
        layer=Layer.TOKEN,
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        title="The API secret is shorter than 32 bytes",
        symptoms=("apiSecret must be at least 256 bits (32 bytes)", "secret is too short"),
        cause="The server takes a short secret (and writes a line to its log), but SDKs for .NET, Java and "
        "others refuse to sign with it, and it can be guessed from any token.",
        how="The length of the secret that is configured here.",
        fix=(
            FixStep(
                "Generate a pair and put it into keys: of the server and into the app.",
                command="livekit-server generate-keys",
            ),
        ),
        source="RFC 7518 section 3.2, pabloFuente/livekit-server-sdk-dotnet#28, livekit-server config.go",
        judge=_short_secret,
        sick=_example(_GOOD, "success", 200, secret=16),
        healthy=_HEALTHY,
    ),
    Rule(
        code="token-time-units",
        check="token.time",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A time in the token is not in seconds since 1970",
        symptoms=("the token expires at once, or never", "token is expired", "not valid yet"),
        cause="exp, nbf and iat are whole seconds since 1970 in UTC. Date.now() gives milliseconds; a text "
        "or a lifetime in place of a time is refused or misread, by some versions only.",
        how="The kind and the size of each time in the token.",
        fix=(
            FixStep(
                "Write seconds.", snippet=Snippet("js", "exp: Math.floor(Date.now() / 1000) + 600")
            ),
            FixStep("Or let the SDK do it:", snippet=_MINT_JS),
        ),
        source="RFC 7519 section 2 (NumericDate); measured with livekit-server 1.5 to 1.13",
        judge=_time_units,
        sick=_example(
            _GOOD._replace(not_before=_time(NOON * 1000)),
            "invalid token: <token>, error: token has invalid claims: token is not valid yet",
        ),
        healthy=_HEALTHY,
        explains=("token-expired", "clock-mint-ahead"),
        related=("token-expired", "clock-mint-ahead"),
    ),
    Rule(
        code="token-expired",
        check="token.time",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token has expired",
        symptoms=(
            f"{_INVALID}token has invalid claims: token is expired",
            "Could not fetch region settings: … 401",
        ),
        cause="Its exp lies in the past. It was minted too early (at page load, at build time), stored, or "
        "by a machine whose clock is behind. Only joining looks at it: who is connected gets fresh ones.",
        how="exp against the server's clock where it is known, else this machine's, with the 60 s that "
        "servers forgive; or the server's 401.",
        fix=(
            FixStep(
                "Mint when the user clicks Join, not before; a lifetime of minutes is enough then."
            ),
            FixStep("Mint a fresh one:", command="lkdoctor token --booking ID --user ID"),
        ),
        source=f"{_VERIFIER} (tokenLeeway), livekit/livekit#2470, livekit-examples/agent-starter-react#235",
        judge=_expired,
        sick=_example(
            _GOOD._replace(expires=_time(NOON - 7380)),
            "invalid token: <token>, error: token has invalid claims: token is expired",
        ),
        healthy=_HEALTHY,
        explains=("signal-refused", "api-refused", "token-prefetched-short-ttl"),
        related=("token-time-units", "clock-server-wrong", "token-prefetched-short-ttl"),
    ),
    Rule(
        code="token-no-exp",
        check="token.time",
        layer=Layer.TOKEN,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="The token never ends",
        symptoms=("works today, 401 after a server upgrade",),
        cause="Without exp every server up to 1.13.5 takes the token for ever, whoever has it; later ones "
        "refuse it (exp claim is required).",
        how="The token has no exp.",
        fix=(FixStep("Set exp (SDKs do), some minutes ahead.", snippet=_MINT_JS), _MINT),
        source=f"{_VERIFIER} (change of 2026-08-10), livekit/client-sdk-js#2057",
        judge=_no_exp,
        sick=_example(_GOOD._replace(expires=None), "success", 200),
        healthy=_HEALTHY,
    ),
    Rule(
        code="clock-mint-ahead",
        check="token.time",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token was made by a clock ahead of the server's",
        symptoms=(
            f"{_INVALID}token has invalid claims: token is not valid yet",
            "token not valid yet (nbf)",
            "works on the second try",
        ),
        cause="The token's nbf (for servers before 1.13 also its iat) lies more than 60 s ahead of the "
        "server's clock: the clock of the machine that mints is ahead, after a sleep, in a VM, in WSL or "
        "with a wrong time zone.",
        how="nbf and iat against the server's Date header where there is one, else this machine's clock; or "
        "the server's 401.",
        fix=(
            FixStep(
                "Set the clock of the machine that mints by NTP.",
                command="timedatectl set-ntp true",
            ),
            FixStep("Do not back-date nbf: that hides the fault until exp is hit."),
        ),
        source=f"{_VERIFIER} (tokenLeeway), livekit/livekit#2394",
        judge=_mint_ahead,
        sick=_example(
            _GOOD._replace(not_before=_time(NOON + 94)),
            "invalid token: <token>, error: token has invalid claims: token is not valid yet",
        ),
        healthy=_HEALTHY,
        explains=("api-refused",),
        related=("clock-server-wrong", "token-time-units"),
    ),
    Rule(
        code="token-grant-misspelt",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="A name in the token is one that servers do not know",
        symptoms=("permissions denied", "no permissions to access the room", "no room name"),
        cause="Servers pass over a name that they do not know, in silence: the grant counts as never given, "
        "and its default applies. The names are in camelCase (roomJoin, canPublish) and stand inside video.",
        how="Every name in the token against the names that servers read.",
        fix=(
            FixStep(
                "Write the name as expected above, or let an SDK write the token.", snippet=_MINT_JS
            ),
            _DECODE_AGAIN,
        ),
        source="livekit/protocol auth/grants.go; measured with livekit-server 1.5 to 1.13",
        judge=_misspelt,
        sick=_example(
            _video(
                GrantRead("video", "room_join", None, "true", GrantFault.UNKNOWN, "roomJoin"), _ROOM
            ),
            "permissions denied",
        ),
        healthy=_HEALTHY,
        explains=(
            "token-roomjoin-missing",
            "token-room-missing",
            "token-no-video-grant",
            "token-identity-missing",
            "token-unknown-key",
        ),
        related=("token-roomjoin-missing", "token-room-missing"),
    ),
    Rule(
        code="token-claim-type",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A value in the token has the wrong type",
        symptoms=(
            "invalid token: …, error: token is malformed: could not JSON decode claim",
            "invalid authorization token",
        ),
        cause='Servers read each value into a fixed type: true is not "true", and an identity is a text even '
        "where the database has a number. One wrong value makes them refuse the whole token.",
        how="The JSON type of every value that servers read.",
        fix=(FixStep("Write booleans without quotes and ids as text.", snippet=_MINT_JS),),
        source="livekit/protocol auth/grants.go; measured with livekit-server 1.5 to 1.13",
        judge=_claim_type,
        sick=_example(
            _video(GrantRead("video", "roomJoin", None, '"true"', GrantFault.TYPE), _ROOM),
            "invalid token: <token>, error: token is malformed: could not JSON decode claim: json: cannot "
            "unmarshal string",
        ),
        healthy=_HEALTHY,
        explains=("token-roomjoin-missing",),
        related=("token-roomjoin-missing",),
    ),
    Rule(
        code="token-no-video-grant",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token has no video grant",
        symptoms=("could not establish signal connection: no permissions to access the room",),
        cause="The video claim is missing: addGrant was never called, the grants stand at the top level, or "
        "the token is for another service (SIP, agents, inference).",
        how="The token has no object named video.",
        fix=(FixStep("Add the grant.", snippet=_MINT_JS), _MINT),
        source="livekit-server pkg/service/rtcservice.go, auth.go",
        judge=_no_video,
        sick=_example(
            _GOOD._replace(has_video=False, grants=(), room="", room_bytes=0),
            "no permissions to access the room",
        ),
        healthy=_HEALTHY,
        related=("token-grant-misspelt",),
    ),
    Rule(
        code="token-roomjoin-missing",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token does not allow joining",
        symptoms=("could not establish signal connection: permissions denied",),
        cause="video.roomJoin is not true. A token for the server API (roomAdmin, roomCreate) does not join "
        "a room, and a misspelt room_join is passed over in silence.",
        how="The value of video.roomJoin.",
        fix=(FixStep("Grant it.", snippet=_MINT_JS), _MINT),
        source="livekit-server pkg/service/auth.go (EnsureJoinPermission)",
        judge=_no_join,
        sick=_example(
            _video(_JOIN._replace(value=False, written="false"), _ROOM), "permissions denied"
        ),
        healthy=_HEALTHY,
        related=("token-grant-misspelt", "token-claim-type"),
    ),
    Rule(
        code="token-room-missing",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token names no room",
        symptoms=(
            "Encountered websocket error during connection establishment",
            "no room name",
        ),
        cause="video.room is missing or empty: the variable was not set (JSON drops undefined), or the key "
        "is called roomName. Servers since 1.9 refuse it with a 400 that browsers hide; older ones and "
        "Cloud join a room without a name, where nobody is.",
        how="The value of video.room while roomJoin is true.",
        fix=(FixStep("Name the room in the grant.", snippet=_MINT_JS), _MINT),
        source="livekit-server pkg/service/utils.go, livekit/livekit#3566",
        judge=_no_room,
        sick=_example(_video(_JOIN), "no room name", 400),
        healthy=_HEALTHY,
        explains=("signal-400-hidden",),
        related=("token-grant-misspelt", "room-name-mismatch"),
    ),
    Rule(
        code="token-identity-missing",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token names nobody",
        symptoms=(
            "Encountered websocket error during connection establishment",
            "identity cannot be empty",
        ),
        cause="The identity is the claim sub (or jti). It is missing or empty: the user's id was not set, or "
        "stands in a claim named identity, which servers overwrite.",
        how="The token has neither sub nor jti.",
        fix=(FixStep("Give the identity when minting.", snippet=_MINT_JS), _MINT),
        source=f"{_VERIFIER}, livekit-server pkg/service/utils.go",
        judge=_no_identity,
        sick=_example(
            _GOOD._replace(identity="", identity_bytes=0, claim_names=("video", "iss", "exp")),
            "identity cannot be empty",
            400,
        ),
        healthy=_HEALTHY,
        explains=("signal-400-hidden",),
        related=("token-claim-type",),
    ),
    Rule(
        code="token-limits",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="Something in the token is longer than the server takes",
        symptoms=(
            "Encountered websocket error during connection establishment",
            "room name length exceeds limits: max length 256",
            "participant identity length exceeds limits: max length 256",
        ),
        cause="By default a room name and an identity have at most 256 bytes of UTF-8, metadata 512 KiB and "
        "attributes 64 KiB (the last two are looked at when joining, since 1.13.2).",
        how="The length of each in bytes; the server's own limit: may differ.",
        fix=(FixStep("Use ids as names, and keep long data in the app's database."),),
        source="livekit-server config.go (limit), livekit/livekit#4602, livekit/livekit#2850",
        judge=_limits,
        sick=_example(
            _GOOD._replace(room="r" * 257, room_bytes=257),
            "room name length exceeds limits: max length 256",
            400,
        ),
        healthy=_HEALTHY,
        explains=("signal-400-hidden",),
        related=("name-refused",),
    ),
    Rule(
        code="identity-in-room",
        check="api.room",
        layer=Layer.TOKEN,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="Somebody with this identity is in the room now",
        symptoms=("Disconnected with DUPLICATE_IDENTITY",),
        cause="An identity can be in a room once: joining with this token disconnects who is there. "
        "That is right for a reload of the page, and wrong where two people, tabs or devices share "
        "an identity: they throw each other out in a loop.",
        how="ListParticipants of the token's room names its identity.",
        fix=(
            FixStep(
                "See since when, and what is published from there:",
                command="lkdoctor rooms show ROOM",
            ),
            FixStep("Where two connections are meant, append something random to the identity."),
        ),
        source="livekit-server pkg/rtc/room.go (removing duplicate participant), livekit/agents#236, "
        "livekit/livekit#4620",
        judge=_in_room,
        sick=_example_in_room,
        healthy=_HEALTHY,
        related=("identity-collision",),
    ),
    Rule(
        code="token-publish-denied",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="The holder may not publish audio or video",
        symptoms=(
            "failed to publish track, insufficient permissions",
            "publication of local track timed out",
            "no permission to publish mediaTrack",
        ),
        cause="The holder gets in, and nobody hears or sees him: canPublish is false, or canPublishSources "
        "lists other sources than his, which counts before canPublish. Older clients and the Python SDK "
        "wait for an answer that never comes, which looks like connecting. That is right for who only "
        "watches.",
        how="The grants of the token. It is a warning where the token is for the provider or the client of "
        "a booking.",
        fix=(
            FixStep(
                "Allow it when minting, and leave canPublishSources out where it is not needed:",
                snippet=Snippet(
                    "json", '"video": {"roomJoin": true, "room": "ROOM", "canPublish": true}'
                ),
            ),
            FixStep(
                "Or allow it to who is in the room already:",
                command="lk room participants update --room ROOM --identity IDENTITY "
                '--permissions \'{"can_publish": true, "can_subscribe": true, "can_publish_data": true}\'',
            ),
        ),
        source="livekit/protocol auth/grants.go (GetCanPublishSource), livekit/client-sdk-js#1418, "
        "livekit/client-sdk-js#1420, livekit/livekit#1590",
        judge=_may_not_publish,
        sick=_example(
            _video(_JOIN, _ROOM, GrantRead("video", "canPublish", value=False, written="false")),
            "success",
            200,
        ),
        healthy=_HEALTHY,
        related=("token-subscribe-denied", "token-hidden-or-recorder"),
    ),
    Rule(
        code="token-subscribe-denied",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="The holder may not hear or see anybody",
        symptoms=("participants are listed, and no track is ever subscribed",),
        cause="The holder gets in and sees who is there, and gets no audio or video: canSubscribe is false. "
        "That is right for who only sends.",
        how="The grants of the token. It is a warning where the token is for the provider or the client of "
        "a booking.",
        fix=(
            FixStep(
                "Allow it when minting, or leave the grant out, which allows it:",
                snippet=Snippet(
                    "json", '"video": {"roomJoin": true, "room": "ROOM", "canSubscribe": true}'
                ),
            ),
        ),
        source="livekit/protocol auth/grants.go (GetCanSubscribe), livekit/client-sdk-swift#416, "
        "livekit/components-js#875",
        judge=_may_not_subscribe,
        sick=_example(
            _video(_JOIN, _ROOM, GrantRead("video", "canSubscribe", value=False, written="false")),
            "success",
            200,
        ),
        healthy=_HEALTHY,
        related=("token-publish-denied",),
    ),
    Rule(
        code="token-hidden-or-recorder",
        check="token.grants",
        layer=Layer.TOKEN,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="The holder joins unseen by the others",
        symptoms=(
            "I am connected, but nobody sees me",
            "the agent never greets anybody",
        ),
        cause="hidden keeps a participant out of everybody's list, and an agent that waits for somebody "
        "waits for ever; recorder makes the room count as being recorded, and takes no place in it. Both "
        "are for supervisors and egress, and are often copied from an example.",
        how="The grants of the token. It is a warning where the token is for the provider or the client of "
        "a booking.",
        fix=(FixStep("Leave hidden and recorder out of tokens for people."), _MINT),
        source="livekit/protocol auth/grants.go, livekit-server pkg/rtc/room.go, livekit/livekit#4052",
        judge=_unseen,
        sick=_example(
            _video(_JOIN, _ROOM, GrantRead("video", "hidden", value=True, written="true")),
            "success",
            200,
        ),
        healthy=_HEALTHY,
        related=("token-publish-denied",),
    ),
    Rule(
        code="token-auth-header",
        check="url.form",
        layer=Layer.TOKEN,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="The URL's user and password take the token's place",
        symptoms=(
            "could not establish signal connection: invalid authorization header. Must start with Bearer",
            "invalid authorization header. Must start with Bearer",
        ),
        cause="A URL with user:password@ makes browsers and HTTP libraries send Authorization: Basic. "
        "LiveKit reads that header before the access_token of the query, and it is no bearer token: 401. "
        "SDKs that drop this part of the URL, or send the token in the header, get through.",
        how="The URL has user information; the server's own words make it certain.",
        fix=(
            FixStep("Take user and password out of the URL: LiveKit has no such log-in."),
            FixStep(
                "If a gate in front asks for them, let /rtc and /twirp pass it; the token is the log-in there."
            ),
        ),
        source="RFC 9110 §4.2.4, livekit-server pkg/service/auth.go (the header counts before the query)",
        judge=_auth_header,
        sick=_with_user,
        healthy=_HEALTHY,
        explains=("signal-refused", "url-path"),
        related=("token-not-jwt",),
    ),
    Rule(
        code="token-prefetched-short-ttl",
        check="token.time",
        layer=Layer.TOKEN,
        severity=Severity.INFO,
        confidence=Confidence.HINT,
        title="A short-lived token that was fetched some time ago",
        symptoms=("the first click after a pause fails, reloading the page helps",),
        cause="The token lives a quarter of an hour at most, and its time is (nearly) over: the app fetches it "
        "when the page loads or keeps it, and the user joins later.",
        how="exp and nbf (or iat) lie at most 15 minutes apart, and less than a minute is left.",
        fix=(
            FixStep("Fetch the token when the user clicks Join, and a new one for every attempt."),
        ),
        source="livekit-examples/agent-starter-react#235, livekit/components-js#1309",
        judge=_prefetched,
        sick=_example(_GOOD._replace(expires=_time(NOON + 30), not_before=_time(NOON - 570))),
        healthy=_example(_GOOD._replace(expires=_time(NOON + 570), not_before=_time(NOON - 30))),
        related=("token-expired",),
    ),
)
