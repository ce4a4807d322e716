"""An index is read whole, or not at all; what it names stays below its work tree."""

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lkdoctor.config import git_index
from lkdoctor.config.git_index import GitIndexError, tracked

FILE, FOLDER = 0o100644, 0o040000


def number(value: int) -> bytes:
    """As git writes the length that a name of version 4 loses."""
    written = bytes([value & 0x7F])
    while value := value >> 7:
        value -= 1
        written = bytes([0x80 | value & 0x7F]) + written
    return written


def index(
    names: Iterable[bytes],
    version: int = 2,
    *,
    size: int = 20,
    mode: int = FILE,
    more: bytes = b"",
    extended: bool = False,
) -> bytes:
    """An index as git writes it."""
    names = tuple(names)
    data = b"DIRC" + version.to_bytes(4) + len(names).to_bytes(4)
    last = b""
    for name in names:
        flags = min(len(name), 0xFFF) | (0x4000 if extended else 0)
        entry = bytes(24) + mode.to_bytes(4) + bytes(12) + b"\x11" * size + flags.to_bytes(2)
        entry += b"\x20\0" if extended else b""
        if version == 4:
            common = 0
            while common < min(len(name), len(last)) and name[common] == last[common]:
                common += 1
            entry += number(len(last) - common) + name[common:] + b"\0"
            last = name
        else:
            entry += name
            entry += b"\0" * (8 - len(entry) % 8)
        data += entry
    data += more
    return data + {20: hashlib.sha1, 32: hashlib.sha256}[size](data).digest()


def extension(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4) + body


def bitmap(*words: int) -> bytes:
    return (64 * len(words)).to_bytes(4) + len(words).to_bytes(4) + b"".join(
        word.to_bytes(8) for word in words
    ) + bytes(4)  # fmt: skip


def none(name: str) -> bytes:
    raise AssertionError(name)


PATH = st.lists(
    st.binary(min_size=1, max_size=30).filter(
        lambda part: part not in {b".", b".."} and not set(part) & set(b"/\\\0")
    ),
    min_size=1,
    max_size=4,
).map(b"/".join)


@given(
    names=st.lists(PATH, max_size=20).map(sorted),
    version=st.sampled_from([2, 3, 4]),
    size=st.sampled_from([20, 32]),
    extended=st.booleans(),
)
@example(names=[b"a" * 4096], version=2, size=20, extended=False)
@example(names=[b"a" * 3000, b"b"], version=4, size=32, extended=True)
def test_what_is_written_is_read(
    names: list[bytes], version: int, size: int, *, extended: bool
) -> None:
    data = index(names, version, size=size, extended=extended and version > 2)
    assert tracked(data, none) == frozenset(names)
    more = extension(b"TREE", b"x" * 50) + extension(b"sdir", b"")
    data = index(names, version, size=size, extended=extended and version > 2, more=more)
    assert tracked(data, none) == frozenset(names)


@given(names=st.lists(PATH, max_size=5).map(sorted), cut=st.integers(min_value=1))
def test_a_cut_index_is_damaged(names: list[bytes], cut: int) -> None:
    data = index(names)
    with pytest.raises(GitIndexError):
        tracked(data[: -(cut % len(data)) or None][: len(data) - 1], none)


def test_a_folder_outside_a_sparse_checkout_is_not_told() -> None:
    assert tracked(index([b"src/", b"web/"], mode=FOLDER), none) == frozenset()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no index of git's"),
        (b"DIRC" + bytes(40), "written in version 0, which is not known"),
        (index([b"a"], 5), "written in version 5, which is not known"),
        (index([b"../outside"]), "damaged"),
        (index([b"a/../../outside"]), "damaged"),
        (index([b"/etc/passwd"]), "damaged"),
        (index([b"a//b"]), "damaged"),
        (index([b"b", b"a"]), "damaged"),
        (index([b"a"], more=b"TREE"), "damaged"),
        (index([b"a"], more=extension(b"TREE", b"x")[:-1]), "damaged"),
        (index([b"a"], more=extension(b"next", b"")), "an extension that is not known"),
        (b"DIRC\0\0\0\2\xff\xff\xff\xff" + bytes(100), "damaged"),
        (b"DIRC" + bytes(git_index.MAX_INDEX), "larger than 16 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_index(data: bytes, problem: str) -> None:
    with pytest.raises(GitIndexError, match=problem):
        tracked(data, none)


def test_names_that_grow_without_an_end_are_refused() -> None:
    # Each is a letter longer than the last: 12,000 entries would stand for 72 million letters.
    with pytest.raises(GitIndexError, match="its names are too long"):
        tracked(index((b"a" * many for many in range(1, 12_000)), 4), none)


def split(base: bytes, deleted: bytes, names: Iterable[bytes]) -> frozenset[bytes]:
    link = extension(b"link", b"\x22" * 20 + deleted)
    asked: list[str] = []

    def shared(name: str) -> bytes:
        asked.append(name)
        return base

    found = tracked(index(names, more=link), shared)
    assert asked == ["22" * 20]
    return found


BASE = (b"a", b"b", b"c", b"d")


@pytest.mark.parametrize(
    ("deleted", "names", "left"),
    [
        (b"", (), BASE),
        (bitmap(), (), BASE),
        (bitmap(1 << 33, 0b0101), (), (b"b", b"d")),  # one word as it is
        (bitmap(1 | 1 << 1), (), ()),  # a run of ones
        (bitmap(1 | 0xFFFFFFFF << 1), (b"", b"e"), (b"e",)),
        (bitmap(2 << 1 | 1 << 33, 1), (), BASE),  # a run of noughts, and then what is not there
        (bitmap(0), (b"", b"", b"e"), (*BASE, b"e")),  # replaced ones have no name
    ],
)
def test_a_split_index(deleted: bytes, names: tuple[bytes, ...], left: tuple[bytes, ...]) -> None:
    assert split(index(BASE), deleted, names) == frozenset(left)


def test_a_split_index_that_is_damaged() -> None:
    with pytest.raises(GitIndexError, match="damaged"):
        split(index(BASE), bitmap(0)[:-9], ())
    with pytest.raises(GitIndexError, match="split once more"):
        split(index(BASE, more=extension(b"link", b"\x33" * 20)), b"", ())
    with pytest.raises(GitIndexError, match="no index"):
        split(b"nonsense", b"", ())
    # No shared index yet: git writes noughts for its name.
    assert tracked(index(BASE, more=extension(b"link", bytes(20))), none) == frozenset(BASE)
