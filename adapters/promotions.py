"""Versions of algorithms: which there are, and which one speaks, as the read model shows them."""

from collections import defaultdict
from collections.abc import Mapping

from adapters.fresh import Fresh
from adapters.read_model import ReadModel
from contracts.algorithms import Promotion
from contracts.read_model.algorithms import COLUMNS, promotion
from contracts.topics import ALGORITHMS

PROMOTED = f"SELECT {', '.join(name for name, _ in COLUMNS)} FROM promotions ORDER BY algorithm"
# A walk from each version to the next through the index facts_versions: as many steps as versions, not as facts.
FOUND = """
WITH RECURSIVE each AS (
    (SELECT algorithm, version FROM facts ORDER BY algorithm, version LIMIT 1)
    UNION ALL
    SELECT later.algorithm, later.version
    FROM each, LATERAL (
        SELECT fact.algorithm, fact.version FROM facts AS fact
        WHERE (fact.algorithm, fact.version) > (each.algorithm, each.version)
        ORDER BY fact.algorithm, fact.version LIMIT 1
    ) AS later
)
SELECT algorithm, version FROM each
"""


class Promotions:
    def __init__(self, read_model: ReadModel, fresh: Fresh) -> None:
        self._read_model = read_model
        self._fresh = fresh

    async def current(self) -> Mapping[str, Promotion]:
        """By algorithm; of one that nobody has promoted a version of, nothing."""
        rows = await self._read_model.rows(PROMOTED)
        return {row["algorithm"]: promotion(list(row.values())) for row in rows}

    async def newest(self) -> Mapping[str, Promotion]:
        """The same, as the log has it as of now. Raises Problem `behind`."""
        await self._fresh.all_settled(ALGORITHMS)
        return await self.current()

    async def found(self) -> Mapping[str, list[int]]:
        """The versions that any fact is of, by algorithm, the lowest first."""
        versions: dict[str, list[int]] = defaultdict(list)
        for row in await self._read_model.rows(FOUND):
            versions[row["algorithm"]].append(row["version"])
        return versions


def known(installed: str | None, promoted: Promotion | None, found: list[int]) -> list[int]:
    """Every version of an algorithm that there is a trace of, the lowest first."""
    here = {int(installed)} if installed and installed.isdecimal() else set()
    return sorted({*here, *(promoted.known if promoted else ()), *found})
