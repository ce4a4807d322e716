"""A forward proxy: what its URL says, and the tunnel through it (RFC 9110 §9.3.6).

Both schemes of a target go through CONNECT: a WebSocket client that honours a proxy does so for
``ws://``, too (RFC 6455 §4.1), and plain requests then take the same way.
"""

import base64
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from lkdoctor.facts.server import NoAnswer
from lkdoctor.redact import Secret, without_userinfo
from lkdoctor.suspects import by_chance
from lkdoctor.wire import http
from lkdoctor.wire.base import Conversation
from lkdoctor.wire.url import find_host, find_port

DEFAULT_PORT: Final = 80
"""Where the URL names no port: what URL parsers of Go and Rust take (curl alone takes 1080)."""

_URL: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:([^/?#]*)@)?([^/?#@]*)(?:[/?#].*)?")


class Proxy(NamedTuple):
    """Whom to ask for a tunnel, and as whom."""

    origin: str
    """``HTTPS_PROXY``, ``--proxy``"""
    host: str
    port: int
    credentials: Secret | None = None
    """``user:password``, as the URL has them, decoded."""

    @property
    def address(self) -> str:
        """Its URL without the credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class UnusableProxy(NamedTuple):
    """What cannot be used as an HTTP proxy, and why."""

    origin: str
    reason: str


def parse(value: str, origin: str) -> Proxy | UnusableProxy:
    """A proxy URL as clients read it; without a scheme it is ``http``."""
    text = value.strip()
    if set(without_userinfo(text)[1]) & set("/?#\\"):
        return UnusableProxy(origin, "a password with / ? # or \\ in it has to be percent-encoded")
    matched = _URL.fullmatch(text)
    scheme = (matched[1] or "http").lower() if matched else ""
    if matched is None or (matched[1] is None and "://" in text):
        return UnusableProxy(origin, "it is no URL")
    if scheme != "http":
        return UnusableProxy(origin, f"it speaks {scheme[:20]}, and only http:// can be used")
    userinfo, hostport = matched[2], matched[3]
    split = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([^:]*))?", hostport)
    host = find_host(split[1]) if split is not None and split[1] else None
    port = find_port(split[2], DEFAULT_PORT) if split is not None else None
    if host is None or any(by_chance(hostport)):
        return UnusableProxy(origin, "it names no host")
    if port is None:
        return UnusableProxy(origin, "its port is no port")
    return Proxy(origin, host, port, Secret(unquote(userinfo)) if userinfo else None)


def connect(
    authority: str, credentials: Secret | None = None
) -> Conversation[http.Answer | NoAnswer]:
    """Ask for a tunnel; after a 2xx answer the connection is the target's.

    Args:
        authority: host and port of the target.
        credentials: for Basic authentication, which is all that clients of LiveKit offer.
    """
    lines = [
        b"CONNECT " + http.header_value(authority) + b" HTTP/1.1",
        b"Host: " + http.header_value(authority),
        b"User-Agent: lkdoctor",
    ]
    if credentials is not None:
        encoded = base64.b64encode(credentials.reveal().encode("utf-8", "replace"))
        lines.append(b"Proxy-Authorization: Basic " + encoded)
    reader = http.Reader()
    yield from reader.send(b"\r\n".join(lines) + b"\r\n\r\n")
    return (yield from http.read_answer(reader, tunnel=True))
