"""No bytes make a parser raise what it must not, or return what it must not."""

import subprocess
import sys
from pathlib import Path

import needs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, Target

RUNNER = Path(__file__).with_name("coverage_guided.py")


@st.composite
def inputs(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Any bytes, or a real input with some of its bytes replaced, left out or repeated."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        data[at:end] = draw(st.binary(max_size=12) | st.just(bytes(data[at:end]) * 2))
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes(target: Target, data: st.DataObject) -> None:
    target(data.draw(inputs(target.seeds)))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_real_inputs(target: Target) -> None:
    for seed in target.seeds:
        target(seed)


@needs.marked(needs.ATHERIS)
@pytest.mark.timeout(600)
def test_guided_by_coverage() -> None:
    """A few thousand inputs a target, chosen by atheris for the branches that they reach."""
    done = subprocess.run(
        [sys.executable, str(RUNNER), "--inputs", "3000", "--seconds", "8"],
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
