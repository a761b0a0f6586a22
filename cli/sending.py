"""Sends files, several at once: hashed first, not sent where the API has them, one request per content."""

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Literal

import httpx

from cli.client import Client, Down, Refused
from cli.errors import Failed
from cli.files import Found, reason, sha256
from cli.resume import Run
from contracts.events import Json

AT_ONCE = 6
IMAGES = "/v1/images"
NOBODYS = {401, 403}  # answers that every other file would get too

State = Literal["uploaded", "present", "analysed", "skipped", "failed"]
Moved = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one path. `present`: the API had these bytes; `skipped`: nobody asked for it to be sent."""

    path: Path
    state: State
    why: str | None = None
    image: dict[str, Json] | None = None


class Sender:
    """Sends files under one run. `moved` is told of bytes done, and of less than none where a try begins anew."""

    def __init__(self, client: Client, tags: list[str], run: Run, moved: Moved) -> None:
        self._client = client
        self._tags = tags
        self._run = run
        self._moved = moved
        self._sent: dict[str, asyncio.Task[Outcome]] = {}

    async def send_all(self, files: Iterable[Found], report: Callable[[Outcome], None]) -> None:
        """Reports each file's outcome as it comes. Raises Down, and Refused where nothing is taken from this user."""
        waiting = iter(files)

        async def work() -> None:
            for file in waiting:
                report(await self._outcome(file))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        except* Failed as several:
            raise several.exceptions[0] from None

    async def _outcome(self, file: Found) -> Outcome:
        try:
            return await self._once(file, await asyncio.to_thread(sha256, file.path))
        except OSError as error:
            return Outcome(path=file.path, state="failed", why=reason(error))
        except Refused as refused:
            if refused.status in NOBODYS:
                raise
            return Outcome(path=file.path, state="failed", why=str(refused))

    async def _once(self, file: Found, digest: str) -> Outcome:
        """The outcome of the first file with these bytes, for which every other one waits."""
        if digest not in self._sent:
            self._sent[digest] = asyncio.create_task(self._send(file, digest))
            return await self._sent[digest]
        first = await self._sent[digest]
        self._moved(file.size)
        return replace(first, path=file.path, state="failed" if first.state == "failed" else "present")

    async def _send(self, file: Found, digest: str) -> Outcome:
        if known := await self._known(digest):
            self._moved(file.size)
            return Outcome(path=file.path, state="present", image=known)
        with Body(file, self._moved) as body:
            answer = await self._client.ask(lambda: self._request(body, digest))
        image = answer.json()
        if image["sha256"] != digest:
            why = f"changed while it was sent; image {image['id']} holds what arrived"
            return Outcome(path=file.path, state="failed", why=why, image=image)
        return Outcome(path=file.path, state="uploaded" if answer.status_code == 201 else "present", image=image)

    async def _known(self, digest: str) -> dict[str, Json] | None:
        """The image of these bytes; None too while the read model is down, which an upload does not need."""
        try:
            found = await self._client.get(IMAGES, {"sha256": digest, "limit": 1}, patience=0)
        except Down:
            return None
        return found["items"][0] if found["items"] else None

    def _request(self, body: "Body", digest: str) -> httpx.Request:
        fields = {"filename": body.filename, "tags": self._tags}
        return self._client.request(
            "POST",
            IMAGES,
            files={"file": (body.filename, body)},
            data={"tags": self._tags},
            headers={"Idempotency-Key": self._run.key(digest, fields)},
        )


class Body(FileIO):
    """A file that tells how far it has been read; what is left of it when it is closed counts as done."""

    def __init__(self, file: Found, moved: Moved) -> None:
        super().__init__(file.path)
        self.filename = os.fsencode(file.path.name).decode("utf-8", "replace")
        self._size = file.size
        self._moved = moved

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self._moved(len(data))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        before, after = self.tell(), super().seek(offset, whence)
        self._moved(after - before)
        return after

    def close(self) -> None:
        if not self.closed:
            self._moved(self._size - self.tell())
        super().close()
