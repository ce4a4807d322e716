"""A secret that was typed in a wrong place is repeated by no error."""

import contextlib
import io

import pytest

from lkdoctor.cli.app import run

SECRET = "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5UeQzMt3wXo1"
BASE64 = "q3vT8mZ/p1Wd9xYb2+Rn7Lc4Hs6Jf0Ga5UeQzMt3wXo="
SHORT = "hunter"
"""Of letters alone; only the environment tells that it is one."""


def err(*arguments: str) -> str:
    """What a wrong command line is answered with."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        assert run(list(arguments)) == 2
    return told.getvalue()


PLACES = {
    "a command": ["{}"],
    "an argument": ["diagnose", "{}"],
    "one of several arguments": ["explain", "a", "{}", "b"],
    "an option": ["diagnose", "--{}"],
    "an option's value": ["explain", "-o", "{}"],
    "an option's value behind =": ["explain", "--output={}"],
    "a number": ["diagnose", "--timeout", "{}"],
    "a subcommand": ["rooms", "{}"],
    "a role": ["token", "--dev", "--booking", "b1", "--user", "u1", "--role", "{}"],
    "a fault": ["sandbox", "--fault", "{}"],
    "a grant": ["token", "--dev", "--room", "r", "--identity", "i", "--grant", "{}"],
    "a code": ["explain", "{}"],
    "the file of the secret": ["diagnose", "--url", "ws://h", "--api-secret-file", "{}"],
    "the file of the token": ["diagnose", "--url", "ws://h", "--token-file", "{}"],
    "a project": ["diagnose", "--project", "{}"],
    "an env file": ["diagnose", "--env-file", "{}"],
    "a log": ["explain", "--log", "{}"],
    "a saved report": ["diagnose", "--from", "{}"],
    "a server's version": ["sandbox", "--server-version", "{}"],
}


@pytest.mark.parametrize("secret", [SECRET, BASE64, SHORT], ids=["long", "base64", "short"])
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_a_wrong_place_is_not_repeated(
    place: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if secret == SHORT:
        monkeypatch.setenv("LIVEKIT_API_SECRET", secret)
    said = err(*(word.format(secret) for word in PLACES[place]))
    assert secret not in said
    assert secret[:8] not in said
    assert "Error" in said


def test_nor_by_a_junit_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("junit") / "x.xml"
    said = err(
        "diagnose", "--url", "ws://h", "--api-secret-file", SECRET, "--junit-file", str(file)
    )
    assert SECRET[:8] not in said + file.read_text()
    assert "no-report" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["diagnos"], "'diagnos'. Did you mean 'diagnose'", id="a command"),
        pytest.param(["explain", "-o", "yaml"], "'yaml' is not one of 'human'", id="a form"),
        pytest.param(["diagnose", "offline"], "(offline)", id="an argument"),
        pytest.param(["diagnose", "--from", "no/such.json"], "--from no/such.json", id="a file"),
        pytest.param(["diagnose", "--timeout", "5x"], "'5x' is not a valid", id="a number"),
        pytest.param(["explain", "tls-expird"], "'tls-expird'", id="a code"),
        pytest.param(["diagnose", "--offlin"], "No such option: --offlin", id="an option"),
    ],
)
def test_an_ordinary_slip_is_repeated(arguments: list[str], said: str) -> None:
    assert said in err(*arguments)
