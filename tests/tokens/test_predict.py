"""What is said that a server answers, against the recorded answers of five versions."""

import pytest
import servers
from conformance.token_cases import CASES, Case
from tokens.samples import KEY, NOW, RING, SECRET

from lkdoctor.facts.token import token_fact
from lkdoctor.redact import safe
from lkdoctor.tokens.predict import Refusal, Server, predict, recognise, server_of


def expected(case: Case, version: str, token: str) -> tuple[int, str]:
    answer = case.expected(version)
    return answer.status, safe(answer.text("<TOKEN>") if token else answer.body)


@pytest.mark.parametrize("version", servers.VERSIONS)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_predictions_agree_with_what_was_measured(case: Case, version: str) -> None:
    token = case.token(key=KEY, secret=SECRET, now=NOW, room="demo", identity="alice")
    fact, _ = token_fact(token, RING, origin="test")
    answer = predict(fact.text, server_of(version), NOW)
    status, body = expected(case, version, token)
    assert answer.status == status
    assert body == answer.body if answer.whole else body.startswith(answer.body)
    assert (answer.refusal is None) == (status == 200)


@pytest.mark.parametrize("version", servers.VERSIONS)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_refusal_is_recognised_by_its_wording(case: Case, version: str) -> None:
    token = case.token(key=KEY, secret=SECRET, now=NOW, room="demo", identity="alice")
    fact, _ = token_fact(token, RING, origin="test")
    predicted = predict(fact.text, server_of(version), NOW).refusal
    answer = case.expected(version)
    recognised = recognise(answer.status, answer.body)
    if "cryptographic primitive" in answer.body:  # go-jose says no more than that
        assert recognised is Refusal.BAD_SIGNATURE
        assert predicted in {Refusal.BAD_SIGNATURE, Refusal.BAD_ALGORITHM}
    else:
        assert recognised is predicted


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (
            401,
            "invalid authorization header. Must start with Bearer ",
            Refusal.BAD_HEADER,
        ),
        (
            401,
            "invalid authorization token: token is missing required claim: exp claim is required",
            Refusal.NO_EXPIRY,
        ),
        (401, "invalid API key for domain demo.livekit.cloud", Refusal.UNKNOWN_KEY),
        (404, "requested room does not exist", Refusal.NO_SUCH_ROOM),
        (404, "404 page not found", None),
        (401, "<html>Login</html>", None),
        (500, "token is expired", None),
        (200, "success", None),
    ],
)
def test_only_livekit_s_own_words_are_recognised(
    status: int, body: str, refusal: Refusal | None
) -> None:
    assert recognise(status, body) is refusal


@pytest.mark.parametrize(
    ("version", "group"),
    [
        ("1.13.5", Server.V1_13),
        ("1.14.0", Server.V1_13),
        ("2.0", Server.V1_13),
        ("1.12.1", Server.V1_9),
        ("1.9.0", Server.V1_9),
        ("1.8.4", Server.V1_8),
        ("1.5.0", Server.V1_5),
        ("main", Server.V1_13),
    ],
)
def test_every_version_belongs_to_a_group(version: str, group: Server) -> None:
    assert server_of(version) is group
