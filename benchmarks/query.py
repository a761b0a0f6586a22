"""One image and a filtered page of 50 at 200,000 images, against the same SQL through SQLAlchemy and pydantic, and
against the bare driver."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
import jwt
from psycopg.conninfo import conninfo_to_dict

from adapters.read_model import SESSION
from benchmarks import driver, library, peers, reads
from benchmarks.explain import Overheard
from benchmarks.library import OWNER
from benchmarks.processes import PATIENCE, api, free_port, http, processes, projector
from benchmarks.stand import Stack, Stand, stand
from benchmarks.table import Contender, Table, Target, interleaved
from contracts.permissions import Principal
from deploy.local.supervisor import Supervisor
from services.query.filters import Filters
from services.query.search import question, search

IMAGES, CLIENTS = 200_000, 4
ONES, PAGES = 1_000, 120  # per run
TAG, LIMIT = "tag2", 50
FILTERS = Filters.model_validate({"tag": [TAG]})
SOME = "SELECT image_id FROM images WHERE owner = %s AND deleted_at IS NULL ORDER BY random() LIMIT %s"
SAID = [
    f"{IMAGES:,} images with all their results, {CLIENTS} connections. The page: the newest {LIMIT} with a tag that a "
    "tenth have, 140 kB of JSON. SQLAlchemy: FastAPI, an async engine over psycopg, our SQL in our session's settings, "
    "pydantic models out of the rows, the same JSON; a token decoded and its account looked up, as in FastAPI's "
    "tutorial. The bare driver: psycopg's rows of the same SQL for nobody, and nothing done with them. A process each.",
]


@dataclass(frozen=True, slots=True)
class Service:
    """Where it answers, and to what header."""

    port: int
    path: str
    authorization: str

    def one(self, image_id: UUID) -> str:
        return f"{self.path}/{image_id}"

    def page(self) -> str:
        return f"{self.path}?tag={TAG}&limit={LIMIT}"

    async def asked(self, targets: list[str]) -> float:
        """A second, by so many connections."""
        plan = reads.Plan(port=self.port, targets=targets, clients=CLIENTS, authorization=self.authorization)
        return len(targets) / await reads.send(plan)


@dataclass(frozen=True, slots=True)
class Asked:
    """Both services, the database under them, some of the images in it, and the search for a page as ours puts it."""

    ours: Service
    theirs: Service
    postgres: str
    images: list[UUID]
    page: str
    params: dict[str, Any]

    def shuffled(self) -> list[UUID]:
        return random.sample(self.images, len(self.images))

    async def bare(self, times: int, **what: Any) -> float:
        """A second, by the bare driver."""
        return times / await driver.send(driver.Plan(postgres=self.postgres, clients=CLIENTS, **what))


async def tables(stack: Stack, rounds: int) -> AsyncIterator[Table]:
    async with asked(stack) as at:
        await compared(at)
        services = {"Framelog": at.ours, "SQLAlchemy": at.theirs}
        one: dict[str, Contender] = {name: partial(_ones, service, at) for name, service in services.items()}
        one["bare driver"] = lambda: at.bare(ONES, images=at.shuffled())
        yield await interleaved(_table("One image by its id", "images/s"), one, rounds)
        page: dict[str, Contender] = {name: partial(_pages, service) for name, service in services.items()}
        page["bare driver"] = lambda: at.bare(PAGES, page=at.page, params=at.params, pages=PAGES)
        yield await interleaved(_table(f"A filtered page of {LIMIT} images", "pages/s"), page, rounds)


async def _ones(service: Service, at: Asked) -> float:
    return await service.asked([service.one(image_id) for image_id in at.shuffled()])


async def _pages(service: Service) -> float:
    return await service.asked([service.page()] * PAGES)


def _table(title: str, unit: str) -> Table:
    targets = (Target("Framelog", "SQLAlchemy", floor=1.8), Target("Framelog", "bare driver", floor=0.5))
    return Table(title, unit, targets=targets, notes=SAID)


@asynccontextmanager
async def asked(stack: Stack) -> AsyncIterator[Asked]:
    async with stand(stack) as own, processes() as supervisor:
        print(f"  filling a library of {IMAGES:,} images", flush=True)
        await library.fill(own.database, IMAGES)
        projecting = await projector(supervisor, own)
        ours = await api(supervisor, own)
        await projecting.stop()
        async with Overheard(own.database) as read_model:
            rows = await read_model.rows(SOME, (OWNER, ONES))
            await search(read_model, question(FILTERS, Principal(OWNER, "user")), None, LIMIT)
            page, params = read_model.asked[-1]
        theirs = await _sqlalchemy(supervisor, own, page)
        images = [row["image_id"] for row in rows]
        yield Asked(Service(ours.port, "/v1/images", ours.authorization), theirs, own.database, images, page, params)


async def _sqlalchemy(supervisor: Supervisor, own: Stand, page: str) -> Service:
    """`benchmarks/peers/library.py`, started."""
    port, secret = free_port(), token_hex(32)
    environment = {"DATABASE": _url(own.database), "SECRET": secret}
    environment |= {"ONE": driver.ONE, "PAGE": page, "IMAGES": driver.SOME}
    command = [peers.program("uvicorn"), "library:app", "--port", str(port), "--no-access-log"]
    await supervisor.launch(http("library", command, port, "/health", peers.PEERS, environment)).ready(PATIENCE)
    return Service(port, "/images", f"Bearer {jwt.encode({'sub': OWNER}, secret)}")


def _url(conninfo: str) -> str:
    """As SQLAlchemy wants it, with the settings of our sessions."""
    at = conninfo_to_dict(conninfo)
    options = quote(" ".join(f"-c {name}={value}" for name, value in SESSION.items()))
    password = f":{quote(str(at['password']))}" if "password" in at else ""
    return f"postgresql+psycopg://{at['user']}{password}@{at['host']}:{at['port']}/{at['dbname']}?options={options}"


async def compared(at: Asked) -> None:
    """Raises AssertionError unless both show the same."""
    ours, theirs = await _items(at.ours), await _items(at.theirs)
    assert [one["id"] for one in ours] == [one["id"] for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert set(one) == set(other), set(one) ^ set(other)
        assert one["analysis"]["results"].keys() == other["analysis"]["results"].keys()
        assert len(one["renditions"]) == len(other["renditions"])


async def _items(service: Service) -> list[dict[str, Any]]:
    headers = {"Authorization": service.authorization}
    url = f"http://127.0.0.1:{service.port}{service.page()}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        assert answer.status == 200, await answer.text()
        found: list[dict[str, Any]] = (await answer.json())["items"]
        return found
