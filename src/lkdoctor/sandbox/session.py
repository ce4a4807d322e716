"""One participant's connection, from the upgrade to the close; copied from rtcservice.go."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Final, NamedTuple

from aiohttp import WSMsgType, web
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol.models import Codec, DisconnectReason, ServerInfo
from livekit.protocol.rtc import (
    ICEServer,
    JoinResponse,
    Pong,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SignalTarget,
    TrickleRequest,
)

from lkdoctor.sandbox import vintage
from lkdoctor.sandbox.joining import Wish
from lkdoctor.sandbox.rooms import LiveRoom, Member, Rooms
from lkdoctor.sandbox.settings import Settings, Version
from lkdoctor.sandbox.verify import Claims, sign

PING_EVERY: Final = 10.0
"""Seconds between the WebSocket pings of the server (wsprotocol.go)."""

MAX_WAITING: Final = 1000
"""Messages that wait for a client who does not read; then he is let go."""

GOODBYE: Final = 5.0
"""Seconds in which a client may read what is left for him."""

TOKEN_TTL: Final = 600
"""Seconds that a refreshed token lives at least (roommanager.go)."""


class Outbox:
    """What is still to be said to one client."""

    def __init__(self, version: Version) -> None:
        self._version: Final = version
        self._waiting: Final[asyncio.Queue[SignalResponse | None]] = asyncio.Queue(MAX_WAITING)
        self.as_json = False

    def put(self, message: SignalResponse | None) -> None:
        """Queue a message; None closes the connection after those before it."""
        if self._waiting.full():
            while not self._waiting.empty():
                self._waiting.get_nowait()
            message = None
        self._waiting.put_nowait(message)

    async def deliver(self, ws: web.WebSocketResponse) -> None:
        """Send what is put in, until the close."""
        while True:
            try:
                message = await asyncio.wait_for(self._waiting.get(), PING_EVERY)
            except TimeoutError:
                await ws.ping()
                continue
            if message is None:
                return
            vintage.reduce(message, self._version)
            if self.as_json:
                await ws.send_str(json_format.MessageToJson(message, indent=None))
            else:
                await ws.send_bytes(message.SerializeToString())


class Server(NamedTuple):
    """The server as a session sees it."""

    settings: Settings
    rooms: Rooms
    node_id: str
    port: int
    now: Callable[[], float]
    random: Callable[[int], str]


class Seat(NamedTuple):
    """Somebody's place in a room, and how he asked for it."""

    wish: Wish
    room: LiveRoom
    member: Member
    hang_up: Callable[[], None]
    """Closes the connection under the WebSocket, after what was sent."""


async def hold(ws: web.WebSocketResponse, outbox: Outbox, server: Server, seat: Seat) -> None:
    """Greet a participant who has been seated, and serve him until he is gone."""
    greeting = _greeting(server, seat)
    if server.settings.cuts_after_join:
        await ws.send_bytes(greeting[0].SerializeToString())
        return
    for message in greeting:
        outbox.put(message)
    server.rooms.joined(seat.room, seat.member)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(_listen(ws, outbox, server, seat))
        delivering = tasks.create_task(_deliver(ws, outbox))
        await asyncio.wait((listening, delivering), return_when=asyncio.FIRST_COMPLETED)
        outbox.put(None)
        try:
            async with asyncio.timeout(GOODBYE):
                await delivering
                if not server.settings.version.since(8):
                    seat.hang_up()  # 1.5 says no goodbye
                with contextlib.suppress(ConnectionError):
                    await ws.close(code=1000)
        except TimeoutError:  # he does not read
            delivering.cancel()
        listening.cancel()


async def _deliver(ws: web.WebSocketResponse, outbox: Outbox) -> None:
    try:
        await outbox.deliver(ws)
    except ConnectionError:
        return


async def _listen(ws: web.WebSocketResponse, outbox: Outbox, server: Server, seat: Seat) -> None:
    room, member = seat.room, seat.member
    strict = not server.settings.version.since(13)
    async for message in ws:
        try:
            request = _read(message.type, message.data, strict=strict)
        except (DecodeError, json_format.ParseError):
            return
        outbox.as_json = message.type is WSMsgType.TEXT
        millis = int(server.now() * 1000)
        match request.WhichOneof("message"):
            case "ping" | "ping_req" if not server.settings.answers_pings:
                continue
            case "ping":
                outbox.put(SignalResponse(pong=millis))
            case "ping_req":
                asked = request.ping_req.timestamp
                outbox.put(
                    SignalResponse(pong_resp=Pong(last_ping_timestamp=asked, timestamp=millis))
                )
            case "leave":
                if room.members.get(member.info.identity) is member:
                    reason = DisconnectReason.CLIENT_INITIATED
                    server.rooms.remove(room, member.info.identity, reason, server.now())
                return
            case _:
                # Media, tracks and subscriptions: a stand-in has none.
                continue


def _read(kind: WSMsgType, data: str | bytes, *, strict: bool) -> SignalRequest:
    if kind is WSMsgType.TEXT:
        return json_format.Parse(data, SignalRequest(), ignore_unknown_fields=not strict)
    return SignalRequest.FromString(bytes(data, "utf-8") if isinstance(data, str) else data)


def _greeting(server: Server, seat: Seat) -> list[SignalResponse]:
    wish, member = seat.wish, seat.member
    primary = (
        wish.client_protocol >= 3
        and member.info.permission.can_subscribe
        and not wish.single_peer_connection
    )
    return [
        SignalResponse(join=_join(server, seat, primary=primary)),
        SignalResponse(refresh_token=_fresh_token(server, wish.claims)),
        *(_offer(server) if primary else ()),
    ]


def _join(server: Server, seat: Seat, *, primary: bool) -> JoinResponse:
    room, member = seat.room, seat.member
    version = server.settings.version
    joined = JoinResponse(
        room=room.proto,
        participant=member.info,
        other_participants=[
            other.info
            for other in room.members.values()
            if other is not member and not other.info.permission.hidden
        ],
        server_version=version.name,
        ice_servers=_ice_servers(server, member),
        subscriber_primary=primary,
        ping_interval=5,
        ping_timeout=15,
        server_info=ServerInfo(
            version=version.name,
            protocol=version.protocol,
            node_id=server.node_id,
            agent_protocol=1,
        ),
        sif_trailer=room.trailer,
        enabled_publish_codecs=[Codec(mime=mime) for mime in vintage.publishable(version)],
        fast_publish=member.info.permission.can_publish,
    )
    joined.room.num_participants = room.taken - member.counts
    return joined


def _ice_servers(server: Server, member: Member) -> list[ICEServer]:
    # Nobody listens there; the point is that no address outside this machine is offered.
    address = f"127.0.0.1:{server.port}"
    offered = [ICEServer(urls=[f"stun:{address}"])]
    if server.settings.turn_credential is not None:
        turn = ICEServer(
            urls=[f"turn:{address}?transport=udp"],
            username=f"{member.info.sid}-{server.random(8)}",
            credential=server.settings.turn_credential,
        )
        offered.insert(0, turn)
    return offered


def _fresh_token(server: Server, claims: Claims) -> str:
    key, secret = next(iter(server.settings.keys.items()))
    now = int(server.now())
    version = server.settings.version
    left = 0 if claims.expires is None or not version.since(13) else claims.expires - now
    grants = dict(claims.grants)
    if "video" in grants:
        grants["video"] = {k: v for k, v in grants["video"].items() if v or k.startswith("can")}
    if server.settings.reads_room_config and version.since(8):
        grants["roomConfig"] = json_format.MessageToDict(claims.room_config)
    else:
        grants.pop("roomConfig", None)
    fresh = {
        "iss": key,
        "sub": claims.identity,
        "exp": now + int(max(TOKEN_TTL, left)),
        "nbf": now,
        **({"iat": now} if version.since(13) else {}),
        **({"kind": "standard"} if version.since(9) else {}),
        **{name: grants[name] for name in _REFRESHED if grants.get(name)},
        **({"identity": claims.identity} if version.since(9) else {}),
    }
    return sign(fresh, secret)


_REFRESHED: Final = ("name", "kind", "metadata", "attributes", "video", "roomConfig", "roomPreset")


_SDP: Final = """\
v=0
o=- {session} {now} IN IP4 0.0.0.0
s=-
t=0 0
a=msid-semantic:WMS *
a=fingerprint:sha-256 {fingerprint}
a=extmap-allow-mixed
a=group:BUNDLE 0
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:0
a=sendrecv
a=sctp-port:5000
a=max-message-size:65535
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
"""


def _offer(server: Server) -> list[SignalResponse]:
    ufrag = server.random(8)
    digest = server.random(32).upper()
    sdp = _SDP.format(
        session=int(server.random(7), 16),
        now=int(server.now()),
        fingerprint=":".join(digest[i : i + 2] for i in range(0, 64, 2)),
        ufrag=ufrag,
        password=server.random(16),
    )
    if not server.settings.version.since(9):
        sdp = sdp.replace("WMS *", "WMS*").replace("a=max-message-size:65535\n", "")
    if not server.settings.version.since(8):
        sdp = sdp.replace("a=msid-semantic:WMS*\n", "")
    sdp = sdp.replace("\n", "\r\n")
    transport = f"{server.port} typ host"
    lines = (
        f"candidate:2878742611 1 udp 2130706431 127.0.0.1 {transport} ufrag {ufrag}",
        f"candidate:375738803 1 tcp 1671430143 127.0.0.1 {transport} tcptype passive ufrag {ufrag}",
    )
    mid = "0" if server.settings.version.since(8) else ""
    trickles = [
        SignalResponse(
            trickle=TrickleRequest(
                candidateInit=_candidate(line, mid),
                target=SignalTarget.SUBSCRIBER,
                final=line is lines[-1],
            )
        )
        for line in lines
    ]
    description = SessionDescription(type="offer", sdp=sdp, id=int(server.random(1), 16) or 1)
    return [SignalResponse(offer=description), *trickles]


def _candidate(line: str, mid: str) -> str:
    fields = {"candidate": line, "sdpMid": mid, "sdpMLineIndex": 0, "usernameFragment": None}
    return json.dumps(fields, separators=(",", ":"))
