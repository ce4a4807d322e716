"""A file that was named is read, or one error says why; a secret in its place is not repeated."""

import base64
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.config.named_files import open_named, read_named, refusal
from lkdoctor.errors import UsageError

SECRET = "Zq7Wk3Rt9LxP8vNb5Hc1Yd6Gf4Js0UaTeM2oIiEw1"


def jwt(header: str = '{"alg":"HS256"}') -> str:
    parts = (header, json.dumps({"iss": "APIx", "sub": "ann"}), "signature-of-it")
    return ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"12345")
    assert read_named(str(tmp_path / "a.txt"), "--x", 5) == b"12345"
    assert read_named("a.txt", "--x", 5, base=tmp_path) == b"12345"
    with open_named("a.txt", "--x", base=tmp_path) as file:
        assert file.read() == b"12345"
    with pytest.raises(UsageError) as failed:
        read_named("a.txt", "--x", 4, base=tmp_path)
    assert failed.value.message == "--x a.txt: larger than 0 KiB"


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    for name in (jwt(), SECRET, "api_secret=x"):
        (tmp_path / name).write_bytes(b"1")
        assert read_named(name, "--x", 5, base=tmp_path, holds_secret=True) == b"1"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no.where", "no such file"),
        (".", "is a directory"),
        ("a/b.txt", "not a directory"),
        ("a.\0b", "not the name of a file"),
        ("a." + "b" * 300, "file name too long"),
        ("/" + "a./" * 3000, "file name too long"),
    ],
)
def test_why_a_file_cannot_be_read(
    name: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError) as failed:
        open_named(name, "--x", holds_secret=True)
    assert failed.value.message.endswith(f": {problem}")
    assert failed.value.message.startswith(f"--x {name[:2]}")


TOKENS = (
    jwt(),
    jwt('{ "alg": "HS256"}'),
    jwt('\n{\n "typ": "JWT"}'),
    jwt()[:40],
    "@" + jwt(),
    "Bearer " + jwt(),
    "LIVEKIT_TOKEN=" + jwt(),
    f'{{"token": "{jwt()}"}}',
    "wss://h/rtc?access_token=" + jwt(),
    jwt() * 20,
    jwt() + "\n",
)
SECRETS = (
    SECRET,
    f"'{SECRET}'",
    "b4c1" * 10,
    "LIVEKIT_API_SECRET=abc",
    "api_secret: abc",
    "Zq7Wk3Rt9LxP8vNb5/Hc1Yd6Gf4Js0U+aTeM2oIiEw1=",
)


@pytest.mark.parametrize("holds_secret", [True, False])
@pytest.mark.parametrize("name", [*TOKENS, *SECRETS])
def test_a_secret_in_the_place_of_a_name(name: str, *, holds_secret: bool) -> None:
    with pytest.raises(UsageError) as failed:
        open_named(name, "--x", holds_secret=holds_secret)
    what = "a token" if name in TOKENS else "a secret"
    assert failed.value.message == (
        f"--x: this looks like {what}, not like the name of a file ({len(name)} characters)"
    )
    assert all("…" in line or "file" in line for line in failed.value.advice)


@pytest.mark.parametrize("name", ["hunter2", "my-own-secret", "correct horse battery", "a" * 30])
def test_a_name_that_may_be_the_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(UsageError) as failed:
        open_named(name, "--api-secret-file", holds_secret=True)
    assert failed.value.message == (
        "--api-secret-file: no such file; the name is not repeated, as it may be the secret itself "
        f"({len(name)} characters)"
    )


@pytest.mark.parametrize(
    "name",
    [
        "livekit.yaml",
        "report-2026-11-29.json",
        "/run/secrets/livekit-api-secret",
        "secrets/token",
        "~/tokens/ann.jwt",
        "logs/0f8fad5b-d9cb-469f-a165-70867728950e.log",
        "C:\\keys\\livekit.txt",
        "FOLDER/hW8Kd2Lq7Zx5Vt1Rm4Np9Bc.log",
    ],
)
def test_a_path_with_a_slip_is_repeated(name: str, tmp_path: Path) -> None:
    name = name.replace("FOLDER", str(tmp_path))
    found = refusal(name, "--x", "no such file", holds_secret=True)
    assert found.message == f"--x {name}: no such file"


@pytest.mark.parametrize("name", ["weekend", "notes of a call", "log"])
def test_a_name_of_what_holds_no_secret_is_repeated(name: str) -> None:
    assert refusal(name, "--log", "no such file").message == f"--log {name}: no such file"


@given(name=st.text(max_size=300), holds_secret=st.booleans())
def test_any_name_opens_or_is_refused(name: str, *, holds_secret: bool) -> None:
    with contextlib.suppress(UsageError):
        open_named(name, "--x", holds_secret=holds_secret).close()
