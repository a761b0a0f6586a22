"""What a stranger can find out of a picture that somebody shows: its public view, and nothing by any other way.

The picture holds where and with what it was taken, and everything private that is known of it is unlike anything
else. A stranger then asks every GET of the OpenAPI document that can be asked, as somebody and as nobody, in every way
there is to filter; a new route is walked by itself, and a new param has to be judged here.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from tests.described import Operation, operations
from tests.e2e.crowd import People, made, people
from tests.pictures import photograph
from tests.query.world import World, world
from tests.running import Stack

CAMERA = {
    "make": "Kestrelcam",
    "model": "ZX-9000-Quetzal",
    "gps": (47.123456, 8.654321),
    "taken": "1997:08:29 02:14:18",
    "LensModel": "Vogelauge 77mm",
    "BodySerialNumber": "SN-4711-0815",
    "ImageUniqueID": "0badc0ffee0ddf00d",
}
PICTURE = photograph(700, 500, seed=600_613, **CAMERA)
FILENAME = "hidden-cove.jpeg"
SAID = {"title": "Undisclosed working title", "description": "the key lies under the flowerpot", "tags": "draughty"}
SHOWN = {"title": "Harbour", "tags": ["sea"]}
PUBLIC_VIEW = {"id", "owner", "version", "width", "height", "title", "tags", "created_at", "renditions"}

KNOWN_OF_EVERYBODY = {
    *("limit", "cursor", "owner", "author", "tag", "min_width", "min_height"),  # of the public view
    *("v", "after"),  # a rendition's own hash, a position
    *("consumer", "state"),  # of dead letters, which admins see
}
"""Query params by which a stranger may learn what the public view says anyway."""
ORACLES: Mapping[str, tuple[Any, Any]] = {
    "q": ("flowerpot", "nowhere-to-be-found"),
    "camera": ("quetzal", "leica"),
    "sha256": (hashlib.sha256(PICTURE).hexdigest(), "0" * 64),
    "media_type": ("image/jpeg", "image/png"),
    "taken_after": ("1997-08-01", "2020-01-01"),
    "taken_before": ("1997-09-01", "1990-01-01"),
    "color": ("<color>", "#00ff7f"),
    "label": ("cat", "dog"),
    "status": ("completed", "failed"),
    "origin": ("upload", "url"),
    "deleted": ("true", "yes"),
    "sort": ("size", "-size"),
    "distance": ("16", "0"),
    "near": ("<image>", "<other>"),
    "as_of": ("2000-01-01T00:00:00Z", "<before>"),
    "versions": ("all", "1"),
}
"""Query params that ask for something private, with a value that is right and one that is wrong: told alike."""
AT = {("/v1/jobs", "status"): ("succeeded", "failed"), ("/v1/posts", "sort"): ("best", "worst")}
"""Where such a param takes other values."""


@dataclass
class Scene:
    """A private image in a post and a public one, all that is private of them, and who may not know it."""

    everyone: People
    owner: httpx.Client
    known: list[dict[str, str]]
    secrets: dict[str, str]
    before: str
    document: dict[str, Any]

    @property
    def strangers(self) -> dict[str, httpx.Client]:
        return {"somebody": self.stranger, "nobody": self.nobody, "an admin": self.admin}

    stranger: httpx.Client
    nobody: httpx.Client
    admin: httpx.Client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(stack: Stack) -> AsyncIterator[World]:
    async with world(stack) as one, one.house.run("services.analyzer"):
        yield one


@pytest.fixture(scope="module")
def scene(served: World) -> Iterator[Scene]:
    with people(served) as everyone:
        owner = everyone.somebody("the-owner")
        private, public = (published(owner, visibility) for visibility in ("private", "public"))
        stranger = everyone.somebody("the-stranger")
        assert stranger.put("/v1/accounts/the-owner/follow").status_code == 204  # so that the feed shows it
        assert owner.put(f"/v1/posts/{public['post_id']}/like").status_code == 204
        yield Scene(
            everyone,
            owner,
            [private, public],
            secrets(owner, private, public),
            owner.get(f"/v1/images/{public['image_id']}").json()["created_at"],
            everyone.nobody().get("/openapi.json").json(),
            stranger=stranger,
            nobody=everyone.nobody(),
            admin=everyone.admin(),
        )


def published(owner: httpx.Client, visibility: str) -> dict[str, str]:
    """An image that had other words at first, posted; by the names of the API's path params."""
    upload = {"file": (FILENAME, PICTURE)}
    fields = {**SAID, "visibility": visibility, "on_duplicate": "create"}
    image = made(owner.post("/v1/images", files=upload, data=fields))
    path = f"/v1/images/{image['id']}"
    assert owner.patch(path, json=SHOWN, headers={"If-Match": "*"}).status_code == 200
    until(lambda: owner.get(path).json()["analysis"]["status"] == "completed")
    job = made(owner.post("/v1/jobs", json={"image_id": image["id"], "algorithm": "thumbnail"}))
    until(lambda: owner.get(f"/v1/jobs/{job['id']}").json()["status"] == "succeeded")
    return {
        "image_id": image["id"],
        "post_id": made(owner.post("/v1/posts", json={"image_id": image["id"], "caption": "Home again"}))["id"],
        "job_id": job["id"],
        "event_id": owner.get(f"{path}/history").json()["items"][0]["event_id"],
        "username": "the-owner",
        "name": "large",
    }


def until(there: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not there():
        assert time.monotonic() < ends
        time.sleep(0.05)


def secrets(owner: httpx.Client, *known: dict[str, str]) -> dict[str, str]:
    """What a stranger must not see, as any answer would write it."""
    whole = owner.get(f"/v1/images/{known[0]['image_id']}").json()
    found = {name: one["result"] for name, one in whole["analysis"]["results"].items()}
    assert found["exif"]["gps"], "the picture says where it was taken"
    return {
        "file name": "hidden-cove",
        "first title": "undisclosed",
        "description": "flowerpot",
        "first tag": "draughty",
        "hash": whole["sha256"],
        "make": "kestrelcam",
        "model": "quetzal",
        "lens": "vogelauge",
        "serial number": "4711-0815",
        "unique id": "0badc0ffee",
        "latitude": "47.123",
        "longitude": "8.654",
        "time": "1997-08-29",
        "perceptual hash": found["hash"]["phash"],
        "difference hash": found["hash"]["dhash"],
        "sharpness": str(found["quality"]["sharpness"]),
        "address": "the-owner@example.org",
        **{f"{name} {number}": one[name] for number, one in enumerate(known) for name in ("event_id", "job_id")},
    }


def told(answer: httpx.Response) -> str:
    """All that an answer says, in one text: head, body, JSON unescaped, base64 decoded."""
    text = [str(answer.headers), answer.content.decode("latin-1")]
    if "json" in answer.headers.get("content-type", ""):
        body = answer.json()
        text += [json.dumps(body, ensure_ascii=False)]
        if "base64" in body:
            text += [base64.b64decode(body["base64"]).decode("latin-1")]
    return "\n".join(text).lower()


def leaks(scene: Scene, answer: httpx.Response) -> list[str]:
    """Which of the secrets an answer holds that the question did not."""
    asked, said = str(answer.request.url).lower(), told(answer)
    return [name for name, secret in scene.secrets.items() if secret.lower() in said and secret.lower() not in asked]


def readable(document: dict[str, Any]) -> list[Operation]:
    return [one for one in operations(document) if one.method == "GET"]


def ways(scene: Scene, operation: Operation, known: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The questions to a route: bare, about the owner, and by each of its params, the right and the wrong value."""
    about: dict[str, Any] = {name: "the-owner" for name in ("owner", "author") if name in operation.params["query"]}
    yield {}
    if about:
        yield about
    for name in operation.params["query"]:
        if name in ORACLES:
            for value in asked(scene, operation.path, known, name):
                yield {**about, **value}
                yield value


def asked(scene: Scene, path: str, known: dict[str, str], name: str) -> list[dict[str, Any]]:
    """The question with the right value and with the wrong one."""
    whole = scene.owner.get(f"/v1/images/{known['image_id']}").json()
    places = {
        "<color>": whole["analysis"]["results"]["colors"]["result"]["palette"][0]["color"],
        "<image>": scene.known[0]["image_id"],
        "<other>": scene.known[1]["image_id"],
        "<before>": scene.before,
    }
    beside = {"near": known["image_id"]} if name == "distance" else {}
    return [{**beside, name: places.get(value, value)} for value in AT.get((path, name), ORACLES[name])]


def test_a_stranger_sees_nothing_private_by_any_route(scene: Scene, subtests: pytest.Subtests) -> None:
    shown = 0
    for operation in readable(scene.document):
        for who, http in scene.strangers.items():
            with subtests.test(f"{who} {operation.path}"):
                for known in scene.known:
                    path = path_of(operation, known)
                    for question in ways(scene, operation, known):
                        answer = http.get(path, params=question, headers={"Accept": "application/json"})
                        assert answer.status_code < 500
                        assert set(leaks(scene, answer)) <= ({"address"} if who == "an admin" else set())
                        shown += answer.status_code == 200 and known["image_id"] in answer.text
    assert shown > 20, "strangers were shown the image, by many routes"


def path_of(operation: Operation, known: Mapping[str, str]) -> str:
    """For path params of routes that are newer than this test the image's id is tried."""
    return operation.at({**dict.fromkeys(operation.params["path"], known["image_id"]), **known})


def test_a_stranger_learns_nothing_private_by_filtering(scene: Scene, subtests: pytest.Subtests) -> None:
    """Right or wrong, the answer to a guess is the same: no filter is an oracle."""
    for operation in readable(scene.document):
        params = set(operation.params["query"])
        assert params <= KNOWN_OF_EVERYBODY | set(ORACLES), "say what a stranger may learn by it"
        about = {one: "the-owner" for one in ("owner", "author") if one in params}
        for name in params & set(ORACLES):
            with subtests.test(operation.path, param=name):
                for who, http in scene.strangers.items():
                    for known in scene.known:
                        questions = [about | one for one in asked(scene, operation.path, known, name)]
                        right, wrong = (http.get(path_of(operation, known), params=one) for one in questions)
                        assert outline(right) == outline(wrong), (who, known)


def outline(answer: httpx.Response) -> tuple[int, Any]:
    """An answer without what is another every time, and without what merely repeats the question."""
    body = answer.json()
    for name in ("request_id", "detail", "instance", "next"):
        body.pop(name, None)
    return answer.status_code, body


def test_the_owner_finds_it_by_each_of_these_filters(scene: Scene) -> None:
    """Else the test above would prove nothing."""
    known = scene.known[1]
    mine = {known["image_id"] for known in scene.known}
    for name in ("q", "camera", "sha256", "color", "taken_after", "taken_before", "status"):
        right, wrong = (
            {one["id"] for one in scene.owner.get("/v1/images", params=question).json()["items"]}
            for question in asked(scene, "/v1/images", known, name)
        )
        assert (right & mine, wrong & mine) == (mine, set()), name


def test_the_pictures_that_a_stranger_gets_hold_nothing_but_pixels(scene: Scene) -> None:
    for known in scene.known:
        image = scene.nobody.get(f"/v1/posts/{known['post_id']}").json()["image"]
        assert set(image) == PUBLIC_VIEW
        assert len(image["renditions"]) == 3
        for rendition in image["renditions"]:
            for http in scene.strangers.values():
                picture = http.get(rendition["url"], headers={"Accept": "*/*"})
                assert (picture.status_code, picture.headers["content-type"]) == (200, rendition["media_type"])
                assert leaks(scene, picture) == []
                with Image.open(BytesIO(picture.content)) as opened:
                    assert (dict(opened.getexif()), opened.info.keys() & {"exif", "xmp", "comment"}) == ({}, set())
                assert picture.content != PICTURE
                as_json = http.get(rendition["url"], headers={"Accept": "application/json"})
                assert leaks(scene, as_json) == []
                assert base64.b64decode(as_json.json()["base64"]) == picture.content


def test_pages_that_are_no_part_of_the_api_tell_nothing_either(scene: Scene) -> None:
    for path in ("/metrics", "/readyz", "/health", "/livez", "/docs", "/openapi.json"):
        answer = scene.nobody.get(path)
        assert answer.status_code == 200
        assert leaks(scene, answer) == []
        assert not re.search(scene.known[0]["image_id"], answer.text)


def test_the_same_bytes_in_other_hands_tell_nothing_of_the_first(scene: Scene) -> None:
    """Somebody who has the picture, or guesses it, is not told that somebody else has it too."""
    twice = [scene.stranger.post("/v1/images", files={"file": ("mine.jpg", PICTURE)}) for _ in range(2)]
    assert twice[0].status_code == 201
    assert {one.json()["owner"] for one in twice} == {"the-stranger"}
    near = scene.stranger.get("/v1/images", params={"near": twice[0].json()["id"], "distance": 16})
    assert {one["owner"] for one in near.json()["items"]} <= {"the-stranger"}
