"""Real reverse proxies on loopback, in front of whatever the test says, stopped with their block.

    with proxies.nginx(proxies.NGINX.format(port=server.port)) as front:
        front.url

Each takes the part of a configuration that matters to its test; what a proxy needs besides to
run beside the tests (a folder of its own, one process, a free port) is added here.
"""

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import kept
import needs

START_TIMEOUT: Final = 20.0

# ------------------------------------------------------------------ parts of configurations

NGINX_PASS: Final = """
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $host;
        proxy_read_timeout 1h;
"""
"""What a location needs so that WebSockets get through; ``proxy_pass`` is the test's own."""


def nginx_to(port: int, location: str = "/", path: str = "", *, also: str = "") -> str:
    """A location that passes on to a port of loopback."""
    target = f"proxy_pass http://127.0.0.1:{port}{path};"
    return f"location {location} {{ {target} {NGINX_PASS} {also} }}\n"


def haproxy_to(port: int, *, also: str = "") -> str:
    """All of a frontend and its backend."""
    return f"    {also}\n    default_backend livekit\nbackend livekit\n    server one 127.0.0.1:{port}\n"


def caddy_to(port: int) -> str:
    """All of a site."""
    return f"reverse_proxy 127.0.0.1:{port}\n"


_NGINX: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port}{options};
        {body}
    }}
}}
"""

_HAPROXY: Final = """
global
    log stdout format raw local0 notice
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend front
    bind 127.0.0.1:{port}{options}
{body}
"""

_CADDY: Final = """
{{
    admin off
    auto_https off
    storage file_system {folder}
}}
{site}:{port} {{
    bind 127.0.0.1
    {options}
    {body}
}}
"""

# ------------------------------------------------------------------ running them


class Pair(NamedTuple):
    """A certificate (with what is sent along with it) and its key, in files."""

    certificate: Path
    key: Path


class Front(NamedTuple):
    """Where a started proxy listens."""

    port: int
    secure: bool
    log: Path

    @property
    def url(self) -> str:
        """As a user writes it; certificates are for localhost."""
        return f"wss://localhost:{self.port}" if self.secure else f"ws://127.0.0.1:{self.port}"


Proxy = Callable[..., contextlib.AbstractContextManager[Front]]


@contextlib.contextmanager
def nginx(body: str, *, pair: Pair | None = None, http2: bool = False) -> Iterator[Front]:
    """nginx with this inside its ``server``."""
    options = ""
    if pair is not None:
        options = " ssl http2" if http2 else " ssl"
        body = f"ssl_certificate {pair.certificate};\nssl_certificate_key {pair.key};\n{body}"

    def configuration(folder: Path, port: int) -> tuple[Path, str]:
        text = _NGINX.format(folder=folder, port=port, options=options, body=body)
        return folder / "nginx.conf", text

    words = ["-p", "{folder}", "-e", "stderr", "-c", "{file}"]
    with _running("nginx", words, configuration, secure=pair is not None) as front:
        yield front


@contextlib.contextmanager
def haproxy(
    body: str, *, pair: Pair | None = None, http2: bool = False, proto: str = ""
) -> Iterator[Front]:
    """haproxy with this inside its ``frontend``, backends included."""

    def configuration(folder: Path, port: int) -> tuple[Path, str]:
        options = f" proto {proto}" if proto else ""
        if pair is not None:
            both = folder / "pair.pem"
            both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
            options += f" ssl crt {both} alpn {'h2,' if http2 else ''}http/1.1"
        text = _HAPROXY.format(port=port, options=options, body=body)
        return folder / "haproxy.cfg", text

    with _running("haproxy", ["-db", "-f", "{file}"], configuration, secure=bool(pair)) as front:
        yield front


@contextlib.contextmanager
def caddy(body: str, *, pair: Pair | None = None) -> Iterator[Front]:
    """Caddy with this inside its site; HTTP/2 is on wherever there is TLS."""
    site = "http://127.0.0.1" if pair is None else "https://localhost"
    options = "" if pair is None else f"tls {pair.certificate} {pair.key}"

    def configuration(folder: Path, port: int) -> tuple[Path, str]:
        text = _CADDY.format(folder=folder, port=port, site=site, options=options, body=body)
        return folder / "Caddyfile", text

    words = ["run", "--config", "{file}", "--adapter", "caddyfile"]
    with _running("caddy", words, configuration, secure=pair is not None) as front:
        yield front


BY_NAME: Final[dict[str, Proxy]] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


def find(name: str) -> str:
    """The proxy's binary; the test is skipped where there is none, or fails where one must be."""
    return needs.binary(name)


@contextlib.contextmanager
def _running(
    name: str,
    words: list[str],
    configuration: Callable[[Path, int], tuple[Path, str]],
    *,
    secure: bool,
) -> Iterator[Front]:
    binary = find(name)
    with tempfile.TemporaryDirectory(prefix=f"lkdoctor-{name}-", ignore_cleanup_errors=True) as at:
        folder = Path(at)
        log = folder / "log"
        # HOME: Caddy would write beside the user's own files.
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": at}
        for _ in range(5):
            port = _free_port()
            file, text = configuration(folder, port)
            file.write_text(text)
            filled = [word.format(folder=folder, file=file) for word in words]
            keeper = kept.start([binary, *filled], log, environ)
            try:
                if _listens(port, keeper):
                    try:
                        yield Front(port, secure, log)
                    except BaseException as problem:
                        problem.add_note(f"{name} said:\n{_tail(log)}")
                        raise
                    return
            finally:
                kept.stop(keeper)
            if "in use" not in log.read_text(errors="replace"):
                break
        msg = f"{name} did not start; its log ends:\n{_tail(log)}"
        raise RuntimeError(msg)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _listens(port: int, keeper: "kept.Keeper") -> bool:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and keeper.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False
