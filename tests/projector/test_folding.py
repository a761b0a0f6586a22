"""A batch of a build comes to what it may take, and no record is lost between two."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.projector.folding import BATCH, ITSELF, LEAST, batches, room
from services.projector.spill import weight
from tests.projector.test_spill import record

MIB = 1024 * 1024


@given(sizes=st.lists(st.integers(0, 500), max_size=60), most=st.integers(1, 40_000))
def test_a_batch_comes_to_no_more_than_it_may_where_no_record_alone_does(sizes: list[int], most: int) -> None:
    records = [record(offset, "k" * size) for offset, size in enumerate(sizes)]
    cut = list(batches(records, most))
    assert [one for batch in cut for one in batch] == records
    assert all(len(batch) == 1 or sum(map(weight, batch)) <= most for batch in cut)
    assert all(sum(map(weight, [*batch, following[0]])) > most for batch, following in pairwise(cut))


def test_nor_to_more_records_than_are_worth_one_copy() -> None:
    assert [len(batch) for batch in batches([record(0, 1)] * (BATCH + 1), 10**12)] == [BATCH, 1]


def test_a_portion_and_a_batch_of_it_fit_beside_the_process_itself() -> None:
    for memory in (LEAST, 256 * MIB, 4096 * MIB):
        assert 0 < ITSELF + 2 * room(memory) <= memory
