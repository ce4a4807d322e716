"""The table of what programs write."""

import re

import pytest

from lkdoctor import catalogue
from lkdoctor.logs import phrases, reasons
from lkdoctor.logs.phrases import Phrase, Weight

ALL = (*phrases.PHRASES, *reasons.PHRASES)
EVERY = [pytest.param(phrase, id=f"{i} {phrase.text}") for i, phrase in enumerate(ALL)]


@pytest.mark.parametrize("phrase", EVERY)
def test_every_code_is_explained(phrase: Phrase) -> None:
    assert phrase.codes
    assert set(phrase.codes) <= set(catalogue.codes())


@pytest.mark.parametrize("phrase", EVERY)
def test_every_phrase_is_whole(phrase: Phrase) -> None:
    assert phrase.text == phrase.text.lower().strip()
    assert len(phrase.text) >= 8
    assert phrase.text.isascii()
    assert phrase.by
    assert phrase.means
    assert not phrase.means.endswith(".")
    assert phrase.source
    re.compile(phrase.pattern)
    assert all(text == text.lower() for text in phrase.without)
    assert len(set(phrase.codes)) == len(phrase.codes)


def test_no_phrase_stands_twice_without_a_difference() -> None:
    told = [(p.text, p.pattern, p.without, p.weight) for p in ALL]
    assert len(set(told)) == len(told)


def test_a_symptom_has_more_than_one_cause() -> None:
    lonely = {p.text for p in phrases.PHRASES if p.weight is Weight.NARROWS and len(p.codes) < 2}
    assert lonely == set()
