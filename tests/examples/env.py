"""Facts that raise each cause of `rules/env.py`, and the nearest that do not."""

from typing import Any, Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.config.resolve import Kind, Meaning
from lkdoctor.facts import Facts
from lkdoctor.facts.env import EnvFact, Fault, FaultKind, Looks, Place, TokenMatch, Variable
from lkdoctor.facts.url import HostKind, ParsedUrl


def _healthy() -> "Facts":

    return healthy()


def _with(*variables: Variable, **changes: Any) -> "Facts":
    """The healthy example with these variables in place of those of the same meaning and standing."""
    facts = _healthy()
    env = facts.env or EnvFact()
    kept = tuple(
        v
        for v in env.variables
        if not any(n.meaning is v.meaning and n.used and not n.prefix for n in variables)
    )
    env = env._replace(variables=kept + variables)
    # A server's answers would settle what the values alone leave open.
    return facts._replace(env=env._replace(**changes), api=None, signal=None, network=None)


def _without(meaning: Meaning) -> "Facts":
    facts = _healthy()
    env = facts.env or EnvFact()
    kept = tuple(v for v in env.variables if v.meaning is not meaning)
    return facts._replace(env=env._replace(variables=kept))


def _variable(name: str, meaning: Meaning, /, **changes: Any) -> Variable:
    variable = Variable(
        name=name,
        meaning=meaning,
        source=Kind.FOLDER_FILE,
        origin=".env.local:3",
        used=True,
        length=44,
        looks=Looks.SECRET,
        id="3f9a1c",
    )
    return variable._replace(**changes)


def _secret(**changes: Any) -> Variable:
    return _variable("LIVEKIT_API_SECRET", Meaning.API_SECRET, **changes)


def _key(**changes: Any) -> Variable:
    key = _variable("LIVEKIT_API_KEY", Meaning.API_KEY, origin=".env.local:2", id=None)
    return key._replace(length=15, looks=Looks.KEY, shown="APIxk…7Qm")._replace(**changes)


def _dev_key() -> Variable:
    return _key(looks=Looks.DEV_KEY, shown="devkey", length=6)


def _url(address: str, **changes: Any) -> Variable:
    host = address.partition("://")[2].partition(":")[0].partition("/")[0]
    url = _variable("LIVEKIT_URL", Meaning.URL, origin=".env.local:1", id=None)
    return url._replace(length=len(address), looks=Looks.URL, shown=address, host=host)._replace(
        **changes
    )


def _at(address: str, host_kind: HostKind, *variables: Variable, **changes: Any) -> "Facts":
    """The healthy example with another URL."""
    own = any(v.meaning is Meaning.URL and v.used for v in variables)
    facts = _with(*(() if own else (_url(address),)), *variables, **changes)
    url = facts.url
    if url is None or not isinstance(url.result, ParsedUrl):
        return facts
    scheme, _, host = address.partition("://")
    name, _, port = host.partition(":")
    parsed = url.result._replace(
        scheme=scheme,
        host=name,
        port=int(port or 443),
        explicit_port=bool(port),
        host_kind=host_kind,
    )
    return facts._replace(url=url._replace(raw=address, result=parsed))


def _cloud_pair_at_a_local_url() -> "Facts":
    """The file has the three values of a Cloud project, and ``--url`` names another server."""
    url = "ws://localhost:7880"
    hidden = _url("wss://demo-x4k2.livekit.cloud", used=False)
    hidden = hidden._replace(hidden_by="--url", hidden_by_source=Kind.OPTION)
    counted = _url(url, origin="--url", source=Kind.OPTION)
    return _at(url, HostKind.LOOPBACK, counted, hidden, _key())


def _sick_match(*, verifies: bool, issuer_is_key: bool) -> "Facts":
    return _with(
        token=TokenMatch(
            origin=".env.local:4",
            issuer="APIxk…7Qm" if issuer_is_key else "APIab…2Cd",
            issuer_is_key=issuer_is_key,
            issuer_is_secret=False,
            issuer_elsewhere=None,
            verifies=verifies,
            verifies_with=None,
        )
    )


_FILE: Final = Place(".env", Kind.FOLDER_FILE, found=True)


EXAMPLES: Final = {
    "env-file-unreadable": Example(
        lambda: _with(places=(_FILE._replace(problem="is UTF-16, as PowerShell's > writes it"),)),
        lambda: _with(places=(_FILE,)),
    ),
    "env-missing": Example(lambda: _without(Meaning.API_SECRET), _healthy),
    "env-placeholder": Example(
        lambda: _with(_key(looks=Looks.PLACEHOLDER, shown="your-api-key", length=12)),
        lambda: _with(_key()),
    ),
    "env-reference-outside": Example(
        lambda: _with(
            _url("wss://${RTC_HOST}", faults=(Fault(FaultKind.LINE_OUTSIDE, "${RTC_HOST}"),))
        ),
        lambda: _with(_url("wss://rtc.example.com")),
    ),
    "env-value-dirty": Example(
        lambda: _with(_secret(faults=(Fault(FaultKind.TRAILING_BLANK, "ends with a blank"),))),
        lambda: _with(_secret()),
    ),
    "env-key-secret-swapped": Example(
        lambda: _with(
            _key(looks=Looks.SECRET, length=44, shown=""),
            _secret(looks=Looks.KEY, length=15, id=None),
        ),
        lambda: _with(_key(), _secret()),
    ),
    "env-secret-altered": Example(
        lambda: _sick_match(verifies=False, issuer_is_key=True),
        lambda: _sick_match(verifies=True, issuer_is_key=True),
    ),
    "env-project-mismatch": Example(
        lambda: _sick_match(verifies=False, issuer_is_key=False),
        lambda: _sick_match(verifies=True, issuer_is_key=True),
    ),
    "env-cloud-key-on-local-server": Example(
        _cloud_pair_at_a_local_url, lambda: _at("ws://localhost:7880", HostKind.LOOPBACK, _key())
    ),
    "env-file-precedence": Example(
        lambda: _with(
            _url("wss://rtc.example.com"),
            _url(
                "ws://localhost:7880",
                origin=".env:1",
                used=False,
                hidden_by=".env.local:1",
                hidden_by_source=Kind.FOLDER_FILE,
            ),
        ),
        lambda: _with(
            _url("wss://rtc.example.com"),
            _url(
                "wss://rtc.example.com",
                origin=".env:1",
                used=False,
                hidden_by=".env.local:1",
                hidden_by_source=Kind.FOLDER_FILE,
                same=True,
            ),
        ),
    ),
    "env-secret-public-prefix": Example(
        lambda: _with(
            _secret(
                name="NEXT_PUBLIC_LIVEKIT_API_SECRET", prefix="NEXT_PUBLIC_", origin=".env.local:7"
            )
        ),
        lambda: _with(
            _url("wss://rtc.example.com", name="NEXT_PUBLIC_LIVEKIT_URL", prefix="NEXT_PUBLIC_")
        ),
    ),
    "env-internal-vs-public-url": Example(
        lambda: _at(
            "ws://localhost:7880", HostKind.LOOPBACK, _dev_key(), container="/.dockerenv exists"
        ),
        lambda: _at("ws://localhost:7880", HostKind.LOOPBACK, _dev_key()),
    ),
    "env-lk-default-localhost": Example(
        lambda: _with(_url("wss://rtc.example.com", name="LIVEKIT_WS_URL", origin=".env.local:1")),
        _healthy,
    ),
}
