"""What is said that a server answers, against real servers of each version, asked now."""

import http.client
import time

import servers
from conformance.token_cases import CASES

from lkdoctor.facts.token import token_fact
from lkdoctor.redact import Secret, safe
from lkdoctor.tokens.decode import Key, Keyring
from lkdoctor.tokens.predict import predict, server_of


def ask(server: servers.RunningServer, token: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", "/rtc/validate", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_every_case_is_answered_as_predicted(each_real_server: servers.RunningServer) -> None:
    """Mint each token, say what this version will answer, ask it, compare."""
    server = each_real_server
    ring = Keyring([Key("test", server.long_key, Secret(server.long_secret))])
    wrong = []
    for case in CASES:
        now = time.time()
        token = case.token(
            key=server.long_key, secret=server.long_secret, now=now, room="demo", identity="alice"
        )
        fact, _ = token_fact(token, ring, origin="test")
        predicted = predict(fact.text, server_of(server.version), now)
        status, body = ask(server, token)
        body = safe(body.replace(token, "<TOKEN>") if token else body)
        same = body == predicted.body if predicted.whole else body.startswith(predicted.body)
        if status != predicted.status or not same:
            wrong.append((case.name, predicted, (status, body)))
    assert wrong == []
