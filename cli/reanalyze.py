"""`framelog reanalyze`: an algorithm over the images that are there, while nothing else is to do."""

import asyncio
from typing import Annotated

import typer

from cli.asking import asking, connect
from cli.campaign import Campaign, run
from cli.client import Client, Query
from cli.errors import FOUND_A_DIFFERENCE, INTERRUPTED, WRONG_USE, Failed
from cli.options import AsJson, Url
from cli.output import json_line
from cli.progress import CampaignReport
from contracts.events import Json

EVERYBODY = "*"
GO_ON = "run the same command again to go on"

Option = typer.Option


def reanalyze(
    algorithm: Annotated[str, Option(metavar="NAME", help="What is to run, as `framelog algorithms` lists it.")],
    search: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Only images that fit, as of GET /v1/images; repeatable. A bare word: q."),
    ] = None,
    mine: Annotated[bool, Option("--mine", help="To an admin: one's own images instead of everybody's.")] = False,
    campaign: Annotated[
        str | None, Option(metavar="NAME", help="Asked twice under one name, an image is analysed once.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say how many images there are.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Run an algorithm over images that are there, on a lane of its own: whatever is uploaded meanwhile goes first.

    Old results stay beside the new ones, and go on speaking until `framelog promote` says otherwise. Ctrl-C pauses; the
    same command goes on. The campaign is called after algorithm and version unless --campaign says so.

    Examples:
      framelog reanalyze --algorithm classification --dry-run
      framelog reanalyze --algorithm classification
      framelog reanalyze --algorithm caption --mine --search tag=holidays --search min_width=1000"""
    wanted = _query(search or [])
    planned, images = asking(url, lambda client: _plan(client, algorithm, campaign, wanted, mine))
    if dry_run:
        _say(planned, len(images), as_json)
        return
    _run(connect(url), planned, images, CampaignReport(planned, len(images), as_json))


def _run(client: Client, planned: Campaign, images: list[str], report: CampaignReport) -> None:
    async def running() -> None:
        async with client:
            await run(client, planned, images, report.ended)

    try:
        with report:
            asyncio.run(running())
    except KeyboardInterrupt:
        report.tell(f"paused: {report.summary()}; {GO_ON}")
        raise typer.Exit(INTERRUPTED) from None
    except Failed as down:
        report.tell(f"stopped: {report.summary()}; {GO_ON}")
        raise down from None
    report.tell(report.summary())
    if report.counts["failed"]:
        raise typer.Exit(FOUND_A_DIFFERENCE)


async def _plan(
    client: Client, algorithm: str, name: str | None, wanted: dict[str, str | list[str]], mine: bool
) -> tuple[Campaign, list[str]]:
    """What is to be run, and over which images."""
    version = _version((await client.get("/v1/algorithms"))["items"], algorithm)
    query: Query = wanted
    if not mine and (await client.get("/v1/me"))["role"] == "admin":
        query = {"owner": EVERYBODY, **wanted}
    images = [str(image["id"]) async for image in client.items("/v1/images", query, None)]
    return Campaign(name or f"{algorithm}-{version}", algorithm, version), images


def _version(installed: list[dict[str, Json]], algorithm: str) -> str:
    one = next((one for one in installed if one["name"] == algorithm), None)
    if one is None:
        known = ", ".join(str(one["name"]) for one in installed)
        raise Failed(f"there is no algorithm {algorithm}; there are {known}", WRONG_USE)
    if not one["enabled"]:
        raise Failed(f"{algorithm} does not run: {one['reason']}", WRONG_USE)
    if required := one["params_schema"].get("required"):
        raise Failed(f"{algorithm} cannot run without {', '.join(required)}; see `framelog job ask --help`", WRONG_USE)
    return str(one["version"])


def _query(search: list[str]) -> dict[str, str | list[str]]:
    """Of `tag` any number, of anything else one; words that are no pair are looked for as text."""
    query: dict[str, str | list[str]] = {}
    for one in search:
        name, pair, value = one.partition("=")
        if not pair:
            query["q"] = f"{query.get('q', '')} {one}".strip()
        elif name == "tag":
            query["tag"] = [*query.get("tag", []), value]
        else:
            query[name] = value
    return query


def _say(planned: Campaign, images: int, as_json: bool) -> None:
    if as_json:
        json_line(
            {"campaign": planned.name, "algorithm": planned.algorithm, "version": planned.version, "images": images}
        )
    else:
        print(f"{images} images to be analysed by {planned.algorithm} {planned.version}, as campaign {planned.name}")
