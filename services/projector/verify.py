"""Verify: build anew, from the log alone, what is served at this moment, and compare the two."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import AsyncConnection

from services.projector import schema, switching
from services.projector.comparing import Difference, Side, differences
from services.projector.digest import ALIKE, Digest, seen_by
from services.projector.positions import Connection
from services.projector.rebuild import Means
from services.projector.schema import stands


class NothingServed(Exception):
    """There is no read model of this code's to compare with. One line."""


@dataclass(frozen=True, slots=True)
class Verified:
    """`unlike` names the tables whose digests differ; `differences` the first rows of each."""

    served: Mapping[str, Digest]
    rebuilt: Mapping[str, Digest]
    differences: tuple[Difference, ...]

    @property
    def unlike(self) -> list[str]:
        return [name for name in self.served if self.served[name] != self.rebuilt[name]]


async def verify(means: Means) -> Verified:
    """Nothing is changed. Raises AlreadyBuilding, LogBroken, NothingServed."""
    async with switching.alone(means.postgres) as connection, snapshot_of(means.postgres) as snapshot:
        served = await served_by(snapshot)
        goal = await stands(snapshot, served)
        async with _for_a_while(connection) as name:
            await means.building(name).build(goal)
            means.tell("comparing", 0, 1)
            async with snapshot_of(means.postgres) as beside:
                found = Verified(await seen_by(snapshot, served), await seen_by(beside, name), ())
                sides = Side(snapshot, served), Side(beside, name)
                return Verified(found.served, found.rebuilt, tuple(await differences(found.unlike, *sides)))


async def served_by(connection: Connection) -> str:
    """The served schema, folded by this code. Raises NothingServed."""
    served = await schema.ready(connection)
    if served is None or served != await schema.live(connection):
        raise NothingServed("no read model of this version is served yet; start the projector")
    return served


@asynccontextmanager
async def snapshot_of(postgres: str) -> AsyncIterator[Connection]:
    """What it sees stays as it was at its first question."""
    async with await AsyncConnection.connect(postgres, options=ALIKE) as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection


@asynccontextmanager
async def _for_a_while(connection: Connection) -> AsyncIterator[str]:
    """A schema that is dropped again."""
    async with connection.transaction():
        name = await schema.create(connection, "verified")
    try:
        yield name
    finally:
        await schema.drop(connection, name)
