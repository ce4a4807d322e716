"""Processes beside the tests, stopped whatever happens to the test run, SIGKILL included."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

Keeper = subprocess.Popen[bytes]

STOP_TIMEOUT: Final = 10.0

# Stops the process when this test run ends in any way: its end of the pipe closes. Works where
# there are no process groups and no parent-death signal.
_KEEPER: Final = """
import os, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=lambda: os._exit(child.wait() & 0xFF), daemon=True).start()
sys.stdin.buffer.read()
child.kill()
child.wait()
"""


def start(words: Sequence[str], log: Path, env: Mapping[str, str]) -> Keeper:
    """Run a command that stays in the foreground; its output goes to the log."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            # Ctrl-C on the terminal is for the tests, which then stop the process.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def stop(keeper: Keeper) -> None:
    """End what `start` started, and wait until it has gone."""
    assert keeper.stdin is not None
    keeper.stdin.close()
    try:
        keeper.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            keeper.kill()
        else:
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()
