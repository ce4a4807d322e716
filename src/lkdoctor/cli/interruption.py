"""Ctrl-C: the first ends the looking and keeps what was seen, a second ends the process."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")


class Interruption:
    """While it is entered, the first Ctrl-C cancels what `run` runs and nothing else.

    `asyncio.run` would do the same, but only until its coroutine ends: a Ctrl-C a moment later
    would then take away the report that the user waits for. A second one is a KeyboardInterrupt
    wherever it comes, also while the output waits for a reader.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        # Who handles the signal himself, or runs us in a thread, keeps his own way.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

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
        del number, frame
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
