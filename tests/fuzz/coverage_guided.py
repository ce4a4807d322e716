"""Fuzzing guided by coverage: atheris on every target, one process each.

    python tests/fuzz/coverage_guided.py [--inputs 1000000] [--seconds 60] [target …]

An input that breaks a target is kept in build/fuzz/ for the next run of the same command with
``--again FILE``, unless it holds what may be a token or a secret. Exit code 1 when one was found.
"""

import argparse
import contextlib
import importlib.util
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzz.targets import Target

ROOT = Path(__file__).resolve().parents[2]
BROKEN = ROOT / "build" / "fuzz"

sys.path.insert(0, str(ROOT / "tests"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60, help="for each target, at most")
    parser.add_argument("--again", type=Path, help="run the targets on this file alone")
    parser.add_argument("targets", nargs="*")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not here: it has wheels for CPython on Linux x86-64")
        return 2
    import atheris

    with (
        contextlib.redirect_stderr(io.StringIO()),  # a line for each module
        atheris.instrument_imports(include=["lkdoctor"], enable_loader_override=False),
    ):
        from fuzz.targets import BY_NAME

    unknown = set(arguments.targets) - set(BY_NAME)
    if unknown:
        parser.error(f"no target {min(unknown)!r}; there are: {', '.join(BY_NAME)}")
    chosen = [BY_NAME[name] for name in arguments.targets or BY_NAME]
    if arguments.again is not None:
        for target in chosen:
            target(arguments.again.read_bytes())
        return 0
    broken = [target.name for target in chosen if not _fuzz(target, arguments)]
    print(f"{len(chosen) - len(broken)} of {len(chosen)} targets held")
    return 1 if broken else 0


def _fuzz(target: "Target", arguments: argparse.Namespace) -> bool:
    """Whether a target held; libFuzzer ends its process, so each has one of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lkdoctor-fuzz-"))
    corpus, artifacts, log = folder / "corpus", folder / "artifacts", folder / "log"
    corpus.mkdir()
    artifacts.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            _in_child(target, arguments, corpus, artifacts, log)
        finally:  # nothing of the parent's is the child's to end
            os._exit(1)
    _, status = os.waitpid(child, 0)
    said = log.read_text(encoding="utf-8", errors="replace")
    done = re.findall(r"^Done (\d+) runs in (\d+) second", said, re.MULTILINE)
    runs, seconds = done[-1] if done else ("?", "?")
    held = os.waitstatus_to_exitcode(status) == 0 and bool(done)
    print(f"{target.name:<18} {runs:>8} inputs {seconds:>4} s  {'' if held else 'BROKEN'}")
    if not held:
        print(said[-3000:])
        for found in artifacts.iterdir():
            _keep(found, target.name)
    shutil.rmtree(folder)
    return held


def _in_child(
    target: "Target", arguments: argparse.Namespace, corpus: Path, artifacts: Path, log: Path
) -> None:
    import atheris

    with log.open("wb") as file:  # libFuzzer writes to the descriptors
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    atheris.Setup(
        [
            "fuzz",
            f"-runs={arguments.inputs}",
            f"-max_total_time={arguments.seconds}",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-max_len=4096",
            "-len_control=20",
            f"-artifact_prefix={artifacts}/",
            str(corpus),
        ],
        target,
    )
    atheris.Fuzz()
    os._exit(0)


def _keep(found: Path, name: str) -> None:
    """An input for the next run; but never one that may hold a token or a secret."""
    from lkdoctor import redact

    data = found.read_bytes()
    text = data.decode("utf-8", "replace")
    if redact.clean(text) != text or re.search(r"(?i)ey[\w-]{6}|secret", text):
        print("the input is not kept: it may hold a token or a secret")
        return
    BROKEN.mkdir(parents=True, exist_ok=True)
    kept = BROKEN / f"{name}-{found.name[-8:]}"
    kept.write_bytes(data)
    print(f"kept: {kept.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
