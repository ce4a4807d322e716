"""The way to one server: DNS, TCP and TLS once, then as many connections as are needed."""

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple

from lkdoctor.facts.network import (
    Direct,
    Family,
    NetworkFact,
    OwnLimit,
    Resolved,
    TcpAttempt,
    TcpConnected,
    TcpTimedOut,
    Tunnel,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import Phase, PhaseName, PhaseOutcome
from lkdoctor.facts.tls import TlsEstablished, TlsFact, TlsTimedOut
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes import network
from lkdoctor.probes.base import Connection, Deadline, Stopwatch, drive
from lkdoctor.redact import Secret
from lkdoctor.wire import http
from lkdoctor.wire import proxy as proxies
from lkdoctor.wire.proxy import Proxy
from lkdoctor.wire.url import authority, host_and_port

DIRECT_SECONDS = 3.0
"""Given to the look past a proxy: a packet that a firewall drops is sent three times by then."""

if TYPE_CHECKING:
    import ssl


class Endpoint(NamedTuple):
    """Whom to dial, and how."""

    url: ParsedUrl
    family: Family = Family.ANY
    insecure: bool = False
    ca_file: str | None = None
    proxy: Proxy | None = None
    """The forward proxy to go through."""
    unused_proxy: str | None = None
    """The proxy variable that clients here would honour; it goes into the facts, not into use."""

    @property
    def dialled(self) -> tuple[str, int]:
        """The host and port that are connected to: the server's, or the proxy's."""
        if self.proxy is not None:
            return self.proxy.host, self.proxy.port
        return self.url.host, self.url.port

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
            lacking = opened.own_limit
            if lacking is not None:
                return NoAnswer(Silence.OWN_LIMIT, lacking, watch.ms)
            detail = f"a further connection failed: {opened.stopped_at}"
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
    lacking = network.spent()
    if lacking is not None:
        # Before anything is half looked at: without files there are no authorities to trust either.
        limit = OwnLimit(lacking, 0.0)
        asked = Phase(PhaseName.DNS, PhaseOutcome.FAILED, detail=lacking)
        fact = NetworkFact(endpoint.url.host, endpoint.url.port, endpoint.family, limit)
        yield Route(endpoint, fact, None, (asked,), trust=None)
        return
    if endpoint.url.secure:
        from lkdoctor.probes import tls

        # Before the clock starts: reading the system's certificates takes a while.
        trust = tls.context(insecure=endpoint.insecure, ca_file=endpoint.ca_file)
    url, family, proxy = endpoint.url, endpoint.family, endpoint.proxy
    answer = await network.resolve(*endpoint.dialled, family, deadline, lookup)
    net = NetworkFact(url.host, url.port, family, answer, proxy=endpoint.unused_proxy)
    if proxy is not None:
        asked_for = Tunnel(proxy.origin, proxy.host, proxy.port, proxy.credentials is not None)
        net = net._replace(through=asked_for)
    if not isinstance(answer, Resolved):
        outcome = PhaseOutcome.FAILED if deadline.remaining() else PhaseOutcome.TIMEOUT
        asked = Phase(PhaseName.DNS, outcome, 0.0, answer.took_ms, answer.error)
        yield Route(endpoint, net, None, (asked,), trust=trust)
        return
    asked = Phase(PhaseName.DNS, PhaseOutcome.OK, 0.0, answer.took_ms)
    opened = await _connect(endpoint, answer.addresses, deadline, trust)
    phases = _in_a_row((asked, *opened.phases))
    net = net._replace(tcp=opened.attempts)
    if net.through is not None:
        net = net._replace(through=net.through._replace(answer=opened.tunnel))
    route = Route(endpoint, net, opened.tls, phases, trust=trust)
    if opened.connection is not None:
        opened.connection.phases = phases
    route._spare = opened.connection  # noqa: SLF001 - made here
    try:
        yield route
    finally:
        if opened.connection is not None:
            opened.connection.close()


def only(address: str) -> network.Lookup:
    """A look-up that finds this one address, whatever it is asked for."""

    def lookup(_: str, port: int, **__: object) -> list[Any]:
        return [(0, 0, 0, "", (address, port))]

    return lookup


async def look_past(
    endpoint: Endpoint, deadline: Deadline, lookup: network.Lookup = socket.getaddrinfo
) -> Direct:
    """Whether the server could be reached without the proxy; nothing is sent over the connection."""
    url = endpoint.url
    soon = deadline.sooner(DIRECT_SECONDS)
    answer = await network.resolve(url.host, url.port, endpoint.family, soon, lookup)
    if not isinstance(answer, Resolved):
        return Direct(answer)
    attempts, sock = await network.connect(answer.addresses, url.port, soon)
    if sock is not None:
        sock.close()
    return Direct(answer, attempts)


class _Opened(NamedTuple):
    attempts: tuple[TcpAttempt, ...]
    tls: TlsFact | None
    phases: tuple[Phase, ...]
    connection: Connection | None
    tunnel: Exchange | None = None
    """What the proxy answered to CONNECT."""

    @property
    def stopped_at(self) -> str:
        """In a word or two, where no connection came of it."""
        if self.tls is not None:
            return self.tls.attempt.kind
        if isinstance(self.tunnel, HttpAnswer):
            return f"the proxy answered {self.tunnel.status}"
        if self.tunnel is not None:
            return f"the proxy: {self.tunnel.problem}"
        return self.attempts[-1].kind

    @property
    def own_limit(self) -> str | None:
        """What this machine lacked, where that is why there is no connection."""
        last = self.attempts[-1]
        return last.error if isinstance(last, OwnLimit) else None


async def _connect(
    endpoint: Endpoint,
    addresses: tuple[str, ...],
    deadline: Deadline,
    trust: "ssl.SSLContext | None",
) -> _Opened:
    """TCP, the proxy's tunnel where there is one, and, where the URL says so, TLS."""
    port = endpoint.dialled[1]
    watch = Stopwatch(deadline.clock)
    attempts, sock = await network.connect(addresses, port, deadline)
    phases: tuple[Phase, ...] = (Phase(PhaseName.TCP, _tcp_outcome(attempts), 0.0, watch.ms),)
    if sock is None:
        failed = phases[0]._replace(detail=attempts[-1].kind)
        return _Opened(attempts, None, (failed,), None)
    # Not `getpeername()`: the peer may be gone again, and then the socket has none.
    won = next(a.address for a in attempts if isinstance(a, TcpConnected))
    tunnel = None
    if endpoint.proxy is not None:
        tunnel = await _tunnel(sock, endpoint.proxy, endpoint.url, deadline)
        phases += (_asked_proxy(tunnel),)
        if phases[-1].outcome is not PhaseOutcome.OK:
            sock.close()
            return _Opened(attempts, None, phases, None, tunnel)
    if trust is None:
        return _Opened(attempts, None, phases, Connection(sock), tunnel)
    from lkdoctor.probes import tls

    async def reopen() -> socket.socket | None:
        again = (await network.connect((won,), port, deadline))[1]
        if again is None or endpoint.proxy is None:
            return again
        asked = await _tunnel(again, endpoint.proxy, endpoint.url, deadline)
        if _asked_proxy(asked).outcome is PhaseOutcome.OK:
            return again
        again.close()
        return None

    fact, connection = await tls.handshake(
        sock, endpoint.url, deadline, reopen, trust, ca_file=endpoint.ca_file
    )
    attempt = fact.attempt
    shaken = Phase(PhaseName.TLS, PhaseOutcome.OK, 0.0, attempt.took_ms)
    if isinstance(attempt, TlsTimedOut):
        shaken = shaken._replace(outcome=PhaseOutcome.TIMEOUT, detail=attempt.kind)
    elif not isinstance(attempt, TlsEstablished):
        shaken = shaken._replace(outcome=PhaseOutcome.FAILED, detail=attempt.kind)
    return _Opened(attempts, fact, (*phases, shaken), connection, tunnel)


async def _tunnel(
    sock: socket.socket, proxy: Proxy, url: ParsedUrl, deadline: Deadline
) -> Exchange:
    """What the proxy says to CONNECT; the socket stays open."""
    try:
        answer, took = await drive(
            Connection(sock), proxies.connect(host_and_port(url), proxy.credentials), deadline
        )
    except BaseException:
        sock.close()
        raise
    return Exchanged(answer, took, deadline.clock.now()).fact


def _asked_proxy(answer: Exchange) -> Phase:
    if isinstance(answer, HttpAnswer):
        opened = 200 <= answer.status < 300
        outcome = PhaseOutcome.OK if opened else PhaseOutcome.FAILED
        detail = "" if opened else f"HTTP {answer.status}"
        return Phase(PhaseName.PROXY, outcome, 0.0, answer.took_ms, detail)
    late = answer.problem in {Silence.TIMEOUT, Silence.SLOW}
    outcome = PhaseOutcome.TIMEOUT if late else PhaseOutcome.FAILED
    return Phase(PhaseName.PROXY, outcome, 0.0, answer.took_ms, answer.problem)


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
