"""What people say to dead letters lets parked records go, in the transaction that folds it."""

from collections.abc import Iterator
from uuid import UUID

from contracts import ids
from contracts.dead_letters import PROJECTOR, Discarded, RetryRequested
from contracts.events import Position
from services.projector.fold import Batch, fold, touched
from services.projector.parking import Released, Sieve
from services.projector.rows import Rows
from services.projector.store import Store


async def settle(store: Store, batch: Batch, changed: Rows) -> None:
    """Let go what the accepted events of a batch let go. The batch has been saved, its own parked records too."""
    for said, at in _accepted(batch, changed):
        record = Position(said.topic, said.partition, said.offset)
        await store.waiting.turn(record)
        if isinstance(said, Discarded):
            await store.waiting.leave_out(record)
        else:
            await store.waiting.read_again(record)
        await _release(store, ids.lane(said.topic, said.partition, said.raw_key()), at)


def _accepted(batch: Batch, changed: Rows) -> Iterator[tuple[Discarded | RetryRequested, Position]]:
    for one in batch:
        for table, _, part in one.parts:
            if table == "letters" and isinstance(part, Discarded | RetryRequested) and part.consumer == PROJECTOR:
                row = changed["events"].get(one.row.event_id)
                if row and row.reason is None and row.position == one.row.position:
                    yield part, row.position


async def _release(store: Store, lane: UUID, at: Position) -> None:
    """Fold what waits in a lane, up to the next record that nobody can read."""
    while front := await store.waiting.front(lane):
        sieve = Sieve()
        batch = sieve.sift(front)
        prior = await store.prior(touched(batch))
        changed = fold(prior, batch)
        await store.save(prior, changed)
        await store.waiting.sight([Released(row.event_id, at) for row in changed["events"].values()])
        await store.waiting.go_past(lane, front[-1].record.offset, sieve.parked)
