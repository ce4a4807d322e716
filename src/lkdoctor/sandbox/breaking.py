"""What faults do: answers in place of the server's, what follows an upgrade, other tokens.

Nothing heavy is imported before it is needed: naming a fault starts no server.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from aiohttp import web

    from lkdoctor.sandbox.settings import Settings

STEP: Final = 0.1
"""Seconds between two looks at whether the client is still there."""

LONG_HEAD: Final = 1 << 20
"""Bytes of a header that no client reads to its end: Go's take 1 MB for the whole head."""


class Draft(NamedTuple):
    """A participant's token before it is signed.

    Attributes:
        claims: what it says.
        secret: what signs it.
        alg: how.
        text: what is handed out in its place, if it is none.
    """

    claims: Mapping[str, Any]
    secret: str
    alg: str = "HS256"
    text: str | None = None


# ------------------------------------------------------------------ which requests


def any_request(_: web.Request) -> bool:
    return True


def upgrading(request: web.Request) -> bool:
    return "upgrade" in request.headers.get("Connection", "").lower()


def joining(request: web.Request) -> bool:
    return request.path.startswith("/rtc")


def joining_by_v1(request: web.Request) -> bool:
    return request.path.startswith("/rtc/v1")


def calling(request: web.Request) -> bool:
    return request.path.startswith("/twirp")


def calling_with_token(request: web.Request) -> bool:
    return calling(request) and "Authorization" in request.headers


def deleting(request: web.Request) -> bool:
    return request.path.endswith("/DeleteRoom")


def of_root(request: web.Request) -> bool:
    return request.path == "/"


# ------------------------------------------------------------------ answers


def _said(status: int, body: str = "", kind: str = "text/plain", **headers: str) -> web.Response:
    from aiohttp import web

    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if body:
        told["Content-Type"] = f"{kind}; charset=utf-8"
    return web.Response(status=status, headers=told, body=body.encode())


def nginx(status: int, reason: str, **headers: str) -> web.Response:
    """A page of nginx's own."""
    body = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n"
        "<hr><center>nginx/1.27.4</center>\r\n</body>\r\n</html>\r\n"
    )
    return _said(status, body, "text/html", Server="nginx/1.27.4", **headers)


async def plain_get(_: web.Request) -> web.Response:
    # What livekit-server answers to a plain GET of /rtc.
    return _said(404, Vary="Origin")


async def missing_page(_: web.Request) -> web.Response:
    return nginx(404, "Not Found")


async def bad_gateway(_: web.Request) -> web.Response:
    return nginx(502, "Bad Gateway")


async def forbidden(_: web.Request) -> web.Response:
    return nginx(403, "Forbidden")


async def teapot(_: web.Request) -> web.Response:
    return nginx(418, "I'm a teapot")


async def broken(_: web.Request) -> web.Response:
    return nginx(500, "Internal Server Error")


async def rate_limited(_: web.Request) -> web.Response:
    return nginx(429, "Too Many Requests", Retry_After="30")


async def not_ready(_: web.Request) -> web.Response:
    return _said(406, "Not Ready\nNode Updated At 2025-01-01 00:00:00 +0000 UTC", Vary="Origin")


async def web_page(_: web.Request) -> web.Response:
    return _said(
        200, "<!doctype html>\n<title>My booking app</title>\n<div id=root></div>\n", "text/html"
    )


async def redirect(request: web.Request) -> web.Response:
    return _said(301, Location=f"https://app.example{request.path_qs}", Server="nginx/1.27.4")


async def no_node(_: web.Request) -> web.Response:
    from aiohttp import web

    told = {"code": "unavailable", "msg": "twirp error unknown: no response from servers"}
    body = json.dumps(told, separators=(",", ":")).encode()
    return web.Response(status=503, body=body, headers={"Content-Type": "application/json"})


# ------------------------------------------------------------------ below HTTP


async def gone(request: web.Request) -> web.Response:
    """Wait until the client has closed the connection."""
    import asyncio

    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 a transport has no event for its end
        await asyncio.sleep(STEP)
    return _said(200)  # nobody is there to read it


def raw(data: bytes) -> Callable[[web.Request], Any]:
    """Bytes in place of an answer, and nothing more."""

    async def answer(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.write(data)
        return await gone(request)

    return answer


async def drip(request: web.Request) -> web.Response:
    """A byte of a head at a time, without end."""
    import asyncio

    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while request.transport is not None and not request.transport.is_closing():
        request.transport.write(b"a")
        await asyncio.sleep(STEP)
    return _said(200)


async def hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return await gone(request)


not_http: Final = raw(b"220 mail.example ESMTP Postfix\r\n")
endless_head: Final = raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * LONG_HEAD)
wrong_accept: Final = raw(
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
)


# ------------------------------------------------------------------ after the upgrade


async def silence(ws: web.WebSocketResponse, _: web.Request) -> None:
    async for _message in ws:
        pass


async def close(ws: web.WebSocketResponse, _: web.Request) -> None:
    await ws.close(code=1001)


async def drop(_: web.WebSocketResponse, request: web.Request) -> None:
    await hang_up(request)


async def chatter(ws: web.WebSocketResponse, _: web.Request) -> None:
    await ws.send_str("Hello! Welcome to the echo server.")
    async for message in ws:
        if isinstance(message.data, str):
            await ws.send_str(message.data)


async def no_frame(ws: web.WebSocketResponse, request: web.Request) -> None:
    """A reserved opcode and reserved bits: no WebSocket library reads on."""
    await raw(b"\xf3\x7f\x00\x00what is this")(request)
    await ws.close()


async def endless_message(ws: web.WebSocketResponse, request: web.Request) -> None:
    """A frame that says it is a terabyte long."""
    await raw(b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + b"\0" * 65536)(request)
    await ws.close()


async def leave(ws: web.WebSocketResponse, _: web.Request) -> None:
    from livekit.protocol.models import DisconnectReason
    from livekit.protocol.rtc import LeaveRequest, SignalResponse

    told = LeaveRequest(
        reason=DisconnectReason.STATE_MISMATCH, action=LeaveRequest.Action.RECONNECT
    )
    with contextlib.suppress(ConnectionError):
        await ws.send_bytes(SignalResponse(leave=told).SerializeToString())
        await ws.close(code=1000)


# ------------------------------------------------------------------ settings and keys


def another_secret(settings: Settings) -> Settings:
    keys = {key: f"{secret}, but another one" for key, secret in settings.keys.items()}
    return settings._replace(keys=keys)


def another_key(settings: Settings) -> Settings:
    keys = {f"{key}-of-another-project": secret for key, secret in settings.keys.items()}
    return settings._replace(keys=keys)


def short_secrets(keys: Mapping[str, str]) -> dict[str, str]:
    return {key: secret[:12] for key, secret in keys.items()}


# ------------------------------------------------------------------ tokens


def claims(**changes: Any) -> Callable[[Draft], Draft]:
    """Other claims; None takes one away, a callable is given the one that is there."""

    def change(draft: Draft) -> Draft:
        return draft._replace(claims=_changed(draft.claims, changes))

    return change


def video(**changes: Any) -> Callable[[Draft], Draft]:
    """Another video grant, changed likewise."""

    def change(draft: Draft) -> Draft:
        grant = draft.claims.get("video")
        if grant is None:  # another fault took the whole grant away
            return draft
        return draft._replace(claims={**draft.claims, "video": _changed(grant, changes)})

    return change


def _changed(there: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    new = {
        name: value(there.get(name)) if callable(value) else value
        for name, value in changes.items()
    }
    return {name: value for name, value in {**there, **new}.items() if value is not None}
