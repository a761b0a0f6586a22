"""Where Prometheus finds the processes of this machine: a file for its `file_sd_configs`; ports outlive a restart."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import ports
from deploy.local.child import Program
from deploy.local.home import Home

FILE = "scrape.json"
ITSELF = "api"
"""Answers /metrics where it answers everything else."""


def observed(programs: Sequence[Program], api: str, home: Home) -> list[Program]:
    """The same programs, each told where to answer /metrics; written down for whoever scrapes them."""
    file = home.path / FILE
    others = [one.name for one in programs if one.name != ITSELF]
    before = _written(file)
    chosen = dict(zip(others, ports.choose(before.get(name) for name in others), strict=True))
    addresses = {ITSELF: urlsplit(api).netloc} | {name: f"127.0.0.1:{port}" for name, port in chosen.items()}
    targets = [{"targets": [address], "labels": {"service": name}} for name, address in addresses.items()]
    file.write_text(json.dumps(targets, indent=2) + "\n")
    return [one if one.name == ITSELF else _told(one, addresses[one.name]) for one in programs]


def _told(program: Program, address: str) -> Program:
    return replace(program, environment={**program.environment, "FRAMELOG_METRICS": address})


def _written(file: Path) -> dict[str, int]:
    """The ports of the last start, by name."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return {
            one["labels"]["service"]: int(one["targets"][0].rpartition(":")[2]) for one in json.loads(file.read_text())
        }
    return {}
