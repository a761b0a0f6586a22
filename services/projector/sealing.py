"""A read model that is there to be looked into: nothing is written to it any more, by nobody."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from services.projector import schema
from services.projector.rows import TABLES

# Who owns a table, and a superuser, may write to it whatever is granted: `make psql` is both. A trigger stops them too.
REFUSING = """
CREATE FUNCTION {schema}.refuse_to_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE read_only_sql_transaction USING
        MESSAGE = format('%s is read only: it is what the log said then', TG_TABLE_SCHEMA),
        HINT = format('framelog rebuild --drop %s takes it away', TG_TABLE_SCHEMA);
END
$$
"""
REFUSED = """
CREATE TRIGGER refuse_to_write BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {schema}.{table}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_to_write()
"""


async def seal(connection: AsyncConnection[tuple[Any, ...]], name: str) -> None:
    """No projector follows it, nobody writes to its rows, and the read-only role sees them. In a transaction."""
    await connection.execute("UPDATE projection.schemas SET state = 'as-of' WHERE name = %s", (name,))
    await connection.execute("UPDATE projection.offsets SET state = 'fenced' WHERE schema = %s", (name,))
    await connection.execute(SQL(REFUSING).format(schema=Identifier(name)))
    for table in TABLES:
        await connection.execute(SQL(REFUSED).format(schema=Identifier(name), table=Identifier(table)))
    await connection.execute(
        SQL("GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1}").format(
            Identifier(name), Identifier(schema.READ_ONLY)
        )
    )
