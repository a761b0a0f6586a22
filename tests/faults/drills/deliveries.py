"""What arrives twice, late, or is poison."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx

from contracts.events import Message
from contracts.topics import ACCOUNTS, ALGORITHMS, ANALYSES, DELIVERIES, FOLLOWS, IMAGES, POSTS, REANALYSIS
from tests import events
from tests.events import uid
from tests.faults.calls import Ask
from tests.faults.drill import Act, drill
from tests.faults.evidence import Evidence, read_all
from tests.faults.invariants import TERMINAL, Broken
from tests.pictures import bad_png_crc, truncated_jpeg

AGAIN = 150
AGAIN_FROM = {one.name for one in (ACCOUNTS, ALGORITHMS, ANALYSES, DELIVERIES, FOLLOWS, IMAGES, POSTS, REANALYSIS)}
LETTERS = "/v1/admin/dead-letters"
NOBODY_WAITS = timedelta(seconds=20)


@drill(services=("projector", "analyzer", "notifier", "api"))
async def delivered_twice_and_late(act: Act) -> None:
    """Events of the log are appended again, in any order, long after what came behind them: nothing changes."""
    stage = act.stage
    async with stage.log() as log, act.load(clients=3, callback=stage.outside["callback"]):
        for _ in range(3):
            await act.pause(2.0, 3.0)
            records, _ = await read_all(stage.house)
            pool = [one for one in records if one.topic in AGAIN_FROM]
            for one in stage.chance.sample(pool, min(AGAIN // 3, len(pool))):
                message = Message(topic=one.topic, key=one.key or b"", value=one.value or b"", headers=one.headers)
                await log.produce(message, uid("again"))


def poison(chance: random.Random, number: int) -> Message:
    """A record that nobody can read, under a key of its own."""
    name = ("poison", number, chance.random())
    sound = events.message(
        chance.choice([events.uploaded(uid(name)), events.failed(uid(name), uid("cause")), events.deleted(uid(name))]),
        name,
    )
    fields: dict[str, Any] = {"topic": sound.topic, "key": sound.key, "value": sound.value, "headers": sound.headers}
    match chance.choice(["body", "headers", "key", "type", "newer", "tombstone", "id"]):
        case "body":
            fields["value"] = chance.randbytes(chance.randint(0, 2_000))
        case "headers":
            fields["headers"] = ()
        case "key":
            fields["key"] = str(uid((name, "another"))).encode()
        case "type":
            fields["headers"] = _with(sound, "ce_type", b"framelog.nobody.knows.v1")
        case "newer":
            fields["headers"] = _with(sound, "ce_type", dict(sound.headers)["ce_type"].replace(b".v1", b".v999"))
        case "tombstone":
            fields["value"] = None
        case "id":
            fields["headers"] = _with(sound, "ce_id", b"no id")
    return Message(**fields)


def _with(message: Message, header: str, value: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value if name == header else old) for name, old in message.headers)


@drill(within=300)
async def poison_in_one_percent(act: Act) -> None:
    """One record and one picture in a hundred are poison: each of them is to be seen with a reason, and no neighbour
    waits for it. Admins retry some of the dead letters, and discard others, meanwhile."""
    stage = act.stage
    act.checks += [no_neighbour_waits, poisoned_pictures_say_why, letters_are_shown_with_a_reason]
    async with stage.log() as log, stage.client() as client, act.load():
        for number in range(8):
            await act.pause(1.0, 2.0)
            await log.produce(poison(stage.chance, number), uid(("poison", number)))
            if number % 4 == 0:
                for kind, picture in (("cut", truncated_jpeg()), ("crc", bad_png_crc())):
                    data = picture + bytes([number])
                    ask = Ask(kind="upload", method="POST", path="/v1/images", key=f"{kind}-{number}", picture=data)
                    await act.ledger.make(client, ask)
            await _settle_one(act, client, number)


async def _settle_one(act: Act, client: httpx.AsyncClient, number: int) -> None:
    """Of those that an admin is shown, whoever has buried it."""
    items = (await client.get(LETTERS, params={"state": "buried"})).json()["items"]
    for item in items:
        act.expect(bool(item["reason"] and item["detail"]), "poison", f"a dead letter does not say why: {item}")
    if items:
        one, verb = act.stage.chance.choice(items), act.stage.chance.choice(["retry", "discard"])
        path = f"{LETTERS}/{one['id']}/{verb}"
        await act.ledger.make(client, Ask(kind=verb, method="POST", path=path, key=f"{verb}-{number}"))


def letters_are_shown_with_a_reason(seen: Evidence) -> Iterator[Broken]:
    """Every record that a consumer has buried says why; what was settled is told of too."""
    if not seen.buried:
        yield Broken("poison", "nothing was buried")
    for id_, letter in seen.buried:
        if not (letter.reason and letter.detail):
            yield Broken("poison", f"dead letter {id_} does not say why")


def no_neighbour_waits(seen: Evidence) -> Iterator[Broken]:
    asked = {one.cause.event_id: one.time for one in seen.events if one.type == "framelog.image.uploaded.v1"}
    for one in seen.events:
        begun = asked.get(one.cause.causation_id) if one.cause.causation_id else None
        if begun and one.type.startswith("framelog.analysis.") and one.time - begun > NOBODY_WAITS:
            yield Broken("poison", f"{one.type} of image {one.event.image_id} came {one.time - begun} after its upload")


def poisoned_pictures_say_why(seen: Evidence) -> Iterator[Broken]:
    poisoned = {call.image_id for call in seen.calls if call.ask.key.startswith(("cut-", "crc-"))}
    told = {one.event.image_id for one in seen.events if getattr(one.event, "failures", ())}
    for image in seen.images.values():
        if (image.image_id in poisoned) != (image.status in TERMINAL - {"completed"}):
            yield Broken("poison", f"image {image.image_id} is {image.status}, poisoned or not")
        elif image.image_id in poisoned and image.image_id not in told:
            yield Broken("poison", f"image {image.image_id} has failed, and nothing says why")
