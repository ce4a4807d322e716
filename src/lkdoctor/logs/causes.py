"""Causes that only a log shows so far, told in short: no rule of the catalogue looks for them.

When a rule with the same code comes, it is told in the rule's words, and the entry here goes.
"""

from typing import Final, NamedTuple

from lkdoctor.findings import Layer
from lkdoctor.logs.reasons import CODE, REASONS


class ShortCause(NamedTuple):
    """A cause in a few lines."""

    code: str
    layer: Layer
    title: str
    cause: str
    fix: tuple[str, ...]


CAUSES: Final = (
    # ---------------------------------------------------------------- env, url, tls, proxy, token
    ShortCause(
        "env-server-keys-format",
        Layer.ENV,
        "The server's keys are not in the form that it reads",
        "LIVEKIT_KEYS needs “key: secret” with a blank after the colon; in YAML, keys is a map; a "
        "key file must not be readable by others; webhook.api_key must be one of the keys.",
        ('LIVEKIT_KEYS="key: secret"; chmod 600 for a key file; a webhook uses one of the keys',),
    ),
    ShortCause(
        "env-config-strict",
        Layer.ENV,
        "The server's configuration has a key that it does not know",
        "livekit-server refuses unknown YAML keys, often those of coturn under turn:.",
        ("Correct the spelling; other TURN servers belong under rtc.turn_servers.",),
    ),
    ShortCause(
        "env-public-prefix-missing",
        Layer.ENV,
        "The page's bundle has no LiveKit URL",
        "A bundler hands only variables with its public prefix to the browser (NEXT_PUBLIC_, VITE_, "
        "EXPO_PUBLIC_ …), and only those that are set when it builds.",
        ("Let the backend return the URL with the token, or add the prefix and build again.",),
    ),
    ShortCause(
        "url-scheme-for-sdk",
        Layer.URL,
        "This SDK wants the URL with another scheme",
        "Old Go SDKs and some of third parties do not turn wss:// into https://.",
        ("Give the API client the same host with https://.",),
    ),
    ShortCause(
        "url-double-slash",
        Layer.URL,
        "The client asks for //rtc",
        "livekit-client 2.9.6 to 2.9.8, and other clients with a slash at the URL's end, ask for "
        "//rtc, which some proxies refuse.",
        ("Upgrade the client; remove the slash at the URL's end.",),
    ),
    ShortCause(
        "dev-bind-loopback",
        Layer.NETWORK,
        "A server started with --dev listens on localhost only",
        "With --dev and its own keys livekit-server binds 127.0.0.1 and ::1.",
        ("Start it with --bind 0.0.0.0, or with keys of your own.",),
    ),
    ShortCause(
        "tls-incomplete-chain",
        Layer.TLS,
        "The server sends no intermediate certificate",
        "Desktop browsers fetch what is missing; Android, Python, Node and Rust do not.",
        ("Serve the full chain (fullchain.pem).",),
    ),
    ShortCause(
        "tls-client-roots-missing",
        Layer.TLS,
        "The client's machine has no list of authorities",
        "Slim container images and Python on macOS come without one. The SDK's Rust core uses the "
        "system's list, so a worker may register and each of its rooms still fail.",
        ("Install ca-certificates in the image; on macOS run Python's Install Certificates.",),
    ),
    ShortCause(
        "proxy-url-too-long",
        Layer.PROXY,
        "The token makes the request longer than the proxy takes",
        "The token travels in the query string; large metadata or attributes make it exceed the "
        "4 to 8 KB that proxies take.",
        ("Put less into the token; raise the proxy's header buffers.",),
    ),
    ShortCause(
        "proxy-double-cors",
        Layer.PROXY,
        "CORS headers are doubled or missing",
        "The proxy adds its own to LiveKit's, or answers an error itself without any. The browser "
        "then hides the answer.",
        ("Let LiveKit alone send CORS headers.",),
    ),
    ShortCause(
        "proxy-access-gate",
        Layer.PROXY,
        "A login or a firewall stands in front of LiveKit",
        "Access proxies, basic authentication and bot rules answer in its place.",
        ("Exempt /rtc, /twirp and /agent.",),
    ),
    ShortCause(
        "token-auth-header",
        Layer.TOKEN,
        "The Authorization header is not a bearer token",
        "A header wins over the token in the URL: a proxy or user:password@ in the URL adds Basic, "
        "or Bearer is spelt otherwise.",
        ("Send “Bearer ” and the token; stop the proxy adding its own header.",),
    ),
    ShortCause(
        "token-publish-denied",
        Layer.TOKEN,
        "The token does not allow publishing this",
        "canPublish is false, or canPublishSources leaves the source out.",
        ("Grant it, or leave the list out.",),
    ),
    ShortCause(
        "token-leak",
        Layer.TOKEN,
        "The log shows tokens or secrets",
        "Servers up to 1.13.5 repeat a refused token in answer and log, and proxies log URLs with "
        "access_token. Who reads the log can join until the token ends.",
        (
            "Take them out before you hand the log on; keep query strings out of access logs.",
            "A secret that somebody else may have seen: make a new pair and drop the old one.",
        ),
    ),
    # ---------------------------------------------------------------- signal, server, cloud
    ShortCause(
        "signal-v1-vs-old-server",
        Layer.SIGNAL,
        "The client speaks a newer signalling than the server",
        "livekit-client since 2.17 tries /rtc/v1, which servers have since 1.9.10, then /rtc; in "
        "2.18.1 to 2.18.3 the second try was broken.",
        ("Upgrade the server to 1.9.10 or later, or the client to 2.18.5 or later.",),
    ),
    ShortCause(
        "signal-version-skew",
        Layer.SIGNAL,
        "Client and server versions do not go together",
        "A version range pulled in a client or protocol package that the other side does not fit.",
        ("Pin or upgrade client, protocol package and server together.",),
    ),
    ShortCause(
        "signal-5xx-bus",
        Layer.SERVER,
        "The server's Redis does not work",
        "Without it the nodes do not hear each other: joins time out, calls answer 503.",
        ("Check Redis (address, pub/sub); restart livekit-server after a failover.",),
    ),
    ShortCause(
        "server-no-nodes",
        Layer.SERVER,
        "No node takes the room",
        "All count as overloaded, draining or stale, or are at a configured limit.",
        ("Lower the load, add nodes, or adjust node_selector and limit.",),
    ),
    ShortCause(
        "server-room-timeouts",
        Layer.SERVER,
        "The room closed because nobody was in it",
        "empty_timeout (300 s) runs before the first join, departure_timeout (20 s) after the last "
        "one left.",
        ("Set both where you create the room.",),
    ),
    ShortCause(
        "server-restart-drain",
        Layer.SERVER,
        "The server was restarted or drained",
        "A room lives on one node; when that stops, everybody in it is dropped.",
        ("Let nodes drain, with a long grace period; connect anew with a fresh token.",),
    ),
    ShortCause(
        "server-feature-not-connected",
        Layer.SERVER,
        "A helper service does not run, or with another Redis",
        "Egress, ingress and SIP are services of their own, reached through Redis.",
        ("Start it with the same Redis and keys, and a ws_url that it can reach.",),
    ),
    ShortCause(
        "cloud-regions",
        Layer.CLOUD,
        "The regions of LiveKit Cloud could not be asked",
        "/settings/regions needs a valid token; otherwise network, authorities or the page's CSP.",
        ("By status: 401 is the token; no status is the network.",),
    ),
    ShortCause(
        "cloud-quota",
        Layer.CLOUD,
        "A limit of the LiveKit Cloud plan is reached",
        "Participants, agents or minutes; clients that reconnect in a loop use them up.",
        ("Look at the dashboard; stop the loops.",),
    ),
    ShortCause(
        CODE,
        Layer.SIGNAL,
        "Why a session ended, in LiveKit's words",
        "\n".join(f"{reason.number} {reason.name}: {reason.means}." for reason in REASONS),
        ("Go by the reason.",),
    ),
    # ---------------------------------------------------------------- media
    ShortCause(
        "ice-private-candidates",
        Layer.MEDIA,
        "The server offers addresses that the client cannot reach",
        "Behind NAT or in a container it offers its private address only.",
        ("use_external_ip: true, or --node-ip with the reachable address; host networking.",),
    ),
    ShortCause(
        "ice-udp-range-blocked",
        Layer.MEDIA,
        "Media's UDP ports are closed",
        "50000 to 60000/udp, or the one udp_port, are not open or not published all the way.",
        ("Open UDP, not TCP only; or use a single udp_port: 7882.",),
    ),
    ShortCause(
        "ice-tcp-7881-closed",
        Layer.MEDIA,
        "Media's TCP port is closed",
        "7881/tcp is the way out where UDP is blocked; it must not pass an HTTP proxy.",
        ("Open 7881/tcp to the node itself.",),
    ),
    ShortCause(
        "ice-external-ip-discovery",
        Layer.MEDIA,
        "The server cannot find out its public address",
        "use_external_ip asks STUN servers; that is blocked, or the router does not send the answer "
        "back.",
        ("use_external_ip: false with node_ip, or skip_external_ip_validation: true.",),
    ),
    ShortCause(
        "ice-client-firewall",
        Layer.MEDIA,
        "The client's network lets no media out",
        "It blocks UDP and all ports but 443, and no TURN over TLS is offered.",
        ("Offer TURN over TLS at port 443; for Cloud, open the documented hosts.",),
    ),
    ShortCause(
        "turn-tls-443-hardcoded",
        Layer.MEDIA,
        "TURN over TLS is always offered at port 443",
        "Whatever tls_port says: a balancer has to pass 443 on. A web server there answers instead.",
        ("tls_port 443 on an address of its own, or route by SNI; or rtc.turn_servers.",),
    ),
    ShortCause(
        "turn-domain-cert",
        Layer.MEDIA,
        "TURN has no domain or no certificate",
        "TURN over TLS needs a name that leads to the node, and a certificate for that name.",
        ("Set turn.domain, cert_file and key_file, or external_tls: true behind a TCP proxy.",),
    ),
    ShortCause(
        "turn-port-conflict",
        Layer.MEDIA,
        "TURN's port is taken or blocked",
        "3478/udp or the relay range is used by coturn or blocked on the way.",
        ("Free and open them.",),
    ),
    # ---------------------------------------------------------------- page, app
    ShortCause(
        "page-mixed-content",
        Layer.PAGE,
        "A page on https:// may not open ws://",
        "Browsers refuse insecure connections from secure pages.",
        ("Use wss://, with a certificate.",),
    ),
    ShortCause(
        "page-insecure-context",
        Layer.PAGE,
        "The page is not secure enough for camera and microphone",
        "Browsers offer them on https:// and on localhost only.",
        ("Serve the page by https://, also in the local network.",),
    ),
    ShortCause(
        "page-permissions-policy",
        Layer.PAGE,
        "A header of the page forbids camera or microphone",
        "Permissions-Policy with camera=() or microphone=(), often from a security preset, or an "
        "iframe without allow.",
        ("camera=(self), microphone=(self), display-capture=(self); allow on the iframe.",),
    ),
    ShortCause(
        "page-csp-connect",
        Layer.PAGE,
        "The page's Content-Security-Policy forbids the connection",
        "connect-src needs the server with wss:// and with https://; on Cloud also its regions.",
        ("connect-src https://*.livekit.cloud wss://*.livekit.cloud, or your host with both.",),
    ),
    ShortCause(
        "browser-no-webrtc",
        Layer.PAGE,
        "The SDK runs where there is no WebRTC",
        "On the server while rendering, in a web view without it, or in React Native without "
        "registerGlobals().",
        ("Load the component in the browser only; call registerGlobals() at the start.",),
    ),
    ShortCause(
        "browser-devices",
        Layer.PAGE,
        "Camera or microphone is missing, busy or refused",
        "The app takes that for a failed connection where it asks for devices while connecting.",
        ("Connect first, then switch devices on, each with its own error handling.",),
    ),
    ShortCause(
        "mobile-cleartext",
        Layer.PAGE,
        "The phone forbids unencrypted connections",
        "Android and iOS refuse ws:// unless the app allows it; in an emulator localhost is the "
        "emulator.",
        ("Use wss://, or a network configuration for debugging.",),
    ),
    ShortCause(
        "app-token-promise",
        Layer.APP,
        "The token is a promise that nobody awaited",
        "toJwt() is asynchronous since livekit-server-sdk 2.",
        ("await it.",),
    ),
    ShortCause(
        "app-double-connect",
        Layer.APP,
        "The app itself ends the connection",
        "A component that is mounted twice (React StrictMode), or a Room made anew when state "
        "changes.",
        ("Make the Room once, clean up after it, keep token and options stable.",),
    ),
    ShortCause(
        "app-publish-before-connected",
        Layer.APP,
        "A track is published before the connection stands",
        "publish is awaited inside connect, or before media is up.",
        ("Publish after connect() has resolved.",),
    ),
    ShortCause(
        "app-agent-not-running",
        Layer.APP,
        "No agent comes",
        "The worker is not registered (other URL or keys), busy or crashed, or cannot reach media.",
        ("Same URL and keys as the app; read the worker's log from its start.",),
    ),
)

BY_CODE: Final = {cause.code: cause for cause in CAUSES}
