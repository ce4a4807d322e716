"""What a git index lists: the paths that git tracks, read without git.

Asking git would run what a folder's own configuration names: ``core.fsmonitor``, a promisor remote
with an ``ext::`` URL, filters. The file is small and documented (git's index-format, versions 2 to
4, and its appendix on the split index); nothing but the names is taken from it.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

MAX_INDEX: Final = 16 * 1024 * 1024
"""Bytes of one: some two hundred thousand files."""
MAX_NAME: Final = 4096
MAX_NAMES: Final = 16 * 1024 * 1024
"""Bytes of all names: version 4 writes a name as what differs from the last one, so that a few
bytes can stand for thousands."""

_HASHES: Final = (20, 32)
"""SHA-1's, SHA-256's: the file does not say which it holds."""
_SEPARATOR: Final = rb"[/\\]" if os.name == "nt" else rb"/"
_NOWHERE: Final = frozenset({b"", b".", b".."})
_FOLDER: Final = 0o040000
"""Type of an entry that stands for a whole folder outside a sparse checkout."""


class GitIndexError(ValueError):
    """The bytes are no index that can be read; says why."""


def tracked(data: bytes, shared: Callable[[str], bytes]) -> frozenset[bytes]:
    """The paths of an index, from the top of the work tree.

    What a sparse checkout leaves out may stand there as a folder, and is then not told.

    Args:
        data: the file.
        shared: the bytes of the ``sharedindex`` with this hexadecimal name, where the index is split.

    Raises:
        GitIndexError: the file is damaged, or written in a way that is not known.
    """
    index = _read(data)
    link = index.link
    if link is None or not any(link.base):
        return frozenset(name for name in index.names if name)
    base = _read(shared(link.base.hex()))
    if base.link is not None:
        raise GitIndexError("a shared index is split once more")
    gone = set(_bits(link.deleted, len(base.names)))
    kept = (name for at, name in enumerate(base.names) if at not in gone)
    # An entry without a name replaces one of the shared index, whose name stays.
    return frozenset(name for name in (*kept, *index.names) if name)


class _Link(NamedTuple):
    base: bytes
    """The shared index's hash; zeros: there is none."""
    deleted: bytes
    """A bitmap of its entries."""


class _Index(NamedTuple):
    names: list[bytes]
    """An empty one: not told, or that of the shared index's entry."""
    link: _Link | None


def _read(data: bytes) -> _Index:
    if len(data) > MAX_INDEX:
        raise GitIndexError(f"larger than {MAX_INDEX // 1024 // 1024} MiB")
    if data[:4] != b"DIRC" or len(data) < 12:
        raise GitIndexError("no index of git's")
    version, count = int.from_bytes(data[4:8]), int.from_bytes(data[8:12])
    if not 2 <= version <= 4:
        raise GitIndexError(f"written in version {version}, which is not known")
    problems: list[GitIndexError] = []
    for size in _HASHES:
        try:
            names, end = _entries(data, version, count, size)
            return _Index(names, _link(data, end, size))
        except GitIndexError as error:
            problems.append(error)
        except IndexError:  # it ends too early
            problems.append(GitIndexError("damaged"))
    raise problems[0]


def _entries(data: bytes, version: int, count: int, size: int) -> tuple[list[bytes], int]:
    """The names in their order, and where the extensions begin."""
    fixed = 40 + size + 2  # times, device, mode, owner and length; the object; flags
    end = len(data) - size
    if count > (end - 12) // fixed:
        raise GitIndexError("damaged")
    names: list[bytes] = []
    total = 0
    at = 12
    last = b""
    for _ in range(count):
        start = at
        at += fixed
        if version > 2 and data[at - 2] & 0x40:  # two more bytes of flags
            at += 2
        less = 0
        if version == 4:
            less, at = _number(data, at)
        stop = data.find(b"\0", at, min(at + MAX_NAME + 1, end))
        if stop < 0 or less > len(last):
            raise GitIndexError("damaged")
        name = data[at:stop]
        if version == 4:
            name = last[: len(last) - less] + name
            at = stop + 1
        else:  # NULs, one at least, fill an entry up to a multiple of eight
            at = start + ((stop - start) // 8 + 1) * 8
        total += len(name)
        if len(name) > MAX_NAME or total > MAX_NAMES:
            raise GitIndexError("its names are too long")
        is_folder = int.from_bytes(data[start + 24 : start + 28]) & 0o170000 == _FOLDER
        if name < last or _leads_out(name.removesuffix(b"/") if is_folder else name):
            raise GitIndexError("damaged")
        names.append(b"" if is_folder else name)
        last = name
    if at > end:
        raise GitIndexError("damaged")
    return names, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number as pack files write an offset, and what follows it."""
    byte = data[at]
    value = byte & 0x7F
    for at in range(at + 1, at + 6):  # noqa: B020, PLR1704 - the place moves on
        if not byte & 0x80:
            return value, at
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
    raise GitIndexError("damaged")


def _leads_out(name: bytes) -> bool:
    return name != b"" and any(part in _NOWHERE for part in re.split(_SEPARATOR, name))


def _link(data: bytes, at: int, size: int) -> _Link | None:
    """The extension that makes an index a split one; all must end where the checksum begins."""
    found = None
    end = len(data) - size
    while at != end:
        if at + 8 > end:
            raise GitIndexError("damaged")
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8])
        body = data[at + 8 : at + 8 + length]
        at += 8 + length
        if at > end:
            raise GitIndexError("damaged")
        if name == b"link":
            found = _Link(body[:size], body[size:])
        elif name != b"sdir" and not name[:1].isupper():  # whoever does not know it must stop
            raise GitIndexError("written with an extension that is not known")
    return found


def _bits(bitmap: bytes, many: int) -> Iterator[int]:
    """The bits of an EWAH bitmap that are set, below a number."""
    if not bitmap:
        return
    words = int.from_bytes(bitmap[4:8])
    if len(bitmap) < 8 + 8 * words:
        raise GitIndexError("damaged")
    at = 0
    place = 0  # of the next bit, in words of 64
    while at < words and place * 64 < many:
        marker = int.from_bytes(bitmap[8 + 8 * at : 16 + 8 * at])
        run, literal = (marker >> 1) & 0xFFFFFFFF, marker >> 33
        if marker & 1:
            yield from range(place * 64, min((place + run) * 64, many))
        place += run
        for _ in range(min(literal, words - at - 1)):
            at += 1
            word = int.from_bytes(bitmap[8 + 8 * at : 16 + 8 * at])
            yield from (
                place * 64 + bit for bit in range(64) if word >> bit & 1 and place * 64 + bit < many
            )
            place += 1
        at += 1
