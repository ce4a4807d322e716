"""``lkdoctor check-env`` as a user starts it, in folders of every kind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lkdoctor.facts.codec import facts_from_json

URL = "wss://demo-x4k2.livekit.cloud"
KEY = "APIxk3pLw9Za7Qm"
SECRET = "vR6yH2qN8sW4zB9kX3mT7pL5dJ1fG0cUaEoIiYtKnQwD"
ENV = f"LIVEKIT_URL={URL}\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n"

# A system needs some of its own variables to start Python; none of LiveKit's may leak in.
SYSTEM = {
    name: value
    for name, value in os.environ.items()
    if name in {"PATH", "SYSTEMROOT", "TEMP", "TMP", "HOME", "COVERAGE_PROCESS_START"}
} | {"PYTHONIOENCODING": "utf-8"}


def check_env(
    directory: Path, *arguments: str, environ: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lkdoctor", "check-env", *arguments],
        cwd=directory,
        env=SYSTEM | (environ or {}),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_a_healthy_folder(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV)
    done = check_env(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [" ".join(row.split()) for row in done.stdout.splitlines()]
    assert rows[0] == (f"looked in process environment, .env in {tmp_path} not there: .env.local")
    assert rows[2:6] == [
        "✓ LIVEKIT_URL wss://demo-x4k2.livekit.cloud .env:1",
        "✓ LIVEKIT_API_KEY APIxk…7Qm .env:2",
        rows[4],
        "- LIVEKIT_TOKEN not set (optional)",
    ]
    assert rows[4].startswith("✓ LIVEKIT_API_SECRET set, 44 characters, id ")
    assert rows[7].startswith("OK 3 values set")


@pytest.mark.parametrize(
    ("url", "secret", "expected"),
    [
        pytest.param("ws://10.0.0.5:7880", SECRET, [], id="plain, and a long secret"),
        pytest.param("wss://10.0.0.5:7443", SECRET[:32], [], id="another port, 32 characters"),
        pytest.param(
            "wss://10.0.0.5:7880",
            SECRET[:31],
            [
                ("token-secret-too-short", "env.clean", "hint", ".env:3"),
                ("url-tls-mismatch", "url.form", "hint", None),
            ],
            id="both",
        ),
        pytest.param(
            "ws://10.0.0.5:7880",
            "op://vault/livekit/secret",
            [("env-placeholder", "env.clean", "certain", ".env:3")],
            id="a reference is no secret",
        ),
    ],
)
def test_what_other_layers_know_of_the_values(
    url: str, secret: str, expected: list[tuple[str, str, str, str | None]], tmp_path: Path
) -> None:
    """As ``diagnose`` says it."""
    (tmp_path / ".env").write_text(ENV.replace(URL, url).replace(SECRET, secret))
    report = json.loads(check_env(tmp_path, "-j").stdout)
    told = [(f["code"], f["check"], f["confidence"], f.get("location")) for f in report["findings"]]
    assert told == expected


def test_an_empty_folder(tmp_path: Path) -> None:
    done = check_env(tmp_path)
    assert done.returncode == 1
    assert "FAIL  No LiveKit variable is set" in done.stdout
    assert check_env(tmp_path, "-q").stdout == "FAIL env-missing: No LiveKit variable is set\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--fail-on", "warn"], 4, id="warnings on request"),
        pytest.param([], 0, id="warnings"),
        pytest.param(["--env-file", "nowhere"], 2, id="a file that is not there"),
        pytest.param(["--env-flie", ".env"], 2, id="an option that does not exist"),
        pytest.param(["--url", "undefined"], 1, id="a fault"),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / ".env").write_text(f"{ENV}LIVEKIT_SECRET=x\n")
    done = check_env(tmp_path, *arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_json_is_one_document_with_the_codes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV.replace(URL, "demo-x4k2.livekit.cloud"))
    done = check_env(tmp_path, "-o", "json")
    report = json.loads(done.stdout)
    assert done.returncode == report["summary"]["exit_code"] == 1
    assert report["summary"]["primary"] == "url-no-scheme"
    assert report["run"]["command"] == "check-env"
    assert report["target"]["api_key"] == "APIxk…7Qm"
    assert report["target"]["sources"] == {
        "url": ".env:1",
        "api_key": ".env:2",
        "api_secret": ".env:3",
    }
    facts = facts_from_json(report["facts"])
    assert facts.env is not None
    assert facts.url is not None


def test_plain_is_one_line_a_check(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV)
    rows = [row.split("\t") for row in check_env(tmp_path, "-o", "plain").stdout.splitlines()]
    assert [row[:2] for row in rows] == [
        ["#status", "check"],
        ["pass", "env.read"],
        ["pass", "env.set"],
        ["pass", "env.clean"],
        ["pass", "env.match"],
        ["pass", "env.agree"],
        ["pass", "env.private"],
        ["pass", "env.audience"],
        ["pass", "url.form"],
    ]


def test_several_files_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "one.env").write_text(ENV)
    (tmp_path / "two.env").write_text("LIVEKIT_URL=ws://two\n")
    done = check_env(tmp_path, "--env-file", "two.env", "--env-file", "one.env", "-o", "json")
    assert json.loads(done.stdout)["target"]["sources"] == {
        "url": "two.env:1",
        "api_key": "one.env:2",
        "api_secret": "one.env:3",
    }


def test_a_secret_in_the_process_list_is_remarked(tmp_path: Path) -> None:
    done = check_env(tmp_path, "--url", URL, "--api-key", KEY, "--api-secret", SECRET)
    assert done.returncode == 0
    assert (
        done.stderr == "note: --api-secret shows in the process list; --api-secret-file does not\n"
    )


# ------------------------------------------------------------------ odd folders

ODD = {
    "Latin-1": b"LIVEKIT_URL=ws://h\xe9\n",
    "UTF-16": ENV.encode("utf-16"),
    "ten megabytes": b"A=1\n" * 2_500_000,
    "NUL": b"LIVEKIT_URL=ws://a\0b\n",
    "blanks": b"LIVEKIT_URL=a" + b" " * 1_000_000 + b"b\n",
    "references": b"A=aaaaaaaaaaaaaaaa\n" + b"A=${A}${A}\n" * 60 + b"LIVEKIT_URL=${A}\n",
    "itself": b"LIVEKIT_URL=${LIVEKIT_URL}\n",
    "an open quote": b"LIVEKIT_URL='ws://a\n" * 50,
    "carriage returns": ENV.replace("\n", "\r").encode(),
    "random bytes": bytes(range(256)) * 20,
    "byte-order mark": ENV.encode("utf-8-sig"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_a_finding_or_a_mistake_never_a_traceback(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_bytes(ODD[name])
    for arguments in ([], ["--env-file", ".env"]):
        done = check_env(tmp_path, *arguments, "-v")
        assert done.returncode in {0, 1, 2}, done.stderr
        assert "Traceback" not in done.stderr
        assert "lkdoctor broke" not in done.stderr
        assert "\x1b" not in done.stdout
        assert len(done.stderr.splitlines()) <= 2


def test_a_file_that_is_too_large_is_not_called_unreadable_by_apps(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(ODD["ten megabytes"])
    done = check_env(tmp_path)
    assert "Cause     lkdoctor does not read such a file" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "gone")
    done = check_env(tmp_path)
    assert done.returncode == 1
    assert ".env   is a link to a file that does not exist" in done.stdout


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="every file is readable here")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV)
    (tmp_path / ".env").chmod(0)
    done = check_env(tmp_path)
    assert ".env cannot be read" in done.stdout


def test_a_broken_project_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lkdoctor.toml").write_text("[projects.a]\nurll = 'ws://a'\n")
    done = check_env(tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: lkdoctor.toml:2: projects.a.urll is not a setting\n  did you mean url?\n"
    )


# ------------------------------------------------------------------ secrets

PLACES: dict[str, tuple[dict[str, str], str]] = {
    "right": ({"LIVEKIT_API_SECRET": SECRET}, ""),
    "in the key's variable": ({"LIVEKIT_API_KEY": SECRET, "LIVEKIT_API_SECRET": KEY}, ""),
    "in the URL's variable": ({"LIVEKIT_URL": SECRET}, ""),
    "in a URL": ({"LIVEKIT_URL": f"wss://user:{SECRET}@h?access_token={SECRET}"}, ""),
    "in a public variable": ({"VITE_LIVEKIT_API_SECRET": SECRET}, ""),
    "under a wrong name": ({"LIVEKIT_SECRET": SECRET, "LK_TOKEN": SECRET}, ""),
    "with its name": ({"LIVEKIT_API_SECRET": f"LIVEKIT_API_SECRET={SECRET}"}, ""),
    "quoted": (
        {"LIVEKIT_API_SECRET": f"'{SECRET}'\n"},
        f"LIVEKIT_API_SECRET='{SECRET}' # {SECRET}\n",
    ),
    "in a line without an equals sign": ({}, f"LIVEKIT_API_SECRET {SECRET}\n"),
    "twice": ({"LIVEKIT_API_SECRET": SECRET + "x"}, f"LIVEKIT_API_SECRET={SECRET}\n"),
    "as a token": ({"LIVEKIT_TOKEN": SECRET}, ""),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", [["-v", "--show-origin"], ["-o", "json"]], ids=" ".join)
def test_no_run_of_a_secret_is_shown(tmp_path: Path, place: str, form: list[str]) -> None:
    environ, text = PLACES[place]
    base = {"LIVEKIT_URL": URL, "LIVEKIT_API_KEY": KEY}
    (tmp_path / ".env").write_text(text)
    done = check_env(tmp_path, *form, "--save", "saved.json", environ=base | environ)
    shown = done.stdout + done.stderr + (tmp_path / "saved.json").read_text(encoding="utf-8")
    assert done.returncode in {0, 1}, done.stderr
    assert [SECRET[i : i + 8] for i in range(len(SECRET) - 7) if SECRET[i : i + 8] in shown] == []


def test_it_starts_without_what_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV)
    script = (
        "import sys; from lkdoctor.cli.app import run; run(['check-env']);"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=SYSTEM,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    loaded = set(done.stderr.split())
    heavy = {"rich", "jwt", "ssl", "asyncio", "websockets", "cryptography", "aiohttp", "livekit"}
    assert heavy & loaded == set()
    own = {name for name in loaded if name.startswith("lkdoctor.")}
    assert {n for n in own if n.startswith(("lkdoctor.probes", "lkdoctor.tokens"))} == set()
    assert {n for n in own if n.startswith("lkdoctor.facts.")} == {
        "lkdoctor.facts.env",
        "lkdoctor.facts.url",
    }
