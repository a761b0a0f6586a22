"""Which size the params of a thumbnail ask for."""

import pytest

from contracts.events import Json
from services.analyzer.algorithm import Unable
from services.analyzer.algorithms.sizes import size_for

PICTURE = (4000, 3000)
CAP = 50_000_000


def asked(picture: tuple[int, int] = PICTURE, cap: int = CAP, **params: Json) -> tuple[int, int]:
    return size_for(picture, params, cap)


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"width": 200}, (200, 150)),
        ({"width": 200.0}, (200, 150)),
        ({"height": 200}, (267, 200)),
        ({"width": 200, "height": 200}, (200, 150)),
        ({"width": 8000}, (4000, 3000)),
        ({"format": "png"}, (512, 384)),
        ({"width": 200, "height": 200, "fit": "cover"}, (200, 200)),
        ({"width": 200, "height": 100, "fit": "fill"}, (200, 100)),
        ({"width": 200, "fit": "cover"}, (200, 150)),
        ({"height": 200, "fit": "fill"}, (267, 200)),
        ({"fit": "cover"}, (512, 512)),
        ({"width": 4200, "height": 100, "fit": "fill"}, (4200, 100)),
        ({"width": 4600, "fit": "cover"}, (4600, 3450)),
    ],
)
def test_sizes(params: dict[str, Json], size: tuple[int, int]) -> None:
    assert asked(**params) == size


def test_only_what_must_have_a_size_is_enlarged() -> None:
    assert asked((40, 30), width=200, height=200) == (40, 30)
    assert asked((40, 30), width=200, height=200, fit="cover") == (200, 200)
    assert asked((40, 30), width=200, height=200, fit="fill") == (200, 200)


def test_no_side_is_empty_and_none_is_endless() -> None:
    assert asked((60_000, 2), width=100) == (100, 1)
    assert asked((60_000, 2), height=2, fit="cover") == (8192, 2)
    assert asked((2, 60_000), width=2) == (1, 8192)


def test_no_more_pixels_than_the_picture_has_or_one_decoder_may_hold() -> None:
    assert asked((8000, 6000), width=8000, height=6000, fit="cover") == (8000, 6000)
    assert asked((8, 6), width=4000, height=4000, fit="fill") == (4000, 4000)
    with pytest.raises(Unable, match="4000 × 4001 px, of at most 16000000 pixels"):
        asked((8, 6), width=4000, height=4001, fit="fill")
    with pytest.raises(Unable, match="of at most 1000 pixels"):
        asked((8, 6), cap=1000, width=100, height=100, fit="fill")
