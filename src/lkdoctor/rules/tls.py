"""Whether the port speaks TLS when the URL says so, and whether its certificate holds."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.network import NetworkFact
from lkdoctor.facts.server import HttpAnswer, NoAnswer, ServerFact, Silence
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
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer
from lkdoctor.rules.answers import Heard, duration, evidence, is_pasteable, one_line
from lkdoctor.rules.base import Check, Effect, Seen, Unsure, cause

_DAY: Final = 86400.0

_SIGNALLING_PORT: Final = 7880
"""livekit-server's own; it never speaks TLS there (config-sample.yaml: ``port``)."""

_TLS_PORT_SAYS: Final = (
    "plain HTTP request was sent to HTTPS port",  # nginx
    "plain HTTP request sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",  # Go: Caddy, Traefik
    "speaking plain HTTP to an SSL-enabled server port",  # Apache httpd
)
"""How TLS servers answer a plain request, with status 400."""

_TLS_ALERT: Final = r"\x15\x03"
"""The first bytes of a TLS alert record (RFC 8446 §5.1, §6), escaped as foreign text is."""


def _date(seconds: float | None) -> str:
    if seconds is None:
        return "no date that could be read"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _span(seconds: float) -> str:
    """``61 days``, ``5 hours``."""
    days = round(abs(seconds) / _DAY)
    if days > 1:
        return f"{days} days"
    hours = round(abs(seconds) / 3600)
    return f"{hours} hour{'' if hours == 1 else 's'}"


def _distrusted(tls: TlsFact, *reasons: Distrust) -> TlsDistrusted | None:
    attempt = tls.attempt
    if isinstance(attempt, TlsDistrusted) and attempt.reason in reasons:
        return attempt
    return None


def _verification(attempt: TlsDistrusted, expected: str) -> Evidence:
    return Evidence("verification", one_line(attempt.error) or str(attempt.reason), expected, "net")


def _names(certificate: Certificate | None) -> tuple[Evidence, ...]:
    if certificate is None:
        return ()
    named = ", ".join(certificate.names[:6]) or certificate.subject
    more = f" and {len(certificate.names) - 6} more" if len(certificate.names) > 6 else ""
    unread = tuple(
        Evidence("could not be read", one_line(part, 60), None, "net")
        for part in certificate.unread[:3]
    )
    return (Evidence("certificate for", (one_line(named) or "nobody") + more, None, "net"), *unread)


def _issuer(certificate: Certificate | None, expected: str | None = None) -> tuple[Evidence, ...]:
    if certificate is None:
        return ()
    issuer = "itself" if certificate.self_signed else one_line(certificate.issuer)
    return (Evidence("issued by", issuer, expected, "net"),)


def _known(tls: TlsFact) -> str:
    """What was asked for of the issuer."""
    if tls.ca_file is None:
        return "an authority that this machine knows"
    return f"an authority of {one_line(tls.ca_file, 60)}, or one that this machine knows"


def _chain(tls: TlsFact) -> str:
    return "a chain to a known authority" if tls.ca_file is None else f"a chain to {_known(tls)}"


def _validity(certificate: Certificate | None, clock: ClockFact | None) -> tuple[Evidence, ...]:
    if certificate is None:
        return ()
    dates = f"{_date(certificate.not_before)} to {_date(certificate.not_after)}"
    now = () if clock is None else (Evidence("this clock", _date(clock.local), None, "net"),)
    return (Evidence("certificate valid", dates, None, "net"), *now)


# tls-untrusted, tls-hostname, tls-expired, tls-not-yet-valid, tls-expires-soon


_NO_KNOWN_ISSUER: Final = (Distrust.SELF_SIGNED, Distrust.UNKNOWN_ISSUER, Distrust.OTHER)


def _untrusted(tls: TlsFact) -> Iterator[Seen]:
    attempt = _distrusted(tls, *_NO_KNOWN_ISSUER)
    if attempt is None or _has_no_roots(tls) or _inspector(attempt) or _is_leaf_alone(attempt):
        return  # tls-client-roots-missing, tls-intercepted, tls-incomplete-chain
    proof = (
        _verification(attempt, _chain(tls)),
        *_issuer(attempt.certificate, _known(tls)),
        *_names(attempt.certificate),
    )
    whose = {} if tls.ca_file is None else {"file": one_line(tls.ca_file, 60)}
    if attempt.reason is Distrust.SELF_SIGNED:
        case = "self-signed-not-of-the-file" if whose else "self-signed"
        yield Seen(proof, case=case, values={"host": tls.host, **whose})
    elif attempt.reason is Distrust.UNKNOWN_ISSUER:
        yield Seen(proof, case="not-of-the-file" if whose else "", values=whose)
    else:
        yield Seen(proof, case="another-reason")


# tls-client-roots-missing, tls-incomplete-chain, tls-intercepted


def _has_no_roots(tls: TlsFact) -> bool:
    return tls.roots == 0 and _distrusted(tls, Distrust.UNKNOWN_ISSUER) is not None


def _roots_missing(tls: TlsFact) -> Iterator[Seen]:
    attempt = tls.attempt
    if not isinstance(attempt, TlsDistrusted) or not _has_no_roots(tls):
        return
    places = ", ".join(one_line(place, 60) for place in tls.roots_at) or "the system's store"
    yield Seen(
        (
            _verification(attempt, _chain(tls)),
            Evidence("authorities known here", "none", "about 140", "env"),
            Evidence("looked for in", places, None, "env"),
            *_issuer(attempt.certificate, _known(tls)),
        )
    )


def _is_leaf_alone(attempt: TlsDistrusted) -> bool:
    """Whether one certificate came, of an issuer that publishes its own for all to fetch."""
    certificate = attempt.certificate
    return (
        attempt.reason is Distrust.UNKNOWN_ISSUER
        and attempt.sent == 1
        and certificate is not None
        and not certificate.self_signed
        and bool(certificate.issuer_at)
    )


def _incomplete_chain(tls: TlsFact) -> Iterator[Seen]:
    attempt = tls.attempt
    if not isinstance(attempt, TlsDistrusted) or not _is_leaf_alone(attempt):
        return
    if _has_no_roots(tls) or _inspector(attempt) or attempt.certificate is None:
        return
    yield Seen(
        (
            _verification(attempt, _chain(tls)),
            Evidence("certificates sent", "1, the server's own", "2 or more", "net"),
            *_issuer(attempt.certificate, _known(tls)),
            Evidence(
                "the issuer's is at", one_line(attempt.certificate.issuer_at), "sent along", "net"
            ),
        )
    )


_INSPECTORS: Final = re.compile(
    r"(?i)\b(zscaler|netskope|fortinet|fortigate|palo alto networks|blue ?coat|sophos|cisco umbrella|"
    r"mcafee|skyhigh|kaspersky|eset ssl|avast|avg web|bitdefender|check point software|barracuda|"
    r"watchguard|forcepoint|websense|iboss|sonicwall|menlo security|cato networks|"
    r"gateway ca - cloudflare|cloudflare for teams|trend micro|untangle|smoothwall|lightspeed|securly|"
    r"adguard|mitmproxy|charles proxy|fiddler|portswigger)"
)
"""Products that open TLS connections and close them again with a certificate of their own."""


def _inspector(attempt: TlsAttempt) -> str | None:
    """The product's name as the certificate's issuer has it."""
    if not isinstance(attempt, TlsEstablished | TlsDistrusted) or attempt.certificate is None:
        return None
    if isinstance(attempt, TlsDistrusted) and attempt.reason not in _NO_KNOWN_ISSUER:
        return None  # its name or its dates are the cause
    found = _INSPECTORS.search(attempt.certificate.issuer)
    return None if found is None else found[0]


def _intercepted(tls: TlsFact) -> Iterator[Seen]:
    attempt = tls.attempt
    name = _inspector(attempt)
    if name is None or _has_no_roots(tls):
        return
    certificate = getattr(attempt, "certificate", None)
    trusted = isinstance(attempt, TlsEstablished)
    verification = (
        (_verification(attempt, _chain(tls)),) if isinstance(attempt, TlsDistrusted) else ()
    )
    case = "distrusted"
    if trusted:
        case = (
            "not-checked" if tls.insecure else "trusted-by-the-file" if tls.ca_file else "trusted"
        )
    yield Seen(
        (*verification, *_issuer(certificate, "the server's own authority"), *_names(certificate)),
        case=case,
        values={"product": name},
    )


def _hostname(tls: TlsFact) -> Iterator[Seen]:
    attempt = _distrusted(tls, Distrust.HOSTNAME)
    if attempt is None:
        return
    names = () if attempt.certificate is None else attempt.certificate.names
    proof = (
        _verification(attempt, f"a certificate for {one_line(tls.host, 80)}"),
        *_names(attempt.certificate),
    )
    if tls.host.replace(".", "").isdigit() or ":" in tls.host:
        named = next((name for name in names if is_pasteable(name)), "YOUR-HOST")
        yield Seen(proof, case="address", values={"name": named})
        return
    yield Seen(proof, case="name", values={"host": tls.host})


def _expired(tls: TlsFact, clock: ClockFact | None = None) -> Iterator[Seen]:
    attempt = _distrusted(tls, Distrust.EXPIRED, Distrust.SELF_SIGNED, Distrust.UNKNOWN_ISSUER)
    if attempt is None:
        return
    certificate = attempt.certificate
    ago = ""
    ends = None if certificate is None else certificate.not_after
    if ends is not None and clock is not None and clock.local > ends:
        ago = _span(clock.local - ends)
    elif attempt.reason is not Distrust.EXPIRED:
        return
    # Verification ends at the first thing that is wrong; both have to be put right.
    first = attempt.reason is Distrust.EXPIRED
    said = (_verification(attempt, "a certificate that is valid now"),) if first else ()
    proof = (*said, *_validity(certificate, clock), *_issuer(certificate))
    yield Seen(proof, case="by-this-clock" if ago else "", values={"ago": ago} if ago else {})


def _not_yet_valid(tls: TlsFact, clock: ClockFact | None = None) -> Iterator[Seen]:
    attempt = _distrusted(tls, Distrust.NOT_YET_VALID)
    if attempt is None:
        return
    yield Seen(
        (
            _verification(attempt, "a certificate that is valid now"),
            *_validity(attempt.certificate, clock),
        )
    )


def _expires_soon(tls: TlsFact, clock: ClockFact) -> Iterator[Seen]:
    attempt = tls.attempt
    if not isinstance(attempt, TlsEstablished) or attempt.certificate is None:
        return
    certificate = attempt.certificate
    begins, ends = certificate.not_before, certificate.not_after
    if begins is None or ends is None:
        return
    left = ends - clock.best
    # Certificates of six days are issued today: a week's notice would never end for them.
    notice = min(7 * _DAY, (ends - begins) / 6)
    if 0 <= left < notice:
        yield Seen(
            _validity(certificate, clock),
            case="in" if attempt.verified else "in-not-checked",
            values={"left": _span(left)},
        )


# url-tls-mismatch, tls-not-spoken


def _mismatch(
    url: UrlFact,
    tls: TlsFact | None = None,
    server: ServerFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Seen]:
    parsed = url.result
    if not isinstance(parsed, ParsedUrl):
        return
    if parsed.secure:
        if tls is not None and isinstance(tls.attempt, TlsNotSpoken):
            yield from _wss_to_plain(parsed, tls.attempt)
        elif (
            network is None
            and tls is None
            and parsed.port == _SIGNALLING_PORT
            and parsed.host_kind is not HostKind.CLOUD  # url-wrong-port
        ):
            yield _wss_to_signalling_port(parsed, url.origin)
    elif server is not None:
        yield from _ws_to_tls(parsed, server)


def _wss_to_plain(parsed: ParsedUrl, attempt: TlsNotSpoken) -> Iterator[Seen]:
    proof = (Evidence("TLS handshake", one_line(attempt.error), "a certificate", "net"),)
    if isinstance(attempt.plain_http, HttpAnswer):
        heard = Heard("GET / without TLS, same port", attempt.plain_http)
        yield _plain(parsed, *proof, evidence(heard))
    elif parsed.port == _SIGNALLING_PORT:
        port = Evidence("port", str(parsed.port), "443, or ws://", "env")
        yield _plain(parsed, *proof, port)._replace(confidence=Confidence.LIKELY)


def _wss_to_signalling_port(parsed: ParsedUrl, origin: str) -> Seen:
    """What the URL alone says, where nobody has dialled it: a proxy may have taken that port."""
    from lkdoctor.rules.url import FORM

    seen = Evidence(f"the URL ({origin})", f"wss://{_where(parsed)}", "no port, or ws://", "env")
    told = _plain(parsed, seen)
    return told._replace(case=f"undialled-{told.case}", check=FORM)


def _where(parsed: ParsedUrl) -> str:
    """Host, port and path as a URL has them, fit to be pasted."""
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    written = f"{host}:{parsed.port}{parsed.path}"
    return written if is_pasteable(written) else f"YOUR-HOST:{parsed.port}"


def _plain(parsed: ParsedUrl, *proof: Evidence) -> Seen:
    near = parsed.host_kind in {HostKind.LOOPBACK, HostKind.PRIVATE, HostKind.SINGLE_LABEL}
    values = {"where": _where(parsed), "port": str(parsed.port)}
    return Seen(proof, case="plain-nearby" if near else "plain", values=values)


def _ws_to_tls(parsed: ParsedUrl, server: ServerFact) -> Iterator[Seen]:
    root = server.root
    proof = evidence(Heard("GET / without TLS", root), "200 OK")
    where = _where(parsed) if parsed.port != 443 else _where(parsed).replace(":443", "", 1)
    seen = Seen((proof,), case="ws-to-tls", values={"where": where})
    if isinstance(root, HttpAnswer):
        if root.status == 400 and any(words in root.body for words in _TLS_PORT_SAYS):
            yield seen
    elif root.problem is Silence.NOT_HTTP and _TLS_ALERT in root.detail:
        yield seen
    elif server.speaks_tls:
        shaken = Evidence("TLS handshake, same port", "answered", "none: ws:// is plain", "net")
        yield seen._replace(evidence=(proof, shaken))
    elif parsed.port == 443 and root.problem in {Silence.CLOSED, Silence.RESET}:
        yield seen._replace(confidence=Confidence.LIKELY)


def _not_spoken(tls: TlsFact, network: NetworkFact | None = None) -> Iterator[Seen]:
    attempt = tls.attempt
    if not isinstance(attempt, TlsNotSpoken) or isinstance(attempt.plain_http, HttpAnswer):
        return
    if network is not None and network.port == _SIGNALLING_PORT:
        return  # url-tls-mismatch
    proof = [Evidence("TLS handshake", one_line(attempt.error), "a certificate", "net")]
    if isinstance(attempt.plain_http, NoAnswer):
        proof.append(evidence(Heard("GET / without TLS, same port", attempt.plain_http)))
    if network is not None:
        proof.append(Evidence("port", str(network.port), "443", "env"))
    yield Seen(tuple(proof))


# tls-handshake-failed, tls-timeout


def _handshake_failed(tls: TlsFact) -> Iterator[Seen]:
    if isinstance(tls.attempt, TlsBroken):
        observed = f"{one_line(tls.attempt.error)} (after {duration(tls.attempt.took_ms)})"
        yield Seen((Evidence("TLS handshake", observed, "a certificate", "net"),))


def _timed_out(tls: TlsFact, network: NetworkFact | None = None) -> Iterator[Seen]:
    if not isinstance(tls.attempt, TlsTimedOut):
        return
    proof = [
        Evidence("TLS handshake", f"no end in {duration(tls.attempt.took_ms)}", "TLS 1.2+", "net")
    ]
    if network is not None and network.connected is not None:
        took = duration(network.connected.took_ms)
        proof.insert(0, Evidence(f"TCP port {network.port}", f"open, {took}", None, "net"))
    yield Seen(tuple(proof))


def _look(tls: TlsFact, clock: ClockFact | None = None) -> str | Unsure:
    attempt = tls.attempt
    if not isinstance(attempt, TlsEstablished):
        return Unsure("no secure connection")
    version = one_line(attempt.version, 10).replace("TLSv", "TLS ")
    if not attempt.verified:
        return f"{version}, certificate not checked (--insecure)"
    ends = None if attempt.certificate is None else attempt.certificate.not_after
    if ends is None or clock is None:
        return f"{version}, certificate valid"
    number, unit = _span(ends - clock.best).split()
    return f"{version}, certificate valid {number} more {unit}"


CHECKS: Final = (
    Check(
        id="tls.handshake",
        layer=Layer.TLS,
        title="TLS is spoken where the URL says so, and is trusted",
        look=_look,
        needs=("net.tcp",),
        effect=Effect.NETWORK,
    ),
)


RULES: Final = (
    cause("tls-untrusted", _untrusted),
    cause("tls-incomplete-chain", _incomplete_chain),
    cause("tls-client-roots-missing", _roots_missing),
    cause("tls-intercepted", _intercepted),
    cause("tls-hostname", _hostname),
    cause("tls-expired", _expired),
    cause("tls-not-yet-valid", _not_yet_valid),
    cause("tls-expires-soon", _expires_soon),
    cause("url-tls-mismatch", _mismatch),
    cause("tls-not-spoken", _not_spoken),
    cause("tls-handshake-failed", _handshake_failed),
    cause("tls-timeout", _timed_out),
)
