"""Ingest's and query's routes at one address: the process that people and programs talk to."""

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from adapters.edge import uuid7
from adapters.ends import Ends
from adapters.fresh import Fresh
from adapters.http import application
from adapters.http_server import server
from adapters.log import Log, Names
from adapters.objects import Objects
from adapters.read_model import ReadModel
from adapters.telemetry import log_as_json
from services.ingest import routes_images
from services.ingest.budget import Budget
from services.ingest.media import Limits
from services.ingest.receive import Receiver
from services.ingest.routes_images import Ingest
from services.ingest.write import Writer
from services.query import routes_house
from services.query import routes_images as routes_reading
from services.query.algorithms import Algorithms
from services.query.parts import Reading
from services.query.ready import Readiness
from services.query.verified import VerifiedBytes
from services.settings import MIB, Api, WrongSettings

VERSION = "0.1.0"
MOST_HELD_BACK = 128 * MIB


def app(settings: Api) -> FastAPI:
    """The whole API. Nothing is opened before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            names = Names(settings.topic_prefix)
            objects = await opened.enter_async_context(objects_of(settings))
            log = await opened.enter_async_context(Log(settings.kafka, names))
            ends = await opened.enter_async_context(Ends(settings.kafka, names))
            read_model = await opened.enter_async_context(ReadModel(settings.postgres))
            writer = Writer(log, read_model, Fresh(read_model, ends), lambda: datetime.now(UTC))
            known = frozenset(settings.algorithms)
            api.state.ingest = Ingest(receiver(settings, objects), writer, settings.algorithms, known)
            api.state.query = reading(settings, read_model, ends, objects)
            yield

    routers = [routes_images.ROUTES, routes_reading.ROUTES, routes_house.ROUTES]
    return application("Framelog", VERSION, lifespan, routers)


def objects_of(settings: Api) -> Objects:
    return Objects(settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region)


def reading(settings: Api, read_model: ReadModel, ends: Ends, objects: Objects) -> Reading:
    return Reading(
        read_model=read_model,
        ends=ends,
        fresh=Fresh(read_model, ends),
        stored=VerifiedBytes(objects, MOST_HELD_BACK),
        algorithms=Algorithms({name for names in settings.algorithm_groups.values() for name in names}),
        readiness=Readiness(read_model, ends, objects),
    )


def receiver(settings: Api, objects: Objects) -> Receiver:
    limits = Limits(
        bytes=settings.max_upload_bytes,
        pixels=settings.max_pixels,
        frames=settings.max_frames,
        animation_pixels=settings.max_animation_pixels,
    )
    return Receiver(objects, Budget(settings.upload_budget_bytes), limits, lambda: f"uploads/{uuid7()}")


def main() -> int:
    try:
        settings = Api.read()
    except WrongSettings as wrong:
        print(wrong, file=sys.stderr)
        return 2
    log_as_json(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn drains when told to stop, and then raises the signal again
        signal.signal(number, lambda *_: sys.exit(0))
    listening = server(app(settings), settings.host, settings.port)
    listening.run()  # on uvloop, as the server is set up
    return 0 if listening.started else 3


if __name__ == "__main__":
    sys.exit(main())
