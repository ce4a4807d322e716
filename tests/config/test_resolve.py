"""What a name means, and which proxy would be used."""

import pytest

from lkdoctor.config.resolve import (
    NAMES,
    PUBLIC_PREFIXES,
    Meaning,
    Name,
    name_of,
    proxy_for,
)
from lkdoctor.config.target import Setting, Target, need_key_pair, need_url
from lkdoctor.errors import UsageError


@pytest.mark.parametrize("variable", NAMES)
@pytest.mark.parametrize("prefix", ["", *PUBLIC_PREFIXES])
def test_the_right_names(variable: str, prefix: str) -> None:
    assert name_of(prefix + variable) == Name(NAMES[variable], prefix)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LIVEKIT_SECRET", "LIVEKIT_API_SECRET"),
        ("LIVEKIT_API_SECRET_KEY", "LIVEKIT_API_SECRET"),
        ("LIVEKIT_APISECRET", "LIVEKIT_API_SECRET"),
        ("LK_API_KEY", "LIVEKIT_API_KEY"),
        ("LK_URL", "LIVEKIT_URL"),
        ("LIVEKIT_HOST", "LIVEKIT_URL"),
        ("LIVE_KIT_URL", "LIVEKIT_URL"),
        ("LIVEKIT_API_KYE", "LIVEKIT_API_KEY"),
        ("LIVKIT_URL", "LIVEKIT_URL"),
        ("LIVEKIT_WSURL", "LIVEKIT_WS_URL"),
        ("livekit_api_key", "LIVEKIT_API_KEY"),
        ("LIVEKIT_TOKN", "LIVEKIT_TOKEN"),
        ("VITE_LIVEKIT_SECRET", "VITE_LIVEKIT_API_SECRET"),
        ("LIVEKIT_API_KEY\u200b", "LIVEKIT_API_KEY"),
    ],
)
def test_a_name_that_resembles_one(variable: str, meant: str) -> None:
    name = name_of(variable)
    assert name is not None
    assert name.typo_of == meant


@pytest.mark.parametrize(
    "variable",
    [
        "PATH", "LANG", "LINES", "LIVEKIT_KEYS", "LIVEKIT_CONFIG", "LIVEKIT_RTC_NODE_IP", "DATABASE_URL",
        "API_KEY", "LICENSE_URL", "OPENAI_API_KEY", "LIVEKIT_AGENT_NAME", "LK_", "NEXT_PUBLIC_API_URL", "",
    ],
)  # fmt: skip
def test_a_name_that_has_nothing_to_do_with_it(variable: str) -> None:
    assert name_of(variable) is None


@pytest.mark.parametrize(
    ("variables", "host", "secure", "expected"),
    [
        pytest.param({}, "a.example", True, None, id="none"),
        pytest.param({"https_proxy": "p"}, "a.example", True, "https_proxy", id="scheme's own"),
        pytest.param({"HTTPS_PROXY": "p"}, "a.example", False, None, id="other scheme's"),
        pytest.param({"ALL_PROXY": "p"}, "a.example", True, "ALL_PROXY", id="all"),
        pytest.param(
            {"HTTPS_PROXY": "p", "NO_PROXY": "example"}, "a.example", True, None, id="exempt"
        ),
        pytest.param(
            {"HTTPS_PROXY": "p", "NO_PROXY": "x, .example"},
            "a.example",
            True,
            None,
            id="with a dot",
        ),
        pytest.param(
            {"HTTPS_PROXY": "p", "NO_PROXY": "le"},
            "a.example",
            True,
            "HTTPS_PROXY",
            id="half a label",
        ),
        pytest.param(
            {"HTTPS_PROXY": "p", "NO_PROXY": "*"}, "a.example", True, None, id="everything"
        ),
        pytest.param({"HTTPS_PROXY": " "}, "a.example", True, None, id="blank"),
        pytest.param({"HTTPS_PROXY": "p"}, "localhost", True, None, id="this machine, by name"),
        pytest.param({"ALL_PROXY": "p"}, "127.0.0.1", False, None, id="this machine, IPv4"),
        pytest.param({"ALL_PROXY": "p"}, "::1", False, None, id="this machine, IPv6"),
        pytest.param(
            {"HTTP_PROXY": "p", "NO_PROXY": "192.0.2.7"}, "192.0.2.7", False, None, id="an address"
        ),
        pytest.param(
            {"HTTP_PROXY": "p", "NO_PROXY": "192.0.2.7:7880"},
            "192.0.2.7",
            False,
            None,
            id="an address with a port",
        ),
        pytest.param(
            {"HTTP_PROXY": "p", "NO_PROXY": "192.0.2.0/24"},
            "192.0.2.7",
            False,
            None,
            id="a network",
        ),
        pytest.param(
            {"HTTP_PROXY": "p", "NO_PROXY": "2001:db8::/32"},
            "2001:db8::7",
            False,
            None,
            id="a network of IPv6",
        ),
        pytest.param(
            {"HTTP_PROXY": "p", "NO_PROXY": "198.51.100.0/24 x.example"},
            "192.0.2.7",
            False,
            "HTTP_PROXY",
            id="another network",
        ),
    ],
)
def test_the_proxy_that_clients_would_use(
    variables: dict[str, str], host: str, *, secure: bool, expected: str | None
) -> None:
    proxies = [Setting(value, name) for name, value in variables.items()]
    found = proxy_for(proxies, host, secure=secure)
    assert (found and found.origin) == expected


def test_what_a_command_needs_is_asked_for() -> None:
    with pytest.raises(UsageError, match="no LiveKit URL is known") as no_url:
        need_url(Target())
    assert [line.split("   ")[0] for line in no_url.value.advice] == [
        "--url wss://YOUR-PROJECT.livekit.cloud",
        "LIVEKIT_URL=wss://…",
        "--dev",
    ]
    with pytest.raises(UsageError, match="no API secret is known"):
        need_key_pair(Target(api_key=Setting("k", "environment")))
    with pytest.raises(UsageError, match="no API key and no API secret is known"):
        need_key_pair(Target())
    assert {m.value for m in Meaning} == {"url", "api_key", "api_secret", "token"}
