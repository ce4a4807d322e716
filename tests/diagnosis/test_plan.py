"""What is done, and what is left out with which words, for each kind of input."""

import pytest

from lkdoctor.config.target import Apart
from lkdoctor.diagnosis.fold import Skip
from lkdoctor.diagnosis.plan import STEP_OF, WEBHOOKS, Inputs, Plan, Step, describe, make
from lkdoctor.errors import UsageError
from lkdoctor.facts.signal import Whose
from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact, UrlProblem
from lkdoctor.findings import Layer
from lkdoctor.report.model import SkipReason
from lkdoctor.rules.base import Check, Effect
from lkdoctor.wire.url import parse


def check(identifier: str, layer: Layer, *needs: str, effect: Effect = Effect.NETWORK) -> Check:
    return Check(
        id=identifier,
        layer=layer,
        title=identifier,
        look=lambda: None,
        needs=needs,
        effect=effect,
    )


CHECKS = (
    check("env.set", Layer.ENV, effect=Effect.NONE),
    check("url.form", Layer.URL, effect=Effect.NONE),
    check("net.dns", Layer.NETWORK),
    check("net.tcp", Layer.NETWORK, "net.dns"),
    check("tls.handshake", Layer.TLS, "net.tcp"),
    check("clock.skew", Layer.CLOCK, "http.root"),
    check("token.form", Layer.TOKEN, effect=Effect.NONE),
    check("signal.validate", Layer.SIGNAL, "tls.handshake"),
    check("signal.v1", Layer.SIGNAL, "tls.handshake"),
    check("signal.upgrade", Layer.SIGNAL, "tls.handshake"),
    check("signal.join", Layer.SIGNAL, "signal.upgrade", effect=Effect.JOIN),
    check("signal.ping", Layer.SIGNAL, "signal.join"),
    check("media.direct", Layer.MEDIA, "signal.join", effect=Effect.JOIN),
    check("media.stun", Layer.MEDIA, "signal.join", effect=Effect.JOIN),
    check("media.turn", Layer.MEDIA, "signal.join", effect=Effect.JOIN),
    check("http.root", Layer.SERVER, "net.tcp", "tls.handshake"),
    check("api.key", Layer.API, "tls.handshake", effect=Effect.API_READ),
    check("api.room", Layer.API, "api.key", effect=Effect.API_READ),
)
CODES = {"proxy-upgrade-stripped": "signal.upgrade"}
SECURE = ParsedUrl(
    scheme="wss",
    host="rtc.example.com",
    port=443,
    explicit_port=False,
    path="",
    query=False,
    userinfo=False,
    host_kind=HostKind.PUBLIC,
)
EVERYTHING = Inputs(
    url=UrlFact("wss://rtc.example.com", "--url", SECURE),
    keys=True,
    token=True,
    room="demo",
    deep=True,
)


def plan(inputs: Inputs) -> Plan:
    return make(inputs, CHECKS, codes=CODES)


def test_with_everything_at_hand_nothing_is_left_out() -> None:
    assert plan(EVERYTHING) == Plan(
        steps=frozenset(Step), joins=Whose.MINTED, skipped={}, room="demo"
    )


def test_what_takes_longer_is_left_out_unless_it_is_asked_for() -> None:
    brief = EVERYTHING._replace(deep=False)
    made = plan(brief)
    assert Step.MEDIA not in made.steps
    assert dict(made.skipped) == dict.fromkeys(
        ("media.direct", "media.stun", "media.turn"), Skip(SkipReason.DESELECTED)
    )
    assert Step.MEDIA in plan(brief._replace(only=("media.turn",))).steps


def test_without_a_join_nobody_sees_what_media_is_offered() -> None:
    made = plan(EVERYTHING._replace(skip=("signal",)))
    assert not made.steps & {Step.JOIN, Step.MEDIA}


SECRET_APART = EVERYTHING._replace(apart=Apart(".env:1", "environment"), token=False)
TOKEN_APART = EVERYTHING._replace(apart=Apart(".env:1", None, "environment"))
UNPROVEN = Skip(
    SkipReason.NOT_TRUSTED,
    words=".env:1 names the host, which has not shown that it holds the API secret: --trust-folder",
)
UNSENT = Skip(
    SkipReason.NOT_TRUSTED,
    words="not sent, as .env:1 names the host and the token is not from there: --trust-folder",
)


@pytest.mark.parametrize(
    ("inputs", "joins", "skipped"),
    [
        pytest.param(SECRET_APART, Whose.MINTED, {}, id="all that can be shown is asked for"),
        pytest.param(
            SECRET_APART._replace(only=("api.key",)),
            Whose.MINTED,
            {},
            id="the API alone takes a join",
        ),
        pytest.param(
            SECRET_APART._replace(skip=("signal",)),
            Whose.NONE,
            {"api.key": UNPROVEN, "api.room": UNPROVEN},
            id="without a join nothing is shown",
        ),
        pytest.param(
            SECRET_APART._replace(token=True, join=True), Whose.GIVEN, {}, id="a booking's token"
        ),
        pytest.param(TOKEN_APART._replace(join=True), Whose.MINTED, {}, id="a token beside keys"),
        pytest.param(
            TOKEN_APART._replace(keys=False, join=True),
            Whose.NONE,
            dict.fromkeys(
                (
                    *("signal.validate", "signal.v1", "signal.join", "signal.ping"),
                    *("media.direct", "media.stun", "media.turn"),
                ),
                UNSENT,
            ),
            id="a token alone",
        ),
    ],
)
def test_a_host_of_the_folder_s_choice_gets_little(
    inputs: Inputs, joins: Whose, skipped: dict[str, Skip]
) -> None:
    made = plan(inputs)
    assert made.joins is joins
    held = {i: s for i, s in made.skipped.items() if s.reason is SkipReason.NOT_TRUSTED}
    assert held == skipped


def test_a_host_of_the_folder_s_choice_gets_no_token_that_makes_rooms() -> None:
    with pytest.raises(UsageError) as refused:
        plan(SECRET_APART._replace(create_room=True))
    assert refused.value.message == (
        "--create-room sends a token that may delete rooms, and .env:1 names the host"
    )
    plan(EVERYTHING._replace(create_room=True))


def test_with_a_secret_of_the_folder_s_choice_nothing_is_signed() -> None:
    apart = Apart(".env:1", "DB_PASSWORD (named in lkdoctor.toml:1)", picked=True)
    made = plan(EVERYTHING._replace(apart=apart, keys=False))
    assert set(made.steps) == {Step.ROUTE, Step.ROOT, Step.UPGRADE}
    assert made.joins is Whose.NONE
    signed = {i for i, step in STEP_OF.items() if step not in made.steps}
    held = {i for i, s in made.skipped.items() if s.reason is SkipReason.NOT_TRUSTED}
    assert held == signed & {check.id for check in CHECKS}


def test_a_dry_run_says_what_a_host_of_the_folder_s_choice_gets() -> None:
    both = Apart(".env:1", "environment", "--token-file t")
    assert both.words == "the API secret (environment) and the token (--token-file t)"
    later = "once the server has shown that it holds the API secret"
    inputs = EVERYTHING._replace(deep=False, apart=both, token_words="ann's token")
    sentences = describe(plan(inputs), inputs)
    assert sentences[1:4] == (
        f".env:1 names the host; not from this folder: {both.words}",
        "the host gets one token, a minute long and for a throw-away room (--trust-folder: all at once)",
        "does not send ann's token there (--trust-folder)",
    )
    assert [s for s in sentences if "ann's token" in s] == [sentences[3]]
    assert [s for s in sentences if later in s] == [
        f"asks the server API for the list of rooms and for the participants of demo, {later}"
    ]
    booking = inputs._replace(apart=Apart(".env:1", "environment"))
    asked = f"asks /rtc/validate about ann's token; nobody joins, {later}"
    assert asked in describe(plan(booking), booking)


def test_a_given_token_joins_only_on_request() -> None:
    """Without --join a real identity is never used to join, keys or not."""
    assert plan(EVERYTHING._replace(join=True)).joins is Whose.GIVEN
    without_keys = plan(EVERYTHING._replace(keys=False, token_words="the token of alice"))
    assert without_keys.joins is Whose.NONE
    assert without_keys.skipped["signal.join"] == Skip(
        SkipReason.NEEDS_CONSENT, words="would join with the token of alice: add --join"
    )


def test_no_join_leaves_out_all_that_takes_a_session() -> None:
    made = plan(EVERYTHING._replace(no_join=True))
    left_out = ("signal.join", "signal.ping", "media.direct", "media.stun", "media.turn")
    words = Skip(SkipReason.DESELECTED, words="left out: --no-join")
    assert (made.joins, dict(made.skipped)) == (Whose.NONE, dict.fromkeys(left_out, words))


def test_a_room_is_made_only_where_it_is_joined() -> None:
    """--only leaves the join out; then there is nothing to make a room for."""
    assert plan(EVERYTHING._replace(create_room=True)).create_room
    assert not plan(EVERYTHING._replace(create_room=True, only=("net",))).create_room


@pytest.mark.parametrize(
    ("inputs", "left_out"),
    [
        pytest.param(
            EVERYTHING._replace(keys=False, token=False),
            {
                "signal.validate": "needs a token, or API key and secret",
                "signal.v1": "needs a token, or API key and secret",
                "signal.join": "needs API key and secret, or a token and --join",
                "signal.ping": "needs API key and secret, or a token and --join",
                "media.direct": "needs API key and secret, or a token and --join",
                "media.stun": "needs API key and secret, or a token and --join",
                "media.turn": "needs API key and secret, or a token and --join",
                "api.key": "needs API key and secret",
                "api.room": "needs API key and secret",
            },
            id="no credentials",
        ),
        pytest.param(
            EVERYTHING._replace(room=None),
            {"api.room": "no room given: --room, --booking or a token"},
            id="no room",
        ),
        pytest.param(
            EVERYTHING._replace(
                url=UrlFact("ws://x", "--url", SECURE._replace(scheme="ws", port=80))
            ),
            {"tls.handshake": "ws has no TLS"},
            id="no TLS in the URL",
        ),
    ],
)
def test_what_was_not_given_is_named(inputs: Inputs, left_out: dict[str, str]) -> None:
    assert {i: skip.words for i, skip in plan(inputs).skipped.items()} == left_out


@pytest.mark.parametrize(
    ("inputs", "skip"),
    [
        pytest.param(
            EVERYTHING._replace(url=None),
            Skip(SkipReason.NO_INPUT, words="no URL given"),
            id="none",
        ),
        pytest.param(
            EVERYTHING._replace(url=UrlFact("", "--url", UnusableUrl(UrlProblem.EMPTY, "empty"))),
            Skip(SkipReason.BLOCKED, "url.form", "needs url.form"),
            id="unusable",
        ),
        pytest.param(
            EVERYTHING._replace(offline=True),
            Skip(SkipReason.DESELECTED, words="left out: --offline"),
            id="offline",
        ),
    ],
)
def test_without_a_url_to_dial_nothing_is_dialled(inputs: Inputs, skip: Skip) -> None:
    made = plan(inputs)
    assert made.steps == frozenset()
    assert made.joins is Whose.NONE
    assert dict(made.skipped) == dict.fromkeys(STEP_OF, skip)


@pytest.mark.parametrize(
    ("only", "steps"),
    [
        pytest.param("net", {Step.ROUTE}, id="a prefix"),
        pytest.param("clock", {Step.ROUTE, Step.ROOT}, id="a layer"),
        pytest.param("signal.upgrade", {Step.ROUTE, Step.UPGRADE}, id="a check"),
        pytest.param("proxy-upgrade-stripped", {Step.ROUTE, Step.UPGRADE}, id="a finding's code"),
        pytest.param("env", set(), id="nothing to dial"),
    ],
)
def test_only_does_what_it_names_and_what_that_needs(only: str, steps: set[Step]) -> None:
    assert plan(EVERYTHING._replace(only=(only,))).steps == steps


def test_skip_leaves_out_even_what_others_need() -> None:
    made = plan(EVERYTHING._replace(skip=("api", "signal.join", "signal.ping")))
    assert made.steps == {Step.ROUTE, Step.ROOT, Step.VALIDATE, Step.UPGRADE}
    assert set(made.skipped) == {"api.key", "api.room", "signal.join", "signal.ping"}
    assert {skip.reason for skip in made.skipped.values()} == {SkipReason.DESELECTED}


def test_a_name_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        plan(EVERYTHING._replace(only=("signal.jion",)))
    assert raised.value.message == "--only signal.jion: no check, layer or finding has this name"
    assert "signal.join" in raised.value.advice[0]


def test_a_dry_run_names_every_host_and_every_join() -> None:
    inputs = EVERYTHING._replace(token_words="the token of alice for room demo")
    assert describe(plan(inputs), inputs) == (
        "looks up rtc.example.com and connects to rtc.example.com:443 over TLS",
        "asks rtc.example.com:443 for GET / without credentials",
        "asks /rtc/validate about the token of alice for room demo; nobody joins",
        "asks /rtc/validate about a token of its own; nobody joins",
        "asks /rtc/validate and /rtc/v1/validate once as a page does: token in the query",
        "asks for a WebSocket upgrade without a token, which LiveKit refuses",
        "where nothing is LiveKit's, looks for it under other paths of this host, without credentials",
        (
            "joins a room of its own (lkdoctor-…) as lkdoctor-probe-… for less than a minute, and "
            "leaves; its token asks the server to end that room a second later, and to start no "
            "agent"
        ),
        (
            "a server before 1.8 knows neither: it may start an agent that has no name, and is "
            "asked to delete the room only where it has shown that it holds the secret; else the "
            "room stays for its own time, five minutes if nothing else is set"
        ),
        f"the app's backend gets webhooks of that room: {WEBHOOKS}",
        (
            "answers the server's offer without media, and sends connectivity checks to every "
            "address in it, over UDP and TCP"
        ),
        (
            "asks every STUN and TURN server that the server names, on whatever host, for our "
            "address and, with the credentials that it gives, for a relay of a minute"
        ),
        "asks the server API for the list of rooms and for the participants of demo",
        "changes nothing else, and ends no room of yours",
    )
    cloud = inputs._replace(url=parse("wss://demo-x4k2.livekit.cloud", "test"))
    assert not [line for line in describe(plan(cloud), cloud) if "as a page" in line]
    joining = inputs._replace(join=True)
    assert (
        "JOINS with the token of alice for room demo: a participant of that identity who is in "
        "the room now would be disconnected; leaves at once"
    ) in describe(plan(joining), joining)
    offline = inputs._replace(offline=True)
    assert describe(plan(offline), offline) == ("reads the configuration; dials nothing",)


def test_only_the_url_and_credentials_have_to_be_given() -> None:
    given = Inputs(url=EVERYTHING.url, keys=True, token=True)
    made = plan(given)
    assert made.steps == frozenset(Step) - {Step.MEDIA}
    assert (made.joins, made.room) == (Whose.MINTED, None)
    assert {i: s.words for i, s in made.skipped.items() if s.words} == {
        "api.room": "no room given: --room, --booking or a token"
    }


def test_what_stands_for_itself_is_looked_at_wherever_the_folder_names_the_host() -> None:
    stands = check("env.trust", Layer.ENV, effect=Effect.NONE)._replace(stands=True)
    inputs = EVERYTHING._replace(only=("net.dns",))

    def left_out(inputs: Inputs) -> bool:
        return "env.trust" in make(inputs, (*CHECKS, stands), codes=CODES).skipped

    assert left_out(inputs)
    assert not left_out(inputs._replace(apart=Apart(".env:1", "environment")))


def test_a_check_without_an_effect_is_asked_offline_unless_a_step_answers_it() -> None:
    quiet = tuple(one._replace(effect=Effect.NONE) for one in CHECKS)
    made = make(EVERYTHING._replace(offline=True), quiet, codes=CODES)
    words = "left out: --offline"
    assert dict(made.skipped) == dict.fromkeys(STEP_OF, Skip(SkipReason.DESELECTED, words=words))
    loud = make(
        EVERYTHING._replace(offline=True), (check("app.call", Layer.APP),), codes=CODES
    ).skipped
    assert dict(loud) == {"app.call": Skip(SkipReason.DESELECTED, words=words)}


def test_only_a_secret_from_elsewhere_has_to_be_proven_to() -> None:
    made = plan(TOKEN_APART._replace(skip=("signal",)))
    assert Step.API in made.steps
    assert not [s for s in made.skipped.values() if s.reason is SkipReason.NOT_TRUSTED]


def test_a_need_that_does_not_exist_keeps_nothing_back() -> None:
    made = make(EVERYTHING, (check("http.root", Layer.SERVER, "net.gone"),), codes=CODES)
    assert made.steps == {Step.ROUTE, Step.ROOT}
    assert not made.skipped


@pytest.mark.parametrize(
    ("keys", "token"), [(True, False), (False, True)], ids=["keys alone", "a token alone"]
)
def test_the_server_s_word_on_a_token_takes_either(keys: bool, token: bool) -> None:
    made = plan(EVERYTHING._replace(keys=keys, token=token))
    assert Step.VALIDATE in made.steps
    assert not {"signal.validate", "signal.v1"} & set(made.skipped)


def test_a_layer_is_named_as_well_as_a_prefix() -> None:
    assert plan(EVERYTHING._replace(only=("network",))).steps == {Step.ROUTE}
    left = plan(EVERYTHING._replace(skip=("network", "server")))
    assert {"net.dns", "net.tcp", "http.root"} <= set(left.skipped)
    assert "clock.skew" not in left.skipped


@pytest.mark.parametrize(
    "inputs",
    [
        EVERYTHING._replace(join=True),
        EVERYTHING._replace(no_join=True),
        EVERYTHING._replace(keys=False),
    ],
    ids=["joins with a token", "joins nothing", "nothing to sign with"],
)
def test_a_room_is_created_only_where_one_of_ours_is_joined(inputs: Inputs) -> None:
    with pytest.raises(UsageError, match=r"^--create-room makes"):
        plan(inputs._replace(create_room=True))


def test_whoever_joins_with_a_token_hears_of_webhooks() -> None:
    joining = EVERYTHING._replace(join=True)
    said = f"the app's backend gets webhooks of that, too: {WEBHOOKS}"
    assert said in describe(plan(joining), joining)
    quiet = EVERYTHING._replace(no_join=True)
    assert said not in describe(plan(quiet), quiet)


def test_a_dry_run_says_that_a_token_is_not_sent_only_where_it_is_not() -> None:
    from_elsewhere = EVERYTHING._replace(apart=Apart(".env:1", None, "environment"))
    words = "does not send the token that was given there (--trust-folder)"
    assert words in describe(plan(from_elsewhere), from_elsewhere)
    the_folder_s = EVERYTHING._replace(apart=Apart(".env:1", "environment"))
    assert words not in describe(plan(the_folder_s), the_folder_s)


def test_what_is_not_there_is_not_sent() -> None:
    assert EVERYTHING.sends_token
    assert not EVERYTHING._replace(token=False).sends_token
    assert not EVERYTHING.must_show
    assert SECRET_APART.must_show
    assert not TOKEN_APART.must_show


@pytest.mark.parametrize(
    ("only", "token", "proves"),
    [
        pytest.param("api.key", False, True, id="the API is asked"),
        pytest.param("signal.validate", True, True, id="a token is shown"),
        pytest.param("signal.validate", False, False, id="a token of ours is shown"),
        pytest.param("net", True, False, id="nothing is shown"),
    ],
)
def test_a_join_proves_the_server_where_more_than_that_is_sent(
    only: str, token: bool, proves: bool
) -> None:
    inputs = SECRET_APART._replace(only=(only,), token=token)
    assert (Step.JOIN in plan(inputs).steps) is proves
    assert Step.JOIN not in plan(inputs._replace(apart=None)).steps


def test_a_token_is_asked_about_where_nobody_joins() -> None:
    quiet = EVERYTHING._replace(no_join=True)
    asked = "asks /rtc/validate about the token that was given; nobody joins"
    assert asked in describe(plan(quiet), quiet)
    apart = quiet._replace(apart=Apart(".env:1", "environment"))
    assert not [line for line in describe(plan(apart), apart) if line.startswith(asked)]


def test_a_name_like_none_that_exists_is_answered_with_all_of_them() -> None:
    with pytest.raises(UsageError) as raised:
        plan(EVERYTHING._replace(skip=("zzzzzz",)))
    assert raised.value.message == "--skip zzzzzz: no check, layer or finding has this name"
    assert raised.value.advice == (f"checks: {', '.join(one.id for one in CHECKS)}",)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("signal.jion", "signal.join"),
        ("netwrk", "network"),
        ("proxy-upgrade-striped", "proxy-upgrade-stripped"),
    ],
    ids=["a check", "a layer", "a code"],
)
def test_what_was_meant_is_asked_first(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        plan(EVERYTHING._replace(only=(typed,)))
    assert f"{raised.value.advice[0]},".startswith(f"did you mean: {meant},")
