"""What time it is, here and there."""

from typing import NamedTuple


class ClockFact(NamedTuple):
    """This machine's clock and, where a server told its own, the difference."""

    local: float
    """This machine's clock when it was read (seconds since 1970, UTC)."""
    server: float | None = None
    """The server's clock at that moment, from its ``Date`` header or a pong."""
    skew_ms: float | None = None
    """Server minus local, corrected by half the round trip; positive: this machine is behind."""
    uncertainty_ms: float = 0.0
    """Half the round trip plus the resolution of the source (a ``Date`` header has whole seconds)."""
    source: str = ""
    """``Date header`` or ``pong``."""

    @property
    def best(self) -> float:
        """The clock that will judge a token: the server's where known, else this machine's."""
        return self.local if self.server is None else self.server
