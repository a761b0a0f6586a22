"""`framelog reanalyze` and `framelog promote` against real services."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.cli.running import Terminal
from tests.cli.test_line import folder, line, picture, tagged, terminal  # noqa: F401 - fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def many(terminal: Terminal, folder: Path, count: int) -> list[str]:  # noqa: F811
    for number in range(count):
        (folder / f"more-{number}.jpg").write_bytes(picture(f"{folder.name}-{number}"))
    ran = await terminal.run("upload", folder, "--recursive", "--tag", folder.name)
    assert ran.code == 0, ran.err
    return await tagged(terminal, folder.name)


async def test_a_dry_run_counts_and_asks_for_nothing(terminal: Terminal, folder: Path) -> None:  # noqa: F811
    images = await many(terminal, folder, 0)
    arguments = ("reanalyze", "--algorithm", "poi_detection", "--search", f"tag={folder.name}", "--dry-run")
    ran = await terminal.run(*arguments)
    assert ran.code == 0, ran.err
    assert ran.out == f"{len(images)} images to be analysed by poi_detection 1, as campaign poi_detection-1\n"
    assert (await terminal.run(*arguments, "--json")).documents[0]["images"] == len(images)
    shown = (await terminal.run("show", images[0], "--json")).documents[0]
    assert "poi_detection" not in shown["analysis"]["results"]


async def test_a_campaign_that_was_paused_goes_on_with_the_same_command(terminal: Terminal, folder: Path) -> None:  # noqa: F811
    images = await many(terminal, folder, 60)
    arguments = ("reanalyze", "--algorithm", "poi_detection", "--search", f"tag={folder.name}", "--json")
    process = await terminal.start(*arguments, "--campaign", folder.name)
    assert process.stdout
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"paused: " in err
    async with asyncio.timeout(60):
        again = await terminal.run(*arguments, "--campaign", folder.name)
    assert again.code == 0, again.err
    assert sorted(one["image_id"] for one in again.documents) == sorted(images)
    assert {one["status"] for one in again.documents} == {"completed"}
    assert f"{len(images)} completed by poi_detection 1" in again.err
    once_more = await terminal.run(*arguments, "--campaign", folder.name)
    assert {one["event_id"] for one in once_more.documents} == {one["event_id"] for one in again.documents}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("reanalyze", "--algorithm", "magic"), 2, "there is no algorithm magic"),
        (("reanalyze", "--algorithm", "caption"), 2, "caption does not run"),
        (("reanalyze", "--algorithm", "compress"), 2, "cannot run without"),
        (("reanalyze",), 2, "--algorithm"),
        (("reanalyze", "--algorithm", "hash", "--search", "label=cat"), 2, "one's own images only"),
        (("promote", "magic", "1"), 1, "there is no algorithm magic"),
        (("promote", "hash", "9"), 2, "no version 9; known are 1"),
        (("promote", "hash", "x"), 2, "VERSION"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    terminal: Terminal,  # noqa: F811
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    ran = await terminal.run(*arguments)
    assert (ran.code, ran.err.count("\n")) == (code, 1), ran.err
    assert said in ran.err


async def test_a_version_is_promoted_and_listed(terminal: Terminal) -> None:  # noqa: F811
    ran = await terminal.run("promote", "hash", "1")
    assert (ran.code, ran.out) == (0, "hash 1 speaks from now on\n")
    (listed,) = [one for one in (await terminal.run("algorithms", "--json")).documents if one["name"] == "hash"]
    assert (listed["current_version"], listed["versions"]) == ("1", ["1"])
