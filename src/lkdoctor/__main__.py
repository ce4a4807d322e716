"""``python -m lkdoctor`` and the console script."""

import gc
import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

COLLECT_AFTER = 50_000
"""Objects; by default Python collects after 700, some twenty times before a command has begun,
over classes that live as long as the process: a twentieth of its start."""


def _nothing(unraisable: "sys.UnraisableHookArgs") -> None:
    """Say nothing."""
    del unraisable


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(COLLECT_AFTER)
    if not sys.warnoptions and not os.environ.get("LKDOCTOR_DEBUG"):
        # What Python says of objects that Ctrl-C left half made is for us, not for users.
        warnings.simplefilter("ignore")
        sys.unraisablehook = _nothing
    try:
        from lkdoctor.cli.app import run
    except KeyboardInterrupt:  # before there is anything to tell
        sys.exit(130)

    _leave(run(sys.argv[1:]))


def _leave(code: int) -> None:
    """End the process without taking the interpreter apart, where nobody waits for that.

    It takes a tenth of what an offline command takes (mypy ends the same way: ``hard_exit``).
    Whoever wants to be told of the end (logging, a thread pool, coverage) has registered.
    """
    import atexit

    try:
        if atexit._ncallbacks() == 0 and all(_flushed(s) for s in (sys.stdout, sys.stderr)):  # noqa: SLF001 - there is no public way to ask
            os._exit(code)
    except AttributeError:  # an interpreter that does not tell
        pass
    sys.exit(code)


def _flushed(stream: "TextIO | None") -> bool:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):  # the interpreter knows what to say of that
        return False
    return True


if __name__ == "__main__":
    main()
