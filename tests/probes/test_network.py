"""DNS and TCP on loopback."""

import asyncio
import contextlib
import errno
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from faults import peers
from probes.peers import Caller, address, free_port, peer, soon, timeless

from lkdoctor.facts.network import (
    Family,
    NameNotFound,
    OwnLimit,
    Resolved,
    ResolverFailed,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
)
from lkdoctor.facts.server import NoAnswer, Silence
from lkdoctor.facts.signal import PhaseName, PhaseOutcome
from lkdoctor.facts.tls import TlsBroken
from lkdoctor.probes import network, server
from lkdoctor.probes.route import Endpoint, dial

Entry = tuple[int, int, int, str, tuple[Any, ...]]


def entries(*addresses: str) -> list[Entry]:
    """What getaddrinfo returns for these addresses."""
    return [(0, 0, 0, "", (address, 80)) for address in addresses]


def raising(problem: Exception) -> Any:
    def lookup(*_: Any, **__: Any) -> list[Entry]:
        raise problem

    return lookup


@pytest.mark.parametrize(
    ("host", "family", "expected"),
    [
        pytest.param("127.0.0.1", Family.ANY, Resolved(("127.0.0.1",), 0.0, True), id="IPv4"),
        pytest.param("::1", Family.IPV6, Resolved(("::1",), 0.0, True), id="IPv6"),
        pytest.param(
            "127.0.0.1",
            Family.IPV6,
            NameNotFound("127.0.0.1 is an IPv4 address", 0.0),
            id="IPv4 where IPv6 is wanted",
        ),
    ],
)
async def test_an_address_is_not_looked_up(host: str, family: Family, expected: object) -> None:
    answer = await network.resolve(host, 80, family, soon(), raising(AssertionError()))
    assert timeless(answer) == expected


async def test_families_take_turns_in_the_resolvers_order() -> None:
    found = entries("fd00::1", "fd00::2", "fd00::1", "10.0.0.1", "fd00::3")
    answer = await network.resolve("x.example", 80, Family.ANY, soon(), lambda *_, **__: found)
    assert timeless(answer) == Resolved(("fd00::1", "10.0.0.1", "fd00::2", "fd00::3"), 0.0)


async def test_the_family_asked_for_is_the_one_looked_up() -> None:
    asked = []

    def lookup(*arguments: Any, **options: Any) -> list[Entry]:
        asked.append((arguments, options))
        return entries("10.0.0.1")

    await network.resolve("x.example", 443, Family.IPV4, soon(), lookup)
    options = {"family": socket.AF_INET, "type": socket.SOCK_STREAM}
    assert asked == [(("x.example", 443), options)]


async def test_localhost_is_found_by_the_machines_own_resolver() -> None:
    answer = await network.resolve("localhost", 80, Family.IPV4, soon())
    assert timeless(answer) == Resolved(("127.0.0.1",), 0.0)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        pytest.param(
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            NameNotFound("Name or service not known", 0.0),
            id="no such name",
        ),
        pytest.param(
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            ResolverFailed("Temporary failure in name resolution", 0.0),
            id="the resolver is down",
        ),
        pytest.param(
            UnicodeError("label too long"),
            NameNotFound("not a host name: label too long", 0.0),
            id="a name that cannot be asked for",
        ),
        pytest.param(OSError("broken"), ResolverFailed("broken", 0.0), id="anything else"),
    ],
)
async def test_no_address(problem: Exception, expected: object) -> None:
    answer = await network.resolve("x.example", 80, Family.ANY, soon(), raising(problem))
    assert timeless(answer) == expected


async def test_an_empty_answer_is_no_address() -> None:
    answer = await network.resolve("x.example", 80, Family.ANY, soon(), lambda *_, **__: [])
    assert timeless(answer) == NameNotFound("the name has no address", 0.0)


async def test_a_resolver_that_hangs_costs_the_deadline_and_is_not_waited_for() -> None:
    released = threading.Event()

    def lookup(*_: Any, **__: Any) -> list[Entry]:
        released.wait(60)
        return entries("10.0.0.1")

    try:
        answer = await network.resolve("x.example", 80, Family.ANY, soon(0.05), lookup)
        assert timeless(answer) == ResolverFailed("no answer in the time given", 0.0)
    finally:
        released.set()


async def hold(caller: Caller) -> None:
    await caller.hold()


async def test_connected_without_delaying_small_packets() -> None:
    async with peer(hold) as there:
        attempts, sock = await network.connect(("127.0.0.1",), there.port, soon())
        assert sock is not None
        with sock:
            assert timeless(attempts) == (TcpConnected("127.0.0.1", there.port, 0.0),)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_refused() -> None:
    port = free_port()
    attempts, sock = await network.connect(("127.0.0.1",), port, soon())
    assert (timeless(attempts), sock) == ((TcpRefused("127.0.0.1", port, 0.0),), None)


TIMES = 30
"""Whose packet comes first differs from one connection to the next."""


async def test_who_resets_as_soon_as_he_has_accepted_was_connected_to() -> None:
    with peers.peer(peers.resetting_at_once) as port:
        for _ in range(TIMES):
            async with dial(Endpoint(address(port)), soon()) as route:
                assert timeless(route.network.tcp) == (TcpConnected("127.0.0.1", port, 0.0),)
                root = (await server.look(route, soon())).server.root
            assert isinstance(root, NoAnswer)
            assert root.problem in {Silence.RESET, Silence.CLOSED}


async def test_the_same_where_tls_is_to_come() -> None:
    with peers.peer(peers.resetting_at_once) as port:
        for _ in range(TIMES):
            async with dial(Endpoint(address(port, "wss")), soon()) as route:
                phases = [(phase.name, phase.outcome) for phase in route.phases]
                assert phases[1:] == [
                    (PhaseName.TCP, PhaseOutcome.OK),
                    (PhaseName.TLS, PhaseOutcome.FAILED),
                ]
                assert route.tls is not None
                assert isinstance(route.tls.attempt, TlsBroken)


@contextlib.contextmanager
def open_files(more: int) -> Iterator[None]:
    """This process may open so many more files, sockets among them."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(more + 1)]
    for number in taken:
        os.close(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[-1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


of_posix = pytest.mark.skipif(os.name != "posix", reason="no such limit here")
NO_FILES = "this process may open no more files and connections"


@of_posix
async def test_without_a_file_left_it_is_this_machine_that_connects_to_nobody() -> None:
    async with peer(hold) as there:
        with open_files(0):
            attempts, sock = await network.connect(("127.0.0.1",), there.port, soon())
    limit = OwnLimit(NO_FILES, 0.0, "127.0.0.1", there.port)
    assert (timeless(attempts), sock) == ((limit,), None)


@of_posix
async def test_without_a_file_left_no_name_is_said_not_to_exist() -> None:
    with open_files(2):  # the resolver's own errors are about the name
        failed = raising(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        answer = await network.resolve("x.example", 80, Family.ANY, soon(), failed)
    assert timeless(answer) == OwnLimit(NO_FILES, 0.0)


@of_posix
async def test_without_files_nothing_is_begun() -> None:
    async with peer(hold) as there:
        with open_files(network.NEEDED - 1):
            async with dial(Endpoint(there), soon()) as route:
                assert timeless(route.network.dns) == OwnLimit(NO_FILES, 0.0)
                assert not route.ready
        with open_files(network.NEEDED + 1):
            async with dial(Endpoint(there), soon()) as route:
                assert route.ready


@of_posix
async def test_a_further_connection_that_this_machine_cannot_open() -> None:
    async with (
        peer(hold) as there,
        dial(Endpoint(there), soon()) as route,
        route.connection(soon()),
    ):
        with open_files(0):
            exchanged = await route.exchange(b"", soon())
    assert timeless(exchanged.fact) == NoAnswer(Silence.OWN_LIMIT, NO_FILES, 0.0)


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(MemoryError(), id="memory"),
        pytest.param(RuntimeError("can't start new thread"), id="threads"),
        pytest.param(OSError(errno.ENOBUFS, "No buffer space available"), id="buffers"),
        pytest.param(OSError(errno.ENFILE, "Too many open files in system"), id="files"),
    ],
)
async def test_what_a_look_up_lacks(problem: Exception) -> None:
    answer = await network.resolve("x.example", 80, Family.ANY, soon(), raising(problem))
    assert isinstance(answer, OwnLimit)
    assert answer.error.startswith("this machine ")


async def test_an_address_that_refuses_does_not_keep_us_from_the_next() -> None:
    async with peer(hold) as there:
        attempts, sock = await network.connect(("::1", "127.0.0.1"), there.port, soon())
        assert sock is not None
        sock.close()
        assert [attempt.address for attempt in attempts] == ["::1", "127.0.0.1"]
        assert isinstance(attempts[0], TcpRefused | TcpUnreachable)  # the latter without IPv6


full_queues_are_silent = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a full queue answers with a reset here"
)


@contextlib.asynccontextmanager
async def silent(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """A port whose queue is full: whoever connects next gets no answer."""
    with contextlib.ExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = stack.enter_context(socket.socket(family))
        listener.bind((host, port))
        listener.listen(0)
        await fill(listener, stack)
        yield listener.getsockname()[1]


async def fill(listener: socket.socket, stack: contextlib.ExitStack) -> None:
    """Take all places in the queue."""
    loop = asyncio.get_running_loop()
    while True:
        sock = stack.enter_context(socket.socket(listener.family))
        sock.settimeout(0)
        try:
            async with asyncio.timeout(0.2):
                await loop.sock_connect(sock, listener.getsockname())
        except TimeoutError:
            return


@full_queues_are_silent
async def test_silence_costs_one_deadline_however_many_addresses_there_are() -> None:
    async with silent() as port:
        deadline = soon(0.6)
        attempts, sock = await network.connect(("127.0.0.1",) * 2, port, deadline)
        late = deadline.clock.monotonic() - deadline.ends
    assert sock is None
    assert timeless(attempts) == (TcpTimedOut("127.0.0.1", port, 0.0),) * 2
    assert late < 0.6  # a second deadline would have made it 0.6 at least


@full_queues_are_silent
@pytest.mark.skipif(not socket.has_ipv6, reason="needs ::1 on this machine")
async def test_a_silent_address_does_not_keep_us_from_the_next() -> None:
    async with peer(hold) as there:
        async with silent("::1", there.port):
            attempts, sock = await network.connect(("::1", "127.0.0.1"), there.port, soon())
        assert sock is not None
        sock.close()
        assert timeless(attempts) == (TcpConnected("127.0.0.1", there.port, 0.0),)


@pytest.mark.allow_hosts(["255.255.255.255"])
async def test_unreachable() -> None:
    (attempt,), sock = await network.connect(("255.255.255.255",), 80, soon())
    assert isinstance(attempt, TcpUnreachable)
    assert sock is None
    assert attempt.error.split(":")[0] in {errno.errorcode[errno.EACCES], "ENETUNREACH"}


@full_queues_are_silent
async def test_a_cancelled_attempt_leaves_nothing_open() -> None:
    """An unclosed socket would be a ResourceWarning, which fails the run."""
    async with silent() as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await network.connect(("127.0.0.1",) * 3, port, soon())
