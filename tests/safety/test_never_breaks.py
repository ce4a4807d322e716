"""Whatever is handed in, the answer is an answer: never our own fault, never broken JSON."""

import base64
import contextlib
import io
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lkdoctor.cli.app import run
from safety.canary import Shown, nothing_known

relaxed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no variables."""
    for name in ("LIVEKIT_URL", "LIVEKIT_WS_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*arguments: str, stdin: bytes = b"") -> Shown:
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), nothing_known():
            code = run(list(arguments))
    finally:
        sys.stdin = before
    return Shown(code, out.getvalue(), err.getvalue(), "")


def assert_answered(shown: Shown, *, documents: bool = False) -> None:
    assert shown.code in {0, 1, 2, 3}, shown.err
    assert "lkdoctor broke" not in shown.err
    if documents and shown.code != 2:
        json.loads(shown.out, parse_constant=refuse)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -1, 0, 1e308, -1e308, 2**63, "1e999", math.inf])
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
claims = st.dictionaries(
    st.sampled_from(
        (
            *("iss", "sub", "exp", "nbf", "iat", "jti", "video", "sip", "name", "metadata"),
            *("kind", "attributes", "roomConfig", "roomPreset", "sha256", "x"),
        )
    ),
    json_values
    | st.dictionaries(
        st.sampled_from(["room", "roomJoin", "canPublish", "canPublishSources", "room_join"]),
        json_values,
    ),
)


@relaxed
@given(header=claims | st.just({"alg": "HS256"}), payload=claims | json_values)
@example(header={"alg": "HS256"}, payload={"exp": math.inf, "nbf": math.nan, "iat": -math.inf})
@example(header={"alg": "HS256"}, payload={"exp": 10**400, "nbf": -(10**400)})
@example(header={"alg": "HS256"}, payload={"exp": 1e300, "nbf": -1e300, "iat": 253402300800})
@pytest.mark.parametrize("form", [[], ["-j"], ["--all"], ["--accessible", "-v"]], ids=" ".join)
def test_any_token(form: list[str], header: Any, payload: Any, folder: Path) -> None:
    del folder
    parts = [encoded(json.dumps(part).encode()) for part in (header, payload)]
    text = f"{parts[0]}.{parts[1]}.{encoded(b'signature')}"
    shown = ran("token", "decode", "-", *form, stdin=text.encode())
    assert_answered(shown, documents=form == ["-j"])
    if form == ["--all"]:
        for line in shown.out.splitlines():
            json.loads(line, parse_constant=refuse)


@relaxed
@given(
    text=st.binary(max_size=300)
    | st.lists(st.sampled_from(["eyJ", ".", "a", "=", " ", "\n", '"', "{", "\x00"])).map(
        lambda parts: "".join(parts).encode()
    )
)
@example(text=b"eyJ" * 50 + b"." * 3)
@example(text=encoded(b'{"a":' * 3000).encode() + b".e30.e30")
@example(text=encoded(b"[" * 100_000).encode() + b"." + encoded(b"[" * 100_000).encode() + b".x")
@pytest.mark.parametrize("form", [[], ["-j"], ["--all"]], ids=" ".join)
def test_any_text_in_place_of_a_token(form: list[str], text: bytes, folder: Path) -> None:
    del folder
    assert_answered(ran("token", "decode", "-", *form, stdin=text), documents=form == ["-j"])


@relaxed
@given(content=st.binary(max_size=200))
@example(content=b"LIVEKIT_URL")
@example(content=b"LIVEKIT_URL=\xff\xfe\x00")
@example(content=b"\xef\xbb\xbfLIVEKIT_URL='ws://h\n\nLIVEKIT_API_KEY=\"")
@example(content=b"LIVEKIT_URL=${LIVEKIT_URL}${X:-y}\nexport LIVEKIT_API_SECRET = a b # c")
@example(content=b"LIVEKIT_URL=ws://[::1\nLIVEKIT_TOKEN=eyJ.eyJ.\nLIVEKIT_API_KEY=\x1b[2J")
@example(content=b"LIVEKIT_URL=ws://h:99999/\xc3\xa9?a=b#c@d\nVITE_LIVEKIT_API_SECRET=x")
def test_any_env_file(content: bytes, folder: Path) -> None:
    (folder / ".env").write_bytes(content)
    assert_answered(ran("check-env"))
    assert_answered(ran("check-env", "-j"), documents=True)
    assert_answered(ran("diagnose", "--offline", "-j"), documents=True)


@relaxed
@given(content=st.binary(max_size=100) | json_values.map(lambda v: json.dumps(v).encode()))
@example(content=b"[booking]\nroom = 3\n")
@example(content=b"[booking]\nroom = '{booking'\nid_pattern = '('\n")
@example(content=b"[booking]\nid_pattern = '(a+)+$'\nroom='{booking}'\n")
@example(content=b"booking = 1\nroles = []\nprojects = 'x'\n")
@example(content=b"[roles.x]\nroomJoin = 'yes'\ncanPublishSources = [1]\n")
@example(content=b"a = " + b"[" * 5000)
def test_any_project_file(content: bytes, folder: Path) -> None:
    (folder / "lkdoctor.toml").write_bytes(content)
    assert_answered(ran("check-env"))
    assert_answered(ran("check-room", "a" * 30))
    made_up = ["--api-key", "devkey", "--api-secret", "made-up-secret-of-a-test-of-files"]
    assert_answered(ran("token", "--booking", "a" * 30, "--user", "u", *made_up))


@relaxed
@given(name=st.text(max_size=300))
@example(name="\ud800")
@example(name="-")
@example(name="--help")
@example(name="%s {booking} {} {0.__class__}")
def test_any_name(name: str, folder: Path) -> None:
    del folder
    assert_answered(ran("check-room", "--", name))
    assert_answered(ran("check-room", "-j", "--", name), documents=name != "-")
    assert_answered(ran("check-room", "--identity", "-", stdin=name.encode("utf-8", "replace")))


@relaxed
@given(url=st.text(max_size=60) | st.text("ws:/[]@#?%.\\ :0193ahé", max_size=20))
@example(url="ws://[")
@example(url="ws://[::1%25eth0]:7880")
@example(url="ws://" + "a." * 200)
@example(url="ws://xn--")
@example(url="ws://h:٣")
@example(url="ws://h\x00")
@example(url="ws://💥.example")
def test_any_url(url: str, folder: Path) -> None:
    del folder
    made_up = ["--api-key", "devkey", "--api-secret", "made-up-secret-of-a-test-of-files"]
    assert_answered(ran("diagnose", "--offline", f"--url={url}", *made_up, "-j"))
    assert_answered(ran("diagnose", "--dry-run", f"--url={url}", *made_up))
    assert_answered(ran("check-env", f"--url={url}", *made_up))


@pytest.fixture(scope="module")
def saved() -> Any:
    from examples.healthy import healthy

    from lkdoctor.diagnosis.fold import fold
    from lkdoctor.report.model import RunInfo, TargetInfo, to_json

    run_info = RunInfo(id="1", command="diagnose", started_at=1.0, duration_ms=1.0)
    return to_json(fold(healthy(), run=run_info, target=TargetInfo()))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


@settings(relaxed, max_examples=150)
@given(data=st.data())
def test_any_saved_report(data: st.DataObject, saved: Any, folder: Path) -> None:
    """A report with any one value replaced is judged, or refused with the place."""
    document = json.loads(json.dumps(saved))
    path = data.draw(st.sampled_from(list(places(document))))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = data.draw(json_values)
    (folder / "report.json").write_text(json.dumps(document))
    for form in ([], ["-j"], ["-o", "plain"], ["--accessible"], ["-vv"]):
        shown = ran("diagnose", "--from", "report.json", *form)
        assert_answered(shown)
