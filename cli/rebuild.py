"""`framelog rebuild`: the read model anew from the log, beside the served one; back again; or as it once was."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer

from cli.building import Progressing, failing
from cli.errors import FOUND_A_DIFFERENCE, WRONG_USE, Failed
from cli.options import AsJson
from cli.output import console, json_line, table
from contracts.events import Position
from deploy.local.whereabouts import located
from migrations import check
from services.projector.as_of import build_until, drop
from services.projector.means import means
from services.projector.positions import at_position, at_time
from services.projector.reader import Ends
from services.projector.rebuild import Means, Rebuild, Rebuilt
from services.projector.source import Log
from services.settings import Projector


def rebuild(
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME|POSITION", help="As of then, into a schema to look into.", show_default=False
        ),
    ] = None,
    no_switch: Annotated[bool, typer.Option("--no-switch", help="Build and compare; serve what is served.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Serve again what was served before.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say what is served, kept, and under way.")] = False,
    drop_: Annotated[
        str | None, typer.Option("--drop", metavar="SCHEMA", help="Drop what --until made.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build the read model anew from the log alone, compare, and switch. Reads go on meanwhile, and so do writes.

    A rebuild that was killed goes on where it was with the same command. Exit 1 if the rebuilt rows were other ones:
    the differences are named, and the rebuilt read model is served.

    Examples:
      framelog rebuild
      framelog rebuild --rollback
      framelog rebuild --until 2026-03-01T12:00:00Z
      framelog rebuild --until framelog.images:3:1042
    """
    if sum((until is not None, no_switch, rollback, status, drop_ is not None)) > 1:
        raise Failed("choose one of --until, --no-switch, --rollback, --status, --drop", WRONG_USE)
    settings = located(Projector.read())
    with failing():
        asyncio.run(check(settings.postgres))
        if status:
            _told(asyncio.run(_status(settings.postgres)), as_json)
        elif drop_ is not None:
            asyncio.run(drop(settings.postgres, drop_))
        elif until is not None:
            _made(_built_until(settings, until, as_json), as_json)
        else:
            with Progressing(as_json) as bar:
                work = Rebuild(means(settings, bar.tell))
                done = asyncio.run(work.roll_back() if rollback else work.run(switch=not no_switch))
            _say(done, as_json)
            if done.differences:
                raise typer.Exit(FOUND_A_DIFFERENCE)


def _built_until(settings: Projector, until: str, as_json: bool) -> str:
    with Progressing(as_json) as bar:
        return asyncio.run(_until(means(settings, bar.tell), until))


async def _until(means: Means, until: str) -> str:
    return await build_until(means, await _cut(means.log, until))


async def _cut(log: Log, until: str) -> Ends:
    """A time in RFC 3339, UTC where it says nothing else, or a position."""
    try:
        time = datetime.fromisoformat(until)
    except ValueError:
        try:
            return await at_position(log, Position.parse(until))
        except ValueError:
            line = "neither a time like 2026-03-01T12:00:00Z nor a position like framelog.images:3:1042"
            raise Failed(f"--until {until[:100]}: {line}", WRONG_USE) from None
    return await at_time(log, time if time.tzinfo else time.replace(tzinfo=UTC))


async def _status(postgres: str) -> list[dict[str, Any]]:
    query = """
        SELECT name AS schema, CASE WHEN live.schema IS NOT NULL THEN 'served' ELSE state END AS state,
            created_at::text, phase, done, total
        FROM projection.schemas LEFT JOIN projection.live AS live ON live.schema = name
        LEFT JOIN projection.builds AS build ON build.schema = name ORDER BY created_at
    """
    async with await psycopg.AsyncConnection.connect(postgres, row_factory=psycopg.rows.dict_row) as connection:
        return await (await connection.execute(query)).fetchall()


def _told(schemas: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        for one in schemas:
            json_line(one)
        return
    table(("schema", "state", "made", ""), [_row(one) for one in schemas])


def _row(one: dict[str, Any]) -> tuple[str, str, str, str]:
    far = f"{one['phase']} {one['done']:,} of {one['total']:,}" if one["phase"] else ""
    return one["schema"], one["state"], one["created_at"][:19], far


def _made(name: str, as_json: bool) -> None:
    if as_json:
        json_line({"schema": name})
    else:
        print(name)
        console(stderr=True).print(f"look into it with `make psql` and SET search_path TO {name}")


def _say(done: Rebuilt, as_json: bool) -> None:
    if as_json:
        json_line(
            {
                "schema": done.schema,
                "before": done.before,
                "switched": done.switched,
                "tables": {name: {"rows": one.rows, "digest": one.digest} for name, one in done.digests.items()},
                "differences": [str(one) for one in done.differences],
            }
        )
        return
    before = done.digests_before or {}
    rows = [
        (name, f"{one.rows:,}", one.digest, "" if name not in before else "equal" if before[name] == one else "DIFFERS")
        for name, one in done.digests.items()
    ]
    table(("table", "rows", "digest", "served before"), rows)
    for one in done.differences:
        print(one)
    console(stderr=True).print(f"{done.schema} is {'served' if done.switched else 'built, and not served'}")
