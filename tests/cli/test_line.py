"""The command line against the whole line: API, projector and analyzer on real servers."""

import asyncio
import hashlib
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.cli.running import Terminal
from tests.ingest.serving import own_house
from tests.pictures import encoded, photograph, scene
from tests.running import House, Stack, stop

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11"


@dataclass
class Line:
    house: House
    port: int
    api: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start_api(self) -> None:
        self.api = await self.house.start("services.api", port=self.port)
        await answering(self.url)


async def answering(url: str) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=url) as client:
        while True:
            try:
                if (await client.get("/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(stack: Stack) -> AsyncIterator[Line]:
    async with AsyncExitStack() as opened:
        house = await opened.enter_async_context(own_house(stack))
        for service in ("services.projector", "services.analyzer"):
            await opened.enter_async_context(house.run(service))
        port = _unused_port()
        line = Line(house, port, await house.start("services.api", port=port))
        await answering(line.url)
        yield line
        await stop(line.api)


@pytest.fixture
def terminal(line: Line, tmp_path: Path) -> Terminal:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(line.house.home / "credentials.json", home)
    return Terminal(home, line.url)


@pytest.fixture
def folder(tmp_path: Path, unique: str) -> Path:
    """Six photographs that no other test has; the name of their tag is that of the folder."""
    folder = tmp_path / unique
    (folder / "below").mkdir(parents=True)
    for seed in range(6):
        path = folder / ("below" if seed % 2 else ".") / f"{seed}.jpg"
        path.write_bytes(picture(f"{unique}{seed}"))
    return folder


def picture(name: str, **camera: str) -> bytes:
    return photograph(320, 240, seed=int(hashlib.sha256(name.encode()).hexdigest()[:8], 16), **camera)


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.jpg")}


def _unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


async def tagged(terminal: Terminal, tag: str) -> list[str]:
    """The ids of the images with this tag, once the read model has them all."""
    found: list[str] = []
    for _ in range(20):
        ran = await terminal.run("search", "--tag", tag, "--all", "--json")
        assert ran.code == 0, ran.err
        before, found = found, [one["id"] for one in ran.documents]
        if before == found and found:
            break
    return found


async def test_a_folder_is_uploaded_and_analysed(terminal: Terminal, folder: Path) -> None:
    ran = await terminal.run("upload", folder, "--recursive", "--tag", folder.name, "--wait", "--json")
    assert ran.code == 0, ran.err
    uploaded = {one["path"]: one for one in ran.documents if one["state"] == "uploaded"}
    analysed = {one["id"] for one in ran.documents if one["state"] == "analysed" and one["analysis"] == "completed"}
    assert {one["id"] for one in uploaded.values()} == analysed
    assert {path: one["sha256"] for path, one in uploaded.items()} == digests(folder)
    assert sorted(await tagged(terminal, folder.name)) == sorted(analysed)


async def test_what_is_there_is_not_sent_again(terminal: Terminal, folder: Path) -> None:
    first = await terminal.run("upload", folder, "-r", "--tag", folder.name, "--wait")
    again = await terminal.run("upload", folder, "-r", "--tag", folder.name, "--json")
    assert (first.code, again.code) == (0, 0)
    assert [one["state"] for one in again.documents] == ["present"] * 6
    assert "6 present" in again.err
    assert len(await tagged(terminal, folder.name)) == 6


async def test_each_file_is_one_line_with_an_id_to_copy(terminal: Terminal, folder: Path) -> None:
    ran = await terminal.run("upload", folder)
    state, image_id, path = ran.out.splitlines()[0].split()
    assert (state, len(image_id)) == ("uploaded", 36)
    assert Path(path).parent == folder
    assert "3 uploaded, 1 skipped" in ran.err
    assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_an_upload_that_was_cut_short_is_completed_by_the_same_command(
    terminal: Terminal, folder: Path, how: signal.Signals
) -> None:
    arguments = ("upload", folder, "--recursive", "--tag", folder.name)
    for number in range(30):
        (folder / f"more-{number}.jpg").write_bytes(picture(f"{folder.name}-{number}"))
    process = await terminal.start(*arguments)
    assert process.stdout
    await process.stdout.readline()
    process.send_signal(how)
    await process.communicate()
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)

    again = await terminal.run(*arguments)
    assert again.code == 0, again.err
    assert len(await tagged(terminal, folder.name)) == 36


async def test_an_api_that_is_killed_and_comes_back_costs_no_image_and_makes_none_twice(
    terminal: Terminal, line: Line, folder: Path
) -> None:
    for number in range(60):
        (folder / f"more-{number}.jpg").write_bytes(picture(f"{folder.name}-{number}"))
    process = await terminal.start("upload", folder, "--recursive", "--tag", folder.name)
    assert process.stdout
    await process.stdout.readline()
    line.api.kill()
    await line.api.wait()
    await line.start_api()
    _, err = await process.communicate()
    assert process.returncode == 0, err
    assert b"66 uploaded" in err
    assert len(await tagged(terminal, folder.name)) == 66


async def test_what_is_no_image_fails_alone_in_one_line(terminal: Terminal, folder: Path) -> None:
    (folder / "wrong.jpg").write_text("not an image at all")
    ran = await terminal.run("upload", folder)
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 3
    assert sum("wrong.jpg: " in line for line in ran.err.splitlines()) == 1


async def test_waiting_names_the_images_that_cannot_be_analysed(
    terminal: Terminal, tmp_path: Path, unique: str
) -> None:
    whole = picture(unique)
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    ran = await terminal.run("upload", tmp_path / "cut.jpg", "--wait")
    assert ran.code == 1
    assert "cut.jpg: " in ran.err
    assert "thumbnail" in ran.err


async def test_filters_find_the_image_that_fits_them_all_and_no_other(
    terminal: Terminal, tmp_path: Path, unique: str
) -> None:
    path = tmp_path / f"{unique}.png"
    path.write_bytes(picture(unique, format="PNG", make="Leica", model=f"Q3 {unique}", taken="2019:03:04 05:06:07"))
    ran = await terminal.run("upload", path, "--tag", unique, "--wait", "--json")
    image_id = ran.documents[0]["id"]
    color = await _dominant(terminal, image_id)

    fitting = f"--type image/png --min-width 320 --taken-after 2019-03-04 --taken-before 2019-03-05 --color {color}"
    camera = ("--camera", f"leica q3 {unique}")
    assert await _ids(terminal, unique, *fitting.split(), *camera, "--near", image_id, "--sort", "-taken_at") == [
        image_id
    ]
    for unfitting in (["--min-width", "321"], ["--taken-after", "2019-03-05"], ["--deleted"]):
        assert await _ids(terminal, *unfitting, "--tag", unique) == [], unfitting


async def _ids(terminal: Terminal, *filters: str) -> list[str]:
    ran = await terminal.run("search", *filters, "--json")
    assert ran.code == 0, (filters, ran.err)
    return [one["id"] for one in ran.documents]


async def _dominant(terminal: Terminal, image_id: str) -> str:
    shown = (await terminal.run("show", image_id, "--json")).documents[0]
    found: str = shown["analysis"]["results"]["colors"]["result"]["dominant"]
    return found


async def test_all_follows_the_pages_and_limit_says_that_there_are_more(terminal: Terminal, folder: Path) -> None:
    await terminal.run("upload", folder, "-r", "--tag", folder.name, "--wait")
    limited = await terminal.run("search", "--tag", folder.name, "--limit", 2)
    assert len(limited.out.splitlines()) == 2
    assert "more than these 2" in limited.err
    every = await terminal.run("search", "--tag", folder.name, "--all")
    assert len(every.out.splitlines()) == 6
    assert every.err == ""


async def test_a_filter_that_is_wrong_is_named(terminal: Terminal) -> None:
    ran = await terminal.run("search", "--color", "reddish")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "color" in ran.err


async def test_show_tells_on_a_pipe_what_the_api_knows(line: Line, terminal: Terminal, folder: Path) -> None:
    ran = await terminal.run("upload", folder / "0.jpg", "--tag", folder.name, "--wait", "--json")
    image_id = ran.documents[0]["id"]
    shown = (await terminal.run("show", image_id)).out
    for known in (image_id, "0.jpg", "320×240", folder.name, "Canon EOS R5", "phash", "palette", "completed"):
        assert known in shown
    assert "\x1b" not in shown
    assert "▀" not in shown
    async with httpx.AsyncClient(base_url=terminal.url, headers=line.house.bearer()) as client:
        answered = (await client.get(f"/v1/images/{image_id}")).json()
    assert (await terminal.run("show", image_id, "--json")).documents == [answered]


async def test_show_draws_the_picture_on_a_terminal_with_half_blocks_where_it_can_do_no_better(
    terminal: Terminal, tmp_path: Path, unique: str
) -> None:
    path = tmp_path / "red.png"
    image = scene(64, 64, seed=int(unique[1:8], 16))
    image.paste("#ff0000", (0, 0, 64, 48))
    path.write_bytes(encoded(image, "PNG"))
    ran = await terminal.run("upload", path, "--wait", "--json")
    code, screen = await terminal.on_screen("show", ran.documents[0]["id"])
    assert code == 0
    assert "▀" in screen
    assert "38;2;25" in screen, "red half-blocks"


async def test_the_bar_and_the_colours_are_for_terminals_alone(terminal: Terminal, folder: Path) -> None:
    code, screen = await terminal.on_screen("upload", folder)
    assert code == 0
    assert "sending" in screen
    assert "\x1b[32muploaded" in screen


async def test_a_narrow_terminal_still_shows_whole_ids(terminal: Terminal, folder: Path) -> None:
    path = (folder / "0.jpg").rename(folder / f"{'long-' * 20}.jpg")
    ran = await terminal.run("upload", path, "--tag", folder.name, "--wait", "--json")
    code, screen = await terminal.on_screen("search", "--tag", folder.name, columns=72)
    assert code == 0
    assert all(one["id"] in screen for one in ran.documents)
    assert "pixels" not in screen


async def test_history_lists_what_changed_and_what_was_refused(line: Line, terminal: Terminal, folder: Path) -> None:
    ran = await terminal.run("upload", folder / "0.jpg", "--wait", "--json")
    image_id = ran.documents[0]["id"]
    async with httpx.AsyncClient(base_url=terminal.url, headers=line.house.bearer()) as client:
        answer = await client.patch(f"/v1/images/{image_id}", json={"title": "The sea"}, headers={"If-Match": "*"})
        assert answer.status_code == 200
        await _analysed_twice(client, image_id)
    lines = [line.split("\t") for line in (await terminal.run("history", image_id)).out.splitlines()]
    assert [(line[2], line[4]) for line in lines if line[4]] == [("image.uploaded.v1", "1"), ("image.updated.v1", "2")]
    told = [line[5] for line in lines]
    assert "title: The sea" in told
    assert any("hash: 1" in one for one in told), "the versions that found something"
    documents = (await terminal.run("history", image_id, "--json")).documents
    assert [one["event_id"] for one in documents] == [line[0] for line in lines]


async def _analysed_twice(client: httpx.AsyncClient, image_id: str) -> None:
    async with asyncio.timeout(30):
        while True:
            items = (await client.get(f"/v1/images/{image_id}/history")).json()["items"]
            if sum(one["type"] == "framelog.analysis.completed.v1" for one in items) == 2:
                return
            await asyncio.sleep(0.1)


async def test_algorithms_are_listed(terminal: Terminal) -> None:
    listed = [line.split("\t")[0] for line in (await terminal.run("algorithms")).out.splitlines()]
    assert {"metadata", "exif", "thumbnail", "colors", "hash", "quality"} <= set(listed)
    documents = (await terminal.run("algorithms", "--json")).documents
    assert all("result_schema" in one for one in documents)


async def test_an_image_that_is_not_there_is_said_in_one_line(terminal: Terminal) -> None:
    for name in ("show", "history"):
        ran = await terminal.run(name, UNKNOWN)
        assert ran.code == 1
        assert len(ran.err.splitlines()) == 1
        assert ran.err.startswith("framelog: ")


async def test_a_job_is_asked_for_shown_listed_and_its_picture_saved(
    terminal: Terminal, folder: Path, tmp_path: Path
) -> None:
    image_id = (await terminal.run("upload", folder / "0.jpg", "--wait", "--json")).documents[0]["id"]
    asked = await terminal.run(
        *("job", "ask", image_id, "thumbnail", "--param", "width=40", "--param", "format=png", "--wait", "--json")
    )
    assert (asked.code, asked.documents[0]["status"], asked.documents[0]["params"]["width"]) == (0, "succeeded", 40)
    job_id = asked.documents[0]["id"]
    assert (await terminal.run("job", "show", job_id, "--json")).documents[0]["id"] == job_id
    assert job_id in (await terminal.run("job", "list", "--status", "succeeded")).out
    assert (await terminal.run("job", "save", job_id, tmp_path / "small.png")).code == 0
    assert (tmp_path / "small.png").read_bytes().startswith(b"\x89PNG")


async def test_a_job_that_cannot_be_says_so_in_one_line(terminal: Terminal, folder: Path) -> None:
    image_id = (await terminal.run("upload", folder / "0.jpg", "--json")).documents[0]["id"]
    for arguments, code, said in (
        (("ask", image_id, "magic"), 2, "there is no magic"),
        (("ask", image_id, "thumbnail", "--param", "width"), 2, "it looks like width=320"),
        (("ask", image_id), 2, "takes 2"),
        (("show", "fake"), 1, "nothing at /v1/jobs/fake"),
        (("ask", "http://127.0.0.1:1/a.jpg", "hash"), 2, "may not call this address"),
    ):
        ran = await terminal.run("job", *arguments)
        assert (ran.code, ran.err.count("\n")) == (code, 1), ran.err
        assert said in ran.err
