"""What the user typed, and what each client would really dial."""

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import quote

from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact, UrlProblem
from lkdoctor.redact import clean, safe, safe_url, without_userinfo
from lkdoctor.suspects import by_chance

SCHEMES: Final = {"ws": 80, "wss": 443, "http": 80, "https": 443}
"""What clients of LiveKit take, with the port of each."""

_LITERALS: Final = frozenset(
    {"undefined", "null", "none", "nil", "nan", "[object object]", "false"}
)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ALMOST_SCHEME: Final = re.compile(r"(?i)(wss?|https?)(:/?/?/?|//)(?=[^/])")
_FORBIDDEN: Final = re.compile(r"[^a-z0-9._-]")
_PRIVATE: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
)


def parse(raw: str, origin: str) -> UrlFact:
    """The URL as clients read it, or why they cannot; `origin` says where it was written."""
    # Nothing that is read below can show user and password: they are not in it.
    text, userinfo = without_userinfo(raw)
    # Blanks around it are dropped by every URL parser; the variable's own check names them.
    text = text.strip()
    if not text.isascii():
        # Bytes that are no UTF-8 come as lone surrogates; clients read U+FFFD in their place.
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    result = _parse(text)
    if re.search(r"[/?#\\\s]", userinfo):
        result = UnusableUrl(
            UrlProblem.BAD_HOST,
            "a password with / ? # \\ or a blank in it, where the host begins for every client",
            text if isinstance(result, ParsedUrl) else None,
        )
    elif userinfo and isinstance(result, ParsedUrl):
        result = result._replace(userinfo=True)
    return UrlFact(safe_url(raw), origin, result)


def _parse(text: str) -> ParsedUrl | UnusableUrl:
    if not text:
        return UnusableUrl(UrlProblem.EMPTY, "nothing was written")
    if text.lower() in _LITERALS:
        return UnusableUrl(UrlProblem.LITERAL, f"the word {text}: a variable that was never set")
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        joined = re.sub(r"[\s\x00-\x1f\x7f]+", "", text)
        return UnusableUrl(
            UrlProblem.BLANKS, "blanks or control characters inside", _if_usable(joined)
        )
    matched = _SCHEME.match(text)
    if matched is None:
        return _without_scheme(text)
    scheme = matched[1].lower()
    rest = text[matched.end() :]
    if scheme not in SCHEMES:
        likely = "wss" if "s" in scheme[2:] or not scheme.startswith("w") else "ws"
        return UnusableUrl(
            UrlProblem.WRONG_SCHEME, f"scheme {safe(scheme, 40)}", _if_usable(f"{likely}://{rest}")
        )
    return _behind_scheme(scheme, rest)


def _if_usable(text: str) -> str | None:
    """A suggestion, if it would help."""
    result = parse(text, "").result
    return safe(text) if isinstance(result, ParsedUrl) and not result.userinfo else None


def _without_scheme(text: str) -> UnusableUrl:
    bare = _ALMOST_SCHEME.match(text)
    if bare is not None:
        scheme, rest = bare[1].lower(), text[bare.end() :]
    else:
        rest = text.strip("\"'`<>()").lstrip("/:")
        kind = host_kind(re.split(r"[/:?#]", rest, maxsplit=1)[0].lower())
        local = kind in {HostKind.LOOPBACK, HostKind.PRIVATE, HostKind.SINGLE_LABEL}
        scheme = "ws" if local or ":7880" in rest else "wss"
        if _SCHEME.match(rest):
            return UnusableUrl(
                UrlProblem.NO_SCHEME, "quotes or brackets around the URL", _if_usable(rest)
            )
    return UnusableUrl(UrlProblem.NO_SCHEME, "no scheme in front", _if_usable(f"{scheme}://{rest}"))


def _behind_scheme(scheme: str, rest: str) -> ParsedUrl | UnusableUrl:
    # Browsers take a backslash for a slash (WHATWG URL, "special" schemes).
    matched = re.match(r"([^/\\?#]*)([^?#]*)(.*)", rest, re.DOTALL)
    assert matched is not None  # noqa: S101 - it matches any string
    netloc, path, tail = matched.groups()
    hostport = netloc.rpartition("@")[2]
    split = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([^:]*))?", hostport)
    if split is None:
        return _odd_host(scheme, hostport, path)
    written, port_text = split.groups()
    if not written:
        return UnusableUrl(UrlProblem.NO_HOST, f"no host behind {scheme}://")
    if written.lower() in SCHEMES and path.startswith("//"):
        return UnusableUrl(
            UrlProblem.BAD_HOST,
            f"{written.lower()} behind {scheme}://: two schemes",
            _if_usable(f"{written.lower()}:{path}{tail}"),
        )
    if clean(written) != written or any(by_chance(written)):
        return UnusableUrl(UrlProblem.BAD_HOST, "a token or secret where the host belongs")
    host = find_host(written)
    if host is not None and host.endswith(".livekit.cloud") and "xn--" in host:
        return UnusableUrl(
            UrlProblem.BAD_HOST,
            f"{safe(written, 200)}: letters beyond ASCII, as no project has them",
        )
    if host is None:
        return UnusableUrl(UrlProblem.BAD_HOST, f"{safe(written, 200)} is no host name")
    port = find_port(port_text, SCHEMES[scheme])
    if port is None:
        return UnusableUrl(
            UrlProblem.BAD_PORT,
            f"port {safe(port_text or '', 40)}",
            _if_usable(f"{scheme}://{written}{path}"),
        )
    return ParsedUrl(
        scheme=scheme,
        host=host,
        port=port,
        explicit_port=bool(port_text),
        path=quote(path.replace("\\", "/"), safe="/%:@!$&'()*+,;=~-._").rstrip("/"),
        query=bool(tail),
        userinfo=False,
        host_kind=host_kind(host),
    )


def _odd_host(scheme: str, hostport: str, path: str) -> UnusableUrl:
    try:
        ipaddress.IPv6Address(hostport)
    except ValueError:
        return UnusableUrl(UrlProblem.BAD_HOST, f"{safe(hostport, 200)} is no host")
    suggestion = f"{scheme}://[{hostport}]{path}"
    return UnusableUrl(UrlProblem.BAD_HOST, "an IPv6 address without brackets", suggestion)


def find_port(text: str | None, default: int) -> int | None:
    """The port that stands behind a host; None where it is none."""
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII):
        return None
    number = int(text)
    return number if 0 < number < 65536 else None


def find_host(written: str) -> str | None:
    """The host as DNS wants it; None where no client could look it up."""
    if written.startswith("["):
        try:
            return str(ipaddress.IPv6Address(written[1:-1].partition("%")[0]))
        except ValueError:
            return None
    labels = re.split("[.\u3002\uff0e\uff61]", unicodedata.normalize("NFKC", written.lower()))
    if len(labels) > 1 and not labels[-1]:
        labels.pop()  # a name may end with the root's dot
    encoded = [_label(label) for label in labels]
    host = ".".join(label or "" for label in encoded)
    if None in encoded or len(host) > 253:
        return None
    # A last label of digits makes it an address (WHATWG URL, "ends in a number").
    if labels[-1].isdigit():
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return None
    return host


def _label(label: str) -> str | None:
    """One label in ASCII: IDNA as browsers do it, that is with ß as itself (UTS 46)."""
    if not label.isascii():
        if not all(unicodedata.category(char)[0] in "LMN" or char in "-\u00b7" for char in label):
            return None
        label = "xn--" + label.encode("punycode").decode()
    if not label or len(label) > 63 or _FORBIDDEN.search(label):
        return None
    return label


def host_kind(host: str) -> HostKind:
    """Who can reach it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "livekit.cloud" or host.endswith(".livekit.cloud"):
            return HostKind.CLOUD
        if host == "localhost" or host.endswith(".localhost"):
            return HostKind.LOOPBACK
        return HostKind.PUBLIC if "." in host else HostKind.SINGLE_LABEL
    if address.is_loopback or address.is_unspecified:
        return HostKind.LOOPBACK
    if any(address.version == net.version and address in net for net in _PRIVATE):
        return HostKind.PRIVATE
    return HostKind.PUBLIC


def host_and_port(url: ParsedUrl) -> str:
    """Host and port, the port always (RFC 9110 §7.2, "authority-form")."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port}"


def authority(url: ParsedUrl) -> str:
    """Host and port as a Host header has them: the port only where it is not the scheme's own."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == SCHEMES.get(url.scheme) else f"{host}:{url.port}"


def http_url(url: ParsedUrl, path: str = "") -> str:
    """The same place as an HTTP client writes it."""
    return f"{'https' if url.secure else 'http'}://{authority(url)}{url.path}{path}"


def ws_url(url: ParsedUrl, path: str = "") -> str:
    """The same place as a WebSocket client writes it."""
    return f"{'wss' if url.secure else 'ws'}://{authority(url)}{url.path}{path}"


def dialled(url: ParsedUrl) -> tuple[tuple[str, str], ...]:
    """What clients would really dial: livekit-client from 2.17 on, the others, server SDKs.

    All of them swap ``ws`` and ``http`` as they need, keep the path as a prefix, and drop query,
    fragment and user information (client-sdk-js 2.21 ``createRtcUrl``, rust-sdks
    ``signal_client``, livekit-api ``twirp_client.py``).
    """
    return (
        ("JS 2.17+", ws_url(url, "/rtc/v1")),
        ("others", ws_url(url, "/rtc")),
        ("server API", http_url(url, "/twirp/livekit.RoomService/ListRooms")),
    )
