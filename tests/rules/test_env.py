"""Every fault of a variable is named by its code, from the text of the files to the finding."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from examples.healthy import NOON, answer

from lkdoctor.config.sources import Given, load
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer, RoomsListed
from lkdoctor.facts.env import EnvFact, env_fact
from lkdoctor.facts.network import Family, NetworkFact, Resolved, TcpConnected, TcpRefused
from lkdoctor.facts.server import ServerFact
from lkdoctor.facts.signal import SignalFact, Validation, Whose
from lkdoctor.facts.url import UrlFact
from lkdoctor.findings import Finding, Layer, Severity
from lkdoctor.redact import clean
from lkdoctor.report.model import Report, RunInfo, Status, TargetInfo, Verdict
from lkdoctor.rules import env as rules
from lkdoctor.wire.url import parse

URL = "wss://demo-x4k2.livekit.cloud"
KEY = "APIxk3pLw9Za7Qm"
SECRET = "mU7xQ2vR9kLp4Zt6Wc8Nb3Hs5Jd1Fg0YaEoTiUqPrSmK"
OTHER_SECRET = "bX4nT8wK2mZ6qV0sJ9hD3fR7yL5cG1pAeUoIiYtNrWvQ"

HEALTHY = {".env.local": f"LIVEKIT_URL={URL}\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"}


def token(issuer: str = KEY, secret: str = SECRET) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signed = f"{part({'alg': 'HS256'})}.{part({'iss': issuer, 'sub': 'alice'})}"
    mac = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def configured(
    directory: Path,
    files: dict[str, str],
    environ: dict[str, str] | None = None,
    given: Given | None = None,
) -> Facts:
    """The facts of a folder with these files and of this environment."""
    for name, text in files.items():
        (directory / name).write_bytes(text.encode())
    resolution = load(given or Given(), environ=environ or {}, directory=directory)
    # Whether the tests run in a container is no part of a case.
    env = env_fact(resolution)._replace(container=None)
    url = resolution.target.url
    return Facts(env=env, url=None if url is None else parse(url.value, url.origin))


def judged(facts: Facts) -> Report:
    return fold(
        facts,
        run=RunInfo("0", "test", NOON, 0.0),
        target=TargetInfo(),
        layers=(Layer.ENV, Layer.URL),
    )


def told(facts: Facts) -> list[tuple[str, str, str, str | None]]:
    """Code, severity, confidence and place of each finding, the verdict first."""
    return [
        (f.code, str(f.severity), str(f.confidence), f.location) for f in judged(facts).findings
    ]


def finding(facts: Facts, code: str) -> Finding:
    (found,) = [f for f in judged(facts).findings if f.code == code]
    return found


def files(url: str = URL, key: str = KEY, secret: str = SECRET, more: str = "") -> dict[str, str]:
    text = f"LIVEKIT_URL={url}\nLIVEKIT_API_KEY={key}\nLIVEKIT_API_SECRET={secret}\n{more}"
    return {".env.local": text}


def variables(url: str = URL, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    return {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret}


OWN_PAIR = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
CERTAIN = ("error", "certain")
LIKELY = ("error", "likely")

TABLE = [
    # healthy, and what only resembles a fault
    pytest.param(HEALTHY, {}, [], id="healthy"),
    pytest.param({}, variables(), [], id="healthy environment"),
    pytest.param(files(url=f'"{URL}"', key=f"'{KEY}'", secret=f"'{SECRET}'"), {}, [], id="quotes in a file"),
    pytest.param(
        {".env": HEALTHY[".env.local"].replace("\n", "\r\n")}, {}, [], id="Windows line ends in a file"
    ),
    pytest.param(HEALTHY | {".env": HEALTHY[".env.local"]}, {}, [], id="the same twice"),
    pytest.param({}, variables("ws://localhost:7880", "devkey", "secret"), [], id="the dev pair"),
    pytest.param({}, variables("ws://localhost:7880", "mykey", "mysecret"), [], id="names of one's own"),
    pytest.param({}, {"LIVEKIT_URL": URL, "LIVEKIT_TOKEN": token()}, [], id="a token in place of a pair"),
    pytest.param(files(more="OTHER_KEY=<your key>\n"), {}, [], id="a sample of something else"),
    # env-lk-default-localhost
    pytest.param(
        {".env": f"LIVEKIT_WS_URL={URL}\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"},
        {},
        [("env-lk-default-localhost", "info", "certain", None)],
        id="a URL that lk does not read",
    ),
    pytest.param(
        {".env": f"LIVEKIT_WS_URL={URL}\nLIVEKIT_TOKEN={token()}\n"}, {}, [], id="nothing for lk"
    ),
    # env-missing
    pytest.param({}, {}, [("env-missing", *CERTAIN, None)], id="nothing set"),
    pytest.param(
        {".env": f"LIVEKIT_URL={URL}\nLIVEKIT_API_KEY={KEY}\n"},
        {},
        [("env-missing", *CERTAIN, None)],
        id="no secret",
    ),
    pytest.param(HEALTHY, {"LIVEKIT_URL": ""}, [("env-missing", *CERTAIN, None)], id="empty hides a file"),
    pytest.param({}, variables(url="  "), [("env-missing", *CERTAIN, None)], id="nothing but blanks"),
    pytest.param(
        {".env": f"LIVEKIT_URL={URL}\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_SECRET={SECRET}\n"},
        {},
        [("env-missing", *CERTAIN, ".env:3")],
        id="a name of one's own",
    ),
    pytest.param(
        files(more=f"LIVEKIT_SECRET={SECRET}\n"),
        {},
        [("env-missing", "warning", "hint", ".env.local:4")],
        id="a name too many",
    ),
    pytest.param(
        {".env": f"LIVEKIT_URL={URL}\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET {SECRET}\n"},
        {},
        [("env-file-unreadable", *CERTAIN, ".env:3"), ("env-missing", *CERTAIN, None)],
        id="a line without an equals sign",
    ),
    # env-reference-outside
    pytest.param(
        files(url="wss://${RTC_HOST}"),
        {"RTC_HOST": "rtc.example.com"},
        [("env-reference-outside", *CERTAIN, ".env.local:1")],
        id="a host of the environment",
    ),
    pytest.param(
        files(url="wss://rtc.example.com/${AWS_SECRET_ACCESS_KEY}"),
        {},
        [("env-reference-outside", *CERTAIN, ".env.local:1")],
        id="a path of nowhere",
    ),
    pytest.param(
        files(secret="${OTHER_LIVEKIT_SECRET}"),
        {},
        [("env-reference-outside", *CERTAIN, ".env.local:3")],
        id="a whole secret of elsewhere",
    ),
    pytest.param(
        {".env": "RTC_HOST=rtc.example.com\n" + files(url="wss://${RTC_HOST}")[".env.local"]},
        {"RTC_HOST": "other.example.com"},
        [("env-reference-outside", "warning", "likely", ".env:2")],
        id="a host that is set twice",
    ),
    pytest.param(
        {".env": "RTC_HOST=rtc.example.com\n" + files(url="wss://${RTC_HOST}")[".env.local"]},
        {"RTC_HOST": "rtc.example.com"},
        [],
        id="a host of the file, and the same elsewhere",
    ),
    pytest.param(files(url="wss://${RTC_HOST:-rtc.example.com}"), {}, [], id="a default"),
    pytest.param(
        files(url="wss://${RTC_HOST}"), variables(), [], id="a reference that does not count"
    ),
    pytest.param(files(more="OTHER=${PATH}\n"), {}, [], id="a reference in something else"),
    # env-placeholder
    pytest.param(files(key="your-api-key"), {}, [("env-placeholder", *CERTAIN, ".env.local:2")], id="sample key"),
    pytest.param(
        files(url="wss://your-project.livekit.cloud"),
        {},
        [("env-placeholder", *CERTAIN, ".env.local:1")],
        id="sample URL",
    ),
    pytest.param(
        files(secret="<your api secret>"), {}, [("env-placeholder", *CERTAIN, ".env.local:3")], id="sample secret"
    ),
    pytest.param(
        {}, variables(key="undefined"), [("env-placeholder", *CERTAIN, None)], id="a word for nothing"
    ),
    # env-value-dirty
    pytest.param({}, variables(key=f'"{KEY}"'), [("env-value-dirty", *CERTAIN, None)], id="quotes"),
    pytest.param({}, variables(secret=f"{SECRET}\n"), [("env-value-dirty", *CERTAIN, None)], id="line end"),
    pytest.param({}, variables(secret=f" {SECRET}"), [("env-value-dirty", *CERTAIN, None)], id="blank in front"),
    pytest.param({}, variables(url=f'"{URL}"'), [("env-value-dirty", *CERTAIN, None)], id="quoted URL"),
    pytest.param(
        files(secret=f"={SECRET}"), {}, [("env-value-dirty", *CERTAIN, ".env.local:3")], id="second equals sign"
    ),
    pytest.param(
        {}, variables(key=f"LIVEKIT_API_KEY={KEY}"), [("env-value-dirty", *CERTAIN, None)], id="the whole line"
    ),
    pytest.param({}, variables(key=f"{KEY}\u200b"), [("env-value-dirty", *CERTAIN, None)], id="invisible"),
    pytest.param({}, variables(url=f"{URL}\xa0"), [("env-value-dirty", *CERTAIN, None)], id="no-break space"),
    pytest.param({}, variables(key=f"{KEY} # mine"), [("env-value-dirty", *CERTAIN, None)], id="comment"),
    pytest.param({}, variables(key="AP\udc80I"), [("env-value-dirty", *CERTAIN, None)], id="not UTF-8"),
    pytest.param(
        files(secret=f"{SECRET} "),
        {},
        [("env-value-dirty", "warning", "likely", ".env.local:3")],
        id="a line that ends with a blank",
    ),
    pytest.param(
        files(secret=f"{SECRET} # mine"),
        {},
        [("env-value-dirty", "info", "hint", ".env.local:3")],
        id="a line with a comment",
    ),
    # env-key-secret-swapped
    pytest.param(
        {},
        variables(key=SECRET, secret=KEY),
        [("env-key-secret-swapped", *CERTAIN, None)],
        id="key and secret exchanged",
    ),
    pytest.param(
        files() | {".env": f"LIVEKIT_TOKEN={token(SECRET, KEY)}\n"},
        {},
        [("env-key-secret-swapped", *CERTAIN, ".env.local:3")],
        id="a token that names the secret",
    ),
    pytest.param(
        files(secret=token()),
        {},
        [("env-key-secret-swapped", *CERTAIN, ".env.local:3")],
        id="a token as secret",
    ),
    # env-secret-altered
    pytest.param(
        files(more=f"LIVEKIT_TOKEN={token(secret=OTHER_SECRET)}\n"),
        {},
        [("env-secret-altered", *CERTAIN, ".env.local:3")],
        id="a token of another secret",
    ),
    pytest.param(
        files(secret=f"'{SECRET[:20]}#{SECRET[20:]}'"),
        variables(secret=SECRET[:20]),
        [("env-secret-altered", *CERTAIN, None)],
        id="cut at a hash on its way",
    ),
    pytest.param(
        files(secret=f"{SECRET[:20]}#{SECRET[20:]}"),
        {},
        [("env-secret-altered", "warning", "certain", ".env.local:3")],
        id="a bare hash",
    ),
    pytest.param(
        files(secret=f"'{SECRET[:20]}$x{SECRET[20:]}'"),
        {},
        [("env-secret-altered", "warning", "hint", ".env.local:3")],
        id="a dollar",
    ),
    pytest.param(
        {}, variables(secret=f"{SECRET}+/="), [("env-secret-altered", "info", "hint", None)], id="base64"
    ),
    # env-project-mismatch
    pytest.param(
        files(more=f"LIVEKIT_TOKEN={token(issuer='APIanother12345', secret=OTHER_SECRET)}\n"),
        {},
        [("env-project-mismatch", *CERTAIN, ".env.local:2")],
        id="a token of another key",
    ),
    pytest.param(
        {".env": f"LIVEKIT_URL={URL}\n"},
        {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET},
        [("env-project-mismatch", "warning", "hint", ".env:1")],
        id="a folder's URL and a secret from elsewhere",
    ),
    pytest.param(
        files() | {".env": "LIVEKIT_URL=wss://staging.livekit.cloud\n"},
        {},
        [
            ("env-file-precedence", "warning", "certain", ".env:1"),
            ("env-project-mismatch", "warning", "likely", ".env:1"),
        ],
        id="two Cloud projects",
    ),
    pytest.param(
        files(secret=KEY),
        {},
        [("env-key-secret-swapped", *CERTAIN, ".env.local:3")],
        id="the key in both places",
    ),
    pytest.param(
        files(more=f"LIVEKIT_TOKEN={SECRET}\n"),
        {},
        [("env-key-secret-swapped", *CERTAIN, ".env.local:4")],
        id="a secret in the place of the token",
    ),
    pytest.param(
        files(secret="hunter2"),
        {},
        [("env-secret-altered", *LIKELY, ".env.local:3")],
        id="a secret that Cloud cannot have made",
    ),
    pytest.param(
        files(secret="op://vault/livekit/secret"),
        {},
        [("env-placeholder", *CERTAIN, ".env.local:3")],
        id="a reference that nothing has fetched",
    ),
    # env-cloud-key-on-local-server
    pytest.param({}, variables(url="ws://localhost:7880"), [], id="keys of generate-keys"),
    pytest.param(
        {".env": HEALTHY[".env.local"], ".env.local": "LIVEKIT_URL=ws://localhost:7880\n"},
        {},
        [
            ("env-file-precedence", "warning", "certain", ".env:1"),
            ("env-cloud-key-on-local-server", "warning", "likely", ".env:2"),
        ],
        id="a Cloud project's pair and a local URL",
    ),
    pytest.param(
        {".env": HEALTHY[".env.local"], ".env.local": files("ws://localhost:7880")[".env.local"]},
        {},
        [
            ("env-file-precedence", "warning", "certain", ".env:1"),
            ("env-cloud-key-on-local-server", "warning", "likely", ".env.local:2"),
        ],
        id="a Cloud project's pair copied beside a local URL",
    ),
    pytest.param(
        {".env": HEALTHY[".env.local"], ".env.local": files("ws://localhost:7880", "API" + "g" * 12)[".env.local"]},
        {},
        [("env-file-precedence", "warning", "certain", ".env:1"), ("env-file-precedence", "warning", "certain", ".env:2")],
        id="a local server's generated pair hides a Cloud project's",
    ),
    pytest.param(
        files("ws://localhost:7880", more=f"LIVEKIT_WS_URL={URL}\n"),
        {},
        [("env-file-precedence", "warning", "certain", ".env.local:4")],
        id="two URLs beside one key: either may be its own",
    ),
    pytest.param(
        {},
        variables(key="devkey", secret="secret"),
        [("env-cloud-key-on-local-server", *CERTAIN, None)],
        id="the dev key and a Cloud URL",
    ),
    # env-file-precedence
    pytest.param(
        HEALTHY,
        {"LIVEKIT_API_SECRET": OTHER_SECRET},
        [("env-file-precedence", "warning", "certain", ".env.local:3"), ("env-project-mismatch", "warning", "hint", ".env.local:1")],
        id="the environment hides a file",
    ),
    pytest.param(
        {".env": f"LIVEKIT_URL={URL}\nLIVEKIT_WS_URL=wss://x.example\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"},
        {},
        [("env-file-precedence", "warning", "certain", ".env:2")],
        id="LIVEKIT_URL and LIVEKIT_WS_URL differ",
    ),
    pytest.param(
        files(more=f"LIVEKIT_WS_URL=https://{URL[6:]}/\n"),
        {},
        [],
        id="one address for the server API and one for clients",
    ),
    # env-secret-public-prefix
    pytest.param(
        files(more=f"NEXT_PUBLIC_LIVEKIT_API_SECRET={SECRET}\n"),
        {},
        [("env-secret-public-prefix", *CERTAIN, ".env.local:4")],
        id="public secret",
    ),
    pytest.param(
        files(more=f"NEXT_PUBLIC_LIVEKIT_API_KEY={SECRET}\n"),
        {},
        [("env-secret-public-prefix", *CERTAIN, ".env.local:4")],
        id="a secret under a public key's name",
    ),
    pytest.param(
        HEALTHY,
        {"LIVEKIT_API_SECRET": ""},
        [("env-missing", *CERTAIN, None)],
        id="an empty value is no secret from elsewhere",
    ),
    pytest.param(
        files(more=f"VITE_LIVEKIT_SECRET={SECRET}\n"),
        {},
        [
            ("env-secret-public-prefix", *CERTAIN, ".env.local:4"),
            ("env-missing", "warning", "hint", ".env.local:4"),
        ],
        id="public secret under a name of its own",
    ),
    pytest.param(
        files(more=f"NEXT_PUBLIC_LIVEKIT_TOKEN={token()}\n"),
        {},
        [("env-secret-public-prefix", "warning", "likely", ".env.local:4")],
        id="public token",
    ),
    pytest.param(files(more=f"NEXT_PUBLIC_LIVEKIT_URL={URL}\n"), {}, [], id="public URL"),
    # env-internal-vs-public-url
    pytest.param(
        files(more="NEXT_PUBLIC_LIVEKIT_URL=ws://livekit:7880\n"),
        {},
        [("env-internal-vs-public-url", *LIKELY, ".env.local:4")],
        id="a compose name for the browser",
    ),
    pytest.param(
        files("ws://0.0.0.0:7880", "devkey", "secret"),
        {},
        [("env-internal-vs-public-url", "warning", "likely", ".env.local:1")],
        id="an address to listen on",
    ),
    pytest.param(
        files("ws://localhost:7880", "devkey", "secret", "VITE_LIVEKIT_URL=ws://localhost:7880\n"),
        {},
        [],
        id="localhost for the browser",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given_files", "environ", "expected"), TABLE)
def test_findings(
    tmp_path: Path,
    given_files: dict[str, str],
    environ: dict[str, str],
    expected: list[tuple[str, str, str, str | None]],
) -> None:
    """A row names every finding that it must raise, and no other."""
    assert told(configured(tmp_path, given_files, environ)) == expected


def test_every_rule_is_in_the_table() -> None:
    named = {row[0] for case in TABLE for row in case.values[2]}  # type: ignore[union-attr]
    assert {rule.code for rule in rules.RULES} - named == set()


# ------------------------------------------------------------------ what evidence says


def test_a_missing_value_shows_what_hides_or_resembles_it(tmp_path: Path) -> None:
    facts = configured(
        tmp_path,
        {".env": f"LIVEKIT_URL={URL}\nLK_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"},
        {"LIVEKIT_URL": ""},
    )
    found = finding(facts, "env-missing")
    assert found.title == "2 of 3 values are not set"
    assert [(e.label, e.observed) for e in found.evidence] == [
        ("LIVEKIT_URL (environment)", "empty"),
        ("LIVEKIT_URL (.env:1)", "set, but hidden by the empty value"),
        ("LIVEKIT_API_KEY", "not set"),
        ("LK_API_KEY (.env:2)", "set, but no SDK reads this name"),
        ("looked in", "process environment, .env (not there: .env.local)"),
    ]
    assert found.fix[0].text == "Rename LK_API_KEY to LIVEKIT_API_KEY."


def test_quotes_are_traced_to_the_line_that_they_come_from(tmp_path: Path) -> None:
    facts = configured(tmp_path, files(secret=f'"{SECRET}"'), {"LIVEKIT_API_SECRET": f'"{SECRET}"'})
    found = finding(facts, "env-value-dirty")
    assert [(e.label, e.observed) for e in found.evidence] == [
        ("LIVEKIT_API_SECRET (environment)", "the quotes are part of the value"),
        ("it comes from", ".env.local:3, with the quotes that stand around it there"),
    ]
    assert "env-file-precedence" not in [f.code for f in judged(facts).findings]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(f"{SECRET} ", "the secret without the blanks around it", id="blank"),
        pytest.param(f'"{SECRET}"', "the secret without the quotes around it", id="quotes"),
        pytest.param(f"={SECRET}", "the secret without the = before it", id="equals sign"),
    ],
)
def test_a_token_proves_what_the_secret_should_be(tmp_path: Path, text: str, words: str) -> None:
    facts = configured(tmp_path, {}, {**variables(secret=text), "LIVEKIT_TOKEN": token()})
    found = finding(facts, "env-value-dirty")
    assert ("the token at hand verifies with", words) in [
        (e.label, e.observed) for e in found.evidence
    ]


def test_a_token_proves_that_a_hidden_secret_is_the_right_one(tmp_path: Path) -> None:
    facts = configured(
        tmp_path,
        files(more=f"LIVEKIT_TOKEN={token(secret=OTHER_SECRET)}\n")
        | {".env": f"LIVEKIT_API_SECRET={OTHER_SECRET}\n"},
    )
    found = finding(facts, "env-secret-altered")
    assert found.evidence[1].observed == "LIVEKIT_API_SECRET of .env:1 (not used)"


def test_a_pasted_line_does_not_blot_out_its_name(tmp_path: Path) -> None:
    """The secret's variable holds its own name and the secret: the name may be shown."""
    facts = configured(tmp_path, {}, variables(secret=f"LIVEKIT_API_SECRET={SECRET[::-1]}"))
    found = finding(facts, "env-value-dirty")
    assert found.title == "LIVEKIT_API_SECRET holds its own name"
    assert clean("LIVEKIT_API_SECRET") == "LIVEKIT_API_SECRET"
    assert SECRET[::-1][4:12] not in clean(f"LIVEKIT_API_SECRET={SECRET[::-1]}")


def test_what_a_finding_shows_depends_on_what_is_wrong(tmp_path: Path) -> None:
    url = finding(configured(tmp_path, {}, variables(url=f'"{URL}"')), "env-value-dirty")
    secret = finding(configured(tmp_path, {}, variables(secret=f'"{SECRET}"')), "env-value-dirty")
    assert url.symptom == "Failed to construct 'URL': Invalid URL"
    assert "signature is invalid" in secret.symptom


# ------------------------------------------------------------------ what the server's word settles


def with_answers(
    facts: Facts, *, status: int = 200, body: str = "success", rooms: bool = False
) -> Facts:
    said = answer(status, body)
    return facts._replace(
        signal=SignalFact(validations=(Validation(Whose.MINTED, "/rtc/validate", said),)),
        api=ApiFact(rooms=RoomsListed(()) if rooms else ForeignAnswer(said))
        if rooms or status != 200
        else None,
    )


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        pytest.param({"status": 200, "rooms": True}, ("warning", "hint", ".env:1"), id="takes all"),
        pytest.param(
            {"status": 401, "body": "invalid token: <token>, error: signature is invalid"},
            ("warning", "hint", ".env:1"),
            id="knows the key",
        ),
    ],
)
def test_what_a_host_answers_says_nothing_of_whose_it_is(
    tmp_path: Path, fact: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    """A host that collects tokens answers as LiveKit does."""
    facts = configured(tmp_path, {".env": f"LIVEKIT_URL={URL}\n"}, OWN_PAIR)
    answered = with_answers(facts, **fact)
    assert ("env-project-mismatch", *expected) in told(answered)


def test_a_server_that_holds_the_secret_is_no_stranger(tmp_path: Path) -> None:
    facts = configured(tmp_path, {".env": f"LIVEKIT_URL={URL}\n"}, OWN_PAIR)
    report = judged(facts._replace(signal=SignalFact(proven=True)))
    assert [(f.code, f.severity, f.check) for f in report.findings] == [
        ("env-project-mismatch", Severity.INFO, "env.trust")
    ]
    check = report.check("env.trust")
    assert check is not None
    assert (check.status, check.summary) == (
        Status.PASS,
        "they do not; the server has shown that it holds the secret",
    )
    assert report.summary.verdict is Verdict.HEALTHY


def test_the_folder_s_host_is_told_beside_any_other_cause(tmp_path: Path) -> None:
    """What folds a mismatch of projects under itself does not explain who chose the host."""
    environ = {**OWN_PAIR, "LIVEKIT_API_SECRET": f"{SECRET} "}
    facts = configured(tmp_path, {".env": f"LIVEKIT_URL={URL}\n"}, environ)
    report = judged(facts)
    assert [f.code for f in report.findings] == ["env-value-dirty", "env-project-mismatch"]
    trust = report.findings[1]
    assert [(e.label, e.observed, e.expected) for e in trust.evidence] == [
        ("LIVEKIT_URL (.env:1)", URL, None),
        ("the API secret", "from environment", "from .env:1"),
    ]
    assert trust.symptom == ""


def test_where_all_comes_from_one_place_nobody_asks_who_chose_the_host(tmp_path: Path) -> None:
    assert judged(configured(tmp_path, HEALTHY)).check("env.trust") is None


def test_a_key_that_the_server_does_not_know(tmp_path: Path) -> None:
    facts = configured(tmp_path, HEALTHY)
    refused = with_answers(facts, status=401, body=f"invalid API key: {KEY}")
    assert told(refused) == [("env-project-mismatch", *CERTAIN, ".env.local:2")]


@pytest.mark.parametrize(
    ("dev_mode", "code"),
    [
        pytest.param(True, "env-cloud-key-on-local-server", id="it runs with --dev"),
        pytest.param(False, "env-project-mismatch", id="it has keys of its own"),
        pytest.param(None, "env-project-mismatch", id="it did not say"),
    ],
)
def test_a_cloud_key_that_a_local_server_does_not_know(
    tmp_path: Path, *, dev_mode: bool | None, code: str
) -> None:
    facts = configured(tmp_path, {}, variables(url="ws://localhost:7880"))
    refused = with_answers(facts, status=401, body=f"invalid API key: {KEY}")
    server = ServerFact(answer(200, "OK"), dev_mode=dev_mode)
    assert told(refused._replace(server=server)) == [(code, *CERTAIN, None)]


def test_a_cloud_key_that_a_local_server_refuses_is_certain(tmp_path: Path) -> None:
    facts = configured(tmp_path, HEALTHY, given=Given(url="ws://localhost:7880"))
    refused = with_answers(facts, status=401, body=f"invalid API key: {KEY}")
    assert told(refused) == [("env-cloud-key-on-local-server", *CERTAIN, ".env.local:2")]
    assert told(with_answers(facts)) == []


def test_a_cloud_key_that_the_local_server_knows_is_no_finding(tmp_path: Path) -> None:
    facts = configured(tmp_path, {}, variables(url="ws://localhost:7880"))
    assert told(with_answers(facts)) == []
    assert told(with_answers(facts, rooms=True)) == []


@pytest.mark.parametrize(
    "body",
    [
        "invalid token: <token>, error: token signature is invalid: signature is invalid",
        "invalid token: <token>, error: go-jose/go-jose: error in cryptographic primitive",
    ],
    ids=["1.13", "1.12 and before"],
)
def test_a_server_that_finds_the_signature_wrong_knows_the_key(tmp_path: Path, body: str) -> None:
    """The rules of the token say what is wrong then; the kind of key is not."""
    facts = configured(tmp_path, {}, variables(url="ws://localhost:7880"))
    assert told(with_answers(facts, status=401, body=body)) == []


# ------------------------------------------------------------------ containers


def in_container(directory: Path, given: Given | None = None) -> Facts:
    facts = configured(directory, {}, variables("ws://localhost:7880", "devkey", "secret"), given)
    env = facts.env or EnvFact()
    return facts._replace(env=env._replace(container="/.dockerenv exists"))


def reached(*attempts: TcpConnected | TcpRefused) -> NetworkFact:
    return NetworkFact("localhost", 7880, Family.ANY, Resolved(("127.0.0.1",), 1.0), attempts)


def test_localhost_inside_a_container(tmp_path: Path) -> None:
    facts = in_container(tmp_path)
    assert told(facts) == [("env-internal-vs-public-url", "warning", "hint", None)]
    refused = facts._replace(network=reached(TcpRefused("127.0.0.1", 7880, 1.0)))
    assert told(refused) == [("env-internal-vs-public-url", *LIKELY, None)]


def test_a_server_in_the_same_container_is_no_finding(tmp_path: Path) -> None:
    facts = in_container(tmp_path)._replace(network=reached(TcpConnected("127.0.0.1", 7880, 1.0)))
    assert told(facts) == []


def test_what_was_said_on_the_command_line_is_meant(tmp_path: Path) -> None:
    assert told(in_container(tmp_path, Given(dev=True))) == []


def test_a_file_that_was_named_wins_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "named.env").write_text(HEALTHY[".env.local"])
    given = Given(env_files=("named.env",))
    staging, files_there = (
        {".env": HEALTHY[".env.local"].replace(URL, other)}
        for other in ("wss://staging-x4k2.livekit.cloud", "ws://localhost:7880")
    )
    assert told(configured(tmp_path, staging, given=given)) == []
    assert told(configured(tmp_path, files_there, given=given)) == []
    assert told(configured(tmp_path, files_there, {"LIVEKIT_URL": "wss://x.example"}, given)) == [
        ("env-file-precedence", "warning", "certain", "named.env:1")
    ]


def test_a_url_alone_on_the_command_line_is_a_question_about_a_server(tmp_path: Path) -> None:
    facts = configured(tmp_path, {}, given=Given(url=URL))
    assert told(facts) == [("env-missing", "info", "certain", None)]


# ------------------------------------------------------------------ checks


def test_what_a_healthy_folder_is_told(tmp_path: Path) -> None:
    report = judged(configured(tmp_path, HEALTHY))
    assert {(c.id, str(c.status), c.summary) for c in report.checks if c.layer is Layer.ENV} == {
        ("env.read", "pass", "process environment, .env.local"),
        ("env.set", "pass", "3 values set"),
        ("env.clean", "pass", "none quoted, no blanks, no samples"),
        ("env.match", "pass", "key and secret look like a pair"),
        ("env.agree", "pass", "no conflicts"),
        ("env.private", "pass", "no secret under a public prefix"),
        ("env.audience", "pass", "the URL suits this process"),
    }
    assert isinstance(configured(tmp_path, HEALTHY).url, UrlFact)
