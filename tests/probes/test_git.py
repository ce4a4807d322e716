"""What git tracks is told as git itself tells it, and nothing of a repository runs."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import needs
import pytest

from lkdoctor.probes import app, git
from lkdoctor.probes.git import NotToldError
from lkdoctor.redact import Secret

SECRET = "made-up-for-tests-7k2m9x4w1q-8n3v6z5t0r3f"
NAMES = (
    "a.txt",
    "src/b b.ts",
    "src/b-c/d",
    "src/c/é.js",
    "web/" + "long/" * 30 + "e",
    "z\n\x01.txt",
)
OWN = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


def run(folder: Path, *arguments: str) -> bytes:
    needs.binary("git")
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment | OWN, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(folder: Path) -> frozenset[str]:
    """What git says."""
    listed = run(folder, "ls-files", "-z").split(b"\0")
    return frozenset(os.fsdecode(name) for name in listed if name)


def made(folder: Path, *arguments: str) -> Path:
    folder.mkdir()
    run(folder, "init", "-q", *arguments)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def same(folder: Path, many: int) -> None:
    found = git.tracked(str(folder))
    assert found == told(folder)
    assert len(found) == many


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not know")
@pytest.mark.parametrize("form", ["sha1", "sha256"])
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_the_same_as_git_says(form: str, version: str, tmp_path: Path) -> None:
    tree = made(tmp_path / "tree", f"--object-format={form}")
    same(tree, 0)
    run(tree, "config", "index.version", version)
    run(tree, "add", "-A")
    same(tree, 6)
    (tree / "new").write_text("")
    run(tree, "add", "--intent-to-add", "new")  # takes version 3
    run(tree, "rm", "-q", "--cached", "a.txt")
    same(tree, 6)
    same(tree / "src", 3)
    same(tree / "src" / "c", 1)
    run(tree, "config", "index.skipHash", "true")
    run(tree, "config", "feature.manyFiles", "true")
    run(tree, "add", "-A")
    same(tree, 7)


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not know")
def test_a_split_index(tmp_path: Path) -> None:
    tree = made(tmp_path / "tree")
    run(tree, "config", "splitIndex.maxPercentChange", "100")
    run(tree, "add", "-A")
    run(tree, "update-index", "--split-index")
    same(tree, 6)
    run(tree, "rm", "-q", "--cached", "a.txt", "src/c/é.js")
    (tree / "src/b b.ts").write_text("changed")
    (tree / "new").write_text("")
    run(tree, "add", "new", "src/b b.ts")
    assert b"link" in (tree / ".git/index").read_bytes()
    same(tree, 5)
    (shared,) = (tree / ".git").glob("sharedindex.*")
    shared.unlink()
    with pytest.raises(NotToldError, match="git's index: no such file or directory"):
        git.tracked(str(tree))


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not know")
def test_linked_work_trees_submodules_conflicts_and_sparse_checkouts(tmp_path: Path) -> None:
    tree = made(tmp_path / "tree")
    run(tree, "add", "-A")
    run(tree, "commit", "-q", "-m", "one")
    run(tree, "worktree", "add", "-q", "../linked")
    (tmp_path / "linked/new").write_text("")
    run(tmp_path / "linked", "add", "new")
    same(tmp_path / "linked", 7)
    same(tmp_path / "linked" / "src", 3)
    run(tmp_path / "linked", "commit", "-q", "-m", "two")

    run(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../tree", "sub")
    same(tree / "sub", 6)
    same(tree, 8)

    run(tmp_path / "linked", "config", "extensions.worktreeConfig", "true")
    run(tmp_path / "linked", "sparse-checkout", "set", "--cone", "src")
    same(tmp_path / "linked", 7)
    run(tmp_path / "linked", "sparse-checkout", "reapply", "--sparse-index")
    # The folders that are left out stand for their files, none of which is on this disk.
    assert git.tracked(str(tmp_path / "linked")) == frozenset({
        "a.txt", "new", "src/b b.ts", "src/b-c/d", "src/c/é.js", "z\n\x01.txt",
    })  # fmt: skip


def test_folders_that_are_no_work_tree(tmp_path: Path) -> None:
    assert git.tracked(str(tmp_path)) is None
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("")
    assert git.tracked(str(tmp_path)) is None, "git looks further, too"
    (tmp_path / ".git/objects").mkdir()
    assert git.tracked(str(tmp_path)) == frozenset()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("nonsense", "the file .git names no repository"),
        ("gitdir: nowhere\n", "the file .git names a repository that is not there"),
        ("gitdir: /\n", "the file .git names a repository that is not there"),
        ("gitdir: " + "a" * 5000 + "\n", "file name too long"),
    ],
)
def test_a_file_that_points_nowhere(content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / ".git").write_text(content)
    with pytest.raises(NotToldError, match=f"git's index: {problem}"):
        git.tracked(str(tmp_path))


@pytest.mark.parametrize("kind", ["damaged", "large", "folder", "link", "pipe"])
def test_an_index_that_cannot_be_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / ".git/objects").mkdir(parents=True)
    (tmp_path / ".git/HEAD").write_text("")
    place = tmp_path / ".git/index"
    if kind == "damaged":
        place.write_bytes(b"DIRC")
    elif kind == "large":
        with place.open("wb") as file:
            file.truncate(20 * 1024 * 1024)
    elif kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("/dev/zero")
    elif not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with a name")
    else:
        os.mkfifo(place)
    (unread,) = app.look(tmp_path, ".", Secret(SECRET)).unread
    assert unread.why.startswith("git's index: ")
    assert unread.why.endswith(": tracked files were not told")


@pytest.mark.skipif(sys.platform == "win32", reason="the program that must not run is a script")
def test_nothing_of_a_repository_runs(tmp_path: Path) -> None:
    tree = made(tmp_path / "tree")
    (tree / "a.txt").write_text(SECRET)
    (tree / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    run(tree, "add", "-A")
    run(tree, "commit", "-q", "-m", "one")
    mark = tmp_path / "it ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    program.chmod(0o755)
    for sample in (tree / ".git/hooks").iterdir():
        sample.unlink()
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc", "reference-transaction"):
        shutil.copy(program, tree / ".git/hooks" / hook)
    (tree / ".git/config").write_text(
        f"""
[core]
    repositoryformatversion = 1
    fsmonitor = {program}
    pager = {program}
    hooksPath = {tree}/.git/hooks
    sshCommand = {program}
    gitProxy = {program}
    editor = {program}
    alternateRefsCommand = {program}
[alias]
    ls-files = !{program}
[pager]
    ls-files = {program}
[diff]
    external = {program}
[diff "evil"]
    textconv = {program}
    command = {program}
[filter "evil"]
    clean = {program}
    smudge = {program}
    process = {program}
[credential]
    helper = !{program}
[extensions]
    partialClone = origin
[remote "origin"]
    url = ext::{program}
    promisor = true
    partialclonefilter = blob:none
    uploadpack = {program}
[protocol]
    allow = always
"""
    )
    (tree / ".gitmodules").write_text(
        f'[submodule "a"]\npath=a\nurl=ext::{program}\nupdate=!{program}\n'
    )
    # What is not here is fetched from the remote that promised it.
    for place in (tree / ".git/objects").glob("??/*"):
        place.chmod(stat.S_IRUSR | stat.S_IWUSR)
        place.unlink()
    fact = app.look(tree, ".", Secret(SECRET))
    assert (fact.tracked, fact.secret_in, fact.unread) == (7, ("a.txt:1",), ())
    assert not mark.exists()
    # The proof that the mark would be there: git itself obeys this configuration.
    subprocess.run(
        ["git", "-C", str(tree), "ls-files", "--modified"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert mark.exists()
