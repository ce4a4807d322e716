"""What clients, servers and proxies write when a connection fails, and what it means.

The law of this file: a phrase is literal text, as the program writes it, short enough to survive
another version's punctuation and long enough not to stand in a healthy log. "Measured" sources are
livekit-servers 1.5.0 to 1.13.5 and the official Python SDK 1.2.1 on loopback; the tests hold the
table to what they write.
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple

from lkdoctor.findings import Severity


class Weight(StrEnum):
    """What a phrase settles."""

    DECIDES = "decides"
    """It names the cause."""
    NARROWS = "narrows"
    """It is a symptom; its codes are the candidates, the likeliest first."""
    WRAPS = "wraps"
    """What a client says around a refusal whose reason stands elsewhere, if anywhere."""
    TELLS = "tells"
    """Worth knowing; no fault by itself."""


class Phrase(NamedTuple):
    """One text that a program writes."""

    text: str
    """Matched whatever its letter case."""
    weight: Weight
    codes: tuple[str, ...]
    """The cause and what may stand behind it; of a symptom the candidates, the likeliest first."""
    by: str
    """Which program writes it, and in which versions where they differ."""
    means: str
    source: str
    severity: Severity = Severity.ERROR
    pattern: str = ""
    """A regular expression that the line, in lower case, must fit, too."""
    without: tuple[str, ...] = ()
    """Texts in lower case beside which the phrase says nothing."""


JS: Final = "livekit-client (JS)"
JS_NEW: Final = "livekit-client (JS) since 2.17"
RUST: Final = "Rust core (Python, Node and Unity SDKs)"
SERVER: Final = "livekit-server"
SERVER_OLD: Final = "livekit-server up to 1.12"
SERVER_NEW: Final = "livekit-server since 1.13"
API: Final = "LiveKit's server API"
AGENTS: Final = "livekit-agents"
BROWSER: Final = "browser"
CHROME: Final = "Chrome, Edge"
FIREFOX: Final = "Firefox"
NODE: Final = "Node"
PYTHON: Final = "Python"
ANY: Final = "any program"

_MEASURED: Final = "measured on livekit-server 1.5.0, 1.8.4, 1.9.12, 1.11.0 and 1.13.5"
_VERIFIER: Final = f"{_MEASURED}; livekit/protocol auth/verifier.go"
_RUST_SOURCE: Final = (
    "measured with livekit (PyPI) 1.2.1; livekit/rust-sdks livekit-api signal_client"
)
_JS_SOURCE: Final = "livekit/client-sdk-js src/api/SignalClient.ts, src/room/RTCEngine.ts"
_CHROME_SOURCE: Final = "Chromium net/base/net_error_list.h"


def _cause(text: str, code: str, by: str, means: str, source: str, **more: Any) -> Phrase:
    codes = (code, *_BEHIND.get(code, ()))
    return Phrase(text, Weight.DECIDES, codes, by, means, source)._replace(**more)


_BEHIND: Final = {
    "token-unknown-key": (
        *("env-project-mismatch", "env-cloud-key-on-local-server", "env-key-secret-swapped"),
        "env-placeholder",
    ),
    "token-bad-signature": ("env-secret-altered", "env-value-dirty"),
    "token-expired": ("token-time-units", "clock-server-wrong"),
    "clock-mint-ahead": ("clock-server-wrong", "token-time-units"),
    "token-not-jwt": ("app-token-promise", "env-value-dirty", "token-claim-type"),
    "token-no-video-grant": ("token-grant-misspelt",),
    "token-roomjoin-missing": ("token-grant-misspelt",),
    "token-room-missing": ("token-grant-misspelt",),
    "identity-collision": ("identity-in-room", "app-double-connect"),
}
"""Causes that may stand behind one of the token or the room."""


def _symptom(
    text: str, codes: tuple[str, ...], by: str, means: str, source: str, **more: Any
) -> Phrase:
    return Phrase(text, Weight.NARROWS, codes, by, means, source)._replace(**more)


def _wrapper(
    text: str, codes: tuple[str, ...], by: str, means: str, source: str, **more: Any
) -> Phrase:
    return Phrase(text, Weight.WRAPS, codes, by, means, source)._replace(**more)


# ------------------------------------------------------------------ token

_TOKEN: Final = (
    _cause(
        "token signature is invalid: signature is invalid",
        "token-bad-signature",
        SERVER_NEW,
        "the token is signed with another secret than the server holds for its key",
        _VERIFIER,
    ),
    _cause(
        "error in cryptographic primitive",
        "token-bad-signature",
        f"{SERVER_OLD} (go-jose)",
        "the token is signed with another secret than the server holds for its key",
        _VERIFIER,
    ),
    _cause(
        "token signature is invalid: signing method",
        "token-alg",
        SERVER_NEW,
        "the token is signed with another algorithm than HS256",
        _VERIFIER,
    ),
    _cause(
        "token is expired",
        "token-expired",
        f"{SERVER_NEW}; before, with (exp) behind it",
        "the token's exp lay more than a minute in the past when it was used",
        _VERIFIER,
    ),
    _cause(
        "token is not valid yet",
        "clock-mint-ahead",
        SERVER_NEW,
        "the token's nbf lies more than a minute in the server's future",
        _VERIFIER,
    ),
    _cause(
        "token not valid yet (nbf)",
        "clock-mint-ahead",
        f"{SERVER_OLD} (go-jose)",
        "the token's nbf lies more than a minute in the server's future",
        _VERIFIER,
    ),
    _cause(
        "token issued in the future (iat)",
        "clock-mint-ahead",
        f"{SERVER_OLD} (go-jose)",
        "the token's iat lies more than a minute in the server's future",
        _VERIFIER,
    ),
    _cause(
        "exp claim is required",
        "token-no-exp",
        "livekit-server after 1.13.5",
        "the token never ends, which newer servers refuse",
        "livekit/protocol auth/verifier.go, change of 2026-08-10",
    ),
    _cause(
        "could not json decode claim",
        "token-claim-type",
        SERVER_NEW,
        "a claim has the wrong JSON type, such as the text “true” in place of true",
        _VERIFIER,
    ),
    _cause(
        "json: cannot unmarshal",
        "token-claim-type",
        SERVER_OLD,
        "a claim has the wrong JSON type, such as the text “true” in place of true",
        _VERIFIER,
        pattern="invalid token",
    ),
    _cause(
        "invalid authorization token",
        "token-not-jwt",
        SERVER,
        "what was sent as token is no token",
        f"{_MEASURED}; pkg/service/auth.go",
        without=("token signature is invalid", "token has invalid claims", "exp claim is required"),
    ),
    _cause(
        "access token has invalid characters",
        "token-not-jwt",
        RUST,
        "what was given as token holds characters that no token has",
        _RUST_SOURCE,
    ),
    _cause(
        "[object promise]",
        "app-token-promise",
        "JavaScript",
        "a call that mints the token was not awaited: toJwt() is asynchronous",
        "livekit/node-sdks issue 115",
    ),
    _cause(
        "invalid authorization header. must start with bearer",
        "token-auth-header",
        SERVER,
        "an Authorization header is there, but not “Bearer ” and a token",
        f"{_MEASURED}; pkg/service/auth.go",
    ),
    _cause(
        "invalid api key",
        "token-unknown-key",
        SERVER,
        "the server does not know the API key that issued the token",
        f"{_MEASURED}; pkg/service/auth.go",
    ),
    _cause(
        "invalid api key for domain",
        "env-project-mismatch",
        "LiveKit Cloud",
        "the API key belongs to another project than the URL",
        "livekit-examples/agent-starter-react issue 105",
    ),
    *(
        _cause(
            f"invalid api key: {sample}",
            "env-placeholder",
            SERVER,
            "a sample value was sent as API key",
            "livekit/egress issue 458",
        )
        for sample in ("your-api-key", "your_api_key", "<", "xxx")
    ),
    _cause(
        "no permissions to access the room",
        "token-no-video-grant",
        SERVER,
        "there was no token, or one without a video grant",
        f"{_MEASURED}; pkg/service/rtcservice.go",
    ),
    _symptom(
        "permissions denied",
        ("token-roomjoin-missing", "api-permission"),
        SERVER,
        "the token lacks a grant: roomJoin to join, roomList, roomCreate or roomAdmin for the API",
        f"{_MEASURED}; pkg/service/auth.go",
    ),
    _cause(
        "permissions denied",
        "token-roomjoin-missing",
        f"{SERVER}, on the paths that join",
        "the token's video grant does not allow joining (roomJoin)",
        f"{_MEASURED}; pkg/service/auth.go",
        pattern=r"/rtc\b|signal failure|signal connection",
    ),
    _cause(
        "permissions denied",
        "api-permission",
        API,
        "the token of an API call lacks the grant for it",
        f"{_MEASURED}; pkg/service/auth.go",
        pattern="unauthenticated|twirp",
    ),
    _cause(
        "no room name",
        "token-room-missing",
        "livekit-server since 1.9.1",
        "the token's video grant names no room",
        f"{_MEASURED}; pkg/service/rtcservice.go",
    ),
    _cause(
        "identity cannot be empty",
        "token-identity-missing",
        SERVER,
        "the token has neither sub nor jti: it names nobody",
        f"{_MEASURED}; pkg/service/rtcservice.go",
    ),
    _cause(
        "exceeds limits: max length",
        "token-limits",
        "livekit-server since 1.8",
        "the room's name, the identity or metadata is longer than the server takes",
        f"{_MEASURED}; pkg/service/rtcservice.go",
    ),
    _cause(
        "apisecret must be at least 256 bits",
        "token-secret-too-short",
        "livekit-server-sdk-dotnet",
        "this SDK refuses secrets of fewer than 32 bytes",
        "pabloFuente/livekit-server-sdk-dotnet issue 28",
    ),
    _cause(
        "secret is too short, should be at least 32 characters",
        "token-secret-too-short",
        f"{SERVER}, at its start",
        "the server works with it, some SDKs do not",
        f"{_MEASURED}; pkg/config/config.go",
        severity=Severity.WARNING,
    ),
    *(
        _cause(
            text,
            "token-publish-denied",
            by,
            "the participant may not publish this: canPublish or canPublishSources",
            "livekit/client-sdk-js issues 1418 and 1420",
        )
        for text, by in (
            ("failed to publish track, insufficient permissions", JS),
            ("no permission to publish mediatrack", SERVER),
        )
    ),
)

# ------------------------------------------------------------------ environment

_ENV: Final = (
    *(
        _cause(text, "env-missing", by, "a LiveKit variable is not set in this process", source)
        for text, by, source in (
            ("api_key and api_secret must be set", "livekit-api (Python)", "access_token.py"),
            ("url must be set", "livekit-api (Python)", "livekit_api.py"),
            ("missingcredentialserror", "agents-js", "livekit/agents issue 2455"),
            ("api-key and api-secret must be set", "livekit-server-sdk (JS)", "AccessToken.ts"),
            (
                "livekit_url, livekit_api_key, and livekit_api_secret must be set",
                "plugins of livekit-agents",
                "livekit/agents issue 3188",
            ),
        )
    ),
    _cause(
        "could not parse keys, it needs to be exactly",
        "env-server-keys-format",
        f"{SERVER}, which then exits",
        "LIVEKIT_KEYS lacks the blank between colon and secret",
        "measured on livekit-server 1.13.5; pkg/config/config.go",
    ),
    _cause(
        "one of key-file or keys must be provided",
        "env-server-keys-format",
        f"{SERVER}, which then exits",
        "the server was started without any API key",
        "measured on livekit-server 1.13.5; pkg/config/config.go",
    ),
    _cause(
        "key file others permissions must be set to 0",
        "env-server-keys-format",
        f"{SERVER}, which then exits",
        "other users may read the key file",
        "livekit/livekit issue 2482; pkg/config/config.go",
    ),
    _cause(
        "api_key is required to use webhooks",
        "env-server-keys-format",
        f"{SERVER}, which then exits",
        "webhook.api_key is missing, or not one of the server's keys",
        "measured on livekit-server 1.13.5",
    ),
    _cause(
        "could not parse config",
        "env-config-strict",
        f"{SERVER}, which then exits",
        "the server's configuration has a key that it does not know, or is no YAML",
        "measured on livekit-server 1.13.5; livekit/livekit issue 3826",
    ),
)

# ------------------------------------------------------------------ URL

_URL: Final = (
    *(
        _symptom(
            text,
            ("url-invalid-hang", "url-no-scheme", "env-public-prefix-missing", "env-value-dirty"),
            by,
            "the URL is empty, “undefined”, without a scheme, or holds what does not belong there",
            "client-sdk-js src/room/Room.ts; livekit/livekit issue 3810",
        )
        for text, by in (
            ("failed to construct 'url': invalid url", CHROME),
            ("typeerror: invalid url", f"{NODE}, Firefox, Safari"),
            ("failed to parse the url", RUST),
        )
    ),
    _cause(
        "/undefined/rtc",
        "env-public-prefix-missing",
        BROWSER,
        "the variable with the URL is not set in the page's bundle",
        "livekit/livekit issue 3810",
    ),
    _cause(
        "unsupported protocol scheme",
        "url-scheme-for-sdk",
        "Go, PHP",
        "this SDK wants https:// where the other wants wss://",
        "livekit/server-sdk-go issue 42",
        without=('unsupported protocol scheme ""', r"unsupported protocol scheme \"\""),
    ),
    _cause(
        "unsupported protocol scheme",
        "url-no-scheme",
        "Go",
        "the URL has no scheme in front",
        "Go net/http transport.go",
        pattern=r'protocol scheme \\?"\\?"',
    ),
    *(
        _cause(
            text,
            "url-tls-mismatch",
            by,
            "one side speaks TLS, the other plain HTTP, on this port",
            "livekit/livekit issues 263 and 1464",
        )
        for text, by in (
            ("ssl_error_rx_record_too_long", FIREFOX),
            ("wrong_version_number", f"OpenSSL ({PYTHON}, {NODE})"),
            ("plain http request was sent to https port", "nginx"),
            ("client sent an http request to an https server", "Go, Caddy"),
            ("first record does not look like a tls handshake", "Go"),
            ("received corrupt message of type invalidcontenttype", RUST),
        )
    ),
    _cause(
        "bad_route: unsupported method",
        "url-redirect",
        API,
        "a redirect made a GET of the API's POST",
        "livekit/python-sdks issue 248",
    ),
    _cause(
        "(only post is allowed)",
        "url-redirect",
        API,
        "a redirect made a GET of the API's POST",
        _MEASURED,
    ),
    _cause(
        "unexpected http status code 308",
        "url-redirect",
        "livekit-api, lk",
        "the URL redirects; API clients do not follow",
        "livekit-examples/kitt issue 11",
    ),
)

# ------------------------------------------------------------------ network

_NETWORK: Final = (
    *(
        _cause(text, "dns-nxdomain", by, "the host's name does not exist", source)
        for text, by, source in (
            ("getaddrinfo enotfound", NODE, "libuv"),
            ("name or service not known", f"{PYTHON}, curl (Linux)", "getaddrinfo(3)"),
            ("nodename nor servname provided", "macOS, iOS", "getaddrinfo(3)"),
            ("err_name_not_resolved", CHROME, _CHROME_SOURCE),
            ("no such host", "Go", "Go net.DNSError"),
            ("unable to resolve host", "Android", "livekit/client-sdk-android issue 53"),
        )
    ),
    *(
        _cause(text, "dns-resolver-failed", by, "the DNS resolver gave no answer", source)
        for text, by, source in (
            ("temporary failure in name resolution", f"{PYTHON} (Linux)", "getaddrinfo(3)"),
            ("getaddrinfo eai_again", NODE, "libuv"),
        )
    ),
    *(
        _cause(
            text,
            "env-internal-vs-public-url",
            by,
            "nothing listens at localhost here; inside a container that is the container",
            "livekit/agents issue 3335",
        )
        for text, by in (
            ("connect call failed ('127.0.0.1'", PYTHON),
            ("cannot connect to host localhost:", "aiohttp"),
            ("cannot connect to host 127.0.0.1:", "aiohttp"),
        )
    ),
    *(
        _symptom(
            text,
            ("tcp-refused", "env-internal-vs-public-url", "dev-bind-loopback"),
            by,
            "nothing listens at that address and port",
            source,
            without=("redis", "upstream", "dial tcp", "127.0.0.1'"),
        )
        for text, by, source in (
            ("econnrefused", NODE, "libuv"),
            ("connect call failed", PYTHON, "asyncio"),
            ("err_connection_refused", CHROME, _CHROME_SOURCE),
            ("connection refused", ANY, "connect(2)"),
            ("remote computer refused the network connection", "Windows", "WSAECONNREFUSED"),
            ("the target machine actively refused it", "Windows", "WSAECONNREFUSED"),
        )
    ),
    *(
        _symptom(
            text,
            ("tcp-timeout", "url-wrong-port"),
            by,
            "that address and port do not answer: filtered, or nobody there",
            source,
            without=("redis", "upstream"),
        )
        for text, by, source in (
            ("err_connection_timed_out", CHROME, _CHROME_SOURCE),
            ("etimedout", NODE, "libuv"),
            ("connection timed out", ANY, "connect(2)"),
        )
    ),
    *(
        _cause(text, "tcp-unreachable", by, "this machine has no route to the address", source)
        for text, by, source in (
            ("err_address_unreachable", CHROME, _CHROME_SOURCE),
            ("network is unreachable", ANY, "connect(2)"),
            ("no route to host", ANY, "connect(2)"),
            ("enetunreach", NODE, "libuv"),
        )
    ),
)

# ------------------------------------------------------------------ TLS

_TLS: Final = (
    *(
        _cause(text, "tls-hostname", by, "the certificate is for another name", source)
        for text, by, source in (
            ("hostname mismatch", f"OpenSSL ({PYTHON})", "OpenSSL X509_V_ERR_HOSTNAME_MISMATCH"),
            ("err_cert_common_name_invalid", CHROME, _CHROME_SOURCE),
            ("err_tls_cert_altname_invalid", NODE, "Node tls.checkServerIdentity"),
            ("ssl_error_bad_cert_domain", FIREFOX, "NSS"),
            ("invalid peer certificate: notvalidforname", RUST, "rustls CertificateError"),
            ("certificate not valid for name", RUST, "rustls CertificateError"),
        )
    ),
    *(
        _cause(text, "tls-expired", by, "the server's certificate has ended", source)
        for text, by, source in (
            ("certificate has expired", f"OpenSSL ({PYTHON}, {NODE})", "OpenSSL"),
            ("cert_has_expired", NODE, "Node errors"),
            ("invalid peer certificate: expired", RUST, "rustls CertificateError"),
            ("certificate has expired or is not yet valid", "Go", "Go x509"),
        )
    ),
    _symptom(
        "err_cert_date_invalid",
        ("tls-expired", "tls-not-yet-valid", "clock-server-wrong"),
        CHROME,
        "the certificate has ended, or this machine's clock is wrong",
        _CHROME_SOURCE,
    ),
    _cause(
        "certificate is not yet valid",
        "tls-not-yet-valid",
        f"OpenSSL ({PYTHON}, {NODE})",
        "by this machine's clock, the certificate begins in the future",
        "OpenSSL X509_V_ERR_CERT_NOT_YET_VALID",
    ),
    _symptom(
        "unable to get local issuer certificate",
        ("tls-client-roots-missing", "tls-incomplete-chain", "tls-untrusted"),
        f"OpenSSL ({PYTHON}, {NODE})",
        "no authority that this machine knows stands behind the certificate",
        "livekit/python-sdks issue 353; livekit/agents-js issue 932",
    ),
    _symptom(
        "unable_to_get_issuer_cert_locally",
        ("tls-client-roots-missing", "tls-incomplete-chain", "tls-untrusted"),
        NODE,
        "no authority that this machine knows stands behind the certificate",
        "Node errors",
    ),
    _symptom(
        "unable to verify the first certificate",
        ("tls-incomplete-chain", "tls-untrusted"),
        NODE,
        "the server sends its own certificate only, or one of a private authority",
        "OpenSSL X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    ),
    _symptom(
        "unknownissuer",
        ("tls-client-roots-missing", "tls-untrusted", "tls-incomplete-chain"),
        RUST,
        "no authority that this machine knows stands behind the certificate",
        "rustls; livekit/agents-js issue 932",
    ),
    *(
        _cause(text, "tls-untrusted", by, "the certificate is signed by nobody known", source)
        for text, by, source in (
            ("err_cert_authority_invalid", CHROME, _CHROME_SOURCE),
            ("self-signed certificate", f"OpenSSL ({PYTHON}, {NODE})", "OpenSSL"),
            ("self signed certificate", "OpenSSL before 3", "OpenSSL"),
            ("certificate signed by unknown authority", "Go", "Go x509"),
            ("sec_error_unknown_issuer", FIREFOX, "NSS"),
        )
    ),
    _symptom(
        "certificate_verify_failed",
        ("tls-untrusted", "tls-client-roots-missing", "tls-hostname", "tls-expired"),
        f"OpenSSL ({PYTHON})",
        "the certificate could not be verified; the end of the line says why",
        "Python ssl",
        without=("expired", "hostname mismatch", "local issuer", "self", "not yet valid"),
    ),
    _symptom(
        "an ssl error has occurred",
        ("tls-untrusted", "tls-hostname", "tls-expired"),
        "iOS, macOS",
        "the certificate could not be verified",
        "livekit/client-sdk-swift issue 210",
    ),
    _symptom(
        "err_ssl_protocol_error",
        ("url-tls-mismatch", "tls-handshake-failed", "tls-not-spoken"),
        CHROME,
        "what answers on that port does not speak TLS as a browser does",
        _CHROME_SOURCE,
    ),
    _cause(
        "sslv3_alert_handshake_failure",
        "tls-handshake-failed",
        f"OpenSSL ({PYTHON}, {NODE})",
        "the server breaks off the TLS handshake",
        "OpenSSL",
    ),
    _cause(
        "tls handshake timeout",
        "tls-timeout",
        "Go",
        "the port opens, but TLS never gets an answer",
        "Go net/http",
    ),
)

# ------------------------------------------------------------------ proxy

_PROXY: Final = (
    *(
        _cause(
            text, "proxy-upstream-down", by, "the proxy runs, LiveKit behind it does not", source
        )
        for text, by, source in (
            ("server error: 502", RUST, _RUST_SOURCE),
            ("unexpected server response: 502", "Node (ws)", "npm ws"),
            ("server responded with 502", JS, _JS_SOURCE),
            ("intermediary with http status code 502", "Twirp clients", "twitchtv/twirp"),
            ("intermediary with http status code 504", "Twirp clients", "twitchtv/twirp"),
            ("while connecting to upstream", "nginx", "ngx_http_upstream.c"),
            ("no live upstreams while connecting", "nginx", "ngx_http_upstream.c"),
            ("upstream prematurely closed connection", "nginx", "ngx_http_upstream.c"),
            ("502 bad gateway", "proxy", "RFC 9110 section 15.6.3"),
            ("504 gateway time-out", "nginx", "RFC 9110 section 15.6.5"),
            ("aborting with incomplete response", "Caddy", "caddy reverseproxy"),
        )
    ),
    _cause(
        "dial tcp",
        "proxy-upstream-down",
        "Caddy, Traefik",
        "the proxy cannot reach LiveKit behind it",
        "caddy reverseproxy",
        pattern=r"reverse_proxy|\"logger\":\"http\.log\.error|bad gateway",
    ),
    *(
        _cause(
            text,
            "proxy-upgrade-stripped",
            by,
            "a proxy passes the request on without its Upgrade header",
            source,
        )
        for text, by, source in (
            (
                "websocket: 'upgrade' token not found in 'connection' header",
                "gorilla/websocket",
                "Go",
            ),
            ("the client is not using the websocket protocol", "gorilla/websocket", "Go"),
        )
    ),
    _symptom(
        "unexpected server response: 404",
        ("proxy-upgrade-stripped", "url-path", "url-not-livekit"),
        "Node (ws)",
        "the path of the WebSocket is not there: dropped Upgrade header, wrong prefix, wrong host",
        "npm ws; measured: LiveKit answers 404 to a plain request on /rtc",
    ),
    _symptom(
        "unexpected server response: 200",
        ("url-not-livekit", "proxy-access-gate"),
        "Node (ws)",
        "a page answers where LiveKit should",
        "npm ws",
    ),
    _cause(
        "414 request-uri too large",
        "proxy-url-too-long",
        "nginx",
        "the token makes the URL longer than the proxy takes",
        "nginx large_client_header_buffers",
    ),
    _cause(
        "431 request header fields too large",
        "proxy-url-too-long",
        "proxy, Node",
        "the token makes the request's head larger than the proxy takes",
        "RFC 6585 section 5",
    ),
    *(
        _cause(
            text,
            "proxy-double-cors",
            by,
            "the answer's CORS headers are missing or doubled: the browser hides the true reason",
            "livekit/livekit issue 1192",
        )
        for text, by in (
            ("has been blocked by cors policy", CHROME),
            ("cross-origin request blocked", FIREFOX),
            ("is not allowed by access-control-allow-origin", "Safari"),
        )
    ),
    _symptom(
        "err_empty_response",
        ("http-closed-early", "url-tls-mismatch", "dev-bind-loopback"),
        CHROME,
        "the connection was closed in place of an answer",
        _CHROME_SOURCE,
    ),
    _symptom(
        "socket hang up",
        ("http-closed-early", "signal-closed-early"),
        NODE,
        "the connection was closed in place of an answer",
        "Node http",
    ),
    *(
        _symptom(
            text,
            ("http-closed-early", "signal-closed-early", "tls-handshake-failed"),
            by,
            "the connection was cut in place of an answer",
            source,
            pattern=pattern,
        )
        for text, by, source, pattern in (
            (
                "connection reset by peer",
                ANY,
                "recv(2)",
                "signal failure|signal connection|wss?://",
            ),
            ("read econnreset", NODE, "libuv", ""),
            ("err_connection_closed", CHROME, _CHROME_SOURCE, ""),
            ("err_connection_reset", CHROME, _CHROME_SOURCE, ""),
            ("serverdisconnectederror", "aiohttp", "aiohttp client", ""),
        )
    ),
    _symptom(
        "err_timed_out",
        ("http-silent", "tcp-timeout"),
        CHROME,
        "there was no answer in time",
        _CHROME_SOURCE,
    ),
    _cause(
        "err_response_headers_too_big",
        "http-too-large",
        CHROME,
        "the answer's head is larger than the browser takes",
        _CHROME_SOURCE,
    ),
    _cause(
        "err_invalid_http_response",
        "http-not-http",
        CHROME,
        "the port does not speak HTTP",
        _CHROME_SOURCE,
    ),
    _cause(
        "parse error: expected http/",
        "http-not-http",
        NODE,
        "the port does not speak HTTP",
        "Node llhttp",
    ),
)

# ------------------------------------------------------------------ room, signalling

_SIGNAL: Final = (
    _cause(
        "requested room does not exist",
        "room-not-found",
        SERVER,
        "the room does not exist, and this server makes none (room.auto_create is off)",
        f"{_MEASURED}; pkg/service/errors.go",
        without=("twirp", '"not_found"', "not_found"),
    ),
    _cause(
        "requested room does not exist",
        "api-not-found",
        API,
        "the API knows no room of that name",
        _MEASURED,
        pattern="twirp|not_found",
    ),
    _cause(
        "participant does not exist",
        "api-not-found",
        API,
        "the API knows no such participant in that room",
        _MEASURED,
    ),
    _symptom(
        "v1 rtc path not found",
        ("room-not-found", "signal-v1-vs-old-server", "url-path", "url-not-livekit"),
        JS_NEW,
        "a 404 on /rtc/v1: no such room (2.17.0 to 2.18.4 say so), a server before 1.9.10, or a "
        "wrong path",
        "client-sdk-js CHANGELOG 2.18.5",
    ),
    _cause(
        "v1 path not found (404), falling back to v0",
        "signal-v1-vs-old-server",
        RUST,
        "the server is older than 1.9.10; the client goes on with /rtc",
        "measured with livekit (PyPI) 1.2.1 on livekit-server 1.8.4",
        weight=Weight.TELLS,
        severity=Severity.INFO,
    ),
    _cause(
        "room has exceeded its max participants",
        "signal-room-full",
        f"{SERVER}, in its log only",
        "the room holds max_participants already; the client sees a bare 500",
        f"{_MEASURED}; pkg/rtc/room.go",
    ),
    _symptom(
        "connection closed by media",
        ("signal-room-full", "server-no-nodes", "signal-5xx-bus"),
        f"{SERVER}, body of a 500",
        "the session could not start: the server's log has the reason in the lines before",
        f"{_MEASURED}; pkg/service/rtcservice.go",
    ),
    _symptom(
        "handshake error: 500 internal server error",
        ("signal-room-full", "server-no-nodes", "signal-5xx-bus"),
        RUST,
        "the session could not start; the SDK does not show the answer's body",
        _RUST_SOURCE,
    ),
    _symptom(
        "handshake { status: 500 }",
        ("signal-room-full", "server-no-nodes", "signal-5xx-bus"),
        RUST,
        "the session could not start; the SDK does not show the answer's body",
        _RUST_SOURCE,
    ),
    *(
        _symptom(
            text,
            ("tcp-timeout", "signal-timeout", "http-silent", "url-double-slash"),
            by,
            "no answer to the WebSocket handshake in time",
            source,
        )
        for text, by, source in (
            ("room connection has timed out (signal)", JS, _JS_SOURCE),
            ("signal connection timed out", f"{JS}, {RUST}", _JS_SOURCE),
            ("room connection has timed out", "livekit-client (JS) and React Native", _JS_SOURCE),
        )
    ),
    *(
        _cause(
            text,
            "signal-silent-after-upgrade",
            by,
            "the WebSocket had opened, and no join response followed",
            source,
        )
        for text, by, source in (
            (
                "signal connection timed out while waiting for the first message",
                "livekit-client (JS) since 2.20.2",
                _JS_SOURCE,
            ),
            ("failed to receive joinresponse", RUST, "livekit/rust-sdks livekit-api signal_client"),
        )
    ),
    _symptom(
        "encountered unknown websocket error during connection",
        (
            *("token-room-missing", "token-identity-missing", "token-limits", "signal-room-full"),
            *("proxy-upgrade-stripped", "signal-refused"),
        ),
        JS_NEW,
        "the server said 400 or 5xx, whose text this client does not show",
        _JS_SOURCE,
    ),
    _symptom(
        "encountered websocket error during connection establishment",
        (
            *("token-room-missing", "token-identity-missing", "token-limits", "signal-room-full"),
            *("proxy-upgrade-stripped", "signal-refused"),
        ),
        JS_NEW,
        "the server said 400 or 5xx, whose text this client does not show",
        _JS_SOURCE,
    ),
    _symptom(
        "could not establish signal connection: failed to fetch",
        (
            *("tcp-refused", "dns-nxdomain", "tls-untrusted", "proxy-double-cors"),
            *("page-csp-connect", "page-mixed-content"),
        ),
        JS,
        "the browser could not even ask why: the line of the network error before it says more",
        _JS_SOURCE,
    ),
    _wrapper(
        "could not establish signal connection",
        ("signal-refused",),
        JS,
        "signalling failed; what follows the colon is the server's reason",
        _JS_SOURCE,
    ),
    _wrapper(
        "signal failure:",
        ("signal-refused",),
        RUST,
        "signalling failed; what follows the colon is the reason",
        _RUST_SOURCE,
    ),
    _wrapper(
        "signal connection failed on v1 path",
        ("signal-refused",),
        RUST,
        "signalling failed; the status in braces is the server's",
        _RUST_SOURCE,
        without=("status: 404",),
    ),
    _wrapper(
        "error while connecting to a room",
        ("signal-refused",),
        RUST,
        "signalling failed; what follows the colon is the reason",
        _RUST_SOURCE,
    ),
    _wrapper(
        "[connectexception]",
        ("signal-refused",),
        "Flutter SDK",
        "signalling failed; what follows is the reason",
        "client-sdk-flutter lib/src/exceptions.dart",
    ),
    _wrapper(
        "401, message='invalid response status'",
        ("token-unknown-key", "token-bad-signature", "env-key-secret-swapped"),
        f"{AGENTS} (aiohttp)",
        "the worker is refused at /agent; its log does not show the server's reason",
        "livekit/agents issue 1325",
    ),
    *(
        _symptom(
            text,
            ("signal-leave-on-connect", "server-restart-drain", "ice-udp-range-blocked"),
            by,
            "the server ended the session while the client was (re)connecting",
            "livekit/livekit issues 4087 and 4276",
        )
        for text, by in (
            ("received leave request while trying to", JS),
            ("leave-reconnect disconnected", JS),
            ("could not restart participant", SERVER),
        )
    ),
    *(
        _cause(
            text,
            "signal-dropped-after-upgrade",
            JS,
            "the connection broke right after it opened",
            _JS_SOURCE,
            pattern=pattern,
        )
        for text, pattern in (
            # A close frame's reason follows the colon; without a frame there is none.
            ("websocket got closed during a (re)connection attempt", r"attempt(?!: *[a-z0-9])"),
            ("websocket error during a (re)connection attempt", ""),
        )
    ),
    _cause(
        "websocket got closed during a (re)connection attempt",
        "signal-closed-after-upgrade",
        JS,
        "the WebSocket had opened, and was closed for the reason that follows the colon",
        _JS_SOURCE,
        pattern="attempt: *[a-z0-9]",
    ),
    _symptom(
        "no message received as first message",
        ("signal-closed-after-upgrade", "signal-dropped-after-upgrade"),
        JS,
        "the WebSocket had opened, and ended before the server said anything",
        _JS_SOURCE,
    ),
    _cause(
        "did not receive join response",
        "signal-not-livekit",
        JS,
        "what spoke first after the upgrade was not LiveKit's join",
        _JS_SOURCE,
    ),
    _cause(
        "ping timeout triggered. last pong received at",
        "signal-no-pong",
        JS,
        "the server stopped answering pings: network gone, or a proxy cut the connection",
        _JS_SOURCE,
    ),
    _cause(
        "incorrect 'sec-websocket-accept' header value",
        "signal-handshake-invalid",
        CHROME,
        "what answered the upgrade is no WebSocket server",
        "Chromium websocket_handshake_stream",
    ),
    *(
        _cause(text, "signal-frame-invalid", by, "what follows the upgrade is no WebSocket", source)
        for text, by, source in (
            ("invalid frame header", CHROME, "Chromium websocket"),
            ("a server must not mask any frames", CHROME, "Chromium websocket"),
        )
    ),
    _cause(
        "unexpected first message",
        "signal-not-livekit",
        "livekit clients",
        "what speaks after the upgrade is not LiveKit",
        _JS_SOURCE,
    ),
    _cause(
        "max payload size exceeded",
        "signal-message-too-large",
        "Node (ws)",
        "the first message is larger than the client takes",
        "npm ws",
    ),
    _cause(
        "invalid sec-websocket-accept header",
        "signal-handshake-invalid",
        "Node (ws)",
        "what answered the upgrade is no WebSocket server",
        "npm ws",
    ),
    _symptom(
        "404 page not found",
        ("url-path", "signal-v1-vs-old-server", "url-not-livekit"),
        SERVER,
        "that path is not LiveKit's: the URL holds a path too many, or the server is older",
        _MEASURED,
        pattern="signal failure|signal connection|/rtc",
    ),
    _symptom(
        "negotiation timed out",
        ("signal-v1-vs-old-server", "signal-version-skew", "ice-udp-range-blocked"),
        JS,
        "the offer was never answered: client 2.18.1 to 2.18.3 with a server before 1.9.10, or media "
        "cannot pass",
        "livekit/client-sdk-js issues 1887 and 1893",
    ),
    _cause(
        "429 too many requests",
        "signal-rate-limited",
        "server or proxy",
        "the rate or a plan's limit is reached",
        "RFC 6585 section 4",
    ),
    *(
        _cause(text, "cloud-quota", by, "a limit of the LiveKit Cloud plan is reached", source)
        for text, by, source in (
            ("concurrent participant limit exceeded", "LiveKit Cloud", "docs, Quotas and limits"),
            ("concurrent agent session limit", "LiveKit Cloud", "docs, Quotas and limits"),
            ("insufficient_capacity", "Element Call", "element-hq/element-call issue 2998"),
        )
    ),
    *(
        _symptom(
            text,
            ("tls-client-roots-missing", "dns-nxdomain", "token-expired", "cloud-regions"),
            by,
            "the Cloud regions could not be asked: authorities, network, or a 401 for the token",
            source,
        )
        for text, by, source in (
            ("failed to retrieve region info", RUST, "livekit/agents-js issue 932"),
            ("could not fetch region settings", JS, "livekit/livekit issue 2470"),
        )
    ),
)

# ------------------------------------------------------------------ server, API, agents

_SERVER: Final = (
    _cause(
        "406 not ready",
        "server-not-ready",
        SERVER,
        "the node's statistics are older than 4 s: Redis or the CPU stalls",
        "pkg/service/server.go",
    ),
    *(
        _cause(text, "server-no-nodes", by, "every node counts as overloaded or draining", source)
        for text, by, source in (
            ("could not find any available nodes", SERVER, "livekit/livekit issue 2703"),
            ("reached configured limit for node", SERVER, "livekit/livekit issue 1851"),
        )
    ),
    *(
        _cause(text, "signal-5xx-bus", by, "the server's message bus (Redis) does not work", source)
        for text, by, source in (
            ("failed to dial after", SERVER, "measured on livekit-server 1.13.5"),
            ("unable to connect to redis", SERVER, "livekit/protocol redis/redis.go"),
            (
                "request timed out could not handle new participant",
                SERVER,
                "livekit/livekit issue 3858",
            ),
            ("server error: 503", RUST, "livekit/livekit issue 2464"),
        )
    ),
    *(
        _cause(
            f"{service} not connected (redis required)",
            "server-feature-not-connected",
            SERVER,
            "the helper service does not run, or not with the same Redis",
            f"{_MEASURED}; pkg/service/errors.go",
        )
        for service in ("egress", "ingress", "sip")
    ),
    _cause(
        "start signal not received",
        "server-feature-not-connected",
        "egress",
        "the recorder's page never connected: its ws_url or keys",
        "livekit/egress issue 858",
    ),
    _symptom(
        "no response from servers",
        ("signal-5xx-bus", "server-feature-not-connected"),
        "psrpc (server API)",
        "no node or helper service took the call: Redis, or the service does not run",
        "livekit/livekit issue 2464",
    ),
    _symptom(
        "egress_aborted",
        ("env-placeholder", "server-feature-not-connected"),
        "egress",
        "the recording was given up before it began",
        "livekit/egress issue 458",
    ),
    _cause(
        "no handler for path",
        "api-not-routed",
        API,
        "the server is older than this method",
        "livekit/python-sdks issue 451",
    ),
    _cause(
        '<!doctype "... is not valid json',
        "api-not-routed",
        "JavaScript",
        "an HTML page answers where the API should",
        "ECMAScript JSON.parse",
    ),
    _cause(
        "intermediary with http status code 403",
        "api-refused",
        "Twirp clients",
        "something in front of LiveKit refuses the API",
        "twitchtv/twirp",
    ),
    _cause(
        "intermediary with http status code 404",
        "api-not-routed",
        "Twirp clients",
        "the proxy does not pass /twirp on",
        "twitchtv/twirp",
    ),
    *(
        _cause(text, "ice-external-ip-discovery", SERVER, means, source)
        for text, means, source in (
            (
                "could not resolve external ip",
                "STUN to the outside is blocked, and use_external_ip asks for it",
                "livekit/livekit issue 4626",
            ),
            (
                "could not validate external ip",
                "the router does not send the server's own public address back to it",
                "config-sample.yaml",
            ),
        )
    ),
    _cause(
        "turn domain required",
        "turn-domain-cert",
        f"{SERVER}, which then exits",
        "TURN over TLS needs turn.domain",
        "measured on livekit-server 1.13.5; pkg/service/turn.go",
    ),
    _cause(
        "turn tls cert required",
        "turn-domain-cert",
        f"{SERVER}, which then exits",
        "TURN over TLS needs cert_file and key_file, or external_tls",
        "measured on livekit-server 1.13.5; pkg/service/turn.go",
    ),
    _cause(
        "room connection was not established within 10 seconds",
        "app-agent-not-running",
        AGENTS,
        "the job accepted the room and never connected to it",
        "livekit/agents issue 3451",
    ),
    _cause(
        "no workers available",
        "app-agent-not-running",
        SERVER,
        "no agent worker is registered for this job",
        "livekit/livekit pkg/service/agentservice.go",
    ),
    _cause(
        "not dispatching agent job since no worker is available",
        "app-agent-not-running",
        SERVER,
        "no agent worker is registered for this job",
        "livekit/livekit pkg/service/agentservice.go",
    ),
)

# ------------------------------------------------------------------ media

_NO_MEDIA: Final = (
    *("ice-private-candidates", "ice-udp-range-blocked", "ice-tcp-7881-closed"),
    *("ice-client-firewall", "turn-tls-443-hardcoded"),
)

_MEDIA: Final = (
    *(
        _symptom(
            text,
            _NO_MEDIA,
            by,
            "signalling works, media finds no way between client and server",
            source,
        )
        for text, by, source in (
            ("could not establish pc connection", JS, _JS_SOURCE),
            ("could not connect peerconnection after timeout", "livekit-client (JS) 1", _JS_SOURCE),
            ("wait_pc_connection timed out", RUST, "livekit/rust-sdks rtc_engine"),
            ("[mediaconnectexception]", "Flutter SDK", "client-sdk-flutter exceptions.dart"),
            (
                "timed out waiting for peerconnection",
                "Flutter SDK",
                "client-sdk-flutter engine.dart",
            ),
            ("ice failed, add a turn server", FIREFOX, "Firefox PeerConnection.sys.mjs"),
            ("ice failed, add a stun server", FIREFOX, "Firefox PeerConnection.sys.mjs"),
        )
    ),
    _symptom(
        "removing participant without connection",
        _NO_MEDIA,
        SERVER,
        "somebody left, or was put out, before media was up; the line lists the addresses tried",
        "measured on livekit-server 1.8.4 to 1.13.5; pkg/rtc/room.go",
        severity=Severity.WARNING,
    ),
    _cause(
        "error with ice candidate: 701",
        "turn-tls-443-hardcoded",
        JS,
        "the TURN server does not answer; the built-in one is always offered at port 443",
        "livekit/livekit issue 4542",
        pattern="turns:",
    ),
    _symptom(
        "error with ice candidate: 701",
        ("turn-port-conflict", "turn-domain-cert", "ice-client-firewall"),
        JS,
        "a STUN or TURN server does not answer",
        "livekit/livekit issue 3595",
        without=("turns:",),
    ),
    _symptom(
        "publication of local track timed out",
        ("token-publish-denied", "ice-udp-range-blocked", "app-publish-before-connected"),
        JS,
        "the server never confirmed the track: no permission in older clients, or no media path",
        "client-sdk-js src/room/participant/LocalParticipant.ts",
    ),
)

# ------------------------------------------------------------------ page, app

_PAGE: Final = (
    *(
        _cause(text, "page-mixed-content", by, "a page on https:// may not open ws://", source)
        for text, by, source in (
            ("unable to connect to insecure websocket from https", JS, "livekit/livekit issue 263"),
            ("insecure websocket connection may not be initiated", CHROME, "Chromium"),
            ("was loaded over https, but attempted to connect to the insecure", CHROME, "Chromium"),
        )
    ),
    *(
        _cause(
            text,
            "page-insecure-context",
            by,
            "a page on http:// (other than localhost) gets no camera or microphone",
            source,
        )
        for text, by, source in (
            ("(reading 'getusermedia')", CHROME, "livekit/client-sdk-js issue 1769"),
            ("available only in secure contexts", JS, "client-sdk-js src/room/utils.ts"),
            ("navigator.mediadevices is undefined", FIREFOX, "livekit/client-sdk-js issue 174"),
        )
    ),
    *(
        _cause(
            text, "page-permissions-policy", by, "a header of the page forbids the device", source
        )
        for text, by, source in (
            ("permissions policy violation: microphone", CHROME, "Permissions Policy"),
            ("permissions policy violation: camera", CHROME, "Permissions Policy"),
        )
    ),
    _cause(
        "refused to connect",
        "page-csp-connect",
        CHROME,
        "the page's Content-Security-Policy does not list this server",
        "fluxerapp/fluxer issue 1010",
        pattern="content.security.policy|connect-src",
    ),
    _cause(
        "blocked the loading of a resource (connect-src)",
        "page-csp-connect",
        FIREFOX,
        "the page's Content-Security-Policy does not list this server",
        "Firefox CSP messages",
    ),
    *(
        _cause(text, "browser-no-webrtc", by, "the SDK runs where there is no WebRTC", source)
        for text, by, source in (
            ("rtcpeerconnection is not a constructor", JS, "livekit/livekit issue 2329"),
            ("rtcpeerconnection is not defined", NODE, "livekit/livekit issue 2329"),
            ("livekit doesn't seem to be supported on this browser", JS, "client-sdk-js Room.ts"),
            ("webrtc isn't detected", "React Native SDK", "client-sdk-js Room.ts"),
        )
    ),
    *(
        _cause(
            text, "browser-devices", by, "camera or microphone is missing, busy or refused", source
        )
        for text, by, source in (
            ("requested device not found", CHROME, "Media Capture and Streams"),
            ("notreadableerror", BROWSER, "Media Capture and Streams"),
            ("notallowederror", BROWSER, "Media Capture and Streams"),
            ("deviceinuse", JS, "client-sdk-js src/room/errors.ts"),
        )
    ),
    _cause(
        "not permitted by network security policy",
        "mobile-cleartext",
        "Android",
        "Android forbids ws:// and http:// unless the app allows it",
        "openinterpreter/01-app issue 5",
    ),
    *(
        _cause(
            text,
            "app-double-connect",
            JS,
            "the app itself ended the attempt, often a component that React mounted twice",
            "livekit/livekit-react issues 87 and 112",
            severity=Severity.WARNING,
        )
        for text in ("abort connection attempt due to user initiated disconnect",)
    ),
    _cause(
        "removing duplicate participant",
        "identity-collision",
        SERVER,
        "somebody joined under an identity that was in the room, who was put out for it",
        f"{_MEASURED}; pkg/service/roommanager.go",
    ),
)

PHRASES: Final = (
    *_TOKEN,
    *_ENV,
    *_URL,
    *_NETWORK,
    *_TLS,
    *_PROXY,
    *_SIGNAL,
    *_SERVER,
    *_MEDIA,
    *_PAGE,
)
"""Every phrase; of two that fit a line equally well, the first counts."""
