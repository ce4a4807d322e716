"""Whether media would get through: every candidate of the server's, every STUN and TURN server.

While a session is open (`signal.join`), the server's offer is answered with an ICE side of our
own and no media, and each of its candidates gets one connectivity check, over UDP or over TCP,
as a browser's ICE agent would send it; no more of ICE is needed to know that an address can be
reached, and nothing of DTLS. At the same time each STUN server is asked for our address, and
each TURN server for an allocation, a permission and a check of a candidate, relayed.

All of it at once, each with a deadline of its own; what has been seen is kept when a deadline
or Ctrl-C comes between.
"""

import asyncio
import itertools
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol, TypeVar

from lkdoctor.clock import Clock
from lkdoctor.facts.media import (
    UNTRIED,
    Checked,
    IceServerSeen,
    Mapped,
    MediaFact,
    Negotiation,
    Outcome,
    Reach,
    Relay,
    Tried,
    barred,
    barred_over_tcp,
    reach,
)
from lkdoctor.facts.network import (
    Family,
    OwnLimit,
    Resolved,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
)
from lkdoctor.facts.signal import Candidate
from lkdoctor.facts.url import HostKind, ParsedUrl
from lkdoctor.probes import network
from lkdoctor.probes.base import Connection, Deadline, Stopwatch
from lkdoctor.probes.route import Endpoint
from lkdoctor.probes.signal import Talk
from lkdoctor.wire import sdp, signal, stun
from lkdoctor.wire.base import End

T = TypeVar("T")

CHECK_SECONDS: Final = 2.0
"""How long one address is asked: eight transmissions; over a path that works one is enough."""

TALK_SECONDS: Final = 3.0
"""For what takes several round trips: a TCP connection, TLS, an Allocate."""

SERVER_SECONDS: Final = 5.0
"""For all that is asked of one ICE server."""

SECOND_LOOK_SECONDS: Final = 1.5
"""For what says why one of them failed."""

FIRST_PAUSE: Final = 0.025
LONGEST_PAUSE: Final = 0.4
"""Seconds between transmissions, doubling. Shorter than RFC 8489's 500 ms: what is measured is
whether anything gets through, and the server may read our answer after the first check."""

TURN_PAUSE: Final = 0.25

MAX_CANDIDATES: Final = 32
MAX_SERVERS: Final = 16
_MAX_DATAGRAMS: Final = 500
"""Looked at while waiting for one."""

_PREFERRED: Final = (
    Reach.PUBLIC,
    Reach.PRIVATE,
    Reach.CGNAT,
    Reach.CONTAINER,
    Reach.LINK_LOCAL,
    Reach.LOOPBACK,
)
"""Which candidate is relayed to, first to last."""


class _FromOnePort(Connection):
    """Of `_Sockets`: sends from the port that they share."""

    def __init__(self, sock: socket.socket, to: stun.Address) -> None:
        super().__init__(sock)
        self.to = to


class _Sockets:
    """UDP sockets that all send from one local port, as a browser's ICE agent does.

    So the servers that answer show how a NAT maps that port: to the same address for all of them,
    or to another one for each (RFC 4787 §4.1). Elsewhere than on Linux it is not certain which of
    such sockets is handed a datagram: there, each has a port of its own.
    """

    def __init__(self) -> None:
        self._ports: dict[socket.AddressFamily, int] = {}
        self._asked: set[stun.Address] = set()
        self.mapped: list[Mapped] = []

    def udp(self, address: stun.Address) -> Connection | Tried:
        """A socket that talks to that address alone."""
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as problem:
            return _unopened(problem, address.host)
        sock.setblocking(False)  # noqa: FBT003 - the form of the standard library
        shares = self._share(sock, family, address)
        try:
            sock.connect((address.host, address.port))
        except OSError as problem:
            sock.close()
            return _unopened(problem, address.host)
        return _FromOnePort(sock, address) if shares else Connection(sock)

    def _share(
        self, sock: socket.socket, family: socket.AddressFamily, address: stun.Address
    ) -> bool:
        # Two sockets from one port to one address would take each other's datagrams.
        if sys.platform != "linux" or address in self._asked:
            return False
        self._asked.add(address)
        try:
            if family not in self._ports:
                sock.bind(("", 0))  # before it may be shared: a port that nobody else has
                self._ports[family] = sock.getsockname()[1]
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", self._ports[family]))
        except OSError:
            return False
        return True

    def answered(self, wire: "_Wire", tried: Tried) -> None:
        """What an address that was asked says of ours."""
        if tried.ok and tried.detail and isinstance(wire, _FromOnePort):
            self.mapped.append(Mapped(str(wire.to), tried.detail))


class MediaProbe:
    """What `signal.join` does with an open session, and what came of it.

    Args:
        endpoint: whom we talk to, and whose certificates are trusted.
        reached: the address by which signalling was reached.
        clock: this machine's.
    """

    def __init__(self, endpoint: Endpoint, reached: str, clock: Clock) -> None:
        self._endpoint = endpoint
        self._reached = reached
        self._home = "127.0.0.1" if reached and network.is_own(reached) else reached
        """Where the server is, for what it may send us to: this machine is its own, too."""
        self._clock = clock
        self._began: Stopwatch | None = None
        self._at = 0.0
        self._took_ms: float | None = None
        self._negotiation = Negotiation.NO_OFFER
        self._lite = False
        self._candidates: list[Checked] = []
        self._elsewhere: list[Checked] = []
        self._servers: list[IceServerSeen] = []
        self._sockets = _Sockets()

    @property
    def fact(self) -> MediaFact | None:
        """What has been seen until now; None where it came to nothing."""
        if self._began is None:
            return None
        return MediaFact(
            reached=self._reached,
            negotiation=self._negotiation,
            ice_lite=self._lite,
            candidates=tuple(self._candidates),
            elsewhere=tuple(self._elsewhere),
            servers=tuple(self._servers),
            mapped=tuple(dict.fromkeys(self._sockets.mapped)),
            at=self._at,
            took_ms=self._began.ms if self._took_ms is None else self._took_ms,
        )

    async def __call__(self, talk: Talk, deadline: Deadline) -> None:
        """Look at everything, at the same time."""
        self._began = Stopwatch(self._clock)
        self._at = self._clock.now()
        negotiated: asyncio.Future[_Agreed | None] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._direct(talk, negotiated, deadline))
                logins = signal.logins(talk.join_message)[:MAX_SERVERS]
                for url, login in logins:
                    seen = stun.server(url, login)
                    if seen is None:
                        continue
                    self._servers.append(seen)
                    at = len(self._servers) - 1
                    look = _Server(
                        seen, login, self._endpoint, self._clock, self._sockets, home=self._home
                    )
                    group.create_task(self._server(at, look, negotiated, deadline))
        finally:
            self._took_ms = self._began.ms

    # ------------------------------------------------------------ the server's candidates

    async def _direct(
        self, talk: Talk, negotiated: "asyncio.Future[_Agreed | None]", deadline: Deadline
    ) -> None:
        try:
            agreed = await self._negotiate(talk, deadline)
        except BaseException:
            negotiated.cancel()
            raise
        negotiated.set_result(agreed)
        if agreed is None:
            return
        await self._check_all(self._candidates, agreed.ice, deadline)
        silent = {c.protocol for c in self._candidates} - {
            c.protocol for c in self._candidates if c.tried.ok
        }
        offered = {c.address for c in self._candidates}
        if silent and self._reached and self._reached not in offered:
            self._elsewhere += [
                Checked(protocol, self._reached, port, "host", kind, reach(self._reached), UNTRIED)
                for protocol, port, kind in dict.fromkeys(
                    (c.protocol, c.port, c.tcp_type)
                    for c in self._candidates
                    if c.protocol in silent and _can_be_asked(c)
                )
            ]
            await self._check_all(self._elsewhere, agreed.ice, deadline)

    async def _negotiate(self, talk: Talk, deadline: Deadline) -> "_Agreed | None":
        offered = await talk.offer(deadline.sooner(TALK_SECONDS))
        if offered is None or offered.offer is None:
            unreadable = offered is not None
            self._negotiation = (
                Negotiation.UNREADABLE
                if unreadable
                else Negotiation.CUT
                if talk.cut
                else Negotiation.NO_OFFER
            )
            return None
        offer = offered.offer
        ours = sdp.OurSide(
            ufrag=self._clock.token_hex(4),
            password=self._clock.token_hex(16),
            fingerprint=":".join(f"{b:02X}" for b in bytes.fromhex(self._clock.token_hex(32))),
        )
        await talk.answer(sdp.answer(offer, ours), deadline)
        self._negotiation = Negotiation.ANSWERED
        self._lite = offer.lite
        every = dict.fromkeys((*offer.candidates, *talk.candidates))
        self._candidates += [_unchecked(c, self._home) for c in list(every)[:MAX_CANDIDATES]]
        ice = stun.Ice(
            username=f"{offer.ufrag}:{ours.ufrag}",
            password=offer.password,
            controlled=not offer.lite,
        )
        peers = [c for c in self._candidates if c.protocol == "udp" and _can_be_asked(c)]
        peers.sort(key=lambda c: _PREFERRED.index(c.reach))
        return _Agreed(ice, tuple(stun.Address(c.address, c.port) for c in peers))

    async def _check_all(self, checked: list[Checked], ice: stun.Ice, deadline: Deadline) -> None:
        async def check(at: int) -> None:
            candidate = checked[at]
            if _can_be_asked(candidate):
                tried = await self._check(candidate, ice, deadline.sooner(CHECK_SECONDS))
                checked[at] = candidate._replace(tried=tried)

        async with asyncio.TaskGroup() as group:
            for at in range(len(checked)):
                group.create_task(check(at))

    async def _check(self, candidate: Checked, ice: stun.Ice, deadline: Deadline) -> Tried:
        wire: _Wire | Tried
        if candidate.protocol == "udp":
            wire = self._sockets.udp(stun.Address(candidate.address, candidate.port))
        else:
            opened = await _tcp((candidate.address,), candidate.port, deadline)
            wire = (
                opened
                if isinstance(opened, Tried)
                else _Stream(opened, stun.next_frame, framed=True)
            )
        if isinstance(wire, Tried):
            return wire
        try:
            tried = await self._bind(wire, deadline, ice)
        finally:
            wire.close()
        self._sockets.answered(wire, tried)
        return tried

    async def _bind(self, wire: "_Wire", deadline: Deadline, ice: stun.Ice | None = None) -> Tried:
        """One Binding; each transmission has an id of its own, so that its time is its own."""

        def requests() -> Iterator[bytes]:
            while True:
                yield stun.binding(_transaction(self._clock), ice)

        answer, took = await _ask(
            wire, requests(), deadline, FIRST_PAUSE, lambda data: stun.bound(data, ice) is not None
        )
        tried = None if isinstance(answer, End) else stun.bound(answer, ice)
        if tried is None:
            return stun.outcome(answer)
        return tried._replace(round_trip_ms=took if tried.ok else None)

    # ------------------------------------------------------------ the ICE servers

    async def _server(
        self,
        at: int,
        look: "_Server",
        negotiated: "asyncio.Future[_Agreed | None]",
        deadline: Deadline,
    ) -> None:
        try:
            await look.everything(self._bind, negotiated, deadline.sooner(SERVER_SECONDS))
        finally:
            self._servers[at] = look.seen


class _Agreed(NamedTuple):
    """What the relayed checks need of the negotiation."""

    ice: stun.Ice
    peers: tuple[stun.Address, ...]


def _unchecked(candidate: Candidate, home: str) -> Checked:
    why = barred(candidate.address, home)
    return Checked(
        protocol=candidate.protocol,
        address=candidate.address,
        port=candidate.port,
        type=candidate.type,
        tcp_type=candidate.tcp_type,
        reach=reach(candidate.address),
        tried=UNTRIED if why is None else Tried(Outcome.BARRED, detail=why),
    )


def _can_be_asked(candidate: Checked) -> bool:
    """Whether anybody can listen there: an active TCP candidate dials, a name hides an address."""
    if candidate.reach is Reach.NAME or not 0 < candidate.port < 65536:
        return False
    if candidate.tried.outcome is Outcome.BARRED:
        return False
    return candidate.protocol == "udp" or (
        candidate.protocol == "tcp" and candidate.tcp_type != "active"
    )


class _Bind(Protocol):
    async def __call__(
        self, wire: "_Wire", deadline: Deadline, ice: stun.Ice | None = None
    ) -> Tried: ...


class _Server:
    """One ICE server's URL, and what is known of it so far."""

    def __init__(
        self,
        seen: IceServerSeen,
        login: stun.Login | None,
        endpoint: Endpoint,
        clock: Clock,
        sockets: _Sockets,
        *,
        home: str,
    ) -> None:
        self.seen = seen
        self._home = home
        self._login = login
        self._endpoint = endpoint
        self._clock = clock
        self._sockets = sockets

    async def everything(
        self,
        bind: _Bind,
        negotiated: "asyncio.Future[_Agreed | None]",
        deadline: Deadline,
    ) -> None:
        """All that its scheme promises."""
        seen = self.seen
        answer = await network.resolve(seen.host, seen.port, Family.ANY, deadline)
        if isinstance(answer, OwnLimit):
            self.seen = seen._replace(connect=UNTRIED._replace(detail=answer.error))
            return
        if not isinstance(answer, Resolved):
            self.seen = seen._replace(connect=Tried(Outcome.UNRESOLVED, detail=answer.error))
            return
        # From here on these addresses alone are gone to: a name may lead elsewhere the next time.
        barring = barred if seen.transport == "udp" else barred_over_tcp
        why = {address: barring(address, self._home) for address in answer.addresses}
        addresses = tuple(address for address, words in why.items() if words is None)
        if not addresses:
            detail = next(filter(None, why.values()), "")
            tried = Tried(Outcome.BARRED, detail=detail)
            self.seen = seen._replace(addresses=answer.addresses, connect=tried)
            return
        self.seen = seen = seen._replace(addresses=addresses)
        wire = await self._open(addresses, bind, deadline)
        if isinstance(wire, Tried):
            self.seen = self.seen._replace(connect=wire)
            return
        try:
            self.seen = self.seen._replace(connect=Tried(Outcome.OK))
            if seen.turn:
                await self._relay(wire, bind, negotiated, deadline)
            else:
                tried = await bind(wire, deadline.sooner(CHECK_SECONDS))
                self.seen = self.seen._replace(binding=tried)
                self._sockets.answered(wire, tried)
            await self._why(wire, deadline)
        finally:
            wire.close()

    async def _open(
        self, addresses: tuple[str, ...], bind: _Bind, deadline: Deadline
    ) -> "_Wire | Tried":
        seen = self.seen
        if seen.transport == "udp":
            opened: _Wire | Tried = UNTRIED
            for address in addresses[:4]:
                opened = self._sockets.udp(stun.Address(address, seen.port))
                if not isinstance(opened, Tried):
                    break
            return opened
        connection = await _tcp(addresses, seen.port, deadline.sooner(TALK_SECONDS))
        if isinstance(connection, Tried):
            return connection
        if seen.transport == "tls":
            secured = await self._secure(connection, addresses, deadline)
            if secured is None:
                await self._without_tls(addresses, bind, deadline)
                return Tried(Outcome.NO_TLS)
            connection = secured
        return _Stream(connection, stun.next_in_stream)

    async def _secure(
        self, connection: Connection, addresses: tuple[str, ...], deadline: Deadline
    ) -> Connection | None:
        from lkdoctor.probes import tls

        seen = self.seen

        async def reopen() -> socket.socket | None:
            return (await network.connect(addresses, seen.port, deadline))[1]

        trust = tls.context(
            insecure=self._endpoint.insecure, ca_file=self._endpoint.ca_file, web=False
        )
        fact, secured = await tls.handshake(
            connection.detach(),
            _url(seen),
            deadline.sooner(TALK_SECONDS),
            reopen,
            trust,
            ca_file=self._endpoint.ca_file,
            web=False,
        )
        self.seen = seen._replace(tls=fact)
        return secured

    async def _without_tls(
        self, addresses: tuple[str, ...], bind: _Bind, deadline: Deadline
    ) -> None:
        """Whether what does not speak TLS speaks STUN."""
        fact = self.seen.tls
        if fact is None or fact.attempt.kind == "distrusted":
            return
        soon = deadline.sooner(SECOND_LOOK_SECONDS)
        opened = await _tcp(addresses, self.seen.port, soon)
        if isinstance(opened, Tried):
            return
        wire = _Stream(opened, stun.next_in_stream)
        try:
            plain = await bind(wire, soon)
            speaks = plain.detail if plain.outcome is Outcome.FOREIGN else ""
            if plain.outcome is Outcome.SILENT:
                speaks = await wire.poke(deadline.sooner(SECOND_LOOK_SECONDS))
            self.seen = self.seen._replace(plain=plain, speaks=speaks)
        finally:
            wire.close()

    async def _relay(
        self,
        wire: "_Wire",
        bind: _Bind,
        negotiated: "asyncio.Future[_Agreed | None]",
        deadline: Deadline,
    ) -> None:
        ids = tuple(_transaction(self._clock) for _ in range(3))
        asking = stun.allocate(self._login, (ids[0], ids[1], ids[2]))
        granted, took = await _hold(wire, asking, deadline.sooner(TALK_SECONDS))
        tried = granted.tried._replace(round_trip_ms=took if granted.tried.ok else None)
        relay = Relay(tried, "" if granted.relayed is None else str(granted.relayed))
        self.seen = self.seen._replace(relay=relay)
        if not tried.ok:
            return
        try:
            agreed = await negotiated
            peers = () if agreed is None else agreed.peers
            if granted.relayed is not None:
                peers = tuple(p for p in peers if (":" in p.host) == (":" in granted.relayed.host))
            if agreed is None or not peers:
                return
            peer = peers[0]
            permit = stun.permit(granted.signed, peer, _transaction(self._clock))
            permission, _ = await _hold(wire, permit, deadline.sooner(TALK_SECONDS))
            relay = relay._replace(peer=str(peer), permission=permission)
            self.seen = self.seen._replace(relay=relay)
            if permission.ok:
                through = _Relayed(wire, peer, self._clock)
                tried = await bind(through, deadline.sooner(CHECK_SECONDS), agreed.ice)
                self.seen = self.seen._replace(relay=relay._replace(through=tried))
        finally:
            wire.send_at_once(stun.free(granted.signed, _transaction(self._clock)))

    async def _why(self, wire: "_Wire", deadline: Deadline) -> None:
        """What else is spoken over TCP or TLS, where STUN is not.

        No request is made of whoever a server names: the ends of two lines are enough for one who
        waits for them before he says what he is.
        """
        seen = self.seen
        tried = seen.relay.allocate if seen.relay is not None else seen.binding
        if not isinstance(wire, _Stream) or tried is None or tried.ok or tried.code is not None:
            return
        speaks = tried.detail if tried.outcome is Outcome.FOREIGN else ""
        if tried.outcome is Outcome.SILENT:
            speaks = await wire.poke(deadline.sooner(SECOND_LOOK_SECONDS))
        self.seen = seen._replace(speaks=speaks)


def _url(seen: IceServerSeen) -> ParsedUrl:
    """The server as `probes.tls` wants it."""
    return ParsedUrl(
        scheme="wss",
        host=seen.host,
        port=seen.port,
        explicit_port=True,
        path="",
        query=False,
        userinfo=False,
        host_kind=HostKind.PUBLIC,
    )


# ------------------------------------------------------------------ whole messages over sockets


class _Wire(Protocol):
    """Carries whole STUN messages, and other datagrams."""

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes | End: ...

    def send_at_once(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class _Stream:
    """Messages in a TCP or TLS stream.

    Args:
        connection: what carries it.
        cut: how long the first message is.
        framed: each has its length before it, as ICE wants it; TURN does not.
    """

    def __init__(
        self,
        connection: Connection,
        cut: Callable[[bytes], int | None],
        *,
        framed: bool = False,
    ) -> None:
        self._connection = connection
        self._cut = cut
        self._framed = framed
        self._data = b""

    async def send(self, data: bytes) -> None:
        await self._connection.send(stun.framed(data) if self._framed else data)

    async def receive(self) -> bytes | End:
        while True:
            length = self._cut(self._data)
            if length is None:  # something else is spoken here
                data, self._data = self._data, b""
                return data
            if 0 < length <= len(self._data):
                message, self._data = self._data[:length], self._data[length:]
                return message[2:] if self._framed else message
            incoming = await self._connection.receive()
            if isinstance(incoming, End):
                if self._data:
                    data, self._data = self._data, b""
                    return data
                return incoming
            self._data += incoming

    async def poke(self, deadline: Deadline) -> str:
        """End two lines, and see which protocol the answer is of; empty where none comes."""
        try:
            async with deadline.limit():
                await self._connection.send(b"\r\n\r\n")
                data = await self._connection.receive()
        except TimeoutError:
            return ""
        return "" if isinstance(data, End) else stun.spoken(data)

    def send_at_once(self, data: bytes) -> None:
        self._connection.send_at_once(stun.framed(data) if self._framed else data)

    def close(self) -> None:
        self._connection.close()


class _Relayed:
    """Datagrams to and from a peer, by way of a TURN server."""

    def __init__(self, wire: _Wire, peer: stun.Address, clock: Clock) -> None:
        self._wire = wire
        self._peer = peer
        self._clock = clock

    async def send(self, data: bytes) -> None:
        await self._wire.send(stun.send(self._peer, data, _transaction(self._clock)))

    async def receive(self) -> bytes | End:
        for _ in range(_MAX_DATAGRAMS):
            incoming = await self._wire.receive()
            if isinstance(incoming, End):
                return incoming
            data = stun.relayed(incoming)
            if data is not None:
                return data
        return End.TIMEOUT

    def send_at_once(self, data: bytes) -> None:
        self._wire.send_at_once(stun.send(self._peer, data, _transaction(self._clock)))

    def close(self) -> None:
        self._wire.close()


def _unopened(problem: OSError, address: str) -> Tried:
    """Why there is no socket that talks to an address: no way there, or none for this machine."""
    lacking = network.lacks(problem, address)
    if lacking is not None:
        return UNTRIED._replace(detail=lacking)
    return Tried(Outcome.UNREACHABLE, detail=network.error_words(problem))


def _transaction(clock: Clock) -> bytes:
    return bytes.fromhex(clock.token_hex(stun.TRANSACTION))


async def _tcp(addresses: tuple[str, ...], port: int, deadline: Deadline) -> Connection | Tried:
    attempts, sock = await network.connect(addresses, port, deadline)
    if sock is not None:
        return Connection(sock)
    match attempts[-1] if attempts else None:
        case TcpRefused():
            return Tried(Outcome.REFUSED)
        case TcpTimedOut() | TcpConnected() | None:
            return Tried(Outcome.SILENT)
        case OwnLimit(error=lacking):
            return UNTRIED._replace(detail=lacking)
        case unreachable:
            return Tried(Outcome.UNREACHABLE, detail=unreachable.error)


async def _ask(
    wire: _Wire,
    requests: Iterator[bytes],
    deadline: Deadline,
    pause: float,
    believe: Callable[[bytes], bool],
) -> tuple[bytes | End, float]:
    """Send requests until one is answered; the answer and the ms since that one was sent.

    An answer is one that carries the id of a request and that can be believed. What else comes
    is the server's own business (its checks of us) and is passed over; in a stream, what is no
    STUN ends the asking.
    """
    sent: dict[bytes, Stopwatch] = {}
    seen = 0
    while deadline.remaining() and seen < _MAX_DATAGRAMS:
        request = next(requests)
        try:
            async with deadline.sooner(pause).limit():
                sent[request[8:20]] = Stopwatch(deadline.clock)
                await wire.send(request)
                while seen < _MAX_DATAGRAMS:
                    incoming = await wire.receive()
                    seen += 1
                    if isinstance(incoming, End):
                        return incoming, 0.0
                    message = stun.parse(incoming)
                    if message is None:
                        if isinstance(wire, _Stream):
                            return incoming, 0.0
                    elif message.transaction in sent and believe(incoming):
                        return incoming, sent[message.transaction].ms
        except TimeoutError:
            pause = min(pause * 2, LONGEST_PAUSE)
    return End.TIMEOUT, 0.0


async def _hold(wire: _Wire, asking: stun.Asking[T], deadline: Deadline) -> tuple[T, float]:
    """Hold a TURN conversation; its result, and the ms that the last answer took."""
    took = 0.0
    request = next(asking)
    while True:
        answer, took = await _ask(
            wire, itertools.repeat(request), deadline, TURN_PAUSE, _answers(request)
        )
        try:
            request = asking.send(answer)
        except StopIteration as stop:
            return stop.value, took


def _answers(request: bytes) -> Callable[[bytes], bool]:
    """Whether a message with the request's id is of its method, and an answer."""
    asked = stun.parse(request)

    def answers(data: bytes) -> bool:
        message = stun.parse(data)
        return (
            message is not None
            and asked is not None
            and message.method == asked.method
            and message.kind in {stun.Kind.SUCCESS, stun.Kind.ERROR}
        )

    return answers
