"""``lkdoctor.toml``, or ``[tool.lkdoctor]`` in ``pyproject.toml``: what a project says of itself.

::

    project = "staging"             # which of several; --project NAME overrides it

    [booking]                       # see lkdoctor.booking
    room = "booking-{booking}"

    [roles.supervisor]              # see lkdoctor.booking
    canPublish = false

    [projects.staging]
    url = "wss://staging-x4k2.livekit.cloud"
    api_key = "APIxk7Qm3pLw9Za"
    api_secret_env = "STAGING_LIVEKIT_API_SECRET"   # the variable's name, never the secret

The tables ``booking`` and ``roles`` are handed on as they are; their meaning is `lkdoctor.booking`'s.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lkdoctor.errors import UsageError
from lkdoctor.redact import register, safe
from lkdoctor.spelling import distance

KEYS: Final = ("project", "booking", "roles", "projects")
PROJECT_KEYS: Final = ("url", "api_key", "api_secret_env")

MAX_PROJECTS: Final = 100
"""Of each the line is looked for."""

_SECRET_KEYS: Final = frozenset({"api_secret", "secret", "token", "api_secret_value"})


class ProjectEntry(NamedTuple):
    """One LiveKit project of several."""

    name: str
    url: str | None
    api_key: str | None
    api_secret_env: str | None
    """The name of the variable that holds the secret."""
    origin: str
    """``lkdoctor.toml:9``"""


class Project(NamedTuple):
    """What the project file says."""

    origin: str = "built in"
    """``lkdoctor.toml``"""
    table: Mapping[str, object] = {}
    """The whole file's table, for `lkdoctor.booking.parse`."""
    projects: tuple[ProjectEntry, ...] = ()
    default: str | None = None
    """The project to use where none is asked for."""

    def entry(self, name: str | None) -> ProjectEntry | None:
        """The project of this name; without a name the default one, or the only one.

        Raises:
            UsageError: there is none of this name.
        """
        wanted = name or self.default
        if wanted is None:
            return self.projects[0] if len(self.projects) == 1 else None
        for entry in self.projects:
            if entry.name == wanted:
                return entry
        names = [entry.name for entry in self.projects]
        raise UsageError(
            f"there is no project {safe(wanted, 80)!r} in {self.origin}",
            advice=[_did_you_mean(wanted, names) or f"there are: {', '.join(names) or 'none'}"],
        )


def parse_project(text: str, origin: str, *, within: tuple[str, ...] = ()) -> Project | None:
    """A project file's content; None where the table asked for is not in it.

    Args:
        text: the file, as TOML.
        origin: its name, for messages and origins.
        within: the table to read, ``("tool", "lkdoctor")`` in a pyproject.toml.

    Raises:
        UsageError: not TOML, or not what a project file may hold; names the line and the right key.
    """
    import tomllib

    try:
        table: object = tomllib.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:
        # Of a number with thousands of digits Python's own words lead nowhere.
        own = isinstance(error, tomllib.TOMLDecodeError | RecursionError)
        problem = safe(str(error), 200) if own else "a number has too many digits"
        raise UsageError(
            f"{origin}: not TOML: {problem}",
            advice=["see https://toml.io for the format; texts stand in quotes"],
        ) from None
    for name in within:
        table = table.get(name) if isinstance(table, Mapping) else None
    if table is None:
        return None
    prefix = ".".join(within) + "." if within else ""
    reader = _Reader(text, origin, prefix)
    return reader.project(table)


class _Reader(NamedTuple):
    text: str
    origin: str
    prefix: str

    def project(self, table: object) -> Project:
        if not isinstance(table, Mapping):
            raise UsageError(f"{self.origin}: {self.prefix.rstrip('.')} is not a table")
        self.known(table, KEYS, "")
        default = table.get("project")
        if default is not None and not isinstance(default, str):
            raise self.mistake("project", "is not a text", 'project = "NAME"')
        projects = table.get("projects", {})
        if not isinstance(projects, Mapping):
            raise self.mistake("projects", "is not a table", "write [projects.NAME] on a line")
        if len(projects) > MAX_PROJECTS:
            raise self.mistake(
                "projects", f"has more than {MAX_PROJECTS} entries", "leave some out"
            )
        project = Project(
            origin=self.origin,
            table=table,
            projects=tuple(self.entry(name, entry) for name, entry in projects.items()),
            default=default,
        )
        if default is not None:
            project.entry(None)
        return project

    def entry(self, name: str, table: object) -> ProjectEntry:
        where = f"projects.{safe(name, 80)}"
        if not isinstance(table, Mapping):
            raise self.mistake(where, "is not a table", f"write [{self.prefix}{where}] on a line")
        for key in table:
            if key in _SECRET_KEYS:
                if isinstance(table[key], str):
                    register(table[key])
                raise self.mistake(
                    f"{where}.{key}",
                    "would put a secret in a file that is shared",
                    f'api_secret_env = "{_variable_for(name)}"   names the variable that holds it',
                    line_of=key,
                )
        self.known(table, PROJECT_KEYS, f"{where}.")
        values: dict[str, str | None] = {}
        for key in PROJECT_KEYS:
            value = table.get(key)
            if value is not None and not isinstance(value, str):
                raise self.mistake(f"{where}.{key}", "is not a text", f'{key} = "…"', line_of=key)
            values[key] = value
        variable = values["api_secret_env"]
        if variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
            register(variable)  # a secret in the place of its variable's name
            raise self.mistake(
                f"{where}.api_secret_env",
                "is not the name of a variable",
                f'api_secret_env = "{_variable_for(name)}"',
                line_of="api_secret_env",
            )
        line = self.line(
            rf"^[ \t]*\[[ \t]*{re.escape(self.prefix)}projects[ \t]*\.[ \t]*[\"']?{re.escape(name)}"
        )
        return ProjectEntry(
            name=name,
            url=values["url"],
            api_key=values["api_key"],
            api_secret_env=variable,
            origin=f"{self.origin}:{line}" if line else self.origin,
        )

    def known(self, table: Mapping[str, object], keys: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in keys:
                raise self.mistake(
                    where + safe(key, 80),
                    "is not a setting",
                    _did_you_mean(key, keys) or f"there are: {', '.join(keys)}",
                    line_of=key,
                )

    def mistake(
        self, name: str, problem: str, advice: str, *, line_of: str | None = None
    ) -> UsageError:
        # TOML's parser keeps no line numbers: the first line that begins with the key is meant.
        key = re.escape(line_of or name.rpartition(".")[2])
        line = self.line(rf"^[ \t]*(?:\[.*\b{key}\b|[\"']?{key}[\"']?[ \t]*[.=])")
        place = f"{self.origin}:{line}" if line else self.origin
        return UsageError(f"{place}: {self.prefix}{name} {problem}", advice=[advice])

    def line(self, pattern: str) -> int | None:
        match = re.search(pattern, self.text, re.MULTILINE)
        if match is None:
            return None
        return self.text.count("\n", 0, match.start()) + 1


def _did_you_mean(word: str, names: Iterable[str]) -> str | None:
    near = min(names, key=lambda name: distance(name, word), default=None)
    if near is None or distance(near, word) > max(2, len(near) // 3):
        return None
    return f"did you mean {near}?"


def _variable_for(project: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", project.upper()).strip("_") + "_LIVEKIT_API_SECRET"
