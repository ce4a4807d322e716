"""The regions of LiveKit Cloud: which answer is a cause, and on whose server."""

import pytest
from examples.healthy import answer, healthy, no_answer

from lkdoctor import catalogue
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.cloud import CloudFact, RegionLook
from lkdoctor.facts.network import NameNotFound, Resolved, TcpConnected, TcpTimedOut
from lkdoctor.facts.server import Exchange, Silence
from lkdoctor.facts.url import HostKind, ParsedUrl
from lkdoctor.findings import Layer
from lkdoctor.report.model import Report, RunInfo, TargetInfo

RUN = RunInfo(id="1", command="diagnose", started_at=1_790_000_000.0, duration_ms=612.0)
LISTED = answer(200, "{}")
OPEN = RegionLook(
    "dfra1",
    "https://a.example",
    Resolved(("203.0.113.20",), 9.0),
    TcpConnected("203.0.113.20", 443, 20.0),
    "established",
    70.0,
    answer(200, "OK"),
    answer(200, "success"),
)
SILENT = OPEN._replace(
    tcp=TcpTimedOut("203.0.113.20", 443, 5000.0), tls="", ready_ms=None, root=None, validation=None
)


def judged(cloud: CloudFact, kind: HostKind = HostKind.CLOUD) -> Report:
    facts = healthy()
    assert facts.url is not None
    assert isinstance(facts.url.result, ParsedUrl)
    url = facts.url._replace(result=facts.url.result._replace(host_kind=kind))
    seen: Facts = facts._replace(cloud=cloud, url=url)
    return fold(seen, run=RUN, target=TargetInfo(), layers=(Layer.CLOUD,))


@pytest.mark.parametrize(
    ("asked", "kind", "codes"),
    [
        pytest.param(LISTED, HostKind.CLOUD, [], id="listed"),
        pytest.param(
            answer(404, "404 page not found"), HostKind.PUBLIC, [], id="a server of one's own"
        ),
        pytest.param(answer(404, "gone"), HostKind.CLOUD, ["cloud-regions"], id="404 of Cloud"),
        pytest.param(answer(401, "no"), HostKind.CLOUD, ["cloud-regions"], id="401"),
        pytest.param(answer(401, "no"), HostKind.PUBLIC, ["cloud-regions"], id="401 elsewhere"),
        pytest.param(answer(503, "no"), HostKind.CLOUD, ["cloud-regions"], id="503"),
        pytest.param(no_answer(Silence.TIMEOUT), HostKind.CLOUD, ["cloud-regions"], id="no answer"),
    ],
)
def test_what_was_answered(asked: Exchange, kind: HostKind, codes: list[str]) -> None:
    regions = (OPEN,) if asked is LISTED else ()
    assert [f.code for f in judged(CloudFact(asked, regions), kind).findings] == codes


def test_an_answer_that_is_no_list() -> None:
    report = judged(CloudFact(LISTED, unreadable="it is not JSON"))
    assert [f.code for f in report.findings] == ["cloud-regions"]


@pytest.mark.parametrize(
    ("regions", "codes"),
    [
        pytest.param((OPEN, OPEN), [], id="all"),
        pytest.param((OPEN, SILENT), ["cloud-geo"], id="one is silent"),
        pytest.param(
            (OPEN, OPEN._replace(tls="broken", ready_ms=None)), ["cloud-geo"], id="one resets TLS"
        ),
        pytest.param(
            (OPEN, SILENT._replace(dns=NameNotFound("no such name", 1.0), tcp=None)),
            ["cloud-geo"],
            id="one has no address",
        ),
    ],
)
def test_regions_that_are_reached(regions: tuple[RegionLook, ...], codes: list[str]) -> None:
    assert [f.code for f in judged(CloudFact(LISTED, regions)).findings] == codes


def test_a_server_of_ones_own_is_said_to_be_one() -> None:
    report = judged(CloudFact(answer(404, "404 page not found")), HostKind.PUBLIC)
    check = report.check("cloud.regions")
    assert check is not None
    assert (check.status, check.summary) == (
        "pass",
        "this server has no regions, as servers of one's own have none (404)",
    )


def test_the_layer_is_in_the_catalogue() -> None:
    assert {rule.code for rule in catalogue.rules([Layer.CLOUD])} == {"cloud-regions", "cloud-geo"}
