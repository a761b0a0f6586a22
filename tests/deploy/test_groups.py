"""Which analyzers the one-machine stack starts: one for models only where there is a model."""

from pathlib import Path

import pytest

from deploy.local import groups
from deploy.local.home import Home
from deploy.local.services import services
from services.settings import Api
from tests import networks
from tests.analyzer.test_classification import shelved


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FRAMELOG_HOME", str(tmp_path))
    return Home(tmp_path)


def test_without_a_model_none_is_started_and_nobody_may_ask_for_it(home: Home) -> None:
    settings = Api.read()
    assert groups.running(settings) == ["core"]
    programs = {one.name: one for one in services(settings, home)}
    assert list(programs) == ["projector", "analyzer", "fetcher", "notifier", "api"]
    assert programs["api"].environment["FRAMELOG_ALGORITHM_GROUPS"].startswith("core=metadata+")
    assert "classification" not in programs["api"].environment["FRAMELOG_ALGORITHM_GROUPS"]
    assert "caption" not in programs["api"].environment["FRAMELOG_ALGORITHM_GROUPS"]


def test_with_a_model_its_group_has_an_analyzer_of_its_own(home: Home) -> None:
    shelved(home.path, networks.colours())
    settings = Api.read()
    assert groups.running(settings) == ["core", "models"]
    programs = {one.name: one for one in services(settings, home)}
    assert list(programs) == ["projector", "analyzer", "analyzer-models", "fetcher", "notifier", "api"]
    assert programs["analyzer"].environment["FRAMELOG_GROUP"] == "core"
    assert programs["analyzer-models"].environment["FRAMELOG_GROUP"] == "models"
    assert programs["api"].environment["FRAMELOG_ALGORITHM_GROUPS"].endswith(",models=classification")


def test_with_somebody_who_captions_pictures_the_group_that_asks_has_an_analyzer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELOG_CAPTION_URL", "http://127.0.0.1:8080/v1")
    assert groups.running(Api.read()) == ["core"]
    monkeypatch.setenv("FRAMELOG_CAPTION_MODEL", "qwen2.5-vl")
    programs = {one.name: one for one in services(Api.read(), home)}
    assert list(programs) == ["projector", "analyzer", "analyzer-network", "fetcher", "notifier", "api"]
    assert programs["analyzer-network"].environment["FRAMELOG_GROUP"] == "network"
    assert programs["api"].environment["FRAMELOG_ALGORITHM_GROUPS"].endswith(",network=caption")
    shelved(home.path, networks.colours())
    assert groups.told(Api.read()) == {}


def test_where_every_image_is_to_be_captioned_the_analyzer_says_what_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELOG_ALGORITHMS", "metadata,caption")
    assert groups.running(Api.read()) == ["core", "network"]


def test_where_every_image_is_to_be_classified_its_analyzer_says_what_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELOG_ALGORITHMS", "metadata,classification")
    assert groups.running(Api.read()) == ["core", "models"]


def test_a_machine_for_models_alone_runs_them_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shelved(home.path, networks.colours())
    monkeypatch.setenv("FRAMELOG_GROUP", "models")
    assert [one.name for one in services(Api.read(), home)] == ["projector", "analyzer", "fetcher", "notifier", "api"]
