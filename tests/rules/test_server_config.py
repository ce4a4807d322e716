"""A server's configuration: what keeps it from starting, and what keeps clients out."""

import pytest
from examples.healthy import healthy
from examples.server_config import FINE, example
from judged import causes, report, status, the_finding

from lkdoctor.config.server_schema import schema
from lkdoctor.facts import Facts
from lkdoctor.facts.app import AppFact, ServerImage
from lkdoctor.facts.network import Family, NetworkFact, Resolved, TcpConnected, TcpRefused
from lkdoctor.facts.server_config import (
    Flaw,
    FlawKind,
    KeysFlaw,
    KeysProblem,
    ServerConfigFact,
    ServerKey,
    ServerVariable,
    TurnServer,
)
from lkdoctor.facts.signal import Joined
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Severity
from lkdoctor.rules.server_config import CHECKS

EVERY = schema().versions
KEY = ServerKey("APIxk…7Qm", 43, "livekit.yaml:7", ours=True, same_secret=True)
BARE = FINE._replace(entries=())
TURN = {
    "turn__enabled": "true",
    "turn__domain": "turn.example.com",
    "turn__tls_port": "443",
    "turn__cert_file": "c.pem",
    "turn__key_file": "k.pem",
}


def before_the_server(facts: Facts) -> Facts:
    """Nothing was dialled."""
    return facts._replace(network=None, tls=None, signal=None, server=None, api=None, clock=None)


def at(facts: Facts, url: str, kind: HostKind, *, port: int = 7880) -> Facts:
    scheme, _, host = url.partition("://")
    parsed = ParsedUrl(
        scheme=scheme,
        host=host,
        port=port,
        explicit_port=True,
        path="",
        query=False,
        userinfo=False,
        host_kind=kind,
    )
    return before_the_server(facts)._replace(env=None, url=UrlFact(url, ".env:1", parsed))


def running(facts: Facts, version: str) -> Facts:
    """The version that was joined."""
    assert facts.signal is not None
    assert isinstance(facts.signal.first, Joined)
    first = facts.signal.first._replace(server_version=version)
    return facts._replace(signal=facts.signal._replace(first=first))


def with_fact(fact: ServerConfigFact = FINE, **changes: object) -> Facts:
    return example(fact._replace(**changes))  # type: ignore[arg-type]  # any of its fields


def unknown(path: str, near: str = "", versions: tuple[str, ...] = EVERY) -> Flaw:
    return Flaw(FlawKind.UNKNOWN, path, "livekit.yaml:9", "", near, versions)


def variable(name: str, text: str) -> ServerVariable:
    return ServerVariable(name, ".env:3", text)


LOOPBACK = {"rtc__node_ip": "127.0.0.1"}
PRIVATE = {"rtc__node_ip": "10.0.0.5"}

# What is broken, and its near miss.
ROWS: list[tuple[str, Facts, Facts]] = [
    (
        "env-config-strict",
        with_fact(flaws=(unknown("turn.host", "rtc.turn_servers"),)),
        with_fact(flaws=(unknown("prometheus", versions=EVERY[:1]),)),
    ),
    (
        "env-config-strict",
        running(with_fact(flaws=(unknown("debug_handler", versions=EVERY[:-1]),)), "1.12.0"),
        running(with_fact(flaws=(unknown("debug_handler", versions=EVERY[:-1]),)), "1.14.0"),
    ),
    (
        "env-config-strict",
        with_fact(
            flaws=(
                Flaw(FlawKind.WRONG_TYPE, "port", "x:1", "a whole number, not a text", "", EVERY),
            )
        ),
        example(),
    ),
    (
        "env-config-strict",
        with_fact(flaws=(Flaw(FlawKind.TWICE, "port", "x:2", "line 1", "", EVERY),)),
        example(),
    ),
    (
        "env-server-keys-format",
        before_the_server(with_fact(keys=())),
        before_the_server(with_fact(keys=(), key_file="/etc/keys.yaml")),
    ),
    (
        "env-server-keys-format",
        with_fact(webhook_urls=1, webhook_key="k"),
        with_fact(webhook_urls=1, webhook_key="k", webhook_key_known=True),
    ),
    (
        "env-server-keys-format",
        with_fact(keys_problems=(KeysProblem(KeysFlaw.READABLE_BY_OTHERS, "keys.yaml", "644"),)),
        with_fact(key_file="keys.yaml", key_file_read=True),
    ),
    (
        "config-secret-short",
        with_fact(keys=(KEY._replace(secret_length=31),)),
        with_fact(keys=(KEY._replace(secret_length=32),)),
    ),
    (
        "config-key-unknown",
        before_the_server(with_fact(keys=(KEY._replace(ours=False),))),
        before_the_server(with_fact(keys=(KEY._replace(ours=False), KEY))),
    ),
    (
        "config-secret-differs",
        before_the_server(with_fact(keys=(KEY._replace(same_secret=False),))),
        before_the_server(with_fact(keys=(KEY._replace(same_secret=None),))),
    ),
    ("config-port-invalid", example(rtc__tcp_port="65536"), example(rtc__tcp_port="65535")),
    (
        "config-port-invalid",
        example(BARE, rtc__port_range_start="60000", rtc__port_range_end="50000"),
        example(BARE, rtc__port_range_start="50000", rtc__port_range_end="60000"),
    ),
    (
        "config-port-invalid",
        example(turn__enabled="true"),
        example(turn__enabled="true", turn__udp_port="3478"),
    ),
    (
        "config-port-invalid",
        example(
            turn__enabled="true",
            turn__udp_port="3478",
            turn__relay_range_start="40000",
            turn__relay_range_end="30000",
        ),
        example(turn__relay_range_start="40000", turn__relay_range_end="30000"),
    ),
    ("config-port-clash", example(rtc__tcp_port="7880"), example(rtc__udp_port="7880")),
    ("config-port-clash", example(prometheus_port="7881"), example(prometheus_port="6789")),
    (
        "turn-port-conflict",
        example(rtc__udp_port="7882-7890", turn__enabled="true", turn__udp_port="7885"),
        example(rtc__udp_port="7882-7890", turn__enabled="true", turn__udp_port="3478"),
    ),
    (
        "turn-port-conflict",
        example(FINE, **{**TURN, "turn__tls_port": "443", "prometheus_port": "443"}),
        example(prometheus_port="443"),
    ),
    (
        "turn-port-conflict",
        example(
            BARE,
            rtc__port_range_start="35000",
            rtc__port_range_end="45000",
            turn__enabled="true",
            turn__udp_port="3478",
        ),
        example(
            BARE,
            rtc__port_range_start="50000",
            rtc__port_range_end="60000",
            turn__enabled="true",
            turn__udp_port="3478",
        ),
    ),
    (
        "config-udp-ignored",
        example(rtc__port_range_start="50000", rtc__port_range_end="60000"),
        example(rtc__port_range_start="50000"),
    ),
    ("config-udp-ignored", example(BARE, rtc__port_range_start="50000"), example(BARE)),
    (
        "config-port-differs",
        at(example(port="7890"), "ws://127.0.0.1", HostKind.LOOPBACK),
        at(example(port="7890"), "wss://127.0.0.1", HostKind.LOOPBACK, port=443),
    ),
    (
        "config-bind-loopback",
        at(example(bind_addresses_LIST="127.0.0.1"), "ws://livekit", HostKind.SINGLE_LABEL),
        at(example(bind_addresses_LIST="0.0.0.0"), "ws://livekit", HostKind.SINGLE_LABEL),
    ),
    (
        "config-bind-loopback",
        at(
            with_fact(keys=(), entries=example(development="true").server_config.entries),  # type: ignore[union-attr]  # example() has one
            "ws://livekit",
            HostKind.SINGLE_LABEL,
        ),
        at(example(development="true"), "ws://livekit", HostKind.SINGLE_LABEL),
    ),
    (
        "ice-loopback-node-ip",
        example(FINE, **LOOPBACK),
        at(example(FINE, **LOOPBACK), "ws://localhost", HostKind.LOOPBACK),
    ),
    (
        "ice-loopback-node-ip",
        with_fact(variables=(variable("NODE_IP", "127.0.0.1"),)),
        with_fact(variables=(variable("NODE_IP", "203.0.113.9"),)),
    ),
    ("ice-private-candidates", example(FINE, **PRIVATE), example(rtc__node_ip="203.0.113.9")),
    (
        "ice-external-ip-discovery",
        example(rtc__use_external_ip="true"),
        running(example(rtc__use_external_ip="true"), "1.5.0"),
    ),
    (
        "env-server-var-ignored",
        with_fact(BARE, variables=(variable("LIVEKIT_RTC_NODE_IP", "203.0.113.9"),)),
        running(
            with_fact(BARE, variables=(variable("LIVEKIT_RTC_NODE_IP", "203.0.113.9"),)), "1.9.12"
        ),
    ),
    (
        "env-server-var-ignored",
        with_fact(BARE, variables=(variable("LIVEKIT_RTC_UDP_PORT", "7882"),)),
        with_fact(variables=(variable("LIVEKIT_RTC_UDP_PORT", "7882"),)),
    ),
    (
        "config-redis-missing",
        with_fact(sections=("sip",)),
        with_fact(sections=("sip",), variables=(variable("REDIS_HOST", "r:6379"),)),
    ),
    (
        "turn-tls-443-hardcoded",
        example(FINE, **{**TURN, "turn__tls_port": "5349"}),
        example(
            FINE,
            **{
                **TURN,
                "turn__tls_port": "5349",
                "turn__external_tls": "true",
                "turn__cert_file": "",
            },
        ),
    ),
    (
        "turn-tls-443-hardcoded",
        example(FINE, **{**TURN, "turn__domain": "rtc.example.com"}),
        example(FINE, **TURN),
    ),
    (
        "turn-external-tls",
        example(FINE, **TURN, turn__external_tls="true"),
        example(FINE, **{**TURN, "turn__cert_file": ""}, turn__external_tls="true"),
    ),
    (
        "turn-domain-cert",
        example(FINE, **{**TURN, "turn__domain": "turn"}),
        example(FINE, **{**TURN, "turn__domain": "turn.a."}),
    ),
    (
        "turn-domain-cert",
        example(FINE, **{**TURN, "turn__key_file": ""}),
        example(
            FINE._replace(variables=(variable("LIVEKIT_TURN_KEY", "k.pem"),)),
            **{**TURN, "turn__key_file": ""},
        ),
    ),
    (
        "turn-private-peer-denied",
        at(example(FINE, **TURN, **PRIVATE), "ws://10.0.0.5", HostKind.PRIVATE),
        running(example(FINE, **TURN, **PRIVATE), "1.11.0")._replace(url=None, env=None),
    ),
    (
        "turn-credentials",
        with_fact(turn_servers=(TurnServer("x:1", "a", username=True),)),
        with_fact(turn_servers=(TurnServer("x:1", "a", username=True, credential=True),)),
    ),
]


@pytest.mark.parametrize(
    ("code", "sick", "near"), ROWS, ids=[f"{n}-{row[0]}" for n, row in enumerate(ROWS)]
)
def test_a_cause_and_its_near_miss(code: str, sick: Facts, near: Facts) -> None:
    assert causes(sick) == [code]
    assert causes(near) == []


def test_a_healthy_configuration_raises_nothing() -> None:
    told = report(example())
    assert told.findings == ()
    states = {c.id: (str(c.status), c.summary) for c in told.checks if "config" in c.id}
    assert states == {
        "server.config.strict": ("pass", "livekit.yaml: every key is known"),
        "server.config.keys": ("pass", "1 API key"),
        "server.config.ports": ("pass", "TCP 7880, 7881; UDP 7882"),
        "server.config.media": ("pass", "media at 203.0.113.10"),
        "server.config.turn": ("pass", "no TURN"),
    }


def test_without_a_configuration_the_questions_do_not_arise() -> None:
    assert not [c for c in report(healthy()).checks if c.id in {check.id for check in CHECKS}]


def test_variables_alone_are_asked_about_keys_and_media() -> None:
    fact = ServerConfigFact("", keys=(KEY,), variables=(variable("NODE_IP", "203.0.113.9"),))
    ids = {c.id for c in report(example(fact)).checks if "config" in c.id}
    assert ids == {"server.config.keys", "server.config.media"}


NEAR = unknown("rtc.use_externl_ip", "rtc.use_external_ip")
ALIEN = unknown("some_new_thing")
NEWER = unknown("rtc.enable_warp")
IMAGE = "docker-compose.yml:4"


def with_image(facts: Facts, *versions: str) -> Facts:
    images = tuple(ServerImage(IMAGE, version) for version in versions)
    return facts._replace(app=AppFact(".", server_images=images))


@pytest.mark.parametrize(
    ("flaw", "facts", "expected"),
    [
        pytest.param(NEAR, "1.13.5", ("error", "certain"), id="this server was asked"),
        pytest.param(NEWER, "1.13.5", ("error", "certain"), id="and is older than the key"),
        pytest.param(ALIEN, "1.12.3", ("error", "certain"), id="between two that refuse it"),
        pytest.param(NEAR, "", ("error", "likely"), id="a slip, and no version"),
        pytest.param(ALIEN, "", ("error", "likely"), id="like none, and no version"),
        pytest.param(NEWER, "", ("warning", "hint"), id="newer, and no version"),
        pytest.param(NEAR, "1.13.11", ("error", "likely"), id="a slip, and a newer server"),
        pytest.param(ALIEN, "1.13.11", ("warning", "hint"), id="like none, and a newer server"),
        pytest.param(NEWER, "1.14.0", ("warning", "hint"), id="newer, and so is the server"),
        pytest.param(ALIEN, "0.9.0", ("warning", "hint"), id="a server older than all on record"),
    ],
)
def test_an_unknown_key_is_certain_only_for_a_version_on_record(
    flaw: Flaw, facts: str, expected: tuple[str, str]
) -> None:
    written = with_fact(flaws=(flaw,))
    asked = running(written, facts) if facts else before_the_server(written)
    finding = the_finding(asked)
    assert (finding.code, finding.severity, finding.confidence) == ("env-config-strict", *expected)
    known = expected[1] == "certain"
    assert (finding.title == f"The server does not know the key {flaw.path}") is known
    assert ("The server that answers runs" in finding.cause) is known


def test_a_compose_file_names_the_version() -> None:
    written = before_the_server(with_fact(flaws=(ALIEN,)))
    finding = the_finding(with_image(written, "1.9.12", "1.9.12"))
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CERTAIN)
    assert (finding.evidence[-1].label, finding.evidence[-1].observed) == (
        f"livekit-server's image ({IMAGE})",
        "1.9.12",
    )
    assert "runs" not in finding.cause
    two = the_finding(with_image(written, "1.9.12", "1.13.5"))
    assert two.confidence is Confidence.LIKELY
    assert "a newer server may" in two.cause


def test_a_chart_lets_unknown_keys_pass() -> None:
    finding = the_finding(with_fact(flaws=(NEAR,), chart=True))
    assert finding.title == "The server passes over the key rtc.use_externl_ip"
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    wrong = Flaw(FlawKind.WRONG_TYPE, "port", "x:1", "a whole number, not a text", "", EVERY)
    assert the_finding(with_fact(flaws=(wrong,), chart=True)).severity is Severity.ERROR


def test_a_chart_brings_turn_s_certificate_port_and_perhaps_the_keys() -> None:
    inside = {"turn__enabled": "true", "turn__domain": "turn.example.com", "turn__tls_port": "5349"}
    assert causes(before_the_server(example(FINE._replace(chart=True), **inside))) == []
    bare = before_the_server(example(FINE, **inside))
    assert set(causes(bare)) == {"turn-domain-cert", "turn-tls-443-hardcoded"}
    finding = the_finding(before_the_server(with_fact(keys=(), chart=True)))
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.HINT)


def test_what_a_server_on_record_would_say_is_likely_until_its_version_is_known() -> None:
    flaws = (unknown("environment", versions=EVERY[1:]),)
    without = before_the_server(with_fact(flaws=flaws))
    assert the_finding(without).confidence is Confidence.LIKELY
    assert the_finding(with_fact(flaws=flaws)).confidence is Confidence.CERTAIN
    assert causes(running(with_fact(flaws=flaws), "1.5.3")) == []


def test_coturn_s_settings_are_shown_where_they_belong() -> None:
    finding = the_finding(with_fact(flaws=(unknown("turn.host", "rtc.turn_servers"),)))
    assert finding.title == "The server does not know the key turn.host"
    assert finding.location == "livekit.yaml:9"
    assert finding.fix[0].snippet is not None
    assert finding.fix[0].snippet.body.startswith("rtc:\n  turn_servers:")


def test_a_key_that_is_not_indented_is_told_so() -> None:
    finding = the_finding(before_the_server(with_fact(keys=(), flaws=(unknown("APIa…b", "keys"),))))
    assert finding.code == "env-config-strict"
    assert finding.fix[0].text.startswith("Indent APIa…b")


def test_a_server_that_takes_the_key_was_started_with_something_else() -> None:
    """Its own word weighs more than a file."""
    assert causes(with_fact(keys=(KEY._replace(ours=False),))) == []
    assert causes(with_fact(keys=(KEY._replace(same_secret=False),))) == []


def test_cloud_has_no_file() -> None:
    cloud = at(with_fact(keys=(KEY._replace(ours=False),)), "wss://a.livekit.cloud", HostKind.CLOUD)
    assert causes(cloud) == []


def test_a_key_without_a_secret_is_an_error() -> None:
    finding = the_finding(with_fact(keys=(KEY._replace(secret_length=0),)))
    assert (finding.severity, finding.title) == (Severity.ERROR, "The key APIxk…7Qm has no secret")


@pytest.mark.parametrize(
    ("what", "title"),
    [
        (KeysFlaw.NO_BLANK, "LIVEKIT_KEYS lacks the blank after the colon"),
        (KeysFlaw.NOT_TEXT, "LIVEKIT_KEYS drops a secret that is no text"),
        (KeysFlaw.NOT_YAML, "The server's keys are not YAML"),
        (KeysFlaw.NOT_A_MAPPING, "The server's keys are no mapping"),
        (KeysFlaw.READABLE_BY_OTHERS, "Others may read the server's key file"),
    ],
)
def test_keys_that_cannot_be_used(what: KeysFlaw, title: str) -> None:
    facts = with_fact(keys=(), keys_problems=(KeysProblem(what, "LIVEKIT_KEYS (.env:1)", "x"),))
    assert the_finding(before_the_server(facts)).title == title


def tcp(*attempts: TcpConnected | TcpRefused) -> NetworkFact:
    return NetworkFact("127.0.0.1", 7880, Family.ANY, Resolved(("127.0.0.1",), 0.0), attempts)


def test_another_port_weighs_once_the_url_s_is_refused() -> None:
    facts = at(example(port="7890"), "ws://127.0.0.1", HostKind.LOOPBACK)
    assert (the_finding(facts).severity, the_finding(facts).confidence) == (
        Severity.WARNING,
        Confidence.HINT,
    )
    refused = facts._replace(network=tcp(TcpRefused("127.0.0.1", 7880, 0.1)))
    assert causes(refused) == ["tcp-refused", "config-port-differs"]
    assert causes(facts._replace(network=tcp(TcpConnected("127.0.0.1", 7880, 0.1)))) == []


def test_a_loopback_server_is_certain_once_another_host_is_refused() -> None:
    facts = at(example(bind_addresses_LIST="::1"), "ws://livekit", HostKind.SINGLE_LABEL)
    assert the_finding(facts).confidence is Confidence.LIKELY
    refused = facts._replace(network=tcp(TcpRefused("127.0.0.1", 7880, 0.1)))
    assert the_finding(refused).code == "config-bind-loopback"
    assert the_finding(refused).confidence is Confidence.CERTAIN
    assert the_finding(refused).consequences == ("tcp-refused",)
    assert causes(facts._replace(network=tcp(TcpConnected("127.0.0.1", 7880, 0.1)))) == []


def test_a_name_that_leads_into_the_private_network_may_have_a_private_address() -> None:
    facts = example(FINE, **PRIVATE)
    assert facts.network is not None
    inside = facts.network._replace(dns=Resolved(("10.0.0.5",), 1.0))
    assert causes(facts._replace(network=inside)) == []


def test_without_a_url_a_loopback_address_is_a_warning() -> None:
    facts = before_the_server(example(FINE, **LOOPBACK))._replace(url=None, env=None)
    assert (the_finding(facts).severity, the_finding(facts).confidence) == (
        Severity.WARNING,
        Confidence.LIKELY,
    )


def test_a_check_says_what_is_wrong_in_it() -> None:
    assert status(example(rtc__tcp_port="7880"), "server.config.ports") == (
        "fail",
        "port and rtc.tcp_port are the same port",
    )
    assert status(example(FINE, **TURN), "server.config.turn") == (
        "pass",
        "LiveKit's own TURN server",
    )
    one = with_fact(turn_servers=(TurnServer("x:1", "a", secret=True),))
    assert status(one, "server.config.turn") == ("pass", "1 TURN server of one's own")
    away = with_fact(keys=(), key_file="/etc/keys.yaml")
    assert status(away, "server.config.keys") == ("pass", "keys are in a file that is not here")
    asked = example(BARE, rtc__use_external_ip="true")
    assert status(asked, "server.config.media") == (
        "pass",
        "the address of media is asked of a STUN server",
    )
