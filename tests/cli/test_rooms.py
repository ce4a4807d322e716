"""``lkdoctor rooms`` against a real livekit-server, the sandbox and what is not LiveKit at all."""

import contextlib
import http.client
import http.server
import json
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
import trustme
from servers import RunningServer
from websockets.sync.client import ClientConnection, connect

from lkdoctor.cli.app import run
from lkdoctor.redact import Secret
from lkdoctor.report import schema
from lkdoctor.sandbox import Fault, running_sandbox
from lkdoctor.tokens.mint import TokenRequest, mint

KEYS = {"APIrooms": "made-up-secret-for-the-tests-of-rooms"}


class Server:
    """A server with rooms and people in it, and the command run against it."""

    def __init__(self, url: str, key: str, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self.key = key
        self.secret = secret
        self._capsys = capsys

    def token(self, identity: str = "", *, ago: float = 0, **video: object) -> str:
        return mint(
            TokenRequest(identity=identity, video=video),
            api_key=self.key,
            secret=Secret(self.secret),
            now=time.time() - ago,
            ttl_s=60,
        ).reveal()

    def call(self, method: str, arguments: dict[str, Any], **grants: Any) -> dict[str, Any]:
        """A call of the server API, past all of lkdoctor's own code."""
        host, _, port = self.url.removeprefix("ws://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        token = self.token(**grants)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        path = f"/twirp/livekit.RoomService/{method}"
        connection.request("POST", path, json.dumps(arguments), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, body
        said: dict[str, Any] = json.loads(body)
        return said

    def create(self, name: str, **settings: object) -> str:
        return str(self.call("CreateRoom", {"name": name, **settings}, roomCreate=True)["name"])

    def names(self) -> set[str]:
        return {room["name"] for room in self.call("ListRooms", {}, roomList=True)["rooms"]}

    @contextlib.contextmanager
    def joined(self, room: str, identity: str, **grants: Any) -> Iterator[ClientConnection]:
        """Somebody with signalling and no media, until the block ends."""
        token = self.token(identity, roomJoin=True, room=room, **grants)
        url = f"{self.url}/rtc?access_token={token}&auto_subscribe=1&protocol=16"
        with connect(url, proxy=None) as websocket:
            websocket.recv(timeout=10)
            yield websocket

    def rooms(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of ``lkdoctor rooms …``."""
        variables = {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.key,
            "LIVEKIT_API_SECRET": self.secret,
        } | environ
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            code = run(["rooms", *arguments])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *arguments: str, **environ: str) -> tuple[int, Any]:
        code, out, _ = self.rooms(*arguments, "-j", **environ)
        document = json.loads(out)
        jsonschema.validate(document, json.loads(schema.text()))
        return code, document


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LIVEKIT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def real(real_server: RunningServer, capsys: pytest.CaptureFixture[str]) -> Iterator[Server]:
    """The newest real server; the rooms that the test has made are removed again."""
    server = Server(real_server.url, real_server.long_key, real_server.long_secret, capsys)
    before = server.names()
    yield server
    for name in server.names() - before:
        server.call("DeleteRoom", {"room": name}, roomCreate=True)


@pytest.fixture
def sandbox(capsys: pytest.CaptureFixture[str]) -> Iterator[Server]:
    with running_sandbox(keys=KEYS) as running:
        yield Server(running.url, running.api_key, running.api_secret, capsys)


@pytest.fixture(params=["real", "sandbox"])
def server(request: pytest.FixtureRequest) -> Server:
    """The real server and the sandbox, one after the other."""
    found: Server = request.getfixturevalue(request.param)
    return found


def own(name: str = "") -> str:
    """A room name that no other test uses."""
    return f"{name or 'room'}-{secrets.token_hex(4)}"


# ------------------------------------------------------------------ list


def test_rooms_are_listed_with_their_people(server: Server) -> None:
    """The table is alone on standard output; the total is a note."""
    name = server.create(own(), max_participants=20)
    code, out, err = server.rooms("list", "--name", name)
    assert code == 0
    head, row = out.splitlines()
    assert head.split() == ["ROOM", "PEOPLE", "PUBLISHING", "AGE", "CREATED", "SID"]
    assert row.startswith(f"{name}  0 of 20  0  ")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\dZ  RM_\w+$", row)
    assert err == "1 room, 0 people\n"


def test_rooms_alone_is_rooms_list(server: Server) -> None:
    name = server.create(own())
    assert name in server.rooms()[1]
    code, out, _ = server.rooms("--name", name, "-o", "plain")
    assert (code, out.splitlines()[1].split("\t")[:4]) == (0, [name, "0", "0", "0"])


def test_no_rooms_is_no_failure(server: Server) -> None:
    name = own()
    note = f'0 rooms, 0 people\nno room is called "{name}": lkdoctor rooms show names the nearest\n'
    assert server.rooms("list", "--name", name) == (0, "", note)


def test_case_twins_are_pointed_out(server: Server) -> None:
    """Two people who mean the same room sit in two."""
    name = own("demo")
    server.create(name)
    server.create(name.title())
    _, out, err = server.rooms("list", "--name", name, "--name", name.title())
    assert len(out.splitlines()) == 3
    assert "they differ in upper and lower case; people in them cannot meet" in err


def test_rooms_are_sorted_and_limited(server: Server) -> None:
    stem = own()
    names = [server.create(f"{stem}-{letter}") for letter in "cab"]
    asked = [part for name in names for part in ("--name", name)]
    code, out, _ = server.rooms("list", *asked, "-o", "plain")
    assert [row.split("\t")[0] for row in out.splitlines()[1:]] == sorted(names)
    _, out, _ = server.rooms("list", *asked, "--sort", "age", "-o", "plain")
    assert code == 0
    # A fast machine makes two of them in one millisecond; those stand by their name.
    made = {
        room["name"]: (int(room["creation_time_ms"]), room["name"])
        for room in server.call("ListRooms", {"names": names}, roomList=True)["rooms"]
    }
    assert [row.split("\t")[0] for row in out.splitlines()[1:]] == sorted(
        names, key=made.__getitem__
    )
    code, out, err = server.rooms("list", *asked, "--limit", "1")
    assert (code, len(out.splitlines())) == (0, 2)
    assert err == "3 rooms, 2 of them not shown (--limit), 0 people\n"
    _, document = server.json("list", *asked, "--limit", "1")
    assert [room["name"] for room in document["facts"]["api"]["rooms"]["rooms"]] == [min(names)]


def test_the_json_is_a_report(server: Server) -> None:
    name = server.create(own())
    code, document = server.json("list", "--name", name)
    assert code == document["summary"]["exit_code"] == 0
    (room,) = document["facts"]["api"]["rooms"]["rooms"]
    assert (room["name"], room["num_participants"]) == (name, 0)


def test_listing_loads_only_what_it_uses(sandbox: Server) -> None:
    """No Rich in a pipe, and neither livekit-api nor what it brings: half the time of a start."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lkdoctor", "rooms", "list"],
        env={
            **os.environ,
            "LIVEKIT_URL": sandbox.url,
            "LIVEKIT_API_KEY": sandbox.key,
            "LIVEKIT_API_SECRET": sandbox.secret,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {row.rpartition("|")[2].strip().partition(".")[0] for row in done.stderr.splitlines()}
    heavy = {
        "rich",
        "livekit",
        "google",
        "aiohttp",
        "websockets",
        "jwt",
        "cryptography",
        "pydantic",
    }
    assert (loaded & heavy, "lkdoctor" in loaded) == (set(), True)


HOSTILE = [
    pytest.param("\x1b[31mred\x1b[0m", id="ansi"),
    pytest.param("[bold]x[/bold] [/rtc] :warning:", id="markup"),
    pytest.param("a\u202eb\u200bc", id="bidi and zero width"),
    pytest.param("line\nbreak\ttab\r", id="line ends"),
    pytest.param(" blank ", id="blanks"),
    pytest.param("--yes", id="an option"),
    pytest.param("會議室" * 20, id="wide"),
    pytest.param("x" * 256, id="as long as allowed"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_room_is_listed_shown_and_ended(server: Server, name: str) -> None:
    """It cannot act on the terminal, in any form and in colour, and its exact name still ends it."""
    server.create(name)
    for form in (["list"], ["list", "-o", "plain"], ["list", "-j"], ["list", "--color", "always"]):
        code, out, _ = server.rooms(*form)
        assert code == 0
        allowed = re.sub(r"\x1b\[[0-9;]*m", "", out) if "always" in form else out
        assert all(c.isprintable() or c in "\n\t" for c in allowed)
        assert "\x1b[31m" not in out
    code, out, _ = server.rooms("show", "-o", "human", "--", name)
    assert (code, out.splitlines()[-1]) == (0, "Nobody is in this room.")
    code, out, err = server.rooms("end", "--yes", "--", name)
    assert (code, "ended, 0 people thrown out" in out) == (0, True)
    assert all(c.isprintable() or c == "\n" for c in out + err)
    assert name not in server.names()


def test_every_version_lists_shows_and_ends(
    each_real_server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(
        each_real_server.url, each_real_server.long_key, each_real_server.long_secret, capsys
    )
    room = own()
    with server.joined(room, "alice"):
        code, out, _ = server.rooms("list", "--name", room)
        assert (code, out.splitlines()[1].split()[0]) == (0, room)
        code, out, _ = server.rooms("show", room)
        assert (code, "alice     publisher  joined" in out) == (0, True)
        code, out, _ = server.rooms("end", room, "--yes")
        assert (code, out) == (0, f'  ✓ "{room}": ended, 1 person thrown out\n')
    code, out, _ = server.rooms("show", room)
    assert (code, out.startswith("ABSENT")) == (1, True)


# ------------------------------------------------------------------ a server of our own


class Api(http.server.BaseHTTPRequestHandler):
    """Answers the three calls with whatever a test wants, however absurd."""

    rooms: ClassVar[list[dict[str, Any]]] = []
    people: ClassVar[list[dict[str, Any]]] = []
    deletes: ClassVar[bool] = True
    """False: DeleteRoom is never answered."""
    deleted: ClassVar[list[str]] = []
    asked_to_delete: ClassVar[threading.Event]
    ended: ClassVar[threading.Event]

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("DeleteRoom"):
            self.asked_to_delete.set()
            if not self.deletes:
                self.ended.wait()
            self.deleted.append(asked.decode("utf-8", "replace"))
        said = {
            "ListRooms": {"rooms": self.rooms},
            "ListParticipants": {"participants": self.people},
        }
        body = json.dumps(said.get(self.path.rpartition("/")[2], {})).encode()
        kind = self.headers["Content-Type"]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        body = body if "json" in kind else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(
    capsys: pytest.CaptureFixture[str], trust: ssl.SSLContext | None = None, **answers: object
) -> Iterator[tuple[Server, type[Api]]]:
    ended = threading.Event()
    handler = type(
        "Own",
        (Api,),
        {"ended": ended, "asked_to_delete": threading.Event(), "deleted": [], **answers},
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        if trust is not None:
            httpd.socket = trust.wrap_socket(httpd.socket, server_side=True)
        scheme = "ws" if trust is None else "wss"
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        url = f"{scheme}://127.0.0.1:{httpd.server_port}"
        try:
            yield Server(url, *next(iter(KEYS.items())), capsys), handler
        finally:
            ended.set()
            httpd.shutdown()


def test_absurd_answers_stay_small(capsys: pytest.CaptureFixture[str]) -> None:
    """Megabytes of name, numbers that are none: bounded, and every row is still one row."""
    huge = "\x1b[2J\n" * 150_000
    rooms = [{"name": huge, "sid": huge, "num_participants": "many", "creation_time": 10**30}]
    people = [{"identity": huge, "name": huge, "tracks": [{"name": huge, "sid": huge}]}]
    with serving(capsys, rooms=rooms, people=people) as (server, _):
        for arguments in (["list"], ["show", "x"], ["end", "x", "--dry-run"]):
            for form in ("human", "plain", "json"):
                code, out, err = server.rooms(*arguments, "-o", form)
                assert code == 0
                assert len(out) + len(err) < 20_000
                assert all(c.isprintable() or c in "\n\t" for c in out + err)


def test_certificates_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--ca-file and --insecure hold for the call that ends a room, too."""
    authority = trustme.CA()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(trust)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    with serving(capsys, trust, rooms=[{"name": "demo", "sid": "RM_1"}]) as (server, api):
        assert refused(server, "list")[:2] == (3, "tls-untrusted")
        for option in (["--ca-file", str(file)], ["--insecure"]):
            code, out, _ = server.rooms("end", "demo", "--yes", *option)
            assert (code, out) == (0, '  ✓ "demo": ended, 0 people thrown out\n')
        assert len(api.deleted) == 2


# ------------------------------------------------------------------ why there is no answer


def refused(
    server: Server, *arguments: str, **environ: str
) -> tuple[int, str | None, dict[str, Any]]:
    """Exit code, the code of the first finding, and the report."""
    code, document = server.json(*arguments, **environ)
    assert code == document["summary"]["exit_code"]
    return code, document["summary"]["primary"], document


@pytest.mark.parametrize("arguments", [["list"], ["show", "demo"], ["end", "--yes", "demo"]])
@pytest.mark.parametrize(
    ("environ", "cause"),
    [
        pytest.param(
            {"LIVEKIT_API_SECRET": "another-made-up-secret-of-forty-characters"},
            "token-bad-signature",
            id="wrong secret",
        ),
        pytest.param({"LIVEKIT_API_KEY": "APIelsewhere"}, "token-unknown-key", id="wrong key"),
    ],
)
def test_a_wrong_key_is_named(
    server: Server, arguments: list[str], environ: dict[str, str], cause: str
) -> None:
    """Never a bare 401: cause and fix."""
    code, primary, document = refused(server, *arguments, **environ)
    assert (code, primary) == (1, cause)
    assert document["findings"][0]["fix"]
    code, out, _ = server.rooms(*arguments, **environ)
    assert (code, out.splitlines()[0][:4]) == (1, "FAIL")
    assert out.splitlines()[-1].startswith("PROBLEMS")
    assert server.secret not in out


def test_a_refusal_read_aloud(sandbox: Server) -> None:
    code, out, _ = sandbox.rooms("list", "--accessible", LIVEKIT_API_KEY="APIelsewhere")
    rows = out.splitlines()
    assert (code, rows[0]) == (1, f"Result: problems. {sandbox.url}. Exit code 1.")
    assert rows[1].startswith("Finding 1 of 1")


def test_quiet_and_plain_forms_of_a_refusal(sandbox: Server) -> None:
    wrong = {"LIVEKIT_API_KEY": "APIelsewhere"}
    code, out, err = sandbox.rooms("list", "-q", **wrong)
    assert (code, out.startswith("FAIL token-unknown-key: "), out.count("\n")) == (1, True, 1)
    code, out, err = sandbox.rooms("list", "-o", "plain", **wrong)
    assert (code, out, "token-unknown-key" in err) == (1, "", True)


@pytest.mark.parametrize(
    ("fault", "code", "cause"),
    [
        pytest.param(Fault.API_NOT_ROUTED, 1, "api-not-routed", id="not routed"),
        pytest.param(Fault.UPSTREAM_DOWN, 1, "proxy-upstream-down", id="upstream down"),
        pytest.param(Fault.NOT_LIVEKIT, 1, "url-not-livekit", id="a web app"),
        pytest.param(Fault.REDIRECT, 1, "url-redirect", id="redirect"),
        pytest.param(Fault.CLOCK_AHEAD, 1, "clock-server-wrong", id="clocks disagree"),
        pytest.param(Fault.HANGS_UP, 3, "http-closed-early", id="hangs up"),
    ],
)
def test_what_stands_in_front_is_named(
    fault: Fault, code: int, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_sandbox(keys=KEYS, faults=[fault]) as running:
        server = Server(running.url, running.api_key, running.api_secret, capsys)
        assert refused(server, "list")[:2] == (code, cause)


def test_a_port_where_nothing_listens(sandbox: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, primary, _ = refused(sandbox, "list", LIVEKIT_URL=f"ws://127.0.0.1:{port}")
    assert (code, primary) == (3, "tcp-refused")
    code, out, _ = sandbox.rooms("list", LIVEKIT_URL=f"ws://127.0.0.1:{port}")
    assert (code, out.splitlines()[-1]) == (3, f"NOT REACHED   ws://127.0.0.1:{port}   exit 3")


def test_a_server_that_never_answers(sandbox: Server) -> None:
    """It costs one --timeout, and it is the port that is silent, not the API alone."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        code, document = sandbox.json("list", "--timeout", "0.3", LIVEKIT_URL=url)
    assert (code, document["summary"]["primary"]) == (3, "http-silent")


def test_a_url_that_nobody_can_dial(sandbox: Server) -> None:
    code, primary, _ = refused(sandbox, "list", LIVEKIT_URL="localhost:7880")
    assert (code, primary) == (1, "url-no-scheme")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        pytest.param({"LIVEKIT_URL": ""}, "no LiveKit URL is known", id="no URL"),
        pytest.param({"LIVEKIT_API_KEY": ""}, "no API key is known", id="no key"),
        pytest.param({"LIVEKIT_API_SECRET": ""}, "no API secret is known", id="no secret"),
    ],
)
def test_what_is_missing_is_said(sandbox: Server, environ: dict[str, str], words: str) -> None:
    code, out, err = sandbox.rooms("list", **environ)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {words}\n")


def test_a_ready_token_does_where_no_key_is(server: Server) -> None:
    name = server.create(own())
    keyless = {"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""}
    token = server.token("ops", roomList=True)
    code, out, _ = server.rooms("list", "--name", name, LIVEKIT_TOKEN=token, **keyless)
    assert (code, name in out) == (0, True)
    token = server.token("alice", roomJoin=True, room=name)
    assert refused(server, "list", LIVEKIT_TOKEN=token, **keyless)[:2] == (1, "api-permission")
    token = server.token("ops", ago=3600, roomList=True)
    assert refused(server, "list", LIVEKIT_TOKEN=token, **keyless)[:2] == (1, "token-expired")


# ------------------------------------------------------------------ show


def test_people_with_role_state_and_time(server: Server) -> None:
    room = own()
    with (
        server.joined(room, "alice", canPublish=True),
        server.joined(room, "bob", canPublish=False, hidden=True),
    ):
        code, out, err = server.rooms("show", room)
        _, plain, _ = server.rooms("show", room, "-o", "plain")
        _, document = server.json("show", room)
    assert code == 0
    rows = {row.split()[0]: row.split() for row in out.splitlines() if row[:1] not in {"", " "}}
    assert rows["alice"][:3] == ["alice", "publisher", "joined"]
    assert rows["bob"][:4] == ["bob", "subscriber,", "hidden", "joined"]
    assert "  people     2, 0 publishing" in out.splitlines()
    assert err == "ROLE is what the permissions show; who is roomAdmin only the token says.\n"
    assert {row.split("\t")[0] for row in plain.splitlines()[1:]} == {"alice", "bob"}
    people = document["facts"]["api"]["participants"]["participants"]
    assert {p["identity"]: p["permission"]["can_publish"] for p in people} == {
        "alice": True,
        "bob": False,
    }


def test_absent_empty_and_forbidden_are_three_answers(server: Server) -> None:
    room = server.create(own("booking"))
    code, out, _ = server.rooms("show", room)
    assert (code, out.splitlines()[-1]) == (0, "Nobody is in this room.")
    code, out, _ = server.rooms("show", room.title())
    assert code == 1
    assert out.startswith(f'ABSENT   no room is called "{room.title()}" (of ')
    assert f'  nearest: "{room}" (they differ in upper and lower case)' in out.splitlines()
    token = server.token("alice", roomJoin=True, room=room)
    keyless = {"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": "", "LIVEKIT_TOKEN": token}
    assert refused(server, "show", room, **keyless)[:2] == (1, "api-permission")


def test_the_nearest_name_of_a_typo(sandbox: Server) -> None:
    sandbox.create("booking-1138")
    code, out, _ = sandbox.rooms("show", "boking-1138")
    assert (code, out.splitlines()[:2]) == (
        1,
        [
            'ABSENT   no room is called "boking-1138" (of 1 room)',
            '  nearest: "booking-1138"',
        ],
    )


def test_an_absent_room_in_the_other_forms(sandbox: Server) -> None:
    code, out, err = sandbox.rooms("show", "nowhere", "-o", "plain")
    assert (code, out, err.startswith("ABSENT   no room is called")) == (1, "", True)
    code, document = sandbox.json("show", "nowhere")
    assert (code, document["summary"]["primary"]) == (1, None)
    assert [finding["code"] for finding in document["findings"]] == ["api-not-found"]


def test_a_room_admins_own_token_shows_the_people(server: Server) -> None:
    """It may not list rooms, and need not."""
    room = own()
    token = server.token("alice", roomJoin=True, roomAdmin=True, room=room)
    keyless = {"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": "", "LIVEKIT_TOKEN": token}
    with server.joined(room, "bob"):
        code, out, _ = server.rooms("show", room, **keyless)
    assert (code, out.splitlines()[2].split()[0]) == (0, "bob")


def test_without_the_right_to_list_empty_cannot_be_told_from_absent(server: Server) -> None:
    """The API answers both alike; the finding names the grant that would tell."""
    room = server.create(own())
    token = server.token("alice", roomAdmin=True, room=room)
    keyless = {"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": "", "LIVEKIT_TOKEN": token}
    code, primary, document = refused(server, "show", room, **keyless)
    assert (code, primary) == (1, "api-permission")
    assert document["findings"][0]["evidence"][-1]["observed"] == "roomList"


# ------------------------------------------------------------------ end


def test_everybody_in_the_room_is_thrown_out(server: Server) -> None:
    room = own()
    with server.joined(room, "alice"), server.joined(room, "bob"):
        code, out, err = server.rooms("end", room, "--yes")
    assert (code, out) == (0, f'  ✓ "{room}": ended, 2 people thrown out\n')
    assert err.splitlines()[0] == f'  ! "{room}": 2 people thrown out'
    assert {row.strip() for row in err.splitlines()[1:]} == {"alice", "bob"}
    assert room not in server.names()


def test_a_dry_run_changes_nothing(server: Server) -> None:
    room = own()
    with server.joined(room, "alice"):
        code, out, _ = server.rooms("end", room, "--dry-run")
        assert (code, out) == (0, f'  ! "{room}": 1 person thrown out\n      alice\n')
        code, document = server.json("end", room, "--dry-run")
        (ended,) = document["ended"]
        assert (code, ended["outcome"], ended["people"]) == (0, "would-end", ["alice"])
        assert room in server.names()


def test_nothing_is_ended_unasked(server: Server) -> None:
    """Where nobody can be asked, --yes has to say it; nothing is dialled before."""
    room = server.create(own())
    code, out, err = server.rooms("end", room)
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == (
        "Error: rooms end asks before it ends anything, and nobody can be asked here"
    )
    assert room in server.names()


def test_only_empty_and_only_old_rooms(server: Server) -> None:
    full, empty = own("full"), server.create(own("empty"))
    with server.joined(full, "alice"):
        code, out, _ = server.rooms(
            "end", full, empty, "--empty-only", "--older-than", "2h", "--yes"
        )
        assert code == 0
        assert [re.sub(r"\d+ s old", "so old", row.strip()) for row in out.splitlines()] == [
            f'- "{full}": 1 person is in it (--empty-only)',
            "alice",
            f'- "{empty}": it is only so old (--older-than)',
        ]
        code, document = server.json("end", full, empty, "--empty-only", "--yes")
        assert code == 0
        assert {ended["room"]: ended["outcome"] for ended in document["ended"]} == {
            full: "kept",
            empty: "ended",
        }
        assert full in server.names()


def test_a_room_that_has_vanished_is_no_failure(server: Server) -> None:
    room = server.create(own())
    gone = own("gone")
    code, out, _ = server.rooms("end", gone, room, "--yes", "-o", "plain")
    assert code == 0
    assert out == (
        "#room\toutcome\tpeople\tdetail\n"
        f"{room}\tended\t0\t-\n"
        f"{gone}\tgone\t0\tthere is no such room\n"
    )


def test_a_token_that_may_not_delete(server: Server) -> None:
    """Listing and deleting take different grants; the finding says which is missing."""
    room = server.create(own())
    token = server.token("ops", roomList=True, roomAdmin=True, room=room)
    keyless = {"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": "", "LIVEKIT_TOKEN": token}
    code, out, _ = server.rooms("end", room, "--yes", **keyless)
    assert code == 1
    assert out.splitlines()[0].startswith(f'  ✗ "{room}": failed, unauthenticated')
    assert "grant that it needs" in out
    assert "roomCreate" in out
    assert room in server.names()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a whole console there")
def test_ctrl_c_tells_what_was_done_until_then(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(capsys, rooms=[{"name": "demo", "sid": "RM_1"}], deletes=False) as (server, api):
        environ = {
            **os.environ,
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.key,
            "LIVEKIT_API_SECRET": server.secret,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "lkdoctor", "rooms", "end", "demo", "--yes"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process:
            assert api.asked_to_delete.wait(20)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert out == '  ✗ "demo": failed, interrupted; lkdoctor rooms show tells\n'


def test_a_server_that_is_not_reached_ends_nothing(sandbox: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}"
    assert refused(sandbox, "end", "demo", "--yes", LIVEKIT_URL=url)[:2] == (3, "tcp-refused")
    assert refused(sandbox, "show", "demo", LIVEKIT_URL=url)[:2] == (3, "tcp-refused")


def test_quiet_ending(sandbox: Server) -> None:
    room = sandbox.create(own())
    code, out, err = sandbox.rooms("end", room, "--yes", "-q")
    assert (code, out, err) == (0, f'  ✓ "{room}": ended, 0 people thrown out\n', "")


def test_the_report_is_saved(sandbox: Server, tmp_path: Path) -> None:
    room = sandbox.create(own())
    for arguments in (["list"], ["show", room], ["end", room, "--yes"], ["show", "nowhere"]):
        file = tmp_path / "report.json"
        sandbox.rooms(*arguments, "--save", str(file))
        assert json.loads(file.read_text(encoding="utf-8"))["run"]["command"].startswith("rooms ")
        file.unlink()


def test_an_unreadable_age(sandbox: Server) -> None:
    code, _, err = sandbox.rooms("end", "demo", "--yes", "--older-than", "soon")
    assert (code, err.splitlines()[0]) == (2, "Error: --older-than 'soon' cannot be read")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
class TestAsked:
    """On a terminal the command asks; meanwhile the world goes on."""

    @staticmethod
    @contextlib.contextmanager
    def asked(server: Server, *rooms: str) -> Iterator[Any]:
        import pexpect

        child = pexpect.spawn(
            sys.executable,
            ["-m", "lkdoctor", "rooms", "end", *rooms],
            env={
                **os.environ,
                "LIVEKIT_URL": server.url,
                "LIVEKIT_API_KEY": server.key,
                "LIVEKIT_API_SECRET": server.secret,
                "NO_COLOR": "1",
            },
            encoding="utf-8",
            timeout=20,
            dimensions=(24, 100),
        )
        try:
            child.expect_exact("? [y/N] ")
            yield child
        finally:
            child.close(force=True)

    @staticmethod
    def rest(child: Any) -> tuple[int, str]:
        import pexpect

        child.expect(pexpect.EOF)
        text = str(child.before)
        child.close()
        return child.exitstatus, text

    def test_yes_ends_it(self, server: Server) -> None:
        room = own()
        with server.joined(room, "alice"), self.asked(server, room) as child:
            assert "End 1 room and throw 1 person out" in child.before
            child.sendline("y")
            code, text = self.rest(child)
        assert (code, f'"{room}": ended, 1 person thrown out' in text) == (0, True)

    @pytest.mark.parametrize("answer", ["", "n", "nein", "yeah"])
    def test_anything_else_changes_nothing(self, sandbox: Server, answer: str) -> None:
        room = sandbox.create(own())
        with self.asked(sandbox, room) as child:
            child.sendline(answer)
            code, text = self.rest(child)
        assert (code, "nothing was changed" in text) == (130, True)

    def test_so_does_an_interruption(self, sandbox: Server) -> None:
        room = sandbox.create(own())
        with self.asked(sandbox, room) as child:
            child.sendintr()
            code, text = self.rest(child)
        assert (code, "nothing was changed" in text) == (130, True)
        assert sandbox.rooms("show", room)[0] == 0
        assert room in sandbox.names()

    def test_ctrl_c_changes_nothing(self, sandbox: Server) -> None:
        room = sandbox.create(own())
        with self.asked(sandbox, room) as child:
            child.sendintr()
            code, _ = self.rest(child)
        assert (code, room in sandbox.names()) == (130, True)

    def test_who_came_meanwhile_is_not_thrown_out(self, server: Server) -> None:
        room, other = own(), server.create(own("other"))
        with (
            server.joined(room, "alice"),
            self.asked(server, room, other) as child,
            server.joined(room, "bob"),
        ):
            child.sendline("y")
            code, text = self.rest(child)
            assert room in server.names()
        assert code == 1
        assert f'"{room}": changed, bob came since it was shown' in text
        assert f'"{other}": ended' in text

    def test_the_same_person_in_a_new_session_is_a_change(self, server: Server) -> None:
        room = own()
        with contextlib.ExitStack() as stack:
            stack.enter_context(server.joined(room, "bob"))
            # Who joins under an identity that is taken throws the first session out.
            stack.enter_context(server.joined(room, "alice"))
            child = stack.enter_context(self.asked(server, room))
            stack.enter_context(server.joined(room, "alice"))
            child.sendline("y")
            code, text = self.rest(child)
        assert (code, "alice came and alice left since it was shown" in text) == (1, True)

    def test_a_room_that_ended_meanwhile_is_no_failure(self, server: Server) -> None:
        room = server.create(own())
        with self.asked(server, room) as child:
            server.call("DeleteRoom", {"room": room}, roomCreate=True)
            child.sendline("y")
            code, text = self.rest(child)
        assert (code, f'"{room}": gone' in text) == (0, True)

    def test_a_room_made_anew_meanwhile_is_a_change(self, server: Server) -> None:
        room = server.create(own())
        with self.asked(server, room) as child:
            server.call("DeleteRoom", {"room": room}, roomCreate=True)
            server.create(room)
            child.sendline("y")
            code, text = self.rest(child)
        assert (code, "it ended and was made anew since it was shown" in text) == (1, True)
        assert room in server.names()
