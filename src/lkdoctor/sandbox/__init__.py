"""A LiveKit stand-in on loopback, healthy or with faults.

    async with Sandbox(faults=[Fault.ROOM_FULL]) as sandbox: ...
    with running_sandbox() as sandbox: ...          # without an event loop

Loaded on first use: naming a fault does not start aiohttp.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lkdoctor.sandbox.faults import Fault
    from lkdoctor.sandbox.server import Sandbox, running_sandbox

__all__ = ["Fault", "Sandbox", "running_sandbox"]


def __getattr__(name: str) -> Any:
    if name == "Fault":
        from lkdoctor.sandbox.faults import Fault

        return Fault
    if name in __all__:
        from lkdoctor.sandbox import server

        return getattr(server, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
