"""A booking played for real: every step passes, or fails where and as it should; nothing stays."""

import asyncio
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import left
import needs
import pytest
import servers
from faults.doctor import Ran, lkdoctor
from faults.test_faults import redis
from livekit import api
from livekit.api.room_service import RoomService
from servers import RunningServer, livekit_server

from lkdoctor.sandbox import Sandbox, running_sandbox

BOOKING = ("--booking", "b1", "--provider", "ada", "--client", "carl")
SHORT = ("--seconds", "0", "--timeout", "20")
STEPS = (
    "token",
    "signalling",
    "connection",
    "publishing",
    "receiving",
    "data",
    "permissions",
    "leaving",
)


def surroundings(server: RunningServer) -> dict[str, str]:
    return {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.long_key,
        "LIVEKIT_API_SECRET": server.long_secret,
    }


@contextlib.contextmanager
def one_key(
    version: str = servers.NEWEST, config: Mapping[str, Any] | None = None
) -> Iterator[RunningServer]:
    keys = {servers.LONG_KEY: "a-secret-that-is-made-up-and-long-enough"}
    try:
        with livekit_server(version, keys=keys, config=config) as server:
            yield server
    except servers.ServerMissingError as missing:
        needs.missing(str(missing))


def of_sandbox(sandbox: Sandbox) -> dict[str, str]:
    return {
        "LIVEKIT_URL": sandbox.url,
        "LIVEKIT_API_KEY": sandbox.api_key,
        "LIVEKIT_API_SECRET": sandbox.api_secret,
    }


def rehearse(server: RunningServer, folder: Path, *options: str) -> Ran:
    return lkdoctor("rehearse", *options, cwd=folder, env=surroundings(server))


def played(server: RunningServer, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report; whatever happened, the server ends what was made for it."""
    done = rehearse(server, folder, *options, "-o", "json")
    quiet = [row for row in done.err.splitlines() if not row.startswith("lkdoctor: still")]
    assert quiet == []
    assert left.staying(server, of_a_copy if "--in-place" not in options else left.ours) == set()
    return done.code, done.json()


def of_a_copy(name: str) -> bool:
    """Rooms that only a rehearsal can have made; other tests use the server, too."""
    return name.startswith(("lkdoctor-", "booking-b1", "booking-w", "visit-"))


def outcomes(report: dict[str, Any], player: int) -> dict[str, str]:
    first = report["facts"]["rehearsal"]["rounds"][0]
    return {step["step"]: step["outcome"] for step in first["players"][player]["steps"]}


def causes(report: dict[str, Any]) -> list[str]:
    """The codes of the findings, without those that a busy machine adds to any booking.

    Nor with what is the matter with a server of the tests: it has no Redis, and cannot record.
    """
    codes = [finding["code"] for finding in report["findings"]]
    always = {"rehearsal-slow", "rehearsal-poor-path", "rehearsal-no-recording"}
    return [code for code in codes if code not in always]


def test_a_booking_that_works(real_server: RunningServer, tmp_path: Path) -> None:
    code, report = played(real_server, tmp_path, *BOOKING, "--seconds", "1", "--timeout", "20")
    assert (code, causes(report)) == (0, []), report["findings"]
    fact = report["facts"]["rehearsal"]
    assert [(p["role"], p["identity"], p["room"]) for p in fact["participants"]] == [
        ("provider", "ada", "booking-b1"),
        ("client", "carl", "booking-b1"),
    ]
    well = dict.fromkeys(STEPS, "ok")
    assert outcomes(report, 0) == {**well, "permissions": "partly"}, "no Redis, no recordings"
    assert outcomes(report, 1) == well
    for player in fact["rounds"][0]["players"]:
        seen = {r["source"]: r for r in player["receptions"]}
        assert set(seen) == {"microphone", "camera", "screen_share"}
        assert all(r["first_frame_ms"] > 0 and r["packets"] > 0 for r in seen.values())
        assert all(seen[s]["delay_ms"] is not None for s in ("camera", "screen_share"))
        assert player["path"]["local_type"] != "relay"
        assert player["path"]["round_trip_ms"] is not None
    provider, client = fact["rounds"][0]["players"]
    tried = ["MutePublishedTrack", "UpdateParticipant", "ListEgress", "RemoveParticipant"]
    assert [(a["action"], a["permitted"]) for a in provider["attempts"]] == [
        (t, True) for t in tried
    ]
    assert [(a["action"], a["permitted"]) for a in client["attempts"]] == [
        (t, False) for t in tried
    ]


@pytest.mark.parametrize(
    ("project", "options", "code", "step"),
    [
        pytest.param(
            "[roles.provider]\ncanPublish = true\n[roles.client]\nroomAdmin = true\nroomRecord = true",
            BOOKING,
            "rehearsal-roles-exchanged",
            "permissions",
            id="grants exchanged between the roles",
        ),
        pytest.param(
            "[roles.client]\nroomAdmin = true",
            BOOKING,
            "rehearsal-client-moderates",
            "permissions",
            id="a client who is an admin, too",
        ),
        pytest.param(
            "[roles.client]\ncanPublish = false",
            BOOKING,
            "rehearsal-publish-denied",
            "publishing",
            id="canPublish false",
        ),
        pytest.param(
            '[roles.provider]\nroomAdmin = true\ncanPublishSources = ["microphone"]',
            BOOKING,
            "rehearsal-publish-denied",
            "publishing",
            id="a source that is missing",
        ),
        pytest.param(
            "[roles.client]\ncanSubscribe = false",
            BOOKING,
            "rehearsal-subscribe-denied",
            "receiving",
            id="canSubscribe false",
        ),
        pytest.param(
            "[roles.client]\nhidden = true",
            BOOKING,
            "rehearsal-hidden",
            "receiving",
            id="hidden from the other",
        ),
        pytest.param(
            '[booking]\nidentity = "{booking}"',
            BOOKING,
            "rehearsal-identity-shared",
            "token",
            id="the same identity twice",
        ),
        pytest.param(
            '[booking]\nroom = "visit-{user}"',
            BOOKING,
            "rehearsal-rooms-differ",
            "token",
            id="a room for each of them",
        ),
        pytest.param(
            "",
            ("--room", "one", "--room", "other", "--as", "provider:ada", "--as", "client:carl"),
            "rehearsal-rooms-differ",
            "token",
            id="one's token for another room",
        ),
    ],
)
def test_a_fault_of_the_booking_is_named_at_its_step(  # noqa: PLR0917 - a row of the table
    project: str,
    options: tuple[str, ...],
    code: str,
    step: str,
    real_server: RunningServer,
    tmp_path: Path,
) -> None:
    (tmp_path / "lkdoctor.toml").write_text(project)
    status, report = played(real_server, tmp_path, *options, *SHORT)
    assert causes(report) == [code]
    assert (status, report["findings"][0]["check"]) == (1, f"rehearsal.{step}")


@contextlib.contextmanager
def webhooks() -> Iterator[tuple[str, "queue.Queue[dict[str, Any]]"]]:
    """An app's backend: where it is, and what a server has told it."""
    told: queue.Queue[dict[str, Any]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as backend:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{backend.server_port}/", told
        backend.shutdown()


@pytest.mark.parametrize(
    ("options", "people"),
    [
        pytest.param((), {"lkdoctor-ada", "lkdoctor-carl"}, id="in a copy"),
        pytest.param(("--in-place",), {"ada", "carl"}, id="in place"),
        pytest.param(("--signal-only",), {"lkdoctor-ada", "lkdoctor-carl"}, id="signalling alone"),
    ],
)
def test_the_backend_is_told_of_the_booking_s_people_only_in_place(
    options: tuple[str, ...], people: set[str], tmp_path: Path
) -> None:
    with webhooks() as (url, told):
        hook = {"webhook": {"api_key": servers.LONG_KEY, "urls": [url]}}
        with one_key(config=hook | {"room": {"departure_timeout": 1}}) as server:
            code, report = played(server, tmp_path, *BOOKING, *SHORT, *options)
            seen: set[str] = set()
            while (event := told.get(timeout=20))["event"] != "room_finished":
                seen |= {event["participant"]["identity"]} if "participant" in event else set()
    fact = report["facts"]["rehearsal"]
    assert (code, seen) == (0, people)
    assert {who["identity_played"] for who in fact["participants"]} == people
    assert {who["identity"] for who in fact["participants"]} == {"ada", "carl"}


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        pytest.param("a" * 256, 0, id="as long as may be"),
        pytest.param("ä" * 128, 0, id="as long as may be, in two bytes each"),
        pytest.param("a" * 257, 1, id="too long"),
        pytest.param("ä" * 129, 1, id="too long, in two bytes each"),
    ],
)
def test_how_long_an_identity_may_be_is_what_it_is(
    identity: str, code: int, real_server: RunningServer, tmp_path: Path
) -> None:
    people = ("--room", "booking-w", "--as", f"provider:{identity}", "--as", "client:carl")
    status, report = played(real_server, tmp_path, *people, "--signal-only")
    assert status == code
    assert outcomes(report, 0)["token"] == ("ok" if code == 0 else "failed")


def recordings(server: RunningServer, folder: Path, roles: str) -> tuple[list[str], list[str]]:
    """The causes that have to do with recording, and how both fared with their permissions."""
    (folder / "lkdoctor.toml").write_text(roles)
    code, report = played(server, folder, *BOOKING, "--signal-only")
    assert code == 0
    codes = [finding["code"] for finding in report["findings"]]
    return codes, [outcomes(report, number)["permissions"] for number in (0, 1)]


def test_where_joining_makes_no_room_the_copy_is_made_only_on_request(tmp_path: Path) -> None:
    with one_key(config={"room": {"auto_create": False}}) as server:
        code, report = played(server, tmp_path, *BOOKING, *SHORT, "--create-room")
        alone, signalled = played(server, tmp_path, *BOOKING, "--signal-only")
    assert (code, causes(report), outcomes(report, 1)) == (0, [], dict.fromkeys(STEPS, "ok"))
    assert (alone, causes(signalled)) == (3, ["room-not-found"])
    assert signalled["findings"][0]["severity"] == "info"
    assert (outcomes(signalled, 0)["token"], outcomes(signalled, 0)["signalling"]) == (
        "ok",
        "failed",
    )


@pytest.mark.parametrize("version", servers.VERSIONS)
def test_a_recording_that_is_allowed_and_cannot_be_made_is_told(
    version: str, tmp_path: Path
) -> None:
    able = "[roles.provider]\nroomAdmin = true\nroomRecord = true"
    with one_key(version) as server:
        codes, fared = recordings(server, tmp_path, able)
    assert (codes, fared) == (["rehearsal-no-recording"], ["partly", "ok"])


def test_who_need_not_record_is_told_nothing_of_it(
    real_server: RunningServer, tmp_path: Path
) -> None:
    unable = "[roles.provider]\nroomAdmin = true"
    assert recordings(real_server, tmp_path, unable) == ([], ["ok", "ok"])


def test_where_recordings_are_kept_track_of_they_can_be_made(tmp_path: Path) -> None:
    able = "[roles.provider]\nroomAdmin = true\nroomRecord = true"
    with (
        redis(tmp_path) as (port, _),
        livekit_server(config={"redis": {"address": f"127.0.0.1:{port}"}}) as server,
    ):
        assert recordings(server, tmp_path, able) == ([], ["ok", "ok"])


def test_data_that_may_not_be_sent_is_a_warning(real_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "lkdoctor.toml").write_text("[roles.client]\ncanPublishData = false")
    status, report = played(real_server, tmp_path, *BOOKING, *SHORT, "--fail-on", "warn")
    assert causes(report) == ["rehearsal-data-denied"]
    assert (status, outcomes(report, 1)["data"]) == (4, "left_out")


def test_a_role_that_is_there_to_watch_is_no_fault(
    real_server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "lkdoctor.toml").write_text("[roles.supervisor]\ncanPublish = false")
    people = ("--room", "booking-w", "--as", "provider:ada", "--as", "supervisor:sue")
    status, report = played(real_server, tmp_path, *people, *SHORT)
    assert (status, causes(report), outcomes(report, 1)["publishing"]) == (0, [], "left_out")
    tried = report["facts"]["rehearsal"]["rounds"][0]["players"][1]["publications"]
    assert [(p["allowed"], p["took_ms"]) for p in tried] == [(False, None)] * 3


def test_the_ways_of_media_are_looked_at_by_who_may_subscribe(
    real_server: RunningServer, tmp_path: Path
) -> None:
    """To somebody else the server makes no offer, and nothing could be said of its addresses."""
    (tmp_path / "lkdoctor.toml").write_text("[roles.supervisor]\ncanSubscribe = false")
    people = ("--room", "booking-w", "--as", "supervisor:sue", "--as", "client:carl")
    done = rehearse(real_server, tmp_path, *people, *SHORT)
    (row,) = [row for row in done.out.splitlines() if "would carry it" in row]
    assert row.split()[3] in {"UDP", "TCP"}
    assert (done.code, "UDP, TCP" in done.out.partition("not offered")[2]) == (0, False)


def test_what_the_server_does_not_take_is_named_by_the_rules_of_all_commands(
    real_server: RunningServer, tmp_path: Path
) -> None:
    surround = surroundings(real_server) | {"LIVEKIT_API_SECRET": "x" * 40}
    done = lkdoctor("rehearse", *BOOKING, "-o", "json", cwd=tmp_path, env=surround)
    report = done.json()
    assert done.code == 1
    assert report["findings"][0]["code"] == "token-bad-signature"
    assert outcomes(report, 0)["token"] == "failed"
    assert outcomes(report, 0)["connection"] == "not_reached"


def test_several_rounds_are_counted(real_server: RunningServer, tmp_path: Path) -> None:
    done = rehearse(real_server, tmp_path, *BOOKING, *SHORT, "--rounds", "2", "--audio-only")
    assert done.code == 0
    assert "2 of 2 went well; peer connection p50" in done.out
    assert "2 of 2 rounds went well" in done.out


def test_signalling_alone_runs_everywhere(tmp_path: Path) -> None:
    with running_sandbox() as sandbox:
        surround = of_sandbox(sandbox)
        words = (*BOOKING, "--signal-only")
        done = lkdoctor("rehearse", *words, "-o", "json", cwd=tmp_path, env=surround)
    report = done.json()
    found = [f["code"] for f in report["findings"] if f["severity"] != "info"]
    assert (done.code, found) == (0, ["rehearsal-no-recording"])
    assert outcomes(report, 1) == {
        **dict.fromkeys(STEPS, "left_out"),
        "token": "ok",
        "signalling": "ok",
        "permissions": "ok",
    }


@pytest.mark.parametrize("version", servers.VERSIONS)
def test_a_booking_on_every_version(version: str, tmp_path: Path) -> None:
    """With one key, so that an old server proves itself and is asked to delete the copy."""
    with one_key(version) as server:
        code, report = played(server, tmp_path, *BOOKING, *SHORT)
        alone, signalled = played(server, tmp_path, *BOOKING, "--signal-only")
    assert (code, causes(report), outcomes(report, 1)) == (0, [], dict.fromkeys(STEPS, "ok"))
    assert (alone, causes(signalled)) == (0, [])


@pytest.mark.parametrize(
    ("enabled", "title"),
    [
        pytest.param("audio/opus", "The server has no codec for video switched on", id="sound"),
        pytest.param("video/vp8", "The server has no codec for audio switched on", id="pictures"),
    ],
)
def test_a_codec_that_is_switched_off_is_named(enabled: str, title: str, tmp_path: Path) -> None:
    with livekit_server(config={"room": {"enabled_codecs": [{"mime": enabled}]}}) as server:
        code, report = played(server, tmp_path, *BOOKING, "--seconds", "0", "--timeout", "5")
    found = report["findings"][0]
    assert (code, found["code"], found["title"]) == (1, "rehearsal-codec-disabled", title)


@pytest.mark.parametrize(
    "fault", ["api-permission", "api-not-routed", "api-unavailable", "api-refused"]
)
def test_an_api_by_which_no_role_can_be_held_to_is_named(fault: str, tmp_path: Path) -> None:
    with running_sandbox(faults=[fault]) as sandbox:
        surround = of_sandbox(sandbox)
        words = (*BOOKING, "--signal-only", "-o", "json")
        done = lkdoctor("rehearse", *words, cwd=tmp_path, env=surround)
    report = done.json()
    assert (done.code, report["findings"][0]["code"]) == (1, fault)


# ------------------------------------------------------------------ somebody else changes something


Change = Callable[[RoomService, str], Awaitable[object]]
"""What somebody asks of the server, in the room of that name."""


class Backend:
    """What an app's backend does to a rehearsal's room while it is played."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server

    def run(self, folder: Path, step: str, change: Change) -> dict[str, Any]:
        """Play, and from a step on change this as soon as the client is there."""
        words = [sys.executable, "-m", "lkdoctor", "rehearse", *BOOKING, "-o", "ndjson"]
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}
        with subprocess.Popen(
            [*words, "--seconds", "4", "--timeout", "10", "--save", "report.json"],
            cwd=folder,
            env=kept | surroundings(self._server),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            for row in process.stdout:
                event = json.loads(row)
                if (event["event"], event.get("step")) == ("step.started", step):
                    asyncio.run(self._change(change))
        report: dict[str, Any] = json.loads((folder / "report.json").read_text())
        return report

    async def _change(self, change: Change) -> None:
        """Ask until it is done: the client may still be on its way into the room."""
        server = self._server
        secrets = (server.long_key, server.long_secret)
        async with api.LiveKitAPI(server.url, *secrets) as livekit, asyncio.timeout(20):
            while True:
                rooms = await livekit.room.list_rooms(api.ListRoomsRequest())
                for room in rooms.rooms:
                    with contextlib.suppress(api.TwirpError):
                        await change(livekit.room, room.name)
                        return


# ------------------------------------------------------------------ the SDK's process ends


def sdk_of(leader: int) -> int:
    """The process that a rehearsal's process has started."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if "lkdoctor.probes.stage" in words and parent == str(leader):
                return int(folder.name)
    return 0


def told_as_it_goes(server: RunningServer, folder: Path, *options: str) -> "subprocess.Popen[str]":
    """A rehearsal that tells each event as it comes, and leaves its report in ``report.json``."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"} or "COVERAGE" in k}
    words = [sys.executable, "-m", "lkdoctor", "rehearse", *options, "-o", "ndjson"]
    return subprocess.Popen(
        [*words, "--save", "report.json"],
        cwd=folder,
        env=kept | surroundings(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("step", ["connection", "publishing", "receiving", "leaving"])
def test_a_step_that_the_sdk_did_not_live_to_play_is_no_pass(
    step: str, real_server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "lkdoctor.toml").write_text("[roles.provider]\nroomAdmin = true")
    with told_as_it_goes(real_server, tmp_path, *BOOKING, *SHORT, "--seconds", "2") as process:
        assert process.stdout is not None
        sdk = 0
        for row in process.stdout:
            event = json.loads(row)
            sdk = sdk or sdk_of(process.pid)
            if (event["event"], event.get("step")) == ("step.started", step):
                os.kill(sdk, signal.SIGKILL)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    report = json.loads((tmp_path / "report.json").read_text())
    assert process.returncode == 1
    assert causes(report) == ["rehearsal-sdk-ended"]
    assert report["findings"][0]["evidence"][0]["observed"] == "killed by SIGKILL"
    states = {
        check["id"].partition(".")[2]: (check["status"], check.get("blocked_by"))
        for check in report["checks"]
        if check["id"].startswith("rehearsal.")
    }
    at = STEPS.index(step)
    assert states == {
        **dict.fromkeys(STEPS[:at], ("pass", None)),
        step: ("fail", None),
        **dict.fromkeys(STEPS[at + 1 :], ("skip", f"rehearsal.{step}")),
    }
    for number in (0, 1):
        assert outcomes(report, number) == {
            **dict.fromkeys(STEPS[:at], "ok"),
            step: "broken_off",
            **dict.fromkeys(STEPS[at + 1 :], "not_reached"),
        }
    assert left.staying(real_server, of_a_copy) == set()


def test_a_session_that_somebody_ends_is_told_with_the_reason(tmp_path: Path) -> None:
    def throw_out(service: RoomService, room: str) -> Awaitable[object]:
        carl = api.RoomParticipantIdentity(room=room, identity="lkdoctor-carl")
        return service.remove_participant(carl)

    with livekit_server() as server:
        report = Backend(server).run(tmp_path, "receiving", throw_out)
    found = report["findings"][0]
    assert found["code"] == "rehearsal-session-ended"
    assert found["evidence"][0]["observed"] == "PARTICIPANT_REMOVED"


def test_a_permission_that_is_taken_away_after_the_join_leaves_a_track_unanswered(
    tmp_path: Path,
) -> None:
    def deny(service: RoomService, room: str) -> Awaitable[object]:
        denied = api.ParticipantPermission(
            can_publish=False, can_subscribe=True, can_publish_data=True
        )
        request = api.UpdateParticipantRequest(
            room=room, identity="lkdoctor-carl", permission=denied
        )
        return service.update_participant(request)

    found: list[str] = []
    with livekit_server() as server:
        for _ in range(3):  # it has to come between the join and the publishing
            found = found or causes(Backend(server).run(tmp_path, "connection", deny))
    assert found[0] == "rehearsal-publish-unanswered"


# ------------------------------------------------------------------ in the booking's own room


GUEST = """
import asyncio, json, sys
from livekit import rtc, api

url, key, secret, room, identity = sys.argv[1:]
token = api.AccessToken(key, secret).with_identity(identity).with_name("Real").with_grants(
    api.VideoGrants(room_join=True, room=room)).to_jwt()

async def main():
    there = rtc.Room()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await there.connect(url, token)
    track = rtc.LocalAudioTrack.create_audio_track("voice", rtc.AudioSource(48000, 1))
    publication = await there.local_participant.publish_track(track)
    print("there", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    me = there.local_participant
    print(json.dumps([there.isconnected(), publication.muted, me.name, me.metadata]), flush=True)
    await there.disconnect()

asyncio.run(main())
"""


class Guest:
    """Somebody real in a room, through the SDK, whom nothing may befall.

    Args:
        server: where.
        room: whose.
        identity: who.
        late: he comes in when `come_in` is called.
    """

    def __init__(
        self, server: RunningServer, room: str, identity: str, *, late: bool = False
    ) -> None:
        self._words = [server.url, server.long_key, server.long_secret, room, identity]
        self._late = late

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", GUEST, *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._said() == "ready"
        if not self._late:
            self.come_in()
        return self

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def come_in(self) -> None:
        self._go_on()
        assert self._said() == "there"

    def __exit__(self, *_: object) -> None:
        self._go_on()
        became = json.loads(self._said())
        self._process.communicate(timeout=30)
        assert became == [True, False, "Real", ""], "connected, muted, name, metadata"


def in_place(
    server: RunningServer, folder: Path, moment: tuple[str, str], guest: Guest, *options: str
) -> tuple[int, dict[str, Any]]:
    """Rehearse in the booking's own room; exactly at that moment the guest comes in."""
    with told_as_it_goes(server, folder, *options, "--in-place", "--timeout", "20") as process:
        assert process.stdout is not None
        for row in process.stdout:
            event = json.loads(row)
            begins = event.get("words", "").startswith("connecting to ")
            if (event["event"], event.get("step")) == moment and not begins:
                process.send_signal(signal.SIGSTOP)
                guest.come_in()
                process.send_signal(signal.SIGCONT)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    return process.returncode, json.loads((folder / "report.json").read_text())


MOMENTS = (
    # Before a join: not at its very beginning, when the look at the room may be over already.
    ("step.started", "token"),
    ("step.finished", "signalling"),
    ("step.started", "publishing"),
    ("step.started", "receiving"),
    ("step.started", "data"),
    ("step.started", "permissions"),
)
WHO_COMES = pytest.mark.skipif(os.name != "posix", reason="Windows stops no process")


@WHO_COMES
@pytest.mark.parametrize("moment", MOMENTS, ids=" ".join)
@pytest.mark.parametrize("who", ["carl", "gwen"])
def test_in_place_who_comes_in_meanwhile_is_let_alone_and_ends_it(
    who: str, moment: tuple[str, str], real_server: RunningServer, tmp_path: Path
) -> None:
    room = f"comes-{who}-{moment[1]}"
    people = ("--room", room, "--as", "provider:ada", "--as", "client:carl", "--seconds", "1")
    with Guest(real_server, room, who, late=True) as guest:
        code, report = in_place(real_server, tmp_path, moment, guest, *people)
        left = lkdoctor(
            *("rooms", "show", room, "-o", "plain"), cwd=tmp_path, env=surroundings(real_server)
        )
    assert [row.split("\t")[0] for row in left.out.splitlines()[1:]] == [who]
    fact = report["facts"]["rehearsal"]
    assert (code, causes(report)) == (3, ["rehearsal-somebody-came"])
    assert (fact["stopped"]["identity"], fact["stopped"]["taken"]) == (who, who == "carl")
    states = {check["id"]: check["status"] for check in report["checks"]}
    assert (states["rehearsal.alone"], states["rehearsal.leaving"]) == ("warn", "skip")


@WHO_COMES
@pytest.mark.parametrize("moment", [MOMENTS[1], MOMENTS[5]], ids=" ".join)
def test_in_place_with_yes_who_comes_in_is_let_alone(
    moment: tuple[str, str], real_server: RunningServer, tmp_path: Path
) -> None:
    room = f"beside-{moment[1]}"
    people = ("--room", room, "--as", "provider:ada", "--as", "client:carl", "--seconds", "0")
    with Guest(real_server, room, "gwen", late=True) as guest:
        code, report = in_place(real_server, tmp_path, moment, guest, *people, "--yes")
    assert (code, causes(report)) == (0, []), report["findings"]


def test_in_place_is_refused_while_people_are_in_the_room(
    real_server: RunningServer, tmp_path: Path
) -> None:
    words = ("--booking", "busy", "--provider", "ada", "--client", "carl", "--in-place")
    with Guest(real_server, "booking-busy", "gwen"):
        done = rehearse(real_server, tmp_path, *words)
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines()[0] == "Error: people are in the room booking-busy: gwen"
        agreed = rehearse(real_server, tmp_path, *words, "--yes", *SHORT, "-q")
        assert agreed.code == 0
        assert agreed.out.startswith("WARN rehearsal-no-recording: "), "no Redis, no recordings"
        left = lkdoctor(
            "rooms",
            "show",
            "booking-busy",
            "-o",
            "plain",
            cwd=tmp_path,
            env=surroundings(real_server),
        )
        assert [row.split("\t")[0] for row in left.out.splitlines()[1:]] == ["gwen"]


def test_in_place_never_disconnects_the_person_itself(
    real_server: RunningServer, tmp_path: Path
) -> None:
    words = ("--booking", "own", "--provider", "ada", "--client", "carl", "--in-place", "--yes")
    with Guest(real_server, "booking-own", "carl"):
        done = rehearse(real_server, tmp_path, *words)
        assert done.code == 2
        assert "carl is in the room booking-own, and would be disconnected" in done.err


def test_in_place_a_room_that_was_not_there_ends_as_after_any_call(
    real_server: RunningServer, tmp_path: Path
) -> None:
    """Nobody of ours is in it; deleting it could throw out whoever comes in at that moment."""
    words = ("--booking", "fresh", "--provider", "ada", "--client", "carl", "--in-place")
    code, report = played(real_server, tmp_path, *words, *SHORT)
    assert (code, causes(report), report["facts"]["rehearsal"]["clean_ups"]) == (0, [], [])
    people = lkdoctor(
        "rooms", "show", "booking-fresh", "-o", "json", cwd=tmp_path, env=surroundings(real_server)
    )
    assert people.json()["facts"]["api"]["participants"]["participants"] == []
    lkdoctor("rooms", "end", "booking-fresh", "--yes", cwd=tmp_path, env=surroundings(real_server))


@pytest.mark.parametrize(
    "fault", ["api-permission", "api-not-routed", "api-unavailable", "api-refused"]
)
def test_in_place_nobody_joins_where_it_cannot_be_seen_who_is_there(
    fault: str, tmp_path: Path
) -> None:
    with running_sandbox(faults=[fault]) as sandbox:
        surround = of_sandbox(sandbox)
        words = (*BOOKING, "--signal-only", "--in-place", "-o", "json")
        done = lkdoctor("rehearse", *words, cwd=tmp_path, env=surround)
    report = done.json()
    assert outcomes(report, 0)["signalling"] == "not_reached"
    assert (done.code, report["findings"][0]["code"]) == (1, fault)
    unseen = next(f for f in report["findings"] if f["code"] == "rehearsal-somebody-came")
    assert unseen["title"] == "It cannot be seen who is in the room"


# ------------------------------------------------------------------ Ctrl-C, and what cannot be


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_in_any_step_leaves_nobody_and_nothing(
    step: str, real_server: RunningServer, tmp_path: Path
) -> None:
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"} or "COVERAGE" in k}
    words = [sys.executable, "-m", "lkdoctor", "rehearse", *BOOKING, *SHORT, "-o", "ndjson"]
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        env=kept | surroundings(real_server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        rows: list[dict[str, Any]] = []
        wanted = step
        for row in process.stdout:
            rows.append(json.loads(row))
            if rows[-1].get("step") == wanted and rows[-1]["event"] == "step.started":
                process.send_signal(signal.SIGINT)
                wanted = ""
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Traceback" not in said
    assert rows[-1]["event"] == "run.finished"
    # What was done before the signal came had nothing left to be interrupted.
    ends = {(130, "signal"), *({(0, None)} if step == STEPS[-1] else ())}
    assert (process.returncode, rows[-1]["run"]["interrupted_by"]) in ends
    assert left.staying(real_server, of_a_copy) == set(), rows


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param((), "--booking and --provider and --client are missing", id="nothing"),
        pytest.param(
            ("--booking", "b", "--provider", "x", "--client", "x"),
            "provider and client are the same person ('x')",
            id="the same person twice",
        ),
        pytest.param(
            ("--room", "r", "--as", "provider:x", "--as", "client:x"),
            "both are the same person ('x')",
            id="the same person twice, without a booking",
        ),
        pytest.param(
            ("--room", "r", "--as", "boss:x", "--as", "client:y"),
            "there is no role 'boss' (built in)",
            id="unknown role",
        ),
        pytest.param(
            ("--room", "r", "--as", "x", "--as", "client:y"),
            "--as 'x' is not ROLE:IDENTITY",
            id="no role",
        ),
        pytest.param(
            ("--room", "r", "--as", "client:y"),
            "a rehearsal has two participants, --as names 1",
            id="one person",
        ),
        pytest.param(
            ("--as", "provider:x", "--as", "client:y"),
            "--as needs --room: one for both, or one for each",
            id="no room",
        ),
        pytest.param((*BOOKING, "--as", "client:y"), "--as takes the place of", id="both ways"),
        pytest.param(
            (*BOOKING, "--room", "r", "--room", "s"), "a booking has one room", id="rooms"
        ),
        pytest.param((*BOOKING, "--yes"), "--yes is for --in-place", id="--yes"),
        pytest.param(
            (*BOOKING, "--signal-only", "--audio-only"), "--signal-only plays no media", id="sound"
        ),
        pytest.param(BOOKING, "no LiveKit URL is known", id="no URL"),
    ],
)
def test_what_cannot_be_played_is_one_clear_line(
    options: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    done = lkdoctor("rehearse", *options, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: {line}")


def test_without_the_sdk_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['livekit.rtc'] = None\n"
        "from lkdoctor.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "rehearse", *BOOKING],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "Error: a rehearsal with media needs LiveKit's real-time SDK: pip install 'lkdoctor[media]'",
        "  --signal-only   rehearses tokens, signalling and permissions without it",
    ]


def test_a_server_without_media_is_told(tmp_path: Path) -> None:
    """The sandbox signals, and carries no media."""
    with running_sandbox() as sandbox:
        surround = of_sandbox(sandbox)
        words = (*BOOKING, "--timeout", "3", "-o", "json")
        done = lkdoctor("rehearse", *words, cwd=tmp_path, env=surround)
    report = done.json()
    assert done.code == 1
    assert report["findings"][0]["code"] == "ice-udp-range-blocked"
    assert outcomes(report, 0)["connection"] in {"failed", "timeout"}


def test_a_server_that_offers_no_address_is_told(tmp_path: Path) -> None:
    nothing = {"rtc": {"interfaces": {"includes": ["no-such-interface"]}}}
    with livekit_server(config=nothing) as server:
        code, report = played(server, tmp_path, *BOOKING, "--timeout", "3")
    found = [(finding["code"], finding["title"]) for finding in report["findings"]]
    assert (code, found[0]) == (
        1,
        ("ice-no-candidates", "The server offers no address for media"),
    )
