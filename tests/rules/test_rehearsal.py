"""A rehearsal's causes, over facts: one broken thing each, and nothing where all is well."""

from typing import Any

import pytest
from examples.healthy import healthy
from examples.media import FINE, checked
from examples.rehearsal import played, stopped

import examples
from lkdoctor.diagnosis.fold import fold
from lkdoctor.diagnosis.rehearsal import left_out
from lkdoctor.facts import Facts
from lkdoctor.facts.rehearsal import Outcome, RehearsalFact, SdkEnd, Step, StepResult, Stopped, loss
from lkdoctor.findings import Layer
from lkdoctor.report.model import Report, RunInfo, SkipReason, TargetInfo
from lkdoctor.rules.rehearsal import CHECKS, RULES

RUN = RunInfo(id="1", command="rehearse", started_at=1_790_000_000.0, duration_ms=4500.0)


def report(fact: RehearsalFact | None) -> Report:
    facts: Facts = healthy()._replace(rehearsal=fact)
    return fold(facts, run=RUN, target=TargetInfo(), layers=(Layer.MEDIA,))


def codes(fact: RehearsalFact | None) -> list[str]:
    return [finding.code for finding in report(fact).findings]


def with_people(number: int, **fields: Any) -> RehearsalFact:
    people = list(played().participants)
    people[number] = people[number]._replace(**fields)
    return played()._replace(participants=tuple(people))


def with_player(number: int, **fields: Any) -> RehearsalFact:
    first = played().rounds[0]
    players = list(first.players)
    players[number] = players[number]._replace(**fields)
    return played()._replace(rounds=(first._replace(players=tuple(players)),))


def lossy(source: str, lost: int) -> RehearsalFact:
    """So many packets of one source did not arrive at the client, for 210 that did."""
    receptions = tuple(
        r._replace(lost=lost if r.source == source else 0)
        for r in played().rounds[0].players[1].receptions
    )
    return with_player(1, receptions=receptions)


def test_a_booking_that_went_well_has_no_cause() -> None:
    shown = report(played())
    assert shown.findings == ()
    played_here = [c.id for c in CHECKS if c.id != "rehearsal.alone"]
    assert [(c.id, str(c.status)) for c in shown.checks] == [(i, "pass") for i in played_here]


def test_who_rehearses_nothing_hears_nothing_of_it() -> None:
    assert report(None).checks == ()


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        pytest.param(
            with_people(1, sources=("microphone",)), ["rehearsal-publish-denied"], id="no camera"
        ),
        pytest.param(
            with_people(1, sources=("microphone",))._replace(audio_only=True),
            [],
            id="sound is enough",
        ),
        pytest.param(
            with_people(1, sources=("microphone", "camera")), [], id="no screen share is a choice"
        ),
        pytest.param(with_people(1, hidden=True), ["rehearsal-hidden"], id="hidden"),
        pytest.param(
            with_people(1, role="supervisor", hidden=True), [], id="who watches is hidden"
        ),
        pytest.param(with_people(1, role="supervisor", sources=()), [], id="a role that watches"),
        pytest.param(
            with_people(1, role="supervisor", room_admin=True), [], id="a role that moderates"
        ),
        pytest.param(
            with_people(0, room_admin=False, room_record=False), [], id="nobody moderates"
        ),
        pytest.param(
            with_people(1, identity="dr-ada", room="other"),
            ["rehearsal-rooms-differ"],
            id="one identity in two rooms meets nobody",
        ),
        pytest.param(lossy("camera", 10), [], id="a little loss"),
        pytest.param(lossy("camera", 60), ["rehearsal-poor-path"], id="much loss"),
    ],
)
def test_what_is_a_fault_and_what_is_not(fact: RehearsalFact, expected: list[str]) -> None:
    assert codes(fact) == expected


@pytest.mark.parametrize(
    ("number", "fields", "grant", "advice"),
    [
        pytest.param(
            0,
            {"sources": ()},
            ("canPublish of the provider", "false"),
            "canPublish = true",
            id="none",
        ),
        pytest.param(
            1,
            {"sources": ("microphone",), "sources_listed": ("microphone",)},
            ("canPublishSources of the client", "microphone"),
            'canPublishSources = ["camera", "microphone", "screen_share"]',
            id="one source",
        ),
        pytest.param(
            1,
            {"sources": (), "sources_listed": ("screen_share_audio",)},
            ("canPublishSources of the client", "screen_share_audio"),
            'canPublishSources = ["camera", "microphone", "screen_share", "screen_share_audio"]',
            id="another source",
        ),
        pytest.param(
            0,
            {"can_subscribe": False},
            ("canSubscribe of the provider", "false"),
            "canSubscribe = true",
            id="receiving",
        ),
        pytest.param(
            0,
            {"can_publish_data": False},
            ("canPublishData of the provider", "false"),
            "canPublishData = true",
            id="data",
        ),
        pytest.param(
            0, {"hidden": True}, ("hidden of the provider", "true"), "hidden = false", id="hidden"
        ),
    ],
)
def test_the_advice_is_for_the_role_and_the_grant_that_are_meant(
    number: int, fields: dict[str, Any], grant: tuple[str, str], advice: str
) -> None:
    (finding,) = report(with_people(number, **fields)).findings
    assert (finding.evidence[0].label, finding.evidence[0].observed) == grant
    snippet = finding.fix[0].snippet
    assert snippet is not None
    assert snippet.body == f"[roles.{'client' if number else 'provider'}]\n{advice}"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(
            "camera",
            "would be understood (0.0% of its packets lost; it takes about 40 kbit/s)",
            id="the pictures suffer",
        ),
        pytest.param(
            "microphone",
            "cannot be told beside pictures (22.2% of its packets lost): repeat with --audio-only",
            id="the sound suffers",
        ),
    ],
)
def test_a_poor_connection_says_whether_sound_alone_is_carried(source: str, words: str) -> None:
    (finding,) = report(lossy(source, 60)).findings
    assert finding.evidence[-1].observed == words


def test_pictures_without_any_sound_are_judged_too() -> None:
    pictures = tuple(
        r for r in lossy("camera", 60).rounds[0].players[1].receptions if r.source == "camera"
    )
    first = played().rounds[0]
    players = tuple(player._replace(receptions=pictures) for player in first.players)
    silent = played()._replace(rounds=(first._replace(players=players),))
    assert codes(silent) == ["rehearsal-poor-path"]


def test_sound_that_was_alone_is_judged_by_itself() -> None:
    (finding,) = report(lossy("microphone", 60)._replace(audio_only=True)).findings
    assert finding.evidence[-1].observed == "would break up, too (22.2% of its packets lost)"
    assert [step.command for step in finding.fix] == [None]


@pytest.mark.parametrize(
    ("bps", "trip", "labels", "fixes"),
    [
        pytest.param(3e5, 24.0, [], ["--audio-only", "Wi-Fi"], id="bandwidth enough"),
        pytest.param(
            1e5, 24.0, ["bandwidth"], ["smaller", "--audio-only", "Wi-Fi"], id="little bandwidth"
        ),
        pytest.param(3e5, 401.0, ["round trip"], ["--audio-only", "nearer", "Wi-Fi"], id="far"),
    ],
)
def test_the_advice_follows_from_what_was_measured(
    bps: float, trip: float, labels: list[str], fixes: list[str]
) -> None:
    player = lossy("camera", 60).rounds[0].players[1]
    assert player.path is not None
    path = player.path._replace(outgoing_bps=bps, round_trip_ms=trip)
    (finding,) = report(with_player(1, receptions=player.receptions, path=path)).findings
    told = [evidence.label for evidence in finding.evidence[1:-1]]
    assert [label for label, row in zip(labels, told, strict=True) if label not in row] == []
    said = [f"{step.text} {step.command}" for step in finding.fix]
    assert [fix for fix, row in zip(fixes, said, strict=True) if fix not in row] == []


def test_one_bad_round_of_several_is_counted() -> None:
    bad = stopped(Step.CONNECTION).rounds
    fact = played()._replace(rounds=(*played().rounds, *bad, *played().rounds))
    (finding,) = report(fact).findings
    assert (finding.code, finding.evidence[-1].label) == ("rehearsal-media-blocked", "rounds")
    assert finding.evidence[-1].observed == "1 of 3"


def test_a_step_that_was_not_reached_is_skipped_by_what_it_waits_for() -> None:
    shown = report(stopped(Step.CONNECTION))
    states = {c.id: (str(c.status), c.blocked_by) for c in shown.checks}
    assert states["rehearsal.connection"] == ("fail", None)
    assert states["rehearsal.receiving"] == ("skip", "rehearsal.connection")
    assert states["rehearsal.data"] == ("skip", "rehearsal.connection")


def test_a_step_that_the_token_stopped_could_not_be_told() -> None:
    """The token's own rules say why."""
    shown = report(stopped(Step.TOKEN, Outcome.FAILED, "HTTP 401: invalid token"))
    check = shown.check("rehearsal.token")
    assert check is not None
    assert (str(check.status), check.summary) == ("unknown", "HTTP 401: invalid token")


def test_steps_that_the_sdk_did_not_live_to_play_wait_for_the_one_at_which_it_ended() -> None:
    """Data messages need a connection alone, and were not sent all the same."""
    fact = stopped(Step.PUBLISHING, Outcome.BROKEN_OFF, "the SDK's process ended")
    ended = fact._replace(sdk_end=SdkEnd(Step.PUBLISHING, "killed by SIGKILL", "panicked"))
    facts = healthy()._replace(rehearsal=ended)
    skipped = left_out(facts)
    shown = fold(facts, run=RUN, target=TargetInfo(), layers=(Layer.MEDIA,), skipped=skipped)
    (finding,) = shown.findings
    assert [(e.label, e.observed) for e in finding.evidence] == [
        ("the SDK's process", "killed by SIGKILL"),
        ("while playing", "publishing"),
        ("its last words", "panicked"),
    ]
    states = {c.id: (str(c.status), c.blocked_by) for c in shown.checks if "rehearsal" in c.id}
    assert states == {
        **{f"rehearsal.{step}": ("pass", None) for step in list(Step)[:3]},
        "rehearsal.publishing": ("fail", None),
        **{
            f"rehearsal.{step}": ("skip", "rehearsal.publishing")
            for step in list(Step)[list(Step).index(Step.RECEIVING) :]
        },
    }
    assert int(shown.summary.exit_code) == 1


@pytest.mark.parametrize(
    ("how", "label", "fixes"),
    [
        pytest.param(
            Stopped(Step.DATA, "carl", taken=True),
            "came in under an identity of the booking",
            1,
            id="under an identity of ours",
        ),
        pytest.param(Stopped(Step.DATA, "gwen"), "came in", 2, id="under another"),
        pytest.param(
            Stopped(Step.DATA, detail="no answer"), "list of participants", 2, id="cannot be seen"
        ),
    ],
)
@pytest.mark.parametrize("rounds_before", [0, 1])
def test_what_was_not_played_to_disturb_nobody_cannot_be_told(
    how: Stopped, label: str, fixes: int, rounds_before: int
) -> None:
    fact = stopped(Step.DATA, Outcome.NOT_REACHED)._replace(in_place=True, stopped=how)
    fact = fact._replace(rounds=(*played().rounds * rounds_before, *fact.rounds))
    facts = healthy()._replace(rehearsal=fact)
    skipped = left_out(facts)
    shown = fold(facts, run=RUN, target=TargetInfo(), layers=(Layer.MEDIA,), skipped=skipped)
    (finding,) = shown.findings
    assert (finding.code, finding.evidence[0].label) == ("rehearsal-somebody-came", label)
    assert len(finding.fix) == fixes
    states = {c.id: (str(c.status), c.skip_reason) for c in shown.checks if "rehearsal" in c.id}
    assert states["rehearsal.alone"] == ("warn", None)
    assert states["rehearsal.receiving"] == ("pass", None)
    for step in (Step.DATA, Step.PERMISSIONS, Step.LEAVING):
        assert states[f"rehearsal.{step}"] == ("skip", SkipReason.INTERRUPTED)
    assert int(shown.summary.exit_code) == 3


def test_in_place_where_nobody_came_it_is_said() -> None:
    shown = report(played()._replace(in_place=True))
    check = shown.check("rehearsal.alone")
    assert check is not None
    assert (str(check.status), check.summary, shown.findings) == ("pass", "nobody else came in", ())


def test_a_step_that_was_reached_in_some_rounds_says_in_how_many() -> None:
    fact = stopped(Step.DATA, Outcome.BROKEN_OFF, "the SDK's process ended")
    twice = fact._replace(rounds=(*played().rounds, *fact.rounds))
    check = report(twice).check("rehearsal.permissions")
    assert check is not None
    assert check.summary == "both, the slower in 160 ms, 1 of 2 rounds"


def test_the_way_is_slow_from_five_seconds_on() -> None:
    for ms, expected in ((4999.0, []), (5001.0, ["rehearsal-slow"])):
        steps = tuple(
            StepResult(r.step, r.outcome, ms) if r.step is Step.CONNECTION else r
            for r in played().rounds[0].players[0].steps
        )
        assert codes(with_player(0, steps=steps)) == expected


@pytest.mark.parametrize(
    ("address", "first"),
    [
        pytest.param("203.0.113.10", "Look for a firewall or VPN", id="elsewhere"),
        pytest.param("127.0.0.1", "Where all is on one machine", id="loopback"),
    ],
)
def test_an_address_that_answers_and_carries_no_call(address: str, first: str) -> None:
    media = FINE._replace(reached=address, candidates=(checked("udp", address),), servers=())
    facts = healthy()._replace(rehearsal=stopped(Step.CONNECTION), media=media)
    shown = fold(facts, run=RUN, target=TargetInfo(), layers=(Layer.MEDIA,))
    (finding,) = shown.findings
    assert (finding.code, finding.evidence[0].label) == (
        "rehearsal-connect-failed",
        f"UDP {address}:7882",
    )
    assert finding.fix[0].text.startswith(first)


def test_loss_is_unknown_where_nothing_was_counted() -> None:
    assert loss(()) is None


def test_every_example_is_named_alone() -> None:
    for rule in RULES:
        facts = examples.sick(rule.code)
        shown = fold(facts, run=RUN, target=TargetInfo(), layers=(Layer.MEDIA,))
        assert [finding.code for finding in shown.findings] == [rule.code]
