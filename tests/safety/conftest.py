"""A terminal and a server of their own for the safety tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers

from safety.canary import Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Runs commands in a folder of the test's own."""
    return Terminal(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.RunningServer]:
    """A livekit-server that no other test uses at the same time."""
    with servers.livekit_server() as running:
        yield running
