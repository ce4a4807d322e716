"""How anyone can see the same without lkdoctor: the command behind a piece of network evidence.

Commands are for a POSIX shell, and name what every machine of a developer has: curl, openssl and
dig. A token stands in them as ``$LIVEKIT_TOKEN``; they change nothing and join nowhere.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from lkdoctor import shell
from lkdoctor.facts import Facts
from lkdoctor.facts.network import Family
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.findings import Evidence
from lkdoctor.shell import Fixed

SECONDS: Final = 10
"""How long a command waits; lkdoctor's own deadline may be another."""

TOKEN: Final = ("-H", Fixed('"Authorization: Bearer $LIVEKIT_TOKEN"'))

UPGRADE: Final = (
    *("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13"),
    *("-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
)
"""With the sample key of RFC 6455 section 1.3."""


def command(evidence: Evidence, facts: Facts) -> str | None:
    """What shows this observation again; None where no such tool shows it."""
    url = facts.url.result if facts.url is not None else None
    if evidence.source not in {"net", "api"} or not isinstance(url, ParsedUrl):
        return None
    there = _There(url, facts)
    for pattern, made in _COMMANDS:
        found = re.fullmatch(pattern, evidence.label)
        if found is not None:
            return made(there, found)
    return None


class _There(NamedTuple):
    """Where to look, and how."""

    url: ParsedUrl
    facts: Facts

    @property
    def host(self) -> str:
        """In brackets where it is an IPv6 address (RFC 3986 section 3.2.2)."""
        return f"[{self.url.host}]" if ":" in self.url.host else self.url.host

    @property
    def address(self) -> str:
        return f"{self.host}:{self.url.port}"

    def at(self, path: str) -> str:
        scheme = "https" if self.url.secure else "http"
        return f"{scheme}://{self.address}{path}"

    def curl(self, path: str, *options: str) -> str:
        return shell.command(*_CURL, *self._flags(), *options, self.at(path))

    def openssl(self, *more: str) -> tuple[str, ...]:
        """The words of a connection that says nothing and ends."""
        named = () if _is_address(self.url.host) else ("-servername", self.url.host)
        return ("openssl", "s_client", "-connect", self.address, *named, *more, shell.NO_INPUT)

    def _flags(self) -> tuple[str, ...]:
        tls, network = self.facts.tls, self.facts.network
        family = network.family if network is not None else Family.ANY
        flags = {Family.IPV4: ("-4",), Family.IPV6: ("-6",), Family.ANY: ()}[family]
        if tls is not None and tls.insecure:
            flags = (*flags, "--insecure")
        if tls is not None and tls.ca_file:
            flags = (*flags, "--cacert", tls.ca_file)
        return flags


_CURL: Final = ("curl", "-sS", "-i", "--max-time", str(SECONDS))


def _is_address(host: str) -> bool:
    return ":" in host or re.fullmatch(r"[\d.]+", host) is not None


def _get(there: _There, found: re.Match[str]) -> str:
    path = f"{there.url.path}/" if found["path"] == "/" else found["path"]
    return there.curl(path, *(TOKEN if _with_token(found["whose"]) else ()))


def _get_plain(there: _There, found: re.Match[str]) -> str:
    plain = there.url._replace(scheme="ws")
    return _There(plain, there.facts).curl(f"{there.url.path}{found['path']}")


def _as_a_page(there: _There, found: re.Match[str]) -> str:
    path = found["path"] or f"{there.url.path}/rtc/validate"
    token = ("-G", "--data-urlencode", Fixed('"access_token=$LIVEKIT_TOKEN"'))
    return there.curl(path, "-H", "Origin: https://app.example.com", *token)


def _bad_token(there: _There, found: re.Match[str]) -> str:
    return there.curl(found["path"], "-G", "-d", "access_token=none")


def _upgrade(there: _There, found: re.Match[str]) -> str:
    token = TOKEN if _with_token(found["whose"]) else ()
    # HTTP/2 has no such upgrade; a server that grants it would go on talking.
    return there.curl(found["path"], "--http1.1", "-o", "-", "-N", *UPGRADE, *token)


def _call(there: _There, found: re.Match[str]) -> str:
    # "server API, own token" and what is said of ListRooms come from the same call.
    method = found["method"] or "ListRooms"
    room = there.facts.api.room_asked if there.facts.api is not None else None
    body = "{}" if method == "ListRooms" or not room else f'{{"room": "{_json(room)}"}}'
    sent = ("-X", "POST", "-H", "Content-Type: application/json", "-d", body)
    path = f"{there.url.path}/twirp/livekit.RoomService/{method}"
    return there.curl(path, *sent, *(() if found["without"] else TOKEN))


def _json(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _head(there: _There, found: re.Match[str]) -> str:
    del found
    return there.curl(f"{there.url.path}/", "-o", "/dev/null", "-D", "-")


def _lookup(there: _There, found: re.Match[str]) -> str:
    del found
    kinds = {Family.IPV4: ("A",), Family.IPV6: ("AAAA",), Family.ANY: ("A", "AAAA")}
    network = there.facts.network
    family = network.family if network is not None else Family.ANY
    asked = (word for kind in kinds[family] for word in (*shell.name(there.url.host), kind))
    return shell.command("dig", "+noall", "+comments", "+answer", *asked)


def _connect(there: _There, found: re.Match[str]) -> str:
    where = f"telnet://{found['where'] or there.address}"
    return shell.command("curl", "-sS", "--max-time", str(SECONDS), where, shell.NO_INPUT)


def _verify(there: _There, found: re.Match[str]) -> str:
    del found
    tls = there.facts.tls
    authority = ("-CAfile", tls.ca_file) if tls is not None and tls.ca_file else ()
    name = "-verify_ip" if _is_address(there.url.host) else "-verify_hostname"
    return shell.command(*there.openssl(name, there.url.host, *authority))


def _certificate(there: _There, found: re.Match[str]) -> str:
    del found
    shows = ("-subject", "-issuer", "-dates", "-ext", "subjectAltName")
    return shell.command(*_read(there.openssl()), "openssl", "x509", "-noout", *shows)


def _read(words: tuple[str, ...]) -> tuple[str, ...]:
    """What the next command of a pipe reads."""
    return (*words, shell.NO_ERRORS, shell.PIPE)


def _again(there: _There, found: re.Match[str]) -> str:
    return there.curl(f"{there.url.path}{found['path']}", *TOKEN)


def _at_address(there: _There, found: re.Match[str]) -> str:
    pinned = f"{there.address}:{found['address']}"
    return there.curl(f"{there.url.path}{found['path']}", "--resolve", pinned, *TOKEN)


def _on_loopback(there: _There, found: re.Match[str]) -> str:
    del there
    return shell.command(*_CURL, f"http://{found['where']}/")


def _through(there: _There, found: re.Match[str]) -> str:
    del found
    tunnel = there.facts.network.through if there.facts.network is not None else None
    if tunnel is None:
        return there.curl(f"{there.url.path}/")
    host = f"[{tunnel.host}]" if ":" in tunnel.host else tunnel.host
    return there.curl(f"{there.url.path}/", "-p", "-x", f"http://{host}:{tunnel.port}")


def _past(there: _There, found: re.Match[str]) -> str:
    del found
    return there.curl(f"{there.url.path}/", "--noproxy", "*")


def _chain(there: _There, found: re.Match[str]) -> str:
    del found
    return shell.command(*_read(there.openssl("-showcerts")), "grep", "-c", "BEGIN")


def _issuer_at(there: _There, found: re.Match[str]) -> str:
    del found
    shows = ("openssl", "x509", "-noout", "-ext", "authorityInfoAccess")
    return shell.command(*_read(there.openssl()), *shows)


def _with_token(whose: str | None) -> bool:
    return whose in {"test token", "your token"}


_WHOSE: Final = r"(?:, (?P<whose>no token|test token|your token))?"

_COMMANDS: Final[tuple[tuple[str, Callable[[_There, re.Match[str]], str]], ...]] = (
    (rf"GET (?P<path>/\S*){_WHOSE}", _get),
    (r"GET (?P<path>/\S*) again", _again),
    (r"GET (?P<path>/\S*) at (?P<address>\S+)", _at_address),
    (r"GET / of (?P<where>\S+)", _on_loopback),
    (r"CONNECT \S+|Proxy-Authenticate", _through),
    (r"\S+ without the proxy", _past),
    (r"GET (?P<path>/\S*) without TLS, same port", _get_plain),
    (
        r"GET (?P<path>/\S*), (?:test|your) token in the query|Access-Control-Allow-Origin",
        _as_a_page,
    ),
    (r"GET (?P<path>/\S*), no real token", _bad_token),
    (rf"upgrade of (?P<path>/\S*){_WHOSE}", _upgrade),
    (r"POST \S*/(?P<method>ListRooms|ListParticipants)(?P<without>, no token)?", _call),
    (
        r"(?:server API, own token|(?P<method>ListRooms|ListParticipants)(?: .*)?)(?P<without>)",
        _call,
    ),
    (r"Server header|header|Retry-After|server's clock.*", _head),
    (r"DNS .*", _lookup),
    (r"TCP (?:port \d+|(?P<where>\S+))", _connect),
    (r"verification|TLS handshake.*", _verify),
    (r"certificate (?:for|valid)|issued by", _certificate),
    (r"certificates sent", _chain),
    (r"the issuer's is at", _issuer_at),
)
"""Labels of evidence, as the rules write them, and what repeats each."""
