"""What a log line looks like."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from adapters.telemetry import log_as_json, say_of_each


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.handlers.clear()
    written = io.StringIO()
    log_as_json("info", written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_log_line_is_one_json_object_with_what_was_named(written: io.StringIO) -> None:
    logging.getLogger("worker").info("found %d", 6, extra={"image_id": "i", "ms": 12.5, "partition": 3, "offset": 9})
    line = json.loads(written.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "worker",
        "event": "found 6",
        "image_id": "i",
        "ms": 12.5,
        "partition": 3,
        "offset": 9,
    }


def test_what_is_said_of_each_is_a_line_for_each(written: io.StringIO) -> None:
    say_of_each(logging.getLogger("worker"), "done", ({"offset": offset} for offset in (4, 5)))
    say_of_each(logging.getLogger("worker"), "done", [])
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["offset"] for line in lines] == [4, 5]
    assert {line["event"] for line in lines} == {"done"}
    assert {frozenset(line) for line in lines} == {frozenset(("time", "level", "logger", "event", "offset"))}


def test_an_exception_is_part_of_its_line(written: io.StringIO) -> None:
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        logging.getLogger("worker").exception("it broke")
    (line,) = written.getvalue().splitlines()
    assert "ValueError: line one\nline two" in json.loads(line)["traceback"]


def test_what_json_does_not_know_is_written_as_text(written: io.StringIO) -> None:
    logging.getLogger("worker").info("odd", extra={"what": {1: object}})
    assert json.loads(written.getvalue())["what"] == {"1": "<class 'object'>"}


def test_chatty_libraries_are_heard_from_warnings_on(written: io.StringIO) -> None:
    logging.getLogger("aiokafka.consumer").info("joined")
    logging.getLogger("faust.app").warning("slow")
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["slow"]
