"""One of the processes that fold a log for a build, side by side. `crew.py` starts it, and they talk in lines of JSON.

It is told a plan and then share after share, and says how far it is and when a share is folded. It ends with its
stdin, in the middle of a share too: whoever started it is gone, or has given up.
"""

import asyncio
import logging
import os
import sys

import msgspec
from aiokafka.errors import KafkaError
from msgspec import Struct
from psycopg import OperationalError

from adapters.tolerance import TooManyUndecodable
from services.projector.folding import Folding, Plan, Share
from services.projector.garbage import collect_rarely
from services.projector.store import LOST
from services.projector.whole import LogBroken

EXPECTED = {one.__name__: one for one in (LogBroken, TooManyUndecodable, OperationalError)}
"""What may come of a share besides its rows. A log that is down counts as Postgres does."""


class Told(Struct, frozen=True):
    """How many records of the share at hand are folded; `ended` with the last word on it. `failure` names one of
    EXPECTED, and `line` says what it says."""

    done: int = 0
    ended: bool = False
    failure: str | None = None
    line: str = ""


async def build() -> None:
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    plan = msgspec.json.decode(await stdin.readline(), type=Plan)
    shares: asyncio.Queue[Share] = asyncio.Queue()
    listening = asyncio.create_task(_listen(stdin, shares))
    try:
        async with Folding.of(plan) as folding:
            while True:
                await folding.fold(await shares.get(), lambda done: _say(Told(done)))
                _say(Told(ended=True))
    except (LogBroken, TooManyUndecodable, *LOST, KafkaError) as expected:
        kinds = (name for name, one in EXPECTED.items() if isinstance(expected, one))
        _say(Told(ended=True, failure=next(kinds, OperationalError.__name__), line=str(expected)))
    listening.cancel()


async def _listen(stdin: asyncio.StreamReader, shares: asyncio.Queue[Share]) -> None:
    async for line in stdin:
        shares.put_nowait(msgspec.json.decode(line, type=Share))
    os._exit(0)  # what has not been committed is rolled back


def _say(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    collect_rarely()
    asyncio.run(build())
