"""A request as Go's net/http sees it, and the answers that are not LiveKit's own."""

import base64
import contextlib
import html
import posixpath
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import hdrs, web

from lkdoctor.sandbox.settings import Settings, Version

if TYPE_CHECKING:
    from lkdoctor.sandbox.faults import Conversation


class Asked(NamedTuple):
    """A request on its way, and the headers that every answer to it has.

    Attributes:
        settings: what holds for this one.
        talk: what is said after the upgrade in place of a session.
    """

    request: web.Request
    path: str
    form: Mapping[str, str]
    cors: dict[str, str]
    settings: Settings
    talk: "Conversation | None"

    def text(self, status: int, body: str) -> web.Response:
        headers = {**self.cors, "Content-Type": "text/plain; charset=utf-8"}
        data = body.encode("utf-8", "surrogateescape")
        return web.Response(status=status, body=data, headers=headers)

    def empty(self, status: int) -> web.Response:
        return web.Response(status=status, headers=self.cors)

    def missing(self) -> web.Response:
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            **self.cors,
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(status=404, body=b"404 page not found\n", headers=headers)

    def moved(self, path: str) -> web.Response:
        status, reason = (
            (307, "Temporary Redirect")
            if self.settings.version.since(8)
            else (301, "Moved Permanently")
        )
        query = self.request.raw_path.partition("?")[2]
        target = urllib.parse.quote(path, safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
        body = f'<a href="{html.escape(target)}">{reason}</a>.\n\n'
        headers = {"Content-Type": "text/html; charset=utf-8", "Location": target, **self.cors}
        return web.Response(status=status, body=body.encode(), headers=headers)

    def bad_handshake(self) -> web.Response | None:
        """What gorilla/websocket says to an upgrade that is not one, and the server after it."""
        headers = self.request.headers
        if self.request.method != "GET":
            status, reason = 405, "Method Not Allowed"
            why = "the client is not using the websocket protocol: request method is not GET"
        elif "13" not in _tokens(headers.getall("Sec-WebSocket-Version", [])):
            status, reason = 400, "Bad Request"
            why = "unsupported version: 13 not found in 'Sec-Websocket-Version' header"
        elif not _is_key(headers.get("Sec-WebSocket-Key", "")):
            status, reason = 400, "Bad Request"
            wanted = (
                "must be Base64 encoded value of 16-byte in length"
                if self.settings.version.since(8)
                else "is missing or blank"
            )
            why = f"not a websocket handshake: 'Sec-WebSocket-Key' header {wanted}"
        else:
            return None
        told = {
            "Content-Type": "text/plain; charset=utf-8",
            "Sec-Websocket-Version": "13",
            **self.cors,
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(
            status=status, body=f"{reason}\nwebsocket: {why}".encode(), headers=told
        )


async def form(request: web.Request) -> dict[str, str]:
    """Parameters as Go's FormValue sees them: of a posted form, then of the query."""
    query = request.raw_path.partition("?")[2]
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    if request.method in ("POST", "PUT", "PATCH"):
        kind = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            with contextlib.suppress(web.HTTPRequestEntityTooLarge):
                body = (await request.read()).decode("utf-8", "surrogateescape")
                pairs = urllib.parse.parse_qsl(body, keep_blank_values=True) + pairs
    return dict(reversed(pairs))


def cors(request: web.Request, version: Version) -> dict[str, str] | web.Response:
    """Headers for a browser; the whole answer when it only asks beforehand."""
    origin = request.headers.get(hdrs.ORIGIN)
    method = request.headers.get("Access-Control-Request-Method")
    if request.method == "OPTIONS" and method:
        headers = {}
        if origin is not None and method in ("OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"):
            wanted = request.headers.get("Access-Control-Request-Headers")
            if wanted and not version.since(8):
                wanted = ", ".join(name.strip().title() for name in wanted.split(","))
            headers = {
                **({"Access-Control-Allow-Headers": wanted} if wanted else {}),
                "Access-Control-Allow-Methods": method,
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Max-Age": "86400",
            }
        vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        return web.Response(status=204, headers={**headers, "Vary": vary})
    if origin is None:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        **({"Access-Control-Expose-Headers": "*"} if version.since(9) else {}),
        "Vary": "Origin",
    }


def upgrades(request: web.Request) -> bool:
    headers = request.headers
    return "upgrade" in _tokens(headers.getall(hdrs.CONNECTION, [])) and "websocket" in _tokens(
        headers.getall(hdrs.UPGRADE, [])
    )


def _tokens(values: Sequence[str]) -> set[str]:
    return {token.strip().lower() for value in values for token in value.split(",")}


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except ValueError:
        return False


def cleaned(path: str) -> str:
    """The path as Go's ServeMux wants it: without empty, `.` and `..` parts."""
    if not path.startswith("/"):
        path = "/" + path
    clean = posixpath.normpath(path).replace("//", "/", 1)
    return clean + "/" if path.endswith("/") and clean != "/" else clean
