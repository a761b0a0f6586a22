"""A consumer to be killed: works 20 ms on every message, then writes down that it did.

`python -m tests.faults.worker KAFKA PREFIX GROUP DONE` appends `partition offset` lines to the file DONE.
"""

import asyncio
import os
import sys

from adapters.ending import leave
from adapters.log import Names
from adapters.stream import Pace, Stream, run, told_to_stop
from adapters.telemetry import log_as_json
from contracts.codec import Event
from contracts.events import Record, Recorded, Undecodable
from contracts.topics import IMAGES

WINDOW = 8
SESSION_SECONDS = 6.0  # the least that Kafka allows (group.min.session.timeout.ms)
WORK_SECONDS = 0.02


class Work:
    """What the process does with a message, and its proof that no two of one key are in hand at once."""

    def __init__(self, done: str) -> None:
        self._done = os.open(done, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._busy: set[object] = set()

    async def handle(self, recorded: Recorded[Event]) -> None:
        image, at = recorded.event.image_id, recorded.position
        assert image not in self._busy, f"two messages of {image} at once"
        self._busy.add(image)
        try:
            await asyncio.sleep(WORK_SECONDS)
            os.write(self._done, f"{at.partition} {at.offset}\n".encode())
        finally:
            self._busy.discard(image)

    async def bury(self, record: Record, error: Undecodable) -> None:
        raise error


async def main(kafka: str, prefix: str, group: str, done: str) -> None:
    work = Work(done)
    stream = Stream(kafka, Names(prefix), group, told_to_stop(), Pace(session=SESSION_SECONDS))
    await stream.consume({IMAGES.name: WINDOW}, work.handle, work.bury)


if __name__ == "__main__":
    log_as_json("INFO")
    leave(run(main(*sys.argv[1:]), sys.argv[1]))
