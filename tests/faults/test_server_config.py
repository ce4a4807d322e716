"""Every fault of a server's configuration, made for real: the file, the command, the server's words.

Each row changes one thing in a healthy file. The command line must put its cause first, and where
the server refuses to start, the real one does, in the words that the cause quotes.
"""

import json
import os
import socket
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import needs
import pytest
from servers import NEWEST, VERSIONS, RunningServer, find_server, livekit_server

from faults.doctor import lkdoctor, verdict_on_screen
from faults.test_faults import real
from lkdoctor import catalogue

KEY = "APIfaultsconf01"
SECRET = "made-up-for-config-faults-7k2m9x4w1q-uiop"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def healthy() -> dict[str, Any]:
    """A configuration on loopback that asks no STUN server."""
    return {
        "port": free_port(),
        "bind_addresses": ["127.0.0.1"],
        "rtc": {
            "tcp_port": free_port(),
            "udp_port": free_port(),
            "node_ip": "203.0.113.10",
            "use_external_ip": False,
            "stun_servers": ["127.0.0.1:9"],
        },
        "keys": {KEY: SECRET},
    }


class Row(NamedTuple):
    code: str
    changes: Mapping[str, Any] = {}
    words: str = ""
    """What the real server says when it does not start; empty where it starts."""
    env: Mapping[str, str] = {}


TURN = {
    "enabled": True,
    "domain": "turn.example.com",
    "external_tls": True,
    # Away from the ports that the system hands out.
    "relay_range_start": 2000,
    "relay_range_end": 3000,
}

ROWS = [
    Row("env-config-strict", {"turn": {"host": "a"}}, "field host not found in type"),
    Row("env-config-strict", {"port": "abc"}, "cannot unmarshal !!str"),
    Row("env-config-strict", {"keys": [KEY]}, "cannot unmarshal !!seq"),
    Row("env-server-keys-format", {"keys": {}}, "one of key-file or keys must be provided"),
    Row(
        "env-server-keys-format",
        {"webhook": {"api_key": "other", "urls": ["http://127.0.0.1:9/"]}},
        "api_key is required to use webhooks",
    ),
    Row(
        "env-server-keys-format",
        {"key_file": "keys.yaml"},
        "key file others permissions must be set to 0",
    ),
    Row(
        "env-server-keys-format",
        {},
        'Could not parse keys, it needs to be exactly, "key: secret"',
        {"LIVEKIT_KEYS": f"{KEY}:{SECRET}"},
    ),
    Row("config-secret-short", {"keys": {KEY: "short"}}),
    Row("config-port-invalid", {"port": 70000}, "invalid port"),
    Row("config-port-invalid", {"rtc": {"port_range_start": 9, "port_range_end": 8}}, "invalid port"),
    Row("config-port-invalid", {"turn": {"enabled": True}}, "invalid TURN ports"),
    Row("config-port-clash", {"rtc": {"tcp_port": "PORT"}}, "address already in use"),
    Row(
        "turn-port-conflict",
        {"turn": {"enabled": True, "udp_port": "UDP"}},
        "could not listen on TURN UDP port",
    ),
    Row("config-udp-ignored", {"rtc": {"port_range_start": 50000, "port_range_end": 60000}}),
    Row("ice-loopback-node-ip", {"rtc": {"node_ip": "127.0.0.1"}}),
    Row("config-redis-missing", {"ingress": {"whip_base_url": "http://127.0.0.1:9/w"}}),
    Row("turn-tls-443-hardcoded", {"turn": {**TURN, "tls_port": "FREE", "external_tls": False,
                                            "cert_file": "c.pem", "key_file": "k.pem"}},
        "TURN tls cert required"),
    Row("turn-external-tls", {"turn": {**TURN, "tls_port": "FREE", "cert_file": "c.pem"}}),
    Row("turn-domain-cert", {"turn": {**TURN, "tls_port": "FREE", "domain": ""}},
        "TURN domain required"),
    Row("turn-domain-cert", {"turn": {**TURN, "tls_port": 443, "external_tls": False}},
        "TURN tls cert required"),
    Row("turn-credentials", {"rtc": {"turn_servers": [{"host": "turn.example.com", "port": 9}]}}),
]  # fmt: skip


def configuration(row: Row, folder: Path) -> Path:
    config = healthy()
    places = {"PORT": config["port"], "UDP": config["rtc"]["udp_port"], "FREE": free_port()}
    for name, value in row.changes.items():
        if isinstance(value, Mapping) and name != "keys":
            section = {k: places.get(v, v) if isinstance(v, str) else v for k, v in value.items()}
            config[name] = {**config.get(name, {}), **section}
        else:
            config[name] = value
    file = folder / "livekit.yaml"
    file.write_text(json.dumps(config, indent=2), encoding="utf-8")
    keys = folder / "keys.yaml"
    keys.write_text(f"{KEY}: {SECRET}\n", encoding="utf-8")
    keys.chmod(0o644)
    return file


rows = pytest.mark.parametrize("row", ROWS, ids=[f"{n}-{row.code}" for n, row in enumerate(ROWS)])


@rows
def test_the_cause_is_named_first(row: Row, tmp_path: Path) -> None:
    if row.changes.get("key_file") and os.name != "posix":
        pytest.skip("Windows has no such permissions")
    configuration(row, tmp_path)
    arguments = ("diagnose", "--offline", "--server-config", "livekit.yaml")
    told = lkdoctor(*arguments, "-o", "json", cwd=tmp_path, env=row.env)
    shown = lkdoctor(*arguments, cwd=tmp_path, env=row.env)
    report = told.json()
    assert report["summary"]["primary"] == row.code, told.out[:3000]
    assert verdict_on_screen(shown.out) == row.code
    assert (told.code, shown.code) == (report["summary"]["exit_code"],) * 2
    assert SECRET[:8] not in told.out + shown.out + told.err + shown.err


REFUSED = [row for row in ROWS if row.words]


@pytest.mark.parametrize("row", REFUSED, ids=[f"{n}-{r.words}" for n, r in enumerate(REFUSED)])
def test_the_real_server_says_so_too(row: Row, tmp_path: Path) -> None:
    if row.changes.get("key_file") and os.name != "posix":
        pytest.skip("Windows has no such permissions")
    binary = find_server(NEWEST)
    if binary is None:
        needs.missing(needs.SERVER)
    file = configuration(row, tmp_path)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LIVEKIT_")}
    done = subprocess.run(
        [binary, "--config", file],
        cwd=tmp_path,
        env={**environ, **row.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert row.words in done.stdout + done.stderr


def test_every_cause_of_a_configuration_has_its_fault() -> None:
    from lkdoctor.rules.server_config import RULES

    elsewhere = {
        # These need a URL, an app's key or a variable beside the file: below.
        "config-key-unknown",
        "config-secret-differs",
        "config-port-differs",
        "config-bind-loopback",
        "ice-private-candidates",
        "ice-external-ip-discovery",  # a real server would ask the outside: the rules' tests have it
        "env-server-var-ignored",
        "turn-private-peer-denied",
    }
    codes = {rule.code for rule in RULES}
    assert codes <= set(catalogue.by_code())
    assert {row.code for row in ROWS} | elsewhere == codes


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_server_s_configuration_raises_nothing(version: str, tmp_path: Path) -> None:
    if find_server(version) is None:
        needs.missing(needs.SERVER)
    keys = {KEY: SECRET}
    with livekit_server(version, keys=keys) as server:
        file = tmp_path / "livekit.yaml"
        file.write_text(
            f"port: {server.port}\nrtc:\n  node_ip: 127.0.0.1\nkeys:\n  {KEY}: {SECRET}\n"
        )
        ran = lkdoctor(
            "diagnose", "--server-config", "livekit.yaml", "-o", "json",
            cwd=tmp_path, env=real(server),
        )  # fmt: skip
    report = ran.json()
    assert [f["code"] for f in report["findings"] if f["severity"] != "info"] == []
    assert (report["target"]["server"], ran.code) == (version, 0)
    assert sum("server.config" in c["id"] for c in report["checks"]) == 5


def test_what_the_chart_renders_raises_nothing(tmp_path: Path) -> None:
    """The real server runs with it as the chart starts it, and not without."""
    if find_server(NEWEST) is None:
        needs.missing(needs.SERVER)
    of_the_chart = {"turn": {"secretName": "wards-turn", "loadBalancerAnnotations": {}}}
    with livekit_server(
        NEWEST, keys={KEY: SECRET}, config=of_the_chart, options=["--disable-strict-config"]
    ) as server:
        text = f"port: {server.port}\nkeys: {{{KEY}: {SECRET}}}\n"
        values = "replicaCount: 1\nlivekit:\n" + textwrap.indent(text, "  ")
        rendered = text + f"turn: {json.dumps(of_the_chart['turn'])}\n"
        seen = {}
        for name, written in (("values.yaml", values), ("config.yaml", rendered)):
            (tmp_path / name).write_text(written)
            ran = lkdoctor(
                "diagnose", "--server-config", name, "-o", "json", cwd=tmp_path, env=real(server)
            )
            told = [f["code"] for f in ran.json()["findings"] if f["severity"] != "info"]
            seen[name] = (ran.code, told)
    assert seen == {"values.yaml": (0, []), "config.yaml": (0, [])}


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ("config-key-unknown", {"APIanother00001": SECRET}),
        ("config-secret-differs", {KEY: "another-made-up-secret-7k2m9x4w1q-8n3v6z"}),
    ],
)
def test_a_server_that_has_not_the_app_s_pair(
    code: str, keys: Mapping[str, str], tmp_path: Path
) -> None:
    """The whole run: what the server refuses is told as what it follows from."""
    if find_server(NEWEST) is None:
        needs.missing(needs.SERVER)
    with livekit_server(NEWEST, keys=keys) as server:
        text = f"port: {server.port}\nkeys: {json.dumps(keys)}\n"
        (tmp_path / "livekit.yaml").write_text(text)
        env = {
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
        }
        ran = lkdoctor(
            "diagnose", "--server-config", "livekit.yaml", "-o", "json", cwd=tmp_path, env=env
        )
    report = ran.json()
    assert [f["code"] for f in report["findings"] if f["severity"] == "error"] == [code]
    assert (report["summary"]["primary"], ran.code) == (code, 1)
    assert SECRET[:8] not in ran.out


def beside(tmp_path: Path, text: str, env: Mapping[str, str]) -> str:
    (tmp_path / "livekit.yaml").write_text(text)
    ran = lkdoctor(
        "diagnose", "--offline", "--server-config", "livekit.yaml", "-o", "json",
        cwd=tmp_path, env={"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET, **env},
    )  # fmt: skip
    return str(ran.json()["summary"]["primary"])


@pytest.mark.parametrize(
    ("code", "text", "env"),
    [
        ("config-port-differs", "port: 7890\n", {"LIVEKIT_URL": "ws://192.168.0.9:7880"}),
        (
            "config-bind-loopback",
            "bind_addresses: [127.0.0.1]\n",
            {"LIVEKIT_URL": "ws://192.168.0.9:7880"},
        ),
        (
            "ice-private-candidates",
            "rtc: {node_ip: 172.17.0.2}\n",
            {"LIVEKIT_URL": "wss://rtc.example.com"},
        ),
        (
            "ice-external-ip-discovery",
            "rtc: {node_ip: 203.0.113.9, use_external_ip: true}\n",
            {"LIVEKIT_URL": "wss://rtc.example.com"},
        ),
        (
            "turn-private-peer-denied",
            "rtc: {node_ip: 192.168.0.9}\nturn: {enabled: true, udp_port: 3478}\n",
            {"LIVEKIT_URL": "ws://192.168.0.9:7880"},
        ),
        (
            "env-server-var-ignored",
            "port: 7880\n",
            {"LIVEKIT_URL": "wss://rtc.example.com", "LIVEKIT_RTC_NODE_IP": "203.0.113.9"},
        ),
    ],
)
def test_a_file_beside_a_url(code: str, text: str, env: Mapping[str, str], tmp_path: Path) -> None:
    assert beside(tmp_path, f"{text}keys: {{{KEY}: {SECRET}}}\n", env) == code


def test_the_variables_alone(real_server: RunningServer, tmp_path: Path) -> None:
    """A compose project's .env has what the server and the app read."""
    lines = {**real(real_server), "LIVEKIT_KEYS": "no-blank:here"}
    (tmp_path / ".env").write_text("".join(f"{k}='{v}'\n" for k, v in lines.items()))
    ran = lkdoctor("diagnose", "--offline", "-o", "json", cwd=tmp_path)
    assert ran.json()["summary"]["primary"] == "env-server-keys-format"


@pytest.mark.parametrize("option", ["nope.yaml", ".", "list.yaml", "tab.yaml"])
def test_a_file_that_is_none_is_an_error_of_usage(option: str, tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n")
    (tmp_path / "tab.yaml").write_text("a: 1\n\tb: 2\n")
    ran = lkdoctor("diagnose", "--server-config", option, cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --server-config")
    assert len(ran.err.splitlines()) <= 2


def test_a_saved_report_is_judged_again(tmp_path: Path) -> None:
    configuration(Row("", {"turn": {"host": "a"}}), tmp_path)
    ran = lkdoctor(
        "diagnose", "--server-config", "livekit.yaml", "--save", "report.json", cwd=tmp_path
    )
    again = lkdoctor("diagnose", "--from", "report.json", cwd=tmp_path)
    assert (ran.code, again.code) == (1, 1)
    assert verdict_on_screen(again.out) == "env-config-strict"
