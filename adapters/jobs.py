"""Jobs as the read model shows them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from adapters.fresh import Fresh, parked
from adapters.read_model import ReadModel
from contracts.events import Json
from contracts.read_model.jobs import COLUMNS, job
from contracts.resources.images import Analysis
from contracts.resources.jobs import Callback, DescribedJob
from contracts.topics import IMAGES

ONE = "SELECT * FROM described_jobs WHERE job_id = %s"
# Tries of what has not ended are in no log.
TRIED = "SELECT request, attempts, last_status, next_attempt_at FROM unlogged.callbacks WHERE request = ANY(%s)"
_ANALYSES = msgspec.json.Decoder(tuple[Analysis, ...])
_ERROR = msgspec.json.Decoder(dict[str, Json])


class Jobs:
    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh

    async def one(self, job_id: UUID) -> DescribedJob | None:
        """The job, perhaps a moment old; None only if the log, as of now, has none. Any partition may have it.

        Raises Problem `behind`.
        """
        found = await self.known(job_id)
        if found is None:
            await self._fresh.all_settled(IMAGES)
            found = await self.known(job_id)
            if found is None and (waits := await self._read_model.parked(job_id)):
                raise parked(waits.letter)
        return found

    async def known(self, job_id: UUID) -> DescribedJob | None:
        found = await self.page(ONE, (job_id,))
        return found[0] if found else None

    async def page(self, query: str, params: Sequence[Any] | Mapping[str, Any]) -> list[DescribedJob]:
        """The jobs that a query finds in the view `described_jobs`, in its order."""
        rows = await self._read_model.rows(query, params)
        waiting = [row["requested"] for row in rows if row["callback_url"] and not row["delivery_state"]]
        tries = await self._read_model.rows(TRIED, (waiting,)) if waiting else []
        tried = {one.pop("request"): one for one in tries}
        return [_described(row, tried.get(row["requested"], {})) for row in rows]


def _described(row: DictRow, tried: Mapping[str, Any]) -> DescribedJob:
    return DescribedJob(
        job=job([row[name] for name, _ in COLUMNS]),
        status=row["status"],
        analyses=_ANALYSES.decode(row["analyses"]),
        error=_ERROR.decode(row["error"]) if row["error"] else None,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        callback=_callback(row, tried),
    )


def _callback(row: DictRow, tried: Mapping[str, Any]) -> Callback:
    if row["delivery_state"]:
        return Callback(
            status=row["delivery_state"], attempts=row["delivery_attempts"], last_status=row["delivery_status"]
        )
    return Callback(status="pending", **tried) if row["callback_url"] else Callback(status="none")
