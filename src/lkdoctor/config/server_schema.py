"""The keys that livekit-server's strict configuration knows, by version.

``server_schema.json`` is made from the server's own source: scripts/server_schema.py.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from lkdoctor import digits
from lkdoctor.spelling import distance

FILE: Final = "server_schema.json"


class Schema(NamedTuple):
    """What each version knows; a path reads ``rtc.turn_servers[].host`` or ``keys.*``."""

    versions: tuple[str, ...]
    """Oldest first."""
    keys: Mapping[str, Mapping[str, str]]
    """The kind of a path's value, by version."""

    def kinds(self, path: str) -> Mapping[str, str]:
        """The kind of this path's value in the versions that know it."""
        return self.keys.get(path, {})


@cache
def schema() -> Schema:
    """The table of all versions."""
    from importlib.resources import files  # loads more than all the rest: only where it is used

    data = json.loads(files("lkdoctor.config").joinpath(FILE).read_text(encoding="utf-8"))
    versions = tuple(data["versions"])
    keys = {
        path: dict.fromkeys(versions, kind) if isinstance(kind, str) else kind
        for path, kind in data["keys"].items()
    }
    return Schema(versions, keys)


NEWER: Final = frozenset(
    {
        "signal_message_size_limit", "max_api_request_body_size", "rtc.enable_warp",
        "turn.per_user_relay_allocation_limit",
    }
)  # fmt: skip
"""What servers know that are newer than the newest on record (livekit/livekit#4743, #4757, #4649, #4744)."""

CHART: Final = frozenset(
    {
        "turn.secretName", "turn.loadBalancerAnnotations", "turn.loadBalancerType", "turn.serviceType",
    }
)  # fmt: skip
"""What LiveKit's Helm chart reads of its ``livekit:`` and hands on to the server all the same."""


def speaking_for(version: str) -> tuple[str, ...]:
    """The versions on record between which this one lies; none where it is older or newer than all."""
    number = numbers(version)
    older = [v for v in schema().versions if numbers(v) <= number]
    newer = [v for v in schema().versions if numbers(v) >= number]
    return tuple(dict.fromkeys((older[-1], newer[0]))) if number and older and newer else ()


def numbers(version: str) -> tuple[int, ...]:
    """``1.13.5`` and ``v1.13.5`` as numbers that compare; empty where there is none."""
    parts = version.removeprefix("v").partition("-")[0].split(".")[:3]
    found = tuple(n for part in parts if (n := digits.number(part)) is not None)
    return found if len(found) == len(parts) else ()


_COTURN: Final = frozenset(
    {
        "host", "hostname", "server", "port", "protocol", "transport", "username", "user",
        "credential", "password", "secret", "realm", "urls", "url", "uri", "uris", "servers",
        "turn_servers", "tls", "static_auth_secret", "ttl",
    }
)  # fmt: skip
"""What belongs to a TURN server of one's own, and is often written under ``turn:``."""


def nearest(parent: str, name: str) -> str | None:
    """The key that was probably meant by an unknown one, as a whole path.

    Args:
        parent: the path of the mapping that it stands in; empty at the top.
        name: the unknown key.
    """
    plain = _plain(name)
    if parent == "turn" and plain in _COTURN:
        return "rtc.turn_servers"
    prefix = f"{parent}." if parent else ""
    known = schema().keys
    beside = [p for p in known if p.startswith(prefix) and "." not in p[len(prefix) :]]
    beside = [path for path in beside if not path.endswith(("[]", "*"))]
    last = {path: path[len(prefix) :] for path in beside}
    for path, other in last.items():
        if other == plain:
            return path
    elsewhere = [p for p in known if _last(p) == plain]
    if elsewhere:
        return min(elsewhere, key=lambda path: (path.count("."), path))
    near = [p for p, other in last.items() if distance(other, plain, 3) <= min(2, len(plain) // 3)]
    return min(near, key=lambda path: distance(last[path], plain), default=None)


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _plain(name: str) -> str:
    """``useExternalIp`` and ``use-external-ip`` as the server would write them."""
    spelt = "".join(
        f"_{letter}" if letter.isupper() and before.islower() else letter
        for before, letter in zip(f" {name}", name, strict=False)
    )
    return spelt.replace("-", "_").replace(" ", "_").lower()
