"""What goes wrong at a real proxy in front of a real server: the cause is named first.

Each row sets one neighbour up wrong in one way; `test_healthy.py` holds the other side.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from faults.doctor import lkdoctor, verdict_on_screen
from faults.test_faults import real, token
from servers import RunningServer

from neighbours import proxies
from neighbours.certificates import AUTHORITY, issued, public
from neighbours.proxies import Front, Pair, caddy_to, haproxy_to, nginx_to

SHOP = "location / { default_type text/html; return 200 '<!doctype html><title>Shop</title>'; }\n"

BOTH = ("diagnose", "ws-probe")


class Wrong(NamedTuple):
    """What lkdoctor is told about a neighbour that is set up wrong."""

    url: str
    arguments: tuple[str, ...] = ()
    token: str | None = None
    keys: bool = True
    env: Mapping[str, str] = {}


Steps = Callable[[RunningServer, Path], Iterator[Wrong]]
ROWS: list[Any] = []


def wrong(code: str, name: str, *commands: str) -> Callable[[Steps], None]:
    """Register a neighbour and the code that both commands (or those named) put first."""

    def register(bring: Steps) -> None:
        ROWS.append(
            pytest.param(
                contextlib.contextmanager(bring), commands or BOTH, code, id=f"{code}: {name}"
            )
        )

    return register


@pytest.mark.parametrize(("bring", "commands", "code"), ROWS)
def test_the_cause_is_named_first(
    bring: Callable[..., contextlib.AbstractContextManager[Wrong]],
    commands: tuple[str, ...],
    code: str,
    real_server: RunningServer,
    tmp_path: Path,
) -> None:
    with bring(real_server, tmp_path) as told:
        env = real(real_server, LIVEKIT_URL=told.url)
        if not told.keys:
            env = {"LIVEKIT_URL": told.url}
        env |= told.env
        arguments = told.arguments
        if told.token is not None:
            (tmp_path / "token").write_text(told.token)
            arguments += ("--token-file", "token")
        for command in commands:
            ran = lkdoctor(command, *arguments, "-o", "json", cwd=tmp_path, env=env)
            shown = lkdoctor(command, *arguments, cwd=tmp_path, env=env)
            report = ran.json()
            seen = [(f["code"], f["severity"], f["confidence"]) for f in report["findings"]]
            assert [c for c, _, _ in seen][:1] == [code], (command, report["findings"])
            assert report["summary"]["primary"] == code
            assert verdict_on_screen(shown.out) == code, shown.out
            failing = seen[0][1:] in {("error", "certain"), ("error", "likely")}
            assert (ran.code, shown.code) == (int(failing),) * 2
            # All else is folded under the cause.
            assert [finding for finding, severity, _ in seen[1:] if severity != "info"] == []
            assert "Traceback" not in ran.err + shown.err


# ------------------------------------------------------------------ the upgrade


@wrong("proxy-upgrade-stripped", "nginx without upgrade headers")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    plain = f"location / {{ proxy_pass http://127.0.0.1:{server.port}; }}"
    with proxies.nginx(plain) as front:
        yield Wrong(front.url)


@wrong("proxy-upgrade-stripped", "haproxy takes the header off")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.haproxy(haproxy_to(server.port, also="http-request del-header Upgrade")) as front:
        yield Wrong(front.url)


@wrong("proxy-upgrade-stripped", "Caddy takes the header off")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = (
        f"reverse_proxy 127.0.0.1:{server.port} {{\nheader_up -Upgrade\nheader_up -Connection\n}}"
    )
    with proxies.caddy(body) as front:
        yield Wrong(front.url)


@wrong("proxy-upgrade-stripped", "the second of two proxies")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    plain = f"location / {{ proxy_pass http://127.0.0.1:{server.port}; }}"
    with proxies.nginx(plain) as second, proxies.caddy(caddy_to(second.port)) as front:
        yield Wrong(front.url)


@wrong("proxy-upgrade-stripped", "nobody has a token, and / is another site", "ws-probe")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    plain = f"location /rtc {{ proxy_pass http://127.0.0.1:{server.port}; }}"
    with proxies.nginx(plain + SHOP) as front:
        yield Wrong(front.url, keys=False)


# ------------------------------------------------------------------ the path


@wrong("url-path", "nobody has a token", "ws-probe")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, "/livekit/sfu/", "/") + SHOP) as front:
        yield Wrong(front.url, keys=False)


@wrong("url-path", "nginx strips a prefix that the URL lacks")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, "/livekit/", "/") + SHOP) as front:
        yield Wrong(front.url)


@wrong("url-path", "Caddy strips another prefix than the URL has")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = f"handle_path /livekit/sfu/* {{\n{caddy_to(server.port)}}}\nrespond 404"
    with proxies.caddy(body) as front:
        yield Wrong(front.url + "/sfu")


@wrong("url-path", "haproxy strips none, and the URL has one")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.haproxy(haproxy_to(server.port)) as front:
        yield Wrong(front.url + "/livekit")


@wrong("url-path", "a path too many")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, "/apps/video/", "/") + SHOP) as front:
        yield Wrong(front.url + "/apps/video/room")


@wrong("url-path", "/rtc in the URL, behind a prefix")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, "/livekit/", "/") + SHOP) as front:
        yield Wrong(front.url + "/livekit/rtc")


@wrong("proxy-path-rewrite", "nginx keeps the prefix")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, "/video/") + SHOP) as front:
        yield Wrong(front.url + "/video")


@wrong("proxy-path-rewrite", "Caddy keeps the prefix")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = f"handle /livekit/* {{\n{caddy_to(server.port)}}}\nrespond 404"
    with proxies.caddy(body) as front:
        yield Wrong(front.url + "/livekit")


@wrong("proxy-path-rewrite", "haproxy keeps the prefix")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    also = "http-request return status 404 unless { path_beg /livekit/ }"
    with proxies.haproxy(haproxy_to(server.port, also=also)) as front:
        yield Wrong(front.url + "/livekit")


@wrong("proxy-path-rewrite", "nginx takes /rtc itself off")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = nginx_to(server.port, "/rtc", "/") + nginx_to(server.port, "/twirp") + SHOP
    with proxies.nginx(body) as front:
        yield Wrong(front.url)


@wrong("api-not-routed", "nginx passes /rtc alone on", "diagnose")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, "/rtc") + SHOP) as front:
        yield Wrong(front.url)


@wrong("api-not-routed", "haproxy passes /rtc alone on", "diagnose")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    also = "http-request return status 404 unless { path_beg /rtc }"
    with proxies.haproxy(haproxy_to(server.port, also=also)) as front:
        yield Wrong(front.url)


@wrong("api-not-routed", "Caddy passes /rtc alone on", "diagnose")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.caddy(f"handle /rtc* {{\n{caddy_to(server.port)}}}\nrespond 404") as front:
        yield Wrong(front.url)


def exactly_rtc(port: int, otherwise: str) -> str:
    exact = ("= /rtc", "= /rtc/validate", "/twirp")
    return "".join(nginx_to(port, path) for path in exact) + otherwise


@wrong("proxy-v1-not-routed", "nginx passes /rtc on, and nothing under it")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(exactly_rtc(server.port, "location / { return 404; }")) as front:
        yield Wrong(front.url)


@wrong("proxy-v1-not-routed", "the app's page is what is under /rtc")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(exactly_rtc(server.port, SHOP)) as front:
        yield Wrong(front.url)


# ------------------------------------------------------------------ the upstream


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@wrong("proxy-upstream-down", "nginx: 502")
def _(_: RunningServer, __: Path) -> Iterator[Wrong]:
    with nobody() as port, proxies.nginx(nginx_to(port)) as front:
        yield Wrong(front.url)


@wrong("proxy-upstream-down", "haproxy: 503")
def _(_: RunningServer, __: Path) -> Iterator[Wrong]:
    with nobody() as port, proxies.haproxy(haproxy_to(port, also="")) as front:
        yield Wrong(front.url, ("--timeout", "20"))


@wrong("proxy-upstream-down", "Caddy: 502")
def _(_: RunningServer, __: Path) -> Iterator[Wrong]:
    with nobody() as port, proxies.caddy(caddy_to(port)) as front:
        yield Wrong(front.url)


@wrong("proxy-upstream-down", "nginx speaks TLS to a server that does not")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = nginx_to(server.port).replace("proxy_pass http:", "proxy_pass https:")
    with proxies.nginx(body) as front:
        yield Wrong(front.url)


# ------------------------------------------------------------------ another way


@wrong("url-redirect", "nginx: to https")
def _(_: RunningServer, __: Path) -> Iterator[Wrong]:
    with proxies.nginx("return 301 https://rtc.example.com$request_uri;") as front:
        yield Wrong(front.url)


@wrong("url-redirect", "haproxy: to https")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    also = "http-request redirect scheme https code 301"
    with proxies.haproxy(haproxy_to(server.port, also=also)) as front:
        yield Wrong(front.url)


@wrong("url-redirect", "Caddy: to another host")
def _(_: RunningServer, __: Path) -> Iterator[Wrong]:
    with proxies.caddy("redir https://www.example.com{uri} permanent") as front:
        yield Wrong(front.url)


# ------------------------------------------------------------------ gates


@wrong("proxy-access-gate", "nginx: basic auth")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    (tmp_path / "users").write_text("alice:{PLAIN}made-up\n")
    gate = f"auth_basic staging; auth_basic_user_file {tmp_path / 'users'};"
    with proxies.nginx(nginx_to(server.port, also=gate)) as front:
        yield Wrong(front.url)


@wrong("proxy-access-gate", "haproxy: basic auth")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = (
        haproxy_to(server.port, also="http-request auth realm staging unless { http_auth(people) }")
        + "userlist people\n    user alice insecure-password made-up\n"
    )
    with proxies.haproxy(body) as front:
        yield Wrong(front.url)


@wrong("proxy-access-gate", "Caddy: basic auth")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    # bcrypt of a made-up password
    made_up = "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"
    body = f"basicauth {{\nalice {made_up}\n}}\n{caddy_to(server.port)}"
    with proxies.caddy(body) as front:
        yield Wrong(front.url)


@wrong("proxy-access-gate", "nginx: a list of addresses")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port, also="deny all;")) as front:
        yield Wrong(front.url)


@wrong("proxy-access-gate", "Caddy: to a log-in page")
def _(_: RunningServer, __: Path) -> Iterator[Wrong]:
    with proxies.caddy("redir https://sso.example.com/login?next={uri} 302") as front:
        yield Wrong(front.url)


@wrong("proxy-access-gate", "nginx: what has no header must log in")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    """The gate of a gateway that wants a header: a browser's WebSocket has none."""
    gate = "if ($http_authorization = '') { return 401; }"
    with proxies.nginx(nginx_to(server.port, also=gate)) as front:
        yield Wrong(front.url)


# ------------------------------------------------------------------ headers and their size


@wrong("proxy-double-cors", "nginx adds its own")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    also = "add_header Access-Control-Allow-Origin $http_origin always;"
    with proxies.nginx(nginx_to(server.port, also=also)) as front:
        yield Wrong(front.url)


@wrong("proxy-double-cors", "haproxy adds its own")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    also = "http-response add-header Access-Control-Allow-Origin https://app.example.com"
    with proxies.haproxy(haproxy_to(server.port, also=also)) as front:
        yield Wrong(front.url)


@wrong("proxy-double-cors", "Caddy takes LiveKit's away")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    body = f"reverse_proxy 127.0.0.1:{server.port} {{\nheader_down -Access-Control-*\n}}"
    with proxies.caddy(body) as front:
        yield Wrong(front.url)


def long_token(server: RunningServer, size: int) -> str:
    return token(server, metadata="x" * (size * 3 // 4))


@wrong("proxy-url-too-long", "nginx: the request line")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.nginx(nginx_to(server.port)) as front:
        yield Wrong(front.url, token=long_token(server, 12_000))


@wrong("proxy-url-too-long", "nginx: small buffers")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    small = "client_header_buffer_size 512; large_client_header_buffers 2 1k;"
    with proxies.nginx(small + nginx_to(server.port)) as front:
        yield Wrong(front.url, token=long_token(server, 2_000))


@wrong("proxy-url-too-long", "haproxy: its buffer")
def _(server: RunningServer, _: Path) -> Iterator[Wrong]:
    with proxies.haproxy(haproxy_to(server.port)) as front:
        yield Wrong(front.url, token=long_token(server, 40_000))


# ------------------------------------------------------------------ certificates


@contextlib.contextmanager
def over_tls(server: RunningServer, pair: Pair, *, trusted: bool) -> Iterator[Wrong]:
    arguments = ("--ca-file", AUTHORITY) if trusted else ()
    with proxies.nginx(nginx_to(server.port), pair=pair, http2=True) as front:
        yield Wrong(front.url, arguments)


@wrong("tls-untrusted", "a root that nobody knows")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    with over_tls(server, issued(tmp_path), trusted=False) as told:
        yield told


@wrong("tls-untrusted", "self-signed")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "own.pem")
    ca.private_key_pem.write_to_path(tmp_path / "own.key")
    pair = Pair(tmp_path / "own.pem", tmp_path / "own.key")
    with over_tls(server, pair, trusted=False) as told:
        yield told


@wrong("tls-hostname", "the certificate of another name")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    with over_tls(server, issued(tmp_path, "rtc.example.com"), trusted=True) as told:
        yield told


@wrong("tls-expired", "ended two days ago")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    with over_tls(server, issued(tmp_path, days=-2), trusted=True) as told:
        yield told


@wrong("tls-incomplete-chain", "the leaf alone")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    root = trustme.CA()
    root.cert_pem.write_to_path(tmp_path / AUTHORITY)
    pair = public(tmp_path, root.create_child_ca(), chain=False)
    with over_tls(server, pair, trusted=True) as told:
        yield told


@wrong("tls-client-roots-missing", "an image without authorities")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    nothing = {
        "SSL_CERT_FILE": str(tmp_path / "missing.pem"),
        "SSL_CERT_DIR": str(tmp_path / "missing"),
    }
    pair = public(tmp_path, trustme.CA().create_child_ca(), chain=True)
    with over_tls(server, pair, trusted=False) as told:
        yield told._replace(env=nothing)


@wrong("tls-intercepted", "its root is unknown here")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    pair = issued(tmp_path, ca=trustme.CA(organization_name="Zscaler Inc."))
    with over_tls(server, pair, trusted=False) as told:
        yield told


@wrong("tls-intercepted", "its root is trusted here")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Wrong]:
    pair = issued(tmp_path, ca=trustme.CA(organization_name="Zscaler Inc."))
    with over_tls(server, pair, trusted=True) as told:
        yield told


# ------------------------------------------------------------------ what is only worth a word


@pytest.mark.parametrize("command", BOTH)
def test_a_cdn_in_front_is_worth_a_word(
    command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    also = "add_header cf-ray 8f1c2d3e4f5a6b7c-FRA always; add_header Server cloudflare always;"
    with proxies.nginx(nginx_to(real_server.port, also=also)) as front:
        env = real(real_server, LIVEKIT_URL=front.url)
        ran = lkdoctor(command, "-o", "json", cwd=tmp_path, env=env)
    report = ran.json()
    (finding,) = report["findings"]
    assert (finding["code"], finding["severity"]) == ("proxy-http-only-front", "info")
    assert finding["title"] == "In front is Cloudflare, which carries no media"
    (_, media) = finding["evidence"]
    assert "udp 127.0.0.1:" in media["observed"]
    assert (report["summary"]["verdict"], ran.code) == ("healthy", 0)


@pytest.mark.parametrize("command", BOTH)
def test_http_2_and_nothing_else(command: str, real_server: RunningServer, tmp_path: Path) -> None:
    """Clients of LiveKit speak HTTP/1.1; a port that does not is none for them."""
    body = haproxy_to(real_server.port)
    with proxies.haproxy(body, proto="h2") as front:
        env = real(real_server, LIVEKIT_URL=front.url)
        ran = lkdoctor(command, "-o", "json", cwd=tmp_path, env=env)
    report = ran.json()
    assert report["findings"][0]["code"] in {"http-not-http", "http-closed-early"}
    assert ran.code == 1


def test_a_proxy_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LKDOCTOR_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^needs no-such-proxy \(apt install"):
        proxies.find("no-such-proxy")
    monkeypatch.setenv("LKDOCTOR_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=r"^needs no-such-proxy \(apt install"):
        proxies.find("no-such-proxy")


def test_a_proxy_is_gone_after_its_block() -> None:
    import socket

    def listens(front: Front) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", front.port)) == 0

    for start in proxies.BY_NAME.values():
        with start("" if start is not proxies.caddy else "respond 204") as front:
            assert listens(front)
        assert not listens(front)
