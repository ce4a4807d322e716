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
        "server-feature-not-connected",
        Layer.SERVER,
        "A helper service does not run, or with another Redis",
        "Egress, ingress and SIP are services of their own, reached through Redis.",
        ("Start it with the same Redis and keys, and a ws_url that it can reach.",),
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
