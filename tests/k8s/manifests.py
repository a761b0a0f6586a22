"""An overlay as it would be applied, and what is asked of it again and again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.k8s.secrets import made

Object = dict[str, Any]
CLONE = Path(__file__).parents[2]
SECRETS = made()
OPTIONAL = {"captions": {"FRAMELOG_CAPTION_API_KEY": "secret"}, "tls": {"tls.crt": "", "tls.key": ""}}
COMPONENT = "app.kubernetes.io/component"
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


@dataclass(frozen=True)
class Workload:
    """Whatever runs pods. `template` is their pod template."""

    object: Object
    template: Object

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def component(self) -> str:
        return str(self.labels.get(COMPONENT))

    @property
    def labels(self) -> Mapping[str, str]:
        return self.template.get("metadata", {}).get("labels", {})

    @property
    def pod(self) -> Object:
        return self.template["spec"]

    @property
    def container(self) -> Object:
        (only,) = self.pod["containers"]
        return only

    @property
    def ours(self) -> bool:
        """It runs this code, and no server of others."""
        return self.container["name"] == "framelog"

    @property
    def module(self) -> str:
        """`services.api`, or `framelog topics` for a command."""
        if "command" in self.container:
            return " ".join(self.container["command"][:2])
        return str(self.container["args"][0])

    @property
    def ports(self) -> dict[str, int]:
        return {one["name"]: one["containerPort"] for one in self.container.get("ports", ())}

    @property
    def replicas(self) -> int:
        return int(self.object["spec"].get("replicas", 1))

    def number(self, port: str | int) -> int | None:
        """Of a port that is named; None where it has none of that name."""
        return port if isinstance(port, int) else self.ports.get(port)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Manifests:
    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def of(self, *kinds: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] in kinds]

    def names(self, kind: str) -> set[str]:
        return {one["metadata"]["name"] for one in self.of(kind)}

    def named(self, kind: str, name: str) -> Object:
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def workloads(self) -> list[Workload]:
        return [Workload(one, template(one)) for one in self.of(*WORKLOADS)]

    @property
    def ours(self) -> list[Workload]:
        return [one for one in self.workloads if one.ours]

    def workload(self, name: str) -> Workload:
        (found,) = [one for one in self.workloads if one.name == name]
        return found

    def config(self, name: str) -> dict[str, str]:
        """A ConfigMap's data; none where there is no such ConfigMap."""
        return next((one.get("data", {}) for one in self.of("ConfigMap") if one["metadata"]["name"] == name), {})

    def environment(self, workload: Workload) -> dict[str, str]:
        """What its process is told: by the image, ConfigMaps, Secrets as `deploy.k8s.secrets` has them, and itself."""
        told = image_environment()
        for source in workload.container.get("envFrom", ()):
            if "configMapRef" in source:
                told |= self.config(source["configMapRef"]["name"])
            else:
                told |= (SECRETS | OPTIONAL).get(source["secretRef"]["name"], {})
        return told | {one["name"]: one.get("value", "secret") for one in workload.container.get("env", ())}


def template(one: Object) -> Object:
    spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
    found: Object = spec["template"]
    return found


def secret_keys(name: str) -> frozenset[str]:
    return frozenset((SECRETS | OPTIONAL).get(name, ()))


def read(text: bytes) -> list[Object]:
    return [one for one in yaml.safe_load_all(text) if one]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects what has these labels; an empty one selects everything."""
    exactly = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exactly and all(_matches(one, labels) for one in selector.get("matchExpressions", ()))


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert expression["operator"] == "In"
    return labels.get(expression["key"]) in expression["values"]


def stages() -> Iterator[list[str]]:
    """The instructions of each stage of the Dockerfile, continued lines joined, comments left out."""
    lines = (CLONE / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    stage: list[str] = []
    for line in lines:
        if line.startswith("FROM ") and stage:
            yield stage
            stage = []
        if line.strip() and not line.startswith("#"):
            stage.append(line)
    yield stage


def image_environment() -> dict[str, str]:
    """The FRAMELOG_… variables of the image itself."""
    *_, last = stages()
    given = [pair for line in last if line.startswith("ENV ") for pair in line.split()[1:]]
    return {name: value for name, _, value in (pair.partition("=") for pair in given) if name.startswith("FRAMELOG_")}
