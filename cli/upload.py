"""`framelog upload`: files and folders, several at once; what the API has already is not sent again."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.analysed import analysed
from cli.asking import connect
from cli.client import Client
from cli.errors import FOUND_A_DIFFERENCE, INTERRUPTED, Failed
from cli.files import Found, Left, find
from cli.options import AsJson, Url
from cli.report import Report
from cli.resume import Run
from cli.sending import Outcome, Sender

RESUME = "run the same command again to go on"


def upload(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Image files, and folders of them.")],
    tag: Annotated[list[str] | None, typer.Option(help="A tag for every image; repeatable.")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Go into the folders of a folder.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every image is analysed.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Upload images. What Framelog has already is not sent again, so the same command goes on where it was stopped.

    One line per file: what became of it, the image's id, the path. The exit code is 1 if a file failed.

    Examples:
      framelog upload beach.jpg
      framelog upload --recursive ~/Pictures --tag holidays --tag 2024
      framelog upload *.png --json | jq -r 'select(.state == "uploaded").id'
    """
    files = list(find(paths, recursive))
    client, report, run = connect(url), Report(as_json), Run()
    try:
        with report:
            asyncio.run(_upload(client, files, tag or [], run, report, wait))
    except KeyboardInterrupt:
        report.tell(f"interrupted: {report.summary()}; {RESUME}")
        raise typer.Exit(INTERRUPTED) from None
    except Failed as down:
        report.tell(f"stopped: {report.summary()}; {RESUME}")
        raise down from None
    run.done()
    report.tell(report.summary())
    if report.counts["failed"]:
        raise typer.Exit(FOUND_A_DIFFERENCE)


async def _upload(
    client: Client, files: list[Found | Left], tags: list[str], run: Run, report: Report, wait: bool
) -> None:
    for left in (one for one in files if isinstance(one, Left)):
        report.say(Outcome(path=left.path, state="failed" if left.wrong else "skipped", why=left.why))
    found = [one for one in files if isinstance(one, Found)]
    sent: list[Outcome] = []

    def say(outcome: Outcome) -> None:
        report.say(outcome)
        sent.append(outcome)

    report.sending(sum(one.size for one in found))
    async with client:
        await Sender(client, tags, run, report.moved).send_all(found, say)
        if wait:
            await _wait(client, [one for one in sent if one.image and one.state != "failed"], report)


async def _wait(client: Client, sent: list[Outcome], report: Report) -> None:
    report.analysing(len(sent))

    def say(outcome: Outcome) -> None:
        report.say(outcome)
        report.moved(1)

    await analysed(client, sent, say)
