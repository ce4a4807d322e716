"""Certificates by trustme, in files as proxies want them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

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
