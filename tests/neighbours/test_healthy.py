"""Every neighbour that is set up right raises nothing at all, on each version of the server."""

from pathlib import Path

import pytest
import trustme
from faults.doctor import lkdoctor
from faults.test_faults import real
from faults.test_healthy import nothing_found
from servers import RunningServer

from neighbours import proxies
from neighbours.certificates import issued, public
from neighbours.proxies import Front

PREFIX = "/livekit/sfu"


def correct(name: str, port: int) -> str:
    """As its own documentation has it."""
    return {
        "nginx": lambda: proxies.nginx_to(port),
        "haproxy": lambda: proxies.haproxy_to(port),
        "caddy": lambda: proxies.caddy_to(port),
    }[name]()


def under_a_prefix(name: str, port: int) -> str:
    """The prefix is stripped; the rest of the host is another site."""
    return {
        "nginx": lambda: (
            proxies.nginx_to(port, f"{PREFIX}/", "/") + "location / { return 200 'the shop'; }"
        ),
        "haproxy": lambda: proxies.haproxy_to(
            port,
            also=f"http-request return status 200 content-type text/plain string shop unless "
            f"{{ path_beg {PREFIX}/ }}\n    http-request replace-path {PREFIX}(/.*) \\1",
        ),
        "caddy": lambda: (
            f'handle_path {PREFIX}/* {{\n{proxies.caddy_to(port)}}}\nrespond "the shop"\n'
        ),
    }[name]()


def assert_healthy(front: Front, server: RunningServer, cwd: Path, prefix: str = "") -> None:
    env = real(server, LIVEKIT_URL=front.url + prefix)
    trust = ("--ca-file", "ca.pem") if front.secure else ()
    for command in ("diagnose", "ws-probe"):
        told = lkdoctor(command, *trust, "-o", "json", cwd=cwd, env=env)
        report = nothing_found(told)
        # A server before 1.9.10 has no /rtc/v1; that is worth a note, in front of it or not.
        old = server.version in {"1.8.4", "1.5.0"}
        codes = [finding["code"] for finding in report["findings"]]  # type: ignore[attr-defined]  # JSON
        if server.version == "1.5.0" and "signal-test-room-left" in codes:
            # Of several keys, a fresh token is signed by any: ours is proven only now and then.
            codes.remove("signal-test-room-left")
        assert codes == (["signal-v1-vs-old-server"] if old else [])
        assert report["target"]["server"] == server.version  # type: ignore[index]  # JSON
    shown = lkdoctor("diagnose", *trust, cwd=cwd, env=env)
    assert (shown.code, "FAIL" in shown.out, "WARN" in shown.out) == (0, False, False), shown.out


every_proxy = pytest.mark.parametrize("name", proxies.BY_NAME)


@every_proxy
def test_in_front_of_each_version(
    name: str, each_real_server: RunningServer, tmp_path: Path
) -> None:
    with proxies.BY_NAME[name](correct(name, each_real_server.port)) as front:
        assert_healthy(front, each_real_server, tmp_path)


@every_proxy
def test_with_a_good_certificate_and_http2_on_offer(
    name: str, real_server: RunningServer, tmp_path: Path
) -> None:
    """Clients of LiveKit ask for HTTP/1.1, and get it."""
    http2 = {} if name == "caddy" else {"http2": True}
    pair = issued(tmp_path)
    with proxies.BY_NAME[name](correct(name, real_server.port), pair=pair, **http2) as front:
        assert_healthy(front, real_server, tmp_path)


@every_proxy
def test_under_a_prefix_that_is_stripped(
    name: str, real_server: RunningServer, tmp_path: Path
) -> None:
    with proxies.BY_NAME[name](under_a_prefix(name, real_server.port)) as front:
        assert_healthy(front, real_server, tmp_path, PREFIX)


def test_the_paths_of_livekit_beside_a_site(real_server: RunningServer, tmp_path: Path) -> None:
    """What else the host serves is nobody's business."""
    port = real_server.port
    body = (
        proxies.nginx_to(port, "/rtc")
        + proxies.nginx_to(port, "/twirp")
        + "location / { return 302 https://www.example.com/login; }"
    )
    with proxies.nginx(body) as front:
        assert_healthy(front, real_server, tmp_path)


def test_a_read_timeout_that_a_quick_look_does_not_meet(
    real_server: RunningServer, tmp_path: Path
) -> None:
    body = proxies.nginx_to(real_server.port).replace("1h", "30s")
    with proxies.nginx(body) as front:
        assert_healthy(front, real_server, tmp_path)


def test_an_intermediate_authority_that_is_sent_along(
    real_server: RunningServer, tmp_path: Path
) -> None:
    root = trustme.CA()
    root.cert_pem.write_to_path(tmp_path / "ca.pem")
    pair = public(tmp_path, root.create_child_ca(), chain=True)
    with proxies.nginx(correct("nginx", real_server.port), pair=pair) as front:
        assert_healthy(front, real_server, tmp_path)
