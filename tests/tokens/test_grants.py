"""What grants allow, why, and which name was meant by a wrong one."""

import http.client
import json
import time
from typing import Any

import pytest
import servers
from tokens.samples import token

from lkdoctor.tokens.grants import (
    GRANTS,
    capabilities,
    find,
    find_near,
    in_short,
    meant,
    nearest,
)


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("room_join", "roomJoin"),
        ("RoomJoin", "roomJoin"),
        ("roomjoin", "roomJoin"),
        ("room-join", "roomJoin"),
        ("rommJoin", "roomJoin"),
        ("roomJion", "roomJoin"),
        ("can_publish", "canPublish"),
        ("canPublsh", "canPublish"),
        ("canPublishSource", "canPublishSources"),
        ("roomName", "room"),
        ("room_name", "room"),
        ("publish", "canPublish"),
        ("canUpdateMetadata", "canUpdateOwnMetadata"),
        ("admin", "roomAdmin"),
        ("flyToTheMoon", None),
        ("x", None),
        ("", None),
        ("r" * 5000, None),
    ],
)
def test_the_nearest_right_name_of_a_video_grant(written: str, right: str | None) -> None:
    assert meant("video", written) == right


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("identity", "sub"),
        ("videoGrant", "video"),
        ("grants", "video"),
        ("Video", "video"),
        ("room_config", "roomConfig"),
        ("atributes", "attributes"),
        ("expiresAt", "exp"),
        ("roomJoin", "video.roomJoin"),
        ("canPublish", "video.canPublish"),
        ("favouriteColour", None),
    ],
)
def test_the_nearest_right_name_at_the_top_level(written: str, right: str | None) -> None:
    assert meant("", written) == right


@pytest.mark.parametrize("grant", [pytest.param(grant, id=grant.path) for grant in GRANTS])
def test_every_grant_is_found_by_its_path_and_near_it(grant: Any) -> None:
    assert find(grant.path) == grant
    assert find_near(grant.path.upper()) == grant


def test_no_name_is_near_every_name() -> None:
    assert nearest("zzzzzz", ("roomJoin", "canPublish")) is None


def allowed(video: dict[str, object]) -> dict[str, bool]:
    return {row.id: row.allowed for row in capabilities(video)}


def reason(video: dict[str, object], row: str) -> str:
    return next(r.because for r in capabilities(video) if r.id == row)


JOIN = {"roomJoin": True, "room": "demo"}


@pytest.mark.parametrize(
    ("video", "row", "may", "because"),
    [
        (JOIN, "join", True, 'roomJoin is true, room is "demo"'),
        ({"roomJoin": True}, "join", False, "roomJoin is true, but room is empty"),
        ({"room": "demo"}, "join", False, "roomJoin unset"),
        (JOIN, "camera", True, "canPublish unset, default yes"),
        (JOIN, "data", True, "canPublishData unset, follows canPublish"),
        ({"canPublish": False}, "data", False, "canPublishData unset, follows canPublish"),
        ({"canPublish": False, "canPublishData": True}, "data", True, "canPublishData is true"),
        ({"canPublishSources": ["camera"]}, "camera", True, "in canPublishSources [camera]"),
        (
            {"canPublishSources": ["camera"]},
            "microphone",
            False,
            "not in canPublishSources [camera]",
        ),
        ({"canPublishSources": []}, "camera", True, "canPublish unset, default yes"),
        (
            {"canPublish": False, "canPublishSources": ["camera"]},
            "camera",
            False,
            "canPublish is false",
        ),
        (JOIN, "subscribe", True, "canSubscribe unset, default yes"),
        ({"canSubscribe": False}, "subscribe", False, "canSubscribe is false"),
        ({"hidden": True}, "seen", False, "hidden is true"),
        (JOIN, "metadata", False, "canUpdateOwnMetadata unset, default no"),
        ({"roomAdmin": True}, "admin", True, "roomAdmin is true"),
    ],
)
def test_each_capability_has_its_reason(
    video: dict[str, object], row: str, *, may: bool, because: str
) -> None:
    """Defaults of livekit/protocol auth/grants.go; ``canPublish: false`` beats the list."""
    assert (allowed(video)[row], reason(video, row)) == (may, because)


def test_a_source_list_breaks_publishing_up() -> None:
    may, may_not = in_short(capabilities({**JOIN, "canPublishSources": ["camera"]}))
    assert may == ("join", "publish camera", "send data", "subscribe")
    assert may_not[:3] == (
        "publish microphone",
        "publish screen share",
        "publish screen share audio",
    )


@pytest.mark.parametrize(
    ("video", "expected"),
    [
        ({}, {"can_subscribe": True, "can_publish": True, "can_publish_data": True}),
        ({"canPublish": False}, {"can_subscribe": True}),
        (
            {"canPublish": False, "canPublishData": True, "hidden": True},
            {"can_subscribe": True, "can_publish_data": True, "hidden": True},
        ),
        (
            {"canPublishSources": ["camera"], "canSubscribe": False},
            {"can_publish": True, "can_publish_data": True, "can_publish_sources": ["CAMERA"]},
        ),
    ],
)
def test_a_real_server_grants_what_the_matrix_says(
    video: dict[str, object], expected: dict[str, object], real_server: servers.RunningServer
) -> None:
    """Join, ask the API what the participant may do, compare with the matrix."""
    from websockets.sync.client import connect

    now = int(time.time())
    room = f"grants-{abs(hash(json.dumps(video)))}"

    def minted(grants: dict[str, object]) -> str:
        claims = {"iss": real_server.long_key, "sub": "alice", "exp": now + 60, "video": grants}
        return token(claims, secret=real_server.long_secret)

    joining = minted({"roomJoin": True, "room": room, **video})
    url = f"{real_server.url}/rtc?access_token={joining}"
    with connect(url, proxy=None) as websocket:
        websocket.recv(timeout=10)
        connection = http.client.HTTPConnection("127.0.0.1", real_server.port, timeout=10)
        bearer = minted({"roomAdmin": True, "room": room})
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        path = "/twirp/livekit.RoomService/ListParticipants"
        connection.request("POST", path, json.dumps({"room": room}), headers)
        participants = json.loads(connection.getresponse().read())["participants"]
        connection.close()
    (permission,) = [p["permission"] for p in participants]
    assert {name: value for name, value in permission.items() if value} == expected
    rows = allowed({**JOIN, **video})
    assert rows["subscribe"] == permission.get("can_subscribe", False)
    assert rows["data"] == permission.get("can_publish_data", False)
    assert rows["seen"] != permission.get("hidden", False)
    sources = permission.get("can_publish_sources") or ["CAMERA", "MICROPHONE"]
    publishes = bool(permission.get("can_publish"))
    assert rows["camera"] == (publishes and "CAMERA" in sources)
    assert rows["microphone"] == (publishes and "MICROPHONE" in sources)
