"""A rehearsal through a real proxy that answers, or adds, what it must not."""

from pathlib import Path
from typing import Any

from faults.doctor import Ran, lkdoctor
from faults.test_faults import token
from servers import RunningServer

from neighbours.certificates import issued
from neighbours.proxies import nginx, nginx_to

TWIRP = "/twirp/livekit.RoomService"


def rehearsed(server: RunningServer, folder: Path, url: str, *options: str) -> Ran:
    """A booking that is played at this URL."""
    return lkdoctor(
        *("rehearse", "--booking", "b1", "--provider", "ada", "--client", "carl"),
        *("--url", url, "-o", "json", *options),
        cwd=folder,
        env={"LIVEKIT_API_KEY": server.long_key, "LIVEKIT_API_SECRET": server.long_secret},
    )


def signalled(
    server: RunningServer, folder: Path, body: str, *options: str
) -> tuple[int, dict[str, Any]]:
    """Exit code and report, signalling alone, with this nginx in between."""
    with nginx(body + nginx_to(server.port)) as front:
        done = rehearsed(server, folder, front.url, "--signal-only", *options)
    return done.code, done.json()


def test_a_proxy_that_signs_for_everybody(real_server: RunningServer, tmp_path: Path) -> None:
    master = token(real_server, video={"roomRecord": True})
    header = f"proxy_set_header Authorization 'Bearer {master}';"
    code, report = signalled(
        real_server, tmp_path, nginx_to(real_server.port, "/twirp/livekit.Egress/", also=header)
    )
    found = report["findings"][0]
    assert (code, found["code"]) == (1, "rehearsal-grant-ignored")
    assert found["evidence"][0]["label"] == "ListEgress by the client"


def test_a_proxy_that_lets_no_room_be_removed(real_server: RunningServer, tmp_path: Path) -> None:
    denied = f"location {TWIRP}/DeleteRoom {{ return 403; }}\n"
    # A room that was made first is deleted; one that came by joining ends by itself.
    code, report = signalled(real_server, tmp_path, denied, "--create-room")
    [found] = [f for f in report["findings"] if f["code"] == "rehearsal-left-behind"]
    assert (code, found["severity"]) == (0, "warning")
    assert found["evidence"][0]["label"] == "room that could not be removed"


def test_a_booking_behind_a_prefix_and_an_authority_of_its_own(
    real_server: RunningServer, tmp_path: Path
) -> None:
    prefix = nginx_to(real_server.port, "/livekit/sfu/", "/")
    with nginx(prefix, pair=issued(tmp_path)) as front:
        url = f"{front.url}/livekit/sfu"
        more = ("--ca-file", "ca.pem", "--seconds", "0", "--timeout", "20")
        done = rehearsed(real_server, tmp_path, url, *more)
    rounds = done.json()["facts"]["rehearsal"]["rounds"]
    steps = [step["outcome"] for player in rounds[0]["players"] for step in player["steps"]]
    assert (done.code, set(steps)) == (0, {"ok", "partly"}), "without Redis"
