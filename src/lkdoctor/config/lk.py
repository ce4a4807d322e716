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

from typing import TYPE_CHECKING, Final, NamedTuple

from lkdoctor.redact import Secret, safe

if TYPE_CHECKING:
    import yaml

FILE: Final = ".livekit/cli-config.yaml"
"""Within the user's home directory."""

MAX_PROJECTS: Final = 1000


_NULL: Final = "tag:yaml.org,2002:null"


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
    import yaml

    try:
        # Nodes, not values: an alias stays one node, so no document can grow.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise UnreadableError(f"{where}not YAML ({safe(error.problem or '', 100)})") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableError(f"not YAML ({type(error).__name__})") from None
    if root is None:
        return LkConfig()
    members = _members(root, "the file")
    listed = members.get("projects")
    if listed is None or listed.tag == _NULL:
        return LkConfig()
    if not isinstance(listed, yaml.SequenceNode):
        raise UnreadableError(f"line {_line(listed)}: projects is not a list")
    projects = tuple(_project(node) for node in listed.value[:MAX_PROJECTS])
    default = members.get("default_project")
    return LkConfig(projects, (_scalar(default) or None) if default is not None else None)


def _project(node: "yaml.Node") -> LkProject:
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
        line=_line(node),
    )


def _members(node: "yaml.Node", what: str) -> dict[str, "yaml.Node"]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise UnreadableError(f"line {_line(node)}: {what} is not a mapping")
    return {_scalar(key): value for key, value in node.value}


def _scalar(node: "yaml.Node") -> str:
    """A scalar's text as it is written, a number's too; empty for anything else and for null."""
    import yaml

    if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
        return ""
    return str(node.value)


def _line(node: "yaml.Node") -> int:
    return int(node.start_mark.line) + 1
