"""A folder that somebody else wrote takes nothing from its reader and runs nothing."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import needs
import pytest
from faults.doctor import Ran, lkdoctor
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


# ------------------------------------------------------------------ what may not be looked into

COMMANDS = (
    "check-env",
    "check-env --project-dir .",
    "check-room a",
    "diagnose --url ws://127.0.0.1:1",
    "rooms list --url ws://127.0.0.1:1 --api-key k --api-secret-file {closed}/x",
    "token --room a --identity b --token-file {closed}/x",
    "token decode @{closed}/x",
    "explain --log {closed}/x",
    "diagnose --from {closed}/x.json",
    "diagnose --server-config {closed}/x.yaml",
    "diagnose --url wss://127.0.0.1:1 --ca-file {closed}/x.pem",
    "check-env --env-file {closed}/.env",
    "check-env --project x",
    "check-env --save {closed}/x --junit-file {closed}/y",
)


def limited(*arguments: str, cwd: Path, env: dict[str, str]) -> Ran:
    """lkdoctor as somebody who may not read everything, root included."""
    words = [sys.executable, "-P", "-m", "lkdoctor", *arguments]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        needs.binary("setpriv")
        rights = "-dac_override,-dac_read_search"
        words = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *words]
    program = "import os, sys; os.chdir(sys.argv[1]); os.chmod('.', 0); os.execvp(sys.argv[2], sys.argv[2:])"
    done = subprocess.run(
        [sys.executable, "-c", program, str(cwd), *words],
        env={"PATH": os.environ["PATH"], **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_home_and_a_folder_that_may_not_be_searched(command: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    cwd = tmp_path / "cwd"
    for folder in (closed, cwd):
        folder.mkdir()
        (folder / ".env").write_text("LIVEKIT_URL=ws://127.0.0.1:1\n")
    closed.chmod(0)
    try:
        done = limited(*command.format(closed=closed).split(), cwd=cwd, env={"HOME": str(closed)})
    finally:
        closed.chmod(0o700)
        cwd.chmod(0o700)
    assert done.code in {0, 1, 2, 3}, done.err
    assert "broke" not in done.err
    if done.code == 2:
        assert (
            "permission denied" in done.err or "for whom" in done.err or "project 'x'" in done.err
        )


@pytest.mark.parametrize("value", ["²", "٣", "9" * 5000, "-1", "1e3", "", "0"])
def test_a_width_that_is_none(value: str, tmp_path: Path) -> None:
    done = lkdoctor("explain", "tls-expired", cwd=tmp_path, env={"COLUMNS": value})
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("command", ["demo", "check-env", "diagnose --url wss://127.0.0.1:1"])
@pytest.mark.parametrize("value", ["/nowhere/keys", ".", "a" * 5000])
def test_a_key_log_that_cannot_be_written(command: str, value: str, tmp_path: Path) -> None:
    done = lkdoctor(*command.split(), cwd=tmp_path, env={"SSLKEYLOGFILE": value})
    assert done.code in {0, 1}
    assert done.err.startswith("note: SSLKEYLOGFILE is ignored: it cannot be written (")


# ------------------------------------------------------------------ bounds

MANY = 1_040_000

BOMBS: dict[str, tuple[str, Callable[[], str]]] = {
    "dotted keys": ("lkdoctor.toml", lambda: ".".join(["a"] * 30_000) + " = 1"),
    "quoted keys": ("lkdoctor.toml", lambda: "[" + ".".join(['"a"'] * 30_000) + "]"),
    "deep lists": ("lkdoctor.toml", lambda: "a = " + "[" * 100_000),
    "deep tables": ("lkdoctor.toml", lambda: "a = " + "{a=" * 50_000),
    "digits": ("lkdoctor.toml", lambda: "a = " + "1" * 5000),
    "empty lines": ("lkdoctor.toml", lambda: "[projects.a]\nurl = 1\n" + "\n" * 250_000),
    "projects": ("lkdoctor.toml", lambda: "".join(f"[projects.p{n}]\nurl='w'\n" for n in range(10_000))),
    "tables": ("lkdoctor.toml", lambda: "".join(f"[a{n}]\n" for n in range(30_000))),
    "a template": ("lkdoctor.toml", lambda: '[booking]\nroom = "' + "{" * 200_000 + '"'),
    "a pattern": ("lkdoctor.toml", lambda: '[booking]\nid_pattern = "(a{9999999999})"'),
    "keys of another tool": ("pyproject.toml", lambda: "[tool.lkdoctor]\n" + ".".join(["a"] * 30_000) + "=1"),
    "open references": (".env", lambda: "LIVEKIT_URL=" + "${" * (MANY // 2)),
    "nested references": (".env", lambda: "LIVEKIT_URL=" + "${" * 15_000 + "}" * 15_000),
    "growing values": (".env", lambda: "A=aaaaaaaa\n" + "".join(f"A{n}=${{A}}\nA=${{A}}${{A}}\n" for n in range(900))),
    "lines": (".env", lambda: "A=1\n" * (MANY // 4)),
    "old lines": (".env", lambda: "A=1\r" * (MANY // 4)),
    "near names": (".env", lambda: "".join(f"LIVKIT_URK{n}=1\n" for n in range(1900))),
    "quotes": (".env", lambda: "A='" + "\\'" * (MANY // 2)),
    "a server's lists": (".env", lambda: "LIVEKIT_CONFIG='" + "[" * 200_000 + "'"),
    "a server's aliases": (
        ".env",
        lambda: "LIVEKIT_CONFIG='a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefghij", "bcdefghijk", strict=True))
        + "'\n",
    ),
    "lk's lists": ("home/.livekit/cli-config.yaml", lambda: "projects: " + "[" * 200_000),
    "lk's projects": ("home/.livekit/cli-config.yaml", lambda: "projects:\n" + "- {name: a}\n" * 80_000),
    "lk's aliases": ("home/.livekit/cli-config.yaml", lambda: "a: &a [x]\nprojects:\n" + "- *a\n" * 150_000),
    "packages' lists": ("package.json", lambda: '{"livekit":' + "[" * 400_000),
    "packages' values": ("package-lock.json", lambda: '{"livekit":[' + "[]," * 5_000_000 + "[]]}"),
    "packages' texts": ("package-lock.json", lambda: '{"livekit":[' + '"%06d",' * 1_600_000 % tuple(range(1_600_000)) + "1]}"),
    "packages' digits": ("package.json", lambda: '{"livekit":' + "1" * 100_000 + "}"),
    "compose's lists": ("compose.yaml", lambda: "services: " + "[" * 400_000),
    "compose's ports": ("compose.yaml", lambda: "services: {a: {ports: [" + '"7882-²",' * 40_000 + "1]}}"),
    "compose's digits": ("compose.yaml", lambda: "services: {a: {ports: ['" + "1" * 100_000 + "']}}"),
}  # fmt: skip
"""A file of a folder, and what it holds to keep its reader busy."""

ASKING = r"""
import re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (3, 3))  # seconds; its end is a signal
from lkdoctor.cli.app import run
code = run(sys.argv[1:])
# The peak since this program began; ru_maxrss has its parent's in it.
peak = re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]
sys.stderr.write(f"\n{code} {int(peak) // 1024}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures as Linux does")
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_file_of_a_folder_takes_long(bomb: str, tmp_path: Path) -> None:
    name, made = BOMBS[bomb]
    text = made()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    commands = [["check-env", "--project-dir", "."], ["check-env"], ["check-room", "a" * 30]]
    for command in commands[:1] if name.endswith("json") or "compose" in name else commands[1:]:
        done = subprocess.run(
            [sys.executable, "-c", ASKING, *command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
            capture_output=True,
            timeout=60,
            text=True,
            check=False,
        )
        assert done.returncode == 0, "it took more than three seconds"
        code, megabytes = done.stderr.rsplit("\n", 1)[1].split()
        assert code in {"0", "1", "2", "3"}, done.stderr
        assert int(megabytes) < 150
