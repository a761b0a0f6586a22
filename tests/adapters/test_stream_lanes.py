"""The order of acknowledgements in one partition: pure, so no Kafka."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stream.lanes import Lane, Skipped


@given(st.integers(0, 5), st.permutations(range(12)))
def test_only_a_finished_head_is_acknowledged_in_offset_order(committed: int, order: list[int]) -> None:
    acked: list[int] = []
    lane = Lane(committed)
    held = [lane.take(committed + number, lambda number=number: acked.append(number)) for number in range(12)]
    finished: set[int] = set()
    for number in order:
        lane.finish(held[number])
        finished.add(number)
        head = next((one for one in range(12) if one not in finished), 12)
        assert acked == list(range(head))
        assert lane.position == committed + head


def test_a_message_that_is_or_was_in_hand_is_not_taken_again() -> None:
    lane = Lane(0)
    first = lane.take(0, lambda: None)
    assert lane.take(0, lambda: None) is None
    lane.finish(first)
    assert lane.take(0, lambda: None) is None


def test_a_gap_in_a_partition_is_refused() -> None:
    lane = Lane(3)
    lane.take(3, lambda: None)
    with pytest.raises(Skipped, match="offset 5 came where 4 was due"):
        lane.take(5, lambda: None)


def test_a_partition_whose_first_records_are_left_out_is_refused() -> None:
    with pytest.raises(Skipped, match="offset 5 came where 3 was due"):
        Lane(3).take(5, lambda: None)


def test_reading_may_begin_before_what_was_committed() -> None:
    lane = Lane(3)
    lane.finish(lane.take(1, lambda: None))
    assert lane.position == 2


def test_nothing_of_a_closed_lane_is_acknowledged() -> None:
    acked: list[int] = []
    lane = Lane(0)
    held = lane.take(0, lambda: acked.append(0))
    lane.close()
    lane.finish(held)
    assert acked == []
