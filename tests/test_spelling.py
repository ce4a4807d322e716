"""How far two words are apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.spelling import distance


@pytest.mark.parametrize(
    ("a", "b", "slips"),
    [
        ("", "", 0),
        ("a", "", 1),
        ("key", "kye", 1),
        ("key", "keys", 1),
        ("key", "kex", 1),
        ("ab", "ba", 1),
        ("abc", "cab", 2),
    ],
)
def test_slips_between_two_words(a: str, b: str, slips: int) -> None:
    assert distance(a, b) == slips


@given(st.text("abc_", max_size=8), st.text("abc_", max_size=8))
def test_slips_are_the_same_in_both_directions(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))


@given(st.text("abc_", max_size=8), st.text("abc_", max_size=8), st.integers(0, 4))
def test_a_limit_only_ends_the_count(a: str, b: str, limit: int) -> None:
    assert distance(a, b, limit) == min(distance(a, b), limit + 1)
