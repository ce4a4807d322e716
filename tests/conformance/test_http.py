"""What is answered outside a session: status, every header but the date, body."""

from typing import Any

import aiohttp
import pytest
from conformance.peer import UPGRADE, Target, join_request, new_room

BROWSER = {"Origin": "https://app.example"}
PREFLIGHT = {**BROWSER, "Access-Control-Request-Method": "POST"}


async def _answer(
    http: aiohttp.ClientSession, target: Target, method: str, path: str, headers: dict[str, str]
) -> dict[str, Any]:
    async with http.request(
        method, target.at(path), headers=headers, allow_redirects=False
    ) as response:
        shown = [(k.decode(), v.decode()) for k, v in response.raw_headers if k != b"Date"]
        return {
            "status": response.status,
            "reason": response.reason,
            "headers": [pair for pair in shown if pair != ("Connection", "close")],
            "body": (await response.read()).decode(),
        }


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("GET", "/", {}, id="root"),
        pytest.param("HEAD", "/", {}, id="root, head only"),
        pytest.param("GET", "/", BROWSER, id="root from a browser"),
        pytest.param("GET", "/", {"Authorization": "Bearer x"}, id="root with a bad token"),
        pytest.param("GET", "/?access_token=x", {}, id="root with a bad token in the query"),
        pytest.param("GET", "/rtc", {}, id="rtc without upgrade"),
        pytest.param("GET", "/rtc/v1", {}, id="rtc/v1 without upgrade"),
        pytest.param("GET", "/rtc", {**UPGRADE, "Connection": "keep-alive"}, id="half an upgrade"),
        pytest.param("GET", "/rtc", {**UPGRADE, "Upgrade": "h2c"}, id="another upgrade"),
        pytest.param("GET", "/rtc/", {}, id="rtc with a slash"),
        pytest.param("GET", "/nothing", {}, id="unknown path"),
        pytest.param("GET", "/nothing", BROWSER, id="unknown path from a browser"),
        pytest.param("GET", "/metrics", {}, id="metrics"),
        pytest.param("GET", "/debug/rooms", {}, id="debug, without --dev"),
        pytest.param("GET", "/settings/regions", {}, id="regions of a self-hosted server"),
        pytest.param("GET", "/agent", {}, id="agent"),
        pytest.param("GET", "/rtc/validate", {}, id="validate without a token"),
        pytest.param("POST", "/rtc/validate", {}, id="validate, posted"),
        pytest.param("OPTIONS", "/rtc/validate", {}, id="validate, options"),
        pytest.param("GET", "/rtc/validate", BROWSER, id="validate from a browser"),
        pytest.param("OPTIONS", "/rtc/validate", PREFLIGHT, id="validate, preflight"),
        pytest.param("GET", "//rtc/validate", {}, id="double slash in front"),
        pytest.param("GET", "/rtc//validate", {}, id="double slash inside"),
        pytest.param("GET", "/rtc/../rtc/validate?a=b&c", {}, id="dots inside"),
        pytest.param("GET", "/rtc/./", {}, id="a dot at the end"),
        pytest.param("GET", "/twirp/livekit.RoomService", {}, id="twirp without a method"),
        pytest.param("GET", "/twirp/livekit.Nope/ListRooms", {}, id="unknown service"),
        pytest.param("OPTIONS", "/twirp/livekit.RoomService/ListRooms", PREFLIGHT, id="preflight"),
        pytest.param(
            "OPTIONS",
            "/twirp/livekit.RoomService/ListRooms",
            {**PREFLIGHT, "Access-Control-Request-Headers": "authorization,content-type"},
            id="preflight that names headers",
        ),
        pytest.param(
            "OPTIONS",
            "/twirp/livekit.RoomService/ListRooms",
            {**BROWSER, "Access-Control-Request-Method": "PUT"},
            id="preflight of a method that is not allowed",
        ),
        pytest.param(
            "OPTIONS", "/rtc", {"Access-Control-Request-Method": "GET"}, id="preflight from nowhere"
        ),
        pytest.param("GET", "/rtc", UPGRADE, id="upgrade without a token"),
        pytest.param("GET", "/rtc/v1", UPGRADE, id="upgrade v1 without a token"),
    ],
)
async def test_without_a_token(
    method: str,
    path: str,
    headers: dict[str, str],
    both: tuple[Target, Target],
    http: aiohttp.ClientSession,
) -> None:
    real_target, sandbox_target = both
    real = await _answer(http, real_target, method, path, headers)
    assert await _answer(http, sandbox_target, method, path, headers) == real


def _without(name: str) -> dict[str, str]:
    return {key: value for key, value in UPGRADE.items() if key != name}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("GET", "/rtc/validate", {}, id="validate"),
        pytest.param("GET", "/rtc/validate", BROWSER, id="validate from a browser"),
        pytest.param("GET", "/rtc/v1/validate", {}, id="v1 without join_request"),
        pytest.param("GET", "/rtc/v1", UPGRADE, id="upgrade v1 without join_request"),
        pytest.param("GET", "/rtc/v1/validate?join_request=%25%25", {}, id="not base64"),
        pytest.param("GET", "/rtc/v1/validate?join_request=AAAA", {}, id="not a wrapped request"),
        pytest.param("GET", "/rtc/v1/validate?join_request=EgP___8=", {}, id="not a request"),
        pytest.param("GET", "/rtc/v1/validate?join_request=CAESA____w==", {}, id="not gzip"),
        pytest.param(
            "GET",
            f"/rtc/v1/validate?join_request={join_request(metadata='new')}",
            {},
            id="metadata that the token does not allow",
        ),
        pytest.param("GET", "/rtc/validate?attributes=%25", {}, id="attributes not base64"),
        pytest.param("GET", "/rtc/validate?attributes=eyJhIjoiYiJ9", {}, id="attributes denied"),
        pytest.param(
            "GET", "/rtc", {**UPGRADE, "Sec-WebSocket-Version": "8"}, id="WebSocket version 8"
        ),
        pytest.param("GET", "/rtc", _without("Sec-WebSocket-Version"), id="no WebSocket version"),
        pytest.param("GET", "/rtc", _without("Sec-WebSocket-Key"), id="no WebSocket key"),
        pytest.param(
            "GET", "/rtc", {**UPGRADE, "Sec-WebSocket-Key": "x"}, id="short WebSocket key"
        ),
        pytest.param("POST", "/rtc", UPGRADE, id="upgrade, posted"),
        pytest.param("GET", "/rtc?reconnect=1", _without("Sec-WebSocket-Key"), id="resume, no key"),
    ],
)
async def test_with_a_token(
    method: str,
    path: str,
    headers: dict[str, str],
    both: tuple[Target, Target],
    http: aiohttp.ClientSession,
) -> None:
    if both[0].version == "1.5.0" and (
        headers.get("Sec-WebSocket-Key") == "x" or "reconnect" in path
    ):
        pytest.skip("it takes any key, which no client sends; it resumes by what comes first in it")
    answers = []
    for target in both:
        token = target.token(room=new_room(), identity="somebody", roomJoin=True)
        bearer = {"Authorization": f"Bearer {token}", **headers}
        answers.append(await _answer(http, target, method, path, bearer))
    assert answers[1] == answers[0]


@pytest.mark.parametrize("offered", ["", "permessage-deflate; client_max_window_bits"])
async def test_the_upgrade_has_these_headers_and_no_other(
    offered: str, target: Target, http: aiohttp.ClientSession
) -> None:
    token = target.token(room=new_room(), identity="somebody", roomJoin=True)
    headers = {**UPGRADE, "Authorization": f"Bearer {token}"}
    if offered:
        headers["Sec-WebSocket-Extensions"] = offered
    async with http.get(target.at("/rtc"), headers=headers) as response:
        told = [(name.decode(), value.decode()) for name, value in response.raw_headers]
        response.close()
    compressed = offered and target.version != "1.5.0"
    extension = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    assert (response.status, told) == (
        101,
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", "BACScCJPNqyz+UBoqMH89VmURoA="),
            *([("Sec-WebSocket-Extensions", extension)] if compressed else []),
        ],
    )


async def test_a_refused_upgrade_leaves_the_connection_usable(target: Target) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as kept:
        async with kept.get(target.at("/rtc"), headers=UPGRADE) as refused:
            assert refused.status == 401
        async with kept.get(target.at("/")) as answer:
            assert (answer.status, await answer.read()) == (200, b"OK")
