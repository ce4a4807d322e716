"""A terminal for the safety tests."""

from pathlib import Path

import pytest

from safety.canary import Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Runs commands in a folder of the test's own."""
    return Terminal(tmp_path, monkeypatch)
