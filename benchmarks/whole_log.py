"""A log of everything: accounts, images with their analyses, posts and likes, about as a sharing site has them."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from uuid import uuid5

from adapters.log import Log
from benchmarks.lives import EPOCH, life
from contracts import ids
from contracts.accounts import AccountRegistered
from contracts.codec import Event
from contracts.events import Cause
from contracts.images import ImageUploaded
from contracts.posts import PostLiked, PostPublished

IMAGES_PER_ACCOUNT = 50
LIKES_PER_POST = 4
PER_ACCOUNT = 1 + IMAGES_PER_ACCOUNT * 3 + IMAGES_PER_ACCOUNT // 2 * (1 + LIKES_PER_POST)
"""Events: every second image is shown in a post."""
CHUNK, WINDOW = 5_000, 1_000

Said = tuple[Event, Cause]


def accounts_in(events: int) -> int:
    """How many accounts' worth of events comes closest to so many."""
    return max(1, round(events / PER_ACCOUNT))


async def tell(log: Log, first: int, last: int) -> None:
    """Appends all that happens to the accounts numbered `first` up to `last`, each of their images in its own order."""
    lives = chain.from_iterable(account(number) for number in range(first, last))
    free = asyncio.Semaphore(WINDOW)

    async def one(said: Iterable[Said]) -> None:
        async with free:
            for event, cause in said:
                await log.append(event, cause)

    while chunk := list(islice(lives, CHUNK)):
        await asyncio.gather(*map(one, chunk))


def account(number: int) -> Iterator[Iterable[Said]]:
    """The account, then each of its images."""
    event_id = uuid5(ids.NAMESPACE, f"account {number}")
    name = f"person-{number}"
    registered = AccountRegistered(
        account=name, actor=name, account_id=event_id, sealed_email="sealed", sealed_password_hash="sealed" * 8
    )
    yield [(registered, Cause(event_id=event_id, source="ingest", time=EPOCH))]
    first = number * IMAGES_PER_ACCOUNT
    for image in range(first, first + IMAGES_PER_ACCOUNT):
        yield _image(image)


def _image(number: int) -> Iterator[Said]:
    said = list(life("whole", number))
    yield from said
    uploaded = said[0][0]
    assert isinstance(uploaded, ImageUploaded)
    if number % 2 == 0:
        yield from _post(number, uploaded)


def _post(number: int, uploaded: ImageUploaded) -> Iterator[Said]:
    causes = (
        Cause(event_id=uuid5(ids.NAMESPACE, f"post {number} {word}"), source="ingest", time=EPOCH) for word in count()
    )
    cause = next(causes)
    post_id, owner = ids.post(cause.event_id), uploaded.owner
    yield PostPublished(post_id=post_id, owner=owner, actor=owner, image_id=uploaded.image_id, caption="Look"), cause
    for fan in range(LIKES_PER_POST):
        who = f"fan-{(number * 7 + fan * 131) % 5000}"
        yield PostLiked(post_id=post_id, owner=who, actor=who), next(causes)
