"""coturn on loopback or on a test host: started, and stopped whatever happens.

    with coturn(users={"alice": "secret"}) as turn:
        turn.port, turn.tls_port

It relays on ports of its own, talks to nobody, and keeps nothing.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import kept
import needs

START_TIMEOUT: Final = 20.0
RELAYS: Final = 20
"""Ports that one server relays on."""

needs_coturn = needs.marked(needs.COTURN)


class RunningTurn(NamedTuple):
    host: str
    port: int
    """UDP and TCP."""
    tls_port: int
    relays: range


@contextlib.contextmanager
def coturn(
    *options: str,
    users: Mapping[str, str] | None = None,
    secret: str | None = None,
    certificate: tuple[Path, Path] | None = None,
    host: str = "127.0.0.1",
    within: Sequence[str] = (),
    port: int | None = None,
    tls_port: int | None = None,
    loopback: bool = True,
) -> Iterator[RunningTurn]:
    """Run a TURN server until the block ends.

    Args:
        options: of turnserver, besides.
        users: names and passwords; together with `secret` they are not looked at.
        secret: of time-limited credentials (``static-auth-secret``).
        certificate: of TLS, and its key.
        host: the address to listen and to relay on.
        within: the words that run a command on a test host.
        port: of UDP and TCP, on a host where it is known to be free; its relays are 49200 on.
        tls_port: likewise.
        loopback: relays to loopback, which coturn does not by itself.
    """
    with contextlib.ExitStack() as stack:
        left = 5
        while True:
            left -= 1
            free = _ports()
            turn = RunningTurn(
                host,
                port or free[0],
                tls_port or free[1],
                range(49200, 49200 + RELAYS) if within else range(free[2], free[2] + RELAYS),
            )
            words = [*within, *_words(turn, users or {}, secret, certificate), *options]
            if loopback:
                words.append("--allow-loopback-peers")
            try:
                stack.enter_context(_started(words, turn, within))
            except PortTakenError:
                if not left:
                    raise
            else:
                break
        yield turn


class PortTakenError(RuntimeError):
    """Somebody else has taken a port that was free a moment ago."""


def _words(
    turn: RunningTurn,
    users: Mapping[str, str],
    secret: str | None,
    certificate: tuple[Path, Path] | None,
) -> Iterator[str]:
    yield from ("turnserver", "-n", "--no-cli", "--no-dtls", "--log-file=stdout", "--simple-log")
    yield "--realm=turn.example.com"
    yield from (f"--listening-ip={turn.host}", f"--relay-ip={turn.host}")
    yield f"--listening-port={turn.port}"
    yield f"--tls-listening-port={turn.tls_port}"
    yield from (f"--min-port={turn.relays.start}", f"--max-port={turn.relays.stop - 1}")
    if secret is not None:
        yield from ("--use-auth-secret", f"--static-auth-secret={secret}")
    else:
        yield "--lt-cred-mech"
        yield from (f"--user={name}:{password}" for name, password in users.items())
    if certificate is None:
        yield "--no-tls"
    else:
        yield from (f"--cert={certificate[0]}", f"--pkey={certificate[1]}")


@contextlib.contextmanager
def _started(words: Sequence[str], turn: RunningTurn, within: Sequence[str]) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="lkdoctor-turn-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        own = (f"--pidfile={folder}/pid", f"--userdb={folder}/users")
        keeper = kept.start([*words, *own], log, os.environ)
        try:
            _wait(keeper, log, turn, within)
            yield
        finally:
            kept.stop(keeper)


def _ports() -> tuple[int, int, int]:
    """A port for UDP and TCP, one for TLS, and the first of a range for relays, all free now."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < 3:
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            udp.bind(("127.0.0.1", 0))
            port = int(udp.getsockname()[1])
            tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                tcp.bind(("127.0.0.1", port))
                if port + RELAYS < 65535:
                    found.append(port)
    return found[0], found[1], found[2]


def _wait(keeper: kept.Keeper, log: Path, turn: RunningTurn, within: Sequence[str]) -> None:
    """Until it listens; TCP comes last."""
    place = (turn.host, turn.port)
    look = f"import socket; socket.create_connection({place!r}, 1).close()"
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and keeper.poll() is None:
        if "Address already in use" in log.read_text(errors="replace"):
            msg = f"coturn's ports {turn} are taken"
            raise PortTakenError(msg)
        words = [*within, sys.executable, "-I", "-c", look]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return
    msg = f"coturn did not start; its log ends:\n{log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(msg)
