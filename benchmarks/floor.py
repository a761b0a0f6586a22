"""The floor under analysis: fetch, decode scaled, encode three times, store. Nothing is checked, hashed or told."""

from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from io import BytesIO
from multiprocessing import get_context

from PIL import Image

from services.analyzer.jobs import Setup
from services.analyzer.store import Store

SIZES = (1600, 512, 128)
QUALITY = 82
RESULT = bytes(1_000)  # about as large as what is found


class Floor:
    """As many processes as there are decoders, kept warm between rounds."""

    def __init__(self, store: Setup, processes: int) -> None:
        spawned = get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, spawned, initializer=_prepare, initargs=(store,))

    def __enter__(self) -> "Floor":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def ask(self, keys: Iterable[str]) -> list[Future[None]]:
        return [self._pool.submit(_derive, key) for key in keys]


store: Store
threads: ThreadPoolExecutor


def _prepare(setup: Setup) -> None:
    """Once in each process."""
    global store, threads
    store, threads = Store(setup), ThreadPoolExecutor(len(SIZES))


def _derive(key: str) -> None:
    data = store.get(key)
    assert data is not None
    picture: Image.Image = Image.open(BytesIO(data))
    picture.draft(None, _fit(picture.size, SIZES[0]))
    pictures = {}
    for longest in SIZES:
        picture = picture.resize(_fit(picture.size, longest), Image.Resampling.HAMMING)
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        pictures[f"derived/{key}/{longest}.jpg"] = buffer.getvalue()
    list(threads.map(lambda one: store.put(one, pictures[one], "image/jpeg"), pictures))
    store.put(f"derived/{key}/result.json", RESULT, "application/json")


def _fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(size))
    return round(size[0] * scale), round(size[1] * scale)
