"""The one reader of time and dice."""

import time

from lkdoctor.clock import Clock, SystemClock


def test_this_machine_s_clock() -> None:
    clock: Clock = SystemClock()
    before = time.time()
    assert before <= clock.now() <= time.time()
    first = clock.monotonic()
    assert first <= clock.monotonic()


def test_digits_that_nobody_can_guess() -> None:
    clock = SystemClock()
    assert len(clock.token_hex(4)) == 8
    assert int(clock.token_hex(16), 16) != int(clock.token_hex(16), 16)
