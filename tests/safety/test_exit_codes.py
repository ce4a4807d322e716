"""A script can rely on the exit code: the same in every form, whatever was found."""

import json
from collections.abc import Iterator

import pytest

from lkdoctor.sandbox import Fault, Sandbox, running_sandbox
from safety.canary import Terminal

KEYS = {"devkey": "made-up-secret-that-opens-only-a-sandbox"}

FORMS = {
    "for people": [],
    "quiet": ["-q"],
    "detailed": ["-vv", "--color", "always"],
    "spoken": ["--accessible"],
    "plain": ["-o", "plain"],
    "json": ["--json"],
    "ndjson": ["-o", "ndjson"],
    "github": ["-o", "github"],
}


@pytest.fixture(scope="module")
def healthy() -> Iterator[Sandbox]:
    with running_sandbox(keys=KEYS) as sandbox:
        yield sandbox


def diagnosed(
    terminal: Terminal, form: str, *arguments: str, env: dict[str, str]
) -> tuple[int, int]:
    """The exit codes without and with ``--fail-on warn``."""
    codes = []
    for strictness in ([], ["--fail-on", "warn"]):
        shown = terminal.run("diagnose", *arguments, *FORMS[form], *strictness, env=env)
        codes.append(shown.code)
        if form == "json":
            assert json.loads(shown.out)["summary"]["exit_code"] == shown.code
        if form == "ndjson":
            last = json.loads(shown.out.splitlines()[-1])
            assert (last["event"], last["summary"]["exit_code"]) == ("run.finished", shown.code)
    return codes[0], codes[1]


every_form = pytest.mark.parametrize("form", FORMS)


@every_form
def test_healthy_is_nought(form: str, healthy: Sandbox, terminal: Terminal) -> None:
    assert diagnosed(terminal, form, env=healthy.environment()) == (0, 0)


@every_form
def test_a_warning_is_nought_or_four(form: str, healthy: Sandbox, terminal: Terminal) -> None:
    (terminal.folder / ".env").write_text("LIVEKIT_API_KEY=another\n")
    assert diagnosed(terminal, form, env=healthy.environment()) == (0, 4)


@every_form
def test_a_problem_is_one(form: str, terminal: Terminal) -> None:
    with running_sandbox(keys=KEYS, faults=[Fault.UPGRADE_DROPPED]) as sandbox:
        assert diagnosed(terminal, form, env=sandbox.environment()) == (1, 1)


@every_form
def test_what_could_not_be_told_is_three(form: str, healthy: Sandbox, terminal: Terminal) -> None:
    """A run that ended before it had looked at the network."""
    saved = terminal.run("diagnose", "--save", "report.json", env=healthy.environment())
    document = json.loads(saved.files)
    document["facts"] = {"url": document["facts"]["url"]}
    for check in document["checks"]:
        if check["id"].startswith("net."):
            check |= {"status": "skip", "skip_reason": "out_of_time"}
    (terminal.folder / "report.json").write_text(json.dumps(document))
    assert diagnosed(terminal, form, "--from", "report.json", env={}) == (3, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["diagnose"], id="no URL"),
        pytest.param(["ws-probe"], id="no URL to probe"),
        pytest.param(["rooms", "list"], id="no URL to ask"),
        pytest.param(["diagnose", "--bogus"], id="unknown option"),
        pytest.param(["diagnose", "--from", "absent.json"], id="no such report"),
        pytest.param(["diagnose", "--from", "lkdoctor.toml"], id="not a report"),
        pytest.param(["diagnose", "--url", "ws://h", "--only", "nothing"], id="no such check"),
        pytest.param(["diagnose", "--url", "ws://h", "--env-file", "absent"], id="no such file"),
        pytest.param(["diagnose", "--url", "ws://h", "--booking", "b1"], id="half a booking"),
        pytest.param(["diagnose", "--url", "ws://h", "--identity", "ann"], id="nobody's identity"),
        pytest.param(["diagnose", "--url", "ws://h", "--ipv4", "--ipv6"], id="contradiction"),
        pytest.param(["ws-probe", "--url", "ws://h", "--token-file", "absent"], id="no token file"),
        pytest.param(["ws-probe", "--url", "wss://h", "--ca-file", "absent"], id="no CA file"),
        pytest.param(["token"], id="a token for nobody"),
        pytest.param(["token", "--booking", "b1", "--user", "u1"], id="a token without a key"),
        pytest.param(["token", "decode", "@absent"], id="no token to decode"),
        pytest.param(["token", "compare", "a"], id="one token to compare"),
        pytest.param(["check-room"], id="no name"),
        pytest.param(["explain", "nothing-of-the-kind"], id="no such code"),
        pytest.param(["explain", "--log", "absent.log"], id="no such log"),
        pytest.param(["sandbox", "--fault", "none-such"], id="no such fault"),
        pytest.param(["rooms", "end"], id="no room to end"),
    ],
)
def test_wrong_use_is_two_and_says_what_to_write(arguments: list[str], terminal: Terminal) -> None:
    (terminal.folder / "lkdoctor.toml").write_text('[booking]\nroom = "{booking}"\n')
    shown = terminal.run(*arguments, env={})
    assert (shown.code, shown.out) == (2, "")
    assert "Error: " in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    "command",
    [["rooms", "list"], ["rooms", "show", "x"], ["rooms", "end", "x", "--yes"]],
    ids=" ".join,
)
def test_rooms_of_a_server_that_is_not_reached_are_three(
    command: list[str], terminal: Terminal
) -> None:
    env = {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "devkey"}
    env["LIVEKIT_API_SECRET"] = KEYS["devkey"]
    shown = terminal.run(*command, env=env)
    assert shown.code == 3
    assert "tcp-refused" in shown.out + shown.err
