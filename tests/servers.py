"""Real livekit-servers on loopback: found, started, and stopped whatever happens.

    with livekit_server("1.13.5") as server:
        server.url, server.api_key, server.api_secret

A server listens on 127.0.0.1 only, on ports of its own, and offers no address outside this
machine. `Pool` keeps one of each version for a test session (fixtures of conftest.py).
"""

import contextlib
import functools
import http.client
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import kept

VERSIONS: Final = ("1.13.5", "1.11.0", "1.9.12", "1.8.4", "1.5.0")
"""The versions whose answers are on record, newest first."""

NEWEST: Final = VERSIONS[0]

DEV_KEY: Final = "devkey"
DEV_SECRET: Final = "secret"
LONG_KEY: Final = "APIlongsecret"
"""The key whose secret is generated, 43 characters: long enough to be found where it leaks."""

START_TIMEOUT: Final = 20.0

_ADVICE: Final = (
    "needs a real livekit-server {version}: GOBIN=~/.cache/lkdoctor/livekit-server/{version} "
    "go install github.com/livekit/livekit-server/cmd/server@v{version} (Go 1.26), "
    "or name a binary in LKDOCTOR_LIVEKIT_SERVER"
)


class RunningServer(NamedTuple):
    """Where a started server is, and what opens it."""

    version: str
    port: int
    keys: Mapping[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_key(self) -> str:
        return next(iter(self.keys))

    @property
    def api_secret(self) -> str:
        return self.keys[self.api_key]

    @property
    def long_key(self) -> str:
        """A key whose secret is long enough to be a canary."""
        return max(self.keys, key=lambda key: len(self.keys[key]))

    @property
    def long_secret(self) -> str:
        return self.keys[self.long_key]


class ServerMissingError(LookupError):
    """No such server is on this machine; the message says how to get one."""


def find_server(version: str | None = None) -> Path | None:
    """The binary of this version, or of the newest there is; None when there is none."""
    named = (os.environ.get("LKDOCTOR_LIVEKIT_SERVER"), shutil.which("livekit-server"))
    for candidate in filter(None, named):
        if version is None or _version_of(candidate) == version:
            return Path(candidate)
    cache = os.environ.get("LKDOCTOR_SERVERS") or "~/.cache/lkdoctor/livekit-server"
    for folder in VERSIONS if version is None else (version,):
        for name in ("server", "server.exe"):
            path = Path(cache).expanduser() / folder / name
            if path.is_file():
                return path
    return None


@functools.cache
def _version_of(binary: str) -> str:
    try:
        done = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+\.\d+", done.stdout)
    return found[0] if found else ""


@contextlib.contextmanager
def livekit_server(
    version: str | None = NEWEST,
    *,
    keys: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    within: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """Run a livekit-server of this version until the block ends.

    Args:
        version: one of `VERSIONS`; None for whatever is found first.
        keys: API keys and secrets; the first is the `api_key`. Without: devkey and a long one.
        config: merged into the server's configuration, mappings at every depth.
        within: the words that run a command on a test host.
        options: further ones of the server itself.

    Raises:
        ServerMissingError: there is no such binary here.
    """
    binary = find_server(version)
    if binary is None:
        raise ServerMissingError(_ADVICE.format(version=version or NEWEST))
    if keys is None:
        keys = {DEV_KEY: DEV_SECRET, LONG_KEY: secrets.token_urlsafe(32)}
    with tempfile.TemporaryDirectory(
        prefix="lkdoctor-server-", ignore_cleanup_errors=True
    ) as folder:
        log = Path(folder) / "server.log"
        file = Path(folder) / "config.yaml"
        start = [*within, str(binary), *options]
        port, keeper = _start(start, file, log, keys, config or {}, within=within)
        try:
            yield RunningServer(version or _version_of(str(binary)), port, keys, log)
        finally:
            kept.stop(keeper)


def _start(
    start: Sequence[str],
    file: Path,
    log: Path,
    keys: Mapping[str, str],
    config: Mapping[str, Any],
    *,
    within: Sequence[str],
) -> tuple[int, subprocess.Popen[bytes]]:
    for _ in range(5):
        signalling, tcp, udp = _free_ports()
        ours = {
            "port": signalling,
            "bind_addresses": ["127.0.0.1"],
            "keys": dict(keys),
            "rtc": {
                "tcp_port": tcp,
                "udp_port": udp,
                "node_ip": "127.0.0.1",
                # Media on loopback alone, and not on whatever else this machine has.
                "enable_loopback_candidate": True,
                "ips": {"includes": ["127.0.0.1/32"]},
                "use_external_ip": False,
                "stun_servers": [f"127.0.0.1:{udp}"],  # instead of public ones
            },
        }
        # JSON is YAML, and needs no library.
        file.write_text(json.dumps(_merged(ours, config)), encoding="utf-8")
        keeper = _spawn(start, file, log)
        try:
            if _ready(signalling, keeper, within):
                return signalling, keeper
        except BaseException:
            kept.stop(keeper)
            raise
        kept.stop(keeper)
        if "address already in use" not in log.read_text(encoding="utf-8", errors="replace"):
            break
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    msg = f"{shlex.join(start)} did not start; its log ends:\n{tail}"
    raise RuntimeError(msg)


def _spawn(start: Sequence[str], file: Path, log: Path) -> subprocess.Popen[bytes]:
    # The server reads keys and settings from LIVEKIT_* too: only the file may count.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LIVEKIT_")}
    return kept.start([*start, "--config", str(file)], log, environ)


def _ready(port: int, keeper: subprocess.Popen[bytes], within: Sequence[str]) -> bool:
    """Whether `GET /` said OK in time; False as soon as the process has ended."""
    deadline = time.monotonic() + START_TIMEOUT
    look = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1)"
    while within and time.monotonic() < deadline and keeper.poll() is None:
        words = [*within, sys.executable, "-I", "-c", look]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return True
    while time.monotonic() < deadline and keeper.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    return False


def _free_ports() -> tuple[int, int, int]:
    """Two TCP ports and a UDP port that nobody listens on, all open at once so that they differ."""
    with contextlib.ExitStack() as stack:
        ports = []
        for kind in (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM):
            taken = stack.enter_context(socket.socket(socket.AF_INET, kind))
            taken.bind(("127.0.0.1", 0))
            ports.append(taken.getsockname()[1])
    return ports[0], ports[1], ports[2]


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(old, value)
        else:
            merged[name] = value
    return merged


class Pool:
    """One default server of each version, started when first asked for, kept until `close`."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._running: dict[str, RunningServer] = {}

    def get(self, version: str) -> RunningServer:
        if version not in self._running:
            self._running[version] = self._stack.enter_context(livekit_server(version))
        return self._running[version]

    def close(self) -> None:
        self._stack.close()
