"""Causes that are told in short."""

import pytest

from lkdoctor import catalogue
from lkdoctor.logs.causes import CAUSES, ShortCause
from lkdoctor.logs.scan import _ALL
from lkdoctor.logs.verdict import LEAK


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)
def test_every_one_is_whole(cause: ShortCause) -> None:
    assert len(cause.title) <= 60
    assert not cause.title.endswith(".")
    assert cause.cause.endswith(".")
    assert cause.fix


def test_each_is_named_by_a_phrase() -> None:
    used = {code for phrase in _ALL for code in phrase.codes} | {LEAK}
    assert {cause.code for cause in CAUSES} <= used


def test_what_a_rule_looks_for_is_not_told_twice() -> None:
    assert catalogue.by_code().keys() & {cause.code for cause in CAUSES} == set()
