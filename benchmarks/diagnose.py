"""How long a healthy diagnosis takes, beside the longest chain of round trips that it depends on.

A relay delays every byte by half a round trip each way and counts turns, connection by
connection: whenever the client speaks after it has heard. What one connection must wait for is
its turns; the removal of the throw-away room can only be asked for when the session is over, so
the chain is the session's turns and one more.

    python benchmarks/diagnose.py
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from relay import relay

from lkdoctor.clock import SystemClock
from lkdoctor.config.sources import Given, load
from lkdoctor.diagnosis import doctor
from lkdoctor.diagnosis.case import gather
from lkdoctor.report.model import Verdict

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import RunningServer, livekit_server

ROUND_TRIP_MS: Final = 100
RUNS: Final = 7
LIMIT: Final = 1.2


async def once(server: RunningServer) -> tuple[float, int]:
    """Ms of a whole diagnosis, and the turns of its longest chain."""
    async with relay(server.port, ROUND_TRIP_MS) as way:
        clock = SystemClock()
        variables = {
            "LIVEKIT_URL": f"ws://127.0.0.1:{way.port}",
            "LIVEKIT_API_KEY": server.long_key,
            "LIVEKIT_API_SECRET": server.long_secret,
        }
        case = gather(load(Given(), environ=variables, directory=Path("/nowhere")), clock)
        started = time.perf_counter()
        report = await doctor.diagnose(case, doctor.Request(), clock)
        took = (time.perf_counter() - started) * 1000
        assert report.summary.verdict is Verdict.HEALTHY, report.findings
        assert report.facts.signal is not None
        assert report.facts.signal.clean_up is not None
        assert report.facts.signal.clean_up.removed
        return took, max(way.turns_of) + 1


async def measure(server: RunningServer) -> bool:
    await once(server)  # imports, and a warm server
    taken = [await once(server) for _ in range(RUNS)]
    took = statistics.median(ms for ms, _ in taken)
    turns = max(turns for _, turns in taken)
    ratio = took / (turns * ROUND_TRIP_MS)
    print(f"livekit-server {server.version}, {ROUND_TRIP_MS} ms round trip, median of {RUNS}:")
    print(
        f"{took:.0f} ms for {turns} dependent round trips ({turns * ROUND_TRIP_MS} ms): {ratio:.2f}"
    )
    return ratio <= LIMIT


def main() -> int:
    with livekit_server() as server:
        good = asyncio.run(measure(server))
    print("within the limit" if good else f"beyond the limit (ratio {LIMIT})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
