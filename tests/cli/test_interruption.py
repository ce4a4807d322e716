"""Ctrl-C, at every moment of a command's life that decides what the user gets."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from lkdoctor.cli.interruption import Interruption

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def looks() -> str:
    """What a run does: interrupted, it returns what it has."""
    try:
        ctrl_c()
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "partial"
    return "whole"


async def has_looked() -> str:
    return "whole"


def test_while_it_looks_what_was_seen_is_kept() -> None:
    with Interruption() as interruption:
        assert interruption.run(looks()) == "partial"


def test_before_it_looks_nothing_is_looked_at() -> None:
    with Interruption() as interruption:
        ctrl_c()
        with pytest.raises(asyncio.CancelledError):
            interruption.run(asyncio.sleep(60))


def test_in_its_last_step_the_report_is_kept() -> None:
    async def ends() -> str:
        ctrl_c()
        return "whole"

    with Interruption() as interruption:
        assert interruption.run(ends()) == "whole"


def test_after_it_has_looked_the_report_is_still_written() -> None:
    with Interruption() as interruption:
        report = interruption.run(has_looked())
        ctrl_c()
        written = report
    assert written == "whole"


def test_a_second_one_ends_it_wherever_it_is() -> None:
    with Interruption() as interruption:
        interruption.run(has_looked())
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_that_asks_a_process_to_end_is_heard_and_named(name: str) -> None:
    async def looks() -> str:
        try:
            os.kill(os.getpid(), signal.Signals[name])
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "partial"
        return "whole"

    before = signal.getsignal(signal.Signals[name])
    with Interruption() as interruption:
        assert interruption.run(looks()) == "partial"
    assert interruption.by == name
    assert signal.getsignal(signal.Signals[name]) is before


def test_what_nohup_has_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_was_there_before_is_there_after() -> None:
    def others(number: int, frame: object) -> None:
        del number, frame

    with Interruption():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, others)
    try:
        with Interruption():
            assert signal.getsignal(signal.SIGINT) is others
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_WHILE_IMPORTING = """
import sys

class Interrupted:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "lkdoctor.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted)
from lkdoctor.__main__ import main
main()
"""


def test_while_it_is_still_loading() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WHILE_IMPORTING], capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
