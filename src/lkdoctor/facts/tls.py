"""What the TLS handshake showed."""

from enum import StrEnum
from typing import Literal, NamedTuple

from lkdoctor.facts.server import Exchange


class Distrust(StrEnum):
    """Why a certificate did not verify."""

    SELF_SIGNED = "self-signed"
    UNKNOWN_ISSUER = "unknown-issuer"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    HOSTNAME = "hostname"
    OTHER = "other"


class Certificate(NamedTuple):
    """A server's certificate, as far as people need it."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """DNS names and IP addresses that it covers."""
    not_before: float | None
    not_after: float | None
    """None where it is no date that could be read."""
    self_signed: bool
    issuer_at: str = ""
    """Where the issuer's own certificate is to be had over HTTP (RFC 5280 §4.2.2.1); public
    authorities always say so."""
    unread: tuple[str, ...] = ()
    """Parts that are not as they should be and could not be read: ``names``, ``dates`` …"""


class TlsEstablished(NamedTuple):
    """The handshake succeeded."""

    version: str
    """``TLSv1.3``"""
    cipher: str
    took_ms: float
    verified: bool
    """False under ``--insecure``: nobody looked at the certificate."""
    certificate: Certificate | None = None
    kind: Literal["established"] = "established"


class TlsDistrusted(NamedTuple):
    """The peer speaks TLS, but its certificate does not verify."""

    reason: Distrust
    error: str
    took_ms: float
    certificate: Certificate | None = None
    """From a second look that sent nothing but the host's name; None where that failed too."""
    sent: int | None = None
    """How many certificates the peer sent; None where that cannot be told."""
    kind: Literal["distrusted"] = "distrusted"


class TlsNotSpoken(NamedTuple):
    """The peer answered our ClientHello with something that is not TLS."""

    error: str
    took_ms: float
    plain_http: Exchange | None = None
    """What ``GET /`` without TLS got from the same port."""
    kind: Literal["not-spoken"] = "not-spoken"


class TlsBroken(NamedTuple):
    """The handshake ended without a result: an alert, a reset, an end of stream."""

    error: str
    took_ms: float
    kind: Literal["broken"] = "broken"


class TlsTimedOut(NamedTuple):
    took_ms: float
    kind: Literal["timed-out"] = "timed-out"


TlsAttempt = TlsEstablished | TlsDistrusted | TlsNotSpoken | TlsBroken | TlsTimedOut


class TlsFact(NamedTuple):
    host: str
    """The name that was verified."""
    attempt: TlsAttempt
    insecure: bool = False
    """``--insecure`` was given."""
    ca_file: str | None = None
    roots: int | None = None
    """Authorities that this machine trusts, the ``ca_file`` included; counted only where the
    certificate's issuer is unknown."""
    roots_at: tuple[str, ...] = ()
    """Where this machine keeps them."""
