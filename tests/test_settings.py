"""What a setting may be, and that a wrong one is named."""

import pytest

from adapters.outbound import excepted
from services.settings import Api, Outside, WrongSettings


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


def test_proxies_are_trusted_by_address_or_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMELOG_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,fd00::/8")
    assert [str(one) for one in Api.read().trusted_proxies] == ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]


@pytest.mark.parametrize("text", ["proxy", "*", "10.0.0.1/8", "10.0.0.0/8;192.0.2.7"])
def test_a_proxy_that_cannot_be_read_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FRAMELOG_TRUSTED_PROXIES", text)
    with pytest.raises(WrongSettings, match="FRAMELOG_TRUSTED_PROXIES"):
        Api.read()
