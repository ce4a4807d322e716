"""Faults that stand in a project's own files: each in a real folder, named by the command line."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import needs
import pytest
from servers import RunningServer, livekit_server

from faults.doctor import Ran, lkdoctor, verdict_on_screen
from faults.test_faults import SECRET, real

CLOUD = {
    "LIVEKIT_URL": "wss://clinic-x4k2.livekit.cloud",
    "LIVEKIT_API_KEY": "APIxk7Qm3pLw9Za",
    "LIVEKIT_API_SECRET": SECRET,
}

ROUTE = """\
import { AccessToken } from "livekit-server-sdk";

export async function POST(request: Request) {
  const at = new AccessToken(process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET);
  at.addGrant({ roomJoin: true, room: "demo" });
  return Response.json({ token: await at.toJwt(), url: process.env.LIVEKIT_URL });
}
"""

PAGE = """\
"use client";
import { LiveKitRoom } from "@livekit/components-react";

export default function Room({ url, token }: { url: string; token: string }) {
  return <LiveKitRoom serverUrl={url} token={token} />;
}
"""


COMPOSE = """\
services:
  livekit:
    image: livekit/livekit-server:v1.13.5
    ports:
      - "7880:7880"
      - "7881:7881"
      - "{udp}"
"""


def lock(**versions: str) -> str:
    """A package-lock.json; an underscore stands for a hyphen."""
    packages: dict[str, Any] = {"": {"name": "clinic"}}
    for name, version in versions.items():
        packages[f"node_modules/{name.replace('__', '/').replace('_', '-')}"] = {"version": version}
    return json.dumps({"name": "clinic", "lockfileVersion": 3, "packages": packages}, indent=2)


def project(folder: Path, files: Mapping[str, str], env: Mapping[str, str]) -> None:
    """A healthy Next.js app with some files changed, and its variables in .env.local."""
    healthy = {
        "package.json": json.dumps(
            {"dependencies": {"next": "^16.0.0", "livekit-client": "^2.18.0"}}, indent=2
        ),
        "package-lock.json": lock(livekit_client="2.18.9", livekit_server_sdk="2.13.1"),
        "app/api/token/route.ts": ROUTE,
        "app/room/page.tsx": PAGE,
        ".gitignore": ".env.local\nnode_modules\n",
        ".env.local": "".join(f"{name}={value}\n" for name, value in env.items()),
    }
    for name, text in {**healthy, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def tracked(folder: Path) -> None:
    """Let git track what is not ignored."""
    needs.binary("git")
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def checked(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
    return lkdoctor("check-env", "--project-dir", "clinic", *arguments, cwd=folder, env=env)


def codes(ran: Ran) -> list[str]:
    return [finding["code"] for finding in ran.json()["findings"]]


ROWS = [
    pytest.param(
        "env-sdk-ignores-url",
        {"agent/requirements.txt": "livekit-agents[openai]==1.3.4\n"},
        {},
        id="an exact requirement",
    ),
    pytest.param(
        "env-sdk-ignores-url",
        {"agent/uv.lock": '[[package]]\nname = "livekit-agents"\nversion = "1.3.4"\n'},
        {},
        id="uv.lock",
    ),
    pytest.param(
        "url-scheme-for-sdk",
        {"api/go.mod": "module x\n\nrequire github.com/livekit/server-sdk-go v0.9.3\n"},
        {},
        id="an old SDK for Go",
    ),
    pytest.param(
        "url-double-slash",
        {"package-lock.json": lock(livekit_client="2.9.7")},
        {},
        id="livekit-client 2.9.7",
    ),
    pytest.param(
        "signal-version-skew",
        {"package-lock.json": lock(livekit_client="2.17.0", **{"@livekit__protocol": "1.45.8"})},
        {},
        id="client and protocol",
    ),
    pytest.param(
        "identity-rejoin-race",
        {"app/build.gradle.kts": 'implementation("io.livekit:livekit-android:2.20.2")\n'},
        {},
        id="Android 2.20.2",
    ),
    pytest.param(
        "mobile-cleartext",
        {
            "app/build.gradle.kts": 'implementation("io.livekit:livekit-android:2.22.1")\n',
            "app/src/main/AndroidManifest.xml": "<manifest><application/></manifest>\n",
        },
        {"LIVEKIT_URL": "ws://rtc.example.com:7880"},
        id="ws on Android",
    ),
    pytest.param(
        "env-public-prefix-missing",
        {
            "app/room/page.tsx": PAGE.replace(
                "serverUrl={url}", "serverUrl={process.env.LIVEKIT_URL}"
            )
        },
        {},
        id="Next.js",
    ),
    pytest.param(
        "env-public-prefix-missing",
        {
            "package.json": json.dumps({"devDependencies": {"vite": "^7.0.0"}}),
            "src/room.ts": "export const url = import.meta.env.LIVEKIT_URL;\n",
        },
        {},
        id="Vite",
    ),
    pytest.param(
        "env-public-prefix-missing",
        {
            "app/room/page.tsx": PAGE.replace(
                "serverUrl={url}", "serverUrl={process.env.NEXT_PUBLIC_LIVEKIT_URL}"
            )
        },
        {},
        id="read, but set nowhere",
    ),
    pytest.param(
        "app-token-promise",
        {"app/api/token/route.ts": ROUTE.replace("await at.toJwt()", "at.toJwt()")},
        {},
        id="no await",
    ),
    pytest.param(
        "app-token-promise",
        {
            "app/api/token/route.ts": ROUTE.replace(
                "  return", "  const token = at.toJwt();\n  return"
            ).replace("token: await at.toJwt()", "token")
        },
        {},
        id="kept in a variable",
    ),
    pytest.param(
        "app-file-unreadable",
        {"package-lock.json": lock(livekit_client="2.18.9").replace("{", "{\n<<<<<<< HEAD", 1)},
        {},
        id="a merge in the lock file",
    ),
    pytest.param(
        "ice-port-remap",
        {"deploy/docker-compose.yml": COMPOSE.format(udp="20638:7882/udp")},
        {},
        id="another number outside",
    ),
    pytest.param(
        "ice-udp-unpublished",
        {"deploy/docker-compose.yml": COMPOSE.format(udp="50000-50100:50000-50100")},
        {},
        id="UDP without /udp",
    ),
    pytest.param(
        "app-file-unreadable",
        {"compose.yaml": COMPOSE.format(udp="7882:7882/udp").replace("image:", "image: [")},
        {},
        id="a compose file that is no YAML",
    ),
    pytest.param(
        "app-secret-tracked", {"config/prod.yaml": f"a: 1\nkey: {SECRET}\n"}, {}, id="yaml"
    ),
    pytest.param("app-secret-tracked", {".gitignore": ""}, {}, id="the .env file itself"),
]


@pytest.mark.parametrize(("code", "files", "changes"), ROWS)
def test_the_cause_is_named_first(
    code: str, files: dict[str, str], changes: dict[str, str], tmp_path: Path
) -> None:
    project(tmp_path / "clinic", files, CLOUD | changes)
    tracked(tmp_path / "clinic")
    told, shown = checked(tmp_path, "--json"), checked(tmp_path)
    assert codes(told) == [code]
    assert verdict_on_screen(shown.out) == code, shown.out
    assert told.code == shown.code == told.json()["summary"]["exit_code"]
    assert "Traceback" not in told.err + shown.err
    assert SECRET not in told.out + told.err + shown.out + shown.err


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"config/prod.yaml": f"a: 1\nkey: {SECRET}\n"}, "clinic/config/prod.yaml:2"),
        ({"dist/app.js": f'x("{SECRET}")\n'}, "clinic/dist/app.js:1"),
    ],
    ids=["a file", "a build that is tracked"],
)
def test_the_place_of_a_tracked_secret_is_named(
    changes: dict[str, str], location: str, tmp_path: Path
) -> None:
    project(tmp_path / "clinic", changes, CLOUD)
    tracked(tmp_path / "clinic")
    (finding,) = checked(tmp_path, "--json").json()["findings"]
    assert (finding["code"], finding["location"]) == ("app-secret-tracked", location)


def test_a_secret_that_git_does_not_track_is_none_of_its_business(tmp_path: Path) -> None:
    project(tmp_path / "clinic", {}, CLOUD)
    tracked(tmp_path / "clinic")
    (tmp_path / "clinic" / "notes.txt").write_text(SECRET)
    ran = checked(tmp_path, "--json")
    assert (codes(ran), ran.code) == ([], 0)


def test_a_healthy_project_has_no_finding(tmp_path: Path) -> None:
    project(tmp_path / "clinic", {}, CLOUD)
    tracked(tmp_path / "clinic")
    ran = checked(tmp_path, "--json")
    assert (codes(ran), ran.code) == ([], 0)
    said = {c["id"]: (c["status"], c["summary"]) for c in ran.json()["checks"] if "app." in c["id"]}
    assert said == {
        "app.files": ("pass", "Next.js, 6 files"),
        "app.sdks": ("pass", "livekit-client 2.18.9, livekit-server-sdk 2.13.1"),
        "app.env": ("pass", "source reads LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_URL"),
        "app.tokens": ("pass", "every toJwt() that was found is waited for"),
        "app.secret": ("pass", "in none of 5 tracked files"),
    }


def test_the_frameworks_own_order_of_env_files_counts(tmp_path: Path) -> None:
    files = {".env.development": "LIVEKIT_URL=wss://other-x4k2.livekit.cloud\n"}
    project(tmp_path / "clinic", files, CLOUD)
    vite = {**files, "package.json": json.dumps({"devDependencies": {"vite": "^7.0.0"}})}
    project(tmp_path / "vite", vite, CLOUD)

    def used(folder: str, **env: str) -> str:
        ran = lkdoctor("check-env", "--project-dir", folder, "--json", cwd=tmp_path, env=env)
        variables = ran.json()["facts"]["env"]["variables"]
        return next(str(v["origin"]) for v in variables if v["used"] and v["name"] == "LIVEKIT_URL")

    # Next.js takes .env.local before .env.development, Vite the other way round.
    assert used("clinic") == "clinic/.env.local:1"
    assert used("vite") == "vite/.env.development:1"
    assert used("vite", NODE_ENV="production") == "vite/.env.local:1"


def test_values_that_are_not_deployed_are_a_note(tmp_path: Path) -> None:
    project(tmp_path / "clinic", {"fly.toml": 'app = "clinic"\n'}, CLOUD)
    (finding,) = checked(tmp_path, "--json").json()["findings"]
    assert (finding["code"], finding["severity"]) == ("env-backend-runtime-unset", "info")
    assert "fly secrets import < .env" in json.dumps(finding["fix"])


@pytest.mark.parametrize(
    ("client", "code"),
    [("2.18.2", "signal-v1-vs-old-server"), ("2.16.1", None)],
    ids=["broken fallback", "before /rtc/v1"],
)
def test_an_old_server_and_a_client_that_counts_on_a_new_one(
    client: str, code: str | None, tmp_path: Path
) -> None:
    project(tmp_path / "clinic", {"package-lock.json": lock(livekit_client=client)}, {})
    with livekit_server("1.8.4") as server:
        ran = lkdoctor(
            "diagnose", "--project-dir", "clinic", "--json", cwd=tmp_path, env=real(server)
        )
    assert codes(ran) == ([code] if code else [])


def test_a_healthy_project_at_a_real_server(real_server: RunningServer, tmp_path: Path) -> None:
    project(tmp_path / "clinic", {}, real(real_server))
    tracked(tmp_path / "clinic")
    ran = lkdoctor("diagnose", "--project-dir", "clinic", "--json", cwd=tmp_path)
    assert [c for c in codes(ran) if c != "env-secret-altered"] == []
    assert ran.code == 0


def test_a_promise_explains_the_token_that_is_none(
    real_server: RunningServer, tmp_path: Path
) -> None:
    files = {"app/api/token/route.ts": ROUTE.replace("await at.toJwt()", "at.toJwt()")}
    project(tmp_path / "clinic", files, real(real_server))
    (tmp_path / "token").write_text("[object Promise]")
    arguments = ("--project-dir", "clinic", "--token-file", "token", "--json")
    found = lkdoctor("diagnose", *arguments, cwd=tmp_path).json()["findings"]
    assert found[0]["code"] == "app-token-promise"
    assert "token-not-jwt" in found[0]["consequences"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "no such folder"), ("file", "is not a folder")],
)
def test_a_folder_that_is_none_is_one_clear_line(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in ("check-env", "diagnose"):
        ran = lkdoctor(command, "--project-dir", name, cwd=tmp_path, env=CLOUD)
        assert ran.code == 2
        assert f"--project-dir {name}: {words}" in ran.err
        assert ran.out == ""


def test_a_saved_report_keeps_the_project(tmp_path: Path) -> None:
    project(tmp_path / "clinic", {"package-lock.json": lock(livekit_client="2.9.7")}, CLOUD)
    arguments = ("--project-dir", "clinic", "--offline", "--save", "report.json")
    before = lkdoctor("diagnose", *arguments, "--json", cwd=tmp_path)
    after = lkdoctor("diagnose", "--from", "report.json", "--json", cwd=tmp_path)
    assert codes(after) == codes(before) == ["url-double-slash"]
