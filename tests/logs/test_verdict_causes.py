"""Causes that only a log names."""

import pytest

from lkdoctor import catalogue
from lkdoctor.logs.scan import _ALL
from lkdoctor.logs.verdict import LEAK
from lkdoctor.rules.words import Words

CAUSES = tuple(cause for cause in catalogue.causes() if cause.check is None)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)
def test_every_one_is_whole(cause: Words) -> None:
    assert len(cause.title) <= 60
    assert not cause.title.endswith(".")
    assert cause.cause.endswith(".")
    assert cause.fix


def test_each_is_named_by_a_phrase() -> None:
    used = {code for phrase in _ALL for code in phrase.codes} | {LEAK}
    assert {cause.code for cause in CAUSES} <= used


def test_they_have_no_rule() -> None:
    assert catalogue.by_code().keys() & {cause.code for cause in CAUSES} == set()
