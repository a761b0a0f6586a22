"""Which algorithm groups this machine runs, an analyzer each."""

from pathlib import Path

from deploy.local.whereabouts import home
from services.analyzer.models import shelf
from services.settings import MODELLED, Analyzer, Api, Groups, as_text


def running(settings: Api) -> list[str]:
    """Its own group first, then those of models, where one is installed or every image is to be asked about."""
    own = Analyzer.read().group
    return [own, *(group for group in _modelled(settings) if group != own and _wanted(settings, group))]


def told(settings: Api) -> dict[str, str]:
    """FRAMELOG_ALGORITHM_GROUPS without a group whose analyzer would have no model: nobody may ask for it."""
    idle = set(_modelled(settings)) - set(running(settings))
    groups = {group: names for group, names in settings.algorithm_groups.items() if group not in idle}
    return {"FRAMELOG_ALGORITHM_GROUPS": as_text(groups)} if idle else {}


def analyzer(group: str) -> str:
    """The name of the analyzer of a group, in logs and in `framelog doctor`."""
    return "analyzer" if group == Analyzer.read().group else f"analyzer-{group}"


def _modelled(settings: Groups) -> list[str]:
    """The groups that do nothing but run models."""
    return [group for group, names in settings.algorithm_groups.items() if MODELLED.issuperset(names)]


def _wanted(settings: Api, group: str) -> bool:
    asked = not set(settings.algorithm_groups[group]).isdisjoint(settings.algorithms)
    return asked or bool(shelf.versions(_shelf(settings)))


def _shelf(settings: Api) -> Path:
    return settings.models or home(settings).path / "models"
