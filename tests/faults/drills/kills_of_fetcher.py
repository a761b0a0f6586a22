"""The fetcher, the other half of ingest, is killed at each point of a picture's way."""

import hashlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.faults.drill import Act, drill
from tests.faults.evidence import Evidence
from tests.faults.invariants import Broken, nothing_failed
from tests.faults.links import produce_of, put_of
from tests.faults.site import picture_at

UPLOADED = produce_of("framelog.image.uploaded")
ORIGINAL = put_of("originals/")
ALL = ("projector", "analyzer", "fetcher", "api")
TAKEN_OVER = 45.0
"""Seconds: a killed fetcher's partitions wait for its session to end."""


@drill(links=[("fetcher", "s3"), ("fetcher", "kafka")], services=ALL)
async def fetcher_killed(act: Act) -> None:
    """kill -9 of the fetcher when the store has a picture, as its event leaves, and when the log has its event: each
    picture that was asked for is there, once."""
    stage, chance = act.stage, act.stage.chance
    act.checks += [nothing_failed, fetched]
    points = [("s3", ORIGINAL, "answer"), ("kafka", UPLOADED, "request"), ("kafka", UPLOADED, "answer")]
    async with act.load(site=stage.outside["site"]):
        for server, seen, where in chance.sample(points, len(points)):
            link = stage.link("fetcher", server)
            await link.spring(seen, where, chance.randint(1, 2), stage.killer("fetcher"), within=TAKEN_OVER)


def fetched(seen: Evidence) -> Iterator[Broken]:
    """Every picture that was asked for by its address, and acknowledged, is an image; no job for one has failed."""
    there = {image.sha256 for image in seen.images.values()}
    for call in seen.calls:
        if call.ask.kind == "fetch" and call.outcome == "ok" and call.ask.json:
            path = urlsplit(call.ask.json["image_url"]).path
            if hashlib.sha256(picture_at(path)).hexdigest() not in there:
                yield Broken("I1", f"{call}: no image has the picture", call)
    for job, status in seen.jobs.items():
        if status == "failed":
            yield Broken("I1", f"job {job} has failed, and its picture is sound")
