"""Who else is in the booking's own room while it is rehearsed in: real people are let alone.

A server takes its orders by identity, and a join disconnects whoever has that identity: none of
them can be bound to a participant. So the room is looked at immediately before each step and
during it, what is ours is told by the SIDs and by a mark that its tokens carry, and where anybody
else comes in, the rehearsal stops. Between a look and what follows it a moment remains.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Coroutine, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from lkdoctor.facts.api import ParticipantInfo, ParticipantsAnswer, ParticipantsListed
from lkdoctor.facts.rehearsal import Step, Stopped
from lkdoctor.wire.twirp import why

T = TypeVar("T")

EVERY_S: Final = 0.5
"""Seconds between two looks during a step."""

NOT_CONNECTED: Final = ("JOINING", "JOINED", "DISCONNECTED")
"""States of who has not got a peer connection."""

JOINING: Final = (*NOT_CONNECTED, "ACTIVE")
"""States that one goes through on the way in."""

SHOWS_MARKS: Final = 15
"""The server's protocol from which a list of participants shows attributes: 1.8, not yet 1.5."""


class Stop(Exception):  # noqa: N818 - not an error: it is what was observed
    """Somebody else came in."""

    def __init__(self, stopped: Stopped) -> None:
        super().__init__(stopped.identity or stopped.detail)
        self.stopped = stopped


class Room(NamedTuple):
    """One room that is rehearsed in."""

    name: str
    identities: frozenset[str]
    """Under which ours join it, safe to show, as a list of participants has them."""


class Company:
    """Looks who is there.

    Args:
        rooms: where.
        people: lists the participants of a room of that name.
        mark: what the attribute of our tokens says; nobody else can know it.
        beside: people may be there, as long as they are under other identities.
    """

    def __init__(
        self,
        rooms: Sequence[Room],
        people: Callable[[str], Awaitable[ParticipantsAnswer]],
        *,
        mark: str,
        beside: bool,
    ) -> None:
        self._rooms, self._people = rooms, people
        self._mark, self._beside = mark, beside
        self.sids: set[str] = set()
        """Of our participants, as far as they are known."""
        self.shows_marks = False
        """Whether the server is known to show them."""

    def ours(self, one: ParticipantInfo) -> bool:
        """Whether it is a participant of this rehearsal."""
        return one.sid in self.sids or one.mark == self._mark

    async def look(self, step: Step, *, unknown: Container[str] = ()) -> None:
        """Go on only where nobody else has come in.

        Args:
            step: what is to be played, or is being played.
            unknown: the states in which ours may be without their SIDs being known, where the
                server shows no marks: `JOINING` or `NOT_CONNECTED`.

        Raises:
            Stop: somebody has, or it cannot be seen.
        """
        for room in self._rooms:
            answer = await self._people(room.name)
            if not isinstance(answer, ParticipantsListed):
                raise Stop(Stopped(step, detail=why(answer)))
            for one in answer.participants:
                taken = one.identity in room.identities
                unsure = taken and not self.shows_marks and one.state in unknown
                if self.ours(one) or unsure or (self._beside and not taken):
                    continue
                raise Stop(Stopped(step, one.identity, taken=taken))

    async def during(
        self, step: Step, work: Coroutine[Any, Any, T], *, unknown: Container[str] = ()
    ) -> T:
        """What the work comes to; it ends at once where somebody comes in.

        Raises:
            Stop: somebody did.
        """
        task = asyncio.get_running_loop().create_task(work)
        try:
            while not (await asyncio.wait((task,), timeout=EVERY_S))[0]:
                await self.look(step, unknown=unknown)
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
