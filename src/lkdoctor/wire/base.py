"""How a conversation on the wire is written down without a socket, a loop or a clock.

A conversation is a generator: it sends by ``yield``, receives what the ``yield`` returns, and
answers by ``return``. What comes in is bytes, or the `End` that came in their place; after
`End.CLOSED` and `End.RESET` nothing else comes. A conversation never raises because of what
the peer sent.
"""

from collections.abc import Generator
from enum import StrEnum
from typing import TypeAlias, TypeVar

T = TypeVar("T")


class End(StrEnum):
    """What can come in place of bytes."""

    CLOSED = "closed"
    """The peer closed its side in good order."""
    RESET = "reset"
    """The connection was reset, or the layer below broke."""
    TIMEOUT = "timeout"
    """Nothing came in the time given."""


Conversation: TypeAlias = Generator[bytes, "bytes | End", T]
