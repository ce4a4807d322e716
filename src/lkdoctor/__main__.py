"""``python -m lkdoctor`` and the console script."""

import gc
import os
import sys
import warnings

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

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
