"""The driver's own promises, with connections and conversations made up for them."""

from typing import Any, cast

import pytest
from probes.peers import soon

from lkdoctor.errors import InternalError
from lkdoctor.probes.base import Connection, drive
from lkdoctor.wire.base import Conversation, End


class Flood:
    """A connection that always has something, and so never lets anybody wait."""

    async def receive(self) -> bytes:
        return b"x"


def listens_for_ever() -> Conversation[str]:
    while (yield b"") is not End.TIMEOUT:
        pass
    return "told that the time is up"


async def test_a_flood_does_not_keep_the_deadline_from_passing() -> None:
    result, _ = await drive(cast("Connection", Flood()), listens_for_ever(), soon(0.05))
    assert result == "told that the time is up"


async def test_a_conversation_that_goes_on_after_its_end_is_our_own_mistake() -> None:
    def deaf() -> Conversation[Any]:
        while True:
            yield b""

    with pytest.raises(InternalError):
        await drive(cast("Connection", Flood()), deaf(), soon(0.05))
