"""The server API of real servers, and of what stands in front of them."""

import time

import jwt
import pytest
from probes.peers import Caller, address, free_port, peer, soon, timeless
from servers import RunningServer

from lkdoctor.facts.api import ForeignAnswer, ParticipantsListed, RoomsListed, TwirpError
from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes import api
from lkdoctor.probes.route import Endpoint, dial
from lkdoctor.redact import Secret

DENIED = TwirpError("unauthenticated", "permissions denied", 401)


def token(server: RunningServer, secret: str | None = None, **video: object) -> Secret:
    claims = {"iss": server.long_key, "sub": "", "exp": int(time.time()) + 60, "video": video}
    return Secret(jwt.encode(claims, secret or server.long_secret))


async def test_a_server_without_that_room(each_real_server: RunningServer) -> None:
    server, deadline = each_real_server, soon()
    async with dial(Endpoint(address(server.port)), deadline) as route:
        lister = token(server, roomList=True)
        keeper = token(server, roomAdmin=True, room="nowhere")
        # Other tests leave rooms on this server for a while.
        assert isinstance(await api.list_rooms(route, lister, deadline), RoomsListed)
        assert await api.list_rooms(route, lister, deadline, ("nowhere",)) == RoomsListed(())
        assert await api.list_rooms(route, None, deadline) == DENIED
        assert await api.list_rooms(route, token(server), deadline) == DENIED
        empty = ParticipantsListed("nowhere", ())
        assert await api.list_participants(route, keeper, deadline, "nowhere") == empty
        assert await api.list_participants(route, keeper, deadline, "elsewhere") == DENIED


async def test_a_wrong_secret_is_answered_in_plain_text(each_real_server: RunningServer) -> None:
    server, deadline = each_real_server, soon()
    wrong = token(server, "a-secret-of-another-server-00000000", roomList=True)
    async with dial(Endpoint(address(server.port)), deadline) as route:
        answer = await api.list_rooms(route, wrong, deadline)
    assert isinstance(answer, ForeignAnswer)
    assert isinstance(answer.exchange, HttpAnswer)
    assert answer.exchange.status == 401
    assert answer.exchange.header("content-type") == "text/plain; charset=utf-8"
    assert answer.exchange.body.startswith("invalid token: <")
    assert wrong.reveal().split(".")[1][:12] not in answer.exchange.body


@pytest.mark.parametrize("rooms", [3000])
async def test_a_list_longer_than_any_evidence_is_read_whole(rooms: int) -> None:
    room = b'{"sid":"RM_1","name":"a room","enabled_codecs":[{"mime":"audio/opus"}]}'
    body = b'{"rooms":[' + b",".join([room] * rooms) + b"]}"

    async def serve(caller: Caller) -> None:
        await caller.head()
        await caller.say(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )

    deadline = soon()
    async with peer(serve) as there, dial(Endpoint(there), deadline) as route:
        answer = await api.list_rooms(route, None, deadline)
    assert isinstance(answer, RoomsListed)
    assert len(answer.rooms) == rooms


def prefixed(there: ParsedUrl) -> ParsedUrl:
    return there._replace(path="/sfu")


async def test_a_path_that_is_not_routed() -> None:
    async def serve(caller: Caller) -> None:
        assert b"/sfu/twirp/livekit.RoomService/ListRooms HTTP" in await caller.head()
        await caller.say(b"HTTP/1.1 405 Not Allowed\r\nContent-Length: 6\r\n\r\n<html>")

    deadline = soon()
    async with peer(serve) as there, dial(Endpoint(prefixed(there)), deadline) as route:
        answer = timeless(await api.list_rooms(route, None, deadline))
    page = HttpAnswer(405, "Not Allowed", (("content-length", "6"),), "<html>", 6, 0.0)
    assert answer == ForeignAnswer(page)


async def test_nobody_there() -> None:
    deadline = soon()
    async with dial(Endpoint(address(free_port())), deadline) as route:
        answer = timeless(await api.list_rooms(route, None, deadline))
    detail = "there is no way to this server"
    assert answer == ForeignAnswer(NoAnswer(Silence.NOT_CONNECTED, detail, 0.0))
