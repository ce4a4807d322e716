"""The verdict on a configuration is the real server's own, version by version.

The server is asked without keys: it ends by itself, before it listens, and says whether it was
the configuration that it could not read.
"""

import os
import subprocess
from pathlib import Path

import needs
import pytest
from servers import VERSIONS, find_server

from lkdoctor.config.resolve import Resolution
from lkdoctor.config.server_files import load
from lkdoctor.config.target import Target
from lkdoctor.errors import UsageError
from lkdoctor.facts.server_config import server_config_fact

ADDRESS = "rtc: {node_ip: 127.0.0.1}\n"
"""Stands before every row that has no rtc: of its own: no address is looked for."""

CONFIGURATIONS = [
    "port: 7880",
    'port: "7880"',
    "port: 0x1ECA",
    "port: 017",
    "port: 0o17",
    "port: 7_880",
    "port: 7880.5",
    "port: 089",
    "port: -1",
    "port: 4294967296",
    "port: 70000",
    "port:",
    "port: [7880]",
    "port: 2020-01-01",
    "rtc: {node_ip: 127.0.0.1, use_external_ip: no}",
    'rtc: {node_ip: 127.0.0.1, use_external_ip: "no"}',
    "rtc: {node_ip: 127.0.0.1, use_external_ip: off, force_tcp: Y}",
    "rtc: {node_ip: 127.0.0.1, use_external_ip: 0}",
    "rtc: {node_ip: 127.0.0.1, use_external_ip: nope}",
    "rtc: {node_ip: example.com}",
    'rtc: {node_ip: "127.0.0.1,::1"}',
    'rtc: {node_ip: "127.0.0.1,127.0.0.2"}',
    "rtc: {node_ip: {ipv4: 127.0.0.1}}",
    "rtc: {node_ip: [127.0.0.1]}",
    "rtc: {node_ip: 127.0.0.1, udp_port: 7882-7890}",
    "rtc: {node_ip: 127.0.0.1, udp_port: 7890-7882}",
    'rtc: {node_ip: 127.0.0.1, udp_port: "7882"}',
    "rtc: {node_ip: 127.0.0.1, udp_port: abc}",
    "rtc: {node_ip: 127.0.0.1, udp_port: 7_882}",
    "rtc: {node_ip: 127.0.0.1, udp_port: +7882}",
    "rtc: {node_ip: 127.0.0.1, udp_port: {start: 7882}}",
    "rtc: {node_ip: 127.0.0.1, udp_port: 7882 - 7890}",
    "rtc: {node_ip: 127.0.0.1, udp_port: 7882-}",
    'rtc: {node_ip: 127.0.0.1, udp_port: "-7882"}',
    "rtc: {node_ip: 127.0.0.1, tcp_port: 7881, turn_servers: [{host: a, port: 443, protocol: tls, username: u, credential: c}]}",
    "rtc: {node_ip: 127.0.0.1, turn_servers: {host: a}}",
    "rtc: {node_ip: 127.0.0.1, turn_servers: [{host: a, ports: 3}]}",
    "rtc: {node_ip: 127.0.0.1, turn_servers: [{host: a, secret: s, ttl: 5}]}",
    "turn: {host: x, port: 3478}",
    'turn: {enabled: true, udp_port: 3478, bind_addresses: ["127.0.0.1"]}',
    "turn: {enabled: true, udp_port: 3478, relay_range_start: 70000}",
    "video: {dynacast_pause_delay: 5}",
    "video: {dynacast_pause_delay: 5s}",
    "video: {dynacast_pause_delay: 1m30s}",
    'video: {dynacast_pause_delay: "0"}',
    "video: {dynacast_pause_delay: .5s}",
    "video: {dynacast_pause_delay: 5 s}",
    "port: 7880\nport: 7881",
    "rtc: {node_ip: 127.0.0.1, tcp_port: 1, tcp_port: 2}",
    "keys: [a, b]",
    'keys: "a: b"',
    "keys: {}",
    "keys:",
    "# nothing",
    "[a, b]",
    "just text",
    '"rtc": {"node_ip": "127.0.0.1"}\n"port": 7880',
    "x-common: &c {node_ip: 127.0.0.1}\nrtc: *c",
    "rtc: &c {node_ip: 127.0.0.1, tcp_port: 7881}\nturn: {<<: *c}",
    "rtc: {<<: {node_ip: 127.0.0.1, nope: 1}, tcp_port: 7881}",
    "rtc: {<<: [{node_ip: 127.0.0.1}, {tcp_port: 7}], tcp_port: 7881}",
    "limit: {num_tracks: 1e3, bytes_per_sec: 1_000_000_000}",
    "limit: {num_tracks: 3000000000}",
    "audio: {active_level: 256}",
    "audio: {active_level: 30, nope: 2}",
    "log_level: 5\nregion: 12",
    "logging: {json: true, level: info, sample: false, pion_level: error}",
    "room: {enabled_codecs: [{mime: audio/opus}, {mine: video}]}",
    "room: {auto_create: false, empty_timeout: 300, departure_timeout: 20}",
    'bind_addresses: "127.0.0.1"',
    'bind_addresses: ""',
    "bind_addresses:",
    "bind_addresses: [127.0.0.1, 5, ~]",
    "environment: dev",
    "Port: 7880",
    "debug_handler: {port: 1}\nprometheus: {port: 6789}",
    "prometheus_port: !!str 6789",
    'prometheus_port: !!int "6789"',
    "region: !!binary aGVsbG8=",
    'redis: {address: "127.0.0.1:6379", db: 0, use_tls: false, pool_size: 3}\nsip: {}',
    "sip: {nope: 1}",
    "node_selector: {kind: any, regions: [{name: a, lat: 1, lon: .5}]}",
    'node_selector: {cpu_load_limit: "0.9"}',
    "webhook: {api_key: a, urls: [http://127.0.0.1:1/]}",
    "1: 2",
    "~: 2",
    "? [a]\n: b",
    "\tport: 3",
    "rtc: {node_ip: 127.0.0.1}",
    "port: nope",
    'development: "true"',
    "rtc: {node_ip: 127.0.0.1, use_ice_lite: yEs}",
    "port: .inf",
    "port: +7880",
    "port: 0b11",
    "port: true",
    "rtc:",
    'rtc: ""',
    "rtc: ~\nturn: ~",
    "port: 7880 # x\nenable_data_tracks: true",
]


def refused_by_us(file: Path) -> set[str]:
    try:
        found = load(str(file), Resolution(Target()), environ={}, directory=file.parent)
    except UsageError:
        return set(VERSIONS)
    assert found is not None
    flaws = server_config_fact(found, Target()).flaws
    return {version for flaw in flaws for version in flaw.versions}


def refused_by_the_server(binary: Path, file: Path) -> bool:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LIVEKIT_")}
    done = subprocess.run(
        [binary, "--config", file],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    # Rows without keys end so where the configuration is read.
    assert "could not parse config" in said or "one of key-file or keys" in said, said
    return "could not parse config" in said


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_refused_is_what_the_server_refuses(version: str, tmp_path: Path) -> None:
    binary = find_server(version)
    if binary is None:
        needs.missing(needs.SERVER)
    differ = []
    for text in CONFIGURATIONS:
        file = tmp_path / "livekit.yaml"
        ours = "" if "rtc:" in text or "node_ip" in text or text[:1] in "[j#" else ADDRESS
        file.write_text(ours + text + "\n", encoding="utf-8")
        real = refused_by_the_server(binary, file)
        if real != (version in refused_by_us(file)):
            differ.append((text, "refused" if real else "taken"))
    assert differ == []
