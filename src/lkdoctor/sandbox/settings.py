"""What a sandbox is told to be; a fault is a change to this."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Version(NamedTuple):
    """A livekit-server whose answers are copied."""

    name: str
    protocol: int

    def since(self, minor: int) -> bool:
        """Whether it is 1.MINOR or later."""
        return int(self.name.split(".")[1]) >= minor


VERSIONS: Final = (
    Version(name="1.13.5", protocol=17),
    Version(name="1.11.0", protocol=17),
    Version(name="1.9.12", protocol=16),
    Version(name="1.8.4", protocol=15),
    Version(name="1.5.0", protocol=10),
)
"""Those that can be had, newest first."""


class VersionError(ValueError):
    """There is no such version here; the message names those that there are."""


def version_of(name: str) -> Version:
    """The version of this name, or the newest that it is the beginning of: ``1.8``.

    Raises:
        VersionError: none of them is.
    """
    for version in VERSIONS:
        if name and f"{version.name}.".startswith(f"{name}."):
            return version
    known = ", ".join(version.name for version in VERSIONS)
    raise VersionError(f"{name}: the sandbox answers as one of {known}")


class Settings(NamedTuple):
    """The configuration of one sandbox.

    Attributes:
        keys: API keys and their secrets, as the server believes them; the first signs.
        version: the livekit-server whose answers are given.
        auto_create: whether joining a room that does not exist makes it.
        full: whether every room that is joined has no place left.
        seated: rooms and identities of people who are there from the start.
        room: the room of the tokens that are handed out.
        identity: their identity.
        api_authorization: whether tokens of API calls arrive.
        answers_pings: whether a client's pings are answered.
        cuts_after_join: whether a connection ends without a word after its first message.
        empty_timeout: seconds that a room lasts in which nobody ever was.
        departure_timeout: seconds that a room lasts after the last one left.
        reads_room_config: whether a token's ``roomConfig`` counts, as from 1.8 on.
        update_interval: seconds in which changes of participants are collected for the others.
        clock_ahead: seconds by which the server's clock is ahead of the true time.
        token_age: seconds that a token is older when it arrives than it says.
        turn_credential: the password of an offered TURN server; None offers none.
        regions: LiveKit Cloud's regions, name and URL; None: a server of one's own, which has none.
    """

    keys: Mapping[str, str]
    version: Version = VERSIONS[0]
    auto_create: bool = True
    full: bool = False
    seated: tuple[tuple[str, str], ...] = ()
    room: str = "practice"
    identity: str = "somebody"
    api_authorization: bool = True
    answers_pings: bool = True
    cuts_after_join: bool = False
    empty_timeout: int = 300
    departure_timeout: int = 20
    reads_room_config: bool = True
    update_interval: float = 3.0
    clock_ahead: float = 0.0
    token_age: float = 0.0
    turn_credential: str | None = None
    regions: Mapping[str, str] | None = None
