"""How to go to a server; apart from `run`, so that a command that only asks the API starts fast."""

from enum import StrEnum
from typing import NamedTuple

from lkdoctor.facts.network import Family
from lkdoctor.wire.proxy import Proxy


class RtcPath(StrEnum):
    """Which signalling path to use."""

    RTC = "rtc"
    V1 = "rtc/v1"
    AUTO = "auto"
    """``rtc/v1`` first, then ``rtc``, as livekit-client does from 2.17 on."""


class How(NamedTuple):
    """How to go there."""

    timeout_s: float = 10.0
    family: Family = Family.ANY
    insecure: bool = False
    ca_file: str | None = None
    pings: int = 3
    repeat: int = 1
    concurrency: int = 1
    """How many of the repeated connections at a time."""
    hold_s: float = 0.0
    """How long the session is kept open."""
    all_addresses: bool = False
    follow_regions: bool = False
    """Ask for LiveKit Cloud's regions, and look at each."""
    path: RtcPath = RtcPath.RTC
    proxy: Proxy | None = None
    """``--proxy``: in place of what the environment says, and for any host."""
    no_proxy: bool = False
    """``--no-proxy``: whatever the environment says."""
