"""A LiveKit client in a few lines of aiohttp, independent of lkdoctor's own."""

import base64
import hashlib
import hmac
import itertools
import json
import time
from typing import Any, Final, NamedTuple

import aiohttp
from google.protobuf import json_format
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import (
    ConnectionSettings,
    JoinRequest,
    SignalRequest,
    SignalResponse,
    WrappedJoinRequest,
)
from yarl import URL

UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}

_rooms = itertools.count(1)


def new_room() -> str:
    """A name that no other test of this run uses."""
    return f"conformance-{next(_rooms)}"


class Target(NamedTuple):
    """A server to be asked, and what opens it."""

    name: str
    version: str
    http_url: str
    key: str
    secret: str

    def token(self, *, room: str = "", identity: str = "", **video: Any) -> str:
        """A token for this room and identity; further members of the video grant as named."""
        grant = {"room": room, **video} if room else dict(video)
        return self.signed({"sub": identity, "video": grant})

    def signed(self, claims: dict[str, Any]) -> str:
        whole = {"iss": self.key, "exp": int(time.time()) + 600, **claims}
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "HS256", "typ": "JWT"}, whole)
        )
        mac = hmac.digest(self.secret.encode(), f"{head}.{body}".encode(), hashlib.sha256)
        return f"{head}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def at(self, path: str) -> URL:
        return URL(self.http_url + path, encoded=True)


def join_request(**fields: Any) -> str:
    """The `join_request` parameter of /rtc/v1."""
    join = JoinRequest(
        client_info=ClientInfo(sdk=ClientInfo.SDK.PYTHON, protocol=16, version="1.0.0"),
        connection_settings=ConnectionSettings(auto_subscribe=True),
        **fields,
    )
    wrapped = WrappedJoinRequest(join_request=join.SerializeToString())
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


class Peer:
    """A participant's connection."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def receive(self, kind: str = "") -> SignalResponse:
        """The next message, or the next of this kind."""
        while True:
            data = await self.ws.receive_bytes(timeout=15)
            message = SignalResponse.FromString(data)
            if not kind or message.WhichOneof("message") == kind:
                return message

    async def send(self, **message: Any) -> None:
        await self.ws.send_bytes(SignalRequest(**message).SerializeToString())

    async def ending(self) -> list[dict[str, Any]]:
        """All that is left to be said, without news of participants, then that it is closed.

        The real server sends a close frame with 1000 and closes the socket at once, which now
        and then is faster than the frame.
        """
        said: list[dict[str, Any]] = []
        while True:
            message = await self.ws.receive(timeout=15)
            if message.type is not aiohttp.WSMsgType.BINARY:
                break
            told = json_format.MessageToDict(SignalResponse.FromString(message.data))
            if not told.keys() & {"update", "roomUpdate", "offer", "trickle", "refreshToken"}:
                said.append(told)
        lost = (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE)
        return [*said, {"closed": 1000 if self.ws.close_code in lost else self.ws.close_code}]


async def join(
    http: aiohttp.ClientSession, target: Target, room: str, identity: str, **video: Any
) -> Peer:
    """Join over /rtc as a client of today does, up to the first message."""
    token = target.token(room=room, identity=identity, roomJoin=True, **video)
    ws = await http.ws_connect(
        target.at("/rtc?protocol=16&auto_subscribe=1"), headers={"Authorization": f"Bearer {token}"}
    )
    return Peer(ws)
