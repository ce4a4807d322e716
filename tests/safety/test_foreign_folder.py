"""A folder that somebody else wrote takes nothing from its reader and runs nothing."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.doctor import lkdoctor
from faults.peers import peer

from safety.canary import leaks

PLANTED = "kR8vN2xQ7mZ4wT9jL3pY6cF1hB5dG0sA"


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A host that keeps what it is sent, and says that there is nothing."""
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                heard.append(data)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with peer(serve) as port:
        yield port, heard


@pytest.mark.parametrize("written", ["${CLOUD_KEY}", "${CLOUD_KEY:-x}", "${A}", "${B:-}${A}"])
@pytest.mark.parametrize("command", ["diagnose", "ws-probe", "rooms list", "check-env"])
def test_no_variable_goes_to_a_host_that_a_file_names(
    command: str, written: str, tmp_path: Path
) -> None:
    with listening() as (port, heard):
        (tmp_path / ".env.local").write_text("B=${CLOUD_KEY}\n")
        (tmp_path / ".env").write_text(
            f"A=${{CLOUD_KEY}}\nLIVEKIT_URL=ws://127.0.0.1:{port}/{written}\n"
            f"LIVEKIT_API_KEY={written}\nLIVEKIT_API_SECRET=made-up-secret-of-the-folder-{written}\n"
        )
        done = lkdoctor(*command.split(), cwd=tmp_path, env={"CLOUD_KEY": PLANTED})
    sent = b"".join(heard).decode("latin-1")
    assert bool(sent) is (command != "check-env"), done.err
    assert leaks(PLANTED, sent + done.out + done.err) == []
    if command in {"diagnose", "check-env"}:
        assert "env-reference-outside" in done.out
