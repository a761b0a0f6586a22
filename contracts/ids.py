"""Same cause, same id: every id is a UUIDv5 over its kind and what caused it, so a retry changes nothing."""

import hashlib
import re
from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid5

import msgspec
import orjson

from contracts.events import Params

NAMESPACE = UUID("6f1d1c4e-8a57-5f0b-9a3e-2f0c6b6d9e11")
_OF_PICTURE = re.compile(r"originals/([0-9a-f]{2})/(?P<original>\1[0-9a-f]{62})|derived/(?P<source>[0-9a-f]{64})/.+")


def request_id(account: str, method: str, path: str, idempotency_key: str) -> UUID:
    return _derived("request", account, method, path, idempotency_key)


def requested(request: UUID, if_match: str | None, fields: Any, sha256: str | None) -> UUID:
    """The event a request asks for. Another body under the same request id is another event."""
    asked = msgspec.json.encode([if_match, fields, sha256], order="sorted")
    return _derived("event", str(request), hashlib.sha256(asked).hexdigest())


def bootstrap() -> UUID:
    """The event that makes the account `admin`, the same from every process that starts first."""
    return _derived("bootstrap", "admin")


def account(event: UUID) -> UUID:
    return _derived("account", str(event))


def api_key(event: UUID) -> UUID:
    return _derived("api-key", str(event))


def first_version(algorithm: str) -> UUID:
    """The event that makes the first version ever seen of an algorithm current, the same from every process."""
    return _derived("first-version", algorithm)


def reanalysis(campaign: str, image: UUID, algorithms: Collection[str]) -> UUID:
    """The event by which a campaign asks for an image: asked twice, it is one."""
    return _derived("reanalysis", campaign, str(image), *sorted(algorithms))


def post(event: UUID) -> UUID:
    return _derived("post", str(event))


def image(event: UUID) -> UUID:
    return _derived("image", str(event))


def fetched(requested: UUID) -> UUID:
    """Shared by ImageUploaded and FetchFailed: a FetchRequested has one outcome."""
    return _derived("fetched", str(requested))


def started(cause: UUID, group: str) -> UUID:
    return _derived("started", str(cause), group)


def outcome(cause: UUID, group: str) -> UUID:
    """Shared by AnalysisCompleted and AnalysisFailed: a cause has one outcome in a group."""
    return _derived("outcome", str(cause), group)


def analyzed(uploaded: UUID) -> UUID:
    """What is told once every algorithm that an upload wants has ended: no event, only the outcome of a delivery."""
    return _derived("analyzed", str(uploaded))


def delivery(outcome: UUID) -> UUID:
    """The end of a callback, its `webhook-id` on every try, and the event that tells of it: an outcome is told once."""
    return _derived("delivery", str(outcome))


def buried(consumer: str, topic: str, partition: int, offset: int) -> UUID:
    return _derived("buried", consumer, topic, str(partition), str(offset))


def lane(topic: str, partition: int, raw_key: bytes) -> UUID:
    """The records of a raw key in a partition, by a name that is short however long the key is."""
    return _derived("lane", topic, str(partition), raw_key.hex())


def original_key(sha256: str) -> str:
    return f"originals/{sha256[:2]}/{sha256}"


def rendition_key(sha256: str, rendition_sha256: str) -> str:
    return f"derived/{sha256}/{rendition_sha256}"


def results_key(sha256: str, group: str) -> str:
    """Where a group's results with the house's own params lie, all in one object."""
    return f"derived/{sha256}/{group}.json"


def result_key(sha256: str, algorithm: str, version: int, params: Params) -> str:
    """Where the result with any other params lies, an object of its own."""
    asked = orjson.dumps([algorithm, version, params], option=orjson.OPT_SORT_KEYS)
    return f"derived/{sha256}/{hashlib.sha256(asked).hexdigest()}.json"


def version_key(algorithm: str, version: int) -> str:
    """Where it lies what a version of an algorithm is made of."""
    return f"algorithms/{algorithm}/{version}.json"


def quarantine_key(key: str) -> str:
    """Where an object lies that nobody named when the sweep came by."""
    return f"quarantine/{key}"


def picture_of(key: str) -> str | None:
    """The SHA-256 of the picture that an object is, or was made of; None under any other key."""
    found = _OF_PICTURE.fullmatch(key)
    return (found["original"] or found["source"]) if found else None


def _derived(kind: str, *cause: str) -> UUID:
    return uuid5(NAMESPACE, "\n".join((kind, *cause)))
