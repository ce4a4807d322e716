"""Facts that raise each cause of `rules/server_config.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.config.server_schema import schema
from lkdoctor.facts import Facts
from lkdoctor.facts.server_config import (
    Entry,
    Flaw,
    FlawKind,
    KeysFlaw,
    KeysProblem,
    ServerConfigFact,
    ServerKey,
    ServerVariable,
    TurnServer,
)
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.rules.server_config import DEFAULT_PORT

_FILE: Final = "livekit.yaml"

FINE: Final = ServerConfigFact(
    origin=_FILE,
    entries=(
        Entry("port", "7880", f"{_FILE}:1"),
        Entry("rtc.tcp_port", "7881", f"{_FILE}:3"),
        Entry("rtc.udp_port", "7882", f"{_FILE}:4"),
        Entry("rtc.node_ip", "203.0.113.10", f"{_FILE}:5"),
    ),
    keys=(ServerKey("APIxk…7Qm", 43, f"{_FILE}:7", ours=True, same_secret=True),),
    sections=("port", "rtc", "keys"),
    app_key="APIxk…7Qm",
    app_key_origin=".env.local:2",
)
"""A healthy configuration, of the server and the app of `healthy`."""


def example(fact: ServerConfigFact = FINE, **settings: str) -> Facts:
    """The healthy run of a server with this configuration; ``turn__enabled="true"`` is a setting."""
    entries = {entry.path: entry for entry in fact.entries}
    for line, (name, text) in enumerate(settings.items(), 10):
        path = name.replace("__", ".").replace("_LIST", "[]")
        entries[path] = Entry(path, text, f"{_FILE}:{line}")
    return healthy()._replace(server_config=fact._replace(entries=tuple(entries.values())))


def _alone(facts: Facts) -> Facts:
    """Before any server was asked."""
    return facts._replace(network=None, tls=None, signal=None, server=None, api=None, clock=None)


def _at(facts: Facts, host: str, kind: HostKind) -> Facts:
    """For a URL with ws:// and the server's own port, before any server was asked."""
    parsed = ParsedUrl("ws", host, DEFAULT_PORT, True, "", False, False, kind)
    return _alone(facts)._replace(
        env=None, url=UrlFact(f"ws://{host}:7880", ".env.local:1", parsed)
    )


def _flawed(*flaws: Flaw) -> Facts:
    return example(FINE._replace(flaws=flaws))


def _sick_strict() -> Facts:
    every = schema().versions
    return _flawed(
        Flaw(FlawKind.UNKNOWN, "turn.host", f"{_FILE}:9", "", "rtc.turn_servers", every),
        Flaw(FlawKind.UNKNOWN, "turn.port", f"{_FILE}:10", "", "rtc.turn_servers", every),
    )


def _known_to_this_version() -> Facts:
    """A key that older servers lack; this one is new enough."""
    return _flawed(Flaw(FlawKind.UNKNOWN, "prometheus", f"{_FILE}:9", "", "", ("1.5.0",)))


def _other_key() -> ServerConfigFact:
    return FINE._replace(keys=(ServerKey("APIab…xyz", 43, f"{_FILE}:7"),))


_TURN: Final = {
    "turn__enabled": "true",
    "turn__domain": "turn.example.com",
    "turn__tls_port": "443",
    "turn__cert_file": "/etc/turn/cert.pem",
    "turn__key_file": "/etc/turn/key.pem",
    "turn__udp_port": "3478",
}


def _turn_example(**changes: str) -> Facts:
    return example(FINE, **{**_TURN, **changes})


EXAMPLES: Final = {
    "env-config-strict": Example(_sick_strict, _known_to_this_version),
    "env-server-keys-format": Example(
        lambda: _alone(
            example(
                FINE._replace(
                    keys=(),
                    keys_problems=(KeysProblem(KeysFlaw.NO_BLANK, "LIVEKIT_KEYS (.env.local:4)"),),
                )
            )
        ),
        lambda: example(FINE._replace(keys=(), key_file="/etc/livekit/keys.yaml")),
    ),
    "config-secret-short": Example(
        lambda: example(FINE._replace(keys=(ServerKey("APIxk…7Qm", 9, f"{_FILE}:7"),))),
        lambda: example(
            FINE._replace(keys=(ServerKey("devkey", 6, f"{_FILE}:7"),)), development="true"
        ),
    ),
    "config-key-unknown": Example(
        lambda: _alone(example(_other_key())), lambda: example(_other_key())
    ),
    "config-secret-differs": Example(
        lambda: _alone(
            example(
                FINE._replace(
                    keys=(FINE.keys[0]._replace(same_secret=False),),
                )
            )
        ),
        example,
    ),
    "config-port-invalid": Example(lambda: _alone(example(port="78800")), example),
    "config-port-clash": Example(lambda: _alone(example(rtc__tcp_port="7880")), example),
    "turn-port-conflict": Example(lambda: _turn_example(turn__udp_port="7882"), _turn_example),
    "config-udp-ignored": Example(
        lambda: example(rtc__port_range_start="50000", rtc__port_range_end="60000"), example
    ),
    "config-port-differs": Example(
        lambda: _at(example(port="7890"), "127.0.0.1", HostKind.LOOPBACK),
        lambda: _at(example(), "127.0.0.1", HostKind.LOOPBACK),
    ),
    "config-bind-loopback": Example(
        lambda: _at(example(bind_addresses_LIST="127.0.0.1"), "livekit", HostKind.SINGLE_LABEL),
        lambda: _at(example(bind_addresses_LIST="127.0.0.1"), "localhost", HostKind.LOOPBACK),
    ),
    "ice-loopback-node-ip": Example(
        lambda: example(rtc__node_ip="127.0.0.1"),
        lambda: _at(example(rtc__node_ip="127.0.0.1"), "127.0.0.1", HostKind.LOOPBACK),
    ),
    "ice-private-candidates": Example(
        lambda: example(rtc__node_ip="10.0.0.5"),
        lambda: _at(example(rtc__node_ip="10.0.0.5"), "10.0.0.5", HostKind.PRIVATE),
    ),
    "ice-external-ip-discovery": Example(
        lambda: example(rtc__use_external_ip="true"),
        lambda: example(FINE._replace(entries=FINE.entries[:3]), rtc__use_external_ip="true"),
    ),
    "env-server-var-ignored": Example(
        lambda: example(
            FINE._replace(
                entries=FINE.entries[:3],
                variables=(ServerVariable("LIVEKIT_RTC_NODE_IP", ".env:3", "203.0.113.10"),),
            )
        ),
        lambda: example(
            FINE._replace(
                entries=FINE.entries[:3],
                variables=(ServerVariable("NODE_IP", ".env:3", "203.0.113.10"),),
            )
        ),
    ),
    "config-redis-missing": Example(
        lambda: example(FINE._replace(sections=("port", "rtc", "keys", "ingress"))),
        lambda: example(
            FINE._replace(sections=("port", "rtc", "keys", "ingress", "redis"), redis=True)
        ),
    ),
    "turn-tls-443-hardcoded": Example(lambda: _turn_example(turn__tls_port="5349"), _turn_example),
    "turn-external-tls": Example(lambda: _turn_example(turn__external_tls="true"), _turn_example),
    "turn-domain-cert": Example(lambda: _turn_example(turn__domain=""), _turn_example),
    "turn-private-peer-denied": Example(
        lambda: _at(_turn_example(rtc__node_ip="10.0.0.5"), "10.0.0.5", HostKind.PRIVATE),
        lambda: _at(
            _turn_example(
                rtc__node_ip="10.0.0.5", turn__allow_restricted_peer_cidrs_LIST="10.0.0.0/24"
            ),
            "10.0.0.5",
            HostKind.PRIVATE,
        ),
    ),
    "turn-credentials": Example(
        lambda: example(
            FINE._replace(
                turn_servers=(TurnServer(f"{_FILE}:9", "turn.example.com", "443", "tls"),)
            )
        ),
        lambda: example(
            FINE._replace(
                turn_servers=(
                    TurnServer(f"{_FILE}:9", "turn.example.com", "443", "tls", secret=True),
                )
            )
        ),
    ),
}
