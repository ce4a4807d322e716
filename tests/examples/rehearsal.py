"""Facts that raise each cause of `rules/rehearsal.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.rehearsal import (
    Attempt,
    MediaPath,
    Outcome,
    Participant,
    Player,
    Publication,
    Reception,
    RehearsalFact,
    Round,
    SdkEnd,
    Step,
    StepResult,
    Stopped,
    TurnTry,
)
from lkdoctor.facts.signal import CleanUp, IceServer, Joined
from lkdoctor.rules.rehearsal import CLIENT, PROVIDER


def played() -> RehearsalFact:
    """A booking that went well."""
    people = (
        Participant(
            PROVIDER,
            "dr-ada",
            "booking-b1",
            "lkdoctor-7f3a9c21",
            sources=("microphone", "camera", "screen_share"),
            room_admin=True,
            room_record=True,
            identity_played="lkdoctor-dr-ada",
        ),
        Participant(
            CLIENT,
            "carl",
            "booking-b1",
            "lkdoctor-7f3a9c21",
            sources=("microphone", "camera", "screen_share"),
            identity_played="lkdoctor-carl",
        ),
    )
    times = (25.0, 113.0, 420.0, 60.0, 640.0, 31.0, 160.0, 12.0)
    return RehearsalFact(
        participants=people,
        rounds=(
            Round(
                players=tuple(
                    Player(
                        role=who.role,
                        steps=tuple(
                            StepResult(step, Outcome.OK, ms)
                            for step, ms in zip(Step, times, strict=True)
                        ),
                        publications=tuple(
                            Publication(s, allowed=True, took_ms=60.0) for s in who.sources
                        ),
                        receptions=tuple(
                            Reception(s, 640.0, 45, 38.0, 71.0, 210, 0, 1.2) for s in who.sources
                        ),
                        path=MediaPath("host", "host", "udp", "203.0.113.10", 7882, 24.0, 3e5),
                        attempts=tuple(
                            Attempt(
                                action,
                                grant,
                                who.room_admin,
                                who.room_admin,
                                "200" if who.room_admin else "401 unauthenticated",
                            )
                            for action, grant in (
                                ("MutePublishedTrack", "roomAdmin"),
                                ("ListEgress", "roomRecord"),
                                ("RemoveParticipant", "roomAdmin"),
                            )
                        ),
                    )
                    for who in people
                ),
                took_ms=4500.0,
            ),
        ),
        clean_ups=(CleanUp("lkdoctor-7f3a9c21", removed=False, lasts_s=1),),
    )


def _played(fact: RehearsalFact | None = None) -> Facts:
    return healthy()._replace(rehearsal=fact or played())


def _people(number: int, **fields: object) -> RehearsalFact:
    """The booking with something else in one one's grants."""
    people = list(played().participants)
    people[number] = people[number]._replace(**fields)  # type: ignore[arg-type]  # the record's own names
    return played()._replace(participants=tuple(people))


def stopped(
    step: Step, outcome: Outcome = Outcome.TIMEOUT, detail: str = "", **fields: object
) -> RehearsalFact:
    """The booking as far as a step that went wrong for both; later ones were not reached."""
    before = played().rounds[0]
    players = tuple(
        player._replace(
            steps=(
                *(result for result in player.steps[: list(Step).index(step)]),
                StepResult(step, outcome, 10_000.0, detail),
            ),
            **{"publications": (), "receptions": (), "path": None, "attempts": (), **fields},  # type: ignore[arg-type]
        )
        for player in before.players
    )
    return played()._replace(rounds=(before._replace(players=players),))


def _wrong(step: Step, outcome: Outcome = Outcome.TIMEOUT, detail: str = "") -> RehearsalFact:
    """The booking with one step that went wrong for both, and the others played."""
    before = played().rounds[0]
    players = tuple(
        player._replace(
            steps=tuple(
                StepResult(step, outcome, 10_000.0, detail) if result.step is step else result
                for result in player.steps
            )
        )
        for player in before.players
    )
    return played()._replace(rounds=(before._replace(players=players),))


def _candidates(address: str) -> Facts:
    facts = _played(stopped(Step.CONNECTION))
    assert facts.signal is not None
    offered = tuple(c._replace(address=address) for c in facts.signal.candidates)
    return facts._replace(signal=facts.signal._replace(candidates=offered))


def _relayed(turn: TurnTry, *urls: str) -> Facts:
    fact = stopped(Step.CONNECTION, turn=turn)._replace(relay_only=True)
    return _joined(fact, ice_servers=(IceServer(urls, "<masked>", has_credential=True),))


def _sound_only() -> Facts:
    fact = _wrong(Step.RECEIVING, detail="nothing arrived of camera and screen share")
    return _joined(fact, codecs=("audio/opus", "audio/red"))


def _joined(fact: RehearsalFact, **fields: object) -> Facts:
    """With something else in the JoinResponse."""
    facts = _played(fact)
    assert facts.signal is not None
    first = facts.signal.first
    assert isinstance(first, Joined)
    first = first._replace(**fields)  # type: ignore[arg-type]  # the record's own names
    return facts._replace(signal=facts.signal._replace(first=first))


def _interrupted() -> RehearsalFact:
    fact = stopped(Step.PUBLISHING, Outcome.NOT_REACHED)._replace(in_place=True)
    return fact._replace(stopped=Stopped(Step.PUBLISHING, "carl", taken=True))


def _without_sdk() -> Facts:
    fact = stopped(Step.PUBLISHING, Outcome.BROKEN_OFF, "the SDK's process ended")
    return _played(fact._replace(sdk_end=SdkEnd(Step.PUBLISHING, "killed by SIGKILL")))


def _ended() -> RehearsalFact:
    fact = _wrong(Step.RECEIVING, Outcome.FAILED, "the session ended: PARTICIPANT_REMOVED")
    players = tuple(p._replace(ended="PARTICIPANT_REMOVED") for p in fact.rounds[0].players)
    return fact._replace(rounds=(fact.rounds[0]._replace(players=players),))


def _lossy() -> RehearsalFact:
    fact = played()
    players = tuple(
        p._replace(receptions=tuple(r._replace(lost=30) for r in p.receptions))
        for p in fact.rounds[0].players
    )
    return fact._replace(rounds=(fact.rounds[0]._replace(players=players),))


def _ignored() -> RehearsalFact:
    fact = played()
    provider, client = fact.rounds[0].players
    tried = tuple(a._replace(permitted=True, answer="200") for a in client.attempts)
    return fact._replace(
        rounds=(fact.rounds[0]._replace(players=(provider, client._replace(attempts=tried))),)
    )


def _in_vain() -> RehearsalFact:
    fact = _wrong(Step.PERMISSIONS, Outcome.PARTLY, "ListEgress: 500")
    provider, client = fact.rounds[0].players
    answer = "500 internal: egress not connected (redis required)"
    tried = tuple(
        a._replace(answer=answer, unavailable=True) if a.action == "ListEgress" else a
        for a in provider.attempts
    )
    return fact._replace(
        rounds=(fact.rounds[0]._replace(players=(provider._replace(attempts=tried), client)),)
    )


def _late() -> RehearsalFact:
    return _wrong(Step.CONNECTION, Outcome.OK)


EXAMPLES: Final = {
    "rehearsal-somebody-came": Example(
        lambda: _played(_interrupted()), lambda: _played(played()._replace(in_place=True))
    ),
    "rehearsal-rooms-differ": Example(
        lambda: _played(_people(1, room="booking-b1-carl", room_played="lkdoctor-0c11e47a")),
        _played,
    ),
    "rehearsal-identity-shared": Example(lambda: _played(_people(1, identity="dr-ada")), _played),
    "rehearsal-media-address": Example(lambda: _candidates("10.11.12.13"), _played),
    "rehearsal-media-blocked": Example(lambda: _played(stopped(Step.CONNECTION)), _played),
    "rehearsal-sdk-ended": Example(_without_sdk, _played),
    "rehearsal-turn-missing": Example(
        lambda: _relayed(TurnTry(), "stun:stun.example.com:3478"), _played
    ),
    "rehearsal-turn-refused": Example(
        lambda: _relayed(
            TurnTry(2, refused="Unauthorized"), "turn:turn.example.com:3478?transport=udp"
        ),
        _played,
    ),
    "rehearsal-turn-silent": Example(
        lambda: _relayed(TurnTry(5), "turn:turn.example.com:3478?transport=udp"), _played
    ),
    "rehearsal-turn-no-way": Example(
        lambda: _relayed(TurnTry(2, allocated=True), "turn:turn.example.com:3478?transport=udp"),
        _played,
    ),
    "rehearsal-connect-failed": Example(
        lambda: _played(
            stopped(Step.CONNECTION, Outcome.FAILED, "engine: signal failure: timeout")
        ),
        _played,
    ),
    "rehearsal-publish-denied": Example(lambda: _played(_people(1, sources=())), _played),
    "rehearsal-codec-disabled": Example(_sound_only, _played),
    "rehearsal-publish-unanswered": Example(
        lambda: _played(_wrong(Step.PUBLISHING, detail="camera: no answer")), _played
    ),
    "rehearsal-subscribe-denied": Example(
        lambda: _played(_people(1, can_subscribe=False)), _played
    ),
    "rehearsal-hidden": Example(lambda: _played(_people(1, hidden=True)), _played),
    "rehearsal-media-silent": Example(
        lambda: _played(
            _wrong(Step.RECEIVING, detail="nothing arrived of camera and screen share")
        ),
        _played,
    ),
    "rehearsal-session-ended": Example(lambda: _played(_ended()), _played),
    "rehearsal-data-denied": Example(lambda: _played(_people(1, can_publish_data=False)), _played),
    "rehearsal-data-lost": Example(
        lambda: _played(_wrong(Step.DATA, detail="it never arrived at the other one")), _played
    ),
    "rehearsal-roles-exchanged": Example(
        lambda: _played(
            played()._replace(
                participants=(
                    played().participants[0]._replace(room_admin=False, room_record=False),
                    played().participants[1]._replace(room_admin=True, room_record=True),
                )
            )
        ),
        _played,
    ),
    "rehearsal-client-moderates": Example(lambda: _played(_people(1, room_admin=True)), _played),
    "rehearsal-grant-ignored": Example(lambda: _played(_ignored()), _played),
    "rehearsal-no-recording": Example(lambda: _played(_in_vain()), _played),
    "rehearsal-slow": Example(lambda: _played(_late()), _played),
    "rehearsal-poor-path": Example(lambda: _played(_lossy()), _played),
    "rehearsal-left-behind": Example(
        lambda: _played(
            played()._replace(
                clean_ups=(
                    CleanUp("lkdoctor-7f3a9c21", removed=False, detail="no answer", lasts_s=300),
                )
            )
        ),
        _played,
    ),
}
