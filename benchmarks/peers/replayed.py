"""The lives of images by the library eventsourcing: recorded in Postgres, then projected into tables anew.

`replayed.py record IMAGES` once, then `replayed.py project IMAGES`, which prints events per second. The way of its
documentation: an aggregate, an application, a projection whose view writes rows and its position in one transaction.
"""

import sys
import time
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

EVENTS_PER_IMAGE = 3
PATIENCE = 600
ALGORITHMS = ("metadata", "exif", "thumbnail", "colors", "hash", "quality")
TABLES = """
CREATE TABLE IF NOT EXISTS images (id uuid PRIMARY KEY, owner text, title text, content jsonb, state text);
CREATE INDEX IF NOT EXISTS images_owner ON images (owner, id);
CREATE TABLE IF NOT EXISTS facts (image uuid, algorithm text, result jsonb, PRIMARY KEY (image, algorithm));
"""


class Image(Aggregate):
    @event("Uploaded")
    def __init__(self, owner: str, title: str, content: dict[str, Any]) -> None:
        self.owner = owner
        self.title = title
        self.content = content

    @event("AnalysisStarted")
    def start(self, group: str) -> None:
        self.group = group

    @event("AnalysisCompleted")
    def complete(self, results: dict[str, Any]) -> None:
        self.results = results


class Images(Application[UUID]):
    def record(self, number: int) -> None:
        sha256 = f"{number:064x}"
        content = {
            "sha256": sha256,
            "size": 3_000_000 + number,
            "media_type": "image/jpeg",
            "width": 4000,
            "height": 3000,
        }
        image = Image(owner=f"owner-{number % 50}", title=f"Picture number {number}", content=content)
        image.start(group="core")
        found = {"width": 4000, "height": 3000, "format": "JPEG", "mode": "RGB", "frames": 1, "sha256": sha256}
        image.complete(results={name: found for name in ALGORITHMS})
        self.save(image)


class View(PostgresTrackingRecorder):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.sql_create_statements.append(SQL(TABLES))

    def write(self, tracking: Tracking, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            for statement, values in statements:
                cursor.execute(statement, values, prepare=True)


class Rows(Projection[View]):
    topics = tuple(f"{Image.__module__}:Image.{name}" for name in ("Uploaded", "AnalysisStarted", "AnalysisCompleted"))

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        raise NotImplementedError(domain_event)

    @process_event.register
    def _(self, said: Image.Uploaded, tracking: Tracking) -> None:
        row = (said.originator_id, said.owner, said.title, Jsonb(said.content), "queued")
        self.view.write(tracking, ("INSERT INTO images VALUES (%s, %s, %s, %s, %s)", row))

    @process_event.register
    def _(self, said: Image.AnalysisStarted, tracking: Tracking) -> None:
        self.view.write(tracking, ("UPDATE images SET state = 'running' WHERE id = %s", (said.originator_id,)))

    @process_event.register
    def _(self, said: Image.AnalysisCompleted, tracking: Tracking) -> None:
        facts = [
            ("INSERT INTO facts VALUES (%s, %s, %s)", (said.originator_id, name, Jsonb(result)))
            for name, result in said.results.items()
        ]
        done = ("UPDATE images SET state = 'completed' WHERE id = %s", (said.originator_id,))
        self.view.write(tracking, *facts, done)


def record(images: int) -> None:
    recorded = Images()
    for number in range(images):
        recorded.record(number)


def project(images: int) -> float:
    begin = time.perf_counter()
    with ProjectionRunner(application_class=Images, projection_class=Rows, view_class=View) as runner:
        runner.wait(images * EVENTS_PER_IMAGE, timeout=PATIENCE)
        return images * EVENTS_PER_IMAGE / (time.perf_counter() - begin)


if __name__ == "__main__":
    what, images = sys.argv[1], int(sys.argv[2])
    if what == "record":
        record(images)
    else:
        print(project(images))
