"""A healthy set of facts; every rule's examples start from it and break one thing."""

from lkdoctor.config.resolve import Kind, Meaning
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, RoomInfo, RoomsListed, TwirpError
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.env import EnvFact, Looks, Place, Variable
from lkdoctor.facts.network import Family, NetworkFact, Resolved, TcpConnected
from lkdoctor.facts.server import HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    Candidate,
    CleanUp,
    Goodbye,
    IceServer,
    Joined,
    Phase,
    PhaseName,
    PhaseOutcome,
    Pings,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    Validation,
    Whose,
)
from lkdoctor.facts.tls import Certificate, TlsEstablished, TlsFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact

NOON = 1_790_000_000.0
"""When the examples take place: 2026-09-21, 14:13:20 UTC."""


def answer(status: int, body: str = "", **headers: str) -> HttpAnswer:
    """An HTTP answer; ``content_type="text/html"`` becomes a header."""
    reasons = {101: "Switching Protocols", 200: "OK", 401: "Unauthorized", 404: "Not Found"}
    return HttpAnswer(
        status=status,
        reason=reasons.get(status, ""),
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        body=body,
        body_bytes=len(body.encode()),
        took_ms=25.0,
    )


def no_answer(problem: Silence, detail: str = "") -> NoAnswer:
    """An exchange that came to nothing."""
    return NoAnswer(problem=problem, detail=detail, took_ms=5000.0)


def healthy() -> Facts:
    """A self-hosted server behind TLS that answers as it should, with a throw-away join."""
    return Facts(
        env=EnvFact(
            variables=(
                Variable(
                    name="LIVEKIT_URL",
                    meaning=Meaning.URL,
                    source=Kind.FOLDER_FILE,
                    origin=".env.local:1",
                    used=True,
                    length=21,
                    looks=Looks.URL,
                    shown="wss://rtc.example.com",
                    host="rtc.example.com",
                ),
                Variable(
                    name="LIVEKIT_API_KEY",
                    meaning=Meaning.API_KEY,
                    source=Kind.FOLDER_FILE,
                    origin=".env.local:2",
                    used=True,
                    length=15,
                    looks=Looks.KEY,
                    shown="APIxk…7Qm",
                ),
                Variable(
                    name="LIVEKIT_API_SECRET",
                    meaning=Meaning.API_SECRET,
                    source=Kind.FOLDER_FILE,
                    origin=".env.local:3",
                    used=True,
                    length=44,
                    looks=Looks.SECRET,
                    id="3f9a1c",
                ),
            ),
            places=(
                Place("process environment", Kind.ENVIRONMENT, found=True),
                Place(".env.local", Kind.FOLDER_FILE, found=True),
                Place(".env", Kind.FOLDER_FILE, found=False),
            ),
        ),
        url=UrlFact(
            raw="wss://rtc.example.com",
            origin=".env.local:1",
            result=ParsedUrl(
                scheme="wss",
                host="rtc.example.com",
                port=443,
                explicit_port=False,
                path="",
                query=False,
                userinfo=False,
                host_kind=HostKind.PUBLIC,
            ),
        ),
        network=NetworkFact(
            host="rtc.example.com",
            port=443,
            family=Family.ANY,
            dns=Resolved(addresses=("203.0.113.10",), took_ms=12.0),
            tcp=(TcpConnected(address="203.0.113.10", port=443, took_ms=24.0),),
        ),
        tls=TlsFact(
            host="rtc.example.com",
            attempt=TlsEstablished(
                version="TLSv1.3",
                cipher="TLS_AES_128_GCM_SHA256",
                took_ms=49.0,
                verified=True,
                certificate=Certificate(
                    subject="CN=rtc.example.com",
                    issuer="CN=Example CA",
                    names=("rtc.example.com",),
                    not_before=NOON - 30 * 86400,
                    not_after=NOON + 60 * 86400,
                    self_signed=False,
                ),
            ),
        ),
        clock=ClockFact(
            local=NOON,
            server=NOON + 0.2,
            skew_ms=200.0,
            uncertainty_ms=512.0,
            source="Date header",
        ),
        signal=SignalFact(
            validations=(Validation(Whose.MINTED, "/rtc/validate", answer(200, "success")),),
            upgrades=(UpgradeAttempt(Whose.MINTED, "/rtc", Upgraded(took_ms=88.0)),),
            first=Joined(
                took_ms=2.0,
                room="lkdoctor-7f3a9c21",
                room_sid="RM_a1B2c3D4e5F6",
                identity="lkdoctor-probe-7f3a9c21",
                participant_sid="PA_a1B2c3D4e5F6",
                server_version="1.13.5",
                protocol=17,
                region="",
                node_id="ND_a1B2c3D4e5F6",
                edition="Standard",
                ping_interval_s=5,
                ping_timeout_s=15,
                room_created_at=NOON,
                num_participants=0,
                max_participants=0,
                ice_servers=(
                    IceServer(
                        urls=("turns:turn.example.com:443?transport=tcp",),
                        username="<masked>",
                        has_credential=True,
                    ),
                ),
                subscriber_primary=True,
                empty_timeout_s=1,
                departure_timeout_s=1,
                message_bytes=591,
            ),
            phases=(
                Phase(PhaseName.DNS, PhaseOutcome.OK, 0.0, 12.0),
                Phase(PhaseName.TCP, PhaseOutcome.OK, 12.0, 24.0),
                Phase(PhaseName.TLS, PhaseOutcome.OK, 36.0, 49.0),
                Phase(PhaseName.UPGRADE, PhaseOutcome.OK, 85.0, 88.0),
                Phase(PhaseName.FIRST_MESSAGE, PhaseOutcome.OK, 173.0, 2.0),
            ),
            pings=Pings(sent=3, round_trips_ms=(24.8, 25.2, 27.1)),
            candidates=(
                Candidate("udp", "203.0.113.10", 7882, "host"),
                Candidate("tcp", "203.0.113.10", 7881, "host", "passive"),
            ),
            goodbye=Goodbye(answered=True, close_code=1000),
            clean_up=CleanUp(room="lkdoctor-7f3a9c21", removed=False, lasts_s=1),
            room_minted="lkdoctor-7f3a9c21",
            proven=True,
        ),
        server=ServerFact(root=answer(200, "OK", content_type="text/plain; charset=utf-8")),
        api=ApiFact(
            rooms=RoomsListed(
                rooms=(
                    RoomInfo(
                        name="demo",
                        sid="RM_g7H8i9J0k1L2",
                        num_participants=2,
                        num_publishers=1,
                        max_participants=20,
                        created_at=NOON - 4320,
                        empty_timeout_s=300,
                        departure_timeout_s=20,
                        metadata_bytes=0,
                        active_recording=False,
                    ),
                )
            ),
            without_token=TwirpError(code="unauthenticated", msg="permissions denied", status=401),
            took_ms=31.0,
        ),
    )
