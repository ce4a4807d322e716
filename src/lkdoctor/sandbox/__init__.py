"""A LiveKit stand-in on loopback, healthy or with faults.

    async with Sandbox(faults=["signal-room-full"]) as sandbox: ...
    with running_sandbox(version="1.8") as sandbox: ...          # without an event loop

Loaded on first use: naming a fault does not start aiohttp.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lkdoctor.sandbox.faults import Fault, FaultError, Placed
    from lkdoctor.sandbox.server import Sandbox, running_sandbox
    from lkdoctor.sandbox.settings import VersionError

__all__ = ["Fault", "FaultError", "Placed", "Sandbox", "VersionError", "running_sandbox"]


def __getattr__(name: str) -> Any:
    if name in ("Fault", "FaultError", "Placed"):
        from lkdoctor.sandbox import faults

        return getattr(faults, name)
    if name == "VersionError":
        from lkdoctor.sandbox import settings

        return settings.VersionError
    if name in __all__:
        from lkdoctor.sandbox import server

        return getattr(server, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
