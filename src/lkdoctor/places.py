"""Questions about the file system that have an answer whatever happens: what cannot be seen is not there.

`pathlib`'s raise where a folder may not be searched, where a name is too long or holds a NUL.
"""

import os
from pathlib import Path


def exists(place: str | Path) -> bool:
    """Whether something is there, for this user."""
    return os.path.exists(place)  # noqa: PTH110 - see the module


def is_folder(place: str | Path) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(place)  # noqa: PTH112 - see the module


def is_file(place: str | Path) -> bool:
    """Whether it is a file, and neither a pipe nor a device."""
    return os.path.isfile(place)  # noqa: PTH113 - see the module


def is_link(place: str | Path) -> bool:
    """Whether it is a link, wherever that leads."""
    return os.path.islink(place)  # noqa: PTH114 - see the module
