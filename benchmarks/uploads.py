"""One run of uploads, whose outcome is looked at before its time counts."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.buckets import clear
from benchmarks.load import Plan, Sent, send
from benchmarks.photographs import Photograph
from benchmarks.table import Contender
from benchmarks.ways import Way

SAMPLED = 4


@dataclass(frozen=True, slots=True)
class Load:
    """So many uploads of a photograph, which lies in `directory` for the load to read, over so many connections."""

    photo: Photograph
    directory: Path
    clients: int
    uploads: int

    def __str__(self) -> str:
        return f"{self.photo.name}, {self.clients} client{'s' if self.clients > 1 else ''}"

    def on(self, way: Way) -> Contender:
        return lambda: self.run(way)

    async def run(self, way: Way) -> float:
        """Uploads per second, of which none was refused, lost or changed. Nothing is left in the bucket."""
        sent = await send(self._plan(way))
        way.uploaded += self.uploads
        await self._check(way, sent)
        return self.uploads / sent.seconds

    def _plan(self, way: Way) -> Plan:
        file = self.directory / f"{self.photo.name}.jpg"
        if not file.exists():
            file.write_bytes(self.photo.data)
        return Plan(
            port=way.port,
            method=way.method,
            targets=[way.target() for _ in range(self.uploads)],
            photo=str(file),
            first=way.uploaded,
            clients=self.clients,
            form=way.method == "POST",
            authorization=way.authorization,
        )

    async def _check(self, way: Way, sent: Sent) -> None:
        refused = [answer for answer in sent.answers if answer.status != way.accepted]
        assert not refused, f"{way.name}: {len(refused)} uploads refused, the first with {refused[0]}"
        numbers = {way.key(answer): answer.number for answer in sent.answers}
        stored = {one.key async for one in way.objects.list(way.prefix)}
        assert len(numbers) == self.uploads, f"{way.name}: {self.uploads} uploads in {len(numbers)} objects"
        assert stored == numbers.keys(), f"{way.name}: {len(stored)} objects of {len(numbers)} uploads"
        for key in random.sample(sorted(stored), SAMPLED):
            read, wanted = await way.objects.get(key), self.photo.numbered(numbers[key])
            assert hashlib.sha256(read).digest() == hashlib.sha256(wanted).digest(), f"{way.name}: {key} changed"
        await way.settled()
        await clear(way.objects, stored)
