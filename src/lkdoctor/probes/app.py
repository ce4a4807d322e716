"""Reads the folder of an app's project: bounded, and never out of it.

The law of this file: no link is followed, nothing is executed, no file is read beyond a limit, and
of what is read only what is about LiveKit is kept. A file that cannot be
read is a fact.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from lkdoctor import places
from lkdoctor.config import compose, frameworks, javascript, manifests
from lkdoctor.config.frameworks import Framework
from lkdoctor.config.manifests import ManifestError, Package
from lkdoctor.config.resolve import name_of
from lkdoctor.config.server_yaml import YamlError
from lkdoctor.errors import UsageError
from lkdoctor.facts.app import (
    AppFact,
    Cleartext,
    EnvRead,
    FrameworkSeen,
    Host,
    PublishedPort,
    Reason,
    ServerImage,
    UnawaitedToken,
    Unread,
)
from lkdoctor.probes import files, git
from lkdoctor.redact import Secret, safe

MAX_FILES: Final = 50_000
MAX_SOURCE: Final = 512 * 1024
"""Bytes of a source file; longer ones are bundles."""
MAX_TRACKED: Final = 4 * 1024 * 1024
"""Bytes of a tracked file that are searched for the secret."""
MAX_MANIFEST: Final = 16 * 1024 * 1024
"""Bytes of a lock file; those of large workspaces have ten million."""
MAX_BYTES: Final = 512 * 1024 * 1024
"""Bytes of all files together."""
MAX_DEPTH: Final = 40
MAX_SAID: Final = 20
"""Places of one kind that are kept."""
SECRET_FROM: Final = 16
"""Characters from which on a secret is searched for; a shorter one stands in every dictionary."""

_SKIPPED: Final = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", "bower_components", "vendor", "Pods", "Carthage",
        ".next", ".nuxt", ".output", ".svelte-kit", ".astro", ".expo", ".vercel", ".netlify",
        ".turbo", ".parcel-cache", ".cache", ".dart_tool", ".gradle", ".idea", ".yarn", ".pnpm-store",
        "dist", "build", "out", "target", "coverage", "DerivedData", "storybook-static",
        "__pycache__", ".venv", "venv", "site-packages", ".tox", ".nox", ".mypy_cache",
        ".pytest_cache", ".ruff_cache",
    }
)  # fmt: skip
"""Folders of installed packages, builds and caches: nobody's own source."""

_SOURCES: Final = (
    ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte", ".astro",
)  # fmt: skip

_SERVER_SOURCES: Final = (".go", ".php", ".rb")

_HOSTS: Final = {
    "vercel.json": "Vercel",
    "convex.json": "Convex",
    "wrangler.toml": "Cloudflare",
    "wrangler.json": "Cloudflare",
    "wrangler.jsonc": "Cloudflare",
    "fly.toml": "Fly.io",
    "netlify.toml": "Netlify",
    "render.yaml": "Render",
    "railway.json": "Railway",
    "railway.toml": "Railway",
}

_BUNDLER_RULES: Final = (
    r"(?:vite|next|nuxt|svelte|astro|app|metro|babel|webpack|craco)\.config\.\w+"
)
_SAMPLE: Final = r"(?i)example|sample|template|dist$"


def open_folder(name: str, base: Path) -> Path:
    """The project's folder.

    Raises:
        UsageError: it cannot be read.
    """
    shown = safe(name, 200)
    try:
        folder = base / name
        with os.scandir(folder):
            pass
    except FileNotFoundError:
        problem = "no such folder"
    except NotADirectoryError:
        problem = "is not a folder"
    except (OSError, ValueError) as error:
        problem = files.words(error)
    else:
        return folder
    raise UsageError(
        f"--project-dir {shown}: {problem}",
        advice=["--project-dir .   for the folder that you are in"],
    )


def env_files(folder: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The .env files that the framework of this folder's package.json reads, strongest first.

    Empty where no framework has an order of its own. ``NODE_ENV`` says the mode.
    """
    try:
        data = files.read(str(folder / "package.json"), MAX_SOURCE)
        found = frameworks.framework_of(manifests.dependencies(data.decode("utf-8-sig")))
    except (OSError, ValueError, RecursionError, ManifestError, files.TooLargeError):
        return ()  # `look` says what is wrong with it
    if found is None or not found.env_files:
        return ()
    mode = environ.get("NODE_ENV", "")
    mode = mode if mode in frameworks.MODES else "development"
    return frameworks.env_files(found, mode)


def look(folder: Path, label: str, secret: Secret | None = None) -> AppFact:
    """All that the project says about LiveKit.

    Args:
        folder: where it is; see `open_folder`.
        label: how the user calls it; the beginning of every origin.
        secret: the API secret, to be searched for in what git tracks.
    """
    looking = _Looking(folder, label, secret)
    looking.walk()
    looking.search_tracked()
    return looking.fact()


class _Source(NamedTuple):
    """A source file that has something to do with LiveKit."""

    path: str
    text: str


class _Looking:
    """One look, under way."""

    def __init__(self, folder: Path, label: str, secret: Secret | None) -> None:
        self._root = str(folder)
        self._label = "" if label in {".", "./"} else label.rstrip("/\\")
        value = secret.reveal() if secret is not None else ""
        self._needle = _bytes(value) if _worth_searching(value) else b""
        self._files = 0
        self._left = MAX_BYTES
        self._seen: set[str] = set()
        self._packages: list[Package] = []
        self._frameworks: dict[str, tuple[Framework, FrameworkSeen]] = {}
        self._hosts: dict[str, Host] = {}
        self._sources: list[_Source] = []
        self._own_rules: set[str] = set()
        self._env_names: set[str] = set()
        self._swaps = False
        self._cleartext: list[Cleartext] = []
        self._published: list[PublishedPort] = []
        self._images: list[ServerImage] = []
        self._unread: list[Unread] = []
        self._secret_in: list[str] = []
        self._tracked = self._ask_index()

    # ------------------------------------------------------------ the walk

    def walk(self) -> None:
        """Every folder once, the upper ones first."""
        waiting: list[tuple[str, int]] = [("", 0)]
        for path, depth in waiting:  # grows while it is read
            if self._files >= MAX_FILES:
                self._leave(
                    path, f"more than {MAX_FILES} files: the rest was not read", Reason.LIMIT
                )
                return
            try:
                with os.scandir(f"{self._root}/{path}") as entries:
                    for entry in entries:
                        inner = f"{path}/{entry.name}" if path else entry.name
                        if entry.is_dir(follow_symlinks=False):
                            if _is_junction(entry):
                                continue
                            self._enter(inner, entry.name, depth, waiting)
                        elif entry.is_file(follow_symlinks=False):
                            self._files += 1
                            if self._files > MAX_FILES:
                                break
                            self._file(inner, entry.name)
            except OSError as error:
                self._leave(path, files.words(error), Reason.DENIED)

    def _enter(self, path: str, name: str, depth: int, waiting: list[tuple[str, int]]) -> None:
        platform = {"convex": "Convex", "supabase": "Supabase"}.get(name)
        if platform == "Supabase" or (platform and depth == 0):
            self._hosts.setdefault(platform, Host(platform, self._origin(path)))
        if name in _SKIPPED:
            return
        if depth == MAX_DEPTH:
            self._leave(path, f"deeper than {MAX_DEPTH} folders", Reason.LIMIT)
        else:
            waiting.append((path, depth + 1))

    def _file(self, path: str, name: str) -> None:
        if manifests.is_manifest(name):
            self._manifest(path, name)
        elif name.endswith(_SOURCES):
            self._source(path, name)
        elif name.endswith(_SERVER_SOURCES):
            data = self._data(path, MAX_SOURCE, quiet=True)
            self._swaps |= data is not None and b"ws" in data and _swaps_scheme(data)
        elif name.startswith(".env") and not re.search(_SAMPLE, name):
            self._env_file(path)
        elif name == "AndroidManifest.xml":
            self._android(path)
        elif compose.is_compose(name):
            self._compose(path)
        elif name in _HOSTS:
            self._hosts.setdefault(_HOSTS[name], Host(_HOSTS[name], self._origin(path)))

    def _manifest(self, path: str, name: str) -> None:
        text = self._text(path, MAX_MANIFEST)
        if text is None:
            return
        try:
            # The needle first: most manifests of a workspace have nothing of LiveKit's.
            if "livekit" in text.lower() or name == "package.json":
                self._packages += manifests.packages(name, text, self._origin(path))
            if name == "package.json":
                self._package_json(path, manifests.dependencies(text))
        except (ManifestError, RecursionError) as problem:
            if "/" in path and "livekit" not in text.lower():
                return  # somebody's template or test data, and none of our business
            words = str(problem) if isinstance(problem, ManifestError) else "nested too deeply"
            self._leave(path, words, Reason.BROKEN)

    def _package_json(self, path: str, dependencies: Mapping[str, str]) -> None:
        framework = frameworks.framework_of(dependencies)
        if framework is not None:
            folder = path.rpartition("/")[0]
            seen = FrameworkSeen(framework.name, self._origin(path), framework.prefix)
            self._frameworks[folder] = (framework, seen)
        if "convex" in dependencies:
            self._hosts.setdefault("Convex", Host("Convex", self._origin(path)))

    def _source(self, path: str, name: str) -> None:
        data = self._data(path, MAX_SOURCE, quiet=True)
        if data is None:
            return
        if re.fullmatch(_BUNDLER_RULES, name) and re.search(rb"envPrefix|define|LIVEKIT_", data):
            self._own_rules.add(path.rpartition("/")[0])
        if (b"LIVEKIT_" in data or b"toJwt" in data) and len(self._sources) < 2000:
            self._sources.append(_Source(path, data.decode("utf-8", "replace")))

    def _env_file(self, path: str) -> None:
        data = self._data(path, MAX_SOURCE, quiet=True)
        for line in (data or b"").decode("utf-8", "replace").splitlines()[:5000]:
            name = line.partition("=")[0].strip().removeprefix("export").strip()
            if "LIVEKIT" in name and len(name) <= 80 and name_of(name) is not None:
                self._env_names.add(safe(name, 80))

    def _android(self, path: str) -> None:
        data = self._data(path, MAX_SOURCE, quiet=True)
        if data is not None:
            allowed = re.search(
                rb"usesCleartextTraffic\s*=\s*\"(?:true|\$\{)|networkSecurityConfig\s*=", data
            )
            self._cleartext.append(
                Cleartext(self._origin(path), allowed is not None, "/debug/" in f"/{path}")
            )

    def _compose(self, path: str) -> None:
        data = self._data(path, MAX_SOURCE, quiet=True)
        text = (data or b"").decode("utf-8-sig", "replace")
        try:
            found, images = compose.published(text), compose.images(text)
        except YamlError as problem:
            words = f"{problem.problem} (line {problem.line})"
            self._leave(path, safe(words, 120), Reason.BROKEN)
            return
        self._images += [
            ServerImage(f"{self._origin(path)}:{line}", version) for line, version in images
        ]
        self._published += [
            PublishedPort(
                origin=f"{self._origin(path)}:{port.line}",
                written=port.written,
                straight=port.straight,
                udp=port.protocol == "udp",
                first=port.container[0],
                last=port.container[1],
            )
            for port in found
        ]

    # ------------------------------------------------------------ what git tracks

    def _ask_index(self) -> frozenset[str] | None:
        """What git tracks below the folder; None where it is no work tree, or cannot be told."""
        try:
            return git.tracked(self._root)
        except git.NotToldError as problem:
            self._leave("", f"{problem}: tracked files were not told", Reason.LIMIT)
            return None

    def search_tracked(self) -> None:
        """Look for the secret in the tracked files that the walk has not read."""
        if self._tracked is None or not self._needle:
            return
        inside: dict[str, bool] = {}
        for number, path in enumerate(sorted(self._tracked - self._seen)):
            if number == MAX_FILES:
                self._leave("", f"more than {MAX_FILES} tracked files", Reason.LIMIT)
                return
            folder = path.rpartition("/")[0]
            if folder not in inside:
                inside[folder] = self._is_inside(folder)
            if inside[folder]:
                self._data(path, MAX_TRACKED, quiet=True)

    def _is_inside(self, folder: str) -> bool:
        """Whether no part of the path has become a link since git has seen it."""
        place = Path(self._root)
        for part in folder.split("/"):
            place /= part
            if part and places.is_link(place):
                return False
        return True

    # ------------------------------------------------------------ reading

    def _text(self, path: str, limit: int) -> str | None:
        data = self._data(path, limit)
        if data is None:
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self._leave(path, "not UTF-8", Reason.BROKEN)
            return None

    def _data(self, path: str, limit: int, *, quiet: bool = False) -> bytes | None:
        """A file's bytes; on the way the secret is looked for, where git tracks it."""
        tracked = self._tracked is not None and path in self._tracked
        self._seen.add(path)
        wanted = max(limit, MAX_TRACKED) if tracked and self._needle else limit
        if self._left < 0:
            return None
        try:
            data = files.read(f"{self._root}/{path}", wanted)
        except files.TooLargeError:
            if not quiet:
                self._leave(path, f"larger than {wanted // 1024 // 1024} MiB", Reason.BROKEN)
            return None
        except FileNotFoundError:  # gone meanwhile, or tracked and removed
            return None
        except (OSError, ValueError) as error:
            self._leave(path, files.words(error), Reason.DENIED)
            return None
        self._left -= len(data)
        if self._left < 0:
            self._leave("", f"more than {MAX_BYTES // 1024 // 1024} MiB", Reason.LIMIT)
        if tracked and self._needle and self._needle in data:
            room = MAX_SAID - len(self._secret_in)
            self._secret_in += [
                f"{self._origin(path)}:{line}"
                for line in javascript.lines_of(data, self._needle, room)
            ]
        return data if len(data) <= limit else None

    def _origin(self, path: str) -> str:
        return safe(f"{self._label}/{path}".strip("/") if self._label else path, 200)

    def _leave(self, path: str, why: str, reason: Reason) -> None:
        if len(self._unread) < MAX_SAID:
            self._unread.append(Unread(self._origin(path) or ".", why, reason))

    # ------------------------------------------------------------ what came of it

    def fact(self) -> AppFact:
        """What was seen."""
        reads = list(self._reads())
        return AppFact(
            folder=safe(self._root, 400),
            files=min(self._files, MAX_FILES),
            packages=tuple(self._packages[:400]),
            frameworks=tuple(
                seen._replace(own_rules=folder in self._own_rules)
                for folder, (_, seen) in sorted(self._frameworks.items())
            )[:MAX_SAID],
            hosts=tuple(self._hosts[name] for name in sorted(self._hosts)),
            reads=tuple(reads[:100]),
            env_names=tuple(sorted(self._env_names)),
            tokens=tuple(self._promises())[:MAX_SAID],
            swaps_scheme=self._swaps,
            cleartext=tuple(self._cleartext[:MAX_SAID]),
            published=tuple(self._published[: compose.MAX_PORTS]),
            server_images=tuple(self._images[:MAX_SAID]),
            tracked=None if self._tracked is None else len(self._tracked),
            secret_searched=self._tracked is not None and bool(self._needle),
            secret_in=tuple(sorted(self._secret_in)),
            unread=tuple(self._unread),
        )

    def _reads(self) -> Iterator[EnvRead]:
        for source in sorted(self._sources):
            folder, framework = self._framework_at(source.path)
            if framework is None or folder in self._own_rules or _is_beside(source.path):
                continue
            client = javascript.is_client(source.text)
            for read in javascript.reads(source.text):
                yield EnvRead(
                    name=read.name,
                    origin=f"{self._origin(source.path)}:{read.line}",
                    framework=framework.name,
                    prefix=framework.prefix,
                    in_browser=_in_browser(framework, source.path, read, client=client),
                    fallback=read.fallback,
                    object=read.object,
                )

    def _promises(self) -> Iterator[UnawaitedToken]:
        for source in sorted(self._sources):
            if not _is_beside(source.path):
                for promise in javascript.promises(source.text):
                    yield UnawaitedToken(
                        f"{self._origin(source.path)}:{promise.line}", promise.sure
                    )

    def _framework_at(self, path: str) -> tuple[str, Framework | None]:
        """The framework of the nearest folder above that has a package.json with one."""
        folder = path.rpartition("/")[0]
        while True:
            if folder in self._frameworks:
                return folder, self._frameworks[folder][0]
            if not folder:
                return "", None
            folder = folder.rpartition("/")[0]


def _is_junction(entry: "os.DirEntry[str]") -> bool:
    """Windows: a link that looks like a folder; Python 3.12 and later know it."""
    return bool(getattr(entry, "is_junction", bool)())


def _in_browser(framework: Framework, path: str, read: javascript.Read, *, client: bool) -> bool:
    if read.object != framework.object or not framework.prefix:
        return False
    if framework.name == "Next.js":
        return client
    if not framework.everywhere:
        return False
    if framework.name == "Expo":  # API routes run on a server
        return "+api." not in path
    return "/src/" in f"/{path}" and not re.search(r"(?i)(?:^|/)(?:server|api|ssr)\b", path)


def _swaps_scheme(data: bytes) -> bool:
    """Whether a line names both schemes, as ``str_replace('wss', 'https', …)`` does."""
    return any(
        re.search(rb"\bwss?\b", line) and re.search(rb"\bhttps?\b", line)
        for line in data.split(b"\n")
        if b"ws" in line and b"http" in line
    )


def _is_beside(path: str) -> bool:
    """Tests, stories and type declarations: no part of what runs."""
    return (
        re.search(r"(?i)(?:^|[/._-])(?:tests?|specs?|__\w+__|stories|e2e|d)[/.]", path) is not None
    )


def _worth_searching(value: str) -> bool:
    from lkdoctor.facts.env import Looks, looks_like

    return len(value.strip()) >= SECRET_FROM and looks_like(value) is not Looks.PLACEHOLDER


def _bytes(value: str) -> bytes:
    return value.strip().encode("utf-8", "surrogatepass")
