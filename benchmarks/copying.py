"""The floor of live projection: rows that are there already, and for each batch COPY, one upsert and a commit."""

import time

from services.projector import statements
from services.projector.fold import Batch, fold
from services.projector.rows import TABLES, Table
from services.projector.store import Store

Written = dict[str, list[tuple[object, ...]]]
"""Rows by table, in the order of its columns."""


def written(batch: Batch) -> Written:
    """The rows that a batch alone would write."""
    changed = fold({name: {} for name in TABLES}, batch)
    return {name: [TABLES[name].values(state) for state in states.values()] for name, states in changed.items()}


async def copied(database_url: str, schema: str, batches: list[Written]) -> float:
    """Write batch after batch through temporary tables into those of `schema`; the seconds that took."""
    store = await Store.connect(database_url, schema)
    connection = store._connection
    async with connection.cursor() as cursor:
        for name in TABLES:
            await cursor.execute(f"CREATE TEMP TABLE bare_{name} (LIKE {name}) ON COMMIT DELETE ROWS")
        begin = time.perf_counter()
        for batch in batches:
            async with connection.transaction():
                for name, rows in batch.items():
                    table = TABLES[name]
                    async with cursor.copy(statements.copy(table, f"bare_{name}")) as copy:
                        copy.set_types(list(table.columns.values()))
                        for row in rows:
                            await copy.write_row(row)
                    await cursor.execute(_upsert(table))
        took = time.perf_counter() - begin
    await store.close()
    return took


def _upsert(table: Table) -> str:
    columns = [f'"{column}"' for column in table.columns]
    keys, rest = columns[: table.key], columns[table.key :]
    sets = "UPDATE SET " + ", ".join(f"{column} = excluded.{column}" for column in rest)
    return (
        f"INSERT INTO {table.name} SELECT * FROM bare_{table.name}"
        f" ON CONFLICT ({', '.join(keys)}) DO {'NOTHING' if table.writing == 'add' else sets}"
    )
