"""Which class an address belongs to, and what outcomes are called."""

import pytest

from lkdoctor.facts.media import Outcome, Reach, Tried, reach


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("203.0.113.10", Reach.PUBLIC),
        ("2001:db8::1", Reach.PUBLIC),
        ("10.0.0.5", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("192.168.1.20", Reach.PRIVATE),
        ("fd00::2", Reach.PRIVATE),
        ("172.17.0.2", Reach.CONTAINER),
        ("172.30.0.2", Reach.CONTAINER),
        ("172.31.0.2", Reach.PRIVATE),
        ("10.244.1.7", Reach.CONTAINER),
        ("10.42.0.9", Reach.CONTAINER),
        ("100.64.0.1", Reach.CGNAT),
        ("100.128.0.1", Reach.PUBLIC),
        ("169.254.1.1", Reach.LINK_LOCAL),
        ("fe80::1%eth0", Reach.LINK_LOCAL),
        ("127.0.0.1", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("0.0.0.0", Reach.LOOPBACK),
        ("::ffff:10.0.0.5", Reach.PRIVATE),
        ("0d6b5a1c-5f0e-4d6a-8f0e-2f1f.local", Reach.NAME),
        ("", Reach.NAME),
    ],
)
def test_an_address_has_one_class(address: str, kind: Reach) -> None:
    assert reach(address) is kind


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        (Tried(Outcome.OK, 1.23), "answers in 1.2 ms"),
        (Tried(Outcome.OK), "yes"),
        (Tried(Outcome.REFUSED_BY, None, 401, "Unauthorized"), "401 Unauthorized"),
        (Tried(Outcome.SILENT), "no answer"),
        (Tried(Outcome.FOREIGN, detail="HTTP/1.1 400"), "another answer: HTTP/1.1 400"),
    ],
)
def test_an_outcome_in_words(tried: Tried, words: str) -> None:
    assert tried.words == words
    assert tried.failed is not tried.ok


def test_every_outcome_has_words() -> None:
    assert all(Tried(outcome).words for outcome in Outcome)
