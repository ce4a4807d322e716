"""The sandbox itself: HTTP on loopback, answered as livekit-server answers it."""

import asyncio
import contextlib
import logging
import threading
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Self

from aiohttp import hdrs, web
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import LeaveRequest, SignalResponse

from lkdoctor.clock import Clock, SystemClock
from lkdoctor.sandbox import session, twirp
from lkdoctor.sandbox.asked import Asked, cleaned, cors, form, upgrades
from lkdoctor.sandbox.breaking import Draft, hang_up
from lkdoctor.sandbox.faults import Fault, Placed, placed
from lkdoctor.sandbox.joining import Wish, wished
from lkdoctor.sandbox.rooms import LiveRoom, NoSessionError, Rooms, size
from lkdoctor.sandbox.settings import VERSIONS, Settings, Version, version_of
from lkdoctor.sandbox.verify import NOBODY, Claims, sign, verify

if TYPE_CHECKING:
    from lkdoctor.sandbox.faults import Conversation

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 7880
DEFAULT_KEYS: Final[Mapping[str, str]] = {"devkey": "secret"}
TOKEN_TTL: Final = 600

MAX_HEADER: Final = 1 << 20
"""Bytes of a request's header, as with Go's net/http."""
MAX_BODY: Final = 8 << 20
MAX_MESSAGE: Final = 4 << 20

_SAID_CLOSE: Final = 1.0
"""Seconds to wait for the other half of a WebSocket's close; the real server does not wait."""

_log = logging.getLogger("lkdoctor.sandbox")
_log.addHandler(logging.NullHandler())  # else Python prints what nobody asked for


class Sandbox:
    """A LiveKit stand-in on 127.0.0.1, healthy or with faults.

        async with Sandbox(faults=[Fault.ROOM_FULL]) as sandbox:
            sandbox.url, sandbox.api_key, sandbox.api_secret

    It answers as livekit-server of the version asked for does; there is no media. Without faults a client cannot
    tell it from the real one until it tries to send media, or waits: what the real server does
    after a minute (dropping who has no media) does not happen here.

    Args:
        port: where to listen; 0 takes a free one.
        faults: the ways in which it is broken: by code or other name, at a path or for some
            requests as in ``signal-timeout@/rtc#1-3``.
        version: the livekit-server whose answers are given: one of 1.13.5, 1.11.0, 1.9.12, 1.8.4
            and 1.5.0, which the beginning of its name is enough for; the newest without.
        keys: API keys and secrets; the first pair is `api_key` and `api_secret`.
        auto_create: whether joining a room makes it.
        clock: time and dice.
        update_interval: seconds in which news of participants is collected for the others.
        turn_credential: password of a TURN server to offer; None offers none.
        regions: name and URL of each, as LiveKit Cloud tells them; None has none, as a server of
            one's own.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        faults: Iterable[Fault | Placed | str] = (),
        version: str | None = None,
        keys: Mapping[str, str] | None = None,
        auto_create: bool = True,
        clock: Clock | None = None,
        update_interval: float = 3.0,
        turn_credential: str | None = None,
        regions: Mapping[str, str] | None = None,
    ) -> None:
        self.faults: Final = placed(faults)
        given: Mapping[str, str] = keys or DEFAULT_KEYS
        for one in self.faults:
            if one.fault.change.keys is not None:
                given = one.fault.change.keys(given)
        self.keys: Final = dict(given)
        self.port = port
        settings = Settings(
            keys=self.keys,
            version=VERSIONS[0] if version is None else version_of(version),
            auto_create=auto_create,
            update_interval=update_interval,
            turn_credential=turn_credential,
            regions=regions,
        )
        for one in self.faults:
            if one.everywhere and one.fault.change.settings is not None:
                settings = one.fault.change.settings(settings)
        self._settings: Final = settings
        self._turns: Final = dict.fromkeys(self.faults, 0)
        self._clock: Final[Clock] = clock or SystemClock()
        self._rooms: Final = Rooms(settings, self._clock.token_hex, self._tell_later)
        self._node_id: Final = "ND_" + self._clock.token_hex(6)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """What a client connects to: ``ws://127.0.0.1:PORT``."""
        return f"ws://{HOST}:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def api_key(self) -> str:
        return next(iter(self.keys))

    @property
    def api_secret(self) -> str:
        """What the app believes is the secret; a fault may have the server believe otherwise."""
        return self.keys[self.api_key]

    @property
    def server_version(self) -> str:
        return self._settings.version.name

    def token(self, identity: str = "", room: str = "") -> str:
        """A participant's token, as the app hands it out: as the faults make it."""
        now = int(self._clock.now() - self._settings.token_age)
        draft = Draft(
            {
                "iss": self.api_key,
                "sub": identity or self._settings.identity,
                "nbf": now,
                "exp": now + TOKEN_TTL,
                "video": {"roomJoin": True, "room": room or self._settings.room},
            },
            self.api_secret,
        )
        for one in self.faults:
            if one.fault.change.token is not None:
                draft = one.fault.change.token(draft)
        return sign(draft.claims, draft.secret, draft.alg) if draft.text is None else draft.text

    def environment(self) -> dict[str, str]:
        """The variables that make an app, or lkdoctor, use this sandbox.

        With a participant's token among them where a fault shows in nothing else.
        """
        variables = {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }
        if any(one.fault.change.in_token for one in self.faults):
            variables["LIVEKIT_TOKEN"] = self.token()
        return variables

    def banner(self) -> str:
        """What to tell whoever starts it, several lines."""
        lines = [
            f"lkdoctor sandbox: a stand-in for LiveKit, not a LiveKit server; no media. {self.url}",
            f"It answers as livekit-server {self.server_version}, on this machine only.",
            *(f"Broken on purpose, {one}: {one.fault.description}." for one in self.faults),
        ]
        return "\n".join(lines)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY, logger=_log)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(self._dress)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log,
            handle_signals=False,
            shutdown_timeout=0.1,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            max_headers=1000,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, self.port)
            await site.start()
        except BaseException:
            await runner.cleanup()
            raise
        self.port = runner.addresses[0][1]
        self._runner = runner
        for room, identity in self._settings.seated:
            self._rooms.seat(room, identity, self._now())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _now(self) -> float:
        return self._clock.now() + self._settings.clock_ahead

    def _tell_later(self, room: LiveRoom) -> None:
        if len(room.changed) == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(self._settings.update_interval, self._rooms.tell, room)

    async def _dress(self, _: web.Request, response: web.StreamResponse) -> None:
        """Leave the headers that Go sends, in its order."""
        headers = response.headers
        if isinstance(response, web.WebSocketResponse):
            for name in (hdrs.SERVER, hdrs.DATE, hdrs.CONTENT_TYPE):
                headers.pop(name, None)
            headers[hdrs.CONNECTION] = "Upgrade"
            if hdrs.SEC_WEBSOCKET_EXTENSIONS in headers:
                headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = _DEFLATE
            return
        headers[hdrs.DATE] = formatdate(self._now(), usegmt=True)
        if "nginx" not in headers[hdrs.SERVER]:
            told = _in_gos_order(headers)
            headers.clear()
            headers.extend(told)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        acting = [one for one in self.faults if self._acts(one, request)]
        for one in acting:
            if one.fault.change.answer is not None:
                return await one.fault.change.answer(request)
        settings, talk = self._settings, None
        for one in acting:
            if one.fault.change.settings is not None and not one.everywhere:
                settings = one.fault.change.settings(settings)
            talk = talk or one.fault.change.session
        allowed = cors(request, settings.version)
        if isinstance(allowed, web.Response):
            return allowed
        path = urllib.parse.unquote(request.raw_path.partition("?")[0], errors="surrogateescape")
        if path.startswith("//") and settings.version.since(8):
            path = path[1:]
        if path == "/rtc/validate" or (path == "/rtc/v1/validate" and settings.version.since(9)):
            allowed["Access-Control-Allow-Origin"] = "*"
        asked = Asked(request, path, await form(request), allowed, settings, talk)
        claims = self._authenticate(asked)
        if isinstance(claims, web.Response):
            return claims
        return await self._route(asked, claims)

    def _acts(self, one: Placed, request: web.Request) -> bool:
        if not one.meets(request):
            return False
        self._turns[one] += 1
        return one.acts(self._turns[one])

    def _authenticate(self, asked: Asked) -> Claims | web.Response | None:
        header = asked.request.headers.get(hdrs.AUTHORIZATION, "")
        if asked.path.startswith(twirp.PREFIX) and not asked.settings.api_authorization:
            return None
        if header:
            if not header.startswith("Bearer "):
                why = "invalid authorization header. Must start with Bearer "
                return asked.text(401, why)
            token = header.removeprefix("Bearer ")
        else:
            token = asked.form.get("access_token", "")
        if not token:
            return None
        settings = asked.settings
        told = verify(token, settings.keys, self._now() + settings.token_age, settings.version)
        return asked.text(401, told) if isinstance(told, str) else told

    async def _route(self, asked: Asked, claims: Claims | None) -> web.StreamResponse:
        version = asked.settings.version
        clean = _registered(asked.path, version)
        if clean != asked.path:
            return asked.moved(clean)
        if not version.since(_since(asked.path)):
            return asked.missing()
        match asked.path:
            case "/":
                return asked.text(200, "OK")
            case "/rtc" | "/rtc/v1":
                if not upgrades(asked.request):
                    return asked.empty(404)
                return await self._connect(asked, claims, v1=asked.path == "/rtc/v1")
            case "/rtc/validate" | "/rtc/v1/validate":
                joining = self._admit(asked, claims, v1="v1" in asked.path, strict=True)
                return asked.text(200, "success") if isinstance(joining, Wish) else joining
            case "/agent":
                return asked.empty(404)
            case "/whip/v1":
                return asked.empty(204)
            case path if twirp.serves(path, version):
                return await self._call(asked, claims)
            case _:
                return self._regions(asked, claims)

    def _regions(self, asked: Asked, claims: Claims | None) -> web.Response:
        """As LiveKit Cloud answers: to whoever has a token, the nearest first."""
        regions = self._settings.regions
        if regions is None or asked.path != "/settings/regions":
            return asked.missing()
        if claims is None:
            return asked.text(401, _NO_PERMISSION)
        listed = [
            {"region": name, "url": url, "distance": str(1000 * place)}
            for place, (name, url) in enumerate(regions.items())
        ]
        headers = {**asked.cors, "Cache-Control": "max-age=30"}
        return web.json_response({"regions": listed}, headers=headers)

    async def _call(self, asked: Asked, claims: Claims | None) -> web.Response:
        request = asked.request
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            body = b"\xff"  # the real one reads on; what is this long is malformed anyway
        reply = twirp.answer(
            request.method,
            asked.path,
            request.headers.get(hdrs.CONTENT_TYPE, ""),
            body,
            twirp.Call(claims, self._rooms, self._now(), asked.settings.version),
        )
        headers = {"Content-Type": reply.content_type, **asked.cors}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _admit(
        self, asked: Asked, claims: Claims | None, *, v1: bool, strict: bool
    ) -> Wish | web.Response:
        """Whether somebody may join: all that is asked before the room is looked into."""
        version = asked.settings.version
        denied = asked.text(401, _NO_PERMISSION)
        known = claims is not None and claims.video is not None
        if not known and (version.since(11) or not version.since(9)):
            return denied
        wish = wished(asked.form, claims or NOBODY, version, v1=v1, strict=strict)
        if isinstance(wish, str):
            return asked.text(400, wish)
        claims = wish.claims
        video = claims.video
        if video is None:
            return denied
        if not video.room_join:
            return asked.text(401, "permissions denied")
        if bad := _bad_name(claims.identity, video.room, version):
            return asked.text(400, bad)
        missing = self._rooms.find(video.room, self._now()) is None
        if missing and not asked.settings.auto_create and not video.room_create:
            return asked.text(404, "requested room does not exist")
        if wish.changes_metadata and not video.can_update_own_metadata:
            return denied
        return wish

    async def _connect(
        self, asked: Asked, claims: Claims | None, *, v1: bool
    ) -> web.StreamResponse:
        wish = self._admit(asked, claims, v1=v1, strict=False)
        if isinstance(wish, web.Response):
            return wish
        if wish.reconnect and not asked.settings.version.since(8):
            return asked.text(500, "connection closed by media")
        if wish.reconnect:
            # Nobody's media survives here, so no session can be resumed.
            return await self._converse(asked, _cannot_resume)
        now = self._now()
        try:
            room = self._rooms.enter(wish.claims, now)
            if asked.settings.full:
                self._rooms.fill(room, now)
            outbox = session.Outbox(asked.settings.version)
            member = self._rooms.join(room, wish.claims, outbox.put, now)
        except NoSessionError:
            return asked.text(500, "connection closed by media")
        server = session.Server(
            asked.settings, self._rooms, self._node_id, self.port, self._now, self._clock.token_hex
        )

        async def hold(ws: web.WebSocketResponse, request: web.Request) -> None:
            transport = request.transport
            cut = transport.close if transport is not None else lambda: None
            await session.hold(ws, outbox, server, session.Seat(wish, room, member, cut))
            if asked.settings.cuts_after_join:
                await hang_up(request)

        try:
            return await self._converse(asked, hold)
        finally:
            # Whoever is gone without a word leaves his place at once: he had no media.
            if room.members.get(member.info.identity) is member:
                reason = DisconnectReason.SIGNAL_CLOSE
                self._rooms.remove(room, member.info.identity, reason, self._now())

    async def _converse(self, asked: Asked, talk: "Conversation") -> web.StreamResponse:
        """Upgrade, and talk over the WebSocket as long as it lasts."""
        refusal = asked.bad_handshake()
        if refusal is not None:
            return refusal
        talk = asked.talk or talk
        request = asked.request
        headers = request.headers.copy()
        offered = headers.pop(hdrs.SEC_WEBSOCKET_EXTENSIONS, "")
        if "permessage-deflate" in offered and asked.settings.version.since(8):
            # Go's server forgets its window between messages, whatever was offered.
            headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = _DEFLATE
        ws = web.WebSocketResponse(timeout=_SAID_CLOSE, max_msg_size=MAX_MESSAGE)
        with contextlib.suppress(ConnectionError):
            await ws.prepare(request.clone(headers=headers))
            await talk(ws, request)
            await ws.close()
        return ws


def _bad_name(identity: str, room: str, version: Version) -> str:
    """The body of the 400 that these names earn."""
    limited = version.since(8)
    if not identity:
        return "identity cannot be empty"
    if limited and size(identity) > twirp.MAX_NAME:
        return f"participant identity length exceeds limits: max length {twirp.MAX_NAME}"
    if not room and version.since(9):
        return "no room name"
    if limited and size(room) > twirp.MAX_NAME:
        return f"room name length exceeds limits: max length {twirp.MAX_NAME}"
    return ""


def _registered(path: str, version: Version) -> str:
    """The path under which the server looks for a handler; it redirects from any other."""
    clean = cleaned(path)
    slash = not twirp.serves(clean, version) and twirp.serves(f"{clean}/", version)
    return f"{clean}/" if slash else clean


def _since(path: str) -> int:
    """The minor version that first had this path."""
    if path == "/agent":
        return 8
    return 9 if path in ("/rtc/v1", "/rtc/v1/validate", "/whip/v1") else 0


def _in_gos_order(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a handler set, sorted; then the date, and what net/http found out by itself."""
    last: tuple[str, ...] = (hdrs.DATE, hdrs.CONTENT_LENGTH, hdrs.CONNECTION)
    kind = headers.get(hdrs.CONTENT_TYPE, "")
    if kind.startswith("text/plain") and "X-Content-Type-Options" not in headers:
        last = (hdrs.DATE, hdrs.CONTENT_LENGTH, hdrs.CONTENT_TYPE, hdrs.CONNECTION)
    elif kind.startswith("application/"):
        last = (hdrs.DATE, hdrs.CONNECTION)
    set_by_handler = sorted({*headers} - {*last, hdrs.SERVER})
    return [(name, headers[name]) for name in (*set_by_handler, *last) if name in headers]


_DEFLATE: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_NO_PERMISSION: Final = "no permissions to access the room"


async def _cannot_resume(ws: web.WebSocketResponse, _: web.Request) -> None:
    leave = LeaveRequest(
        reason=DisconnectReason.STATE_MISMATCH, action=LeaveRequest.Action.RECONNECT
    )
    await ws.send_bytes(SignalResponse(leave=leave).SerializeToString())


@contextlib.contextmanager
def running_sandbox(
    *,
    port: int = 0,
    faults: Iterable[Fault | Placed | str] = (),
    version: str | None = None,
    keys: Mapping[str, str] | None = None,
    auto_create: bool = True,
    clock: Clock | None = None,
    update_interval: float = 3.0,
    turn_credential: str | None = None,
    regions: Mapping[str, str] | None = None,
) -> Iterator[Sandbox]:
    """A sandbox for code without an event loop: it runs in a thread until the block ends."""
    sandbox = Sandbox(
        port=port,
        faults=faults,
        version=version,
        keys=keys,
        auto_create=auto_create,
        clock=clock,
        update_interval=update_interval,
        turn_credential=turn_credential,
        regions=regions,
    )
    started = threading.Event()
    thread = _Loop(sandbox, started)
    thread.start()
    started.wait()
    if thread.failure is not None:
        thread.join()
        raise thread.failure
    try:
        yield sandbox
    finally:
        thread.stop()


class _Loop(threading.Thread):
    """A thread with an event loop in which one sandbox lives."""

    def __init__(self, sandbox: Sandbox, ready: threading.Event) -> None:
        super().__init__(name="lkdoctor-sandbox", daemon=True)
        self.failure: BaseException | None = None
        self.sandbox = sandbox
        self.ready = ready
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ending: asyncio.Event | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 raised again where it was started
            self.failure = failure
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ending = asyncio.Event()
        async with self.sandbox:
            self.ready.set()
            await self.ending.wait()

    def stop(self) -> None:
        if self.loop is not None and self.ending is not None:
            self.loop.call_soon_threadsafe(self.ending.set)
        self.join()
