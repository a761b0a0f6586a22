"""What refers to something finds it: selectors, ports, paths, accounts, volumes, keys."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import cast

from starlette.routing import Match

from adapters.keys import Keys
from adapters.vitals import PATHS
from services import api
from services.analyzer.infer import __main__ as infer
from services.settings import Api, Infer, table
from tests.k8s.manifests import COMPONENT, Manifests, Object, Workload, matches, secret_keys

APPS = {"services.api": lambda: api.app(Api(), cast(Keys, None)), "services.analyzer.infer": lambda: infer.app(Infer())}
LISTENS = {
    "services.api": "{FRAMELOG_HOST}:{FRAMELOG_PORT}",
    "services.analyzer.infer": "{FRAMELOG_INFER_HOST}:{FRAMELOG_INFER_PORT}",
}
OTHERS_LISTEN = "{FRAMELOG_METRICS}"
EVERYWHERE = ("0.0.0.0", "[::]")
LIVE = "/livez"
Rule = Callable[[Manifests], Iterator[str]]


def selectors_hit(manifests: Manifests) -> Iterator[str]:
    """Each selects pods: of one workload where it is a Service, a budget or the workload itself."""
    for one in manifests.of("Deployment", "StatefulSet"):
        if not matches(one["spec"]["selector"], one["spec"]["template"]["metadata"]["labels"]):
            yield f"{one['kind']} {one['metadata']['name']} does not select its own pods"
    for what, selector, alone in _selectors(manifests):
        hit = {workload.component for workload in manifests.workloads if matches(selector, workload.labels)}
        if not hit or (alone and len(hit) > 1):
            yield f"{what} selects {sorted(hit) or 'nothing'}"


def _selectors(manifests: Manifests) -> Iterator[tuple[str, Object, bool]]:
    for one in manifests.of("Deployment", "StatefulSet", "PodDisruptionBudget"):
        yield f"{one['kind']} {one['metadata']['name']}", one["spec"]["selector"], True
    for one in manifests.of("Service"):
        yield f"Service {one['metadata']['name']}", {"matchLabels": one["spec"]["selector"]}, True
    for one in manifests.of("NetworkPolicy"):
        spec = one["spec"]
        yield f"NetworkPolicy {one['metadata']['name']}", spec["podSelector"], False
        rules = [*spec.get("ingress", ()), *spec.get("egress", ())]
        for peer in (peer for rule in rules for peer in (*rule.get("from", ()), *rule.get("to", ()))):
            if "podSelector" in peer and "namespaceSelector" not in peer:
                yield f"NetworkPolicy {one['metadata']['name']}, a peer,", peer["podSelector"], False
    for workload in manifests.workloads:
        for spread in workload.pod.get("topologySpreadConstraints", ()):
            if matches(spread["labelSelector"], workload.labels) and COMPONENT in spread["matchLabelKeys"]:
                continue
            yield f"{workload}, to be spread,", {"matchLabels": {"spread": "wrongly"}}, False


def targets_exist(manifests: Manifests) -> Iterator[str]:
    """What scales, and where routes lead."""
    for one in manifests.of("HorizontalPodAutoscaler", "ScaledObject"):
        name = one["spec"]["scaleTargetRef"]["name"]
        if name not in manifests.names("Deployment"):
            yield f"{one['kind']} {one['metadata']['name']} scales {name}, which is not there"
    for one in manifests.of("HTTPRoute"):
        for backend in (backend for rule in one["spec"]["rules"] for backend in rule.get("backendRefs", ())):
            services = {
                port["port"]
                for service in manifests.of("Service")
                for port in service["spec"]["ports"]
                if service["metadata"]["name"] == backend["name"]
            }
            if backend["port"] not in services:
                yield f"HTTPRoute {one['metadata']['name']} leads to {backend['name']}:{backend['port']}"
        for parent in one["spec"]["parentRefs"]:
            if parent["sectionName"] not in _listeners(manifests, parent["name"]):
                yield f"HTTPRoute {one['metadata']['name']} hangs on {parent['sectionName']}, which is not there"


def _listeners(manifests: Manifests, gateway: str) -> set[str]:
    found = [one for one in manifests.of("Gateway") if one["metadata"]["name"] == gateway]
    return {listener["name"] for one in found for listener in one["spec"]["listeners"]}


def ports_are_listened_on(manifests: Manifests) -> Iterator[str]:
    """Our processes listen where their containers say, and nowhere else."""
    for workload in manifests.ours:
        named, listening = set(workload.ports.values()), _listening(manifests, workload)
        for port in sorted(named - listening):
            yield f"{workload} has port {port}, where nobody listens"
        for port in sorted(listening - named):
            yield f"{workload} listens at {port}, which is no port of its container"


def services_and_probes_name_ports(manifests: Manifests) -> Iterator[str]:
    for service, pods, port in _served(manifests):
        if pods.number(port["targetPort"]) != port["port"]:
            yield f"Service {service}: {pods} has no port {port['targetPort']} at {port['port']}"
    for workload, probe, name in _probes(manifests):
        asked = probe.get("httpGet") or probe.get("tcpSocket")
        if asked and workload.number(asked["port"]) not in workload.ports.values():
            yield f"{workload}: its {name} asks port {asked['port']}, which it does not have"


def _served(manifests: Manifests) -> Iterator[tuple[str, Workload, Object]]:
    """Each port of each Service, with the pods behind it."""
    for service in manifests.of("Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        for pods in (one for one in manifests.workloads if matches(selector, one.labels)):
            for port in service["spec"]["ports"]:
                yield service["metadata"]["name"], pods, port


def _listening(manifests: Manifests, workload: Workload) -> set[int]:
    """Where others reach its process: not at an address of its own."""
    if workload.kind != "Deployment":
        return set()
    told = {name: default for name, (default, _) in table().items()} | manifests.environment(workload)
    host, _, port = LISTENS.get(workload.module, OTHERS_LISTEN).format(**told).rpartition(":")
    return {int(port)} if host in EVERYWHERE else set()


def probe_paths_are_routes(manifests: Manifests) -> Iterator[str]:
    """And whether a process is alive is asked without asking what it depends on."""
    for workload, probe, name in _probes(manifests):
        if workload.ours and not _has_route(workload.module, probe["httpGet"]["path"]):
            yield f"{workload}: its {name} asks {probe['httpGet']['path']}, which is no route of {workload.module}"
        elif workload.ours and name != "readinessProbe" and probe["httpGet"]["path"] != LIVE:
            yield f"{workload}: its {name} asks more than whether it lives"


def _probes(manifests: Manifests) -> Iterator[tuple[Workload, Object, str]]:
    for workload in manifests.workloads:
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            if name in workload.container:
                yield workload, workload.container[name], name


def what_runs_is_scraped(manifests: Manifests) -> Iterator[str]:
    """Each Deployment of ours is annotated with where it answers /metrics."""
    for workload in manifests.ours:
        if workload.kind == "Deployment":
            said = workload.template["metadata"].get("annotations", {})
            path, port = said.get("prometheus.io/path", "/metrics"), said.get("prometheus.io/port", "0")
            if said.get("prometheus.io/scrape") != "true":
                yield f"{workload} is not scraped"
            elif int(port) not in workload.ports.values():
                yield f"{workload} is scraped at {port}, which it does not have"
            elif not _has_route(workload.module, path):
                yield f"{workload} is scraped at {path}, which is no route of {workload.module}"


@cache
def _has_route(module: str, path: str) -> bool:
    if module not in APPS:
        return path in PATHS
    asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return any(route.matches(asked)[0] is Match.FULL for route in APPS[module]().routes)


def accounts_are_their_own(manifests: Manifests) -> Iterator[str]:
    """Each component has a service account, which exists, and shares it with nobody."""
    users: dict[str, set[str]] = {}
    for workload in manifests.workloads:
        name = workload.pod.get("serviceAccountName", "default")
        users.setdefault(name, set()).add(workload.component)
        if name not in manifests.names("ServiceAccount"):
            yield f"{workload}: there is no service account {name}"
    for name, components in users.items():
        if len(components) > 1:
            yield f"service account {name} is shared by {sorted(components)}"


def config_exists(manifests: Manifests) -> Iterator[str]:
    """Every ConfigMap, Secret and key that a pod refers to."""
    for workload in manifests.workloads:
        for kind, name, keys in _references(workload):
            there = frozenset(manifests.config(name)) if kind == "configMap" else secret_keys(name)
            if not there:
                yield f"{workload}: there is no {kind} {name}"
            for key in sorted(set(keys) - there):
                yield f"{workload}: {kind} {name} has no key {key}"
    for one in manifests.of("TriggerAuthentication"):
        for asked in one["spec"]["secretTargetRef"]:
            if asked["key"] not in secret_keys(asked["name"]):
                yield f"KEDA is sent to the key {asked['key']} of secret {asked['name']}"


def _references(workload: Workload) -> Iterator[tuple[str, str, list[str]]]:
    for source in workload.container.get("envFrom", ()):
        for kind in ("configMap", "secret"):
            if f"{kind}Ref" in source:
                yield kind, source[f"{kind}Ref"]["name"], []
    for variable in workload.container.get("env", ()):
        for kind in ("configMap", "secret"):
            if key := variable.get("valueFrom", {}).get(f"{kind}KeyRef"):
                yield kind, key["name"], [key["key"]]
    mounts = workload.container.get("volumeMounts", ())
    for volume in workload.pod.get("volumes", ()):
        parts = [one["subPath"] for one in mounts if one["name"] == volume["name"] and "subPath" in one]
        if "secret" in volume:
            yield "secret", volume["secret"]["secretName"], parts
        if "configMap" in volume:
            yield "configMap", volume["configMap"]["name"], parts


def volumes_are_mounted(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        claims = workload.object["spec"].get("volumeClaimTemplates", ())
        there = {one["name"] for one in workload.pod.get("volumes", ())} | {one["metadata"]["name"] for one in claims}
        mounted = {one["name"] for one in workload.container.get("volumeMounts", ())}
        for name in sorted(there ^ mounted):
            yield f"{workload}: volume {name} is {'not mounted' if name in there else 'not there'}"


RULES = (
    selectors_hit,
    targets_exist,
    ports_are_listened_on,
    services_and_probes_name_ports,
    probe_paths_are_routes,
    what_runs_is_scraped,
    accounts_are_their_own,
    config_exists,
    volumes_are_mounted,
)
