"""Ingest is killed at each point of an upload's way."""

from tests.faults.drill import Act, drill
from tests.faults.links import Seen, Where, post_of, produce_of, put_of

UPLOADED = produce_of("framelog.image.uploaded")
ORIGINAL = put_of("originals/")
UPLOAD = post_of("/v1/images ")
TIMES = 3


async def killed_at(act: Act, server: str, seen: Seen, where: Where) -> None:
    """kill -9 of the API, again and again, at some request of this kind."""
    stage = act.stage
    way = ("client", "api") if server == "api" else ("api", server)
    async with act.load():
        for _ in range(TIMES):
            await stage.link(*way).spring(seen, where, stage.chance.randint(2, 9), stage.killer("api"))
            await stage.back("api")
            await act.pause(0.2, 1.0)


@drill(links=[("api", "s3")])
async def ingest_killed_before_put(act: Act) -> None:
    """kill -9 of ingest as an upload's bytes leave it: they never arrive."""
    await killed_at(act, "s3", ORIGINAL, "request")


@drill(links=[("api", "s3")])
async def ingest_killed_after_put(act: Act) -> None:
    """kill -9 of ingest when the store has an upload's bytes, and ingest has not heard of it."""
    await killed_at(act, "s3", ORIGINAL, "answer")


@drill(links=[("api", "kafka")])
async def ingest_killed_before_produce(act: Act) -> None:
    """kill -9 of ingest as an upload's event leaves it: an object without an event."""
    await killed_at(act, "kafka", UPLOADED, "request")


@drill(links=[("api", "kafka")], short=True)
async def ingest_killed_after_produce(act: Act) -> None:
    """kill -9 of ingest when the log has an upload's event, and ingest has not heard of it."""
    await killed_at(act, "kafka", UPLOADED, "answer")


@drill(links=[("client", "api")])
async def ingest_killed_before_reply(act: Act) -> None:
    """kill -9 of ingest as its 201 leaves it: the client never hears it."""
    await killed_at(act, "api", UPLOAD, "answer")
