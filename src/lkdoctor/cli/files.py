"""The files that a command writes beside its answer."""

import os
from pathlib import Path

from lkdoctor.config.named_files import is_token, problem_of, refusal
from lkdoctor.errors import UsageError


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read.

    Raises:
        UsageError: it cannot be written.
    """
    if is_token(str(path)):  # or there would be a file of that name
        raise refusal(str(path), "cannot write", "")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        problem = (
            "no such folder"
            if isinstance(error, FileNotFoundError)
            else "permission denied"
            if isinstance(error, PermissionError)
            else problem_of(error)
        )
        raise refusal(str(path), "cannot write", problem) from None


def write_early_end(path: Path, command: str, error: Exception) -> None:
    """Write the JUnit file of a command that ends without a report: whoever waits gets a case.

    Raises:
        UsageError: it cannot be written.
    """
    from lkdoctor.cli import misuse
    from lkdoctor.report import junit

    reason = (
        misuse.concealed(error.message) if isinstance(error, UsageError) else type(error).__name__
    )
    write(path, junit.died(command, reason))
