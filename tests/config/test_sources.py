"""Where values are read, and that nothing a folder holds can hang, fill or break the reading."""

import io
import os
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lkdoctor.config.resolve import Kind, Resolution, Value, Writing
from lkdoctor.config.sources import (
    MAX_BLANKS,
    MAX_FILE,
    Given,
    find_container,
    load,
    read_env_file,
    read_environment,
    read_project,
    read_proxies,
)
from lkdoctor.config.target import Apart, SecretSetting, Setting, Target
from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret

URL = "wss://demo-x4k2.livekit.cloud"
KEY = "APIxk3pLw9Za7Qm"
SECRET = "mU7xQ2vR9kLp4Zt6Wc8Nb3Hs5Jd1Fg0YaEoTiUqPrSmK"


def resolved(
    directory: Path,
    given: Given | None = None,
    environ: dict[str, str] | None = None,
    *,
    stdin: bytes = b"",
) -> Resolution:
    return load(
        given or Given(), environ=environ or {}, directory=directory, stdin=io.BytesIO(stdin)
    )


def written(directory: Path, content: str | bytes, name: str = ".env") -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def values(directory: Path, content: str | bytes, **environ: str) -> dict[str, tuple[str, str]]:
    """Name → value and origin, as a .env file of the folder gives them."""
    path = written(directory, content)
    source = read_env_file(path, ".env", Kind.FOLDER_FILE, environ)
    assert source.problem is None
    return {value.name: (value.text, value.origin) for value in reversed(source.values)}


# ------------------------------------------------------------------ precedence


def test_every_place_in_its_order(tmp_path: Path) -> None:
    """An option, the environment, a named file, .env.local, .env, the project file."""
    written(tmp_path, "LIVEKIT_URL=ws://named\n", "named.env")
    written(tmp_path, "LIVEKIT_URL=ws://local\n", ".env.local")
    written(tmp_path, "LIVEKIT_URL=ws://env\n")
    written(tmp_path, '[projects.one]\nurl = "ws://project"\n', "lkdoctor.toml")
    everything = resolved(
        tmp_path,
        Given(url="ws://option", env_files=("named.env",)),
        {"LIVEKIT_URL": "ws://environment"},
    )
    assert [r.value.origin for r in everything.values] == [
        "--url",
        "environment",
        "named.env:1",
        ".env.local:1",
        ".env:1",
        "lkdoctor.toml:1",
    ]
    assert everything.target.url == Setting("ws://option", "--url")
    assert [r.used for r in everything.values] == [True] + 5 * [False]
    assert {r.winner and r.winner.origin for r in everything.values[1:]} == {"--url"}


@pytest.mark.parametrize(
    ("given_", "environ", "expected"),
    [
        pytest.param(
            Given(), {"LIVEKIT_URL": "ws://b"}, ("ws://b", "environment"), id="environment"
        ),
        pytest.param(
            Given(env_files=("one.env", "two.env")),
            {},
            ("ws://one", "one.env:1"),
            id="first file named",
        ),
        pytest.param(
            Given(env_files=("two.env", "one.env")),
            {},
            ("ws://two", "two.env:1"),
            id="order as given",
        ),
        pytest.param(Given(), {}, ("ws://env", ".env:1", True), id="the folder's file"),
        pytest.param(Given(dev=True), {}, ("ws://localhost:7880", "--dev"), id="dev"),
        pytest.param(
            Given(dev=True, url="ws://a:1"), {}, ("ws://a:1", "--url"), id="an option beside dev"
        ),
    ],
)
def test_which_url_wins(
    tmp_path: Path,
    given_: Given,
    environ: dict[str, str],
    expected: tuple[str, str] | tuple[str, str, bool],
) -> None:
    written(tmp_path, "LIVEKIT_URL=ws://one\n", "one.env")
    written(tmp_path, "LIVEKIT_URL=ws://two\n", "two.env")
    written(tmp_path, "LIVEKIT_URL=ws://env\n")
    assert resolved(tmp_path, given_, environ).target.url == Setting(*expected)


def test_a_whole_target(tmp_path: Path) -> None:
    written(tmp_path, f"LIVEKIT_URL={URL}\nLIVEKIT_API_KEY={KEY}\n", ".env.local")
    written(tmp_path, f"\n\nLIVEKIT_API_SECRET={SECRET}\n")
    found = resolved(tmp_path, environ={"LIVEKIT_TOKEN": "made.up.token"})
    assert found.target == Target(
        url=Setting(URL, ".env.local:1", of_folder=True),
        api_key=Setting(KEY, ".env.local:2", of_folder=True),
        api_secret=SecretSetting(Secret(SECRET), ".env:3", of_folder=True),
        token=SecretSetting(Secret("made.up.token"), "environment"),
    )
    assert [(s.label, s.found) for s in found.sources] == [
        ("process environment", True),
        (".env.local", True),
        (".env", True),
    ]


def test_an_empty_variable_hides_a_file_as_it_does_for_every_app(tmp_path: Path) -> None:
    written(tmp_path, f"LIVEKIT_URL={URL}\n")
    found = resolved(tmp_path, environ={"LIVEKIT_URL": ""})
    assert found.target.url is None
    assert [(r.value.origin, r.used) for r in found.values] == [
        ("environment", True),
        (".env:1", False),
    ]


def test_the_last_line_of_a_file_wins(tmp_path: Path) -> None:
    written(tmp_path, "LIVEKIT_URL=ws://first\nLIVEKIT_URL=ws://last\n")
    found = resolved(tmp_path)
    assert found.target.url == Setting("ws://last", ".env:2", of_folder=True)
    assert [r.value.origin for r in found.values] == [".env:2", ".env:1"]


def test_livekit_url_and_livekit_ws_url_mean_the_same(tmp_path: Path) -> None:
    written(tmp_path, "LIVEKIT_WS_URL=ws://ws\nLIVEKIT_URL=ws://url\n")
    found = resolved(tmp_path)
    assert found.target.url == Setting("ws://url", ".env:2", of_folder=True)
    assert [(r.value.name, r.used) for r in found.values] == [
        ("LIVEKIT_URL", True),
        ("LIVEKIT_WS_URL", False),
    ]
    assert resolved(tmp_path, environ={"LIVEKIT_WS_URL": "ws://strong"}).target.url == Setting(
        "ws://strong", "environment"
    )


@pytest.mark.parametrize(
    "prefix", ["NEXT_PUBLIC_", "VITE_", "REACT_APP_", "EXPO_PUBLIC_", "PUBLIC_", "NUXT_PUBLIC_"]
)
def test_a_public_name_stands_in_but_hides_nothing(tmp_path: Path, prefix: str) -> None:
    name = f"{prefix}LIVEKIT_URL"
    assert resolved(tmp_path, environ={name: "ws://page"}).target.url == Setting(
        "ws://page", "environment"
    )
    written(tmp_path, "LIVEKIT_URL=ws://server\n")
    both = resolved(tmp_path, environ={name: "ws://page"})
    assert both.target.url == Setting("ws://server", ".env:1", of_folder=True)
    assert [r.used for r in both.values] == [True, True]


# ------------------------------------------------------------------ options


def test_a_secret_from_a_file_or_standard_input(tmp_path: Path) -> None:
    path = written(tmp_path, f"{SECRET}\r\n", "secret.txt")
    from_file = resolved(tmp_path, Given(api_secret_file=str(path)))
    assert from_file.target.api_secret == SecretSetting(Secret(SECRET), f"--api-secret-file {path}")
    piped = resolved(tmp_path, Given(token_file="-"), stdin=b" made.up.token \n")
    assert piped.target.token == SecretSetting(Secret("made.up.token"), "--token-file -")


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        pytest.param(
            Given(api_secret="a", api_secret_file="b"),
            "--api-secret and --api-secret-file say the same",
            id="the secret twice",
        ),
        pytest.param(
            Given(token_file="-", api_secret_file="-"),
            "standard input cannot hold both the secret and the token",
            id="standard input twice",
        ),
        pytest.param(Given(token_file="./no"), "--token-file ./no: no such file", id="no file"),
        pytest.param(Given(token_file="."), "--token-file .: is a directory", id="a directory"),
        pytest.param(
            Given(token_file="a.\0b"), "--token-file a.\\x00b: not the name of a file", id="a NUL"
        ),
        pytest.param(Given(token_file="-"), "--token-file -: empty", id="nothing piped"),
        pytest.param(
            Given(env_files=("none.env",)), "--env-file none.env: no such file", id="no .env"
        ),
        pytest.param(
            Given(env_files=(".",)), "--env-file .: is a directory", id="a folder as .env"
        ),
        pytest.param(
            Given(project="x"),
            "there is no project 'x' in lkdoctor.toml, nor among lk's",
            id="a project of no file",
        ),
    ],
)
def test_what_the_user_named_and_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_: Given, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        resolved(tmp_path, given_)
    assert error.value.message == message


# ------------------------------------------------------------------ the dialect of .env files


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("LIVEKIT_URL=ws://a", ("ws://a", ".env:1"), id="no line end"),
        pytest.param("A=1\r\nLIVEKIT_URL=ws://a\r\n", ("ws://a", ".env:2"), id="Windows line ends"),
        pytest.param("\ufeffLIVEKIT_URL=ws://a\n", ("ws://a", ".env:1"), id="byte-order mark"),
        pytest.param("export LIVEKIT_URL = ws://a\n", ("ws://a", ".env:1"), id="export and blanks"),
        pytest.param("LIVEKIT_URL='ws://a' # x\n", ("ws://a", ".env:1"), id="single quotes"),
        pytest.param('LIVEKIT_URL="ws://a"\n', ("ws://a", ".env:1"), id="double quotes"),
        pytest.param("LIVEKIT_URL=ws://a #b\n", ("ws://a", ".env:1"), id="comment"),
        pytest.param("LIVEKIT_URL=ws://a#b\n", ("ws://a#b", ".env:1"), id="hash inside"),
        pytest.param("LIVEKIT_URL==ws://a\n", ("=ws://a", ".env:1"), id="second equals sign"),
        pytest.param(
            'X="1\n2\n3"\n\n# c\nLIVEKIT_URL=ws://a\n', ("ws://a", ".env:6"), id="after many lines"
        ),
        pytest.param("H=a\nLIVEKIT_URL=ws://${H}:1\n", ("ws://a:1", ".env:2"), id="reference"),
        pytest.param(
            "LIVEKIT_URL=ws://${NO:-b}\n", ("ws://b", ".env:1"), id="reference with a default"
        ),
        pytest.param(
            "HOST=file\nLIVEKIT_URL=ws://${HOST}\n",
            ("ws://file", ".env:2"),
            id="reference to what the environment has, too",
        ),
        pytest.param(
            "LIVEKIT_URL=ws://${PATH_TO_IT}\n", ("ws://${PATH_TO_IT}", ".env:1"), id="set nowhere"
        ),
        pytest.param(
            "LIVEKIT_URL=ws://${OF_PROCESS}\n", ("ws://${OF_PROCESS}", ".env:1"), id="set elsewhere"
        ),
        pytest.param(
            "LIVEKIT_URL=ws://${OF_PROCESS:-b}\n",
            ("ws://${OF_PROCESS:-b}", ".env:1"),
            id="set elsewhere, with a default",
        ),
        pytest.param(
            "A=${OF_PROCESS}\nLIVEKIT_URL=ws://${A}\n",
            ("ws://${OF_PROCESS}", ".env:2"),
            id="set elsewhere, by a detour",
        ),
    ],
)
def test_a_line_is_read_as_python_dotenv_reads_it(
    tmp_path: Path, content: str, expected: tuple[str, str]
) -> None:
    assert values(tmp_path, content, HOST="process", OF_PROCESS="p") == {"LIVEKIT_URL": expected}


@pytest.mark.parametrize(
    ("line", "writing"),
    [
        pytest.param("=abc", Writing(), id="plain"),
        pytest.param("='abc'", Writing(quote="'"), id="quoted"),
        pytest.param("='a#c' ", Writing(quote="'", blank_after=True), id="quoted, blank"),
        pytest.param("=abc ", Writing(blank_after=True), id="blank"),
        pytest.param("=abc # d", Writing(comment_after=True), id="comment"),
        pytest.param('="abc" # d', Writing(quote='"', comment_after=True), id="quoted, comment"),
        pytest.param("=ab#cd", Writing(node_length=2), id="bare hash"),
        pytest.param("=abc\r", Writing(crlf=True), id="Windows line end"),
        pytest.param("=${H}bc", Writing(references=True), id="reference"),
        pytest.param("=${NO:-b}c", Writing(references=True), id="default"),
        pytest.param("=${NO}${P}${NO}", Writing(outside=("NO", "P")), id="references elsewhere"),
        pytest.param("=${P:-x}", Writing(outside=("P",)), id="default that does not count"),
        pytest.param(
            "=${Q}",
            Writing(references=True, otherwise=("Q",)),
            id="set here, and to more elsewhere",
        ),
        pytest.param("=${R}", Writing(references=True), id="set here, and to the same elsewhere"),
        pytest.param("=${D}", Writing(references=True, outside=("NO",)), id="by a detour"),
    ],
)
def test_how_a_line_is_written_is_kept(tmp_path: Path, line: str, writing: Writing) -> None:
    path = written(tmp_path, f"H=a\nQ=b\nR=c\nD=${{NO}}\nLIVEKIT_API_KEY{line}\n")
    elsewhere = {"P": "p", "Q": "q", "R": "c"}
    (value,) = read_env_file(path, ".env", Kind.FOLDER_FILE, elsewhere).values
    assert value == Value("LIVEKIT_API_KEY", value.text, ".env:5", writing)


def test_a_files_values_are_made_of_that_file_alone(tmp_path: Path) -> None:
    written(tmp_path, "HOST=strong\nPORT=1\n", ".env.local")
    written(tmp_path, "HOST=weak\nLIVEKIT_URL=ws://${HOST}:${PORT}\nREDIS_HOST=${PORT}\n")
    found = resolved(tmp_path)
    assert found.target.url == Setting("ws://weak:${PORT}", ".env:2", of_folder=True)
    (url,) = found.values
    assert url.value.writing == Writing(references=True, outside=("PORT",), otherwise=("HOST",))
    assert found.server == (), "a server's variable that cannot be known is not one that is set"


LINES = st.lists(
    st.text(
        st.sampled_from(string.ascii_letters + string.digits + "=#'\"\\$={}:-_. \t\r\n\ufeffé"),
        max_size=60,
    )
    | st.sampled_from(
        ["LIVEKIT_URL=", "export LIVEKIT_API_KEY=", "LIVEKIT_API_SECRET='", "${", "}"]
    ),
    max_size=12,
)


@given(LINES)
@example(["LIVEKIT_URL=\r", "x"])
@example(["\ufeffLIVEKIT_URL=1"])
def test_every_file_gives_what_load_dotenv_would_set(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    """The values of every LiveKit name, whatever else stands in the file."""
    from dotenv.main import DotEnv

    text = "\n".join(lines)
    path = tmp_path_factory.getbasetemp() / "property.env"
    path.write_bytes(text.encode())
    source = read_env_file(path, ".env", Kind.FOLDER_FILE, os.environ)
    ours: dict[str, str | None] = {}
    for value in source.values:
        outside = value.writing is not None and value.writing.outside
        ours.setdefault(value.name, None if outside else value.text)
    stream = io.StringIO(text.removeprefix("\ufeff"), newline="")
    # The file's own values first, as they alone are taken here.
    theirs = DotEnv(None, stream=stream, override=True).dict()
    expected = {name: value for name, value in theirs.items() if value is not None}
    for name, mine in ours.items():
        assert mine is None or mine == expected[name]
    assert set(expected) & {"LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"} <= set(ours)


# ------------------------------------------------------------------ what a folder may hold


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(
            b"A=\xff\nB=1", "line 1: is not UTF-8 (byte 0xff); save it as UTF-8", id="Latin-1"
        ),
        pytest.param(
            "LIVEKIT_URL=ws://a".encode("utf-16"),
            "is UTF-16, as PowerShell's > writes it; save it as UTF-8",
            id="UTF-16",
        ),
        pytest.param(b"x" * (MAX_FILE + 1), "larger than 1 MiB", id="10 MB log"),
        pytest.param(
            b"A=1" + b" " * MAX_BLANKS + b"x",
            f"more than {MAX_BLANKS} blanks in a row",
            id="blanks",
        ),
        pytest.param(
            b"A=aaaaaaaaaaaaaaaa\n" + b"A=${A}${A}${A}${A}\n" * 40,
            "line 8: ${…} makes a value of more than 65536 characters",
            id="references that double",
        ),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes, problem: str) -> None:
    """In the folder it is a remark of the report, named by the user it is his mistake."""
    path = written(tmp_path, content)
    source = read_env_file(path, ".env", Kind.FOLDER_FILE, {})
    assert (source.found, source.problem, source.values) == (True, problem, ())
    with pytest.raises(UsageError) as error:
        resolved(tmp_path, Given(env_files=(".env",)))
    assert error.value.message == f"--env-file .env: {problem}"


def test_nul_bytes_are_read_and_judged_later(tmp_path: Path) -> None:
    assert values(tmp_path, b"LIVEKIT_URL=ws://a\0b\n") == {"LIVEKIT_URL": ("ws://a\0b", ".env:1")}


def test_a_directory_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (source,) = [s for s in resolved(tmp_path).sources if s.label == ".env"]
    assert source.problem == "is a directory"


def test_a_virtual_environment_is_no_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (tmp_path / ".env" / "pyvenv.cfg").touch()
    (source,) = [s for s in resolved(tmp_path).sources if s.label == ".env"]
    assert (source.found, source.problem) == (False, None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_folder_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    (source,) = [s for s in resolved(tmp_path).sources if s.label == ".env"]
    assert source.problem == "is not a regular file; name it with --env-file to read it"


def test_lines_that_set_nothing_are_remembered_where_they_name_livekit(tmp_path: Path) -> None:
    path = written(
        tmp_path, "LIVEKIT_URL wss://a\nJUNK junk\nLIVEKIT_API_KEY\nLIVEKIT_API_SECRET='open\n"
    )
    source = read_env_file(path, ".env", Kind.FOLDER_FILE, {})
    assert (source.values, source.unread_lines) == ((), (1, 3, 4))


# ------------------------------------------------------------------ the environment


def test_only_what_concerns_livekit_is_kept() -> None:
    source = read_environment({"PATH": "/bin", "LIVEKIT_KEYS": "k: s", "LK_API_KEY": KEY})
    assert source.values == (Value("LK_API_KEY", KEY, "environment"),)


def test_proxies_in_either_case() -> None:
    assert read_proxies({"https_proxy": "http://p:1", "NO_PROXY": "a", "HTTP_PROXY": ""}) == (
        Setting("http://p:1", "https_proxy"),
        Setting("a", "NO_PROXY"),
    )


@pytest.mark.parametrize(
    ("file", "content", "environ", "expected"),
    [
        pytest.param("x", b"", {}, None, id="none"),
        pytest.param(".dockerenv", b"", {}, "/.dockerenv exists", id="docker"),
        pytest.param("run/.containerenv", b"", {}, "/run/.containerenv exists", id="podman"),
        pytest.param(
            "proc/1/cgroup",
            b"0::/kubepods/burstable/pod1\n",
            {},
            "/proc/1/cgroup names kubepods",
            id="cgroup",
        ),
        pytest.param("proc/1/cgroup", b"0::/init.scope\n", {}, None, id="a machine of its own"),
        pytest.param(
            "x",
            b"",
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            "KUBERNETES_SERVICE_HOST is set",
            id="pod",
        ),
    ],
)
def test_a_container_is_seen(
    tmp_path: Path, file: str, content: bytes, environ: dict[str, str], expected: str | None
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    assert find_container(environ, tmp_path) == expected


# ------------------------------------------------------------------ the project file

PROJECT = f"""
project = "staging"

[projects.staging]
url = "wss://staging.livekit.cloud"
api_key = "{KEY}"
api_secret_env = "STAGING_SECRET"

[projects.production]
url = "wss://production.livekit.cloud"
"""


def test_a_project_gives_url_and_key_and_names_the_secret(tmp_path: Path) -> None:
    written(tmp_path, PROJECT, "lkdoctor.toml")
    found = resolved(tmp_path, environ={"STAGING_SECRET": SECRET})
    assert found.target == Target(
        url=Setting("wss://staging.livekit.cloud", "lkdoctor.toml:4", of_folder=True),
        api_key=Setting(KEY, "lkdoctor.toml:4", of_folder=True),
        api_secret=SecretSetting(
            Secret(SECRET), "STAGING_SECRET (named in lkdoctor.toml:4)", picked=True
        ),
    )
    assert [(p.name, p.target.url and p.target.url.value) for p in found.projects] == [
        ("staging", "wss://staging.livekit.cloud"),
        ("production", "wss://production.livekit.cloud"),
    ]


def test_a_project_that_was_asked_for_beats_the_environment(tmp_path: Path) -> None:
    written(tmp_path, PROJECT, "lkdoctor.toml")
    environ = {"LIVEKIT_URL": "ws://environment", "LIVEKIT_API_KEY": "other"}
    assert resolved(tmp_path, environ=environ).target.url == Setting(
        "ws://environment", "environment"
    )
    chosen = resolved(tmp_path, Given(project="production"), environ)
    assert chosen.target.url == Setting(
        "wss://production.livekit.cloud", "lkdoctor.toml:9", of_folder=True
    )


def test_the_secret_of_a_project_may_stand_in_a_file(tmp_path: Path) -> None:
    written(tmp_path, PROJECT, "lkdoctor.toml")
    written(tmp_path, f"STAGING_SECRET={SECRET}\n")
    assert resolved(tmp_path).target.api_secret == SecretSetting(
        Secret(SECRET), "STAGING_SECRET (named in lkdoctor.toml:4)", of_folder=True
    )


def test_pyproject_is_read_where_there_is_no_file_of_its_own(tmp_path: Path) -> None:
    written(tmp_path, "[tool.lkdoctor.booking]\nroom = 'b-{booking}'\n", "pyproject.toml")
    project = read_project(tmp_path)
    assert (project.origin, project.table) == (
        "pyproject.toml",
        {"booking": {"room": "b-{booking}"}},
    )
    written(tmp_path, "[booking]\nroom = 'r-{booking}'\n", "lkdoctor.toml")
    assert read_project(tmp_path).origin == "lkdoctor.toml"


def test_a_folder_without_a_project_file(tmp_path: Path) -> None:
    written(tmp_path, "[tool.ruff]\n", "pyproject.toml")
    project = read_project(tmp_path)
    assert (project.origin, project.table, project.projects) == ("built in", {}, ())


# ------------------------------------------------------------------ the folder's host, one's own keys

APART_URL = f"LIVEKIT_URL={URL}\n"
PAIR = f"LIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"
OWN = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
TOKEN = {"LIVEKIT_TOKEN": "made.up.token"}
BARE_PROJECT = f'[projects.staging]\nurl = "{URL}"\n'


@pytest.mark.parametrize(
    ("files", "environ", "given_", "apart"),
    [
        pytest.param(
            {".env": APART_URL}, OWN, Given(), Apart(".env:1", "environment"), id="environment"
        ),
        pytest.param(
            {".env.local": APART_URL},
            OWN,
            Given(),
            Apart(".env.local:1", "environment"),
            id="local",
        ),
        pytest.param(
            {".env": f"NEXT_PUBLIC_{APART_URL}"},
            OWN,
            Given(),
            Apart(".env:1", "environment"),
            id="public name",
        ),
        pytest.param(
            {".env": APART_URL},
            {},
            Given(api_key=KEY, api_secret=SECRET),
            Apart(".env:1", "--api-secret"),
            id="options",
        ),
        pytest.param(
            {".env": APART_URL, "own.env": PAIR},
            {},
            Given(env_files=("own.env",)),
            Apart(".env:1", "own.env:2"),
            id="a file that was named",
        ),
        pytest.param(
            {".env": APART_URL}, TOKEN, Given(), Apart(".env:1", None, "environment"), id="a token"
        ),
        pytest.param(
            {".env": APART_URL + PAIR},
            TOKEN,
            Given(),
            Apart(".env:1", None, "environment"),
            id="a token alone",
        ),
        pytest.param(
            {".env": f"{APART_URL}LIVEKIT_API_KEY={KEY}\n"},
            {"LIVEKIT_API_SECRET": SECRET},
            Given(),
            Apart(".env:1", "environment"),
            id="the key is the folder's, its secret is not",
        ),
        pytest.param(
            {".env": APART_URL + PAIR},
            {"LIVEKIT_API_SECRET": "another secret of the user's"},
            Given(),
            Apart(".env:1", "environment"),
            id="a secret hides the folder's",
        ),
        pytest.param(
            {"lkdoctor.toml": BARE_PROJECT},
            OWN,
            Given(),
            Apart("lkdoctor.toml:1", "environment"),
            id="a project",
        ),
        pytest.param(
            {"lkdoctor.toml": BARE_PROJECT},
            OWN,
            Given(project="staging"),
            Apart("lkdoctor.toml:1", "environment"),
            id="a project of the folder's that was asked for",
        ),
        pytest.param(
            {"pyproject.toml": f'[tool.lkdoctor.projects.one]\nurl = "{URL}"\n'},
            OWN,
            Given(),
            Apart("pyproject.toml:1", "environment"),
            id="pyproject.toml",
        ),
        pytest.param(
            {"lkdoctor.toml": PROJECT},
            {"STAGING_SECRET": SECRET},
            Given(),
            Apart("lkdoctor.toml:4", "STAGING_SECRET (named in lkdoctor.toml:4)", picked=True),
            id="any variable that a project names",
        ),
        pytest.param(
            {"lkdoctor.toml": PROJECT.replace("STAGING_SECRET", "STAGING_LIVEKIT_SECRET")},
            {"STAGING_LIVEKIT_SECRET": SECRET},
            Given(),
            Apart("lkdoctor.toml:4", "STAGING_LIVEKIT_SECRET (named in lkdoctor.toml:4)"),
            id="a variable of LiveKit's that a project names",
        ),
        pytest.param(
            {"lkdoctor.toml": PROJECT},
            {"STAGING_SECRET": SECRET, "LIVEKIT_URL": URL},
            Given(),
            None,
            id="any variable, and a URL of one's own",
        ),
        # healthy neighbours
        pytest.param({".env": APART_URL + PAIR}, {}, Given(), None, id="all in the folder"),
        pytest.param(
            {".env": APART_URL, ".env.local": PAIR},
            {},
            Given(),
            None,
            id="in two files of the folder",
        ),
        pytest.param(
            {".env": APART_URL + PAIR},
            OWN,
            Given(),
            None,
            id="the same pair in the environment, too",
        ),
        pytest.param(
            {}, {"LIVEKIT_URL": URL} | OWN | TOKEN, Given(), None, id="all in the environment"
        ),
        pytest.param(
            {".env": APART_URL},
            {"LIVEKIT_URL": URL} | OWN,
            Given(),
            None,
            id="the environment says so, too",
        ),
        pytest.param({".env": APART_URL}, OWN, Given(url=URL), None, id="--url"),
        pytest.param(
            {"own.env": APART_URL},
            OWN,
            Given(env_files=("own.env",)),
            None,
            id="a URL of a named file",
        ),
        pytest.param(
            {".env": APART_URL}, OWN, Given(env_files=(".env",)), None, id="the folder's, named"
        ),
        pytest.param(
            {".env": APART_URL}, OWN | TOKEN, Given(trust_folder=True), None, id="trusted"
        ),
        pytest.param(
            {".env": "LIVEKIT_URL=ws://localhost:7880\n"}, OWN, Given(dev=True), None, id="--dev"
        ),
        pytest.param(
            {".env": APART_URL}, {"LIVEKIT_API_SECRET": SECRET}, Given(), None, id="half a pair"
        ),
        pytest.param({".env": APART_URL}, {}, Given(), None, id="no credentials"),
        pytest.param(
            {".env": f"{APART_URL}LIVEKIT_API_SECRET={SECRET}\n"},
            {"LIVEKIT_API_KEY": KEY},
            Given(),
            None,
            id="the key is from elsewhere, the secret is the folder's",
        ),
        pytest.param(
            {".env": f"{APART_URL}{PAIR}"},
            {"LIVEKIT_API_SECRET": f'"{SECRET}"'},
            Given(),
            None,
            id="the folder's secret with quotes, as docker's --env-file keeps them",
        ),
        pytest.param(
            {"lkdoctor.toml": PROJECT, ".env": f"STAGING_SECRET={SECRET}\n"},
            {},
            Given(),
            None,
            id="a project and its secret",
        ),
    ],
)
def test_who_chooses_the_host_and_whose_the_credentials_are(
    tmp_path: Path,
    files: dict[str, str],
    environ: dict[str, str],
    given_: Given,
    apart: Apart | None,
) -> None:
    for name, text in files.items():
        written(tmp_path, text, name)
    assert resolved(tmp_path, given_, environ).target.apart == apart
