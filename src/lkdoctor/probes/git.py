"""What git tracks in a folder, without git: a folder's own configuration names programs.

Only the index is read; of the repository's configuration nothing is.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lkdoctor import places
from lkdoctor.config import git_index
from lkdoctor.config.git_index import GitIndexError
from lkdoctor.probes.files import TooLargeError, read, words

_MAX_POINTER: Final = 8 * 1024
"""Bytes of a ``.git`` that is a file: one path."""


class NotToldError(Exception):
    """There is a repository, and it cannot be told what it tracks; says why."""


def tracked(root: str) -> frozenset[str] | None:
    """The paths that git tracks below a folder, seen from there; None where it is no work tree.

    Raises:
        NotToldError: the index cannot be read.
    """
    try:
        folder = Path(root).resolve()
        found = next(_repositories(folder), None)
        if found is None:
            return None
        top, repository = found
        names = _names(repository)
    except GitIndexError as problem:
        raise NotToldError(f"git's index: {problem}") from None
    except TooLargeError:
        raise NotToldError(
            f"git's index: larger than {git_index.MAX_INDEX // 1024 // 1024} MiB"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
        raise NotToldError(f"git's index: {words(error)}") from None
    below = os.fsencode("".join(f"{part}/" for part in folder.relative_to(top).parts))
    return frozenset(os.fsdecode(name[len(below) :]) for name in names if name.startswith(below))


def _names(repository: str) -> frozenset[bytes]:
    try:
        data = read(f"{repository}/index", git_index.MAX_INDEX)
    except FileNotFoundError:  # nothing was ever added
        return frozenset()
    return git_index.tracked(
        data, lambda name: read(f"{repository}/sharedindex.{name}", git_index.MAX_INDEX)
    )


def _repositories(folder: Path) -> Iterator[tuple[Path, str]]:
    """The work trees that the folder is in, the innermost first, each with its repository."""
    for top in (folder, *folder.parents):
        repository = f"{top}/.git"
        if not os.path.lexists(repository):
            continue
        if not places.is_folder(repository):
            # A linked work tree's, or a submodule's.
            pointer = re.fullmatch(rb"gitdir: ([^\n\0]+?)[\r\n]*", read(repository, _MAX_POINTER))
            if pointer is None:
                raise GitIndexError("the file .git names no repository")
            repository = str(Path(top, os.fsdecode(pointer[1])))
            if not _is_repository(repository):
                raise GitIndexError("the file .git names a repository that is not there")
            yield top, repository
        elif _is_repository(repository):
            yield top, repository


def _is_repository(folder: str) -> bool:
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 - bytes of the names alone
    except (FileNotFoundError, NotADirectoryError):
        return False
    return "HEAD" in names and ("objects" in names or "commondir" in names)
