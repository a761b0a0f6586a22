"""Golden events: what was once written must stay readable, and mean the same, for ever."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import generate
from contracts.codec import TYPE_OF, decode, encode
from contracts.events import Record
from contracts.topics import TOPICS
from tests.events import NOON

EXAMPLES = {path.stem: orjson.loads(path.read_bytes()) for path in Path("contracts/examples").glob("*.json")}


def record_of(example: dict[str, Any]) -> Record:
    return Record(
        topic=example["topic"],
        partition=0,
        offset=0,
        time=NOON,
        key=example["key"].encode(),
        value=orjson.dumps(example["body"]),
        headers=tuple((name, value.encode()) for name, value in example["headers"].items()),
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_as_it_was_meant(name: str) -> None:
    recorded = decode(record_of(EXAMPLES[name]))
    again = orjson.loads(encode(recorded.event, recorded.cause).value)
    assert {field: again[field] for field in EXAMPLES[name]["body"]} == EXAMPLES[name]["body"]
    assert recorded.type == EXAMPLES[name]["headers"]["ce_type"]


def test_every_event_type_has_an_example() -> None:
    shown = {example["headers"]["ce_type"] for example in EXAMPLES.values()}
    assert {type_ for topic in TOPICS for type_ in topic.events} <= shown


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_body_with_fields_of_tomorrow_is_read_as_if_they_were_not_there(name: str) -> None:
    example = EXAMPLES[name]
    later = {**example, "body": {**example["body"], "field_of_tomorrow": {"a": 1}}}
    assert decode(record_of(later)).event == decode(record_of(example)).event


def test_schemas_and_asyncapi_are_what_the_code_says() -> None:
    assert {path: path.read_bytes() for path in generate.generated()} == generate.generated()


def test_every_event_class_belongs_to_one_topic() -> None:
    assert len(TYPE_OF) == sum(len(topic.events) for topic in TOPICS)
