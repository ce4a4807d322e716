"""What was observed: one module a layer (or a file), frozen, plain data, nothing secret.

`None` in `Facts` means "not looked at", which is never the same as "looked, and saw nothing".
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # an offline command must not pay for the layers that it does not look at
    from lkdoctor.facts.api import ApiFact
    from lkdoctor.facts.app import AppFact
    from lkdoctor.facts.clock import ClockFact
    from lkdoctor.facts.cloud import CloudFact
    from lkdoctor.facts.env import EnvFact
    from lkdoctor.facts.media import MediaFact
    from lkdoctor.facts.name import NameFact
    from lkdoctor.facts.network import NetworkFact
    from lkdoctor.facts.rehearsal import RehearsalFact
    from lkdoctor.facts.server import ServerFact
    from lkdoctor.facts.server_config import ServerConfigFact
    from lkdoctor.facts.signal import SignalFact
    from lkdoctor.facts.tls import TlsFact
    from lkdoctor.facts.token import TokenFact
    from lkdoctor.facts.url import UrlFact


class Facts(NamedTuple):
    """All that a run has observed; the field's name is the module's."""

    env: "EnvFact | None" = None
    url: "UrlFact | None" = None
    network: "NetworkFact | None" = None
    tls: "TlsFact | None" = None
    clock: "ClockFact | None" = None
    token: "TokenFact | None" = None
    name: "NameFact | None" = None
    signal: "SignalFact | None" = None
    server: "ServerFact | None" = None
    api: "ApiFact | None" = None
    server_config: "ServerConfigFact | None" = None
    app: "AppFact | None" = None
    cloud: "CloudFact | None" = None
    media: "MediaFact | None" = None
    rehearsal: "RehearsalFact | None" = None


NO_FACTS = Facts()
