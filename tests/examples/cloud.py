"""Facts that raise each cause of `rules/cloud.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import answer, healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.cloud import CloudFact, RegionLook
from lkdoctor.facts.network import Resolved, TcpConnected, TcpTimedOut


def _reached(name: str) -> RegionLook:
    address = "203.0.113.20"
    return RegionLook(
        name=name,
        url=f"https://clinic-x4k2.{name}.production.livekit.cloud",
        dns=Resolved((address,), 10.0),
        tcp=TcpConnected(address, 443, 20.0),
        tls="established",
        ready_ms=70.0,
        root=answer(200, "OK"),
        validation=answer(200, "success"),
    )


def _with(*regions: RegionLook, status: int = 200) -> Facts:
    body = '{"regions":[…]}' if status == 200 else "invalid API key"
    return healthy()._replace(cloud=CloudFact(answer(status, body), regions))


def _self_hosted() -> Facts:
    return healthy()._replace(cloud=CloudFact(answer(404, "404 page not found")))


def _sick_geo() -> Facts:
    silent = _reached("oindia")._replace(
        tcp=TcpTimedOut("203.0.113.20", 443, 5000.0),
        tls="",
        ready_ms=None,
        root=None,
        validation=None,
    )
    return _with(_reached("dfra1"), silent)


EXAMPLES: Final = {
    "cloud-regions": Example(lambda: _with(status=401), _self_hosted),
    "cloud-geo": Example(_sick_geo, lambda: _with(_reached("dfra1"), _reached("oindia"))),
}
