"""What an upload does when the network or the API fails it."""

import asyncio
import signal
import socket
import time
from pathlib import Path

import pytest

from cli.client import Client, Down
from tests.cli.running import Terminal, faulty
from tests.pictures import photograph


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of three small photographs."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        (folder / f"{seed}.jpg").write_bytes(photograph(64, 48, seed))
    return folder


async def test_an_overloaded_api_is_asked_again_when_it_says_so(pictures: Path, tmp_path: Path) -> None:
    with faulty("busy") as server:
        ran = await Terminal(tmp_path, server.url).run("upload", pictures, "--json")
    assert ran.code == 0
    refused, again = [at for at, key in zip(server.times, server.keys, strict=True) if server.keys.count(key) == 2]
    assert again - refused >= 1
    assert {one["state"] for one in ran.documents} == {"uploaded"}
    assert len(server.keys) == 4


async def test_a_retry_carries_the_same_key_and_so_makes_no_second_image(pictures: Path, tmp_path: Path) -> None:
    with faulty("reset", "busy", "reset") as server:
        ran = await Terminal(tmp_path, server.url).run("upload", pictures, "--json")
    assert ran.code == 0
    assert len(server.keys) == 6
    assert len(server.images) == len(set(server.keys)) == 3
    assert {one["id"] for one in ran.documents} == {image["id"] for image in server.images.values()}


async def test_a_refused_file_fails_alone(pictures: Path, tmp_path: Path) -> None:
    with faulty("refuse") as server:
        ran = await Terminal(tmp_path, server.url).run("upload", pictures)
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 2
    assert "these bytes are no image" in ran.err
    assert "2 uploaded, 1 failed" in ran.err


async def test_without_credentials_the_first_answer_is_enough(pictures: Path, tmp_path: Path) -> None:
    with faulty("unauthenticated", "unauthenticated", "unauthenticated") as server:
        ran = await Terminal(tmp_path, server.url).run("upload", pictures)
    assert ran.code == 2
    assert "framelog: HTTP 401 Unauthorized: log in first" in ran.err


async def test_where_nothing_answers_the_remedy_is_named_at_once(pictures: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    ran = await Terminal(tmp_path, f"http://127.0.0.1:{_unused_port()}").run("upload", pictures)
    assert ran.code == 3
    assert "nothing answers at http://127.0.0.1:" in ran.err
    assert "make run" in ran.err
    assert time.monotonic() - began < 10


async def test_patience_ends() -> None:
    with faulty("busy") as server:
        async with Client(server.url, patience=0.5) as client:
            with pytest.raises(Down, match="too much at once"):
                await client.ask(
                    lambda: client.request("POST", "/v1/images", content=b"", headers={"Content-Length": "0"})
                )
    assert len(server.keys) == 1


async def test_an_interrupted_upload_says_what_was_done_and_goes_on_as_the_same(pictures: Path, tmp_path: Path) -> None:
    with faulty("none", "none", "hang") as server:
        process = await Terminal(tmp_path, server.url).start("upload", pictures)
        assert process.stdout
        for _ in range(2):
            assert (await process.stdout.readline()).startswith(b"uploaded")
        assert await asyncio.to_thread(server.hanging.wait, 20)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert process.returncode == 130
        assert b"interrupted: 2 uploaded" in err
        assert b"run the same command again" in err

        again = await Terminal(tmp_path, server.url).run("upload", pictures)
    assert again.code == 0
    assert len(server.images) == 3, "what the API took unheard was asked for under the same key"


async def test_a_finished_upload_is_not_taken_for_the_next_one(pictures: Path, tmp_path: Path) -> None:
    with faulty() as server:
        for _ in range(2):
            assert (await Terminal(tmp_path, server.url).run("upload", pictures)).code == 0
    assert len(server.images) == 6, "an image deleted in between can be uploaded again"


async def test_equal_files_are_sent_once(tmp_path: Path) -> None:
    picture = photograph(64, 48)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(picture)
    with faulty() as server:
        ran = await Terminal(tmp_path, server.url).run("upload", tmp_path, "--json")
    assert sorted(one["state"] for one in ran.documents) == ["present", "present", "uploaded"]
    assert len({one["id"] for one in ran.documents}) == 1
    assert len(server.keys) == 1


def _unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
