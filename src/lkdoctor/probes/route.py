"""The way to one server: DNS, TCP and TLS once, then as many connections as are needed."""

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from lkdoctor.facts.network import (
    Family,
    NetworkFact,
    Resolved,
    TcpAttempt,
    TcpConnected,
    TcpTimedOut,
)
from lkdoctor.facts.server import Exchange, NoAnswer, Silence
from lkdoctor.facts.signal import Phase, PhaseName, PhaseOutcome
from lkdoctor.facts.tls import TlsEstablished, TlsFact, TlsTimedOut
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes import network
from lkdoctor.probes.base import Connection, Deadline, Stopwatch, drive
from lkdoctor.redact import Secret
from lkdoctor.wire import http
from lkdoctor.wire.url import authority

if TYPE_CHECKING:
    import ssl


class Endpoint(NamedTuple):
    """Whom to dial, and how."""

    url: ParsedUrl
    family: Family = Family.ANY
    insecure: bool = False
    ca_file: str | None = None
    proxy: str | None = None
    """The proxy variable that clients here would honour; it goes into the facts, not into use."""

    def path(self, path: str) -> str:
        """A path of LiveKit's own behind the URL's prefix."""
        return self.url.path + path

    def request(
        self,
        method: str,
        path: str,
        *,
        token: Secret | None = None,
        origin: str | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """A request to this server; see `http.request`."""
        target = self.path(path)
        return http.request(
            method, target, authority(self.url), token=token, origin=origin, body=body
        )


class Exchanged(NamedTuple):
    """What a request came to, and when."""

    answer: http.Answer | NoAnswer
    took_ms: float
    ended: float
    """This machine's clock when the last byte was read."""

    @property
    def fact(self) -> Exchange:
        """As evidence."""
        if isinstance(self.answer, NoAnswer):
            return self.answer._replace(took_ms=self.took_ms)
        return self.answer.fact(self.took_ms)


class Route:
    """A server that was dialled once; opens further connections to the address that won."""

    def __init__(
        self,
        endpoint: Endpoint,
        network: NetworkFact,
        tls: TlsFact | None,
        phases: tuple[Phase, ...],
        *,
        trust: "ssl.SSLContext | None",
    ) -> None:
        self.endpoint = endpoint
        self.network = network
        self.tls = tls
        self.phases = phases
        """DNS, TCP and TLS of the first connection, up to the step that failed."""
        self._trust = trust
        self._spare: Connection | None = None

    @property
    def ready(self) -> bool:
        """Whether there is somebody to talk to."""
        return all(phase.outcome is PhaseOutcome.OK for phase in self.phases)

    @contextlib.asynccontextmanager
    async def connection(self, deadline: Deadline) -> AsyncIterator[Connection | NoAnswer]:
        """A connection, closed at the block's end; the first to ask gets the one dialled with."""
        opened: Connection | NoAnswer | None = self._spare
        self._spare = None
        if opened is None:
            opened = await self._open(deadline)
        try:
            yield opened
        finally:
            if isinstance(opened, Connection):
                opened.close()

    async def exchange(
        self,
        request: bytes,
        deadline: Deadline,
        *,
        has_body: bool = True,
        limit: int = http.MAX_BODY,
    ) -> Exchanged:
        """One request and its answer, over a connection of its own."""
        async with self.connection(deadline) as connection:
            if isinstance(connection, NoAnswer):
                return Exchanged(connection, connection.took_ms, deadline.clock.now())
            conversation = http.exchange(request, has_body=has_body, limit=limit)
            answer, took = await drive(connection, conversation, deadline)
            return Exchanged(answer, took, deadline.clock.now())

    async def _open(self, deadline: Deadline) -> Connection | NoAnswer:
        watch = Stopwatch(deadline.clock)
        won = self.network.connected
        if won is None or not self.ready:
            return NoAnswer(Silence.NOT_CONNECTED, "there is no way to this server", 0.0)
        opened = await _connect(self.endpoint, (won.address,), deadline, self._trust)
        if opened.connection is None:
            step = opened.tls.attempt if opened.tls else opened.attempts[-1]
            detail = f"a further connection failed: {step.kind}"
            return NoAnswer(Silence.NOT_CONNECTED, detail, watch.ms)
        opened.connection.phases = _in_a_row((*self.phases[:1], *opened.phases))
        return opened.connection


@contextlib.asynccontextmanager
async def dial(
    endpoint: Endpoint, deadline: Deadline, lookup: network.Lookup = socket.getaddrinfo
) -> AsyncIterator[Route]:
    """Find the way to a server; nothing that was opened on it outlives the block.

    Raises:
        UsageError: the endpoint's ``ca_file`` cannot be used.
    """
    trust = None
    if endpoint.url.secure:
        from lkdoctor.probes import tls

        # Before the clock starts: reading the system's certificates takes a while.
        trust = tls.context(insecure=endpoint.insecure, ca_file=endpoint.ca_file)
    url, family = endpoint.url, endpoint.family
    answer = await network.resolve(url.host, url.port, family, deadline, lookup)
    net = NetworkFact(url.host, url.port, family, answer, proxy=endpoint.proxy)
    if not isinstance(answer, Resolved):
        outcome = PhaseOutcome.FAILED if deadline.remaining() else PhaseOutcome.TIMEOUT
        asked = Phase(PhaseName.DNS, outcome, 0.0, answer.took_ms, answer.error)
        yield Route(endpoint, net, None, (asked,), trust=trust)
        return
    asked = Phase(PhaseName.DNS, PhaseOutcome.OK, 0.0, answer.took_ms)
    opened = await _connect(endpoint, answer.addresses, deadline, trust)
    phases = _in_a_row((asked, *opened.phases))
    net = net._replace(tcp=opened.attempts)
    route = Route(endpoint, net, opened.tls, phases, trust=trust)
    if opened.connection is not None:
        opened.connection.phases = phases
    route._spare = opened.connection  # noqa: SLF001 - made here
    try:
        yield route
    finally:
        if opened.connection is not None:
            opened.connection.close()


class _Opened(NamedTuple):
    attempts: tuple[TcpAttempt, ...]
    tls: TlsFact | None
    phases: tuple[Phase, ...]
    connection: Connection | None


async def _connect(
    endpoint: Endpoint,
    addresses: tuple[str, ...],
    deadline: Deadline,
    trust: "ssl.SSLContext | None",
) -> _Opened:
    """TCP and, where the URL says so, TLS."""
    port = endpoint.url.port
    watch = Stopwatch(deadline.clock)
    attempts, sock = await network.connect(addresses, port, deadline)
    tcp = Phase(PhaseName.TCP, _tcp_outcome(attempts), 0.0, watch.ms)
    if sock is None:
        return _Opened(attempts, None, (tcp._replace(detail=attempts[-1].kind),), None)
    if trust is None:
        return _Opened(attempts, None, (tcp,), Connection(sock))
    from lkdoctor.probes import tls

    won = sock.getpeername()[0]

    async def reopen() -> socket.socket | None:
        return (await network.connect((won,), port, deadline))[1]

    fact, connection = await tls.handshake(
        sock, endpoint.url, deadline, reopen, trust, ca_file=endpoint.ca_file
    )
    attempt = fact.attempt
    shaken = Phase(PhaseName.TLS, PhaseOutcome.OK, 0.0, attempt.took_ms)
    if isinstance(attempt, TlsTimedOut):
        shaken = shaken._replace(outcome=PhaseOutcome.TIMEOUT, detail=attempt.kind)
    elif not isinstance(attempt, TlsEstablished):
        shaken = shaken._replace(outcome=PhaseOutcome.FAILED, detail=attempt.kind)
    return _Opened(attempts, fact, (tcp, shaken), connection)


def _tcp_outcome(attempts: tuple[TcpAttempt, ...]) -> PhaseOutcome:
    if any(isinstance(attempt, TcpConnected) for attempt in attempts):
        return PhaseOutcome.OK
    if all(isinstance(attempt, TcpTimedOut) for attempt in attempts):
        return PhaseOutcome.TIMEOUT
    return PhaseOutcome.FAILED


def _in_a_row(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The same phases, each starting where the last one ended."""
    placed: list[Phase] = []
    start = 0.0
    for phase in phases:
        placed.append(phase._replace(start_ms=start))
        start += phase.took_ms
    return tuple(placed)
