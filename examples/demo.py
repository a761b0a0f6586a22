"""`make demo`: fills a running stack with two people, their pictures, posts, likes, a follow and jobs.

Run again it makes what is missing and leaves the rest. The two have passwords made from the admin's: whoever can read
`credentials.json`, and nobody else, signs in as them.
"""

import asyncio
import base64
import hashlib
import hmac
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cli.address import CREDENTIALS, address, credentials
from cli.client import Client, Refused
from cli.errors import WRONG_USE, Failed, report
from contracts.events import Json
from examples.album import ALBUM, ANN, BEN, JOBS, Entry
from examples.landscapes import photograph
from services import settings

WAIT_SECONDS = 90
LOOK_SECONDS = 0.3
TAG = "demo"

Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in."""

    name: str
    password: str
    client: Client

    def own(self) -> list[Entry]:
        return [entry for entry in ALBUM if entry.owner == self.name]


def said(state: str, what: str) -> None:
    print(f"{state:<7} {what}", flush=True)


async def fill(url: str, home: Path) -> None:
    """Raises Failed, with the remedy, where it cannot."""
    known = credentials(home)
    if "password" not in known:
        raise Failed(f"{home / CREDENTIALS} is missing; `make run` makes it: set its FRAMELOG_HOME here too", WRONG_USE)
    async with person(url, ANN, known["password"]) as ann, person(url, BEN, known["password"]) as ben:
        images = {**await pictures(ann), **await pictures(ben)}
        await analysed(ann, ben)
        posts = {**await published(ann, images), **await published(ben, images)}
        await liked(ann, ben, posts)
        await asked(ann, images)
        await asked(ben, images)
        tell(url, home, (ann, ben), images)


@asynccontextmanager
async def person(url: str, name: str, secret: str) -> AsyncIterator[Person]:
    """Signed up, if they are not yet, and in; apart from whoever uses the command line here."""
    digest = hmac.digest(secret.encode(), f"demo {name}".encode(), hashlib.sha256)
    password = base64.urlsafe_b64encode(digest).decode()[:24]
    with TemporaryDirectory() as apart:
        async with Client(url, home=Path(apart)) as client:
            await _signed_up(client, name, password)
            try:
                await client.session.log_in(name, password)
            except Failed as error:
                raise Failed(f"{name} has not the password that `make demo` gave it: {error}", WRONG_USE) from None
            yield Person(name, password, client)


async def _signed_up(client: Client, name: str, password: str) -> None:
    try:
        await client.post("/v1/accounts", {"username": name, "email": f"{name}@example.org", "password": password})
        said("made", f"account {name}")
    except Refused as refused:
        if refused.status != 409:
            raise
        said("there", f"account {name}")


async def pictures(who: Person) -> dict[str, str]:
    """The ids of somebody's pictures by title; those that are missing are uploaded."""
    found = {str(one["title"]): str(one["id"]) async for one in who.client.items("/v1/images", {"tag": TAG}, None)}
    for entry in who.own():
        if entry.title in found:
            said("there", f"picture “{entry.title}”")
        else:
            found[entry.title] = await _uploaded(who, entry)
            said("made", f"picture “{entry.title}”")
    return found


async def _uploaded(who: Person, entry: Entry) -> str:
    data = photograph(entry.landscape)
    key = f"demo {hashlib.sha256(data + entry.title.encode()).hexdigest()}"
    form = {"title": entry.title, "tags": [TAG, *entry.tags], "visibility": entry.visibility}
    answer = await who.client.ask(
        lambda: who.client.request(
            "POST",
            "/v1/images",
            files={"file": (entry.filename, data)},
            data=form,
            headers={"Idempotency-Key": key},
        )
    )
    image = answer.json()
    if image["deleted_at"]:  # by hand, after an earlier run
        await who.client.post(f"/v1/images/{image['id']}/restore")
    return str(image["id"])


async def analysed(*people: Person) -> None:
    """Returns once nothing waits any more, or after a while: what is left goes on by itself."""
    for waited in range(int(WAIT_SECONDS / LOOK_SECONDS)):
        waiting = [image for who in people for status in ("queued", "running") for image in await _with(who, status)]
        if not waiting:
            return
        if waited % 10 == 0:
            said("waiting", f"{len(waiting)} pictures are being analysed")
        await asyncio.sleep(LOOK_SECONDS)
    said("waiting", "the analysis goes on; `framelog doctor` says whether anything is wrong")


async def _with(who: Person, status: str) -> list[Row]:
    return [one async for one in who.client.items("/v1/images", {"tag": TAG, "status": status}, None)]


async def published(who: Person, images: Mapping[str, str]) -> dict[str, str]:
    """The ids of somebody's posts by the picture's title."""
    there = {
        str(one["image"]["id"]): str(one["id"])
        async for one in who.client.items("/v1/posts", {"author": who.name}, None)
    }
    found = {}
    for entry in who.own():
        if entry.caption is None:
            continue
        image = images[entry.title]
        said("there" if image in there else "made", f"post “{entry.caption}”")
        if image not in there:
            made = await who.client.post("/v1/posts", {"image_id": image, "caption": entry.caption})
            there[image] = str(made["id"])
        found[entry.title] = there[image]
    return found


async def liked(ann: Person, ben: Person, posts: Mapping[str, str]) -> None:
    """Each likes some of the other's, and Ben follows Ann. Saying so again changes nothing."""
    for entry in ALBUM:
        if entry.liked:
            fan = ben if entry.owner == ANN else ann
            await _put(fan, f"/v1/posts/{posts[entry.title]}/like")
            said("stands", f"{fan.name} likes “{entry.title}”")
    await _put(ben, f"/v1/accounts/{ANN}/follow")
    said("stands", f"{BEN} follows {ANN}")


async def _put(who: Person, path: str) -> None:
    await who.client.ask(lambda: who.client.request("PUT", path))


async def asked(who: Person, images: Mapping[str, str]) -> None:
    """One job of each kind on somebody's first picture, ended."""
    image = images[who.own()[0].title]
    there = {str(one["algorithm"]) async for one in who.client.items("/v1/jobs", {}, None) if one["image_id"] == image}
    for algorithm, params in JOBS:
        if algorithm in there:
            said("there", f"job {algorithm}")
            continue
        job = await who.client.post("/v1/jobs", {"image_id": image, "algorithm": algorithm, "params": params})
        said("made", f"job {algorithm}: {await _ended(who, str(job['id']))}")


async def _ended(who: Person, job_id: str) -> str:
    for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
        job = await who.client.get(f"/v1/jobs/{job_id}")
        if job["status"] in ("succeeded", "failed"):
            return f"{job['status']}, {job_id}"
        await asyncio.sleep(LOOK_SECONDS)
    return f"{job['status']} still, {job_id}"


def tell(url: str, home: Path, people: tuple[Person, Person], images: Mapping[str, str]) -> None:
    first = images[ALBUM[0].title]
    print(f"""
Look at it:
  {url}/v1/images/{first}/renditions/large      in a browser: anybody may
  curl '{url}/v1/posts?sort=most_liked'
  {url}/docs                                    sign in there (Authorize) as one of the two

  .venv/bin/framelog login {ANN} --url {url}
  .venv/bin/framelog search --tag sea
  .venv/bin/framelog search --camera x-t5 --taken-after 2024-06-01
  .venv/bin/framelog search --near {first} --distance 16
  .venv/bin/framelog show {first}
  .venv/bin/framelog history {first}
""")
    for one in people:
        print(f"{one.name} has the password {one.password}")
    until = f"until `framelog login admin`, with the password in {home / CREDENTIALS}"
    print(f"After that login commands act as {ANN}, {until}.")


def main() -> int:
    try:
        known = settings.Client.read()
        asyncio.run(fill(address(None, known), known.home))
    except settings.WrongSettings as error:
        report(str(error))
        return WRONG_USE
    except Failed as failed:
        report(str(failed))
        return failed.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
