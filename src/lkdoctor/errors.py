"""Two kinds of "no" that end a command: the user's mistake, and ours.

What a *peer* does wrong is never one of these: it is a fact with evidence. Nor is what this machine
itself has run out of, as far as a report can tell of it.
"""

import errno
from collections.abc import Sequence
from typing import Final


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


def leaf(problem: BaseException) -> BaseException:
    """What was raised, where tasks that ran together have wrapped it in groups."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


_EXHAUSTED: Final = {
    errno.EMFILE: "this process may open no more files and connections",
    errno.ENFILE: "this machine has no file or connection left to open",
    errno.ENOBUFS: "this machine has no memory left for connections",
    errno.ENOMEM: "this machine has no memory left",
}
_OF_CONNECTIONS: Final = {
    errno.EADDRNOTAVAIL: "this machine has no local port left",
    errno.EPERM: "this machine does not permit it",
    errno.EACCES: "this machine does not permit it",
}


def exhausted(problem: BaseException) -> str | None:
    """What this machine has run out of, in words; None where the error is of another kind."""
    if isinstance(problem, MemoryError):
        return _EXHAUSTED[errno.ENOMEM]
    if isinstance(problem, RuntimeError) and "start new thread" in str(problem):
        return "this machine starts no more threads"
    return _EXHAUSTED.get(problem.errno or 0) if isinstance(problem, OSError) else None


def own_limit(problem: BaseException) -> str | None:
    """The same of an error of a connection, which this machine may also forbid."""
    words = exhausted(problem)
    if words is None and isinstance(problem, OSError):
        return _OF_CONNECTIONS.get(problem.errno or 0)
    return words
