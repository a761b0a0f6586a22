"""Ingest's and query's routes at one address: the process that people and programs talk to."""

import asyncio
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
from services.query import routes_bytes
from services.query.routes_bytes import Bytes
from services.settings import Api, WrongSettings

VERSION = "0.1.0"


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
            fresh = Fresh(read_model, ends)
            writer = Writer(log, read_model, fresh, lambda: datetime.now(UTC))
            known = frozenset(settings.algorithms)
            api.state.ingest = Ingest(receiver(settings, objects), writer, settings.algorithms, known)
            api.state.bytes = Bytes(fresh, objects)
            yield

    return application("Framelog", VERSION, lifespan, [routes_images.ROUTES, routes_bytes.ROUTES])


def objects_of(settings: Api) -> Objects:
    return Objects(settings.s3, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket, settings.s3_region)


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
    listening = server(app(settings), settings.host, settings.port)
    asyncio.run(listening.serve())
    return 0 if listening.started else 3


if __name__ == "__main__":
    sys.exit(main())
