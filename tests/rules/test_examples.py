"""Every cause's examples, judged as a run judges them; and facts that nobody has thought of."""

import types
import typing
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from examples.healthy import answer, healthy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judged import LAYERS, RUN, broken, report, status

import examples
from lkdoctor import catalogue
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.codec import facts_from_json, facts_to_json
from lkdoctor.facts.network import Family, NetworkFact, Resolved, TcpConnected
from lkdoctor.facts.server import ServerFact
from lkdoctor.facts.server_config import ServerConfigFact
from lkdoctor.facts.signal import SignalFact
from lkdoctor.facts.tls import TlsFact
from lkdoctor.facts.token import TokenFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Finding, Severity
from lkdoctor.report.model import Report, TargetInfo
from lkdoctor.rules.base import Rule

RULES = tuple(catalogue.rules())
OWN = tuple(catalogue.rules(LAYERS))

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def judged(facts: Facts) -> Report:
    return fold(facts, run=RUN, target=TargetInfo())


def grave(findings: tuple[Finding, ...]) -> list[str]:
    return [f.code for f in findings if f.severity is not Severity.INFO]


@every_rule
def test_the_sick_example_s_cause_stands_first(rule: Rule) -> None:
    assert judged(examples.sick(rule.code)).findings[0].code == rule.code


@every_rule
def test_the_healthy_example_has_nothing_grave(rule: Rule) -> None:
    assert grave(judged(examples.near(rule.code)).findings) == []


@every_rule
def test_a_saved_example_is_judged_alike(rule: Rule) -> None:
    """Facts go to JSON and back without losing what decides."""
    facts = examples.sick(rule.code)
    again = facts_from_json(facts_to_json(facts))
    assert again == facts
    assert judged(again).findings == judged(facts).findings


@pytest.mark.parametrize("rule", OWN, ids=lambda rule: rule.code)
def test_the_check_that_a_cause_belongs_to_says_so(rule: Rule) -> None:
    """A check with a grave finding is never shown as passed."""
    (finding, *_) = [f for f in rule.findings(examples.sick(rule.code)) if f.code == rule.code]
    expected = "fail" if finding.severity is Severity.ERROR else "warn"
    if finding.severity is not Severity.INFO:
        assert status(examples.sick(rule.code), rule.words.check or "")[0] == expected


LOCAL = ParsedUrl(
    scheme="ws",
    host="localhost",
    port=7880,
    explicit_port=True,
    path="",
    query=False,
    userinfo=False,
    host_kind=HostKind.LOOPBACK,
)


def local_dev() -> Facts:
    """``livekit-server --dev`` on this machine: no TLS, no DNS, no Server header."""
    return healthy()._replace(
        url=UrlFact("ws://localhost:7880", ".env:1", LOCAL),
        network=NetworkFact(
            "localhost",
            7880,
            Family.ANY,
            Resolved(("127.0.0.1",), 0.2),
            (TcpConnected("127.0.0.1", 7880, 0.1),),
        ),
        tls=None,
    )


def cloud() -> Facts:
    """LiveKit Cloud: a load balancer's header, an edition and a region in the join."""
    facts = broken("server", root=answer(200, "OK", server="LiveKit-Edge", via="1.1 google"))
    signal = facts.signal
    assert signal is not None
    first = signal.first
    assert first is not None
    joined = first._replace(edition="Cloud", region="eu-central")  # type: ignore[call-arg]  # healthy() has joined
    url = LOCAL._replace(
        scheme="wss",
        host="demo-x4k2.livekit.cloud",
        port=443,
        explicit_port=False,
        host_kind=HostKind.CLOUD,
    )
    return facts._replace(
        url=UrlFact("wss://demo-x4k2.livekit.cloud", ".env:1", url),
        signal=signal._replace(first=joined),
    )


def under_a_prefix() -> Facts:
    """Self-hosted behind a path, the host's own site at ``/``."""
    facts = healthy()
    assert facts.signal is not None
    assert facts.url is not None
    prefix = "/livekit/sfu"
    return facts._replace(
        url=facts.url._replace(
            raw=f"wss://rtc.example.com{prefix}",
            result=LOCAL._replace(
                scheme="wss",
                host="rtc.example.com",
                port=443,
                path=prefix,
                host_kind=HostKind.PUBLIC,
            ),
        ),
        server=ServerFact(answer(404, "<html>nothing</html>", content_type="text/html")),
        signal=facts.signal._replace(
            validations=tuple(
                v._replace(path=f"{prefix}{v.path}") for v in facts.signal.validations
            ),
            upgrades=tuple(u._replace(path=f"{prefix}{u.path}") for u in facts.signal.upgrades),
        ),
    )


def six_only() -> Facts:
    network = healthy().network
    assert network is not None
    return healthy()._replace(
        network=network._replace(
            dns=Resolved(("2001:db8::10",), 12.0), tcp=(TcpConnected("2001:db8::10", 443, 24.0),)
        )
    )


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(healthy(), id="self-hosted behind TLS"),
        pytest.param(local_dev(), id="a dev server on loopback"),
        pytest.param(cloud(), id="LiveKit Cloud"),
        pytest.param(under_a_prefix(), id="behind a path"),
        pytest.param(six_only(), id="IPv6 only"),
        pytest.param(healthy()._replace(api=None), id="without a key"),
        pytest.param(healthy()._replace(signal=None), id="API only"),
        pytest.param(healthy()._replace(clock=ClockFact(1_790_000_000.0)), id="no Date header"),
        pytest.param(healthy()._replace(server=None), id="without GET /"),
        pytest.param(Facts(), id="nothing was looked at"),
    ],
)
def test_no_false_alarm(facts: Facts) -> None:
    assert report(facts).findings == ()
    assert not [c for c in report(facts).checks if c.essential and c.status in {"fail", "unknown"}]


# Whatever may be observed: no rule breaks, every finding is fit to be shown.

WORDS = (
    "",
    "OK",
    "success",
    "Not Ready",
    "no permissions to access the room",
    "requested room does not exist",
    "connection closed by media",
    "invalid API key: x",
    "invalid token: <token>, error: token is expired",
    "404 page not found",
    "<!doctype html><title>x</title>",
    "https://www.example.com/rtc/validate",
    "location",
    "server",
    "demo",
    "unauthenticated",
    "not_found",
    "bad_route",
    "JOIN_FAILURE",
    "::1",
    "/rtc",
    "/rtc/v1",
    "true",
    "443",
    "127.0.0.1",
    "10.0.0.5",
    "port",
    "rtc.node_ip",
    "turn.enabled",
    "turn.tls_port",
    "turn.domain",
    "1.13.5",
)

texts = st.sampled_from(WORDS) | st.text(max_size=12)
numbers = st.sampled_from([0, 1, 101, 200, 301, 401, 404, 406, 429, 500, 502])
reals = st.sampled_from([0.0, -1.0, 88.0, 5000.0, 120_000.0, 1.79e9, 4e10, 1e12])


@cache
def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Every value of a fact's type."""
    plain = {str: texts, int: numbers, float: reals, bool: st.booleans(), type(None): st.none()}
    origin = get_origin(kind)
    if kind in plain:
        return plain[kind]
    if origin in {Union, types.UnionType}:
        return st.one_of([any_of(option) for option in get_args(kind)])
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    if origin is tuple:
        items = get_args(kind)
        if len(items) == 2 and items[1] is Ellipsis:
            return st.lists(any_of(items[0]), max_size=2).map(tuple)
        return st.tuples(*(any_of(item) for item in items))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return record(kind)


@cache
def record(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.deferred(lambda: st.builds(kind, **{n: any_of(hints[n]) for n in kind._fields}))


observed = st.builds(
    Facts,
    url=st.none() | record(UrlFact),
    network=st.none() | record(NetworkFact),
    tls=st.none() | record(TlsFact),
    clock=st.none() | record(ClockFact),
    token=st.none() | record(TokenFact),
    signal=st.none() | record(SignalFact),
    server=st.none() | record(ServerFact),
    api=st.none() | record(ApiFact),
    server_config=st.none() | record(ServerConfigFact),
)


@given(facts=observed)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_whatever_is_observed_can_be_judged(facts: Facts) -> None:
    codes = {rule.code for rule in OWN}
    for rule in OWN:
        for finding in rule.findings(facts):
            assert finding.evidence
            assert finding.fix
            assert len(finding.title) <= 60
            for item in finding.evidence:
                assert "\n" not in f"{item.label}{item.observed}{item.expected}"
                assert len(item.observed) <= 400
    for check in catalogue.checks(LAYERS):
        seen = check.see(facts)
        line = getattr(seen, "summary", seen)
        assert line is None or len(line) <= 60
    assert set(grave(report(facts).findings)) <= codes
