"""Runs commands with secrets planted, and looks for any run of eight characters of one."""

import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lkdoctor import redact
from lkdoctor.cli.app import run

RUN = redact.SLICE


class Shown(NamedTuple):
    """All that a command wrote anywhere."""

    code: int
    out: str
    err: str
    files: str

    @property
    def everything(self) -> str:
        return self.out + self.err + self.files


@contextlib.contextmanager
def nothing_known() -> Iterator[None]:
    """The redaction starts as in a new process, so that an earlier command protects no later one."""
    before = redact.remembered()
    redact.forget()
    yield
    redact.forget(before)


class Terminal:
    """Runs commands in this process, in one folder, with nothing remembered from one to the next."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, env: Mapping[str, str], stdin: str = "") -> Shown:
        """One command with exactly this environment."""
        for name in list(os.environ):
            self._monkeypatch.delenv(name)
        for name, value in env.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.chdir(self.folder)
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        before = self._files()
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), nothing_known():
            code = run(list(arguments))
        files = "".join(text for path, text in self._files().items() if before.get(path) != text)
        return Shown(code, out.getvalue(), err.getvalue(), files)

    def _files(self) -> dict[Path, str]:
        return {p: p.read_text("utf-8") for p in self.folder.rglob("*") if p.is_file()}


def spellings(secret: str) -> Iterator[str]:
    """What a secret looks like to whoever can undo the commonest encodings."""
    raw = secret.encode()
    yield secret
    yield secret[::-1]
    yield raw.hex()
    yield base64.b64encode(raw).decode().rstrip("=")
    for lead in (1, 2):
        # The characters in common whatever stands before.
        yield base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")[lead + 1 :]


def leaks(secret: str, text: str) -> list[str]:
    """Every run of `RUN` characters of the secret that the text holds, letter case aside."""
    folded = text.lower()
    found = set()
    for spelling in spellings(secret):
        low = spelling.lower()[:-2]  # the last characters of base64 depend on what follows
        found |= {low[i : i + RUN] for i in range(len(low) - RUN + 1) if low[i : i + RUN] in folded}
    return sorted(found)


def token_leaks(token: str, text: str) -> list[str]:
    """The same for a token: its header is that of every token and says nothing."""
    _, payload, signature = token.split(".")
    return leaks(payload, text) + leaks(signature, text)


def token(
    key: str,
    secret: str,
    *,
    identity: str = "ann",
    room: str = "consultation",
    ttl: float = 600,
    **claims: Any,
) -> str:
    """A participant's token as an app would sign it."""
    now = int(time.time())
    video = {"roomJoin": True, "room": room}
    payload = {"iss": key, "sub": identity, "nbf": now, "exp": now + ttl, "video": video, **claims}
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT"}, payload)
    ]
    mac = hmac.digest(secret.encode(), ".".join(encoded).encode(), hashlib.sha256)
    return ".".join((*encoded, base64.urlsafe_b64encode(mac).decode().rstrip("=")))
