"""Ten thousand rooms, participants and entries of a log, in every form: how much longer than JSON.

From the facts to the text that goes out, with a secret registered as in a real run; the time is
the CPU's, the least of some rounds. Prints each form's ratio to JSON's time; exit code 1 above
the limit.

    python benchmarks/many.py [--rounds 3] [--many 10000]
"""

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

from lkdoctor import catalogue
from lkdoctor.cli.options import OutputFormat
from lkdoctor.cli.output import for_machines
from lkdoctor.cli.streams import Streams
from lkdoctor.diagnosis.fold import fold, this_tool
from lkdoctor.facts import Facts
from lkdoctor.facts.api import (
    ApiFact,
    ParticipantInfo,
    ParticipantsListed,
    Permission,
    RoomInfo,
    RoomsListed,
    TrackInfo,
)
from lkdoctor.findings import Layer
from lkdoctor.logs.scan import scan
from lkdoctor.logs.verdict import Verdict, judge
from lkdoctor.redact import Secret
from lkdoctor.report import jsonfile, junit, logs, rooms
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report, RunInfo, TargetInfo

LIMIT: Final = 1.5
NOON: Final = 1_790_000_000.0

PIPE: Final = Canvas()
CANVASES: Final = {
    "human, pipe": (PIPE, False),
    "human, 80 columns": (Canvas(width=80), False),
    "human, colour": (Canvas(width=80), True),
    "human, ASCII": (Canvas(width=80, unicode=False), False),
    "accessible": (Canvas(unicode=False, accessible=True), False),
}

Work = Callable[[], object]


def streams(canvas: Canvas, *, color: bool = False) -> Streams:
    return Streams(
        out=io.StringIO(),
        err=io.StringIO(),
        stdin=io.StringIO(),
        canvas=canvas,
        err_canvas=canvas,
        color=color,
        err_color=color,
        live=False,
    )


def drawn(draw: Callable[[Canvas], Iterable[Line]]) -> dict[str, Work]:
    """On every kind of screen."""

    def on(canvas: Canvas, *, color: bool) -> Work:
        return lambda: streams(canvas, color=color).result(draw(canvas))

    return {name: on(canvas, color=color) for name, (canvas, color) in CANVASES.items()}


def written(write: Callable[[], str]) -> Work:
    return lambda: streams(PIPE).result_text(write())


def for_programs(report: Report) -> dict[str, Work]:
    """JSON and the other forms that hold no more than the report's checks and findings."""

    def form(which: OutputFormat) -> Work:
        return lambda: for_machines(report, streams(PIPE), which)

    return {
        "json": form(OutputFormat.JSON),
        "ndjson": form(OutputFormat.NDJSON),
        "github": form(OutputFormat.GITHUB),
        "junit": written(lambda: junit.render(report)),
    }


def about(api: ApiFact) -> Report:
    run = RunInfo(id="1", command="rooms list", started_at=NOON, duration_ms=1.0)
    return fold(Facts(api=api), run=run, target=TargetInfo(), layers=(Layer.API,))


def of_rooms(many: int) -> dict[str, Work]:
    """Half of them with a name that has to be made safe, and is cut."""
    found = tuple(
        RoomInfo(
            name=f"booking-{at:05d}" + (" \\x1b[31m 会議室 Besprechung für alle" if at % 2 else ""),
            sid=f"RM_{at:012d}",
            num_participants=at % 4,
            num_publishers=at % 3,
            max_participants=0,
            created_at=NOON - at,
            empty_timeout_s=300,
            departure_timeout_s=20,
            metadata_bytes=0,
            active_recording=False,
        )
        for at in range(many)
    )

    def draw(canvas: Canvas) -> Iterable[Line]:
        yield from rooms.table(found, now=NOON, canvas=canvas)
        yield from rooms.notes(found, canvas)

    return {
        **for_programs(about(ApiFact(rooms=RoomsListed(found)))),
        "plain": written(lambda: rooms.rooms_plain(found)),
        **drawn(draw),
    }


def of_people(many: int) -> dict[str, Work]:
    """One room; everybody sends a picture and sound."""
    one = RoomInfo("demo", "RM_1", many, many, 0, NOON, 300, 20, 0, active_recording=False)
    may = Permission(can_subscribe=True, can_publish=True, can_publish_data=True)
    people = tuple(
        ParticipantInfo(
            identity=f"user-{at:05d}",
            name="Ünsal \\x1b[31m 会議室",
            sid=f"PA_{at:012d}",
            state="JOINED" if at % 2 else "ACTIVE",
            joined_at=NOON - at,
            kind_of="STANDARD",
            permission=may,
            tracks=(
                TrackInfo(f"TR_c{at}", "camera", "CAMERA", "VIDEO", muted=False),
                TrackInfo(f"TR_m{at}", "", "MICROPHONE", "AUDIO", muted=True),
            ),
        )
        for at in range(many)
    )

    def draw(canvas: Canvas) -> Iterable[Line]:
        yield from rooms.room_card(one, people, now=NOON, canvas=canvas)
        yield from rooms.people_notes(people, NOON, canvas)

    listed = ApiFact(rooms=RoomsListed((one,)), participants=ParticipantsListed("demo", people))
    return {
        **for_programs(about(listed)),
        "plain": written(lambda: rooms.people_plain(people)),
        **drawn(draw),
    }


def of_entries(many: int) -> dict[str, Work]:
    """A log that says a cause and a symptom, over and over."""
    seen = judge(scan([LOG]), catalogue.cause, NOON)
    found = Verdict(seen.scan, (seen.entries * many)[:many], seen.leak)
    log = logs.LogInfo("app.log", many, len(LOG), "UTF-8", 0, interrupted=False)
    tool = this_tool()
    return {
        "json": written(lambda: jsonfile.text(logs.to_json(found, log, tool, ExitCode.PROBLEM))),
        "plain": written(lambda: logs.plain(found)),
        **drawn(lambda canvas: logs.render(found, log, canvas)),
    }


LOG: Final = "".join(
    f"2026-11-25T14:55:29Z {text}\n"
    for text in (
        "invalid token, error: token has invalid claims: token is expired",
        "livekit: could not establish pc connection",
        "Encountered unknown websocket error during connection",
    )
).encode()


def least(work: Work, rounds: int) -> float:
    """CPU seconds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=10_000)
    arguments = parser.parse_args()
    Secret("tW4nX9bM2kQ7vZ5rH8sP1yL6jD3fC0gUaEoIiRtKwNmB")
    worst = 0.0
    for title, make in (
        ("rooms", of_rooms),
        ("participants", of_people),
        ("entries of a log", of_entries),
    ):
        forms = make(arguments.many)
        times = {name: least(work, arguments.rounds) for name, work in forms.items()}
        print(f"{arguments.many} {title}, CPU time, least of {arguments.rounds}")
        for name, took in times.items():
            ratio = took / times["json"]
            worst = max(worst, ratio)
            print(f"  {name:<20} {took * 1000:9.0f} ms   {ratio:5.2f}")
    print(f"{'limit':<36} {LIMIT:5.2f}")
    return 1 if worst > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
