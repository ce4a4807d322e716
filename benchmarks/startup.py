"""The start of the offline commands against Typer programs that do no more than they must.

Each baseline imports Typer and what its command cannot do without (python-dotenv to read a .env
file, hmac for the id of a secret, hmac and json to sign or verify a token), has two options, and
does the least that could be called the same. Both are started as a user starts them, in turn, in
one folder; the time is the CPU's for the whole process, the least of many starts, which does not
depend on who else uses the machine. Prints the ratios; exit code 1 above the limit.

    python benchmarks/startup.py [--rounds 31] [command …]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

LIMIT = 1.2

KEY = "APIxk3pLw9Za7Qm"
SECRET = "tW4nX9bM2kQ7vZ5rH8sP1yL6jD3fC0gUaEoIiRtKwNmB"
ENV = f"LIVEKIT_URL=wss://demo.example.com\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"

HEAD = """
import typer
from typing import Annotated

app = typer.Typer(add_completion=False)

@app.command()
"""

SIGN = """
import base64, hashlib, hmac, json, os, time

def part(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

def mac(signed, secret):
    return part(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))
"""

BASELINES = {
    "check-env": f"""
import hashlib, hmac, dotenv
{HEAD}
def check_env(env_file: Annotated[str, typer.Option()] = ".env", verbose: bool = False):
    for name, value in dotenv.dotenv_values(env_file).items():
        digest = hmac.new(b"key", (value or "").encode(), hashlib.sha256)
        print(name, len(value or ""), digest.hexdigest()[:6])

app()
""",
    "check-room": f"""
import unicodedata
{HEAD}
def check_room(name: str, identity: bool = False):
    print(name, len(name.encode()) <= 256, unicodedata.normalize("NFC", name) == name)

app()
""",
    "token": f"""
import dotenv
{SIGN}
{HEAD}
def token(
    booking: Annotated[str, typer.Option()], user: Annotated[str, typer.Option()]
):
    env = dotenv.dotenv_values(".env")
    now = int(time.time())
    claims = {{
        "iss": env["LIVEKIT_API_KEY"], "sub": user, "nbf": now, "exp": now + 600,
        "video": {{"roomJoin": True, "room": f"booking-{{booking}}"}},
    }}
    signed = part(b'{{"alg":"HS256","typ":"JWT"}}') + "." + part(json.dumps(claims).encode())
    print(signed + "." + mac(signed, env["LIVEKIT_API_SECRET"]))

app()
""",
    "token decode": f"""
import dotenv
{SIGN}
{HEAD}
def decode(token: str, verbose: bool = False):
    env = dotenv.dotenv_values(".env")
    signed, _, signature = token.rpartition(".")
    claims = signed.partition(".")[2]
    print(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))))
    print(hmac.compare_digest(mac(signed, env["LIVEKIT_API_SECRET"]), signature))

app()
""",
}


class Pair(NamedTuple):
    baseline: list[str]
    ours: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("commands", nargs="*", default=list(BASELINES))
    arguments = parser.parse_args()
    # Without compiled files every start would compile: nobody's installation does that.
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LIVEKIT_", "FORCE_", "LKDOCTOR_"))
        and name != "PYTHONDONTWRITEBYTECODE"
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, ".env").write_text(ENV, encoding="utf-8")
        pairs = {name: pair_for(name, Path(folder), environ) for name in arguments.commands}
        print(f"least CPU time of {arguments.rounds} starts     baseline     lkdoctor   ratio")
        worst = 0.0
        for name, pair in pairs.items():
            baseline, ours = measure(pair, environ, folder, arguments.rounds)
            ratio = ours / baseline
            worst = max(worst, ratio)
            print(f"{name:<34} {baseline * 1000:7.1f} ms   {ours * 1000:7.1f} ms   {ratio:5.2f}")
        print(f"{'limit':<58} {LIMIT:5.2f}")
    return 1 if worst > LIMIT else 0


def pair_for(name: str, folder: Path, environ: dict[str, str]) -> Pair:
    """The command lines that do the same."""
    script = folder / f"baseline_{name.replace(' ', '_')}.py"
    script.write_text(BASELINES[name], encoding="utf-8")
    token = ""
    if name == "token decode":
        minter = pair_for("token", folder, environ).baseline
        token = subprocess.run(
            minter, env=environ, cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()
    words = {
        "check-env": [],
        "check-room": ["booking-k57a1n2c"],
        "token": ["--booking", "k57a1n2c", "--user", "alice"],
        "token decode": [token],
    }[name]
    console_script = Path(sys.executable).with_name("lkdoctor")
    start = [str(console_script)] if console_script.exists() else [sys.executable, "-m", "lkdoctor"]
    return Pair([sys.executable, str(script), *words], [*start, *name.split(), *words])


def measure(pair: Pair, environ: dict[str, str], folder: str, rounds: int) -> tuple[float, float]:
    """The least CPU time of both, in seconds, started in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for command, taken in zip(pair, times, strict=True):
            started = cpu_of_children()
            done = subprocess.run(
                command, env=environ, cwd=folder, capture_output=True, text=True, check=False
            )
            took = cpu_of_children() - started
            assert done.returncode == 0, done.stderr
            if number:  # the first round fills the caches
                taken.append(took)
    return min(times[0]), min(times[1])


def cpu_of_children() -> float:
    """Seconds that ended children took; on Windows, which does not tell, the time of day."""
    if sys.platform == "win32":
        return time.perf_counter()
    import resource

    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    sys.exit(main())
