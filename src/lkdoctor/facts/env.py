"""The variables: where each was found, what hides it, what shape it has; never what a secret is.

The law of this file: of a secret's value nothing is kept but its length, its faults, and a
fingerprint that is worthless without the value (the first digits of an HMAC, and only where the
value is too long to be guessed from them).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.config.resolve import Kind, Meaning, Resolution, Resolved, Writing
from lkdoctor.config.target import Apart
from lkdoctor.redact import masked_key, register, safe, safe_url, visible, without_userinfo

ID_FROM: Final = 32
"""Characters from which on a value is too long to be guessed from six digits of its fingerprint."""


class FaultKind(StrEnum):
    """What can be wrong with a value, or with the line that it stands in."""

    QUOTES = "quotes"
    EQUALS = "equals"
    NAME = "name"
    COMMENT = "comment"
    LEADING_BLANK = "leading-blank"
    TRAILING_BLANK = "trailing-blank"
    LINE_END = "line-end"
    INNER_BLANK = "inner-blank"
    CONTROL = "control"
    INVISIBLE = "invisible"
    NOT_UTF8 = "not-utf8"
    # Of the line: readers of .env files differ on it.
    LINE_BLANK = "line-blank"
    LINE_COMMENT = "line-comment"
    LINE_HASH = "line-hash"
    LINE_DOLLAR = "line-dollar"
    LINE_REFERENCE = "line-reference"
    LINE_OUTSIDE = "line-outside"
    LINE_OTHERWISE = "line-otherwise"
    BYTE_ORDER_MARK = "byte-order-mark"
    # Of a secret: characters that shells, YAML and URLs are known to change.
    FRAGILE = "fragile"


LINE_FAULTS: Final = frozenset(
    {
        FaultKind.LINE_BLANK,
        FaultKind.LINE_COMMENT,
        FaultKind.LINE_HASH,
        FaultKind.LINE_DOLLAR,
        FaultKind.LINE_REFERENCE,
        FaultKind.LINE_OUTSIDE,
        FaultKind.LINE_OTHERWISE,
        FaultKind.BYTE_ORDER_MARK,
    }
)


class Fault(NamedTuple):
    what: FaultKind
    detail: str
    """``the quotes are part of the value``"""


ALTERING: Final = frozenset(
    {FaultKind.LINE_HASH, FaultKind.LINE_DOLLAR, FaultKind.LINE_REFERENCE, FaultKind.FRAGILE}
)
"""What makes some programs read another value than others."""


class Looks(StrEnum):
    """What a value looks like, whatever its name says."""

    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    """A sample that nobody replaced, or a reference that nothing replaced."""
    URL = "url"
    KEY = "key"
    """``API`` and some letters: what LiveKit Cloud and ``generate-keys`` make."""
    DEV_KEY = "dev-key"
    """``devkey``, of ``livekit-server --dev``."""
    REFERENCE = "reference"
    """The name of a place that keeps the value: ``op://…``, ``/run/secrets/…``."""
    TOKEN = "token"
    SECRET = "secret"
    """Long, and of letters and digits only."""
    OTHER = "other"


_NO_VALUE: Final = frozenset({Looks.PLACEHOLDER, Looks.REFERENCE})


class Variable(NamedTuple):
    """One variable in one place."""

    name: str
    meaning: Meaning
    source: Kind
    origin: str
    """``environment``, ``.env.local:3``, ``--url``"""
    used: bool
    length: int
    looks: Looks
    shown: str = ""
    """A URL, or a masked key; empty for what is secret."""
    id: str | None = None
    """Six digits by which two people can compare long secrets without showing them."""
    prefix: str = ""
    """The public prefix: ``NEXT_PUBLIC_``."""
    typo_of: str | None = None
    hidden_by: str | None = None
    """Where the value is that counts in place of this one."""
    hidden_by_source: Kind | None = None
    same: bool = False
    """Equal, blanks aside, to the value that counts for its meaning."""
    derived_from: str | None = None
    """How this value came from a .env line that reads otherwise: ``.env:3, cut at its #``."""
    host: str = ""
    """Of a URL."""
    faults: tuple[Fault, ...] = ()

    @property
    def location(self) -> str | None:
        """File and line, where it stands in a file."""
        files = {Kind.NAMED_FILE, Kind.FOLDER_FILE, Kind.PROJECT, Kind.LK}
        return self.origin if self.source in files and "(" not in self.origin else None


def value_faults(variable: Variable) -> tuple[Fault, ...]:
    """What is wrong with the value itself, whoever reads it."""
    return tuple(f for f in variable.faults if f.what not in LINE_FAULTS | ALTERING)


class Place(NamedTuple):
    """Where was looked."""

    label: str
    source: Kind
    found: bool
    problem: str | None = None
    unread_lines: tuple[int, ...] = ()


class TokenMatch(NamedTuple):
    """How the token at hand and the key pair at hand go together."""

    origin: str
    issuer: str
    """Masked."""
    issuer_is_key: bool
    issuer_is_secret: bool
    issuer_elsewhere: str | None
    """Where else that key stands: ``LIVEKIT_API_KEY of .env:2 (not used)``."""
    verifies: bool | None
    """With the secret as it is; None where there is no secret, or the algorithm is not HS256."""
    verifies_with: str | None
    """What it does verify with: ``the secret without its trailing blanks``."""


class EnvFact(NamedTuple):
    """All that is configured, as far as it may be shown."""

    variables: tuple[Variable, ...] = ()
    """By meaning, the one that counts first."""
    places: tuple[Place, ...] = ()
    """Strongest first."""
    directory: str = "."
    container: str | None = None
    """What shows that this process runs in a container."""
    token: TokenMatch | None = None
    apart: Apart | None = None
    """The folder names the host, and credentials that are not the folder's would go there."""

    def used(self, meaning: Meaning) -> Variable | None:
        """The value that counts: the plain name's, else the one with a public prefix."""
        mine = [v for v in self.variables if v.used and v.meaning is meaning]
        return next((v for v in mine if not v.prefix), mine[0] if mine else None)


def env_fact(resolution: Resolution) -> EnvFact:
    """What may be known of the configuration."""
    values = [resolved for resolved in resolution.values if _belongs(resolved)]
    for resolved in values:
        _protect(resolved)
    counts = {
        meaning: next(
            (
                v.value.text
                for v in sorted(values, key=lambda v: bool(v.name.prefix))
                if v.used and v.name.meaning is meaning
            ),
            "",
        )
        for meaning in Meaning
    }
    variables = [_variable(resolved, values, counts) for resolved in values]
    order = list(Meaning)
    variables.sort(
        key=lambda v: (order.index(v.meaning), v.typo_of is not None, bool(v.prefix), not v.used)
    )
    return EnvFact(
        variables=tuple(variables),
        places=tuple(
            Place(s.label, s.kind, s.found, s.problem, s.unread_lines) for s in resolution.sources
        ),
        directory=resolution.directory,
        container=resolution.container,
        token=_token_match(resolution, values, counts),
        apart=resolution.target.apart,
    )


def _belongs(resolved: Resolved) -> bool:
    # A name that only resembles one is worth a word where it holds something.
    return resolved.name.typo_of is None or bool(resolved.value.text.strip())


def _variable(
    resolved: Resolved, values: Iterable[Resolved], counts: Mapping[Meaning, str]
) -> Variable:
    value, name = resolved.value, resolved.name
    text = value.text
    looks = looks_like(text)
    winner = resolved.winner
    counted = counts[name.meaning] if winner is None else winner.text
    return Variable(
        name=safe(value.name, 80),
        meaning=name.meaning,
        source=resolved.kind,
        origin=value.origin,
        used=resolved.used,
        length=len(text),
        looks=looks,
        shown=_shown(text, name.meaning, looks),
        id=_fingerprint(text, counts[Meaning.API_KEY])
        if name.meaning is Meaning.API_SECRET
        else None,
        prefix=name.prefix,
        typo_of=name.typo_of,
        hidden_by=None if winner is None else _place(winner.name, value.name, winner.origin),
        hidden_by_source=None
        if winner is None
        else next(v.kind for v in values if v.value is winner),
        same=bool(text.strip()) and _plain(text, name.meaning) == _plain(counted, name.meaning),
        derived_from=_derived_from(resolved, values),
        host=_host(text) if name.meaning is Meaning.URL else "",
        faults=tuple(_faults(text, name.meaning, value.writing)),
    )


def _plain(text: str, meaning: Meaning) -> str:
    """What of a value counts: of a URL neither the slash at its end nor whether it says ws or http.

    Every client swaps these as it needs, and many apps keep one form for each.
    """
    text = text.strip()
    if meaning is not Meaning.URL:
        return text
    scheme, mark, rest = text.partition("://")
    scheme = {"https": "wss", "http": "ws"}.get(scheme.lower(), scheme.lower())
    return f"{scheme}{mark}{rest.rstrip('/')}"


def _place(name: str, other: str, origin: str) -> str:
    return origin if name == other else f"{safe(name, 80)}, {origin}"


# ------------------------------------------------------------------ what may be shown


def _protect(resolved: Resolved) -> None:
    """Let the redaction know what stands where a URL or a key should be and may be a secret."""
    text = resolved.value.text.strip()
    if resolved.name.meaning is Meaning.URL and looks_like(text) is Looks.SECRET:
        register(text)


def _shown(text: str, meaning: Meaning, looks: Looks) -> str:
    if meaning is Meaning.URL:
        return safe_url(text, 200)
    if meaning is not Meaning.API_KEY or looks in {Looks.EMPTY, Looks.TOKEN, Looks.SECRET}:
        return ""
    if looks in _NO_VALUE:
        return safe(text, 80)
    core = text.strip().strip(_QUOTES)
    if len(core) > 20:
        return ""
    start = text.find(core) if core else 0
    return visible(text[:start][-3:] + masked_key(core) + text[start + len(core) :][:3])


def _fingerprint(text: str, key: str) -> str | None:
    text = text.strip()
    if len(text) < ID_FROM or not key.strip():
        return None
    import hashlib
    import hmac

    digest = hmac.new(_bytes(key.strip()), _bytes(text), hashlib.sha256)
    return digest.hexdigest()[:6]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _host(url: str) -> str:
    rest = without_userinfo(url)[0].strip().strip(_QUOTES)
    rest = rest.partition("://")[2] or rest
    for end in "/?#":
        rest = rest.partition(end)[0]
    host = rest[1:].partition("]")[0] if rest.startswith("[") else rest.partition(":")[0]
    return safe(host.lower(), 253)


# ------------------------------------------------------------------ what a value looks like

# No regular expressions where a comparison will do: compiling a dozen takes longer than all the rest.

_QUOTES: Final = "\"'“”‘’«»`"
_FILLER: Final = frozenset("x.…*-")
_UNSET: Final = frozenset({"undefined", "null", "none", "nil", "n/a", "[object object]"})
_ASKING: Final = (
    "changeme", "change-me", "change_me", "change this", "change-this", "change_this",
    "replaceme", "replace-me", "replace_me", "replace with", "replace-with", "replace_with",
    "placeholder", "todo", "fixme",
)  # fmt: skip
_LEADS: Final = (
    "insert", "paste", "enter", "add", "set", "put", "the", "my", "some", "dummy", "fake", "sample",
    "example",
)  # fmt: skip
_HOSTS: Final = frozenset(
    {
        "myapp", "myproject", "mylivekitapp", "mylivekitproject", "mysubdomain", "mydomain", "project",
        "projectname", "projectid", "projectsubdomain", "subdomain", "myurl", "url",
    }
)  # fmt: skip


def looks_like(text: str) -> Looks:
    """What a value looks like, blanks and quotes around it aside."""
    core = text.strip().strip(_QUOTES).strip()
    lower = core.lower()
    if not core:
        return Looks.EMPTY
    if _is_token(core):
        return Looks.TOKEN
    if lower.startswith(_KEPT_ELSEWHERE):
        return Looks.REFERENCE
    if len(core) < 200 and _is_placeholder(lower):
        return Looks.PLACEHOLDER
    if lower.startswith(_SCHEMES):
        return Looks.URL
    if core == "devkey":
        return Looks.DEV_KEY
    plain = core.isascii() and core.isalnum()
    if plain and core.startswith("API") and 11 <= len(core) <= 20:
        return Looks.KEY
    if len(core) > 20 and (plain or _is_opaque(core)):
        return Looks.SECRET
    return Looks.OTHER


_SCHEMES: Final = ("ws://", "wss://", "http://", "https://")
_KEPT_ELSEWHERE: Final = (
    "op://", "vault:", "vault://", "arn:aws", "ref+", "secret://", "secrets://", "doppler://",
    "@microsoft.keyvault(", "enc[", "encrypted:", "/run/secrets/", "/var/run/secrets/", "$(", "file://",
)  # fmt: skip
"""What secret managers, Docker and shells put in a value's place until something fetches it."""


def _is_opaque(text: str) -> bool:
    """Base64 or its like."""
    bare = "".join(text.split("+")).replace("/", "").replace("=", "").replace("_", "")
    return text.isascii() and bare.replace("-", "").isalnum()


def _is_token(core: str) -> bool:
    core = core.removeprefix("Bearer ").removeprefix("bearer ").lstrip()
    return core.startswith("eyJ") and core.count(".") == 2 and " " not in core


def _is_placeholder(lower: str) -> bool:
    """A sample of a README or a template, or a reference that nothing replaced."""
    host = lower.partition("://")[2].rstrip("/").removesuffix(".livekit.cloud")
    core = host or lower
    opaque = len(core) > 30 and core.isalnum()  # a random text may hold any short word
    return (
        lower in _UNSET
        or _is_reference(lower)
        or ("<" in core and ">" in core)
        or (core[0] in "[{" and core[-1] in "]}" and ":" not in core)
        or (core.startswith("__") and core.endswith("__"))
        or core.startswith("your")
        or any(f"{gap}your{end}" in core for gap in "-_ ./" for end in "-_ ")
        or (not opaque and any(word in core for word in _ASKING))
        or (len(core) > 1 and set(core.removeprefix("api")) <= _FILLER and core != "api")
        or core == "…"
        or (bool(host) and "".join(core.replace("-", "").split("_")) in _HOSTS)
        or _is_own_name(core)
    )


def _is_reference(lower: str) -> bool:
    name = lower.strip("${}%").removeprefix("env:")
    wrapped = lower.startswith("$") or (lower.startswith("%") and lower.endswith("%"))
    plain = name.partition(":")[0].replace("_", "").isalnum()
    whole = lower.startswith("${") == lower.endswith("}")
    return (wrapped and plain and whole and name.isascii()) or lower.startswith("process.env.")


def _is_own_name(core: str) -> bool:
    """``my-api-key``, ``LIVEKIT_API_SECRET``, ``insert key here``: the name in the value's place."""
    word = core.replace("-", "").replace("_", "").replace(" ", "").removesuffix("here")
    lead = next((lead for lead in _LEADS if word.startswith(lead)), "")
    word = word.removeprefix(lead).removeprefix("the").removeprefix("livekit")
    api = word.startswith("api")
    known = word.removeprefix("api") in {"key", "secret", "url", "token"}
    # "secret" is what --dev uses, "mykey: mysecret" what LiveKit's own guide has in a real server.
    return known and (api or lead not in {"", "my"} or core.startswith("livekit"))


# ------------------------------------------------------------------ faults

_NAMED: Final = {
    "\xa0": "a non-breaking space",
    "\xad": "a soft hyphen",
    "\u200b": "a zero-width space",
    "\u200c": "a zero-width non-joiner",
    "\u200d": "a zero-width joiner",
    "\ufeff": "a byte-order mark",
    "\x00": "a NUL",
    "\x1b": "an escape character",
}


def _faults(text: str, meaning: Meaning, writing: Writing | None) -> Iterator[Fault]:
    yield from _value_faults(text, meaning)
    if writing is not None:
        yield from _line_faults(text, meaning, writing)


def _value_faults(text: str, meaning: Meaning) -> Iterator[Fault]:
    if not text:
        return
    yield from _character_faults(text)
    yield from _edge_faults(text)
    core = text.strip(" \t\r\n")
    yield from _form_faults(core)
    if any(f"{blank}#" in core for blank in " \t"):
        yield Fault(FaultKind.COMMENT, "a # comment is part of the value")
    elif len(core.split()) > 1 and not (meaning is Meaning.TOKEN and core.startswith("Bearer ")):
        yield Fault(FaultKind.INNER_BLANK, "holds a blank in the middle")
    if meaning is Meaning.API_SECRET and looks_like(text) not in _NO_VALUE:
        yield from _fragile(core)


def _character_faults(text: str) -> Iterator[Fault]:
    if text.isprintable() and text.isascii():
        return
    if any("\ud800" <= character <= "\udfff" for character in text):
        yield Fault(FaultKind.NOT_UTF8, "holds bytes that are not UTF-8")
    said: set[FaultKind] = set()
    for place, character in enumerate(text, 1):
        kind = _character_kind(character)
        if kind is not None and kind not in said:
            said.add(kind)
            word = "a control" if kind is FaultKind.CONTROL else "an invisible"
            name = _NAMED.get(character, f"{word} character")
            yield Fault(kind, f"holds {name} (U+{ord(character):04X}) as character {place}")


def _character_kind(character: str) -> FaultKind | None:
    import unicodedata

    if character in " \t\r\n":
        return None
    category = unicodedata.category(character)
    if category == "Cc":
        return FaultKind.CONTROL
    return FaultKind.INVISIBLE if category in {"Cf", "Zs", "Zl", "Zp"} else None


def _form_faults(core: str) -> Iterator[Fault]:
    if core.startswith("="):
        yield Fault(FaultKind.EQUALS, "begins with =, as if the line had two of them")
    name = core.partition("=")[0].removeprefix("export").strip()
    if "LIVEKIT_" in name and name.replace("_", "").isalpha() and "=" in core:
        yield Fault(FaultKind.NAME, "begins with the variable's name: the whole line was pasted")
    if len(core) > 1 and core[0] in _QUOTES and core[-1] in _QUOTES:
        yield Fault(FaultKind.QUOTES, "the quotes are part of the value")
    elif core and (core[0] in _QUOTES or core[-1] in _QUOTES):
        yield Fault(FaultKind.QUOTES, "one quotation mark is part of the value")


def _edge_faults(text: str) -> Iterator[Fault]:
    if text[0] in " \t\r\n":
        yield Fault(FaultKind.LEADING_BLANK, "begins with a blank")
    tail = text[len(text.rstrip(" \t\r\n")) :]
    if "\r" in tail or "\n" in tail:
        end = {"\r": "a carriage return", "\n": "a line end"}.get(tail.strip(" \t"), "line ends")
        yield Fault(FaultKind.LINE_END, f"ends with {end}")
    elif tail:
        yield Fault(FaultKind.TRAILING_BLANK, "ends with a blank")


def _fragile(secret: str) -> Iterator[Fault]:
    marks = [mark for mark in "$#\\:&%+=/" if mark in secret]
    if not secret.isascii() and not any(map(_character_kind, secret)):
        marks.append("letters beyond ASCII")
    if secret.isdigit():
        marks.append("digits alone")
    if marks:
        yield Fault(FaultKind.FRAGILE, " ".join(marks))


def _line_faults(text: str, meaning: Meaning, writing: Writing) -> Iterator[Fault]:
    if writing.blank_after and not writing.quote:
        yield Fault(FaultKind.LINE_BLANK, "the line ends with a blank")
    if writing.comment_after and not writing.quote:
        yield Fault(FaultKind.LINE_COMMENT, "a # comment stands behind the value")
    if writing.node_length is not None and not writing.comment_after:
        yield Fault(
            FaultKind.LINE_HASH,
            f"dotenv for Node stops at the #: {writing.node_length} characters, "
            f"python-dotenv reads {len(text)}",
        )
    if writing.references:
        yield Fault(FaultKind.LINE_REFERENCE, "a ${…} in it was replaced")
    elif meaning is not Meaning.URL and re.search(r"\$[A-Za-z_]", text):
        yield Fault(
            FaultKind.LINE_DOLLAR,
            "Next, Vite and compose replace what follows a $, python-dotenv does not",
        )
    if writing.outside:
        yield Fault(FaultKind.LINE_OUTSIDE, _references(writing.outside))
    if writing.otherwise:
        yield Fault(FaultKind.LINE_OTHERWISE, _references(writing.otherwise))
    if writing.byte_order_mark:
        yield Fault(FaultKind.BYTE_ORDER_MARK, "the file begins with a byte-order mark")


def _references(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"${{{safe(name, 80)}}}" for name in names[:3])
    return shown + (" …" if len(names) > 3 else "")


def _derived_from(resolved: Resolved, values: Iterable[Resolved]) -> str | None:
    """How an environment's value came from a .env line, where it reads otherwise there."""
    if resolved.kind is not Kind.ENVIRONMENT or not resolved.value.text:
        return None
    text = resolved.value.text
    for other in values:
        if other.value.writing is None or other.value.name != resolved.value.name:
            continue
        written = other.value.text
        if written == text or not written:
            continue
        for changed, how in _changes(written):
            if changed == text:
                return f"{other.value.origin}, {how}"
    return None


def _changes(written: str) -> Iterator[tuple[str, str]]:
    for quote in "\"'":
        yield quote + written + quote, "with the quotes that stand around it there"
    yield written + " ", "with the blank at the end of the line"
    yield written + "\r", "with the carriage return of a Windows line end"
    yield written + "\n", "with a line end"
    if "#" in written:
        yield written.split("#", maxsplit=1)[0].rstrip(), "cut at its #"
    if "$" in written:
        yield re.sub(r"\$(?:\w+|\{[^}]*\})", "", written), "without what follows its $"
        yield written.replace("$$", "$"), "with one $ of two"
    if "\\" in written:
        yield written.replace("\\", ""), "without its backslashes"
    if written.endswith("="):
        yield written.rstrip("="), "without the = at its end"


# ------------------------------------------------------------------ token and key pair


def _token_match(
    resolution: Resolution, values: Iterable[Resolved], counts: Mapping[Meaning, str]
) -> TokenMatch | None:
    setting = resolution.target.token
    if setting is None:
        return None
    parts = _signed_parts(setting.value.reveal())
    if parts is None:
        return None
    signed, signature, algorithm, issuer = parts
    key, secret = counts[Meaning.API_KEY].strip(), counts[Meaning.API_SECRET]

    def verifies(candidate: str) -> bool:
        import hashlib
        import hmac

        expected = hmac.digest(_bytes(candidate), signed, hashlib.sha256)
        return hmac.compare_digest(expected, signature)

    usable = algorithm == "HS256" and bool(secret)
    return TokenMatch(
        origin=setting.origin,
        issuer="" if issuer == secret.strip() else masked_key(issuer),
        issuer_is_key=bool(key) and issuer == key,
        issuer_is_secret=bool(secret.strip()) and issuer == secret.strip(),
        issuer_elsewhere=_elsewhere(
            values, Meaning.API_KEY, key, lambda text: text.strip() == issuer
        ),
        verifies=verifies(secret) if usable else None,
        verifies_with=_verifies_with(secret, values, verifies)
        if usable and not verifies(secret)
        else None,
    )


def _signed_parts(text: str) -> tuple[bytes, bytes, str, str] | None:
    import base64
    import binascii
    import json

    text = text.strip().strip(_QUOTES)
    if not _is_token(text) or len(text) > 64 * 1024:
        return None
    head, payload, signature = text.split()[-1].split(".")
    try:
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in (head, payload)
        )
        mac = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    issuer = claims.get("iss")
    return (
        f"{head}.{payload}".encode(),
        mac,
        str(header.get("alg")),
        issuer if isinstance(issuer, str) else "",
    )


def _verifies_with(
    secret: str, values: Iterable[Resolved], verifies: Callable[[str], bool]
) -> str | None:
    core = secret.strip()
    for candidate, words in (
        (core, "the secret without the blanks around it"),
        (core.strip(_QUOTES), "the secret without the quotes around it"),
        (secret.lstrip("="), "the secret without the = before it"),
        (secret + "\n", "the secret followed by a line end"),
    ):
        if candidate and candidate != secret and verifies(candidate):
            return words
    return _elsewhere(values, Meaning.API_SECRET, secret, verifies)


def _elsewhere(
    values: Iterable[Resolved], meaning: Meaning, counted: str, test: Callable[[str], bool]
) -> str | None:
    for resolved in values:
        text = resolved.value.text
        if resolved.name.meaning is meaning and text not in {"", counted} and test(text):
            return f"{safe(resolved.value.name, 80)} of {resolved.value.origin} (not used)"
    return None
