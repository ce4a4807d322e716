"""The pictures and tones of a rehearsal: what is put in is read out, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.rehearsal import TurnTry
from lkdoctor.probes.stage import (
    CHUNK,
    PICTURES,
    TONES,
    _TurnLog,
    hears,
    picture,
    time_code,
    tone,
)

SIZES = [(320, 180), (640, 360)]
assert {(w, h) for w, h, _ in PICTURES.values()} == set(SIZES)


@given(st.integers(min_value=0, max_value=2**40), st.sampled_from(SIZES))
def test_a_picture_shows_its_time(now_ms: int, size: tuple[int, int]) -> None:
    pixels = picture(*size, now_ms)
    assert len(pixels) == size[0] * size[1] * 3 // 2
    assert time_code(*size, memoryview(pixels)) == now_ms & 0xFFFFFF


def test_a_picture_that_was_made_smaller_still_shows_it() -> None:
    """As an encoder does that has too little bandwidth."""
    width, height = 640, 360
    pixels = picture(width, height, 1_234_567)
    smaller = b"".join(
        bytes(pixels[row * width : (row + 1) * width : 2]) for row in range(0, height, 2)
    )
    assert time_code(width // 2, height // 2, memoryview(smaller)) == 1_234_567


@pytest.mark.parametrize(
    ("width", "height", "shade"),
    [
        pytest.param(320, 180, 0x10, id="black"),
        pytest.param(320, 180, 0xEB, id="white"),
        pytest.param(320, 180, 0x80, id="grey"),
        pytest.param(16, 8, 0x10, id="too small"),
    ],
)
def test_no_time_is_read_where_none_is_shown(width: int, height: int, shade: int) -> None:
    pixels = bytes([shade]) * (width * height * 3 // 2)
    assert time_code(width, height, memoryview(pixels)) is None


@pytest.mark.parametrize("own", TONES)
@pytest.mark.parametrize("other", TONES)
def test_a_tone_is_told_from_the_other_and_from_silence(own: int, other: int) -> None:
    second = memoryview(tone(own)).cast("h")
    # Any ten milliseconds of it.
    for start in (0, 137, 20_000):
        assert hears(second[start : start + CHUNK], other) is (own == other)
    assert not hears(memoryview(bytes(CHUNK * 2)).cast("h"), other)


def said(*lines: str) -> TurnTry:
    log = _TurnLog()
    for line in lines:
        log.read(f"libwebrtc - (turn_port.cc:1): Port[a:0:relay]: {line}")
    return log.seen


def test_what_libwebrtc_logs_of_turn_is_understood() -> None:
    asked = "TURN allocate request sent, id=58694a36305537676d6e626e"
    challenge = "Received TURN allocate error response, id=5869, code=401, rtt=677 us"
    assert said() == TurnTry()
    assert said(asked, challenge, asked) == TurnTry(asked=2)
    assert said(
        asked,
        challenge,
        asked,
        challenge,
        "Failed to authenticate with the server after challenge, reason='Unauthorized'",
    ) == TurnTry(asked=2, refused="Unauthorized")
    assert said(asked, challenge.replace("401", "486")) == TurnTry(asked=1, refused="486")
    assert said(asked, "TURN allocate requested successfully, id=5869, code=0") == TurnTry(
        asked=1, allocated=True
    )
