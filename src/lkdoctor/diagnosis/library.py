"""`lkdoctor.diagnose`: the diagnosis as a function, for a health check, a test or a script."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from lkdoctor import booking
from lkdoctor.clock import SystemClock
from lkdoctor.config.sources import Given, load, read_project
from lkdoctor.diagnosis import case as cases
from lkdoctor.diagnosis import doctor
from lkdoctor.diagnosis.how import How
from lkdoctor.report.model import Report


def diagnose(
    url: str | None = None,
    *,
    api_key: str | None = None,
    api_secret: str | None = None,
    token: str | None = None,
    room: str | None = None,
    join: bool = False,
    timeout: float = 10.0,
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
    server_config: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    directory: str | Path = ".",
    trust_folder: bool = False,
) -> Report:
    """What ``lkdoctor diagnose`` would report; without any URL that is the finding env-missing.

    Blocks for as long as it takes; in an event loop: ``await asyncio.to_thread(diagnose, url)``.

    Args:
        url: ``wss://…``; as all credentials, taken from the environment and the .env files of
            ``directory`` where it is not given.
        api_key: signs throw-away tokens; with ``api_secret`` a throw-away room is joined and
            left; it ends by itself.
        api_secret: stays in this process.
        token: a participant's token; it is validated, and joins only with ``join``.
        room: the room in question, where it is not the token's.
        join: also join with ``token``; disconnects its owner if he is in the room.
        timeout: seconds for everything together.
        only: checks, layers or codes to look at.
        skip: checks, layers or codes to leave out.
        server_config: a livekit-server's YAML, to be judged too.
        environ: in place of the process environment.
        directory: where .env files and lkdoctor.toml are looked for.
        trust_folder: what comes from elsewhere may go to a URL that these files name; otherwise
            that host gets one token for a throw-away room until it has shown that it holds the
            secret, and never ``token``.

    Raises:
        UsageError: what was given cannot be used; ``advice`` says what to write instead.
    """
    clock = SystemClock()
    environ = os.environ if environ is None else environ
    resolution = load(
        Given(
            url=url, api_key=api_key, api_secret=api_secret, token=token, trust_folder=trust_folder
        ),
        environ=environ,
        directory=Path(directory),
    )
    rules = None
    if room is not None:
        project = read_project(Path(directory))
        rules = booking.parse(project.table, project.origin)
    server = None
    if server_config is not None or resolution.server:
        from lkdoctor.config import server_files

        server = server_files.load(
            None if server_config is None else str(server_config),
            resolution,
            environ=environ,
            directory=Path(directory),
        )
    case = cases.gather(resolution, clock, room=room, rules=rules, server=server)
    request = doctor.Request(join=join, only=only, skip=skip, how=How(timeout_s=timeout))
    return asyncio.run(doctor.diagnose(case, request, clock))
