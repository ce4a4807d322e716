"""Each fault breaks what it says, and lkdoctor names it."""

import http.client
import json
from pathlib import Path

import aiohttp
import pytest
from conformance.peer import UPGRADE, Target
from faults.doctor import verdict_on_screen

from lkdoctor import catalogue
from lkdoctor.cli.app import run
from lkdoctor.findings import Layer
from lkdoctor.sandbox import Fault, FaultError, Sandbox, running_sandbox
from lkdoctor.sandbox.settings import VERSIONS

KEYS = {"APIkQ7vXw2": "Zq8RtYpL3mNcVb5Xw9KjHg4Fd2Sa7PoI"}


@pytest.mark.parametrize("fault", Fault)
def test_lkdoctor_names_it_first(
    fault: Fault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On the terminal and in JSON, of one run."""
    monkeypatch.chdir(tmp_path)
    with running_sandbox(faults=[fault], keys=KEYS) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        command = fault.change.told_by.split()
        # That no pong comes says something only after a while.
        seconds = "4" if fault == "signal-no-pong" else "2"
        code = run([*command, "--save", "report.json", "--timeout", seconds])
    report = json.loads(Path("report.json").read_text(encoding="utf-8"))
    seen = [(found["code"], found["severity"]) for found in report["findings"]]
    assert seen[0][0] == fault, seen
    shown = capsys.readouterr().out
    if seen[0][1] == "info":  # a note is no verdict; it names its code for more
        assert report["summary"]["primary"] is None
        assert f"lkdoctor explain {fault}\n" in shown
    else:
        assert report["summary"]["primary"] == fault
        assert verdict_on_screen(shown) == fault
    assert code == report["summary"]["exit_code"] == (1 if seen[0][1] == "error" else 0)


@pytest.mark.parametrize("version", [version.name for version in VERSIONS])
def test_a_healthy_one_is_found_healthy(
    version: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_sandbox(version=version, keys=KEYS) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        assert run(["diagnose", "--output", "json"]) == 0
    found = [found["code"] for found in json.loads(capsys.readouterr().out)["findings"]]
    assert found == (["signal-v1-vs-old-server"] if version in ("1.8.4", "1.5.0") else [])


@pytest.mark.parametrize("fault", Fault)
def test_it_is_told_in_one_line_and_leads_to_a_cause_that_there_is(fault: Fault) -> None:
    assert Fault(str(fault)) is fault
    assert fault.description.strip(". \n") == fault.description
    assert "\n" not in fault.description
    assert fault in {rule.code for rule in catalogue.rules()}


async def _told(fault: Fault) -> dict[str, tuple[int, str]]:
    """Status and body of the three questions that every client asks."""
    async with Sandbox(faults=[fault], keys=KEYS) as sandbox, aiohttp.ClientSession() as http:
        target = Target(
            "sandbox", sandbox.server_version, sandbox.http_url, sandbox.api_key, sandbox.api_secret
        )
        joiner = {"Authorization": f"Bearer {target.token(room='r', identity='i', roomJoin=True)}"}
        lister = {"Authorization": f"Bearer {target.token(roomList=True)}"}
        answers = {}
        for name, method, path, headers in (
            ("validate", "GET", "/rtc/validate", joiner),
            ("upgrade", "GET", "/rtc", {**joiner, **UPGRADE}),
            ("api", "POST", "/twirp/livekit.RoomService/ListRooms", lister),
        ):
            async with http.request(
                method,
                target.at(path),
                headers=headers,
                json={} if method == "POST" else None,
                allow_redirects=False,
            ) as answer:
                body = "" if answer.status == 101 else await answer.text()
                answers[name] = (answer.status, body.partition("error: ")[2] or body)
                answer.close()
        return answers


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(
            Fault.WRONG_SECRET,
            dict.fromkeys(
                ("validate", "upgrade", "api"),
                (401, "token signature is invalid: signature is invalid"),
            ),
            id="wrong secret",
        ),
        pytest.param(
            Fault.EXPIRED_TOKEN,
            dict.fromkeys(
                ("validate", "upgrade", "api"), (401, "token has invalid claims: token is expired")
            ),
            id="expired token",
        ),
        pytest.param(
            Fault.UPGRADE_DROPPED,
            {"validate": (200, "success"), "upgrade": (404, ""), "api": (200, '{"rooms":[]}')},
            id="upgrade dropped",
        ),
        pytest.param(
            Fault.SILENT,
            {"validate": (200, "success"), "upgrade": (101, ""), "api": (200, '{"rooms":[]}')},
            id="silent after the upgrade",
        ),
        pytest.param(
            Fault.ROOM_NOT_FOUND,
            {
                "validate": (404, "requested room does not exist"),
                "upgrade": (404, "requested room does not exist"),
                "api": (200, '{"rooms":[]}'),
            },
            id="room not found",
        ),
    ],
)
async def test_what_a_client_is_told(fault: Fault, told: dict[str, tuple[int, str]]) -> None:
    answers = await _told(fault)
    if fault is Fault.SILENT:  # the room that was joined is there
        assert '"name":"r"' in answers.pop("api")[1]
        told = {name: answer for name, answer in told.items() if name != "api"}
    assert answers == told


async def test_a_full_room_shows_who_sits_in_it() -> None:
    answers = await _told(Fault.ROOM_FULL)
    assert answers["validate"] == (200, "success")
    assert answers["upgrade"] == (500, "connection closed by media")
    room = json.loads(answers["api"][1])["rooms"][0]
    assert (room["name"], room["max_participants"], room["num_participants"]) == ("r", 1, 1)


async def test_an_api_that_is_not_routed_leaves_the_rest() -> None:
    answers = await _told(Fault.API_NOT_ROUTED)
    assert (answers["validate"], answers["upgrade"]) == ((200, "success"), (101, ""))
    status, body = answers["api"]
    assert status == 404
    assert body.startswith("<html>")


# ------------------------------------------------------------------ where and when


def _statuses(sandbox: Sandbox, *paths: str) -> list[int]:
    """Of one request after the other, with a good token; an upgrade where a path is joined at."""
    statuses = []
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
        headers = {"Authorization": f"Bearer {sandbox.token()}"}
        if path in ("/rtc", "/rtc/v1"):
            headers |= UPGRADE
        connection.request("POST" if path.startswith("/twirp") else "GET", path, headers=headers)
        statuses.append(connection.getresponse().status)
        connection.close()
    return statuses


LIST_ROOMS = "/twirp/livekit.RoomService/ListRooms"


@pytest.mark.parametrize(
    ("faults", "paths", "statuses"),
    [
        pytest.param(
            ["signal-refused@/rtc/validate"],
            ["/rtc/validate", "/rtc", "/"],
            [418, 101, 200],
            id="at a path",
        ),
        pytest.param(
            ["token-bad-signature@/rtc"],
            ["/rtc/validate", "/rtc", "/rtc/validate"],
            [200, 401, 200],
            id="another setting at a path",
        ),
        pytest.param(
            ["url-not-livekit@/twirp/*"], ["/rtc", LIST_ROOMS, "/"], [101, 200, 200], id="a star"
        ),
        pytest.param(
            ["signal-rate-limited#2"],
            ["/rtc", "/", "/rtc", "/rtc"],
            [101, 200, 429, 101],
            id="the second of those it belongs to",
        ),
        pytest.param(
            ["signal-rate-limited@/rtc#2-3"],
            ["/rtc", "/rtc/v1", "/rtc", "/rtc", "/rtc"],
            [101, 400, 429, 429, 101],
            id="the second and third of a path",
        ),
        pytest.param(
            ["signal-room-full#1"], ["/rtc", "/rtc"], [500, 500], id="a room once full stays so"
        ),
        pytest.param(
            ["signal-room-full@/rtc#2-"], ["/rtc", "/"], [101, 200], id="full from the second on"
        ),
        pytest.param(
            ["server-not-ready#1", "proxy-upstream-down"],
            ["/", "/", "/rtc"],
            [406, 502, 502],
            id="one request's before what is everywhere",
        ),
        pytest.param(
            ["signal-rate-limited#1", "signal-refused#2", "wrong-secret#3-"],
            ["/rtc", "/rtc", "/rtc"],
            [429, 418, 401],
            id="one after the other",
        ),
    ],
)
def test_a_fault_at_a_path_or_in_some_requests(
    faults: list[str], paths: list[str], statuses: list[int]
) -> None:
    with running_sandbox(faults=faults) as sandbox:
        assert _statuses(sandbox, *paths) == statuses


@pytest.mark.parametrize(
    ("faults", "message", "advice"),
    [
        pytest.param(
            ["room-ful"],
            "room-ful: there is no such fault",
            ["did you mean room-full", "did you mean signal-room-full"],
            id="near ones",
        ),
        pytest.param(["qqqq"], "qqqq: there is no such fault", [], id="near none"),
        pytest.param([""], ": there is no such fault", [], id="empty"),
        pytest.param(
            ["signal-timeout@rtc"],
            "signal-timeout@rtc: behind a fault's name only @/PATH and #N can stand",
            ["signal-timeout@/rtc   signal-timeout#2   signal-timeout@/rtc#1-3"],
            id="a path without slash",
        ),
        pytest.param(
            ["signal-timeout#two"],
            "signal-timeout#two: behind a fault's name only @/PATH and #N can stand",
            ["signal-timeout@/rtc   signal-timeout#2   signal-timeout@/rtc#1-3"],
            id="a number in words",
        ),
        pytest.param(
            ["signal-timeout#0"],
            "signal-timeout#0: requests are counted from 1, the first before the last",
            [],
            id="request 0",
        ),
        pytest.param(
            ["signal-timeout#3-2"],
            "signal-timeout#3-2: requests are counted from 1, the first before the last",
            [],
            id="backwards",
        ),
        pytest.param(
            ["token-no-exp@/rtc"],
            "token-no-exp@/rtc: it changes the token's times, for all requests alike",
            ["token-no-exp alone, without @ and #"],
            id="a token has no path",
        ),
        pytest.param(
            ["clock-ahead#2"],
            "clock-server-wrong#2: it changes the server's clock, for all requests alike",
            ["clock-server-wrong alone, without @ and #"],
            id="one clock for all",
        ),
        pytest.param(
            ["silent@/twirp/*"],
            "signal-silent-after-upgrade@/twirp/*: it shows on joining alone",
            ["signal-silent-after-upgrade@/rtc"],
            id="a session elsewhere",
        ),
        pytest.param(
            ["session-stalls", "room-full"],
            "signal-timeout and signal-room-full contradict each other: "
            "both decide what the upgrade is answered",
            ["one of them, or each at a path or request of its own: CODE@/rtc, CODE#2"],
            id="two for the upgrade",
        ),
        pytest.param(
            ["wrong-secret", "no-answer"],
            "token-bad-signature and http-silent contradict each other: "
            "both decide which keys the server has",
            ["one of them, or each at a path or request of its own: CODE@/rtc, CODE#2"],
            id="one that hides the other",
        ),
        pytest.param(
            ["signal-timeout#1-3", "signal-slow#3"],
            "signal-timeout#1-3 and signal-slow#3 contradict each other: "
            "both decide what the upgrade is answered",
            ["one of them, or each at a path or request of its own: CODE@/rtc, CODE#2"],
            id="two in one request",
        ),
    ],
)
def test_faults_that_cannot_be_had(faults: list[str], message: str, advice: list[str]) -> None:
    with pytest.raises(FaultError) as refused:
        Sandbox(faults=faults)
    assert (str(refused.value), list(refused.value.advice)) == (message, advice)


def test_what_two_faults_do_at_once_is_seen_together() -> None:
    """A token without a room, of a server whose API is not routed."""
    with running_sandbox(faults=["token-room-missing", "api-not-routed"]) as sandbox:
        assert _statuses(sandbox, "/rtc/validate", LIST_ROOMS) == [400, 404]


def test_a_fault_is_written_as_it_is_read() -> None:
    written = [
        "signal-timeout",
        "signal-timeout@/rtc",
        "signal-slow#2",
        "http-silent@/x*#2-",
        "url-redirect#5-6",
    ]
    assert [str(one) for one in Sandbox(faults=written).faults] == [*written[1:], written[0]]


def test_every_cause_of_these_layers_can_be_had() -> None:
    """But for those that are not in what a server says, each with its reason."""
    layers = {Layer.TOKEN, Layer.CLOCK, Layer.PROXY, Layer.SIGNAL, Layer.SERVER, Layer.API}
    wanted = {rule.code for rule in catalogue.rules() if rule.words.layer in layers}
    assert wanted - set(Fault) - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) - wanted == set()


_YAML = "in the server's configuration file, not in what it says"
_FRONT = "made by a real proxy in tests/neighbours"
_BESIDE = "made by a peer or an environment of its own in tests/faults"

ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(
        (
            *("env-config-strict", "env-server-keys-format", "env-server-var-ignored"),
            *("config-secret-short", "config-key-unknown", "config-secret-differs"),
            *("config-port-invalid", "config-port-clash", "turn-port-conflict"),
            *("config-udp-ignored", "config-port-differs", "config-bind-loopback"),
            *("ice-loopback-node-ip", "ice-private-candidates", "ice-external-ip-discovery"),
            *("config-redis-missing", "turn-tls-443-hardcoded", "turn-external-tls"),
            *("turn-domain-cert", "turn-private-peer-denied", "turn-credentials"),
            "server-room-timeouts",
        ),
        _YAML,
    ),
    **dict.fromkeys(
        (
            *("proxy-idle-timeout", "proxy-path-rewrite", "proxy-double-cors"),
            *("proxy-access-gate", "proxy-url-too-long", "proxy-http-only-front"),
        ),
        _FRONT,
    ),
    **dict.fromkeys(
        (
            *("token-auth-header", "token-prefetched-short-ttl", "signal-400-hidden"),
            *("signal-5xx-bus", "server-no-nodes", "server-restart-drain"),
            *("server-multi-node-routing", "signal-goes-silent"),
        ),
        _BESIDE,
    ),
    "signal-v1-vs-old-server": "an app's SDK with --server-version 1.8",
}
"""Causes that a sandbox does not bring about, and why."""
