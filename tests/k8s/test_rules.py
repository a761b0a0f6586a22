"""Every overlay keeps every rule."""

import pytest

from tests.k8s import rules_life, rules_names, rules_network, rules_safety, rules_settings
from tests.k8s.manifests import Manifests

RULES = (*rules_names.RULES, *rules_settings.RULES, *rules_safety.RULES, *rules_life.RULES, *rules_network.RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_an_overlay_keeps_the_rule(overlay: Manifests, rule: rules_names.Rule) -> None:
    assert list(rule(overlay)) == []
