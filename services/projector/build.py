"""Build a read model beside the served one: fold the log up to a goal, partition by partition, then the indexes.

Nothing else is written: no event, no callback, no object.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psycopg import AsyncConnection

from contracts.topics import DEAD_LETTERS
from services.projector.crew import fold_side_by_side
from services.projector.folding import LEAST, Count, Folding, Plan, Share
from services.projector.indexing import index_side_by_side
from services.projector.reader import Ends
from services.projector.schema import stands

FEW = 20_000
"""So many records are folded sooner than other processes have started."""

Tell = Callable[[str, int, int], None]
"""Told a phase, how many events of it are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Building:
    plan: Plan
    processes: int
    tell: Tell

    async def build(self, upto: Ends) -> None:
        """Fill the schema, made by `schema.create`, with all the log holds before `upto`; then index it.

        Raises LogBroken where the log does not hold all of that, TooManyUndecodable, BuilderDied.
        """
        try:
            await self._fold(upto)
        finally:
            shutil.rmtree(Path(self.plan.folder), ignore_errors=True)
        telling = partial(self.tell, "indexing")
        await index_side_by_side(self.plan.postgres, self.plan.schema, self.processes, telling)

    async def _fold(self, upto: Ends) -> None:
        async with await AsyncConnection.connect(self.plan.postgres, autocommit=True) as connection:
            folded = await stands(connection, self.plan.schema)
        left = [Share(*at, end) for at, end in upto.items() if end and at not in folded]
        first = [share for share in left if share.topic == DEAD_LETTERS.name]
        rest = sorted((share for share in left if share not in first), key=lambda share: -share.end)
        await self._one_after_the_other(first, self._counting(upto, left))
        counting = self._counting(upto, rest)
        processes = min(self.processes, self.plan.memory // LEAST)
        if processes < 2 or sum(share.end for share in rest) < FEW:
            await self._one_after_the_other(rest, counting)
        else:
            await fold_side_by_side(self.plan, rest, processes, counting)
        counting(sum(share.end for share in rest))

    def _counting(self, upto: Ends, left: Iterable[Share]) -> Count:
        """Tells of a number of what is `left` as of all."""
        total = sum(upto.values())
        before = total - sum(share.end for share in left)
        self.tell("folding", before, total)
        return lambda done: self.tell("folding", before + done, total)

    async def _one_after_the_other(self, shares: list[Share], tell: Count) -> None:
        if not shares:
            return
        async with Folding.of(self.plan) as folding:
            before = 0
            for share in shares:
                await folding.fold(share, lambda done, before=before: tell(before + done))  # type: ignore[misc]
                before += share.end
