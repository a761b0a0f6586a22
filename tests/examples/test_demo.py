"""`make demo` fills a stack once, whoever often it is run, and says what to do where it cannot."""

import asyncio
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from examples.album import ALBUM, ANN, BEN, JOBS
from examples.landscapes import HEIGHT, WIDTH, photograph
from tests.cli.running import Ran, Terminal
from tests.query.world import World, world
from tests.running import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one, one.house.run("services.analyzer"):
        yield one


async def demo(home: Path, url: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "examples.demo"),
        env=Terminal(home, url).environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def everything(served: World) -> dict[str, Any]:
    """What there is of it, as others see it, and what the log has made of it."""
    posts = (await served.client.get("/v1/posts?sort=most_liked")).json()["items"]
    people = [(await served.client.get(f"/v1/accounts/{name}")).json() for name in (ANN, BEN)]
    images = {name: (await served.client.get(f"/v1/images?owner={name}")).json()["items"] for name in (ANN, BEN)}
    return {"posts": posts, "people": people, "images": images}


async def test_it_fills_a_stack_and_run_again_it_makes_nothing(served: World) -> None:
    home, url = served.house.home, str(served.client.base_url)
    first = await demo(home, url)
    assert (first.code, first.err) == (0, "")
    assert first.out.count("made") == 2 + len(ALBUM) + sum(entry.caption is not None for entry in ALBUM) + 2 * len(JOBS)
    assert first.out.count(": succeeded") == 2 * len(JOBS)
    found = await everything(served)
    assert [post["likes"] for post in found["posts"]] == [1, 1, 1, 0, 0]
    assert [(one["posts"], one["followers"]) for one in found["people"]] == [(3, 1), (2, 0)]
    assert all(len(image["renditions"]) == 3 for images in found["images"].values() for image in images)
    again = await demo(home, url)
    assert (again.code, again.err, "made" in again.out) == (0, "", False)
    assert await everything(served) == found


async def test_what_it_tells_to_look_at_is_there(served: World) -> None:
    said = (await demo(served.house.home, str(served.client.base_url))).out
    address = next(word for word in said.split() if "/renditions/" in word)
    del served.client.headers["Authorization"]
    assert (await served.client.get(address)).headers["content-type"] == "image/jpeg"
    password = said.partition(f"{ANN} has the password ")[2].split()[0]
    form = {"username": ANN, "password": password}
    assert (await served.client.post("/v1/auth/token", data=form)).status_code == 200
    served.client.headers.update(served.house.bearer())


async def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    ran = await demo(tmp_path, nowhere)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert "make run" in ran.err
    (tmp_path / "credentials.json").write_text(f'{{"url": "{nowhere}", "username": "admin", "password": "x"}}')
    ran = await demo(tmp_path, nowhere)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (3, "", 1)
    assert "make run" in ran.err


async def test_a_landscape_is_the_same_picture_every_time() -> None:
    pictures = [photograph(entry.landscape) for entry in ALBUM]
    assert photograph(ALBUM[0].landscape) == pictures[0]
    assert len(set(pictures)) == len(ALBUM)
    for data in pictures:
        with Image.open(BytesIO(data)) as opened:
            assert opened.size == (WIDTH, HEIGHT)
