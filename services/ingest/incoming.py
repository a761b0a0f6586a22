"""The bytes of one picture on their way into object storage."""

import hashlib
from contextlib import suppress

from adapters.objects import PART, Objects, Parts
from contracts import ids
from contracts.images import Content
from contracts.problems import Problem
from services.ingest.headers import SNIFFED, Absent, Window
from services.ingest.media import Limits, dimensions, media_type

FETCHED = 256 * 1024
MOST_FETCHES = 64


class Incoming:
    """Bytes are hashed, counted and judged as they come.

    Up to PART bytes stay in memory and are put once, under their final key, by `keep`. More stream to the key
    `temporary`, from where `keep` copies them. Until `keep` nothing lies under a final key; after `drop` nothing lies
    under the temporary one.
    """

    def __init__(self, objects: Objects, temporary: str, limits: Limits) -> None:
        self._objects = objects
        self._temporary = temporary
        self._limits = limits
        self._hash = hashlib.sha256()
        self._chunks: list[bytes] = []
        self._held = 0
        self._size = 0
        self._kind: str | None = None
        self._extent: tuple[int, int] | None = None
        self._parts: Parts | None = None
        self._stored = False

    async def write(self, chunk: bytes) -> None:
        """Raises the Problems of `media`, `too-large`, and TryLater."""
        self._size += len(chunk)
        if self._size > self._limits.bytes:
            raise Problem("too-large", f"An image may have at most {self._limits.bytes:,} bytes.")
        self._hash.update(chunk)
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._kind is None and self._size >= SNIFFED:
            self._sniff()
        while self._held > PART:
            await self._send(PART)

    async def finish(self) -> Content:
        """What the bytes are, once all have come. Raises the Problems of `media` and `empty-upload`."""
        if not self._size:
            raise Problem("empty-upload", "The image has no bytes.")
        kind = self._kind or self._sniff()
        if self._parts:
            await self._send(self._held)
            await self._parts.complete()
            self._stored = True
        width, height = self._extent or await self._judge(kind)
        sha256 = self._hash.hexdigest()
        return Content(
            sha256=sha256,
            size=self._size,
            media_type=kind,
            storage_key=ids.original_key(sha256),
            width=width,
            height=height,
        )

    async def keep(self, content: Content) -> None:
        """The bytes are durable under `content.storage_key` when it returns; put even where they already are."""
        if self._stored:
            await self._objects.copy(self._temporary, content.storage_key, content.media_type)
        else:
            await self._objects.put(content.storage_key, self._chunks, content.media_type, content.sha256)

    async def drop(self) -> None:
        """Gives up what is not kept. Raises TryLater where the store does not answer; a sweep finds it later."""
        self._chunks = []
        if self._stored:
            await self._objects.delete(self._temporary)
        elif self._parts:
            await self._parts.abort()

    def _sniff(self) -> str:
        self._kind = media_type(Window(self._chunks).head(SNIFFED))
        return self._kind

    async def _send(self, amount: int) -> None:
        """The first `amount` bytes in memory as the next part; what the first part cannot be is never sent."""
        if self._parts is None:
            self._judge_early()
            self._parts = await self._objects.begin(self._temporary)
        part, self._chunks = _split(self._chunks, amount)
        self._held -= amount
        await self._parts.add(part)

    def _judge_early(self) -> None:
        with suppress(Absent):
            self._extent = dimensions(self._kind or self._sniff(), Window(self._chunks), self._limits)

    async def _judge(self, kind: str) -> tuple[int, int]:
        """With the whole picture at hand, or block by block out of the temporary object."""
        window = Window(self._chunks, self._size)
        for _ in range(MOST_FETCHES):
            try:
                return dimensions(kind, window, self._limits)
            except Absent as absent:
                at = absent.at
                window.add(at, await self._objects.get(self._temporary, at, min(at + FETCHED, self._size) - 1))
        raise Problem("undecodable-image", "Its header is scattered over too many places.")


def _split(chunks: list[bytes], amount: int) -> tuple[list[bytes], list[bytes]]:
    """The first `amount` bytes and the rest; at most one chunk is cut."""
    index = 0
    while amount > len(chunks[index]):
        amount -= len(chunks[index])
        index += 1
    first, rest = chunks[index][:amount], chunks[index][amount:]
    return [*chunks[:index], first], [rest, *chunks[index + 1 :]] if rest else chunks[index + 1 :]
