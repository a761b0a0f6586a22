"""How `framelog search` asks."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from services.query.filters import Filters
from tests.cli.running import Terminal, faulty

EVERY: dict[str, str | list[str]] = {
    "q": "the sea",
    "tag": ["a", "b"],
    "media_type": "image/png",
    "min_width": "100",
    "min_height": "200",
    "taken_after": "2024-05-01",
    "taken_before": "2024-06-01T12:00:00Z",
    "camera": "canon eos",
    "color": "#2a6f97",
    "label": "cat",
    "status": "partial",
    "sha256": "0" * 64,
    "near": "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11",
    "distance": "8",
    "deleted": "true",
    "owner": "alice",
    "origin": "url",
    "sort": "-taken_at",
}


def options() -> list[str]:
    given = [EVERY["q"]]
    for name, value in EVERY.items():
        option = "--type" if name == "media_type" else "--" + name.replace("_", "-")
        if name == "deleted":
            given.append(option)
        elif name != "q":
            given += [part for one in _listed(value) for part in (option, one)]
    return list(map(str, given))


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


async def test_every_filter_of_the_api_is_an_option(tmp_path: Path) -> None:
    with faulty() as server:
        ran = await Terminal(tmp_path, server.url).run("search", *options(), "--limit", 7, "--json")
    assert ran.code == 0, ran.err
    asked = parse_qs(urlsplit(server.asked[0]).query)
    assert asked == {name: _listed(value) for name, value in EVERY.items()} | {"limit": ["7"]}
    assert set(EVERY) == set(Filters.model_fields)


async def test_without_an_option_nothing_is_asked_of_an_image(tmp_path: Path) -> None:
    with faulty() as server:
        ran = await Terminal(tmp_path, server.url).run("search")
    assert server.asked == ["/v1/images?limit=51"]
    assert ran.out == ""
    assert "no image fits" in ran.err
