"""What a wrong command line is answered with, without what may be a secret in it.

A secret is pasted where a file, a role or a command belongs, and an error is what ends up in a
log or an issue. The user sees what was typed right above; the error says how long it is.
"""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

from lkdoctor import redact
from lkdoctor.suspects import is_opaque

_given: Final[list[str]] = []
"""The words of this process's command line."""


def begin(arguments: Iterable[str]) -> None:
    """Take the words of the command line that is being run."""
    _given[:] = arguments


def concealed(text: str) -> str:
    """What a command says of its arguments."""
    _know_the_environment()
    for word, of_secret in _words():
        if _may_be_secret(word) or (of_secret and not _is_path(word)):
            text = _replaced(text, word)
    return re.sub(_QUOTED, lambda found: redact.clean(found[0]), text)


def concealed_by_typer(text: str, known: Iterable[str] = ()) -> str:
    """What Typer says of them; of its words only those that belong to a command line are repeated.

    Args:
        text: all of it.
        known: options, commands and choices that the command has.
    """
    from difflib import get_close_matches

    _know_the_environment()
    names = list(known)
    for word, _ in _words():
        plain = re.fullmatch(_PLAIN, word) is not None or get_close_matches(word, names, 1)
        if _may_be_secret(word) or not (plain or _is_path(word)):
            text = _replaced(text, word)
    return text


_QUOTED: Final = r"'[^'\n]*'|\"[^\"\n]*\""
_PLAIN: Final = (
    r"-{0,2}[a-z]+(?:[-_][a-z]+)*=?(?<!.{13})|--[a-z][a-z-]*|-?\d{1,6}(?:[.,]\d+)?[a-z]{0,2}"
)
_SECRET_OPTION: Final = r"--[a-z-]*(?:secret|token|password)[a-z-]*"
_SECRET_NAME: Final = r"(?i).*(?:SECRET|TOKEN|PASSW|CREDENTIAL|LIVEKIT_KEYS)"


def _know_the_environment() -> None:
    """Arguments are read before the configuration is: its secrets are not known yet."""
    for name, value in os.environ.items():
        if re.match(_SECRET_NAME, name):
            redact.register(value)


def _words() -> Iterator[tuple[str, bool]]:
    """What was typed, the longest first, with whether it is meant for an option of secrets."""
    found: dict[str, bool] = {}
    before = ""
    for word in _given:
        option, equals, value = word.partition("=")
        found.setdefault(word, re.fullmatch(_SECRET_OPTION, before) is not None)
        if equals:  # --option=value, --grant name=value, the end of base64
            found.setdefault(option, False)
            found.setdefault(value, re.fullmatch(_SECRET_OPTION, option) is not None)
        before = word
    yield from sorted(found.items(), key=lambda item: -len(item[0]))


def _may_be_secret(word: str) -> bool:
    return redact.clean(word) != word or (
        len(word) >= 16
        and is_opaque(word)
        and not _is_path(word)
        and not re.fullmatch(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", word)
    )


def _is_path(word: str) -> bool:
    """Whether it is written as the name of a file is."""
    return (
        word.startswith(("/", "./", "../", "~"))
        or re.search(r"[^.]\.[A-Za-z][A-Za-z0-9]{0,7}$", word) is not None
        or ("/" in word and not (len(word) >= 16 and is_opaque(word) and word != word.lower()))
        or word == "-"
    )


def _replaced(text: str, word: str) -> str:
    if len(word) < 3:
        return text
    shown = redact.clean(word)
    mark = f"<{len(word)} characters>" if shown == word else redact.visible(shown)
    for spelling in {word, repr(word)[1:-1], redact.visible(word), redact.safe(word, 200)} - {mark}:
        whole = rf"(?<![\w-]){re.escape(spelling)}(?![\w-])"
        text = re.sub(whole, lambda _: mark, text)
    return text
