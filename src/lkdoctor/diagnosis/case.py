"""What is known before anything is dialled: the configuration, as facts and as credentials."""

from typing import TYPE_CHECKING, NamedTuple

from lkdoctor.booking import BookingRules, Seat, off_template
from lkdoctor.clock import Clock
from lkdoctor.config.resolve import Resolution, proxy_for
from lkdoctor.config.target import SecretSetting, Target, need_key_pair
from lkdoctor.diagnosis.signing import sign
from lkdoctor.facts import Facts
from lkdoctor.facts.app import AppFact
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.env import env_fact
from lkdoctor.facts.name import NameFact, name_fact
from lkdoctor.facts.token import TokenFact, token_fact
from lkdoctor.facts.url import HostKind, ParsedUrl
from lkdoctor.names import NameOf
from lkdoctor.redact import masked_key, safe
from lkdoctor.report.model import TargetInfo
from lkdoctor.tokens.decode import Key, Keyring
from lkdoctor.wire.proxy import Proxy, UnusableProxy
from lkdoctor.wire.proxy import parse as parse_proxy
from lkdoctor.wire.url import parse

if TYPE_CHECKING:
    from lkdoctor.config.server_files import ServerFiles
    from lkdoctor.facts.server_config import ServerConfigFact

BOOKING_TTL_S = 600.0
"""A token minted to be checked lives ten minutes."""


class Case(NamedTuple):
    """One configuration to be diagnosed."""

    target: Target
    facts: Facts
    """Environment, URL, token, names and this machine's clock: all that needs no network."""
    token: SecretSetting | None = None
    """A token of the user's: given, or minted as the app would for a booking."""
    room: str | None = None
    """The room in question."""
    proxy: Proxy | UnusableProxy | None = None
    """The forward proxy that the environment names for this host."""

    @property
    def token_words(self) -> str:
        """How to speak of the token: ``the token of alice for room demo``."""
        fact = self.facts.token
        read = fact.token if fact else None
        if read is None:
            return "the token that was given"
        return f"the token of {read.identity or 'nobody'} for room {read.room or '(none)'}"

    @property
    def signs(self) -> bool:
        """Whether there is a key pair with which tokens for the server may be signed."""
        apart = self.target.apart
        return self.target.key_pair is not None and not (apart is not None and apart.picked)

    def with_keys_alone(self) -> "Case":
        """The same where a token that was given is of no use beside the keys."""
        target, env = self.target._replace(token=None), self.facts.env
        env = None if env is None else env._replace(apart=target.apart)
        return self._replace(target=target, facts=self.facts._replace(env=env))

    def info(self) -> TargetInfo:
        """The target as reports show it."""
        sources = [
            (name, setting.origin)
            for name, setting in (
                ("url", self.target.url),
                ("api_key", self.target.api_key),
                ("api_secret", self.target.api_secret),
                ("token", self.token),
            )
            if setting is not None
        ]
        config = self.facts.server_config
        if config is not None and config.origin:
            sources.append(("server_config", config.origin))
        url = self.facts.url.result if self.facts.url else None
        kind = "unknown"
        if isinstance(url, ParsedUrl):
            kind = "cloud" if url.host_kind is HostKind.CLOUD else "self_hosted"
        return TargetInfo(
            url=self.facts.url.raw if self.facts.url else None,
            kind=kind,
            api_key=masked_key(self.target.api_key.value) if self.target.api_key else None,
            sources=tuple(sources),
        )


def gather(
    resolution: Resolution,
    clock: Clock,
    *,
    seat: Seat | None = None,
    room: str | None = None,
    rules: BookingRules | None = None,
    server: "ServerFiles | None" = None,
    app: AppFact | None = None,
) -> Case:
    """The case of a configuration.

    Args:
        resolution: what is configured.
        clock: this machine's.
        seat: a person's place in a booking; a token is minted for it as the app would.
        room: the room in question, where it is not the token's.
        rules: how the project names things, for the names that were given.
        server: what the server is started with.
        app: what the app's folder says.

    Raises:
        UsageError: a seat was given, but no API key and secret to mint with.
    """
    target = resolution.target
    if seat is not None:
        target = target._replace(token=None)  # the seat's own takes its place
    token = target.token
    if seat is not None:
        pair = need_key_pair(target)
        minted = sign(
            pair, seat.video, now=clock.now(), ttl_s=BOOKING_TTL_S, identity=seat.identity
        )
        token = SecretSetting(minted, f"minted for {safe(seat.identity)} in {safe(seat.room)}")
    fact = None if token is None else _token_fact(token, resolution)
    if fact is not None and seat is not None:
        fact = fact._replace(role=safe(seat.role or "", 40))
    read = fact.token if fact else None
    url = None if target.url is None else parse(target.url.value, target.url.origin)
    proxy = None
    if url is not None and isinstance(url.result, ParsedUrl):
        found = proxy_for(resolution.proxies, url.result.host, secure=url.result.secure)
        proxy = None if found is None else parse_proxy(found.value, found.origin)
    return Case(
        target=target,
        facts=Facts(
            env=env_fact(resolution)._replace(apart=target.apart),
            url=url,
            token=fact,
            name=_names(seat, room, rules or BookingRules()),
            clock=ClockFact(local=clock.now()),
            server_config=None if server is None else _server_config(server, target),
            app=app,
        ),
        token=token,
        room=room or (read.room if read and read.room else None),
        proxy=proxy,
    )


def _names(seat: Seat | None, room: str | None, rules: BookingRules) -> NameFact | None:
    """The names that were given; those in a token are the token's matter."""
    given: list[tuple[str, NameOf]] = []
    if seat is not None:
        given = [(seat.room, NameOf.ROOM), (seat.identity, NameOf.IDENTITY)]
    elif room is not None:
        given = [(room, NameOf.ROOM)]
    if not given:
        return None
    return name_fact((name, of, off_template(rules, name, of)) for name, of in given)


def _server_config(server: "ServerFiles", target: Target) -> "ServerConfigFact":
    # Imported late: most have no server of their own.
    from lkdoctor.facts.server_config import server_config_fact

    return server_config_fact(server, target)


def keyring(resolution: Resolution) -> Keyring:
    """The key pairs at hand: the target's, then those of the projects."""
    keys: list[Key] = []
    for name, target in (("", resolution.target), *resolution.projects):
        pair = target.key_pair
        if pair is not None:
            words = f"project {name}" if name else f"LIVEKIT_API_SECRET ({pair.api_secret.origin})"
            keys.append(Key(words, pair.api_key.value, pair.api_secret.value))
    return Keyring(keys)


def _token_fact(token: SecretSetting, resolution: Resolution) -> TokenFact:
    fact, _ = token_fact(token.value.reveal(), keyring(resolution), origin=token.origin)
    return fact
