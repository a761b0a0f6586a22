"""Secrets never appear in clear: not in an event, a dead letter, a log line, a metric, a row or an object.

One run of its own uses every kind of secret there is, right and wrong, with every service telling all it can tell; then
everything that was written anywhere is read from its beginning.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import psycopg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from adapters import keys
from adapters.log import MAX_RECORD
from adapters.objects import Objects
from contracts.topics import DEAD_LETTERS, IMAGES, TOPICS
from deploy.local.ports import choose
from tests.adapters.peers import Peer, ok, peer
from tests.described import GHOST, operations
from tests.ingest.serving import own_house
from tests.pictures import photograph
from tests.query.world import ready
from tests.running import House, Stack, answers
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("services.projector", "services.analyzer", "services.ingest.fetcher", "services.notifier")
CLONE = Path(__file__).parents[2]
OLD, NEW, WRONG = "the first pass phrase", "the second pass phrase", "a pass phrase mistyped"
EMAIL = "zaphod@heart-of-gold.example"
CALLBACK_TOKEN = "callback-token-4f1d7c90aa"
IN_ADDRESS = "signature-in-the-address-77b1"
FILE_NAME, PLACE = "at-the-lake-of-como.jpg", (46.017234, 9.257121)


@dataclass
class Run:
    """`secrets` by what they are; `everywhere` is all that was written, by where."""

    house: House
    client: httpx.AsyncClient
    metrics: tuple[str, ...]
    secrets: dict[str, str | bytes] = field(default_factory=dict)
    everywhere: dict[str, bytes] = field(default_factory=dict)
    image_id: str = ""


def installed(module: str) -> bool:
    return find_spec(module) is not None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    async with AsyncExitStack() as open_:
        made = await open_.enter_async_context(own_house(stack))
        house = replace(made, logs=tmp_path_factory.mktemp("logs"))
        outside = await open_.enter_async_context(peer(ok(photograph(120, 90, seed=71))))
        there = list(filter(installed, SERVICES))
        port, *others = choose([None] * (1 + len(there)))
        said = {"log_level": "DEBUG", "allow_private_urls": f"{outside.host}:{outside.port}"}
        for service, own in zip(there, others, strict=True):
            await open_.enter_async_context(house.run(service, metrics=f"127.0.0.1:{own}", **said))
        await open_.enter_async_context(house.run("services.api", port=port, **said))
        url = f"http://127.0.0.1:{port}"
        client = await open_.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        await ready(client)
        one = Run(house, client, (f"{url}/metrics", *(f"http://127.0.0.1:{own}/metrics" for own in others)))
        one.secrets |= of_the_house(house)
        await live(one, outside)
        await bury(one)
        one.everywhere = await written(one)
        yield one


def of_the_house(house: House) -> dict[str, str | bytes]:
    """What no service may tell of itself."""
    ring = json.loads((house.home / keys.FILE).read_bytes())
    rings = [(kind, one) for kind in ("signing", "sealing") for one in ring[kind]]
    rings.append(("derivation", ring["derivation"]))
    postgres = conninfo_to_dict(house.database).get("password")
    return {
        **{f"{kind} key, as the file has it": one["secret"] for kind, one in rings},
        **{f"{kind} key": base64.b64decode(one["secret"]) for kind, one in rings},
        "the admin's password": json.loads((house.home / "credentials.json").read_bytes())["password"],
        "the key of object storage": house.stack.s3_secret_key,
        **({"the password of Postgres": str(postgres)} if postgres else {}),
        "a password hash": "$argon2",
    }


async def live(run: Run, outside: Peer) -> None:
    """Somebody's whole life here, with each secret where it belongs, and where it does not."""
    http, secrets = run.client, run.secrets
    secrets |= {"a password": OLD, "a new password": NEW, "a mistyped password": WRONG, "an e-mail address": EMAIL}
    body = {"username": "zaphod", "email": EMAIL, "password": OLD}
    assert (await http.post("/v1/accounts", json=body)).status_code == 201
    assert (await http.post("/v1/accounts", json=body)).status_code == 409
    assert (await http.post("/v1/accounts", json={**body, "unknown": OLD, "username": "x"})).status_code == 422
    assert (await http.post("/v1/auth/token", data={"username": "zaphod", "password": WRONG})).status_code == 401
    await signed_in(run, "first", OLD)
    change = {"current_password": WRONG, "new_password": NEW}
    assert (await http.post("/v1/me/password", json=change)).status_code == 403
    assert (await http.post("/v1/me/password", json={**change, "current_password": OLD})).status_code == 204
    assert (await http.get("/v1/me")).status_code == 401
    await signed_in(run, "second", NEW)
    stale = {"refresh_token": secrets["first refresh token"]}
    assert (await http.post("/v1/auth/refresh", json=stale)).status_code == 401
    await keyed(run)
    for name in ("first", "second"):
        path = "/v1/me/webhook-secret" + ("" if name == "first" else "/rotate")
        answer = await (http.get(path) if name == "first" else http.post(path))
        secret = answer.json()["secret"]
        secrets |= {f"{name} webhook secret": secret, f"{name} webhook secret, bare": secret.removeprefix("whsec_")}
        secrets[f"{name} webhook secret, decoded"] = base64.b64decode(secret.removeprefix("whsec_"))
    await pictured(run, outside)


async def signed_in(run: Run, name: str, password: str) -> None:
    """Twice, by password and by refreshing; all of the tokens are secrets."""
    http = run.client
    found = (await http.post("/v1/auth/token", data={"username": "zaphod", "password": password})).json()
    renewed = await http.post("/v1/auth/refresh", json={"refresh_token": found["refresh_token"]})
    for which, tokens in (("", found), (" renewed", renewed.json())):
        run.secrets[f"{name}{which} access token"] = tokens["access_token"]
        run.secrets[f"{name}{which} refresh token"] = tokens["refresh_token"]
        run.secrets[f"signature of the {name}{which} access token"] = tokens["access_token"].rpartition(".")[2]
    http.headers["Authorization"] = f"Bearer {renewed.json()['access_token']}"
    assert (await http.get("/v1/me")).json()["email"] == EMAIL


async def keyed(run: Run) -> None:
    """A key in use, one that is revoked, one that never was."""
    for name in ("key", "revoked key"):
        made = (await run.client.post("/v1/me/api-keys", json={"name": name, "scopes": ["images:read"]})).json()
        run.secrets |= {f"an API {name}": made["key"], f"secret of an API {name}": made["key"].split("_", 2)[2]}
        bearer = {"Authorization": f"Bearer {made['key']}"}
        assert (await run.client.get("/v1/images", headers=bearer)).status_code == 200
        assert (await run.client.post("/v1/jobs", headers=bearer, json={})).status_code == 403
        if name == "revoked key":
            assert (await run.client.delete(f"/v1/me/api-keys/{made['id']}")).status_code == 204
            assert (await run.client.get("/v1/images", headers=bearer)).status_code == 401
    run.secrets["an API key that never was"] = "flk_00000000000000000000000000000000_neverissuedneverissued"
    never = {"Authorization": f"Bearer {run.secrets['an API key that never was']!s}"}
    assert (await run.client.get("/v1/me", headers=never)).status_code == 401


async def pictured(run: Run, outside: Peer) -> None:
    """Pictures by every way in, with callbacks where there are any; wrong ones too."""
    http = run.client
    document = (await http.get("/openapi.json")).json()
    callback = {"callback_url": f"{outside.url}done?key={IN_ADDRESS}", "callback_token": CALLBACK_TOKEN}
    form = json.dumps(document["paths"]["/v1/images"]["post"])
    of_uploads = callback if "callback_token" in form else {}
    fields = next(one.fields for one in operations(document) if one.name == "POST /v1/jobs")
    asked = callback if "callback_token" in fields else {}
    run.secrets |= {"a callback token": CALLBACK_TOKEN}
    files = {"file": (FILE_NAME, photograph(120, 90, seed=70, gps=PLACE))}
    image = (await http.post("/v1/images", files=files, data={"title": "canary", **of_uploads})).json()
    run.image_id = image["id"]
    job = {"image_id": image["id"], "algorithm": "thumbnail", **asked}
    jobs = [(await http.post("/v1/jobs", json=job)).json()["id"]]
    address = {"image_url": f"{outside.url}a.jpg?signature={IN_ADDRESS}", "algorithm": "hash", **asked}
    jobs.append((await http.post("/v1/jobs", json=address)).json()["id"])
    refused = {"image_url": f"http://user:{WRONG.replace(' ', '')}@example.org/", "algorithm": "hash", **callback}
    assert (await http.post("/v1/jobs", json=refused)).status_code == 422
    assert (await http.post("/v1/jobs", json={**job, **callback, "params": {"x": CALLBACK_TOKEN}})).status_code == 422
    offer = {"filename": "b.jpg", "size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}
    url = (await http.post("/v1/uploads", json=offer)).json()["url"]
    run.secrets["signature of an offer"] = parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]
    for job_id in jobs:
        await ended(run, job_id)
    if installed("services.notifier"):
        await answers_to(outside, len(jobs) * bool(asked) + bool(of_uploads))


async def ended(run: Run, job_id: str) -> None:
    async def there() -> bool:
        return (await run.client.get(f"/v1/jobs/{job_id}")).json()["status"] in ("succeeded", "failed")

    await until(there, 40)


async def answers_to(outside: Peer, count: int) -> None:
    """Until so many callbacks have come, each with the token in clear, where it belongs."""

    async def there() -> bool:
        posts = [one for one in outside.requests if one.startswith(b"POST") and CALLBACK_TOKEN.encode() in one]
        return len(posts) >= count

    await until(there, 40)


async def bury(run: Run) -> None:
    """A record that nobody can read, so that there are dead letters, and requests that no route takes."""
    topic = run.house.names.physical(IMAGES.name)
    async with AIOKafkaProducer(bootstrap_servers=run.house.stack.kafka) as producer:
        await producer.send_and_wait(topic, b"{not json", key=GHOST.encode())
    await run.house.dead_letters(2, within=30)
    for method, path in (("GET", "/nothing"), ("POST", "/v1/nothing"), ("PATCH", f"/v1/images/{GHOST}")):
        await run.client.request(method, path, json={"password": NEW, "token": CALLBACK_TOKEN})


async def written(run: Run) -> dict[str, bytes]:
    """All of it, by where it is."""
    house = run.house
    found = {f"topic {name}": data async for name, data in _topics(house)}
    found |= {f"object {key}": data async for key, data in _objects(house)}
    found |= {f"table {name}": data async for name, data in _tables(house.database)}
    async with httpx.AsyncClient() as client:
        for url in run.metrics:
            found[f"metrics {url}"] = (await answers(client, url, 200)).content
    assert house.logs
    return found | {f"log of {one.stem}": one.read_bytes() for one in sorted(house.logs.iterdir())}


async def _topics(house: House) -> AsyncIterator[tuple[str, bytes]]:
    for topic in TOPICS:
        async with AIOKafkaConsumer(
            house.names.physical(topic.name),
            bootstrap_servers=house.stack.kafka,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_RECORD,
        ) as consumer:
            records = []
            while fetched := await consumer.getmany(timeout_ms=1_000):
                records += [record for some in fetched.values() for record in some]
        parts = ((one.key or b"", one.value or b"", *(v for _, v in one.headers)) for one in records)
        yield topic.name, b"\n".join(part for several in parts for part in several)


async def _objects(house: House) -> AsyncIterator[tuple[str, bytes]]:
    stack = house.stack
    async with Objects(stack.s3, stack.s3_access_key, stack.s3_secret_key, house.bucket, "us-east-1") as objects:
        async for one in objects.list():
            yield one.key, one.key.encode() + await objects.get(one.key)


async def _tables(database: str) -> AsyncIterator[tuple[str, bytes]]:
    """Rows as text; of bytes the bytes."""
    async with await psycopg.AsyncConnection.connect(database) as connection:
        tables = await connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
            " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in await tables.fetchall():
            rows = await connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)))
            values = [value for row in await rows.fetchall() for value in row]
            yield table, b"\n".join(bytes(one) if isinstance(one, bytes) else str(one).encode() for one in values)


def spellings(secret: str | bytes) -> Iterator[bytes]:
    """A secret as somebody might have written it down: as it is, escaped, in hex, in base64 wherever it begins."""
    raw = secret.encode() if isinstance(secret, str) else secret
    yield raw
    yield raw.hex().encode()
    yield quote(raw, safe="").encode()
    if isinstance(secret, str):
        yield json.dumps(secret)[1:-1].encode()
        yield repr(raw)[2:-1].encode()
    for before in range(3):
        first = -(-before * 8 // 6)
        encoded = base64.b64encode(bytes(before) + raw).rstrip(b"=")
        yield encoded[first + (before > 0) : -2]


def found(secrets: Mapping[str, str | bytes], everywhere: Mapping[str, bytes]) -> list[str]:
    return [
        f"{what} is in {where}"
        for what, secret in secrets.items()
        for where, data in everywhere.items()
        if any(spelling in data for spelling in spellings(secret))
    ]


async def test_no_secret_is_written_anywhere(run: Run) -> None:
    assert len(run.secrets) > 30
    assert found(run.secrets, run.everywhere) == []


async def test_what_an_address_holds_is_in_no_log_and_no_metric(run: Run) -> None:
    """The event has to hold the address; a line of a log has not."""
    told = {where: data for where, data in run.everywhere.items() if where.startswith(("log", "metrics"))}
    assert found({"the query of an address": IN_ADDRESS}, told) == []


async def test_what_is_private_of_a_picture_is_in_no_log_and_no_metric(run: Run) -> None:
    told = {where: data for where, data in run.everywhere.items() if where.startswith(("log", "metrics"))}
    private = {"a title": "canary", "a file name": FILE_NAME, "a latitude": "46.017", "a longitude": "9.2571"}
    assert found(private, told) == []


async def test_everything_was_read(run: Run) -> None:
    """What is no secret is found in every kind of place: so would a secret be."""
    for what, where in (
        ("zaphod", "topic framelog.accounts"),
        ("canary", "topic framelog.images"),
        (run.image_id, "topic framelog.analyses"),
        ("{not json", f"topic {DEAD_LETTERS.name}"),
        ("zaphod", "table accounts"),
        ("canary", "table events"),
        (FILE_NAME, "table events"),
        ("46.017", "table events"),
        ("canary", "table images"),
        (run.image_id, "log of services.analyzer"),
        ('"level"', "log of services.api"),
        ("/v1/me/password", f"metrics {run.metrics[0]}"),
    ):
        assert found({what: what}, {where: run.everywhere[where]}) == [f"{what} is in {where}"]
    assert any(where.startswith("object derived/") for where in run.everywhere)
    services = [*filter(installed, SERVICES), "services.api"]
    assert all(run.everywhere[f"log of {service}"] for service in services)


@pytest.mark.parametrize("around", [b"", b"x", b"xy", b"xyz", b"xyzz"])
async def test_a_secret_is_found_however_it_is_written_down(around: bytes) -> None:
    secret = "correct horse “battery”"
    raw = around + secret.encode() + around
    for written in (raw, raw.hex().encode(), base64.b64encode(raw), quote(raw).encode(), json.dumps(secret).encode()):
        assert found({"it": secret}, {"there": b"before " + written + b" after"}) == ["it is in there"], written


async def test_every_service_takes_part() -> None:
    """One that is newer than this test has to be named in it."""
    services = {f"services.{one.parent.name}" for one in (CLONE / "services").glob("*/__main__.py")}
    assert services <= set(SERVICES)
