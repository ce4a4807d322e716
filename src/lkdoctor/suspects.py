"""What may be a secret in foreign text although nobody has told us: by its shape, or by its name.

The law of this file: it gives the places of secrets in a text, in time that grows with the text
alone, whatever the text is. Prose *about* a secret is none: “token: expired”, “the secret is too
short”, “Basic authentication”. `lkdoctor.redact` asks it of every text that comes from outside,
as the text is written and as it reads when its escapes are undone.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

Place = tuple[int, int]
"""Start and end."""

REDACTED: Final = "<redacted>"
TOKEN: Final = "<token>"
MARKS: Final = (REDACTED, TOKEN)
"""What stands in the place of secrets that were found before."""

# A pattern is compiled when its needle is first seen (`re` keeps it): most text has none of them.

_PART: Final = r"[A-Za-z0-9_-]"
_CUT: Final = rf"eyJ{_PART}{{6,}}(?:\.{_PART}*){{0,2}}"
# A pattern that begins where a word begins reads a text once.
_WHOLE: Final = rf"(?i)(?<!{_PART})eyj{_PART}{{8,}}\.{_PART}{{8,}}\.{_PART}{{8,}}"
# Blanks before the header's brace change its first letters (RFC 7515 section 2).
_FIRST: Final = rf"(?<!{_PART})([eICD7]{_PART}{{7,}})(?:\.{_PART}*){{2,4}}"


def tokens(text: str) -> Iterator[Place]:
    """JWTs: by their first letters, even cut short; in any case of letters; by their header."""
    if "eyJ" in text:
        for found in re.finditer(_CUT, text):
            yield found.span()
    if text.count(".") < 2:
        return
    for found in re.finditer(_WHOLE, text):
        yield found.span()
    for found in re.finditer(_FIRST, text):
        if _is_header(found[1]):
            yield found.span()


def _is_header(part: str) -> bool:
    """Whether a token's first part decodes to what begins as a JSON object."""
    cut = part[: min(len(part) & ~3, 1024)]
    try:
        head = base64.urlsafe_b64decode(cut)
    except binascii.Error:
        return False
    return re.match(rb"(?:\xef\xbb\xbf)?\s*\{\s*[\"}]", head) is not None


def credentials(text: str, folded: str) -> Iterator[Place]:
    """What stands where a secret belongs: behind its name, in a header, in a URL, in a call.

    Args:
        text: foreign text.
        folded: the same in lower case, character for character.
    """
    for needles, find in _FINDERS:
        for needle in needles:
            if needle in folded:
                yield from find(text)
                break


# ------------------------------------------------------------------ behind its name

_NAME: Final = (
    r"(?:secret(?:[_-]?(?:access[_-]?)?key)?|passw(?:or)?d|passphrase|pwd|credential|token"
    r"|private[_-]?key)"
)
_OPENS: Final = r"\\{0,7}[\"'`]"
_ASSIGNED: Final = (
    rf"(?i){_NAME}(?:\\{{0,7}}[\"'\]]){{0,2}}[ \t]{{0,8}}(?P<sign>=>|:=|[:=](?![:=]))[ \t]{{0,8}}"
    rf"(?:(?P<open>{_OPENS})(?P<quoted>(?:(?!(?P=open))(?:\\.|[^\r\n\\]))*)"
    r"|(?P<bare>[^\s\"'`<>&;]+))"
)
_STATES: Final = frozenset(
    {
        "true", "false", "null", "none", "nil", "undefined", "missing", "expired", "invalid", "yes",
        "no", "required", "optional", "empty", "unset", "set", "present", "absent", "malformed",
        "rejected", "failed", "denied", "bad", "wrong", "unknown", "ok", "valid", "short", "long",
        "mismatch", "masked", "redacted", "hidden", "unauthorized", "forbidden", "error", "revoked",
    }
)  # fmt: skip
"""What is said of a secret rather than being one."""


def _named(text: str) -> Iterator[Place]:
    for found in re.finditer(_ASSIGNED, text):
        if found["quoted"]:
            yield found.span("quoted")
        elif found["bare"]:
            start, end = found.span("bare")
            if found["sign"] == ":":
                if _given(text, found.start(), start, end):
                    yield start, start + len(found["bare"].rstrip(",)]}"))
            elif not _is_code(found["bare"]) and _word(found["bare"]) not in _STATES:
                if _is_variable(text, found.start(), found.end("sign")):
                    yield start, _line_end(text, start)
                else:
                    yield start, start + len(found["bare"].rstrip(",)]}"))


def _word(value: str) -> str:
    return value.strip(".,;:!?()[]{}*").lower()


def _is_code(value: str) -> bool:
    """A reference to a value rather than the value itself."""
    return (
        value.startswith(("$", "%", "{", "[", "process.env", "os.environ", "import.meta", "await"))
        or re.match(r"[A-Za-z_][\w.]*\(", value) is not None
        or value == "\\"
    )


def _is_variable(text: str, name: int, sign: int) -> bool:
    """Whether a line begins with the assignment of a variable in capitals, as in a .env file."""
    start = text.rfind("\n", max(0, name - 80), name) + 1
    if name - start >= 80:
        return False
    return re.fullmatch(r"\s*(?:export\s+)?[A-Z0-9_]+=", text[start:sign]) is not None


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    line = text[start : len(text) if end < 0 else end]
    return start + len(line.partition(" #")[0].rstrip())


def _given(text: str, name: int, start: int, end: int) -> bool:
    """Whether what stands behind a name and a colon is its value rather than a remark on it."""
    value = text[start:end]
    word = _word(value)
    if not word or word in _STATES or _is_code(value) or value.endswith(":") or "://" in value:
        return False
    if word.isdigit() and len(word) < 6:
        return False
    if is_opaque(value.rstrip(",)]}.")):
        return True
    # As YAML or an object has it: nothing but the name before it, nothing but the value behind.
    alone = re.match(r"[ \t]*(?:$|[\r\n,}\]|\"'])", text[end : end + 40]) is not None
    alone = alone or value[-1] in ",}]"
    before = text[max(0, name - 60) : name]
    return alone and re.search(r"(?:^|[\n\r{,(\"'\[]|- |\\n)[ \t]*[\w.-]*$", before) is not None


def is_opaque(value: str) -> bool:
    """Whether no word and no number looks like this."""
    if len(value) < 8 or re.match(r"\d{4}-\d\d-\d\d", value):
        return False
    bare = value.rstrip("=")
    if re.fullmatch(r"[A-Za-z0-9+/=_.~!@#$%^*-]+", value) is None:
        return False
    letters = sum(map(str.isalpha, bare))
    digits = sum(map(str.isdigit, bare))
    if letters and digits:
        return True
    # Letters alone, capitals in the middle of them: base64, but not a name in camel case.
    return len(bare) >= 20 and bare.isalpha() and not (bare.islower() or bare.isupper())


_OF_OPTIONS: Final = _STATES | {
    *("is", "are", "was", "must", "requires", "needs", "takes", "wants", "to", "and", "or", "for"),
    *("not", "option", "flag", "argument", "has", "can", "should", "may", "in", "of", "as", "with"),
    *("from", "given", "expected", "file", "value", "needed", "does", "instead", "on", "but"),
    *("secret", "token", "password"),
}
"""What follows the name of an option in a sentence about it."""


def by_chance(text: str, shortest: int = 32) -> Iterator[Place]:
    """Runs of letters in both cases and digits that nobody would choose for a name.

    As LiveKit's generators of secrets write them: 43 of base 62, or as long in base64. For values
    in which only a secret in the wrong place looks so: a URL, a key, a proxy.
    """
    for found in re.finditer(rf"[A-Za-z0-9+=_-]{{{shortest},}}", text):
        run = found[0]
        if any(map(str.isdigit, run)) and run != run.lower() and run != run.upper():
            yield found.span()


def _arguments(text: str) -> Iterator[Place]:
    """``--api-secret VALUE`` of a command line, and of a list of its words."""
    pattern = (
        r"(?i)--(?:[a-z]+-){0,3}(?:secret|password|passwd|token|credential)"
        rf"(?:[\"'],?)?[ \t]+(?:(?P<open>{_OPENS})(?P<quoted>(?:(?!(?P=open))[^\r\n])+)"
        r"|(?P<bare>[^\s\"'`<>&;|-][^\s\"'`<>&;|]*))"
    )
    for found in re.finditer(pattern, text):
        if found["quoted"]:
            yield found.span("quoted")
        elif not _is_code(found["bare"]) and _word(found["bare"]) not in _OF_OPTIONS:
            yield found.span("bare")


# ------------------------------------------------------------------ keys of a server


def _pairs(text: str) -> Iterator[Place]:
    """The secrets of ``LIVEKIT_KEYS`` and ``keys:``, each behind its key."""
    for found in re.finditer(
        rf"(?i)livekit_keys(?:\\{{0,7}}[\"'])?\s{{0,8}}[=:]\s{{0,8}}"
        rf"(?:(?P<open>{_OPENS})(?P<quoted>(?:(?!(?P=open)).)*)|(?P<bare>[^\r\n]+))",
        text,
        re.DOTALL,
    ):
        name = "quoted" if found["open"] else "bare"
        yield from _values(found[name], found.start(name))
    for found in re.finditer(
        r"(?i)(?<![A-Za-z])keys\\{0,7}[\"']?\s{0,8}:\s{0,8}\{([^{}]+)\}", text
    ):
        yield from _values(found[1], found.start(1))
    block = (
        r"(?im)^[ \t]*keys[ \t]*:[ \t]*\r?\n((?:[ \t]+[^\s:]+[ \t]*:[ \t]+[^\r\n]+(?:\r?\n|$))+)"
    )
    for found in re.finditer(block, text):
        yield from _values(found[1], found.start(1))
    # A line of such a block alone: what begins as LiveKit's keys do (utils/id.go).
    line = r"(?<![A-Za-z0-9])API[A-Za-z0-9]{8,20}(?:\\{0,7}[\"'])?[ \t]{0,8}[:=][ \t]{0,8}"
    for found in re.finditer(line + r"(?:\\{0,7}[\"'])?([^\s\"'<>,}]{8,})", text):
        if is_opaque(found[1]):
            yield found.span(1)


def _values(text: str, offset: int) -> Iterator[Place]:
    """Of ``key: secret`` pairs, one a line or with commas between them, the secrets."""
    for found in re.finditer(r":[ \t]*(?:\\{0,7}[\"'])?([^\s\"',\\}{][^\r\n\"',\\}{]*)", text):
        if not re.fullmatch(r"\d{1,5}|true|false|null", found[1].strip()):
            yield offset + found.start(1), offset + found.start(1) + len(found[1].rstrip())
    # Longer than any key, and before the colon: they were swapped.
    for start, end in by_chance(text, 21):
        yield offset + start, offset + end


# ------------------------------------------------------------------ headers and calls

_SCHEMES: Final = frozenset(
    {"bearer", "basic", "digest", "token", "negotiate", "ntlm", "hawk", "apikey", "jwt", "key"}
)


def _headers(text: str) -> Iterator[Place]:
    """The values of headers that carry credentials, to the end of their line or quotes."""
    pattern = (
        r"(?i)(?P<before>\\{0,7}[\"'])?(?<![A-Za-z0-9])(?P<name>(?:set-)?cookie2?|(?:proxy-)?authorization)"
        r"(?:\\{0,7}[\"'])?[ \t]{0,8}[:=][ \t]{0,8}(?P<open>\\{0,7}[\"'])?"
        r"(?P<value>(?:(?!\\[rn])[^\r\n<])+)"
    )
    for found in re.finditer(pattern, text):
        # Quotes are around the value, around the line (curl -H "…"), or in it (Digest).
        if text.startswith(MARKS, found.end("value")):
            continue
        value = _to_the_quote(found["value"], (found["open"] or found["before"] or "")[-1:])
        value, start = value.rstrip(" \t"), found.start("value")
        if found["name"].lower().endswith(("cookie", "cookie2")):
            if "=" in value or is_opaque(value):
                yield start, start + len(value)
            continue
        first, _, rest = value.partition(" ")
        if first.lower() in _SCHEMES or (rest and not _is_prose(value)):
            if rest and not _is_prose(rest):
                yield start + len(value) - len(rest.lstrip()), start + len(value)
        elif not rest and value and _word(first) not in _STATES:
            yield start, start + len(value)


def _to_the_quote(value: str, quote: str) -> str:
    """What of a header's line is its value; the parameters of a scheme may be in quotes."""
    ends = quote or "\"'"
    found = re.match(rf"(?:=\"[^\"]*\"|[^{ends}])*", value)
    return found[0].rstrip("\\") if found else ""


def _schemes(text: str) -> Iterator[Place]:
    """``Bearer …`` as a header has it, but not "Basic authentication" in a sentence."""
    pattern = (
        r"(?i)\b(?:Bearer|Basic)\s+"
        r"(?!<|(?:auth\w*|access|credentials?|scheme|challenge)\b|[a-z_]+=[^=])"
        r"([A-Za-z0-9._~+/=-]{8,})"
    )
    for found in re.finditer(pattern, text):
        yield found.span(1)


def _private_keys(text: str) -> Iterator[Place]:
    for found in re.finditer(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----([^-]{1,20000})", text):
        yield found.span(1)


def _is_prose(text: str) -> bool:
    """Words of letters, as a sentence has them."""
    words = text.split()
    return all(re.fullmatch(r"[A-Za-z]+['.,:;!?)]*", word) for word in words) and (
        len(words) > 1 or _word(text) in _STATES or words == ["authentication"]
    )


_CALL: Final = (
    r"(?:AccessToken|TokenVerifier|WebhookReceiver|KeyProvider|ServiceClient|EgressClient"
    r"|IngressClient|SipClient|SIPClient|DispatchClient|LiveKitAPI)(?:(?:\.|::|->)\w{1,40})?\s{0,8}\("
    r"(?P<arguments>[^()\r\n]{1,600})"
)


def _calls(text: str) -> Iterator[Place]:
    """The secret in what makes a token or a client: the argument behind the key, URLs aside."""
    for found in re.finditer(_CALL, text):
        at = found.start("arguments")
        number = 0
        for argument in re.finditer(
            rf"\s*(?:(?P<open>{_OPENS})(?P<quoted>(?:(?!(?P=open)).)*)(?P=open)|[^,]*)[^,]*,?",
            found["arguments"],
        ):
            if not argument[0] or number > 1:
                break
            if argument["open"] and "://" in argument["quoted"]:
                continue
            if number == 0 and re.match(r"\s*\w*(?:url|host)\w*\s*,", argument[0], re.IGNORECASE):
                continue
            if number == 1 and argument["open"] and argument["quoted"]:
                yield at + argument.start("quoted"), at + argument.end("quoted")
            number += 1


# ------------------------------------------------------------------ URLs


def urls(text: str) -> Iterator[Place]:
    """In URLs, what stands before the ``@``, and the token of a query."""
    if "://" not in text:
        return
    if "@" in text:
        for found in re.finditer(r"[^\s\"'<>]+", text):
            yield from _userinfo(found[0], found.start())
    if "token=" in text:
        for found in re.finditer(r"[?&](?:access_)?token=([^&\s\"'<>$]+)", text):
            yield found.span(1)


def _userinfo(word: str, offset: int) -> Iterator[Place]:
    """What stands before the ``@`` of ``scheme://user:password@host``.

    By hand, as a regular expression for it takes quadratic time on text made for that.
    """
    first, *others = word.split("://")
    at = offset + len(first) + 3
    for rest in others:
        user, colon, password = rest.partition(":")
        port = re.match(r"\d{1,5}(?:[/?#]|$)", password)
        if colon and not port and not set(user) & set("/?#@["):
            end = rest.rfind("@")  # a password may hold any of / ? # @
        else:
            end = re.split("[/?#]", rest, maxsplit=1)[0].rfind("@")
        if end > 0:
            yield at, at + end
        at += len(rest) + 3


def userinfo_place(url: str) -> Place | None:
    r"""Where user and password stand in a value that is meant to be a URL, however it is written.

    Scheme and slashes may be missing or doubled, quotes and blanks may surround it, and the
    password may hold what ends one in a URL proper: / ? # \ < > and blanks. A path with an ``@``
    is one only where no host follows it.
    """
    lead = re.match(r"[\s\"'`<(\[]*(?:[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\])[/\\]*)*[/\\]*", url)
    start = lead.end() if lead else 0
    end = url.rfind("@")
    if end <= start:
        return None
    host = url[end + 1 :].strip(" \t\"'`>)]")
    authority = re.split(r"[/?#\\]", url[start:], maxsplit=1)[0]
    if "@" in authority:
        # The last one that a host follows, or else the last of the authority.
        return start, end if _is_host(host) else start + authority.rfind("@")
    return (start, end) if _is_host(host) or not _is_host(authority) else None


def _is_host(text: str) -> bool:
    """A name with a dot, a local one, an address, or any with a port."""
    host = re.split(r"[/?#\\]", text, maxsplit=1)[0]
    return (
        re.fullmatch(
            r"(?i)(?:localhost|[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?|\[[0-9a-f:.]+\])(?::\d{0,5})?"
            r"|[a-z0-9_-]+:\d{1,5}",
            host,
        )
        is not None
    )


_FINDERS: Final = (
    (("secret", "passw", "passphrase", "pwd", "credential", "token", "private"), _named),
    (("--",), _arguments),
    (("keys", "api"), _pairs),
    (("cookie", "authorization"), _headers),
    (("bearer", "basic"), _schemes),
    (("accesstoken", "verifier", "receiver", "keyprovider", "client", "livekitapi"), _calls),
    (("://",), urls),
    (("private key-----",), _private_keys),
)
"""What a text holds, in lower case, for a search in it to be worth while, and the search."""
