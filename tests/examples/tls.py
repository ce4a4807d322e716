"""Facts that raise each cause of `rules/tls.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import NOON, answer, healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.network import Resolved
from lkdoctor.facts.tls import (
    Certificate,
    Distrust,
    TlsAttempt,
    TlsBroken,
    TlsDistrusted,
    TlsEstablished,
    TlsFact,
    TlsNotSpoken,
    TlsTimedOut,
)
from lkdoctor.rules.tls import _DAY


def _stopped(attempt: TlsAttempt) -> Facts:
    """A run that came no further than this."""
    fine = healthy()
    return Facts(
        url=fine.url,
        network=fine.network,
        tls=TlsFact("rtc.example.com", attempt),
        clock=ClockFact(local=NOON),
    )


_CERTIFICATE: Final = Certificate(
    subject="CN=rtc.example.com",
    issuer="CN=Example CA",
    names=("rtc.example.com",),
    not_before=NOON - 30 * _DAY,
    not_after=NOON + 60 * _DAY,
    self_signed=False,
)


def _sick_untrusted() -> Facts:
    own = _CERTIFICATE._replace(issuer="CN=rtc.example.com", self_signed=True)
    return _stopped(TlsDistrusted(Distrust.SELF_SIGNED, "self-signed certificate", 51.0, own))


_LEAF_ALONE: Final = TlsDistrusted(
    Distrust.UNKNOWN_ISSUER,
    "unable to get local issuer certificate",
    51.0,
    _CERTIFICATE._replace(issuer="CN=R11,O=Example Authority", issuer_at="http://ca.example/r11"),
    sent=1,
)


def _sick_incomplete_chain() -> Facts:
    return _stopped(_LEAF_ALONE)


def _sick_roots_missing() -> Facts:
    tls = TlsFact("rtc.example.com", _LEAF_ALONE._replace(sent=2), roots=0)
    return _stopped(tls.attempt)._replace(tls=tls._replace(roots_at=("/etc/ssl/certs",)))


def _sick_intercepted() -> Facts:
    theirs = _CERTIFICATE._replace(issuer="CN=Zscaler Intermediate Root CA,O=Zscaler Inc.")
    return _stopped(_LEAF_ALONE._replace(certificate=theirs, sent=2))


def _sick_hostname() -> Facts:
    other = _CERTIFICATE._replace(subject="CN=www.example.com", names=("www.example.com",))
    error = "certificate is not valid for 'rtc.example.com'"
    return _stopped(TlsDistrusted(Distrust.HOSTNAME, error, 51.0, other))


def _sick_expired() -> Facts:
    old = _CERTIFICATE._replace(not_before=NOON - 92 * _DAY, not_after=NOON - 2 * _DAY)
    return _stopped(TlsDistrusted(Distrust.EXPIRED, "certificate has expired", 51.0, old))


def _sick_not_yet_valid() -> Facts:
    new = _CERTIFICATE._replace(not_before=NOON + 3600, not_after=NOON + 90 * _DAY)
    error = "certificate is not yet valid"
    return _stopped(TlsDistrusted(Distrust.NOT_YET_VALID, error, 51.0, new))


def _lasting(before: float, after: float) -> Facts:
    certificate = _CERTIFICATE._replace(not_before=NOON + before, not_after=NOON + after)
    established = TlsEstablished("TLSv1.3", "TLS_AES_128_GCM_SHA256", 49.0, True, certificate)
    return healthy()._replace(tls=TlsFact("rtc.example.com", established))


def _sick_expires_soon() -> Facts:
    return _lasting(-87 * _DAY, 3 * _DAY)


def _six_day_certificate() -> Facts:
    return _lasting(-2 * _DAY, 4 * _DAY)


def _sick_mismatch() -> Facts:
    plain = answer(200, "OK", content_type="text/plain; charset=utf-8")
    return _stopped(TlsNotSpoken("wrong version number", 25.0, plain))


def _sick_not_spoken() -> Facts:
    facts = _stopped(TlsNotSpoken("wrong version number", 25.0, None))
    dns = Resolved(("203.0.113.10",), 12.0)
    network = facts.network
    return facts._replace(network=network._replace(port=2222, dns=dns) if network else None)


def _sick_handshake_failed() -> Facts:
    return _stopped(TlsBroken("tlsv1 alert internal error", 50.0))


def _sick_timeout() -> Facts:
    return _stopped(TlsTimedOut(5000.0))


EXAMPLES: Final = {
    "tls-untrusted": Example(_sick_untrusted, healthy),
    "tls-incomplete-chain": Example(_sick_incomplete_chain, healthy),
    "tls-client-roots-missing": Example(_sick_roots_missing, healthy),
    "tls-intercepted": Example(_sick_intercepted, healthy),
    "tls-hostname": Example(_sick_hostname, healthy),
    "tls-expired": Example(_sick_expired, healthy),
    "tls-not-yet-valid": Example(_sick_not_yet_valid, healthy),
    "tls-expires-soon": Example(_sick_expires_soon, _six_day_certificate),
    "url-tls-mismatch": Example(_sick_mismatch, healthy),
    "tls-not-spoken": Example(_sick_not_spoken, healthy),
    "tls-handshake-failed": Example(_sick_handshake_failed, healthy),
    "tls-timeout": Example(_sick_timeout, healthy),
}
