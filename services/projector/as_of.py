"""A read model as it was at some place in the log: to be looked into, never served and never followed."""

from psycopg import AsyncConnection

from services.projector import schema, switching
from services.projector.positions import Connection
from services.projector.reader import Ends
from services.projector.rebuild import Means
from services.projector.sealing import seal


class NoSuchSchema(Exception):
    """There is no read model of that name to be looked into. One line."""


class FoldedOtherwise(Exception):
    """It was made by another version of the code, whose tables may be others. One line."""


async def build_until(means: Means, cut: Ends) -> str:
    """The name of the schema. Raises AlreadyBuilding, LogBroken."""
    async with switching.alone(means.postgres) as connection:
        async with connection.transaction():
            name = await schema.create(connection, "as_of")
        try:
            await means.building(name).build(cut)
            async with connection.transaction():
                await seal(connection, name)
        except BaseException:
            await schema.drop(connection, name)
            raise
    return name


async def drop(postgres: str, name: str) -> None:
    """Raises NoSuchSchema for one that is not of the past, AlreadyBuilding."""
    async with switching.alone(postgres) as connection:
        await _fingerprint(connection, name)
        await schema.drop(connection, name)


async def check(postgres: str, name: str) -> None:
    """Whether this code can look into it. Raises NoSuchSchema, FoldedOtherwise."""
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        if await _fingerprint(connection, name) != schema.fingerprint():
            raise FoldedOtherwise(
                f"{name} was made by another version of the code: look into it with that one, or make it anew with"
                " `framelog rebuild --until`"
            )


async def _fingerprint(connection: Connection, name: str) -> str:
    rows = await connection.execute(
        "SELECT fingerprint FROM projection.schemas WHERE name = %s AND state = 'as-of'", (name,)
    )
    if (found := await rows.fetchone()) is None:
        raise NoSuchSchema(f"{name} is no schema that --until has made; `framelog rebuild --status` lists them")
    return str(found[0])
