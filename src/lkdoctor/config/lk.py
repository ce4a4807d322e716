"""The projects of LiveKit's own CLI: ``~/.livekit/cli-config.yaml``, which ``lk project add`` writes.

::

    default_project: clinic
    projects:
      - name: clinic
        project_id: p_4k2
        url: wss://clinic-x4k2.livekit.cloud
        api_key: APIxk7Qm3pLw9Za
        api_secret: …

(livekit-cli 2.18, pkg/config/config.go). Read, never written; the file is only looked at where it is
needed, as PyYAML takes longer to load than all else that an offline command does.
"""

from typing import Final, NamedTuple

from lkdoctor.config import server_yaml
from lkdoctor.config.server_yaml import Node, Shape, YamlError
from lkdoctor.redact import Secret, safe

FILE: Final = ".livekit/cli-config.yaml"
"""Within the user's home directory."""

MAX_PROJECTS: Final = 1000


class LkProject(NamedTuple):
    """One project as lk keeps it; None is what is not there."""

    name: str
    url: str | None
    api_key: str | None
    api_secret: Secret | None
    line: int


class LkConfig(NamedTuple):
    """What lk knows of projects."""

    projects: tuple[LkProject, ...] = ()
    default: str | None = None

    def project(self, name: str | None) -> LkProject | None:
        """The project of this name; without a name the default one."""
        wanted = name or self.default
        return next((p for p in self.projects if p.name == wanted), None)


class UnreadableError(ValueError):
    """The file is not what lk writes; says where and why, and shows nothing of it."""


def parse(text: str) -> LkConfig:
    """The projects in the file's text.

    Raises:
        UnreadableError: it is not YAML, or not a mapping with a list of projects.
    """
    try:
        root = server_yaml.read(text)
    except YamlError as error:
        problem = safe(error.problem, 100)
        raise UnreadableError(f"line {error.line}: not YAML ({problem})") from None
    if root is None or _is_null(root):
        return LkConfig()
    members = _members(root, "the file")
    listed = members.get("projects")
    if listed is None or _is_null(listed):
        return LkConfig()
    if listed.shape is not Shape.LIST:
        raise UnreadableError(f"line {listed.line}: projects is not a list")
    projects = tuple(_project(node) for node in listed.items[:MAX_PROJECTS])
    default = members.get("default_project")
    return LkConfig(projects, (_scalar(default) or None) if default is not None else None)


def _project(node: Node) -> LkProject:
    members = _members(node, "a project")
    texts = {
        key: _scalar(members[key]) or None
        for key in ("name", "url", "api_key", "api_secret")
        if key in members
    }
    secret = texts.get("api_secret")
    return LkProject(
        name=texts.get("name") or "",
        url=texts.get("url"),
        api_key=texts.get("api_key"),
        api_secret=Secret(secret) if secret else None,
        line=node.line,
    )


def _members(node: Node, what: str) -> dict[str, Node]:
    if node.shape is not Shape.MAPPING:
        raise UnreadableError(f"line {node.line}: {what} is not a mapping")
    return {_scalar(key): value for key, value in node.pairs}


def _scalar(node: Node) -> str:
    """A scalar's text as it is written, a number's too; empty for anything else and for null."""
    return "" if node.shape is not Shape.SCALAR or _is_null(node) else node.text


def _is_null(node: Node) -> bool:
    return node.shape is Shape.SCALAR and server_yaml.resolved(node) is None
