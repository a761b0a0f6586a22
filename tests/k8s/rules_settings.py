"""Every process is told what it must know, in words that it knows."""

import os
import re
from collections.abc import Iterator
from unittest import mock

from services.settings import (
    PREFIX,
    Analyzer,
    Api,
    Client,
    Endpoints,
    Fetcher,
    Infer,
    Notifier,
    Projector,
    Section,
    WrongSettings,
    table,
)
from tests.k8s.manifests import CLONE, Manifests, Workload

SECTIONS: dict[str, type[Section]] = {
    "services.api": Api,
    "services.ingest.fetcher": Fetcher,
    "services.analyzer": Analyzer,
    "services.analyzer.infer": Infer,
    "services.projector": Projector,
    "services.notifier": Notifier,
    "framelog topics": Api,
    "framelog migrate": Endpoints,
    "framelog rebuild": Projector,
    "framelog verify": Projector,
    "framelog reanalyze": Client,
}
SOURCES = {
    "services.api": ("services/api.py",),
    "services.ingest.fetcher": ("services/ingest/fetcher.py",),
    "services.analyzer": ("services/analyzer/__main__.py",),
    "services.analyzer.infer": ("services/analyzer/infer/__main__.py",),
    "services.projector": ("services/projector/__main__.py",),
    "services.notifier": ("services/notifier/__main__.py",),
    "framelog topics": ("cli/topics.py",),
    "framelog migrate": ("cli/migrate.py",),
    "framelog rebuild": ("cli/rebuild.py", "services/projector/means.py"),
    "framelog verify": ("cli/verify.py", "services/projector/means.py"),
    "framelog reanalyze": ("cli/reanalyze.py",),
}
SERVERS = {
    "kafka": ("kafka",),
    "s3": ("s3", "s3_access_key", "s3_secret_key"),
    "postgres": ("postgres",),
    "keys": ("keys",),
    "host": ("host",),
    "infer_host": ("infer_host",),
    "metrics": ("metrics",),
}
"""What must be told where a process's source asks for the first."""


def asks_for(workload: Workload) -> frozenset[str]:
    """Which of these the process's own source reads out of its settings."""
    text = "".join((CLONE / path).read_text() for path in SOURCES[workload.module])
    return frozenset(re.findall(rf"(?:settings|\.read\(\))\)?\.({'|'.join(SERVERS)})\b", text))


def variables_are_known(manifests: Manifests) -> Iterator[str]:
    """And no value is wrong: each process would start with them."""
    for workload in manifests.ours:
        told = manifests.environment(workload)
        for name in sorted(name for name in set(told) - set(table()) if name.startswith(PREFIX)):
            yield f"{workload} is told {name}, which is no setting"
        if wrong := _refused(SECTIONS[workload.module], {name: told[name] for name in told if name in table()}):
            yield f"{workload}: {wrong}"


def _refused(section: type[Section], told: dict[str, str]) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with mock.patch.dict(os.environ, bare | told, clear=True):
        try:
            section.read()
        except WrongSettings as wrong:
            return str(wrong)
    return ""


def required_settings_are_supplied(manifests: Manifests) -> Iterator[str]:
    """Those whose default is for a stack on one machine."""
    for workload in manifests.ours:
        told = manifests.environment(workload)
        for name in (name for asked in sorted(asks_for(workload)) for name in SERVERS[asked]):
            if PREFIX + name.upper() not in told:
                yield f"{workload} is not told {PREFIX}{name.upper()}"


def only_what_is_asked_for_is_told(manifests: Manifests) -> Iterator[str]:
    """No process knows a password that it has no use for."""
    secrets = {"kafka": "kafka", "s3": "s3", "database": "postgres"}
    for workload in manifests.ours:
        for source in workload.container.get("envFrom", ()):
            name = source.get("secretRef", {}).get("name")
            if name in secrets and secrets[name] not in asks_for(workload):
                yield f"{workload} is told the Secret {name}, and never asks"


def groups_are_run(manifests: Manifests) -> Iterator[str]:
    """Each algorithm group that may be asked something has an analyzer, and no analyzer runs another."""
    analyzers = [one for one in manifests.ours if one.module == "services.analyzer"]
    run = {manifests.environment(one).get("FRAMELOG_GROUP", "core") for one in analyzers}
    for workload in manifests.ours:
        named = manifests.environment(workload).get("FRAMELOG_ALGORITHM_GROUPS", "")
        told = {part.partition("=")[0] for part in named.split(",")}
        if told != run:
            yield f"{workload} knows the groups {sorted(told)}, and analyzers run {sorted(run)}"


def service_links_are_off(manifests: Manifests) -> Iterator[str]:
    """Kubernetes would tell of a Service in variables, and one named FRAMELOG_… stops any start."""
    for workload in manifests.workloads:
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload} is told of every Service in variables"


RULES = (
    variables_are_known,
    required_settings_are_supplied,
    only_what_is_asked_for_is_told,
    groups_are_run,
    service_links_are_off,
)
