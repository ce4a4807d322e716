"""Where values are read: options, the environment, .env files, the project file.

The one part of the configuration that touches the disk and the environment. All that it reads
is bounded; what is not about LiveKit is forgotten at once.
"""

import contextlib
import functools
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from lkdoctor import places
from lkdoctor.config.named_files import problem_of, read_named, size_of
from lkdoctor.config.resolve import (
    SERVER_NAMES,
    Kind,
    Meaning,
    NamedTarget,
    Resolution,
    Source,
    Value,
    Writing,
    name_of,
    resolve,
)
from lkdoctor.config.target import Setting, Target
from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret, register, safe
from lkdoctor.suspects import by_chance

if TYPE_CHECKING:
    from lkdoctor.config.lk import LkConfig, LkProject
    from lkdoctor.config.project import Project, ProjectEntry

FOLDER_FILES: Final = (".env.local", ".env")
"""What frameworks read in the working directory, strongest first."""

MAX_FILE: Final = 1024 * 1024
MAX_LINES: Final = 2000
"""Lines of a .env file: python-dotenv takes its time for each."""
MAX_TOML: Final = 256 * 1024
MAX_KEYS: Final = 32
"""Keys of one name in TOML (``a.b.c``): its parser keeps each beginning of a name."""
MAX_VALUE: Final = 64 * 1024
"""Characters of one value after interpolation: a few lines could otherwise fill the memory."""
MAX_VALUES: Final = 4 * 1024 * 1024
"""Characters of all values of a file after interpolation."""
MAX_REFERENCES: Final = 20
"""``${…}`` in one value: python-dotenv looks for the end of each anew."""
MAX_BLANKS: Final = 256
"""Blanks in a row: python-dotenv looks at them once for each, so a million take an hour."""

DEV_URL: Final = "ws://localhost:7880"
DEV_KEY: Final = "devkey"
DEV_SECRET: Final = "secret"
"""The placeholder pair of ``livekit-server --dev`` (cmd/server/main.go)."""

_PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


class Given(NamedTuple):
    """The options that say where to connect, as the user gave them."""

    url: str | None = None
    api_key: str | None = None
    api_secret: str | None = None
    api_secret_file: str | None = None
    token: str | None = None
    token_file: str | None = None
    env_files: tuple[str, ...] = ()
    project: str | None = None
    dev: bool = False
    trust_folder: bool = False


NOTHING_GIVEN: Final = Given()


def load(
    given: Given,
    *,
    environ: Mapping[str, str],
    directory: Path,
    home: Path | None = None,
    every_project: bool = False,
    stdin: IO[bytes] | None = None,
    folder_files: Sequence[str] = FOLDER_FILES,
) -> Resolution:
    """All that is configured for a command started in this directory.

    Args:
        given: the options.
        environ: the process environment.
        directory: the working directory.
        home: the user's, where lk keeps its projects; None: they are not looked at.
        every_project: lk's projects are wanted whether or not one of them is used.
        stdin: where an option says ``-``.
        folder_files: the .env files that are looked for, strongest first.

    Raises:
        UsageError: something that the user named cannot be read.
    """
    project = _find_project(directory) if given.project is None else read_project(directory)
    options = read_options(given, stdin=stdin)
    environment = read_environment(environ)
    # What the environment and the stronger files set: a variable that lkdoctor.toml names may be
    # there. No file's own values are made of it: they could carry it to a host of the file's choice.
    seen = dict(environ)
    files = [
        _file(Path(name), name, Kind.NAMED_FILE, seen, base=directory) for name in given.env_files
    ]
    known = _Known(frozenset(seen), seen)
    files += [
        _file(Path(name), name, Kind.FOLDER_FILE, seen, base=directory) for name in folder_files
    ]
    projects = [_named_target(entry, known) for entry in project.projects] if project else []
    sources: list[Source | None]
    if given.project is not None:
        chosen = _asked_for(given.project, project, known, home)
        sources = [options, chosen, environment, *files]
    else:
        entry = project.entry(None) if project else None
        own = _project_source(entry, known) if entry is not None else None
        sources = [options, environment, *files, own]
        if not any(source and _says_where(source) for source in sources):
            # As a whole or not at all: lk's keys never go to a URL from elsewhere, nor its URL
            # with keys from elsewhere.
            sources.append(_lk_default(home))
    if every_project:
        with contextlib.suppress(UsageError):  # they only add what could be known
            projects += [NamedTarget(f"{p.name} of lk", _lk_target(p)) for p in _lk(home).projects]
    resolution = resolve(
        [source for source in sources if source is not None],
        directory=safe(str(directory), 400),
        container=find_container(environ),
        proxies=read_proxies(environ),
        projects=projects,
    )
    return resolution.trusted() if given.trust_folder else resolution


class _Known(NamedTuple):
    """The variables that a project file may name."""

    own: frozenset[str]
    """Those of the environment and of the files that the user named."""
    values: Mapping[str, str]
    """All, those of the folder's files included."""


def _asked_for(name: str, project: "Project | None", known: "_Known", home: Path | None) -> Source:
    """The project that ``--project`` names: the folder's own, else lk's."""
    label = f"--project {safe(name, 80)}"
    own = [entry.name for entry in project.projects] if project else []
    if project is not None and name in own:
        entry = project.entry(name)
        if entry is not None:
            source = _project_source(entry, known)
            # The user has named it, and its file says what it is.
            values = tuple(v._replace(stands_in=v.stands_in or source.kind) for v in source.values)
            return source._replace(label=label, kind=Kind.OPTION, values=values)
    config = _lk(home)
    found = config.project(name)
    if found is None:
        names = [*own, *(p.name for p in config.projects)]
        import difflib

        where = "lkdoctor.toml" if project is None or not own else project.origin
        near = difflib.get_close_matches(name, names, n=1)
        there = ", ".join(safe(known, 40) for known in names[:20]) or "none"
        raise UsageError(
            f"there is no project {safe(name, 80)!r} in {where}, nor among lk's",
            advice=[f"did you mean {safe(near[0], 80)}?" if near else f"there are: {there}"],
        )
    return Source(label, Kind.OPTION, tuple(_lk_values(found)))


def _says_where(source: Source) -> bool:
    """Whether it holds a URL, a key or a secret that counts."""
    named = (name_of(value.name) for value in source.values)
    return any(n and not n.typo_of and n.meaning is not Meaning.TOKEN for n in named)


# ------------------------------------------------------------------ options


def read_options(given: Given, *, stdin: IO[bytes] | None = None) -> Source | None:
    """The values given on the command line; None where there are none.

    Raises:
        UsageError: a file that holds one cannot be read, or two options say the same.
    """
    if given.api_secret is not None and given.api_secret_file is not None:
        raise UsageError(
            "--api-secret and --api-secret-file say the same",
            advice=["--api-secret-file FILE alone: other users see a secret in the process list"],
        )
    if given.api_secret_file == "-" and given.token_file == "-":
        raise UsageError(
            "standard input cannot hold both the secret and the token",
            advice=["write one of them to a file"],
        )
    values = tuple(_option_values(given, stdin))
    return Source("options", Kind.OPTION, values) if values else None


def _option_values(given: Given, stdin: IO[bytes] | None) -> Iterator[Value]:
    for name, text, option in (
        ("LIVEKIT_URL", given.url, "--url"),
        ("LIVEKIT_API_KEY", given.api_key, "--api-key"),
        ("LIVEKIT_API_SECRET", given.api_secret, "--api-secret"),
        ("LIVEKIT_TOKEN", given.token, "--token"),
    ):
        if text is not None:
            yield _value(name, text, option)
    for name, path, option in (
        ("LIVEKIT_API_SECRET", given.api_secret_file, "--api-secret-file"),
        ("LIVEKIT_TOKEN", given.token_file, "--token-file"),
    ):
        if path is not None:
            text = _read_secret(path, option, stdin)
            # No token has a blank; a secret might, and then it is the user's to see.
            text = text.strip() if name == "LIVEKIT_TOKEN" else text
            yield _value(name, text, f"{option} {safe(path, 200)}")
    if given.dev:
        yield Value("LIVEKIT_URL", DEV_URL, "--dev")
        yield Value("LIVEKIT_API_KEY", DEV_KEY, "--dev")
        yield _value("LIVEKIT_API_SECRET", DEV_SECRET, "--dev")


def _read_secret(name: str, option: str, stdin: IO[bytes] | None) -> str:
    if name == "-":
        data = (stdin or sys.stdin.buffer).read(MAX_VALUE + 1)
    else:
        data = read_named(name, option, MAX_VALUE, holds_secret=True)
    if len(data) > MAX_VALUE:
        raise UsageError(f"{option} {safe(name, 200)}: larger than {MAX_VALUE // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {safe(name, 200)}: {_encoding_problem(data, error)}") from None
    # An editor's last line end is no part of a secret; more than one is the user's to see.
    text = re.sub(r"\r?\n\Z", "", text)
    if not text.strip():
        raise UsageError(f"{option} {safe(name, 200)}: empty")
    return text


# ------------------------------------------------------------------ the environment


def read_environment(environ: Mapping[str, str]) -> Source:
    """The LiveKit variables of a process environment."""
    values = tuple(
        _value(name, text, "environment")
        for name, text in environ.items()
        if name_of(name) is not None
    )
    server = tuple(
        _server_value(name, environ[name], "environment")
        for name in sorted(SERVER_NAMES & environ.keys())
    )
    return Source("process environment", Kind.ENVIRONMENT, values, server=server)


def read_proxies(environ: Mapping[str, str]) -> tuple[Setting, ...]:
    """The proxy variables that clients honour, in either case."""
    return tuple(
        Setting(environ[name], name)
        for upper in _PROXIES
        for name in (upper.lower(), upper)
        if environ.get(name)
    )


def find_container(environ: Mapping[str, str], root: Path = Path("/")) -> str | None:
    """What shows that this process runs in a container; None where nothing does."""
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "KUBERNETES_SERVICE_HOST is set"
    for mark in (".dockerenv", "run/.containerenv"):
        if places.exists(root / mark):
            return f"/{mark} exists"
    try:
        with (root / "proc/1/cgroup").open("rb") as file:
            groups = file.read(4096)
    except OSError:
        return None
    found = re.search(rb"docker|kubepods|containerd|libpod|lxc", groups)
    return f"/proc/1/cgroup names {found[0].decode()}" if found else None


# ------------------------------------------------------------------ .env files


class _ProblemError(Exception):
    """Why a file cannot be used, in words."""


def read_env_file(path: Path, label: str, kind: Kind, environ: Mapping[str, str]) -> Source:
    """The LiveKit variables of a .env file, as python-dotenv's ``load_dotenv`` would set them.

    Args:
        path: the file.
        label: its name, for origins: ``.env.local``.
        kind: whether the user named it.
        environ: what an app's ``${NAME}`` would see beside the file's own lines.
    """
    return _file(path, label, kind, dict(environ), base=Path())


def _file(path: Path, name: str, kind: Kind, seen: dict[str, str], *, base: Path) -> Source:
    label = safe(name, 200)
    if kind is Kind.NAMED_FILE:
        data = read_named(str(path), "--env-file", MAX_FILE, base=base)
    else:
        try:
            found = _read_unnamed(base / path, MAX_FILE)
        except _ProblemError as problem:
            return Source(label, kind, problem=str(problem))
        if found is None:
            return Source(label, kind, found=False)
        data = found
    try:
        values, unread, everything, server = _parse(_decoded(data), label, seen)
    except _ProblemError as problem:
        if kind is Kind.NAMED_FILE:
            raise UsageError(f"--env-file {label}: {problem}") from None
        return Source(label, kind, problem=str(problem))
    for variable, value in everything.items():
        seen.setdefault(variable, value)
    return Source(label, kind, values, unread_lines=unread, server=server)


def _decoded(data: bytes) -> str:
    """The text of a file's bytes."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _ProblemError(_encoding_problem(data, error)) from None
    if re.search(rf"[^\S\r\n]{{{MAX_BLANKS}}}", text):
        raise _ProblemError(f"more than {MAX_BLANKS} blanks in a row")
    return text


def _read_unnamed(path: Path, limit: int) -> bytes | None:
    """The bytes of a file that nobody named; None where it is not there, or cannot be seen."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if places.is_link(path):
            raise _ProblemError("is a link to a file that does not exist") from None
        return None
    except (NotADirectoryError, PermissionError):  # its folder may not be searched: not by us
        return None
    except (OSError, ValueError) as error:
        raise _ProblemError(problem_of(error)) from None
    if places.exists(path / "pyvenv.cfg"):  # a virtual environment that is called .env
        return None
    # A pipe in the working directory could keep us waiting for ever; a named one is meant.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _ProblemError("is not a regular file; name it with --env-file to read it")
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:  # gone meanwhile
        return None
    except OSError as error:
        # Windows says "permission denied" of a directory.
        problem = "is a directory" if stat.S_ISDIR(mode) else problem_of(error)
        raise _ProblemError(problem) from None
    if len(data) > limit:
        raise _ProblemError(f"larger than {size_of(limit)}")
    return data


def _parse(
    text: str, label: str, seen: Mapping[str, str]
) -> tuple[tuple[Value, ...], tuple[int, ...], dict[str, str], tuple[Value, ...]]:
    """Values (last line first), lines not read, all that the file sets, a server's variables."""
    import io

    if max(text.count("\n"), text.count("\r")) > MAX_LINES:
        raise _ProblemError(f"more than {MAX_LINES} lines")
    mark = text.startswith("\ufeff")
    # Older releases of python-dotenv take the mark for a part of the first name.
    bindings = _dotenv("parser").parse_stream(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    values: list[Value] = []
    unread: list[int] = []
    everything: dict[str, _Made] = {}
    server: list[Value] = []
    length = 0
    for binding in bindings:
        original = binding.original.string
        lead = re.match(r"\s*", original)
        line = binding.original.line + len(re.findall(r"\r\n|\n|\r", lead[0] if lead else ""))
        if binding.key is None or binding.value is None:
            if (binding.error or binding.key) and re.search(r"(?i)livekit|\bLK_", original):
                unread.append(line)
            continue
        made = _interpolate(binding.value, everything, seen, line)
        value = made.text
        length += len(value)
        if length > MAX_VALUES:
            raise _ProblemError(
                f"line {line}: ${{…}} makes values of more than {MAX_VALUES} characters"
            )
        everything[binding.key] = made
        if name_of(binding.key) is not None:
            writing = _writing(original, binding.value, made, mark=mark and line == 1)
            values.append(_value(binding.key, value, f"{label}:{line}", writing))
        elif binding.key in SERVER_NAMES and not made.outside:
            server.append(_server_value(binding.key, value, f"{label}:{line}"))
    texts = {name: made.text for name, made in everything.items()}
    return tuple(reversed(values)), tuple(unread), texts, tuple(reversed(server))


@functools.cache
def _dotenv(name: str) -> Any:
    """A module of python-dotenv.

    Its package loads logging, tempfile and more for functions that are not used here, which takes
    longer than all that check-env does; so the one file is loaded, and the package where that fails.
    """
    import importlib
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    package = PathFinder.find_spec("dotenv")
    where = package.submodule_search_locations if package is not None else None
    spec = None if where is None else PathFinder.find_spec(f"dotenv.{name}", where)
    if spec is None or spec.loader is None:
        return importlib.import_module(f"dotenv.{name}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Made(NamedTuple):
    """A value whose references were replaced."""

    text: str
    outside: tuple[str, ...] = ()
    """Names that stand in it as written: this file does not set them."""
    otherwise: tuple[str, ...] = ()
    """Names that are set outside of the file, too, and not to the same."""


def _interpolate(
    value: str, own: Mapping[str, _Made], others: Mapping[str, str], line: int
) -> _Made:
    """The value with its references replaced by what the file itself has set.

    python-dotenv takes the environment's values, and those first. Here a file's text may lead to a
    host, which would be sent what somebody else's file picks from the environment.
    """
    if "${" not in value:
        return _Made(value)
    if value.count("${") > MAX_REFERENCES:
        raise _ProblemError(f"line {line}: more than {MAX_REFERENCES} ${{…}} in one value")
    pieces: list[str] = []
    outside: dict[str, None] = {}
    otherwise: dict[str, None] = {}
    length = 0
    for atom in _dotenv("variables").parse_variables(value):
        name = getattr(atom, "name", None)
        if name is None:
            pieces.append(atom.value)
        elif name in own:
            made = own[name]
            pieces.append(made.text)
            outside |= dict.fromkeys(made.outside)
            otherwise |= dict.fromkeys(made.otherwise)
            if others.get(name, made.text) != made.text:
                otherwise[name] = None
        elif atom.default is not None and name not in others:
            pieces.append(atom.default)
        else:
            default = "" if atom.default is None else f":-{atom.default}"
            pieces.append(f"${{{name}{default}}}")
            outside[name] = None
        length += len(pieces[-1])
        if length > MAX_VALUE:
            raise _ProblemError(
                f"line {line}: ${{…}} makes a value of more than {MAX_VALUE} characters"
            )
    return _Made("".join(pieces), tuple(outside), tuple(otherwise))


def _writing(original: str, parsed: str, made: _Made, *, mark: bool) -> Writing:
    body = original.lstrip().partition("=")[2]
    crlf = body.endswith("\r\n")
    body = body.rstrip("\r\n")
    start = body.lstrip(" \t")
    quote = start[:1] if start[:1] in {"'", '"'} else ""
    if quote:
        # The parser has seen the closing mark; what follows it is blanks or a comment.
        closed = re.match(r"(?s)'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", start)
        after = start[closed.end() :] if closed else ""
        return Writing(
            quote=quote,
            blank_after=bool(after) and not after.strip(),
            comment_after=after.lstrip().startswith("#"),
            crlf=crlf,
            byte_order_mark=mark,
            references=parsed != made.text,
            outside=made.outside,
            otherwise=made.otherwise,
        )
    comment = bool(re.search(r"\s#", body))
    bare = start.split("#")[0].strip()  # dotenv for Node: [^#\r\n]+, trimmed
    return Writing(
        blank_after=not comment and body != body.rstrip(),
        comment_after=comment,
        crlf=crlf,
        byte_order_mark=mark,
        node_length=len(bare) if bare != parsed else None,
        references=parsed != made.text,
        outside=made.outside,
        otherwise=made.otherwise,
    )


def _encoding_problem(data: bytes, error: UnicodeDecodeError) -> str:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in data[:64]:
        return "is UTF-16, as PowerShell's > writes it; save it as UTF-8"
    line = data.count(b"\n", 0, error.start) + 1
    return f"line {line}: is not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8"


def named_text(name: str, label: str, base: Path) -> str:
    """The text of a file that the user named.

    Args:
        name: the file.
        label: what it stood behind: ``--server-config``.
        base: where a relative name begins.

    Raises:
        UsageError: it cannot be read; says why.
    """
    data = read_named(name, label, MAX_FILE, base=base)
    try:
        return _decoded(data).removeprefix("\ufeff")
    except _ProblemError as problem:
        raise UsageError(f"{label} {safe(name, 200)}: {problem}") from None


# ------------------------------------------------------------------ the project file


def read_project(directory: Path) -> "Project":
    """``lkdoctor.toml`` of this directory, else ``[tool.lkdoctor]`` of its pyproject.toml.

    Raises:
        UsageError: there is one, and it cannot be used.
    """
    from lkdoctor.config.project import Project

    return _find_project(directory) or Project()


_KEY: Final = r"(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')"
_MANY_KEYS: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY}){{{MAX_KEYS},}}"


def _find_project(directory: Path) -> "Project | None":
    for name, within in (("lkdoctor.toml", ()), ("pyproject.toml", ("tool", "lkdoctor"))):
        try:
            data = _read_unnamed(directory / name, MAX_TOML)
            text = None if data is None else _decoded(data)
        except _ProblemError as problem:
            if within:  # another tool's file: not ours to complain about
                continue
            raise UsageError(f"{name}: {problem}") from None
        # Reading TOML takes time that a command without such a table need not spend.
        if text is None or (within and "lkdoctor" not in text):
            continue
        if re.search(_MANY_KEYS, text):
            if within:
                continue
            raise UsageError(f"{name}: a name of more than {MAX_KEYS} keys")
        from lkdoctor.config.project import parse_project

        project = parse_project(text.removeprefix("\ufeff"), name, within=within)
        if project is not None:
            return project
    return None


def _project_source(entry: "ProjectEntry", known: _Known) -> Source:
    return Source(
        label=entry.origin,
        kind=Kind.PROJECT,
        values=tuple(_project_values(entry, known)),
    )


def _project_values(entry: "ProjectEntry", known: _Known) -> Iterator[Value]:
    if entry.url is not None:
        yield Value("LIVEKIT_URL", entry.url, entry.origin)
    if entry.api_key is not None:
        yield _value("LIVEKIT_API_KEY", entry.api_key, entry.origin)
    variable = entry.api_secret_env
    if variable is not None and variable in known.values:
        place = Kind.ENVIRONMENT if variable in known.own else Kind.FOLDER_FILE
        origin = f"{variable} (named in {entry.origin})"
        value = _value("LIVEKIT_API_SECRET", known.values[variable], origin)
        speaks = re.search(r"(?i)livekit|(?:^|_)lk(?:_|$)", variable)
        yield value._replace(stands_in=place, picked=place is Kind.ENVIRONMENT and not speaks)


def _named_target(entry: "ProjectEntry", known: _Known) -> NamedTarget:
    source = _project_source(entry, known)
    return NamedTarget(entry.name, resolve([source]).target)


# ------------------------------------------------------------------ lk's projects


def _lk(home: Path | None) -> "LkConfig":
    """What lk knows; nothing where it has no file.

    Raises:
        UsageError: its file cannot be read.
    """
    from lkdoctor.config.lk import FILE, LkConfig, UnreadableError, parse

    try:
        data = None if home is None else _read_unnamed(home / FILE, MAX_FILE)
        return LkConfig() if data is None else parse(_decoded(data))
    except (_ProblemError, UnreadableError) as problem:
        raise UsageError(f"~/{FILE}: {problem}", advice=["see: lk project list"]) from None


def _lk_default(home: Path | None) -> Source | None:
    """The project that lk would use; None where it has none."""
    from lkdoctor.config.lk import FILE

    if home is None or not places.exists(home / FILE):
        return None
    try:
        found = _lk(home).project(None)
    except UsageError as error:
        return Source(f"~/{FILE}", Kind.LK, problem=error.message.partition(": ")[2])
    return Source(f"~/{FILE}", Kind.LK, tuple(_lk_values(found)) if found else ())


def _lk_values(project: "LkProject") -> Iterator[Value]:
    from lkdoctor.config.lk import FILE

    origin = f"~/{FILE}:{project.line}"
    if project.url is not None:
        yield Value("LIVEKIT_URL", project.url, origin)
    if project.api_key is not None:
        yield _value("LIVEKIT_API_KEY", project.api_key, origin)
    if project.api_secret is not None:
        yield Value("LIVEKIT_API_SECRET", project.api_secret, origin)


def _lk_target(project: "LkProject") -> Target:
    source = Source("lk", Kind.LK, tuple(_lk_values(project)))
    return resolve([source]).target


# ------------------------------------------------------------------ values


def _server_value(name: str, text: str, origin: str) -> Value:
    # A whole configuration is no secret; those in it are wrapped when it is read.
    return Value(name, Secret(text) if name == "LIVEKIT_KEYS" else text, origin)


def _value(name: str, text: str, origin: str, writing: Writing | None = None) -> Value:
    """The value; wrapped where it is secret, or where a secret may stand in a wrong place."""
    known = name_of(name)
    meaning = known.meaning if known else Meaning.API_SECRET
    if meaning in {Meaning.API_SECRET, Meaning.TOKEN}:
        return Value(name, Secret(text), origin, writing)
    # Longer than any API key (``API`` and 12 characters: livekit/protocol, utils/id.go).
    if meaning is Meaning.API_KEY and re.fullmatch(r"[A-Za-z0-9+/=_-]{21,}", text.strip(" \"'")):
        register(text)
    for start, end in by_chance(text, 21 if meaning is Meaning.API_KEY else 32):
        register(text[start:end])
    return Value(name, text, origin, writing)
