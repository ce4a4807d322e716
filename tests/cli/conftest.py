"""What more than one command's tests need."""

import os
from pathlib import Path

import pytest
from cli.shell import Shell
from tokens.samples import KEY, SECRET


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in tuple(os.environ):
        if "LIVEKIT" in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LIVEKIT_API_KEY", KEY)
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    return Shell(tmp_path, capsys)
