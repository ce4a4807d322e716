"""What shows the same without lkdoctor: a command for every network observation that has one."""

import re

import pytest
from report.screens import report, sick

from lkdoctor import catalogue, shell
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact
from lkdoctor.facts.network import Family, NetworkFact, Resolved
from lkdoctor.facts.tls import TlsFact, TlsTimedOut
from lkdoctor.findings import Evidence
from lkdoctor.rules import repeat
from lkdoctor.rules.repeat import command
from lkdoctor.wire.url import parse

WITHOUT = {
    "first message",
    "session",
    "pings",
    "phases",
    "removing it",
    "grant that it needs",
    "a room there is",
    "this clock",
}
"""What no such tool shows: what is said in protobuf, and what is not an observation of the network."""


@pytest.mark.parametrize("code", [rule.code for rule in catalogue.rules()])
def test_every_observation_of_the_network_has_its_command(code: str) -> None:
    shown = report(sick(code), commands=True)
    for finding in (*shown.findings, *shown.folded):
        for evidence in finding.evidence:
            told = evidence.source in {"net", "api"} and evidence.label not in WITHOUT
            assert bool(evidence.repeat) is told, (evidence.label, evidence.repeat)
            if evidence.repeat is not None:
                assert re.match(r"(curl|openssl|dig) ", evidence.repeat)


def at(url: str, label: str, source: str = "net", **facts: object) -> str | None:
    whole = Facts(url=parse(url, "--url"), **facts)  # type: ignore[arg-type]  # layers by name
    return command(Evidence(label, "seen", None, source), whole)


TOKEN = shell.command(*repeat.TOKEN)
UPGRADE = shell.command(*repeat.UPGRADE)
X509 = "openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
CURL = "curl -sS -i --max-time 10 "
PAGE = "-H 'Origin: https://app.example.com' -G --data-urlencode \"access_token=$LIVEKIT_TOKEN\""


@pytest.mark.parametrize(
    ("url", "label", "told"),
    [
        ("ws://h:7880", "GET /", f"{CURL}http://h:7880/"),
        ("wss://h/sfu", "GET /", f"{CURL}https://h:443/sfu/"),
        ("wss://h", "GET /rtc/validate, no token", f"{CURL}https://h:443/rtc/validate"),
        (
            "wss://h",
            "GET /rtc/v1/validate, your token in the query",
            f"{CURL}{PAGE} https://h:443/rtc/v1/validate",
        ),
        (
            "wss://h/sfu",
            "Access-Control-Allow-Origin",
            f"{CURL}{PAGE} https://h:443/sfu/rtc/validate",
        ),
        (
            "ws://h:7880/sfu",
            "GET /sfu/rtc/validate, no real token",
            f"{CURL}-G -d access_token=none http://h:7880/sfu/rtc/validate",
        ),
        (
            "wss://h",
            "certificates sent",
            ("openssl s_client -connect h:443 -servername h -showcerts </dev/null 2>/dev/null "
            "| grep -c BEGIN"),
        ),
        (
            "wss://h",
            "the issuer's is at",
            ("openssl s_client -connect h:443 -servername h </dev/null 2>/dev/null "
            "| openssl x509 -noout -ext authorityInfoAccess"),
        ),
        (
            "wss://h/sfu",
            "GET /sfu/rtc/validate, your token",
            f"{CURL}{TOKEN} https://h:443/sfu/rtc/validate",
        ),
        (
            "ws://h:7880",
            "upgrade of /rtc, no token",
            f"{CURL}--http1.1 -o - -N {UPGRADE} http://h:7880/rtc",
        ),
        (
            "ws://[::1]:7880",
            "upgrade of /rtc, test token",
            f"{CURL}--http1.1 -o - -N {UPGRADE} {TOKEN} 'http://[::1]:7880/rtc'",
        ),
        ("wss://h", "Server header", f"{CURL}-o /dev/null -D - https://h:443/"),
        ("wss://h", "DNS h", "dig +noall +comments +answer h A h AAAA"),
        ("wss://h", "TCP 203.0.113.1:443", "curl -sS --max-time 10 telnet://203.0.113.1:443 </dev/null"),
        ("wss://h", "TCP port 443", "curl -sS --max-time 10 telnet://h:443 </dev/null"),
        (
            "wss://h",
            "verification",
            "openssl s_client -connect h:443 -servername h -verify_hostname h </dev/null",
        ),
        (
            "wss://203.0.113.1",
            "TLS handshake",
            "openssl s_client -connect 203.0.113.1:443 -verify_ip 203.0.113.1 </dev/null",
        ),
        (
            "wss://h",
            "issued by",
            f"openssl s_client -connect h:443 -servername h </dev/null 2>/dev/null | {X509}",
        ),
        ("wss://h", "first message", None),
        ("undefined", "GET /", None),
    ],
)  # fmt: skip
def test_the_command(url: str, label: str, told: str | None) -> None:
    assert at(url, label) == told


@pytest.mark.parametrize(
    ("label", "token", "body"),
    [
        ("server API, own token", True, "'{}'"),
        ("ListRooms demo", True, "'{}'"),
        ("POST /twirp/livekit.RoomService/ListRooms, no token", False, "'{}'"),
        (
            "POST /twirp/livekit.RoomService/ListParticipants",
            True,
            """'{"room": "it'"'"'s \\"me\\" \\\\"}'""",
        ),
    ],
)
def test_the_api_is_called_as_it_was(label: str, body: str, *, token: bool) -> None:
    api = ApiFact(room_asked='it\'s "me" \\')
    told = at("ws://h:7880", label, "api", api=api)
    method = "ListParticipants" if "Participants" in label else "ListRooms"
    given = f" {TOKEN}" if token else ""
    assert told == (
        f"{CURL}-X POST -H 'Content-Type: application/json' -d {body}{given} "
        f"http://h:7880/twirp/livekit.RoomService/{method}"
    )


def test_what_was_asked_for_stands_in_the_command() -> None:
    tls = TlsFact("h", TlsTimedOut(1.0), insecure=True)
    network = NetworkFact("h", 443, Family.IPV6, Resolved(("::1",), 0.0))
    told = at("wss://h", "GET /", tls=tls, network=network)
    assert told == f"{CURL}-6 --insecure https://h:443/"
    tls = TlsFact("h", TlsTimedOut(1.0), ca_file="my ca.pem")
    assert at("wss://h", "GET /", tls=tls) == f"{CURL}--cacert 'my ca.pem' https://h:443/"
    assert at("wss://h", "verification", tls=tls) == (
        "openssl s_client -connect h:443 -servername h -verify_hostname h -CAfile 'my ca.pem' "
        "</dev/null"
    )
    assert at("wss://h", "DNS h", network=network) == "dig +noall +comments +answer h AAAA"


@pytest.mark.parametrize("path", ["/$(id)", "/`id`", "/;id", "/a'b", '/"', "/&id", "/|id", "/\\"])
def test_no_url_becomes_code(path: str) -> None:
    """A shell reads the URL as one word, whatever stands in it."""
    import shlex

    told = at(f"ws://h:7880{path}", "Server header")
    assert told is None or shlex.split(told)[-1].startswith("http://h:7880/")


def test_other_evidence_has_none() -> None:
    assert at("ws://h:7880", "GET /", "env") is None
