"""What is kept of a server's configuration: every flaw with its line, and nothing secret."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkdoctor.config import server_yaml
from lkdoctor.config.resolve import Resolution, Value
from lkdoctor.config.server_files import ServerFiles, load
from lkdoctor.config.server_schema import schema
from lkdoctor.config.target import SecretSetting, Setting, Target
from lkdoctor.facts import Facts
from lkdoctor.facts.codec import facts_from_json, facts_to_json
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
    addresses,
    server_config_fact,
)
from lkdoctor.redact import Secret

EVERY = schema().versions
KEY = "APIserverconf01"
SECRET = "zQ7k2m9x4w1qVn8v6z5t0r3fJd2Hs6Lb9Xc4Tg1Pw8M"
APP = Target(api_key=Setting(KEY, ".env:1"), api_secret=SecretSetting(Secret(SECRET), ".env:2"))


def fact(text: str, target: Target = Target(), **variables: str) -> ServerConfigFact:  # noqa: B008
    return server_config_fact(
        ServerFiles(
            "livekit.yaml",
            server_yaml.read(text),
            variables=tuple(Value(name, value, ".env:1") for name, value in variables.items()),
        ),
        target,
    )


def flaws(text: str) -> list[tuple[str, str, str, str]]:
    return [(str(f.what), f.path, f.location, f.near) for f in fact(text).flaws]


def test_a_healthy_configuration() -> None:
    text = (
        "port: 7880\nbind_addresses: ['']\nrtc:\n  tcp_port: 7881\n  udp_port: 7882\n"
        f"  node_ip: 203.0.113.10\nkeys:\n  {KEY}: {SECRET}\nredis:\n  address: 127.0.0.1:6379\n"
    )
    assert fact(text, APP) == ServerConfigFact(
        origin="livekit.yaml",
        entries=(
            Entry("port", "7880", "livekit.yaml:1"),
            Entry("bind_addresses[]", "", "livekit.yaml:2"),
            Entry("rtc.tcp_port", "7881", "livekit.yaml:4"),
            Entry("rtc.udp_port", "7882", "livekit.yaml:5"),
            Entry("rtc.node_ip", "203.0.113.10", "livekit.yaml:6"),
        ),
        keys=(ServerKey("APIse…f01", 43, "livekit.yaml:8", ours=True, same_secret=True),),
        redis=True,
        sections=("port", "bind_addresses", "rtc", "keys", "redis"),
        app_key="APIse…f01",
        app_key_origin=".env:1",
    )


def test_flaws_have_lines_and_the_right_key() -> None:
    text = (
        "port: [7880]\nrtc:\n  use-external-ip: true\n  turn_servers:\n    - hots: a\n"
        "turn:\n  host: turn.example.com\nregion: a\nregion: b\nnonsense_key: 1\n"
    )
    assert flaws(text) == [
        ("twice", "region", "livekit.yaml:9", ""),
        ("wrong-type", "port", "livekit.yaml:1", ""),
        ("unknown", "rtc.use-external-ip", "livekit.yaml:3", "rtc.use_external_ip"),
        ("unknown", "rtc.turn_servers[0].hots", "livekit.yaml:5", "rtc.turn_servers[].host"),
        ("unknown", "turn.host", "livekit.yaml:7", "rtc.turn_servers"),
        ("unknown", "nonsense_key", "livekit.yaml:10", ""),
    ]


def test_a_flaw_of_some_versions() -> None:
    (flaw,) = fact("environment: dev\n").flaws
    assert flaw == Flaw(FlawKind.UNKNOWN, "environment", "livekit.yaml:1", versions=EVERY[1:])


def test_a_value_of_another_kind_is_described_not_shown() -> None:
    (flaw,) = fact("turn:\n  tls_port: hunter2hunter2\n").flaws
    assert (flaw.path, flaw.detail) == ("turn.tls_port", "a whole number, not a text")


def test_keys_that_are_not_indented() -> None:
    """``keys:`` is empty then, and the key stands at the top."""
    assert flaws(f"keys:\n{KEY}: {SECRET}\n") == [
        ("unknown", "APIse…f01", "livekit.yaml:2", "keys")
    ]


def test_keys_as_a_list_are_a_flaw_and_no_keys() -> None:
    read = fact(f"keys:\n  - {KEY}: {SECRET}\n")
    assert [(f.what, f.path) for f in read.flaws] == [(FlawKind.WRONG_TYPE, "keys")]
    assert read.keys == ()


def test_merged_and_repeated_parts_are_read_where_they_count() -> None:
    read = fact("x: &x {node_ip: 192.0.2.1, tcp_port: 7}\nrtc:\n  <<: *x\n  tcp_port: 8\n")
    assert [f.path for f in read.flaws] == ["x"]
    assert (read.text("rtc.node_ip"), read.number("rtc.tcp_port")) == ("192.0.2.1", 8)


def test_the_app_s_secret_is_compared() -> None:
    other = fact(f"keys: {{{KEY}: another-secret-7k2m9x4w1q-8n3v6z5t0r}}\n", APP)
    assert [(k.ours, k.same_secret) for k in other.keys] == [(True, False)]
    stranger = fact(f"keys: {{APIanother00001: {SECRET}}}\n", APP)
    assert [(k.ours, k.same_secret) for k in stranger.keys] == [(False, None)]
    without = fact(f"keys: {{{KEY}: {SECRET}}}\n", APP._replace(api_secret=None))
    assert [(k.ours, k.same_secret) for k in without.keys] == [(True, None)]


def test_the_variable_stands_in_place_of_the_keys() -> None:
    read = fact("keys: {a: b}\n", LIVEKIT_KEYS=f"{KEY}: {SECRET}\nbackup: x")
    assert [(k.name, k.secret_length) for k in read.keys] == [("APIse…f01", 43), ("backup", 1)]
    assert read.variables == (ServerVariable("LIVEKIT_KEYS", ".env:1", ""),)


def test_keys_that_cannot_be_used() -> None:
    label = "LIVEKIT_KEYS (.env:1)"
    for text, problem in (
        ("a:b", KeysProblem(KeysFlaw.NO_BLANK, label)),
        ("- a", KeysProblem(KeysFlaw.NOT_A_MAPPING, label, "a list")),
        ("a: 12345", KeysProblem(KeysFlaw.NOT_TEXT, label, "a is a whole number")),
    ):
        read = fact("port: 1\n", LIVEKIT_KEYS=text)
        assert (read.keys, read.keys_problems) == ((), (problem,))
    (found,) = fact("port: 1\n", LIVEKIT_KEYS="a: [").keys_problems
    assert (found.what, found.location) == (KeysFlaw.NOT_YAML, label)


def test_turn_servers_and_webhooks() -> None:
    read = fact(
        "rtc:\n  turn_servers:\n    - host: a\n      port: 443\n      protocol: tls\n"
        "      credential: x\n    - {host: b, secret_file: /x}\n"
        "webhook: {api_key: k, urls: [http://a, http://b]}\nkeys: {k: v}\n"
    )
    assert read.turn_servers == (
        TurnServer("livekit.yaml:3", "a", "443", "tls", credential=True),
        TurnServer("livekit.yaml:7", "b", secret=True),
    )
    assert (read.webhook_key, read.webhook_urls, read.webhook_key_known) == ("k", 2, True)


def test_settings_are_read_as_the_server_reads_them() -> None:
    read = fact("port: 0x1EC8\nrtc: {use_external_ip: on, tcp_port: .inf}\nturn: {enabled: no}\n")
    assert (read.number("port"), read.number("rtc.tcp_port", 7881)) == (7880, 7881)
    assert (read.yes("rtc.use_external_ip"), read.yes("turn.enabled")) == (True, False)
    assert (read.where("port"), read.where("rtc.udp_port")) == ("livekit.yaml:1", "livekit.yaml")


def test_addresses_of_a_node_ip() -> None:
    assert [str(a) for a in addresses("192.0.2.1, ::1")] == ["192.0.2.1", "::1"]
    assert addresses("example.com") == ()


def test_a_variable_that_is_no_configuration() -> None:
    label = "LIVEKIT_CONFIG (.env:1)"
    read = server_config_fact(ServerFiles(label, problem="no mapping"), Target())
    assert read.flaws == (Flaw(FlawKind.SYNTAX, "", label, "no mapping", versions=EVERY),)


SECRETS = ("kqXw7PzTn2Lr9VbYc4HsMd8Fg1Jt5Ra3", "Zr4TgBn7Uj1Mk0Ol3Pq6Xs9Wd2Ec5Vf8")


def test_no_secret_is_kept_wherever_it_stands() -> None:
    one, two = SECRETS
    for text in (
        f"keys: {{a: {one}, b: {two}}}",
        f"keys: [{one}, {{a: {two}}}]",
        f"keys: '{one}: {two}'",
        f"keys:\n{one}: {two}",
        f"{one}: 1\nport: {two}",
        f"redis: {{address: 'redis://u:{one}@h:1', password: {two}, user: {one}}}",
        f"turn: {{secret: {one}, domain: {two}}}",
        f"rtc: {{turn_servers: [{{host: a, credential: {one}, secret: {two}, nope: {one}}}]}}",
        f"webhook: {{api_key: {one}, urls: ['https://a/?token={two}']}}",
        f"prometheus: {{password: {one}}}\nnope: {{a: [{two}]}}",
        f"rtc: {{node_ip: {one}, udp_port: {two}}}",
        f"key_file: {one}",
    ):
        read = fact(text, LIVEKIT_KEYS=f"{one}:{two}")
        told = json.dumps(facts_to_json(Facts(server_config=read)))
        assert not any(s[i : i + 8] in told for s in SECRETS for i in range(24)), text


def test_an_alias_may_have_a_secret_s_name() -> None:
    with pytest.raises(server_yaml.YamlError) as caught:
        fact(f"keys: {{a: *{SECRETS[0]}}}")
    assert SECRETS[0][:8] not in str(caught.value)


PARTS = [
    "port", "rtc", "turn", "keys", "node_ip", "turn_servers", "host", "enabled", "<<", "redis",
    "address", "webhook", "urls", "key_file", "room", "room_configurations", "x", "", "~", "1",
]  # fmt: skip

trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(PARTS)
    | st.text("ab:,- ", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(PARTS), trees, max_size=5))
def test_any_mapping_becomes_a_fact_that_survives_json(tree: dict[str, object]) -> None:
    read = fact(json.dumps(tree), APP)
    facts = Facts(server_config=read)
    assert facts_from_json(json.loads(json.dumps(facts_to_json(facts)))) == facts
    for entry in read.entries:
        read.number(entry.path)
        read.yes(entry.path)
        addresses(entry.text)


def test_the_sample_that_comes_with_the_server(tmp_path: Path) -> None:
    """Its settings, those in comments included where they name none twice."""
    sample = (Path(__file__).parent / "livekit-sample.yaml").read_text(encoding="utf-8")
    (tmp_path / "livekit.yaml").write_text(sample)
    found = load("livekit.yaml", Resolution(Target()), environ={}, directory=tmp_path)
    assert found is not None
    assert [f for f in server_config_fact(found, Target()).flaws if EVERY[-1] in f.versions] == []
