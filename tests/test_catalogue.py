"""Every cause is complete, found by its own example, and found alone."""

import importlib
import itertools
import re
import typing
from pathlib import Path
from types import FunctionType
from typing import cast

import pytest
from examples.healthy import healthy

import examples
from lkdoctor import catalogue
from lkdoctor.facts import Facts
from lkdoctor.facts.codec import fact_type
from lkdoctor.findings import Layer
from lkdoctor.report.layout import cells
from lkdoctor.rules.base import Check, Rule
from lkdoctor.sandbox import Fault

RULES = tuple(catalogue.rules())
CHECKS = tuple(catalogue.checks())
CHECK_IDS = {check.id for check in CHECKS}

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)

REQUIRED = """
    env-missing env-placeholder env-value-dirty env-key-secret-swapped env-secret-altered
    env-project-mismatch env-cloud-key-on-local-server env-file-precedence
    env-secret-public-prefix env-internal-vs-public-url
    url-invalid-hang url-no-scheme url-tls-mismatch url-wrong-port url-path url-redirect
    url-not-livekit
    dns-nxdomain tcp-refused tcp-timeout
    tls-untrusted tls-hostname tls-expired
    tls-incomplete-chain tls-client-roots-missing tls-intercepted
    proxy-upgrade-stripped proxy-upstream-down proxy-path-rewrite proxy-v1-not-routed
    proxy-double-cors proxy-http-only-front proxy-access-gate proxy-url-too-long
    token-not-jwt token-alg token-bad-signature token-unknown-key token-expired token-no-exp
    token-time-units token-no-video-grant token-roomjoin-missing token-room-missing
    token-identity-missing token-limits token-secret-too-short
    clock-mint-ahead clock-server-wrong
    room-not-found signal-room-full signal-timeout signal-leave-on-connect server-not-ready
    api-permission api-not-routed api-not-found
"""


def codes(facts: Facts) -> set[str]:
    return {finding.code for rule in RULES for finding in rule.findings(facts)}


def test_no_cause_is_missing() -> None:
    assert set(REQUIRED.split()) - {rule.code for rule in RULES} == set()


def test_codes_and_checks_are_named_once() -> None:
    for names in ([rule.code for rule in RULES], [check.id for check in CHECKS]):
        assert sorted(names) == sorted(set(names))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.code) for rule in RULES)
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)+", check.id) for check in CHECKS)


def test_layers_come_in_the_order_in_which_a_connection_breaks() -> None:
    order = list(Layer)
    for layers in ([r.words.layer for r in RULES], [c.layer for c in CHECKS]):
        places = [order.index(layer) for layer in layers]
        assert places == sorted(places)


def test_a_layer_pays_for_itself_alone() -> None:
    assert {check.layer for check in catalogue.checks([Layer.CLOCK])} == {Layer.CLOCK}
    assert {rule.words.layer for rule in catalogue.rules([Layer.CLOCK, Layer.TLS])} == {
        Layer.CLOCK,
        Layer.TLS,
    }
    assert list(catalogue.rules([Layer.PAGE])) == []


def test_by_code_has_them_all() -> None:
    assert tuple(catalogue.by_code().values()) == RULES


@every_rule
def test_the_sick_example_is_found(rule: Rule) -> None:
    assert rule.code in {finding.code for finding in rule.findings(examples.sick(rule.code))}


@every_rule
def test_the_healthy_example_is_not(rule: Rule) -> None:
    assert list(rule.findings(examples.near(rule.code))) == []


@every_rule
def test_the_sick_example_has_no_other_cause_beside_it(rule: Rule) -> None:
    """What else is found there is folded under the rule, or the rule under it."""
    others = codes(examples.sick(rule.code)) - {rule.code}
    by_code = catalogue.by_code()
    unexplained = {
        code
        for code in others
        if code not in rule.words.explains and rule.code not in by_code[code].words.explains
    }
    assert unexplained == set()


def test_a_healthy_server_has_no_finding() -> None:
    assert codes(healthy()) == set()


@every_rule
def test_a_cause_says_all_that_a_reader_needs(rule: Rule) -> None:
    assert cells(rule.words.title) <= 60
    assert not rule.words.title.endswith(".")
    assert rule.words.cause
    assert rule.words.how
    assert rule.words.fix
    assert rule.words.source
    assert all(step.text for step in rule.words.fix)
    for finding in rule.findings(examples.sick(rule.code)):
        assert finding.evidence
        assert all(e.label and e.observed for e in finding.evidence)
        assert finding.fix
        assert cells(finding.title) <= 80


@every_rule
def test_a_cause_stands_in_its_own_layer_and_names_what_exists(rule: Rule) -> None:
    known = {other.code for other in RULES}
    assert rule.words.check in CHECK_IDS
    assert {rule.code, *rule.words.explains, *rule.words.related} <= known
    assert rule.code not in rule.words.explains
    modules = [
        importlib.import_module(f"lkdoctor.rules.{name}")
        for name in catalogue.modules_of(rule.words.layer)
    ]
    assert any(rule in module.RULES for module in modules)


def layers_of(function: object) -> dict[str, object]:
    plain = cast("FunctionType", function)
    names = plain.__code__.co_varnames[: plain.__code__.co_argcount]
    # A rule need not import the layers that it can do without.
    facts = {fact_type(name).__name__: fact_type(name) for name in Facts._fields}
    hints = typing.get_type_hints(plain, localns=facts)
    return {name: hints[name] for name in names}


@pytest.mark.parametrize(
    "function",
    [*(rule.judge for rule in RULES), *(check.look for check in CHECKS)],
    ids=[*(rule.code for rule in RULES), *(check.id for check in CHECKS)],
)
def test_a_parameter_names_a_layer_and_has_its_type(function: object) -> None:
    """The convention that keeps rules free of ceremony, checked once."""
    parameters = layers_of(function)
    assert parameters
    for name, hint in parameters.items():
        fact = fact_type(name)
        assert hint in {fact, fact | None}, name


@every_check
def test_a_check_needs_what_exists(check: Check) -> None:
    assert set(check.needs) <= CHECK_IDS - {check.id}
    assert check.title
    assert not check.title.endswith(".")


def test_no_two_checks_need_each_other() -> None:
    needs = {check.id: set(check.needs) for check in CHECKS}
    for _ in needs:
        needs = {
            one: direct | set(itertools.chain(*(needs[other] for other in direct)))
            for one, direct in needs.items()
        }
    assert [one for one, all_needs in needs.items() if one in all_needs] == []


@every_rule
def test_nothing_secret_stands_in_an_example(rule: Rule) -> None:
    from lkdoctor.facts.codec import facts_to_json
    from lkdoctor.redact import clean

    for facts in (examples.sick(rule.code), examples.near(rule.code)):
        text = repr(facts_to_json(facts))
        assert clean(text) == text


def test_every_cause_is_made_for_real() -> None:
    """By a server, a peer, a proxy or an environment of its own, or by the sandbox."""
    tests = Path(__file__).parent
    places = (*tests.glob("faults/*.py"), *tests.glob("neighbours/*.py"))
    places += (tests / "cli" / "test_rehearse.py", tests / "cli" / "test_rooms.py")
    written = "".join(place.read_text(encoding="utf-8") for place in places)
    written += (tests / "probes" / "test_network.py").read_text(encoding="utf-8")
    named = {rule.code for rule in RULES if f'"{rule.code}"' in written}
    assert {rule.code for rule in RULES} - named - {str(fault) for fault in Fault} == set()
