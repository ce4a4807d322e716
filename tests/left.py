"""What a command leaves on a server, once the server had the time to end it by itself."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Final

import jwt
from servers import RunningServer

SECONDS: Final = 20.0
"""A room of ours is over within two; a busy machine takes longer."""


def rooms(server: RunningServer) -> set[str]:
    """The rooms that the server has now."""
    claims = {"iss": server.long_key, "exp": int(time.time()) + 60, "video": {"roomList": True}}
    request = urllib.request.Request(
        f"{server.http_url}/twirp/livekit.RoomService/ListRooms",
        data=b"{}",
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {jwt.encode(claims, server.long_secret)}",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {room["name"] for room in json.load(answer)["rooms"]}


def ours(name: str) -> bool:
    """Whether it is a room that lkdoctor names."""
    return name.startswith("lkdoctor-")


def staying(server: RunningServer, wanted: Callable[[str], bool] = ours) -> set[str]:
    """Those of the rooms that do not end; looked for until there are none."""
    deadline = time.monotonic() + SECONDS
    while (names := {name for name in rooms(server) if wanted(name)}) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.1)
    return names
