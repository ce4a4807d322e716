"""DNS and TCP, as a client would go about them, with every attempt on record."""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest
from typing import Any, Final

from lkdoctor.errors import own_limit
from lkdoctor.facts.network import (
    DnsAnswer,
    Family,
    NameNotFound,
    OwnLimit,
    Resolved,
    ResolverFailed,
    TcpAttempt,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
)
from lkdoctor.probes.base import Deadline, Stopwatch
from lkdoctor.redact import safe

STAGGER: Final = 0.25
"""Seconds after which the next address is tried beside the last (RFC 8305 §5)."""

NEEDED: Final = 8
"""Files and connections without which nothing can be looked at: a connection and a second look, what
a resolver reads, the system's certificates."""

Lookup = Callable[..., list[Any]]
"""What `socket.getaddrinfo` is."""

_FAMILIES: Final = {
    Family.ANY: socket.AF_UNSPEC,
    Family.IPV4: socket.AF_INET,
    Family.IPV6: socket.AF_INET6,
}
_NO_SUCH_NAME: Final = {
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if hasattr(socket, name)
}


async def resolve(
    host: str,
    port: int,
    family: Family,
    deadline: Deadline,
    lookup: Lookup = socket.getaddrinfo,
) -> DnsAnswer:
    """Every address of a host, in the order in which a client would try them."""
    literal = _literal(host)
    if literal is not None:
        if family is not Family.ANY and literal is not family:
            return NameNotFound(f"{host} is an {_word(literal)} address", 0.0)
        return Resolved((host,), 0.0, literal=True)
    answer = await _looked_up(host, port, family, deadline, lookup)
    # A resolver that could open nothing says all sorts of things, "no such name" among them.
    lacking = None if isinstance(answer, Resolved) else spent()
    return answer if lacking is None else OwnLimit(lacking, answer.took_ms)


def spent() -> str | None:
    """What this machine lacks to look at anything; None where it has what it takes."""
    held: list[int] = []
    try:
        held += (os.open(os.devnull, os.O_RDONLY) for _ in range(NEEDED))
    except OSError as problem:
        return own_limit(problem)
    finally:
        for number in held:
            os.close(number)
    return None


async def _looked_up(
    host: str, port: int, family: Family, deadline: Deadline, lookup: Lookup
) -> DnsAnswer:
    watch = Stopwatch(deadline.clock)
    try:
        async with deadline.limit():
            found = await _in_thread(
                lambda: lookup(host, port, family=_FAMILIES[family], type=socket.SOCK_STREAM)
            )
    except TimeoutError:
        return ResolverFailed("no answer in the time given", watch.ms)
    except socket.gaierror as problem:
        text = safe(problem.strerror or str(problem), 200)
        kind = NameNotFound if problem.errno in _NO_SUCH_NAME else ResolverFailed
        return kind(text, watch.ms)
    except (UnicodeError, ValueError) as problem:
        return NameNotFound(safe(f"not a host name: {problem}", 200), watch.ms)
    except (OSError, RuntimeError, MemoryError) as problem:
        lacking = own_limit(problem)
        if lacking is not None:
            return OwnLimit(lacking, watch.ms)
        if not isinstance(problem, OSError):
            raise
        return ResolverFailed(safe(str(problem), 200), watch.ms)
    addresses = _interleaved(entry[4][0] for entry in found)
    if not addresses:
        return NameNotFound("the name has no address", watch.ms)
    return Resolved(addresses, watch.ms)


def _literal(host: str) -> Family | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return Family.IPV4 if address.version == 4 else Family.IPV6


def _word(family: Family) -> str:
    return {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}.get(family, "IP")


async def _in_thread(work: Callable[[], list[Any]]) -> list[Any]:
    """Run in a thread that nobody waits for at exit; a resolver may hang for half a minute."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[list[Any]] = loop.create_future()

    def settle(result: list[Any] | None, problem: Exception | None) -> None:
        if answered.done():
            return
        if problem is not None:
            answered.set_exception(problem)
        else:
            answered.set_result(result or [])

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except Exception as caught:  # noqa: BLE001 - handed to the loop, which raises it
            problem = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="lkdoctor-dns", daemon=True).start()
    return await answered


def _interleaved(addresses: Iterable[str]) -> tuple[str, ...]:
    """Families in turn, the resolver's first choice first (RFC 8305 §4)."""
    unique = tuple(dict.fromkeys(addresses))
    first = [a for a in unique if (":" in a) == (":" in unique[0])]
    other = [a for a in unique if a not in first]
    return tuple(a for a in chain.from_iterable(zip_longest(first, other)) if a is not None)


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's: only those can be bound. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


async def connect(
    addresses: tuple[str, ...], port: int, deadline: Deadline
) -> tuple[tuple[TcpAttempt, ...], socket.socket | None]:
    """Race the addresses with Happy Eyeballs; all attempts that ended, and the winner's socket."""
    attempts: list[TcpAttempt] = []
    winner: socket.socket | None = None
    tasks: list[asyncio.Task[None]] = []
    ended = asyncio.Event()

    async def attempt(address: str) -> None:
        nonlocal winner
        result, sock = await _attempt(address, port, deadline)
        if sock is not None and winner is not None:
            sock.close()
            return
        attempts.append(result)
        ended.set()
        if sock is not None:
            winner = sock
            for task in tasks:
                if task is not asyncio.current_task():
                    task.cancel()

    try:
        async with asyncio.TaskGroup() as race:
            for address in addresses:
                ended.clear()
                tasks.append(race.create_task(attempt(address)))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(STAGGER, deadline.remaining())):
                        await ended.wait()
                if winner is not None or not deadline.remaining():
                    break
    except BaseException:
        if winner is not None:
            winner.close()
        raise
    return tuple(attempts), winner


async def _attempt(
    address: str, port: int, deadline: Deadline
) -> tuple[TcpAttempt, socket.socket | None]:
    watch = Stopwatch(deadline.clock)
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    except OSError as problem:  # a kernel without IPv6, or a process at its limit
        return _not_opened(address, port, problem, watch.ms), None
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with deadline.limit():
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except TimeoutError:
        sock.close()
        return TcpTimedOut(address, port, watch.ms), None
    except ConnectionRefusedError:
        sock.close()
        return TcpRefused(address, port, watch.ms), None
    except (ConnectionResetError, BrokenPipeError):
        # Accepted, and reset before we had looked: whoever reads next sees the end.
        return TcpConnected(address, port, watch.ms), sock
    except OSError as problem:
        sock.close()
        return _not_opened(address, port, problem, watch.ms), None
    except BaseException:
        sock.close()
        raise
    return TcpConnected(address, port, watch.ms), sock


def _not_opened(address: str, port: int, problem: OSError, took_ms: float) -> TcpAttempt:
    lacking = lacks(problem, address)
    if lacking is not None:
        return OwnLimit(lacking, took_ms, address, port)
    return TcpUnreachable(address, port, error_words(problem), took_ms)


def lacks(problem: OSError, address: str) -> str | None:
    """What this machine lacks to reach an address; None where there is another reason."""
    if problem.errno == errno.EADDRNOTAVAIL and ":" in address:
        return None  # a machine without IPv6 says so, too
    return own_limit(problem)


def error_words(problem: OSError) -> str:
    """``ECONNREFUSED: Connection refused``, safe to show."""
    name = errno.errorcode.get(problem.errno or 0, type(problem).__name__)
    return safe(f"{name}: {problem.strerror or problem}", 200)
