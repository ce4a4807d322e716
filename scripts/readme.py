"""Runs the commands in README.md and docs/commands.md and writes down what they really say.

python scripts/readme.py            write both
python scripts/readme.py --check    say which blocks are no longer true, change nothing

A block that begins with ```console is a session of one shell; its second word names the world
that it runs in (`WORLDS`). Times, ports and ids differ from run to run and are no difference.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from lkdoctor.sandbox import Fault, Sandbox, running_sandbox

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "commands.md")

KEYS = {"devkey": "made-up-secret-that-opens-only-a-sandbox"}
PORT = 7880
"""What the README shows for the port of the sandbox."""

BLOCK = re.compile(r"(?ms)^```console(?: (\w+))?\n(.*?)^```$")
MARK = "\x01"

PROJECT = """\
[booking]
room = "booking-{booking}"
identity = "{user}"
"""
ENV_LOCAL = """\
LIVEKIT_URL=https://clinic-x4k2.livekit.cloud
LIVEKIT_API_KEY=APIxk7Qm3pLw9Za
LIVEKIT_API_SECRET="QmFzZTY0TG9va2luZ0J1dE1hZGVVcEZvclRoZVJlYWRt "
"""
ENV = """\
LIVEKIT_API_KEY=APIold4Rt8Ny2Ks
NEXT_PUBLIC_LIVEKIT_URL=wss://clinic-x4k2.livekit.cloud
"""


APP = {
    "env_local": ENV_LOCAL.replace(' "', '"')
    + "NEXT_PUBLIC_LIVEKIT_URL=wss://clinic-x4k2.livekit.cloud\n",
    "package": '{"dependencies": {"next": "^16.0.0", "livekit-server-sdk": "2.13.1"}}\n',
    "route": """\
import { AccessToken } from "livekit-server-sdk";

export async function POST() {
  const at = new AccessToken();
  at.addGrant({ roomJoin: true, room: "demo" });
  return Response.json({ token: at.toJwt() });
}
""",
}


def written(text: str) -> str:
    """The document with what its commands say today; what is still true stays as it is."""

    def block(was: re.Match[str]) -> str:
        now = _block(was[1] or "", was[2])
        return was[0] if normal(was[0]) == normal(now) else now

    return BLOCK.sub(block, text)


def commands(body: str) -> list[str]:
    """The command lines of a block."""
    return [line[2:] for line in body.splitlines() if line.startswith("$ ")]


def _block(world: str, body: str) -> str:
    lines: list[str] = []
    with WORLDS[world]() as (folder, env):
        for command, output in _session(commands(body), folder, env):
            lines += (f"$ {command}", *output.splitlines())
    tag = f" {world}" if world else ""
    return f"```console{tag}\n" + "\n".join(lines) + "\n```"


def _session(lines: list[str], folder: Path, env: dict[str, str]) -> Iterator[tuple[str, str]]:
    """One shell for all lines, so that a variable of the first is there in the next."""
    # The mark leaves $? as it was.
    mark = f"code=$?; printf '{MARK}'; (exit $code)"
    script = "".join(f"{mark}\n{line}\n" for line in lines)
    kept = {
        name: os.environ[name] for name in ("HOME", "COVERAGE_PROCESS_CONFIG") if name in os.environ
    }
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={
            **kept,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "COLUMNS": "80",
            "LANG": "C.UTF-8",
            "PYTHONIOENCODING": "utf-8",
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
        encoding="utf-8",
    )
    said = done.stdout.split(MARK)[1:]
    port = env.get("PORT", "")
    for line, output in zip(lines, said, strict=True):
        shown = re.sub(rf"\b{port}\b", str(PORT), output) if port else output
        # The folder has a name of the moment.
        shown = shown.replace(str(folder), "~/clinic")
        # A token is shown by its beginning: nobody reads the rest.
        yield line, re.sub(r"(eyJhbGciOiJ)[\w.-]+", r"\1…", shown.strip("\n"))


# ------------------------------------------------------------------ worlds


@contextlib.contextmanager
def _folder(**files: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lkdoctor-readme-") as name:
        folder = Path(name) / "clinic"
        folder.mkdir()
        for file, text in files.items():
            (folder / FILES[file]).write_text(text, encoding="utf-8")
        yield folder


FILES = {
    "project": "lkdoctor.toml",
    "env": ".env",
    "env_local": ".env.local",
    "package": "package.json",
    "route": "route.ts",
}

World = tuple[Path, dict[str, str]]


@contextlib.contextmanager
def _healthy() -> Iterator[World]:
    """A server at which two people sit in a booking's room."""
    with _folder(project=PROJECT) as folder, _sandbox() as sandbox, _people(sandbox):
        yield folder, {**sandbox.environment(), "PORT": str(sandbox.port)}


@contextlib.contextmanager
def _broken() -> Iterator[World]:
    """A server behind a proxy that drops the upgrade."""
    with _folder() as folder, _sandbox(Fault.UPGRADE_DROPPED) as sandbox:
        yield folder, {**sandbox.environment(), "PORT": str(sandbox.port)}


@contextlib.contextmanager
def _files() -> Iterator[World]:
    """A folder with .env files that have faults, and an empty environment."""
    with _folder(project=PROJECT, env=ENV, env_local=ENV_LOCAL) as folder:
        yield folder, {}


@contextlib.contextmanager
def _app() -> Iterator[World]:
    """A Next.js app whose token route forgets to wait."""
    with _folder(**APP) as folder:
        yield folder, {}


WORLDS = {"": _healthy, "broken": _broken, "files": _files, "app": _app}


@contextlib.contextmanager
def _sandbox(*faults: Fault) -> Iterator[Sandbox]:
    with running_sandbox(keys=KEYS, faults=faults) as sandbox:
        yield sandbox


@contextlib.contextmanager
def _people(sandbox: Sandbox) -> Iterator[None]:
    """The provider and the client of booking 1042, for as long as the block lasts."""
    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_stay(sandbox, ready, done)))
    thread.start()
    ready.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()


async def _stay(sandbox: Sandbox, ready: threading.Event, done: threading.Event) -> None:
    import aiohttp

    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for identity in ("dr-ann", "ben"):
            given = sandbox.token(identity, "booking-1042")
            url = f"{sandbox.url}/rtc?access_token={given}&protocol=15"
            ws = await stack.enter_async_context(session.ws_connect(url))
            await ws.receive_bytes()
        ready.set()
        await asyncio.to_thread(done.wait)


# ------------------------------------------------------------------ comparison


def normal(text: str) -> str:
    """A block's text without what differs from run to run."""
    text = re.sub(r"(?m)(?<=TOOK)   0 .* ms$", " SCALE", text)
    text = re.sub(r"slowest: .*(\n +\(.*\))?", "slowest: …", text)
    text = re.sub(r"(?<=lkdoctor-)(probe-)?[0-9a-f]{8,}|\b(ND|RM|PA)_\w+", "ID", text)
    text = re.sub(r"█+|[#|+-]{2,}", "=", text)  # bars
    text = re.sub(r"\d+(\.\d+)? ?(ms|s|min|h)\b", "TIME", text)
    text = re.sub(r"TIME([ \n]+TIME)*", "TIME", text)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "N", text))


def differences(old: str, new: str) -> list[tuple[str, str]]:
    """The blocks that are no longer true: as they are, as they would be."""
    pairs = zip(BLOCK.finditer(old), BLOCK.finditer(new), strict=True)
    return [(was[0], now[0]) for was, now in pairs if was[0] != now[0]]


def main(arguments: list[str]) -> int:
    wrong = 0
    for document in DOCUMENTS:
        old = document.read_text(encoding="utf-8")
        new = written(old)
        if "--check" not in arguments:
            document.write_text(new, encoding="utf-8")
            continue
        for was, now in differences(old, new):
            print(f"{document.name} says:\n{was}\nnow it is:\n{now}\n")
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
