"""What a real livekit-server says of wrong variables, and that the cause is named first."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import servers

Pair = Callable[[servers.RunningServer], tuple[str, str]]


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        pytest.param(lambda s: (s.long_key, s.long_secret), None, id="the right pair"),
        pytest.param(
            lambda s: (s.long_key, s.long_secret[::-1]), "token-bad-signature", id="another secret"
        ),
        pytest.param(
            lambda s: ("otherkey", s.long_secret), "env-project-mismatch", id="another key"
        ),
        pytest.param(
            lambda s: ("APIxk3pLw9Za7Qm", s.long_secret),
            "env-project-mismatch",
            id="a Cloud key, and a server with keys of its own",
        ),
        pytest.param(
            lambda s: (s.long_key, f'"{s.long_secret}"'), "env-value-dirty", id="quotes kept"
        ),
        pytest.param(
            lambda s: (s.long_key, f"{s.long_secret}\n"), "env-value-dirty", id="line end kept"
        ),
        pytest.param(
            lambda s: (s.long_secret, s.long_key), "env-key-secret-swapped", id="exchanged"
        ),
        pytest.param(
            lambda _: ("your-api-key", "your-api-secret"), "env-placeholder", id="samples"
        ),
    ],
)
def test_the_cause_is_named_first(
    real_server: servers.RunningServer, tmp_path: Path, pair: Pair, code: str | None
) -> None:
    key, secret = pair(real_server)
    clean = {n: v for n, v in os.environ.items() if not n.startswith("LIVEKIT_")}
    done = subprocess.run(
        [sys.executable, "-m", "lkdoctor", "diagnose", "-o", "json"],
        cwd=tmp_path,
        env=clean
        | {
            "LIVEKIT_URL": real_server.url,
            "LIVEKIT_API_KEY": key,
            "LIVEKIT_API_SECRET": secret,
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["primary"] == code, done.stderr
    assert {f["code"] for f in report["findings"]} == ({code} if code else set())
    assert done.returncode == (1 if code else 0)
