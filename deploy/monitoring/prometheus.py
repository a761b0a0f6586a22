"""A real Prometheus, with our rules and our configuration, and what it answers."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx

from deploy.local.child import Program
from deploy.local.home import Home
from deploy.local.services import answers
from deploy.monitoring.program import program

CONFIG = Path(__file__).with_name("prometheus.yaml")
RULES = Path(__file__).with_name("rules.yaml")
SCRAPED = "../../.framelog/scrape.json"
"""What CONFIG has scraped: the stack of the clone."""


class Series(NamedTuple):
    labels: Mapping[str, str]
    value: float


def prometheus(home: Home, scraped: Path, port: int) -> Program:
    """On loopback, its data in `home`; `scraped` is the file that says where to look for metrics."""
    config = home.path / "prometheus.yaml"
    config.write_text(configured(CONFIG.read_text(), scraped))
    return Program(
        name="prometheus",
        command=[
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={home.path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        cwd=home.path,
        answers=lambda: answers(f"http://127.0.0.1:{port}/-/ready"),
    )


def configured(text: str, scraped: Path) -> str:
    """Our configuration, of another stack and from another place."""
    for ours, here in ((SCRAPED, scraped), (RULES.name, RULES)):
        assert text.count(ours) == 1
        text = text.replace(ours, str(here))
    return text


class Prometheus:
    """Asks it. `client` knows its address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def query(self, expr: str) -> list[Series]:
        """What PromQL comes to now, numbers alone: a quantile of nothing is none."""
        answer = await self._client.get("/api/v1/query", params={"query": expr})
        answer.raise_for_status()
        found = (Series(one["metric"], float(one["value"][1])) for one in answer.json()["data"]["result"])
        return [one for one in found if one.value == one.value]

    async def number(self, expr: str) -> float | None:
        """Its value where it is one series; None while it is none."""
        return next((one.value for one in await self.query(expr)), None)

    async def alerts(self, state: str, seconds: float = 0) -> set[str]:
        """Names of those that are in a state (`firing`, `pending`, `.+`), or were at any time in so many seconds."""
        chosen = f'ALERTS{{alertstate=~"{state}"}}'
        expr = f"max_over_time({chosen}[{round(seconds)}s])" if seconds else chosen
        return {one.labels["alertname"] for one in await self.query(expr)}

    async def failing_rules(self) -> list[str]:
        """What each rule that cannot be evaluated says."""
        answer = await self._client.get("/api/v1/rules")
        answer.raise_for_status()
        rules = [rule for group in answer.json()["data"]["groups"] for rule in group["rules"]]
        return list(_failing(rules))


def _failing(rules: Iterable[Mapping[str, str]]) -> Iterable[str]:
    for rule in rules:
        if rule["health"] == "err":
            yield f"{rule['name']}: {rule['lastError']}"
