"""`framelog search --as-of-schema`: answered by a read model of the past, out of Postgres, without the API."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import orjson

import migrations
from adapters.read_model import ReadModel
from cli.address import address
from cli.building import failing
from cli.client import Query, exit_code
from cli.errors import SOMETHING_IS_DOWN, WRONG_USE, Failed
from cli.search import Images, Search
from cli.session import signed_in
from contracts.events import Json, TryLater
from contracts.permissions import Principal
from contracts.problems import Problem
from deploy.local.groups import asked as groups
from deploy.local.whereabouts import located
from services.projector.as_of import check
from services.query import then
from services.settings import Client

SECONDS = 60.0  # nobody else waits for this answer

T = TypeVar("T")


def looking_into(schema: str, account: str | None, url: str | None, ask: Callable[[Search], Awaitable[T]]) -> T:
    """What `ask` finds in `schema`, as `account` or as who is signed in. Raises Failed."""
    settings = located(Client.read())
    name = account or _signed_in(settings, url)
    with failing():
        return asyncio.run(_looked(settings, schema, name, ask))


async def _looked(settings: Client, schema: str, name: str, ask: Callable[[Search], Awaitable[T]]) -> T:
    await migrations.check(settings.postgres)
    await check(settings.postgres, schema)
    grouped = [one for names in groups(settings).values() for one in names]
    try:
        async with ReadModel(settings.postgres, 1, SECONDS, grouped, schema) as read_model:
            if (who := await then.account(read_model, name)) is None:
                raise Failed(f"there was no account {name} then; --account says whose images are one's own", WRONG_USE)
            return await ask(_searching(read_model, who))
    except Problem as problem:
        raise Failed(f"{problem.type.title}: {problem.detail}", exit_code(problem.type.status)) from None
    except TryLater as later:
        raise Failed(f"{later}; see `framelog doctor`", SOMETHING_IS_DOWN) from None


def _searching(read_model: ReadModel, who: Principal) -> Search:
    async def search(query: Query, limit: int | None) -> Images:
        asked = then.asked({name: _text(value) for name, value in query.items()}, who)
        async for image in then.images(read_model, asked, who, limit):
            yield _as_answered(image)

    return search


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _as_answered(image: dict[str, Json]) -> dict[str, Json]:
    """As it is once it has gone through HTTP."""
    answered: dict[str, Json] = orjson.loads(orjson.dumps(image, option=orjson.OPT_UTC_Z))
    return answered


def _signed_in(settings: Client, url: str | None) -> str:
    name = None if settings.api_key else signed_in(settings.home, address(url, settings))
    if name is None:
        raise Failed("nobody is signed in here; --account says whose images are one's own", WRONG_USE)
    return name
