"""Ctrl-C and its like: the first ends the looking and keeps what was seen, a second the process."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType, TracebackType
from typing import Any, Final, Self, TypeVar

Result = TypeVar("Result")

_ENDING: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C; what ``kill``, ``timeout`` and a container's stop send; a terminal that was closed."""


class Interruption:
    """While it is entered, the first Ctrl-C (or what `_ENDING` names) cancels what `run` runs.

    Nothing else happens to the process.

    `asyncio.run` would do the same, but only until its coroutine ends: a Ctrl-C a moment later
    would then take away the report that the user waits for. A second one is a KeyboardInterrupt
    wherever it comes, also while the output waits for a reader.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}
        self.by: str | None = None
        """The first signal that came: ``SIGTERM``."""

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # whoever runs us in a thread keeps his own way
        for name in _ENDING:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            # Who handles a signal himself, or has it ignored (nohup), keeps his own way, too.
            if number is not None and signal.getsignal(number) in {
                signal.SIG_DFL,
                signal.default_int_handler,
            }:
                self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns; an interruption is cancellation to it."""
        results: list[Result] = []

        async def watched() -> None:
            self._task = asyncio.current_task()
            if self._asked and self._task is not None:
                self._task.cancel()
            results.append(await coroutine)

        try:
            asyncio.run(watched())
        except asyncio.CancelledError:
            # Cancelled in its last step, a task ends as cancelled although it has its result.
            if not results:
                raise
        return results[0]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.by = self.by or signal.Signals(number).name
        task, again, self._asked = self._task, self._asked, True
        if again:
            if task is not None:
                # Tasks that are torn off have nobody left to tell their end to but the terminal.
                task.get_loop().set_exception_handler(lambda loop, context: None)  # noqa: ARG005
            raise KeyboardInterrupt
        if task is not None and not task.done():
            task.cancel()
            # A loop that waits for the network does not see a task that was cancelled.
            task.get_loop().call_soon_threadsafe(lambda: None)
