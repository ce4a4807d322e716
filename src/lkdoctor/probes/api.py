"""What the server API says about rooms and who is in them; reads only."""

from lkdoctor.facts.api import ParticipantsAnswer, RoomsAnswer
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Route
from lkdoctor.redact import Secret
from lkdoctor.wire import twirp


async def list_rooms(
    route: Route, token: Secret | None, deadline: Deadline, names: tuple[str, ...] = ()
) -> RoomsAnswer:
    """All rooms, or those of the names given; without a token LiveKit's own 401."""
    arguments = {"names": list(names)} if names else {}
    request = twirp.call(route.endpoint.url, "ListRooms", arguments, token)
    exchanged = await route.exchange(request, deadline, limit=twirp.MAX_ANSWER)
    return twirp.rooms(exchanged.answer, exchanged.fact)


async def list_participants(
    route: Route, token: Secret | None, deadline: Deadline, room: str
) -> ParticipantsAnswer:
    """Who is in a room; an absent room and an empty one answer alike."""
    request = twirp.call(route.endpoint.url, "ListParticipants", {"room": room}, token)
    exchanged = await route.exchange(request, deadline, limit=twirp.MAX_ANSWER)
    return twirp.participants(exchanged.answer, exchanged.fact, room)
