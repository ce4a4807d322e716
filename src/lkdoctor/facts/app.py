"""What the files of an app's project say; never what a secret is."""

from enum import StrEnum
from typing import NamedTuple

from lkdoctor.config.manifests import Ecosystem, Package, numbers


class FrameworkSeen(NamedTuple):
    """A framework that a package.json names."""

    name: str
    """``Next.js``"""
    origin: str
    """``web/package.json:12``"""
    prefix: str = ""
    """What its bundler copies into the browser's code."""
    own_rules: bool = False
    """Whether a configuration file beside it changes which variables the browser sees."""


class Host(NamedTuple):
    """A platform that the project is deployed to."""

    name: str
    """``Vercel``"""
    origin: str
    """The file that shows it."""


class EnvRead(NamedTuple):
    """A LiveKit variable that source reads."""

    name: str
    origin: str
    framework: str
    prefix: str
    """The prefix that the browser's code would need."""
    in_browser: bool
    """Whether that source surely runs in the browser."""
    fallback: bool
    """Whether something stands in where it is not set."""
    object: str
    """``process.env`` or ``import.meta.env``"""


class UnawaitedToken(NamedTuple):
    """A ``toJwt()`` whose promise is taken for the token."""

    origin: str
    sure: bool
    """Whether it is written out right there."""


class Cleartext(NamedTuple):
    """What an AndroidManifest.xml says of connections without TLS."""

    origin: str
    allowed: bool
    """``usesCleartextTraffic`` or a network security configuration."""
    debug_only: bool
    """It is the manifest of debug builds."""


class PublishedPort(NamedTuple):
    """A port of a livekit-server that a compose file publishes."""

    origin: str
    """``deploy/docker-compose.yml:14``"""
    written: str
    """``20638:7882/udp``"""
    straight: str
    """The same with one number on both sides."""
    udp: bool
    first: int
    """Of the container."""
    last: int

    def holds(self, first: int, last: int) -> bool:
        """Whether it meets this range of the container's ports."""
        return self.first <= last and first <= self.last


class ServerImage(NamedTuple):
    """A livekit-server's image that a compose file names with its version."""

    origin: str
    """``deploy/docker-compose.yml:4``"""
    version: str


class Reason(StrEnum):
    """What kept something from being read."""

    LIMIT = "limit"
    """A limit of ours, or a tool that is not there: nothing is wrong with the project."""
    DENIED = "denied"
    """The system did not let us."""
    BROKEN = "broken"
    """It is not what its name says."""


class Unread(NamedTuple):
    """Something of the project that was not read."""

    origin: str
    why: str
    reason: Reason


class AppFact(NamedTuple):
    """The project's folder, as far as LiveKit is concerned."""

    folder: str
    files: int = 0
    """Looked at, folders of packages and builds aside."""
    packages: tuple[Package, ...] = ()
    frameworks: tuple[FrameworkSeen, ...] = ()
    hosts: tuple[Host, ...] = ()
    reads: tuple[EnvRead, ...] = ()
    env_names: tuple[str, ...] = ()
    """LiveKit's variables that any .env file of the project sets."""
    tokens: tuple[UnawaitedToken, ...] = ()
    swaps_scheme: bool = False
    """Whether source in Go, PHP or Ruby seems to make ``https`` of ``wss`` itself."""
    cleartext: tuple[Cleartext, ...] = ()
    published: tuple[PublishedPort, ...] = ()
    server_images: tuple[ServerImage, ...] = ()
    tracked: int | None = None
    """Files that git tracks there; None: not a git work tree, or its index could not be read."""
    secret_searched: bool = False
    """Whether the API secret was looked for in what git tracks."""
    secret_in: tuple[str, ...] = ()
    """File and line of each place in a tracked file that holds it."""
    unread: tuple[Unread, ...] = ()

    def installed(self, ecosystem: Ecosystem, name: str) -> tuple[Package, ...]:
        """The package, as lock files say, and where none names it, as manifests do."""
        mine = [p for p in self.packages if p.ecosystem is ecosystem and p.name == name]
        locked = [package for package in mine if package.locked]
        return tuple(locked or mine)

    def within(
        self,
        ecosystem: Ecosystem,
        name: str,
        first: tuple[int, ...],
        before: tuple[int, ...],
    ) -> Package | None:
        """The package, where its exact version lies in a range; a range of versions never does."""
        for package in self.installed(ecosystem, name):
            version = numbers(package.version)
            if version is not None and first <= version < before:
                return package
        return None
