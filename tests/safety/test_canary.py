"""A planted secret is found in nothing that any command writes."""

import base64
import json
import re
import secrets
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import servers
from faults.peers import head, peer, reply
from test_suspects import PLACES as PLACES_IN_TEXT

from lkdoctor.cli.options import OutputFormat
from lkdoctor.sandbox import running_sandbox
from safety import commands, hostile
from safety.canary import Shown, Terminal, leaks, token, token_leaks

FORMS = {
    "in full": ["-vv", "--color", "always"],
    "spoken": ["--accessible", "-v"],
    "plain": ["-o", "plain", "-vv"],
    "json": ["--json", "-vv"],
    "ndjson": ["-o", "ndjson"],
    "github": ["-o", "github"],
    "junit": ["-q", "--junit-file", "lkdoctor.xml"],
    "quiet": ["-q"],
}
SAVED = ["-vv", "--save", "report.json"]
"""Every detail for people, and the JSON in a file."""


RECORDED = ["--booking", "b1", "--provider", "dr-ann", "--client", "ben"]
"""A booking that is rehearsed."""

NO_REPORT = {"explain", "explain a log", "explain a file", "token compare", "dry run"}
"""Commands that judge nothing and refuse the forms of a report."""


class Canaries(NamedTuple):
    """What must not be seen."""

    key: str
    secret: str
    turn: str
    token: str

    def seen_in(self, shown: Shown) -> list[str]:
        text = shown.everything
        return [*leaks(self.secret, text), *leaks(self.turn, text), *token_leaks(self.token, text)]


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    key, secret = "APIcanary" + secrets.token_hex(3), secrets.token_urlsafe(32)
    assert len(secret) == 43
    return Canaries(key, secret, secrets.token_urlsafe(32), token(key, secret))


@pytest.fixture(scope="module")
def healthy_url(canaries: Canaries) -> Iterator[str]:
    keys = {canaries.key: canaries.secret}
    with running_sandbox(keys=keys, turn_credential=canaries.turn) as sandbox:
        yield sandbox.url


@pytest.fixture(params=list(hostile.MODES))
def echoing_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that gives back all that it got, in one of many ways."""
    with peer(hostile.MODES[request.param](hostile.echo)) as port:
        yield f"ws://127.0.0.1:{port}"


ONLINE = {
    "diagnose": ["diagnose", "--timeout", "1"],
    "diagnose a token": ["diagnose", "--timeout", "1", "--token-file", "token.txt"],
    "diagnose a booking": ["diagnose", "--timeout", "1", "--booking", "b1", "--user", "ann"],
    "ws-probe": ["ws-probe", "--timeout", "1"],
    "ws-probe with a token": ["ws-probe", "--timeout", "1", "--token-file", "token.txt"],
    "ice": ["ice", "--timeout", "2"],
    "ws-probe joins": ["ws-probe", "--timeout", "1", "--token-file", "token.txt", "--join"],
    "ws-probe v1": ["ws-probe", "--timeout", "1", "--path", "rtc/v1"],
    "rehearse": ["rehearse", *RECORDED, "--signal-only", "--timeout", "5"],
    "rooms list": ["rooms", "list", "--timeout", "1"],
    "rooms show": ["rooms", "show", "consultation", "--timeout", "1"],
    "rooms end": ["rooms", "end", "consultation", "--yes", "--timeout", "1"],
}

THOROUGH = ["diagnose a token", "diagnose a booking", "ws-probe joins", "rooms list", "rooms show"]
"""What exercises every answer of a server once."""

OFFLINE = {
    "check-env": ["check-env", "--show-origin"],
    "check-room": ["check-room", "consultation"],
    "diagnose offline": ["diagnose", "--offline"],
    "dry run": ["diagnose", "--dry-run", "--token-file", "token.txt"],
    "explain": ["explain", "token-bad-signature"],
    "explain a log": ["explain", "--log", "-"],
    "explain a file": ["explain", "--log", ".env"],
    "token decode from a variable": ["token", "decode", "--from-env", "LIVEKIT_TOKEN"],
    "token decode from a file": ["token", "decode", "@token.txt"],
    "token decode from a log": ["token", "decode", "-"],
    "token decode all": ["token", "decode", "--all", "-"],
    "token compare": ["token", "compare", "@token.txt", "@other.txt"],
}


NEEDS_NONE = {
    "demo": ["demo"],
    "demo, spoken": ["demo", "--accessible"],
    "schema": ["schema"],
    "completion": ["completion", "bash"],
    "sandbox": ["sandbox", "--list-faults"],
    "explain all": ["explain"],
    "version": ["--version"],
    "help": ["--help"],
}
"""They read no variable and no file, and dial nobody else."""

MINTS = {"token": ["token", "--booking", "b1", "--user", "ann"]}
"""It writes a token, on purpose."""


def test_every_command_is_here() -> None:
    """A new one needs a row above, and is looked at in every form then."""
    rows = [tuple(row) for row in (ONLINE | OFFLINE | NEEDS_NONE | MINTS).values()]
    known = set(commands.names())
    named = {
        max((name for name in known if row[: len(name)] == name), key=len, default=())
        for row in rows
    }
    assert known - named == set()


def test_every_form_is_here() -> None:
    """Those of ``-o``, the short options for them, and each file that a report is written to."""
    options = {word for form in (*FORMS.values(), SAVED) for word in form}
    short = {OutputFormat.HUMAN: "-vv", OutputFormat.JSON: "--json"}
    assert {short.get(form, str(form)) for form in OutputFormat} - options == set()
    assert {"--junit-file", "--save"} <= options


def environment(canaries: Canaries, url: str) -> dict[str, str]:
    return {
        "LIVEKIT_URL": url,
        "LIVEKIT_API_KEY": canaries.key,
        "LIVEKIT_API_SECRET": canaries.secret,
    }


@pytest.fixture
def project(terminal: Terminal, canaries: Canaries) -> Terminal:
    """A project in which the same secrets stand in files, too."""
    folder = terminal.folder
    (folder / "token.txt").write_text(canaries.token)
    (folder / "other.txt").write_text(token(canaries.key, canaries.secret, identity="ben"))
    (folder / ".env").write_text(
        f"LIVEKIT_API_SECRET='{canaries.secret} '\nNEXT_PUBLIC_LIVEKIT_API_SECRET={canaries.secret}\n"
        f"LIVEKIT_API_KEY={canaries.secret}\nLIVEKIT_URL=wss://user:{canaries.secret}@h.example\n"
    )
    return terminal


def saved(command: str) -> list[str]:
    """Every detail, and in a file where the command has a report."""
    return ["-vv"] if command.startswith("rooms") else SAVED


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", [*ONLINE, *OFFLINE])
def test_on_a_healthy_server(
    command: str, form: str, canaries: Canaries, healthy_url: str, project: Terminal
) -> None:
    env = environment(canaries, healthy_url)
    if "--from-env" in OFFLINE.get(command, ()):
        env["LIVEKIT_TOKEN"] = canaries.token
    log = f"12:00 refused {canaries.token} of {canaries.key}\n"
    shown = project.run(*(ONLINE | OFFLINE)[command], *FORMS[form], env=env, stdin=log)
    assert canaries.seen_in(shown) == []
    no_report = command in NO_REPORT and form in {"ndjson", "github", "junit"}
    assert shown.code in ({2} if no_report else {0, 1}), shown


@pytest.mark.parametrize("command", THOROUGH)
def test_on_a_server_that_gives_back_all_that_it_gets(
    command: str, canaries: Canaries, echoing_url: str, project: Terminal
) -> None:
    arguments = [*ONLINE[command], *saved(command)]
    shown = project.run(*arguments, env=environment(canaries, echoing_url))
    assert canaries.seen_in(shown) == []
    assert shown.code in {0, 1, 3}, shown


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", ["diagnose a token", "ws-probe with a token", "rooms list"])
def test_on_a_server_that_refuses_the_signature_and_echoes_the_token(
    command: str,
    form: str,
    canaries: Canaries,
    real_server: servers.RunningServer,
    terminal: Terminal,
) -> None:
    """livekit-server puts the whole token into the body of its 401."""
    env = environment(canaries, real_server.url) | {"LIVEKIT_API_KEY": real_server.long_key}
    given = token(real_server.long_key, canaries.secret)
    (terminal.folder / "token.txt").write_text(given)
    shown = terminal.run(*ONLINE[command], *FORMS[form], env=env)
    assert canaries.seen_in(shown) == []
    assert token_leaks(given, shown.everything) == []
    assert shown.code == 1
    assert "another secret" in shown.everything


@pytest.mark.parametrize("command", ONLINE)
def test_on_the_real_server(
    command: str, real_server: servers.RunningServer, terminal: Terminal
) -> None:
    """Its refresh tokens, TURN passwords and echoes included."""
    key, secret = real_server.long_key, real_server.long_secret
    given = token(key, secret, room="canary")
    (terminal.folder / "token.txt").write_text(given)
    env = {"LIVEKIT_URL": real_server.url, "LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret}
    shown = terminal.run(*ONLINE[command], *saved(command), env=env)
    assert leaks(secret, shown.everything) == []
    assert token_leaks(given, shown.everything) == []
    assert "eyJ" not in shown.everything
    assert shown.code in {0, 1}


@pytest.mark.parametrize("form", ["in full", "spoken", "quiet"])
def test_a_minted_token_stands_on_its_own_line_alone(
    form: str, canaries: Canaries, project: Terminal
) -> None:
    env = environment(canaries, "wss://h.example")
    shown = project.run(*MINTS["token"], *FORMS[form], env=env)
    assert shown.code == 0
    (minted,) = shown.out.splitlines()
    assert minted.count(".") == 2
    rest = shown._replace(out="")
    assert token_leaks(minted, rest.everything) == []
    assert canaries.seen_in(rest) == []


PLACES = {
    "in the URL as a password": {"LIVEKIT_URL": "ws://user:{secret}@127.0.0.1:1"},
    "in the URL as a password with a slash": {"LIVEKIT_URL": "ws://user:x/{secret}@h.example"},
    "in the URL as a password with #": {"LIVEKIT_URL": "ws://user:{secret}#x@h.example"},
    "in the URL without a scheme": {"LIVEKIT_URL": "user:{secret}@h.example"},
    "in the URL with one slash": {"LIVEKIT_URL": "wss:/user:{secret}@h.example"},
    "in the URL in brackets": {"LIVEKIT_URL": "<wss://user:{secret}@h.example>"},
    "in the URL as another query": {"LIVEKIT_URL": "ws://127.0.0.1:1/?api_secret={secret}x"},
    "in place of the URL's host": {"LIVEKIT_URL": "wss://{token}"},
    "in place of the URL, a token": {"LIVEKIT_URL": "{token}"},
    "in the keys of a server": {"LIVEKIT_KEYS": "{key}: {secret}"},
    "in the URL as its host": {"LIVEKIT_URL": "wss://{random}"},
    "in the URL as its path": {"LIVEKIT_URL": "wss://h.example/{random}"},
    "in the URL in brackets alone": {"LIVEKIT_URL": "<{random}>"},
    "in the URL behind the key": {"LIVEKIT_URL": "{key}:{random}"},
    "in the key in brackets": {"LIVEKIT_API_KEY": "<{random}>"},
    "in the proxy": {"HTTP_PROXY": "http://u:x/{secret}@127.0.0.1:1"},
    "in place of the proxy": {"HTTP_PROXY": "{random}", "ALL_PROXY": "{random}"},
    "in the URL as a query": {"LIVEKIT_URL": "ws://127.0.0.1:1/?access_token={token}"},
    "in place of the URL": {"LIVEKIT_URL": "{secret}"},
    "in place of the key": {"LIVEKIT_API_KEY": "{secret}", "LIVEKIT_API_SECRET": "{key}"},
    "with quotes": {"LIVEKIT_API_SECRET": '"{secret}"'},
    "with a line end": {"LIVEKIT_API_SECRET": "{secret}\r\n"},
    "cut in half": {"LIVEKIT_API_SECRET": "{half}"},
    "under a public prefix": {"NEXT_PUBLIC_LIVEKIT_API_SECRET": "{secret}"},
    "in two places": {"LIVEKIT_API_SECRET": "{secret}", "VITE_LIVEKIT_API_SECRET": "{secret}x"},
    "in place of the token": {"LIVEKIT_TOKEN": "{secret}"},
    "as a broken token": {"LIVEKIT_TOKEN": "Bearer {token}x"},
    "as a token in quotes": {"LIVEKIT_TOKEN": '"{token}"'},
    "with the variable's name": {"LIVEKIT_API_SECRET": "LIVEKIT_API_SECRET={secret}"},
}


@pytest.mark.parametrize("where", ["environment", "file"])
@pytest.mark.parametrize("place", PLACES)
def test_in_a_place_where_it_does_not_belong(
    place: str, where: str, canaries: Canaries, terminal: Terminal
) -> None:
    words = {
        "secret": canaries.secret,
        "half": canaries.secret[:22],
        "token": canaries.token,
        "key": canaries.key,
        # Known by nothing but its looks: as livekit-server's generator writes them.
        "random": "Qx7" + canaries.secret.replace("-", "a").replace("_", "b"),
    }
    env = environment(canaries, "ws://127.0.0.1:1")
    env |= {name: value.format(**words) for name, value in PLACES[place].items()}
    if where == "file":
        lines = [f"{name}={json.dumps(value)}" for name, value in env.items()]
        (terminal.folder / ".env").write_text("\n".join(lines))
        env = {}
    for command in (
        ["check-env", "--show-origin", *SAVED],
        ["check-env", "-o", "plain"],
        ["check-env", "--accessible"],
        ["diagnose", *SAVED],
        ["diagnose", "--offline", *SAVED],
        ["diagnose", "--dry-run"],
        ["ws-probe", *SAVED],
        ["rooms", "list", "-vv"],
        ["token", "decode", "--from-env", "LIVEKIT_TOKEN", "-vv"],
    ):
        shown = terminal.run(*command, env=env)
        assert canaries.seen_in(shown) == [], command
        assert leaks(words["random"], shown.everything) == [], command
        assert shown.code in {0, 1, 2, 3}, shown


@pytest.mark.parametrize(
    "command",
    NEEDS_NONE.values(),
    ids=NEEDS_NONE,
)
def test_in_commands_that_need_none_of_it(
    command: list[str], canaries: Canaries, project: Terminal
) -> None:
    heard: list[str] = []

    def listen(connection: socket.socket) -> None:
        heard.append(head(connection))

    with peer(listen) as port:
        env = environment(canaries, f"ws://127.0.0.1:{port}")
        shown = project.run(*command, env=env | {"LIVEKIT_TOKEN": canaries.token})
    assert canaries.seen_in(shown) == []
    assert (shown.code, heard) == (0, [])
    assert canaries.key not in shown.everything


def test_a_secret_given_as_an_argument(
    canaries: Canaries, healthy_url: str, terminal: Terminal
) -> None:
    target = ["--url", healthy_url, "--api-key", canaries.key, "--api-secret", canaries.secret]
    for command in (["check-env"], ["diagnose"], ["ws-probe"], ["rooms", "list"]):
        shown = terminal.run(*command, *target, "-vv", env={})
        assert canaries.seen_in(shown) == []
        assert "process list" in shown.err
        assert shown.code == 0, shown


@pytest.mark.parametrize("command", ONLINE)
def test_no_credential_follows_a_redirect(
    command: str, canaries: Canaries, project: Terminal
) -> None:
    """The second host hears nothing at all."""
    heard: list[str] = []

    def second(connection: socket.socket) -> None:
        heard.append(head(connection))

    with peer(second) as elsewhere:
        to = f"http://127.0.0.1:{elsewhere}/login"
        redirecting = hostile.answers("307 Temporary Redirect", hostile.echo, redirect_to=to)
        with peer(redirecting) as port:
            env = environment(canaries, f"ws://127.0.0.1:{port}")
            shown = project.run(*ONLINE[command], "-vv", env=env)
    assert heard == []
    assert canaries.seen_in(shown) == []
    assert shown.code == 1


def test_the_secret_signs_and_is_sent_nowhere(canaries: Canaries, project: Terminal) -> None:
    heard: list[str] = []

    def handle(connection: socket.socket) -> None:
        heard.append(head(connection))
        connection.sendall(reply("401 Unauthorized", b"no"))

    with peer(handle) as port:
        env = environment(canaries, f"ws://127.0.0.1:{port}")
        for command in ONLINE.values():
            project.run(*command, env=env)
    everything = "\n".join(heard)
    assert len(heard) > len(ONLINE)
    assert "Bearer eyJ" in everything
    assert leaks(canaries.secret, everything) == []
    for payload in re.findall(r"eyJ[\w-]+\.([\w-]+)\.", everything):
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        assert leaks(canaries.secret, claims.decode()) == []


LOGGED = "{} could not connect: net::ERR_NAME_NOT_RESOLVED\n"
"""What is said of it makes the line worth quoting."""


@pytest.mark.parametrize("form", ["in full", "spoken", "plain", "json", "quiet"])
@pytest.mark.parametrize("secret", ["orchardLanternVelvet", "orchard", "x7" * 20])
def test_in_a_log_where_a_secret_stands_in_its_place(
    form: str, secret: str, terminal: Terminal
) -> None:
    """Each place by itself, as a line is quoted once; nobody has told lkdoctor of the secret."""
    for place, text in PLACES_IN_TEXT.items():
        log = LOGGED.format(text.format(secret).replace("\n", "\\n").replace("\r", ""))
        shown = terminal.run("explain", "--log", "-", *FORMS[form], env={}, stdin=log)
        assert secret not in shown.everything, place
        assert shown.code == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["orchard", "tulip7", "orchardlanternvelvet"])
def test_short_or_of_letters_alone(form: str, secret: str, terminal: Terminal) -> None:
    """A server that knows it says it; so do the URL and the token."""
    said = f"no: {secret}, {secret.upper()}! {base64.b64encode(secret.encode()).decode()} (key={secret})"
    env = {"LIVEKIT_API_KEY": "APIcanaryxyz", "LIVEKIT_API_SECRET": secret}
    with peer(hostile.answers("401 Unauthorized", hostile.literally(said))) as port:
        env["LIVEKIT_URL"] = f"ws://127.0.0.1:{port}"
        for command in ("diagnose", "ws-probe", "rooms list"):
            shown = terminal.run(*ONLINE[command], *FORMS[form], env=env)
            assert secret not in shown.everything.lower(), command
            assert base64.b64encode(secret.encode()).decode()[:8] not in shown.everything
            assert shown.code in {1, 3}
