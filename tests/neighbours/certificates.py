"""Certificates by trustme, in files as proxies want them."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID

from neighbours.proxies import Pair

AUTHORITY = "ca.pem"


def public(folder: Path, issuer: trustme.CA, *, chain: bool) -> Pair:
    """A certificate as public authorities make them: it says where its issuer's own is."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.load_pem_x509_certificate(issuer.cert_pem.bytes())
    signer = serialization.load_pem_private_key(issuer.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    place = x509.UniformResourceIdentifier("http://ca.example/intermediate.der")
    way = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .add_extension(x509.AuthorityInformationAccess([way]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    sent = leaf.public_bytes(pem) + (issuer.cert_pem.bytes() if chain else b"")
    (folder / "cert.pem").write_bytes(sent)
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Pair(folder / "cert.pem", folder / "key.pem")


def issued(
    folder: Path, *names: str, ca: trustme.CA | None = None, days: int = 30, chain: bool = True
) -> Pair:
    """A certificate for these names (localhost), and its root in ``ca.pem``.

    Args:
        folder: where the files go.
        names: what the certificate is for.
        ca: who signs; a root of its own without.
        days: when it ends; negative for one that has ended.
        chain: send the authorities in between, too.
    """
    ca = ca or trustme.CA()
    ends = datetime.now(UTC) + timedelta(days=days)
    leaf = ca.issue_cert(
        *(names or ("localhost",)), not_before=ends - timedelta(days=60), not_after=ends
    )
    sent = leaf.cert_chain_pems if chain else leaf.cert_chain_pems[:1]
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in sent))
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    if not (folder / AUTHORITY).exists():
        ca.cert_pem.write_to_path(folder / AUTHORITY)
    return Pair(folder / "cert.pem", folder / "key.pem")


# ------------------------------------------------------------------ written byte by byte


def der(tag: int, *parts: bytes) -> bytes:
    """A part of a certificate: its tag, its length, and what it holds (X.690 §8)."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body


SEQUENCE, SET, OID, TEXT, BITS, OCTETS = 0x30, 0x31, 0x06, 0x0C, 0x03, 0x04
TRUE = der(0x01, b"\xff")
ECDSA_SHA256 = der(SEQUENCE, der(OID, bytes.fromhex("2a8648ce3d040302")))
COMMON_NAME, ALTERNATIVE_NAMES = bytes.fromhex("550403"), bytes.fromhex("551d11")
NOBODY_S = bytes.fromhex("2b0601040182dc7a01")
"""An extension that nobody knows."""


def common_name(value: bytes) -> bytes:
    """A name of one part."""
    return der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME), value)))


def alternatives(*names: bytes) -> bytes:
    """The extension that says which hosts it is for."""
    listed = der(OCTETS, der(SEQUENCE, *names))
    return der(SEQUENCE, der(OID, ALTERNATIVE_NAMES), listed)


def dns(name: str) -> bytes:
    return der(0x82, name.encode())


LOOPBACK = der(0x87, bytes((127, 0, 0, 1)))


class Odd(NamedTuple):
    """What is odd about a certificate that OpenSSL takes."""

    version: int = 2
    serial: bytes = b"\x01"
    subject: bytes = common_name(der(TEXT, b"odd.example"))
    extensions: tuple[bytes, ...] = ()
    names: tuple[bytes, ...] = ()
    """Alternative names beside the one that is asked for."""
    begins: bytes = b""
    """In place of an hour ago."""
    unread: tuple[str, ...] = ()
    """What of it nobody can read."""
    refused: bool = False
    """OpenSSL does not take it where it verifies it."""


ODD: Final = {
    "in order": Odd(),
    "an extension twice": Odd(
        extensions=(der(SEQUENCE, der(OID, NOBODY_S), der(OCTETS, b"?")),) * 2
    ),
    "a critical extension that nobody knows": Odd(
        extensions=(der(SEQUENCE, der(OID, NOBODY_S), TRUE, der(OCTETS, b"?")),), refused=True
    ),
    "an X.400 address": Odd(names=(der(0xA3, der(SEQUENCE), der(0xA0)),)),
    "an EDI party": Odd(names=(der(0xA5, der(0xA1, der(TEXT, b"edi"))),)),
    "an IP address of five bytes": Odd(names=(der(0x87, bytes(5)),), unread=("names",)),
    "a bit string for a name": Odd(
        subject=common_name(der(BITS, b"\x00\x01\x02")), unread=("subject",)
    ),
    "a name in UTF-16": Odd(subject=common_name(der(0x1E, "odd".encode("utf-16-be")))),
    "an empty name": Odd(subject=der(SEQUENCE)),
    "version 4": Odd(version=3),
    "version 1 with extensions": Odd(version=0),
    "a negative serial number": Odd(serial=b"\x80"),
    "no serial number": Odd(serial=b"\x00"),
    "a month that there is not": Odd(
        begins=der(0x17, b"251301000000Z"), unread=("dates",), refused=True
    ),
    "a date with a fraction": Odd(begins=der(0x18, b"20250101000000.5Z"), refused=True),
    "a date with a zone": Odd(begins=der(0x17, b"250101000000+0100"), refused=True),
    "a date before the calendar": Odd(begins=der(0x18, b"00000101000000Z"), unread=("dates",)),
}


def by_hand(
    folder: Path,
    odd: Odd,
    *,
    issuer: trustme.CA | None = None,
    names: Sequence[bytes] = (LOOPBACK,),
    days: int = 30,
) -> Pair:
    """A certificate that is odd in this way, signed by the issuer, or by itself where None."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer, by = key, odd.subject
    if issuer is not None:
        authority = x509.load_pem_x509_certificate(issuer.cert_pem.bytes())
        loaded = serialization.load_pem_private_key(issuer.private_key_pem.bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer, by = loaded, authority.subject.public_bytes()
    now = datetime.now(UTC)
    begins = odd.begins or _utc(now - timedelta(days=60))
    extensions = [alternatives(*names, *odd.names), *odd.extensions]
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = der(
        SEQUENCE,
        der(0xA0, der(0x02, bytes((odd.version,)))) if odd.version else b"",
        der(0x02, odd.serial),
        ECDSA_SHA256,
        by,
        der(SEQUENCE, begins, _utc(now + timedelta(days=days))),
        odd.subject,
        public,
        der(0xA3, der(SEQUENCE, *extensions)),
    )
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256()))
    whole = der(SEQUENCE, signed, ECDSA_SHA256, der(BITS, b"\x00", signature))
    (folder / "odd.der").write_bytes(whole)
    (folder / "odd.pem").write_text(ssl.DER_cert_to_PEM_cert(whole))
    (folder / "odd-key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Pair(folder / "odd.pem", folder / "odd-key.pem")


def _utc(moment: datetime) -> bytes:
    return der(0x17, f"{moment:%y%m%d%H%M%S}Z".encode())
