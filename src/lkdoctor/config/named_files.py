"""Files that the user named: opened, or one clear error that repeats no secret.

Who writes the secret itself where a file name belongs is told so, and not shown it again: an error
ends in logs and reports.
"""

import re
from pathlib import Path
from typing import IO, Final

from lkdoctor import places, suspects
from lkdoctor.errors import UsageError
from lkdoctor.redact import register, safe

_RANDOM: Final = 16
"""Letters in a row that are of three kinds make no word."""


def open_named(
    name: str, label: str, *, base: Path | None = None, holds_secret: bool = False
) -> IO[bytes]:
    """The file, opened for reading.

    Args:
        name: what the user wrote.
        label: what it stood behind: ``--token-file``.
        base: where a relative name begins; the working directory otherwise.
        holds_secret: a secret belongs into the file: a name that is no path is not repeated.

    Raises:
        UsageError: it cannot be opened; says why.
    """
    try:
        return (Path(name) if base is None else base / name).open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        problem = error
    # Windows says "permission denied" of a directory.
    words = "is a directory" if places.is_folder(name) else problem_of(problem)
    raise refusal(name, label, words, holds_secret=holds_secret)


def read_named(
    name: str, label: str, limit: int, *, base: Path | None = None, holds_secret: bool = False
) -> bytes:
    """The file's bytes, up to a limit.

    Raises:
        UsageError: it cannot be read, or holds more.
    """
    try:
        with open_named(name, label, base=base, holds_secret=holds_secret) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise refusal(name, label, problem_of(error), holds_secret=holds_secret) from None
    if len(data) > limit:
        raise UsageError(f"{label} {safe(name, 200)}: larger than {size_of(limit)}")
    return data


def refusal(name: str, label: str, problem: str, *, holds_secret: bool = False) -> UsageError:
    """Why a file that was named cannot be used."""
    what = _in_place_of_a_name(name)
    if what is not None:
        register(name)
        return UsageError(
            f"{label}: this looks like {what}, not like the name of a file ({len(name)} characters)",
            advice=[f"write {what} to a file that only you can read, and name that"],
        )
    if holds_secret and not re.search(r"[/\\.~]", name):
        register(name)
        return UsageError(
            f"{label}: {problem}; the name is not repeated, as it may be the secret itself "
            f"({len(name)} characters)",
            advice=[f"{label} ./NAME   names a file of this folder"],
        )
    return UsageError(f"{label} {safe(name, 200)}: {problem}")


def problem_of(error: Exception) -> str:
    """What the operating system says, in words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, ValueError):
        return "not the name of a file"
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    said = getattr(error, "strerror", None) or str(error)
    return safe(said[:1].lower() + said[1:], 200)


def _in_place_of_a_name(name: str) -> str | None:
    """What stands there instead, where that can be told."""
    if is_token(name):
        return "a token"
    folder = name.replace("\\", "/").rpartition("/")[0]
    if folder and places.is_folder(folder):
        return None  # a path with a slip in its last part
    named = next(suspects.credentials(name, name.lower()), None) is not None
    if named or any(map(_is_random, re.findall(r"[A-Za-z0-9]+", name))):
        return "a secret"
    return None


def is_token(name: str) -> bool:
    """Whether a token stands in the place of a name."""
    return next(suspects.tokens(name), None) is not None


def _is_random(run: str) -> bool:
    if len(run) < _RANDOM:
        return False
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]")
    return all(re.search(kind, run) for kind in kinds) or (
        re.fullmatch(r"(?=.*[a-f])(?=.*[0-9])[0-9a-f]{32,}", run) is not None
    )


def size_of(limit: int) -> str:
    """A limit as people write it."""
    kib = limit // 1024
    return f"{kib // 1024} MiB" if kib >= 1024 else f"{kib} KiB"
