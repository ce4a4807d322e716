"""What is known of a variable without its value."""

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.config.resolve import Kind, Meaning
from lkdoctor.config.sources import Given, load
from lkdoctor.facts import Facts
from lkdoctor.facts.codec import facts_from_json, facts_to_json
from lkdoctor.facts.env import EnvFact, FaultKind, Looks, Place, Variable, env_fact, looks_like

URL = "wss://demo-x4k2.livekit.cloud"
KEY = "APIxk3pLw9Za7Qm"
SECRET = "zK8wD3nX6vB1mQ9rT4yL7pH2sJ5cF0gUaEoIiYtRkWbN"


def seen(directory: Path, environ: dict[str, str]) -> EnvFact:
    return env_fact(load(Given(), environ=environ, directory=directory))


def test_a_whole_fact(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"LIVEKIT_URL=ws://localhost:7880\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET} \n"
    )
    fact = seen(tmp_path, {"LIVEKIT_URL": URL})
    expected = hmac.new(KEY.encode(), SECRET.encode(), hashlib.sha256).hexdigest()[:6]
    assert fact._replace(container=None, directory=".") == EnvFact(
        variables=(
            Variable(
                "LIVEKIT_URL",
                Meaning.URL,
                Kind.ENVIRONMENT,
                "environment",
                used=True,
                length=29,
                looks=Looks.URL,
                shown=URL,
                same=True,
                host="demo-x4k2.livekit.cloud",
            ),
            Variable(
                "LIVEKIT_URL",
                Meaning.URL,
                Kind.FOLDER_FILE,
                ".env:1",
                used=False,
                length=19,
                looks=Looks.URL,
                shown="ws://localhost:7880",
                hidden_by="environment",
                hidden_by_source=Kind.ENVIRONMENT,
                host="localhost",
            ),
            Variable(
                "LIVEKIT_API_KEY",
                Meaning.API_KEY,
                Kind.FOLDER_FILE,
                ".env:2",
                used=True,
                length=15,
                looks=Looks.KEY,
                shown="APIxk…7Qm",
                same=True,
            ),
            Variable(
                "LIVEKIT_API_SECRET",
                Meaning.API_SECRET,
                Kind.FOLDER_FILE,
                ".env:3",
                used=True,
                length=44,
                looks=Looks.SECRET,
                id=expected,
                same=True,
                faults=fact.variables[3].faults,
            ),
        ),
        places=(
            Place("process environment", Kind.ENVIRONMENT, found=True),
            Place(".env.local", Kind.FOLDER_FILE, found=False),
            Place(".env", Kind.FOLDER_FILE, found=True),
        ),
    )
    assert [(f.what, f.detail) for f in fact.variables[3].faults] == [
        (FaultKind.LINE_BLANK, "the line ends with a blank")
    ]
    assert facts_from_json(facts_to_json(Facts(env=fact))) == Facts(env=fact)


def test_the_id_of_a_secret_is_the_same_on_both_sides(tmp_path: Path) -> None:
    """Blanks and quotes of a file do not change it; another key does."""
    environ = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    one, two, three, short = (
        seen(tmp_path, environ | changes).used(Meaning.API_SECRET)
        for changes in (
            {},
            {"LIVEKIT_API_SECRET": f" {SECRET}\n"},
            {"LIVEKIT_API_KEY": "other"},
            {"LIVEKIT_API_SECRET": SECRET[:31]},
        )
    )
    assert one
    assert two
    assert three
    assert short
    assert one.id == two.id
    assert one.id != three.id
    assert short.id is None


@pytest.mark.parametrize(
    ("value", "looks"),
    [
        ("", Looks.EMPTY),
        (" \n", Looks.EMPTY),
        (URL, Looks.URL),
        (f'"{URL}"', Looks.URL),
        ("ws://mylivekit.example.com", Looks.URL),
        ("wss://your-team-x4.example.com", Looks.PLACEHOLDER),
        (KEY, Looks.KEY),
        ("devkey", Looks.DEV_KEY),
        (SECRET, Looks.SECRET),
        ("c2VjcmV0+c2VjcmV0/c2VjcmV0c2VjcmV0=", Looks.SECRET),
        ("secret", Looks.OTHER),
        ("mykey", Looks.OTHER),
        ("mysecret", Looks.OTHER),
        ("key", Looks.OTHER),
        ("APIkey", Looks.PLACEHOLDER),
        ("a.b.c", Looks.OTHER),
        ("your-api-key", Looks.PLACEHOLDER),
        ("YOUR_API_SECRET", Looks.PLACEHOLDER),
        ("yourSecret", Looks.PLACEHOLDER),
        ("<your LiveKit server URL>", Looks.PLACEHOLDER),
        ("wss://<project>.livekit.cloud", Looks.PLACEHOLDER),
        ("wss://your-project.livekit.cloud", Looks.PLACEHOLDER),
        ("wss://my-project.livekit.cloud", Looks.PLACEHOLDER),
        ("wss://xxxxxxx.livekit.cloud", Looks.PLACEHOLDER),
        ("wss://...", Looks.PLACEHOLDER),
        ("API...", Looks.PLACEHOLDER),
        ("APIxxxxxxxxxxxx", Looks.PLACEHOLDER),
        ("xxx", Looks.PLACEHOLDER),
        ("********", Looks.PLACEHOLDER),
        ("…", Looks.PLACEHOLDER),
        ("changeme", Looks.PLACEHOLDER),
        ("REPLACE_ME", Looks.PLACEHOLDER),
        ("{{ livekit_key }}", Looks.PLACEHOLDER),
        ("[key]", Looks.PLACEHOLDER),
        ("__API_SECRET__", Looks.PLACEHOLDER),
        ("$LIVEKIT_API_KEY", Looks.PLACEHOLDER),
        ("${LIVEKIT_API_KEY}", Looks.PLACEHOLDER),
        ("%LIVEKIT_API_KEY%", Looks.PLACEHOLDER),
        ("process.env.LIVEKIT_URL", Looks.PLACEHOLDER),
        ("undefined", Looks.PLACEHOLDER),
        ("insert key here", Looks.PLACEHOLDER),
        ("my-api-key", Looks.PLACEHOLDER),
        ("LIVEKIT_API_SECRET", Looks.PLACEHOLDER),
        ("eyJhbGciOiJI.eyJ2aWRlbyI.c2ln", Looks.TOKEN),
        ("Bearer eyJhbGciOiJI.eyJ2aWRlbyI.c2ln", Looks.TOKEN),
        ("op://vault/livekit/secret", Looks.REFERENCE),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:lk", Looks.REFERENCE),
        ("/run/secrets/livekit", Looks.REFERENCE),
        ("$(cat secret.txt)", Looks.REFERENCE),
        ("encrypted:BNq2xk", Looks.REFERENCE),
    ],
)
def test_what_a_value_looks_like(value: str, looks: Looks) -> None:
    assert looks_like(value) is looks


@given(
    st.text(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=40, max_size=50
    )
)
def test_no_random_secret_looks_like_a_sample(secret: str) -> None:
    """43 letters and digits may hold any short word; only what nobody draws is a sample."""
    if not secret.lower().startswith("your") and len(set(secret.lower())) > 3:
        assert looks_like(secret) is Looks.SECRET


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        pytest.param(KEY, [], id="clean"),
        pytest.param(f" {KEY}", [FaultKind.LEADING_BLANK], id="blank in front"),
        pytest.param(f"{KEY}\t", [FaultKind.TRAILING_BLANK], id="tab behind"),
        pytest.param(f"{KEY}\r\n", [FaultKind.LINE_END], id="line end"),
        pytest.param(f"“{KEY}”", [FaultKind.QUOTES], id="typographic quotes"),
        pytest.param(f'{KEY}"', [FaultKind.QUOTES], id="half a pair"),
        pytest.param(f"={KEY}", [FaultKind.EQUALS], id="equals sign"),
        pytest.param(
            f"export LIVEKIT_API_KEY={KEY}", [FaultKind.NAME, FaultKind.INNER_BLANK], id="line"
        ),
        pytest.param(f"{KEY} # x", [FaultKind.COMMENT], id="comment"),
        pytest.param("AP I", [FaultKind.INNER_BLANK], id="blank inside"),
        pytest.param("AP\x00I", [FaultKind.CONTROL], id="NUL"),
        pytest.param("AP\u200bI\u200b", [FaultKind.INVISIBLE], id="zero width"),
        pytest.param("AP\xa0I", [FaultKind.INVISIBLE, FaultKind.INNER_BLANK], id="no-break space"),
        pytest.param("\ufeffAPI", [FaultKind.INVISIBLE], id="byte-order mark"),
        pytest.param("AP\udcff", [FaultKind.NOT_UTF8], id="stray byte"),
        pytest.param("APIé", [], id="a letter that is visible"),
    ],
)
def test_faults_of_a_key(tmp_path: Path, value: str, kinds: list[FaultKind]) -> None:
    (variable,) = seen(tmp_path, {"LIVEKIT_API_KEY": value}).variables
    assert [fault.what for fault in variable.faults] == kinds


@given(st.text(max_size=60))
def test_any_value_can_be_looked_at(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    names = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_TOKEN")
    fact = seen(tmp_path_factory.getbasetemp(), dict.fromkeys(names, value))
    assert facts_from_json(facts_to_json(Facts(env=fact))) == Facts(env=fact)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        pytest.param(
            "LIVEKIT_URL", "wss://u:Lw9Zk3Qx7p@h", "wss://<redacted>@h", id="password in a URL"
        ),
        pytest.param("LIVEKIT_URL", "u:Lw9Z@h.example", "<redacted>@h.example", id="no scheme"),
        pytest.param("LIVEKIT_URL", "wss:/u:p@h.io", "wss:/<redacted>@h.io", id="one slash"),
        pytest.param("LIVEKIT_URL", "<wss://u:p/q@h.io>", "<wss://<redacted>@h.io>", id="brackets"),
        pytest.param("LIVEKIT_URL", SECRET, "<redacted>", id="a secret in place of a URL"),
        pytest.param("LIVEKIT_API_KEY", SECRET, "", id="a secret in place of a key"),
        pytest.param("LIVEKIT_API_KEY", f'"{KEY}"', '"APIxk…7Qm"', id="quotes are shown"),
        pytest.param("LIVEKIT_API_KEY", "Xk3 pLw9 Za7Q mVt5 Rb2N", "", id="too long for a key"),
        pytest.param("LIVEKIT_API_KEY", "<your key>", "<your key>", id="samples are shown"),
        pytest.param("LIVEKIT_API_SECRET", "changeme", "", id="a secret never is"),
        pytest.param("LIVEKIT_URL", "wss://\x1b[31mh", "wss://\\x1b[31mh", id="escapes cannot act"),
    ],
)
def test_what_is_shown(tmp_path: Path, name: str, value: str, shown: str) -> None:
    (variable,) = seen(tmp_path, {name: value}).variables
    assert variable.shown == shown
