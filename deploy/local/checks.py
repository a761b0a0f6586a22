"""What a start needs of the machine, looked at before anything slow begins. Standard library only."""

import importlib.util
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.local import tools
from deploy.local.artifacts import GO_WHEEL, JAVA_WHEEL, KAFKA, MINIO, POSTGRES_WHEEL
from deploy.local.cache import cache
from deploy.local.install import CLONE, venv_stands
from deploy.local.packages import how_to_install
from deploy.local.tools import Absent, Tool, Unfit


@dataclass(slots=True)
class Findings:
    """What stands in the way, one line each, and which tools can come from a wheel: tool → its entry in the cache."""

    wanting: list[str] = field(default_factory=list)
    wheels: dict[str, str] = field(default_factory=dict)

    def look(self, find: Callable[[], Tool], name: str, why: str, wheel: str | None = None) -> None:
        try:
            find()
        except Unfit as unfit:
            self.wanting.append(str(unfit))
        except Absent:
            if wheel:
                self.wheels[name] = wheel
            else:
                self.wanting.append(f"{name} is missing, {why}: {how_to_install(name)}")


def look(servers: bool) -> Findings:
    """`servers`: whether the stack's own servers are to run too."""
    found = Findings()
    if not venv_stands() and importlib.util.find_spec("ensurepip") is None:
        found.wanting.append(f"Python's venv is missing, which holds the packages: {how_to_install('venv')}")
    if servers:
        _look_for_servers(found)
    return found


def given(setting: str) -> bool:
    """Whether the environment or `.env` names this one, as services/settings.py will find it."""
    dotenv = CLONE / ".env"
    written = dotenv.read_text() if dotenv.exists() else ""
    return bool(os.environ.get(setting) or re.search(rf"^\s*(export\s+)?{setting}\s*=\s*\S", written, re.MULTILINE))


def _look_for_servers(found: Findings) -> None:
    if not given("FRAMELOG_KAFKA"):
        found.look(tools.java, "java", "which runs Kafka", JAVA_WHEEL)
        if not (cache() / KAFKA).exists():
            found.look(tools.maven, "mvn", "which fetches Kafka's jars")
    if not given("FRAMELOG_S3") and not (cache() / MINIO).exists():
        found.look(tools.go, "go", "which builds MinIO", GO_WHEEL)
    if not given("FRAMELOG_POSTGRES"):
        # Postgres refuses root, and no other user can enter root's cache.
        found.look(
            tools.postgres, "postgres", "which holds the read model", None if os.geteuid() == 0 else POSTGRES_WHEEL
        )
