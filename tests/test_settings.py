"""What a setting may be, and that a wrong one is named."""

import pytest

from adapters.outbound import excepted
from services.settings import Outside, WrongSettings


def test_private_addresses_are_listed_by_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMELOG_ALLOW_PRIVATE_URLS", "Photos.intranet:8080, 127.0.0.1:9000,[::1]:9001")
    assert excepted(Outside.read().allow_private_urls) == {
        ("photos.intranet", 8080),
        ("127.0.0.1", 9000),
        ("::1", 9001),
    }


def test_no_private_address_is_allowed_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAMELOG_ALLOW_PRIVATE_URLS", raising=False)
    assert excepted(Outside.read().allow_private_urls) == frozenset()


@pytest.mark.parametrize("text", ["photos.intranet", "http://photos.intranet:80", "::1:80", "a@b:80", "10.0.0.0/8"])
def test_a_private_address_that_cannot_be_read_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FRAMELOG_ALLOW_PRIVATE_URLS", f"photos.intranet:80,{text}")
    with pytest.raises(WrongSettings, match="FRAMELOG_ALLOW_PRIVATE_URLS"):
        Outside.read()
