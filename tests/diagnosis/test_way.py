"""Which way is taken: options before the environment, and this machine never by accident."""

import pytest

from lkdoctor.clock import SystemClock
from lkdoctor.config.resolve import Resolution
from lkdoctor.config.target import Setting, Target
from lkdoctor.diagnosis import way
from lkdoctor.diagnosis.case import gather
from lkdoctor.diagnosis.how import How
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.wire.proxy import Proxy

FORCED = Proxy("--proxy", "forced.example", 1)
NAMED = Proxy("HTTPS_PROXY", "named.example", 3128)
VARIABLE = Setting("http://named.example:3128", "HTTPS_PROXY")
SOCKS = Setting("socks5://named.example:1080", "ALL_PROXY")


@pytest.mark.parametrize(
    ("url", "proxies", "how", "proxy", "unused"),
    [
        pytest.param("wss://a.example", (), How(), None, None, id="none"),
        pytest.param("wss://a.example", (VARIABLE,), How(), NAMED, None, id="the variable's"),
        pytest.param(
            "wss://a.example", (VARIABLE,), How(proxy=FORCED), FORCED, None, id="the option's"
        ),
        pytest.param(
            "wss://a.example", (VARIABLE,), How(no_proxy=True), None, "HTTPS_PROXY", id="not wanted"
        ),
        pytest.param("wss://a.example", (SOCKS,), How(), None, "ALL_PROXY", id="not usable"),
        pytest.param("ws://a.example", (VARIABLE,), How(), None, None, id="for the other scheme"),
        pytest.param("wss://localhost", (VARIABLE,), How(), None, None, id="this machine"),
        pytest.param(
            "wss://localhost", (), How(proxy=FORCED), FORCED, None, id="this machine, if asked for"
        ),
    ],
)
def test_the_way(
    url: str, proxies: tuple[Setting, ...], how: How, proxy: Proxy | None, unused: str | None
) -> None:
    resolution = Resolution(Target(url=Setting(url, "--url")), proxies=proxies)
    case = gather(resolution, SystemClock())
    assert case.facts.url is not None
    parsed = case.facts.url.result
    assert isinstance(parsed, ParsedUrl)
    taken = way.endpoint(parsed, case, how)
    assert (taken.proxy, taken.unused_proxy) == (proxy, unused)
