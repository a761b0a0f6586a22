"""Rebuild: build beside the served read model, follow it, fence it, drain, compare, switch. Each step can be killed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from adapters.tolerance import Limits
from services.projector import schema, switching
from services.projector.build import Building, Tell
from services.projector.catching_up import follow
from services.projector.comparing import Difference, Side, differences
from services.projector.digest import Digest, digests
from services.projector.folding import Plan
from services.projector.positions import Connection, ends
from services.projector.reader import Ends
from services.projector.schema import stands
from services.projector.sealing import seal
from services.projector.source import Log
from services.projector.whole import LogBroken

logger = logging.getLogger(__name__)

NEAR = 1_000
"""Events that a drain may come to: as long as writes wait for it."""
PASSES = 5
TOLD_SECONDS = 0.5


class NoWayBack(Exception):
    """There is nothing that could be served again. One line."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to: the digests of both where both were folded alike, and how their rows differ."""

    schema: str
    digests: Mapping[str, Digest]
    before: str | None = None
    digests_before: Mapping[str, Digest] | None = None
    differences: tuple[Difference, ...] = ()
    switched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every build is made with: `memory` in bytes, a `folder` for what does not fit into it, who is `told`, how
    many `processes` fold, and the part of a partition's records that may be `unreadable`."""

    postgres: str
    log: Log
    folder: Path
    memory: int
    tell: Tell
    processes: int = 1
    unreadable: float = Limits().ratio

    def building(self, name: str) -> Building:
        plan = Plan(
            bootstrap=self.log.bootstrap,
            prefix=self.log.names.prefix,
            postgres=self.postgres,
            schema=name,
            folder=str(self.folder / name),
            memory=self.memory,
            unreadable=self.unreadable,
        )
        return Building(plan, self.processes, self.tell)


class Rebuild:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._told: tuple[str, int, int] = ("folding", 0, 0)

    async def run(self, switch: bool = True) -> Rebuilt:
        """Raises AlreadyBuilding, LogBroken; whatever it raises, the served read model goes on."""
        async with switching.alone(self._means.postgres) as connection:
            served = await schema.live(connection)
            name, goal = await self._begun(connection, served)
            try:
                async with self._reported(connection, name):
                    await replace(self._means, tell=self._tell).building(name).build(goal)
                    await self._near(connection, name, served)
                    return await self._switched(connection, name, served, switch)
            except LogBroken:  # there is nothing to go on with
                await schema.drop(connection, name)
                raise

    async def roll_back(self) -> Rebuilt:
        """Serve again what was served before, brought to where the served one stands.

        Raises NoWayBack, AlreadyBuilding, LogBroken.
        """
        async with switching.alone(self._means.postgres) as connection:
            served, name = await schema.live(connection), await _retired(connection)
            async with self._reported(connection, name):
                await switching.unfence(connection, name)
                await self._near(connection, name, served)
                return await self._switched(connection, name, served, switch=True)

    async def _begun(self, connection: Connection, served: str | None) -> tuple[str, Ends]:
        """The schema that a killed rebuild has left, else a new one; and where its build ends."""
        for name, fingerprint, rebuilding in await _left(connection):
            if rebuilding and fingerprint == schema.fingerprint():
                return name, await _goal(connection, name)
            await schema.drop(connection, name)
        goal = await self._target(connection, served)
        async with connection.transaction():
            name = await schema.create(connection)
            await connection.execute(
                "INSERT INTO projection.builds (schema, purpose, total, memory) VALUES (%s, 'rebuild', %s, %s)",
                (name, sum(goal.values()), self._means.memory),
            )
            for (topic, partition), upto in goal.items():
                await connection.execute(
                    "INSERT INTO projection.goals (schema, topic, partition, upto) VALUES (%s, %s, %s, %s)",
                    (name, topic, partition, upto),
                )
        return name, goal

    async def _target(self, connection: Connection, served: str | None) -> Ends:
        """Where the served read model stands, so that both can be compared there; else where the log ends."""
        if served and await _folded_alike(connection, served):
            return await stands(connection, served)
        return await ends(self._means.log)

    async def _near(self, connection: Connection, name: str, served: str | None) -> None:
        """Catch up, while the served one goes on, until what is left is little."""
        for _ in range(PASSES):
            target, own = await self._target(connection, served), await stands(connection, name)
            left = sum(target.values()) - sum(own.values())
            self._tell("following", sum(own.values()), sum(target.values()))
            if left <= 0:
                return
            await follow(self._means.postgres, self._means.log, name, target)
            if left < NEAR:
                return

    async def _switched(self, connection: Connection, name: str, served: str | None, switch: bool) -> Rebuilt:
        """With the served one fenced, which it stays no longer than this takes."""
        alike = served is not None and await _folded_alike(connection, served)
        if served:
            await switching.fence(connection, served)
        try:
            self._tell("draining", 0, 1)
            await follow(self._means.postgres, self._means.log, name, await self._target(connection, served))
            self._tell("comparing", 0, 1)
            rebuilt = await self._compared(connection, name, served if alike else None)
            if switch:
                await switching.switch(connection, name)
            else:
                await _kept(connection, name)
            self._tell("done", 1, 1)
            return Rebuilt(name, rebuilt.digests, served, rebuilt.digests_before, rebuilt.differences, switch)
        finally:
            if served and await schema.live(connection) == served:
                await switching.unfence(connection, served)

    async def _compared(self, connection: Connection, name: str, served: str | None) -> Rebuilt:
        own = await digests(self._means.postgres, name)
        if served is None:
            return Rebuilt(name, own)
        before = await digests(self._means.postgres, served)
        unlike = [table for table in own if own[table] != before[table]]
        connect = AsyncConnection.connect
        async with await connect(self._means.postgres) as one, await connect(self._means.postgres) as other:
            found = await differences(unlike, Side(one, served), Side(other, name))
        return Rebuilt(name, own, served, before, tuple(found))

    def _tell(self, phase: str, done: int, total: int) -> None:
        self._told = (phase, done, total)
        self._means.tell(phase, done, total)

    @asynccontextmanager
    async def _reported(self, connection: Connection, name: str) -> AsyncIterator[None]:
        """Others see in `projection.builds` how far it is."""

        async def report() -> None:
            while True:
                await connection.execute(
                    "UPDATE projection.builds SET phase = %s, done = %s, total = %s, updated_at = now()"
                    " WHERE schema = %s",
                    (*self._told, name),
                )
                await asyncio.sleep(TOLD_SECONDS)

        reporting = asyncio.create_task(report())
        try:
            yield
        finally:
            reporting.cancel()
            with suppress(asyncio.CancelledError):
                await reporting


async def _goal(connection: Connection, name: str) -> Ends:
    rows = await connection.execute(
        "SELECT topic, partition, upto FROM projection.goals WHERE schema = %s ORDER BY 1, 2", (name,)
    )
    return {(topic, partition): upto async for topic, partition, upto in rows}


async def _left(connection: Connection) -> list[tuple[Any, ...]]:
    """What builds that are dead have left, and whether they were rebuilds: nobody else builds while this one does."""
    rows = await connection.execute(
        "SELECT name, fingerprint, EXISTS (SELECT FROM projection.builds WHERE schema = name)"
        " FROM projection.schemas WHERE state = 'building'"
    )
    return await rows.fetchall()


async def _retired(connection: Connection) -> str:
    rows = await connection.execute("SELECT name, fingerprint FROM projection.schemas WHERE state = 'retired'")
    found = await rows.fetchone()
    if found is None:
        raise NoWayBack("no read model is kept from before; only a rebuild leaves one")
    if found[1] != schema.fingerprint():
        raise NoWayBack(f"{found[0]} was folded by another version of the code; start that version to go back")
    return str(found[0])


async def _folded_alike(connection: Connection, name: str) -> bool:
    row = await (
        await connection.execute("SELECT fingerprint FROM projection.schemas WHERE name = %s", (name,))
    ).fetchone()
    return bool(row and row[0] == schema.fingerprint())


async def _kept(connection: Connection, name: str) -> None:
    """To be looked into, and neither followed nor served."""
    async with connection.transaction():
        await seal(connection, name)
        await connection.execute("DELETE FROM projection.builds WHERE schema = %s", (name,))
