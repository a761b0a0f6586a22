"""How far somebody has got, as a word: it leads back there, for the same account, and no other text does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.topics import TOPICS
from services.query.cursors import sealed
from services.query.places import BEGINNING, PARTITIONS, read, word

offsets = st.dictionaries(st.sampled_from(PARTITIONS), st.integers(0, 2**63 - 1))


@given(offsets)
def test_a_word_leads_back_to_its_place(place: dict[tuple[str, int], int]) -> None:
    assert read(word(place, "alice"), "alice") == {**BEGINNING, **place}
    assert set(word(place, "alice")) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_word_is_short_however_long_the_log_is() -> None:
    assert len(word({}, "alice")) < 20
    assert len(word({("framelog.images", 3): 1042}, "alice")) < 60
    assert len(word(dict.fromkeys(PARTITIONS, 10**9), "alice")) < 800


@given(offsets, st.text(max_size=200))
def test_what_is_no_word_of_this_account_is_refused(place: dict[tuple[str, int], int], text: str) -> None:
    for given_word, account in (
        (word(place, "alice"), "bob"),
        (text, "alice"),
        (word(place, "alice") + "AAAA", "alice"),
    ):
        with pytest.raises(ValueError):
            read(given_word, account)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\x00", b"\x81\xa6images\x90", b"\x81\xa7nothing\x9c" + b"\x00" * 12, b"\x81\xa6images\xc0"),
        b"\x81\xa6images\x9c" + b"\xff" * 12,
        b"\x81\xa6images\x9c" + b"\xa1x" * 12,
    ],
)
def test_what_is_no_place_is_refused_though_its_seal_is_right(body: bytes) -> None:
    with pytest.raises(ValueError):
        read(sealed(body, ["events", "alice"]), "alice")


def test_a_place_of_before_a_topic_was_there_begins_that_topic_at_its_beginning() -> None:
    assert read(word({("framelog.images", 0): 5}, "alice"), "alice").keys() == BEGINNING.keys()
    assert set(PARTITIONS) <= BEGINNING.keys()
    assert len(PARTITIONS) == sum(topic.partitions for topic in TOPICS)
