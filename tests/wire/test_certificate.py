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
    OCTETS,
    ODD,
    OID,
    SEQUENCE,
    TEXT,
    Odd,
    alternatives,
    by_hand,
    common_name,
    der,
    dns,
)

from lkdoctor.facts.tls import Certificate
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


# ------------------------------------------------------------------ part by part

FROM, TO = der(0x17, b"250101000000Z"), der(0x17, b"260101000000Z")
NEW_YEAR_2025, NEW_YEAR_2026 = 1735689600.0, 1767225600.0


def signed(
    *extensions: bytes,
    subject: bytes = common_name(der(TEXT, b"odd.example")),
    begins: bytes = FROM,
    ends: bytes = TO,
) -> bytes:
    """A certificate that nobody signed: all that is read of one stands before the signature."""
    parts = [
        der(0x02, b"\x01"),
        der(SEQUENCE),
        common_name(der(TEXT, b"Example CA")),
        der(SEQUENCE, begins, ends),
        subject,
        der(SEQUENCE),
    ]
    if extensions:
        parts.append(der(0xA3, der(SEQUENCE, *extensions)))
    return der(SEQUENCE, der(SEQUENCE, *parts))


def told(data: bytes) -> Certificate:
    found = certificate.read(data)
    assert found is not None
    return found


def test_a_certificate_without_extensions() -> None:
    assert told(signed()) == Certificate(
        subject="CN=odd.example",
        issuer="CN=Example CA",
        names=(),
        not_before=NEW_YEAR_2025,
        not_after=NEW_YEAR_2026,
        self_signed=False,
    )


@pytest.mark.parametrize(
    ("tag", "value", "text"),
    [
        pytest.param(0x0C, "ä".encode(), "ä", id="UTF8String"),
        pytest.param(0x12, b"0 1", "0 1", id="NumericString"),
        pytest.param(0x13, b"a", "a", id="PrintableString"),
        pytest.param(0x14, b"\xe4", "ä", id="TeletexString"),
        pytest.param(0x16, b"a@b", "a@b", id="IA5String"),
        pytest.param(0x1A, b"a", "a", id="VisibleString"),
        pytest.param(0x1C, "ä😀".encode("utf-32-be"), "ä😀", id="UniversalString"),
        pytest.param(0x1E, "ä".encode("utf-16-be"), "ä", id="BMPString"),
    ],
)
def test_each_kind_of_text_in_a_name_is_read(tag: int, value: bytes, text: str) -> None:
    found = told(signed(subject=common_name(der(tag, value))))
    assert (found.subject, found.unread) == (f"CN={text}", ())


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        pytest.param(common_name(der(0x04, b"\x01\x02")), "CN=#040102", id="no text"),
        pytest.param(common_name(b"\x0c\x80"), "", id="a length that is not said"),
        pytest.param(
            common_name(b"\x0c\x85\x00\x00\x00\x00\x01a"), "", id="a length of five bytes"
        ),
        pytest.param(common_name(b"\x0c\x82\x01"), "", id="a length that is cut off"),
        pytest.param(common_name(b"\x1f\x01a"), "", id="a tag of several bytes"),
        pytest.param(common_name(b"\x0c\x02a"), "", id="less than its length"),
        pytest.param(common_name(b"\x0c"), "", id="a tag alone"),
        pytest.param(common_name(b""), "", id="a kind without a value"),
    ],
)
def test_a_name_that_cannot_be_read_is_named(subject: bytes, shown: str) -> None:
    found = told(signed(subject=subject))
    assert (found.subject, found.issuer, found.unread) == (shown, "CN=Example CA", ("subject",))


def test_a_length_may_have_four_bytes() -> None:
    assert told(signed(subject=common_name(b"\x0c\x84\x00\x00\x00\x01a"))).subject == "CN=a"


@pytest.mark.parametrize(
    ("tag", "written", "moment"),
    [
        pytest.param(0x17, "250101000000Z", NEW_YEAR_2025, id="UTCTime"),
        pytest.param(0x17, "2501010000Z", NEW_YEAR_2025, id="without seconds"),
        pytest.param(0x17, "491231235959Z", 2524607999.0, id="49 is 2049"),
        pytest.param(0x17, "500101000000Z", -631152000.0, id="50 is 1950"),
        pytest.param(0x18, "20250101000000Z", NEW_YEAR_2025, id="GeneralizedTime"),
        pytest.param(0x18, "20250101000000.5Z", NEW_YEAR_2025, id="parts of a second"),
        pytest.param(0x18, "20250101013000+0130", NEW_YEAR_2025, id="east"),
        pytest.param(0x18, "20241231223000-0130", NEW_YEAR_2025, id="west"),
        pytest.param(0x18, "00010101000000Z", -62135596800.0, id="the first year"),
        pytest.param(0x18, "99991231235959Z", 253402300799.0, id="never"),
        pytest.param(0x17, "240229000000Z", 1709164800.0, id="a leap day"),
        pytest.param(0x18, "00000101000000Z", None, id="no year"),
        pytest.param(0x17, "250001000000Z", None, id="month 0"),
        pytest.param(0x17, "251301000000Z", None, id="month 13"),
        pytest.param(0x17, "250100000000Z", None, id="day 0"),
        pytest.param(0x17, "250229000000Z", None, id="no leap day"),
        pytest.param(0x17, "250101240000Z", None, id="hour 24"),
        pytest.param(0x17, "250101006000Z", None, id="minute 60"),
        pytest.param(0x17, "250101000060Z", None, id="second 60"),
        pytest.param(0x17, "250101000000", None, id="no zone"),
        pytest.param(0x0C, "250101000000Z", None, id="a text"),
    ],
)
def test_a_date_is_read_or_named(tag: int, written: str, moment: float | None) -> None:
    found = told(signed(begins=der(tag, written.encode())))
    assert (found.not_before, found.not_after) == (moment, NEW_YEAR_2026)
    assert found.unread == (() if moment is not None else ("dates",))


def access(*ways: bytes) -> bytes:
    """The extension that says where an issuer's own certificate is."""
    listed = der(OCTETS, der(SEQUENCE, *ways))
    return der(SEQUENCE, der(OID, bytes.fromhex("2b06010505070101")), listed)


def way(kind: str, tag: int, place: bytes) -> bytes:
    return der(SEQUENCE, der(OID, bytes.fromhex(kind)), der(tag, place))


ISSUERS, OCSP = "2b06010505073002", "2b06010505073001"


@pytest.mark.parametrize(
    ("ways", "place"),
    [
        pytest.param((way(ISSUERS, 0x86, b"http://ca/x"),), "http://ca/x", id="one"),
        pytest.param(
            (way(ISSUERS, 0x86, b"ldap://d"), way(ISSUERS, 0x86, b"HTTP://ca/y")),
            "HTTP://ca/y",
            id="behind a directory",
        ),
        pytest.param((way(OCSP, 0x86, b"http://ocsp"),), "", id="who revokes"),
        pytest.param((way(ISSUERS, 0x82, b"http://ca/x"),), "", id="no address"),
        pytest.param((der(SEQUENCE, der(OID, bytes.fromhex(ISSUERS))),), "", id="a kind alone"),
    ],
)
def test_where_the_issuer_s_own_is(ways: tuple[bytes, ...], place: str) -> None:
    found = told(signed(access(*ways)))
    assert (found.issuer_at, found.unread) == (place, ())


@pytest.mark.parametrize(
    ("extensions", "names", "unread"),
    [
        pytest.param(
            (alternatives(dns("a.example"), der(0x87, bytes(4)), der(0x87, bytes(15) + b"\x01")),),
            ("a.example", "0.0.0.0", "::1"),
            (),
            id="names and addresses",
        ),
        pytest.param(
            (alternatives(der(0x87, bytes(5)), dns("a.example")),),
            ("a.example",),
            ("names",),
            id="an address of five bytes",
        ),
        pytest.param(
            (alternatives(der(0x86, b"spiffe://x"), der(0x81, b"a@b")),),
            (),
            (),
            id="what says of no host",
        ),
        pytest.param(
            (alternatives(*[dns(f"{i}.example") for i in range(60)]),),
            tuple(f"{i}.example" for i in range(50)),
            (),
            id="more than are kept",
        ),
        pytest.param(
            (der(SEQUENCE, der(OID, b"\x55\x1d\x11"), der(OCTETS, dns("a.example"))),),
            (),
            ("names",),
            id="names that are no list",
        ),
        pytest.param(
            (der(SEQUENCE, der(OCTETS, b"\x55\x1d\x11"), der(OCTETS)), alternatives(dns("a"))),
            (),
            ("extensions",),
            id="an extension without a kind",
        ),
        pytest.param(
            (alternatives(dns("a.example")), der(SEQUENCE, der(OID, b"\x55"))),
            ("a.example",),
            ("extensions",),
            id="a kind of extension alone",
        ),
    ],
)
def test_whom_it_is_for(
    extensions: tuple[bytes, ...], names: tuple[str, ...], unread: tuple[str, ...]
) -> None:
    found = told(signed(*extensions))
    assert (found.names, found.unread) == (names, unread)


@pytest.mark.parametrize(
    "data",
    [
        der(SEQUENCE),
        der(SEQUENCE, der(0x31)),
        der(SEQUENCE, der(SEQUENCE)),
        der(0x31, der(SEQUENCE)),
        signed()[:-1],
        signed() + b"\x05\x00",
        signed().replace(der(0x02, b"\x01"), der(0x04, b"\x01"), 1),
    ],
    ids=["empty", "a set", "nothing in it", "not even a list", "cut", "more behind", "no serial"],
)
def test_what_is_built_otherwise_is_no_certificate(data: bytes) -> None:
    assert certificate.read(data) is None


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        pytest.param("883703", der(TEXT, b"a"), "2.999.3=a", id="a kind that nobody knows"),
        pytest.param("2b0601", der(TEXT, b"a"), "1.3.6.1=a", id="of ISO"),
        pytest.param("550403", b"\x0c\x81\x00", "CN=", id="nothing, its length in a byte more"),
        pytest.param("550403", der(TEXT, b' a"b '), 'CN=\\ a\\"b\\ ', id="quoted as RFC 4514 says"),
    ],
)
def test_a_part_of_a_name(kind: str, value: bytes, shown: str) -> None:
    pair = der(SEQUENCE, der(OID, bytes.fromhex(kind)), value)
    found = told(signed(subject=der(SEQUENCE, der(0x31, pair))))
    assert (found.subject, found.unread) == (shown, ())


def test_the_most_specific_part_of_a_name_stands_first() -> None:
    def pair(kind: str, value: bytes) -> bytes:
        return der(SEQUENCE, der(OID, bytes.fromhex(kind)), der(TEXT, value))

    name = der(
        SEQUENCE,
        der(0x31, pair("550406", b"DE")),
        der(0x31, pair("55040a", b"A"), pair("55040b", b"B")),
        der(0x31, pair("550403", b"c")),
    )
    assert told(signed(subject=name)).subject == "CN=c,O=A+OU=B,C=DE"


@pytest.mark.parametrize("size", [127, 128, 255, 256])
def test_a_length_has_as_many_bytes_as_it_takes(size: int) -> None:
    assert told(signed(subject=common_name(der(TEXT, b"a" * size)))).subject == f"CN={'a' * size}"


@pytest.mark.parametrize("begins", [b"", FROM + FROM, b"\x17"], ids=["one", "three", "cut"])
def test_of_dates_there_are_two(begins: bytes) -> None:
    found = told(signed(begins=begins))
    assert (found.not_before, found.not_after, found.unread) == (None, None, ("dates",))
