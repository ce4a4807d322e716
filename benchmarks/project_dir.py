"""``check-env --project-dir`` on a tree of 50,000 files.

The tree is that of a large workspace in git: source, lock files, other files, and beside them a
node_modules that must cost nothing. The time is that of the whole process; prints the median and
exits with 1 above the limit.

    python benchmarks/project_dir.py [--files 50000] [--rounds 5]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 2.0
SECRET = "made-up-for-a-benchmark-0123456789-abcdefgh"

SOURCE = """\
import { useState } from "react";

export function Part%d({ name }: { name: string }) {
  const [open, setOpen] = useState(false);
  return open ? name : null;
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = tree(root, arguments.files)
        median, files = measure(root, arguments.rounds)
    print(f"check-env --project-dir, {made} files, median of {arguments.rounds}")
    print(f"  looked at  {files:9}")
    print(f"  took       {median:9.2f} s    limit {LIMIT} s")
    return 1 if median > LIMIT else 0


def tree(root: Path, files: int) -> int:
    """Write a workspace; the number of files outside node_modules."""
    lock = {"lockfileVersion": 3, "packages": {}}
    for number in range(4000):
        lock["packages"][f"node_modules/part-{number}"] = {"version": "1.0.0"}  # type: ignore[index]  # a dict of its own
    lock["packages"]["node_modules/livekit-client"] = {"version": "2.18.9"}  # type: ignore[index]  # likewise
    write(root / "package-lock.json", json.dumps(lock, indent=2))
    write(root / "package.json", json.dumps({"dependencies": {"next": "16.0.0"}}))
    write(root / ".gitignore", "node_modules\n.env.local\n")
    write(
        root / ".env.local",
        "LIVEKIT_URL=wss://clinic-x4k2.livekit.cloud\nLIVEKIT_API_KEY=APIxk7Qm3pLw9Za\n"
        f"LIVEKIT_API_SECRET={SECRET}\n",
    )
    made = 4
    for number in range(files - made):
        part = root / "packages" / f"p{number % 97}" / f"d{number % 41}"
        suffix = ("tsx", "ts", "css", "md")[number % 4]
        write(part / f"part{number}.{suffix}", SOURCE % number)
        made += 1
    for number in range(5000):
        write(root / "node_modules" / f"m{number % 200}" / f"{number}.js", "x\n")
    if shutil.which("git"):
        for command in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", *command], cwd=root, check=True, capture_output=True)  # noqa: S607 - whichever git there is
    return made


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def measure(root: Path, rounds: int) -> tuple[float, int]:
    """The median time of the whole process, and the number of files that it has looked at."""
    environ = {n: v for n, v in os.environ.items() if not n.startswith("LIVEKIT_")}
    command = [sys.executable, "-m", "lkdoctor", "check-env", "--project-dir", ".", "--json"]
    times: list[float] = []
    files = 0
    for number in range(rounds + 1):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=root, env=environ, capture_output=True, check=False)
        took = time.perf_counter() - started
        assert done.returncode == 0, done.stdout
        app = json.loads(done.stdout)["facts"]["app"]
        files = app["files"]
        assert app["secret_in"] == []
        assert [p["version"] for p in app["packages"]] == ["2.18.9"]
        if number:  # the first round fills the caches
            times.append(took)
    return statistics.median(times), files


if __name__ == "__main__":
    sys.exit(main())
