"""Options of ``diagnose`` (and ``ws-probe``) that exclude each other, or need another one."""

import json

import pytest
from cli.shell import Shell

URL = "ws://127.0.0.1:7880"
WILL_DO = [
    "looks up 127.0.0.1 and connects to 127.0.0.1:7880",
    "asks 127.0.0.1:7880 for GET / without credentials",
    "asks /rtc/validate about a token of its own; nobody joins",
    "asks /rtc/validate and /rtc/v1/validate once as a page does: token in the query",
    "asks for a WebSocket upgrade without a token, which LiveKit refuses",
    "where nothing is LiveKit's, looks for it under other paths of this host, without credentials",
    (
        "joins a room of its own (lkdoctor-…) as lkdoctor-probe-… for less than a minute, and "
        "leaves; its token asks the server to end that room a second later, and to start no agent"
    ),
    (
        "a server before 1.8 knows neither: it may start an agent that has no name, and is asked "
        "to delete the room only where it has shown that it holds the secret; else the room stays "
        "for its own time, five minutes if nothing else is set"
    ),
    (
        "the app's backend gets webhooks of that room: room_started, participant_joined or "
        "participant_connection_aborted, participant_left, room_finished"
    ),
    "changes nothing else, and ends no room of yours",
]


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
@pytest.mark.parametrize("form", ["human", "plain", "json"])
def test_a_dry_run_speaks_every_form(command: str, form: str, shell: Shell) -> None:
    does = list(WILL_DO)
    if command == "diagnose":
        does.insert(-1, "asks the server API for the list of rooms")
    done = shell(command, "--url", URL, "--dry-run", "-o", form)
    if form == "json":
        plan = {"schema": "lkdoctor.plan", "schema_version": "1.0", "does": does}
        assert (done.code, json.loads(done.out)) == (0, plan)
    else:
        assert (done.code, done.out.splitlines()) == (0, does)


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_a_dry_run_says_when_nobody_joins(command: str, shell: Shell) -> None:
    done = shell(command, "--url", URL, "--dry-run", "--no-join")
    alone = [s for s in WILL_DO if not s.startswith(("joins", "a server before", "the app's"))]
    if command == "diagnose":
        alone.insert(-1, "asks the server API for the list of rooms")
    assert (done.code, done.out.splitlines()) == (0, alone)


@pytest.mark.parametrize("command", ["diagnose", "ws-probe", "ice"])
def test_a_dry_run_says_what_making_the_room_sends(command: str, shell: Shell) -> None:
    done = shell(command, "--url", URL, "--dry-run", "--create-room")
    assert (done.code, done.out.count("token that may create and delete rooms")) == (0, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            ("--no-join", "--join", "--token-file", "t"),
            "--join and --no-join exclude each other",
            id="joins and does not",
        ),
        pytest.param(("--create-room", "--no-join"), "it joins none here", id="a room for nobody"),
        pytest.param(
            ("--create-room", "--join", "--token-file", "t"),
            "it joins none here",
            id="a room beside the token's",
        ),
    ],
)
@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_who_joins_is_said_once(
    command: str, options: tuple[str, ...], said: str, shell: Shell
) -> None:
    (shell.folder / "t").write_text("made-up")
    done = shell(command, "--url", URL, "--timeout", "1", *options)
    assert (done.code, done.out, said in done.err) == (2, "", True)


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_a_dry_run_has_no_report_to_save(command: str, shell: Shell) -> None:
    done = shell(command, "--url", URL, "--dry-run", "--save", "report.json")
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: --save: a dry run judges nothing, so there is no report to save\n"
    assert not (shell.folder / "report.json").exists()


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_there_must_be_a_token_to_join_with(command: str, shell: Shell) -> None:
    """A script that lost its token must not read that the join was fine."""
    done = shell(command, "--url", URL, "--join", "--timeout", "1")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: --join: there is no token to join with\n")


@pytest.mark.parametrize(
    "options",
    [
        ["--only", "tls"],
        ["--skip", "tls"],
        ["--join"],
        ["--dry-run"],
        ["--url", URL],
        ["--room", "demo"],
        ["--timeout", "3"],
    ],
    ids=lambda options: options[0],
)
def test_a_saved_report_is_judged_as_a_whole(options: list[str], shell: Shell) -> None:
    shell("diagnose", "--url", URL, "--offline", "--save", "report.json")
    assert shell("diagnose", "--from", "report.json", "--offline").code == 0
    done = shell("diagnose", "--from", "report.json", *options)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"Error: --from judges a saved report as a whole, so {options[0]} would change nothing\n"
        "  leave out one or the other\n"
    )


def test_a_report_that_cannot_be_judged_is_named(shell: Shell) -> None:
    shell("diagnose", "--url", URL, "--offline", "--save", "report.json")
    report = json.loads((shell.folder / "report.json").read_text(encoding="utf-8"))
    report["facts"]["weather"] = {}

    def refused(version: str) -> str:
        report["schema_version"] = version
        (shell.folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
        done = shell("diagnose", "--from", "report.json")
        assert (done.code, done.out) == (2, "")
        return done.err

    layer = "Error: --from report.json: facts: unknown layer 'weather'\n"
    assert refused("1.0") == layer
    assert refused("1.9") == (
        f"{layer}  lkdoctor of schema version '1.9' wrote it, this one has '1.0'\n"
    )
    assert refused("2.0") == (
        "Error: --from report.json: the report has schema version '2.0', this lkdoctor reads 1.x\n"
        "  another version of lkdoctor wrote it, and reads it\n"
    )


def test_a_booking_gives_a_token_and_names(shell: Shell) -> None:
    options = ["--url", URL, "--offline", "--booking", "b1", "--user", "ann", "-o", "plain"]
    done = shell("diagnose", *options)
    told = {row.split("\t")[1]: row.split("\t") for row in done.out.splitlines()}
    assert told["token.form"][4].endswith(" characters, minted for ann in booking-b1")
    assert {
        name: row[0] for name, row in told.items() if name.startswith("name.")
    } == dict.fromkeys(("name.accepted", "name.clear", "name.portable", "name.template"), "pass")


def test_nothing_looked_at_is_not_healthy(shell: Shell) -> None:
    """A script that lost its token must not read that the token is fine."""
    done = shell("diagnose", "--url", URL, "--only", "token")
    *_, words, verdict = done.out.splitlines()
    assert (done.code, words) == (
        3,
        "Nothing wrong was seen, but not all that matters was looked at.",
    )
    assert verdict.startswith("INCONCLUSIVE   0 passed, ")
