"""``token decode --all``: tokens a second on one core, signatures checked.

A stream of different tokens of the commonest kinds goes through the function behind the command,
from bytes to lines; the time is the CPU's, the least of several runs, as the machine may have
other things to do. Exit code 1 below the limit.

    python benchmarks/decode_all.py [--tokens 20000] [--rounds 7]
"""

import argparse
import base64
import hashlib
import hmac
import io
import json
import sys
import time
from typing import Final

from lkdoctor.cli.streams import Streams
from lkdoctor.cli.token_stream import decode_lines
from lkdoctor.facts.clock import ClockFact
from lkdoctor.redact import Secret
from lkdoctor.tokens.decode import Key, Keyring

LIMIT: Final = 20_000
"""Tokens a second."""

KEY: Final = "APIxk3pLw9Za7Qm"
SECRET: Final = "tW4nX9bM2kQ7vZ5rH8sP1yL6jD3fC0gUaEoIiRtKwNmB"


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(number: int, now: int) -> str:
    claims = {
        "iss": KEY,
        "sub": f"user-{number}",
        "name": f"User {number}",
        "nbf": now - 60,
        "exp": now + 600 + number,
        "video": {
            "roomJoin": True,
            "room": f"booking-{number:08d}",
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": True,
            **({"roomAdmin": True} if number % 2 else {}),
        },
    }
    if number % 5 == 0:
        claims |= {"metadata": json.dumps({"plan": "basic"}), "attributes": {"role": "client"}}
    text = f"{part(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{text}.{part(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256))}"


def rate(data: bytes, count: int, now: int) -> float:
    """Tokens a second of CPU time."""
    ring = Keyring([Key("LIVEKIT_API_SECRET", KEY, Secret(SECRET))])
    out = io.StringIO()
    streams = Streams.of()._replace(stdin=io.TextIOWrapper(io.BytesIO(data)), out=out)
    started = time.process_time()
    code = decode_lines(streams, ring, ClockFact(local=float(now)))
    took = time.process_time() - started
    lines = out.getvalue().splitlines()
    assert len(lines) == count
    assert code == 0, lines[0]
    assert all('"signature": "valid"' in line for line in lines)
    return count / took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    now = int(time.time())
    data = "".join(f"{token(number, now)}\n" for number in range(arguments.tokens)).encode()
    best = max(rate(data, arguments.tokens, now) for _ in range(arguments.rounds))
    print(f"token decode --all, {arguments.tokens} tokens, best of {arguments.rounds} by CPU time")
    print(f"  {best:9.0f} tokens/s      limit {LIMIT}")
    return 1 if best < LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
