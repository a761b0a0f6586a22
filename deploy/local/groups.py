"""Which algorithm groups this machine runs, an analyzer each."""

from pathlib import Path

from deploy.local.whereabouts import home
from services.analyzer.models import shelf
from services.settings import MODELLED, NETWORKED, Analyzer, Api, Groups, as_text


def running(settings: Api) -> list[str]:
    """Its own group first, then those that need a model or a service, where there is one or every image needs it."""
    own = Analyzer.read().group
    return [own, *(group for group in _optional(settings) if group != own and _wanted(settings, group))]


def told(settings: Api) -> dict[str, str]:
    """FRAMELOG_ALGORITHM_GROUPS without a group that no analyzer here would run: nobody may ask for it."""
    groups = asked(settings)
    return {"FRAMELOG_ALGORITHM_GROUPS": as_text(groups)} if len(groups) < len(settings.algorithm_groups) else {}


def asked(settings: Api) -> dict[str, tuple[str, ...]]:
    """The groups that somebody may ask something of, with their algorithms."""
    idle = set(_optional(settings)) - set(running(settings))
    return {group: names for group, names in settings.algorithm_groups.items() if group not in idle}


def analyzer(group: str) -> str:
    """The name of the analyzer of a group, in logs and in `framelog doctor`."""
    return "analyzer" if group == Analyzer.read().group else f"analyzer-{group}"


def _optional(settings: Groups) -> list[str]:
    """The groups that do nothing but run models and ask services."""
    optional = MODELLED | NETWORKED
    return [group for group, names in settings.algorithm_groups.items() if optional.issuperset(names)]


def _wanted(settings: Api, group: str) -> bool:
    return not (_able(settings) | set(settings.algorithms)).isdisjoint(settings.algorithm_groups[group])


def _able(settings: Api) -> set[str]:
    """Of the algorithms that need something, those that have it."""
    modelled = MODELLED if shelf.versions(_shelf(settings)) else frozenset()
    return {*modelled, *(NETWORKED if settings.captions else ())}


def _shelf(settings: Api) -> Path:
    return settings.models or home(settings).path / "models"
