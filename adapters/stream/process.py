"""How a process that consumes by Faust begins and ends."""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Coroutine

from aiokafka.errors import KafkaConnectionError

from adapters.kafka import shown
from adapters.stream.consume import NoSuchTopic
from adapters.tolerance import TooManyUndecodable
from adapters.vitals import VITALS
from contracts.events import TryLater

log = logging.getLogger(__name__)


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def run(main: Coroutine[object, object, None], kafka: str) -> int:
    """The exit code of a process that does `main`, which reads the log at `kafka`; what went wrong has been told."""
    try:
        _until_over(main)
    except KafkaConnectionError as down:
        print(f"Kafka at {shown(kafka)} does not answer: {down}; see `framelog doctor`", file=sys.stderr)
        return 3
    except NoSuchTopic as missing:
        print(f"{missing}: start the stack with `framelog up`, which creates it", file=sys.stderr)
        return 3
    except TryLater as down:
        print(f"{down}; see `framelog doctor`", file=sys.stderr)
        return 3
    except TooManyUndecodable as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except Exception:
        log.exception("this process ends, and must be started anew")
        return 1
    return 0


def _until_over(main: Coroutine[object, object, None]) -> None:
    """Like asyncio.run, but nobody is waited for when `main` is over.

    Faust cannot leave a group that is being rebalanced; its tasks heed no cancellation for a minute, in which its
    thread would go on holding partitions that nobody reads.
    """
    loop = asyncio.new_event_loop()
    VITALS.follow(loop)
    try:
        loop.run_until_complete(main)
    finally:
        if threading.active_count() == 1:
            loop.close()
