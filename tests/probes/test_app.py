"""A project's folder is read within bounds, never out of it, and loses nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import needs
import pytest

from lkdoctor.config.manifests import Ecosystem
from lkdoctor.errors import UsageError
from lkdoctor.facts.app import (
    AppFact,
    Cleartext,
    EnvRead,
    FrameworkSeen,
    Host,
    Reason,
    UnawaitedToken,
    Unread,
)
from lkdoctor.probes import app
from lkdoctor.redact import Secret

SECRET = "made-up-for-tests-7k2m9x4w1q-8n3v6z5t0r3f"
PACKAGE = '{"dependencies": {"livekit-client": "2.18.9"}}'
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def look(folder: Path, label: str = ".", secret: str | None = None) -> AppFact:
    return app.look(folder, label, None if secret is None else Secret(secret))


def git(folder: Path, *arguments: str) -> None:
    needs.binary("git")
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("links need a right that this account lacks")


# ------------------------------------------------------------------ what is found


def test_packages_frameworks_and_platforms(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "web/package.json": '{"dependencies": {"next": "16", "livekit-client": "^2.1"}}',
            "phone/pubspec.lock": 'packages:\n  livekit_client:\n    version: "2.13.0"\n',
            "web/vercel.json": "{}",
            "supabase/config.toml": "",
            "docs/a.md": "",
        },
    )
    fact = look(tmp_path, "clinic/")
    assert sorted((p.ecosystem, p.name, p.version, p.origin) for p in fact.packages) == [
        (Ecosystem.NPM, "livekit-client", None, "clinic/web/package.json:1"),
        (Ecosystem.PUB, "livekit_client", "2.13.0", "clinic/phone/pubspec.lock:2"),
    ]
    assert fact.frameworks == (FrameworkSeen("Next.js", "clinic/web/package.json", "NEXT_PUBLIC_"),)
    assert fact.hosts == (
        Host("Supabase", "clinic/supabase"),
        Host("Vercel", "clinic/web/vercel.json"),
    )
    assert (fact.files, fact.unread) == (5, ())


def test_installed_packages_and_builds_are_nobodys_source(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            f"{folder}/package.json": PACKAGE
            for folder in ("node_modules/a", ".next/b", "dist", "ios/Pods/c", ".venv/d")
        },
    )
    assert look(tmp_path) == AppFact(folder=str(tmp_path))


SOURCE = '"use client";\nconnect(process.env.LIVEKIT_URL);\n'


@pytest.mark.parametrize(
    ("path", "package", "text", "in_browser"),
    [
        ("app/a.tsx", "next", SOURCE, True),
        ("app/a.tsx", "next", SOURCE.replace('"use client";', ""), False),
        ("src/a.ts", "react-scripts", SOURCE, True),
        ("server/a.ts", "react-scripts", SOURCE, False),
        ("src/server/a.ts", "react-scripts", SOURCE, False),
        ("src/a.ts", "vite", SOURCE.replace("process", "import.meta"), True),
        ("src/a.ts", "vite", SOURCE, False),
        ("app/token+api.ts", "expo", SOURCE, False),
        ("app/index.tsx", "expo", SOURCE, True),
    ],
)
def test_where_source_runs(
    path: str, package: str, text: str, *, in_browser: bool, tmp_path: Path
) -> None:
    write(tmp_path, {"package.json": f'{{"dependencies": {{"{package}": "1"}}}}', path: text})
    (read,) = look(tmp_path).reads
    assert (read.in_browser, read.name, read.origin) == (in_browser, "LIVEKIT_URL", f"{path}:2")


@pytest.mark.parametrize(
    "files",
    [
        {"src/a.test.ts": SOURCE},
        {"src/__tests__/a.ts": SOURCE},
        {"src/a.d.ts": SOURCE},
        {"src/a.ts": SOURCE, "next.config.ts": "env: { LIVEKIT_URL: process.env.LIVEKIT_URL }"},
        {"other/a.css": SOURCE},
    ],
    ids=["test", "tests", "types", "a bundler's own rule", "no source"],
)
def test_source_of_which_nothing_is_said(files: Mapping[str, str], tmp_path: Path) -> None:
    write(tmp_path, {"package.json": '{"dependencies": {"next": "16"}}', **files})
    assert look(tmp_path).reads == ()


def test_the_nearest_framework_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "package.json": '{"dependencies": {"next": "16"}}',
            "phone/package.json": '{"dependencies": {"expo": "55"}}',
            "phone/src/a.ts": "x(process.env.LIVEKIT_URL)",
        },
    )
    assert look(tmp_path).reads == (
        EnvRead(
            "LIVEKIT_URL", "phone/src/a.ts:1", "Expo", "EXPO_PUBLIC_", True, False, "process.env"
        ),
    )


def test_tokens_manifests_and_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "api.js": 'import "livekit-server-sdk";\nres.send(at.toJwt());\n',
            "a/src/main/AndroidManifest.xml": "<application/>",
            "a/src/debug/AndroidManifest.xml": '<application android:usesCleartextTraffic="true"/>',
            ".env.production": "NEXT_PUBLIC_LIVEKIT_URL=x\nexport LIVEKIT_URL=y\nOTHER=z\n",
            ".env.example": "LIVEKIT_API_KEY=\n",
            "client.php": "$host = str_replace('wss://', 'https://', $url);\n",
        },
    )
    fact = look(tmp_path)
    assert fact.tokens == (UnawaitedToken("api.js:2", sure=True),)
    assert sorted(fact.cleartext) == [
        Cleartext("a/src/debug/AndroidManifest.xml", allowed=True, debug_only=True),
        Cleartext("a/src/main/AndroidManifest.xml", allowed=False, debug_only=False),
    ]
    assert fact.env_names == ("LIVEKIT_URL", "NEXT_PUBLIC_LIVEKIT_URL")
    assert fact.swaps_scheme


# ------------------------------------------------------------------ bounds


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    write(outside, {"package.json": PACKAGE, "a/package.json": PACKAGE})
    inside.mkdir()
    link(inside / "package.json", outside / "package.json")
    link(inside / "folder", outside / "a")
    link(inside / "round", inside)
    assert look(inside) == AppFact(folder=str(inside))


def test_a_folder_below_a_link_is_not_searched_although_git_tracks_it(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    outside = tmp_path / "outside"
    write(inside, {"build/a.txt": "x"})
    write(outside, {"a.txt": SECRET})
    git(inside, "init", "-q")
    git(inside, "add", "-A", "-f")
    shutil.rmtree(inside / "build")
    link(inside / "build", outside)
    fact = look(inside, secret=SECRET)
    assert (fact.tracked, fact.secret_searched, fact.secret_in) == (1, True, ())


def test_too_many_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_FILES", 5)
    write(tmp_path, {f"a/{number}.txt": "" for number in range(4)})
    write(tmp_path, {f"b/{number}.txt": "" for number in range(4)})
    write(tmp_path, {"package.json": PACKAGE, "c/package.json": PACKAGE})
    fact = look(tmp_path)
    assert fact.files == 5
    assert len(fact.packages) == 1
    (unread,) = fact.unread
    assert unread.why == "more than 5 files: the rest was not read"
    assert unread.reason is Reason.LIMIT


def test_too_many_bytes_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_BYTES", 1024 * 1024)
    write(tmp_path, {f"{name}/go.mod": " " * 600_000 for name in "abc"})
    assert look(tmp_path).unread == (Unread(".", "more than 1 MiB", Reason.LIMIT),)


def test_a_tree_without_a_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_DEPTH", 3)
    write(tmp_path, {"a/b/c/d/e/package.json": PACKAGE, "a/b/c/package.json": PACKAGE})
    fact = look(tmp_path)
    assert [p.origin for p in fact.packages] == ["a/b/c/package.json:1"]
    assert fact.unread == (Unread("a/b/c/d", "deeper than 3 folders", Reason.LIMIT),)


def test_what_is_too_large_or_broken_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MAX_MANIFEST", 1024 * 1024)
    write(
        tmp_path,
        {
            "package-lock.json": " " * (1024 * 1024 + 1),
            "package.json": '{"a":' * 100_000,
            "fixtures/package.json": "{{ name }}",
        },
    )
    (tmp_path / "yarn.lock").write_bytes(b"livekit-client@1:\n\xff")
    assert sorted(look(tmp_path).unread) == [
        Unread("package-lock.json", "larger than 1 MiB", Reason.BROKEN),
        Unread("package.json", "nested too deeply", Reason.BROKEN),
        Unread("yarn.lock", "not UTF-8", Reason.BROKEN),
    ]


@pytest.mark.skipif(
    sys.platform == "win32" or ROOT, reason="who may read everything is told nothing"
)
def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"package.json": PACKAGE, "data/x": "", "b/package.json": PACKAGE})
    (tmp_path / "package.json").chmod(0)
    (tmp_path / "data").chmod(0)
    try:
        fact = look(tmp_path)
    finally:
        (tmp_path / "data").chmod(0o700)
    assert [p.origin for p in fact.packages] == ["b/package.json:1"]
    assert sorted(fact.unread) == [
        Unread("data", "permission denied", Reason.DENIED),
        Unread("package.json", "permission denied", Reason.DENIED),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "package.json")
    git(tmp_path, "init", "-q")
    assert look(tmp_path, secret=SECRET).unread == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "no such folder"), ("a", "is not a folder"), ("\0", "has a NUL in its name")],
)
def test_a_folder_that_is_none(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(UsageError, match=words):
        app.open_folder(name, tmp_path)
    assert app.open_folder(".", tmp_path) == tmp_path


# ------------------------------------------------------------------ what git tracks


def test_the_secret_is_found_in_what_git_tracks(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.yaml": f"x\nkey: {SECRET}\n",
            "dist/b.js": f"{SECRET}\n{SECRET} {SECRET}\n",
            "c.txt": SECRET[:-1],
            ".env": f"LIVEKIT_API_SECRET={SECRET}\n",
            ".gitignore": ".env\n",
        },
    )
    (tmp_path / "d.bin").write_bytes(b"\0\xff" + SECRET.encode())
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A", "-f", "a.yaml", "dist", "c.txt", "d.bin", ".gitignore")
    write(tmp_path, {"e.txt": SECRET})
    fact = look(tmp_path, secret=SECRET)
    assert fact.secret_in == ("a.yaml:2", "d.bin:1", "dist/b.js:1", "dist/b.js:2")
    assert (fact.tracked, fact.secret_searched, fact.unread) == (5, True, ())


def test_a_folder_of_a_work_tree(tmp_path: Path) -> None:
    write(tmp_path, {"web/a.txt": SECRET, "other/b.txt": SECRET})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    fact = look(tmp_path / "web", "web", SECRET)
    assert (fact.tracked, fact.secret_in) == (1, ("web/a.txt:1",))


@pytest.mark.parametrize("value", ["secret", "your-api-secret-goes-here", " " * 40])
def test_what_stands_everywhere_is_not_searched(value: str, tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": value})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    fact = look(tmp_path, secret=value)
    assert (fact.secret_searched, fact.secret_in) == (False, ())


def test_no_work_tree(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": SECRET})
    fact = look(tmp_path, secret=SECRET)
    assert (fact.tracked, fact.secret_searched, fact.unread) == (None, False, ())


# ------------------------------------------------------------------ the order of .env files


def test_the_order_of_env_files(tmp_path: Path) -> None:
    assert app.env_files(tmp_path, {}) == ()
    write(tmp_path, {"package.json": '{"dependencies": {"vite": "7"}}'})
    assert app.env_files(tmp_path, {}) == (
        ".env.development.local",
        ".env.development",
        ".env.local",
        ".env",
    )
    assert app.env_files(tmp_path, {"NODE_ENV": "production"})[0] == ".env.production.local"
    assert app.env_files(tmp_path, {"NODE_ENV": "../../x"})[0] == ".env.development.local"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"a":' * 100_000, '{"dependencies": {"express": "5"}}']
)
def test_no_order_of_its_own(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"package.json": text})
    assert app.env_files(tmp_path, {}) == ()
