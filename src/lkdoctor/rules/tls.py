"""Whether the port speaks TLS when the URL says so, and whether its certificate holds."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from lkdoctor import shell
from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.network import NetworkFact, Resolved
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
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import Heard, duration, evidence, fitting, is_pasteable, one_line
from lkdoctor.rules.base import Check, Effect, Judgement, Rule, Unsure
from lkdoctor.rules.examples import NOON, answer, healthy

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

_CERTIFICATE_FAILS: Final = (
    "net::ERR_CERT_AUTHORITY_INVALID",
    "could not establish signal connection: Failed to fetch",
    "CERTIFICATE_VERIFY_FAILED",
    "invalid peer certificate: UnknownIssuer",
    "An SSL error has occurred",
)


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


def _not_of(ca_file: str) -> str:
    return (
        f"The certificate leads to no authority of {one_line(ca_file, 60)}, nor to one that this machine "
        "trusts: the file holds another root, or the server does not send what stands between its "
        "certificate and that root."
    )


def _other_authority(ca_file: str) -> tuple[FixStep, ...]:
    """What to do where an authority was given, and it is not the certificate's."""
    return (
        FixStep(
            "See which authority is in that file; it has to be the root that the certificate's chain ends at:",
            command=shell.command(
                "openssl", "x509", "-noout", "-subject", "-issuer", "-in", ca_file
            ),
        ),
        FixStep(
            "Have the server send the intermediate certificates between its own and that root, too."
        ),
    )


def _validity(certificate: Certificate | None, clock: ClockFact | None) -> tuple[Evidence, ...]:
    if certificate is None:
        return ()
    dates = f"{_date(certificate.not_before)} to {_date(certificate.not_after)}"
    now = () if clock is None else (Evidence("this clock", _date(clock.local), None, "net"),)
    return (Evidence("certificate valid", dates, None, "net"), *now)


# tls-untrusted, tls-hostname, tls-expired, tls-not-yet-valid, tls-expires-soon


_NO_KNOWN_ISSUER: Final = (Distrust.SELF_SIGNED, Distrust.UNKNOWN_ISSUER, Distrust.OTHER)


def _untrusted(tls: TlsFact) -> Iterator[Judgement]:
    attempt = _distrusted(tls, *_NO_KNOWN_ISSUER)
    if attempt is None or _has_no_roots(tls) or _inspector(attempt) or _is_leaf_alone(attempt):
        return  # tls-client-roots-missing, tls-intercepted, tls-incomplete-chain
    proof = (
        _verification(attempt, _chain(tls)),
        *_issuer(attempt.certificate, _known(tls)),
        *_names(attempt.certificate),
    )
    cause = None if tls.ca_file is None else _not_of(tls.ca_file)
    fix = () if tls.ca_file is None else _other_authority(tls.ca_file)
    if attempt.reason is Distrust.SELF_SIGNED:
        title = fitting(f"The certificate of {tls.host} is self-signed")
        yield Judgement(proof, title=title, cause=cause, fix=fix)
    elif attempt.reason is Distrust.UNKNOWN_ISSUER:
        yield Judgement(proof, cause=cause, fix=fix)
    else:
        yield Judgement(
            proof,
            title="The certificate does not pass verification",
            cause="The server's certificate was refused for the reason quoted. Browsers and SDKs have "
            "similar rules, so they probably refuse it too.",
            confidence=Confidence.LIKELY,
        )


# tls-client-roots-missing, tls-incomplete-chain, tls-intercepted


def _has_no_roots(tls: TlsFact) -> bool:
    return tls.roots == 0 and _distrusted(tls, Distrust.UNKNOWN_ISSUER) is not None


def _roots_missing(tls: TlsFact) -> Iterator[Judgement]:
    attempt = tls.attempt
    if not isinstance(attempt, TlsDistrusted) or not _has_no_roots(tls):
        return
    places = ", ".join(one_line(place, 60) for place in tls.roots_at) or "the system's store"
    yield Judgement(
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


def _incomplete_chain(tls: TlsFact) -> Iterator[Judgement]:
    attempt = tls.attempt
    if not isinstance(attempt, TlsDistrusted) or not _is_leaf_alone(attempt):
        return
    if _has_no_roots(tls) or _inspector(attempt) or attempt.certificate is None:
        return
    yield Judgement(
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


def _intercepted(tls: TlsFact) -> Iterator[Judgement]:
    attempt = tls.attempt
    name = _inspector(attempt)
    if name is None or _has_no_roots(tls):
        return
    certificate = getattr(attempt, "certificate", None)
    trusted = isinstance(attempt, TlsEstablished)
    verification = (
        (_verification(attempt, _chain(tls)),) if isinstance(attempt, TlsDistrusted) else ()
    )
    whose = " by --ca-file" if tls.ca_file else ""
    believed = (
        "Nobody looked at it here (--insecure); clients do."
        if tls.insecure
        else f"Its root is trusted here{whose}, so signalling may work; media may not."
    )
    yield Judgement(
        (*verification, *_issuer(certificate, "the server's own authority"), *_names(certificate)),
        title=fitting(f"{name} stands between this machine and LiveKit"),
        severity=Severity.WARNING if trusted else None,
        cause=f"{_INTERCEPTED} {believed}" if trusted else None,
    )


_INTERCEPTED: Final = (
    "The certificate is not the server's: a security product on this network or machine opens the "
    "connection, reads along, and closes it again with a certificate of its own. Such products often "
    "drop WebSockets, and TURN over TLS never passes them, as there is no HTTP in it."
)


def _hostname(tls: TlsFact) -> Iterator[Judgement]:
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
        yield Judgement(
            proof,
            title="The URL has an IP address, the certificate a name",
            fix=(
                FixStep(
                    "Write the name that the certificate is for into the URL:",
                    snippet=Snippet("dotenv", f"LIVEKIT_URL=wss://{named}"),
                ),
                FixStep("For a first test on one machine, plain ws://localhost:7880 needs none."),
            ),
        )
        return
    yield Judgement(proof, title=fitting(f"The certificate is not for {tls.host}"))


def _expired(tls: TlsFact, clock: ClockFact | None = None) -> Iterator[Judgement]:
    attempt = _distrusted(tls, Distrust.EXPIRED, Distrust.SELF_SIGNED, Distrust.UNKNOWN_ISSUER)
    if attempt is None:
        return
    certificate = attempt.certificate
    title = None
    ends = None if certificate is None else certificate.not_after
    if ends is not None and clock is not None and clock.local > ends:
        title = f"The certificate expired {_span(clock.local - ends)} ago"
    elif attempt.reason is not Distrust.EXPIRED:
        return
    # Verification ends at the first thing that is wrong; both have to be put right.
    first = attempt.reason is Distrust.EXPIRED
    said = (_verification(attempt, "a certificate that is valid now"),) if first else ()
    yield Judgement((*said, *_validity(certificate, clock), *_issuer(certificate)), title=title)


def _not_yet_valid(tls: TlsFact, clock: ClockFact | None = None) -> Iterator[Judgement]:
    attempt = _distrusted(tls, Distrust.NOT_YET_VALID)
    if attempt is None:
        return
    yield Judgement(
        (
            _verification(attempt, "a certificate that is valid now"),
            *_validity(attempt.certificate, clock),
        )
    )


def _expires_soon(tls: TlsFact, clock: ClockFact) -> Iterator[Judgement]:
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
        yield Judgement(
            _validity(certificate, clock),
            title=f"The certificate ends in {_span(left)}",
            cause=None
            if attempt.verified
            else "By now it should have been renewed; nobody can connect once it has ended. Whether it is "
            "good for clients today was not checked (--insecure).",
        )


# url-tls-mismatch, tls-not-spoken


def _mismatch(
    url: UrlFact,
    tls: TlsFact | None = None,
    server: ServerFact | None = None,
    network: NetworkFact | None = None,
) -> Iterator[Judgement]:
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


def _wss_to_plain(parsed: ParsedUrl, attempt: TlsNotSpoken) -> Iterator[Judgement]:
    proof = (Evidence("TLS handshake", one_line(attempt.error), "a certificate", "net"),)
    if isinstance(attempt.plain_http, HttpAnswer):
        heard = Heard("GET / without TLS, same port", attempt.plain_http)
        yield Judgement((*proof, evidence(heard)), fix=_plain_fix(parsed))
    elif parsed.port == _SIGNALLING_PORT:
        port = Evidence("port", str(parsed.port), "443, or ws://", "env")
        yield Judgement((*proof, port), confidence=Confidence.LIKELY, fix=_plain_fix(parsed))


def _wss_to_signalling_port(parsed: ParsedUrl, origin: str) -> Judgement:
    """What the URL alone says, where nobody has dialled it: a proxy may have taken that port."""
    from lkdoctor.rules.url import FORM

    seen = Evidence(f"the URL ({origin})", f"wss://{_where(parsed)}", "no port, or ws://", "env")
    return Judgement(
        (seen,),
        title="wss:// is used on livekit-server's own plain port",
        cause="7880 is the port of livekit-server itself, which never speaks TLS. Unless a proxy with a "
        "certificate has taken that port, every client fails in the TLS handshake.",
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        fix=_plain_fix(parsed),
        check=FORM,
    )


def _where(parsed: ParsedUrl) -> str:
    """Host, port and path as a URL has them, fit to be pasted."""
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    written = f"{host}:{parsed.port}{parsed.path}"
    return written if is_pasteable(written) else f"YOUR-HOST:{parsed.port}"


def _plain_fix(parsed: ParsedUrl) -> tuple[FixStep, ...]:
    plain = FixStep(
        "Without TLS (this machine and trusted networks only), write the URL as it is:",
        snippet=Snippet("dotenv", f"LIVEKIT_URL=ws://{_where(parsed)}"),
    )
    proxy = FixStep(
        "For everybody else, put a proxy with a certificate in front and use its name without "
        "a port; with Caddy that is all of the Caddyfile:",
        snippet=Snippet(
            "caddy", f"rtc.example.com {{\n    reverse_proxy 127.0.0.1:{parsed.port}\n}}"
        ),
    )
    local = parsed.host_kind in {HostKind.LOOPBACK, HostKind.PRIVATE, HostKind.SINGLE_LABEL}
    return (plain, proxy) if local else (proxy, plain)


def _ws_to_tls(parsed: ParsedUrl, server: ServerFact) -> Iterator[Judgement]:
    root = server.root
    proof = (evidence(Heard("GET / without TLS", root), "200 OK"),)
    title = "ws:// is used on a port that speaks TLS"
    cause = (
        "The URL says ws://, so clients speak plain HTTP, but the port expects TLS. The server "
        "answers with an error of its own, or with nothing."
    )
    secure = _where(parsed) if parsed.port != 443 else _where(parsed).replace(":443", "", 1)
    fix = (
        FixStep(
            "Say wss:// in the URL:",
            snippet=Snippet("dotenv", f"LIVEKIT_URL=wss://{secure}"),
        ),
    )
    if isinstance(root, HttpAnswer):
        if root.status == 400 and any(words in root.body for words in _TLS_PORT_SAYS):
            yield Judgement(proof, title=title, cause=cause, fix=fix)
    elif root.problem is Silence.NOT_HTTP and _TLS_ALERT in root.detail:
        yield Judgement(proof, title=title, cause=cause, fix=fix)
    elif server.speaks_tls:
        shaken = Evidence("TLS handshake, same port", "answered", "none: ws:// is plain", "net")
        yield Judgement((*proof, shaken), title=title, cause=cause, fix=fix)
    elif parsed.port == 443 and root.problem in {Silence.CLOSED, Silence.RESET}:
        yield Judgement(proof, title=title, cause=cause, fix=fix, confidence=Confidence.LIKELY)


def _not_spoken(tls: TlsFact, network: NetworkFact | None = None) -> Iterator[Judgement]:
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
    yield Judgement(tuple(proof))


# tls-handshake-failed, tls-timeout


def _handshake_failed(tls: TlsFact) -> Iterator[Judgement]:
    if isinstance(tls.attempt, TlsBroken):
        observed = f"{one_line(tls.attempt.error)} (after {duration(tls.attempt.took_ms)})"
        yield Judgement((Evidence("TLS handshake", observed, "a certificate", "net"),))


def _timed_out(tls: TlsFact, network: NetworkFact | None = None) -> Iterator[Judgement]:
    if not isinstance(tls.attempt, TlsTimedOut):
        return
    proof = [
        Evidence("TLS handshake", f"no end in {duration(tls.attempt.took_ms)}", "TLS 1.2+", "net")
    ]
    if network is not None and network.connected is not None:
        took = duration(network.connected.took_ms)
        proof.insert(0, Evidence(f"TCP port {network.port}", f"open, {took}", None, "net"))
    yield Judgement(tuple(proof))


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
    established = TlsEstablished("TLSv1.3", "TLS_AES_128_GCM_SHA256", 49.0, True, certificate)  # noqa: FBT003 - verified
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


RULES: Final = (
    Rule(
        code="tls-untrusted",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="No known authority stands behind the certificate",
        symptoms=_CERTIFICATE_FAILS,
        cause="The certificate leads to no authority that this machine trusts: it is self-signed or "
        "comes from a private authority, the server does not send the intermediate certificate, this "
        "machine has no list of authorities (slim images, Python on macOS), or a security product "
        "breaks the connection open. For wss:// a browser shows no warning to click through: it fails "
        "silently.",
        how="TLS is spoken, the certificate is read, and its chain ends at no trusted root.",
        fix=(
            FixStep(
                "Use a certificate of a public authority; Caddy gets and renews one by itself:",
                snippet=Snippet("caddy", "rtc.example.com {\n    reverse_proxy 127.0.0.1:7880\n}"),
            ),
            FixStep(
                "If it is of a public authority, send the whole chain, not the leaf alone:",
                snippet=Snippet(
                    "nginx", "ssl_certificate /etc/letsencrypt/live/rtc.example.com/fullchain.pem;"
                ),
            ),
            FixStep(
                "If only slim containers fail, install the authorities in the final image:",
                command="apt-get install -y ca-certificates",
            ),
            FixStep(
                "With an authority of your own, install its root on every client, and give it here:",
                command="lkdoctor ws-probe --ca-file root.pem",
            ),
        ),
        source="RFC 5280 §6, livekit/livekit#123, livekit/livekit#1604, livekit/client-sdk-swift#210, livekit/agents-js#932",
        judge=_untrusted,
        sick=_sick_untrusted,
        healthy=healthy,
        related=(
            "tls-incomplete-chain",
            "tls-client-roots-missing",
            "tls-intercepted",
            "tls-hostname",
            "tls-expired",
        ),
    ),
    Rule(
        code="tls-incomplete-chain",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The server sends its own certificate and no other",
        symptoms=(
            "unable to get local issuer certificate",
            "invalid peer certificate: UnknownIssuer",
            "CERTIFICATE_VERIFY_FAILED",
            "java.security.cert.CertPathValidatorException: Trust anchor for certification path not found",
        ),
        cause="Public authorities sign with an intermediate certificate, which the server has to send along; "
        "here it does not. Desktop browsers often fetch or remember it, so they connect; Android, Python, "
        "Rust, Go and agents do not.",
        how="One certificate comes, its issuer is unknown here, and it says where the issuer's certificate is "
        "to be had, as those of public authorities do. Nothing is fetched from there.",
        fix=(
            FixStep(
                "Serve the whole chain, not the leaf alone; with nginx:",
                snippet=Snippet(
                    "nginx", "ssl_certificate /etc/letsencrypt/live/rtc.example.com/fullchain.pem;"
                ),
            ),
            FixStep("Reload the proxy:", command="sudo nginx -s reload"),
            FixStep(
                "Count what is sent now; it must be two or more:",
                command="openssl s_client -connect rtc.example.com:443 -servername rtc.example.com -showcerts </dev/null | grep -c BEGIN",
            ),
        ),
        source="RFC 8446 §4.4.2, RFC 5280 §4.2.2.1, livekit/python-sdks#353",
        judge=_incomplete_chain,
        sick=_sick_incomplete_chain,
        healthy=healthy,
        related=("tls-untrusted", "tls-client-roots-missing"),
    ),
    Rule(
        code="tls-client-roots-missing",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="This machine knows no certificate authority at all",
        symptoms=(
            "failed to retrieve region info: error sending request for url",
            "invalid peer certificate: UnknownIssuer",
            "CERTIFICATE_VERIFY_FAILED",
            "unable to get local issuer certificate",
        ),
        cause="The list of authorities is missing or empty here, as in slim container images and in Python "
        "from python.org on macOS, or SSL_CERT_FILE names a file that is not there. No certificate can be "
        "verified then, however good it is. Node.js brings a list of its own: an agent's worker "
        "registers, and every job fails.",
        how="The certificate's issuer is unknown, and this machine's store holds no authority.",
        fix=(
            FixStep(
                "In a container, install the list in the final image:",
                command="apt-get update && apt-get install -y ca-certificates   # Alpine: apk add ca-certificates",
            ),
            FixStep(
                "On macOS, run what came with Python:",
                command="open '/Applications/Python 3.12/Install Certificates.command'",
            ),
            FixStep(
                "If SSL_CERT_FILE or SSL_CERT_DIR is set, see that it names what there is:",
                command='ls -l "$SSL_CERT_FILE" "$SSL_CERT_DIR"',
            ),
        ),
        source="OpenSSL SSL_CTX_set_default_verify_paths, livekit/agents-js#932, livekit/agents-js#1622, livekit/python-sdks#353",
        judge=_roots_missing,
        sick=_sick_roots_missing,
        healthy=healthy,
        related=("tls-untrusted", "tls-incomplete-chain"),
    ),
    Rule(
        code="tls-intercepted",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="A security product opens the TLS connection",
        symptoms=(
            "net::ERR_CERT_AUTHORITY_INVALID",
            "CERTIFICATE_VERIFY_FAILED",
            "could not establish signal connection: Failed to fetch",
            "could not establish pc connection",
        ),
        cause=_INTERCEPTED,
        how="The certificate's issuer has the name of a product that inspects TLS.",
        fix=(
            FixStep(
                "Ask who runs this network or machine for a bypass (no inspection) of the LiveKit host and of "
                "its TURN name."
            ),
            FixStep(
                "Try from another network, a phone's for example: if it works there, this is it."
            ),
            FixStep(
                "Until then, let clients here trust the product's root:",
                command="export SSL_CERT_FILE=/path/to/company-root.pem",
            ),
        ),
        source="RFC 8446 §9.3, docs.livekit.io (configuring firewalls)",
        judge=_intercepted,
        sick=_sick_intercepted,
        healthy=healthy,
        related=("tls-untrusted",),
    ),
    Rule(
        code="tls-hostname",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The certificate is for another name than the URL's",
        symptoms=(
            "net::ERR_CERT_COMMON_NAME_INVALID",
            "could not establish signal connection: Failed to fetch",
            "CERTIFICATE_VERIFY_FAILED: Hostname mismatch",
            "hostname mismatch",
        ),
        cause="The URL's host is not among the names of the certificate: an IP address in the URL, a "
        "name that was never added, or a proxy that hands out its default site's certificate.",
        how="The certificate's names (subjectAltName) are compared with the host of the URL.",
        fix=(
            FixStep(
                "Use one of the certificate's names in the URL, or have it issued for this one:",
                command="certbot certonly --expand -d rtc.example.com",
            ),
            FixStep(
                "If the names are those of another site, the proxy does not know this host: give it a site (server_name, Host rule) of its own."
            ),
        ),
        source="RFC 9525 §6, livekit/livekit-react#45, livekit/livekit#1604",
        judge=_hostname,
        sick=_sick_hostname,
        healthy=healthy,
        related=("tls-untrusted",),
    ),
    Rule(
        code="tls-expired",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The certificate has expired",
        symptoms=(
            "net::ERR_CERT_DATE_INVALID",
            "could not establish signal connection: Failed to fetch",
            "certificate has expired",
        ),
        cause="The certificate's last day is over: its renewal stopped (port 80 blocked, DNS challenge "
        "broken), or it was renewed but the proxy still holds the old one. Everybody is locked out at once.",
        how="The certificate's last day lies before this machine's clock.",
        fix=(
            FixStep(
                "Renew it, and look why that did not happen by itself:",
                command="certbot renew && certbot certificates",
            ),
            FixStep("Let the proxy load the new one:", command="sudo systemctl reload nginx"),
            FixStep(
                "livekit-server reads its TURN certificate only at start: restart it after a renewal.",
                command="sudo systemctl restart livekit-server",
                destructive=True,
            ),
            FixStep("See that this machine's own clock is right:", command="date -u"),
        ),
        source="RFC 5280 §4.1.2.5, livekit-server pkg/service/turn.go",
        judge=_expired,
        sick=_sick_expired,
        healthy=healthy,
        related=("tls-expires-soon", "tls-not-yet-valid"),
    ),
    Rule(
        code="tls-not-yet-valid",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The certificate is not valid yet, by this clock",
        symptoms=(
            "net::ERR_CERT_DATE_INVALID",
            "could not establish signal connection: Failed to fetch",
            "certificate is not yet valid",
        ),
        cause="The certificate's first day lies ahead: either this machine's clock is behind (a resumed "
        "virtual machine, an empty clock battery), or the certificate was issued by a machine whose "
        "clock is ahead.",
        how="The certificate's first day lies after this machine's clock.",
        fix=(
            FixStep(
                "See which clock is wrong:",
                command="date -u; curl -sI https://example.com | grep -i ^date",
            ),
            FixStep(
                "Set this machine's clock by the network:", command="sudo timedatectl set-ntp true"
            ),
            FixStep(
                "If this clock is right, issue the certificate again on a machine with the right time."
            ),
        ),
        source="RFC 5280 §4.1.2.5",
        judge=_not_yet_valid,
        sick=_sick_not_yet_valid,
        healthy=healthy,
        related=("clock-server-wrong", "tls-expired"),
    ),
    Rule(
        code="tls-expires-soon",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        title="The certificate ends within days",
        symptoms=("net::ERR_CERT_DATE_INVALID",),
        cause="The certificate works, but by now it should have been renewed; nobody can connect once "
        "it has ended.",
        how="Less than a week of the certificate is left, and less than a sixth of its life.",
        fix=(
            FixStep("See whether the renewal works:", command="certbot renew --dry-run"),
            FixStep(
                "After a renewal, reload the proxy, and restart livekit-server where it serves TURN/TLS."
            ),
        ),
        source="RFC 5280 §4.1.2.5, livekit-server pkg/service/turn.go",
        judge=_expires_soon,
        sick=_sick_expires_soon,
        healthy=_six_day_certificate,
        related=("tls-expired",),
    ),
    Rule(
        code="url-tls-mismatch",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="wss:// is used on a port that speaks plain HTTP",
        symptoms=(
            "net::ERR_SSL_PROTOCOL_ERROR",
            "SSL_ERROR_RX_RECORD_TOO_LONG",
            "WRONG_VERSION_NUMBER",
            "400 The plain HTTP request was sent to HTTPS port",
        ),
        cause="The URL says wss://, so clients speak TLS, but the port answers in plain HTTP. "
        "livekit-server itself never speaks TLS on its port: wss:// needs a proxy with a certificate "
        "in front.",
        how="The TLS handshake fails, and GET / without TLS on the same port is answered (or, for ws://, "
        "the answer is a TLS server's).",
        fix=(
            FixStep(
                "For a local test:", snippet=Snippet("dotenv", "LIVEKIT_URL=ws://localhost:7880")
            ),
            FixStep(
                "For everything else, a proxy with a certificate, and its name in the URL:",
                snippet=Snippet("caddy", "rtc.example.com {\n    reverse_proxy 127.0.0.1:7880\n}"),
            ),
        ),
        source="livekit/livekit#1464, livekit/livekit#263, livekit/livekit#1604, livekit/agents#1325",
        judge=_mismatch,
        sick=_sick_mismatch,
        healthy=healthy,
        explains=(
            "http-not-http",
            "http-closed-early",
            "url-not-livekit",
            "server-refused",
            "signal-refused",
            "signal-closed-early",
            "signal-handshake-invalid",
            "proxy-upgrade-stripped",
            "api-not-routed",
            "api-refused",
            "api-no-answer",
        ),
        related=("url-wrong-port", "tls-not-spoken"),
    ),
    Rule(
        code="tls-not-spoken",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The port speaks neither TLS nor HTTP",
        symptoms=(
            "net::ERR_SSL_PROTOCOL_ERROR",
            "WRONG_VERSION_NUMBER",
            "could not establish signal connection: Failed to fetch",
        ),
        cause="Something answers on this port, but in another language than TLS, and plain HTTP gets no "
        "answer either: probably the port of another service.",
        how="The answer to the TLS handshake is not TLS, and GET / without TLS is not answered.",
        fix=(
            FixStep("Use the proxy's port: 443 needs none in the URL."),
            FixStep("On the server, see what has this port:", command="sudo ss -ltnp"),
        ),
        source="RFC 8446 §5.1, livekit/livekit#3109",
        judge=_not_spoken,
        sick=_sick_not_spoken,
        healthy=healthy,
        related=("url-wrong-port", "url-tls-mismatch"),
    ),
    Rule(
        code="tls-handshake-failed",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The server breaks off the TLS handshake",
        symptoms=(
            "net::ERR_SSL_PROTOCOL_ERROR",
            "net::ERR_CONNECTION_CLOSED",
            "could not establish signal connection: Failed to fetch",
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
        ),
        cause="The port accepts the connection and ends it before a certificate is agreed: the proxy "
        "has no site or no certificate for this name, wants another TLS version, is about to restart, or "
        "a firewall cuts connections by their host name.",
        how="The handshake ends with an alert, a reset or a closed connection.",
        fix=(
            FixStep(
                "Read the proxy's log at this moment; see that it has a certificate for this very name.",
                command="docker compose logs --tail 50 caddy || sudo tail -50 /var/log/nginx/error.log",
            ),
            FixStep(
                "See what it says to others:",
                command="openssl s_client -connect rtc.example.com:443 -servername rtc.example.com </dev/null",
            ),
            FixStep("Try from another network: if it works there, this one filters."),
        ),
        source="RFC 8446 §6.2, RFC 6066 §3",
        judge=_handshake_failed,
        sick=_sick_handshake_failed,
        healthy=healthy,
        related=("tls-timeout", "tls-hostname"),
    ),
    Rule(
        code="tls-timeout",
        check="tls.handshake",
        layer=Layer.TLS,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The port opens, but TLS never gets an answer",
        symptoms=(
            "room connection has timed out (signal)",
            "net::ERR_CONNECTION_TIMED_OUT",
            "TLS handshake timeout",
        ),
        cause="Something accepts the connection and then stays silent: a firewall or load balancer that "
        "answers for a dead server, a proxy that hangs, a port of another service that waits for the "
        "client to speak its own language, or packets too large for the way (MTU, common in VPNs).",
        how="TCP connects, and no TLS answer comes in the time given.",
        fix=(
            FixStep(
                "On the proxy's host, see whether it answers there:",
                command="curl -skv --resolve rtc.example.com:443:127.0.0.1 https://rtc.example.com/",
            ),
            FixStep("In a VPN or tunnel, try a smaller MTU, or without it."),
            FixStep(
                "Restart the proxy if it hangs.",
                command="sudo systemctl restart nginx",
                destructive=True,
            ),
        ),
        source="RFC 8446 §4, RFC 4821 §1",
        judge=_timed_out,
        sick=_sick_timeout,
        healthy=healthy,
        explains=("signal-timeout",),
        related=("tcp-timeout", "tls-handshake-failed"),
    ),
)
