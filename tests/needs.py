"""What tests need of a machine beyond Python: skipped where it is missing, and told once at the end.

``make test-all`` (LKDOCTOR_REQUIRE_ALL=1) wants all of it: it does not begin where something is
missing, and what would be skipped for a need fails.
"""

import importlib.util
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import pytest
import servers


class Need(NamedTuple):
    """Something that tests look for on the machine."""

    what: str
    how: str
    """To get it."""
    programs: tuple[str, ...] = ()
    there: Callable[[], bool] | None = None
    """Whether it is there, where that is more than its programs."""
    can_be: bool = True
    """Whether this machine could have it."""

    def __str__(self) -> str:
        return f"needs {self.what} ({self.how})"

    @property
    def met(self) -> bool:
        """Whether this machine has it."""
        installed = all(program(name) is not None for name in self.programs)
        return installed and (self.there is None or self.there())


_LINUX: Final = sys.platform == "linux"
_ROOT: Final = _LINUX and os.geteuid() == 0

SERVER: Final = Need(
    "real livekit-servers",
    "make servers",
    there=lambda: all(servers.find_server(version) for version in servers.VERSIONS),
)
GIT: Final = Need("git", "apt install git", ("git",))
COTURN: Final = Need("coturn, a TURN server", "apt install coturn", ("turnserver",))
HOSTS: Final = Need(
    "test hosts: root on Linux, with ip, nft and unshare",
    "apt install iproute2 nftables util-linux, as root",
    ("ip", "nft", "unshare"),
    there=lambda: _ROOT,
    can_be=_ROOT,
)
ATHERIS: Final = Need(
    "atheris, which fuzzes",
    "CPython before 3.15 on Linux and x86-64",
    there=lambda: importlib.util.find_spec("atheris") is not None,
    can_be=_LINUX and sys.version_info < (3, 15),
)
ALL: Final = (
    SERVER,
    Need("nginx", "apt install nginx", ("nginx",)),
    Need("haproxy", "apt install haproxy", ("haproxy",)),
    Need("caddy", "apt install caddy", ("caddy",)),
    COTURN,
    Need("tinyproxy, a forward proxy", "apt install tinyproxy", ("tinyproxy",)),
    Need("redis-server", "apt install redis-server", ("redis-server",)),
    GIT,
    Need("openssl", "apt install openssl", ("openssl",)),
    Need("curl", "apt install curl", ("curl",)),
    Need("dig", "apt install bind9-dnsutils", ("dig",)),
    HOSTS,
    ATHERIS,
)


def program(name: str) -> str | None:
    """A program on PATH, or in a folder for administrators beside one of PATH."""
    beside = [
        str(Path(folder).with_name("sbin"))
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if Path(folder).name == "bin"
    ]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(beside) or os.devnull)


def binary(name: str) -> str:
    """The same; the test ends where there is none."""
    found = program(name)
    if found is None:
        missing(of(name))
    return found


def of(name: str) -> Need:
    """The need that a program is part of."""
    known = (need for need in ALL if name in need.programs)
    return next(known, Need(name, f"apt install {name}", (name,)))


def required() -> bool:
    """Whether nothing may be skipped that this machine could have."""
    return os.environ.get("LKDOCTOR_REQUIRE_ALL") == "1"


def missing(what: Need | str) -> NoReturn:
    """End the test: skipped, or failed where nothing may be.

    Args:
        what: what is missing and how to get it.
    """
    if required():
        pytest.fail(str(what), pytrace=False)
    pytest.skip(str(what))


def marked(*wanted: Need) -> pytest.MarkDecorator:
    """The mark of tests that need this; where nothing may be skipped they run, and fail."""
    lacking = [need for need in wanted if not need.met and not (required() and need.can_be)]
    return pytest.mark.skipif(bool(lacking), reason=str(lacking[0]) if lacking else "")


def lacking() -> Iterator[str]:
    """What this machine could have and has not, a line each."""
    return (f"{need.what}: {need.how}" for need in ALL if need.can_be and not need.met)


def summary(reasons: Iterable[str]) -> Iterator[str]:
    """A line for each need for which tests were skipped, and one for those of other systems.

    Args:
        reasons: of each test that was skipped.
    """
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    for reason, count in counts.most_common():
        if reason.startswith("needs "):
            what, _, how = reason.removeprefix("needs ").partition(" (")
            yield f"{count:5}  {what}: {how.removesuffix(')')}" if how else f"{count:5}  {what}"
    elsewhere = sum(n for reason, n in counts.items() if not reason.startswith("needs "))
    if elsewhere:
        yield f"{elsewhere:5}  another system or account (-rs names them)"
