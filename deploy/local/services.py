"""The processes of Framelog itself, as the one-machine stack runs them."""

import sys
from collections.abc import Awaitable, Callable

import aiohttp
from aiokafka.errors import KafkaError

from adapters.groups import analyzer_group, fetcher_group, members
from adapters.log import Names
from deploy.local import groups
from deploy.local.child import Program
from deploy.local.home import Home
from deploy.local.scrape import observed
from deploy.local.whereabouts import CLONE
from services.settings import Api

LAYER = 3  # above every server: stopped first


def services(settings: Api, home: Home) -> list[Program]:
    """In the order of a picture's way; `settings` say where the servers are."""
    environment = {
        "FRAMELOG_KAFKA": settings.kafka,
        "FRAMELOG_S3": settings.s3,
        "FRAMELOG_S3_ACCESS_KEY": settings.s3_access_key,
        "FRAMELOG_S3_SECRET_KEY": settings.s3_secret_key,
        "FRAMELOG_POSTGRES": settings.postgres,
        "FRAMELOG_HOME": str(home.path),
        "PYTHONUNBUFFERED": "1",
    }
    environment |= groups.told(settings)

    async def is_ready() -> bool:
        return await answers(f"{address(settings)}/readyz")

    programs = [
        Program(name="projector", command=_python("projector"), cwd=CLONE, environment=environment, layer=LAYER),
        *(_analyzer(settings, group, environment) for group in groups.running(settings)),
        _fetcher(settings, environment),
        Program(name="notifier", command=_python("notifier"), cwd=CLONE, environment=environment, layer=LAYER),
        Program(name="api", command=_python("api"), cwd=CLONE, environment=environment, layer=LAYER, answers=is_ready),
    ]
    return observed(programs, address(settings), home)


def _analyzer(settings: Api, group: str, environment: dict[str, str]) -> Program:
    return Program(
        name=groups.analyzer(group),
        command=_python("analyzer"),
        cwd=CLONE,
        environment=environment | {"FRAMELOG_GROUP": group},
        layer=LAYER,
        answers=_joined(settings, analyzer_group(Names(settings.topic_prefix), group)),
    )


def _fetcher(settings: Api, environment: dict[str, str]) -> Program:
    return Program(
        name="fetcher",
        command=_python("ingest.fetcher"),
        cwd=CLONE,
        environment=environment,
        layer=LAYER,
        answers=_joined(settings, fetcher_group(Names(settings.topic_prefix))),
    )


def _joined(settings: Api, consumers: str) -> Callable[[], Awaitable[bool]]:
    """Whether anybody is in a consumer group."""

    async def joined() -> bool:
        try:
            return await members(settings.kafka, consumers) > 0
        except (KafkaError, OSError):
            return False

    return joined


def address(settings: Api) -> str:
    """Where a browser on this machine finds the API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def answers(url: str) -> bool:
    """Whether a GET there is answered with 200 within 2 s."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(url) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def _python(service: str) -> list[str]:
    return [sys.executable, "-m", f"services.{service}"]
