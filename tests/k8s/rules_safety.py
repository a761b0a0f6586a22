"""What Pod Security calls restricted, and a little more."""

import re
from collections.abc import Iterator

from tests.k8s.manifests import Manifests, Workload

LEVELS = ("enforce", "audit", "warn")
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECRET = re.compile("SECRET|PASSWORD|API_KEY|ACCESS_KEY|KAFKA$|POSTGRES$")


def the_namespace_is_restricted(manifests: Manifests) -> Iterator[str]:
    for namespace in manifests.of("Namespace"):
        labels = namespace["metadata"].get("labels", {})
        for level in LEVELS:
            if labels.get(f"pod-security.kubernetes.io/{level}") != "restricted":
                yield f"namespace {namespace['metadata']['name']} does not {level} restricted pods"
    for one in manifests.objects:
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") not in manifests.names("Namespace"):
            yield f"{one['kind']} {one['metadata']['name']} is in no namespace of ours"


def no_token_is_mounted(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        if workload.pod.get("automountServiceAccountToken") is not False:
            yield f"{workload} mounts a token"
    for account in manifests.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"service account {account['metadata']['name']} mounts its token"


def pods_are_restricted(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        for wrong in _unrestricted(workload):
            yield f"{workload}: {wrong}"


def _unrestricted(workload: Workload) -> Iterator[str]:
    pod, container = workload.pod, workload.container
    own, whole = container.get("securityContext", {}), pod.get("securityContext", {})
    if whole.get("runAsNonRoot") is not True or not whole.get("runAsUser"):
        yield "may run as root"
    if whole.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "may gain privileges"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root"
    if any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC", "initContainers")):
        yield "shares the host's namespaces, or has a container that nobody looks at"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "takes a port of the host"
    if strange := {key for volume in pod.get("volumes", ()) for key in volume if key != "name"} - VOLUMES:
        yield f"has a volume of {sorted(strange)}"


def images_have_fixed_tags(manifests: Manifests) -> Iterator[str]:
    """And all of ours the same."""
    ours = {workload.container["image"] for workload in manifests.ours}
    if len(ours) != 1:
        yield f"there are {sorted(ours)} of one image"
    for workload in manifests.workloads:
        _, _, tag = workload.container["image"].rpartition("/")[2].partition(":")
        if not re.search(r"\d", tag) or workload.container.get("imagePullPolicy") == "Always":
            yield f"{workload}: image {workload.container['image']} may change"


def secrets_are_references(manifests: Manifests) -> Iterator[str]:
    """No Secret is among the manifests, and no value that looks like one."""
    for one in manifests.of("Secret"):
        yield f"Secret {one['metadata']['name']} is among the manifests"
    for config in manifests.of("ConfigMap"):
        for name in sorted(name for name in config.get("data", {}) if SECRET.search(name)):
            yield f"ConfigMap {config['metadata']['name']} holds {name}"
    for workload in manifests.workloads:
        for variable in workload.container.get("env", ()):
            if "value" in variable and SECRET.search(variable["name"]):
                yield f"{workload} is given {variable['name']} in clear"


RULES = (
    the_namespace_is_restricted,
    no_token_is_mounted,
    pods_are_restricted,
    images_have_fixed_tags,
    secrets_are_references,
)
