"""Commands to paste, for a POSIX shell: made of words, so that foreign text cannot become a command.

What a URL, a file or a server says may hold ``$(…)``, quotes or a blank. No command is put together
in any other way; a word that is ours and means something to the shell is `Fixed`.
"""

import shlex
from typing import Final

from lkdoctor.redact import clean, visible


class Fixed(str):
    """Our own text, which the shell reads as it stands: an operator, a variable, an ellipsis."""

    __slots__ = ()


class Made(str):
    """What this module has made: it stands in a longer command as it is."""

    __slots__ = ()


PIPE: Final = Fixed("|")
NO_INPUT: Final = Fixed("</dev/null")
NO_ERRORS: Final = Fixed("2>/dev/null")


def command(*words: str) -> Made:
    """One command of these words, or a part of one."""
    return Made(" ".join(map(_quoted, words)))


def then(*commands: str) -> Made:
    """One after the other, whatever becomes of them."""
    return Made("; ".join(commands))


def operand(text: str) -> tuple[str, ...]:
    """Words for what a program must not take for an option."""
    return ("--", text) if text.startswith("-") else (text,)


def name(host: str) -> tuple[str, ...]:
    """Words for dig, which takes a name that begins with a hyphen for an option."""
    return ("-q", host) if host.startswith("-") else (host,)


def exported(variable: str, *parts: str) -> str:
    """What sets a variable for the programs that are started next, its value made of these parts."""
    return f"export {_quoted(variable)}={''.join(map(_quoted, parts))}"


def setting(variable: str, value: str) -> str:
    """A line of a .env file that every reader takes alike, a shell that sources it included.

    They agree on single quotes, and on no way to write one of those, or a backslash, within them.
    """
    value = visible(clean(value))
    if "'" in value or "\\" in value:
        return f"{variable}=…"
    return f"{variable}={_quoted(value)}"


def _quoted(word: str) -> str:
    # Without secrets before it is quoted: the mark in their place has < and > in it.
    return word if isinstance(word, Fixed | Made) else shlex.quote(visible(clean(word)))
