"""``python -m lkdoctor`` and the console script."""

import gc
import sys

COLLECT_AFTER = 50_000
"""Objects; by default Python collects after 700, some twenty times before a command has begun,
over classes that live as long as the process: a twentieth of its start."""


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(COLLECT_AFTER)
    from lkdoctor.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
