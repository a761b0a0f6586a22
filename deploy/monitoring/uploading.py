"""Pictures that nobody has uploaded before, uploaded at so many a second."""

import asyncio
from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO

import httpx
import numpy as np
from PIL import Image

from adapters.tasks import together

AT_ONCE = 8
WIDTH, HEIGHT, GRAIN = 1152, 864, 9
START_OF_IMAGE, COMMENT = b"\xff\xd8", b"\xff\xfe\x00\x12"


def numbered(number: int) -> bytes:
    """A JPEG of 1 MP, some 250 kB: the same photograph for all, each with a comment of its own."""
    return START_OF_IMAGE + COMMENT + f"{number:016}".encode() + _photograph()[len(START_OF_IMAGE) :]


@cache
def _photograph() -> bytes:
    random = np.random.default_rng(1)
    soft = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BICUBIC
    )
    grainy = np.asarray(soft) + random.normal(0, GRAIN, (HEIGHT, WIDTH, 1))
    buffer = BytesIO()
    Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


async def upload(api: httpx.AsyncClient, numbers: Iterable[int], rate: float, told: Callable[[], None]) -> None:
    """Begins `rate` a second, or as many as it can with AT_ONCE under way. `told` of each that was answered with 201.

    Raises HTTPStatusError where one was not: no client would wait here for a busy server.
    """
    clock = asyncio.get_running_loop().time
    began, waiting = clock(), enumerate(numbers)

    async def one_after_another() -> None:
        for place, number in waiting:
            await asyncio.sleep(began + place / rate - clock())
            file = {"file": (f"{number}.jpg", numbered(number), "image/jpeg")}
            (await api.post("/v1/images", files=file)).raise_for_status()
            told()

    await together(*(one_after_another() for _ in range(AT_ONCE)))
