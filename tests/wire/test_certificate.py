"""Certificates, as authorities make them and as nobody should."""

import functools
import ssl
import tempfile
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from neighbours.certificates import (
    ODD,
    TEXT,
    Odd,
    alternatives,
    by_hand,
    common_name,
    der,
    dns,
)

from lkdoctor.wire import certificate


def written(odd: Odd, folder: Path) -> bytes:
    by_hand(folder, odd)
    return (folder / "odd.der").read_bytes()


def test_an_ordinary_one_is_read_as_the_reference_library_reads_it() -> None:
    leaf = trustme.CA(organization_name='A, "B" + C').issue_cert(
        "rtc.example.com", "192.0.2.1", "2001:db8::1", common_name=" #x"
    )
    pem = leaf.cert_chain_pems[0].bytes()
    theirs = x509.load_pem_x509_certificate(pem)
    ours = certificate.read(ssl.PEM_cert_to_DER_cert(pem.decode()))
    assert ours is not None
    assert ours.subject == theirs.subject.rfc4514_string()
    assert ours.issuer == theirs.issuer.rfc4514_string()
    assert ours.names == ("rtc.example.com", "192.0.2.1", "2001:db8::1")
    assert ours.not_before == theirs.not_valid_before_utc.timestamp()
    assert ours.not_after == theirs.not_valid_after_utc.timestamp()
    assert (ours.self_signed, ours.issuer_at, ours.unread) == (False, "", ())


@pytest.mark.parametrize(
    ("odd", "subject", "names", "unread"),
    [
        pytest.param(
            Odd(extensions=(alternatives(dns("twice.example")),)),
            "CN=odd.example",
            ("127.0.0.1",),
            ("names (there are two lists)",),
            id="two lists of names",
        ),
        pytest.param(
            Odd(subject=common_name(der(TEXT, b"\xffodd\x1b"))),
            "CN=\ufffdodd\\x1b",
            ("127.0.0.1",),
            (),
            id="a name that is no UTF-8",
        ),
        pytest.param(
            Odd(subject=common_name(b"\x0c\x7f")),
            "",
            ("127.0.0.1",),
            ("subject", "issuer"),
            id="a name that ends too late",
        ),
        pytest.param(
            Odd(names=(dns("a\x1b.example"),)),
            "CN=odd.example",
            ("127.0.0.1", "a\\x1b.example"),
            (),
            id="a name that would act",
        ),
        pytest.param(
            Odd(extensions=(der(0x02, b"\x01"),)),
            "CN=odd.example",
            ("127.0.0.1",),
            ("extensions",),
            id="an extension that is a number",
        ),
    ],
)
def test_what_cannot_be_read_costs_nothing_else(
    odd: Odd, subject: str, names: tuple[str, ...], unread: tuple[str, ...], tmp_path: Path
) -> None:
    found = certificate.read(written(odd, tmp_path))
    assert found is not None
    assert (found.subject, found.names, found.unread) == (subject, names, unread)
    assert found.not_after is not None
    assert found.self_signed


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x03\x02\x01\x01", b"\x30\x80" + bytes(9)])
def test_bytes_that_are_no_certificate(data: bytes) -> None:
    assert certificate.read(data) is None


@functools.cache
def once(name: str) -> bytes:
    """The same bytes each time: a signature differs from one to the next."""
    with tempfile.TemporaryDirectory() as folder:
        return written(ODD[name], Path(folder))


@given(data=st.data())
def test_no_bytes_break_it(data: st.DataObject) -> None:
    whole = bytearray(once(data.draw(st.sampled_from(sorted(ODD)))))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = certificate.read(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    if found is not None:
        assert found.subject.isprintable()
        assert len(found.names) <= 50
        assert all(name.isprintable() and len(name) <= 300 for name in found.names)
