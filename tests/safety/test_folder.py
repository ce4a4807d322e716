"""A folder that somebody else wrote chooses the host: what of the user's own goes there, and when.

Hosts that answer as LiveKit does and hold no secret get one token, a minute long and for a
throw-away room; a server that holds it shows so, and is asked for the rest.
"""

import contextlib
import functools
import io
import itertools
import json
import re
import select
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import needs
import pexpect
import pytest
import servers
import typer
from faults.peers import frame, head, join_response, peer, reply, switching
from livekit.protocol.rtc import SignalResponse

import lkdoctor
from lkdoctor.cli import app as cli
from lkdoctor.clock import SystemClock
from lkdoctor.config.sources import Given, load
from lkdoctor.diagnosis import doctor
from lkdoctor.diagnosis.case import gather
from lkdoctor.diagnosis.how import How
from lkdoctor.sandbox import running_sandbox
from lkdoctor.tokens.decode import Jwt, read
from safety.canary import nothing_known, token

KEY, SECRET = "APIfolder5Kd2Wq", "vR6tY1mK9xQ4wZ8bN3sJ7hD2fG5cL0pAeUoIiYtTrEqW"
PAIR = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
TOKEN = token(KEY, SECRET, identity="ann", room="consultation")
BOOKING = ("--booking", "B1")

COMMANDS: Mapping[str, tuple[tuple[str, ...], ...] | None] = {
    "diagnose": (
        ("diagnose",),
        ("diagnose", "--deep"),
        ("diagnose", "--only", "api.key"),
        ("diagnose", "--wait", "0.5"),
        ("diagnose", *BOOKING, "--user", "ann"),
        ("diagnose", *BOOKING, "--user", "ann", "--join"),
        ("diagnose", "--room", "consultation", "--all-addresses", "--follow-regions"),
    ),
    "ws-probe": (
        ("ws-probe",),
        ("ws-probe", "--path", "auto"),
        ("ws-probe", "--repeat", "3", "--concurrency", "2"),
    ),
    "ice": (("ice",),),
    "rehearse": (
        ("rehearse", *BOOKING, "--provider", "ann", "--client", "bob", "--signal-only"),
        (
            "rehearse",
            *BOOKING,
            "--provider",
            "ann",
            "--client",
            "bob",
            "--signal-only",
            "--in-place",
        ),
    ),
    "rooms list": (("rooms", "list"), ("rooms", "list", "--watch", "-o", "ndjson")),
    "rooms show": (("rooms", "show", "consultation"),),
    "rooms end": (
        ("rooms", "end", "consultation", "--yes"),
        ("rooms", "end", "consultation", "--dry-run"),
    ),
    "check-env": (),
    "check-room": None,
    "token": (),
    "token decode": None,
    "token compare": None,
    "explain": None,
    "sandbox": None,
    "demo": None,
    "schema": None,
    "completion": None,
}
"""Each command with the ways in which it sends what is signed; () takes the variables and dials
nobody, None does not even look at them. A new command is missing here until somebody has thought."""

DIALLING = [line for lines in COMMANDS.values() for line in lines or ()]


def leaves(group: Any, prefix: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command, those within a group by both words."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = getattr(command, "list_commands", None)
        words = (*prefix, name)
        if inner is None:
            yield " ".join(words)
        else:
            yield from leaves(command, words)


def test_no_command_is_left_out() -> None:
    every = set(leaves(typer.main.get_command(cli.app)))
    assert every == {name for name in COMMANDS if name != "token"} | ({"token"} & every)


# ------------------------------------------------------------------ who listens


class Listener:
    """A host that keeps every token that it gets, and what the user had been told by then."""

    def __init__(self, *, echo: bool = False, slow: bool = False) -> None:
        self.echo = echo
        self.slow = slow
        """It holds the secret, and takes its time to show it; who leaves meanwhile learns nothing."""
        self.tokens: dict[str, list[str]] = {}
        """By token, where it was sent."""
        self.told = ""
        """Standard error at the moment when the first one came."""
        self.err: io.StringIO = io.StringIO()

    def heard(self, data: str) -> str | None:
        """Keep the tokens of a request; the first of them."""
        found = re.findall(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", data)
        for one in found:
            if not self.tokens:
                self.told = self.err.getvalue()
            if isinstance(read(one), Jwt):
                self.tokens.setdefault(one, []).append(data.partition(" HTTP/")[0][:60])
        return found[0] if found else None

    @property
    def joins(self) -> int:
        """How many connections there were to join with."""
        places = [place for places in self.tokens.values() for place in places]
        return sum("/rtc?" in place or "/rtc/v1?" in place for place in places)

    @property
    def claims(self) -> list[Mapping[str, Any]]:
        read_all = [read(one) for one in self.tokens]
        return [one.claims for one in read_all if isinstance(one, Jwt)]

    def like_livekit(self, connection: socket.socket) -> None:
        """Answers whatever it is asked as a healthy LiveKit does, without holding the secret."""
        request = head(connection)
        first = self.heard(request)
        if "upgrade: websocket" in request.lower():
            if first is None:
                connection.sendall(reply("401 Unauthorized", b"no permissions to access the room"))
                return
            again = frame(2, SignalResponse(refresh_token=first).SerializeToString())
            connection.sendall(switching(request) + join_response() + (again if self.echo else b""))
            if self.slow and not select.select([connection], [], [], 0.3)[0]:
                connection.sendall(self.fresh(first))
            connection.recv(65536)  # whatever the client says first, it is left alone then
        elif "/twirp/" in request and first is None:
            denied = b'{"code":"unauthenticated","msg":"permissions denied"}'
            connection.sendall(reply("401 Unauthorized", denied, "Content-Type: application/json"))
        elif "/twirp/" in request:
            rooms = b'{"rooms":[{"name":"consultation","sid":"RM_1"}],"participants":[]}'
            connection.sendall(reply("200 OK", rooms, "Content-Type: application/json"))
        else:
            connection.sendall(reply("200 OK", b"success" if "/validate" in request else b"OK"))

    def fresh(self, sent: str) -> bytes:
        """A token of the server's own for the same participant."""
        read_again = read(sent)
        assert isinstance(read_again, Jwt)
        claims = read_again.claims
        room = str(claims["video"]["room"])  # type: ignore[index]  # as lkdoctor makes them
        made = token(KEY, SECRET, identity=str(claims["sub"]), room=room)
        return frame(2, SignalResponse(refresh_token=made).SerializeToString())

    def relay(self, port: int, connection: socket.socket) -> None:
        """Hands everything on to a server that does hold the secret."""
        import threading

        with socket.create_connection(("127.0.0.1", port)) as upstream:

            def back() -> None:
                with contextlib.suppress(OSError):
                    while data := upstream.recv(65536):
                        connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)

            threading.Thread(target=back, daemon=True).start()
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    self.heard(data.decode("latin-1"))
                    upstream.sendall(data)
            with contextlib.suppress(OSError):
                upstream.shutdown(socket.SHUT_WR)


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Folder:
    """A folder, an environment, and a host that listens."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self._patch = path, monkeypatch
        self.listener = Listener()
        monkeypatch.chdir(path)
        monkeypatch.setenv("HOME", str(path))

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.path / name).write_text(text, encoding="utf-8")

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        out, err = io.StringIO(), io.StringIO()
        self.listener.err = err
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), nothing_known():
                code = cli.run(list(arguments))
        return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)


@contextlib.contextmanager
def stranger(folder: Folder, *, echo: bool = False, slow: bool = False) -> Iterator[str]:
    """The URL of a host that answers like LiveKit."""
    folder.listener = Listener(echo=echo, slow=slow)
    with peer(folder.listener.like_livekit) as port:
        yield f"ws://127.0.0.1:{port}"


@contextlib.contextmanager
def holder(folder: Folder) -> Iterator[str]:
    """The URL of a server that holds the secret."""
    folder.listener = Listener()
    with running_sandbox(keys={KEY: SECRET}) as sandbox:
        relay = functools.partial(folder.listener.relay, sandbox.port)
        with peer(relay) as port:
            yield f"ws://127.0.0.1:{port}"


POWERS = ("roomCreate", "roomList", "roomAdmin", "roomRecord", "ingressAdmin")


def is_throw_away(claims: Mapping[str, Any]) -> bool:
    video = claims["video"]
    return (
        claims["exp"] - claims["nbf"] <= 60
        and str(claims["sub"]).startswith("lkdoctor-probe-")
        and str(video["room"]).startswith("lkdoctor-")
        and not any(video.get(power) for power in POWERS)
        and not any(claims.get(other) for other in ("sip", "inference", "observability"))
    )


def url_in_env(url: str) -> dict[str, str]:
    return {".env": f"LIVEKIT_URL={url}\n"}


def own_file(url: str) -> dict[str, str]:
    own = "".join(f"{name}={value}\n" for name, value in PAIR.items())
    return {**url_in_env(url), "own.env": own}


class Origin(NamedTuple):
    """Where the URL and what signs come from."""

    files: Callable[[str], dict[str, str]]
    env: Mapping[str, str] = {}
    options: tuple[str, ...] = ()


ORIGINS = {
    "environment": Origin(url_in_env, PAIR),
    "the secret alone": Origin(
        lambda url: {".env.local": f"LIVEKIT_WS_URL={url}\nLIVEKIT_API_KEY={KEY}\n"},
        {"LIVEKIT_API_SECRET": SECRET},
    ),
    "options": Origin(url_in_env, {}, ("--api-key", KEY, "--api-secret", SECRET)),
    "a file that was named": Origin(own_file, {}, ("--env-file", "own.env")),
    "lkdoctor.toml": Origin(
        lambda url: {
            "lkdoctor.toml": f'[projects.one]\nurl = "{url}"\napi_key = "{KEY}"\n'
            'api_secret_env = "ONE_LIVEKIT_API_SECRET"\n'
        },
        {"ONE_LIVEKIT_API_SECRET": SECRET},
    ),
    "a project that was named": Origin(
        lambda url: {"pyproject.toml": f'[tool.lkdoctor.projects.one]\nurl = "{url}"\n'},
        PAIR,
        ("--project", "one"),
    ),
}


def told_of(url: str, text: str) -> bool:
    return f" names the host {url.removeprefix('ws://')}; not from this folder: " in text


# ------------------------------------------------------------------ a host that holds no secret


@pytest.mark.parametrize("line", DIALLING, ids=" ".join)
@pytest.mark.parametrize("echo", [False, True], ids=["answers", "echoes"])
def test_a_stranger_gets_one_token_for_a_throw_away_room(
    line: tuple[str, ...], echo: bool, folder: Folder
) -> None:
    with stranger(folder, echo=echo) as url:
        folder.write(url_in_env(url))
        done = folder.run(*line, "--timeout", "3", env=PAIR)
    assert [is_throw_away(claims) for claims in folder.listener.claims] == [True]
    assert folder.listener.joins == 1
    assert told_of(url, folder.listener.told)
    assert done.code != 0 or line[0] == "ws-probe"


class Ticking(SystemClock):
    """Each look at the clock finds another second, so that no two tokens are the same by chance."""

    def __init__(self) -> None:
        self.ticks = itertools.count()

    def now(self) -> float:
        return super().now() + next(self.ticks)


async def test_it_is_one_token_however_long_it_takes(folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        case = gather(load(Given(), environ=PAIR, directory=folder.path), Ticking())
        how = How(timeout_s=3, repeat=3, all_addresses=True, follow_regions=True)
        await doctor.diagnose(case, doctor.Request(how=how), Ticking())
    assert [is_throw_away(claims) for claims in folder.listener.claims] == [True]


@pytest.mark.parametrize("name", ORIGINS)
@pytest.mark.parametrize(
    "line", [lines[0] for lines in COMMANDS.values() if lines], ids=lambda line: " ".join(line[:2])
)
def test_wherever_the_secret_comes_from(name: str, line: tuple[str, ...], folder: Folder) -> None:
    origin = ORIGINS[name]
    with stranger(folder) as url:
        folder.write(origin.files(url))
        folder.run(*line, *origin.options, "--timeout", "3", env=origin.env)
    assert [is_throw_away(claims) for claims in folder.listener.claims] == [True]
    assert told_of(url, folder.listener.told)
    assert SECRET not in folder.listener.told


FORMS: Mapping[str, tuple[str, ...]] = {
    "human": (),
    "spoken": ("--accessible",),
    "plain": ("-o", "plain"),
    "json": ("-j",),
    "ndjson": ("-o", "ndjson"),
    "github": ("-o", "github"),
    "junit": ("--junit-file", "out.xml"),
    "quiet": ("-q",),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "line", [lines[0] for lines in COMMANDS.values() if lines], ids=lambda line: " ".join(line[:2])
)
def test_it_is_told_at_once_and_stands_in_the_report(
    form: str, line: tuple[str, ...], folder: Folder
) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run(*line, *FORMS[form], "--save", "report.json", "--timeout", "3", env=PAIR)
    assert told_of(url, folder.listener.told)
    report = json.loads((folder.path / "report.json").read_text("utf-8"))
    found = [f for f in report["findings"] if f["code"] == "env-project-mismatch"]
    assert [(f["check"], f["severity"], f["location"]) for f in found] == [
        ("env.trust", "warning", ".env:1")
    ]
    shown = done.out + done.err
    if form == "junit":
        shown = (folder.path / "out.xml").read_text("utf-8")
    assert "env-project-mismatch" in shown


def test_what_a_stranger_is_not_asked_is_skipped(folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run("diagnose", "--room", "consultation", "-j", env=PAIR)
    report = json.loads(done.out)
    held = {
        c["id"]: c["summary"] for c in report["checks"] if c.get("skip_reason") == "not_trusted"
    }
    words = (
        ".env:1 names the host, which has not shown that it holds the API secret: --trust-folder"
    )
    assert held == {"api.key": words, "api.room": words}
    assert report["facts"].get("api") is None


@pytest.mark.parametrize("trusted", [False, True])
def test_the_same_holds_for_a_call_from_python(*, trusted: bool, folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        report = lkdoctor.diagnose(
            token=TOKEN, environ=PAIR, directory=folder.path, timeout=3, trust_folder=trusted
        )
    powerful = [claims for claims in folder.listener.claims if not is_throw_away(claims)]
    assert bool(powerful) is trusted
    assert (TOKEN in folder.listener.tokens) is trusted
    assert (report.check("env.trust") is None) is trusted


def test_the_app_s_folder_is_no_other(folder: Folder) -> None:
    (folder.path / "app").mkdir()
    with stranger(folder) as url:
        folder.write({f"app/{name}": text for name, text in url_in_env(url).items()})
        folder.run("diagnose", "--project-dir", "app", "--timeout", "3", env=PAIR)
    assert [is_throw_away(claims) for claims in folder.listener.claims] == [True]
    assert folder.listener.told.startswith("note: app/.env:1 names the host ")


@pytest.mark.parametrize(
    "line", [lines[0] for lines in COMMANDS.values() if lines], ids=lambda line: " ".join(line[:2])
)
def test_with_a_secret_that_the_folder_picks_nothing_is_signed(
    line: tuple[str, ...], folder: Folder
) -> None:
    """Any variable of the user's: whoever has a signature can guess at leisure what made it."""
    with stranger(folder) as url:
        project = f'[projects.one]\nurl = "{url}"\napi_key = "k"\napi_secret_env = "DB_PASSWORD"\n'
        folder.write({"lkdoctor.toml": project})
        done = folder.run(*line, "--timeout", "3", env={"DB_PASSWORD": "correct-horse"})
        assert folder.listener.tokens == {}
        assert done.code in {2, 3}
        assert "DB_PASSWORD (named in lkdoctor.toml:1)" in done.err
        folder.run(*line, "--timeout", "3", "--trust-folder", env={"DB_PASSWORD": "correct-horse"})
    assert folder.listener.tokens != {}


# ------------------------------------------------------------------ a server that holds it


@pytest.mark.parametrize("line", [*DIALLING[:1], ("rooms", "list")], ids=" ".join)
def test_a_server_that_shows_the_secret_is_asked_for_the_rest(
    line: tuple[str, ...], folder: Folder
) -> None:
    with holder(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run(*line, "-j", env=PAIR)
    sent = folder.listener.claims
    assert is_throw_away(sent[0])
    assert [c["video"].get("roomList") for c in sent if not is_throw_away(c)] == [True]
    assert told_of(url, folder.listener.told)
    report = json.loads(done.out)
    assert [(f["code"], f["severity"]) for f in report["findings"]] == [
        ("env-project-mismatch", "info")
    ]
    assert (report["summary"]["verdict"], done.code) == ("healthy", 0)


def test_a_server_has_a_moment_to_show_it(folder: Folder) -> None:
    with stranger(folder, slow=True) as url:
        folder.write(url_in_env(url))
        folder.run("rooms", "list", "--timeout", "5", env=PAIR)
    assert is_throw_away(folder.listener.claims[0])
    assert any(claims["video"].get("roomList") for claims in folder.listener.claims)


@pytest.fixture(params=servers.VERSIONS)
def of_one_key(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a real server; with several keys it would sign with any of them."""
    try:
        with servers.livekit_server(request.param, keys={KEY: SECRET}) as server:
            yield server.url
    except servers.ServerMissingError as missing:
        needs.missing(str(missing))


def test_every_version_shows_it(of_one_key: str, folder: Folder) -> None:
    folder.write(url_in_env(of_one_key))
    for line in (("diagnose",), ("rooms", "list"), ("ws-probe", "--pings", "0")):
        done = folder.run(*line, "-j", env=PAIR)
        assert json.loads(done.out)["facts"]["signal"]["proven"] is True
        assert done.code == 0


# ------------------------------------------------------------------ a token of the user's own


@pytest.mark.parametrize("option", [(), ("--join",)], ids=["validated", "joining"])
@pytest.mark.parametrize("keys", [{}, PAIR], ids=["alone", "beside keys"])
@pytest.mark.parametrize("command", ["diagnose", "ws-probe", "ice"])
def test_a_token_of_the_user_s_stays_with_him(
    command: str, keys: Mapping[str, str], option: tuple[str, ...], folder: Folder
) -> None:
    with holder(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run(command, *option, "--timeout", "3", env={**keys, "LIVEKIT_TOKEN": TOKEN})
    assert TOKEN not in folder.listener.tokens
    assert bool(folder.listener.tokens) is bool(keys)
    if keys or option or command != "ice":
        assert f"note: the token is not sent to {url.removeprefix('ws://')}" in done.err
    assert keys or done.code in {2, 3}


@pytest.mark.parametrize(
    "line",
    [lines[0] for name, lines in COMMANDS.items() if lines and name.startswith("rooms")],
    ids=" ".join,
)
def test_the_api_is_not_asked_with_a_token_of_the_user_s(
    line: tuple[str, ...], folder: Folder
) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run(*line, env={"LIVEKIT_TOKEN": TOKEN})
    assert folder.listener.tokens == {}
    assert done.code == 2
    assert (
        "Error: the token (environment) is not sent to the host that .env:1 names\n"
        "  --trust-folder   where the folder is your own\n"
    ) in done.err


def test_who_trusts_the_folder_is_asked_nothing_and_held_from_nothing(folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run("diagnose", "--trust-folder", env={**PAIR, "LIVEKIT_TOKEN": TOKEN})
    assert TOKEN in folder.listener.tokens
    assert any(claims["video"].get("roomList") for claims in folder.listener.claims)
    assert done.err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "sent"), [("y", True), ("n", False), ("", False)])
def test_a_yes_at_the_terminal_sends_it(answer: str, sent: bool, folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        arguments = ["-m", "lkdoctor", "ws-probe", "--timeout", "3"]
        with nothing_known():
            child = pexpect.spawn(
                sys.executable,
                arguments,
                cwd=str(folder.path),
                env={"HOME": str(folder.path), "TERM": "dumb", "LIVEKIT_TOKEN": TOKEN},
                encoding="utf-8",
                timeout=30,
            )
            host = re.escape(url.removeprefix("ws://"))
            child.expect(rf"Trust this folder, and send the token to {host}\? \[y/N\] ")
            assert folder.listener.tokens == {}
            child.sendline(answer)
            child.expect(pexpect.EOF)
            child.close()
    assert (TOKEN in folder.listener.tokens) is sent


# ------------------------------------------------------------------ healthy neighbours

ALL_IN_ENV = "".join(f"{name}={value}\n" for name, value in PAIR.items())


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(
            Origin(lambda url: {".env": f"LIVEKIT_URL={url}\n{ALL_IN_ENV}"}), id="all in the folder"
        ),
        pytest.param(
            Origin(lambda url: {".env.local": f"LIVEKIT_URL={url}\n", ".env": ALL_IN_ENV}),
            id="in two files of the folder",
        ),
        pytest.param(
            Origin(
                lambda url: {"own.env": f"LIVEKIT_URL={url}\n"}, PAIR, ("--env-file", "own.env")
            ),
            id="a URL of a file that was named",
        ),
        pytest.param(Origin(url_in_env, PAIR, ("--trust-folder",)), id="--trust-folder"),
    ],
)
@pytest.mark.parametrize("line", [("diagnose",), ("ws-probe",), ("rooms", "list")], ids=" ".join)
def test_where_nothing_is_apart_nothing_changes(
    line: tuple[str, ...], origin: Origin, folder: Folder
) -> None:
    with holder(folder) as url:
        folder.write(origin.files(url))
        done = folder.run(*line, *origin.options, "-j", env=origin.env)
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert report["findings"] == []
    assert [c for c in report["checks"] if c["id"] == "env.trust"] == []
    if line[0] == "rooms":
        assert [c["video"].get("roomList") for c in folder.listener.claims] == [True]


@pytest.mark.parametrize("variables", ["environment", "option"])
def test_a_url_of_the_user_s_is_his_choice(variables: str, folder: Folder) -> None:
    with holder(folder) as url:
        folder.write(url_in_env("wss://elsewhere.example"))
        env = {**PAIR, "LIVEKIT_URL": url} if variables == "environment" else PAIR
        options = ("--url", url) if variables == "option" else ()
        done = folder.run("diagnose", *options, "-j", env=env)
    assert done.err == ""
    assert "env.trust" not in {c["id"] for c in json.loads(done.out)["checks"]}


# ------------------------------------------------------------------ what dials nobody


@pytest.mark.parametrize("option", ["--dry-run", "--offline"])
def test_a_dry_run_says_so_and_asks_nobody(option: str, folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run("diagnose", option, env={**PAIR, "LIVEKIT_TOKEN": TOKEN})
    assert folder.listener.tokens == {}
    assert ".env:1" in done.out


def test_check_env_tells_and_dials_nobody(folder: Folder) -> None:
    with stranger(folder) as url:
        folder.write(url_in_env(url))
        done = folder.run("check-env", "-q", env=PAIR)
    assert folder.listener.tokens == {}
    told = "WARN env-project-mismatch: The URL comes from this folder, the credentials do not"
    assert told in done.out.splitlines()
