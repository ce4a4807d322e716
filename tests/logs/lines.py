"""Lines as clients, servers and proxies write them, each with what it is to be taken for.

``<TOKEN>`` stands for a token, which a test makes. Where a line says "measured" in its group's
comment, it was copied from a run: livekit-servers of five versions, and the official Python SDK
(livekit 1.2.1) against them, on loopback.
"""

from typing import Final, NamedTuple

from tokens.samples import token

from lkdoctor.logs.phrases import Weight


class Line(NamedTuple):
    text: str
    code: str
    """The first of the codes."""
    weight: Weight = Weight.DECIDES

    @property
    def written(self) -> str:
        return self.text.replace("<TOKEN>", token())


def _zap(level: str, where: str, message: str, fields: str) -> str:
    return f"2026-11-25T14:55:29.732Z\t{level}\tlivekit\t{where}\t{message}\t{fields}"


_SERVER: Final = tuple(
    Line(
        _zap("WARN", where, "error handling request", f'{{"status": {status}, "error": "{said}"}}'),
        code,
    )
    for where, status, said, code in (
        (
            *("service/utils.go:84", 401),
            "invalid token: <TOKEN>, error: token signature is invalid: signature is invalid",
            "token-bad-signature",
        ),
        (
            *("service/auth.go:90", 401),
            "invalid token: <TOKEN>, error: go-jose/go-jose: error in cryptographic primitive",
            "token-bad-signature",
        ),
        (
            *("service/utils.go:84", 401),
            "invalid token: <TOKEN>, error: token has invalid claims: token is expired",
            "token-expired",
        ),
        (
            *("service/auth.go:90", 401),
            (
                "invalid token: <TOKEN>, error: go-jose/go-jose/jwt: validation failed, token is expired "
                "(exp)"
            ),
            "token-expired",
        ),
        (
            *("service/utils.go:84", 401),
            "invalid token: <TOKEN>, error: token has invalid claims: token is not valid yet",
            "clock-mint-ahead",
        ),
        (
            *("service/auth.go:90", 401),
            (
                "invalid token: <TOKEN>, error: go-jose/go-jose/jwt: validation failed, token not valid "
                "yet (nbf)"
            ),
            "clock-mint-ahead",
        ),
        (
            *("service/utils.go:84", 401),
            (
                "invalid token: <TOKEN>, error: token signature is invalid: signing method HS512 is "
                "invalid"
            ),
            "token-alg",
        ),
        (
            *("service/auth.go:90", 401),
            "invalid token: <TOKEN>, error: json: cannot unmarshal string into Go value of type bool",
            "token-claim-type",
        ),
        ("service/auth.go:84", 401, "invalid API key: APIother", "token-unknown-key"),
        ("service/auth.go:84", 401, "invalid API key: ", "token-unknown-key"),
        ("service/auth.go:84", 401, "invalid API key: your-api-key", "env-placeholder"),
        ("service/auth.go:78", 401, "invalid authorization token", "token-not-jwt"),
        ("service/rtc.go:97", 401, "no permissions to access the room", "token-no-video-grant"),
        ("service/rtc.go:97", 400, "no room name", "token-room-missing"),
        ("service/rtc.go:97", 400, "identity cannot be empty", "token-identity-missing"),
        (
            *("service/utils.go:84", 400),
            "participant identity length exceeds limits: max length 256",
            "token-limits",
        ),
        ("service/utils.go:84", 404, "requested room does not exist", "room-not-found"),
    )
)
"""Measured."""

_SERVER_TOO: Final = (
    Line(
        _zap(
            *("WARN", "service/utils.go:84", "error handling request"),
            '{"status": 401, "method": "GET", "path": "/rtc/validate", "error": "permissions denied"}',
        ),
        "token-roomjoin-missing",
    ),
    Line(
        _zap(
            *("WARN", "service/rtcservice.go:97", "error handling request"),
            '{"status": 401, "error": "permissions denied"}',
        ),
        "token-roomjoin-missing",
        Weight.NARROWS,
    ),
    Line('{"code":"unauthenticated","msg":"permissions denied"}', "api-permission"),
    Line(
        '{"code":"not_found","msg":"twirp error unknown: requested room does not exist"}',
        "api-not-found",
    ),
    Line(
        '{"code":"internal","msg":"twirp error unknown: egress not connected (redis required)"}',
        "server-feature-not-connected",
    ),
    Line(
        _zap(
            *("ERROR", "service/roommanager.go:560", "could not join room"),
            '{"room": "full", "participant": "ben", "remote": false, "error": "room has exceeded its '
            'max participants"}',
        ),
        "signal-room-full",
    ),
    Line(
        _zap(
            *("WARN", "service/rtcservice.go:254", "error handling request"),
            '{"status": 500, "method": "GET", "path": "/rtc", "error": "connection closed by media"}',
        ),
        "signal-room-full",
        Weight.NARROWS,
    ),
    Line(
        _zap(
            *("INFO", "service/roommanager.go:399", "removing duplicate participant"),
            '{"room": "dup", "participant": "ann"}',
        ),
        "identity-collision",
    ),
    Line(
        _zap(
            *("INFO", "rtc/participant.go:1475", "participant closing"),
            '{"room": "dup", "sendLeave": true, "reason": "DUPLICATE_IDENTITY"}',
        ),
        "identity-collision",
    ),
    Line(
        _zap(
            *("ERROR", "config/config.go:725"),
            *(
                "secret is too short, should be at least 32 characters for security",
                '{"apiKey": "a"}',
            ),
        ),
        "token-secret-too-short",
    ),
    Line(
        'Could not parse keys, it needs to be exactly, "key: secret", including the space',
        "env-server-keys-format",
    ),
    Line("one of key-file or keys must be provided", "env-server-keys-format"),
    Line("api_key is required to use webhooks", "env-server-keys-format"),
    Line("could not parse config: yaml: unmarshal errors:", "env-config-strict"),
    Line("TURN domain required", "turn-domain-cert"),
    Line("TURN tls cert required: open : no such file or directory", "turn-domain-cert"),
    Line(
        "redis: 2026/11/25 14:55:40 pool.go:724: redis: connection pool: failed to dial after 5 "
        "attempts: dial tcp 127.0.0.1:1: connect: connection refused",
        "signal-5xx-bus",
    ),
)
"""Measured."""

_ENGINE: Final = "livekit.rtc.room.ConnectError: engine: signal failure: "

_PYTHON: Final = (
    *(
        Line(f"{_ENGINE}client error: {said}", code)
        for said, code in (
            (
                (
                    "401 Unauthorized - invalid token: <TOKEN>, error: token has invalid claims: token "
                    "is expired"
                ),
                "token-expired",
            ),
            (
                (
                    "401 Unauthorized - invalid token: <TOKEN>, error: go-jose/go-jose: error in "
                    "cryptographic primitive"
                ),
                "token-bad-signature",
            ),
            ("401 Unauthorized - invalid API key: APIother", "token-unknown-key"),
            ("401 Unauthorized - invalid authorization token", "token-not-jwt"),
            ("401 Unauthorized - no permissions to access the room", "token-no-video-grant"),
            ("401 Unauthorized - permissions denied", "token-roomjoin-missing"),
            ("400 Bad Request - no room name", "token-room-missing"),
            ("400 Bad Request - identity cannot be empty", "token-identity-missing"),
            (
                "400 Bad Request - room name length exceeds limits: max length 256",
                "token-limits",
            ),
            ("404 Not Found - requested room does not exist", "room-not-found"),
        )
    ),
    Line(
        'livekit::rtc_engine:564:livekit::rtc_engine - failed to connect: Signal(Client(400, "no '
        'room name")), retrying... (1/3)',
        "token-room-missing",
    ),
    Line(
        f"{_ENGINE}handshake error: 500 Internal Server Error", "signal-room-full", Weight.NARROWS
    ),
    Line(
        "livekit::rtc_engine:564:livekit::rtc_engine - failed to connect: Signal(Handshake { status: "
        "500 }), retrying... (2/3)",
        "signal-room-full",
        Weight.NARROWS,
    ),
    Line(
        "livekit_signaling:583:livekit_signaling - signal connection failed on v1 path: Handshake { "
        "status: 401 }",
        "signal-refused",
        Weight.WRAPS,
    ),
    Line(
        "livekit_signaling:601:livekit_signaling - v1 path not found (404), falling back to v0 path",
        "signal-v1-vs-old-server",
        Weight.TELLS,
    ),
)
"""Measured with the official Python SDK."""

_BROWSER: Final = (
    Line(
        "ConnectionError: could not establish signal connection: invalid token: <TOKEN>, error: "
        "token signature is invalid: signature is invalid",
        "token-bad-signature",
    ),
    Line(
        "ConnectionError: could not establish signal connection: invalid authorization token: token "
        "signature is invalid: signature is invalid",
        "token-bad-signature",
    ),
    Line(
        "Encountered unknown websocket error during connection",
        "token-room-missing",
        Weight.NARROWS,
    ),
    Line("could not establish signal connection: Failed to fetch", "tcp-refused", Weight.NARROWS),
    Line("room connection has timed out (signal)", "tcp-timeout", Weight.NARROWS),
    Line(
        "ConnectionError: signal connection timed out while waiting for the first message",
        "signal-silent-after-upgrade",
    ),
    Line(
        "ConnectionError: no message received as first message",
        "signal-closed-after-upgrade",
        Weight.NARROWS,
    ),
    Line(
        "ConnectionError: Websocket got closed during a (re)connection attempt: going away",
        "signal-closed-after-upgrade",
    ),
    Line(
        "ConnectionError: Websocket got closed during a (re)connection attempt: ",
        "signal-dropped-after-upgrade",
    ),
    Line(
        "ConnectionError: Websocket got closed during a (re)connection attempt",
        "signal-dropped-after-upgrade",
    ),
    Line(
        "WebSocket connection to 'wss://x.example/rtc' failed: Error in connection establishment: "
        "net::ERR_NAME_NOT_RESOLVED",
        "dns-nxdomain",
    ),
    Line("net::ERR_CERT_AUTHORITY_INVALID", "tls-untrusted"),
    Line(
        "ConnectionError: could not establish pc connection",
        "ice-private-candidates",
        Weight.NARROWS,
    ),
    Line(
        "Refused to connect to 'wss://x.example/rtc' because it violates the following Content "
        "Security Policy directive: \"connect-src 'self'\".",
        "page-csp-connect",
    ),
    Line(
        "Mixed Content: The page at 'https://a.example/' was loaded over HTTPS, but attempted to "
        "connect to the insecure WebSocket endpoint 'ws://x.example/rtc'.",
        "page-mixed-content",
    ),
    Line(
        "TypeError: Cannot read properties of undefined (reading 'getUserMedia')",
        "page-insecure-context",
    ),
    Line("Disconnected from room, reason: DUPLICATE_IDENTITY", "identity-collision"),
    Line("room disconnected, reason: JOIN_FAILURE", "ice-private-candidates", Weight.NARROWS),
    Line("Disconnected, DisconnectReason: 2", "identity-collision"),
    Line("disconnect reason=1", "app-double-connect", Weight.TELLS),
)

_OTHERS: Final = (
    Line(
        'livekit::rtc_engine:453:livekit::rtc_engine - failed to connect: Signal(Timeout("signal '
        'connection timed out")), retrying... (1/3)',
        "tcp-timeout",
        Weight.NARROWS,
    ),
    Line(
        'engine: signal failure: Timeout("failed to receive JoinResponse")',
        "signal-silent-after-upgrade",
    ),
    Line('Post "x/twirp": unsupported protocol scheme "wss"', "url-scheme-for-sdk"),
    Line('Post "x/twirp": unsupported protocol scheme ""', "url-no-scheme"),
    Line('{"error": "Post \\"x/twirp\\": unsupported protocol scheme \\"\\""}', "url-no-scheme"),
    Line("getaddrinfo ENOTFOUND demo.livekit.cloud", "dns-nxdomain"),
    Line("Error: connect ECONNREFUSED 127.0.0.1:7880", "tcp-refused", Weight.NARROWS),
    Line(
        "OSError: [Errno 111] Connect call failed ('127.0.0.1', 7880)", "env-internal-vs-public-url"
    ),
    Line(
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
        "unable to get local issuer certificate (_ssl.c:1006)",
        "tls-client-roots-missing",
        Weight.NARROWS,
    ),
    Line(
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
        "certificate has expired (_ssl.c:1006)",
        "tls-expired",
    ),
    Line(
        "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
        "url-tls-mismatch",
    ),
    Line(
        "2026/11/25 14:55:40 [error] 7#7: *1 connect() failed (111: Connection refused) while "
        'connecting to upstream, client: 10.0.0.1, server: x, request: "GET /rtc?access_token='
        '<TOKEN> HTTP/1.1"',
        "proxy-upstream-down",
    ),
    Line(
        "aiohttp.client_exceptions.WSServerHandshakeError: 401, message='Invalid response status', "
        "url='wss://demo.livekit.cloud/agent'",
        "token-unknown-key",
        Weight.WRAPS,
    ),
    Line("ValueError: api_key and api_secret must be set", "env-missing"),
    Line(
        "engine: connection error: wait_pc_connection timed out",
        "ice-private-candidates",
        Weight.NARROWS,
    ),
    Line("[ConnectException] Failed to connect", "signal-refused", Weight.WRAPS),
)

LINES: Final = (*_SERVER, *_SERVER_TOO, *_PYTHON, *_BROWSER, *_OTHERS)

HEALTHY: Final = (
    _zap(
        *("INFO", "service/server.go:292", "starting LiveKit server"),
        '{"portHttp": 7880, "nodeID": "ND_x", "nodeIP": "127.0.0.1", "version": "1.13.5"}',
    ),
    _zap(
        *("INFO", "hwstats/cpu_linux.go:77"),
        *(
            "failed reading cgroup specific cpu stats, falling back to system wide implementation",
            "",
        ),
    ),
    _zap(
        *("INFO", "rtc/participant.go:1475", "participant closing"),
        '{"room": "r1", "sendLeave": true, "reason": "CLIENT_REQUEST_LEAVE"}',
    ),
    (
        "2026-11-25T14:55:41.136Z\tWARN\tlivekit.transport\trtc/transport.go:949\terror reading data "
        'channel\t{"error": "abort chunk, with following errors: (User Initiated Abort: Close called)"}'
    ),
    '10.0.0.1 - - [25/Nov/2026:14:55:40 +0000] "GET /rtc/validate HTTP/1.1" 200 7 "-" "curl"',
    "INFO:livekit:connected to room booking-1042, reason of 1 reconnect: none",
    "the certificate will expire in 80 days",
    "user asked: why is my token invalid?",
)
"""Near misses: what stands in logs where all is well."""
