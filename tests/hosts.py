"""Two test hosts and a cable between them: nothing that is sent on them leaves this machine.

    with two_hosts() as lan:
        subprocess.run([*lan.client, "ping", SERVER])

They are network namespaces; making them takes Linux, root and iproute2, for a firewall nftables.
"""

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import needs

SERVER: Final = "203.0.113.1"
SECOND: Final = "203.0.113.9"
"""Another address of the same host."""
CLIENT: Final = "203.0.113.2"
INSIDE: Final = "192.168.7.1"
"""A private address of the server's host, which the client reaches, too."""

needs_hosts = needs.marked(needs.HOSTS)


class Lan(NamedTuple):
    client: list[str]
    """The words that run a command there."""
    server: list[str]

    def firewall(self, where: list[str], *rules: str) -> None:
        """Let packets through on a host, but for those that a rule of nftables drops."""
        hook = "input" if where is self.server else "output"
        table = "add table inet test; "
        chain = f"add chain inet test c {{ type filter hook {hook} priority 0; policy accept; }}; "
        script = table + chain + "; ".join(f"add rule inet test c {rule}" for rule in rules)
        subprocess.run([*where, "nft", script], check=True)


@contextlib.contextmanager
def two_hosts(names: Mapping[str, str] | None = None) -> Iterator[Lan]:
    """A client and a server, who know each other and these names, and no resolver."""
    mark = uuid.uuid4().hex[:6]
    ours = {side: f"lkdoctor-{side}-{mark}" for side in ("client", "server")}
    client, server = (["ip", "netns", "exec", ours[side]] for side in ("client", "server"))
    made: list[Path] = []
    try:
        for name in ours.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
            settings = Path("/etc/netns") / name
            settings.mkdir(parents=True)
            made.append(settings)
            known = {"localhost": "127.0.0.1", **(names or {})}
            lines = (f"{address} {host}\n" for host, address in known.items())
            (settings / "hosts").write_text("".join(lines))
            (settings / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1\n")
        cable = f"ip link add eth0 netns {ours['client']} type veth peer name eth0 netns {ours['server']}"
        subprocess.run(cable.split(), check=True)
        for there, addresses, gateway in (
            (client, (CLIENT, "192.168.7.2"), SERVER),
            (server, (SERVER, SECOND, INSIDE), CLIENT),
        ):
            for words in (
                "ip link set lo up",
                "ip link set eth0 up",
                *(f"ip addr add {address}/24 dev eth0" for address in addresses),
                # Where nobody has an address, the packet ends at the other host.
                f"ip route add default via {gateway}",
            ):
                subprocess.run([*there, *words.split()], check=True)
        yield Lan(client, server)
    finally:
        for settings in made:
            shutil.rmtree(settings, ignore_errors=True)
        for name in ours.values():
            subprocess.run(["ip", "netns", "del", name], check=False)
