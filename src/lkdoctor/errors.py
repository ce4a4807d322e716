"""Two kinds of "no" that end a command: the user's mistake, and ours.

What a *peer* does wrong is never one of these: it is a fact with evidence.
"""

from collections.abc import Sequence


class UsageError(Exception):
    """The input cannot be used; exit code 2.

    Args:
        message: what was wrong and where, in one sentence.
        advice: what to write instead, one line each.
    """

    def __init__(self, message: str, *, advice: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.advice = tuple(advice)


class InternalError(Exception):
    """lkdoctor broke one of its own promises; exit code 5."""
