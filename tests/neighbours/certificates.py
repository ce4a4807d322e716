"""Certificates by trustme, in files as proxies want them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from neighbours.proxies import Pair

AUTHORITY = "ca.pem"


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
