"""A real forward proxy on loopback: tinyproxy, started and stopped whatever happens.

with tinyproxy() as proxy:
    proxy.url, proxy.log()
"""

import contextlib
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import needs
import pytest

START_TIMEOUT: Final = 20.0


class RunningProxy(NamedTuple):
    """Where a started proxy is, and what it wrote down."""

    port: int
    file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tunnels(self) -> list[str]:
        """Who was asked for, in order: ``127.0.0.1:7880``."""
        text = self.file.read_text(encoding="utf-8", errors="replace")
        return re.findall(r"\): CONNECT (\S+)", text)


@contextlib.contextmanager
def tinyproxy(*settings: str, command: tuple[str, ...] = ()) -> Iterator[RunningProxy]:
    """Run a tinyproxy on loopback until the block ends; the test is skipped where there is none.

    Args:
        settings: lines of its configuration: ``BasicAuth user password``, ``ConnectPort 443``.
        command: words in front, such as those that enter a network namespace.
    """
    binary = needs.binary("tinyproxy")
    with tempfile.TemporaryDirectory(prefix="lkdoctor-proxy-") as folder:
        log, config = Path(folder) / "log", Path(folder) / "tinyproxy.conf"
        for _ in range(5):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                port = taken.getsockname()[1]
            lines = (
                f"Port {port}",
                "Listen 127.0.0.1",
                "Allow 127.0.0.1",
                "Timeout 60",
                "MaxClients 50",
                f'LogFile "{log}"',
                "LogLevel Info",
                *settings,
            )
            config.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            running = subprocess.Popen(
                [*command, binary, "-d", "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                if _listens(log, running):
                    yield RunningProxy(port, log)
                    return
            finally:
                running.terminate()
                running.wait()
        pytest.fail(f"tinyproxy did not start: {log.read_text() if log.exists() else 'no log'}")


def _listens(log: Path, running: subprocess.Popen[bytes]) -> bool:
    """Whether it says that it is ready; False as soon as it has ended (its port was taken)."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and running.poll() is None:
        if log.exists() and "Accepting connections" in log.read_text(errors="replace"):
            return True
        time.sleep(0.02)
    return False
