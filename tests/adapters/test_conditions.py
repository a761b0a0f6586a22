import pytest

from adapters.conditions import etag, expected_version, idempotency_key
from contracts.problems import Problem


def test_an_etag_is_read_back_as_the_version_it_was_made_of() -> None:
    assert expected_version(etag(7)) == 7
    assert expected_version(' "12" ') == 12


def test_a_star_is_any_version() -> None:
    assert expected_version("*") is None


def test_a_change_without_a_version_is_asked_for_one() -> None:
    with pytest.raises(Problem) as refused:
        expected_version(None)
    assert refused.value.type.status == 428


@pytest.mark.parametrize("header", ["", "1", 'W/"1"', '"1", "2"', '"one"', '"-1"', '"1', '"١"', '"99999999999"'])
def test_what_is_no_etag_of_ours_matches_no_version(header: str) -> None:
    with pytest.raises(Problem) as refused:
        expected_version(header)
    assert refused.value.type.status == 412


@pytest.mark.parametrize("key", ["a", "x" * 255, '"quoted"', "two words"])
def test_a_key_is_taken_as_it_is(key: str) -> None:
    assert idempotency_key(key) == key


def test_no_key_is_no_key() -> None:
    assert idempotency_key(None) is None


@pytest.mark.parametrize("key", ["", " ", " a", "x" * 256, "é", "a\tb"])
def test_an_unusable_key_is_refused(key: str) -> None:
    with pytest.raises(Problem) as refused:
        idempotency_key(key)
    assert refused.value.type.status == 400
