"""Which of several values wins, and what it hides; pure.

The law of this file: sources come strongest first, within a source values come strongest first,
and of the names with one meaning the first value wins, *even an empty one*: an empty variable in
the environment hides a file's value from every app. Only a name with a public prefix
(``NEXT_PUBLIC_LIVEKIT_URL``) stands back: it is for another reader, the browser, so it neither
hides the plain name nor is hidden by it, and stands in only where no plain name is set.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.config.target import SecretSetting, Setting, Target
from lkdoctor.redact import Secret
from lkdoctor.spelling import distance


class Meaning(StrEnum):
    """What a variable is for."""

    URL = "url"
    API_KEY = "api_key"
    API_SECRET = "api_secret"
    TOKEN = "token"


NAMES: Final[Mapping[str, Meaning]] = {
    "LIVEKIT_URL": Meaning.URL,
    "LIVEKIT_WS_URL": Meaning.URL,
    "LIVEKIT_API_KEY": Meaning.API_KEY,
    "LIVEKIT_API_SECRET": Meaning.API_SECRET,
    "LIVEKIT_TOKEN": Meaning.TOKEN,
}
"""The names that SDKs and apps read; of two with one meaning the stronger comes first."""

CANONICAL: Final[Mapping[Meaning, str]] = {
    Meaning.URL: "LIVEKIT_URL",
    Meaning.API_KEY: "LIVEKIT_API_KEY",
    Meaning.API_SECRET: "LIVEKIT_API_SECRET",
    Meaning.TOKEN: "LIVEKIT_TOKEN",
}

PUBLIC_PREFIXES: Final = (
    "NEXT_PUBLIC_",
    "NUXT_PUBLIC_",
    "EXPO_PUBLIC_",
    "REACT_APP_",
    "VITE_",
    "PUBLIC_",
)
"""What bundlers copy into the browser's code: Next, Nuxt, Expo, Create React App, Vite, SvelteKit."""

_ALIASES: Final[Mapping[str, str]] = {
    "LIVEKIT_HOST": "LIVEKIT_URL",
    "LIVEKIT_SERVER": "LIVEKIT_URL",
    "LIVEKIT_SERVER_URL": "LIVEKIT_URL",
    "LIVEKIT_ENDPOINT": "LIVEKIT_URL",
    "LIVEKIT_WSS_URL": "LIVEKIT_URL",
    "LIVEKIT_WEBSOCKET_URL": "LIVEKIT_URL",
    "LIVEKIT_KEY": "LIVEKIT_API_KEY",
    "LIVEKIT_KEY_ID": "LIVEKIT_API_KEY",
    "LIVEKIT_API_KEY_ID": "LIVEKIT_API_KEY",
    "LIVEKIT_SECRET": "LIVEKIT_API_SECRET",
    "LIVEKIT_SECRET_KEY": "LIVEKIT_API_SECRET",
    "LIVEKIT_API_SECRET_KEY": "LIVEKIT_API_SECRET",
    "LIVEKIT_API_KEY_SECRET": "LIVEKIT_API_SECRET",
    "LIVEKIT_ACCESS_TOKEN": "LIVEKIT_TOKEN",
    "LIVEKIT_JWT": "LIVEKIT_TOKEN",
}

SERVER_NAMES: Final = frozenset(
    {
        "LIVEKIT_CONFIG", "LIVEKIT_KEYS", "LIVEKIT_TURN_CERT", "LIVEKIT_TURN_KEY", "NODE_IP",
        "UDP_PORT", "REDIS_HOST", "LIVEKIT_RTC_NODE_IP", "LIVEKIT_RTC_UDP_PORT",
    }
)  # fmt: skip
"""What a livekit-server reads (cmd/server/main.go), and the two that it has ceased to read."""

# The server's own variables and the options of agents: near in spelling, far in meaning.
_OTHERS: Final = frozenset(
    {"LIVEKIT_KEYS", "LIVEKIT_KEY_FILE", "LIVEKIT_CONFIG", "LIVEKIT_BODY", "LIVEKIT_REGION"}
)


class Name(NamedTuple):
    """What the name of a variable says."""

    meaning: Meaning
    prefix: str = ""
    """The public prefix, where there is one."""
    typo_of: str | None = None
    """The name that was probably meant; None: this name is right."""


def name_of(variable: str) -> Name | None:
    """What a variable is for, by its name; None where it has nothing to do with LiveKit."""
    prefix = next((p for p in PUBLIC_PREFIXES if variable.upper().startswith(p)), "")
    plain = variable[len(prefix) :]
    meaning = NAMES.get(plain)
    if meaning is not None:
        return Name(meaning, variable[: len(prefix)])
    meant = _meant(plain.upper())
    if meant is None:
        return None
    return Name(NAMES[meant], variable[: len(prefix)], variable[: len(prefix)] + meant)


def _meant(name: str) -> str | None:
    if name in NAMES:  # lower case: variables are case-sensitive everywhere but on Windows
        return name
    if name in _OTHERS:
        return None
    if name.startswith("LK_"):
        name = "LIVEKIT_" + name[3:]
    name = name.replace("LIVE_KIT", "LIVEKIT")
    if name in NAMES:
        return name
    if name in _ALIASES:
        return _ALIASES[name]
    # Most variables of an environment are sorted out by a letter, without the full comparison.
    if not (name.startswith(("L", "IV")) or "KIT_" in name) or "_" not in name:
        return None
    # Two slips, or one in a short name: LIVEKIT_API_KYE, LIVKIT_URL.
    near = [n for n in NAMES if abs(len(n) - len(name)) <= 2 and _looks_alike(n, name)]
    return min(near, key=lambda n: distance(n, name), default=None)


def _looks_alike(right: str, name: str) -> bool:
    return distance(right, name) <= (1 if len(right) < 12 else 2)


class Kind(StrEnum):
    """What kind of place a value comes from."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    NAMED_FILE = "named-file"
    """``--env-file``"""
    FOLDER_FILE = "folder-file"
    """``.env.local`` or ``.env`` of the working directory"""
    PROJECT = "project"
    """``lkdoctor.toml`` or ``[tool.lkdoctor]`` of the working directory"""
    LK = "lk"
    """``~/.livekit/cli-config.yaml``, the projects of LiveKit's own CLI"""


FOLDER: Final = frozenset({Kind.FOLDER_FILE, Kind.PROJECT})
"""What is found in the folder: whoever wrote the folder wrote that."""


class Writing(NamedTuple):
    """How a .env file spells a value, where readers of such files differ."""

    quote: str = ""
    """The quotation mark around it."""
    blank_after: bool = False
    """The line ends with a blank: python-dotenv drops it, docker's ``--env-file`` keeps it."""
    comment_after: bool = False
    """A ``# comment`` follows: docker's ``--env-file`` takes it for a part of the value."""
    crlf: bool = False
    """Windows line end: a shell that sources the file keeps the carriage return."""
    byte_order_mark: bool = False
    """The file begins with one, right before this name."""
    node_length: int | None = None
    """Characters that dotenv for Node reads, where a bare ``#`` makes it stop early."""
    references: bool = False
    """``${NAME}`` stood there and was replaced."""
    outside: tuple[str, ...] = ()
    """Names of ``${NAME}`` that stay as written: the file does not set them before this line."""
    otherwise: tuple[str, ...] = ()
    """Names that the file sets, and the environment or a stronger file to something else."""


class Value(NamedTuple):
    """One variable in one place."""

    name: str
    value: str | Secret
    origin: str
    """``environment``, ``.env.local:3``, ``--api-key``"""
    writing: Writing | None = None
    stands_in: Kind | None = None
    """The kind of place that holds it, where that is not its source's: a project file names the
    variable of its secret, and ``--project`` a table of that file."""
    picked: bool = False
    """A file of the folder names the variable, whose own name does not speak of LiveKit."""

    @property
    def text(self) -> str:
        """The value itself, for comparing; never to be shown."""
        return self.value.reveal() if isinstance(self.value, Secret) else self.value


class Source(NamedTuple):
    """A place that was looked in."""

    label: str
    """``options``, ``process environment``, ``.env.local``"""
    kind: Kind
    values: tuple[Value, ...] = ()
    """Strongest first: in a file, the last line."""
    found: bool = True
    problem: str | None = None
    """Why it could not be read, although it is there."""
    unread_lines: tuple[int, ...] = ()
    """Lines that name a LiveKit variable and are not ``NAME=value``."""
    server: tuple[Value, ...] = ()
    """The variables of a livekit-server, strongest first."""


class Resolved(NamedTuple):
    """A value, and what became of it."""

    value: Value
    name: Name
    kind: Kind
    winner: Value | None = None
    """The value that hides this one; None: this one counts."""

    @property
    def used(self) -> bool:
        """Whether it counts."""
        return self.winner is None and self.name.typo_of is None


class NamedTarget(NamedTuple):
    """One of several projects, with its secret where the variable that holds it is set."""

    name: str
    target: Target


class Resolution(NamedTuple):
    """All that is configured."""

    target: Target
    values: tuple[Resolved, ...] = ()
    """Every LiveKit value found, strongest source first."""
    sources: tuple[Source, ...] = ()
    """Where was looked, strongest first."""
    directory: str = "."
    """The working directory, for display."""
    container: str | None = None
    """What shows that this process runs in a container."""
    proxies: tuple[Setting, ...] = ()
    """Proxy variables of the environment, each with its name as origin; see `proxy_for`."""
    projects: tuple[NamedTarget, ...] = ()
    """What ``[projects.NAME]`` say, and lk's where they were asked for."""
    server: tuple[Value, ...] = ()
    """The variables of a livekit-server, each where it counts."""

    def trusted(self) -> "Resolution":
        """The same where the user stands by the host that the folder names."""
        return self._replace(target=self.target.trusted())


def resolve(
    sources: Iterable[Source],
    *,
    directory: str = ".",
    container: str | None = None,
    proxies: Sequence[Setting] = (),
    projects: Sequence[NamedTarget] = (),
) -> Resolution:
    """The target that these sources, strongest first, amount to."""
    sources = tuple(sources)
    winners: dict[tuple[Meaning, bool], Value] = {}
    values: list[Resolved] = []
    for source in sources:
        named = [(v, n) for v in source.values if (n := name_of(v.name)) is not None]
        # LIVEKIT_URL before LIVEKIT_WS_URL of the same place; the rest keeps its order.
        order = list(NAMES)
        named.sort(
            key=lambda pair: order.index(pair[0].name) if pair[0].name in NAMES else len(order)
        )
        for value, name in named:
            if name.typo_of is not None:
                values.append(Resolved(value, name, source.kind))
                continue
            winner = winners.setdefault((name.meaning, bool(name.prefix)), value)
            values.append(Resolved(value, name, source.kind, None if winner is value else winner))
    return Resolution(
        target=_target(winners, values),
        values=tuple(values),
        sources=sources,
        directory=directory,
        container=container,
        proxies=tuple(proxies),
        projects=tuple(projects),
        server=tuple(
            {v.name: v for source in reversed(sources) for v in reversed(source.server)}.values()
        ),
    )


def _target(winners: Mapping[tuple[Meaning, bool], Value], values: Iterable[Resolved]) -> Target:
    folder: set[tuple[Meaning, str]] = set()
    others: set[tuple[Meaning, str]] = set()
    for found in values:
        place = found.value.stands_in or found.kind
        (folder if place in FOLDER else others).add((found.name.meaning, _core(found.value)))

    def winner(meaning: Meaning) -> Value | None:
        value = winners.get((meaning, False)) or winners.get((meaning, True))
        return value if value is not None and value.text else None

    def setting(meaning: Meaning) -> Setting | None:
        value = winner(meaning)
        if value is None:
            return None
        known = (meaning, _core(value))
        # What the user says himself is his own choice, and what the folder holds it knows already.
        of_folder = known in folder and (meaning is not Meaning.URL or known not in others)
        return Setting(value.text, value.origin, of_folder)

    def secret(meaning: Meaning) -> SecretSetting | None:
        value, found = winner(meaning), setting(meaning)
        if value is None or found is None:
            return None
        return SecretSetting(Secret(found.value), found.origin, found.of_folder, value.picked)

    return Target(
        url=setting(Meaning.URL),
        api_key=setting(Meaning.API_KEY),
        api_secret=secret(Meaning.API_SECRET),
        token=secret(Meaning.TOKEN),
    )


def _core(value: Value) -> str:
    """What is the same however a reader treats blanks and quotes around it."""
    return value.text.strip(" \t\r\n\"'")


def proxy_for(proxies: Sequence[Setting], host: str, *, secure: bool) -> Setting | None:
    """The proxy that clients on this machine would take to a host, with its variable as origin.

    The scheme's variable, then ``ALL_PROXY``. ``NO_PROXY`` lists domains with their subdomains,
    addresses, networks, or ``*``; what is on this machine is exempt anyway (Go's
    ``httpproxy.Config``, which ``lk`` uses; curl differs in the last alone).
    """
    # Upper case counts where both are set, as with Go and the Rust SDK.
    named = {p.origin.upper(): p for p in proxies if p.value.strip()}
    if _is_loopback(host):
        return None
    exempt = named.get("NO_PROXY")
    if exempt is not None and any(
        _is_exempt(host.lower(), entry) for entry in exempt.value.lower().replace(",", " ").split()
    ):
        return None
    return named.get("HTTPS_PROXY" if secure else "HTTP_PROXY") or named.get("ALL_PROXY")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _is_exempt(host: str, entry: str) -> bool:
    if entry == "*":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        domain = entry.rpartition(":")[0] if entry.count(":") == 1 else entry
        domain = domain.removeprefix("*").removeprefix(".")
        return host == domain or host.endswith(f".{domain}")
    for written in (entry, entry.rpartition(":")[0]):
        try:
            return address in ipaddress.ip_network(written.strip("[]"), strict=False)
        except ValueError:
            continue
    return False
