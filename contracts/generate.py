"""Writes what follows from the code: a JSON Schema per event, and the AsyncAPI document. `--check` only compares.

Usage: python -m contracts.generate [--check]
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson

from contracts.topics import TOPICS, Topic

HERE = Path(__file__).parent
SCHEMAS = HERE / "schemas"
HEADERS = {
    "ce_id": "id of the event, a UUIDv5 over its kind and cause",
    "ce_source": "the service that produced it",
    "ce_specversion": "1.0",
    "ce_type": "type and version",
    "ce_time": "the producer's clock, RFC 3339; time in Framelog is append time",
    "ce_subject": "id of the aggregate",
    "ce_dataschema": "address of the JSON Schema of the body",
    "ce_causationid": "id of the event that led to this one",
    "ce_requestid": "id of the request that led to this one",
    "traceparent": "W3C trace context of this hop",
    "content-type": "application/json",
}


def generated() -> dict[Path, bytes]:
    """Every generated file and its contents."""
    files = {
        SCHEMAS / f"{type_}.json": _pretty(schema(type_, event))
        for topic in TOPICS
        for type_, event in topic.events.items()
    }
    return files | {HERE / "asyncapi.json": _pretty(asyncapi())}


def schema(type_: str, event: type) -> dict[str, Any]:
    """The JSON Schema of an event's body."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"/schemas/{type_}.json"} | (
        msgspec.json.schema(event)
    )


def asyncapi() -> dict[str, Any]:
    """Topics and messages as AsyncAPI 3.0."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Framelog",
            "version": "1",
            "description": "CloudEvents 1.0 in Kafka binary mode; a record's key is the id of its aggregate.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {
            f"{action}.{service}.{topic.name}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "title": f"{service} {'writes' if action == 'send' else 'reads'} {topic.name}",
            }
            for topic in TOPICS
            for action, services in (("send", topic.producers), ("receive", topic.consumers))
            for service in services
        },
        "components": {
            "messageTraits": {
                "cloudevent": {
                    "headers": {
                        "type": "object",
                        "properties": {
                            name: {"type": "string", "description": meaning} for name, meaning in HEADERS.items()
                        },
                    }
                }
            }
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"retention.ms": -1},
                "bindingVersion": "0.5.0",
            }
        },
        "messages": {
            type_: {
                "name": type_,
                "title": event.__name__,
                "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
                "payload": {"$ref": f"./schemas/{type_}.json"},
                "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"}},
            }
            for type_, event in topic.events.items()
        },
    }


def _pretty(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def main(arguments: list[str]) -> int:
    files = generated()
    stale = [path for path, text in files.items() if not path.exists() or path.read_bytes() != text]
    unknown = [path for path in SCHEMAS.glob("*.json") if path not in files]
    for path in stale + unknown:
        print(f"{path.relative_to(HERE.parent)} is not what the code says; run: python -m contracts.generate")
    if "--check" in arguments:
        return 1 if stale or unknown else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(files[path])
    for path in unknown:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
