"""A rebuild is killed in each of its phases, under load, and the same command goes on."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from zlib import crc32

from tests.faults.calls import Ask
from tests.faults.drill import Act, drill
from tests.faults.evidence import asked, log_ends, reached
from tests.faults.links import Link, Seen, Where, after, commit, saying
from tests.faults.load import pictures
from tests.faults.stage import FRAMELOG

FOLDED = saying("COPY ")
INDEXED = saying("ADD PRIMARY KEY")
MOVED = saying("SET next_offset = move.until")
FENCED = saying("SET state = 'fenced'")
COMPARED = saying("md5(one::text) AS row")
LIVE = saying("INSERT INTO projection.live")
UNFENCED = 15.0
"""Seconds after which a read model that a dead rebuild has fenced moves on, by itself."""
WITHIN = 60.0
LOOK_SECONDS = 0.05

BUILDING = "SELECT name FROM projection.schemas WHERE state = 'building'"
STATES = "SELECT state FROM projection.schemas ORDER BY 1"

Killer = Callable[[], Awaitable[None]]
Phase = Callable[[Link, Killer], Awaitable[None]]


def at(seen: Seen, nth: int = 1, where: Where = "request") -> Phase:
    async def wait(link: Link, kill: Killer) -> None:
        await link.spring(seen, where, nth, kill, within=WITHIN)

    return wait


def while_it_drains(act: Act) -> Phase:
    """What is uploaded and projected on its way to the fence stands before that: so there is something to drain."""

    async def projected() -> None:
        await _uploaded(act, "to-drain")
        await reached(act.stage.house, await log_ends(act.stage.house), UNFENCED)

    async def wait(link: Link, kill: Killer) -> None:
        await link.spring(FENCED, "request", 1, projected, passes=True, within=WITHIN)
        await link.spring(MOVED, "request", 1, kill, within=WITHIN)

    return wait


@drill(links=[("rebuild", "postgres")], within=400)
async def rebuild_killed_in_each_phase(act: Act) -> None:
    """kill -9 of a rebuild while it folds, indexes, follows, drains, compares, and on both sides of its switch, under
    load; each time the same command goes on with what is there, and reads never notice."""
    stage, chance = act.stage, act.stage.chance
    phases = {
        "folding": at(FOLDED, chance.randint(2, 12)),
        "indexing": at(INDEXED, chance.randint(1, 10)),
        "following": at(MOVED),
        "draining": while_it_drains(act),
        "comparing": at(COMPARED, chance.randint(1, 20)),
        "switching": at(after(LIVE, commit)),
        "switched": at(after(LIVE, commit), where="answer"),
    }
    begun: str | None = None
    async with act.load(clients=3), reading(act):
        await act.pause(3.0, 4.0)
        for phase, wait in phases.items():
            await _killed(act, phase, wait)
            left = [name for (name,) in await asked(stage.house, BUILDING)]
            begun = begun or left[0]
            expected = [] if phase == "switched" else [begun]
            act.expect(left == expected, "rebuild", f"killed while {phase} it has left {left}, and not {expected}")
            await _moves_on(act, phase)
        process = await rebuild(act)
        said, complaint = await asyncio.wait_for(process.communicate(), WITHIN)
    act.expect(process.returncode == 0, "rebuild", f"the last one ended with {process.returncode}: {complaint!r}")
    act.expect(b'"differences":[]' in said.replace(b" ", b""), "I3", f"the last one found {said!r}")
    states = [state for (state,) in await asked(stage.house, STATES)]
    act.expect(states == ["ready", "retired"], "rebuild", f"in the end there are read models {states}")


async def rebuild(act: Act) -> Process:
    command = (FRAMELOG, "rebuild", "--json")
    return await asyncio.create_subprocess_exec(
        *command, env=act.stage.environment("rebuild"), stdout=PIPE, stderr=PIPE
    )


async def _killed(act: Act, phase: str, wait: Phase) -> None:
    process = await rebuild(act)

    async def kill() -> None:
        process.kill()  # and no more: the link, which waits for this, ends with the process

    try:
        await wait(act.stage.link("rebuild", "postgres"), kill)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        raise AssertionError(f"{phase}: it never came so far: {await process.communicate()}") from None
    await process.communicate()


async def _moves_on(act: Act, phase: str) -> None:
    """What is served does not wait for whoever is dead: it takes what is uploaded after that death."""
    await _uploaded(act, f"after-{phase}")
    try:
        await reached(act.stage.house, await log_ends(act.stage.house), UNFENCED)
    except TimeoutError:
        act.expect(False, "I1", f"killed while {phase}: nothing is projected any more")


async def _uploaded(act: Act, key: str) -> None:
    async with act.stage.client() as client:
        await act.ledger.make(client, _upload(key))


def _upload(key: str) -> Ask:
    return Ask(kind="upload", method="POST", path="/v1/images", key=key, picture=next(pictures(crc32(key.encode()))))


@asynccontextmanager
async def reading(act: Act) -> AsyncIterator[None]:
    """Somebody who looks at an image all the time, and changes it now and then: no error, and never an older one."""
    async with act.stage.client() as client:
        image = (await act.ledger.make(client, _upload("read"))).said["id"]
        path = f"/v1/images/{image}"

        async def read() -> None:
            version = 1
            while True:
                answer = await client.get(path)
                seen = answer.json()["version"] if answer.status_code == 200 else None
                act.expect(seen is not None and seen >= version, "reads", f"{answer.status_code} {answer.text[:200]}")
                version = seen or version
                await asyncio.sleep(LOOK_SECONDS)

        async def change() -> None:
            number = 0
            while True:
                number += 1
                edit = {"title": json.dumps(number)}
                await act.ledger.make(
                    client, Ask(kind="edit", method="PATCH", path=path, key=f"read-{number}", json=edit, if_match="*")
                )
                await asyncio.sleep(1)

        working = [asyncio.create_task(read()), asyncio.create_task(change())]
        try:
            yield
        finally:
            for one in working:
                one.cancel()
            await asyncio.gather(*working, return_exceptions=True)
