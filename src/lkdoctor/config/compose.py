"""What a compose file says of a livekit-server: its version and the ports that are published; bounded, and never more than the text.

Entries that hold a variable are passed over: what it will be is not in the file.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from lkdoctor import digits
from lkdoctor.config import server_yaml
from lkdoctor.config.server_yaml import Node, Shape

MAX_PORTS: Final = 100
"""Entries that are read of one file."""

_FILE: Final = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml")
_IMAGE: Final = re.compile(r"livekit/livekit-server\b")
_VERSION: Final = re.compile(r"livekit/livekit-server:v?(\d{1,4}\.\d{1,4}\.\d{1,4})(?=$|@)")
_SHORT: Final = re.compile(
    r"(?:(?:\[[0-9A-Fa-f:.]+\]|\d+\.\d+\.\d+\.\d+|localhost):)?"
    r"(?:(?P<host>\d{1,5}(?:-\d{1,5})?)?:)?(?P<container>\d{1,5}(?:-\d{1,5})?)(?:/(?P<protocol>\w+))?"
)


class Published(NamedTuple):
    """One entry of a service's ``ports``."""

    line: int
    host: tuple[int, int] | None
    """First and last port on the host; None: compose takes any that is free."""
    container: tuple[int, int]
    protocol: str = "tcp"

    @property
    def written(self) -> str:
        """As a compose file has it: ``20638:7882/udp``."""
        host = "" if self.host is None else f"{_range(self.host)}:"
        return f"{host}{_range(self.container)}/{self.protocol}"

    @property
    def straight(self) -> str:
        """The same port on both sides: ``7882:7882/udp``."""
        return self._replace(host=self.container).written


def is_compose(file: str) -> bool:
    """Whether a file of this name is a compose file."""
    return _FILE.fullmatch(file) is not None


def published(text: str) -> tuple[Published, ...]:
    """The ports of the services that run livekit-server's image.

    Raises:
        YamlError: it is not YAML.
    """
    found: list[Published] = []
    for service in _servers(text):
        network = _at(service, "network_mode")
        if network is not None and network.text == "host":
            continue  # its ports are the host's own, and `ports` is ignored
        ports = _at(service, "ports")
        found += [p for item in (ports.items if ports else ()) for p in _entry(item)]
    return tuple(found[:MAX_PORTS])


def images(text: str) -> tuple[tuple[int, str], ...]:
    """Line and version of livekit-server's images that are named with a whole version.

    Raises:
        YamlError: it is not YAML.
    """
    named = [image for service in _servers(text) if (image := _at(service, "image")) is not None]
    found = [(image.line, match[1]) for image in named if (match := _VERSION.search(image.text))]
    return tuple(found[:MAX_PORTS])


def _servers(text: str) -> Iterator[Node]:
    """The services that run livekit-server's image."""
    if not _IMAGE.search(text):
        return
    services = _at(server_yaml.read(text), "services")
    for _, service in services.pairs if services is not None else ():
        image = _at(service, "image")
        if image is not None and _IMAGE.search(image.text):
            yield service


def _at(node: Node | None, name: str) -> Node | None:
    for key, value in node.pairs if node is not None else ():
        if key.text == name:
            return value
    return None


def _entry(item: Node) -> Iterator[Published]:
    if item.shape is Shape.MAPPING:
        parts = {key.text: value.text for key, value in item.pairs}
        host, container = parts.get("published", ""), parts.get("target", "")
        protocol = parts.get("protocol", "tcp")
    else:
        match = _SHORT.fullmatch(item.text)
        if match is None:
            return
        host, container = match["host"] or "", match["container"]
        protocol = match["protocol"] or "tcp"
    inside, outside = _ports(container), _ports(host)
    if inside is not None and (outside is not None or not host):
        yield Published(item.line, outside, inside, protocol.lower())


def _ports(text: str) -> tuple[int, int] | None:
    first, _, last = text.partition("-")
    lowest, highest = digits.number(first), digits.number(last or first)
    if lowest is None or highest is None or not 0 < lowest <= highest < 65536:
        return None
    return lowest, highest


def _range(ports: tuple[int, int]) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
