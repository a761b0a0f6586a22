"""What a running process says of itself: one JSON object per log line, and its Prometheus metrics."""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
from prometheus_client import start_http_server

# Libraries that narrate: what they have to say below WARNING is for their own developers.
CHATTY = ("aiokafka", "faust", "mode", "asyncio", "urllib3", "httpx", "httpcore", "PIL")

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


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
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def log_as_json(level: str, to: TextIO = sys.stdout) -> None:
    """Every logger of this process writes JSON lines to `to` from now on; chatty libraries from WARNING upwards."""
    handler = logging.StreamHandler(to)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def serve_metrics(address: str) -> None:
    """`GET /metrics` at `host:port` for a process that has no HTTP of its own, from a thread; what else is asked there,
    as `/livez`, is answered with the same. Empty: nowhere."""
    if address:
        host, _, port = address.rpartition(":")
        start_http_server(int(port), host.strip("[]"))


def _named(record: logging.LogRecord) -> Mapping[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
