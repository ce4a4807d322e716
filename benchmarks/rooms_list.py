"""``rooms list`` against a script that does the same through livekit-api and Rich.

Both are started as a user starts them, in turn, against one real livekit-server; the time is
that of the whole process. Prints the medians and their ratio; exit code 1 above the limit.

    python benchmarks/rooms_list.py [--rounds 15] [--rooms 20]
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import servers

LIMIT = 0.7

BASELINE = """
import asyncio, datetime

from livekit import api
from rich.console import Console
from rich.table import Table


async def main():
    async with api.LiveKitAPI() as livekit:
        answer = await livekit.room.list_rooms(api.ListRoomsRequest())
    table = Table("ROOM", "PEOPLE", "PUBLISHING", "CREATED", "SID", box=None)
    for room in sorted(answer.rooms, key=lambda room: room.name):
        created = datetime.datetime.fromtimestamp(room.creation_time, datetime.timezone.utc)
        table.add_row(
            room.name,
            str(room.num_participants),
            str(room.num_publishers),
            f"{created:%Y-%m-%d %H:%MZ}",
            room.sid,
        )
    Console().print(table)


asyncio.run(main())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rooms", type=int, default=20)
    arguments = parser.parse_args()
    with servers.livekit_server() as server, tempfile.TemporaryDirectory() as folder:
        names = [f"booking-{number:04d}" for number in range(arguments.rooms)]
        for name in names:
            create_room(server, name)
        script = Path(folder) / "baseline.py"
        script.write_text(BASELINE, encoding="utf-8")
        commands = {
            "livekit-api and Rich": [sys.executable, str(script)],
            "lkdoctor rooms list": [sys.executable, "-m", "lkdoctor", "rooms", "list"],
        }
        ours = {n: v for n, v in os.environ.items() if not n.startswith(("LIVEKIT_", "FORCE_"))}
        ours |= {
            "LIVEKIT_URL": server.http_url,
            "LIVEKIT_API_KEY": server.long_key,
            "LIVEKIT_API_SECRET": server.long_secret,
        }
        worst = 0.0
        for title, extra in (("into a pipe", {}), ("in colour", {"FORCE_COLOR": "1"})):
            medians = measure(commands, ours | extra, names, folder, arguments.rounds)
            ratio = medians["lkdoctor rooms list"] / medians["livekit-api and Rich"]
            worst = max(worst, ratio)
            print(f"{title}, {arguments.rooms} rooms, median of {arguments.rounds}")
            for name, median in medians.items():
                print(f"  {name:<22} {median * 1000:7.1f} ms")
            print(f"  {'ratio':<22} {ratio:7.2f}      limit {LIMIT}")
    return 1 if worst > LIMIT else 0


def create_room(server: servers.RunningServer, name: str) -> None:
    """Make a room that stays for the run."""
    from lkdoctor.redact import Secret
    from lkdoctor.tokens.mint import TokenRequest, mint

    token = mint(
        TokenRequest(identity="", video={"roomCreate": True}),
        api_key=server.long_key,
        secret=Secret(server.long_secret),
        now=time.time(),
        ttl_s=60,
    ).reveal()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    path = "/twirp/livekit.RoomService/CreateRoom"
    connection.request("POST", path, json.dumps({"name": name}), headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


def measure(
    commands: dict[str, list[str]],
    environ: dict[str, str],
    names: list[str],
    folder: str,
    rounds: int,
) -> dict[str, float]:
    """The median time of each command, run in turn so that both meet the same machine."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            done = subprocess.run(
                command, env=environ, cwd=folder, capture_output=True, text=True, check=False
            )
            took = time.perf_counter() - started
            assert done.returncode == 0, done.stderr
            assert all(room in done.stdout for room in names), done.stdout
            if number:  # the first round fills the caches
                times[name].append(took)
    return {name: statistics.median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except servers.ServerMissingError as missing:
        sys.exit(str(missing))
