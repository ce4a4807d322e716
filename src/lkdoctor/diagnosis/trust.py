"""What a host has to show that a folder names, before it gets more than a join.

`run` finds it out in the join that it does anyway. A command that otherwise joins nothing, or
joins with more, does a join for it alone: `prove`.
"""

from collections.abc import Mapping

from lkdoctor import actions, catalogue
from lkdoctor.config.target import KeyPair
from lkdoctor.diagnosis import way
from lkdoctor.diagnosis.fold import Skip
from lkdoctor.diagnosis.signing import Signer
from lkdoctor.facts.signal import SignalFact, Whose
from lkdoctor.findings import Layer
from lkdoctor.probes import signal
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Route
from lkdoctor.report.model import SkipReason
from lkdoctor.tokens.proof import Proof

TTL_S = 60.0
"""A token that lkdoctor mints for itself serves one run."""


async def prove(route: Route, pair: KeyPair, deadline: Deadline) -> SignalFact:
    """Join a throw-away room and leave; ``proven`` says whether the server holds the secret.

    Args:
        route: to a server that is reached.
        pair: what signs; of it the server gets one token, which opens that room alone.
        deadline: for all of it.
    """
    clock = deadline.clock
    signer = Signer(pair, clock, TTL_S)
    name = f"lkdoctor-{clock.token_hex(8)}"
    identity = name.replace("lkdoctor-", "lkdoctor-probe-")
    video = {"roomJoin": True, "room": name, "canPublish": False, "canPublishData": False}
    token = signer.sign(video, identity=identity, room_config=actions.fleeting(name))
    room = actions.ThrowAwayRoom(
        name,
        route.endpoint.url,
        lambda: signer.sign({"roomCreate": True}),
        way.asking(route, clock, actions.GRACE),
    )

    def look(refreshed: str) -> Proof | None:
        proof = signer.proof(refreshed, room=name, identity=identity)
        if proof is not None:
            room.proven(proof)
        return proof

    async with room:
        room.joining()
        session = await signal.join(
            *(route, token, Whose.MINTED, deadline), pings=0, media=signal.Talk.shown, prove=look
        )
        room.joined(session.attempt.result, session.first)
    return session.fact._replace(
        upgrades=(session.attempt,), clean_up=room.clean_up, room_minted=name
    )


def alone() -> Mapping[str, Skip]:
    """The checks of the environment, as where of all of them that of trust alone is asked."""
    return {
        check.id: Skip(SkipReason.DESELECTED)
        for check in catalogue.checks((Layer.ENV,))
        if not check.stands
    }
