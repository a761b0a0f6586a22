"""Buckets of a benchmark: its own, filled with photographs, emptied between rounds."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from adapters.admin import create_bucket
from adapters.objects import Objects
from benchmarks.photographs import Photograph
from benchmarks.stand import Stack
from contracts import ids

REGION = "us-east-1"


@asynccontextmanager
async def bucket(stack: Stack, name: str) -> AsyncIterator[Objects]:
    await create_bucket(stack.s3, stack.s3_access_key, stack.s3_secret_key, name, REGION)
    async with Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, name, REGION) as objects:
        yield objects


async def stored(objects: Objects, photo: Photograph, numbers: Collection[int]) -> list[str]:
    """The SHA-256 of each numbered photograph, now that it lies under its original's key."""

    async def put(number: int) -> str:
        data = photo.numbered(number)
        sha256 = hashlib.sha256(data).hexdigest()
        async with few:
            await objects.put(ids.original_key(sha256), data, "image/jpeg", sha256)
        return sha256

    few = asyncio.Semaphore(8)
    return await asyncio.gather(*map(put, numbers))


async def clear(objects: Objects, keys: Collection[str]) -> None:
    await asyncio.gather(*map(objects.delete, keys))
