"""The TLS handshake, and why it failed."""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from lkdoctor.config.named_files import open_named
from lkdoctor.errors import UsageError
from lkdoctor.facts.server import HttpAnswer, NoAnswer
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
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes.base import CHUNK, Connection, Deadline, Stopwatch, drive
from lkdoctor.redact import safe
from lkdoctor.wire import certificate, http
from lkdoctor.wire.base import End
from lkdoctor.wire.url import authority

Reopen = Callable[[], Awaitable[socket.socket | None]]
"""Opens another TCP connection to the same address."""

_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")

_REASONS: Final = {
    # OpenSSL's x509_vfy.h
    9: Distrust.NOT_YET_VALID,
    10: Distrust.EXPIRED,
    18: Distrust.SELF_SIGNED,
    19: Distrust.UNKNOWN_ISSUER,
    20: Distrust.UNKNOWN_ISSUER,
    21: Distrust.UNKNOWN_ISSUER,
    62: Distrust.HOSTNAME,
    64: Distrust.HOSTNAME,
}


def context(
    *, insecure: bool = False, ca_file: str | None = None, web: bool = True
) -> ssl.SSLContext:
    """What a client trusts: the system's store (or SSL_CERT_FILE), and the given file beside it.

    Args:
        insecure: take any certificate.
        ca_file: trusted besides.
        web: HTTP is what will be spoken, and the handshake says so.

    Raises:
        UsageError: the file cannot be read or holds no certificate.
    """
    made = ssl.create_default_context()
    # Python 3.13 refuses certificates that every client of LiveKit takes (RFC 5280 to the letter).
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if web:
        made.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        open_named(ca_file, "--ca-file").close()
        try:
            made.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as problem:
            raise UsageError(
                f"--ca-file {safe(ca_file, 200)}: no certificate could be read ({problem})",
                advice=["Name a file with PEM certificates, beginning -----BEGIN CERTIFICATE-----"],
            ) from None
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class TlsConnection(Connection):
    """A connection whose bytes go through TLS."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.first_bytes = b""
        """What the peer answered to our ClientHello."""
        self.end: End | None = None
        """How the layer below ended during the handshake, if it did."""

    async def handshake(self) -> None:
        """Agree on keys.

        Raises:
            ssl.SSLError: there is no agreement; `end` and `first_bytes` say more.
        """
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLError:
                await self._flush()  # the alert that says why we go
                raise
            else:
                await self._flush()
                return
            incoming = await super().receive()
            if isinstance(incoming, End):
                self.end = incoming
                self._incoming.write_eof()
            else:
                self.first_bytes = (self.first_bytes + incoming)[:80]
                self._incoming.write(incoming)

    async def send(self, data: bytes) -> None:
        try:
            self.tls.write(data)
        except ssl.SSLError:
            return
        await self._flush()

    async def receive(self) -> bytes | End:
        while True:
            try:
                return self.tls.read(CHUNK) or End.CLOSED
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return End.CLOSED
            except ssl.SSLError:
                return End.RESET
            incoming = await super().receive()
            if isinstance(incoming, End):
                return incoming
            self._incoming.write(incoming)

    def send_at_once(self, data: bytes) -> None:
        try:
            self.tls.write(data)
        except ssl.SSLError:
            return
        super().send_at_once(self._outgoing.read())

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await super().send(self._outgoing.read())


async def handshake(
    sock: socket.socket,
    url: ParsedUrl,
    deadline: Deadline,
    reopen: Reopen,
    trust: ssl.SSLContext,
    *,
    ca_file: str | None = None,
    web: bool = True,
) -> tuple[TlsFact, TlsConnection | None]:
    """Shake hands over a connected socket; on failure look a second time to say why.

    The second look sends the host's name and nothing else; it verifies nothing and is closed
    at once. Where TLS is not spoken at all, ``GET /`` without TLS shows what is.

    Args:
        sock: connected; closed here when there is no agreement.
        url: whose host is named and verified.
        deadline: for all of it.
        reopen: for the second look.
        trust: what `context` made.
        ca_file: for the record.
        web: ask for ``GET /`` without TLS, where TLS is not spoken; and quote what comes.
    """
    attempt, connection = await _attempt(sock, url, deadline, reopen, trust, web=web)
    insecure = trust.verify_mode is ssl.CERT_NONE
    fact = TlsFact(url.host, attempt, insecure, ca_file)
    if isinstance(attempt, TlsDistrusted) and attempt.reason is Distrust.UNKNOWN_ISSUER:
        fact = fact._replace(roots=_roots(trust), roots_at=_roots_at())
    return fact, connection


def _roots(trust: ssl.SSLContext) -> int:
    """How many authorities are trusted; a folder of them is read by OpenSSL only when needed."""
    loaded = trust.cert_store_stats()["x509_ca"]
    return loaded or sum(map(_hashed_in, filter(None, [_paths().capath])))


def _roots_at() -> tuple[str, ...]:
    paths = _paths()
    places = (
        os.environ.get(paths.openssl_cafile_env, paths.openssl_cafile),
        os.environ.get(paths.openssl_capath_env, paths.openssl_capath),
    )
    return tuple(safe(place, 200) for place in places if place)


def _paths() -> ssl.DefaultVerifyPaths:
    return ssl.get_default_verify_paths()


def _hashed_in(folder: str) -> int:
    """Certificates as OpenSSL looks for them: by a hash of their subject."""
    try:
        names = [path.name for path in Path(folder).iterdir()]
    except OSError:
        return 0
    return sum(_HASHED.fullmatch(name) is not None for name in names)


async def _attempt(
    sock: socket.socket,
    url: ParsedUrl,
    deadline: Deadline,
    reopen: Reopen,
    trust: ssl.SSLContext,
    *,
    web: bool,
) -> tuple[TlsAttempt, TlsConnection | None]:
    watch = Stopwatch(deadline.clock)
    connection = TlsConnection(sock, trust, url.host)
    plain: HttpAnswer | None = None
    try:
        async with deadline.limit():
            if web:
                plain = await _shake(connection, url, deadline, reopen)
            else:
                await connection.handshake()
    except TimeoutError:
        connection.close()
        return TlsTimedOut(watch.ms), None
    except ssl.SSLCertVerificationError as problem:
        connection.close()
        took = watch.ms
        reason = _REASONS.get(problem.verify_code, Distrust.OTHER)
        seen, sent = await _second_look(url.host, deadline, reopen)
        return TlsDistrusted(reason, safe(problem.verify_message, 300), took, seen, sent), None
    except ssl.SSLError as problem:
        connection.close()
        took = watch.ms
        error = _error(problem, connection)
        if connection.first_bytes and _looks_like_tls(connection.first_bytes):
            return TlsBroken(error, took), None
        if not web:
            silent = not connection.first_bytes
            return TlsBroken(error, took) if silent else TlsNotSpoken("not TLS", took), None
        answer = await _plain_http(url, deadline, reopen)
        if not connection.first_bytes and (answer is None or isinstance(answer, NoAnswer)):
            return TlsBroken(error, took), None
        return TlsNotSpoken(error, took, answer), None
    except BaseException:
        connection.close()
        raise
    took = watch.ms
    if plain is not None:
        connection.close()
        return TlsNotSpoken("no answer to the handshake", took, plain), None
    cipher = connection.tls.cipher()
    verified = trust.verify_mode is ssl.CERT_REQUIRED
    established = TlsEstablished(
        version=connection.tls.version() or "",
        cipher=cipher[0] if cipher else "",
        took_ms=took,
        verified=verified,
        certificate=_certificate(connection.tls),
    )
    return established, connection


async def _shake(
    connection: TlsConnection, url: ParsedUrl, deadline: Deadline, reopen: Reopen
) -> HttpAnswer | None:
    """Shake hands; what is said without TLS, where that is answered and the handshake is not.

    A plain HTTP server may wait for the end of a line, which a ClientHello need not have.

    Raises:
        ssl.SSLError: there is no agreement.
    """

    async def shake() -> ssl.SSLError | None:
        try:
            await connection.handshake()
        except ssl.SSLError as problem:
            return problem  # raised below: a group would wrap it
        return None

    async with asyncio.TaskGroup() as group:
        shaking = group.create_task(shake())
        await asyncio.wait((shaking,), timeout=deadline.remaining() / 2)
        if not shaking.done() and not connection.first_bytes:
            plain = await _plain_http(url, deadline, reopen)
            if isinstance(plain, HttpAnswer) and not shaking.done():
                shaking.cancel()
                return plain
    problem = shaking.result()
    if problem is not None:
        raise problem
    return None


async def spoken(host: str, sock: socket.socket, deadline: Deadline) -> bool:
    """Whether TLS is spoken on a connected socket, which is closed here.

    Nothing is verified, and nothing but the host's name is sent.
    """
    connection = TlsConnection(sock, context(insecure=True), host)
    try:
        async with deadline.limit():
            await connection.handshake()
    except (TimeoutError, ssl.SSLError):
        return bool(connection.first_bytes) and _looks_like_tls(connection.first_bytes)
    finally:
        connection.close()
    return True


def _looks_like_tls(data: bytes) -> bool:
    """A record's content type and the version's first byte (RFC 8446 §5.1)."""
    return 20 <= data[0] <= 23 and data[1:2] in {b"", b"\x03"}


def _error(problem: ssl.SSLError, connection: TlsConnection) -> str:
    if not connection.first_bytes:
        ends = {End.RESET: "the connection was reset", End.CLOSED: "the connection was closed"}
        return ends.get(connection.end or End.CLOSED, "no answer") + " during the handshake"
    if not _looks_like_tls(connection.first_bytes):
        first = connection.first_bytes.split(b"\n", 1)[0]
        return safe(f"not TLS: {first.decode('latin-1')}", 200)
    return safe((problem.reason or str(problem)).replace("_", " ").lower(), 200)


async def _plain_http(
    url: ParsedUrl, deadline: Deadline, reopen: Reopen
) -> HttpAnswer | NoAnswer | None:
    sock = await reopen()
    if sock is None:
        return None
    connection = Connection(sock)
    request = http.request("GET", f"{url.path}/", authority(url))
    try:
        answer, took = await drive(connection, http.exchange(request), deadline)
    finally:
        connection.close()
    if isinstance(answer, NoAnswer):
        return answer._replace(took_ms=took)
    return answer.fact(took)


async def _second_look(
    host: str, deadline: Deadline, reopen: Reopen
) -> tuple[Certificate | None, int | None]:
    """The certificate, and how many were sent with it."""
    sock = await reopen()
    if sock is None:
        return None, None
    connection = TlsConnection(sock, context(insecure=True), host)
    try:
        async with deadline.limit():
            await connection.handshake()
        return _certificate(connection.tls), _sent(connection.tls)
    except (TimeoutError, ssl.SSLError):
        return None, None
    finally:
        connection.close()


def _sent(tls: ssl.SSLObject) -> int | None:
    """How many certificates the peer sent; Python has it under a public name from 3.13 on."""
    named = getattr(tls, "get_unverified_chain", None)
    chain = named or getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    found = chain() if chain is not None else None
    return len(found) if found is not None else None


def _certificate(tls: ssl.SSLObject) -> Certificate | None:
    """The peer's certificate, verified or not."""
    der = tls.getpeercert(binary_form=True)
    return None if der is None else certificate.read(der)
