"""What is said that a server answers, against real servers of each version, asked now."""

import http.client
import time

import servers
from conformance.token_cases import CASES
from tokens.samples import token_of

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


def disagreements(server: servers.RunningServer, tokens: dict[str, str]) -> list[object]:
    """Where this server says something else than was predicted."""
    ring = Keyring([Key("test", server.long_key, Secret(server.long_secret))])
    wrong: list[object] = []
    for name, token in tokens.items():
        fact, _ = token_fact(token, ring, origin="test")
        predicted = predict(fact.text, server_of(server.version), time.time())
        status, body = ask(server, token)
        body = safe(body.replace(token, "<TOKEN>") if token else body)
        same = body == predicted.body if predicted.whole else body.startswith(predicted.body)
        if status != predicted.status or not same:
            wrong.append((name, predicted, (status, body)))
    return wrong


def test_every_case_is_answered_as_predicted(each_real_server: servers.RunningServer) -> None:
    """Mint each token, say what this version will answer, ask it, compare."""
    server = each_real_server
    tokens = {
        case.name: case.token(
            key=server.long_key,
            secret=server.long_secret,
            now=time.time(),
            room="demo",
            identity="alice",
        )
        for case in CASES
    }
    assert disagreements(server, tokens) == []


HEADER = '{"alg":"HS256","typ":"JWT"}'
SOUND = '"iss":"KEY","sub":"alice","nbf":BEGAN,"exp":ENDS,"video":{"roomJoin":true,"room":"demo"}'

OTHER_NAMES = (
    *('"EXP":5', '"Exp":"soon"', '"Sub":7', '"SUB":"bob"', '"SUB":""', '"SUB":null', '"ISS":5'),
    *('"ISS":"other"', '"VIDEO":{}', '"VIDEO":{"roomJoin":false}', '"VIDEO":null', '"VIDEO":"x"'),
    *('"NBF":AHEAD', '"IAT":AHEAD', '"IAT":"soon"', '"NAME":7', '"Metadata":{}', '"AUD":5'),
    *('"Identity":"bob"', '"identity":"bob"', '"identity":7', '"RoomConfig":{"nope":1}'),
)
"""Written behind the sound claims, and with the upper-case name in front of them."""

TWICE = (
    *('"video":{}', '"video":{"roomJoin":false}', '"video":null', '"sub":"bob"', '"sub":""'),
    *('"exp":5', '"exp":null', '"iss":"other"', '"x":1,"x":2', '"name":"a","name":"b"'),
    *('"attributes":{"a":"b","a":"c"}', '"x":{"a":1,"a":2}', '"x":[{"a":1,"a":2}]'),
)

SETTINGS = (
    *('{"nope":1}', '{"empty_timeout":60}', '{"emptyTimeout":"60"}', '{"emptyTimeout":"soon"}'),
    *('{"emptyTimeout":-1}', '{"name":null}', '{"name":5}', '{"EMPTYTIMEOUT":60}', '{"agents":[]}'),
    *('{"agents":[{"agentName":"x"}]}', '{"emptyTimeout":1.5}', '{"max_participants":2e0}'),
)

HEADERS = (
    *('"kid":5', '"kid":null', '"kid":"a"', '"jwk":"x"', '"jwk":{}', '"jwk":null', '"x5c":"x"'),
    *('"x5c":["x"]', '"x5c":[]', '"nonce":5', '"nonce":"x"', '"b64":false', '"b64":true'),
    *('"b64":"x"', '"typ":"JWT"', '"alg":"HS256"', '"cty":5', '"zip":"DEF"', '"jku":5', '"x5u":5'),
    *('"x5t":5', '"p2c":"x"', '"crit":"x"', '"crit":[]', '"crit":null', '"crit":["b64"]'),
    *('"crit":["b64"],"b64":true', '"crit":["b64"],"b64":false', '"ALG":"none"', '"iss":5'),
)


def test_odd_json_is_answered_as_predicted(each_real_server: servers.RunningServer) -> None:
    """Names in another case, names that stand twice, odd headers, settings that no server has."""
    server = each_real_server
    now = int(time.time())

    def token(claims: str, header: str = HEADER) -> str:
        for word, value in (
            ("KEY", server.long_key),
            ("BEGAN", str(now - 5)),
            ("ENDS", str(now + 600)),
            ("AHEAD", str(now + 900)),
        ):
            claims = claims.replace(word, value)
        return token_of(header.encode(), f"{{{claims}}}".encode(), server.long_secret.encode())

    tokens = {f"{claim} behind": token(f"{SOUND},{claim}") for claim in (*OTHER_NAMES, *TWICE)}
    tokens |= {f"{claim} in front": token(f"{claim},{SOUND}") for claim in OTHER_NAMES}
    tokens |= {
        f"{name} alone": token(SOUND.replace(f'"{name.lower()}"', f'"{name}"'))
        for name in ("ISS", "SUB", "EXP", "NBF", "VIDEO", "JTI")
    }
    tokens |= {config: token(f'{SOUND},"roomConfig":{config}') for config in SETTINGS}
    tokens |= {f"header {member}": token(SOUND, f"{HEADER[:-1]},{member}}}") for member in HEADERS}
    for header in ('{"alg":5}', '{"ALG":"HS256"}', "null"):
        tokens[f"header {header}"] = token(SOUND, header)
    for twice in ('"roomJoin":false', '"roomjoin":false', '"ROOMJOIN":"x"', '"ROOM":"other"'):
        tokens[f"video.{twice}"] = token(SOUND.replace("true", f"true,{twice}"))
    assert disagreements(server, tokens) == []
