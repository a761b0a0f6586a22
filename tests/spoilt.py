"""A store of a test's own, whose disk the test can spoil: what bit rot is to a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.artifacts import MINIO
from deploy.local.cache import cache
from deploy.local.home import Home
from deploy.local.minio import ACCESS_KEY, minio
from deploy.local.ports import choose
from deploy.local.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the store answers, and the folder of its buckets."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path

    def spoil(self, bucket: str, key: str, place: float = 0.5) -> None:
        """One bit of an object is another one, somewhere between its beginning (0) and its end (1)."""
        files = [file for file in (self.folder / bucket / key).rglob("*") if file.is_file()]
        file = max(files, key=lambda file: file.stat().st_size)
        at = int(file.stat().st_size * place)
        with file.open("r+b") as opened:
            opened.seek(at)
            (byte,) = opened.read(1)
            opened.seek(at)
            opened.write(bytes([byte ^ 1]))


@asynccontextmanager
async def disk(home: Path) -> AsyncIterator[Disk]:
    (port,) = choose([None])
    made = Disk(f"http://127.0.0.1:{port}", ACCESS_KEY, "a secret of this test", home / "minio")
    async with Supervisor(Home(home), print) as supervisor:
        await supervisor.launch(minio(Home(home), cache() / MINIO / "minio", made.secret_key, port)).ready(30)
        yield made
