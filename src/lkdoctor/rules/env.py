"""Whether the values that connect an app to LiveKit are there, clean, consistent and private."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from lkdoctor import digits, shell
from lkdoctor.config.resolve import CANONICAL, FOLDER, Kind, Meaning
from lkdoctor.facts.env import (
    ALTERING,
    EnvFact,
    Fault,
    FaultKind,
    Looks,
    Place,
    TokenMatch,
    Variable,
    value_faults,
)
from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.base import Check, Judgement, Rule, Unsure

if TYPE_CHECKING:  # check-env judges without these layers and does not pay for them
    from lkdoctor.facts import Facts
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


def _restart(
    text: str = "Restart the process that reads it: it has kept the old value.",
) -> FixStep:
    return FixStep(text)


# env-file-unreadable


def _file_unreadable(env: EnvFact) -> Iterator[Judgement]:
    # Where a value is missing that such a file may hold, it is the likeliest reason.
    severity = Severity.ERROR if _absent_meanings(env) else None
    for place in env.places:
        if place.problem is not None:
            yield Judgement(
                evidence=(Evidence(place.label, place.problem, "a text file in UTF-8", "env"),),
                title=_fitting(f"{place.label} cannot be read"),
                cause=_NOT_LOOKED_INTO if place.problem.startswith(_UNUSUAL) else None,
                severity=severity,
                location=place.label,
            )
        for line in place.unread_lines:
            yield Judgement(
                evidence=(
                    Evidence(f"{place.label}:{line}", "not NAME=value", "NAME=value", "env"),
                ),
                title=_fitting(f"Line {line} of {place.label} sets nothing"),
                severity=severity,
                cause="The line names a LiveKit variable, but has no = or a quotation mark that "
                "nothing closes, so every reader passes over it.",
                fix=(
                    FixStep(
                        f"Write line {line} of {place.label} like this, with both quotes or none:",
                        snippet=Snippet("dotenv", "LIVEKIT_URL=wss://YOUR-PROJECT.livekit.cloud"),
                    ),
                    _restart(),
                ),
                location=f"{place.label}:{line}",
            )


_UNUSUAL: Final = ("larger than", "more than", "is not a regular file")
"""What an app may read all the same."""
_NOT_LOOKED_INTO: Final = (
    "lkdoctor does not read such a file, so what it sets is not known here. An app may take very long "
    "for it, or read it all the same."
)

# env-missing


def _absent_meanings(env: EnvFact) -> list[Meaning]:
    return [m for m in NEEDED if (v := env.used(m)) is None or v.looks is Looks.EMPTY]


def _missing(env: EnvFact) -> Iterator[Judgement]:
    absent = _absent_meanings(env)
    token = env.used(Meaning.TOKEN)
    with_token = token is not None and token.looks is not Looks.EMPTY
    pair_absent = Meaning.API_KEY in absent and Meaning.API_SECRET in absent
    if absent and not (with_token and pair_absent and Meaning.URL not in absent):
        yield _absent(env, absent, pair_absent=pair_absent)
    for variable in env.variables:
        if variable.typo_of is not None and variable.meaning not in absent:
            yield _stray(variable)


def _absent(env: EnvFact, absent: list[Meaning], *, pair_absent: bool) -> Judgement:
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
    title = f"{names[0]} is not set" if len(names) == 1 else f"{len(names)} of 3 values are not set"
    return Judgement(
        evidence=tuple(evidence),
        title="No LiveKit variable is set" if len(names) == 3 and not near else title,
        symptom="url must be set" if absent == [Meaning.URL] else None,
        severity=Severity.INFO if dialling else None,
        fix=(
            *(
                FixStep(
                    f"Rename {v.name} to {v.typo_of}.",
                    snippet=Snippet("dotenv", f"{v.typo_of}=…"),
                )
                for v in near
            ),
            *(() if near and len(near) >= len(absent) else (_set_them(absent),)),
            FixStep("Restart the process that reads them, and look again:", "lkdoctor check-env"),
        ),
        location=near[0].location if near else None,
    )


# env-lk-default-localhost


def _lk_localhost(env: EnvFact) -> Iterator[Judgement]:
    key, secret = env.used(Meaning.API_KEY), env.used(Meaning.API_SECRET)
    url = env.used(Meaning.URL)
    if any(v is None or v.looks is Looks.EMPTY for v in (key, secret)):
        return
    if any(v.name == CANONICAL[Meaning.URL] and v.looks is not Looks.EMPTY for v in _used(env)):
        return
    if url is not None and url.source in _CHOSEN:
        return
    seen = () if url is None else (_seen(url, expected=f"{CANONICAL[Meaning.URL]}"),)
    yield Judgement(
        (
            Evidence(CANONICAL[Meaning.URL], "not set under this name", "set", "env"),
            *seen,
            *(_seen(v) for v in (key, secret) if v is not None),
        )
    )


def _set_them(absent: list[Meaning]) -> FixStep:
    samples = {
        Meaning.URL: "LIVEKIT_URL=wss://YOUR-PROJECT.livekit.cloud",
        Meaning.API_KEY: "LIVEKIT_API_KEY=API…",
        Meaning.API_SECRET: "LIVEKIT_API_SECRET=…",
    }
    return FixStep(
        "Put the values of your project (Cloud: cloud.livekit.io, Settings, Keys; your own server: "
        "keys: in its YAML) into .env.local, or into the environment of the process that fails:",
        snippet=Snippet("dotenv", "\n".join(samples[m] for m in absent if m in samples)),
    )


def _stray(variable: Variable) -> Judgement:
    same = (
        f"same value as {CANONICAL[variable.meaning]}"
        if variable.same
        else f"another value than {CANONICAL[variable.meaning]}"
    )
    return Judgement(
        evidence=(Evidence(f"{variable.name} ({variable.origin})", same, variable.typo_of, "env"),),
        title=_fitting(f"No SDK reads {variable.name}"),
        cause=f"The name resembles {variable.typo_of}, which is set too, so this one has no effect.",
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        fix=(FixStep(f"Remove {variable.name}, or rename it to {variable.typo_of}."),),
        location=variable.location,
    )


def _places(env: EnvFact) -> str:
    found = [place.label for place in env.places if place.found]
    absent = [place.label for place in env.places if not place.found]
    there = ", ".join(found) or "nothing"
    return f"{there} (not there: {', '.join(absent)})" if absent else there


def _fitting(title: str) -> str:
    return title if len(title) <= 60 else title[:59] + "…"


# env-placeholder


def _placeholder(
    env: EnvFact, url: UrlFact | None = None, token: "TokenFact | None" = None
) -> Iterator[Judgement]:
    never_set = url is not None and isinstance(url.result, UnusableUrl)
    for variable in _used(env):
        if variable.looks not in _NO_VALUE or _from_outside(variable):
            continue
        if variable.meaning is Meaning.URL and never_set:
            continue  # `undefined` and the like: url-invalid-hang says what that does
        if variable.meaning is Meaning.TOKEN and token is not None:
            continue  # token-not-jwt says which slip it is
        yield Judgement(
            evidence=(_seen(variable, expected=f"{_WORDS[variable.meaning]} of your project"),),
            title=_fitting(f"{variable.name} holds {_NO_VALUE[variable.looks]}"),
            symptom=_PLACEHOLDER_SYMPTOMS.get(variable.meaning),
            fix=(
                FixStep(
                    f"Put {_WORDS[variable.meaning]} of your project in its place"
                    f"{' in ' + variable.location if variable.location else ''}:",
                    snippet=Snippet("dotenv", f"{variable.name}={_SAMPLE[variable.meaning]}"),
                ),
                _restart(),
            ),
            location=variable.location,
        )


_NO_VALUE: Final = {
    Looks.PLACEHOLDER: "a sample value",
    Looks.REFERENCE: "a reference, not the value",
}
_PLACEHOLDER_SYMPTOMS: Final = {
    Meaning.URL: "getaddrinfo ENOTFOUND your-project.livekit.cloud",
    Meaning.API_SECRET: "could not establish signal connection: invalid token",
    Meaning.TOKEN: "could not establish signal connection: invalid authorization token",
}
_SAMPLE: Final = {
    Meaning.URL: "wss://…   # from the project's settings page",
    Meaning.API_KEY: "API…   # from the project's settings page",
    Meaning.API_SECRET: "…   # shown once, when the key is made",
    Meaning.TOKEN: "…   # lkdoctor token --booking ID --user ID",
}

# env-reference-outside


def _from_outside(variable: Variable) -> bool:
    return any(fault.what is FaultKind.LINE_OUTSIDE for fault in variable.faults)


def _reference_outside(env: EnvFact) -> Iterator[Judgement]:
    for variable in _used(env):
        place = f"{variable.name} ({variable.origin})"
        file = variable.origin.rpartition(":")[0]
        for fault in variable.faults:
            if fault.what is FaultKind.LINE_OUTSIDE:
                yield Judgement(
                    evidence=(
                        Evidence(place, f"names {fault.detail}", f"set in {file} above", "env"),
                    ),
                    title=_fitting(f"{variable.name} refers to something outside its file"),
                    symptom=None if variable.meaning is Meaning.URL else "",
                    fix=(
                        FixStep(
                            f"Write the value out in {variable.origin}, or set the name above it."
                        ),
                        _finished(variable),
                        _restart(),
                    ),
                    location=variable.location,
                )
            elif fault.what is FaultKind.LINE_OTHERWISE:
                yield Judgement(
                    evidence=(
                        Evidence(place, f"names {fault.detail}", "set in one place alone", "env"),
                    ),
                    title=_fitting(f"{variable.name} is made of a name that is set twice"),
                    cause="The name is set in this file, and to something else in the environment or "
                    "a stronger file. Most apps take that; the value here is made of the file alone.",
                    symptom="",
                    severity=Severity.WARNING,
                    confidence=Confidence.LIKELY,
                    fix=(
                        FixStep("Give the name another one, or the same value in both places."),
                        _finished(variable),
                        _restart(),
                    ),
                    location=variable.location,
                )


def _finished(variable: Variable) -> FixStep:
    return FixStep(
        "Where the app is meant to take it from there (a shell, compose, CI), look at what it gets: "
        f"set {variable.name} itself in the environment, which counts before the file."
    )


# env-value-dirty

_OF_LINE: Final = frozenset(
    {FaultKind.LINE_BLANK, FaultKind.LINE_COMMENT, FaultKind.BYTE_ORDER_MARK}
)


def _dirty(env: EnvFact) -> Iterator[Judgement]:
    for variable in _used(env):
        if variable.looks is Looks.EMPTY or variable.looks in _NO_VALUE:
            continue  # env-missing and env-placeholder speak of it
        in_value = value_faults(variable)
        if in_value:
            yield _dirty_value(env, variable, in_value)
        elif any(f.what in _OF_LINE for f in variable.faults):
            yield _dirty_line(variable)


def _dirty_value(env: EnvFact, variable: Variable, faults: tuple[Fault, ...]) -> Judgement:
    place = f"{variable.name} ({variable.origin})"
    evidence = [Evidence(place, fault.detail, source="env") for fault in faults]
    if variable.derived_from:
        evidence.append(Evidence("it comes from", variable.derived_from, source="env"))
    match = env.token
    if variable.meaning is Meaning.API_SECRET and match is not None and match.verifies_with:
        evidence.append(
            Evidence("the token at hand verifies with", match.verifies_with, source="token")
        )
    return Judgement(
        evidence=tuple(evidence),
        title=_fitting(f"{variable.name} {_TITLES.get(faults[0].what, 'is not clean')}"),
        symptom=_DIRTY_SYMPTOMS.get(variable.meaning),
        fix=(*_cleaning(variable, faults), _restart()),
        location=variable.location,
    )


_DIRTY_SYMPTOMS: Final = {
    Meaning.URL: "Failed to construct 'URL': Invalid URL",
    Meaning.API_KEY: "could not establish signal connection: invalid API key",
    Meaning.TOKEN: "access token has invalid characters",
}

_TITLES: Final = {
    FaultKind.QUOTES: "has quotes in its value",
    FaultKind.EQUALS: "begins with a second =",
    FaultKind.NAME: "holds its own name",
    FaultKind.COMMENT: "holds a comment",
    FaultKind.LEADING_BLANK: "begins with a blank",
    FaultKind.TRAILING_BLANK: "ends with a blank",
    FaultKind.LINE_END: "ends with a line end",
    FaultKind.INNER_BLANK: "holds a blank",
    FaultKind.CONTROL: "holds a control character",
    FaultKind.INVISIBLE: "holds an invisible character",
    FaultKind.NOT_UTF8: "is not UTF-8",
}


def _cleaning(variable: Variable, faults: tuple[Fault, ...]) -> Iterator[FixStep]:
    kinds = {fault.what for fault in faults}
    name = variable.name
    if FaultKind.QUOTES in kinds and variable.source is Kind.ENVIRONMENT:
        yield FixStep(
            "docker's --env-file and many dashboards keep quotation marks: write the value without "
            "them, in the file or the dashboard:",
            snippet=Snippet("dotenv", f"{name}=VALUE"),
        )
    elif FaultKind.LINE_END in kinds and variable.source is not Kind.FOLDER_FILE:
        yield FixStep(
            "Take the line end off where the file is read into the variable:",
            command=shell.exported(name, shell.Fixed("\"$(tr -d '\\r\\n' < FILE)\"")),
        )
    elif variable.source is Kind.OPTION:
        yield FixStep(f"Give {variable.origin} the bare value.")
    elif variable.source is Kind.ENVIRONMENT:
        yield FixStep(
            "Set it to the bare value:", command=shell.exported(name, shell.Fixed("'VALUE'"))
        )
    else:
        yield FixStep(
            f"Write the bare value in {variable.origin}, without blanks, quotes or comment:",
            snippet=Snippet("dotenv", f"{name}=VALUE"),
        )


def _dirty_line(variable: Variable) -> Judgement:
    faults = [f for f in variable.faults if f.what in _OF_LINE]
    only_comment = all(f.what is FaultKind.LINE_COMMENT for f in faults)
    readers = {
        FaultKind.LINE_BLANK: "dotenv drops it; docker's --env-file and a shell's quotes keep it",
        FaultKind.LINE_COMMENT: "dotenv drops it; docker's --env-file takes it for the value",
        FaultKind.BYTE_ORDER_MARK: "some readers take it for a part of the first name",
    }
    return Judgement(
        evidence=tuple(
            Evidence(
                f"{variable.name} ({variable.origin})",
                f"{f.detail}; {readers[f.what]}",
                None,
                "env",
            )
            for f in faults
        ),
        title=_fitting(
            {
                FaultKind.LINE_BLANK: f"{variable.name}: its line ends with a blank",
                FaultKind.LINE_COMMENT: f"{variable.name}: a comment behind the value",
                FaultKind.BYTE_ORDER_MARK: f"{variable.name}: a byte-order mark before it",
            }[faults[0].what]
        ),
        cause="Readers of .env files differ: what one drops another makes a part of the value.",
        symptom=_DIRTY_SYMPTOMS.get(variable.meaning),
        severity=Severity.INFO if only_comment else Severity.WARNING,
        confidence=Confidence.HINT if only_comment else Confidence.LIKELY,
        fix=(
            FixStep(
                "Save the file as UTF-8 without a byte-order mark."
                if faults[0].what is FaultKind.BYTE_ORDER_MARK
                else f"End {variable.origin} right after the value.",
            ),
        ),
        location=variable.location,
    )


# env-secret-altered


_BAD_KEY: Final = ("invalid API key",)
_BAD_SIGNATURE: Final = ("signature is invalid", "cryptographic primitive")
"""What servers from 1.13 on and before say where they know the key and the secret differs."""


def _altered(env: EnvFact, token: "TokenFact | None" = None) -> Iterator[Judgement]:
    secret = env.used(Meaning.API_SECRET)
    if secret is None or secret.looks is Looks.EMPTY or secret.looks in _NO_VALUE:
        return
    dirty = bool(value_faults(secret))
    if secret.derived_from is not None and not dirty:
        yield Judgement(
            evidence=(
                Evidence(f"{secret.name} ({secret.origin})", _what(secret), source="env"),
                Evidence("it comes from", secret.derived_from, source="env"),
            ),
            title="The API secret was changed on its way",
            location=secret.location,
        )
        return
    match = None if token is not None else env.token  # token-bad-signature says more
    if match is not None and match.issuer_is_key and match.verifies is False and not dirty:
        yield _other_signature(match, secret)
    yield from _fragile(secret)
    if not dirty:
        yield from _too_short(env, secret)


def _too_short(env: EnvFact, secret: Variable) -> Iterator[Judgement]:
    """A secret that LiveKit Cloud cannot have made."""
    url, key = env.used(Meaning.URL), env.used(Meaning.API_KEY)
    if url is None or key is None or not _cloud(url.host) or key.looks is not Looks.KEY:
        return
    if secret.looks is Looks.OTHER and secret.length < 32:
        yield Judgement(
            evidence=(
                _seen(secret, expected="more than 40 characters, as LiveKit Cloud makes them"),
                _seen(url),
            ),
            title="The API secret is too short to be one of LiveKit Cloud",
            cause="A Cloud project's secret is a long random text. This one was cut, or is the secret of "
            "something else.",
            confidence=Confidence.LIKELY,
            location=secret.location,
        )


def _other_signature(match: TokenMatch, secret: Variable) -> Judgement:
    found = (
        (Evidence("it verifies with", match.verifies_with, source="token"),)
        if match.verifies_with
        else ()
    )
    return Judgement(
        evidence=(
            Evidence(
                f"the token ({match.origin})",
                f"names the key {match.issuer}, but another secret signed it",
                f"the secret of {secret.origin}",
                "token",
            ),
            *found,
        ),
        title="The token was signed with another secret for this key",
        location=secret.location,
    )


def _fragile(secret: Variable) -> Iterator[Judgement]:
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
        yield Judgement(
            evidence=(
                Evidence(
                    f"{secret.name} ({secret.origin})",
                    f"holds {fault.detail}" if fault.what is FaultKind.FRAGILE else fault.detail,
                    "letters and digits only",
                    "env",
                ),
            ),
            title="Readers differ on the API secret"
            if certain
            else "The API secret holds characters that get lost",
            cause="The same text becomes another secret, depending on which program reads it."
            if certain
            else None,
            severity=Severity.INFO if harmless else Severity.WARNING,
            confidence=Confidence.CERTAIN if certain else Confidence.HINT,
            fix=(
                FixStep(
                    f"Put single quotes around the value in {secret.origin}; in compose write $$ for $:",
                    snippet=Snippet("dotenv", f"{secret.name}='VALUE'"),
                ),
            )
            if secret.location and not harmless
            else (),
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


def _swapped(env: EnvFact, token: "TokenFact | None" = None) -> Iterator[Judgement]:
    key, secret = env.used(Meaning.API_KEY), env.used(Meaning.API_SECRET)
    if secret is not None and env.token is not None and env.token.issuer_is_secret:
        yield Judgement(
            evidence=(
                Evidence(
                    f"iss of the token ({env.token.origin})",
                    "the API secret",
                    "the API key",
                    "token",
                ),
                _seen(secret),
            ),
            title="The token names the API secret as its issuer",
            cause="Key and secret were exchanged where the token was minted. Everybody who has such "
            "a token has the secret.",
            confidence=Confidence.CERTAIN,
            location=secret.location,
        )
        return
    if key is not None and secret is not None:
        yield from _exchanged(key, secret)
    for variable, wanted in ((key, "an API key"), (secret, "an API secret")):
        if variable is not None and variable.looks in {Looks.TOKEN, Looks.URL}:
            what = "a token" if variable.looks is Looks.TOKEN else "a URL"
            yield Judgement(
                evidence=(Evidence(f"{variable.name} ({variable.origin})", what, wanted, "env"),),
                title=f"{variable.name} holds {what}",
                cause=f"Another value was pasted where {wanted} belongs.",
                confidence=Confidence.CERTAIN,
                fix=(
                    FixStep(
                        f"Put {wanted} there:",
                        snippet=Snippet("dotenv", f"{variable.name}=…"),
                    ),
                    _restart(),
                ),
                location=variable.location,
            )
    if token is None:  # token-not-jwt says which slip it is
        yield from _no_token(env)


def _no_token(env: EnvFact) -> Iterator[Judgement]:
    variable = env.used(Meaning.TOKEN)
    if variable is None or variable.looks in {Looks.EMPTY, Looks.TOKEN} | set(_NO_VALUE):
        return
    if value_faults(variable):
        return  # env-value-dirty speaks of it
    what = {Looks.URL: "a URL", Looks.KEY: "an API key", Looks.DEV_KEY: "an API key"}
    yield Judgement(
        evidence=(_seen(variable, expected="three base64url parts with dots between them"),),
        title=_fitting(f"{variable.name} holds {what.get(variable.looks, 'no token')}"),
        cause="Another value was pasted where a token belongs.",
        symptom="could not establish signal connection: invalid authorization token",
        confidence=Confidence.CERTAIN,
        fix=(
            FixStep(
                f"Put a token there, or remove {variable.name}:",
                command="lkdoctor token --booking ID --user ID",
            ),
            _restart(),
        ),
        location=variable.location,
    )


def _exchanged(key: Variable, secret: Variable) -> Iterator[Judgement]:
    long_key = key.looks is Looks.SECRET or (key.looks is Looks.OTHER and key.length > 20)
    key_as_secret = secret.looks in {Looks.KEY, Looks.DEV_KEY}
    if key.looks is Looks.KEY and secret.looks is Looks.KEY:
        yield Judgement(
            evidence=(
                _seen(key),
                Evidence(
                    f"{secret.name} ({secret.origin})",
                    f"{secret.length} characters, looks like an API key",
                    "the secret of that key",
                    "env",
                ),
            ),
            title=_fitting(f"{secret.name} holds an API key"),
            cause="The key, which is no secret, was pasted where its secret belongs.",
            confidence=Confidence.CERTAIN,
            symptom="could not establish signal connection: invalid token",
            fix=(
                FixStep(
                    "Put the secret of that key there; it is shown once, when the key is made:",
                    snippet=Snippet("dotenv", f"{secret.name}=…"),
                ),
                _restart(),
            ),
            location=secret.location,
        )
        return
    if not (long_key or key_as_secret) or key.looks is Looks.KEY or value_faults(key):
        return
    yield Judgement(
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
        title=None
        if long_key and key_as_secret
        else "The API key looks like a secret"
        if long_key
        else "The API secret looks like an API key",
        location=key.location or secret.location,
    )


# env-project-mismatch


def _mismatch(
    env: EnvFact,
    url: UrlFact | None = None,
    signal: "SignalFact | None" = None,
    api: "ApiFact | None" = None,
    token: "TokenFact | None" = None,
) -> Iterator[Judgement]:
    key = env.used(Meaning.API_KEY)
    refused = _refusal(_BAD_KEY, signal, api)
    if refused is not None and key is not None:
        yield Judgement(
            evidence=(
                refused,
                _seen(key, expected="a key of that server"),
                *(
                    ()
                    if url is None
                    else (Evidence(f"the URL ({url.origin})", url.raw, source="env"),)
                ),
            ),
            title="The server does not know this API key",
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
            location=key.location,
        )
    if token is None:  # token-unknown-key says more
        yield from _other_issuer(env, key)
    yield from _two_projects(env)
    yield from _apart(env, signal)


def _other_issuer(env: EnvFact, key: Variable | None) -> Iterator[Judgement]:
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
    yield Judgement(
        evidence=(
            Evidence(
                f"iss of the token ({match.origin})", match.issuer, key.shown or None, "token"
            ),
            *elsewhere,
        ),
        title="The token was made with another key than the one set",
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        location=key.location,
    )


def _two_projects(env: EnvFact) -> Iterator[Judgement]:
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
        yield Judgement(
            evidence=tuple(_seen(v) for v in (counted, *others)),
            title="The values name several LiveKit Cloud projects",
            location=others[0].location or counted.location,
        )


def _apart(env: EnvFact, signal: "SignalFact | None" = None) -> Iterator[Judgement]:
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
    yield Judgement(
        evidence=tuple(evidence),
        check=TRUST,
        title="The URL comes from this folder, the credentials do not",
        cause="Whoever wrote this folder's files decides where tokens go that your key signs. That is "
        "right in your own project and wrong in a folder that you have only downloaded."
        + (_HAS_SHOWN if proven else _HAS_NOT_SHOWN),
        symptom="",
        severity=Severity.INFO if proven else Severity.WARNING,
        confidence=Confidence.HINT,
        fix=(
            FixStep("Take URL and credentials from one place; or give the URL yourself: --url."),
            FixStep(
                "If this folder is your own, say so: everything is asked for at once then.",
                command="lkdoctor diagnose --trust-folder",
            ),
        ),
        location=url.location if url is not None else None,
    )


_HAS_SHOWN: Final = (
    " This server has shown that it holds the secret: it knows what could be sent to it."
)
_HAS_NOT_SHOWN: Final = (
    " The host got one token for a room of lkdoctor's own, or none, and has not shown that it holds "
    "the secret. (A server with several keys may have signed with another one.)"
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
) -> Iterator[Judgement]:
    key = env.used(Meaning.API_KEY)
    if key is None or not isinstance(url.result, ParsedUrl) or _known(signal, api):
        return
    if server_config is not None and any(one.ours for one in server_config.keys):
        return
    kind = url.result.host_kind
    place = Evidence(f"the URL ({url.origin})", url.raw, source="env")
    if kind is HostKind.CLOUD and key.looks is Looks.DEV_KEY:
        yield Judgement(
            evidence=(place, _seen(key, expected="API… of that project")),
            title="A LiveKit Cloud URL with the key of a local server",
            cause="devkey is the key of livekit-server --dev; no Cloud project has it.",
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
            fix=(
                FixStep(
                    "Take URL, key and secret from one project's settings page:",
                    snippet=Snippet("dotenv", "LIVEKIT_API_KEY=API…\nLIVEKIT_API_SECRET=…"),
                ),
                _restart(),
            ),
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
) -> Iterator[Judgement]:
    """A key whose server is another; its shape says nothing, as generate-keys writes API…, too."""
    cloud = _cloud_url_beside(env, key)
    if cloud is not None:
        beside = _seen(cloud, expected="the URL of a local server")
        yield Judgement(
            evidence=(*(() if refused is None else (refused,)), place, _seen(key), beside),
            severity=None if refused is None else Severity.ERROR,
            confidence=None if refused is None else Confidence.CERTAIN,
            location=key.location,
        )
    elif refused is not None and server is not None and server.dev_mode:
        open_to_all = Evidence("GET /debug/rooms", "open, as under --dev only", source="net")
        yield Judgement(
            evidence=(refused, open_to_all, place, _seen(key, expected="devkey")),
            title="This server runs with --dev and knows another key",
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
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


def _precedence(env: EnvFact) -> Iterator[Judgement]:
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
                yield Judgement(
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
                    title=_precedence_title(winner, hidden),
                    fix=_keep_one(winner, hidden),
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


def _precedence_title(winner: Variable, hidden: list[Variable]) -> str:
    if winner.name != hidden[0].name:
        return _fitting(f"{winner.name} and {hidden[0].name} differ")
    if winner.source is Kind.ENVIRONMENT:
        return _fitting(f"The environment's {winner.name} hides a file's")
    return _fitting(f"{winner.name} is set twice, and differs")


def _keep_one(winner: Variable, hidden: list[Variable]) -> tuple[FixStep, ...]:
    if winner.source is Kind.ENVIRONMENT:
        return (
            FixStep(
                "If the file is right, take the variable out of the environment:",
                command=shell.command("unset", winner.name),
            ),
            FixStep(f"If the environment is right, remove {', '.join(v.origin for v in hidden)}."),
            _restart("Restart the process; a dev server reads .env files only when it starts."),
        )
    return (
        FixStep(f"Keep one of {', '.join(v.origin for v in (winner, *hidden))}."),
        _restart("Restart the process; a dev server reads .env files only when it starts."),
    )


# env-secret-public-prefix


def _public_secret(env: EnvFact) -> Iterator[Judgement]:
    for variable in env.variables:
        if not variable.prefix or variable.looks is Looks.EMPTY or variable.looks in _NO_VALUE:
            continue
        shaped = variable.meaning is not Meaning.TOKEN and variable.looks is Looks.SECRET
        if variable.meaning is Meaning.API_SECRET or shaped:
            yield Judgement(
                evidence=(_seen(variable, expected=f"no {variable.prefix} in front of a secret"),),
                title=_fitting(f"{variable.name} is visible in the browser"),
                location=variable.location,
            )
        elif variable.meaning is Meaning.TOKEN:
            yield Judgement(
                evidence=(
                    _seen(variable, expected="a token from the app's server, for each user"),
                ),
                title=_fitting(f"{variable.name} is visible in the browser"),
                cause="A token in the browser's code is one token for everybody: all are the same "
                "participant and throw each other out, and it ends for all at once.",
                severity=Severity.WARNING,
                confidence=Confidence.LIKELY,
                fix=(FixStep("Fetch a token from the app's server right before joining."),),
                location=variable.location,
            )


# env-internal-vs-public-url


def _audience(
    env: EnvFact, url: UrlFact | None = None, network: "NetworkFact | None" = None
) -> Iterator[Judgement]:
    counted = env.used(Meaning.URL)
    if counted is not None and counted.host in {"0.0.0.0", "::"}:  # noqa: S104 - dialled, not bound
        yield Judgement(
            evidence=(_seen(counted, expected="an address that can be dialled: localhost"),),
            title=_fitting(f"{counted.host} is an address to listen on, not to dial"),
            cause="A server that listens on it takes connections on all its addresses; dialled, it is "
            "this machine on Linux and macOS and nothing on Windows, and browsers refuse it.",
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
                yield Judgement(
                    evidence=(_seen(variable, expected="a name that browsers can resolve"),),
                    title=_fitting(f"Browsers cannot resolve {host}"),
                    cause=f"{variable.name} goes to the browser, but {host} is a name inside a "
                    "compose network or an intranet.",
                    severity=Severity.ERROR,
                    location=variable.location,
                )


def _loopback_in_container(
    env: EnvFact, counted: Variable, url: UrlFact | None, network: "NetworkFact | None"
) -> Iterator[Judgement]:
    if url is None or not isinstance(url.result, ParsedUrl):
        return
    if url.result.host_kind is not HostKind.LOOPBACK:
        return
    if network is None:
        if counted.source in _CHOSEN:
            return  # said on purpose, a moment ago
    elif network.connected is not None:
        return  # a server does listen in here
    yield Judgement(
        evidence=(
            _seen(counted, expected="the name of the server's container or host"),
            Evidence("this process", f"runs in a container: {env.container}", source="env"),
        ),
        title="localhost inside a container is the container itself",
        severity=None if network is None else Severity.ERROR,
        # Until somebody dials, the server may well run in here: a dev container, a CI job.
        confidence=Confidence.HINT if network is None else None,
        fix=(
            FixStep(
                "Name the server as this container sees it: its compose service, or the host:",
                snippet=Snippet(
                    "dotenv",
                    f"LIVEKIT_URL=ws://livekit:{url.result.port}\n"
                    f"# or  LIVEKIT_URL=ws://host.docker.internal:{url.result.port}",
                ),
            ),
            FixStep("Give browsers a second variable with the address that they can reach."),
        ),
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


# ------------------------------------------------------------------ examples


def _healthy() -> "Facts":
    from lkdoctor.rules.examples import healthy

    return healthy()


def _with(*variables: Variable, **changes: Any) -> "Facts":
    """The healthy example with these variables in place of those of the same meaning and standing."""
    facts = _healthy()
    env = facts.env or EnvFact()
    kept = tuple(
        v
        for v in env.variables
        if not any(n.meaning is v.meaning and n.used and not n.prefix for n in variables)
    )
    env = env._replace(variables=kept + variables)
    # A server's answers would settle what the values alone leave open.
    return facts._replace(env=env._replace(**changes), api=None, signal=None, network=None)


def _without(meaning: Meaning) -> "Facts":
    facts = _healthy()
    env = facts.env or EnvFact()
    kept = tuple(v for v in env.variables if v.meaning is not meaning)
    return facts._replace(env=env._replace(variables=kept))


def _variable(name: str, meaning: Meaning, /, **changes: Any) -> Variable:
    variable = Variable(
        name=name,
        meaning=meaning,
        source=Kind.FOLDER_FILE,
        origin=".env.local:3",
        used=True,
        length=44,
        looks=Looks.SECRET,
        id="3f9a1c",
    )
    return variable._replace(**changes)


def _secret(**changes: Any) -> Variable:
    return _variable("LIVEKIT_API_SECRET", Meaning.API_SECRET, **changes)


def _key(**changes: Any) -> Variable:
    key = _variable("LIVEKIT_API_KEY", Meaning.API_KEY, origin=".env.local:2", id=None)
    return key._replace(length=15, looks=Looks.KEY, shown="APIxk…7Qm")._replace(**changes)


def _dev_key() -> Variable:
    return _key(looks=Looks.DEV_KEY, shown="devkey", length=6)


def _url(address: str, **changes: Any) -> Variable:
    host = address.partition("://")[2].partition(":")[0].partition("/")[0]
    url = _variable("LIVEKIT_URL", Meaning.URL, origin=".env.local:1", id=None)
    return url._replace(length=len(address), looks=Looks.URL, shown=address, host=host)._replace(
        **changes
    )


def _at(address: str, host_kind: HostKind, *variables: Variable, **changes: Any) -> "Facts":
    """The healthy example with another URL."""
    own = any(v.meaning is Meaning.URL and v.used for v in variables)
    facts = _with(*(() if own else (_url(address),)), *variables, **changes)
    url = facts.url
    if url is None or not isinstance(url.result, ParsedUrl):
        return facts
    scheme, _, host = address.partition("://")
    name, _, port = host.partition(":")
    parsed = url.result._replace(
        scheme=scheme,
        host=name,
        port=int(port or 443),
        explicit_port=bool(port),
        host_kind=host_kind,
    )
    return facts._replace(url=url._replace(raw=address, result=parsed))


def _cloud_pair_at_a_local_url() -> "Facts":
    """The file has the three values of a Cloud project, and ``--url`` names another server."""
    url = "ws://localhost:7880"
    hidden = _url("wss://demo-x4k2.livekit.cloud", used=False)
    hidden = hidden._replace(hidden_by="--url", hidden_by_source=Kind.OPTION)
    counted = _url(url, origin="--url", source=Kind.OPTION)
    return _at(url, HostKind.LOOPBACK, counted, hidden, _key())


def _sick_match(*, verifies: bool, issuer_is_key: bool) -> "Facts":
    return _with(
        token=TokenMatch(
            origin=".env.local:4",
            issuer="APIxk…7Qm" if issuer_is_key else "APIab…2Cd",
            issuer_is_key=issuer_is_key,
            issuer_is_secret=False,
            issuer_elsewhere=None,
            verifies=verifies,
            verifies_with=None,
        )
    )


_FILE: Final = Place(".env", Kind.FOLDER_FILE, found=True)
_SIGNATURE: Final = (
    "could not establish signal connection: invalid token: token signature is invalid"
)

RULES: Final = (
    Rule(
        code="env-file-unreadable",
        check="env.read",
        layer=Layer.ENV,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="A .env file cannot be read",
        symptoms=("api_key and api_secret must be set",),
        cause="A file that apps read at start is there, but no program can make variables of it, so "
        "what is written in it has no effect.",
        how="The file could not be opened, is no UTF-8 text, or a line in it is not NAME=value.",
        fix=(
            FixStep("Save it as a text file in UTF-8, one NAME=value a line, or remove it."),
            FixStep("Look again:", command="lkdoctor check-env"),
        ),
        source="python-dotenv, src/dotenv/main.py and parser.py; motdotla/dotenv lib/main.js",
        judge=_file_unreadable,
        sick=lambda: _with(
            places=(_FILE._replace(problem="is UTF-16, as PowerShell's > writes it"),)
        ),
        healthy=lambda: _with(places=(_FILE,)),
        related=("env-missing",),
    ),
    Rule(
        code="env-missing",
        check="env.set",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A LiveKit value is not set",
        symptoms=(
            "api_key and api_secret must be set",
            "url must be set",
            "MissingCredentialsError: API Key is required",
            "livekit_url, livekit_api_key, and livekit_api_secret must be set",
        ),
        cause="The process that connects or mints tokens needs URL, API key and API secret; each "
        "process reads its own environment, and a name of one's own is read by no SDK.",
        how="A name is absent or empty in every place that was looked in; similar names are shown.",
        fix=(FixStep("Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."),),
        source="livekit/agents#2455, #3188; python-sdks livekit-api/livekit/api/livekit_api.py",
        judge=_missing,
        sick=lambda: _without(Meaning.API_SECRET),
        healthy=_healthy,
        explains=("url-invalid-hang", "env-lk-default-localhost"),
        related=("env-file-precedence", "env-placeholder"),
    ),
    Rule(
        code="env-placeholder",
        check="env.clean",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A sample value was never replaced",
        symptoms=(
            "invalid API key: your-api-key",
            "getaddrinfo ENOTFOUND your-project.livekit.cloud",
        ),
        cause="The value is the one of an example or a template, or a reference that no program "
        "replaced.",
        how="The value matches the samples of READMEs and templates: your-…, <…>, xxx, ${…}.",
        fix=(FixStep("Put the project's own value in its place."), _restart()),
        source="livekit/egress#458",
        judge=_placeholder,
        sick=lambda: _with(_key(looks=Looks.PLACEHOLDER, shown="your-api-key", length=12)),
        healthy=lambda: _with(_key()),
        explains=(
            "config-key-unknown",
            "config-secret-differs",
            "url-invalid-hang",
            "url-no-scheme",
            "dns-nxdomain",
            "env-project-mismatch",
            "token-secret-too-short",
            "token-unknown-key",
            "token-bad-signature",
        ),
        related=("env-missing",),
    ),
    Rule(
        code="env-reference-outside",
        check="env.clean",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A value refers to something outside its file",
        symptoms=("getaddrinfo ENOTFOUND", "Failed to construct 'URL': Invalid URL"),
        cause="A value in a .env file has a ${NAME} that the file itself does not set. What an app "
        "puts there depends on where it is started; lkdoctor leaves it as it is written, as a file "
        "that somebody else wrote could otherwise send any variable of yours to a host of its choice.",
        how="The file does not set the name before the line that refers to it; or it does, and the "
        "environment or a stronger file sets it to something else.",
        fix=(
            FixStep("Write the value out, or set the name above it in the same file."),
            FixStep(
                "Where the app is meant to take it from the environment, set the finished value there."
            ),
            _restart(),
        ),
        source="python-dotenv, src/dotenv/main.py, resolve_variables; docs.docker.com, interpolation",
        judge=_reference_outside,
        sick=lambda: _with(
            _url("wss://${RTC_HOST}", faults=(Fault(FaultKind.LINE_OUTSIDE, "${RTC_HOST}"),))
        ),
        healthy=lambda: _with(_url("wss://rtc.example.com")),
        explains=(
            "config-key-unknown",
            "config-secret-differs",
            "url-invalid-hang",
            "url-no-scheme",
            "dns-nxdomain",
            "env-project-mismatch",
            "env-secret-altered",
            "token-secret-too-short",
            "token-unknown-key",
            "token-bad-signature",
        ),
        related=("env-placeholder", "env-file-precedence"),
    ),
    Rule(
        code="env-value-dirty",
        check="env.clean",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A value holds what does not belong to it",
        symptoms=(
            _SIGNATURE,
            "Failed to construct 'URL': Invalid URL",
            "access token has invalid characters",
        ),
        cause="A quotation mark, blank, line end or comment was taken for a part of the value. Not "
        "every reader of .env files drops the same: docker's --env-file drops none of them.",
        how="The value begins or ends with such a character, or holds an invisible one.",
        fix=(FixStep("Write the bare value."), _restart()),
        source="livekit/components-js#1017, element-hq/lk-jwt-service#93; "
        "docker/cli, pkg/kvfile (keeps quotes and blanks)",
        judge=_dirty,
        sick=lambda: _with(_secret(faults=(Fault(FaultKind.TRAILING_BLANK, "ends with a blank"),))),
        healthy=lambda: _with(_secret()),
        explains=(
            "config-key-unknown",
            "config-secret-differs",
            "url-invalid-hang",
            "url-no-scheme",
            "dns-nxdomain",
            "env-secret-altered",
            "env-project-mismatch",
            "token-bad-signature",
            "token-unknown-key",
            "token-not-jwt",
        ),
        related=("env-secret-altered",),
    ),
    Rule(
        code="env-key-secret-swapped",
        check="env.match",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="API key and API secret are exchanged",
        symptoms=(
            "could not establish signal connection: invalid API key",
            "401, message='Invalid response status', url='…/agent'",
        ),
        cause="The key's variable holds the secret, so tokens name the secret as their issuer: every "
        "server that sees one logs it.",
        how="The key is longer than keys are, or the secret looks like a key (API…); certain where a "
        "token's iss is the secret.",
        fix=(
            FixStep(
                "Exchange the two values:",
                snippet=Snippet("dotenv", "LIVEKIT_API_KEY=API…\nLIVEKIT_API_SECRET=…"),
            ),
            FixStep(
                "If the app has been used like this, make a new key and revoke the old one: the "
                "secret stands in logs.",
                destructive=True,
            ),
            _restart(),
        ),
        source="livekit/agents#1325",
        judge=_swapped,
        sick=lambda: _with(
            _key(looks=Looks.SECRET, length=44, shown=""),
            _secret(looks=Looks.KEY, length=15, id=None),
        ),
        healthy=lambda: _with(_key(), _secret()),
        explains=(
            "config-key-unknown",
            "config-secret-differs",
            "env-project-mismatch",
            "env-secret-altered",
            "token-unknown-key",
            "token-secret-too-short",
            "token-bad-signature",
        ),
        related=("env-project-mismatch",),
    ),
    Rule(
        code="env-secret-altered",
        check="env.match",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The API secret is not the one that belongs to the key",
        symptoms=(_SIGNATURE, "401 - invalid token"),
        cause="The key is right, the secret is not: a shell, compose or YAML changed it on the way "
        "($ # \\ are read as commands), or it belongs to an earlier key pair.",
        how="A token names the right key but does not verify; or the environment's value is what a "
        ".env line becomes when a program misreads it.",
        fix=(
            FixStep(
                "Copy the secret again into one place, in single quotes; in compose write $$ for $:",
                snippet=Snippet("dotenv", "LIVEKIT_API_SECRET='…'"),
            ),
            FixStep(
                "Compare the id on both sides; it is the same where the secret is:",
                command="lkdoctor check-env",
            ),
            _restart(),
        ),
        source="wlphi/ess-docker-compose#20; motdotla/dotenv lib/main.js (a bare # ends a value); "
        "docker compose interpolation",
        judge=_altered,
        sick=lambda: _sick_match(verifies=False, issuer_is_key=True),
        healthy=lambda: _sick_match(verifies=True, issuer_is_key=True),
        explains=("token-bad-signature", "token-secret-too-short"),
        related=("env-value-dirty", "token-bad-signature"),
    ),
    Rule(
        code="env-project-mismatch",
        check="env.match",
        layer=Layer.ENV,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="URL, key and token belong to different projects",
        symptoms=(
            "could not establish signal connection: invalid API key",
            "invalid API key for domain",
        ),
        cause="A server knows the keys of its own project only. URL, key pair or token come from "
        "another one: two projects, staging and production, or an old token.",
        how="The server answers 401 invalid API key; or the token's iss is not the key; or several "
        "Cloud projects stand in the files; or the folder names the URL and the credentials come "
        "from elsewhere, so that the host got next to nothing until it had shown that it holds the "
        "secret.",
        fix=(
            FixStep(
                "Take all three values from one project's page:",
                snippet=Snippet(
                    "dotenv", "LIVEKIT_URL=wss://…\nLIVEKIT_API_KEY=API…\nLIVEKIT_API_SECRET=…"
                ),
            ),
            FixStep("Let the app fail at start where one is missing, not fall back on another."),
            _restart(),
        ),
        source="livekit-examples/agent-starter-react#105, openimsdk/open-im-server#3385, #3397",
        judge=_mismatch,
        sick=lambda: _sick_match(verifies=False, issuer_is_key=False),
        healthy=lambda: _sick_match(verifies=True, issuer_is_key=True),
        explains=("token-unknown-key", "token-bad-signature"),
        related=("env-cloud-key-on-local-server", "env-file-precedence"),
    ),
    Rule(
        code="env-cloud-key-on-local-server",
        check="env.match",
        layer=Layer.ENV,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="A Cloud key is used with a local server",
        symptoms=("could not establish signal connection: invalid API key",),
        cause="A server knows the keys that it was started with and no other; one started with --dev and "
        "no keys knows devkey (secret: secret) alone.",
        how="The key stands beside a URL of LiveKit Cloud and is used with a local one, or the URL is "
        "LiveKit Cloud's and the key is devkey; certain where the server says 401 invalid API key, also "
        "of any API… key that a server with --dev refuses.",
        fix=(
            FixStep(
                "With a local server, use its own pair:",
                snippet=Snippet(
                    "dotenv",
                    "LIVEKIT_URL=ws://localhost:7880\nLIVEKIT_API_KEY=devkey\nLIVEKIT_API_SECRET=secret",
                ),
            ),
            FixStep(
                "Or give the server your pair:",
                snippet=Snippet("yaml", "keys:\n  API…: YOUR-SECRET"),
            ),
        ),
        source="livekit-examples/python-agents-examples#21; livekit-server cmd/server/main.go",
        judge=_wrong_kind_of_key,
        sick=_cloud_pair_at_a_local_url,
        # livekit-server generate-keys writes API…, too.
        healthy=lambda: _at("ws://localhost:7880", HostKind.LOOPBACK, _key()),
        explains=("env-project-mismatch", "token-unknown-key"),
        related=("env-project-mismatch",),
    ),
    Rule(
        code="env-file-precedence",
        check="env.agree",
        layer=Layer.ENV,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="A value is set in several places, and differs",
        symptoms=("new values have no effect",),
        cause="The stronger place wins: the environment before .env.local before .env, the last line "
        "of a file before the first. A changed value in a weaker place has no effect.",
        how="The same variable has different values in several places.",
        fix=(FixStep("Keep one of them."), _restart()),
        source="livekit-examples/agent-starter-react#105; Next.js docs, environment variables",
        judge=_precedence,
        sick=lambda: _with(
            _url("wss://rtc.example.com"),
            _url(
                "ws://localhost:7880",
                origin=".env:1",
                used=False,
                hidden_by=".env.local:1",
                hidden_by_source=Kind.FOLDER_FILE,
            ),
        ),
        healthy=lambda: _with(
            _url("wss://rtc.example.com"),
            _url(
                "wss://rtc.example.com",
                origin=".env:1",
                used=False,
                hidden_by=".env.local:1",
                hidden_by_source=Kind.FOLDER_FILE,
                same=True,
            ),
        ),
        related=("env-project-mismatch",),
    ),
    Rule(
        code="env-secret-public-prefix",
        check="env.private",
        layer=Layer.ENV,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The API secret is visible in the browser",
        symptoms=(),
        cause="Bundlers copy variables with this prefix into the browser's code. Whoever opens the "
        "page can read the secret and mint tokens for any room.",
        how="A variable with a public prefix is named or shaped like the API secret.",
        fix=(
            FixStep("Remove the variable, and mint tokens on a server."),
            FixStep(
                "Make a new API key and revoke this one: it has to count as known.",
                destructive=True,
            ),
            FixStep("Build and publish the app again."),
        ),
        source="Next.js docs, Bundling environment variables for the browser; Vite docs, Env variables",
        judge=_public_secret,
        sick=lambda: _with(
            _secret(
                name="NEXT_PUBLIC_LIVEKIT_API_SECRET", prefix="NEXT_PUBLIC_", origin=".env.local:7"
            )
        ),
        healthy=lambda: _with(
            _url("wss://rtc.example.com", name="NEXT_PUBLIC_LIVEKIT_URL", prefix="NEXT_PUBLIC_")
        ),
        related=("env-missing",),
    ),
    Rule(
        code="env-internal-vs-public-url",
        check="env.audience",
        layer=Layer.ENV,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="One URL is used for two audiences",
        symptoms=(
            "Connect call failed ('127.0.0.1', 7880)",
            "Cannot connect to host localhost:7880",
            "could not establish pc connection",
        ),
        cause="Inside a container localhost is the container; in a browser a compose service's name "
        "does not exist. Servers and browsers need an address each.",
        how="The URL's host is loopback and this process runs in a container; or a URL with a public "
        "prefix has a host that only an internal network knows.",
        fix=(
            FixStep(
                "Use two variables:",
                snippet=Snippet(
                    "dotenv",
                    "LIVEKIT_URL=ws://livekit:7880\nNEXT_PUBLIC_LIVEKIT_URL=wss://rtc.YOUR-DOMAIN",
                ),
            ),
            _restart("Restart both sides; the browser's code has to be built again."),
        ),
        source="ShayneP/local-voice-ai#6, suitenumerique/meet#452, livekit/agents#3335",
        judge=_audience,
        sick=lambda: _at(
            "ws://localhost:7880", HostKind.LOOPBACK, _dev_key(), container="/.dockerenv exists"
        ),
        healthy=lambda: _at("ws://localhost:7880", HostKind.LOOPBACK, _dev_key()),
        explains=("tcp-refused",),
        related=("dns-nxdomain", "tcp-refused"),
    ),
    Rule(
        code="env-lk-default-localhost",
        check="env.agree",
        layer=Layer.ENV,
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        title="lk talks to localhost here, whatever the app does",
        symptoms=(
            'Post "http://localhost:7880/twirp/livekit.RoomService/ListRooms": connection refused',
        ),
        cause="lk (livekit-cli) reads the server's address from LIVEKIT_URL and no other name; without it, and "
        "with a key and a secret set, it takes http://localhost:7880 and does not say so.",
        how="API key and secret are set, and LIVEKIT_URL is not.",
        fix=(
            FixStep(
                "Set LIVEKIT_URL, too:",
                snippet=Snippet("dotenv", "LIVEKIT_URL=wss://YOUR-PROJECT.livekit.cloud"),
            ),
            FixStep("Or name the project for each call:", command="lk --project NAME room list"),
        ),
        source="livekit/livekit-cli cmd/lk/utils.go, livekit/livekit-cli#313",
        judge=_lk_localhost,
        sick=lambda: _with(
            _url("wss://rtc.example.com", name="LIVEKIT_WS_URL", origin=".env.local:1")
        ),
        healthy=_healthy,
        related=("env-missing",),
    ),
)
