"""Reads a file of somebody else's folder: within a limit, and no link, pipe or device."""

import os
import stat

from lkdoctor.redact import safe


class TooLargeError(Exception):
    """The file is larger than was allowed."""


def read(path: str, limit: int) -> bytes:
    """A regular file's bytes.

    Raises:
        TooLargeError: there are more than the limit.
        OSError: it cannot be read, or is none.
        ValueError: a NUL in its name.
    """
    # O_NOFOLLOW and O_NONBLOCK: what was a file a moment ago may be a link or a pipe now.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("is not a regular file")
        if status.st_size > limit:
            raise TooLargeError
        # A buffer of the file's size: one of the limit's size for each file would cost far more.
        data = os.read(descriptor, status.st_size)
        while len(data) < status.st_size and (
            more := os.read(descriptor, status.st_size - len(data))
        ):
            data += more
        return data
    finally:
        os.close(descriptor)


def words(error: Exception) -> str:
    """What an error of the operating system says, in the middle of a sentence."""
    if isinstance(error, PermissionError):
        return "permission denied"
    if type(error) is ValueError:  # each version of Python has other words for it
        return "has a NUL in its name"
    said = getattr(error, "strerror", None) or str(error)
    return safe(said[:1].lower() + said[1:], 80)
