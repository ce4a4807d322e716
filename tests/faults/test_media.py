"""Media's faults, made for real: livekit-server, coturn, and firewalls between test hosts.

What would go to an address that is not this machine's is sent on test hosts alone.
"""

import base64
import contextlib
import hmac
import http.server
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import left
import pytest
import trustme
from hosts import INSIDE, SECOND, SERVER, Lan, needs_hosts, two_hosts
from servers import RunningServer, livekit_server
from turns import RunningTurn, coturn, needs_coturn

from faults.doctor import SECONDS, lkdoctor

TURN_NAME = "turn.example.com"
USER = {"username": "alice", "credential": "made-up-credential-1"}
USERS = {"alice": "made-up-credential-1"}
SHARED = "made-up-shared-secret-1"


@pytest.fixture(autouse=True)
def _needs_a_server(real_server: RunningServer) -> None:
    """Skips, or fails where none may be missing, as every test with a real server does."""
    del real_server


class Told(NamedTuple):
    """What the command said."""

    codes: list[str]
    """Of the findings, the first first; and those folded under it."""
    exit_code: int
    media: dict[str, Any]
    report: dict[str, Any]

    @property
    def primary(self) -> str | None:
        return self.codes[0] if self.codes else None

    def outcome(self, protocol: str) -> set[str]:
        return {
            c["tried"]["outcome"] for c in self.media["candidates"] if c["protocol"] == protocol
        }


def ice(
    server: RunningServer,
    folder: Path,
    *options: str,
    url: str | None = None,
    within: Sequence[str] = (),
) -> Told:
    """``lkdoctor ice`` as a user runs it, here or on a test host."""
    (folder / "secret").write_text(server.long_secret)
    words = [
        *("ice", "--url", url or server.url, "--api-key", server.long_key),
        *("--api-secret-file", str(folder / "secret"), "-o", "json", *options),
    ]
    if within:
        done = subprocess.run(
            [*within, sys.executable, "-m", "lkdoctor", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        code, out, err = lkdoctor(*words, cwd=folder)
    assert out, err
    report = json.loads(out)
    assert server.long_secret not in out
    assert USER["credential"] not in out
    assert SHARED not in out
    codes = [finding["code"] for finding in report["findings"]]
    return Told(codes, code, report["facts"].get("media", {}), report)


@contextlib.contextmanager
def here(rtc: Mapping[str, Any], **config: Any) -> Iterator[RunningServer]:
    """A livekit-server whose media is on loopback."""
    with livekit_server(config={"rtc": dict(rtc), **config}) as server:
        yield server


def turn_server(turn: RunningTurn, protocol: str, **settings: Any) -> dict[str, Any]:
    """An entry of ``rtc.turn_servers``."""
    port = turn.tls_port if protocol == "tls" else turn.port
    return {"host": turn.host, "port": port, "protocol": protocol, **settings}


class Papers(NamedTuple):
    """A CA of the test's own, and certificates for names."""

    folder: Path
    ca: trustme.CA

    @property
    def ca_file(self) -> str:
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return str(path)

    def certificate(self, name: str) -> tuple[Path, Path]:
        issued = self.ca.issue_cert(name)
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return chain, key


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path, trustme.CA())


# ------------------------------------------------------------------ TURN, on loopback


@needs_coturn
def test_all_that_works_raises_nothing(tmp_path: Path, papers: Papers) -> None:
    with coturn(users=USERS, certificate=papers.certificate("localhost")) as turn:
        rtc = {
            "stun_servers": [f"127.0.0.1:{turn.port}"],
            "turn_servers": [
                turn_server(turn, "udp", **USER),
                turn_server(turn, "tcp", **USER),
                turn_server(turn, "tls", **{**USER, "host": "localhost"}),
            ],
        }
        with here(rtc) as server:
            told = ice(server, tmp_path, "--ca-file", papers.ca_file)
    assert (told.codes, told.exit_code) == ([], 0)
    assert (told.outcome("udp"), told.outcome("tcp")) == ({"ok"}, {"ok"})
    turns = {s["transport"]: s["relay"] for s in told.media["servers"] if s["scheme"] != "stun"}
    assert {name: relay["through"]["outcome"] for name, relay in turns.items()} == {
        "udp": "ok",
        "tcp": "ok",
        "tls": "ok",
    }


def old_credentials() -> dict[str, str]:
    """Those of a user whose time was over in 2001, signed rightly."""
    name = "1000000000:alice"
    signed = hmac.new(SHARED.encode(), name.encode(), "sha1").digest()
    return {"username": name, "credential": base64.b64encode(signed).decode()}


@needs_coturn
def test_turn_over_udp_alone_is_noted(tmp_path: Path) -> None:
    with coturn(users=USERS) as turn:
        rtc = {"tcp_port": 0, "turn_servers": [turn_server(turn, "udp", **USER)]}
        with here({**rtc, "stun_servers": [f"127.0.0.1:{turn.port}"]}) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-no-tcp"], 0)
    assert told.report["findings"][0]["severity"] == "info"


@needs_coturn
@pytest.mark.parametrize(
    ("settings", "title"),
    [
        pytest.param(
            {"secret": "made-up-other-secret-1"},
            "The TURN server refuses the credentials of clients",
            id="another secret",
        ),
        pytest.param(
            old_credentials(), "The TURN credentials that clients get have expired", id="expired"
        ),
        pytest.param({}, "Clients get no credentials for the TURN server", id="none"),
    ],
)
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_credentials_that_turn_does_not_take(
    settings: dict[str, str], title: str, protocol: str, tmp_path: Path
) -> None:
    with coturn(secret=SHARED) as turn:
        rtc = {
            "stun_servers": [f"127.0.0.1:{turn.port}"],
            "turn_servers": [turn_server(turn, protocol, **settings)],
        }
        with here(rtc) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-credentials"], 1)
    assert told.report["findings"][0]["title"] == title


@needs_coturn
def test_a_secret_that_both_know_lets_in(tmp_path: Path) -> None:
    with coturn(secret=SHARED) as turn:
        rtc = {
            "stun_servers": [f"127.0.0.1:{turn.port}"],
            "turn_servers": [turn_server(turn, "udp", secret=SHARED)],
        }
        with here(rtc) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == ([], 0)


@needs_coturn
def test_turn_that_refuses_the_server_s_address(tmp_path: Path) -> None:
    with coturn(users=USERS, loopback=False) as turn:
        rtc = {
            "stun_servers": [f"127.0.0.1:{turn.port}"],
            "turn_servers": [turn_server(turn, name, **USER) for name in ("udp", "tcp")],
        }
        with here(rtc) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-private-peer-denied"], 1)


@needs_coturn
def test_turn_whose_quota_is_used_up(tmp_path: Path) -> None:
    with coturn("--total-quota=1", "--user-quota=1", users=USERS) as turn:
        rtc = {
            "stun_servers": [f"127.0.0.1:{turn.port}"],
            "turn_servers": [turn_server(turn, name, **USER) for name in ("udp", "tcp")],
        }
        with here(rtc) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-relay-blocked"], 1)


@needs_coturn
def test_a_certificate_for_another_name(tmp_path: Path, papers: Papers) -> None:
    with coturn(users=USERS, certificate=papers.certificate("other.example.com")) as turn:
        rtc = {
            "stun_servers": [f"127.0.0.1:{turn.port}"],
            "turn_servers": [turn_server(turn, "tls", **{**USER, "host": "localhost"})],
        }
        with here(rtc) as server:
            told = ice(server, tmp_path, "--ca-file", papers.ca_file)
    assert (told.codes, told.exit_code) == (["turn-domain-cert"], 1)


@needs_coturn
def test_tls_is_announced_and_turn_answers_without(tmp_path: Path) -> None:
    with coturn(users=USERS) as turn:
        entry = {**turn_server(turn, "tls", **USER), "host": "localhost", "port": turn.port}
        rtc = {"stun_servers": [f"127.0.0.1:{turn.port}"], "turn_servers": [entry]}
        with here(rtc) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-external-tls"], 1)
    assert told.report["findings"][0]["confidence"] == "certain"


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def website(certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """A web server on loopback, with TLS where it has a certificate."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@needs_coturn
def test_a_web_server_where_turn_tls_should_be(tmp_path: Path, papers: Papers) -> None:
    with (
        website(papers.certificate("localhost")) as port,
        coturn(users=USERS) as turn,
    ):
        entry = {"host": "localhost", "port": port, "protocol": "tls", **USER}
        rtc = {"stun_servers": [f"127.0.0.1:{turn.port}"], "turn_servers": [entry]}
        with here(rtc) as server:
            told = ice(server, tmp_path, "--ca-file", papers.ca_file)
    assert (told.codes, told.exit_code) == (["turn-tls-443-hardcoded"], 1)


@needs_coturn
def test_another_service_at_turn_s_port(tmp_path: Path) -> None:
    with website() as port, coturn(users=USERS) as turn:
        entry = {"host": "127.0.0.1", "port": port, "protocol": "tcp", **USER}
        rtc = {"stun_servers": [f"127.0.0.1:{turn.port}"], "turn_servers": [entry]}
        with here(rtc) as server:
            told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-port-conflict"], 1)


@needs_coturn
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_nobody_at_turn_s_port(protocol: str, tmp_path: Path) -> None:
    with coturn(users=USERS) as turn:
        pass
    rtc = {"turn_servers": [turn_server(turn, protocol, **USER)], "stun_servers": []}
    with here(rtc) as server:
        told = ice(server, tmp_path)
    assert (told.primary, told.exit_code) == ("turn-unreachable", 1)


# ------------------------------------------------------------------ livekit-server's own TURN


def own_turn(**settings: Any) -> dict[str, Any]:
    """LiveKit's TURN server on ports that were free a moment ago."""
    from servers import _free_ports

    first = _free_ports()[2] % 20000 + 30000
    return {
        "enabled": True,
        "domain": TURN_NAME,
        "udp_port": _free_ports()[2],
        "relay_range_start": first,
        "relay_range_end": first + 100,
        **settings,
    }


def test_the_server_s_own_turn_works(tmp_path: Path) -> None:
    turn = own_turn(allow_restricted_peer_cidrs=["127.0.0.1/32"])
    stun = {"stun_servers": [f"127.0.0.1:{turn['udp_port']}"]}
    with here(stun, turn=turn) as server:
        told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == ([], 0)
    assert {s["scheme"] for s in told.media["servers"]} == {"stun", "turn"}


def test_the_server_s_own_turn_refuses_private_addresses(tmp_path: Path) -> None:
    turn = own_turn()
    with here({"stun_servers": [f"127.0.0.1:{turn['udp_port']}"]}, turn=turn) as server:
        told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-private-peer-denied"], 1)


def test_the_server_s_own_turn_with_wrong_credentials(tmp_path: Path) -> None:
    turn = own_turn(allow_restricted_peer_cidrs=["127.0.0.1/32"])
    wrong = {"host": "127.0.0.1", "port": turn["udp_port"], "protocol": "udp", **USER}
    rtc = {"stun_servers": [f"127.0.0.1:{turn['udp_port']}"], "turn_servers": [wrong]}
    with here(rtc, turn=turn) as server:
        told = ice(server, tmp_path)
    assert (told.codes, told.exit_code) == (["turn-credentials"], 1)


# ------------------------------------------------------------------ addresses and firewalls

TCP, UDP = 7881, 7882
STUN = f"{SERVER}:3478"


class There(NamedTuple):
    """A livekit-server on one test host, lkdoctor on the other."""

    lan: Lan
    server: RunningServer

    def ice(self, folder: Path, *options: str, host: str = SERVER) -> Told:
        url = f"ws://{host}:{self.server.port}"
        return ice(self.server, folder, *options, url=url, within=self.lan.client)


@contextlib.contextmanager
def there(
    *,
    names: Mapping[str, str] | None = None,
    turn: Mapping[str, Any] | None = None,
    stun: bool = True,
    **rtc: Any,
) -> Iterator[There]:
    """The server's host has livekit-server and, at another address, a STUN server (coturn)."""
    config = {
        "bind_addresses": ["0.0.0.0"],
        "rtc": {
            "tcp_port": TCP,
            "udp_port": UDP,
            "node_ip": SERVER,
            "enable_loopback_candidate": False,
            "ips": {"includes": [f"{SERVER}/32"]},
            "stun_servers": [f"{SECOND}:3478"],
            **rtc,
        },
        **({"turn": dict(turn)} if turn is not None else {}),
    }
    with contextlib.ExitStack() as stack:
        lan = stack.enter_context(two_hosts(names))
        if stun:
            stack.enter_context(
                coturn(users=USERS, host=SECOND, within=lan.server, port=3478, tls_port=5349)
            )
        yield There(lan, stack.enter_context(livekit_server(config=config, within=lan.server)))


@needs_hosts
@needs_coturn
def test_between_two_hosts_nothing_is_wrong(tmp_path: Path) -> None:
    with there() as it:
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == ([], 0)
    assert told.media["reached"] == SERVER
    seen = {m["asked"]: m["seen"] for m in told.media["mapped"]}
    assert set(seen) == {f"{SERVER}:{UDP}", f"{SECOND}:3478"}
    assert len(set(seen.values())) == 1
    assert [(c["protocol"], c["address"]) for c in told.media["candidates"]] == [
        ("udp", SERVER),
        ("tcp", SERVER),
    ]


@needs_hosts
@needs_coturn
@pytest.mark.parametrize(
    ("nat", "codes"),
    [
        pytest.param(
            "masquerade to :30000-30999 fully-random", ["ice-vpn-symmetric-nat"], id="anew"
        ),
        pytest.param("masquerade", [], id="alike"),
    ],
)
def test_how_a_nat_maps_one_port(nat: str, codes: list[str], tmp_path: Path) -> None:
    with there() as it:
        chain = "add chain ip nat out { type nat hook postrouting priority 100; }"
        script = f"add table ip nat; {chain}; add rule ip nat out oif eth0 meta l4proto udp {nat}"
        subprocess.run([*it.lan.client, "nft", script], check=True)
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == (codes, 0)
    assert len({m["seen"] for m in told.media["mapped"]}) == len(codes) + 1


@needs_hosts
@needs_coturn
@pytest.mark.parametrize(
    ("node_ip", "host", "code", "confidence"),
    [
        pytest.param("172.17.0.2", SERVER, "ice-private-candidates", "certain", id="container"),
        pytest.param("10.0.0.5", INSIDE, "ice-private-candidates", "certain", id="other LAN"),
        pytest.param("10.42.0.17", SERVER, "ice-k8s", "certain", id="pod"),
        pytest.param("127.0.0.1", SERVER, "ice-loopback-node-ip", "certain", id="loopback"),
        pytest.param("198.51.100.9", SERVER, "ice-wrong-public-ip", None, id="another machine's"),
        pytest.param("198.51.100.9", INSIDE, "ice-hairpin", "certain", id="no NAT loopback"),
        pytest.param(
            "10.0.0.5", "talk.up.railway.app", "ice-hosting-without-udp", "certain", id="PaaS"
        ),
    ],
)
def test_an_address_that_clients_do_not_reach(
    node_ip: str, host: str, code: str, confidence: str | None, tmp_path: Path
) -> None:
    # Its socket is at the address by which it is reached; what it says of that is wrong.
    own = {"includes": [f"{INSIDE if host == INSIDE else SERVER}/32"]}
    with there(names={"talk.up.railway.app": SERVER}, node_ip=node_ip, ips=own) as it:
        told = it.ice(tmp_path, host=host)
    assert (told.codes, told.exit_code) == ([code], 1)
    if confidence is not None:
        assert told.report["findings"][0]["confidence"] == confidence


@needs_hosts
@needs_coturn
@pytest.mark.parametrize(
    ("rules", "code", "exit_code", "folded"),
    [
        pytest.param([f"udp dport {UDP} drop"], "ice-udp-range-blocked", 1, [], id="UDP"),
        pytest.param([f"tcp dport {TCP} drop"], "ice-tcp-7881-closed", 0, [], id="TCP"),
        pytest.param(
            [f"tcp dport {TCP} reject with tcp reset"], "ice-tcp-7881-closed", 0, [], id="TCP reset"
        ),
        pytest.param(
            [f"udp dport {UDP} drop", f"tcp dport {TCP} drop"],
            "ice-udp-range-blocked",
            1,
            ["ice-tcp-7881-closed"],
            id="both",
        ),
    ],
)
def test_a_firewall_before_the_server(
    rules: list[str], code: str, exit_code: int, folded: list[str], tmp_path: Path
) -> None:
    with there() as it:
        it.lan.firewall(it.lan.server, *rules)
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == ([code], exit_code)
    assert told.report["findings"][0]["consequences"] == folded


@needs_hosts
@needs_coturn
def test_a_network_that_lets_the_web_through_and_nothing_else(tmp_path: Path) -> None:
    with there() as it:
        it.lan.firewall(
            it.lan.client, "meta l4proto udp drop", f"tcp dport != {it.server.port} drop"
        )
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == (["ice-client-firewall"], 1)


@needs_hosts
@needs_coturn
def test_turn_over_tls_gets_through_where_udp_does_not(tmp_path: Path, papers: Papers) -> None:
    chain, key = papers.certificate(TURN_NAME)
    turn = {
        "enabled": True,
        "domain": TURN_NAME,
        "tls_port": 443,
        "cert_file": str(chain),
        "key_file": str(key),
    }
    with there(names={TURN_NAME: SERVER}, turn=turn) as it:
        well = it.ice(tmp_path, "--ca-file", papers.ca_file)
        it.lan.firewall(
            it.lan.client, "meta l4proto udp drop", f"tcp dport != {{ {it.server.port}, 443 }} drop"
        )
        told = it.ice(tmp_path, "--ca-file", papers.ca_file)
    assert (well.codes, well.exit_code) == ([], 0)
    assert (told.codes, told.exit_code) == (["ice-client-firewall"], 0)
    relays = [s["relay"] for s in told.media["servers"] if s["transport"] == "tls"]
    assert [relay["through"]["outcome"] for relay in relays] == ["ok"]


@needs_hosts
@needs_coturn
def test_turn_whose_relays_are_closed(tmp_path: Path) -> None:
    first, last = 49200, 49219
    with there(turn_servers=[{"host": SECOND, "port": 3478, "protocol": "udp", **USER}]) as it:
        well = it.ice(tmp_path)
        it.lan.firewall(it.lan.server, f"iif lo udp sport {first}-{last} drop")
        told = it.ice(tmp_path)
    assert (well.codes, well.exit_code) == ([], 0)
    assert (told.codes, told.exit_code) == (["turn-relay-blocked"], 1)


@needs_hosts
@needs_coturn
def test_turn_at_a_name_without_an_address(tmp_path: Path) -> None:
    with there(turn_servers=[{"host": TURN_NAME, "port": 443, "protocol": "tls", **USER}]) as it:
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == (["turn-domain-cert"], 1)


@needs_hosts
@needs_coturn
def test_turn_tls_without_anybody_to_end_tls(tmp_path: Path) -> None:
    turn = {"enabled": True, "domain": TURN_NAME, "tls_port": 443, "external_tls": True}
    with there(names={TURN_NAME: SERVER}, turn=turn) as it:
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == (["turn-external-tls"], 1)


@needs_hosts
@needs_coturn
def test_a_website_has_port_443_of_the_turn_name(tmp_path: Path, papers: Papers) -> None:
    chain, key = papers.certificate(TURN_NAME)
    turn = {
        "enabled": True,
        "domain": TURN_NAME,
        "tls_port": 5349,
        "cert_file": str(chain),
        "key_file": str(key),
    }
    site = f"""
import http.server, ssl
server = http.server.ThreadingHTTPServer(("{SERVER}", 443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain({str(chain)!r}, {str(key)!r})
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""
    folder = tmp_path / "empty"
    folder.mkdir()
    with there(names={TURN_NAME: SERVER}, turn=turn, stun=True) as it:
        running = subprocess.Popen(
            [*it.lan.server, sys.executable, "-c", site],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert running.stdout is not None
            running.stdout.readline()
            told = it.ice(tmp_path, "--ca-file", papers.ca_file)
        finally:
            running.kill()
            running.communicate()
    assert (told.codes, told.exit_code) == (["turn-tls-443-hardcoded"], 1)


@needs_hosts
@needs_coturn
def test_addresses_of_bridges_beside_the_right_one(tmp_path: Path) -> None:
    with two_hosts() as lan:
        for words in (
            "ip link add docker0 type veth peer name inside",
            "ip link set inside up",
            "ip addr add 172.17.0.1/16 dev docker0",
            "ip link set docker0 up",
        ):
            subprocess.run([*lan.server, *words.split()], check=True)
        # As where the client is not on the server's network: the bridge is not for it.
        lan.firewall(lan.server, "iif eth0 ip daddr 172.17.0.0/16 drop")
        rtc = {
            "tcp_port": TCP,
            "udp_port": UDP,
            "node_ip": "",
            "enable_loopback_candidate": False,
            "ips": {"includes": [f"{SERVER}/32", "172.17.0.0/16"]},
            "stun_servers": [f"{SECOND}:3478"],
        }
        config = {"bind_addresses": ["0.0.0.0"], "rtc": rtc}
        with (
            coturn(users=USERS, host=SECOND, within=lan.server, port=3478, tls_port=5349),
            livekit_server(config=config, within=lan.server) as server,
        ):
            url = f"ws://{SERVER}:{server.port}"
            told = ice(server, tmp_path, url=url, within=lan.client)
    assert (told.codes, told.exit_code) == (["ice-many-interfaces"], 0)


@needs_hosts
def test_stun_servers_that_nobody_reaches(tmp_path: Path) -> None:
    with there(stun=False, stun_servers=["198.51.100.30:3478"]) as it:
        told = it.ice(tmp_path)
    assert (told.codes, told.exit_code) == (["ice-offline-lan"], 0)


# ------------------------------------------------------------------ the way of the command


def test_the_room_is_gone_afterwards(tmp_path: Path) -> None:
    with here({}) as server:
        ice(server, tmp_path)
        assert left.staying(server) == set()


def test_without_deep_media_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with here({}) as server:
        (tmp_path / "secret").write_text(server.long_secret)
        words = (
            *("diagnose", "--url", server.url, "--api-key", server.long_key),
            *("--api-secret-file", str(tmp_path / "secret"), "-o", "json"),
        )
        plain, deep = (lkdoctor(*words, *more, cwd=tmp_path).json() for more in ((), ("--deep",)))
    assert "media" not in plain["facts"]
    assert [c["id"] for c in plain["checks"] if c["layer"] == "media"] == []
    assert deep["facts"]["media"]["negotiation"] == "answered"
    assert {c["id"]: c["status"] for c in deep["checks"] if c["layer"] == "media"} == {
        "media.direct": "pass",
        "media.stun": "warn",  # the test server names its own ICE port, which is none
        "media.turn": "pass",
    }


def test_a_server_that_offers_nothing(tmp_path: Path) -> None:
    with here({"interfaces": {"includes": ["no-such-interface"]}}) as server:
        told = ice(server, tmp_path)
    assert (told.codes[0], told.exit_code) == ("ice-no-candidates", 1)
    assert told.media["candidates"] == []
