"""coturn on loopback or on a test host: started, and stopped whatever happens.

    with coturn(users={"alice": "secret"}) as turn:
        turn.port, turn.tls_port

It relays on ports of its own, talks to nobody, and keeps nothing.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import kept
import pytest

START_TIMEOUT: Final = 20.0
RELAYS: Final = 20
"""Ports that one server relays on."""

needs_coturn = pytest.mark.skipif(
    shutil.which("turnserver") is None, reason="needs coturn (apt install coturn)"
)


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
        loopback: relays to loopback, which coturn does not by itself.
    """
    port, tls_port, first = _ports()
    words = [
        *within,
        "turnserver",
        "-n",
        "--no-cli",
        "--no-dtls",
        "--log-file=stdout",
        "--simple-log",
        "--realm=turn.example.com",
        f"--listening-ip={host}",
        f"--relay-ip={host}",
        f"--listening-port={port}",
        f"--tls-listening-port={tls_port}",
        f"--min-port={first}",
        f"--max-port={first + RELAYS - 1}",
    ]
    if loopback:
        words.append("--allow-loopback-peers")
    if secret is not None:
        words += ["--use-auth-secret", f"--static-auth-secret={secret}"]
    else:
        words.append("--lt-cred-mech")
        words += [f"--user={name}:{password}" for name, password in (users or {}).items()]
    if certificate is None:
        words.append("--no-tls")
    else:
        words += [f"--cert={certificate[0]}", f"--pkey={certificate[1]}"]
    with tempfile.TemporaryDirectory(prefix="lkdoctor-turn-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        own = (f"--pidfile={folder}/pid", f"--userdb={folder}/users")
        keeper = kept.start([*words, *own, *options], log, os.environ)
        try:
            _wait(keeper, log, host, port, within)
            yield RunningTurn(host, port, tls_port, range(first, first + RELAYS))
        finally:
            kept.stop(keeper)


def _ports() -> tuple[int, int, int]:
    """A port for UDP and TCP, one for TLS, and the first of a range for relays, all free now."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < 3:
            taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            if port + RELAYS < 65535:
                found.append(port)
    return found[0], found[1], found[2]


def _wait(keeper: kept.Keeper, log: Path, host: str, port: int, within: Sequence[str]) -> None:
    """Until it listens; TCP comes last."""
    look = f"import socket; socket.create_connection(({host!r}, {port}), 1).close()"
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and keeper.poll() is None:
        words = [*within, sys.executable, "-I", "-c", look]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return
    msg = f"coturn did not start; its log ends:\n{log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(msg)
