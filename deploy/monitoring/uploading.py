"""Pictures that nobody has uploaded before, uploaded at so many a second."""

import asyncio
from collections.abc import Callable, Iterable
from io import BytesIO

import httpx
import numpy as np
from PIL import Image

from adapters.tasks import together

AT_ONCE = 8
WIDTH, HEIGHT = 640, 480


def picture(number: int) -> bytes:
    """A JPEG of soft blotches, some 12 kB; each number has its own."""
    blotches = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(blotches).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
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
            file = {"file": (f"{number}.jpg", picture(number), "image/jpeg")}
            (await api.post("/v1/images", files=file)).raise_for_status()
            told()

    await together(*(one_after_another() for _ in range(AT_ONCE)))
