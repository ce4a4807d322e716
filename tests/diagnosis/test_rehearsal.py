"""Under which names a booking's people are played in a throw-away copy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.diagnosis.rehearsal import played_as
from lkdoctor.names import byte_length


@pytest.mark.parametrize(
    ("identity", "played"),
    [
        pytest.param("ada", "lkdoctor-ada", id="short"),
        pytest.param("", "", id="one that is missing stays so"),
        pytest.param("a" * 55, f"lkdoctor-{'a' * 55}", id="the longest that is made longer"),
        pytest.param("a" * 56, f"lkdoctor-{'a' * 38}-b35439a4", id="no longer than it was"),
    ],
)
def test_a_name_is_told_apart_from_the_booking_s(identity: str, played: str) -> None:
    assert played_as(identity) == played


@given(st.text(min_size=1))
def test_a_server_s_limit_says_of_it_what_it_says_of_the_booking_s(identity: str) -> None:
    length = byte_length(identity)
    assert byte_length(played_as(identity)) == (length + 9 if length < 56 else length)


@given(st.text(), st.text())
def test_two_people_stay_two(one: str, other: str) -> None:
    assert (played_as(one) == played_as(other)) is (one == other)


def test_what_differs_behind_the_cut_stays_different() -> None:
    assert played_as("a" * 300 + "1") != played_as("a" * 300 + "2")
