"""TLS handshakes with certificates of every kind, and with peers that do not speak TLS."""

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from neighbours.certificates import LOOPBACK, ODD, by_hand, dns
from neighbours.proxies import Pair
from probes.peers import Caller, peer, soon, timeless

from lkdoctor.errors import UsageError
from lkdoctor.facts.network import TcpConnected
from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import Phase, PhaseName, PhaseOutcome
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
from lkdoctor.probes import server, tls
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Endpoint, dial
from lkdoctor.wire import certificate as certificates

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


async def answer_ok(caller: Caller) -> None:
    await caller.head()
    await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")


async def look(
    endpoint: Endpoint, deadline: Deadline | None = None
) -> tuple[TlsFact | None, tuple[Phase, ...], object]:
    """The fact, the phases, and what `GET /` said where there was a way."""
    deadline = deadline or soon()
    async with dial(endpoint, deadline) as route:
        said = (await server.look(route, deadline)).server.root if route.ready else None
        return timeless(route.tls), timeless(route.phases), timeless(said)


OK = HttpAnswer(200, "OK", (("content-length", "2"),), "OK", 2, 0.0)


async def test_a_certificate_that_verifies(authority: trustme.CA, ca_file: str) -> None:
    leaf = authority.issue_cert("127.0.0.1", "rtc.example.com", common_name="rtc.example.com")
    async with peer(answer_ok, tls=server_context(leaf)) as there:
        fact, phases, said = await look(Endpoint(there, ca_file=ca_file))
    assert fact is not None
    attempt = fact.attempt
    assert isinstance(attempt, TlsEstablished)
    assert attempt.certificate is not None
    assert (attempt.version, attempt.verified) == ("TLSv1.3", True)
    assert "CN=rtc.example.com" in attempt.certificate.subject
    assert attempt.certificate.names == ("127.0.0.1", "rtc.example.com")
    assert not attempt.certificate.self_signed
    begins, ends = attempt.certificate.not_before, attempt.certificate.not_after
    assert begins is not None
    assert ends is not None
    assert begins < NOW.timestamp() < ends
    assert (fact.host, fact.insecure, fact.ca_file) == ("127.0.0.1", False, ca_file)
    assert [(phase.name, phase.outcome) for phase in phases] == [
        (PhaseName.DNS, PhaseOutcome.OK),
        (PhaseName.TCP, PhaseOutcome.OK),
        (PhaseName.TLS, PhaseOutcome.OK),
    ]
    assert said == OK


async def test_both_ways_of_reading_a_certificate_agree(
    authority: trustme.CA, ca_file: str
) -> None:
    leaf = authority.issue_cert("127.0.0.1", common_name="rtc.example.com")
    async with peer(answer_ok, tls=server_context(leaf)) as there:
        verified, _, _ = await look(Endpoint(there, ca_file=ca_file))
        unverified, _, said = await look(Endpoint(there, insecure=True))
    assert verified is not None
    assert unverified is not None
    assert isinstance(verified.attempt, TlsEstablished)
    assert unverified.attempt == verified.attempt._replace(verified=False)
    assert unverified.insecure
    assert said == OK


async def test_an_unknown_issuer_is_seen_and_nothing_is_sent(authority: trustme.CA) -> None:
    said = []

    async def listen(caller: Caller) -> None:
        said.append(await caller.reader.read(100))

    leaf = authority.issue_cert("127.0.0.1")
    async with peer(listen, tls=server_context(leaf)) as there:
        fact, phases, answer = await look(Endpoint(there))
    assert fact is not None
    assert isinstance(fact.attempt, TlsDistrusted)
    assert fact.attempt.reason is Distrust.UNKNOWN_ISSUER
    assert fact.attempt.certificate is not None
    assert fact.attempt.certificate.names == ("127.0.0.1",)
    assert (fact.attempt.sent, fact.attempt.certificate.issuer_at) == (1, "")
    assert fact.roots is not None
    assert phases[-1] == Phase(PhaseName.TLS, PhaseOutcome.FAILED, detail="distrusted")
    assert answer is None
    assert b"".join(said) == b""


async def test_another_name(authority: trustme.CA, ca_file: str) -> None:
    leaf = authority.issue_cert("rtc.example.com")
    async with peer(answer_ok, tls=server_context(leaf)) as there:
        fact, _, _ = await look(Endpoint(there, ca_file=ca_file))
    assert fact is not None
    assert isinstance(fact.attempt, TlsDistrusted)
    assert fact.attempt.reason is Distrust.HOSTNAME
    assert fact.attempt.certificate is not None
    assert fact.attempt.certificate.names == ("rtc.example.com",)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        pytest.param(NOW - 9 * DAY, NOW - DAY, Distrust.EXPIRED, id="expired"),
        pytest.param(NOW + DAY, NOW + 9 * DAY, Distrust.NOT_YET_VALID, id="not yet valid"),
    ],
)
async def test_dates(
    authority: trustme.CA,
    ca_file: str,
    start: dt.datetime,
    end: dt.datetime,
    reason: Distrust,
) -> None:
    leaf = authority.issue_cert("127.0.0.1", not_before=start, not_after=end)
    async with peer(answer_ok, tls=server_context(leaf)) as there:
        fact, _, _ = await look(Endpoint(there, ca_file=ca_file))
    assert fact is not None
    assert isinstance(fact.attempt, TlsDistrusted)
    assert fact.attempt.reason is reason
    assert fact.attempt.certificate is not None
    assert fact.attempt.certificate.not_after == float(int(end.timestamp()))


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me, \x1b[31mmyself")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2036, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    file = folder / "self.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file)
    return made


async def test_self_signed(tmp_path: Path) -> None:
    async with peer(answer_ok, tls=self_signed(tmp_path)) as there:
        fact, _, _ = await look(Endpoint(there))
    name = "CN=me\\, \\x1b[31mmyself"
    assert fact == TlsFact(
        "127.0.0.1",
        TlsDistrusted(
            Distrust.SELF_SIGNED,
            "self-signed certificate",
            0.0,
            Certificate(name, name, (), 1767225600.0, 2082758400.0, self_signed=True),
            sent=1,
        ),
    )


async def test_http_on_the_tls_port() -> None:
    """What wss:// meets on livekit-server's own port 7880."""

    async def plain(caller: Caller) -> None:
        if (await caller.reader.read(1000)).startswith(b"GET / HTTP/1.1\r\n"):
            await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
        else:
            await caller.say(
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request"
            )

    async with peer(plain, scheme="wss") as there:
        fact, phases, _ = await look(Endpoint(there))
    error = "not TLS: HTTP/1.1 400 Bad Request\\x0d"
    assert fact == TlsFact("127.0.0.1", TlsNotSpoken(error, 0.0, OK))
    assert phases[-1] == Phase(PhaseName.TLS, PhaseOutcome.FAILED, detail="not-spoken")


async def test_http_that_waits_for_the_end_of_a_line() -> None:
    """As a plain HTTP server does that was sent a ClientHello: it is asked without TLS as well."""

    async def serve(caller: Caller) -> None:
        await caller.head()
        await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")

    async with peer(serve, scheme="wss") as there:
        fact, phases, _ = await look(Endpoint(there), soon(2.0))
    assert fact == TlsFact("127.0.0.1", TlsNotSpoken("no answer to the handshake", 0.0, OK))
    assert phases[-1] == Phase(PhaseName.TLS, PhaseOutcome.FAILED, detail="not-spoken")


async def hang_up(_: Caller) -> None:
    pass


async def hang_up_on_hello(caller: Caller) -> None:
    await caller.reader.read(1)


async def reset_on_hello(caller: Caller) -> None:
    await caller.reader.read(1000)
    caller.reset()


async def banner(caller: Caller) -> None:
    await caller.say(b"SSH-2.0-OpenSSH_9.6\r\n")
    await caller.hold()


async def alert(caller: Caller) -> None:
    await caller.reader.read(1000)
    await caller.say(b"\x15\x03\x01\x00\x02\x02\x28")  # fatal, handshake_failure


async def half_a_record(caller: Caller) -> None:
    await caller.reader.read(1000)
    await caller.say(b"\x16\x03\x03\xff")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        pytest.param(
            banner,
            TlsNotSpoken(
                "not TLS: SSH-2.0-OpenSSH_9.6\\x0d",
                0.0,
                NoAnswer(Silence.NOT_HTTP, "SSH-2.0-OpenSSH_9.6", 0.0, 20),
            ),
            id="another protocol",
        ),
        pytest.param(alert, TlsBroken("alert handshake failure", 0.0), id="an alert"),
        pytest.param(
            half_a_record, TlsBroken("unexpected eof while reading", 0.0), id="half a record"
        ),
    ],
)
async def test_no_handshake(behaviour: Callable[[Caller], object], expected: TlsAttempt) -> None:
    async with peer(behaviour, scheme="wss") as there:  # type: ignore[arg-type]
        fact, _, _ = await look(Endpoint(there))
    assert fact is not None
    attempt = fact.attempt
    if isinstance(attempt, TlsBroken):  # OpenSSL calls alerts by the name of TLS or of SSL 3
        attempt = TlsBroken(attempt.error.removeprefix("sslv3 ").removeprefix("ssl/tls "), 0.0)
    assert attempt == expected


@pytest.mark.parametrize("behaviour", [hang_up, hang_up_on_hello, reset_on_hello])
async def test_a_peer_that_hangs_up_is_broken(behaviour: Callable[[Caller], object]) -> None:
    """Whether that comes as an end or as a reset depends on whose packet is first."""
    async with peer(behaviour, scheme="wss") as there:  # type: ignore[arg-type]
        fact, _, _ = await look(Endpoint(there))
    assert fact is not None
    assert isinstance(fact.attempt, TlsBroken)
    assert fact.attempt.error in {
        "the connection was closed during the handshake",
        "the connection was reset during the handshake",
    }


async def test_silence_costs_one_deadline() -> None:
    async def hold(caller: Caller) -> None:
        await caller.hold()

    async with peer(hold, scheme="wss") as there:
        fact, phases, _ = await look(Endpoint(there), soon(0.6))
    assert fact == TlsFact("127.0.0.1", TlsTimedOut(0.0))
    assert phases[-1] == Phase(PhaseName.TLS, PhaseOutcome.TIMEOUT, detail="timed-out")


async def test_every_connection_verifies(authority: trustme.CA, ca_file: str) -> None:
    leaf = authority.issue_cert("127.0.0.1")
    async with peer(answer_ok, tls=server_context(leaf)) as there:
        deadline = soon()
        async with dial(Endpoint(there, ca_file=ca_file), deadline) as route:
            answers = [(await server.look(route, deadline)).server.root for _ in range(3)]
    assert timeless(tuple(answers)) == (OK,) * 3
    assert timeless(route.network.tcp) == (TcpConnected("127.0.0.1", there.port, 0.0),)


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(UsageError, match=name):
            tls.context(ca_file=str(tmp_path / name))


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x03\x02\x01\x01"])
def test_bytes_that_are_no_certificate(der: bytes) -> None:
    assert certificates.read(der) is None


def kept_in(pair: Pair) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL serves what it would not make
    made.load_cert_chain(pair.certificate, pair.key)
    return made


CAUSES = {
    "self-signed": Distrust.SELF_SIGNED,
    "unknown issuer": Distrust.UNKNOWN_ISSUER,
    "expired": Distrust.EXPIRED,
    "other name": Distrust.HOSTNAME,
    "good": None,
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("case", CAUSES)
async def test_an_odd_certificate_is_no_reason_to_lose_the_cause(
    name: str, case: str, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    odd = ODD[name]
    pair = by_hand(
        tmp_path,
        odd,
        issuer=None if case == "self-signed" else authority,
        names=(dns("other.example"),) if case == "other name" else (LOOPBACK,),
        days=-3 if case == "expired" else 30,
    )
    trusted = None if case in {"self-signed", "unknown issuer"} else ca_file
    async with peer(answer_ok, tls=kept_in(pair)) as there:
        fact, _, _ = await look(Endpoint(there, ca_file=trusted))
        unverified, _, said = await look(Endpoint(there, insecure=True))
    assert fact is not None
    assert unverified is not None
    assert said == OK
    first, second = fact.attempt, unverified.attempt
    assert isinstance(first, TlsDistrusted | TlsEstablished)
    assert isinstance(second, TlsEstablished)
    assert first.certificate is not None
    assert first.certificate == second.certificate
    # One that has signed itself says the same of its issuer.
    assert set(first.certificate.unread) - {"issuer"} == set(odd.unread)
    reason = first.reason if isinstance(first, TlsDistrusted) else None
    if odd.refused and trusted:
        assert reason in {Distrust.OTHER, CAUSES[case]}  # whichever OpenSSL looks at first
    else:
        assert reason is CAUSES[case]
