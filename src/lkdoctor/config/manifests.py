"""Lock files and manifests of a project: text in, LiveKit's packages out; pure.

The law of this file: of each format only what names a package is read, by lines where the format
writes its own lines, so that nothing can be nested, referenced or multiplied without end. A
version is one only where the file says exactly which; a range is kept as it is written. What is
neither is foreign text of any kind, a token in a URL for one, and is not kept.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

MAX_VALUES: Final = 1_500_000
"""Values of a JSON document: lock files of the largest workspaces have a fifth of that."""
MAX_PACKAGES: Final = 200
"""Of one file; a workspace repeats a name for each of its members."""


class Ecosystem(StrEnum):
    """Whose registry a name belongs to."""

    NPM = "npm"
    PYPI = "pypi"
    GO = "go"
    PUB = "pub"
    CRATES = "crates"
    GEMS = "gems"
    COMPOSER = "composer"
    MAVEN = "maven"
    SWIFT = "swift"
    PODS = "pods"


class Package(NamedTuple):
    """One of LiveKit's packages, as a file names it."""

    ecosystem: Ecosystem
    name: str
    version: str | None
    """The exact version, where the file says one."""
    required: str
    """As it is written: ``^2.15.0``."""
    locked: bool
    """Whether a lock file says so: what is really installed."""
    origin: str
    """``package-lock.json:812``"""


class ManifestError(Exception):
    """The file is not what its name says, in words."""


class _Named(NamedTuple):
    """A package before its file is known."""

    name: str
    required: str
    line: int
    version: str | None = None


Reader = Callable[[str], Iterator[_Named]]

_OURS: Final[Mapping[Ecosystem, str]] = {
    Ecosystem.NPM: r"livekit-client|livekit-server-sdk|@livekit/[\w.-]+",
    Ecosystem.PYPI: r"livekit(?:-[\w.-]+)?",
    Ecosystem.GO: r"github\.com/livekit/[\w./-]+",
    Ecosystem.PUB: r"livekit_\w+",
    Ecosystem.CRATES: r"livekit(?:-[\w-]+)?",
    Ecosystem.GEMS: r"livekit-server-sdk",
    Ecosystem.COMPOSER: r"agence104/livekit-server-sdk",
    Ecosystem.MAVEN: r"io\.livekit:[\w.-]+",
    Ecosystem.SWIFT: r"client-sdk-swift|components-swift|livekit",
    Ecosystem.PODS: r"LiveKitClient",
}


def packages(file: str, text: str, origin: str) -> tuple[Package, ...]:
    """LiveKit's packages in a lock file or manifest.

    Args:
        file: its name, without folders, which says the format.
        text: what stands in it.
        origin: how to speak of it: ``web/package.json``.

    Raises:
        ManifestError: it is not what its name says.
    """
    form = _form(file)
    if form is None:
        return ()
    found: list[Package] = []
    try:
        for named in form.read(text):
            name = named.name.replace("_", "-") if form.ecosystem is Ecosystem.PYPI else named.name
            if not re.fullmatch(_OURS[form.ecosystem], name, re.IGNORECASE):
                continue
            found.append(
                Package(
                    ecosystem=form.ecosystem,
                    name=name.lower() if form.ecosystem is Ecosystem.PYPI else name,
                    version=_version(named.version),
                    required=_requirement(named.required),
                    locked=form.lock,
                    origin=f"{origin}:{named.line}" if named.line else origin,
                )
            )
            if len(found) == MAX_PACKAGES:
                break
    except RecursionError:
        raise ManifestError("nested too deeply") from None
    return tuple(dict.fromkeys(found))


_RELEASE: Final = (
    r"[vV=]{0,2}(?:\d{1,8}!)?\d{1,8}(?:\.(?:\d{1,8}|[xX*])){0,5}"
    r"(?:[-_.+]?(?:a|b|c|rc|alpha|beta|pre|preview|dev|post|next|canary|snapshot|release|m|r|rev)"
    r"[-_.]?\d{0,14}){0,3}(?:-\d{1,14}(?:\.\d{1,8}){0,3}|-0\.\d{14}-[0-9a-f]{12})?"
    r"(?:\+[0-9a-z]{1,12}(?:[.-][0-9a-z]{1,12}){0,2})?"
)
"""A release as npm, PyPI, Cargo, Go and the others write it (semver 2.0.0, PEP 440), with the words
that releases have: a part of letters and digits without end could be anything."""


def _version(version: str | None) -> str | None:
    return version if version and re.fullmatch(_RELEASE, version, re.IGNORECASE) else None


def _requirement(required: str) -> str:
    """A range of releases as it is written; empty where it is none."""
    text = required.strip()[:80]
    one = rf"(?:[<>=!~^]{{0,3}}\s{{0,2}}{_RELEASE}|\*|latest|next|workspace:[*^~])"
    joint = r"(?:\s{0,2},\s{0,2}|\s{0,2}\|\|\s{0,2}|\s-\s|\s{1,2})"
    return text if re.fullmatch(rf"{one}(?:{joint}{one}){{0,5}}", text, re.IGNORECASE) else ""


def is_manifest(file: str) -> bool:
    """Whether `packages` reads a file of this name."""
    return _form(file) is not None


def numbers(version: str | None) -> tuple[int, ...] | None:
    """A release's numbers, to be compared; None for what is no plain release."""
    plain = (version or "").strip().removeprefix("v").partition("+")[0]
    # Twelve digits are more than any release has, and int() takes long ones ill.
    if not re.fullmatch(r"\d{1,12}(?:\.\d{1,12}){0,5}", plain):
        return None
    parts = [int(part) for part in plain.split(".")]
    while len(parts) < 3:
        parts.append(0)
    return tuple(parts)


def dependencies(text: str) -> Mapping[str, str]:
    """All direct dependencies of a package.json, by name; empty where there are none.

    Raises:
        ManifestError: it is no JSON object.
    """
    document = _json_object(text)
    found: dict[str, str] = {}
    for field in ("peerDependencies", "optionalDependencies", "devDependencies", "dependencies"):
        table = document.get(field)
        if isinstance(table, dict):
            found |= {name: value for name, value in table.items() if isinstance(value, str)}
    return found


# ------------------------------------------------------------------ npm


def _package_json(text: str) -> Iterator[_Named]:
    for name, value in dependencies(text).items():
        exact = re.fullmatch(r"=?v?(\d+\.\d+\.\d+[\w.+-]*)", value.strip())
        yield _Named(name, value, _line_of(text, f'"{name}"'), exact[1] if exact else None)


def _package_lock(text: str) -> Iterator[_Named]:
    document = _json_object(text)
    listed = document.get("packages")
    if isinstance(listed, dict):  # lockfileVersion 2 and 3
        for path, entry in listed.items():
            name = path.rpartition("node_modules/")[2]
            if "node_modules/" in path and isinstance(entry, dict):
                yield from _exact(name, entry.get("version"), _line_of(text, f'"{path}"'))
        return
    waiting = [document]
    while waiting:  # lockfileVersion 1: a tree
        tree = waiting.pop().get("dependencies")
        for name, entry in tree.items() if isinstance(tree, dict) else ():
            if isinstance(entry, dict):
                yield from _exact(name, entry.get("version"), _line_of(text, f'"{name}": {{'))
                waiting.append(entry)


def _pnpm_lock(text: str) -> Iterator[_Named]:
    # /livekit-client/2.1.0_peer: (5), /livekit-client@2.1.0(peer): (6), 'livekit-client@2.1.0': (9)
    entry = r"\s{2}['\"]?/?((?:@[^/@\s]{1,100}/)?[^/@\s'\"]{1,100})[/@](\d[^\s:('\"_]{0,60})"
    for number, line in _lines(text):
        if line.startswith("snapshots:"):  # the same packages once more (9)
            return
        found = re.match(entry, line) if "livekit" in line and line.rstrip().endswith(":") else None
        if found:
            yield _Named(found[1], found[2], number, found[2])


def _yarn_lock(text: str) -> Iterator[_Named]:
    name = ""
    start = 0
    for number, line in _lines(text):
        if line[:1] not in {" ", "#", ""}:
            head = re.match(r"\"?((?:@[^/@\s]{1,100}/)?[^/@\s\"]{1,100})@", line)
            name, start = (head[1], number) if head else ("", 0)
        elif name and (found := re.match(r"  version:? \"?([^\s\"]{1,60})", line)):
            if found[1] != "0.0.0-use.local":  # a member of the workspace
                yield _Named(name, found[1], start, found[1])
            name = ""


def _bun_lock(text: str) -> Iterator[_Named]:
    # JSON with trailing commas: "livekit-client": ["livekit-client@2.1.0", "", {…}, "sha512-…"],
    entry = r'\s*"[^"]{1,200}":\s*\["((?:@[^/@"]{1,100}/)?[^/@"]{1,100})@(\d[^"\s]{0,60})"'
    for number, line in _lines(text):
        if "livekit" in line and (found := re.match(entry, line)):
            yield _Named(found[1], found[2], number, found[2])


# ------------------------------------------------------------------ Python

_SPECIFIER: Final = (
    r"([A-Za-z0-9][\w.-]{0,100})\s*(?:\[[^\]]{0,200}\])?\s*\(?((?:[=<>!~]=?=?[^;#'\"]{0,80})?)"
)


def _requirements(text: str) -> Iterator[_Named]:
    for number, line in _lines(text):
        found = re.match(_SPECIFIER, line.strip())
        if found and "livekit" in line.lower():
            yield _pinned(found[1], found[2], number)


def _pyproject(text: str) -> Iterator[_Named]:
    for number, line in _lines(text):
        if "livekit" not in line.lower() or line.lstrip().startswith("#"):
            continue
        for found in re.finditer(rf"[\"'](?=livekit){_SPECIFIER}", line, re.IGNORECASE):
            yield _pinned(found[1], found[2], number)
        # Poetry: livekit-agents = "^1.3", livekit-agents = {version = "1.3.4", extras = […]}
        poetry = r"\s*\"?(livekit[\w.-]*)\"?\s*=\s*(?:\{.*?\bversion\s*=\s*)?\"([^\"]{1,80})\""
        if own := re.match(poetry, line, re.IGNORECASE):
            yield _pinned(own[1], own[2], number)


def _pipfile_lock(text: str) -> Iterator[_Named]:
    document = _json_object(text)
    for section in ("default", "develop"):
        table = document.get(section)
        for name, entry in table.items() if isinstance(table, dict) else ():
            version = entry.get("version") if isinstance(entry, dict) else None
            if isinstance(version, str):
                yield _pinned(name, version, _line_of(text, f'"{name}": {{'))


def _pinned(name: str, specifier: str, line: int) -> _Named:
    specifier = specifier.strip().rstrip(")").strip()
    exact = re.fullmatch(r"={2,3}\s*(\d[\w.+!-]{0,60})", specifier)
    return _Named(name, specifier, line, exact[1] if exact else None)


def _package_blocks(text: str) -> Iterator[_Named]:
    """``[[package]]`` with a name and a version: poetry, uv, pdm, Cargo."""
    name, start = "", 0
    inside = False
    for number, line in _lines(text):
        if line.startswith("["):
            name, inside = "", line.startswith("[[package]]")
        elif inside and (found := re.match(r"(name|version)\s*=\s*\"([^\"]{1,100})\"", line)):
            if found[1] == "name":
                name, start = found[2], number
            elif name:
                yield _Named(name, found[2], start, found[2])
                name = ""


# ------------------------------------------------------------------ others


def _go_mod(text: str) -> Iterator[_Named]:
    block = ""
    for number, line in _lines(text):
        word = line.split("//", maxsplit=1)[0].strip()
        if word.endswith("("):
            block = word[:-1].strip()
        elif word == ")":
            block = ""
        elif block == "require" or word.startswith("require "):
            name, _, version = word.removeprefix("require ").strip().partition(" ")
            if re.fullmatch(r"v\d[\w.+-]{0,80}", version.strip()):
                # From Go 1.17 on, go.mod names the selected version of every module.
                yield _Named(name, version.strip(), number, version.strip().removeprefix("v"))


def _pubspec_lock(text: str) -> Iterator[_Named]:
    name, start = "", 0
    for number, line in _lines(text):
        if head := re.match(r"  (\w{1,100}):\s*$", line):
            name, start = head[1], number
        elif name and (found := re.match(r"    version: \"?([^\"\s]{1,60})", line)):
            yield _Named(name, found[1], start, found[1])
            name = ""


def _pubspec(text: str) -> Iterator[_Named]:
    for number, line in _lines(text):
        if found := re.match(r"  (livekit_\w{1,60}):\s*['\"]?([^'\"#]{0,60})", line):
            required = found[2].strip()
            exact = re.fullmatch(r"\d+\.\d+\.\d+[\w.+-]*", required)
            yield _Named(found[1], required, number, required if exact else None)


def _gemfile_lock(text: str) -> Iterator[_Named]:
    for number, line in _lines(text):
        if found := re.match(r" {4}([\w.-]{1,100}) \(([^)]{1,60})\)", line):
            yield _Named(found[1], found[2], number, found[2])


def _composer_lock(text: str) -> Iterator[_Named]:
    document = _json_object(text)
    for section in ("packages", "packages-dev"):
        listed = document.get(section)
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                line = _line_of(text, f'"name": "{entry["name"]}"')
                yield from _exact(entry["name"], entry.get("version"), line)


def _composer(text: str) -> Iterator[_Named]:
    table = _json_object(text).get("require")
    for name, value in table.items() if isinstance(table, dict) else ():
        if isinstance(value, str):
            exact = value if re.fullmatch(r"v?\d+\.\d+\.\d+", value) else None
            yield _Named(name, value, _line_of(text, f'"{name}"'), exact)


def _gradle(text: str) -> Iterator[_Named]:
    for number, line in _lines(text):
        if line.lstrip().startswith("//"):
            continue
        for found in re.finditer(r"[\"'](io\.livekit:[\w.-]{1,80}):([^\"'@:]{1,60})", line):
            yield _Named(found[1], found[2], number, _release(found[2]))


def _version_catalog(text: str) -> Iterator[_Named]:
    versions: dict[str, str] = {}
    waiting: list[tuple[str, str, int]] = []
    for number, line in _lines(text):
        if alias := re.match(r"\s*([\w.-]{1,80})\s*=\s*\"([^\"]{1,80})\"\s*(?:#|$)", line):
            versions[alias[1]] = alias[2]
            name, _, version = alias[2].rpartition(
                ":"
            )  # livekit = "io.livekit:livekit-android:2.1.0"
            if name.startswith("io.livekit:"):
                yield _Named(name, version, number, _release(version))
        if "io.livekit" not in line:
            continue
        module = re.search(r"module\s*=\s*\"(io\.livekit:[\w.-]{1,80})\"", line)
        named = re.search(r"name\s*=\s*\"([\w.-]{1,80})\"", line)
        ref = re.search(r"version\.ref\s*=\s*\"([\w.-]{1,80})\"", line)
        plain = re.search(r"version\s*=\s*\"([^\"]{1,60})\"", line)
        name = module[1] if module else f"io.livekit:{named[1]}" if named else ""
        if name and ref:
            waiting.append((name, ref[1], number))
        elif name:
            required = plain[1] if plain else ""
            yield _Named(name, required, number, _release(required))
    for name, alias_name, number in waiting:
        required = versions.get(alias_name, "")
        yield _Named(name, required, number, _release(required))


def _package_resolved(text: str) -> Iterator[_Named]:
    document = _json_object(text)
    inner = document.get("object")
    pins = (inner if isinstance(inner, dict) else document).get("pins")
    for pin in pins if isinstance(pins, list) else ():
        if not isinstance(pin, dict) or not isinstance(pin.get("state"), dict):
            continue
        place = str(pin.get("location") or pin.get("repositoryURL") or "")
        repository = re.search(r"livekit/([\w-]+?)(?:\.git)?/?$", place, re.IGNORECASE)
        if repository:
            line = _line_of(text, place)
            yield from _exact(repository[1], pin["state"].get("version"), line)


def _podfile_lock(text: str) -> Iterator[_Named]:
    for number, line in _lines(text):
        if found := re.match(r"  - \"?(LiveKitClient)(?:/\w+)? \((\d[^)]{0,60})\)", line):
            yield _Named(found[1], found[2], number, found[2])


def _release(text: str) -> str | None:
    return text if re.fullmatch(r"\d+\.\d+\.\d+[\w.+-]*", text) else None


# ------------------------------------------------------------------ which file is what


class _Form(NamedTuple):
    ecosystem: Ecosystem
    lock: bool
    read: Reader


def _locked(ecosystem: Ecosystem, read: Reader) -> _Form:
    return _Form(ecosystem, lock=True, read=read)


def _asked(ecosystem: Ecosystem, read: Reader) -> _Form:
    return _Form(ecosystem, lock=False, read=read)


_FORMS: Final[Mapping[str, _Form]] = {
    "package.json": _asked(Ecosystem.NPM, _package_json),
    "package-lock.json": _locked(Ecosystem.NPM, _package_lock),
    "npm-shrinkwrap.json": _locked(Ecosystem.NPM, _package_lock),
    "pnpm-lock.yaml": _locked(Ecosystem.NPM, _pnpm_lock),
    "yarn.lock": _locked(Ecosystem.NPM, _yarn_lock),
    "bun.lock": _locked(Ecosystem.NPM, _bun_lock),
    "pyproject.toml": _asked(Ecosystem.PYPI, _pyproject),
    "poetry.lock": _locked(Ecosystem.PYPI, _package_blocks),
    "uv.lock": _locked(Ecosystem.PYPI, _package_blocks),
    "pdm.lock": _locked(Ecosystem.PYPI, _package_blocks),
    "Pipfile.lock": _locked(Ecosystem.PYPI, _pipfile_lock),
    "go.mod": _locked(Ecosystem.GO, _go_mod),
    "pubspec.yaml": _asked(Ecosystem.PUB, _pubspec),
    "pubspec.lock": _locked(Ecosystem.PUB, _pubspec_lock),
    "Cargo.lock": _locked(Ecosystem.CRATES, _package_blocks),
    "Gemfile.lock": _locked(Ecosystem.GEMS, _gemfile_lock),
    "composer.json": _asked(Ecosystem.COMPOSER, _composer),
    "composer.lock": _locked(Ecosystem.COMPOSER, _composer_lock),
    "build.gradle": _asked(Ecosystem.MAVEN, _gradle),
    "build.gradle.kts": _asked(Ecosystem.MAVEN, _gradle),
    "libs.versions.toml": _asked(Ecosystem.MAVEN, _version_catalog),
    "Package.resolved": _locked(Ecosystem.SWIFT, _package_resolved),
    "Podfile.lock": _locked(Ecosystem.PODS, _podfile_lock),
}

_REQUIREMENTS: Final = _asked(Ecosystem.PYPI, _requirements)


def _form(file: str) -> _Form | None:
    form = _FORMS.get(file)
    if form is None and file.startswith("requirements") and file.endswith(".txt"):
        return _REQUIREMENTS
    return form


# ------------------------------------------------------------------ helpers


def _lines(text: str) -> Iterable[tuple[int, str]]:
    return enumerate(text.replace("\r\n", "\n").split("\n"), 1)


def _json_object(text: str) -> dict[str, Any]:
    import json

    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise ManifestError(f"more than {MAX_VALUES} values")
    try:
        document = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise ManifestError(f"no JSON (line {line})" if line else "no JSON") from None
    if not isinstance(document, dict):
        raise ManifestError("no JSON object")
    return document


def _exact(name: str, version: object, line: int) -> Iterator[_Named]:
    if isinstance(version, str) and version:
        version = version.removeprefix("v")
        yield _Named(name, version, line, version)


def _line_of(text: str, needle: str) -> int:
    # Only LiveKit's names are worth the search, which goes through the whole file.
    if "livekit" not in needle.lower():
        return 0
    at = text.find(needle)
    return text.count("\n", 0, at) + 1 if at >= 0 else 0
