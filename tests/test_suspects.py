"""What is a secret by its shape or its name is found, prose about secrets is not."""

import base64
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest

from lkdoctor.redact import clean

SECRET = "hunter"
"""Short and of letters alone: only its place gives it away."""

PLACES = {
    "keys of a server, in the environment": 'LIVEKIT_KEYS="APIkey: {}"',
    "the same without quotes": "LIVEKIT_KEYS=APIkey: {}",
    "the same in YAML": "LIVEKIT_KEYS: 'APIkey: {}'",
    "two of them": 'LIVEKIT_KEYS="APIone: x1\nAPItwo: {}"',
    "keys in YAML": "keys: {{APIkey: {}}}",
    "keys in JSON": '{{"keys": {{"APIkey": "{}"}}}}',
    "a block of keys": "port: 7880\nkeys:\n  APIone: x1\n  APItwo: {}\nlogging: x",
    "an API secret": "LIVEKIT_API_SECRET={}",
    "an API secret among words": "starting with LIVEKIT_API_SECRET={} on port 7880",
    "an API secret for docker": "docker run -e LIVEKIT_API_SECRET={} -p 7880:7880 x",
    "an API secret in quotes": "LIVEKIT_API_SECRET='{}'",
    "an API secret in camel case": 'apiSecret: "{}",',
    "an API secret in YAML": "livekit:\n  api_secret: {}\n",
    "an argument": "lk token create --api-secret {} --join",
    "an argument with =": "lk token create --api-secret={} --join",
    "an argument in quotes": "lk token create --api-secret '{}' --join",
    "an argument of a list": '["lk", "--api-secret", "{}"]',
    "a token's argument": "livekit-cli join --token {}",
    "JavaScript": 'const at = new AccessToken("APIkey", "{}", {{identity: "ann"}})',
    "JavaScript with a variable": "new AccessToken(process.env.KEY, '{}')",
    "JavaScript, a client": "new RoomServiceClient('https://h.example', 'APIkey', '{}')",
    "JavaScript, webhooks": "new WebhookReceiver('APIkey', '{}')",
    "Python": "api.AccessToken('APIkey', '{}').with_identity('ann')",
    "Python by name": "api.AccessToken(api_key='APIkey', api_secret='{}')",
    "Python, a client": 'api.LiveKitAPI("http://h.example", "APIkey", "{}")',
    "Go": 'at := auth.NewAccessToken("APIkey", "{}")',
    "Go, a client": 'lksdk.NewRoomServiceClient(url, "APIkey", "{}")',
    "Ruby": "LiveKit::AccessToken.new(api_key: 'APIkey', api_secret: '{}')",
    "Rust": 'AccessToken::with_api_key("APIkey", "{}")',
    "a room's TURN password": "turn_password={}",
    "a room's TURN password in JSON": '{{"sid":"RM_x","turn_password":"{}","name":"r"}}',
    "a TURN credential in JSON": '{{"urls":["turn:h"],"credential":"{}"}}',
    "a TURN credential in JavaScript": "{{urls: 'turn:h', credential: '{}'}}",
    "a TURN credential in YAML": "- host: h\n  credential: {}\n",
    "a password": "connecting with password={} to redis",
    "a password in a connection string": "Server=db;Password={};User=x",
    "a password with an arrow": "'password' => '{}'",
    "a token in a URL": "GET /rtc?room=r&token={}&sdk=js 401",
    "a secret in a URL": "GET https://h.example/token?api_secret={} 200",
    "a cookie": "Cookie: sid={}; theme=dark",
    "a cookie that is set": "Set-Cookie: sid={}; Path=/; HttpOnly",
    "a cookie for curl": "curl -H 'Cookie: sid={}' https://h.example",
    "a cookie in JSON": '{{"headers":{{"cookie":"sid={}"}},"status":401}}',
    "an authorization of any scheme": 'Authorization: Digest username="ann", response="{}"',
    "an authorization in JSON": '{{"authorization":"{}"}}',
    "an authorization of a proxy": "Proxy-Authorization: Custom {}77",
    "a URL's password": "redis://ann:{}@cache.example/0",
    "ICE": "a=ice-ufrag:abcd\r\na=ice-pwd:x1{}x1x1x1x1x1x1x1\r\n",
    "a line of a block": "  APIxk3pLw9Za7Qm: x1{}x1x1x1",
    "a private key": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
}

SPELT: dict[str, Callable[[str], str]] = {
    "as written": str,
    "in JSON": lambda text: json.dumps({"msg": text}),
    "in JSON in JSON": lambda text: json.dumps({"msg": json.dumps({"msg": text})}),
    "in a URL": lambda text: urllib.parse.quote(text, safe=""),
    "in HTML": html.escape,
    "in upper case": lambda text: text.replace(SECRET, SECRET.upper()),
}


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_known_by_its_place(place: str, spelt: str) -> None:
    text = SPELT[spelt](PLACES[place].format(SECRET))
    shown = clean(text)
    assert SECRET in text.lower()
    assert SECRET not in shown.lower()
    assert clean(shown) == shown


@pytest.mark.parametrize("before", ["", "export ", "PORT=7880\n"])
def test_a_line_of_a_dotenv_file_is_a_value_to_its_end(before: str) -> None:
    text = f"{before}LIVEKIT_API_SECRET=correct horse  # of staging\nPORT=1"
    assert clean(text) == f"{before}LIVEKIT_API_SECRET=<redacted>  # of staging\nPORT=1"


NEIGHBOURS = [
    "the token of alice",
    "password authentication failed for user ann",
    "Basic authentication is off",
    "secret is too short, should be at least 32 characters for security",
    "one of key-file or keys must be provided",
    "keys: 2, rooms: 3",
    "keys: {}",
    "room 123e4567-e89b-12d3-a456-426614174000 closed",
    "commit 2a2f902cfeb4dd491b240fa1116f9e7ee38f24e5",
    "a=fingerprint:sha-256 AB:CD:EF:01:23:45:67:89",
    "a=ice-ufrag:abcd",
    '{"request":"CgRyb29tEgNhbm4aBAgBEAE="}',
    "invalid token: crypto/rsa: verification error",
    "invalid token: go-jose/go-jose: error in cryptographic primitive",
    "could not parse token: illegal base64 data at input byte 4",
    "token: expired",
    "error: token: unexpected end of JSON input",
    "the credential: it expired",
    "secret: 32 characters at least",
    "the password: 12 characters",
    "tokens: 3, secrets: 2",
    "token_type=bearer expires_in=3600",
    "Authorization: missing",
    "authorization: permission denied",
    "cookie: not set",
    "Set-Cookie is missing",
    "new AccessToken(apiKey, apiSecret)",
    "const secret = process.env.LIVEKIT_API_SECRET",
    "token = await at.toJwt()",
    "LIVEKIT_API_SECRET=$SECRET",
    "--api-secret is required",
    "--api-secret-file F",
    "--api-secret SECRET is what the server has; give --token to skip it",
    "option --api-secret requires an argument",
    "https://host:7880/a@b and https://unpkg.com/livekit-client@2.1/dist",
    "mail ann@example.com",
    "v1.2.3-rc.1.5 of host.example.com and java.lang.IllegalStateException",
    '{"token":"","password":null,"secret":false}',
    "secretName: livekit",
    "KeyError: token",
    "invalid API key: APIabcdef123456",
    "API key APIabcdef123456: permission denied",
    "%7B%22room%22%3A%22consultation%22%7D and \\u0041 and &amp;",
]


@pytest.mark.parametrize("text", NEIGHBOURS)
def test_prose_about_secrets_stays(text: str) -> None:
    assert clean(text) == text


HEADERS = {
    "as every library writes it": b'{"alg":"HS256","typ":"JWT"}',
    "with a blank in front": b' {"alg":"HS256"}',
    "with a line end in front": b'\n{"alg":"HS256"}',
    "indented": b'{\r\n  "alg": "HS256"\r\n}',
    "with a tab": b'\t\t{"alg":"none"}',
    "with a mark": b'\xef\xbb\xbf{"alg":"HS256"}',
    "with a blank in it": b'{ "alg":"HS256"}',
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_token_is_known_by_its_header(header: str) -> None:
    parts = (HEADERS[header], b'{"sub":"ann"}', b"a signature of some length")
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    assert clean(f"got {token}, which is old") == "got <token>, which is old"
    assert clean(f"wss://{token.lower()}/x") in {"wss://<token>/x", f"wss://{token.lower()}/x"}


def test_a_token_is_known_in_lower_case() -> None:
    """As a host is written."""
    token = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJhbm4ifQ" + ".c2lnbmF0dXJlLW9mLWFubg"
    assert clean(f"wss://{token.lower()}:443/rtc") == "wss://<token>:443/rtc"


@pytest.mark.parametrize(
    "unit",
    [
        *("secret=a ", "token:", "password:\\", "--secret ", "--a-a-a-", "keys:{", "livekit_keys="),
        *("keys:\n a: b\n", "cookie:", "'authorization", "authorization: a ", "AccessToken('a',"),
        *("APIaaaaaaaa:", "%41", "\\u0041", "\\\\", "&amp;", '\\"', "%5C", "I" * 8 + ".", "e.e."),
        *("-----BEGIN PRIVATE KEY-----", "keys: \n", "export A=", "eyj", "token: a,"),
    ],
)
def test_no_text_takes_quadratic_time(unit: str) -> None:
    """A body made to be slow: at 256 KiB a quadratic pattern would run into the time limit."""
    assert clean(unit * (256 * 1024 // len(unit)))
