"""The projects of LiveKit's own CLI: read as lk writes them, used as a whole or not at all."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.config.lk import FILE, LkConfig, LkProject, UnreadableError, parse
from lkdoctor.config.resolve import Kind, Resolution
from lkdoctor.config.sources import Given, load
from lkdoctor.config.target import Setting
from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret

SECRET = "pJ3kV9zR5xN1mT7wQ2bH8dL4sF6gC0yUaOeIiErTnMu"
OTHER = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9f"

WRITTEN = f"""\
default_project: clinic
projects:
    - name: clinic
      project_id: p_4k2
      url: wss://clinic-x4k2.livekit.cloud
      api_key: APIxk7Qm3pLw9Za
      api_secret: {SECRET}
    - name: staging
      project_id: ""
      url: wss://staging-9t1.livekit.cloud
      api_key: APIst4Rt8Ny2Ks
      api_secret: {OTHER}
device_name: laptop
"""


def test_what_lk_writes() -> None:
    assert parse(WRITTEN) == LkConfig(
        projects=(
            LkProject(
                "clinic", "wss://clinic-x4k2.livekit.cloud", "APIxk7Qm3pLw9Za", Secret(SECRET), 3
            ),
            LkProject(
                "staging", "wss://staging-9t1.livekit.cloud", "APIst4Rt8Ny2Ks", Secret(OTHER), 8
            ),
        ),
        default="clinic",
    )


@pytest.mark.parametrize(
    ("text", "config"),
    [
        pytest.param("", LkConfig(), id="empty"),
        pytest.param('default_project: ""\nprojects: []\n', LkConfig(), id="none left"),
        pytest.param("projects:\n", LkConfig(), id="null"),
        pytest.param(
            "projects: [{name: 12, url: null, api_key: 0x1F, extra: [1]}]",
            LkConfig((LkProject("12", None, "0x1F", None, 1),)),
            id="numbers are texts, what lk does not know is passed over",
        ),
    ],
)
def test_what_else_may_stand_there(text: str, config: LkConfig) -> None:
    assert parse(text) == config


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: [", "line 2: not YAML", id="cut off"),
        pytest.param("- a", "line 1: the file is not a mapping", id="a list"),
        pytest.param("projects: 3", "line 1: projects is not a list", id="a number"),
        pytest.param("projects:\n- a", "line 2: a project is not a mapping", id="a word"),
        pytest.param("\tprojects: 1", "line 1: not YAML", id="a tab"),
        pytest.param("[" * 20_000, "line 1: not YAML (exceeded maximum nesting depth)", id="deep"),
    ],
)
def test_what_lk_does_not_write(text: str, problem: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse(text)
    assert str(refused.value).startswith(problem)


def test_a_bomb_of_aliases_stays_as_small_as_it_is_written() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n"
        for before, after in zip("abcdefghijk", "bcdefghijkl", strict=True)
    )
    with pytest.raises(UnreadableError, match="line 5: not YAML"):
        parse(bomb + "projects: *l\n")


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UnreadableError):
        assert isinstance(parse(text), LkConfig)


# ------------------------------------------------------------------ as a source


def loaded(
    home: Path,
    written: str = WRITTEN,
    *,
    environ: Mapping[str, str] | None = None,
    **settings: object,
) -> Resolution:
    (home / FILE).parent.mkdir(parents=True, exist_ok=True)
    (home / FILE).write_text(written, encoding="utf-8")
    folder = home / "app"
    folder.mkdir(exist_ok=True)
    wanted = Given(project=str(settings["project"])) if "project" in settings else Given()
    return load(
        wanted,
        environ=environ or {},
        directory=folder,
        home=home,
        every_project="every_project" in settings,
    )


def test_lk_s_default_project_is_the_last_resort(tmp_path: Path) -> None:
    target = loaded(tmp_path).target
    assert target.url is not None
    assert target.url == Setting("wss://clinic-x4k2.livekit.cloud", "~/.livekit/cli-config.yaml:3")
    assert target.apart is None
    assert target.key_pair is not None
    assert target.key_pair.api_secret.value == Secret(SECRET)


@pytest.mark.parametrize(
    "environ",
    [
        {"LIVEKIT_URL": "wss://elsewhere.example"},
        {"NEXT_PUBLIC_LIVEKIT_URL": "wss://elsewhere.example"},
        {"LIVEKIT_API_KEY": "APIelsewhere"},
        {"LIVEKIT_API_SECRET": OTHER},
    ],
)
def test_its_keys_never_go_to_a_url_from_elsewhere(tmp_path: Path, environ: dict[str, str]) -> None:
    target = loaded(tmp_path, environ=environ).target
    found = [setting for setting in (target.url, target.api_key, target.api_secret) if setting]
    assert [setting.origin for setting in found] == ["environment"]


def test_a_token_alone_leaves_the_project_in_use(tmp_path: Path) -> None:
    target = loaded(tmp_path, environ={"LIVEKIT_TOKEN": "a.b.c"}).target
    assert target.url is not None


def test_a_project_of_lk_is_named_like_one_of_the_folder(tmp_path: Path) -> None:
    environ = {"LIVEKIT_URL": "wss://elsewhere.example"}
    target = loaded(tmp_path, environ=environ, project="staging").target
    assert target.url is not None
    assert target.url.value == "wss://staging-9t1.livekit.cloud"
    (tmp_path / "app" / "lkdoctor.toml").write_text(
        '[projects.staging]\nurl = "wss://own.example"\n'
    )
    target = loaded(tmp_path, environ=environ, project="staging").target
    assert target.url is not None
    assert target.url.value == "wss://own.example"


def test_a_project_of_lk_s_is_its_user_s_own_choice(tmp_path: Path) -> None:
    target = loaded(tmp_path, environ={"LIVEKIT_TOKEN": "a.b.c"}, project="staging").target
    assert target.apart is None
    (tmp_path / "app" / ".env").write_text("LIVEKIT_URL=wss://evil.example\n", encoding="utf-8")
    nowhere = WRITTEN.replace("      url: wss://staging-9t1.livekit.cloud\n", "")
    assert nowhere != WRITTEN
    target = loaded(tmp_path, nowhere, project="staging").target
    assert target.apart is not None
    assert target.apart.url == ".env:1"


def test_a_project_that_nobody_knows_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        loaded(tmp_path, project="stagin")
    assert refused.value.message == "there is no project 'stagin' in lkdoctor.toml, nor among lk's"
    assert tuple(refused.value.advice) == ("did you mean staging?",)


def test_all_projects_are_there_for_who_asks(tmp_path: Path) -> None:
    assert loaded(tmp_path).projects == ()
    named = {p.name: p.target.api_secret for p in loaded(tmp_path, every_project=True).projects}
    assert {name: secret.value for name, secret in named.items() if secret} == {
        "clinic of lk": Secret(SECRET),
        "staging of lk": Secret(OTHER),
    }


def test_a_file_that_cannot_be_read_is_a_place_with_a_problem(tmp_path: Path) -> None:
    resolution = loaded(tmp_path, "projects: 3", every_project=True)
    last = resolution.sources[-1]
    assert (last.label, last.kind, last.problem) == (
        "~/.livekit/cli-config.yaml",
        Kind.LK,
        "line 1: projects is not a list",
    )
    with pytest.raises(UsageError, match="line 1: projects is not a list"):
        loaded(tmp_path, "projects: 3", project="clinic")


def test_without_a_home_nothing_is_looked_for(tmp_path: Path) -> None:
    resolution = load(Given(), environ={}, directory=tmp_path)
    assert resolution.target.url is None
