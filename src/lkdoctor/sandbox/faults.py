"""The ways in which a sandbox can be broken; a new one is one entry of `Fault`.

An entry has the name that is typed, one line for people, the lkdoctor code that a diagnosis
should name first, and the change itself: to the settings, to the answers, or to what is said
after the upgrade. A change that a real server or proxy could suffer is made in the settings,
so that everything else about it stays true.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from aiohttp import web

    from lkdoctor.sandbox.settings import Settings

    Conversation = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]
    """What is said over a WebSocket, until it is over."""


class Change(NamedTuple):
    """What a fault does; whatever is None stays as it is.

    Attributes:
        settings: another configuration.
        answer: an answer in place of the server's, or None to let it answer.
        session: what happens after the upgrade in place of a session.
        in_token: it is met with a participant's token, not with the key and secret.
    """

    settings: Callable[[Settings], Settings] | None = None
    answer: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
    session: Conversation | None = None
    in_token: bool = False


def _another_secret(settings: Settings) -> Settings:
    keys = {key: f"{secret}, but another one" for key, secret in settings.keys.items()}
    return settings._replace(keys=keys)


def _another_key(settings: Settings) -> Settings:
    return settings._replace(
        keys={f"{key}-of-another-project": s for key, s in settings.keys.items()}
    )


def _upgrading(request: web.Request) -> bool:
    return "upgrade" in request.headers.get("Connection", "").lower()


async def _upgrade_dropped(request: web.Request) -> web.StreamResponse | None:
    from aiohttp import web

    # What livekit-server answers to a plain GET of /rtc.
    return web.Response(status=404, headers={"Vary": "Origin"}) if _upgrading(request) else None


async def _upgrade_hangs(request: web.Request) -> web.StreamResponse | None:
    return await _hang(request) if _upgrading(request) else None


def _nginx(status: int, reason: str) -> web.Response:
    from aiohttp import web

    body = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n"
        "<hr><center>nginx/1.27.4</center>\r\n</body>\r\n</html>\r\n"
    )
    return web.Response(
        status=status,
        headers={"Server": "nginx/1.27.4"},
        text=body,
        content_type="text/html",
    )


async def _api_missing(request: web.Request) -> web.StreamResponse | None:
    return _nginx(404, "Not Found") if request.path.startswith("/twirp") else None


async def _bad_gateway(_: web.Request) -> web.StreamResponse | None:
    return _nginx(502, "Bad Gateway")


async def _not_ready(request: web.Request) -> web.StreamResponse | None:
    from aiohttp import web

    if request.path != "/":
        return None
    body = b"Not Ready\nNode Updated At 2025-01-01 00:00:00 +0000 UTC"
    headers = {"Vary": "Origin", "Content-Type": "text/plain; charset=utf-8"}
    return web.Response(status=406, headers=headers, body=body)


async def _web_page(_: web.Request) -> web.StreamResponse | None:
    from aiohttp import web

    body = "<!doctype html>\n<title>My booking app</title>\n<div id=root></div>\n"
    return web.Response(text=body, content_type="text/html")


async def _redirect(request: web.Request) -> web.StreamResponse | None:
    from aiohttp import web

    headers = {"Location": f"https://app.example{request.path_qs}", "Server": "nginx/1.27.4"}
    return web.Response(status=301, headers=headers)


async def _hang(_: web.Request) -> web.StreamResponse | None:
    import asyncio

    await asyncio.Event().wait()
    return None


async def _hang_up(request: web.Request) -> web.StreamResponse | None:
    if request.transport is not None:
        request.transport.abort()
    return None


async def _silence(ws: web.WebSocketResponse, _: web.Request) -> None:
    async for _message in ws:
        pass


async def _close(ws: web.WebSocketResponse, _: web.Request) -> None:
    await ws.close(code=1001)


async def _chatter(ws: web.WebSocketResponse, _: web.Request) -> None:
    await ws.send_str("Hello! Welcome to the echo server.")
    async for message in ws:
        if isinstance(message.data, str):
            await ws.send_str(message.data)


async def _leave(ws: web.WebSocketResponse, _: web.Request) -> None:
    from livekit.protocol.models import DisconnectReason
    from livekit.protocol.rtc import LeaveRequest, SignalResponse

    leave = LeaveRequest(
        reason=DisconnectReason.STATE_MISMATCH, action=LeaveRequest.Action.RECONNECT
    )
    await ws.send_bytes(SignalResponse(leave=leave).SerializeToString())
    await ws.close(code=1000)


class Fault(StrEnum):
    """A way to break a sandbox.

    Attributes:
        description: one line, for people.
        leads_to: the lkdoctor code that a diagnosis should name first.
        change: what is changed.
    """

    description: str
    leads_to: str
    change: Change

    def __new__(
        cls, name: str, description: str = "", leads_to: str = "", change: Change | None = None
    ) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.description = description
        member.leads_to = leads_to
        member.change = change or Change()
        return member

    WRONG_SECRET = (
        "wrong-secret",
        "The server holds another secret for the key",
        "token-bad-signature",
        Change(settings=_another_secret),
    )
    UNKNOWN_KEY = (
        "unknown-key",
        "The server does not have the key: it belongs to another project",
        "env-project-mismatch",
        Change(settings=_another_key),
    )
    EXPIRED_TOKEN = (
        "expired-token",
        "Tokens arrive two days old: the server finds every one expired",
        "token-expired",
        Change(settings=lambda settings: settings._replace(token_age=2 * 86_400), in_token=True),
    )
    CLOCK_AHEAD = (
        "clock-ahead",
        "The server's clock is two days ahead",
        "clock-server-wrong",
        Change(settings=lambda settings: settings._replace(clock_ahead=2 * 86_400)),
    )
    UPGRADE_DROPPED = (
        "upgrade-dropped",
        "A proxy drops the WebSocket upgrade: LiveKit sees a plain GET",
        "proxy-upgrade-stripped",
        Change(answer=_upgrade_dropped),
    )
    UPSTREAM_DOWN = (
        "upstream-down",
        "A proxy answers, LiveKit behind it does not",
        "proxy-upstream-down",
        Change(answer=_bad_gateway),
    )
    SESSION_STALLS = (
        "session-stalls",
        "The upgrade is never answered, everything else is",
        "signal-timeout",
        Change(answer=_upgrade_hangs),
    )
    SILENT = (
        "silent",
        "The upgrade succeeds, then nothing is ever said",
        "signal-silent-after-upgrade",
        Change(session=_silence),
    )
    ROOM_FULL = (
        "room-full",
        "Every room has one place, and somebody sits in it",
        "signal-room-full",
        Change(settings=lambda settings: settings._replace(max_participants=1, occupants=1)),
    )
    ROOM_NOT_FOUND = (
        "room-not-found",
        "Rooms are not made by joining them, and nobody made one",
        "room-not-found",
        Change(settings=lambda settings: settings._replace(auto_create=False), in_token=True),
    )
    LEAVE_ON_CONNECT = (
        "leave-on-connect",
        "The first message is a Leave",
        "signal-leave-on-connect",
        Change(session=_leave),
    )
    API_NOT_ROUTED = (
        "api-not-routed",
        "A proxy passes /rtc on to LiveKit, but not the server API under /twirp",
        "api-not-routed",
        Change(answer=_api_missing),
    )
    NOT_READY = (
        "not-ready",
        "The server says that it is not ready",
        "server-not-ready",
        Change(answer=_not_ready),
    )
    NOT_LIVEKIT = (
        "not-livekit",
        "The URL is that of a web app, which answers everything with its page",
        "url-not-livekit",
        Change(answer=_web_page),
    )
    REDIRECT = (
        "redirect",
        "Everything is redirected to another host",
        "url-redirect",
        Change(answer=_redirect),
    )
    NO_ANSWER = (
        "no-answer",
        "The connection is accepted, and no request is ever answered",
        "http-silent",
        Change(answer=_hang),
    )
    HANGS_UP = (
        "hangs-up",
        "The connection is reset as soon as something is asked",
        "http-closed-early",
        Change(answer=_hang_up),
    )
    CLOSES_AFTER_UPGRADE = (
        "closes-after-upgrade",
        "The WebSocket is closed before anything is said",
        "signal-closed-after-upgrade",
        Change(session=_close),
    )
    ECHO_SERVER = (
        "echo-server",
        "The WebSocket belongs to something else, which chatters",
        "signal-not-livekit",
        Change(session=_chatter),
    )
