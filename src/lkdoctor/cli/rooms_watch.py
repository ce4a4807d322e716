"""``lkdoctor rooms list --watch``: what changes among the rooms, line by line, until Ctrl-C."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lkdoctor.cli.interruption import Interruption
from lkdoctor.cli.options import OutputFormat, OutputOptions
from lkdoctor.cli.output import for_machines
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import Clock
from lkdoctor.errors import UsageError
from lkdoctor.facts.api import RoomInfo, RoomsListed
from lkdoctor.report import rooms as drawn
from lkdoctor.report.layout import line
from lkdoctor.report.model import ExitCode, Report, interrupted, timestamp
from lkdoctor.report.rooms import Change

Look = Callable[[], Coroutine[Any, Any, Report]]


def refuse(output: OutputOptions) -> None:
    """Say that what never ends has no document.

    Raises:
        UsageError: such a form or file was asked for.
    """
    files = (output.save, output.junit_file)
    if output.format in {OutputFormat.JSON, OutputFormat.GITHUB} or any(map(bool, files)):
        raise UsageError(
            "--watch goes on until Ctrl-C, so there is no report to write",
            advice=["-o ndjson   writes every change as an event"],
        )


def watch(
    look: Look,
    first: Report,
    streams: Streams,
    output: OutputOptions,
    *,
    clock: Clock,
    every_s: float,
) -> ExitCode:
    """Tell every change, beginning from what has been shown; Ctrl-C ends it.

    Args:
        look: asks for the rooms.
        first: what was answered before.
        streams: where to.
        output: in which form.
        clock: this machine's.
        every_s: seconds between two looks.
    """
    changes = _Changes(first, streams, output, clock)
    with Interruption() as interruption:
        interruption.run(_until_nobody_reads(look, changes, streams, every_s))
    if streams.unread:
        return first.summary.exit_code
    changes.end()
    return ExitCode.INTERRUPTED


async def _until_nobody_reads(
    look: Look, changes: "_Changes", streams: Streams, every_s: float
) -> None:
    try:
        while not streams.unread:
            await asyncio.sleep(every_s)
            changes.tell(await look())
    except asyncio.CancelledError:
        return


class _Changes:
    def __init__(
        self, first: Report, streams: Streams, output: OutputOptions, clock: Clock
    ) -> None:
        self._last = first
        self._streams = streams
        self._form = output.format
        self._clock = clock
        self._problem = ""
        self._seen = _rooms(first) or ()
        if self._form is OutputFormat.PLAIN:
            streams.result_text(drawn.CHANGES_HEAD)
        elif self._form is OutputFormat.NDJSON:
            from lkdoctor.report import ndjson

            streams.result_document(ndjson.started(first.run.command))
            for change in drawn.changes((), self._seen):
                self._tell(change._replace(what="there"))

    def end(self) -> None:
        """The last word, where events need one."""
        if self._form is OutputFormat.NDJSON:
            for_machines(interrupted(self._last), self._streams, self._form, begun=True)

    def tell(self, report: Report) -> None:
        """What is not as it was; that the server does not answer is told once."""
        self._last = report
        rooms = _rooms(report)
        if rooms is None:
            found = report.findings[0].title if report.findings else "no usable answer"
            if found != self._problem:
                self._streams.note([line(f"{self._moment()}  not answered: {found}")])
            self._problem = found
            return
        if self._problem:
            self._streams.note([line(f"{self._moment()}  answered again")])
        self._problem = ""
        for change in drawn.changes(self._seen, rooms):
            self._tell(change)
        self._seen = rooms

    def _tell(self, change: Change) -> None:
        match self._form:
            case OutputFormat.NDJSON:
                from lkdoctor.report import ndjson

                told = ndjson.line("room.changed", at=self._moment(), **change._asdict())
                self._streams.result_document(told)
            case OutputFormat.PLAIN:
                self._streams.result_text(drawn.change_plain(change, self._moment()))
            case _:
                self._streams.result([drawn.change(change, self._moment(), self._streams.canvas)])

    def _moment(self) -> str:
        moment = timestamp(self._clock.now())
        return moment if self._form is OutputFormat.NDJSON else moment[11:]


def _rooms(report: Report) -> tuple[RoomInfo, ...] | None:
    answer = report.facts.api.rooms if report.facts.api is not None else None
    return answer.rooms if isinstance(answer, RoomsListed) else None
