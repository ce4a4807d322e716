"""What is said in a session, by the sandbox and by the real server: the same, but for the media.

Whole transcripts are compared, with what differs from run to run replaced by its name.
"""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import servers
from conformance.peer import UPGRADE, Peer, Target, join, join_request, new_room
from google.protobuf import json_format
from livekit.protocol.rtc import LeaveRequest, Ping, SignalResponse

from lkdoctor.sandbox import running_sandbox

ATTRIBUTES = base64.urlsafe_b64encode(b'{"a": "b", "gone": ""}').decode()
BEFORE_V1 = ("1.8.4", "1.5.0")
VOLATILE = {
    "sid",
    "turnPassword",
    "creationTime",
    "creationTimeMs",
    "joinedAt",
    "joinedAtMs",
    "nodeId",
    "sifTrailer",
    "urls",
    "refreshToken",
    "id",
}


def settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _settled_member(key, item) for key, item in value.items()}
    return [settled(item) for item in value] if isinstance(value, list) else value


def _settled_member(key: str, value: Any) -> Any:
    # The real server counts a participant's changes, one more or less by who asked when.
    counted = key == "version" and isinstance(value, int)
    return f"<{key}>" if key in VOLATILE or counted else settled(value)


def told(message: SignalResponse) -> dict[str, Any]:
    shown: dict[str, Any] = settled(json_format.MessageToDict(message))
    if message.WhichOneof("message") == "join":
        # The real server counts who is in a room every five seconds.
        shown["join"]["room"].pop("numParticipants", None)
    return shown


async def _greeting(http: aiohttp.ClientSession, target: Target, path: str, **grant: Any) -> Any:
    """All up to the last trickle, the order of what follows the join left aside."""
    token = target.token(room=new_room(), identity="anna", roomJoin=True, **grant)
    headers = {"Authorization": f"Bearer {token}"}
    peer = Peer(await http.ws_connect(target.at(path), headers=headers))
    first = await peer.receive()
    # 1.5 does not say which trickle is the last.
    trickles = set() if target.version == "1.5.0" else {"trickle"}
    joined = told(first)
    joined["join"]["room"]["name"] = "<name>"
    said: dict[str, Any] = {"join": joined}
    wanted = {"refresh_token"} | ({"offer", *trickles} if first.join.subscriber_primary else set())
    while wanted:
        message = await peer.receive()
        kind = str(message.WhichOneof("message"))
        if kind == "trickle":
            if message.trickle.final:
                wanted.discard(kind)
        elif kind != "update":
            wanted.discard(kind)
            said[kind] = _offer(message) if kind == "offer" else told(message)
    await peer.ws.close()
    return said


def _offer(message: SignalResponse) -> list[str]:
    """The offer's lines, without their values that are random."""
    random = ("o=", "a=fingerprint:sha-256", "a=ice-ufrag:", "a=ice-pwd:")
    lines = message.offer.sdp.split("\r\n")
    return [next((start for start in random if line.startswith(start)), line) for line in lines]


@pytest.mark.parametrize(
    ("path", "grant"),
    [
        pytest.param("/rtc?protocol=16&auto_subscribe=1", {}, id="rtc"),
        pytest.param("/rtc?protocol=16&auto_subscribe=0", {}, id="rtc, no subscriptions"),
        pytest.param("/rtc", {}, id="rtc without parameters"),
        pytest.param(f"/rtc/v1?join_request={join_request()}", {}, id="rtc/v1"),
        pytest.param("/rtc?protocol=16", {"canSubscribe": False}, id="may not subscribe"),
        pytest.param(
            "/rtc?protocol=16", {"canPublish": False, "hidden": True}, id="hidden watcher"
        ),
        pytest.param(
            f"/rtc?protocol=16&attributes={ATTRIBUTES}",
            {"canUpdateOwnMetadata": True},
            id="own attributes",
        ),
        pytest.param(
            f"/rtc/v1?join_request={join_request(metadata='m', participant_attributes={'a': 'b'})}",
            {"canUpdateOwnMetadata": True},
            id="own attributes on rtc/v1",
        ),
        pytest.param(
            "/rtc?protocol=16",
            {"canPublishSources": ["camera", "hologram"], "canUpdateOwnMetadata": True},
            id="one source",
        ),
    ],
)
async def test_the_greeting(
    path: str, grant: dict[str, Any], both: tuple[Target, Target], http: aiohttp.ClientSession
) -> None:
    if "/rtc/v1" in path and both[0].version in BEFORE_V1:
        pytest.skip("that version has no /rtc/v1")
    real, sandbox = [await _greeting(http, target, path, **grant) for target in both]
    assert sandbox == real


async def test_the_candidates_are_on_this_machine(
    target: Target, http: aiohttp.ClientSession
) -> None:
    peer = await join(http, target, new_room(), "anna")
    seen = []
    final = False
    while not final:
        trickle = (await peer.receive("trickle")).trickle
        final = trickle.final
        init = json.loads(trickle.candidateInit)
        words = init["candidate"].split()
        if words[4] == "127.0.0.1":
            seen.append((words[2], words[7], words[9:10] == ["passive"], init["sdpMid"]))
        # 1.5 does not say which one is the last.
        final = final or (target.version == "1.5.0" and len(seen) == 2)
    await peer.ws.close()
    mid = "" if target.version == "1.5.0" else "0"
    assert seen == [("udp", "host", False, mid), ("tcp", "host", True, mid)]


async def test_the_fresh_token_is_as_good_as_the_one_that_was_sent(
    target: Target, http: aiohttp.ClientSession
) -> None:
    room = new_room()
    claims = {
        "sub": "anna",
        "name": "Anna",
        "metadata": "m",
        "attributes": {"a": "b"},
        "exp": int(time.time()) + 5000,
        "video": {"roomJoin": True, "room": room, "canPublish": False, "hidden": False},
        "roomConfig": {"departureTimeout": 1, "agents": [{"agentName": "nobody"}]},
    }
    headers = {"Authorization": f"Bearer {target.signed(claims)}"}
    peer = Peer(await http.ws_connect(target.at("/rtc"), headers=headers))
    fresh = (await peer.receive("refresh_token")).refresh_token
    payload = json.loads(base64.urlsafe_b64decode(fresh.split(".")[1] + "=="))
    headers = {"Authorization": f"Bearer {fresh}"}
    async with http.get(target.at("/rtc/validate"), headers=headers) as answer:
        assert answer.status == 200
    await peer.ws.close()
    newest = target.version == servers.NEWEST
    times = {name: payload.pop(name) for name in ("exp", "nbf")}
    assert payload.pop("iat", None) == (times["nbf"] if newest else None)
    payload.pop("iss")  # any of the server's keys
    assert payload == {
        "sub": "anna",
        **({} if target.version in BEFORE_V1 else {"identity": "anna", "kind": "standard"}),
        "name": "Anna",
        "metadata": "m",
        **({} if target.version == "1.5.0" else {"attributes": {"a": "b"}}),
        "video": {"roomJoin": True, "room": room, "canPublish": False},
        **({} if target.version == "1.5.0" else {"roomConfig": claims["roomConfig"]}),
    }
    lasts = times["exp"] - times["nbf"]
    assert 4900 < lasts <= 5000 if newest else 590 < lasts <= 660


async def test_pings(target: Target, http: aiohttp.ClientSession) -> None:
    peer = await join(http, target, new_room(), "anna")
    await peer.send(ping=1)
    pong = (await peer.receive("pong")).pong
    await peer.send(ping_req=Ping(timestamp=123456, rtt=7))
    answer = (await peer.receive("pong_resp")).pong_resp
    await peer.ws.close()
    assert answer.last_ping_timestamp == 123456
    assert abs(pong - time.time() * 1000) < 60_000
    assert 0 <= answer.timestamp - pong < 60_000


async def test_text_is_answered_in_text(target: Target, http: aiohttp.ClientSession) -> None:
    peer = await join(http, target, new_room(), "anna")
    await peer.receive("refresh_token")
    unknown = ', "nonsense": 1' if target.version == servers.NEWEST else ""
    await peer.ws.send_str(f'{{"pingReq": {{"timestamp": "5"{unknown}}}}}')
    text = ""
    while "pongResp" not in text:
        message = await peer.ws.receive(timeout=15)
        text = message.data if message.type is aiohttp.WSMsgType.TEXT else ""
    await peer.ws.close()
    assert json.loads(text)["pongResp"]["lastPingTimestamp"] == "5"


async def test_a_leave_is_answered(target: Target, http: aiohttp.ClientSession) -> None:
    peer = await join(http, target, new_room(), "anna")
    await peer.send(leave=LeaveRequest(reason="CLIENT_INITIATED"))
    ending = await peer.ending()
    assert ending[-2:] == [{"leave": {"reason": "CLIENT_INITIATED"}}, {"closed": 1000}]
    if target.version == "1.5.0":  # which says no goodbye
        assert peer.ws.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_unknown_json_ends_an_older_session(
    target: Target, http: aiohttp.ClientSession
) -> None:
    """The newest overlooks what it does not know."""
    peer = await join(http, target, new_room(), "anna")
    await peer.receive("join")
    await peer.ws.send_str('{"nonsense": 1}')
    if target.version == servers.NEWEST:
        await peer.ws.send_str('{"leave": {}}')
    assert (await peer.ending())[-1] == {"closed": 1000}


@pytest.mark.parametrize("frame", [b"\xff\xff\xff", b"\x0a", "not JSON", '{"ping": "x"}'])
async def test_what_cannot_be_read_ends_the_connection(
    frame: bytes | str, target: Target, http: aiohttp.ClientSession
) -> None:
    peer = await join(http, target, new_room(), "anna")
    await peer.receive("join")
    await (peer.ws.send_bytes(frame) if isinstance(frame, bytes) else peer.ws.send_str(frame))
    assert await peer.ending() == [{"closed": 1000}]


async def test_the_same_identity_takes_the_place(
    target: Target, http: aiohttp.ClientSession
) -> None:
    room = new_room()
    first = await join(http, target, room, "anna")
    await first.receive("join")
    second = await join(http, target, room, "anna")
    joined = (await second.receive("join")).join
    assert await first.ending() == [{"leave": {"reason": "DUPLICATE_IDENTITY"}}, {"closed": 1000}]
    assert list(joined.other_participants) == []
    await second.ws.close()


async def _api(http: aiohttp.ClientSession, target: Target, method: str, **request: Any) -> Any:
    token = target.token(
        room=request.get("room", ""), roomAdmin=True, roomCreate=True, roomList=True
    )
    async with http.post(
        target.at(f"/twirp/livekit.RoomService/{method}"),
        json=request,
        headers={"Authorization": f"Bearer {token}"},
    ) as response:
        assert response.status == 200
        return await response.json()


@pytest.mark.parametrize(
    ("method", "reason"),
    [("DeleteRoom", "ROOM_DELETED"), ("RemoveParticipant", "PARTICIPANT_REMOVED")],
)
async def test_the_api_ends_a_session(
    method: str, reason: str, target: Target, http: aiohttp.ClientSession
) -> None:
    room = new_room()
    peer = await join(http, target, room, "anna")
    await peer.receive("join")
    await _api(http, target, method, room=room, identity="anna")
    assert await peer.ending() == [{"leave": {"reason": reason}}, {"closed": 1000}]


async def _news(peer: Peer, identity: str) -> dict[str, Any]:
    """What a participant is told of another."""
    while True:
        for info in (await peer.receive("update")).update.participants:
            if info.identity == identity:
                shown: dict[str, Any] = settled(json_format.MessageToDict(info))
                return shown


async def _gone(http: aiohttp.ClientSession, target: Target, how: str) -> list[Any]:
    """What Ben was told of Anna, and Anna of Ben, who goes."""
    room = new_room()
    anna = await join(http, target, room, "anna")
    await anna.receive("join")
    ben = await join(http, target, room, "ben")
    joined = told(await ben.receive("join"))["join"]
    if how == "leaves":
        await ben.send(leave=LeaveRequest(reason="CLIENT_INITIATED"))
    elif how == "is removed":
        await _api(http, target, "RemoveParticipant", room=room, identity="ben")
    else:
        await ben.ws.close()
    news = await _news(anna, "ben")
    inside = await _api(http, target, "ListParticipants", room=room)
    await anna.ws.close()
    await ben.ws.close()
    present = [info["identity"] for info in inside["participants"]]
    return [joined["otherParticipants"], news, present]


@pytest.mark.parametrize("how", ["leaves", "drops the connection", "is removed"])
async def test_others_are_told_who_is_gone(
    how: str, both: tuple[Target, Target], http: aiohttp.ClientSession
) -> None:
    real, sandbox = await asyncio.gather(*(_gone(http, target, how) for target in both))
    assert sandbox == real


async def _come(http: aiohttp.ClientSession, target: Target, *, hidden: bool) -> Any:
    """The first news that Anna gets when Ben has come, his state included."""
    room = new_room()
    anna = await join(http, target, room, "anna")
    await anna.receive("join")
    ben = await join(http, target, room, "ben", hidden=hidden)
    await ben.receive("join")
    update = (await anna.receive("update")).update
    await anna.ws.close()
    await ben.ws.close()
    said = settled(json_format.MessageToDict(update))
    # The real server keeps them in a map, which has no order.
    said["participants"].sort(key=lambda participant: participant["identity"])
    return said


@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "hidden"])
async def test_a_newcomer_is_announced_unless_he_is_hidden(
    hidden: bool, both: tuple[Target, Target], http: aiohttp.ClientSession
) -> None:
    real, sandbox = await asyncio.gather(*(_come(http, target, hidden=hidden) for target in both))
    assert sandbox == real
    assert len(sandbox["participants"]) == (1 if hidden else 2)


async def test_a_full_room_is_seen_by_the_upgrade_alone(
    target: Target, http: aiohttp.ClientSession
) -> None:
    room = new_room()
    await _api(http, target, "CreateRoom", name=room, max_participants=1)
    anna = await join(http, target, room, "anna")
    await anna.receive("join")
    bearer = {"Authorization": f"Bearer {target.token(room=room, identity='ben', roomJoin=True)}"}
    async with http.get(target.at("/rtc/validate"), headers=bearer) as answer:
        assert (answer.status, await answer.text()) == (200, "success")
    async with http.get(target.at("/rtc"), headers={**UPGRADE, **bearer}) as answer:
        assert (answer.status, await answer.text()) == (500, "connection closed by media")
    # An agent takes no place, since there are any; whoever has the identity already takes his own.
    agent = target.signed(
        {"sub": "agent", "kind": "agent", "video": {"roomJoin": True, "room": room, "agent": True}}
    )
    bearer = {"Authorization": f"Bearer {agent}"}
    async with http.get(target.at("/rtc"), headers={**UPGRADE, **bearer}) as answer:
        assert answer.status == (500 if target.version == "1.5.0" else 101)
        answer.close()
    again = await join(http, target, room, "anna")
    assert (await again.receive("join")).join.participant.identity == "anna"
    await asyncio.gather(again.ws.close(), anna.ws.close())


async def test_a_session_that_is_gone_cannot_be_resumed(
    both: tuple[Target, Target], http: aiohttp.ClientSession
) -> None:
    if both[0].version == "1.5.0":
        pytest.skip("the real one says one thing or another, by what comes first in it")
    said = []
    for target in both:
        token = target.token(room=new_room(), identity="anna", roomJoin=True)
        ws = await http.ws_connect(
            target.at("/rtc?protocol=16&reconnect=1&sid=PA_gone"),
            headers={"Authorization": f"Bearer {token}"},
        )
        said.append(await Peer(ws).ending())
    assert said[1] == said[0]


async def test_a_room_is_gone_soon_after_the_last_one_left(
    target: Target, http: aiohttp.ClientSession
) -> None:
    room = new_room()
    await _api(http, target, "CreateRoom", name=room, departure_timeout=1)
    anna = await join(http, target, room, "anna")
    await anna.receive("join")
    listed = await _api(http, target, "ListRooms", names=[room])
    assert [found["name"] for found in listed["rooms"]] == [room]
    await anna.ws.close()
    while listed["rooms"]:  # bounded by the test's own timeout
        listed = await _api(http, target, "ListRooms", names=[room])


@pytest.fixture(params=["sandbox", "real"], scope="module")
def explicit(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A server on which joining does not make a room."""
    if request.param == "sandbox":
        with running_sandbox(auto_create=False) as sandbox:
            yield Target(
                "sandbox",
                sandbox.server_version,
                sandbox.http_url,
                sandbox.api_key,
                sandbox.api_secret,
            )
    else:
        request.getfixturevalue("real_server")  # skips where there is none
        with servers.livekit_server(config={"room": {"auto_create": False}}) as server:
            yield Target("real", server.version, server.http_url, server.api_key, server.api_secret)


@pytest.mark.parametrize("path", ["/rtc/validate", "/rtc"])
async def test_without_auto_create_a_room_must_exist(
    path: str, explicit: Target, http: aiohttp.ClientSession
) -> None:
    room = new_room()
    answers = []
    for grant in ({}, {"roomCreate": True}):
        token = explicit.token(room=room, identity="anna", roomJoin=True, **grant)
        headers = {**(UPGRADE if path == "/rtc" else {}), "Authorization": f"Bearer {token}"}
        async with http.get(explicit.at(path), headers=headers) as answer:
            answers.append((answer.status, "" if answer.status == 101 else await answer.text()))
            answer.close()
    entered = (101, "") if path == "/rtc" else (200, "success")
    assert answers == [(404, "requested room does not exist"), entered]
