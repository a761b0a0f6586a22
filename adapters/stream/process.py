"""How a process that consumes by Faust begins and ends."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Coroutine
from typing import NoReturn


def run(main: Coroutine[object, object, None]) -> None:
    """Like asyncio.run, but nobody is waited for when `main` is over.

    Faust cannot leave a group that is being rebalanced; its tasks heed no cancellation for a minute, in which its
    thread would go on holding partitions that nobody reads.
    """
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        if threading.active_count() == 1:
            loop.close()


def leave(code: int) -> NoReturn:
    """Ends the process, also where Faust's thread, which is no daemon, has not ended."""
    if threading.active_count() == 1:
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
