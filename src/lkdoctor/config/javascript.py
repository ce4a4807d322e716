"""What a JavaScript or TypeScript source does with LiveKit's variables and tokens; pure.

No parser: a reader of lines that says nothing where it cannot be sure.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_FOUND: Final = 50
"""Of one file."""


class Read(NamedTuple):
    """A variable that source reads."""

    name: str
    object: str
    """``process.env`` or ``import.meta.env``"""
    line: int
    fallback: bool
    """Whether something stands in where it is not set."""


class Promise(NamedTuple):
    """A ``toJwt()`` that nobody waits for."""

    line: int
    sure: bool
    """Whether it is handed on right there; otherwise a variable keeps the promise."""


_READ: Final = (
    r"(process\.env|import\.meta\.env)(?:\?)?(?:\.|\[['\"])"
    r"((?:NEXT_PUBLIC_|NUXT_PUBLIC_|EXPO_PUBLIC_|REACT_APP_|VITE_|PUBLIC_)?LIVEKIT_[A-Z_]{1,40})"
    r"(?:['\"]\])?"
)


def reads(text: str) -> tuple[Read, ...]:
    """The LiveKit variables that a source reads."""
    found: list[Read] = []
    for number, line in enumerate(text.split("\n"), 1):
        if "LIVEKIT_" not in line or _is_comment(line):
            continue
        for match in re.finditer(_READ, line[:2000]):
            rest = line[match.end() :].lstrip()
            # `if (!process.env.X)` and `X ? … : …` know that it may be missing, too.
            before = line[: match.start()].rstrip()
            guarded = before.endswith(("!", "typeof", "if (", "if(", "&&", "||", "??"))
            fallback = guarded or rest.startswith(("||", "??", "?", "&&", "==", "!="))
            found.append(Read(match[2], match[1], number, fallback))
            if len(found) == MAX_FOUND:
                return tuple(found)
    return tuple(found)


def is_client(text: str) -> bool:
    """Whether a Next.js source says of itself that it runs in the browser."""
    for line in text.split("\n")[:40]:
        word = line.strip().rstrip(";")
        if word in {"'use client'", '"use client"'}:
            return True
        if word and not _is_comment(line):
            return False
    return False


def promises(text: str) -> tuple[Promise, ...]:
    """Where the promise of a token is taken for the token (livekit-server-sdk 2)."""
    if "toJwt" not in text or "livekit-server-sdk" not in text:
        return ()
    found: list[Promise] = []
    calls = re.finditer(r"\.toJwt\s{0,20}\(\s{0,20}\)", text)
    for call in itertools.islice(calls, MAX_FOUND):
        start = text.rfind("\n", 0, call.start()) + 1
        if _is_comment(text[start : call.start()]):
            continue
        rest = text[call.end() : call.end() + 80].lstrip()
        if rest.startswith((".", "?.")):  # .then(…)
            continue
        sure = _unawaited(text[max(0, call.start() - 600) : call.start()], text)
        if sure is not None:
            found.append(Promise(text.count("\n", 0, call.start()) + 1, sure))
    return tuple(found)


_SINKS: Final = r"(?:json|send|stringify|end|write)$"
"""Functions that turn what they are given into text at once."""


def _unawaited(before: str, text: str) -> bool | None:
    """True: surely; False: likely; None: nothing to say against it."""
    receiver = re.search(r"[\w$][\w$.]{0,80}$", before)
    if receiver is None:  # new AccessToken(…).toJwt(), tokens[0].toJwt()
        return None
    rest = before[: receiver.start()].rstrip()
    if rest.endswith("${"):
        return True
    if rest.endswith((":", "(", ",")):
        if re.search(r"\bcase\s+[^:]*:$", rest):
            return None
        return True if _inside_sink(rest) else None
    name = re.search(r"(?:const|let|var)\s+([\w$]{1,80})(?:\s*:\s*[\w<>| ]{1,60})?\s*=$", rest)
    return _kept(name[1], text) if name else None


def _inside_sink(rest: str) -> bool:
    """Whether the nearest call that is still open serialises its arguments."""
    depth = 0
    for at in range(len(rest) - 1, -1, -1):
        character = rest[at]
        if character in ")]}":
            depth += 1
        elif character in "([{":
            if depth:
                depth -= 1
            elif character == "[":
                return False  # a list: Promise.all([…])
            elif character == "(":
                return re.search(_SINKS, rest[:at].rstrip()) is not None
        elif character == ";" and not depth:
            return False
    return False


def _kept(name: str, text: str) -> bool | None:
    """Of a promise in a variable: whether it is written out without being waited for."""
    word = rf"(?<![\w$.]){re.escape(name)}(?![\w$])"
    waited = (
        rf"(?:await|return|yield)\s+{word}",
        rf"{word}\s*\.\s*then",
        rf"(?:Promise\.\w+|use)\s*\([^;]{{0,200}}{word}",
        rf"{word}\s*=[^=]",  # assigned anew
    )
    declared = len(re.findall(rf"(?:const|let|var)\s+{word}", text))
    for pattern in waited:
        matches = len(re.findall(pattern, text))
        if matches > (declared if pattern is waited[-1] else 0):
            return None
    # A shadowed name, or one that is declared twice: whose use it is cannot be told.
    if declared != 1:
        return None
    written = rf"(?:json|send|stringify|end|write)\s*\([^;]{{0,300}}?{word}"
    return False if re.search(written, text) else None


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("//", "*", "/*", "<!--", "#"))


def lines_of(data: bytes, needle: bytes, limit: int = 5) -> Iterator[int]:
    """The lines on which a value stands."""
    at = data.find(needle)
    for _ in range(limit):
        if at < 0:
            return
        yield data.count(b"\n", 0, at) + 1
        end = data.find(b"\n", at + len(needle))
        at = -1 if end < 0 else data.find(needle, end)
