"""Dead letters as the read model has them: what somebody could not read, and what waits for that."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from contracts.read_model.dead_letters import COLUMNS, letter
from contracts.resources.dead_letters import Standing
from contracts.topics import DEAD_LETTERS

ONE = "SELECT * FROM dead_letters WHERE letter = %s"


class DeadLetters:
    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh

    async def one(self, letter_id: UUID) -> Standing | None:
        """A dead letter, perhaps a moment old; None only if the log, as of now, has none."""
        found = await self.known(letter_id)
        if found is None:
            await self._fresh.all_settled(DEAD_LETTERS)
            found = await self.known(letter_id)
        return found

    async def known(self, letter_id: UUID) -> Standing | None:
        found = await self.page(ONE, (letter_id,))
        return found[0] if found else None

    async def page(self, query: str, params: tuple[Any, ...] | Mapping[str, Any]) -> list[Standing]:
        """Those that a query finds in the view `dead_letters`, in its order."""
        return [_standing(row) for row in await self._read_model.rows(query, params)]


def _standing(row: DictRow) -> Standing:
    return Standing(letter=letter([row[name] for name, _ in COLUMNS]), state=row["standing"], parked=row["parked"])
