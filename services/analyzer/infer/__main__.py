"""Inference for other applications: the installed algorithms over HTTP, without Kafka, Postgres or object storage."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from adapters.http import application
from adapters.http_server import server
from adapters.telemetry import log_as_json
from services.analyzer import plugins
from services.analyzer.analysis import Analysis
from services.analyzer.infer.routes import ROUTES, Inference
from services.analyzer.setups import unstored
from services.settings import Infer

WAITING = 2  # pictures in memory for each decoder: one in hand, one to come


def app(settings: Infer) -> FastAPI:
    """The decoders run while its lifespan does."""
    children = settings.analyzer_children or os.cpu_count() or 1

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        installed, disabled = plugins.looked_up(settings.for_algorithms())
        async with Analysis(unstored(settings, installed), children) as analysis:
            room = asyncio.Semaphore(WAITING * children)
            api.state.inference = Inference(analysis, installed, disabled, room, settings.max_upload_bytes)
            yield

    return application("Framelog inference", version("framelog"), lifespan, [ROUTES])


def main() -> int:
    settings = Infer.read_or_exit()
    log_as_json(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn drains when told to stop, and then raises the signal again
        signal.signal(number, lambda *_: sys.exit(0))
    listening = server(app(settings), settings.infer_host, settings.infer_port)
    listening.run()
    return 0 if listening.started else 3


if __name__ == "__main__":
    sys.exit(main())
