"""Signalling: what each refusal, silence and first message means."""

import pytest
from examples.healthy import NOON, answer, healthy, no_answer
from judged import LAYERS, broken, causes, report, status, the_finding

from lkdoctor import catalogue
from lkdoctor.facts import Facts
from lkdoctor.facts.api import (
    ApiFact,
    ParticipantInfo,
    ParticipantsListed,
    Permission,
    RoomInfo,
    RoomsListed,
    TwirpError,
)
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    CleanUp,
    Cut,
    FirstMessage,
    FirstMessageProblem,
    Held,
    LeftAtOnce,
    NoFirstMessage,
    Phase,
    PhaseName,
    PhaseOutcome,
    Pings,
    SignalFact,
    Upgrade,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Validation,
    Whose,
)
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence, Severity
from lkdoctor.tokens.decode import Around, Signature, SignatureState
from lkdoctor.tokens.reading import GrantRead, Moment, ReadToken, TimeForm, TokenText

SUCCESS = answer(200, "success")
NO_TOKEN = answer(401, "no permissions to access the room")
FULL = answer(500, "connection closed by media")
NO_ROOM = answer(404, "requested room does not exist")
PAGE = "<!doctype html><title>Sign in</title>"
GATE = answer(403, PAGE, content_type="text/html", server="cloudflare")


def asked(
    validate: Exchange | None,
    upgrade: Upgrade | Exchange | None = None,
    whose: Whose = Whose.GIVEN,
    *,
    path: str = "/rtc",
) -> Facts:
    """The healthy run, but with this token answered so."""
    validations = () if validate is None else (Validation(whose, f"{path}/validate", validate),)
    result: Upgrade | None
    match upgrade:
        case HttpAnswer():
            result = UpgradeRefused(upgrade)
        case NoAnswer():
            result = UpgradeUnanswered(upgrade)
        case _:
            result = upgrade
    attempts = () if result is None else (UpgradeAttempt(whose, path, result),)
    return healthy()._replace(signal=SignalFact(validations, attempts))


def first(message: FirstMessage) -> Facts:
    facts = asked(SUCCESS, Upgraded(88.0), Whose.MINTED)
    assert facts.signal is not None
    return facts._replace(signal=facts.signal._replace(first=message))


def nothing(problem: FirstMessageProblem, detail: str = "") -> Facts:
    return first(NoFirstMessage(problem, detail, 5000.0))


def token(identity: str = "alice", room: str = "demo") -> TokenFact:
    read = ReadToken(
        alg="HS256",
        issuer="devkey",
        issuer_is_key=None,
        signature=Signature(SignatureState.UNCHECKED),
        identity=identity,
        identity_bytes=len(identity),
        name="",
        room=room,
        room_bytes=len(room),
        expires=Moment("1790003600", TimeForm.INTEGER, NOON + 3600),
        not_before=None,
        issued_at=None,
        has_video=True,
        grants=(
            GrantRead("video", "roomJoin", value=True, written="true"),
            GrantRead("video", "room", value=room, written=f'"{room}"'),
        ),
    )
    return TokenFact("LIVEKIT_TOKEN (.env:3)", TokenText(300, Around.NOTHING, "", read))


def room(inside: int, most: int, name: str = "demo") -> ApiFact:
    """The room in question as the API shows it."""
    info = RoomInfo(
        name=name,
        sid="RM_1",
        num_participants=inside,
        num_publishers=0,
        max_participants=most,
        created_at=0.0,
        empty_timeout_s=300,
        departure_timeout_s=20,
        metadata_bytes=0,
        active_recording=False,
    )
    return ApiFact(rooms=RoomsListed((info,)), room_asked="demo")


def people(*identities: str) -> ParticipantsListed:
    return ParticipantsListed(
        "demo",
        tuple(
            ParticipantInfo(name, "", "PA_1", "ACTIVE", 0.0, "STANDARD", Permission())
            for name in identities
        ),
    )


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(healthy(), [], id="healthy"),
        pytest.param(asked(SUCCESS), [], id="validated only"),
        pytest.param(asked(NO_TOKEN, NO_TOKEN, Whose.NONE), [], id="no token"),
        pytest.param(
            asked(answer(400, "join_request is required"), path="/rtc/v1"),
            [],
            id="v1 asks for more",
        ),
        pytest.param(asked(NO_ROOM), ["room-not-found"], id="no such room"),
        pytest.param(
            asked(NO_ROOM, NO_ROOM, Whose.MINTED), ["room-not-found"], id="no throw-away rooms here"
        ),
        pytest.param(asked(SUCCESS, FULL), ["signal-room-full"], id="full, it seems"),
        pytest.param(
            asked(SUCCESS, FULL, Whose.MINTED), ["signal-room-full"], id="a test that cannot start"
        ),
        pytest.param(
            asked(SUCCESS, FULL)._replace(api=room(2, 2)), ["signal-room-full"], id="full, surely"
        ),
        pytest.param(asked(SUCCESS)._replace(api=room(1, 2)), [], id="one place left"),
        pytest.param(asked(SUCCESS)._replace(api=room(9, 0)), [], id="no limit"),
        pytest.param(
            asked(SUCCESS)._replace(api=room(2, 2), token=token("carol")),
            ["signal-room-full"],
            id="full, and the user is not in it",
        ),
        pytest.param(
            asked(SUCCESS)._replace(
                api=room(2, 2)._replace(participants=people("alice", "bob")), token=token("alice")
            ),
            [],
            id="full, and the user is in it",
        ),
        pytest.param(
            asked(SUCCESS, Upgraded(88.0))._replace(api=room(2, 2)), [], id="full, with the user"
        ),
        pytest.param(
            asked(SUCCESS)._replace(api=room(2, 2), token=token(room="other")),
            [],
            id="full, but the token is for another room",
        ),
        pytest.param(
            first(LeftAtOnce(2.0, "JOIN_FAILURE", "DISCONNECT"))._replace(api=room(2, 2)),
            ["signal-room-full"],
            id="full, said by a leave",
        ),
        pytest.param(
            asked(SUCCESS, no_answer(Silence.TIMEOUT)), ["signal-timeout"], id="the upgrade hangs"
        ),
        pytest.param(asked(no_answer(Silence.TIMEOUT)), ["signal-timeout"], id="validate hangs"),
        pytest.param(
            asked(SUCCESS, NoAnswer(Silence.SLOW, "", 5e3, 3)), ["signal-slow"], id="slow upgrade"
        ),
        pytest.param(nothing(FirstMessageProblem.SLOW), ["signal-slow"], id="slow first message"),
        pytest.param(
            asked(SUCCESS, no_answer(Silence.CLOSED)), ["signal-closed-early"], id="closed early"
        ),
        pytest.param(
            asked(SUCCESS, no_answer(Silence.RESET)), ["signal-closed-early"], id="reset early"
        ),
        pytest.param(
            asked(SUCCESS, no_answer(Silence.NOT_CONNECTED)),
            ["signal-closed-early"],
            id="no second connection",
        ),
        pytest.param(
            asked(no_answer(Silence.CLOSED)), ["signal-closed-early"], id="validate is closed"
        ),
        pytest.param(
            asked(SUCCESS, UpgradeInvalid(answer(101), "wrong Accept")),
            ["signal-handshake-invalid"],
            id="wrong Accept",
        ),
        pytest.param(
            asked(SUCCESS, no_answer(Silence.NOT_HTTP)),
            ["signal-handshake-invalid"],
            id="the upgrade is not HTTP",
        ),
        pytest.param(
            asked(SUCCESS, no_answer(Silence.TOO_LARGE)),
            ["signal-handshake-invalid"],
            id="an endless head",
        ),
        pytest.param(
            asked(answer(429, "slow down")), ["signal-rate-limited"], id="validate is limited"
        ),
        pytest.param(
            asked(SUCCESS, answer(429, "limit exceeded")), ["signal-rate-limited"], id="limited"
        ),
        pytest.param(
            broken("api", rooms=TwirpError("resource_exhausted", "limit exceeded", 429)),
            ["signal-rate-limited"],
            id="the API is limited",
        ),
        pytest.param(
            first(LeftAtOnce(2.0, "STATE_MISMATCH", "DISCONNECT")),
            ["signal-leave-on-connect"],
            id="leave",
        ),
        pytest.param(
            nothing(FirstMessageProblem.SILENCE), ["signal-silent-after-upgrade"], id="silent"
        ),
        pytest.param(
            nothing(FirstMessageProblem.CLOSED), ["signal-closed-after-upgrade"], id="closed"
        ),
        pytest.param(
            nothing(FirstMessageProblem.DROPPED), ["signal-dropped-after-upgrade"], id="dropped"
        ),
        pytest.param(
            nothing(FirstMessageProblem.NOT_LIVEKIT), ["signal-not-livekit"], id="not LiveKit"
        ),
        pytest.param(
            nothing(FirstMessageProblem.BROKEN_FRAME), ["signal-frame-invalid"], id="bad frame"
        ),
        pytest.param(
            nothing(FirstMessageProblem.TOO_LARGE), ["signal-message-too-large"], id="too large"
        ),
        pytest.param(broken("signal", pings=Pings(3, ())), ["signal-no-pong"], id="no pong"),
        pytest.param(
            broken("signal", pings=Pings(1, ()), cut=Cut("leave ROOM_DELETED", 4.0), goodbye=None),
            ["signal-cut-after-join"],
            id="cut off",
        ),
        pytest.param(broken("signal", pings=Pings(3, (24.0,))), [], id="a pong is missing"),
        pytest.param(
            broken("signal", pings=Pings(1, (), 4000.0)), ["signal-no-pong"], id="no pong in 4 s"
        ),
        pytest.param(
            broken("signal", pings=Pings(2, (24.0,), 4000.0)), ["signal-no-pong"], id="then no pong"
        ),
        pytest.param(broken("signal", pings=Pings(1, (), 400.0)), [], id="too early to tell"),
        pytest.param(broken("signal", pings=Pings(2, (1900.0,), 2500.0)), [], id="slow pongs"),
        pytest.param(broken("signal", pings=Pings(1, (5200.0,))), [], id="a late pong"),
        pytest.param(
            broken("signal", held=Held(20.0, 26.0, "silent", pings=5, pongs=2, unheard_s=16.0)),
            ["signal-goes-silent"],
            id="held, and frozen meanwhile",
        ),
        pytest.param(
            broken(
                "signal",
                pings=Pings(1, (), 20_000.0),
                held=Held(5.0, 20.0, "silent", pings=2, pongs=0, unheard_s=20.0),
            ),
            ["signal-no-pong"],
            id="held, and never a pong",
        ),
        pytest.param(
            broken("signal", held=Held(20.0, 20.4, pings=5, pongs=5)), [], id="held to its end"
        ),
        pytest.param(broken("signal", pings=Pings(0, ())), [], id="no ping was asked for"),
        pytest.param(broken("signal", pings=None), [], id="no ping was sent"),
        pytest.param(
            broken("signal", clean_up=CleanUp("lkdoctor-1", removed=False)),
            ["signal-test-room-left"],
            id="a test room is left",
        ),
        pytest.param(
            broken("signal", clean_up=CleanUp("lkdoctor-1", removed=False, lasts_s=300)),
            ["signal-test-room-left"],
            id="a test room lasts for minutes",
        ),
        pytest.param(
            broken("signal", clean_up=CleanUp("lkdoctor-1", removed=False, lasts_s=10)),
            [],
            id="a test room ends by itself",
        ),
        pytest.param(
            broken("signal", clean_up=CleanUp("lkdoctor-1", removed=False, known=False)),
            [],
            id="whether a test room was made is not known",
        ),
        pytest.param(
            broken("signal", clean_up=CleanUp("lkdoctor-1", removed=True)),
            [],
            id="a test room was deleted",
        ),
        pytest.param(
            broken(
                "signal",
                validations=(Validation(Whose.MINTED, "/rtc/validate", GATE),),
                upgrades=(),
                first=None,
                clean_up=CleanUp("lkdoctor-1", removed=False),
            ),
            ["proxy-access-gate"],
            id="no room can be left where LiveKit was not heard",
        ),
        pytest.param(asked(GATE, GATE), ["proxy-access-gate"], id="a gate"),
        pytest.param(asked(answer(414, "too long")), ["proxy-url-too-long"], id="414"),
        pytest.param(asked(answer(200, "hi")), ["signal-refused"], id="200, but not success"),
        pytest.param(asked(SUCCESS, answer(200, "hi")), ["signal-refused"], id="200 for 101"),
        pytest.param(asked(SUCCESS, answer(503, "psrpc")), ["signal-5xx-bus"], id="no session"),
        pytest.param(
            asked(SUCCESS, answer(500, "could not get node for room: dial tcp 10.0.0.5:6379")),
            ["signal-5xx-bus"],
            id="Redis is gone",
        ),
        pytest.param(
            asked(SUCCESS, answer(500, "oops", server="nginx")),
            ["signal-refused"],
            id="500 of something in front",
        ),
        pytest.param(
            asked(SUCCESS, answer(500, "could not find any available nodes")),
            ["server-no-nodes"],
            id="no node",
        ),
        pytest.param(
            asked(answer(400, "room name length exceeds limits: max length 4")),
            ["signal-400-hidden"],
            id="a limit of the server's own",
        ),
        pytest.param(
            asked(answer(400, "no room name"))._replace(token=token(room="")),
            ["signal-400-hidden"],
            id="400, for a reason that only the token's rules tell",
        ),
        pytest.param(
            asked(answer(401, "invalid authorization header. Must start with Bearer ")),
            ["signal-refused"],
            id="the header is not ours",
        ),
        pytest.param(
            asked(answer(401, "invalid API key: x"), None, Whose.NONE),
            ["signal-refused"],
            id="a token where none was sent",
        ),
        pytest.param(
            asked(answer(404, "404 page not found"), path="/rtc/v1"), ["signal-refused"], id="no v1"
        ),
        pytest.param(
            asked(None, answer(401, "invalid API key: x")), ["signal-refused"], id="upgrade only"
        ),
        pytest.param(
            asked(SUCCESS, answer(401, "permissions denied")),
            ["signal-refused"],
            id="validate and upgrade disagree",
        ),
        pytest.param(
            asked(answer(401, "something new"))._replace(token=token()),
            ["signal-refused"],
            id="words nobody knows",
        ),
        pytest.param(healthy()._replace(signal=SignalFact()), [], id="nothing was asked"),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


@pytest.mark.parametrize(
    ("reply", "titles"),
    [
        pytest.param(
            answer(404, "404 page not found"),
            ["This server is older than 1.9.10: it has no /rtc/v1"],
            id="an old server",
        ),
        pytest.param(
            answer(404, "<html></html>", content_type="text/html"),
            [],
            id="a proxy's, which is another cause",
        ),
        pytest.param(answer(200, "success", access_control_allow_origin="*"), [], id="there"),
    ],
)
def test_a_server_without_the_newer_path_gets_a_note(reply: HttpAnswer, titles: list[str]) -> None:
    """The classic path answers, so nobody is locked out."""
    facts = asked(SUCCESS)
    assert facts.signal is not None
    newer = Validation(Whose.GIVEN, "/rtc/v1/validate", reply)
    signal = facts.signal._replace(as_browser=(newer,))
    found = report(facts._replace(signal=signal)).findings
    told = [f for f in found if f.code != "proxy-v1-not-routed"]
    assert [(f.code, f.title, f.severity) for f in told] == [
        ("signal-v1-vs-old-server", title, Severity.INFO) for title in titles
    ]


REFUSALS = [
    pytest.param(401, "invalid API key: nosuchkey", id="unknown key"),
    pytest.param(
        401,
        "invalid token: <token>, error: token signature is invalid: signature is invalid",
        id="signature",
    ),
    pytest.param(
        401,
        "invalid token: <token>, error: go-jose/go-jose: error in cryptographic primitive",
        id="signature, before 1.13",
    ),
    pytest.param(
        401,
        "invalid token: <token>, error: token has invalid claims: token is expired",
        id="expired",
    ),
    pytest.param(
        401,
        "invalid token: <token>, error: token has invalid claims: token is not valid yet",
        id="not yet valid",
    ),
    pytest.param(
        401,
        "invalid token: <token>, error: go-jose/go-jose/jwt: validation field, token issued in "
        "the future (iat)",
        id="from the future",
    ),
    pytest.param(401, "invalid authorization token", id="not a token"),
    pytest.param(
        401,
        "invalid token: <token>, error: json: cannot unmarshal string into Go value of type bool",
        id="a claim of the wrong type",
    ),
    pytest.param(
        401,
        "invalid token: <token>, error: token signature is invalid: signing method HS512 is invalid",
        id="algorithm",
    ),
    pytest.param(401, "no permissions to access the room", id="no video grant"),
    pytest.param(401, "permissions denied", id="may not join"),
    pytest.param(400, "no room name", id="no room"),
    pytest.param(400, "room name length exceeds limits: max length 256", id="long room"),
    pytest.param(400, "identity cannot be empty", id="no identity"),
    pytest.param(
        400, "participant identity length exceeds limits: max length 256", id="long identity"
    ),
    pytest.param(400, "metadata size exceeds limits", id="metadata"),
    pytest.param(401, "words of a later version", id="unknown words"),
    pytest.param(403, "forbidden", id="forbidden"),
    pytest.param(500, "could not find any available nodes", id="no node"),
]


@pytest.mark.parametrize("read", [False, True], ids=["token unread", "token read"])
@pytest.mark.parametrize("whose", [Whose.GIVEN, Whose.MINTED])
@pytest.mark.parametrize(("code", "body"), REFUSALS)
def test_no_refusal_goes_without_a_cause(code: int, body: str, whose: Whose, read: bool) -> None:
    """Whichever rule it is that explains it: a refused token never looks healthy."""
    facts = asked(answer(code, body), answer(code, body), whose)
    if read:
        facts = facts._replace(token=token())
    errors = {
        finding.code
        for rule in catalogue.rules()
        for finding in rule.findings(facts)
        if finding.severity is Severity.ERROR and finding.confidence is not Confidence.HINT
    }
    assert errors


def test_the_token_of_these_tests_is_sound() -> None:
    facts = asked(SUCCESS)._replace(token=token())
    assert {f.code for rule in catalogue.rules() for f in rule.findings(facts)} == set()


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 409, 418, 431, 451, 500, 501, 599])
@pytest.mark.parametrize("body", ["", "no", PAGE], ids=["empty", "text", "page"])
@pytest.mark.parametrize("of_upgrade", [False, True], ids=["validate", "upgrade"])
def test_no_status_goes_without_a_cause(code: int, body: str, of_upgrade: bool) -> None:
    reply = answer(code, body)
    facts = asked(SUCCESS, reply) if of_upgrade else asked(reply)
    assert causes(facts)


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        pytest.param(
            asked(SUCCESS, answer(500, "oops", server="nginx")),
            "The upgrade is answered with a server error",
            id="no session",
        ),
        pytest.param(
            asked(answer(404, "nothing here")),
            "LiveKit is there, but /rtc does not lead to it",
            id="not routed",
        ),
        pytest.param(
            asked(answer(404, "404 page not found"), path="/rtc/v1"),
            "This server does not have the path /rtc/v1",
            id="old server",
        ),
        pytest.param(
            asked(answer(401, "invalid authorization header. Must start with Bearer ")),
            "The Authorization header is not the one that was sent",
            id="another header",
        ),
        pytest.param(
            asked(answer(401, "permissions denied"), None, Whose.MINTED),
            "LiveKit refuses test token: permissions denied",
            id="LiveKit's own words",
        ),
        pytest.param(
            asked(NO_TOKEN)._replace(token=token()),
            "LiveKit says that it got no token with a video grant",
            id="lost on its way",
        ),
        pytest.param(
            asked(answer(402, "pay")),
            "The signalling path refuses, for an unknown reason",
            id="nothing known",
        ),
    ],
)
def test_a_refusal_is_told_apart_by_its_words(facts: Facts, title: str) -> None:
    finding = the_finding(facts)
    assert (finding.code, finding.title) == ("signal-refused", title)


@pytest.mark.parametrize(
    ("facts", "title", "severity", "confidence"),
    [
        pytest.param(
            asked(SUCCESS, FULL),
            "The room is full, or LiveKit cannot start the session",
            Severity.ERROR,
            Confidence.LIKELY,
            id="the upgrade alone",
        ),
        pytest.param(
            asked(SUCCESS, FULL)._replace(api=room(2, 2)),
            "The room demo is full: 2 of 2",
            Severity.ERROR,
            Confidence.CERTAIN,
            id="the upgrade and the API",
        ),
        pytest.param(
            asked(SUCCESS, FULL, Whose.MINTED)._replace(api=room(2, 2)),
            "LiveKit ends the session while it starts",
            Severity.ERROR,
            Confidence.LIKELY,
            id="a throw-away room is not the one that is full",
        ),
        pytest.param(
            asked(SUCCESS)._replace(api=room(3, 2), token=token("carol")),
            "The room demo is full: 3 of 2",
            Severity.ERROR,
            Confidence.CERTAIN,
            id="the API, and the user is outside",
        ),
        pytest.param(
            asked(SUCCESS)._replace(api=room(2, 2)),
            "The room demo is full: 2 of 2",
            Severity.WARNING,
            Confidence.LIKELY,
            id="the API, and nobody knows who the user is",
        ),
    ],
)
def test_how_sure_a_full_room_is(
    facts: Facts, title: str, severity: Severity, confidence: Confidence
) -> None:
    finding = the_finding(facts)
    assert (finding.title, finding.severity, finding.confidence) == (title, severity, confidence)


def test_a_throw_away_room_is_not_said_to_be_full() -> None:
    own = the_finding(asked(SUCCESS, FULL, Whose.MINTED))
    assert "empty, so it is not full" in own.cause
    assert all("max_participants (a booking" not in step.text for step in own.fix)
    assert "has reached its max_participants" in the_finding(asked(SUCCESS, FULL)).cause


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(
            {"/rtc/validate": SUCCESS, "/rtc/v1/validate": SUCCESS},
            ("pass", "/rtc/v1 is there"),
            id="there",
        ),
        pytest.param(
            {"/rtc/validate": SUCCESS, "/rtc/v1/validate": answer(404, "404 page not found")},
            ("pass", "no /rtc/v1: clients go on with /rtc"),
            id="an older server",
        ),
        pytest.param(
            {"/rtc/validate": answer(404), "/rtc/v1/validate": answer(404)},
            ("skip", "needs signal.validate"),
            id="nothing of LiveKit's",
        ),
    ],
)
def test_what_is_said_of_the_path_that_browsers_ask_first(
    paths: dict[str, HttpAnswer], expected: tuple[str, str]
) -> None:
    seen = tuple(Validation(Whose.MINTED, path, said) for path, said in paths.items())
    facts = healthy()._replace(
        signal=SignalFact(validations=seen[:1], as_browser=seen), server=None, api=None
    )
    assert status(facts, "signal.v1") == expected


def test_a_room_that_nobody_makes_is_one_cause() -> None:
    """That it is not in the list of rooms is no other."""
    facts = asked(NO_ROOM, NO_ROOM)._replace(api=ApiFact(rooms=RoomsListed(()), room_asked="demo"))
    (finding,) = report(facts).findings
    assert (finding.code, finding.consequences) == ("room-not-found", ("api-not-found",))


def test_nobody_joins_with_a_token_that_is_refused() -> None:
    refused = answer(401, "invalid API key: APIx")
    facts = asked(refused, refused, Whose.MINTED)
    assert status(facts, "signal.join") == ("skip", "needs signal.validate")


def test_a_server_that_makes_no_throw_away_room_is_in_order() -> None:
    """Its rooms are made by the app; only the test cannot go on."""
    facts = asked(NO_ROOM, NO_ROOM, Whose.MINTED)
    assert the_finding(facts).severity is Severity.INFO
    assert status(facts, "signal.upgrade")[0] == "pass"


def test_a_hanging_upgrade_names_the_phase_and_what_did_answer() -> None:
    facts = asked(SUCCESS, no_answer(Silence.TIMEOUT))
    assert facts.signal is not None
    phases = (
        Phase(PhaseName.TCP, PhaseOutcome.OK, 0.0, 24.0),
        Phase(PhaseName.UPGRADE, PhaseOutcome.TIMEOUT, 24.0, 5000.0),
        Phase(PhaseName.FIRST_MESSAGE, PhaseOutcome.NOT_REACHED),
    )
    finding = the_finding(facts._replace(signal=facts.signal._replace(phases=phases)))
    assert [(e.label, e.observed) for e in finding.evidence] == [
        ("upgrade of /rtc, your token", "no byte in 5.0 s"),
        ("GET /", "200 OK: OK"),
        ("GET /rtc/validate, your token", "200 OK: success"),
        ("phases", "tcp 24 ms, upgrade timeout 5.0 s"),
    ]


def test_an_upgrade_without_a_token_shows_that_the_wait_is_inside_livekit() -> None:
    facts = asked(SUCCESS, no_answer(Silence.TIMEOUT))
    assert facts.signal is not None
    bare = UpgradeAttempt(Whose.NONE, "/rtc", UpgradeRefused(NO_TOKEN))
    signal = facts.signal._replace(upgrades=(bare, *facts.signal.upgrades))
    finding = the_finding(facts._replace(signal=signal))
    assert finding.cause.startswith("The wait is inside LiveKit, not in the proxy")


@pytest.mark.parametrize(
    "reason",
    [
        "DUPLICATE_IDENTITY",
        "PARTICIPANT_REMOVED",
        "ROOM_DELETED",
        "ROOM_CLOSED",
        "STATE_MISMATCH",
        "JOIN_FAILURE",
        "MIGRATION",
        "CONNECTION_TIMEOUT",
        "MEDIA_FAILURE",
        "SOMETHING_NEW",
    ],
)
def test_a_leave_says_its_reason_and_what_it_means(reason: str) -> None:
    finding = the_finding(first(LeftAtOnce(2.0, reason, "DISCONNECT")))
    assert finding.title == f"The server ends the session at once: {reason}"
    assert finding.evidence[0].observed == f"leave {reason}, DISCONNECT"
    generic = catalogue.by_code()["signal-leave-on-connect"].words.cause
    assert (finding.cause == generic) is (reason == "SOMETHING_NEW")


def test_the_close_code_is_evidence() -> None:
    finding = the_finding(nothing(FirstMessageProblem.CLOSED, "close 1013 try again later"))
    assert finding.evidence[0].observed == "close 1013 try again later (5.0 s after 101)"


@pytest.mark.parametrize(
    ("facts", "check", "expected"),
    [
        pytest.param(
            healthy(), "signal.validate", ("pass", "the server accepts a test token"), id="minted"
        ),
        pytest.param(
            asked(SUCCESS), "signal.validate", ("pass", "the server accepts the token"), id="given"
        ),
        pytest.param(
            asked(NO_TOKEN, NO_TOKEN, Whose.NONE),
            "signal.validate",
            ("pass", "LiveKit answers; there was no token to try"),
            id="none",
        ),
        pytest.param(
            asked(answer(400, "no room name"))._replace(token=token(room="")),
            "signal.validate",
            ("fail", "LiveKit says 400, unseen in browsers: no room name"),
            id="refused, and browsers do not show why",
        ),
        pytest.param(
            asked(answer(503, "")),
            "signal.validate",
            ("fail", "The signalling path refuses, for an unknown reason"),
            id="not LiveKit",
        ),
        pytest.param(
            healthy(), "signal.upgrade", ("pass", "the upgrade reaches LiveKit, 88 ms"), id="101"
        ),
        pytest.param(
            asked(NO_TOKEN, NO_TOKEN, Whose.NONE),
            "signal.upgrade",
            ("pass", "the upgrade reaches LiveKit, which wants a token"),
            id="401 of LiveKit's, without a token",
        ),
        pytest.param(
            asked(NO_TOKEN, NO_TOKEN, Whose.MINTED),
            "signal.upgrade",
            ("pass", "the upgrade reaches LiveKit, which refuses the token"),
            id="401 of LiveKit's",
        ),
        pytest.param(
            asked(GATE, GATE),
            "signal.upgrade",
            ("unknown", "the upgrade got no answer of LiveKit's"),
            id="somebody else's answer",
        ),
        pytest.param(
            healthy(),
            "signal.join",
            ("pass", "joined a room of its own in 175 ms, server 1.13.5"),
            id="joined",
        ),
        pytest.param(
            broken("signal", room_minted=None),
            "signal.join",
            ("pass", "joined in 175 ms, server 1.13.5"),
            id="joined the user's room",
        ),
        pytest.param(
            asked(NO_ROOM, NO_ROOM, Whose.MINTED),
            "signal.join",
            ("unknown", "there was no room to join: --create-room makes it first"),
            id="no room of its own to join",
        ),
        pytest.param(
            asked(NO_ROOM, NO_ROOM, Whose.MINTED),
            "signal.validate",
            ("pass", "the server accepts a test token; joining makes no room here"),
            id="the token is taken",
        ),
        pytest.param(
            broken("signal", phases=()), "signal.join", ("pass", "joined a room of its own in 2 ms, server 1.13.5"), id="no phases"
        ),
        pytest.param(
            asked(SUCCESS, answer(404)), "signal.join", ("skip", "needs signal.upgrade"), id="blocked"
        ),
        pytest.param(
            healthy(), "signal.ping", ("pass", "3 of 3 answered, median 25 ms"), id="pings"
        ),
    ],
)  # fmt: skip
def test_checks(facts: Facts, check: str, expected: tuple[str, str]) -> None:
    assert status(facts, check) == expected


def test_every_line_of_a_check_fits() -> None:
    """A summary is one line of a report: sixty characters at most, whatever a server sends."""
    endless = asked(answer(400, "no room name " * 40))._replace(token=token())
    api = room(1, 2, "r" * 256)._replace(room_asked="r" * 256)
    for facts in (endless, healthy()._replace(api=api)):
        for check in catalogue.checks(LAYERS):
            seen = check.see(facts)
            line = getattr(seen, "summary", seen)
            assert line is None or len(line) <= 60


@pytest.mark.parametrize(
    ("pings", "confidence", "title"),
    [
        (Pings(1, (), 4000.0), Confidence.LIKELY, "The server does not answer pings"),
        (Pings(1, (), 15_000.0), Confidence.CERTAIN, "The server does not answer pings"),
        (Pings(3, (1.0, 1.0), 4000.0), Confidence.LIKELY, "The server stops answering pings"),
    ],
)
def test_a_session_without_pongs_is_one_that_clients_end(
    pings: Pings, confidence: Confidence, title: str
) -> None:
    found = the_finding(broken("signal", pings=pings))
    assert (found.severity, found.confidence, found.title) == (Severity.ERROR, confidence, title)
    assert [(e.label, e.expected) for e in found.evidence] == [
        ("pings", "pongs"),
        ("the last ping", "within 15 s"),
    ]


@pytest.mark.parametrize(
    ("unheard_s", "title"),
    [
        (16.0, "An open session falls silent after 10 s"),
        (0.2, "The server stops answering pings"),
    ],
)
def test_a_held_session_tells_when_the_last_sign_of_life_was(unheard_s: float, title: str) -> None:
    held = Held(20.0, 26.0, "silent", pings=5, pongs=2, unheard_s=unheard_s)
    found = the_finding(broken("signal", held=held))
    assert (found.severity, found.title) == (Severity.ERROR, title)
    assert [(e.label, e.observed) for e in found.evidence] == [
        (
            "session",
            f"last message {26 - unheard_s:.1f} s after the join, then none for {unheard_s:.1f} s",
        ),
        ("pings", "5 sent, 2 answered"),
    ]
