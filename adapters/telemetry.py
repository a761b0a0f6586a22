"""What a running process says of itself: one JSON object per log line."""

import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO
from uuid import UUID

import orjson

from adapters.tracing import trace_of
from contracts.events import Position

# Libraries that narrate: what they have to say below WARNING is for their own developers.
CHATTY = ("aiokafka", "faust", "mode", "asyncio", "urllib3", "httpx", "httpcore", "PIL")

EACH = "each of them"
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def about(
    event_id: UUID, type_: str, image_id: UUID | None, at: Position, traceparent: str | None
) -> dict[str, object]:
    """What every line about an event says of it: enough to find it in the log and in its trace, and nothing private."""
    return {
        "trace": trace_of(traceparent),
        "event_id": event_id,
        "type": type_,
        "image_id": image_id,
        "topic": at.topic,
        "partition": at.partition,
        "offset": at.offset,
    }


class Lines(logging.Formatter):
    """`time`, `level`, `logger`, `event`, then whatever `extra` named: image_id, topic, partition, offset, ms."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update(_named(record))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return "\n".join(_written(line | one) for one in line.pop(EACH, ({},)))


def say_of_each(logger: logging.Logger, event: str, said: Iterable[Mapping[str, object]]) -> None:
    """A line for each, all of one moment: a fifth of what as many calls of a logger would take."""
    if logger.isEnabledFor(logging.INFO) and (every := list(said)):
        logger.info(event, extra={EACH: every})


def log_as_json(level: str, to: TextIO = sys.stdout) -> None:
    """Every logger of this process writes JSON lines to `to` from now on; chatty libraries from WARNING upwards."""
    handler = logging.StreamHandler(to)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _written(line: Mapping[str, Any]) -> str:
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _named(record: logging.LogRecord) -> Mapping[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
