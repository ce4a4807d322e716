"""The known keys, and the right one near a wrong one."""

import pytest
from servers import VERSIONS

from lkdoctor.config.server_schema import nearest, schema
from lkdoctor.config.server_yaml import WANTED


def test_every_recorded_version_is_there() -> None:
    assert schema().versions == tuple(reversed(VERSIONS))
    for version in schema().versions:
        assert schema().kinds("rtc.turn_servers[].host")[version] == "string"
        assert schema().kinds("keys.*")[version] == "string"


def test_every_kind_has_words() -> None:
    kinds = {kind for by_version in schema().keys.values() for kind in by_version.values()}
    assert kinds - set(WANTED) <= {"any"}


def test_a_key_of_some_versions() -> None:
    assert set(schema().kinds("debug_handler.port")) == {"1.13.5"}
    assert set(schema().kinds("environment")) == {"1.5.0"}
    assert schema().kinds("nope") == {}


@pytest.mark.parametrize(
    ("parent", "name", "expected"),
    [
        ("turn", "host", "rtc.turn_servers"),
        ("turn", "username", "rtc.turn_servers"),
        ("turn", "enable", "turn.enabled"),
        ("turn", "tlsPort", "turn.tls_port"),
        ("rtc", "use-external-ip", "rtc.use_external_ip"),
        ("rtc", "useExternalIP", "rtc.use_external_ip"),
        ("", "node_ip", "rtc.node_ip"),
        ("", "udp_port", "rtc.udp_port"),
        ("", "Port", "port"),
        ("", "webhooks", "webhook"),
        ("webhook", "url", "webhook.urls"),
        ("rtc", "nothing_like_it", None),
        ("", "", None),
    ],
)
def test_the_nearest_key(parent: str, name: str, expected: str | None) -> None:
    assert nearest(parent, name) == expected
