"""A read model as it was at some place in the log: to be looked into, never served and never followed."""

from psycopg.sql import SQL, Identifier

from services.projector import schema, switching
from services.projector.reader import Ends
from services.projector.rebuild import Means


class NoSuchSchema(Exception):
    """No read model of that name is there to be dropped. One line."""


async def build_until(means: Means, cut: Ends) -> str:
    """The name of the schema. Raises AlreadyBuilding, LogBroken."""
    async with switching.alone(means.postgres) as connection:
        async with connection.transaction():
            name = await schema.create(connection, "as_of")
        try:
            await means.building(name).build(cut)
        except BaseException:
            await schema.drop(connection, name)
            raise
        async with connection.transaction():
            await connection.execute("UPDATE projection.schemas SET state = 'as-of' WHERE name = %s", (name,))
            await connection.execute("UPDATE projection.offsets SET state = 'fenced' WHERE schema = %s", (name,))
            await connection.execute(
                SQL("GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1}").format(
                    Identifier(name), Identifier(schema.READ_ONLY)
                )
            )
    return name


async def drop(postgres: str, name: str) -> None:
    """Raises NoSuchSchema for one that is not of the past, AlreadyBuilding."""
    async with switching.alone(postgres) as connection:
        rows = await connection.execute("SELECT 1 FROM projection.schemas WHERE name = %s AND state = 'as-of'", (name,))
        if await rows.fetchone() is None:
            raise NoSuchSchema(f"{name} is no schema that --until has made; `framelog rebuild --status` lists them")
        await schema.drop(connection, name)
