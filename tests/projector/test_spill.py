"""Records come out of a spill in portions that fit, each key whole and in order, and nothing is left on disk."""

from itertools import chain
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import Record
from services.projector.spill import BUCKETS, OVERHEAD, Spill
from tests.events import NOON, uid

KEYS = st.lists(st.integers(0, 40), max_size=300)


def record(offset: int, key: int | str) -> Record:
    return Record(
        topic="framelog.images",
        partition=1,
        offset=offset,
        time=NOON,
        key=str(key).encode(),
        value=None if key == 13 else b"x" * len(str(key)),
        headers=(("a", b"\x00\xff"),),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(keys=KEYS, most=st.sampled_from([1, 5 * OVERHEAD, 50 * OVERHEAD, 10**9]))
def test_every_record_comes_out_once_with_its_key_in_one_portion_and_in_order(
    tmp_path: Path, keys: list[int], most: int
) -> None:
    records = [record(offset, key) for offset, key in enumerate(keys)]
    with Spill(tmp_path / "spill", most) as spill:
        for one in records:
            spill.add(one)
        portions = [list(portion) for portion in spill.portions()]
    for key in set(keys):
        own = [one for one in records if one.key == str(key).encode()]
        holding = [portion for portion in portions if any(one.key == own[0].key for one in portion)]
        assert [[one for one in portion if one.key == own[0].key] for portion in holding] == [own]
    assert sum(map(len, portions)) == len(records)
    assert not (tmp_path / "spill").exists()


def test_what_fits_is_never_written(tmp_path: Path) -> None:
    with Spill(tmp_path / "spill", 10**9) as spill:
        spill.add(record(0, 1))
        assert not (tmp_path / "spill").exists()
        assert [list(portion) for portion in spill.portions()] == [[record(0, 1)]]


def test_a_portion_is_no_larger_than_it_may_be_where_keys_are_small(tmp_path: Path) -> None:
    most = 30 * OVERHEAD
    with Spill(tmp_path / "spill", most) as spill:
        for offset in range(1_000):
            spill.add(record(offset, offset % 500))
        sizes = [len(list(portion)) for portion in spill.portions()]
    assert sum(sizes) == 1_000
    assert max(sizes) <= 30


def test_what_is_too_large_for_one_bucket_goes_to_finer_ones(tmp_path: Path) -> None:
    most = 4 * OVERHEAD
    keys = [str(uid(f"image {number}")) for number in range(10 * BUCKETS)]
    with Spill(tmp_path / "spill", most) as spill:
        for offset, key in enumerate(keys):
            spill.add(record(offset, key))
        portions = [[one.offset for one in portion] for portion in spill.portions()]
    assert sorted(chain.from_iterable(portions)) == list(range(len(keys)))
    assert max(map(len, portions)) <= 4


def test_one_key_alone_may_have_more_than_fits(tmp_path: Path) -> None:
    records = [record(offset, 1) for offset in range(100)]
    with Spill(tmp_path / "spill", OVERHEAD) as spill:
        for one in records:
            spill.add(one)
        assert [portion for portion in map(list, spill.portions()) if portion] == [records]


def test_what_a_killed_build_has_left_is_thrown_away(tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    folder.mkdir()
    (folder / "0").write_bytes(b"half a record")
    with Spill(folder, 1) as spill:
        spill.add(record(0, 1))
        assert [one for portion in spill.portions() for one in portion] == [record(0, 1)]
