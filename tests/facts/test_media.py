"""Which class an address belongs to, and what outcomes are called."""

import pytest

from lkdoctor.facts.media import Outcome, Reach, Tried, barred, barred_over_tcp, reach


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


LOOPBACK, LINK_LOCAL = "a loopback address", "a link-local address"
METADATA, NOBODY = "the address of a cloud's metadata", "an address of no machine"
MULTICAST, PRIVATE = "a multicast address", "a private address, which a server elsewhere names"
HERE, LAN, PUBLIC = "127.0.0.1", "192.168.1.5", "203.0.113.10"


@pytest.mark.parametrize(
    ("address", "dialled", "why"),
    [
        ("127.0.0.1", PUBLIC, LOOPBACK),
        ("127.9.9.9", LAN, LOOPBACK),
        ("::1", PUBLIC, LOOPBACK),
        ("::ffff:127.0.0.1", PUBLIC, LOOPBACK),
        ("64:ff9b::7f00:1", PUBLIC, LOOPBACK),
        ("2002:7f00:1::1", PUBLIC, LOOPBACK),
        ("::7f00:1", PUBLIC, LOOPBACK),
        ("127.0.0.1", "", LOOPBACK),
        ("127.0.0.2", HERE, None),
        ("::1", HERE, None),
        ("169.254.1.1", PUBLIC, LINK_LOCAL),
        ("fe80::1%eth0", LAN, LINK_LOCAL),
        ("169.254.1.1", HERE, LINK_LOCAL),
        ("169.254.1.1", "169.254.1.9", None),
        ("169.254.169.254", PUBLIC, METADATA),
        ("169.254.169.254", "169.254.1.9", METADATA),
        ("::ffff:169.254.169.254", HERE, METADATA),
        ("fd00:ec2::254", LAN, METADATA),
        ("100.100.100.200", HERE, METADATA),
        ("168.63.129.16", PUBLIC, METADATA),
        ("169.254.169.254", "169.254.169.254", None),
        ("0.0.0.0", HERE, NOBODY),
        ("::", HERE, NOBODY),
        ("0.1.2.3", PUBLIC, NOBODY),
        ("255.255.255.255", HERE, NOBODY),
        ("240.0.0.1", PUBLIC, NOBODY),
        ("224.0.0.251", HERE, MULTICAST),
        ("ff02::1", LAN, MULTICAST),
        ("203.0.113.11", PUBLIC, None),
        ("10.0.0.5", PUBLIC, None),
        ("10.0.0.5", HERE, None),
        ("fd00::2", PUBLIC, None),
        ("100.64.0.1", PUBLIC, None),
        ("2001:db8::1", HERE, None),
        ("some.local", PUBLIC, None),
    ],
)
def test_where_a_server_may_not_send_us(address: str, dialled: str, why: str | None) -> None:
    assert barred(address, dialled) == why


@pytest.mark.parametrize(
    ("address", "dialled", "why"),
    [
        ("10.0.0.5", PUBLIC, PRIVATE),
        ("192.168.1.1", "", PRIVATE),
        ("172.17.0.2", PUBLIC, PRIVATE),
        ("100.64.0.1", PUBLIC, PRIVATE),
        ("fd00::2", PUBLIC, PRIVATE),
        ("10.0.0.5", LAN, None),
        ("10.0.0.5", HERE, None),
        ("203.0.113.11", PUBLIC, None),
        ("127.0.0.1", PUBLIC, LOOPBACK),
        ("127.0.0.1", HERE, None),
    ],
)
def test_a_public_server_does_not_have_us_knock_at_private_ports(
    address: str, dialled: str, why: str | None
) -> None:
    assert barred_over_tcp(address, dialled) == why


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        (Tried(Outcome.OK, 1.23), "answers in 1.2 ms"),
        (Tried(Outcome.OK), "yes"),
        (Tried(Outcome.REFUSED_BY, None, 401, "Unauthorized"), "401 Unauthorized"),
        (Tried(Outcome.SILENT), "no answer"),
        (Tried(Outcome.FOREIGN, detail="HTTP"), "another answer: HTTP"),
        (Tried(Outcome.BARRED, detail="a loopback address"), "not tried: a loopback address"),
    ],
)
def test_an_outcome_in_words(tried: Tried, words: str) -> None:
    assert tried.words == words
    assert tried.failed is not tried.ok


def test_every_outcome_has_words() -> None:
    assert all(Tried(outcome).words for outcome in Outcome)
