"""The Grafana dashboard, written from the list of its panels: `python -m deploy.monitoring.dashboard [--check]`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("dashboard.json")
ACROSS, WIDTH, HEIGHT = 3, 8, 8


class Panel(NamedTuple):
    """`lines` are PromQL by what each shows."""

    title: str
    unit: str
    lines: Mapping[str, str]


def quantile(part: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({labels}) (rate({metric}_bucket[5m])))"


UPLOADS = 'http_requests_total{method="POST",route="/v1/images"'
ROWS: Mapping[str, tuple[Panel, ...]] = {
    "What people notice": (
        Panel(
            "Uploads",
            "reqps",
            {
                "taken": f'sum(rate({UPLOADS},status=~"2.."}}[1m]))',
                "refused": f'sum(rate({UPLOADS},status=~"5.."}}[1m]))',
            },
        ),
        Panel("Read models behind the log", "s", {"behind": "max(framelog_read_model_lag_seconds)"}),
        Panel(
            "From an upload to what is seen of it",
            "s",
            {
                "visible, half": quantile(0.5, "framelog_upload_visible_seconds"),
                "visible, 95 %": quantile(0.95, "framelog_upload_visible_seconds"),
                "analysed by {{group}}, half": quantile(0.5, "framelog_upload_analysed_seconds", "group"),
                "analysed by {{group}}, 95 %": quantile(0.95, "framelog_upload_analysed_seconds", "group"),
            },
        ),
        Panel("Requests by status", "reqps", {"{{status}}": "sum by (status) (rate(http_requests_total[1m]))"}),
        Panel(
            "Time of requests, 95 %",
            "s",
            {"{{method}} {{route}}": quantile(0.95, "http_request_duration_seconds", "method, route")},
        ),
        Panel("Bytes received", "Bps", {"{{route}}": "sum by (route) (rate(http_request_size_bytes_sum[1m]))"}),
    ),
    "The line": (
        Panel(
            "Events projected",
            "cps",
            {"{{verdict}}": "sum by (verdict) (rate(framelog_projected_events_total[1m]))"},
        ),
        Panel("Records not projected", "short", {"{{topic}}": "max by (topic) (framelog_read_model_lag_records)"}),
        Panel(
            "Messages finished",
            "cps",
            {
                "{{consumer}} {{topic}} {{outcome}}": (
                    "sum by (consumer, topic, outcome) (rate(framelog_messages_total[1m]))"
                )
            },
        ),
        Panel(
            "Time per message, 95 %",
            "s",
            {"{{consumer}} {{topic}}": quantile(0.95, "framelog_message_seconds", "consumer, topic")},
        ),
        Panel(
            "Messages in hand",
            "short",
            {
                "{{consumer}}": "sum by (consumer) (framelog_messages_in_flight)",
                "{{consumer}}, backing off": "sum by (consumer) (framelog_messages_backing_off)",
            },
        ),
        Panel("Oldest message in hand", "s", {"{{consumer}}": "max by (consumer) (framelog_commit_age_seconds)"}),
    ),
    "What is wrong, full or late": (
        Panel("Dead letters that wait", "short", {"{{consumer}}": "sum by (consumer) (framelog_dead_letters_open)"}),
        Panel(
            "Records buried in an hour",
            "short",
            {"{{consumer}} {{reason}}": "sum by (consumer, reason) (increase(framelog_dead_letters_total[1h]))"},
        ),
        Panel(
            "Corrupt objects and decoders that ended, in an hour",
            "short",
            {
                "corrupt objects": "sum(increase(framelog_corrupt_objects_total[1h]))",
                "decoders: {{reason}}": "sum by (reason) (increase(framelog_decoders_ended_total[1h]))",
            },
        ),
        Panel(
            "Callbacks",
            "short",
            {"waiting": "sum(framelog_callbacks_waiting)", "oldest, in s": "max(framelog_callback_age_seconds)"},
        ),
        Panel(
            "Memory of uploads",
            "bytes",
            {
                "reserved": "sum(framelog_upload_bytes_reserved)",
                "uploads that wait": "sum(framelog_uploads_waiting)",
            },
        ),
        Panel(
            "Objects that nothing names",
            "short",
            {
                "when last looked": "max(framelog_orphans)",
                "days since": "max(framelog_orphans_age_seconds) / 86400",
            },
        ),
        Panel("Free disk", "bytes", {"{{instance}}": "min by (instance) (framelog_disk_free_bytes)"}),
    ),
}


def dashboard() -> dict[str, Any]:
    """As Grafana imports it; it asks for the data source then."""
    return {
        "title": "Framelog",
        "uid": "framelog",
        "tags": ["framelog"],
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "schemaVersion": 39,
        "templating": {
            "list": [{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}]
        },
        "panels": list(_panels()),
    }


def _panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS.items():
        found.append({"type": "row", "title": title, "gridPos": {"x": 0, "y": top, "w": ACROSS * WIDTH, "h": 1}})
        for number, panel in enumerate(panels):
            down, right = divmod(number, ACROSS)
            place = {"x": right * WIDTH, "y": top + 1 + down * HEIGHT, "w": WIDTH, "h": HEIGHT}
            found.append(_panel(panel, place))
        top += 1 + HEIGHT * -(-len(panels) // ACROSS)
    return [{"id": number, **one} for number, one in enumerate(found, 1)]


def _panel(panel: Panel, place: Mapping[str, int]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "gridPos": dict(place),
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend}
            for number, (legend, expr) in enumerate(panel.lines.items())
        ],
    }


def main() -> int:
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--check" in sys.argv:
        if FILE.exists() and FILE.read_text() == text:
            return 0
        print(f"{FILE.name} is not what its panels say: run `make fmt`", file=sys.stderr)
        return 1
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
