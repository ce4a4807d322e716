"""Whether the values that connect an app to LiveKit are there, clean, consistent and private."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor import digits
from lkdoctor.config.resolve import CANONICAL, FOLDER, Kind, Meaning
from lkdoctor.facts.env import (
    ALTERING,
    EnvFact,
    Fault,
    FaultKind,
    Looks,
    TokenMatch,
    Variable,
    value_faults,
)
from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.rules.base import Advice, Check, Seen, Unsure, cause

if TYPE_CHECKING:  # check-env judges without these layers and does not pay for them
    from lkdoctor.facts.api import ApiFact
    from lkdoctor.facts.network import NetworkFact
    from lkdoctor.facts.server import Exchange, ServerFact
    from lkdoctor.facts.server_config import ServerConfigFact
    from lkdoctor.facts.signal import SignalFact
    from lkdoctor.facts.token import TokenFact

NEEDED: Final = (Meaning.URL, Meaning.API_KEY, Meaning.API_SECRET)
_WORDS: Final = {
    Meaning.URL: "the URL",
    Meaning.API_KEY: "the API key",
    Meaning.API_SECRET: "the API secret",
    Meaning.TOKEN: "the token",
}
_CHOSEN: Final = (Kind.OPTION,)


def _used(env: EnvFact, meanings: Iterable[Meaning] = tuple(Meaning)) -> Iterator[Variable]:
    """The values that count, those with a public prefix included."""
    wanted = set(meanings)
    return (v for v in env.variables if v.used and v.meaning in wanted)


def _what(variable: Variable) -> str:
    """A value as evidence shows it."""
    if variable.looks is Looks.EMPTY:
        return "empty" if variable.length == 0 else "nothing but blanks"
    if variable.shown:
        return variable.shown
    named = f", id {variable.id}" if variable.id else ""
    return f"set, {variable.length} characters{named}"


def _seen(variable: Variable, *, expected: str | None = None) -> Evidence:
    return Evidence(
        f"{variable.name} ({variable.origin})", _what(variable), expected=expected, source="env"
    )


# env-file-unreadable


def _file_unreadable(env: EnvFact) -> Iterator[Seen]:
    # Where a value is missing that such a file may hold, it is the likeliest reason.
    severity = Severity.ERROR if _absent_meanings(env) else None
    for place in env.places:
        if place.problem is not None:
            yield Seen(
                evidence=(Evidence(place.label, place.problem, "a text file in UTF-8", "env"),),
                case="not-looked-into" if place.problem.startswith(_UNUSUAL) else "unreadable",
                values={"file": place.label},
                severity=severity,
                location=place.label,
            )
        for line in place.unread_lines:
            yield Seen(
                evidence=(
                    Evidence(f"{place.label}:{line}", "not NAME=value", "NAME=value", "env"),
                ),
                case="line",
                values={"line": str(line), "file": place.label},
                severity=severity,
                location=f"{place.label}:{line}",
            )


_UNUSUAL: Final = ("larger than", "more than", "is not a regular file")
"""What an app may read all the same."""


# env-missing


def _absent_meanings(env: EnvFact) -> list[Meaning]:
    return [m for m in NEEDED if (v := env.used(m)) is None or v.looks is Looks.EMPTY]


def _missing(env: EnvFact) -> Iterator[Seen]:
    absent = _absent_meanings(env)
    token = env.used(Meaning.TOKEN)
    with_token = token is not None and token.looks is not Looks.EMPTY
    pair_absent = Meaning.API_KEY in absent and Meaning.API_SECRET in absent
    if absent and not (with_token and pair_absent and Meaning.URL not in absent):
        yield _absent(env, absent, pair_absent=pair_absent)
    for variable in env.variables:
        if variable.typo_of is not None and variable.meaning not in absent:
            yield _stray(variable)


def _absent(env: EnvFact, absent: list[Meaning], *, pair_absent: bool) -> Seen:
    names = [CANONICAL[meaning] for meaning in absent]
    near = [v for v in env.variables if v.typo_of is not None and v.meaning in absent]
    evidence: list[Evidence] = []
    for meaning in absent:
        empty = env.used(meaning)
        if empty is None:
            evidence.append(Evidence(CANONICAL[meaning], "not set", "set", "env"))
        else:
            evidence.append(_seen(empty, expected="a value"))
        evidence += [
            Evidence(f"{v.name} ({v.origin})", "set, but hidden by the empty value", source="env")
            for v in env.variables
            if v.meaning is meaning and v.hidden_by is not None and v.looks is not Looks.EMPTY
        ]
    evidence += [
        Evidence(f"{v.name} ({v.origin})", "set, but no SDK reads this name", v.typo_of, "env")
        for v in near
    ]
    evidence.append(Evidence("looked in", _places(env), source="env"))
    url = env.used(Meaning.URL)
    # A URL on the command line alone: somebody looks at a server, nothing is wrong with an app.
    dialling = pair_absent and url is not None and url.source in _CHOSEN
    case = "all" if len(names) == 3 and not near else "one" if len(names) == 1 else "some"
    return Seen(
        evidence=tuple(evidence),
        case=f"{case} url" if absent == [Meaning.URL] else case,
        values={"name": names[0], "count": str(len(names))},
        steps=(
            *(Advice("rename", {"name": v.name, "right": str(v.typo_of)}) for v in near),
            *(() if near and len(near) >= len(absent) else (_set_them(absent),)),
            Advice("look-again"),
        ),
        severity=Severity.INFO if dialling else None,
        location=near[0].location if near else None,
    )


# env-lk-default-localhost


def _lk_localhost(env: EnvFact) -> Iterator[Seen]:
    key, secret = env.used(Meaning.API_KEY), env.used(Meaning.API_SECRET)
    url = env.used(Meaning.URL)
    if any(v is None or v.looks is Looks.EMPTY for v in (key, secret)):
        return
    if any(v.name == CANONICAL[Meaning.URL] and v.looks is not Looks.EMPTY for v in _used(env)):
        return
    if url is not None and url.source in _CHOSEN:
        return
    seen = () if url is None else (_seen(url, expected=f"{CANONICAL[Meaning.URL]}"),)
    yield Seen(
        (
            Evidence(CANONICAL[Meaning.URL], "not set under this name", "set", "env"),
            *seen,
            *(_seen(v) for v in (key, secret) if v is not None),
        )
    )


def _set_them(absent: list[Meaning]) -> Advice:
    samples = {
        Meaning.URL: "LIVEKIT_URL=wss://YOUR-PROJECT.livekit.cloud",
        Meaning.API_KEY: "LIVEKIT_API_KEY=API…",
        Meaning.API_SECRET: "LIVEKIT_API_SECRET=…",
    }
    return Advice("set", {"lines": "\n".join(samples[m] for m in absent if m in samples)})


def _stray(variable: Variable) -> Seen:
    same = (
        f"same value as {CANONICAL[variable.meaning]}"
        if variable.same
        else f"another value than {CANONICAL[variable.meaning]}"
    )
    return Seen(
        evidence=(Evidence(f"{variable.name} ({variable.origin})", same, variable.typo_of, "env"),),
        case="stray",
        values={"name": variable.name, "right": str(variable.typo_of)},
        location=variable.location,
    )


def _places(env: EnvFact) -> str:
    found = [place.label for place in env.places if place.found]
    absent = [place.label for place in env.places if not place.found]
    there = ", ".join(found) or "nothing"
    return f"{there} (not there: {', '.join(absent)})" if absent else there


# env-placeholder


def _placeholder(
    env: EnvFact, url: UrlFact | None = None, token: "TokenFact | None" = None
) -> Iterator[Seen]:
    never_set = url is not None and isinstance(url.result, UnusableUrl)
    for variable in _used(env):
        if variable.looks not in _NO_VALUE or _from_outside(variable):
            continue
        if variable.meaning is Meaning.URL and never_set:
            continue  # `undefined` and the like: url-invalid-hang says what that does
        if variable.meaning is Meaning.TOKEN and token is not None:
            continue  # token-not-jwt says which slip it is
        yield Seen(
            evidence=(_seen(variable, expected=f"{_WORDS[variable.meaning]} of your project"),),
            case=f"{_NO_VALUE[variable.looks]} {_KINDS[variable.meaning]}",
            values={"name": variable.name, "place": variable.origin},
            location=variable.location,
        )


_NO_VALUE: Final = {Looks.PLACEHOLDER: "sample", Looks.REFERENCE: "reference"}

_KINDS: Final = {
    Meaning.URL: "url",
    Meaning.API_KEY: "key",
    Meaning.API_SECRET: "secret",
    Meaning.TOKEN: "token",
}
"""The case of each kind of value."""

# env-reference-outside


def _from_outside(variable: Variable) -> bool:
    return any(fault.what is FaultKind.LINE_OUTSIDE for fault in variable.faults)


def _reference_outside(env: EnvFact) -> Iterator[Seen]:
    for variable in _used(env):
        place = f"{variable.name} ({variable.origin})"
        file = variable.origin.rpartition(":")[0]
        for fault in variable.faults:
            if fault.what is FaultKind.LINE_OUTSIDE:
                yield Seen(
                    evidence=(
                        Evidence(place, f"names {fault.detail}", f"set in {file} above", "env"),
                    ),
                    case="outside" if variable.meaning is Meaning.URL else "outside unseen",
                    values={"name": variable.name, "place": variable.origin},
                    location=variable.location,
                )
            elif fault.what is FaultKind.LINE_OTHERWISE:
                yield Seen(
                    evidence=(
                        Evidence(place, f"names {fault.detail}", "set in one place alone", "env"),
                    ),
                    case="twice unseen",
                    values={"name": variable.name, "place": variable.origin},
                    location=variable.location,
                )


# env-value-dirty

_OF_LINE: Final = frozenset(
    {FaultKind.LINE_BLANK, FaultKind.LINE_COMMENT, FaultKind.BYTE_ORDER_MARK}
)


def _dirty(env: EnvFact) -> Iterator[Seen]:
    for variable in _used(env):
        if variable.looks is Looks.EMPTY or variable.looks in _NO_VALUE:
            continue  # env-missing and env-placeholder speak of it
        in_value = value_faults(variable)
        if in_value:
            yield _dirty_value(env, variable, in_value)
        elif any(f.what in _OF_LINE for f in variable.faults):
            yield _dirty_line(variable)


def _dirty_value(env: EnvFact, variable: Variable, faults: tuple[Fault, ...]) -> Seen:
    place = f"{variable.name} ({variable.origin})"
    evidence = [Evidence(place, fault.detail, source="env") for fault in faults]
    if variable.derived_from:
        evidence.append(Evidence("it comes from", variable.derived_from, source="env"))
    match = env.token
    if variable.meaning is Meaning.API_SECRET and match is not None and match.verifies_with:
        evidence.append(
            Evidence("the token at hand verifies with", match.verifies_with, source="token")
        )
    return Seen(
        evidence=tuple(evidence),
        case=f"{_FAULTS.get(faults[0].what, 'not-clean')} {_KINDS[variable.meaning]}",
        values={"name": variable.name},
        steps=(*_cleaning(variable, faults), Advice("restart")),
        location=variable.location,
    )


_FAULTS: Final = {
    FaultKind.QUOTES: "quotes",
    FaultKind.EQUALS: "equals",
    FaultKind.NAME: "own-name",
    FaultKind.COMMENT: "comment",
    FaultKind.LEADING_BLANK: "leading-blank",
    FaultKind.TRAILING_BLANK: "trailing-blank",
    FaultKind.LINE_END: "line-end",
    FaultKind.INNER_BLANK: "inner-blank",
    FaultKind.CONTROL: "control-character",
    FaultKind.INVISIBLE: "invisible",
    FaultKind.NOT_UTF8: "not-utf8",
}


def _cleaning(variable: Variable, faults: tuple[Fault, ...]) -> Iterator[Advice]:
    kinds = {fault.what for fault in faults}
    values = {"name": variable.name}
    if FaultKind.QUOTES in kinds and variable.source is Kind.ENVIRONMENT:
        yield Advice("without-quotes", values)
    elif FaultKind.LINE_END in kinds and variable.source is not Kind.FOLDER_FILE:
        yield Advice("without-line-end", values)
    elif variable.source is Kind.OPTION:
        yield Advice("option", {"place": variable.origin})
    elif variable.source is Kind.ENVIRONMENT:
        yield Advice("export", values)
    else:
        yield Advice("write", {"place": variable.origin, **values})


def _dirty_line(variable: Variable) -> Seen:
    faults = [f for f in variable.faults if f.what in _OF_LINE]
    only_comment = all(f.what is FaultKind.LINE_COMMENT for f in faults)
    readers = {
        FaultKind.LINE_BLANK: "dotenv drops it; docker's --env-file and a shell's quotes keep it",
        FaultKind.LINE_COMMENT: "dotenv drops it; docker's --env-file takes it for the value",
        FaultKind.BYTE_ORDER_MARK: "some readers take it for a part of the first name",
    }
    return Seen(
        evidence=tuple(
            Evidence(
                f"{variable.name} ({variable.origin})",
                f"{f.detail}; {readers[f.what]}",
                None,
                "env",
            )
            for f in faults
        ),
        case=f"{_LINES[faults[0].what]} {_KINDS[variable.meaning]}",
        values={"name": variable.name, "place": variable.origin},
        severity=Severity.INFO if only_comment else Severity.WARNING,
        confidence=Confidence.HINT if only_comment else Confidence.LIKELY,
        location=variable.location,
    )


_LINES: Final = {
    FaultKind.LINE_BLANK: "blank-behind",
    FaultKind.LINE_COMMENT: "comment-behind",
    FaultKind.BYTE_ORDER_MARK: "byte-order-mark",
}


# env-secret-altered


_BAD_KEY: Final = ("invalid API key",)
_BAD_SIGNATURE: Final = ("signature is invalid", "cryptographic primitive")
"""What servers from 1.13 on and before say where they know the key and the secret differs."""


def _altered(env: EnvFact, token: "TokenFact | None" = None) -> Iterator[Seen]:
    secret = env.used(Meaning.API_SECRET)
    if secret is None or secret.looks is Looks.EMPTY or secret.looks in _NO_VALUE:
        return
    dirty = bool(value_faults(secret))
    if secret.derived_from is not None and not dirty:
        yield Seen(
            evidence=(
                Evidence(f"{secret.name} ({secret.origin})", _what(secret), source="env"),
                Evidence("it comes from", secret.derived_from, source="env"),
            ),
            case="on-its-way",
            location=secret.location,
        )
        return
    match = None if token is not None else env.token  # token-bad-signature says more
    if match is not None and match.issuer_is_key and match.verifies is False and not dirty:
        yield _other_signature(match, secret)
    yield from _fragile(secret)
    if not dirty:
        yield from _too_short(env, secret)


def _too_short(env: EnvFact, secret: Variable) -> Iterator[Seen]:
    """A secret that LiveKit Cloud cannot have made."""
    url, key = env.used(Meaning.URL), env.used(Meaning.API_KEY)
    if url is None or key is None or not _cloud(url.host) or key.looks is not Looks.KEY:
        return
    if secret.looks is Looks.OTHER and secret.length < 32:
        yield Seen(
            evidence=(
                _seen(secret, expected="more than 40 characters, as LiveKit Cloud makes them"),
                _seen(url),
            ),
            case="too-short-for-cloud",
            location=secret.location,
        )


def _other_signature(match: TokenMatch, secret: Variable) -> Seen:
    found = (
        (Evidence("it verifies with", match.verifies_with, source="token"),)
        if match.verifies_with
        else ()
    )
    return Seen(
        evidence=(
            Evidence(
                f"the token ({match.origin})",
                f"names the key {match.issuer}, but another secret signed it",
                f"the secret of {secret.origin}",
                "token",
            ),
            *found,
        ),
        case="signed-with-another",
        location=secret.location,
    )


def _fragile(secret: Variable) -> Iterator[Seen]:
    for fault in secret.faults:
        if fault.what not in ALTERING:
            continue
        harmless = fault.what is FaultKind.FRAGILE and not set(fault.detail.split()) & {
            "$",
            "#",
            "\\",
            "beyond",
            "alone",
        }
        certain = fault.what is FaultKind.LINE_HASH
        if fault.what is FaultKind.FRAGILE and any(
            f.what in ALTERING - {FaultKind.FRAGILE} for f in secret.faults
        ):
            continue  # said already, and better
        yield Seen(
            evidence=(
                Evidence(
                    f"{secret.name} ({secret.origin})",
                    f"holds {fault.detail}" if fault.what is FaultKind.FRAGILE else fault.detail,
                    "letters and digits only",
                    "env",
                ),
            ),
            case=("read-differently" if certain else "fragile")
            + ("" if not secret.location or harmless else " in-a-file"),
            values={"name": secret.name, "place": secret.origin},
            severity=Severity.INFO if harmless else Severity.WARNING,
            confidence=Confidence.CERTAIN if certain else Confidence.HINT,
            location=secret.location,
        )


def _exchanges(
    signal: "SignalFact | None", api: "ApiFact | None"
) -> Iterator[tuple[str, "Exchange"]]:
    """Answers to tokens that were signed with the key pair at hand."""
    if api is not None and api.rooms is not None and api.rooms.kind == "foreign":
        yield "ListRooms", api.rooms.exchange
    if signal is not None:
        from lkdoctor.facts.signal import Whose

        validation = signal.validation(Whose.MINTED)
        if validation is not None:
            yield f"GET {validation.path}", validation.answer


def _refusal(
    words: tuple[str, ...], signal: "SignalFact | None", api: "ApiFact | None"
) -> Evidence | None:
    for label, exchange in _exchanges(signal, api):
        if exchange.kind != "answer" or exchange.status != 401:
            continue
        if any(word in exchange.body for word in words):
            return Evidence(label, f"401 {exchange.body[:200]}", "200", "net")
    return None


def _known(signal: "SignalFact | None", api: "ApiFact | None") -> bool:
    """Whether the server knows the key, whatever it thinks of the secret."""
    if _refusal(_BAD_SIGNATURE, signal, api) is not None:
        return True
    if api is not None and api.rooms is not None and api.rooms.kind == "rooms":
        return True
    return any(e.kind == "answer" and e.status == 200 for _, e in _exchanges(signal, api))


# env-key-secret-swapped


def _swapped(env: EnvFact, token: "TokenFact | None" = None) -> Iterator[Seen]:
    key, secret = env.used(Meaning.API_KEY), env.used(Meaning.API_SECRET)
    if secret is not None and env.token is not None and env.token.issuer_is_secret:
        yield Seen(
            evidence=(
                Evidence(
                    f"iss of the token ({env.token.origin})",
                    "the API secret",
                    "the API key",
                    "token",
                ),
                _seen(secret),
            ),
            case="issuer-is-secret",
            location=secret.location,
        )
        return
    if key is not None and secret is not None:
        yield from _exchanged(key, secret)
    for variable, wanted in ((key, "an API key"), (secret, "an API secret")):
        if variable is not None and variable.looks in {Looks.TOKEN, Looks.URL}:
            what = "a token" if variable.looks is Looks.TOKEN else "a URL"
            yield Seen(
                evidence=(Evidence(f"{variable.name} ({variable.origin})", what, wanted, "env"),),
                case=("token-pasted" if variable.looks is Looks.TOKEN else "url-pasted")
                + (" for-the-key" if variable is key else " for-the-secret"),
                values={"name": variable.name},
                location=variable.location,
            )
    if token is None:  # token-not-jwt says which slip it is
        yield from _no_token(env)


def _no_token(env: EnvFact) -> Iterator[Seen]:
    variable = env.used(Meaning.TOKEN)
    if variable is None or variable.looks in {Looks.EMPTY, Looks.TOKEN} | set(_NO_VALUE):
        return
    if value_faults(variable):
        return  # env-value-dirty speaks of it
    what = {Looks.URL: "url-pasted", Looks.KEY: "key-pasted", Looks.DEV_KEY: "key-pasted"}
    yield Seen(
        evidence=(_seen(variable, expected="three base64url parts with dots between them"),),
        case=f"{what.get(variable.looks, 'no-token')} for-a-token",
        values={"name": variable.name},
        location=variable.location,
    )


def _exchanged(key: Variable, secret: Variable) -> Iterator[Seen]:
    long_key = key.looks is Looks.SECRET or (key.looks is Looks.OTHER and key.length > 20)
    key_as_secret = secret.looks in {Looks.KEY, Looks.DEV_KEY}
    if key.looks is Looks.KEY and secret.looks is Looks.KEY:
        yield Seen(
            evidence=(
                _seen(key),
                Evidence(
                    f"{secret.name} ({secret.origin})",
                    f"{secret.length} characters, looks like an API key",
                    "the secret of that key",
                    "env",
                ),
            ),
            case="two-keys",
            values={"name": secret.name},
            location=secret.location,
        )
        return
    if not (long_key or key_as_secret) or key.looks is Looks.KEY or value_faults(key):
        return
    yield Seen(
        evidence=(
            Evidence(
                f"{key.name} ({key.origin})",
                f"{key.length} characters"
                + (", looks like a secret" if key.looks is Looks.SECRET else ""),
                "API and 12 characters, or a short name",
                "env",
            ),
            Evidence(
                f"{secret.name} ({secret.origin})",
                "looks like an API key" if key_as_secret else f"{secret.length} characters",
                "a long text",
                "env",
            ),
        ),
        confidence=Confidence.CERTAIN if long_key and key_as_secret else Confidence.LIKELY,
        severity=None if long_key and key_as_secret else Severity.WARNING,
        case=""
        if long_key and key_as_secret
        else "key-like-a-secret"
        if long_key
        else "secret-like-a-key",
        location=key.location or secret.location,
    )


# env-project-mismatch


def _mismatch(
    env: EnvFact,
    url: UrlFact | None = None,
    signal: "SignalFact | None" = None,
    api: "ApiFact | None" = None,
    token: "TokenFact | None" = None,
) -> Iterator[Seen]:
    key = env.used(Meaning.API_KEY)
    refused = _refusal(_BAD_KEY, signal, api)
    if refused is not None and key is not None:
        yield Seen(
            evidence=(
                refused,
                _seen(key, expected="a key of that server"),
                *(
                    ()
                    if url is None
                    else (Evidence(f"the URL ({url.origin})", url.raw, source="env"),)
                ),
            ),
            case="unknown-key",
            location=key.location,
        )
    if token is None:  # token-unknown-key says more
        yield from _other_issuer(env, key)
    yield from _two_projects(env)
    yield from _apart(env, signal)


def _other_issuer(env: EnvFact, key: Variable | None) -> Iterator[Seen]:
    match = env.token
    if match is None or key is None or key.looks is Looks.EMPTY:
        return
    if match.issuer_is_key or match.issuer_is_secret or not match.issuer:
        return
    elsewhere = (
        (Evidence("that key stands in", match.issuer_elsewhere, source="env"),)
        if match.issuer_elsewhere
        else ()
    )
    yield Seen(
        evidence=(
            Evidence(
                f"iss of the token ({match.origin})", match.issuer, key.shown or None, "token"
            ),
            *elsewhere,
        ),
        case="another-key-than-set",
        location=key.location,
    )


def _two_projects(env: EnvFact) -> Iterator[Seen]:
    counted = env.used(Meaning.URL)
    if counted is None or not _cloud(counted.host) or counted.source in _CHOSEN:
        return
    others = [
        v
        for v in env.variables
        if v.meaning is Meaning.URL
        and v.typo_of is None
        and v is not counted
        and v.host != counted.host
        and _cloud(v.host)
        and not _expected(counted, v)
    ]
    if others:
        yield Seen(
            evidence=tuple(_seen(v) for v in (counted, *others)),
            case="several-projects",
            location=others[0].location or counted.location,
        )


def _apart(env: EnvFact, signal: "SignalFact | None" = None) -> Iterator[Seen]:
    """The folder chooses the host, and the user's own credentials would go there.

    What the host answers says nothing: whoever collects tokens answers as LiveKit does.
    """
    apart = env.apart
    if apart is None:
        return
    url = env.used(Meaning.URL)
    evidence = [_seen(url)] if url is not None else []
    for name, origin in (("the API secret", apart.secret), ("the token", apart.token)):
        if origin is not None:
            evidence.append(Evidence(name, f"from {origin}", f"from {apart.url}", "env"))
    proven = signal is not None and signal.proven
    if proven:
        seen = "signed a token with this API secret"
        evidence.append(Evidence("the server", seen, source="net"))
    yield Seen(
        evidence=tuple(evidence),
        check=TRUST,
        case="folder-proven" if proven else "folder",
        location=url.location if url is not None else None,
    )


def _cloud(host: str) -> bool:
    return host.endswith(".livekit.cloud")


# env-cloud-key-on-local-server


def _wrong_kind_of_key(  # noqa: PLR0917 - the layers that it can use
    env: EnvFact,
    url: UrlFact,
    signal: "SignalFact | None" = None,
    api: "ApiFact | None" = None,
    server: "ServerFact | None" = None,
    server_config: "ServerConfigFact | None" = None,
) -> Iterator[Seen]:
    key = env.used(Meaning.API_KEY)
    if key is None or not isinstance(url.result, ParsedUrl) or _known(signal, api):
        return
    if server_config is not None and any(one.ours for one in server_config.keys):
        return
    kind = url.result.host_kind
    place = Evidence(f"the URL ({url.origin})", url.raw, source="env")
    if kind is HostKind.CLOUD and key.looks is Looks.DEV_KEY:
        yield Seen(
            evidence=(place, _seen(key, expected="API… of that project")),
            case="cloud-url",
            location=key.location,
        )
    elif kind in {HostKind.LOOPBACK, HostKind.PRIVATE} and key.looks is Looks.KEY:
        yield from _not_the_local_pair(env, key, place, _refusal(_BAD_KEY, signal, api), server)


def _not_the_local_pair(
    env: EnvFact,
    key: Variable,
    place: Evidence,
    refused: Evidence | None,
    server: "ServerFact | None",
) -> Iterator[Seen]:
    """A key whose server is another; its shape says nothing, as generate-keys writes API…, too."""
    cloud = _cloud_url_beside(env, key)
    if cloud is not None:
        beside = _seen(cloud, expected="the URL of a local server")
        yield Seen(
            evidence=(*(() if refused is None else (refused,)), place, _seen(key), beside),
            severity=None if refused is None else Severity.ERROR,
            confidence=None if refused is None else Confidence.CERTAIN,
            location=key.location,
        )
    elif refused is not None and server is not None and server.dev_mode:
        open_to_all = Evidence("GET /debug/rooms", "open, as under --dev only", source="net")
        yield Seen(
            evidence=(refused, open_to_all, place, _seen(key, expected="devkey")),
            case="dev-server",
            location=key.location,
        )


def _cloud_url_beside(env: EnvFact, key: Variable) -> Variable | None:
    """LiveKit Cloud's URL that stands beside this key, and is hidden by the one that counts."""
    counted = env.used(Meaning.URL)
    if counted is None:
        return None
    holding = {_place_of(v) for v in env.variables if v.meaning is Meaning.API_KEY and v.same}
    places = {_place_of(key), *holding} - {_place_of(counted)}
    return next(
        (
            v
            for v in env.variables
            if v.meaning is Meaning.URL
            and v.hidden_by
            and _cloud(v.host)
            and _place_of(v) in places
        ),
        None,
    )


def _place_of(variable: Variable) -> str:
    """The file, or the environment, without the line."""
    name, colon, line = variable.origin.rpartition(":")
    return name if colon and digits.number(line) is not None else variable.origin


# env-file-precedence


def _precedence(env: EnvFact) -> Iterator[Seen]:
    for meaning in Meaning:
        for public in (False, True):
            group = [
                v
                for v in env.variables
                if v.meaning is meaning and bool(v.prefix) is public and v.typo_of is None
            ]
            winner = next((v for v in group if v.used), None)
            if winner is None or winner.source in _CHOSEN or winner.looks is Looks.EMPTY:
                continue
            hidden = [v for v in group if not v.used and not v.same and not _expected(winner, v)]
            if hidden:
                yield Seen(
                    evidence=(
                        Evidence(
                            f"{winner.name} ({winner.origin})",
                            f"{_what(winner)}: counts",
                            None,
                            "env",
                        ),
                        *(
                            Evidence(f"{v.name} ({v.origin})", f"{_what(v)}: not used", None, "env")
                            for v in hidden
                        ),
                    ),
                    case=_hiding(winner, hidden[0]),
                    values={
                        "name": winner.name,
                        "other": hidden[0].name,
                        "hidden": ", ".join(v.origin for v in hidden),
                        "all": ", ".join(v.origin for v in (winner, *hidden)),
                    },
                    location=hidden[0].location or winner.location,
                )


def _expected(winner: Variable, hidden: Variable) -> bool:
    """A file that was named is meant to win; a value that another became is the same one, mangled.

    What a reference out of its file comes to is not known.
    """
    if _from_outside(hidden):
        return True
    if winner.derived_from is not None and winner.derived_from.startswith(f"{hidden.origin},"):
        return True
    return winner.source is Kind.NAMED_FILE and hidden.source in FOLDER


def _hiding(winner: Variable, hidden: Variable) -> str:
    where = "in-environment" if winner.source is Kind.ENVIRONMENT else "in-files"
    if winner.name != hidden.name:
        return f"two-names {where}"
    return "environment in-environment" if winner.source is Kind.ENVIRONMENT else "twice in-files"


# env-secret-public-prefix


def _public_secret(env: EnvFact) -> Iterator[Seen]:
    for variable in env.variables:
        if not variable.prefix or variable.looks is Looks.EMPTY or variable.looks in _NO_VALUE:
            continue
        shaped = variable.meaning is not Meaning.TOKEN and variable.looks is Looks.SECRET
        if variable.meaning is Meaning.API_SECRET or shaped:
            yield Seen(
                evidence=(_seen(variable, expected=f"no {variable.prefix} in front of a secret"),),
                case="secret",
                values={"name": variable.name},
                location=variable.location,
            )
        elif variable.meaning is Meaning.TOKEN:
            yield Seen(
                evidence=(
                    _seen(variable, expected="a token from the app's server, for each user"),
                ),
                case="token",
                values={"name": variable.name},
                location=variable.location,
            )


# env-internal-vs-public-url


def _audience(
    env: EnvFact, url: UrlFact | None = None, network: "NetworkFact | None" = None
) -> Iterator[Seen]:
    counted = env.used(Meaning.URL)
    if counted is not None and counted.host in {"0.0.0.0", "::"}:  # noqa: S104 - dialled, not bound
        yield Seen(
            evidence=(_seen(counted, expected="an address that can be dialled: localhost"),),
            case="to-listen-on",
            values={"host": counted.host},
            location=counted.location,
        )
    elif counted is not None and env.container and not counted.prefix:
        yield from _loopback_in_container(env, counted, url, network)
    for variable in env.variables:
        if variable.meaning is Meaning.URL and variable.prefix and variable.used:
            host = variable.host
            internal = host == "host.docker.internal" or (
                host != "localhost" and bool(host) and "." not in host and ":" not in host
            )
            if internal and variable.looks is Looks.URL:
                yield Seen(
                    evidence=(_seen(variable, expected="a name that browsers can resolve"),),
                    case="for-browsers",
                    values={"name": variable.name, "host": host},
                    location=variable.location,
                )


def _loopback_in_container(
    env: EnvFact, counted: Variable, url: UrlFact | None, network: "NetworkFact | None"
) -> Iterator[Seen]:
    if url is None or not isinstance(url.result, ParsedUrl):
        return
    if url.result.host_kind is not HostKind.LOOPBACK:
        return
    if network is None:
        if counted.source in _CHOSEN:
            return  # said on purpose, a moment ago
    elif network.connected is not None:
        return  # a server does listen in here
    yield Seen(
        evidence=(
            _seen(counted, expected="the name of the server's container or host"),
            Evidence("this process", f"runs in a container: {env.container}", source="env"),
        ),
        case="in-a-container",
        values={"port": str(url.result.port)},
        severity=None if network is None else Severity.ERROR,
        # Until somebody dials, the server may well run in here: a dev container, a CI job.
        confidence=Confidence.HINT if network is None else None,
        location=counted.location,
    )


# ------------------------------------------------------------------ checks


def _look_read(env: EnvFact) -> str:
    return ", ".join(place.label for place in env.places if place.found)


def _look_set(env: EnvFact) -> str | Unsure | None:
    there = [m for m in Meaning if (v := env.used(m)) is not None and v.looks is not Looks.EMPTY]
    if not there:
        return None
    return f"{len(there)} value{'s' if len(there) != 1 else ''} set"


def _look_clean(env: EnvFact) -> str | None:
    return "none quoted, no blanks, no samples" if any(_used(env)) else None


def _look_agree(env: EnvFact) -> str | None:
    return "no conflicts" if any(_used(env)) else None


def _look_match(env: EnvFact) -> str | None:
    key, secret = env.used(Meaning.API_KEY), env.used(Meaning.API_SECRET)
    return None if key is None or secret is None else "key and secret look like a pair"


def _look_apart(env: EnvFact, signal: "SignalFact | None" = None) -> str | Unsure | None:
    if env.apart is None:
        return None
    if signal is not None and signal.proven:
        return "they do not; the server has shown that it holds the secret"
    return Unsure("the URL comes from the folder")


def _look_private(env: EnvFact) -> str | None:
    return "no secret under a public prefix" if any(_used(env)) else None


def _look_audience(env: EnvFact) -> str | None:
    return None if env.used(Meaning.URL) is None else "the URL suits this process"


CLEAN: Final = Check(
    "env.clean", Layer.ENV, "The values are free of quotes, blanks and samples", _look_clean
)
"""Answered by what each value looks like."""

TRUST: Final = Check(
    "env.trust",
    Layer.ENV,
    "URL and credentials come from one place",
    _look_apart,
    essential=False,
    by_option=True,
    stands=True,
)

CHECKS: Final = (
    Check("env.read", Layer.ENV, "The .env files can be read", _look_read),
    Check("env.set", Layer.ENV, "URL, API key and API secret are set", _look_set),
    CLEAN,
    Check("env.match", Layer.ENV, "URL, key and secret belong together", _look_match),
    Check("env.agree", Layer.ENV, "No other place says something else", _look_agree),
    Check("env.private", Layer.ENV, "No secret is visible in the browser", _look_private),
    Check("env.audience", Layer.ENV, "The URL suits who uses it", _look_audience),
    TRUST,
)


RULES: Final = (
    cause("env-file-unreadable", _file_unreadable),
    cause("env-missing", _missing),
    cause("env-placeholder", _placeholder),
    cause("env-reference-outside", _reference_outside),
    cause("env-value-dirty", _dirty),
    cause("env-key-secret-swapped", _swapped),
    cause("env-secret-altered", _altered),
    cause("env-project-mismatch", _mismatch),
    cause("env-cloud-key-on-local-server", _wrong_kind_of_key),
    cause("env-file-precedence", _precedence),
    cause("env-secret-public-prefix", _public_secret),
    cause("env-internal-vs-public-url", _audience),
    cause("env-lk-default-localhost", _lk_localhost),
)
