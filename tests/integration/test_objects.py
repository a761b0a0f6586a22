"""What rows name is in the bucket, what nothing names goes: on real objects, a real log and a real read model."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec.structs import replace

from adapters.log import Names
from adapters.objects import ObjectMissing, Objects
from cli.main import run
from contracts import ids
from contracts.images import Content
from services.projector.naming import Lagging, Look, look
from services.projector.objects import Finding, check
from services.projector.orphans import Sweep
from services.projector.quarantine import quarantined, restore
from services.projector.source import Log
from tests import events
from tests.events import uid
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

Line = Callable[..., Awaitable[tuple[int, str, str]]]
LATER = timedelta(days=30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one:
        yield one


def source(at: World) -> Log:
    return Log(at.house.stack.kafka, Names(at.house.names.prefix))


def looking(at: World, within: float = 20) -> Any:
    return look(at.house.database, source(at), within)


def in_a_month() -> datetime:
    return datetime.now(UTC) + LATER


async def pictured(at: World, name: str) -> tuple[UUID, Content, str]:
    """An image with its bytes and a rendition: its id, its content, the rendition's key."""
    data, small = f"original of {name}".encode(), f"rendition of {name}".encode()
    content = await at.store(data)
    sha256 = hashlib.sha256(small).hexdigest()
    key = ids.rendition_key(content.sha256, sha256)
    await at.objects.put(key, small)
    await at.objects.put(ids.results_key(content.sha256, "core"), b"[]")
    made = {"name": "small", "width": 1, "height": 1, "media_type": "image/jpeg", "size": len(small)}
    renditions = [{**made, "sha256": sha256, "key": key}]
    image = await at.upload(name, {"thumbnail": {"renditions": renditions, "thumbhash": ""}}, content=content)
    return image, content, key


async def stranded(at: World, name: str) -> str:
    """An original that no event names."""
    data = f"stranded {name}".encode()
    key = ids.original_key(hashlib.sha256(data).hexdigest())
    await at.objects.put(key, data, "image/png")
    return key


async def findings(at: World, deep: bool = False) -> dict[str, Finding]:
    async with looking(at) as found:
        return {row.key: finding async for row, finding in check(found, at.objects, deep) if finding}


async def orphans(at: World, before: datetime | None = None) -> set[str]:
    async with looking(at) as found:
        return {one.key async for one in Sweep(found, at.objects, before or in_a_month()).orphans()}


async def put_aside(at: World, before: datetime | None = None) -> dict[str, str]:
    async with looking(at) as found:
        sweep = Sweep(found, at.objects, before or in_a_month())
        return {done.orphan.key: done.fate async for done in sweep.quarantine()}


async def deleted(at: World, before: datetime | None = None) -> dict[str, str]:
    async with looking(at) as found:
        sweep = Sweep(found, at.objects, before or in_a_month())
        return {done.orphan.key: done.fate async for done in sweep.delete()}


async def is_there(objects: Objects, key: str) -> bool:
    try:
        await objects.stat(key)
    except ObjectMissing:
        return False
    return True


# Rows and their objects


async def test_an_object_that_is_gone_is_named_with_what_was_expected_and_an_image_of_it(at: World) -> None:
    image, content, rendition = await pictured(at, "gone")
    assert await findings(at) == {}
    await at.objects.delete(content.storage_key)
    await at.objects.delete(rendition)
    found = await findings(at)
    assert found[content.storage_key] == Finding("missing", content.storage_key, content.size, None, str(image))
    assert found[rendition].what == "missing"
    assert len(found) == 2
    await pictured(at, "gone")
    assert await findings(at) == {}


async def test_the_bytes_of_older_versions_are_wanted_too(at: World) -> None:
    image, content, _ = await pictured(at, "before")
    new = await at.store(b"after")
    await at.append(events.updated(image, owner="admin", actor="admin", content=new, replaces_content=True))
    await at.append(events.deleted(image))
    await at.objects.delete(content.storage_key)
    assert set(await findings(at)) == {content.storage_key}
    await at.store(b"original of before")
    assert (await findings(at), await orphans(at)) == ({}, set())


async def test_a_size_is_named_at_once_and_a_flipped_byte_by_reading_alone(at: World) -> None:
    _, cut, _ = await pictured(at, "cut")
    _, flipped, rendition = await pictured(at, "flipped")
    await at.objects.put(cut.storage_key, b"origin")
    for key in (flipped.storage_key, rendition):
        data = await at.objects.get(key)
        await at.objects.put(key, bytes([data[0] ^ 1]) + data[1:])
    shallow, deep = await findings(at), await findings(at, deep=True)
    assert {key: (one.what, one.expected, one.found) for key, one in shallow.items()} == {
        cut.storage_key: ("size", cut.size, 6)
    }
    assert {key: one.what for key, one in deep.items()} == {
        cut.storage_key: "size",
        flipped.storage_key: "sha256",
        rendition: "sha256",
    }
    assert deep[flipped.storage_key].expected == flipped.sha256
    for name in ("cut", "flipped"):
        await pictured(at, name)
    assert await findings(at, deep=True) == {}


# Objects and who names them


async def test_what_nothing_names_is_an_orphan_once_it_is_old(at: World) -> None:
    await pictured(at, "named")
    old = await stranded(at, "old")
    derived = ids.results_key("ab" * 32, "core")
    await at.objects.put(derived, b"[]")
    now = datetime.now(UTC)
    assert old not in await orphans(at, now - timedelta(minutes=1))
    assert await orphans(at) == {old, derived}
    await at.objects.delete(old)
    await at.objects.delete(derived)


async def test_what_the_house_did_not_put_there_is_none_of_its_business(at: World) -> None:
    foreign = ["backup.tar", "originals/readme.txt", f"originals/00/{'ab' * 32}", "algorithms/x/1.json", "derived/x/y"]
    for key in foreign:
        await at.objects.put(key, b"x")
    assert await orphans(at) == set()
    for key in foreign:
        await at.objects.delete(key)


async def test_every_event_names_its_bytes_whatever_became_of_it(at: World) -> None:
    refused, asked = await at.store(b"of a refused proposal"), await at.store(b"of a job")
    image, _, _ = await pictured(at, "refuses")
    await at.append(events.updated(image, expected_version=99, content=refused, replaces_content=True))
    await at.append(events.uploaded(image, content=asked))
    assert await orphans(at) == set()


async def test_what_waits_behind_a_dead_letter_names_its_bytes(at: World) -> None:
    waiting, image = await at.store(b"of a parked event"), uid("parked image")
    sent = events.message(events.uploaded(image, content=waiting), "parked upload")
    newer = dict(sent.headers) | {"ce_type": b"framelog.image.uploaded.v9"}
    await at.log.produce(replace(sent, headers=tuple(newer.items())), uid("parked upload"))
    assert await orphans(at) == set()


async def test_an_upload_on_offer_is_left_alone_until_its_offer_has_ended(at: World) -> None:
    said = {"filename": "a.jpg", "size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    offered = (await at.client.post("/v1/uploads", json=said)).json()
    await at.objects.put(f"uploads/{offered['id']}", b"abc")
    left = f"uploads/{uid('somebody crashed')}"
    await at.objects.put(left, b"abc")
    assert await orphans(at) == {left}
    assert await put_aside(at) == {left: "quarantined"}
    assert await deleted(at) == {left: "deleted"}


# The quarantine


async def test_an_orphan_is_put_aside_and_deleted_only_later(at: World) -> None:
    key = await stranded(at, "aside")
    assert await put_aside(at) == {key: "quarantined"}
    assert not await is_there(at.objects, key)
    assert (await at.objects.stat(ids.quarantine_key(key))).media_type == "image/png"
    assert await orphans(at) == set()
    assert await deleted(at, datetime.now(UTC) - timedelta(hours=1)) == {}
    assert [one.key async for one in quarantined(at.objects)] == [key]
    assert await deleted(at) == {key: "deleted"}
    assert [one.key async for one in quarantined(at.objects)] == []


async def test_what_is_brought_back_is_what_it_was(at: World) -> None:
    key = await stranded(at, "back")
    await put_aside(at)
    (one,) = [one async for one in quarantined(at.objects, key)]
    assert (await restore(at.objects, one)).fate == "restored"
    assert await at.objects.get(key) == b"stranded back"
    assert (await at.objects.stat(key)).media_type == "image/png"
    assert not await is_there(at.objects, ids.quarantine_key(key))
    await at.objects.delete(key)


class Interrupted(Sweep):
    """Somebody names what is about to be judged again."""

    def __init__(self, look: Look, at: World, name: str) -> None:
        super().__init__(look, at.objects, in_a_month())
        self._at, self._name = at, name

    async def orphans(self) -> Any:
        async for one in super().orphans():
            await self._at.upload(self._name, content=await self._at.store(f"stranded {self._name}".encode()))
            yield one


async def test_what_is_named_between_the_listing_and_the_move_is_kept(at: World) -> None:
    key = await stranded(at, "just in time")
    async with looking(at) as found:
        fates = {done.orphan.key: done.fate async for done in Interrupted(found, at, "just in time").quarantine()}
    assert fates == {key: "kept"}
    assert await findings(at) == {}


async def test_what_is_written_again_between_the_listing_and_the_move_is_kept(at: World) -> None:
    key = await stranded(at, "again")
    async with looking(at) as found:
        sweep = Sweep(found, at.objects, in_a_month())
        (one,) = [one async for one in sweep.orphans()]
        sweep._before = (await at.objects.stat(key)).modified
        assert await sweep._put_aside(one) == "kept"
    await at.objects.delete(key)


async def test_what_is_named_only_after_the_move_is_read_where_it_lies_and_brought_back(at: World) -> None:
    key = await stranded(at, "too late")
    data = await at.objects.get(key)
    await put_aside(at)
    image = await at.upload("too late", content=events.content(sha256=key[-64:], size=len(data), storage_key=key))
    answer = await at.get(f"/v1/images/{image}/content")
    assert (answer.status_code, answer.content) == (200, data)
    part = await at.get(f"/v1/images/{image}/content", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, data[:4])
    assert {one.what for one in (await findings(at)).values()} == {"quarantined"}
    assert await deleted(at) == {key: "restored"}
    assert await findings(at) == {}
    assert await at.objects.get(key) == data


async def test_nothing_is_judged_by_a_read_model_that_lags(at: World) -> None:
    with at.projector_frozen():
        await at.upload("unseen", content=await at.store(b"unseen"))
        with pytest.raises(Lagging):
            async with looking(at, within=0.5):
                pass
    assert await orphans(at) == set()


# The command line


@pytest.fixture
def line(at: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    """Calls `framelog`; its exit code, and what it says on stdout and stderr."""

    async def call(*arguments: str, **settings: object) -> tuple[int, str, str]:
        with monkeypatch.context() as here:
            for name, value in at.house.environment(**settings).items():
                here.setenv(name, value)
            capsys.readouterr()
            code = await asyncio.to_thread(run, arguments)
            return code, *capsys.readouterr()

    return call


async def test_verify_names_each_finding_and_what_to_do(at: World, line: Line) -> None:
    image, content, _ = await pictured(at, "on the line")
    code, out, err = await line("verify", "--objects", "--deep")
    assert (code, out) == (0, ""), err
    assert "all as their rows say" in err
    await at.objects.delete(content.storage_key)
    code, out, err = await line("verify", "--objects")
    said = f"missing      {content.storage_key}  expected {content.size} bytes, found nothing  (image {image})"
    assert (code, out.splitlines()) == (1, [said])
    assert "missing: restore it" in err
    await at.store(b"original of on the line")
    key = await stranded(at, "verified")
    code, out, _ = await line("verify", "--objects", "--older-than", "0s", "--json")
    finding, summary = map(json.loads, out.splitlines())
    assert (code, finding["finding"], finding["key"], summary["equal"]) == (1, "orphan", key, False)
    await at.objects.delete(key)


async def tells(at: World, left: int) -> None:
    """How many there are, the API tells whoever watches."""

    async def told() -> bool:
        return f"\nframelog_orphans {left}.0\n" in (await at.client.get("/metrics")).text

    assert await at.until(told)


async def test_orphans_are_listed_put_aside_brought_back_and_deleted_and_all_of_it_is_noted(
    at: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await stranded(at, "on the line")
    assert await line("orphans") == (0, "", "nothing (0 B)\n")
    await tells(at, 0)
    code, out, _ = await line("orphans", "--older-than", "0s")
    assert (code, out.split()[0], out.split()[-1]) == (0, "orphan", key)
    await tells(at, 1)
    code, out, _ = await line("orphans", "--quarantine", "--older-than", "0s", "--json")
    assert (code, json.loads(out)["state"]) == (0, "quarantined")
    await tells(at, 0)
    assert (await line("orphans", "--delete"))[1] == ""
    assert json.loads((await line("orphans", "--json"))[1])["key"] == key
    assert (await line("orphans", "--restore", key))[1].split()[0] == "restored"
    await line("orphans", "--quarantine", "--older-than", "0s")
    monkeypatch.setattr("cli.orphans.now", in_a_month)
    assert (await line("orphans", "--delete"))[1].split()[0] == "deleted"
    assert not await is_there(at.objects, key)
    noted = [json.loads(one) for one in (at.house.home / "logs" / "orphans.log").read_text().splitlines()]
    fates = ["quarantined", "restored", "quarantined", "deleted"]
    assert [(one["event"], one["key"]) for one in noted] == [(fate, key) for fate in fates]


@pytest.mark.parametrize(
    ("arguments", "code", "line_of"),
    [
        (["orphans", "--quarantine", "--delete"], 2, "choose one of"),
        (["orphans", "--delete", "--older-than", "59m"], 2, "1h at least"),
        (["orphans", "--older-than", "soon"], 2, "an age like 7d"),
        (["orphans", "--restore", "originals/no"], 1, "nothing lies in quarantine"),
        (["verify", "--deep"], 2, "say --objects too"),
        (["verify", "--objects", "--older-than", "-1d"], 2, "an age like 7d"),
    ],
)
async def test_wrong_use_is_one_line(line: Line, arguments: list[str], code: int, line_of: str) -> None:
    found, out, err = await line(*arguments)
    assert (found, out, len(err.splitlines())) == (code, "", 1)
    assert line_of in err


async def test_a_server_that_is_down_is_exit_code_3(line: Line) -> None:
    down: list[dict[str, object]] = [
        {"s3": "http://127.0.0.1:1"},
        {"postgres": "postgresql://127.0.0.1:1/x"},
        {"kafka": "127.0.0.1:1"},
    ]
    for settings in down:
        for command in (["verify", "--objects"], ["orphans"]):
            code, _, err = await line(*command, **settings)
            assert (code, len(err.splitlines())) == (3, 1), err
