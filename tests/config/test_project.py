"""A project file is read whole or refused with its line and the right key."""

import pytest

from lkdoctor.config.project import Project, ProjectEntry, parse_project
from lkdoctor.errors import UsageError
from lkdoctor.redact import clean

SECRET = "pJ3kV9zR5xN1mT7wQ2bH8dL4sF6gC0yUaOeIiErTnMu"


def test_a_whole_file() -> None:
    text = """
project = "one"
[booking]
room = "booking-{booking}"
[roles.supervisor]
canPublish = false
[projects.one]
url = "wss://one.livekit.cloud"
api_key = "APIone"
api_secret_env = "ONE_SECRET"
[projects.two]
url = "wss://two.livekit.cloud"
"""
    assert parse_project(text, "lkdoctor.toml") == Project(
        origin="lkdoctor.toml",
        table={
            "project": "one",
            "booking": {"room": "booking-{booking}"},
            "roles": {"supervisor": {"canPublish": False}},
            "projects": {
                "one": {
                    "url": "wss://one.livekit.cloud",
                    "api_key": "APIone",
                    "api_secret_env": "ONE_SECRET",
                },
                "two": {"url": "wss://two.livekit.cloud"},
            },
        },
        projects=(
            ProjectEntry(
                "one", "wss://one.livekit.cloud", "APIone", "ONE_SECRET", "lkdoctor.toml:7"
            ),
            ProjectEntry("two", "wss://two.livekit.cloud", None, None, "lkdoctor.toml:11"),
        ),
        default="one",
    )


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        pytest.param(
            "\n[bookings]\n",
            "lkdoctor.toml:2: bookings is not a setting",
            "did you mean booking?",
            id="slip",
        ),
        pytest.param(
            "colour = 1\n",
            "lkdoctor.toml:1: colour is not a setting",
            "there are: project, booking, roles, projects",
            id="unknown",
        ),
        pytest.param(
            '[projects.a]\nurl = "ws://a"\napikey = "b"\n',
            "lkdoctor.toml:3: projects.a.apikey is not a setting",
            "did you mean api_key?",
            id="slip in a project",
        ),
        pytest.param(
            "[projects.a]\nurl = 7880\n",
            "lkdoctor.toml:2: projects.a.url is not a text",
            'url = "…"',
            id="number",
        ),
        pytest.param(
            f'[projects.prod]\napi_secret = "{SECRET}"\n',
            "lkdoctor.toml:2: projects.prod.api_secret would put a secret in a file that is shared",
            'api_secret_env = "PROD_LIVEKIT_API_SECRET"   names the variable that holds it',
            id="a secret",
        ),
        pytest.param(
            f'[projects.prod]\napi_secret_env = "{SECRET}/+"\n',
            "lkdoctor.toml:2: projects.prod.api_secret_env is not the name of a variable",
            'api_secret_env = "PROD_LIVEKIT_API_SECRET"',
            id="a secret in the place of its name",
        ),
        pytest.param(
            'project = "b"\n[projects.bb]\n',
            "there is no project 'b' in lkdoctor.toml",
            "did you mean bb?",
            id="default that is not there",
        ),
        pytest.param(
            "projects = 1\n",
            "lkdoctor.toml:1: projects is not a table",
            "write [projects.NAME] on a line",
            id="no table",
        ),
        pytest.param(
            "project = 1\n",
            "lkdoctor.toml:1: project is not a text",
            'project = "NAME"',
            id="no text",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_project(text, "lkdoctor.toml")
    assert (error.value.message, error.value.advice) == (message, (advice,))


def test_no_toml_at_all() -> None:
    with pytest.raises(UsageError, match=r"lkdoctor.toml: not TOML: .*line 1"):
        parse_project("room: x\n", "lkdoctor.toml")


def test_a_table_that_is_not_there() -> None:
    assert parse_project("[tool.ruff]\n", "pyproject.toml", within=("tool", "lkdoctor")) is None


def test_a_secret_in_the_file_is_known_to_the_redaction() -> None:
    with pytest.raises(UsageError):
        parse_project(f'[projects.p]\nsecret = "{SECRET}X"\n', "lkdoctor.toml")
    assert SECRET[10:20] not in clean(f"see {SECRET}X")


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        pytest.param(["a"], None, "a", id="the only one"),
        pytest.param(["a", "b"], None, None, id="several and none asked for"),
        pytest.param(["a", "b"], "b", "b", id="asked for"),
    ],
)
def test_which_project_is_meant(names: list[str], asked: str | None, expected: str | None) -> None:
    text = "".join(f"[projects.{name}]\n" for name in names)
    project = parse_project(text, "lkdoctor.toml")
    assert project is not None
    entry = project.entry(asked)
    assert (entry and entry.name) == expected
