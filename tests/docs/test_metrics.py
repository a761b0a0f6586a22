"""docs/metrics.md names every metric of the house, its type and its labels, and no other."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from adapters import metrics

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \|(?P<labels>[^|]*)\| (?P<said>[^|]+) \|$", re.MULTILINE)


def test_every_metric_is_in_the_table_and_every_row_is_a_metric() -> None:
    told = {row["name"]: (row["type"], row["labels"].strip()) for row in ROW.finditer(_text("docs/metrics.md"))}
    assert told == {_name(one): (one._type, ", ".join(one._labelnames)) for one in _metrics()}


def test_no_metric_is_made_elsewhere() -> None:
    made = re.compile(r"from prometheus_client import [^\n]*\b(Counter|Gauge|Histogram|Summary|Info)\b")
    sources = [one for folder in ("adapters", "services", "cli") for one in (ROOT / folder).rglob("*.py")]
    assert [str(one.relative_to(ROOT)) for one in sources if made.search(one.read_text())] == ["adapters/metrics.py"]


def test_every_reason_that_a_record_is_unreadable_for_is_counted_from_0() -> None:
    reasons = re.findall(r'Undecodable\("([a-z-]+)"', _text("contracts/codec.py"))
    assert set(reasons) == set(metrics.UNREADABLE)


def _metrics() -> list[MetricWrapperBase]:
    return [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]


def _name(one: MetricWrapperBase) -> str:
    return f"{one._name}_total" if one._type == "counter" else one._name


def _text(name: str) -> str:
    return (ROOT / name).read_text()
