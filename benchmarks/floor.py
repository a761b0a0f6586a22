"""The floor under analysis: fetch, decode scaled, encode three times, store. Nothing is checked, hashed or told.

Each step by the same code as the analyzer's, in processes that are set up as its decoders are.
"""

import asyncio
import os
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from io import BytesIO
from multiprocessing import get_context

from PIL import Image

from adapters.objects import Objects
from services.analyzer.decoded import fit
from services.analyzer.decoder import FRUGAL
from services.analyzer.jobs import Setup
from services.analyzer.pixels import scaled

SIZES = (1600, 512, 128)
QUALITY = 82
RESULT = bytes(1_000)  # about as large as what is found


class Floor:
    """As many processes as there are decoders, kept warm between rounds."""

    def __init__(self, store: Setup, processes: int) -> None:
        os.environ.update(FRUGAL)  # for the processes, which start when they are first asked
        spawned = get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, spawned, initializer=_prepare, initargs=(store,))

    def __enter__(self) -> "Floor":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def ask(self, keys: Iterable[str]) -> list[Future[None]]:
        return [self._pool.submit(_ask, key) for key in keys]


objects: Objects
loop: asyncio.AbstractEventLoop


def _prepare(setup: Setup) -> None:
    """Once in each process."""
    global objects, loop
    loop = asyncio.new_event_loop()
    objects = Objects(setup.s3 or "", setup.access_key, setup.secret_key, setup.bucket, setup.region)
    loop.run_until_complete(objects.__aenter__())


def _ask(key: str) -> None:
    loop.run_until_complete(_derive(key))


async def _derive(key: str) -> None:
    picture: Image.Image = Image.open(BytesIO(await objects.get(key)))
    size = picture.size
    picture.draft(None, fit(size, SIZES[0]))
    pictures = {}
    for longest in SIZES:
        picture = scaled(picture, fit(size, longest))
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        pictures[f"derived/{key}/{longest}.jpg"] = buffer.getvalue()
    await asyncio.gather(*(objects.put(one, data, "image/jpeg") for one, data in pictures.items()))
    await objects.put(f"derived/{key}/result.json", RESULT, "application/json")
