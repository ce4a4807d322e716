"""A LiveKit stand-in on loopback, healthy or with faults.

    async with Sandbox(faults=["signal-room-full"]) as sandbox: ...
    with running_sandbox(faults=["signal-timeout@/rtc#1-2"]) as sandbox: ...   # no event loop

Loaded on first use: naming a fault does not start aiohttp.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lkdoctor.sandbox.faults import Fault, FaultError, Placed
    from lkdoctor.sandbox.server import Sandbox, running_sandbox

__all__ = ["Fault", "FaultError", "Placed", "Sandbox", "running_sandbox"]


def __getattr__(name: str) -> Any:
    if name in ("Fault", "FaultError", "Placed"):
        from lkdoctor.sandbox import faults

        return getattr(faults, name)
    if name in __all__:
        from lkdoctor.sandbox import server

        return getattr(server, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
