"""Compose files: which ports of a livekit-server they publish, and which entries say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.config.compose import Published, images, is_compose, published
from lkdoctor.config.server_yaml import YamlError

SERVICE = """\
services:
  livekit:
    image: {image}
    ports:
{ports}
"""


def of(*ports: str, image: str = "livekit/livekit-server:v1.13.5") -> tuple[Published, ...]:
    return published(SERVICE.format(image=image, ports="\n".join(f"      {p}" for p in ports)))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            "- 7882:7882/udp", Published(5, (7882, 7882), (7882, 7882), "udp"), id="short"
        ),
        pytest.param('- "7880:7880"', Published(5, (7880, 7880), (7880, 7880)), id="quoted"),
        pytest.param(
            "- 50000-50100:50000-50100/udp",
            Published(5, (50000, 50100), (50000, 50100), "udp"),
            id="range",
        ),
        pytest.param(
            "- 0.0.0.0:20638:7882/udp",
            Published(5, (20638, 20638), (7882, 7882), "udp"),
            id="with an address",
        ),
        pytest.param(
            '- "[::1]:7881:7881"',
            Published(5, (7881, 7881), (7881, 7881)),
            id="with an IPv6 address",
        ),
        pytest.param("- 7882/udp", Published(5, None, (7882, 7882), "udp"), id="any port outside"),
        pytest.param(
            "- {target: 7882, published: '7882', protocol: udp}",
            Published(5, (7882, 7882), (7882, 7882), "udp"),
            id="long",
        ),
        pytest.param(
            "- {target: 7881}", Published(5, None, (7881, 7881)), id="long, any port outside"
        ),
    ],
)
def test_an_entry(entry: str, expected: Published) -> None:
    assert of(entry) == (expected,)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("- ${RTC_PORT}:7882/udp", id="a variable"),
        pytest.param("- {target: 7882, published: '${RTC_PORT}'}", id="a variable, long"),
        pytest.param("- 99999:7882/udp", id="no port"),
        pytest.param("- 7890-7880:7880", id="a range from its end"),
        pytest.param("- [7880]", id="a list"),
        pytest.param("- ٧٨٨٠:7880", id="other digits"),
    ],
)
def test_an_entry_that_says_nothing(entry: str) -> None:
    assert of(entry) == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("- livekit/livekit-server", id="no mapping"),
        pytest.param("services: livekit/livekit-server", id="no services"),
        pytest.param(
            SERVICE.format(image="livekit/egress", ports="      - 1:7882/udp")
            + "# livekit/livekit-server",
            id="another image",
        ),
        pytest.param(
            SERVICE.format(image="livekit/livekit-server", ports="      - 1:7882/udp")
            + "    network_mode: host",
            id="the host's network",
        ),
    ],
)
def test_a_file_that_publishes_nothing(text: str) -> None:
    assert published(text) == ()


def test_what_is_no_yaml_says_where() -> None:
    with pytest.raises(YamlError) as raised:
        published("services:\n  livekit: {image: livekit/livekit-server\n")
    assert raised.value.line > 1


def test_how_an_entry_is_written() -> None:
    (port,) = of("- 20638:7882/udp")
    assert (port.written, port.straight) == ("20638:7882/udp", "7882:7882/udp")
    (port,) = of("- 7882/udp")
    assert (port.written, port.straight) == ("7882/udp", "7882:7882/udp")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("docker-compose.yml", True),
        ("compose.yaml", True),
        ("compose.prod.yaml", True),
        ("docker-compose-livekit.yml", True),
        ("livekit.yaml", False),
        ("compose.ts", False),
    ],
)
def test_the_name_of_a_file(file: str, expected: bool) -> None:
    assert is_compose(file) is expected


@given(st.text(alphabet="0123456789-:/udptc[]{},. $a", max_size=40))
def test_any_entry_is_read_or_passed_over(entry: str) -> None:
    try:
        found = of(f"- {entry}")
    except YamlError:
        return
    assert all(0 < port.container[0] <= port.container[1] < 65536 for port in found)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("livekit/livekit-server:v1.9.12", ((3, "1.9.12"),)),
        ("docker.io/livekit/livekit-server:1.9.12@sha256:0a1b", ((3, "1.9.12"),)),
        ("livekit/livekit-server:v1.9", ()),
        ("livekit/livekit-server:v1.9.12-rc1", ()),
        ("livekit/livekit-server:latest", ()),
        ("livekit/livekit-server:${TAG}", ()),
        ("livekit/livekit-server", ()),
        ("livekit/egress:v1.9.12", ()),
    ],
)
def test_only_a_whole_version_names_the_server(
    image: str, expected: tuple[tuple[int, str], ...]
) -> None:
    assert images(SERVICE.format(image=image, ports="      - 7880:7880")) == expected


def test_a_server_on_the_host_s_network_has_its_version_too() -> None:
    text = "services:\n  a: {image: livekit/livekit-server:v1.8.4, network_mode: host}\n"
    assert (images(text), published(text)) == (((2, "1.8.4"),), ())
