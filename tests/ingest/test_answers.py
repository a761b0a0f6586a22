"""What is told of a write that stands in the log, whatever happens to the read model meanwhile."""

import json
from datetime import UTC, datetime

from fastapi import Response

from adapters.read_model import Verdict
from contracts.events import Position, TryLater
from contracts.topics import IMAGES
from services.ingest.answers import answer
from services.ingest.proposals import Pending
from tests.events import uid

AT = Position(IMAGES.name, 3, 14)
JUDGED = Verdict(
    event_id=uid(1),
    type="framelog.analysis.requested.v1",
    position=AT,
    time=datetime(2026, 3, 1, tzinfo=UTC),
    request_id=None,
    owner="alice",
    image_id=None,
    version=None,
    reason=None,
)


async def down(_: Verdict) -> Response:
    raise TryLater("Postgres does not answer")


async def shown(_: Verdict) -> Response:
    return Response(status_code=200)


async def test_a_judged_write_is_shown() -> None:
    assert (await answer(JUDGED, shown)).status_code == 200


async def test_a_write_that_nobody_has_judged_is_pending() -> None:
    assert (await answer(Pending(uid(1), AT), shown)).status_code == 202


async def test_a_judged_write_that_cannot_be_shown_is_pending_and_never_unavailable() -> None:
    told = await answer(JUDGED, down)
    assert told.status_code == 202
    assert json.loads(bytes(told.body)) == {
        "event_id": str(uid(1)),
        "position": str(AT),
        "status_url": f"/v1/events/{uid(1)}",
    }
