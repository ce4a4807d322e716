"""A number is read where there is one, and nothing is raised where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.digits import MAX_DIGITS, number


@given(st.integers(min_value=0, max_value=10**MAX_DIGITS - 1))
def test_every_number(value: int) -> None:
    assert number(str(value)) == value
    assert number(f"0{value}"[:MAX_DIGITS]) == int(f"0{value}"[:MAX_DIGITS])


@pytest.mark.parametrize(
    "text",
    ["", "²", "1²", "٣", "-1", "+1", " 1", "1 ", "1_0", "0x1", "1.0", "9" * (MAX_DIGITS + 1)],
)
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


@given(st.text(max_size=5) | st.text("0123456789²٣-+_ ", max_size=5))
def test_no_text_raises(text: str) -> None:
    found = number(text)
    assert found is None or found == int(text)
