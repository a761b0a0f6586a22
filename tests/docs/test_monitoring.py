"""Rules and runbook tell the same story as the code: every metric a rule names exists, every alert has a section."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from adapters import metrics
from deploy.monitoring.dashboard import ROWS, Panel

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = [rule["alert"] for rule in RULES if "alert" in rule]
OURS = re.compile(r"\b(?:framelog|http)_\w+")


def registered() -> set[str]:
    """The names that Prometheus scrapes."""
    found: set[str] = set()
    for one in vars(metrics).values():
        if isinstance(one, MetricWrapperBase):
            ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(one._type, ("",))
            found |= {one._name + end for end in ends}
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_metrics_that_the_code_has(rule: dict[str, Any]) -> None:
    recorded = {one["record"] for one in RULES if "record" in one}
    named = re.findall(r"framelog:[\w:]+", rule["expr"])
    assert set(named) <= recorded
    assert set(OURS.findall(re.sub(r"framelog:[\w:]+", "", rule["expr"]))) <= registered()


@pytest.mark.parametrize("panel", [panel for row in ROWS.values() for panel in row], ids=lambda panel: panel.title)
def test_a_panel_names_metrics_that_the_code_has(panel: Panel) -> None:
    for expr in panel.lines.values():
        named = set(OURS.findall(expr))
        assert named
        assert named <= registered()


def test_every_metric_is_in_a_panel() -> None:
    shown = {expr for row in ROWS.values() for panel in row for expr in panel.lines.values()}
    assert _whole(registered()) == _whole({name for expr in shown for name in OURS.findall(expr)})


@pytest.mark.parametrize("rule", [one for one in RULES if "alert" in one], ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_leads_to_its_page_of_the_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    page, _, section = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert section in map(str.lower, headings)
    assert section == rule["alert"].lower()


def test_the_runbook_has_no_page_for_an_alert_that_is_gone() -> None:
    assert re.findall(r"^### (\w+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE) == ALERTS


def _whole(names: set[str]) -> set[str]:
    """Of a histogram, its name."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in names}
