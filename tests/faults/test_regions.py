"""``--follow-regions`` against stand-ins for LiveKit Cloud's regions, and against a real server."""

import socket
from pathlib import Path
from typing import Any

import jwt
import pytest
from servers import RunningServer

from faults import peers
from faults.doctor import lkdoctor, verdict_on_screen
from faults.test_faults import made_up, real
from faults.test_healthy import nothing_found
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes import cloud
from lkdoctor.sandbox import Sandbox, running_sandbox
from lkdoctor.wire.url import parse


def env_of(sandbox: Sandbox) -> dict[str, str]:
    return {
        "LIVEKIT_URL": sandbox.url,
        "LIVEKIT_API_KEY": sandbox.api_key,
        "LIVEKIT_API_SECRET": sandbox.api_secret,
    }


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_each_region_is_asked_and_nobody_joins(command: str, tmp_path: Path) -> None:
    with running_sandbox() as near, running_sandbox() as far:
        regions = {"dfra1": near.http_url, "oindia": far.http_url}
        with running_sandbox(regions=regions) as sandbox:
            ran = lkdoctor(
                command, "--follow-regions", "-o", "json", cwd=tmp_path, env=env_of(sandbox)
            )
            shown = lkdoctor(command, "--follow-regions", "-v", cwd=tmp_path, env=env_of(sandbox))
    report: Any = nothing_found(ran)
    looks = report["facts"]["cloud"]["regions"]
    assert [(look["name"], look["root"]["body"]) for look in looks] == [
        ("dfra1", "OK"),
        ("oindia", "OK"),
    ]
    assert [look["validation"]["body"] for look in looks] == ["success", "success"]
    assert all(look["ready_ms"] > 0 for look in looks)
    assert "2 regions, reached in" in shown.out


def test_a_server_of_ones_own_has_none(real_server: RunningServer, tmp_path: Path) -> None:
    ran = lkdoctor(
        "diagnose", "--follow-regions", "-o", "json", cwd=tmp_path, env=real(real_server)
    )
    report: Any = nothing_found(ran)
    assert report["facts"]["cloud"]["asked"]["status"] == 404
    check = next(c for c in report["checks"] if c["id"] == "cloud.regions")
    assert check["summary"].startswith("this server has no regions")


def test_without_the_option_nobody_asks(tmp_path: Path) -> None:
    with running_sandbox(regions={}) as sandbox:
        report = lkdoctor("diagnose", "-o", "json", cwd=tmp_path, env=env_of(sandbox)).json()
    assert "cloud" not in report["facts"]
    assert "cloud.regions" not in {check["id"] for check in report["checks"]}


def test_a_region_that_cannot_be_reached(tmp_path: Path) -> None:
    with socket.socket() as taken, running_sandbox() as near:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        regions = {"dfra1": near.http_url, "oindia": f"http://127.0.0.1:{taken.getsockname()[1]}"}
        with running_sandbox(regions=regions) as sandbox:
            arguments = ("ws-probe", "--follow-regions")
            told = lkdoctor(*arguments, "-o", "json", cwd=tmp_path, env=env_of(sandbox))
            shown = lkdoctor(*arguments, cwd=tmp_path, env=env_of(sandbox))
    assert told.json()["summary"]["primary"] == "cloud-geo"
    assert verdict_on_screen(shown.out) == "cloud-geo"


def test_a_region_at_another_operator_s_is_named_and_not_dialled(tmp_path: Path) -> None:
    with running_sandbox() as near:
        regions = {"dfra1": near.http_url, "oindia": "https://evil.example:22/"}
        with running_sandbox(regions=regions) as sandbox:
            arguments = ("ws-probe", "--follow-regions")
            told = lkdoctor(*arguments, "-o", "json", cwd=tmp_path, env=env_of(sandbox))
            shown = lkdoctor(*arguments, "-v", cwd=tmp_path, env=env_of(sandbox))
    report: Any = nothing_found(told)
    evil = report["facts"]["cloud"]["regions"][1]
    assert (evil["passed_over"], evil.get("dns"), evil.get("tcp")) == (
        "another operator's host",
        None,
        None,
    )
    assert "1 region, reached in" in shown.out


def test_a_token_that_is_refused(tmp_path: Path) -> None:
    with running_sandbox(regions={"a": "http://127.0.0.1:1"}) as sandbox:
        wrong = jwt.encode({"iss": "APIother", "sub": "a", "exp": 1}, "x" * 32)
        (tmp_path / "token").write_text(wrong)
        told = lkdoctor(
            "ws-probe",
            "--url",
            sandbox.url,
            "--token-file",
            "token",
            "--follow-regions",
            "-o",
            "json",
            cwd=tmp_path,
        ).json()
    assert "cloud-regions" in {f["code"] for f in told["findings"]} | {
        code for f in told["findings"] for code in f["consequences"]
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"[" * 5000, id="deep"),
        pytest.param(b'{"regions": [{"url": 7}]}', id="no URL"),
        pytest.param(b'{"regions": []}', id="no region"),
    ],
)
def test_an_answer_that_is_no_list(body: bytes, tmp_path: Path) -> None:
    def say(request: str) -> bytes:
        return peers.reply("200 OK", body if "/settings/regions" in request else b"OK")

    with peers.peer(peers.answering(say)) as port:
        told = lkdoctor(
            "diagnose",
            "--only",
            "cloud",
            "--follow-regions",
            "-o",
            "json",
            cwd=tmp_path,
            env=made_up(port),
        ).json()
    assert told["findings"][0]["code"] == "cloud-regions"


@pytest.mark.parametrize(
    ("own", "other", "shown"),
    [
        pytest.param("wss://a.livekit.cloud", "https://a.x.livekit.cloud", True, id="Cloud's own"),
        pytest.param("wss://a.livekit.cloud", "https://evil.example", False, id="anybody's"),
        pytest.param("wss://a.livekit.cloud", "http://a.x.livekit.cloud", False, id="without TLS"),
        pytest.param("ws://rtc.example", "http://rtc.example:7881", True, id="another port"),
        pytest.param("ws://rtc.example", "http://eu.rtc.example", True, id="below it"),
        pytest.param("ws://rtc.example", "http://evil-rtc.example", False, id="that ends alike"),
        pytest.param("ws://rtc.co.example", "http://evil.co.example", False, id="beside it"),
        pytest.param("ws://127.0.0.1", "http://localhost:7881", True, id="this machine"),
        pytest.param("ws://127.0.0.1", "http://rtc.example", False, id="away from this machine"),
    ],
)
def test_a_token_is_shown_to_who_has_it_anyway(own: str, other: str, *, shown: bool) -> None:
    """The list comes from the network, and could name any host."""
    one, two = parse(own, "test").result, parse(other, "test").result
    assert isinstance(one, ParsedUrl)
    assert isinstance(two, ParsedUrl)
    assert cloud._same_operator(one, two) is shown
