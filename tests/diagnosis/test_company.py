"""Who is taken for ours in the booking's own room, and at whom a rehearsal stops."""

import asyncio

import pytest

from lkdoctor.diagnosis.company import EVERY_S, JOINING, NOT_CONNECTED, Company, Room, Stop
from lkdoctor.facts.api import (
    ParticipantInfo,
    ParticipantsAnswer,
    ParticipantsListed,
    Permission,
    TwirpError,
)
from lkdoctor.facts.rehearsal import Step, Stopped

ROOM = Room("booking-b1", frozenset({"ada", "carl"}))


def there(identity: str, sid: str, mark: str = "") -> ParticipantInfo:
    return ParticipantInfo(identity, "", sid, "ACTIVE", 0.0, "STANDARD", Permission(), mark=mark)


def company(*answers: ParticipantsAnswer, beside: bool = False) -> Company:
    """One that is answered so, the last for ever; SID PA_1 and the mark are ours."""
    left = list(answers)

    async def people(name: str) -> ParticipantsAnswer:
        assert name == ROOM.name
        return left.pop(0) if len(left) > 1 else left[0]

    found = Company([ROOM], people, mark="run-1", beside=beside)
    found.sids.add("PA_1")
    return found


def listed(*people: ParticipantInfo) -> ParticipantsListed:
    return ParticipantsListed(ROOM.name, people)


@pytest.mark.parametrize(
    ("one", "beside", "unknown", "marks", "taken"),
    [
        pytest.param(there("ada", "PA_1"), False, (), True, None, id="ours, by its SID"),
        pytest.param(there("ada", "PA_7", "run-1"), False, (), True, None, id="by its mark"),
        pytest.param(there("ada", "PA_7"), False, (), True, True, id="another one's SID"),
        pytest.param(
            there("ada", "PA_7", "run-2"), False, (), True, True, id="of another rehearsal"
        ),
        pytest.param(there("ada", "PA_7"), True, (), True, True, id="with --yes, too"),
        pytest.param(there("gwen", "PA_7"), False, (), True, False, id="somebody else"),
        pytest.param(there("gwen", "PA_7"), True, (), True, None, id="beside whom it may be"),
        pytest.param(
            there("ada", "PA_7"), False, JOINING, False, None, id="ours, whose SID is not known yet"
        ),
        pytest.param(
            there("ada", "PA_7"), False, JOINING, True, True, id="not ours: ours would be marked"
        ),
        pytest.param(
            there("ada", "PA_7"), False, NOT_CONNECTED, False, True, id="connected, as ours is not"
        ),
        pytest.param(
            there("gwen", "PA_7"), False, JOINING, False, False, id="others, while joining"
        ),
    ],
)
async def test_who_stops_a_rehearsal(
    one: ParticipantInfo, beside: bool, unknown: tuple[str, ...], marks: bool, taken: bool | None
) -> None:
    around = company(listed(one), beside=beside)
    around.shows_marks = marks
    if taken is None:
        await around.look(Step.DATA, unknown=unknown)
        return
    with pytest.raises(Stop) as stop:
        await around.look(Step.DATA, unknown=unknown)
    assert stop.value.stopped == Stopped(Step.DATA, one.identity, taken=taken)


async def test_where_it_cannot_be_seen_nothing_is_played() -> None:
    refused = TwirpError("unauthenticated", "permissions denied", 401)
    with pytest.raises(Stop) as stop:
        await company(refused).look(Step.SIGNALLING)
    detail = "unauthenticated: permissions denied"
    assert stop.value.stopped == Stopped(Step.SIGNALLING, detail=detail)


async def test_who_comes_in_during_a_step_ends_it() -> None:
    ended = asyncio.Event()

    async def step() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    around = company(listed(), listed(there("gwen", "PA_7")))
    async with asyncio.timeout(20 * EVERY_S):
        with pytest.raises(Stop):
            await around.during(Step.RECEIVING, step())
    assert ended.is_set()


async def test_a_step_that_nobody_disturbs_comes_to_what_it_comes_to() -> None:
    async def step() -> str:
        return "heard"

    around = company(listed(there("ada", "PA_1")))
    assert await around.during(Step.RECEIVING, step()) == "heard"
