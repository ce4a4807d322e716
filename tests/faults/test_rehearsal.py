"""Faults on the way of the media, on a test host of our own: nothing leaves this machine.

The host is a network namespace with loopback, one dead network and the firewall; making one takes
Linux, root, ``ip`` and ``nft``. The livekit-server, the TURN server and both participants run there.
"""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import needs
import pytest
from hosts import SECOND, SERVER, needs_hosts
from turns import needs_coturn

from faults.test_media import TCP, USER, there

TESTS = Path(__file__).parent.parent


needs_a_host = needs.marked(needs.HOSTS, needs.COTURN, needs.SERVER)

# Runs there: starts the server, breaks what is to be broken, and plays the booking.
DRIVER = """
import json, subprocess, sys, threading
told = json.loads(sys.argv[1])
sys.path.insert(0, told["tests"])
import servers

turn = None
try:
    if told["turn"]:
        turn = subprocess.Popen(told["turn"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in turn.stdout:
            if "IO method" in line:
                break
    with servers.livekit_server(config=told["config"]) as server:
        for rule in told["rules"]:
            subprocess.run(["nft", rule], check=True)
        if told["opens_after"]:
            opening = ["nft", "delete table inet broken"]
            threading.Timer(told["opens_after"], subprocess.run, [opening]).start()
        done = subprocess.run(
            [sys.executable, "-m", "lkdoctor", "rehearse", "--url", server.url.replace("127.0.0.1", told["address"]), *told["options"]],
            env={**told["env"], "LIVEKIT_API_KEY": server.long_key, "LIVEKIT_API_SECRET": server.long_secret},
            capture_output=True, text=True, timeout=90,
        )
        for _ in range(60):  # the rooms of the rehearsal end by themselves, a second or two later
            rooms = subprocess.run(
                [sys.executable, "-m", "lkdoctor", "rooms", "list", "-o", "plain", "--url", server.url],
                env={**told["env"], "LIVEKIT_API_KEY": server.long_key, "LIVEKIT_API_SECRET": server.long_secret},
                capture_output=True, text=True, timeout=30,
            )
            if not rooms.stdout.splitlines()[1:]:
                break
finally:
    if turn is not None:
        turn.kill()
        turn.wait()
print(json.dumps([done.returncode, done.stdout, done.stderr, rooms.stdout]))
"""


@contextlib.contextmanager
def host() -> Iterator[list[str]]:
    """The words that run a command on a host that knows itself and one dead network."""
    name = f"lkdoctor-{uuid.uuid4().hex[:8]}"
    there = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for words in (
            # LiveKit offers every IPv6 address of a machine, whatever node_ip says.
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
            "ip link set lo up",
            # A cable whose other end takes every packet and answers none.
            "ip link add dead type veth peer name end",
            "ip addr add 203.0.113.2/24 dev dead",
            "ip link set dead up",
            "ip link set end up",
            "ip neigh add 203.0.113.9 lladdr 02:00:00:00:00:01 dev dead",
        ):
            subprocess.run([*there, *words.split()], check=True)
        yield there
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


TABLE = (
    "add table inet broken",
    "add chain inet broken out { type filter hook output priority 0; policy accept; }",
)
NO_UDP = (*TABLE, "add rule inet broken out meta l4proto udp drop")
CLOSED = (*NO_UDP, "add rule inet broken out tcp dport 7881 drop")
# As a NAT in front of the participants does: the server cannot begin.
NOT_ASKED_FOR = (*TABLE, "add rule inet broken out udp sport 7882 ct state new drop")
# By the first byte of what UDP carries (RFC 7983): ICE gets through, and this does not.
FIRST = "add rule inet broken out udp sport 7882 @th,64,8"
NO_TCP = (*TABLE, "add rule inet broken out tcp dport 7881 drop")
NO_DTLS = (*NO_TCP, f"{FIRST} 20-63 drop")
NO_SRTP = (*NO_TCP, f"{FIRST} 128-191 drop")
NO_SCTP = (*NO_TCP, f"{FIRST} 23 drop")
LOSSY = (*TABLE, "add rule inet broken out meta l4proto udp numgen random mod 100 < 12 drop")

# 320 kbit/s each way for both participants: enough for two voices, and for no picture.
OVER = "limit rate over 40 kbytes/second drop"
NARROW = (
    *NO_TCP,
    f"add rule inet broken out udp sport 7882 {OVER}",
    f"add rule inet broken out udp dport 7882 {OVER}",
)

HERE = "203.0.113.2"
"""The host's own address in the dead network."""

TURN = {
    "host": HERE,
    "port": 3478,
    "protocol": "udp",
    "username": "u",
    "credential": "right",
}


def turnserver(password: str, *options: str) -> list[str]:
    """A coturn that takes this password."""
    words = "turnserver -n --listening-ip 203.0.113.2 --relay-ip 203.0.113.2"
    more = f"--lt-cred-mech --user u:{password} --realm x --no-tls --no-dtls --no-cli --log-file stdout"
    return [*words.split(), *more.split(), *options]


PATIENT = ("--timeout", "30")
"""Where all should go well, a busy machine is given the time that it takes."""


def rehearsed(**changes: Any) -> tuple[int, dict[str, Any], str]:
    """Exit code, report, and what rooms are left a while afterwards."""
    told: dict[str, Any] = {
        "tests": str(TESTS),
        "turn": [],
        "address": HERE,
        "config": {},
        "rules": (),
        "opens_after": 0,
        "options": (),
        "env": {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}},
    }
    told |= changes
    # All ports are free there.
    ports = {"udp_port": 7882, "tcp_port": 7881, "ips": {"includes": [f"{HERE}/32"]}}
    rtc = {"node_ip": HERE, **ports, **told["config"].get("rtc", {})}
    told["config"] = {**told["config"], "rtc": rtc, "bind_addresses": ["127.0.0.1", HERE]}
    options = "--booking b1 --provider ada --client carl --seconds 1 --timeout 5 -o json"
    told["options"] = [*options.split(), *told["options"]]
    with host() as there:
        done = subprocess.run(
            [*there, sys.executable, "-c", DRIVER, json.dumps(told)],
            capture_output=True,
            text=True,
            timeout=110,
            check=True,
        )
    code, out, err, rooms = json.loads(done.stdout)
    # A busy machine is told what is still going on; the SDK's own logs would be more than that.
    assert [line for line in err.splitlines() if not line.startswith("lkdoctor: still")] == []
    return code, json.loads(out), rooms


def found(report: dict[str, Any]) -> list[str]:
    """The codes of the findings; that a server without Redis cannot record is no matter of these."""
    codes = [finding["code"] for finding in report["findings"]]
    return [code for code in codes if code != "rehearsal-no-recording"]


def step_of(report: dict[str, Any], outcome: str) -> str:
    """The first step that ended so for anybody."""
    first = report["facts"]["rehearsal"]["rounds"][0]
    steps = zip(*(player["steps"] for player in first["players"]), strict=True)
    return next((s["step"] for both in steps for s in both if s["outcome"] == outcome), "")


@needs_a_host
@pytest.mark.parametrize(
    ("changes", "code", "folded"),
    [
        pytest.param(
            {"config": {"rtc": {"node_ip": "203.0.113.9"}}, "rules": NOT_ASKED_FOR},
            "ice-wrong-public-ip",
            {"rehearsal-media-address"},
            id="wrong node_ip",
        ),
        pytest.param(
            {"rules": CLOSED},
            "ice-udp-range-blocked",
            {"rehearsal-media-blocked"},
            id="UDP and TCP closed",
        ),
        pytest.param(
            {"options": ["--transport", "relay"]},
            "rehearsal-turn-missing",
            set(),
            id="no TURN server",
        ),
        pytest.param(
            {
                "options": ["--transport", "relay"],
                "config": {"rtc": {"turn_servers": [TURN]}},
                "turn": turnserver("wrong"),
            },
            "turn-credentials",
            {"rehearsal-turn-refused"},
            id="TURN credentials wrong",
        ),
        pytest.param(
            {"options": ["--transport", "relay"], "config": {"rtc": {"turn_servers": [TURN]}}},
            "turn-unreachable",
            {"rehearsal-turn-silent"},
            id="TURN server down",
        ),
        pytest.param(
            {
                "options": ["--transport", "relay"],
                "config": {"rtc": {"turn_servers": [TURN]}},
                "turn": turnserver("right", f"--denied-peer-ip={HERE}"),
            },
            "turn-private-peer-denied",
            {"rehearsal-turn-no-way"},
            id="TURN relays to others alone",
        ),
        pytest.param(
            {"rules": NO_DTLS}, "rehearsal-connect-failed", set(), id="ICE gets through, DTLS not"
        ),
    ],
)
def test_media_that_does_not_get_through_is_named_at_its_step(
    changes: dict[str, Any], code: str, folded: set[str]
) -> None:
    status, report, rooms = rehearsed(**changes)
    # The test host has no STUN server, which is no cause of anything here.
    errors = [f["code"] for f in report["findings"] if f["severity"] == "error"]
    assert (errors, {f["code"] for f in report["folded"]}) == ([code], folded)
    assert (status, step_of(report, "timeout")) == (1, "connection")
    assert rooms.splitlines()[1:] == []


@needs_a_host
@pytest.mark.parametrize(
    ("rules", "code", "title"),
    [
        pytest.param(
            NO_SRTP,
            "rehearsal-media-silent",
            "What one publishes does not arrive at the other",
            id="sound and pictures",
        ),
        pytest.param(
            NO_SCTP,
            "rehearsal-data-lost",
            "No data channel opens, and so no media flows",
            id="data channels",
        ),
    ],
)
def test_what_is_dropped_after_the_handshake_is_named(
    rules: tuple[str, ...], code: str, title: str
) -> None:
    status, report, rooms = rehearsed(rules=rules)
    errors = [(f["code"], f["title"]) for f in report["findings"] if f["severity"] == "error"]
    assert (status, errors) == (1, [(code, title)])
    assert step_of(report, "timeout") == "receiving"
    assert rooms.splitlines()[1:] == []


@needs_a_host
def test_a_relay_that_works_carries_the_booking() -> None:
    status, report, rooms = rehearsed(
        options=["--transport", "relay", *PATIENT],
        config={"rtc": {"turn_servers": [TURN]}},
        turn=turnserver("right"),
    )
    assert (status, found(report)) == (0, [])
    players = report["facts"]["rehearsal"]["rounds"][0]["players"]
    way = ("relay", "udp", f"turn:{HERE}:3478?transport=udp")
    paths = [player["path"] for player in players]
    assert [(p["local_type"], p["protocol"], p["relay"]) for p in paths] == [way, way]
    assert rooms.splitlines()[1:] == []


@needs_hosts
@needs_coturn
def test_turn_over_tcp_gets_out_of_a_strict_network(tmp_path: Path) -> None:
    turn = {"host": SECOND, "port": 3478, "protocol": "tcp", **USER}
    with there(turn_servers=[turn]) as it:
        it.lan.firewall(it.lan.client, "meta l4proto udp drop", f"tcp dport {TCP} drop")
        words = ["rehearse", "--booking", "b1", "--provider", "ada", "--client", "carl"]
        more = ["--seconds", "0", *PATIENT, "-o", "json"]
        done = subprocess.run(
            [*it.lan.client, sys.executable, "-m", "lkdoctor", *words, *more],
            cwd=tmp_path,
            env={
                **{k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}},
                "LIVEKIT_URL": f"ws://{SERVER}:{it.server.port}",
                "LIVEKIT_API_KEY": it.server.long_key,
                "LIVEKIT_API_SECRET": it.server.long_secret,
            },
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    report = json.loads(done.stdout)
    paths = [player["path"] for player in report["facts"]["rehearsal"]["rounds"][0]["players"]]
    assert [(p["local_type"], p["protocol"]) for p in paths] == [("relay", "tcp")] * 2
    assert (done.returncode, found(report)) == (0, [])


@needs_a_host
def test_a_closed_udp_port_is_made_up_for_by_tcp() -> None:
    status, report, _ = rehearsed(rules=NO_UDP, options=PATIENT)
    assert (status, found(report)) == (0, [])
    players = report["facts"]["rehearsal"]["rounds"][0]["players"]
    assert [player["path"]["protocol"] for player in players] == ["tcp", "tcp"]


@needs_a_host
def test_a_way_that_opens_late_makes_a_booking_slow() -> None:
    # Two seconds for the look at its ways, and then more than five for the connection.
    status, report, _ = rehearsed(rules=CLOSED, opens_after=12, options=["--timeout", "60"])
    assert (status, found(report)) == (0, ["rehearsal-slow"])


@needs_a_host
def test_a_narrow_way_carries_sound_alone() -> None:
    codes = []
    for options in ((), ("--audio-only",)):
        _, report, _ = rehearsed(rules=NARROW, options=["--seconds", "4", *PATIENT, *options])
        codes.append(found(report))
    assert codes == [["rehearsal-poor-path"], []]


@needs_a_host
def test_a_poor_connection_is_told_with_what_it_would_carry() -> None:
    _, report, _ = rehearsed(rules=LOSSY, options=["--seconds", "4", *PATIENT])
    poor = next(f for f in report["findings"] if f["code"] == "rehearsal-poor-path")
    assert poor["severity"] == "warning"
    assert poor["evidence"][-1]["label"] == "sound alone"
