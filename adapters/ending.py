"""How a process ends that has nothing left to do."""

import logging
import os
import sys
from typing import NoReturn

from adapters import tracing


def leave(code: int) -> NoReturn:
    """End now, once all has been said: no client of Kafka tidies up, and no thread that is no daemon, as Faust's, is
    waited for. What may be lost with them has been saved before."""
    tracing.end()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
