"""A stale yes is fine, a no must be fresh: what is missing is only said so by a read model that has seen it all."""

import asyncio
from uuid import UUID

from adapters.ends import Ends
from adapters.read_model import ReadModel
from contracts.events import Position
from contracts.problems import Problem
from contracts.resources.images import Described
from contracts.topics import IMAGES, Topic

WAIT_SECONDS = 5.0
PARKED_SECONDS = 60


class Fresh:
    """The read model, brought up to the end of the log where its answer would be no."""

    def __init__(self, read_model: ReadModel, ends: Ends) -> None:
        self._read_model = read_model
        self._ends = ends

    async def image(self, image_id: UUID) -> Described | None:
        """The image, perhaps a moment old; None only if the log, as of now, has none."""
        return await self._read_model.image(image_id) or await self.newest(image_id)

    async def newest(self, image_id: UUID) -> Described | None:
        """The image as the log has it as of now. Raises Problem `behind` if the read model is over 5 s away from it."""
        await self.settled(IMAGES, str(image_id))
        return await self._read_model.image(image_id)

    async def all_settled(self, topic: Topic) -> None:
        """Returns once the read model holds all that the topic holds now; else Problem `behind`."""
        if not await self.caught_up(topic, WAIT_SECONDS):
            raise Problem("behind", "the read model has not reached the end of the log", headers={"Retry-After": "1"})

    async def caught_up(self, topic: Topic, within: float) -> bool:
        """Whether the read model comes to hold all that the topic holds now, within so many seconds."""
        ends = await self._ends.of(topic)
        goal = [Position(topic.name, partition, end) for partition, end in ends.items() if end]
        return all(await asyncio.gather(*(self._read_model.reached(end, within) for end in goal)))

    async def settled(self, topic: Topic, key: str) -> None:
        """Returns once the read model holds every event of `key` that the log holds now; else Problem `behind`: where
        events of the key are parked, until somebody has settled the dead letter."""
        end = await self._ends.of_key(topic, key)
        if end.offset and not await self._read_model.reached(end, WAIT_SECONDS):
            raise Problem("behind", f"the read model has not reached {end}", headers={"Retry-After": "1"})
        if letter := await self._read_model.held_up(topic.name, end.partition, key):
            raise parked(letter)


def parked(letter: UUID) -> Problem:
    """What is asked for waits behind a record that nobody can read: nobody knows a no before that is settled."""
    detail = f"it waits for an admin to settle the dead letter {letter}"
    return Problem("behind", detail, headers={"Retry-After": str(PARKED_SECONDS)}, dead_letter=str(letter))
