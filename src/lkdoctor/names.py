"""What LiveKit takes for a room name or an identity, and what will bite although it takes it."""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

MAX_BYTES: Final = 256
"""UTF-8 bytes of a room name or an identity (livekit-server, config ``limit.max_room_name_length``)."""


class NameOf(StrEnum):
    """Whose name it is."""

    ROOM = "room"
    IDENTITY = "identity"


class Trouble(StrEnum):
    """What is the matter with a name. The first three are refused, the others bite later."""

    EMPTY = "empty"
    TOO_LONG = "too-long"
    NOT_TEXT = "not-text"
    BLANK_EDGE = "blank-edge"
    BLANK_INSIDE = "blank-inside"
    CONTROL = "control"
    INVISIBLE = "invisible"
    LOOK_ALIKE = "look-alike"
    NORMAL_FORM = "normal-form"
    URL = "url"
    FILE = "file"
    PLACEHOLDER = "placeholder"
    NUMBER = "number"
    GENERIC = "generic"


REFUSED: Final = frozenset({Trouble.EMPTY, Trouble.TOO_LONG, Trouble.NOT_TEXT})
"""LiveKit answers 400 (or, an old server, joins a room named "")."""

MINOR: Final = frozenset({Trouble.BLANK_INSIDE, Trouble.NUMBER, Trouble.GENERIC})
"""Works, and is worth knowing."""


class Remark(NamedTuple):
    """One trouble with one name."""

    trouble: Trouble
    says: str
    """What was seen, in a sentence, without the name itself."""


def _utf8(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def byte_length(name: str) -> int:
    """The length that LiveKit counts."""
    return len(_utf8(name))


def _named(char: str) -> str:
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X} {name}".rstrip()


def _listed(chars: Iterable[str]) -> str:
    unique = list(dict.fromkeys(chars))
    shown = ", ".join(_named(char) for char in unique[:3])
    return f"{shown} and {len(unique) - 3} more" if len(unique) > 3 else shown


# Letters that look like a Latin letter in the usual fonts (a part of Unicode's confusables.txt).
_LOOK_ALIKES: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсхуԁԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανιρυϲ‐‑‒–—−․‚ǃ∕⁄։ː",
    "ABESIJKMHOPCTXYaesijopcxydqwhABEZHIKMNOPTYXoavipuc------.,!//::",
)


def skeleton(name: str) -> str:
    """What a name looks like: two names with one skeleton are mistaken for each other."""
    if name.isascii():  # of these characters each looks like itself alone
        return " ".join(name.split()).casefold()
    folded = unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKES)
    shown = "".join(c for c in folded if not _is_invisible(c))
    return " ".join(shown.split()).casefold()


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc"


@functools.lru_cache(maxsize=2048)
def _is_invisible(char: str) -> bool:
    return (
        unicodedata.category(char) in {"Cf", "Zl", "Zp"}
        or char in "\u034f\u115f\u1160\u3164\uffa0\u2800"
    )


_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def _script(char: str) -> str:
    word = unicodedata.name(char, "").partition(" ")[0]
    return word if word in _SCRIPTS else ""


# Patterns are compiled when first used: reading a token needs none of them.
_URL_BREAKING: Final = r"[/\\?#%&+]"
_FILE_BREAKING: Final = r'[<>:"|*\\?]'
_DEVICE: Final = r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?"
_PLACEHOLDERS: Final = frozenset(
    {
        "undefined",
        "null",
        "none",
        "nil",
        "nan",
        "[object object]",
        "[object promise]",
        "true",
        "false",
    }
)
_UNSET_PART: Final = r"(?:^|[-_.:/ ])(?:undefined|NaN|\[object \w+\])(?=$|[-_.:/ ])"
"""What JavaScript makes of ``booking-${id}`` without an id; null and None are words of people, too."""
_TEMPLATE: Final = r"\$\{[^}]*\}|\{\{?[^}]*\}\}?|%[sd]\b|<[a-z _-]+>"
_GENERIC: Final = frozenset(
    {
        *("user", "test", "identity", "guest", "participant", "client", "provider", "host", "me"),
        *("anonymous", "unknown", "default", "user1", "admin", "name", "agent"),
    }
)


def examine(name: str, of: NameOf = NameOf.ROOM) -> tuple[Remark, ...]:
    """Everything that is the matter with one name, the refusals first."""
    if not name:
        return (Remark(Trouble.EMPTY, "it is empty"),)
    if name.isascii() and re.fullmatch(_HARMLESS, name) and len(name) <= MAX_BYTES:
        return tuple(_remarks_on_words(name, of))
    return tuple(_remarks(name, of))


_HARMLESS: Final = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*[A-Za-z0-9_-]|[A-Za-z0-9_-]"


def _remarks(name: str, of: NameOf) -> Iterable[Remark]:
    size = byte_length(name)
    if any("\ud800" <= c <= "\udfff" for c in name):
        yield Remark(Trouble.NOT_TEXT, "it is not valid UTF-8, which no token can carry")
    if size > MAX_BYTES:
        counted = f"{size} bytes of UTF-8" + (
            f" ({len(name)} characters)" if size != len(name) else ""
        )
        yield Remark(Trouble.TOO_LONG, f"{counted}; LiveKit takes {MAX_BYTES}")
    if name != name.strip():
        where = (
            "the whole name is blank"
            if not name.strip()
            else (
                "a blank at both ends"
                if name[0].isspace() and name[-1].isspace()
                else "a blank at its beginning"
                if name[0].isspace()
                else "a blank at its end"
            )
        )
        yield Remark(Trouble.BLANK_EDGE, where)
    if any(c.isspace() and not _is_control(c) for c in name.strip()):
        yield Remark(Trouble.BLANK_INSIDE, "a blank inside")
    controls = [c for c in name if _is_control(c)]
    if controls:
        codes = ", ".join(f"U+{ord(c):04X}" for c in dict.fromkeys(controls[:3]))
        yield Remark(Trouble.CONTROL, f"control characters: {codes}")
    invisible = [c for c in name if _is_invisible(c)]
    if invisible:
        yield Remark(Trouble.INVISIBLE, f"invisible characters: {_listed(invisible)}")
    yield from _remarks_on_letters(name)
    if breaking := re.findall(_URL_BREAKING, name):
        chars = " ".join(dict.fromkeys(breaking))
        yield Remark(Trouble.URL, f"{chars} means something in a URL: encode it, or leave it out")
    yield from _remarks_on_files(name, size)
    yield from _remarks_on_words(name, of)


def _remarks_on_letters(name: str) -> Iterable[Remark]:
    scripts = {script for c in name if not c.isascii() and (script := _script(c))}
    has_latin = any(c.isascii() and c.isalpha() for c in name)
    suspicious = [
        c
        for c in name
        if not c.isascii() and c.translate(_LOOK_ALIKES).isascii() and not c.isspace()
    ]
    foreign = scripts - {"LATIN"}
    mixed = has_latin and foreign
    # A whole word of Cyrillic or Greek is a language; one such letter among Latin ones is a trap,
    # and so is a word that could be read as Latin altogether.
    all_alike = bool(suspicious) and name.translate(_LOOK_ALIKES).isascii()
    if mixed or all_alike:
        letters = suspicious or [c for c in name if _script(c) in foreign]
        yield Remark(Trouble.LOOK_ALIKE, f"looks like other letters: {_listed(letters)}")
    wide = [c for c in name if not c.isascii() and unicodedata.normalize("NFKC", c).isascii()]
    wide = [c for c in wide if not c.isspace()]
    if wide and not (mixed or all_alike):
        yield Remark(Trouble.LOOK_ALIKE, f"looks like plain letters: {_listed(wide)}")
    nfc = unicodedata.normalize("NFC", name)
    if nfc != name:
        yield Remark(
            Trouble.NORMAL_FORM,
            f"not in Unicode's composed form (NFC): {byte_length(name)} bytes, composed "
            f"{byte_length(nfc)}; the same name typed elsewhere is another room or person",
        )


def _remarks_on_files(name: str, size: int) -> Iterable[Remark]:
    if "/" in name:
        yield Remark(Trouble.FILE, "/ makes folders of a file name")
    if breaking := re.findall(_FILE_BREAKING, name):
        chars = " ".join(dict.fromkeys(breaking))
        yield Remark(Trouble.FILE, f"{chars} cannot stand in a file name on Windows")
    elif re.fullmatch(_DEVICE, name):
        yield Remark(Trouble.FILE, "a device name on Windows: no file can be called so")
    elif name.endswith("."):
        yield Remark(Trouble.FILE, "ends with a dot, which Windows drops from file names")
    elif name.startswith("."):
        yield Remark(Trouble.FILE, "starts with a dot: a hidden file on Linux and macOS")
    elif 200 < size <= MAX_BYTES:
        yield Remark(
            Trouble.FILE, f"{size} bytes: with time and suffix too long for a file name (255)"
        )


def _remarks_on_words(name: str, of: NameOf) -> Iterable[Remark]:
    word = name.strip().lower()
    if word in _PLACEHOLDERS:
        yield Remark(Trouble.PLACEHOLDER, f'"{word}" is a variable that was never set')
    elif unset := re.search(_UNSET_PART, name):
        yield Remark(
            Trouble.PLACEHOLDER, f'"{unset[0].strip("-_.:/ ")}" is a variable that was never set'
        )
    elif re.search(_TEMPLATE, name):
        yield Remark(Trouble.PLACEHOLDER, "a template whose placeholder was never filled in")
    elif re.fullmatch(_DEVICE, name) and re.fullmatch(_HARMLESS, name):
        yield Remark(Trouble.FILE, "a device name on Windows: no file can be called so")
    if of is NameOf.IDENTITY:
        if name.isascii() and name.isdigit():
            yield Remark(
                Trouble.NUMBER,
                "digits only: a token maker that writes it as a number is refused (401)",
            )
        if word in _GENERIC:
            yield Remark(
                Trouble.GENERIC, "the same for everyone: the second to join throws out the first"
            )


# ------------------------------------------------------------------ several names


class Twin(NamedTuple):
    """Two names that a person takes for one, and LiveKit does not."""

    first: str
    second: str
    how: str


def _difference(first: str, second: str) -> str:
    if first.strip() == second.strip():
        return "they differ in the blanks around them"
    if first.casefold() == second.casefold():
        return "they differ in upper and lower case"
    if unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second):
        return "the same text in two Unicode forms (NFC, NFD)"
    bare = [re.sub(r"[\s_-]+", "", name) for name in (first, second)]
    if bare[0].isascii() and bare[1].isascii():
        return "they differ in blanks, hyphens or underscores"
    visible = ["".join(c for c in name if not _is_invisible(c)) for name in (first, second)]
    if visible[0] == visible[1]:
        return "they differ in characters that cannot be seen"
    return "they differ in letters that look the same"


def _twin_key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", skeleton(name)) or name


def twins(names: Iterable[str]) -> tuple[Twin, ...]:
    """The pairs among these names that are easily mistaken for each other."""
    seen: dict[str, str] = {}
    found: list[Twin] = []
    for name in dict.fromkeys(names):
        first = seen.setdefault(_twin_key(name), name)
        if first != name:
            found.append(Twin(first, name, _difference(first, name)))
    return tuple(found)


def nearest_twin(name: str, names: Iterable[str]) -> Twin | None:
    """The one among existing names that ``name`` was probably meant to be."""
    key = _twin_key(name)
    for other in names:
        if other != name and _twin_key(other) == key:
            return Twin(name, other, _difference(name, other))
    return None


# ------------------------------------------------------------------ the project's own template

_FIELD: Final = r"\{(\w*)\}"


def fields_of(template: str) -> tuple[str, ...]:
    """The names in braces of a template."""
    return tuple(re.findall(_FIELD, template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its fields filled in, and nothing else understood."""
    return re.sub(_FIELD, lambda match: values.get(match[1], match[0]), template)


def fits(name: str, template: str, patterns: Mapping[str, str]) -> bool:
    """Whether a name could have come out of a template whose fields look like ``patterns``."""
    parts = re.split(_FIELD, template)
    expression = "".join(
        f"(?:{patterns.get(part, '.+')})" if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    )
    return re.fullmatch(expression, name, re.DOTALL) is not None
